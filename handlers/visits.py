"""A visit's card in the staff group, what its buttons do, and what the patient is told of each change.

Views of a card (days, times, reasons, answers) are edited into it through the outbox, like its new states: several
people look at one card, and a view that was sent past the outbox could come after the state that ended it.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import partial
from typing import Any

from telegram import CallbackQuery, Message, Update
from telegram.ext import BaseHandler, CallbackQueryHandler, ContextTypes

from bot.clinic import agenda, slots, visits, waits
from bot.clinic.agenda import Begun, Day, Month, Review
from bot.clinic.enquiries import About
from bot.clinic.slots import Free
from bot.clinic.visits import (
    BY_PATIENT,
    CONFIRMED,
    LIVE,
    Actor,
    Card,
    Changed,
    Details,
    Due,
    Ended,
    Escalated,
    Expired,
    Lapsed,
    Late,
    NoStaff,
    NotHere,
    Reminded,
    Requested,
    Taken,
    TooLate,
    TooMany,
    TooOften,
)
from bot.clinic.waits import Offered, Passed
from bot.delivery import messages
from bot.delivery.markup import escape
from bot.delivery.messages import Button, Edit, ForceReply, Kind, Rows
from bot.store.database import Session
from bot.wording import booking, facts, front
from bot.wording import calls as call_words
from bot.wording import visits as words
from bot.wording.speech import Speech
from bot.wording.visits import Plain
from handlers import calendar
from handlers.desk import Desk, Owed
from handlers.door import in_private

CONFIRM, ANYWAY, OTHER, OTHER_ANYWAY, WHO, MONTH, DAY, OFFER = (
    "vok", "vsure", "vot", "votr", "vwho", "vmo", "vday", "vat",
)  # fmt: skip
DECLINE, REASON, TYPED, WRITE, DETAILS, BACK = "vno", "vwhy", "vtyped", "vmsg", "vinfo", "vback"
OPEN = "vopen"
RECORD = "prec"
"""Posts a fresh card of a visit."""
ACCEPT, REFUSE, CANCEL, CALL = "pva", "pvr", "pvc", "pcall"
MOVE, BOOK_AT, FILE = "mv", "bkat", "bvi"
"""Begin the patient's own choice of another time, and a booking at a time, and send a visit's calendar file:
handlers/booking.py answers them."""
TAKE, PASS = "wt", "wp"
DECLINES, CANCELS = "decline", "cancel"
"""Subjects of the prompts whose reply is a reason."""
REASON_LIMIT = 500
"""Characters of a reason in staff's own words."""


def handlers(desk: Desk) -> list[BaseHandler[Any, Any, Any]]:
    """Return the handlers of this conversation."""
    version = r"\d{1,18}:\d{1,9}"
    plain = "|".join((CONFIRM, ANYWAY, OTHER, OTHER_ANYWAY, WHO, DECLINE, TYPED, WRITE, DETAILS, BACK))
    chosen = rf"{MONTH}:{version}:\d{{6}}|{DAY}:{version}:\d{{8}}:\d|{OFFER}:{version}:\d{{1,8}}"
    return [
        CallbackQueryHandler(
            partial(press, desk), pattern=rf"^(({plain}):{version}|({chosen}):[a-z0-9-]+|{REASON}:{version}:[a-z]+)$"
        ),
        CallbackQueryHandler(partial(open_card, desk), pattern=rf"^{OPEN}:\d{{1,18}}$"),
        CallbackQueryHandler(
            in_private(desk, partial(answer_proposal, desk)), pattern=rf"^({ACCEPT}|{REFUSE}|{CANCEL}):{version}$"
        ),
        CallbackQueryHandler(in_private(desk, partial(answer_offer, desk)), pattern=rf"^({TAKE}|{PASS}):{version}$"),
        CallbackQueryHandler(in_private(desk, partial(call, desk)), pattern=f"^{CALL}$"),
    ]


# --- the card


