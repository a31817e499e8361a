"""Health and counters of a running bot: what is said when it is well, and how plainly when it is not."""

import asyncio
import json
import platform
import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import closing, suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from pydantic import SecretStr
from sqlalchemy import event, text
from sqlalchemy.exc import DBAPIError
from structlog.testing import capture_logs

from bot.clock import SystemClock
from bot.config import Clinic
from bot.delivery.poller import Poller
from bot.delivery.wire import Wire
from bot.meters import OVER, Pulse
from bot.store import backlog, trouble
from bot.store.database import Database, parse_url
from bot.web import health
from bot.web.health import LONGEST_SILENCE, Health
from bot.web.metrics import Counters
from faq.reader import Reader
from tests.postgres import Cluster
from tests.quick import FixedReader, Scripted, Seconds, refused, until, without_waits
from tests.stories.test_over_http import free_port
from tests.story import Story


@pytest.fixture
def reader() -> Reader:
    return FixedReader()


@pytest.fixture(autouse=True)
def _enough_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "LEAST_BYTES", 0)  # the disk that tests run on may be full


class Watched:
    """A story whose bot can be asked how it is."""

    def __init__(self, story: Story, seconds: Seconds, address: str) -> None:
        self.story = story
        self.seconds = seconds
        self.address = address

    async def get(self, path: str) -> tuple[int, str]:
        async with aiohttp.ClientSession() as session, session.get(f"http://{self.address}/{path}") as answer:
            return answer.status, await answer.text()

    async def healthz(self) -> tuple[int, dict[str, Any]]:
        status, body = await self.get("healthz")
        return status, json.loads(body)

    async def wrong(self) -> dict[str, str]:
        """What is wrong by /healthz; it has to live all the same, and the gauge has to say the same."""
        status, report = await self.healthz()
        assert (await self.get("livez")) == (200, "alive\n")
        assert status == (503 if report["wrong"] else 200)
        assert (await self.metrics())["mesobot_ready"] == float(status == 200)
        found: dict[str, str] = report["wrong"]
        return found

    async def metrics(self) -> dict[str, float]:
        """The counters by name and labels."""
        status, body = await self.get("metrics")
        assert status == 200
        lines = (line.rpartition(" ") for line in body.splitlines() if not line.startswith("#"))
        return {name: float(value) for name, _, value in lines}


@pytest.fixture
async def watched(clinic: Clinic, reader: Reader, any_database: str) -> AsyncIterator[Watched]:
    seconds = Seconds()
    story = Story(clinic, reader, any_database)
    story.meters = counters = Counters("9.9", "9999", seconds)
    await story.open()
    assert story.database is not None
    looks = Health(story.database, story.clock, counters, version="9.9", polls=True)
    address = f"127.0.0.1:{free_port()}"
    async with health.serving(address, looks):
        yield Watched(story, seconds, address)
    await story.close()


async def test_a_bot_that_is_well(watched: Watched) -> None:
    status, report = await watched.healthz()
    assert status == 200
    assert report == {
        "ready": True,
        "wrong": {},
        "bot": "mesobot_demo_bot",
        "mode": "polling",
        "version": "9.9",
        "schema": health.SCHEMA,
        "since": "2026-11-23T10:30:00+00:00",
        "oldest_update_seconds": 0,
        "oldest_due_seconds": 0,
    }


async def test_what_is_counted(watched: Watched, monkeypatch: pytest.MonkeyPatch) -> None:
    without_waits(monkeypatch)
    story = watched.story
    before = await watched.metrics()
    await story.start(story.anna)
    await story.say(story.anna, "hair")
    story.telegram.faults.add("500", method="sendMessage")
    await story.say(story.anna, "makeup")
    await story.say(story.anna, "help!")
    await story.telegram.block(story.tom.id)
    await story.settle()
    monkeypatch.setattr(health, "RECENT", 0.0)  # what waits is counted anew
    found = await watched.metrics()

    def more(name: str) -> float:
        return found[name] - before.get(name, 0.0)

    assert more('mesobot_updates_total{result="kept"}') == more('mesobot_updates_total{result="handled"}') >= 5
    assert more('mesobot_updates_total{result="put_aside"}') == 0
    assert more('mesobot_understood_total{route="answer"}') == 2
    assert more('mesobot_understood_total{route="urgent"}') == 1
    assert more('mesobot_red_flags_total{level="emergency"}') == 1
    assert more('mesobot_handler_seconds_count{conversation="questions"}') == 3
    assert more('mesobot_sends_total{outcome="unknown"}') == 1
    assert more('mesobot_sends_total{outcome="sent"}') >= 5
    assert found['mesobot_outbox_messages{state="unknown",urgency="reply"}'] == 1
    assert found['mesobot_outbox_messages{state="pending",urgency="scheduled"}'] == 0
    assert found["mesobot_inbox_waiting"] == 0
    assert more('mesobot_transaction_seconds_count{access="write"}') > 5
    assert more('mesobot_transaction_seconds_count{access="read"}') > 0
    assert found[f'mesobot_build_info{{python="{platform.python_version()}",schema="9999",version="9.9"}}'] == 1


