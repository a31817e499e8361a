"""N-gram features, and the logistic regression that is fitted on them and on the encoder's vectors.

Words in ones and twos and the letters inside words in twos to fives, sublinear counts times inverse document
frequency, each of the two blocks scaled to length one. N-grams are 64-bit hashes computed for a whole corpus at once,
so that a few thousand phrases take a fraction of a second; they are folded with random signs into a few thousand
columns, so that the matrix is dense and the solver needs only numpy (4,096 columns lose 0.4 points of accuracy
against a column each).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from faq.text import words

Floats = NDArray[np.float32]
Hashes = NDArray[np.uint64]
Rows = NDArray[np.int64]

_PRIME = np.uint64(0x9E3779B97F4A7C15)
_SHIFT = np.uint64(29)


@dataclass(frozen=True, slots=True)
class Block:
    """One kind of n-gram: the sorted hashes that the corpus holds, and their inverse document frequency."""

    hashes: Hashes
    idf: Floats

    @classmethod
    def fit(cls, rows: Rows, hashes: Hashes, count: int) -> "Block":
        """Learn from the hashes of n-grams and the rows they stand in, of `count` rows."""
        kinds, at = np.unique(hashes, return_inverse=True)
        cells = np.sort(rows * len(kinds) + at)
        seen = np.bincount(cells[np.diff(cells, prepend=-1) > 0] % len(kinds), minlength=len(kinds))
        return cls(kinds, (np.log((1 + count) / (1 + seen)) + 1).astype(np.float32))

    def weigh(self, rows: Rows, hashes: Hashes, count: int) -> tuple[Rows, Hashes, Floats]:
        """Row, hash and weight of each kind of n-gram in each row; what the corpus did not hold is left out."""
        at = np.minimum(np.searchsorted(self.hashes, hashes), len(self.hashes) - 1)
        hit = self.hashes[at] == hashes
        cells, times = np.unique(rows[hit] * len(self.hashes) + at[hit], return_counts=True)
        row, at = np.divmod(cells, len(self.hashes))
        weights = (1 + np.log(times)) * self.idf[at]
        length = np.sqrt(np.bincount(row, weights * weights, minlength=count))
        return row, self.hashes[at], (weights / length[row]).astype(np.float32)


@dataclass(frozen=True, slots=True)
class Ngrams:
    """Turns normalised texts into rows of a dense float32 matrix of ``width`` columns."""

    blocks: tuple[Block, Block]
    width: int

    @classmethod
    def fit(cls, texts: Sequence[str], width: int = 1024) -> "Ngrams":
        """Learn which n-grams the texts hold, and how rare each is; at least one text must hold a word."""
        return cls((Block.fit(*_words(texts), len(texts)), Block.fit(*_letters(texts), len(texts))), width)

    def transform(self, texts: Sequence[str]) -> Floats:
        """Shape (texts, width); each block adds a vector of length one, or nothing where no n-gram is known."""
        found = (_words(texts), _letters(texts))
        parts = [block.weigh(*grams, len(texts)) for block, grams in zip(self.blocks, found, strict=True)]
        rows, hashes, weights = (np.concatenate(part) for part in zip(*parts, strict=True))
        spread = hashes * _PRIME
        columns = ((spread >> np.uint64(20)) % np.uint64(self.width)).astype(np.int64)
        signs = np.where(spread >> np.uint64(63), np.float32(-1), np.float32(1))
        cells = np.bincount(rows * self.width + columns, weights * signs, minlength=len(texts) * self.width)
        return cells.reshape(len(texts), self.width).astype(np.float32)


def _mix(a: Hashes, b: Hashes) -> Hashes:
    """One hash of two, different for (a, b) and (b, a)."""
    mixed = (a * _PRIME) ^ b
    mixed = (mixed ^ (mixed >> _SHIFT)) * _PRIME
    return mixed ^ (mixed >> _SHIFT)


def _words(texts: Sequence[str]) -> tuple[Rows, Hashes]:
    """Row and hash of every word and every pair of neighbouring words."""
    split = [words(text) for text in texts]
    rows = np.repeat(np.arange(len(texts)), [len(found) for found in split])
    flat = [word for found in split for word in found]
    ids = {word: hash_of(word) for word in set(flat)}
    ones = np.array([ids[word] for word in flat], np.uint64)
    pair = rows[1:] == rows[:-1]
    twos = _mix(ones[:-1], ones[1:])[pair]
    return np.concatenate([rows, rows[1:][pair]]), np.concatenate([ones, twos])


def hash_of(word: str) -> int:
    """A hash that is the same in every process, as Python's own is not."""
    value = 0xCBF29CE484222325
    for byte in word.encode():
        value = ((value ^ byte) * 0x100000001B3) & 0xFFFFFFFFFFFFFFFF
    return value


