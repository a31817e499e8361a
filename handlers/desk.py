"""The desk: what every handler works with, and the two ways to say something.

`keep` runs one use-case in one transaction, with the update's id marked as handled and what it owes written to the
outbox.
`turn_to` answers a tap that changes nothing: straight to Telegram and without a write; into the outbox only if that
fails.
"""

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, TypeVar

import structlog
from telegram import CallbackQuery, Update, User

from bot.clinic import patients
from bot.clinic.patients import Person
from bot.clock import Clock
from bot.config import Clinic
from bot.delivery import inbox, outbox
from bot.delivery.messages import Edit, Message, Outbound, to_call
from bot.delivery.patience import Patience
from bot.delivery.wire import Refusal, Wire, WireError
from bot.meters import Meters
from bot.store.database import Database, Session
from bot.wording.speech import Speech, Speeches
from faq.reader import Reader
from handlers.pages import Page, Pages

log = structlog.get_logger()

Outcome = TypeVar("Outcome")

SETTLING_LOOKS, SETTLING_PAUSE = 200, 0.2
"""How often it is looked whether a message has gone, and the seconds between: longer than a request may take."""


@dataclass(frozen=True, slots=True)
class Owed:
    """A message to be kept; a reply to it is about `subject`, and an edit of the message `source` follows it."""

    message: Outbound
    subject: str | None = None
    source: str | None = None
    language: str | None = None
    """The reader's language, where it is not that of the person who acted."""
    valid_until: datetime | None = None
    """After that it is not to be sent any more."""


