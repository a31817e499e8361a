"""Questions: kept as they were asked, passed on to staff where the patient wants it, and talked over with a person.

A conversation may be about a visit instead of a question: staff begin it by answering the visit's card.

An enquiry is `waiting` until somebody at the clinic answers, then both are `talking`: what either says is passed on,
and the bot stays out of it except for red flags. Either side ends it, or a while in which nobody writes does. A
possible emergency opens an urgent enquiry by itself; staff are called again until somebody says that they are on it.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from bot.clinic import opening, patients, problems, staffroom
from bot.clinic.patients import Person
from bot.config import Clinic
from bot.delivery import outbox
from bot.store.models import Audit, Draft, Enquiry, Patient, Question, Visit
from faq.reader import Understood

SUBJECT = "enquiry"
VISITS = ("visit", "visit-note")
"""Subjects of what is said about a visit in the staff group."""
WAITING, TALKING, CLOSED = "waiting", "talking", "closed"
BY_PATIENT, BY_STAFF, BY_TIME = "patient", "staff", "time"
MOST_AN_HOUR = 10
"""Questions of one patient that staff get within an hour."""
MOST_CALLS = 5
"""Calls to one patient's possible emergencies that go on at a time until somebody is on it."""
CALLED_APART = timedelta(minutes=1)
"""Between two calls to one patient's possible emergency, whatever they write meanwhile."""
A_ROUND = 100
"""Enquiries looked after in one transaction."""


@dataclass(frozen=True, slots=True)
class Said:
    """What a person sent: its text or caption (may be empty), and whether it was a plain text message."""

    text: str
    message_id: int
    is_text: bool


@dataclass(frozen=True, slots=True)
class Card:
    """An enquiry as staff see it in their group."""

    enquiry_id: int
    staff_chat: int
    message_id: int | None
    """The card's message, once it has arrived."""
    name: str
    question: str
    urgent: bool
    state: str
    handled_by: str | None
    closed_by: str | None
    opened_at: datetime
    chat_id: int
    language: str
    visit: str | None
    """The code of the visit it is about, where it is about one instead of a question."""
    phone: str | None
    """The patient's number, where a visit of theirs or a booking they have begun holds one."""

    @property
    def subject(self) -> str:
        """What messages about it are about, so that a reply to one of them finds the patient."""
        return f"{SUBJECT}:{self.enquiry_id}"


# --- the patient's side


@dataclass(frozen=True, slots=True)
class Under:
    """What may be an emergency goes below the card of an earlier one, to which staff are called again."""

    card: Card
    words: str


@dataclass(frozen=True, slots=True)
class Asked:
    """The question is kept; `alert` is there where it may be an emergency and staff can be told.

    Where nobody has come to several of the patient's yet, one more card tells them nothing: it is `under` the newest.
    """

    question_id: int
    understood: Understood
    alert: Card | None
    under: Under | None = None


@dataclass(frozen=True, slots=True)
class Relayed:
    """It goes to the person at the clinic with whom the patient is talking."""

    card: Card


@dataclass(frozen=True, slots=True)
class Unreadable:
    """It holds nothing that can be read, and nobody is there to look at it."""


HearOutcome = Asked | Relayed | Unreadable


@dataclass(frozen=True, slots=True)
class PassedOn:
    """Staff get the question."""

    card: Card


@dataclass(frozen=True, slots=True)
class AlreadyPassedOn:
    """Staff have the question."""


@dataclass(frozen=True, slots=True)
class NobodyToAsk:
    """No staff group is connected."""


@dataclass(frozen=True, slots=True)
class NoSuchQuestion:
    """The question is not there, or is somebody else's."""


@dataclass(frozen=True, slots=True)
class AskedEnough:
    """Staff have got so many questions of the patient within the hour that they would read nothing else."""


PassOnOutcome = PassedOn | AlreadyPassedOn | NobodyToAsk | NoSuchQuestion


