"""What a patient wants to get, in which language, and at what hours; and what is coming."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from bot.clinic import consents, courses, patients, plans, visits
from bot.clinic.courses import Progress
from bot.clinic.patients import Person
from bot.clinic.timing import Quiet
from bot.clinic.visits import Card
from bot.config import Clinic
from bot.store.models import Audit, Course, FollowUp, Patient, Visit

PURPOSES = (consents.REMINDERS, consents.FOLLOW_UP, consents.OFFERS)


@dataclass(frozen=True, slots=True)
class Preferences:
    """A patient's settings."""

    language: str | None
    """Their own choice; None where it is that of their Telegram."""
    quiet: Quiet
    is_own_quiet: bool
    wanted: frozenset[str]
    """The purposes for which they are written to."""


@dataclass(frozen=True, slots=True)
class Silenced:
    """These are off now; `back` are those that were on."""

    off: tuple[str, ...]
    back: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Planned:
    """Something that is to be sent."""

    at: datetime
    step: str | None
    """Of the programme; None for words that staff wrote."""
    kind: str


@dataclass(frozen=True, slots=True)
class Ahead:
    """A visit with what is planned around it, or a course that goes on after it."""

    card: Card
    planned: Sequence[Planned]
    progress: Progress | None
    """Where the visit is done: the course it belongs to."""
    next_from: datetime | None
    """From when the next session of that course is due."""


@dataclass(frozen=True, slots=True)
class Outlook:
    """What is coming for a patient; `held_back` while a problem is open or staff have paused the programme."""

    visits: Sequence[Ahead]
    held_back: bool


def of(session: Session, clinic: Clinic, chat_id: int) -> Preferences:
    """Return a patient's settings, those of somebody new where there is no such patient."""
    patient = session.get(Patient, chat_id)
    own = patient is not None and patient.quiet_from is not None and patient.quiet_until is not None
    wanted = frozenset(purpose for purpose in PURPOSES if consents.is_wanted(session, chat_id, purpose))
    return Preferences(patient.own_language if patient else None, plans.quiet(clinic, patient), own, wanted)


def want(session: Session, person: Person, purposes: Sequence[str], now: datetime, *, wanted: bool) -> None:
    """Turn messages of these purposes on or off, at once."""
    patients.meet(session, person, now)
    for purpose in purposes:
        if purpose in PURPOSES:
            consents.give(session, person.chat_id, purpose, wanted, now)
            for kind in (kind for kind, needs in consents.OF_KIND.items() if needs == purpose):
                if wanted:
                    plans.allow(session, person.chat_id, kind, now)
                else:
                    plans.withdraw(session, person.chat_id, kind, now)


def silence(session: Session, person: Person, purposes: Sequence[str], now: datetime) -> Silenced:
    """Turn messages of these purposes off, at once, and remember in the outcome which were on."""
    were_on = tuple(purpose for purpose in purposes if consents.is_wanted(session, person.chat_id, purpose))
    want(session, person, purposes, now, wanted=False)
    return Silenced(tuple(purposes), were_on)


def own_languages(session: Session) -> dict[int, str]:
    """Return the languages that people chose, by chat."""
    chosen = select(Patient.chat_id, Patient.own_language).where(Patient.own_language.is_not(None))
    return {chat_id: language for chat_id, language in session.execute(chosen) if language is not None}


def set_language(session: Session, person: Person, language: str | None, now: datetime) -> None:
    """Speak this language to a patient from now on; None for that of their Telegram."""
    patient = patients.meet(session, person, now)
    if patient.own_language != language:
        _audit(session, person.chat_id, "language", patient.own_language, language, now)
    patient.own_language = language


def set_quiet(session: Session, clinic: Clinic, person: Person, quiet: Quiet | None, now: datetime) -> None:
    """Give a patient quiet hours of their own, or the clinic's again; what is planned follows them."""
    patient = patients.meet(session, person, now)
    before = plans.quiet(clinic, patient)
    patient.quiet_from, patient.quiet_until = (quiet.begins, quiet.ends) if quiet else (None, None)
    hours = plans.quiet(clinic, patient)
    if hours == before:
        return
    _audit(session, person.chat_id, "quiet hours", _span(before), _span(hours), now)
    mine = select(FollowUp).where(FollowUp.chat_id == person.chat_id, FollowUp.state.in_(plans.OPEN))
    for row in session.scalars(mine):
        if row.planned_for > now:
            goes_at = plans.goes_at(clinic, patient, person.chat_id, row.kind, row.planned_for, row.valid_until)
            row.due_at = max(now, goes_at)


def outlook(session: Session, clinic: Clinic, chat_id: int, now: datetime) -> Outlook:
    """Return what is coming for a patient: visits, messages around them, and the next session of each open course."""
    patient = session.get(Patient, chat_id)
    held_back = patient is not None and (patient.problem_at is not None or patient.paused_at is not None)
    planned = _planned(session, chat_id, now)
    mine = select(Visit).where(Visit.chat_id == chat_id).order_by(Visit.starts_at, Visit.id)
    found = []
    newest = {visit.course_id: visit.id for visit in session.scalars(mine) if visit.status == plans.DONE}
    for visit in session.scalars(mine):
        is_ahead = visit.status in visits.LIVE and visit.ends_at > now
        goes_on = visit.status == plans.DONE and newest.get(visit.course_id) == visit.id
        around = planned.get(visit.id, [])
        course = session.get(Course, visit.course_id) if goes_on and visit.course_id is not None else None
        if is_ahead or around or (course is not None and course.done_at is None):
            found.append(_ahead(session, clinic, visit, around, course))
    return Outlook(found, held_back)


def _ahead(session: Session, clinic: Clinic, visit: Visit, planned: Sequence[Planned], course: Course | None) -> Ahead:
    shown = visits.card(session, clinic, visit)
    if course is None:
        return Ahead(shown, planned, None, None)
    progress = courses.progress(session, clinic, visit)
    weeks = progress.interval_weeks
    return Ahead(shown, planned, progress, visit.ends_at + timedelta(weeks=weeks) if weeks is not None else None)


def _planned(session: Session, chat_id: int, now: datetime) -> dict[int | None, list[Planned]]:
    """Return by visit what is still to be sent, in order, as far as it is wanted."""
    open_ones = select(FollowUp).where(
        FollowUp.chat_id == chat_id, FollowUp.state.in_(plans.OPEN), FollowUp.valid_until > now
    )
    wanted = {purpose: consents.is_wanted(session, chat_id, purpose) for purpose in PURPOSES}
    found: dict[int | None, list[Planned]] = {}
    for row in session.scalars(open_ones.order_by(FollowUp.due_at, FollowUp.id)):
        if wanted[consents.OF_KIND[row.kind]]:
            step = None if row.text is not None else row.step
            found.setdefault(row.visit_id, []).append(Planned(max(now, row.due_at), step, row.kind))
    return found


def _span(quiet: Quiet) -> str:
    return f"{quiet.begins:%H:%M}-{quiet.ends:%H:%M}"


def _audit(session: Session, chat_id: int, what: str, before: str | None, after: str | None, now: datetime) -> None:
    session.add(
        Audit(at=now, actor=chat_id, action=f"{what} changed", subject=f"chat:{chat_id}", before=before, after=after)
    )
