"""The clock and the zone: while the time is in doubt, what only time asks for waits, and staff are told."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Any

import structlog
from telegram import Update
from telegram.ext import BaseHandler, CallbackQueryHandler, ContextTypes

from bot.clinic import clocks, zones
from bot.clinic.clocks import Over
from bot.clinic.visits import Actor, Card, NotHere
from bot.clinic.zones import Moved
from bot.clock import STEADY, Doubt
from bot.delivery.messages import Button, Edit, Kind, Message
from bot.store.database import Session
from bot.wording import clocks as words
from bot.wording import visits as visit_words
from handlers.desk import Desk, Owed

log = structlog.get_logger()

RIGHT = "clk"
LISTED = 20
"""Visits named in one message."""


def handlers(desk: Desk) -> list[BaseHandler[Any, Any, Any]]:
    """Return the handlers of this conversation."""
    return [CallbackQueryHandler(partial(say_right, desk), pattern=rf"^{RIGHT}:\d{{1,12}}$")]


# --- the clock


async def is_held(desk: Desk) -> bool:
    """Look at the clock; True while it is in doubt. Staff are told when that begins and when it is over."""
    doubt = desk.clock.doubt()
    if doubt is not None and await desk.database.read(partial(clocks.is_right, number=doubt.number)):
        desk.clock.trust(doubt.number)
        doubt = desk.clock.doubt()
    for number in desk.doubts - ({doubt.number} if doubt is not None else set()):
        log.warning("clock.relied_on", doubt=number)
        await desk.act(desk.staff_speech, partial(_end, number), partial(_over, desk))
        desk.doubts.discard(number)
    if doubt is not None and doubt.number not in desk.doubts:
        log.error("clock.jumped", doubt=doubt.number, ahead=doubt.ahead.total_seconds(), advice="timedatectl")
        await desk.act(
            desk.staff_speech,
            lambda session, now: clocks.tell(session, doubt, now),
            lambda staff_chat: _alarm(desk, doubt, staff_chat),
        )
        desk.doubts.add(doubt.number)
    return doubt is not None


def _alarm(desk: Desk, doubt: Doubt, staff_chat: int | None) -> Iterator[Owed]:
    if staff_chat is None:
        return
    say, minutes = desk.staff_speech, int(STEADY.total_seconds()) // 60
    text = words.in_doubt(say, desk.clock.now(), datetime.fromtimestamp(doubt.number, UTC), minutes)
    rows = ((Button(words.right_button(say), f"{RIGHT}:{doubt.number}"),),)
    yield Owed(Message(staff_chat, text, rows, Kind.STAFF), f"{clocks.SUBJECT}:{doubt.number}")


def _end(number: int, session: Session, now: datetime) -> Over | None:
    return clocks.end(session, number, now)


def _over(desk: Desk, over: Over | None) -> Iterator[Owed]:
    if over is None:
        return
    text = words.relied_on(desk.staff_speech, desk.clock.now())
    for message_id in over.message_ids:
        yield Owed(Edit(over.staff_chat, message_id, text, kind=Kind.STAFF))
    if not over.message_ids:
        yield Owed(Message(over.staff_chat, text, kind=Kind.STAFF))


async def say_right(desk: Desk, update: Update, _: ContextTypes.DEFAULT_TYPE) -> None:
    """Let staff say that the clock is right; the next round goes on."""
    query = update.callback_query
    if query is None or query.data is None or query.message is None:
        return
    chat_id, number = query.message.chat.id, int(query.data.partition(":")[2])
    actor = Actor(query.from_user.id, query.from_user.first_name)
    outcome = await desk.keep(
        update,
        desk.staff_speech,
        lambda session, now: clocks.say_right(session, number, chat_id, actor, now),
        lambda _: (),
    )
    if isinstance(outcome, NotHere):
        await desk.acknowledge(query, visit_words.gone(desk.staff_speech), alert=True)
    else:
        await desk.acknowledge(query, words.noted(desk.staff_speech))


# --- the zone


async def follow_zone(desk: Desk) -> None:
    """Where the clinic's zone is another one than at the last start, let all that is to come keep its wall time."""
    await desk.act(
        desk.staff_speech,
        lambda session, now: zones.follow(session, desk.clinic, now),
        lambda moved: _moved(desk, moved) if moved is not None else (),
    )


def _moved(desk: Desk, moved: Moved) -> Iterator[Owed]:
    log.warning(
        "zone.changed",
        before=moved.before,
        after=moved.after,
        visits=[card.visit_id for card in moved.visits],
        blocks=moved.blocks,
        steps=moved.steps,
        shifted=[card.visit_id for card in moved.shifted],
        overlapping=[card.visit_id for card in moved.overlapping],
    )
    if moved.staff_chat is None:
        return
    say = desk.staff_speech
    counts = (len(moved.visits), moved.blocks, moved.steps)
    parts = [words.zone_changed(say, moved.before, moved.after, *counts)]
    if moved.shifted:
        parts.append(words.shifted(say, _listed(desk, moved.shifted)))
    if moved.overlapping:
        parts.append(words.overlapping(say, _listed(desk, moved.overlapping)))
    if moved.visits:
        parts.append("\n".join((words.visits_head(say), *_listed(desk, moved.visits))))
    yield Owed(Message(moved.staff_chat, "\n\n".join(parts), kind=Kind.STAFF))


def _listed(desk: Desk, cards: Sequence[Card]) -> list[str]:
    say = desk.staff_speech
    lines = [words.visit(say, card.name, card.starts_at, card.code) for card in cards[:LISTED]]
    return [*lines, words.and_more(say, len(cards) - LISTED)] if len(cards) > LISTED else lines