def hear(
    session: Session, clinic: Clinic, person: Person, said: Said, understood: Understood | None, now: datetime
) -> HearOutcome:
    """Take what a patient said: a red flag before anything else, then an open conversation, then a question."""
    patient = patients.meet(session, person, now)
    if understood is not None and understood.route == "urgent":
        patient.flagged_at = now
        problems.report(session, person.chat_id, now)
        question = _keep(session, person.chat_id, said.text, understood, now)
        unheard = _unheard(session, person.chat_id)
        if len(unheard) >= MOST_CALLS:
            _call_again(clinic, unheard[0], now)
            return Asked(question.id, understood, None, Under(_card(session, unheard[0]), said.text))
        due = now + timedelta(minutes=clinic.alerts.ping_minutes)
        return Asked(question.id, understood, _open(session, question, now, urgent=True, due_at=due))
    if (enquiry := _talking(session, person.chat_id)) is not None:
        enquiry.due_at = now + timedelta(minutes=clinic.enquiries.rest_minutes)
        return Relayed(_card(session, enquiry))
    if understood is None:
        return Unreadable()
    question = _keep(session, person.chat_id, said.text, understood, now)
    if understood.route == "answer" and understood.topic is not None:
        patient.topic, patient.topic_at = understood.topic, now
    return Asked(question.id, understood, None)


def ask(session: Session, clinic: Clinic, question_id: int, chat_id: int, now: datetime) -> PassOnOutcome | AskedEnough:
    """Pass the patient's question on to staff, unless they got very many of the patient's within the hour."""
    lately = (Enquiry.chat_id == chat_id, Enquiry.opened_at > now - timedelta(hours=1), Enquiry.urgent.is_(False))
    if (session.scalar(select(func.count()).select_from(Enquiry).where(*lately)) or 0) >= MOST_AN_HOUR:
        return AskedEnough()
    return pass_on(session, clinic, question_id, chat_id, now)


def pass_on(session: Session, clinic: Clinic, question_id: int, chat_id: int, now: datetime) -> PassOnOutcome:
    """Pass the patient's question on to staff, once."""
    question = session.get(Question, question_id)
    if question is None or question.chat_id != chat_id:
        return NoSuchQuestion()
    if session.scalar(select(Enquiry.id).where(Enquiry.question_id == question_id)) is not None:
        return AlreadyPassedOn()
    due = opening.after(clinic, now, timedelta(minutes=clinic.enquiries.remind_minutes))
    card = _open(session, question, now, urgent=False, due_at=due)
    return PassedOn(card) if card else NobodyToAsk()


def rate(session: Session, question_id: int, chat_id: int, *, helpful: bool) -> Question | None:
    """Keep what the patient says of an answer; None where it is not theirs, or they have said it before."""
    question = session.get(Question, question_id)
    if question is None or question.chat_id != chat_id or question.helpful is not None:
        return None
    question.helpful = helpful
    return question


# --- staff's side


@dataclass(frozen=True, slots=True)
class Answered:
    """A person's message is to go to the patient; `first` where it opens the conversation."""

    card: Card
    first: bool


@dataclass(frozen=True, slots=True)
class Unreachable:
    """The patient has blocked the bot, or has no chat with it; `phone` is known from a visit."""

    name: str
    phone: str | None


@dataclass(frozen=True, slots=True)
class NotACard:
    """The message is about no enquiry, or not in the staff group."""


AnswerOutcome = Answered | Unreachable | NotACard


@dataclass(frozen=True, slots=True)
class Changed:
    """The enquiry is in a new state; `silent` where the patient knows of nothing that could have ended."""

    card: Card
    silent: bool = False


@dataclass(frozen=True, slots=True)
class Unchanged:
    """Somebody was first."""

    card: Card


ChangeOutcome = Changed | Unchanged | NotACard


@dataclass(frozen=True, slots=True)
class About:
    """What a message in the staff group is about; `version` where it asks something of one version of a visit."""

    noun: str = ""
    number: int = 0
    version: int = 0
    is_unknown: bool = field(default=False, kw_only=True)
    """True for a message that is not known to have arrived: nobody knows what it is about."""


