"""The FAQ's content: one Markdown file a topic and language, with YAML front matter, read into plain values.

    faq/content/<language>/<topic>.md         a topic
    faq/content/<language>/routes/<name>.md   phrasings of what is not a topic: bookings, small talk, ...
    faq/content/<language>/categories.yaml    the menu

A clinic's own folder of the same shape is laid over the packaged one, file by file. Other files, and those whose name
begins with a dot, are no content.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from importlib import resources
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from markdown_it import MarkdownIt
from markdown_it.token import Token
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from bot.delivery.markup import escape
from bot.errors import ContentError
from bot.plain import EXPECTED, first_problem

TOPIC_IDS = (
    "what-is", "history", "safety", "recovery", "side-effects", "makeup", "results-last", "results-speed", "areas",
    "effects", "hydration", "firmness", "texture", "wrinkles", "dark-circles", "pigmentation", "hair", "anti-ageing",
    "how-it-works",
    "facial-features", "vs-botox", "vs-stimulators", "vs-supplements", "interval", "series", "who-for", "price",
    "location", "hours",
    "contact", "payment", "practitioner", "duration", "pain", "prepare", "aftercare", "contraindications",
)  # fmt: skip
"""Every topic a complete language has; other programs rely on these ids."""

BLOCKS = frozenset({"prices", "hours", "address", "practitioners", "payment", "durations"})
"""Placeholders that a clinic may have left empty; a topic that needs such a one goes to staff instead."""
AFTERCARE = frozenset({"touching", "makeup", "sport", "alcohol", "heat", "swimming", "massage", "peels"})
PLACEHOLDERS = (
    BLOCKS
    | {"clinic", "phone", "urgent", "emergency", "interval", "notice"}
    | {f"aftercare.{what}" for what in AFTERCARE}
)
"""What a body may hold between braces."""

MORE = "<!-- more -->"
"""Parts the short answer from the rest."""

_PLACEHOLDER = re.compile(r"\{([a-z_.]*)\}")
_SLUG = r"^[a-z0-9][a-z0-9-]{0,31}$"
_FRONT = re.compile(r"---[ \t]*\n(.*?)^---[ \t]*(?:\n|\Z)", re.DOTALL | re.MULTILINE)

Slug = Annotated[str, Field(pattern=_SLUG)]
Phrasing = Annotated[str, Field(min_length=1, max_length=1000)]


class Front(BaseModel):
    """A topic's front matter."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    title: Annotated[str, Field(min_length=1, max_length=60)]
    button: Annotated[str, Field(min_length=1, max_length=28)]
    category: Slug
    related: tuple[Slug, ...] = ()
    route: Literal["answer", "staff"] = "answer"
    listed: bool = True
    """False for what may only be said when somebody asks, such as prescription treatments that must not be promoted."""
    sources: Annotated[tuple[str, ...], Field(min_length=1)]
    approved_by: str | None = None
    approved_on: date | None = None
    review_by: date | None = None
    phrasings: tuple[Phrasing, ...] = ()


class RouteFront(BaseModel):
    """The front matter of phrasings that belong to no topic."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    route: Literal["staff", "book", "smalltalk", "off-topic", "urgent"]
    phrasings: Annotated[tuple[Phrasing, ...], Field(min_length=1)]


class Category(BaseModel):
    """One entry of the menu."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: Slug
    title: Annotated[str, Field(min_length=1, max_length=40)]
    icon: Annotated[str, Field(max_length=8)] = ""
    intro: Annotated[str, Field(max_length=200)] = ""


@dataclass(frozen=True)
class Topic:
    """A vetted answer."""

    id: str
    language: str
    front: Front
    body: str
    """Markdown, with placeholders."""
    file: Path

    @cached_property
    def parts(self) -> tuple[str, str]:
        """The short answer and the rest (maybe empty), as Telegram HTML with placeholders still in braces."""
        short, _, more = self.body.partition(MORE)
        return render(short), render(more)

    @cached_property
    def placeholders(self) -> frozenset[str]:
        """The names between braces."""
        return frozenset(_PLACEHOLDER.findall(self.body))

    def answer(self, values: Mapping[str, str]) -> str | None:
        """Return the answer as Telegram HTML, filled from `values` (HTML); None where a block it needs is empty."""
        if any(not values.get(name) for name in self.placeholders & BLOCKS):
            return None
        short, more = (_PLACEHOLDER.sub(lambda match: values.get(match[1], match[0]), part) for part in self.parts)
        return f"{short}\n<blockquote expandable>{more}</blockquote>" if more else short


