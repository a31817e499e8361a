"""What the tests of delivery share: a reader that needs no fitting, seconds that a test decides, a scripted wire.

Run as a module with the word `run`, this is the real `mesobot run` with that reader and no limits per chat. Without it,
this is a nursery for the crash test: for each line on standard input it begins one such life, prints its process id,
and prints how it ended. Forking saves each life the imports.
"""

import asyncio
import itertools
import json
import os
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from random import Random
from typing import Any

import pytest
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

import bot.app
from bot.__main__ import main
from bot.delivery import dispatcher, limiter, poller
from bot.delivery.limiter import Limiter, Rate
from bot.delivery.wire import File
from bot.store.database import Database
from faq.content import TOPIC_IDS
from faq.reader import Own, Reader, Understood
from faq.redflags import Level

URGENT = "help!"


class FixedReader(Reader):
    """Takes a topic's id for a question about it, `URGENT` for an emergency, and understands nothing else."""

    def __init__(self) -> None:
        super().__init__({}, (), default="en")

    def read(self, text: str, language: str, previous_topic: str | None = None, own: Sequence[Own] = ()) -> Understood:
        """Return how `text` is taken."""
        if self.is_urgent(text, language):
            return Understood("urgent", None, (), 1.0, language, level=Level.EMERGENCY)
        if text in TOPIC_IDS:
            return Understood("answer", text, (), 1.0, language)
        return Understood("suggest", None, (), 0.0, language)

    def red_flag(self, text: str, language: str) -> tuple[Level, float] | None:
        """Return an emergency where the text holds `URGENT`."""
        return (Level.EMERGENCY, 1.0) if URGENT in text else None


class Seconds:
    """A monotonic clock that stands still until it is moved."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        """Return the seconds."""
        return self.now


def without_waits(monkeypatch: pytest.MonkeyPatch, monotonic: Callable[[], float] | None = None) -> None:
    """Let a story's bot try again at once, and keep Telegram's limits by `monotonic`, or not at all."""
    seconds = monotonic or hurrying()
    monkeypatch.setattr("tests.story.Limiter", lambda rate: Limiter(rate, seconds))
    monkeypatch.setattr(dispatcher, "BACK_OFF", (0.001,))
    monkeypatch.setattr(poller, "BACK_OFF", (0.0,))


def hurrying() -> Callable[[], float]:
    """Return a monotonic clock on which a minute passes between two looks, so that no limit makes anybody wait."""
    return itertools.count(0.0, 60.0).__next__


class Failing:
    """Makes transactions of a database fail as a locked or broken one does: those for which `when` says so.

    With `committed`, the failure comes after the commit, as when the connection breaks while it is confirmed.
    """

    def __init__(self, database: Database, when: Callable[[], bool], *, committed: bool = False) -> None:
        self.when = when
        self.count = 0
        self._committed = committed
        self._write, self._read = database._write, database.read_now
        database._write = self._failing_write  # type: ignore[method-assign]  # where every transaction passes
        database.read_now = self._failing_read  # type: ignore[method-assign]  # where every look passes

    def _failing_write(self, work: Callable[[Session], Any], *engine: Any) -> tuple[Any, bool]:
        fails = self.when()
        self.count += fails
        if not fails or self._committed:
            done = self._write(work, *engine)
        if fails:
            raise OperationalError("COMMIT", {}, Exception("database is locked"))
        return done

    def _failing_read(self, work: Callable[[Session], Any]) -> Any:
        if self.when():
            self.count += 1
            raise OperationalError("SELECT", {}, Exception("disk I/O error"))
        return self._read(work)


async def until(done: Callable[[], object]) -> None:
    """Let others work until `done()` is true."""
    async with asyncio.timeout(20):
        while not done():  # noqa: ASYNC110  all it waits for happens in this loop, turn by turn
            await asyncio.sleep(0)


def often(share: float, seed: int = 1) -> Callable[[], bool]:
    """Return a condition that is true for this share of the looks at it, the same ones in each run."""
    luck = Random(seed)  # noqa: S311  bad luck that can be repeated, nothing secret
    return lambda: luck.random() < share


Answer = dict[str, Any] | Exception


class Scripted:
    """A wire without a stand-in behind it: `answer` decides what comes back, or which exception is raised."""

    def __init__(self, answer: Callable[[str, Mapping[str, Any]], Answer | Awaitable[Answer]]) -> None:
        self.answer = answer
        self.calls: list[tuple[str, dict[str, Any]]] = []

    async def exchange(
        self, method: str, params: Mapping[str, Any], files: Mapping[str, File], seconds: float
    ) -> tuple[int, bytes]:
        """Note the request and give its answer."""
        self.calls.append((method, dict(params)))
        answer = self.answer(method, params)
        if isinstance(answer, Awaitable):
            answer = await answer
        else:
            await asyncio.sleep(0)  # a network lets others run
        if isinstance(answer, Exception):
            raise answer
        return int(answer.get("error_code", 200)), json.dumps(answer).encode()

    async def close(self) -> None:
        """Hold nothing."""

    def said(self, chat_id: int) -> list[str]:
        """Return the texts that were sent to a chat, in order."""
        return [
            params["text"] for method, params in self.calls if params.get("chat_id") == chat_id and "text" in params
        ]


def taken(message_id: int = 1) -> Answer:
    """Answer that a message was sent."""
    return {"ok": True, "result": {"message_id": message_id}}


def refused(code: int, description: str, **parameters: int) -> Answer:
    """Answer no, as the Bot API does."""
    return {"ok": False, "error_code": code, "description": description, "parameters": parameters}


def _live() -> int:
    bot.app.build_reader = lambda *_: FixedReader()
    limiter.CHAT = limiter.GROUP = Rate(1000.0, 1000.0)
    return main(["run"])


def _nursery() -> int:
    for _ in sys.stdin:
        child = os.fork()
        if child == 0:
            os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # standard output is the nursery's
            os._exit(_live())
        print(child, flush=True)  # noqa: T201  the test reads it
        _, status = os.waitpid(child, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)  # noqa: T201  likewise
    return 0


if __name__ == "__main__":
    sys.exit(_live() if sys.argv[1:] == ["run"] else _nursery())