def alert_of(session: Session, chat_id: int) -> Card | None:
    """Return the patient's newest possible emergency of which nobody at the clinic talks with them yet."""
    waiting = select(Enquiry).where(Enquiry.chat_id == chat_id, Enquiry.urgent, Enquiry.state == WAITING)
    enquiry = session.scalar(waiting.order_by(Enquiry.id.desc()).limit(1))
    return _card(session, enquiry) if enquiry else None


def of_card(session: Session, chat_id: int, message_id: int) -> Card | None:
    """Return the enquiry that a message in the staff group is about."""
    about = what_about(session, chat_id, message_id)
    enquiry = session.get(Enquiry, about.number) if about.noun == SUBJECT else None
    return _card(session, enquiry) if enquiry else None


def what_about(session: Session, chat_id: int, message_id: int) -> About:
    """Return what a message of the bot in the staff group is about; an empty noun for nothing."""
    if staffroom.chat(session) != chat_id:
        return About()
    subject = outbox.about(session, chat_id, message_id)
    if subject is None:
        return About(is_unknown=not outbox.is_known(session, chat_id, message_id))
    noun, *numbers = subject.split(":")
    return About(noun, *map(int, numbers))


def answer(
    session: Session, clinic: Clinic, staff_chat: int, replied_to: int, actor: int | None, name: str, now: datetime
) -> AnswerOutcome:
    """Take a staff member's reply to a card, or to a message that was passed on, as said to its patient."""
    about = what_about(session, staff_chat, replied_to)
    if about.noun in VISITS:
        visit = session.get(Visit, about.number)
        if visit is None:
            return NotACard()
        patient = session.get(Patient, visit.chat_id) if visit.chat_id is not None else None
        if patient is None or patient.unreachable_since is not None:
            return Unreachable(visit.name, visit.phone)
        enquiry = _about_visit(session, visit.id, patient.chat_id, now)
    else:
        found = session.get(Enquiry, about.number) if about.noun == SUBJECT else None
        if found is None:
            return NotACard()
        enquiry = found
        patient = session.get_one(Patient, enquiry.chat_id)
        if patient.unreachable_since is not None:
            return Unreachable(patients.display_name(patient), None)
    first = enquiry.state != TALKING
    if first:
        _change(session, enquiry, TALKING, actor, now)
        enquiry.handled_by = enquiry.handled_by or name
        enquiry.closed_by = None
    enquiry.due_at = now + timedelta(minutes=clinic.enquiries.rest_minutes)
    return Answered(_card(session, enquiry), first)


def _about_visit(session: Session, visit_id: int, chat_id: int, now: datetime) -> Enquiry:
    """Return the conversation that is open with the patient, or else the one about the visit, new if need be."""
    if (talking := _talking(session, chat_id)) is not None:
        return talking
    enquiry = session.scalar(select(Enquiry).where(Enquiry.visit_id == visit_id))
    if enquiry is None:
        enquiry = Enquiry(
            chat_id=chat_id, visit_id=visit_id, urgent=False, state=WAITING, opened_at=now, due_at=None, reminders=0
        )
        session.add(enquiry)
        session.flush()
    return enquiry


def acknowledge(
    session: Session, enquiry_id: int, staff_chat: int, actor: int, name: str, now: datetime
) -> ChangeOutcome:
    """Note that a staff member is looking after a possible emergency; the calls end."""
    enquiry = _staffs(session, enquiry_id, staff_chat)
    if enquiry is None:
        return NotACard()
    if enquiry.handled_by is not None:
        return Unchanged(_card(session, enquiry))
    session.add(_audit(actor, "alert acknowledged", enquiry, enquiry.state, enquiry.state, now))
    enquiry.handled_by, enquiry.due_at = name, None
    return Changed(_card(session, enquiry))


