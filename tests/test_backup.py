"""Backups: made while the database is used, sealed for somebody, checked before they are trusted, and never in the way
of a patient."""

import contextlib
import gzip
import os
import sqlite3
import stat
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pyrage
import pytest
from sqlalchemy import delete, func, insert
from sqlalchemy.orm import Session

from bot.errors import StoreError
from bot.store import backup, migrations
from bot.store.database import SCHEMA, Database, parse_url
from bot.store.models import Fact, Lease
from bot.store.sealing import Seal
from tests import rows

LONDON = ZoneInfo("Europe/London")
NIGHT = datetime(2026, 11, 23, 5, 0, tzinfo=UTC)
PASSPHRASE = "five words that do not belong"
PLAIN = Seal()

identity = pyrage.x25519.Identity.generate()
FOR_OWNER = Seal(recipient=str(identity.to_public()))
WITH_WORDS = Seal(passphrase=PASSPHRASE)


@contextlib.contextmanager
def opened(url: str) -> Iterator[Database]:
    database = Database(parse_url(url))
    try:
        yield database
    finally:
        database.close()


@pytest.fixture
def key(tmp_path: Path) -> Path:
    """The file that age-keygen writes."""
    file = tmp_path / "key.txt"
    file.write_text(f"# created: today\n# public key: {identity.to_public()}\n{identity}\n", encoding="utf-8")
    return file


def remember(value: str) -> Callable[[Session], None]:
    def write(session: Session) -> None:
        session.merge(Fact(name="x", value=value))

    return write


def recall(session: Session) -> str | None:
    fact = session.get(Fact, "x")
    return fact.value if fact else None


def remembered(url: str) -> str | None:
    with opened(url) as database:
        return database.read_now(recall)


def of(file: Path) -> str:
    return f"sqlite:///{file}"


def back_up(url: str, target: Path, seal: Seal = PLAIN) -> None:
    backup.backup(parse_url(url), target, seal)


def restore(
    source: Path, url: str, *, force: bool = True, identity: Path | None = None, passphrase: str | None = None
) -> None:
    def ask() -> str:
        assert passphrase is not None, "nobody was to be asked"
        return passphrase

    backup.restore(source, parse_url(url), force=force, identity=identity, ask=ask)


def complaint(source: Path, url: str, **given: object) -> str:
    with pytest.raises(StoreError) as caught:
        restore(source, url, **given)  # type: ignore[arg-type]
    return str(caught.value)


def mode(file: Path) -> int:
    return stat.S_IMODE(file.stat().st_mode)


def names(folder: Path) -> set[str]:
    return {file.name for file in folder.iterdir()}


@pytest.fixture
def shelf(tmp_path: Path) -> Path:
    """A folder for backups."""
    folder = tmp_path / "shelf"
    folder.mkdir()
    return folder


# --- making one -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seal", [PLAIN, FOR_OWNER, WITH_WORDS], ids=["plain", "key", "passphrase"])
async def test_a_backup_holds_what_was_written_last(any_database: str, shelf: Path, seal: Seal, key: Path) -> None:
    """What was written last is still in SQLite's write-ahead log, which a copied file would miss."""
    copy = shelf / "copy"
    before = os.umask(0o022)
    try:
        with opened(any_database) as running:
            await running.transaction(remember("before"))
            back_up(any_database, copy, seal)
            await running.transaction(remember("after"))
    finally:
        os.umask(before)
    assert mode(copy) == 0o600
    assert names(shelf) == {"copy"}
    restored = of(shelf / "restored.db")
    restore(copy, restored, identity=key if seal is FOR_OWNER else None, passphrase=seal.passphrase)
    assert remembered(restored) == "before"


def test_nothing_is_left_beside_the_database(database_file: Path, shelf: Path) -> None:
    before = names(database_file.parent)
    back_up(of(database_file), shelf / "copy.age", FOR_OWNER)
    assert names(database_file.parent) - {database_file.name + end for end in ("-wal", "-shm")} == before


@pytest.mark.parametrize("seal", [FOR_OWNER, WITH_WORDS], ids=["key", "passphrase"])
def test_a_sealed_backup_shows_nobody_anything(any_database: str, shelf: Path, seal: Seal) -> None:
    with opened(any_database) as database:
        database.write_now(remember("Anna Nowak"))
    back_up(any_database, shelf / "copy.age", seal)
    content = (shelf / "copy.age").read_bytes()
    assert content.startswith(b"age-encryption.org/v1\n")
    assert b"Anna" not in content
    assert PASSPHRASE not in repr(seal)


