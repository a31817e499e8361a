"""Deletion: all that is held about a person goes, in one transaction; what stays has no name in it.

What was treated stays where the clinic has to keep it (`keep_treatments`), under a code in the place of name and
number; the audit stays with the code in the place of the chat. While a possible emergency of theirs is open, deletion
waits for staff to close it, `AT_MOST` so long: until then they can still be rung.
"""

import json
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from html import unescape
from itertools import zip_longest
from typing import Any

from sqlalchemy import delete, or_, select, update
from sqlalchemy.orm import Session

from bot.clinic import slots, staffroom, timing, visits
from bot.clinic.visits import COMPLETED, LIVE
from bot.config import Clinic
from bot.store.models import (
    Audit,
    Call,
    Consent,
    Course,
    Draft,
    Enquiry,
    Fact,
    FollowUp,
    Incoming,
    Invite,
    Note,
    Outgoing,
    OwnAnswer,
    Patient,
    Question,
    Visit,
    Wait,
)

CLOSED, TALKING = "closed", "talking"
SOMEBODY = 0
"""The actor of an audit row whose patient's data were deleted."""
DELETABLE = timedelta(hours=47)
"""For how long a bot may delete its own message: 48 hours by the Bot API, and one for what waits to be sent."""
AT_MOST = timedelta(hours=72)
"""How long an open alert makes deletion wait."""
OF_VISITS = ("visit", "visit-note", "note", "dated")
PROMPTS = ("decline", "cancel")
"""Nouns of what is said about a visit in the staff group; the prompts name its version as well."""
UNSENT = ("pending", "parked")


@dataclass(frozen=True, slots=True)
class Whose:
    """A person: their chat, if they have one, and their visits."""

    chat_id: int | None
    visit_ids: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Off:
    """A visit to come that is cancelled."""

    code: str
    treatment: str
    practitioner: str
    starts_at: datetime


@dataclass(frozen=True, slots=True)
class Kept:
    """A treatment that stays, without the person's name."""

    code: str
    treatment: str
    starts_at: datetime
    until: datetime


@dataclass(frozen=True, slots=True)
class Shown:
    """A message in the staff group that showed something of the person."""

    message_id: int
    is_text: bool
    may_go: bool
    """True while Telegram still lets the bot delete it."""


@dataclass(frozen=True, slots=True)
class Erased:
    """It is done; `code` stands for the person in what stays."""

    code: str
    chat_id: int | None
    language: str
    staff_chat: int
    """0 where no staff group is connected."""
    off: tuple[Off, ...]
    kept: tuple[Kept, ...]
    shown: tuple[Shown, ...]
    was_talking: bool
    alert_ended: bool
    """A possible emergency was still open, and has waited as long as it may."""


@dataclass(frozen=True, slots=True)
class Waits:
    """A possible emergency is open: it is done once staff have closed it, or at `until`."""

    until: datetime


@dataclass(frozen=True, slots=True)
class Nothing:
    """Nothing is held about them."""


ErasureOutcome = Erased | Waits | Nothing


@dataclass(frozen=True, slots=True)
class Contents:
    """What a deletion would do, to be shown before it is confirmed."""

    off: tuple[Off, ...]
    kept: tuple[Kept, ...]
    alert: bool


def of_chat(session: Session, chat_id: int) -> Whose:
    """Return whose chat it is, with the visits that belong to it."""
    return Whose(chat_id, tuple(session.scalars(select(Visit.id).where(Visit.chat_id == chat_id))))


def is_known(session: Session, whose: Whose) -> bool:
    """True where anything is held that a deletion would take."""
    if whose.visit_ids:
        return True
    if whose.chat_id is None:
        return False
    tables: tuple[Any, ...] = (Patient, Draft, Question, Enquiry, Consent, FollowUp)
    return any(
        session.scalar(select(table.chat_id).where(table.chat_id == whose.chat_id).limit(1)) is not None
        for table in tables
    )


