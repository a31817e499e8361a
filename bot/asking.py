"""`mesobot ask`: what a patient would be told, without Telegram and without a database."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

from bot.app import build_libraries, build_reader, build_speeches
from bot.clock import Clock
from bot.config import Clinic
from bot.delivery.markup import parse
from bot.errors import SettingsError
from faq.reader import Understood
from handlers.pages import Page, Pages


class Asker:
    """Answers with the very code that answers in Telegram."""

    def __init__(self, clinic: Clinic, clock: Clock) -> None:
        libraries = build_libraries(clinic)
        self._speeches = build_speeches(clinic)
        self._reader = build_reader(clinic, libraries, self._speeches, clock)
        self._pages = Pages(clinic, libraries, clock)

    def ask(self, text: str, language: str | None = None) -> dict[str, Any]:
        """Return how `text` is understood and what is replied, as the contract of `ask --json` says."""
        understood, page = self._reply(text, language)
        return {
            "text": text,
            "route": understood.route,
            "topic": understood.topic,
            "suggestions": list(understood.suggestions),
            "score": round(understood.score, 4),
            "lang": understood.language,
            "reply": parse(page.text).text,
        }

    def shown(self, text: str, language: str | None = None) -> str:
        """Return the reply with its buttons, for a terminal."""
        _, page = self._reply(text, language)
        rows = ("  ".join(f"[{button.label}]" for button in row) for row in page.rows)
        return "\n".join((parse(page.text).text, "", *rows)).rstrip()

    def _reply(self, text: str, language: str | None) -> tuple[Understood, Page]:
        say = self._speeches.of(language)
        understood = self._reader.read(text, say.language)
        return understood, self._pages.reply(say, understood, question_id=None)


def read_batch(file: Path) -> Iterator[tuple[str, str | None]]:
    """Open `file` (- is standard input) and return (text, language) of each JSON line, as it comes; raises
    SettingsError naming file and line of a bad one."""
    if str(file) == "-":
        return _entries(sys.stdin.buffer, "standard input")
    try:
        return _entries(file.open("rb"), str(file))
    except OSError as error:
        raise SettingsError(f"{file} cannot be read: {error.strerror}") from None


def _entries(lines: BinaryIO, name: str) -> Iterator[tuple[str, str | None]]:
    with lines:
        for number, line in enumerate(lines, 1):
            if line.strip():
                yield _entry(line, f"{name}: line {number}")


def _entry(line: bytes, place: str) -> tuple[str, str | None]:
    try:
        entry = json.loads(line.decode("utf-8-sig"))
    except UnicodeDecodeError:
        raise SettingsError(f"{place}: this is not UTF-8") from None
    except (ValueError, RecursionError):
        raise SettingsError(f"{place}: expected one JSON object") from None
    if not isinstance(entry, dict) or not isinstance(entry.get("text"), str):
        raise SettingsError(f'{place}: expected a JSON object with "text"')
    language = entry.get("lang")
    if not isinstance(language, str | None):
        raise SettingsError(f'{place}: "lang" must be a text such as "en"')
    return entry["text"], language
