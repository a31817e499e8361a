"""Sentence vectors by all-MiniLM-L6-v2, quantised to int8, run on one thread of ONNX Runtime.

The model file is made by ``python -m faq.build_encoder``, which also prints its likeness to the original's vectors
(mean cosine 0.9993). The tokeniser is BERT's own, written out here: the usual package brings an HTTP client and a
download cache that a clinic's server has no use for. ``tests/test_encoder.py`` holds its output to known ids.
"""

import unicodedata
from collections.abc import Iterator, Sequence
from functools import cached_property
from hashlib import blake2b
from importlib import import_module
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]

FOLDER = Path(__file__).parent / "model"
"""Where the packaged weights and vocabulary live."""
LONGEST = 128
"""Tokens of a text that are read, the two at its edges included."""
_BATCH = 32
_LONGEST_WORD = 100


class EncoderUnavailable(Exception):  # noqa: N818 - a state of the installation, not a mistake
    """The model file, its vocabulary or ONNX Runtime cannot be loaded; the message says which."""


class WordPiece:
    """BERT's uncased tokeniser over a vocabulary of one piece a line."""

    def __init__(self, vocabulary: Sequence[str]) -> None:
        self._ids = {piece: i for i, piece in enumerate(vocabulary)}
        self.known = frozenset(piece for piece in vocabulary if piece.isalpha() and piece.isascii())

    def ids(self, text: str) -> list[int]:
        """Token ids with the marks at both ends, at most LONGEST of them."""
        pieces = [i for word in _split(text) for i in self._pieces(word)]
        return [self._ids["[CLS]"], *pieces[: LONGEST - 2], self._ids["[SEP]"]]

    def _pieces(self, word: str) -> list[int]:
        """The longest known beginnings of a word, one after the other; one unknown mark if they do not cover it."""
        found: list[int] = []
        start = 0
        while start < len(word) <= _LONGEST_WORD:
            for end in range(len(word), start, -1):
                piece = self._ids.get(("##" if start else "") + word[start:end])
                if piece is not None:
                    found.append(piece)
                    start = end
                    break
            else:
                return [self._ids["[UNK]"]]
        return found or [self._ids["[UNK]"]]


def _split(text: str) -> Iterator[str]:
    """Lower-case words without accents; each punctuation mark and each Chinese character stands alone."""
    letters = (
        " " if c in "\t\n\r" or unicodedata.category(c) == "Zs" else f" {c} " if _is_chinese(c) else c
        for c in text
        if c in "\t\n\r" or (c not in "\0\ufffd" and unicodedata.category(c)[0] != "C")
    )
    plain = unicodedata.normalize("NFD", "".join(letters)).lower()
    marked = (f" {c} " if _is_punctuation(c) else c for c in plain if unicodedata.category(c) != "Mn")
    yield from "".join(marked).split()


def _is_punctuation(c: str) -> bool:
    return (c.isascii() and c.isprintable() and not c.isalnum() and c != " ") or unicodedata.category(c)[0] == "P"


def _is_chinese(c: str) -> bool:
    code = ord(c)
    return (
        0x4E00 <= code <= 0x9FFF
        or 0x3400 <= code <= 0x4DBF
        or 0x20000 <= code <= 0x2CEAF
        or 0xF900 <= code <= 0xFAFF
        or 0x2F800 <= code <= 0x2FA1F
    )


