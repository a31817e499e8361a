"""Telegram's HTML dialect, read the way the Bot API reads it: text, entities and lengths in UTF-16 code units.

What is sent with parse_mode HTML is not HTML: a handful of tags, four named characters, and everything else is refused
(a tag; here the new tg-time, too) or left as it stands (a named character such as &nbsp;). Offsets and lengths count
UTF-16 code units, and the limits hold after parsing. The refusals are worded as the public Bot API server words them.
"""

import re
import unicodedata
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import parse_qs, urlsplit

TEXT_LIMIT = 4096
"""UTF-16 code units of a message's text after parsing (Bot API: sendMessage, text)."""
CAPTION_LIMIT = 1024
"""UTF-16 code units of a caption after parsing (Bot API: sendPhoto, caption)."""
CALLBACK_DATA_LIMIT = 64
"""Bytes of UTF-8 in a button's callback_data, at least one (Bot API: InlineKeyboardButton, callback_data)."""
CALLBACK_ANSWER_LIMIT = 200
"""UTF-16 code units of the notification that answers a tapped button (Bot API: answerCallbackQuery, text)."""

_PREFIX = "Bad Request: can't parse entities: "
_TAGS = {
    "b": "bold",
    "strong": "bold",
    "i": "italic",
    "em": "italic",
    "u": "underline",
    "ins": "underline",
    "s": "strikethrough",
    "strike": "strikethrough",
    "del": "strikethrough",
    "tg-spoiler": "spoiler",
    "span": "spoiler",
    "blockquote": "blockquote",
    "tg-emoji": "custom_emoji",
    "a": "text_link",
    "pre": "pre",
    "code": "code",
}
_STYLES = ("bold", "italic", "underline", "strikethrough", "spoiler")
_QUOTES = ("blockquote", "expandable_blockquote")
_CODES = ("pre", "code")
_HIDDEN = ("text_link", "text_mention")
# Which of two entities over the same text comes first, as Telegram lists them.
_RANK = {"blockquote": 0, "expandable_blockquote": 0, "pre": 10, "code": 20, "text_link": 49, "text_mention": 49}
_RANK |= {style: 90 + place for place, style in enumerate(_STYLES)} | {"custom_emoji": 99}

_SPECIAL = re.compile(r"[<&]")
_TAG_NAME = re.compile(r"[^ \t\r\n\v>]*")
_ATTRIBUTE_NAME = re.compile(r"[^ \t\r\n\v=>/\"']*")
_SPACES = re.compile(r"[ \t\r\n\v]*")
_TOKEN = re.compile(r"[A-Za-z0-9.-]*")
_CHARACTER = re.compile(r"&(?:#x(?P<hex>[0-9A-Fa-f]*)|#(?P<dec>[0-9]*)|(?P<name>[A-Za-z]*))")
_NAMED = {"lt": "<", "gt": ">", "amp": "&", "quot": '"'}
# What Telegram takes out of any text (carriage returns, direction overrides, three combining marks) or makes a space.
_DROPPED = re.compile("[\r\u2028-\u202e\u030a\u0333\u033f]")
_BLANKED = re.compile("[\x00-\x09\x0b\x0c\x0e-\x1f]")
# Letters written from right to left, and marks that turn the direction of what stands around them.
_TURNS = re.compile(
    "[\u0590-\u08ff\u200f\u202a-\u202e\u2066-\u2069\ufb1d-\ufdff\ufe70-\ufefc\U00010800-\U00010fff\U0001e800-\U0001efff]"
)
_OPENS, _CLOSES = "\u2066\u2067\u2068", "\u2069"
_INVISIBLE = "\u115f\u1160\u2800\u3164\uffa0"


class MarkupError(ValueError):
    """The text is not Telegram's HTML; str() is what the Bot API would say."""


@dataclass(frozen=True, slots=True)
class Entity:
    """A stretch of formatted text: offset and length in UTF-16 code units."""

    type: str
    offset: int
    length: int
    url: str | None = None
    user_id: int | None = None
    language: str | None = None
    custom_emoji_id: str | None = None

    @property
    def end(self) -> int:
        """The first code unit behind this entity."""
        return self.offset + self.length

    def as_dict(self) -> dict[str, Any]:
        """Return the Bot API's MessageEntity; a mentioned user carries only an id."""
        fields: dict[str, Any] = {"type": self.type, "offset": self.offset, "length": self.length}
        if self.user_id is not None:
            fields["user"] = {"id": self.user_id, "is_bot": False, "first_name": ""}
        for name in ("url", "language", "custom_emoji_id"):
            if (value := getattr(self, name)) is not None:
                fields[name] = value
        return fields


@dataclass(frozen=True, slots=True)
class Marked:
    """A text as people see it, and its formatting."""

    text: str
    entities: tuple[Entity, ...] = ()


