"""Learning from sentence vectors by likeness: which of many classes a text belongs to, and whether it is of one kind.

On texts of authors they had not seen, both are right several points more often than a logistic regression on the same
vectors: a topic, or a danger, is no half of a space, but a number of places in it.
"""

from dataclasses import dataclass

import numpy as np

from faq.tfidf import Floats, Rows, log_softmax

NARROW, RIDGE, STEEP = 3.0, 0.1, 13.0
"""The kernel is exp(NARROW (cosine - 1)); STEEP turns votes into logarithms of odds."""
COST, GAMMA, STEEP_SIDE = 3.0, 2.0, 2.0
"""Of the support vector machine: what a text on the wrong side costs, the kernel's narrowness, and how fast a chance
grows with the distance from the border."""
BLOCK, SWEEPS = 1500, 3
"""Phrasings solved for at once, and how often each block is: three come as near as is worth it, in bounded memory."""


@dataclass(frozen=True, slots=True)
class KernelRidge:
    """Kernel ridge regression, in which each text votes for its class, and against those it is alike to."""

    weights: Floats
    """Shape (texts, classes)."""

    @classmethod
    def fit(cls, vectors: Floats, y: Rows) -> "KernelRidge":
        """Learn the classes ``y`` (0, 1, ...) of vectors of length one, by sweeps over blocks of them."""
        count = len(vectors)
        asked = np.eye(int(y.max()) + 1, dtype=np.float32)[y]
        weights = np.zeros_like(asked)
        blocks = -(-count // BLOCK)
        for _ in range(SWEEPS if blocks > 1 else 1):
            for first in range(blocks):
                rows = np.arange(first, count, blocks)
                near = _kernel(vectors[rows] @ vectors.T)
                own = near[:, rows]
                left = asked[rows] - near @ weights + own @ weights[rows]
                weights[rows] = np.linalg.solve(own + RIDGE * np.eye(len(rows), dtype=np.float32), left)
        return cls(weights)

    def log_probabilities(self, like: Floats) -> Floats:
        """Logarithms of the classes' shares for texts (rows), by their likeness to each phrasing (columns)."""
        # not BLAS, whose threads would fight over the cores for one question
        return log_softmax(STEEP * np.einsum("ij,jk->ik", _kernel(like), self.weights))


@dataclass(frozen=True, slots=True)
class Machine:
    """A support vector machine with a Gaussian kernel on sentence vectors of length one."""

    supports: Floats
    weights: Floats
    shift: float

    @classmethod
    def fit(cls, vectors: Floats, yes: Rows, often: Rows) -> "Machine":
        """Learn yes (1) and no (0); ``often`` says how often each text counts.

        Needs scikit-learn, which only building needs.
        """
        from sklearn.svm import SVC  # noqa: PLC0415  not installed where the bot runs

        fitted = SVC(C=COST, gamma=GAMMA, cache_size=500).fit(vectors, yes, sample_weight=often)
        supports = vectors[fitted.support_].astype(np.float16).astype(np.float32)  # as they are kept
        return cls(supports, fitted.dual_coef_[0].astype(np.float32), float(fitted.intercept_[0]))

    def chances(self, vectors: Floats) -> Floats:
        """How likely each text is a yes: the distance from the border, pressed between 0 and 1."""
        # not BLAS, whose threads would fight over the cores for one text
        like = np.einsum("ij,kj->ik", vectors, self.supports)
        distance = np.exp(2 * GAMMA * (like - 1)) @ self.weights + self.shift
        chance: Floats = 1 / (1 + np.exp(-STEEP_SIDE * distance))
        return chance


def _kernel(like: Floats) -> Floats:
    near: Floats = np.exp(NARROW * (like - 1))
    return near
