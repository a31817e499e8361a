"""The trained half of the red flags: how likely a text is one, where the rules see too little or too much.

The rules of ``faq.redflags`` know every wording that somebody wrote into them, and no other. This is a support vector
machine on a text's sentence vector: a flag in words that nobody foresaw is still found, and a rule that was set off by
"gasping for a cuppa" is overruled. On messages of authors it had not seen it is right far more often than a logistic
regression, whatever features that is given. A regression on the vector, on the ideas that the rules read in the text
and on what they make of it says how urgent.

It learns from the packaged phrasings, and from ``content/en/redflags.jsonl``: messages to a clinic, each with its level
(null: no red flag). It is fitted by ``python -m faq.evaluate --write`` only, since it does not depend on what a clinic
has in its own content; English only, as the examples are. Without the encoder, a regression judges by ideas and rules
alone.
"""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import astuple, dataclass
from functools import lru_cache
from hashlib import blake2b
from importlib import resources
from pathlib import Path
from tempfile import NamedTemporaryFile
from zipfile import BadZipFile

import numpy as np

from faq import redflags
from faq.encoder import FOLDER
from faq.kernel import Machine
from faq.redflags import KINDS, Evidence, Level
from faq.tfidf import Block, Floats, Hashes, LogisticRegression, Rows, hash_of

ALARM = FOLDER / "alarm.npz"
LANGUAGE = "en"
RECIPE = 3
"""To be raised with every change of the features; a test tells."""
_WIDTH, _SHARE, _NEAR, _LONGEST = 1024, 0.5, 3, 200
_OFTEN = 3
_KINDS = [(level, kind) for kind in KINDS for level in Level]
_RULED = 2 * len(Level) + len(_KINDS)


@dataclass(frozen=True, slots=True)
class Example:
    """A message, and how urgent it is; None: it is no red flag."""

    text: str
    level: Level | None


@dataclass(frozen=True, slots=True)
class Line:
    """Probabilities from which a text is taken for a red flag."""

    urgent: float
    """Where the rules see nothing."""
    overruled: float
    """Below it, a same-day flag of the rules is taken for nothing."""
    dismissed: float
    """Below it, an emergency of the rules is."""
    emergency: float
    """From this probability of an emergency, a red flag is one."""


@dataclass(frozen=True, slots=True)
class _Heads:
    """One regression for whether, and one for how urgent; column 1 is yes, and emergency."""

    urgent: LogisticRegression
    level: LogisticRegression


@dataclass(frozen=True, slots=True)
class Alarm:
    """Fitted; ``level`` changes nothing."""

    ideas: Block
    machine: Machine
    level_of: LogisticRegression
    """With vectors: column 1 is an emergency."""
    without: _Heads
    line: Line
    line_without: Line
    fingerprint: str

    @classmethod
    def fit(
        cls,
        texts: Sequence[tuple[str, bool]],
        examples: Sequence[Example],
        vectors: Floats,
        line: Line,
        line_without: Line,
    ) -> "Alarm":
        """Learn from texts that are urgent or not, and examples with levels; ``vectors`` are of both, in this order."""
        evidence = [redflags.weigh(text) for text in (*(text for text, _ in texts), *(one.text for one in examples))]
        urgent = np.array([*(int(flag) for _, flag in texts), *(int(one.level is not None) for one in examples)])
        ideas = Block.fit(*_grams(evidence), len(evidence))
        plain = _features(ideas, evidence)
        full = np.concatenate([vectors, plain], axis=1)
        levels = np.array([i for i, one in enumerate(examples, len(texts)) if one.level is not None])
        emergency = np.array([int(one.level == Level.EMERGENCY) for one in examples if one.level is not None])
        # the examples are what patients really write, so they count more often
        often = np.concatenate([np.arange(len(evidence)), *[np.arange(len(texts), len(evidence))] * (_OFTEN - 1)])
        # the rules were made with these texts in view, and see less in others: they must not be leant upon too much
        missed = often[urgent[often] == 1][::2]
        answers = np.concatenate([urgent[often], urgent[missed]])
        counts = np.concatenate([np.ones(len(texts), np.int64), np.full(len(examples), _OFTEN, np.int64)])
        return cls(
            ideas,
            Machine.fit(vectors, urgent, counts),
            LogisticRegression.fit(full[levels], emergency, c=10, steps=60),
            _Heads(
                LogisticRegression.fit(np.concatenate([plain[often], _unruled(plain[missed])]), answers, c=3, steps=60),
                LogisticRegression.fit(plain[levels], emergency, c=10, steps=60),
            ),
            line,
            line_without,
            fingerprint(texts, examples),
        )

    def probabilities(self, evidence: Sequence[Evidence], vectors: Floats | None) -> Floats:
        """Shape (texts, 2): of a red flag, and of an emergency if it is one."""
        plain = _features(self.ideas, evidence)
        if vectors is None:
            heads = (self.without.urgent, self.without.level)
            return np.exp(np.stack([head.log_probabilities(plain)[:, 1] for head in heads], axis=1))
        emergency = np.exp(self.level_of.log_probabilities(np.concatenate([vectors, plain], axis=1))[:, 1])
        return np.stack([self.machine.chances(vectors), emergency], axis=1)

    def level(self, evidence: Evidence, vector: Floats | None) -> tuple[Level | None, float]:
        """How urgent a text is, all told, and how likely it is that it is urgent; the rules' emergencies stay ones."""
        found = self.probabilities([evidence], None if vector is None else vector[None])[0]
        line = self.line_without if vector is None else self.line
        return decide(evidence, float(found[0]), float(found[1]), line), float(found[0])

    def save(self, file: Path = ALARM) -> None:
        """Keep what was fitted; raises OSError."""
        heads = {"level": self.level_of, "without": self.without.urgent, "without_level": self.without.level}
        arrays = {f"{name}_{part}": getattr(head, part) for name, head in heads.items() for part in ("weights", "bias")}
        lines = np.array([astuple(one) for one in (self.line, self.line_without)])
        with NamedTemporaryFile(dir=file.parent, suffix=".part", delete=False) as part:
            np.savez(
                part,
                **arrays,
                supports=self.machine.supports.astype(np.float16),
                support_weights=self.machine.weights,
                shift=np.array(self.machine.shift),
                lines=lines,
                hashes=self.ideas.hashes,
                idf=self.ideas.idf,
                fingerprint=np.array(self.fingerprint),
            )
        Path(part.name).replace(file)

    @classmethod
    def load(cls, file: Path = ALARM) -> "Alarm | None":
        """What was kept; None where it cannot be read, and the rules must do alone."""
        try:
            with file.open("rb") as stream, np.load(stream) as stored:
                level_of, urgent, level = (
                    LogisticRegression(stored[f"{name}_weights"], stored[f"{name}_bias"], 0)
                    for name in ("level", "without", "without_level")
                )
                machine = Machine(
                    stored["supports"].astype(np.float32), stored["support_weights"], float(stored["shift"])
                )
                line, line_without = (Line(*map(float, row)) for row in stored["lines"])
                ideas = Block(stored["hashes"], stored["idf"])
                without = _Heads(urgent, level)
                return cls(ideas, machine, level_of, without, line, line_without, str(stored["fingerprint"]))
        except (OSError, ValueError, KeyError, TypeError, BadZipFile):  # also one of another version
            return None


