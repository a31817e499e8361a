"""Backups: made while the database is used, checked before they are trusted, the same file from either engine."""

import os
import shutil
import sqlite3
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import datetime, timedelta, tzinfo
from io import BufferedWriter
from pathlib import Path

from sqlalchemy.engine import URL

from bot.config import Settings
from bot.errors import StoreError
from bot.store import copying, rotation, sealing
from bot.store.database import SCHEMA
from bot.store.sealing import Seal

_HALF = ".half"
"""What the name of a backup ends with while it is being written."""


def seal_of(settings: Settings) -> Seal:
    """Return how backups are sealed, as the settings say."""
    passphrase = settings.backup_passphrase
    return Seal(settings.backup_recipient, passphrase.get_secret_value() if passphrase else None)


def backup(database: URL, target: Path, seal: Seal) -> None:
    """Copy what the database holds at one moment to the new file `target`, which its owner alone can read.

    It is there whole or not at all; raises StoreError.
    """
    copying.refuse_missing(database)
    if target.exists():
        raise StoreError(f"{target} exists already: choose another name")
    try:
        with _half(target) as half, _workroom(database) as plain:
            copying.snapshot(database, plain)
            _check(plain, copying.shown(database))  # before good backups make room for a bad one
            with half.open("wb") as file:
                if seal:
                    sealing.seal_up(plain, file, seal)
                else:
                    _pour(plain, file)
                file.flush()
                os.fsync(file.fileno())
            half.rename(target)
            _keep_name(target)
    except OSError as error:
        raise StoreError(f"{target} cannot be written: {error.strerror}") from error


def restore(source: Path, database: URL, *, force: bool, identity: Path | None, ask: Callable[[], str]) -> None:
    """Put the checked backup `source`, brought up to this program's schema, in the place of what the database holds.

    `ask` is called for the passphrase where one is needed. Raises StoreError, with nothing changed.
    """
    if not source.is_file():
        raise StoreError(f"there is no backup at {source}")
    file = copying.file_of(database)
    if file is not None and file.exists():
        if not force:
            raise StoreError(f"{file} exists: stop the bot and repeat with --force to replace it")
        if source.samefile(file):
            raise StoreError(f"{source} is the database itself: name a backup of it")
    copying.refuse_running(database)
    try:
        with _workroom(database) as plain:
            _take_out(source, plain, identity, ask)
            copying.upgrade(plain)
            if file is None:
                copying.copy(copying.sqlite(plain), database, force=force)
            else:
                _replace(file, plain)
    except OSError as error:
        raise StoreError(f"{source} cannot be restored: {error.strerror or error}") from error


def make_due(database: URL, folder: Path, seal: Seal, zone: tzinfo, now: datetime, *, keep: timedelta) -> Path | None:
    """Make the day's backup where it is due, let go of those that rotation does not keep, or not for `keep`, and return
    it.

    The folder has to be there: one that is missing may be a disk that is. Raises StoreError.
    """
    try:
        names = os.listdir(folder)
        if not rotation.is_due(names, now, zone):
            return None
        target = folder / rotation.name(now, sealed=bool(seal))
        backup(database, target, seal)
        for name in {*rotation.expendable([*names, target.name], now - keep), *filter(_is_left_behind, names)}:
            (folder / name).unlink()
    except OSError as error:
        raise StoreError(f"the folder for backups {folder} cannot be used: {error.strerror}") from error
    return target


def _take_out(source: Path, plain: Path, identity: Path | None, ask: Callable[[], str]) -> None:
    if sealing.is_packed(source):
        sealing.unpack(source, plain, identity, ask)
        _check(plain, str(source))
    else:
        _check(source, str(source))
        copying.snapshot(copying.sqlite(source), plain)


def _replace(file: Path, fresh: Path) -> None:
    copying.refuse_running(copying.sqlite(file))
    fresh.chmod(0o600)
    with fresh.open("rb") as written:
        os.fsync(written.fileno())
    for leftover in ("-wal", "-shm"):
        file.with_name(file.name + leftover).unlink(missing_ok=True)
    fresh.replace(file)
    _keep_name(file)


@contextmanager
def _half(target: Path) -> Iterator[Path]:
    """Yield a file beside `target` to be written; what is left of it at the end is gone."""
    handle, name = tempfile.mkstemp(_HALF, f".{target.name}.", target.parent)  # of mode 0600
    os.close(handle)
    try:
        yield Path(name)
    finally:
        Path(name).unlink(missing_ok=True)


def _is_left_behind(name: str) -> bool:
    """True for what a program that was killed had written of a backup."""
    return name.startswith(".") and name.endswith(_HALF) and bool(rotation.backups([name[1:].rsplit(".", 2)[0]]))


@contextmanager
def _workroom(database: URL) -> Iterator[Path]:
    """Yield a name in a closed folder for a while: beside the database's file, where there is room for another, and
    where it can be put in its place."""
    file = copying.file_of(database)
    with tempfile.TemporaryDirectory(prefix=".mesobot-", dir=file.parent if file is not None else None) as folder:
        yield Path(folder) / "mesobot.db"


def _pour(plain: Path, file: BufferedWriter) -> None:
    with plain.open("rb") as opened:
        shutil.copyfileobj(opened, file, sealing.PIECE)


def _keep_name(file: Path) -> None:
    """See to it that the file's name survives a power failure as well."""
    folder = os.open(file.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _check(file: Path, shown: str) -> None:
    """Raise StoreError for a file that is no sound database of mesobot, or a newer one's."""
    try:
        with closing(sqlite3.connect(f"{file.resolve().as_uri()}?mode=ro", uri=True)) as connection:
            sound = connection.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
            ours = connection.execute("SELECT count(*) FROM sqlite_master WHERE name = 'alembic_version'").fetchone()[0]
            revision = connection.execute("SELECT version_num FROM alembic_version").fetchone() if ours else None
    except sqlite3.DatabaseError as error:
        raise StoreError(f"{shown} is not a usable backup: {error}") from error
    if not sound or revision is None:
        raise StoreError(f"{shown} is {'not a database of mesobot' if sound else 'damaged'}")
    if revision[0] > SCHEMA:
        raise StoreError(f"{shown} is at revision {revision[0]}, newer than this program ({SCHEMA}): update mesobot")