def posted(desk: Desk, card: Card) -> Owed:
    """Put a card into the staff group."""
    return Owed(
        messages.Message(card.staff_chat, _text(desk, card), _rows(desk, card), Kind.STAFF),
        card.subject,
        language=desk.staff_speech.language,
    )


def refreshed(desk: Desk, card: Card, *, besides: int | None = None) -> Iterator[Owed]:
    """Bring the card up to date wherever it has arrived, and the message `besides` that shows it, too."""
    for message_id in dict.fromkeys((*card.message_ids, besides)):
        if message_id is not None:
            yield _edit(desk, card, message_id, _text(desk, card), _rows(desk, card))


def noted(desk: Desk, card: Card, text: str, *, reply_to: int | None = None) -> Owed:
    """Say something about a visit in the staff group; a reply to it reaches the patient."""
    message = messages.Message(card.staff_chat, text, kind=Kind.STAFF, reply_to=reply_to or card.message_id)
    return Owed(message, f"{visits.SUBJECT}-note:{card.visit_id}", language=desk.staff_speech.language)


def cancelled(desk: Desk, card: Card) -> Iterator[Owed]:
    """Tell staff that the patient has cancelled."""
    yield from refreshed(desk, card)
    yield noted(desk, card, words.cancelled_note(desk.staff_speech, plain(desk, desk.staff_speech, card)))


def plain(desk: Desk, say: Speech, card: Card) -> Plain:
    """Return the visit's facts in the words of a language."""
    treatment = desk.clinic.treatment(card.treatment)
    return Plain(
        code=card.code,
        name=card.name,
        phone=words.phone(card.phone, desk.clinic.country),
        treatment=treatment.name if treatment else card.treatment,
        practitioner=practitioner(desk, card.practitioner),
        when=words.span(say, card.starts_at, card.ends_at),
        kept=say.instant(card.kept_starts_at) if card.kept_starts_at else None,
        reason=card.reason,
    )


def state(desk: Desk, card: Card) -> str:  # noqa: PLR0911  one state, one sentence
    """Say where a visit stands and who made it so, for staff."""
    say = desk.staff_speech
    at = say.instant(card.decided_at) if card.decided_at else None
    match card.status:
        case "requested":
            return words.state_requested(say, say.instant(card.requested_at))
        case "proposed":
            return words.state_proposed(say, card.decided_by, _until(desk, say, card))
        case "confirmed" if card.reason:
            return words.state_kept(say, card.decided_by, card.reason)
        case "confirmed":
            sure = words.state_confirmed(
                say, card.decided_by, say.instant(card.decided_at) if card.decided_at else None
            )
            return f"{sure}\n{words.state_expected(say, say.instant(card.answered_at))}" if card.answered_at else sure
        case "declined":
            return words.state_declined(say, card.decided_by, card.reason)
        case "cancelled":
            return words.state_cancelled(say, card.decided_by, card.reason, by_patient=card.ended_by == BY_PATIENT)
        case "expired":
            return words.state_expired(
                say, proposed=card.decided_at is not None and card.decided_at >= card.requested_at
            )
        case "no_show":
            return words.state_no_show(say, card.decided_by, at)
        case _:
            return words.state_completed(say, card.decided_by, at)


def _text(desk: Desk, card: Card) -> str:
    say = desk.staff_speech
    flagged = card.flagged and card.status in LIVE
    return words.card(
        say, plain(desk, say, card), state(desk, card), telegram_name=card.patient_name, is_flagged=flagged
    )


def _rows(desk: Desk, card: Card, *, opened: bool = False) -> Rows:
    """Return what can be done with a visit, as well while its details are `opened`."""
    say = desk.staff_speech
    write = Button(words.message_button(say), _data(WRITE, card))
    details = (
        Button(words.hide_button(say), _data(BACK, card))
        if opened
        else Button(words.details_button(say), _data(DETAILS, card))
    )
    other = Button(words.other_time_button(say), _data(OTHER, card))
    record = Button(call_words.record_button(say), f"{RECORD}:{card.visit_id}")
    match card.status:
        case "requested":
            confirm = Button(words.confirm_button(say), _data(CONFIRM, card))
            return (confirm, other), (Button(words.decline_button(say), _data(DECLINE, card)), write), (details, record)
        case "proposed":
            return (other, Button(words.decline_button(say), _data(DECLINE, card))), (write, details), (record,)
        case "confirmed" if card.starts_at > desk.clock.now():
            return (other, Button(words.cancel_button(say), _data(DECLINE, card))), (write, details), (record,)
        case _:
            return (write, details), (record,)


