"""What people write in a private chat: red flags, questions, and what they say to the clinic."""

import asyncio
from collections.abc import Callable, Iterator
from datetime import datetime
from functools import partial
from typing import Any

from telegram import CallbackQuery, Update, User
from telegram import Message as TelegramMessage
from telegram.ext import BaseHandler, CallbackQueryHandler, ContextTypes, MessageHandler, filters

from bot.clinic import enquiries, insights, opening, patients, reception
from bot.clinic.drafts import (
    Begun,
    Filled,
    Invalid,
    NothingToBook,
    Refused,
    Resumed,
    Stale,
    Stopped,
    Words,
)
from bot.clinic.enquiries import (
    AlreadyPassedOn,
    Asked,
    AskedEnough,
    Below,
    Card,
    Changed,
    Corrected,
    Detail,
    NobodyToAsk,
    NoSuchQuestion,
    PassedOn,
    PassOnOutcome,
    Relayed,
    Said,
    Unreadable,
)
from bot.clinic.preferences import Silenced
from bot.clinic.reception import Answered, ButtonsOnly, Listed, RelayedAndSilenced, StopWhich
from bot.clinic.replies import Described, ForTheClinic, ToldOfVisit
from bot.clinic.visits import NoStaff, NotHere, TooMany
from bot.delivery import outbox
from bot.delivery.messages import Button, Copy, Kind, Message, Rows
from bot.delivery.patience import Verdict
from bot.store.database import Session
from bot.store.models import Question
from bot.wording import answers, front, staff
from bot.wording import booking as booking_words
from bot.wording.speech import Speech
from faq.reader import LEFT_OPEN, Understood
from faq.redflags import Level
from handlers import booking, cards, followups, privacy
from handlers.desk import Desk, Owed, person
from handlers.door import in_private
from handlers.pages import ASK, HELPFUL, Page

ADD = "add"
"""Adds something that was said to a question that waits."""
ASKED = "asked"
"""What the reply to a question is kept by, so that a correction of the question finds it."""
QUESTION = "question"
MESSAGE = filters.ChatType.PRIVATE & filters.UpdateType.MESSAGE & ~filters.StatusUpdate.ALL & ~filters.COMMAND
COMMAND = filters.ChatType.PRIVATE & filters.UpdateType.MESSAGE & filters.COMMAND
EDITED = filters.ChatType.PRIVATE & filters.UpdateType.EDITED_MESSAGE


def handlers(desk: Desk) -> list[BaseHandler[Any, Any, Any]]:
    """Return the handlers of this conversation."""
    number = r"\d{1,18}"
    return [
        MessageHandler(MESSAGE, partial(hear, desk)),
        MessageHandler(EDITED, partial(hear_edited, desk)),
        CallbackQueryHandler(in_private(desk, partial(add, desk)), pattern=rf"^{ADD}:{number}:{number}:{number}$"),
        CallbackQueryHandler(in_private(desk, partial(pass_on, desk)), pattern=rf"^{ASK}:\d{{1,18}}$"),
        CallbackQueryHandler(in_private(desk, partial(rate, desk)), pattern=rf"^{HELPFUL}:\d{{1,18}}:[01]$"),
        CallbackQueryHandler(in_private(desk, partial(end, desk)), pattern=rf"^{cards.END}:\d{{1,18}}$"),
    ]


def first_handlers(desk: Desk) -> list[BaseHandler[Any, Any, Any]]:
    """Return the handler that hears a red flag behind a command; it is asked before those of commands."""
    return [MessageHandler(COMMAND & _Alarming(desk), partial(hear, desk))]


class _Alarming(filters.MessageFilter):
    """Lets pass a command with words behind it that may be an emergency; the payload of a link is no words."""

    def __init__(self, desk: Desk) -> None:
        super().__init__()
        self._desk = desk

    def filter(self, message: TelegramMessage) -> bool:
        """Look at the words."""
        words = _words_of(message)
        if not words or ((message.text or "").startswith("/start") and len(words.split()) == 1):
            return False
        return self._desk.reader.is_urgent(words, self._desk.speech(message.from_user).language)


def _words_of(message: TelegramMessage) -> str:
    """Return a message's text or caption, without the command that it begins with."""
    text = message.text or message.caption or ""
    return "".join(text.split(maxsplit=1)[1:]) if filters.COMMAND.filter(message) else text


