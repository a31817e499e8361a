"""The end of a visit: how it was, when the next session is due, and a kind word to who did not come.

Every button carries the version of the visit that it was made for; who comes second finds another one.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from bot.clinic import consents, courses, patients, plans, slots, visits
from bot.clinic.courses import Done, Progress
from bot.clinic.slots import Free
from bot.clinic.visits import COMPLETED, CONFIRMED, NO_SHOW, Actor, Card, Late, NotHere
from bot.config import Clinic
from bot.store.models import Audit, Course, FollowUp, Patient, Visit

WRITTEN = "kind word sent"
"""The audit's word for a message to a patient who did not come."""
TIMES = 3
"""Free times in such a message."""
CARE_CARD = "care-card"
"""The step that says which signs need help at once."""
LONGEST = 52
"""Weeks to the next session, at most."""


WORDS = ("one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")
_NUMBER = re.compile(
    rf"(?<![\w.,])(\d+|{'|'.join(WORDS)})(?![\w.,]*\d)\s*(d(?:ays?)?\b|w(?:ee)?ks?\b|w\b|months?\b|years?\b)?",
    re.IGNORECASE,
)
"""A number, and what it counts."""


@dataclass(frozen=True, slots=True)
class Ending:
    """How a visit ended, as staff see it."""

    card: Card
    has_begun: bool = True
    progress: Progress | None = None
    """Of the course, once the session is done."""
    usual_weeks: tuple[int, int] = (2, 4)
    """Shortest and longest time between two sessions of the treatment."""
    next_from: date | None = None
    """When the interval to the next session opens."""
    was_written_to: bool = False
    """A patient who did not come has been sent a kind word."""
    may_be_written_to: bool = False
    care_is_late: bool = False
    """It was marked so late that the care card is not sent any more."""


@dataclass(frozen=True, slots=True)
class Noted:
    """It is as staff said."""

    ending: Ending


