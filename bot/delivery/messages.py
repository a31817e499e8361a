"""Messages as plain values: what is to be said, where, and how it may be repeated. No library type, no network."""

from base64 import b64decode, b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

ATTACHED = "_attached"
"""The parameter under which a call carries files; it is never sent itself."""


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
class ShareContact:
    """A keyboard in the place of the telephone's: a button that shares one's number, and others that write their
    label."""

    label: str
    others: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class NoKeyboard:
    """Takes such a keyboard away."""


@dataclass(frozen=True, slots=True)
class ForceReply:
    """Lets the person's next text answer this message; `hint` of at most 64 characters stands in the empty field."""

    hint: str = ""


@dataclass(frozen=True, slots=True)
class Message:
    """A new message of Telegram HTML, at most 4,096 UTF-16 units once parsed.

    It has `rows` of inline buttons or something `below` it, not both.
    """

    chat_id: int
    text: str
    rows: Rows = ()
    kind: Kind = Kind.REPLY
    reply_to: int | None = None
    below: ShareContact | NoKeyboard | ForceReply | None = None


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


@dataclass(frozen=True, slots=True)
class Delete:
    """Takes back a message the bot sent less than 48 hours ago (Bot API: deleteMessage)."""

    chat_id: int
    message_id: int
    kind: Kind = Kind.REPLY


@dataclass(frozen=True, slots=True)
class Attachment:
    """A small file (tens of kilobytes: it is kept in the outbox) with a caption of Telegram HTML; PNG shows as a
    picture."""

    chat_id: int
    name: str
    mime: str
    content: bytes
    caption: str = ""
    rows: Rows = ()
    kind: Kind = Kind.REPLY
    reply_to: int | None = None


Outbound = Message | Edit | Copy | Caption | Reaction | Delete | Attachment


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
        case Delete(chat_id, message_id):
            return Call("deleteMessage", {"chat_id": chat_id, "message_id": message_id})
        case Attachment():
            return _attachment_call(message)


def attached(params: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, tuple[str, str, bytes]]]:
    """Return a kept call's parameters as they are sent, and its files by parameter: name, type and content."""
    rest = {name: value for name, value in params.items() if name != ATTACHED}
    files = {
        name: (file["name"], file["mime"], b64decode(file["content"]))
        for name, file in params.get(ATTACHED, {}).items()
    }
    return rest, files


def _attachment_call(message: Attachment) -> Call:
    what, method = ("photo", "sendPhoto") if message.mime == "image/png" else ("document", "sendDocument")
    file = {"name": message.name, "mime": message.mime, "content": b64encode(message.content).decode()}
    params: dict[str, Any] = {"chat_id": message.chat_id, ATTACHED: {what: file}}
    if message.caption:
        params |= {"caption": message.caption, "parse_mode": "HTML"}
    if message.rows:
        params["reply_markup"] = keyboard(message.rows)
    return Call(method, params | _reply(message.reply_to))


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
            if message.below is not None:
                params["reply_markup"] = _below(message.below)
            return Call("sendMessage", params | _reply(message.reply_to))


def _below(below: ShareContact | NoKeyboard | ForceReply) -> dict[str, Any]:
    match below:
        case ShareContact(label, others):
            keys = [[{"text": label, "request_contact": True}], *([{"text": other}] for other in others)]
            return {"keyboard": keys, "resize_keyboard": True, "one_time_keyboard": True}
        case NoKeyboard():
            return {"remove_keyboard": True}
        case ForceReply(hint):
            return {"force_reply": True, "selective": True} | ({"input_field_placeholder": hint} if hint else {})


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
