"""The reader: what a text from a patient asks for. The same code answers in Telegram and in `mesobot ask`."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from faq import redflags
from faq.alarm import Alarm
from faq.distress import is_distressed
from faq.foreign import is_foreign
from faq.guards import is_minor
from faq.matcher import Matcher
from faq.personal import Personal
from faq.redflags import Level
from faq.text import words
from faq.tfidf import Floats

RED_FLAG_SCORE = 1.0

LEFT_OPEN = frozenset({"suggest", "staff", "off-topic"})
"""Routes on which the content has no answer, so that one of staff's own may be asked for."""

SAME_QUESTION = 0.8
"""Likeness from which two questions count as the same one."""


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
    own: "Own | None" = None
    """Staff's own answer, where that is the answer."""
    personal: bool = False
    """About the person's own health: for a practitioner, and never for a text."""
    distressed: bool = False
    """A call for help without a sign of what is wrong: to the telephone, and never to a text."""
    minor: bool = False
    """Such a one, about somebody under age, or about the age one must have."""
    foreign: bool = False
    """In another language than the content: nothing is guessed at it."""


@dataclass(frozen=True, slots=True)
class Own:
    """An answer that the clinic's staff wrote themselves, and the questions it answers."""

    id: int
    language: str
    phrasings: tuple[str, ...]
    body: str
    author: str


class Reader:
    """Reads texts in the languages there is content for, others as the `default` one; `unanswerable` topics go to a
    person."""

    def __init__(
        self,
        matchers: Mapping[str, Matcher],
        unanswerable: Collection[str],
        *,
        default: str,
        alarm: Alarm | Literal["packaged"] | None = "packaged",
        personal: Personal | Literal["packaged"] | None = "packaged",
    ) -> None:
        """Without an ``alarm``, the red-flag rules and the matcher's urgent class do alone; without ``personal``, the
        rules of who tells of their own health."""
        self._default = default
        self._alarm = Alarm.load() if alarm == "packaged" else alarm
        self._personal = Personal.load() if personal == "packaged" else personal
        self._matchers = matchers
        self._unanswerable = frozenset(unanswerable)
        self._vectors: dict[tuple[str, str], Floats] = {}

    def read(self, text: str, language: str, previous_topic: str | None = None, own: Sequence[Own] = ()) -> Understood:
        """Return what `text` asks for; red flags come before anything else. Never raises, whatever the text.

        Where the content holds no answer, one of staff's `own` is taken if the question is as good as one of its own.
        """
        if (taken := self._first_of_all(text, language)) is not None:
            return taken
        matcher = self._matcher(language)
        match = matcher.match(text, previous_topic=previous_topic, calm=True)
        understood = Understood(match.route, match.topic, match.suggestions, match.score, language, match.also)
        if understood.route == "answer" and understood.topic in self._unanswerable:
            understood = replace(understood, route="staff", also=())
        if matcher.is_personal(text) or understood.topic == "contraindications":
            return replace(understood, personal=True, minor=is_minor(text), also=())
        if self._tells_of_health(text, matcher):
            return Understood("staff", "contraindications", (), match.score, language, personal=True)
        if understood.route in LEFT_OPEN and (found := self._own(text, language, own)):
            return replace(understood, route="answer", topic=None, score=found[1], own=found[0])
        return replace(understood, also=tuple(topic for topic in match.also if topic not in self._unanswerable))

    def _first_of_all(self, text: str, language: str) -> Understood | None:
        """What goes before any question: a red flag, another language, a call for help."""
        if (flagged := self.red_flag(text, language)) is not None:
            return Understood("urgent", None, (), flagged[1], language, level=flagged[0])
        if self._is_foreign(text, language):
            return Understood("staff", None, (), 0.0, language, foreign=True)
        if is_distressed(text):
            return Understood("staff", None, (), RED_FLAG_SCORE, language, distressed=True)
        return None

    def _tells_of_health(self, text: str, matcher: Matcher) -> bool:
        """Whether the machine hears what the rules do not; a phrasing of the content is taken at its word."""
        if self._personal is None or matcher.phrasing(text) is not None:
            return False
        vector = matcher.vector(text)
        return vector is not None and self._personal.is_told(vector)

    def likeness(self, texts: Sequence[str], others: Sequence[str], language: str) -> Floats:
        """Return how alike the texts (rows) are to the others (columns), from -1 to 1."""
        matcher = self._matcher(language)
        likeness: Floats = matcher.vectors(texts) @ matcher.vectors(others).T
        return likeness

    def _is_foreign(self, text: str, language: str) -> bool:
        """Whether English is expected, and this is none."""
        expected = language if language in self._matchers else self._default
        return expected == "en" and is_foreign(text) and self._matcher(language).phrasing(text) is None

    def _matcher(self, language: str) -> Matcher:
        return self._matchers.get(language) or self._matchers[self._default]

    def _vector(self, phrasing: str, language: str) -> Floats:
        """Encode a phrasing of staff's own once; there are few of them."""
        key = language, phrasing
        if key not in self._vectors:
            self._vectors[key] = self._matcher(language).vectors([phrasing])[0]
        return self._vectors[key]

    def _own(self, text: str, language: str, own: Sequence[Own]) -> tuple[Own, float] | None:
        known = [(one, phrasing) for one in own if one.language == language for phrasing in one.phrasings]
        if not known or not words(text):
            return None
        vectors = np.stack([self._vector(phrasing, language) for _, phrasing in known])
        likeness = vectors @ self._matcher(language).vectors([text])[0]
        best = int(np.argmax(likeness))
        return (known[best][0], float(likeness[best])) if likeness[best] >= SAME_QUESTION else None

    def is_urgent(self, text: str, language: str) -> bool:
        """True where there is a red flag in `text`."""
        return self.red_flag(text, language) is not None

    def red_flag(self, text: str, language: str) -> tuple[Level, float] | None:
        """How urgent a text is, by rules and by what was learnt, and how sure that is from 0 to 1; None: it is not.

        A phrasing of the content that is nothing urgent is taken at its word where the rules see nothing in it.
        """
        matcher, evidence = self._matcher(language), redflags.weigh(text)
        known = matcher.phrasing(text)
        if (stated := redflags.stated_abroad(text)) and stated.level == Level.EMERGENCY:
            return stated.level, RED_FLAG_SCORE
        if evidence.flag is None:
            if (flag := redflags.check(text, language=language)) is not None:
                return flag.level, RED_FLAG_SCORE  # by the rules of another language, which nothing overrules
            if (known and known[0] != "urgent") or self._is_foreign(text, language):
                return None  # what was learnt is English
        if self._alarm is None:
            if evidence.flag is not None:
                return evidence.flag.level, RED_FLAG_SCORE
            match = matcher.match(text)
            return (Level.EMERGENCY, match.score) if match.route == "urgent" else None
        level, score = self._alarm.level(evidence, matcher.vector(text))
        if level is None and known and known[0] == "urgent":
            level = Level.EMERGENCY
        return (level, RED_FLAG_SCORE if evidence.flag else score) if level else None
