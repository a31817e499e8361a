"""Days and times from free words: the table was written before the parser, so that it says what people mean."""

from datetime import UTC, date, datetime, time
from zoneinfo import ZoneInfo

import pytest

from faq import dates

LONDON = ZoneInfo("Europe/London")
NOW = datetime(2026, 11, 23, 10, 30, tzinfo=UTC)
"""A Monday."""

MONDAY, TODAY = date(2026, 11, 30), date(2026, 11, 23)
TUESDAY, WEDNESDAY, THURSDAY = date(2026, 11, 24), date(2026, 11, 25), date(2026, 11, 26)
FRIDAY, SATURDAY, SUNDAY = date(2026, 11, 27), date(2026, 11, 28), date(2026, 11, 29)
NEXT_FRIDAY = date(2026, 12, 4)
NOTHING = (None, None)

ENGLISH: list[tuple[str, tuple[date | None, time | None]]] = [
    # weekdays
    ("Friday", (FRIDAY, None)),
    ("friday", (FRIDAY, None)),
    ("on Friday please", (FRIDAY, None)),
    ("Fri", (FRIDAY, None)),
    ("this Friday", (FRIDAY, None)),
    ("next Friday", (NEXT_FRIDAY, None)),
    ("Friday next week", (NEXT_FRIDAY, None)),
    ("a week on Friday", (NEXT_FRIDAY, None)),
    ("Friday week", (NEXT_FRIDAY, None)),
    ("Monday", (MONDAY, None)),  # said on a Monday: nobody calls the same day by its name
    ("can i come thurs after 6", (THURSDAY, None)),
    ("can i be booked for saterday morning", (SATURDAY, None)),
    ("wednsday afternoon", (WEDNESDAY, None)),
    ("I'd like an appointment on Friday", (FRIDAY, None)),
    # relative days
    ("today", (TODAY, None)),
    ("tomorrow", (TUESDAY, None)),
    ("tomorow pls", (TUESDAY, None)),
    ("wanna come in tmrw", (TUESDAY, None)),
    ("the day after tomorrow", (WEDNESDAY, None)),
    ("in two weeks", (date(2026, 12, 7), None)),
    ("in 3 days", (THURSDAY, None)),
    ("tomorrow evening", (TUESDAY, None)),
    # days of the month and dates
    ("on the 3rd", (date(2026, 12, 3), None)),
    ("put me down for the 14th", (date(2026, 12, 14), None)),
    ("the 26th at 3pm", (THURSDAY, time(15))),
    ("4 December", (NEXT_FRIDAY, None)),
    ("December 4th", (NEXT_FRIDAY, None)),
    ("4th of December", (NEXT_FRIDAY, None)),
    ("Dec 4", (NEXT_FRIDAY, None)),
    ("4/12", (NEXT_FRIDAY, None)),
    ("4.12.", (NEXT_FRIDAY, None)),
    ("04/12/2026", (NEXT_FRIDAY, None)),
    ("2026-12-04", (NEXT_FRIDAY, None)),
    ("4.12.26", (NEXT_FRIDAY, None)),
    ("Friday 4 December at 10", (NEXT_FRIDAY, time(10))),
    ("Friday, 4 December, 10:00", (NEXT_FRIDAY, time(10))),
    ("march 3", (date(2027, 3, 3), None)),
    # times with days
    ("Fri 10:00", (FRIDAY, time(10))),
    ("tomorrow at half past ten", (TUESDAY, time(10, 30))),
    ("tomorrow at quarter to three", (TUESDAY, time(14, 45))),
    ("quarter past nine on Thursday", (THURSDAY, time(9, 15))),
    ("Thursday 2pm", (THURSDAY, time(14))),
    ("Thursday at 2", (THURSDAY, time(14))),  # nobody means two at night
    ("thursday 14.30", (THURSDAY, time(14, 30))),
    ("is 14:30 on thursday still avialable", (THURSDAY, time(14, 30))),
    ("10 o'clock on Saturday", (SATURDAY, time(10))),
    ("half four on Wednesday", (WEDNESDAY, time(16, 30))),
    ("noon tomorrow", (TUESDAY, time(12))),
    ("midday on Thursday", (THURSDAY, time(12))),
    ("Wed 9.30am", (WEDNESDAY, time(9, 30))),
    ("friday 9 am yes?", (FRIDAY, time(9))),
    ("today at 3", (TODAY, time(15))),
    # times alone
    ("10:30", (None, time(10, 30))),
    ("5pm", (None, time(17))),
    ("at 3 pm please", (None, time(15))),
    ("half past nine", (None, time(9, 30))),
    ("can we make it 4 o clock", (None, time(16))),
    ("reserve me the 10.15", (None, time(10, 15))),
    # bounds are no times
    ("after 5pm", NOTHING),
    ("after 5pm on Friday", (FRIDAY, None)),
    ("got anything after 5 on wednesday", (WEDNESDAY, None)),
    ("Friday between 2 and 4", (FRIDAY, None)),
    ("Friday before noon", (FRIDAY, None)),
    ("tomorrow 10-11", (TUESDAY, None)),
    ("from 2pm on Thursday", (THURSDAY, None)),
    # what has passed, or is too vague, or is two things
    ("today at 9am", (TODAY, None)),
    ("yesterday", NOTHING),
    ("last Friday", NOTHING),
    ("4 December 2025", NOTHING),
    ("1 November", NOTHING),  # eleven months away: surely meant otherwise
    ("31 February", NOTHING),
    ("25:00", NOTHING),
    ("next week", NOTHING),
    ("at the weekend", NOTHING),
    ("in March", NOTHING),
    ("Tuesday or Wednesday", NOTHING),
    ("not Friday", NOTHING),
    ("any day but Friday", NOTHING),
    ("before the 14th", NOTHING),
    ("I missed my appointment yesterday, can I get another on Friday", (FRIDAY, None)),
    ("it has been sore since Friday", NOTHING),
    ("three days ago", NOTHING),
    # no day and no time at all
    ("may I book an appointment", NOTHING),
    ("I sat in the sun", NOTHING),
    ("book 2nd session", NOTHING),
    ("I am 35 years old", NOTHING),
    ("it costs 140 pounds", NOTHING),
    ("my number is 07700 900123", NOTHING),
    ("two of us", NOTHING),
    ("for 45 minutes", NOTHING),
    ("once a month", NOTHING),
    ("every Friday", NOTHING),
    ("does it hurt?", NOTHING),
    ("the second time", NOTHING),
    ("1/2 face", NOTHING),
    ("24 hours before", NOTHING),
    ("", NOTHING),
    ("😀" * 50, NOTHING),
]

