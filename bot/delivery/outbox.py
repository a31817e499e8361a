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

from sqlalchemy import Row, bindparam, case, delete, func, literal, or_, select, union_all, update
from sqlalchemy.orm import Session

from bot.delivery.markup import TEXT_LIMIT, MarkupError, length, parse
from bot.delivery.messages import Kind, Outbound, to_call
from bot.store.database import OWED
from bot.store.models import Outgoing, Patient

WAVE = 8
"""Rows sent side by side between two commits."""

_LOOK = 4 * WAVE
"""Due rows that are looked at in one go."""

URGENCIES = sorted({kind.urgency for kind in Kind})
PLANNED = Kind.CARE.urgency
"""Of what nobody waits for: reminders and follow-ups."""

# The hot path's statements are built once, and on the table (no object to bring up to date): a tenth of the cost.
_TABLE = Outgoing.metadata.tables[Outgoing.__tablename__]
_CLAIMED = [
    _TABLE.c[name]
    for name in ("id", "chat_id", "kind", "method", "params", "language", "attempts", "due_at", "repeats", "subject")
]
_DUE = {
    urgency: select(
        select(*_TABLE.c["id", "chat_id", "urgency", "due_at", "valid_until"])
        .where(_TABLE.c.state == "pending", _TABLE.c.urgency == urgency, _TABLE.c.due_at <= bindparam("now"))
        .where(_TABLE.c.chat_id.not_in(bindparam("busy", expanding=True)))
        .order_by(_TABLE.c.due_at, _TABLE.c.id)
        .limit(bindparam("most"))
        .subquery()
    )
    for urgency in URGENCIES
}
_ALL_DUE = union_all(*_DUE.values())
_EARLIEST = union_all(
    *(
        select(literal(urgency), func.min(_TABLE.c.due_at))
        .where(_TABLE.c.state == "pending", _TABLE.c.urgency == urgency)
        .where(_TABLE.c.chat_id.not_in(bindparam("busy", expanding=True)))
        for urgency in URGENCIES
    )
)
_CLAIM = (
    update(_TABLE)
    .where(_TABLE.c.id.in_(bindparam("chosen", expanding=True)), _TABLE.c.state == "pending")
    .values(state="sending", attempts=_TABLE.c.attempts + 1)
    .returning(*_CLAIMED)
)
# what a group was shown, and files, are not needed here once they were sent: Telegram has them
_IS_FORGOTTEN = or_(_TABLE.c.chat_id < 0, _TABLE.c.method.in_(("sendDocument", "sendPhoto")))
_SETTLE = (
    update(_TABLE)
    .where(_TABLE.c.id == bindparam("row"))
    .values(
        state=bindparam("to"),
        message_id=bindparam("message"),
        error=bindparam("reason"),
        settled_at=bindparam("at"),
        params=case((_IS_FORGOTTEN, literal({}, _TABLE.c.params.type)), else_=_TABLE.c.params),
    )
)

REPEATABLE = frozenset(
    {"editMessageText", "editMessageCaption", "editMessageReplyMarkup", "deleteMessage", "setMessageReaction"}
)
"""Methods that do no harm when they are carried out twice."""

REPEATS = 10
"""How often such a method is tried while nobody knows what came of it; then what is behind it goes on."""

SAFETY_PAUSE = timedelta(seconds=10)
LONGEST_SAFETY_PAUSE = timedelta(minutes=5)
"""Between tries of a safety text whose repeat is uncertain as well; longer each time, and until it is known."""

NEWEST = 3
"""Copies of a card, besides the first, that are kept up to date."""

SHORT_MARK = "🔁 "
"""Marks a repeat where the whole sentence would make the message longer than Telegram allows."""


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


