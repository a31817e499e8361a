"""The database: transactions, instants, private files, and a schema that is the models', on SQLite and PostgreSQL."""

import asyncio
import contextlib
import os
import sqlite3
import stat
import tempfile
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from threading import Event
from zoneinfo import ZoneInfo

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, event, select, text
from sqlalchemy.exc import DBAPIError, IntegrityError, OperationalError, StatementError
from sqlalchemy.orm import Session

from bot.errors import StoreError
from bot.meters import Pulse
from bot.store import migrations
from bot.store.database import OWED, SCHEMA, Database, is_passing, parse_url
from bot.store.models import Base, Fact, Patient
from tests.postgres import Cluster
from tests.proxy import Proxy

NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
EXPECTED = "expected sqlite:///FILE or postgresql://USER:PASSWORD@HOST/NAME"


@pytest.fixture
def database(any_database: str) -> Iterator[Database]:
    with opened(any_database) as database:
        yield database


@pytest.fixture
def postgresql(cluster: Cluster) -> Iterator[Database]:
    with cluster.database() as url, opened(url) as database:
        yield database


@contextlib.contextmanager
def opened(url: str) -> Iterator[Database]:
    database = Database(parse_url(url))
    try:
        yield database
    finally:
        database.close()


@contextlib.contextmanager
def opened_file(file: Path) -> Iterator[Database]:
    with opened(f"sqlite:///{file}") as database:
        yield database


def complaint(url: str) -> str:
    with opened(url) as database, pytest.raises(StoreError) as caught:
        database.migrate()
    return str(caught.value)


def complaint_of_file(file: Path) -> str:
    return complaint(f"sqlite:///{file}")


def value(session: Session) -> str | None:
    fact = session.get(Fact, "x")
    return fact.value if fact else None


def counted(session: Session) -> int:
    """Add one to a number: the work that goes wrong where two transactions see the same state."""
    number = int(value(session) or 0) + 1
    session.merge(Fact(name="x", value=str(number)))
    return number


# --- transactions -----------------------------------------------------------------------------------------------------


async def test_returning_commits(database: Database) -> None:
    assert await database.transaction(counted) == 1
    assert await database.read(value) == "1"


async def test_raising_undoes_everything_and_raises_on(database: Database) -> None:
    def break_off(session: Session) -> None:
        counted(session)
        session.flush()
        session.info[OWED] = True
        raise ZeroDivisionError

    called: list[str] = []
    database.on_owed = lambda: called.append("owed")
    with pytest.raises(ZeroDivisionError):
        await database.transaction(break_off)
    assert await database.read(value) is None
    assert called == []


async def test_the_dispatcher_hears_of_a_commit_that_owes_something(database: Database) -> None:
    seen: list[str | None] = []
    database.on_owed = lambda: seen.append(database.read_now(value))

    def owe(session: Session) -> None:
        counted(session)
        session.info[OWED] = True

    await database.transaction(counted)
    assert seen == []
    await database.transaction(owe)
    assert seen == ["2"]  # it is called when the commit can be seen


async def test_transactions_side_by_side_do_not_lose_each_others_work(any_database: str) -> None:
    """Two programs on one database, many transactions at once: each sees what the last one left."""
    with opened(any_database) as one, opened(any_database) as other:
        numbers = await asyncio.gather(*(database.transaction(counted) for _ in range(15) for database in (one, other)))
    assert sorted(numbers) == list(range(1, 31))


async def test_reading_writes_nothing_and_does_not_wait_for_the_writer(database: Database) -> None:
    def write(session: Session) -> str | None:
        counted(session)
        session.flush()
        return database.read_now(value)  # from inside the writer's transaction: waiting would never end

    assert await database.transaction(write) is None
    await database.read(lambda session: session.merge(Fact(name="x", value="9")))
    assert await database.read(value) == "1"


async def test_a_reader_sees_one_moment(any_database: str) -> None:
    with opened(any_database) as one, opened(any_database) as other:

        def look_twice(session: Session) -> list[str | None]:
            before = value(session)
            other._write(counted)
            session.expire_all()
            return [before, value(session)]

        assert await one.read(look_twice) == [None, None]
        assert await one.read(value) == "1"


