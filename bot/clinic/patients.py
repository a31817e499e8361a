"""Patients: who writes to the bot, in which language, and whether they can be reached."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import update
from sqlalchemy.orm import Session

from bot.delivery import outbox
from bot.store.models import Call, Patient

FRAGMENT_WITHIN = timedelta(minutes=10)
"""How long a last answer explains a fragment such as "and for the neck?"."""

FLAGGED_FOR = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody as Telegram introduces them; `chat_id` is that of their private chat."""

    chat_id: int
    first_name: str
    last_name: str | None
    username: str | None
    language: str


def meet(session: Session, person: Person, now: datetime, *, payload: str | None = None) -> Patient:
    """Return the patient's row, new or brought up to date; whoever writes can be reached again."""
    patient = session.get(Patient, person.chat_id)
    if patient is None:
        patient = Patient(chat_id=person.chat_id, started_at=now)
        session.add(patient)
    patient.first_name = person.first_name
    patient.last_name = person.last_name
    patient.username = person.username
    patient.language = patient.own_language or person.language
    if payload is not None:
        patient.payload = payload[:64]
    if patient.unreachable_since is not None:
        returned(session, person.chat_id, now)
    return patient


def left(session: Session, chat_id: int, now: datetime) -> None:
    """Record that the patient blocked the bot."""
    outbox.park(session, chat_id, now)


def returned(session: Session, chat_id: int, now: datetime) -> None:
    """Record that the patient can be reached again: owe what is still worth saying, and let nobody telephone."""
    patient = session.get(Patient, chat_id)
    if patient is not None:
        patient.unreachable_since = None
        waiting = (Call.chat_id == chat_id, Call.why == "blocked", Call.done_at.is_(None))
        session.execute(update(Call).where(*waiting).values(done_at=now))
        outbox.unpark(session, chat_id, now)


def recent_topic(session: Session, chat_id: int, now: datetime) -> str | None:
    """Return what the patient was told about last, if that was just now."""
    patient = session.get(Patient, chat_id)
    if patient is None or patient.topic_at is None or now - patient.topic_at > FRAGMENT_WITHIN:
        return None
    return patient.topic


def was_told(session: Session, chat_id: int, topic: str, now: datetime) -> None:
    """Remember what the patient reads about now, so that a fragment can go on from it."""
    patient = session.get(Patient, chat_id)
    if patient is not None:
        patient.topic, patient.topic_at = topic, now


def was_flagged(session: Session, chat_id: int, now: datetime) -> bool:
    """True for a day after the patient wrote something that may be an emergency: nothing is offered to them then."""
    patient = session.get(Patient, chat_id)
    return patient is not None and patient.flagged_at is not None and now - patient.flagged_at < FLAGGED_FOR


def display_name(patient: Patient) -> str:
    """Return the patient's name as Telegram shows it."""
    return " ".join(part for part in (patient.first_name, patient.last_name) if part)
