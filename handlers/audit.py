"""/audit in the staff group: who did what, for the group's owner and administrators."""

import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import date, timedelta
from functools import partial
from typing import Any

from telegram import ChatMember, Update
from telegram.ext import BaseHandler, CallbackQueryHandler, CommandHandler, ContextTypes, filters

from bot.clinic import audits, visits
from bot.clinic.audits import Entry, Log, Wanted
from bot.clinic.visits import NotHere
from bot.delivery.messages import Button, Edit, Kind, Message
from bot.delivery.wire import WireError
from bot.wording import privacy as words
from handlers.desk import Desk, Owed
from handlers.pages import Page

GROUP = filters.ChatType.GROUPS & filters.UpdateType.MESSAGE
TURN = "audit"
MAY_LOOK = (ChatMember.OWNER, ChatMember.ADMINISTRATOR)
_CODE = re.compile(rf"[{visits.CODE}]{{{visits.CODE_LENGTH}}}", re.IGNORECASE)
_DAY = re.compile(r"(\d{1,2})[./](\d{1,2})[./]?(\d{4})?")


def handlers(desk: Desk) -> list[BaseHandler[Any, Any, Any]]:
    """Return the handlers of this conversation."""
    return [
        CommandHandler("audit", partial(show, desk), GROUP),
        CallbackQueryHandler(
            partial(turn, desk), pattern=rf"^{TURN}:(all|day|code|staff):[A-Z0-9-]{{0,20}}:\d{{1,9}}$"
        ),
    ]


async def show(desk: Desk, update: Update, context: ContextTypes.DEFAULT_TYPE) -> None:
    """Post a page of the log."""
    chat, user, message = update.effective_chat, update.effective_user, update.effective_message
    if chat is None or user is None or message is None:
        return
    is_group_itself = message.sender_chat is not None and message.sender_chat.id == chat.id
    allowed = is_group_itself or await _may_look(desk, chat.id, user.id)
    wanted = await _read(desk, chat.id, " ".join(context.args or ())) if allowed else Wanted()
    await _look(desk, update, chat.id, wanted, 0, user.id if allowed else None, None)


async def turn(desk: Desk, update: Update, _: ContextTypes.DEFAULT_TYPE) -> None:
    """Turn to another page of it."""
    query = update.callback_query
    if query is None or query.data is None or query.message is None:
        return
    _turn, kind, value, first = query.data.split(":")
    chat_id = query.message.chat.id
    if not await _may_look(desk, chat_id, query.from_user.id):
        await desk.acknowledge(query, words.no_right(desk.staff_speech), alert=True)
        return
    wanted = Wanted(kind, value)
    if _is_sound(wanted):
        await _look(desk, update, chat_id, wanted, int(first), query.from_user.id, query.message.message_id)
    await desk.acknowledge(query)


def _is_sound(wanted: Wanted) -> bool:
    """True where a button's value is one of its kind."""
    match wanted.kind:
        case "day":
            return _iso(wanted.value) is not None
        case "staff":
            return wanted.value.isdigit() and len(wanted.value) < 19  # what a database can hold
        case _:
            return True


async def _look(
    desk: Desk, update: Update, chat_id: int, wanted: Wanted | None, first: int, viewer: int | None, place: int | None
) -> None:
    """Say a page of the log, in a new message or in the `place` of one; without a `viewer`, that they may not."""
    say = desk.staff_speech
    names: dict[int, str] = {}
    if viewer is not None and wanted is not None:
        shown = await desk.database.read(lambda session: audits.page(session, desk.clinic, chat_id, wanted, first))
        if isinstance(shown, Log):
            names = await _names(desk, chat_id, (one.actor for one in shown.entries))

    def render(outcome: Log | NotHere | None) -> Iterator[Owed]:
        match outcome:
            case Log():
                page = _page(desk, outcome, names)
                if place is not None:
                    yield Owed(Edit(chat_id, place, page.text, page.rows, Kind.STAFF), language=say.language)
                else:
                    yield Owed(Message(chat_id, page.text, page.rows, Kind.STAFF), language=say.language)
            case None:
                text = words.no_right(say) if viewer is None else words.how_to_audit(say)
                yield Owed(Message(chat_id, text, kind=Kind.STAFF), language=say.language)
            case NotHere():
                return

    await desk.keep(
        update,
        say,
        lambda session, now: (
            audits.look(session, desk.clinic, chat_id, wanted, first, viewer, now)
            if viewer is not None and wanted is not None
            else audits.is_staffs(session, chat_id)
        ),
        render,
    )