def claim(session: Session, *, now: datetime, most: int, busy: Collection[int], held: bool = False) -> list[Claimed]:
    """Mark up to `most` due rows as `sending`, the most urgent first, one a chat and none of `busy` chats; where it is
    `held`, nothing that only the time asks for."""
    looked_at = session.execute(_ALL_DUE, {"now": now, "busy": list(busy), "most": _LOOK}).all()
    chosen: dict[int, int] = {}
    for urgency in URGENCIES:
        if held and urgency == PLANNED:
            continue
        rows: Sequence[Row[Any]] = [row for row in looked_at if row.urgency == urgency]
        while len(chosen) < most:
            stale = [row.id for row in rows if row.valid_until is not None and row.valid_until < now]
            _settle_all(session, stale, "stale", now)
            for row in sorted(rows, key=lambda row: (row.due_at, row.id)):
                if row.id not in stale and len(chosen) < most:
                    chosen.setdefault(row.chat_id, row.id)
            if len(rows) < _LOOK:
                break
            # there may be more, behind a long queue of one chat: the others come before what is less urgent
            rows = session.execute(_DUE[urgency], {"now": now, "busy": [*busy, *chosen], "most": _LOOK}).all()
    if not chosen:
        return []
    claimed = session.execute(_CLAIM, {"chosen": list(chosen.values())}).all()
    order = {row_id: place for place, row_id in enumerate(chosen.values())}
    return [_claimed(row) for row in sorted(claimed, key=lambda row: order[row.id])]


def next_due(session: Session, busy: Collection[int] = (), *, held: bool = False) -> datetime | None:
    """Return when the earliest pending row is due, of those that are not for `busy` chats, and not `held`."""
    found = session.execute(_EARLIEST, {"busy": list(busy)}).all()
    return min((at for urgency, at in found if at is not None and not (held and urgency == PLANNED)), default=None)


def sent(session: Session, row_id: int, message_id: int | None, now: datetime) -> None:
    """Record that Telegram took the message; a repeat that another program owes already, in doubt, is taken back."""
    row = {"row": row_id, "to": "sent", "message": message_id, "reason": None, "at": now}
    if session.execute(_SETTLE.where(_TABLE.c.state != "unknown"), row).rowcount:  # type: ignore[attr-defined]  # see inbox.finish
        return
    session.execute(_SETTLE, row)
    original = session.get_one(Outgoing, row_id)
    owed = update(_TABLE).where(_TABLE.c.chat_id == original.chat_id, _TABLE.c.state == "pending")
    session.execute(owed.where(_TABLE.c.repeats == row_id).values(state="stale", settled_at=now))


def failed(session: Session, row_id: int, error: str, now: datetime) -> None:
    """Record that Telegram refused the message for good."""
    _settle(session, row_id, "failed", now, error=error[:255])


def put_back(session: Session, row: Claimed) -> None:
    """Make a row that was certainly not sent pending again, at its old place in the order; one that another program
    has taken over stays as it is."""
    claimed = update(_TABLE).where(_TABLE.c.id == row.id, _TABLE.c.state == "sending")
    session.execute(claimed.where(_TABLE.c.attempts == row.attempts).values(state="pending"))
    session.info[OWED] = True


def unknown(session: Session, row: Claimed, repeat_mark: str, now: datetime) -> bool:
    """Record that nobody knows whether `row` arrived; owe it once more, under `repeat_mark`, where its kind asks for
    that, and what is about somebody's safety until it is known.

    Returns True where it is owed again.
    """
    if row.method in REPEATABLE and row.attempts < REPEATS:
        put_back(session, row)
        return True
    original = session.get(Outgoing, row.id)
    if original is None:
        return False  # its reader's data were deleted meanwhile
    if original.state != "sending" or original.attempts != row.attempts:
        return False  # it is recorded already: the first try was only thought to have failed, or another program did
    if row.repeats is not None and row.kind is Kind.SAFETY:
        put_back(session, row)
        later = now + min(SAFETY_PAUSE * row.attempts, LONGEST_SAFETY_PAUSE)
        session.execute(update(_TABLE).where(_TABLE.c.id == row.id).values(due_at=later))
        return True
    _settle(session, row.id, "unknown", now)
    if row.repeats is not None or row.method in REPEATABLE or not row.kind.repeated_when_uncertain:
        return False
    params = dict(row.params)
    if "text" in params:
        params["text"] = _marked(params["text"], repeat_mark)
    else:  # a copy has no words of its own to put the mark before
        mark = {"chat_id": row.chat_id, "text": f"<i>{repeat_mark}</i>", "parse_mode": "HTML"}
        _repeat(session, original, "sendMessage", mark, now, places=2)
    _repeat(session, original, row.method, params, now, places=1)
    return True


