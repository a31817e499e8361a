"""Learning by likeness: classes that are places and not halves, and blocks that come to the whole."""

import numpy as np
import pytest

from faq import kernel
from faq.kernel import KernelRidge, Machine
from faq.tfidf import Floats


def around(*places: int, count: int = 20) -> Floats:
    """Return unit vectors in a space of 8, `count` around each axis that is named."""
    random = np.random.default_rng(7)
    centres = np.repeat(np.eye(8, dtype=np.float32)[list(places)], count, axis=0)
    vectors = centres + 0.2 * random.standard_normal(centres.shape).astype(np.float32)
    unit: Floats = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    return unit


def test_a_class_may_be_in_several_places() -> None:
    vectors, y = around(0, 1, 2, 3), np.repeat([0, 1, 0, 1], 20)
    fitted = KernelRidge.fit(vectors, y)
    asked = around(0, 1, 2, 3, count=3)
    shares = np.exp(fitted.log_probabilities(asked @ vectors.T))
    assert shares.shape == (12, 2)
    assert np.allclose(shares.sum(1), 1, atol=1e-5)
    assert shares.argmax(1).tolist() == [0] * 3 + [1] * 3 + [0] * 3 + [1] * 3


def test_blocks_come_to_what_solving_at_once_does(monkeypatch: pytest.MonkeyPatch) -> None:
    vectors, y = around(0, 1, 2, 3, 4), np.repeat([0, 1, 2, 0, 1], 20)
    at_once = KernelRidge.fit(vectors, y)
    monkeypatch.setattr(kernel, "BLOCK", 30)
    in_blocks = KernelRidge.fit(vectors, y)
    assert not np.array_equal(in_blocks.weights, at_once.weights)
    like = around(0, 2, 4) @ vectors.T
    differences = np.exp(in_blocks.log_probabilities(like)) - np.exp(at_once.log_probabilities(like))
    assert np.abs(differences).mean() < 0.01


def test_the_machine_tells_yes_from_no() -> None:
    vectors, yes = around(0, 1, 2), np.repeat([1, 0, 1], 20)
    fitted = Machine.fit(vectors, yes, np.ones(60, np.int64))
    assert (fitted.chances(around(0, 1, 2, count=3)) > 0.5).tolist() == [True] * 3 + [False] * 3 + [True] * 3


def test_the_machine_leans_to_what_counts_more_often() -> None:
    vectors, yes = around(0), np.arange(20) % 2  # a place of which nobody can tell
    for side in (0, 1):
        leaning = Machine.fit(vectors, yes, np.where(yes == side, 5, 1))
        assert (leaning.chances(vectors).mean() > 0.5) == bool(side)
