"""The time, handed in: nothing below the command line reads the machine's clock by itself."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Protocol


class Clock(Protocol):
    """Tells the time; every use-case is given one."""

    def now(self) -> datetime:
        """Return the present instant as an aware datetime in UTC."""
        ...

    def on_move(self, listener: Callable[[], None]) -> None:
        """Call `listener` after each jump of this clock; a clock that never jumps never calls it."""
        ...


class SystemClock:
    """The machine's own clock."""

    def now(self) -> datetime:
        """Return the present instant in UTC."""
        return datetime.now(UTC)

    def on_move(self, listener: Callable[[], None]) -> None:
        """Do nothing: the machine's clock is not moved by this program."""


class MovableClock:
    """A clock that can be moved forward: the demo's runs on from there, a test's stands still until it is moved."""

    def __init__(self, start: datetime | None = None, *, ticking: bool = False) -> None:
        self._base = start or datetime.now(UTC)
        self._since = datetime.now(UTC) if ticking else None
        self._listeners: list[Callable[[], None]] = []

    def now(self) -> datetime:
        """Return this clock's instant in UTC."""
        if self._since is None:
            return self._base
        return self._base + (datetime.now(UTC) - self._since)

    def on_move(self, listener: Callable[[], None]) -> None:
        """Call `listener` after each move."""
        self._listeners.append(listener)

    def advance(self, by: timedelta) -> None:
        """Move forward by `by`; raises ValueError for a step back, which no real clock would take."""
        if by < timedelta(0):
            raise ValueError("a clock only moves forward")
        self._base += by
        for listener in self._listeners:
            listener()
