"""Visits, from the request to the end: who may change them, when, and what time they hold.

A visit is `requested` until staff decide; `proposed` while another time of staff's waits for the patient's answer; and
then `confirmed`. It ends as `completed` or `no_show`, or before that as `declined`, `cancelled` or `expired`. A
confirmed visit that is to be moved keeps its time (`kept_starts_at`) until the other one is decided, and falls back on
it where the answer is no.

Every change is asked for with the version that its button showed. Where the visit has changed since, the outcome is
`Late` with the visit as it is now. Every change leaves an audit row and raises the version.
"""

import secrets
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, collate, func, or_, select
from sqlalchemy.orm import Session

from bot.clinic import opening, patients, plans, slots, staffroom
from bot.clinic.slots import Free
from bot.config import Clinic, Treatment
from bot.delivery import outbox
from bot.store.models import Audit, Call, Fact, Patient, Visit

SUBJECT = "visit"
REQUESTED, PROPOSED, CONFIRMED = "requested", "proposed", plans.COUNTED_ON
COMPLETED, NO_SHOW = plans.DONE, "no_show"
DECLINED, CANCELLED, EXPIRED = "declined", "cancelled", "expired"
LIVE = (REQUESTED, PROPOSED, CONFIRMED)
"""States in which a visit holds time."""
BY_PATIENT, BY_STAFF, BY_TIME = "patient", "staff", "time"
ASKED, MOVED = "visit requested", "visit moved"
"""What the audit calls a patient's wishes."""
NEWS = frozenset({CONFIRMED, PROPOSED, CANCELLED, DECLINED, EXPIRED})
"""States that the patient is told of where somebody else brought them about."""
MOST_AN_HOUR = 10
"""Such wishes of one patient within an hour: each is a card that staff have to read."""
CODE = "BCDFGHJKLMNPQRSTVWXZ23456789"
"""Letters and digits that nobody mixes up over the telephone, and that make no words."""
CODE_LENGTH = 5
OTHERS_OFFERED = 6
"""Free times shown where the one that was wanted is not to be had."""
A_ROUND = 50
"""Visits looked after in one transaction."""
FOUND = 20
"""Visits shown for one search."""
ASK_AGAIN, MOST_ASKED = timedelta(days=1), 3
"""How often staff are asked how a visit was."""
UNMARKED_FOR = timedelta(days=30)
"""How long a visit of which nobody said how it was is listed."""
LAST_CALL = timedelta(hours=1)
"""Before a visit, that a request for it is decided at the latest."""
FREED = "time freed"
"""The fact that something has become free since the wishes for an earlier time were last looked at."""


@dataclass(frozen=True, slots=True)
class Actor:
    """A member of staff."""

    id: int | None
    name: str


@dataclass(frozen=True, slots=True)
class Card:
    """A visit as both sides see it."""

    visit_id: int
    version: int
    code: str
    status: str
    chat_id: int | None
    language: str
    name: str
    phone: str
    treatment: str
    practitioner: str
    starts_at: datetime
    ends_at: datetime
    kept_practitioner: str | None
    kept_starts_at: datetime | None
    flagged: bool
    requested_at: datetime
    decided_by: str | None
    decided_at: datetime | None
    reason: str | None
    ended_by: str | None
    staff_chat: int
    """0 where no staff group is connected."""
    message_ids: tuple[int, ...]
    """The card's messages in the staff group that have arrived; it may stand there more than once."""
    reachable: bool
    """False where the patient has no chat with the bot, or blocked it."""
    patient_name: str
    """As Telegram shows it; empty without a chat."""
    answered_at: datetime | None
    """When the patient said that they come, at the time that is confirmed."""

    @property
    def subject(self) -> str:
        """What messages about it are about, so that a reply to one of them finds the visit."""
        return f"{SUBJECT}:{self.visit_id}"

    @property
    def message_id(self) -> int | None:
        """The card's first message, which notes about it answer."""
        return self.message_ids[0] if self.message_ids else None

    @property
    def is_move(self) -> bool:
        """True while another time than the confirmed one is being decided."""
        return self.kept_starts_at is not None


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a finished form asks for; with a `visit_id`, that visit at another time."""

    treatment: str
    practitioner: str
    starts_at: datetime
    name: str
    phone: str
    screening: Mapping[str, str]
    """Answers by question: yes, no or unsure."""
    visit_id: int | None = None


# --- outcomes


@dataclass(frozen=True, slots=True)
class Requested:
    """The time is held, and staff are asked; `moved` where it is another time for a visit."""

    card: Card
    moved: bool


@dataclass(frozen=True, slots=True)
class Taken:
    """The time is not to be had any more; these are."""

    free: Sequence[Free]


@dataclass(frozen=True, slots=True)
class TooMany:
    """The patient has as many visits open as one may have."""

    most: int


@dataclass(frozen=True, slots=True)
class TooOften:
    """The patient has asked for so much within the hour that staff would read nothing else."""


@dataclass(frozen=True, slots=True)
class TooLate:
    """The visit is nearer than the clinic's notice."""

    card: Card
    notice_hours: int


