"""What an answer to a follow-up does. Every answer is kept with the follow-up, and leaves an audit row.

A sign that a patient taps is taken as if they had typed it: it is heard as a red flag, by the same way.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from sqlalchemy import bindparam, func, select
from sqlalchemy.orm import Session

from bot.clinic import calls, consents, drafts, enquiries, followups, patients, plans, visits
from bot.clinic.drafts import BeginOutcome, MoveOutcome, Words
from bot.clinic.enquiries import Asked, AskedEnough, NobodyToAsk, PassedOn, PassOnOutcome, Relayed, Said, Unreadable
from bot.clinic.patients import Person
from bot.clinic.visits import Card
from bot.config import Clinic
from bot.programme import Answer
from bot.store.models import Audit, FollowUp, Patient, Visit
from faq import arriving
from faq.arriving import Arriving
from faq.reader import RED_FLAG_SCORE, Understood
from faq.redflags import Level

SIGNS: dict[str, Level] = {
    "breath": Level.EMERGENCY,
    "sight": Level.EMERGENCY,
    "colour": Level.EMERGENCY,
    "pain": Level.EMERGENCY,
    "fever": Level.EMERGENCY,
    "faint": Level.EMERGENCY,
    "hot": Level.SAME_DAY,
    "boil": Level.SAME_DAY,
    "sores": Level.SAME_DAY,
    "lump": Level.SAME_DAY,
    "coldsore": Level.SAME_DAY,
    "hives": Level.SAME_DAY,
    "other": Level.SAME_DAY,
}
"""What a patient can tap, and how urgent that is: the kinds of red flags, in their order."""
LATE_SIGNS = ("sores", "lump", "boil", "hot")
"""Those that come first where a lump was asked about."""
OTHER = "other"
TOLD, NEVER_MIND = "told", "nevermind"
UNSAID = ("problem", "lump")
"""Answers that say that something is wrong, while it is not said what."""
CHANGES = tuple(question for question in drafts.QUESTIONS if question != drafts.UNDER_AGE)
"""What can have changed since the visit was booked."""
LATE_BY = (10, 20, 30)
"""Minutes to choose from."""
LEFT_AFTER = timedelta(minutes=10)
"""After which somebody who did not say what is wrong is not waited for."""
A_ROUND = 50
"""Answers looked after in one transaction."""
DESCRIBED_WITHIN = timedelta(minutes=15)
"""How long what a patient types is taken as the description of the sign that was not in the list, or as the question
that they wanted to ask the clinic."""
ASK, HAS_ASKED = "ask", "asked"
LATE_WITHIN = timedelta(hours=12)
"""How long before a visit words of being late are about it."""
ANSWERED_WITHIN = timedelta(days=30)
"""How far back answers are looked at, however old the message was that they answered."""
ANSWERED = "follow-up answered"
"""The audit's word for an answer."""
CANNOT_COME = {"cancel": "cannot come", "move": "another time"}
"""What a call is about that somebody asked for too near to the visit, by the answer."""
_ONCE = ("unsure", "unhappy")
"""Answers of which staff are told once."""
_BESIDES = frozenset({"care", "call", "question", "ask", "not-now", "happy", *_ONCE})
"""Answers that take nothing back: it is still to be said what is wrong."""
_SETTLED = frozenset({"confirm", "coming", "settling", "fine", "nothing", "happy", "not-now", *_ONCE})
"""Answers that need no more words when they are tapped twice."""

# asked about every message, so it is built once, and on the table: a tenth of the cost
_FOLLOW_UPS = FollowUp.metadata.tables[FollowUp.__tablename__]
_TOLD = (
    select(_FOLLOW_UPS.c.id)
    .where(_FOLLOW_UPS.c.chat_id == bindparam("chat"), _FOLLOW_UPS.c.answer == bindparam("answer"))
    .where(_FOLLOW_UPS.c.answered_at > bindparam("since"))
    .limit(1)
)


# --- outcomes


