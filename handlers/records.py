"""A patient's record in the staff group: /patient, and what staff change from there."""

from collections.abc import Iterator
from datetime import datetime
from functools import partial
from typing import Any

from telegram import Message as TelegramMessage
from telegram import Update
from telegram.ext import BaseHandler, CallbackQueryHandler, CommandHandler, ContextTypes, filters

from bot.clinic import records
from bot.clinic.enquiries import About
from bot.clinic.plans import FROZEN
from bot.clinic.records import MayNot, Planned, Record, Sending, Several, Step, Unreadable
from bot.clinic.visits import Actor, Card, Details, NotHere
from bot.delivery.messages import Button, Edit, ForceReply, Kind, Message, Reaction, Rows
from bot.store.database import Session
from bot.wording import agenda as agenda_words
from bot.wording import booking as booking_words
from bot.wording import privacy as privacy_words
from bot.wording import records as words
from bot.wording import visits as visit_words
from handlers import arrivals, endings, erasures, followups
from handlers import visits as visit_cards
from handlers.desk import Desk, Owed
from handlers.pages import Page

GROUP = filters.ChatType.GROUPS & filters.UpdateType.MESSAGE
BACK, PICK_SEND, PICK_SKIP, PAUSE, RESUME, HEALTH = "pback", "psend", "pskip", "ppause", "pgo", "phealth"
NOW, LEAVE_OUT, TAKE_BACK = "pnow", "pleave", "pnot"
WRITE_NOTE, WRITE_MESSAGE = "pnote", "pdate"
NOTE, DATED = "note", "dated"
"""Subjects of the prompts whose reply is a note, or a message at a date."""
KEPT = "👍"
"""Telegram's reaction on a note that is kept."""


def handlers(desk: Desk) -> list[BaseHandler[Any, Any, Any]]:
    """Return the handlers of this conversation."""
    number = r"\d{1,18}"
    plain = "|".join((BACK, PICK_SEND, PICK_SKIP, PAUSE, RESUME, HEALTH, WRITE_NOTE, WRITE_MESSAGE))
    return [
        CommandHandler("patient", partial(find, desk), GROUP),
        CallbackQueryHandler(partial(show, desk), pattern=f"^{visit_cards.RECORD}:{number}$"),
        CallbackQueryHandler(
            partial(press, desk), pattern=f"^(({plain}):{number}|({NOW}|{LEAVE_OUT}|{TAKE_BACK}):{number}:{number})$"
        ),
    ]


# --- the record


async def find(desk: Desk, update: Update, context: ContextTypes.DEFAULT_TYPE) -> None:
    """Show the record of the person that a name, a number or a code names."""
    chat = update.effective_chat
    if chat is None:
        return
    text, say, actor = " ".join(context.args or ()), desk.staff_speech, _actor(update)

    def render(found: Record | Several | NotHere) -> Iterator[Owed]:
        match found:
            case Record():
                yield _posted(desk, found)
            case Several(people):
                buttons = tuple(
                    (
                        Button(
                            words.person_button(say, one.card.name, one.card.phone, one.count),
                            f"{BACK}:{one.card.visit_id}",
                        ),
                    )
                    for one in people
                )
                asked = words.several(say, text, len(people)) if text else words.how_to_find(say)
                yield Owed(Message(chat.id, asked, buttons if text else (), Kind.STAFF))
            case NotHere():
                return

    await desk.keep(
        update,
        say,
        lambda session, now: (
            records.find(session, desk.clinic, chat.id, text, actor, now)
            if text or not records.is_staffs(session, chat.id)
            else Several(())
        ),
        render,
    )


async def show(desk: Desk, update: Update, _: ContextTypes.DEFAULT_TYPE) -> None:
    """Post the record of a visit's patient."""
    query = update.callback_query
    if query is None or query.data is None or query.message is None:
        return
    chat_id, visit_id, actor = query.message.chat.id, int(query.data.partition(":")[2]), _actor(update)
    found = await desk.keep(
        update,
        desk.staff_speech,
        lambda session, now: records.show(session, desk.clinic, visit_id, chat_id, actor, now),
        lambda found: [_posted(desk, found)] if isinstance(found, Record) else [],
    )
    gone = visit_words.gone(desk.staff_speech) if isinstance(found, NotHere) else None
    await desk.acknowledge(query, gone, alert=gone is not None)