@dataclass(frozen=True, slots=True)
class NoStaff:
    """No staff group is connected, so that nobody would decide."""


@dataclass(frozen=True, slots=True)
class NotHere:
    """There is no such visit, it is somebody else's, or this is not the staff group."""


@dataclass(frozen=True, slots=True)
class Changed:
    """It is done; `card` shows the visit as it is now."""

    card: Card


@dataclass(frozen=True, slots=True)
class Late:
    """The visit has changed since the button was shown."""

    card: Card


@dataclass(frozen=True, slots=True)
class Details:
    """The answers to the screening questions, for staff who asked to see them."""

    card: Card
    screening: Mapping[str, str]


RequestOutcome = Requested | Taken | TooMany | TooOften | TooLate | NoStaff | Late | NotHere
ChangeOutcome = Changed | Late | NotHere


# --- the patient's side


def request(session: Session, clinic: Clinic, chat_id: int, wanted: Wanted, now: datetime) -> RequestOutcome:
    """Ask staff for a visit, or for another time of one, and hold the time until they decide."""
    if staffroom.chat(session) is None:
        return NoStaff()
    if _asked_lately(session, chat_id, now) >= MOST_AN_HOUR:
        return TooOften()
    if wanted.visit_id is not None:
        return move(session, clinic, wanted.visit_id, chat_id, wanted.practitioner, wanted.starts_at, now)
    return _request(session, clinic, chat_id, wanted, now)


def _request(session: Session, clinic: Clinic, chat_id: int, wanted: Wanted, now: datetime) -> RequestOutcome:
    treatment = clinic.treatment(wanted.treatment)
    if treatment is None:
        return NotHere()
    if count_open(session, chat_id, now) >= clinic.booking.most_open:
        return TooMany(clinic.booking.most_open)
    visit = Visit(
        code=new_code(session),
        version=1,
        status=REQUESTED,
        chat_id=chat_id,
        name=wanted.name,
        phone=wanted.phone,
        treatment=treatment.id,
        practitioner=wanted.practitioner,
        starts_at=wanted.starts_at,
        ends_at=wanted.starts_at + timedelta(minutes=treatment.minutes),
        screening=dict(wanted.screening),
        flagged=any(answer != "no" for answer in wanted.screening.values()),
        created_at=now,
        requested_at=now,
        reminders=0,
    )
    offered = slots.is_offered(session, clinic, treatment, wanted.practitioner, wanted.starts_at, now)
    attempt = session.begin_nested()
    session.add(visit)
    session.flush()
    if not offered or not slots.hold(session, clinic, _holder(visit), treatment, wanted.practitioner, wanted.starts_at):
        attempt.rollback()
        return _taken(session, clinic, treatment, wanted.practitioner, now)
    attempt.commit()
    visit.due_at = _next_look(clinic, visit)
    _audit(session, visit, ASKED, chat_id, "draft", REQUESTED, now)
    return Requested(card(session, clinic, visit), moved=False)


