"""Free time and holding it: the clinic's hours, the clock's jumps, and many hands at once."""

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test
from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from bot.clinic import slots
from bot.clinic.slots import Free
from bot.config import WEEKDAYS, Booking, Clinic, Closed, Practitioner, Span, Treatment, Week
from bot.store.database import Database, parse_url
from bot.store.models import Block, Slot

NOW = datetime(2026, 11, 23, 10, 30, tzinfo=UTC)
"""A Monday; London's wall time is UTC."""
WEDNESDAY, THURSDAY, SATURDAY = date(2026, 11, 25), date(2026, 11, 26), date(2026, 11, 28)
FACE = Treatment(id="face", name="Face", minutes=45)
HANDS = Treatment(id="hands", name="Hands", minutes=30)


def week(*spans: str, days: Sequence[str] = WEEKDAYS) -> Week:
    return Week.model_validate(dict.fromkeys(days, spans))


def person(name: str, **known: Any) -> Practitioner:
    return Practitioner(id=name, name=name.title(), role="Doctor", **known)


@pytest.fixture
def small(clinic: Clinic) -> Clinic:
    """Open from nine to one and from two to six on every day, with two practitioners."""
    return change(
        clinic,
        hours=week("09:00-13:00", "14:00-18:00"),
        practitioners=(person("hart"), person("ozan")),
        treatments=(FACE, HANDS),
        closed=(),
        booking=Booking(),
    )


def change(clinic: Clinic, **known: Any) -> Clinic:
    return clinic.model_copy(update=known)


def rules(clinic: Clinic, **known: Any) -> Clinic:
    return change(clinic, booking=clinic.booking.model_copy(update=known))


@pytest.fixture
def session(database_url: str) -> Iterator[Session]:
    yield from opened(database_url)


@pytest.fixture
def any_session(any_database: str) -> Iterator[Session]:
    yield from opened(any_database)


def opened(url: str) -> Iterator[Session]:
    database = Database(parse_url(url))
    with Session(database._writer) as session:
        yield session
    database.close()


def at(day: date, wall: str, zone: str = "Europe/London") -> datetime:
    return datetime.combine(day, time.fromisoformat(wall), ZoneInfo(zone)).astimezone(UTC)


def times(
    session: Session, clinic: Clinic, who: str | None = "hart", day: date = WEDNESDAY, treatment: Treatment = FACE,
    **known: Any,
) -> list[str]:  # fmt: skip
    free = slots.free_times(session, clinic, treatment, who, day, known.pop("now", NOW), **known)
    assert free == sorted(free, key=lambda one: one.starts_at)
    return [f"{one.starts_at.astimezone(clinic.tz):%H:%M}" for one in free]


def days(session: Session, clinic: Clinic, who: str | None = "hart", treatment: Treatment = FACE) -> list[date]:
    return slots.free_days(session, clinic, treatment, who, date(2026, 11, 1), date(2027, 12, 31), NOW)


def hold(
    session: Session, clinic: Clinic, wall: str, holder: str = "visit:1", who: str = "hart", day: date = WEDNESDAY,
    treatment: Treatment = FACE, besides: tuple[str, ...] = (),
) -> bool:  # fmt: skip
    return slots.hold(session, clinic, holder, treatment, who, at(day, wall), besides=besides)


def block_out(session: Session, clinic: Clinic, begins: str, ends: str, who: str | None = "hart") -> tuple[Block, Any]:
    """Block some of Wednesday, and return who was in there."""
    block = Block(
        practitioner=who,
        starts_at=at(WEDNESDAY, begins),
        ends_at=at(WEDNESDAY, ends),
        reason="",
        author="Maya",
        author_id=1,
        created_at=NOW,
    )
    session.add(block)
    session.flush()
    return block, slots.block(session, block, [who] if who else [one.id for one in clinic.team])


def held(session: Session) -> dict[tuple[str, str], str]:
    """Return who holds what, with the units as London's wall times on Wednesday."""
    rows = session.execute(select(Slot.practitioner, Slot.unit, Slot.holder)).all()
    return {(who, f"{datetime.fromtimestamp(unit * 300, UTC):%H:%M}"): holder for who, unit, holder in rows}


def held_by(session: Session, holder: str, who: str = "hart") -> list[str]:
    return sorted(wall for (one, wall), name in held(session).items() if (one, name) == (who, holder))


# --- which times there are --------------------------------------------------------------------------------------------


def test_a_visit_begins_on_the_grid_and_ends_before_its_span(session: Session, small: Clinic) -> None:
    assert times(session, rules(small, grid_minutes=30)) == [
        "09:00", "09:30", "10:00", "10:30", "11:00", "11:30", "12:00",
        "14:00", "14:30", "15:00", "15:30", "16:00", "16:30", "17:00",
    ]  # fmt: skip
    assert times(session, small)[-1] == "17:15"
    assert times(session, small, treatment=HANDS)[-1] == "17:30"


def test_the_grid_begins_anew_with_each_opening(session: Session, small: Clinic) -> None:
    odd = rules(change(small, hours=week("09:10-11:00", "14:40-16:00")), grid_minutes=20)
    assert times(session, odd) == ["09:10", "09:30", "09:50", "10:10", "14:40", "15:00"]


