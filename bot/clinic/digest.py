"""The week in numbers, for staff: what became of requests, visits, messages and questions, beside the week before.

What patients and staff did with visits is counted from the audit, which stays when a patient's data goes; the rest
from the tables as they are. A week is the clinic's, from Monday to Sunday.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from statistics import median

from sqlalchemy import Row, Select, func, select
from sqlalchemy.orm import InstrumentedAttribute, Session

from bot.clinic import enquiries, opening, staffroom, timing, visits
from bot.clinic.calls import NEVER_JOINED
from bot.clinic.insights import UNANSWERED
from bot.clinic.visits import COMPLETED, NO_SHOW, REQUESTED, NotHere
from bot.config import WEEKDAYS, Clinic, Week
from bot.store.models import Audit, Call, Enquiry, Fact, Patient, Question, Visit

SENT = "digest sent"
"""The Monday of the last week whose digest was sent."""
WEEKS = 8
"""Weeks of visits that stand side by side."""
WEEK, LATEST = timedelta(days=7), timedelta(days=2)
"""How late a digest is sent after the program was down."""

ASKED, MOVED = "visit requested", "visit moved"
DECISIONS = ("visit confirmed", "visit proposed", "visit declined")
ENDS = ("visit done", "visit missed", "visit's end taken back")
CANCELLED = "visit cancelled"
COUNTED = (ASKED, MOVED, *DECISIONS, *ENDS, CANCELLED, "visit entered", "visit accepted", "visit refused",
           "visit expired", "proposal lapsed")  # fmt: skip

NO_QUESTIONS = ("urgent", "book", "smalltalk")
"""Routes of what is no question; what may be an emergency is counted for itself."""
LOOKED_AFTER = ("alert acknowledged", "enquiry talking", "enquiry closed")


@dataclass(frozen=True, slots=True)
class Numbers:
    """What happened in a week."""

    requests: int
    entered: int
    """Visits that staff entered."""
    confirmed: int
    declined: int
    expired: int
    moved: int
    """Other times that patients asked for."""
    cancelled_by_patients: int
    cancelled_by_staff: int
    decided_after: timedelta | None
    """Of opening hours, the median; None where nothing was decided."""
    done: int
    missed: int
    new_patients: int
    questions: int
    left_open: int
    """Questions without an answer, or with one that did not help."""
    helpful: int
    unhelpful: int
    undelivered: int
    """Messages that did not arrive, or may not have."""
    to_call: int
    """People who were still to be telephoned when it ended."""
    alerts: int
    """Possible emergencies."""
    unseen: int
    """Those of them that nobody has acknowledged."""
    seen_after: timedelta | None
    """How long the one that waited longest waited for somebody."""

    @property
    def cancelled(self) -> int:
        """By whomever."""
        return self.cancelled_by_patients + self.cancelled_by_staff

    @property
    def missed_share(self) -> float | None:
        """Of the visits that were to be; None where there were none."""
        return self.missed / (self.done + self.missed) if self.done + self.missed else None

    @property
    def is_quiet(self) -> bool:
        """True where nothing happened that anybody would want to read."""
        happened = (self.requests, self.entered, self.confirmed, self.declined, self.expired, self.moved)
        others = (self.cancelled, self.done, self.missed, self.new_patients, self.questions, self.undelivered)
        return not any((*happened, *others, self.alerts))


@dataclass(frozen=True, slots=True)
class Digest:
    """A week beside the one before."""

    monday: date
    staff_chat: int
    numbers: Numbers
    before: Numbers
    visits: Sequence[tuple[date, int, int]]
    """Mondays and the visits done and missed in their weeks, the last one its own; from the first that had any."""
    is_over: bool
    has_earlier: bool
    has_later: bool
    is_first: bool
    """True where nothing at all is known until its end."""


@dataclass(frozen=True, slots=True)
class _Span:
    start: datetime
    end: datetime

    def holds(self, at: datetime) -> bool:
        return self.start <= at < self.end


_Entry = Row[datetime, str, str, str | None, str | None]
"""Of the audit: when, what, of which visit, from which state, to which."""


# --- when


def week_due(clinic: Clinic, now: datetime) -> date | None:
    """Return the Monday of the week of which staff are to hear now, if it is time for one."""
    if not clinic.digest.weekly:
        return None
    this = _monday(clinic, now)
    for monday in (this, this - WEEK):
        day = _day_after(clinic, monday)
        due = timing.instant(day, clinic.digest.at, clinic.tz) if day else None
        if due is not None and due <= now < due + LATEST:
            return monday - WEEK
    return None


def _day_after(clinic: Clinic, monday: date) -> date | None:
    """Return the day on which staff hear of the week before `monday`: the first one that the clinic is open."""
    first = monday + timedelta(days=WEEKDAYS.index(clinic.digest.day))
    if clinic.hours == Week():
        return first
    return next((day for day in (first + timedelta(days=n) for n in range(7)) if clinic.open_on(day)), None)


def take(session: Session, monday: date) -> bool:
    """Note that the digest of a week is being sent; False where it was."""
    told = session.get(Fact, SENT)
    if told is not None and told.value >= monday.isoformat():
        return False
    session.merge(Fact(name=SENT, value=monday.isoformat()))
    return True


def owed(session: Session, clinic: Clinic, monday: date, now: datetime) -> Digest | None:
    """Return the digest of a week where it was not sent and there is a staff group."""
    staff_chat, told = staffroom.chat(session), session.get(Fact, SENT)
    if staff_chat is None or (told is not None and told.value >= monday.isoformat()):
        return None
    return _digest(session, clinic, staff_chat, monday, now)


# --- what


def look(session: Session, clinic: Clinic, staff_chat: int, monday: date | None, now: datetime) -> Digest | NotHere:
    """Return the digest of a week, the last whole one if none is named, for the staff group."""
    this = _monday(clinic, now)
    week = this - WEEK if monday is None else monday
    known = _earliest(clinic, this) <= week <= this and week.weekday() == 0
    if staffroom.chat(session) != staff_chat or not known:
        return NotHere()
    return _digest(session, clinic, staff_chat, week, now)


def _monday(clinic: Clinic, now: datetime) -> date:
    today = now.astimezone(clinic.tz).date()
    return today - timedelta(days=today.weekday())


def _earliest(clinic: Clinic, this: date) -> date:
    """Return the Monday of the earliest week of which questions and messages are still kept."""
    return this - WEEK * max(clinic.privacy.chat_days // 7 - 1, 1)


def _digest(session: Session, clinic: Clinic, staff_chat: int, monday: date, now: datetime) -> Digest:
    mondays = [monday - WEEK * back for back in range(WEEKS - 1, -1, -1)]
    spans = {one: _span(clinic, one) for one in mondays}
    rows = _audit(session, _Span(spans[mondays[0]].start, spans[monday].end))
    columns = [(one, *_ends(row for row in rows if spans[one].holds(row.at))) for one in mondays]
    first = next((place for place, (_, *counts) in enumerate(columns) if any(counts)), WEEKS - 1)
    numbers, before = (_numbers(session, clinic, spans[one], rows, now) for one in (monday, monday - WEEK))
    this = _monday(clinic, now)
    return Digest(
        monday,
        staff_chat,
        numbers,
        before,
        columns[first:],
        is_over=monday < this,
        has_earlier=monday > _earliest(clinic, this),
        has_later=monday < this,
        is_first=_is_first(session, spans[monday].end),
    )


def _span(clinic: Clinic, monday: date) -> _Span:
    start, end = (timing.instant(day, time(), clinic.tz) for day in (monday, monday + WEEK))
    return _Span(start, end)


def _audit(session: Session, span: _Span) -> Sequence[_Entry]:
    """Return what was done about visits, in order."""
    found = select(Audit.at, Audit.action, Audit.subject, Audit.before, Audit.after).where(
        Audit.at >= span.start, Audit.at < span.end, Audit.action.in_(COUNTED)
    )
    return session.execute(found.order_by(Audit.at, Audit.id)).all()


def _is_first(session: Session, end: datetime) -> bool:
    patient = session.scalar(select(Patient.chat_id).where(Patient.started_at < end).limit(1))
    return patient is None and session.scalar(select(Visit.id).where(Visit.created_at < end).limit(1)) is None


def _ends(rows: Iterable[_Entry]) -> tuple[int, int]:
    """Return how many visits were done and missed: what was said of each last counts."""
    last = {row.subject: row.after for row in rows if row.action in ENDS}
    counts = Counter(last.values())
    return counts[COMPLETED], counts[NO_SHOW]


def _numbers(
    session: Session,
    clinic: Clinic,
    span: _Span,
    audit: Iterable[_Entry],
    now: datetime,
) -> Numbers:
    rows = [row for row in audit if span.holds(row.at)]
    actions = Counter(row.action for row in rows)
    done, missed = _ends(rows)
    cancelled = _who_cancelled(session, [row.subject for row in rows if row.action == CANCELLED])
    questions, left_open, rated = _questions(session, span)
    waits = _alerts(session, span)
    seen = [wait for wait in waits if wait is not None]
    return Numbers(
        requests=actions[ASKED],
        entered=actions["visit entered"],
        confirmed=actions["visit confirmed"] + actions["visit accepted"],
        declined=actions["visit declined"],
        expired=actions["visit expired"] + actions["proposal lapsed"],
        moved=actions[MOVED],
        cancelled_by_patients=cancelled[visits.BY_PATIENT] + actions["visit refused"],
        cancelled_by_staff=cancelled[visits.BY_STAFF],
        decided_after=_decided_after(session, clinic, rows),
        done=done,
        missed=missed,
        new_patients=session.scalar(_within(Patient.started_at, span)) or 0,
        questions=questions,
        left_open=left_open,
        helpful=rated[True],
        unhelpful=rated[False],
        undelivered=session.scalar(_within(Call.created_at, span).where(Call.why != NEVER_JOINED)) or 0,
        to_call=_to_call(session, min(span.end, now)),
        alerts=len(waits),
        unseen=len(waits) - len(seen),
        seen_after=max(seen, default=None),
    )


def _within(column: InstrumentedAttribute[datetime], span: _Span) -> Select[int]:
    return select(func.count()).where(column >= span.start, column < span.end)


def _who_cancelled(session: Session, subjects: Iterable[str]) -> Counter[str | None]:
    ids = [_number(subject) for subject in subjects]
    return Counter(session.scalars(select(Visit.ended_by).where(Visit.id.in_(ids))))


def _decided_after(session: Session, clinic: Clinic, rows: Iterable[_Entry]) -> timedelta | None:
    """Return the median of opening hours from a request to what staff said to it."""
    decided = [row for row in rows if row.action in DECISIONS and row.before == REQUESTED]
    asked = select(Audit.subject, Audit.at).where(
        Audit.subject.in_({row.subject for row in decided}), Audit.action.in_((ASKED, MOVED))
    )
    when: dict[str, list[datetime]] = {}
    for subject, at in session.execute(asked.order_by(Audit.at)):
        when.setdefault(subject, []).append(at)
    waits = [
        opening.between(clinic, max(before), row.at).total_seconds()
        for row in decided
        if (before := [at for at in when.get(row.subject, ()) if at <= row.at])
    ]
    return timedelta(seconds=median(waits)) if waits else None


def _questions(session: Session, span: _Span) -> tuple[int, int, Counter[bool]]:
    """Return how many questions there were, how many are left open as /gaps counts them, and how answers were rated."""
    found = session.execute(
        select(Question.route, Question.personal, Question.helpful, func.count())
        .where(Question.asked_at >= span.start, Question.asked_at < span.end, Question.route.not_in(NO_QUESTIONS))
        .group_by(Question.route, Question.personal, Question.helpful)
    ).all()
    rated: Counter[bool] = Counter()
    asked = left_open = 0
    for route, personal, helpful, count in found:
        asked += count
        left_open += count if not personal and (route in UNANSWERED or helpful is False) else 0
        if helpful is not None:
            rated[helpful] += count
    return asked, left_open, rated


def _to_call(session: Session, at: datetime) -> int:
    """Return how many people were on the call list."""
    not_yet = (Call.created_at < at) & (Call.done_at.is_(None) | (Call.done_at >= at))
    return session.scalar(select(func.count(Call.visit_id.distinct())).where(not_yet)) or 0


def _alerts(session: Session, span: _Span) -> list[timedelta | None]:
    """Return how long each possible emergency waited until somebody looked after it; None for nobody."""
    urgent = select(Enquiry.id, Enquiry.opened_at).where(
        Enquiry.urgent, Enquiry.opened_at >= span.start, Enquiry.opened_at < span.end
    )
    opened = {f"{enquiries.SUBJECT}:{row.id}": row.opened_at for row in session.execute(urgent)}
    seen = (
        select(Audit.subject, func.min(Audit.at))
        .where(Audit.subject.in_(opened), Audit.action.in_(LOOKED_AFTER))
        .group_by(Audit.subject)
    )
    first = {row[0]: row[1] for row in session.execute(seen)}
    return [first[subject] - at if subject in first else None for subject, at in opened.items()]


def _number(subject: str) -> int:
    return int(subject.partition(":")[2])
