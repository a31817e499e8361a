"""What people write in a private chat: red flags, questions, and what they say to the clinic."""

import asyncio
from collections.abc import Iterator
from functools import partial
from typing import Any

from telegram import CallbackQuery, Update, User
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
    Card,
    Changed,
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
from bot.delivery.messages import Copy, Kind, Message, Rows
from bot.delivery.patience import Verdict
from bot.store.database import Session
from bot.store.models import Question
from bot.wording import answers, front, staff
from bot.wording import booking as booking_words
from bot.wording.speech import Speech
from faq.reader import Understood
from handlers import booking, cards, followups, privacy
from handlers.desk import Desk, Owed, person
from handlers.door import in_private
from handlers.pages import ASK, HELPFUL, Page

MESSAGE = filters.ChatType.PRIVATE & filters.UpdateType.MESSAGE & ~filters.StatusUpdate.ALL & ~filters.COMMAND
EDITED = filters.ChatType.PRIVATE & filters.UpdateType.EDITED_MESSAGE


def handlers(desk: Desk) -> list[BaseHandler[Any, Any, Any]]:
    """Return the handlers of this conversation."""
    return [
        MessageHandler(MESSAGE, partial(hear, desk)),
        MessageHandler(EDITED, partial(hear_edited, desk)),
        CallbackQueryHandler(in_private(desk, partial(pass_on, desk)), pattern=rf"^{ASK}:\d{{1,18}}$"),
        CallbackQueryHandler(in_private(desk, partial(rate, desk)), pattern=rf"^{HELPFUL}:\d{{1,18}}:[01]$"),
        CallbackQueryHandler(in_private(desk, partial(end, desk)), pattern=rf"^{cards.END}:\d{{1,18}}$"),
    ]


async def hear(desk: Desk, update: Update, _: ContextTypes.DEFAULT_TYPE) -> None:
    """Take what a person sent."""
    message, user = update.effective_message, update.effective_user
    if message is None or user is None:
        return
    if not await _has_patience(desk, update, user, message.text or message.caption or ""):
        return
    if message.contact is not None and await booking.share(desk, update, user, message.contact):
        return
    if message.reply_to_message is not None and await privacy.correct(desk, update, user, message):
        return
    said = Said(message.text or message.caption or "", message.message_id, message.text is not None)
    say, now = desk.speech(user), desk.clock.now()

    def understand(session: Session) -> tuple[Understood, Words]:
        previous = patients.recent_topic(session, user.id, now)
        understood = desk.reader.read(said.text, say.language, previous, insights.own_answers(session))
        return understood, reception.understand(desk.clinic, said.text, now, say.language)

    understood, words = await desk.database.read(understand) if said.text else (None, Words())
    if understood is not None:
        desk.meters.understood(understood.route, understood.level.value if understood.level else None)
    goes_back = said.text == booking_words.back_button(say)
    await desk.keep(
        update,
        say,
        lambda session, now: reception.hear(
            session, desk.clinic, person(user, say), said, understood, words, now, goes_back=goes_back
        ),
        lambda outcome: _heard(desk, say, user.id, said, words, outcome),
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
    """Heed a red flag that was edited into a message, and let a correction follow what was passed on to staff."""
    message = update.effective_message
    text = (message.text or message.caption or "") if message else ""
    if desk.reader.is_urgent(text, desk.speech(update.effective_user).language):
        await hear(desk, update, context)
    elif message is not None and desk.talk.judge(message.chat.id, desk.clock.now()) is Verdict.HEED:
        name = message.from_user.full_name if message.from_user else ""
        await cards.follow_edit(desk, update, message, lambda text, say: staff.relayed(say, name, text))


def _heard(  # noqa: PLR0912  one outcome, one answer
    desk: Desk, say: Speech, chat_id: int, said: Said, named: Words, outcome: reception.Outcome
) -> Iterator[Owed]:
    match outcome:
        case Answered(asked, form):
            yield from _reply(desk, say, chat_id, said, asked)
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
            offered = booking.offered(desk, say, named) if understood.route == "suggest" else ()
            yield from _reply(desk, say, chat_id, said, outcome, offered)
        case Described(card):
            yield from followups.described(desk, say, chat_id, card, _relayed(desk, chat_id, said, card))
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
        case Unreadable():
            page = desk.pages.menu(say)
            yield Owed(Message(chat_id, front.cannot_read(say, desk.clinic), page.rows))


def _reply(desk: Desk, say: Speech, chat_id: int, said: Said, asked: Asked, offered: Rows = ()) -> Iterator[Owed]:
    """Say the reply, the `offered` buttons above its own."""
    page = desk.pages.reply(say, asked.understood, asked.question_id)
    urgent = asked.understood.route == "urgent"
    *before, text = page.pieces
    yield from (Owed(Message(chat_id, one)) for one in before)
    yield Owed(Message(chat_id, text, (*offered, *page.rows), Kind.SAFETY if urgent else Kind.REPLY))
    if not said.is_text and not urgent:
        yield Owed(Message(chat_id, front.cannot_read(say, desk.clinic)))
    yield from cards.alarmed(desk, asked, _relayed(desk, chat_id, said, asked.under.card) if asked.under else None)


def _relayed_in_bounds(desk: Desk, say: Speech, chat_id: int, said: Said, card: Card) -> Iterator[Owed]:
    """Pass on what a patient says, as long as staff can read it all."""
    match desk.relay.judge(chat_id, desk.clock.now()):
        case Verdict.HEED:
            yield _relayed(desk, chat_id, said, card)
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


def _relayed(desk: Desk, chat_id: int, said: Said, card: Card) -> Owed:
    source = cards.source(chat_id, said.message_id)
    if said.is_text:
        text = staff.relayed(desk.staff_speech, card.name, said.text)
        message: Message | Copy = Message(card.staff_chat, text, kind=Kind.STAFF, reply_to=card.message_id)
    else:
        message = Copy(card.staff_chat, chat_id, said.message_id, Kind.STAFF, card.message_id)
    return Owed(message, card.subject, source)


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
        case PassedOn(card):
            yield cards.posted(desk, card, kind=Kind.STAFF)
            now = desk.clock.now()
            today, is_open = now.astimezone(desk.clinic.tz).date(), opening.is_open(desk.clinic, now)
            yield Owed(Message(chat_id, answers.passed_on(say, desk.clinic, today, is_open=is_open)))
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
