"""Which topic a patient asks about, and how sure that is.

Recipe: three opinions are fused, ``softmax(.25 log p_ngrams + .55 log p_encoder + .2 log p_neighbours)``. The first is
a logistic regression over the content's phrasings on n-grams, the second a kernel ridge regression on sentence vectors
of all-MiniLM-L6-v2; the third is the share of each class among the nearest phrasings. The winner's share times its
likeness to the nearest phrasing of its class is the raw score; a curve fitted by cross-validation turns it into the
probability of being right. Where classes have fewer than 40 phrasings, neighbours say nothing new: then it is
``softmax(.25 log p_ngrams + .75 log p_encoder)`` times the fourth power of the likeness. Below the threshold the answer
is "did you mean" or a person, never a guess.

Spelling is repaired before, and what a text says that it does not ask is left out; personal medical questions go to
staff whatever the scores. Without the encoder's file the n-grams work alone, with a curve of their own.

``python -m faq.evaluate`` prints the measured figures, and writes the curves and thresholds to ``thresholds.json``.
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache as once
from hashlib import blake2b
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any, Literal, Protocol
from zipfile import BadZipFile

import numpy as np
import structlog

from faq.encoder import FOLDER, EncoderUnavailable, MiniLM, Recalled, WordPiece, vocabulary
from faq.guards import is_elsewhere, is_follow_up, is_medical, is_other_service
from faq.kernel import KernelRidge
from faq.text import Speller, parts, without_denied, words
from faq.tfidf import Block, Floats, LogisticRegression, Ngrams, Rows, log_softmax

log = structlog.get_logger()

Label = tuple[str, str | None]
"""A class: its route, and its topic where it has one."""

MEDICAL = frozenset({("staff", "contraindications"), ("staff", None), ("urgent", None)})
"""Where a personal medical question may go, and nowhere else."""
VECTORS, FITTED = "vectors.npz", "fitted.npz"
"""Files of a cache: vectors of phrasings, and classifiers on them. The package holds those of its own content."""
THRESHOLDS = Path(__file__).parent / "thresholds.json"
RECIPE = 5
"""To be raised with every change that makes kept files wrong, in the reading of texts as well; a test tells."""
_TEMPERATURE, _RICH, _SEEN = 0.02, 40, 0.2


@dataclass(frozen=True, slots=True)
class Phrase:
    """One training example; ``route`` is answer, staff, book, smalltalk, off-topic or urgent."""

    text: str
    route: str
    topic: str | None


@dataclass(frozen=True, slots=True)
class Match:
    """What a message asks; ``route`` is one of a phrase's, or suggest: not sure, offer the suggestions and a person.

    ``suggestions`` are up to three topics, the likeliest first, without those that are answered; ``score`` is the
    probability of being right; ``also`` is a second topic that was asked in the same message.
    """

    route: str
    topic: str | None
    suggestions: tuple[str, ...]
    score: float
    also: tuple[str, ...] = ()


class Encoder(Protocol):
    """Turns texts into vectors of length one."""

    @property
    def name(self) -> str:
        """Changes when the vectors would."""

    @property
    def known(self) -> frozenset[str]:
        """English words that need no repair."""

    def encode(self, texts: Sequence[str]) -> Floats:
        """Shape (texts, 2, numbers): a vector to classify by, and one whose dot product is the likeness of texts."""


@dataclass(frozen=True, slots=True)
class Curve:
    """From raw score to the probability of being right, and what probability is enough for what."""

    shift: float
    slope: float
    sure: float
    """At and above: the answer is given."""
    aside: float
    """At and above: what asks for no answer of the content (a person, a booking, nothing) is taken as that."""
    urgent: float
    """At and above: an urgent message is taken as one."""
    lost: float
    """Below: not even suggestions, a person."""

    def probability(self, raw: float) -> float:
        """The probability of being right, from 0 to 1."""
        odds = np.log(max(raw, 1e-6)) - np.log(max(1 - raw, 1e-6))
        return float(1 / (1 + np.exp(-self.shift - self.slope * odds)))


@dataclass(frozen=True, slots=True)
class Thresholds:
    """The curves with and without the encoder, and the hash of the content they were fitted on."""

    content: str
    encoder: Curve
    ngrams: Curve

    @classmethod
    def read(cls, file: Path = THRESHOLDS) -> "Thresholds":
        """Read them from their file; raises OSError, ValueError or TypeError."""
        values = json.loads(file.read_text(encoding="utf-8"))
        return cls(values["content"], Curve(**values["encoder"]), Curve(**values["ngrams"]))


@dataclass(frozen=True, slots=True)
class Evidence:
    """What speaks for each class (columns) of each text (rows): logarithms of shares, and the nearest likeness."""

    ngrams: Floats
    encoder: Floats | None
    neighbours: Floats
    likeness: Floats
    rich: bool
    """There are so many phrasings a class that the nearest ones are an opinion of their own."""

    def scores(self, without: Sequence[int] = ()) -> Floats:
        """Raw scores from 0 to 1: the fused share times the likeness; nothing for the classes ``without``."""
        if self.encoder is None:
            fused = 0.7 * self.ngrams + 0.3 * self.neighbours
        elif self.rich:
            fused = 0.25 * self.ngrams + 0.55 * self.encoder + 0.2 * self.neighbours
        else:
            fused = 0.25 * self.ngrams + 0.75 * self.encoder
        fused[:, list(without)] = -np.inf
        scores: Floats = np.exp(log_softmax(fused)) * self.likeness ** (1 if self.rich else 4)
        return scores


@dataclass(frozen=True, slots=True)
class Verdict:
    """The likeliest class of a text, before it is decided whether that is enough."""

    label: Label
    raw: float
    score: float
    """The probability of being right."""
    enough: float
    """The probability at which it may be acted upon; above 1, never."""
    topics: tuple[str, ...]
    """All topics that may be suggested, the likeliest first."""
    ruled: bool
    """A rule decided, not the scores."""

    @property
    def clear(self) -> bool:
        """Whether it may be acted upon."""
        return self.score >= self.enough


@dataclass(frozen=True, slots=True)
class _Fitted:
    """What is learnt from the phrasings, and worth keeping."""

    ngrams: Ngrams
    phrases: Floats
    """Their vectors, in the order of the classes."""
    sentences: Floats | None
    """The encoder's own sentence vectors of them, which say more where there are few phrasings a class."""
    on_ngrams: LogisticRegression
    on_vectors: KernelRidge | None


