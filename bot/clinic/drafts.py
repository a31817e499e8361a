"""Drafts: a booking that a patient has begun. The row is the dialogue: the next question is its first empty field.

Buttons carry the draft's id and version; one that is behind changes nothing and gets the form as it is now. A day and a
time that were said before it is known for what wait in the row, and are checked as soon as it is. Consent to the use of
the answers comes right before the questions: without it nothing about anybody's health is kept.
"""

import contextlib
import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

import phonenumbers
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from bot.clinic import consents, patients, slots, staffroom, visits
from bot.clinic.patients import Person
from bot.clinic.slots import Free
from bot.clinic.visits import Card, Late, NoStaff, NotHere, Requested, Taken, TooLate, TooMany, TooOften, Wanted
from bot.config import Clinic, Practitioner, Treatment
from bot.store.models import Audit, Draft, Enquiry, Outgoing, Patient, Visit

SUBJECT = "draft"
TREATMENT, PRACTITIONER, DAY, TIME, NAME, PHONE = "treatment", "practitioner", "day", "time", "name", "phone"
CONSENT, SCREENING, FOLLOW_UP, OFFERS, CHECK = "consent", "screening", "follow_up", "offers", "check"
FIELDS = (TREATMENT, PRACTITIONER, DAY, TIME, NAME, PHONE, CONSENT, SCREENING, FOLLOW_UP, OFFERS)
"""In the order in which they are asked; then the whole is shown (`CHECK`)."""
OF_A_MOVE = (PRACTITIONER, DAY, TIME)
"""What is asked where a visit is moved; the rest is as it was."""
UNDER_AGE = "under-18"
QUESTIONS = (
    UNDER_AGE,
    "pregnant",
    "allergy",
    "blood",
    "immune",
    "skin",
    "scars",
    "diabetes",
    "epilepsy",
    "cancer",
    "acne",
    "recent",
    "reaction",
    "unwell",
)
"""The screening questions, in order; their words are in bot/wording/booking.py."""
YES, NO, UNSURE = "yes", "no", "unsure"
AGAIN = "again"
"""Lets go of the answers, so that all the questions are asked once more."""
ANYBODY = ""
"""The practitioner of a patient who does not mind."""
PURPOSES = {
    CONSENT: (consents.VISIT,),
    FOLLOW_UP: (consents.FOLLOW_UP, consents.REMINDERS),
    OFFERS: (consents.OFFERS,),
}
"""What each answer agrees to: messages about the visit are reminders before it and care after it."""
LONGEST_NAME = 64
SHORTEST_PHONE = 8
AWAKE = time(9), time(20)
"""The clinic's wall times between which somebody is asked about an unfinished booking."""
A_ROUND = 50
"""Drafts looked after in one transaction."""


@dataclass(frozen=True, slots=True)
class Words:
    """What a patient's own words say of the visit they want."""

    treatment: str | None = None
    practitioner: str | None = None
    day: date | None = None
    at: time | None = None
    earliest: time | None = None
    """From when on a time suits; says nothing by itself."""

    def __bool__(self) -> bool:
        """True where they say anything."""
        return any(part is not None for part in (self.treatment, self.practitioner, self.day, self.at))


@dataclass(frozen=True, slots=True)
class Form:
    """A draft as it is drawn: what is filled, what is asked, and what there is to choose from."""

    draft_id: int
    version: int
    chat_id: int
    step: str
    """The field that is asked, or `CHECK`."""
    is_change: bool
    """True where everything is filled, and one field is being changed."""
    can_go_back: bool
    moves: Card | None
    """The visit that is to be moved."""
    treatment: Treatment | None
    practitioner: Practitioner | None
    """Who was chosen, or is free at the chosen time."""
    anybody: bool
    """The patient does not mind who it is."""
    practitioners: tuple[Practitioner, ...]
    """Who does the treatment."""
    day: date | None
    earliest: time | None
    """From when on a time suits the patient: what is shown first."""
    starts_at: datetime | None
    name: str | None
    phone: str | None
    known_as: str
    """The patient's name as Telegram shows it."""
    question: str | None
    """The screening question in turn."""
    answered: int
    flagged: bool
    follow_up: bool | None
    offers: bool | None
    days: tuple[date, ...]
    """Days with free time, where a day is asked."""
    times: tuple[Free, ...]
    """Free times of the day, where a time is asked."""
    message_id: int | None
    """The message that shows it, once it has arrived."""
    is_asleep: bool
    """The patient has written of a possible emergency since: what they write is for the form only once they go on."""

    @property
    def subject(self) -> str:
        """What the message that shows it is about."""
        return f"{SUBJECT}:{self.draft_id}"

    @property
    def has_begun(self) -> bool:
        """True where the patient has chosen anything."""
        return self.moves is not None or any((self.treatment, self.day))


