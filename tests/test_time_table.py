"""The odd hours of a year, in a dozen zones and on both databases: from the plan through the store to what is sent."""

import shutil
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from bot.clinic import plans, staffroom, timing, visits, zones
from bot.clinic.visits import COMPLETED, CONFIRMED
from bot.config import Clinic
from bot.delivery import outbox
from bot.delivery.messages import Kind, Message
from bot.delivery.outbox import Claimed
from bot.programme import Change
from bot.store.models import Audit, Fact, FollowUp, Outgoing, Slot, Visit
from tests.conftest import ENGINES
from tests.test_followups import ANNA, DAY, HOUR, MAYA, STAFF, ZONES, Diary, everywhere

MINUTE = timedelta(minutes=1)
NOW = datetime(2026, 11, 16, 10, tzinfo=UTC)
YEARS = (date(2027, 1, 1), date(2028, 12, 31))
USUAL = (date(2027, 5, 12), time(2, 30))
"""A day and a wall time for zones whose clock never changes."""


@pytest.fixture(scope="module", params=ENGINES)
def diary(request: pytest.FixtureRequest, template: Path, clinic: Clinic, tmp_path_factory: Any) -> Iterator[Diary]:
    """One database for all tests of an engine: a fresh one for each would take minutes."""
    with ExitStack() as stack:
        if request.param == "postgresql":
            url = stack.enter_context(request.getfixturevalue("cluster").database())
        else:
            url = f"sqlite:///{shutil.copy(template, tmp_path_factory.mktemp('table') / 'mesobot.db')}"
        diary = Diary(url, clinic, NOW)
        yield diary
        diary.database.close()


@pytest.fixture(params=ZONES)
def there(request: pytest.FixtureRequest, diary: Diary, clinic: Clinic) -> Diary:
    """A clinic in one of the zones, of which nothing is known yet."""
    for table in (Visit, FollowUp, Outgoing, Slot, Fact, Audit):
        diary.run(lambda s, t=table: s.execute(delete(t)) and None)  # type: ignore[misc]
    diary.clinic, diary.now = everywhere(clinic, request.param), NOW
    diary.run(lambda s: staffroom.appoint(s, STAFF, NOW))
    return diary


@cache
def odd_walls(zone: ZoneInfo, *, repeated: bool) -> tuple[date, time] | None:
    """Return a day and a wall time that the clock skips, or repeats; None in a zone where it does neither."""
    for ahead in range((YEARS[1] - YEARS[0]).days):
        day = YEARS[0] + timedelta(days=ahead)
        noons = [datetime.combine(day + timedelta(days=more), time(12), zone).utcoffset() for more in (-1, 0)]
        if noons[0] == noons[1]:
            continue
        for quarter in range(-48, 48):  # the change lies between the two noons
            naive = datetime.combine(day, time(0)) + timedelta(minutes=15 * quarter + 5)
            first, second = (naive.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1))
            is_there = first.astimezone(zone).replace(tzinfo=None) == naive
            if first != second and is_there == repeated:
                return naive.date(), naive.time()
    return None


def odd(diary: Diary, *, repeated: bool) -> tuple[date, time]:
    return odd_walls(diary.clinic.tz, repeated=repeated) or USUAL


def with_step(diary: Diary, **values: object) -> None:
    """Let the clinic have one more step."""
    step = Change.model_validate({"id": "odd", "anchor": "done", "lasts": "3d", "kind": "care", "text": "x"} | values)
    diary.clinic = diary.clinic.model_copy(update={"programme": (*diary.clinic.programme, step)})


def visit(diary: Diary, starts_at: datetime, status: str = CONFIRMED) -> int:
    """Keep a visit of three quarters of an hour, with what is planned around it."""

    def keep(session: Session) -> int:
        row = Visit(
            code=visits.new_code(session), version=1, status=status, chat_id=ANNA, name="Anna Nowak", phone="+44",
            treatment="face", practitioner="hart", starts_at=starts_at, ends_at=starts_at + timedelta(minutes=45),
            screening={}, flagged=False, created_at=diary.now, requested_at=diary.now, reminders=0,
        )  # fmt: skip
        session.add(row)
        session.flush()
        plans.plan(session, diary.clinic, row, diary.now)
        return row.id

    return diary.run(keep)


def step(diary: Diary, name: str) -> FollowUp:
    (row,) = diary.run(lambda s: list(s.scalars(select(FollowUp).where(FollowUp.step == name))))
    return row


def local(diary: Diary, at: datetime) -> tuple[date, time]:
    shown = at.astimezone(diary.clinic.tz)
    return shown.date(), shown.time().replace(fold=0)


def is_quiet(diary: Diary, at: datetime) -> bool:
    return plans.quiet(diary.clinic, None).holds(local(diary, at)[1])