def test_any_age_tool_opens_a_sealed_backup(database_file: Path, shelf: Path) -> None:
    back_up(of(database_file), shelf / "a.age", FOR_OWNER)
    back_up(of(database_file), shelf / "b.age", WITH_WORDS)
    opened_by_hand = (
        pyrage.decrypt((shelf / "a.age").read_bytes(), [identity]),
        pyrage.passphrase.decrypt((shelf / "b.age").read_bytes(), PASSPHRASE),
    )
    for content in opened_by_hand:
        assert gzip.decompress(content).startswith(b"SQLite format 3\0")


def test_a_backup_takes_the_place_of_no_file(database_file: Path, shelf: Path) -> None:
    copy = shelf / "copy.db"
    copy.write_text("my thesis", encoding="utf-8")
    with pytest.raises(StoreError, match=r"copy\.db exists already: choose another name"):
        back_up(of(database_file), copy)
    assert copy.read_text(encoding="utf-8") == "my thesis"


def _corrupt(file: Path) -> None:
    content = bytearray(file.read_bytes())
    content[4096 * 2 : 4096 * 6] = os.urandom(4096 * 4)
    file.write_bytes(content)


@pytest.mark.parametrize(
    ("database", "target", "said"),
    [
        ("none.db", "copy.db", "there is no database at {folder}/none.db"),
        ("mesobot.db", "none/copy.db", "{folder}/none/copy.db cannot be written: No such file or directory"),
        ("junk.db", "copy.db", "{folder}/junk.db cannot be copied: file is not a database"),
        ("damaged.db", "copy.db", "{folder}/damaged.db "),
    ],
)
@pytest.mark.parametrize("seal", [PLAIN, FOR_OWNER])
def test_a_backup_that_cannot_be_made_leaves_nothing(
    database_file: Path, tmp_path: Path, database: str, target: str, said: str, seal: Seal
) -> None:
    (tmp_path / "junk.db").write_text("junk " * 1000, encoding="utf-8")
    (tmp_path / "damaged.db").write_bytes(database_file.read_bytes())
    _corrupt(tmp_path / "damaged.db")
    with pytest.raises(StoreError) as caught:
        back_up(of(tmp_path / database), tmp_path / target, seal)
    assert str(caught.value).startswith(said.format(folder=tmp_path))
    assert names(tmp_path) == {database_file.name, "junk.db", "damaged.db"}


