"""What this bot costs beside a bare python-telegram-bot echo bot: `python -m tests.benchmarks` measures and prints it.

Every figure is taken now, on this machine. The bots take turns, so that what else the machine does hits all alike, and
the median of the turns' ratios is shown: rates differ from machine to machine, ratios much less. It is a report, and
ends with status 0 whatever it finds.
"""

import argparse
import asyncio
import contextlib
import json
import os
import platform
import sqlite3
import tempfile
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from bot.app import build_libraries
from bot.config import load_clinic
from tests.benchmarks import load
from tests.benchmarks.load import BenchmarkError, Rig, Round

TELEGRAM_RATE = 30
"""Messages a second that Telegram takes from one bot."""

IDLE_SECONDS = 2.0
"""How long a bot has had nothing to do when its memory is read."""


@dataclass(frozen=True, slots=True)
class Plan:
    """How much is measured."""

    updates: int
    turns: int
    messages: int
    future: int
    """Follow-ups that are planned for later."""

    @property
    def chats(self) -> int:
        """Chats that write: two updates each, which no limit of one chat holds back."""
        return self.updates // 2


FULL = Plan(updates=1000, turns=3, messages=1000, future=1_000_000)
QUICK = Plan(updates=400, turns=1, messages=400, future=100_000)


@dataclass(frozen=True, slots=True)
class Row:
    """A line of the table; `met` is None where there is no target."""

    what: str
    reached: str
    target: str = ""
    ratio: str = ""
    spread: str = ""
    """The least and the greatest ratio of the turns."""
    met: bool | None = None


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description="What this bot costs.")
    parser.add_argument("--quick", action="store_true", help="one short turn each: a look, not a result")
    plan = QUICK if parser.parse_args().quick else FULL
    print(
        f"Python {platform.python_version()}, {os.cpu_count()} cores; medians of {plan.turns} alternating turns, "
        f"of {plan.updates} updates in {plan.chats} chats each",
        flush=True,
    )
    for title, measure in (
        ("Updates, all waiting from the start", updates),
        ("From process start to the first getUpdates", starts),
        ("Sending what the outbox owes, limits opened wide", dispatching),
        ("Free time: 5 practitioners, a year with 12,500 visits", calendars),
        (f"Follow-ups that are due, while {plan.future:,} are not", rounds),
    ):
        with tempfile.TemporaryDirectory(prefix="mesobot-bench-") as folder:
            try:
                show(title, asyncio.run(measure(plan, Path(folder))))
            except BenchmarkError as error:
                print(f"\n{title}: not measured: {error}", flush=True)


def show(title: str, rows: Iterable[Row]) -> None:
    """Print one part of the table."""
    print(f"\n{title:<60}{'reached':>10}{'target':>10}{'':>5}{'ratio':>7}{'from, to':>14}", flush=True)
    for row in rows:
        verdict = {True: "yes", False: "NO", None: ""}[row.met]
        line = f"  {row.what:<58}{row.reached:>10}{row.target:>10}{verdict:>5}{row.ratio:>7}{row.spread:>14}"
        print(line.rstrip(), flush=True)


# --- updates ----------------------------------------------------------------------------------------------------------

NAMES = {
    "echo": "bare python-telegram-bot echo bot",
    "tap": "menu tap that writes nothing (two requests to Telegram)",
    "question": "question: kept, understood, answered through the outbox",
    "booking": "booking step: kept, free days looked up, form edited",
}
LEAST = {"tap": 0.9, "question": 0.2, "booking": 0.1}
"""Updates a second to reach, as shares of the echo bot's."""


