"""Three days down: what had come due meanwhile is asked again, and nobody gets more than one message of it.

MESOBOT_BACKLOG says how many overdue steps there are (300 if it is not set).
"""

import asyncio
import os
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, time, timedelta
from itertools import cycle
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import pytest_asyncio
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from bot.clinic import consents, followups, plans, undelivered
from bot.clinic.plans import FROZEN, PLANNED, REFUSED, SENT, SKIPPED, STALE
from bot.config import Clinic
from bot.delivery import outbox
from bot.delivery.limiter import OVERALL, Limiter, Rate
from bot.delivery.messages import Kind, Message
from bot.sandbox.world import Call as Request
from bot.sandbox.world import User
from bot.store.models import Call, Consent, FollowUp, Outgoing, Patient, Visit
from faq.reader import Reader
from tests.quick import FixedReader, Seconds, until, without_waits
from tests.story import MONDAY, Story
from tests.test_followups import ANNA, THURSDAY, Diary
from tests.test_followups import diary as diary  # noqa: PLC0414  a fixture, handed on

BACKLOG = int(os.environ.get("MESOBOT_BACKLOG", "300"))
HOUR, DAY, WEEK = timedelta(hours=1), timedelta(days=1), timedelta(weeks=1)
THIS_MORNING = MONDAY.replace(hour=9, minute=0)
FRIDAY = datetime(2026, 11, 27, 10, 0, tzinfo=UTC)
NOTE = "A note from"
NO_CHAT = "no chat"
SOON = 40
"""Messages that may go before a reply: five seconds' worth, where what is under way takes up the whole rate."""
UNSENT = select(Outgoing.id).where(Outgoing.state.in_(("pending", "sending")))


class Case(NamedTuple):
    """Somebody's visits, and what is the matter with them."""

    starts: tuple[datetime, ...]
    matter: str = ""


CASES = (
    Case((FRIDAY,)),
    Case((THIS_MORNING,)),
    Case((THIS_MORNING - 2 * WEEK,)),
    Case((THIS_MORNING - 4 * WEEK,)),
    Case((THIS_MORNING, FRIDAY)),
    Case((THIS_MORNING,), "blocked"),
    Case((THIS_MORNING,), "refused"),
    Case((THIS_MORNING,), "problem"),
    Case((THIS_MORNING,), "paused"),
    Case((THIS_MORNING,), NO_CHAT),
)


@pytest.fixture
def reader() -> Reader:
    return FixedReader()


@pytest.fixture(autouse=True)
def _no_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    without_waits(monkeypatch)


@pytest.fixture
def seconds(monkeypatch: pytest.MonkeyPatch) -> Seconds:
    """Telegram's limits, by a clock that a test moves; to be asked for before the story."""
    seconds = Seconds()
    monkeypatch.setattr("tests.story.Limiter", lambda _: Limiter(Rate(25, 5), seconds))
    return seconds


async def plan_backlog(story: Story, size: int, back: datetime) -> list[User]:
    """Let so many patients have visits that `size` steps are overdue when the program is `back`."""
    assert story.database is not None
    cases = cycle(CASES)
    people: list[User] = []
    planned = 0
    while planned < size:
        some = [(story.telegram.add_user(f"Patient {len(people) + number}"), next(cases)) for number in range(50)]
        people += [user for user, _ in some]
        now = story.clock.now()

        def join(session: Session, some: list[tuple[User, Case]] = some, now: datetime = now) -> int:
            for user, case in some:
                book(session, story.clinic, user, case, now)
            session.flush()
            due = (FollowUp.state == PLANNED, FollowUp.due_at <= back)
            return session.scalar(select(func.count()).select_from(FollowUp).where(*due)) or 0

        planned = await story.database.transaction(join)
    return people


def book(session: Session, clinic: Clinic, user: User, case: Case, now: datetime) -> None:
    """Let somebody have the visits of a case, and what is the matter with them."""
    user.started = True
    chat = user.id if case.matter != NO_CHAT else None
    troubles = {"blocked": "unreachable_since", "problem": "problem_at", "paused": "paused_at"}
    trouble = {troubles[case.matter]: now} if case.matter in troubles else {}
    if chat is not None:
        session.add(Patient(chat_id=chat, first_name=user.first_name, language="en", started_at=now, **trouble))
        for purpose in (consents.FOLLOW_UP, consents.OFFERS):
            given = case.matter != "refused"
            session.add(Consent(chat_id=chat, purpose=purpose, given=given, version=consents.VERSION, at=now))
    for start in case.starts:
        visit = Visit(
            code=f"{user.id % 10**5}{start:%d}", chat_id=chat, name=user.first_name, phone="+442079460000",
            treatment="face", practitioner="hart", status="confirmed" if start > now else "completed",
            starts_at=start, ends_at=start + timedelta(minutes=45), created_at=now, requested_at=now,
        )  # fmt: skip
        session.add(visit)
        session.flush()
        plans.plan(session, clinic, visit, now)


