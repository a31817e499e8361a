"""Visits that staff enter for walk-ins and callers, and the link that ties a patient's chat to one of them.

A link's secret is not kept: what a visit knows is its SHA-256. It works once, for whoever opens it first, until the
visit and for two weeks at least; a new one ends those before it.

Whose chat the clinic knows already needs no link: staff tie the visit to it with one tap.
"""

import hashlib
import secrets
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

import phonenumbers
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from bot.clinic import calls, consents, drafts, patients, plans, slots, staffroom, visits
from bot.clinic.patients import Person
from bot.clinic.slots import Free
from bot.clinic.visits import COMPLETED, CONFIRMED, LIVE, Actor, Card, NotHere, Taken
from bot.config import Clinic, Practitioner, Treatment
from bot.store.models import Audit, Course, FollowUp, Invite, Patient, Visit

PREFIX = "v_"
"""How the payload of such a link begins."""
LASTS = timedelta(days=14)
ASKED = (consents.VISIT, consents.FOLLOW_UP, consents.OFFERS)
"""What a patient who joins is asked to agree to, one after the other."""
DRAFT = "draft"


# --- entering a visit


@dataclass(frozen=True, slots=True)
class Choice:
    """A treatment, and who does it, to find a time for."""

    treatment: Treatment
    practitioner: Practitioner


@dataclass(frozen=True, slots=True)
class FreeDays:
    """The days of a month on which the practitioner has time."""

    choice: Choice
    first: date
    free: Sequence[date]


@dataclass(frozen=True, slots=True)
class FreeTimes:
    """The times of a day at which the practitioner has time."""

    choice: Choice
    day: date
    free: Sequence[Free]


@dataclass(frozen=True, slots=True)
class Known:
    """A patient of the same name and number has a chat with the bot, shown in Telegram as `name`."""

    chat_id: int
    name: str


@dataclass(frozen=True, slots=True)
class Entered:
    """The visit is confirmed and holds its time; `secret` belongs into its link, unless its patient is `known`."""

    card: Card
    secret: str
    until: datetime
    known: Known | None


@dataclass(frozen=True, slots=True)
class Invited:
    """There is a new link for the visit; earlier ones have ended."""

    card: Card
    secret: str
    until: datetime
    known: Known | None


@dataclass(frozen=True, slots=True)
class HasChat:
    """The visit belongs to a chat already."""

    card: Card


@dataclass(frozen=True, slots=True)
class Caller:
    """Name and telephone number, as far as what was typed holds them."""

    name: str | None
    phone: str | None


def is_staffs(session: Session, chat_id: int) -> bool:
    """True for the staff group."""
    return staffroom.chat(session) == chat_id


def days(
    session: Session,
    clinic: Clinic,
    treatment_id: str,
    practitioner_id: str,
    first: date,
    staff_chat: int,
    now: datetime,
) -> FreeDays | NotHere:
    """Return the days of the month that begins with `first` on which the treatment could be."""
    choice = _choice(session, clinic, treatment_id, practitioner_id, staff_chat)
    if choice is None:
        return NotHere()
    last = (first.replace(day=28) + timedelta(days=4)).replace(day=1) - timedelta(days=1)
    free = slots.free_days(session, clinic, choice.treatment, practitioner_id, first, last, now, lead=False)
    return FreeDays(choice, first, free)


def times(
    session: Session, clinic: Clinic, treatment_id: str, practitioner_id: str, day: date, staff_chat: int, now: datetime
) -> FreeTimes | NotHere:
    """Return the times of a day at which the treatment could be."""
    choice = _choice(session, clinic, treatment_id, practitioner_id, staff_chat)
    if choice is None:
        return NotHere()
    free = slots.free_times(session, clinic, choice.treatment, practitioner_id, day, now, lead=False)
    return FreeTimes(choice, day, free)


def choose(
    session: Session, clinic: Clinic, treatment_id: str, practitioner_id: str, staff_chat: int
) -> Choice | NotHere:
    """Return what was chosen, where the practitioner does that treatment."""
    return _choice(session, clinic, treatment_id, practitioner_id, staff_chat) or NotHere()


def _choice(
    session: Session, clinic: Clinic, treatment_id: str, practitioner_id: str, staff_chat: int
) -> Choice | None:
    treatment, practitioner = clinic.treatment(treatment_id), clinic.practitioner(practitioner_id)
    if not is_staffs(session, staff_chat) or treatment is None or practitioner is None:
        return None
    return Choice(treatment, practitioner) if practitioner.does(treatment_id) else None


