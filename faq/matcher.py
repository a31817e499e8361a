"""Which topic a patient asks about, and how sure that is.

Recipe: three opinions are fused, ``softmax(.3 log p_ngrams + .5 log p_encoder + .2 log p_neighbours)``. The first two are logistic
regressions over the content's phrasings, on n-grams and on the vectors of the last three layers of all-MiniLM-L6-v2; the third is the share
of each class among the nearest phrasings. The winner's share times its likeness to the nearest phrasing of its class is the raw score; a
curve fitted by cross-validation (``thresholds.json``) turns it into the probability of being right. Below the thresholds the answer is "did
you mean" or a person, never a guess. Spelling is repaired before, and guard rules have the last word. Without the encoder's file the
n-grams work alone, with thresholds of their own.

``python -m faq.evaluate`` prints the measured figures.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np

from faq.guards import is_elsewhere, is_medical
from faq.text import Speller, without_denied, words
from faq.tfidf import Floats, LogisticRegression, Ngrams, log_softmax

log = logging.getLogger(__name__)

Label = tuple[str, str | None]
"""A class: its route, and its topic where it has one."""
MEDICAL: Label = ("staff", "contraindications")
_TEMPERATURE = 0.02
_WEIGHTS = (0.3, 0.5, 0.2)


@dataclass(frozen=True, slots=True)
class Phrase:
    """One training example; ``route`` is answer, staff, book, smalltalk, off-topic or urgent."""

    text: str
    route: str
    topic: str | None


@dataclass(frozen=True, slots=True)
class Match:
    """What a message asks; ``route`` is one of a phrase's, or suggest: not sure, offer the suggestions and a person."""

    route: str
    topic: str | None
    suggestions: tuple[str, ...]
    score: float
    also: tuple[str, ...] = ()


class Encoder(Protocol):
    """Turns texts into vectors whose dot product is their likeness."""

    @property
    def name(self) -> str:
        """Changes when the vectors would."""
        ...

    @property
    def known(self) -> frozenset[str]:
        """English words that need no repair."""
        ...

    def encode(self, texts: Sequence[str]) -> Floats:
        """Shape (texts, layers, numbers), each vector of length one."""
        ...


@dataclass(frozen=True, slots=True)
class Evidence:
    """What speaks for each class (columns) of each text (rows)."""

    ngrams: Floats
    encoder: Floats | None
    neighbours: Floats
    likeness: Floats

    def scores(self) -> Floats:
        """Raw scores from 0 to 1: the fused share times the likeness to the nearest phrasing."""
        if self.encoder is None:
            fused = 0.6 * self.ngrams + 0.4 * self.neighbours
        else:
            fused = _WEIGHTS[0] * self.ngrams + _WEIGHTS[1] * self.encoder + _WEIGHTS[2] * self.neighbours
        scores: Floats = np.exp(log_softmax(fused)) * self.likeness
        return scores


class Matcher:
    """Fitted once from phrases; ``match`` never raises and changes nothing."""

    def __init__(self, phrases: Sequence[Phrase], encoder: Encoder | None) -> None:
        ordered = sorted(set(phrases), key=lambda p: (p.route, p.topic or "", p.text))
        self.labels = sorted({(p.route, p.topic) for p in ordered}, key=lambda label: (label[0], label[1] or ""))
        index = {label: i for i, label in enumerate(self.labels)}
        y = np.array([index[p.route, p.topic] for p in ordered], np.int64)
        self._starts = np.searchsorted(y, np.arange(len(self.labels)))
        self._encoder = encoder
        self._speller = Speller((p.text for p in ordered), encoder.known if encoder else frozenset())
        texts = [self.read(p.text) for p in ordered]
        self._ngrams = Ngrams.fit(texts)
        grams = self._ngrams.transform(texts)
        self._on_ngrams = LogisticRegression.fit(grams, y, c=10, steps=30)
        if encoder is None:
            self._phrases = _unit(grams)
        else:
            layers = encoder.encode(texts)
            self._phrases = _unit(layers.mean(1))
            self._on_layers = LogisticRegression.fit(layers.reshape(len(texts), -1), y, c=10, steps=60)

    @classmethod
    def fit(cls, phrases: Sequence[Phrase], *, cache: Path | None = None, encoder: Encoder | None = None) -> "Matcher":
        """Learn from the phrases, of at least two classes."""
        return cls(phrases, encoder)

    def read(self, text: str) -> str:
        """What a text asks, as the classifiers want it: repaired, without what it denies."""
        return without_denied(self._speller.repair(self._speller.clean(text)))

    def weigh(self, texts: Sequence[str]) -> Evidence:
        """Natural logarithms of each opinion's probabilities, and the likeness, for repaired texts."""
        grams = self._ngrams.transform(texts)
        on_layers = None
        if self._encoder is None:
            queries = _unit(grams)
        else:
            layers = self._encoder.encode(texts)
            queries = _unit(layers.mean(1))
            on_layers = self._on_layers.log_probabilities(layers.reshape(len(texts), -1))
        like = queries @ self._phrases.T
        near = np.add.reduceat(np.exp((like - 1) / _TEMPERATURE), self._starts, axis=1)
        near = np.log(near / near.sum(1, keepdims=True).clip(1e-30) + 1e-6)
        likeness = np.maximum.reduceat(like, self._starts, axis=1).clip(0, 1)
        return Evidence(self._on_ngrams.log_probabilities(grams), on_layers, near, likeness)

    def match(self, text: str, *, previous_topic: str | None = None) -> Match:
        """What the text asks; ``previous_topic`` is what this chat was told about last, for texts that only make sense with it."""
        repaired = self.read(text)
        if not words(repaired):
            return Match("suggest", None, (), 0.0)
        scores = self.weigh([repaired]).scores()[0]
        order = np.argsort(-scores, kind="stable")
        topics = tuple(t for t in (self.labels[i][1] for i in order) if t)[:3]
        (route, topic), score = self.labels[order[0]], float(scores[order[0]])
        rule = "medical" if is_medical(repaired) else None
        if rule == "medical" and route != "urgent":
            return Match(*MEDICAL, topics, max(score, 0.9))
        if rule == "off-topic" and route != "urgent":
            return Match("off-topic", None, topics, max(score, 0.9))
        if score < 0.3:
            return Match("suggest", None, topics, score)
        return Match(route, topic, topics, score)


def _unit(vectors: Floats) -> Floats:
    unit: Floats = vectors / np.linalg.norm(vectors, axis=-1, keepdims=True).clip(1e-9)
    return unit