def length(text: str) -> int:
    """Return how long Telegram takes `text` to be: UTF-16 code units."""
    return len(text) if text.isascii() else len(text.encode("utf-16-le", "surrogatepass")) // 2


def isolated(text: str) -> str:
    """Return `text` so that its direction turns nothing around it (Unicode, UAX #9): a time behind an Arabic name."""
    if not _TURNS.search(text):
        return text
    return "\n".join(_isolated(line) if _TURNS.search(line) else line for line in text.split("\n"))


def _isolated(line: str) -> str:
    kept, depth = [], 0
    for char in line:
        if char in _OPENS:
            depth += 1
        elif char == _CLOSES:
            if not depth:
                continue  # it would close what is opened around it
            depth -= 1
        kept.append(char)
    return f"\u2068{''.join(kept)}{_CLOSES * (depth + 1)}"


def escape(text: str) -> str:
    """Return a person's `text` so that it parses back to itself, isolated, inside an attribute too."""
    text = isolated(text)
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace('"', "&quot;")


def is_blank(text: str) -> bool:
    """Tell whether Telegram would show nothing at all for `text`: spaces, format characters, blank letters."""
    return all(
        char.isspace() or char in _INVISIBLE or unicodedata.category(char) in ("Cf", "Cc", "Zs") for char in text
    )


def parse(html: str) -> Marked:
    """Return the text and entities that Telegram makes of `html`; raises MarkupError with Telegram's own words."""
    if not _SPECIAL.search(html):
        return tidy(html)
    return tidy(*_Parser(html).run())


def tidy(text: str, entities: tuple[Entity, ...] = ()) -> Marked:
    """Return `text` cleaned and trimmed as Telegram does before it stores it, the entities moved along."""
    text, entities = _without_dropped(_BLANKED.sub(" ", text), entities)
    if not entities:
        return Marked(text.strip(" \n"))
    units = text.encode("utf-16-le", "surrogatepass")
    kept = [moved for entity in _untangled(entities) if (moved := _past_blanks(units, entity))]
    trimmed = text.rstrip(" \n")
    end = length(trimmed)
    kept = [replace(e, length=min(e.end, end) - e.offset) for e in kept if e.offset < end]
    start = len(trimmed) - len(trimmed.lstrip(" \n"))
    if kept:
        start = min(start, *(e.offset for e in kept))
    kept = [replace(e, offset=e.offset - start) for e in kept]
    return Marked(trimmed[start:], tuple(sorted(kept, key=_order)))


def checked_url(url: str) -> str:
    """Return `url` as Telegram stores it (scheme added, host in small letters); raises ValueError with its words."""
    scheme, separator, rest = url.partition(":")
    if scheme.lower() in ("tg", "ton", "tonsite") and separator:
        return _checked_app_url(scheme.lower(), rest.removeprefix("//"))
    if not re.match(r"[^:/?#@\[\]]*://", url):
        url = f"http://{url}"
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        raise ValueError("Wrong HTTP URL") from None
    if parts.scheme not in ("http", "https"):
        raise ValueError("Unsupported URL protocol")
    if not host:
        raise ValueError("URL host is empty")
    if "." not in host and ":" not in host:
        raise ValueError("Wrong HTTP URL")
    if any(char.isspace() for char in host):
        raise ValueError("Wrong HTTP URL")
    tail = url.split("://", 1)[1][len(parts.netloc) :]
    shown = host if ":" not in host else f"[{host}]"
    return f"{parts.scheme}://{shown}{f':{port}' if port else ''}{tail if tail.startswith('/') else '/' + tail}"


def _checked_app_url(scheme: str, rest: str) -> str:
    host, tail = re.fullmatch(r"([^/?#]*)(.*)", rest, re.DOTALL).groups()  # type: ignore[union-attr]  # matches any text
    if not host:
        raise ValueError("URL host is empty")
    if not re.fullmatch(r"[A-Za-z0-9_-]+", host):
        raise ValueError("Unallowed characters in URL host")
    return f"{scheme}://{host.lower()}{tail}"


def mentioned_user(url: str) -> int | None:
    """Return the user id of a tg://user?id=… link, or None for any other link."""
    match = re.fullmatch(r"tg:(?://)?user/?\?(.+)", url, re.IGNORECASE)
    value = parse_qs(match[1]).get("id", [""])[0] if match else ""
    return int(value) if value.isascii() and value.isdigit() and int(value) else None


def _order(entity: Entity) -> tuple[int, int, int]:
    return entity.offset, -entity.length, _RANK.get(entity.type, 50)


