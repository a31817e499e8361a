"""The log in words: what is done is said, and nobody reads an action's own name."""

import ast
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import pytest

from bot.app import build_speeches
from bot.config import Clinic
from bot.wording.deeds import deed

WRITERS = {"Audit", "_audit", "change", "_end", "_fall_back", "_drop", "_close"}
"""What is called with an action in bot/clinic."""


def actions() -> Iterator[str]:
    """Yield the actions that are written whole; those with a part of their own are in the second test."""
    for file in sorted((Path(__file__).parent.parent / "bot" / "clinic").glob("*.py")):
        module = import_module(f"bot.clinic.{file.stem}")
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.Call) or ast.unparse(node.func).rpartition(".")[2] not in WRITERS:
                continue
            for given in (*node.args, *(word.value for word in node.keywords if word.arg == "action")):
                value = getattr(module, given.id, None) if isinstance(given, ast.Name) else None
                value = given.value if isinstance(given, ast.Constant) else value
                if isinstance(value, str) and " " in value:
                    yield value


FOUND = sorted({f"{one} changed" if one == "quiet hours" else one for one in actions()})
WITH_VALUES = ("follow-up answered", "step sent by staff", "step skipped")


def test_the_actions_are_found() -> None:
    assert {"visit confirmed", "log viewed", "data deleted", "draft forgotten", "wait begun", *WITH_VALUES} < set(FOUND)


@pytest.mark.parametrize("action", sorted({*FOUND, "language changed", "name corrected", "phone corrected"}))
def test_every_action_is_said_in_words(clinic: Clinic, action: str) -> None:
    say = build_speeches(clinic).of("en")
    assert deed(say, action, "before", "after") not in (action, "")


@pytest.mark.parametrize(
    ("action", "before", "after", "said"),
    [
        ("course of 3", "completed", "completed", "set the course to 3 sessions"),
        ("interval 2 weeks", "completed", "completed", "set the next session for 2 weeks later"),
        ("interval 0 weeks", "completed", "completed", "set that no session follows"),
        ("consent offers", "given", "refused", "said no to offers"),
        ("consent visit", None, "given", "agreed to the use of health answers"),
        ("quiet hours changed", "21:00-08:00", "22:00-07:00", "changed the quiet hours to 22:00–07:00"),
        ("follow-up answered", "problem", "told", "answered a message: a problem, and which"),
        ("step skipped", None, "check-1-day", "left out: check-in, the day after"),
        ("log viewed", None, "all", "looked at this log"),
        ("log viewed", None, "code KX3F9", "looked at this log: KX3F9"),
        ("own answer", "proposed", "approved", "approved an answer of the clinic's own"),
    ],
)
def test_what_was_changed_is_said_with_it(
    clinic: Clinic, action: str, before: str | None, after: str | None, said: str
) -> None:
    assert deed(build_speeches(clinic).of("en"), action, before, after) == said