def started(now: datetime) -> datetime:
    """Return when a visit that begins now began: at the last whole five minutes."""
    return now - timedelta(minutes=now.minute % slots.UNIT, seconds=now.second, microseconds=now.microsecond)


def number(choice: Choice) -> int:
    """Return a number that names a choice for as long as clinic.toml has both of it, in whatever order."""
    return zlib.crc32(choice.treatment.id.encode()) << 32 | zlib.crc32(choice.practitioner.id.encode())


def numbered(clinic: Clinic, wanted: int) -> Choice | None:
    """Return the choice that a number names."""
    every = (Choice(treatment, one) for treatment in clinic.treatments for one in clinic.team)
    return next((choice for choice in every if number(choice) == wanted), None)


def read_caller(text: str, country: str) -> Caller:
    """Read "Anna Nowak +44 20 7946 0018", in either order and on one line or two."""
    found = next(iter(phonenumbers.PhoneNumberMatcher(text, country, phonenumbers.Leniency.POSSIBLE)), None)
    if found is None:
        return Caller(drafts.clean_name(text.strip(" ,;:")), None)
    rest = f"{text[: found.start]} {text[found.end :]}"
    phone = phonenumbers.format_number(found.number, phonenumbers.PhoneNumberFormat.E164)
    return Caller(drafts.clean_name(rest.strip(" ,;:\n\t")), phone)


def enter(
    session: Session,
    clinic: Clinic,
    choice: Choice,
    starts_at: datetime,
    name: str,
    phone: str,
    staff_chat: int,
    actor: Actor,
    now: datetime,
) -> Entered | Taken | NotHere:
    """Enter a visit that staff have agreed on: it is confirmed at once. One that has begun may be outside the hours."""
    if not is_staffs(session, staff_chat):
        return NotHere()
    treatment, who = choice.treatment, choice.practitioner.id
    visit = Visit(
        code=visits.new_code(session),
        version=1,
        status=DRAFT,
        name=name,
        phone=phone,
        treatment=treatment.id,
        practitioner=who,
        starts_at=starts_at,
        ends_at=starts_at + timedelta(minutes=treatment.minutes),
        screening={},
        flagged=False,
        created_at=now,
        requested_at=now,
        reminders=0,
    )
    offered = starts_at <= now or slots.is_offered(session, clinic, treatment, who, starts_at, now, lead=False)
    attempt = session.begin_nested()
    session.add(visit)
    session.flush()
    if not offered or not slots.hold(session, clinic, f"{visits.SUBJECT}:{visit.id}", treatment, who, starts_at):
        attempt.rollback()
        free = slots.next_free(session, clinic, treatment, who, now, visits.OTHERS_OFFERED)
        return Taken(free or slots.next_free(session, clinic, treatment, None, now, visits.OTHERS_OFFERED))
    attempt.commit()
    visit.decided_by, visit.decided_by_id, visit.decided_at = actor.name, actor.id, now
    visits.change(session, clinic, visit, CONFIRMED, "visit entered", actor.id, now)
    secret, until = _new_link(session, visit, now)
    return Entered(visits.card(session, clinic, visit), secret, until, _known(session, visit))


# --- the link


def invite(
    session: Session, clinic: Clinic, visit_id: int, staff_chat: int, actor: Actor, now: datetime
) -> Invited | HasChat | NotHere:
    """Make a new link for a visit that belongs to no chat."""
    visit = visits.of_staff(session, visit_id, staff_chat)
    if visit is None or not _may_be_joined(visit):
        return NotHere()
    if visit.chat_id is not None:
        return HasChat(visits.card(session, clinic, visit))
    session.execute(update(Invite).where(Invite.visit_id == visit_id, Invite.used_at.is_(None)).values(expires_at=now))
    secret, until = _new_link(session, visit, now)
    session.add(Audit(at=now, actor=actor.id, action="link made", subject=f"visit:{visit_id}", before=None, after=None))
    return Invited(visits.card(session, clinic, visit), secret, until, _known(session, visit))


@dataclass(frozen=True, slots=True)
class Joined:
    """The chat belongs to the visit now; `asks` is the first consent that is still to be asked for."""

    card: Card
    asks: str | None


