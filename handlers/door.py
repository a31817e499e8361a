"""The door: who may act in a group, and which buttons belong into a private chat.

Being a member of the staff group is the permission to act for the clinic, so a tap or a message there counts only from
who is a member now, as a person: Telegram also passes on the taps of former members and of visitors, and what is posted
through other bots or in the name of channels.
"""

from collections.abc import Callable, Coroutine
from datetime import timedelta
from functools import partial
from typing import Any

import structlog
from telegram import CallbackQuery, ChatMember, Message, Update
from telegram.ext import BaseHandler, ContextTypes, MessageHandler, filters

from bot.delivery.wire import WireError
from bot.wording import front
from handlers.desk import Desk

log = structlog.get_logger()

KNOWN_FOR = timedelta(minutes=5)
"""How long a member is taken for one without asking Telegram again, unless the group says that they left."""

Callback = Callable[[Update, ContextTypes.DEFAULT_TYPE], Coroutine[Any, Any, None]]


def handlers(desk: Desk) -> list[BaseHandler[Any, Any, Any]]:
    """Return the handler that hears of who leaves; it is asked first."""
    return [MessageHandler(filters.ChatType.GROUPS & filters.StatusUpdate.LEFT_CHAT_MEMBER, partial(forget, desk))]


async def forget(desk: Desk, update: Update, _: ContextTypes.DEFAULT_TYPE) -> None:
    """Take somebody who left a group for a member no longer."""
    message = update.effective_message
    if message is not None and message.left_chat_member is not None:
        desk.members.pop((message.chat.id, message.left_chat_member.id), None)


def guarded(desk: Desk, handler: BaseHandler[Any, Any, Any]) -> BaseHandler[Any, Any, Any]:
    """Let `handler` hear of a group only what its members do themselves."""
    handler.callback = partial(_if_welcome, desk, handler.callback)
    return handler


def in_private(desk: Desk, callback: Callback) -> Callback:
    """Return `callback` for the buttons of a patient's own chat; in any other place they do nothing."""
    return partial(_if_private, desk, callback)


async def _if_private(desk: Desk, callback: Callback, update: Update, context: ContextTypes.DEFAULT_TYPE) -> None:
    query = update.callback_query
    if query is not None and (query.message is None or query.message.chat.id != query.from_user.id):
        await _refuse(desk, query)
    else:
        await callback(update, context)


async def _if_welcome(desk: Desk, callback: Callback, update: Update, context: ContextTypes.DEFAULT_TYPE) -> None:
    if await _is_welcome(desk, update):
        await callback(update, context)
    elif update.callback_query is not None:
        await _refuse(desk, update.callback_query)


async def _is_welcome(desk: Desk, update: Update) -> bool:
    query, message, chat = update.callback_query, update.effective_message, update.effective_chat
    if chat is None:  # a button below what somebody sent through the bot, which this one never offers
        return query is None
    if chat.type == chat.PRIVATE or update.my_chat_member is not None:
        return True
    if query is not None:
        return await _is_member(desk, chat.id, query.from_user.id)
    return message is not None and await _speaks_for(desk, message)


async def _speaks_for(desk: Desk, message: Message) -> bool:
    """True where a message in a group is a member's own words, or those of its administration."""
    if message.migrate_to_chat_id is not None:
        return True  # Telegram's own note that the group has a new id
    if message.sender_chat is not None:
        return message.sender_chat.id == message.chat.id
    if message.from_user is None or message.from_user.is_bot or message.via_bot is not None:
        return False
    if message.forward_origin is not None and message.text is not None and message.text.startswith("/"):
        return False  # somebody else's command
    return await _is_member(desk, message.chat.id, message.from_user.id)


async def _is_member(desk: Desk, chat_id: int, user_id: int) -> bool:
    """True unless Telegram says that somebody is not in the group; who was in it just now is not asked about."""
    now = desk.clock.now()
    if (until := desk.members.get((chat_id, user_id))) is not None and now < until:
        return True
    try:
        member = await desk.wire.call("getChatMember", {"chat_id": chat_id, "user_id": user_id})
    except WireError as error:
        # a bot that is no administrator may not be told; staff must not be locked out for that
        log.info("member.not_known", error=type(error).__name__)
        return True
    status = member.get("status")
    if status in (ChatMember.LEFT, ChatMember.BANNED) or (
        status == ChatMember.RESTRICTED and not member.get("is_member")
    ):
        log.warning("member.not_here", user=user_id)
        return False
    desk.members[chat_id, user_id] = now + KNOWN_FOR
    return True


async def _refuse(desk: Desk, query: CallbackQuery) -> None:
    await desk.acknowledge(query, front.old_button(desk.speech(query.from_user)), alert=True)
