"""Questions: kept as they were asked, passed on to staff where the patient wants it, and answered by a person."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from bot.clinic import patients, staffroom
from bot.clinic.patients import Person
from bot.delivery import outbox
from bot.store.models import Audit, Enquiry, Patient, Question
from faq.reader import Understood

SUBJECT = "enquiry"


@dataclass(frozen=True, slots=True)
class Asked:
    """The question is kept; `alert` is there where it may be an emergency and staff can be told."""

    question_id: int
    understood: Understood
    alert: "PassedOn | None"


@dataclass(frozen=True, slots=True)
class PassedOn:
    """Staff get the question."""

    enquiry_id: int
    staff_chat: int
    name: str
    question: str

    @property
    def subject(self) -> str:
        """What the card is about, so that a reply to it finds the patient."""
        return f"{SUBJECT}:{self.enquiry_id}"


@dataclass(frozen=True, slots=True)
class AlreadyPassedOn:
    """Staff have the question."""


@dataclass(frozen=True, slots=True)
class NobodyToAsk:
    """No staff group is connected."""


@dataclass(frozen=True, slots=True)
class NoSuchQuestion:
    """The question is not there, or is somebody else's."""


PassOnOutcome = PassedOn | AlreadyPassedOn | NobodyToAsk | NoSuchQuestion


@dataclass(frozen=True, slots=True)
class Answered:
    """A person's answer is to go to the patient."""

    chat_id: int
    name: str
    language: str


@dataclass(frozen=True, slots=True)
class Unreachable:
    """The patient has blocked the bot."""

    name: str


@dataclass(frozen=True, slots=True)
class NotACard:
    """The message that was replied to is about no question."""


AnswerOutcome = Answered | Unreachable | NotACard


def ask(session: Session, person: Person, text: str, understood: Understood, now: datetime) -> Asked:
    """Keep a question and how it was understood; one that may be an emergency goes to staff at once."""
    patient = patients.meet(session, person, now)
    question = Question(
        chat_id=person.chat_id,
        asked_at=now,
        language=understood.language,
        text=text,
        route=understood.route,
        topic=understood.topic,
        score=understood.score,
    )
    session.add(question)
    session.flush()
    if understood.route == "answer" and understood.topic is not None:
        patient.topic, patient.topic_at = understood.topic, now
    alert = _open(session, question, now, urgent=True) if understood.route == "urgent" else None
    return Asked(question.id, understood, alert)


def pass_on(session: Session, question_id: int, chat_id: int, now: datetime) -> PassOnOutcome:
    """Pass the patient's question on to staff, once."""
    question = session.get(Question, question_id)
    if question is None or question.chat_id != chat_id:
        return NoSuchQuestion()
    if session.scalar(select(Enquiry.id).where(Enquiry.question_id == question_id)) is not None:
        return AlreadyPassedOn()
    return _open(session, question, now, urgent=False) or NobodyToAsk()


def answer(
    session: Session, staff_chat: int, card: int, actor: int | None, now: datetime, *, sent: bool
) -> AnswerOutcome:
    """Find whom a reply to the message `card` of the staff group is for; where it can be `sent`, note who answered."""
    if staffroom.chat(session) != staff_chat:
        return NotACard()
    subject = outbox.about(session, staff_chat, card) or ""
    noun, _, number = subject.partition(":")
    enquiry = session.get(Enquiry, int(number)) if noun == SUBJECT else None
    if enquiry is None:
        return NotACard()
    patient = session.get_one(Patient, enquiry.chat_id)
    name = patients.display_name(patient)
    if patient.unreachable_since is not None:
        return Unreachable(name)
    if sent:
        audit = Audit(
            at=now, actor=actor, action="enquiry answered", subject=subject, before=enquiry.state, after="answered"
        )
        session.add(audit)
        enquiry.state, enquiry.answered_at = "answered", now
    return Answered(patient.chat_id, name, patient.language)


def _open(session: Session, question: Question, now: datetime, *, urgent: bool) -> PassedOn | None:
    staff_chat = staffroom.chat(session)
    if staff_chat is None:
        return None
    enquiry = Enquiry(chat_id=question.chat_id, question_id=question.id, urgent=urgent, state="waiting", opened_at=now)
    session.add(enquiry)
    session.flush()
    patient = session.get_one(Patient, question.chat_id)
    return PassedOn(enquiry.id, staff_chat, patients.display_name(patient), question.text)
