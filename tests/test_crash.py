"""The program is killed again and again while it has work: nothing is lost, and nothing is done or said twice unmarked.

Follow-ups come due meanwhile: each is sent once, or settled with the reason why not, or on staff's call list.

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
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from bot.clinic import consents, plans
from bot.clinic.plans import PLANNED, SENT, SKIPPED, STALE
from bot.clock import SystemClock
from bot.config import Clinic, load_clinic
from bot.delivery import outbox
from bot.delivery.markup import parse
from bot.delivery.messages import Kind, Message
from bot.sandbox.server import SandboxServer
from bot.sandbox.telegram import Call, Telegram
from bot.sandbox.world import User
from bot.store.database import Database, parse_url
from bot.store.models import Call as Telephone
from bot.store.models import Consent, Enquiry, FollowUp, Incoming, Outgoing, Patient, Question, Visit
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

NURSERY = "import tests.quick; tests.quick._nursery()"
EAGER = f"import bot.app; bot.app.ROUND_SECONDS = 0.05; {NURSERY}"
"""A nursery whose programs look often what is due: they do not live long."""

A_LIFE = 0.7
"""Seconds, about: follow-ups come due for as long as programs are killed."""

Key = tuple[int, str]
"""What tells a message from all others: its chat, and the number of its question or follow-up, or else its words."""


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
async def nursery(folder: Path, environment: dict[str, str], code: str = EAGER) -> AsyncIterator[Nursery]:
    """Open a nursery; whatever lives in the end is killed."""
    with (folder / "stderr").open("wb") as errors:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            *("-c", code),
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


def treat(session: Session, clinic: Clinic, people: list[User], luck: Random, now: datetime) -> None:
    """Let everybody have had a visit, and have another one: while programs are killed, follow-ups of both come due."""
    span = KILLS * A_LIFE
    for number, user in enumerate(people):
        session.add(Patient(chat_id=user.id, first_name=user.first_name, language="en", started_at=now))
        for purpose in (consents.FOLLOW_UP, consents.OFFERS):
            session.add(Consent(chat_id=user.id, purpose=purpose, given=True, version=consents.VERSION, at=now))
        soon = now + timedelta(hours=2, seconds=luck.random() * span)
        if number % 2:  # the others have nothing before them, so that they are offered something
            session.add(coming := _visit(user, soon, "confirmed", now))
            session.flush()
            plans.plan(session, clinic, coming, now)
        session.add(over := _visit(user, now - timedelta(days=200), "completed", now))
        session.flush()
        for place in range(KILLS // 4 + 1):
            due = now + timedelta(seconds=luck.random() * span)
            lasts = timedelta(seconds=luck.choice((0.01, 3600, 3600, 3600)))
            session.add(
                FollowUp(
                    key=f"{user.id}:{place}", visit_id=over.id, chat_id=user.id, step="own",
                    kind=luck.choice(("visit", "care", "care", "offer")), anchor_at=now, planned_for=due, due_at=due,
                    valid_until=due + lasts, state=PLANNED, text=f"step {user.id} {place}.", author="Maya",
                )
            )  # fmt: skip


def _visit(user: User, start: datetime, status: str, now: datetime) -> Visit:
    return Visit(
        code=f"{status[:3]}{user.id % 10**5}", chat_id=user.id, name=user.first_name, phone="+442079460000",
        treatment="face", practitioner="hart", status=status, starts_at=start, ends_at=start + timedelta(minutes=45),
        created_at=now, requested_at=now,
    )  # fmt: skip


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
    return chat_id, next((data for data in buttons if data.startswith(("ask:", "stop:"))), shown.removeprefix(AGAIN))


def tally(telegram: Telegram, rows: list[Outgoing]) -> Tally:
    """Compare what the chats show with what the outbox says."""
    plain: Counter[Key] = Counter()
    marked: Counter[Key] = Counter()
    first_shown: dict[Key, int] = {}
    shown: dict[tuple[int, int | None], Key] = {}
    for chat_id in telegram.chats:
        for message in telegram.history(chat_id):
            if message.get("from", {}).get("id") == telegram.bot_id:
                key = key_of(chat_id, message["text"], message.get("reply_markup", {}))
                shown[chat_id, message["message_id"]] = key
                (marked if message["text"].startswith(AGAIN) else plain)[key] += 1
                first_shown.setdefault(key, message["message_id"])
    repeats = {row.repeats: row for row in rows if row.repeats is not None}
    finals = {row.id: repeats.get(row.id, row) for row in rows if row.repeats is None and row.method == "sendMessage"}
    queues: dict[tuple[int, int], list[tuple[datetime, int, Key]]] = defaultdict(list)
    missing, uncertain_shown = [], 0
    for row in rows:
        if row.id not in finals:
            continue
        if row.params:
            key = key_of(row.chat_id, parse(row.params["text"]).text, row.params.get("reply_markup", {}))
        else:  # what a group was sent is not kept
            key = shown.get((row.chat_id, finals[row.id].message_id), (row.chat_id, f"ask:{row.id}"))
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
    return not key[1].startswith(("ask:", "stop:", "scheduled", "Question from", "I have passed"))


def backlog(telegram: Telegram, database: Database) -> int:
    """Return how much there is to do."""

    def count(session: Session) -> int:
        waiting = session.scalar(select(func.count()).where(Outgoing.state.in_(("pending", "sending")))) or 0
        return waiting + (session.scalar(select(func.count()).where(Incoming.state == "new")) or 0)

    return telegram.unconfirmed + database.read_now(count)


def planned(database: Database) -> int:
    """Return how many follow-ups are still to come due or to be settled."""
    return database.read_now(lambda session: session.scalar(select(func.count()).where(FollowUp.state == PLANNED)) or 0)


def uncalled(session: Session) -> bool:
    """True while a follow-up of which nobody knows whether it arrived is in no line of the call list: of an offer there
    is none, since nobody is telephoned to be sold something; it stands in the patient's record."""
    lines = set(session.scalars(select(Telephone.key)))
    repeats = {row.repeats: row.state for row in session.scalars(select(Outgoing).where(Outgoing.repeats.is_not(None)))}
    unknown = select(Outgoing).where(Outgoing.state == "unknown", Outgoing.subject.startswith("followup:"))
    return any(
        row.subject not in lines
        for row in session.scalars(unknown.where(Outgoing.repeats.is_(None)))
        if repeats.get(row.id, "unknown") == "unknown" and row.kind != Kind.OFFER
    )


