"""The week in numbers in the staff group: by itself on its day, and /digest at any time."""

import asyncio
from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any

import structlog
from telegram import Update
from telegram.ext import BaseHandler, CallbackQueryHandler, CommandHandler, ContextTypes, filters

from bot import pictures
from bot.clinic import digest
from bot.clinic.digest import Digest, Numbers
from bot.clinic.visits import NotHere
from bot.delivery.markup import CAPTION_LIMIT, length, parse
from bot.delivery.messages import Attachment, Button, Kind, Message, Rows, keyboard
from bot.delivery.wire import File, Refusal, WireError
from bot.pictures import Bar, Column, Week
from bot.wording import digest as words
from bot.wording import front
from handlers import visits as visit_cards
from handlers.desk import Desk, Owed
from handlers.pages import Page

log = structlog.get_logger()

GROUP = filters.ChatType.GROUPS & filters.UpdateType.MESSAGE
TURN = "dg"
BARS = ("requests", "confirmed", "moved", "declined", "expired", "cancelled")
ALWAYS = ("requests", "confirmed", "done", "missed")
FILE, MIME = "week.png", "image/png"


def handlers(desk: Desk) -> list[BaseHandler[Any, Any, Any]]:
    """Return the handlers of this conversation."""
    return [
        CommandHandler("digest", partial(show, desk), GROUP),
        CallbackQueryHandler(partial(turn, desk), pattern=rf"^{TURN}:\d{{8}}$"),
    ]


async def show(desk: Desk, update: Update, _: ContextTypes.DEFAULT_TYPE) -> None:
    """Show the last whole week."""
    chat = update.effective_chat
    if chat is None:
        return
    now = desk.clock.now()
    found = await desk.database.read(lambda session: digest.look(session, desk.clinic, chat.id, None, now))
    owed = [] if isinstance(found, NotHere) else _owed(found, _page(desk, found), await _picture(desk, found))
    await desk.keep(update, desk.staff_speech, lambda _session, _now: None, lambda _: owed)


async def turn(desk: Desk, update: Update, _: ContextTypes.DEFAULT_TYPE) -> None:
    """Turn the message into another week's, straight away and without a write."""
    query = update.callback_query
    if query is None or query.data is None or query.message is None:
        return
    say, chat_id, now = desk.staff_speech, query.message.chat.id, desk.clock.now()
    monday = visit_cards.date_of(query.data.partition(":")[2])
    found = await desk.database.read(
        lambda session: digest.look(session, desk.clinic, chat_id, monday, now) if monday else NotHere()
    )
    if isinstance(found, NotHere):
        await desk.acknowledge(query, front.old_button(say), alert=True)
        return
    page, picture = _page(desk, found), await _picture(desk, found)
    if picture is None:
        await desk.turn_to(update, say, query, page)
    elif not _fits(page):
        await desk.acknowledge(query)
        await desk.keep(update, say, lambda _session, _now: None, lambda _: _owed(found, page, picture))
    else:
        done = await _turned(desk, chat_id, query.message.message_id, page, picture)
        await desk.acknowledge(query, None if done else words.try_again(say), alert=not done)


async def make_digest_round(desk: Desk) -> None:
    """Send the digest whose time has come, once, whoever else looks for it."""
    monday = digest.week_due(desk.clinic, desk.clock.now())
    if monday is None:
        return
    now = desk.clock.now()
    found = await desk.database.read(lambda session: digest.owed(session, desk.clinic, monday, now))
    if found is None:
        return
    if found.numbers.is_quiet:
        quiet = Page(words.quiet(desk.staff_speech, found.monday), _rows(desk, found))
        owed = [] if found.is_first else _owed(found, quiet, None)
    else:
        owed = _owed(found, _page(desk, found), await _picture(desk, found))
    await desk.act(
        desk.staff_speech,
        lambda session, _now: digest.take(session, monday),
        lambda is_first: owed if is_first else [],
    )


# --- the message


def _owed(found: Digest, page: Page, picture: bytes | None) -> list[Owed]:
    """Return the picture with the text as its caption, or the text after it where that is too long."""
    text = Owed(Message(found.staff_chat, page.text, page.rows, Kind.STAFF))
    if picture is None:
        return [text]
    if _fits(page):
        return [Owed(Attachment(found.staff_chat, FILE, MIME, picture, page.text, page.rows, Kind.STAFF))]
    return [Owed(Attachment(found.staff_chat, FILE, MIME, picture, kind=Kind.STAFF)), text]


