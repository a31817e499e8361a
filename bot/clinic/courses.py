"""Courses: what staff say of a visit at its end, and which session of how many it was."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from bot.clinic import plans, visits
from bot.clinic.visits import (
    BY_STAFF,
    COMPLETED,
    CONFIRMED,
    NO_SHOW,
    Actor,
    Card,
    Changed,
    ChangeOutcome,
    Late,
    NotHere,
)
from bot.config import Clinic
from bot.store.models import Audit, Course, Visit

COURSE_OF = "course of "
"""How the audit begins to tell of a course's length."""
STILL_HERE = timedelta(minutes=15)
"""After which it is asked again how a visit ended."""


@dataclass(frozen=True, slots=True)
class Progress:
    """A course as staff and the patient see it."""

    course_id: int
    treatment: str
    done: int
    sessions: int | None
    interval_weeks: int | None
    """To the next session; None where there is none."""
    is_over: bool


@dataclass(frozen=True, slots=True)
class Done:
    """The session is done; `progress` is what is known of its course."""

    card: Card
    progress: Progress


def finish(
    session: Session, clinic: Clinic, visit_id: int, version: int, staff_chat: int, actor: Actor, now: datetime
) -> Done | Late | NotHere:
    """Mark a visit as done: it is the next session of its course, or the first of a new one."""
    visit = visits.of_staff(session, visit_id, staff_chat)
    if visit is None:
        return NotHere()
    if not visits.is_as_shown(visit, version, (CONFIRMED, NO_SHOW)) or visit.starts_at > now:
        return Late(visits.card(session, clinic, visit))
    course = _course(session, clinic, visit, now)
    visit.course_id = course.id
    visit.session_number = _count(session, course) + 1
    if course.sessions is not None and visit.session_number >= course.sessions:
        course.sessions, course.done_at = visit.session_number, now
    visits.change(session, clinic, visit, COMPLETED, "visit done", actor.id, now)
    plans.restart(session, clinic, visit, now)
    return Done(visits.card(session, clinic, visit), progress(session, clinic, visit))


def miss(
    session: Session, clinic: Clinic, visit_id: int, version: int, staff_chat: int, actor: Actor, now: datetime
) -> ChangeOutcome:
    """Mark a visit to which the patient did not come."""
    visit = visits.of_staff(session, visit_id, staff_chat)
    if visit is None:
        return NotHere()
    if not visits.is_as_shown(visit, version, (CONFIRMED,)) or visit.starts_at > now:
        return Late(visits.card(session, clinic, visit))
    visit.ended_by = BY_STAFF
    visits.change(session, clinic, visit, NO_SHOW, "visit missed", actor.id, now)
    return Changed(visits.card(session, clinic, visit))


def stay(
    session: Session, clinic: Clinic, visit_id: int, version: int, staff_chat: int, now: datetime
) -> ChangeOutcome:
    """Note that the patient is still there: it is asked again in a while."""
    visit = visits.of_staff(session, visit_id, staff_chat)
    if visit is None:
        return NotHere()
    if not visits.is_as_shown(visit, version, (CONFIRMED,)):
        return Late(visits.card(session, clinic, visit))
    visit.due_at = now + STILL_HERE
    return Changed(visits.card(session, clinic, visit))


def set_interval(
    session: Session, clinic: Clinic, visit_id: int, staff_chat: int, weeks: int, actor: Actor, now: datetime
) -> Done | NotHere:
    """Let staff say in how many weeks the next session is due, 0 for none: then the course is over."""
    visit = visits.of_staff(session, visit_id, staff_chat)
    course = session.get(Course, visit.course_id) if visit is not None and visit.course_id is not None else None
    if visit is None or course is None or visit.status != COMPLETED:
        return NotHere()
    visit.interval_weeks = weeks
    if weeks == 0:
        course.sessions, course.done_at = visit.session_number, now
    elif course.sessions == visit.session_number:  # there is to be another one after all
        course.sessions, course.done_at = _former_length(session, clinic, course, visit), None
    visits.change(session, clinic, visit, COMPLETED, f"interval {weeks} weeks", actor.id, now)
    return Done(visits.card(session, clinic, visit), progress(session, clinic, visit))


def set_sessions(
    session: Session, clinic: Clinic, visit_id: int, staff_chat: int, sessions: int, actor: Actor, now: datetime
) -> Done | NotHere:
    """Let staff say of how many sessions the course is; as many as were done, and it is over."""
    visit = visits.of_staff(session, visit_id, staff_chat)
    course = session.get(Course, visit.course_id) if visit is not None and visit.course_id is not None else None
    if visit is None or course is None or visit.session_number is None or sessions < visit.session_number:
        return NotHere()
    course.sessions = sessions
    course.done_at = now if sessions == visit.session_number else None
    if course.done_at is None and visit.interval_weeks == 0:  # there is to be a next one after all
        visit.interval_weeks = None
    visits.change(session, clinic, visit, COMPLETED, f"{COURSE_OF}{sessions}", actor.id, now)
    return Done(visits.card(session, clinic, visit), progress(session, clinic, visit))


def _former_length(session: Session, clinic: Clinic, course: Course, visit: Visit) -> int | None:
    """Return of how many sessions the course was, as staff said last or the treatment has it, before this visit was
    said to be the last."""
    subjects = [
        f"{visits.SUBJECT}:{one}" for one in session.scalars(select(Visit.id).where(Visit.course_id == course.id))
    ]
    said = select(Audit.action).where(Audit.subject.in_(subjects), Audit.action.startswith(COURSE_OF))
    lengths = [int(action.removeprefix(COURSE_OF)) for action in session.scalars(said.order_by(Audit.id.desc()))]
    treatment = clinic.treatment(visit.treatment)
    usual = [treatment.sessions] if treatment and treatment.sessions is not None else []
    return next((length for length in (*lengths, *usual) if length > (visit.session_number or 0)), None)


def progress(session: Session, clinic: Clinic, visit: Visit) -> Progress:
    """Return what is known of the course of a visit that is done."""
    course = session.get_one(Course, visit.course_id)
    weeks = plans.interval_weeks(session, clinic, visit)
    is_over = course.done_at is not None
    return Progress(course.id, course.treatment, visit.session_number or 0, course.sessions, weeks, is_over)


def _course(session: Session, clinic: Clinic, visit: Visit, now: datetime) -> Course:
    """Return the patient's open course of the treatment, or a new one; who has no chat is known by name and number."""
    same = (
        (Visit.chat_id == visit.chat_id,)
        if visit.chat_id is not None
        else (Visit.phone == visit.phone, Visit.name == visit.name)
    )
    if visit.course_id is not None:
        return session.get_one(Course, visit.course_id)
    open_ones = (
        select(Course, Visit.name)
        .join(Visit, Visit.course_id == Course.id)
        .where(Course.treatment == visit.treatment, Course.done_at.is_(None))
        .where(*same)
        .order_by(Course.id.desc())
    )
    for found, name in session.execute(open_ones):
        if plans.is_same_name(name, visit.name):
            return found
    treatment = clinic.treatment(visit.treatment)
    course = Course(
        chat_id=visit.chat_id,
        treatment=visit.treatment,
        sessions=treatment.sessions if treatment else None,
        begun_at=now,
    )
    session.add(course)
    session.flush()
    return course


def _count(session: Session, course: Course) -> int:
    done = (Visit.course_id == course.id, Visit.status == COMPLETED)
    return session.scalar(select(func.count()).select_from(Visit).where(*done)) or 0