def test_an_opening_between_two_units_is_the_next_unit(session: Session, small: Clinic) -> None:
    assert times(session, change(small, hours=week("09:07-10:17"))) == ["09:10", "09:25"]


def test_a_day_too_short_for_a_visit_has_none(session: Session, small: Clinic) -> None:
    short = change(small, hours=week("09:00-09:40", "12:00-12:35"))
    assert times(session, short) == []
    assert days(session, short) == []
    assert times(session, short, treatment=HANDS) == ["09:00", "12:00"]


def test_practitioners_have_hours_treatments_and_days_off_of_their_own(session: Session, small: Clinic) -> None:
    away = Closed(first=THURSDAY, last=THURSDAY)
    own = change(
        small,
        practitioners=(
            person("hart", hours=week("10:00-11:00", days=["wednesday", "thursday", "saturday"]), away=(away,)),
            person("ozan", treatments=("hands",)),
        ),
        closed=(Closed(first=SATURDAY, last=SATURDAY, reason="Paint"),),
    )
    assert times(session, own) == ["10:00", "10:15"]
    assert days(session, own)[:3] == [WEDNESDAY, date(2026, 12, 2), date(2026, 12, 3)]
    assert times(session, own, "ozan") == []
    assert times(session, own, None) == ["10:00", "10:15"]  # nobody but Hart does faces
    assert times(session, own, None, day=THURSDAY) == []
    assert times(session, own, None, day=THURSDAY, treatment=HANDS)[0] == "09:00"
    assert SATURDAY not in days(session, own, None, treatment=HANDS)
    assert times(session, own, "nobody") == []


def test_a_clinic_that_names_nobody_is_booked_itself(session: Session, small: Clinic) -> None:
    alone = change(small, practitioners=())
    assert slots.free_times(session, alone, FACE, None, WEDNESDAY, NOW)[0] == Free(at(WEDNESDAY, "09:00"), "clinic")


def test_nothing_is_offered_too_soon_or_too_far_ahead(session: Session, small: Clinic) -> None:
    monday, near = NOW.date(), rules(small, lead_minutes=180, days_ahead=3)
    assert days(session, near) == [monday, date(2026, 11, 24), WEDNESDAY, THURSDAY]
    assert times(session, near, day=monday)[0] == "14:00"
    assert times(session, near, day=monday, now=NOW + timedelta(minutes=31))[0] == "14:15"
    assert times(session, near, day=date(2026, 11, 27)) == []
    assert times(session, near, day=monday - timedelta(days=1)) == []


def test_staff_may_offer_what_begins_in_a_moment_but_not_what_has_begun(session: Session, small: Clinic) -> None:
    monday = NOW.date()
    assert times(session, small, day=monday, lead=False)[0] == "10:30"
    assert times(session, small, day=monday, lead=False, now=NOW + timedelta(seconds=1))[0] == "10:45"
    late = NOW.replace(hour=17, minute=0)
    assert not slots.free_days(session, small, FACE, "hart", monday, monday, late)
    assert slots.free_days(session, small, FACE, "hart", monday, monday, late, lead=False) == [monday]


def test_the_last_day_ahead_is_counted_in_the_clinics_zone(session: Session, small: Clinic) -> None:
    auckland = rules(change(small, zone="Pacific/Auckland"), days_ahead=1)
    just_after_midnight = datetime(2026, 11, 23, 11, 30, tzinfo=UTC)  # the 24th at 00:30 there
    first, last = date(2026, 11, 1), date(2026, 12, 31)
    found = slots.free_days(session, auckland, FACE, None, first, last, just_after_midnight)
    assert found == [date(2026, 11, 24), WEDNESDAY]


# --- days on which the clock jumps ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("zone", "day", "span", "expected"),
    [
        # forward at 01:00: 01:00 to 02:00 is not there
        ("Europe/London", date(2027, 3, 28), "00:00-04:00", "00:00 00:30 02:00 02:30 03:00"),
        # back at 02:00: 01:00 to 02:00 is there twice, and offered once
        ("Europe/London", date(2026, 10, 25), "00:00-04:00", "00:00 00:30 01:00 01:30 02:00 02:30 03:00"),
        # forward at 02:00
        ("America/New_York", date(2027, 3, 14), "01:00-05:00", "01:00 01:30 03:00 03:30 04:00"),
        ("America/New_York", date(2026, 11, 1), "00:00-03:00", "00:00 00:30 01:00 01:30 02:00"),
        # half an hour forward at 02:00, and half an hour back
        ("Australia/Lord_Howe", date(2026, 10, 4), "01:00-04:00", "01:00 01:30 02:30 03:00"),
        ("Australia/Lord_Howe", date(2027, 4, 4), "01:00-04:00", "01:00 01:30 02:00 02:30 03:00"),
        # forward at midnight: the day begins at one
        ("Africa/Cairo", date(2027, 4, 30), "00:00-03:00", "01:00 01:30 02:00"),
        # back at midnight: the last hour is there twice
        ("Africa/Cairo", date(2026, 10, 29), "21:00-23:59", "21:00 21:30 22:00 22:30"),
        # the day after begins as ever
        ("Africa/Cairo", date(2026, 10, 30), "00:00-02:00", "00:00 00:30 01:00"),
        ("America/St_Johns", date(2027, 3, 14), "01:00-04:00", "01:00 01:30 03:00"),
        ("Asia/Kathmandu", date(2026, 10, 29), "09:00-11:00", "09:00 09:30 10:00"),
    ],
)
def test_days_on_which_the_clock_jumps_have_the_right_times(
    session: Session, small: Clinic, zone: str, day: date, span: str, expected: str
) -> None:
    hour = Treatment(id="face", name="Face", minutes=60)
    there = rules(change(small, zone=zone, hours=week(span)), grid_minutes=30)
    now = at(day, "12:00", zone) - timedelta(days=3)
    free = slots.free_times(session, there, hour, "hart", day, now)
    shown = [one.starts_at.astimezone(there.tz) for one in free]
    assert " ".join(f"{one:%H:%M}" for one in shown) == expected
    assert {one.fold for one in shown} <= {0}
    assert slots.free_days(session, there, hour, "hart", day, day, now) == [day]