@dataclass(frozen=True, slots=True)
class NotYours:
    """There is no such follow-up, or it went to somebody else."""


@dataclass(frozen=True, slots=True)
class Known:
    """The patient has said so before, and nothing has changed since."""


@dataclass(frozen=True, slots=True)
class Passed:
    """The visit is not any more as the message says."""

    card: Card


@dataclass(frozen=True, slots=True)
class Expected:
    """The patient comes; `card` shows the visit."""

    card: Card


@dataclass(frozen=True, slots=True)
class Moving:
    """The choice of another time has begun, or cannot."""

    outcome: MoveOutcome


@dataclass(frozen=True, slots=True)
class Cancelling:
    """It is asked once more whether the visit is to be cancelled."""

    card: Card


@dataclass(frozen=True, slots=True)
class WantsOff:
    """It is too near to the visit to change it here: staff are told, unless they know (`again`)."""

    card: Card
    wish: Literal["cancel", "move"]
    again: bool


@dataclass(frozen=True, slots=True)
class Choosing:
    """The answer needs another one: how late, which sign, or what has changed."""

    followup_id: int
    what: Literal["late", "sign", "late-sign", "change"]


@dataclass(frozen=True, slots=True)
class NoConsent:
    """The patient has not agreed that health answers are kept."""


@dataclass(frozen=True, slots=True)
class Shown:
    """Something to read: the care advice, or how to call."""

    what: Literal["care", "call"]


@dataclass(frozen=True, slots=True)
class Invited:
    """The patient may type the question."""


@dataclass(frozen=True, slots=True)
class Thanked:
    """Nothing more is needed."""

    answer: Answer


@dataclass(frozen=True, slots=True)
class Booking:
    """A booking has begun, or cannot."""

    outcome: BeginOutcome


@dataclass(frozen=True, slots=True)
class ForAPerson:
    """Staff are told, and nothing is offered to the patient."""

    told: PassedOn | NobodyToAsk | Relayed


AnswerOutcome = (
    NotYours
    | Known
    | Passed
    | Expected
    | Moving
    | Cancelling
    | WantsOff
    | Choosing
    | NoConsent
    | Shown
    | Invited
    | Thanked
    | Booking
    | ForAPerson
)


@dataclass(frozen=True, slots=True)
class RunningLate:
    """Staff are told; `again` where they know already."""

    card: Card
    minutes: int
    again: bool


@dataclass(frozen=True, slots=True)
class Changed:
    """A screening answer is another one now; `flagged` where a practitioner is to look at it."""

    card: Card
    question: str
    flagged: bool


@dataclass(frozen=True, slots=True)
class Described:
    """What the patient typed goes to staff, with the problem they told of."""

    card: enquiries.Card


@dataclass(frozen=True, slots=True)
class ForTheClinic:
    """What the patient typed is the question that they wanted to ask the clinic."""

    told: PassOnOutcome | AskedEnough


@dataclass(frozen=True, slots=True)
class ToldOfVisit:
    """The patient's own words say of a visit soon that they are late, cannot come, or come."""

    card: Card
    said: Arriving


@dataclass(frozen=True, slots=True)
class Left:
    """Somebody told of a problem and then not which: they are asked to call, and staff are told."""

    chat_id: int
    language: str
    asked: Asked


# --- use-cases


