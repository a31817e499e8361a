"""The week in numbers in words: the text under the picture, and the words in it."""

from datetime import date, timedelta

from babel.dates import format_interval, format_skeleton
from babel.numbers import format_decimal, format_percent
from babel.units import format_unit

from bot.wording.speech import Speech


def heading(say: Speech, monday: date, *, is_over: bool) -> str:
    """Head the text."""
    if is_over:
        return say._("📊 <b>{week}</b> (in brackets: the week before)").format(week=week(say, monday))
    return say._("📊 <b>{week}, so far</b> (in brackets: the whole week before)").format(week=week(say, monday))


def week(say: Speech, monday: date) -> str:
    """Name a week by its first and its last day."""
    last = monday + timedelta(days=6)
    skeleton = "MMMMd" if monday.year == last.year else "yMMMMd"
    found: str = format_interval(monday, last, skeleton, locale=say.locale)
    return found


def day(say: Speech, monday: date) -> str:
    """Return a day as briefly as can be."""
    found: str = format_skeleton("Md", monday, locale=say.locale)
    return found


def quiet(say: Speech, monday: date) -> str:
    """Say that there is nothing to say."""
    return say._("📊 {week}: a quiet week, nothing to report.").format(week=week(say, monday))


def number(say: Speech, count: int) -> str:
    """Return a count as this language writes it."""
    found: str = format_decimal(count, locale=say.locale)
    return found


def name(say: Speech, what: str) -> str:
    """Name a number, in the text and in the picture."""
    return {
        "requests": say._("Requests"),
        "entered": say._("Entered by you"),
        "confirmed": say._("Confirmed"),
        "moved": say._("Asked to move"),
        "declined": say._("Declined"),
        "expired": say._("Expired"),
        "cancelled": say._("Cancelled"),
        "done": say._("Visits done"),
        "missed": say._("No-shows"),
        "new_patients": say._("New patients"),
        "alerts": say._("Possible emergencies"),
    }[what]


def count(say: Speech, what: str, now: int, before: int, note: str = "") -> str:
    """Return a number, and the one of the week before."""
    line = f"{name(say, what)} <b>{number(say, now)}</b> ({number(say, before)})"
    return f"{line}, {note}" if note else line


def decided(say: Speech, now: timedelta | None, before: timedelta | None) -> str:
    """Say how fast staff decide."""
    return say._("Half were decided within <b>{now}</b> of opening hours ({before})").format(
        now=_length(say, now), before=_length(say, before)
    )


def by_whom(say: Speech, patients: int, staff: int) -> str:
    """Say who cancelled."""
    return say._("{patients} by patients, {staff} by the clinic").format(
        patients=number(say, patients), staff=number(say, staff)
    )


def share(say: Speech, now: float | None, before: float | None) -> str:
    """Say how many of the visits were missed."""
    return f"{_percent(say, now)} ({_percent(say, before)})"


def undelivered(say: Speech, now: int, before: int, to_call: int) -> str:
    """Say how many messages did not arrive, and how many people are still to be telephoned."""
    line = say._("Messages that did not arrive <b>{now}</b> ({before})").format(
        now=number(say, now), before=number(say, before)
    )
    if not to_call:
        return line
    people = say.ngettext("{count} person to telephone: /calls", "{count} people to telephone: /calls", to_call)
    return f"{line}, " + people.format(count=number(say, to_call))


def questions(say: Speech, now: int, before: int, left_open: int, left_open_before: int) -> str:
    """Say how many questions there were, and how many had no answer."""
    return say._(
        "Questions <b>{now}</b> ({before}), without a good answer <b>{left}</b> ({left_before}): /gaps"
    ).format(
        now=number(say, now),
        before=number(say, before),
        left=number(say, left_open),
        left_before=number(say, left_open_before),
    )


def ratings(say: Speech, helpful: int, helpful_before: int, unhelpful: int, unhelpful_before: int) -> str:
    """Say what patients said of the answers."""
    return say._("Answers rated 👍 <b>{yes}</b> ({yes_before}), 👎 <b>{no}</b> ({no_before})").format(
        yes=number(say, helpful),
        yes_before=number(say, helpful_before),
        no=number(say, unhelpful),
        no_before=number(say, unhelpful_before),
    )


def seen(say: Speech, longest: timedelta | None, unseen: int) -> str:
    """Say how long a possible emergency waited for somebody."""
    parts = []
    if longest is not None:
        parts.append(say._("seen to within {time} at the longest").format(time=_length(say, longest)))
    if unseen:
        parts.append(say.ngettext("{count} not acknowledged", "{count} not acknowledged", unseen).format(count=unseen))
    return ", ".join(parts)


def picture_note(say: Speech, clinic: str) -> str:
    """Explain the picture in a line under its title."""
    return say._("{clinic} · grey: the week before").format(clinic=clinic)


def picture_visits(say: Speech) -> str:
    """Head the columns."""
    return say._("Visits, week by week")


def picture_done(say: Speech) -> str:
    """Name the lower part of a column, in a word or two under its number."""
    return say._("done")


def picture_missed(say: Speech) -> str:
    """Name the upper part of a column."""
    return say._("no-shows")


def earlier_button(say: Speech) -> str:
    """Label the way to the week before."""
    return say._("‹ Week before")


def later_button(say: Speech) -> str:
    """Label the way to the week after."""
    return say._("Week after ›")


def try_again(say: Speech) -> str:
    """Say, in at most 200 characters, that a page did not come."""
    return say._("Telegram did not take this just now. Please try again in a minute.")


def _length(say: Speech, length: timedelta | None) -> str:
    """Return a time in hours and minutes; a dash for none."""
    if length is None:
        return "–"
    hours, minutes = divmod(round(length.total_seconds() / 60), 60)
    parts = [
        format_unit(amount, f"duration-{unit}", "short", locale=say.locale)
        for amount, unit in ((hours, "hour"), (minutes, "minute"))
        if amount or (unit == "minute" and not hours)
    ]
    return " ".join(parts)


def _percent(say: Speech, share: float | None) -> str:
    found: str = format_percent(share, locale=say.locale) if share is not None else "–"
    return found
