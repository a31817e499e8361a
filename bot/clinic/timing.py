"""When a follow-up is due: wall times across the clock's changes, months' ends, and quiet hours.

Pure functions of instants and zones. A wall time that the clock skips is the instant after the gap; one that it repeats
is the first of the two.
"""

import calendar
import hashlib
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from bot.programme import Step

SPREAD = timedelta(minutes=30)
"""What waited for the end of quiet hours is spread over this."""


@dataclass(frozen=True, slots=True)
class Quiet:
    """Wall times between which nobody is written to unasked; they may lie about midnight, and be the same for none."""

    begins: time
    ends: time

    def holds(self, wall: time) -> bool:
        """True for a wall time in these hours."""
        if self.begins <= self.ends:
            return self.begins <= wall < self.ends
        return wall >= self.begins or wall < self.ends


def instant(day: date, wall: time, zone: ZoneInfo) -> datetime:
    """Return the instant of a wall time: after the gap where the clock skips it, the first where it is repeated."""
    local = datetime.combine(day, wall, zone)
    found = local.astimezone(UTC)
    if found.astimezone(zone).replace(tzinfo=None) == local.replace(tzinfo=None):
        return found
    # With fold=1 a skipped time is read with the offset after the gap, with fold=0 with the one before it: in between,
    # at the earliest instant whose wall time is not before it, lies the gap's end.
    low, high = sorted((found, local.replace(fold=1).astimezone(UTC)))
    while high - low > timedelta(seconds=1):
        middle = low + (high - low) / 2
        if middle.astimezone(zone).replace(tzinfo=None) < local.replace(tzinfo=None):
            low = middle
        else:
            high = middle
    return high.replace(microsecond=0)


def months_later(day: date, months: int) -> date:
    """Return the same day so many months on, or the last of that month."""
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    return date(year, month + 1, min(day.day, calendar.monthrange(year, month + 1)[1]))


def due(step: Step, anchor: datetime, zone: ZoneInfo, interval_weeks: int | None) -> datetime | None:
    """Return when a step is due; None for one that waits for an interval where there is none."""
    if step.offset is not None:
        return anchor + step.offset
    local = anchor.astimezone(zone)
    if step.months is not None:
        day = months_later(local.date(), step.months)
    elif step.day is not None:
        day = local.date() + timedelta(days=step.day)
    elif interval_weeks is not None:
        day = local.date() + timedelta(weeks=interval_weeks)
    else:
        return None
    return instant(day, step.at or local.time().replace(fold=0), zone)


def valid_until(step: Step, anchor: datetime, due_at: datetime) -> datetime:
    """Return the instant after which a step is not sent any more."""
    return anchor + step.until if step.until is not None else due_at + (step.lasts or timedelta(0))


def polite(due_at: datetime, until: datetime, quiet: Quiet, zone: ZoneInfo, seed: str) -> datetime:
    """Return when something due at `due_at` is sent: outside quiet hours, at their end or, where that is after `until`,
    before they begin."""
    local = due_at.astimezone(zone)
    if quiet.begins == quiet.ends or not quiet.holds(local.time()):
        return due_at
    wakes = local.date() if local.time() < quiet.ends else local.date() + timedelta(days=1)
    awake = instant(wakes, quiet.ends, zone)
    if awake <= until:
        return min(awake + SPREAD * _share(seed), until)
    sleeps = local.date() if local.time() >= quiet.begins else local.date() - timedelta(days=1)
    return instant(sleeps, quiet.begins, zone) - timedelta(minutes=1) - SPREAD * _share(seed)


def _share(seed: str) -> float:
    """Return a number from 0 to 1 that is the same for the same seed."""
    return int.from_bytes(hashlib.sha256(seed.encode()).digest()[:4]) / 2**32
