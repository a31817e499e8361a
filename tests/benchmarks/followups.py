"""What follow-ups cost while many more are planned for later: looking what is due, and a round until it is sent.

`python -m tests.benchmarks.followups fill DATABASE ROWS` fills it with so many future steps of other patients.
`python -m tests.benchmarks.followups URL FEW MANY TURNS FIRST_CHAT CHATS` lets steps of CHATS patients come due in the
databases FEW and MANY, turn about, has the application send them to the Bot API server at URL, its limits opened wide,
and prints as JSON what each turn took.
"""

import asyncio
import contextlib
import gc
import json
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from statistics import median
from typing import Any, TypeVar

from pydantic import SecretStr
from sqlalchemy import delete, insert, select, text
from sqlalchemy.orm import Session

from bot import logs
from bot.app import App
from bot.clinic import consents, followups
from bot.clinic.plans import PLANNED
from bot.clock import MovableClock
from bot.config import Settings, load_clinic
from bot.delivery.limiter import Limiter
from bot.delivery.wire import HttpTransport
from bot.store.database import Database, parse_url
from bot.store.models import Consent, FollowUp, Outgoing, Patient, Visit
from handlers.followups import make_followup_rounds
from tests.benchmarks.dispatch import WIDE
from tests.benchmarks.load import TOKEN

T = TypeVar("T")
NOON = datetime(2027, 6, 9, 11, 30, tzinfo=UTC)
"""A Wednesday, when nobody is to be left in peace."""
STEPS_EACH = 10
"""Future steps of one visit, as the packaged programme has them."""
LOOKS = 200
"""Times it is looked what is due, for one figure."""
PULSE = 0.002
"""Seconds between two beats of the event loop."""
DUE = (("before-1-day",), ("check-1-day", "check-3-days"), ("check-3-days",), ("next-session",))
"""What is due to a patient; they take turns."""
KINDS = {"before-1-day": "visit", "next-session": "offer"}

_SERIES = "WITH RECURSIVE n(i) AS (SELECT {first} UNION ALL SELECT i + 1 FROM n WHERE i < {last})"
_INSTANTS = {
    "sqlite": "strftime('%Y-%m-%d %H:%M:%S.000000', {at}, '+' || ({minutes}) || ' minutes')",
    "postgresql": "CAST({at} AS timestamptz) + ({minutes}) * interval '1 minute'",
}
"""So many minutes after an instant, in the words of each database."""


def statements(dialect: str, patients: int) -> list[str]:
    """Return what fills the tables."""

    def instant(minutes: object, at: str = f"'{NOON:%Y-%m-%d %H:%M:%S+00:00}'") -> str:
        return _INSTANTS[dialect].format(at=at, minutes=minutes)

    people = _SERIES.format(first=1, last=patients)
    steps = _SERIES.format(first=0, last=STEPS_EACH - 1)
    days, now = 24 * 60, instant(0)
    # no text of these comes from outside
    return [
        f"""INSERT INTO patients (chat_id, first_name, language, started_at)
            {people} SELECT 10000000000 + i, 'Patient', 'en', {now} FROM n""",  # noqa: S608  see above
        f"""INSERT INTO visits
                (code, version, status, chat_id, name, phone, treatment, practitioner, starts_at, ends_at,
                 screening, flagged, created_at, requested_at, reminders)
            {people} SELECT 'F' || i, 1, 'confirmed', 10000000000 + i, 'Patient', '+442079460000', 'face', 'hart',
                            {instant(4 * days)}, {instant(4 * days + 45)},
                            '{{}}', false, {now}, {now}, 0 FROM n""",  # noqa: S608  see above
        f"""INSERT INTO consents (chat_id, purpose, given, version, at)
            SELECT chat_id, purpose, true, '1', {now}
            FROM patients, (SELECT 'follow-up' AS purpose UNION SELECT 'offers') AS purposes""",  # noqa: S608  see above
        f"""INSERT INTO follow_ups
                (key, visit_id, chat_id, step, kind, anchor_at, planned_for, due_at, valid_until, state)
            {steps} SELECT 'visit:' || id || ':' || i, id, chat_id, 'step-' || i, 'care', starts_at, due, due,
                           {instant(3 * days, "due")}, 'planned'
            FROM (SELECT id, chat_id, starts_at, i, {instant("1 + (id * 31 + i * 97) % 129600")} AS due
                  FROM visits, n) AS planned""",  # noqa: S608  see above
        *(["ANALYZE"] if dialect == "postgresql" else []),  # the server would do it by itself, a minute later
    ]


