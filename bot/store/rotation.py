"""Which backups there are, when the next is due, and which may go: names and instants, no files."""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta, tzinfo

KEPT: tuple[tuple[int, Callable[[datetime], object]], ...] = (
    (7, lambda at: at.date()),
    (4, lambda at: at.isocalendar()[:2]),
    (6, lambda at: (at.year, at.month)),
)
"""How many periods' last backups are kept, for each kind of period: days, weeks, months."""

QUIET = time(4, 30)
"""The clinic's wall time after which the day's backup is made; no zone's clocks are changed then."""

_NAME = re.compile(r"mesobot-(\d{8}T\d{6})Z\.db(\.gz\.age)?")


@dataclass(frozen=True, slots=True)
class Backup:
    """A backup that this program made by itself."""

    name: str
    at: datetime
    sealed: bool


def name(at: datetime, *, sealed: bool) -> str:
    """Return the name of a backup."""
    return f"mesobot-{at.astimezone(UTC):%Y%m%dT%H%M%S}Z.db{'.gz.age' if sealed else ''}"


def backups(names: Iterable[str]) -> list[Backup]:
    """Return those of the files that are backups of this program's own making, the newest first."""
    found = [backup for one in names if (backup := _backup(one)) is not None]
    return sorted(found, key=lambda backup: (backup.at, backup.name), reverse=True)


def expendable(names: Iterable[str], oldest: datetime) -> set[str]:
    """Return the backups that may go: each period keeps its last one, for as many periods as `KEPT` says.

    None from before `oldest` is kept, whatever its period: patients are told when backups are gone. But the newest is.
    """
    found = backups(names)
    kept = {backup.name for backup in found[:1]}
    for most, period in KEPT:
        seen: set[object] = set()
        for backup in found:
            if backup.at >= oldest and len(seen) < most and period(backup.at) not in seen:
                seen.add(period(backup.at))
                kept.add(backup.name)
    return {backup.name for backup in found} - kept


def is_due(names: Iterable[str], now: datetime, zone: tzinfo) -> bool:
    """True where no backup was made since the last quiet hour; one of a wrong clock's future does not count."""
    local = now.astimezone(zone)
    day = local.date() if local.time() >= QUIET else local.date() - timedelta(days=1)
    last = datetime.combine(day, QUIET, zone).astimezone(UTC)
    return not any(last <= backup.at <= now for backup in backups(names))


def _backup(name: str) -> Backup | None:
    match = _NAME.fullmatch(name)
    if match is None:
        return None
    try:
        at = datetime.strptime(match[1], "%Y%m%dT%H%M%S").replace(tzinfo=UTC)
    except ValueError:
        return None
    return Backup(name, at, match[2] is not None)
