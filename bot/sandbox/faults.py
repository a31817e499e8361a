"""What goes wrong on demand: planted faults, and Telegram's flood control when a test or benchmark wants it."""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from typing import Any, Literal, get_args

from bot.sandbox.world import Reply

Kind = Literal["429", "500", "502", "drop", "timeout", "reset", "slow"]
KINDS: tuple[str, ...] = get_args(Kind)


class ConnectionDropped(Exception):  # noqa: N818 - named for what happened
    """The connection broke before Telegram heard the request: nothing was done."""


class NoAnswer(Exception):  # noqa: N818 - named for what happened
    """Telegram did what was asked, and its answer never came."""


class BrokenOff(NoAnswer):
    """The connection broke in the middle of the answer."""

    def __init__(self, reply: Reply) -> None:
        super().__init__()
        self.reply = reply


@dataclass(slots=True)
class Fault:
    """A planted fault; `times` is how often it still strikes (None: until cleared), `rate` its probability."""

    kind: Kind
    method: str | None = None
    chat_id: int | None = None
    times: int | None = 1
    rate: float | None = None
    retry_after: int = 3
    seconds: float = 1.0

    def as_dict(self) -> dict[str, Any]:
        """Return the fault for the demo's page."""
        return {name: getattr(self, name) for name in self.__slots__}


class Faults:
    """The planted faults, in the order they were planted; the first that fits a call strikes it."""

    def __init__(self, seed: int = 0) -> None:
        self._planted: list[Fault] = []
        self._random = Random(seed)  # noqa: S311 - repeatable bad luck for tests, nothing secret

    def __bool__(self) -> bool:
        return bool(self._planted)

    def add(
        self,
        kind: Kind,
        *,
        method: str | None = None,
        chat_id: int | None = None,
        times: int | None = 1,
        rate: float | None = None,
        retry_after: int = 3,
        seconds: float = 1.0,
    ) -> Fault:
        """Plant a fault. Without `method` it strikes every method but getUpdates; with `rate`, `times` is unlimited
        unless given above 1. Raises ValueError for a kind that does not exist.
        """
        if kind not in KINDS:
            raise ValueError(f"kind must be one of {', '.join(KINDS)}, not {kind!r}")
        if rate is not None and times == 1:
            times = None
        fault = Fault(kind, method.lower() if method else None, chat_id, times, rate, retry_after, seconds)
        self._planted.append(fault)
        return fault

    def clear(self) -> None:
        """Take all faults away."""
        self._planted.clear()

    def as_list(self) -> list[dict[str, Any]]:
        """Return the faults still planted, for the demo's page."""
        return [fault.as_dict() for fault in self._planted]

    def draw(self, method: str, chat_id: object) -> Fault | None:
        """Return the fault that strikes this call, and use it up."""
        for fault in self._planted:
            if fault.method != method if fault.method else method == "getupdates":
                continue
            if fault.chat_id is not None and str(fault.chat_id) != str(chat_id):
                continue
            if fault.rate is not None and self._random.random() >= fault.rate:
                continue
            if fault.times is not None:
                fault.times -= 1
                if fault.times <= 0:
                    self._planted.remove(fault)
            return fault
        return None


@dataclass(slots=True)
class _Bucket:
    """Allows `rate` sends a second on average and `size` of them at once."""

    rate: float
    size: float
    level: float
    at: float

    def wait(self, now: float) -> float:
        """Return the seconds until the next send is allowed; 0 when it is allowed now."""
        self.level = min(self.size, self.level + (now - self.at) * self.rate)
        self.at = now
        return 0.0 if self.level >= 1 else (1 - self.level) / self.rate


@dataclass(slots=True)
class Limits:
    """Telegram's flood control: messages per second in a chat (short bursts pass), per minute in a group, per second
    overall; None switches a limit off. `monotonic` returns seconds.
    """

    per_chat: float | None = 1.0
    group_per_minute: int | None = 20
    overall: float | None = 30.0
    chat_burst: int = 3
    monotonic: Callable[[], float] = time.monotonic
    _buckets: dict[object, _Bucket] = field(default_factory=dict)

    def take(self, chat_id: int) -> int:
        """Count one message to the chat; returns the seconds to wait when it is one too many (it is not counted then),
        else 0.
        """
        now = self.monotonic()
        wanted: list[tuple[object, float, float]] = []
        if self.overall is not None:
            wanted.append(("overall", self.overall, self.overall))
        if self.per_chat is not None:
            wanted.append((chat_id, self.per_chat, self.chat_burst))
        if self.group_per_minute is not None and chat_id < 0:
            wanted.append((("group", chat_id), self.group_per_minute / 60, self.group_per_minute))
        buckets = [self._buckets.setdefault(key, _Bucket(rate, size, size, now)) for key, rate, size in wanted]
        if wait := max((bucket.wait(now) for bucket in buckets), default=0.0):
            return max(1, math.ceil(wait))
        for bucket in buckets:
            bucket.level -= 1
        return 0
