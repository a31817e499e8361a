"""/new in the staff group, for walk-ins and callers; and the link with which the patient's chat joins the visit.

What was chosen so far stands in the buttons, and in the subject of the prompt for name and number: nothing is written
until the visit is entered.
"""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from io import BytesIO
from typing import Any

import segno
from telegram import Message as TelegramMessage
from telegram import Update
from telegram.ext import BaseHandler, CallbackQueryHandler, CommandHandler, ContextTypes, filters

from bot.clinic import arrivals, consents, slots
from bot.clinic.arrivals import (
    Agreed,
    Choice,
    Entered,
    Expired,
    FreeDays,
    FreeTimes,
    HasChat,
    Invited,
    Joined,
    JoinedBefore,
    JoinOutcome,
    Known,
    NoSuchLink,
    Over,
    Parted,
    Tied,
    Untied,
    UsedUp,
)
from bot.clinic.enquiries import About
from bot.clinic.visits import Actor, Card, NotHere, Taken
from bot.delivery.messages import Attachment, Button, Caption, Delete, Edit, ForceReply, Kind, Message, Rows
from bot.delivery.patience import Verdict
from bot.store.database import Session
from bot.wording import arrivals as words
from bot.wording import booking as booking_words
from bot.wording import front
from bot.wording import visits as visit_words
from bot.wording.speech import Speech
from handlers import calendar
from handlers import visits as visit_cards
from handlers.desk import Desk, Owed, person
from handlers.door import in_private
from handlers.pages import MENU, Page

GROUP = filters.ChatType.GROUPS & filters.UpdateType.MESSAGE
ANEW, TREATMENT, WHO, DAY, AT, NOW, STOP = "nw", "nt", "nm", "nd", "na", "nn", "nx"
LINK = "nlink"
"""Makes a new link for a visit."""
TIE = "ntie"
"""Ties a visit to the chat that its patient has already."""
NOT_THEM = "nnot"
"""Takes a visit from a chat that joined it."""
CONSENT = "ja"
"""A consent of a patient who has joined."""
PROMPT = "new"
"""Subject of the prompt whose reply is a name and a number."""
YES, NO = "y", "n"


def handlers(desk: Desk) -> list[BaseHandler[Any, Any, Any]]:
    """Return the handlers of this conversation."""
    slug = "[a-z0-9-]{1,24}"
    steps = (
        rf"{ANEW}|{STOP}|{TREATMENT}:{slug}|{WHO}:{slug}:{slug}:\d{{6}}|{DAY}:{slug}:{slug}:\d{{8}}:\d|"
        rf"{AT}:{slug}:{slug}:\d{{1,8}}|{NOW}:{slug}:{slug}"
    )
    return [
        CommandHandler("new", partial(begin, desk), GROUP),
        CallbackQueryHandler(partial(step, desk), pattern=f"^({steps})$"),
        CallbackQueryHandler(partial(make_link, desk), pattern=rf"^{LINK}:\d{{1,18}}$"),
        CallbackQueryHandler(partial(tie, desk), pattern=rf"^{TIE}:\d{{1,18}}:\d{{1,18}}$"),
        CallbackQueryHandler(partial(untie, desk), pattern=rf"^{NOT_THEM}:\d{{1,18}}:\d{{1,18}}$"),
        CallbackQueryHandler(
            in_private(desk, partial(answer_consent, desk)),
            pattern=rf"^{CONSENT}:\d{{1,18}}:[a-z-]{{1,16}}:[{YES}{NO}]$",
        ),
    ]


# --- entering a visit


async def begin(desk: Desk, update: Update, _: ContextTypes.DEFAULT_TYPE) -> None:
    """Ask what a new visit is for."""
    chat = update.effective_chat
    if chat is None:
        return
    page = _treatments(desk)
    await desk.keep(
        update,
        desk.staff_speech,
        lambda session, _now: arrivals.is_staffs(session, chat.id),
        lambda ours: [Owed(Message(chat.id, page.text, page.rows, Kind.STAFF))] if ours else [],
    )


