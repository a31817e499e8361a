"""Backups as news for staff: that they fail is told once, and that they are made again."""

from sqlalchemy.orm import Session

from bot.clinic import staffroom
from bot.store.models import Fact

FAILED = "backups fail"


def failed(session: Session) -> int | None:
    """Note that a backup failed; returns the staff group where that is news to it."""
    staff_chat = staffroom.chat(session)
    if staff_chat is None or session.get(Fact, FAILED) is not None:
        return None
    session.add(Fact(name=FAILED, value=""))
    return staff_chat


def has_failed(session: Session) -> bool:
    """True where the newest try failed, and staff were told so."""
    return session.get(Fact, FAILED) is not None


def made(session: Session) -> int | None:
    """Note that a backup was made; returns the staff group where it has been told otherwise."""
    fact = session.get(Fact, FAILED)
    if fact is None:
        return None
    session.delete(fact)
    return staffroom.chat(session)