def _fits(page: Page) -> bool:
    return length(parse(page.text).text) <= CAPTION_LIMIT


async def _turned(desk: Desk, chat_id: int, message_id: int, page: Page, picture: bytes) -> bool:
    """Put another picture and text into a message; False where that failed."""
    media = {"type": "photo", "media": f"attach://{FILE}", "caption": page.text, "parse_mode": "HTML"}
    params = {"chat_id": chat_id, "message_id": message_id, "media": media, "reply_markup": keyboard(page.rows)}
    try:
        await desk.wire.call("editMessageMedia", params, files={FILE: File(FILE, picture, MIME)})
    except Refusal as refusal:
        return "not modified" in refusal.description
    except WireError as error:
        log.info("digest.not_turned", error=type(error).__name__)
        return False
    return True


def _page(desk: Desk, found: Digest) -> Page:
    say = desk.staff_speech
    parts = ("\n".join(part) for part in _parts(desk, found.numbers, found.before))
    head = words.heading(say, found.monday, is_over=found.is_over)
    return Page("\n\n".join((head, *parts)), _rows(desk, found))


def _parts(desk: Desk, now: Numbers, before: Numbers) -> Iterator[list[str]]:
    """Yield the text's paragraphs; what happened in neither week is left out, other than what everybody looks for."""
    say = desk.staff_speech

    def counts(*names: str, notes: Mapping[str, str] | None = None) -> Iterator[str]:
        for name in names:
            this, last = getattr(now, name), getattr(before, name)
            if this or last or name in ALWAYS:
                yield words.count(say, name, this, last, (notes or {}).get(name, ""))

    cancelled = words.by_whom(say, now.cancelled_by_patients, now.cancelled_by_staff) if now.cancelled else ""
    yield [
        *counts("requests"),
        *([words.decided(say, now.decided_after, before.decided_after)] if now.decided_after is not None else []),
        *counts("confirmed", "declined", "expired", "moved", "cancelled", "entered", notes={"cancelled": cancelled}),
    ]
    shares = words.share(say, now.missed_share, before.missed_share)
    missed = shares if now.missed or before.missed else ""
    yield [*counts("done", "missed", "new_patients", notes={"missed": missed})]
    messages = words.undelivered(say, now.undelivered, before.undelivered, now.to_call)
    rated = words.ratings(say, now.helpful, before.helpful, now.unhelpful, before.unhelpful)
    yield [
        words.questions(say, now.questions, before.questions, now.left_open, before.left_open),
        *([rated] if now.helpful or now.unhelpful or before.helpful or before.unhelpful else []),
        *([messages] if now.undelivered or before.undelivered or now.to_call else []),
        *counts("alerts", notes={"alerts": words.seen(say, now.seen_after, now.unseen)}),
    ]


def _rows(desk: Desk, found: Digest) -> Rows:
    say = desk.staff_speech
    ways = [
        (found.has_earlier, words.earlier_button(say), found.monday - digest.WEEK),
        (found.has_later, words.later_button(say), found.monday + digest.WEEK),
    ]
    row = tuple(Button(label, f"{TURN}:{monday:%Y%m%d}") for is_there, label, monday in ways if is_there)
    return (row,) if row else ()


async def _picture(desk: Desk, found: Digest) -> bytes | None:
    return await asyncio.to_thread(pictures.week, _drawn(desk, found))


def _drawn(desk: Desk, found: Digest) -> Week:
    """Return what the picture shows: counts, and words of ours."""
    say = desk.staff_speech
    bars = [
        Bar(words.name(say, what), now, before, words.number(say, now), words.number(say, before))
        for what in BARS
        for now, before in [(getattr(found.numbers, what), getattr(found.before, what))]
    ]
    columns = [
        Column(words.day(say, monday), done, missed, words.number(say, done), words.number(say, missed))
        for monday, done, missed in found.visits
    ]
    return Week(
        words.week(say, found.monday),
        words.picture_note(say, desk.clinic.name),
        bars,
        words.picture_visits(say),
        words.picture_done(say),
        words.picture_missed(say),
        columns,
        digest.WEEKS,
    )
