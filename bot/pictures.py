"""Pictures for staff: plain values become a small PNG, drawn as SVG and made into pixels by resvg in a program of its
own, since nothing else in this one could run meanwhile.

They are made for a telephone: light, few colours that everybody can tell apart (Okabe and Ito's blue and vermilion),
every number beside what it measures. The letters come with the program, Latin, Greek and Cyrillic; what is written
in others is not drawn at all, since a gap in a word is worse than no picture.
"""

import re
import subprocess
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape

from bot import into_pixels

WIDTH, MARGIN = 900, 56
ROOM = WIDTH - 2 * MARGIN
INK, SOFT, GREY, PAPER = "#1b1f24", "#5f6873", "#a3abb5", "#ffffff"
BLUE, PALE_BLUE, ORANGE, PALE_ORANGE = "#0072b2", "#9cc7e0", "#d55e00", "#f0b48a"
WRITTEN = re.compile(
    "[\u0020-\u007e\u00a0-\u024f\u0384-\u0386\u0388-\u038a\u038c\u038e-\u03a1\u03a3-\u03ce\u0400-\u045f\u0490-\u0493"
    "\u0496-\u04ff\u1e80-\u1e85\u1e9e\u1ea0-\u1ef9\u2009\u2013\u2014\u2018-\u201e\u2022\u2026\u20ac\u2212]*"
)
"""What the letters can write."""
_BROAD = 0.6
"""A letter's width at most, on an average of words, in its size."""


@dataclass(frozen=True, slots=True)
class Bar:
    """A number beside the one before it, and both as they are written."""

    label: str
    value: int
    before: int
    written: str
    written_before: str


@dataclass(frozen=True, slots=True)
class Column:
    """A week's visits, which were `done` or `missed`; a week of which nothing is known is left out."""

    label: str
    done: int
    missed: int
    written_done: str
    written_missed: str


@dataclass(frozen=True, slots=True)
class Week:
    """A week in a picture: what it is about, its bars, and columns of which the last is its own."""

    title: str
    note: str
    bars: Sequence[Bar]
    heading: str
    done: str
    missed: str
    columns: Sequence[Column]
    places: int
    """For columns, the empty ones included."""


def week(drawn: Week) -> bytes | None:
    """Draw a week as PNG; None where it holds letters that cannot be drawn.

    Takes a fifth of a second, and raises CalledProcessError where the drawing program failed.
    """
    parts = [_text(MARGIN, 84, drawn.title, 48, bold=True), _text(MARGIN, 130, drawn.note, 28, SOFT)]
    y = 196
    longest = max((max(bar.value, bar.before) for bar in drawn.bars), default=0) or 1
    column = max((len(bar.written_before) for bar in drawn.bars), default=0) * 17 + 24
    for bar in drawn.bars:
        parts += _bar(bar, y, longest, column)
        y += 80
    if any(one.done or one.missed for one in drawn.columns):
        parts.append(_text(MARGIN, y + 26, drawn.heading, 34, bold=True))
        y += 86 + _TALL
        parts += _columns(drawn, y)
        y += 80
    return _png(parts, y)


def _bar(bar: Bar, y: int, longest: int, column: int) -> Iterable[str]:
    """Draw a line of words over a bar, and under it, thin, what it was before; `column` is that number's room."""
    yield _text(MARGIN, y, bar.label, 32)
    yield _text(WIDTH - MARGIN - column, y, bar.written, 34, bold=True, anchor="end")
    yield _text(WIDTH - MARGIN, y, bar.written_before, 30, SOFT, anchor="end")
    yield from _box(MARGIN, y + 14, ROOM * bar.value / longest, 18, BLUE)
    yield from _box(MARGIN, y + 35, ROOM * bar.before / longest, 6, GREY)


_TALL, _AT_SIDE = 230, 190
"""The tallest column, and the room beside the last one."""


def _columns(drawn: Week, foot: int) -> Iterable[str]:
    """Draw the columns, the words for their parts beside the last one."""
    pitch = (ROOM - _AT_SIDE) / drawn.places
    broad = pitch - 16
    tallest = max((one.done + one.missed for one in drawn.columns), default=0) or 1
    yield f'<path d="M{MARGIN} {foot + 1}h{ROOM - _AT_SIDE}" stroke="{SOFT}" stroke-width="2"/>'
    for place, one in enumerate(drawn.columns, drawn.places - len(drawn.columns)):
        x, is_own = MARGIN + place * pitch + 8, place == drawn.places - 1
        middle = x + broad / 2
        done, missed = ((_TALL - 3) * count / tallest for count in (one.done, one.missed))
        over = foot - done - 3 - missed
        yield from _box(x, foot - done, broad, done, BLUE if is_own else PALE_BLUE)
        yield from _box(x, over, broad, missed, ORANGE if is_own else PALE_ORANGE)
        yield _text(middle, foot + 36, one.label, 24, INK if is_own else SOFT, bold=is_own, anchor="middle")
        if not is_own:
            yield _text(middle, over - 10, one.written_done, 24, SOFT, anchor="middle")
            continue
        side = x + broad + 18
        low = min(foot - done / 2, foot - 36)
        high = min(over + missed / 2, low - 78)
        for y, written, words, colour in (
            (low, one.written_done, drawn.done, BLUE),
            (high, one.written_missed, drawn.missed, ORANGE),
        ):
            yield _text(side, y, written, 36, colour, bold=True)
            yield _text(side, y + 32, words, 26, colour, most=_AT_SIDE)


# --- the pen


def _text(
    x: float, y: float, text: str, size: int, colour: str = INK, *, bold: bool = False, anchor: str = "start",
    most: float = ROOM,
) -> str:  # fmt: skip
    """Write a line that is at most `most` wide: smaller where it must be."""
    broad = len(text) * size * _BROAD
    size = max(int(size * most / broad), size * 2 // 3) if broad > most else size
    weight = ' font-weight="700"' if bold else ""
    place = f'x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-size="{size}" fill="{colour}"'
    return f"<text {place}{weight}>{escape(text)}</text>"


def _box(x: float, y: float, broad: float, tall: float, colour: str) -> Iterable[str]:
    """Draw what is there, so that it can be seen; nothing for nothing."""
    if broad > 0 and tall > 0:
        broad, tall = max(broad, 4), max(tall, 4)
        yield f'<rect x="{x:.1f}" y="{y:.1f}" width="{broad:.1f}" height="{tall:.1f}" rx="3" fill="{colour}"/>'


def _png(parts: Iterable[str], height: int) -> bytes | None:
    drawn = "".join(parts)
    if not WRITTEN.fullmatch(drawn):
        return None
    frame = f'width="{WIDTH}" height="{height}" viewBox="0 0 {WIDTH} {height}" font-family="Roboto"'
    paper = f'<rect width="{WIDTH}" height="{height}" fill="{PAPER}"/>'
    svg = f'<svg xmlns="http://www.w3.org/2000/svg" {frame}>{paper}{drawn}</svg>'
    command = [sys.executable, "-P", into_pixels.__file__]
    return subprocess.run(command, input=svg.encode(), stdout=subprocess.PIPE, check=True).stdout  # noqa: S603  our own