def close(session: Session, enquiry_id: int, staff_chat: int, actor: int, now: datetime) -> ChangeOutcome:
    """Let a staff member end an enquiry."""
    enquiry = _staffs(session, enquiry_id, staff_chat)
    return _closed(session, enquiry, BY_STAFF, actor, now) if enquiry else NotACard()


def end(session: Session, enquiry_id: int, chat_id: int, now: datetime) -> ChangeOutcome:
    """Let the patient end a conversation."""
    enquiry = session.get(Enquiry, enquiry_id)
    if enquiry is None or enquiry.chat_id != chat_id:
        return NotACard()
    return _closed(session, enquiry, BY_PATIENT, chat_id, now)


# --- what time brings


@dataclass(frozen=True, slots=True)
class Pinged:
    """Nobody has acknowledged a possible emergency; where `tell_patient`, it is time to say so."""

    card: Card
    tell_patient: bool


@dataclass(frozen=True, slots=True)
class Reminded:
    """A question waits."""

    card: Card


@dataclass(frozen=True, slots=True)
class GivenUp:
    """No answer came in time."""

    card: Card


@dataclass(frozen=True, slots=True)
class Rested:
    """Nobody wrote for a while, so the conversation is over."""

    card: Card


Due = Pinged | Reminded | GivenUp | Rested


def make_rounds(session: Session, clinic: Clinic, now: datetime, *, urgent_only: bool = False) -> list[Due]:
    """Do what has become due about enquiries, at most `A_ROUND` at a time; or only call staff to what is urgent."""
    due = select(Enquiry).where(Enquiry.due_at <= now)
    if urgent_only:
        due = due.where(Enquiry.urgent.is_(True), Enquiry.state == WAITING)
    rows = session.scalars(due.order_by(Enquiry.due_at).limit(A_ROUND))
    return [_look_after(session, clinic, enquiry, now) for enquiry in rows.all()]


def next_due(session: Session) -> datetime | None:
    """Return when something is to be done about an enquiry."""
    return session.scalar(select(func.min(Enquiry.due_at)))


def _look_after(session: Session, clinic: Clinic, enquiry: Enquiry, now: datetime) -> Due:
    if enquiry.state == TALKING:
        _closed(session, enquiry, BY_TIME, None, now)
        return Rested(_card(session, enquiry))
    if enquiry.urgent:
        enquiry.reminders += 1
        again = enquiry.reminders < clinic.alerts.most_pings
        enquiry.due_at = now + timedelta(minutes=clinic.alerts.ping_minutes) if again else None
        return Pinged(_card(session, enquiry), enquiry.reminders == clinic.alerts.tell_patient_after)
    rules = clinic.enquiries
    end = opening.after(clinic, enquiry.opened_at, timedelta(hours=rules.give_up_hours))
    if end <= now:
        _closed(session, enquiry, BY_TIME, None, now)
        return GivenUp(_card(session, enquiry))
    enquiry.reminders += 1
    pause = timedelta(minutes=rules.remind_minutes * 2**enquiry.reminders)  # each reminder after twice the time
    enquiry.due_at = min(end, opening.after(clinic, now, pause))
    return Reminded(_card(session, enquiry))


def _keep(session: Session, chat_id: int, text: str, understood: Understood, now: datetime) -> Question:
    question = Question(
        chat_id=chat_id,
        asked_at=now,
        language=understood.language,
        text=text,
        route=understood.route,
        topic=understood.topic,
        suggestions=list(understood.suggestions),
        personal=understood.personal,
        score=understood.score,
    )
    session.add(question)
    session.flush()
    return question


def _open(session: Session, question: Question, now: datetime, *, urgent: bool, due_at: datetime) -> Card | None:
    if staffroom.chat(session) is None:
        return None
    enquiry = Enquiry(
        chat_id=question.chat_id,
        question_id=question.id,
        urgent=urgent,
        state=WAITING,
        opened_at=now,
        due_at=due_at,
        reminders=0,
    )
    session.add(enquiry)
    session.flush()
    return _card(session, enquiry)


