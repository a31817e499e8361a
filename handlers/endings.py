"""The end of a visit in the staff group: how it was, the next interval, the place in the course, and a kind word."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from functools import partial
from typing import Any

from telegram import Message as TelegramMessage
from telegram import Update
from telegram.ext import BaseHandler, CallbackQueryHandler, ContextTypes

from bot.clinic import courses, endings, slots
from bot.clinic.endings import Ending, Kind, Noted, Outcome, Overtaken
from bot.clinic.enquiries import About
from bot.clinic.slots import Free
from bot.clinic.visits import SUBJECT, Actor, Ended, NotHere
from bot.delivery import messages
from bot.delivery.messages import Button, Edit, ForceReply, Message, Rows
from bot.store.database import Session
from bot.wording import booking as booking_words
from bot.wording import endings as words
from bot.wording import visits as visit_words
from bot.wording.speech import Speech
from handlers import visits as visit_cards
from handlers.desk import Desk, Owed
from handlers.pages import Page

DONE, MISSED, STAYS, UNDO = "edone", "emiss", "estay", "eundo"
WEEKS, TYPED, SESSIONS = "eweek", "etype", "esess"
DRAFT, SEND, BACK = "ekind", "esend", "eback"
ASK = "ehow"
"""Posts the question how a visit was."""
PROMPT = "weeks"
"""Subject of the prompt whose reply is an interval."""
USUAL = (2, 3, 4)
"""Weeks that are always there to choose from."""
AHEAD = 5
"""How many lengths of a course are offered beyond the session that is done."""


def handlers(desk: Desk) -> list[BaseHandler[Any, Any, Any]]:
    """Return the handlers of this conversation."""
    shown = r"\d{1,18}:\d{1,9}"
    plain = "|".join((DONE, MISSED, STAYS, UNDO, DRAFT, SEND, BACK, TYPED))
    return [
        CallbackQueryHandler(
            partial(press, desk), pattern=rf"^(({plain}):{shown}|({WEEKS}|{SESSIONS}):{shown}:\d{{1,3}})$"
        ),
        CallbackQueryHandler(partial(ask, desk), pattern=rf"^{ASK}:\d{{1,18}}$"),
    ]


# --- the question and its answers


def due(desk: Desk, ended: Ended) -> Iterator[Owed]:
    """Ask how a visit was whose time is over, if there is a staff group to ask."""
    if ended.card.staff_chat:
        yield asked(desk, Ending(ended.card))


def asked(desk: Desk, ending: Ending, *, reply_to: int | None = None) -> Owed:
    """Ask in the staff group how a visit was; a reply reaches the patient, as one to its card does."""
    drawn = page(desk, ending)
    message = Message(ending.card.staff_chat, drawn.text, drawn.rows, messages.Kind.STAFF, reply_to)
    return Owed(message, _subject(ending), language=desk.staff_speech.language)


def page(desk: Desk, ending: Ending, *, note: str = "") -> Page:
    """Draw how a visit ended, and what can be said of it."""
    say, card = desk.staff_speech, ending.card
    text = words.visit(say, *_facts(desk, ending), visit_cards.state(desk, card))
    rows: Rows = ()
    match card.status:
        case "completed":
            text, rows = "\n\n".join((text, *_course(desk, ending))), _course_rows(desk, ending)
        case "no_show":
            rows = _missed_rows(desk, ending)
            if ending.was_written_to:
                text += f"\n\n{words.was_sent(say)}"
            elif not ending.may_be_written_to:
                text += f"\n\n{words.please_telephone(say, visit_words.phone(card.phone, desk.clinic.country))}"
        case "confirmed" if ending.has_begun:
            text, rows = words.ask(say, *_facts(desk, ending)), _question_rows(say, ending)
        case _:
            pass
    return Page(f"{text}\n\n{note}" if note else text, rows)


def _facts(desk: Desk, ending: Ending) -> tuple[str, str, str, str]:
    visit = visit_cards.plain(desk, desk.staff_speech, ending.card)
    what = booking_words.what(desk.staff_speech, visit.treatment, visit.practitioner)
    return visit.code, visit.name, what, visit.when


def _course(desk: Desk, ending: Ending) -> Iterator[str]:
    say, progress = desk.staff_speech, ending.progress
    if progress is not None:
        yield words.session(say, progress.done, progress.sessions, is_over=progress.is_over)
        if progress.interval_weeks is None or ending.next_from is None:
            yield words.no_next_session(say)
        else:
            yield words.next_session(say, progress.interval_weeks, ending.next_from)
    if ending.care_is_late:
        yield words.care_is_late(say, visit_words.phone(ending.card.phone, desk.clinic.country))
    if not ending.card.reachable:
        yield words.reached_by_telephone(say)


def _question_rows(say: Speech, ending: Ending) -> Rows:
    return (
        (Button(words.done_button(say), _data(DONE, ending)), Button(words.missed_button(say), _data(MISSED, ending))),
        (Button(words.still_here_button(say), _data(STAYS, ending)),),
    )


def _course_rows(desk: Desk, ending: Ending) -> Rows:
    say, progress = desk.staff_speech, ending.progress
    undo = (Button(words.take_back_button(say), _data(UNDO, ending)),)
    if progress is None:
        return (undo,)
    chosen = progress.interval_weeks
    offered = sorted({*USUAL, *ending.usual_weeks, *(() if chosen is None else (chosen,))})[:6]
    weeks = [
        Button(words.weeks_button(say, one, is_chosen=one == chosen), _data(WEEKS, ending, one)) for one in offered
    ]
    none = Button(words.no_next_button(say, is_chosen=chosen is None), _data(WEEKS, ending, 0))
    other = Button(words.other_weeks_button(say), _data(TYPED, ending))
    lengths = sorted(
        {*range(progress.done, progress.done + AHEAD), *(() if not progress.sessions else (progress.sessions,))}
    )
    of = tuple(
        Button(words.sessions_button(say, one, is_chosen=one == progress.sessions), _data(SESSIONS, ending, one))
        for one in lengths
    )
    return tuple(weeks[:3]), *((tuple(weeks[3:]),) if weeks[3:] else ()), (none, other), of[:3], of[3:], undo


def _missed_rows(desk: Desk, ending: Ending) -> Rows:
    say = desk.staff_speech
    undo = (Button(words.take_back_button(say), _data(UNDO, ending)),)
    write = (Button(words.kind_word_button(say), _data(DRAFT, ending)),)
    return (write, undo) if ending.may_be_written_to else (undo,)


def _data(action: str, ending: Ending, *rest: object) -> str:
    return ":".join(map(str, (action, ending.card.visit_id, ending.card.version, *rest)))


def _subject(ending: Ending) -> str:
    return f"{SUBJECT}-note:{ending.card.visit_id}"


# --- what staff press


async def ask(desk: Desk, update: Update, _: ContextTypes.DEFAULT_TYPE) -> None:
    """Post the question how a visit was."""
    query = update.callback_query
    if query is None or query.data is None or query.message is None:
        return
    chat_id, visit_id = query.message.chat.id, int(query.data.partition(":")[2])
    outcome = await desk.keep(
        update,
        desk.staff_speech,
        lambda session, now: endings.look(session, desk.clinic, visit_id, chat_id, now),
        lambda outcome: [asked(desk, outcome.ending)] if isinstance(outcome, Noted) else [],
    )
    gone = visit_words.gone(desk.staff_speech) if isinstance(outcome, NotHere) else None
    await desk.acknowledge(query, gone, alert=gone is not None)


async def press(desk: Desk, update: Update, _: ContextTypes.DEFAULT_TYPE) -> None:
    """Do what a button says, in the staff group only."""
    query = update.callback_query
    if query is None or query.data is None or query.message is None:
        return
    action, visit_id, version, *rest = query.data.split(":")
    chat_id, message_id = query.message.chat.id, query.message.message_id
    actor, say = Actor(query.from_user.id, query.from_user.first_name), desk.staff_speech
    shown = (int(visit_id), int(version), chat_id)

    def render(outcome: Outcome | Kind) -> Iterator[Owed]:
        match outcome:
            case Noted(ending) if action == TYPED:
                yield _prompt(desk, ending, actor, message_id)
            case Noted(ending) | Overtaken(ending):
                note = ""
                if action == STAYS and isinstance(outcome, Noted):
                    again = desk.clock.now() + courses.STILL_HERE
                    note = words.still_here(say, actor.name, f"{again.astimezone(say.zone):%H:%M}")
                yield _edit(ending, message_id, page(desk, ending, note=note))
                if action in (DONE, MISSED, UNDO) and isinstance(outcome, Noted):
                    yield from visit_cards.refreshed(desk, ending.card)
            case Kind(ending, free) if action == DRAFT:
                yield _edit(ending, message_id, _drafted(desk, ending, free))
            case Kind(ending, free):
                yield _edit(ending, message_id, page(desk, ending))
                yield _kind_word(desk, ending, free)
            case NotHere():
                return

    outcome = await desk.keep(
        update,
        say,
        lambda session, now: _do(desk, action, shown, rest, actor, session, now),
        render,
    )
    match outcome:
        case Overtaken(ending):
            await desk.acknowledge(query, visit_words.late(say, visit_cards.state(desk, ending.card)), alert=True)
        case NotHere():
            await desk.acknowledge(query, visit_words.gone(say), alert=True)
        case Noted() | Kind() | None:
            await desk.acknowledge(query)


def _do(  # noqa: PLR0911  one button, one use-case
    desk: Desk,
    action: str,
    shown: tuple[int, int, int],
    rest: list[str],
    actor: Actor,
    session: Session,
    now: datetime,
) -> Outcome | Kind:
    clinic = desk.clinic
    match action, rest:
        case ("edone", _):
            return endings.finish(session, clinic, *shown, actor, now)
        case ("emiss", _):
            return endings.miss(session, clinic, *shown, actor, now)
        case ("estay", _):
            return endings.stay(session, clinic, *shown, now)
        case ("eundo", _):
            return endings.take_back(session, clinic, *shown, actor, now)
        case ("eweek", (weeks,)):
            return endings.set_interval(session, clinic, *shown, int(weeks), actor, now)
        case ("esess", (sessions,)):
            return endings.set_sessions(session, clinic, *shown, int(sessions), actor, now)
        case ("ekind", _):
            return endings.draft_kind_word(session, clinic, *shown, now)
        case ("esend", _):
            return endings.send_kind_word(session, clinic, *shown, actor, now)
        case _:
            return endings.look(session, clinic, shown[0], shown[2], now)


def _edit(ending: Ending, message_id: int, drawn: Page) -> Owed:
    edit = Edit(ending.card.staff_chat, message_id, drawn.text, drawn.rows, messages.Kind.STAFF)
    return Owed(edit, _subject(ending))


# --- an interval that is typed


def _prompt(desk: Desk, ending: Ending, actor: Actor, reply_to: int) -> Owed:
    say, card = desk.staff_speech, ending.card
    text = words.write_weeks(say, visit_words.mention(actor.name, actor.id or 0), card.code, card.name)
    below = ForceReply(words.weeks_hint(say))
    message = Message(card.staff_chat, text, kind=messages.Kind.STAFF, reply_to=reply_to, below=below)
    return Owed(message, _data(PROMPT, ending), language=say.language)


async def write_weeks(desk: Desk, update: Update, message: TelegramMessage, about: About) -> None:
    """Take the weeks to the next session that a staff member wrote to the prompt."""
    author, say = message.from_user, desk.staff_speech
    if author is None:
        return
    chat_id, actor = message.chat.id, Actor(author.id, author.first_name)
    weeks = endings.read_weeks(message.text or "")
    if weeks is None:
        text = words.no_weeks(say, endings.LONGEST)
        below = ForceReply(words.weeks_hint(say))
        again = Message(chat_id, text, kind=messages.Kind.STAFF, reply_to=message.message_id, below=below)
        subject = f"{PROMPT}:{about.number}:{about.version}"
        await desk.keep(update, say, lambda _session, _now: None, lambda _: [Owed(again, subject)])
        return

    def render(outcome: Outcome) -> Iterator[Owed]:
        if isinstance(outcome, Overtaken):
            late = visit_words.late(say, visit_cards.state(desk, outcome.ending.card))
            yield visit_cards.noted(desk, outcome.ending.card, late, reply_to=message.message_id)
        elif isinstance(outcome, Noted):
            yield asked(desk, outcome.ending, reply_to=message.message_id)

    await desk.keep(
        update,
        say,
        lambda session, now: endings.set_interval(
            session, desk.clinic, about.number, about.version, chat_id, weeks, actor, now
        ),
        render,
    )


# --- a kind word


def _drafted(desk: Desk, ending: Ending, free: Sequence[Free]) -> Page:
    say, theirs = desk.staff_speech, desk.speeches.of(ending.card.language)
    text = words.kind_word(theirs, desk.clinic, theirs.instant(ending.card.starts_at), with_times=bool(free))
    shown = words.would_be_sent(say, ending.card.name, text, [_label(desk, theirs, one) for one in free])
    send = Button(words.send_button(say), _data(SEND, ending))
    return Page(shown, ((send, Button(words.back_button(say), _data(BACK, ending))),))


def _kind_word(desk: Desk, ending: Ending, free: Sequence[Free]) -> Owed:
    card = ending.card
    say = desk.speeches.of(card.language)
    rows = tuple(
        (
            Button(
                _label(desk, say, one),
                f"{visit_cards.BOOK_AT}:{card.treatment}:{one.practitioner}:{slots.unit(one.starts_at)}",
            ),
        )
        for one in free
    )
    text = words.kind_word(say, desk.clinic, say.instant(card.starts_at), with_times=bool(free))
    return Owed(Message(card.chat_id or 0, text, rows, messages.Kind.VISIT), card.subject, language=card.language)


def _label(desk: Desk, say: Speech, free: Free) -> str:
    when = say.instant(free.starts_at)
    if len(desk.clinic.team) == 1:
        return when
    return f"{when} · {visit_cards.practitioner(desk, free.practitioner)[:30]}"
