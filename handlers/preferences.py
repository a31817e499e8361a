"""/settings and /plan: what a patient gets, in which language and at what hours, and what is coming."""

from collections.abc import Iterator
from datetime import datetime, time
from functools import partial
from typing import Any

from telegram import Update
from telegram import User as TelegramUser
from telegram.ext import BaseHandler, CallbackQueryHandler, CommandHandler, ContextTypes, filters

from bot.clinic import preferences, visits
from bot.clinic.patients import Person
from bot.clinic.preferences import Ahead, Outlook, Preferences
from bot.clinic.timing import Quiet
from bot.delivery.messages import Button, Edit, Rows
from bot.store.database import Session
from bot.wording import booking as booking_words
from bot.wording import preferences as words
from bot.wording.speech import Speech
from handlers import visits as staffs
from handlers.desk import Desk, Owed, person
from handlers.door import in_private
from handlers.followups import facts
from handlers.pages import BOOK, Page

PRIVATE = filters.ChatType.PRIVATE & filters.UpdateType.MESSAGE
SET, OPEN, PLAN = "set", "settings", "plan"
QUIET, LANGUAGE, CLINICS, TELEGRAMS = "quiet", "lang", "clinic", "telegram"
HOURS = ("20-9", "21-9", "21-10", "22-7", "0-0")
"""Quiet hours to choose from, besides the clinic's."""
MOST_SHOWN = 12
"""Messages listed of one visit."""


def handlers(desk: Desk) -> list[BaseHandler[Any, Any, Any]]:
    """Return the handlers of this conversation."""
    purposes = "|".join(preferences.PURPOSES)
    return [
        CommandHandler("settings", partial(settings, desk), PRIVATE),
        CommandHandler("plan", partial(plan, desk), PRIVATE),
        CallbackQueryHandler(in_private(desk, partial(settings, desk)), pattern=f"^{OPEN}$"),
        CallbackQueryHandler(in_private(desk, partial(turn, desk)), pattern=rf"^{SET}:({QUIET}|{LANGUAGE})?$"),
        CallbackQueryHandler(
            in_private(desk, partial(change, desk)),
            pattern=rf"^{SET}:(({purposes}):[01]|{QUIET}:(\d+-\d+|{CLINICS})|{LANGUAGE}:[A-Za-z_-]+)$",
        ),
    ]


# --- the settings


async def settings(desk: Desk, update: Update, _: ContextTypes.DEFAULT_TYPE) -> None:
    """Show the settings below."""
    user, query = update.effective_user, update.callback_query
    if user is None:
        return
    say = desk.speech(user)
    found = await desk.database.read(lambda session: preferences.of(session, desk.clinic, user.id))
    await desk.send(update, say, _page(desk, say, found))
    if query is not None:
        await desk.acknowledge(query)


async def turn(desk: Desk, update: Update, _: ContextTypes.DEFAULT_TYPE) -> None:
    """Turn to the choice of hours or of a language, or back; nothing changes."""
    query = update.callback_query
    if query is None or query.data is None:
        return
    say, user = desk.speech(query.from_user), query.from_user
    found = await desk.database.read(lambda session: preferences.of(session, desk.clinic, user.id))
    match query.data.partition(":")[2]:
        case "quiet":
            page = _hours(desk, say, found)
        case "lang":
            page = _languages(desk, say, found)
        case _:
            page = _page(desk, say, found)
    await desk.turn_to(update, say, query, page)


async def change(desk: Desk, update: Update, _: ContextTypes.DEFAULT_TYPE) -> None:
    """Change one setting, and show them all again."""
    query = update.callback_query
    if query is None or query.data is None or query.message is None:
        return
    user = query.from_user
    _set, what, value = query.data.split(":")
    place = query.message.chat.id, query.message.message_id
    language = _language(desk, value) if what == LANGUAGE else desk.own_languages.get(user.id)
    say = desk.speeches.of(language or user.language_code)

    def use_case(session: Session, now: datetime) -> Preferences:
        who = _person(desk, user, language)
        match what:
            case "lang":
                preferences.set_language(session, who, language, now)
            case "quiet":
                preferences.set_quiet(session, desk.clinic, who, _quiet(value), now)
            case _:
                preferences.want(session, who, [what], now, wanted=value == "1")
        session.flush()
        return preferences.of(session, desk.clinic, user.id)

    def render(found: Preferences) -> Iterator[Owed]:
        page = _page(desk, say, found)
        yield Owed(Edit(*place, page.text, page.rows))

    changed = await desk.keep(update, say, use_case, render)
    if changed is not None and what == LANGUAGE:
        if language is None:
            desk.own_languages.pop(user.id, None)
        else:
            desk.own_languages[user.id] = language
    await desk.acknowledge(query)