async def hear(desk: Desk, update: Update, _: ContextTypes.DEFAULT_TYPE) -> None:
    """Take what a person sent."""
    message, user = update.effective_message, update.effective_user
    if message is None or user is None:
        return
    words_said = _words_of(message)
    if not await _has_patience(desk, update, user, words_said):
        return
    if message.contact is not None and await booking.share(desk, update, user, message.contact):
        return
    if message.reply_to_message is not None and await privacy.correct(desk, update, user, message):
        return
    said = Said(words_said, message.message_id, message.text is not None)
    say, now = desk.speech(user), desk.clock.now()

    def understand(session: Session) -> tuple[Understood | None, Words, bool]:
        flagged = patients.was_flagged(session, user.id, now)
        if not said.text:
            return None, Words(), flagged
        previous = patients.recent_topic(session, user.id, now)
        understood = desk.reader.read(said.text, say.language, previous, insights.own_answers(session))
        words = reception.understand(desk.clinic, said.text, now, say.language)
        return understood, words, flagged

    understood, words, flagged = await desk.database.read(understand)
    if understood is not None:
        desk.meters.understood(understood.route, understood.level.value if understood.level else None)
    goes_back = said.text == booking_words.back_button(say)
    await desk.keep(
        update,
        say,
        lambda session, now: reception.hear(
            session, desk.clinic, person(user, say), said, understood, words, now, goes_back=goes_back
        ),
        lambda outcome: _heard(desk, say, user.id, said, None if flagged else words, outcome),
    )


async def _has_patience(desk: Desk, update: Update, user: User, text: str) -> bool:
    """True where what somebody wrote is taken: always what may be an emergency, but nobody's flood, who is told once.

    Commands and buttons do not come here, so that they always work.
    """
    verdict, say = desk.talk.judge(user.id, desk.clock.now()), desk.speech(user)
    if verdict is Verdict.HEED or (text and await asyncio.to_thread(desk.reader.is_urgent, text, say.language)):
        return True
    if verdict is Verdict.TELL:
        await desk.send(update, say, Page(front.too_much(say, desk.clinic)))
    return False


async def hear_edited(desk: Desk, update: Update, context: ContextTypes.DEFAULT_TYPE) -> None:
    """Heed a red flag that was edited into a message, and let a correction follow what was asked or passed on."""
    message = update.effective_message
    if message is None:
        return
    text = message.text or message.caption or ""
    say, chat_id = desk.speech(update.effective_user), message.chat.id
    flag = await asyncio.to_thread(desk.reader.red_flag, text, say.language)
    if flag is None and desk.talk.judge(chat_id, desk.clock.now()) is not Verdict.HEED:
        return
    question_id = await _asked_with(desk, chat_id, message.message_id, patiently=flag is None)
    if flag is not None and not await _was_heard(desk, say, question_id, flag[0]):
        await hear(desk, update, context)
    elif question_id is not None:
        await _correct(desk, update, say, chat_id, question_id, text)
    else:
        name = message.from_user.full_name if message.from_user else ""
        await cards.follow_edit(desk, update, message, lambda text, say: staff.relayed(say, name, text))


async def _asked_with(desk: Desk, chat_id: int, message_id: int, *, patiently: bool) -> int | None:
    """Return the question that a message asked, by the reply to it; `patiently` waits until that has gone."""
    name = f"{ASKED}:{cards.source(chat_id, message_id)}"
    if patiently:
        await desk.until_settled(lambda session: outbox.is_owed(session, name))

    def find(session: Session) -> int | None:
        reply = outbox.passed_on(session, name)
        subject = outbox.about(session, reply.chat_id, reply.message_id) if reply else None
        noun, _, number = (subject or "").partition(":")
        return int(number) if noun == QUESTION else None

    return await desk.database.read(find)


async def _was_heard(desk: Desk, say: Speech, question_id: int | None, level: Level) -> bool:
    """True where staff have the alert, and the patient the text, of a message that was at least as urgent before."""
    if question_id is None:
        return False
    before = await desk.database.read(lambda session: enquiries.words_of(session, question_id))
    flag = desk.reader.red_flag(before, say.language) if before is not None else None
    return flag is not None and (flag[0] is level or flag[0] is Level.EMERGENCY)


