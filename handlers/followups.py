"""Follow-ups: sent when they are due, and what a patient answers, to the end.

What somebody answers is marked on the button in the message itself; what follows from it comes below.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import Any, get_args

from telegram import CallbackQuery, Update
from telegram.ext import BaseHandler, CallbackQueryHandler, CommandHandler, ContextTypes, filters

from bot.clinic import consents, drafts, followups, preferences, programmes, replies, slots, staffroom, undelivered
from bot.clinic.enquiries import Asked, NobodyToAsk, PassedOn, Relayed
from bot.clinic.enquiries import Card as EnquiryCard
from bot.clinic.followups import Due, Part
from bot.clinic.preferences import Silenced
from bot.clinic.programmes import Batch
from bot.clinic.replies import (
    OTHER,
    AnswerOutcome,
    Booking,
    Cancelling,
    Changed,
    Choosing,
    Expected,
    ForAPerson,
    Invited,
    Known,
    Moving,
    NoConsent,
    NotYours,
    Passed,
    RunningLate,
    Shown,
    Thanked,
    ToldOfVisit,
    WantsOff,
)
from bot.clinic.visits import Card
from bot.delivery.messages import Button, Edit, Kind, Message, Rows
from bot.programme import Answer
from bot.wording import booking as booking_words
from bot.wording import followups as words
from bot.wording import front, staff
from bot.wording.speech import Speech
from handlers import booking, cards
from handlers import visits as staffs
from handlers.desk import Desk, Owed, person
from handlers.door import in_private
from handlers.pages import VISITS, Page

ANSWER, LATE, SIGN, QUESTION, GIVEN = "fu", "ful", "fus", "fuq", "fua"
STOP, BACK_ON = "stop", "on"
ANSWERS: tuple[Answer, ...] = get_args(Answer)
PURPOSES = {"f": consents.FOLLOW_UP, "o": consents.OFFERS, "r": consents.REMINDERS}
"""Purposes by their letters in a button."""
ALL, KEEP = "all", "keep"
EVERY = timedelta(minutes=1)
"""How often it is looked whom messages did not reach."""
GIVEN_CODES = {"y": drafts.YES, "n": drafts.NO, "u": drafts.UNSURE}


def handlers(desk: Desk) -> list[BaseHandler[Any, Any, Any]]:
    """Return the handlers of this conversation."""
    number = r"\d{1,18}"
    return [
        CommandHandler("stop", partial(ask_stop, desk), filters.ChatType.PRIVATE & filters.UpdateType.MESSAGE),
        CallbackQueryHandler(
            in_private(desk, partial(answer, desk)), pattern=rf"^{ANSWER}:{number}:({'|'.join(ANSWERS)})$"
        ),
        CallbackQueryHandler(in_private(desk, partial(late, desk)), pattern=rf"^{LATE}:{number}:\d{{1,3}}$"),
        CallbackQueryHandler(in_private(desk, partial(sign, desk)), pattern=rf"^{SIGN}:{number}:[a-z]+$"),
        CallbackQueryHandler(
            in_private(desk, partial(question, desk)), pattern=rf"^{QUESTION}:{number}(:[a-z0-9-]+)?$"
        ),
        CallbackQueryHandler(in_private(desk, partial(change, desk)), pattern=rf"^{GIVEN}:{number}:[a-z0-9-]+:[ynu]$"),
        CallbackQueryHandler(in_private(desk, partial(ask_stop, desk)), pattern=rf"^{STOP}:{number}$"),
        CallbackQueryHandler(
            in_private(desk, partial(stop, desk)), pattern=rf"^{STOP}:{number}:([{''.join(PURPOSES)}]|{ALL}|{KEEP})$"
        ),
        CallbackQueryHandler(
            in_private(desk, partial(turn_on, desk)), pattern=rf"^{BACK_ON}:[{''.join(PURPOSES)}]{{1,3}}$"
        ),
    ]


# --- what time brings


async def make_followup_rounds(desk: Desk) -> None:
    """Send the follow-ups that are due, until none is; once a minute look whom messages did not reach."""
    more = True
    while more and desk.clock.doubt() is None:
        _, more = await desk.act(
            desk.staff_speech,
            lambda session, now: followups.make_rounds(session, desk.clinic, now),
            lambda outcome: [drawn(desk, due) for due in outcome[0]],
        )
    now = desk.clock.now()
    since = now - desk.looked_at.get(ANSWER, now - EVERY)
    if timedelta(0) <= since < EVERY:  # a clock that was set back is not waited for
        return
    desk.looked_at[ANSWER] = now
    await learn_languages(desk)
    await desk.act(desk.staff_speech, undelivered.look, lambda news: _calls(desk, news))
    unsaid = words.unsaid(desk.staff_speech)
    await desk.act(
        desk.staff_speech,
        lambda session, now: replies.left_unsaid(session, desk.clinic, unsaid, now),
        lambda found: [owed for one in found for owed in _alarmed(desk, one.chat_id, one.language, one.asked, OTHER)],
    )


async def follow_programme(desk: Desk) -> None:
    """Where the programme is another one than at the last start, bring what is planned into line with it."""
    batch, steps = Batch(0, 0), 0
    while batch.last is not None:
        after = batch.last
        batch = await desk.act(
            desk.staff_speech,
            lambda session, now, after=after: programmes.follow(session, desk.clinic, after, now),  # type: ignore[misc]  # the place of this turn
            lambda _: (),
        )
        steps += batch.steps
    if steps:
        note = words.programme_changed(desk.staff_speech, steps)
        await desk.act(
            desk.staff_speech,
            lambda session, _: staffroom.chat(session),
            lambda chat: [Owed(Message(chat, note, kind=Kind.STAFF))] if chat is not None else [],
        )


async def learn_languages(desk: Desk) -> None:
    """Learn which languages people chose: another process may have heard of it."""
    chosen = await desk.database.read(preferences.own_languages)
    desk.own_languages.clear()
    desk.own_languages.update(chosen)


def _calls(desk: Desk, news: undelivered.News) -> Iterator[Owed]:
    if news.people and news.staff_chat is not None:
        text = words.calls_note(desk.staff_speech, news.people)
        yield Owed(Message(news.staff_chat, text, kind=Kind.STAFF))


# --- the message


def drawn(desk: Desk, due: Due) -> Owed:
    """Draw what is due to a patient as one message."""
    say = desk.speeches.of(due.language)
    parts = words.BETWEEN.join(dict.fromkeys(_text(desk, say, part) for part in due.parts))  # of two visits, once
    text = f"{words.first_line(say, desk.clinic)}\n\n{parts}"
    rows = (*_answers(desk, say, due.parts), (Button(words.stop_button(say), f"{STOP}:{due.parts[0].id}"),))
    message = Message(due.chat_id, text, rows, Kind(due.kind))
    return Owed(message, due.subject, language=due.language, valid_until=due.until)


def _text(desk: Desk, say: Speech, part: Part) -> str:
    if part.step is None:
        return words.from_staff(part.text or "")
    visit = facts(desk, say, part.card)
    if part.step.text is not None:
        return words.own_words(say, desk.clinic, part.step.text, visit)
    return words.template(say, desk.clinic, part.step.template or "reminder", visit)


def facts(desk: Desk, say: Speech, card: Card) -> words.Facts:
    """Return what sentences about a visit are filled with, at its confirmed time."""
    today = desk.clock.now().astimezone(desk.clinic.tz).date()
    sure = card.kept_starts_at or card.starts_at
    plain = staffs.plain(desk, say, replace(card, practitioner=card.kept_practitioner or card.practitioner))
    what = words.what(say, plain.treatment, plain.practitioner) if desk.clinic.practitioners else plain.treatment
    weeks = max(0, (today - card.ends_at.astimezone(desk.clinic.tz).date()).days) // 7
    return words.Facts(what, sure, today, weeks)


def _answers(desk: Desk, say: Speech, parts: Sequence[Part]) -> Iterator[tuple[Button, ...]]:
    """Return the buttons: of each visit its own, and what is the same for all of them once."""
    asked_of = {part.card.visit_id for part in parts if part.step is not None and part.step.anchor == "visit"}
    seen: set[tuple[Answer, int]] = set()
    for part in parts:
        if part.step is None:
            continue
        yield from _times(desk, say, part)
        of_visit = part.step.anchor == "visit"
        found = []
        for one in part.step.buttons:
            key = one, part.card.visit_id if of_visit else 0
            if key not in seen:
                seen.add(key)
                is_near = of_visit and staffs.is_fixed(desk, part.card)
                label = words.cannot_come_button(say) if is_near and one == "cancel" else words.button(say, one)
                if of_visit and len(asked_of) > 1:
                    label = words.for_visit(label, _short_time(say, part.card))
                found.append(Button(label, f"{ANSWER}:{part.id}:{one}"))
        yield from (tuple(found[place : place + 2]) for place in range(0, len(found), 2))


def _times(desk: Desk, say: Speech, part: Part) -> Rows:
    several = len(desk.clinic.team) > 1
    return tuple(
        (
            Button(
                say.instant(free.starts_at)
                + (f" · {staffs.practitioner(desk, free.practitioner)[:30]}" if several else ""),
                f"{staffs.BOOK_AT}:{part.card.treatment}:{free.practitioner}:{slots.unit(free.starts_at)}",
            ),
        )
        for free in part.free
    )


def _short_time(say: Speech, card: Card) -> str:
    local = (card.kept_starts_at or card.starts_at).astimezone(say.zone)
    return f"{say.weekday(local.weekday())} {say.clock(local.time())}"


# --- what is answered


async def answer(desk: Desk, update: Update, _: ContextTypes.DEFAULT_TYPE) -> None:
    """Take the answer to a follow-up."""
    query = update.callback_query
    if query is None or query.data is None:
        return
    say, user = desk.speech(query.from_user), query.from_user
    _kind, number, name = query.data.split(":")
    said = next(one for one in ANSWERS if one == name)
    told = words.result_words(desk.staff_speech, said)
    outcome = await desk.keep(
        update,
        say,
        lambda session, now: replies.answer(session, desk.clinic, int(number), said, told, person(user, say), now),
        lambda outcome: _answered(desk, say, user.id, said, outcome),
    )
    match outcome:
        case NotYours():
            await desk.acknowledge(query, front.old_button(say), alert=True)
        case Known():
            await desk.acknowledge(query, words.known(say))
        case Expected() | Thanked() | ForAPerson():
            await desk.acknowledge(query)
            await _mark(desk, query)
        case _:
            await desk.acknowledge(query)


def _answered(desk: Desk, say: Speech, chat_id: int, said: Answer, outcome: AnswerOutcome) -> Iterator[Owed]:  # noqa: PLR0912  one outcome, one answer
    clinic = desk.clinic
    match outcome:
        case Expected(card):
            text = words.on_the_way(say) if said == "coming" else words.expected(say, facts(desk, say, card))
            yield Owed(Message(chat_id, text))
            yield from staffs.refreshed(desk, card)
        case Passed():
            yield Owed(Message(chat_id, words.passed(say), _to_visits(say)))
        case Moving(begun):
            yield from booking.begun(desk, say, chat_id, begun)
        case Cancelling(card):
            yield Owed(_sure(desk, say, chat_id, card))
        case WantsOff(card, wish, again):
            yield from _wants_off(desk, say, chat_id, card, wish, again=again)
        case Choosing(number, what):
            yield Owed(_choice(desk, say, chat_id, number, what))
        case NoConsent():
            yield Owed(Message(chat_id, words.no_consent(say, clinic)))
        case Shown(what):
            page = desk.pages.topic(say, "aftercare") if what == "care" else Page(words.call(say, clinic))
            if page is not None:
                yield Owed(Message(chat_id, page.text, page.rows))
        case Invited():
            invites = words.ask_the_clinic if said == replies.ASK else words.ask_away
            yield Owed(Message(chat_id, invites(say, clinic)))
        case Thanked(one):
            link = clinic.followups.review if one == "happy" else None
            rows = ((Button(words.review_button(say), url=link),),) if link else ()
            yield Owed(Message(chat_id, words.thanks(say, clinic, one), rows))
        case Booking(begun):
            yield from booking.begun(desk, say, chat_id, begun)
        case ForAPerson(told):
            yield from _for_a_person(desk, say, chat_id, said, told)
        case NotYours() | Known():
            return


def _wants_off(desk: Desk, say: Speech, chat_id: int, card: Card, wish: str, *, again: bool) -> Iterator[Owed]:
    """Say that staff know, and that it is not done yet; they get a note with the number, once."""
    yield Owed(Message(chat_id, words.wants_off(say, desk.clinic, facts(desk, say, card), moves=wish == "move")))
    if not again:
        staff_say = desk.staff_speech
        visit = staffs.plain(desk, staff_say, card)
        when = staff_say.instant(card.kept_starts_at or card.starts_at)
        note = words.wants_off_note(staff_say, card.name, card.code, when, visit.phone, moves=wish == "move")
        yield staffs.noted(desk, card, note)
        yield from staffs.refreshed(desk, card)


def told_of_visit(desk: Desk, say: Speech, chat_id: int, told: ToldOfVisit, text: str) -> Iterator[Owed]:
    """Pass on what a patient writes of a visit that is near, and say so."""
    card, staff_say = told.card, desk.staff_speech
    match told.said:
        case "late":
            yield Owed(Message(chat_id, words.late_passed_on(say, desk.clinic)))
        case "off":
            yield Owed(Message(chat_id, words.wants_off(say, desk.clinic, facts(desk, say, card), moves=False)))
        case "coming":
            yield Owed(Message(chat_id, words.expected(say, facts(desk, say, card))))
            yield from staffs.refreshed(desk, card)
            return
    when = staff_say.instant(card.kept_starts_at or card.starts_at)
    phone = staffs.plain(desk, staff_say, card).phone
    yield staffs.noted(desk, card, words.written_note(staff_say, card.name, card.code, when, phone, text))
    yield from staffs.refreshed(desk, card)


def _for_a_person(
    desk: Desk, say: Speech, chat_id: int, said: Answer, told: PassedOn | NobodyToAsk | Relayed
) -> Iterator[Owed]:
    match told:
        case PassedOn(card):
            yield Owed(Message(chat_id, words.for_a_person(say, desk.clinic)))
            yield cards.posted(desk, card, kind=Kind.STAFF)
        case Relayed(card):
            yield Owed(Message(chat_id, words.for_a_person(say, desk.clinic)))
            text = staff.relayed(desk.staff_speech, card.name, words.result_words(desk.staff_speech, said))
            yield Owed(Message(card.staff_chat, text, kind=Kind.STAFF, reply_to=card.message_id), card.subject)
        case NobodyToAsk():
            yield Owed(Message(chat_id, words.nobody_to_tell(say, desk.clinic)))


def _choice(desk: Desk, say: Speech, chat_id: int, number: int, what: str) -> Message:
    match what:
        case "late":
            minutes = tuple(Button(words.minutes_button(say, one), f"{LATE}:{number}:{one}") for one in replies.LATE_BY)
            return Message(chat_id, words.ask_how_late(say), (minutes,))
        case "change":
            return Message(chat_id, words.ask_change(say), _changes(say, number))
        case _:
            labels = words.signs(say)
            listed = [Button(labels[one], f"{SIGN}:{number}:{one}") for one in replies.signs(late=what == "late-sign")]
            listed.append(Button(words.never_mind_button(say), f"{SIGN}:{number}:{replies.NEVER_MIND}"))
            return Message(chat_id, words.ask_sign(say, desk.clinic), tuple((one,) for one in listed))


def _sure(desk: Desk, say: Speech, chat_id: int, card: Card) -> Message:
    """Ask once more before a visit is cancelled: the booking's own buttons go on from here."""
    plain = staffs.plain(desk, say, card)
    entry = booking_words.visit(
        say,
        card.code,
        booking_words.what(say, plain.treatment, plain.practitioner),
        say.instant(card.kept_starts_at or card.starts_at),
        booking_words.state(say, card.status, plain.kept),
    )
    yes = Button(booking_words.sure_button(say), f"{booking.DO_CANCEL}:{card.visit_id}:{card.version}")
    no = Button(booking_words.keep_button(say), f"{booking.OPEN}:{card.visit_id}")
    return Message(chat_id, booking_words.sure(say, desk.clinic, entry), ((yes,), (no,)))


