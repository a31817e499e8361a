"""Follow-ups at the moment they are due: asked once more whether they still hold, and made one message a patient.

What is not sent keeps the reason why. Somebody who cannot be reached becomes a line in staff's call list.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Select, String, cast, exists, func, literal, or_, select, update
from sqlalchemy.orm import Session

from bot.clinic import consents, patients, plans, slots, staffroom, timing, visits
from bot.clinic.plans import CANCELLED, FROZEN, PLANNED, REFUSED, SENT, SKIPPED, STALE
from bot.clinic.slots import Free
from bot.clinic.timing import Quiet
from bot.config import Clinic
from bot.delivery.messages import Kind
from bot.programme import Step
from bot.store.models import Call, Consent, Course, Enquiry, Fact, FollowUp, Outgoing, Patient, Visit

SUBJECT = plans.SUBJECT
A_ROUND = 25
"""Steps looked at in one transaction."""
MOST_WAITING = 250
"""Messages of the programme that may wait to be sent, ten seconds' worth: what is asked of a step should still be so
when it goes."""
TIMES = 3
"""Free times offered with the next session."""
LOOK_BACK = timedelta(days=7)
"""How long it is looked whether a message arrived."""
HELD_BACK = "held back"
"""Why a reminder was not sent: a problem was open, or staff had paused the programme."""
UNHAPPY = ("unsure", "unhappy")
"""Answers to which a person at the clinic replies before anything is offered again."""
_ORDER = {"visit": 0, "care": 1, "offer": 2}
_Treatments = set[tuple[int | None, str]]
"""Chats, each with a treatment."""


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
    until: datetime | None = None
    """After that it is not to be sent any more: a part of it has passed its time, or the night has begun."""

    @property
    def subject(self) -> str:
        """What the message is about."""
        return f"{SUBJECT}:{self.parts[0].id}"


def make_rounds(session: Session, clinic: Clinic, now: datetime) -> tuple[list[Due], bool]:
    """Settle what is due, at most for `A_ROUND` steps; return the messages, and whether more is due."""
    if _is_much_waiting(session):
        return [], False  # the next round goes on
    due = select(FollowUp).where(FollowUp.state == PLANNED, FollowUp.due_at <= now)
    first = session.scalars(
        due.order_by(FollowUp.due_at, FollowUp.id).limit(A_ROUND).with_for_update(skip_locked=True)
    ).all()
    if not first:
        return [], False
    chats = {row.chat_id for row in first if row.chat_id is not None}
    # all that is due to one patient today is looked at together, so that it can be one message
    midnight = timing.instant(now.astimezone(clinic.tz).date() + timedelta(days=1), time(0), clinic.tz)
    today = select(FollowUp).where(FollowUp.state == PLANNED, FollowUp.due_at < midnight)
    theirs = today.where(FollowUp.chat_id.in_(chats)).with_for_update(skip_locked=True)
    rows = {row.id: row for row in (*first, *session.scalars(theirs))}
    by_chat: dict[int | None, list[FollowUp]] = {}
    for row in sorted(rows.values(), key=_rank):
        by_chat.setdefault(row.chat_id, []).append(row)
    this = _Round(session, clinic, rows.values(), chats, now)
    with session.no_autoflush:  # nothing that is read for one patient was written for another
        found = [this.settle(chat_id, mine) for chat_id, mine in by_chat.items()]
    return [one for one in found if one is not None], len(first) == A_ROUND


def _rank(row: FollowUp) -> tuple[int, datetime, int]:
    return _ORDER[row.kind], row.planned_for, row.id


def next_due(session: Session) -> datetime | None:
    """Return when the next step is due."""
    return session.scalar(select(func.min(FollowUp.due_at)).where(FollowUp.state == PLANNED))


def freeze(session: Session, chat_id: int, now: datetime) -> None:
    """Hold back everything planned for a patient, and what was made a message of and has not gone."""
    mine = update(FollowUp).where(FollowUp.chat_id == chat_id, FollowUp.state == PLANNED)
    session.execute(mine.values(state=FROZEN))
    plans.retract(session, now, FollowUp.chat_id == chat_id)
    session.execute(mine.values(state=FROZEN))


def thaw(session: Session, chat_id: int, now: datetime) -> None:
    """Let the programme go on, unless something else holds it back; of what has passed its time staff are told."""
    patient = session.get(Patient, chat_id)
    if patient is not None and patient.problem_at is None and patient.paused_at is None:
        _lapse(session, [chat_id], now)
        mine = update(FollowUp).where(FollowUp.chat_id == chat_id, FollowUp.state == FROZEN)
        session.execute(mine.values(state=PLANNED))


def note_lapsed(session: Session, now: datetime) -> None:
    """Put those on the call list whose reminders, or whose messages of staff's, passed their time while held back."""
    held_back = or_(Patient.problem_at.is_not(None), Patient.paused_at.is_not(None))
    _lapse(session, session.scalars(select(Patient.chat_id).where(held_back)).all(), now)