class Watched(Database):
    """A database that notes for how many seconds a round had the writer."""

    def __init__(self, url: str) -> None:
        super().__init__(parse_url(url))
        self.held: list[float] = []

    def _write(self, work: Callable[[Session], T]) -> tuple[T, bool]:
        began = time.perf_counter()
        result, owed = super()._write(work)
        if isinstance(result, tuple):  # a round's: the messages, and whether more is due
            self.held.append(time.perf_counter() - began)
        return result, owed


@dataclass(frozen=True, slots=True)
class Turn:
    """What one turn took."""

    messages: int
    seconds: float
    """From the round's begin until all is sent and recorded."""
    held: float
    """Seconds, the longest, for which one transaction of the round had the writer."""
    held_usually: float
    gap: float
    """Seconds, the longest, for which the event loop did nothing else."""
    look: float
    """Seconds to look what is due where nothing is."""


def fill(url: str, rows: int) -> None:
    """Fill a database with so many steps of other patients that are planned for later."""
    database = Database(parse_url(url))
    database.migrate()
    with database._writer.begin() as connection:
        for statement in statements(connection.dialect.name, rows // STEPS_EACH):
            connection.execute(text(statement.replace(":", "\\:")))
    database.close()


def join(session: Session, chats: range) -> None:
    """Let patients join who have a visit tomorrow, or had one three days ago or when the interval began."""
    for number, chat in enumerate(chats):
        first = DUE[number % len(DUE)][0]
        ago = {"before-1-day": -1, "next-session": 14}.get(first, 3)
        start = NOON - timedelta(days=ago, hours=2)
        session.add(Patient(chat_id=chat, first_name="Due", language="en", started_at=NOON))
        for purpose in (consents.FOLLOW_UP, consents.OFFERS):
            session.add(Consent(chat_id=chat, purpose=purpose, given=True, version="1", at=NOON))
        visit = Visit(
            code=f"D{number}", chat_id=chat, name="Due", phone="+442079460000", treatment="face", practitioner="hart",
            status="confirmed" if ago < 0 else "completed", starts_at=start, ends_at=start + timedelta(minutes=45),
            created_at=NOON, requested_at=NOON,
        )  # fmt: skip
        session.add(visit)


def come_due(session: Session, chats: range, turn: int) -> None:
    """Let something be due to each patient, and forget what an earlier turn sent."""
    session.execute(delete(Outgoing))
    session.execute(delete(FollowUp).where(FollowUp.chat_id.in_(chats)))
    visits = {visit.chat_id: visit for visit in session.scalars(select(Visit).where(Visit.chat_id.in_(chats)))}
    rows: list[dict[str, Any]] = []
    for number, chat in enumerate(chats):
        for step in DUE[number % len(DUE)]:
            visit = visits[chat]
            row = {"key": f"turn:{turn}:{chat}:{step}", "visit_id": visit.id, "chat_id": chat, "step": step}
            when = {name: NOON - timedelta(minutes=1) for name in ("planned_for", "due_at")}
            when["anchor_at"] = visit.starts_at if KINDS.get(step) == "visit" else visit.ends_at
            lasts = {"valid_until": NOON + timedelta(days=1), "state": PLANNED, "kind": KINDS.get(step, "care")}
            rows.append(row | when | lasts)
    session.execute(insert(FollowUp), rows)


@contextlib.asynccontextmanager
async def application(database_url: str, url: str) -> AsyncIterator[tuple[App, Watched]]:
    """Yield the application on a database; nobody writes to it, and it sends what it owes."""
    database = Watched(database_url)
    settings = Settings(token=SecretStr(TOKEN), api_url=url)
    transport = HttpTransport(url, TOKEN)
    app = App(settings, load_clinic(None), database, MovableClock(NOON), transport, limiter=Limiter(WIDE))
    await app._replica.open()
    sending = asyncio.create_task(app.dispatcher.run())
    try:
        yield app, database
    finally:
        app.dispatcher.stop()
        await sending
        await app._replica.close()
        await app.wire.close()
        database.close()


@contextlib.contextmanager
def beating() -> Iterator[list[float]]:
    """Yield a list that gets the seconds by which each beat of the event loop comes late."""
    gc.collect()
    gc.freeze()  # as `run` does
    late: list[float] = []

    async def beat() -> None:
        while True:
            began = time.perf_counter()
            await asyncio.sleep(PULSE)
            late.append(time.perf_counter() - began - PULSE)

    heart = asyncio.create_task(beat())
    try:
        yield late
    finally:
        heart.cancel()


async def take_turn(app: App, database: Watched, chats: range, turn: int) -> Turn:
    """Measure one turn."""
    look = await database.transaction(lambda session: looking(session, app))
    await database.transaction(lambda session: come_due(session, chats, turn))
    database.held.clear()
    with beating() as late:
        began = time.perf_counter()
        while await database.read(is_due):  # a round waits while much that it made is to be sent
            await make_followup_rounds(app.desk)
            await app.dispatcher.quiet()
        seconds = time.perf_counter() - began
    counted = await database.read(lambda session: session.query(Outgoing).where(Outgoing.state == "sent").count())
    return Turn(counted, seconds, max(database.held), median(database.held), max(late), look)


def is_due(session: Session) -> bool:
    """True while something is left for a round."""
    due = followups.next_due(session)
    return due is not None and due <= NOON


def looking(session: Session, app: App) -> float:
    """Return the seconds that it takes to see that nothing is due, and when something will be."""
    session.execute(delete(FollowUp).where(FollowUp.due_at < NOON))
    began = time.perf_counter()
    for _ in range(LOOKS):
        if followups.make_rounds(session, app.clinic, NOON) != ([], False) or not followups.next_due(session):
            raise SystemExit("something is due that should not be")
    return (time.perf_counter() - began) / LOOKS


async def measure(url: str, databases: dict[str, str], turns: int, chats: range) -> dict[str, list[Turn]]:
    """Return the turns by database; the first, in which everything is loaded, does not count."""
    found: dict[str, list[Turn]] = {name: [] for name in databases}
    async with contextlib.AsyncExitStack() as stack:
        running = {name: await stack.enter_async_context(application(one, url)) for name, one in databases.items()}
        for _, database in running.values():
            await database.transaction(lambda session: join(session, chats))
        for turn in range(turns + 1):
            for name in sorted(databases, reverse=bool(turn % 2)):
                took = await take_turn(*running[name], chats, turn)
                if took.messages != len(chats):
                    raise SystemExit(f"{took.messages} of {len(chats)} messages were sent")
                if turn:
                    found[name].append(took)
    return found


def main(arguments: list[str]) -> None:
    """Fill a database; or measure, and print what it took."""
    if arguments[0] == "fill":
        fill(arguments[1], int(arguments[2]))
        return
    logs.configure("WARNING", "text", secrets=[])  # to standard error: the other one is read
    url, few, many = arguments[:3]
    turns, first, count = map(int, arguments[3:])
    found = asyncio.run(measure(url, {"few": few, "many": many}, turns, range(first, first + count)))
    print(json.dumps({name: [_plain(turn) for turn in turns] for name, turns in found.items()}))


def _plain(turn: Turn) -> dict[str, float]:
    return {name: getattr(turn, name) for name in Turn.__slots__}


if __name__ == "__main__":
    main(sys.argv[1:])
