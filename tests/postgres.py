"""A PostgreSQL server of the tests' own: made from Debian's package for one run, on loopback, and gone after it."""

import contextlib
import os
import pwd
import secrets
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import psycopg

from bot.store.database import Database, parse_url

MISSING = "no PostgreSQL server is installed (Debian: apt install postgresql)"
DEBIAN = Path("/usr/lib/postgresql")
SETPRIV = "/usr/bin/setpriv"
ROLE = "mesobot"
TEMPLATE = "migrated"
PATIENCE = 30.0
"""Seconds a server may take until it answers, or until it has stopped."""

DURABLE = (
    "listen_addresses=127.0.0.1",
    "unix_socket_directories=",
    "timezone=Pacific/Chatham",  # the server's own zone must not matter, and no other is 12:45 hours off
)
SETTINGS = (
    *DURABLE,
    # what is thrown away need not survive a crash
    "fsync=off",
    "full_page_writes=off",
    "synchronous_commit=off",
    "autovacuum=off",
)


class Cluster:
    """A running server, and the fresh databases it lends."""

    def __init__(self, port: int, password: str) -> None:
        self._root = f"postgresql://{ROLE}:{password}@127.0.0.1:{port}"
        self._admin = psycopg.connect(self._url("postgres"), autocommit=True, connect_timeout=5)
        self._count = 0

    @contextlib.contextmanager
    def database(self, *, migrated: bool = True) -> Iterator[str]:
        """Lend a database, migrated or empty; it is gone afterwards, whoever may still be connected."""
        self._count += 1
        name = f"test{self._count}"
        self._create(name, TEMPLATE if migrated else "template1")
        try:
            yield self._url(name)
        finally:
            self._admin.execute(f"DROP DATABASE {name} WITH (FORCE)")

    def make_template(self) -> None:
        """Make the database of which the migrated ones are copies: a copy takes a tenth of the time."""
        self._create(TEMPLATE, "template1")
        database = Database(parse_url(self._url(TEMPLATE)))
        database.migrate()
        database.close()

    def close(self) -> None:
        """Let go of the server."""
        self._admin.close()

    def _create(self, name: str, template: str) -> None:
        # Copying files is three times as fast as logging pages; before version 15 there was no other way.
        strategy = "STRATEGY file_copy" if self._admin.info.server_version >= 150000 else ""
        self._admin.execute(f"CREATE DATABASE {name} TEMPLATE {template} {strategy}")

    def _url(self, name: str) -> str:
        return f"{self._root}/{name}"


def programs() -> Path | None:
    """Return the folder of the newest server's programs, or None where no server is installed."""
    found = [file.parent for file in DEBIAN.glob("*/bin/initdb")]
    return max(found, key=lambda folder: float(folder.parent.name), default=None)


@contextlib.contextmanager
def running(folder: Path, settings: Sequence[str] = SETTINGS) -> Iterator[Cluster]:
    """Run a server made by the programs in `folder`; it ends with this block, and with this process at the latest."""
    password = secrets.token_urlsafe()
    with tempfile.TemporaryDirectory(prefix="mesobot-postgresql-") as name:
        home = Path(name)
        user = _user(home)
        _make(folder, home, user, password)
        with _serving(folder, home, user, password, settings) as cluster:
            yield cluster


def _user(home: Path) -> Sequence[str]:
    """Return what makes a command run as a user that PostgreSQL accepts, who owns `home` then: it refuses root."""
    if os.geteuid() != 0:
        return ()
    account = pwd.getpwnam("postgres")  # Debian's package makes it
    os.chown(home, account.pw_uid, account.pw_gid)
    return (f"--reuid={account.pw_uid}", f"--regid={account.pw_gid}", "--clear-groups")


def _make(folder: Path, home: Path, user: Sequence[str], password: str) -> None:
    secret = home / "password"
    secret.write_text(password, encoding="ascii")
    secret.chmod(0o644)  # its folder is closed to others
    access = (f"--username={ROLE}", f"--pwfile={secret}", "--auth-host=scram-sha-256", "--auth-local=reject")
    shape = ("--encoding=UTF8", "--no-locale", "--no-sync", "--wal-segsize=1")
    result = subprocess.run(  # noqa: S603  nothing in it came from outside
        [SETPRIV, *user, folder / "initdb", *access, *shape, home / "data"],
        cwd=home,
        capture_output=True,
        text=True,
        check=False,
    )
    secret.unlink()
    if result.returncode != 0:
        raise RuntimeError(f"initdb failed: {result.stderr}")


@contextlib.contextmanager
def _serving(folder: Path, home: Path, user: Sequence[str], password: str, chosen: Sequence[str]) -> Iterator[Cluster]:
    port = _free_port()
    settings = [part for setting in chosen for part in ("-c", setting)]
    with (home / "log").open("wb") as log:
        server = subprocess.Popen(  # noqa: S603  likewise
            [SETPRIV, *user, "--pdeathsig=INT", folder / "postgres", "-D", home / "data", "-p", str(port), *settings],
            cwd=home,
            stdout=log,
            stderr=log,
        )
    try:
        cluster = _reached(server, home / "log", port, password)
        try:
            cluster.make_template()
            yield cluster
        finally:
            cluster.close()
    finally:
        server.send_signal(signal.SIGINT)  # a fast shutdown: whoever is connected is sent away
        try:
            server.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            server.send_signal(signal.SIGQUIT)
            server.wait()


def _reached(server: "subprocess.Popen[bytes]", log: Path, port: int, password: str) -> Cluster:
    end = time.monotonic() + PATIENCE
    while True:
        try:
            return Cluster(port, password)
        except psycopg.OperationalError:
            if server.poll() is not None or time.monotonic() > end:
                raise RuntimeError(f"PostgreSQL did not start: {log.read_text(errors='replace')}") from None
            time.sleep(0.02)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
