"""What stands on a month's calendar and over a day's times."""

from datetime import date, datetime, time
from enum import Enum

from babel.dates import format_skeleton, get_day_names

from bot.wording.speech import Speech

NO_DAY = "·"
"""A button that does nothing: a day that cannot be had, or a place outside of the month."""
BEFORE, AFTER = "‹", "›"
NOON, EVENING = time(12), time(17)


class Part(Enum):
    """A part of the day."""

    MORNING = "morning"
    AFTERNOON = "afternoon"
    EVENING = "evening"


def part_of(say: Speech, at: datetime) -> Part:
    """Return the part of the clinic's day in which an instant is."""
    wall = at.astimezone(say.zone).time()
    if wall < NOON:
        return Part.MORNING
    return Part.AFTERNOON if wall < EVENING else Part.EVENING


def part(say: Speech, part: Part) -> str:
    """Name a part of the day."""
    match part:
        case Part.MORNING:
            return say._("Morning")
        case Part.AFTERNOON:
            return say._("Afternoon")
        case Part.EVENING:
            return say._("Evening")


def month(say: Speech, first: date) -> str:
    """Name a month, as "December 2026"."""
    name = format_skeleton("yMMMM", first, locale=say.locale)
    return name[:1].upper() + name[1:]


def weekdays(say: Speech) -> list[tuple[int, str]]:
    """Return the weekdays (Monday being 0) and their shortest clear names, in the order of this language's week."""
    names = get_day_names("short", "stand-alone", say.locale)
    first = say.locale.first_week_day
    return [(number % 7, names[number % 7]) for number in range(first, first + 7)]


def today(day: date) -> str:
    """Mark a day's number as today's."""
    return f"({day.day})"


def clock(say: Speech, at: datetime) -> str:
    """Return the clinic's wall time of an instant."""
    return say.clock(at.astimezone(say.zone).time())


def from_to(say: Speech, first: datetime, last: datetime) -> str:
    """Return two wall times as "9:00–10:45"."""
    return f"{clock(say, first)}–{clock(say, last)}"


def shown(label: str) -> str:
    """Mark the page that is open."""
    return f"• {label} •"
