"""Booking, the patient's side: the form, and the visits to come.

The form is one message. A tap edits it; after something typed it is sent anew below, and the old one is taken back. The
question for the telephone stands under a keyboard of its own, which no edit can give or take, so it is sent anew as
well. What only turns a page is answered without a write.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from functools import partial
from typing import Any

from telegram import CallbackQuery, Contact, Update, User
from telegram.ext import BaseHandler, CallbackQueryHandler, CommandHandler, ContextTypes, filters

from bot.clinic import drafts, invitations, opening, visits, waits
from bot.clinic.drafts import (
    A_ROUND,
    CHECK,
    DAY,
    PHONE,
    TIME,
    BeginOutcome,
    Begun,
    Closed,
    Dropped,
    Filled,
    FillOutcome,
    Forgotten,
    Form,
    Gone,
    Invalid,
    MoveOutcome,
    NothingToBook,
    Nudged,
    Refused,
    Resumed,
    SendOutcome,
    Stale,
    Stopped,
    Words,
)
from bot.clinic.slots import UNIT
from bot.clinic.visits import (
    LIVE,
    Card,
    Changed,
    Late,
    NoStaff,
    NotHere,
    Requested,
    TooLate,
    TooMany,
    TooOften,
)
from bot.delivery.messages import Attachment, Button, Delete, Edit, Kind, Message, NoKeyboard, Rows, ShareContact
from bot.store.database import Session
from bot.wording import answers
from bot.wording import booking as words
from bot.wording import visits as visit_words
from bot.wording.speech import Speech
from handlers import calendar
from handlers import visits as staffs
from handlers.desk import Desk, Owed, person
from handlers.door import in_private
from handlers.pages import BOOK, VISITS, Page

PRIVATE = filters.ChatType.PRIVATE & filters.UpdateType.MESSAGE
FORM = "bk"
ANEW = "bknew"
OPEN, ASK_CANCEL, DO_CANCEL, FILE, JOIN, LEAVE = "bvo", "bvc", "bvy", staffs.FILE, "bvw", "bvu"
LIST = "bvl"
WANTED = "bkw"
"""Begins a form with what somebody wrote: an area, a day, a time."""
GO_ON, STOP, BACK, CHANGE, SEND, MONTH, PART = "g", "x", "b", "e", "s", "m", "u"
SETS = {
    "t": drafts.TREATMENT,
    "p": drafts.PRACTITIONER,
    "d": drafts.DAY,
    "h": drafts.TIME,
    "n": drafts.NAME,
    "c": drafts.CONSENT,
    "q": drafts.SCREENING,
    "f": drafts.FOLLOW_UP,
    "o": drafts.OFFERS,
}
"""What a button of the form fills."""
CODES = {field: code for code, field in SETS.items()}
NOTE = "note"


def handlers(desk: Desk) -> list[BaseHandler[Any, Any, Any]]:
    """Return the handlers of this conversation."""
    number, version = r"\d{1,18}", r"\d{1,9}"
    taps = {
        f"{BOOK}|{ANEW}": book,
        rf"{staffs.BOOK_AT}:[a-z0-9-]+:[a-z0-9-]+:\d{{1,8}}": book_at,
        rf"{WANTED}:[a-z0-9-]*:\d{{0,8}}:\d{{0,4}}": book_wanted,
        rf"{FORM}:{number}:{version}:[{MONTH}{PART}]:\d{{1,6}}": turn,
        rf"{FORM}:{number}:{version}:[a-z]:[^:]{{0,40}}": tap,
        f"{LIST}|{VISITS}": list_visits,
        f"({OPEN}|{ASK_CANCEL}):{number}": open_visit,
        f"{staffs.MOVE}:{number}(:{version})?": move,
        f"{DO_CANCEL}:{number}:{version}": cancel,
        f"{FILE}:{number}": send_file,
        f"({JOIN}|{LEAVE}):{number}": wait,
    }
    return [
        CommandHandler("book", partial(book, desk), PRIVATE),
        CommandHandler("bookings", partial(list_visits, desk), PRIVATE),
        CommandHandler("cancel", partial(stop, desk), PRIVATE),
        *(
            CallbackQueryHandler(in_private(desk, partial(callback, desk)), pattern=f"^({pattern})$")
            for pattern, callback in taps.items()
        ),
        CallbackQueryHandler(partial(do_nothing, desk), pattern=f"^{calendar.NOTHING}$"),
    ]


# --- the form, drawn


def what(desk: Desk, say: Speech, form: Form) -> str:
    """Sum up what the form says so far."""
    when = None
    if form.starts_at is not None:
        when = say.instant(form.starts_at)
    elif form.day is not None:
        when = say.day(form.day)
    who = form.practitioner.name if form.practitioner and desk.clinic.practitioners else None
    if form.anybody and form.starts_at is None:
        who = words.anybody(say) if form.treatment else None
    return words.chosen(say, form.treatment.name if form.treatment else None, who, when)


def page(
    desk: Desk, say: Speech, form: Form, *, note: str = "", month: date | None = None, part: int | None = None
) -> Page:
    """Draw the form: what is chosen, the question in turn, and its buttons."""
    if form.step == CHECK:
        return _check(desk, say, form, note)
    text, rows = _question(desk, say, form, month, part)
    summed_up = what(desk, say, form)
    head = words.heading(say, form.moves.code if form.moves else None)
    parts = [f"{head}\n{summed_up}" if summed_up else head, note, text]
    ways = (
        *((Button(words.back_button(say), data(form, BACK)),) if form.can_go_back or form.is_change else ()),
        Button(words.stop_button(say), data(form, STOP)),
    )
    return Page("\n\n".join(part for part in parts if part), (*rows, ways))


def data(form: Form, code: str, value: object = "") -> str:
    """Return what a button of this form sends back."""
    return f"{FORM}:{form.draft_id}:{form.version}:{code}:{value}"


def _question(  # noqa: PLR0911  one question, one picture
    desk: Desk, say: Speech, form: Form, month: date | None, part: int | None
) -> tuple[str, Rows]:
    def choice(label: str, field: str, value: object) -> Button:
        return Button(label, data(form, CODES[field], value))

    match form.step:
        case "treatment":
            buttons = [choice(one.name[:60], drafts.TREATMENT, one.id) for one in desk.clinic.treatments]
            return words.ask_treatment(say), _in_rows(buttons)
        case "practitioner":
            people = [choice(f"{one.name}, {one.role}"[:60], drafts.PRACTITIONER, one.id) for one in form.practitioners]
            whoever = choice(words.anybody(say), drafts.PRACTITIONER, drafts.ANYBODY)
            return words.ask_practitioner(say), tuple((one,) for one in (*people, whoever))
        case "day" if not form.days:
            return words.no_days(say, desk.clinic), ()
        case "day":
            return words.ask_day(say), _month(desk, say, form, month)
        case "time" if form.day is not None:
            rows = calendar.time_rows(
                say,
                form.times,
                part,
                time=lambda free: data(form, CODES[drafts.TIME], _minutes(free.starts_at)),
                turn=lambda number: data(form, PART, number),
                earliest=form.earliest,
            )
            return words.ask_time(say, form.day), rows
        case "name":
            known = [choice(form.known_as, drafts.NAME, NOTE)] if drafts.clean_name(form.known_as) else []
            return words.ask_name(say), (tuple(known),) if known else ()
        case "phone":
            return words.ask_phone(say), ()
        case "consent":
            agree = choice(words.agree_button(say), drafts.CONSENT, drafts.YES)
            return words.ask_consent(say, desk.clinic, len(drafts.QUESTIONS)), (
                (agree,),
                (choice(words.disagree_button(say), drafts.CONSENT, drafts.NO),),
            )
        case "screening" if form.question is not None:
            answers = (
                (words.yes_button(say), drafts.YES),
                (words.no_button(say), drafts.NO),
                (words.unsure_button(say), drafts.UNSURE),
            )
            row = tuple(choice(label, drafts.SCREENING, f"{form.question}={answer}") for label, answer in answers)
            return words.ask_question(say, form.question, form.answered + 1, len(drafts.QUESTIONS)), (row,)
        case "screening":
            again = choice(words.answer_again_button(say), drafts.SCREENING, drafts.AGAIN)
            return words.ask_to_answer_again(say, len(drafts.QUESTIONS)), ((again,),)
        case _:
            text = words.ask_follow_up(say) if form.step == drafts.FOLLOW_UP else words.ask_offers(say)
            if form.flagged and form.step == drafts.FOLLOW_UP and not form.is_change:
                text = f"{words.will_be_reviewed(say)}\n\n{text}"
            yes = choice(words.yes_please(say), form.step, drafts.YES)
            return text, ((yes, choice(words.no_thanks(say), form.step, drafts.NO)),)


def _month(desk: Desk, say: Speech, form: Form, month: date | None) -> Rows:
    shown = month or (form.day if form.day in form.days and form.day else form.days[0])
    return calendar.month_rows(
        say,
        desk.clinic,
        shown.replace(day=1),
        form.days,
        desk.clock.now().astimezone(desk.clinic.tz).date(),
        day=lambda day: data(form, CODES[drafts.DAY], day.isoformat()),
        turn=lambda first: data(form, MONTH, f"{first:%Y%m}"),
    )


def _check(desk: Desk, say: Speech, form: Form, note: str) -> Page:
    """Show the whole form, with a way to change each field."""
    clinic = desk.clinic
    lines = [("treatment", form.treatment.name if form.treatment else "")]
    several = len(form.practitioners) > 1
    if clinic.practitioners and form.practitioner is not None:
        lines.append(("practitioner", form.practitioner.name))
    if form.starts_at is not None:
        lines.append(("time", say.instant(form.starts_at)))
    lines += [("name", form.name or ""), ("phone", words.telephone(form.phone or ""))]
    if form.moves is None:
        lines += [
            ("screening", words.answered(say)),
            ("follow_up", words.wanted(say, given=bool(form.follow_up))),
            ("offers", words.wanted(say, given=bool(form.offers))),
        ]
    moves = None
    if form.moves is not None and (form.moves.kept_starts_at or form.moves.status == visits.CONFIRMED):
        moves = say.instant(form.moves.kept_starts_at or form.moves.starts_at)
    named = [(words.field(say, name), value) for name, value in lines]
    text = words.check(say, named, flagged=form.flagged and form.moves is None, moves=moves)
    fields = ["day", "time", *(["practitioner"] if several else [])]
    if form.moves is None:
        fields = [
            *(["treatment"] if len(clinic.treatments) > 1 else []),
            *fields,
            "name",
            "phone",
            "screening",
            "follow_up",
            "offers",
        ]
    changes = [Button(words.change_button(say, field), data(form, CHANGE, field)) for field in fields]
    rows = (
        (Button(words.send_button(say), data(form, SEND)),),
        *_in_rows(changes),
        (Button(words.stop_button(say), data(form, STOP)),),
    )
    return Page(f"{note}\n\n{text}" if note else text, rows)


def _minutes(at: datetime) -> int:
    return int(at.timestamp()) // 60


def _in_rows(buttons: list[Button], across: int = 2) -> Rows:
    return tuple(tuple(buttons[place : place + across]) for place in range(0, len(buttons), across))


# --- the form, said


def shown(
    desk: Desk, say: Speech, form: Form, *, tapped: int | None = None, note: str = "", left: str = ""
) -> Iterator[Owed]:
    """Show the form: in the tapped message, else anew below, with the old one taken back."""
    yield from put(form, page(desk, say, form, note=note), say, tapped=tapped, left=left)


def put(form: Form, drawn: Page, say: Speech, *, tapped: int | None = None, left: str = "") -> Iterator[Owed]:
    """Put a picture of the form where the patient looks."""
    old = {form.message_id, tapped} - {None}
    if left == PHONE and form.step != PHONE:
        away = words.phone_taken(say, form.phone) if form.phone else words.one_back(say)
        yield Owed(Message(form.chat_id, away, below=NoKeyboard()))
    if tapped is not None and form.step != PHONE:
        yield Owed(Edit(form.chat_id, tapped, drawn.text, drawn.rows), form.subject)
        old.discard(tapped)
    for message_id in sorted(one for one in old if one is not None):
        yield Owed(Delete(form.chat_id, message_id))
    if form.step == PHONE:
        key = ShareContact(words.share_button(say), (words.back_button(say),))
        yield Owed(Message(form.chat_id, drawn.text, below=key), form.subject)
    elif tapped is None:
        yield Owed(Message(form.chat_id, drawn.text, drawn.rows), form.subject)


def begun(
    desk: Desk, say: Speech, chat_id: int, outcome: BeginOutcome | MoveOutcome, *, tapped: int | None = None
) -> Iterator[Owed]:
    """Say what came of the wish for a visit, or for another time of one."""
    match outcome:
        case Begun(form, understood, lost, replaced, flagged):
            yield from _call_first(desk, say, chat_id, flagged=flagged)
            if replaced is not None:
                yield from _taken_back(say, replaced, tapped)
                tapped = None if replaced.step == PHONE else tapped
            taken = what(desk, say, form)
            note = words.understood(say, taken) if understood and taken else words.understood_nothing(say)
            if lost is not None:
                note = _lost(say, lost) if not taken else f"{note}\n{_lost(say, lost)}"
            yield from shown(desk, say, form, tapped=tapped, note="" if form.moves else note)
        case Resumed(form, flagged):
            yield from _call_first(desk, say, chat_id, flagged=flagged)
            drawn = going_on(desk, say, form)
            yield Owed(Message(chat_id, drawn.text, drawn.rows))
        case TooMany(most):
            yield Owed(Message(chat_id, words.too_many(say, desk.clinic, most), _to_visits(say)))
        case NoStaff():
            yield Owed(Message(chat_id, words.nobody_there(say, desk.clinic)))
        case NothingToBook():
            yield Owed(Message(chat_id, words.nothing_to_book(say, desk.clinic)))
        case TooLate(_, hours):
            yield Owed(Message(chat_id, words.too_late(say, desk.clinic, hours)))
        case NotHere():
            yield Owed(Message(chat_id, words.no_such_visit(say), _to_visits(say)))


def _call_first(desk: Desk, say: Speech, chat_id: int, *, flagged: bool) -> Iterator[Owed]:
    """Ask who wrote of a possible emergency within the day for a call before anything is booked."""
    if flagged:
        yield Owed(Message(chat_id, answers.call_first(say, desk.clinic)))


def _taken_back(say: Speech, form: Form, tapped: int | None) -> Iterator[Owed]:
    """Take back the form that gave way to another one, and the keyboard that it stands over."""
    old = {form.message_id, tapped} if form.step == PHONE else {form.message_id} - {tapped}
    for message_id in sorted(one for one in old if one is not None):
        yield Owed(Delete(form.chat_id, message_id))
    if form.step == PHONE:
        yield Owed(Message(form.chat_id, words.begun_again(say), below=NoKeyboard()))


def going_on(desk: Desk, say: Speech, form: Form) -> Page:
    """Ask whether to go on with a form that was begun before."""
    return Page(words.go_on(say, what(desk, say, form), _moved_code(form)), _go_on_rows(say, form))


def _moved_code(form: Form) -> str | None:
    return form.moves.code if form.moves else None


def _go_on_rows(say: Speech, form: Form) -> Rows:
    go_on = Button(words.go_on_button(say), data(form, GO_ON))
    again = Button(words.anew_button(say, moves=form.moves is not None), ANEW)
    return (go_on,), (again, Button(words.stop_button(say), data(form, STOP)))


def filled(desk: Desk, say: Speech, chat_id: int, outcome: FillOutcome, *, tapped: int | None = None) -> Iterator[Owed]:
    """Say what came of an answer to the form."""
    match outcome:
        case Filled(form, left, lost):
            yield from shown(desk, say, form, tapped=tapped, note=_lost(say, lost) if lost else "", left=left)
        case Stale(form):
            yield from shown(desk, say, form, tapped=tapped)
        case Invalid(form, why):
            note = _why(desk, say, why)
            yield from shown(desk, say, form, tapped=tapped, note=note)
        case Stopped():
            yield from _closed(chat_id, words.under_age(say, desk.clinic), tapped)
        case Refused():
            yield from _closed(chat_id, words.consent_refused(say, desk.clinic), tapped)
        case NotHere():
            return


def buttons_only(desk: Desk, say: Speech, form: Form) -> Iterator[Owed]:
    """Ask kindly for a tap."""
    yield from shown(desk, say, form, note=words.buttons_only(say))


def way_out(say: Speech, form: Form) -> Rows:
    """Return the button that ends the form."""
    return ((Button(words.stop_button(say), data(form, STOP)),),)


def _lost(say: Speech, lost: str) -> str:
    return words.day_lost(say) if lost == DAY else words.time_lost(say)


def _why(desk: Desk, say: Speech, why: str) -> str:
    match why:
        case drafts.NOT_OWN:
            return words.phone_not_own(say)
        case drafts.NO_PHONE:
            return words.phone_invalid(say, words.example_phone(desk.clinic.country, desk.clinic.phone))
        case _:
            return words.name_invalid(say, too_long=why == drafts.TOO_LONG)


def _closed(chat_id: int, text: str, tapped: int | None, rows: Rows = ()) -> Iterator[Owed]:
    yield Owed(Edit(chat_id, tapped, text, rows) if tapped is not None else Message(chat_id, text, rows))


def _to_visits(say: Speech) -> Rows:
    """Return the way to the list of visits below a message that is to stay."""
    return ((Button(words.visits_button(say), VISITS),),)


# --- the form, tapped


@dataclass(frozen=True, slots=True)
class _Tap:
    """A tapped button of the form."""

    draft_id: int
    version: int
    code: str
    value: str
    chat_id: int
    message_id: int | None


def _read(query: CallbackQuery) -> _Tap:
    _form, draft_id, version, code, value = (query.data or "").split(":")
    message_id = query.message.message_id if query.message else None
    return _Tap(int(draft_id), int(version), code, value, query.from_user.id, message_id)


async def book(desk: Desk, update: Update, _: ContextTypes.DEFAULT_TYPE) -> None:
    """Begin a booking, or take up the one that is open."""
    user, query = update.effective_user, update.callback_query
    if user is None:
        return
    say = desk.speech(user)
    anew = query is not None and query.data == ANEW
    # the question whether to go on becomes the form: its buttons are of no more use
    tapped = query.message.message_id if anew and query is not None and query.message is not None else None
    await desk.keep(
        update,
        say,
        lambda session, now: drafts.begin(session, desk.clinic, person(user, say), now, anew=anew),
        lambda outcome: begun(desk, say, user.id, outcome, tapped=tapped),
    )
    if query is not None:
        await desk.acknowledge(query)


async def book_at(desk: Desk, update: Update, _: ContextTypes.DEFAULT_TYPE) -> None:
    """Begin a booking at one of the free times that a message offered."""
    query = update.callback_query
    if query is None or query.data is None:
        return
    say, user = desk.speech(query.from_user), query.from_user
    _kind, treatment, practitioner, unit = query.data.split(":")
    at = datetime.fromtimestamp(int(unit) * UNIT * 60, desk.clinic.tz)
    wanted = Words(
        treatment if desk.clinic.treatment(treatment) else None,
        practitioner if desk.clinic.practitioner(practitioner) else None,
        at.date(),
        at.time(),
    )
    await desk.keep(
        update,
        say,
        lambda session, now: drafts.begin(session, desk.clinic, person(user, say), now, words=wanted),
        lambda outcome: begun(desk, say, user.id, outcome),
    )
    await desk.acknowledge(query)


def offered(desk: Desk, say: Speech, said: Words) -> Rows:
    """Return a button that books what somebody's words name, where they name an area or a day."""
    treatment = desk.clinic.treatment(said.treatment or "")
    if not desk.clinic.treatments or (treatment is None and said.day is None):
        return ()
    label = words.book_this_button(say, treatment.name if treatment else None, said.day)
    day, at = (f"{said.day:%Y%m%d}" if said.day else ""), (f"{said.at:%H%M}" if said.day and said.at else "")
    return ((Button(label, f"{WANTED}:{treatment.id if treatment else ''}:{day}:{at}"),),)


