"""The intake: updates are kept, and then handled one after the other in each chat, each by one program.

Where several programs share the database, what one has kept may be another's to handle. It is then read from the
inbox, chat by chat and in order, however it was heard of: an update that was kept earlier is never behind a later one.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import structlog

from bot.clock import Clock
from bot.delivery import inbox
from bot.delivery.inbox import Kept
from bot.delivery.lanes import Lanes
from bot.delivery.poller import pauses
from bot.delivery.replica import Replica
from bot.store.database import Database, Session

log = structlog.get_logger()

MOST_WAITING = 2000
"""Updates that may wait in memory before fetching pauses; they are all in the inbox."""

FLUSH_SECONDS = 0.25
"""How long an update that wrote nothing may wait to be marked as handled."""


class Intake:
    """Keeps updates and hands each to `handle`, which returns once it is done with it, or cannot do it now."""

    def __init__(
        self, database: Database, clock: Clock, replica: Replica, handle: Callable[[Kept], Awaitable[None]]
    ) -> None:
        self._database = database
        self._clock = clock
        self._replica = replica
        self._handle = handle
        self._lanes: Lanes[Kept] = Lanes(self._run)
        self._waiting: set[int] = set()
        """Updates in the lanes."""
        self._handled: list[int] = []
        """Updates that are handled and not yet marked so."""
        self._doubtful: set[int] = set()
        """Updates of which nobody knows whether they were kept."""
        self._chats: set[int] = set()
        """Chats to be looked up in the inbox."""
        self._all = False
        self._look: asyncio.Task[None] | None = None
        self._settled: set[int] = set()
        """Updates that were done with since it was last looked."""

    async def take(self, batch: list[dict[str, Any]]) -> None:
        """Keep updates as Telegram sent them, then have them handled; once this returns they cannot be lost."""
        now = self._clock.now()
        handled, self._handled = self._handled, []

        def keep(session: Session) -> list[Kept]:
            inbox.finish_all(session, handled, now)
            fresh = inbox.keep(session, batch, now=now, doubtful=self._doubtful)
            self._replica.tell(session, {kept.lane for kept in fresh})
            return fresh

        try:
            fresh = await self._database.transaction(keep)
        except BaseException:  # being cancelled, too: what is marked twice does no harm, what is not comes again
            self._handled += handled
            self._doubtful.update(raw["update_id"] for raw in batch)
            raise
        self._doubtful.difference_update(raw["update_id"] for raw in batch)
        if self._replica.is_shared:
            self.look({kept.lane for kept in fresh})
        else:
            self._put(fresh)
        await self._lanes.until_fewer_than(MOST_WAITING)

    def look(self, chats: set[int] | None = None) -> None:
        """Look for updates that wait in the inbox: of these `chats`, or of all; only this program's are handled."""
        self._all = self._all or chats is None
        self._chats.update(chats or ())
        if self._look is None:
            self._look = asyncio.create_task(self._look_up())

    def done(self, update_id: int) -> None:
        """See to it that an update that wrote nothing is marked soon; a crash before that only repeats a harmless
        tap."""
        self._handled.append(update_id)
        if len(self._handled) == 1:
            asyncio.get_running_loop().call_later(FLUSH_SECONDS, lambda: asyncio.ensure_future(self.flush()))

    async def flush(self) -> None:
        """Mark what was handled and wrote nothing."""
        handled, self._handled = self._handled, []
        if not handled:
            return
        try:
            await self._database.transaction(lambda session: inbox.finish_all(session, handled, self._clock.now()))
        except Exception as error:
            self._handled += handled  # the next batch, or the stop, marks them
            log.warning("inbox.not_marked", count=len(handled), error=type(error).__name__)

    async def until_idle(self) -> None:
        """Wait until nothing waits or is being handled."""
        while self._look is not None or len(self._lanes):
            if self._look is not None:
                await asyncio.shield(self._look)
            await self._lanes.until_fewer_than(1)

    @property
    def is_idle(self) -> bool:
        """True where nothing waits or is being handled."""
        return self._look is None and not len(self._lanes)

    async def stop(self) -> None:
        """Let what runs finish; the rest is in the inbox."""
        if self._look is not None:
            self._look.cancel()
            await asyncio.gather(self._look, return_exceptions=True)
        await self._lanes.stop()
        await self.flush()

    async def _look_up(self) -> None:
        """Put what is found into the lanes; a failure of the database is tried again."""
        pausing = pauses()
        while self._all or self._chats:
            chats, self._chats = self._chats, set()
            everything, self._all = self._all, False
            self._settled = set(self._handled)
            try:
                found = await self._database.read(
                    lambda session: inbox.unfinished(session, None if everything else chats)  # noqa: B023  it is awaited here
                )
            except Exception as error:
                log.warning("inbox.not_read", error=type(error).__name__)
                self._all, self._chats = self._all or everything, self._chats | chats
                await asyncio.sleep(next(pausing))
                continue
            self._put([kept for kept in found if kept.update_id not in self._settled])
        self._look = None

    def _put(self, found: list[Kept]) -> None:
        for kept in found:
            if kept.update_id not in self._waiting and self._replica.has_chat(kept.lane):
                self._waiting.add(kept.update_id)
                self._lanes.put(kept.lane, kept)

    async def _run(self, kept: Kept) -> None:
        try:
            if self._replica.has_chat(kept.lane):
                await self._handle(kept)
        finally:
            self._waiting.discard(kept.update_id)
            if self._look is not None:
                self._settled.add(kept.update_id)