def _to_visits(say: Speech) -> Rows:
    return ((Button(booking_words.visits_button(say), VISITS),),)


async def _mark(desk: Desk, query: CallbackQuery) -> None:
    """Mark the tapped button among those of its follow-up; the others stay, since people change their minds."""
    message, data = query.message, query.data or ""
    keyboard = getattr(message, "reply_markup", None)
    if message is None or keyboard is None:
        return
    mine = data.rpartition(":")[0] + ":"
    mark = words.chosen("")
    rows = [[button.to_dict() for button in row] for row in keyboard.inline_keyboard]
    before = [button["text"] for row in rows for button in row]
    for row in rows:
        for button in row:
            if str(button.get("callback_data", "")).startswith(mine):
                label = button["text"].removeprefix(mark)
                button["text"] = words.chosen(label) if button["callback_data"] == data else label
    if before != [button["text"] for row in rows for button in row]:
        await desk.relabel(message.chat.id, message.message_id, rows)


async def late(desk: Desk, update: Update, _: ContextTypes.DEFAULT_TYPE) -> None:
    """Tell staff how late the patient will be."""
    query = update.callback_query
    if query is None or query.data is None:
        return
    say, user = desk.speech(query.from_user), query.from_user
    _kind, number, minutes = query.data.split(":")
    place = query.message.message_id if query.message else None

    def render(outcome: RunningLate | Passed | NotYours) -> Iterator[Owed]:
        match outcome:
            case RunningLate(card, minutes, again):
                yield _put(user.id, place, words.late_noted(say, desk.clinic, minutes))
                if not again:
                    yield staffs.noted(desk, card, _late_note(desk, card, minutes))
                    yield from staffs.refreshed(desk, card)
            case Passed():
                yield _put(user.id, place, words.passed(say), _to_visits(say))
            case NotYours():
                return

    outcome = await desk.keep(
        update,
        say,
        lambda session, now: replies.late(session, desk.clinic, int(number), int(minutes), person(user, say), now),
        render,
    )
    await _stop_spinner(desk, say, query, outcome)


