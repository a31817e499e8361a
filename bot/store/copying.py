"""Copies of a whole database, row by row, from one engine to the other."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Table, delete, exists, func, insert, literal, select, text
from sqlalchemy.engine import URL
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from bot.errors import StoreError
from bot.store.database import SCHEMA, Database
from bot.store.models import Base, Lease
from bot.store.texts import fit

BATCH = 1000
"""Rows that are in memory at once."""

_TABLES = [table for table in Base.metadata.sorted_tables if table.name != Lease.__tablename__]
"""What is copied: which program does what is not, since it is another that will."""


def copy(source: URL, target: URL, *, force: bool) -> dict[str, int]:
    """Copy all rows of `source` to `target`, which is migrated first, and return how many each table has.

    The rows are those of one moment, and there all at once. Raises StoreError, with no row of the target changed.
    """
    if source == target or _is_same_file(file_of(source), file_of(target)):
        raise StoreError("both are the same database: name another one to copy to")
    refuse_missing(source)
    refuse_running(source)
    refuse_running(target)
    with _opened(source) as old, _opened(target) as new:
        _refuse_other_schema(old)
        new.migrate()
        return _copied(old, new, force=force)


def snapshot(source: URL, file: Path) -> None:
    """Copy what `source` holds at one moment, while it is used, to the new SQLite `file`; raises StoreError."""
    if file_of(source) is not None:
        _back_up(source, file)
        return
    with _opened(source) as old, _opened(sqlite(file)) as new:
        _refuse_other_schema(old)
        new.migrate()
        _copied(old, new, force=False)
    _settle(file)


def upgrade(file: Path) -> None:
    """Bring an SQLite file that nobody uses to this program's schema; raises StoreError."""
    with _opened(sqlite(file)) as database:
        database.migrate()
    _settle(file)


def sqlite(file: Path) -> URL:
    """Return the address of an SQLite file."""
    return URL.create("sqlite", database=str(file))


def file_of(url: URL) -> Path | None:
    """Return the database's file; None for PostgreSQL."""
    return Path(url.database or "") if url.get_backend_name() == "sqlite" else None


def shown(url: URL) -> str:
    """Return what people call the database: its file, or its address without the password."""
    return str(file_of(url) or url.set(drivername=url.get_backend_name()).render_as_string())


def refuse_missing(url: URL) -> None:
    """Raise StoreError where there is no such file, which opening it would make."""
    file = file_of(url)
    if file is not None and not file.is_file():
        raise StoreError(f"there is no database at {file}")


def refuse_running(url: URL) -> None:
    """Raise StoreError while a bot runs on the database."""
    file = file_of(url)
    if _is_open(file) if file is not None else _is_leased(url):
        raise StoreError(f"{shown(url)} is in use: stop the bot first")


def _is_same_file(one: Path | None, other: Path | None) -> bool:
    return one is not None and other is not None and one.exists() and other.exists() and one.samefile(other)


def _is_open(file: Path) -> bool:
    """True while another program has the file open."""
    if not file.is_file():
        return False
    try:
        with closing(sqlite3.connect(file, timeout=0)) as connection:
            connection.execute("PRAGMA journal_mode=DELETE")  # SQLite leaves its log only when nobody else is there
    except sqlite3.OperationalError:
        return True
    except sqlite3.DatabaseError:  # damaged, which may be why it is being replaced
        return False
    return False


def _is_leased(url: URL) -> bool:
    """True while a program says that it is there, and for some seconds after one was killed."""
    with _opened(url) as database:
        if database.schema() != SCHEMA:
            return False
        return database.read_now(lambda s: bool(s.scalar(select(exists().where(Lease.until > func.clock_timestamp())))))


def _refuse_other_schema(database: Database) -> None:
    found = database.schema()
    if found is None:
        raise StoreError(f"{shown(database.url)} is not a database of mesobot")
    if found < SCHEMA:
        raise StoreError(
            f"{shown(database.url)} is at revision {found} and this program at {SCHEMA}: "
            "name it in MESOBOT_DATABASE_URL, run `mesobot db upgrade`, and try again"
        )
    if found > SCHEMA:
        raise StoreError(
            f"{shown(database.url)} is at revision {found}, newer than this program ({SCHEMA}): update mesobot"
        )


