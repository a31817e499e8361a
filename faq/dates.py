"""A day and a time from free words: "Friday at half past ten", "the 3rd", "3.12. um 10".

Only what is clear is taken. A day that is one of two, denied, past, or only a bound ("not Friday", "before the 14th")
is none, and so is a time that is ("after 5pm", "between 2 and 4"): the patient is shown the calendar instead of a
guess. Weekdays and months are known in the patient's language and in English, from the CLDR; "today" and "tomorrow" of
other languages from dateparser, which is imported when it is first needed (about 0.2 s and 25 MB). Its search for
dates in sentences is not used: of the English ones in tests/test_dates.py it took fewer than half rightly, and wrong
ones ("after 5pm", "may I", "at 3") with no sign of doubt.
"""

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from difflib import get_close_matches
from functools import cache, cached_property, lru_cache
from itertools import pairwise

from babel import Locale, UnknownLocaleError

LONGEST = 500
"""Characters that are looked at."""
FAR = timedelta(days=300)
"""A date without a year that is further away was meant otherwise."""
DAYTIME = 8
"""A bare hour below this is in the afternoon: nobody means two at night."""


@dataclass(frozen=True, slots=True)
class When:
    """What was understood: a day, a wall time of the clinic, both or neither.

    `earliest` is from when on a time suits, where a part of the day or a bound was named: "tomorrow afternoon".
    """

    day: date | None = None
    at: time | None = None
    earliest: time | None = None


@dataclass(frozen=True, slots=True)
class _Said:
    """A day or a time as it stands in the text, from `start` to `end`."""

    start: int
    end: int
    day: date | None = None
    weekday: int | None = None
    weeks: int | None = None
    """How many weeks on, where a weekday of that week may be named beside it."""
    at: time | None = None


def find(text: str, now: datetime, *, country: str, language: str) -> When:
    """Return the day and the time that `text` names; `now` is the clinic's wall time, `country` decides whether 4/12
    is in April.

    Never raises, whatever the text.
    """
    plain = _plain(text[:LONGEST])
    if not plain.strip():
        return When()
    words = _Words(plain, now.date(), country, language)
    day = words.day()
    at = words.at()
    if day is not None and at is not None and datetime.combine(day, at) <= now.replace(tzinfo=None):
        at = None
    return When(day, at, words.earliest() if at is None else None)


# --- words

_ORDINAL = r"(\d{1,2})(?:st|nd|rd|th)"
_BEFORE_A_DAY = re.compile(
    r"\b(?:not|no|but|except|bar|since|last|past|previous|every|each|before|until|till|by|than|after|from|besides|"
    r"other than|never|nicht|ausser|seit|vor|nach|ab|bis)(?: on| the| any| this| my| am| dem| den| der)*\W*$"
)
_AFTER_A_DAY = re.compile(
    r"^\W*(?:(?:is|are|was|does|do|will|would|can|won|doesn|isn|wasn|don|cannot)\W?(?:nt|t|not)\b|is out|no good|ago|"
    r"onwards?\b)"
)
_BEFORE_A_TIME = re.compile(
    r"\b(?:after|before|from|until|till|til|by|past|between|not|since|than|nach|vor|ab|bis|zwischen)"
    r"(?: about| around| at| um)?\W*$"
)
_AFTER_A_TIME = re.compile(
    r"^\s*(?:(?:-|–|to|till|til|until|or|and|bis|oder)\s*(?:\d|later|earlier|after|half|noon)|onwards?\b|\+)"
)
_AFTER = re.compile(r"\b(?:after|from|nach|ab)(?: about| around| at| um)?\W*$")
_NO_PART = re.compile(r"\b(?:good|guten?|not|no|except|nicht|before|vor)(?: in| on| the| this| tomorrow| am)*\W*$")
"""What makes a part of the day a greeting, or one that does not suit."""
_LATER = {
    "afternoon": time(12),
    "lunchtime": time(12),
    "evening": time(17),
    "tonight": time(17),
    "after work": time(17),
}
"""Parts of the day from which the ones before are none."""
_NOUNS = (
    r"sessions?|times?|visits?|treatments?|appointments?|ones?|rounds?|courses?|bookings?|half|floor|weeks?|days?|"
    r"birthday|grade|degree|person|people|of us"
)
_UNITS = r"(?:minutes?|mins?|hours?|hrs?|days?|weeks?|months?|years?|yrs?|sessions?|people|persons?|times|%|ml|pounds?)"
_NUMBERS = {
    word: number
    for number, word in enumerate(
        ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")
    )
} | {"a": 1, "an": 1}
_NUMBER = r"(\d{1,2}|" + "|".join(sorted(_NUMBERS, key=len, reverse=True)) + ")"
_HOUR = r"(\d{1,2}|" + "|".join(word for word in _NUMBERS if word not in ("a", "an", "zero")) + ")"
_RELATIVE = {"today": 0, "tonight": 0, "tomorrow": 1, "tmrw": 1, "tmw": 1, "tmrrw": 1, "2morrow": 1, "tomoz": 1}
_WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_SHORT = {"mon": 0, "tue": 1, "tues": 1, "wed": 2, "weds": 2, "thu": 3, "thur": 3, "thurs": 3, "fri": 4, "sat": 5,
          "sun": 6}  # fmt: skip
