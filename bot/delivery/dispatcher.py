"""The dispatcher: sends what the outbox owes, in waves, inside Telegram's limits.

A wave is claimed in one transaction (rows marked `sending`, committed), sent side by side, and recorded in one
transaction. Several waves may be under way, and what is answered is recorded without waiting for the rest of its wave,
so that one slow answer holds back its own chat only.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import partial

import structlog
from sqlalchemy.orm import Session

from bot.clock import Clock
from bot.delivery import outbox
from bot.delivery.limiter import Limiter
from bot.delivery.messages import Kind, Message, attached
from bot.delivery.outbox import Claimed
from bot.delivery.wire import File, Refusal, Uncertain, Unsent, Wire, WireError
from bot.meters import Meters
from bot.store import leases
from bot.store.database import Database, is_passing

log = structlog.get_logger()

WAVES = 4
"""Waves under way at once."""

GRACE = 0.5
"""Seconds after which what a wave has achieved is recorded, although some of it still waits for an answer."""

PATIENCE = 1.0
"""Seconds that a claimed message may wait for its turn: longer, and it is put back, where a crash does it no harm."""

PROBE_SECONDS = 5.0
"""How long a network that was down may take to answer getMe."""

RECORDING_TRIES = 3
"""Tries to record a wave while the program stops, or where trying again is no use."""

STANDBY = 1.0
"""Seconds between two looks whether it has become this program that sends."""

LOOK_AGAIN = 60.0
"""Seconds after which the outbox is looked at even if nobody woke the dispatcher."""

UNREACHABLE = ("chat not found", "user not found", "not enough rights", "have no rights", "chat_write_forbidden")
"""What Telegram says, besides 403, where a chat takes no message from the bot for now."""

BACK_OFF = (1.0, 2.0, 5.0, 10.0)
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

    unreached: bool = False
    """True where Telegram could not be reached."""


@dataclass(frozen=True, slots=True)
class Unknown:
    """Nobody knows."""


Result = Sent | Failed | Unreachable | Moved | NotYet | Unknown


@dataclass(frozen=True, slots=True)
class Voice:
    """The few things the dispatcher itself has to say, by language."""

    repeat_mark: Callable[[str], str]
    alarm: Callable[[Session, int], str]


class Dispatcher:
    """Sends until it is stopped, while `sends` says that it is this program that does; `on_moved` is told of a group's
    new id in the transaction that redirects its messages, `on_lost` of a repeat that may not have arrived either."""

    def __init__(
        self,
        database: Database,
        wire: Wire,
        clock: Clock,
        voice: Voice,
        *,
        limiter: Limiter | None = None,
        sends: Callable[[], bool] = lambda: True,
        staff_chat: Callable[[Session], int | None] = lambda _: None,
        on_moved: Callable[[Session, int, int], None] = lambda *_: None,
        on_lost: Callable[[Session, Claimed], None] = lambda *_: None,
        meters: Meters | None = None,
    ) -> None:
        self._database = database
        self._wire = wire
        self._clock = clock
        self._voice = voice
        self._limiter = limiter or Limiter()
        self._sends = sends
        self._has_taken_over = False
        self._staff_chat = staff_chat
        self._on_moved = on_moved
        self._on_lost = on_lost
        self._meters = meters or Meters()
        self._wake = asyncio.Event()
        self._quiet = asyncio.Event()
        self._busy: set[int] = set()
        self._waves: set[asyncio.Task[None]] = set()
        self._stopping = False
        self._failures = 0
        self._doubtful = False
        """True while a claim may have been committed although it seemed to fail."""
        clock.on_move(self.wake)

    def wake(self) -> None:
        """Look at the outbox now."""
        self._quiet.clear()
        self._wake.set()

    async def run(self) -> None:
        """Settle what an earlier process left in the air, then send until `stop`."""
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
        pause = await self._not_yet()
        if pause is not None:
            return pause
        resting = self._limiter.resting()
        busy = self._busy | resting.keys()
        now = self._clock.now()
        held = self._clock.doubt() is not None
        # no more than may go now: what is claimed and waits would be in the way of a reply
        most = max(1, min(outbox.WAVE, self._limiter.at_once()))
        try:
            rows = await self._database.transaction(lambda session: self._claim(session, now, most, busy, held=held))
            self._doubtful = False
            if not rows:
                return await self._until_next(resting, busy, held=held)
        except Exception as error:
            self._doubtful = True
            log.error("outbox.unavailable", error=type(error).__name__)
            return BACK_OFF[0]
        self._busy.update(row.chat_id for row in rows)
        task = asyncio.create_task(self._send_wave(rows))
        self._waves.add(task)
        task.add_done_callback(self._wave_done)
        return 0.0

    async def _not_yet(self) -> float | None:
        """Return the seconds to wait where nothing may be claimed now; None where it may."""
        if not self._sends():
            self._has_taken_over = False
            return STANDBY
        if not self._has_taken_over:
            return await self._take_over()
        if len(self._busy) > (WAVES - 1) * outbox.WAVE:
            return LOOK_AGAIN  # whatever is recorded wakes
        overall = self._limiter.wait_overall()
        if overall > 0:
            return overall
        if self._failures > 1 and not await self._reachable():
            self._failures += 1
            self._limiter.hold_all(_pause(self._failures))
            return _pause(self._failures)
        return None

    def _claim(self, session: Session, now: datetime, most: int, busy: set[int], *, held: bool) -> list[Claimed]:
        if not leases.is_sender(session):
            return []
        if self._doubtful:
            outbox.reclaim(session, self._busy)
        return outbox.claim(session, now=now, most=most, busy=busy, held=held)

    async def _until_next(self, resting: dict[int, float], busy: set[int], *, held: bool) -> float:
        due = await self._database.read(lambda session: outbox.next_due(session, held=held))
        if due is None or due > self._clock.now():
            if not self._waves and not self._wake.is_set():
                self._failures = 0  # there is nothing left that could be risked
                self._quiet.set()
            return self._until(due)
        # What is due belongs to chats that rest or are being sent to; the others must not wait for them.
        others = await self._database.read(lambda session: outbox.next_due(session, busy, held=held))
        return min(self._until(others), *resting.values(), LOOK_AGAIN)

    def _until(self, due: datetime | None) -> float:
        if due is None:
            return LOOK_AGAIN
        return min(max(0.0, (due - self._clock.now()).total_seconds()), LOOK_AGAIN)

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
        failures = self._failures
        under_way = {asyncio.create_task(self._send(row)): row for row in rows}
        while under_way:
            answered, _ = await asyncio.wait(under_way, timeout=GRACE)
            outcome = [(under_way.pop(task), task.result()) for task in answered]
            for _, result in outcome:
                self._meters.sent(type(result).__name__)
            failures = self._judge_network(failures, outcome)
            await self._settle(outcome)
            self._busy.difference_update(row.chat_id for row, _ in outcome)
            self.wake()

    async def _settle(self, outcome: list[tuple[Claimed, Result]]) -> None:
        """Record what came of messages. Until it is recorded, their chats stay busy and nothing is sent twice."""
        tries = 0
        while outcome:
            try:
                return await self._database.transaction(partial(self._record, outcome=outcome))
            except Exception as error:
                tries += 1
                log.error("outbox.not_recorded", rows=[row.id for row, _ in outcome], error=type(error).__name__)
                if not is_passing(error):
                    if len(outcome) > 1:
                        for one in outcome:  # one that cannot be recorded must not keep the others from it
                            await self._settle([one])
                        return
                    outcome = [(row, _plainer(result, error)) for row, result in outcome]
                if tries >= RECORDING_TRIES and (self._stopping or not is_passing(error)):
                    return  # they stay `sending`, so that the next start knows that nobody knows
                await asyncio.sleep(BACK_OFF[0])

    def _judge_network(self, failures: int, outcome: list[tuple[Claimed, Result]]) -> int:
        """Hold back the chats that were not reached: for longer, and everybody, once later waves fail as well.

        Waves that began side by side, with the same count of `failures`, share one misfortune. Returns the count from
        which this wave goes on.
        """
        lost = [row.chat_id for row, result in outcome if result in (Unknown(), NotYet(unreached=True))]
        if any(result not in (Unknown(), NotYet(unreached=True), NotYet()) for _, result in outcome):
            self._failures = failures = 0
        elif lost:
            self._failures = max(self._failures, failures + 1)
        for chat_id in lost:
            self._limiter.hold(chat_id, _pause(self._failures))
        if lost and self._failures > 1:
            self._limiter.hold_all(_pause(self._failures))
        return failures

    async def _reachable(self) -> bool:
        """Ask Telegram something harmless, so that no message is risked on a network that was down a moment ago."""
        try:
            await self._wire.call("getMe", seconds=PROBE_SECONDS)
        except Refusal:
            return True
        except WireError:
            return False
        return True

    async def _send(self, row: Claimed) -> Result:
        try:
            return await self._attempt(row)
        except Exception as error:  # nothing that goes wrong with one message may end its wave
            reason = str(error) if isinstance(error, Uncertain) else type(error).__name__
            log.warning("outbox.uncertain", row=row.id, kind=row.kind.value, error=reason)
            return Unknown()

    async def _attempt(self, row: Claimed) -> Result:
        if not await self._turn(row) or not self._sends():  # another program may think by now that this one is gone
            return NotYet()
        try:
            params, files = attached(row.params)
            uploads = {part: File(name, content, mime) for part, (name, mime, content) in files.items()}
            answer = await self._wire.call(row.method, params, files=uploads)
        except Unsent:
            return NotYet(unreached=True)
        except Refusal as refusal:
            return self._refused(row, refusal)
        return Sent(answer.get("message_id") if isinstance(answer, dict) else None)

    async def _turn(self, row: Claimed) -> bool:
        """Wait for the limits to let one message go; False where that would take long, or the program stops."""
        new = row.method not in outbox.REPEATABLE  # a finger paces edits
        while not self._limiter.try_take(row.chat_id, new=new):
            seconds = self._limiter.wait(row.chat_id, new=new)
            if self._stopping or seconds > PATIENCE:
                return False
            await asyncio.sleep(max(seconds, 0.001))
        return True

    def _refused(self, row: Claimed, refusal: Refusal) -> Result:
        text = refusal.description.lower()
        if refusal.retry_after is not None or refusal.code == 429:
            self._limiter.flooded(row.chat_id, float(refusal.retry_after or 1))
            self._meters.flooded(float(refusal.retry_after or 1))
            return NotYet()
        if refusal.migrate_to is not None and row.chat_id < 0:  # else it is a copy's origin that was upgraded
            return Moved(refusal.migrate_to)
        if refusal.code in (401, 404):
            log.critical("telegram.token_refused", advice="ask @BotFather for the token and set MESOBOT_TOKEN")
            self._limiter.hold_all(LOOK_AGAIN)
            return NotYet()
        gone = row.method == "deleteMessage" and refusal.code == 400  # deleted by its reader, or too old to go
        if "message is not modified" in text or gone:
            return Sent(row.params.get("message_id"))
        closed = row.method not in outbox.REPEATABLE and any(reason in text for reason in UNREACHABLE)
        if refusal.code == 403 or closed:
            say = log.error if row.chat_id < 0 else log.info  # a patient may leave, the staff's group should not
            say("outbox.unreachable", row=row.id, chat=row.chat_id, code=refusal.code)
            return Unreachable(refusal.description)
        log.error("outbox.refused", row=row.id, kind=row.kind.value, code=refusal.code)
        return Failed(refusal.description)

    def _record(self, session: Session, outcome: list[tuple[Claimed, Result]]) -> None:
        now = self._clock.now()
        for row, result in outcome:
            match result:
                case Sent(message_id):
                    outbox.sent(session, row.id, message_id, now)
                    if row.chat_id < 0:  # a group that takes messages again gets those that were parked for it
                        outbox.unpark(session, row.chat_id, now)
                case Failed(error):
                    outbox.failed(session, row.id, error, now)
                    self._alarm(session, row)
                case Unreachable(error):
                    outbox.park(session, row.chat_id, now, error)
                    if row.chat_id > 0:
                        self._alarm(session, row)
                case Moved(chat_id):
                    outbox.move(session, row.chat_id, chat_id, now)
                    self._on_moved(session, row.chat_id, chat_id)
                case NotYet():
                    outbox.put_back(session, row)
                case Unknown():
                    self._repeat(session, row)

    def _repeat(self, session: Session, row: Claimed) -> None:
        again = outbox.unknown(session, row, self._voice.repeat_mark(row.language), self._clock.now())
        log.info("outbox.unknown", row=row.id, kind=row.kind.value, repeated=again)
        if row.repeats is not None:
            self._on_lost(session, row)

    def _alarm(self, session: Session, row: Claimed) -> None:
        """Tell staff that somebody does not get a message; that such an alarm does not arrive is not told again."""
        staff = self._staff_chat(session)
        is_note = row.kind is Kind.STAFF and row.subject is None
        if staff is None or is_note or row.method in outbox.REPEATABLE:
            return
        outbox.post(session, Message(staff, self._voice.alarm(session, row.id), kind=Kind.STAFF), now=self._clock.now())

    async def _take_over(self) -> float:
        """Settle what another process has left in the air; return the seconds to wait before going on."""
        try:
            self._has_taken_over = await self._database.transaction(self._resolve_leftovers)
        except Exception as error:
            log.error("outbox.unavailable", error=type(error).__name__)
            return BACK_OFF[0]
        return 0.0 if self._has_taken_over else STANDBY

    def _resolve_leftovers(self, session: Session) -> bool:
        if not leases.is_sender(session):
            return False
        for row in outbox.left_sending(session):
            if row.chat_id not in self._busy:  # what this program is sending still will be recorded
                self._repeat(session, row)
        return True


def _pause(failures: int) -> float:
    """Return the seconds to wait after so many failures in a row to reach Telegram."""
    return BACK_OFF[min(max(failures, 1), len(BACK_OFF)) - 1]


def _plainer(result: Result, error: Exception) -> Result:
    """Return what can be recorded of a result that the database does not take as it is."""
    return Sent(None) if isinstance(result, Sent) else Failed(type(error).__name__)