# --- outcomes


@dataclass(frozen=True, slots=True)
class Begun:
    """A form is open; `understood` where the patient's words filled some of it, `lost` what was not to be had,
    `replaced` the form that gave way, `flagged` where the patient wrote of a possible emergency within the day."""

    form: Form
    understood: bool = False
    lost: str | None = None
    replaced: Form | None = None
    flagged: bool = False


@dataclass(frozen=True, slots=True)
class Resumed:
    """The patient had begun a booking before, and is asked whether to go on; `flagged` as above."""

    form: Form
    flagged: bool = False


@dataclass(frozen=True, slots=True)
class NothingToBook:
    """The clinic lists no treatments."""


@dataclass(frozen=True, slots=True)
class Filled:
    """A field is filled, or is being asked again; `left` is the field that was asked before, `lost` is `DAY` or `TIME`
    where what was chosen is not to be had."""

    form: Form
    left: str
    lost: str | None = None


@dataclass(frozen=True, slots=True)
class Stale:
    """The form has gone on since the button was shown."""

    form: Form


@dataclass(frozen=True, slots=True)
class Stopped:
    """The patient is under 18: nothing is kept of the form."""

    at: str = UNDER_AGE


@dataclass(frozen=True, slots=True)
class Refused:
    """The patient does not want answers to be kept: nothing is kept of the form."""


@dataclass(frozen=True, slots=True)
class Invalid:
    """What was given is no value of the field; `why` is one of the words below."""

    form: Form
    why: str


TOO_LONG, NO_NAME, NO_PHONE, NOT_OWN = "too long", "no name", "no phone", "not own"


@dataclass(frozen=True, slots=True)
class Dropped:
    """The form is gone; `left` is the field that was asked."""

    form: Form


@dataclass(frozen=True, slots=True)
class Gone:
    """The time was taken meanwhile; the form asks for another one, and these are free."""

    form: Form
    free: Sequence[Free]


@dataclass(frozen=True, slots=True)
class Closed:
    """The visit that was to be moved cannot be: the form is gone."""

    card: Card


BeginOutcome = Begun | Resumed | TooMany | NoStaff | NothingToBook
MoveOutcome = Begun | NotHere | NoStaff | TooLate
FillOutcome = Filled | Stale | Stopped | Refused | Invalid | NotHere
SendOutcome = Requested | Gone | TooMany | TooOften | TooLate | NoStaff | Closed | Stale | NotHere


# --- beginning


def begin(
    session: Session, clinic: Clinic, person: Person, now: datetime, *, words: Words | None = None, anew: bool = False
) -> BeginOutcome:
    """Open a form, with what the patient's words say of it, or take up the one that is open; `anew` empties it."""
    patients.meet(session, person, now)
    if staffroom.chat(session) is None:
        return NoStaff()
    if not clinic.treatments:
        return NothingToBook()
    draft = _own(session, person.chat_id)
    replaced = None
    if draft is not None and anew:
        replaced = _form(session, clinic, draft, now)
        session.delete(draft)
        session.flush()
        draft = None
    if draft is not None:
        if not words:
            _settle(session, clinic, draft, now)  # the time may be gone since
            found = _form(session, clinic, draft, now)
            if found.has_begun:
                return Resumed(found, patients.was_flagged(session, person.chat_id, now))
    else:
        if visits.count_open(session, person.chat_id, now) >= clinic.booking.most_open:
            return TooMany(clinic.booking.most_open)
        draft = _new(session, person.chat_id, now)
        _fill_in_known(session, draft)
    if len(clinic.treatments) == 1:
        draft.treatment = clinic.treatments[0].id
    lost = _take(session, clinic, draft, words or Words(), now)
    flagged = patients.was_flagged(session, person.chat_id, now)
    return Begun(_form(session, clinic, draft, now), bool(words), lost, replaced, flagged)


