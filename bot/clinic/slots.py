"""Slots: which times are free, and holding them.

What is held is held in units of five minutes, whatever the clinic's grid, so that another grid breaks nothing that is
booked. A visit holds its minutes and the buffer after it. The key of the table is practitioner and unit: whatever two
transactions do at once, one unit is held for one thing.

Visits begin on the clinic's wall clock, at multiples of the grid after an opening, and last real minutes. A wall time
that the clock skips in spring is not offered, and one that it repeats in autumn is offered once, at its first
occurrence. A visit ends before its span closes; the buffer may go on after that.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from sqlalchemy import BigInteger, ColumnElement, cast, delete, func, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from bot.config import Clinic, Practitioner, Treatment
from bot.store.models import Block, Slot

UNIT = 5
"""Minutes."""

_SECONDS = UNIT * 60
_WORD = 48
"""Units that the database packs into one number."""
_NOON = time(12)
_TABLE = Slot.metadata.tables[Slot.__tablename__]


@dataclass(frozen=True, slots=True)
class Free:
    """A time that can be booked, and with whom."""

    starts_at: datetime
    practitioner: str


@dataclass(frozen=True, slots=True)
class _Offered:
    """The units in which visits may begin, by practitioner and day; who is in there works at some time."""

    starts: Mapping[str, Mapping[date, Sequence[int]]]
    length: int

    @property
    def units(self) -> range:
        """All that they touch."""
        each_day = [of_day for days in self.starts.values() for of_day in days.values()]
        return range(min(day[0] for day in each_day), max(day[-1] for day in each_day) + self.length)


def unit(at: datetime) -> int:
    """Return the number of the unit in which `at` is."""
    return int(at.timestamp()) // _SECONDS


def begins(unit: int) -> datetime:
    """Return the instant at which a unit begins."""
    return _instant(unit)


def length(clinic: Clinic, treatment: Treatment) -> int:
    """Return how many units a visit holds, its buffer included."""
    return -(-(treatment.minutes + clinic.booking.buffer_minutes) // UNIT)


# --- what is free


def free_days(
    session: Session,
    clinic: Clinic,
    treatment: Treatment,
    practitioner: str | None,
    first: date,
    last: date,
    now: datetime,
    *,
    holder: str | tuple[str, ...] | None = None,
    lead: bool = True,
) -> list[date]:
    """Return the days from `first` to `last` on which something is free, with anybody where `practitioner` is None.

    What the `holder` (or one of several) has counts as free; without `lead`, a visit may begin in a moment.
    """
    offered = _offered(clinic, treatment, practitioner, first, last, now, lead=lead)
    if not offered.starts:
        return []
    units = offered.units
    busy = _busy(session, offered.starts, units, holder)
    free: set[date] = set()
    for who, days in offered.starts.items():
        closed = _no_start(busy[who], offered.length)
        free.update(
            day
            for day, starts in days.items()
            if day not in free and any(not closed >> (start - units.start) & 1 for start in starts)
        )
    return sorted(free)


def free_times(
    session: Session,
    clinic: Clinic,
    treatment: Treatment,
    practitioner: str | None,
    day: date,
    now: datetime,
    *,
    holder: str | tuple[str, ...] | None = None,
    lead: bool = True,
) -> list[Free]:
    """Return the free times of a day in order; where `practitioner` is None, each with whom least is held that day."""
    offered = _offered(clinic, treatment, practitioner, day, day, now, lead=lead)
    if not offered.starts:
        return []
    units = offered.units
    busy = _busy(session, offered.starts, units, holder)
    found: dict[int, str] = {}
    for who in sorted(offered.starts, key=lambda one: busy[one].bit_count()):
        closed = _no_start(busy[who], offered.length)
        for start in offered.starts[who][day]:
            if not closed >> (start - units.start) & 1:
                found.setdefault(start, who)
    return [Free(_instant(start), found[start]) for start in sorted(found)]


def next_free(
    session: Session,
    clinic: Clinic,
    treatment: Treatment,
    practitioner: str | None,
    now: datetime,
    count: int,
    *,
    after: datetime | None = None,
) -> list[Free]:
    """Return up to `count` free times in order, none before `after`: the first of each morning and each afternoon, and
    more of them only where that is not enough."""
    since = max(now, after or now)
    first = since.astimezone(clinic.tz).date()
    days = free_days(session, clinic, treatment, practitioner, first, _horizon(clinic, now), now)
    chosen: list[Free] = []
    others: list[Free] = []
    for day in days:
        halves: set[bool] = set()
        for free in free_times(session, clinic, treatment, practitioner, day, now):
            if free.starts_at < since:
                continue
            morning = free.starts_at.astimezone(clinic.tz).time() < _NOON
            (others if morning in halves else chosen).append(free)
            halves.add(morning)
        if len(chosen) >= count:
            break
    return sorted([*chosen, *others][:count], key=lambda free: free.starts_at)


def is_offered(
    session: Session,
    clinic: Clinic,
    treatment: Treatment,
    practitioner: str,
    starts_at: datetime,
    now: datetime,
    *,
    lead: bool = True,
) -> bool:
    """True for a time at which a visit could begin if nothing were booked: in the practitioner's hours, on the grid,
    neither too near nor too far ahead, and not in blocked time."""
    day = starts_at.astimezone(clinic.tz).date()
    offered = _offered(clinic, treatment, practitioner, day, day, now, lead=lead)
    begins = unit(starts_at)
    if _instant(begins) != starts_at or begins not in offered.starts.get(practitioner, {}).get(day, ()):
        return False
    return not _blocked(session, [practitioner], range(begins, begins + offered.length))[practitioner]


def is_blocked(session: Session, practitioner: str, starts_at: datetime, ends_at: datetime) -> bool:
    """True where staff have blocked some of a practitioner's time."""
    units = _units(starts_at, ends_at)
    return bool(_blocked(session, [practitioner], units)[practitioner])


