"""The load driver: Telegram's stand-in in this process, bots as child processes, and what updates cost them.

The stand-in does the same for every bot, and its work is not counted as theirs: a bot's CPU is that of its own process.
"""

import asyncio
import contextlib
import os
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from bot.clock import SystemClock
from bot.sandbox.server import SandboxServer
from bot.sandbox.telegram import Telegram
from bot.sandbox.world import Json, Reply, Upload, User

TOKEN = "1234567890:a-token-for-benchmarks-only"
PATIENCE = 90.0
"""Seconds after which a bot that does not answer ends the benchmark."""

SETTLE = 0.6
"""Seconds after the last answer in which a bot may still write down what it did; that CPU is counted."""

ROOT = Path(__file__).parents[2]
MESOBOT = (sys.executable, "-m", "bot", "run")
ECHO = (sys.executable, "-m", "tests.benchmarks.echo_ptb", "{url}", TOKEN)
AIOGRAM_PYTHON = Path(sys.prefix) / "bench" / "bin" / "python"
"""Python with aiogram in it, which wants another pydantic than this program's: `make bench` makes it."""
AIOGRAM = (str(AIOGRAM_PYTHON), "-m", "tests.benchmarks.echo_aiogram", "{url}", TOKEN)

_TICK = os.sysconf("SC_CLK_TCK")


class BenchmarkError(Exception):
    """A program did not do its work, so there is nothing to measure."""


class Standin(Telegram):
    """The stand-in, counting what succeeded."""

    def __init__(self) -> None:
        super().__init__(TOKEN, SystemClock(), record_calls=False)
        self.done: Counter[str] = Counter()
        self.refused: Counter[str] = Counter()
        self.polled = asyncio.Event()
        self.process: int | None = None
        self.cpu_at_poll = 0.0
        self._goal: tuple[str, int] | None = None
        self._reached = asyncio.Event()

    async def call(
        self, method: str, params: Json, files: dict[str, Upload] | None = None, *, token: str | None = None
    ) -> Reply:
        """Do what a request asks."""
        if method == "getUpdates" and not self.polled.is_set():
            self.cpu_at_poll = cpu_of(self.process) if self.process else 0.0
            self.polled.set()
        reply = await super().call(method, params, files, token=token)
        (self.done if reply.status == 200 else self.refused)[method] += 1
        if self._goal is not None and self.done[self._goal[0]] >= self._goal[1]:
            self._reached.set()
        return reply

    async def until(self, method: str, count: int) -> None:
        """Wait until `method` has succeeded `count` times in all; raises BenchmarkError if that takes too long."""
        self._goal = (method, count)
        self._reached.clear()
        if self.done[method] >= count:
            return
        try:
            await asyncio.wait_for(self._reached.wait(), PATIENCE)
        except TimeoutError:
            reason = f"{self.done[method]} of {count} {method} came, refused were {dict(self.refused)}"
            raise BenchmarkError(reason) from None


@dataclass(frozen=True, slots=True)
class Round:
    """What a number of updates cost."""

    updates: int
    seconds: float
    cpu: float
    """Seconds of the bot's process."""
    standin: float
    """Seconds of the stand-in's."""
    server: float
    """Seconds of the database server's; 0 for SQLite, which is in the bot's process."""

    def __add__(self, other: "Round") -> "Round":
        return Round(
            self.updates + other.updates,
            self.seconds + other.seconds,
            self.cpu + other.cpu,
            self.standin + other.standin,
            self.server + other.server,
        )

    @property
    def rate(self) -> float:
        """Updates a second."""
        return self.updates / self.seconds

    @property
    def cpu_ms(self) -> float:
        """Milliseconds of the bot's CPU for each update."""
        return 1000 * self.cpu / self.updates

    @property
    def whole_ms(self) -> float:
        """Milliseconds of CPU for each update, the database server's included."""
        return 1000 * (self.cpu + self.server) / self.updates