_MISSPELT = (*_WEEKDAYS, "tomorrow")
_LIKE = 0.84
"""Likeness from which a word counts as one that is misspelt."""


class _Words:
    """A text, lower case and without accents, and what in it names a day or a time."""

    def __init__(self, text: str, today: date, country: str, language: str) -> None:
        self._text, self._today, self._language = text, today, language
        self._month_first = _month_first(country)
        self._weekdays, self._short, self._months = _names(language)
        self._taken: list[tuple[int, int]] = []

    def day(self) -> date | None:
        """Return the one day that is named."""
        found = [said for said in self._days() if self._is_meant(said, _BEFORE_A_DAY, _AFTER_A_DAY)]
        dated = {said.day for said in found if said.day is not None and said.weeks is None}
        weekdays = {said.weekday: said for said in found if said.weekday is not None}
        weeks = {said.weeks for said in found if said.weeks is not None}
        if len(dated) > 1 or len(weekdays) > 1 or len(weeks) > 1:
            return None
        day = next(iter(dated), None)
        if weekdays:
            weekday, said = next(iter(weekdays.items()))
            if day is None:
                day = self._on(weekday, said, next(iter(weeks), None))
            elif day.weekday() != weekday:
                return None
        elif day is None and weeks:
            day = next((said.day for said in found if said.weeks is not None), None)
        return day if day is not None and day >= self._today else None

    def at(self) -> time | None:
        """Return the one wall time that is named."""
        found = {said.at for said in self._all_times if self._is_meant(said, _BEFORE_A_TIME, _AFTER_A_TIME)}
        return next(iter(found)) if len(found) == 1 else None

    def earliest(self) -> time | None:
        """Return from when on a time suits; none where the morning does as well."""
        if re.search(r"\b(?<!good )morning\b", self._text):
            return None
        found = [said.at for said in self._all_times if _AFTER.search(self._text[: said.start])]
        for match in re.finditer(
            rf"\b(?:after|from|nach|ab) {_HOUR}\b(?![:.]?\d|\W*(?:{_UNITS}|{_NOUNS})\b)", self._text
        ):
            hour = _number(match[1])
            found.append(time(hour + 12 if 0 < hour < DAYTIME else hour) if hour < 24 else None)
        for phrase, wall in _later_parts(self._language).items():
            found += [
                wall
                for match in re.finditer(rf"\b{re.escape(phrase)}\b", self._text)
                if not _NO_PART.search(self._text[: match.start()])
            ]
        return min((wall for wall in found if wall is not None), default=None)

    @cached_property
    def _all_times(self) -> list[_Said]:
        return list(self._times())

    def _is_meant(self, said: _Said, before: re.Pattern[str], after: re.Pattern[str]) -> bool:
        return not before.search(self._text[: said.start]) and not after.match(self._text[said.end :])

    def _on(self, weekday: int, said: _Said, weeks: int | None) -> date:
        """Return the day of that weekday: the next one, or the one of the week that is named."""
        monday = self._today - timedelta(days=self._today.weekday())
        before, after = self._text[: said.start], self._text[said.end :]
        if weeks is not None:
            return monday + timedelta(weeks=weeks, days=weekday)
        if re.search(r"\bnext\s*$", before) or re.match(r"\W*(?:of )?next week\b|\W*next\b(?!\s+(?:to|time))", after):
            return monday + timedelta(weeks=1, days=weekday)
        ahead = (weekday - self._today.weekday() - 1) % 7 + 1
        if re.search(r"\bweek on\s*$", before) or re.match(r"\s+week\b", after):
            ahead += 7
        elif re.search(r"\bnext week\W+(?:on |the )?\s*$", before):
            return monday + timedelta(weeks=1, days=weekday)
        return self._today + timedelta(days=ahead)

    def _days(self) -> Iterator[_Said]:
        yield from self._dates()
        yield from self._relative()
        for match in re.finditer(r"[^\W\d_]+", self._text):
            weekday = self._weekday(match)
            if weekday is not None and self._is_free(*match.span()):
                yield _Said(*match.span(), weekday=weekday)

    def _weekday(self, match: re.Match[str]) -> int | None:
        word = match[0]
        if word in self._weekdays:
            return self._weekdays[word]
        if word not in self._short:
            likely = get_close_matches(word, _MISSPELT, 1, _LIKE) if len(word) > 5 else []
            return _WEEKDAYS.index(likely[0]) if likely and likely[0] in _WEEKDAYS else None
        before, after = self._text[: match.start()], self._text[match.end() :]
        if word in ("sat", "sun") or len(word) < 3:  # words of their own, too
            named = re.search(r"(?:\b(?:on|this|next|or)\s+|^\W*|slot\s+)$", before)
            named = named and re.match(r"\W*$|\W+(?:\d|at\b|morning|afternoon|evening|am\b|pm\b|please)", after)
            return self._short[word] if named else None
        return self._short[word]

    def _dates(self) -> Iterator[_Said]:
        yield from self._written_out()
        for match in re.finditer(r"\b(\d{4})-(\d{1,2})-(\d{1,2})\b", self._text):
            yield from self._dated(match, int(match[3]), int(match[2]), match[1])
        for match in re.finditer(
            r"\b(\d{1,2})([./])(\d{1,2})(?:(?:\2(\d{4}|\d{2})\b)|\.(?!\d)|(?![\d./]))", self._text
        ):
            first, mark, second, year = int(match[1]), match[2], int(match[3]), match[4]
            before = self._text[: match.start()]
            if re.search(r"\b(?:at|um|@)\s*$", before) or re.match(r"\s*(?:am|pm|uhr)\b", self._text[match.end() :]):
                continue  # 10.12 is a time there
            alone = not before.strip() and not self._text[match.end() :].strip(" .!?")
            if mark == "/" and first < second <= 4 and not alone and not re.search(r"\bon\s*(?:the )?$", before):
                continue  # a fraction
            day, month = (second, first) if mark == "/" and self._month_first else (first, second)
            yield from self._dated(match, day, month, year)
        for match in re.finditer(rf"\b{_ORDINAL}\b(?!\W*(?:{_NOUNS})\b)", self._text):
            before = self._text[: match.start()]
            alone = not before.strip() and not self._text[match.end() :].strip(" .!?")
            if alone or re.search(r"\b(?:the|on|for)\s+$", before) or self._weekday_before(before):
                yield from self._ordinal(match)

    def _written_out(self) -> Iterator[_Said]:
        """Yield "4th of December 2026" and "December 4"."""
        year = r"(?:,?\s+(\d{4})\b)?"
        for match in re.finditer(
            rf"\b(\d{{1,2}})(?:st|nd|rd|th|\.)?\s+(?:of\s+|de\s+)?([^\W\d_]+)\.?{year}", self._text
        ):
            if (month := self._months.get(match[2])) is not None:
                yield from self._dated(match, int(match[1]), month, match[3])
        for match in re.finditer(
            rf"\b([^\W\d_]+)\.?\s+(?:the\s+)?(\d{{1,2}})(?:st|nd|rd|th)?\b(?![:.]\d|\s*(?:am|pm|{_UNITS})\b){year}",
            self._text,
        ):
            if (month := self._months.get(match[1])) is not None and self._is_free(*match.span()):
                yield from self._dated(match, int(match[2]), month, match[3])

    def _dated(self, match: re.Match[str], day: int, month: int, year: str | None) -> Iterator[_Said]:
        """Yield the date, and keep its digits from being read as a time."""
        if not (1 <= month <= 12 and 1 <= day <= 31) or not self._is_free(*match.span()):
            return
        self._taken.append(match.span())
        if year is not None:
            found = _date(int(year) + (2000 if len(year) == 2 else 0), month, day)
        else:
            years = (self._today.year, self._today.year + 1)
            ahead = (one for number in years if (one := _date(number, month, day)) and one >= self._today)
            found = next(ahead, None)
            if found is not None and found - self._today > FAR:
                found = None
        # a date that cannot be meant still counts: with another one beside it, nothing is clear
        yield _Said(*match.span(), day=found or date.min)

    def _ordinal(self, match: re.Match[str]) -> Iterator[_Said]:
        if not self._is_free(*match.span()):
            return
        self._taken.append(match.span())
        for months in range(12):
            number = self._today.month - 1 + months
            found = _date(self._today.year + number // 12, number % 12 + 1, int(match[1]))
            if found is not None and found >= self._today:
                yield _Said(*match.span(), day=found)
                return

    def _weekday_before(self, before: str) -> bool:
        last = re.search(r"([^\W\d_]+)\W*$", before)
        return last is not None and last[1] in self._weekdays

    def _relative(self) -> Iterator[_Said]:
        for match in re.finditer(r"\b(?:the )?day after tomm?orr?ow\b", self._text):
            yield self._ahead(match, 2)
        for match in re.finditer(rf"\bin {_NUMBER} (days?|weeks?)\b(?!\s+ago)", self._text):
            count = _number(match[1])
            if match[2].startswith("week"):
                yield self._ahead(match, 7 * count, weeks=count)
            else:
                yield self._ahead(match, count)
        for match in re.finditer(r"[^\W_]+", self._text):
            if not self._is_free(*match.span()):
                continue
            if (ahead := _RELATIVE.get(match[0])) is not None:
                yield self._ahead(match, ahead)
            elif len(match[0]) > 5 and get_close_matches(match[0], _MISSPELT, 1, _LIKE) == ["tomorrow"]:
                yield self._ahead(match, 1)
        if self._language != "en":
            yield from self._foreign()

    def _foreign(self) -> Iterator[_Said]:
        """Yield "today" and "tomorrow" of another language: two words that belong together before single ones."""
        words = list(re.finditer(r"[^\W\d_]+", self._text))
        for first, second in pairwise(words):
            phrase = self._text[first.start() : second.end()]
            if all(_days_ahead(one[0], self._language) is None for one in (first, second)):
                continue
            if (ahead := _days_ahead(phrase, self._language)) is not None:
                yield self._ahead(re.compile(re.escape(phrase)).search(self._text, first.start()) or first, ahead)
        for word in words:
            if self._is_free(*word.span()) and (ahead := _days_ahead(word[0], self._language)) is not None:
                yield self._ahead(word, ahead)

    def _ahead(self, match: re.Match[str], days: int, weeks: int | None = None) -> _Said:
        self._taken.append(match.span())
        return _Said(*match.span(), day=self._today + timedelta(days=days), weeks=weeks)

    def _times(self) -> Iterator[_Said]:
        past = r"(?:past|after|to|before|till)"
        for match in re.finditer(
            rf"\b(quarter|half|five|ten|twenty|\d{{1,2}}) ({past}) {_HOUR}\b( ?[ap]m\b)?", self._text
        ):
            yield from self._spoken(match)
        for match in re.finditer(rf"\bhalf {_HOUR}\b( ?[ap]m\b)?", self._text):
            yield from self._clock(match, _number(match[1]), 30, match[2])
        for match in re.finditer(r"\b(\d{1,2})(?:[:.h]|uhr )(\d{2})(?:\s?(am|pm)\b|\b)(?![:./]\d)", self._text):
            yield from self._clock(match, int(match[1]), int(match[2]), match[3])
        for match in re.finditer(r"\b(\d{1,2}) ?(am|pm)\b", self._text):
            yield from self._clock(match, int(match[1]), 0, match[2])
        for match in re.finditer(rf"\b{_HOUR} ?(?:o ?clock|uhr|h)\b", self._text):
            yield from self._clock(match, _number(match[1]), 0, None)
        for match in re.finditer(
            rf"\b(?:at|um|@|around)\s+{_HOUR}\b(?![:.]\d|\s*(?:{_UNITS}|st|nd|rd|th)\b)", self._text
        ):
            yield from self._clock(match, _number(match[1]), 0, None)
        for match in re.finditer(r"\b(?:noon|midday)\b", self._text):
            yield _Said(*match.span(), at=time(12))

    def _spoken(self, match: re.Match[str]) -> Iterator[_Said]:
        """Yield "quarter to three"; "five after six" stays out where it may be a bound."""
        minutes = {"quarter": 15, "half": 30, "twenty": 20}.get(match[1]) or _number(match[1])
        if match[2] in ("after", "before", "till") or minutes > 30:
            return
        hour = _number(match[3])
        if match[2] == "to":
            hour, minutes = hour - 1 or 12, 60 - minutes
        yield from self._clock(match, hour, minutes, match[4])

    def _clock(self, match: re.Match[str], hour: int, minute: int, half: str | None) -> Iterator[_Said]:
        if not self._is_free(*match.span()) or hour > 23 or minute > 59:
            return
        if half:
            if not 1 <= hour <= 12:
                return
            hour = hour % 12 + (12 if half.strip() == "pm" else 0)
        elif 0 < hour < DAYTIME and not match[0].lstrip("@atum rod").startswith("0"):
            hour += 12
        self._taken.append(match.span())
        yield _Said(*match.span(), at=time(hour, minute))

    def _is_free(self, start: int, end: int) -> bool:
        """True where nothing else was read from these characters."""
        return all(end <= first or start >= last for first, last in self._taken)


def _plain(text: str) -> str:
    """Return the text in small letters without accents and apostrophes; "a.m." becomes "am"."""
    decomposed = unicodedata.normalize("NFKD", text.casefold())
    plain = "".join(char for char in decomposed if not unicodedata.combining(char)).replace("ł", "l")
    plain = re.sub(r"\b([ap])\.\s?m\.?(?!\w)", r"\1m", plain)
    plain = re.sub(r"\bo['’` ]?\s?clock", "oclock", plain)
    return re.sub(r"['’`]", "", plain)


def _number(word: str) -> int:
    return _NUMBERS[word] if word in _NUMBERS else int(word)


def _date(year: int, month: int, day: int) -> date | None:
    try:
        return date(year, month, day)
    except ValueError:
        return None


@cache
def _later_parts(language: str) -> dict[str, time]:
    """Return from when on the later parts of the day are, by their names in `language` and in English."""
    found = dict(_LATER)
    try:
        periods = Locale.parse(language).day_periods
    except (UnknownLocaleError, ValueError):
        return found
    for context in ("format", "stand-alone"):
        for key, said in periods.get(context, {}).get("wide", {}).items():
            if key.startswith(("afternoon", "evening")):
                found.setdefault(_plain(said), time(12) if key.startswith("afternoon") else time(17))
    return found


@cache
def _names(language: str) -> tuple[dict[str, int], dict[str, int], dict[str, int]]:
    """Return weekdays (Monday 0), those cut short, and months, by their names in `language` and in English."""
    weekdays: dict[str, int] = {}
    short = dict(_SHORT)
    months: dict[str, int] = {}
    for name in dict.fromkeys((language, "en")):
        try:
            locale = Locale.parse(name)
        except (UnknownLocaleError, ValueError):
            continue
        for context in ("format", "stand-alone"):
            for width in ("wide", "abbreviated"):
                for number, said in locale.days[context][width].items():
                    key = _plain(said).rstrip(".")
                    if width == "wide":
                        weekdays.setdefault(key, number)
                    elif name != "en":
                        short.setdefault(key, number)
                for number, said in locale.months[context][width].items():
                    months.setdefault(_plain(said).rstrip("."), number)
    return weekdays, short, {key: number for key, number in months.items() if not key.isdigit()} | {"sept": 9}


@cache
def _month_first(country: str) -> bool:
    """True where the country writes 12/4 for the fourth of December."""
    try:
        pattern = Locale.parse(f"en_{country}").date_formats["short"].pattern
    except (UnknownLocaleError, ValueError):
        return False
    return bool(pattern.find("M") < pattern.find("d"))


@lru_cache(maxsize=4096)
def _days_ahead(word: str, language: str) -> int | None:
    """Return how many days ahead "mañana" is; None for a word that names no day."""
    import dateparser  # type: ignore[import-untyped]  # noqa: PLC0415  no types in it, and it costs 25 MB, and most installations never need it

    base = datetime(2020, 1, 1, 12)  # noqa: DTZ001  only the difference counts
    try:
        found = dateparser.parse(
            word, languages=[language], settings={"PARSERS": ["relative-time"], "RELATIVE_BASE": base}
        )
    except ValueError:  # a language it does not know
        return None
    if found is None or found.time() != base.time():
        return None
    ahead = (found.date() - base.date()).days
    return ahead if 0 <= ahead <= 2 else None
