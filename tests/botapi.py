"""What Telegram would object to in a request, read out of the Bot API's own documentation.

data/bot-api.json is that documentation as data, cut down to what is read here; the whole file of a newer Bot API, put
in its place, works as well. Names, types and required fields stand there as such; limits, values and conditions stand
in English sentences, and are read by the patterns below.

Known from elsewhere are the parse modes (Telegram's page on formatting), and that a button without a visible text is
not shown (TDLib's source). The checker is stricter than Telegram where Telegram guesses: an unknown parameter, a value
of another type or in other capitals, a file that nothing refers to and the old Markdown mode are complaints, too.
"""

import json
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from bot.delivery.markup import MarkupError, checked_url, is_blank, length, parse

DATA = Path(__file__).parent / "data" / "bot-api.json"
"""The documentation; where it comes from and what was cut stands in bot-api.LICENSE beside it."""

_TEXT_SIZE = re.compile(r"\b(?:(?P<low>\d+)-|can't exceed )(?P<high>\d+) (?P<unit>characters|bytes)\b", re.IGNORECASE)
_LIST_SIZE = re.compile(r"\b(?:(?P<low>\d+)-|at most |up to )(?P<high>\d+) (?!characters|bytes)[a-z]", re.IGNORECASE)
_RANGE = re.compile(r"(?:[;,] |\bbetween )(\d+)(?:-| and )(\d+)\b(?! seconds)")
_OR_ELSE = re.compile(r"\bor 0x([0-9A-F]+)")
_CONSTANT = re.compile(r"(?:must be|always) \"?([a-z0-9_]+)\"?$")
_ACTIONS = re.compile(r"Choose one, .*? receive: (.*)")
_VALUES = re.compile(r"\b(?:one of|either|can be) (\".+?)(?:\. |\.?$)|, (\"[^\"]+\" or \"[^\"]+\")(?:,|$)")
_PARSED = re.compile(r"after entit(?:y|ies) parsing")
_EXCLUDES = re.compile(r"(?:specified instead of|Can't be used together with) (\w+)")
_UNLESS = re.compile(r"[Rr]equired if (\w+)(?: and (\w+))? (?:is not|are not|isn't) specified")
_ONE_OF = re.compile(
    r"(?P<count>exactly|at most) one of the "
    r"(?:fields other than (?P<others>.+?) must|fields (?P<these>\w+ or \w+) must|optional fields)",
    re.IGNORECASE,
)
_UPLOADED = re.compile(r"can (?:be only|only be) uploaded as a new file")
_URL = re.compile(r"(?:Optional\. )?(?:An )?(HTTPS|HTTP or tg://|HTTP) URL")
_ALPHABETS = {
    "only lowercase English letters, digits and underscores": "[a-z0-9_]*",
    "only English letters, digits and underscores": "[A-Za-z0-9_]*",
    "A-Z, a-z, 0-9, _ and - are allowed": "[A-Za-z0-9_-]*",
}


@dataclass(frozen=True)
class Field:
    """A parameter of a method, or a field of an object."""

    name: str
    types: tuple[str, ...]
    required: bool
    says: str


@dataclass(frozen=True)
class Owner:
    """A method or an object type: what has fields, or stands for one of its subtypes."""

    fields: Mapping[str, Field]
    subtypes: tuple[str, ...]
    says: str


def check(method: str, params: Mapping[str, object], files: Collection[str] = ()) -> list[str]:
    """Return what is wrong with a request, in words; nothing, if Telegram would take it.

    `params` are JSON values or the strings of a form; `files` are the names of the parts that carry files.
    """
    owner = _documented("methods").get(method)
    if owner is None:
        return [f"{method}: unknown method"]
    values = {name: _from_form(owner.fields.get(name), value) for name, value in params.items()}
    own_parts = [name for name in files if name in owner.fields and "InputFile" in owner.fields[name].types]
    values |= {name: f"attach://{name}" for name in own_parts}
    complaints = list(_Reader(frozenset(files)).fields("", owner, values))
    attached = re.findall(r'attach://([^"\\]+)', json.dumps(values, default=str))
    complaints += [f"file {name!r} is sent, but nothing refers to it" for name in sorted(set(files) - set(attached))]
    return [f"{method}: {complaint}" for complaint in complaints]


@cache
def _documented(kind: str) -> dict[str, Owner]:
    """Return all "methods" or "types" by name."""
    return {name: _owner(entry) for name, entry in json.loads(DATA.read_text("utf-8"))[kind].items()}


def _owner(entry: dict[str, Any]) -> Owner:
    fields = {
        field["name"]: Field(
            field["name"], tuple(field["types"]), field.get("required", False), field.get("description", "")
        )
        for field in entry.get("fields", ())
    }
    return Owner(fields, tuple(entry.get("subtypes", ())), " ".join(entry.get("description", ())))


def _leaves(types: Collection[str]) -> list[str]:
    """Return the types a value can really have: each parent is replaced by its subtypes."""
    leaves: list[str] = []
    for name in types:
        owner = _documented("types").get(name)
        leaves += _leaves(owner.subtypes) if owner and owner.subtypes else [name]
    return leaves


