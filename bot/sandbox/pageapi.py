"""The JSON behind the sandbox's page: what the chats show, what people do, the clock and planted faults."""

import asyncio
import base64
import binascii
import zlib
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Protocol

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from bot.sandbox.people import Tap
from bot.sandbox.telegram import Telegram
from bot.sandbox.world import Chat, Json, User

POLL_SECONDS = 25.0
TAP_SECONDS = 10.0
_COPIED = ("message_id", "date", "text", "caption", "reply_markup", "media_group_id")
_FILES = ("photo", "voice", "document", "sticker", "video", "audio", "animation")


class DemoControl(Protocol):
    """The demo's hand on the clock."""

    @property
    def zone(self) -> str:
        """The clinic's zone (IANA name), in which the page shows times."""
        ...

    def now(self) -> datetime:
        """Return the application's present instant, aware."""
        ...

    async def advance(self, seconds: float) -> None:
        """Move the application's clock forward; returns when what fell due has been sent."""
        ...

    async def next_due(self) -> datetime | None:
        """Return when the next message falls due, None when nothing is planned."""
        ...


class PageApi:
    """Serves the page; `close` ends its long polls."""

    def __init__(self, telegram: Telegram, control: DemoControl | None) -> None:
        self._telegram = telegram
        self._control = control
        self._closed = False

    def routes(self) -> list[Route]:
        """Return the routes under /sandbox."""
        return [
            Route("/sandbox/state", self._safely(self.state)),
            Route("/sandbox/chats/{chat_id}/messages", self._safely(self.messages)),
            Route("/sandbox/events", self._safely(self.events)),
            Route("/sandbox/files/{file_id}", self._safely(self.file)),
            Route("/sandbox/act", self._safely(self.act), methods=["POST"]),
            Route("/sandbox/users", self._safely(self.add_user), methods=["POST"]),
            Route("/sandbox/clock", self._safely(self.clock), methods=["POST"]),
            Route("/sandbox/faults", self._safely(self.faults), methods=["POST", "DELETE"]),
        ]

    def close(self) -> None:
        """End open long polls."""
        self._closed = True
        self._telegram.changed()

    def _safely(self, handler: Callable[[Request], Awaitable[Response]]) -> Callable[[Request], Awaitable[Response]]:
        async def answer(request: Request) -> Response:
            try:
                return await handler(request)
            except (ValueError, LookupError, TypeError) as error:
                said = f"no such {error}" if isinstance(error, KeyError) else str(error)
                return JSONResponse({"ok": False, "error": said}, 400)

        return answer

    # what there is

    def _now(self) -> datetime:
        return self._control.now() if self._control else self._telegram.clock.now()

    async def _next_due(self) -> str | None:
        due = await self._control.next_due() if self._control else None
        return due.isoformat() if due else None

    async def state(self, request: Request) -> Response:
        """Answer with the bot, people, chats, planted faults and the clock."""
        telegram = self._telegram
        return JSONResponse(
            {
                "seq": telegram.seq,
                "now": self._now().isoformat(),
                "next_due": await self._next_due(),
                "clock": self._control is not None,
                "zone": self._control.zone if self._control else None,
                "bot": {**telegram.bot_dict, "commands": self._commands()},
                "users": [_person(user) for user in telegram.users.values()],
                "chats": [self._chat(chat) for chat in telegram.chats.values() if chat.migrated_to is None],
                "faults": telegram.faults.as_list(),
            }
        )

    def _commands(self) -> Json:
        def first(*scopes: str) -> list[Json]:
            sets = self._telegram.commands
            found = (sets[key] for scope in scopes for key in ((scope, ""), (scope, "en")) if key in sets)
            return next(found, [])

        return {"private": first("all_private_chats", "default"), "group": first("all_group_chats", "default")}

    def _chat(self, chat: Chat) -> Json:
        user = chat.user
        return {
            "id": chat.id,
            "type": chat.type,
            "title": chat.title if user is None else " ".join(filter(None, (user.first_name, user.last_name))),
            "members": [number for number in chat.members if number in self._telegram.users],
            "unread": chat.unread,
        }

    async def messages(self, request: Request) -> Response:
        """Answer with what a chat shows, and count it as read."""
        telegram = self._telegram
        chat = telegram.chats[int(request.path_params["chat_id"])]
        chat.unread = 0
        return JSONResponse(
            {
                "seq": telegram.seq,
                "messages": [_message(chat, message) for message in telegram.history(chat.id)],
                "reply_keyboard": chat.reply_keyboard,
                "typing": chat.typing_until > telegram.clock.now().timestamp(),
            }
        )

    async def events(self, request: Request) -> Response:
        """Wait for a change after `after`, and name the chats that changed."""
        telegram = self._telegram
        after = int(request.query_params.get("after", "0"))
        try:
            async with asyncio.timeout(POLL_SECONDS):
                while telegram.seq == after and not self._closed:
                    await telegram.next_change()
        except TimeoutError:
            pass  # nothing happened: the page asks again
        changed = [chat.id for chat in telegram.chats.values() if chat.seq > after]
        restarted = after > telegram.seq
        return JSONResponse({"seq": telegram.seq, "chats": changed, "state": restarted or telegram.state_seq > after})

    async def file(self, request: Request) -> Response:
        """Answer with a file's content; anything but a picture or sound is for saving only."""
        stored = self._telegram.files.by_id(request.path_params["file_id"])
        if stored is None:
            return JSONResponse({"ok": False, "error": "no such file"}, 404)
        harmless = stored.mime_type.startswith(("image/png", "image/jpeg", "image/gif", "image/webp", "audio/"))
        headers = {"X-Content-Type-Options": "nosniff", "Content-Security-Policy": "sandbox; default-src 'none'"}
        headers["Content-Disposition"] = "inline" if harmless else f'attachment; filename="{_ascii(stored.name)}"'
        return Response(stored.content, media_type=stored.mime_type, headers=headers)

    # what people do

    async def act(self, request: Request) -> Response:
        """Do what a person does in the app; a tap waits for the bot's answer."""
        order: Json = await request.json()
        done = await self._act(order, int(order["user"]), int(order.get("chat") or order["user"]))
        answer = None
        if isinstance(done, Tap):
            answer = await self._answer_to(done)
        return JSONResponse({"ok": True, "answer": answer})

    def _act(self, order: Json, user: int, chat: int) -> Awaitable[object]:
        telegram, do = self._telegram, order["do"]
        reply_to = order.get("reply_to")
        actions: dict[str, Callable[[], Awaitable[object]]] = {
            "text": lambda: telegram.send_text(user, order["text"], chat_id=chat, reply_to=reply_to),
            "start": lambda: telegram.start(user, order.get("payload", "")),
            "tap": lambda: telegram.tap(user, chat, int(order["message_id"]), order["data"]),
            "press": lambda: telegram.press(user, order["text"], chat_id=chat),
            "edit": lambda: telegram.edit_text(user, chat, int(order["message_id"]), order["text"]),
            "contact": lambda: telegram.share_contact(user, order.get("phone_number")),
            "location": lambda: telegram.send_location(user, order["latitude"], order["longitude"], chat_id=chat),
            "block": lambda: telegram.block(user),
            "unblock": lambda: telegram.unblock(user),
        }
        actions["callback"] = actions["tap"]
        if do in ("photo", "voice", "document", "sticker"):
            content, name = _content(order, do)
            return telegram.send_file(
                user,
                do,
                content,
                name=name,
                mime_type=order.get("mime_type") or "",
                caption=order.get("caption") or "",
                chat_id=chat,
                reply_to=reply_to,
                details={key: order[key] for key in ("duration", "emoji") if key in order},
            )
        if do not in actions:
            raise ValueError(f"nobody can {do!r} here")
        return actions[do]()

    async def _answer_to(self, tap: Tap) -> Json | None:
        try:
            async with asyncio.timeout(TAP_SECONDS):
                while tap.answer is None and not self._closed:
                    await self._telegram.next_change()
        except TimeoutError:
            pass  # the app stops its hourglass and says nothing
        return tap.answer

    async def add_user(self, request: Request) -> Response:
        """Add a person and answer with them."""
        wanted = await request.json()
        user = self._telegram.add_user(
            wanted["first_name"], wanted.get("last_name"), language_code=wanted.get("language_code") or "en"
        )
        return JSONResponse(_person(user))

    # the clock and bad luck

    async def clock(self, request: Request) -> Response:
        """Move the clock by seconds, or to the next message that falls due."""
        if self._control is None:
            raise ValueError("this clock cannot be moved")
        order = await request.json()
        if order.get("to") == "next":
            due = await self._control.next_due()
            seconds = (due - self._control.now()).total_seconds() if due else 0.0
        else:
            seconds = float(order["advance_seconds"])
        if seconds > 0:
            await self._control.advance(seconds)
            self._telegram.changed(state=True)
        return JSONResponse({"now": self._now().isoformat(), "next": await self._next_due()})

    async def faults(self, request: Request) -> Response:
        """Plant a fault, or clear them all."""
        faults = self._telegram.faults
        if request.method == "DELETE":
            faults.clear()
        else:
            order = await request.json()
            faults.add(
                order["kind"],
                method=order.get("method") or None,
                times=order.get("times", 1),
                rate=order.get("rate"),
                retry_after=order.get("retry_after") or 3,
            )
        self._telegram.changed(state=True)
        return JSONResponse({"ok": True, "faults": faults.as_list()})


