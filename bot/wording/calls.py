"""The call list in words."""

from collections.abc import Sequence

from bot.delivery.markup import escape
from bot.wording.speech import Speech

NAME_SHOWN = 40
"""Characters of a name in the list."""


def heading(say: Speech, count: int) -> str:
    """Head the list."""
    if not count:
        return say._("☎ <b>Nobody is to be telephoned.</b>")
    people = say.ngettext("{count} person to telephone", "{count} people to telephone", count).format(count=count)
    return f"☎ <b>{people}</b>"


def line(say: Speech, place: int, name: str, phone: str, visit: str, reasons: Sequence[str]) -> str:
    """Show whom to telephone, about which visit, and why."""
    head = f"{place}. <b>{_short(name)}</b> · {escape(phone)}"
    return "\n".join((head, f"    {visit}", *(f"    • {reason}" for reason in reasons)))


def visit(say: Speech, treatment: str, when: str, code: str) -> str:
    """Name the visit that a call is about."""
    return f"{_short(treatment)} · {when} · <code>{code}</code>"


def reason(say: Speech, what: str, why: str) -> str:
    """Say what somebody was not told, and why."""
    return f"{step(say, what)}: {_why(say, why)}"


def more_reasons(say: Speech, count: int) -> str:
    """Stand for reasons that are left out."""
    return say.ngettext("and {count} more message", "and {count} more messages", count).format(count=count)


def step(say: Speech, name: str) -> str:
    """Name a follow-up; a clinic's own one by its id."""
    names = {
        "before-3-days": say._("reminder, 3 days before"),
        "before-1-day": say._("reminder, the day before"),
        "before-2-hours": say._("reminder, 2 hours before"),
        "care-card": say._("aftercare card"),
        "check-1-day": say._("check-in, the day after"),
        "check-3-days": say._("check-in, 3 days after"),
        "next-session": say._("next session"),
        "late-4-weeks": say._("late check, 4 weeks"),
        "late-12-weeks": say._("late check, 12 weeks"),
        "results": say._("results and review"),
        "staff": say._("staff's own words"),
        "visit": say._("visit soon"),
        "answers": say._("health questions before the visit"),
        "care": say._("care after a visit"),
        "confirmed": say._("confirmation of the visit"),
        "cancelled": say._("that the visit is cancelled"),
        "declined": say._("that the request is declined"),
        "proposed": say._("another time for the visit"),
        "expired": say._("that the request has ended"),
        "news": say._("news of the visit"),
        "cannot come": say._("cannot come"),
        "another time": say._("needs another time"),
        "message": say._("a message"),
    }
    return names.get(name) or escape(name)


def _why(say: Speech, why: str) -> str:
    return {
        "blocked": say._("has blocked the bot"),
        "gone": say._("has left Telegram"),
        "uncertain": say._("may not have arrived"),
        "refused": say._("Telegram did not take it"),
        "never joined": say._("has no chat with the bot"),
        "unopened": say._("has not opened the link to this chat"),
        "asked for it": say._("wrote so here, too near to the visit to change it alone"),
        "withdrawn": say._("does not want it here any more"),
        "held back": say._("held back: a problem is open, or the messages are paused"),
    }.get(why) or escape(why)


def tick_button(say: Speech, place: int, name: str) -> str:
    """Label the tick of a line."""
    return f"✓ {place} · {_cut(name, 24)}"


def record_button(say: Speech) -> str:
    """Label the way to a patient's record."""
    return say._("Record")


def made(say: Speech, entries: Sequence[str]) -> str:
    """Show who was telephoned today."""
    return f"<b>{say._('Today:')}</b>\n" + "\n".join(entries)


def made_line(say: Speech, name: str, by: str | None, at: str) -> str:
    """Say who telephoned whom, and when."""
    if by is None:
        return say._("✓ {name} can be reached in Telegram now ({at})").format(name=_short(name), at=at)
    return say._("✓ {name}, by {by} ({at})").format(name=_short(name), by=_short(by), at=at)


def somebody_was_first(say: Speech, by: str | None) -> str:
    """Say, in at most 200 characters, that this call is not to be made any more."""
    if by is None:
        return say._("This call is not on the list any more.")
    return say._("{name} has made this call already.").format(name=by[:64])


def page(say: Speech, number: int, count: int) -> str:
    """Say which part of the list this is."""
    return say._("Page {number} of {count}").format(number=number, count=count)


def _short(text: str) -> str:
    return escape(_cut(text, NAME_SHOWN))


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else text[: most - 1] + "…"