def _lapse(session: Session, chats: Collection[int], now: datetime) -> None:
    if not chats:
        return
    mine = select(FollowUp).where(FollowUp.chat_id.in_(chats), FollowUp.state == FROZEN, FollowUp.valid_until < now)
    for row in session.scalars(mine.where(or_(FollowUp.kind == "visit", FollowUp.text.is_not(None)))).all():
        row.state, row.reason = STALE, HELD_BACK
        plans.to_telephone(session, row, HELD_BACK, now)


def call_off_offers(session: Session, chat_id: int, reason: str, now: datetime) -> None:
    """Cancel what is planned to promote anything to a patient, and what has not gone yet."""
    offers = (FollowUp.chat_id == chat_id, FollowUp.kind == "offer")
    plans.retract(session, now, *offers)
    planned = update(FollowUp).where(*offers, FollowUp.state.in_(plans.OPEN))
    session.execute(planned.values(state=CANCELLED, reason=reason))


def note_undelivered(session: Session, now: datetime) -> list[Call]:
    """Put those whom a message did not reach, or may not have reached, on the call list; returns the new lines."""
    repeat = Outgoing.__table__.alias("repeat")
    arrived = exists().where(
        repeat.c.chat_id == Outgoing.chat_id,
        repeat.c.repeats == Outgoing.id,
        repeat.c.state.in_(("sent", "pending", "sending")),
    )
    noted = exists().where(Call.key == literal(f"{SUBJECT}:") + cast(FollowUp.id, String))
    lost = _in_outbox(FollowUp, Outgoing.state, now=now).where(
        Outgoing.state.in_(("failed", "parked", "unknown")), ~arrived, ~noted
    )
    whys = {"failed": "refused", "parked": "blocked", "unknown": "uncertain"}
    found = [plans.to_telephone(session, row, whys[state], now) for row, state in session.execute(lost)]
    return [one for one in found if one is not None]


def take_back(session: Session, now: datetime) -> None:
    """Plan again what the outbox could not send before `Due.until`: it is asked anew whether it still holds."""
    newer = Outgoing.__table__.alias("newer")
    since = exists().where(
        newer.c.chat_id == Outgoing.chat_id, newer.c.subject == Outgoing.subject, newer.c.id > Outgoing.id
    )
    unsent = _in_outbox(FollowUp.id, FollowUp.chat_id, now=now).where(
        Outgoing.state == "stale", Outgoing.repeats.is_(None), ~since
    )
    if found := session.execute(unsent).all():
        mine = update(FollowUp).where(
            FollowUp.chat_id.in_({row.chat_id for row in found}),
            FollowUp.state == SENT,
            FollowUp.sent_with.in_([row.id for row in found]),
        )
        session.execute(mine.values(state=PLANNED, due_at=now, sent_at=None, sent_with=None))


def _in_outbox(*what: Any, now: datetime) -> Select[Any]:
    """Return a query of follow-ups of the last days, and of what became of the message that each heads."""
    subject = literal(f"{SUBJECT}:") + cast(FollowUp.sent_with, String)
    return (
        select(*what)
        .join(Outgoing, (Outgoing.chat_id == FollowUp.chat_id) & (Outgoing.subject == subject))
        .where(FollowUp.state == SENT, FollowUp.sent_at > now - LOOK_BACK, FollowUp.id == FollowUp.sent_with)
    )


# --- one round


