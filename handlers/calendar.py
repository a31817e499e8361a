"""Calendars: the buttons of a month's days and of a day's times.

They know nothing of who chooses, or what for: callers hand in what the button of a day, a time or a page sends back.
"""

from collections.abc import Callable, Collection, Iterator, Sequence
from datetime import date, time, timedelta
from itertools import groupby

from bot.clinic.slots import Free
from bot.config import Clinic
from bot.delivery.messages import Button, Rows
from bot.wording import calendar as words
from bot.wording.speech import Speech

NOTHING = "x"
"""What a button sends back that is only there to be looked at."""

UNPAGED = 12
"""Times that stand on one page, whatever part of the day they are in."""
PAGE = 48
"""Times on the page of a part; together with a caller's own buttons, they stay below Telegram's 100."""
SHORT = 5
"""Characters of a time of which four stand in a row."""


def month_rows(
    say: Speech,
    clinic: Clinic,
    shown: date,
    free: Collection[date],
    today: date,
    *,
    day: Callable[[date], str],
    turn: Callable[[date], str],
    earliest: date | None = None,
    latest: date | None = None,
) -> Rows:
    """Return the month that begins on `shown`, in at most 8 rows of 7: only days that are `free` do anything.

    `day` says what a day sends back, `turn` what the first of another month does; nobody turns to a month before that
    of `earliest` (today) or after that of `latest` (the last day the clinic books).
    """
    earliest = earliest or today
    latest = latest or today + timedelta(days=clinic.booking.days_ahead)
    before, after = (shown - timedelta(days=1)).replace(day=1), (shown + timedelta(days=31)).replace(day=1)
    title = (
        *((Button(words.BEFORE, turn(before)),) if shown > earliest else ()),
        Button(words.month(say, shown), NOTHING),
        *((Button(words.AFTER, turn(after)),) if after <= latest else ()),
    )
    names = words.weekdays(say)
    return (
        title,
        tuple(Button(name, NOTHING) for _, name in names),
        *(
            tuple(_day(one, free, today, day) if one.month == shown.month else _NO_DAY for one in week)
            for week in _weeks(shown, after, begins=names[0][0])
            if week[-1] >= earliest and week[0] <= latest
        ),
    )


def time_rows(
    say: Speech,
    free: Sequence[Free],
    part: int | None,
    *,
    time: Callable[[Free], str],
    turn: Callable[[int], str],
    earliest: time | None = None,
) -> Rows:
    """Return a day's free times, three or four in a row, on pages by the part of the day where there are many.

    `time` says what a time sends back, `turn` what a page does; a `part` that is no page is the nearest one. Without a
    `part`, it is the first one that goes beyond `earliest`, or the last.
    """
    pages = _pages(say, free)
    if not pages:
        return ()
    if part is None:
        ends = [times[-1].starts_at.astimezone(say.zone).time() for _, times in pages]
        part = sum(end < earliest for end in ends) if earliest is not None else 0
    part = min(max(part, 0), len(pages) - 1)
    labels = [words.clock(say, one.starts_at) for one in pages[part][1]]
    buttons = [Button(label, time(one)) for label, one in zip(labels, pages[part][1], strict=True)]
    turns = [
        Button(words.shown(label), NOTHING) if number == part else Button(label, turn(number))
        for number, (label, _) in enumerate(pages)
    ]
    across = 4 if max(map(len, labels)) <= SHORT else 3
    return (*_in_rows(buttons, across), *(_in_rows(turns, 3) if len(pages) > 1 else ()))


_NO_DAY = Button(words.NO_DAY, NOTHING)


def _day(one: date, free: Collection[date], today: date, day: Callable[[date], str]) -> Button:
    if one not in free:
        return _NO_DAY
    return Button(words.today(one) if one == today else str(one.day), day(one))


def _weeks(first: date, after: date, *, begins: int) -> Iterator[list[date]]:
    """Yield the weeks that touch the month from `first` to before `after`, each beginning on weekday `begins`."""
    start = first - timedelta(days=(first.weekday() - begins) % 7)
    while start < after:
        yield [start + timedelta(days=ahead) for ahead in range(7)]
        start += timedelta(days=7)


def _pages(say: Speech, free: Sequence[Free]) -> list[tuple[str, Sequence[Free]]]:
    """Return the pages of a day: by its parts, and a part with very many times in several."""
    if len(free) <= UNPAGED:
        return [("", free)] if free else []
    pages: list[tuple[str, Sequence[Free]]] = []
    for part, times in groupby(free, lambda one: words.part_of(say, one.starts_at)):
        of_part = list(times)
        for place in range(0, len(of_part), PAGE):
            page = of_part[place : place + PAGE]
            name = words.from_to(say, page[0].starts_at, page[-1].starts_at)
            pages.append((words.part(say, part) if len(of_part) <= PAGE else name, page))
    return pages


def _in_rows(buttons: Sequence[Button], across: int) -> Rows:
    return tuple(tuple(buttons[place : place + across]) for place in range(0, len(buttons), across))