async def book_wanted(desk: Desk, update: Update, _: ContextTypes.DEFAULT_TYPE) -> None:
    """Begin a booking with what somebody's words named."""
    query = update.callback_query
    if query is None or query.data is None:
        return
    say, user = desk.speech(query.from_user), query.from_user
    _kind, treatment, day, at = query.data.split(":")
    wanted = Words(
        treatment if desk.clinic.treatment(treatment) else None,
        day=staffs.date_of(day),
        at=time(int(at[:2]), int(at[2:])) if re.fullmatch(r"([01]\d|2[0-3])[0-5]\d", at) else None,
    )
    await desk.keep(
        update,
        say,
        lambda session, now: drafts.begin(session, desk.clinic, person(user, say), now, words=wanted),
        lambda outcome: begun(desk, say, user.id, outcome),
    )
    await desk.acknowledge(query)


async def turn(desk: Desk, update: Update, _: ContextTypes.DEFAULT_TYPE) -> None:
    """Turn to another month or part of the day; nothing changes."""
    query = update.callback_query
    if query is None:
        return
    say, tapped = desk.speech(query.from_user), _read(query)
    now = desk.clock.now()
    form = await desk.database.read(lambda session: drafts.form(session, desk.clinic, tapped.chat_id, now))
    if form is None or form.draft_id != tapped.draft_id:
        await desk.acknowledge(query, words.form_closed(say), alert=True)
    elif form.version != tapped.version or form.step not in (DAY, TIME):
        await _redraw(desk, update, say, query, form)
    else:
        month = _month_of(tapped.value) if tapped.code == MONTH else None
        part = int(tapped.value) if tapped.code == PART else None
        await desk.turn_to(update, say, query, page(desk, say, form, month=month, part=part))