def begin_move(session: Session, clinic: Clinic, person: Person, visit_id: int, now: datetime) -> MoveOutcome:
    """Open a form that moves the patient's visit; another open form gives way."""
    visit = session.get(Visit, visit_id)
    if visit is None or visit.chat_id != person.chat_id or visit.status not in visits.LIVE:
        return NotHere()
    patients.meet(session, person, now)
    if staffroom.chat(session) is None:
        return NoStaff()
    if visits.is_too_near(session, clinic, visit, now):
        return TooLate(visits.card(session, clinic, visit), clinic.visits.notice_hours)
    draft = _own(session, person.chat_id)
    replaced = None
    if draft is not None and draft.visit_id != visit_id:
        replaced = _form(session, clinic, draft, now)
        session.delete(draft)
        session.flush()
        draft = None
    if draft is None:
        draft = _new(session, person.chat_id, now)
    draft.visit_id, draft.treatment, draft.practitioner = visit.id, visit.treatment, visit.practitioner
    draft.day = draft.starts_at = draft.asked = None
    draft.name, draft.phone = visit.name, visit.phone
    _touch(draft, now)
    _settle(session, clinic, draft, now)
    flagged = patients.was_flagged(session, person.chat_id, now)
    return Begun(_form(session, clinic, draft, now), replaced=replaced, flagged=flagged)


def form(session: Session, clinic: Clinic, chat_id: int, now: datetime) -> Form | None:
    """Return the patient's open form."""
    draft = session.scalar(select(Draft).where(Draft.chat_id == chat_id))
    return _form(session, clinic, draft, now) if draft else None


# --- filling


def fill(
    session: Session, clinic: Clinic, draft_id: int, version: int, chat_id: int, field: str, value: str, now: datetime
) -> FillOutcome:
    """Fill one field with what a button or a text says: a day as 2026-12-04, a time as minutes since 1970, an answer
    as `question=answer`, a consent as yes or no."""
    draft = _shown(session, clinic, draft_id, version, chat_id, now)
    if not isinstance(draft, Draft):
        return draft
    left = _step(clinic, draft)
    if field == CONSENT and value == NO:
        _note_consent(session, draft, CONSENT, now, given=False)
        _drop(session, draft, "draft ended", now)
        return Refused()
    if field == SCREENING and value == f"{UNDER_AGE}={YES}":
        _drop(session, draft, "draft stopped", now)
        return Stopped()
    why = _set(session, clinic, draft, field, value, now)
    if why is not None:
        return Invalid(_form(session, clinic, draft, now), why)
    draft.asked = None
    lost = _settle(session, clinic, draft, now)
    _touch(draft, now)
    return Filled(_form(session, clinic, draft, now), left, lost)


def take(session: Session, clinic: Clinic, chat_id: int, words: Words, now: datetime) -> Filled | NotHere:
    """Fill what the patient's words say, whatever is asked."""
    draft = _own(session, chat_id)
    if draft is None:
        return NotHere()
    left = _step(clinic, draft)
    lost = _take(session, clinic, draft, words, now)
    return Filled(_form(session, clinic, draft, now), left, lost)


def name(session: Session, clinic: Clinic, chat_id: int, text: str, now: datetime) -> FillOutcome:
    """Fill the name with what the patient typed."""
    return _typed(session, clinic, chat_id, NAME, text, now)


