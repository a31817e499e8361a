"""The call list in the staff group: whom to telephone, about what, and a tick when it is done."""

from collections.abc import Iterator
from functools import partial
from typing import Any

from telegram import Update
from telegram.ext import BaseHandler, CallbackQueryHandler, CommandHandler, ContextTypes, filters

from bot.clinic import calls
from bot.clinic.calls import CallList, Line, Ticked, TickedBefore
from bot.clinic.visits import Actor, NotHere
from bot.delivery.messages import Button, Edit, Kind, Message
from bot.wording import calls as words
from bot.wording import front
from bot.wording import visits as visit_words
from handlers import visits as visit_cards
from handlers.desk import Desk, Owed
from handlers.pages import Page

GROUP = filters.ChatType.GROUPS & filters.UpdateType.MESSAGE
TICK, TURN = "ctick", "cpage"
"""Shows a patient's record: handlers/records.py answers it."""
A_PAGE = 8
"""Lines on one page: with all their reasons they stay below 4,096 characters."""
REASONS = 4
"""Reasons shown of one line."""
MADE = 10
"""Calls of today that are shown."""


def handlers(desk: Desk) -> list[BaseHandler[Any, Any, Any]]:
    """Return the handlers of this conversation."""
    return [
        CommandHandler("calls", partial(show, desk), GROUP),
        CallbackQueryHandler(partial(turn, desk), pattern=rf"^{TURN}:\d{{1,4}}$"),
        CallbackQueryHandler(partial(tick, desk), pattern=rf"^{TICK}:\d{{1,18}}:\d{{1,18}}:\d{{1,4}}$"),
    ]


async def show(desk: Desk, update: Update, _: ContextTypes.DEFAULT_TYPE) -> None:
    """List whom to telephone."""
    chat = update.effective_chat
    if chat is None:
        return

    def render(found: CallList | NotHere) -> Iterator[Owed]:
        if isinstance(found, CallList):
            page = drawn(desk, found, 0)
            yield Owed(Message(chat.id, page.text, page.rows, Kind.STAFF))

    await desk.keep(
        update, desk.staff_speech, lambda session, now: calls.listed(session, desk.clinic, chat.id, now), render
    )


async def turn(desk: Desk, update: Update, _: ContextTypes.DEFAULT_TYPE) -> None:
    """Show another page of the list, as it is now."""
    query = update.callback_query
    if query is None or query.data is None or query.message is None:
        return
    chat_id, number, now = query.message.chat.id, int(query.data.partition(":")[2]), desk.clock.now()
    found = await desk.database.read(lambda session: calls.listed(session, desk.clinic, chat_id, now))
    if isinstance(found, NotHere):
        await desk.acknowledge(query, front.old_button(desk.staff_speech), alert=True)
    else:
        await desk.turn_to(update, desk.staff_speech, query, drawn(desk, found, number))


async def tick(desk: Desk, update: Update, _: ContextTypes.DEFAULT_TYPE) -> None:
    """Note that somebody was telephoned."""
    query = update.callback_query
    if query is None or query.data is None or query.message is None:
        return
    visit_id, newest, number = map(int, query.data.split(":")[1:])
    chat_id, message_id, say = query.message.chat.id, query.message.message_id, desk.staff_speech
    actor = Actor(query.from_user.id, query.from_user.first_name)

    def render(outcome: Ticked | TickedBefore | NotHere) -> Iterator[Owed]:
        if not isinstance(outcome, NotHere):
            page = drawn(desk, outcome.now, number)
            yield Owed(Edit(chat_id, message_id, page.text, page.rows, Kind.STAFF))

    outcome = await desk.keep(
        update,
        say,
        lambda session, now: calls.tick(session, desk.clinic, visit_id, newest, chat_id, actor, now),
        render,
    )
    match outcome:
        case TickedBefore(made):
            await desk.acknowledge(query, words.somebody_was_first(say, made.by if made else None), alert=True)
        case NotHere():
            await desk.acknowledge(query, front.old_button(say), alert=True)
        case Ticked() | None:
            await desk.acknowledge(query)


def drawn(desk: Desk, found: CallList, number: int) -> Page:
    """Draw a page of the list, each line with its tick, and what was done today."""
    say = desk.staff_speech
    count = max(1, -(-len(found.open) // A_PAGE))
    number = min(number, count - 1)
    parts = [words.heading(say, len(found.open))]
    rows: list[tuple[Button, ...]] = []
    for place, line in enumerate(found.open[number * A_PAGE : (number + 1) * A_PAGE], number * A_PAGE + 1):
        parts.append(_line(desk, place, line))
        tick = Button(
            words.tick_button(say, place, line.card.name), f"{TICK}:{line.card.visit_id}:{line.newest}:{number}"
        )
        rows.append((tick, Button(words.record_button(say), f"{visit_cards.RECORD}:{line.card.visit_id}")))
    if count > 1:
        parts.append(words.page(say, number + 1, count))
        ways = ((number - 1, "‹"), (number + 1, "›"))
        rows.append(tuple(Button(mark, f"{TURN}:{to}") for to, mark in ways if 0 <= to < count))
    if found.made:
        made = [
            words.made_line(say, one.card.name, one.by, f"{one.at.astimezone(say.zone):%H:%M}")
            for one in found.made[:MADE]
        ]
        parts.append(words.made(say, made))
    return Page("\n\n".join(parts), tuple(rows))


def _line(desk: Desk, place: int, line: Line) -> str:
    say, visit = desk.staff_speech, visit_cards.plain(desk, desk.staff_speech, line.card)
    reasons = [words.reason(say, one.what, one.why) for one in line.reasons]
    if len(reasons) > REASONS:
        reasons = [*reasons[:REASONS], words.more_reasons(say, len(reasons) - REASONS)]
    phone = visit_words.phone(line.card.phone, desk.clinic.country)
    when = say.instant(line.card.starts_at)
    return words.line(say, place, line.card.name, phone, words.visit(say, visit.treatment, when, visit.code), reasons)
