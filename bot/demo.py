"""`mesobot demo`: the real application, over HTTP, against the embedded stand-in, with a clock that can be moved."""

import asyncio
import contextlib
import secrets
import signal
import socket
import tempfile
import webbrowser
from datetime import datetime, timedelta
from pathlib import Path

from pydantic import SecretStr

from bot import logs
from bot.app import App
from bot.clock import MovableClock
from bot.config import Clinic, Settings
from bot.delivery.wire import HttpTransport
from bot.errors import SettingsError
from bot.sandbox.server import SandboxServer
from bot.sandbox.telegram import Telegram
from bot.store.database import Database, parse_url

PATIENTS = (("Anna", "en"), ("Tom", "en"), ("Zofia", "pl"))
STAFF = ("Maya (doctor)", "Priya (reception)")


class Control:
    """Moves the demo's clock."""

    def __init__(self, clock: MovableClock, zone: str) -> None:
        self._clock = clock
        self.zone = zone
        self.app: App | None = None

    def now(self) -> datetime:
        """Return the demo's instant."""
        return self._clock.now()

    async def advance(self, seconds: float) -> None:
        """Move the clock forward, and wait until what became due is said."""
        self._clock.advance(timedelta(seconds=seconds))
        if self.app is not None:
            await self.app.idle()

    async def next_due(self) -> datetime | None:
        """Return when the next message is planned."""
        return await self.app.next_due() if self.app is not None else None


def _try_port(port: int) -> None:
    """Raise SettingsError where `port` of 127.0.0.1 cannot be served: the server itself would end the program."""
    try:
        socket.create_server(("127.0.0.1", port)).close()
    except OSError as error:
        reason = str(error.strerror).partition(" (")[0]
        advice = "stop what uses it, or choose another with --port"
        raise SettingsError(f"port {port} cannot be used, {reason}: {advice}") from None


async def demo(settings: Settings, clinic: Clinic, *, port: int, browser: bool, database: Path | None) -> int:
    """Serve the demo on 127.0.0.1 until a signal stops it; raises SettingsError where the port is taken."""
    logs.configure("WARNING")
    stopped = asyncio.Event()
    for one in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(one, stopped.set)
    clock = MovableClock(ticking=True)
    token = f"1000000001:{secrets.token_urlsafe(26)}"
    telegram = Telegram(token, clock, first_name=clinic.name)
    telegram.feed.begin_after(int(clock.now().timestamp()))
    for name, language in PATIENTS:
        telegram.add_user(name, language_code=language)
    control = Control(clock, clinic.zone)
    async with contextlib.AsyncExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="mesobot-demo-"))
        file = database or Path(folder) / "demo.db"
        _try_port(port)
        server = await stack.enter_async_context(SandboxServer(telegram, port=port, control=control))
        store = Database(parse_url(f"sqlite:///{file}"))
        stack.callback(store.close)
        group = telegram.add_group("Clinic staff", [telegram.add_user(name) for name in STAFF])
        settings = settings.model_copy(
            update={
                "token": SecretStr(token),
                "api_url": server.url,
                "webhook_url": None,
                "staff_chat": group.id,
                "backup_folder": None,
            }
        )
        app = App(settings, clinic, store, clock, HttpTransport(server.url, token))
        store.migrate()
        await app.start()
        stack.push_async_callback(app.stop)
        control.app = app
        print(f"mesobot demo: {server.url}/   (Ctrl+C stops it)", flush=True)  # noqa: T201  the person at the terminal needs the address
        if browser:
            await asyncio.to_thread(webbrowser.open, f"{server.url}/")
        await stopped.wait()
    return 0
