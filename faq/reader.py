"""The reader: what a text from a patient asks for. The same code answers in Telegram and in `mesobot ask`."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace

from faq import redflags
from faq.matcher import Matcher
from faq.redflags import Level

RED_FLAG_SCORE = 1.0


@dataclass(frozen=True, slots=True)
class Understood:
    """How a text was taken."""

    route: str
    """answer, suggest, urgent, staff, book, smalltalk or off-topic."""
    topic: str | None
    suggestions: tuple[str, ...]
    """Up to three topic ids, the likeliest first."""
    score: float
    """0 to 1."""
    language: str
    also: tuple[str, ...] = ()
    """A second topic that was asked in the same breath."""
    level: Level | None = None
    """How urgent, where the route is urgent."""


class Reader:
    """Reads texts in the languages there is content for, others as the `default` one; `unanswerable` topics go to a
    person."""

    def __init__(self, matchers: Mapping[str, Matcher], unanswerable: Collection[str], *, default: str) -> None:
        self._default = default
        self._matchers = matchers
        self._unanswerable = frozenset(unanswerable)

    def read(self, text: str, language: str, previous_topic: str | None = None) -> Understood:
        """Return what `text` asks for; red flags come before anything else. Never raises, whatever the text."""
        flag = redflags.check(text, language=language)
        if flag is not None:
            return Understood("urgent", None, (), RED_FLAG_SCORE, language, level=flag.level)
        matcher = self._matchers.get(language) or self._matchers[self._default]
        match = matcher.match(text, previous_topic=previous_topic)
        understood = Understood(
            match.route, match.topic, match.suggestions, match.score, language, match.also, _level(match.route)
        )
        if understood.route == "answer" and understood.topic in self._unanswerable:
            return replace(understood, route="staff", also=())
        return replace(understood, also=tuple(topic for topic in match.also if topic not in self._unanswerable))

    def is_urgent(self, text: str, language: str) -> bool:
        """True where the rules find a red flag in `text`."""
        return redflags.check(text, language=language) is not None


def _level(route: str) -> Level | None:
    return Level.EMERGENCY if route == "urgent" else None
