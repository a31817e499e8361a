"""The Bot API's methods about the bot itself, chats and their members, buttons that were tapped, files and updates."""

import re
from collections.abc import Awaitable, Callable
from typing import Any

from bot.delivery import markup
from bot.sandbox.feed import Webhook
from bot.sandbox.params import Params
from bot.sandbox.people import People
from bot.sandbox.world import Json, Refusal

Method = Callable[[People, Params], Any]

MAX_POLL_SECONDS = 50
"""The longest long poll that Telegram allows."""
MAX_DOWNLOAD = 20 * 1024 * 1024
"""Bytes of a file that a bot may fetch (Bot API: getFile)."""
_TEXTS = {"name": 64, "description": 512, "short_description": 120}


def get_me(world: People, params: Params) -> Json:
    """Return the bot."""
    return {
        **world.bot_dict,
        "can_join_groups": True,
        "can_read_all_group_messages": not world.privacy,
        "supports_inline_queries": False,
        "can_connect_to_business": False,
        "has_main_web_app": False,
    }


# updates


async def get_updates(world: People, params: Params) -> list[Json]:
    """Return updates from `offset` on, waiting for the first up to `timeout` seconds."""
    world.feed.allow(params.data("allowed_updates", "allowed_updates"))
    limit = min(max(params.number("limit", 100), 1), 100)
    return await world.feed.fetch(params.number("offset"), limit, min(params.number("timeout"), MAX_POLL_SECONDS))


def set_webhook(world: People, params: Params) -> bool:
    """Post updates to a URL from now on; http is allowed here, where Telegram wants https."""
    url, secret = params.text("url"), params.text("secret_token")
    if params.flag("drop_pending_updates"):
        world.feed.drop_pending()
    if not url:
        world.feed.set_webhook(None)
        return True
    if not url.startswith(("http://", "https://")):
        raise Refusal("bad webhook: An HTTPS URL must be provided for webhook")
    if not re.fullmatch(r"[A-Za-z0-9_-]{0,256}", secret):
        raise Refusal("secret token contains unallowed characters")
    world.feed.allow(params.data("allowed_updates", "allowed_updates"))
    world.feed.set_webhook(Webhook(url, secret, min(max(params.number("max_connections", 40), 1), 100)))
    return True


def delete_webhook(world: People, params: Params) -> bool:
    """Return to long polling."""
    if params.flag("drop_pending_updates"):
        world.feed.drop_pending()
    world.feed.set_webhook(None)
    return True


def get_webhook_info(world: People, params: Params) -> Json:
    """Return where updates go, how many wait, and the last problem."""
    hook = world.feed.webhook
    info: Json = {
        "url": hook.url if hook else "",
        "has_custom_certificate": False,
        "pending_update_count": len(world.feed),
    }
    if world.feed.allowed:
        info["allowed_updates"] = world.feed.allowed
    if hook:
        info["max_connections"] = hook.max_connections
        if hook.last_error_date:
            info |= {"last_error_date": hook.last_error_date, "last_error_message": hook.last_error_message}
    return info


# buttons


def answer_callback_query(world: People, params: Params) -> bool:
    """Answer a tapped button, once and in time."""
    if markup.length(params.text("text")) > markup.CALLBACK_ANSWER_LIMIT:
        raise Refusal("MESSAGE_TOO_LONG")
    tap = world.open_tap(params.text("callback_query_id"))
    if tap is None:
        raise Refusal("query is too old and response timeout expired or query ID is invalid")
    tap.answer = {
        "text": params.text("text") or None,
        "show_alert": params.flag("show_alert"),
        "url": params.text("url") or None,
    }
    world.changed()
    return True


# what the bot says about itself


def _scope(params: Params) -> str:
    scope = params.data("scope", "BotCommandScope")
    if scope is None:
        return "default"
    if not isinstance(scope, dict) or "type" not in scope:
        raise Refusal("can't parse BotCommandScope: Can't find field \"type\"")
    parts = [str(scope[name]) for name in ("type", "chat_id", "user_id") if name in scope]
    return ":".join(parts)


def set_my_commands(world: People, params: Params) -> bool:
    """Set the commands of a scope and language."""
    commands = params.objects("commands", "commands")
    if len(commands) > 100:
        raise Refusal("BOT_COMMANDS_TOO_MUCH")
    kept = []
    for item in commands:
        command, description = str(item.get("command", "")).removeprefix("/"), str(item.get("description", ""))
        if not re.fullmatch(r"[a-z0-9_]{1,32}", command):
            raise Refusal("BOT_COMMAND_INVALID")
        if not 1 <= markup.length(description) <= 256:
            raise Refusal("BOT_COMMAND_DESCRIPTION_INVALID")
        kept.append({"command": command, "description": description})
    world.commands[_scope(params), params.text("language_code")] = kept
    world.changed(state=True)
    return True


def get_my_commands(world: People, params: Params) -> list[Json]:
    """Return exactly what was set for a scope and language."""
    return world.commands.get((_scope(params), params.text("language_code")), [])


def delete_my_commands(world: People, params: Params) -> bool:
    """Forget the commands of a scope and language."""
    world.commands.pop((_scope(params), params.text("language_code")), None)
    world.changed(state=True)
    return True


