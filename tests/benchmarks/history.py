"""Patients whom the bot has known for long: their questions, the answers they got, and their visits."""

from datetime import UTC, datetime, timedelta

from sqlalchemy import insert
from sqlalchemy.orm import Session

from bot.store.database import Database, parse_url
from bot.store.models import Incoming, Outgoing, Patient, Question, Visit

QUESTIONS = 10
"""What each has asked."""
FIRST_CHAT = 10_000_000_000
ANSWER = "<b>What it is</b>\n\n" + "Small amounts are given into the skin, in several sessions. " * 5


def fill(url: str, known: int) -> None:
    """Fill a new database with the history of so many chats."""
    database = Database(parse_url(url))
    database.migrate()
    for first in range(0, known, 1000):
        chats = range(FIRST_CHAT + first, FIRST_CHAT + min(first + 1000, known))
        database.write_now(lambda session: _write(session, chats, datetime.now(UTC)))  # noqa: B023  it runs here
    database.close()


def _write(session: Session, chats: range, now: datetime) -> None:
    at = now - timedelta(days=30)
    asked = [(chat, number) for chat in chats for number in range(QUESTIONS)]
    session.execute(
        insert(Patient),
        [{"chat_id": chat, "first_name": "Known", "language": "en", "started_at": at} for chat in chats],
    )
    common = {"asked_at": at, "language": "en", "route": "answer", "topic": "what-is", "suggestions": []}
    session.execute(
        insert(Question),
        [
            {**common, "chat_id": chat, "text": f"what is it, {number}?", "personal": False, "score": 0.9}
            for chat, number in asked
        ],
    )
    done = {"state": "done", "payload": None, "attempts": 0, "received_at": at, "settled_at": at}
    session.execute(
        insert(Incoming),
        [{**done, "update_id": QUESTIONS * (chat - FIRST_CHAT) + number, "lane": chat} for chat, number in asked],
    )
    sent = {"kind": "reply", "method": "sendMessage", "language": "en", "urgency": 0, "state": "sent", "attempts": 1}
    when = {"due_at": at, "created_at": at, "settled_at": at}
    session.execute(
        insert(Outgoing),
        [
            {**sent, **when, "chat_id": chat, "params": {"chat_id": chat, "text": ANSWER}, "message_id": number}
            for chat, number in asked
        ],
    )
    visit = {"version": 1, "status": "completed", "name": "Known", "phone": "+442079460000", "treatment": "face"}
    times = {"starts_at": at, "ends_at": at + timedelta(minutes=45), "created_at": at, "requested_at": at}
    session.execute(
        insert(Visit),
        [{**visit, **times, "code": f"K{chat}"[-8:], "chat_id": chat, "practitioner": "hart"} for chat in chats],
    )