@cache
def _choices(says: str) -> tuple[str, ...]:
    """Return the only values that a sentence allows; empty where it names none."""
    if "Mode for parsing entities" in says:
        return ("HTML", "MarkdownV2")
    if found := _CONSTANT.search(says):
        return (found[1],)
    if found := _ACTIONS.search(says):
        return tuple(re.findall(r"\b([a-z_]+)(?= or | for )", found[1]))
    found = _VALUES.search(says)
    return tuple(re.findall(r'"([^"]+)"', found[1] or found[2])) if found else ()


def _kinds(owner: Owner) -> tuple[str, ...]:
    """Return what the object's `type` may be: what tells it from its sisters."""
    return _choices(owner.fields["type"].says) if "type" in owner.fields else ()


def _from_form(field: Field | None, value: object) -> object:
    """Undo a form's encoding where the parameter is not a string itself; what cannot be undone stays a string."""
    if field is None or not isinstance(value, str) or {"String", "InputFile"} & set(field.types):
        return value
    if "Boolean" in field.types:
        return {"true": True, "1": True, "false": False, "0": False}.get(value.lower(), value)
    try:
        return json.loads(value)
    except ValueError:
        return value


class _Reader:
    """Reads one request; what it yields are complaints, each led by the path of the value it is about."""

    def __init__(self, files: frozenset[str]) -> None:
        self._files = files

    def fields(self, path: str, owner: Owner, values: Mapping[str, object]) -> Iterator[str]:
        lead = f"{path}." if path else ""
        yield from (f"{lead}{name}: unknown parameter" for name in values if name not in owner.fields)
        for name, field in owner.fields.items():
            if name in values:
                mistyped = list(self._typed(lead + name, field.types, values[name]))
                yield from mistyped or self._stated(lead + name, field, owner, values)
            elif field.required:
                yield f"{lead}{name}: missing"
            elif (found := _UNLESS.search(field.says)) and not any(other in values for other in found.groups()):
                yield f"{lead}{name}: missing, required without {' and '.join(filter(None, found.groups()))}"
        yield from _counted(path, owner, values)

    def _typed(self, path: str, types: Collection[str], value: object) -> Iterator[str]:
        """Complain about the type of `value`, and about everything inside it."""
        leaves = _leaves(types)
        items = [leaf.removeprefix("Array of ") for leaf in leaves if leaf.startswith("Array of ")]
        known = _documented("types")
        objects = [known[leaf] for leaf in leaves if leaf in known and leaf != "InputFile"]
        if isinstance(value, list | tuple) and items:
            for place, item in enumerate(value):
                yield from self._typed(f"{path}[{place}]", items, item)
        elif value == {} and "InlineKeyboardMarkup" in leaves:
            return  # no keyboard at all to the Bot API's server; python-telegram-bot sends an empty one so
        elif isinstance(value, dict) and objects:
            yield from self._object(path, objects, value)
        elif isinstance(value, str) and any("String can be used instead of" in one.says for one in objects):
            if is_blank(value):
                yield f"{path}: a button without a text is not shown"
        elif not _fits(value, leaves):
            yield f"{path}: expected {' or '.join(types)}, got {value!r:.60}"

    def _object(self, path: str, owners: list[Owner], value: Mapping[str, object]) -> Iterator[str]:
        """Read `value` as the type it looks most like."""
        kinds = [kind for owner in owners for kind in _kinds(owner)]
        if all(map(_kinds, owners)) and value.get("type") not in kinds:
            yield f"{path}.type: {value.get('type')!r} is not one of {', '.join(kinds)}"
            return
        yield from self.fields(path, min(owners, key=lambda owner: _misfit(owner, value)), value)

    def _stated(self, path: str, field: Field, owner: Owner, values: Mapping[str, object]) -> Iterator[str]:
        """Complain about what the field's own sentences rule out; its type is right already."""
        if (found := _EXCLUDES.search(field.says)) and found[1] in values:
            yield f"{path}: not to be used together with {found[1]}"
        match values[field.name]:
            case str(text):
                yield from self._string(path, field, text)
                yield from _text_size(path, field, owner, values)
            case int() | float() as number if not isinstance(number, bool):
                yield from _number(path, field, number)
            case list() | tuple() as items:
                yield from _listed(path, field, items)
            case _:  # a truth value may be either, and an object was read field by field
                pass

    def _string(self, path: str, field: Field, text: str) -> Iterator[str]:
        if re.search("[\ud800-\udfff]", text):
            yield f"{path}: not encoded in UTF-8"
        choices = _choices(field.says)
        if choices and text not in choices:
            yield f"{path}: {text!r} is not one of {', '.join(choices)}"
        alphabet = next((pattern for words, pattern in _ALPHABETS.items() if words in field.says), ".*")
        if not re.fullmatch(alphabet, text, re.DOTALL):
            yield f"{path}: {text!r} has characters outside {alphabet}"
        if "Integer" in field.types and not re.fullmatch(r"-?\d+|@\w+", text):
            yield f"{path}: {text!r} is neither a number nor an @username"
        if re.match(r"(?:Label text on|Text of) the button", field.says) and is_blank(text):
            yield f"{path}: a button without a text is not shown"
        if (found := _URL.match(field.says)) and (text or "Use an empty string" not in field.says):
            yield from _url(path, found[1], text)
        if "InputFile" in field.types or "attach://" in field.says:
            yield from self._file(path, field, text)

    def _file(self, path: str, field: Field, text: str) -> Iterator[str]:
        if text.startswith("attach://"):
            if text.removeprefix("attach://") not in self._files:
                yield f"{path}: {text} names no file of this request"
        elif not text:
            yield f"{path}: an empty string names no file"
        elif "String" not in field.types or _UPLOADED.search(field.says):
            yield f"{path}: must be uploaded as a new file"
        elif "by a URL is currently unsupported" in field.says and re.match("https?://", text):
            yield f"{path}: cannot be sent by a URL"


