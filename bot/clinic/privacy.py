"""What patients decide about their data: their consents, and what they are called and where they are rung."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from bot.clinic import consents, drafts, erasure, patients, preferences, records, staffroom, visits
from bot.clinic.erasure import AT_MOST, Contents, ErasureOutcome, Nothing, Whose
from bot.clinic.patients import Person
from bot.clinic.visits import LIVE, Actor, Card, NotHere
from bot.config import Clinic
from bot.store.models import Audit, Call, Draft, FollowUp, Patient, Visit

PURPOSES = (consents.VISIT, consents.FOLLOW_UP, consents.OFFERS)
WITHDRAWN = "withdrawn"
"""Why somebody is telephoned: they do not want it here any more."""
ANSWERS, CARE = "answers", "care"
"""What they are telephoned about."""
NAME, PHONE = "name", "phone"


@dataclass(frozen=True, slots=True)
class Overview:
    """A patient's consents as they stand; None where they were never asked."""

    given: Mapping[str, bool | None]
    leaving: datetime | None
    """At the latest when their data are deleted, where they have asked for it and it waits."""
    can_correct: bool
    """True where a name and number of theirs are kept."""


@dataclass(frozen=True, slots=True)
class Decided:
    """A consent is given or withdrawn; `unanswered` are visits to come whose health answers are gone."""

    now: Overview
    unanswered: tuple[Card, ...] = ()
    rings: bool = False
    """True where staff have been asked to telephone instead."""


@dataclass(frozen=True, slots=True)
class Corrected:
    """Name or number are another one now, in the drafts and visits of the patient; these are to come."""

    value: str
    cards: tuple[Card, ...]


@dataclass(frozen=True, slots=True)
class Unusable:
    """What was written is no name, or no number."""


@dataclass(frozen=True, slots=True)
class NothingToCorrect:
    """No name and no number of theirs are kept."""


CorrectionOutcome = Corrected | Unusable | NothingToCorrect


def overview(session: Session, chat_id: int) -> Overview:
    """Return how a patient's consents stand."""
    given = {purpose: consents.given(session, chat_id, purpose) for purpose in PURPOSES}
    patient = session.get(Patient, chat_id)
    leaving = patient.leaving_at + AT_MOST if patient is not None and patient.leaving_at is not None else None
    return Overview(given, leaving, _has_name(session, chat_id))


def agree(session: Session, person: Person, purpose: str, now: datetime) -> Decided:
    """Keep that a patient agrees to a purpose, to the sentence as it is now."""
    if purpose == consents.VISIT:
        patients.meet(session, person, now)
        consents.give(session, person.chat_id, purpose, True, now)
    else:
        preferences.want(session, person, [purpose], now, wanted=True)
        if purpose == consents.FOLLOW_UP:
            calls = delete(Call).where(Call.chat_id == person.chat_id, Call.why == WITHDRAWN, Call.what == CARE)
            session.execute(calls.where(Call.done_at.is_(None)))
    session.flush()
    return Decided(overview(session, person.chat_id))


def withdraw(session: Session, clinic: Clinic, person: Person, purpose: str, now: datetime) -> Decided:
    """Keep that a patient withdraws a consent, and let what rests on it end at once."""
    chat_id = person.chat_id
    if consents.given(session, chat_id, purpose) is not True:
        return Decided(overview(session, chat_id))
    match purpose:
        case consents.VISIT:
            patients.meet(session, person, now)
            consents.give(session, chat_id, purpose, False, now)
            cards = _forget_answers(session, clinic, chat_id, now)
            return Decided(overview(session, chat_id), cards, bool(cards))
        case consents.FOLLOW_UP:
            cared_for = _cared_for(session, chat_id, now)
            preferences.want(session, person, [purpose], now, wanted=False)
            for visit in cared_for:
                _have_rung(session, visit, CARE, now)
            session.flush()
            return Decided(overview(session, chat_id), rings=bool(cared_for))
        case _:
            preferences.want(session, person, [purpose], now, wanted=False)
            session.flush()
            return Decided(overview(session, chat_id))


def _forget_answers(session: Session, clinic: Clinic, chat_id: int, now: datetime) -> tuple[Card, ...]:
    """Delete the answers about health; return the visits to come that staff have to ask about by telephone."""
    draft = session.scalar(select(Draft).where(Draft.chat_id == chat_id))
    if draft is not None:
        draft.screening, draft.consent = {}, None
        draft.version += 1
    unanswered = []
    for visit in session.scalars(select(Visit).where(Visit.chat_id == chat_id).order_by(Visit.starts_at)).all():
        had_any, visit.screening = bool(visit.screening), {}
        if visit.status in LIVE and visit.starts_at > now:
            if had_any:
                _have_rung(session, visit, ANSWERS, now)
                unanswered.append(visit)
        else:
            visit.flagged = False
    session.flush()
    return tuple(visits.card(session, clinic, visit) for visit in unanswered)


