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
PUT_OUT = "staff group put the bot out"
"""The group, and since when."""
ADD_AGAIN = "add the bot to the staff group again"
"""What to do about it."""
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
        session.execute(delete(Fact).where(Fact.name == PUT_OUT))
        outbox.unpark(session, chat_id, now)
    return ours


def put_out(session: Session, chat_id: int, now: datetime) -> bool:
    """Note that the bot was taken out of a group; True where it is the staff group."""
    if chat(session) != chat_id:
        return False
    session.merge(Fact(name=PUT_OUT, value=f"{chat_id} {now.isoformat()}"))
    return True


def closed_since(session: Session) -> datetime | None:
    """Return since when the staff group takes no messages: the bot was put out of it, or one was tried in vain."""
    ours, out = chat(session), session.get(Fact, PUT_OUT)
    if ours is None:
        return None
    group, _, at = out.value.partition(" ") if out is not None else ("", "", "")
    return datetime.fromisoformat(at) if group == str(ours) else outbox.parked_since(session, ours)


def _digest(code: str) -> str:
    return hashlib.sha256(code.encode()).hexdigest()
