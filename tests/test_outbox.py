"""What is owed is sent once, in order, and what became of it is known, whatever the wire and the database do."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event, func, select
from sqlalchemy.orm import Session
from structlog.testing import capture_logs

from bot.clock import Clock, MovableClock, SystemClock
from bot.delivery import dispatcher, outbox
from bot.delivery.dispatcher import Dispatcher, Voice
from bot.delivery.limiter import Limiter, Rate
from bot.delivery.messages import Copy, Edit, Kind, Message, Reaction
from bot.delivery.outbox import Claimed
from bot.delivery.wire import Uncertain, Unsent, Wire
from bot.store.database import Database, parse_url
from bot.store.models import Outgoing, Patient
from tests.quick import Answer, Failing, Scripted, Seconds, hurrying, often, refused, taken, until
from tests.story import MONDAY

ANNA, TOM, MAYA, GROUP = 1, 2, 3, -4
PLENTY = Rate(10_000, 10_000)
LONG_AGO = MONDAY - timedelta(days=3)


@pytest.fixture
def database(any_database: str) -> Iterator[Database]:
    database = Database(parse_url(any_database))
    yield database
    database.close()


@pytest.fixture
def session(database: Database) -> Iterator[Session]:
    with Session(database._writer, expire_on_commit=False) as session:
        yield session


def owe(
    session: Session,
    chat_id: int,
    text: str = "x",
    kind: Kind = Kind.REPLY,
    due_at: datetime = MONDAY,
    *,
    valid_until: datetime | None = None,
) -> Outgoing:
    row = outbox.post(session, Message(chat_id, text, kind=kind), now=due_at, valid_until=valid_until)
    session.flush()
    return row


def claim(session: Session, *busy: int, most: int = outbox.WAVE, now: datetime = MONDAY) -> list[Claimed]:
    return outbox.claim(session, now=now, most=most, busy=busy)


def texts(rows: list[Claimed]) -> list[str]:
    return [row.params["text"] for row in rows]


def states(session: Session) -> dict[str, str]:
    session.expire_all()
    return {
        row.params.get("text", row.method): row.state for row in session.scalars(select(Outgoing).order_by(Outgoing.id))
    }


# the rows


def test_who_waits_goes_first_and_nobody_twice(session: Session) -> None:
    owe(session, ANNA, "reminder", Kind.VISIT, MONDAY - timedelta(hours=1))
    owe(session, TOM, "reply to Tom", due_at=MONDAY - timedelta(minutes=2))
    owe(session, MAYA, "reply to Maya", due_at=MONDAY - timedelta(minutes=3))
    owe(session, GROUP, "card", Kind.STAFF)
    owe(session, ANNA, "reply to Anna")
    owe(session, TOM, "second reply to Tom")
    owe(session, 9, "emergency", Kind.SAFETY)
    owe(session, 8, "tomorrow", due_at=MONDAY + timedelta(seconds=1))
    assert texts(claim(session)) == ["emergency", "reply to Maya", "reply to Tom", "reply to Anna", "card"]
    assert texts(claim(session, ANNA, GROUP)) == ["second reply to Tom"]
    assert texts(claim(session)) == ["reminder"]
    assert claim(session) == []


def test_a_wave_is_no_longer_than_asked_for(session: Session) -> None:
    for chat_id in range(1, 21):
        owe(session, chat_id, f"{chat_id}")
    assert texts(claim(session, most=3)) == ["1", "2", "3"]


def test_a_chat_with_a_long_queue_does_not_hide_the_others(session: Session) -> None:
    for number in range(100):
        owe(session, ANNA, f"{number}")
    owe(session, TOM, "reply to Tom")
    assert texts(claim(session)) == ["0", "reply to Tom"]


def test_a_chat_with_a_long_queue_does_not_put_what_is_less_urgent_before_anothers_emergency(session: Session) -> None:
    for number in range(100):
        owe(session, ANNA, f"{number}", Kind.SAFETY, due_at=MONDAY - timedelta(minutes=2))
    owe(session, GROUP, "words", Kind.STAFF, due_at=MONDAY - timedelta(minutes=2))
    owe(session, GROUP, "card of Tom", Kind.SAFETY)
    assert texts(claim(session)) == ["0", "card of Tom"]
    assert texts(claim(session, ANNA)) == ["words"]


def test_late_rows_do_not_put_what_is_less_urgent_first(session: Session) -> None:
    for number in range(100):
        owe(session, GROUP, f"late {number}", Kind.REPLY, LONG_AGO, valid_until=MONDAY - timedelta(seconds=1))
    owe(session, GROUP, "reply", Kind.REPLY)
    owe(session, GROUP, "words", Kind.STAFF)
    assert texts(claim(session)) == ["reply"]


def test_what_is_due_is_found_by_its_index(database_file: Path) -> None:
    """However much is planned for later, only what is due is looked at."""
    database = Database(parse_url(f"sqlite:///{database_file}"))
    asked: list[tuple[str, Any]] = []
    with Session(database._writer) as session:
        for number in range(100):
            owe(session, ANNA, f"{number}")
        event.listen(database._writer, "before_cursor_execute", lambda *args: asked.append((args[2], args[3])))
        claim(session)
        outbox.next_due(session)
        looks = [(query, values) for query, values in asked if "SELECT" in query and "UPDATE" not in query]
        assert len(looks) == 3  # of each urgency, of one once more beside the long queue, and when the next is due
        for query, values in looks:
            steps = [row[3] for row in session.connection().exec_driver_sql(f"EXPLAIN QUERY PLAN {query}", values)]
            reads = [step for step in steps if "outbox" in step]
            assert reads
            assert all("INDEX ix_outbox_pending (urgency=?" in step for step in reads), steps
            assert not any("TEMP B-TREE" in step for step in steps)
    database.close()


def test_what_is_too_late_is_not_sent_and_hides_nothing(session: Session) -> None:
    for number in range(200):
        owe(session, ANNA, f"late {number}", Kind.VISIT, LONG_AGO, valid_until=MONDAY - timedelta(seconds=1))
    owe(session, TOM, "in time", Kind.VISIT, valid_until=MONDAY)
    assert texts(claim(session)) == ["in time"]
    assert set(states(session).values()) == {"stale", "sending"}


async def test_two_programs_at_once_claim_each_message_once(any_database: str) -> None:
    programs = [Database(parse_url(any_database)) for _ in range(2)]
    chats = range(1, 41)
    await programs[0].transaction(lambda session: [owe(session, chat_id, f"{chat_id}") for chat_id in chats])
    waves = await asyncio.gather(*(program.transaction(claim) for _ in range(5) for program in programs))
    assert sorted(row.chat_id for wave in waves for row in wave) == list(chats)
    for program in programs:
        program.close()


def test_the_next_due_row_is_found_beside_busy_chats(session: Session) -> None:
    assert outbox.next_due(session) is None
    owe(session, ANNA)
    owe(session, TOM, kind=Kind.CARE, due_at=MONDAY + timedelta(seconds=10))
    assert outbox.next_due(session) == MONDAY
    assert outbox.next_due(session, [ANNA]) == MONDAY + timedelta(seconds=10)
    assert outbox.next_due(session, [ANNA, TOM]) is None


@pytest.mark.parametrize("kind", Kind)
def test_an_unknown_send_is_repeated_once_by_its_kind(session: Session, kind: Kind) -> None:
    owe(session, ANNA, "original", kind)
    (row,) = claim(session)
    again = outbox.unknown(session, row, "(again)", MONDAY)
    assert again == (kind is not Kind.OFFER)
    if kind is Kind.OFFER:
        assert claim(session) == []
        return
    (repeat,) = claim(session)
    assert (repeat.params["text"], repeat.kind, repeat.repeats) == ("<i>(again)</i>\noriginal", kind, row.id)
    goes_on = outbox.unknown(session, repeat, "(again)", MONDAY)
    assert goes_on == (kind is Kind.SAFETY)
    assert claim(session) == []
    if goes_on:  # until it is known, later each time
        for seconds in (10, 30, 60):
            assert claim(session, now=MONDAY + timedelta(seconds=seconds - 1)) == []
            (repeat,) = claim(session, now=MONDAY + timedelta(seconds=seconds))
            assert repeat.repeats == row.id
            assert outbox.unknown(session, repeat, "(again)", MONDAY + timedelta(seconds=seconds))
        return
    assert states(session) == {"original": "unknown", "<i>(again)</i>\noriginal": "unknown"}


def test_a_repeat_goes_before_what_was_owed_in_the_same_instant(session: Session) -> None:
    owe(session, ANNA, "welcome")
    owe(session, ANNA, "topic")
    (row,) = claim(session)
    outbox.unknown(session, row, "(again)", MONDAY)
    assert texts(claim(session)) == ["<i>(again)</i>\nwelcome"]
    assert texts(claim(session)) == ["topic"]


def test_a_repeat_has_the_same_end(session: Session) -> None:
    owe(session, ANNA, "reminder", Kind.VISIT, valid_until=MONDAY)
    (row,) = claim(session)
    outbox.unknown(session, row, "(again)", MONDAY)
    assert claim(session, now=MONDAY + timedelta(seconds=1)) == []


def test_a_repeat_is_never_too_long_for_telegram(session: Session) -> None:
    owe(session, ANNA, "&amp;" + "🙂" * 2046)  # 4,093 units once parsed
    (row,) = claim(session)
    outbox.unknown(session, row, "(again)", MONDAY)
    assert texts(claim(session)) == [outbox.SHORT_MARK + "&amp;" + "🙂" * 2046]


def test_a_message_that_cannot_be_parsed_can_still_be_unknown(session: Session) -> None:
    owe(session, ANNA, "<nonsense>")
    (row,) = claim(session)
    assert outbox.unknown(session, row, "(again)", MONDAY)


def test_an_edit_is_tried_again_without_a_word_but_not_for_ever(session: Session) -> None:
    outbox.post(session, Edit(ANNA, 7, "page"), now=MONDAY)
    owe(session, ANNA, "behind it")
    for _ in range(outbox.REPEATS - 1):
        (row,) = claim(session)
        assert (row.method, row.params["text"]) == ("editMessageText", "page")
        assert outbox.unknown(session, row, "(again)", MONDAY)
    (row,) = claim(session)
    assert not outbox.unknown(session, row, "(again)", MONDAY)
    assert texts(claim(session)) == ["behind it"]


def test_what_was_certainly_not_sent_keeps_its_place(session: Session) -> None:
    for text in ("first", "second"):
        owe(session, ANNA, text)
    (row,) = claim(session)
    outbox.put_back(session, row)
    assert texts(claim(session)) == ["first"]


def test_what_a_person_who_left_is_owed_waits_for_their_return(session: Session) -> None:
    session.add(Patient(chat_id=ANNA, first_name="Anna", language="en", started_at=MONDAY))
    owe(session, ANNA, "an old reply", due_at=LONG_AGO)
    owe(session, ANNA, "a reply")
    owe(session, ANNA, "too late", Kind.VISIT, valid_until=MONDAY + timedelta(minutes=1))
    owe(session, ANNA, "in time", Kind.VISIT, valid_until=MONDAY + timedelta(hours=2))
    owe(session, ANNA, "later", Kind.CARE, MONDAY + timedelta(days=1))
    owe(session, TOM, "to Tom")
    assert texts(claim(session, TOM)) == ["an old reply"]
    outbox.park(session, ANNA, MONDAY, "Forbidden")
    assert {text for text, state in states(session).items() if state != "parked"} == {"to Tom"}
    assert session.get_one(Patient, ANNA).unreachable_since == MONDAY
    assert texts(claim(session)) == ["to Tom"]

    outbox.unpark(session, ANNA, MONDAY + timedelta(hours=1))
    waiting = {text for text, state in states(session).items() if state == "pending"}
    assert waiting == {"a reply", "in time", "later"}
    assert states(session)["too late"] == states(session)["an old reply"] == "stale"


def test_nothing_that_staff_are_owed_grows_old(session: Session) -> None:
    owe(session, GROUP, "card", Kind.STAFF, LONG_AGO)
    outbox.park(session, GROUP, LONG_AGO)
    outbox.unpark(session, GROUP, MONDAY)
    assert texts(claim(session)) == ["card"]


def test_what_a_group_is_owed_follows_it(session: Session) -> None:
    for text in ("first", "second"):
        owe(session, GROUP, text, Kind.STAFF)
    owe(session, ANNA, "to Anna")
    claim(session, ANNA)
    outbox.move(session, GROUP, -100, MONDAY)
    assert [(row.chat_id, row.params["chat_id"], row.params["text"]) for row in claim(session, ANNA)] == [
        (-100, -100, "first")
    ]
    assert [(row.chat_id, row.params["text"]) for row in claim(session)] == [(ANNA, "to Anna"), (-100, "second")]


def test_nothing_changes_or_answers_another_message_in_the_new_group(session: Session) -> None:
    outbox.post(session, Edit(GROUP, 7, "Anna's card", kind=Kind.STAFF), now=MONDAY)
    outbox.post(session, Reaction(GROUP, 7, "👍"), now=MONDAY)
    outbox.post(session, Message(GROUP, "Anna's answer", kind=Kind.STAFF, reply_to=7), now=MONDAY)
    session.flush()
    outbox.move(session, GROUP, -100, MONDAY)
    (row,) = claim(session)
    assert (row.chat_id, row.params["text"], "reply_parameters" in row.params) == (-100, "Anna's answer", False)
    assert claim(session) == []


def test_a_copy_is_repeated_behind_the_mark_and_its_source_with_it(session: Session) -> None:
    outbox.post(session, Copy(ANNA, GROUP, 7), now=MONDAY, subject="enquiry:1", source="-4:7")
    session.flush()
    owe(session, ANNA, "behind it")
    (row,) = claim(session)
    assert outbox.unknown(session, row, "(again)", MONDAY)
    (mark,) = claim(session)
    assert (mark.method, mark.params["text"]) == ("sendMessage", "<i>(again)</i>")
    (repeat,) = claim(session)
    assert (repeat.method, repeat.params, repeat.subject) == (row.method, row.params, "enquiry:1")
    outbox.sent(session, repeat.id, 55, MONDAY)
    found = outbox.passed_on(session, "-4:7")
    assert found is not None
    assert found.message_id == 55
    assert texts(claim(session)) == ["behind it"]


def test_a_reply_finds_what_a_message_was_about(session: Session) -> None:
    row = outbox.post(session, Message(GROUP, "card", kind=Kind.STAFF), now=MONDAY, subject="enquiry:5")
    session.flush()
    outbox.sent(session, row.id, 77, MONDAY)
    assert outbox.about(session, GROUP, 77) == "enquiry:5"
    assert outbox.about(session, GROUP, 78) is None
    edit = outbox.post(session, Edit(GROUP, 77, "card, answered", kind=Kind.STAFF), now=MONDAY)
    session.flush()
    outbox.sent(session, edit.id, 77, MONDAY)
    assert outbox.about(session, GROUP, 77) == "enquiry:5"  # what changed it says nothing of it
    assert outbox.about(session, -100, 77) is None


def test_only_what_was_settled_long_ago_goes(session: Session) -> None:
    for text in ("old", "owed", "in the air"):
        owe(session, ANNA, text, due_at=LONG_AGO)
    rows = {row.params["text"]: row for row in session.scalars(select(Outgoing))}
    outbox.sent(session, rows["old"].id, 1, LONG_AGO)
    rows["in the air"].state = "sending"
    session.flush()
    assert outbox.prune(session, MONDAY - timedelta(days=2)) == 1
    assert set(states(session)) == {"owed", "in the air"}


# the dispatcher


class Office:
    """A dispatcher at work on a wire whose answers a test decides."""

    def __init__(self, database: Database, answer: Callable[[str, Mapping[str, Any]], Any], clock: Clock) -> None:
        self.database = database
        self.clock = clock
        self.transport = Scripted(answer)
        self.monotonic: Callable[[], float] = hurrying()
        self.dispatcher: Dispatcher

    async def owe(self, *rows: tuple[int, str], kind: Kind = Kind.REPLY) -> None:
        """Owe texts to chats."""

        def work(session: Session) -> None:
            for chat_id, text in rows:
                owe(session, chat_id, text, kind, self.clock.now())

        await self.database.transaction(work)

    async def states(self) -> dict[str, str]:
        """Return the state of each message."""
        return await self.database.read(states)

    @contextlib.asynccontextmanager
    async def open(self) -> AsyncIterator["Office"]:
        """Run the dispatcher."""
        self.dispatcher = Dispatcher(
            self.database,
            Wire(self.transport),
            self.clock,
            Voice(repeat_mark=lambda _: "(again)", alarm=lambda _session, row: f"alarm {row}"),
            limiter=Limiter(PLENTY, self.monotonic),
            staff_chat=lambda _: GROUP,
        )
        self.database.on_owed = self.dispatcher.wake
        running = asyncio.create_task(self.dispatcher.run())
        try:
            async with asyncio.timeout(60):
                yield self
        finally:
            self.dispatcher.stop()
            async with asyncio.timeout(10):
                await running

    def said(self, chat_id: int) -> list[str]:
        """Return what was sent to a chat."""
        return self.transport.said(chat_id)

    def pending(self) -> Callable[[], int]:
        """Return a function that counts what is pending."""

        def count(session: Session) -> int:
            return session.scalar(select(func.count()).where(Outgoing.state == "pending")) or 0

        return lambda: self.database.read_now(count)


class Answers:
    """Gives each chat its next planned answer, and takes everything else."""

    def __init__(self, **planned: list[Answer]) -> None:
        self.planned = {int(chat.removeprefix("chat")): list(answers) for chat, answers in planned.items()}

    def __call__(self, method: str, params: Mapping[str, Any]) -> Answer:
        answers = self.planned.get(params.get("chat_id", 0))
        return answers.pop(0) if answers else taken()


@pytest.fixture
def clock() -> MovableClock:
    return MovableClock(MONDAY)


@pytest.fixture(autouse=True)
def _no_long_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dispatcher, "BACK_OFF", (0.001, 0.002))


async def test_a_flood_wait_holds_back_its_chat_and_nothing_overtakes_there(
    database: Database, clock: MovableClock
) -> None:
    office = Office(database, Answers(chat1=[refused(429, "Too Many Requests", retry_after=30)]), clock)
    seconds = office.monotonic = Seconds()
    async with office.open():
        await office.owe((ANNA, "1"), (ANNA, "2"), (TOM, "1"), (TOM, "2"))
        await until(lambda: office.said(TOM) == ["1", "2"])
        assert office.said(ANNA) == ["1"]
        seconds.now += 29
        await office.owe((ANNA, "emergency"), kind=Kind.SAFETY)
        await office.owe((TOM, "3"))
        await until(lambda: len(office.said(TOM)) == 3)
        assert office.said(ANNA) == ["1"]
        seconds.now += 2
        office.dispatcher.wake()
        await office.dispatcher.quiet()
    assert office.said(ANNA) == ["1", "emergency", "1", "2"]
    assert set((await office.states()).values()) == {"sent"}


async def test_a_chat_that_rests_does_not_make_the_others_late(database: Database) -> None:
    reached = {ANNA: asyncio.Event(), TOM: asyncio.Event()}

    def answer(_: str, params: Mapping[str, Any]) -> Answer:
        reached[params["chat_id"]].set()
        return taken() if params["chat_id"] == TOM else refused(429, "Too Many Requests", retry_after=3600)

    office = Office(database, answer, SystemClock())
    office.monotonic = Seconds()
    async with office.open():
        soon = office.clock.now() + timedelta(seconds=2)
        await database.transaction(lambda session: owe(session, TOM, "reminder", Kind.VISIT, soon))
        await office.owe((ANNA, "held"))
        await reached[ANNA].wait()
        await until(lambda: office.pending()() == 2)  # and from here on, nothing wakes the dispatcher
        async with asyncio.timeout(10):
            await reached[TOM].wait()


async def test_one_slow_answer_holds_back_its_own_chat_only(
    database: Database, clock: MovableClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dispatcher, "GRACE", 0.001)
    arrived = asyncio.Event()

    async def slow() -> Answer:
        await arrived.wait()
        return taken()

    office = Office(database, lambda _, params: slow() if params["chat_id"] % 8 == 0 else taken(), clock)
    async with office.open():
        await office.owe(*((chat_id, "first") for chat_id in range(8, 56)))  # one slow chat in each of six waves
        await office.owe((TOM, "1"), (TOM, "2"), (TOM, "3"))
        await until(lambda: office.said(TOM) == ["1", "2", "3"])
        await until(lambda: office.pending()() == 0)
        arrived.set()
        await office.dispatcher.quiet()
    assert set((await office.states()).values()) == {"sent"}


async def test_one_poison_row_among_a_thousand(database: Database, clock: MovableClock) -> None:
    def answer(_: str, params: Mapping[str, Any]) -> Answer:
        return refused(400, "Bad Request: can't parse entities") if params["text"] == "<poison>" else taken()

    office = Office(database, answer, clock)
    rows = [(number % 50 + 1, "<poison>" if number == 500 else f"{number}") for number in range(1000)]
    async with office.open():
        with capture_logs() as logs:
            await office.owe(*rows)
            await office.dispatcher.quiet()
    for chat_id in range(1, 51):
        assert office.said(chat_id) == [text for chat, text in rows if chat == chat_id]
    assert sorted((await office.states()).values()) == ["failed"] + ["sent"] * 1000
    assert office.said(GROUP) == ["alarm 501"]
    assert [log["event"] for log in logs if log["log_level"] == "error"] == ["outbox.refused"]


async def test_a_token_that_was_revoked_is_said_and_loses_nothing(database: Database, clock: MovableClock) -> None:
    accepted = False
    office = Office(database, lambda *_: taken() if accepted else refused(401, "Unauthorized"), clock)
    seconds = office.monotonic = Seconds()
    async with office.open():
        with capture_logs() as logs:
            await office.owe((ANNA, "1"), (ANNA, "2"), (TOM, "1"))
            await until(lambda: any(log["log_level"] == "critical" for log in logs))
            await until(lambda: office.pending()() == 3)
        assert office.dispatcher._limiter.wait_overall() == dispatcher.LOOK_AGAIN
        assert len(office.transport.calls) <= 2
        await office.owe((MAYA, "1"))
        accepted = True
        seconds.now += dispatcher.LOOK_AGAIN + 1
        office.dispatcher.wake()
        await office.dispatcher.quiet()
    assert [office.said(chat)[-1] for chat in (ANNA, TOM, MAYA)] == ["2", "1", "1"]
    assert set((await office.states()).values()) == {"sent"}


async def test_stopping_does_not_wait_for_a_limit_and_leaves_what_waits_pending(
    database: Database, clock: MovableClock
) -> None:
    flood = refused(429, "Too Many Requests", retry_after=3600)
    office = Office(database, Answers(chat1=[flood], chat2=[flood]), clock)
    office.monotonic = Seconds()
    async with office.open():
        await office.owe((ANNA, "1"), (TOM, "1"), (MAYA, "1"), (ANNA, "2"))
        await until(lambda: office.said(ANNA) and office.said(TOM))
        await office.owe(*((chat_id, "more") for chat_id in range(10, 40)))
    assert set((await office.states()).values()) <= {"pending", "sent"}


async def test_a_message_that_would_wait_long_for_its_turn_is_put_back(database: Database, clock: MovableClock) -> None:
    office = Office(database, lambda *_: taken(), clock)
    seconds = office.monotonic = Seconds()
    async with office.open():
        limiter = office.dispatcher._limiter

        def held(_: str, __: Mapping[str, Any]) -> Answer:
            limiter.hold_all(3600)  # while its wave is being sent
            return taken()

        office.transport.answer = held
        await office.owe(*((chat_id, "x") for chat_id in range(1, 9)))
        await until(lambda: office.pending()() == 7)
        seconds.now += 3601
        office.transport.answer = lambda *_: taken()
        office.dispatcher.wake()
        await office.dispatcher.quiet()
    assert sorted(params["chat_id"] for _, params in office.transport.calls) == list(range(1, 9))


@pytest.mark.parametrize("failure", [Unsent("no network"), Uncertain("HTTP 502"), RuntimeError("a bug")])
async def test_no_failure_of_one_message_stops_the_others(
    database: Database, clock: MovableClock, failure: Exception
) -> None:
    office = Office(database, Answers(chat1=[failure]), clock)
    async with office.open():
        await office.owe((ANNA, "1"), (TOM, "1"), (ANNA, "2"))
        await office.dispatcher.quiet()
    again = "1" if isinstance(failure, Unsent) else "<i>(again)</i>\n1"
    assert office.said(ANNA) == ["1", again, "2"]
    assert office.said(TOM) == ["1"]


@pytest.mark.parametrize("answer", [{"ok": True}, {"ok": True, "result": {"message_id": 10**30}}, {"ok": False}])
async def test_a_strange_answer_leaves_no_queue_stuck(database: Database, clock: MovableClock, answer: Answer) -> None:
    office = Office(database, Answers(chat1=[answer]), clock)
    async with office.open():
        await office.owe((ANNA, "1"), (TOM, "2"), (MAYA, "3"), (ANNA, "4"), (TOM, "5"))
        await office.dispatcher.quiet()
    assert office.said(TOM) == ["2", "5"]
    assert office.said(ANNA)[-1] == "4"
    assert "sending" not in (await office.states()).values()


async def test_a_network_that_is_down_is_asked_before_anything_is_risked(
    database: Database, clock: MovableClock
) -> None:
    down = True

    def answer(method: str, _: Mapping[str, Any]) -> Answer:
        return Uncertain("HTTP 502") if down else taken()

    office = Office(database, answer, clock)
    async with office.open():
        await office.owe(*((chat_id, f"{chat_id}") for chat_id in range(1, 201)))
        await until(lambda: [method for method, _ in office.transport.calls].count("getMe") > 5)
        risked = sum(method == "sendMessage" for method, _ in office.transport.calls)
        assert risked <= (dispatcher.WAVES + 1) * outbox.WAVE
        down = False
        await office.dispatcher.quiet()
    lost = [chat_id for chat_id in range(1, 201) if not office.said(chat_id)]
    assert lost == []
    states = list((await office.states()).values())
    assert states.count("unknown") == risked
    assert states.count("sent") == 200


async def test_a_blip_under_many_messages_counts_once(database: Database, clock: MovableClock) -> None:
    broken = asyncio.Event()

    async def break_off() -> Answer:
        await broken.wait()
        return Unsent("blip")

    office = Office(database, lambda *_: taken() if broken.is_set() else break_off(), clock)
    async with office.open():
        await office.owe(*((chat_id, f"{chat_id}") for chat_id in range(1, 33)))
        await until(lambda: len(office.transport.calls) == 32)
        broken.set()
        await office.dispatcher.quiet()
    assert "getMe" not in [method for method, _ in office.transport.calls]  # nobody thought that the network was down
    assert set((await office.states()).values()) == {"sent"}


async def test_who_blocked_the_bot_gets_what_discovered_it_when_they_return(
    database: Database, clock: MovableClock
) -> None:
    blocked = [refused(403, "Forbidden: bot was blocked by the user")]
    office = Office(database, Answers(chat1=blocked), clock)
    async with office.open():
        await office.owe((ANNA, "1"), (ANNA, "2"), (TOM, "3"), kind=Kind.VISIT)
        await office.dispatcher.quiet()
        told_staff = {"sendMessage": "sent"}  # what a group was shown is not kept
        assert await office.states() == {"1": "parked", "2": "parked", "3": "sent", **told_staff}
        assert office.said(ANNA) == ["1"]
        assert office.said(GROUP) == ["alarm 1"]
        await database.transaction(lambda session: outbox.unpark(session, ANNA, clock.now()))
        await office.dispatcher.quiet()
    assert office.said(ANNA) == ["1", "1", "2"]


async def test_a_copy_from_a_group_with_a_new_id_moves_nobody_else(database: Database, clock: MovableClock) -> None:
    upgraded = refused(400, "Bad Request: group chat was upgraded to a supergroup chat", migrate_to_chat_id=-100)
    office = Office(database, Answers(chat1=[upgraded]), clock)
    async with office.open():
        await database.transaction(lambda session: outbox.post(session, Copy(ANNA, GROUP, 7), now=MONDAY))
        await office.owe((ANNA, "for Anna only"))
        await office.dispatcher.quiet()
    assert office.said(ANNA) == ["for Anna only"]
    assert office.said(-100) == []
    assert office.said(GROUP) == ["alarm 1"]


async def test_what_does_not_reach_staff_about_a_patient_is_told_and_an_alarm_is_not_told_again(
    database: Database, clock: MovableClock
) -> None:
    office = Office(database, lambda *_: refused(400, "Bad Request: message can't be copied"), clock)
    async with office.open():
        await database.transaction(
            lambda session: outbox.post(session, Copy(GROUP, ANNA, 7, Kind.STAFF), now=MONDAY, subject="enquiry:1")
        )
        await office.dispatcher.quiet()
    assert [params.get("text") for _, params in office.transport.calls] == [None, "alarm 1"]


@pytest.mark.parametrize(
    ("code", "description"),
    [
        (403, "Forbidden: bot was kicked from the group chat"),
        (400, "Bad Request: not enough rights to send text messages to the chat"),
        (400, "Bad Request: chat not found"),
    ],
)
async def test_cards_wait_until_the_group_takes_messages_again(
    database: Database, clock: MovableClock, code: int, description: str
) -> None:
    office = Office(database, lambda *_: refused(code, description), clock)
    async with office.open():
        await office.owe((GROUP, "first card"), (GROUP, "second card"), kind=Kind.STAFF)
        with capture_logs() as logs:
            await office.dispatcher.quiet()
        assert set((await office.states()).values()) == {"parked"}
        assert [(log["event"], log["log_level"]) for log in logs] == [("outbox.unreachable", "error")]
        office.transport.answer = lambda *_: taken()
        clock.advance(timedelta(days=2))
        await office.owe((GROUP, "third card"), kind=Kind.STAFF)
        await office.dispatcher.quiet()
    assert office.said(GROUP) == ["first card", "third card", "first card", "second card"]
    assert set((await office.states()).values()) == {"sent"}


@pytest.mark.parametrize("committed", [False, True])
async def test_a_database_that_is_locked_for_a_moment_makes_no_second_message(
    database: Database, clock: MovableClock, committed: bool
) -> None:
    office = Office(database, lambda *_: taken(), clock)
    locked = Failing(database, lambda: bool(office.transport.calls) and locked.count < 3, committed=committed)
    async with office.open():
        await office.owe((ANNA, "1"), (ANNA, "2"), (TOM, "1"))
        await office.dispatcher.quiet()
    assert locked.count == 3
    assert (office.said(ANNA), office.said(TOM)) == (["1", "2"], ["1"])
    assert set((await office.states()).values()) == {"sent"}


async def test_a_database_that_is_locked_at_the_start_stops_nothing(database: Database, clock: MovableClock) -> None:
    office = Office(database, lambda *_: taken(), clock)
    await office.owe((ANNA, "1"))
    locked = Failing(database, lambda: locked.count < 3)
    async with office.open():
        await until(lambda: office.said(ANNA))
    assert locked.count == 3
    assert set((await office.states()).values()) == {"sent"}


async def test_a_database_that_is_gone_lets_the_program_stop_and_the_next_start_knows(
    database: Database, clock: MovableClock
) -> None:
    office = Office(database, lambda *_: taken(), clock)
    async with office.open():
        gone = Failing(database, lambda: bool(office.transport.calls))
        await_owed = asyncio.create_task(office.owe((ANNA, "1")))
        await until(lambda: office.said(ANNA))
        await await_owed
    gone.when = lambda: False
    assert await office.states() == {"1": "sending"}
    async with office.open():
        await office.dispatcher.quiet()
    assert office.said(ANNA) == ["1", "<i>(again)</i>\n1"]


@pytest.mark.parametrize("committed", [False, True], ids=["undone", "done"])
@pytest.mark.parametrize("share", [0.5, 0.2])
async def test_a_failing_database_loses_nothing_and_sends_nothing_twice(
    database: Database, clock: MovableClock, share: float, committed: bool
) -> None:
    office = Office(database, Answers(chat1=[Uncertain("HTTP 502")]), clock)
    chats = range(1, 21)
    await office.owe(*((chat_id, f"{chat_id}:{number}") for number in range(3) for chat_id in chats))
    Failing(database, often(share), committed=committed)
    async with office.open():
        await office.dispatcher.quiet()
    for chat_id in chats[1:]:
        assert office.said(chat_id) == [f"{chat_id}:{number}" for number in range(3)]
    assert office.said(ANNA) == ["1:0", "<i>(again)</i>\n1:0", "1:1", "1:2"]


@pytest.mark.parametrize("kind", Kind)
async def test_what_a_dead_process_left_in_the_air_is_resolved_by_its_kind(
    database: Database, clock: MovableClock, kind: Kind
) -> None:
    office = Office(database, lambda *_: taken(), clock)
    await office.owe((ANNA, "1"), (ANNA, "2"), kind=kind)
    await database.transaction(claim)
    async with office.open():
        await office.dispatcher.quiet()
    assert office.said(ANNA) == (["2"] if kind is Kind.OFFER else ["<i>(again)</i>\n1", "2"])


async def test_an_edit_that_changes_nothing_is_fine(database: Database, clock: MovableClock) -> None:
    office = Office(database, lambda *_: refused(400, "Bad Request: message is not modified"), clock)
    async with office.open():
        await database.transaction(lambda session: outbox.post(session, Edit(ANNA, 7, "page"), now=MONDAY))
        with capture_logs() as logs:
            await office.dispatcher.quiet()
    assert logs == []
    assert await office.states() == {"page": "sent"}
