"""The call list: whom staff have to telephone, because a message did not reach them or nothing can."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from bot.clinic import staffroom, timing, visits
from bot.clinic.visits import LIVE, Actor, Card, NotHere
from bot.config import Clinic
from bot.delivery import outbox
from bot.store.models import Audit, Call, Invite, Visit

NEVER_JOINED = "never joined"
ASKED = "asked for it"
"""Why somebody is telephoned who asked here for what can be done by telephone only."""
TO_COME = "visit"
"""What is to be said to somebody who has a visit soon and no chat."""


BLOCKED, GONE, UNOPENED = "blocked", "gone", "unopened"
LASTS = timedelta(days=14)
"""After which nobody is telephoned any more about something that did not arrive."""


@dataclass(frozen=True, slots=True)
class Reason:
    """Something that somebody was not told: the step or kind of message, and why."""

    what: str
    why: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Line:
    """Somebody to telephone about a visit; `newest` is the last call that the line stands for, 0 for none yet."""

    card: Card
    reasons: Sequence[Reason]
    newest: int


@dataclass(frozen=True, slots=True)
class Made:
    """A call that was made today."""

    card: Card
    by: str | None
    """None where the patient has joined meanwhile."""
    at: datetime


@dataclass(frozen=True, slots=True)
class CallList:
    """Whom to telephone, those first who come soonest, and who was telephoned today."""

    open: Sequence[Line]
    made: Sequence[Made]


@dataclass(frozen=True, slots=True)
class Ticked:
    """The call was made."""

    card: Card
    now: CallList


@dataclass(frozen=True, slots=True)
class TickedBefore:
    """Somebody else was first, or nobody needs to call any more."""

    made: Made | None
    now: CallList


def listed(session: Session, clinic: Clinic, staff_chat: int, now: datetime) -> CallList | NotHere:
    """Return the call list."""
    return _list(session, clinic, now) if staffroom.chat(session) == staff_chat else NotHere()


def tick(
    session: Session, clinic: Clinic, visit_id: int, newest: int, staff_chat: int, actor: Actor, now: datetime
) -> Ticked | TickedBefore | NotHere:
    """Note that somebody was telephoned about a visit, as far as the line that was shown went."""
    visit = visits.of_staff(session, visit_id, staff_chat)
    if visit is None:
        return NotHere()
    open_ones = list(session.scalars(_open().where(Call.visit_id == visit_id, Call.id <= newest)))
    if not open_ones and newest == 0 and _has_none(session, clinic, visit, now):
        name = key(visit)
        if session.scalar(select(Call.id).where(Call.key == name)) is None:
            call = Call(key=name, visit_id=visit_id, chat_id=None, why=NEVER_JOINED, what=TO_COME, created_at=now)
            session.add(call)
            open_ones = [call]
    if not open_ones:
        known = _list(session, clinic, now)
        made = next((one for one in known.made if one.card.visit_id == visit_id), None)
        return TickedBefore(made, known)
    for call in open_ones:
        call.done_at, call.done_by = now, actor.name
    session.flush()
    subject = f"{visits.SUBJECT}:{visit_id}"
    session.add(Audit(at=now, actor=actor.id, action="telephoned", subject=subject, before=None, after=None))
    return Ticked(visits.card(session, clinic, visit), _list(session, clinic, now))


def note(session: Session, visit: Visit, what: str, why: str, now: datetime) -> Call | None:
    """Put something about a visit at its time on the list, once; None where it has been put there before."""
    name = f"{key(visit)}:{what}"
    if session.scalar(select(Call.id).where(Call.key == name)) is not None:
        return None
    call = Call(key=name, visit_id=visit.id, chat_id=visit.chat_id, why=why, what=what, created_at=now)
    session.add(call)
    return call


def joined(session: Session, visit_id: int, now: datetime) -> None:
    """Take off the list what stood there only because the patient had not joined."""
    for call in session.scalars(_open().where(Call.visit_id == visit_id, Call.why == NEVER_JOINED)):
        call.done_at = now


def _list(session: Session, clinic: Clinic, now: datetime) -> CallList:
    lines: dict[int, Line] = {}
    for call in session.scalars(_open().where(Call.created_at > now - LASTS).order_by(Call.id)):
        visit = session.get(Visit, call.visit_id) if call.visit_id is not None else None
        if visit is None or (_is_of_visit(clinic, visit, call) and not visits.is_ahead(visit, now)):
            continue
        before = lines[visit.id].reasons if visit.id in lines else ()
        reason = Reason(call.what, _why(session, visit, call.why, call.chat_id), call.created_at)
        lines[visit.id] = Line(visits.card(session, clinic, visit), (*before, reason), call.id)
    for visit in session.scalars(_without_chat(clinic, now)):
        if visit.id not in lines and session.scalar(select(Call.id).where(Call.key == key(visit))) is None:
            reason = Reason(TO_COME, _why(session, visit, NEVER_JOINED, None), now)
            lines[visit.id] = Line(visits.card(session, clinic, visit), (reason,), 0)
    soonest = sorted(lines.values(), key=lambda line: (line.card.starts_at <= now, line.card.starts_at))
    return CallList(soonest, _made(session, clinic, now))


def _why(session: Session, visit: Visit, why: str, chat_id: int | None) -> str:
    """Return more exactly why somebody was not reached: as it is now, where the program learnt it since."""
    if why == BLOCKED and chat_id is not None and outbox.is_gone(session, chat_id):
        return GONE
    unopened = select(Invite.digest).where(Invite.visit_id == visit.id, Invite.used_at.is_(None)).limit(1)
    if why == NEVER_JOINED and visit.chat_id is None and session.scalar(unopened) is not None:
        return UNOPENED
    return why


def _is_of_visit(clinic: Clinic, visit: Visit, call: Call) -> bool:
    """True for what nobody needs to hear once the visit is over or off."""
    reminders = {step.id for step in clinic.steps(visit.treatment) if step.kind == "visit"}
    return call.why == ASKED or call.what == TO_COME or call.what in reminders


def _made(session: Session, clinic: Clinic, now: datetime) -> list[Made]:
    midnight = timing.instant(now.astimezone(clinic.tz).date(), time(), clinic.tz)
    today = select(Call).where(Call.done_at >= midnight).order_by(Call.done_at.desc(), Call.id.desc())
    made: dict[int, Made] = {}
    for call in session.scalars(today):
        visit = session.get(Visit, call.visit_id) if call.visit_id is not None else None
        if visit is not None and call.done_at is not None:
            made.setdefault(visit.id, Made(visits.card(session, clinic, visit), call.done_by, call.done_at))
    return list(made.values())


def _open() -> Select[Call]:
    return select(Call).where(Call.done_at.is_(None))


def _without_chat(clinic: Clinic, now: datetime) -> Select[Visit]:
    """Return the visits of today and tomorrow whose patient has no chat, so that nothing reminds them."""
    after = timing.instant(now.astimezone(clinic.tz).date() + timedelta(days=2), time(), clinic.tz)
    soon = (Visit.starts_at > now, Visit.starts_at < after)
    return select(Visit).where(Visit.chat_id.is_(None), Visit.status.in_(LIVE), *soon).order_by(Visit.starts_at)


def _has_none(session: Session, clinic: Clinic, visit: Visit, now: datetime) -> bool:
    return session.scalar(_without_chat(clinic, now).where(Visit.id == visit.id)) is not None


def key(visit: Visit) -> str:
    """Name the call about a visit at this time, so that it is made once."""
    return f"{visits.SUBJECT}:{visit.id}:{int(visit.starts_at.timestamp())}"
