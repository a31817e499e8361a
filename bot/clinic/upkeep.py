"""Upkeep: what has been kept long enough goes."""

from datetime import datetime, timedelta

from sqlalchemy import delete
from sqlalchemy.orm import Session

from bot.config import Clinic
from bot.delivery import inbox, outbox
from bot.store.models import Enquiry, Question

INBOX_DAYS = 2
"""Telegram redelivers an update for a day at most."""


def prune(session: Session, clinic: Clinic, now: datetime) -> None:
    """Delete settled updates after two days, and questions and messages after the clinic's own period."""
    inbox.prune(session, now - timedelta(days=INBOX_DAYS))
    before = now - timedelta(days=clinic.privacy.chat_days)
    outbox.prune(session, before)
    session.execute(delete(Enquiry).where(Enquiry.opened_at < before))
    session.execute(delete(Question).where(Question.asked_at < before))
