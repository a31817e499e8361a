"""Telegram's limits, kept on our side: about 30 messages a second, 1 a second in a chat, 20 a minute in a group.

Short bursts pass in a chat, as Telegram lets them; burst and refill are chosen so that no second holds more than 30 and
no minute of a group more than 20. What Telegram itself asks us to wait (429) holds back the chat it named, and
everything once two chats are asked to wait at the same time, since then it is the whole bot that is too fast.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Rate:
    """`burst` messages at once, refilled at `per_second`."""

    per_second: float
    burst: float


OVERALL = Rate(per_second=25.0, burst=5.0)
CHAT = Rate(per_second=1.0, burst=3.0)
GROUP = Rate(per_second=15.0 / 60.0, burst=5.0)


class Limiter:
    """Says when a chat may be sent its next message; groups are known by their negative ids."""

    def __init__(self, overall: Rate = OVERALL, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._overall = _Bucket(overall, monotonic())
        self._chats: dict[int, _Bucket] = {}
        self._holds: dict[int, float] = {}
        self._floods: dict[int, float] = {}
        self._hold_all = 0.0

    def try_take(self, chat_id: int, *, new: bool = True) -> bool:
        """Count one request to `chat_id` if it may go now; one that shows nothing `new` is not counted in its chat."""
        if self.wait(chat_id, new=new) > 0:
            return False
        self._overall.take()
        if new:
            self._chats[chat_id].take()
        return True

    def wait(self, chat_id: int, *, new: bool = True) -> float:
        """Return the seconds until `chat_id` may be sent a message, or be shown an old one changed; 0 for now."""
        now = self._monotonic()
        held = max(self._hold_all, self._holds.get(chat_id, 0.0)) - now
        own = self._bucket(chat_id, now).wait(now) if new else 0.0
        return max(0.0, held, self._overall.wait(now), own)

    def wait_overall(self) -> float:
        """Return the seconds until anything at all may be sent."""
        now = self._monotonic()
        return max(0.0, self._hold_all - now, self._overall.wait(now))

    def at_once(self) -> int:
        """Return how many messages may go now, to different chats that do not rest."""
        now = self._monotonic()
        return self._overall.count(now) if now >= self._hold_all else 0

    def flooded(self, chat_id: int, seconds: float) -> None:
        """Heed Telegram's request to wait: hold `chat_id`, and everybody where another chat was asked to wait as
        well."""
        now = self._monotonic()
        self._floods = {chat: until for chat, until in self._floods.items() if until > now}
        if self._floods.keys() - {chat_id}:
            self.hold_all(seconds)
        self._floods[chat_id] = now + seconds
        self.hold(chat_id, seconds)

    def hold(self, chat_id: int, seconds: float) -> None:
        """Send nothing to `chat_id` for `seconds`."""
        self._holds[chat_id] = max(self._holds.get(chat_id, 0.0), self._monotonic() + seconds)

    def hold_all(self, seconds: float) -> None:
        """Send nothing to anybody for `seconds`."""
        self._hold_all = max(self._hold_all, self._monotonic() + seconds)

    def resting(self) -> dict[int, float]:
        """Return the chats that may not be sent to yet, with the seconds each has to wait; forgets those that have
        rested."""
        now = self._monotonic()
        self._holds = {chat: until for chat, until in self._holds.items() if until > now}
        self._chats = {chat: bucket for chat, bucket in self._chats.items() if not bucket.is_full(now)}
        waits = {chat: bucket.wait(now) for chat, bucket in self._chats.items()}
        for chat, until in self._holds.items():
            waits[chat] = max(until - now, waits.get(chat, 0.0))
        return {chat: seconds for chat, seconds in waits.items() if seconds > 0}

    def _bucket(self, chat_id: int, now: float) -> "_Bucket":
        bucket = self._chats.get(chat_id)
        return bucket or self._chats.setdefault(chat_id, _Bucket(GROUP if chat_id < 0 else CHAT, now))


class _Bucket:
    """The messages that may go now."""

    def __init__(self, rate: Rate, now: float) -> None:
        self._rate = rate
        self._level = rate.burst
        self._at = now

    def wait(self, now: float) -> float:
        """Return the seconds until one more may go."""
        self._level = min(self._rate.burst, self._level + (now - self._at) * self._rate.per_second)
        self._at = now
        return 0.0 if self._level >= 1.0 - 1e-9 else (1.0 - self._level) / self._rate.per_second

    def count(self, now: float) -> int:
        """Return how many may go now."""
        self.wait(now)
        return int(self._level + 1e-9)

    def is_full(self, now: float) -> bool:
        """True once the whole burst may go again."""
        self.wait(now)
        return self._level >= self._rate.burst

    def take(self) -> None:
        """Count one message."""
        self._level -= 1.0