def unaccounted(telegram: Telegram, steps: list[FollowUp], rows: list[Outgoing], called: set[str]) -> list[str]:
    """Return the follow-ups that were neither said, nor settled with a reason, nor put on the call list."""
    finals: dict[str, str] = {}
    for row in sorted(rows, key=lambda row: row.repeats is not None):
        if row.subject is not None:
            finals[row.subject] = row.state  # a repeat's counts
    lost = []
    for step in steps:
        head = f"followup:{step.sent_with}"
        words = step.text or "See you at"
        shown = any(words in message.get("text", "") for message in telegram.history(step.chat_id or 0))
        match step.state, finals.get(head):
            case ("sent", "sent"):
                fine = shown
            case ("sent", "unknown"):
                fine = head in called or step.kind == Kind.OFFER
            case ("stale" | "skipped", _):
                fine = step.reason is not None and not shown
            case _:
                fine = False
        if not fine:
            lost.append(f"{step.key} {step.state} {finals.get(head)} {shown}")
    return lost


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


def around_the_clock(folder: Path) -> Path:
    """Write the sample clinic without quiet hours, since the test may run at any hour."""
    sample = (ROOT / "bot" / "clinic.sample.toml").read_text(encoding="utf-8")
    file = folder / "clinic.toml"
    file.write_text(f"{sample}\n[followups]\nquiet_from = 00:00:00\nquiet_until = 00:00:00\n", encoding="utf-8")
    return file


