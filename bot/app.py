"""The composition root: settings, clinic, database, clock and a transport become a running application."""

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

import structlog
from apscheduler.schedulers.asyncio import AsyncIOScheduler
from telegram.error import InvalidToken, TelegramError

from bot import logs
from bot.clinic import (
    backups,
    drafts,
    enquiries,
    followups,
    rehearsal,
    replies,
    staffroom,
    undelivered,
    upkeep,
    visits,
    waits,
)
from bot.clock import Clock
from bot.config import Clinic, Settings
from bot.delivery import inbox, outbox
from bot.delivery.dispatcher import Dispatcher, Voice
from bot.delivery.edge import Edge, PoisonError
from bot.delivery.inbox import Kept, Stumbled
from bot.delivery.intake import Intake
from bot.delivery.limiter import Limiter, Rate
from bot.delivery.messages import Kind, Message
from bot.delivery.outbox import Claimed
from bot.delivery.poller import ALLOWED_UPDATES, Poller, pauses
from bot.delivery.replica import Replica
from bot.delivery.wire import Refusal, Transport, Wire, WireError
from bot.errors import ContentError, SettingsError, StoreError
from bot.meters import Meters, Pulse
from bot.store import backup
from bot.store.database import Database, Session, is_passing
from bot.store.models import Fact
from bot.wording import facts, front, staff
from bot.wording import visits as visit_words
from bot.wording.speech import Speech, Speeches
from faq import content
from faq.check import Finding, check
from faq.content import Library
from faq.matcher import Matcher, Phrase
from faq.reader import Reader
from handlers import all_handlers
from handlers.clocks import follow_zone
from handlers.desk import Desk
from handlers.followups import follow_programme, learn_languages
from handlers.pages import Pages
from handlers.rounds import make_rounds

log = structlog.get_logger()

T = TypeVar("T")

TOLD_STAFF_CHAT = "staff chat setting"
"""The staff group that the settings named last: Telegram may have given the group a new id since, which counts."""

ROUND_SECONDS = 5
"""How often it is looked whether something has become due."""

WEBHOOK_SECONDS = 60
"""How often Telegram is asked whether updates still come to our address."""

BACKUP_MINUTES = 10
"""How often it is looked whether a backup is due, and how soon one that failed is tried again."""


def content_folders(clinic: Clinic) -> list[Path]:
    """Return the folders of content, the clinic's own laid over the packaged one."""
    return [content.packaged(), *([clinic.content.folder] if clinic.content.folder else [])]


def build_libraries(clinic: Clinic) -> dict[str, Library]:
    """Read the content of every language there is; raises ContentError."""
    folders = content_folders(clinic)
    languages = content.languages(folders)
    if clinic.language not in languages:
        raise ContentError(f"language: there is no {clinic.language}/categories.yaml; there are {', '.join(languages)}")
    return {language: content.load(folders, language) for language in languages}


def build_speeches(clinic: Clinic) -> Speeches:
    """Read the catalogues of every language there is; raises ContentError."""
    folders = [clinic.content.folder] if clinic.content.folder else []
    return Speeches(clinic.language, folders, clinic.tz, country=clinic.country)


def build_reader(
    clinic: Clinic, libraries: Mapping[str, Library], speeches: Speeches, clock: Clock, cache: Path | None = None
) -> Reader:
    """Fit a matcher for each language; what a clinic's own content costs is kept in the folder `cache`."""
    today = clock.now().astimezone(clinic.tz).date()
    values = facts.values(speeches.default, clinic, today)
    unanswerable = {
        topic.id for library in libraries.values() for topic in library.topics.values() if topic.answer(values) is None
    }
    matchers = {
        language: Matcher.fit(
            [Phrase(*phrase) for phrase in library.phrases()], cache=cache / language if cache else None
        )
        for language, library in libraries.items()
    }
    return Reader(matchers, unanswerable, default=clinic.language)


def check_content(clinic: Clinic, clock: Clock) -> list[Finding]:
    """Return what is wrong with the content of every language, and with the programme of follow-ups.

    Raises ContentError where the content cannot be read at all.
    """
    speeches = build_speeches(clinic)
    today = clock.now().astimezone(clinic.tz).date()
    found = [
        finding
        for language, library in build_libraries(clinic).items()
        for finding in check(library, facts.values(speeches.of(language), clinic, today), today)
    ]
    return [*found, *rehearsal.look_through(clinic)]


