"""Meters: what the program tells of itself while it works, in numbers and fixed names; never an id, never a word."""

import time
from collections.abc import Callable

import structlog

log = structlog.get_logger()

OVER = 60.0
"""Seconds without another failure after which the database is said to be well again."""


class Meters:
    """Is told what happens, as it happens, from any thread, and takes no notice."""

    def started(self, username: str) -> None:
        """Telegram is reached, and updates are being taken as @`username`."""

    def fetched(self) -> None:
        """Telegram was asked for updates and answered, or another program of the same bot asks it."""

    def not_fetched(self, why: str) -> None:
        """Telegram did not answer, or refused."""

    def kept(self, updates: int) -> None:
        """So many updates were kept that had not been known."""

    def handled(self) -> None:
        """An update was handled."""

    def put_aside(self) -> None:
        """An update failed for the last time."""

    def conversed(self, conversation: str, seconds: float) -> None:
        """A handler of that file took so long."""

    def understood(self, route: str, level: str | None) -> None:
        """A patient's text was taken that way; with the red flag's level, if it was one."""

    def sent(self, outcome: str) -> None:
        """A message was sent, with that result."""

    def flooded(self, seconds: float) -> None:
        """Telegram asked to wait so long (429)."""

    def rounds_made(self, seconds: float, *, failed: bool) -> None:
        """What time had brought was done, or not."""

    def transacted(self, access: str, seconds: float) -> None:
        """A transaction was done ("write") or a look taken ("read"), its wait for a connection included."""

    def database_failed(self, why: str) -> None:
        """A transaction failed, and the database is to blame."""


class Pulse(Meters):
    """Remembers what says whether the program is well; logs once that the database fails, and once that it is back."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._began = monotonic()
        self._fetched = monotonic()
        self._database_failed = 0.0
        self.username: str | None = None
        """Of the bot, once Telegram is reached."""
        self.no_fetch: str | None = None
        """Why no updates were fetched at the last try."""
        self.database_trouble: str | None = None
        """Why the database does not work, while it does not."""

    @property
    def age(self) -> float:
        """Seconds since the program began."""
        return self._monotonic() - self._began

    @property
    def since_fetched(self) -> float:
        """Seconds since Telegram answered a fetch, or since the program began."""
        return self._monotonic() - self._fetched

    def started(self, username: str) -> None:
        """Note that the start is over."""
        self.username = username
        self._fetched = self._monotonic()

    def fetched(self) -> None:
        """Note the moment."""
        self._fetched = self._monotonic()
        self.no_fetch = None

    def not_fetched(self, why: str) -> None:
        """Note the reason."""
        self.no_fetch = why

    def transacted(self, access: str, seconds: float) -> None:
        """Hold the database for well again, once nothing has failed for a while."""
        if self.database_trouble is not None and self._monotonic() - self._database_failed >= OVER:
            self.database_trouble = None
            log.info("database.works_again")

    def database_failed(self, why: str) -> None:
        """Note the reason, and say it where it is news."""
        self._database_failed = self._monotonic()
        if why != self.database_trouble:
            self.database_trouble = why
            log.critical("database.fails", why=why)
