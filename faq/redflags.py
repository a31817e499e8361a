"""Red flags: the safety layer that reads every text a patient sends before anything else does.

``check`` finds the most urgent thing that a text reports. It knows two levels (call the emergency number now, call the
clinic today) and these kinds:

====  ==========================================================  =========
A     anaphylaxis (hives, rash or itching alone: same-day)        emergency
B     sight, or signs of a stroke                                 emergency
C     blocked vessel, dying skin                                  emergency
D+    sepsis: infection with fever, vomiting, confusion, ...      emergency
I     chest pain, a fit, unconsciousness, an ambulance is needed  emergency
J     a person in crisis: suicide or self-harm                    emergency
D     infection, cellulitis                                       same-day
E     abscess                                                     same-day
F     mycobacteria: sores and lumps weeks later, or not healing   same-day
G     lumps, granuloma, delayed allergy                           same-day
H     cold sore, blisters                                         same-day
====  ==========================================================  =========

J is not in the clinical list that A to I come from. It is here because nobody who writes "I want to die" to a clinic
may get a price list for an answer; the reply is the same fixed text with the emergency number, and the same alert.

How it reads: a text becomes words (case, accents, invisible characters, repeated letters, spelled-out and run-together
words and slips of the thumb are undone), words become ideas ("brethe" is *breathe*, "gray" is *grey*), and a sign is a
combination of ideas near each other. All that is data: ``content/<language>/redflags.yaml``, which explains its own
notation. Another language is another such file.

What it means: a missed emergency costs more than a needless warning, so doubt is settled towards the warning.

* "Not that I can't breathe, but ..." stays an emergency: a negation takes back same-day signs (and, among the
  emergencies, dizziness alone and fever beside an infection), and only right before or inside them.
* Hypotheses, questions of information and things long over are no flags, unless something says that it happens now.
* A sign's own exceptions ("can't see" the prices) stand beside it in the data.
"""

import re
import unicodedata
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cache, lru_cache
from hashlib import blake2b
from importlib import resources
from importlib.resources.abc import Traversable
from itertools import product
from typing import Any, Generic, TypeVar

import yaml

from faq import abroad

LONGEST_WORD = 40
"""Letters of a word that is still looked at; longer runs are noise."""
KINDS: Mapping[str, str] = {
    "A": "anaphylaxis",
    "B": "sight or stroke",
    "C": "blocked vessel",
    "D+": "sepsis",
    "I": "chest pain, fit or unconsciousness",
    "J": "person in crisis",
    "D": "infection",
    "E": "abscess",
    "F": "mycobacteria",
    "G": "lumps",
    "H": "cold sore or blisters",
}
"""Readable names of the kinds, for staff."""

_T = TypeVar("_T")
_REACH = 12  # words between a sign and a frame that bears on it
_NEAR = 6  # words between a sign and what says that it is happening now
_WIDE = 6  # words across which "a + b" still belong together
_GAPS = {"-": 0, " ": 2, "..": 6}  # words that may stand between two parts of a sequence
_SENTENCE, _PAUSE = 3, 1  # a full stop is as far as three words, a comma as one


class Level(StrEnum):
    """How urgent: call the emergency number now, or call the clinic today."""

    EMERGENCY = "emergency"
    SAME_DAY = "same-day"


@dataclass(frozen=True, slots=True)
class RedFlag:
    """What a text reports; ``kind`` is a key of ``KINDS``."""

    level: Level
    kind: str


@dataclass(frozen=True, slots=True)
class Evidence:
    """All that the rules of one language see in a text, for what learns from them."""

    flag: RedFlag | None
    """The most urgent one."""
    signs: tuple[RedFlag, ...]
    """One for each sign that stands, the most urgent level first."""
    ideas: tuple[frozenset[str], ...]
    """What each word means, itself included."""
    places: tuple[int, ...]
    """Each word's distance from the start, in words, with pauses counted."""