def _without_dropped(text: str, entities: tuple[Entity, ...]) -> tuple[str, tuple[Entity, ...]]:
    gaps = [length(text[: match.start()]) for match in _DROPPED.finditer(text)]
    if not gaps:
        return text, entities

    def moved(position: int) -> int:
        return position - sum(gap < position for gap in gaps)

    shifted = (replace(e, offset=moved(e.offset), length=moved(e.end) - moved(e.offset)) for e in entities)
    return _DROPPED.sub("", text), tuple(e for e in shifted if e.length)


def _past_blanks(units: bytes, entity: Entity) -> Entity | None:
    """Move the start behind leading blanks; an entity of nothing but blanks is gone (a link keeps its own)."""
    if entity.type in _HIDDEN:
        return entity
    inner = units[2 * entity.offset : 2 * entity.end].decode("utf-16-le", "surrogatepass")
    blanks = len(inner) - len(inner.lstrip(" \n"))
    if blanks == len(inner):
        return None
    return replace(entity, offset=entity.offset + blanks, length=entity.length - blanks)


def _untangled(entities: tuple[Entity, ...]) -> list[Entity]:
    """Resolve nesting that Telegram does not keep: code holds nothing, a style is not doubled, links do not nest."""
    kept: list[Entity] = []
    for entity in sorted(entities, key=_order):
        over = [outer for outer in kept if outer.offset < entity.end and entity.offset < outer.end]
        if any(_swallows(outer.type, entity.type) for outer in over):
            continue
        if entity.type in _CODES:
            kept = [piece for outer in kept for piece in _around(outer, entity)]
        kept.append(entity)
    return kept


def _swallows(outer: str, inner: str) -> bool:
    if outer in _CODES or (outer in _STYLES and outer == inner):
        return True
    return inner not in _STYLES and outer not in _STYLES and (outer in _QUOTES) == (inner in _QUOTES)


def _around(outer: Entity, code: Entity) -> list[Entity]:
    if outer.type not in _STYLES or outer.end <= code.offset or code.end <= outer.offset:
        return [outer]
    before = replace(outer, length=code.offset - outer.offset)
    after = replace(outer, offset=code.end, length=outer.end - code.end)
    return [piece for piece in (before, after) if piece.length > 0]


@dataclass(slots=True)
class _Open:
    """A start tag that still waits for its end."""

    tag: str
    argument: str
    offset: int
    part: int


