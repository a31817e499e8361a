"""The supervisor: systemd is told that the program has started, how it is, and that it still lives."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Mapping


class Supervisor:
    """Tells whoever started the program, where they asked for it in the environment (sd_notify(3))."""

    def __init__(self, address: str = "", watchdog_seconds: float | None = None) -> None:
        self._address = "\0" + address[1:] if address.startswith("@") else address
        self._watchdog = watchdog_seconds

    @classmethod
    def of(cls, environ: Mapping[str, str]) -> "Supervisor":
        """Return the supervisor that the environment names."""
        microseconds = environ.get("WATCHDOG_USEC", "")
        seconds = int(microseconds) / 1e6 if microseconds.isdecimal() else None
        return cls(environ.get("NOTIFY_SOCKET", ""), seconds)

    def tell(self, *facts: str) -> None:
        """Tell it `facts` such as READY=1; that nobody listens does no harm."""
        if not self._address:
            return
        with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as line:
            line.sendto("\n".join(facts).encode(), self._address)

    @contextlib.asynccontextmanager
    async def watched(self) -> AsyncIterator[None]:
        """Say that the program has started, and then that it lives for as long as the event loop turns."""
        self.tell("READY=1", "STATUS=waiting for Telegram")
        beating = asyncio.create_task(self._beat())
        try:
            yield
        finally:
            beating.cancel()

    async def _beat(self) -> None:
        while self._watchdog is not None:
            self.tell("WATCHDOG=1")
            await asyncio.sleep(self._watchdog / 3)
