"""A problem that a patient tells of after a visit: nothing is sent by the programme until staff close it."""

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from bot.clinic import followups, plans
from bot.store.models import Enquiry, FollowUp, Patient

CLOSED = "closed"


def report(session: Session, chat_id: int, now: datetime) -> None:
    """Hold back what is planned for a patient, and what has not gone yet."""
    patient = session.get(Patient, chat_id)
    if patient is not None and patient.problem_at is None:
        patient.problem_at = now
    followups.freeze(session, chat_id, now)


def settle(session: Session, chat_id: int, now: datetime) -> bool:
    """Let the programme go on, unless another possible emergency of the patient is open; True where messages that were
    held back are sent again."""
    patient = session.get(Patient, chat_id)
    still = select(Enquiry.id).where(Enquiry.chat_id == chat_id, Enquiry.urgent, Enquiry.state != CLOSED)
    if patient is None or patient.problem_at is None or session.scalar(still.limit(1)) is not None:
        return False
    held_back = select(FollowUp.id).where(FollowUp.chat_id == chat_id, FollowUp.state == plans.FROZEN).limit(1)
    goes_on = patient.paused_at is None and session.scalar(held_back) is not None
    patient.problem_at = None
    followups.thaw(session, chat_id, now)
    return goes_on