def _edit(desk: Desk, card: Card, message_id: int, text: str, rows: Rows) -> Owed:
    edit = Edit(card.staff_chat, message_id, text, rows, Kind.STAFF)
    return Owed(edit, card.subject, language=desk.staff_speech.language)


def _data(action: str, card: Card, *rest: object) -> str:
    return ":".join(map(str, (action, card.visit_id, card.version, *rest)))


def practitioner(desk: Desk, practitioner_id: str) -> str:
    """Return the name of who treats."""
    found = desk.clinic.practitioner(practitioner_id)
    return found.name if found else practitioner_id


# --- what staff press

_CHANGES = (OTHER, OTHER_ANYWAY, WHO, MONTH, DAY, OFFER, DECLINE, REASON, TYPED)
"""What is of no use once the visit has begun."""


@dataclass(frozen=True, slots=True)
class _Tap:
    """Where a staff member tapped, and what the button said."""

    chat_id: int
    message_id: int
    actor: Actor
    visit_id: int
    version: int
    rest: tuple[str, ...]

    @property
    def shown(self) -> tuple[int, int, int]:
        """The visit, the version that the button shows, and the group."""
        return self.visit_id, self.version, self.chat_id


@dataclass(frozen=True, slots=True)
class _Choosing:
    """A view that only the card's facts are needed for."""

    card: Card


_Outcome = Changed | Late | NotHere | Taken | Begun | Review | Month | Day | Details | _Choosing


async def press(desk: Desk, update: Update, _: ContextTypes.DEFAULT_TYPE) -> None:
    """Do what a card's button says, in the staff group only."""
    query = update.callback_query
    if query is None or query.data is None or query.message is None:
        return
    action, visit_id, version, *rest = query.data.split(":")
    actor = Actor(query.from_user.id, query.from_user.first_name)
    tap = _Tap(query.message.chat.id, query.message.message_id, actor, int(visit_id), int(version), tuple(rest))
    outcome = await desk.keep(
        update,
        desk.staff_speech,
        lambda session, now: _do(desk, action, tap, session, now),
        lambda outcome: _done(desk, action, tap, outcome),
    )
    await _settle(desk, query, action, outcome)


def _do(desk: Desk, action: str, tap: _Tap, session: Session, now: datetime) -> _Outcome:  # noqa: PLR0911  one button, one use-case
    clinic, shown = desk.clinic, tap.shown
    if action in _CHANGES and isinstance(begun := agenda.has_begun(session, clinic, *shown, now), Begun):
        return begun
    match action, tap.rest:
        case ("vok", _):
            return agenda.confirm(session, clinic, *shown, tap.actor, now, reviewed=False)
        case ("vsure", _):
            return agenda.confirm(session, clinic, *shown, tap.actor, now, reviewed=True)
        case ("vmo", (month, who)):
            first = date_of(f"{month}01")
            return agenda.month(session, clinic, *shown, who, first, now) if first else NotHere()
        case ("vday", (day, _, who)):
            on = date_of(day)
            return agenda.day(session, clinic, *shown, who, on, now) if on else NotHere()
        case ("vat", (unit, who)):
            starts_at = datetime.fromtimestamp(int(unit) * slots.UNIT * 60, UTC)
            return visits.propose(session, clinic, *shown, who, starts_at, tap.actor, now)
        case ("vwhy", (reason,)):
            return _decline_for(desk, tap, reason, session, now)
        case ("vinfo", _):
            return visits.details(session, clinic, tap.visit_id, tap.chat_id, tap.actor, now)
        case (("vot" | "votr"), _):
            seen = agenda.may_offer(session, clinic, *shown, reviewed=action == OTHER_ANYWAY)
            if not isinstance(seen, Changed):
                return seen
            today = now.astimezone(clinic.tz).date()
            first = max(today, seen.card.starts_at.astimezone(clinic.tz).date()).replace(day=1)
            return agenda.month(session, clinic, *shown, seen.card.practitioner, first, now)
        case _:
            seen = agenda.look(session, clinic, *shown)
            return _Choosing(seen.card) if isinstance(seen, Changed) and action != BACK else seen