def _person(user: User) -> Json:
    names = ("id", "first_name", "last_name", "username", "language_code", "blocked", "started")
    return {name: getattr(user, name) for name in names}


def _message(chat: Chat, message: Json) -> Json:
    shown: Json = {name: message[name] for name in _COPIED if name in message}
    if "inline_keyboard" not in shown.get("reply_markup", {}):
        shown["reply_markup"] = None  # a reply keyboard stands below the chat, not under a message
    shown["from"] = _sender(message)
    shown["edit_date"] = None if message["message_id"] in chat.relabelled else message.get("edit_date")
    shown["entities"] = message.get("entities") or message.get("caption_entities") or []
    shown["reply_to_message"] = None
    if replied := message.get("reply_to_message"):
        text = replied.get("text") or replied.get("caption") or (_media(replied) or {}).get("kind", "")
        shown["reply_to_message"] = {"message_id": replied["message_id"], "text": text, "from": _sender(replied)}
    shown["media"] = _media(message)
    shown["reactions"] = chat.reactions.get(message["message_id"], [])
    shown["pinned"] = message["message_id"] in chat.pinned
    shown["forwarded_from"] = message.get("forward_origin", {}).get("sender_user", {}).get("first_name")
    shown["service"] = _service(message)
    shown["deleted"] = False
    return shown


