"""Three programs share a PostgreSQL database behind one webhook, and are killed, put to sleep and stopped under load.

Nothing is lost, nothing is handled twice, nothing is said twice unmarked, and each chat keeps its order.

REPLICA_TEST_EVENTS says how often something happens to one of them (6 if it is not set), REPLICA_TEST_SEED which bad
luck.
"""

import asyncio
import contextlib
import os
import signal
from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from urllib.parse import urlsplit

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from bot.clock import SystemClock
from bot.sandbox.server import SandboxServer
from bot.sandbox.telegram import Telegram
from bot.store import leases
from bot.store.database import Database, parse_url
from bot.store.models import Enquiry, Incoming, Lease, Outgoing, Question
from tests.postgres import Cluster
from tests.stories.test_over_http import free_port
from tests.story import TOKEN
from tests.test_crash import NURSERY, Crowd, Nursery, backlog, nursery, schedule, tally

EVENTS = int(os.environ.get("REPLICA_TEST_EVENTS", "6"))
SEED = int(os.environ.get("REPLICA_TEST_SEED", "1"))
REPLICAS = 3
SECRET = "0123456789abcdefghijklmnopqrstuvwxyz"
A_NAP = leases.SECONDS + 1.0
"""Seconds for which a program sleeps: longer than what it holds is good for."""


@dataclass
class Program:
    """One of the programs."""

    lives: Nursery
    port: int

    async def begin(self) -> None:
        """Begin a life, and wait until it can be reached."""
        await self.lives.begin()
        async with asyncio.timeout(60):
            while True:
                try:
                    _, writer = await asyncio.open_connection("127.0.0.1", self.port)
                except OSError:
                    await asyncio.sleep(0.02)
                else:
                    return writer.close()


def spread(telegram: Telegram, programs: list[Program], luck: Random) -> None:
    """Post each update to one program by chance, as a load balancer does, and wait no longer than that would."""
    deliver = telegram.feed.deliver
    assert deliver is not None

    async def to_one(url: str, headers: Mapping[str, str], body: bytes) -> int:
        port = luck.choice(programs).port
        try:
            async with asyncio.timeout(2):
                return await deliver(f"http://127.0.0.1:{port}{urlsplit(url).path}", headers, body)
        except TimeoutError:
            raise OSError("no answer") from None

    telegram.feed.deliver = to_one


def holders(session: Session) -> set[str]:
    """Return the programs that hold something at this moment."""
    return set(session.scalars(select(Lease.owner).where(Lease.until > func.clock_timestamp())))


async def happen(program: Program, luck: Random) -> str:
    """Let something happen to a program; it is well again afterwards."""
    what = luck.choice(("kill", "sleep", "stop"))
    match what:
        case "kill":
            program.lives.end(signal.SIGKILL)
            assert await program.lives.ended() == -signal.SIGKILL
            await program.begin()
        case "stop":
            program.lives.end(signal.SIGTERM)
            assert await program.lives.ended() == 0
            await program.begin()
        case _:
            program.lives.end(signal.SIGSTOP)
            await asyncio.sleep(A_NAP)  # it is the length of real time that is tried here
            program.lives.end(signal.SIGCONT)
    return what


def out_of_order(session: Session) -> list[int]:
    """Return the chats whose questions were not kept in the order in which they were asked."""
    asked: dict[int, list[int]] = defaultdict(list)
    for chat_id, text in session.execute(select(Question.chat_id, Question.text).order_by(Question.id)):
        asked[chat_id].append(int(text.removeprefix("question ")))
    return [chat_id for chat_id, numbers in asked.items() if numbers != sorted(numbers)]


