"""A whole database copied to another engine: the same rows, of one moment, all of them or none."""

import contextlib
import itertools
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import delete, func, insert, select, text
from sqlalchemy.orm import Session

from bot.errors import StoreError
from bot.store import copying
from bot.store.database import SCHEMA, Database, parse_url
from bot.store.models import Fact, Lease, Note, Outgoing, Patient
from tests import rows
from tests.conftest import ENGINES, lend

WAYS = list(itertools.product(ENGINES, ENGINES))


@pytest.fixture(params=WAYS, ids=lambda way: f"{way[0]}-{way[1]}")
def pair(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[str, str]]:
    """The addresses of a migrated database and of one without tables, from each engine to each."""
    source, target = request.param
    with contextlib.ExitStack() as stack:
        old = stack.enter_context(contextlib.contextmanager(lend)(source, request))
        new = f"sqlite:///{tmp_path}/new.db"
        if target == "postgresql":
            new = stack.enter_context(contextlib.contextmanager(lend)(target, request, migrated=False))
        yield old, new


@contextlib.contextmanager
def opened(url: str) -> Iterator[Database]:
    database = Database(parse_url(url))
    try:
        yield database
    finally:
        database.close()


def copy(source: str, target: str, *, force: bool = False) -> dict[str, int]:
    return copying.copy(parse_url(source), parse_url(target), force=force)


def complaint(source: str, target: str, *, force: bool = False) -> str:
    with pytest.raises(StoreError) as caught:
        copy(source, target, force=force)
    return str(caught.value)


def test_every_row_of_every_table_arrives_as_it_was(pair: tuple[str, str]) -> None:
    old, new = pair
    with opened(old) as database:
        database.write_now(rows.fill)
        before = database.read_now(rows.content)
    assert copy(old, new) == {table.name: 3 for table in rows.TABLES}
    with opened(new) as database:
        assert database.schema() == SCHEMA
        assert database.read_now(rows.content) == before


