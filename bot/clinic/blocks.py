"""Blocked time: what staff keep free of visits, for one practitioner or for everybody."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from bot.clinic import slots, staffroom, visits
from bot.clinic.visits import FREED, Actor, Card, NotHere
from bot.config import Clinic
from bot.store.models import Audit, Block, Fact

SUBJECT = "block"


@dataclass(frozen=True, slots=True)
class Span:
    """A blocked time; `practitioner` is None where it is everybody's."""

    block_id: int
    practitioner: str | None
    starts_at: datetime
    ends_at: datetime
    reason: str
    author: str


@dataclass(frozen=True, slots=True)
class Blocked:
    """No visit can be booked into the time any more; these are in it already."""

    span: Span
    inside: Sequence[Card]


@dataclass(frozen=True, slots=True)
class Unblocked:
    """The time is free again."""

    span: Span


def add(
    session: Session,
    clinic: Clinic,
    practitioner: str | None,
    starts_at: datetime,
    ends_at: datetime,
    reason: str,
    staff_chat: int,
    actor: Actor,
    now: datetime,
) -> Blocked | NotHere:
    """Block a time; visits that are in it already stay, and what they hold is blocked once they are gone."""
    if staffroom.chat(session) != staff_chat:
        return NotHere()
    block = Block(
        practitioner=practitioner,
        starts_at=starts_at,
        ends_at=ends_at,
        reason=reason,
        author=actor.name,
        author_id=actor.id,
        created_at=now,
    )
    session.add(block)
    session.flush()
    theirs = whose(clinic, practitioner)
    slots.block(session, block, theirs)
    _audit(session, block, "time blocked", actor.id, now)
    inside = [
        card
        for card in visits.between(session, clinic, starts_at, ends_at)
        if card.status in visits.LIVE and {card.practitioner, card.kept_practitioner} & set(theirs)
    ]
    return Blocked(_span(block), inside)


def whose(clinic: Clinic, practitioner: str | None) -> list[str]:
    """Return whose time it is: everybody's where nobody is named."""
    return [practitioner] if practitioner else [one.id for one in clinic.team]


def remove(
    session: Session, clinic: Clinic, block_id: int, staff_chat: int, actor: Actor, now: datetime
) -> Unblocked | NotHere:
    """Free a blocked time."""
    block = session.get(Block, block_id) if staffroom.chat(session) == staff_chat else None
    if block is None or block.removed_at is not None:
        return NotHere()
    block.removed_at = now
    session.flush()
    if slots.release(session, clinic, f"{SUBJECT}:{block.id}"):
        session.merge(Fact(name=FREED, value="yes"))
    _audit(session, block, "time unblocked", actor.id, now)
    return Unblocked(_span(block))


def upcoming(session: Session, now: datetime) -> list[Span]:
    """Return the blocked times that are not over, in order."""
    live = select(Block).where(Block.removed_at.is_(None), Block.ends_at > now)
    return [_span(block) for block in session.scalars(live.order_by(Block.starts_at, Block.id))]


def between(session: Session, start: datetime, end: datetime) -> list[Span]:
    """Return the blocked times of a span, in order."""
    live = select(Block).where(Block.removed_at.is_(None), Block.starts_at < end, Block.ends_at > start)
    return [_span(block) for block in session.scalars(live.order_by(Block.starts_at, Block.id))]


def _span(block: Block) -> Span:
    return Span(block.id, block.practitioner, block.starts_at, block.ends_at, block.reason, block.author)


def _audit(session: Session, block: Block, action: str, actor: int | None, now: datetime) -> None:
    session.add(Audit(at=now, actor=actor, action=action, subject=f"{SUBJECT}:{block.id}", before=None, after=None))