def contents(session: Session, clinic: Clinic, whose: Whose, now: datetime) -> Contents | Nothing:
    """Return what a deletion would do now."""
    if not is_known(session, whose):
        return Nothing()
    mine = _visits(session, whose)
    off = tuple(_off(visit) for visit in mine if _is_to_come(visit, now))
    kept = tuple(_kept(clinic, visit) for visit in mine if _stays(clinic, visit, now))
    return Contents(off, kept, bool(_alerts(session, whose)))


def ask(session: Session, clinic: Clinic, whose: Whose, actor: int | None, now: datetime) -> ErasureOutcome:
    """Delete what is held about a person, or note that it is to be done once staff have closed their emergency."""
    if not is_known(session, whose):
        return Nothing()
    patient = session.get(Patient, whose.chat_id) if whose.chat_id is not None else None
    if patient is None or not _alerts(session, whose):
        return erase(session, clinic, whose, actor, now)
    if patient.leaving_at is None:
        patient.leaving_at = now
        subject = f"chat:{patient.chat_id}"
        session.add(Audit(at=now, actor=actor, action="deletion waits", subject=subject, before=None, after=None))
    return Waits(patient.leaving_at + AT_MOST)


def make_rounds(session: Session, clinic: Clinic, now: datetime) -> list[Erased]:
    """Delete what has waited, one person at a time."""
    leaving = select(Patient).where(Patient.leaving_at.is_not(None)).order_by(Patient.leaving_at)
    for patient in session.scalars(leaving).all():
        whose = of_chat(session, patient.chat_id)
        if patient.leaving_at is not None and (not _alerts(session, whose) or patient.leaving_at + AT_MOST <= now):
            return [erase(session, clinic, whose, None, now)]
    return []


def erase(session: Session, clinic: Clinic, whose: Whose, actor: int | None, now: datetime) -> Erased:
    """Delete what is held about a person, and cancel their visits to come."""
    patient = session.get(Patient, whose.chat_id) if whose.chat_id is not None else None
    code, staff_chat = visits.new_code(session), staffroom.chat(session) or 0
    language = patient.language if patient else clinic.language
    mine, alerts = _visits(session, whose), _alerts(session, whose)
    off, kept = [], []
    needles = _words(session, whose, patient, mine)
    was_talking = _is_talking(session, whose)
    shown = _shown(session, staff_chat, whose, now)
    for visit in mine:
        if _is_to_come(visit, now):
            off.append(_off(visit))
            visits.call_off(session, clinic, visit, whose.chat_id if actor is None else actor, now)
    _free_wishes(session, clinic, whose)
    for visit in mine:
        if _stays(clinic, visit, now):
            kept.append(_kept(clinic, visit))
            _make_anonymous(session, visit, code)
    stay = [visit.id for visit in mine if _stays(clinic, visit, now)]
    gone = _enquiries(session, whose) | {f"visit:{one}" for one in whose.visit_ids if one not in stay}
    session.execute(update(Audit).where(Audit.subject.in_(gone)).values(subject=f"erased:{code}"))
    remove(session, whose, besides=stay)
    _forget_sent(session, staff_chat, needles)
    _rename(session, whose.chat_id, code)
    by = SOMEBODY if actor is None or actor == whose.chat_id else actor
    session.add(Audit(at=now, actor=by, action="data deleted", subject=f"erased:{code}", before=None, after=None))
    session.flush()
    return Erased(
        code,
        whose.chat_id,
        language,
        staff_chat,
        tuple(off),
        tuple(kept),
        shown,
        was_talking,
        bool(alerts),
    )


