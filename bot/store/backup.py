"""Copies of an SQLite database: made while it is in use, checked before they are trusted."""

import os
import sqlite3
from contextlib import closing
from pathlib import Path

from bot.errors import StoreError
from bot.store.database import SCHEMA, parse_url


def sqlite_file(database_url: str) -> Path:
    """Return the database's file; raises StoreError where it is not SQLite."""
    url = parse_url(database_url)
    if url.get_backend_name() != "sqlite":
        raise StoreError("this database is PostgreSQL: use pg_dump and pg_restore")
    return Path(url.database or "")


def backup(database: Path, target: Path) -> None:
    """Copy `database` to the new file `target`, readable by its owner alone; raises StoreError, and leaves no file."""
    if not database.is_file():
        raise StoreError(f"there is no database at {database}")
    try:
        os.close(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    except FileExistsError:
        raise StoreError(f"{target} exists already: choose another name") from None
    except OSError as error:
        raise StoreError(f"{target} cannot be written: {error.strerror}") from error
    try:
        with closing(sqlite3.connect(database)) as source, closing(sqlite3.connect(target)) as copy:
            source.backup(copy)  # the backup API sees the write-ahead log, which a copied file would miss
            copy.execute("PRAGMA journal_mode=DELETE")  # a backup is one file, and reading it makes no other
    except sqlite3.Error as error:
        target.unlink()
        raise StoreError(f"{database} cannot be copied to {target}: {error}") from error


def restore(source: Path, database: Path, *, force: bool) -> None:
    """Put the checked backup `source` in the place of `database`; raises StoreError, with nothing changed."""
    _check(source)
    if database.exists() and not force:
        raise StoreError(f"{database} exists: stop the bot and repeat with --force to replace it")
    if database.exists() and source.samefile(database):
        raise StoreError(f"{source} is the database itself: name a backup of it")
    fresh = database.with_name(f"{database.name}.restoring")
    fresh.unlink(missing_ok=True)
    backup(source, fresh)
    if database.exists() and _in_use(database):
        fresh.unlink()
        raise StoreError(f"{database} is in use: stop the bot first")
    for leftover in ("-wal", "-shm"):
        database.with_name(database.name + leftover).unlink(missing_ok=True)
    fresh.replace(database)


def _in_use(database: Path) -> bool:
    """True while another program has `database` open."""
    try:
        with closing(sqlite3.connect(database, timeout=0)) as connection:
            connection.execute("PRAGMA journal_mode=DELETE")  # SQLite leaves its log only when nobody else is there
    except sqlite3.OperationalError:
        return True
    except sqlite3.DatabaseError:  # damaged, which is why it is being replaced
        return False
    return False


def _check(file: Path) -> None:
    if not file.is_file():
        raise StoreError(f"there is no backup at {file}")
    try:
        with closing(sqlite3.connect(f"{file.resolve().as_uri()}?mode=ro", uri=True)) as connection:
            sound = connection.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
            ours = connection.execute("SELECT count(*) FROM sqlite_master WHERE name = 'alembic_version'").fetchone()[0]
            revision = connection.execute("SELECT version_num FROM alembic_version").fetchone() if ours else None
    except sqlite3.DatabaseError as error:
        raise StoreError(f"{file} is not a usable backup: {error}") from error
    if not sound or revision is None:
        raise StoreError(f"{file} is {'not a database of mesobot' if sound else 'damaged'}")
    if revision[0] > SCHEMA:
        raise StoreError(f"{file} is at revision {revision[0]}, newer than this program ({SCHEMA}): update mesobot")