async def _redraw(desk: Desk, update: Update, say: Speech, query: CallbackQuery, form: Form) -> None:
    message_id = query.message.message_id if query.message else None
    await desk.keep(
        update,
        say,
        lambda session, now: drafts.form(session, desk.clinic, query.from_user.id, now),
        lambda found: shown(desk, say, found, tapped=message_id) if found else (),
    )
    await desk.acknowledge(query, words.went_on(say) if message_id != form.message_id else None)


def _month_of(digits: str) -> date | None:
    try:
        return date(int(digits[:4]), int(digits[4:]), 1)
    except ValueError:
        return None


async def tap(desk: Desk, update: Update, _: ContextTypes.DEFAULT_TYPE) -> None:
    """Take a tap on the form."""
    query = update.callback_query
    if query is None:
        return
    say, tapped = desk.speech(query.from_user), _read(query)
    outcome = await desk.keep(
        update,
        say,
        lambda session, now: _do(desk, tapped, session, now),
        lambda outcome: _done(desk, say, tapped, outcome),
    )
    match outcome:
        case NotHere():
            await desk.acknowledge(query, words.form_closed(say))
        case Stale(form) if tapped.code != GO_ON and form.message_id != tapped.message_id:
            await desk.acknowledge(query, words.went_on(say))
        case _:
            await desk.acknowledge(query)