async def _correct(desk: Desk, update: Update, say: Speech, chat_id: int, question_id: int, text: str) -> None:
    """Let a question read as it was corrected, and tell staff, if they have it."""

    def render(outcome: Corrected) -> Iterator[Owed]:
        if (card := outcome.card) is not None:
            yield from cards.refreshed(desk, card)
            note = staff.corrected(desk.staff_speech, card.name, text)
            message = Message(card.staff_chat, note, kind=Kind.STAFF, reply_to=card.message_id)
            owed = Owed(message, card.subject)
            if card.urgent:
                yield from cards.below(desk, card, owed)
            elif desk.relay.judge(chat_id, desk.clock.now()) is Verdict.HEED:
                yield owed

    await desk.keep(update, say, lambda session, _now: enquiries.correct(session, question_id, chat_id, text), render)


def _heard(  # noqa: PLR0912  one outcome, one answer
    desk: Desk, say: Speech, chat_id: int, said: Said, named: Words | None, outcome: reception.Outcome
) -> Iterator[Owed]:
    """Say what came of it; `named` is None where nothing is offered to the patient today."""
    calm = named is None
    match outcome:
        case Answered(asked, form):
            yield from _reply(desk, say, chat_id, said, asked, calm=calm)
            yield from booking.shown(desk, say, form)
        case ButtonsOnly(form):
            yield from booking.buttons_only(desk, say, form)
        case Listed(found):
            page = booking.listed(desk, say, found)
            yield Owed(Message(chat_id, page.text, page.rows))
        case Begun() | Resumed() | TooMany() | NoStaff() | NothingToBook():
            yield from booking.begun(desk, say, chat_id, outcome)
        case Filled() | Stale() | Stopped() | Refused() | Invalid() | NotHere():
            yield from booking.filled(desk, say, chat_id, outcome)
        case Asked(understood=understood):
            may_book = _may_book(desk, say, said, named) if understood.route == "suggest" else None
            offered = booking.offered(desk, say, may_book) if may_book is not None else ()
            yield from _reply(desk, say, chat_id, said, outcome, offered, calm=calm)
        case Below(card):
            yield from _below(desk, say, chat_id, said, card)
        case Described(card):
            yield from followups.described(desk, say, chat_id, card, _relayed(desk, chat_id, said, card))
            yield from cards.rest(desk, card, said)
        case Silenced():
            yield from followups.silenced(desk, say, chat_id, outcome)
        case StopWhich(form):
            yield followups.stop_which(desk, say, chat_id, booking.way_out(say, form))
        case RelayedAndSilenced(relayed, silenced):
            yield from _relayed_in_bounds(desk, say, chat_id, said, relayed.card)
            yield from followups.silenced(desk, say, chat_id, silenced)
        case ForTheClinic(AskedEnough()):
            yield Owed(Message(chat_id, answers.asked_enough(say, desk.clinic)))
        case ForTheClinic(told):
            yield from _passed_on(desk, say, chat_id, told)
        case ToldOfVisit():
            yield from _told_in_bounds(desk, say, chat_id, outcome, said.text)
        case Relayed(card):
            yield from _relayed_in_bounds(desk, say, chat_id, said, card)
        case Unreadable(waiting):
            page = desk.pages.menu(say)
            rows = page.without_booking().rows if calm else page.rows
            rows = (*_addable(say, waiting, 0, said), *rows)
            yield Owed(Message(chat_id, front.cannot_read(say, desk.clinic), rows))


def _reply(
    desk: Desk, say: Speech, chat_id: int, said: Said, asked: Asked, offered: Rows = (), *, calm: bool = False
) -> Iterator[Owed]:
    """Say the reply, the `offered` buttons above its own; `calm` where nothing is offered today."""
    page = desk.pages.reply(say, asked.understood, asked.question_id)
    page = page.without_booking() if calm else page
    urgent = asked.understood.route == "urgent"
    *before, text = page.pieces
    yield from (Owed(Message(chat_id, one)) for one in before)
    details = said.is_text and asked.understood.route in LEFT_OPEN
    added = _addable(say, asked.waiting, asked.question_id, said) if details else ()
    reply = Message(chat_id, text, (*added, *offered, *page.rows), Kind.SAFETY if urgent else Kind.REPLY)
    name = f"{ASKED}:{cards.source(chat_id, said.message_id)}"
    yield Owed(reply, f"{QUESTION}:{asked.question_id}", name)
    if not said.is_text and not urgent:
        rows = _addable(say, asked.waiting, 0, said)
        yield Owed(Message(chat_id, front.cannot_read(say, desk.clinic), rows))
    yield from cards.alarmed(desk, asked, _flagged(desk, chat_id, said, asked.under.card) if asked.under else None)
    if asked.under is not None:
        yield from cards.rest(desk, asked.under.card, said)