@dataclass(frozen=True)
class Desk:
    """What a handler needs."""

    database: Database
    wire: Wire
    clock: Clock
    clinic: Clinic
    speeches: Speeches
    pages: Pages
    find_reader: Callable[[], Reader]
    """Returns the reader, which is there before the first update is handled."""
    meters: Meters = field(default_factory=Meters)
    marked: set[int] = field(default_factory=set)
    """Updates that a transaction has marked as handled since the application last looked."""
    delayed: set[tuple[int, int]] = field(default_factory=set)
    """Chats and messages with a page in the outbox: a page sent past it would be overwritten by the older one."""

    own_languages: dict[int, str] = field(default_factory=dict)
    """The languages that people chose instead of their Telegram's, by chat."""
    looked_at: dict[str, datetime] = field(default_factory=dict)
    """When something that need not be looked at in every round was looked at last."""
    doubts: set[int] = field(default_factory=set)
    """Doubts about the clock that have been told of and are not over."""
    members: dict[tuple[int, int], datetime] = field(default_factory=dict)
    """Until when somebody is taken for a member of a group, by group and person."""
    talk: Patience = field(default_factory=lambda: Patience(30, timedelta(minutes=1), timedelta(minutes=1)))
    """With what one person writes; a nervous one types fifteen short lines in a minute."""
    relay: Patience = field(default_factory=lambda: Patience(60, timedelta(hours=1), timedelta(minutes=15)))
    """With what one person makes the staff group read; what may be an emergency is not counted."""
    alarms: Patience = field(default_factory=lambda: Patience(60, timedelta(minutes=10), timedelta(minutes=5)))
    """With what one person writes below a possible emergency; the calls to it go on whatever they write."""
    links: Patience = field(default_factory=lambda: Patience(20, timedelta(hours=1), timedelta(hours=1)))
    """With the links of visits that one person opens."""
    claims: Patience = field(default_factory=lambda: Patience(5, timedelta(hours=1), timedelta(hours=1)))
    """With the codes one group tries."""

    @property
    def reader(self) -> Reader:
        """Understands what people write."""
        return self.find_reader()

    def speech(self, user: User | None) -> Speech:
        """Return the language the person chose, that of their client, or the clinic's own."""
        return self.speeches.of((self.own_languages.get(user.id) or user.language_code) if user else None)

    @property
    def staff_speech(self) -> Speech:
        """Return the language of the clinic's staff."""
        return self.speeches.default

    async def keep(
        self,
        update: Update,
        say: Speech,
        use_case: Callable[[Session, datetime], Outcome],
        render: Callable[[Outcome], Iterable[Owed]],
    ) -> Outcome | None:
        """Run `use_case` once for `update` and owe what `render` makes of its outcome, all in one transaction.

        Returns None where the update had been handled before.
        """
        now = self.clock.now()

        def whole(session: Session) -> Outcome | None:
            if not inbox.finish(session, update.update_id, now):
                return None
            return self._said(session, say, now, use_case, render)

        outcome = await self.database.transaction(whole)
        self.marked.add(update.update_id)
        return outcome

    async def act(
        self,
        say: Speech,
        use_case: Callable[[Session, datetime], Outcome],
        render: Callable[[Outcome], Iterable[Owed]],
    ) -> Outcome:
        """Do the same where no update asks for it, but time does."""
        now = self.clock.now()
        return await self.database.transaction(lambda session: self._said(session, say, now, use_case, render))

    def _said(
        self,
        session: Session,
        say: Speech,
        now: datetime,
        use_case: Callable[[Session, datetime], Outcome],
        render: Callable[[Outcome], Iterable[Owed]],
    ) -> Outcome:
        outcome = use_case(session, now)
        for owed in render(outcome):
            outbox.post(
                session,
                owed.message,
                now=now,
                language=owed.language or say.language,
                subject=owed.subject,
                source=owed.source,
                valid_until=owed.valid_until,
            )
        return outcome

    async def send(self, update: Update, say: Speech, *pages: Page) -> None:
        """Send `pages` to the chat of `update`, without a booking to whom nothing is offered; nothing else changes."""
        chat = update.effective_chat
        if chat is None:
            return

        def render(flagged: bool) -> Iterable[Owed]:
            for page in pages:
                shown = page.without_booking() if flagged else page
                yield Owed(Message(chat.id, shown.text, shown.rows))

        await self.keep(update, say, lambda session, now: patients.was_flagged(session, chat.id, now), render)

    async def until_settled(self, is_under_way: Callable[[Session], bool]) -> None:
        """Wait while a message is under way of which an update speaks that was quicker than its answer; not for
        ever."""
        for _ in range(SETTLING_LOOKS):
            if not await self.database.read(is_under_way):
                return
            await asyncio.sleep(SETTLING_PAUSE)

    async def turn_to(self, update: Update, say: Speech, query: CallbackQuery, page: Page) -> None:
        """Turn the tapped message into `page`, without a booking for whom nothing is offered."""
        if query.message is None:
            await self.acknowledge(query)
            return
        calm, chat_id, now = page.without_booking(), query.message.chat.id, self.clock.now()
        if page != calm and await self.database.read(lambda session: patients.was_flagged(session, chat_id, now)):
            page = calm
        edit = Edit(query.message.chat.id, query.message.message_id, page.text, page.rows)
        place = (edit.chat_id, edit.message_id)
        if place in self.delayed:
            await self.acknowledge(query)
            refused: str | None = "later"
        else:
            refused, _ = await asyncio.gather(self._try(edit), self.acknowledge(query))
        if not refused:
            return
        if refused == "later":
            self.delayed.add(place)
        again = Message(edit.chat_id, page.text, page.rows) if refused == "gone" else edit
        await self.keep(update, say, lambda _session, _now: None, lambda _: [Owed(again)])

    async def relabel(self, chat_id: int, message_id: int, rows: list[list[dict[str, Any]]]) -> None:
        """Change the buttons of a message the bot sent; a failure leaves the old ones."""
        markup = {"inline_keyboard": rows}
        try:
            await self.wire.call(
                "editMessageReplyMarkup", {"chat_id": chat_id, "message_id": message_id, "reply_markup": markup}
            )
        except WireError as error:
            log.info("buttons.not_changed", error=type(error).__name__)

    async def acknowledge(self, query: CallbackQuery, text: str | None = None, *, alert: bool = False) -> None:
        """Stop the button's spinner, with a note of at most 200 characters; a failure costs the patient nothing."""
        try:
            await self.wire.call(
                "answerCallbackQuery", {"callback_query_id": query.id, "text": text, "show_alert": alert or None}
            )
        except WireError as error:
            log.info("tap.not_acknowledged", error=type(error).__name__)

    async def _try(self, edit: Edit) -> str | None:
        """Edit straight away; return "gone" where the message cannot be edited any more, "later" where the wire
        failed."""
        call = to_call(edit)
        try:
            await self.wire.call(call.method, call.params)
        except Refusal as refusal:
            if "not modified" in refusal.description:
                return None
            is_ours = refusal.retry_after is not None or refusal.code in (401, 404)  # too fast, or no token for now
            return "later" if is_ours else "gone"
        except WireError:
            return "later"
        return None


def person(user: User, say: Speech) -> Person:
    """Return `user` as the use-cases know people."""
    return Person(user.id, user.first_name, user.last_name, user.username, say.language)
