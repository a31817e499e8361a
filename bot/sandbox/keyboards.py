"""Reply markup as Telegram accepts it: inline keyboards, reply keyboards, their removal, forced replies."""

from typing import Any

from bot.delivery import markup
from bot.sandbox.params import Params
from bot.sandbox.world import Json, Refusal

MAX_BUTTONS = 100
"""Buttons of one inline keyboard; more are answered with "reply markup is too long"."""
MAX_ROW = 8
"""Buttons of one row of an inline keyboard; Telegram's apps and servers keep no more."""
_INLINE = "can't parse inline keyboard button: "
_KEYBOARD = "can't parse keyboard button: "
_ACTIONS = (
    "url",
    "callback_data",
    "web_app",
    "login_url",
    "switch_inline_query",
    "switch_inline_query_current_chat",
    "switch_inline_query_chosen_chat",
    "copy_text",
    "callback_game",
    "pay",
)
_REQUESTS = {
    "request_contact": "Phone number can be requested in private chats only",
    "request_location": "Location can be requested in private chats only",
    "request_poll": "Poll can be requested in private chats only",
    "web_app": "Web App buttons can be used in private chats only",
    "request_users": "Users can be requested in private chats only",
    "request_chat": "Chats can be requested in private chats only",
}
_KEYBOARD_FLAGS = ("is_persistent", "resize_keyboard", "one_time_keyboard", "selective")


def read(params: Params) -> Json | None:
    """Return the checked reply_markup, None when there is none; an inline keyboard without buttons counts as none."""
    raw = params.data("reply_markup", "reply keyboard markup")
    if raw is None:
        return None
    if not isinstance(raw, dict):
        raise Refusal("object expected as reply markup")
    if "keyboard" in raw:
        return _reply_keyboard(raw)
    if "inline_keyboard" in raw:
        rows = [[_inline_button(button) for button in row] for row in _rows(raw, "inline_keyboard") if row]
        if sum(map(len, rows)) > MAX_BUTTONS or any(len(row) > MAX_ROW for row in rows):
            raise Refusal("reply markup is too long")
        return {"inline_keyboard": rows} if rows else None
    for name in ("remove_keyboard", "force_reply"):
        if _flag(raw, name):
            _flag(raw, "selective")
            return dict(raw)
    return None


def read_inline(params: Params) -> Json | None:
    """Return the checked inline keyboard of an edit; any other markup is refused, for it cannot be edited in."""
    found = read(params)
    if found is not None and "inline_keyboard" not in found:
        raise Refusal("inline keyboard expected")
    return found


def check_private(keyboard: Json, *, private: bool) -> None:
    """Refuse a reply keyboard that asks for what only private chats can give."""
    for row in keyboard.get("keyboard", ()):
        for button in row:
            for name, refusal in _REQUESTS.items():
                if button.get(name) and not private:
                    raise Refusal(refusal[0].lower() + refusal[1:])


def _rows(raw: Json, name: str) -> list[list[Any]]:
    rows = raw[name]
    if not isinstance(rows, list):
        raise Refusal(f'field "{name}" must be of type Array')
    if not all(isinstance(row, list) for row in rows):
        raise Refusal(f'field "{name}" must be an Array of Arrays')
    return rows


def _flag(raw: Json, name: str) -> bool:
    value = raw.get(name, False)
    if not isinstance(value, bool):
        raise Refusal(f'field "{name}" must be of type Boolean')
    return value


def _text(button: Json, prefix: str) -> str:
    if "text" not in button:
        raise Refusal(f'{prefix}Can\'t find field "text"')
    text = button["text"]
    if not isinstance(text, str):
        raise Refusal(f'{prefix}Field "text" must be of type String')
    try:
        text.encode()
    except UnicodeEncodeError:
        raise Refusal("inline keyboard button text must be encoded in UTF-8") from None
    return text


def _inline_button(button: Any) -> Json:
    if not isinstance(button, dict):
        raise Refusal(f"{_INLINE}InlineKeyboardButton must be an Object")
    text = _text(button, _INLINE)
    actions = [name for name in _ACTIONS if name in button]
    # Telegram takes the first of several actions without a word; one button with two is always the bot's mistake.
    if len(actions) > 1:
        raise Refusal(f"{_INLINE}exactly one of {' and '.join(actions)} must be used (stricter than Telegram)")
    if not actions or (actions == ["callback_data"] and button["callback_data"] == ""):
        raise Refusal(f"{_INLINE}Text buttons are unallowed in the inline keyboard")
    if not text.strip():
        raise Refusal("inline keyboard button text must be non-empty")
    return _checked_action(button, actions[0])


def _checked_action(button: Json, action: str) -> Json:
    match action, button[action]:
        case "callback_data", str(data):
            if len(data.encode()) > markup.CALLBACK_DATA_LIMIT:
                raise Refusal("BUTTON_DATA_INVALID")
            return dict(button)
        case "url", str(url):
            return {**button, "url": _url(url)}
        case "web_app", dict(app):
            url = str(app.get("url", ""))
            if not url.startswith("https://"):
                problem = "is invalid: Only HTTPS links are allowed"
                raise Refusal(f"inline keyboard button Web App URL '{url}' {problem}")
            return dict(button)
        case "copy_text", dict(copied):
            if not 1 <= markup.length(str(copied.get("text", ""))) <= 256:
                raise Refusal("BUTTON_COPY_TEXT_INVALID")
            return dict(button)
        case (("pay" | "callback_game"), _):
            raise Refusal("BUTTON_TYPE_INVALID")
        case ("callback_data" | "url") as name, _:
            raise Refusal(f'{_INLINE}Field "{name}" must be of type String')
        case _:
            return dict(button)


def _url(url: str) -> str:
    if markup.mentioned_user(url) is not None:
        return url
    try:
        return markup.checked_url(url)
    except ValueError as error:
        raise Refusal(f"inline keyboard button URL '{url}' is invalid: {error}") from None


def _reply_keyboard(raw: Json) -> Json:
    for name in _KEYBOARD_FLAGS:
        _flag(raw, name)
    placeholder = raw.get("input_field_placeholder")
    if placeholder is not None and (not isinstance(placeholder, str) or markup.length(placeholder) > 64):
        raise Refusal("input field placeholder must be a string of 1-64 characters")
    rows = [[_keyboard_button(button) for button in row] for row in _rows(raw, "keyboard") if row]
    if not rows:
        raise Refusal("reply keyboard must have at least one button (stricter than Telegram)")
    return {**raw, "keyboard": rows}


def _keyboard_button(button: Any) -> Json:
    if isinstance(button, str):
        button = {"text": button}
    if not isinstance(button, dict):
        raise Refusal(f"{_KEYBOARD}KeyboardButton must be an Object")
    if not _text(button, _KEYBOARD).strip():
        raise Refusal("keyboard button text must be non-empty")
    for name in ("request_contact", "request_location"):
        if not isinstance(button.get(name, False), bool):
            raise Refusal(f'{_KEYBOARD}Field "{name}" must be of type Boolean')
    return dict(button)