def _decline_for(desk: Desk, tap: _Tap, reason: str, session: Session, now: datetime) -> Changed | Late | NotHere:
    seen = agenda.look(session, desk.clinic, *tap.shown)
    if not isinstance(seen, Changed):
        return seen
    cancels = seen.card.status == CONFIRMED
    said = words.reasons(desk.speeches.of(seen.card.language), cancels=cancels).get(reason)
    return _end(desk, session, tap.shown, said, tap.actor, now, cancels=cancels) if said else NotHere()


def _end(
    desk: Desk,
    session: Session,
    shown: tuple[int, int, int],
    reason: str,
    actor: Actor,
    now: datetime,
    *,
    cancels: bool,
) -> Changed | Late | NotHere:
    end = visits.cancel_by_staff if cancels else visits.decline
    return end(session, desk.clinic, *shown, reason, actor, now)


def _done(desk: Desk, action: str, tap: _Tap, outcome: _Outcome) -> Iterator[Owed]:
    say = desk.staff_speech
    match outcome:
        case Changed(card) if action == BACK:
            yield _edit(desk, card, tap.message_id, _text(desk, card), _rows(desk, card))
        case Changed(card):
            yield from refreshed(desk, card, besides=tap.message_id)
            yield from told(desk, card)
        case Late(card) | Begun(card):
            yield _edit(desk, card, tap.message_id, _text(desk, card), _rows(desk, card))
        case Review(card):
            yield _view(desk, tap, card, words.review_first(say), _review_rows(say, card, action))
        case Month():
            yield _view(desk, tap, outcome.card, *_month(desk, outcome))
        case Day():
            yield _view(desk, tap, outcome.card, *_day(desk, outcome, int(tap.rest[1])))
        case Details(card, screening):
            yield _view(desk, tap, card, words.details(say, answers(desk, screening)), _rows(desk, card, opened=True))
        case _Choosing(card) if action == WHO:
            yield _view(desk, tap, card, words.pick_practitioner(say), _team_rows(desk, card))
        case _Choosing(card) if action == DECLINE:
            cancels = card.status == CONFIRMED
            yield _view(desk, tap, card, words.pick_reason(say, cancels=cancels), _reason_rows(desk, card, cancels))
        case _Choosing(card) if action == TYPED:
            yield _prompt(desk, tap, card)
            yield _edit(desk, card, tap.message_id, _text(desk, card), _rows(desk, card))
        case _Choosing() | Taken() | NotHere():
            return


async def _settle(desk: Desk, query: CallbackQuery, action: str, outcome: _Outcome | None) -> None:
    say = desk.staff_speech
    match outcome:
        case Late(card):
            await desk.acknowledge(query, words.late(say, state(desk, card)), alert=True)
        case NotHere():
            await desk.acknowledge(query, words.gone(say), alert=True)
        case Taken():
            await desk.acknowledge(query, words.taken(say), alert=True)
        case Begun():
            await desk.acknowledge(query, words.begun(say), alert=True)
        case _Choosing(card) if action == WRITE:
            how = words.how_to_write if card.reachable else words.cannot_write
            await desk.acknowledge(query, how(say, plain(desk, say, card)), alert=True)
        case _:
            await desk.acknowledge(query)


def _view(desk: Desk, tap: _Tap, card: Card, text: str, rows: Rows) -> Owed:
    return _edit(desk, card, tap.message_id, f"{_text(desk, card)}\n\n{text}", rows)