def check(text: str, *, language: str = "en") -> RedFlag | None:
    """The most urgent red flag of a text of any content and length; None when there is none.

    English is always read, and the set of ``language`` (a code such as "pl" or "pl-PL") besides where there is one; the
    plainest emergencies are read in many languages.
    """
    found = [flag for rules in _sets(language) if (flag := rules.check(text))]
    found += filter(None, [stated_abroad(text)])
    return min(found, key=lambda flag: flag.level != Level.EMERGENCY, default=None)


def stated_abroad(text: str) -> RedFlag | None:
    """The red flag that a text states plainly in one of many languages; None where there is none."""
    kind = abroad.kind(text)
    return RedFlag(Level.SAME_DAY if kind in abroad.LATER else Level.EMERGENCY, kind) if kind else None


def weigh(text: str, *, language: str = "en") -> Evidence:
    """All that the rules of `language` see in a text; English where it has none."""
    return _sets(language)[-1].weigh(text)


def fingerprint(language: str = "en") -> str:
    """Changes with the rules of a language."""
    return blake2b(_file(language).read_bytes(), digest_size=8).hexdigest()


def _sets(language: str) -> "list[_Rules]":
    code = re.split(r"[-_]", language.lower())[0]
    return [_rules("en")] if code in ("en", "") or not _file(code).is_file() else [_rules("en"), _rules(code)]


def _file(code: str) -> Traversable:  # a code comes from outside, and is never a path
    return resources.files("faq") / "content" / (code if code.isalpha() else "en") / "redflags.yaml"


@cache
def _rules(code: str) -> "_Rules":
    return _Rules(yaml.safe_load(_file(code).read_text(encoding="utf-8")))


# --- From a text to ideas at places ---------------------------------------------------------------

_PIECE = re.compile(r"\d+[.,]\d+|\d+(?=[^\W\d_]{3})|[^\W_]+|\.{2,}|[.!?;\n]|[,:()–—]")
_QUOTES = str.maketrans(dict.fromkeys("`´‘’ʼ′ʹ＇", "'"))
_RUNS = re.compile(r"(.)\1+")
_LONG_RUNS = re.compile(r"(.)\1{2,}")
_SPELLED = re.compile(r"(?<![^\W_])[^\W\d_](?:[ \t]+[^\W\d_]){3,}(?![^\W_])")
_NO_SLIP = 9
_LEET = str.maketrans("0134578@$", "oieastbas")


class _Visible(dict[int, int | None]):
    """For str.translate: drops combining marks, zero-width and right-to-left marks, and what is not assigned."""

    def __missing__(self, code: int) -> int | None:
        gone = unicodedata.category(chr(code)) in {"Mn", "Me", "Cf", "Cs", "Co", "Cn"}
        self[code] = None if gone else code
        return self[code]


_VISIBLE = _Visible()


@dataclass(frozen=True, slots=True)
class _Script:
    """How a language is written: what pictures and endings stand for, and which pieces belong to one word."""

    pictures: Mapping[str, str]
    endings: Mapping[str, str]
    joins: frozenset[tuple[str, str]]

    def plain(self, text: str) -> str:
        """Lower-case letters without accents, invisible signs, apostrophes or spelled-out words."""
        if not text.isascii():
            for picture, word in self.pictures.items():
                text = text.replace(picture, f" {word} ")
            text = unicodedata.normalize("NFKD", text.translate(_QUOTES)).translate(_VISIBLE)
        text = text.casefold().translate(_QUOTES)
        for ending, word in self.endings.items():
            text = text.replace(ending, word)
        return _SPELLED.sub(lambda found: "".join(found[0].split()), text.replace("'", ""))

    def pieces(self, text: str) -> list[str]:
        """The words and stops of a text in order; "can t" is one word."""
        pieces: list[str] = []
        for piece in _PIECE.findall(self.plain(text)):
            if pieces and (pieces[-1], piece) in self.joins:
                pieces[-1] += piece
            else:
                pieces.append(piece)
        return pieces


