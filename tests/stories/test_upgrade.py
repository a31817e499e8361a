"""A clinic installs the new version: what the old one owed is sent, and its cards and buttons still work.

The databases and chats are real ones of the programs of that time (tests/keep_database.py).
"""

import json
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from sqlalchemy import JSON, Boolean, Date, DateTime, Engine, MetaData, Table, Time, func, insert, select
from sqlalchemy.orm import Session
from sqlalchemy.types import TypeEngine

from bot.config import Clinic
from bot.sandbox.world import User
from bot.store import migrations
from bot.store.database import SCHEMA, Database, parse_url
from faq.reader import Reader
from tests.story import MONDAY, Story, labels

FOLDER = Path(__file__).parent.parent / "data" / "databases"
OLD = sorted(file.stem for file in FOLDER.glob("*.json"))


def python(value: Any, kind: TypeEngine[Any], *, aware: bool) -> Any:
    """Return what SQLite held as a value of its column."""
    if value is None:
        return None
    if isinstance(kind, DateTime):
        return datetime.fromisoformat(value).replace(tzinfo=UTC if aware else None)
    readers = {Time: time.fromisoformat, Date: date.fromisoformat, Boolean: bool, JSON: json.loads}
    return next((read(value) for one, read in readers.items() if isinstance(kind, one)), value)


def tables(engine: Engine) -> list[Table]:
    metadata = MetaData()
    metadata.reflect(engine)
    return [table for table in metadata.sorted_tables if table.name != "alembic_version"]


def fill(database: Database, kept: dict[str, list[dict[str, Any]]]) -> None:
    """Put the rows into the tables as they were at that revision."""

    def put(session: Session) -> None:
        for table in tables(database._reader):
            for row in kept[table.name]:
                values = {key: python(value, table.c[key].type, aware=aware) for key, value in row.items()}
                session.execute(insert(table), [values])
            if aware and "id" in table.c:  # as if PostgreSQL had given these ids itself
                last = select(func.setval(f"{table.name}_id_seq", func.max(table.c.id)))
                session.execute(last.where(table.c.id.is_not(None)))

    aware = not database.is_sqlite
    database.write_now(put)


def content(database: Database, names: dict[str, list[str]]) -> dict[str, list[Any]]:
    """Return these columns of these tables."""
    found = {table.name: table for table in tables(database._reader)}
    return {
        name: database.read_now(
            lambda session, table=found[name], columns=columns: sorted(
                [tuple(map(repr, row)) for row in session.execute(select(*(table.c[one] for one in columns)))]
            )
        )
        for name, columns in names.items()
    }


class Upgraded:
    """The clinic after the upgrade: everybody has the chats that they had before."""

    def __init__(self, kept: dict[str, Any], story: Story) -> None:
        self.revision: str = kept["revision"]
        self.story = story
        telegram = story.telegram
        people = [one for one in kept["chats"] if int(one) > 0]
        names = ["Eva"] if len(people) == 5 else ["Lea", "Noa", "Eva"]
        self.others: dict[str, User] = {name: telegram.add_user(name) for name in names}
        assert [str(user) for user in telegram.users] == people
        for chat_id, messages in kept["chats"].items():
            telegram.chats[int(chat_id)].messages.update({one["message_id"]: one for one in messages})
        telegram.feed.begin_after(200_000_000)  # the old updates are known in the inbox
        telegram._shared_message_id = 1000
        for user in telegram.users.values():
            user.started = True
        story.clock.advance(datetime.fromisoformat(kept["at"]) - MONDAY)

    @property
    def eva(self) -> User:
        return self.others["Eva"]

    def card(self, text: str) -> int:
        """Return the number of the newest message in the group with these words."""
        history = reversed(self.story.telegram.history(self.story.group.id))
        return next(int(one["message_id"]) for one in history if text in one.get("text", ""))

    def read(self, user: User) -> str:
        return "\n".join(self.story.since(user.id, 1000))


@pytest.fixture(params=OLD)
def kept(request: pytest.FixtureRequest) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((FOLDER / f"{request.param}.json").read_text(encoding="utf-8"))
    return found