def test_a_passphrase_that_cannot_be_used_leaves_nothing(
    database_file: Path, shelf: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The other program is killed where memory is short, for one."""
    monkeypatch.setattr("sys.executable", "/bin/false")
    with pytest.raises(StoreError, match="the backup could not be encrypted: status 1"):
        back_up(of(database_file), shelf / "copy.age", WITH_WORDS)
    assert names(shelf) == set()


# --- putting one back -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seal", [PLAIN, FOR_OWNER], ids=["plain", "key"])
def test_a_backup_of_either_engine_is_put_back_into_either(
    any_database: str, any_empty_database: str, shelf: Path, key: Path, seal: Seal
) -> None:
    url = any_empty_database.replace("mesobot.db", "other.db")
    with opened(any_database) as database:
        database.write_now(rows.fill)
        before = database.read_now(rows.content)
    back_up(any_database, shelf / "copy", seal)
    restore(shelf / "copy", url, force=False, identity=key if seal is FOR_OWNER else None, passphrase=seal.passphrase)
    with opened(url) as database:
        assert database.schema() == SCHEMA
        assert database.read_now(rows.content) == before


@pytest.fixture
def copy(any_database: str, shelf: Path) -> Path:
    """A backup; the database went on after it."""
    copy = shelf / "copy.db"
    with opened(any_database) as database:
        database.write_now(remember("then"))
        back_up(any_database, copy)
        database.write_now(remember("now"))
    return copy


def test_a_backup_is_put_back(copy: Path, any_database: str, tmp_path: Path) -> None:
    before = names(tmp_path)
    restore(copy, any_database)
    assert remembered(any_database) == "then"
    assert remembered(of(copy)) == "then"
    assert names(tmp_path) == before
    if any_database.startswith("sqlite"):
        assert mode(tmp_path / "mesobot.db") == 0o600


def test_a_database_is_replaced_only_by_force(copy: Path, any_database: str) -> None:
    assert "repeat with --force to replace" in complaint(copy, any_database, force=False)
    assert remembered(any_database) == "now"


def test_an_older_backup_is_brought_up_to_date(any_empty_database: str, shelf: Path) -> None:
    file = shelf / "old.db"
    with opened(of(file)) as database:
        migrations.upgrade(database._writer, "0001")
        database.write_now(remember("long ago"))
    restore(file, any_empty_database, force=False)
    with opened(any_empty_database) as database:
        assert database.schema() == SCHEMA
        assert database.read_now(recall) == "long ago"
    with opened(of(file)) as database:
        assert database.schema() == "0001"


def test_a_log_of_the_old_database_is_not_applied_to_the_new_one(database_file: Path, shelf: Path) -> None:
    """After a crash the log stands beside the database, and SQLite would play it into whatever takes its place."""
    with opened(of(database_file)) as database:
        database.write_now(remember("then"))
    back_up(of(database_file), shelf / "copy.db")
    crashed = shelf / "crashed"
    connection = sqlite3.connect(database_file)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("UPDATE facts SET value = 'later' WHERE name = 'x'")
    connection.commit()
    wal = database_file.with_name(database_file.name + "-wal")
    crashed.write_bytes(wal.read_bytes())
    connection.close()
    wal.write_bytes(crashed.read_bytes())
    database_file.write_bytes(b"damaged " * 512)
    restore(shelf / "copy.db", of(database_file))
    assert not wal.exists()
    assert remembered(of(database_file)) == "then"


@contextlib.contextmanager
def busy(url: str) -> Iterator[Database]:
    """A bot runs: on SQLite the file is open, on PostgreSQL it says so by the database's clock."""
    with opened(url) as database:
        database.read_now(recall)
        if url.startswith("postgresql"):
            until = func.clock_timestamp() + timedelta(seconds=5)
            database.write_now(lambda s: s.execute(insert(Lease).values(name="program:x", owner="x", until=until)))
        yield database
        database.write_now(lambda session: session.execute(delete(Lease)))


def test_a_database_in_use_is_not_replaced(copy: Path, any_database: str, tmp_path: Path) -> None:
    before = names(tmp_path)
    with busy(any_database) as running:
        assert complaint(copy, any_database).endswith(" is in use: stop the bot first")
        assert running.read_now(recall) == "now"
        running.write_now(remember("still running"))
    assert names(tmp_path) == before
    assert remembered(any_database) == "still running"


def test_a_database_is_no_backup_of_itself(database_file: Path) -> None:
    assert complaint(database_file, of(database_file)) == (
        f"{database_file} is the database itself: name a backup of it"
    )


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


def _half_compressed(copy: Path) -> None:
    content = gzip.compress(copy.read_bytes())
    copy.write_bytes(content[: len(content) // 2])


def _sealed_text(copy: Path) -> None:
    copy.write_bytes(pyrage.encrypt(b"a letter", [identity.to_public()]))


def _half_sealed(copy: Path) -> None:
    content = pyrage.encrypt(gzip.compress(copy.read_bytes()), [identity.to_public()])
    copy.write_bytes(content[: len(content) // 2])


def _tampered(copy: Path) -> None:
    content = bytearray(pyrage.encrypt(gzip.compress(copy.read_bytes()), [identity.to_public()]))
    content[-100] ^= 1
    copy.write_bytes(content)


def _for_another(copy: Path) -> None:
    another = pyrage.x25519.Identity.generate().to_public()
    copy.write_bytes(pyrage.encrypt(copy.read_bytes(), [another]))


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (_corrupt, "{copy} is "),
        (_empty, "{copy} is not a database of mesobot"),
        (_text, "{copy} is not a usable backup: file is not a database"),
        (_somebody_elses, "{copy} is not a database of mesobot"),
        (_newer, f"{{copy}} is at revision 9999, newer than this program ({SCHEMA}): update mesobot"),
        (_gone, "there is no backup at {copy}"),
        (_half_compressed, "{copy} is damaged: Compressed file ended before the end-of-stream marker was reached"),
        (_sealed_text, "{copy} is not a usable backup: file is not a database"),
        (_half_sealed, "{copy} cannot be opened with {key}: "),
        (_tampered, "{copy} cannot be opened with {key}: "),
        (_for_another, "{copy} cannot be opened with {key}: No matching keys found"),
    ],
)
def test_a_bad_backup_is_refused_and_nothing_is_changed(
    copy: Path, any_database: str, tmp_path: Path, key: Path, spoil: Callable[[Path], None], said: str
) -> None:
    spoil(copy)
    before = names(tmp_path)
    assert complaint(copy, any_database, identity=key).startswith(said.format(copy=copy, key=key))
    assert remembered(any_database) == "now"
    assert names(tmp_path) <= before | {"mesobot.db-wal", "mesobot.db-shm"}


def test_a_sealed_backup_says_what_opens_it(database_file: Path, shelf: Path, tmp_path: Path) -> None:
    back_up(of(database_file), shelf / "a.age", FOR_OWNER)
    back_up(of(database_file), shelf / "b.age", WITH_WORDS)
    url = of(tmp_path / "restored.db")
    assert complaint(shelf / "a.age", url) == (
        f"{shelf}/a.age is encrypted: name the file with its secret key, --identity FILE"
    )
    said = complaint(shelf / "a.age", url, identity=database_file)
    assert said.startswith(f"{database_file} cannot be read")
    (tmp_path / "public.txt").write_text(f"{identity.to_public()}\n", encoding="utf-8")
    said = complaint(shelf / "a.age", url, identity=tmp_path / "public.txt")
    assert said == f"{tmp_path}/public.txt holds no secret key of age: expected a line AGE-SECRET-KEY-1..."
    said = complaint(shelf / "b.age", url, passphrase="another one")
    assert said == f"{shelf}/b.age cannot be opened with this passphrase: Decryption failed"
    assert not (tmp_path / "restored.db").exists()


# --- by itself --------------------------------------------------------------------------------------------------------


def make_due(url: str, shelf: Path, now: datetime, seal: Seal = PLAIN, days: int = 365) -> Path | None:
    return backup.make_due(parse_url(url), shelf, seal, LONDON, now, keep=timedelta(days=days))


def test_one_is_made_a_day(any_database: str, shelf: Path) -> None:
    assert make_due(any_database, shelf, NIGHT) == shelf / "mesobot-20261123T050000Z.db"
    assert make_due(any_database, shelf, NIGHT + timedelta(minutes=10)) is None
    assert make_due(any_database, shelf, NIGHT + timedelta(hours=23)) is None
    assert make_due(any_database, shelf, NIGHT + timedelta(hours=24), FOR_OWNER) is not None
    assert names(shelf) == {"mesobot-20261123T050000Z.db", "mesobot-20261124T050000Z.db.gz.age"}


def test_old_ones_go_and_what_is_not_ours_stays(database_file: Path, shelf: Path) -> None:
    for name in ("letter.txt", "mesobot.db", "mesobot-20200101T000000Z.db.keep", ".mesobot-x.half"):
        (shelf / name).touch()
    others = names(shelf)
    (shelf / ".mesobot-20261122T050000Z.db.gz.age.abc12345.half").touch()  # the program was killed there
    old = [shelf / f"mesobot-202610{day:02}T050000Z.db" for day in range(1, 11)]
    for file in old:
        file.touch()
    made = make_due(of(database_file), shelf, NIGHT)
    assert made is not None
    assert names(shelf) == others | {made.name} | {file.name for file in old[4:] + old[3:4]}


def test_none_is_kept_for_longer_than_patients_are_told(database_file: Path, shelf: Path) -> None:
    for name in ("mesobot-20261001T050000Z.db", "mesobot-20261024T050000Z.db", "mesobot-20261025T050000Z.db"):
        (shelf / name).touch()
    made = make_due(of(database_file), shelf, NIGHT, days=29)
    assert made is not None
    assert names(shelf) == {made.name, "mesobot-20261025T050000Z.db"}


def test_nothing_goes_where_none_could_be_made(database_file: Path, shelf: Path) -> None:
    old = [shelf / f"mesobot-202610{day:02}T050000Z.db" for day in range(1, 20)]
    for file in old:
        file.touch()
    _corrupt(database_file)
    with pytest.raises(StoreError):
        make_due(of(database_file), shelf, NIGHT)
    assert names(shelf) == {file.name for file in old}


def test_a_folder_that_is_gone_is_not_made_anew(database_file: Path, tmp_path: Path) -> None:
    """It may be a disk that is not there."""
    with pytest.raises(StoreError) as caught:
        make_due(of(database_file), tmp_path / "disk", NIGHT)
    assert str(caught.value) == f"the folder for backups {tmp_path}/disk cannot be used: No such file or directory"
    assert not (tmp_path / "disk").exists()
