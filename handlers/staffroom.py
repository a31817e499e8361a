"""The staff group: claiming it, and answering patients by replying to their cards."""

from collections.abc import Iterator
from datetime import datetime
from functools import partial
from typing import Any

import structlog
from telegram import ChatMember, Update
from telegram import Message as TelegramMessage
from telegram.ext import (
    BaseHandler,
    CallbackQueryHandler,
    ChatMemberHandler,
    CommandHandler,
    ContextTypes,
    MessageHandler,
    filters,
)

from bot.clinic import enquiries, patients, staffroom
from bot.clinic.enquiries import Answered, AnswerOutcome, Card, Changed, ChangeOutcome, NotACard, Unchanged, Unreachable
from bot.clinic.insights import GAP
from bot.clinic.staffroom import Claimed, ClaimedElsewhere, ClaimOutcome, WrongCode
from bot.delivery import outbox
from bot.delivery.markup import TEXT_LIMIT, length
from bot.delivery.messages import Copy, Kind, Message, Reaction
from bot.delivery.patience import Verdict
from bot.store.database import Session
from bot.wording import answers, front, staff
from bot.wording import visits as visit_words
from handlers import arrivals, cards, endings, gaps, records, visits
from handlers.desk import Desk, Owed
from handlers.pages import Page

log = structlog.get_logger()

GROUP = filters.ChatType.GROUPS & filters.UpdateType.MESSAGE
ANSWER_LIMIT = TEXT_LIMIT - 200
"""Room for the line above a person's answer."""
PASSED_ON = "👍"
"""Telegram's reaction on a staff member's message that went to the patient."""
OUT = (ChatMember.LEFT, ChatMember.BANNED)
PROMPTS = {
    endings.PROMPT: endings.write_weeks,
    arrivals.PROMPT: arrivals.write_caller,
    records.NOTE: records.write_note,
    records.DATED: records.write_message,
}
"""Who takes the reply to a prompt, by what the prompt is about."""


def handlers(desk: Desk) -> list[BaseHandler[Any, Any, Any]]:
    """Return the handlers of this conversation."""
    return [
        CommandHandler("claim", partial(claim, desk), GROUP),
        CommandHandler("help", partial(help_command, desk), GROUP),
        MessageHandler(GROUP & filters.StatusUpdate.MIGRATE, partial(follow_upgrade, desk)),
        MessageHandler(GROUP & filters.REPLY & ~filters.COMMAND, partial(answer, desk)),
        MessageHandler(filters.ChatType.GROUPS & filters.UpdateType.EDITED_MESSAGE, partial(answer_edited, desk)),
        CallbackQueryHandler(partial(press, desk), pattern=rf"^({cards.ACKNOWLEDGE}|{cards.CLOSE}):\d{{1,18}}$"),
        ChatMemberHandler(partial(membership, desk), ChatMemberHandler.MY_CHAT_MEMBER),
    ]


async def claim(desk: Desk, update: Update, context: ContextTypes.DEFAULT_TYPE) -> None:
    """Make this the staff group, given the code."""
    chat, user = update.effective_chat, update.effective_user
    if chat is None:
        return
    verdict = desk.claims.judge(chat.id, desk.clock.now())
    if verdict is not Verdict.HEED:
        if verdict is Verdict.TELL:
            await desk.send(update, desk.staff_speech, Page(staff.too_many_codes(desk.staff_speech)))
        return
    code = context.args[0] if context.args else ""
    await desk.keep(
        update,
        desk.staff_speech,
        lambda session, now: staffroom.claim(session, chat.id, code, user.id if user else None, now),
        lambda outcome: [Owed(Message(chat.id, _claim_text(desk, outcome), kind=Kind.STAFF))],
    )


def _claim_text(desk: Desk, outcome: ClaimOutcome) -> str:
    match outcome:
        case Claimed():
            return staff.claimed(desk.staff_speech, desk.clinic.name)
        case WrongCode():
            return staff.wrong_code(desk.staff_speech)
        case ClaimedElsewhere():
            return staff.claimed_elsewhere(desk.staff_speech)


