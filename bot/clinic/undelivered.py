"""Whom staff have to telephone, as news: each new line of the call list is told of once.

So is, at once, what may be lost: a message of which nobody knows whether it arrived, though it was repeated.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from sqlalchemy import exists, select
from sqlalchemy.orm import Session

from bot.clinic import calls, enquiries, followups, patients, staffroom, visits
from bot.delivery import outbox
from bot.delivery.messages import Kind
from bot.store.models import Call, Enquiry, Fact, Outgoing, Patient, Visit

WHYS = {"failed": "refused", "parked": calls.BLOCKED, "unknown": "uncertain"}
"""Why something did not arrive, by what became of it in the outbox."""
TOLD = "calls told"
"""The last line of the call list of which staff have been told."""


@dataclass(frozen=True, slots=True)
class News:
    """So many people are new on the call list; `staff_chat` is where to say so."""

    people: int
    staff_chat: int | None


@dataclass(frozen=True, slots=True)
class Lost:
    """Something that may be lost: a message to a patient, staff's `answer` among them, or a card in the group."""

    key: str
    staff_chat: int
    name: str
    phone: str | None
    was: Literal["answer", "card", "message"]
    answer: int | None
    """Staff's own message that was to reach the patient."""


def lost(session: Session, row_id: int, now: datetime) -> Lost | None:
    """Note that this repeat may not have arrived either; None where staff need not, or cannot, be told, or were."""
    row, staff_chat = session.get(Outgoing, row_id), staffroom.chat(session)
    if row is None or staff_chat is None or row.method in outbox.REPEATABLE or row.kind == Kind.OFFER:
        return None
    key = f"lost:{row.repeats}"
    if session.scalar(select(Outgoing.id).where(Outgoing.key == key)) is not None:
        return None
    if row.chat_id < 0:
        return _lost_card(session, row, key, staff_chat)
    patient = session.get(Patient, row.chat_id)
    if patient is None:
        return None
    if not (row.subject or "").startswith(f"{followups.SUBJECT}:"):  # which has a line of its own
        _list(session, row, now)
    chat, _, said = (row.source or "").partition(":")
    answer = int(said) if chat == str(staff_chat) and said.isdecimal() else None
    was: Literal["answer", "message"] = "message" if answer is None else "answer"
    return Lost(key, staff_chat, patients.display_name(patient), enquiries.phone(session, row.chat_id), was, answer)


def _lost_card(session: Session, row: Outgoing, key: str, staff_chat: int) -> Lost | None:
    """Return whom a card was about; a safety card is repeated until it is there."""
    noun, _, number = (row.subject or "").partition(":")
    if row.kind == Kind.SAFETY or not number.isdecimal():
        return None
    visit = session.get(Visit, int(number)) if noun == visits.SUBJECT else None
    if visit is not None:
        return Lost(key, staff_chat, visit.name, visit.phone, "card", None)
    enquiry = session.get(Enquiry, int(number)) if noun == enquiries.SUBJECT else None
    patient = session.get(Patient, enquiry.chat_id) if enquiry is not None else None
    if patient is None:
        return None
    phone = enquiries.phone(session, patient.chat_id)
    return Lost(key, staff_chat, patients.display_name(patient), phone, "card", None)


def _list(session: Session, row: Outgoing, now: datetime) -> None:
    """Put the patient on the call list, whose lines are about visits: the newest there is."""
    newest = select(Visit.id).where(Visit.chat_id == row.chat_id).order_by(Visit.starts_at.desc()).limit(1)
    visit_id = session.scalar(newest)
    key = f"outbox:{row.repeats}"
    if visit_id is not None and session.scalar(select(Call.id).where(Call.key == key)) is None:
        why, what = "uncertain", "message"
        session.add(Call(key=key, visit_id=visit_id, chat_id=row.chat_id, why=why, what=what, created_at=now))


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