def remove(session: Session, whose: Whose, *, besides: Collection[int] = ()) -> None:
    """Delete a person's rows; of the visits `besides`, only what hangs on them."""
    chat_id, visit_ids = whose.chat_id, whose.visit_ids
    _forget_questions(session, whose)
    for table in (FollowUp, Call, Enquiry):
        _drop(session, table, table.chat_id, [chat_id] if chat_id is not None else [])
        _drop(session, table, table.visit_id, visit_ids)
    _drop(session, Note, Note.visit_id, visit_ids)
    _drop(session, Invite, Invite.visit_id, visit_ids)
    _drop(session, Wait, Wait.visit_id, visit_ids)
    gone = [one for one in visit_ids if one not in besides]
    courses = session.scalars(select(Visit.course_id).where(Visit.id.in_(gone), Visit.course_id.is_not(None))).all()
    _drop(session, Visit, Visit.id, gone)
    goes_on = select(Visit.course_id).where(Visit.course_id.is_not(None))
    session.execute(delete(Course).where(Course.id.in_(courses), Course.id.not_in(goes_on)))
    if chat_id is not None:
        theirs: tuple[Any, ...] = (Draft, Question, Consent, Wait, Course, Outgoing, Patient)
        for table in theirs:
            _drop(session, table, table.chat_id, [chat_id])
    session.flush()


def _drop(session: Session, table: Any, column: Any, values: Collection[int]) -> None:
    if values:
        session.execute(delete(table).where(column.in_(values)))


# --- what is theirs


def _visits(session: Session, whose: Whose) -> Sequence[Visit]:
    found = select(Visit).where(Visit.id.in_(whose.visit_ids)).order_by(Visit.starts_at, Visit.id)
    return session.scalars(found).all()


def _is_to_come(visit: Visit, now: datetime) -> bool:
    return visit.status in LIVE and visit.starts_at > now


def _stays(clinic: Clinic, visit: Visit, now: datetime) -> bool:
    """True for a treatment that was carried out, or may have been, where the clinic keeps those."""
    begun = visit.status in LIVE and visit.starts_at <= now
    return clinic.privacy.keep_treatments and (visit.status == COMPLETED or begun)


def _off(visit: Visit) -> Off:
    return Off(visit.code, visit.treatment, visit.practitioner, visit.starts_at)


def _kept(clinic: Clinic, visit: Visit) -> Kept:
    return Kept(visit.code, visit.treatment, visit.starts_at, kept_until(clinic, visit.ends_at))


def kept_until(clinic: Clinic, ends_at: datetime) -> datetime:
    """Return until when a treatment that ended then is kept."""
    wall = ends_at.astimezone(clinic.tz)
    day = timing.months_later(wall.date(), clinic.privacy.treatment_months)
    return timing.instant(day, wall.time(), clinic.tz)


def _alerts(session: Session, whose: Whose) -> Sequence[int]:
    if whose.chat_id is None:
        return ()
    alert = select(Enquiry.id).where(Enquiry.chat_id == whose.chat_id, Enquiry.urgent, Enquiry.state != CLOSED)
    return session.scalars(alert).all()


def _is_talking(session: Session, whose: Whose) -> bool:
    talking = select(Enquiry.id).where(Enquiry.chat_id == whose.chat_id, Enquiry.state == TALKING)
    return session.scalar(talking.limit(1)) is not None


def _words(session: Session, whose: Whose, patient: Patient | None, mine: Iterable[Visit]) -> set[str]:
    """Return by what the person could be known in somebody else's rows: names, numbers, and their own words."""
    names = {name for visit in mine for name in (visit.name, visit.phone)}
    if patient is not None:
        names |= {" ".join(filter(None, (patient.first_name, patient.last_name)))}
        names |= {f"@{patient.username}"} if patient.username else set()
    asked = select(Question.text).where(Question.chat_id == whose.chat_id)
    drafted = session.execute(select(Draft.name, Draft.phone).where(Draft.chat_id == whose.chat_id)).all()
    said = {text for row in drafted for text in row if text}
    return {text for text in (*names, *said, *session.scalars(asked)) if text.strip()}


# --- what hangs on it


def _free_wishes(session: Session, clinic: Clinic, whose: Whose) -> None:
    """Free what is held for a wish of the person's."""
    for wait_id in session.scalars(select(Wait.id).where(Wait.visit_id.in_(whose.visit_ids))):
        if slots.release(session, clinic, f"wait:{wait_id}"):
            session.merge(Fact(name=visits.FREED, value="yes"))