# --- holding


def hold(
    session: Session,
    clinic: Clinic,
    holder: str,
    treatment: Treatment,
    practitioner: str,
    starts_at: datetime,
    *,
    besides: tuple[str, ...] = (),
) -> bool:
    """Hold the time of a visit for `holder`, taking over what those `besides` have of it; False, and nothing changes,
    where any of it is somebody else's."""
    begins = unit(starts_at)
    units = range(begins, begins + length(clinic, treatment))
    attempt = session.begin_nested()
    mine = 0
    if besides:
        theirs = update(_TABLE).where(*_within([practitioner], units), _TABLE.c.holder.in_(besides))
        mine = len(session.scalars(theirs.values(holder=holder).returning(_TABLE.c.unit)).all())
    if mine < len(units):
        mine += _insert(session, holder, practitioner, units)
    if mine < len(units):
        attempt.rollback()
        return False
    attempt.commit()
    return True


def release(session: Session, clinic: Clinic, holder: str) -> bool:
    """Free what `holder` has, but for blocked time, which its block gets; True where time of somebody in the team got
    free."""
    mine = _TABLE.c.holder == holder
    held = select(_TABLE.c.practitioner, func.min(_TABLE.c.unit), func.max(_TABLE.c.unit))
    for practitioner, lowest, highest in session.execute(held.where(mine).group_by(_TABLE.c.practitioner)).all():
        for block in _blocks(session, range(lowest, highest + 1)):
            if block.practitioner in (None, practitioner):
                inside = _within([practitioner], _units(block.starts_at, block.ends_at))
                session.execute(update(_TABLE).where(mine, *inside).values(holder=f"block:{block.id}"))
    freed = session.scalars(delete(_TABLE).where(mine).returning(_TABLE.c.practitioner)).all()
    return any(clinic.practitioner(one) for one in set(freed))


def give(
    session: Session,
    clinic: Clinic,
    holder: str,
    new: str,
    treatment: Treatment,
    practitioner: str,
    starts_at: datetime,
) -> None:
    """Let `new` have what `holder` has of the time of a visit at `starts_at`."""
    begins = unit(starts_at)
    inside = _within([practitioner], range(begins, begins + length(clinic, treatment)))
    session.execute(update(_TABLE).where(_TABLE.c.holder == holder, *inside).values(holder=new))