async def test_nothing_is_lost_and_nothing_is_doubled(database_file: Path, tmp_path: Path) -> None:
    luck = Random(SEED)  # noqa: S311  bad luck that can be repeated, nothing secret
    telegram = Telegram(TOKEN, SystemClock(), record_calls=False)
    crowd = Crowd(telegram, luck)
    group = telegram.add_group("Staff", [telegram.add_user("Maya")])
    for user in crowd.people:
        user.started = True
    database = Database(parse_url(f"sqlite:///{database_file}"))
    await database.transaction(lambda session: schedule(session, crowd.people, datetime.now(UTC)))
    around = around_the_clock(tmp_path)
    await database.transaction(
        lambda session: treat(session, load_clinic(around), crowd.people, luck, datetime.now(UTC))
    )
    busy = 0
    async with SandboxServer(telegram) as server:
        environment = {
            "MESOBOT_TOKEN": TOKEN,
            "MESOBOT_API_URL": server.url,
            "MESOBOT_DATABASE_URL": f"sqlite:///{database_file}",
            "MESOBOT_STAFF_CHAT": str(group.id),
            "MESOBOT_CLINIC": str(around),
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
            made = database.read_now(lambda session: session.scalar(select(func.count(FollowUp.sent_with.distinct()))))
            telegram.on_call = None
            await lives.begin()
            async with asyncio.timeout(120):
                while backlog(telegram, database) or planned(database):  # noqa: ASYNC110  another process does it
                    await asyncio.sleep(0.05)
            lives.end(signal.SIGTERM)
            assert await lives.ended() == 0
            await crowd.act(1)
            await lives.begin()  # it looks once a minute whom messages did not reach, and when it begins
            async with asyncio.timeout(60):
                while backlog(telegram, database) or database.read_now(uncalled):  # noqa: ASYNC110  likewise
                    await asyncio.sleep(0.05)
            lives.end(signal.SIGTERM)
            assert await lives.ended() == 0
    errors = (tmp_path / "stderr").read_text()
    assert "Traceback" not in errors

    def look(session: Session) -> tuple[list[Outgoing], list[FollowUp], set[str], list[str], int, list[str]]:
        return (
            list(session.scalars(select(Outgoing).order_by(Outgoing.id))),
            list(session.scalars(select(FollowUp).order_by(FollowUp.id))),
            set(session.scalars(select(Telephone.key))),
            list(session.scalars(select(Question.text).order_by(Question.id))),
            session.scalar(select(func.count()).select_from(Enquiry)) or 0,
            list(session.scalars(select(Incoming.state))),
        )

    rows, steps, called, asked, enquiries, updates = database.read_now(look)
    database.close()
    found = tally(telegram, rows)
    print(  # noqa: T201  what a longer run by hand is for
        f"\n{KILLS} kills, {busy} of them with work left; {len(updates)} updates, {found.sent} messages sent, "
        f"{found.repeats} repeats (marked), {found.uncertain} uncertain ({found.uncertain_shown} arrived); "
        f"doubled {len(found.doubled)}, missing {len(found.missing)}, out of order {len(found.out_of_order)}"
    )
    states = Counter(step.state for step in steps)
    programme = [row for row in rows if row.repeats is None and (row.subject or "").startswith("followup:")]
    heads = [row.subject for row in programme if row.state != "stale"]
    lost = unaccounted(telegram, steps, rows, called)
    print(  # noqa: T201  likewise
        f"{len(steps)} follow-ups {dict(states)} in {len(heads)} messages, {made} of them made by programs that "
        f"were killed, {len(called)} calls, unaccounted {len(lost)}"
    )
    assert busy >= KILLS * 0.9
    assert lost == []
    assert len(heads) == len(set(heads)), "what is due is made a message once"
    assert states.keys() == {SENT, STALE, SKIPPED}
    assert Counter(updates) == {"done": telegram.feed._last_id - 100_000_000}, "every update is kept, and handled"
    assert sorted(asked) == sorted(crowd.asked), "every question is kept once"
    assert enquiries == len(crowd.passed_on), "every question passed on is passed on once"
    in_time = [row for row in rows if row.valid_until is None]
    assert {row.state for row in in_time} <= {"sent", "unknown"}
    assert {row.state for row in rows} <= {"sent", "unknown", "stale"}, "only what may be too late is left unsent"
    assert found.doubled == []
    assert found.repeated_twice == []
    assert found.missing == []
    assert found.out_of_order == []