class Matcher:
    """Fitted once from phrases; ``match`` never raises and changes nothing."""

    def __init__(
        self,
        phrases: Sequence[Phrase],
        encoder: Encoder | None,
        thresholds: Thresholds,
        kept: Sequence[Path] = (),
    ) -> None:
        """Fit; the first of the files ``kept`` that was written after fitting on the same phrases saves the work."""
        ordered = sorted(set(phrases), key=lambda p: (p.route, p.topic or "", p.text))
        self.labels: list[Label] = sorted(
            {(p.route, p.topic) for p in ordered}, key=lambda label: (label[0], label[1] or "")
        )
        index = {label: i for i, label in enumerate(self.labels)}
        y = np.array([index[p.route, p.topic] for p in ordered], np.int64)
        self._starts = np.searchsorted(y, np.arange(len(self.labels)))
        self._rich = bool(np.median(np.bincount(y)) >= _RICH)
        self._speller = Speller((p.text for p in ordered), encoder.known if encoder else _known())
        self._phrases = self._unambiguous(ordered)
        self._curve = thresholds.encoder if encoder else thresholds.ngrams
        self._encoder = encoder
        self._last: tuple[str, Floats] | None = None
        self.fingerprint = _fingerprint(ordered, encoder)
        found = next((one for file in kept if (one := _read_fitted(file, self.fingerprint))), None)
        self.is_new = found is None
        """True where nothing had been kept of what it learnt."""
        self._fitted = found or _fit([self.read(p.text) for p in ordered], y, encoder, rich=self._rich)

    @classmethod
    def fit(
        cls,
        phrases: Sequence[Phrase],
        *,
        cache: Path | None = None,
        encoder: Encoder | Literal["packaged"] | None = "packaged",
        thresholds: Thresholds | None = None,
    ) -> "Matcher":
        """Learn from the phrases, of at least two classes; what is costly is kept in the folder ``cache``.

        Without the packaged encoder's file, or with None, n-grams work alone. Never raises because of the cache.
        """
        thresholds = thresholds or Thresholds.read()
        if encoder != "packaged":
            return cls(phrases, encoder, thresholds)
        model = _packaged_encoder()
        if model is None:
            return cls(phrases, None, thresholds)
        recalled = Recalled(model, FOLDER / VECTORS, *([cache / VECTORS] if cache else []))
        matcher = cls(phrases, recalled, thresholds, [folder / FITTED for folder in (cache, FOLDER) if folder])
        matcher._encoder = model  # questions are not remembered
        if cache and matcher.is_new:
            try:
                cache.mkdir(parents=True, exist_ok=True)
                recalled.save()
                matcher.save(cache / FITTED)
            except OSError as error:
                log.warning("the matcher's cache cannot be written", error=type(error).__name__)
        return matcher

    def _unambiguous(self, phrases: Sequence[Phrase]) -> dict[str, Label]:
        """The class of each phrasing, by its words; those that stand in two classes are left out."""
        found: dict[str, set[Label]] = {}
        for phrase in phrases:
            found.setdefault(self._key(phrase.text), set()).add((phrase.route, phrase.topic))
        return {key: next(iter(labels)) for key, labels in found.items() if key and len(labels) == 1}

    def _key(self, text: str) -> str:
        return " ".join(words(self._speller.clean(text)))

    def phrasing(self, text: str) -> Label | None:
        """The class that has this very text, but for case, signs and short forms, among its phrasings."""
        return self._phrases.get(self._key(text))

    def read(self, text: str) -> str:
        """What a text asks, as the classifiers want it: repaired, without what it denies."""
        return without_denied(self._speller.repair(self._speller.clean(text)))

    def vector(self, text: str) -> Floats | None:
        """The vector of a text, of length one; None without the encoder."""
        return self._encode([self.read(text)])[0, -1] if self._encoder else None

    def _encode(self, texts: Sequence[str]) -> Floats:
        """The vectors of texts as they are read; a lone one is remembered, since it is looked at more than once."""
        assert self._encoder  # noqa: S101  for the type checker
        if len(texts) != 1:
            return self._encoder.encode(texts)
        if self._last is None or self._last[0] != texts[0]:
            self._last = texts[0], self._encoder.encode(texts)
        return self._last[1]

    def vectors(self, texts: Sequence[str]) -> Floats:
        """Vectors of length one, shape (texts, numbers): the dot product of two rows is the likeness of the texts."""
        read = [self.read(text) for text in texts]
        return self._encode(read)[:, -1] if self._encoder else _unit(self._fitted.ngrams.transform(read))

    def weigh(self, texts: Sequence[str]) -> Evidence:
        """The opinions on texts that ``read`` has prepared."""
        grams = self._fitted.ngrams.transform(texts)
        vectors = self._encode(texts) if self._encoder else _unit(grams)[:, None]
        # not BLAS, whose threads would fight over the cores for one question
        like = np.einsum("ij,kj->ik", vectors[:, -1], self._fitted.phrases)
        fitted = self._fitted
        near = np.add.reduceat(np.exp((like - 1) / _TEMPERATURE), self._starts, axis=1)
        told = like if fitted.sentences is None else np.einsum("ij,kj->ik", vectors[:, 0], fitted.sentences)
        return Evidence(
            fitted.on_ngrams.log_probabilities(grams),
            fitted.on_vectors.log_probabilities(told) if fitted.on_vectors else None,
            np.log(near / near.sum(1, keepdims=True).clip(1e-30) + 1e-6),
            np.maximum.reduceat(like, self._starts, axis=1).clip(0, 1),
            self._rich,
        )

    def judge(self, texts: Sequence[str], *, calm: bool = False) -> list[Verdict]:
        """The verdict on each text, none of them empty; ``calm`` rules out that any is urgent."""
        read = [self.read(text) for text in texts]
        scores = self.weigh(read).scores([i for i, label in enumerate(self.labels) if calm and label[0] == "urgent"])
        return [self._verdict(row, own, text) for row, own, text in zip(scores, read, texts, strict=True)]

    def match(self, text: str, *, previous_topic: str | None = None, calm: bool = False) -> Match:
        """What the text asks; ``previous_topic`` was asked just before in this chat, and the text may go on from it.

        ``calm``: it is known already that the text is not urgent.
        """
        read = self.read(text)
        if not words(read):
            return Match("suggest", None, (), 0.0)
        whole = self._known_phrasing(text, read) or self.judge([text], calm=calm)[0]
        if previous_topic and whole.label[0] != "urgent" and not whole.ruled and is_follow_up(read):
            route = next((route for route, topic in self.labels if topic == previous_topic), "answer")
            others = [topic for topic in whole.topics if topic != previous_topic]
            return Match(route, previous_topic, tuple(others[:3]), max(whole.score, self._curve.sure))
        if whole.clear and (whole.score == 1 or whole.label[0] != "answer" or str(whole.label[1]).startswith("vs-")):
            return self._match(whole)  # a comparison names two things and asks one
        return self._both(whole, self._pieces(read), calm=calm)

    def _known_phrasing(self, text: str, read: str) -> Verdict | None:
        """The verdict on a text that is a phrasing itself: certain, and cheap. Personal medical ones are the rules'."""
        label = self.phrasing(text)
        if label is None or self.is_personal(text, read):
            return None
        shares = self._fitted.on_ngrams.log_probabilities(self._fitted.ngrams.transform([read]))[0]
        return Verdict(label, 1.0, 1.0, 0.0, self._topics(np.argsort(-shares, kind="stable")), ruled=False)

    def is_personal(self, text: str, read: str | None = None) -> bool:
        """Whether the rules say that a text is about the writer's own health; ``read`` is how the matcher reads it."""
        return is_medical(read if read is not None else self.read(text)) or is_medical(self._speller.clean(text))

    def _topics(self, order: Iterable[int]) -> tuple[str, ...]:
        """The topics of classes that may be suggested, in this order."""
        return tuple(topic for topic in (self.labels[i][1] for i in order) if topic and topic != "contraindications")

    def _verdict(self, scores: Floats, read: str, text: str) -> Verdict:
        """The likeliest class, and what the rules make of it."""
        order = [int(i) for i in np.argsort(-scores, kind="stable")]
        topics = self._topics(order)
        raw = float(scores[order[0]])
        label, score, enough = self.labels[order[0]], self._curve.probability(raw), self._curve.sure
        if self.is_personal(text, read):
            label = next((self.labels[i] for i in order if self.labels[i] in MEDICAL), ("staff", "contraindications"))
            return Verdict(label, raw, max(score, enough), enough, topics, ruled=True)
        if label[0] == "answer" and label[1] != "vs-stimulators" and is_other_service(read):
            return Verdict(("staff", None), raw, max(score, enough), enough, topics, ruled=True)
        if label[0] == "urgent":
            enough = self._curve.urgent
        elif label[0] != "answer":
            enough = self._curve.aside
        elif is_elsewhere(read):
            enough = 1.1
        return Verdict(label, raw, score, enough, topics, ruled=False)

    def _match(self, verdict: Verdict) -> Match:
        route, topic = verdict.label
        if verdict.clear:
            return Match(route, topic, tuple(t for t in verdict.topics if t != topic)[:3], verdict.score)
        return Match("suggest", None, verdict.topics[:3] if verdict.score >= self._curve.lost else (), verdict.score)

    def _pieces(self, read: str) -> list[str]:
        """Of the questions that a text may consist of, those that the n-grams (which cost little) see one in."""
        pieces = parts(read)
        if not pieces:
            return []
        shares = np.exp(self._fitted.on_ngrams.log_probabilities(self._fitted.ngrams.transform(pieces)))
        seen = [
            (piece, self.labels[int(row.argmax())])
            for piece, row in zip(pieces, shares, strict=True)
            if row.max() >= _SEEN
        ]
        asked = [(piece, label) for piece, label in seen if label[0] in ("answer", "urgent")]
        several = len({label for _, label in asked}) > 1 or any(label[0] == "urgent" for _, label in asked)
        return [piece for piece, _ in asked] if several else []

    def _both(self, whole: Verdict, pieces: Sequence[str], *, calm: bool) -> Match:
        """A message that clearly asks two things gets both topics; an urgent or medical part of it decides alone."""
        clear = [verdict for verdict in self.judge(pieces, calm=calm) if verdict.clear] if pieces else []
        for verdict in clear:
            if verdict.label[0] == "urgent" or verdict.ruled:
                return self._match(verdict)
        asked = {
            verdict.label[1]: verdict.score for verdict in clear if verdict.label[0] == "answer" and verdict.label[1]
        }
        if len(asked) < 2 or (whole.clear and whole.label[1] not in asked):
            return self._match(whole)
        first = whole.label[1] if whole.clear and whole.label[1] else next(iter(asked))
        second = next(topic for topic in asked if topic != first)
        rest = tuple(topic for topic in whole.topics if topic not in (first, second))
        return Match("answer", first, rest[:3], min(asked[first], asked[second]), (second,))

    def save(self, file: Path) -> None:
        """Keep what was fitted; raises OSError."""
        fitted = self._fitted
        arrays: dict[str, Any] = {"ngrams_weights": fitted.on_ngrams.weights, "ngrams_bias": fitted.on_ngrams.bias}
        if fitted.on_vectors:
            arrays["vectors_weights"] = fitted.on_vectors.weights
        if fitted.sentences is not None:
            arrays["sentences"] = fitted.sentences.astype(np.float16)
        for place, block in enumerate(fitted.ngrams.blocks):
            arrays |= {f"hashes_{place}": block.hashes, f"idf_{place}": block.idf}
        arrays |= {"width": np.array(fitted.ngrams.width), "phrases": fitted.phrases.astype(np.float16)}
        with NamedTemporaryFile(dir=file.parent, suffix=".part", delete=False) as part:
            np.savez(part, fingerprint=np.array(self.fingerprint), **arrays)
        Path(part.name).replace(file)


