"""Copies of the database: made while it is used, checked before they are trusted, and never in the way of a patient."""

import os
import sqlite3
import stat
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy.orm import Session

from bot.errors import StoreError
from bot.store import backup
from bot.store.database import SCHEMA, Database, parse_url
from bot.store.models import Fact


@pytest.fixture
def running(database_file: Path) -> Iterator[Database]:
    """The database of a bot that runs: what was written last is still in the write-ahead log."""
    database = Database(parse_url(f"sqlite:///{database_file}"))
    yield database
    database.close()


def remember(value: str) -> Callable[[Session], None]:
    def write(session: Session) -> None:
        session.merge(Fact(name="x", value=value))

    return write


def remembered(file: Path) -> str | None:
    with closing(sqlite3.connect(file)) as connection:
        row = connection.execute("SELECT value FROM facts WHERE name = 'x'").fetchone()
    return row[0] if row else None


def mode(file: Path) -> int:
    return stat.S_IMODE(file.stat().st_mode)


def names(folder: Path) -> set[str]:
    return {file.name for file in folder.iterdir()}


def complaint(source: Path, database: Path, *, force: bool = True) -> str:
    with pytest.raises(StoreError) as caught:
        backup.restore(source, database, force=force)
    return str(caught.value)


async def test_a_backup_holds_what_was_written_last(running: Database, database_file: Path, tmp_path: Path) -> None:
    await running.transaction(remember("before"))
    copy = tmp_path / "copy.db"
    before = os.umask(0o022)
    try:
        backup.backup(database_file, copy)
    finally:
        os.umask(before)
    await running.transaction(remember("after"))
    assert remembered(copy) == "before"
    assert mode(copy) == 0o600
    assert names(tmp_path) == {"copy.db", *(database_file.name + end for end in ("", "-wal", "-shm"))}


def test_a_backup_takes_the_place_of_no_file(database_file: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy.db"
    copy.write_text("my thesis", encoding="utf-8")
    with pytest.raises(StoreError, match=r"copy\.db exists already: choose another name"):
        backup.backup(database_file, copy)
    assert copy.read_text(encoding="utf-8") == "my thesis"


@pytest.mark.parametrize(
    ("database", "target", "said"),
    [
        ("none.db", "copy.db", "there is no database at {folder}/none.db"),
        ("mesobot.db", "none/copy.db", "{folder}/none/copy.db cannot be written: No such file or directory"),
        ("junk.db", "copy.db", "{folder}/junk.db cannot be copied to {folder}/copy.db: file is not a database"),
    ],
)
def test_a_backup_that_cannot_be_made_leaves_nothing(
    database_file: Path, tmp_path: Path, database: str, target: str, said: str
) -> None:
    (tmp_path / "junk.db").write_text("junk " * 1000, encoding="utf-8")
    with pytest.raises(StoreError) as caught:
        backup.backup(tmp_path / database, tmp_path / target)
    assert str(caught.value) == said.format(folder=tmp_path)
    assert names(tmp_path) == {database_file.name, "junk.db"}


def test_postgresql_is_sent_to_its_own_tools() -> None:
    with pytest.raises(StoreError, match="use pg_dump and pg_restore"):
        backup.sqlite_file("postgresql://u@h/d")
    assert backup.sqlite_file("sqlite:///a/b.db") == Path("a/b.db")


@pytest.fixture
async def copy(database_file: Path, tmp_path: Path) -> Path:
    """A backup; the database went on after it."""
    copy = tmp_path / "copy.db"
    database = Database(parse_url(f"sqlite:///{database_file}"))
    await database.transaction(remember("then"))
    backup.backup(database_file, copy)
    await database.transaction(remember("now"))
    database.close()
    return copy


def test_a_backup_is_put_back(copy: Path, database_file: Path, tmp_path: Path) -> None:
    assert remembered(database_file) == "now"
    backup.restore(copy, database_file, force=True)
    assert remembered(database_file) == "then"
    assert mode(database_file) == 0o600
    assert remembered(copy) == "then"
    assert names(tmp_path) == {copy.name, database_file.name}


def test_a_backup_is_put_where_there_is_no_database(copy: Path, database_file: Path) -> None:
    database_file.unlink()
    backup.restore(copy, database_file, force=False)
    assert remembered(database_file) == "then"


def test_a_database_is_replaced_only_by_force(copy: Path, database_file: Path) -> None:
    said = complaint(copy, database_file, force=False)
    assert said == f"{database_file} exists: stop the bot and repeat with --force to replace it"
    assert remembered(database_file) == "now"


def test_a_log_of_the_old_database_is_not_applied_to_the_new_one(copy: Path, database_file: Path) -> None:
    """After a crash the log stands beside the database, and SQLite would play it into whatever takes its place."""
    crashed = database_file.with_name("crashed")
    connection = sqlite3.connect(database_file)
    connection.execute("UPDATE facts SET value = 'later' WHERE name = 'x'")
    connection.commit()
    wal = database_file.with_name(database_file.name + "-wal")
    crashed.write_bytes(wal.read_bytes())
    connection.close()
    wal.write_bytes(crashed.read_bytes())
    database_file.write_bytes(b"damaged " * 512)
    backup.restore(copy, database_file, force=True)
    assert not wal.exists()
    assert remembered(database_file) == "then"


async def test_a_database_in_use_is_not_replaced(copy: Path, running: Database, database_file: Path) -> None:
    await running.transaction(remember("running"))
    assert complaint(copy, database_file) == f"{database_file} is in use: stop the bot first"
    assert remembered(database_file) == "running"
    assert "mesobot.db.restoring" not in names(database_file.parent)
    await running.transaction(remember("still running"))


def test_a_database_is_no_backup_of_itself(database_file: Path) -> None:
    assert complaint(database_file, database_file) == (f"{database_file} is the database itself: name a backup of it")


def _damaged(copy: Path) -> None:
    content = bytearray(copy.read_bytes())
    content[4096 * 2 : 4096 * 6] = os.urandom(4096 * 4)
    copy.write_bytes(content)


def _empty(copy: Path) -> None:
    copy.write_bytes(b"")


def _text(copy: Path) -> None:
    copy.write_text("not a database at all " * 500, encoding="utf-8")


def _somebody_elses(copy: Path) -> None:
    copy.unlink()
    with closing(sqlite3.connect(copy)) as connection:
        connection.execute("CREATE TABLE recipes (name)")


def _newer(copy: Path) -> None:
    with closing(sqlite3.connect(copy)) as connection, connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")


def _gone(copy: Path) -> None:
    copy.unlink()


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (_damaged, "{copy} is "),
        (_empty, "{copy} is not a database of mesobot"),
        (_text, "{copy} is not a usable backup: file is not a database"),
        (_somebody_elses, "{copy} is not a database of mesobot"),
        (_newer, f"{{copy}} is at revision 9999, newer than this program ({SCHEMA}): update mesobot"),
        (_gone, "there is no backup at {copy}"),
    ],
)
def test_a_bad_backup_is_refused_and_nothing_is_changed(
    copy: Path, database_file: Path, spoil: Callable[[Path], None], said: str
) -> None:
    spoil(copy)
    assert complaint(copy, database_file).startswith(said.format(copy=copy))
    assert remembered(database_file) == "now"
    assert names(database_file.parent) <= {copy.name, database_file.name}