async def help_command(desk: Desk, update: Update, _: ContextTypes.DEFAULT_TYPE) -> None:
    """Say what can be done in this group."""
    chat = update.effective_chat
    if chat is None:
        return
    await desk.keep(
        update,
        desk.staff_speech,
        lambda session, _now: staffroom.chat(session) == chat.id,
        lambda ours: [
            Owed(Message(chat.id, (staff.help_text if ours else staff.unclaimed)(desk.staff_speech), kind=Kind.STAFF))
        ],
    )


async def answer(desk: Desk, update: Update, _: ContextTypes.DEFAULT_TYPE) -> None:
    """Pass a staff member's reply to a card on to its patient, or keep what they wrote to a gap in the content."""
    message, user = update.effective_message, update.effective_user
    if message is None or message.reply_to_message is None:
        return
    chat_id, replied_to, text = message.chat.id, message.reply_to_message.message_id, message.text
    about = await desk.database.read(lambda session: enquiries.what_about(session, chat_id, replied_to))
    if about.is_unknown and _is_ours(message.reply_to_message, update):
        await desk.until_settled(lambda session: outbox.is_sending(session, chat_id))
        about = await desk.database.read(lambda session: enquiries.what_about(session, chat_id, replied_to))
        if about.is_unknown:
            await _note_unknown(desk, update, chat_id, message.message_id)
            return
    if about.noun == GAP:
        await gaps.write(desk, update, message, about.number)
        return
    if about.noun in (visits.DECLINES, visits.CANCELS):
        await visits.write_reason(desk, update, message, about)
        return
    if (write := PROMPTS.get(about.noun)) is not None:
        await write(desk, update, message, about)
        return
    name = user.first_name if user else message.chat.title or ""
    if text is not None and length(text) > ANSWER_LIMIT:
        await _note_too_long(desk, update, chat_id, replied_to, message.message_id)
        return

    def render(outcome: AnswerOutcome) -> Iterator[Owed]:
        match outcome:
            case NotACard():
                return
            case Unreachable(patient, phone):
                number = visit_words.phone(phone, desk.clinic.country) if phone else None
                note = staff.unreachable(desk.staff_speech, patient, number)
                yield Owed(Message(chat_id, note, kind=Kind.STAFF, reply_to=message.message_id))
            case Answered(card, first, also):
                yield from _to_patient(desk, card, message.message_id, text)
                for other in also:
                    yield from cards.refreshed(desk, other)
                if first:
                    yield from cards.opened(desk, card)
                    if card.visit is not None and card.message_id is None:
                        return  # the card that is posted says so
                    note = staff.answered(desk.staff_speech, card.name)
                    yield Owed(Message(chat_id, note, kind=Kind.STAFF, reply_to=message.message_id), card.subject)
                else:
                    yield Owed(Reaction(chat_id, message.message_id, PASSED_ON))

    await desk.keep(
        update,
        desk.staff_speech,
        lambda session, now: enquiries.answer(
            session, desk.clinic, chat_id, replied_to, user.id if user else None, name, now
        ),
        render,
    )


def _to_patient(desk: Desk, card: Card, message_id: int, text: str | None) -> Iterator[Owed]:
    source = cards.source(card.staff_chat, message_id)
    if text is None:
        yield Owed(Copy(card.chat_id, card.staff_chat, message_id), source=source, language=card.language)
    else:
        body = answers.from_clinic(desk.speeches.of(card.language), desk.clinic, text)
        yield Owed(Message(card.chat_id, body), source=source, language=card.language)


def _is_ours(message: TelegramMessage, update: Update) -> bool:
    """True for a message that this bot sent."""
    return message.from_user is not None and message.from_user.id == update.get_bot().id


async def _note_unknown(desk: Desk, update: Update, chat_id: int, message_id: int) -> None:
    """Say that nobody gets a reply to a message of which it was never known whether it arrived."""
    note = Message(chat_id, staff.unknown_copy(desk.staff_speech), kind=Kind.STAFF, reply_to=message_id)
    await desk.keep(update, desk.staff_speech, lambda _session, _now: None, lambda _: [Owed(note)])


