"""The backlog: what waits in the inbox, in the outbox and in the programme, in numbers."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, bindparam, func, literal, select, union_all
from sqlalchemy.orm import InstrumentedAttribute, Session

from bot.delivery.messages import Kind
from bot.store.models import FollowUp, Incoming, Outgoing

UNDELIVERED = ("unknown", "failed", "parked")
"""States of messages that did not, or may not, arrive."""


def _is(column: InstrumentedAttribute[str], state: str) -> ColumnElement[bool]:
    """Compare with the very words of a partial index, which is not found for a parameter."""
    return column == literal(state, literal_execute=True)


_UNDELIVERED = Outgoing.state.in_(bindparam("undelivered", UNDELIVERED, expanding=True, literal_execute=True))


@dataclass(frozen=True, slots=True)
class Oldest:
    """Since when something waits; None where nothing does."""

    update: datetime | None
    """When the oldest update came that is not handled."""
    due: datetime | None
    """When the oldest message was due that is not sent."""


@dataclass(frozen=True, slots=True)
class Backlog:
    """How much waits."""

    oldest: Oldest
    updates: int
    """Kept and not handled."""
    messages: dict[tuple[str, int], int]
    """By state (pending, sending, and the undelivered) and urgency."""
    followups: dict[str, int]
    """By state."""


_EARLIEST = union_all(  # an index of urgency and time has the earliest of each urgency, and not of all
    *(
        select(func.min(Outgoing.due_at)).where(_is(Outgoing.state, "pending"), Outgoing.urgency == urgency)
        for urgency in sorted({kind.urgency for kind in Kind})
    )
)


def oldest(session: Session, now: datetime) -> Oldest:
    """Return since when updates and messages wait: the first entries of small indexes."""
    update = session.scalar(select(func.min(Incoming.received_at)).where(_is(Incoming.state, "new")))
    due = min((at for (at,) in session.execute(_EARLIEST) if at is not None), default=None)
    return Oldest(update, due if due is not None and due <= now else None)


def count(session: Session, now: datetime) -> Backlog:
    """Count what waits; every number is read from an index, but all of its entries are."""
    updates = session.scalar(select(func.count()).select_from(Incoming).where(_is(Incoming.state, "new"))) or 0
    messages: dict[tuple[str, int], int] = {}
    for chosen in (_is(Outgoing.state, "pending"), _is(Outgoing.state, "sending"), _UNDELIVERED):
        by = (Outgoing.state, Outgoing.urgency)
        rows = session.execute(select(*by, func.count()).where(chosen).group_by(*by))
        messages |= {(state, urgency): number for state, urgency, number in rows}
    followups = session.execute(select(FollowUp.state, func.count()).group_by(FollowUp.state))
    return Backlog(oldest(session, now), updates, messages, {row.state: row[1] for row in followups})