async def test_whoever_writes_waits_for_another_but_not_for_ever(
    any_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bot.store.database.WAIT", 0.05)
    with opened(any_database) as one, opened(any_database) as other:

        def keep_waiting(session: Session) -> OperationalError:
            counted(session)
            with pytest.raises(OperationalError) as caught:
                other._write(counted)
            return caught.value

        assert is_passing(await one.transaction(keep_waiting))
        assert await other.transaction(counted) == 2


END_THE_OTHERS = """
    SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid()
"""


async def test_a_server_that_was_started_again_is_found_again(postgresql: Database) -> None:
    def end_all(session: Session) -> None:
        session.execute(text(END_THE_OTHERS))
        session.execute(text("SELECT pg_terminate_backend(pg_backend_pid())"))

    await postgresql.transaction(counted)
    with pytest.raises(DBAPIError) as caught:
        await postgresql.read(end_all)
    assert is_passing(caught.value)
    assert await postgresql.transaction(counted) == 2
    assert await postgresql.read(value) == "2"


async def test_a_program_that_has_gone_silent_does_not_keep_the_others_from_writing(
    postgresql: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bot.store.database.STALL", 0.01)
    with opened(postgresql.url.render_as_string(hide_password=False)) as silent:

        def fall_silent(session: Session) -> None:
            counted(session)
            session.flush()
            assert postgresql._write(counted) == (1, False)  # as soon as the silent one is broken off
            counted(session)

        with pytest.raises(DBAPIError) as caught:
            await silent.transaction(fall_silent)
        assert is_passing(caught.value)
        assert await silent.transaction(counted) == 2


def test_what_may_succeed_later() -> None:
    locked = OperationalError("UPDATE facts", {}, sqlite3.OperationalError("database is locked"))
    broken = IntegrityError("UPDATE facts", {}, sqlite3.IntegrityError("UNIQUE constraint failed"))
    assert [is_passing(error) for error in (locked, broken, ValueError())] == [True, False, False]


# --- instants ---------------------------------------------------------------------------------------------------------


def patient(chat_id: int, at: datetime) -> Patient:
    return Patient(chat_id=chat_id, first_name="Anna", language="en", started_at=at)


@pytest.mark.parametrize(
    "at",
    [
        NOON,
        datetime(2026, 7, 1, 9, 30, 15, 123456, tzinfo=ZoneInfo("Europe/Warsaw")),
        datetime(2026, 1, 1, tzinfo=timezone(timedelta(hours=-11))),
        datetime(2026, 10, 25, 1, 30, tzinfo=ZoneInfo("Europe/London")),
        datetime(2026, 10, 25, 1, 30, fold=1, tzinfo=ZoneInfo("Europe/London")),
    ],
)
async def test_an_instant_comes_back_as_the_same_instant_in_utc(database: Database, at: datetime) -> None:
    await database.transaction(lambda session: session.add(patient(1, at)))
    found = await database.read(lambda session: session.get_one(Patient, 1).started_at)
    assert found.tzinfo is UTC
    assert found.timestamp() == at.timestamp()


async def test_the_repeated_hour_is_two_hours(database: Database) -> None:
    first = datetime(2026, 10, 25, 1, 30, tzinfo=ZoneInfo("Europe/London"))
    await database.transaction(lambda session: session.add_all([patient(1, first), patient(2, first.replace(fold=1))]))

    def gap(session: Session) -> timedelta:
        return session.get_one(Patient, 2).started_at - session.get_one(Patient, 1).started_at

    assert await database.read(gap) == timedelta(hours=1)


async def test_a_naive_datetime_is_refused(database: Database) -> None:
    with pytest.raises(StatementError, match="a stored instant needs its zone"):
        await database.transaction(lambda session: session.add(patient(1, NOON.replace(tzinfo=None))))


# --- files ------------------------------------------------------------------------------------------------------------


def modes(folder: Path) -> dict[str, int]:
    return {file.name: stat.S_IMODE(file.stat().st_mode) for file in folder.iterdir()}


async def test_only_the_owner_can_read_the_files(tmp_path: Path) -> None:
    before = os.umask(0o022)
    try:
        with opened_file(tmp_path / "clinic.db") as database:
            database.migrate()
            await database.transaction(counted)
            found = modes(tmp_path)
    finally:
        os.umask(before)
    assert found == {"clinic.db": 0o600, "clinic.db-wal": 0o600, "clinic.db-shm": 0o600}


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    folder = tmp_path / "none"
    assert complaint_of_file(folder / "x.db") == (
        f"the folder {folder} for the database does not exist: create it, or change MESOBOT_DATABASE_URL"
    )
    assert list(tmp_path.iterdir()) == []


def test_a_folder_is_no_database(tmp_path: Path) -> None:
    assert complaint_of_file(tmp_path) == f"the database file {tmp_path} cannot be written: Is a directory"


@contextlib.contextmanager
def read_only_folder() -> Iterator[Path]:
    """A folder in which this process may not write, even where the tests run as root."""
    with tempfile.TemporaryDirectory() as name:
        folder, root = Path(name), os.geteuid() == 0
        folder.chmod(0o555)
        if root:
            os.seteuid(65534)
        try:
            yield folder
        finally:
            if root:
                os.seteuid(0)
            folder.chmod(0o755)


def test_a_folder_that_cannot_be_written_is_named() -> None:
    with read_only_folder() as folder:
        said = complaint_of_file(folder / "x.db")
    assert said == f"the database file {folder / 'x.db'} cannot be written: Permission denied"


def test_a_file_that_is_no_database_is_named_and_left_as_it_is(tmp_path: Path) -> None:
    file = tmp_path / "notes.txt"
    file.write_text("These are my notes, and they must not be lost. " * 50, encoding="utf-8")
    before = file.read_bytes()
    assert complaint_of_file(file) == f"the database at sqlite:///{file} cannot be used: file is not a database"
    assert file.read_bytes() == before
    assert list(tmp_path.iterdir()) == [file]


# --- schema -----------------------------------------------------------------------------------------------------------


def test_this_program_is_written_for_the_newest_migration() -> None:
    assert migrations.head() == SCHEMA


def test_the_migrated_tables_are_the_models(database: Database) -> None:
    with database._reader.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "render_as_batch": True})
        assert compare_metadata(context, Base.metadata) == []


