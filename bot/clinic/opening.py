"""Time as the clinic counts it: opening hours only."""

from datetime import UTC, datetime, timedelta

from bot.config import Clinic, Week

LOOK_AHEAD_DAYS = 60


def is_open(clinic: Clinic, at: datetime) -> bool:
    """True while the clinic is open."""
    local = at.astimezone(clinic.tz)
    return any(span.opens <= local.time() < span.closes for span in clinic.open_on(local.date()))


def after(clinic: Clinic, start: datetime, length: timedelta) -> datetime:
    """Return the instant at which `length` of opening hours have passed since `start`.

    A clinic that says nothing of its hours, or is closed for two months, is counted as always open.
    """
    local = start.astimezone(clinic.tz)
    left = length
    for ahead in range(LOOK_AHEAD_DAYS):
        day = local.date() + timedelta(days=ahead)
        for span in clinic.open_on(day):
            opens, closes = (_instant(clinic, datetime.combine(day, wall)) for wall in (span.opens, span.closes))
            begins = max(opens, start)
            if begins + left <= closes:
                return begins + left
            left -= max(closes - begins, timedelta(0))
    return start + length


def next_opening(clinic: Clinic, now: datetime) -> datetime | None:
    """Return the next instant at which the clinic opens, later on the same day as well; None where it says of none."""
    today = now.astimezone(clinic.tz).date()
    for ahead in range(LOOK_AHEAD_DAYS):
        day = today + timedelta(days=ahead)
        for span in clinic.open_on(day):
            opens = _instant(clinic, datetime.combine(day, span.opens))
            if opens > now:
                return opens
    return None


def between(clinic: Clinic, start: datetime, end: datetime) -> timedelta:
    """Return how much of the time from `start` to `end` the clinic was open; all of it where it says nothing of its
    hours."""
    if clinic.hours == Week():
        return max(end - start, timedelta(0))
    day, last = start.astimezone(clinic.tz).date(), end.astimezone(clinic.tz).date()
    whole = timedelta(0)
    while day <= last:
        for span in clinic.open_on(day):
            opens, closes = (_instant(clinic, datetime.combine(day, wall)) for wall in (span.opens, span.closes))
            whole += max(min(closes, end) - max(opens, start), timedelta(0))
        day += timedelta(days=1)
    return whole


def _instant(clinic: Clinic, wall: datetime) -> datetime:
    return wall.replace(tzinfo=clinic.tz).astimezone(UTC)