def _unheard(session: Session, chat_id: int) -> Sequence[Enquiry]:
    """Return the newest of the patient's possible emergencies to which nobody has come yet, at most `MOST_CALLS`."""
    open_ones = (Enquiry.chat_id == chat_id, Enquiry.urgent, Enquiry.state == WAITING, Enquiry.handled_by.is_(None))
    return session.scalars(select(Enquiry).where(*open_ones).order_by(Enquiry.id.desc()).limit(MOST_CALLS)).all()


def _call_again(clinic: Clinic, enquiry: Enquiry, now: datetime) -> None:
    """Call staff now to what may be an emergency, and go on even where the calls had ended; not twice in a minute."""
    if enquiry.due_at is None:
        enquiry.due_at, enquiry.reminders = now, 0
        return
    called_at = enquiry.due_at - timedelta(minutes=clinic.alerts.ping_minutes)
    enquiry.due_at = max(now, called_at + CALLED_APART)
    enquiry.reminders = min(enquiry.reminders, clinic.alerts.tell_patient_after)  # the patient is told once


def _talking(session: Session, chat_id: int) -> Enquiry | None:
    open_ones = select(Enquiry).where(Enquiry.chat_id == chat_id, Enquiry.state == TALKING)
    return session.scalar(open_ones.order_by(Enquiry.id.desc()).limit(1))


def _staffs(session: Session, enquiry_id: int, staff_chat: int) -> Enquiry | None:
    return session.get(Enquiry, enquiry_id) if staffroom.chat(session) == staff_chat else None


def _closed(session: Session, enquiry: Enquiry, by: str, actor: int | None, now: datetime) -> ChangeOutcome:
    if enquiry.state == CLOSED:
        return Unchanged(_card(session, enquiry))
    # what may be an emergency is over when staff say so: the conversation ends, the card stays open
    state = WAITING if enquiry.urgent and by != BY_STAFF else CLOSED
    silent = enquiry.urgent and enquiry.state != TALKING
    _change(session, enquiry, state, actor, now)
    enquiry.closed_by, enquiry.due_at = by, None
    if state == CLOSED and enquiry.urgent:
        problems.settle(session, enquiry.chat_id)
    return Changed(_card(session, enquiry), silent)


def _change(session: Session, enquiry: Enquiry, state: str, actor: int | None, now: datetime) -> None:
    session.add(_audit(actor, f"enquiry {state}", enquiry, enquiry.state, state, now))
    enquiry.state = state


def _audit(actor: int | None, action: str, enquiry: Enquiry, before: str, after: str, now: datetime) -> Audit:
    return Audit(at=now, actor=actor, action=action, subject=f"{SUBJECT}:{enquiry.id}", before=before, after=after)


def _card(session: Session, enquiry: Enquiry) -> Card:
    patient = session.get_one(Patient, enquiry.chat_id)
    question = session.get(Question, enquiry.question_id) if enquiry.question_id is not None else None
    visit = session.get(Visit, enquiry.visit_id) if enquiry.visit_id is not None else None
    staff_chat = staffroom.chat(session) or 0
    return Card(
        enquiry.id,
        staff_chat,
        outbox.card(session, staff_chat, f"{SUBJECT}:{enquiry.id}"),
        patients.display_name(patient),
        question.text if question else "",
        enquiry.urgent,
        enquiry.state,
        enquiry.handled_by,
        enquiry.closed_by,
        enquiry.opened_at,
        patient.chat_id,
        patient.language,
        visit.code if visit else None,
        phone(session, enquiry.chat_id),
    )


def phone(session: Session, chat_id: int) -> str | None:
    """Return the number under which a patient can be called, as far as it is known."""
    visited = select(Visit.phone).where(Visit.chat_id == chat_id).order_by(Visit.id.desc()).limit(1)
    return session.scalar(visited) or session.scalar(select(Draft.phone).where(Draft.chat_id == chat_id))