@dataclass(frozen=True)
class Library:
    """One language's content."""

    language: str
    categories: tuple[Category, ...]
    topics: Mapping[str, Topic]
    routes: tuple[RouteFront, ...]

    def in_category(self, category_id: str) -> list[Topic]:
        """Return a category's listed topics, in the order of the contract's list, a clinic's own after them."""
        place = {topic_id: index for index, topic_id in enumerate(TOPIC_IDS)}
        found = [topic for topic in self.topics.values() if topic.front.category == category_id and topic.front.listed]
        return sorted(found, key=lambda topic: (place.get(topic.id, len(place)), topic.id))

    def category(self, category_id: str) -> Category | None:
        """Return a category by its id."""
        return next((category for category in self.categories if category.id == category_id), None)

    def phrases(self) -> Iterator[tuple[str, str, str | None]]:
        """Yield (text, route, topic) of each phrasing, titles included."""
        for topic in self.topics.values():
            for text in (topic.front.title, topic.front.button, *topic.front.phrasings):
                yield text, topic.front.route, topic.id
        for route in self.routes:
            for text in route.phrasings:
                yield text, route.route, None


def languages(folders: Sequence[Path]) -> list[str]:
    """Return the languages that have a categories.yaml in any of `folders`."""
    return sorted({file.parent.name for folder in folders for file in folder.glob("*/categories.yaml")})


def packaged() -> Path:
    """Return the folder of the packaged content."""
    return Path(str(resources.files("faq").joinpath("content")))


def load(folders: Sequence[Path], language: str) -> Library:
    """Read one language from `folders`, a later one laid over an earlier; raises ContentError naming file and key."""
    files = {name: file for folder in folders for name, file in _files(folder / language)}
    if "categories.yaml" not in files:
        raise ContentError(f"there is no {language}/categories.yaml in {', '.join(map(str, folders))}")
    categories = _categories(files.pop("categories.yaml"))
    topics: dict[str, Topic] = {}
    routes: list[RouteFront] = []
    for name, file in files.items():
        if name.startswith("routes/"):
            routes.append(_read(file, RouteFront)[0])
        else:
            front, body = _read(file, Front)
            topics[file.stem] = Topic(file.stem, language, front, body, file)
    return Library(language, categories, topics, tuple(routes))


def _files(root: Path) -> Iterator[tuple[str, Path]]:
    """Yield one folder's files of content, with their names below it; raises ContentError for an id that is none."""
    for file in sorted((*root.glob("categories.yaml"), *root.glob("*.md"), *root.glob("routes/*.md"))):
        if file.name.startswith("."):
            continue  # an editor's or a system's own
        if file.suffix == ".md" and not re.match(_SLUG, file.stem):
            raise ContentError(f"{file}: the file's name is the topic's id: {_WORDS['string_pattern_mismatch']}")
        yield file.relative_to(root).as_posix(), file


def render(markdown: str) -> str:
    """Return Markdown (paragraphs, lists, bold, italic, code, links) as Telegram HTML; other constructs keep their
    text."""
    return _blocks(_MARKDOWN.parse(markdown)).strip()


_MARKDOWN = MarkdownIt("commonmark", {"html": False})
_INLINE = {
    "strong_open": "<b>", "strong_close": "</b>", "em_open": "<i>", "em_close": "</i>", "link_close": "</a>",
    "softbreak": " ", "hardbreak": "\n",
}  # fmt: skip


