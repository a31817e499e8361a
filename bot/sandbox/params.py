"""Reading a request's parameters: JSON values or JSON-encoded strings, refused in the Bot API's words."""

import json
import re
from typing import Any

from bot.delivery import markup
from bot.delivery.markup import Entity, Marked, MarkupError
from bot.sandbox.world import Json, Refusal, Upload

MAX_UPLOAD = 50 * 1024 * 1024
"""Bytes of a file that a bot may send (Bot API: "Sending files")."""
MAX_PHOTO = 10 * 1024 * 1024
"""Bytes of a photo that a bot may send (Bot API: "Sending files")."""
_BASE_LIMIT = 35_000  # Telegram's server cuts or refuses longer source texts, whatever they parse to

_SIMPLE = {"bold", "italic", "underline", "strikethrough", "spoiler", "blockquote", "expandable_blockquote", "code"}
_FOUND = {"mention", "hashtag", "cashtag", "bot_command", "url", "email", "phone_number"}
_ENTITY_TYPES = _SIMPLE | _FOUND | {"pre", "text_link", "text_mention", "custom_emoji", "date_time"}

_FIND = re.compile(
    r"(?P<url>\bhttps?://[^\s<>\"]+[^\s<>\".,;:!?)\]'])"
    r"|(?P<email>\b[\w.+-]+@[\w-]+\.[\w.-]*\w)"
    r"|(?P<bot_command>(?<![\w/<>@])/[A-Za-z0-9_]{1,64}(?:@[A-Za-z0-9_]{3,32})?(?![\w/<>]))"
    r"|(?P<mention>(?<!\w)@[A-Za-z][A-Za-z0-9_]{3,31}\b)"
    r"|(?P<hashtag>(?<![\w&])#\w*[^\W\d]\w*)"
    r"|(?P<phone_number>(?<![\w+])\+\d[\d\s()-]{6,18}\d\b)"
)


def with_found(marked: Marked) -> Marked:
    """Add the entities that Telegram finds by itself: links, commands, mentions, hashtags, addresses, numbers."""
    taken = [e for e in marked.entities if e.type not in ("bold", "italic", "underline", "strikethrough", "spoiler")]
    found = []
    for match in _FIND.finditer(marked.text):
        offset = markup.length(marked.text[: match.start()])
        entity = Entity(str(match.lastgroup), offset, markup.length(match[0]))
        if not any(e.offset < entity.end and entity.offset < e.end and "blockquote" not in e.type for e in taken):
            found.append(entity)
    if not found:
        return marked
    return Marked(marked.text, tuple(sorted((*marked.entities, *found), key=lambda e: (e.offset, -e.length))))