class MiniLM:
    """The packaged encoder: two vectors of 384 numbers and length one for each text."""

    def __init__(self, session: Any, tokeniser: WordPiece, name: str) -> None:
        self._session = session
        self._tokeniser = tokeniser
        self.name = name
        self.known = tokeniser.known

    @classmethod
    def load(cls, folder: Path = FOLDER) -> "MiniLM":
        """Read the model from its folder; raises EncoderUnavailable."""
        try:
            onnxruntime = import_module("onnxruntime")  # only here: 20 MB that the fallback does without
        except ImportError as error:
            raise EncoderUnavailable("ONNX Runtime is not installed") from error
        weights = folder / "minilm-int8.onnx"
        try:
            name = blake2b(weights.read_bytes(), digest_size=8).hexdigest()
        except OSError as error:
            raise EncoderUnavailable(f"{error.filename} cannot be read") from error
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 3
        try:
            session = onnxruntime.InferenceSession(str(weights), options, providers=["CPUExecutionProvider"])
        except Exception as error:  # ONNX Runtime raises classes of its own that share no public base
            raise EncoderUnavailable("the model file is damaged or of another version") from error
        return cls(session, WordPiece(vocabulary(folder)), name)

    def encode(self, texts: Sequence[str]) -> Floats:
        """Shape (texts, 2, 384): all-MiniLM-L6-v2's own sentence vector, and the mean of its last three layers."""
        ids = [self._tokeniser.ids(text) for text in texts]
        vectors = np.empty((len(texts), 2, 384), np.float32)
        by_length = sorted(range(len(ids)), key=lambda i: len(ids[i]))
        start = 0
        while start < len(by_length):  # equal lengths run together, so that the model needs no padding
            length = len(ids[by_length[start]])
            batch = [i for i in by_length[start : start + _BATCH] if len(ids[i]) == length]
            tokens = {"ids": np.array([ids[i] for i in batch], np.int64)}
            vectors[batch] = np.stack(self._session.run(["sentence", "likeness"], tokens), axis=1)
            start += len(batch)
        return vectors


def vocabulary(folder: Path = FOLDER) -> list[str]:
    """The pieces of the tokeniser, by id; raises EncoderUnavailable."""
    try:
        return (folder / "vocab.txt").read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise EncoderUnavailable(f"{error.filename} cannot be read") from error


class Recalled:
    """An encoder that remembers vectors in files, a byte a number; it returns the same with and without them."""

    def __init__(self, encoder: MiniLM, *files: Path) -> None:
        """Remember in ``files``, read when first needed; the last is the one that ``save`` writes."""
        self._encoder = encoder
        self._files = files
        self.name = encoder.name
        self.known = encoder.known
        self._new = 0

    @cached_property
    def _rows(self) -> dict[str, NDArray[np.int8]]:
        return {key: row for file in self._files for key, row in self._read(file).items()}

    def encode(self, texts: Sequence[str]) -> Floats:
        """Shape (texts, 2, 384), rounded to a byte and scaled to length one again."""
        new = [text for text in dict.fromkeys(texts) if _key(text) not in self._rows]
        if new:
            vectors = self._encoder.encode(new)
            whole = np.round(vectors * (127 / np.abs(vectors).max(-1, keepdims=True))).astype(np.int8)
            self._rows.update({_key(text): row for text, row in zip(new, whole, strict=True)})
            self._new += len(new)
        rows = np.stack([self._rows[_key(text)] for text in texts]).astype(np.float32)
        unit: Floats = rows / np.linalg.norm(rows, axis=-1, keepdims=True)
        return unit

    def save(self) -> None:
        """Write what is new into the last file, whole or not at all; raises OSError."""
        if not self._new:
            return
        file = self._files[-1]
        with NamedTemporaryFile(dir=file.parent, suffix=".part", delete=False) as part:
            keys = sorted(self._rows)
            np.savez(
                part, name=np.array(self.name), keys=np.array(keys), rows=np.stack([self._rows[key] for key in keys])
            )
        Path(part.name).replace(file)
        self._new = 0

    def _read(self, file: Path) -> dict[str, NDArray[np.int8]]:
        try:
            with file.open("rb") as stream, np.load(stream) as stored:
                if str(stored["name"]) != self.name:
                    return {}
                return dict(zip(stored["keys"].tolist(), stored["rows"], strict=True))
        except (OSError, ValueError, KeyError, BadZipFile):
            return {}  # a cache that cannot be read is a cache that is not there


def _key(text: str) -> str:
    return blake2b(text.encode(errors="replace"), digest_size=8).hexdigest()
