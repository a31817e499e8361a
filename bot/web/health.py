"""Health: whether the program lives, whether it is well, and its counters, for whoever watches over it.

/livez     200 as long as the event loop turns: what a supervisor restarts the program by
/healthz   200 where messages come in and go out, else 503 with what is wrong: what a person is called by
/metrics   the counters

A bot that waits for Telegram, or for its database, lives and is not well: starting it again would help nobody.
"""

import asyncio
import contextlib
import shutil
import time
from collections.abc import AsyncIterator, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from bot.clinic import staffroom
from bot.clock import Clock
from bot.store import backlog
from bot.store.backlog import Backlog, Oldest
from bot.store.database import SCHEMA, Database
from bot.web.metrics import Counters
from bot.web.server import listening

LONGEST_SILENCE = 90.0
"""Seconds without an answer to getUpdates: a fetch may take 40, and the next try comes half a minute later."""

LATE = timedelta(minutes=5)
"""How long a due message, or an update, may wait."""

LEAST_BYTES = 100 * 1024 * 1024
"""Of free disk for the database."""

PATIENCE = 4.0
"""Seconds to wait for the database: fewer than whoever asks waits."""

RECENT = 10.0
"""Seconds for which a count of the backlog is good, so that asking often costs nothing."""

LOOK_SECONDS = 0.5
"""Between two looks at how late the event loop runs."""

PROMETHEUS = "text/plain; version=0.0.4; charset=utf-8"


class Health:
    """Says how the program is."""

    def __init__(self, database: Database, clock: Clock, counters: Counters, *, version: str, polls: bool) -> None:
        self._database = database
        self._clock = clock
        self._counters = counters
        self._version = version
        self._polls = polls
        self._since = clock.now()
        self._counted: tuple[float, Backlog] | None = None

    async def report(self) -> dict[str, Any]:
        """Return how the program is: `ready`, and under `wrong` what is not well and why."""
        now = self._clock.now()
        oldest, closed = await self._look(now) or (None, None)
        wrong = self._wrong(oldest, closed, now)
        self._counters.ready.set(not wrong)
        return {
            "ready": not wrong,
            "wrong": wrong,
            "bot": self._counters.username,
            "mode": "polling" if self._polls else "webhook",
            "version": self._version,
            "schema": SCHEMA,
            "since": self._since.isoformat(timespec="seconds"),
            "oldest_update_seconds": _seconds(now, oldest.update) if oldest else None,
            "oldest_due_seconds": _seconds(now, oldest.due) if oldest else None,
        }

    async def metrics(self) -> bytes:
        """Return the counters, and what waits as far as the database tells."""
        await self.report()
        return self._counters.text(await self._count(), self._clock.now())

    async def watch_loop(self) -> None:
        """Measure for ever how late the event loop runs."""
        while True:
            began = time.perf_counter()
            await asyncio.sleep(LOOK_SECONDS)
            self._counters.lagged(max(0.0, time.perf_counter() - began - LOOK_SECONDS))

    def _wrong(self, oldest: Oldest | None, closed: datetime | None, now: datetime) -> Mapping[str, str]:
        pulse, wrong = self._counters, {}
        if pulse.database_trouble is not None:
            wrong["database"] = pulse.database_trouble
        elif oldest is None:
            wrong["database"] = f"it does not answer within {PATIENCE:.0f} seconds"
        if pulse.username is None:
            wrong["start"] = "Telegram has not been reached yet, or the texts are still being read"
        elif self._polls and pulse.since_fetched > LONGEST_SILENCE:
            why = f": {pulse.no_fetch}" if pulse.no_fetch else ""
            wrong["fetching"] = f"no updates were fetched for {pulse.since_fetched:.0f} seconds{why}"
        elif not self._polls and pulse.no_fetch:
            wrong["webhook"] = pulse.no_fetch
        if oldest and oldest.update and now - oldest.update > LATE:
            wrong["inbox"] = f"an update has waited for {_seconds(now, oldest.update)} seconds"
        if oldest and oldest.due and now - oldest.due > LATE:
            wrong["outbox"] = f"a message has been due for {_seconds(now, oldest.due)} seconds"
        if closed is not None:
            wrong["staff"] = (
                f"the staff group has taken no messages for {_seconds(now, closed)} seconds: see that the bot is in it "
                "and may write there"
            )
        if (free := free_bytes(self._database)) is not None and free < LEAST_BYTES:
            wrong["disk"] = f"{free // 1024 // 1024} MB are free for the database: make room"
        return wrong

    async def _look(self, now: datetime) -> tuple[Oldest, datetime | None] | None:
        """Return since when something waits, and since when staff get nothing; None where the database does not say."""
        with contextlib.suppress(Exception):  # what is wrong has been noted by the database itself
            async with asyncio.timeout(PATIENCE):
                return await self._database.read(
                    lambda session: (backlog.oldest(session, now), staffroom.closed_since(session))
                )
        return None

    async def _count(self) -> Backlog | None:
        if self._counted is not None and time.monotonic() - self._counted[0] < RECENT:
            return self._counted[1]
        now = self._clock.now()
        self._counted = None
        with contextlib.suppress(Exception):
            async with asyncio.timeout(PATIENCE):
                found = await self._database.read(lambda session: backlog.count(session, now))
                self._counted = time.monotonic(), found
                return found
        return None


def free_bytes(database: Database) -> int | None:
    """Return the room that is left where the database's file is; None where it is not on this machine."""
    if not database.is_sqlite:
        return None
    try:
        return shutil.disk_usage(Path(database.url.database or "").absolute().parent).free
    except OSError:
        return None


def create_app(health: Health) -> Starlette:
    """Return the application that says how the program is."""

    async def livez(_: Request) -> Response:
        return PlainTextResponse("alive\n")

    async def healthz(_: Request) -> Response:
        report = await health.report()
        return JSONResponse(report, 200 if report["ready"] else 503)

    async def metrics(_: Request) -> Response:
        return Response(await health.metrics(), headers={"Content-Type": PROMETHEUS})

    return Starlette(routes=[Route("/livez", livez), Route("/healthz", healthz), Route("/metrics", metrics)])


@contextlib.asynccontextmanager
async def serving(listen: str, health: Health) -> AsyncIterator[None]:
    """Serve at HOST:PORT while the context is open; raises OSError where that cannot be listened on."""
    watch = asyncio.create_task(health.watch_loop())
    try:
        async with listening(listen, create_app(health)):
            yield
    finally:
        watch.cancel()


def _seconds(now: datetime, since: datetime | None) -> int:
    return max(0, int((now - since).total_seconds())) if since else 0
