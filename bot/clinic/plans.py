"""Planning follow-ups: in the transaction that changes a visit, so that neither is ever there without the other.

A planned step is keyed by visit, step and the instant it hangs on. Planning the same again changes nothing; after a
move, what hung on the old time is cancelled and what hangs on the new one is planned; and what has been sent is sent,
even if the visit comes back to its old time.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from bot.clinic import timing
from bot.clinic.timing import Quiet
from bot.config import Clinic
from bot.programme import Step
from bot.store.models import Course, FollowUp, Patient, Visit

PLANNED, SENT, CANCELLED, SKIPPED, STALE = "planned", "sent", "cancelled", "skipped", "stale"
REFUSED, FROZEN = "refused", "frozen"
OPEN = (PLANNED, FROZEN)
"""States in which a step may still be sent."""
CHANGED, RESTARTED, WITHDRAWN = "the visit changed", "a new session", "withdrawn"
"""Why a step was called off; what was so can come back."""
COUNTED_ON = "confirmed"
DONE = "completed"


@dataclass(frozen=True, slots=True)
class _Wanted:
    step: Step
    anchor: datetime
    due_at: datetime
    valid_until: datetime


def key(visit: Visit, step_id: str, anchor: datetime) -> str:
    """Name a step by what it hangs on, so that planning it twice is planning it once."""
    return f"visit:{visit.id}:{step_id}:{int(anchor.timestamp())}"


def quiet(clinic: Clinic, patient: Patient | None) -> Quiet:
    """Return the hours in which a patient is not written to unasked: their own, or else the clinic's."""
    if patient is not None and patient.quiet_from is not None and patient.quiet_until is not None:
        return Quiet(patient.quiet_from, patient.quiet_until)
    return Quiet(clinic.followups.quiet_from, clinic.followups.quiet_until)


def plan(session: Session, clinic: Clinic, visit: Visit, now: datetime) -> None:
    """Bring what is planned for a visit into line with it as it is now."""
    patient = session.get(Patient, visit.chat_id) if visit.chat_id is not None else None
    hours, seed = quiet(clinic, patient), str(visit.chat_id)
    wanted = {key(visit, one.step.id, one.anchor): one for one in _wanted(session, clinic, visit)}
    known = {row.key: row for row in session.scalars(select(FollowUp).where(FollowUp.visit_id == visit.id))}
    for name, row in known.items():
        if row.state in OPEN and name not in wanted and row.text is None:
            row.state, row.reason = CANCELLED, CHANGED
    for name, one in wanted.items():
        if name in known:
            _again(known[name], one, timing.polite(one.due_at, one.valid_until, hours, clinic.tz, seed))
        elif now <= one.valid_until and (now <= one.due_at or one.step.anchor != "visit"):
            # else it was booked inside the reminder's window, or marked long after
            goes_at = timing.polite(one.due_at, one.valid_until, hours, clinic.tz, seed)
            session.add(_row(visit, name, one, goes_at))


def call_off(session: Session, visit_ids: Iterable[int], reason: str) -> None:
    """Cancel what is planned for these visits."""
    session.execute(
        update(FollowUp)
        .where(FollowUp.visit_id.in_(list(visit_ids)), FollowUp.state.in_(OPEN))
        .values(state=CANCELLED, reason=reason)
    )


def withdraw(session: Session, chat_id: int, kind: str) -> int:
    """Cancel what is planned of a kind that a patient does not want any more; returns how much that was."""
    mine = update(FollowUp).where(FollowUp.chat_id == chat_id, FollowUp.kind == kind, FollowUp.state.in_(OPEN))
    done = session.execute(mine.values(state=CANCELLED, reason=WITHDRAWN))
    return int(done.rowcount)  # type: ignore[attr-defined]  # an UPDATE's result has it, the declared type does not


def allow(session: Session, chat_id: int, kind: str, now: datetime) -> None:
    """Take up again what was cancelled so, and has not come due meanwhile."""
    patient = session.get(Patient, chat_id)
    held_back = patient is not None and (patient.problem_at is not None or patient.paused_at is not None)
    mine = update(FollowUp).where(FollowUp.chat_id == chat_id, FollowUp.kind == kind, FollowUp.due_at > now)
    called_off = mine.where(FollowUp.state == CANCELLED, FollowUp.reason == WITHDRAWN)
    session.execute(called_off.values(state=FROZEN if held_back else PLANNED, reason=None))


def restart(session: Session, visit: Visit) -> None:
    """Let a session that was done take the place of earlier ones: what they had planned after them goes."""
    if visit.chat_id is None:
        return
    earlier = select(Visit.id).where(
        Visit.chat_id == visit.chat_id, Visit.id != visit.id, Visit.status == DONE, Visit.ends_at <= visit.ends_at
    )
    call_off(session, session.scalars(earlier), RESTARTED)


def steps_of(clinic: Clinic, visit: Visit) -> dict[str, Step]:
    """Return the programme that holds for a visit, by id."""
    return {step.id: step for step in clinic.steps(visit.treatment)}


def interval_weeks(session: Session, clinic: Clinic, visit: Visit) -> int | None:
    """Return the weeks until the next session: what staff said, or the treatment's shortest; None for no next one."""
    course = session.get(Course, visit.course_id) if visit.course_id is not None else None
    if course is not None and course.done_at is not None:
        return None
    if visit.interval_weeks is not None:
        return visit.interval_weeks or None
    treatment = clinic.treatment(visit.treatment)
    return treatment.interval_weeks[0] if treatment else None


def _wanted(session: Session, clinic: Clinic, visit: Visit) -> Iterator[_Wanted]:
    for step in clinic.steps(visit.treatment):
        anchor = _anchor(session, visit, step)
        if anchor is None:
            continue
        due_at = timing.due(step, anchor, clinic.tz, interval_weeks(session, clinic, visit))
        if due_at is None:
            continue
        yield _Wanted(step, anchor, due_at, timing.valid_until(step, anchor, due_at))


def _anchor(session: Session, visit: Visit, step: Step) -> datetime | None:
    """Return the instant a step hangs on; None while it has none."""
    match step.anchor:
        case "visit":
            if visit.kept_starts_at is not None:
                return visit.kept_starts_at
            return visit.starts_at if visit.status == COUNTED_ON else None
        case "done":
            return visit.ends_at if visit.status == DONE else None
        case "course":
            if visit.status != DONE or visit.course_id is None:
                return None
            course = session.get(Course, visit.course_id)
            last = course is not None and course.done_at is not None and course.sessions == visit.session_number
            return visit.ends_at if last else None


def _again(row: FollowUp, one: _Wanted, goes_at: datetime) -> None:
    """Take up a step that was called off, and follow a programme that says another time now."""
    if row.state == CANCELLED and row.reason == CHANGED:
        row.state, row.reason = PLANNED, None
    if row.state in OPEN and row.planned_for != one.due_at:
        row.planned_for, row.due_at = one.due_at, goes_at
    if row.state in OPEN:
        row.valid_until = one.valid_until


def _row(visit: Visit, name: str, one: _Wanted, goes_at: datetime) -> FollowUp:
    return FollowUp(
        key=name,
        visit_id=visit.id,
        chat_id=visit.chat_id,
        step=one.step.id,
        kind=one.step.kind,
        anchor_at=one.anchor,
        planned_for=one.due_at,
        due_at=goes_at,
        valid_until=one.valid_until,
        state=PLANNED,
    )