async def stay_down(story: Story, back: datetime) -> None:
    """Stop the program until `back`."""
    await story.close()
    story.clock.advance(back - story.clock.now())
    await story.open()


async def go_on(story: Story, end: datetime) -> None:
    """Let time pass to `end`, from one due thing to the next."""
    assert story.app is not None
    while True:
        due = await story.app.next_due()
        if due is None or due > end:
            await story.pass_time(end - story.clock.now())
            return
        await story.pass_time(max(due - story.clock.now(), timedelta(0)))


async def steps(story: Story) -> list[FollowUp]:
    assert story.database is not None
    return await story.database.read(lambda s: list(s.scalars(select(FollowUp).order_by(FollowUp.id))))


def got(story: Story, user: User) -> list[tuple[datetime, str]]:
    """Return what the programme sent to somebody, and when."""
    return [
        (datetime.fromtimestamp(message["date"], UTC), message["text"])
        for message in story.telegram.history(user.id)
        if message.get("text", "").startswith(NOTE)
    ]


@pytest.mark.parametrize("back", [MONDAY + 3 * DAY + 4 * HOUR, MONDAY + 3 * DAY + 12 * HOUR], ids=["day", "night"])
async def test_after_three_days_down_each_patient_gets_one_message_and_nothing_late(
    any_story: Story, back: datetime
) -> None:
    story = any_story
    people = await plan_backlog(story, BACKLOG, back)
    await stay_down(story, back)
    await go_on(story, back)
    morning = back.replace(hour=8, minute=30) + DAY
    if back.hour >= 21:
        assert not any(at >= back for user in people for at, _ in got(story, user)), "nobody is woken"
    await go_on(story, morning)
    for user, case in zip(people, cycle(CASES), strict=False):
        messages = got(story, user)
        days = Counter(at.date() for at, text in messages if "See you at" not in text)
        assert max(days.values(), default=0) <= 1, messages
        assert not messages or not case.matter, (case, messages)
        assert all(time(8) <= at.time() < time(21) for at, _ in messages), messages
    await go_on(story, MONDAY + 100 * DAY)
    rows = await steps(story)
    assert {row.state for row in rows} == {SENT, STALE, SKIPPED, REFUSED, FROZEN}
    assert [row for row in rows if row.sent_at is not None and row.sent_at > row.valid_until] == []
    assert [row for row in rows if row.state in (STALE, SKIPPED, REFUSED) and not row.reason] == []
    texts = sum(len(got(story, user)) for user in people)
    assert texts == len({row.sent_with for row in rows if row.state == SENT}), "what is marked as sent was sent once"
    assert {row.reason for row in rows if row.state == FROZEN} == {None}, "what holds it back is told of the patient"


async def test_who_writes_in_the_middle_is_answered_before_what_was_planned(seconds: Seconds, any_story: Story) -> None:
    story = any_story
    back = MONDAY + 3 * DAY + 4 * HOUR
    await plan_backlog(story, 100, back)
    await stay_down(story, back)
    order: list[int] = []

    def note(call: Request) -> None:
        if call.method == "sendMessage" and call.status == 200:
            order.append(int(call.params["chat_id"]))

    story.telegram.on_call = note
    story.clock.advance(timedelta(0))  # a round begins, and the limits let five messages go
    await until(lambda: len(order) == 5)
    await story.telegram.send_text(story.anna.id, "hair")
    assert story.app is not None
    database = story.database
    assert database is not None
    owed = select(Outgoing.id).where(Outgoing.chat_id == story.anna.id)
    await until(lambda: database.read_now(lambda session: session.scalar(owed)))
    while story.anna.id not in order:
        seconds.now += 0.04  # one more may go
        story.app.dispatcher.wake()
        await asyncio.sleep(0)
    assert order.index(story.anna.id) <= 5 + outbox.WAVE, "only what was under way already went first"
    waiting = select(Outgoing.id).where(Outgoing.state.in_(("pending", "sending")))
    while await database.read(lambda session: session.scalars(waiting).first()):
        seconds.now += 60
        story.app.dispatcher.wake()
    await story.app.idle()
    patients = [chat for chat in order if chat > 0]
    assert len(patients) == len(set(patients)) > 5 + 2 * outbox.WAVE, "there was more to send, and each got one message"