def rename(session: Session, holder: str, new: str) -> None:
    """Let `new` have what `holder` has."""
    session.execute(update(_TABLE).where(_TABLE.c.holder == holder).values(holder=new))


def block(session: Session, block: Block, practitioners: Iterable[str]) -> list[str]:
    """Hold for `block` what is free of its time; return who else holds some of it, in the order of time.

    A visit that ends before it is among them where its buffer does not.
    """
    units, whose = _units(block.starts_at, block.ends_at), list(practitioners)
    holder = f"block:{block.id}"
    for practitioner in whose:
        _insert(session, holder, practitioner, units)
    held_by = _TABLE.c.holder
    others = select(held_by).where(*_within(whose, units), held_by != holder)
    return list(session.scalars(others.group_by(held_by).order_by(func.min(_TABLE.c.unit), held_by)))


def move(session: Session, later: Mapping[str, int], dropped: Collection[str]) -> dict[str, set[str]]:
    """Let each holder have its time so many units later, and those `dropped` none; return which holders did not get
    all of it, with those who have it. Who comes first is first served; what is over gives way."""
    held: dict[str, list[tuple[str, int]]] = defaultdict(list)
    for one in session.execute(select(_TABLE).where(_TABLE.c.holder.in_(list(later))).order_by(_TABLE.c.unit)):
        held[one.holder].append((one.practitioner, one.unit))
    session.execute(delete(_TABLE).where(_TABLE.c.holder.in_((*later, *dropped))))
    lacking: dict[str, set[str]] = {}
    for holder, units in later.items():
        for practitioner in dict.fromkeys(who for who, _ in held[holder]):
            there = [one + units for who, one in held[holder] if who == practitioner]
            inside = (_TABLE.c.practitioner == practitioner, _TABLE.c.unit.in_(there), _TABLE.c.holder != holder)
            if _insert(session, holder, practitioner, there) == len(there):
                continue
            others = set(session.scalars(select(_TABLE.c.holder).where(*inside)))
            session.execute(delete(_TABLE).where(*inside, _TABLE.c.holder.in_(others - later.keys())))
            _insert(session, holder, practitioner, there)
            if others & later.keys():
                lacking.setdefault(holder, set()).update(others & later.keys())
    return lacking


def _within(practitioners: Collection[str], units: range) -> tuple[ColumnElement[bool], ...]:
    return _TABLE.c.practitioner.in_(practitioners), _TABLE.c.unit >= units.start, _TABLE.c.unit < units.stop


def _insert(session: Session, holder: str, practitioner: str, units: Iterable[int]) -> int:
    """Hold those of `units` that nobody has, and return how many."""
    insert = sqlite.insert if session.get_bind().dialect.name == "sqlite" else postgresql.insert
    # in ascending order, so that two transactions never wait for each other
    rows = [{"practitioner": practitioner, "unit": one, "holder": holder} for one in units]
    return len(session.scalars(insert(_TABLE).on_conflict_do_nothing().returning(_TABLE.c.unit), rows).all())


# --- times in which a visit may begin


def _offered(
    clinic: Clinic,
    treatment: Treatment,
    practitioner: str | None,
    first: date,
    last: date,
    now: datetime,
    *,
    lead: bool,
) -> _Offered:
    earliest = now + timedelta(minutes=clinic.booking.lead_minutes if lead else 0)
    days = list(_days(max(first, now.astimezone(clinic.tz).date()), min(last, _horizon(clinic, now))))
    starts = {}
    for one in clinic.team:
        if practitioner in (None, one.id) and one.does(treatment.id):
            found = {day: units for day in days if (units := _starts(clinic, treatment, one, day, earliest))}
            if found:
                starts[one.id] = found
    return _Offered(starts, length(clinic, treatment))


def _horizon(clinic: Clinic, now: datetime) -> date:
    """Return the last day that can be booked."""
    return now.astimezone(clinic.tz).date() + timedelta(days=clinic.booking.days_ahead)


def _days(first: date, last: date) -> Iterator[date]:
    for ahead in range((last - first).days + 1):
        yield first + timedelta(days=ahead)


