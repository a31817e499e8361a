"""A patient's record, for staff: visits, courses, what will be sent and was sent, answers, notes; and what staff change
of it."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from bot.clinic import consents, courses, followups, patients, plans, staffroom, timing, visits
from bot.clinic.courses import Progress
from bot.clinic.followups import Due, Part
from bot.clinic.plans import CANCELLED, FROZEN, OPEN, PLANNED, SENT, SKIPPED
from bot.clinic.visits import COMPLETED, SUBJECT, Actor, Card, Details, NotHere
from bot.config import Clinic
from bot.store.models import Audit, FollowUp, Note, Outgoing, Patient, Visit
from faq import dates

OWN_WORDS = "staff"
"""The step of a message that staff wrote."""
TEXT_MOST, NOTE_MOST = 1000, 1000
"""Characters of a message that staff write for a date, and of a note."""
FURTHEST = timedelta(days=400)
"""How far ahead a message may be planned."""
VALID = timedelta(days=1)
"""How long after its time such a message may still be sent."""
SHOWN = 6
"""Visits, steps and notes of each kind that a record shows."""
_CLOCK = re.compile(r"(?<![\d:.])(\d{1,2}):(\d{2})(?!:?\d)")


@dataclass(frozen=True, slots=True)
class Step:
    """Something of the programme: what it is, about which visit, and what became of it."""

    id: int
    step: str
    code: str
    at: datetime
    """When it is to be sent, was sent, or would have been."""
    text: str | None
    """Staff's own words."""
    state: str
    reason: str | None
    """Why it was not sent; or `failed`, `parked` or `unknown` where it was sent and may not have arrived."""
    answer: str | None
    answered_at: datetime | None


@dataclass(frozen=True, slots=True)
class Written:
    """A note of staff's."""

    text: str
    author: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Record:
    """A patient as staff see them; `visit` is the one that the record was opened for."""

    visit: Card
    chat_id: int | None
    visits: Sequence[Card]
    more_visits: int
    courses: Sequence[Progress]
    planned: Sequence[Step]
    more_planned: int
    said: Sequence[Step]
    notes: Sequence[Written]
    wishes: Mapping[str, bool | None]
    """What the patient said to each kind of message; None for nothing."""
    problem_at: datetime | None
    paused_at: datetime | None
    health: int | None
    """The visit whose answers about health are the newest."""
    may_be_asked: int | None
    """A visit that has begun, and of which nobody has said how it was."""


@dataclass(frozen=True, slots=True)
class Person:
    """One of several people that a search found; the visit names them."""

    card: Card
    count: int


@dataclass(frozen=True, slots=True)
class Several:
    """A search found none or more than one."""

    people: Sequence[Person]


@dataclass(frozen=True, slots=True)
class Sending:
    """A step goes to the patient now."""

    record: Record
    due: Due


@dataclass(frozen=True, slots=True)
class MayNot:
    """A step does not go: `why` is one of the words below."""

    record: Record
    why: str