def _review_rows(say: Speech, card: Card, action: str) -> Rows:
    anyway = Button(words.confirm_anyway_button(say), _data(ANYWAY, card))
    if action == OTHER:
        anyway = Button(words.other_anyway_button(say), _data(OTHER_ANYWAY, card))
    details = Button(words.details_button(say), _data(DETAILS, card))
    return (anyway,), (details, Button(words.back_button(say), _data(BACK, card)))


def _month(desk: Desk, month: Month) -> tuple[str, Rows]:
    say, card, clinic = desk.staff_speech, month.card, desk.clinic
    today = desk.clock.now().astimezone(clinic.tz).date()
    rows = calendar.month_rows(
        say,
        clinic,
        month.first,
        month.free,
        today,
        day=lambda day: _data(DAY, card, f"{day:%Y%m%d}", 0, month.practitioner),
        turn=lambda first: _data(MONTH, card, f"{first:%Y%m}", month.practitioner),
        earliest=today,
        latest=today + timedelta(days=clinic.booking.days_ahead),
    )
    text = words.pick_day(say, practitioner(desk, month.practitioner))
    if not month.free:
        text += f"\n{words.nothing_free(say)}"
    return text, (*rows, _ways_out(desk, card))


def _day(desk: Desk, day: Day, part: int) -> tuple[str, Rows]:
    say, card = desk.staff_speech, day.card
    rows = calendar.time_rows(
        say,
        day.free,
        part,
        time=lambda free: _data(OFFER, card, slots.unit(free.starts_at), free.practitioner),
        turn=lambda part: _data(DAY, card, f"{day.day:%Y%m%d}", part, day.practitioner),
    )
    back = Button(words.back_to_days_button(say), _data(MONTH, card, f"{day.day:%Y%m}", day.practitioner))
    return words.pick_time(say, practitioner(desk, day.practitioner), say.day(day.day)), (
        *rows,
        (back, *_ways_out(desk, card)),
    )


def _ways_out(desk: Desk, card: Card) -> tuple[Button, ...]:
    say = desk.staff_speech
    others = [one for one in desk.clinic.team if one.does(card.treatment)]
    who = (Button(words.other_practitioner_button(say), _data(WHO, card)),) if len(others) > 1 else ()
    return (*who, Button(words.back_button(say), _data(BACK, card)))


def _team_rows(desk: Desk, card: Card) -> Rows:
    day = max(desk.clock.now(), card.starts_at).astimezone(desk.clinic.tz)
    team = [one for one in desk.clinic.team if one.does(card.treatment)]
    people = tuple((Button(one.name[:40], _data(MONTH, card, f"{day:%Y%m}", one.id)),) for one in team)
    return (*people, (Button(words.back_button(desk.staff_speech), _data(BACK, card)),))


def _reason_rows(desk: Desk, card: Card, cancels: bool) -> Rows:
    say = desk.staff_speech
    reasons = words.reasons(say, cancels=cancels)
    listed = tuple((Button(label, _data(REASON, card, name)),) for name, label in reasons.items())
    typed = Button(words.another_reason_button(say), _data(TYPED, card))
    return (*listed, (typed, Button(words.back_button(say), _data(BACK, card))))


def _prompt(desk: Desk, tap: _Tap, card: Card) -> Owed:
    say, cancels = desk.staff_speech, card.status == CONFIRMED
    mention = words.mention(tap.actor.name, tap.actor.id or 0)
    text = words.write_reason(say, plain(desk, say, card), mention, cancels=cancels)
    message = messages.Message(
        card.staff_chat, text, kind=Kind.STAFF, reply_to=tap.message_id, below=ForceReply(words.reason_hint(say))
    )
    subject = _data(CANCELS if cancels else DECLINES, card)
    return Owed(message, subject, language=say.language)


def answers(desk: Desk, screening: Mapping[str, str]) -> dict[str, list[str]]:
    """Return the questions by what was answered."""
    questions = booking.questions(desk.staff_speech)
    found: dict[str, list[str]] = {}
    for question, answer in screening.items():
        found.setdefault(answer, []).append(questions.get(question, question))
    return found