class Rig:
    """One bot, in one process or in several, its own stand-in, and people who write to it."""

    def __init__(self, standin: Standin, processes: Sequence[asyncio.subprocess.Process], server: int = 0) -> None:
        self.standin = standin
        self.processes = processes
        self._server = server
        self.people: list[User] = list(standin.users.values())
        self._away: set[int] = set()
        """Who looks at a category and not at the menu."""

    def split(self) -> "Rig":
        """Return the same bot with the second half of the people; this one keeps the first."""
        other = Rig(self.standin, self.processes, self._server)
        half = len(self.people) // 2
        self.people, other.people = self.people[:half], self.people[half:]
        return other

    async def questions(self, count: int, texts: Sequence[str]) -> Round:
        """Let people ask `count` questions, in turn, all at once; each gets one message back."""

        async def ask(number: int, user: User) -> None:
            await self.standin.send_text(user.id, texts[number % len(texts)])

        return await self._round(ask, count, "sendMessage")

    async def taps(self, count: int, menus: Mapping[int, int], category: str) -> Round:
        """Let people tap a category, and then their way back to the menu; `menus` names each one's message."""

        async def tap(_: int, user: User) -> None:
            self._away ^= {user.id}
            data = category if user.id in self._away else "menu"
            await self.standin.tap(user.id, user.id, menus[user.id], data)

        return await self._round(tap, count, "editMessageText", "answerCallbackQuery")

    async def menus(self) -> tuple[dict[int, int], str]:
        """Ask the bot for its menu once and lay a copy into every chat: message ids by chat, and a category's data."""
        first = self.people[0]
        answered = self.standin.done["sendMessage"]
        await self.standin.send_text(first.id, "/menu")
        await self.standin.until("sendMessage", answered + 1)
        shown = self.standin.history(first.id)[-1]
        content: Json = {name: shown[name] for name in ("text", "entities", "reply_markup") if name in shown}
        ids = {
            user.id: int(self.standin.show(self.standin.chats[user.id], self.standin.bot_dict, content)["message_id"])
            for user in self.people
        }
        return ids, str(shown["reply_markup"]["inline_keyboard"][0][0]["callback_data"])

    async def bookings(self, count: int) -> Round:
        """Let half as many people begin a booking, and then take two steps each, which are measured: what, and with
        whom; after the second, the month's free days are shown."""
        writers = self.people[: count // 2]
        for text in ("/cancel", "/book"):
            answered = self.standin.done["sendMessage"]
            for user in writers:
                await self.standin.send_text(user.id, text)
            await self.standin.until("sendMessage", answered + len(writers))

        async def step(_: int, user: User) -> None:
            form = self.standin.history(user.id)[-1]
            button = form["reply_markup"]["inline_keyboard"][0][0]
            await self.standin.tap(user.id, user.id, form["message_id"], button["callback_data"])

        first = await self._round(step, len(writers), "editMessageText", "answerCallbackQuery")
        second = await self._round(step, len(writers), "editMessageText", "answerCallbackQuery")
        return first + second

    def check(self) -> None:
        """Raise BenchmarkError if Telegram had to refuse anything: then not all was measured that should have been."""
        if self.standin.refused:
            raise BenchmarkError(f"refused were {dict(self.standin.refused)}")

    async def _round(self, act: Callable[[int, User], Awaitable[None]], count: int, *methods: str) -> Round:
        goals = {method: self.standin.done[method] + count for method in methods}
        for number in range(count):
            await act(number, self.people[number % len(self.people)])
        cpu, server, own, began = self.cpu(), self.server_cpu(), time.process_time(), time.perf_counter()
        for method, goal in goals.items():
            await self.standin.until(method, goal)
        seconds, standin = time.perf_counter() - began, time.process_time() - own
        await asyncio.sleep(SETTLE)
        return Round(count, seconds, self.cpu() - cpu, standin, self.server_cpu() - server)

    def cpu(self) -> float:
        """Return the seconds of CPU that the bot's processes have used."""
        return sum(cpu_of(process.pid) for process in self.processes)

    def server_cpu(self) -> float:
        """Return those of the database server, with all its processes, also those that ended."""
        return family_cpu_of(self._server) if self._server else 0.0


@contextlib.asynccontextmanager
async def serving(chats: int) -> AsyncIterator[tuple[Standin, str]]:
    """Serve a stand-in with so many people in it who have started the bot; yields it with its address."""
    standin = Standin()
    people = [standin.add_user(f"Patient {number}") for number in range(chats)]
    for user in people:
        user.started = True
    standin.add_group("Staff", people[:1])
    async with SandboxServer(standin) as server:
        yield standin, server.url


@contextlib.asynccontextmanager
async def child(
    command: Sequence[str], folder: Path, standin: Standin, url: str, settings: Mapping[str, str]
) -> AsyncIterator[asyncio.subprocess.Process]:
    """Run one process of a bot, in `folder`, until the context ends."""
    with (folder / "stderr").open("wb") as complaints:
        process = await asyncio.create_subprocess_exec(
            *(part.format(url=url) for part in command),
            cwd=folder,
            env=_environment(url) | {"MESOBOT_STAFF_CHAT": str(min(standin.chats)), **settings},
            stdout=asyncio.subprocess.DEVNULL,
            stderr=complaints,
        )
    try:
        yield process
    finally:
        await _end(process)


@contextlib.asynccontextmanager
async def bot(
    command: Sequence[str],
    folder: Path,
    chats: int = 1,
    settings: Mapping[str, str] | None = None,
    server: int = 0,
) -> AsyncIterator[Rig]:
    """Run a bot, in `folder`, until the context ends; "{url}" in `command` becomes the stand-in's address, `server` is
    the process of its database."""
    async with serving(chats) as (standin, url), child(command, folder, standin, url, settings or {}) as process:
        standin.process = process.pid
        polled, gone = asyncio.create_task(standin.polled.wait()), asyncio.create_task(process.wait())
        await asyncio.wait((polled, gone), timeout=PATIENCE, return_when=asyncio.FIRST_COMPLETED)
        polled.cancel()
        gone.cancel()
        if not standin.polled.is_set():
            raise BenchmarkError(f"{command} did not start: {(folder / 'stderr').read_text()[-2000:]}")
        yield Rig(standin, [process], server)


async def output(command: Sequence[str], folder: Path) -> str:
    """Run a program of this package, in `folder`, and return what it prints; raises BenchmarkError where it fails."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *command,
        cwd=folder,
        env=_environment(""),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        out, complaints = await asyncio.wait_for(process.communicate(), PATIENCE)
    except TimeoutError:
        raise BenchmarkError(f"{command} did not end") from None
    finally:
        await _end(process)
    if process.returncode:
        raise BenchmarkError(f"{command} failed: {complaints.decode()[-2000:]}")
    return out.decode()


async def _end(process: asyncio.subprocess.Process) -> None:
    if process.returncode is not None:
        return
    process.terminate()
    try:
        await asyncio.wait_for(process.wait(), 15)
    except TimeoutError:
        process.kill()
        await process.wait()


def _environment(url: str) -> dict[str, str]:
    """Return a child's environment: this folder's sources, and compiled modules kept, as an installation keeps them."""
    inherited = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("MESOBOT_") and name != "PYTHONDONTWRITEBYTECODE"
    }
    settings = {"MESOBOT_TOKEN": TOKEN, "MESOBOT_API_URL": url, "MESOBOT_SEND_RATE": "1000"}
    return {**inherited, **settings, "MESOBOT_LOG_LEVEL": "WARNING", "PYTHONPATH": str(ROOT)}


def cpu_of(process: int) -> float:
    """Return the seconds of CPU that a process has used (from Linux's /proc)."""
    user, system = _stat(process)[11:13]
    return (user + system) / _TICK


def family_cpu_of(process: int) -> float:
    """Return those that a process, its children, and its children that ended have used."""
    family = [process, *map(int, Path(f"/proc/{process}/task/{process}/children").read_text(encoding="ascii").split())]
    ended = sum(_stat(process)[13:15]) / _TICK
    return ended + sum(cpu_of(one) for one in family)


def _stat(process: int) -> list[int]:
    fields = Path(f"/proc/{process}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    return [int(field) if field.lstrip("-").isdigit() else 0 for field in fields]


def memory_of(process: int, *, peak: bool = False) -> float:
    """Return the resident megabytes of a process, now or at their peak (from Linux's /proc)."""
    name = "VmHWM:" if peak else "VmRSS:"
    lines = Path(f"/proc/{process}/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith(name))