def test_a_visit_lasts_real_minutes_when_the_clock_jumps(session: Session, small: Clinic) -> None:
    day, long = date(2027, 3, 28), Treatment(id="face", name="Face", minutes=90)
    early = rules(change(small, hours=week("00:00-06:00")), buffer_minutes=0, grid_minutes=30)
    now = at(day, "12:00") - timedelta(days=3)
    assert slots.hold(session, early, "visit:1", long, "hart", at(day, "00:30"))
    # from 00:30 for 90 minutes: the clock shows 03:00, since it skipped an hour
    assert times(session, early, day=day, treatment=long, now=now)[0] == "03:00"


def test_a_repeated_hour_can_be_held_for_two_visits(session: Session, small: Clinic) -> None:
    day, hour = date(2026, 10, 25), Treatment(id="face", name="Face", minutes=60)
    early = rules(change(small, hours=week("00:00-06:00")), buffer_minutes=0, grid_minutes=60)
    now = at(day, "12:00") - timedelta(days=3)
    assert slots.hold(session, early, "visit:1", hour, "hart", at(day, "01:00"))
    # the visit from the first 01:00 ends at the second; 02:00 is two hours after it began
    assert times(session, early, day=day, treatment=hour, now=now) == ["00:00", "02:00", "03:00", "04:00", "05:00"]
    assert at(day, "02:00") - at(day, "01:00") == timedelta(hours=2)


# --- what is held -----------------------------------------------------------------------------------------------------


def test_what_is_held_is_not_offered_and_the_buffer_lies_between_two_visits(
    any_session: Session, small: Clinic
) -> None:
    assert hold(any_session, small, "11:00")
    assert held_by(any_session, "visit:1") == [
        "11:00", "11:05", "11:10", "11:15", "11:20", "11:25", "11:30", "11:35", "11:40", "11:45", "11:50",
    ]  # fmt: skip
    offered = times(any_session, small)
    assert offered[offered.index("10:00") : offered.index("12:00") + 1] == ["10:00", "12:00"]
    # without a buffer the neighbours move up
    close = rules(small, buffer_minutes=0)
    assert hold(any_session, close, "15:00", "visit:2")
    offered = times(any_session, close)
    assert offered[offered.index("14:15") : offered.index("15:45") + 1] == ["14:15", "15:45"]


def test_the_buffer_may_go_on_after_closing(any_session: Session, small: Clinic) -> None:
    assert hold(any_session, small, "12:15")
    assert held_by(any_session, "visit:1")[-1] == "13:05"


def test_lengths_are_rounded_up_to_units(small: Clinic) -> None:
    assert slots.length(small, FACE) == 11
    assert slots.length(rules(small, buffer_minutes=11), FACE) == 12
    assert slots.length(rules(small, buffer_minutes=0), Treatment(id="a", name="A", minutes=7)) == 2


def test_a_visit_of_any_length_ends_just_before_what_is_held(session: Session, small: Clinic) -> None:
    fine = rules(small, grid_minutes=5, buffer_minutes=0)
    assert hold(session, fine, "12:00")
    for minutes in range(5, 180, 5):
        offered = times(session, fine, treatment=Treatment(id="any", name="Any", minutes=minutes))
        last = max(wall for wall in offered if wall < "12:00")
        assert at(WEDNESDAY, last) == at(WEDNESDAY, "12:00") - timedelta(minutes=minutes)


def test_a_full_day_is_no_free_day(any_session: Session, small: Clinic) -> None:
    for number, wall in enumerate(["09:00", "10:00", "11:00", "12:00", "14:00", "15:00", "16:00", "17:00"]):
        assert WEDNESDAY in days(any_session, small)
        assert hold(any_session, small, wall, f"visit:{number}")
    assert times(any_session, small) == []
    assert WEDNESDAY not in days(any_session, small)
    assert WEDNESDAY in days(any_session, small, "ozan")
    assert WEDNESDAY in days(any_session, small, None)


def test_another_grid_breaks_nothing_that_is_held(any_session: Session, small: Clinic) -> None:
    assert hold(any_session, small, "10:15")
    assert times(any_session, rules(small, grid_minutes=20))[:3] == ["09:00", "09:20", "11:20"]