def phone(
    session: Session, clinic: Clinic, chat_id: int, number: str, now: datetime, *, is_own: bool = True
) -> FillOutcome:
    """Fill the telephone number with what the patient typed, or shared of their own."""
    if is_own:
        return _typed(session, clinic, chat_id, PHONE, number, now)
    draft = _own(session, chat_id)
    return Invalid(_form(session, clinic, draft, now), NOT_OWN) if draft else NotHere()


def known_as(session: Session, chat_id: int) -> str:
    """Return the patient's name as Telegram shows it."""
    patient = session.get(Patient, chat_id)
    return patients.display_name(patient) if patient else ""


def go_on(session: Session, clinic: Clinic, draft_id: int, chat_id: int, now: datetime) -> Stale | NotHere:
    """Take up a form that was left; it is shown as it is."""
    draft = _own(session, chat_id)
    if draft is None or draft.id != draft_id:
        return NotHere()
    _settle(session, clinic, draft, now)
    _touch(draft, now)
    return Stale(_form(session, clinic, draft, now))


def change(
    session: Session, clinic: Clinic, draft_id: int, version: int, chat_id: int, field: str, now: datetime
) -> Filled | Stale | NotHere:
    """Ask a filled field again; nothing is let go of before there is another answer."""
    draft = _shown(session, clinic, draft_id, version, chat_id, now)
    if not isinstance(draft, Draft):
        return draft
    left = _step(clinic, draft)
    if field in FIELDS:
        draft.asked = field
    _touch(draft, now)
    return Filled(_form(session, clinic, draft, now), left)


def back(
    session: Session, clinic: Clinic, draft_id: int, version: int, chat_id: int, now: datetime
) -> Filled | Stale | NotHere:
    """Go back to the question before, or from a change to the whole."""
    draft = _shown(session, clinic, draft_id, version, chat_id, now)
    if not isinstance(draft, Draft):
        return draft
    left = _step(clinic, draft)
    before = _before(clinic, draft)
    if draft.asked is not None and _gap(clinic, draft) == CHECK:
        draft.asked = None
    elif left == SCREENING and draft.screening:
        draft.screening = _without_last(draft.screening)
    elif before == SCREENING:
        draft.screening = _without_last(draft.screening)
        draft.asked = None
    elif before is not None:
        draft.asked = before
    _touch(draft, now)
    return Filled(_form(session, clinic, draft, now), left)


def drop(
    session: Session, clinic: Clinic, chat_id: int, now: datetime, *, draft_id: int | None = None
) -> Dropped | NotHere:
    """Let go of the patient's form, or of that one, and of all that is in it."""
    draft = _own(session, chat_id)
    if draft is None or draft_id not in (None, draft.id):
        return NotHere()
    found = _form(session, clinic, draft, now)
    _drop(session, draft, "draft dropped", now)
    return Dropped(found)


def send(  # noqa: PLR0911  each outcome of the request is one here
    session: Session, clinic: Clinic, draft_id: int, version: int, chat_id: int, now: datetime
) -> SendOutcome:
    """Ask the clinic for what the form says; the form is gone then."""
    draft = _shown(session, clinic, draft_id, version, chat_id, now)
    if not isinstance(draft, Draft):
        return draft
    if _step(clinic, draft) != CHECK:
        return Stale(_form(session, clinic, draft, now))
    if draft.practitioner == ANYBODY:
        _settle(session, clinic, draft, now)  # where one was booked meanwhile, somebody else may be free then
    wanted = _wanted(draft)
    if wanted is None:
        return _gone(session, clinic, draft, now)
    outcome = visits.request(session, clinic, chat_id, wanted, now)
    match outcome:
        case Requested():
            session.delete(draft)
            return outcome
        case Taken(free):
            draft.starts_at = draft.with_practitioner = None
            _settle(session, clinic, draft, now)
            _touch(draft, now)
            return Gone(_form(session, clinic, draft, now), free)
        case TooLate():
            session.delete(draft)
            return outcome
        case Late(card):
            session.delete(draft)
            return Closed(card)
        case NotHere():  # the treatment or the visit is not there any more
            session.delete(draft)
            return outcome
        case TooMany() | TooOften() | NoStaff():
            return outcome


# --- what time brings