def skipping_idle_time(loop: asyncio.AbstractEventLoop) -> Seconds:
    """Let the loop's time stand still while anybody works, threads too, and pass at once when everybody waits."""
    seconds, at_work = Seconds(), set[asyncio.Future[object]]()
    run, select_real = loop.run_in_executor, loop._selector.select  # type: ignore[attr-defined]  # of every selector loop

    def counted(*args: Any) -> asyncio.Future[Any]:
        future = run(*args)
        at_work.add(future)
        future.add_done_callback(at_work.discard)
        return future

    def skip(timeout: float | None) -> Any:
        if not timeout or at_work:
            return select_real(timeout if not at_work else min(0.02, timeout or 0.0))
        events = select_real(0)
        if not events:
            seconds.now += timeout
        return events

    loop.run_in_executor = counted  # type: ignore[method-assign,assignment]  # where every thread's work begins
    loop._selector.select = skip  # type: ignore[attr-defined]  # where the loop waits
    loop.time = seconds  # type: ignore[method-assign]  # by which it waits
    return seconds


@pytest_asyncio.fixture
async def skipped(monkeypatch: pytest.MonkeyPatch) -> Seconds:
    """Seconds that pass for the loop, the limits at the product's own rate, and the stand-in alike; to be asked for
    before the story."""
    seconds = skipping_idle_time(asyncio.get_running_loop())
    monkeypatch.setattr("tests.story.Limiter", lambda _: Limiter(OVERALL, seconds))
    return seconds


def most_within(instants: list[float], length: float) -> int:
    """Return how many of the instants, at most, fall into any window of so many seconds."""
    first, most = 0, 0
    for last, instant in enumerate(instants):
        while instants[first] <= instant - length + 1e-6:
            first += 1
        most = max(most, last - first + 1)
    return most


async def in_time(done: Callable[[], object]) -> None:
    """Let time pass until `done()` is true."""
    for _ in range(100_000):
        if done():
            return
        await asyncio.sleep(0.01)
    raise AssertionError("it never came")


async def test_telegrams_limits_hold_in_every_window_of_the_whole_backlog(
    skipped: Seconds, clinic: Clinic, reader: Reader, database_file: Path
) -> None:
    # on SQLite alone: the leases of programs that share PostgreSQL go by real seconds, which do not pass here
    story = await Story(clinic, reader, database_file).open()
    back = MONDAY + 3 * DAY + 4 * HOUR
    people = await plan_backlog(story, BACKLOG, back)
    writers = [user for user, case in zip(people, cycle(CASES), strict=False) if case.matter == "refused"][:20]
    await stay_down(story, back)
    assert story.app is not None
    arrived: list[tuple[float, int]] = []

    def note(call: Request) -> None:
        if call.method == "sendMessage" and call.status == 200:
            arrived.append((skipped.now, int(call.params["chat_id"])))

    story.telegram.on_call = note
    story.clock.advance(timedelta(0))  # a round begins
    waited = []
    for number, user in enumerate(writers):
        await in_time(lambda number=number: len(arrived) > 5 + number)  # type: ignore[misc]
        await story.telegram.send_text(user.id, "hair")
        database = story.database
        assert database is not None
        owed = select(Outgoing.id).where(Outgoing.chat_id == user.id, Outgoing.urgency == Kind.REPLY.urgency)
        await in_time(lambda owed=owed, database=database: database.read_now(lambda s: s.scalar(owed)))  # type: ignore[misc]
        asked = len(arrived)
        await in_time(lambda user=user: user.id in {chat for _, chat in arrived})  # type: ignore[misc]
        waited.append(next(place for place, (_, chat) in enumerate(arrived) if chat == user.id) - asked)
    assert story.database is not None
    while await story.database.read(lambda s: s.scalars(UNSENT).first()):
        await story.app.idle()
        story.clock.advance(timedelta(seconds=5))  # the next round
    assert max(waited) <= SOON, "people go first, but for what was under way"
    instants = [instant for instant, _ in arrived]
    chats = Counter(chat for _, chat in arrived)
    assert 25 <= most_within(instants, 1.0) <= 30, "as fast as it may be, and never faster"
    of_chat = {chat: [instant for instant, one in arrived if one == chat] for chat, count in chats.items() if count > 1}
    assert max((most_within(one, 1.0) for chat, one in of_chat.items() if chat > 0), default=0) <= 3
    assert max((most_within(one, 60.0) for chat, one in of_chat.items() if chat < 0), default=0) <= 20
    late = [row for row in await steps(story) if row.sent_at is not None and row.sent_at > row.valid_until]
    assert late == []
    assert len(arrived) > BACKLOG / 8
    assert all(len(got(story, user)) <= 1 for user in people)
    await story.close()


# what could not be sent in time


def lost_until(diary: Diary, end: datetime) -> None:
    """Make the message that is due, and let it wait in the outbox until `end`."""
    (one,) = diary.rounds()

    def owe(session: Session) -> None:
        message = Message(ANNA, "x", kind=Kind(one.kind))
        outbox.post(session, message, now=diary.now, valid_until=one.until, subject=one.subject)

    diary.run(owe)
    diary.now = end
    claimed = diary.run(lambda s: outbox.claim(s, now=end, most=1, busy=()))
    for row in claimed:
        diary.run(lambda s, row_id=row.id: outbox.sent(s, row_id, 1, end))  # type: ignore[misc]
    diary.run(lambda s: undelivered.look(s, end))