async def updates(plan: Plan, folder: Path) -> list[Row]:
    """Measure updates a second, CPU an update, and memory."""
    library = next(iter(build_libraries(load_clinic(None)).values()))
    texts = [text for text, route, _ in library.phrases() if route == "answer"]
    async with contextlib.AsyncExitStack() as stack:

        async def running(name: str, command: Sequence[str]) -> Rig:
            (folder / name).mkdir()
            return await stack.enter_async_context(load.bot(command, folder / name, plan.chats))

        rigs = {
            "echo": await running("echo", load.ECHO),
            "tap": await running("tap", load.MESOBOT),
            "question": await running("question", load.MESOBOT),
            "booking": await running("booking", load.MESOBOT),
        }
        menus, category = await rigs["tap"].menus()
        acts: dict[str, Callable[[int], Awaitable[Round]]] = {
            "echo": lambda count: rigs["echo"].questions(count, texts),
            "tap": lambda count: rigs["tap"].taps(count, menus, category),
            "question": lambda count: rigs["question"].questions(count, texts),
            "booking": rigs["booking"].bookings,
        }
        for act in acts.values():
            await act(plan.chats // 5)  # what is loaded at first use
        rounds: dict[str, list[Round]] = {name: [] for name in acts}
        for turn in range(plan.turns):
            for name in sorted(acts, reverse=bool(turn % 2)):
                rounds[name].append(await acts[name](plan.updates))
        peaks = {name: load.memory_of(rig.process.pid, peak=True) for name, rig in rigs.items()}
        for rig in rigs.values():
            rig.check()
    _check_kept(folder / "question" / "mesobot.db", plan.chats // 5 + plan.turns * plan.updates)
    return [*_rates(rounds), *_cpu(rounds), *_peaks(peaks)]


def _check_kept(file: Path, asked: int) -> None:
    """See that each question was really understood and kept, and its answer recorded as sent."""
    with contextlib.closing(sqlite3.connect(f"{file.as_uri()}?mode=ro", uri=True)) as database:
        found = {
            what: database.execute(f"SELECT count(*) FROM {what}").fetchone()[0]  # noqa: S608  no outside text in it
            for what in ("questions", "outbox WHERE state = 'sent'", "inbox WHERE state = 'done'")
        }
    if set(found.values()) != {asked}:
        raise BenchmarkError(f"{asked} questions were asked, but there are {found}")


def _rates(rounds: dict[str, list[Round]]) -> Iterable[Row]:
    yield Row(NAMES["echo"], f"{median(one.rate for one in rounds['echo']):.0f}/s")
    for name, least in LEAST.items():
        shares = [one.rate / echo.rate for one, echo in zip(rounds[name], rounds["echo"], strict=True)]
        yield Row(
            NAMES[name],
            f"{median(one.rate for one in rounds[name]):.0f}/s",
            f">= {least:.0%}",
            f"{median(shares):.0%}",
            f"{min(shares):.0%}, {max(shares):.0%}",
            median(shares) >= least,
        )
    for name, found in rounds.items():
        cores = median(one.cpu / one.seconds for one in found)
        standin = median(one.standin / one.seconds for one in found)
        yield Row(f"cores that the {name} bot and the stand-in got", f"{cores:.2f}+{standin:.2f}")


def _cpu(rounds: dict[str, list[Round]]) -> Iterable[Row]:
    yield Row("CPU for each: echo", f"{median(one.cpu_ms for one in rounds['echo']):.2f} ms")
    for name in LEAST:
        times = [one.cpu_ms / echo.cpu_ms for one, echo in zip(rounds[name], rounds["echo"], strict=True)]
        yield Row(
            f"CPU for each: {name}",
            f"{median(one.cpu_ms for one in rounds[name]):.2f} ms",
            "",
            f"{median(times):.2f}x",
            f"{min(times):.2f}x, {max(times):.2f}x",
        )


def _peaks(peaks: dict[str, float]) -> Iterable[Row]:
    for name, peak in peaks.items():
        yield Row(f"memory at its peak: {name}", f"{peak:.0f} MB", "", f"{peak / peaks['echo']:.1f}x")


# --- starts -----------------------------------------------------------------------------------------------------------

START_SECONDS = 1.5
IDLE_MEGABYTES = 200.0


async def starts(plan: Plan, folder: Path) -> list[Row]:
    """Measure the CPU of a start and the memory of a bot that has nothing to do."""
    (folder / "echo").mkdir()
    first, _ = await _start(load.MESOBOT, folder)
    again, idle, echo = [], [], []
    for _ in range(plan.turns):
        cpu, memory = await _start(load.MESOBOT, folder)
        again.append(cpu)
        idle.append(memory)
        echo.append((await _start(load.ECHO, folder / "echo"))[0])
    parts = json.loads(await load.output(["-m", "tests.benchmarks.parts"], folder))
    start, memory = median(again), median(idle)
    times = [one / bare for one, bare in zip(again, echo, strict=True)]
    return [
        Row("CPU of the bare echo bot", f"{median(echo):.2f} s"),
        Row(
            "CPU of this bot",
            f"{start:.2f} s",
            f"< {START_SECONDS} s",
            f"{median(times):.1f}x",
            f"{min(times):.1f}x, {max(times):.1f}x",
            start < START_SECONDS,
        ),
        *(Row(f"  of this: {part}", f"{parts[part]:.2f} s") for part in ("imports", "content", "matcher")),
        Row("CPU of its first start, with the tables to make", f"{first:.2f} s"),
        Row("memory when idle", f"{memory:.0f} MB", f"< {IDLE_MEGABYTES:.0f} MB", met=memory < IDLE_MEGABYTES),
        Row("CPU of understanding one question, by itself", f"{1000 * parts['question']:.2f} ms"),
    ]


async def _start(command: Sequence[str], folder: Path) -> tuple[float, float]:
    """Return CPU seconds until the first getUpdates and resident megabytes a moment later."""
    async with load.bot(command, folder) as rig:
        await asyncio.sleep(IDLE_SECONDS)
        return rig.standin.cpu_at_poll, load.memory_of(rig.process.pid)


# --- dispatching ------------------------------------------------------------------------------------------------------

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
    """Measure the outbox in waves, and with each row claimed and recorded in commits of its own."""
    waves, each = [], []
    for _ in range(plan.turns):
        waves.append(await _dispatch(folder, plan.messages, WAVE))
        each.append(await _dispatch(folder, plan.messages // 4, 1))
    times = [one.rate / TELEGRAM_RATE for one in waves]
    gains = [wave.rate / one.rate for wave, one in zip(waves, each, strict=True)]
    single = median(one.rate for one in each)
    return [
        Row(
            f"in waves of {WAVE}, against Telegram's {TELEGRAM_RATE}/s",
            f"{median(one.rate for one in waves):.0f}/s",
            f">= {LEAST_TIMES_TELEGRAM:.0f}x",
            f"{median(times):.1f}x",
            f"{min(times):.1f}x, {max(times):.1f}x",
            median(times) >= LEAST_TIMES_TELEGRAM,
        ),
        Row("each row claimed and recorded by itself", f"{single:.0f}/s", "", f"{single / TELEGRAM_RATE:.1f}x"),
        Row("waves against single rows", "", "", f"{median(gains):.1f}x", f"{min(gains):.1f}x, {max(gains):.1f}x"),
        Row("CPU for each message: waves", f"{median(one.cpu_ms for one in waves):.2f} ms"),
        Row("CPU for each message: single rows", f"{median(one.cpu_ms for one in each):.2f} ms"),
    ]


async def _dispatch(folder: Path, count: int, wave: int) -> Sent:
    async with load.serving(chats=count // 2) as (standin, url):
        arguments = [url, *map(str, (count, wave, min(standin.users), len(standin.users)))]
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
    times = [one / plain for one, plain in zip(days, query, strict=True)]
    return [
        Row(f"reading the month's {found[0]['rows']} held units, row by row", f"{median(query):.1f} ms"),
        Row(
            "a month's free days, with anybody",
            f"{median(days):.1f} ms",
            f"< {MONTH_MS:.0f} ms",
            f"{median(times):.2f}x",
            f"{min(times):.2f}x, {max(times):.2f}x",
            median(days) < MONTH_MS,
        ),
        Row("the same, for the first time in a process", f"{median(1000 * one['first'] for one in found):.1f} ms"),
        Row("a day's free times, with anybody", f"{median(1000 * one['times'] for one in found):.1f} ms"),
    ]


# --- follow-ups -------------------------------------------------------------------------------------------------------

FEW = 10_000
LEAST_SHARE = 0.7
GAP_MS = 50.0


async def rounds(plan: Plan, folder: Path) -> list[Row]:
    """Measure what is due among very many that are not beside the same among few, both in one process."""
    sizes = {"few.db": FEW, "many.db": plan.future}
    for name, size in sizes.items():
        await load.output(["-m", "tests.benchmarks.followups", "fill", name, str(size)], folder)
    async with load.serving(chats=plan.messages // 4) as (standin, url):
        arguments = [url, *sizes, *map(str, (3 * plan.turns, min(standin.users), len(standin.users)))]
        found = json.loads(await load.output(["-m", "tests.benchmarks.followups", *arguments], folder))
    few, many = found["few"], found["many"]
    rates = {name: [one["messages"] / one["seconds"] for one in turns] for name, turns in found.items()}
    looks = [less["look"] / more["look"] for less, more in zip(few, many, strict=True)]
    sent = [more / less for less, more in zip(rates["few"], rates["many"], strict=True)]
    gap = max(1000 * one["gap"] for one in (*few, *many))
    return [
        Row(f"a look that finds nothing, among {FEW:,}", f"{1000 * median(one['look'] for one in few):.2f} ms"),
        _share(f"the same, among {plan.future:,}", f"{1000 * median(one['look'] for one in many):.2f} ms", looks),
        Row(f"from due to sent and recorded, among {FEW:,}", f"{median(rates['few']):.0f}/s"),
        _share(f"the same, among {plan.future:,}", f"{median(rates['many']):.0f}/s", sent),
        Row("a round has the writer", f"{1000 * median(one['held_usually'] for one in many):.0f} ms"),
        Row("  at most", f"{1000 * max(one['held'] for one in many):.0f} ms"),
        Row("the event loop does nothing else, at most", f"{gap:.0f} ms", f"< {GAP_MS:.0f} ms", met=gap < GAP_MS),
    ]


def _share(what: str, reached: str, shares: Sequence[float]) -> Row:
    share = median(shares)
    spread = f"{min(shares):.0%}, {max(shares):.0%}"
    return Row(what, reached, f">= {LEAST_SHARE:.0%}", f"{share:.0%}", spread, share >= LEAST_SHARE)


if __name__ == "__main__":
    main()