def _asked_lately(session: Session, chat_id: int, now: datetime) -> int:
    """Return how often the patient has asked for a visit, or for another time of one, within the hour."""
    asked = select(func.count()).where(
        Audit.at > now - timedelta(hours=1), Audit.actor == chat_id, Audit.action.in_((ASKED, MOVED))
    )
    return session.scalar(asked) or 0


def move(
    session: Session,
    clinic: Clinic,
    visit_id: int,
    chat_id: int,
    practitioner: str,
    starts_at: datetime,
    now: datetime,
    *,
    besides: tuple[str, ...] = (),
) -> RequestOutcome:
    """Ask staff for another time of the patient's own visit; time of the holders `besides` counts as free."""
    visit = _patients(session, visit_id, chat_id)
    if visit is None or visit.status not in LIVE:
        return Late(card(session, clinic, visit)) if visit else NotHere()
    treatment = clinic.treatment(visit.treatment)
    if treatment is None:
        return NotHere()
    if is_too_near(session, clinic, visit, now):
        return TooLate(card(session, clinic, visit), clinic.visits.notice_hours)
    offered = slots.is_offered(session, clinic, treatment, practitioner, starts_at, now)
    if not offered or not _take(session, clinic, visit, treatment, practitioner, starts_at, besides=besides):
        return _taken(session, clinic, treatment, practitioner, now)
    visit.requested_at, visit.reminders = now, 0
    visit.reason = None
    change(session, clinic, visit, REQUESTED, MOVED, chat_id, now)
    visit.due_at = _next_look(clinic, visit)
    return Requested(card(session, clinic, visit), moved=True)


def accept(session: Session, clinic: Clinic, visit_id: int, version: int, chat_id: int, now: datetime) -> ChangeOutcome:
    """Let the patient take the time that staff offered."""
    visit = _patients(session, visit_id, chat_id)
    if visit is None:
        return NotHere()
    if not is_as_shown(visit, version, (PROPOSED,)) or visit.starts_at <= now:
        return Late(card(session, clinic, visit))
    _let_go_of_kept(session, clinic, visit)
    change(session, clinic, visit, CONFIRMED, "visit accepted", chat_id, now)
    return Changed(card(session, clinic, visit))


def refuse(session: Session, clinic: Clinic, visit_id: int, version: int, chat_id: int, now: datetime) -> ChangeOutcome:
    """Let the patient say no to the time that staff offered: a confirmed visit stays where it was, a request ends."""
    visit = _patients(session, visit_id, chat_id)
    if visit is None:
        return NotHere()
    if not is_as_shown(visit, version, (PROPOSED,)):
        return Late(card(session, clinic, visit))
    _fall_back(session, clinic, visit, CANCELLED, BY_PATIENT, "visit refused", chat_id, now)
    return Changed(card(session, clinic, visit))


def cancel(
    session: Session, clinic: Clinic, visit_id: int, version: int, chat_id: int, now: datetime
) -> ChangeOutcome | TooLate:
    """Let the patient cancel; a confirmed visit only with the clinic's notice."""
    visit = _patients(session, visit_id, chat_id)
    if visit is None:
        return NotHere()
    if not is_as_shown(visit, version, LIVE):
        return Late(card(session, clinic, visit))
    if is_too_near(session, clinic, visit, now):
        return TooLate(card(session, clinic, visit), clinic.visits.notice_hours)
    _end(session, clinic, visit, CANCELLED, BY_PATIENT, "visit cancelled", chat_id, now)
    return Changed(card(session, clinic, visit))


def call_off(session: Session, clinic: Clinic, visit: Visit, actor: int | None, now: datetime) -> None:
    """Cancel a visit whose patient has their data deleted, whatever the clinic's notice."""
    _end(session, clinic, visit, CANCELLED, BY_PATIENT, "visit cancelled", actor, now)


def of_patient(session: Session, clinic: Clinic, chat_id: int, now: datetime) -> list[Card]:
    """Return the patient's visits to come, in order."""
    found = select(Visit).where(Visit.chat_id == chat_id, Visit.status.in_(LIVE), Visit.ends_at > now)
    return [card(session, clinic, visit) for visit in session.scalars(found.order_by(Visit.starts_at, Visit.id))]


