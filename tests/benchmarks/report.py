"""What the sections of the benchmark share: how much is measured, and the lines of the table."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import median


@dataclass(frozen=True, slots=True)
class Plan:
    """How much is measured."""

    updates: int
    turns: int
    messages: int
    future: int
    """Follow-ups that are planned for later."""
    met: int
    """Chats that write before memory is read again."""

    @property
    def chats(self) -> int:
        """Chats that write: two updates each, which no limit of one chat holds back."""
        return self.updates // 2


FULL = Plan(updates=600, turns=3, messages=800, future=1_000_000, met=1000)
QUICK = Plan(updates=120, turns=2, messages=200, future=100_000, met=200)


@dataclass(frozen=True, slots=True)
class Row:
    """A line of the table; `met` is None where there is no target."""

    what: str
    here: str = ""
    """The figure itself, which belongs to this machine and this hour."""
    target: str = ""
    ratio: str = ""
    spread: str = ""
    """The least and the greatest ratio of the turns."""
    met: bool | None = None


def compared(
    what: str,
    figures: Sequence[float],
    others: Sequence[float],
    here: str,
    *,
    style: str = "{:.2f}x",
    least: float | None = None,
) -> Row:
    """Return a line for `figures` beside those of `others` in the same turns; `here` formats the figure itself."""
    ratios = [one / other for one, other in zip(figures, others, strict=True)]
    spread = f"{style.format(min(ratios))}, {style.format(max(ratios))}"
    target, met = ("", None) if least is None else (f">= {style.format(least)}", median(ratios) >= least)
    return Row(what, here.format(median(figures)), target, style.format(median(ratios)), spread, met)


def show(title: str, rows: Iterable[Row]) -> None:
    """Print one section of the table."""
    print(f"\n{title:<66}{'here':>10}{'aim':>10}{'':>5}{'ratio':>8}{'min, max':>16}", flush=True)
    for row in rows:
        verdict = {True: "yes", False: "NO", None: ""}[row.met]
        line = f"  {row.what:<64}{row.here:>10}{row.target:>10}{verdict:>5}{row.ratio:>8}{row.spread:>16}"
        print(line.rstrip(), flush=True)