async def step(desk: Desk, update: Update, _: ContextTypes.DEFAULT_TYPE) -> None:
    """Go on to the next question, or back to one before; the last one is asked in a message that is replied to."""
    query = update.callback_query
    if query is None or query.data is None or query.message is None:
        return
    action, *rest = query.data.split(":")
    chat_id, message_id, say = query.message.chat.id, query.message.message_id, desk.staff_speech
    actor = Actor(query.from_user.id, query.from_user.first_name)

    def use_case(session: Session, now: datetime) -> Page | tuple[Choice, datetime] | NotHere:
        if not arrivals.is_staffs(session, chat_id):
            return NotHere()
        return _step(desk, action, rest, chat_id, session, now)

    def render(found: Page | tuple[Choice, datetime] | NotHere) -> Iterator[Owed]:
        if isinstance(found, Page):
            yield Owed(Edit(chat_id, message_id, found.text, found.rows, Kind.STAFF))
        elif not isinstance(found, NotHere):
            yield Owed(Delete(chat_id, message_id, Kind.STAFF))
            yield _prompt(desk, chat_id, actor, *found)

    found = await desk.keep(update, say, use_case, render)
    gone = front.old_button(say) if isinstance(found, NotHere) else None
    await desk.acknowledge(query, gone, alert=gone is not None)


def _step(  # noqa: PLR0911  one button, one question
    desk: Desk, action: str, rest: Sequence[str], chat_id: int, session: Session, now: datetime
) -> Page | tuple[Choice, datetime] | NotHere:
    clinic = desk.clinic
    match action, rest:
        case ("nx", _):
            return Page(words.stopped(desk.staff_speech))
        case ("nt", (treatment,)):
            return _team(desk, treatment, session, chat_id, now)
        case ("nm", (treatment, who, month)):
            first = visit_cards.date_of(f"{month}01")
            days = arrivals.days(session, clinic, treatment, who, first, chat_id, now) if first else NotHere()
            return days if isinstance(days, NotHere) else _days(desk, days)
        case ("nd", (treatment, who, day, part)):
            on = visit_cards.date_of(day)
            times = arrivals.times(session, clinic, treatment, who, on, chat_id, now) if on else NotHere()
            return times if isinstance(times, NotHere) else _times(desk, times, int(part))
        case ("na", (treatment, who, unit)):
            choice = arrivals.choose(session, clinic, treatment, who, chat_id)
            return choice if isinstance(choice, NotHere) else (choice, _instant(int(unit)))
        case ("nn", (treatment, who)):
            choice = arrivals.choose(session, clinic, treatment, who, chat_id)
            return choice if isinstance(choice, NotHere) else (choice, arrivals.started(now))
        case _:
            return _treatments(desk)


def _treatments(desk: Desk) -> Page:
    say, treatments = desk.staff_speech, desk.clinic.treatments
    if not treatments:
        return Page(words.no_treatments(say))
    buttons = [Button(one.name[:40], f"{TREATMENT}:{one.id}") for one in treatments[:90]]
    rows = tuple(tuple(buttons[at : at + 2]) for at in range(0, len(buttons), 2))
    return Page(words.pick_treatment(say), (*rows, (Button(words.stop_button(say), STOP),)))


def _team(desk: Desk, treatment: str, session: Session, chat_id: int, now: datetime) -> Page | NotHere:
    """Draw who does the treatment, or the month where that is only one."""
    say, found = desk.staff_speech, desk.clinic.treatment(treatment)
    team = [one for one in desk.clinic.team if one.does(treatment)]
    if found is None or not team:
        return NotHere()
    today = now.astimezone(desk.clinic.tz).date()
    if len(team) == 1:
        days = arrivals.days(session, desk.clinic, treatment, team[0].id, today.replace(day=1), chat_id, now)
        return days if isinstance(days, NotHere) else _days(desk, days)
    people = tuple((Button(one.name[:40], f"{WHO}:{treatment}:{one.id}:{today:%Y%m}"),) for one in team[:90])
    return Page(words.pick_practitioner(say, found.name), (*people, _ways_out(say, ANEW)))