def _may_book(desk: Desk, say: Speech, said: Said, named: Words | None) -> Words | None:
    """Return what may be the wish for a visit in words that were not understood: an area, or nothing but a day."""
    if named is None or named.treatment is not None:
        return named
    return named if reception.is_bare_day(desk.clinic, said.text, desk.clock.now(), say.language) else None


def _addable(say: Speech, waiting: int | None, question_id: int, said: Said) -> Rows:
    """Return the way from what was said to the question that waits, if one does."""
    if waiting is None:
        return ()
    return ((Button(answers.add_button(say), f"{ADD}:{waiting}:{question_id}:{said.message_id}"),),)


def _below(desk: Desk, say: Speech, chat_id: int, said: Said, card: Card | None) -> Iterator[Owed]:
    """Pass on what follows a possible emergency, and repeat whom to call."""
    text = answers.added_below(say, desk.clinic) if card is not None else answers.call_now(say, desk.clinic)
    if card is not None:
        yield from cards.below(desk, card, _relayed(desk, chat_id, said, card))
        yield from cards.rest(desk, card, said)
    yield Owed(Message(chat_id, text, kind=Kind.SAFETY))


def _relayed_in_bounds(desk: Desk, say: Speech, chat_id: int, said: Said, card: Card) -> Iterator[Owed]:
    """Pass on what a patient says, as long as staff can read it all."""
    match desk.relay.judge(chat_id, desk.clock.now()):
        case Verdict.HEED:
            yield _relayed(desk, chat_id, said, card)
            yield from cards.rest(desk, card, said)
        case Verdict.TELL:
            yield Owed(Message(chat_id, answers.relayed_enough(say, desk.clinic)))
        case Verdict.IGNORE:
            return


def _told_in_bounds(desk: Desk, say: Speech, chat_id: int, told: ToldOfVisit, text: str) -> Iterator[Owed]:
    """Pass on what a patient writes of a visit that is near, as long as staff can read it all."""
    match desk.relay.judge(chat_id, desk.clock.now()):
        case Verdict.HEED:
            yield from followups.told_of_visit(desk, say, chat_id, told, text)
        case Verdict.TELL:
            yield Owed(Message(chat_id, answers.relayed_enough(say, desk.clinic)))
        case Verdict.IGNORE:
            return


def _flagged(desk: Desk, chat_id: int, said: Said, card: Card) -> Owed:
    return _relayed(desk, chat_id, said, card, shown=staff.flagged)


def _relayed(
    desk: Desk, chat_id: int, said: Said, card: Card, shown: Callable[[Speech, str, str], str] = staff.relayed
) -> Owed:
    source = cards.source(chat_id, said.message_id)
    if said.is_text:
        text = shown(desk.staff_speech, card.name, said.text)
        message: Message | Copy = Message(card.staff_chat, text, kind=Kind.STAFF, reply_to=card.message_id)
    else:
        message = Copy(card.staff_chat, chat_id, said.message_id, Kind.STAFF, card.message_id)
    return Owed(message, card.subject, source)


async def add(desk: Desk, update: Update, _: ContextTypes.DEFAULT_TYPE) -> None:
    """Add something that the patient said to their question that waits, once."""
    query = update.callback_query
    if query is None or query.data is None:
        return
    say, chat_id = desk.speech(query.from_user), query.from_user.id
    enquiry_id, question_id, message_id = map(int, query.data.split(":")[1:])
    name = cards.source(chat_id, message_id)

    def use_case(session: Session, _now: datetime) -> Detail | AlreadyPassedOn | None:
        if outbox.is_owed(session, name) or outbox.passed_on(session, name) is not None:
            return AlreadyPassedOn()
        return enquiries.add_detail(session, enquiry_id, question_id, chat_id)

    def render(outcome: Detail | AlreadyPassedOn | None) -> Iterator[Owed]:
        match outcome:
            case Detail(card, text):
                said = Said(text or "", message_id, text is not None)
                yield from _relayed_in_bounds(desk, say, chat_id, said, card)
            case AlreadyPassedOn() | None:
                return

    match await desk.keep(update, say, use_case, render):
        case Detail():
            await desk.acknowledge(query, answers.added(say))
        case AlreadyPassedOn():
            await desk.acknowledge(query, answers.already_passed_on(say))
        case None:
            await desk.acknowledge(query, answers.not_added(say), alert=True)


