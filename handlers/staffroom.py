"""The staff group: claiming it, and answering patients by replying to their cards."""

from collections.abc import Iterator
from functools import partial
from typing import Any

from telegram import ChatMember, Update
from telegram.ext import BaseHandler, ChatMemberHandler, CommandHandler, ContextTypes, MessageHandler, filters

from bot.clinic import enquiries, patients, staffroom
from bot.clinic.enquiries import Answered, AnswerOutcome, NotACard, Unreachable
from bot.clinic.staffroom import Claimed, ClaimedElsewhere, ClaimOutcome, WrongCode
from bot.delivery.markup import TEXT_LIMIT, length
from bot.delivery.messages import Kind, Message
from bot.wording import answers, staff
from handlers.desk import Desk, Owed

GROUP = filters.ChatType.GROUPS & filters.UpdateType.MESSAGE
ANSWER_LIMIT = TEXT_LIMIT - 200
"""Room for the line above a person's answer."""
OUT = (ChatMember.LEFT, ChatMember.BANNED)


def handlers(desk: Desk) -> list[BaseHandler[Any, Any, Any]]:
    """Return the handlers of this conversation."""
    return [
        CommandHandler("claim", partial(claim, desk), GROUP),
        CommandHandler("help", partial(help_command, desk), GROUP),
        MessageHandler(GROUP & filters.StatusUpdate.MIGRATE, partial(follow_upgrade, desk)),
        MessageHandler(GROUP & filters.REPLY & ~filters.COMMAND, partial(answer, desk)),
        ChatMemberHandler(partial(membership, desk), ChatMemberHandler.MY_CHAT_MEMBER),
    ]


async def claim(desk: Desk, update: Update, context: ContextTypes.DEFAULT_TYPE) -> None:
    """Make this the staff group, given the code."""
    chat, user = update.effective_chat, update.effective_user
    if chat is None:
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
    """Pass a staff member's reply to a card on to its patient."""
    message, user = update.effective_message, update.effective_user
    if message is None or message.reply_to_message is None:
        return
    chat_id, card, text = message.chat.id, message.reply_to_message.message_id, message.text
    fits = text is not None and length(text) <= ANSWER_LIMIT

    def render(outcome: AnswerOutcome) -> Iterator[Owed]:
        match outcome:
            case NotACard():
                return
            case Unreachable(name):
                note = staff.unreachable(desk.staff_speech, name)
            case Answered(patient, name, language) if text is not None and fits:
                body = answers.from_clinic(desk.speeches.of(language), desk.clinic, text)
                yield Owed(Message(patient, body))
                note = staff.answered(desk.staff_speech, name)
            case Answered() if text is None:
                note = staff.only_text(desk.staff_speech)
            case Answered():
                note = staff.too_long(desk.staff_speech, ANSWER_LIMIT)
        yield Owed(Message(chat_id, note, kind=Kind.STAFF, reply_to=message.message_id))

    await desk.keep(
        update,
        desk.staff_speech,
        lambda session, now: enquiries.answer(session, chat_id, card, user.id if user else None, now, sent=fits),
        render,
    )


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
    elif not out and change.old_chat_member.status in OUT and chat.type != chat.CHANNEL:
        await desk.keep(
            update,
            desk.staff_speech,
            lambda session, _now: staffroom.chat(session),
            lambda known: (
                [] if known else [Owed(Message(chat.id, staff.unclaimed(desk.staff_speech), kind=Kind.STAFF))]
            ),
        )
