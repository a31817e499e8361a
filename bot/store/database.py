"""The database: one transaction is one function of a Session, run whole in a worker thread.

There is one writer, and readers beside it. On SQLite a second writer would only wait for the first. On PostgreSQL
every program that writes takes the same lock first, so that transactions run one after the other there as well: what a
use-case has read is still so when it writes. (Running them side by side as SERIALIZABLE was slower: under a burst one
run in four was undone by another.)
"""

import asyncio
import contextlib
import os
import socket
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine, create_engine, event, make_url, text
from sqlalchemy.engine import URL
from sqlalchemy.exc import ArgumentError, DBAPIError, OperationalError, SQLAlchemyError
from sqlalchemy.orm import Session as Session  # noqa: PLC0414  handed on to rooms where the library is no guest

from bot.errors import StoreError
from bot.meters import Meters
from bot.store import leases, notices, trouble

T = TypeVar("T")
U = TypeVar("U")

SCHEMA = "0005"
"""The migration this code is written for; a test holds it to be alembic's head."""

READERS = 4
"""Connections for reading."""

WAIT = 5.0
"""Seconds to wait for another program that writes."""

CONNECT: dict[str, Any] = {
    "connect_timeout": 5,
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 3,
    "tcp_user_timeout": 10_000,
}
"""A connection whose other machine has gone without a word is given up within about ten seconds."""

STATEMENT = 10.0
"""Seconds after which PostgreSQL breaks off a running bot's statement; what migrates or copies takes its time."""

SILENCE = 8.0
"""Seconds after which it is said that the database does not answer."""

GIVE_UP = 15.0
"""Seconds after which the connections of a transaction that has had no answer are broken off: where something between
acknowledges every packet, the network never says that the other side is gone."""

CLOSING = 5.0
"""Seconds that what is still running may take when the program ends."""

_HURRIED = "mesobot_hurried"

STALL = 0.8 * WAIT
"""Seconds after which PostgreSQL breaks off a transaction whose program has gone silent, so that others can write."""

WRITER_LOCK = 0x6D65736F
"""The key of PostgreSQL's advisory lock for whoever writes: "meso"; it counts in one database only."""

OWED = "owed"
"""Key in Session.info that says that this transaction put something into the outbox."""


def parse_url(value: str, *, name: str = "MESOBOT_DATABASE_URL") -> URL:
    """Return `value` as a database URL this program can use; raises StoreError naming it and what was expected."""
    expected = "expected sqlite:///FILE or postgresql://USER:PASSWORD@HOST/NAME"
    try:
        url = make_url(value)
    except (ArgumentError, ValueError):
        raise StoreError(f"{name} is not a database URL: {expected}") from None
    match url.get_backend_name():
        case "sqlite":
            if url.host:
                raise StoreError(f"{name} is not a database URL: {expected}")
            if not url.database or url.database == ":memory:":
                raise StoreError(
                    f"{name} names no file: a clinic's data must survive a restart; expected sqlite:///FILE"
                )
            return url.set(drivername="sqlite")
        case "postgresql":
            return url.set(drivername="postgresql+psycopg")
        case other:
            raise StoreError(f"{name} names the database {other!r}: {expected}")