def _late_note(desk: Desk, card: Card, minutes: int) -> str:
    staff_say = desk.staff_speech
    time = staff_say.clock((card.kept_starts_at or card.starts_at).astimezone(staff_say.zone).time())
    return words.late_note(staff_say, card.name, card.code, time, minutes)


async def sign(desk: Desk, update: Update, _: ContextTypes.DEFAULT_TYPE) -> None:
    """Take a sign as the red flag it is: the fixed text, and the alert for staff."""
    query = update.callback_query
    if query is None or query.data is None:
        return
    say, user = desk.speech(query.from_user), query.from_user
    _kind, number, name = query.data.split(":")
    place = query.message.message_id if query.message else None
    told = words.signs(desk.staff_speech).get(name, "")

    def render(outcome: Asked | Thanked | NotYours) -> Iterator[Owed]:
        match outcome:
            case Asked():
                yield from _alarmed(desk, user.id, say.language, outcome, name)
                if place is not None:
                    yield Owed(Edit(user.id, place, words.chosen(words.signs(say)[name])))
            case Thanked(one):
                yield _put(user.id, place, words.thanks(say, desk.clinic, one))
            case NotYours():
                return

    outcome = await desk.keep(
        update,
        say,
        lambda session, now: replies.sign(session, desk.clinic, int(number), name, told, person(user, say), now),
        render,
    )
    await _stop_spinner(desk, say, query, outcome)


