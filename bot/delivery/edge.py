"""Where the inbox meets python-telegram-bot: kept updates are parsed and run through the library's handlers.

The library gets its updates from the inbox, never from its own updater (which would confirm them before they are
kept), and its requests, of which there is only getMe, go over this program's wire.
"""

import json
import unicodedata
from collections.abc import Iterable
from typing import Any

from telegram import Bot, Update
from telegram.error import NetworkError, TelegramError
from telegram.ext import Application, ApplicationBuilder, BaseHandler
from telegram.request import BaseRequest, RequestData

from bot.delivery.inbox import Kept
from bot.delivery.markup import is_blank
from bot.delivery.wire import ANSWER_SECONDS, Wire, WireError

NAMES = frozenset({"first_name", "last_name", "title"})
"""Keys of what people and groups call themselves."""
_TURNING = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


class PoisonError(Exception):
    """The library cannot make sense of an update."""


def sound(value: Any) -> Any:
    """Return what Telegram sent with whole characters only, and names of one line that show something.

    Half a character, which a database refuses, must not keep anybody's words from being read.
    """
    match value:
        case str():
            return _whole(value)
        case list():
            return [sound(one) for one in value]
        case dict():
            fields = {key: sound(one) for key, one in value.items()}
            for key in NAMES & fields.keys():
                if isinstance(fields[key], str):
                    fields[key] = _name(fields[key])
            if isinstance(fields.get("first_name"), str) and is_blank(
                fields["first_name"] + fields.get("last_name", "")
            ):
                fields["first_name"] = f"№ {fields['id']}" if "id" in fields else "?"
            return fields
        case _:
            return value


def _whole(text: str) -> str:
    if text.isascii() and "\0" not in text:
        return text
    return text.replace("\0", "").encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _name(text: str) -> str:
    """Return a name without lines of its own and without marks that turn the direction of writing."""
    kept = (" " if unicodedata.category(char) in ("Cc", "Zl", "Zp") else char for char in text if char not in _TURNING)
    return " ".join("".join(kept).split())


class WireRequest(BaseRequest):
    """Carries the library's own requests over a Wire."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire

    @property
    def read_timeout(self) -> float:
        """Seconds to wait for an answer."""
        return ANSWER_SECONDS

    async def initialize(self) -> None:
        """Do nothing: the wire belongs to the program."""

    async def shutdown(self) -> None:
        """Do nothing: the program closes the wire."""

    async def do_request(
        self, url: str, method: str, request_data: RequestData | None = None, *_: Any, **__: Any
    ) -> tuple[int, bytes]:
        """Carry one request without files, with the wire's own timeouts."""
        params = request_data.parameters if request_data else {}
        try:
            return await self._wire.exchange(url.rsplit("/", 1)[1], params, {}, ANSWER_SECONDS)
        except WireError as error:
            raise NetworkError(type(error).__name__) from None

    @staticmethod
    def parse_json_payload(payload: bytes) -> Any:
        """Read an answer; unlike the library's own, this does not log a broken one, which may hold people's words."""
        try:
            return json.loads(payload)
        except ValueError:
            raise TelegramError("Invalid server response") from None


class _Raising(Application):  # type: ignore[type-arg]  # the library's six type parameters say nothing here
    """Lets a handler's exception out, so that the inbox knows that the update was not handled."""

    async def process_error(self, update: object, error: Exception, *_: Any, **__: Any) -> bool:
        """Raise `error` on."""
        raise error


class Edge:
    """Parses kept updates and hands them to the handlers."""

    def __init__(self, wire: Wire, token: str, handlers: Iterable[BaseHandler[Any, Any, Any]]) -> None:
        self._bot = Bot(token, request=WireRequest(wire), get_updates_request=WireRequest(wire))
        builder = ApplicationBuilder().application_class(_Raising).bot(self._bot).updater(None).job_queue(None)
        self._application = builder.build()
        self._application.add_handlers(list(handlers))

    async def open(self) -> None:
        """Learn the bot's own name from Telegram; raises telegram's errors where that fails."""
        await self._application.initialize()

    async def close(self) -> None:
        """Let go of what `open` took."""
        await self._application.shutdown()

    @property
    def username(self) -> str:
        """The bot's @name, without the @."""
        return self._bot.username

    async def handle(self, kept: Kept) -> None:
        """Run one update through the handlers; raises PoisonError, or what a handler raised."""
        try:
            update = Update.de_json(sound(kept.payload), self._bot)
            kind = update.effective_chat or update.effective_user  # reading them finds what de_json let pass
        except Exception as error:
            raise PoisonError(type(error).__name__) from error
        if kind is not None:
            await self._application.process_update(update)