def _forget_questions(session: Session, whose: Whose) -> None:
    """Take the person's questions out of the clinic's own answers; one that is left without any goes."""
    asked = set(session.scalars(select(Question.text).where(Question.chat_id == whose.chat_id)))
    for answer in session.scalars(select(OwnAnswer)):
        known = list(zip_longest(answer.phrasings, answer.asked_by))
        left = [(text, asker) for text, asker in known if text not in asked and asker != (whose.chat_id or 0)]
        if not left:
            session.delete(answer)
        elif len(left) < len(known):
            answer.phrasings = [text for text, _ in left]
            answer.asked_by = [asker for _, asker in left if asker is not None]


def _make_anonymous(session: Session, visit: Visit, code: str) -> None:
    """Leave of a treatment what, when and by whom; the same code stands for the person in each."""
    visit.name, visit.phone, visit.chat_id = f"⌫ {code}", "", None
    visit.screening, visit.flagged, visit.reason, visit.answered_at = {}, False, None, None
    if visit.course_id is not None:
        session.execute(update(Course).where(Course.id == visit.course_id).values(chat_id=None))
    session.flush()


def _subjects(session: Session, whose: Whose) -> set[str]:
    """Return what messages in the staff group about the person are about."""
    questions = select(Question.id).where(Question.chat_id == whose.chat_id)
    found = {f"{noun}:{visit_id}" for visit_id in whose.visit_ids for noun in OF_VISITS}
    return found | _enquiries(session, whose) | {f"gap:{number}" for number in session.scalars(questions)}


def _enquiries(session: Session, whose: Whose) -> set[str]:
    mine = or_(Enquiry.chat_id == whose.chat_id, Enquiry.visit_id.in_(whose.visit_ids))
    return {f"enquiry:{number}" for number in session.scalars(select(Enquiry.id).where(mine))}


def _shown(session: Session, staff_chat: int, whose: Whose, now: datetime) -> tuple[Shown, ...]:
    """Forget what was sent to the staff group about the person; return the messages that are to be redacted there."""
    found: dict[int, Shown] = {}
    prompts = [Outgoing.subject.startswith(f"{noun}:{one}:") for one in whose.visit_ids for noun in PROMPTS]
    about = or_(Outgoing.subject.in_(_subjects(session, whose)), *prompts)
    for row in session.scalars(select(Outgoing).where(Outgoing.chat_id == staff_chat, about).order_by(Outgoing.id)):
        if row.message_id is not None and row.method.startswith(("send", "copy")):
            may_go = row.settled_at is not None and row.settled_at > now - DELETABLE
            found[row.message_id] = Shown(row.message_id, row.method == "sendMessage", may_go)
        if row.state != "sending":
            session.delete(row)
    session.flush()
    return tuple(found.values())


def _forget_sent(session: Session, staff_chat: int, needles: set[str]) -> None:
    """Let lists that name the person, and have not gone to the group, stay unsaid; empty updates that failed."""
    waiting = select(Outgoing).where(
        Outgoing.chat_id == staff_chat, Outgoing.state.in_(UNSENT), Outgoing.kind != "safety"
    )
    for row in session.scalars(waiting):
        if _holds(row.params, needles):
            session.delete(row)
    failed = select(Incoming).where(Incoming.state == "failed", Incoming.payload.is_not(None))
    for update_row in session.scalars(failed):
        if _holds(json.loads(update_row.payload or "{}"), needles):
            update_row.payload = None
    session.flush()


def _holds(value: Any, needles: set[str]) -> bool:
    text = unescape(json.dumps(value, ensure_ascii=False))
    return any(json.dumps(needle, ensure_ascii=False)[1:-1] in text for needle in needles)


def _rename(session: Session, chat_id: int | None, code: str) -> None:
    """Let the audit know the person by their code, and forget the words of updates of theirs that failed."""
    if chat_id is None:
        return
    mine = update(Audit).where(Audit.subject == f"chat:{chat_id}")
    session.execute(mine.values(subject=f"erased:{code}"))
    session.execute(update(Audit).where(Audit.actor == chat_id).values(actor=SOMEBODY))
    failed = update(Incoming).where(Incoming.lane == chat_id, Incoming.state == "failed")
    session.execute(failed.values(payload=None))
