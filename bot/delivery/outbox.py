"""The outbox: what is owed to whom, written in the transaction that causes it, and what became of each send.

A row is `pending` until a wave claims it (`sending`, committed before the network is touched) and then `sent`, or:

unknown   the process died or the network broke in between; by its kind it is repeated once, marked as a repeat, or not
failed    Telegram refused it for good
parked    the person cannot be reached: blocked the bot, or is gone
stale     its time had passed before it could be sent
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Select, delete, func, select, union_all, update
from sqlalchemy.orm import Session

from bot.delivery.messages import Kind, Outbound, to_call
from bot.store.database import OWED
from bot.store.models import Outgoing, Patient

WAVE = 8
"""Rows sent side by side between two commits."""

URGENCIES = sorted({kind.urgency for kind in Kind})

REPEATABLE = frozenset(
    {"editMessageText", "editMessageCaption", "editMessageReplyMarkup", "deleteMessage", "setMessageReaction"}
)
"""Methods that do no harm when they are carried out twice."""


@dataclass(frozen=True, slots=True)
class Claimed:
    """A row in a wave, marked `sending`."""

    id: int
    chat_id: int
    kind: Kind
    method: str
    params: dict[str, Any]
    language: str
    attempts: int
    due_at: datetime
    repeats: int | None
    subject: str | None


@dataclass(frozen=True, slots=True)
class PassedOn:
    """A message that passed somebody's words on."""

    chat_id: int
    message_id: int
    method: str
    language: str


def post(
    session: Session,
    message: Outbound,
    *,
    now: datetime,
    language: str = "en",
    due_at: datetime | None = None,
    valid_until: datetime | None = None,
    subject: str | None = None,
    source: str | None = None,
    key: str | None = None,
) -> Outgoing:
    """Owe `message`, from `due_at` (now, if not given) until `valid_until` (for ever, if not given)."""
    call = to_call(message)
    row = Outgoing(
        chat_id=message.chat_id,
        kind=message.kind,
        method=call.method,
        params=call.params,
        language=language,
        subject=subject,
        source=source,
        key=key,
        urgency=message.kind.urgency,
        due_at=due_at or now,
        valid_until=valid_until,
        state="pending",
        created_at=now,
    )
    session.add(row)
    session.info[OWED] = True
    return row


def claim(session: Session, *, now: datetime, most: int, busy: Collection[int]) -> list[Claimed]:
    """Mark up to `most` due rows as `sending`, the most urgent first, one a chat and none of `busy` chats."""
    due = [_due(urgency, now, busy, limit=4 * WAVE) for urgency in URGENCIES]
    rows = session.execute(union_all(*due)).all()
    chosen: dict[int, int] = {}
    stale: list[int] = []
    for row in sorted(rows, key=lambda row: (row.urgency, row.due_at, row.id)):
        if row.valid_until is not None and row.valid_until < now:
            stale.append(row.id)
        elif len(chosen) < most:
            chosen.setdefault(row.chat_id, row.id)
    _settle_all(session, stale, "stale", now)
    if not chosen:
        return []
    claimed = session.scalars(
        update(Outgoing)
        .where(Outgoing.id.in_(chosen.values()), Outgoing.state == "pending")
        .values(state="sending", attempts=Outgoing.attempts + 1)
        .returning(Outgoing)
        .execution_options(synchronize_session=False)
    ).all()
    order = {row_id: place for place, row_id in enumerate(chosen.values())}
    return [_claimed(row) for row in sorted(claimed, key=lambda row: order[row.id])]


def next_due(session: Session) -> datetime | None:
    """Return when the earliest pending row is due."""
    earliest = [
        select(func.min(Outgoing.due_at)).where(Outgoing.state == "pending", Outgoing.urgency == urgency)
        for urgency in URGENCIES
    ]
    found = [row[0] for row in session.execute(union_all(*earliest)) if row[0] is not None]
    return min(found, default=None)


def sent(session: Session, row_id: int, message_id: int | None, now: datetime) -> None:
    """Record that Telegram took the message."""
    _settle(session, row_id, now, state="sent", message_id=message_id)


def failed(session: Session, row_id: int, error: str, now: datetime) -> None:
    """Record that Telegram refused the message for good."""
    _settle(session, row_id, now, state="failed", error=error[:255])


def put_back(session: Session, row_id: int) -> None:
    """Make a row that was certainly not sent pending again, at its old place in the order."""
    session.execute(update(Outgoing).where(Outgoing.id == row_id).values(state="pending"))
    session.info[OWED] = True


def unknown(session: Session, row: Claimed, repeat_mark: str, now: datetime) -> bool:
    """Record that nobody knows whether `row` arrived; owe it once more, under `repeat_mark`, where its kind asks for
    that.

    Returns True where it is owed again.
    """
    if row.method in REPEATABLE:
        put_back(session, row.id)
        return True
    _settle(session, row.id, now, state="unknown")
    if row.repeats is not None or not row.kind.repeated_when_uncertain:
        return False
    original = session.get_one(Outgoing, row.id)
    params = dict(row.params)
    if "text" in params:
        params["text"] = f"<i>{repeat_mark}</i>\n{params['text']}"
    session.add(
        Outgoing(
            chat_id=row.chat_id,
            kind=row.kind,
            method=row.method,
            params=params,
            language=row.language,
            subject=row.subject,
            urgency=original.urgency,
            due_at=row.due_at,  # its old place in the order: nothing overtakes it
            valid_until=original.valid_until,
            state="pending",
            created_at=now,
            repeats=row.id,
        )
    )
    session.info[OWED] = True
    return True