def _letters(texts: Sequence[str]) -> tuple[Rows, Hashes]:
    """Row and hash of every two to five neighbouring letters of a word, its blank edges included."""
    padded = ["".join(f" {word} \n" for word in words(text)) for text in texts]
    rows = np.repeat(np.arange(len(texts)), [len(text) for text in padded])
    codes = np.frombuffer("".join(padded).encode("utf-32-le"), np.uint32).astype(np.uint64)
    word = np.cumsum(codes == ord("\n"))
    found_rows, found = [rows[:0]], [codes[:0]]
    run = codes
    for n in range(2, 6):
        run = _mix(run[: len(codes) - n + 1], codes[n - 1 :])
        inside = (word[: len(run)] == word[n - 1 :]) & (codes[: len(run)] != ord("\n"))
        found_rows.append(rows[: len(run)][inside])
        found.append(run[inside])
    return np.concatenate(found_rows), np.concatenate(found)


@dataclass(frozen=True, slots=True)
class LogisticRegression:
    """Multinomial logistic regression: ``weights`` (features, classes) and ``bias`` (classes)."""

    weights: Floats
    bias: Floats
    steps: int

    @classmethod
    def fit(cls, x: Floats, y: Rows, *, c: float, steps: int = 100, tolerance: float = 1e-4) -> "LogisticRegression":
        """Minimise ``c`` times the log loss plus half the squared weights; raises RuntimeError if it does not move."""
        features, classes = x.shape[1], int(y.max()) + 1
        scale = np.float32(1 / (c * len(x)))
        rows = np.arange(len(x))

        def loss(flat: Floats) -> tuple[float, Floats]:
            weights = flat.reshape(features + 1, classes)
            logs = log_softmax(x @ weights[:-1] + weights[-1])
            error = np.exp(logs)
            error[rows, y] -= 1
            error /= len(x)
            slope = np.empty_like(weights)
            np.matmul(x.T, error, out=slope[:-1])
            slope[:-1] += scale * weights[:-1]
            slope[-1] = error.sum(0)
            value = -float(logs[rows, y].mean(dtype=np.float64)) + 0.5 * float(scale) * float(
                np.vdot(weights[:-1], weights[:-1])
            )
            return value, slope.ravel()

        flat, taken = minimise(loss, np.zeros((features + 1) * classes, np.float32), steps, tolerance)
        if taken < min(3, steps):
            raise RuntimeError(
                "the logistic regression did not train"
            )  # a loose tolerance would stop at once, and pass unnoticed
        weights = flat.reshape(features + 1, classes)
        return cls(np.ascontiguousarray(weights[:-1]), weights[-1].copy(), taken)

    def log_probabilities(self, x: Floats) -> Floats:
        """Natural logarithms, shape (rows, classes)."""
        return log_softmax(x @ self.weights + self.bias)


def log_softmax(logits: Floats) -> Floats:
    """Logarithms of probabilities over the last axis."""
    shifted: Floats = logits - logits.max(-1, keepdims=True)
    shifted -= np.log(np.exp(shifted).sum(-1, keepdims=True))
    return shifted


def minimise(
    function: Callable[[Floats], tuple[float, Floats]], start: Floats, steps: int, tolerance: float, memory: int = 8
) -> tuple[Floats, int]:
    """L-BFGS with a backtracking line search: the point reached, and the steps it took."""
    point = start
    value, slope = function(point)
    moves: list[tuple[Floats, Floats, float]] = []
    size = 1 / max(float(np.abs(slope).sum()), 1e-9)
    for step in range(steps):
        if float(np.abs(slope).max()) < tolerance * 1e-1:
            return point, step
        direction = _direction(slope, moves)
        downhill = float(np.vdot(slope, direction))
        size = 1.0 if moves else min(1.0, size) * len(slope) ** 0.5
        for _ in range(20):
            new_point = point + np.float32(size) * direction
            new_value, new_slope = function(new_point)
            if new_value <= value + 1e-4 * size * downhill:
                break
            size *= 0.5
        else:
            return point, step
        move, turn = new_point - point, new_slope - slope
        curve = float(np.vdot(move, turn))
        if curve > 1e-12:
            moves = [*moves[-memory + 1 :], (move, turn, curve)]
        done = abs(value - new_value) < tolerance * 1e-2 * max(abs(value), 1e-3)
        point, value, slope = new_point, new_value, new_slope
        if done:
            return point, step + 1
    return point, steps


def _direction(slope: Floats, moves: Sequence[tuple[Floats, Floats, float]]) -> Floats:
    """The two-loop recursion: minus the slope, bent by the curvature of the last moves."""
    direction = -slope
    shares = []
    for move, turn, curve in reversed(moves):
        share = np.float32(float(np.vdot(move, direction)) / curve)
        direction = direction - share * turn
        shares.append(share)
    if moves:
        _, turn, curve = moves[-1]
        direction = direction * np.float32(curve / float(np.vdot(turn, turn)))
    for (move, turn, curve), share in zip(moves, reversed(shares), strict=True):
        direction = direction + (share - np.float32(float(np.vdot(turn, direction)) / curve)) * move
    return direction