def answer(  # noqa: PLR0911, PLR0912  one answer, one outcome
    session: Session, clinic: Clinic, followup_id: int, said: Answer, words: str, person: Person, now: datetime
) -> AnswerOutcome:
    """Take a tapped answer; `words` is what it says to staff where they are told."""
    row = _own(session, followup_id, person.chat_id)
    if row is None:
        return NotYours()
    patients.meet(session, person, now)
    before, has_said = row.answer, _has_said(session, row, said)
    _keep(session, row, said, person.chat_id, now)
    visit = session.get_one(Visit, row.visit_id, with_for_update=True, populate_existing=True)
    if said == before and said in _SETTLED and (row.kind != "visit" or _is_as_said(visit, row, now)):
        return Known()
    match said:
        case "confirm" | "move" | "cancel" | "changed" | "coming" | "late" if not _is_as_said(visit, row, now):
            return Passed(visits.card(session, clinic, visit))
        case "confirm" | "coming":
            visit.answered_at = now
            return Expected(visits.card(session, clinic, visit))
        case "move" | "cancel" if visits.is_too_near(session, clinic, visit, now):
            return wants_off(session, clinic, visit, said, now)
        case "move":
            return Moving(drafts.begin_move(session, clinic, person, visit.id, now))
        case "cancel":
            return Cancelling(visits.card(session, clinic, visit))
        case "changed":
            agreed = consents.given(session, person.chat_id, consents.VISIT)
            return Choosing(row.id, "change") if agreed else NoConsent()
        case "late":
            return Choosing(row.id, "late")
        case "problem":
            return Choosing(row.id, "sign")
        case "lump":
            return Choosing(row.id, "late-sign")
        case "care" | "call":
            return Shown(said)
        case "question" | "ask":
            return Invited()
        case "settling" | "fine" | "nothing" | "happy" | "not-now":
            return Thanked(said)
        case "times":
            words_of = Words(visit.treatment if clinic.treatment(visit.treatment) else None)
            return Booking(drafts.begin(session, clinic, person, now, words=words_of))
        case "unsure" | "unhappy":
            if before in _ONCE or has_said:
                return Thanked(said)
            followups.call_off_offers(session, person.chat_id, said, now)
            return ForAPerson(_tell(session, clinic, person, words, now))


def wants_off(
    session: Session, clinic: Clinic, visit: Visit, wish: Literal["cancel", "move"], now: datetime
) -> WantsOff:
    """Put on the call list that the patient of a visit that is too near to be changed here cannot come; it stands until
    staff change it."""
    visit.answered_at = None
    card = visits.card(session, clinic, visit)
    again = calls.note(session, visit, CANNOT_COME[wish], calls.ASKED, now) is None
    return WantsOff(card, wish, again)


def late(
    session: Session, clinic: Clinic, followup_id: int, minutes: int, person: Person, now: datetime
) -> RunningLate | Passed | NotYours:
    """Note that the patient will be late."""
    row = _own(session, followup_id, person.chat_id)
    if row is None or minutes not in LATE_BY:
        return NotYours()
    visit = session.get_one(Visit, row.visit_id, with_for_update=True, populate_existing=True)
    shown = visits.card(session, clinic, visit)
    if not _is_as_said(visit, row, now):
        return Passed(shown)
    again = row.answer == f"late-{minutes}"
    _keep(session, row, f"late-{minutes}", person.chat_id, now)
    visit.answered_at = now
    return RunningLate(shown, minutes, again)


def sign(
    session: Session, clinic: Clinic, followup_id: int, name: str, words: str, person: Person, now: datetime
) -> Asked | Thanked | NotYours:
    """Take a sign that was tapped as the red flag it is; `words` say it to staff."""
    row = _own(session, followup_id, person.chat_id)
    if row is not None and name == NEVER_MIND:
        _keep(session, row, NEVER_MIND, person.chat_id, now)
        return Thanked("fine")
    if row is None or name not in SIGNS:
        return NotYours()
    _keep(session, row, OTHER if name == OTHER else TOLD, person.chat_id, now)
    return _alarm(session, clinic, person, words, SIGNS[name], now)


def next_due(session: Session) -> datetime | None:
    """Return when somebody who did not say what is wrong is not waited for any more."""
    unsaid = select(func.min(FollowUp.answered_at)).where(FollowUp.state == plans.SENT, FollowUp.answer.in_(UNSAID))
    earliest = session.scalar(unsaid)
    return earliest + LEFT_AFTER if earliest is not None else None