def _fits(value: object, leaves: Collection[str]) -> bool:
    match value:
        case bool():
            return "Boolean" in leaves
        case int():
            return "Integer" in leaves or "Float" in leaves
        case float():
            return "Float" in leaves
        case str():
            return "String" in leaves or "InputFile" in leaves
        case _:
            return False


def _misfit(owner: Owner, value: Mapping[str, object]) -> int:
    unknown = sum(name not in owner.fields for name in value)
    missing = sum(field.required and field.name not in value for field in owner.fields.values())
    kinds = _kinds(owner)
    return unknown + missing + 10 * (bool(kinds) and value.get("type") not in kinds)


def _counted(path: str, owner: Owner, values: Mapping[str, object]) -> Iterator[str]:
    """Hold "exactly one of" and "at most one of" a group of fields; a field that is false is not used."""
    rule = _ONE_OF.search(owner.says)
    if rule is None:
        return
    if rule["these"]:
        group = set(rule["these"].split(" or "))
    elif rule["others"]:
        group = set(owner.fields) - set(re.findall(r"\w+", rule["others"]))
    else:
        group = {name for name, field in owner.fields.items() if not field.required}
    used = [name for name in values if name in group and values[name] is not False]
    count = rule["count"].lower()
    if len(used) > 1 or (not used and count == "exactly"):
        yield f"{path}: needs {count} one of {', '.join(sorted(group))}; has {' and '.join(used) or 'none'}"


def _text_size(path: str, field: Field, owner: Owner, values: Mapping[str, object]) -> Iterator[str]:
    """Measure what parsing leaves of a text; MarkdownV2 is not parsed, and therefore not measured."""
    text = str(values[field.name])
    mode = f"{field.name}_parse_mode"
    if mode not in owner.fields and (_PARSED.search(field.says) or field.name == "message_text"):
        mode = "parse_mode"
    if values.get(mode, "HTML") != "HTML":
        return
    if mode in values:
        try:
            text = parse(text).text
        except MarkupError as error:
            yield f"{path}: {error}"
            return
    if found := _TEXT_SIZE.search(field.says):
        unit = found["unit"].lower()
        size = length(text) if unit == "characters" else len(text.encode("utf-8", "surrogatepass"))
        low, high = int(found["low"] or 0), int(found["high"])
        if not low <= size <= high or (low and unit == "characters" and is_blank(text)):
            yield f"{path}: {size} {unit}{' (blank)' if is_blank(text) else ''}, allowed are {low}-{high}"


def _number(path: str, field: Field, number: float) -> Iterator[str]:
    """Hold the one range a sentence names; of several, each is for a case that only Telegram can tell."""
    ranges, more = _RANGE.findall(field.says), _OR_ELSE.search(field.says)
    if len(ranges) == 1 and not (more and number == int(more[1], 16)):
        low, high = map(int, ranges[0])
        if not low <= number <= high:
            yield f"{path}: {number} is not within {low}-{high}"


def _listed(path: str, field: Field, items: Collection[object]) -> Iterator[str]:
    if found := _LIST_SIZE.search(field.says):
        low, high = int(found["low"] or 0), int(found["high"])
        if not low <= len(items) <= high:
            yield f"{path}: {len(items)} items, allowed are {low}-{high}"
    numbers = [item for item in items if isinstance(item, int)]
    if "strictly increasing order" in field.says and numbers != sorted(set(numbers)):
        yield f"{path}: not in strictly increasing order"
    if "list of the update types" in field.says:
        known = _documented("types")["Update"].fields
        yield from (f"{path}: {item!r} is not a type of update" for item in items if item not in known)


def _url(path: str, kind: str, text: str) -> Iterator[str]:
    try:
        url = checked_url(text)
    except ValueError as error:
        yield f"{path}: {text!r} is no URL: {error}"
        return
    if kind == "HTTPS" and not url.startswith("https://"):
        yield f"{path}: {text!r} is no HTTPS URL"