def left_sending(session: Session) -> list[Claimed]:
    """Return the rows that a process which is gone had claimed and not settled, in order."""
    rows = session.scalars(select(Outgoing).where(Outgoing.state == "sending").order_by(Outgoing.id))
    return [_claimed(row) for row in rows]


def park(session: Session, chat_id: int, now: datetime) -> None:
    """Record that `chat_id` cannot be reached; what is still owed there waits, parked."""
    session.execute(
        update(Outgoing)
        .where(Outgoing.chat_id == chat_id, Outgoing.state.in_(("pending", "sending")))
        .values(state="parked", settled_at=now)
    )
    session.execute(
        update(Patient)
        .where(Patient.chat_id == chat_id, Patient.unreachable_since.is_(None))
        .values(unreachable_since=now)
    )


def unpark(session: Session, chat_id: int, now: datetime) -> None:
    """Owe again what was parked for `chat_id` and is still worth saying: anything not past its time, replies for a
    day."""
    parked = update(Outgoing).where(Outgoing.chat_id == chat_id, Outgoing.state == "parked")
    session.execute(parked.where(Outgoing.valid_until < now).values(state="stale"))
    session.execute(
        parked.where(Outgoing.valid_until.is_(None), Outgoing.created_at < now - timedelta(days=1)).values(
            state="stale"
        )
    )
    session.execute(parked.values(state="pending", settled_at=None))
    session.info[OWED] = True


def move(session: Session, old_chat_id: int, new_chat_id: int) -> None:
    """Redirect what is owed to a group that Telegram upgraded to a supergroup."""
    session.execute(
        update(Outgoing)
        .where(Outgoing.chat_id == old_chat_id, Outgoing.state.in_(("pending", "sending")))
        .values(chat_id=new_chat_id, params=Outgoing.params, state="pending")
    )
    for row in session.scalars(select(Outgoing).where(Outgoing.chat_id == new_chat_id, Outgoing.state == "pending")):
        row.params = {**row.params, "chat_id": new_chat_id}
    session.info[OWED] = True


def about(session: Session, chat_id: int, message_id: int) -> str | None:
    """Return the subject of the message `message_id` that the bot sent to `chat_id`."""
    return session.scalar(
        select(Outgoing.subject).where(Outgoing.chat_id == chat_id, Outgoing.message_id == message_id).limit(1)
    )


def card(session: Session, chat_id: int, subject: str) -> int | None:
    """Return the first message about `subject` that the bot sent to `chat_id`, if it arrived."""
    return session.scalar(
        select(Outgoing.message_id)
        .where(Outgoing.chat_id == chat_id, Outgoing.subject == subject, Outgoing.message_id.is_not(None))
        .order_by(Outgoing.id)
        .limit(1)
    )


def passed_on(session: Session, source: str) -> PassedOn | None:
    """Return what passed the message `source` on, if it arrived."""
    row = session.execute(
        select(Outgoing.chat_id, Outgoing.message_id, Outgoing.method, Outgoing.language)
        .where(Outgoing.source == source, Outgoing.message_id.is_not(None))
        .order_by(Outgoing.id.desc())
        .limit(1)
    ).first()
    return PassedOn(row.chat_id, row.message_id or 0, row.method, row.language) if row else None


def prune(session: Session, before: datetime) -> int:
    """Delete what was settled before `before`; returns how many rows went."""
    result = session.execute(
        delete(Outgoing).where(Outgoing.settled_at < before, Outgoing.state.not_in(("pending", "sending")))
    )
    return int(result.rowcount)  # type: ignore[attr-defined]  # a DELETE's result has it, the declared type does not


def _due(urgency: int, now: datetime, busy: Collection[int], limit: int) -> Select[Any]:
    rows = (
        select(Outgoing.id, Outgoing.chat_id, Outgoing.urgency, Outgoing.due_at, Outgoing.valid_until)
        .where(Outgoing.state == "pending", Outgoing.urgency == urgency, Outgoing.due_at <= now)
        .where(Outgoing.chat_id.not_in(busy))
        .order_by(Outgoing.due_at, Outgoing.id)
        .limit(limit)
        .subquery()
    )
    return select(rows)


def _claimed(row: Outgoing) -> Claimed:
    return Claimed(
        row.id,
        row.chat_id,
        Kind(row.kind),
        row.method,
        row.params,
        row.language,
        row.attempts,
        row.due_at,
        row.repeats,
        row.subject,
    )


def _settle(session: Session, row_id: int, now: datetime, **values: Any) -> None:
    session.execute(update(Outgoing).where(Outgoing.id == row_id).values(settled_at=now, **values))


def _settle_all(session: Session, row_ids: Sequence[int], state: str, now: datetime) -> None:
    if row_ids:
        session.execute(update(Outgoing).where(Outgoing.id.in_(row_ids)).values(state=state, settled_at=now))
