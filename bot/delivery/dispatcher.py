"""The dispatcher: sends what the outbox owes, in waves, inside Telegram's limits.

A wave is claimed in one transaction (rows marked `sending`, committed), sent side by side, and recorded in one
transaction. Several waves may be under way, so that one slow answer holds back its own chat only.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

import structlog
from sqlalchemy.orm import Session

from bot.clock import Clock
from bot.delivery import outbox
from bot.delivery.limiter import Limiter
from bot.delivery.messages import Kind, Message
from bot.delivery.outbox import Claimed
from bot.delivery.wire import Refusal, Uncertain, Unsent, Wire
from bot.store.database import Database

log = structlog.get_logger()

WAVES = 4
"""Waves under way at once."""

LOOK_AGAIN = 60.0
"""Seconds after which the outbox is looked at even if nobody woke the dispatcher."""

BACK_OFF = (1.0, 2.0, 5.0, 15.0, 30.0, 60.0)
"""Seconds to wait after the first, second, ... failure to reach Telegram."""


@dataclass(frozen=True, slots=True)
class Sent:
    """Telegram took it."""

    message_id: int | None


@dataclass(frozen=True, slots=True)
class Failed:
    """Telegram refused it for good."""

    error: str


@dataclass(frozen=True, slots=True)
class Unreachable:
    """The person blocked the bot, is gone, or never started it."""

    error: str


@dataclass(frozen=True, slots=True)
class Moved:
    """The group became the supergroup `chat_id`."""

    chat_id: int


@dataclass(frozen=True, slots=True)
class NotYet:
    """It was certainly not sent; try again."""


@dataclass(frozen=True, slots=True)
class Unknown:
    """Nobody knows."""


Result = Sent | Failed | Unreachable | Moved | NotYet | Unknown


@dataclass(frozen=True, slots=True)
class Voice:
    """The few things the dispatcher itself has to say, by language."""

    repeat_mark: Callable[[str], str]
    alarm: Callable[[int], str]


class Dispatcher:
    """Sends until it is stopped; `on_moved` is told of a group's new id in the transaction that redirects its
    messages."""

    def __init__(
        self,
        database: Database,
        wire: Wire,
        clock: Clock,
        voice: Voice,
        *,
        limiter: Limiter | None = None,
        staff_chat: Callable[[Session], int | None] = lambda _: None,
        on_moved: Callable[[Session, int, int], None] = lambda *_: None,
    ) -> None:
        self._database = database
        self._wire = wire
        self._clock = clock
        self._voice = voice
        self._limiter = limiter or Limiter()
        self._staff_chat = staff_chat
        self._on_moved = on_moved
        self._wake = asyncio.Event()
        self._quiet = asyncio.Event()
        self._busy: set[int] = set()
        self._waves: set[asyncio.Task[None]] = set()
        self._stopping = False
        self._failures = 0
        clock.on_move(self.wake)

    def wake(self) -> None:
        """Look at the outbox now."""
        self._quiet.clear()
        self._wake.set()

    async def run(self) -> None:
        """Settle what an earlier process left in the air, then send until `stop`."""
        await self._database.transaction(self._resolve_leftovers)
        while not self._stopping:
            self._wake.clear()
            pause = await self._step()
            if pause > 0:
                await self._sleep(pause)
        if self._waves:
            await asyncio.gather(*self._waves, return_exceptions=True)

    def stop(self) -> None:
        """Claim nothing more; `run` returns once the waves under way are recorded."""
        self._stopping = True
        self.wake()

    async def quiet(self) -> None:
        """Wait until nothing that is due is left to send."""
        await self._quiet.wait()

    async def _step(self) -> float:
        """Send a wave if one is due; return the seconds to wait before looking again."""
        if len(self._waves) >= WAVES:
            return LOOK_AGAIN  # a finished wave wakes
        overall = self._limiter.wait_overall()
        if overall > 0:
            return overall
        resting = self._limiter.resting()
        busy = self._busy | resting.keys()
        now = self._clock.now()
        try:
            rows = await self._database.transaction(
                lambda session: outbox.claim(session, now=now, most=outbox.WAVE, busy=busy)
            )
            if not rows:
                return await self._until_next(resting)
        except Exception as error:
            log.error("outbox.unavailable", error=type(error).__name__)
            return BACK_OFF[0]
        self._busy.update(row.chat_id for row in rows)
        task = asyncio.create_task(self._send_wave(rows))
        self._waves.add(task)
        task.add_done_callback(self._wave_done)
        return 0.0

    async def _until_next(self, resting: dict[int, float]) -> float:
        due = await self._database.read(outbox.next_due)
        seconds = (due - self._clock.now()).total_seconds() if due else LOOK_AGAIN
        if seconds <= 0:  # what is due belongs to chats that rest or are being sent to
            return min(resting.values(), default=LOOK_AGAIN)
        if not self._waves and not self._wake.is_set():
            self._quiet.set()
        return min(seconds, LOOK_AGAIN)

    def _wave_done(self, task: "asyncio.Task[None]") -> None:
        self._waves.discard(task)
        self.wake()

    async def _sleep(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._wake.wait()
        except TimeoutError:
            pass

    async def _send_wave(self, rows: list[Claimed]) -> None:
        results = await asyncio.gather(*(self._send(row) for row in rows))
        outcome = list(zip(rows, results, strict=True))
        while not await self._recorded(outcome):
            if self._stopping:
                return  # the next start finds the rows and settles them
            await asyncio.sleep(BACK_OFF[0])  # the chats stay busy meanwhile, so nothing is sent twice
        self._busy.difference_update(row.chat_id for row in rows)

    async def _recorded(self, outcome: list[tuple[Claimed, Result]]) -> bool:
        try:
            await self._database.transaction(lambda session: self._record(session, outcome))
        except Exception as error:
            log.error("outbox.not_recorded", rows=[row.id for row, _ in outcome], error=type(error).__name__)
            return False
        return True

    async def _send(self, row: Claimed) -> Result:
        while not self._limiter.try_take(row.chat_id):
            if self._stopping:
                return NotYet()
            await asyncio.sleep(max(self._limiter.wait(row.chat_id), 0.001))
        try:
            answer = await self._wire.call(row.method, row.params)
        except Unsent:
            self._network_failed(row)
            return NotYet()
        except Uncertain as error:
            self._network_failed(row)
            log.warning("outbox.uncertain", row=row.id, kind=row.kind.value, error=str(error))
            return Unknown()
        except Refusal as refusal:
            return self._refused(row, refusal)
        self._failures = 0
        return Sent(answer.get("message_id") if isinstance(answer, dict) else None)

    def _network_failed(self, row: Claimed) -> None:
        seconds = BACK_OFF[min(self._failures, len(BACK_OFF) - 1)]
        self._failures += 1
        self._limiter.hold(row.chat_id, seconds)
        if self._failures > outbox.WAVE:  # not one unlucky request: the network is down
            self._limiter.hold_all(seconds)

    def _refused(self, row: Claimed, refusal: Refusal) -> Result:
        text = refusal.description.lower()
        if refusal.retry_after is not None or refusal.code == 429:
            self._limiter.flooded(row.chat_id, float(refusal.retry_after or 1))
            return NotYet()
        if refusal.migrate_to is not None:
            return Moved(refusal.migrate_to)
        if refusal.code in (401, 404):
            log.critical("telegram.token_refused", advice="ask @BotFather for the token and set MESOBOT_TOKEN")
            self._limiter.hold_all(LOOK_AGAIN)
            return NotYet()
        if "message is not modified" in text:
            return Sent(row.params.get("message_id"))
        if refusal.code == 403 or "chat not found" in text or "user not found" in text:
            log.info("outbox.unreachable", row=row.id, chat=row.chat_id)
            return Unreachable(refusal.description)
        log.error("outbox.refused", row=row.id, kind=row.kind.value, code=refusal.code)
        return Failed(refusal.description)

    def _record(self, session: Session, outcome: list[tuple[Claimed, Result]]) -> None:
        now = self._clock.now()
        for row, result in outcome:
            match result:
                case Sent(message_id):
                    outbox.sent(session, row.id, message_id, now)
                case Failed(error):
                    outbox.failed(session, row.id, error, now)
                    self._alarm(session, row)
                case Unreachable(error):
                    outbox.failed(session, row.id, error, now)
                    outbox.park(session, row.chat_id, now)
                case Moved(chat_id):
                    outbox.move(session, row.chat_id, chat_id)
                    self._on_moved(session, row.chat_id, chat_id)
                case NotYet():
                    outbox.put_back(session, row.id)
                case Unknown():
                    self._repeat(session, row)

    def _repeat(self, session: Session, row: Claimed) -> None:
        again = outbox.unknown(session, row, self._voice.repeat_mark(row.language), self._clock.now())
        log.info("outbox.unknown", row=row.id, kind=row.kind.value, repeated=again)

    def _alarm(self, session: Session, row: Claimed) -> None:
        """Tell staff that somebody is waiting for a message that Telegram will not take."""
        staff = self._staff_chat(session)
        if staff is None or row.kind is Kind.STAFF or row.method in outbox.REPEATABLE:
            return
        outbox.post(session, Message(staff, self._voice.alarm(row.id), kind=Kind.STAFF), now=self._clock.now())

    def _resolve_leftovers(self, session: Session) -> None:
        for row in outbox.left_sending(session):
            self._repeat(session, row)
