"""The plainest emergencies in other languages: what somebody writes who is too frightened for English.

``content/redflags.any.yaml`` holds whole phrases in some twenty languages, and explains its notation. They are looked
for in every text, whatever language the clinic speaks.
"""

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Self

import yaml

LATER = frozenset({"D"})
"""Kinds for the same day; the others are emergencies."""

_PLAIN = str.maketrans(
    {"đ": "d", "ł": "l", "ı": "i", "ø": "o", "æ": "ae", "ى": "ي", "ی": "ي", "ک": "ك", "ة": "ه", "ς": "σ", "\u200c": " "}
)
_LETTERS = frozenset("LN")
_SILENT = frozenset({"Mn", "Me", "Cf"})  # accents and joiners
_PICTURES = frozenset("🚑🆘")
_BETWEEN = 4


def kind(text: str) -> str | None:
    """What kind of red flag a text states in any of the languages, in their order of urgency; None: none."""
    return _phrases().kind(text)


@dataclass(frozen=True, slots=True)
class _Phrase:
    """Words in this order, each one of several; a word that ends in * is the beginning of one."""

    kind: str
    words: tuple[frozenset[str], ...]
    gaps: tuple[int, ...]
    """How many words may stand before each."""
    alone: bool
    """Whether it must be the whole message."""

    def stands(self, words: Sequence[str], at: int, part: int = 0) -> bool:
        """Whether the phrase, from its ``part`` on, stands at a place of a text."""
        if part == len(self.words):
            return not self.alone or at == len(words)
        furthest = min(at + self.gaps[part], len(words) - 1)
        return any(
            _is_one_of(words[place], self.words[part]) and self.stands(words, place + 1, part + 1)
            for place in range(at, furthest + 1)
        )


def _is_one_of(word: str, forms: frozenset[str]) -> bool:
    return word in forms or any(form[-1] == "*" and word.startswith(form[:-1]) for form in forms)


@dataclass(frozen=True, slots=True)
class _Phrases:
    by_start: dict[str, list[_Phrase]]
    """By the first three letters of their first words."""
    unspaced: tuple[tuple[str, str], ...]
    """Phrases of a script without spaces, with their kinds."""

    @classmethod
    def of(cls, languages: dict[str, dict[str, str]]) -> Self:
        by_start: dict[str, list[_Phrase]] = {}
        unspaced: list[tuple[str, str]] = []
        for kind_of, line in _lines(languages):
            if _is_chinese(line):
                unspaced.append((line, kind_of))
                continue
            phrase = _phrase(kind_of, line)
            for start in {form.rstrip("*")[:3] for form in phrase.words[0]}:
                by_start.setdefault(start, []).append(phrase)
        return cls(by_start, tuple(unspaced))

    def kind(self, text: str) -> str | None:
        """What kind of red flag is stated; an emergency rather than what can wait for a call."""
        plain = _plain(text)
        words = plain.split()
        found = {kind_of for line, kind_of in self.unspaced if line in plain} if _is_chinese(plain) else set()
        for at, word in enumerate(words):
            for phrase in self.by_start.get(word[:3], ()):
                if not (phrase.alone and at) and phrase.stands(words, at):
                    found.add(phrase.kind)
        return min(found, key=lambda one: (one in LATER, one), default=None)


def _lines(languages: dict[str, dict[str, str]]) -> Iterator[tuple[str, str]]:
    for kinds in languages.values():
        for kind_of, block in kinds.items():
            yield from ((kind_of, line.strip()) for line in re.sub(r"\|\s+", "|", block).split(";") if line.strip())


def _phrase(kind_of: str, line: str) -> _Phrase:
    words: list[frozenset[str]] = []
    gaps: list[int] = []
    gap = 0
    for piece in line.removeprefix("=").split():
        if piece == "..":
            gap = _BETWEEN
            continue
        forms = [_plain(form.rstrip("*")).split() for form in piece.split("|")]
        stars = [form.endswith("*") for form in piece.split("|")]
        if len(forms) > 1:
            words.append(frozenset(f"{one[0]}*" if star else one[0] for one, star in zip(forms, stars, strict=True)))
            gaps.append(gap)
        else:  # "j'étouffe" is two words
            words += [frozenset({f"{one}*" if stars[0] else one}) for one in forms[0]]
            gaps += [gap, *[0] * (len(forms[0]) - 1)]
        gap = 0
    gaps[0] = 0
    return _Phrase(kind_of, tuple(words), tuple(gaps), line.startswith("="))


def _plain(text: str) -> str:
    """Lower-case words without accents, parted by single spaces; of pictures, those that mean something."""
    text = unicodedata.normalize("NFKD", text.translate(_PLAIN).casefold()).translate(_PLAIN)
    letters = (
        f" {c} " if c in _PICTURES else "" if (sort := unicodedata.category(c)) in _SILENT else c
        if sort[0] in _LETTERS or sort == "Mc" else " "
        for c in text
    )  # fmt: skip
    return " ".join("".join(letters).split())


def _is_chinese(text: str) -> bool:
    return any("\u4e00" <= c <= "\u9fff" for c in text)


@cache
def _phrases() -> _Phrases:
    file = resources.files("faq") / "content" / "redflags.any.yaml"
    return _Phrases.of(yaml.safe_load(file.read_text(encoding="utf-8")))
