"""The counters: what the program tells of itself, as Prometheus reads it. No label holds an id or a word."""

import time
from collections.abc import Callable, Iterator
from datetime import datetime
from platform import python_version
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from bot.meters import Pulse
from bot.store.backlog import UNDELIVERED, Backlog

URGENCIES: Final = ("safety", "reply", "staff", "scheduled")
"""Names of the outbox's urgencies, from 0."""

QUICK = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""Seconds that tell a transaction from a stall."""

OUTCOMES: Final = {
    "Sent": "sent",
    "Failed": "failed",
    "Unreachable": "unreachable",
    "Moved": "moved",
    "NotYet": "not_yet",
    "Unknown": "unknown",
}


class Counters(Pulse):
    """Counts into a registry of its own."""

    def __init__(self, version: str, schema: str, monotonic: Callable[[], float] = time.monotonic) -> None:
        super().__init__(monotonic)
        self.registry = registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        build = Gauge("mesobot_build_info", "What runs here.", ("version", "schema", "python"), registry=registry)
        build.labels(version, schema, python_version()).set(1)
        self.ready = Gauge("mesobot_ready", "1 where /healthz would answer 200.", registry=registry)
        updates = Counter("mesobot_updates", "Updates: kept, handled, put aside.", ("result",), registry=registry)
        self._kept, self._handled, self._aside = (updates.labels(one) for one in ("kept", "handled", "put_aside"))
        self._conversed = Histogram(
            "mesobot_handler_seconds",
            "Handling an update, by conversation.",
            ("conversation",),
            buckets=QUICK,
            registry=registry,
        )
        self._understood = Counter(
            "mesobot_understood", "Texts, by how they were taken.", ("route",), registry=registry
        )
        self._flags = Counter("mesobot_red_flags", "Texts with a red flag, by level.", ("level",), registry=registry)
        sends = Counter("mesobot_sends", "Messages tried, by what came of it.", ("outcome",), registry=registry)
        self._sends = {name: sends.labels(outcome) for name, outcome in OUTCOMES.items()}
        self._floods = Counter("mesobot_floods", "Times Telegram asked to wait (429).", registry=registry)
        self._flooded = Counter("mesobot_flood_seconds", "Seconds that it asked for.", registry=registry)
        self._rounds = Histogram(
            "mesobot_rounds_seconds", "Doing what has become due.", buckets=QUICK, registry=registry
        )
        self._rounds_failed = Counter("mesobot_rounds_failed", "Rounds that failed.", registry=registry)
        transactions = Histogram(
            "mesobot_transaction_seconds",
            "Database transactions, with the wait for a connection.",
            ("access",),
            buckets=QUICK,
            registry=registry,
        )
        self._transactions = {access: transactions.labels(access) for access in ("read", "write")}
        self._failures = Counter("mesobot_database_failures", "Transactions the database let down.", registry=registry)
        self._lag = Histogram(
            "mesobot_event_loop_lag_seconds", "How late the event loop runs.", buckets=QUICK, registry=registry
        )
        self._waiting = _Waiting()
        registry.register(self._waiting)

    def text(self, backlog: Backlog | None, now: datetime) -> bytes:
        """Return everything in Prometheus' format; without the `backlog`, where the database did not tell it."""
        self._waiting.found = (backlog, now) if backlog else None
        return generate_latest(self.registry)

    def lagged(self, seconds: float) -> None:
        """Count one look at the event loop."""
        self._lag.observe(seconds)

    def kept(self, updates: int) -> None:
        """Count them."""
        self._kept.inc(updates)

    def handled(self) -> None:
        """Count it."""
        self._handled.inc()

    def put_aside(self) -> None:
        """Count it."""
        self._aside.inc()

    def conversed(self, conversation: str, seconds: float) -> None:
        """Count it in its bucket."""
        self._conversed.labels(conversation).observe(seconds)

    def understood(self, route: str, level: str | None) -> None:
        """Count the route, and the level of a red flag."""
        self._understood.labels(route).inc()
        if level is not None:
            self._flags.labels(level).inc()

    def sent(self, outcome: str) -> None:
        """Count it."""
        self._sends[outcome].inc()

    def flooded(self, seconds: float) -> None:
        """Count it, and the seconds."""
        self._floods.inc()
        self._flooded.inc(seconds)

    def rounds_made(self, seconds: float, *, failed: bool) -> None:
        """Count it in its bucket, and as a failure."""
        self._rounds.observe(seconds)
        if failed:
            self._rounds_failed.inc()

    def transacted(self, access: str, seconds: float) -> None:
        """Count it in its bucket."""
        super().transacted(access, seconds)
        self._transactions[access].observe(seconds)

    def database_failed(self, why: str) -> None:
        """Count it."""
        super().database_failed(why)
        self._failures.inc()


class _Waiting(Collector):
    """What the database said last: gauges that are there only when it did."""

    def __init__(self) -> None:
        self.found: tuple[Backlog, datetime] | None = None

    def collect(self) -> Iterator[Metric]:
        """Yield the gauges."""
        if self.found is None:
            return
        backlog, now = self.found
        yield _gauge("inbox_waiting", "Updates that are not handled.", {(): backlog.updates})
        yield _gauge("inbox_oldest_seconds", "Age of the oldest of them.", {(): _age(backlog.oldest.update, now)})
        yield _gauge("outbox_oldest_due_seconds", "Age of the oldest due message.", {(): _age(backlog.oldest.due, now)})
        messages: dict[tuple[str, ...], float] = {
            (state, name): 0 for state in ("pending", "sending", *UNDELIVERED) for name in URGENCIES
        }
        messages |= {(state, URGENCIES[urgency]): number for (state, urgency), number in backlog.messages.items()}
        yield _gauge("outbox_messages", "Messages by state, but for sent ones.", messages, "state", "urgency")
        followups: dict[tuple[str, ...], float] = {(state,): number for state, number in backlog.followups.items()}
        yield _gauge("followups", "Follow-ups by state.", followups, "state")


def _gauge(name: str, meaning: str, values: dict[tuple[str, ...], float], *labels: str) -> Metric:
    family = GaugeMetricFamily(f"mesobot_{name}", meaning, labels=labels)
    for labelled, value in values.items():
        family.add_metric(labelled, value)
    return family


def _age(since: datetime | None, now: datetime) -> float:
    return max(0.0, (now - since).total_seconds()) if since else 0.0