def count_open(session: Session, chat_id: int, now: datetime) -> int:
    """Return how many visits to come the patient has."""
    live = (Visit.chat_id == chat_id, Visit.status.in_(LIVE), Visit.ends_at > now)
    return session.scalar(select(func.count()).select_from(Visit).where(*live)) or 0


# --- staff's side


def confirm(
    session: Session, clinic: Clinic, visit_id: int, version: int, staff_chat: int, actor: Actor, now: datetime
) -> ChangeOutcome:
    """Let staff say yes to a request."""
    visit = of_staff(session, visit_id, staff_chat)
    if visit is None:
        return NotHere()
    if not is_as_shown(visit, version, (REQUESTED,)):
        return Late(card(session, clinic, visit))
    _let_go_of_kept(session, clinic, visit)
    _decide(visit, actor, now)
    visit.reason = None
    change(session, clinic, visit, CONFIRMED, "visit confirmed", actor.id, now)
    return Changed(card(session, clinic, visit))


def propose(
    session: Session,
    clinic: Clinic,
    visit_id: int,
    version: int,
    staff_chat: int,
    practitioner: str,
    starts_at: datetime,
    actor: Actor,
    now: datetime,
) -> ChangeOutcome | Taken:
    """Offer the patient another time, held until they answer; staff may offer what patients are not shown any more."""
    visit = of_staff(session, visit_id, staff_chat)
    treatment = clinic.treatment(visit.treatment) if visit else None
    if visit is None or treatment is None:
        return NotHere()
    if not is_as_shown(visit, version, LIVE):
        return Late(card(session, clinic, visit))
    offered = slots.is_offered(session, clinic, treatment, practitioner, starts_at, now, lead=False)
    if not offered or not _take(session, clinic, visit, treatment, practitioner, starts_at):
        return _taken(session, clinic, treatment, practitioner, now)
    _decide(visit, actor, now)
    visit.reason = None
    change(session, clinic, visit, PROPOSED, "visit proposed", actor.id, now)
    visit.due_at = min(now + timedelta(hours=clinic.booking.answer_hours), starts_at)
    return Changed(card(session, clinic, visit))


def decline(
    session: Session,
    clinic: Clinic,
    visit_id: int,
    version: int,
    staff_chat: int,
    reason: str,
    actor: Actor,
    now: datetime,
) -> ChangeOutcome:
    """Let staff say no, with the reason the patient is told: a confirmed visit stays where it was."""
    visit = of_staff(session, visit_id, staff_chat)
    if visit is None:
        return NotHere()
    if not is_as_shown(visit, version, (REQUESTED, PROPOSED)):
        return Late(card(session, clinic, visit))
    _decide(visit, actor, now)
    visit.reason = reason
    _fall_back(session, clinic, visit, DECLINED, BY_STAFF, "visit declined", actor.id, now)
    return Changed(card(session, clinic, visit))


def cancel_by_staff(
    session: Session,
    clinic: Clinic,
    visit_id: int,
    version: int,
    staff_chat: int,
    reason: str,
    actor: Actor,
    now: datetime,
) -> ChangeOutcome:
    """Let staff cancel a visit that was confirmed, with the reason the patient is told."""
    visit = of_staff(session, visit_id, staff_chat)
    if visit is None:
        return NotHere()
    if not is_as_shown(visit, version, LIVE):
        return Late(card(session, clinic, visit))
    _decide(visit, actor, now)
    visit.reason = reason
    _end(session, clinic, visit, CANCELLED, BY_STAFF, "visit cancelled", actor.id, now)
    return Changed(card(session, clinic, visit))


def details(
    session: Session, clinic: Clinic, visit_id: int, staff_chat: int, actor: Actor, now: datetime
) -> Details | NotHere:
    """Show staff the patient's answers; that they were shown is kept."""
    visit = of_staff(session, visit_id, staff_chat)
    if visit is None:
        return NotHere()
    _audit(session, visit, "answers viewed", actor.id, visit.status, visit.status, now)
    return Details(card(session, clinic, visit), dict(visit.screening))


def get(session: Session, clinic: Clinic, visit_id: int) -> Card | None:
    """Return a visit."""
    visit = session.get(Visit, visit_id)
    return card(session, clinic, visit) if visit else None


