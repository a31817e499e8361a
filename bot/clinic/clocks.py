"""The machine's clock in doubt: staff are told once, and may say that it is right."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import update
from sqlalchemy.orm import Session

from bot.clinic import staffroom
from bot.clinic.visits import Actor, NotHere
from bot.clock import Doubt
from bot.delivery import outbox
from bot.store.models import Audit, Fact, Outgoing

SUBJECT = "clock"
TOLD, RIGHT = "clock told", "clock right"
"""The doubt of which staff were told last, and the one of which they have said that the clock is right."""


@dataclass(frozen=True, slots=True)
class Over:
    """The clock is relied on again; staff were told of the doubt in these messages."""

    staff_chat: int
    message_ids: Sequence[int]


@dataclass(frozen=True, slots=True)
class SaidRight:
    """The clock is relied on from the next round on."""


def tell(session: Session, doubt: Doubt, now: datetime) -> int | None:
    """Return the staff group, if it has not been told of this doubt."""
    told, staff_chat = session.get(Fact, TOLD), staffroom.chat(session)
    if staff_chat is None or (told is not None and told.value == str(doubt.number)):
        return None
    session.merge(Fact(name=TOLD, value=str(doubt.number)))
    _audit(session, "clock in doubt", None, doubt.number, now)
    return staff_chat


def say_right(session: Session, number: int, staff_chat: int, actor: Actor, now: datetime) -> SaidRight | NotHere:
    """Let staff say that the clock is right."""
    if staffroom.chat(session) != staff_chat:
        return NotHere()
    session.merge(Fact(name=RIGHT, value=str(number)))
    _audit(session, "clock said right", actor.id, number, now)
    return SaidRight()


def is_right(session: Session, number: int) -> bool:
    """True where staff have said so of this doubt."""
    said = session.get(Fact, RIGHT)
    return said is not None and said.value == str(number)


def end(session: Session, number: int, now: datetime) -> Over | None:
    """Return whom to tell that a doubt is over; what was owed at instants of a clock that was wrong is owed now."""
    future = update(Outgoing).where(Outgoing.state == "pending", Outgoing.created_at > now)
    session.execute(future.values(due_at=now))
    told, staff_chat = session.get(Fact, TOLD), staffroom.chat(session)
    if staff_chat is None or told is None or told.value != str(number):
        return None
    _audit(session, "clock relied on", None, number, now)
    return Over(staff_chat, outbox.cards(session, staff_chat, f"{SUBJECT}:{number}"))


def _audit(session: Session, action: str, actor: int | None, number: int, now: datetime) -> None:
    subject = f"{SUBJECT}:{number}"
    session.add(Audit(at=now, actor=actor, action=action, subject=subject, before=None, after=None))
