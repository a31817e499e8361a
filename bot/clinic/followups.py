"""Follow-ups at the moment they are due: asked once more whether they still hold, and made one message a patient.

What is not sent keeps the reason why. Somebody who cannot be reached becomes a line in staff's call list.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta

from sqlalchemy import String, cast, exists, func, literal, select, update
from sqlalchemy.orm import Session

from bot.clinic import consents, patients, plans, slots, timing, visits
from bot.clinic.plans import CANCELLED, FROZEN, PLANNED, REFUSED, SENT, SKIPPED, STALE
from bot.clinic.slots import Free
from bot.config import Clinic
from bot.programme import Step
from bot.store.models import Call, FollowUp, Outgoing, Patient, Visit

SUBJECT = "followup"
A_ROUND = 25
"""Steps looked at in one transaction."""
TIMES = 3
"""Free times offered with the next session."""
LOOK_BACK = timedelta(days=7)
"""How long it is looked whether a message arrived."""
_ORDER = {"visit": 0, "care": 1, "offer": 2}


@dataclass(frozen=True, slots=True)
class Part:
    """One step of a message."""

    id: int
    step: Step | None
    """None for words that staff wrote."""
    card: visits.Card
    free: Sequence[Free]
    """Times for the next session, inside its interval."""
    text: str | None = None


@dataclass(frozen=True, slots=True)
class Due:
    """One message to a patient; its subject is that of its first part."""

    chat_id: int
    language: str
    kind: str
    parts: Sequence[Part]

    @property
    def subject(self) -> str:
        """What the message is about."""
        return f"{SUBJECT}:{self.parts[0].id}"


def make_rounds(session: Session, clinic: Clinic, now: datetime) -> tuple[list[Due], bool]:
    """Settle what is due, at most for `A_ROUND` steps; return the messages, and whether more is due."""
    due = select(FollowUp).where(FollowUp.state == PLANNED, FollowUp.due_at <= now)
    first = session.scalars(
        due.order_by(FollowUp.due_at, FollowUp.id).limit(A_ROUND).with_for_update(skip_locked=True)
    ).all()
    chats = {row.chat_id for row in first if row.chat_id is not None}
    # all that is due to one patient is looked at together, so that it can be one message
    rows = {row.id: row for row in (*first, *session.scalars(due.where(FollowUp.chat_id.in_(chats))))}
    by_chat: dict[int | None, list[FollowUp]] = {}
    for row in sorted(rows.values(), key=lambda row: (_ORDER[row.kind], row.planned_for, row.id)):
        by_chat.setdefault(row.chat_id, []).append(row)
    found = [_for_chat(session, clinic, chat_id, mine, now) for chat_id, mine in by_chat.items()]
    return [one for one in found if one is not None], len(first) == A_ROUND


def next_due(session: Session) -> datetime | None:
    """Return when the next step is due."""
    return session.scalar(select(func.min(FollowUp.due_at)).where(FollowUp.state == PLANNED))


def freeze(session: Session, chat_id: int) -> None:
    """Hold back everything planned for a patient."""
    mine = update(FollowUp).where(FollowUp.chat_id == chat_id, FollowUp.state == PLANNED)
    session.execute(mine.values(state=FROZEN))


def thaw(session: Session, chat_id: int) -> None:
    """Let the programme go on, unless something else holds it back; what has passed its time meanwhile stays unsaid."""
    patient = session.get(Patient, chat_id)
    if patient is not None and patient.problem_at is None and patient.paused_at is None:
        mine = update(FollowUp).where(FollowUp.chat_id == chat_id, FollowUp.state == FROZEN)
        session.execute(mine.values(state=PLANNED))


def call_off_offers(session: Session, chat_id: int, reason: str) -> None:
    """Cancel what is planned to promote anything to a patient."""
    mine = update(FollowUp).where(FollowUp.chat_id == chat_id, FollowUp.kind == "offer")
    session.execute(mine.where(FollowUp.state.in_(plans.OPEN)).values(state=CANCELLED, reason=reason))


def note_undelivered(session: Session, now: datetime) -> list[Call]:
    """Put those whom a message did not reach, or may not have reached, on the call list; returns the new lines."""
    repeat = Outgoing.__table__.alias("repeat")
    arrived = exists().where(repeat.c.repeats == Outgoing.id, repeat.c.state.in_(("sent", "pending", "sending")))
    lost = (
        select(FollowUp, Outgoing.state)
        .join(
            Outgoing,
            (Outgoing.chat_id == FollowUp.chat_id)
            & (Outgoing.subject == literal(f"{SUBJECT}:") + cast(FollowUp.sent_with, String)),
        )
        .where(FollowUp.state == SENT, FollowUp.sent_at > now - LOOK_BACK, FollowUp.id == FollowUp.sent_with)
        .where(Outgoing.state.in_(("failed", "parked", "unknown")), ~arrived)
    )
    whys = {"failed": "refused", "parked": "blocked", "unknown": "uncertain"}
    found = [_call(session, row, whys[state], now) for row, state in session.execute(lost)]
    return [one for one in found if one is not None]


# --- one patient


def _for_chat(
    session: Session, clinic: Clinic, chat_id: int | None, rows: Sequence[FollowUp], now: datetime
) -> Due | None:
    going = [row for row in rows if _still_holds(session, clinic, row, now)]
    if not going or chat_id is None:
        return None
    going = _without_older_reminders(going)
    patient = session.get_one(Patient, chat_id)
    going = [row for row in going if _may_go_now(session, clinic, patient, row, now)]
    if not going:
        return None
    if going[0].kind != "offer":  # nothing is promoted in a message about somebody's health
        for row in going:
            if row.kind == "offer":
                _wait(clinic, row, _tomorrow(clinic, row, now))
        going = [row for row in going if row.kind != "offer"]
    for row in going:
        row.state, row.sent_at, row.sent_with = SENT, now, going[0].id
    parts = [_part(session, clinic, row, now) for row in going]
    return Due(chat_id, patient.language, going[0].kind, parts)


def _still_holds(session: Session, clinic: Clinic, row: FollowUp, now: datetime) -> bool:
    """Ask of a step whether it is still to be said; if not, settle it with the reason."""
    visit = session.get(Visit, row.visit_id) if row.visit_id is not None else None
    patient = session.get(Patient, row.chat_id) if row.chat_id is not None else None
    state, reason = PLANNED, None
    if visit is None:
        state, reason = CANCELLED, "no visit"
    elif row.text is None and row.step not in plans.steps_of(clinic, visit):
        state, reason = CANCELLED, "not in the programme"
    elif now > row.valid_until:
        state, reason = STALE, "too late"
    elif patient is None:
        state, reason = REFUSED, "never joined"
    elif patient.unreachable_since is not None:
        state, reason = REFUSED, "blocked"
    elif patient.problem_at is not None or patient.paused_at is not None:
        state, reason = FROZEN, None
    elif not _is_wanted(session, row, patient.chat_id):
        state, reason = SKIPPED, "not wanted"
    elif row.kind == "offer" and visits.count_open(session, patient.chat_id, now):
        state, reason = SKIPPED, "booked again"
    row.state, row.reason = state, reason
    if state == REFUSED and reason is not None:
        _call(session, row, reason, now)
    return state == PLANNED


def _is_wanted(session: Session, row: FollowUp, chat_id: int) -> bool:
    """True where the patient agreed to this kind; reminders of a visit need only not to have been refused."""
    if row.kind == "visit":
        return consents.given(session, chat_id, consents.REMINDERS) is not False
    purpose = consents.OFFERS if row.kind == "offer" else consents.FOLLOW_UP
    return consents.given(session, chat_id, purpose) is True


def _without_older_reminders(rows: Sequence[FollowUp]) -> list[FollowUp]:
    """Of several reminders of one visit, as after a long stop, leave the newest."""
    newest: dict[int | None, FollowUp] = {}
    for row in rows:
        if row.kind == "visit" and row.text is None:
            if row.visit_id in newest:
                newest[row.visit_id].state, newest[row.visit_id].reason = SKIPPED, "a newer one"
            newest[row.visit_id] = row
    return [row for row in rows if row.state == PLANNED]


def _may_go_now(session: Session, clinic: Clinic, patient: Patient, row: FollowUp, now: datetime) -> bool:
    """True unless it is night, the day's message has been sent, or something worse is going on; then it waits."""
    goes_at = timing.polite(now, row.valid_until, plans.quiet(clinic, patient), clinic.tz, str(patient.chat_id))
    if goes_at < now:  # it ought to have gone before the night began
        row.state, row.reason = STALE, "quiet hours"
        return False
    if goes_at > now:
        _wait(clinic, row, goes_at)
        return False
    if row.kind == "offer" and patients.was_flagged(session, patient.chat_id, now):
        _wait(clinic, row, _tomorrow(clinic, row, now))
        return False
    if row.kind != "visit" and _is_daily(session, clinic, row) and _had_one_today(session, clinic, row, now):
        _wait(clinic, row, _tomorrow(clinic, row, now))
        return False
    return True