def _actor(update: Update) -> Actor:
    """Return who wrote or tapped; a group's anonymous administrator has no number of their own."""
    user = update.effective_user
    return Actor(user.id, user.first_name) if user else Actor(None, "")


def _posted(desk: Desk, record: Record) -> Owed:
    page = drawn(desk, record)
    message = Message(record.visit.staff_chat, page.text, page.rows, Kind.STAFF)
    return Owed(message, f"visit-note:{record.visit.visit_id}", language=desk.staff_speech.language)


def drawn(desk: Desk, record: Record) -> Page:
    """Draw a record: what is known, what will be and was sent, and what staff can do."""
    say = desk.staff_speech
    parts = ["\n".join(_head(desk, record))]
    if record.courses:
        lines = [
            words.course(say, _treatment(desk, one.treatment), one.done, one.sessions, one.interval_weeks)
            for one in record.courses
        ]
        parts.append("\n".join((words.courses_head(say), *lines)))
    parts.append("\n".join((words.visits_head(say), *_visits(desk, record))))
    parts.append("\n".join((words.planned_head(say), *_planned(desk, record))))
    if record.said:
        parts.append("\n".join((words.said_head(say), *(_said(desk, step) for step in record.said))))
    if record.notes:
        notes = [words.note(one.author, say.instant(one.at), one.text) for one in record.notes]
        parts.append("\n".join((words.notes_head(say), *notes)))
    return Page("\n\n".join(parts), _rows(desk, record))


def _head(desk: Desk, record: Record) -> Iterator[str]:
    say, card = desk.staff_speech, record.visit
    yield words.heading(say, card.name, visit_words.phone(card.phone, desk.clinic.country))
    known = next((one for one in (card, *record.visits) if one.chat_id == record.chat_id), card)
    yield words.chat(say, known.patient_name, reachable=known.reachable)
    if record.chat_id is not None:
        yield words.wishes(say, record.wishes)
    if record.problem_at is not None:
        yield words.problem(say, say.instant(record.problem_at))
    if record.paused_at is not None:
        yield words.paused(say, say.instant(record.paused_at))


def _visits(desk: Desk, record: Record) -> Iterator[str]:
    say = desk.staff_speech
    for card in record.visits:
        plain = visit_cards.plain(desk, say, card)
        what = booking_words.what(say, plain.treatment, plain.practitioner)
        icon = agenda_words.ICONS.get(card.status, "✖️")
        yield words.visit(icon, say.instant(card.starts_at), what, card.code)
    if record.more_visits:
        yield words.and_more(say, record.more_visits)


def _planned(desk: Desk, record: Record) -> Iterator[str]:
    say = desk.staff_speech
    for step in record.planned:
        frozen, by_phone = step.state == FROZEN, record.chat_id is None
        yield words.planned(
            say, step.step, say.instant(step.at), step.code, step.text, frozen=frozen, by_phone=by_phone
        )
    if record.more_planned:
        yield words.and_more(say, record.more_planned)
    if not record.planned:
        yield words.nothing_planned(say)


def _said(desk: Desk, step: Step) -> str:
    say = desk.staff_speech
    return words.said(say, step.step, say.instant(step.at), step.code, step.text, step.state, step.reason, step.answer)


def _treatment(desk: Desk, treatment_id: str) -> str:
    found = desk.clinic.treatment(treatment_id)
    return found.name if found else treatment_id