def decide(evidence: Evidence, urgent: float, emergency: float, line: Line) -> Level | None:
    """What rules and probabilities come to: doubt is settled towards the warning, and towards the emergency."""
    if evidence.flag is None:
        if urgent < line.urgent:
            return None
    elif evidence.flag.level == Level.EMERGENCY:
        return Level.EMERGENCY if urgent >= line.dismissed else None
    elif urgent < line.overruled:
        return None
    return Level.EMERGENCY if emergency >= line.emergency else Level.SAME_DAY


def examples() -> list[Example]:
    """The packaged messages with their levels."""
    file = resources.files("faq") / "content" / LANGUAGE / "redflags.jsonl"
    return read_examples(file.read_text(encoding="utf-8"))


def read_examples(lines: str) -> list[Example]:
    """Examples from JSON lines with text and level; raises ValueError or KeyError."""
    values = [json.loads(line) for line in lines.splitlines() if line.strip()]
    return [Example(value["text"], Level(value["level"]) if value["level"] else None) for value in values]


def fingerprint(texts: Iterable[tuple[str, bool]], examples: Iterable[Example]) -> str:
    """Changes with the texts, the examples, the rules and the recipe."""
    digest = blake2b(repr((RECIPE, redflags.fingerprint(LANGUAGE))).encode(), digest_size=8)
    for one in (*sorted(texts), *((one.text, one.level and str(one.level)) for one in examples)):
        digest.update(repr(one).encode())
    return digest.hexdigest()


def _features(ideas: Block, evidence: Sequence[Evidence]) -> Floats:
    """Ideas and pairs of them, folded into columns, and what the rules found."""
    rows, hashes, weights = ideas.weigh(*_grams(evidence), len(evidence))
    columns = ((hashes >> np.uint64(20)) % np.uint64(_WIDTH)).astype(np.int64)
    signs = np.where(hashes >> np.uint64(63), np.float32(-_SHARE), np.float32(_SHARE))
    cells = np.bincount(rows * _WIDTH + columns, weights * signs, minlength=len(evidence) * _WIDTH)
    ruled = np.array([_ruled(one) for one in evidence], np.float32)
    return np.concatenate([cells.reshape(len(evidence), _WIDTH).astype(np.float32), ruled], axis=1)


def _unruled(features: Floats) -> Floats:
    """The features as they would be if the rules found nothing."""
    blind = features.copy()
    blind[:, -_RULED:] = 0
    return blind


def _ruled(evidence: Evidence) -> list[float]:
    """How many signs stand on each level, up to four, and which kinds."""
    many = [min(sum(flag.level == level for flag in evidence.signs), 4) for level in Level]
    kinds = {(flag.level, flag.kind) for flag in evidence.signs}
    return [*(count / 4 for count in many), *(float(count > 0) for count in many), *(float(k in kinds) for k in _KINDS)]


def _grams(evidence: Sequence[Evidence]) -> tuple[Rows, Hashes]:
    """Row and hash of each idea of a text, and of each pair of ideas near each other."""
    rows: list[int] = []
    hashes: list[int] = []
    for row, one in enumerate(evidence):
        found = set(_pairs(one))
        rows += [row] * len(found)
        hashes += [_hash(gram) for gram in sorted(found)]
    return np.array(rows, np.int64), np.array(hashes, np.uint64)


def _pairs(evidence: Evidence) -> Iterator[str]:
    ideas, place = evidence.ideas[:_LONGEST], evidence.places
    for i, one in enumerate(ideas):
        yield from one
        for j in range(i + 1, min(i + _NEAR + 1, len(ideas))):
            if place[j] - place[i] <= _NEAR + 1:
                yield from (f"{min(a, b)} {max(a, b)}" for a in one for b in ideas[j])


_hash = lru_cache(maxsize=16384)(hash_of)