def _page(desk: Desk, say: Speech, found: Preferences) -> Page:
    several = len(list(desk.speeches)) > 1
    spoken = words.language_name(say) if found.language else words.as_telegram(say)
    hours = words.span(say, found.quiet.begins, found.quiet.ends)
    text = words.settings(say, desk.clinic, spoken, hours, own_quiet=found.is_own_quiet, several=several)
    switches = [
        Button(
            words.switch(say, purpose, on=purpose in found.wanted),
            f"{SET}:{purpose}:{int(purpose not in found.wanted)}",
        )
        for purpose in preferences.PURPOSES
    ]
    more = [Button(words.quiet_button(say), f"{SET}:{QUIET}")]
    if several:
        more.append(Button(words.language_button(say), f"{SET}:{LANGUAGE}"))
    return Page(text, (*((switch,) for switch in switches), tuple(more)))


def _hours(desk: Desk, say: Speech, found: Preferences) -> Page:
    rules = desk.clinic.followups
    clinics = words.the_clinics(say, words.span(say, rules.quiet_from, rules.quiet_until))
    choices = [(clinics, CLINICS, not found.is_own_quiet)]
    for value in HOURS:
        quiet = _quiet(value)
        if quiet is not None:
            is_set = found.is_own_quiet and found.quiet == quiet
            choices.append((words.span(say, quiet.begins, quiet.ends), value, is_set))
    rows = [
        (Button(words.chosen(label) if is_set else label, f"{SET}:{QUIET}:{value}"),)
        for label, value, is_set in choices
    ]
    return Page(words.ask_quiet(say), (*rows, _back(say)))


def _languages(desk: Desk, say: Speech, found: Preferences) -> Page:
    choices = [(words.as_telegram(say), TELEGRAMS, found.language is None)]
    choices += [(words.language_name(one), one.language, found.language == one.language) for one in desk.speeches]
    rows = [
        (Button(words.chosen(label) if is_set else label, f"{SET}:{LANGUAGE}:{value}"),)
        for label, value, is_set in choices
    ]
    return Page(words.ask_language(say), (*rows, _back(say)))


def _back(say: Speech) -> tuple[Button, ...]:
    return (Button(words.back_button(say), f"{SET}:"),)


def _quiet(value: str) -> Quiet | None:
    """Read "21-8"; None for the clinic's own hours, and for what no clock shows."""
    begins, _, ends = value.partition("-")
    if not begins.isdigit() or not ends.isdigit() or int(begins) > 23 or int(ends) > 23:
        return None
    return Quiet(time(int(begins)), time(int(ends)))


def _language(desk: Desk, value: str) -> str | None:
    """Return a language that is there; None for that of the person's Telegram."""
    return value if value in {one.language for one in desk.speeches} else None


def _person(desk: Desk, user: TelegramUser, language: str | None) -> Person:
    """Return who it is, with the language that they will be spoken to in."""
    return person(user, desk.speeches.of(language or user.language_code))


# --- the plan


async def plan(desk: Desk, update: Update, _: ContextTypes.DEFAULT_TYPE) -> None:
    """Show what is coming: visits, courses, and messages."""
    user = update.effective_user
    if user is None:
        return
    say, now = desk.speech(user), desk.clock.now()
    found = await desk.database.read(lambda session: preferences.outlook(session, desk.clinic, user.id, now))
    await desk.send(update, say, planned(desk, say, found))


def planned(desk: Desk, say: Speech, found: Outlook) -> Page:
    """Draw what is coming for a patient."""
    entries = [_entry(desk, say, one) for one in found.visits]
    rows: Rows = ((Button(words.settings_button(say), OPEN),),)
    if any(one.progress is not None for one in found.visits) or not found.visits:
        rows = ((Button(booking_words.book_button(say), BOOK),), *rows)
    return Page(words.plan(say, entries, held_back=found.held_back), rows)


def _entry(desk: Desk, say: Speech, ahead: Ahead) -> str:
    card = ahead.card
    visit, plain = facts(desk, say, card), staffs.plain(desk, say, card)
    if card.status in visits.LIVE:
        sure = card.status == visits.CONFIRMED or card.is_move
        lines = [words.visit_line(say, visit.starts_at, visit.what, is_sure=sure)]
    elif ahead.progress is not None and not ahead.progress.is_over:
        lines = [words.course_line(say, plain.treatment, ahead.progress.done, ahead.progress.sessions)]
        if ahead.next_from is not None:
            lines.append(words.next_line(say, ahead.next_from))
    else:
        lines = [words.treated_line(say, visit.what, visit.starts_at)]
    templates = {step.id: step.template for step in desk.clinic.steps(card.treatment)}
    for one in ahead.planned[:MOST_SHOWN]:
        lines.append(words.message_line(say, one.at, words.step(say, templates.get(one.step or ""))))
    return "\n".join(lines)