def left_unsaid(session: Session, clinic: Clinic, words: str, now: datetime) -> list[Left]:
    """Take those who told of a problem, and then not which, as telling of one for today; staff read `words`."""
    # the audit is looked up by time: a table of all answers, old ones as well, would be read to its end each minute
    told = select(Audit.subject).where(
        Audit.at > now - ANSWERED_WITHIN, Audit.action == ANSWERED, Audit.after.in_(UNSAID)
    )
    ids = {int(subject.partition(":")[2]) for subject in session.scalars(told)}
    unsaid = select(FollowUp).where(
        FollowUp.id.in_(ids),
        FollowUp.state == plans.SENT,
        FollowUp.answer.in_(UNSAID),
        FollowUp.answered_at <= now - LEFT_AFTER,
    )
    found = []
    for row in session.scalars(unsaid.order_by(FollowUp.id).limit(A_ROUND).with_for_update(skip_locked=True)).all():
        patient = session.get(Patient, row.chat_id)
        if patient is None or row.answered_at is None:
            continue
        has_said = patient.problem_at is not None and patient.problem_at >= row.answered_at
        _keep(session, row, TOLD if has_said else OTHER, None, now)
        if not has_said:
            person = Person(patient.chat_id, patient.first_name, patient.last_name, patient.username, patient.language)
            alarm = _alarm(session, clinic, person, words, SIGNS[OTHER], now)
            found.append(Left(patient.chat_id, patient.language, alarm))
    return found


def describe(session: Session, person: Person, now: datetime) -> Described | None:
    """Return the problem to which what a patient sends now belongs; None where they told of none just now."""
    if session.scalar(_TOLD, _lately(person, OTHER, now)) is None:
        return None
    card = enquiries.alert_of(session, person.chat_id)
    return Described(card) if card is not None else None


def ask(
    session: Session, clinic: Clinic, person: Person, words: str, understood: Understood, now: datetime
) -> ForTheClinic | None:
    """Pass on what a patient types after they tapped that they want to ask the clinic; None where they did not."""
    found = session.scalar(_TOLD, _lately(person, ASK, now))
    if found is None:
        return None
    _keep(session, session.get_one(FollowUp, found), HAS_ASKED, person.chat_id, now)
    heard = enquiries.hear(session, clinic, person, Said(words, 0, is_text=True), understood, now)
    if not isinstance(heard, Asked):
        raise TypeError("nobody talks with a patient whose words are heard here")
    return ForTheClinic(enquiries.ask(session, clinic, heard.question_id, person.chat_id, now))


def of_visit_soon(
    session: Session, clinic: Clinic, person: Person, text: str, now: datetime, *, only_late: bool
) -> ToldOfVisit | None:
    """Take words that say of a visit soon what a button of its reminder says: late, cannot come, or coming."""
    said = arriving.read(text)
    if said is None or (only_late and said != "late"):
        return None
    coming = [
        visit
        for visit in session.scalars(select(Visit).where(Visit.chat_id == person.chat_id, Visit.ends_at > now))
        if visits.is_counted_on(visit, now)
    ]
    if not coming:
        return None
    visit = min(coming, key=visits.sure_start)
    starts_at = visits.sure_start(visit)
    match said:
        case "late" if starts_at - now <= LATE_WITHIN:
            visit.answered_at = now
            return ToldOfVisit(visits.card(session, clinic, visit), said)
        case "off" if len(coming) == 1 and visits.is_too_near(session, clinic, visit, now):
            wants_off(session, clinic, visit, "cancel", now)
            return ToldOfVisit(visits.card(session, clinic, visit), said)
        case "coming" if starts_at - now <= timedelta(hours=clinic.visits.notice_hours):
            visit.answered_at = now
            return ToldOfVisit(visits.card(session, clinic, visit), said)
        case "late" | "off" | "coming":
            return None