@dataclass(frozen=True, slots=True)
class Nudged:
    """The patient is asked, once, whether to go on."""

    form: Form
    language: str


@dataclass(frozen=True, slots=True)
class Forgotten:
    """A form nobody went on with is gone."""

    form: Form
    language: str


Due = Nudged | Forgotten


def make_rounds(session: Session, clinic: Clinic, now: datetime) -> list[Due]:
    """Drop what has been cold for long, and ask once about what has been for a while."""
    happened: list[Due] = []
    old = select(Draft).where(Draft.changed_at <= now - timedelta(days=clinic.booking.drop_days))
    for draft in session.scalars(old.order_by(Draft.id).limit(A_ROUND)).all():
        happened.append(Forgotten(_form(session, clinic, draft, now), _language(session, clinic, draft)))
        _drop(session, draft, "draft forgotten", now)
    if not AWAKE[0] <= now.astimezone(clinic.tz).time() < AWAKE[1]:
        return happened
    since = now - timedelta(hours=clinic.booking.nudge_hours)
    cold = select(Draft).where(Draft.changed_at <= since, Draft.nudged_at.is_(None))
    for draft in session.scalars(cold.order_by(Draft.id).limit(A_ROUND)).all():
        draft.nudged_at = now  # whoever is not to be asked now is not asked later either
        _settle(session, clinic, draft, now)
        found = _form(session, clinic, draft, now)
        if found.has_begun and _may_be_nudged(session, draft, now):
            happened.append(Nudged(found, _language(session, clinic, draft)))
    return happened


def next_due(session: Session, clinic: Clinic) -> datetime | None:
    """Return when a form is to be asked about or dropped."""
    cold = session.scalar(select(func.min(Draft.changed_at)).where(Draft.nudged_at.is_(None)))
    oldest = session.scalar(select(func.min(Draft.changed_at)))
    due = []
    if cold is not None:
        due.append(_awake(clinic, cold + timedelta(hours=clinic.booking.nudge_hours)))
    if oldest is not None:
        due.append(oldest + timedelta(days=clinic.booking.drop_days))
    return min(due, default=None)


def _may_be_nudged(session: Session, draft: Draft, now: datetime) -> bool:
    patient = session.get(Patient, draft.chat_id)
    if patient is None or patient.unreachable_since is not None or patients.was_flagged(session, draft.chat_id, now):
        return False
    talking = select(Enquiry.id).where(Enquiry.chat_id == draft.chat_id, Enquiry.state == "talking")
    return session.scalar(talking.limit(1)) is None


def _awake(clinic: Clinic, at: datetime) -> datetime:
    """Return `at`, or the next instant at which somebody may be asked."""
    local = at.astimezone(clinic.tz)
    if AWAKE[0] <= local.time() < AWAKE[1]:
        return at
    day = local.date() + timedelta(days=local.time() >= AWAKE[1])
    return datetime.combine(day, AWAKE[0], clinic.tz).astimezone(at.tzinfo)


def _language(session: Session, clinic: Clinic, draft: Draft) -> str:
    patient = session.get(Patient, draft.chat_id)
    return patient.language if patient else clinic.language


# --- values


def clean_name(text: str) -> str | None:
    """Return a name of any script, its spaces tidied; None for what is none: too long, a link, an initial."""
    tidy = " ".join(text.split())
    letters = [kind for kind in map(unicodedata.category, tidy) if kind[0] == "L"]
    # one letter is a slip of the finger, but for scripts in which one sign is a whole name
    if len(tidy) > LONGEST_NAME or (len(letters) < 2 and "Lo" not in letters):
        return None
    if any(unicodedata.category(char) in ("Cc", "Cs", "Co", "Cn") for char in tidy):
        return None
    return None if re.search(r"://|www\.|t\.me\b|@\w|[<>]|\w\.\w{2,}/", tidy, re.IGNORECASE) else tidy