def _days(desk: Desk, days: FreeDays) -> Page:
    say, clinic = desk.staff_speech, desk.clinic
    today = desk.clock.now().astimezone(clinic.tz).date()
    what = f"{days.choice.treatment.id}:{days.choice.practitioner.id}"
    rows = calendar.month_rows(
        say,
        clinic,
        days.first,
        days.free,
        today,
        day=lambda day: f"{DAY}:{what}:{day:%Y%m%d}:0",
        turn=lambda first: f"{WHO}:{what}:{first:%Y%m}",
        earliest=today,
        latest=today + timedelta(days=clinic.booking.days_ahead),
    )
    text = words.pick_day(say, days.choice.treatment.name, days.choice.practitioner.name)
    if not days.free:
        text += f"\n{words.nothing_free(say)}"
    at_once = (Button(words.now_button(say), f"{NOW}:{what}"),)
    several = sum(one.does(days.choice.treatment.id) for one in clinic.team) > 1
    back = f"{TREATMENT}:{days.choice.treatment.id}" if several else ANEW
    return Page(text, (at_once, *rows, _ways_out(say, back)))


def _times(desk: Desk, times: FreeTimes, part: int) -> Page:
    say, choice = desk.staff_speech, times.choice
    what = f"{choice.treatment.id}:{choice.practitioner.id}"
    rows = calendar.time_rows(
        say,
        times.free,
        part,
        time=lambda free: f"{AT}:{what}:{slots.unit(free.starts_at)}",
        turn=lambda part: f"{DAY}:{what}:{times.day:%Y%m%d}:{part}",
    )
    text = words.pick_time(say, choice.treatment.name, choice.practitioner.name, say.day(times.day))
    back = Button(words.days_button(say), f"{WHO}:{what}:{times.day:%Y%m}")
    return Page(text, (*rows, (back, Button(words.stop_button(say), STOP))))


def _ways_out(say: Speech, back: str) -> tuple[Button, ...]:
    return Button(words.back_button(say), back), Button(words.stop_button(say), STOP)


def _prompt(desk: Desk, chat_id: int, actor: Actor, choice: Choice, starts_at: datetime) -> Owed:
    say = desk.staff_speech
    mention = visit_words.mention(actor.name, actor.id or 0)
    what = (choice.treatment.name, choice.practitioner.name, say.instant(starts_at))
    text = words.ask_caller(say, mention, *what, _example(desk))
    message = Message(chat_id, text, kind=Kind.STAFF, below=ForceReply(words.caller_hint(say)))
    return Owed(message, f"{PROMPT}:{slots.unit(starts_at)}:{arrivals.number(choice)}", language=say.language)


def _example(desk: Desk) -> str:
    return booking_words.example_phone(desk.clinic.country, desk.clinic.phone)