class _Words:
    """What words mean: each is mapped to the ideas it stands for."""

    def __init__(self, data: Mapping[str, Any]) -> None:
        ideas: dict[str, str] = data["words"] | _literals(data)
        self._whole: dict[str, set[str]] = {}
        self._roots: dict[str, set[str]] = {}
        for idea, forms in ideas.items():
            for form in _expand(forms, ideas):
                (self._roots if form.endswith("*") else self._whole).setdefault(form.rstrip("*"), set()).add(idea)
        self._glue = set(data["plain"].split())
        self._right = set(data["not-slips"].split()) | self._glue
        self._tails: dict[str, str] = data["tails"]
        self._slips: dict[str, list[str]] = {}
        forgiven = {form for idea in data["slips"].split() for form in _expand(ideas[idea], ideas) if len(form) > 4}
        for word in sorted(forgiven):
            for key in _deletions(word):
                self._slips.setdefault(key, []).append(word)
        self.of = lru_cache(maxsize=8192)(self._of)
        self.split = lru_cache(maxsize=8192)(self._split)

    def _of(self, word: str) -> frozenset[str]:
        """The ideas of a word as it was typed, slips of the thumb forgiven; always holds the word itself."""
        if (ideas := self._exact(word)) or word in self._right:
            return frozenset({word} | ideas)
        for form in self._respelled(word):
            if ideas := self._exact(form):
                return frozenset({word, form} | ideas)
        if not 3 < len(word) <= LONGEST_WORD:
            return frozenset({word})
        typed = _LONG_RUNS.sub(r"\1", word)
        slips = {w: _slip(typed, w) for key in _deletions(typed) for w in self._slips.get(key, ())}
        near = {w for w, size in slips.items() if size <= min(slips.values()) and size < _NO_SLIP}
        return frozenset({word}.union(near, *(self._whole[w] for w in near)))

    def _exact(self, word: str) -> set[str]:
        found = set(self._whole.get(word, ()))
        for end in range(2, len(word) + 1):
            found |= self._roots.get(word[:end], set())
        return found

    def _respelled(self, word: str) -> Iterator[str]:
        """The word with digits read as letters, runs of a letter shortened to two and one, a sloppy ending mended."""
        if 2 * sum(map(str.isdigit, word)) < len(word):
            yield word.translate(_LEET)
        yield _RUNS.sub(lambda run: run[0][:2], word)
        yield _RUNS.sub(r"\1", word)
        for tail, right in self._tails.items():
            if word.endswith(tail):
                yield word.removesuffix(tail) + right

    def _split(self, word: str) -> tuple[str, ...]:
        """The words run together in one ("cantbreathe"); two of them must have a meaning, else it stays one word."""
        if len(word) < 6 or len(word) > LONGEST_WORD or word in self._right or len(self._of(word)) > 1:
            return (word,)
        best: list[tuple[str, ...] | None] = [()] + [None] * len(word)
        for end in range(1, len(word) + 1):
            options = [
                (*before, word[start:end])
                for start in range(max(0, end - 14), end)
                if (before := best[start]) is not None and self._is_part(word[start:end])
            ]
            best[end] = min(options, key=len, default=None)
        parts = best[-1]
        return parts if parts and sum(part in self._whole for part in parts) > 1 else (word,)

    def _is_part(self, part: str) -> bool:
        return part in self._glue or (len(part) > 2 and part in self._whole)


def _expand(forms: str, ideas: Mapping[str, str]) -> Iterator[str]:
    for form in forms.split():
        if form.startswith("@"):
            yield from _expand(ideas[form[1:]], ideas)
        else:
            yield form


def _deletions(word: str) -> set[str]:
    """The word, and its forms with a letter left out (two from ten letters on): words a slip apart share one."""
    one = {word[:i] + word[i + 1 :] for i in range(len(word))}
    two = {w[:i] + w[i + 1 :] for w in one for i in range(len(w))} if len(word) > 8 else set()
    return {word} | one | two


def _slip(typed: str, meant: str) -> int:
    """How many slips (one, or two from ten letters on) make a word another; the first letter is right or swapped."""
    if typed[0] != meant[0] and typed[:2] != meant[1::-1]:
        return _NO_SLIP
    size = _distance(typed, meant)
    return size if size <= (2 if len(meant) > 9 else 1) else _NO_SLIP