def _sender(message: Json) -> Json:
    sender = message.get("from") or {}
    if (channel := message.get("sender_chat")) is not None:
        return {"id": channel["id"], "first_name": channel["title"], "is_bot": False}
    return {"id": sender.get("id"), "first_name": sender.get("first_name"), "is_bot": sender.get("is_bot", False)}


def _media(message: Json) -> Json | None:
    for kind in _FILES:
        if kind in message:
            fields: Json = message[kind][-1] if kind == "photo" else message[kind]
            kept = {name: value for name, value in fields.items() if name not in ("file_id", "file_unique_id")}
            return {"kind": kind, "url": f"/sandbox/files/{fields['file_id']}", **kept}
    for kind in ("contact", "venue", "location", "poll"):
        if kind in message:
            return {"kind": kind, **message[kind]}
    return None


def _service(message: Json) -> str | None:
    who = _sender(message)["first_name"]
    match message:
        case {"group_chat_created": True}:
            return f"{who} created the group"
        case {"new_chat_members": people}:
            return f"{who} added {', '.join(person['first_name'] for person in people)}"
        case {"left_chat_member": person}:
            return f"{person['first_name']} left the group"
        case {"migrate_to_chat_id": _} | {"migrate_from_chat_id": _}:
            return "The group became a supergroup"
        case _:
            return None


def _content(order: Json, kind: str) -> tuple[bytes, str]:
    """Return the content and name of what a person sends: given as base64, or something that looks the part."""
    name = str(order.get("file_name") or order.get("name") or "")
    if encoded := order.get("content"):
        try:
            return base64.b64decode(encoded, validate=True), name
        except binascii.Error:
            raise ValueError("content must be base64") from None
    match kind:
        case "photo":
            return _plain_picture(), name or "photo.png"
        case "document":
            return b"A document that a person sent.\n", name or "document.txt"
        case _:
            return b"content", name


def _plain_picture(width: int = 240, height: int = 180) -> bytes:
    """Return a PNG in one soft colour."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        body = kind + data
        return len(data).to_bytes(4, "big") + body + zlib.crc32(body).to_bytes(4, "big")

    header = width.to_bytes(4, "big") + height.to_bytes(4, "big") + bytes((8, 2, 0, 0, 0))
    rows = (b"\0" + b"\xd8\xb4\xa0" * width) * height
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def _ascii(name: str) -> str:
    return "".join(char if char.isascii() and (char.isalnum() or char in "._- ") else "_" for char in name) or "file"
