"""An enquiry's card in the staff group, and what both sides are told when it changes."""

import re
from collections.abc import Callable, Iterator

from telegram import Message as TelegramMessage
from telegram import Update

from bot.clinic.enquiries import (
    BY_TIME,
    CLOSED,
    TALKING,
    Asked,
    Card,
    Due,
    GivenUp,
    Pinged,
    Reminded,
    Rested,
    Said,
    Unsettled,
)
from bot.delivery import outbox
from bot.delivery.markup import escape
from bot.delivery.messages import Button, Caption, Edit, Kind, Message, Rows
from bot.delivery.outbox import PassedOn
from bot.delivery.patience import Verdict
from bot.wording import answers, front, staff, visits
from bot.wording.speech import Speech
from faq import redflags
from faq.redflags import Level
from handlers.desk import Desk, Owed
from handlers.pages import MENU

END = "end"
CLOSE = "close"
ACKNOWLEDGE = "ack"


def posted(desk: Desk, card: Card, *, kind: Kind) -> Owed:
    """Put a new card into the staff group."""
    return Owed(Message(card.staff_chat, _text(desk, card), _rows(desk, card), kind), card.subject)


def whole(desk: Desk, card: Card, *, kind: Kind) -> Iterator[Owed]:
    """Put a new card into the staff group, and below it what its question says beyond what it shows."""
    yield posted(desk, card, kind=kind)
    for piece in staff.beyond(card.question, staff.QUESTION_SHOWN):
        text = staff.going_on(desk.staff_speech, card.name, piece)
        yield Owed(Message(card.staff_chat, text, kind=kind), card.subject)


def rest(desk: Desk, card: Card, said: Said) -> Iterator[Owed]:
    """Pass on what a message says beyond what one message to staff can show."""
    for piece in staff.beyond(said.text if said.is_text else "", staff.RELAYED_SHOWN):
        text = staff.going_on(desk.staff_speech, card.name, piece)
        yield Owed(Message(card.staff_chat, text, kind=Kind.STAFF, reply_to=card.message_id), card.subject)


def alarmed(desk: Desk, asked: Asked, passed_on: Owed | None = None) -> Iterator[Owed]:
    """Alert staff to what may be an emergency: with a card, or below the newest, to which they are called again.

    `passed_on` is how it goes below a card where its words are not all of it.
    """
    if asked.alert is not None:
        yield from whole(desk, asked.alert, kind=Kind.SAFETY)
    if asked.under is not None:
        card = asked.under.card
        text = staff.flagged(desk.staff_speech, card.name, asked.under.words)
        words = Owed(Message(card.staff_chat, text, kind=Kind.STAFF, reply_to=card.message_id), card.subject)
        yield from below(desk, card, passed_on or words)


def below(desk: Desk, card: Card, passed_on: Owed) -> Iterator[Owed]:
    """Pass on what belongs to a possible emergency; where staff could not read it all, they are told to telephone."""
    match desk.alarms.judge(card.chat_id, desk.clock.now()):
        case Verdict.HEED:
            yield passed_on
        case Verdict.TELL:
            text = staff.alarmed_enough(desk.staff_speech, card.name)
            yield Owed(Message(card.staff_chat, text, kind=Kind.SAFETY, reply_to=card.message_id), card.subject)
        case Verdict.IGNORE:
            return


def refreshed(desk: Desk, card: Card) -> Iterator[Owed]:
    """Bring the card up to date, if it has arrived."""
    if card.message_id is not None:
        yield Owed(Edit(card.staff_chat, card.message_id, _text(desk, card), _rows(desk, card), Kind.STAFF))


def opened(desk: Desk, card: Card) -> Iterator[Owed]:
    """Tell the patient that they are talking with a person now, and how to end it."""
    if card.visit is not None and card.message_id is None:
        yield posted(desk, card, kind=Kind.STAFF)
    else:
        yield from refreshed(desk, card)
    say = desk.speeches.of(card.language)
    end = Button(answers.end_button(say), f"{END}:{card.enquiry_id}")
    yield Owed(Message(card.chat_id, answers.talking(say, desk.clinic), ((end,),)), language=card.language)


def closed(desk: Desk, card: Card) -> Iterator[Owed]:
    """Tell the patient, and staff where a patient or time did it, that the conversation is over."""
    yield from refreshed(desk, card)
    say = desk.speeches.of(card.language)
    menu = ((Button(front.menu_button(say), MENU),),)
    yield Owed(Message(card.chat_id, answers.ended(say), menu), language=card.language)
    if card.closed_by != "staff":
        text = staff.ended(desk.staff_speech, card.name, by_time=card.closed_by == BY_TIME)
        yield Owed(Message(card.staff_chat, text, kind=Kind.STAFF, reply_to=card.message_id), card.subject)


def going_on(desk: Desk, card: Card) -> Owed:
    """Tell the patient that staff have settled the problem, and that messages are sent again."""
    say = desk.speeches.of(card.language)
    return Owed(Message(card.chat_id, answers.goes_on(say, desk.clinic)), language=card.language)


