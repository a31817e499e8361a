"""Whom staff have to telephone, as news: each new line of the call list is told of once."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import exists, select
from sqlalchemy.orm import Session

from bot.clinic import calls, followups, patients, staffroom, visits
from bot.store.models import Call, Fact, Outgoing, Patient, Visit

WHYS = {"failed": "refused", "parked": calls.BLOCKED, "unknown": "uncertain"}
"""Why something did not arrive, by what became of it in the outbox."""
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
    note_news(session, now)
    followups.note_lapsed(session, now)
    session.flush()
    staff_chat = staffroom.chat(session)
    told = session.get(Fact, TOLD)
    last = int(told.value) if told else 0
    # of what a patient asked for there has been a note of its own
    new = (Call.id > last, Call.done_at.is_(None), Call.why != calls.ASKED)
    found = session.execute(select(Call.id, Call.chat_id, Call.visit_id).where(*new))
    rows = found.all()
    if not rows or staff_chat is None:
        return News(0, staff_chat)
    session.merge(Fact(name=TOLD, value=str(max(row.id for row in rows))))
    people = {(row.chat_id, None if row.chat_id is not None else row.visit_id) for row in rows}
    return News(len(people), staff_chat)


def note_news(session: Session, now: datetime) -> None:
    """Put those on the call list whom news of a visit did not reach, or may not have reached: that it is confirmed,
    offered at another time, or off."""
    repeat = Outgoing.__table__.alias("repeat")
    arrived = exists().where(
        repeat.c.chat_id == Outgoing.chat_id,
        repeat.c.repeats == Outgoing.id,
        repeat.c.state.in_(("sent", "pending", "sending")),
    )
    lost = select(Outgoing.id, Outgoing.chat_id, Outgoing.subject, Outgoing.state).where(
        Outgoing.state.in_(WHYS),
        Outgoing.chat_id > 0,
        Outgoing.repeats.is_(None),
        Outgoing.settled_at > now - followups.LOOK_BACK,
        Outgoing.subject.startswith(f"{visits.SUBJECT}:"),
        ~arrived,
    )
    for row in session.execute(lost.order_by(Outgoing.id)):
        key = f"outbox:{row.id}"
        visit = session.get(Visit, int(row.subject.partition(":")[2]))
        if visit is None or session.scalar(select(Call.id).where(Call.key == key)) is not None:
            continue
        what = visit.status if visit.status in visits.NEWS else "news"
        call = Call(key=key, visit_id=visit.id, chat_id=row.chat_id, why=WHYS[row.state], what=what, created_at=now)
        session.add(call)


def whose(session: Session, row_id: int) -> tuple[str | None, str | None]:
    """Return name and telephone number of the patient whom a message was for, each as far as it is known."""
    row = session.get(Outgoing, row_id)
    if row is None or row.chat_id < 0:
        return None, None
    noun, _, number = (row.subject or "").partition(":")
    about = session.get(Visit, int(number)) if noun == visits.SUBJECT else None
    newest = select(Visit).where(Visit.chat_id == row.chat_id).order_by(Visit.id.desc()).limit(1)
    visit = about or session.scalar(newest)
    if visit is not None:
        return visit.name, visit.phone
    patient = session.get(Patient, row.chat_id)
    return (patients.display_name(patient) if patient is not None else None), None