def is_fixed(session: Session, clinic: Clinic, visit_id: int, now: datetime) -> bool:
    """True where the patient can change the visit by telephone only, since the clinic's notice has passed."""
    visit = session.get(Visit, visit_id)
    return visit is not None and is_too_near(session, clinic, visit, now)


def pending(session: Session, clinic: Clinic, now: datetime) -> list[Card]:
    """Return what waits for staff's decision, the oldest first."""
    waiting = select(Visit).where(Visit.status == REQUESTED, Visit.starts_at > now)
    return [card(session, clinic, visit) for visit in session.scalars(waiting.order_by(Visit.requested_at, Visit.id))]


def unmarked(session: Session, clinic: Clinic, now: datetime) -> list[Card]:
    """Return the visits of the last days that are over and neither done nor missed, the oldest first."""
    over = (Visit.status == CONFIRMED, Visit.ends_at <= now, Visit.ends_at > now - UNMARKED_FOR)
    return [
        card(session, clinic, visit) for visit in session.scalars(select(Visit).where(*over).order_by(Visit.ends_at))
    ]


def between(session: Session, clinic: Clinic, start: datetime, end: datetime) -> list[Card]:
    """Return the visits that hold time in a span, in order; a visit being moved stands at its kept time as well."""
    kept = Visit.kept_starts_at.is_not(None) & (Visit.kept_starts_at >= start) & (Visit.kept_starts_at < end)
    inside = (Visit.starts_at < end) & (Visit.ends_at > start)
    shown = select(Visit).where(Visit.status.in_((*LIVE, COMPLETED, NO_SHOW)), or_(inside, kept))
    return [card(session, clinic, visit) for visit in session.scalars(shown.order_by(Visit.starts_at, Visit.id))]


def find(session: Session, clinic: Clinic, text: str, now: datetime) -> list[Card]:
    """Return visits by code, by digits of the telephone number, or by part of the name: those to come first."""
    text = text.strip()
    digits = "".join(char for char in text if char.isdigit())
    wanted: list[ColumnElement[bool]] = [Visit.code == text.upper().replace("-", "").replace(" ", "")]
    if len(digits) >= 4 and not any(char.isalpha() for char in text):
        wanted.append(Visit.phone.contains(digits.removeprefix("00").removeprefix("0"), autoescape=True))
    elif len(text) >= 2:
        # a PostgreSQL database may know only a to z, whatever its texts are
        name = Visit.name if session.get_bind().dialect.name == "sqlite" else collate(Visit.name, "und-x-icu")
        wanted.append(func.lower(name).contains(text.lower(), autoescape=True))
    to_come = (Visit.ends_at > now).desc()
    found = select(Visit).where(or_(*wanted)).order_by(to_come, Visit.starts_at, Visit.id).limit(FOUND)
    return [card(session, clinic, visit) for visit in session.scalars(found)]


# --- what time brings


@dataclass(frozen=True, slots=True)
class Reminded:
    """A request waits for staff."""

    card: Card


@dataclass(frozen=True, slots=True)
class Escalated:
    """A request still waits, and these are to be called by name."""

    card: Card
    mention: Sequence[Actor]


@dataclass(frozen=True, slots=True)
class Expired:
    """Nobody decided in time; the time is free again, and these are free for the patient instead."""

    card: Card
    free: Sequence[Free]


@dataclass(frozen=True, slots=True)
class Lapsed:
    """The patient has not answered staff's proposal in time."""

    card: Card


@dataclass(frozen=True, slots=True)
class Ended:
    """A visit's time is over: staff say how it was."""

    card: Card


Due = Reminded | Escalated | Expired | Lapsed | Ended


def make_rounds(session: Session, clinic: Clinic, now: datetime) -> list[Due]:
    """Do what has become due about visits, at most `A_ROUND` at a time."""
    due = select(Visit).where(Visit.due_at <= now).order_by(Visit.due_at).limit(A_ROUND)
    rows = session.scalars(due.with_for_update(skip_locked=True))
    return [_look_after(session, clinic, visit, now) for visit in rows.all()]