def owe(diary: Diary) -> int:
    """Make messages of what is due, and owe them."""
    found = diary.rounds()
    for due in found:
        message = Message(due.chat_id, "x", kind=Kind(due.kind))
        diary.run(
            lambda s, m=message, d=due: (
                outbox.post(s, m, now=diary.now, subject=d.subject, valid_until=d.until) and None
            )  # type: ignore[misc]
        )
    return len(found)


def claimed(diary: Diary, *, held: bool = False) -> list[Claimed]:
    return diary.run(lambda s: outbox.claim(s, now=diary.now, most=8, busy=(), held=held))


def test_what_the_clock_skips_comes_right_after_the_gap(there: Diary) -> None:
    day, wall = odd(there, repeated=False)
    with_step(there, day=1, at=wall)
    before = there.wall(day - DAY, time(10))
    there.now = before + HOUR
    visit(there, before, COMPLETED)
    due = step(there, "odd").planned_for
    shown = local(there, due)
    if odd_walls(there.clinic.tz, repeated=False) is None:
        assert shown == (day, wall)
    else:
        assert datetime.combine(*shown) > datetime.combine(day, wall)
        assert datetime.combine(*local(there, due - timedelta(seconds=1))) < datetime.combine(day, wall)


def test_what_the_clock_repeats_comes_once_the_first_time(there: Diary) -> None:
    day, wall = odd(there, repeated=True)
    with_step(there, day=1, at=wall)
    before = there.wall(day - DAY, time(10))
    there.now = before + HOUR
    number = visit(there, before, COMPLETED)
    due = step(there, "odd").planned_for
    assert local(there, due) == (day, wall)
    assert due == datetime.combine(day, wall, there.clinic.tz).replace(fold=0).astimezone(UTC)
    there.now = due + timedelta(minutes=70)  # the same wall time, or later, once more
    there.run(lambda s: plans.plan(s, there.clinic, s.get_one(Visit, number), there.now))
    assert step(there, "odd").planned_for == due


def test_the_day_before_is_the_same_wall_time(there: Diary) -> None:
    days = {odd(there, repeated=repeated)[0] + ahead * DAY for repeated in (False, True) for ahead in (0, 1)}
    for day in sorted(days):
        start = there.wall(day, time(12))
        there.now = start - 5 * DAY
        number = visit(there, start)
        rows = there.run(lambda s, n=number: list(s.scalars(select(FollowUp).where(FollowUp.visit_id == n))))  # type: ignore[misc]
        due = {row.step: row.due_at for row in rows}
        assert local(there, due["before-1-day"]) == (day - DAY, time(12))
        assert local(there, due["before-3-days"]) == (day - 3 * DAY, time(12))
        assert due["before-2-hours"] == start - 2 * HOUR


def test_a_day_begins_even_where_there_is_no_midnight(there: Diary) -> None:
    gap, wall = odd(there, repeated=False)
    day = gap if wall.hour == 0 else gap + DAY
    with_step(there, day=1, at="00:00")
    before = there.wall(day - DAY, time(10))
    there.now = before + HOUR
    visit(there, before, COMPLETED)
    row = step(there, "odd")
    assert local(there, row.planned_for)[0] == day
    assert local(there, row.planned_for - timedelta(seconds=1))[0] == day - DAY
    assert local(there, row.due_at)[0] == day
    assert not is_quiet(there, row.due_at)


def test_quiet_hours_wait_for_the_morning_or_come_before_the_evening(there: Diary) -> None:
    day = odd(there, repeated=False)[0] + DAY
    start = there.wall(day, time(9))
    there.now = start - 5 * DAY
    visit(there, start)
    morning = step(there, "before-2-hours").due_at  # it would be at seven
    assert there.wall(day, time(8)) <= morning <= there.wall(day, time(8)) + 30 * MINUTE
    early = there.wall(day + DAY, time(8, 30))
    number = visit(there, early)
    rows = there.run(lambda s: list(s.scalars(select(FollowUp).where(FollowUp.visit_id == number))))
    evening = {row.step: row.due_at for row in rows}["before-2-hours"]
    assert there.wall(day, time(20, 29)) <= evening < there.wall(day, time(21))


