"""/privacy, /export and /delete: what is kept about a patient, what they agree to, a copy of it, and its end."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

from telegram import Message as TelegramMessage
from telegram import Update
from telegram import User as TelegramUser
from telegram.ext import BaseHandler, CallbackQueryHandler, CommandHandler, ContextTypes, filters

from bot.clinic import dossier, privacy
from bot.clinic.dossier import Dossier, ExportOutcome, NothingHeld, TooOften
from bot.clinic.erasure import Contents, Erased, ErasureOutcome, Nothing, Waits
from bot.clinic.privacy import Corrected, CorrectionOutcome, Decided, NothingToCorrect, Overview, Unusable
from bot.delivery import outbox
from bot.delivery.messages import Attachment, Button, Edit, ForceReply, Kind, Message, Rows
from bot.store.database import Session
from bot.wording import front
from bot.wording import privacy as words
from bot.wording import visits as visit_words
from bot.wording.speech import Speech
from handlers import erasures
from handlers import visits as visit_cards
from handlers.desk import Desk, Owed, person
from handlers.door import in_private
from handlers.pages import MENU, Page

PRIVATE = filters.ChatType.PRIVATE & filters.UpdateType.MESSAGE
SHOW, ASK, AGREE, WITHDRAW = "prv", "prvask", "prvyes", "prvno"
COPY, END, KEEP, SURE, CORRECT = "prvcopy", "prvend", "prvkeep", "erase", "prvfix"
SURE_FOR = timedelta(minutes=15)
"""How long a tap is taken as the answer to the question whether everything is to go."""
COPY_FOR = timedelta(days=1)
"""How long a copy is owed to somebody who cannot be reached."""
PROMPT = "correct"
"""Subject of the prompts whose reply is a name or a number: correct-name and correct-phone."""


def handlers(desk: Desk) -> list[BaseHandler[Any, Any, Any]]:
    """Return the handlers of this conversation."""
    purposes = "|".join(privacy.PURPOSES)
    taps = {
        f"{SHOW}": turn,
        f"{ASK}:({purposes})": turn,
        f"({AGREE}|{WITHDRAW}):({purposes})": decide,
        f"{COPY}": export,
        f"{END}": ask_to_delete,
        f"{KEEP}": keep_it,
        rf"{SURE}:\d{{1,18}}:\d{{1,12}}": delete,
        f"{CORRECT}:({privacy.NAME}|{privacy.PHONE})": ask_correction,
    }
    return [
        CommandHandler("privacy", partial(show, desk), PRIVATE),
        CommandHandler("export", partial(export, desk), PRIVATE),
        CommandHandler("delete", partial(ask_to_delete, desk), PRIVATE),
        *(
            CallbackQueryHandler(in_private(desk, partial(callback, desk)), pattern=f"^{pattern}$")
            for pattern, callback in taps.items()
        ),
    ]


# --- /privacy


async def show(desk: Desk, update: Update, _: ContextTypes.DEFAULT_TYPE) -> None:
    """Say what is kept, for how long, and what was agreed to."""
    user = update.effective_user
    if user is None:
        return
    say = desk.speech(user)
    found = await desk.database.read(lambda session: privacy.overview(session, user.id))
    await desk.send(update, say, _page(desk, say, found))


async def turn(desk: Desk, update: Update, _: ContextTypes.DEFAULT_TYPE) -> None:
    """Turn to the words of a consent, or back; nothing changes."""
    query = update.callback_query
    if query is None or query.data is None:
        return
    say, user = desk.speech(query.from_user), query.from_user
    purpose = query.data.partition(":")[2]
    if purpose:
        yes = Button(words.yes_button(say, purpose), f"{AGREE}:{purpose}")
        page = Page(words.agree_to(say, desk.clinic, purpose), ((yes,), (_back(say),)))
    else:
        page = _page(desk, say, await desk.database.read(lambda session: privacy.overview(session, user.id)))
    await desk.turn_to(update, say, query, page)


async def decide(desk: Desk, update: Update, _: ContextTypes.DEFAULT_TYPE) -> None:
    """Give or withdraw a consent, at once, and say what that means."""
    query = update.callback_query
    if query is None or query.data is None or query.message is None:
        return
    user, say = query.from_user, desk.speech(query.from_user)
    action, purpose = query.data.split(":")
    place = query.message.chat.id, query.message.message_id

    def use_case(session: Session, now: datetime) -> Decided:
        if action == AGREE:
            return privacy.agree(session, person(user, say), purpose, now)
        return privacy.withdraw(session, desk.clinic, person(user, say), purpose, now)

    def render(outcome: Decided) -> Iterator[Owed]:
        page = _page(desk, say, outcome.now)
        yield Owed(Edit(*place, page.text, page.rows))
        said = (
            words.given(say, purpose)
            if action == AGREE
            else words.withdrawn(say, desk.clinic, purpose, rings=outcome.rings)
        )
        yield Owed(Message(user.id, said))
        for card in outcome.unanswered:
            yield from visit_cards.refreshed(desk, card)
            staffs = desk.staff_speech
            yield visit_cards.noted(desk, card, words.withdrawn_note(staffs, card.code, staffs.instant(card.starts_at)))

    await desk.keep(update, say, use_case, render)
    await desk.acknowledge(query)


def _page(desk: Desk, say: Speech, found: Overview) -> Page:
    rows: list[tuple[Button, ...]] = []
    for purpose in privacy.PURPOSES:
        given = found.given[purpose] is True
        label = words.consent_button(say, purpose, given=given)
        rows.append((Button(label, f"{WITHDRAW if given else ASK}:{purpose}"),))
    if found.can_correct:
        fields = (privacy.NAME, privacy.PHONE)
        rows.append(tuple(Button(words.correct_button(say, field), f"{CORRECT}:{field}") for field in fields))
    rows.append((Button(words.export_button(say), COPY), Button(words.delete_button(say), END)))
    rows.append((Button(front.menu_button(say), MENU),))
    return Page(words.page(say, desk.clinic, found.given, leaving=found.leaving), tuple(rows))


def _back(say: Speech) -> Button:
    return Button(words.back_button(say), SHOW)


# --- correction


async def ask_correction(desk: Desk, update: Update, _: ContextTypes.DEFAULT_TYPE) -> None:
    """Ask for the right name or number."""
    query = update.callback_query
    if query is None or query.data is None:
        return
    user, say, field = query.from_user, desk.speech(query.from_user), query.data.partition(":")[2]
    await desk.keep(update, say, lambda _session, _now: None, lambda _: [_prompt(say, user.id, field)])
    await desk.acknowledge(query)


def _prompt(say: Speech, chat_id: int, field: str, text: str | None = None) -> Owed:
    hint = ForceReply(words.correction_hint(say, field))
    return Owed(Message(chat_id, text or words.ask_correction(say, field), below=hint), f"{PROMPT}-{field}:{chat_id}")


async def correct(desk: Desk, update: Update, user: TelegramUser, message: TelegramMessage) -> bool:
    """Take a reply to such a prompt; False where it is none, or reads as an emergency."""
    replied_to, text, say = message.reply_to_message, message.text or "", desk.speech(user)
    if replied_to is None or desk.reader.is_urgent(text, say.language):
        return False
    subject = await desk.database.read(lambda session: outbox.about(session, user.id, replied_to.message_id))
    noun = (subject or "").partition(":")[0]
    if not noun.startswith(f"{PROMPT}-"):
        return False
    field = noun.removeprefix(f"{PROMPT}-")

    def render(outcome: CorrectionOutcome) -> Iterator[Owed]:
        match outcome:
            case Corrected(value, cards):
                shown = visit_words.phone(value, desk.clinic.country) if field == privacy.PHONE else value
                yield Owed(Message(user.id, words.corrected(say, field, shown)))
                for card in cards:
                    yield from visit_cards.refreshed(desk, card)
                    yield visit_cards.noted(desk, card, words.corrected_note(desk.staff_speech, card.code, field))
            case Unusable():
                yield _prompt(say, user.id, field, words.not_corrected(say, field))
            case NothingToCorrect():
                yield Owed(Message(user.id, words.nothing_to_correct(say)))

    await desk.keep(
        update, say, lambda session, now: privacy.correct(session, desk.clinic, user.id, field, text, now), render
    )
    return True


# --- the copy


async def export(desk: Desk, update: Update, _: ContextTypes.DEFAULT_TYPE) -> None:
    """Send everything that is held about a patient, as a page to read and as a file for programs."""
    user, query = update.effective_user, update.callback_query
    if user is None:
        return
    say = desk.speech(user)

    def render(outcome: ExportOutcome) -> Iterator[Owed]:
        match outcome:
            case Dossier(content, _, made_at):
                until, name = made_at + COPY_FOR, words.file_name(say)
                page = words.document(say, desk.clinic, content).encode("utf-8", "replace")
                caption = words.export_caption(say)
                yield Owed(Attachment(user.id, f"{name}.html", "text/html", page, caption), valid_until=until)
                text = json.dumps(content, ensure_ascii=False, indent=2).encode("utf-8", "replace")
                caption = words.export_json_caption(say)
                yield Owed(Attachment(user.id, f"{name}.json", "application/json", text, caption), valid_until=until)
            case TooOften(most):
                yield Owed(Message(user.id, words.too_often(say, most)))
            case NothingHeld():
                yield Owed(Message(user.id, words.nothing_held(say)))

    await desk.keep(update, say, lambda session, now: dossier.export(session, desk.clinic, user.id, now), render)
    if query is not None:
        await desk.acknowledge(query)


# --- deletion


async def ask_to_delete(desk: Desk, update: Update, _: ContextTypes.DEFAULT_TYPE) -> None:
    """Say what would go and what would stay, and ask once more."""
    user, query = update.effective_user, update.callback_query
    if user is None:
        return
    say, now = desk.speech(user), desk.clock.now()
    found = await desk.database.read(lambda session: privacy.contents(session, desk.clinic, user.id, now))
    await desk.send(update, say, _question(desk, say, user.id, found, now))
    if query is not None:
        await desk.acknowledge(query)


def _question(desk: Desk, say: Speech, chat_id: int, found: Contents | Nothing, now: datetime) -> Page:
    match found:
        case Nothing():
            return Page(words.nothing_held(say))
        case Contents(off, kept, alert):
            off_lines, kept_lines = erasures.off_lines(desk, say, off), erasures.kept_lines(desk, say, kept)
            text = words.explain(say, desk.clinic, off_lines, kept_lines, alert=alert)
            sure = Button(words.sure_button(say), f"{SURE}:{chat_id}:{int(now.timestamp())}")
            rows: Rows = ((sure,), (Button(words.export_button(say), COPY), Button(words.keep_button(say), KEEP)))
            return Page(text, rows)


async def keep_it(desk: Desk, update: Update, _: ContextTypes.DEFAULT_TYPE) -> None:
    """Take the question back; nothing changes."""
    query = update.callback_query
    if query is not None:
        say = desk.speech(query.from_user)
        await desk.turn_to(update, say, query, Page(words.kept_as_it_is(say), ((_back(say),),)))


async def delete(desk: Desk, update: Update, _: ContextTypes.DEFAULT_TYPE) -> None:
    """Delete everything, at the second tap."""
    query = update.callback_query
    if query is None or query.data is None or query.message is None:
        return
    user, say = query.from_user, desk.speech(query.from_user)
    _sure, chat_id, asked_at = query.data.split(":")
    age = desk.clock.now() - datetime.fromtimestamp(int(asked_at), UTC)
    if int(chat_id) != user.id or not timedelta() <= age + timedelta(seconds=1) <= SURE_FOR:
        await desk.acknowledge(query, words.expired_button(say), alert=True)
        return

    def render(outcome: ErasureOutcome) -> Iterator[Owed]:
        match outcome:
            case Erased():
                yield from erasures.erased(desk, outcome)
            case Waits(until):
                yield Owed(Message(user.id, words.waits(say, desk.clinic, until), kind=Kind.SAFETY))
            case Nothing():
                yield Owed(Message(user.id, words.nothing_held(say)))

    outcome = await desk.keep(
        update, say, lambda session, now: privacy.delete_own(session, desk.clinic, user.id, now), render
    )
    if isinstance(outcome, Erased):
        erasures.forget_language(desk, outcome)
    await desk.acknowledge(query)
    await desk.relabel(query.message.chat.id, query.message.message_id, [])