class _Round:
    """One look at what is due. What it takes to decide is read for all patients at once: in a backlog, reading it for
    each would keep everybody who writes waiting."""

    def __init__(
        self, session: Session, clinic: Clinic, rows: Iterable[FollowUp], chats: Collection[int], now: datetime
    ) -> None:
        self._session = session
        self._clinic = clinic
        self._now = now
        self._programmes: dict[str, dict[str, Step]] = {}
        self._free: dict[_Gap, list[Free]] = {}
        of_rows = select(Visit).where(Visit.id.in_({row.visit_id for row in rows if row.visit_id is not None}))
        self._visits = {visit.id: visit for visit in session.scalars(of_rows)}
        self._patients = {
            one.chat_id: one for one in session.scalars(select(Patient).where(Patient.chat_id.in_(chats)))
        }
        in_courses = {visit.course_id for visit in self._visits.values() if visit.course_id is not None}
        # held, so that the session has at hand what is asked of it by key
        self._held = (
            session.get(Fact, staffroom.STAFF_CHAT),
            session.scalars(select(Course).where(Course.id.in_(in_courses))).all(),
        )
        self._consents = _newest_consents(session, chats)
        offered = {row.chat_id for row in rows if row.kind == "offer" and row.chat_id is not None}
        self._booked, self._asked = _booked(session, offered, now) if offered else (set(), set())
        self._owed_an_answer = _owed_an_answer(session, offered) if offered else set()
        self._had_one_today = self._who_had_one_today(chats)

    def settle(self, chat_id: int | None, rows: Sequence[FollowUp]) -> Due | None:
        """Settle what is due to one patient; return the message, if there is to be one."""
        later = [row for row in rows if row.due_at > self._now]
        going = [row for row in rows if row.due_at <= self._now and self._still_holds(row)]
        if not going or chat_id is None:
            return None
        patient = self._patients[chat_id]
        going = [row for row in _without_older_reminders(going) if self._may_go_now(patient, row)]
        going = self._with_todays(going, later)
        if not going:
            return None
        if going[0].kind != "offer":  # nothing is promoted in a message about somebody's health
            for row in going:
                if row.kind == "offer":
                    self._wait(row, self._tomorrow(row))
            going = [row for row in going if row.kind != "offer"]
        for row in going:
            row.state, row.sent_at, row.sent_with = SENT, self._now, going[0].id
        until = [row.valid_until for row in going]
        if (night := _nightfall(self._now, plans.quiet(self._clinic, patient), self._clinic.tz)) is not None:
            until.append(night)
        return Due(chat_id, patient.language, going[0].kind, [self._part(row) for row in going], min(until))

    def _with_todays(self, going: Sequence[FollowUp], later: Sequence[FollowUp]) -> list[FollowUp]:
        """Make one message of what a day has: a reminder takes along what would follow it today, and what is no
        reminder waits for one."""
        daily = [row for row in going if self._is_daily(row, self._visit(row))]
        rest = [
            row
            for row in later
            if row.kind != "offer" and self._is_daily(row, self._visit(row)) and self._verdict(row) == (PLANNED, None)
        ]
        if any(row.kind == "visit" for row in daily):
            return sorted((*going, *rest), key=_rank)
        reminders = [row.due_at for row in rest if row.kind == "visit"]
        for row in daily:
            if row.kind == "offer" and rest:
                self._wait(row, self._tomorrow(row))
            elif row.kind == "care" and reminders and min(reminders) <= row.valid_until:
                self._wait(row, min(reminders))
        return [row for row in going if row.state == PLANNED and row.due_at <= self._now]

    def _still_holds(self, row: FollowUp) -> bool:
        """Ask of a step whether it is still to be said; if not, settle it with the reason."""
        row.state, row.reason = self._verdict(row)
        if row.state == REFUSED and row.reason is not None:
            plans.to_telephone(self._session, row, row.reason, self._now)
        return row.state == PLANNED

    def _verdict(self, row: FollowUp) -> tuple[str, str | None]:  # noqa: PLR0911  one reason, one answer
        visit = self._visit(row)
        patient = self._patients.get(row.chat_id) if row.chat_id is not None else None
        if visit is None:
            return CANCELLED, "no visit"
        step = self._steps(visit).get(row.step)
        if row.text is None and step is None:
            return CANCELLED, "not in the programme"
        if row.text is None and step and not plans.still_wants(self._session, self._clinic, visit, step, row):
            return CANCELLED, plans.CHANGED
        if self._now > row.valid_until:
            return STALE, "too late"
        if patient is None:
            return REFUSED, "never joined"
        if not self._is_wanted(row, patient.chat_id):  # before all that would have them telephoned about it
            return SKIPPED, "not wanted"
        if patient.unreachable_since is not None:
            return REFUSED, "blocked"
        if patient.problem_at is not None or patient.paused_at is not None:
            return FROZEN, None
        if row.kind == "offer" and (patient.chat_id, visit.treatment) in self._booked:
            return SKIPPED, "booked again"
        return PLANNED, None

    def _is_wanted(self, row: FollowUp, chat_id: int) -> bool:
        purpose = consents.OF_KIND[row.kind]
        return consents.stands(purpose, self._consents.get((chat_id, purpose)))

    def _may_go_now(self, patient: Patient, row: FollowUp) -> bool:
        """True unless it is night, the day's message has been sent, or something worse is going on; then it waits."""
        clinic, now = self._clinic, self._now
        goes_at = timing.polite(now, row.valid_until, plans.quiet(clinic, patient), clinic.tz, str(patient.chat_id))
        if goes_at < now:  # it ought to have gone before the night began
            row.state, row.reason = STALE, "quiet hours"
            return False
        if goes_at > now:
            self._wait(row, goes_at)
            return False
        if row.kind == "offer" and self._is_no_time_for_offers(patient.chat_id, row):
            self._wait(row, self._tomorrow(row))
            return False
        if row.kind != "visit" and self._is_daily(row, self._visit(row)) and patient.chat_id in self._had_one_today:
            self._wait(row, self._tomorrow(row))
            return False
        return True

    def _is_no_time_for_offers(self, chat_id: int, row: FollowUp) -> bool:
        """True while something worse is going on, a person owes the patient an answer, or staff decide on a visit."""
        visit = self._visit(row)
        asked = visit is not None and (chat_id, visit.treatment) in self._asked
        is_open = chat_id in self._owed_an_answer
        return asked or is_open or patients.was_flagged(self._session, chat_id, self._now)

    def _wait(self, row: FollowUp, until: datetime) -> None:
        if until > row.valid_until:
            row.state, row.reason = SKIPPED, "one a day"
        else:
            row.due_at = until

    def _tomorrow(self, row: FollowUp) -> datetime:
        zone = self._clinic.tz
        day = self._now.astimezone(zone).date() + timedelta(days=1)
        return timing.instant(day, row.planned_for.astimezone(zone).time(), zone)

    def _who_had_one_today(self, chats: Collection[int]) -> set[int | None]:
        midnight = timing.instant(self._now.astimezone(self._clinic.tz).date(), time(0), self._clinic.tz)
        sent = select(FollowUp, Visit).outerjoin(Visit, Visit.id == FollowUp.visit_id)
        today = (FollowUp.chat_id.in_(chats), FollowUp.state == SENT, FollowUp.sent_at >= midnight)
        return {row.chat_id for row, visit in self._session.execute(sent.where(*today)) if self._is_daily(row, visit)}

    def _is_daily(self, row: FollowUp, visit: Visit | None) -> bool:
        step = self._steps(visit).get(row.step) if visit is not None and row.text is None else None
        return step.daily if step is not None else row.text is None

    def _part(self, row: FollowUp) -> Part:
        visit = self._visits[row.visit_id or 0]
        step = self._steps(visit)[row.step] if row.text is None else None
        free = self._times(visit) if step is not None and "times" in step.buttons else ()
        return Part(row.id, step, visits.card(self._session, self._clinic, visit), free, row.text)

    def _times(self, visit: Visit) -> Sequence[Free]:
        """Return times for the next session, looked for once where it is the same for several patients."""
        gap = _gap(self._session, self._clinic, visit, self._now)
        if gap is None:
            return ()
        if gap not in self._free:
            self._free[gap] = _times_in(self._session, self._clinic, gap, self._now)
        return self._free[gap]

    def _visit(self, row: FollowUp) -> Visit | None:
        return self._visits.get(row.visit_id) if row.visit_id is not None else None

    def _steps(self, visit: Visit) -> dict[str, Step]:
        if visit.treatment not in self._programmes:
            self._programmes[visit.treatment] = plans.steps_of(self._clinic, visit)
        return self._programmes[visit.treatment]