SETTLED, NO_CHAT, BLOCKED, PROBLEM, PAUSED, NOT_WANTED, TOO_LATE = (
    "settled", "no chat", "blocked", "problem", "paused", "not wanted", "too late",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Planned:
    """A message of staff's is planned; it goes at `goes_at`, which is later than they wrote where that is at night."""

    record: Record
    followup_id: int
    text: str
    goes_at: datetime
    is_later: bool


@dataclass(frozen=True, slots=True)
class Unreadable:
    """What staff wrote is no message for a date: `why` is one of the words below."""

    why: str


NO_TIME, NO_DAY, PAST, TOO_FAR, NO_TEXT, TOO_LONG = "no time", "no day", "past", "too far", "no text", "too long"


# --- finding and looking


def find(
    session: Session, clinic: Clinic, staff_chat: int, text: str, actor: Actor, now: datetime
) -> Record | Several | NotHere:
    """Return the record of the person that a name, a number or a code names, or all whom it may mean."""
    if not is_staffs(session, staff_chat):
        return NotHere()
    cards = visits.find(session, clinic, text, now)
    chats: dict[object, set[int]] = {}
    for card in cards:
        if card.chat_id is not None:
            chats.setdefault(_alike(card), set()).add(card.chat_id)
    found: dict[object, list[Card]] = {}
    for card in cards:
        known = chats.get(_alike(card), set())
        key = card.chat_id if card.chat_id is not None else next(iter(known)) if len(known) == 1 else _alike(card)
        found.setdefault(key, []).append(card)
    if len(found) == 1:
        return show(session, clinic, next(iter(found.values()))[0].visit_id, staff_chat, actor, now)
    return Several([Person(cards[0], len(cards)) for cards in found.values()])


def _alike(one: Card | Visit) -> tuple[str, str]:
    """Return by what the visits of somebody without a chat are known as theirs."""
    return one.phone, one.name.casefold()


def is_staffs(session: Session, chat_id: int) -> bool:
    """True for the staff group, the only place where a record is shown."""
    return staffroom.chat(session) == chat_id


def show(
    session: Session, clinic: Clinic, visit_id: int, staff_chat: int, actor: Actor, now: datetime
) -> Record | NotHere:
    """Show staff the record of a visit's patient; that it was shown is kept."""
    found = look(session, clinic, visit_id, staff_chat, now)
    if isinstance(found, Record):
        _audit(session, session.get_one(Visit, visit_id), "record viewed", actor, None, now)
    return found


def look(session: Session, clinic: Clinic, visit_id: int, staff_chat: int, now: datetime) -> Record | NotHere:
    """Return the record of a visit's patient."""
    visit = session.get(Visit, visit_id) if is_staffs(session, staff_chat) else None
    return _record(session, clinic, visit, now) if visit else NotHere()


def health(
    session: Session, clinic: Clinic, visit_id: int, staff_chat: int, actor: Actor, now: datetime
) -> Details | NotHere:
    """Show staff what the patient answered about their health; that it was shown is kept."""
    return visits.details(session, clinic, visit_id, staff_chat, actor, now)


def _record(session: Session, clinic: Clinic, visit: Visit, now: datetime) -> Record:
    mine = of_same_person(session, visit)
    chat_id = next((one.chat_id for one in (visit, *mine) if one.chat_id is not None), None)
    patient = session.get(Patient, chat_id) if chat_id is not None else None
    by_id = {one.id: one for one in mine}
    steps = [_step(session, row, by_id[row.visit_id or 0].code) for row in _rows(session, by_id)]
    planned = sorted((step for step in steps if step.state in OPEN), key=lambda step: (step.at, step.id))
    said = sorted((step for step in steps if step.state not in (*OPEN, CANCELLED)), key=lambda step: (step.at, step.id))
    notes = session.scalars(select(Note).where(Note.visit_id.in_(by_id)).order_by(Note.id.desc()).limit(SHOWN - 2))
    answered = [one.id for one in mine if one.screening]
    begun = [one.id for one in mine if one.status == visits.CONFIRMED and one.starts_at <= now]
    return Record(
        visits.card(session, clinic, visit),
        chat_id,
        [visits.card(session, clinic, one) for one in mine[:SHOWN]],
        len(mine) - len(mine[:SHOWN]),
        _courses(session, clinic, mine),
        planned[:SHOWN],
        len(planned) - len(planned[:SHOWN]),
        said[-SHOWN:],
        [Written(note.text, note.author, note.at) for note in reversed(notes.all())],
        {
            purpose: consents.given(session, chat_id, purpose) if chat_id is not None else None
            for purpose in (consents.REMINDERS, consents.FOLLOW_UP, consents.OFFERS)
        },
        patient.problem_at if patient else None,
        patient.paused_at if patient else None,
        answered[0] if answered else None,
        begun[0] if begun else None,
    )


def of_same_person(session: Session, visit: Visit) -> list[Visit]:
    """Return the visits of a visit's patient, the newest first: of the chat, and of the same name and number without
    another chat."""
    whose = [Visit.phone == visit.phone, *([Visit.chat_id == visit.chat_id] if visit.chat_id is not None else [])]
    found = session.scalars(select(Visit).where(or_(*whose)).order_by(Visit.starts_at.desc(), Visit.id.desc())).all()
    same_name = [one for one in found if _alike(one) == _alike(visit)]
    chats = {one.chat_id for one in same_name if one.chat_id is not None}
    chat = visit.chat_id if visit.chat_id is not None else next(iter(chats)) if len(chats) == 1 else None
    theirs = {one.id for one in found if chat is not None and one.chat_id == chat}
    theirs |= {one.id for one in same_name if one.chat_id is None}
    return [one for one in found if one.id in theirs]


def _courses(session: Session, clinic: Clinic, mine: Sequence[Visit]) -> list[Progress]:
    """Return the courses, the newest first, each as its last session left it."""
    last: dict[int, Visit] = {}
    for visit in mine:
        if visit.course_id is not None and visit.status == COMPLETED:
            last.setdefault(visit.course_id, visit)
    return [courses.progress(session, clinic, visit) for visit in last.values()][: SHOWN // 2]


def _rows(session: Session, visit_ids: Mapping[int, Visit]) -> Sequence[FollowUp]:
    return session.scalars(select(FollowUp).where(FollowUp.visit_id.in_(visit_ids)).order_by(FollowUp.id)).all()


def _step(session: Session, row: FollowUp, code: str) -> Step:
    reason = row.reason
    if row.state == SENT:
        subject = f"{followups.SUBJECT}:{row.sent_with}"
        sent = select(Outgoing.state).where(Outgoing.chat_id == row.chat_id, Outgoing.subject == subject)
        state = session.scalar(sent.order_by(Outgoing.id.desc()).limit(1))
        reason = state if state in ("failed", "parked", "unknown") else None
    at = row.due_at if row.state in OPEN else row.sent_at or row.planned_for
    return Step(row.id, row.step, code, at, row.text, row.state, reason, row.answer, row.answered_at)


# --- what staff change


def send_now(
    session: Session, clinic: Clinic, followup_id: int, staff_chat: int, actor: Actor, now: datetime
) -> Sending | MayNot | NotHere:
    """Send a planned step at staff's wish, at any hour, unless the patient is not to be written to."""
    row = _locked(session, followup_id, staff_chat)
    visit = session.get(Visit, row.visit_id) if row is not None and row.visit_id is not None else None
    if row is None or visit is None:
        return NotHere()
    why = _why_not(session, clinic, row, visit, now)
    patient = session.get(Patient, row.chat_id) if row.chat_id is not None else None
    if why is not None or patient is None:
        return MayNot(_record(session, clinic, visit, now), why or NO_CHAT)
    row.state, row.sent_at, row.sent_with = SENT, now, row.id
    _audit(session, visit, "step sent by staff", actor, row.step, now)
    session.flush()
    step = plans.steps_of(clinic, visit)[row.step] if row.text is None else None
    free = followups.next_times(session, clinic, visit, now) if step is not None and "times" in step.buttons else ()
    part = Part(row.id, step, visits.card(session, clinic, visit), free, row.text)
    return Sending(_record(session, clinic, visit, now), Due(patient.chat_id, patient.language, row.kind, [part]))


def _why_not(  # noqa: PLR0911  one reason, one word
    session: Session, clinic: Clinic, row: FollowUp, visit: Visit, now: datetime
) -> str | None:
    patient = session.get(Patient, row.chat_id) if row.chat_id is not None else None
    if row.state not in OPEN or (row.text is None and row.step not in plans.steps_of(clinic, visit)):
        return SETTLED
    if patient is None:
        return NO_CHAT
    if patient.unreachable_since is not None:
        return BLOCKED
    if patient.problem_at is not None or patients.was_flagged(session, patient.chat_id, now):
        return PROBLEM
    if patient.paused_at is not None:
        return PAUSED
    if not consents.is_wanted(session, patient.chat_id, consents.OF_KIND[row.kind]):
        return NOT_WANTED
    return TOO_LATE if now > row.valid_until else None


def skip(
    session: Session, clinic: Clinic, followup_id: int, staff_chat: int, actor: Actor, now: datetime
) -> Record | MayNot | NotHere:
    """Leave a planned step out."""
    row = _locked(session, followup_id, staff_chat)
    visit = session.get(Visit, row.visit_id) if row is not None and row.visit_id is not None else None
    if row is None or visit is None:
        return NotHere()
    if row.state not in OPEN:
        return MayNot(_record(session, clinic, visit, now), SETTLED)
    row.state, row.reason = SKIPPED, OWN_WORDS
    _audit(session, visit, "step skipped", actor, row.step, now)
    session.flush()
    return _record(session, clinic, visit, now)


def pause(
    session: Session, clinic: Clinic, visit_id: int, staff_chat: int, actor: Actor, now: datetime, *, paused: bool
) -> Record | MayNot | NotHere:
    """Hold back everything that is planned for a visit's patient, or let it go on."""
    found = look(session, clinic, visit_id, staff_chat, now)
    if isinstance(found, NotHere):
        return found
    patient = session.get(Patient, found.chat_id, with_for_update=True) if found.chat_id is not None else None
    if patient is None:
        return MayNot(found, NO_CHAT)
    if (patient.paused_at is not None) != paused:
        patient.paused_at = now if paused else None
        session.flush()
        (followups.freeze if paused else followups.thaw)(session, patient.chat_id, now)
        subject = f"chat:{patient.chat_id}"
        action = "programme paused" if paused else "programme resumed"
        session.add(Audit(at=now, actor=actor.id, action=action, subject=subject, before=None, after=None))
    return look(session, clinic, visit_id, staff_chat, now)


def note(
    session: Session, clinic: Clinic, visit_id: int, staff_chat: int, text: str, actor: Actor, now: datetime
) -> Record | Unreadable | NotHere:
    """Keep a note about a visit's patient."""
    visit = session.get(Visit, visit_id) if is_staffs(session, staff_chat) else None
    text = text.strip()
    if visit is None:
        return NotHere()
    if not text:
        return Unreadable(NO_TEXT)
    if len(text) > NOTE_MOST:
        return Unreadable(TOO_LONG)
    session.add(Note(visit_id=visit.id, text=text, author=actor.name, author_id=actor.id, at=now))
    _audit(session, visit, "note added", actor, None, now)
    session.flush()
    return _record(session, clinic, visit, now)


def plan_message(
    session: Session,
    clinic: Clinic,
    visit_id: int,
    staff_chat: int,
    written: str,
    source: int,
    actor: Actor,
    now: datetime,
) -> Planned | MayNot | Unreadable | NotHere:
    """Plan what staff wrote in their message `source`, such as "12.12. 10:00 How is it going?"."""
    found = look(session, clinic, visit_id, staff_chat, now)
    if isinstance(found, NotHere):
        return found
    read = read_message(clinic, written, now)
    if isinstance(read, Unreadable):
        return read
    at, text = read
    patient = session.get(Patient, found.chat_id) if found.chat_id is not None else None
    if patient is None or patient.unreachable_since is not None:
        return MayNot(found, NO_CHAT if patient is None else BLOCKED)
    if not consents.is_wanted(session, patient.chat_id, consents.FOLLOW_UP):
        return MayNot(found, NOT_WANTED)
    goes_at = timing.polite(at, at + VALID, plans.quiet(clinic, patient), clinic.tz, str(patient.chat_id))
    held_back = patient.problem_at is not None or patient.paused_at is not None
    row = FollowUp(
        key=f"{SUBJECT}:{visit_id}:{OWN_WORDS}:{source}:{int(now.timestamp())}",
        visit_id=visit_id,
        chat_id=patient.chat_id,
        step=OWN_WORDS,
        kind="care",
        anchor_at=at,
        planned_for=at,
        due_at=goes_at,
        valid_until=at + VALID,
        state=FROZEN if held_back else PLANNED,
        text=text,
        author=actor.name,
    )
    session.add(row)
    session.flush()
    visit = session.get_one(Visit, visit_id)
    _audit(session, visit, "message planned", actor, None, now)
    return Planned(_record(session, clinic, visit, now), row.id, text, goes_at, goes_at != at)


def read_message(clinic: Clinic, written: str, now: datetime) -> tuple[datetime, str] | Unreadable:
    """Read a day, a time and the words that are to be sent then."""
    clock = _CLOCK.search(written)
    if clock is None or int(clock[1]) > 23 or int(clock[2]) > 59:
        return Unreadable(NO_TIME)
    wall = now.astimezone(clinic.tz)
    named, text = written[: clock.start()].strip(" ,"), written[clock.end() :].strip(" ,:–-\n")
    day = dates.find(named, wall, country=clinic.country, language=clinic.language).day if named else None
    if day is None:
        return Unreadable(NO_DAY)
    at = timing.instant(day, time(int(clock[1]), int(clock[2])), clinic.tz)
    if at <= now:
        return Unreadable(PAST)
    if at > now + FURTHEST:
        return Unreadable(TOO_FAR)
    if not text:
        return Unreadable(NO_TEXT)
    return Unreadable(TOO_LONG) if len(text) > TEXT_MOST else (at, text)


def _locked(session: Session, followup_id: int, staff_chat: int) -> FollowUp | None:
    if not is_staffs(session, staff_chat):
        return None
    return session.get(FollowUp, followup_id, with_for_update=True, populate_existing=True)


def _audit(session: Session, visit: Visit, action: str, actor: Actor, after: str | None, now: datetime) -> None:
    subject = f"{SUBJECT}:{visit.id}"
    session.add(Audit(at=now, actor=actor.id, action=action, subject=subject, before=None, after=after))
