"""What people who write cost: beside bare echo bots, on either database, with several programs, with many chats."""

import asyncio
import contextlib
import json
import os
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from functools import cache, partial
from itertools import islice
from pathlib import Path
from statistics import median

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from bot.app import build_libraries, build_reader, build_speeches
from bot.clock import SystemClock
from bot.config import load_clinic
from bot.store.database import Database, parse_url
from bot.store.models import Incoming, Outgoing, Question
from tests.benchmarks import history, load, servers
from tests.benchmarks.load import BenchmarkError, Rig, Round
from tests.benchmarks.replicas import fleet
from tests.benchmarks.report import Plan, Row, compared

Act = Callable[[int], Awaitable[Round]]
"""Lets people do something so many times."""

UNSEEN = Path(__file__).parents[1] / "data" / "questions.jsonl"
DIFFERENT = 100
"""Questions that people ask in turn."""
NAMES = {
    "aiogram": "bare aiogram echo bot",
    "tap": "menu tap that writes nothing (two requests)",
    "question": "question: kept, understood, answered through the outbox",
    "booking": "booking step: kept, free days looked up, form edited",
}
LEAST = {"tap": 0.9, "question": 0.2, "booking": 0.1}
"""Updates a second to reach, as shares of the echo bot's."""


@cache
def unseen_questions() -> list[str]:
    """Return questions that an answer is found to, none of them in the words of the content: those cost less."""
    clinic, clock = load_clinic(None), SystemClock()
    reader = build_reader(clinic, build_libraries(clinic), build_speeches(clinic), clock)
    texts = [json.loads(line)["text"] for line in UNSEEN.read_text(encoding="utf-8").splitlines()]
    return list(islice((text for text in texts if reader.read(text, "en").route == "answer"), DIFFERENT))