_Outcome = FillOutcome | SendOutcome | Dropped


def _do(desk: Desk, tap: _Tap, session: Session, now: datetime) -> _Outcome:  # noqa: PLR0911  one button, one use-case
    clinic, button = desk.clinic, (tap.draft_id, tap.version, tap.chat_id)
    match tap.code:
        case "g":
            return drafts.go_on(session, clinic, tap.draft_id, tap.chat_id, now)
        case "x":
            return drafts.drop(session, clinic, tap.chat_id, now, draft_id=tap.draft_id)
        case "b":
            return drafts.back(session, clinic, *button, now)
        case "e":
            return drafts.change(session, clinic, *button, tap.value, now)
        case "s":
            return drafts.send(session, clinic, *button, now)
        case code if code in SETS:
            value = drafts.known_as(session, tap.chat_id) if code == CODES[drafts.NAME] else tap.value
            return drafts.fill(session, clinic, *button, SETS[code], value, now)
        case _:
            return NotHere()


def _done(desk: Desk, say: Speech, tap: _Tap, outcome: _Outcome) -> Iterator[Owed]:
    match outcome:
        case Filled() | Stale() | Invalid() | Stopped() | Refused() | NotHere():
            yield from filled(desk, say, tap.chat_id, outcome, tapped=tap.message_id)
        case Dropped(form):
            yield from _dropped(say, form, tap.message_id)
        case Requested(card, moved):
            yield from _closed(tap.chat_id, _sent(desk, say, card), tap.message_id, _to_visits(say))
            if moved:
                yield from staffs.refreshed(desk, card)
            yield staffs.posted(desk, card)
        case Gone(form, free):
            yield from put(form, _others(desk, say, form, free), say, tapped=tap.message_id)
        case TooMany(most):
            text = words.too_many(say, desk.clinic, most)
            yield Owed(Message(tap.chat_id, text, _to_visits(say)))
        case TooOften():
            yield Owed(Message(tap.chat_id, words.too_often(say, desk.clinic), _to_visits(say)))
        case TooLate(_, hours):
            yield from _closed(tap.chat_id, words.too_late(say, desk.clinic, hours), tap.message_id)
        case NoStaff():
            yield Owed(Message(tap.chat_id, words.nobody_there(say, desk.clinic)))
        case Closed():
            yield from _closed(tap.chat_id, words.has_changed(say), tap.message_id, _to_visits(say))


