"""What the database costs without people who write: sending, free time, follow-ups."""

import json
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from tests.benchmarks import load, servers
from tests.benchmarks.load import BenchmarkError
from tests.benchmarks.report import Plan, Row, compared

TELEGRAM_RATE = 30
"""Messages a second that Telegram takes from one bot."""
LEAST_TIMES_TELEGRAM = 8.0
WAVE = 8


@dataclass(frozen=True, slots=True)
class Sent:
    """What sending so many messages took."""

    messages: int
    seconds: float
    cpu: float

    @property
    def rate(self) -> float:
        """Messages a second."""
        return self.messages / self.seconds

    @property
    def cpu_ms(self) -> float:
        """Milliseconds of CPU for each."""
        return 1000 * self.cpu / self.messages


async def dispatching(plan: Plan, folder: Path) -> list[Row]:
    """Measure the outbox in waves, and with each row claimed and recorded in commits of its own, on either database."""
    waves: dict[str, list[Sent]] = {"SQLite": [], "PostgreSQL": []}
    each = []
    with servers.running() as (cluster, _):
        for turn in range(plan.turns):
            file = f"sqlite:///{folder}/{turn}"
            with cluster.database() as url:
                waves["SQLite"].append(await _dispatch(folder, f"{file}-waves.db", plan.messages, WAVE))
                waves["PostgreSQL"].append(await _dispatch(folder, url, plan.messages, WAVE))
                each.append(await _dispatch(folder, f"{file}-each.db", plan.messages // 4, 1))
    rates = {name: [one.rate for one in found] for name, found in waves.items()}
    telegram = [TELEGRAM_RATE] * plan.turns
    against = f"in waves of {WAVE}, against Telegram's {TELEGRAM_RATE}/s"
    singles = [one.rate for one in each]
    return [
        *(
            compared(
                f"{name}: {against}", rates[name], telegram, "{:.0f}/s", style="{:.1f}x", least=LEAST_TIMES_TELEGRAM
            )
            for name in rates
        ),
        compared("PostgreSQL against SQLite", rates["PostgreSQL"], rates["SQLite"], "{:.0f}/s"),
        compared("SQLite: each row by itself, against waves", singles, rates["SQLite"], "{:.0f}/s"),
        *(
            Row(f"{name}: CPU of the bot for each message", f"{median(one.cpu_ms for one in found):.2f} ms")
            for name, found in waves.items()
        ),
    ]


async def _dispatch(folder: Path, database: str, count: int, wave: int) -> Sent:
    async with load.serving(chats=count // 2) as (standin, url):
        arguments = [url, database, *map(str, (count, wave, min(standin.users), len(standin.users)))]
        sent = Sent(count, **json.loads(await load.output(["-m", "tests.benchmarks.dispatch", *arguments], folder)))
        if standin.done["sendMessage"] != count:
            raise BenchmarkError(f"{standin.done['sendMessage']} of {count} messages arrived")
        return sent


# --- free time --------------------------------------------------------------------------------------------------------

MONTH_MS = 20.0


async def calendars(plan: Plan, folder: Path) -> list[Row]:
    """Measure a month's free days beside a plain query of the rows that they depend on."""
    found = [json.loads(await load.output(["-m", "tests.benchmarks.slots"], folder)) for _ in range(plan.turns)]
    days, query = ([1000 * one[what] for one in found] for what in ("days", "query"))
    return [
        Row(f"reading the month's {found[0]['rows']} held units, row by row", f"{median(query):.1f} ms"),
        compared("a month's free days, with anybody, against that", days, query, "{:.1f} ms"),
        Row("  the same", f"{median(days):.1f} ms", f"< {MONTH_MS:.0f} ms", met=median(days) < MONTH_MS),
        Row("  for the first time in a process", f"{median(1000 * one['first'] for one in found):.1f} ms"),
        Row("a day's free times, with anybody", f"{median(1000 * one['times'] for one in found):.1f} ms"),
    ]


# --- follow-ups -------------------------------------------------------------------------------------------------------

FEW = 10_000
LEAST_SHARE = 0.7
GAP_MS = 50.0


async def rounds(plan: Plan, folder: Path) -> list[Row]:
    """Measure what is due among very many that are not beside the same among few, on either database."""
    rows = await _rounds("SQLite", plan, folder, [f"sqlite:///{folder}/{name}.db" for name in ("few", "many")])
    with servers.running() as (cluster, _), ExitStack() as stack:
        urls = [stack.enter_context(cluster.database()) for _ in range(2)]
        return [*rows, *await _rounds("PostgreSQL", plan, folder, urls)]


async def _rounds(name: str, plan: Plan, folder: Path, urls: Sequence[str]) -> list[Row]:
    for database, size in zip(urls, (FEW, plan.future), strict=True):
        await load.output(["-m", "tests.benchmarks.followups", "fill", database, str(size)], folder)
    async with load.serving(chats=plan.messages // 4) as (standin, url):
        arguments = [url, *urls, *map(str, (2 * plan.turns, min(standin.users), len(standin.users)))]
        found = json.loads(await load.output(["-m", "tests.benchmarks.followups", *arguments], folder))
    few, many = found["few"], found["many"]
    rates = {which: [one["messages"] / one["seconds"] for one in turns] for which, turns in found.items()}
    looks = [[1 / one["look"] for one in turns] for turns in (many, few)]
    gap = max(1000 * one["gap"] for one in (*few, *many))
    beside = f"{plan.future:,} to come, against {FEW:,}"
    return [
        compared(f"{name}: looks a second that find nothing, {beside}", *looks, "{:.0f}/s", least=LEAST_SHARE),
        compared(f"{name}: due to sent, {beside}", rates["many"], rates["few"], "{:.0f}/s", least=LEAST_SHARE),
        Row(f"{name}: a round has the writer", f"{1000 * median(one['held_usually'] for one in many):.0f} ms"),
        Row("  at most", f"{1000 * max(one['held'] for one in many):.0f} ms"),
        Row("  the event loop does nothing else, at most", f"{gap:.0f} ms", f"< {GAP_MS:.0f} ms", met=gap < GAP_MS),
    ]
