"""When follow-ups are due, in a dozen zones and on their odd days."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.clinic.timing import SPREAD, Quiet, due, instant, months_later, polite, valid_until
from bot.programme import Step, packaged

ZONES = [
    "Europe/London", "Europe/Berlin", "America/New_York", "America/Santiago", "America/St_Johns", "Africa/Cairo",
    "Asia/Beirut", "Asia/Kathmandu", "Asia/Tokyo", "Australia/Lord_Howe", "Pacific/Auckland", "Pacific/Chatham",
    "Pacific/Apia", "UTC",
]  # fmt: skip
NIGHT = Quiet(time(21), time(8))
HOUR, DAY = timedelta(hours=1), timedelta(days=1)

zones = st.sampled_from(ZONES).map(ZoneInfo)
instants = st.datetimes(datetime(2026, 1, 1), datetime(2028, 12, 31), timezones=st.just(UTC))  # noqa: DTZ001  bounds
walls = st.times().map(lambda wall: wall.replace(second=0, microsecond=0))
days = st.dates(date(2026, 1, 1), date(2028, 12, 31))


def step(**values: object) -> Step:
    given = {"id": "x", "anchor": "visit", "until": "0m", "kind": "visit", "template": "reminder"} | values
    return Step.model_validate(given)


def wall(at: datetime, zone: ZoneInfo) -> datetime:
    return at.astimezone(zone).replace(tzinfo=None)


@given(days, walls, zones)
def test_a_wall_time_is_found_or_lies_in_a_gap(day: date, at: time, zone: ZoneInfo) -> None:
    found = instant(day, at, zone)
    shown = wall(found, zone)
    wanted = datetime.combine(day, at)
    if shown != wanted:  # the first instant after the gap
        assert shown > wanted
        assert wall(found - timedelta(seconds=1), zone) < wanted
    else:
        assert wall(found - HOUR, zone) != wanted or wall(found - HOUR / 2, zone) != wanted


@pytest.mark.parametrize(
    ("zone", "day", "at", "expected"),
    [
        ("Europe/London", date(2027, 3, 28), time(1, 30), "2027-03-28T01:00"),  # skipped
        ("Europe/London", date(2026, 10, 25), time(1, 30), "2026-10-25T00:30"),  # repeated: the first
        ("America/New_York", date(2027, 3, 14), time(2, 15), "2027-03-14T07:00"),
        ("America/New_York", date(2026, 11, 1), time(1, 0), "2026-11-01T05:00"),
        ("Australia/Lord_Howe", date(2026, 10, 4), time(2, 15), "2026-10-03T15:30"),  # half an hour
        ("Africa/Cairo", date(2027, 4, 30), time(0, 0), "2027-04-29T22:00"),  # there is no midnight
        ("America/Santiago", date(2026, 9, 6), time(0, 30), "2026-09-06T04:00"),
        ("Asia/Kathmandu", date(2026, 9, 6), time(12), "2026-09-06T06:15"),
    ],
)
def test_odd_wall_times(zone: str, day: date, at: time, expected: str) -> None:
    assert instant(day, at, ZoneInfo(zone)) == datetime.fromisoformat(expected).replace(tzinfo=UTC)


@given(instants, zones)
def test_the_day_before_is_the_same_wall_time_yesterday(visit: datetime, zone: ZoneInfo) -> None:
    found = due(step(day=-1), visit, zone, None)
    assert found is not None
    local, shown = wall(visit, zone), wall(found, zone)
    if wall(instant(local.date() - DAY, local.time(), zone), zone).time() == local.time():
        assert shown == local - DAY


def test_the_day_before_is_23_or_25_hours_when_the_clock_changes() -> None:
    zone = ZoneInfo("Europe/London")
    spring = datetime(2027, 3, 28, 10, tzinfo=zone)
    autumn = datetime(2026, 10, 25, 10, tzinfo=zone)
    assert spring.astimezone(UTC) - (due(step(day=-1), spring, zone, None) or spring) == 23 * HOUR
    assert autumn.astimezone(UTC) - (due(step(day=-1), autumn, zone, None) or autumn) == 25 * HOUR


@given(instants, zones)
def test_an_offset_counts_hours_on_the_clock(visit: datetime, zone: ZoneInfo) -> None:
    assert due(step(offset="-2h"), visit, zone, None) == visit - 2 * HOUR


@pytest.mark.parametrize(
    ("day", "months", "expected"),
    [
        (date(2028, 1, 31), 1, date(2028, 2, 29)),
        (date(2027, 1, 31), 1, date(2027, 2, 28)),
        (date(2028, 2, 29), 12, date(2029, 2, 28)),
        (date(2026, 10, 31), 1, date(2026, 11, 30)),
        (date(2026, 12, 15), 3, date(2027, 3, 15)),
    ],
)
def test_a_day_that_a_month_has_not_is_its_last(day: date, months: int, expected: date) -> None:
    assert months_later(day, months) == expected


def test_months_count_from_the_original_day() -> None:
    zone = ZoneInfo("Europe/London")
    done = datetime(2028, 1, 31, 15, tzinfo=UTC)
    found = [
        due(step(anchor="done", months=count, at="11:00", until=None, lasts="3d"), done, zone, None) for count in (1, 2)
    ]
    assert [one.date() for one in found if one] == [date(2028, 2, 29), date(2028, 3, 31)]


def test_an_interval_opens_at_the_weeks_of_the_course() -> None:
    zone = ZoneInfo("Europe/London")
    done = datetime(2026, 10, 20, 15, tzinfo=UTC)
    opens = step(anchor="done", interval=True, at="11:00", until=None, lasts="14d", kind="offer")
    assert due(opens, done, zone, 3) == datetime(2026, 11, 10, 11, tzinfo=UTC)
    assert due(opens, done, zone, None) is None


@given(instants, zones, st.text(max_size=5), walls, walls)
def test_nobody_is_written_to_in_quiet_hours(at: datetime, zone: ZoneInfo, seed: str, begins: time, ends: time) -> None:
    quiet = Quiet(begins, ends)
    sent = polite(at, at + 3 * DAY, quiet, zone, seed)
    assert at <= sent <= at + DAY + 2 * HOUR
    if begins != ends and quiet.holds(wall(at, zone).time()):
        awake = instant(wall(sent - SPREAD, zone).date(), ends, zone)
        assert sent != at or wall(at, zone).time() != begins
        assert sent - awake <= SPREAD or sent - instant(wall(sent, zone).date(), ends, zone) <= SPREAD
    else:
        assert sent == at


@given(instants, zones)
def test_what_would_be_past_its_time_is_sent_before_quiet_hours(at: datetime, zone: ZoneInfo) -> None:
    until = at + HOUR
    sent = polite(at, until, NIGHT, zone, "seed")
    assert sent <= until
    if sent < at:
        assert not NIGHT.holds(wall(sent, zone).time())
        assert at - sent <= 12 * HOUR


def test_quiet_hours_spread_what_waited() -> None:
    zone = ZoneInfo("Europe/London")
    at = datetime(2026, 11, 24, 3, tzinfo=UTC)
    sent = {polite(at, at + DAY, NIGHT, zone, f"patient {number}") for number in range(50)}
    assert len(sent) == 50
    assert min(sent) >= datetime(2026, 11, 24, 8, tzinfo=UTC)
    assert max(sent) <= datetime(2026, 11, 24, 8, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("step_id", "allowed"),
    [
        ("before-1-day", datetime(2026, 11, 26, 7, tzinfo=UTC)),  # three hours before
        ("before-2-hours", datetime(2026, 11, 26, 10, tzinfo=UTC)),  # its beginning
        ("check-1-day", datetime(2026, 11, 30, 10, tzinfo=UTC)),  # three days
        ("next-session", datetime(2026, 12, 24, 11, tzinfo=UTC)),  # fourteen days
    ],
)
def test_how_long_the_packaged_steps_may_be_late(step_id: str, allowed: datetime) -> None:
    anchor, zone = datetime(2026, 11, 26, 10, tzinfo=UTC), ZoneInfo("Europe/London")
    one = next(step for step in packaged() if step.id == step_id)
    when = due(one, anchor, zone, 2)
    assert when is not None
    assert valid_until(one, anchor, when) == allowed
