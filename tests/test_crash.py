"""The program is killed again and again while it has work: nothing is lost, and nothing is done or said twice unmarked.

CRASH_TEST_KILLS says how often (20 if it is not set), CRASH_TEST_SEED which bad luck.
"""

import asyncio
import contextlib
import os
import signal
import sys
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from bot.clock import SystemClock
from bot.delivery import outbox
from bot.delivery.markup import parse
from bot.delivery.messages import Kind, Message
from bot.sandbox.server import SandboxServer
from bot.sandbox.telegram import Call, Telegram
from bot.sandbox.world import User
from bot.store.database import Database, parse_url
from bot.store.models import Enquiry, Incoming, Outgoing, Question
from tests.story import TOKEN

KILLS = int(os.environ.get("CRASH_TEST_KILLS", "20"))
SEED = int(os.environ.get("CRASH_TEST_SEED", "1"))
ROOT = Path(__file__).parents[1]
AGAIN = "(Sent again, because we cannot be sure that it arrived the first time.)\n"
PATIENTS = 30
ROUND = 60
"""Messages that people send in each life of the program."""

ENOUGH = 200
"""What may wait before people write less: the last life has to do all that is left."""

Key = tuple[int, str]
"""What tells a message from all others: its chat, and the number of its question or else its words."""