def _others(desk: Desk, say: Speech, form: Form, free: Any) -> Page:
    """Offer other times at once where the chosen one was taken."""
    several = form.anybody and len(desk.clinic.practitioners) > 1
    rows: list[tuple[Button, ...]] = []
    for one in free:
        who = desk.clinic.practitioner(one.practitioner)
        label = say.instant(one.starts_at) + (f" · {who.name[:30]}" if several and who else "")
        rows.append((Button(label, data(form, CODES[drafts.TIME], _minutes(one.starts_at))),))
    rows.append((Button(words.other_days_button(say), data(form, CHANGE, DAY)),))
    rows.append((Button(words.stop_button(say), data(form, STOP)),))
    head = words.heading(say, form.moves.code if form.moves else None)
    text = words.just_taken(say) if free else words.no_days(say, desk.clinic)
    return Page(f"{head}\n{what(desk, say, form)}\n\n{text}", tuple(rows))


def _sent(desk: Desk, say: Speech, card: Card) -> str:
    """Say that the clinic has the request, and by when it answers."""
    clinic, now = desk.clinic, desk.clock.now()
    until = visits.decided_by(clinic, card.requested_at, card.starts_at)
    opens = None if opening.is_open(clinic, now) else opening.after(clinic, now, timedelta())
    what_and_when = f"{_what(desk, say, card)}\n{say.instant(card.starts_at)}"
    kept = say.instant(card.kept_starts_at) if card.kept_starts_at else None
    text = words.sent(say, clinic, what_and_when, card.code, until, opens, now, kept=kept)
    return f"{text}\n\n{words.will_be_reviewed(say)}" if card.flagged and not card.is_move else text


