"""The log of who did what, for the group's owner and administrators: by day, by patient, by member of staff."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from sqlalchemy import ColumnElement, and_, false, func, or_, select, true
from sqlalchemy.orm import Session

from bot.clinic import followups, records, staffroom, timing, visits
from bot.clinic.visits import NotHere
from bot.config import Clinic
from bot.store.models import Audit, Enquiry, FollowUp, Visit

A_PAGE = 15
SUBJECT, ACTION = "log", "log viewed"
EVERYTHING, DAY, PATIENT, STAFF = "all", "day", "code", "staff"
MOST_STAFF = 40
"""Members of staff who are looked up by name."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which part of the log: everything; a day as 2026-12-04; a patient by a visit's code; staff by Telegram id."""

    kind: str = EVERYTHING
    value: str = ""


@dataclass(frozen=True, slots=True)
class Entry:
    """Who did what, when, to what."""

    at: datetime
    actor: int | None
    """A member of staff; None for the program and for patients."""
    by_patient: bool
    action: str
    about: str
    """The code of the visit it was about, or of the patient's last one until then, or their first; of a deletion, its
    code."""
    before: str | None
    after: str | None


@dataclass(frozen=True, slots=True)
class Log:
    """A page of it, the newest entry first."""

    wanted: Wanted
    entries: Sequence[Entry]
    first: int
    total: int


def look(
    session: Session, clinic: Clinic, staff_chat: int, wanted: Wanted, first: int, viewer: int, now: datetime
) -> Log | NotHere:
    """Return a page of the log; that it was looked at is in the log as well."""
    found = page(session, clinic, staff_chat, wanted, first)
    if isinstance(found, Log):
        about = f"{wanted.kind} {wanted.value}".strip()[:64]
        session.add(Audit(at=now, actor=viewer, action=ACTION, subject=SUBJECT, before=None, after=about))
    return found


def is_staffs(session: Session, chat_id: int) -> NotHere | None:
    """Return that this is not the staff group, if it is not."""
    return None if staffroom.chat(session) == chat_id else NotHere()


def page(session: Session, clinic: Clinic, staff_chat: int, wanted: Wanted, first: int) -> Log | NotHere:
    """Return a page of the log."""
    if staffroom.chat(session) != staff_chat:
        return NotHere()
    which = _which(session, clinic, wanted)
    total = session.scalar(select(func.count()).select_from(Audit).where(which)) or 0
    rows = session.scalars(select(Audit).where(which).order_by(Audit.id.desc()).offset(first).limit(A_PAGE)).all()
    entries = [_entry(session, row) for row in rows]
    return Log(wanted, entries, first, total)


def staff(session: Session) -> list[int]:
    """Return the Telegram ids of who has acted for the clinic, the last ones first."""
    acted = (
        select(Audit.actor)
        .where(Audit.actor.is_not(None), Audit.actor != 0, Audit.action.in_(BY_STAFF))
        .group_by(Audit.actor)
        .order_by(func.max(Audit.id).desc())
        .limit(MOST_STAFF)
    )
    return [actor for actor in session.scalars(acted) if actor is not None]


BY_STAFF = (
    "answers viewed", "record viewed", ACTION, "visit confirmed", "visit proposed", "visit declined", "visit done",
    "visit missed", "visit entered", "note added", "link made", "telephoned", "alert acknowledged", "own answer",
    "programme paused", "programme resumed", "step sent by staff", "step skipped", "message planned",
)  # fmt: skip
"""What only staff do."""
BY_PATIENTS = ("follow-up answered", "draft dropped", "draft ended", "draft stopped")
"""What only patients do, of what does not name their chat."""


def _which(session: Session, clinic: Clinic, wanted: Wanted) -> ColumnElement[bool]:
    match wanted.kind:
        case "day":
            day = date.fromisoformat(wanted.value)
            begins, ends = (timing.instant(one, time(), clinic.tz) for one in (day, day + timedelta(days=1)))
            return and_(Audit.at >= begins, Audit.at < ends)
        case "code":
            return _of_patient(session, wanted.value)
        case "staff":
            return Audit.actor == int(wanted.value)
        case _:
            return true()


def _of_patient(session: Session, code: str) -> ColumnElement[bool]:
    visit = session.scalar(select(Visit).where(Visit.code == code))
    if visit is None:
        return Audit.subject == f"erased:{code}"
    mine = records.of_same_person(session, visit)
    chats = {one.chat_id for one in mine if one.chat_id is not None}
    enquiries = session.scalars(select(Enquiry.id).where(Enquiry.chat_id.in_(chats)))
    subjects = [f"{visits.SUBJECT}:{one.id}" for one in (visit, *mine)]
    subjects += [f"chat:{chat_id}" for chat_id in chats] + [f"enquiry:{number}" for number in enquiries]
    return or_(Audit.subject.in_(subjects), Audit.actor.in_(chats) if chats else false())


def _entry(session: Session, row: Audit) -> Entry:
    noun, _, number = row.subject.partition(":")
    chat_id, about = None, ""
    if noun == visits.SUBJECT:
        visit = session.get(Visit, int(number))
        chat_id, about = (visit.chat_id, visit.code) if visit else (None, "")
    elif noun == followups.SUBJECT:
        step = session.get(FollowUp, int(number))
        visit = session.get(Visit, step.visit_id) if step and step.visit_id is not None else None
        about = visit.code if visit else ""
    elif noun in ("chat", "enquiry"):
        enquiry = session.get(Enquiry, int(number)) if noun == "enquiry" else None
        chat_id = int(number) if noun == "chat" else enquiry.chat_id if enquiry else None
        about = _code_then(session, chat_id, row.at) if chat_id is not None else ""
    elif noun == "erased":
        about = number
    by_patient = row.actor == 0 or (row.actor is not None and (row.actor == chat_id or row.action in BY_PATIENTS))
    return Entry(row.at, None if by_patient else row.actor, by_patient, row.action, about, row.before, row.after)


def _code_then(session: Session, chat_id: int, at: datetime) -> str:
    mine = session.execute(
        select(Visit.code, Visit.created_at).where(Visit.chat_id == chat_id).order_by(Visit.id)
    ).all()
    until_then = [code for code, created_at in mine if created_at <= at]
    return until_then[-1] if until_then else next((code for code, _ in mine), "")