def _is_much_waiting(session: Session) -> bool:
    """True while messages wait to be sent as when Telegram is not to be reached."""
    waiting = select(Outgoing.id).where(Outgoing.state == "pending", Outgoing.urgency == Kind.CARE.urgency)
    return len(session.scalars(waiting.limit(MOST_WAITING)).all()) == MOST_WAITING


def _booked(session: Session, chats: Collection[int], now: datetime) -> tuple[_Treatments, _Treatments]:
    """Return by chat for which treatments a visit to come is sure, and for which it is asked."""
    live = (Visit.chat_id.in_(chats), Visit.status.in_(visits.LIVE), Visit.ends_at > now)
    sure: _Treatments = set()
    asked: _Treatments = set()
    for visit in session.scalars(select(Visit).where(*live)):
        is_sure = visit.status == visits.CONFIRMED or visit.kept_starts_at is not None
        (sure if is_sure else asked).add((visit.chat_id, visit.treatment))
    return sure, asked


def _owed_an_answer(session: Session, chats: Collection[int]) -> set[int]:
    """Return who waits for a person's answer: a conversation is open, or nobody came to what they were not happy
    with."""
    open_ones = select(Enquiry.chat_id).where(
        Enquiry.chat_id.in_(chats), Enquiry.urgent.is_(False), Enquiry.state != "closed"
    )
    unhappy = (FollowUp.chat_id.in_(chats), FollowUp.state == SENT, FollowUp.answer.in_(UNHAPPY))
    told = (Enquiry.chat_id == FollowUp.chat_id) & (Enquiry.opened_at == FollowUp.answered_at)
    unheard = select(Enquiry.chat_id).join(FollowUp, told).where(*unhappy, Enquiry.handled_by.is_(None))
    return {*session.scalars(open_ones), *session.scalars(unheard)}