def _repeat(
    session: Session, original: Outgoing, method: str, params: dict[str, Any], now: datetime, *, places: int
) -> None:
    """Owe `params` so many `places` before what was owed in the same instant as `original`: nothing overtakes it."""
    session.add(
        Outgoing(
            chat_id=original.chat_id,
            kind=original.kind,
            method=method,
            params=params,
            language=original.language,
            subject=original.subject,
            source=original.source if method == original.method else None,
            urgency=original.urgency,
            due_at=original.due_at - timedelta(microseconds=places),
            valid_until=original.valid_until,
            state="pending",
            created_at=now,
            repeats=original.id,
        )
    )
    session.info[OWED] = True


def reclaim(session: Session, busy: Collection[int]) -> None:
    """Make pending again what was claimed and, since the claim was thought to have failed, is not being sent."""
    session.execute(
        update(_TABLE).where(_TABLE.c.state == "sending", _TABLE.c.chat_id.not_in(busy)).values(state="pending")
    )


def left_sending(session: Session) -> list[Claimed]:
    """Return the rows that a process which is gone had claimed and not settled, in order."""
    return [
        _claimed(row)
        for row in session.execute(select(*_CLAIMED).where(_TABLE.c.state == "sending").order_by(_TABLE.c.id))
    ]


def park(session: Session, chat_id: int, now: datetime, error: str | None = None) -> None:
    """Record that `chat_id` cannot be reached; what is still owed there waits, parked."""
    session.execute(
        update(Outgoing)
        .where(Outgoing.chat_id == chat_id, Outgoing.state.in_(("pending", "sending")))
        .values(state="parked", settled_at=now, error=error[:255] if error else None)
    )
    session.execute(
        update(Patient)
        .where(Patient.chat_id == chat_id, Patient.unreachable_since.is_(None))
        .values(unreachable_since=now)
    )


def unpark(session: Session, chat_id: int, now: datetime) -> None:
    """Owe again what was parked for `chat_id` and is still worth saying: anything not past its time, to a person what
    has no such time for a day."""
    parked = update(Outgoing).where(Outgoing.chat_id == chat_id, Outgoing.state == "parked")
    session.execute(parked.where(Outgoing.valid_until < now).values(state="stale"))
    if chat_id > 0:
        old = parked.where(Outgoing.valid_until.is_(None), Outgoing.created_at < now - timedelta(days=1))
        session.execute(old.values(state="stale"))
    owed = session.execute(parked.values(state="pending", settled_at=None, error=None))
    if owed.rowcount:  # type: ignore[attr-defined]  # an UPDATE's result has it, the declared type does not
        session.info[OWED] = True


def parked_since(session: Session, chat_id: int) -> datetime | None:
    """Return since when messages to `chat_id` are parked; None where none is."""
    parked = (Outgoing.chat_id == chat_id, Outgoing.state == "parked")
    return session.scalar(select(func.min(Outgoing.settled_at)).where(*parked))


def is_gone(session: Session, chat_id: int) -> bool:
    """True where Telegram said that the account is no more, which nobody comes back from."""
    said = (Outgoing.state == "parked", Outgoing.error.contains("deactivated"))
    return session.scalar(select(Outgoing.id).where(Outgoing.chat_id == chat_id, *said).limit(1)) is not None


def move(session: Session, old_chat_id: int, new_chat_id: int, now: datetime) -> None:
    """Redirect what is owed to a group that Telegram upgraded to a supergroup.

    Message ids start anew there, so what names one would change, or answer, a message that it never meant.
    """
    owed = select(Outgoing).where(Outgoing.chat_id == old_chat_id, Outgoing.state.in_(("pending", "sending")))
    for row in session.scalars(owed):
        if row.method in REPEATABLE:
            row.state, row.settled_at, row.error = "failed", now, "the group has a new id"
            continue
        row.chat_id, row.state = new_chat_id, "pending"
        kept = {name: value for name, value in row.params.items() if name != "reply_parameters"}
        row.params = {**kept, "chat_id": new_chat_id}
    session.info[OWED] = True


def about(session: Session, chat_id: int, message_id: int) -> str | None:
    """Return the subject of the message `message_id` that the bot sent to `chat_id`."""
    return session.scalar(
        select(Outgoing.subject)
        .where(Outgoing.chat_id == chat_id, Outgoing.message_id == message_id, Outgoing.subject.is_not(None))
        .order_by(Outgoing.id.desc())
        .limit(1)
    )