def test_a_visit_that_moves_or_is_cancelled_takes_its_message_back_before_it_is_claimed(there: Diary) -> None:
    day = odd(there, repeated=False)[0] + 2 * DAY
    start = there.wall(day, time(12))
    there.now = start - 5 * DAY
    number = visit(there, start)
    there.now = there.wall(day - 3 * DAY, time(12))
    assert owe(there) == 1

    def move(session: Session) -> None:
        row = session.get_one(Visit, number)
        row.starts_at, row.ends_at = row.starts_at + HOUR, row.ends_at + HOUR
        visits.change(session, there.clinic, row, CONFIRMED, "visit moved", None, there.now)

    there.run(move)
    assert claimed(there) == []
    there.now = there.wall(day - DAY, time(13))
    assert owe(there) == 1
    version = there.run(lambda s: s.get_one(Visit, number).version)
    there.run(
        lambda s: visits.cancel_by_staff(s, there.clinic, number, version, STAFF, "ill", MAYA, there.now) and None
    )
    assert claimed(there) == []
    assert {step: row[0] for step, row in there.rows().items()} == {
        "before-3-days": "stale",  # of the later time; it lay behind the message that was taken back
        "before-1-day": "cancelled",
        "before-2-hours": "cancelled",
    }


def test_what_is_booked_inside_a_reminders_window_has_no_such_reminder(there: Diary) -> None:
    day = odd(there, repeated=False)[0]
    start = there.wall(day, time(15))
    there.now = start - 3 * HOUR
    visit(there, start)
    rows = there.run(lambda s: list(s.scalars(select(FollowUp.step))))
    assert rows == ["before-2-hours"]
    assert there.until(start) == [(start - 2 * HOUR, ["before-2-hours"])]


def test_three_days_down_leave_one_message_and_nothing_past_its_time(there: Diary) -> None:
    day = odd(there, repeated=False)[0] - DAY
    start = there.wall(day, time(10))
    there.now = start + HOUR
    visit(there, start, COMPLETED)
    coming = there.wall(day + 4 * DAY, time(12))
    visit(there, coming)
    there.now = there.wall(day + 3 * DAY, time(15))
    assert [steps for _, steps in there.until(there.now)] == [["before-1-day", "check-1-day", "check-3-days"]]
    states = there.rows()
    assert (states["care-card"], states["before-3-days"]) == (("stale", "too late"), ("stale", "too late"))
    assert there.until(coming) == [(coming - 2 * HOUR, ["before-2-hours"])]


def test_another_zone_keeps_wall_times_and_what_was_sent(there: Diary) -> None:
    there.run(lambda s: zones.follow(s, there.clinic, there.now))
    day = odd(there, repeated=True)[0] + 2 * DAY
    start = there.wall(day, time(12))
    there.now = start - 5 * DAY
    visit(there, start)
    there.now = there.wall(day - 3 * DAY, time(12))
    assert owe(there) == 1
    sent = step(there, "before-3-days").sent_at
    there.clinic = everywhere(there.clinic, "Pacific/Apia")
    there.run(lambda s: zones.follow(s, there.clinic, there.now))
    row = step(there, "before-1-day")
    assert local(there, row.planned_for) == (day - DAY, time(12))
    assert step(there, "before-2-hours").planned_for == there.wall(day, time(10))
    gone = step(there, "before-3-days")
    assert (gone.state, gone.sent_at) == ("sent", sent)
    assert [one.subject for one in claimed(there)] == [f"followup:{gone.id}"]


@pytest.mark.parametrize(
    ("done", "months", "expected"),
    [
        (date(2028, 1, 31), 1, date(2028, 2, 29)),
        (date(2028, 1, 31), 2, date(2028, 3, 31)),
        (date(2028, 2, 29), 12, date(2029, 2, 28)),
    ],
)
def test_a_day_that_a_month_has_not_is_its_last(there: Diary, done: date, months: int, expected: date) -> None:
    with_step(there, months=months, at="11:00")
    there.now = there.wall(done, time(12))
    visit(there, there.wall(done, time(10)), COMPLETED)
    assert local(there, step(there, "odd").due_at) == (expected, time(11))


def test_while_the_clock_is_in_doubt_nothing_that_only_time_asks_for_is_claimed(there: Diary) -> None:
    day = odd(there, repeated=False)[0] + DAY
    start = there.wall(day, time(12))
    there.now = start - 5 * DAY
    visit(there, start)
    there.now = there.wall(day - 3 * DAY, time(12))
    assert owe(there) == 1
    assert claimed(there, held=True) == []
    assert len(claimed(there)) == 1


def test_the_zones_have_odd_days_of_each_kind() -> None:
    """Else the tests above would be about nothing."""
    tz = [ZoneInfo(name) for name in ZONES]
    assert len(tz) == 12
    assert sum(odd_walls(zone, repeated=False) is not None for zone in tz) >= 9
    assert sum(odd_walls(zone, repeated=True) is not None for zone in tz) >= 9
    gaps = [found[1].hour for zone in tz if (found := odd_walls(zone, repeated=False)) is not None]
    assert 0 in gaps, "one of them has no midnight"
    assert timing.instant(*USUAL, ZoneInfo("Asia/Tokyo")).astimezone(ZoneInfo("Asia/Tokyo")).time() == USUAL[1]
