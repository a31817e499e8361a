"""This program among those that share a PostgreSQL database: what it does for all of them, as long as it is there.

SQLite has one program, which does everything.
"""

import asyncio
import secrets
import time
from collections.abc import Callable

import structlog

from bot.store import leases, notices
from bot.store.database import OWED, Database, Session

log = structlog.get_logger()

BEAT = 1.0
"""Seconds between two signs of life."""

SURE = 0.7 * leases.SECONDS
"""Seconds after its last sign of life for which a program may send without asking the database."""

KEPT = "kept"
"""What a notice of updates for other programs begins with."""


class Replica:
    """Knows what is this program's to do; the callbacks are called in the event loop."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._shared = not database.is_sqlite
        self._held = leases.Held(not self._shared, frozenset() if self._shared else frozenset(range(leases.LANES)))
        self._sure_until = 0.0
        self._tasks: list[asyncio.Task[None]] = []
        self.on_sender: Callable[[], None] = lambda: None
        """Called when this program has become the one that sends."""
        self.on_lanes: Callable[[], None] = lambda: None
        """Called when lanes have become this program's, or when it may have missed notices."""
        self.on_owed: Callable[[], None] = lambda: None
        """Called when another program owes somebody a message."""
        self.on_kept: Callable[[set[int]], None] = lambda _: None
        """Called with chats of which another program has kept updates."""

    @property
    def is_shared(self) -> bool:
        """True where other programs may use the database."""
        return self._shared

    @property
    def leads(self) -> bool:
        """True for the program that sends, fetches and makes the rounds, as far as it knows."""
        return self._held.sends

    def sends(self) -> bool:
        """True while it is certainly this program: what is sent cannot be taken back, as a transaction can."""
        return self._held.sends and (not self._shared or time.monotonic() < self._sure_until)

    def has_chat(self, chat_id: int) -> bool:
        """True for a chat whose updates are this program's to handle."""
        return leases.lane_of(chat_id) in self._held.lanes

    async def open(self) -> None:
        """Take up this program's share, and go on saying that it is there; raises where the database is not."""
        if not self._shared:
            return
        self._database.owner = secrets.token_hex(6)
        await self._renew()
        self._tasks = [asyncio.create_task(self._beat()), asyncio.create_task(self._listen())]

    async def close(self) -> None:
        """Leave everything to the others, at once."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._database.owner is None:
            return
        self._held = leases.Held(False, frozenset())
        try:
            await self._database.transaction(leases.release)
        except Exception as error:  # they lapse by themselves
            log.warning("leases.not_released", error=type(error).__name__)

    def tell(self, session: Session, chats: set[int]) -> None:
        """Tell the other programs, in this transaction, of updates in chats that are not this program's."""
        others = sorted(chat_id for chat_id in chats if not self.has_chat(chat_id))
        if self._shared and others:
            notices.say(session, f"{KEPT}:{','.join(map(str, others))}")

    async def _beat(self) -> None:
        while True:
            await asyncio.sleep(BEAT)
            try:
                await self._renew()
            except Exception as error:
                log.warning("leases.not_renewed", error=type(error).__name__)

    async def _renew(self) -> None:
        begun = time.monotonic()
        before, sent = self._held, self.sends()
        self._held = await self._database.transaction(leases.renew)
        self._sure_until = begun + SURE
        if (before.sends, len(before.lanes)) != (self._held.sends, len(self._held.lanes)):
            log.info("leases.held", sends=self._held.sends, lanes=len(self._held.lanes))
        if self._held.sends and not sent:
            self.on_sender()
        if self._held.lanes - before.lanes:
            self.on_lanes()

    async def _listen(self) -> None:
        while True:
            try:
                await notices.listen(self._database.url, self.on_lanes, self._hear)
            except Exception as error:
                log.warning("notices.not_heard", error=type(error).__name__)
            await asyncio.sleep(BEAT)

    def _hear(self, notice: str) -> None:
        what, _, about = notice.partition(":")
        if what == OWED and about != self._database.owner:
            self.on_owed()
        elif what == KEPT:
            self.on_kept({int(chat_id) for chat_id in about.split(",")})
