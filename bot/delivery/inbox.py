"""The inbox: updates are kept before Telegram is told that they came, and done exactly once."""

import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import Enum, auto
from typing import Any

from sqlalchemy import bindparam, delete, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from bot.store import leases
from bot.store.models import Incoming
from bot.store.texts import fit

ATTEMPTS = 3
"""How often an update that fails is tried before it is put aside."""

# The hot path's statements are built once, and on the table (no object to bring up to date): a tenth of the cost.
_TABLE = Incoming.metadata.tables[Incoming.__tablename__]
_FINISH = (
    update(_TABLE)
    .where(_TABLE.c.update_id == bindparam("handled"), _TABLE.c.state == "new")
    .values(state="done", payload=None, settled_at=bindparam("at"))
)
_FINISH_OURS = _FINISH.where(leases.holds_lane(_TABLE.c.lane))


@dataclass(frozen=True, slots=True)
class Kept:
    """An update that is to be handled, in its lane's order."""

    update_id: int
    lane: int
    payload: dict[str, Any]


def keep(
    session: Session, updates: Iterable[Mapping[str, Any]], *, now: datetime, doubtful: Collection[int] = ()
) -> list[Kept]:
    """Keep those of `updates` (as Telegram sent them) that are not known yet, and return them in order.

    Those of the `doubtful`, which an earlier try may or may not have kept, are returned as well until they are handled.
    Every text from outside comes in here, and is made one that any column of the database can hold.
    """
    fresh = {raw["update_id"]: fit(raw) for raw in updates if _is_id(raw.get("update_id"))}
    if not fresh:
        return []
    rows = [
        {
            "update_id": update_id,
            "lane": lane_of(raw),
            "payload": json.dumps(raw, separators=(",", ":")),
            "state": "new",
            "attempts": 0,
            "received_at": now,
        }
        for update_id, raw in sorted(fresh.items())
    ]
    insert = sqlite.insert if session.get_bind().dialect.name == "sqlite" else postgresql.insert
    # rows as parameters, not as VALUES, which would be compiled anew for each batch
    kept = session.scalars(insert(_TABLE).on_conflict_do_nothing().returning(_TABLE.c.update_id), rows).all()
    if again := [update_id for update_id in doubtful if update_id in fresh and update_id not in kept]:
        known = select(_TABLE.c.update_id).where(_TABLE.c.update_id.in_(again), _TABLE.c.state == "new")
        kept = [*kept, *session.scalars(known)]
    return [Kept(update_id, lane_of(fresh[update_id]), dict(fresh[update_id])) for update_id in sorted(kept)]


def unfinished(session: Session, chats: Collection[int] | None = None) -> list[Kept]:
    """Return what was kept and not handled, in order, of all chats or of `chats`."""
    waiting = select(Incoming).where(Incoming.state == "new").order_by(Incoming.update_id)
    rows = session.scalars(waiting if chats is None else waiting.where(Incoming.lane.in_(chats)))
    return [Kept(row.update_id, row.lane, json.loads(row.payload or "{}")) for row in rows]


def finish(session: Session, update_id: int, now: datetime) -> bool:
    """Mark `update_id` as handled in the caller's transaction; False where it was already, or where its lane is
    another program's by now."""
    handled = {"handled": update_id, "at": now}
    owner = session.info.get(leases.OWNER)
    if owner is None:
        done = session.execute(_FINISH, handled)
    else:
        done = session.execute(_FINISH_OURS, {**handled, leases.OWNER: owner})
    return bool(done.rowcount)  # type: ignore[attr-defined]  # an UPDATE's result has it, the declared type does not


def finish_all(session: Session, update_ids: Collection[int], now: datetime) -> None:
    """Mark many as handled."""
    if update_ids:
        session.execute(_FINISH, [{"handled": update_id, "at": now} for update_id in update_ids])


class Stumbled(Enum):
    """What becomes of an update that failed."""

    AGAIN = auto()
    """It is worth another try."""
    ASIDE = auto()
    """That was the last."""
    SETTLED = auto()
    """It is handled, or another program's."""


def stumble(session: Session, update_id: int, error: str, now: datetime, *, tries: int = ATTEMPTS) -> Stumbled:
    """Count a failed try, and put the update aside after the last."""
    row = session.get(Incoming, update_id)
    if row is None or row.state != "new" or not leases.is_in_lane(session, row.lane):
        return Stumbled.SETTLED
    row.attempts += 1
    row.error = error[:128]
    if row.attempts < tries:
        return Stumbled.AGAIN
    row.state = "failed"
    row.settled_at = now
    return Stumbled.ASIDE


def prune(session: Session, before: datetime) -> None:
    """Forget the ids of what was settled before `before`; Telegram redelivers for a day at most."""
    session.execute(delete(Incoming).where(Incoming.settled_at < before))


def lane_of(raw: Mapping[str, Any]) -> int:
    """Return the id of the chat, or else the person, whose order this update keeps; 0 where it names neither."""
    for content in raw.values():
        message = content.get("message") if isinstance(content, Mapping) else None
        for holder, name in ((content, "chat"), (message, "chat"), (content, "from"), (content, "user")):
            place = holder.get(name) if isinstance(holder, Mapping) else None
            if isinstance(place, Mapping) and _is_id(place.get("id")):
                return int(place["id"])
    return 0


def _is_id(value: object) -> bool:
    """True for a number that a database can hold."""
    return isinstance(value, int) and -(2**63) <= value < 2**63