def test_what_waited_into_the_night_is_not_sent_in_it(diary: Diary) -> None:
    diary.confirmed(THURSDAY)
    diary.now = THURSDAY - 2 * HOUR - DAY + timedelta(hours=12)  # Wednesday 20:00
    lost_until(diary, diary.now + 2 * HOUR)
    sent = diary.until(THURSDAY)
    assert [(at.date(), steps) for at, steps in sent] == [(THURSDAY.date(), ["before-2-hours"])]
    assert diary.rows()["before-1-day"] == (STALE, "quiet hours")


def test_what_waited_past_its_time_is_not_sent(diary: Diary) -> None:
    done = diary.treated(THURSDAY)
    diary.now = done.card.ends_at + 2 * HOUR
    lost_until(diary, diary.now + 13 * HOUR)
    assert diary.rounds() == []
    assert diary.rows()["care-card"] == (STALE, "too late")
    assert diary.run(lambda s: list(s.scalars(select(Call)))) == []


@pytest.mark.parametrize("in_the_air", [False, True], ids=["waiting", "in the air"])
async def test_what_was_made_before_a_stop_of_three_days_is_not_sent_after_it(
    any_story: Story, in_the_air: bool
) -> None:
    """A reminder is made, and the program stops before the dispatcher has sent it, or before it knows that it did."""
    story = any_story
    assert story.app is not None
    assert story.database is not None
    visit_at = MONDAY + DAY + HOUR
    story.anna.started = True
    await story.database.transaction(lambda s: book(s, story.clinic, story.anna, Case((visit_at,)), story.clock.now()))
    story.app.dispatcher._limiter.hold_all(10_000)  # Telegram is not to be reached
    story.clock.advance(visit_at - DAY - story.clock.now())
    rows = select(Outgoing).where(Outgoing.subject == "followup:1")
    database = story.database
    await until(lambda: database.read_now(lambda s: s.scalars(rows).first()))
    if in_the_air:
        await database.transaction(lambda s: outbox.claim(s, now=story.clock.now(), most=1, busy=()))
    await stay_down(story, visit_at + 3 * DAY)
    await go_on(story, visit_at + 3 * DAY + HOUR)
    assert got(story, story.anna) == []
    assert story.database is not None
    made = await story.database.read(lambda s: s.scalars(rows.order_by(Outgoing.id)).all())
    assert [row.state for row in made] == (["unknown", "stale"] if in_the_air else ["stale"])
    assert all(row.valid_until is not None and row.valid_until < visit_at for row in made)
    settled = {row.step: (row.state, row.reason) for row in await steps(story)}
    assert settled["before-1-day"] == ((SENT, None) if in_the_air else (STALE, "too late"))
    assert settled["before-2-hours"] == (STALE, "too late")
    calls = await story.database.read(lambda s: [(call.what, call.why) for call in s.scalars(select(Call))])
    assert calls == ([("before-1-day", "uncertain")] if in_the_air else []), "whom nobody knows to have been told"


def test_what_was_sent_at_last_is_not_taken_back_again(diary: Diary) -> None:
    done = diary.treated(THURSDAY)
    diary.now = done.card.ends_at + 2 * HOUR
    lost_until(diary, diary.now + 9 * HOUR)
    diary.now = (THURSDAY + DAY).replace(hour=0, minute=30)
    assert diary.rows()["care-card"] == (PLANNED, None)
    diary.run(lambda s: s.query(FollowUp).update({"valid_until": THURSDAY + 3 * DAY}))
    diary.now = THURSDAY + DAY
    lost_until(diary, diary.now + timedelta(minutes=1))
    assert diary.rows()["care-card"] == (SENT, None)
    assert diary.rounds() == []


def test_no_more_is_made_than_can_be_sent_soon(diary: Diary) -> None:
    diary.confirmed(THURSDAY)
    diary.now = THURSDAY - DAY

    def wait(session: Session) -> None:
        for chat in range(1000, 1000 + followups.MOST_WAITING):
            outbox.post(session, Message(chat, "x", kind=Kind.CARE), now=diary.now)

    diary.run(wait)
    assert diary.run(lambda s: followups.make_rounds(s, diary.clinic, diary.now)) == ([], False)
    assert diary.rows()["before-1-day"] == (PLANNED, None)
    diary.run(lambda s: outbox.sent(s, 1, 1, diary.now))
    assert [part.step.id for one in diary.rounds() for part in one.parts if part.step] == ["before-1-day"]
