"""Welcome, menu, help, privacy, contact: what the bot says of itself, and the pages people tap through."""

from collections.abc import Iterator
from datetime import datetime
from functools import partial
from typing import Any

from telegram import Update
from telegram.ext import BaseHandler, CallbackQueryHandler, CommandHandler, ContextTypes, filters

from bot.clinic import drafts, enquiries, patients
from bot.clinic.arrivals import PREFIX
from bot.clinic.drafts import BeginOutcome, Form, Words
from bot.delivery.messages import Message
from bot.store.database import Session
from bot.wording import front
from bot.wording.speech import Speech
from handlers import arrivals, booking
from handlers.desk import Desk, Owed, person
from handlers.door import in_private
from handlers.pages import BOOK, CATEGORY, MENU, TOPIC, Page

PRIVATE = filters.ChatType.PRIVATE & filters.UpdateType.MESSAGE


def handlers(desk: Desk) -> list[BaseHandler[Any, Any, Any]]:
    """Return the handlers of this conversation."""
    return [
        CommandHandler("start", partial(start, desk), PRIVATE),
        CommandHandler(["menu", "help", "contact"], partial(page_command, desk), PRIVATE),
        CallbackQueryHandler(in_private(desk, partial(tap, desk)), pattern=f"^({MENU}|{CATEGORY}:|{TOPIC}:)"),
    ]


async def start(desk: Desk, update: Update, context: ContextTypes.DEFAULT_TYPE) -> None:
    """Welcome a person, and open what a deep link names: a topic, or a booking (`book`, `book_face`)."""
    user = update.effective_user
    if user is None:
        return
    say = desk.speech(user)
    payload = context.args[0] if context.args else None
    if payload is not None and payload.startswith(PREFIX):
        await arrivals.open_link(desk, update, payload)
        return
    opened = desk.pages.topic(say, payload) if payload else None
    pages = [desk.pages.welcome(say, user.first_name), *([opened] if opened else [])]
    name, _, treatment = (payload or "").partition("_")
    wanted = Words(treatment if desk.clinic.treatment(treatment) else None)

    def use_case(session: Session, now: datetime) -> tuple[BeginOutcome | Form | None, bool]:
        patients.meet(session, person(user, say), now, payload=payload)
        if payload and opened:
            patients.was_told(session, user.id, payload, now)
        flagged = patients.was_flagged(session, user.id, now)
        if name == BOOK:
            return drafts.begin(session, desk.clinic, person(user, say), now, words=wanted), flagged
        form = drafts.form(session, desk.clinic, user.id, now)
        return form if form is not None and not form.is_asleep else None, flagged

    def render(found: tuple[BeginOutcome | Form | None, bool]) -> Iterator[Owed]:
        outcome, flagged = found
        shown = [page.without_booking() for page in pages] if flagged else pages
        yield from (Owed(Message(user.id, page.text, page.rows)) for page in shown)
        if isinstance(outcome, Form):
            going_on = booking.going_on(desk, say, outcome)
            yield Owed(Message(user.id, going_on.text, going_on.rows))
        elif outcome is not None:
            yield from booking.begun(desk, say, user.id, outcome)

    await desk.keep(update, say, use_case, render)


async def page_command(desk: Desk, update: Update, _: ContextTypes.DEFAULT_TYPE) -> None:
    """Send the page that the command names."""
    message = update.effective_message
    if message is None or message.text is None:
        return
    say = desk.speech(update.effective_user)
    name = message.text.split()[0].removeprefix("/").partition("@")[0].lower()
    pages = {
        "menu": desk.pages.menu,
        "help": desk.pages.help,
        "contact": desk.pages.contact,
    }
    await desk.send(update, say, pages[name](say))


async def tap(desk: Desk, update: Update, _: ContextTypes.DEFAULT_TYPE) -> None:
    """Turn the message into the page that was tapped."""
    query = update.callback_query
    if query is None or query.data is None:
        return
    say = desk.speech(query.from_user)
    kind, topic, number = (*query.data.split(":"), "", "")[:3]
    question_id = int(number) if number.isdecimal() else None
    page = _page(desk, say, kind, topic, question_id)
    if page is None:
        await desk.acknowledge(query, front.old_button(say), alert=True)
        return
    chat_id = query.from_user.id
    await desk.turn_to(update, say, query, page)
    if kind == TOPIC:
        await desk.act(say, lambda session, now: _note(session, chat_id, topic, question_id, now), lambda _: ())


def _note(session: Session, chat_id: int, topic: str, question_id: int | None, now: datetime) -> None:
    patients.was_told(session, chat_id, topic, now)
    if question_id is not None:
        enquiries.suggested(session, question_id, chat_id, topic)


def _page(desk: Desk, say: Speech, kind: str, name: str, question_id: int | None) -> Page | None:
    match kind:
        case "cat":
            return desk.pages.category(say, name)
        case "topic":
            return desk.pages.topic(say, name, question_id)
        case _:
            return desk.pages.menu(say)
