"""Stories: the real application and a real database, with Telegram's wire and the clock as the only stand-ins."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from bot.app import App
from bot.clock import MovableClock
from bot.config import Clinic, Settings
from bot.delivery.limiter import Limiter, Rate
from bot.delivery.wire import File, Transport, Uncertain
from bot.meters import Meters
from bot.sandbox.faults import BrokenOff, ConnectionDropped, NoAnswer
from bot.sandbox.telegram import Telegram
from bot.sandbox.world import Call, Chat, Upload, User
from bot.store.database import Database, parse_url
from faq.reader import Reader
from tests import botapi

TOKEN = "1234567890:a-token-for-tests-only"
MONDAY = datetime(2026, 11, 23, 10, 30, tzinfo=UTC)
"""A Monday in November, when London's wall time is UTC, in opening hours."""


class SandboxTransport:
    """Carries requests to the stand-in without a socket."""

    def __init__(self, telegram: Telegram) -> None:
        self._telegram = telegram

    async def exchange(
        self, method: str, params: Mapping[str, Any], files: Mapping[str, File], seconds: float
    ) -> tuple[int, bytes]:
        """Carry one request; broken connections become what an HTTP client would know of them."""
        given = {name: value for name, value in params.items() if value is not None}
        uploads = {name: Upload(file.name, file.content, file.mime) for name, file in files.items()}
        try:
            reply = await self._telegram.call(method, given, uploads)
        except ConnectionDropped:
            raise Uncertain("dropped") from None
        except BrokenOff:
            raise Uncertain("broken off") from None
        except NoAnswer:
            raise Uncertain("no answer") from None
        return reply.status, json.dumps(reply.body).encode()

    async def close(self) -> None:
        """Hold nothing."""