async def stop(desk: Desk, update: Update, _: ContextTypes.DEFAULT_TYPE) -> None:
    """Drop the form."""
    user = update.effective_user
    if user is None:
        return
    say = desk.speech(user)

    def render(outcome: Dropped | NotHere) -> Iterator[Owed]:
        match outcome:
            case Dropped(form):
                yield from _dropped(say, form, None)
            case NotHere():
                yield Owed(Message(user.id, words.nothing_to_drop(say), _to_visits(say)))

    await desk.keep(update, say, lambda session, now: drafts.drop(session, desk.clinic, user.id, now), render)


def _dropped(say: Speech, form: Form, tapped: int | None) -> Iterator[Owed]:
    said = words.dropped(say, _moved_code(form))
    if tapped is not None:
        yield Owed(Edit(form.chat_id, tapped, said))
    if form.message_id is not None and form.message_id != tapped:
        yield Owed(Delete(form.chat_id, form.message_id))
    if tapped is None or form.step == PHONE:
        below = NoKeyboard() if form.step == PHONE else None
        yield Owed(Message(form.chat_id, said, below=below))


async def share(desk: Desk, update: Update, user: User, contact: Contact) -> bool:
    """Take a shared contact, if it is the sender's own; False where no form asks for a number."""
    say, now = desk.speech(user), desk.clock.now()
    form = await desk.database.read(lambda session: drafts.form(session, desk.clinic, user.id, now))
    if form is None or form.step != PHONE:
        return False
    number = "+" + contact.phone_number.lstrip("+")
    is_own = contact.user_id == user.id
    await desk.keep(
        update,
        say,
        lambda session, now: drafts.phone(session, desk.clinic, user.id, number, now, is_own=is_own),
        lambda outcome: filled(desk, say, user.id, outcome),
    )
    return True


async def do_nothing(desk: Desk, update: Update, _: ContextTypes.DEFAULT_TYPE) -> None:
    """Stop the spinner of a button that is only there to be looked at."""
    if update.callback_query is not None:
        await desk.acknowledge(update.callback_query)


# --- the visits to come


def listed(desk: Desk, say: Speech, cards: Any) -> Page:
    """List the visits to come."""
    entries = [_entry(desk, say, card) for card in cards]
    rows: list[tuple[Button, ...]] = []
    for card in cards:
        label = f"{say.instant(card.starts_at)} · {_treatment(desk, card)[:30]}"
        rows.append((Button(label, f"{OPEN}:{card.visit_id}"),))
    rows.append((Button(words.book_button(say), BOOK),))
    return Page(words.visits(say, desk.clinic, entries), tuple(rows))


def _entry(desk: Desk, say: Speech, card: Card) -> str:
    kept = say.instant(card.kept_starts_at) if card.kept_starts_at else None
    return words.visit(
        say, card.code, _what(desk, say, card), say.instant(card.starts_at), words.state(say, card.status, kept)
    )