def _sets_text(field: str) -> Method:
    def method(world: People, params: Params) -> bool:
        text = params.text(field)
        if markup.length(text) > _TEXTS[field]:
            raise Refusal(f"bot {field.replace('_', ' ')} is too long")
        world.texts[field, params.text("language_code")] = text
        if field == "name" and text and "language_code" not in params:
            world.bot.first_name = text
            world.bot_dict = world.bot.as_dict()
        world.changed(state=True)
        return True

    method.__doc__ = f"Set the bot's {field.replace('_', ' ')} for a language."
    return method


def _gets_text(field: str) -> Method:
    def method(world: People, params: Params) -> Json:
        texts = world.texts
        found = texts.get((field, params.text("language_code"))) or texts.get((field, ""), "")
        return {field: found or (world.bot.first_name if field == "name" else "")}

    method.__doc__ = f"Return the bot's {field.replace('_', ' ')} for a language, else the general one."
    return method


def set_chat_menu_button(world: People, params: Params) -> bool:
    """Set what the button beside the input field opens, for one private chat or for all."""
    button = params.data("menu_button", "MenuButton") or {"type": "default"}
    if not isinstance(button, dict) or button.get("type") not in ("commands", "web_app", "default"):
        raise Refusal("can't parse menu button: Unsupported type specified")
    world.menu_buttons[params.number("chat_id")] = button
    return True


def get_chat_menu_button(world: People, params: Params) -> Json:
    """Return the menu button of a private chat, or the general one."""
    buttons = world.menu_buttons
    return buttons.get(params.number("chat_id")) or buttons.get(0) or {"type": "default"}


# chats and members


def get_chat(world: People, params: Params) -> Json:
    """Return what the bot may know about a chat."""
    chat = world.chat_of(params)
    gifts = ("unlimited_gifts", "limited_gifts", "unique_gifts", "premium_subscription", "gifts_from_channels")
    info: Json = {
        **chat.as_dict(),
        "accent_color_id": 0,
        "max_reaction_count": 11,
        "accepted_gift_types": dict.fromkeys(gifts, False),
    }
    if chat.pinned and (pinned := chat.messages.get(chat.pinned[-1])):
        info["pinned_message"] = pinned
    return info


def get_chat_member(world: People, params: Params) -> Json:
    """Return a user's membership."""
    chat = world.chat_of(params)
    number = params.number("user_id")
    user = world.bot if number == world.bot_id else world.users.get(number)
    if user is None:
        raise Refusal("invalid user_id specified" if number <= 0 else "user not found")
    return world.member(chat.status_of(number), user)


def get_chat_administrators(world: People, params: Params) -> list[Json]:
    """Return the administrators of a group, without other bots."""
    chat = world.chat_of(params)
    if chat.user is not None:
        raise Refusal("there are no administrators in the private chat")
    people = {**world.users, world.bot_id: world.bot}
    return [world.member(status, people[number]) for number, status in chat.members.items() if chat.is_admin(number)]


def get_chat_member_count(world: People, params: Params) -> int:
    """Return how many members a chat has."""
    members = world.chat_of(params).members.values()
    return sum(status not in ("left", "kicked") for status in members)


def leave_chat(world: People, params: Params) -> bool:
    """Leave a group."""
    chat = world.chat_of(params)
    if chat.user is not None:
        raise Refusal("chat member status can't be changed in private chats")
    before = chat.status_of(world.bot_id)
    chat.members[world.bot_id] = "left"
    world.member_update("my_chat_member", chat, world.bot, world.bot, before=before, after="left")
    return True


def get_file(world: People, params: Params) -> Json:
    """Return where a file can be fetched."""
    if "file_id" not in params:
        raise Refusal("file_id not specified")
    stored = world.files.by_id(params.text("file_id"))
    if stored is None:
        raise Refusal("invalid file_id")
    if len(stored.content) > MAX_DOWNLOAD:
        raise Refusal("file is too big")
    return {
        "file_id": stored.file_id,
        "file_unique_id": stored.unique_id,
        "file_size": len(stored.content),
        "file_path": stored.path,
    }


METHODS: dict[str, Method] = {
    "getme": get_me,
    "setwebhook": set_webhook,
    "deletewebhook": delete_webhook,
    "getwebhookinfo": get_webhook_info,
    "answercallbackquery": answer_callback_query,
    "setmycommands": set_my_commands,
    "getmycommands": get_my_commands,
    "deletemycommands": delete_my_commands,
    "setmyname": _sets_text("name"),
    "getmyname": _gets_text("name"),
    "setmydescription": _sets_text("description"),
    "getmydescription": _gets_text("description"),
    "setmyshortdescription": _sets_text("short_description"),
    "getmyshortdescription": _gets_text("short_description"),
    "setchatmenubutton": set_chat_menu_button,
    "getchatmenubutton": get_chat_menu_button,
    "getchat": get_chat,
    "getchatmember": get_chat_member,
    "getchatadministrators": get_chat_administrators,
    "getchatmembercount": get_chat_member_count,
    "leavechat": leave_chat,
    "getfile": get_file,
}
"""Methods by their names in small letters: the Bot API does not care about case."""

WAITING: dict[str, Callable[[People, Params], Awaitable[Any]]] = {"getupdates": get_updates}
"""The one method whose answer may take its time."""
