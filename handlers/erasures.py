"""Deletion of a person's data: what staff and the person are told of it, what is taken out of the staff group, and
staff's own button for who asks elsewhere."""

from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

from telegram import Update
from telegram.ext import BaseHandler, CallbackQueryHandler, ContextTypes

from bot.clinic import erasure, privacy
from bot.clinic.erasure import Erased, ErasureOutcome, Kept, Nothing, Off, Waits
from bot.clinic.privacy import Asked
from bot.clinic.visits import Actor, NotHere
from bot.delivery.markup import escape
from bot.delivery.messages import Button, Caption, Delete, Edit, Kind, Message
from bot.wording import privacy as words
from bot.wording import visits as visit_words
from bot.wording.speech import Speech
from handlers.desk import Desk, Owed

ASK, SURE = "perase", "perasenow"
BACK = "pback"
"""Shows the record again: handlers/records.py answers it."""


def handlers(desk: Desk) -> list[BaseHandler[Any, Any, Any]]:
    """Return the handlers of staff's button."""
    return [
        CallbackQueryHandler(partial(ask, desk), pattern=rf"^{ASK}:\d{{1,18}}$"),
        CallbackQueryHandler(partial(delete, desk), pattern=rf"^{SURE}:\d{{1,18}}$"),
    ]


async def ask(desk: Desk, update: Update, _: ContextTypes.DEFAULT_TYPE) -> None:
    """Ask a member of staff once more, in the place of the record."""
    query = update.callback_query
    if query is None or query.data is None or query.message is None:
        return
    place, say = (query.message.chat.id, query.message.message_id), desk.staff_speech
    visit_id = int(query.data.partition(":")[2])

    def render(found: Asked | NotHere) -> Iterator[Owed]:
        if isinstance(found, Asked):
            off, kept = off_lines(desk, say, found.contents.off), kept_lines(desk, say, found.contents.kept)
            text = words.staff_explain(say, desk.clinic, found.card.name, off, kept, alert=found.contents.alert)
            sure = Button(words.sure_button(say), f"{SURE}:{visit_id}")
            yield Owed(
                Edit(*place, text, ((sure,), (Button(words.back_button(say), f"{BACK}:{visit_id}"),)), Kind.STAFF)
            )

    found = await desk.keep(
        update,
        say,
        lambda session, now: privacy.staff_contents(session, desk.clinic, visit_id, place[0], now),
        render,
    )
    gone = visit_words.gone(say) if isinstance(found, NotHere) else None
    await desk.acknowledge(query, gone, alert=gone is not None)


async def delete(desk: Desk, update: Update, _: ContextTypes.DEFAULT_TYPE) -> None:
    """Delete what is held about a visit's patient, at the second tap."""
    query = update.callback_query
    if query is None or query.data is None or query.message is None:
        return
    chat_id, say = query.message.chat.id, desk.staff_speech
    visit_id, actor = int(query.data.partition(":")[2]), Actor(query.from_user.id, query.from_user.first_name)

    def render(outcome: ErasureOutcome) -> Iterator[Owed]:
        match outcome:
            case Erased():
                yield from erased(desk, outcome)
                text = words.staff_receipt(say, actor.name, outcome.code, kept_lines(desk, say, outcome.kept))
                yield Owed(Message(chat_id, text, kind=Kind.STAFF), language=say.language)
            case Waits() | Nothing():
                return

    outcome = await desk.keep(
        update,
        say,
        lambda session, now: privacy.delete_for(session, desk.clinic, visit_id, chat_id, actor, now),
        render,
    )
    match outcome:
        case Waits(until):
            await desk.acknowledge(query, words.staff_waits(say, until), alert=True)
        case Nothing():
            await desk.acknowledge(query, visit_words.gone(say), alert=True)
        case Erased():
            forget_language(desk, outcome)
            await desk.acknowledge(query)
        case None:
            await desk.acknowledge(query)


async def make_erasure_round(desk: Desk) -> None:
    """Delete what has waited for an emergency to be closed."""

    def render(done: Sequence[Erased]) -> Iterator[Owed]:
        for one in done:
            yield from erased(desk, one)

    while done := await desk.act(
        desk.staff_speech, lambda session, now: erasure.make_rounds(session, desk.clinic, now), render
    ):
        for one in done:
            forget_language(desk, one)


def erased(desk: Desk, outcome: Erased) -> Iterator[Owed]:
    """Take what was shown out of the staff group, tell staff what it means for them, and the person what was done."""
    say = desk.staff_speech
    if outcome.staff_chat:
        by_hand = 0
        for shown in outcome.shown:
            if shown.may_go:
                yield Owed(Delete(outcome.staff_chat, shown.message_id, Kind.STAFF))
            elif shown.is_text:
                yield Owed(Edit(outcome.staff_chat, shown.message_id, words.redacted(say), kind=Kind.STAFF))
            else:
                by_hand += 1
                yield Owed(Caption(outcome.staff_chat, shown.message_id, words.redacted(say), Kind.STAFF))
        if outcome.shown or outcome.off or outcome.was_talking or outcome.alert_ended:
            note = words.left_note(
                say,
                [
                    f"{line} · {escape(_practitioner(desk, off.practitioner))}"
                    for line, off in zip(off_lines(desk, say, outcome.off), outcome.off, strict=True)
                ],
                by_hand,
                was_talking=outcome.was_talking,
                alert_ended=outcome.alert_ended,
            )
            yield Owed(Message(outcome.staff_chat, note, kind=Kind.STAFF), language=say.language)
    if outcome.chat_id is not None:
        theirs = desk.speeches.of(outcome.language)
        receipt = words.receipt(
            theirs,
            desk.clinic,
            off_lines(desk, theirs, outcome.off),
            kept_lines(desk, theirs, outcome.kept),
            theirs.instant(desk.clock.now()),
            was_talking=outcome.was_talking,
        )
        yield Owed(Message(outcome.chat_id, receipt), language=theirs.language)


def forget_language(desk: Desk, outcome: Erased) -> None:
    """Speak to whoever writes again as to a stranger."""
    if outcome.chat_id is not None:
        desk.own_languages.pop(outcome.chat_id, None)


def off_lines(desk: Desk, say: Speech, off: Sequence[Off]) -> list[str]:
    """Return the visits to come that are cancelled."""
    return [words.off_line(say, _treatment(desk, one.treatment), one.starts_at, one.code) for one in off]


def kept_lines(desk: Desk, say: Speech, kept: Sequence[Kept]) -> list[str]:
    """Return the treatments that stay."""
    return [words.kept_line(say, _treatment(desk, one.treatment), one.starts_at, one.code, one.until) for one in kept]


def _treatment(desk: Desk, treatment_id: str) -> str:
    found = desk.clinic.treatment(treatment_id)
    return found.name if found else treatment_id


def _practitioner(desk: Desk, practitioner_id: str) -> str:
    found = desk.clinic.practitioner(practitioner_id)
    return found.name if found else practitioner_id
