"""Copies of an SQLite database: made while it is in use, checked before they are trusted."""

import os
import sqlite3
from contextlib import closing
from pathlib import Path

from bot.errors import StoreError
from bot.store.database import parse_url


def sqlite_file(database_url: str) -> Path:
    """Return the database's file; raises StoreError where it is not SQLite."""
    url = parse_url(database_url)
    if url.get_backend_name() != "sqlite":
        raise StoreError("this database is PostgreSQL: use pg_dump and pg_restore")
    return Path(url.database or "")


def backup(database: Path, target: Path) -> None:
    """Copy `database` to the new file `target`, readable by its owner alone; raises StoreError."""
    if not database.is_file():
        raise StoreError(f"there is no database at {database}")
    try:
        os.close(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    except FileExistsError:
        raise StoreError(f"{target} exists already: choose another name") from None
    except OSError as error:
        raise StoreError(f"{target} cannot be written: {error.strerror}") from error
    with closing(sqlite3.connect(database)) as source, closing(sqlite3.connect(target)) as copy:
        source.backup(copy)  # the backup API sees the write-ahead log, which a copied file would miss


def restore(source: Path, database: Path, *, force: bool) -> None:
    """Put the checked backup `source` in the place of `database`; raises StoreError, with nothing changed."""
    _check(source)
    if database.exists() and not force:
        raise StoreError(f"{database} exists: stop the bot and repeat with --force to replace it")
    fresh = database.with_name(f"{database.name}.restoring")
    fresh.unlink(missing_ok=True)
    backup(source, fresh)
    for leftover in ("-wal", "-shm"):
        database.with_name(database.name + leftover).unlink(missing_ok=True)
    fresh.replace(database)


def _check(file: Path) -> None:
    if not file.is_file():
        raise StoreError(f"there is no backup at {file}")
    try:
        with closing(sqlite3.connect(f"{file.resolve().as_uri()}?mode=ro", uri=True)) as connection:
            sound = connection.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
            ours = connection.execute("SELECT count(*) FROM sqlite_master WHERE name = 'alembic_version'").fetchone()[0]
    except sqlite3.DatabaseError as error:
        raise StoreError(f"{file} is not a usable backup: {error}") from error
    if not sound or not ours:
        raise StoreError(f"{file} is {'not a database of mesobot' if sound else 'damaged'}")
