"""Which backups stay: seven days', four weeks', six months', and never less than the newest."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.store import rotation

LONDON = ZoneInfo("Europe/London")
EVER = datetime(2000, 1, 1, tzinfo=UTC)
instants = st.datetimes(
    datetime(2020, 1, 1), datetime(2030, 1, 1), timezones=st.just(UTC)  # noqa: DTZ001  hypothesis adds the zone
).map(lambda at: at.replace(microsecond=0))  # fmt: skip
ours = st.builds(lambda at, sealed: rotation.name(at, sealed=sealed), instants, st.booleans())
anything = st.one_of(
    st.text(max_size=30), st.from_regex(r"\.?mesobot[-.0-9TZ]{0,20}\.db(\.gz)?(\.age)?", fullmatch=True)
)


@given(st.sets(ours), st.sets(anything))
def test_what_goes_is_ours_and_never_the_newest(mine: set[str], others: set[str]) -> None:
    gone = rotation.expendable(mine | others, EVER)
    known = rotation.backups(mine | others)
    assert gone <= {backup.name for backup in known}
    if known:
        newest = max(backup.at for backup in known)
        assert any(backup.at == newest for backup in known if backup.name not in gone)
    assert len(known) - len(gone) <= 7 + 4 + 6


@given(st.sets(ours))
def test_whatever_was_let_go_before_the_rest_stays_as_it_would_have_been(names: set[str]) -> None:
    """Letting go twice is letting go once: nothing is lost by doing it daily."""
    kept = names - rotation.expendable(names, EVER)
    assert rotation.expendable(kept, EVER) == set()


@given(st.sets(ours, min_size=1))
def test_of_the_last_seven_days_that_have_one_each_keeps_its_last(names: set[str]) -> None:
    kept = rotation.backups(names - rotation.expendable(names, EVER))
    days = sorted({backup.at.date() for backup in rotation.backups(names)}, reverse=True)[:7]
    for day in days:
        last = max(backup.at for backup in rotation.backups(names) if backup.at.date() == day)
        assert last in {backup.at for backup in kept}


def test_after_a_year_of_days_there_are_sixteen() -> None:
    start = datetime(2026, 1, 1, 4, 30, tzinfo=UTC)
    names: set[str] = set()
    for day in range(365):
        names.add(rotation.name(start + timedelta(days=day), sealed=True))
        names -= rotation.expendable(names, EVER)
    assert [f"{backup.at:%m-%d}" for backup in rotation.backups(names)] == [
        "12-31", "12-30", "12-29", "12-28", "12-27", "12-26", "12-25",  # days
        "12-20", "12-13",  # weeks, of which 12-31 and 12-27 are the first two
        "11-30", "10-31", "09-30", "08-31", "07-31",  # months, of which 12-31 is the first
    ]  # fmt: skip


@given(st.sets(ours, min_size=1), instants)
def test_what_is_too_old_goes_but_for_the_newest(names: set[str], oldest: datetime) -> None:
    newest, *others = rotation.backups(names - rotation.expendable(names, oldest))
    assert newest == rotation.backups(names)[0]
    assert all(backup.at >= oldest for backup in others)


@pytest.mark.parametrize(
    ("made", "now", "due"),
    [
        (None, "2026-11-23T12:00", True),
        ("2026-11-23T04:31", "2026-11-23T12:00", False),
        ("2026-11-23T04:31", "2026-11-24T04:29", False),
        ("2026-11-23T04:31", "2026-11-24T04:30", True),
        ("2026-11-22T20:00", "2026-11-23T03:00", False),  # made in the evening: the night's is still to come
        ("2026-11-22T20:00", "2026-11-23T09:00", True),  # the machine was off at night
        ("2026-07-22T03:31", "2026-07-23T03:29", False),  # summer time: 04:30 is 03:30 UTC
        ("2026-07-22T03:31", "2026-07-23T03:30", True),
        ("2099-01-01T00:00", "2026-11-23T12:00", True),  # a clock was wrong once
    ],
)
def test_when_the_next_is_due(made: str | None, now: str, due: bool) -> None:
    names = ["letter.txt", *([rotation.name(at(made), sealed=False)] if made else [])]
    assert rotation.is_due(names, at(now), LONDON) is due


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def test_a_name_that_is_no_date_is_not_ours() -> None:
    assert rotation.backups(["mesobot-20261399T050000Z.db", "mesobot-20261123T050000Z.db.gz.age.half"]) == []
