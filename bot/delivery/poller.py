"""Long polling: updates are fetched raw, kept, and only then confirmed by the next fetch.

Nothing is parsed before it is kept, so an update that the library cannot read cannot stop those behind it.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import structlog

from bot.delivery.wire import Refusal, Unsent, Wire, WireError
from bot.meters import Meters

log = structlog.get_logger()

HOLD_SECONDS = 30
"""How long Telegram may hold a fetch open while nothing happens."""

STANDBY = 1.0
"""Seconds between two looks whether it has become this program that fetches."""

BATCH = 100
ALLOWED_UPDATES = ("message", "edited_message", "callback_query", "my_chat_member")
BACK_OFF = (0.5, 1.0, 2.0, 5.0, 10.0)


def pauses() -> Iterator[float]:
    """Yield the seconds to wait after each failure in a row, without end."""
    yield from BACK_OFF
    while True:
        yield BACK_OFF[-1]


class Poller:
    """Fetches until it is cancelled, while `may_fetch` says so; `take` keeps a batch, and raising there leaves it
    unconfirmed."""

    def __init__(
        self,
        wire: Wire,
        take: Callable[[list[dict[str, Any]]], Awaitable[None]],
        *,
        may_fetch: Callable[[], bool] = lambda: True,
        meters: Meters | None = None,
    ) -> None:
        self._wire = wire
        self._take = take
        self._may_fetch = may_fetch
        self._meters = meters or Meters()
        self._offset: int | None = None
        self._pauses = pauses()

    async def run(self) -> None:
        """Fetch and keep for ever, waiting longer after each failure."""
        while True:
            if not self._may_fetch():
                self._meters.fetched()
                await asyncio.sleep(STANDBY)
                continue
            try:
                await self._fetch()
            except Refusal as refusal:
                await self._refused(refusal)
            except Unsent as error:
                advice = "Telegram cannot be reached: look at this machine's network"
                await self._wait("poll.failed", error=type(error).__name__, advice=advice)
            except WireError as error:
                advice = "Telegram does not answer: look at this machine's network, else wait"
                await self._wait("poll.failed", error=type(error).__name__, advice=advice)
            except Exception as error:
                await self._wait("poll.not_kept", error=type(error).__name__)
            else:
                self._pauses = pauses()
                self._meters.fetched()

    async def _fetch(self) -> None:
        params = {
            "offset": self._offset,
            "limit": BATCH,
            "timeout": HOLD_SECONDS,
            "allowed_updates": ALLOWED_UPDATES,
        }
        batch: list[dict[str, Any]] = await self._wire.call("getUpdates", params, seconds=HOLD_SECONDS + 10.0)
        if batch:
            await self._take(batch)
            self._offset = max(int(raw["update_id"]) for raw in batch) + 1

    async def _refused(self, refusal: Refusal) -> None:
        match refusal.code:
            case 401 | 404:
                advice = "Telegram does not know this token: ask @BotFather for it and set MESOBOT_TOKEN"
            case 409:
                advice = "another program uses this token, or a webhook is set: stop it; `mesobot doctor` says which"
            case _:
                advice = "Telegram refused getUpdates"
        await self._wait("poll.refused", code=refusal.code, advice=advice, at_least=refusal.retry_after or 0.0)

    async def _wait(self, event: str, *, at_least: float = 0.0, **facts: object) -> None:
        seconds = max(at_least, next(self._pauses))
        log.warning(event, again_in=seconds, **facts)
        self._meters.not_fetched(str(facts.get("advice") or facts["error"]))
        await asyncio.sleep(seconds)