def _rows(desk: Desk, record: Record) -> Rows:
    say, visit_id = desk.staff_speech, record.visit.visit_id
    rows: list[tuple[Button, ...]] = []
    if record.may_be_asked is not None:
        rows.append((Button(words.ending_button(say), f"{endings.ASK}:{record.may_be_asked}"),))
    if record.planned:
        send = Button(words.send_button(say), f"{PICK_SEND}:{visit_id}")
        rows.append((send, Button(words.skip_button(say), f"{PICK_SKIP}:{visit_id}")))
    note = Button(words.note_button(say), f"{WRITE_NOTE}:{visit_id}")
    if record.chat_id is not None:
        rows.append((note, Button(words.message_button(say), f"{WRITE_MESSAGE}:{visit_id}")))
        hold = Button(words.pause_button(say), f"{PAUSE}:{visit_id}")
        if record.paused_at is not None:
            hold = Button(words.resume_button(say), f"{RESUME}:{visit_id}")
        rows.append((hold,))
    else:
        rows.append((note, Button(words.link_button(say), f"{arrivals.LINK}:{visit_id}")))
    erase = Button(privacy_words.staff_delete_button(say), f"{erasures.ASK}:{visit_id}")
    if record.health is not None:
        rows.append((Button(words.health_button(say), f"{HEALTH}:{record.health}"), erase))
    else:
        rows.append((erase,))
    return tuple(rows)


# --- what staff press


Outcome = Record | Sending | MayNot | Details | NotHere


async def press(desk: Desk, update: Update, _: ContextTypes.DEFAULT_TYPE) -> None:
    """Do what a button of a record says, in the staff group only."""
    query = update.callback_query
    if query is None or query.data is None or query.message is None:
        return
    action, visit_id, *rest = query.data.split(":")
    chat_id, message_id, say = query.message.chat.id, query.message.message_id, desk.staff_speech
    actor = Actor(query.from_user.id, query.from_user.first_name)
    numbers = (int(visit_id), *map(int, rest))

    def put(page: Page) -> Owed:
        return Owed(Edit(chat_id, message_id, page.text, page.rows, Kind.STAFF))

    def render(outcome: Outcome) -> Iterator[Owed]:
        match outcome:
            case Record() if action in (WRITE_NOTE, WRITE_MESSAGE):
                yield _prompt(desk, outcome.visit, action, actor, message_id)
            case Record() if action in (PICK_SEND, PICK_SKIP) and outcome.planned:
                yield put(_pick(desk, outcome, action))
            case Record() if action == TAKE_BACK:
                yield put(Page(words.taken_back(say, actor.name)))
            case MayNot() if action == TAKE_BACK:
                return
            case Record() as record:
                yield put(drawn(desk, record))
            case MayNot(record):
                yield put(drawn(desk, record))
            case Sending(record, due):
                yield followups.drawn(desk, due)
                yield put(drawn(desk, record))
            case Details(card, screening):
                text = visit_words.details(say, visit_cards.answers(desk, screening))
                back = Button(visit_words.hide_button(say), f"{BACK}:{card.visit_id}")
                yield put(Page(f"{words.heading(say, card.name, card.code)}\n\n{text}", ((back,),)))
            case NotHere():
                return

    outcome = await desk.keep(
        update, say, lambda session, now: _do(desk, action, numbers, chat_id, actor, session, now), render
    )
    match outcome:
        case MayNot(_, why):
            await desk.acknowledge(query, words.may_not(say, why), alert=True)
        case NotHere():
            await desk.acknowledge(query, visit_words.gone(say), alert=True)
        case Record() if action in (PICK_SEND, PICK_SKIP) and not outcome.planned:
            await desk.acknowledge(query, words.nothing_to_pick(say), alert=True)
        case Record() | Sending() | Details() | None:
            await desk.acknowledge(query)


def _do(
    desk: Desk,
    action: str,
    numbers: tuple[int, ...],
    chat_id: int,
    actor: Actor,
    session: Session,
    now: datetime,
) -> Outcome:
    clinic = desk.clinic
    match action, numbers:
        case ("pnow", (_, step)):
            return records.send_now(session, clinic, step, chat_id, actor, now)
        case (("pleave" | "pnot"), (_, step)):
            return records.skip(session, clinic, step, chat_id, actor, now)
        case (("ppause" | "pgo"), (visit_id,)):
            return records.pause(session, clinic, visit_id, chat_id, actor, now, paused=action == PAUSE)
        case ("phealth", (visit_id,)):
            return records.health(session, clinic, visit_id, chat_id, actor, now)
        case ("pback", (visit_id,)):
            return records.show(session, clinic, visit_id, chat_id, actor, now)
        case _:
            return records.look(session, clinic, numbers[0], chat_id, now)