def _alarmed(desk: Desk, chat_id: int, language: str, asked: Asked, name: str) -> Iterator[Owed]:
    """Say the fixed text of a red flag, and alert staff."""
    say = desk.speeches.of(language)
    text = desk.pages.reply(say, asked.understood, asked.question_id).text
    if name == OTHER:
        text = f"{text}\n\n{words.describe(say)}"
    yield Owed(Message(chat_id, text, kind=Kind.SAFETY), language=say.language)
    yield from cards.alarmed(desk, asked)


def described(desk: Desk, say: Speech, chat_id: int, card: EnquiryCard, passed_on: Owed) -> Iterator[Owed]:
    """Pass on what a patient says of a problem, and confirm it."""
    yield from cards.below(desk, card, passed_on)
    yield Owed(Message(chat_id, words.described(say, desk.clinic), kind=Kind.SAFETY))


# --- what has changed


def _changes(say: Speech, number: int) -> Rows:
    labels = words.change_labels(say)
    listed = [Button(labels[one], f"{QUESTION}:{number}:{one}") for one in replies.CHANGES]
    other = Button(words.something_else_button(say), f"{ANSWER}:{number}:ask")
    return (*(tuple(listed[place : place + 2]) for place in range(0, len(listed), 2)), (other,))


async def question(desk: Desk, update: Update, _: ContextTypes.DEFAULT_TYPE) -> None:
    """Ask the screening question that may have another answer now, or list them again; nothing changes."""
    query = update.callback_query
    if query is None or query.data is None:
        return
    say = desk.speech(query.from_user)
    _kind, number, *name = query.data.split(":")
    asked = booking_words.questions(say).get(name[0]) if name else None
    if asked is None:
        await desk.turn_to(update, say, query, Page(words.ask_change(say), _changes(say, int(number))))
        return
    labels = (
        (booking_words.yes_button(say), "y"),
        (booking_words.no_button(say), "n"),
        (booking_words.unsure_button(say), "u"),
    )
    given = tuple(Button(label, f"{GIVEN}:{number}:{name[0]}:{code}") for label, code in labels)
    back = Button(words.back_button(say), f"{QUESTION}:{number}")
    await desk.turn_to(update, say, query, Page(words.asked(asked), (given, (back,))))