async def _note_too_long(desk: Desk, update: Update, chat_id: int, replied_to: int, message_id: int) -> None:
    note = Message(chat_id, staff.too_long(desk.staff_speech, ANSWER_LIMIT), kind=Kind.STAFF, reply_to=message_id)
    await desk.keep(
        update,
        desk.staff_speech,
        lambda session, _now: enquiries.what_about(session, chat_id, replied_to),
        lambda about: [Owed(note)] if about.noun in (enquiries.SUBJECT, *enquiries.VISITS) else [],
    )


async def answer_edited(desk: Desk, update: Update, _: ContextTypes.DEFAULT_TYPE) -> None:
    """Let a staff member's correction follow what the patient got."""
    message = update.effective_message
    if message is not None:
        await cards.follow_edit(desk, update, message, lambda text, say: answers.from_clinic(say, desk.clinic, text))


async def press(desk: Desk, update: Update, _: ContextTypes.DEFAULT_TYPE) -> None:
    """Acknowledge an alert, or close an enquiry, from its card."""
    query = update.callback_query
    if query is None or query.data is None or query.message is None:
        return
    action, number = query.data.split(":")
    chat_id, actor, enquiry_id = query.message.chat.id, query.from_user, int(number)

    def use_case(session: Session, now: datetime) -> ChangeOutcome:
        if action == cards.ACKNOWLEDGE:
            return enquiries.acknowledge(session, enquiry_id, chat_id, actor.id, actor.first_name, now)
        return enquiries.close(session, enquiry_id, chat_id, actor.id, now)

    def render(outcome: ChangeOutcome) -> Iterator[Owed]:
        match outcome:
            case Changed(card, silent=silent, goes_on=goes_on, also=also):
                is_end = action == cards.CLOSE and not silent
                yield from cards.closed(desk, card) if is_end else cards.refreshed(desk, card)
                for one in also:
                    yield from cards.refreshed(desk, one)
                if action == cards.ACKNOWLEDGE:
                    yield from cards.seen(desk, card)
                if goes_on:
                    yield cards.going_on(desk, card)
            case Unchanged() | NotACard():
                return

    outcome = await desk.keep(update, desk.staff_speech, use_case, render)
    match outcome:
        case Unchanged(card):
            await desk.acknowledge(query, staff.somebody_was_first(desk.staff_speech, card.handled_by), alert=True)
        case NotACard():
            await desk.acknowledge(query, front.old_button(desk.staff_speech), alert=True)
        case Changed() | None:
            await desk.acknowledge(query)


async def follow_upgrade(desk: Desk, update: Update, _: ContextTypes.DEFAULT_TYPE) -> None:
    """Follow the staff group when it becomes a supergroup."""
    message = update.effective_message
    if message is None or message.migrate_to_chat_id is None:
        return
    old, new = message.chat.id, message.migrate_to_chat_id
    await desk.keep(
        update, desk.staff_speech, lambda session, now: staffroom.moved(session, old, new, now), lambda _: []
    )


async def membership(desk: Desk, update: Update, _: ContextTypes.DEFAULT_TYPE) -> None:
    """Notice that the bot was blocked, let back in, or added to a group."""
    change = update.my_chat_member
    if change is None:
        return
    chat, out = change.chat, change.new_chat_member.status in OUT
    if chat.type == chat.PRIVATE:
        change_reach = patients.left if out else patients.returned
        await desk.keep(
            update, desk.staff_speech, lambda session, now: change_reach(session, chat.id, now), lambda _: []
        )
    elif out and await desk.keep(
        update, desk.staff_speech, lambda session, now: staffroom.put_out(session, chat.id, now), lambda _: []
    ):
        log.error("staff.put_out", chat=chat.id, advice=staffroom.ADD_AGAIN)
    elif not out and change.old_chat_member.status in OUT and chat.type != chat.CHANNEL:
        await desk.keep(
            update,
            desk.staff_speech,
            lambda session, now: staffroom.let_in(session, chat.id, now),
            lambda known: (
                [] if known else [Owed(Message(chat.id, staff.unclaimed(desk.staff_speech), kind=Kind.STAFF))]
            ),
        )
