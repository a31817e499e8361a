"""Where the CPU of a start goes, part by part, and what understanding a question costs by itself.

`python -m tests.benchmarks.parts` prints seconds of this process's CPU as one JSON object.
"""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ASKED = 200
UNSEEN = Path(__file__).parents[1] / "data" / "questions.jsonl"


def measure() -> dict[str, float]:
    """Return seconds by part; `question` is for one question, the others for one start."""
    spent = {"interpreter": time.process_time()}

    @contextmanager
    def counted(part: str) -> Iterator[None]:
        began = time.process_time()
        yield
        spent[part] = time.process_time() - began

    with counted("imports"):
        import bot.running  # noqa: PLC0415, F401  importing is what is measured
        from bot import app, config  # noqa: PLC0415
        from bot.clock import SystemClock  # noqa: PLC0415
    clinic, clock = config.load_clinic(None), SystemClock()
    with counted("content"):
        libraries, speeches = app.build_libraries(clinic), app.build_speeches(clinic)
    with counted("matcher"):
        reader = app.build_reader(clinic, libraries, speeches, clock)
    lines = UNSEEN.read_text(encoding="utf-8").splitlines()[:ASKED]
    texts = [json.loads(line)["text"] for line in lines]  # the content's own phrasings would cost less
    reader.read(texts[0], clinic.language)  # what is loaded at the first question is not part of each
    with counted("question"):
        for text in texts:
            reader.read(text, clinic.language)
    return {**spent, "question": spent["question"] / len(texts)}


if __name__ == "__main__":
    print(json.dumps(measure()))