async def held_back(story: Story) -> None:
    """Let Anna start the bot, and wait until its welcome is put back, since Telegram asked to wait."""
    assert story.database is not None
    await story.telegram.start(story.anna.id, "")
    await until(lambda: any(str(call.params.get("chat_id")) == str(story.anna.id) for call in story.telegram.calls))
    async with asyncio.timeout(20):
        while (await story.database.read(lambda session: backlog.oldest(session, story.clock.now()))).due is None:
            pass


async def test_follow_ups_and_floods_are_counted(watched: Watched) -> None:
    story = watched.story
    assert story.database is not None

    def plan(session: Any) -> None:
        for number, state in enumerate(("planned", "planned", "frozen")):
            session.execute(
                text(
                    "INSERT INTO follow_ups (key, step, kind, anchor_at, planned_for, due_at, valid_until, state) "
                    "VALUES (:key, 's', 'care', :at, :at, :at, :at, :state)"
                ),
                {"key": f"test:{number}", "state": state, "at": story.clock.now() + timedelta(days=9)},
            )

    await story.database.transaction(plan)
    story.telegram.faults.add("429", method="sendMessage", retry_after=7)
    await held_back(story)
    found = await watched.metrics()
    assert found['mesobot_followups{state="planned"}'] == 2
    assert found['mesobot_followups{state="frozen"}'] == 1
    assert found["mesobot_floods_total"] == 1
    assert found["mesobot_flood_seconds_total"] == 7


async def test_a_message_that_does_not_get_out(watched: Watched) -> None:
    story = watched.story
    story.telegram.faults.add("429", method="sendMessage", retry_after=600)
    await held_back(story)
    story.clock.advance(timedelta(minutes=4))
    assert await watched.wrong() == {}
    story.clock.advance(timedelta(minutes=2))
    assert await watched.wrong() == {"outbox": "a message has been due for 360 seconds"}


async def test_telegram_does_not_answer_any_more(watched: Watched) -> None:
    watched.seconds.now += LONGEST_SILENCE + 1
    assert await watched.wrong() == {"fetching": "no updates were fetched for 91 seconds"}
    await watched.story.start(watched.story.anna)
    assert await watched.wrong() == {}


async def test_another_program_fetches_with_the_same_token() -> None:
    pulse, tries = Pulse(), 0

    def answer(_: str, __: Any) -> Any:
        nonlocal tries
        tries += 1
        return (
            refused(409, "Conflict: terminated by other getUpdates request")
            if tries == 1
            else {"ok": True, "result": []}
        )

    async def take(_: Any) -> None:
        raise AssertionError("there is nothing to take")

    polling = asyncio.create_task(Poller(Wire(Scripted(answer)), take, meters=pulse).run())
    with capture_logs():
        await until(lambda: pulse.no_fetch)
    assert str(pulse.no_fetch).startswith("another program uses this token")
    await until(lambda: pulse.no_fetch is None)
    polling.cancel()
    with suppress(asyncio.CancelledError):
        await polling


async def test_a_full_disk(watched: Watched, monkeypatch: pytest.MonkeyPatch) -> None:
    """SQLite itself says that it is full: it may not grow any more."""
    without_waits(monkeypatch)
    story = watched.story
    assert story.database is not None
    if not story.database.is_sqlite:
        pytest.skip("a server's disk is the server's")
    await story.start(story.anna)

    def limit(pages: int) -> Callable[[Any], None]:
        return lambda session: session.execute(text(f"PRAGMA max_page_count={pages}")).all() and None

    await story.database.transaction(limit(1))  # as many as there are
    with capture_logs() as logs:
        await story.telegram.send_text(story.anna.id, "hair " + "x" * 4000)
        await story.telegram.send_text(story.anna.id, "hair " + "y" * 4000)
        await until(lambda: any(log["event"] == "database.fails" for log in logs))
        wrong = await watched.wrong()
        await story.database.transaction(limit(1_000_000))
        await story.settle()
        watched.seconds.now += OVER
        await story.say(story.anna, "hair")
    assert wrong == {"database": "the disk is full: make room"}
    assert [log for log in logs if log["event"].startswith("database.")] == [
        {"event": "database.fails", "why": "the disk is full: make room", "log_level": "critical"},
        {"event": "database.works_again", "log_level": "info"},
    ]
    assert await watched.wrong() == {}