class Nursery:
    """Begins lives of the program, one after the other."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self.pid = 0

    async def begin(self) -> None:
        """Begin a life."""
        assert self._process.stdin is not None
        self._process.stdin.write(b"\n")
        self.pid = await self._number()

    async def ended(self) -> int:
        """Wait for the end of the life; return its exit status, or the negative signal that ended it."""
        status = await self._number()
        self.pid = 0
        return status

    def end(self, how: signal.Signals) -> None:
        """Send the living program a signal."""
        if self.pid:
            os.kill(self.pid, how)

    async def _number(self) -> int:
        assert self._process.stdout is not None
        return int(await asyncio.wait_for(self._process.stdout.readline(), 60))


@contextlib.asynccontextmanager
async def nursery(folder: Path, environment: dict[str, str]) -> AsyncIterator[Nursery]:
    """Open a nursery; whatever lives in the end is killed."""
    with (folder / "stderr").open("wb") as errors:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            *("-m", "tests.quick"),
            cwd=folder,
            env={**os.environ, "PYTHONPATH": str(ROOT), "OPENBLAS_NUM_THREADS": "1", **environment},
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=errors,
        )
        lives = Nursery(process)
        try:
            yield lives
        finally:
            with contextlib.suppress(ProcessLookupError):
                lives.end(signal.SIGKILL)
            process.stdin.close() if process.stdin else None
            await process.communicate()


class Crowd:
    """Patients who write, tap and ask for a person, and never the same words twice."""

    def __init__(self, telegram: Telegram, luck: Random) -> None:
        self.telegram = telegram
        self.luck = luck
        self.people = [telegram.add_user(f"Patient {number}") for number in range(PATIENTS)]
        self.asked: list[str] = []
        self.passed_on: set[int] = set()

    async def act(self, messages: int) -> None:
        """Let them send so many messages, and tap."""
        for _ in range(messages):
            user = self.luck.choice(self.people)
            if self.luck.random() < 0.1:
                await self.telegram.start(user.id)
            self.asked.append(f"question {len(self.asked)}")
            await self.telegram.send_text(user.id, self.asked[-1])
        for user in self.luck.sample(self.people, 5):
            await self._tap(user)

    async def _tap(self, user: User) -> None:
        with contextlib.suppress(LookupError):
            await self.telegram.tap_button(user.id, "🌿 After your visit")
        if user.id not in self.passed_on:
            with contextlib.suppress(LookupError):
                await self.telegram.tap_button(user.id, "Ask the clinic")
                await self.telegram.tap_button(user.id, "Ask the clinic")
                self.passed_on.add(user.id)


def schedule(session: Session, people: list[User], now: datetime) -> None:
    """Owe everybody scheduled messages of all kinds."""
    for user in people:
        for kind in (Kind.VISIT, Kind.CARE, Kind.OFFER, Kind.VISIT, Kind.CARE):
            row = outbox.post(session, Message(user.id, "…", kind=kind), now=now)
            session.flush()
            row.params = {**row.params, "text": f"scheduled message {row.id}"}


@dataclass
class Tally:
    """What became of everything."""

    doubled: list[Key]
    """Messages that stand twice in a chat without being marked as a repeat."""
    repeated_twice: list[Key]
    missing: list[Key]
    """Messages recorded as sent that stand in no chat."""
    out_of_order: list[Key]
    repeats: int
    uncertain: int
    """Messages of which the program itself says that it does not know."""
    uncertain_shown: int
    """Those of them that did arrive."""
    sent: int


def key_of(chat_id: int, shown: str, markup: dict[str, Any]) -> Key:
    """Return what tells a message from all others."""
    buttons = [button.get("callback_data", "") for row in markup.get("inline_keyboard", []) for button in row]
    return chat_id, next((data for data in buttons if data.startswith("ask:")), shown.removeprefix(AGAIN))


def tally(telegram: Telegram, rows: list[Outgoing]) -> Tally:
    """Compare what the chats show with what the outbox says."""
    plain: Counter[Key] = Counter()
    marked: Counter[Key] = Counter()
    first_shown: dict[Key, int] = {}
    for chat_id in telegram.chats:
        for message in telegram.history(chat_id):
            if message.get("from", {}).get("id") == telegram.bot_id:
                key = key_of(chat_id, message["text"], message.get("reply_markup", {}))
                (marked if message["text"].startswith(AGAIN) else plain)[key] += 1
                first_shown.setdefault(key, message["message_id"])
    repeats = {row.repeats: row for row in rows if row.repeats is not None}
    finals = {row.id: repeats.get(row.id, row) for row in rows if row.repeats is None and row.method == "sendMessage"}
    queues: dict[tuple[int, int], list[tuple[datetime, int, Key]]] = defaultdict(list)
    missing, uncertain_shown = [], 0
    for row in rows:
        if row.id not in finals:
            continue
        key = key_of(row.chat_id, parse(row.params["text"]).text, row.params.get("reply_markup", {}))
        if finals[row.id].state == "sent" and key not in first_shown and not _is_page(key):
            missing.append(key)
        uncertain_shown += finals[row.id].state == "unknown" and key in first_shown
        if key in first_shown and not _is_page(key):
            queues[row.chat_id, row.urgency].append((row.due_at, row.id, key))
    out_of_order = []
    for queue in queues.values():
        places = [first_shown[key] for _, _, key in sorted(queue)]
        out_of_order += [queue[0][2]] if places != sorted(places) else []
    states = Counter(row.state for row in finals.values())
    return Tally(
        doubled=[key for key, count in plain.items() if count > 1 and not _is_page(key)],
        repeated_twice=[key for key, count in marked.items() if count > 1 and not _is_page(key)],
        missing=missing,
        out_of_order=out_of_order,
        repeats=len(repeats),
        uncertain=states["unknown"],
        uncertain_shown=uncertain_shown,
        sent=states["sent"],
    )


def _is_page(key: Key) -> bool:
    """True for what may be said more than once: the welcome, and the page that a tap turned it into."""
    return not key[1].startswith(("ask:", "scheduled", "Question from", "I have passed"))


def backlog(telegram: Telegram, database: Database) -> int:
    """Return how much there is to do."""

    def count(session: Session) -> int:
        waiting = session.scalar(select(func.count()).where(Outgoing.state.in_(("pending", "sending")))) or 0
        return waiting + (session.scalar(select(func.count()).where(Incoming.state == "new")) or 0)

    return telegram.unconfirmed + database.read_now(count)


def killer(lives: Nursery, calls: int, delay: float) -> Callable[[Call], None]:
    """Kill the program once Telegram has done `calls` requests: before it hears the answer, or `delay` s after."""
    left, alive = calls, True

    def on_call(_: Call) -> None:
        nonlocal left, alive
        left -= 1
        if left > 0 or not alive or not lives.pid:
            return
        alive = False
        if delay:
            asyncio.get_running_loop().call_later(delay, lives.end, signal.SIGKILL)
        else:
            lives.end(signal.SIGKILL)

    return on_call


async def test_nothing_is_lost_and_nothing_is_doubled(database_file: Path, tmp_path: Path) -> None:
    luck = Random(SEED)  # noqa: S311  bad luck that can be repeated, nothing secret
    telegram = Telegram(TOKEN, SystemClock(), record_calls=False)
    crowd = Crowd(telegram, luck)
    group = telegram.add_group("Staff", [telegram.add_user("Maya")])
    for user in crowd.people:
        user.started = True
    database = Database(parse_url(f"sqlite:///{database_file}"))
    await database.transaction(lambda session: schedule(session, crowd.people, datetime.now(UTC)))
    busy = 0
    async with SandboxServer(telegram) as server:
        environment = {
            "MESOBOT_TOKEN": TOKEN,
            "MESOBOT_API_URL": server.url,
            "MESOBOT_DATABASE_URL": f"sqlite:///{database_file}",
            "MESOBOT_STAFF_CHAT": str(group.id),
            "MESOBOT_SEND_RATE": "1000",
            "MESOBOT_LOG_LEVEL": "WARNING",
        }
        async with nursery(tmp_path, environment) as lives:
            for _ in range(KILLS):
                await crowd.act(ROUND if backlog(telegram, database) < ENOUGH else 5)
                delay = luck.choice((0.0, luck.random() * 0.03))
                calls = luck.choice((luck.randint(2, 6), luck.randint(1, ROUND)))  # as often while it takes updates
                telegram.on_call = killer(lives, calls, delay)
                await lives.begin()
                assert await lives.ended() == -signal.SIGKILL
                busy += backlog(telegram, database) > 0
            telegram.on_call = None
            await lives.begin()
            async with asyncio.timeout(120):
                while backlog(telegram, database):  # noqa: ASYNC110  another process does it, and tells nobody
                    await asyncio.sleep(0.05)
            lives.end(signal.SIGTERM)
            assert await lives.ended() == 0
    errors = (tmp_path / "stderr").read_text()
    assert "Traceback" not in errors

    def look(session: Session) -> tuple[list[Outgoing], list[str], int, list[str]]:
        return (
            list(session.scalars(select(Outgoing).order_by(Outgoing.id))),
            list(session.scalars(select(Question.text).order_by(Question.id))),
            session.scalar(select(func.count()).select_from(Enquiry)) or 0,
            list(session.scalars(select(Incoming.state))),
        )

    rows, asked, enquiries, updates = database.read_now(look)
    database.close()
    found = tally(telegram, rows)
    print(  # noqa: T201  what a longer run by hand is for
        f"\n{KILLS} kills, {busy} of them with work left; {len(updates)} updates, {found.sent} messages sent, "
        f"{found.repeats} repeats (marked), {found.uncertain} uncertain ({found.uncertain_shown} arrived); "
        f"doubled {len(found.doubled)}, missing {len(found.missing)}, out of order {len(found.out_of_order)}"
    )
    assert busy >= KILLS * 0.9
    assert Counter(updates) == {"done": telegram.feed._last_id - 100_000_000}, "every update is kept, and handled"
    assert sorted(asked) == sorted(crowd.asked), "every question is kept once"
    assert enquiries == len(crowd.passed_on), "every question passed on is passed on once"
    assert {row.state for row in rows} <= {"sent", "unknown"}
    assert found.doubled == []
    assert found.repeated_twice == []
    assert found.missing == []
    assert found.out_of_order == []