@dataclass(frozen=True, slots=True)
class JoinedBefore:
    """The patient opened the link of their own visit again."""

    card: Card
    asks: str | None


@dataclass(frozen=True, slots=True)
class UsedUp:
    """Somebody else has opened the link, or the visit belongs to another chat."""


@dataclass(frozen=True, slots=True)
class Expired:
    """The link is too old, or a newer one has taken its place."""


@dataclass(frozen=True, slots=True)
class Over:
    """The visit was called off."""


@dataclass(frozen=True, slots=True)
class NoSuchLink:
    """There was never such a link."""


JoinOutcome = Joined | JoinedBefore | UsedUp | Expired | Over | NoSuchLink


def join(session: Session, clinic: Clinic, person: Person, payload: str, now: datetime) -> JoinOutcome:
    """Tie the chat of whoever opened a link to its visit, with its course and all that is planned."""
    patients.meet(session, person, now)
    link = session.get(Invite, _digest(payload.removeprefix(PREFIX)), with_for_update=True, populate_existing=True)
    if link is None:
        return NoSuchLink()
    visit = session.get(Visit, link.visit_id, with_for_update=True, populate_existing=True)
    if visit is not None and visit.chat_id == person.chat_id:
        return JoinedBefore(visits.card(session, clinic, visit), next_consent(session, person.chat_id))
    if visit is None or link.used_at is not None or visit.chat_id is not None:
        return UsedUp()
    if link.expires_at <= now:
        return Expired()
    if not _may_be_joined(visit):
        return Over()
    link.used_at, link.used_by = now, person.chat_id
    _tie(session, clinic, visit, person.chat_id, now)
    subject = f"{visits.SUBJECT}:{visit.id}"
    session.add(Audit(at=now, actor=person.chat_id, action="chat joined", subject=subject, before=None, after=None))
    return Joined(visits.card(session, clinic, visit), next_consent(session, person.chat_id))


@dataclass(frozen=True, slots=True)
class Tied:
    """The visit belongs to the chat that its patient has already."""

    card: Card


def tie(
    session: Session, clinic: Clinic, visit_id: int, chat_id: int, staff_chat: int, actor: Actor, now: datetime
) -> Tied | HasChat | NotHere:
    """Let staff tie a visit to the chat of a patient of the same name and number; its links end."""
    visit = visits.of_staff(session, visit_id, staff_chat)
    if visit is None or not _may_be_joined(visit):
        return NotHere()
    if visit.chat_id is not None:
        return HasChat(visits.card(session, clinic, visit))
    known = _known(session, visit)
    if known is None or known.chat_id != chat_id:
        return NotHere()
    # used by that chat, so that it can be taken off again like one that opened a link
    links = update(Invite).where(Invite.visit_id == visit_id, Invite.used_at.is_(None))
    session.execute(links.values(used_at=now, used_by=chat_id))
    _tie(session, clinic, visit, chat_id, now)
    subject = f"{visits.SUBJECT}:{visit.id}"
    session.add(Audit(at=now, actor=actor.id, action="chat tied", subject=subject, before=None, after=None))
    return Tied(visits.card(session, clinic, visit))


def _known(session: Session, visit: Visit) -> Known | None:
    """Return the one chat of the visits of the same name and number, where it can be reached and may be written to."""
    same = (Visit.phone == visit.phone, Visit.id != visit.id, Visit.chat_id.is_not(None))
    chats = {one.chat_id for one in session.scalars(select(Visit).where(*same)) if _is_same(one.name, visit.name)}
    if len(chats) != 1 or visit.chat_id is not None:
        return None
    patient = session.get(Patient, chats.pop())
    if patient is None or patient.unreachable_since is not None:
        return None
    if not consents.given(session, patient.chat_id, consents.VISIT):
        return None
    return Known(patient.chat_id, patients.display_name(patient))


def _is_same(one: str, other: str) -> bool:
    return " ".join(one.casefold().split()) == " ".join(other.casefold().split())


