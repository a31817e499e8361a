"""`mesobot run`: the application on the real wire, until a signal stops it."""

import asyncio
import contextlib
import ctypes
import fcntl
import gc
import os
import signal
import socket
from collections.abc import Iterable
from importlib import metadata
from pathlib import Path

import structlog

from bot import logs
from bot.app import App
from bot.clock import SystemClock
from bot.config import Clinic, Settings
from bot.delivery.wire import HttpTransport
from bot.errors import SettingsError, StoreError
from bot.meters import Meters, Pulse
from bot.store.database import SCHEMA, Database, parse_url
from bot.supervisor import Supervisor

log = structlog.get_logger()


async def run(
    settings: Settings, clinic: Clinic, *, stop_on: Iterable[signal.Signals], supervisor: Supervisor | None = None
) -> int:
    """Run until one of the signals comes, then finish what is under way; raises MesobotError before anything is
    started."""
    supervisor = supervisor or Supervisor()
    if settings.token is None:
        raise SettingsError("MESOBOT_TOKEN is not set")
    logs.configure(settings.log_level, settings.log_format, secrets=_secrets(settings))
    asyncio.get_running_loop().set_exception_handler(logs.note_stray)
    stopped = asyncio.Event()
    for one in stop_on:
        asyncio.get_running_loop().add_signal_handler(one, stopped.set)
    if settings.webhook_url:
        _try_listen("MESOBOT_LISTEN", settings.listen)
    if settings.metrics_listen:
        _try_listen("MESOBOT_METRICS_LISTEN", settings.metrics_listen)
    lock = _only_one(settings.database_url)
    database = Database(parse_url(settings.database_url))
    try:
        transport = HttpTransport(settings.api_url, settings.token.get_secret_value())
        meters, watch = _watch(settings, database)
        app = App(settings, clinic, database, SystemClock(), transport, meters=meters)
        database.migrate()  # only now, so that a broken text leaves no database behind
        async with supervisor.watched(), watch:  # from here on it lives, if only to wait for Telegram
            try:
                if await _started(app, stopped):
                    _give_back_memory()
                    supervisor.tell(f"STATUS=answering as @{app.username}")
                    await _serve(app, settings, stopped)
            finally:
                supervisor.tell("STOPPING=1", "STATUS=finishing what is under way")
                await app.stop()
    finally:
        database.close()
        if lock is not None:
            _let_others(lock, settings.database_url)
    log.info("bot.stopped")
    return 0


def _only_one(address: str) -> int | None:
    """Take the lock beside an SQLite file, which the system frees however the program ends; raises StoreError where
    another one has it. PostgreSQL can be shared."""
    url = parse_url(address)
    if url.get_backend_name() != "sqlite" or not Path(url.database or "").absolute().parent.is_dir():
        return None  # of a folder that is missing the database says more
    file = f"{url.database}.lock"
    while True:
        try:
            lock = os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise StoreError(f"the file {file} cannot be written: {error.strerror}") from None
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(lock)
            raise StoreError(f"another mesobot runs on {url.database}: stop it first") from None
        if Path(file).exists() and os.path.samestat(os.fstat(lock), os.stat(file)):
            return lock
        os.close(lock)  # its owner has just taken it away: once more, with a file that is there


def _let_others(lock: int, address: str) -> None:
    """Take the lock's file away and let it go."""
    Path(f"{parse_url(address).database}.lock").unlink(missing_ok=True)
    os.close(lock)


def _secrets(settings: Settings) -> list[str]:
    """Return what must not be in any line of a log."""
    token = settings.token.get_secret_value() if settings.token else ""
    hook = settings.webhook_secret.get_secret_value() if settings.webhook_secret else ""
    return [token, token.partition(":")[2], hook, str(parse_url(settings.database_url).password or "")]


def _watch(settings: Settings, database: Database) -> tuple[Meters, contextlib.AbstractAsyncContextManager[None]]:
    """Return what the program tells how it is, and what others ask while it runs; nobody asks if no port is set."""
    if settings.metrics_listen is None:
        return Pulse(), contextlib.nullcontext()
    from bot.web import health  # noqa: PLC0415  who does not want them does not pay for them
    from bot.web.metrics import Counters  # noqa: PLC0415

    version = metadata.version("mesobot")
    counters = Counters(version, SCHEMA)
    looks = health.Health(database, SystemClock(), counters, version=version, polls=settings.webhook_url is None)
    return counters, health.serving(settings.metrics_listen, looks)


def _give_back_memory() -> None:
    """Return to the system what only the start needed, which glibc would keep, and what stays out of the collector's
    way: looking through it all again would hold everything up for a tenth of a second."""
    gc.collect()
    gc.freeze()
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL("libc.so.6").malloc_trim(0)


def _try_listen(setting: str, listen: str) -> None:
    """Raise SettingsError where HOST:PORT cannot be served: the server itself would end the program."""
    host, _, port = listen.rpartition(":")
    try:
        socket.create_server((host, int(port))).close()
    except OSError as error:
        reason = str(error.strerror).partition(" (")[0]
        raise SettingsError(f"{setting}: {listen} cannot be listened on: {reason}") from None


async def _started(app: App, stopped: asyncio.Event) -> bool:
    """Start `app`; False where it was stopped before Telegram could be reached."""
    starting = asyncio.create_task(app.start())
    stopping = asyncio.create_task(stopped.wait())
    await asyncio.wait((starting, stopping), return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    if starting.done():
        await starting
        return True
    starting.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await starting
    return False


async def _serve(app: App, settings: Settings, stopped: asyncio.Event) -> None:
    log.info("bot.started", bot=app.username, mode="webhook" if settings.webhook_url else "polling", schema=SCHEMA)
    if app.claim_code:
        print(  # noqa: T201  for the person at the terminal, and never into a log
            f"\nNo staff group yet. Add @{app.username} to your staff's Telegram group and send there:\n\n"
            f"    /claim {app.claim_code}\n",
            flush=True,
        )
    async with contextlib.AsyncExitStack() as stack:
        if settings.webhook_url and settings.webhook_secret:
            from bot.web.webhook import serving  # noqa: PLC0415  long polling needs no server

            secret = settings.webhook_secret.get_secret_value()
            await stack.enter_async_context(serving(settings.listen, settings.webhook_url, secret, app.take))
        await stopped.wait()
        log.info("bot.stopping")