GERMAN: list[tuple[str, tuple[date | None, time | None]]] = [
    ("Freitag", (FRIDAY, None)),
    ("am Freitag um 10 Uhr", (FRIDAY, time(10))),
    ("morgen um 14 Uhr", (TUESDAY, time(14))),
    ("heute", (TODAY, None)),
    ("3.12. um 10", (date(2026, 12, 3), time(10))),
    ("3. Dezember", (date(2026, 12, 3), None)),
    ("10:30", (None, time(10, 30))),
    ("Fr 10:00", (FRIDAY, time(10))),
]
OTHERS: list[tuple[str, str, tuple[date | None, time | None]]] = [
    ("pl", "piątek", (FRIDAY, None)),
    ("pl", "jutro o 10:00", (TUESDAY, time(10))),
    ("pl", "4 grudnia", (NEXT_FRIDAY, None)),
    ("fr", "vendredi à 10h30", (FRIDAY, time(10, 30))),
    ("fr", "le 4 décembre", (NEXT_FRIDAY, None)),
    ("es", "viernes", (FRIDAY, None)),
    ("es", "mañana", (TUESDAY, None)),
    ("it", "venerdì", (FRIDAY, None)),
    ("de", "3.12. um 10", (date(2026, 12, 3), time(10))),
    ("en", "3.12. um 10", (date(2026, 12, 3), time(10))),
    ("ru", "пятница 10:00", (FRIDAY, time(10))),
    ("xx", "Friday", (FRIDAY, None)),  # a language nobody knows: English is read all the same
]


def heard(
    text: str, *, language: str = "en", country: str = "GB", now: datetime = NOW
) -> tuple[date | None, time | None]:
    when = dates.find(text, now.astimezone(LONDON), country=country, language=language)
    return when.day, when.at


@pytest.mark.parametrize(("text", "expected"), ENGLISH, ids=[text or "(nothing)" for text, _ in ENGLISH])
def test_english_words(text: str, expected: tuple[date | None, time | None]) -> None:
    assert heard(text) == expected


@pytest.mark.parametrize(("text", "expected"), GERMAN, ids=[text for text, _ in GERMAN])
def test_german_words(text: str, expected: tuple[date | None, time | None]) -> None:
    assert heard(text, language="de", country="DE") == expected


@pytest.mark.parametrize(("language", "text", "expected"), OTHERS, ids=[f"{one}: {text}" for one, text, _ in OTHERS])
def test_words_of_other_languages(language: str, text: str, expected: tuple[date | None, time | None]) -> None:
    assert heard(text, language=language) == expected


@pytest.mark.parametrize(
    ("text", "language", "earliest"),
    [
        ("tomorrow afternoon", "en", time(12)),
        ("could I come on Friday evening?", "en", time(17)),
        ("Thursday after 5pm", "en", time(17)),
        ("Thursday, any time after 2", "en", time(14)),
        ("Thursday after work", "en", time(17)),
        ("afternoon or evening on Thursday", "en", time(12)),
        ("morgen nachmittag", "de", time(12)),
        ("Freitag am Abend", "de", time(17)),
        ("Donnerstag nach 16 Uhr", "de", time(16)),
        ("good afternoon, could I come on Thursday", "en", None),
        ("guten Abend, geht Donnerstag?", "de", None),
        ("tomorrow, but not in the afternoon", "en", None),
        ("Thursday morning or afternoon", "en", None),
        ("tomorrow at 3", "en", None),  # a time, and no bound
        ("after 2 sessions", "en", None),
        ("from 25 December", "en", None),
        ("tomorrow", "en", None),
    ],
)
def test_a_part_of_the_day_is_from_when_on_a_time_suits(text: str, language: str, earliest: time | None) -> None:
    assert dates.find(text, NOW, country="GB", language=language).earliest == earliest
