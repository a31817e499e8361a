"""The staff group: which one it is, and how a group becomes it."""

import hashlib
import hmac
import secrets
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete
from sqlalchemy.orm import Session

from bot.delivery import outbox
from bot.store.models import Audit, Fact

STAFF_CHAT = "staff chat"
CLAIM_CODE = "claim code"
ALPHABET = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"
"""Letters and digits that nobody mixes up."""


@dataclass(frozen=True, slots=True)
class Claimed:
    """The group is the staff group now."""


@dataclass(frozen=True, slots=True)
class WrongCode:
    """The code is not the one that was printed."""


@dataclass(frozen=True, slots=True)
class ClaimedElsewhere:
    """Another group is the staff group."""


ClaimOutcome = Claimed | WrongCode | ClaimedElsewhere


def chat(session: Session) -> int | None:
    """Return the staff group's id."""
    fact = session.get(Fact, STAFF_CHAT)
    return int(fact.value) if fact else None


def appoint(session: Session, chat_id: int, now: datetime, *, actor: int | None = None) -> None:
    """Make `chat_id` the staff group; the code, if there was one, is used up."""
    before = chat(session)
    session.execute(delete(Fact).where(Fact.name == CLAIM_CODE))
    if before == chat_id:
        return
    session.merge(Fact(name=STAFF_CHAT, value=str(chat_id)))
    was = str(before) if before is not None else None
    session.add(Audit(at=now, actor=actor, action="staff group", subject="clinic", before=was, after=str(chat_id)))


def new_code(session: Session) -> str:
    """Return a fresh one-time code of ten characters; only its digest is kept, and an earlier code ends."""
    code = "".join(secrets.choice(ALPHABET) for _ in range(10))
    session.merge(Fact(name=CLAIM_CODE, value=_digest(code)))
    return code


def claim(session: Session, chat_id: int, code: str, actor: int | None, now: datetime) -> ClaimOutcome:
    """Make the group the staff group if `code` is the current one."""
    current = chat(session)
    if current is not None:
        return Claimed() if current == chat_id else ClaimedElsewhere()
    fact = session.get(Fact, CLAIM_CODE)
    if fact is None or not hmac.compare_digest(fact.value, _digest(code.strip().upper())):
        return WrongCode()
    appoint(session, chat_id, now, actor=actor)
    return Claimed()


def moved(session: Session, old_chat_id: int, new_chat_id: int, now: datetime) -> None:
    """Follow the staff group when Telegram makes it a supergroup."""
    if chat(session) == old_chat_id:
        appoint(session, new_chat_id, now)


def let_in(session: Session, chat_id: int, now: datetime) -> int | None:
    """Owe the staff group what it could not be sent while the bot was out of it; returns the staff group's id."""
    ours = chat(session)
    if ours == chat_id:
        outbox.unpark(session, chat_id, now)
    return ours


def closed_since(session: Session) -> datetime | None:
    """Return since when the staff group takes no messages, as far as one was tried."""
    ours = chat(session)
    return outbox.parked_since(session, ours) if ours is not None else None


def _digest(code: str) -> str:
    return hashlib.sha256(code.encode()).hexdigest()