class Params:
    """The parameters and files of one request."""

    __slots__ = ("_raw", "files")

    def __init__(self, raw: Json, files: dict[str, Upload]) -> None:
        self._raw = raw
        self.files = files

    def __contains__(self, name: str) -> bool:
        return self._raw.get(name) not in (None, "")

    def text(self, name: str) -> str:
        """Return a string parameter; empty when it is missing."""
        value = self._raw.get(name)
        return value if isinstance(value, str) else "" if value is None else json.dumps(value)

    def number(self, name: str, default: int = 0) -> int:
        """Return an integer parameter; the default when it is missing or no number, as the Bot API does."""
        value = self._raw.get(name)
        if isinstance(value, bool) or value is None:
            return default
        try:
            return int(value)
        except (TypeError, ValueError):
            return default

    def real(self, name: str) -> float | None:
        """Return a float parameter, or None when it is missing or no number."""
        try:
            return float(self._raw[name])
        except (KeyError, TypeError, ValueError):
            return None

    def flag(self, name: str) -> bool:
        """Return a boolean parameter; "true", "yes" and "1" count as true."""
        value = self._raw.get(name)
        return value.lower() in ("true", "yes", "1") if isinstance(value, str) else bool(value)

    def data(self, name: str, what: str) -> Any:
        """Return a parameter that is JSON, decoded; None when it is missing."""
        value = self._raw.get(name)
        if not isinstance(value, str):
            return value
        if not value:
            return None
        try:
            return json.loads(value)
        except ValueError:
            raise Refusal(f"can't parse {what} JSON object") from None

    def objects(self, name: str, what: str) -> list[Json]:
        """Return an array of objects; empty when it is missing."""
        value = self.data(name, what)
        if value is None:
            return []
        if not isinstance(value, list):
            raise Refusal(f"expected an Array of {what}")
        if not all(isinstance(item, dict) for item in value):
            raise Refusal(f"can't parse {what}: Object expected")
        return value

    def message_id(self, name: str = "message_id") -> int:
        """Return a message's id; refused when it is missing."""
        if (number := self.number(name)) <= 0:
            raise Refusal("message identifier is not specified")
        return number

    def message_text(self) -> Marked:
        """Return the formatted text of a message, within Telegram's limit."""
        if "text" not in self:
            raise Refusal("message text is empty")
        marked = self._formatted("text", "parse_mode", "entities")
        if markup.is_blank(marked.text):
            raise Refusal("text must be non-empty")
        if markup.length(marked.text) > markup.TEXT_LIMIT:
            raise Refusal("message is too long")
        return marked

    def caption(self) -> Marked:
        """Return the formatted caption, empty when there is none, within Telegram's limit."""
        marked = self._formatted("caption", "parse_mode", "caption_entities")
        if markup.length(marked.text) > markup.CAPTION_LIMIT:
            raise Refusal("message caption is too long")
        return marked

    def _formatted(self, text_name: str, mode_name: str, entities_name: str) -> Marked:
        text = self.text(text_name)
        try:
            text.encode()
        except UnicodeEncodeError:
            raise Refusal("strings must be encoded in UTF-8") from None
        if len(text) > _BASE_LIMIT:
            raise Refusal("message is too long")
        match self.text(mode_name).lower():
            case "html":
                try:
                    return with_found(markup.parse(text))
                except MarkupError as error:
                    raise Refusal(str(error).removeprefix("Bad Request: ")) from None
            case "":
                entities = self.objects(entities_name, "MessageEntity")
                return with_found(markup.tidy(text, tuple(_entity(item, markup.length(text)) for item in entities)))
            case "markdown" | "markdownv2":
                raise Refusal("unsupported parse_mode (the stand-in reads HTML only)")
            case _:
                raise Refusal("unsupported parse_mode")

    def upload(self, name: str, kind: str) -> Upload | str:
        """Return the file given for a parameter: an upload, or the id of a file Telegram has."""
        return self.attached(self._raw.get(name), name, kind)

    def attached(self, value: object, name: str, kind: str) -> Upload | str:
        """Return what `value` (an attach:// link, a file id, or nothing for a part called `name`) stands for."""
        part = value.removeprefix("attach://") if isinstance(value, str) and value.startswith("attach://") else None
        upload = self.files.get(part) if part is not None else self.files.get(name) if not value else None
        if upload is None:
            if not isinstance(value, str) or not value or part is not None:
                raise Refusal(f"there is no {kind.replace('_', ' ')} in the request")
            if value.startswith(("http://", "https://")):
                raise Refusal("failed to get HTTP URL content")
            return value
        if not upload.content:
            raise Refusal("file must be non-empty")
        if len(upload.content) > (MAX_PHOTO if kind == "photo" else MAX_UPLOAD):
            raise Refusal("Request Entity Too Large", 413)
        return upload


def _entity(item: Json, length: int) -> Entity:
    kind = item.get("type")
    if kind not in _ENTITY_TYPES:
        raise Refusal("can't parse MessageEntity: Unsupported type specified")
    offset, size = (_units(item, name) for name in ("offset", "length"))
    if offset >= length:
        raise Refusal(f"entity begins after the end of the text at UTF-16 offset {offset}")
    if offset + size > length:
        beyond = f"ends after the end of the text at UTF-16 offset {offset + size}"
        raise Refusal(f"entity beginning at UTF-16 offset {offset} {beyond}")
    return Entity(kind, offset, size, **_details(kind, item))


def _units(item: Json, name: str) -> int:
    value = item.get(name)
    if not isinstance(value, int):
        raise Refusal(f"can't parse MessageEntity: Can't find field \"{name}\"")
    if value < 0:
        raise Refusal(f"receive an entity with incorrect {name} {value}")
    return value


def _details(kind: str, item: Json) -> Json:
    needed = {"text_link": "url", "text_mention": "user", "custom_emoji": "custom_emoji_id"}.get(kind)
    if needed and needed not in item:
        raise Refusal(f"can't parse MessageEntity: Can't find field \"{needed}\"")
    match kind:
        case "text_link":
            try:
                return {"url": markup.checked_url(str(item["url"]))}
            except ValueError as error:
                raise Refusal(f"entity URL '{item['url']}' is invalid: {error}") from None
        case "text_mention":
            return {"user_id": int(item["user"].get("id", 0))}
        case "custom_emoji":
            return {"custom_emoji_id": str(item["custom_emoji_id"])}
        case "pre" if item.get("language"):
            return {"language": str(item["language"])}
        case _:
            return {}
