"""Wishes for an earlier time: what becomes free is offered to those who asked, one after the other.

A wish is `waiting`; while a time is on offer to it (`offered`), that time is held for it alone, until `due_at`. Taking
it asks staff like any move; refusing it, or not answering, passes it on to the next.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, time, timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from bot.clinic import patients, slots, visits
from bot.clinic.slots import Free
from bot.clinic.visits import FREED, LIVE, Card, Late, NotHere, Requested, RequestOutcome
from bot.config import Clinic
from bot.store.models import Audit, Fact, Visit, Wait

WAITING, OFFERED, TAKEN, CLOSED = "waiting", "offered", "taken", "closed"
AWAKE = time(8), time(21)
"""The clinic's wall times between which somebody is offered a time."""


@dataclass(frozen=True, slots=True)
class Joined:
    """The patient is told when something earlier gets free; `is_free_now` where something is already."""

    card: Card
    is_free_now: bool


@dataclass(frozen=True, slots=True)
class Left:
    """The patient is not told any more."""

    card: Card


@dataclass(frozen=True, slots=True)
class Offered:
    """A time is held for the patient until `until`."""

    card: Card
    wait_id: int
    version: int
    free: Free
    until: datetime


@dataclass(frozen=True, slots=True)
class Passed:
    """The time is free for the next; the patient goes on waiting for another."""

    card: Card


def join(session: Session, clinic: Clinic, visit_id: int, chat_id: int, now: datetime) -> Joined | NotHere:
    """Note that the patient wants to be told when something earlier gets free; asking twice is asking once."""
    visit = _own(session, visit_id, chat_id)
    if visit is None or visit.status not in LIVE or visit.starts_at <= now:
        return NotHere()
    wait = _of_visit(session, visit_id)
    if wait is None:
        wait = Wait(visit_id=visit_id, chat_id=chat_id, version=1, state=CLOSED, refused=[], since=now)
        session.add(wait)
    if wait.state in (CLOSED, TAKEN):
        wait.state, wait.since = WAITING, now
        # what is free already the patient could have chosen: only what becomes free is news
        wait.refused = [slots.unit(free.starts_at) for free in _earlier(session, clinic, visit, now)]
        wait.version += 1
        session.flush()
        _audit(session, wait, "wait begun", chat_id, now)
    return Joined(visits.card(session, clinic, visit), is_free_now=any(_earlier(session, clinic, visit, now)))


def leave(session: Session, clinic: Clinic, visit_id: int, chat_id: int, now: datetime) -> Left | NotHere:
    """Note that the patient does not want to be told any more."""
    visit, wait = _own(session, visit_id, chat_id), _of_visit(session, visit_id)
    if visit is None or wait is None:
        return NotHere()
    _close(session, clinic, wait, CLOSED, "wait ended", chat_id, now)
    return Left(visits.card(session, clinic, visit))


def is_waiting(session: Session, visit_id: int) -> bool:
    """True while the patient of that visit wants to be told."""
    wait = _of_visit(session, visit_id)
    return wait is not None and wait.state in (WAITING, OFFERED)


def offer(session: Session, clinic: Clinic, now: datetime) -> list[Offered]:
    """Take back what was not answered, and offer what has become free to those who have waited longest."""
    for wait in session.scalars(select(Wait).where(Wait.state == OFFERED, Wait.due_at <= now)).all():
        _pass(session, clinic, wait, None, now)
    freed = session.get(Fact, visits.FREED)
    if freed is None or not AWAKE[0] <= now.astimezone(clinic.tz).time() < AWAKE[1]:
        return []
    session.delete(freed)
    waiting = select(Wait).where(Wait.state == WAITING).order_by(Wait.since, Wait.id)
    offered = [_offer(session, clinic, wait, now) for wait in session.scalars(waiting).all()]
    return [one for one in offered if one is not None]


def take(session: Session, clinic: Clinic, wait_id: int, version: int, chat_id: int, now: datetime) -> RequestOutcome:
    """Let the patient take the time on offer: staff are asked, and it stays held."""
    wait = session.get(Wait, wait_id)
    if wait is None or wait.chat_id != chat_id:
        return NotHere()
    if wait.state != OFFERED or wait.version != version or wait.starts_at is None or wait.practitioner is None:
        card = visits.get(session, clinic, wait.visit_id)
        return Late(card) if card else NotHere()
    outcome = visits.move(
        session, clinic, wait.visit_id, chat_id, wait.practitioner, wait.starts_at, now, besides=(_holder(wait),)
    )
    if isinstance(outcome, Requested):
        _close(session, clinic, wait, TAKEN, "earlier time taken", chat_id, now)
    else:
        _pass(session, clinic, wait, chat_id, now)
    return outcome