@pytest_asyncio.fixture
async def upgraded(
    clinic: Clinic, reader: Reader, any_empty_database: str, kept: dict[str, Any]
) -> AsyncIterator[Upgraded]:
    """The old version was stopped by force, and the new one is started on its database."""
    old = Database(parse_url(any_empty_database))
    migrations.upgrade(old._writer, kept["revision"])
    fill(old, kept["tables"])
    columns = {name: list(rows[0]) for name, rows in kept["tables"].items() if rows and name != "alembic_version"}
    before = content(old, columns)
    old.migrate()
    old.close()
    new = Database(parse_url(any_empty_database))
    assert new.schema() == SCHEMA
    assert content(new, columns) == before
    new.close()
    story = Story(clinic, reader, any_empty_database)
    upgraded = Upgraded(kept, story)
    await story.open()
    yield upgraded
    await story.close()


async def test_what_was_owed_is_sent_and_the_old_cards_work(upgraded: Upgraded) -> None:
    story = upgraded.story
    assert "This was still owed." in story.since(story.anna.id, 1000)
    in_the_air = next(text for text in story.since(story.tom.id, 1000) if "This was in the air." in text)
    assert in_the_air != "This was in the air."  # it says that it may be a repeat
    assert "This is for tomorrow." not in upgraded.read(story.tom)
    assert "I am the assistant of" in upgraded.read(upgraded.eva)

    await story.say(
        story.maya, "Please do, and bring your tablets.", chat=story.group, reply_to=upgraded.card("warfarin")
    )
    assert "Please do, and bring your tablets." in upgraded.read(story.anna)
    said = await story.say(upgraded.eva, "May I bring my dog?")
    assert "Yes, on a lead." in "\n".join(said)
    await story.pass_time(timedelta(days=1, hours=1))
    assert "This is for tomorrow." in upgraded.read(story.tom)


@pytest.mark.parametrize("kept", ["0002"], indirect=True)
async def test_visits_of_the_second_revision_are_decided(upgraded: Upgraded) -> None:
    story = upgraded.story
    await story.say(story.maya, "/pending", chat=story.group)
    assert "Tom" in story.shown(story.group.id)["text"]
    await story.tap(story.maya, "1", chat=story.group)
    await story.tap(story.maya, "Confirm", chat=story.group)  # an answer was "not sure", which is asked about
    await story.tap(story.maya, "Yes, confirm", chat=story.group)
    assert "✅ Confirmed (Maya" in story.shown(story.group.id)["text"]
    assert "Your visit is confirmed" in upgraded.read(story.tom)
    await story.say(story.anna, "/bookings")
    assert "Friday, 27 November, 10:00" in upgraded.read(story.anna)
    await story.say(upgraded.eva, "/book")
    for label in ("Face", "Dr Maya Hart, Doctor", "27"):
        await story.tap(upgraded.eva, label)
    offered = {label for row in labels(story.shown(upgraded.eva.id)) for label in row}
    assert "11:00" in offered
    assert not {"10:00", "12:00", "15:00"} & offered  # two visits and staff's lunch


@pytest.mark.parametrize("kept", ["0003"], indirect=True)
async def test_requests_forms_and_programmes_of_the_third_revision_go_on(upgraded: Upgraded) -> None:
    story, lea, noa = upgraded.story, upgraded.others["Lea"], upgraded.others["Noa"]
    await story.tap(story.maya, "Confirm", chat=story.group)
    assert "Your visit is confirmed" in upgraded.read(lea)
    assert "Question 1 of 14" in story.shown(noa.id)["text"]
    await story.tap(noa, "No")
    assert "Question 2 of 14" in story.shown(noa.id)["text"]
    begun = upgraded.card("New visit: which treatment?")
    await story.tap(story.priya, "Hands", chat=story.group)
    assert "Hands" in story.message(story.group.id, begun)["text"]
    seen = story._last(story.anna.id)
    await story.pass_time(timedelta(hours=3))
    assert "Your care card" in "\n".join(story.since(story.anna.id, seen))
