"""Another zone for the clinic: what was agreed as a wall time keeps it, and its instant is reckoned anew.

What has happened stays as it was: visits that are over, and when a message was sent. A message that has gone only goes
on naming its visit, whose instant is another one now.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, select, update
from sqlalchemy.orm import Session

from bot.clinic import blocks, calls, plans, slots, staffroom, timing, visits, waits
from bot.clinic.visits import LIVE, Card
from bot.config import Clinic
from bot.store.models import Audit, Block, Call, Draft, Fact, FollowUp, Patient, Visit, Wait

ZONE = "zone"
"""The zone by which what is stored was reckoned."""


@dataclass(frozen=True, slots=True)
class Moved:
    """What went along with the clinic's zone; `staff_chat` is None where no group is connected."""

    before: str
    after: str
    staff_chat: int | None
    visits: Sequence[Card]
    """Those to come, in order."""
    blocks: int
    steps: int
    """Follow-ups that are planned for another instant now."""
    shifted: Sequence[Card]
    """Visits whose wall time does not exist in the new zone: they are at the end of the gap."""
    overlapping: Sequence[Card]
    """Visits that lack some of their time, because another has it."""


@dataclass(frozen=True, slots=True)
class _Walls:
    """Reads instants as wall times of one zone, and finds these in another."""

    before: ZoneInfo
    after: ZoneInfo

    def moved(self, at: datetime) -> datetime:
        """Return the instant at which the other zone's clock shows what this one's shows at `at`."""
        local = at.astimezone(self.before)
        return timing.instant(local.date(), local.time().replace(fold=0), self.after)

    def keeps(self, at: datetime) -> bool:
        """True where the other zone has such a wall time on that day."""
        shown = self.moved(at).astimezone(self.after)
        return shown.replace(tzinfo=None, fold=0) == at.astimezone(self.before).replace(tzinfo=None, fold=0)

    def units(self, unit: int) -> int:
        """Return by how many units of time a unit is later in the other zone."""
        return slots.unit(self.moved(slots.begins(unit))) - unit


def last_known(session: Session) -> str | None:
    """Return the zone at the last start; None before the first."""
    known = session.get(Fact, ZONE)
    return known.value if known is not None else None


def follow(session: Session, clinic: Clinic, now: datetime) -> Moved | None:
    """Where the clinic has another zone than at the last start, let all that is to come keep its wall time."""
    before = last_known(session)
    session.merge(Fact(name=ZONE, value=clinic.zone))
    if before is None or before == clinic.zone:
        return None
    walls = _Walls(ZoneInfo(before), clinic.tz)
    session.add(Audit(at=now, actor=None, action="zone changed", subject="clinic", before=before, after=clinic.zone))
    live = session.scalars(select(Visit).where(Visit.status.in_(LIVE)).order_by(Visit.starts_at, Visit.id)).all()
    planned = _planned(session)
    shifted = [visit for visit in live if not walls.keeps(visit.starts_at)]
    overlapping = _move_time(session, clinic, walls, live, now)
    for visit in live:
        _move_visit(session, clinic, walls, visit)
    blocked = _move_blocks(session, clinic, walls, now)
    _move_drafts(session, walls)
    _move_words(session, clinic, walls)
    _plan_anew(session, clinic, live, now)
    steps = len(_planned(session).items() - planned.items())
    to_come = [visit for visit in live if visit.starts_at > now]
    return Moved(
        before,
        clinic.zone,
        staffroom.chat(session),
        [visits.card(session, clinic, visit) for visit in to_come],
        blocked,
        steps,
        [visits.card(session, clinic, visit) for visit in to_come if visit in shifted],
        [visits.card(session, clinic, visit) for visit in to_come if visit.id in overlapping],
    )


# --- time that is held


def _move_time(session: Session, clinic: Clinic, walls: _Walls, live: Sequence[Visit], now: datetime) -> set[int]:
    """Move what visits and offers hold, and the offers; return the ids of visits that did not get all of it."""
    later: dict[str, int] = {}
    for visit in live:
        later[f"visit:{visit.id}"] = walls.units(slots.unit(visit.starts_at))
        if visit.kept_starts_at is not None:
            later[f"kept:{visit.id}"] = walls.units(slots.unit(visit.kept_starts_at))
    for wait in session.scalars(select(Wait).where(Wait.state.in_((waits.WAITING, waits.OFFERED)))):
        wait.refused = [unit + walls.units(unit) for unit in wait.refused]
        if wait.starts_at is not None:
            later[f"wait:{wait.id}"] = walls.units(slots.unit(wait.starts_at))
            wait.starts_at = walls.moved(wait.starts_at)
            wait.due_at = min(wait.due_at or now, wait.starts_at)
    block_ids = session.scalars(select(Block.id).where(Block.removed_at.is_(None))).all()
    lacking = slots.move(session, later, [f"{blocks.SUBJECT}:{one}" for one in block_ids])
    number = {holder: int(holder.partition(":")[2]) for holder in later if not holder.startswith("wait:")}
    return {
        number[holder]
        for holder, others in lacking.items()
        if holder in number and any(number.get(other) != number[holder] for other in others)
    }