async def write_caller(desk: Desk, update: Update, message: TelegramMessage, about: About) -> None:
    """Enter the visit for the name and number that a staff member wrote to the prompt."""
    author, say, chat_id = message.from_user, desk.staff_speech, message.chat.id
    if author is None:
        return
    caller = arrivals.read_caller(message.text or "", desk.clinic.country)
    choice, starts_at = arrivals.numbered(desk.clinic, about.version), _instant(about.number)
    actor, name, phone = Actor(author.id, author.first_name), caller.name, caller.phone
    if name is None or phone is None:
        text = words.no_caller(say, name, phone, _example(desk))
        below = ForceReply(words.caller_hint(say))
        again = Message(chat_id, text, kind=Kind.STAFF, reply_to=message.message_id, below=below)
        subject = f"{PROMPT}:{about.number}:{about.version}"
        await desk.keep(update, say, lambda _session, _now: None, lambda _: [Owed(again, subject)])
        return
    username = message.get_bot().username

    def use_case(session: Session, now: datetime) -> Entered | Taken | NotHere:
        if choice is None:
            return NotHere()
        return arrivals.enter(session, desk.clinic, choice, starts_at, name, phone, chat_id, actor, now)

    def render(outcome: Entered | Taken | NotHere) -> Iterator[Owed]:
        match outcome:
            case Entered(card, secret, until, known):
                yield visit_cards.posted(desk, card)
                yield _link(desk, username, card, secret, until, known)
            case Taken(free):
                times = [
                    f"{say.instant(one.starts_at)} · {visit_cards.practitioner(desk, one.practitioner)}" for one in free
                ]
                yield Owed(Message(chat_id, words.taken(say, times), kind=Kind.STAFF, reply_to=message.message_id))
            case NotHere():
                gone = words.not_any_more(say)
                yield Owed(Message(chat_id, gone, kind=Kind.STAFF, reply_to=message.message_id))

    await desk.keep(update, say, use_case, render)


# --- the link


def link(username: str, secret: str) -> str:
    """Return the address that opens the chat with the bot and joins a visit."""
    return f"https://t.me/{username}?start={arrivals.PREFIX}{secret}"


def qr_code(address: str) -> bytes:
    """Return a QR code as a PNG with the quiet zone that ISO/IEC 18004 asks for; a quarter of it may be covered."""
    picture = BytesIO()
    segno.make(address, error="q", micro=False).save(picture, kind="png", scale=10, border=4)
    return picture.getvalue()


def _link(desk: Desk, username: str, card: Card, secret: str, until: datetime, known: Known | None = None) -> Owed:
    """Show the way to the visit: its link, or the chat that its patient has already."""
    say, address = desk.staff_speech, link(username, secret)
    caption = words.link_caption(say, card.code, card.name, address, say.day(until.astimezone(say.zone).date()))
    again: Rows = ((Button(words.new_link_button(say), f"{LINK}:{card.visit_id}"),),)
    if known is not None:
        caption = f"{caption}\n\n{words.is_known(say, known.name)}"
        tie = Button(words.tie_button(say, known.name), f"{TIE}:{card.visit_id}:{known.chat_id}")
        again = ((tie,), *again)
    picture = Attachment(
        card.staff_chat, f"{card.code}.png", "image/png", qr_code(address), caption, again, Kind.STAFF, card.message_id
    )
    return Owed(picture, f"visit-note:{card.visit_id}", language=say.language)


async def make_link(desk: Desk, update: Update, context: ContextTypes.DEFAULT_TYPE) -> None:
    """Make a new link for a visit."""
    query = update.callback_query
    if query is None or query.data is None or query.message is None:
        return
    chat_id, visit_id, say = query.message.chat.id, int(query.data.partition(":")[2]), desk.staff_speech
    actor, username = Actor(query.from_user.id, query.from_user.first_name), context.bot.username

    def render(outcome: Invited | HasChat | NotHere) -> Iterator[Owed]:
        if isinstance(outcome, Invited):
            yield _link(desk, username, outcome.card, outcome.secret, outcome.until, outcome.known)

    outcome = await desk.keep(
        update,
        say,
        lambda session, now: arrivals.invite(session, desk.clinic, visit_id, chat_id, actor, now),
        render,
    )
    match outcome:
        case HasChat():
            await desk.acknowledge(query, words.has_chat(say), alert=True)
        case NotHere():
            await desk.acknowledge(query, visit_words.gone(say), alert=True)
        case Invited() | None:
            await desk.acknowledge(query)