def _distance(a: str, b: str) -> int:
    """Letters to insert, delete, replace or swap with a neighbour to make b of a."""
    before: list[int] = []
    row = list(range(len(b) + 1))
    for i, x in enumerate(a, 1):
        before, last, row = row, before, [i]
        for j, y in enumerate(b, 1):
            cost = min(before[j] + 1, row[j - 1] + 1, before[j - 1] + (x != y))
            if i > 1 and j > 1 and x == b[j - 2] and y == a[i - 2]:
                cost = min(cost, last[j - 2] + 1)
            row.append(cost)
    return row[-1]


class _Text:
    """A text as words with ideas; ``place`` is a word's distance from the start, in words, with pauses counted."""

    def __init__(self, pieces: Iterable[str], words: _Words) -> None:
        self.place: list[int] = []
        self.sentence: list[int] = []
        self.opens: list[bool] = []
        self.ideas: list[frozenset[str]] = []
        self._next = self._sentences = self._length = 0
        self._begun = False
        for piece in pieces:
            if piece[0].isalnum():
                for word in words.split(piece.replace(",", ".")):
                    self._add(words.of(word))
            else:
                self._stop(piece)
        self.index()

    def _add(self, ideas: frozenset[str]) -> None:
        self.place.append(self._next)
        self.sentence.append(self._sentences)
        self.opens.append(not self._begun)
        self.ideas.append(ideas)
        self._begun = self._begun or "opener" not in ideas
        self._next += 1
        self._length += 1

    def _stop(self, sign: str) -> None:
        ends = sign in ".!?;\n"
        self._next += _SENTENCE if ends and sign != "\n" and self._length > 1 else _PAUSE  # "I. Can't. Breathe."
        if ends:
            self._sentences += 1
            self._length = 0
            self._begun = False

    def index(self) -> None:
        """Looks the ideas up anew, after some were taken away."""
        self._where: dict[str, list[int]] = {}
        for at, ideas in enumerate(self.ideas):
            for idea in ideas:
                self._where.setdefault(idea, []).append(at)
        self._merged: dict[frozenset[str], list[int]] = {}
        self.present = frozenset(self._where)

    def holds(self, parts: Sequence[frozenset[str]]) -> bool:
        """Whether each of the parts has a word somewhere."""
        return not any(part.isdisjoint(self.present) for part in parts)

    def at(self, part: frozenset[str]) -> list[int]:
        """The indices of words that stand for any of the ideas, in order."""
        if (found := self._merged.get(part)) is None:
            found = sorted({at for idea in part & self.present for at in self._where[idea]})
            self._merged[part] = found
        return found

    def ends(self, at: int) -> bool:
        """Whether a word is the last of its sentence, or a pause follows it."""
        return at + 1 == len(self.place) or self.place[at + 1] > self.place[at] + 1

    def between(self, span: "_Span", other: "_Span") -> int:
        """The places between two spans; 0 where they touch or overlap."""
        if other[0] > span[-1]:
            return self.place[other[0]] - self.place[span[-1]] - 1
        if span[0] > other[-1]:
            return self.place[span[0]] - self.place[other[-1]] - 1
        return 0

    def shares_sentence(self, span: "_Span", other: "_Span") -> bool:
        """Whether two spans have a sentence in common."""
        return self.sentence[span[0]] <= self.sentence[other[-1]] and self.sentence[other[0]] <= self.sentence[span[-1]]

    def pauses(self, span: "_Span", other: "_Span") -> bool:
        """Whether a comma or more stands between two spans."""
        first, second = sorted((span, other))
        return self.place[second[0]] - self.place[first[-1]] > max(second[0] - first[-1], 0)


_Span = tuple[int, ...]
"""The indices of the words that made up a sign, in the text's order."""


# --- From ideas to signs --------------------------------------------------------------------------

_Part = frozenset[str]
"""One word of a sign: any of these ideas will do."""


