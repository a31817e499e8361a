"""What patients agreed to: separately for each purpose, with the version of the sentence; the newest answer counts."""

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from bot.store.models import Audit, Consent

VISIT, FOLLOW_UP, OFFERS, REMINDERS = "visit", "follow-up", "offers", "reminders"
OF_KIND = {"visit": REMINDERS, "care": FOLLOW_UP, "offer": OFFERS}
"""The purpose that each kind of follow-up needs."""
UNLESS_REFUSED = frozenset({REMINDERS})
"""Purposes for which nobody has to agree first."""
VERSION = "2026-11"
"""Of the sentences in bot/wording/booking.py; to be changed with them, and then everybody is asked again."""


def given(session: Session, chat_id: int, purpose: str) -> bool | None:
    """Return the patient's newest answer; None where they were never asked."""
    newest = select(Consent.given).where(Consent.chat_id == chat_id, Consent.purpose == purpose)
    return session.scalar(newest.order_by(Consent.id.desc()).limit(1))


def stands(purpose: str, answer: bool | None) -> bool:
    """True where messages for the purpose are welcome, by the newest answer; without one only reminders are."""
    return purpose in UNLESS_REFUSED if answer is None else answer


def is_wanted(session: Session, chat_id: int, purpose: str) -> bool:
    """True where the patient welcomes messages for the purpose."""
    return stands(purpose, given(session, chat_id, purpose))


def current(session: Session, chat_id: int, purpose: str) -> bool | None:
    """Return the newest answer if it was given to the sentence as it is now."""
    newest = select(Consent).where(Consent.chat_id == chat_id, Consent.purpose == purpose)
    row = session.scalar(newest.order_by(Consent.id.desc()).limit(1))
    return row.given if row is not None and row.version == VERSION else None


def give(session: Session, chat_id: int, purpose: str, answer: bool, now: datetime) -> None:
    """Keep what the patient agreed to or withdrew, unless they have said so to this sentence."""
    before = given(session, chat_id, purpose)
    if current(session, chat_id, purpose) == answer:
        return
    session.add(Consent(chat_id=chat_id, purpose=purpose, given=answer, version=VERSION, at=now))
    after, was = _word(answer), _word(before) if before is not None else None
    session.add(
        Audit(at=now, actor=chat_id, action=f"consent {purpose}", subject=f"chat:{chat_id}", before=was, after=after)
    )


def _word(answer: bool) -> str:
    return "given" if answer else "refused"