@dataclass(frozen=True, slots=True)
class Overtaken:
    """The visit has changed since the button was shown."""

    ending: Ending


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind word and free times for a patient who did not come: shown to staff, or on its way."""

    ending: Ending
    free: Sequence[Free]


Outcome = Noted | Overtaken | NotHere


def look(session: Session, clinic: Clinic, visit_id: int, staff_chat: int, now: datetime) -> Noted | NotHere:
    """Return how a visit stands."""
    visit = visits.of_staff(session, visit_id, staff_chat)
    return Noted(_ending(session, clinic, visit, now)) if visit else NotHere()


def finish(
    session: Session, clinic: Clinic, visit_id: int, version: int, staff_chat: int, actor: Actor, now: datetime
) -> Outcome:
    """Mark a visit as done."""
    return _marked(
        session, clinic, courses.finish(session, clinic, visit_id, version, staff_chat, actor, now), actor, now
    )


def miss(
    session: Session, clinic: Clinic, visit_id: int, version: int, staff_chat: int, actor: Actor, now: datetime
) -> Outcome:
    """Mark a visit to which the patient did not come."""
    return _marked(
        session, clinic, courses.miss(session, clinic, visit_id, version, staff_chat, actor, now), actor, now
    )


def _marked(
    session: Session, clinic: Clinic, outcome: Done | visits.ChangeOutcome, actor: Actor, now: datetime
) -> Outcome:
    match outcome:
        case NotHere():
            return outcome
        case Late(card):
            return Overtaken(_ending(session, clinic, session.get_one(Visit, card.visit_id), now))
        case Done(card) | visits.Changed(card):
            visit = session.get_one(Visit, card.visit_id)
            visit.decided_by, visit.decided_by_id, visit.decided_at = actor.name, actor.id, now
            return Noted(_ending(session, clinic, visit, now))


def stay(session: Session, clinic: Clinic, visit_id: int, version: int, staff_chat: int, now: datetime) -> Outcome:
    """Note that the patient is still there: it is asked again in a while."""
    outcome = courses.stay(session, clinic, visit_id, version, staff_chat, now)
    if isinstance(outcome, NotHere):
        return outcome
    visit = session.get_one(Visit, outcome.card.visit_id)
    if isinstance(outcome, visits.Changed):
        visit.reminders = 0  # an answer is no silence
    ending = _ending(session, clinic, visit, now)
    return Overtaken(ending) if isinstance(outcome, Late) else Noted(ending)


def take_back(
    session: Session, clinic: Clinic, visit_id: int, version: int, staff_chat: int, actor: Actor, now: datetime
) -> Outcome:
    """Undo what was said of a visit by mistake: it is confirmed again, and nothing is left of it in its course."""
    visit = _as_shown(session, clinic, visit_id, version, (COMPLETED, NO_SHOW), staff_chat, now)
    if not isinstance(visit, Visit):
        return visit
    if visit.status == COMPLETED:
        _leave_course(session, clinic, visit, now)
    visit.ended_by = None
    visit.decided_by, visit.decided_by_id, visit.decided_at = actor.name, actor.id, now
    visits.change(session, clinic, visit, CONFIRMED, "visit's end taken back", actor.id, now)
    plans.restart(session, clinic, visit, now)  # the session before it counts as the newest again
    visit.due_at = now + courses.STILL_HERE
    return Noted(_ending(session, clinic, visit, now))


def _leave_course(session: Session, clinic: Clinic, visit: Visit, now: datetime) -> None:
    """Take a visit out of its course, which is open again, or gone with it; those after it are one session earlier."""
    course = session.get(Course, visit.course_id) if visit.course_id is not None else None
    visit.course_id = visit.session_number = visit.interval_weeks = None
    session.flush()
    if course is not None:
        course.done_at = None
        left = session.scalars(select(Visit).where(Visit.course_id == course.id).order_by(Visit.ends_at)).all()
        for number, one in enumerate(left, 1):
            one.session_number = number
            plans.plan(session, clinic, one, now)
        if not left:
            session.delete(course)


def set_interval(
    session: Session,
    clinic: Clinic,
    visit_id: int,
    version: int,
    staff_chat: int,
    weeks: int,
    actor: Actor,
    now: datetime,
) -> Outcome:
    """Let staff say in how many weeks the next session is due, 0 for none."""
    visit = _as_shown(session, clinic, visit_id, version, (COMPLETED,), staff_chat, now)
    if not isinstance(visit, Visit):
        return visit
    if not 0 <= weeks <= LONGEST:
        return NotHere()
    return _set(session, clinic, courses.set_interval(session, clinic, visit_id, staff_chat, weeks, actor, now), now)


def set_sessions(
    session: Session,
    clinic: Clinic,
    visit_id: int,
    version: int,
    staff_chat: int,
    sessions: int,
    actor: Actor,
    now: datetime,
) -> Outcome:
    """Let staff say of how many sessions the course is."""
    visit = _as_shown(session, clinic, visit_id, version, (COMPLETED,), staff_chat, now)
    if not isinstance(visit, Visit):
        return visit
    return _set(session, clinic, courses.set_sessions(session, clinic, visit_id, staff_chat, sessions, actor, now), now)


def read_weeks(text: str) -> int | None:
    """Read "in 5 weeks", "six weeks", "21 days" or "5": whole weeks, from 1 to `LONGEST`; None for all that is not."""
    found = [*_NUMBER.finditer(text)]
    if len(found) != 1:
        return None
    number, unit = found[0].groups()
    count = int(number) if number.isdigit() else WORDS.index(number.lower()) + 1
    if unit is None or unit.lower().startswith("w"):
        weeks = count
    else:
        weeks = count // 7 if unit.lower().startswith("d") and count % 7 == 0 else 0
    return weeks if 1 <= weeks <= LONGEST else None


def _set(session: Session, clinic: Clinic, outcome: Done | NotHere, now: datetime) -> Outcome:
    if isinstance(outcome, NotHere):
        return outcome
    return Noted(_ending(session, clinic, session.get_one(Visit, outcome.card.visit_id), now))


def draft_kind_word(
    session: Session, clinic: Clinic, visit_id: int, version: int, staff_chat: int, now: datetime
) -> Kind | Overtaken | NotHere:
    """Return what a patient who did not come would be sent."""
    visit = _as_shown(session, clinic, visit_id, version, (NO_SHOW,), staff_chat, now)
    if not isinstance(visit, Visit):
        return visit
    ending = _ending(session, clinic, visit, now)
    return Kind(ending, _times(session, clinic, visit, now)) if ending.may_be_written_to else Overtaken(ending)


def send_kind_word(
    session: Session, clinic: Clinic, visit_id: int, version: int, staff_chat: int, actor: Actor, now: datetime
) -> Kind | Overtaken | NotHere:
    """Let the patient who did not come be written to, once."""
    drafted = draft_kind_word(session, clinic, visit_id, version, staff_chat, now)
    if not isinstance(drafted, Kind):
        return drafted
    subject = drafted.ending.card.subject
    session.add(Audit(at=now, actor=actor.id, action=WRITTEN, subject=subject, before=None, after=None))
    session.flush()
    return Kind(_ending(session, clinic, session.get_one(Visit, visit_id), now), drafted.free)


def _as_shown(
    session: Session,
    clinic: Clinic,
    visit_id: int,
    version: int,
    states: tuple[str, ...],
    staff_chat: int,
    now: datetime,
) -> Visit | Overtaken | NotHere:
    visit = visits.of_staff(session, visit_id, staff_chat)
    if visit is None:
        return NotHere()
    return visit if visits.is_as_shown(visit, version, states) else Overtaken(_ending(session, clinic, visit, now))


def _times(session: Session, clinic: Clinic, visit: Visit, now: datetime) -> Sequence[Free]:
    treatment = clinic.treatment(visit.treatment)
    if treatment is None:
        return ()
    theirs = slots.next_free(session, clinic, treatment, visit.practitioner, now, TIMES)
    return theirs or slots.next_free(session, clinic, treatment, None, now, TIMES)


def _ending(session: Session, clinic: Clinic, visit: Visit, now: datetime) -> Ending:
    card = visits.card(session, clinic, visit)
    treatment = clinic.treatment(visit.treatment)
    progress = None
    if visit.status == COMPLETED and visit.course_id is not None:
        progress = courses.progress(session, clinic, visit)
    next_from = None
    if progress is not None and progress.interval_weeks is not None:
        next_from = visit.ends_at.astimezone(clinic.tz).date() + timedelta(weeks=progress.interval_weeks)
    written = select(Audit.id).where(Audit.subject == card.subject, Audit.action == WRITTEN).limit(1)
    was_written_to = visit.status == NO_SHOW and session.scalar(written) is not None
    return Ending(
        card,
        visit.starts_at <= now,
        progress,
        treatment.interval_weeks if treatment else (2, 4),
        next_from,
        was_written_to,
        visit.status == NO_SHOW and not was_written_to and _is_welcome(session, visit, now),
        visit.status == COMPLETED and card.reachable and _is_care_late(session, clinic, visit),
    )


def _is_care_late(session: Session, clinic: Clinic, visit: Visit) -> bool:
    planned = select(FollowUp.id).where(FollowUp.visit_id == visit.id, FollowUp.step == CARE_CARD).limit(1)
    return CARE_CARD in plans.steps_of(clinic, visit) and session.scalar(planned) is None


def _is_welcome(session: Session, visit: Visit, now: datetime) -> bool:
    """True where a message about the visit reaches the patient, who has not asked for none and has no problem open."""
    patient = session.get(Patient, visit.chat_id) if visit.chat_id is not None else None
    if patient is None or patient.unreachable_since is not None or patient.problem_at is not None:
        return False
    refused = not consents.is_wanted(session, patient.chat_id, consents.REMINDERS)
    return not refused and not patients.was_flagged(session, patient.chat_id, now)
