"""Several programs on one PostgreSQL database, behind one webhook."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from random import Random

from bot.store.database import Database, parse_url
from tests.benchmarks import load
from tests.benchmarks.load import BenchmarkError, Rig
from tests.stories.test_over_http import free_port
from tests.test_replicas import SECRET, holders, spread

SETTLE = 3.0
"""Seconds in which the programs have dealt the chats out among themselves."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where one of the programs listens."""

    port: int

    async def opened(self) -> None:
        """Wait until it does."""
        while True:
            with contextlib.suppress(OSError):
                _, writer = await asyncio.open_connection("127.0.0.1", self.port)
                return writer.close()
            await asyncio.sleep(0.05)


@contextlib.asynccontextmanager
async def fleet(count: int, folder: Path, chats: int, url: str, server: int) -> AsyncIterator[Rig]:
    """Run so many programs, with the real reader, until the context ends; each gets every n-th update by chance."""
    async with load.serving(chats) as (standin, address), contextlib.AsyncExitStack() as stack:
        places, processes = [Place(free_port()) for _ in range(count)], []
        for place in places:
            home = folder / f"{count}-{place.port}"
            home.mkdir()
            settings = {
                "MESOBOT_DATABASE_URL": url,
                "MESOBOT_WEBHOOK_URL": "http://127.0.0.1:1/hook",
                "MESOBOT_WEBHOOK_SECRET": SECRET,
                "MESOBOT_LISTEN": f"127.0.0.1:{place.port}",
            }
            one = load.child(load.MESOBOT, home, standin, address, settings)
            processes.append(await stack.enter_async_context(one))
        spread(standin, places, Random(1))  # type: ignore[arg-type]  # noqa: S311  it asks for a port only
        try:
            await asyncio.wait_for(asyncio.gather(*(place.opened() for place in places)), load.PATIENCE)
        except TimeoutError:
            raise BenchmarkError(f"{count} programs did not start") from None
        await asyncio.sleep(SETTLE)
        database = Database(parse_url(url))
        present = len(database.read_now(holders))
        database.close()
        if present != count:
            raise BenchmarkError(f"{present} of {count} programs share the work")
        yield Rig(standin, processes, server)