async def pass_on(desk: Desk, update: Update, _: ContextTypes.DEFAULT_TYPE) -> None:
    """Pass the patient's question on to staff."""
    query = update.callback_query
    if query is None or query.data is None:
        return
    say = desk.speech(query.from_user)
    question_id = int(query.data.partition(":")[2])
    outcome = await desk.keep(
        update,
        say,
        lambda session, now: enquiries.ask(session, desk.clinic, question_id, query.from_user.id, now),
        lambda outcome: _passed_on(desk, say, query.from_user.id, outcome),
    )
    match outcome:
        case AlreadyPassedOn():
            await desk.acknowledge(query, answers.already_passed_on(say))
        case NoSuchQuestion():
            await desk.acknowledge(query, front.old_button(say), alert=True)
        case AskedEnough():
            await desk.acknowledge(query, answers.asked_enough(say, desk.clinic), alert=True)
        case PassedOn() | NobodyToAsk() | None:
            await desk.acknowledge(query)


def _passed_on(desk: Desk, say: Speech, chat_id: int, outcome: PassOnOutcome | AskedEnough) -> Iterator[Owed]:
    match outcome:
        case PassedOn(card, waits):
            yield from cards.whole(desk, card, kind=Kind.STAFF)
            if waits:
                yield Owed(Message(chat_id, answers.kept_for_the_clinic(say, desk.clinic)))
                return
            now, zone = desk.clock.now(), desk.clinic.tz
            opens = None if opening.is_open(desk.clinic, now) else opening.next_opening(desk.clinic, now)
            local = opens.astimezone(zone) if opens is not None else None
            yield Owed(Message(chat_id, answers.passed_on(say, desk.clinic, now.astimezone(zone).date(), local)))
        case NobodyToAsk():
            yield Owed(Message(chat_id, answers.nobody_to_ask(say, desk.clinic)))
        case AlreadyPassedOn() | NoSuchQuestion() | AskedEnough():
            pass


async def rate(desk: Desk, update: Update, _: ContextTypes.DEFAULT_TYPE) -> None:
    """Keep whether an answer helped; where it did not, offer other topics and a person."""
    query = update.callback_query
    if query is None or query.data is None:
        return
    say = desk.speech(query.from_user)
    _kind, question, verdict = query.data.split(":")
    helpful = verdict == "1"

    def render(question: Question | None) -> Iterator[Owed]:
        if question is not None and not helpful:
            page = desk.pages.not_helpful(say, question.suggestions, question.topic, question.id)
            yield Owed(Message(query.from_user.id, page.text, page.rows))

    rated = await desk.keep(
        update,
        say,
        lambda session, _now: enquiries.rate(session, int(question), query.from_user.id, helpful=helpful),
        render,
    )
    await desk.acknowledge(query, answers.thanks(say) if rated is not None else None)
    await _without_rating(desk, query)


async def _without_rating(desk: Desk, query: CallbackQuery) -> None:
    """Take the question "was this helpful?" off the message; the other buttons stay."""
    message = query.message
    keyboard = getattr(message, "reply_markup", None)
    if message is None or keyboard is None:
        return
    rows = [
        [button.to_dict() for button in row if not str(button.callback_data or "").startswith(f"{HELPFUL}:")]
        for row in keyboard.inline_keyboard
    ]
    await desk.relabel(message.chat.id, message.message_id, [row for row in rows if row])


async def end(desk: Desk, update: Update, _: ContextTypes.DEFAULT_TYPE) -> None:
    """Let the patient end the conversation with the clinic."""
    query = update.callback_query
    if query is None or query.data is None:
        return
    say = desk.speech(query.from_user)
    enquiry_id = int(query.data.partition(":")[2])

    def render(outcome: enquiries.ChangeOutcome) -> Iterator[Owed]:
        if isinstance(outcome, Changed):
            yield from cards.closed(desk, outcome.card)

    outcome = await desk.keep(
        update, say, lambda session, now: enquiries.end(session, enquiry_id, query.from_user.id, now), render
    )
    await desk.acknowledge(query, None if isinstance(outcome, Changed) else answers.already_ended(say))