def test_with_anybody_each_time_is_with_whom_least_is_held_that_day(any_session: Session, small: Clinic) -> None:
    def who() -> dict[str, str]:
        free = slots.free_times(any_session, small, FACE, None, WEDNESDAY, NOW)
        return {f"{one.starts_at:%H:%M}": one.practitioner for one in free}

    assert set(who().values()) == {"hart"}  # nothing is held: the clinic's own order
    assert hold(any_session, small, "09:00")
    assert set(who().values()) == {"ozan"}
    assert hold(any_session, small, "09:00", "visit:2", "ozan", treatment=HANDS)
    assert who()["10:00"] == "ozan"  # 40 minutes of hers are held, and 55 of his
    assert hold(any_session, small, "10:00", "visit:3", "ozan")
    assert who()["10:00"] == "hart"
    assert "09:00" not in who()


def test_time_of_its_own_counts_as_free_for_a_visit(any_session: Session, small: Clinic) -> None:
    assert hold(any_session, small, "10:00")
    assert hold(any_session, small, "11:00", "kept:1")
    assert hold(any_session, small, "12:00", "visit:2")
    mine = times(any_session, small, holder=("visit:1", "kept:1"))
    assert mine[: mine.index("14:00")] == [
        "09:00",
        "09:15",
        "09:30",
        "09:45",
        "10:00",
        "10:15",
        "10:30",
        "10:45",
        "11:00",
    ]
    only = times(any_session, small, holder="visit:1")
    assert only[: only.index("14:00")] == ["09:00", "09:15", "09:30", "09:45", "10:00"]


def test_holding_what_is_taken_changes_nothing(any_session: Session, small: Clinic) -> None:
    assert hold(any_session, small, "10:00")
    before = held(any_session)
    for wall in ("09:15", "10:00", "10:45"):
        assert not hold(any_session, small, wall, "visit:2")
    assert held(any_session) == before
    assert hold(any_session, small, "10:00", "visit:2", "ozan")
    assert hold(any_session, small, "11:00", "visit:3")


def test_a_visit_moves_into_time_that_it_shares_with_its_own(any_session: Session, small: Clinic) -> None:
    assert hold(any_session, small, "10:00", "kept:1")
    assert not hold(any_session, small, "10:15")
    assert hold(any_session, small, "10:15", besides=("kept:1",))
    assert held_by(any_session, "kept:1") == ["10:00", "10:05", "10:10"]
    assert held_by(any_session, "visit:1")[0] == "10:15"
    # and back
    assert hold(any_session, small, "10:00", "kept:1", besides=("kept:1", "visit:1"))
    assert held_by(any_session, "kept:1")[-1] == "10:50"
    assert held_by(any_session, "visit:1") == ["10:55", "11:00", "11:05"]


def test_a_move_that_fails_leaves_everything_as_it_was(any_session: Session, small: Clinic) -> None:
    assert hold(any_session, small, "10:00", "kept:1")
    assert hold(any_session, small, "11:00", "visit:2")
    before = held(any_session)
    assert not hold(any_session, small, "10:15", besides=("kept:1",))
    assert held(any_session) == before


def test_what_is_released_is_free_again(any_session: Session, small: Clinic) -> None:
    before = times(any_session, small)
    assert hold(any_session, small, "10:00")
    slots.rename(any_session, "visit:1", "kept:1")
    assert not slots.release(any_session, small, "visit:1")
    assert slots.release(any_session, small, "kept:1")
    assert times(any_session, small) == before
    assert held(any_session) == {}


def test_time_of_somebody_who_has_left_gets_free_for_nobody(any_session: Session, small: Clinic) -> None:
    assert hold(any_session, small, "10:00")
    assert not slots.release(any_session, change(small, practitioners=(person("ozan"),)), "visit:1")
    assert held(any_session) == {}


def test_only_a_time_on_offer_can_be_asked_for(any_session: Session, small: Clinic) -> None:
    def offered(wall: str, who: str = "hart", day: date = WEDNESDAY, **known: Any) -> bool:
        return slots.is_offered(any_session, small, FACE, who, at(day, wall), NOW, **known)

    assert offered("09:00")
    assert offered("17:15")
    for wall in ("08:45", "09:05", "09:00:01", "12:30", "13:30", "17:30"):
        assert not offered(wall), wall
    assert not offered("09:00", "nobody")
    assert not offered("11:00", day=NOW.date())
    assert offered("11:00", day=NOW.date(), lead=False)
    assert not offered("09:00", day=NOW.date(), lead=False)
    assert not offered("09:00", day=NOW.date() + timedelta(days=61))
    assert hold(any_session, small, "09:00")
    assert offered("09:00")  # it says nothing of what is held
    block_out(any_session, small, "15:00", "16:00")
    assert not offered("15:00")
    assert not offered("14:15")
    assert offered("14:00")
    assert offered("15:00", "ozan")


# --- blocked time -----------------------------------------------------------------------------------------------------


def test_blocked_time_is_not_offered_and_those_inside_are_named_in_order(any_session: Session, small: Clinic) -> None:
    assert hold(any_session, small, "12:00", "visit:1")
    assert hold(any_session, small, "10:00", "visit:3")
    assert hold(any_session, small, "10:00", "visit:4", "ozan")
    assert hold(any_session, small, "16:00", "visit:5")
    _, inside = block_out(any_session, small, "10:30", "16:00", None)
    assert inside == ["visit:3", "visit:4", "visit:1"]
    assert times(any_session, small) == ["09:00", "17:00", "17:15"]
    assert times(any_session, small, "ozan") == ["09:00", "16:00", "16:15", "16:30", "16:45", "17:00", "17:15"]