def _fit(texts: Sequence[str], y: Rows, encoder: Encoder | None, *, rich: bool) -> _Fitted:
    """Learn from the texts as they are read, and the class of each."""
    ngrams = Ngrams.fit(texts)
    grams = ngrams.transform(texts)
    vectors = encoder.encode(texts) if encoder else _unit(grams)[:, None]
    sentences, phrases = (_as_kept(vectors[:, view]) for view in (0, -1))
    return _Fitted(
        ngrams,
        phrases,
        sentences if encoder and not rich else None,
        LogisticRegression.fit(grams, y, c=10, steps=30),
        KernelRidge.fit(phrases if rich else sentences, y) if encoder else None,
    )


def _as_kept(vectors: Floats) -> Floats:
    """Vectors as they come back from a file."""
    kept: Floats = vectors.astype(np.float16).astype(np.float32)
    return kept


@once
def _packaged_encoder() -> MiniLM | None:
    """The packaged encoder, loaded once a process; says once if it cannot be."""
    try:
        return MiniLM.load()
    except EncoderUnavailable as error:
        log.warning("the sentence encoder is not available, n-grams answer alone", reason=str(error))
        return None


@once
def _known() -> frozenset[str]:
    """English words that need no repair, where the encoder is not there to tell them."""
    try:
        return WordPiece(vocabulary()).known
    except EncoderUnavailable:
        return frozenset()