def clean_phone(text: str, country: str) -> str | None:
    """Return a telephone number as +442079460958; numbers without a country's are read as of `country`."""
    try:
        number = phonenumbers.parse(text, country)
    except phonenumbers.NumberParseException:
        return None
    # a range that is newer than the library is refused only where it is too short for anybody's number
    long_enough = phonenumbers.is_possible_number(number) and len(str(number.national_number)) >= SHORTEST_PHONE
    if not phonenumbers.is_valid_number(number) and not long_enough:
        return None
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def _set(session: Session, clinic: Clinic, draft: Draft, field: str, value: str, now: datetime) -> str | None:
    """Fill a field; returns why it cannot be. What no button of this form says changes nothing."""
    match field:
        case "treatment" if clinic.treatment(value) and draft.visit_id is None:
            draft.treatment = value
        case "practitioner" if value == ANYBODY or clinic.practitioner(value):
            draft.practitioner = value
        case "day":
            with contextlib.suppress(ValueError):
                draft.day, draft.starts_at = date.fromisoformat(value), None
        case "time":
            with contextlib.suppress(ValueError, OverflowError, OSError):
                draft.starts_at = datetime.fromtimestamp(int(value) * 60, clinic.tz)
                draft.day = draft.starts_at.date()
        case "name":
            cleaned = clean_name(value)
            if cleaned is None:
                return TOO_LONG if len(value) > LONGEST_NAME else NO_NAME
            draft.name = cleaned
        case "phone":
            number = clean_phone(value, clinic.country)
            if number is None:
                return NO_PHONE
            draft.phone = number
        case "screening":
            draft.screening = _answers(draft, value)
        case "consent" | "follow_up" | "offers":
            setattr(draft, field, value == YES)
            _note_consent(session, draft, field, now, given=value == YES)
        case _:
            pass
    return None


def _answers(draft: Draft, value: str) -> dict[str, str]:
    """Return the answers with one more, or none of them where they are to be given again."""
    question, _, answer = value.partition("=")
    if draft.consent and question in QUESTIONS and answer in (YES, NO, UNSURE):
        return {**draft.screening, question: answer}
    return {} if value == AGAIN else draft.screening


def _take(session: Session, clinic: Clinic, draft: Draft, words: Words, now: datetime) -> str | None:
    """Fill what the words say, and check it; returns what is not to be had."""
    if words.treatment is not None and draft.visit_id is None:
        draft.treatment = words.treatment
    if words.practitioner is not None:
        draft.practitioner = words.practitioner
    if words.day is not None and words.day != draft.day:
        draft.day, draft.starts_at = words.day, None
    draft.earliest = words.earliest or draft.earliest
    if words.at is not None and draft.day is not None:
        draft.starts_at = datetime.combine(draft.day, words.at, clinic.tz)
    draft.asked = None
    lost = _settle(session, clinic, draft, now)
    _touch(draft, now)
    return lost


def _settle(  # noqa: PLR0911  each thing that does not go together is one
    session: Session, clinic: Clinic, draft: Draft, now: datetime
) -> str | None:
    """Let go of what does not go together with the rest any more; returns `DAY` or `TIME` where that is it."""
    treatment = clinic.treatment(draft.treatment or "")
    if draft.day is not None and not _may_be_open(clinic, draft.day, now):
        draft.day = draft.starts_at = draft.with_practitioner = None
        return DAY
    if treatment is None:
        draft.treatment = None
        return None
    who = _doing(clinic, treatment)
    if len(who) == 1:
        draft.practitioner = who[0].id
    elif draft.practitioner not in (None, ANYBODY, *(one.id for one in who)):
        draft.practitioner = None
    if draft.practitioner is None or draft.day is None:
        return None
    times = _times(session, clinic, draft, treatment, draft.day, now)
    if not times:
        draft.day = draft.starts_at = draft.with_practitioner = None
        return DAY
    if draft.starts_at is None:
        return None
    chosen = next((free for free in times if free.starts_at == draft.starts_at), None)
    draft.with_practitioner = chosen.practitioner if chosen else None
    if chosen is None:
        draft.starts_at = None
        return TIME
    return None


