"""/gaps in the staff group: what patients asked and nobody answered, and the answers staff write to it."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from functools import partial
from typing import Any

from telegram import ChatMember, Message, Update
from telegram.ext import BaseHandler, CallbackQueryHandler, CommandHandler, ContextTypes, filters

from bot.clinic import insights, staffroom
from bot.clinic.insights import DAYS, GAP, SUBJECT, Decided, Decision, Draft, Gap, NeedsAnother
from bot.delivery import messages
from bot.delivery.markup import length
from bot.delivery.messages import Button, Edit, Kind, Rows
from bot.delivery.wire import WireError
from bot.store.database import Session
from bot.wording import front, gaps
from faq.tfidf import Floats
from handlers.desk import Desk, Owed

GROUP = filters.ChatType.GROUPS & filters.UpdateType.MESSAGE
BODY_LIMIT = 3000
"""UTF-16 units of an answer of staff's own."""
APPROVE, DROP = "approve", "drop"


def handlers(desk: Desk) -> list[BaseHandler[Any, Any, Any]]:
    """Return the handlers of this conversation."""
    return [
        CommandHandler("gaps", partial(show, desk), GROUP),
        CallbackQueryHandler(partial(choose, desk), pattern=rf"^{GAP}:\d{{1,18}}$"),
        CallbackQueryHandler(partial(decide, desk), pattern=rf"^({APPROVE}|{DROP}):\d{{1,18}}$"),
    ]


def _likeness(desk: Desk, texts: Sequence[str], others: Sequence[str]) -> Floats:
    return desk.reader.likeness(texts, others, desk.staff_speech.language)


async def show(desk: Desk, update: Update, _: ContextTypes.DEFAULT_TYPE) -> None:
    """List the largest groups of questions without an answer."""
    chat = update.effective_chat
    if chat is None:
        return

    def find(session: Session) -> list[Gap] | None:
        if staffroom.chat(session) != chat.id:
            return None
        return insights.gaps(session, partial(_likeness, desk), desk.clock.now())

    found = await desk.database.read(find)

    def render(_: None) -> Iterator[Owed]:
        if found is not None:
            text = gaps.listed(desk.staff_speech, [(gap.count, gap.examples) for gap in found], DAYS)
            numbers = tuple(Button(str(place), f"{GAP}:{gap.question_id}") for place, gap in enumerate(found, 1))
            yield Owed(messages.Message(chat.id, text, (numbers,) if numbers else (), Kind.STAFF))

    await desk.keep(update, desk.staff_speech, lambda _session, _now: None, render)


async def choose(desk: Desk, update: Update, _: ContextTypes.DEFAULT_TYPE) -> None:
    """Ask for the answer to a group of questions."""
    query = update.callback_query
    if query is None or query.data is None or query.message is None:
        return
    chat_id, question_id = query.message.chat.id, int(query.data.partition(":")[2])

    def render(question: str | None) -> Iterator[Owed]:
        if question is not None:
            text = gaps.write(desk.staff_speech, question)
            yield Owed(messages.Message(chat_id, text, kind=Kind.STAFF), f"{GAP}:{question_id}")

    question = await desk.keep(
        update,
        desk.staff_speech,
        lambda session, _now: insights.question_of(session, question_id, chat_id),
        render,
    )
    if question is None:
        await desk.acknowledge(query, front.old_button(desk.staff_speech), alert=True)
    else:
        await desk.acknowledge(query)


async def write(desk: Desk, update: Update, message: Message, question_id: int) -> None:
    """Keep the answer that a staff member wrote to a group of questions, and show it for approval."""
    chat_id, author, body = message.chat.id, message.from_user, message.text or ""
    if author is None:
        return
    if not body.strip() or length(body) > BODY_LIMIT:
        say = desk.staff_speech
        note = gaps.too_long(say, BODY_LIMIT) if body.strip() else gaps.text_only(say)
        owed = [Owed(messages.Message(chat_id, note, kind=Kind.STAFF, reply_to=message.message_id))]
        await desk.keep(update, desk.staff_speech, lambda _session, _now: None, lambda _: owed)
        return

    def use_case(session: Session, now: datetime) -> Draft | None:
        return insights.propose(session, partial(_likeness, desk), question_id, body, author.id, author.first_name, now)

    def render(draft: Draft | None) -> Iterator[Owed]:
        if draft is not None:
            text, rows = _draft(desk, draft)
            yield Owed(messages.Message(chat_id, text, rows, Kind.STAFF), f"{SUBJECT}:{draft.id}")

    await desk.keep(update, desk.staff_speech, use_case, render)


async def decide(desk: Desk, update: Update, _: ContextTypes.DEFAULT_TYPE) -> None:
    """Approve, discard or withdraw an answer of staff's own."""
    query = update.callback_query
    if query is None or query.data is None or query.message is None:
        return
    action, number = query.data.split(":")
    chat_id, card, actor = query.message.chat.id, query.message.message_id, query.from_user
    is_owner = action == APPROVE and await _is_owner(desk, chat_id, actor.id)

    def use_case(session: Session, now: datetime) -> Decision:
        who = (int(number), chat_id, actor.id, actor.first_name, now)
        return insights.approve(session, *who, is_owner=is_owner) if action == APPROVE else insights.drop(session, *who)

    def render(decision: Decision) -> Iterator[Owed]:
        if isinstance(decision, Decided):
            text, rows = _draft(desk, decision.draft)
            yield Owed(Edit(chat_id, card, text, rows, Kind.STAFF))

    decision = await desk.keep(update, desk.staff_speech, use_case, render)
    match decision:
        case NeedsAnother():
            await desk.acknowledge(query, gaps.needs_another(desk.staff_speech), alert=True)
        case Decided() | None:
            await desk.acknowledge(query)
        case _:
            await desk.acknowledge(query, front.old_button(desk.staff_speech), alert=True)


async def _is_owner(desk: Desk, chat_id: int, user_id: int) -> bool:
    try:
        member = await desk.wire.call("getChatMember", {"chat_id": chat_id, "user_id": user_id})
    except WireError:
        return False
    return bool(member.get("status") == ChatMember.OWNER)


def _draft(desk: Desk, draft: Draft) -> tuple[str, Rows]:
    say = desk.staff_speech
    text = gaps.draft(say, draft.question, draft.body, draft.author, draft.state, draft.decided_by)
    match draft.state:
        case "proposed":
            buttons = (
                Button(gaps.approve_button(say), f"{APPROVE}:{draft.id}"),
                Button(gaps.discard_button(say), f"{DROP}:{draft.id}"),
            )
            return text, (buttons,)
        case "approved":
            return text, ((Button(gaps.withdraw_button(say), f"{DROP}:{draft.id}"),),)
        case _:
            return text, ()
