"""Who writes of their own health: a support vector machine beside the rules of ``faq.guards``.

No list holds every illness, medicine and way to say that a child is on its way. The machine has learnt from
``content/en/personal.jsonl`` (messages to a clinic, each personal or not) and from the packaged phrasings, and looks at
the sentence vector that the matcher has computed already. What either finds goes to a practitioner, never to a text.
Fitted by ``python -m faq.evaluate --write``; English only, as the messages are.
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from importlib import resources
from pathlib import Path
from tempfile import NamedTemporaryFile
from zipfile import BadZipFile

import numpy as np

from faq.encoder import FOLDER
from faq.guards import is_medical
from faq.kernel import Machine
from faq.tfidf import Floats

PERSONAL = FOLDER / "personal.npz"
LANGUAGE = "en"

Told = tuple[str, bool]
"""A text, and whether it tells of the writer's health."""


@dataclass(frozen=True, slots=True)
class Personal:
    """Fitted; `is_told` changes nothing."""

    machine: Machine
    line: float
    """The chance from which a text is taken for personal."""
    fingerprint: str

    @classmethod
    def fit(cls, told: Sequence[Told], vectors: Floats, line: float) -> "Personal":
        """Learn from texts and their ``vectors``, in the same order."""
        yes = np.array([int(personal) for _, personal in told])
        return cls(Machine.fit(vectors, yes, np.ones(len(told), np.int64)), line, fingerprint(told))

    def is_told(self, vector: Floats) -> bool:
        """True where a text with this sentence vector tells of the writer's own health."""
        return float(self.machine.chances(vector[None])[0]) >= self.line

    def save(self, file: Path = PERSONAL) -> None:
        """Keep what was fitted; raises OSError."""
        with NamedTemporaryFile(dir=file.parent, suffix=".part", delete=False) as part:
            np.savez(
                part,
                supports=self.machine.supports.astype(np.float16),
                weights=self.machine.weights,
                shift=np.array(self.machine.shift),
                line=np.array(self.line),
                fingerprint=np.array(self.fingerprint),
            )
        Path(part.name).replace(file)

    @classmethod
    def load(cls, file: Path = PERSONAL) -> "Personal | None":
        """What was kept; None where it cannot be read, and the rules must do alone."""
        try:
            with file.open("rb") as stream, np.load(stream) as stored:
                machine = Machine(stored["supports"].astype(np.float32), stored["weights"], float(stored["shift"]))
                return cls(machine, float(stored["line"]), str(stored["fingerprint"]))
        except (OSError, ValueError, KeyError, TypeError, BadZipFile):  # also one of another version
            return None


def examples() -> list[Told]:
    """The packaged messages."""
    file = resources.files("faq") / "content" / LANGUAGE / "personal.jsonl"
    return read_told(file.read_text(encoding="utf-8"))


def read_told(lines: str) -> list[Told]:
    """Messages from JSON lines with text and personal; raises ValueError or KeyError."""
    values = [json.loads(line) for line in lines.splitlines() if line.strip()]
    return [(value["text"], bool(value["personal"])) for value in values]


def of_phrasings(phrases: Iterable[tuple[str, str, str | None]]) -> list[Told]:
    """What phrasings (text, route, topic) say of it; those that may be either are left out."""
    return [
        (text, topic == "contraindications")
        for text, route, topic in phrases
        if (is_medical(text) if topic == "contraindications" else route in ("answer", "book", "smalltalk", "off-topic"))
    ]


def fingerprint(told: Iterable[Told]) -> str:
    """Changes with the messages."""
    digest = blake2b(digest_size=8)
    for one in told:
        digest.update(repr(one).encode())
    return digest.hexdigest()