def test_more_rows_than_fit_into_memory_at_once(pair: tuple[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(copying, "BATCH", 7)
    old, new = pair
    with opened(old) as database:
        database.write_now(lambda session: session.add_all(Fact(name=str(n), value=str(n)) for n in range(50)))
    assert copy(old, new)["facts"] == 50


def give(session: Session) -> int:
    note = Note(visit_id=1, text="x", author="x", at=rows.AT)
    session.add(note)
    session.flush()
    return note.id


def test_no_id_is_given_twice_after_a_copy(pair: tuple[str, str]) -> None:
    """Buttons carry ids: that of a deleted row must not come to mean another."""
    old, new = pair
    with opened(old) as database:
        given = [database.write_now(give) for _ in range(3)]
        database.write_now(lambda session: session.execute(delete(Note).where(Note.id == given[-1])))
    copy(old, new)
    with opened(new) as database:
        assert database.write_now(give) > max(given)


def test_ids_go_on_where_the_target_was_further(pair: tuple[str, str]) -> None:
    old, new = pair
    copy(old, new)
    with opened(new) as database:
        given = [database.write_now(give) for _ in range(5)]
    with opened(old) as database:
        database.write_now(give)
    assert copy(old, new, force=True)["notes"] == 1
    with opened(new) as database:
        assert database.write_now(give) > max(given)


def test_data_is_replaced_only_by_force_and_then_all_of_it(pair: tuple[str, str]) -> None:
    old, new = pair
    with opened(old) as database:
        database.write_now(lambda session: session.add(Fact(name="mine", value="x")))
    with opened(new) as database:
        database.migrate()
        database.write_now(rows.fill)
        before = database.read_now(rows.content)
    assert complaint(old, new).endswith("holds data already: repeat with --force to replace all of it")
    with opened(new) as database:
        assert database.read_now(rows.content) == before
    assert sum(copy(old, new, force=True).values()) == 1
    with opened(new) as database:
        assert database.read_now(lambda session: session.scalars(select(Fact.name)).all()) == ["mine"]


def test_a_copy_that_fails_changes_no_row(pair: tuple[str, str]) -> None:
    old, new = pair
    with opened(old) as database:
        database.write_now(rows.fill)
    with opened(new) as database:
        database.migrate()
        database.write_now(lambda session: session.add(Fact(name="mine", value="x")))
        database.write_now(lambda session: session.execute(text("ALTER TABLE waits RENAME COLUMN due_at TO due_then")))
    assert "cannot be copied" in complaint(old, new, force=True)
    with opened(new) as database:
        assert database.read_now(lambda session: session.scalars(select(Fact.name)).all()) == ["mine"]


async def test_a_copy_is_of_one_moment(pair: tuple[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    """A patient and their visit are written together; a copy that began before has neither."""
    old, new = pair
    copied = copying._copy_rows
    with opened(old) as database:

        def copy_rows(there: Session, here: Session, table: object) -> int:
            count = copied(there, here, table)  # type: ignore[arg-type]
            if table is copying._TABLES[0]:
                database.write_now(rows.fill)
            return count

        monkeypatch.setattr(copying, "_copy_rows", copy_rows)
        monkeypatch.setattr(copying, "refuse_running", lambda url: None)
        assert set(copy(old, new).values()) == {0}


def test_leases_stay_where_they_are(pair: tuple[str, str]) -> None:
    old, new = pair
    with opened(old) as database:
        lapsed = Lease(name="sender", owner="x", until=rows.AT - timedelta(days=9999))
        database.write_now(lambda session: session.add(lapsed))
    assert "leases" not in copy(old, new)
    with opened(new) as database:
        assert database.read_now(lambda session: session.scalars(select(Lease)).all()) == []


def test_texts_that_only_sqlite_holds_are_copied_as_postgresql_holds_them(pair: tuple[str, str]) -> None:
    old, new = pair
    if not old.startswith("sqlite"):
        pytest.skip("PostgreSQL holds no such text")
    with opened(old) as database:
        person = Patient(chat_id=1, first_name="An\x00na", language="en", started_at=rows.AT)
        owed = Outgoing(chat_id=1, kind="reply", method="sendMessage", params={"text": ["\x00", "\ud83d"]},
                        language="en", urgency=1, due_at=rows.AT, state="pending", created_at=rows.AT)  # fmt: skip
        database.write_now(lambda session: session.add_all([person, owed]))
    copy(old, new)
    with opened(new) as database:
        assert database.read_now(lambda session: session.scalar(select(Patient.first_name))) == "An\ufffdna"
        assert database.read_now(lambda s: s.scalar(select(Outgoing.params))) == {"text": ["\ufffd", "\ufffd"]}


def test_the_database_of_a_running_bot_is_left_alone(pair: tuple[str, str]) -> None:
    old, new = pair
    with opened(new) as database:
        database.migrate()
    for running, (source, target) in itertools.product(pair, [(old, new), (new, old)]):
        with busy(running):
            said = complaint(source, target, force=True)
            assert said == f"{copying.shown(parse_url(running))} is in use: stop the bot first"
    assert sum(copy(old, new).values()) == 0


@contextlib.contextmanager
def busy(url: str) -> Iterator[None]:
    """A bot runs: on SQLite the file is open, on PostgreSQL it says so by the database's clock."""
    with opened(url) as database:
        if url.startswith("postgresql"):
            until = func.clock_timestamp() + timedelta(seconds=5)
            database.write_now(lambda s: s.execute(insert(Lease).values(name="program:x", owner="x", until=until)))
        else:
            database.read_now(lambda session: session.scalar(select(Fact.value)))
        yield
        database.write_now(lambda session: session.execute(delete(Lease)))


def test_an_older_source_is_told_what_to_do(pair: tuple[str, str]) -> None:
    old, new = pair
    with opened(old) as database:
        database.write_now(lambda session: session.execute(text("UPDATE alembic_version SET version_num = '0001'")))
    said = complaint(old, new)
    assert said == (
        f"{copying.shown(parse_url(old))} is at revision 0001 and this program at {SCHEMA}: "
        "name it in MESOBOT_DATABASE_URL, run `mesobot db upgrade`, and try again"
    )
    assert "test:" not in said
    with opened(old) as database:
        database.write_now(lambda session: session.execute(text("UPDATE alembic_version SET version_num = '9999'")))
    assert complaint(old, new).endswith(f"is at revision 9999, newer than this program ({SCHEMA}): update mesobot")


def test_what_is_no_database_of_mesobot_is_not_copied(tmp_path: Path, database_file: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "recipes.db")) as connection:
        connection.execute("CREATE TABLE recipes (name)")
    new = f"sqlite:///{tmp_path}/new.db"
    assert complaint(f"sqlite:///{tmp_path}/recipes.db", new) == f"{tmp_path}/recipes.db is not a database of mesobot"
    assert complaint(f"sqlite:///{tmp_path}/none.db", new) == f"there is no database at {tmp_path}/none.db"
    assert not (tmp_path / "none.db").exists()
    assert complaint(f"sqlite:///{database_file}", f"sqlite:///{tmp_path}/./{database_file.name}") == (
        "both are the same database: name another one to copy to"
    )


def test_the_password_is_not_shown() -> None:
    assert copying.shown(parse_url("postgresql://clinic:secret@host/name")) == "postgresql://clinic:***@host/name"