async def tie(desk: Desk, update: Update, _: ContextTypes.DEFAULT_TYPE) -> None:
    """Tie a visit to the chat that its patient has already, and tell the patient of it."""
    query = update.callback_query
    if query is None or query.data is None or query.message is None:
        return
    visit_id, chat_id = map(int, query.data.split(":")[1:])
    place, say = (query.message.chat.id, query.message.message_id), desk.staff_speech
    actor = Actor(query.from_user.id, query.from_user.first_name)

    def render(outcome: Tied | HasChat | NotHere) -> Iterator[Owed]:
        if isinstance(outcome, Tied):
            yield Owed(Caption(*place, words.tied(say, outcome.card.code, outcome.card.name, actor.name), Kind.STAFF))
            yield from visit_cards.refreshed(desk, outcome.card)
            yield _joined_note(desk, chat_id, outcome.card)
            yield from visit_cards.told(desk, outcome.card)

    outcome = await desk.keep(
        update,
        say,
        lambda session, now: arrivals.tie(session, desk.clinic, visit_id, chat_id, place[0], actor, now),
        render,
    )
    match outcome:
        case HasChat():
            await desk.acknowledge(query, words.has_chat(say), alert=True)
        case NotHere():
            await desk.acknowledge(query, visit_words.gone(say), alert=True)
        case Tied() | None:
            await desk.acknowledge(query)


async def untie(desk: Desk, update: Update, context: ContextTypes.DEFAULT_TYPE) -> None:
    """Take a visit from a chat that was not the patient's, and make a new link."""
    query = update.callback_query
    if query is None or query.data is None or query.message is None:
        return
    visit_id, chat_id = map(int, query.data.split(":")[1:])
    place, say = (query.message.chat.id, query.message.message_id), desk.staff_speech
    actor, username = Actor(query.from_user.id, query.from_user.first_name), context.bot.username

    def render(outcome: Untied | NotHere) -> Iterator[Owed]:
        if isinstance(outcome, NotHere):
            return
        card = outcome.card
        text = words.untied_note(say, card.code, card.name, actor.name)
        yield Owed(Edit(*place, text, kind=Kind.STAFF))
        yield from visit_cards.refreshed(desk, card)
        yield _link(desk, username, card, outcome.secret, outcome.until)
        theirs = desk.speeches.of(outcome.language)
        yield Owed(Message(outcome.chat_id, words.untied(theirs, desk.clinic)), language=theirs.language)

    outcome = await desk.keep(
        update,
        say,
        lambda session, now: arrivals.untie(session, desk.clinic, visit_id, chat_id, place[0], actor, now),
        render,
    )
    gone = visit_words.gone(say) if isinstance(outcome, NotHere) else None
    await desk.acknowledge(query, gone, alert=gone is not None)


# --- the patient's side


async def open_link(desk: Desk, update: Update, payload: str) -> None:
    """Let whoever opened a link join its visit, and ask for the consents, one after the other."""
    user = update.effective_user
    if user is None:
        return
    say = desk.speech(user)
    verdict = desk.links.judge(user.id, desk.clock.now())
    if verdict is not Verdict.HEED:
        if verdict is Verdict.TELL:
            await desk.send(update, say, Page(words.too_many_links(say, desk.clinic)))
        return

    def render(outcome: JoinOutcome) -> Iterator[Owed]:
        match outcome:
            case Joined(card, asks):
                yield Owed(Message(user.id, words.welcome(say, desk.clinic, _shown(desk, say, card))))
                yield _question(desk, say, user.id, card, asks)
                yield from visit_cards.refreshed(desk, card)
                yield _joined_note(desk, user.id, card)
            case JoinedBefore(card, asks):
                yield Owed(Message(user.id, words.welcome(say, desk.clinic, _shown(desk, say, card))))
                yield _question(desk, say, user.id, card, asks)
            case UsedUp():
                yield _no(say, user.id, words.link_used(say, desk.clinic))
            case Expired():
                yield _no(say, user.id, words.link_expired(say, desk.clinic))
            case Over():
                yield _no(say, user.id, words.visit_over(say, desk.clinic))
            case NoSuchLink():
                yield _no(say, user.id, words.link_unknown(say, desk.clinic))

    await desk.keep(
        update,
        say,
        lambda session, now: arrivals.join(session, desk.clinic, person(user, say), payload, now),
        render,
    )