def _may_be_open(clinic: Clinic, day: date, now: datetime) -> bool:
    """True for a day on which anybody can be booked at all."""
    ahead = (day - now.astimezone(clinic.tz).date()).days
    return 0 <= ahead <= clinic.booking.days_ahead and any(clinic.works_on(one, day) for one in clinic.team)


def _gone(session: Session, clinic: Clinic, draft: Draft, now: datetime) -> Gone:
    treatment = clinic.treatment(draft.treatment or "")
    free = slots.next_free(session, clinic, treatment, None, now, visits.OTHERS_OFFERED) if treatment else []
    _touch(draft, now)
    return Gone(_form(session, clinic, draft, now), free)


def _doing(clinic: Clinic, treatment: Treatment) -> tuple[Practitioner, ...]:
    return tuple(one for one in clinic.team if one.does(treatment.id))


def _times(
    session: Session, clinic: Clinic, draft: Draft, treatment: Treatment, day: date, now: datetime
) -> list[Free]:
    chosen = draft.practitioner or None
    return slots.free_times(session, clinic, treatment, chosen, day, now, holder=_holders(draft))


def _holders(draft: Draft) -> tuple[str, ...]:
    """Return who holds time that is the patient's own: the visit that is to be moved."""
    return (f"visit:{draft.visit_id}", f"kept:{draft.visit_id}") if draft.visit_id is not None else ()


def _note_consent(session: Session, draft: Draft, field: str, now: datetime, *, given: bool) -> None:
    for purpose in PURPOSES[field]:
        consents.give(session, draft.chat_id, purpose, given, now)


# --- which field is asked


def _gap(clinic: Clinic, draft: Draft) -> str:
    """Return the first empty field, or `CHECK`."""
    empty = {
        TREATMENT: draft.treatment is None,
        PRACTITIONER: draft.practitioner is None,
        DAY: draft.day is None,
        TIME: draft.starts_at is None,
        NAME: draft.name is None,
        PHONE: draft.phone is None,
        CONSENT: draft.consent is None,
        SCREENING: len(draft.screening) < len(QUESTIONS),
        FOLLOW_UP: draft.follow_up is None,
        OFFERS: draft.offers is None,
    }
    return next((field for field in _asked_of(draft) if empty[field]), CHECK)


def _asked_of(draft: Draft) -> tuple[str, ...]:
    return FIELDS if draft.visit_id is None else OF_A_MOVE


def _step(clinic: Clinic, draft: Draft) -> str:
    return draft.asked or _gap(clinic, draft)


def _before(clinic: Clinic, draft: Draft) -> str | None:
    """Return the field that was asked before the present one; a choice of one is never asked."""
    asked = _asked_of(draft)
    step = _step(clinic, draft)
    earlier = list(asked[: asked.index(step)] if step in asked else asked)
    treatment = clinic.treatment(draft.treatment or "")
    if TREATMENT in earlier and len(clinic.treatments) == 1:
        earlier.remove(TREATMENT)
    if PRACTITIONER in earlier and (treatment is None or len(_doing(clinic, treatment)) < 2):
        earlier.remove(PRACTITIONER)
    return earlier[-1] if earlier else None


def _without_last(screening: dict[str, str]) -> dict[str, str]:
    kept = [question for question in QUESTIONS if question in screening][:-1]
    return {question: screening[question] for question in kept}


# --- rows


def _own(session: Session, chat_id: int) -> Draft | None:
    return session.scalar(select(Draft).where(Draft.chat_id == chat_id).with_for_update())


def _shown(
    session: Session, clinic: Clinic, draft_id: int, version: int, chat_id: int, now: datetime
) -> Draft | Stale | NotHere:
    """Return the patient's draft, if it is what the button was shown for."""
    draft = session.get(Draft, draft_id, with_for_update=True, populate_existing=True)
    if draft is None or draft.chat_id != chat_id:
        return NotHere()
    return draft if draft.version == version else Stale(_form(session, clinic, draft, now))


def _typed(session: Session, clinic: Clinic, chat_id: int, field: str, value: str, now: datetime) -> FillOutcome:
    draft = _own(session, chat_id)
    if draft is None:
        return NotHere()
    return fill(session, clinic, draft.id, draft.version, chat_id, field, value, now)