def date_of(digits: str) -> date | None:
    """Read 20261124; None where no calendar has such a day."""
    try:
        return datetime.strptime(digits, "%Y%m%d").date()  # noqa: DTZ007  a day of the clinic's calendar
    except ValueError:
        return None


async def open_card(desk: Desk, update: Update, _: ContextTypes.DEFAULT_TYPE) -> None:
    """Post a fresh card of a visit."""
    query = update.callback_query
    if query is None or query.data is None or query.message is None:
        return
    chat_id, visit_id = query.message.chat.id, int(query.data.partition(":")[2])
    outcome = await desk.keep(
        update,
        desk.staff_speech,
        lambda session, _now: agenda.look(session, desk.clinic, visit_id, None, chat_id),
        lambda outcome: [posted(desk, outcome.card)] if isinstance(outcome, Changed) else [],
    )
    if isinstance(outcome, NotHere):
        await desk.acknowledge(query, words.gone(desk.staff_speech), alert=True)
    else:
        await desk.acknowledge(query)


async def write_reason(desk: Desk, update: Update, message: Message, about: About) -> None:
    """Decline a request, or cancel a visit, with the reason that a staff member wrote to the prompt."""
    author, reason = message.from_user, (message.text or "").strip()
    if author is None:
        return
    say, chat_id, cancels = desk.staff_speech, message.chat.id, about.noun == CANCELS
    if not 0 < len(reason) <= REASON_LIMIT:
        note = messages.Message(
            chat_id, words.reason_unusable(say, REASON_LIMIT), kind=Kind.STAFF, reply_to=message.message_id
        )
        await desk.keep(update, say, lambda _session, _now: None, lambda _: [Owed(note)])
        return
    actor = Actor(author.id, author.first_name)

    def render(outcome: Changed | Late | NotHere) -> Iterator[Owed]:
        match outcome:
            case Changed(card):
                yield from refreshed(desk, card)
                yield from told(desk, card)
                text = words.told_note(say, plain(desk, say, card), state(desk, card))
                yield noted(desk, card, text, reply_to=message.message_id)
            case Late(card):
                text = escape(words.late(say, state(desk, card)))
                yield noted(desk, card, text, reply_to=message.message_id)
            case NotHere():
                return

    shown = (about.number, about.version, chat_id)
    await desk.keep(
        update,
        say,
        lambda session, now: _end(desk, session, shown, reason, actor, now, cancels=cancels),
        render,
    )


# --- what the patient is told


def is_near(desk: Desk, card: Card) -> bool:
    """True where the clinic's notice for the visit's time has passed."""
    return card.starts_at - desk.clock.now() < timedelta(hours=desk.clinic.visits.notice_hours)


def is_fixed(desk: Desk, card: Card) -> bool:
    """True where whoever reads this now can change a visit that the clinic counts on by telephone only."""
    sure = card.kept_starts_at or card.starts_at
    return sure - desk.clock.now() <= timedelta(hours=desk.clinic.visits.notice_hours)


def told(desk: Desk, card: Card) -> Iterator[Owed]:
    """Tell the patient what staff have made of the visit; ask staff to telephone where the bot cannot tell."""
    say = desk.speeches.of(card.language)
    visit, clinic = plain(desk, say, card), desk.clinic
    match card.status:
        case "confirmed" if card.reason:
            yield from _to_patient(desk, card, words.declined_move(say, clinic, visit))
        case "confirmed":
            text = words.confirmed(say, clinic, visit, facts.address(say, clinic), near=is_near(desk, card))
            yield from _to_patient(desk, card, text, _to_calendar(say, card))
        case "proposed":
            yield from _to_patient(
                desk, card, words.proposed(say, clinic, visit, _until(desk, say, card)), _proposal(say, card)
            )
        case "declined":
            yield from _to_patient(desk, card, words.declined(say, clinic, visit))
        case "cancelled":
            yield from _to_patient(desk, card, words.cancelled_by_clinic(say, clinic, visit))
        case _:
            return