@dataclass(frozen=True, slots=True)
class _Phrase:
    """Words in this order, with at most ``gaps[n]`` places between the n-th and the next."""

    parts: tuple[_Part, ...]
    gaps: tuple[int, ...]
    opens: bool = False
    closes: bool = False

    @property
    def needs(self) -> tuple[_Part, ...]:
        """The words without which the phrase cannot stand in a text."""
        return self.parts

    def find(self, text: _Text) -> Iterator[_Span]:
        """Every place of the text where the sign stands."""
        if not text.holds(self.parts):
            return
        for start in text.at(self.parts[0]):
            if self.opens and not text.opens[start]:
                continue
            span = self._follow(text, (start,))
            if span and not (self.closes and not text.ends(span[-1])):
                yield span

    def _follow(self, text: _Text, span: _Span) -> _Span | None:
        done = len(span)
        if done == len(self.parts):
            return span
        options = text.at(self.parts[done])
        furthest = text.place[span[-1]] + 1 + self.gaps[done - 1]
        for at in options[bisect_right(options, span[-1]) :]:
            if text.place[at] > furthest:
                return None
            if whole := self._follow(text, (*span, at)):
                return whole
        return None


@dataclass(frozen=True, slots=True)
class _Near:
    """Phrases close to the rarest of them, in any order."""

    phrases: tuple[_Phrase, ...]
    needs: tuple[_Part, ...]

    def find(self, text: _Text) -> Iterator[_Span]:
        """Every place of the text where the sign stands."""
        if not text.holds(self.needs):
            return
        rarest, *others = sorted((list(phrase.find(text)) for phrase in self.phrases), key=len)
        for span in rarest:
            whole: _Span | None = span
            for spans in others:
                whole = whole and self._nearest(text, span, whole, spans)
            if whole:
                yield tuple(sorted(whole))

    @staticmethod
    def _nearest(text: _Text, centre: _Span, taken: _Span, spans: Sequence[_Span]) -> _Span | None:
        low = bisect_left(spans, (centre[0] - 2 * _WIDE,))
        near = [
            (distance, span)
            for span in spans[low : bisect_right(spans, (centre[-1] + 2 * _WIDE,))]
            if (distance := text.between(centre, span)) < _WIDE and not set(span) & set(taken)
        ]
        return (*taken, *min(near)[1]) if near else None


_Term = _Phrase | _Near


@dataclass(frozen=True, slots=True)
class _Sign:
    """Terms that must all stand somewhere in the text."""

    terms: tuple[_Term, ...]
    needs: tuple[_Part, ...]


class _Index(Generic[_T]):
    """Things by one word that they need, so that only those are tried that a text can hold."""

    def __init__(self, things: Sequence[_T], needs: Callable[[_T], tuple[_Part, ...]]) -> None:
        self._things = things
        self._by_idea: dict[str, list[int]] = {}
        for number, thing in enumerate(things):
            for idea in min(needs(thing), key=len):
                self._by_idea.setdefault(idea, []).append(number)

    def some_of(self, present: frozenset[str]) -> Iterator[_T]:
        """Those that may stand in a text with these ideas, in their order."""
        numbers = {number for idea in present for number in self._by_idea.get(idea, ())}
        return (self._things[number] for number in sorted(numbers))


def _signs(block: str) -> tuple[_Sign, ...]:
    found = (tuple(_term(term) for term in line.split("&")) for line in _split_signs(block))
    return tuple(_Sign(terms, tuple(part for term in terms for part in term.needs)) for terms in found)


def _terms(block: str, gap: str = " ") -> tuple[_Term, ...]:
    return tuple(_term(line, gap) for line in _split_signs(block))


def _split_signs(block: str) -> list[str]:
    return [line for line in re.sub(r"\s*\|\s*", "|", block).split(";") if line.strip()]


def _term(line: str, gap: str = " ") -> _Term:
    phrases = tuple(_phrase(phrase, gap) for phrase in line.split("+"))
    return (
        phrases[0] if len(phrases) == 1 else _Near(phrases, tuple(part for phrase in phrases for part in phrase.parts))
    )