def test_migrating_twice_changes_nothing(database: Database) -> None:
    assert database.schema() == SCHEMA
    database.migrate()
    assert database.schema() == SCHEMA


def test_an_empty_database_has_no_schema_and_gets_one(any_empty_database: str) -> None:
    with opened(any_empty_database) as database:
        assert database.schema() is None
        database.migrate()
        assert database.schema() == SCHEMA


def test_an_empty_file_has_no_schema_and_gets_one(tmp_path: Path) -> None:
    file = tmp_path / "x.db"
    file.touch()
    with opened_file(file) as database:
        assert database.schema() is None
        database.migrate()
        assert database.schema() == SCHEMA


def is_waited_for(database: Database) -> bool:
    """True where another program waits for this one; SQLite does not know."""
    waiting = text("SELECT count(*) FROM pg_locks WHERE NOT granted")
    return database.is_sqlite or bool(database.read_now(lambda session: session.scalar(waiting)))


def test_two_programs_that_start_on_an_empty_database_migrate_it_once(any_empty_database: str) -> None:
    with opened(any_empty_database) as one, opened(any_empty_database) as other, ThreadPoolExecutor(1) as thread:
        begun: list[Future[None]] = []

        def let_the_other_begin(_: Connection) -> None:
            seen = Event()
            event.listen(other._reader, "rollback", lambda _: seen.set(), once=True)
            begun.append(thread.submit(other.migrate))
            assert seen.wait(10)  # it has seen that there is no schema
            while not is_waited_for(one):
                pass

        event.listen(one._writer, "commit", let_the_other_begin)
        one.migrate()
        (after,) = begun
        after.result()
        assert other.schema() == SCHEMA


def test_a_newer_database_is_refused_and_left_as_it_is(any_database: str) -> None:
    with opened(any_database) as database:
        database._write(lambda session: session.execute(text("UPDATE alembic_version SET version_num = '9999'")))
        assert complaint(any_database) == (
            f"the database is at revision 9999, newer than this program ({SCHEMA}): update mesobot"
        )
        assert database.schema() == "9999"