def _wait(clinic: Clinic, row: FollowUp, until: datetime) -> None:
    if until > row.valid_until:
        row.state, row.reason = SKIPPED, "one a day"
    else:
        row.due_at = until


def _tomorrow(clinic: Clinic, row: FollowUp, now: datetime) -> datetime:
    day = now.astimezone(clinic.tz).date() + timedelta(days=1)
    return timing.instant(day, row.planned_for.astimezone(clinic.tz).time(), clinic.tz)


def _is_daily(session: Session, clinic: Clinic, row: FollowUp) -> bool:
    visit = session.get(Visit, row.visit_id) if row.visit_id is not None else None
    step = plans.steps_of(clinic, visit).get(row.step) if visit is not None and row.text is None else None
    return step.daily if step is not None else row.text is None


def _had_one_today(session: Session, clinic: Clinic, row: FollowUp, now: datetime) -> bool:
    midnight = timing.instant(now.astimezone(clinic.tz).date(), time(0), clinic.tz)
    sent = select(FollowUp).where(FollowUp.chat_id == row.chat_id, FollowUp.state == SENT, FollowUp.sent_at >= midnight)
    return any(_is_daily(session, clinic, one) for one in session.scalars(sent))


def _part(session: Session, clinic: Clinic, row: FollowUp, now: datetime) -> Part:
    visit = session.get_one(Visit, row.visit_id)
    step = plans.steps_of(clinic, visit)[row.step] if row.text is None else None
    free: Sequence[Free] = ()
    if step is not None and "times" in step.buttons:
        free = next_times(session, clinic, visit, now)
    return Part(row.id, step, visits.card(session, clinic, visit), free, row.text)


def next_times(session: Session, clinic: Clinic, visit: Visit, now: datetime) -> list[Free]:
    """Return free times for the session after `visit`, inside the treatment's interval where there are such."""
    treatment, weeks = clinic.treatment(visit.treatment), plans.interval_weeks(session, clinic, visit)
    if treatment is None or weeks is None:
        return []
    opens = visit.ends_at + timedelta(weeks=weeks)
    closes = visit.ends_at + timedelta(weeks=max(weeks, treatment.interval_weeks[1]))
    found = slots.next_free(session, clinic, treatment, visit.practitioner, now, TIMES, after=opens)
    inside = [free for free in found if free.starts_at <= closes]
    return inside or slots.next_free(session, clinic, treatment, None, now, TIMES, after=opens)


def _call(session: Session, row: FollowUp, why: str, now: datetime) -> Call | None:
    """Note that somebody is to be telephoned, once a message."""
    key = f"{SUBJECT}:{row.id}"
    if session.scalar(select(Call.id).where(Call.key == key)) is not None:
        return None
    call = Call(key=key, visit_id=row.visit_id, chat_id=row.chat_id, why=why, what=row.step, created_at=now)
    session.add(call)
    return call
