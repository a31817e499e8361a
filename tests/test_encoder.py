"""The encoder: BERT's tokens, the original's vectors, and a memory that changes nothing."""

from pathlib import Path

import numpy as np
import pytest

from faq.encoder import FOLDER, EncoderUnavailable, MiniLM, Recalled, WordPiece, vocabulary

TEXTS = ["does it hurt?", "is it painful", "where are you located", "how many sessions do I need"]
ORIGINAL = [  # dot products of these texts' vectors by the official float32 weights
    [1.0, 0.7785, -0.0150, 0.0752],
    [0.7785, 1.0, 0.0636, 0.1087],
    [-0.0150, 0.0636, 1.0, 0.0824],
    [0.0752, 0.1087, 0.0824, 1.0],
]


@pytest.fixture(scope="module")
def encoder() -> MiniLM:
    return MiniLM.load()


@pytest.mark.parametrize(
    ("text", "ids"),
    [  # as the original's own tokeniser numbers them
        ("Does it hurt?", [101, 2515, 2009, 3480, 1029, 102]),
        ("wat is mezotherapy??", [101, 28194, 2003, 2033, 6844, 20900, 1029, 1029, 102]),
        (
            "Décolleté & naïve café — don't!",
            [101, 21933, 22592, 2063, 1004, 15743, 7668, 1517, 2123, 1005, 1056, 999, 102],
        ),
        ("漢字 ok", [101, 1904, 100, 7929, 102]),
        ("\u202e\u200f\0", [101, 102]),
        ("💉💉", [101, 100, 102]),
        ("x" * 101, [101, 100, 102]),
        ("", [101, 102]),
    ],
)
def test_tokens_are_berts(text: str, ids: list[int]) -> None:
    assert WordPiece(vocabulary()).ids(text) == ids


def test_a_long_text_is_cut() -> None:
    ids = WordPiece(vocabulary()).ids("word " * 300)
    assert (len(ids), ids[0], ids[-1]) == (128, 101, 102)


def test_vectors_are_the_originals(encoder: MiniLM) -> None:
    sentences = encoder.encode(TEXTS)[:, 0]
    assert np.allclose(sentences @ sentences.T, ORIGINAL, atol=0.02)


def test_vectors_have_length_one(encoder: MiniLM) -> None:
    vectors = encoder.encode([*TEXTS, "", "\0", "x" * 4096])
    assert vectors.shape == (7, 2, 384)
    assert np.allclose(np.linalg.norm(vectors, axis=2), 1, atol=1e-5)


def test_a_vector_does_not_depend_on_its_neighbours(encoder: MiniLM) -> None:
    together = encoder.encode(TEXTS * 20)
    alone = np.concatenate([encoder.encode([text]) for text in TEXTS])
    assert np.allclose(together[:4], alone, atol=1e-5)


def test_no_texts_no_vectors(encoder: MiniLM) -> None:
    assert encoder.encode([]).shape == (0, 2, 384)


def test_what_is_recalled_is_what_was_computed(encoder: MiniLM, tmp_path: Path) -> None:
    file = tmp_path / "vectors.npz"
    first = Recalled(encoder, file)
    computed = first.encode(TEXTS)
    first.save()
    recalled = Recalled(Mute(encoder), file).encode(TEXTS)
    assert np.array_equal(computed, recalled)
    assert np.allclose((computed * encoder.encode(TEXTS)).sum(-1), 1, atol=2e-3)


class Mute(MiniLM):
    """An encoder with the same name that can encode nothing."""

    def __init__(self, other: MiniLM) -> None:
        super().__init__(None, WordPiece(vocabulary()), other.name)


def test_a_file_of_another_model_is_not_recalled(encoder: MiniLM, tmp_path: Path) -> None:
    file = tmp_path / "vectors.npz"
    stranger = MiniLM(encoder._session, WordPiece(vocabulary()), "another")
    recalled = Recalled(stranger, file)
    recalled.encode(["how much"])
    recalled.save()
    with pytest.raises(AttributeError):
        Recalled(Mute(encoder), file).encode(["how much"])


def test_a_damaged_file_is_no_file(encoder: MiniLM, tmp_path: Path) -> None:
    file = tmp_path / "vectors.npz"
    file.write_bytes(b"PK\x03\x04 not really")
    recalled = Recalled(encoder, file)
    assert recalled.encode(TEXTS).shape == (4, 2, 384)
    recalled.save()
    assert np.array_equal(Recalled(Mute(encoder), file).encode(TEXTS), recalled.encode(TEXTS))


def test_a_missing_model_is_said(tmp_path: Path) -> None:
    with pytest.raises(EncoderUnavailable, match=r"minilm-int8\.onnx cannot be read"):
        MiniLM.load(tmp_path)


def test_a_damaged_model_is_said(tmp_path: Path) -> None:
    (tmp_path / "minilm-int8.onnx").write_bytes(b"\0" * 100)
    (tmp_path / "vocab.txt").write_bytes((FOLDER / "vocab.txt").read_bytes())
    with pytest.raises(EncoderUnavailable, match="damaged"):
        MiniLM.load(tmp_path)