def _move_blocks(session: Session, clinic: Clinic, walls: _Walls, now: datetime) -> int:
    """Move the blocked times, which get what no visit has of them; return how many are to come."""
    found = session.scalars(select(Block).where(Block.removed_at.is_(None)).order_by(Block.id)).all()
    for block in found:
        block.starts_at, block.ends_at = walls.moved(block.starts_at), walls.moved(block.ends_at)
    session.flush()
    for block in found:
        slots.block(session, block, blocks.whose(clinic, block.practitioner))
    return sum(block.ends_at > now for block in found)


# --- visits, and what belongs to them


def _move_visit(session: Session, clinic: Clinic, walls: _Walls, visit: Visit) -> None:
    starts_at, ends_at, kept = visit.starts_at, visit.ends_at, visit.kept_starts_at
    call_key, calls_of = calls.key(visit), select(Call.key).where(Call.visit_id == visit.id)
    visit.starts_at = walls.moved(starts_at)
    visit.ends_at = visit.starts_at + (ends_at - starts_at)
    visit.kept_starts_at = walls.moved(kept) if kept is not None else None
    visits.look_after_move(clinic, visit, starts_at, ends_at)
    if calls.key(visit) not in session.scalars(calls_of).all():
        session.execute(update(Call).where(Call.key == call_key).values(key=calls.key(visit)))
    rows = session.scalars(select(FollowUp).where(FollowUp.visit_id == visit.id, FollowUp.text.is_(None))).all()
    for row in rows:  # the old keys go first: one row's new key may be another's old one
        row.key = f"moving:{row.id}"
    session.flush()
    taken: set[str] = set()
    for row in sorted(rows, key=lambda row: row.state not in (*plans.OPEN, plans.SENT)):
        row.anchor_at = visit.ends_at if row.anchor_at == ends_at else walls.moved(row.anchor_at)
        key = plans.key(visit, row.step, row.anchor_at)
        row.key = key if key not in taken else f"moving:{row.id}"  # a gap may make one time of two
        taken.add(key)


def _move_drafts(session: Session, walls: _Walls) -> None:
    for draft in session.scalars(select(Draft).where(Draft.starts_at.is_not(None))):
        if draft.starts_at is not None:
            draft.starts_at = walls.moved(draft.starts_at)


def _move_words(session: Session, clinic: Clinic, walls: _Walls) -> None:
    """Move the messages that staff wrote for a time on the clock."""
    for row in session.scalars(select(FollowUp).where(_is_open(), FollowUp.text.is_not(None))):
        lasts = row.valid_until - row.planned_for
        row.anchor_at = row.planned_for = walls.moved(row.planned_for)
        row.valid_until = row.planned_for + lasts
        hours = plans.quiet(clinic, session.get(Patient, row.chat_id))
        row.due_at = timing.polite(row.planned_for, row.valid_until, hours, clinic.tz, str(row.chat_id))


def _plan_anew(session: Session, clinic: Clinic, live: Iterable[Visit], now: datetime) -> None:
    """Reckon anew when steps are due: those of visits to come, and those after visits that are over."""
    session.flush()
    open_ones = select(FollowUp.visit_id).where(_is_open())
    over = select(Visit).where(Visit.id.in_(open_ones), Visit.status.not_in(LIVE))
    for visit in (*live, *session.scalars(over).all()):
        plans.plan(session, clinic, visit, now)
    session.flush()


def _planned(session: Session) -> dict[int, datetime]:
    """Return for when each step is planned that may still be sent."""
    found = session.execute(select(FollowUp.id, FollowUp.planned_for).where(_is_open()))
    return {row.id: row.planned_for for row in found}


def _is_open() -> ColumnElement[bool]:
    return FollowUp.state.in_(plans.OPEN)
