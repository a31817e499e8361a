"""Whom staff have to telephone, as news: each new line of the call list is told of once."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from bot.clinic import followups, staffroom
from bot.store.models import Call, Fact

TOLD = "calls told"
"""The last line of the call list of which staff have been told."""


@dataclass(frozen=True, slots=True)
class News:
    """So many people are new on the call list; `staff_chat` is where to say so."""

    people: int
    staff_chat: int | None


def look(session: Session, now: datetime) -> News:
    """Look whom messages did not reach, and count those of whom staff have not been told; what was too late to be sent
    is planned again."""
    followups.take_back(session, now)
    followups.note_undelivered(session, now)
    followups.note_lapsed(session, now)
    session.flush()
    staff_chat = staffroom.chat(session)
    told = session.get(Fact, TOLD)
    last = int(told.value) if told else 0
    found = session.execute(select(Call.id, Call.chat_id, Call.visit_id).where(Call.id > last, Call.done_at.is_(None)))
    rows = found.all()
    if not rows or staff_chat is None:
        return News(0, staff_chat)
    session.merge(Fact(name=TOLD, value=str(max(row.id for row in rows))))
    people = {(row.chat_id, None if row.chat_id is not None else row.visit_id) for row in rows}
    return News(len(people), staff_chat)