def _read_fitted(file: Path, fingerprint: str) -> _Fitted | None:
    """What was kept, if it was fitted on the very same phrases."""
    try:
        with file.open("rb") as stream, np.load(stream) as stored:
            if str(stored["fingerprint"]) != fingerprint:
                return None
            on_ngrams = LogisticRegression(stored["ngrams_weights"], stored["ngrams_bias"], 0)
            on_vectors = KernelRidge(stored["vectors_weights"])
            sentences = stored["sentences"].astype(np.float32) if "sentences" in stored else None
            first, second = (Block(stored[f"hashes_{place}"], stored[f"idf_{place}"]) for place in range(2))
            ngrams = Ngrams((first, second), int(stored["width"]))
            return _Fitted(ngrams, stored["phrases"].astype(np.float32), sentences, on_ngrams, on_vectors)
    except (OSError, ValueError, KeyError, BadZipFile):
        return None  # a cache that cannot be read is a cache that is not there


def _fingerprint(phrases: Sequence[Phrase], encoder: Encoder | None) -> str:
    """Changes with the phrases, the encoder and the recipe."""
    digest = blake2b(repr((RECIPE, encoder and encoder.name)).encode(), digest_size=8)
    for phrase in phrases:
        digest.update(repr((phrase.route, phrase.topic, phrase.text)).encode())
    return digest.hexdigest()


def _unit(vectors: Floats) -> Floats:
    unit: Floats = vectors / np.linalg.norm(vectors, axis=-1, keepdims=True).clip(1e-9)
    return unit