def test_a_block_of_one_is_none_of_another(any_session: Session, small: Clinic) -> None:
    _, inside = block_out(any_session, small, "09:00", "18:00")
    assert inside == []
    assert WEDNESDAY not in days(any_session, small)
    assert times(any_session, small, None) == times(any_session, small, "ozan")


def test_what_is_released_in_blocked_time_is_blocked_at_once(any_session: Session, small: Clinic) -> None:
    assert hold(any_session, small, "10:00")
    block, inside = block_out(any_session, small, "10:15", "10:30")
    assert inside == ["visit:1"]
    assert slots.release(any_session, small, "visit:1")  # what lies outside of the block
    assert held_by(any_session, f"block:{block.id}") == ["10:15", "10:20", "10:25"]
    assert len(held(any_session)) == 3


def test_nothing_gets_free_by_a_visit_wholly_in_blocked_time(any_session: Session, small: Clinic) -> None:
    assert hold(any_session, small, "10:00")
    other, _ = block_out(any_session, small, "09:00", "13:00", "ozan")
    block, _ = block_out(any_session, small, "09:00", "13:00")
    assert not slots.release(any_session, small, "visit:1")
    assert "10:00" in held_by(any_session, f"block:{block.id}")
    assert held_by(any_session, f"block:{other.id}") == []


def test_a_visit_is_not_moved_about_in_time_that_was_blocked_around_it(any_session: Session, small: Clinic) -> None:
    assert hold(any_session, small, "10:00")
    block_out(any_session, small, "09:00", "13:00")
    assert times(any_session, small, holder="visit:1")[0] == "14:00"


def test_a_block_that_is_lifted_leaves_what_another_one_covers(any_session: Session, small: Clinic) -> None:
    first, _ = block_out(any_session, small, "09:00", "12:00")
    second, inside = block_out(any_session, small, "11:00", "13:00", None)
    assert inside == [f"block:{first.id}"]
    first.removed_at = NOW
    any_session.flush()
    assert slots.release(any_session, small, f"block:{first.id}")
    assert held_by(any_session, f"block:{second.id}")[0] == "11:00"
    assert times(any_session, small)[:6] == ["09:00", "09:15", "09:30", "09:45", "10:00", "14:00"]
    second.removed_at = NOW
    any_session.flush()
    assert slots.release(any_session, small, f"block:{second.id}")
    assert held(any_session) == {}


def test_somebody_new_does_not_work_in_time_blocked_for_everybody(any_session: Session, small: Clinic) -> None:
    block_out(any_session, small, "09:00", "18:00", None)
    larger = change(small, practitioners=(*small.practitioners, person("new")))
    assert times(any_session, larger, None) == []
    assert not slots.is_offered(any_session, larger, FACE, "new", at(WEDNESDAY, "10:00"), NOW)


# --- a few times to choose from ---------------------------------------------------------------------------------------


def shown(free: Sequence[Free]) -> list[str]:
    return [f"{one.starts_at:%a %H:%M} {one.practitioner}" for one in free]


def test_the_next_free_times_are_spread_over_mornings_and_afternoons(any_session: Session, small: Clinic) -> None:
    assert hold(any_session, small, "09:00", day=date(2026, 11, 24))
    free = slots.next_free(any_session, small, FACE, "hart", NOW, 5)
    assert shown(free) == [
        "Mon 14:00 hart", "Tue 10:00 hart", "Tue 12:00 hart", "Wed 09:00 hart", "Wed 12:00 hart",
    ]  # fmt: skip
    after = slots.next_free(any_session, small, FACE, "hart", NOW, 2, after=at(THURSDAY, "11:20"))
    assert shown(after) == ["Thu 11:30 hart", "Thu 12:00 hart"]


def test_where_there_is_little_the_next_free_times_are_all_there_is(any_session: Session, small: Clinic) -> None:
    one_day = rules(change(small, hours=week("09:00-10:15", days=["wednesday"])), days_ahead=7)
    assert shown(slots.next_free(any_session, one_day, FACE, None, NOW, 5)) == [
        "Wed 09:00 hart", "Wed 09:15 hart", "Wed 09:30 hart",
    ]  # fmt: skip
    assert shown(slots.next_free(any_session, one_day, FACE, None, NOW, 2)) == ["Wed 09:00 hart", "Wed 09:15 hart"]
    assert slots.next_free(any_session, one_day, FACE, None, NOW, 5, after=at(THURSDAY, "09:00")) == []


# --- against a plain reckoning ----------------------------------------------------------------------------------------

JUMPS = {
    "Europe/London": (date(2027, 3, 28), date(2026, 10, 25)),
    "America/New_York": (date(2027, 3, 14), date(2026, 11, 1)),
    "Australia/Lord_Howe": (date(2026, 10, 4), date(2027, 4, 4)),
    "Africa/Cairo": (date(2027, 4, 30), date(2026, 10, 29)),
    "Pacific/Chatham": (date(2026, 9, 27), date(2027, 4, 4)),
    "Asia/Kathmandu": (date(2026, 10, 4), date(2026, 10, 5)),
}
SPANS = ("00:00-06:00", "08:30-12:00", "12:07-13:50", "14:00-17:30", "19:00-23:59")
"""None of them closes in an hour that a clock skips."""


