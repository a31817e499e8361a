"""Time without waiting: an event loop whose clock jumps to the next timer, and a network on it that breaks.

Pauses, limits and time-outs are the real ones and have their real lengths; only nobody has to sit through them. While a
thread works (a transaction), the clock stands still.
"""

import asyncio
import selectors
from collections.abc import Callable, Mapping
from concurrent.futures import Executor
from datetime import datetime, timedelta
from random import Random
from typing import Any, TypeVarTuple

from bot.clock import MovableClock
from bot.delivery.wire import CONNECT_SECONDS, File, Uncertain, Unsent
from bot.sandbox.telegram import Telegram
from tests.story import SandboxTransport

Ts = TypeVarTuple("Ts")


class _Jumping(selectors.DefaultSelector):
    """Waits for threads, and for nothing else."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0
        self.at_work = 0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        """Return what is ready; where only a timer would end the wait, it has run out."""
        if timeout is None or timeout <= 0 or self.at_work:
            return super().select(timeout if timeout is not None and timeout <= 0 else None)
        ready = super().select(0)
        if not ready:
            self.now += timeout
        return ready


class HurriedLoop(asyncio.SelectorEventLoop):
    """A loop on which waiting takes no time."""

    def __init__(self) -> None:
        self._jumping = _Jumping()
        super().__init__(self._jumping)

    def time(self) -> float:
        """Return the seconds since the loop was made, as those who wait on it know them."""
        return self._jumping.now

    def run_in_executor(  # type: ignore[override]  # the declared type is a coroutine's, what is returned is a future
        self, executor: Executor | None, func: Callable[[*Ts], Any], *args: *Ts
    ) -> "asyncio.Future[Any]":
        """Let a thread work, for which the clock stands still."""
        future = super().run_in_executor(executor, func, *args)
        self._jumping.at_work += 1
        future.add_done_callback(self._worked)
        return future

    def _worked(self, _: "asyncio.Future[Any]") -> None:
        self._jumping.at_work -= 1


def seconds() -> float:
    """Return the running loop's seconds."""
    return asyncio.get_running_loop().time()


class RunningClock(MovableClock):
    """A clock that goes by the seconds of the loop it was made on, in every thread."""

    def __init__(self, start: datetime) -> None:
        super().__init__(start)
        self._loop = asyncio.get_running_loop()

    def now(self) -> datetime:
        """Return the present instant."""
        return super().now() + timedelta(seconds=self._loop.time())


class Network(SandboxTransport):
    """A way to Telegram that takes a moment, and can be down: then nothing answers, and what was under way is cut.

    Where Telegram does not know the token any more, it says so to every request.
    """

    def __init__(self, telegram: Telegram, luck: Random) -> None:
        super().__init__(telegram)
        self._luck = luck
        self.is_up = True
        self.knows_token = True
        self.heard: list[tuple[float, str, Any]] = []
        """What Telegram heard: when, which method, about which chat."""
        self.tries = 0
        """Requests while it was down."""

    async def exchange(
        self, method: str, params: Mapping[str, Any], files: Mapping[str, File], seconds: float
    ) -> tuple[int, bytes]:
        """Carry one request."""
        if not self.is_up:
            self.tries += 1
            await asyncio.sleep(CONNECT_SECONDS)
            raise Unsent("nothing answers")
        await asyncio.sleep(self._luck.uniform(0.02, 0.2))
        if not self.knows_token:
            return 401, b'{"ok": false, "error_code": 401, "description": "Unauthorized"}'
        self.heard.append((asyncio.get_running_loop().time(), method, params.get("chat_id")))
        try:
            async with asyncio.timeout(seconds):
                try:
                    status, body = await super().exchange(method, params, files, seconds)
                except Uncertain as error:
                    if str(error) == "no answer":
                        await asyncio.sleep(seconds)
                    raise
        except TimeoutError:
            raise Uncertain("no answer in time") from None
        if not self.is_up:
            raise Uncertain("cut")
        return status, body