def _page(desk: Desk, log: Log, names: Mapping[int, str]) -> Page:
    say = desk.staff_speech
    lines = [_line(desk, entry, names) for entry in log.entries]
    what = {
        "all": words.audit_everything(say),
        "staff": names.get(int(log.wanted.value)) if log.wanted.kind == audits.STAFF else None,
        "day": say.day(date.fromisoformat(log.wanted.value)) if log.wanted.kind == audits.DAY else None,
    }.get(log.wanted.kind) or log.wanted.value
    newer, older = log.first - audits.A_PAGE, log.first + audits.A_PAGE
    ways = []
    if log.first:
        ways.append(Button(words.newer_button(say), _data(log.wanted, max(0, newer))))
    if older < log.total:
        ways.append(Button(words.older_button(say), _data(log.wanted, older)))
    by = tuple(Button(name[:20], _data(Wanted(audits.STAFF, str(actor)), 0)) for actor, name in list(names.items())[:3])
    rows = (tuple(ways), by if log.wanted.kind == audits.EVERYTHING else ())
    return Page(words.audit_page(say, what, lines, log.first, log.total), tuple(row for row in rows if row))


def _line(desk: Desk, entry: Entry, names: Mapping[int, str]) -> str:
    say = desk.staff_speech
    if entry.by_patient:
        who = words.audit_patient(say)
    elif entry.actor is None:
        who = words.audit_program(say)
    else:
        who = names.get(entry.actor) or words.audit_somebody(say, entry.actor)
    return words.audit_line(say, entry.at, who, entry.action, entry.about, entry.before, entry.after)


def _data(wanted: Wanted, first: int) -> str:
    return f"{TURN}:{wanted.kind}:{wanted.value}:{first}"


async def _read(desk: Desk, chat_id: int, text: str) -> Wanted | None:
    """Read a day, a visit's code or a colleague's name; None where it is none of them."""
    text = text.strip().removeprefix("@")
    if not text:
        return Wanted()
    if (day := _day(desk, text)) is not None:
        return Wanted(audits.DAY, day.isoformat())
    if _CODE.fullmatch(text):
        return Wanted(audits.PATIENT, text.upper())
    names = await _names(desk, chat_id, await desk.database.read(audits.staff))
    found = [actor for actor, name in names.items() if name.casefold().startswith(text.casefold())]
    return Wanted(audits.STAFF, str(found[0])) if found else None


def _day(desk: Desk, text: str) -> date | None:
    today = desk.clock.now().astimezone(desk.clinic.tz).date()
    named = {"today": today, "yesterday": today - timedelta(days=1), "0": today, "-1": today - timedelta(days=1)}
    if (day := named.get(text.casefold()) or _iso(text)) is not None:
        return day
    if (match := _DAY.fullmatch(text)) is None:
        return None
    number, month, year = int(match[1]), int(match[2]), int(match[3] or today.year)
    found = _iso(f"{year:04}-{month:02}-{number:02}")
    if found is not None and found > today and not match[3]:
        return _iso(f"{year - 1:04}-{month:02}-{number:02}")
    return found


def _iso(text: str) -> date | None:
    try:
        return date.fromisoformat(text) if len(text) == 10 else None
    except ValueError:
        return None


async def _names(desk: Desk, chat_id: int, actors: Iterable[int | None]) -> dict[int, str]:
    """Return the names of who is in the group, or was."""
    found = {}
    for actor in dict.fromkeys(one for one in actors if one is not None):
        try:
            member = await desk.wire.call("getChatMember", {"chat_id": chat_id, "user_id": actor})
        except WireError:
            continue
        found[actor] = str(member.get("user", {}).get("first_name") or actor)
    return found


async def _may_look(desk: Desk, chat_id: int, user_id: int) -> bool:
    try:
        member = await desk.wire.call("getChatMember", {"chat_id": chat_id, "user_id": user_id})
    except WireError:
        return False
    return member.get("status") in MAY_LOOK