def next_due(session: Session) -> datetime | None:
    """Return when something is to be done about a visit."""
    return session.scalar(select(func.min(Visit.due_at)))


def _look_after(session: Session, clinic: Clinic, visit: Visit, now: datetime) -> Due:
    if visit.status == CONFIRMED:
        visit.reminders += 1
        visit.due_at = now + ASK_AGAIN if visit.reminders < MOST_ASKED else None
        return Ended(card(session, clinic, visit))
    if visit.status == PROPOSED:
        _fall_back(session, clinic, visit, EXPIRED, BY_TIME, "proposal lapsed", None, now)
        return Lapsed(card(session, clinic, visit))
    if now >= decided_by(clinic, visit.requested_at, visit.starts_at):
        _fall_back(session, clinic, visit, EXPIRED, BY_TIME, "visit expired", None, now)
        treatment = clinic.treatment(visit.treatment)
        free = slots.next_free(session, clinic, treatment, None, now, OTHERS_OFFERED) if treatment else []
        return Expired(card(session, clinic, visit), free)
    escalated = now >= _deadline(clinic, visit, minutes=clinic.booking.escalate_minutes)
    visit.reminders = 2 if escalated else 1
    visit.due_at = _next_look(clinic, visit)
    now_shown = card(session, clinic, visit)
    return Escalated(now_shown, _deciders(session)) if escalated else Reminded(now_shown)


def look_after_move(clinic: Clinic, visit: Visit, starts_at: datetime, ends_at: datetime) -> None:
    """Set when a visit is looked at next, where it was from `starts_at` to `ends_at` and its clinic has another zone
    now."""
    if visit.status == REQUESTED:
        visit.due_at = _next_look(clinic, visit)
    elif visit.due_at == ends_at:
        visit.due_at = visit.ends_at
    elif visit.status == PROPOSED and visit.due_at is not None:
        visit.due_at = visit.starts_at if visit.due_at == starts_at else min(visit.due_at, visit.starts_at)


def _next_look(clinic: Clinic, visit: Visit) -> datetime:
    """Return when a request is looked at next: to remind, to call by name, to let it go."""
    rules, last = clinic.booking, decided_by(clinic, visit.requested_at, visit.starts_at)
    match visit.reminders:
        case 0:
            due = _deadline(clinic, visit, minutes=rules.remind_minutes)
        case 1:
            due = _deadline(clinic, visit, minutes=rules.escalate_minutes)
        case _:
            due = last
    return min(due, last)


def decided_by(clinic: Clinic, requested_at: datetime, starts_at: datetime) -> datetime:
    """Return when a request ends that nobody decides: after the clinic's time for it, and before the visit in time to
    make other plans."""
    end = opening.after(clinic, requested_at, timedelta(hours=clinic.booking.expire_hours))
    return min(end, starts_at - min(LAST_CALL, (starts_at - requested_at) / 2))


def _deadline(clinic: Clinic, visit: Visit, **length: int) -> datetime:
    return opening.after(clinic, visit.requested_at, timedelta(**length))


def _deciders(session: Session, count: int = 3) -> list[Actor]:
    """Return those who decided last."""
    found = (
        select(Visit.decided_by_id, Visit.decided_by)
        .where(Visit.decided_by_id.is_not(None))
        .order_by(Visit.decided_at.desc())
        .limit(50)
    )
    actors = {row.decided_by_id: Actor(row.decided_by_id, row.decided_by or "") for row in session.execute(found)}
    return list(actors.values())[:count]


# --- time that is held


