"""`mesobot run`: the application on the real wire, until a signal stops it."""

import asyncio
import contextlib
import ctypes
import gc
import signal
import socket
from collections.abc import Iterable

import structlog

from bot import logs
from bot.app import App
from bot.clock import SystemClock
from bot.config import Clinic, Settings
from bot.delivery.wire import HttpTransport
from bot.errors import SettingsError
from bot.store.database import Database, parse_url

log = structlog.get_logger()


async def run(settings: Settings, clinic: Clinic, *, stop_on: Iterable[signal.Signals]) -> int:
    """Run until one of the signals comes, then finish what is under way; raises MesobotError before anything is
    started."""
    if settings.token is None:
        raise SettingsError("MESOBOT_TOKEN is not set")
    logs.configure(settings.log_level)
    stopped = asyncio.Event()
    for one in stop_on:
        asyncio.get_running_loop().add_signal_handler(one, stopped.set)
    if settings.webhook_url:
        _try_listen(settings.listen)
    database = Database(parse_url(settings.database_url))
    try:
        transport = HttpTransport(settings.api_url, settings.token.get_secret_value())
        app = App(settings, clinic, database, SystemClock(), transport)
        database.migrate()  # only now, so that a broken text leaves no database behind
        try:
            if await _started(app, stopped):
                _give_back_memory()
                await _serve(app, settings, stopped)
        finally:
            await app.stop()
    finally:
        database.close()
    log.info("bot.stopped")
    return 0


def _give_back_memory() -> None:
    """Return to the system what only the start needed, which glibc would keep, and what stays out of the collector's
    way: looking through it all again would hold everything up for a tenth of a second."""
    gc.collect()
    gc.freeze()
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL("libc.so.6").malloc_trim(0)


def _try_listen(listen: str) -> None:
    """Raise SettingsError where HOST:PORT cannot be served: the webhook's server itself would end the program."""
    host, _, port = listen.rpartition(":")
    try:
        socket.create_server((host, int(port))).close()
    except OSError as error:
        reason = str(error.strerror).partition(" (")[0]
        raise SettingsError(f"MESOBOT_LISTEN: {listen} cannot be listened on: {reason}") from None


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
    log.info("bot.started", bot=app.username, mode="webhook" if settings.webhook_url else "polling")
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