async def change(desk: Desk, update: Update, _: ContextTypes.DEFAULT_TYPE) -> None:
    """Keep another answer to a screening question, and tell staff that there is one."""
    query = update.callback_query
    if query is None or query.data is None:
        return
    say, user = desk.speech(query.from_user), query.from_user
    _kind, number, name, code = query.data.split(":")
    place = query.message.message_id if query.message else None

    def render(outcome: Changed | Passed | NoConsent | NotYours) -> Iterator[Owed]:
        match outcome:
            case Changed(card, _, flagged):
                more = Button(words.another_change_button(say), f"{QUESTION}:{number}")
                yield _put(user.id, place, words.change_noted(say, flagged=flagged), ((more,),))
                yield from staffs.refreshed(desk, card)
                note = words.changed_note(desk.staff_speech, card.name, card.code, flagged=flagged)
                yield staffs.noted(desk, card, note)
            case Passed():
                yield _put(user.id, place, words.passed(say), _to_visits(say))
            case NoConsent():
                yield _put(user.id, place, words.no_consent(say, desk.clinic))
            case NotYours():
                return

    outcome = await desk.keep(
        update,
        say,
        lambda session, now: replies.change(
            session, desk.clinic, int(number), name, GIVEN_CODES[code], person(user, say), now
        ),
        render,
    )
    await _stop_spinner(desk, say, query, outcome)


