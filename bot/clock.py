"""The time, handed in: nothing below the command line reads the machine's clock by itself.

A clock may be wrong: set by hand, or by a network's time that comes late. So it is watched against the seconds that
really pass, and while there is doubt about it, nothing is done that only the time asks for.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Protocol

JUMP = timedelta(minutes=10)
"""By more than this a clock that is right does not run ahead between two looks."""
STEADY = timedelta(minutes=35)
"""How long a clock that ran ahead must go on evenly to be relied on again: longer than a client of network time waits
at most before it asks again (2,048 s), which would have set it right; and short of the two hours for which the most
fleeting of the packaged follow-ups holds."""
WAVERING = timedelta(minutes=1)
"""What network time may shift a clock by that goes on evenly."""


@dataclass(frozen=True, slots=True)
class Doubt:
    """The clock has run ahead of the seconds that passed."""

    number: int
    """The Unix second at which it was noticed, by the seconds that passed: each doubt has its own."""
    ahead: timedelta


class Clock(Protocol):
    """Tells the time; every use-case is given one."""

    def now(self) -> datetime:
        """Return the present instant as an aware datetime in UTC."""
        ...

    def on_move(self, listener: Callable[[], None]) -> None:
        """Call `listener` after each jump of this clock; a clock that never jumps never calls it."""
        ...

    def doubt(self) -> Doubt | None:
        """Return why this clock is not to be relied on now; None while it is."""
        ...

    def trust(self, number: int) -> None:
        """Rely on this clock as it is, if the doubt of that number is still there: somebody has looked."""
        ...


class Watch:
    """Compares what a clock says with the `seconds` that really pass."""

    def __init__(self, seconds: Callable[[], float]) -> None:
        self._seconds = seconds
        self._right: float | None = None
        """By how much the clock is before the seconds while it is right."""
        self._was: float | None = None
        """The same, before the clock last jumped back: there it may return to."""
        self._found = self._since = 0.0
        """The same while in doubt, and the second since which it is so."""
        self._doubt: Doubt | None = None

    def look(self, now: datetime) -> Doubt | None:
        """Return why `now` is not to be relied on; None where it is."""
        seconds = self._seconds()
        found = now.timestamp() - seconds
        right = self._right = found if self._right is None else self._right
        is_ahead = found - right > JUMP.total_seconds()
        if self._doubt is None and is_ahead and not _same(found, self._was):
            self._doubt = Doubt(int(seconds + right), timedelta(seconds=round(found - right)))
            self._found, self._since = found, seconds
        elif self._doubt is None or not is_ahead:
            self._rely_on(found)
        elif not _same(found, self._found):
            self._found, self._since = found, seconds
        elif seconds - self._since >= STEADY.total_seconds():
            self._rely_on(found)
        return self._doubt

    def trust(self, number: int) -> None:
        """Rely on the clock as it is, if it is the doubt of that number that is there."""
        if self._doubt is not None and self._doubt.number == number:
            self._rely_on(self._found)

    def _rely_on(self, found: float) -> None:
        if self._right is not None and self._right - found > JUMP.total_seconds():
            self._was = self._right
        self._right, self._doubt = found, None


class SystemClock:
    """The machine's own clock, watched against the seconds since the machine was switched on."""

    def __init__(self) -> None:
        self._watch = Watch(seconds_awake_or_asleep)

    def now(self) -> datetime:
        """Return the present instant in UTC."""
        return datetime.now(UTC)

    def on_move(self, listener: Callable[[], None]) -> None:
        """Do nothing: the machine's clock is not moved by this program."""

    def doubt(self) -> Doubt | None:
        """Return why this clock is not to be relied on now; None while it is."""
        return self._watch.look(self.now())

    def trust(self, number: int) -> None:
        """Rely on this clock as it is."""
        self._watch.trust(number)


class MovableClock:
    """A clock that can be moved forward: the demo's runs on from there, a test's stands still until it is moved.

    It is moved on purpose, and so never doubted, unless a test hands it a `watch`.
    """

    def __init__(self, start: datetime | None = None, *, ticking: bool = False, watch: Watch | None = None) -> None:
        self._base = start or datetime.now(UTC)
        self._since = datetime.now(UTC) if ticking else None
        self._watch = watch
        self._listeners: list[Callable[[], None]] = []

    def now(self) -> datetime:
        """Return this clock's instant in UTC."""
        if self._since is None:
            return self._base
        return self._base + (datetime.now(UTC) - self._since)

    def on_move(self, listener: Callable[[], None]) -> None:
        """Call `listener` after each move."""
        self._listeners.append(listener)

    def doubt(self) -> Doubt | None:
        """Return why this clock is not to be relied on now; None while it is."""
        return self._watch.look(self.now()) if self._watch is not None else None

    def trust(self, number: int) -> None:
        """Rely on this clock as it is."""
        if self._watch is not None:
            self._watch.trust(number)

    def advance(self, by: timedelta) -> None:
        """Move forward by `by`; raises ValueError for a step back, which no real clock would take."""
        if by < timedelta(0):
            raise ValueError("a clock only moves forward")
        self.jump(by)

    def jump(self, by: timedelta) -> None:
        """Move by `by`, back as well: what a machine's clock does when it is set."""
        self._base += by
        for listener in self._listeners:
            listener()


def seconds_awake_or_asleep() -> float:
    """Return seconds that nobody sets; where the system can say so, those for which it slept count."""
    boottime: int | None = getattr(time, "CLOCK_BOOTTIME", None)  # Linux; its monotonic clock stops in a suspended one
    return time.clock_gettime(boottime) if boottime is not None else time.monotonic()


def _same(found: float, known: float | None) -> bool:
    return known is not None and abs(found - known) <= WAVERING.total_seconds()
