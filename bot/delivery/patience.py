"""Patience: how much of one kind is taken from one person within a while. Kept in memory, and small."""

from collections import deque
from datetime import datetime, timedelta
from enum import Enum

MOST_KNOWN = 10_000
"""People remembered at a time; those who came first are forgotten first."""


class Verdict(Enum):
    """What becomes of one more."""

    HEED = "heed"
    """It is taken."""
    TELL = "tell"
    """It is too much: say so."""
    IGNORE = "ignore"
    """It is too much, and that has been said."""


class Patience:
    """Heeds `most` within `within` of each person; whoever goes beyond that is told once, and heard again after
    `rest`."""

    def __init__(self, most: int, within: timedelta, rest: timedelta) -> None:
        self._most = most
        self._within = within
        self._rest = rest
        self._seen: dict[int, deque[datetime]] = {}
        self._until: dict[int, datetime] = {}

    def __len__(self) -> int:
        """Return how many people are remembered."""
        return len(self._seen)

    def judge(self, who: int, now: datetime) -> Verdict:
        """Count one more of `who`, and say what becomes of it."""
        until = self._until.get(who)
        if until is not None and now < until:
            return Verdict.IGNORE
        self._until.pop(who, None)
        seen = self._seen.pop(who, None) or deque(maxlen=self._most)
        self._seen[who] = seen  # at the end, as the one who came last
        if len(seen) == self._most and now - seen[0] < self._within:
            self._until[who] = now + self._rest
            seen.clear()
            return Verdict.TELL
        seen.append(now)
        if len(self._seen) > MOST_KNOWN:
            first = next(iter(self._seen))
            del self._seen[first]
            self._until.pop(first, None)
        return Verdict.HEED