@dataclass(frozen=True)
class Booked:
    """A time that is somebody's, in real instants."""

    who: str
    begins: datetime
    ends: datetime


@dataclass(frozen=True)
class Situation:
    """A clinic, when it is asked, and what is booked."""

    clinic: Clinic
    now: datetime
    day: date
    wishes: Sequence[tuple[int, str]]
    """Bookings that are tried: minutes after the day's first, and with whom."""
    blocks: Sequence[tuple[int, int, str | None]]


@st.composite
def situations(draw: st.DrawFn) -> Any:
    zone = draw(st.sampled_from(sorted(JUMPS)))
    day = draw(st.sampled_from(JUMPS[zone])) + timedelta(days=draw(st.integers(-1, 1)))
    hours = st.lists(st.sampled_from(SPANS), unique=True, max_size=3).map(lambda spans: week(*sorted(spans)))
    away = st.integers(-1, 1).map(lambda n: (Closed(first=day, last=day + timedelta(days=n)),) if n >= 0 else ())
    team = tuple(person(name, hours=draw(st.none() | hours), away=draw(away)) for name in ("one", "two"))
    closed = draw(st.sampled_from([(), (), (), (Closed(first=day, last=day),)]))
    booking = Booking(
        grid_minutes=draw(st.sampled_from([5, 15, 20, 60])),
        buffer_minutes=draw(st.sampled_from([0, 10, 13])),
        lead_minutes=draw(st.sampled_from([0, 120, 1440])),
        days_ahead=draw(st.sampled_from([1, 3])),
    )
    minutes = draw(st.sampled_from([5, 30, 45, 47, 120]))
    now = at(day, "00:00", zone) + timedelta(minutes=draw(st.integers(-3 * 1440, 1440)))
    minute = st.integers(0, 1500)
    return Situation(
        Clinic.model_construct(
            zone=zone,
            hours=draw(hours),
            practitioners=team,
            treatments=(Treatment(id="face", name="Face", minutes=minutes),),
            closed=closed,
            booking=booking,
        ),
        now,
        day,
        draw(st.lists(st.tuples(minute, st.sampled_from(["one", "two"])), max_size=8)),
        draw(st.lists(st.tuples(minute, st.integers(1, 300), st.sampled_from(["one", None])), max_size=2)),
    )