# --- addresses --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "used"),
    [
        ("sqlite:///mesobot.db", "sqlite:///mesobot.db"),
        ("sqlite:////var/lib/mesobot/mesobot.db", "sqlite:////var/lib/mesobot/mesobot.db"),
        ("sqlite+aiosqlite:///mesobot.db", "sqlite:///mesobot.db"),
        ("postgresql://u:p@h:5433/d?sslmode=require", "postgresql+psycopg://u:p@h:5433/d?sslmode=require"),
        ("postgresql+asyncpg://u@h/d", "postgresql+psycopg://u@h/d"),
    ],
)
def test_an_address_names_the_driver_that_is_used(given: str, used: str) -> None:
    assert parse_url(given).render_as_string(hide_password=False) == used


NO_FILE = "MESOBOT_DATABASE_URL names no file: a clinic's data must survive a restart; expected sqlite:///FILE"


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("nonsense", f"MESOBOT_DATABASE_URL is not a database URL: {EXPECTED}"),
        ("", f"MESOBOT_DATABASE_URL is not a database URL: {EXPECTED}"),
        ("mesobot.db", f"MESOBOT_DATABASE_URL is not a database URL: {EXPECTED}"),
        ("sqlite://", NO_FILE),
        ("sqlite:///:memory:", NO_FILE),
        ("mysql://u:secret@h/d", f"MESOBOT_DATABASE_URL names the database 'mysql': {EXPECTED}"),
    ],
)
def test_a_bad_address_is_refused(given: str, said: str) -> None:
    with pytest.raises(StoreError) as caught:
        parse_url(given)
    assert str(caught.value) == said


def test_an_error_does_not_show_the_password() -> None:
    database = Database(parse_url("postgresql://mesobot:hush-hush@127.0.0.1:1/mesobot"))
    with pytest.raises(StoreError) as caught:
        database.migrate()
    database.close()
    assert "hush-hush" not in str(caught.value)
    assert str(caught.value).startswith("the database at postgresql+psycopg://mesobot:***@127.0.0.1:1/mesobot cannot")


async def test_a_server_that_goes_silent_is_said_and_its_connections_are_given_up(
    any_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if any_database.startswith("sqlite"):
        pytest.skip("a file does not go silent")
    monkeypatch.setattr("bot.store.database.SILENCE", 0.01)
    monkeypatch.setattr("bot.store.database.GIVE_UP", 0.05)
    with Proxy.of(any_database) as proxy:
        database = Database(parse_url(proxy.url))
        pulse = database.meters = Pulse()
        for ask in (database.transaction, database.read):
            assert await ask(lambda session: session.scalar(select(1))) == 1
            proxy.hold()
            assert await ask(lambda session: session.scalar(select(2))) == 2  # a new connection has taken its place
            assert pulse.database_trouble is not None
            with pytest.raises(OperationalError) as raised:
                await ask(lambda session: (session.connection(), proxy.hold(), session.scalar(select(3))))
            assert is_passing(raised.value)
        database.close()


async def test_a_silent_server_does_not_keep_the_program_from_ending(
    any_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if any_database.startswith("sqlite"):
        pytest.skip("a file does not go silent")
    monkeypatch.setattr("bot.store.database.CLOSING", 0.05)
    with Proxy.of(any_database) as proxy:
        database = Database(parse_url(proxy.url))
        assert await database.read(lambda session: session.scalar(select(1))) == 1
        proxy.hold()
        waiting = asyncio.ensure_future(database.read(lambda session: session.scalar(select(2))))
        await asyncio.sleep(0)
        database.close()
        assert await waiting == 2


async def test_only_what_the_running_bot_asks_is_broken_off_for_its_length(any_database: str) -> None:
    if any_database.startswith("sqlite"):
        pytest.skip("a file has no such limit")
    database = Database(parse_url(any_database))
    limit = text("SHOW statement_timeout")
    assert await database.transaction(lambda session: session.scalar(limit)) == "10s"
    assert database.write_now(lambda session: session.scalar(limit)) == "0"
    database.close()
