"""The programme of follow-ups as data: the packaged steps, and what a clinic changes of them in clinic.toml."""

import re
import tomllib
from collections.abc import Iterable, Mapping
from datetime import time, timedelta
from functools import cache
from importlib import resources
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, ValidationError, model_validator

from bot.plain import Plain, first_problem

_LENGTH = re.compile(r"([+-]?)(\d{1,4})([mhdw])")
_UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


def _length(value: Any) -> Any:
    """Read "-2h", "+90m", "3d" or "2w"."""
    if isinstance(value, timedelta):
        return value
    found = _LENGTH.fullmatch(value.strip()) if isinstance(value, str) else None
    if found is None:
        raise ValueError('expected a length of time such as "-2h", "+90m" or "3d"')
    sign, number, unit = found.groups()
    return timedelta(**{_UNITS[unit]: int(sign + number)})


Length = Annotated[timedelta, BeforeValidator(_length)]
Anchor = Literal["visit", "done", "course"]
Answer = Literal[
    "confirm", "move", "cancel", "changed", "coming", "late", "care", "problem", "call", "settling", "question",
    "fine", "times", "ask", "not-now", "nothing", "lump", "happy", "unsure", "unhappy",
]  # fmt: skip
Template = Literal[
    "reminder", "soon", "care-card", "check-1-day", "check-3-days", "next-session", "late-check", "results"
]


class Step(Plain):
    """One follow-up: what is said, how long before or after what, and until when."""

    id: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,23}$")]
    anchor: Anchor
    """visit: its beginning; done: when staff marked it as done; course: when its last session was."""
    offset: Length | None = None
    """From the anchor, on the clock."""
    day: Annotated[int, Field(ge=-60, le=400)] | None = None
    """Days from the anchor's day, at the wall time `at`, or else at the anchor's own."""
    months: Annotated[int, Field(ge=1, le=24)] | None = None
    """Months from the anchor's day, or the last day of that month where it has none such."""
    interval: bool = False
    """When the interval to the next session opens."""
    at: time | None = None
    until: Length | None = None
    """From the anchor: after that it is not sent any more."""
    lasts: Length | None = None
    """From when it was due: after that it is not sent any more."""
    kind: Literal["visit", "care", "offer"]
    template: Template | None = None
    """The packaged sentence, which is there in every language."""
    text: Annotated[str, Field(min_length=1, max_length=1000)] | None = None
    """The clinic's own words instead of the template's; {time}, {day}, {clinic}, {phone}, {emergency} are filled in."""
    buttons: tuple[Answer, ...] = ()
    """What the patient can answer; each has its own handling."""
    daily: bool = True
    """Counts as the one message of a day; those that belong to the visit itself do not."""

    @model_validator(mode="after")
    def _one_time(self) -> Self:
        when = (self.offset is not None, self.day is not None, self.months is not None, self.interval)
        if sum(when) != 1:
            raise ValueError("it needs one of offset, day, months and interval")
        if (self.until is None) == (self.lasts is None):
            raise ValueError("it needs either until or lasts")
        if self.at is not None and self.offset is not None:
            raise ValueError("it has an offset on the clock, so that at means nothing")
        if self.template is None and self.text is None:
            raise ValueError("it needs a text, or one of the packaged templates")
        if self.anchor != "visit" and self.until is not None:
            raise ValueError("it comes after its anchor: use lasts instead of until")
        return self


class Change(Plain):
    """What a clinic changes of a step, or the whole of a new one; `off` leaves it out."""

    id: str
    off: bool = False
    anchor: Any = None
    offset: Any = None
    day: Any = None
    months: Any = None
    interval: Any = None
    at: Any = None
    until: Any = None
    lasts: Any = None
    kind: Any = None
    template: Any = None
    text: Any = None
    buttons: Any = None
    daily: Any = None


_WHEN = ("offset", "day", "months", "interval")
_END = ("until", "lasts")


def overlaid(steps: Iterable[Step], changes: Iterable[Change]) -> tuple[Step, ...]:
    """Return the steps with the changes of a clinic; raises ValueError naming a step that cannot be."""
    found: dict[str, Mapping[str, Any]] = {step.id: step.model_dump(exclude_unset=True) for step in steps}
    for change in changes:
        given = {name: value for name, value in change.model_dump(exclude={"off"}).items() if value is not None}
        if change.off:
            found.pop(change.id, None)
            continue
        before = dict(found.get(change.id, {}))
        for alternatives in (_WHEN, _END):  # another way of saying when replaces the packaged one
            if any(name in given for name in alternatives):
                before = {name: value for name, value in before.items() if name not in alternatives}
        if "offset" in given:
            before.pop("at", None)
        found[change.id] = before | given
    return tuple(_step(one_id, values) for one_id, values in found.items())


def _step(step_id: str, values: Mapping[str, Any]) -> Step:
    try:
        return Step.model_validate(values)
    except ValidationError as error:
        raise ValueError(f"the step {step_id}: {first_problem(error, Step)}") from None


@cache
def packaged() -> tuple[Step, ...]:
    """Return the steps that come with the program."""
    text = resources.files("bot").joinpath("programme.toml").read_text(encoding="utf-8")
    return tuple(Step.model_validate(values) for values in tomllib.loads(text)["programme"])
