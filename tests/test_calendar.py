"""The buttons of a month's days and of a day's times: what stands where, and what Telegram takes."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from gettext import NullTranslations
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.clinic.slots import Free
from bot.config import Clinic
from bot.delivery.messages import Message, Rows, to_call
from bot.wording.speech import Speech
from handlers.calendar import NOTHING, month_rows, time_rows
from tests import botapi

LONDON = ZoneInfo("Europe/London")
TODAY = date(2026, 11, 23)
NOVEMBER, DECEMBER, JANUARY = date(2026, 11, 1), date(2026, 12, 1), date(2027, 1, 1)


def speech(language: str = "en", country: str = "GB", zone: ZoneInfo = LONDON) -> Speech:
    return Speech(language, NullTranslations(), zone, country=country)


def month(clinic: Clinic, shown: date, free: Sequence[date], say: Speech | None = None, **known: date | None) -> Rows:
    return month_rows(
        say or speech(),
        clinic,
        shown,
        free,
        TODAY,
        day=lambda d: f"d:{d:%y%m%d}",
        turn=lambda d: f"m:{d:%y%m}",
        **known,
    )


def labels(rows: Rows) -> list[str]:
    return [" ".join(button.label for button in row) for row in rows]


def data(rows: Rows) -> dict[str, str]:
    """Return what the buttons that do something send back."""
    return {one.label: one.data or "" for row in rows for one in row if one.data != NOTHING}


def free_from(wall: str, count: int, *, every: int = 15, who: str = "hart") -> list[Free]:
    start = datetime.fromisoformat(f"2026-11-25T{wall}+00:00")
    return [Free(start + timedelta(minutes=every * number), who) for number in range(count)]


def day(free: Sequence[Free], part: int | None = 0, say: Speech | None = None, earliest: time | None = None) -> Rows:
    return time_rows(
        say or speech(),
        free,
        part,
        time=lambda one: f"t:{one.starts_at:%H%M}:{one.practitioner}",
        turn=lambda n: f"p:{n}",
        earliest=earliest,
    )


# --- months -----------------------------------------------------------------------------------------------------------


def test_a_month_shows_its_free_days_and_nothing_else_does_anything(clinic: Clinic) -> None:
    rows = month(clinic, DECEMBER, [date(2026, 12, 1), date(2026, 12, 4), date(2026, 12, 31)])
    assert labels(rows) == [
        "‹ December 2026 ›",
        "Mo Tu We Th Fr Sa Su",
        "· 1 · · 4 · ·",
        "· · · · · · ·",
        "· · · · · · ·",
        "· · · · · · ·",
        "· · · 31 · · ·",
    ]
    assert data(rows) == {"‹": "m:2611", "›": "m:2701", "1": "d:261201", "4": "d:261204", "31": "d:261231"}


def test_weeks_that_are_over_are_left_out_and_today_is_marked(clinic: Clinic) -> None:
    rows = month(clinic, NOVEMBER, [TODAY, date(2026, 11, 24), date(2026, 12, 1)])
    assert labels(rows) == [
        "November 2026 ›",
        "Mo Tu We Th Fr Sa Su",
        "(23) 24 · · · · ·",
        "· · · · · · ·",
    ]
    assert data(rows) == {"›": "m:2612", "(23)": "d:261123", "24": "d:261124"}


def test_nobody_turns_past_what_can_be_booked(clinic: Clinic) -> None:
    assert TODAY + timedelta(days=clinic.booking.days_ahead) == date(2027, 1, 22)
    rows = month(clinic, JANUARY, [date(2027, 1, 22)])
    assert labels(rows)[0] == "‹ January 2027"
    assert labels(rows)[-1] == "· · · · 22 · ·"  # the last week of January is too far ahead
    only = month(clinic, DECEMBER, [], earliest=date(2026, 12, 8), latest=date(2026, 12, 31))
    assert labels(only)[0] == "December 2026"
    assert len(only) == 2 + 4
    assert labels(month(clinic, DECEMBER, [], latest=JANUARY))[0] == "‹ December 2026 ›"


def test_january_turns_back_to_december_and_december_on_to_january(clinic: Clinic) -> None:
    assert data(month(clinic, JANUARY, [], latest=date(2027, 12, 31))) == {"‹": "m:2612", "›": "m:2702"}
    assert data(month(clinic, DECEMBER, []))["›"] == "m:2701"


@pytest.mark.parametrize(
    ("language", "country", "title", "weekdays", "first"),
    [
        ("en", "US", "December 2026", "Su Mo Tu We Th Fr Sa", "· · 1 2 3 4 5"),
        ("de", "DE", "Dezember 2026", "Mo. Di. Mi. Do. Fr. Sa. So.", "· 1 2 3 4 5 6"),
        ("pl", "PL", "Grudzień 2026", "pon wto śro czw pią sob nie", "· 1 2 3 4 5 6"),
        ("ar", "EG", "ديسمبر 2026", "سبت أحد إثنين ثلاثاء أربعاء خميس جمعة", "· · · 1 2 3 4"),
    ],
)
def test_a_month_is_written_as_the_language_and_the_country_write_it(
    clinic: Clinic, language: str, country: str, title: str, weekdays: str, first: str
) -> None:
    free = [DECEMBER + timedelta(days=ahead) for ahead in range(31)]
    rows = month(clinic, DECEMBER, free, speech(language, country))
    assert labels(rows)[:3] == [f"‹ {title} ›", weekdays, first]


@given(st.dates(date(2020, 1, 1), date(2040, 12, 31)), st.sampled_from(["GB", "US", "EG"]))
def test_every_month_has_each_of_its_days_once_under_its_weekday(clinic: Clinic, one: date, country: str) -> None:
    say, first = speech("en", country), one.replace(day=1)
    all_days = [first + timedelta(days=ahead) for ahead in range(-10, 45)]
    rows = month_rows(
        say, clinic, first, all_days, date(2019, 1, 1),
        day=lambda d: f"{d}", turn=lambda d: f"turn {d}", latest=date(2041, 1, 1),
    )  # fmt: skip
    shown = [date.fromisoformat(one.data) for row in rows[2:] for one in row if one.data and one.data != NOTHING]
    assert shown == [one for one in all_days if (one.year, one.month) == (first.year, first.month)]
    header = [button.label for button in rows[1]]
    for row in rows[2:]:
        assert len(row) == 7
        for name, button in zip(header, row, strict=True):
            if button.data and button.data != NOTHING:
                assert date.fromisoformat(button.data).strftime("%a").startswith(name)
    assert len(rows) <= 8


# --- times ------------------------------------------------------------------------------------------------------------


def test_a_few_times_stand_together_and_send_back_what_they_are() -> None:
    free = [*free_from("10:00", 2), *free_from("14:30", 3, who="ozan")]
    assert labels(day(free)) == ["10:00 10:15 14:30 14:45", "15:00"]
    assert data(day(free))["14:30"] == "t:1430:ozan"
    assert day([]) == ()


def test_many_times_are_paged_by_the_part_of_the_day() -> None:
    free = [*free_from("09:00", 6), *free_from("14:00", 5), *free_from("17:00", 3)]
    assert labels(day(free)) == ["09:00 09:15 09:30 09:45", "10:00 10:15", "• Morning • Afternoon Evening"]
    assert labels(day(free, 1)) == ["14:00 14:15 14:30 14:45", "15:00", "Morning • Afternoon • Evening"]
    assert labels(day(free, 2)) == ["17:00 17:15 17:30", "Morning Afternoon • Evening •"]
    assert data(day(free, 1)).keys() & {"Morning", "Evening"} == {"Morning", "Evening"}
    assert (data(day(free, 1))["Morning"], data(day(free, 1))["Evening"]) == ("p:0", "p:2")


def test_a_part_that_is_gone_is_the_nearest_one_that_is_left() -> None:
    free = free_from("14:00", 13)
    assert labels(day(free, 2))[-1] == "Afternoon • Evening •"
    assert labels(day(free, 7)) == labels(day(free, 1))
    assert labels(day(free, -1)) == labels(day(free, 0))
    assert labels(day(free[:3], 2)) == ["14:00 14:15 14:30"]
    assert labels(day(free_from("09:00", 12, every=5) + free_from("10:00", 1)))[-1] == "10:00"  # one part only


def test_the_parts_are_those_of_the_clinics_own_clock() -> None:
    free = free_from("09:00", 13)
    kolkata = speech(zone=ZoneInfo("Asia/Kolkata"), country="IN")
    assert labels(day(free, 0, kolkata))[-1] == "• Afternoon • Evening"
    assert "2:30" in labels(day(free, 0, kolkata))[0]


def test_longer_times_stand_three_in_a_row() -> None:
    american = speech("en", "US")
    assert [len(row) for row in day(free_from("10:00", 5), 0, american)] == [3, 2]


def test_a_grid_of_five_minutes_all_day_long_still_fits() -> None:
    free = free_from("00:00", 288, every=5)
    first = day(free)
    assert labels(first)[-3:] == [
        "• 00:00–03:55 • 04:00–07:55 08:00–11:55",
        "12:00–15:55 16:00–16:55 17:00–20:55",
        "21:00–23:55",
    ]
    seen = [one for part in range(7) for one in data(day(free, part)).values() if one.startswith("t:")]
    assert seen == [f"t:{one.starts_at:%H%M}:hart" for one in free]
    for part in range(7):
        assert sum(map(len, day(free, part))) <= 60


@given(st.sets(st.integers(0, 287)), st.integers(-1, 9))
def test_telegram_takes_every_page_of_every_day(units: set[int], part: int) -> None:
    midnight = datetime(2026, 11, 25, tzinfo=UTC)
    free = [Free(midnight + timedelta(minutes=5 * unit), "x" * 24) for unit in sorted(units)]
    rows = day(free, part)
    assert not rows or any(one.data != NOTHING for one in rows[0])
    call = to_call(Message(1, "When?", rows))
    assert botapi.check(call.method, call.params, {}) == []
    pages = {label for row in rows for label in (one.label for one in row) if label.startswith("•")}
    assert len(pages) <= 1


def test_telegram_takes_a_month(clinic: Clinic) -> None:
    call = to_call(Message(1, "Which day?", month(clinic, NOVEMBER, [TODAY])))
    assert botapi.check(call.method, call.params, {}) == []


@pytest.mark.parametrize(
    ("earliest", "shown"),
    [(None, "09:00"), (time(12), "12:00"), (time(13), "12:00"), (time(17), "17:00"), (time(23), "17:00")],
)
def test_a_day_begins_with_the_part_that_was_asked_for(earliest: time | None, shown: str) -> None:
    free = [*free_from("09:00", 8), *free_from("12:00", 8), *free_from("17:00", 4)]
    assert labels(day(free, None, earliest=earliest))[0].startswith(shown)
    assert labels(day(free, 0, earliest=earliest))[0].startswith("09:00")  # whoever turns the page sees that page
