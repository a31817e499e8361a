"""Free text in a private chat, and the question that a patient passes on to the clinic."""

from collections.abc import Iterator
from functools import partial
from typing import Any

from telegram import Update
from telegram.ext import BaseHandler, CallbackQueryHandler, ContextTypes, MessageHandler, filters

from bot.clinic import enquiries, patients
from bot.clinic.enquiries import AlreadyPassedOn, Asked, NobodyToAsk, NoSuchQuestion, PassedOn, PassOnOutcome
from bot.delivery.messages import Kind, Message
from bot.wording import answers, front, staff
from bot.wording.speech import Speech
from handlers.desk import Desk, Owed, person
from handlers.pages import ASK

PRIVATE = filters.ChatType.PRIVATE
SAID = (filters.TEXT & ~filters.COMMAND) | filters.CAPTION


def handlers(desk: Desk) -> list[BaseHandler[Any, Any, Any]]:
    """Return the handlers of this conversation."""
    return [
        MessageHandler(PRIVATE & filters.UpdateType.MESSAGE & SAID, partial(hear, desk)),
        MessageHandler(PRIVATE & filters.UpdateType.EDITED_MESSAGE & SAID, partial(hear_edited, desk)),
        CallbackQueryHandler(partial(pass_on, desk), pattern=f"^{ASK}:\\d+$"),
    ]


async def hear(desk: Desk, update: Update, _: ContextTypes.DEFAULT_TYPE) -> None:
    """Reply to what a person wrote."""
    message, user = update.effective_message, update.effective_user
    if message is None or user is None:
        return
    say = desk.speech(user)
    text = message.text or message.caption or ""
    now = desk.clock.now()
    understood = await desk.database.read(
        lambda session: desk.reader.read(text, say.language, patients.recent_topic(session, user.id, now))
    )
    await desk.keep(
        update,
        say,
        lambda session, now: enquiries.ask(session, person(user, say), text, understood, now),
        lambda asked: _reply(desk, say, user.id, asked, with_file=message.text is None),
    )


async def hear_edited(desk: Desk, update: Update, context: ContextTypes.DEFAULT_TYPE) -> None:
    """Heed a red flag that was edited into a message; other corrections were answered when they were first said."""
    message = update.effective_message
    text = (message.text or message.caption or "") if message else ""
    if desk.reader.is_urgent(text, desk.speech(update.effective_user).language):
        await hear(desk, update, context)


def _reply(desk: Desk, say: Speech, chat_id: int, asked: Asked, *, with_file: bool) -> Iterator[Owed]:
    page = desk.pages.reply(say, asked.understood, asked.question_id)
    urgent = asked.understood.route == "urgent"
    yield Owed(Message(chat_id, page.text, page.rows, Kind.SAFETY if urgent else Kind.REPLY))
    if with_file and not urgent:
        yield Owed(Message(chat_id, front.cannot_read(say, desk.clinic)))
    if asked.alert:
        card = staff.urgent(desk.staff_speech, asked.alert.name, asked.alert.question)
        yield Owed(Message(asked.alert.staff_chat, card, kind=Kind.SAFETY), asked.alert.subject)


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
        lambda session, now: enquiries.pass_on(session, question_id, query.from_user.id, now),
        lambda outcome: _passed_on(desk, say, query.from_user.id, outcome),
    )
    match outcome:
        case AlreadyPassedOn():
            await desk.acknowledge(query, answers.already_passed_on(say))
        case NoSuchQuestion():
            await desk.acknowledge(query, front.old_button(say), alert=True)
        case PassedOn() | NobodyToAsk() | None:
            await desk.acknowledge(query)


def _passed_on(desk: Desk, say: Speech, chat_id: int, outcome: PassOnOutcome) -> Iterator[Owed]:
    match outcome:
        case PassedOn():
            card = staff.enquiry(desk.staff_speech, outcome.name, outcome.question)
            yield Owed(Message(outcome.staff_chat, card, kind=Kind.STAFF), outcome.subject)
            local = desk.clock.now().astimezone(desk.clinic.tz)
            is_open = any(span.opens <= local.time() < span.closes for span in desk.clinic.open_on(local.date()))
            yield Owed(Message(chat_id, answers.passed_on(say, desk.clinic, local.date(), is_open=is_open)))
        case NobodyToAsk():
            yield Owed(Message(chat_id, answers.nobody_to_ask(say, desk.clinic)))
        case AlreadyPassedOn() | NoSuchQuestion():
            pass