def change(
    session: Session, clinic: Clinic, followup_id: int, question: str, given: str, person: Person, now: datetime
) -> Changed | Passed | NoConsent | NotYours:
    """Keep another answer to a screening question; what is not a no is for a practitioner to look at."""
    row = _own(session, followup_id, person.chat_id)
    if row is None or question not in CHANGES or given not in (drafts.YES, drafts.NO, drafts.UNSURE):
        return NotYours()
    visit = session.get_one(Visit, row.visit_id, with_for_update=True, populate_existing=True)
    if not _is_as_said(visit, row, now):
        return Passed(visits.card(session, clinic, visit))
    if not consents.given(session, person.chat_id, consents.VISIT):
        return NoConsent()
    visit.screening = {**visit.screening, question: given}
    visit.flagged = any(one != drafts.NO for one in visit.screening.values())
    subject = f"{visits.SUBJECT}:{visit.id}"
    session.add(Audit(at=now, actor=person.chat_id, action="answers changed", subject=subject, after=visit.status))
    session.flush()
    return Changed(visits.card(session, clinic, visit), question, given != drafts.NO)


# --- rows


def _own(session: Session, followup_id: int, chat_id: int) -> FollowUp | None:
    """Return the follow-up, if it was sent to this chat and its visit still belongs to it."""
    row = session.get(FollowUp, followup_id, with_for_update=True, populate_existing=True)
    if row is None or row.chat_id != chat_id or row.state != plans.SENT:
        return None
    visit = session.get(Visit, row.visit_id) if row.visit_id is not None else None
    return row if visit is not None and visit.chat_id == chat_id else None


def _alarm(session: Session, clinic: Clinic, person: Person, words: str, level: Level, now: datetime) -> Asked:
    """Hear `words` as the red flag they are."""
    understood = Understood("urgent", None, (), RED_FLAG_SCORE, person.language, level=level)
    heard = enquiries.hear(session, clinic, person, Said(words, 0, is_text=True), understood, now)
    if not isinstance(heard, Asked):
        raise TypeError("a red flag is always heard first")
    return heard


def _keep(session: Session, row: FollowUp, said: str, chat_id: int | None, now: datetime) -> None:
    """Keep an answer; one beside a problem that is still to be named does not take its place."""
    if row.answer != said:
        subject = f"{followups.SUBJECT}:{row.id}"
        session.add(Audit(at=now, actor=chat_id, action=ANSWERED, subject=subject, before=row.answer, after=said))
    if row.answer not in UNSAID or said not in _BESIDES:
        row.answer, row.answered_at = said, now


def _has_said(session: Session, row: FollowUp, said: str) -> bool:
    """True where the patient has given this answer before, whatever came after it."""
    same = (Audit.subject == f"{followups.SUBJECT}:{row.id}", Audit.action == ANSWERED, Audit.after == said)
    return session.scalar(select(Audit.id).where(*same).limit(1)) is not None


def _is_as_said(visit: Visit, row: FollowUp, now: datetime) -> bool:
    """True while the clinic counts on the visit at the time that the message named."""
    sure = visit.kept_starts_at or (visit.starts_at if visit.status == visits.CONFIRMED else None)
    return sure is not None and sure == row.anchor_at and now < visit.ends_at


def _tell(
    session: Session, clinic: Clinic, person: Person, words: str, now: datetime
) -> PassedOn | NobodyToAsk | Relayed:
    """Bring something to staff: as a card, or into the conversation that is open."""
    understood = Understood("staff", None, (), 0.0, person.language, personal=True)
    heard = enquiries.hear(session, clinic, person, Said(words, 0, is_text=True), understood, now)
    match heard:
        case Relayed():
            return heard
        case Asked(question_id):
            told = enquiries.pass_on(session, clinic, question_id, person.chat_id, now)
            return told if isinstance(told, PassedOn) else NobodyToAsk()
        case Unreadable():
            return NobodyToAsk()


def _lately(person: Person, answer: str, now: datetime) -> dict[str, object]:
    return {"chat": person.chat_id, "answer": answer, "since": now - DESCRIBED_WITHIN}


def signs(*, late: bool) -> Sequence[str]:
    """Return the signs in the order in which they are asked."""
    first = LATE_SIGNS if late else ()
    return (*first, *(name for name in SIGNS if name not in first))