def reckoned(clinic: Clinic, now: datetime, day: date, taken: Sequence[Booked]) -> list[tuple[datetime, set[str]]]:
    """Go through the day minute by minute, and return when somebody is free, and who."""
    rules, minutes = clinic.booking, clinic.treatments[0].minutes
    if not now.astimezone(clinic.tz).date() <= day <= now.astimezone(clinic.tz).date() + timedelta(rules.days_ahead):
        return []
    whole = timedelta(minutes=-(-(minutes + rules.buffer_minutes) // 5) * 5)
    found = []
    minute = datetime.combine(day, time(), UTC) - timedelta(hours=15)
    for _ in range(54 * 60):
        minute += timedelta(minutes=1)
        wall = minute.astimezone(clinic.tz)
        if wall.date() != day or wall.fold or minute < now + timedelta(minutes=rules.lead_minutes):
            continue
        free = {
            one.id
            for one in clinic.team
            for span in clinic.works_on(one, day)
            if on_grid(wall, span, rules.grid_minutes)
            if minute + timedelta(minutes=minutes) <= datetime.combine(day, span.closes, clinic.tz).astimezone(UTC)
            if not any(that.who == one.id and that.begins < minute + whole and minute < that.ends for that in taken)
        }
        if free:
            found.append((minute, free))
    return found


def on_grid(wall: datetime, span: Span, grid: int) -> bool:
    opens = -(-(span.opens.hour * 60 + span.opens.minute) // 5) * 5
    after = wall.hour * 60 + wall.minute - opens
    return after >= 0 and after % grid == 0 and wall.time() < span.closes


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory, template: Any) -> Iterator[Database]:
    """A database for many examples, each of which undoes what it did."""
    file = tmp_path_factory.mktemp("slots") / "mesobot.db"
    file.write_bytes(template.read_bytes())
    database = Database(parse_url(f"sqlite:///{file}"))
    yield database
    database.close()


@given(situations())
@settings(deadline=None, max_examples=150, suppress_health_check=[HealthCheck.too_slow])
def test_the_free_times_are_those_of_a_plain_reckoning(shared: Database, situation: Situation) -> None:
    with Session(shared._writer) as session:  # closing it undoes everything
        compare(session, situation)


def compare(session: Session, situation: Situation) -> None:
    clinic, now, treatment = situation.clinic, situation.now, situation.clinic.treatments[0]
    midnight = at(situation.day, "00:00", clinic.zone)
    length = timedelta(minutes=slots.length(clinic, treatment) * 5)
    taken = []
    for number, (minute, who) in enumerate(situation.wishes):
        begins = midnight + timedelta(minutes=minute // 5 * 5)
        clear = not any(one.who == who and one.begins < begins + length and begins < one.ends for one in taken)
        assert slots.hold(session, clinic, f"visit:{number}", treatment, who, begins) == clear
        if clear:
            taken.append(Booked(who, begins, begins + length))
    for minute, minutes, whose in situation.blocks:
        begins = midnight + timedelta(minutes=minute)
        ends = begins + timedelta(minutes=minutes)
        known = {"reason": "", "author": "", "author_id": 1, "created_at": now}
        block = Block(practitioner=whose, starts_at=begins, ends_at=ends, **known)
        session.add(block)
        session.flush()
        people = [whose] if whose else ["one", "two"]
        slots.block(session, block, people)
        whole = (slots.unit(begins) * 300, -(-int(ends.timestamp()) // 300) * 300)
        taken += [Booked(one, *(datetime.fromtimestamp(second, UTC) for second in whole)) for one in people]
    first, last = situation.day - timedelta(days=2), situation.day + timedelta(days=2)
    expected = {first + timedelta(days=n): reckoned(clinic, now, first + timedelta(days=n), taken) for n in range(5)}
    assert slots.free_days(session, clinic, treatment, None, first, last, now) == [
        day for day, times in expected.items() if times
    ]
    for who in ("one", "two"):
        assert slots.free_days(session, clinic, treatment, who, first, last, now) == [
            day for day, times in expected.items() if any(who in free for _, free in times)
        ]
    for day, times in expected.items():
        free = slots.free_times(session, clinic, treatment, None, day, now)
        assert [one.starts_at for one in free] == [minute for minute, _ in times]
        assert all(one.practitioner in who for one, (_, who) in zip(free, times, strict=True))
        for who in ("one", "two"):
            free = slots.free_times(session, clinic, treatment, who, day, now)
            assert free == [Free(minute, who) for minute, free_ones in times if who in free_ones]
            for one in free[::7]:
                assert slots.is_offered(session, clinic, treatment, who, one.starts_at, now)


# --- whatever is done, in whatever order ------------------------------------------------------------------------------

HOLDERS = st.sampled_from(["visit:1", "visit:2", "visit:3", "kept:1", "wait:1"])
STARTS = st.integers(0, 40).map(lambda n: at(WEDNESDAY, "09:00") + timedelta(minutes=5 * n))
PEOPLE = st.sampled_from(["hart", "ozan"])


class Hands(RuleBasedStateMachine):
    """Holds, releases and blocks at random, beside a dict of what should be held."""

    def __init__(self, database: Database, clinic: Clinic) -> None:
        super().__init__()
        self.clinic = clinic
        self.session = Session(database._writer)
        self.held: dict[tuple[str, int], str] = {}
        self.blocks: dict[str, tuple[Block, list[str]]] = {}

    def teardown(self) -> None:
        self.session.close()  # which undoes everything

    @rule(holder=HOLDERS, who=PEOPLE, start=STARTS, besides=st.lists(HOLDERS, max_size=2).map(tuple))
    def hold(self, holder: str, who: str, start: datetime, besides: tuple[str, ...]) -> None:
        units = [slots.unit(start) + n for n in range(slots.length(self.clinic, FACE))]
        clear = all(self.held.get((who, unit)) in (None, *besides) for unit in units)
        assert slots.hold(self.session, self.clinic, holder, FACE, who, start, besides=besides) == clear
        if clear:
            self.held |= {(who, unit): holder for unit in units}

    @rule(holder=HOLDERS)
    def release(self, holder: str) -> None:
        self._release(holder)

    @rule(old=HOLDERS, new=HOLDERS)
    def rename(self, old: str, new: str) -> None:
        slots.rename(self.session, old, new)
        self.held = {place: new if holder == old else holder for place, holder in self.held.items()}

    @rule(start=STARTS, minutes=st.integers(1, 150), who=st.none() | PEOPLE)
    def block(self, start: datetime, minutes: int, who: str | None) -> None:
        begins, ends = start + timedelta(minutes=minutes % 5), start + timedelta(minutes=minutes % 5 + minutes)
        known = {"reason": "", "author": "", "author_id": 1, "created_at": NOW}
        block = Block(practitioner=who, starts_at=begins, ends_at=ends, **known)
        self.session.add(block)
        self.session.flush()
        whose = [who] if who else ["hart", "ozan"]
        units = {(one, unit) for one in whose for unit in self._units(block)}
        inside = {holder for place, holder in self.held.items() if place in units}
        assert set(slots.block(self.session, block, whose)) == inside
        self.held = dict.fromkeys(units, f"block:{block.id}") | self.held
        self.blocks[f"block:{block.id}"] = block, whose

    @precondition(lambda self: self.blocks)
    @rule(data=st.data())
    def unblock(self, data: st.DataObject) -> None:
        name = data.draw(st.sampled_from(sorted(self.blocks)))
        block, _ = self.blocks.pop(name)
        block.removed_at = NOW
        self.session.flush()
        self._release(name)

    @invariant()
    def the_table_is_as_it_should_be(self) -> None:
        rows = self.session.execute(select(Slot.practitioner, Slot.unit, Slot.holder)).all()
        assert {(who, unit): holder for who, unit, holder in rows} == self.held

    @invariant()
    def nothing_is_offered_that_is_held_or_blocked(self) -> None:
        length = slots.length(self.clinic, FACE)
        for who in ("hart", "ozan"):
            free = slots.free_times(self.session, self.clinic, FACE, who, WEDNESDAY, NOW)
            starts = {slots.unit(one.starts_at) for one in free}
            assert not any((who, start + n) in self.held for start in starts for n in range(length))
            mine = slots.free_times(self.session, self.clinic, FACE, who, WEDNESDAY, NOW, holder=("visit:1", "kept:1"))
            assert starts <= {slots.unit(one.starts_at) for one in mine}
            for one in mine:
                units = [slots.unit(one.starts_at) + n for n in range(length)]
                assert {self.held.get((who, unit)) for unit in units} <= {None, "visit:1", "kept:1"}

    def _release(self, name: str) -> None:
        kept = {place: self._block_over(place) for place, holder in self.held.items() if holder == name}
        assert slots.release(self.session, self.clinic, name) == (None in kept.values())
        self.held = {place: holder for place, holder in self.held.items() if place not in kept}
        self.held |= {place: block for place, block in kept.items() if block}

    def _block_over(self, place: tuple[str, int]) -> str | None:
        """Return the oldest block that covers a unit."""
        who, unit = place
        found = (name for name, (block, whose) in self.blocks.items() if who in whose and unit in self._units(block))
        return min(found, key=lambda name: int(name.removeprefix("block:")), default=None)

    @staticmethod
    def _units(block: Block) -> range:
        return range(slots.unit(block.starts_at), slots.unit(block.ends_at - timedelta(seconds=1)) + 1)


def test_whatever_is_held_and_released_nothing_is_held_twice_or_offered_although_held(
    shared: Database, small: Clinic
) -> None:
    limits = settings(deadline=None, max_examples=40, stateful_step_count=25)
    run_state_machine_as_test(lambda: Hands(shared, small), settings=limits)


# --- many hands at once -----------------------------------------------------------------------------------------------


@pytest.fixture
def two(any_database: str) -> Iterator[tuple[Database, Database]]:
    """Two programs on one database, each with connections of its own."""
    databases = Database(parse_url(any_database)), Database(parse_url(any_database))
    yield databases
    for database in databases:
        database.close()


async def race(two: tuple[Database, Database], clinic: Clinic, starts: Sequence[datetime]) -> list[bool]:
    """Let one patient after the other ask both programs in turn, all at once, and return who got their time."""

    def take(number: int, start: datetime) -> Any:
        return lambda session: slots.hold(session, clinic, f"visit:{number}", FACE, "hart", start)

    asked = [two[number % 2].transaction(take(number, start)) for number, start in enumerate(starts)]
    return await asyncio.gather(*asked)


async def test_fifty_at_once_for_one_time_and_one_gets_it(two: tuple[Database, Database], small: Clinic) -> None:
    got = await race(two, small, [at(WEDNESDAY, "10:00")] * 50)
    assert sum(got) == 1
    holders = await two[0].read(lambda session: session.scalars(select(Slot.holder)).all())
    assert holders == [f"visit:{got.index(True)}"] * 11


async def test_times_that_overlap_are_never_both_held(two: tuple[Database, Database], small: Clinic) -> None:
    starts = [at(WEDNESDAY, "10:00") + timedelta(minutes=15 * (number * 7 % 16)) for number in range(48)]
    got = await race(two, small, starts)
    won = [start for start, mine in zip(starts, got, strict=True) if mine]
    assert won
    assert all(abs(one - other) >= timedelta(minutes=55) for one in won for other in won if one is not other)
    rows = await two[0].read(lambda session: session.scalar(select(func.count()).select_from(Slot)))
    assert rows == 11 * len(won)


@pytest.mark.parametrize("kept", [True, False])
async def test_who_comes_second_waits_for_the_first_to_be_sure(
    two: tuple[Database, Database], small: Clinic, kept: bool
) -> None:
    start, loop, second = at(WEDNESDAY, "10:00"), asyncio.get_running_loop(), []

    def first(session: Session) -> None:
        assert slots.hold(session, small, "visit:1", FACE, "hart", start)
        take = two[1].transaction(lambda one: slots.hold(one, small, "visit:2", FACE, "hart", start))
        second.append(asyncio.run_coroutine_threadsafe(take, loop))
        if not kept:
            raise LookupError

    try:
        await two[0].transaction(first)
    except LookupError:
        assert not kept
    assert await asyncio.wrap_future(second[0]) is not kept


async def test_a_visit_and_a_block_at_once_never_share_a_unit(two: tuple[Database, Database], small: Clinic) -> None:
    for number in range(10):

        def close_the_day(session: Session) -> list[str]:
            return block_out(session, small, "09:00", "12:00", None)[1]

        def take(session: Session, number: int = number) -> bool:
            return slots.hold(session, small, f"visit:{number}", FACE, "hart", at(WEDNESDAY, "10:00"))

        inside, got = await asyncio.gather(two[0].transaction(close_the_day), two[1].transaction(take))
        assert inside == ([f"visit:{number}"] if got else [])
        await two[0].transaction(lambda session: [session.execute(delete(one)) for one in (Slot, Block)])
