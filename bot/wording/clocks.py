"""The clock and the zone, as staff are told of them."""

from collections.abc import Sequence
from datetime import datetime

from bot.delivery.markup import escape
from bot.wording.speech import Speech

NAME_SHOWN = 40
"""Characters of a name in the list."""


def in_doubt(say: Speech, shown: datetime, counted: datetime, minutes: int) -> str:
    """Say that the clock has jumped, what is held back, and what to do about it."""
    head = say._("🕰 <b>The clock of the computer that runs the bot has jumped ahead.</b>")
    told = say._("It says <b>{shown}</b>. By the seconds that have passed it should be {counted}.").format(
        shown=say.instant(shown), counted=say.instant(counted)
    )
    held = say._(
        "Until that is clear I send no reminders and follow-ups, and let no request or offer end. "
        "I go on answering patients, taking bookings and calling you in an emergency."
    )
    what = say._(
        "Please look at a telephone. If the first time is right, press the button. If it is not, have the computer's "
        "clock set (on Linux: <code>timedatectl set-ntp true</code>); then I go on by myself. If nobody does anything "
        "and the clock stays as it is, I go by it after {minutes} minutes."
    ).format(minutes=minutes)
    return f"{head}\n{told}\n\n{held}\n\n{what}"


def right_button(say: Speech) -> str:
    """Label the button that says that the clock is right."""
    return say._("The time is right: go on")


def noted(say: Speech) -> str:
    """Say that the clock is relied on again in a moment."""
    return say._("Thank you. In a few seconds I go on.")


def relied_on(say: Speech, shown: datetime) -> str:
    """Say in the place of the alarm that it is over."""
    return say._(
        "🕰 The clock had jumped ahead. It says {shown} now, and reminders and follow-ups are sent again."
    ).format(shown=say.instant(shown))


def zone_changed(say: Speech, before: str, after: str, visits: int, blocks: int, steps: int) -> str:
    """Head the message about another zone."""
    head = say._("🌍 <b>The clinic's time zone is {after} now</b> (it was {before}).").format(
        before=escape(before), after=escape(after)
    )
    kept = say._("All times on the clock stay as they were agreed: a visit at 10:00 is at 10:00.")
    counted = (
        say.ngettext("{count} visit", "{count} visits", visits).format(count=visits),
        say.ngettext("{count} blocked time", "{count} blocked times", blocks).format(count=blocks),
        say.ngettext("{count} message to come", "{count} messages to come", steps).format(count=steps),
    )
    went_along = say._("What went along: {things}.").format(things=say.listed(counted))
    return f"{head}\n{kept}\n{went_along}"


def visits_head(say: Speech) -> str:
    """Head the visits."""
    return say._("Visits:")


def visit(say: Speech, name: str, when: datetime, code: str) -> str:
    """Show a visit with its time on the clock."""
    shown = name if len(name) <= NAME_SHOWN else name[:NAME_SHOWN] + "…"
    return f"• {say.instant(when)} · {escape(shown)} · <code>{escape(code)}</code>"


def and_more(say: Speech, count: int) -> str:
    """Stand for visits that are left out."""
    return say.ngettext("and {count} more", "and {count} more", count).format(count=count)


def shifted(say: Speech, lines: Sequence[str]) -> str:
    """Name the visits whose time on the clock could not stay."""
    head = say._("⚠️ On these days the clock is put forward and skips the time. Please call and agree on another one:")
    return "\n".join((head, *lines))


def overlapping(say: Speech, lines: Sequence[str]) -> str:
    """Name the visits that share time with another one now."""
    head = say._("⚠️ These share time with another visit now, because the clock changes between them. Please call:")
    return "\n".join((head, *lines))