def pass_up(
    session: Session, clinic: Clinic, wait_id: int, version: int, chat_id: int, now: datetime
) -> Passed | NotHere:
    """Let the patient say no to the time on offer; another may come."""
    wait = session.get(Wait, wait_id)
    if wait is None or wait.chat_id != chat_id:
        return NotHere()
    if wait.state == OFFERED and wait.version == version:
        _pass(session, clinic, wait, chat_id, now)
    card = visits.get(session, clinic, wait.visit_id)
    return Passed(card) if card else NotHere()


def next_due(session: Session) -> datetime | None:
    """Return when an offer ends."""
    return session.scalar(select(func.min(Wait.due_at)).where(Wait.state == OFFERED))


def _offer(session: Session, clinic: Clinic, wait: Wait, now: datetime) -> Offered | None:
    visit = session.get(Visit, wait.visit_id)
    if visit is None or visit.status not in LIVE or visit.starts_at <= now:
        _close(session, clinic, wait, CLOSED, "wait ended", None, now)
        return None
    card = visits.card(session, clinic, visit)
    treatment = clinic.treatment(visit.treatment)
    if treatment is None or not card.reachable or visits.is_too_near(session, clinic, visit, now):
        return None
    if patients.was_flagged(session, wait.chat_id, now):
        return None  # nothing is offered on the day of a red flag
    for free in _earlier(session, clinic, visit, now):
        if slots.unit(free.starts_at) in wait.refused:
            continue
        if slots.hold(session, clinic, _holder(wait), treatment, free.practitioner, free.starts_at):
            until = min(now + timedelta(minutes=clinic.booking.offer_minutes), free.starts_at)
            wait.state, wait.due_at = OFFERED, until
            wait.practitioner, wait.starts_at = free.practitioner, free.starts_at
            wait.version += 1
            _audit(session, wait, "earlier time offered", None, now)
            return Offered(card, wait.id, wait.version, free, until)
    return None


def _earlier(session: Session, clinic: Clinic, visit: Visit, now: datetime) -> Iterator[Free]:
    """Yield the free times before the visit with the same practitioner, the earliest first."""
    treatment = clinic.treatment(visit.treatment)
    if treatment is None:
        return
    first, last = (at.astimezone(clinic.tz).date() for at in (now, visit.starts_at))
    for day in slots.free_days(session, clinic, treatment, visit.practitioner, first, last, now):
        for free in slots.free_times(session, clinic, treatment, visit.practitioner, day, now):
            if free.starts_at < visit.starts_at:
                yield free


def _pass(session: Session, clinic: Clinic, wait: Wait, actor: int | None, now: datetime) -> None:
    if wait.starts_at is not None:
        wait.refused = [*wait.refused, slots.unit(wait.starts_at)]
    _close(session, clinic, wait, WAITING, "earlier time passed on", actor, now)


def _close(
    session: Session, clinic: Clinic, wait: Wait, state: str, action: str, actor: int | None, now: datetime
) -> None:
    if wait.state == state:
        return
    wait.state, wait.due_at, wait.starts_at, wait.practitioner = state, None, None, None
    wait.version += 1
    if slots.release(session, clinic, _holder(wait)):
        session.merge(Fact(name=FREED, value="yes"))
    _audit(session, wait, action, actor, now)


def _of_visit(session: Session, visit_id: int) -> Wait | None:
    return session.scalar(select(Wait).where(Wait.visit_id == visit_id))


def _own(session: Session, visit_id: int, chat_id: int) -> Visit | None:
    visit = session.get(Visit, visit_id)
    return visit if visit is not None and visit.chat_id == chat_id else None


def _holder(wait: Wait) -> str:
    return f"wait:{wait.id}"


def _audit(session: Session, wait: Wait, action: str, actor: int | None, now: datetime) -> None:
    subject = f"{visits.SUBJECT}:{wait.visit_id}"
    session.add(Audit(at=now, actor=actor, action=action, subject=subject, before=None, after=wait.state))
