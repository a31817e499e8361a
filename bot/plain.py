"""Plain values out of files that people write, and what is wrong with them, in words that say what to do."""

import re
from collections.abc import Collection, Iterator, Mapping
from difflib import get_close_matches
from typing import Any, get_args

from pydantic import BaseModel, ConfigDict, ValidationError


class Plain(BaseModel):
    """A frozen value; a key it does not know is an error, since it is probably a typing mistake."""

    model_config = ConfigDict(frozen=True, extra="forbid", str_strip_whitespace=True)


_A_DATE = "expected a date like 2026-12-24"
_A_NUMBER = "expected a number"
EXPECTED: dict[str, str] = {
    "int_parsing": "expected a whole number",
    "int_type": "expected a whole number, without quotes",
    "int_from_float": "expected a whole number",
    "float_parsing": _A_NUMBER,
    "float_type": _A_NUMBER,
    "decimal_parsing": _A_NUMBER + " such as 140 or 99.50",
    "decimal_type": _A_NUMBER + " such as 140 or 99.50",
    "decimal_max_places": "expected at most {decimal_places} digits after the point",
    "finite_number": _A_NUMBER,
    "greater_than": _A_NUMBER + " above {gt:g}",
    "greater_than_equal": _A_NUMBER + " of at least {ge:g}",
    "less_than_equal": _A_NUMBER + " of at most {le:g}",
    "string_type": "expected a text in quotes",
    "string_too_short": "must not be empty",
    "string_too_long": "expected at most {max_length} characters",
    "date_parsing": _A_DATE,
    "date_type": _A_DATE,
    "date_from_datetime_parsing": _A_DATE,
    "date_from_datetime_inexact": _A_DATE,
    "time_parsing": "expected a time like 09:30",
    "time_type": "expected a time like 09:30",
    "tuple_type": 'expected a list, such as ["one", "two"]',
    "model_type": "expected a section with keys of its own",
    "path_type": "expected a path in quotes",
    "literal_error": "expected {expected}",
}
"""Pydantic's kinds of errors, in words for a person; what is not here keeps pydantic's own."""

_SHOWN = 60
"""Characters of a bad value that are shown."""


def expected(problem: Any, *, words: Mapping[str, str] = EXPECTED, secret: bool = False) -> str:
    """Say what was expected, and what was found unless it is a `secret`."""
    kind, value = problem["type"], problem["input"]
    if kind == "tuple_type" and isinstance(value, dict):
        return f"expected a list: write its heading as [[{problem['loc'][-1]}]]"
    if kind == "model_type" and isinstance(value, list):
        return f"expected one section: write its heading as [{problem['loc'][-1]}]"
    if kind in words:
        said = words[kind].format(**problem.get("ctx", {}))
    else:
        said = str(problem["msg"]).removeprefix("Value error, ")
    if kind == "string_too_long":
        return f"{said}, got {len(value)}"
    if secret or kind == "string_too_short" or isinstance(value, dict | list | None):
        return said
    return f"{said}, got {_shown(value)}"


def _shown(value: object) -> str:
    """Return a value as its owner wrote it, cut short, with anything like a token left out."""
    text = str(value).lower() if isinstance(value, bool) else str(value)
    text = re.sub(r"[0-9]{5,}:[A-Za-z0-9_-]{10,}", "(a token)", text)
    text = text if len(text) <= _SHOWN else text[:_SHOWN] + "…"
    return repr(text) if isinstance(value, str) else text


def and_more(others: Collection[object]) -> str:
    """Say how many other problems there are."""
    return f" (and {len(others)} more)" if others else ""


def did_you_mean(name: str, known: Collection[str]) -> str:
    """Name what was probably meant, or else everything that is known."""
    likely = get_close_matches(name, known, 1, cutoff=0.75)
    return f" (did you mean {likely[0]}?)" if likely else f"; known are {', '.join(sorted(known))}"


def first_problem(
    error: ValidationError,
    model: type[BaseModel],
    *,
    place: tuple[str | int, ...] = (),
    words: Mapping[str, str] = EXPECTED,
) -> str:
    """Say what is wrong with the first bad key of a `model` that stands at `place`, and how many more there are."""
    # A mistyped key is why another is missing, so it comes first.
    problem, *others = sorted(error.errors(), key=lambda one: one["type"] != "extra_forbidden")
    return f"{_at_key(problem, model, place, words)}{and_more(others)}"


def _at_key(problem: Any, model: type[BaseModel], place: tuple[str | int, ...], words: Mapping[str, str]) -> str:
    key = _key((*place, *problem["loc"]))
    match problem["type"]:
        case "missing":
            return f"{key} is missing"
        case "extra_forbidden":
            *section, name = problem["loc"]
            return f"{key} is not a key mesobot knows{did_you_mean(str(name), _keys(model, section))}"
        case _:
            return f"{key + ': ' if key else ''}{expected(problem, words=words)}"


def _key(place: Collection[str | int]) -> str:
    """Return a key as "treatments, entry 2: minutes"."""
    said, joint = "", ""
    for part in place:
        if isinstance(part, int):
            said, joint = f"{said}{', ' if said else ''}entry {part + 1}", ": "
        else:
            said, joint = f"{said}{joint}{part}", "."
    return said


def _keys(model: type[BaseModel], section: Collection[str | int]) -> Collection[str]:
    """Return the keys that may stand in a section of `model`."""
    for name in section:
        if isinstance(name, str) and name in model.model_fields:
            model = next(_models(model.model_fields[name].annotation), model)
    return model.model_fields


def _models(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for part in get_args(annotation):
        yield from _models(part)
