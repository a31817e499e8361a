"""Planning follow-ups: in the transaction that changes a visit, so that neither is ever there without the other.

A planned step is keyed by visit, step and the instant it hangs on. Planning the same again changes nothing; after a
move, what hung on the old time is cancelled and what hangs on the new one is planned; and what has been sent is sent,
even if the visit comes back to its old time. What was made a message and has not gone is taken back with the rest.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, Select, String, cast, literal, select, update
from sqlalchemy.orm import Session

from bot.clinic import timing
from bot.clinic.timing import Quiet
from bot.config import Clinic
from bot.delivery import outbox
from bot.programme import Step
from bot.store.models import Call, Course, FollowUp, Outgoing, Patient, Visit

SUBJECT = "followup"
PLANNED, SENT, CANCELLED, SKIPPED, STALE = "planned", "sent", "cancelled", "skipped", "stale"
REFUSED, FROZEN = "refused", "frozen"
OPEN = (PLANNED, FROZEN)
"""States in which a step may still be sent."""
CHANGED, RESTARTED, WITHDRAWN = "the visit changed", "a new session", "withdrawn"
"""Why a step was called off; what was so can come back."""
READY = timedelta(hours=1)
"""Before its visit, that a reminder which waited for the morning comes at the latest."""
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


def goes_at(
    clinic: Clinic, patient: Patient | None, chat_id: int | None, kind: str, due_at: datetime, until: datetime
) -> datetime:
    """Return when a step that is due at `due_at` is sent: a reminder leaves time to get ready, or comes the evening
    before."""
    last = until - READY if kind == "visit" else until
    return timing.polite(due_at, last, quiet(clinic, patient), clinic.tz, str(chat_id))


def plan(session: Session, clinic: Clinic, visit: Visit, now: datetime) -> None:
    """Bring what is planned for a visit, and what has not gone yet, into line with it as it is now."""
    patient = session.get(Patient, visit.chat_id) if visit.chat_id is not None else None
    wanted = {key(visit, one.step.id, one.anchor): one for one in _wanted(session, clinic, visit)}
    # locked, and as they are now: a round may be making messages of them
    mine = select(FollowUp).where(FollowUp.visit_id == visit.id).order_by(FollowUp.id)
    mine = mine.with_for_update().execution_options(populate_existing=True)
    known = {row.key: row for row in session.scalars(mine)}
    dead = [row for name, row in known.items() if name not in wanted and row.text is None]
    sent = [row.id for row in dead if row.state == SENT]
    unsent = retract(session, now, FollowUp.id.in_(sent)) if sent else []
    for row in dead:
        if row.state in OPEN or row in unsent or (row.state == CANCELLED and row.reason == WITHDRAWN):
            row.state, row.reason = CANCELLED, RESTARTED if visit.status == DONE else CHANGED
    for name, one in wanted.items():
        at = goes_at(clinic, patient, visit.chat_id, one.step.kind, one.due_at, one.valid_until)
        if name in known:
            _again(known[name], one, at)
        elif now <= one.valid_until and (now <= one.due_at or one.step.anchor != "visit"):
            # else it was booked inside the reminder's window, or marked long after
            session.add(_row(visit, name, one, at))


def retract(session: Session, now: datetime, *which: ColumnElement[bool]) -> list[FollowUp]:
    """Take back what was made a message of and has not gone; return these steps, planned again.

    What else their messages said is planned again as well. What may have arrived stays sent, but is not repeated; and
    what is being sent at this instant is not tried again.
    """
    subject = literal(f"{SUBJECT}:") + cast(FollowUp.sent_with, String)
    unsent = (
        select(FollowUp.sent_with, Outgoing.id, Outgoing.repeats)
        .join(Outgoing, (Outgoing.chat_id == FollowUp.chat_id) & (Outgoing.subject == subject))
        .where(FollowUp.state == SENT, Outgoing.state.in_(("pending", "parked", "sending")), *which)
    )
    messages = {row.id: row for row in session.execute(unsent)}
    taken = outbox.retract(session, messages.keys(), now)
    heads = [messages[number].sent_with for number in taken if messages[number].repeats is None]
    if not heads:
        return []
    again = session.scalars(select(FollowUp).where(FollowUp.sent_with.in_(heads), FollowUp.state == SENT)).all()
    asked_for = set(session.scalars(select(FollowUp.id).where(FollowUp.sent_with.in_(heads), *which)))
    for row in again:
        row.state, row.due_at, row.sent_at, row.sent_with = PLANNED, now, None, None
    session.flush()
    return [row for row in again if row.id in asked_for]


def withdraw(session: Session, chat_id: int, kind: str, now: datetime) -> None:
    """Cancel what is planned of a kind that a patient does not want any more; what staff wrote they have to say."""
    mine = (FollowUp.chat_id == chat_id, FollowUp.kind == kind)
    retract(session, now, *mine)
    for row in session.scalars(select(FollowUp).where(*mine, FollowUp.state.in_(OPEN))):
        row.state, row.reason = CANCELLED, WITHDRAWN
        if row.text is not None:
            to_telephone(session, row, WITHDRAWN, now)


def allow(session: Session, chat_id: int, kind: str, now: datetime) -> None:
    """Take up again what was cancelled so, and has not come due meanwhile."""
    patient = session.get(Patient, chat_id)
    held_back = patient is not None and (patient.problem_at is not None or patient.paused_at is not None)
    mine = select(FollowUp).where(FollowUp.chat_id == chat_id, FollowUp.kind == kind, FollowUp.due_at > now)
    for row in session.scalars(mine.where(FollowUp.state == CANCELLED, FollowUp.reason == WITHDRAWN)):
        row.state, row.reason = FROZEN if held_back else PLANNED, None
        if row.text is not None:
            called = update(Call).where(Call.key == f"{SUBJECT}:{row.id}", Call.done_at.is_(None))
            session.execute(called.values(done_at=now))


def restart(session: Session, clinic: Clinic, visit: Visit, now: datetime) -> None:
    """Let the newest session of a treatment be the one after which messages come, where one was done or taken back."""
    for other in session.scalars(_sessions(visit)).all():
        if other.id != visit.id and is_same_name(other.name, visit.name):
            plan(session, clinic, other, now)


def is_same_name(one: str, other: str) -> bool:
    """True where two names given in one chat are one person's: a family may share a telephone."""
    words, others = set(one.casefold().split()), set(other.casefold().split())
    return words <= others or others <= words