def _what(desk: Desk, say: Speech, card: Card) -> str:
    who = desk.clinic.practitioner(card.practitioner)
    if who is None or not desk.clinic.practitioners:
        return words.only(_treatment(desk, card))
    return words.what(say, _treatment(desk, card), who.name)


def _treatment(desk: Desk, card: Card) -> str:
    treatment = desk.clinic.treatment(card.treatment)
    return treatment.name if treatment else card.treatment


def _opened(desk: Desk, say: Speech, card: Card, *, waiting: bool, fixed: bool = False) -> Page:
    """Show one visit, and what can be done about it; one that is `fixed` is changed by telephone only."""
    mine = ((Button(words.my_visits_button(say), LIST),),)
    if card.status not in LIVE or card.starts_at <= desk.clock.now():
        return Page(_entry(desk, say, card), mine)
    telling = (
        Button(words.not_earlier_button(say), f"{LEAVE}:{card.visit_id}")
        if waiting
        else Button(words.earlier_button(say), f"{JOIN}:{card.visit_id}")
    )
    answers: Rows = ()
    if card.status == visits.PROPOSED:
        answers = (
            (
                Button(visit_words.accept_button(say), f"{staffs.ACCEPT}:{card.visit_id}:{card.version}"),
                Button(visit_words.no_thanks_button(say), f"{staffs.REFUSE}:{card.visit_id}:{card.version}"),
            ),
        )
    to_calendar = (Button(words.calendar_button(say), f"{FILE}:{card.visit_id}"),)
    if fixed:
        late = words.too_late(say, desk.clinic, desk.clinic.visits.notice_hours)
        return Page(f"{_entry(desk, say, card)}\n\n{late}", (*answers, to_calendar, *mine))
    changes = (
        Button(words.move_button(say), f"{staffs.MOVE}:{card.visit_id}:{card.version}"),
        Button(words.cancel_button(say), f"{ASK_CANCEL}:{card.visit_id}"),
    )
    return Page(_entry(desk, say, card), (*answers, changes, to_calendar, (telling,), *mine))


async def list_visits(desk: Desk, update: Update, _: ContextTypes.DEFAULT_TYPE) -> None:
    """Show the visits to come: in the tapped message, or below."""
    user, query = update.effective_user, update.callback_query
    if user is None:
        return
    say, now = desk.speech(user), desk.clock.now()
    cards = await desk.database.read(lambda session: visits.of_patient(session, desk.clinic, user.id, now))
    drawn = listed(desk, say, cards)
    if query is not None and query.data == LIST:
        await desk.turn_to(update, say, query, drawn)
        return
    await desk.send(update, say, drawn)
    if query is not None:
        await desk.acknowledge(query)


async def open_visit(desk: Desk, update: Update, _context: ContextTypes.DEFAULT_TYPE) -> None:
    """Open one visit, or ask once more before it is cancelled."""
    query = update.callback_query
    if query is None or query.data is None:
        return
    say = desk.speech(query.from_user)
    kind, _, number = query.data.partition(":")

    def look(session: Session) -> tuple[Card, bool, bool] | None:
        card = visits.get(session, desk.clinic, int(number))
        if card is None or card.chat_id != query.from_user.id:
            return None
        fixed = visits.is_fixed(session, desk.clinic, card.visit_id, desk.clock.now())
        return card, waits.is_waiting(session, card.visit_id), fixed

    found = await desk.database.read(look)
    if found is None:
        await desk.acknowledge(query, words.no_such_visit(say), alert=True)
        return
    card, waiting, fixed = found
    drawn = _opened(desk, say, card, waiting=waiting, fixed=fixed)
    if kind == ASK_CANCEL and card.status in LIVE and not fixed:
        yes = Button(words.sure_button(say), f"{DO_CANCEL}:{card.visit_id}:{card.version}")
        no = Button(words.keep_button(say), f"{OPEN}:{card.visit_id}")
        drawn = Page(words.sure(say, desk.clinic, _entry(desk, say, card)), ((yes,), (no,)))
    await desk.turn_to(update, say, query, drawn)


async def move(desk: Desk, update: Update, _: ContextTypes.DEFAULT_TYPE) -> None:
    """Begin the choice of another time for a visit."""
    query = update.callback_query
    if query is None or query.data is None:
        return
    say, user = desk.speech(query.from_user), query.from_user
    visit_id = int(query.data.split(":")[1])
    await desk.keep(
        update,
        say,
        lambda session, now: drafts.begin_move(session, desk.clinic, person(user, say), visit_id, now),
        lambda outcome: begun(desk, say, user.id, outcome),
    )
    await desk.acknowledge(query)