def _take(
    session: Session,
    clinic: Clinic,
    visit: Visit,
    treatment: Treatment,
    practitioner: str,
    starts_at: datetime,
    *,
    besides: tuple[str, ...] = (),
) -> bool:
    """Hold another time for the visit, and keep the confirmed one beside it; False, and nothing changes, where it is
    taken."""
    attempt = session.begin_nested()
    old = f"old:{visit.id}"
    if visit.kept_starts_at is not None and visit.kept_practitioner is not None:
        # what a time in question shares with the kept one goes back to that first
        slots.give(
            session, clinic, _holder(visit), _kept(visit), treatment, visit.kept_practitioner, visit.kept_starts_at
        )
        slots.rename(session, _holder(visit), old)
    else:
        slots.rename(session, _holder(visit), _kept(visit) if visit.status == CONFIRMED else old)
    mine = (old, _kept(visit), *besides)
    if not slots.hold(session, clinic, _holder(visit), treatment, practitioner, starts_at, besides=mine):
        attempt.rollback()
        return False
    attempt.commit()
    if visit.status == CONFIRMED:
        visit.kept_practitioner, visit.kept_starts_at = visit.practitioner, visit.starts_at
    _release(session, clinic, old, *besides)
    visit.practitioner, visit.starts_at = practitioner, starts_at
    visit.ends_at = starts_at + timedelta(minutes=treatment.minutes)
    return True


def _let_go_of_kept(session: Session, clinic: Clinic, visit: Visit) -> None:
    if visit.kept_starts_at is not None:
        visit.kept_practitioner = visit.kept_starts_at = visit.answered_at = None
        _release(session, clinic, _kept(visit))


def _fall_back(
    session: Session, clinic: Clinic, visit: Visit, status: str, by: str, action: str, actor: int | None, now: datetime
) -> None:
    """Go back to the confirmed time that was kept, or end with `status` where there is none."""
    if visit.kept_starts_at is None or visit.kept_practitioner is None or visit.kept_starts_at <= now:
        _end(session, clinic, visit, status, by, action, actor, now)
        return
    length = visit.ends_at - visit.starts_at
    treatment = clinic.treatment(visit.treatment)
    if treatment is not None:
        slots.give(
            session, clinic, _holder(visit), _kept(visit), treatment, visit.kept_practitioner, visit.kept_starts_at
        )
    _release(session, clinic, _holder(visit))
    slots.rename(session, _kept(visit), _holder(visit))
    visit.practitioner, visit.starts_at = visit.kept_practitioner, visit.kept_starts_at
    visit.ends_at = visit.starts_at + length
    visit.kept_practitioner = visit.kept_starts_at = None
    change(session, clinic, visit, CONFIRMED, action, actor, now)


def _end(
    session: Session, clinic: Clinic, visit: Visit, status: str, by: str, action: str, actor: int | None, now: datetime
) -> None:
    visit.ended_by = by
    visit.kept_practitioner = visit.kept_starts_at = None
    _release(session, clinic, _holder(visit), _kept(visit))
    change(session, clinic, visit, status, action, actor, now)


def _release(session: Session, clinic: Clinic, *holders: str) -> None:
    freed = [slots.release(session, clinic, holder) for holder in holders]
    if any(freed):
        session.merge(Fact(name=FREED, value="yes"))


def _taken(session: Session, clinic: Clinic, treatment: Treatment, practitioner: str, now: datetime) -> Taken:
    free = slots.next_free(session, clinic, treatment, practitioner, now, OTHERS_OFFERED)
    return Taken(free or slots.next_free(session, clinic, treatment, None, now, OTHERS_OFFERED))


def _holder(visit: Visit) -> str:
    return f"{SUBJECT}:{visit.id}"


def _kept(visit: Visit) -> str:
    return f"kept:{visit.id}"


# --- rows


def is_as_shown(visit: Visit, version: int, states: Iterable[str]) -> bool:
    """True where the (locked) visit is what the button was made for: who comes second finds another version."""
    return visit.version == version and visit.status in states


def _patients(session: Session, visit_id: int, chat_id: int) -> Visit | None:
    visit = _locked(session, visit_id)
    return visit if visit is not None and visit.chat_id == chat_id else None


def of_staff(session: Session, visit_id: int, staff_chat: int) -> Visit | None:
    """Return the (locked) visit for a change from the staff group; None from anywhere else."""
    return _locked(session, visit_id) if staffroom.chat(session) == staff_chat else None


def _locked(session: Session, visit_id: int) -> Visit | None:
    """Return the visit as it is now; whoever else wants to change it waits for this transaction."""
    return session.get(Visit, visit_id, with_for_update=True, populate_existing=True)