def to_telephone(session: Session, row: FollowUp, why: str, now: datetime) -> Call | None:
    """Note that somebody is to be telephoned, once a message; nobody is telephoned to sell them anything."""
    name = f"{SUBJECT}:{row.id}"
    if row.kind == "offer" or session.scalar(select(Call.id).where(Call.key == name)) is not None:
        return None
    call = Call(key=name, visit_id=row.visit_id, chat_id=row.chat_id, why=why, what=row.step, created_at=now)
    session.add(call)
    return call


def still_wants(session: Session, clinic: Clinic, visit: Visit, step: Step, row: FollowUp) -> bool:
    """True where a visit as it is now wants this step at the instant on which it was planned to hang."""
    anchor = _anchor(session, visit, step)
    is_so = anchor is not None and anchor == row.anchor_at
    return is_so and not (step.interval and interval_weeks(session, clinic, visit) is None)


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
    is_newest = visit.status == DONE and not _is_followed(session, visit)
    for step in clinic.steps(visit.treatment):
        anchor = _anchor(session, visit, step)
        if anchor is None or (step.anchor == "done" and not is_newest):
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


def _sessions(visit: Visit) -> Select[Visit]:
    """Return the sessions of a visit's treatment that were done in its chat, or by its number where there is none."""
    done = (Visit.status == DONE, Visit.treatment == visit.treatment, Visit.chat_id == visit.chat_id)
    mine = done if visit.chat_id is not None else (*done, Visit.phone == visit.phone)
    return select(Visit).where(*mine).order_by(Visit.id)


def _is_followed(session: Session, visit: Visit) -> bool:
    """True where a later session of the patient's treatment was done: its messages take the place of this one's."""
    return any(
        (other.ends_at, other.id) > (visit.ends_at, visit.id) and is_same_name(other.name, visit.name)
        for other in session.scalars(_sessions(visit))
    )


def _again(row: FollowUp, one: _Wanted, goes_at: datetime) -> None:
    """Take up a step that was called off, and follow a programme that says another time now."""
    if row.state == CANCELLED and row.reason in (CHANGED, RESTARTED):
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
