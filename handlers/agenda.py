"""Days in the staff group: what waits, what is today, who comes when, and time that is kept free."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

from telegram import Message as TelegramMessage
from telegram import MessageEntity, Update
from telegram.ext import BaseHandler, CallbackQueryHandler, CommandHandler, ContextTypes, filters

from bot.clinic import agenda, blocks, enquiries, slots, visits
from bot.clinic.agenda import Asked, Days, Entry, NoDay, NoSpan, Past, Plan, PlanOutcome
from bot.clinic.blocks import Blocked, Span, Unblocked
from bot.clinic.visits import Actor, Card, NotHere
from bot.delivery.messages import Button, Edit, Kind, Message
from bot.store.database import Session
from bot.wording import agenda as words
from bot.wording import front
from handlers import cards, endings
from handlers import visits as visit_cards
from handlers.desk import Desk, Owed
from handlers.pages import Page

GROUP = filters.ChatType.GROUPS & filters.UpdateType.MESSAGE
LIST, BLOCK, NOT_BLOCKED, UNBLOCK, UNBLOCK_LISTED, OFFER_ALL = "ag", "bky", "bkn", "ub", "ubl", "ca"
PENDING, DAYS, BLOCKS = "p", "d", "b"
PAGE = 20
"""Lines of a list on one page: with names cut short they stay far below 4,096 characters."""
ACROSS = 5
"""Numbers in a row of buttons."""
WEEK = 7


def handlers(desk: Desk) -> list[BaseHandler[Any, Any, Any]]:
    """Return the handlers of this conversation."""
    return [
        CommandHandler("pending", partial(pending, desk), GROUP),
        CommandHandler(["today", "tomorrow", "week"], partial(days, desk), GROUP),
        CommandHandler("find", partial(find, desk), GROUP),
        CommandHandler("block", partial(block, desk), GROUP),
        CommandHandler("close", partial(block, desk), GROUP),
        CommandHandler("blocks", partial(list_blocks, desk), GROUP),
        CallbackQueryHandler(
            partial(turn, desk), pattern=rf"^{LIST}:([{PENDING}{BLOCKS}]|{DAYS}\d{{9,10}}):\d{{1,4}}$"
        ),
        CallbackQueryHandler(partial(block_asked, desk), pattern=rf"^{BLOCK}:\d{{1,8}}:\d{{1,8}}:[a-z0-9-]*$"),
        CallbackQueryHandler(partial(block_not, desk), pattern=f"^{NOT_BLOCKED}$"),
        CallbackQueryHandler(partial(unblock, desk), pattern=rf"^({UNBLOCK}|{UNBLOCK_LISTED}):\d{{1,18}}$"),
        CallbackQueryHandler(partial(offer_all, desk), pattern=rf"^{OFFER_ALL}:\d{{1,18}}$"),
    ]


# --- lists


@dataclass(frozen=True, slots=True)
class _Line:
    """A line of a list, under `head` (once on each page), with the button that belongs to it."""

    text: Callable[[int], str]
    """Given its number in the list."""
    head: str = ""
    opens: Callable[[int], Button] | None = None
    """Given that number; a line without a button has no number."""


async def pending(desk: Desk, update: Update, _: ContextTypes.DEFAULT_TYPE) -> None:
    """List the requests that wait for a decision, and the possible emergencies that nobody has closed."""
    await _list(desk, update, PENDING)


async def days(desk: Desk, update: Update, _: ContextTypes.DEFAULT_TYPE) -> None:
    """List what is today, tomorrow, or in the seven days from today."""
    command = _command(update)
    today = desk.clock.now().astimezone(desk.clinic.tz).date()
    first, count = (
        (today + timedelta(days=1), 1) if command == "tomorrow" else (today, WEEK if command == "week" else 1)
    )
    await _list(desk, update, f"{DAYS}{first:%Y%m%d}{count}")


async def list_blocks(desk: Desk, update: Update, _: ContextTypes.DEFAULT_TYPE) -> None:
    """List the blocked times to come, with buttons that free them."""
    await _list(desk, update, BLOCKS)


async def find(desk: Desk, update: Update, context: ContextTypes.DEFAULT_TYPE) -> None:
    """List the visits of a name, a telephone number or a code."""
    chat = update.effective_chat
    if chat is None:
        return
    text, say = " ".join(context.args or ()), desk.staff_speech

    def render(found: list[Card] | NotHere) -> Iterator[Owed]:
        if isinstance(found, NotHere):
            return
        lines = [_dated(desk, card) for card in found]
        page = _drawn(desk, words.found(say, text, len(found), visits.FOUND), lines, 0, "")
        yield Owed(Message(chat.id, page.text if text else words.how_to_find(say), page.rows, Kind.STAFF))

    await desk.keep(
        update,
        say,
        lambda session, now: agenda.found(session, desk.clinic, chat.id, text, now),
        render,
    )


async def turn(desk: Desk, update: Update, _: ContextTypes.DEFAULT_TYPE) -> None:
    """Show another page of a list, as it is now."""
    query = update.callback_query
    if query is None or query.data is None or query.message is None:
        return
    _kind, what, number = query.data.split(":")
    chat_id, now = query.message.chat.id, desk.clock.now()
    page = await desk.database.read(lambda session: _page(desk, session, chat_id, what, int(number), now))
    if page is None:
        await desk.acknowledge(query, front.old_button(desk.staff_speech), alert=True)
    else:
        await desk.turn_to(update, desk.staff_speech, query, page)


async def _list(desk: Desk, update: Update, what: str) -> None:
    chat = update.effective_chat
    if chat is None:
        return
    await desk.keep(
        update,
        desk.staff_speech,
        lambda session, now: _page(desk, session, chat.id, what, 0, now),
        lambda page: [Owed(Message(chat.id, page.text, page.rows, Kind.STAFF))] if page else [],
    )


def _page(desk: Desk, session: Session, chat_id: int, what: str, number: int, now: datetime) -> Page | None:
    """Return a page of a list; None where this is not the staff group, or there is no such list."""
    say, clinic = desk.staff_speech, desk.clinic
    match what[:1]:
        case "p":
            waiting = agenda.pending(session, clinic, chat_id, now)
            if isinstance(waiting, NotHere):
                return None
            lines = [*(_dated(desk, card) for card in waiting)]
            lines += [_alarm(desk, alarm) for alarm in enquiries.alarms(session, chat_id)]
            lines += [_unmarked(desk, card) for card in agenda.unmarked(session, clinic, chat_id, now)]
            return _drawn(desk, words.pending(say, len(waiting)), lines, number, what)
        case "b":
            spans = agenda.blocked(session, chat_id, now)
            if isinstance(spans, NotHere):
                return None
            head = words.blocks(say) if spans else words.no_blocks(say)
            return _drawn(desk, head, [_block_line(desk, span) for span in spans], number, what)
        case _:
            first = visit_cards.date_of(what[1:9])
            found = agenda.days(session, clinic, chat_id, first, min(int(what[9:]), WEEK)) if first else NotHere()
            return None if isinstance(found, NotHere) else _drawn(desk, "", _days(desk, found, now), number, what)


def _drawn(desk: Desk, head: str, lines: Sequence[_Line], number: int, what: str) -> Page:
    """Draw one page of a list: its lines under their heads, their numbers as buttons, and the ways to other pages."""
    say = desk.staff_speech
    count = max(1, -(-len(lines) // PAGE))
    number = min(number, count - 1)
    parts, buttons, place, last_head = [head] if head else [], [], 0, None
    for at, line in enumerate(lines):
        place += line.opens is not None
        if at // PAGE != number:
            continue
        if line.head != last_head and line.head:
            parts.append(f"\n{line.head}" if parts else line.head)
        last_head = line.head
        parts.append(line.text(place))
        if line.opens is not None:
            buttons.append(line.opens(place))
    across = ACROSS if all(len(button.label) <= 3 for button in buttons) else 3
    rows = [tuple(buttons[at : at + across]) for at in range(0, len(buttons), across)]
    if any(button.data and button.data.startswith(visit_cards.OPEN) for button in buttons):
        parts.append(f"\n<i>{words.press_a_number(say)}</i>")
    if count > 1:
        parts.append(words.page(say, number + 1, count))
        ways = ((number - 1, "‹"), (number + 1, "›"))
        rows.append(tuple(Button(mark, f"{LIST}:{what}:{to}") for to, mark in ways if 0 <= to < count))
    return Page("\n".join(parts), tuple(rows))


def _days(desk: Desk, found: Days, now: datetime) -> list[_Line]:
    say, clinic = desk.staff_speech, desk.clinic
    today = now.astimezone(clinic.tz).date()
    lines = []
    for on, entries in found.days:
        head = words.day(say, on, today)
        lines += [_entry(desk, entry, head) for entry in entries]
        if not entries:
            closure = clinic.closure(on)
            text = words.nothing(say, is_open=bool(clinic.open_on(on)), reason=closure.reason if closure else "")
            lines.append(_Line(lambda _, text=text: text, head))  # type: ignore[misc]  # the text of this turn
    return lines


def _entry(desk: Desk, entry: Entry, head: str) -> _Line:
    say = desk.staff_speech
    if entry.card is not None:
        card = entry.card
        return _visit(desk, card, entry.at, f"{entry.at.astimezone(desk.clinic.tz):%H:%M}", head)
    span = entry.span
    text = words.block(say, span.starts_at, span.ends_at, _whose(desk, span), span.reason) if span else ""
    return _Line(lambda _: text, head)


def _alarm(desk: Desk, alarm: enquiries.Card) -> _Line:
    """Draw a possible emergency that is open; who took it up may have settled it."""
    say = desk.staff_speech
    head = words.alarms(say)
    line = words.alarm(say, alarm.name, say.instant(alarm.opened_at), alarm.handled_by)
    if alarm.handled_by is None:
        return _Line(lambda _: line, head)
    close = f"{cards.CLOSE}:{alarm.enquiry_id}"
    return _Line(
        lambda place: words.numbered(place, line), head, lambda place: Button(words.settled_button(say, place), close)
    )


def _dated(desk: Desk, card: Card) -> _Line:
    return _visit(desk, card, card.starts_at, desk.staff_speech.instant(card.starts_at), "")


def _unmarked(desk: Desk, card: Card) -> _Line:
    """Draw a visit that is over; its number posts the question how it was."""
    ask = f"{endings.ASK}:{card.visit_id}"
    head = words.unmarked(desk.staff_speech)
    return replace(_dated(desk, card), head=head, opens=lambda place: Button(str(place), ask))


def _visit(desk: Desk, card: Card, at: datetime, when: str, head: str) -> _Line:
    say = desk.staff_speech
    is_kept = card.kept_starts_at is not None and at == card.kept_starts_at and at != card.starts_at
    shown = visit_cards.plain(desk, say, card)
    note = ""
    if is_kept:
        note = words.moving_to(say, say.instant(card.starts_at))
    elif card.kept_starts_at is not None:
        note = words.moving_from(say, say.instant(card.kept_starts_at))
    elif card.status == visits.REQUESTED:
        note = words.since(say, say.instant(card.requested_at))
    if not note or is_kept:
        answer = _is_coming(desk, card, at)
        note = "\n    ".join(part for part in (note, answer) if part)
    practitioner = visit_cards.practitioner(desk, card.kept_practitioner or "") if is_kept else shown.practitioner

    def text(place: int) -> str:
        return words.visit(
            say,
            place,
            visits.CONFIRMED if is_kept else card.status,
            when,
            card.name,
            shown.treatment,
            practitioner,
            card.code,
            is_flagged=card.flagged and card.status == visits.REQUESTED,
            note=note,
        )

    return _Line(text, head, lambda place: Button(str(place), f"{visit_cards.OPEN}:{card.visit_id}"))


def _is_coming(desk: Desk, card: Card, at: datetime) -> str:
    """Say of a visit of today or tomorrow whether its patient has confirmed it, so that staff can ring the rest."""
    now, zone, say = desk.clock.now(), desk.clinic.tz, desk.staff_speech
    is_sure = card.status == visits.CONFIRMED or card.is_move
    if not is_sure or at <= now or at.astimezone(zone).date() - now.astimezone(zone).date() > timedelta(days=1):
        return ""
    if card.answered_at is not None:
        return words.is_coming(say)
    return words.no_answer(say) if card.reachable else words.not_reached(say)


def _block_line(desk: Desk, span: Span) -> _Line:
    say = desk.staff_speech
    when, whose = words.span(say, span.starts_at, span.ends_at), _whose(desk, span)
    return _Line(
        lambda place: words.block_line(say, place, when, whose, span.reason, span.author),
        opens=lambda place: Button(words.unblock_button(say, place), f"{UNBLOCK_LISTED}:{span.block_id}"),
    )


def _whose(desk: Desk, span: Span) -> str | None:
    return visit_cards.practitioner(desk, span.practitioner) if span.practitioner else None


def _command(update: Update) -> str:
    text = update.effective_message.text if update.effective_message else None
    return (text or "/").split()[0].removeprefix("/").partition("@")[0].lower()


# --- time that is kept free


async def block(desk: Desk, update: Update, context: ContextTypes.DEFAULT_TYPE) -> None:
    """Block a time, or close a day; what could mean another time is shown before it is done."""
    chat, message = update.effective_chat, update.effective_message
    if chat is None or message is None:
        return
    command, text = _command(update), " ".join(context.args or ())
    actor, now = _actor(message), desk.clock.now()
    read = agenda.read_day if command == "close" else agenda.read_block
    plan = read(desk.clinic, text, now, desk.staff_speech.language)

    def use_case(session: Session, now: datetime) -> Blocked | NotHere | PlanOutcome:
        if not agenda.is_staffs(session, chat.id):
            return NotHere()
        if not isinstance(plan, Plan) or not plan.sure:
            return plan
        return agenda.block(
            session, desk.clinic, plan.practitioner, plan.starts_at, plan.ends_at, plan.reason, chat.id, actor, now
        )

    def render(outcome: Blocked | NotHere | PlanOutcome) -> Iterator[Owed]:
        page = _answered(desk, command, text, outcome)
        if page is not None:
            yield Owed(Message(chat.id, page.text, page.rows, Kind.STAFF, message.message_id))

    await desk.keep(update, desk.staff_speech, use_case, render)


def _answered(desk: Desk, command: str, text: str, outcome: Blocked | NotHere | PlanOutcome) -> Page | None:  # noqa: PLR0911  one outcome, one page
    say = desk.staff_speech
    match outcome:
        case NotHere():
            return None
        case Blocked():
            return _blocked(desk, outcome)
        case Plan():
            return _question(desk, outcome)
        case NoDay() if not text:
            names = [one.name for one in desk.clinic.practitioners]
            return Page(words.how_to_close(say) if command == "close" else words.how_to_block(say, names))
        case NoDay():
            return Page(words.no_day(say, command))
        case NoSpan():
            return Page(words.no_span(say))
        case Past():
            return Page(words.past(say))


def _question(desk: Desk, plan: Plan) -> Page:
    say = desk.staff_speech
    whose = visit_cards.practitioner(desk, plan.practitioner) if plan.practitioner else None
    text = words.ask_to_block(say, words.span(say, plan.starts_at, plan.ends_at), whose, plan.reason)
    if plan.is_guessed_day:
        text = f"{text}\n\n{words.block_example(say)}"
    units = slots.unit(plan.starts_at), slots.unit(plan.ends_at)
    yes = Button(words.yes_button(say), f"{BLOCK}:{units[0]}:{units[1]}:{plan.practitioner or ''}")
    return Page(text, ((yes, Button(words.no_button(say), NOT_BLOCKED)),))


def _blocked(desk: Desk, blocked: Blocked) -> Page:
    say, span = desk.staff_speech, blocked.span
    when = words.span(say, span.starts_at, span.ends_at)
    parts = [words.blocked(say, when, _whose(desk, span), span.reason, span.author)]
    rows: list[tuple[Button, ...]] = []
    if blocked.inside:
        lines = [_dated(desk, card) for card in blocked.inside[:PAGE]]
        parts.append(words.inside(say, len(blocked.inside)))
        parts += [line.text(place) for place, line in enumerate(lines, 1)]
        if len(blocked.inside) > PAGE:
            parts.append(words.and_more(say, len(blocked.inside) - PAGE))
        numbers = [line.opens(place) for place, line in enumerate(lines, 1) if line.opens]
        rows += [tuple(numbers[at : at + ACROSS]) for at in range(0, len(numbers), ACROSS)]
        rows.append((Button(words.offer_button(say, len(blocked.inside)), f"{OFFER_ALL}:{span.block_id}"),))
    rows.append((Button(words.unblock_button(say), f"{UNBLOCK}:{span.block_id}"),))
    return Page("\n".join(parts), tuple(rows))


async def block_asked(desk: Desk, update: Update, _: ContextTypes.DEFAULT_TYPE) -> None:
    """Block a time that was shown before; its reason stands in the message, in a quotation."""
    query = update.callback_query
    if query is None or query.data is None or query.message is None:
        return
    _kind, first, last, practitioner = query.data.split(":")
    place = query.message.chat.id, query.message.message_id
    actor, say = Actor(query.from_user.id, query.from_user.first_name), desk.staff_speech
    reason = ""
    if isinstance(query.message, TelegramMessage):
        reason = " ".join(query.message.parse_entities([MessageEntity.BLOCKQUOTE]).values())
    times = _instant(first), _instant(last)

    def render(outcome: Blocked | NotHere) -> Iterator[Owed]:
        if isinstance(outcome, Blocked):
            page = _blocked(desk, outcome)
            yield Owed(Edit(*place, page.text, page.rows, Kind.STAFF))

    outcome = await desk.keep(
        update,
        say,
        lambda session, now: agenda.block(
            session, desk.clinic, practitioner or None, *times, reason, place[0], actor, now
        ),
        render,
    )
    await desk.acknowledge(
        query,
        front.old_button(say) if isinstance(outcome, NotHere) else None,
        alert=isinstance(outcome, NotHere),
    )


async def block_not(desk: Desk, update: Update, _: ContextTypes.DEFAULT_TYPE) -> None:
    """Leave a time as it is."""
    query = update.callback_query
    if query is None or query.message is None:
        return
    chat_id, message_id = query.message.chat.id, query.message.message_id
    edit = Edit(chat_id, message_id, words.not_blocked(desk.staff_speech), kind=Kind.STAFF)
    await desk.keep(
        update,
        desk.staff_speech,
        lambda session, _now: agenda.is_staffs(session, chat_id),
        lambda ours: [Owed(edit)] if ours else [],
    )
    await desk.acknowledge(query)


async def unblock(desk: Desk, update: Update, _: ContextTypes.DEFAULT_TYPE) -> None:
    """Free a blocked time, from its confirmation or from the list."""
    query = update.callback_query
    if query is None or query.data is None or query.message is None:
        return
    kind, number = query.data.split(":")
    chat_id, message_id, say = query.message.chat.id, query.message.message_id, desk.staff_speech
    actor = Actor(query.from_user.id, query.from_user.first_name)

    def use_case(session: Session, now: datetime) -> tuple[Unblocked | NotHere, Page | None]:
        outcome = blocks.remove(session, desk.clinic, int(number), chat_id, actor, now)
        listed = _page(desk, session, chat_id, BLOCKS, 0, now) if kind == UNBLOCK_LISTED else None
        return outcome, listed

    def render(done: tuple[Unblocked | NotHere, Page | None]) -> Iterator[Owed]:
        outcome, listed = done
        if listed is not None:
            yield Owed(Edit(chat_id, message_id, listed.text, listed.rows, Kind.STAFF))
        elif isinstance(outcome, Unblocked):
            span = outcome.span
            when = words.span(say, span.starts_at, span.ends_at)
            text = words.unblocked(say, when, _whose(desk, span), actor.name)
            yield Owed(Edit(chat_id, message_id, text, kind=Kind.STAFF))

    done = await desk.keep(update, say, use_case, render)
    if done is not None and isinstance(done[0], NotHere):
        await desk.acknowledge(query, words.block_gone(say), alert=True)
    else:
        await desk.acknowledge(query)


async def offer_all(desk: Desk, update: Update, _: ContextTypes.DEFAULT_TYPE) -> None:
    """Ask each patient in a blocked time to choose another one."""
    query = update.callback_query
    if query is None or query.data is None or query.message is None:
        return
    block_id, chat_id, message_id = int(query.data.partition(":")[2]), query.message.chat.id, query.message.message_id
    actor, say = Actor(query.from_user.id, query.from_user.first_name), desk.staff_speech

    def render(outcome: Asked | NotHere) -> Iterator[Owed]:
        if isinstance(outcome, NotHere):
            return
        for card in outcome.cards:
            yield from visit_cards.asked_to_move(desk, card)
        told = words.asked(say, len(outcome.cards), outcome.before)
        yield Owed(Message(chat_id, told, kind=Kind.STAFF, reply_to=message_id))

    outcome = await desk.keep(
        update,
        say,
        lambda session, now: agenda.ask_to_move(session, desk.clinic, block_id, chat_id, actor, now),
        render,
    )
    if isinstance(outcome, NotHere):
        await desk.acknowledge(query, words.block_gone(say), alert=True)
    else:
        await desk.acknowledge(query)


def _actor(message: TelegramMessage) -> Actor:
    user = message.from_user
    return Actor(user.id, user.first_name) if user else Actor(None, message.chat.title or "")


def _instant(unit: str) -> datetime:
    return datetime.fromtimestamp(int(unit) * slots.UNIT * 60, UTC)
