"""Welcome, menu, help, privacy, contact: what the bot says of itself, and the pages people tap through."""

from functools import partial
from typing import Any

from telegram import Update
from telegram.ext import BaseHandler, CallbackQueryHandler, CommandHandler, ContextTypes, filters

from bot.clinic import patients
from bot.delivery.messages import Message
from bot.wording import front
from bot.wording.speech import Speech
from handlers.desk import Desk, Owed, person
from handlers.pages import CATEGORY, MENU, TOPIC, Page

PRIVATE = filters.ChatType.PRIVATE & filters.UpdateType.MESSAGE


def handlers(desk: Desk) -> list[BaseHandler[Any, Any, Any]]:
    """Return the handlers of this conversation."""
    return [
        CommandHandler("start", partial(start, desk), PRIVATE),
        CommandHandler(["menu", "help", "privacy", "contact"], partial(page_command, desk), PRIVATE),
        CallbackQueryHandler(partial(tap, desk), pattern=f"^({MENU}|{CATEGORY}:|{TOPIC}:)"),
    ]


async def start(desk: Desk, update: Update, context: ContextTypes.DEFAULT_TYPE) -> None:
    """Welcome a person, and open the topic that a deep link names."""
    user = update.effective_user
    if user is None:
        return
    say = desk.speech(user)
    payload = context.args[0] if context.args else None
    opened = desk.pages.topic(say, payload) if payload else None
    pages = [desk.pages.welcome(say, user.first_name), *([opened] if opened else [])]
    await desk.keep(
        update,
        say,
        lambda session, now: patients.meet(session, person(user, say), now, payload=payload),
        lambda _: [Owed(Message(user.id, page.text, page.rows)) for page in pages],
    )


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
        "privacy": desk.pages.privacy,
        "contact": desk.pages.contact,
    }
    await desk.send(update, say, pages[name](say))


async def tap(desk: Desk, update: Update, _: ContextTypes.DEFAULT_TYPE) -> None:
    """Turn the message into the page that was tapped."""
    query = update.callback_query
    if query is None or query.data is None:
        return
    say = desk.speech(query.from_user)
    page = _page(desk, say, query.data)
    if page is None:
        await desk.acknowledge(query, front.old_button(say), alert=True)
    else:
        await desk.turn_to(update, say, query, page)


def _page(desk: Desk, say: Speech, data: str) -> Page | None:
    kind, _, name = data.partition(":")
    match kind:
        case "cat":
            return desk.pages.category(say, name)
        case "topic":
            return desk.pages.topic(say, name)
        case _:
            return desk.pages.menu(say)