def due(desk: Desk, happened: Due) -> Iterator[Owed]:
    """Say what time has brought."""
    say = desk.speeches.of(happened.card.language)
    card = happened.card
    match happened:
        case Pinged(_, tell_patient):
            text = staff.still_nobody(desk.staff_speech, card.name)
            yield Owed(Message(card.staff_chat, text, kind=Kind.SAFETY, reply_to=card.message_id), card.subject)
            if tell_patient:
                told = Message(card.chat_id, answers.nobody_saw(say, desk.clinic), kind=Kind.SAFETY)
                yield Owed(told, language=card.language)
        case Reminded():
            since = desk.staff_speech.instant(card.opened_at)
            text = staff.waiting(desk.staff_speech, card.name, since)
            yield Owed(Message(card.staff_chat, text, kind=Kind.STAFF, reply_to=card.message_id), card.subject)
        case GivenUp():
            yield from refreshed(desk, card)
            yield Owed(Message(card.chat_id, answers.no_answer_came(say, desk.clinic)), language=card.language)
        case Rested():
            yield from closed(desk, card)
        case Unsettled():
            text = staff.is_it_settled(desk.staff_speech, card.name, desk.staff_speech.instant(card.opened_at))
            rows = ((Button(staff.settle_button(desk.staff_speech), f"{CLOSE}:{card.enquiry_id}"),),)
            note = Message(card.staff_chat, text, rows, Kind.STAFF, reply_to=card.message_id)
            yield Owed(note, card.subject)


def source(chat_id: int, message_id: int) -> str:
    """Name a message that is passed on, so that its edits can follow."""
    return f"{chat_id}:{message_id}"


async def follow_edit(
    desk: Desk, update: Update, message: TelegramMessage, shown: Callable[[str, Speech], str]
) -> None:
    """Change what was passed on as its writer changed it, once it has gone; nothing happens where it was not."""
    name, text = source(message.chat.id, message.message_id), message.text or message.caption or ""

    def render(found: PassedOn | None) -> Iterator[Owed]:
        match found:
            case None:
                return
            case PassedOn(chat_id, message_id, "copyMessage", _):
                yield Owed(Caption(chat_id, message_id, escape(text)))
            case PassedOn(chat_id, message_id, _, language):
                yield Owed(Edit(chat_id, message_id, shown(text, desk.speeches.of(language))))

    await desk.until_settled(lambda session: outbox.is_owed(session, name))
    await desk.keep(update, desk.staff_speech, lambda session, _now: outbox.passed_on(session, name), render)


def _text(desk: Desk, card: Card) -> str:
    say = desk.staff_speech
    if card.visit is not None:
        head = staff.about_visit(say, card.name, card.visit)
    elif card.urgent:
        phone = visits.phone(card.phone, desk.clinic.country) if card.phone else None
        head = staff.urgent(say, card.name, card.question, phone, _sign(card))
    else:
        head = staff.enquiry(say, card.name, card.question)
    return f"{head}\n\n{_state(desk, card)}"


def _sign(card: Card) -> str | None:
    """Return the sentence with the sign, where the card does not show all of a long text."""
    _, beyond = staff.parted(card.question, staff.QUESTION_SHOWN)
    if not beyond:
        return None
    sentences = re.split(r"(?<=[.!?])\s+|\n+", card.question)
    flags = ((one, redflags.check(one, language=card.language)) for one in sentences)
    found = sorted(((flag.level is not Level.EMERGENCY, place), one) for place, (one, flag) in enumerate(flags) if flag)
    return found[0][1] if found else None


def seen(desk: Desk, card: Card) -> Iterator[Owed]:
    """Tell the patient who has seen what may be an emergency."""
    say = desk.speeches.of(card.language)
    text = answers.seen(say, desk.clinic, card.handled_by or "")
    yield Owed(Message(card.chat_id, text, kind=Kind.SAFETY), language=card.language)


def _state(desk: Desk, card: Card) -> str:
    say = desk.staff_speech
    match card.state:
        case "closed":
            return staff.state_closed(say, card.handled_by, card.closed_by or BY_TIME)
        case "talking":
            return staff.state_talking(say, card.handled_by or "")
        case _ if card.handled_by:
            return staff.state_acknowledged(say, card.handled_by)
        case _:
            return staff.state_waiting(say)


def _rows(desk: Desk, card: Card) -> Rows:
    say = desk.staff_speech
    if card.state == CLOSED:
        return ()
    if card.urgent and card.handled_by is None:
        return ((Button(staff.acknowledge_button(say), f"{ACKNOWLEDGE}:{card.enquiry_id}"),),)
    close = staff.settle_button(say) if card.urgent else staff.close_button(say)
    label = staff.end_button(say) if card.state == TALKING else close
    return ((Button(label, f"{CLOSE}:{card.enquiry_id}"),),)
