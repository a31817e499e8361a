"""Messages as plain values: what is to be said, where, and how it may be repeated. No library type, no network."""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class Kind(StrEnum):
    """Why a message is sent; decides what happens when nobody knows whether it arrived."""

    REPLY = "reply"  # somebody is waiting for it
    SAFETY = "safety"  # red-flag texts and staff's alerts
    VISIT = "visit"  # reminders of a visit
    CARE = "care"  # aftercare and check-ins
    OFFER = "offer"  # promotes a service: never sent twice
    STAFF = "staff"  # cards and notes in the staff group

    @property
    def repeated_when_uncertain(self) -> bool:
        """True where a possible second copy harms less than silence."""
        return self is not Kind.OFFER

    @property
    def urgency(self) -> int:
        """Order of sending: smaller goes first, so that a waiting person is never behind a scheduled message."""
        match self:
            case Kind.SAFETY:
                return 0
            case Kind.REPLY:
                return 1
            case Kind.STAFF:
                return 2
            case Kind.VISIT | Kind.CARE | Kind.OFFER:
                return 3


@dataclass(frozen=True, slots=True)
class Button:
    """One inline button: `data` of at most 64 bytes comes back when it is tapped, or `url` opens."""

    label: str
    data: str | None = None
    url: str | None = None


Rows = tuple[tuple[Button, ...], ...]


@dataclass(frozen=True, slots=True)
class Message:
    """A new message of Telegram HTML, at most 4,096 UTF-16 units once parsed."""

    chat_id: int
    text: str
    rows: Rows = ()
    kind: Kind = Kind.REPLY
    reply_to: int | None = None


@dataclass(frozen=True, slots=True)
class Edit:
    """A new text and keyboard for a message the bot sent before; doing it twice does no harm."""

    chat_id: int
    message_id: int
    text: str
    rows: Rows = ()
    kind: Kind = Kind.REPLY


@dataclass(frozen=True, slots=True)
class Copy:
    """A message of another chat, passed on as it is: a photo, a voice message, a document; it is not stored here."""

    chat_id: int
    from_chat_id: int
    message_id: int
    kind: Kind = Kind.REPLY
    reply_to: int | None = None


@dataclass(frozen=True, slots=True)
class Caption:
    """A new caption (Telegram HTML) for a message that was passed on."""

    chat_id: int
    message_id: int
    text: str
    kind: Kind = Kind.REPLY


@dataclass(frozen=True, slots=True)
class Reaction:
    """One of Telegram's reaction emoji on somebody's message: quieter than a reply."""

    chat_id: int
    message_id: int
    emoji: str
    kind: Kind = Kind.STAFF


Outbound = Message | Edit | Copy | Caption | Reaction


@dataclass(frozen=True, slots=True)
class Call:
    """A Bot API request: method and its parameters as JSON values."""

    method: str
    params: dict[str, Any] = field(default_factory=dict)


def to_call(message: Outbound) -> Call:
    """Return the Bot API request that says `message`."""
    match message:
        case Message() | Edit():
            return _text_call(message)
        case Copy(chat_id, from_chat_id, message_id, _, reply_to):
            origin = {"chat_id": chat_id, "from_chat_id": from_chat_id, "message_id": message_id}
            return Call("copyMessage", origin | _reply(reply_to))
        case Caption(chat_id, message_id, text):
            what = {"chat_id": chat_id, "message_id": message_id, "caption": text, "parse_mode": "HTML"}
            return Call("editMessageCaption", what)
        case Reaction(chat_id, message_id, emoji):
            reaction = [{"type": "emoji", "emoji": emoji}]
            return Call("setMessageReaction", {"chat_id": chat_id, "message_id": message_id, "reaction": reaction})


def _text_call(message: Message | Edit) -> Call:
    params: dict[str, Any] = {
        "chat_id": message.chat_id,
        "text": message.text,
        "parse_mode": "HTML",
        "link_preview_options": {"is_disabled": True},
    }
    if message.rows:
        params["reply_markup"] = keyboard(message.rows)
    match message:
        case Edit():
            return Call("editMessageText", {**params, "message_id": message.message_id})
        case Message():
            return Call("sendMessage", params | _reply(message.reply_to))


def _reply(message_id: int | None) -> dict[str, Any]:
    if message_id is None:
        return {}
    return {"reply_parameters": {"message_id": message_id, "allow_sending_without_reply": True}}


def keyboard(rows: Rows) -> dict[str, Any]:
    """Return `rows` as the Bot API's InlineKeyboardMarkup."""
    return {"inline_keyboard": [[_button(button) for button in row] for row in rows]}


def _button(button: Button) -> dict[str, str]:
    if button.url is not None:
        return {"text": button.label, "url": button.url}
    return {"text": button.label, "callback_data": button.data or ""}