class Database:
    """Runs transactions; `on_owed` is called, in the event loop, after each commit that owes somebody a message."""

    def __init__(self, url: URL) -> None:
        self.url = url
        self.is_sqlite = url.get_backend_name() == "sqlite"
        self.on_owed: Callable[[], None] = lambda: None
        self.meters = Meters()
        self.owner: str | None = None
        """The program's name, where others may share the database: what they have to hear of they are told."""
        engine = _sqlite if self.is_sqlite else _postgresql
        self._writer = engine(url, 1, writes=True)
        self._reader = engine(url, READERS, writes=False)
        # what the running bot asks is short; what migrates or copies goes by the engine itself
        self._hurried = self._writer.execution_options(**{_HURRIED: True})
        self._open = {"write": _Open(self._writer), "read": _Open(self._reader)}
        self._write_threads = ThreadPoolExecutor(1, "database-write")
        self._read_threads = ThreadPoolExecutor(READERS, "database-read")

    @property
    def cache_folder(self) -> Path | None:
        """Where what can be computed again may be kept: beside the database's file; None where it has none."""
        return Path(self.url.database or "").with_suffix(".cache") if self.is_sqlite else None

    async def transaction(self, work: Callable[[Session], T]) -> T:
        """Run `work` in one transaction: returning commits, raising undoes everything and raises on."""
        result, owed = await self._metered("write", self._write_threads, self._write_hurried, work)
        if owed:
            self.on_owed()
        return result

    async def read(self, work: Callable[[Session], T]) -> T:
        """Run `work`, which only reads, beside the writer; all that it sees is of one moment."""
        return await self._metered("read", self._read_threads, self.read_now, work)

    async def _metered(
        self,
        access: str,
        threads: ThreadPoolExecutor,
        run: Callable[[Callable[[Session], T]], U],
        work: Callable[[Session], T],
    ) -> U:
        loop, began = asyncio.get_running_loop(), time.perf_counter()
        at_work: list[float] = []  # since when; until then it waits for others, whose fault that may be

        def started(work: Callable[[Session], T]) -> U:
            at_work.append(time.perf_counter())
            return run(work)

        def look() -> None:
            passed = time.perf_counter() - at_work[0] if at_work else 0.0
            if passed >= SILENCE:
                self.meters.database_failed(trouble.SILENT)
            if passed >= GIVE_UP and not self.is_sqlite:
                self._open[access].break_off()
            later = next((limit - passed for limit in (SILENCE, GIVE_UP) if limit > passed), GIVE_UP)
            watch.append(loop.call_later(later, look))

        watch = [loop.call_later(SILENCE, look)]
        try:
            done = await loop.run_in_executor(threads, started, work)
        except Exception as error:
            if (why := trouble.why(error)) is not None:
                self.meters.database_failed(why)
            raise
        finally:
            watch[-1].cancel()
        self.meters.transacted(access, time.perf_counter() - began)
        return done

    def migrate(self) -> None:
        """Bring the tables to this program's schema; raises StoreError where that cannot be done."""
        if self.is_sqlite:
            _create_private(Path(self.url.database or ""))
        found = self.schema()
        if found == SCHEMA:
            return
        if found is not None and found > SCHEMA:
            raise StoreError(f"the database is at revision {found}, newer than this program ({SCHEMA}): update mesobot")
        from bot.store import migrations  # noqa: PLC0415  alembic is paid for only when there is something to do

        try:
            migrations.upgrade(self._writer)
        except SQLAlchemyError as error:
            raise self._unusable(error) from error

    def schema(self) -> str | None:
        """Return the migration the database stands at, or None for an empty one; raises StoreError."""
        try:
            with self._reader.connect() as connection:
                exists = self._reader.dialect.has_table(connection, "alembic_version")
                return connection.scalar(text("SELECT version_num FROM alembic_version")) if exists else None
        except SQLAlchemyError as error:
            raise self._unusable(error) from error

    def close(self) -> None:
        """Wait for running work, but not for a server that does not answer, and let go of threads and connections."""
        last = threading.Timer(CLOSING, self._break_off)
        if not self.is_sqlite:
            last.start()
        self._write_threads.shutdown()
        self._read_threads.shutdown()
        last.cancel()
        self._writer.dispose()
        self._reader.dispose()

    def _break_off(self) -> None:
        for one in self._open.values():
            one.break_off()

    def _unusable(self, error: SQLAlchemyError) -> StoreError:
        return StoreError(f"the database at {self.url.render_as_string()} cannot be used: {_first_line(error)}")

    def _write_hurried(self, work: Callable[[Session], T]) -> tuple[T, bool]:
        return self._write(work, self._hurried)

    def _write(self, work: Callable[[Session], T], engine: Engine | None = None) -> tuple[T, bool]:
        info = {leases.OWNER: self.owner} if self.owner is not None else {}
        with Session(engine or self._writer, expire_on_commit=False, info=info) as session, session.begin():
            result = work(session)
            if self.owner is not None and OWED in session.info:
                session.flush()
                notices.say(session, f"{OWED}:{self.owner}")
        return result, OWED in session.info

    def write_now(self, work: Callable[[Session], T]) -> T:
        """Run `work` in one transaction in the calling thread."""
        return self._write(work)[0]

    def read_now(self, work: Callable[[Session], T]) -> T:
        """Run `work`, which only reads, in the calling thread."""
        with Session(self._reader) as session:
            return work(session)