def _pick(desk: Desk, record: Record, action: str) -> Page:
    say, visit_id = desk.staff_speech, record.visit.visit_id
    does = NOW if action == PICK_SEND else LEAVE_OUT
    ask = words.pick_to_send if action == PICK_SEND else words.pick_to_skip
    steps = tuple(
        (Button(words.step_button(say, step.step, say.instant(step.at), step.text), f"{does}:{visit_id}:{step.id}"),)
        for step in record.planned
    )
    return Page(ask(say, record.visit.name), (*steps, (Button(words.back_button(say), f"{BACK}:{visit_id}"),)))


# --- what staff write


def _prompt(desk: Desk, card: Card, action: str, actor: Actor, reply_to: int) -> Owed:
    say, mention = desk.staff_speech, visit_words.mention(actor.name, actor.id or 0)
    if action == WRITE_NOTE:
        text, hint, noun = words.write_note(say, mention, card.name), words.note_hint(say), NOTE
    else:
        text, hint, noun = words.write_message(say, mention, card.name), words.message_hint(say), DATED
    message = Message(card.staff_chat, text, kind=Kind.STAFF, reply_to=reply_to, below=ForceReply(hint))
    return Owed(message, f"{noun}:{card.visit_id}", language=say.language)


async def write_note(desk: Desk, update: Update, message: TelegramMessage, about: About) -> None:
    """Keep the note that a staff member wrote to the prompt."""
    author, chat_id = message.from_user, message.chat.id
    if author is None:
        return
    text, actor = message.text or message.caption or "", Actor(author.id, author.first_name)

    def render(outcome: Record | Unreadable | NotHere) -> Iterator[Owed]:
        match outcome:
            case Record():
                yield Owed(Reaction(chat_id, message.message_id, KEPT))
            case Unreadable(why):
                yield _again(desk, message, NOTE, about, why, records.NOTE_MOST)
            case NotHere():
                return

    await desk.keep(
        update,
        desk.staff_speech,
        lambda session, now: records.note(session, desk.clinic, about.number, chat_id, text, actor, now),
        render,
    )


async def write_message(desk: Desk, update: Update, message: TelegramMessage, about: About) -> None:
    """Plan the message that a staff member wrote to the prompt."""
    author, chat_id, say = message.from_user, message.chat.id, desk.staff_speech
    if author is None:
        return
    actor, written = Actor(author.id, author.first_name), message.text or ""

    def render(outcome: Planned | MayNot | Unreadable | NotHere) -> Iterator[Owed]:
        match outcome:
            case Planned(record, step, text, goes_at, is_later):
                said = words.message_planned(say, record.visit.name, say.instant(goes_at), text, is_later=is_later)
                undo = Button(words.take_back_button(say), f"{TAKE_BACK}:{about.number}:{step}")
                yield Owed(Message(chat_id, said, ((undo,),), Kind.STAFF, message.message_id))
            case MayNot(_, why):
                yield Owed(Message(chat_id, words.may_not(say, why), kind=Kind.STAFF, reply_to=message.message_id))
            case Unreadable(why):
                yield _again(desk, message, DATED, about, why, records.TEXT_MOST)
            case NotHere():
                return

    await desk.keep(
        update,
        say,
        lambda session, now: records.plan_message(
            session, desk.clinic, about.number, chat_id, written, message.message_id, actor, now
        ),
        render,
    )


def _again(desk: Desk, message: TelegramMessage, noun: str, about: About, why: str, most: int) -> Owed:
    say = desk.staff_speech
    hint = words.note_hint(say) if noun == NOTE else words.message_hint(say)
    text = words.unreadable(say, why, most)
    again = Message(message.chat.id, text, kind=Kind.STAFF, reply_to=message.message_id, below=ForceReply(hint))
    return Owed(again, f"{noun}:{about.number}")