def _blocks(tokens: Sequence[Token]) -> str:
    out: list[str] = []
    for token in tokens:
        match token.type:
            case "inline":
                out.append("".join(map(_inline, token.children or ())))
            case "list_item_open":
                out.append(f"{token.info}. " if token.info else "• ")
            case "paragraph_close":
                out.append("\n" if token.hidden else "\n\n")
            case "bullet_list_close" | "ordered_list_close":
                out.append("\n")
            case "heading_close":
                out.append("\n\n")
            case "fence" | "code_block":
                out.append(escape(token.content) + "\n")
            case _:
                pass
    return re.sub(r"\n{3,}", "\n\n", "".join(out))


def _inline(token: Token) -> str:
    match token.type:
        case "text":
            return escape(token.content)
        case "code_inline":
            return f"<code>{escape(token.content)}</code>"
        case "image":
            return escape(token.content)  # a message of text shows no picture, but its words
        case "link_open":
            return f'<a href="{escape(str(token.attrGet("href")))}">'
        case kind:
            return _INLINE.get(kind, "")


def _categories(file: Path) -> tuple[Category, ...]:
    entries = _yaml(file, _text(file))
    if not isinstance(entries, list):
        raise ContentError(f"{file}: expected a list of categories, each beginning with - id:")
    categories = tuple(_validate(file, Category, entry, (number,)) for number, entry in enumerate(entries))
    ids = [category.id for category in categories]
    if twice := next((one for one in ids if ids.count(one) > 1), None):
        raise ContentError(f"{file}: the id {twice!r} is given twice")
    return categories


def _read(file: Path, model: type[Any]) -> tuple[Any, str]:
    text = _text(file)
    parts = _FRONT.match(text)
    if not text.startswith("---"):
        raise ContentError(f"{file}: line 1: expected ---, and then the front matter (title, category, ...)")
    if parts is None:
        raise ContentError(f"{file}: the line --- that ends the front matter is missing")
    return _validate(file, model, _yaml(file, parts[1], first_line=1)), text[parts.end() :].strip()


def _text(file: Path) -> str:
    try:
        content = file.read_bytes()
    except OSError as error:
        raise ContentError(f"{file} cannot be read: {error.strerror}") from None
    try:
        return content.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise ContentError(f"{file}: line {line}: this is not UTF-8: save the file as UTF-8") from None


def _yaml(file: Path, text: str, first_line: int = 0) -> Any:
    try:
        return yaml.load(text, Loader=_Loader)  # noqa: S506  a safe one
    except yaml.MarkedYAMLError as error:
        line = (error.problem_mark.line if error.problem_mark else 0) + 1 + first_line
        raise ContentError(f"{file}: line {line}: {error.problem}") from None
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1 + first_line
        raise ContentError(f"{file}: line {line}: {error.reason}") from None


class _Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]  # the C one where it is built
    """Reads YAML's safe part; a key given twice and an impossible date are errors that have a line."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> Any:
        keys: set[str] = set()
        for key, _ in node.value:
            if str(key.value) in keys:
                raise yaml.constructor.ConstructorError(None, None, f"{key.value} is given twice", key.start_mark)
            keys.add(str(key.value))
        return super().construct_mapping(node, deep)

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:
        try:
            return super().construct_object(node, deep)
        except ValueError as error:  # the 31st of February
            raise yaml.constructor.ConstructorError(None, None, f"{node.value}: {error}", node.start_mark) from None


_WORDS = EXPECTED | {
    "string_type": "expected a text: put quotes around it",
    "string_too_short": "expected a text that is not empty",
    "string_pattern_mismatch": "expected at most 32 small letters, digits and dashes, such as results-last",
    "bool_type": "expected true or false",
    "bool_parsing": "expected true or false",
    "tuple_type": "expected a list: one line each, beginning with -",
    "too_short": "expected a list of at least {min_length}",
    "model_type": "expected keys and values, such as title: What is it?",
}
"""What is said otherwise of YAML than of TOML."""


def _validate(file: Path, model: type[BaseModel], values: Any, place: tuple[int, ...] = ()) -> Any:
    try:
        return model.model_validate(values)
    except ValidationError as error:
        said = first_problem(error, model, place=place, words=_WORDS)
        raise ContentError(f"{file}: {said}") from None