def is_passing(error: Exception) -> bool:
    """True for a database that is locked, full or gone for now, so that the same work may succeed later."""
    return isinstance(error, OperationalError) or (isinstance(error, DBAPIError) and error.connection_invalidated)


def _sqlite(url: URL, connections: int, *, writes: bool) -> Engine:
    engine = create_engine(
        url,
        pool_size=connections,
        max_overflow=0,
        hide_parameters=True,
        connect_args={"check_same_thread": False, "timeout": WAIT},
    )

    @event.listens_for(engine, "connect")
    def _prepare(connection: Any, _: Any) -> None:
        connection.isolation_level = None  # the driver's own BEGIN would be a deferred one
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
            connection.execute(f"PRAGMA {pragma}")
        connection.create_function("lower", 1, _lower, deterministic=True)  # SQLite's own knows only a to z

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    return engine


def _postgresql(url: URL, connections: int, *, writes: bool) -> Engine:
    engine = create_engine(
        url,
        pool_size=connections,
        max_overflow=0,
        hide_parameters=True,
        pool_pre_ping=True,
        connect_args=CONNECT,
        # behind the lock each statement sees all that was committed; a reader sees what one snapshot holds
        isolation_level="READ COMMITTED" if writes else "REPEATABLE READ",
        execution_options={"postgresql_readonly": not writes},
    )
    if writes:

        @event.listens_for(engine, "begin")
        def _take_turn(connection: Connection) -> None:
            limit = STATEMENT if connection.get_execution_options().get(_HURRIED) else 0
            connection.exec_driver_sql(
                f"SET LOCAL statement_timeout = {limit * 1000:.0f};"
                f"SET LOCAL lock_timeout = {WAIT * 1000:.0f};"
                f"SET LOCAL idle_in_transaction_session_timeout = {STALL * 1000:.0f};"
                f"SELECT pg_advisory_xact_lock({WRITER_LOCK})"
            )

    return engine


class _Open:
    """The connections of an engine that are open, so that they can be broken off from outside."""

    def __init__(self, engine: Engine) -> None:
        self._connections: list[Any] = []
        event.listen(engine, "connect", lambda connection, _: self._connections.append(connection))
        event.listen(engine, "close", lambda connection, _: self._forget(connection))
        event.listen(engine, "close_detached", self._forget)

    def break_off(self) -> None:
        """Let whoever waits for an answer find the connection closed; they and the others connect again."""
        for one in list(self._connections):
            with contextlib.suppress(Exception), socket.socket(fileno=os.dup(one.pgconn.socket)) as side:
                side.shutdown(socket.SHUT_RDWR)

    def _forget(self, connection: Any) -> None:
        with contextlib.suppress(ValueError):
            self._connections.remove(connection)


def _lower(text: str | None) -> str | None:
    return None if text is None else text.lower()


def _create_private(file: Path) -> None:
    """Create the database's file so that only its owner can read it; SQLite gives its WAL the same mode."""
    if not file.parent.is_dir():
        raise StoreError(
            f"the folder {file.parent} for the database does not exist: create it, or change MESOBOT_DATABASE_URL"
        )
    try:
        os.close(os.open(file, os.O_RDWR | os.O_CREAT, 0o600))
    except OSError as error:
        raise StoreError(f"the database file {file} cannot be written: {error.strerror}") from error


def _first_line(error: Exception) -> str:
    return str(getattr(error, "orig", None) or error).strip().splitlines()[0]