def _tie(session: Session, clinic: Clinic, visit: Visit, chat_id: int, now: datetime) -> None:
    visit.chat_id = chat_id
    course = session.get(Course, visit.course_id) if visit.course_id is not None else None
    if course is not None and course.chat_id is None:
        course.chat_id = chat_id
    session.flush()
    mine = update(FollowUp).where(FollowUp.visit_id == visit.id)
    session.execute(mine.values(chat_id=chat_id))
    unsaid = (FollowUp.state == plans.REFUSED, FollowUp.reason == calls.NEVER_JOINED, FollowUp.valid_until > now)
    session.execute(mine.where(*unsaid).values(state=plans.PLANNED, reason=None))
    plans.plan(session, clinic, visit, now)
    if visit.status == COMPLETED:
        plans.restart(session, clinic, visit, now)
    calls.joined(session, visit.id, now)


def next_consent(session: Session, chat_id: int) -> str | None:
    """Return what the patient is still to be asked: the first consent until it is given, the others once."""
    return next((purpose for purpose in ASKED if _is_open(session, chat_id, purpose)), None)


def _is_open(session: Session, chat_id: int, purpose: str) -> bool:
    answer = consents.given(session, chat_id, purpose)
    return answer is None or (purpose == consents.VISIT and not answer)


@dataclass(frozen=True, slots=True)
class Agreed:
    """The answer is kept; `asks` is what comes next."""

    card: Card
    asks: str | None


@dataclass(frozen=True, slots=True)
class Parted:
    """The patient does not want to be written to here: the visit belongs to no chat any more, and staff telephone."""

    card: Card


def agree(
    session: Session, clinic: Clinic, visit_id: int, chat_id: int, purpose: str, answer: bool, now: datetime
) -> Agreed | Parted | NotHere:
    """Keep what a patient who joined agreed to or not; without the first consent nothing is sent to them here."""
    visit = session.get(Visit, visit_id, with_for_update=True, populate_existing=True)
    if visit is None or visit.chat_id != chat_id or purpose not in ASKED:
        return NotHere()
    if _is_open(session, chat_id, purpose):
        consents.give(session, chat_id, purpose, answer, now)
        session.flush()
        if purpose == consents.VISIT and not answer:
            _part(session, visit, chat_id, chat_id, now)
            return Parted(visits.card(session, clinic, visit))
    return Agreed(visits.card(session, clinic, visit), next_consent(session, chat_id))


@dataclass(frozen=True, slots=True)
class Untied:
    """The visit does not belong to that chat any more; there is a new link for it."""

    card: Card
    chat_id: int
    language: str
    """Of that chat."""
    secret: str
    until: datetime


def untie(
    session: Session, clinic: Clinic, visit_id: int, chat_id: int, staff_chat: int, actor: Actor, now: datetime
) -> Untied | NotHere:
    """Take a visit from the chat that joined it, where somebody else than the patient opened the link."""
    visit = visits.of_staff(session, visit_id, staff_chat)
    joined = select(Invite.digest).where(Invite.visit_id == visit_id, Invite.used_by == chat_id)
    if visit is None or visit.chat_id != chat_id or session.scalar(joined) is None or not _may_be_joined(visit):
        return NotHere()
    language = visits.card(session, clinic, visit).language
    _part(session, visit, chat_id, actor.id, now)
    secret, until = _new_link(session, visit, now)
    return Untied(visits.card(session, clinic, visit), chat_id, language, secret, until)


def _part(session: Session, visit: Visit, chat_id: int, actor: int | None, now: datetime) -> None:
    visit.chat_id = None
    course = session.get(Course, visit.course_id) if visit.course_id is not None else None
    if course is not None and course.chat_id == chat_id:
        course.chat_id = None
    plans.retract(session, now, FollowUp.visit_id == visit.id)  # what waits to be sent would go to the wrong chat
    session.execute(
        update(FollowUp).where(FollowUp.visit_id == visit.id, FollowUp.state.in_(plans.OPEN)).values(chat_id=None)
    )
    session.flush()
    subject = f"{visits.SUBJECT}:{visit.id}"
    session.add(Audit(at=now, actor=actor, action="chat parted", subject=subject, before=None, after=None))


def _may_be_joined(visit: Visit) -> bool:
    return visit.status in (*LIVE, COMPLETED)


def _new_link(session: Session, visit: Visit, now: datetime) -> tuple[str, datetime]:
    secret = secrets.token_urlsafe(24)
    until = max(now + LASTS, visit.ends_at)
    session.add(Invite(digest=_digest(secret), visit_id=visit.id, created_at=now, expires_at=until))
    return secret, until


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