def _phrase(line: str, gap: str) -> _Phrase:
    line = line.strip()
    pieces = re.split(r"(\s*\.\.\s*|-|\s+)", line.strip("^$"))
    return _Phrase(
        tuple(frozenset(piece.split("|")) for piece in pieces[::2]),
        tuple(_GAPS[mark.strip() or gap] for mark in pieces[1::2]),
        opens=line.startswith("^"),
        closes=line.endswith("$"),
    )


# --- What the signs mean --------------------------------------------------------------------------


_CONTRAST = frozenset({"contrast"})  # "last time it was fine, but ..."
_DENIAL = frozenset({"denial"})
_MILD = frozenset({"mild"})
_OR = frozenset({"or"})


@dataclass(frozen=True, slots=True)
class _Group:
    """Signs of one kind and level, with what takes them back."""

    flag: RedFlag
    signs: tuple[_Sign, ...]
    unless: tuple[_Term, ...]
    frames: tuple["_Frame", ...]
    deniable: bool
    mild: bool


@dataclass(frozen=True, slots=True)
class _Frame:
    """Wording under which a sign is not a report: a hypothesis, a question of information, something long over."""

    signs: tuple[_Term, ...]
    stands: str
    governs: bool
    yields: tuple[str, ...]
    reach: int
    local: bool

    def covers(self, text: _Text, span: _Span, other: _Span) -> bool:
        """Whether the wording at ``other`` stands where it bears on a sign at ``span``."""
        if text.between(span, other) > self.reach or not text.shares_sentence(span, other):
            return False
        if self.stands == "before" and other[0] >= span[-1]:
            return False
        if self.stands == "after" and other[0] < span[0]:
            return False
        if self.local and text.pauses(span, other):
            return False
        return not any(other[0] < at < span[0] for at in text.at(_CONTRAST))


class _Rules:
    """The red flags of one language."""

    def __init__(self, data: Mapping[str, Any]) -> None:
        self._words = _Words(data)
        self._script = _Script(data["pictures"], data["endings"], frozenset(_joins(data["joins"])))
        self._harmless = _Index(_terms(data["harmless"], "-"), lambda term: term.needs)
        self._now = {strength: _terms(lines) for strength, lines in data["now"].items()}
        frames = {
            name: _Frame(
                _terms(raw["signs"]),
                raw["stands"],
                raw.get("governs", False),
                tuple(raw["yields"].split()),
                raw.get("reach", _REACH),
                raw.get("local", False),
            )
            for name, raw in data["frames"].items()
        }
        lists = {name: tuple(frames[frame] for frame in names.split()) for name, names in data["apply"].items()}
        groups = [self._group(raw, lists) for raw in data["groups"]]
        groups.sort(key=lambda group: group.flag.level != Level.EMERGENCY)
        self._signs = _Index([(sign, group) for group in groups for sign in group.signs], lambda pair: pair[0].needs)

    @staticmethod
    def _group(raw: Mapping[str, Any], frames: Mapping[str, tuple[_Frame, ...]]) -> _Group:
        flag = RedFlag(Level(raw["level"]), raw["kind"])
        return _Group(
            flag,
            _signs(raw["signs"]),
            _terms(raw.get("unless", "")),
            frames[raw.get("frames", flag.level)],
            raw.get("deniable", flag.level == Level.SAME_DAY),
            raw.get("mild", False),
        )

    def check(self, text: str) -> RedFlag | None:
        """The first flag that the text reports, the most urgent level before the other."""
        return next(self._found(_Text(self._script.pieces(text), self._words)), None)

    def weigh(self, text: str) -> Evidence:
        """All flags that the text reports, and what its words mean."""
        read = _Text(self._script.pieces(text), self._words)
        ideas, places = tuple(read.ideas), tuple(read.place)  # before the harmless ones are taken away
        signs = tuple(self._found(read))
        return Evidence(signs[0] if signs else None, signs, ideas, places)

    def _found(self, text: _Text) -> Iterator[RedFlag]:
        self._drop_harmless(text)
        reading = _Reading(text, self._now)
        return (group.flag for sign, group in self._signs.some_of(text.present) if reading.reports(sign, group))

    def _drop_harmless(self, text: _Text) -> None:
        spans = [span for term in self._harmless.some_of(text.present) for span in term.find(text)]
        for span in spans:
            for at in range(span[0], span[-1] + 1):
                text.ideas[at] = frozenset()
        if spans:
            text.index()