async def test_little_room_is_left(watched: Watched, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "LEAST_BYTES", 2**62)
    if watched.story.url.startswith("sqlite"):
        (told,) = (await watched.wrong()).items()
        assert told[0] == "disk"
        assert told[1].endswith(" MB are free for the database: make room")
    else:
        assert await watched.wrong() == {}


async def test_before_telegram_is_reached(any_database: str) -> None:
    database = Database(parse_url(any_database))
    counters = Counters("9.9", "9999")
    looks = Health(database, SystemClock(), counters, version="9.9", polls=False)
    report = await looks.report()
    assert (report["ready"], list(report["wrong"])) == (False, ["start"])
    counters.started("linden_bot")
    assert (await looks.report())["wrong"] == {}
    database.close()


# why a database does not work


def broken(database: Database, sql: str = "CREATE TABLE more (x INTEGER)") -> str | None:
    """What is said of the failure of a statement."""
    try:
        with pytest.raises(DBAPIError) as caught:
            database._write(lambda session: session.execute(text(sql)))
        return trouble.why(caught.value)
    finally:
        database.close()


def test_a_damaged_file(tmp_path: Path) -> None:
    file = tmp_path / "mesobot.db"
    file.write_bytes(b"this was a database once" * 100)
    assert broken(Database(parse_url(f"sqlite:///{file}"))) == (
        "the database file is damaged: stop the bot and restore a backup"
    )


def test_the_folder_is_gone(tmp_path: Path) -> None:
    said = "the database file cannot be opened: see that its folder is there and may be written"
    assert broken(Database(parse_url(f"sqlite:///{tmp_path}/gone/mesobot.db"))) == said


def test_somebody_else_holds_the_file(database_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bot.store.database.WAIT", 0.01)
    with closing(sqlite3.connect(database_file)) as other:
        other.execute("BEGIN IMMEDIATE")
        said = broken(Database(parse_url(f"sqlite:///{database_file}")))
    assert said == "another program holds the database: find it and stop it"


def test_a_file_that_may_not_be_written(database_file: Path) -> None:
    database = Database(parse_url(f"sqlite:///{database_file}"))

    @event.listens_for(database._writer, "connect")
    def _only_read(connection: Any, _: Any) -> None:
        connection.execute("PRAGMA query_only=ON")

    assert broken(database) == "the database file may not be written: see who owns it and its folder"


def test_no_server_answers() -> None:
    said = "the database server cannot be reached: see that it runs, and the network to it"
    assert broken(Database(parse_url("postgresql://mesobot@127.0.0.1:1/mesobot"))) == said


def test_a_statement_of_ours_is_not_the_databases_fault(any_database: str) -> None:
    assert broken(Database(parse_url(any_database)), "INSERT INTO facts (name) VALUES (NULL)") is None


async def test_the_server_stops(cluster: Cluster) -> None:
    with cluster.database() as url:
        database = Database(parse_url(url))
        database.meters = pulse = Pulse()

        def end_all(session: Any) -> None:
            session.execute(
                text("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database()")
            )

        with capture_logs() as logs, suppress(DBAPIError):
            await database.transaction(end_all)
        assert pulse.database_trouble == "the database server is stopping or starting: wait, and see that it runs"
        assert [log["event"] for log in logs] == ["database.fails"]
        database.close()


async def test_a_webhook_that_is_taken_away_is_said_and_set_again(any_story: Story) -> None:
    story = any_story
    assert story.app is not None
    assert story.database is not None
    counters = story.app.meters = Counters("9.9", "9999")
    counters.started("mesobot")
    hook = {"webhook_url": "https://clinic.example/hook", "webhook_secret": SecretStr("s" * 32)}
    story.app.settings = story.app.settings.model_copy(update=hook)
    looks = Health(story.database, story.clock, counters, version="9.9", polls=False)
    await story.app._look_at_webhook()
    assert (await looks.report())["wrong"]["webhook"].startswith("the webhook was taken away")
    await story.app._look_at_webhook()
    assert "webhook" not in (await looks.report())["wrong"]
    story.app.wire = Wire(Scripted(lambda *_: refused(401, "Unauthorized")))
    await story.app._look_at_webhook()
    assert (await looks.report())["wrong"]["webhook"].startswith("Telegram refuses this bot (401)")