def sure_start(visit: Visit) -> datetime:
    """Return when a visit begins as long as nobody has decided otherwise."""
    return visit.kept_starts_at or visit.starts_at


def is_counted_on(visit: Visit, now: datetime) -> bool:
    """True while the clinic expects the patient, at `sure_start`."""
    sure = visit.status == CONFIRMED or (visit.status in LIVE and visit.kept_starts_at is not None)
    return sure and now < sure_start(visit) + (visit.ends_at - visit.starts_at)


def is_ahead(visit: Visit, now: datetime) -> bool:
    """True for a visit that is to be, or under way."""
    return visit.status in LIVE and visit.ends_at > now


def is_too_near(session: Session, clinic: Clinic, visit: Visit, now: datetime) -> bool:
    """True where the clinic counts on the visit and its notice has passed; not where it has blocked the time itself."""
    sure = visit.starts_at if visit.status == CONFIRMED else visit.kept_starts_at
    if sure is None or sure - now >= timedelta(hours=clinic.visits.notice_hours):
        return False
    whose = visit.practitioner if visit.status == CONFIRMED else visit.kept_practitioner
    return not slots.is_blocked(session, whose or "", sure, sure + (visit.ends_at - visit.starts_at))


def _decide(visit: Visit, actor: Actor, now: datetime) -> None:
    visit.decided_by, visit.decided_by_id, visit.decided_at = actor.name, actor.id, now


def change(
    session: Session, clinic: Clinic, visit: Visit, status: str, action: str, actor: int | None, now: datetime
) -> None:
    """Give a visit another state, with all that comes of it: version, audit row, plans."""
    _audit(session, visit, action, actor, visit.status, status, now)
    visit.status = status
    visit.version += 1
    visit.due_at, visit.reminders = (visit.ends_at, 0) if status == CONFIRMED else (None, visit.reminders)
    session.flush()
    _let_telephone(session, visit, actor, now)
    plans.plan(session, clinic, visit, now)


def _let_telephone(session: Session, visit: Visit, actor: int | None, now: datetime) -> None:
    """Put a patient on the call list who is known not to be reached with the news of their visit."""
    patient = session.get(Patient, visit.chat_id) if visit.chat_id is not None else None
    is_news = visit.status in NEWS and visit.ends_at > now and actor != visit.chat_id
    if patient is not None and patient.unreachable_since is not None and is_news:
        key = f"{SUBJECT}:{visit.id}:news:{visit.version}"
        session.add(
            Call(key=key, visit_id=visit.id, chat_id=visit.chat_id, why="blocked", what=visit.status, created_at=now)
        )


def _audit(
    session: Session, visit: Visit, action: str, actor: int | None, before: str, after: str, now: datetime
) -> None:
    subject = f"{SUBJECT}:{visit.id}"
    session.add(Audit(at=now, actor=actor, action=action, subject=subject, before=before, after=after))


def new_code(session: Session) -> str:
    """Return a code that no visit has."""
    while True:
        code = "".join(secrets.choice(CODE) for _ in range(CODE_LENGTH))
        if session.scalar(select(Visit.id).where(Visit.code == code)) is None:
            return code


def card(session: Session, clinic: Clinic, visit: Visit) -> Card:
    """Return a visit as both sides see it."""
    patient = session.get(Patient, visit.chat_id) if visit.chat_id is not None else None
    staff_chat = staffroom.chat(session) or 0
    return Card(
        visit.id,
        visit.version,
        visit.code,
        visit.status,
        visit.chat_id,
        patient.language if patient else clinic.language,
        visit.name,
        visit.phone,
        visit.treatment,
        visit.practitioner,
        visit.starts_at,
        visit.ends_at,
        visit.kept_practitioner,
        visit.kept_starts_at,
        visit.flagged,
        visit.requested_at,
        visit.decided_by,
        visit.decided_at,
        visit.reason,
        visit.ended_by,
        staff_chat,
        outbox.cards(session, staff_chat, f"{SUBJECT}:{visit.id}"),
        patient is not None and patient.unreachable_since is None,
        patients.display_name(patient) if patient else "",
        visit.answered_at,
    )