def _joins(lines: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Each first piece with each second one: "can + not|t" are two pairs."""
    for line in lines:
        heads, tails = (part.strip().split("|") for part in line.split("+"))
        yield from product(heads, tails)


def _literals(data: Mapping[str, Any]) -> dict[str, str]:
    """Words that signs name outright, and roots such as "wheez*", are ideas of their own."""
    groups = " ".join(group["signs"] for group in data["groups"])
    frames = " ".join(frame["signs"] for frame in data["frames"].values())
    words = set(re.findall(r"[a-z]{3,}\b(?!\*)", groups)) | set(re.findall(r"\w+\*", groups + frames))
    return {word: word for word in words if word not in data["words"]}


_ANYWHERE = ("anywhere", "treated")  # signs of now that count wherever they stand


class _Reading:
    """One text under interpretation; frames and signs of now are looked for once, when they are first needed."""

    def __init__(self, text: _Text, now: Mapping[str, tuple[_Term, ...]]) -> None:
        self._text = text
        self._now = now
        self._spans: dict[int, list[_Span]] = {}

    def reports(self, sign: _Sign, group: _Group) -> bool:
        """Whether the text reports the sign as real and present."""
        return self._text.holds(sign.needs) and all(
            any(self._stands(span, group) for span in term.find(self._text)) for term in sign.terms
        )

    def _stands(self, span: _Span, group: _Group) -> bool:
        if group.deniable and self._is_denied(span):
            return False
        if group.mild and self._is_mild(span):
            return False
        if any(self._is_excepted(span, other, group) for other in self._find(group.unless)):
            return False
        return not any(self._is_framed(span, frame) for frame in group.frames)

    def _find(self, signs: tuple[_Term, ...]) -> list[_Span]:
        if (found := self._spans.get(id(signs))) is None:
            found = [span for sign in signs for span in sign.find(self._text)]
            self._spans[id(signs)] = found
        return found

    def _is_excepted(self, span: _Span, other: _Span, group: _Group) -> bool:
        """Whether an exception is close enough; emergencies ask it to be closer, and without a pause between."""
        if group.flag.level == Level.SAME_DAY:
            return self._is_beside(span, other)
        return self._text.between(span, other) < 3 and not self._text.pauses(span, other)

    def _is_denied(self, span: _Span) -> bool:
        """A negation right before the sign ("no pus", "no lumps or pus"), or inside it without being part of it."""
        text = self._text
        reach = 6 if span[0] - 1 in text.at(_OR) else 3
        return any(
            at not in span
            and (span[0] < at < span[-1] or 0 < text.place[span[0]] - text.place[at] == span[0] - at < reach)
            for at in text.at(_DENIAL)
        )

    def _is_mild(self, span: _Span) -> bool:
        place = self._text.place
        return any(place[span[0]] - 3 < place[at] <= place[span[-1]] for at in self._text.at(_MILD))

    def _is_framed(self, span: _Span, frame: _Frame) -> bool:
        return any(
            frame.covers(self._text, span, other)
            and not (frame.stands == "after" and self._is_denied(other))
            and not self._is_now(span, other, frame)
            for other in self._find(frame.signs)
        )

    def _is_now(self, span: _Span, framing: _Span, frame: _Frame) -> bool:
        """Whether something says that the sign is happening now; "what if my lip is" says so only of the "what if"."""
        return any(
            (strength in _ANYWHERE or self._is_beside(span, other))
            and not (strength == "weak" and frame.governs and self._is_governed(other, framing))
            for strength in frame.yields
            for other in self._find(self._now[strength])
        )

    def _is_beside(self, span: _Span, other: _Span) -> bool:
        return self._text.shares_sentence(span, other) and self._text.between(span, other) <= _NEAR

    def _is_governed(self, span: _Span, framing: _Span) -> bool:
        return framing[0] - 1 <= span[0] and self._text.place[span[0]] - self._text.place[framing[-1]] < 3