class App:
    """The running bot: `start`, then `idle` or waiting as one likes, then `stop`."""

    def __init__(
        self,
        settings: Settings,
        clinic: Clinic,
        database: Database,
        clock: Clock,
        transport: Transport,
        *,
        limiter: Limiter | None = None,
        reader: Reader | None = None,
        meters: Meters | None = None,
    ) -> None:
        if settings.token is None:
            raise SettingsError("MESOBOT_TOKEN is not set")
        self.settings = settings
        self.clinic = clinic
        self.database = database
        self.meters = database.meters = meters or Pulse()
        self.clock = clock
        self.wire = Wire(transport)
        self.speeches = build_speeches(clinic)
        self._libraries = build_libraries(clinic)
        self._reader = reader
        self.desk = Desk(
            database,
            self.wire,
            clock,
            clinic,
            self.speeches,
            Pages(clinic, self._libraries, clock),
            self._ready_reader,
            meters=self.meters,
        )
        self.edge = Edge(self.wire, settings.token.get_secret_value(), all_handlers(self.desk))
        self._replica = Replica(database)
        self.dispatcher = Dispatcher(
            database,
            self.wire,
            clock,
            Voice(
                repeat_mark=lambda language: front.repeat_mark(self.speeches.of(language)),
                alarm=self._alarm,
            ),
            limiter=limiter or Limiter(Rate(settings.send_rate, max(1.0, settings.send_rate / 5))),
            sends=self._replica.sends,
            staff_chat=staffroom.chat,
            on_moved=lambda session, old, new: staffroom.moved(session, old, new, clock.now()),
            on_lost=self._tell_of_lost,
            meters=self.meters,
        )
        self.claim_code: str | None = None
        self._ready = asyncio.Event()
        self._stopping = asyncio.Event()
        self._intake = Intake(database, clock, self._replica, self._handle)
        self._rounds: set[asyncio.Future[None]] = set()
        self._once_more = False
        """Another round is to follow the one that is under way."""
        self._scheduler = AsyncIOScheduler(timezone="UTC")
        self._tasks: list[asyncio.Task[None]] = []
        database.on_owed = self._replica.on_owed = self.dispatcher.wake
        self._replica.on_lanes = self._intake.look
        self._replica.on_kept = self._intake.look

    @property
    def username(self) -> str:
        """The bot's @name, without the @; known once it is started."""
        return self.edge.username

    def _alarm(self, session: Session, row_id: int) -> str:
        """Say to staff that a message could not be sent, and to whom."""
        name, phone = undelivered.whose(session, row_id)
        shown = visit_words.phone(phone, self.clinic.country) if phone else None
        return staff.undeliverable(self.speeches.default, row_id, name, shown)

    async def start(self) -> None:
        """Reach Telegram, take up what an earlier run left behind, and begin; raises SettingsError for a bad token."""
        await self._open_edge()
        await self._at_last(self._replica.open)
        if self._replica.leads:
            self.claim_code = await self._at_last(lambda: self.database.transaction(self._appoint_staff))
            await follow_zone(self.desk)
            await follow_programme(self.desk)
        subscribed = await self._subscribe()
        self._scheduler.add_job(
            self._sweep, "interval", hours=1, coalesce=True, max_instances=1, misfire_grace_time=None
        )
        if self.settings.backup_folder is not None:
            self._scheduler.add_job(
                self._back_up,
                "interval",
                minutes=BACKUP_MINUTES,
                coalesce=True,
                max_instances=1,
                misfire_grace_time=None,
            )
        self.clock.on_move(self._begin_rounds)
        self._scheduler.start()
        self._tasks.append(asyncio.create_task(self.dispatcher.run()))
        self._tasks.append(asyncio.create_task(self._beat()))
        await learn_languages(self.desk)
        self._replica.on_sender = self._begin_to_send
        self._intake.look()
        if self.settings.webhook_url is None:
            poller = Poller(self.wire, self.take, may_fetch=self._replica.sends, meters=self.meters)
            self._tasks.append(asyncio.create_task(poller.run()))
        else:
            self._tasks.append(asyncio.create_task(self._watch_webhook()))
        if not subscribed:
            self._tasks.append(asyncio.create_task(self._subscribe_at_last()))
        self._tasks.append(asyncio.create_task(self._introduce()))
        await self._learn()
        self.meters.started(self.username)

    async def take(self, batch: list[dict[str, Any]]) -> None:
        """Keep updates as Telegram sent them, then have them handled; once this returns they cannot be lost."""
        await self._intake.take(batch)
        self.meters.kept(len(batch))

    async def idle(self) -> None:
        """Wait until every update that came is handled and nothing that is due is left to send."""
        while True:
            await self._intake.until_idle()
            await asyncio.gather(*self._rounds)
            if self._replica.leads:
                await self.dispatcher.quiet()
            if self._intake.is_idle and not self._rounds:
                return

    async def stop(self) -> None:
        """Stop taking updates, finish what is under way, record it, and let go of everything."""
        self._stopping.set()
        self._ready.set()
        for task in self._tasks[1:]:
            task.cancel()
        await asyncio.gather(*self._tasks[1:], return_exceptions=True)
        if self._scheduler.running:
            self._scheduler.shutdown(wait=False)
        await asyncio.gather(*self._rounds)
        await self._intake.stop()
        self.dispatcher.stop()
        await asyncio.gather(*self._tasks[:1], return_exceptions=True)
        await self._replica.close()
        await self.edge.close()
        await self.wire.close()

    async def _learn(self) -> None:
        """Fit the reader, unless one was handed in, while updates are kept already; they are handled from then on."""
        if self._reader is None:
            self._reader = await asyncio.to_thread(
                build_reader, self.clinic, self._libraries, self.speeches, self.clock, self.database.cache_folder
            )
        self._ready.set()

    def _ready_reader(self) -> Reader:
        if self._reader is None:
            raise RuntimeError("an update is handled before the reader is there")
        return self._reader

    async def _at_last(self, work: Callable[[], Awaitable[T]]) -> T:
        """Do what the start needs of the database, however long another program, or a passing failure, keeps it."""
        pausing = pauses()
        while True:
            try:
                return await work()
            except Exception as error:
                if not is_passing(error):
                    raise
                log.warning("database.waited_for", error=type(error).__name__)
            await asyncio.sleep(next(pausing))

    async def _open_edge(self) -> None:
        for pause in pauses():
            try:
                return await self.edge.open()
            except InvalidToken:
                raise SettingsError("Telegram does not know MESOBOT_TOKEN: copy it again from @BotFather") from None
            except TelegramError as error:
                log.warning(
                    "telegram.unreachable", api=self.settings.api_url, error=type(error).__name__, again_in=pause
                )
                await asyncio.sleep(pause)

    def _appoint_staff(self, session: Session) -> str | None:
        """Return a code with which a group can claim to be the staff group, where there is none yet."""
        told = session.get(Fact, TOLD_STAFF_CHAT)
        if self.settings.staff_chat is not None and (told is None or told.value != str(self.settings.staff_chat)):
            staffroom.appoint(session, self.settings.staff_chat, self.clock.now())
            session.merge(Fact(name=TOLD_STAFF_CHAT, value=str(self.settings.staff_chat)))
        return staffroom.new_code(session) if staffroom.chat(session) is None else None

    async def _subscribe(self) -> bool:
        """Tell Telegram how updates are to come; False where that is worth another try.

        Raises SettingsError where Telegram refuses the webhook's address.
        """
        method, params = "deleteWebhook", {}
        if self.settings.webhook_url is not None and self.settings.webhook_secret is not None:
            secret = self.settings.webhook_secret.get_secret_value()
            method = "setWebhook"
            params = {"url": self.settings.webhook_url, "secret_token": secret, "allowed_updates": ALLOWED_UPDATES}
        try:
            await self.wire.call(method, params)
        except Refusal as refusal:
            log.error("telegram.not_subscribed", code=refusal.code)
            if method == "setWebhook" and refusal.code == 400:
                raise SettingsError(f"MESOBOT_WEBHOOK_URL: Telegram answers {refusal.description!r}") from None
            return refusal.retry_after is None
        except WireError as error:
            log.warning("telegram.not_subscribed", error=type(error).__name__)
            return False
        return True

    async def _subscribe_at_last(self) -> None:
        for pause in pauses():
            await asyncio.sleep(pause)
            if await self._subscribe():
                return

    async def _watch_webhook(self) -> None:
        while True:
            await asyncio.sleep(WEBHOOK_SECONDS)
            if self._replica.leads:
                await self._look_at_webhook()

    async def _look_at_webhook(self) -> None:
        """See that updates still come to our address, and set it again where another program has taken it away."""
        try:
            info = await self.wire.call("getWebhookInfo")
            if info.get("url") == self.settings.webhook_url:
                return self.meters.fetched()
            log.error("webhook.lost", advice="another program uses this bot's token: find it and stop it")
            self.meters.not_fetched("the webhook was taken away, and is being set again: does another program run?")
            await self._subscribe()
        except Refusal as refusal:
            log.error("webhook.not_known", code=refusal.code)
            advice = ": see that MESOBOT_TOKEN is right" if refusal.code in (401, 404) else ""
            self.meters.not_fetched(f"Telegram refuses this bot ({refusal.code}){advice}")
        except (WireError, SettingsError) as error:
            log.warning("webhook.not_known", error=type(error).__name__)
            self.meters.not_fetched("Telegram cannot be reached, or does not take the webhook's address")

    async def _introduce(self) -> None:
        """Tell Telegram which commands there are; a failure only costs the list of commands."""
        try:
            for speech in self.speeches:
                language = {"language_code": speech.language[:2]} if speech is not self.speeches.default else {}
                commands = [{"command": name, "description": text} for name, text in front.commands(speech)]
                scope = {"type": "all_private_chats"}
                await self.wire.call("setMyCommands", {"commands": commands, "scope": scope, **language})
            commands = [{"command": name, "description": text} for name, text in staff.commands(self.speeches.default)]
            await self.wire.call("setMyCommands", {"commands": commands, "scope": {"type": "all_group_chats"}})
        except WireError as error:
            log.info("commands.not_set", error=type(error).__name__)

    async def _handle(self, kept: Kept) -> None:
        """Handle one update: again after a passing failure of the database, a few times after any other."""
        await self._ready.wait()
        if self._reader is None:
            return  # stopped before it was there; the update is in the inbox
        for pause in pauses():
            try:
                with logs.about(update=kept.update_id):
                    await self.edge.handle(kept)
            except Exception as error:
                if not await self._stumbled(kept, error):
                    return
            else:
                return self._note_handled(kept.update_id)
            if await self._stopped_within(pause):
                return  # it is in the inbox

    async def _stopped_within(self, seconds: float) -> bool:
        """Wait, but no longer than the program runs; True where it is to stop."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._stopping.wait()
        return self._stopping.is_set()

    async def _stumbled(self, kept: Kept, error: Exception) -> bool:
        """Record a failure; True while the update is to be tried again."""
        log.error("update.failed", update=kept.update_id, error=type(error).__name__, at=logs.place(error))
        if kept.update_id in self.desk.marked:  # it is done; what failed was a courtesy, such as stopping a spinner
            self._note_handled(kept.update_id)
            return False
        if is_passing(error):
            self.dispatcher.wake()  # it may have been committed all the same
            return True
        try:
            return await self.database.transaction(lambda session: self._put_aside(session, kept, error))
        except Exception as second:
            log.error("update.not_recorded", update=kept.update_id, error=type(second).__name__)
            return True

    def _put_aside(self, session: Session, kept: Kept, error: Exception) -> bool:
        """Count the failure; after the last, own up to the person who waits and tell staff."""
        now = self.clock.now()
        tries = 1 if isinstance(error, PoisonError) else inbox.ATTEMPTS
        match inbox.stumble(session, kept.update_id, type(error).__name__, now, tries=tries):
            case Stumbled.AGAIN:
                return True
            case Stumbled.SETTLED:
                return False
            case Stumbled.ASIDE:
                self.meters.put_aside()
        if kept.lane > 0 and "message" in kept.payload:
            sorry = front.went_wrong(self.speeches.default, self.clinic)
            outbox.post(session, Message(kept.lane, sorry), now=now, language=self.speeches.default.language)
        staff_chat = staffroom.chat(session)
        if staff_chat is not None:
            alarm = Message(staff_chat, staff.poisoned(self.speeches.default), kind=Kind.STAFF)
            outbox.post(session, alarm, now=now, language=self.speeches.default.language)
        return False

    def _note_handled(self, update_id: int) -> None:
        """See to it that the update is marked, where its handler has not done so."""
        self.meters.handled()
        if update_id in self.desk.marked:
            self.desk.marked.discard(update_id)
        else:
            self._intake.done(update_id)

    async def next_due(self) -> datetime | None:
        """Return when something is to be said or done next."""
        rooms = (outbox, enquiries, visits, waits, followups, replies)
        found = await self.database.read(
            lambda session: [
                *(room.next_due(session) for room in rooms),
                drafts.next_due(session, self.clinic),
            ]
        )
        return min((due for due in found if due is not None), default=None)

    def _tell_of_lost(self, session: Session, row: Claimed) -> None:
        """Tell staff that nobody knows whether a message arrived, though it was repeated."""
        speech, now = self.speeches.default, self.clock.now()
        lost = undelivered.lost(session, row.id, now)
        if lost is None:
            return
        words = staff.may_be_lost(speech, lost.name, lost.phone, was=lost.was)
        message = Message(lost.staff_chat, words, kind=Kind.STAFF, reply_to=lost.answer)
        outbox.post(session, message, now=now, language=speech.language, key=lost.key)

    def _begin_to_send(self) -> None:
        """Go on where the program that sent until now has left off."""
        self.dispatcher.wake()
        self._begin_rounds()

    async def _beat(self) -> None:
        """Begin the rounds, by the loop's own seconds: the scheduler goes by the clock, and waits where it is set
        back."""
        while True:
            await asyncio.sleep(ROUND_SECONDS)
            if self._replica.is_shared:
                self._intake.look()  # a notice may have been missed
            self._begin_rounds()

    def _begin_rounds(self) -> None:
        """Start a round that `stop` waits for, or have the one under way followed by another."""
        if self._stopping.is_set() or not self._replica.leads:
            return  # the clock outlives a stopped application in tests and in the demo
        if self._rounds:
            self._once_more = True
            return
        task = asyncio.ensure_future(self._make_rounds())
        self._rounds.add(task)
        task.add_done_callback(self._rounds.discard)

    async def _make_rounds(self) -> None:
        """Do what has become due, and again where that was asked for meanwhile."""
        self._once_more = True
        while self._once_more and not self._stopping.is_set():
            self._once_more = False
            await self._make_round()

    async def _make_round(self) -> None:
        began, failed = time.perf_counter(), False
        try:
            await make_rounds(self.desk)
        except Exception as error:
            failed = True
            log.error("rounds.failed", error=type(error).__name__, at=logs.place(error))
        self.meters.rounds_made(time.perf_counter() - began, failed=failed)

    async def _sweep(self) -> None:
        """Delete what has been kept long enough."""
        if not self._replica.leads or self.clock.doubt() is not None:
            return
        now = self.clock.now()
        try:
            for step in upkeep.STEPS:
                while await self.database.transaction(upkeep.batch(step, self.clinic, now)):
                    pass  # batch by batch, so that whoever writes has their turn in between
        except Exception as error:
            log.error("sweep.failed", error=type(error).__name__)

    async def _back_up(self) -> None:
        """Make the day's backup where it is due; that it fails is told to staff once, until one is made again."""
        folder = self.settings.backup_folder
        if folder is None or not self._replica.leads:
            return
        url, seal, zone, now = self.database.url, backup.seal_of(self.settings), self.clinic.tz, self.clock.now()
        keep = timedelta(days=self.clinic.privacy.backup_days)
        try:
            made = await asyncio.to_thread(backup.make_due, url, folder, seal, zone, now, keep=keep)
        except Exception as error:
            log.error("backup.failed", error=str(error) if isinstance(error, StoreError) else type(error).__name__)
            await self._tell_staff(backups.failed, staff.backup_failed)
            return
        if made is not None:
            log.info("backup.made", file=made.name)
            await self._tell_staff(backups.made, staff.backup_made_again)

    async def _tell_staff(self, news: Callable[[Session], int | None], words: Callable[[Speech], str]) -> None:
        """Tell the staff group whose id `news` returns."""
        speech, now = self.speeches.default, self.clock.now()

        def tell(session: Session) -> None:
            chat_id = news(session)
            if chat_id is not None:
                message = Message(chat_id, words(speech), kind=Kind.STAFF)
                outbox.post(session, message, now=now, language=speech.language)

        try:
            await self.database.transaction(tell)
        except Exception as error:  # it is news the next time as well
            log.error("staff.not_told", error=type(error).__name__)