def _joined_note(desk: Desk, chat_id: int, card: Card) -> Owed:
    say = desk.staff_speech
    text = words.joined_note(say, card.code, card.name, card.patient_name or card.name)
    undo = ((Button(words.not_them_button(say), f"{NOT_THEM}:{card.visit_id}:{chat_id}"),),)
    message = Message(card.staff_chat, text, undo, Kind.STAFF, card.message_id)
    return Owed(message, f"visit-note:{card.visit_id}", language=say.language)


async def answer_consent(desk: Desk, update: Update, _: ContextTypes.DEFAULT_TYPE) -> None:
    """Keep what a patient agrees to, and turn the message into the next question."""
    query = update.callback_query
    if query is None or query.data is None or query.message is None:
        return
    _kind, visit_id, purpose, answer = query.data.split(":")
    say, place = desk.speech(query.from_user), (query.message.chat.id, query.message.message_id)

    def render(outcome: Agreed | Parted | NotHere) -> Iterator[Owed]:
        match outcome:
            case Agreed(card, asks):
                page = _consent_page(desk, say, card, asks)
                yield Owed(Edit(*place, page.text, page.rows))
            case Parted(card):
                yield Owed(Edit(*place, words.parted(say, desk.clinic)))
                yield from visit_cards.refreshed(desk, card)
                staff = desk.staff_speech
                phone = visit_words.phone(card.phone, desk.clinic.country)
                yield visit_cards.noted(desk, card, words.parted_note(staff, card.code, card.name, phone))
            case NotHere():
                return

    outcome = await desk.keep(
        update,
        say,
        lambda session, now: arrivals.agree(
            session, desk.clinic, int(visit_id), query.from_user.id, purpose, answer == YES, now
        ),
        render,
    )
    gone = front.old_button(say) if isinstance(outcome, NotHere) else None
    await desk.acknowledge(query, gone, alert=gone is not None)


def _question(desk: Desk, say: Speech, chat_id: int, card: Card, asks: str | None) -> Owed:
    page = _consent_page(desk, say, card, asks)
    return Owed(Message(chat_id, page.text, page.rows))


def _consent_page(desk: Desk, say: Speech, card: Card, asks: str | None) -> Page:
    match asks:
        case None:
            return Page(words.ready(say, desk.clinic), ((Button(front.menu_button(say), MENU),),))
        case consents.VISIT:
            text, labels = (
                words.ask_visit(say, desk.clinic),
                (booking_words.agree_button, booking_words.disagree_button),
            )
        case consents.FOLLOW_UP:
            text, labels = booking_words.ask_follow_up(say), (booking_words.yes_please, booking_words.no_thanks)
        case _:
            text, labels = booking_words.ask_offers(say), (booking_words.yes_please, booking_words.no_thanks)
    yes, no = (
        Button(label(say), f"{CONSENT}:{card.visit_id}:{asks}:{answer}")
        for label, answer in zip(labels, (YES, NO), strict=True)
    )
    return Page(text, ((yes,), (no,)))


def _no(say: Speech, chat_id: int, text: str) -> Owed:
    return Owed(Message(chat_id, text, ((Button(front.menu_button(say), MENU),),)))


def _shown(desk: Desk, say: Speech, card: Card) -> str:
    visit = visit_cards.plain(desk, say, card)
    return words.visit(say, visit.when, booking_words.what(say, visit.treatment, visit.practitioner), visit.code)


def _instant(unit: int) -> datetime:
    return datetime.fromtimestamp(unit * slots.UNIT * 60, UTC)