def asked_to_move(desk: Desk, card: Card) -> Iterator[Owed]:
    """Ask the patient to choose another time, because the clinic cannot keep this one."""
    say = desk.speeches.of(card.language)
    rows = (
        (Button(words.move_button(say), f"{MOVE}:{card.visit_id}:{card.version}"),),
        (
            Button(words.cancel_mine_button(say), _data(CANCEL, card)),
            Button(words.call_button(say), CALL),
        ),
    )
    yield from _to_patient(desk, card, words.please_move(say, desk.clinic, plain(desk, say, card)), rows)


def due(desk: Desk, happened: Due) -> Iterator[Owed]:
    """Say what time has brought about a visit."""
    card, staff = happened.card, desk.staff_speech
    say = desk.speeches.of(card.language)
    visit, for_staff = plain(desk, say, card), plain(desk, staff, card)
    stays = card.status == CONFIRMED
    since = staff.instant(card.requested_at)
    match happened:
        case Reminded():
            yield noted(desk, card, words.reminder(staff, for_staff, since))
        case Escalated(_, mention):
            called = list(desk.clinic.booking.escalate_to) or [
                words.mention(one.name, one.id) for one in mention if one.id is not None
            ]
            yield noted(desk, card, words.escalation(staff, for_staff, called, since))
        case Expired(_, free):
            yield from refreshed(desk, card)
            if stays:
                yield from _to_patient(desk, card, words.expired_move(say, desk.clinic, visit))
            else:
                text = words.expired(say, desk.clinic, visit, with_times=bool(free))
                yield from _to_patient(desk, card, text, _book_at(desk, say, card, free))
            yield noted(desk, card, words.expired_note(staff, for_staff, stays=stays))
        case Ended():
            return  # how it was is asked elsewhere
        case Lapsed():
            yield from refreshed(desk, card)
            yield from _to_patient(desk, card, words.lapsed(say, desk.clinic, visit, stays=stays))
            yield noted(desk, card, words.lapsed_note(staff, for_staff, stays=stays))


def offered(desk: Desk, offer: Offered) -> Iterator[Owed]:
    """Offer an earlier time to the patient whose turn it is."""
    card = offer.card
    say = desk.speeches.of(card.language)
    length = card.ends_at - card.starts_at
    text = words.earlier(
        say,
        plain(desk, say, card),
        words.span(say, offer.free.starts_at, offer.free.starts_at + length),
        practitioner(desk, offer.free.practitioner),
        say.instant(offer.until),
    )
    answers = (
        Button(words.take_button(say), f"{TAKE}:{offer.wait_id}:{offer.version}"),
        Button(words.no_thanks_button(say), f"{PASS}:{offer.wait_id}:{offer.version}"),
    )
    yield from _to_patient(desk, card, text, (answers,))


def _to_patient(desk: Desk, card: Card, text: str, rows: Rows = ()) -> Iterator[Owed]:
    if card.chat_id is not None and card.reachable:
        yield Owed(messages.Message(card.chat_id, text, rows), card.subject, language=card.language)
    else:
        say = desk.staff_speech
        yield noted(desk, card, words.cannot_be_told(say, plain(desk, say, card)))


def _to_calendar(say: Speech, card: Card) -> Rows:
    return ((Button(booking.calendar_button(say), f"{FILE}:{card.visit_id}"),),)


def _proposal(say: Speech, card: Card) -> Rows:
    accept = Button(words.accept_button(say), _data(ACCEPT, card))
    another = Button(words.another_time_button(say), f"{MOVE}:{card.visit_id}:{card.version}")
    return (accept,), (another, Button(words.no_thanks_button(say), _data(REFUSE, card)))


def _until(desk: Desk, say: Speech, card: Card) -> str:
    since = card.decided_at or desk.clock.now()
    return say.instant(min(since + timedelta(hours=desk.clinic.booking.answer_hours), card.starts_at))


def _book_at(desk: Desk, say: Speech, card: Card, free: Sequence[Free]) -> Rows:
    several = len(desk.clinic.team) > 1
    return tuple(
        (
            Button(
                say.instant(one.starts_at) + (f" · {practitioner(desk, one.practitioner)[:30]}" if several else ""),
                f"{BOOK_AT}:{card.treatment}:{one.practitioner}:{slots.unit(one.starts_at)}",
            ),
        )
        for one in free
    )