class Story:
    """One clinic's bot, its staff group and its patients."""

    def __init__(self, clinic: Clinic, reader: Reader, database: Path | str, *, staffed: bool = True) -> None:
        self.clock = MovableClock(MONDAY)
        self.telegram = Telegram(TOKEN, self.clock)
        self.complaints: list[str] = []
        self.telegram.on_call = self._check
        self.clinic = clinic
        self.reader = reader
        self.url = database if isinstance(database, str) else f"sqlite:///{database}"
        self.anna = self.telegram.add_user("Anna", "Nowak")
        self.tom = self.telegram.add_user("Tom")
        self.maya = self.telegram.add_user("Maya")
        self.priya = self.telegram.add_user("Priya")
        self.group: Chat = self.telegram.add_group("Clinic staff", [self.maya, self.priya])
        self.staffed = staffed
        self.transport: Transport = SandboxTransport(self.telegram)
        self.app: App | None = None
        self.meters: Meters | None = None
        self.database: Database | None = None

    async def open(self) -> "Story":
        """Start the bot."""
        self.database = Database(parse_url(self.url))
        self.database.migrate()
        settings = Settings(token=SecretStr(TOKEN), staff_chat=self.group.id if self.staffed else None)
        limiter = Limiter(Rate(10_000, 10_000))  # limits have tests of their own
        self.app = App(
            settings,
            self.clinic,
            self.database,
            self.clock,
            self.transport,
            limiter=limiter,
            reader=self.reader,
            meters=self.meters,
        )
        await self.app.start()
        await self.settle()
        return self

    async def close(self) -> None:
        """Stop the bot; what it sent must have been what Telegram takes."""
        if self.app is not None and self.database is not None:
            await self.app.stop()
            self.database.close()
        self.app = self.database = None
        assert self.complaints == []

    async def restart(self) -> None:
        """Stop the bot and start it on the same database."""
        await self.close()
        await self.open()

    async def settle(self) -> None:
        """Wait until the bot has taken and answered everything that happened."""
        assert self.app is not None
        await self.telegram.wait_until(lambda: self.telegram.unconfirmed == 0, what="updates to be taken")
        await self.app.idle()

    async def say(self, user: User, text: str, *, chat: Chat | None = None, reply_to: int | None = None) -> list[str]:
        """Let `user` write, and return what the bot said since then in that chat."""
        seen = self._last(chat.id if chat else user.id)
        await self.telegram.send_text(user.id, text, chat_id=chat.id if chat else None, reply_to=reply_to)
        await self.settle()
        return self.since(chat.id if chat else user.id, seen)

    async def start(self, user: User, payload: str = "") -> list[str]:
        """Let `user` press Start, and return what the bot said."""
        seen = self._last(user.id)
        await self.telegram.start(user.id, payload)
        await self.settle()
        return self.since(user.id, seen)

    async def tap(self, user: User, label: str, *, chat: Chat | None = None) -> dict[str, Any] | None:
        """Let `user` tap the newest button of that label; return the note that popped up, if one did."""
        tap = await self.telegram.tap_button(user.id, label, chat_id=chat.id if chat else None)
        await self.settle()
        return tap.answer

    async def send_file(
        self, user: User, kind: str, *, caption: str = "", chat: Chat | None = None, reply_to: int | None = None
    ) -> list[str]:
        """Let `user` send a file, and return what the bot said since then in that chat."""
        place = chat.id if chat else user.id
        seen = self._last(place)
        await self.telegram.send_file(user.id, kind, caption=caption, chat_id=place, reply_to=reply_to)
        await self.settle()
        return self.since(place, seen)

    async def edit(self, user: User, chat_id: int, message_id: int, text: str) -> None:
        """Let `user` correct a message."""
        await self.telegram.edit_text(user.id, chat_id, message_id, text)
        await self.settle()

    async def pass_time(self, length: timedelta) -> None:
        """Let time pass, and wait until what became due is done."""
        assert self.app is not None
        self.clock.advance(length)
        await self.app.idle()

    def message(self, chat_id: int, message_id: int) -> dict[str, Any]:
        """Return a message as the chat shows it now."""
        return next(one for one in self.telegram.history(chat_id) if one["message_id"] == message_id)

    def newest_of(self, user: User, chat_id: int) -> int:
        """Return the id of the newest message that `user` wrote in a chat."""
        history = reversed(self.telegram.history(chat_id))
        return next(int(one["message_id"]) for one in history if one.get("from", {}).get("id") == user.id)

    def shown(self, chat_id: int) -> dict[str, Any]:
        """Return the bot's newest message in a chat."""
        return next(message for message in reversed(self.telegram.history(chat_id)) if self._is_bots(message))

    def since(self, chat_id: int, message_id: int) -> list[str]:
        """Return the texts the bot sent to a chat after `message_id`."""
        return [
            str(message.get("text") or message.get("caption") or "")
            for message in self.telegram.history(chat_id)
            if message["message_id"] > message_id and self._is_bots(message)
        ]

    def transcript(self, chat_id: int) -> list[str]:
        """Return a chat line by line: who, what, and the buttons."""
        lines = []
        for message in self.telegram.history(chat_id):
            who = message["from"]["first_name"] if "from" in message else "?"
            lines.append(f"{who}: {message.get('text') or message.get('caption') or '(something)'}")
            lines += ["  " + " ".join(f"[{label}]" for label in row) for row in labels(message)]
        return lines

    def _last(self, chat_id: int) -> int:
        return max((message["message_id"] for message in self.telegram.history(chat_id)), default=0)

    def _is_bots(self, message: dict[str, Any]) -> bool:
        return bool(message.get("from", {}).get("id") == self.telegram.bot_id)

    def _check(self, call: Call) -> None:
        params = dict(call.params)
        self.complaints += botapi.check(call.method, params, call.files)


def labels(message: dict[str, Any]) -> list[list[str]]:
    """Return the labels of a message's inline buttons, row by row."""
    rows = message.get("reply_markup", {}).get("inline_keyboard", [])
    return [[button["text"] for button in row] for row in rows]