def _cared_for(session: Session, chat_id: int, now: datetime) -> list[Visit]:
    """Return the visit of the patient after which care is planned next, if there is one."""
    planned = select(FollowUp.visit_id).where(
        FollowUp.chat_id == chat_id, FollowUp.kind == "care", FollowUp.state == "planned", FollowUp.valid_until > now
    )
    visit_id = session.scalar(planned.order_by(FollowUp.due_at, FollowUp.id).limit(1))
    visit = session.get(Visit, visit_id) if visit_id is not None else None
    return [visit] if visit is not None else []


def _have_rung(session: Session, visit: Visit, what: str, now: datetime) -> None:
    """Put a patient on the call list instead of what they do not want here any more."""
    mine = select(Call.id).where(Call.visit_id == visit.id, Call.why == WITHDRAWN, Call.what == what)
    if session.scalar(mine.where(Call.done_at.is_(None)).limit(1)) is None:
        key = f"{WITHDRAWN}:{what}:{visit.id}:{int(now.timestamp())}"
        session.add(Call(key=key, visit_id=visit.id, chat_id=visit.chat_id, why=WITHDRAWN, what=what, created_at=now))


# --- correction


def correct(session: Session, clinic: Clinic, chat_id: int, field: str, text: str, now: datetime) -> CorrectionOutcome:
    """Put another name or number into the patient's draft and visits."""
    if not _has_name(session, chat_id):
        return NothingToCorrect()
    value = drafts.clean_name(text) if field == NAME else drafts.clean_phone(text, clinic.country)
    if value is None:
        return Unusable()
    mine = session.scalars(select(Visit).where(Visit.chat_id == chat_id).order_by(Visit.starts_at)).all()
    drafted = session.scalars(select(Draft).where(Draft.chat_id == chat_id)).all()
    for row in (*mine, *drafted):
        setattr(row, field, value)
    subject = f"chat:{chat_id}"
    session.add(Audit(at=now, actor=chat_id, action=f"{field} corrected", subject=subject, before=None, after=None))
    session.flush()
    to_come = [visit for visit in mine if visit.status in LIVE and visit.ends_at > now]
    return Corrected(value, tuple(visits.card(session, clinic, visit) for visit in to_come))


def _has_name(session: Session, chat_id: int) -> bool:
    visit = session.scalar(select(Visit.id).where(Visit.chat_id == chat_id).limit(1))
    draft = session.scalar(select(Draft.id).where(Draft.chat_id == chat_id, Draft.name.is_not(None)))
    return visit is not None or draft is not None


# --- deletion


@dataclass(frozen=True, slots=True)
class Asked:
    """Staff are asked whether all of this is to go."""

    card: Card
    contents: Contents


def contents(session: Session, clinic: Clinic, chat_id: int, now: datetime) -> Contents | Nothing:
    """Return what a deletion would do to who has this chat."""
    return erasure.contents(session, clinic, erasure.of_chat(session, chat_id), now)


def delete_own(session: Session, clinic: Clinic, chat_id: int, now: datetime) -> ErasureOutcome:
    """Delete what is held about who has this chat."""
    return erasure.ask(session, clinic, erasure.of_chat(session, chat_id), chat_id, now)


def staff_contents(session: Session, clinic: Clinic, visit_id: int, staff_chat: int, now: datetime) -> Asked | NotHere:
    """Return what a deletion would do to a visit's patient, for staff to confirm."""
    visit = visits.of_staff(session, visit_id, staff_chat)
    if visit is None:
        return NotHere()
    found = erasure.contents(session, clinic, _whose(session, visit), now)
    return Asked(visits.card(session, clinic, visit), found) if isinstance(found, Contents) else NotHere()


def delete_for(
    session: Session, clinic: Clinic, visit_id: int, staff_chat: int, actor: Actor, now: datetime
) -> ErasureOutcome:
    """Delete what is held about a visit's patient, who has asked for it elsewhere; who did it is kept."""
    visit = visits.of_staff(session, visit_id, staff_chat)
    if visit is None or staffroom.chat(session) is None:
        return Nothing()
    return erasure.ask(session, clinic, _whose(session, visit), actor.id, now)


def _whose(session: Session, visit: Visit) -> Whose:
    mine = records.of_same_person(session, visit)
    chat_id = next((one.chat_id for one in (visit, *mine) if one.chat_id is not None), None)
    return Whose(chat_id, tuple({visit.id, *(one.id for one in mine)}))
