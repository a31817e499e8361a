"""Everything else: a helpful word where a person waits for one, silence where nobody does."""

from functools import partial
from typing import Any

from telegram import Update
from telegram.ext import BaseHandler, CallbackQueryHandler, ContextTypes, MessageHandler, filters

from bot.wording import front
from handlers.desk import Desk
from handlers.pages import Page

PRIVATE = filters.ChatType.PRIVATE & filters.UpdateType.MESSAGE


def handlers(desk: Desk) -> list[BaseHandler[Any, Any, Any]]:
    """Return the handlers that catch what no other conversation takes; they come last."""
    return [
        MessageHandler(PRIVATE & filters.COMMAND, partial(unknown_command, desk)),
        CallbackQueryHandler(partial(unknown_button, desk)),
    ]


async def unknown_command(desk: Desk, update: Update, _: ContextTypes.DEFAULT_TYPE) -> None:
    """Offer the menu."""
    say = desk.speech(update.effective_user)
    await desk.send(update, say, Page(front.unknown_command(say), desk.pages.menu(say).rows))


async def unknown_button(desk: Desk, update: Update, _: ContextTypes.DEFAULT_TYPE) -> None:
    """Explain a button of an older message."""
    if update.callback_query is not None:
        say = desk.speech(update.callback_query.from_user)
        await desk.acknowledge(update.callback_query, front.old_button(say), alert=True)