def _new(session: Session, chat_id: int, now: datetime) -> Draft:
    draft = Draft(chat_id=chat_id, version=1, screening={}, changed_at=now)
    session.add(draft)
    session.flush()
    return draft


def _fill_in_known(session: Session, draft: Draft) -> None:
    """Fill in what the patient said before: name and telephone, and whether messages are welcome."""
    last = session.scalar(select(Visit).where(Visit.chat_id == draft.chat_id).order_by(Visit.id.desc()).limit(1))
    if last is not None:
        draft.name, draft.phone = last.name, last.phone
    for field in (FOLLOW_UP, OFFERS):
        setattr(draft, field, consents.current(session, draft.chat_id, PURPOSES[field][0]))


def _touch(draft: Draft, now: datetime) -> None:
    draft.version += 1
    draft.changed_at, draft.nudged_at = now, None


def _drop(session: Session, draft: Draft, action: str, now: datetime) -> None:
    """Delete the draft; all that stays is that there was one."""
    subject = f"{SUBJECT}:{draft.id}"
    actor = None if action == "draft forgotten" else draft.chat_id
    session.add(Audit(at=now, actor=actor, action=action, subject=subject, before="draft", after=None))
    session.delete(draft)


def _wanted(draft: Draft) -> Wanted | None:
    who = draft.practitioner or draft.with_practitioner
    if not (draft.treatment and who and draft.starts_at and draft.name and draft.phone):
        return None
    return Wanted(draft.treatment, who, draft.starts_at, draft.name, draft.phone, dict(draft.screening), draft.visit_id)


def _form(session: Session, clinic: Clinic, draft: Draft, now: datetime) -> Form:
    """Return the draft as it is drawn."""
    step = _step(clinic, draft)
    treatment = clinic.treatment(draft.treatment or "")
    days: Sequence[date] = ()
    times: Sequence[Free] = ()
    if treatment is not None and step == DAY:
        first = now.astimezone(clinic.tz).date()
        last = first + timedelta(days=clinic.booking.days_ahead)
        chosen = draft.practitioner or None
        days = slots.free_days(session, clinic, treatment, chosen, first, last, now, holder=_holders(draft))
    if treatment is not None and step == TIME and draft.day is not None:
        times = _times(session, clinic, draft, treatment, draft.day, now)
    visit = session.get(Visit, draft.visit_id) if draft.visit_id is not None else None
    return Form(
        draft.id,
        draft.version,
        draft.chat_id,
        step,
        draft.asked is not None and _gap(clinic, draft) == CHECK,
        _before(clinic, draft) is not None or (step == SCREENING and bool(draft.screening)),
        visits.card(session, clinic, visit) if visit else None,
        treatment,
        clinic.practitioner(draft.practitioner or draft.with_practitioner or ""),
        draft.practitioner == ANYBODY,
        _doing(clinic, treatment) if treatment else (),
        draft.day,
        draft.earliest,
        draft.starts_at,
        draft.name,
        draft.phone,
        known_as(session, draft.chat_id),
        next((question for question in QUESTIONS if question not in draft.screening), None),
        len(draft.screening),
        any(answer != NO for answer in draft.screening.values()),
        draft.follow_up,
        draft.offers,
        tuple(days),
        tuple(times),
        _message(session, draft),
        _is_asleep(session, draft),
    )


def _is_asleep(session: Session, draft: Draft) -> bool:
    patient = session.get(Patient, draft.chat_id)
    return patient is not None and patient.flagged_at is not None and patient.flagged_at >= draft.changed_at


def _message(session: Session, draft: Draft) -> int | None:
    """Return the message that showed the form last."""
    shown = select(Outgoing.message_id).where(
        Outgoing.chat_id == draft.chat_id,
        Outgoing.subject == f"{SUBJECT}:{draft.id}",
        Outgoing.message_id.is_not(None),
    )
    return session.scalar(shown.order_by(Outgoing.id.desc()).limit(1))