# --- stopping


async def ask_stop(desk: Desk, update: Update, _: ContextTypes.DEFAULT_TYPE) -> None:
    """Ask which messages are to stop: below one of them, or for /stop."""
    query, user = update.callback_query, update.effective_user
    if user is None:
        return
    say, data = desk.speech(user), query.data if query is not None else f"{STOP}:0"
    choices = [*((PURPOSES[code], code) for code in "for"), (ALL, ALL), (KEEP, KEEP)]
    rows = tuple((Button(words.stop_choice(say, what), f"{data}:{code}"),) for what, code in choices)
    asked = Message(user.id, words.ask_stop(say), rows)
    await desk.keep(update, say, lambda _session, _now: None, lambda _: [Owed(asked)])
    if query is not None:
        await desk.acknowledge(query)


def stop_which(desk: Desk, say: Speech, chat_id: int, form: Rows) -> Owed:
    """Ask whether "stop" means the form, by its own button, or the messages."""
    messages = Button(words.stop_messages_button(say), f"{STOP}:0")
    return Owed(Message(chat_id, words.ask_what_stops(say), (*form, (messages,))))


async def stop(desk: Desk, update: Update, _: ContextTypes.DEFAULT_TYPE) -> None:
    """Stop what the patient chose, at once."""
    query = update.callback_query
    if query is None or query.data is None:
        return
    say, user = desk.speech(query.from_user), query.from_user
    code = query.data.split(":")[2]
    place = query.message.message_id if query.message else None
    if code == KEEP:
        await desk.turn_to(update, say, query, Page(words.kept(say), ()))
        return
    off = list(PURPOSES.values()) if code == ALL else [PURPOSES[code]]
    await desk.keep(
        update,
        say,
        lambda session, now: preferences.silence(session, person(user, say), off, now),
        lambda outcome: silenced(desk, say, user.id, outcome, tapped=place),
    )
    await desk.acknowledge(query)


