"""Leases: who does what among the programs that share a PostgreSQL database.

One program sends, fetches and makes the rounds for all; each handles the updates of its own lanes of chats. A program
says every second that it is still there; what it stops saying that about, the others take. A lease that has lapsed is
good until somebody takes it: whoever writes asks again in the very transaction, behind the lock of all writers, so that
a program that was asleep cannot go on with what has become another's.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import ColumnElement, String, bindparam, cast, delete, exists, func, literal, select
from sqlalchemy.dialects import postgresql
from sqlalchemy.orm import Session

from bot.store.models import Lease

LANES = 32
"""Chats are dealt out in so many lanes, by the remainder of their id."""

SECONDS = 5.0
"""How long a lease is good without a word from its owner."""

SENDER = "sender"
OWNER = "owner"
"""Key in Session.info: the name of the program whose transaction it is, where several share the database."""

_PRESENT = "program:"
_LANE = "lane:"
_FORGOTTEN = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Held:
    """What a program holds for now."""

    sends: bool
    lanes: frozenset[int]


def lane_of(chat_id: int) -> int:
    """Return the number of the chat's lane, from 0."""
    return chat_id % LANES


def renew(session: Session) -> Held:
    """Renew what the program of this session holds, take its share of what is free, and leave what is over its share
    to others."""
    me = session.info[OWNER]
    now = session.execute(select(func.clock_timestamp())).scalar_one()
    rows = session.scalars(select(Lease)).all()
    mine = {row.name for row in rows if row.owner == me}
    taken = {row.name for row in rows if row.owner != me and row.until > now}
    present = {name for name in taken if name.startswith(_PRESENT)}
    share = -(-LANES // (len(present) + 1))
    free = [name for name in _lane_names() if name not in taken]
    lanes = sorted(free, key=lambda name: name not in mine)[:share]  # what it has is what it keeps
    kept = [_PRESENT + me, *lanes, *([SENDER] if SENDER not in taken else [])]
    _hold(session, kept, me, now + timedelta(seconds=SECONDS))
    if left := mine.difference(kept):
        _hold(session, sorted(left), me, now)
    session.execute(delete(Lease).where(Lease.name.startswith(_PRESENT), Lease.until < now - _FORGOTTEN))
    return Held(SENDER in kept, frozenset(int(name.removeprefix(_LANE)) for name in lanes))


def release(session: Session) -> None:
    """Leave everything that the program of this session holds to the others."""
    session.execute(delete(Lease).where(Lease.owner == session.info[OWNER]))


def is_sender(session: Session) -> bool:
    """True while nobody took the sending from the program of this session; always, where there is only one."""
    return _is_ours(session, SENDER)


def is_in_lane(session: Session, chat_id: int) -> bool:
    """True while nobody took the chat's lane from the program of this session; always, where there is only one."""
    return _is_ours(session, f"{_LANE}{lane_of(chat_id)}")


def holds_lane(chat_id: ColumnElement[int]) -> ColumnElement[bool]:
    """Return the same as a condition: that nobody took the lane of the chat in a column from the program `owner`."""
    lane = (chat_id % LANES + LANES) % LANES  # a group's id is negative, and a database's remainder then is as well
    name = literal(_LANE) + cast(lane, String)
    return exists(select(Lease.name).where(Lease.name == name, Lease.owner == bindparam(OWNER)))


def _is_ours(session: Session, name: str) -> bool:
    me = session.info.get(OWNER)
    if me is None:
        return True
    return bool(session.scalar(select(exists().where(Lease.name == name, Lease.owner == me))))


def _hold(session: Session, names: Iterable[str], owner: str, until: object) -> None:
    insert = postgresql.insert(Lease).values([{"name": name, "owner": owner, "until": until} for name in names])
    session.execute(
        insert.on_conflict_do_update(
            index_elements=[Lease.name], set_={"owner": insert.excluded.owner, "until": insert.excluded.until}
        )
    )


def _lane_names() -> list[str]:
    return [f"{_LANE}{number}" for number in range(LANES)]