# --- what the patient answers


async def answer_proposal(desk: Desk, update: Update, _: ContextTypes.DEFAULT_TYPE) -> None:
    """Take the patient's answer to another time, or to the question to choose one."""
    query = update.callback_query
    if query is None or query.data is None or query.message is None:
        return
    action, visit_id, version = query.data.split(":")
    say, place = desk.speech(query.from_user), (query.message.chat.id, query.message.message_id)
    use_case = {ACCEPT: visits.accept, REFUSE: visits.refuse, CANCEL: visits.cancel}[action]

    def render(outcome: Changed | Late | TooLate | NotHere) -> Iterator[Owed]:
        if not isinstance(outcome, Changed):
            return
        card = outcome.card
        visit, staff = plain(desk, say, card), desk.staff_speech
        for_staff, stays = plain(desk, staff, card), card.status == CONFIRMED
        if action == CANCEL:
            yield Owed(Edit(*place, words.cancelled_by_patient(say, visit)))
            yield from cancelled(desk, card)
            return
        yield from refreshed(desk, card)
        if action == ACCEPT:
            address = facts.address(say, desk.clinic)
            text = words.confirmed(say, desk.clinic, visit, address, near=is_near(desk, card))
            yield Owed(Edit(*place, text, _to_calendar(say, card)))
            yield noted(desk, card, words.accepted_note(staff, for_staff))
        else:
            yield Owed(Edit(*place, words.refused(say, desk.clinic, visit, stays=stays)))
            yield noted(desk, card, words.refused_note(staff, for_staff, stays=stays))

    outcome = await desk.keep(
        update,
        say,
        lambda session, now: use_case(session, desk.clinic, int(visit_id), int(version), query.from_user.id, now),
        render,
    )
    match outcome:
        case Late():
            await desk.acknowledge(query, words.changed_meanwhile(say), alert=True)
        case TooLate():
            await desk.acknowledge(query, words.cancel_by_telephone(say, desk.clinic), alert=True)
        case NotHere():
            await desk.acknowledge(query, front.old_button(say), alert=True)
        case Changed() | None:
            await desk.acknowledge(query)


async def answer_offer(desk: Desk, update: Update, _: ContextTypes.DEFAULT_TYPE) -> None:
    """Take the patient's answer to an earlier time."""
    query = update.callback_query
    if query is None or query.data is None or query.message is None:
        return
    action, wait_id, version = query.data.split(":")
    say, place = desk.speech(query.from_user), (query.message.chat.id, query.message.message_id)
    use_case = waits.take if action == TAKE else waits.pass_up

    def render(outcome: visits.RequestOutcome | Passed) -> Iterator[Owed]:
        match outcome:
            case Requested(card):
                yield Owed(Edit(*place, words.earlier_asked(say, plain(desk, say, card))))
                yield from refreshed(desk, card)
                yield posted(desk, card)
            case Passed():
                yield Owed(Edit(*place, words.earlier_passed(say)))
            case Taken() | TooMany() | TooOften() | TooLate() | NoStaff() | Late() | NotHere():
                return

    outcome = await desk.keep(
        update,
        say,
        lambda session, now: use_case(session, desk.clinic, int(wait_id), int(version), query.from_user.id, now),
        render,
    )
    match outcome:
        case Taken() | Late() | NotHere():
            await desk.acknowledge(query, words.earlier_gone(say), alert=True)
        case TooLate() | TooMany() | TooOften() | NoStaff():
            await desk.acknowledge(query, words.call(say, desk.clinic), alert=True)
        case Requested() | Passed() | None:
            await desk.acknowledge(query)


async def call(desk: Desk, update: Update, _: ContextTypes.DEFAULT_TYPE) -> None:
    """Show the clinic's telephone number."""
    query = update.callback_query
    if query is not None:
        await desk.acknowledge(query, words.call(desk.speech(query.from_user), desk.clinic), alert=True)