async def _measured(acts: Mapping[str, Act], plan: Plan) -> dict[str, list[Round]]:
    """Let the acts take turns."""
    for act in acts.values():
        await act(plan.chats // 5 * 2)  # what is loaded at first use
    rounds: dict[str, list[Round]] = {name: [] for name in acts}
    for turn in range(plan.turns):
        for name in sorted(acts, reverse=bool(turn % 2)):
            rounds[name].append(await acts[name](plan.updates))
    return rounds


def _rates(rounds: Sequence[Round]) -> list[float]:
    return [one.rate for one in rounds]


def _cores(name: str, rounds: Sequence[Round]) -> Row:
    """Return a line of how many cores each side of the table could use; together they share those of the machine."""
    bot, server, standin = (
        median(getattr(one, what) / one.seconds for one in rounds) for what in ("cpu", "server", "standin")
    )
    parts = f"{bot:.2f}+{server:.2f}+{standin:.2f}" if server else f"{bot:.2f}+{standin:.2f}"
    return Row(f"cores got: {name}{', its database server' if server else ''}, the stand-in", parts)


# --- beside echo bots -------------------------------------------------------------------------------------------------


async def updates(plan: Plan, folder: Path) -> list[Row]:
    """Measure updates a second, CPU an update, and memory."""
    texts = await asyncio.to_thread(unseen_questions)
    commands = {"echo": load.ECHO, "tap": load.MESOBOT, "question": load.MESOBOT, "booking": load.MESOBOT}
    if load.AIOGRAM_PYTHON.exists():
        commands["aiogram"] = load.AIOGRAM
    async with contextlib.AsyncExitStack() as stack:
        rigs: dict[str, Rig] = {}
        for name, command in commands.items():
            (folder / name).mkdir()
            rigs[name] = await stack.enter_async_context(load.bot(command, folder / name, plan.chats))
        acts = await _acts(rigs, texts)
        for name in {"echo", "aiogram"} & rigs.keys():
            acts[name] = partial(rigs[name].questions, texts=texts)
        rounds = await _measured(acts, plan)
        peaks = {name: load.memory_of(rig.processes[0].pid, peak=True) for name, rig in rigs.items()}
        for rig in rigs.values():
            rig.check()
    _check_kept(f"sqlite:///{folder}/question/mesobot.db", plan)
    echo = rounds["echo"]
    missing = [] if "aiogram" in rigs else [Row("bare aiogram echo bot: NOT MEASURED, aiogram is not installed")]
    others = {name: rounds[name] for name in NAMES if name in rounds}
    return [
        Row("bare python-telegram-bot echo bot: updates a second", f"{median(_rates(echo)):.0f}/s"),
        *missing,
        *(
            compared(NAMES[name], _rates(found), _rates(echo), "{:.0f}/s", style="{:.0%}", least=LEAST.get(name))
            for name, found in others.items()
        ),
        Row("CPU of the echo bot for each", f"{median(one.cpu_ms for one in echo):.2f} ms"),
        *(
            compared(f"CPU for each: {name}", [one.cpu_ms for one in found], [one.cpu_ms for one in echo], "{:.2f} ms")
            for name, found in others.items()
        ),
        *(_cores(name, found) for name, found in rounds.items()),
        *(
            Row(f"memory at its peak: {name}", f"{peak:.0f} MB", ratio=f"{peak / peaks['echo']:.2f}x")
            for name, peak in peaks.items()
        ),
    ]


async def _acts(rigs: Mapping[str, Rig], texts: Sequence[str]) -> dict[str, Act]:
    menus, category = await rigs["tap"].menus()
    return {
        "tap": partial(rigs["tap"].taps, menus=menus, category=category),
        "question": partial(rigs["question"].questions, texts=texts),
        "booking": rigs["booking"].bookings,
    }


def _check_kept(url: str, plan: Plan) -> None:
    """See that each question was really understood and kept, and its answer recorded as sent."""
    asked = plan.chats // 5 * 2 + plan.turns * plan.updates

    def count(session: Session) -> list[int]:
        found = (
            select(func.count()).select_from(Question),
            select(func.count()).select_from(Outgoing).where(Outgoing.state == "sent"),
            select(func.count()).select_from(Incoming).where(Incoming.state != "done"),
        )
        return [session.scalar(one) or 0 for one in found]

    database = Database(parse_url(url))
    counted = database.read_now(count)
    database.close()
    if counted != [asked, asked, 0]:
        raise BenchmarkError(f"{asked} questions were asked; kept, answered and not handled are {counted}")


# --- on either database -----------------------------------------------------------------------------------------------


async def databases(plan: Plan, folder: Path) -> list[Row]:
    """Measure the same on SQLite and on PostgreSQL, both of which write to the disk what they confirm."""
    texts = await asyncio.to_thread(unseen_questions)
    acts: dict[str, Act] = {}
    async with contextlib.AsyncExitStack() as stack:
        cluster, server = stack.enter_context(servers.running())
        for name in ("SQLite", "PostgreSQL"):
            shared = name == "PostgreSQL"
            url = stack.enter_context(cluster.database()) if shared else f"sqlite:///{folder}/{name}.db"
            (folder / name).mkdir()
            settings = {"MESOBOT_DATABASE_URL": url}
            one = load.bot(load.MESOBOT, folder / name, 2 * plan.chats, settings, server if shared else 0)
            asking = await stack.enter_async_context(one)
            booking = asking.split()
            found = await _acts({"tap": asking, "question": asking, "booking": booking}, texts)
            acts |= {f"{what} {name}": act for what, act in found.items()}
        rounds = await _measured(acts, plan)
    rows = []
    for what in LEAST:
        pair = [rounds[f"{what} {name}"] for name in ("PostgreSQL", "SQLite")]
        whole = [[one.whole_ms for one in found] for found in pair]
        bot = [[one.cpu_ms for one in found] for found in pair]
        rows += [
            Row(f"{what}: SQLite", f"{median(_rates(pair[1])):.0f}/s"),
            compared(f"{what}: PostgreSQL, against SQLite", *map(_rates, pair), "{:.0f}/s"),
            compared("  CPU of the bot", *bot, "{:.2f} ms"),
            compared("  CPU of the bot and of the database server", *whole, "{:.2f} ms"),
        ]
    return rows


# --- several programs -------------------------------------------------------------------------------------------------

REPLICAS = 3


async def programs(plan: Plan, folder: Path) -> list[Row]:
    """Measure questions with one program and with three, each on a PostgreSQL database of its own."""
    texts = await asyncio.to_thread(unseen_questions)
    async with contextlib.AsyncExitStack() as stack:
        cluster, server = stack.enter_context(servers.running())
        rigs = {}
        for count in (1, REPLICAS):
            url = stack.enter_context(cluster.database())
            rigs[count] = await stack.enter_async_context(fleet(count, folder, plan.chats, url, server))
        acts = {f"{count}": partial(rig.questions, texts=texts) for count, rig in rigs.items()}
        rounds = await _measured(acts, plan)
        for rig in rigs.values():
            rig.check()
    one, several = rounds["1"], rounds[f"{REPLICAS}"]
    for_each = [[1000 / each.cpu_ms for each in found] for found in (several, one)]
    whole = [[1000 / each.whole_ms for each in found] for found in (several, one)]
    return [
        Row("questions a second, one program behind a webhook", f"{median(_rates(one)):.0f}/s"),
        compared(f"  {REPLICAS} programs, against one", _rates(several), _rates(one), "{:.0f}/s"),
        compared(f"  for each CPU second of the {REPLICAS} programs, against one", *for_each, "{:.0f}"),
        compared("  for each CPU second of programs and database server", *whole, "{:.0f}"),
        _cores("one program", one),
        _cores(f"{REPLICAS} programs", several),
        *(Row(line) for line in _seen(os.cpu_count() or 1)),
    ]


def _seen(cores: int) -> Iterable[str]:
    yield f"{cores} cores are shared by the programs, the database server and the stand-in:"
    if cores <= REPLICAS + 1:
        yield "seen here: whether one program leaves cores idle that several can use, and what"
        yield "sharing costs (questions for each CPU second); not seen here: how far the rate"
        yield "goes up with a core for each, nor where the one lock of all writers ends it"
    else:
        yield "each can have one, so the rate shows what several programs gain"


# --- many chats -------------------------------------------------------------------------------------------------------

FEW, MANY = 10, 10_000
LEAST_SHARE = 0.7


async def growth(plan: Plan, folder: Path) -> list[Row]:
    """Measure questions and taps where few patients are known, and where very many have a history."""
    texts = await asyncio.to_thread(unseen_questions)
    acts: dict[str, Act] = {}
    async with contextlib.AsyncExitStack() as stack:
        rigs = {}
        for known in (FEW, MANY):
            home = folder / f"{known}"
            home.mkdir()
            await asyncio.to_thread(history.fill, f"sqlite:///{home}/mesobot.db", known)
            rigs[known] = await stack.enter_async_context(load.bot(load.MESOBOT, home, plan.chats))
            menus, category = await rigs[known].menus()
            acts[f"question {known}"] = partial(rigs[known].questions, texts=texts)
            acts[f"tap {known}"] = partial(rigs[known].taps, menus=menus, category=category)
        rounds = await _measured(acts, plan)
        memory = {known: load.memory_of(rig.processes[0].pid, peak=True) for known, rig in rigs.items()}
    pairs = {what: [rounds[f"{what} {known}"] for known in (MANY, FEW)] for what in ("question", "tap")}
    return [
        *(
            compared(f"{what}s a second", *map(_rates, pair), "{:.0f}/s", least=LEAST_SHARE)
            for what, pair in pairs.items()
        ),
        *(
            compared(f"CPU for each {what}", *([one.cpu_ms for one in found] for found in pair), "{:.2f} ms")
            for what, pair in pairs.items()
        ),
        Row("memory at its peak", f"{memory[MANY]:.0f} MB", ratio=f"{memory[MANY] / memory[FEW]:.2f}x"),
    ]


# --- starts, and memory -----------------------------------------------------------------------------------------------

START_SECONDS = 1.5
IDLE_SECONDS = 2.0
"""How long a bot has had nothing to do when its memory is read."""
IDLE_MEGABYTES = 200.0


async def starts(plan: Plan, folder: Path) -> list[Row]:
    """Measure the CPU of a start, and memory: with nothing to do, and after many chats."""
    (folder / "echo").mkdir()
    first, _ = await _start(load.MESOBOT, folder)
    again, idle, echo = [], [], []
    for _ in range(plan.turns):
        cpu, memory = await _start(load.MESOBOT, folder)
        again.append(cpu)
        idle.append(memory)
        echo.append((await _start(load.ECHO, folder / "echo"))[0])
    parts = json.loads(await load.output(["-m", "tests.benchmarks.parts"], folder))
    texts = await asyncio.to_thread(unseen_questions)
    async with load.bot(load.MESOBOT, folder, plan.met) as rig:
        await rig.questions(plan.met, texts)
        after = load.memory_of(rig.processes[0].pid)
    start, memory = median(again), median(idle)
    return [
        Row("CPU of the bare python-telegram-bot echo bot", f"{median(echo):.2f} s"),
        compared("CPU of this bot, against that", again, echo, "{:.2f} s", style="{:.1f}x"),
        Row("  the same", f"{start:.2f} s", f"< {START_SECONDS} s", met=start < START_SECONDS),
        *(Row(f"  of this: {part}", f"{parts[part]:.2f} s") for part in ("imports", "content", "matcher")),
        Row("CPU of its first start, with the tables to make", f"{first:.2f} s"),
        Row("memory when idle", f"{memory:.0f} MB", f"< {IDLE_MEGABYTES:.0f} MB", met=memory < IDLE_MEGABYTES),
        Row(
            f"memory after {plan.met} chats that asked, against idle", f"{after:.0f} MB", ratio=f"{after / memory:.2f}x"
        ),
        Row("CPU of understanding one unseen question, by itself", f"{1000 * parts['question']:.2f} ms"),
    ]


async def _start(command: Sequence[str], folder: Path) -> tuple[float, float]:
    """Return CPU seconds until the first getUpdates and resident megabytes a moment later."""
    async with load.bot(command, folder) as rig:
        await asyncio.sleep(IDLE_SECONDS)
        return rig.standin.cpu_at_poll, load.memory_of(rig.processes[0].pid)