def _newest_consents(session: Session, chats: Collection[int]) -> dict[tuple[int, str], bool]:
    """Return what each patient said last, by chat and purpose."""
    newest = select(func.max(Consent.id)).where(Consent.chat_id.in_(chats)).group_by(Consent.chat_id, Consent.purpose)
    found = select(Consent.chat_id, Consent.purpose, Consent.given).where(Consent.id.in_(newest))
    return {(row.chat_id, row.purpose): row.given for row in session.execute(found)}


def _nightfall(now: datetime, quiet: Quiet, zone: ZoneInfo) -> datetime | None:
    """Return the minute before the next quiet hours begin; None where there are none."""
    if quiet.begins == quiet.ends:
        return None
    today = now.astimezone(zone).date()
    begins = (timing.instant(today + timedelta(days=ahead), quiet.begins, zone) for ahead in (0, 1))
    return next(at for at in begins if at > now) - timedelta(minutes=1)


def _without_older_reminders(rows: Sequence[FollowUp]) -> list[FollowUp]:
    """Of several reminders of one visit, as after a long stop, leave the newest."""
    newest: dict[int | None, FollowUp] = {}
    for row in rows:
        if row.kind == "visit" and row.text is None:
            if row.visit_id in newest:
                newest[row.visit_id].state, newest[row.visit_id].reason = SKIPPED, "a newer one"
            newest[row.visit_id] = row
    return [row for row in rows if row.state == PLANNED]


# --- the next session


@dataclass(frozen=True, slots=True)
class _Gap:
    """The days on which the next session is to be, and what it is, with whom."""

    treatment: str
    practitioner: str
    first: date
    last: date


def next_times(session: Session, clinic: Clinic, visit: Visit, now: datetime) -> list[Free]:
    """Return free times for the session after `visit`, inside the treatment's interval where there are such."""
    gap = _gap(session, clinic, visit, now)
    return _times_in(session, clinic, gap, now) if gap is not None else []


def _gap(session: Session, clinic: Clinic, visit: Visit, now: datetime) -> _Gap | None:
    """Return the days from now on inside the interval, which opens and closes with whole days of the clinic."""
    treatment, weeks = clinic.treatment(visit.treatment), plans.interval_weeks(session, clinic, visit)
    if treatment is None or weeks is None:
        return None
    ended, today = (moment.astimezone(clinic.tz).date() for moment in (visit.ends_at, now))
    first = max(ended + timedelta(weeks=weeks), today)
    last = ended + timedelta(weeks=max(weeks, treatment.interval_weeks[1]))
    return _Gap(treatment.id, visit.practitioner, first, last)


def _times_in(session: Session, clinic: Clinic, gap: _Gap, now: datetime) -> list[Free]:
    treatment = clinic.treatment(gap.treatment)
    if treatment is None:
        return []
    opens = timing.instant(gap.first, time(0), clinic.tz)
    found = slots.next_free(session, clinic, treatment, gap.practitioner, now, TIMES, after=opens)
    inside = [free for free in found if free.starts_at.astimezone(clinic.tz).date() <= gap.last]
    return inside or slots.next_free(session, clinic, treatment, None, now, TIMES, after=opens)