def _starts(clinic: Clinic, treatment: Treatment, one: Practitioner, day: date, earliest: datetime) -> list[int]:
    soonest, seconds = earliest.timestamp(), treatment.minutes * 60
    starts = []
    for span in clinic.works_on(one, day):
        units, closes = _grid(clinic.tz, day, span.opens, span.closes, clinic.booking.grid_minutes)
        starts += [begins for begins in units if soonest <= begins * _SECONDS <= closes - seconds]
    return starts


@lru_cache(maxsize=4096)  # a pure function of plain values; wall clocks are slow to reckon with
def _grid(zone: ZoneInfo, day: date, opens: time, closes: time, minutes: int) -> tuple[tuple[int, ...], float]:
    """Return the units at the grid's lines from `opens` to `closes`, and the second at which that is.

    A closing that the clock skips or repeats is the earlier of the two instants it may be.
    """
    closing = datetime.combine(day, closes, zone)
    closes_at = min(closing.timestamp(), closing.replace(fold=1).timestamp())
    # an opening such as 9:07 becomes 9:10, so that visits fill whole units
    first = -(-(opens.hour * 60 + opens.minute) // UNIT) * UNIT
    units = []
    for minute in range(first, closes.hour * 60 + closes.minute, minutes):
        wall = datetime.combine(day, time(*divmod(minute, 60)), zone)
        if wall.astimezone(UTC).astimezone(zone) == wall:  # in one zone the digits are compared: else it is skipped
            units.append(unit(wall))
    return tuple(units), closes_at


# --- what is held, as the bits of one number: bit 0 is the first of the units in question


def _busy(
    session: Session, practitioners: Collection[str], units: range, holder: str | tuple[str, ...] | None
) -> dict[str, int]:
    """Return which of `units` are blocked, or held for others than `holder`, by practitioner."""
    place = _TABLE.c.unit - units.start
    bits = func.sum(cast(1, BigInteger).bitwise_lshift(place % _WORD))
    # packed by the database: a thirtieth of the rows, and a third of the time, of reading each
    held = (
        select(_TABLE.c.practitioner, (place // _WORD).label("word"), cast(bits, BigInteger))
        .where(*_within(practitioners, units))
        .group_by(_TABLE.c.practitioner, "word")
    )
    if holder:
        held = held.where(_TABLE.c.holder.not_in([holder] if isinstance(holder, str) else holder))
    busy = _blocked(session, practitioners, units)
    for practitioner, word, mask in session.execute(held):
        busy[practitioner] |= mask << (word * _WORD)
    return busy


def _blocked(session: Session, practitioners: Collection[str], units: range) -> dict[str, int]:
    """Return which of `units` are in blocked time, even where a visit holds them still: it is not to be moved about in
    there."""
    blocked: dict[str, int] = defaultdict(int)
    for block in _blocks(session, units):
        touched = _units(block.starts_at, block.ends_at)
        first, end = (min(max(one, units.start), units.stop) - units.start for one in (touched.start, touched.stop))
        for practitioner in practitioners:
            if block.practitioner in (None, practitioner):
                blocked[practitioner] |= (1 << end) - (1 << first)
    return blocked


def _no_start(busy: int, length: int) -> int:
    """Return the units in which nothing of that length can begin."""
    covered = 1
    while covered < length:
        step = min(covered, length - covered)
        busy |= busy >> step
        covered += step
    return busy


def _blocks(session: Session, units: range) -> Sequence[Block]:
    """Return the blocks that are not lifted and touch `units`."""
    touching = (Block.ends_at > _instant(units.start), Block.starts_at < _instant(units.stop))
    return session.scalars(select(Block).where(Block.removed_at.is_(None), *touching).order_by(Block.id)).all()


def _units(starts_at: datetime, ends_at: datetime) -> range:
    """Return the units that a time touches."""
    return range(unit(starts_at), -(-int(ends_at.timestamp()) // _SECONDS))


def _instant(unit: int) -> datetime:
    return datetime.fromtimestamp(unit * _SECONDS, UTC)