def silenced(desk: Desk, say: Speech, chat_id: int, outcome: Silenced, *, tapped: int | None = None) -> Iterator[Owed]:
    """Say what has stopped, with the way back."""
    codes = {purpose: code for code, purpose in PURPOSES.items()}
    rows: list[tuple[Button, ...]] = []
    if consents.REMINDERS not in outcome.off:
        rows.append((Button(words.stop_choice(say, "reminders-too"), f"{STOP}:0:r"),))
    if outcome.back:
        back = "".join(codes[purpose] for purpose in outcome.back)
        rows.append((Button(words.back_on_button(say), f"{BACK_ON}:{back}"),))
    yield _put(chat_id, tapped, words.stopped(say, desk.clinic, outcome.off), tuple(rows))


async def turn_on(desk: Desk, update: Update, _: ContextTypes.DEFAULT_TYPE) -> None:
    """Turn on again what was stopped."""
    query = update.callback_query
    if query is None or query.data is None:
        return
    say, user = desk.speech(query.from_user), query.from_user
    purposes = [PURPOSES[code] for code in dict.fromkeys(query.data.partition(":")[2])]
    place = query.message.message_id if query.message else None
    await desk.keep(
        update,
        say,
        lambda session, now: preferences.want(session, person(user, say), purposes, now, wanted=True),
        lambda _: [_put(user.id, place, words.turned_on(say))],
    )
    await desk.acknowledge(query)


def _put(chat_id: int, tapped: int | None, text: str, rows: Rows = ()) -> Owed:
    return Owed(Edit(chat_id, tapped, text, rows) if tapped is not None else Message(chat_id, text, rows))


async def _stop_spinner(desk: Desk, say: Speech, query: CallbackQuery, outcome: object) -> None:
    if isinstance(outcome, NotYours):
        await desk.acknowledge(query, front.old_button(say), alert=True)
    else:
        await desk.acknowledge(query)