def is_known(session: Session, chat_id: int, message_id: int) -> bool:
    """True where `message_id` in `chat_id` is a message that is known to have arrived."""
    known = select(Outgoing.id).where(Outgoing.chat_id == chat_id, Outgoing.message_id == message_id)
    return session.scalar(known.limit(1)) is not None


def is_sending(session: Session, chat_id: int) -> bool:
    """True while something is being sent to `chat_id` of which nobody knows yet what became of it."""
    under_way = select(Outgoing.id).where(Outgoing.chat_id == chat_id, Outgoing.state == "sending")
    return session.scalar(under_way.limit(1)) is not None


def is_owed(session: Session, source: str) -> bool:
    """True while the message `source` is still to be passed on."""
    owed = select(Outgoing.id).where(Outgoing.source == source, Outgoing.state.in_(("pending", "sending")))
    return session.scalar(owed.limit(1)) is not None


def card(session: Session, chat_id: int, subject: str) -> int | None:
    """Return the first message about `subject` that the bot sent to `chat_id`, if it arrived."""
    return session.scalar(
        select(Outgoing.message_id)
        .where(Outgoing.chat_id == chat_id, Outgoing.subject == subject, Outgoing.message_id.is_not(None))
        .order_by(Outgoing.id)
        .limit(1)
    )


def cards(session: Session, chat_id: int, subject: str) -> tuple[int, ...]:
    """Return the messages about `subject` that arrived in `chat_id`, the first and the newest few, in order."""
    found = session.scalars(
        select(Outgoing.message_id)
        .where(Outgoing.chat_id == chat_id, Outgoing.subject == subject, Outgoing.method == "sendMessage")
        .where(Outgoing.message_id.is_not(None))
        .order_by(Outgoing.id)
    )
    arrived = tuple(message_id for message_id in found if message_id is not None)
    return arrived[:1] + arrived[1:][-NEWEST:]


def passed_on(session: Session, source: str) -> PassedOn | None:
    """Return what passed the message `source` on, if it arrived."""
    row = session.execute(
        select(Outgoing.chat_id, Outgoing.message_id, Outgoing.method, Outgoing.language)
        .where(Outgoing.source == source, Outgoing.message_id.is_not(None))
        .order_by(Outgoing.id.desc())
        .limit(1)
    ).first()
    return PassedOn(row.chat_id, row.message_id or 0, row.method, row.language) if row else None


def retract(session: Session, row_ids: Collection[int], now: datetime) -> set[int]:
    """Let these stay unsaid; returns those that had not gone. One that is being sent is not tried again."""
    if not row_ids:
        return set()
    mine = update(_TABLE).where(_TABLE.c.id.in_(row_ids))
    owed = mine.where(_TABLE.c.state.in_(("pending", "parked"))).values(state="stale", settled_at=now)
    taken = set(session.scalars(owed.returning(_TABLE.c.id)))
    # a claim may have been quicker: if it comes to nothing, the next one finds it past its time
    past = now - timedelta(seconds=1)
    session.execute(mine.where(_TABLE.c.state == "sending").values(valid_until=past))
    return taken


def prune(session: Session, before: datetime) -> int:
    """Delete what was settled before `before`; returns how many rows went."""
    result = session.execute(
        delete(Outgoing).where(Outgoing.settled_at < before, Outgoing.state.not_in(("pending", "sending")))
    )
    return int(result.rowcount)  # type: ignore[attr-defined]  # a DELETE's result has it, the declared type does not


def _marked(text: str, mark: str) -> str:
    marked = f"<i>{mark}</i>\n{text}"
    try:
        return marked if length(parse(marked).text) <= TEXT_LIMIT else SHORT_MARK + text
    except MarkupError:
        return marked  # Telegram says no to it either way


def _claimed(row: Row[Any]) -> Claimed:
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


def _settle(
    session: Session,
    row_id: int,
    state: str,
    now: datetime,
    *,
    message_id: int | None = None,
    error: str | None = None,
) -> None:
    session.execute(_SETTLE, {"row": row_id, "to": state, "message": message_id, "reason": error, "at": now})


def _settle_all(session: Session, row_ids: Sequence[int], state: str, now: datetime) -> None:
    if row_ids:
        session.execute(update(Outgoing).where(Outgoing.id.in_(row_ids)).values(state=state, settled_at=now))