async def cancel(desk: Desk, update: Update, _: ContextTypes.DEFAULT_TYPE) -> None:
    """Cancel a visit."""
    query = update.callback_query
    if query is None or query.data is None:
        return
    say, chat_id = desk.speech(query.from_user), query.from_user.id
    message_id = query.message.message_id if query.message else None
    _kind, visit_id, version = query.data.split(":")

    def render(outcome: visits.ChangeOutcome | TooLate) -> Iterator[Owed]:
        match outcome:
            case Changed(card):
                rows = (
                    (Button(words.uncalendar_button(say), f"{FILE}:{card.visit_id}"),),
                    (Button(words.book_button(say), BOOK),),
                    *_to_visits(say),
                )
                yield from _closed(chat_id, words.cancelled(say, _entry(desk, say, card)), message_id, rows)
                yield from staffs.cancelled(desk, card)
            case TooLate(_, hours):
                yield from _closed(chat_id, words.too_late(say, desk.clinic, hours), message_id, _to_visits(say))
            case Late(card):
                drawn = _opened(desk, say, card, waiting=False)
                yield from _closed(chat_id, drawn.text, message_id, drawn.rows)
            case NotHere():
                return

    outcome = await desk.keep(
        update,
        say,
        lambda session, now: visits.cancel(session, desk.clinic, int(visit_id), int(version), chat_id, now),
        render,
    )
    match outcome:
        case Late():
            await desk.acknowledge(query, words.has_changed(say))
        case NotHere():
            await desk.acknowledge(query, words.no_such_visit(say), alert=True)
        case Changed() | TooLate() | None:
            await desk.acknowledge(query)


async def send_file(desk: Desk, update: Update, _: ContextTypes.DEFAULT_TYPE) -> None:
    """Send the visit as a file for a calendar; where it is cancelled, one that takes it out again."""
    query = update.callback_query
    if query is None or query.data is None:
        return
    say, user = desk.speech(query.from_user), query.from_user
    visit_id = int(query.data.partition(":")[2])

    def find(session: Session, _now: datetime) -> Card | None:
        card = visits.get(session, desk.clinic, visit_id)
        return card if card is not None and card.chat_id == user.id else None

    def render(card: Card | None) -> Iterator[Owed]:
        if card is not None:
            yield Owed(calendar_file(desk, say, card))

    found = await desk.keep(update, say, find, render)
    await desk.acknowledge(query, None if found else words.no_such_visit(say))


def calendar_file(desk: Desk, say: Speech, card: Card) -> Attachment:
    """Return the visit as a file for a calendar: the same event again after a change."""
    clinic = desk.clinic
    content = invitations.invitation(
        clinic,
        card,
        desk.clock.now(),
        title=words.event_title(say, clinic),
        text=words.event_text(say, clinic, card.code),
    )
    is_off = card.status not in (*LIVE, visits.COMPLETED)
    caption = words.event_caption(say, cancelled=is_off)
    return Attachment(card.chat_id or 0, f"visit-{card.code}.ics", "text/calendar", content, caption)


async def wait(desk: Desk, update: Update, _context: ContextTypes.DEFAULT_TYPE) -> None:
    """Note the wish to be told of an earlier time, or its end."""
    query = update.callback_query
    if query is None or query.data is None:
        return
    say, chat_id = desk.speech(query.from_user), query.from_user.id
    message_id = query.message.message_id if query.message else None
    kind, _, visit_id = query.data.partition(":")
    joins = kind == JOIN

    def use_case(session: Session, now: datetime) -> waits.Joined | waits.Left | NotHere:
        if joins:
            return waits.join(session, desk.clinic, int(visit_id), chat_id, now)
        return waits.leave(session, desk.clinic, int(visit_id), chat_id, now)

    def render(outcome: waits.Joined | waits.Left | NotHere) -> Iterator[Owed]:
        if not isinstance(outcome, NotHere):
            drawn = _opened(desk, say, outcome.card, waiting=joins)
            yield from _closed(chat_id, drawn.text, message_id, drawn.rows)

    outcome = await desk.keep(update, say, use_case, render)
    match outcome:
        case waits.Joined(_, is_free_now):
            await desk.acknowledge(query, words.earlier_noted(say, is_free_now=is_free_now), alert=True)
        case waits.Left():
            await desk.acknowledge(query, words.earlier_ended(say))
        case NotHere():
            await desk.acknowledge(query, words.no_such_visit(say), alert=True)
        case None:
            await desk.acknowledge(query)


# --- what time brings


async def make_draft_rounds(desk: Desk) -> None:
    """Ask about forms that were left, and let go of those left for long, until nothing is due."""

    def render(happened: list[drafts.Due]) -> Iterator[Owed]:
        for one in happened:
            yield from _due(desk, one)

    while True:
        happened = await desk.act(
            desk.staff_speech, lambda session, now: drafts.make_rounds(session, desk.clinic, now), render
        )
        if len(happened) < A_ROUND:
            return


def _due(desk: Desk, happened: drafts.Due) -> Iterator[Owed]:
    say = desk.speeches.of(happened.language)
    form = happened.form
    match happened:
        case Nudged():
            text = words.nudge(say, what(desk, say, form), _moved_code(form))
            # an offer is never sent twice, and neither is this
            yield Owed(Message(form.chat_id, text, _go_on_rows(say, form), Kind.OFFER), language=say.language)
        case Forgotten():
            return