@contextmanager
def _opened(url: URL) -> Iterator[Database]:
    database = Database(url)
    try:
        yield database
    finally:
        database.close()


def _copied(old: Database, new: Database, *, force: bool) -> dict[str, int]:
    try:
        return old.read_now(lambda there: new.write_now(lambda here: _copy_all(there, here, new.url, force=force)))
    except SQLAlchemyError as error:
        reason = str(getattr(error, "orig", None) or error).strip().splitlines()[0]
        raise StoreError(f"{shown(old.url)} cannot be copied to {shown(new.url)}: {reason}") from error


def _copy_all(old: Session, new: Session, target: URL, *, force: bool) -> dict[str, int]:
    for table in reversed(_TABLES):
        if force:
            new.execute(delete(table))
        elif new.scalar(select(exists(select(literal(1)).select_from(table)))):
            raise StoreError(f"{shown(target)} holds data already: repeat with --force to replace all of it")
    counts = {table.name: _copy_rows(old, new, table) for table in _TABLES}
    for table in _TABLES:
        there = new.scalar(select(func.count()).select_from(table))
        if there != counts[table.name]:
            raise StoreError(f"{there} of {counts[table.name]} rows of {table.name} arrived: nothing is changed")
    return counts


def _copy_rows(old: Session, new: Session, table: Table) -> int:
    count = 0
    # by the key, in which SQLite's rows lie already: an index on it grows fastest in order
    with old.execute(select(table).order_by(*table.primary_key), execution_options={"yield_per": BATCH}) as rows:
        for part in rows.mappings().partitions():
            new.execute(insert(table), [_fitting(dict(row)) for row in part])
            count += len(part)
    if table.autoincrement_column is not None:
        _count_on(new, table, _counter(old, table))
    return count


def _fitting(row: dict[str, Any]) -> dict[str, Any]:
    """Return the row as PostgreSQL can hold it: an SQLite file may be older than the care that is taken today."""
    return {name: fit(value) for name, value in row.items()}


def _counter(session: Session, table: Table) -> int:
    """Return the largest id that the table has ever given, as far as the database knows."""
    largest = session.scalar(select(func.max(table.autoincrement_column))) or 0
    if session.get_bind().dialect.name == "sqlite":
        given = session.scalar(text("SELECT seq FROM sqlite_sequence WHERE name = :name"), {"name": table.name})
    else:
        given = session.scalar(text(f"SELECT last_value FROM {table.name}_id_seq"))  # noqa: S608  a name of our own
    return max(largest, given or 0)


def _count_on(session: Session, table: Table, last: int) -> None:
    """See to it that the table's next id comes after `last`, and after all that it has given itself."""
    if session.get_bind().dialect.name != "sqlite":
        # a sequence that is put back stays put back where the transaction fails
        ahead = f"SELECT setval('{table.name}_id_seq', greatest(:last, (SELECT last_value FROM {table.name}_id_seq)))"  # noqa: S608
        session.execute(text(ahead), {"last": last})
    elif table.dialect_kwargs.get("sqlite_autoincrement"):
        session.execute(
            text("INSERT INTO sqlite_sequence (name, seq) SELECT :name, 0 "
                 "WHERE NOT EXISTS (SELECT 1 FROM sqlite_sequence WHERE name = :name)"),
            {"name": table.name},
        )  # fmt: skip
        session.execute(
            text("UPDATE sqlite_sequence SET seq = max(seq, :last) WHERE name = :name"),
            {"name": table.name, "last": last},
        )


def _back_up(source: URL, file: Path) -> None:
    try:
        with closing(sqlite3.connect(source.database or "")) as old, closing(sqlite3.connect(file)) as new:
            old.backup(new)  # the backup API sees the write-ahead log, which a copied file would miss
        _settle(file)
    except sqlite3.Error as error:
        raise StoreError(f"{shown(source)} cannot be copied: {error}") from error


def _settle(file: Path) -> None:
    """Leave one file, of which reading makes no other."""
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("PRAGMA journal_mode=DELETE")
