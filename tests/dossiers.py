"""What the tests of privacy share: a row of each table about a person, marked so that it can be found again."""

import json
from datetime import date, datetime, time, timedelta
from typing import Any

from sqlalchemy import JSON, BigInteger, Boolean, Date, Float, Integer, Time, select
from sqlalchemy.orm import Session

from bot.store.models import Base, Instant, OwnAnswer, Question, Visit

UNFILLED = frozenset({"facts", "leases", "slots", "blocks", "own_answers"})
"""Tables that hold nothing of anybody; an own answer is made by hand."""
STATES = {
    "inbox": "failed", "outbox": "sent", "enquiries": "closed", "visits": "confirmed", "follow_ups": "planned",
    "waits": "closed",
}  # fmt: skip
MODELS = {mapper.local_table.name: mapper.class_ for mapper in Base.registry.mappers}  # type: ignore[attr-defined]


def fill(session: Session, person: str, chat_id: int, group: int, now: datetime, *, visit: Visit | None = None) -> int:
    """Keep a row about `person` in every table, their mark in each text of it; returns their visit's id."""
    owner = row_of("patients", person, chat_id, 0, now)
    session.add(owner)
    if visit is None:
        visit = row_of("visits", person, chat_id, 0, now)
        visit.code, visit.screening = f"{person[:4].upper()}9", {"pregnant": "yes"}
        session.add(visit)
        session.flush()
    for name in sorted(MODELS.keys() - UNFILLED - {"patients", "visits"}):
        session.add(row_of(name, person, chat_id, visit.id, now))
    staff = row_of("outbox", person, chat_id, visit.id, now)
    staff.chat_id, staff.key, staff.subject = group, f"{person}-staff", f"visit:{visit.id}"
    staff.state, staff.source, staff.message_id = "pending", None, None
    listed = row_of("outbox", person, chat_id, visit.id, now)
    listed.chat_id, listed.key, listed.subject, listed.state = group, f"{person}-list", None, "parked"
    listed.source, listed.message_id = None, None
    session.add_all([staff, listed])
    session.flush()
    asked = session.scalars(select(Question.text).where(Question.chat_id == chat_id)).one()
    session.add(_own_answer(asked, chat_id, now))
    session.flush()
    return visit.id


def _own_answer(asked: str, chat_id: int, now: datetime) -> OwnAnswer:
    return OwnAnswer(
        written_at=now,
        language="en",
        phrasings=["does it itch?", asked, "an older question of theirs"],
        asked_by=[1, chat_id, chat_id],
        body="no",
        author_id=9,
        author="Maya",
        state="approved",
    )


def row_of(name: str, person: str, chat_id: int, visit_id: int, now: datetime) -> Any:
    table = MODELS[name].__table__  # type: ignore[attr-defined]
    values = {
        column.key: _value(name, column, person, chat_id, visit_id, now)
        for column in table.columns
        if not (column.key == "id" and column.primary_key)
    }
    return MODELS[name](**values)


def _value(  # noqa: PLR0911, PLR0912  one type, one value
    name: str, column: Any, person: str, chat_id: int, visit_id: int, now: datetime
) -> Any:
    known: dict[str, Any] = {
        "chat_id": chat_id, "lane": chat_id, "used_by": chat_id, "visit_id": visit_id, "actor": chat_id,
        "state": STATES.get(name), "status": STATES.get(name), "update_id": chat_id,
        "leaving_at": None, "valid_until": now + timedelta(days=9),
        "subject": f"chat:{chat_id}", "purpose": "visit", "kind": "care", "course_id": None, "question_id": None,
        "treatment": "face", "practitioner": "hart", "language": "en", "urgent": False, "problem_at": None,
        "starts_at": now + timedelta(days=3), "ends_at": now + timedelta(days=3, hours=1), "message_id": None,
        "action": "something", "before": None, "after": None, "method": "sendMessage", "version": 1,
        "repeats": None, "kept_starts_at": None, "kept_practitioner": None, "handled_by": "Maya",
        "closed_by": "staff", "author": "Maya", "decided_by": "Maya", "done_by": "Maya", "phone": "+442079460018",
        "ended_by": None, "payload": json.dumps({"text": f"{person} payload"}),
    }  # fmt: skip
    if name == "inbox" and column.key == "error":
        return "ValueError"  # never its words
    if name == "consents" and column.key == "version":
        return "2026-11"
    if name == "calls" and column.key == "phone":
        return None
    if name == "patients" and column.key == "payload":
        return f"{person} payload"
    if (column.key in known and known[column.key] is not None) or (column.key in known and column.nullable):
        return known[column.key]
    match column.type:
        case JSON():
            return (
                [f"{person} {column.key}"] if column.key in ("suggestions", "refused") else {"text": f"{person} text"}
            )
        case Boolean():
            return True
        case Instant():
            return now
        case Date():
            return date(2026, 12, 4)
        case Time():
            return time(21)
        case Float():
            return 0.5
        case BigInteger() | Integer():
            return visit_id or 1
        case _:
            length = getattr(column.type, "length", None) or 64
            return f"{person} {column.key}"[:length]


def holding(session: Session, mark: str) -> set[str]:
    """Return the columns, as table.column, that hold `mark` anywhere."""
    return {
        f"{name}.{column.key}"
        for name, model in MODELS.items()
        for row in session.scalars(select(model))
        for column in model.__table__.columns  # type: ignore[attr-defined]
        if mark in json.dumps(getattr(row, column.key), default=str, ensure_ascii=False)
    }


def about(session: Session, chat_id: int, visit_id: int) -> set[str]:
    """Return the tables in which a row names this chat, or this visit."""
    found = set()
    for name, model in MODELS.items():
        columns = model.__table__.columns  # type: ignore[attr-defined]
        for row in session.scalars(select(model)):
            for column in columns:
                value = getattr(row, column.key)
                is_chat = column.key in ("chat_id", "lane", "used_by", "actor", "update_id") and value == chat_id
                if is_chat or (column.key == "visit_id" and value == visit_id):
                    found.add(f"{name}.{column.key}")
    return found
