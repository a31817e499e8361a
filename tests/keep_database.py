"""`python tests/keep_database.py FILE`, with a version of the program before it on PYTHONPATH: keep what its database
holds in the middle of a day, and what the chats show, for the test that later versions take it up from there.

0001.json to 0004.json were made by the last commits that stood at these revisions. Before a new migration
is released, make the one of the revision before it.
"""

import asyncio
import json
import sqlite3
import sys
import tempfile
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from bot.app import build_libraries, build_reader, build_speeches
from bot.clock import MovableClock
from bot.config import load_clinic
from bot.delivery import inbox, outbox
from bot.delivery.messages import Kind, Message
from bot.store.database import SCHEMA, Database, Session, parse_url
from bot.store.models import Incoming, Outgoing, OwnAnswer
from tests.story import MONDAY, Story

FRIDAY = datetime(2026, 11, 27, 10, tzinfo=UTC)


async def live(story: Story) -> None:
    """Let people write as they do: a question that waits, a conversation, something staff taught the bot."""
    tom, anna = story.tom, story.anna
    await story.start(anna)
    await story.say(anna, "I take warfarin, may I come?")
    await story.tap(anna, "Ask the clinic")
    await story.start(tom)
    await story.say(tom, "I have psoriasis, is that a problem for me?")
    await story.tap(tom, "Ask the clinic")
    card = story.shown(story.group.id)
    await story.say(story.maya, "Which medicines do you take?", chat=story.group, reply_to=card["message_id"])
    await story.say(tom, "None at all")


async def book(story: Story) -> None:
    """Requests, a confirmed visit and a wish for an earlier time, by the use-cases: at 0002 there was no more."""
    from bot.clinic import blocks, visits, waits  # noqa: PLC0415  revision 0001 had none of these
    from bot.clinic.visits import Actor, Changed, Requested, Wanted  # noqa: PLC0415
    from bot.store.models import Consent, Draft  # noqa: PLC0415

    maya = Actor(story.maya.id, "Maya")

    def work(session: Session) -> None:
        now = story.clock.now()
        asked = {}
        for user, hour, answer in ((story.anna, 10, "no"), (story.tom, 12, "unsure")):
            for purpose in ("visit", "follow-up", "offers"):
                session.add(Consent(chat_id=user.id, purpose=purpose, given=True, version="1", at=now))
            wanted = Wanted("face", "hart", FRIDAY.replace(hour=hour), user.first_name, "+442079460018",
                            {"pregnant": answer})  # fmt: skip
            outcome = visits.request(session, story.clinic, user.id, wanted, now)
            assert isinstance(outcome, Requested)
            asked[user.id] = outcome.card
        card = asked[story.anna.id]
        sure = visits.confirm(session, story.clinic, card.visit_id, card.version, story.group.id, maya, now)
        assert isinstance(sure, Changed)
        waits.join(session, story.clinic, card.visit_id, story.anna.id, now)
        blocks.add(session, story.clinic, "hart", FRIDAY.replace(hour=15), FRIDAY.replace(hour=16), "lunch",
                   story.group.id, maya, now)  # fmt: skip
        session.add(Draft(chat_id=story.tom.id, treatment="face", practitioner="hart", changed_at=now))

    assert story.database is not None
    await story.database.transaction(work)


async def follow_up(story: Story) -> None:
    """A visit that was asked for in the chat, a form that is half filled, a visit that is over, notes and links."""
    from bot.store.models import Call, Draft, FollowUp, Invite, Note  # noqa: PLC0415
    from tests.stories.test_booking import request, to_screening  # noqa: PLC0415
    from tests.stories.test_followups import booked, done  # noqa: PLC0415

    card = await booked(story, MONDAY + timedelta(hours=5))
    lea, noa = story.telegram.add_user("Lea"), story.telegram.add_user("Noa")
    for user in (lea, noa):
        await story.start(user)
    await done(story, card)
    await request(story, lea, at="11:00")
    await to_screening(story, noa)
    await story.say(story.priya, "/new", chat=story.group)
    now = story.clock.now()

    def work(session: Session) -> None:
        session.add(Note(visit_id=card.visit_id, text="Prefers mornings", author="Maya", at=now))
        session.add(Call(key="blocked:1", visit_id=card.visit_id, why="blocked", what="care", created_at=now))
        session.add(Invite(digest="0" * 64, visit_id=card.visit_id, created_at=now, expires_at=now))
        assert session.query(Draft).count() == 1
        assert session.query(FollowUp).count() > 3

    assert story.database is not None
    await story.database.transaction(work)


def be_killed(session: Session, story: Story, now: datetime) -> None:
    """What a program that was killed leaves behind: owed, in the air, and not handled yet."""
    eva = story.telegram.add_user("Eva")
    outbox.post(session, Message(story.anna.id, "This was still owed."), now=now)
    later = Message(story.tom.id, "This is for tomorrow.", kind=Kind.CARE)
    outbox.post(session, later, now=now, due_at=now + timedelta(days=1))
    outbox.post(session, Message(story.tom.id, "This was in the air."), now=now).state = "sending"
    person = {"id": eva.id, "is_bot": False, "first_name": "Eva", "language_code": "en"}
    message = {"message_id": 900, "date": int(now.timestamp()), "text": "/start", "from": person,
               "chat": {"id": eva.id, "type": "private", "first_name": "Eva"},
               "entities": [{"type": "bot_command", "offset": 0, "length": 6}]}  # fmt: skip
    inbox.keep(session, [{"update_id": 99_000_001, "message": message}], now=now)
    session.add(OwnAnswer(written_at=now, language="en", phrasings=["May I bring my dog?"], body="Yes, on a lead.",
                          author_id=story.maya.id, author="Maya", state="approved", decided_by="Priya",
                          decided_at=now))  # fmt: skip
    assert session.get(Incoming, 99_000_001) is not None
    assert session.query(Outgoing).filter_by(state="sending").count() == 1


async def day() -> dict[str, Any]:
    """Return what is kept of a day."""
    clinic = load_clinic(None)
    reader = build_reader(clinic, build_libraries(clinic), build_speeches(clinic), MovableClock(MONDAY))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "mesobot.db"
        story = await Story(clinic, reader, path).open()
        await live(story)
        if SCHEMA == "0002":
            await book(story)
        if SCHEMA >= "0003":
            await follow_up(story)
        await story.close()
        database = Database(parse_url(f"sqlite:///{path}"))
        await database.transaction(lambda session: be_killed(session, story, story.clock.now()))
        database.close()
        chats = {chat.id: list(chat.messages.values()) for chat in story.telegram.chats.values()}
        return {"revision": SCHEMA, "at": story.clock.now().isoformat(), "tables": tables(path), "chats": chats}


def tables(file: Path) -> dict[str, list[dict[str, Any]]]:
    """Return every row as SQLite holds it."""
    with closing(sqlite3.connect(file)) as connection:
        connection.row_factory = sqlite3.Row
        names = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'")
        return {name: [dict(row) for row in connection.execute(f"SELECT * FROM {name}")] for (name,) in names}  # noqa: S608


if __name__ == "__main__":
    kept = asyncio.run(day())
    Path(sys.argv[1]).write_text(json.dumps(kept, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
