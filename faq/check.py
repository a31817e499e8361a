"""`mesobot content check`: what is wrong with the content, and what nobody has approved yet."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from bot.delivery.markup import TEXT_LIMIT, MarkupError, length, parse
from faq.content import BLOCKS, MORE, PLACEHOLDERS, TOPIC_IDS, Library, Topic

IN_A_CATEGORY = 10
"""Buttons that still make a menu."""

_TAG = re.compile(r"<(?!https?:|mailto:)[A-Za-z/!][^>\n]*>")
_BRACES = re.compile(r"\{[^{}\n]*\}|[{}]")


class Gravity(StrEnum):
    """An error must be mended before the content is served; a warning is for the clinic to decide."""

    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing to look at."""

    gravity: Gravity
    place: str
    text: str


def check(library: Library, values: Mapping[str, str], today: date) -> list[Finding]:
    """Return the findings for one language, its answers filled from `values` as a patient would see them."""
    return [
        *_missing(library),
        *(finding for topic in library.topics.values() for finding in _topic(topic, library, values)),
        *(finding for topic in library.topics.values() for finding in _approval(topic, today)),
        *_menu(library),
        *_twice(library),
    ]


def _missing(library: Library) -> Iterator[Finding]:
    for topic_id in TOPIC_IDS:
        if topic_id not in library.topics:
            yield Finding(Gravity.ERROR, f"{library.language}/{topic_id}.md", "this topic is missing")


def _topic(topic: Topic, library: Library, values: Mapping[str, str]) -> Iterator[Finding]:
    def error(text: str) -> Finding:
        return Finding(Gravity.ERROR, str(topic.file), text)

    if library.category(topic.front.category) is None:
        yield error(f"category: {topic.front.category!r} is not in categories.yaml")
    for other in topic.front.related:
        if other == topic.id or other not in library.topics:
            yield error(f"related: {other!r} is not another topic")
    for braces in sorted(set(_BRACES.findall(topic.body)) - {f"{{{name}}}" for name in PLACEHOLDERS}):
        yield error(f"{braces} is not a placeholder; known are {', '.join(sorted(PLACEHOLDERS))}")
    if tag := _TAG.search(topic.body.replace(MORE, "", 1)):
        yield error(f"{tag[0]} is shown as text: use Markdown, and {MORE} once")
    if not topic.body.partition(MORE)[0].strip():
        yield error("there is no short answer")
    if not topic.front.phrasings:
        yield Finding(Gravity.WARNING, str(topic.file), "there are no phrasings: only its title will be understood")
    yield from map(error, _html(topic.front.title, topic.answer(dict.fromkeys(BLOCKS, "…") | dict(values)) or ""))


def _html(title: str, answer: str) -> Iterator[str]:
    try:
        marked = parse(answer)
    except MarkupError as problem:
        yield f"Telegram would refuse it: {problem}"
        return
    if answer.count("<a ") > sum(entity.type == "text_link" for entity in marked.entities):
        yield "a link leads nowhere, and Telegram would drop it: expected an address such as https://example.com"
    if (size := length(f"{title}\n\n{marked.text}")) > TEXT_LIMIT:
        yield f"{size} characters are too long for a message of {TEXT_LIMIT}"


def _approval(topic: Topic, today: date) -> Iterator[Finding]:
    front = topic.front
    if not front.approved_by or front.approved_on is None:
        yield Finding(
            Gravity.WARNING, str(topic.file), "not approved: a clinician fills in approved_by and approved_on"
        )
    elif front.approved_on > today:
        yield Finding(Gravity.ERROR, str(topic.file), "approved_on is in the future")
    elif front.review_by is not None and front.review_by < today:
        yield Finding(Gravity.WARNING, str(topic.file), f"its approval ended on {front.review_by.isoformat()}")


def _menu(library: Library) -> Iterator[Finding]:
    for category in library.categories:
        count = len(library.in_category(category.id))
        if not 0 < count <= IN_A_CATEGORY:
            yield Finding(
                Gravity.ERROR,
                f"{library.language}/categories.yaml",
                f"{category.id}: {count} topics; a menu shows 1 to {IN_A_CATEGORY}",
            )


def _twice(library: Library) -> Iterable[Finding]:
    """Find phrasings that stand in two places: the matcher could learn only a coin's toss from them."""
    places = Counter((text.casefold().strip(), (route, topic)) for text, route, topic in library.phrases())
    owners: dict[str, set[tuple[str, str | None]]] = {}
    for text, owner in places:
        owners.setdefault(text, set()).add(owner)
    for text, several in owners.items():
        if len(several) > 1:
            names = ", ".join(sorted(topic or route for route, topic in several))
            yield Finding(Gravity.WARNING, f"{library.language}: {text!r}", f"this phrasing stands in {names}")