@pytest.mark.parametrize("seed", [SEED])
async def test_three_programs_lose_nothing_and_double_nothing(seed: int, cluster: Cluster, tmp_path: Path) -> None:
    luck = Random(seed)  # noqa: S311  bad luck that can be repeated, nothing secret
    telegram = Telegram(TOKEN, SystemClock(), record_calls=False)
    crowd = Crowd(telegram, luck)
    group = telegram.add_group("Staff", [telegram.add_user("Maya")])
    for user in crowd.people:
        user.started = True
    async with contextlib.AsyncExitStack() as stack:
        url = stack.enter_context(cluster.database())
        database = stack.enter_context(contextlib.closing(Database(parse_url(url))))
        await database.transaction(lambda session: schedule(session, crowd.people, datetime.now(UTC)))
        server = await stack.enter_async_context(SandboxServer(telegram))
        programs = []
        for number in range(REPLICAS):
            folder = tmp_path / str(number)
            folder.mkdir()
            port = free_port()
            environment = {
                "MESOBOT_TOKEN": TOKEN,
                "MESOBOT_API_URL": server.url,
                "MESOBOT_DATABASE_URL": url,
                "MESOBOT_STAFF_CHAT": str(group.id),
                "MESOBOT_WEBHOOK_URL": "http://127.0.0.1:1/hook",
                "MESOBOT_WEBHOOK_SECRET": SECRET,
                "MESOBOT_LISTEN": f"127.0.0.1:{port}",
                "MESOBOT_SEND_RATE": "1000",
                "MESOBOT_LOG_LEVEL": "WARNING",
            }
            program = Program(await stack.enter_async_context(nursery(folder, environment, NURSERY)), port)
            await program.begin()
            programs.append(program)
        spread(telegram, programs, luck)
        done = asyncio.Event()

        async def write() -> None:
            while not done.is_set():
                if backlog(telegram, database) < 100:
                    await crowd.act(20)
                await asyncio.sleep(0.02)

        writing = asyncio.create_task(write())
        happened: Counter[str] = Counter()
        to_come = EVENTS

        async def haunt(program: Program, luck: Random) -> None:
            nonlocal to_come
            while to_come > 0:
                to_come -= 1
                await asyncio.sleep(luck.random())
                happened[await happen(program, luck)] += 1

        # each has its own bad luck, so that two or all three may be gone at once
        await asyncio.gather(*(haunt(program, Random(luck.random())) for program in programs))  # noqa: S311  likewise
        done.set()
        await writing
        async with asyncio.timeout(120):
            while backlog(telegram, database):  # noqa: ASYNC110  other processes do it
                await asyncio.sleep(0.05)
        assert len(database.read_now(holders)) == REPLICAS, "in the end each has its share"
        for program in programs:
            program.lives.end(signal.SIGTERM)
            assert await program.lives.ended() == 0

        def look(session: Session) -> tuple[list[Outgoing], list[str], list[int], int, list[str], set[str]]:
            return (
                list(session.scalars(select(Outgoing).order_by(Outgoing.id))),
                list(session.scalars(select(Question.text).order_by(Question.id))),
                out_of_order(session),
                session.scalar(select(func.count()).select_from(Enquiry)) or 0,
                list(session.scalars(select(Incoming.state))),
                holders(session),
            )

        rows, asked, disordered, enquiries, updates, left = database.read_now(look)
    found = tally(telegram, rows)
    print(  # noqa: T201  what a longer run by hand is for
        f"\n{dict(happened)}; {len(updates)} updates, {len(asked)} questions, {found.sent} messages sent, "
        f"{found.repeats} repeats (marked), {found.uncertain} uncertain ({found.uncertain_shown} arrived); "
        f"doubled {len(found.doubled)}, missing {len(found.missing)}, out of order {len(found.out_of_order)}"
    )
    for number in range(REPLICAS):
        assert "Traceback" not in (tmp_path / str(number) / "stderr").read_text()
    assert Counter(updates) == {"done": telegram.feed._last_id - 100_000_000}, "every update is kept, and handled"
    assert sorted(asked) == sorted(crowd.asked), "every question is kept once"
    assert disordered == []
    assert enquiries == len(crowd.passed_on), "every question passed on is passed on once"
    assert {row.state for row in rows} <= {"sent", "unknown", "stale"}
    assert found.doubled == []
    assert found.repeated_twice == []
    assert found.missing == []
    assert found.out_of_order == []
    assert left == set(), "who stops leaves everything to the others"