class _Parser:
    """One pass over the text, from tag to tag."""

    def __init__(self, html: str) -> None:
        self._html = html
        self._at = 0
        self._parts: list[str] = []
        self._offset = 0
        self._open: list[_Open] = []
        self._entities: list[Entity] = []

    def run(self) -> tuple[str, tuple[Entity, ...]]:
        html = self._html
        if "\0" in html:
            raise MarkupError(f"{_PREFIX}Text must not contain null bytes")
        while (match := _SPECIAL.search(html, self._at)) is not None:
            self._say(html[self._at : match.start()])
            self._at = match.start()
            if match[0] == "&":
                self._say(self._character() or self._literal())
            elif html.startswith("</", self._at):
                self._end_tag()
            else:
                self._start_tag()
        self._say(html[self._at :])
        if self._open:
            raise MarkupError(f'{_PREFIX}Can\'t find end tag corresponding to start tag "{self._open[-1].tag}"')
        plain = (replace(e, language=None) if e.type == "code" else e for e in self._entities)
        return self._joined(), tuple(plain)

    def _say(self, text: str) -> None:
        self._parts.append(text)
        self._offset += length(text)

    def _literal(self) -> str:
        self._at += 1
        return "&"

    def _joined(self) -> str:
        text = "".join(self._parts)
        try:
            # Two halves of a pair, given as two numeric characters, make one letter; a lone half makes nothing.
            return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le")
        except UnicodeDecodeError:
            raise MarkupError(
                f"{_PREFIX}Text contains invalid Unicode characters after decoding HTML entities, "
                "check for unmatched surrogate code units"
            ) from None

    def _character(self) -> str:
        """Read a named or numeric character at the present place; empty, and nothing read, when it is none."""
        match = _CHARACTER.match(self._html, self._at)
        if match is None:
            return ""
        if match["name"] is not None:
            found = _NAMED.get(match["name"], "")
        else:
            digits, base = (match["hex"], 16) if match["hex"] is not None else (match["dec"], 10)
            code = int(digits, base) if digits and match.end() - match.start() < 10 else 0
            found = chr(code) if 0 < code < 0x10FFFF else ""
        if found:
            self._at = match.end() + self._html.startswith(";", match.end())
        return found

    def _fail(self, problem: str, at: int, detail: str = "") -> MarkupError:
        place = len(self._html[:at].encode("utf-8", "surrogatepass"))
        return MarkupError(f"{_PREFIX}{problem} at byte offset {place}{detail}")

    def _read(self, pattern: re.Pattern[str]) -> str:
        match = pattern.match(self._html, self._at)
        assert match is not None  # noqa: S101 - every pattern here matches the empty text too
        self._at = match.end()
        return match[0]

    def _next(self) -> str:
        return self._html[self._at : self._at + 1]

    def _start_tag(self) -> None:
        begin = self._at
        self._at += 1
        tag = self._read(_TAG_NAME).lower()
        if not self._next():
            raise self._fail("Unclosed start tag", begin)
        if tag not in _TAGS:
            raise self._fail(f'Unsupported start tag "{tag}"', begin)
        argument = ""
        while True:
            self._read(_SPACES)
            if self._next() == ">":
                break
            name, value = self._attribute(tag, begin)
            argument = _argument(tag, name, value, argument)
        self._at += 1
        if tag == "span" and argument != "spoiler":
            raise self._fail('Tag "span" must have class "tg-spoiler"', begin)
        self._open.append(_Open(tag, argument, self._offset, len(self._parts)))

    def _attribute(self, tag: str, begin: int) -> tuple[str, str | None]:
        name = self._read(_ATTRIBUTE_NAME)
        if not name:
            raise self._fail(f'Empty attribute name in the tag "{tag}"', begin)
        self._read(_SPACES)
        if self._next() != "=":
            if not self._next():
                raise self._fail(f'Unclosed start tag "{tag}"', begin)
            return name, None
        self._at += 1
        self._read(_SPACES)
        if not self._next():
            raise self._fail(f'Unclosed start tag "{tag}"', begin)
        value = self._quoted() if self._next() in "'\"" else self._token()
        if not self._next():
            raise self._fail("Unclosed start tag", begin)
        return name, value

    def _token(self) -> str:
        begin = self._at
        value = self._read(_TOKEN).lower()
        if self._next() not in ("", *" \t\r\n\v>"):
            raise self._fail("Unexpected end of name token", begin)
        return value

    def _quoted(self) -> str:
        quote = self._next()
        self._at += 1
        value: list[str] = []
        while (char := self._next()) not in ("", quote):
            if char == "&" and (decoded := self._character()):
                value.append(decoded)
            else:
                value.append(char)
                self._at += 1
        self._at += 1
        return "".join(value)

    def _end_tag(self) -> None:
        begin = self._at
        if not self._open:
            raise self._fail("Unexpected end tag", begin)
        self._at += 2
        found = self._read(_TAG_NAME).lower()
        self._read(_SPACES)
        if self._next() != ">":
            raise self._fail("Unclosed end tag", begin)
        self._at += 1
        opened = self._open[-1]
        if found and found != opened.tag:
            raise self._fail("Unmatched end tag", begin, f', expected "</{opened.tag}>", found "</{found}>"')
        if self._offset > opened.offset:
            self._close(opened)
        self._open.pop()

    def _close(self, opened: _Open) -> None:
        entity = Entity(_TAGS[opened.tag], opened.offset, self._offset - opened.offset)
        last = self._entities[-1] if self._entities else None
        same = last is not None and (last.offset, last.length) == (entity.offset, entity.length)
        match opened.tag:
            case "blockquote" if opened.argument:
                entity = replace(entity, type="expandable_blockquote")
            case "tg-emoji":
                entity = replace(entity, custom_emoji_id=self._emoji_id(opened.argument))
            case "a":
                self._close_link(entity, opened)
                return
            case "code" if opened.argument:
                entity = replace(entity, language=opened.argument)
        if same and last and {last.type, entity.type} == {"pre", "code"} and (last.language or entity.language):
            self._entities[-1] = replace(entity, type="pre", language=last.language or entity.language)
            return
        self._entities.append(entity)

    def _close_link(self, entity: Entity, opened: _Open) -> None:
        url = opened.argument or "".join(self._parts[opened.part :])
        if (user_id := mentioned_user(url)) is not None:
            self._entities.append(replace(entity, type="text_mention", user_id=user_id))
            return
        try:
            self._entities.append(replace(entity, url=checked_url(url)))
        except ValueError:
            return  # Telegram keeps the words and drops a link that leads nowhere

    def _emoji_id(self, argument: str) -> str:
        if not (argument.isascii() and argument.isdigit() and 0 < int(argument) < 2**63):
            raise MarkupError(f"{_PREFIX}Invalid custom emoji identifier specified")
        return str(int(argument))


def _argument(tag: str, name: str, value: str | None, present: str) -> str:
    """Return what the tag's one meaningful attribute says; every other attribute is read and ignored."""
    match (tag, name):
        case ("a", "href") | ("tg-emoji", "emoji-id"):
            return value or present
        case ("code", "class") if value and value.startswith("language-"):
            return value.removeprefix("language-")
        case ("span", "class") if value and value.startswith("tg-"):
            return value.removeprefix("tg-")
        case ("blockquote", "expandable"):
            return "1"
        case _:
            return present
