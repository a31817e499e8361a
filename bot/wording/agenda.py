"""What staff read about days: lists of visits, blocked time, and what was understood of the times they write."""

from collections.abc import Sequence
from datetime import date, datetime, time

from bot.delivery.markup import escape
from bot.wording.speech import Speech

NAME_SHOWN = 40
"""Characters of a name in a list."""
REASON_SHOWN = 80
ICONS = {"requested": "⏳", "proposed": "🔁", "confirmed": "✅", "completed": "☑️", "no_show": "🚫"}
"""A visit's state in a list; what has ended without a visit has the cross."""


def visit(
    say: Speech,
    place: int,
    status: str,
    at: str,
    name: str,
    treatment: str,
    practitioner: str,
    code: str,
    *,
    is_flagged: bool,
    note: str = "",
) -> str:
    """Return a visit's line in a list."""
    flag = " ⚠️" if is_flagged else ""
    what = say._("{treatment} with {practitioner}").format(
        treatment=_short(treatment), practitioner=_short(practitioner)
    )
    line = f"{place}. {ICONS.get(status, '✖️')} <b>{at}</b> {_short(name)}{flag} · {what} · <code>{code}</code>"
    return f"{line}\n    {note}" if note else line


def moving_to(say: Speech, when: str) -> str:
    """Say that a confirmed visit may move to another time."""
    return say._("another time is being decided: {when}").format(when=when)


def moving_from(say: Speech, when: str) -> str:
    """Say from where a visit would move here."""
    return say._("instead of {when}").format(when=when)


def is_coming(say: Speech) -> str:
    """Say that the patient has confirmed."""
    return say._("👍 says that they come")


def no_answer(say: Speech) -> str:
    """Say that the patient has not said whether they come."""
    return say._("no answer yet")


def not_reached(say: Speech) -> str:
    """Say that the patient was not asked here."""
    return say._("☎ not reached in Telegram")


def unmarked(say: Speech) -> str:
    """Head the visits of which nobody has said how they were."""
    return say._("<b>Over, and nobody said how they were</b> (no aftercare goes out until then)")


def since(say: Speech, when: str) -> str:
    """Say how long a request has waited."""
    return say._("waiting since {when}").format(when=when)


def pending(say: Speech, count: int) -> str:
    """Head the requests that wait for a decision."""
    if not count:
        return say._("No request is waiting for a decision.")
    return (
        "<b>"
        + say.ngettext("{count} request waits for a decision", "{count} requests wait for a decision", count).format(
            count=count
        )
        + "</b>"
    )


def alarms(say: Speech) -> str:
    """Head the possible emergencies that nobody has closed."""
    return "<b>" + say._("Possible emergencies, not closed: nothing planned goes to these patients") + "</b>"


def alarm(say: Speech, name: str, since: str, by: str | None) -> str:
    """Say whose possible emergency is open, since when, and who took it up."""
    name, since = _short(name), escape(since)
    if by is None:
        return say._("🔴 {name}, {since}: nobody is on it").format(name=name, since=since)
    return say._("{name}, {since}: {by} took it up").format(name=name, since=since, by=_short(by))


def numbered(place: int, line: str) -> str:
    """Give a line the number that its button has."""
    return f"{place}. {line}"


def settled_button(say: Speech, place: int) -> str:
    """Label the end of the possible emergency of that number."""
    return say._("{number}: settled").format(number=place)


def day(say: Speech, on: date, today: date) -> str:
    """Head a day."""
    return f"<b>{say.day(on)}</b>" + (f" – {say._('today')}" if on == today else "")


def nothing(say: Speech, *, is_open: bool, reason: str = "") -> str:
    """Say that a day is empty."""
    if is_open:
        return say._("no visits")
    return say._("closed") + (f" ({escape(reason)})" if reason else "")


def press_a_number(say: Speech) -> str:
    """Explain the numbers under a list."""
    return say._("A number opens the card.")


def page(say: Speech, number: int, count: int) -> str:
    """Say which part of a list this is."""
    return say._("Page {number} of {count}").format(number=number, count=count)


def found(say: Speech, text: str, count: int, most: int) -> str:
    """Head what was found."""
    if not count:
        return say._("Nothing was found for “{text}”.").format(text=_short(text))
    if count >= most:
        return say._("<b>The first {count} for “{text}”</b>; write more of the name to see fewer.").format(
            count=count, text=_short(text)
        )
    return (
        "<b>"
        + say.ngettext("{count} visit for “{text}”", "{count} visits for “{text}”", count).format(
            count=count, text=_short(text)
        )
        + "</b>"
    )


def how_to_find(say: Speech) -> str:
    """Explain /find."""
    return say._("Write a name, a telephone number or a code behind it, for example <code>/find nowak</code>.")


# --- blocked time


def span(say: Speech, starts_at: datetime, ends_at: datetime) -> str:
    """Return a blocked time as "Tuesday, 24 November, 13:00–15:00"."""
    first, last = starts_at.astimezone(say.zone), ends_at.astimezone(say.zone)
    if first.time() == last.time() == time():
        return say._("{day}, all day").format(day=say.day(first.date()))
    return f"{say.day(first.date())}, {_hours(first, last)}"


def block(say: Speech, starts_at: datetime, ends_at: datetime, whose: str | None, reason: str) -> str:
    """Return a blocked time's line under its day."""
    first, last = starts_at.astimezone(say.zone), ends_at.astimezone(say.zone)
    whole = first.time() == last.time() == time()
    return f"⛔ {say._('all day') if whole else _hours(first, last)} {_whose(say, whose)}{_why(reason)}"


def ask_to_block(say: Speech, when: str, whose: str | None, reason: str) -> str:
    """Show what was understood before it is done; the reason stands in a quotation of its own."""
    question = say._("Block <b>{when}</b> {whose}?").format(when=when, whose=_whose(say, whose))
    return f"{question}\n<blockquote>{escape(reason)}</blockquote>" if reason else question


def block_example(say: Speech) -> str:
    """Say how a part of a day is blocked, where none was read."""
    return say._("For a part of the day write it with the time, for example {example}.").format(
        example="<code>/block tomorrow 13-15 lunch</code>"
    )


def yes_button(say: Speech) -> str:
    """Label the yes to what was understood."""
    return say._("Yes")


def no_button(say: Speech) -> str:
    """Label the no to what was understood."""
    return say._("No")


def not_blocked(say: Speech) -> str:
    """Confirm the no."""
    return say._("Nothing was blocked.")


def blocked(say: Speech, when: str, whose: str | None, reason: str, author: str) -> str:
    """Confirm a blocked time."""
    return say._("⛔ Blocked by {name}: <b>{when}</b> {whose}").format(
        name=_short(author), when=when, whose=_whose(say, whose)
    ) + _why(reason)


def unblocked(say: Speech, when: str, whose: str | None, author: str) -> str:
    """Confirm that a time is free again."""
    return say._("Free again: <b>{when}</b> {whose} ({name})").format(
        name=_short(author), when=when, whose=_whose(say, whose)
    )


def inside(say: Speech, count: int) -> str:
    """Warn of the visits in a blocked time; they stay until something is done."""
    return say.ngettext(
        "⚠️ <b>{count} visit is in this time and stays there:</b>",
        "⚠️ <b>{count} visits are in this time and stay there:</b>",
        count,
    ).format(count=count)


def and_more(say: Speech, count: int) -> str:
    """Say how many are not listed."""
    return say.ngettext("and {count} more", "and {count} more", count).format(count=count)


def offer_button(say: Speech, count: int) -> str:
    """Label asking the patients in a blocked time to choose another one."""
    return say.ngettext("Offer another time", "Offer each another time", count)


def unblock_button(say: Speech, place: int | None = None) -> str:
    """Label the end of a blocked time."""
    return say._("Unblock {place}").format(place=place) if place else say._("Unblock")


def asked(say: Speech, count: int, before: int) -> str:
    """Confirm how many patients were asked to choose another time."""
    told = say.ngettext(
        "{count} patient was asked to choose another time.",
        "{count} patients were asked to choose another time.",
        count,
    ).format(count=count)
    if before:
        told += " " + say.ngettext("{count} had been asked before.", "{count} had been asked before.", before).format(
            count=before
        )
    return told


def no_blocks(say: Speech) -> str:
    """Say that no time is blocked."""
    return say._("No time is blocked. Example: <code>/block tomorrow 13-15 lunch</code>")


def blocks(say: Speech) -> str:
    """Head the blocked times."""
    return say._("<b>Blocked time</b>")


def block_line(say: Speech, place: int, when: str, whose: str | None, reason: str, author: str) -> str:
    """Return a blocked time's line in the list of them."""
    return f"{place}. {when} {_whose(say, whose)}{_why(reason)} · {_short(author)}"


def block_gone(say: Speech) -> str:
    """Explain, in at most 200 characters, that the time is not blocked any more."""
    return say._("This time is not blocked any more, or it is over.")


def how_to_block(say: Speech, practitioners: Sequence[str]) -> str:
    """Explain /block."""
    lines = [
        say._("Write a day, a time and a reason, for example:"),
        "<code>/block tomorrow 13-15 lunch</code>",
        "<code>/block fri 9:00-12:30 training</code>",
        "<code>/block 24.12. all day</code>",
        say._("/blocks lists what is blocked, with a button to free it."),
    ]
    if len(practitioners) > 1:
        whose = say._("Without a name it is everybody's time; one of these at the end makes it theirs: {names}.")
        lines.insert(-1, whose.format(names=escape(say.listed(practitioners))))
    return "\n".join(lines)


def no_day(say: Speech, command: str) -> str:
    """Explain that no day was understood."""
    example = "/close 24.12. works" if command == "close" else "/block tomorrow 13-15 lunch"
    return say._("I did not understand the day. Example: <code>{example}</code>").format(example=example)


def no_span(say: Speech) -> str:
    """Explain that the time is none."""
    return say._("The time must end after it begins, for example: <code>/block tomorrow 13-15 lunch</code>")


def past(say: Speech) -> str:
    """Explain that the time is over."""
    return say._("That time is over already.")


def how_to_close(say: Speech) -> str:
    """Explain /close."""
    return say._(
        "Write a day and a reason, for example <code>/close 24.12. works</code>. Nothing can be booked on that day "
        "then; visits that are in it are listed, and stay until you move them."
    )


def _hours(first: datetime, last: datetime) -> str:
    return f"{first:%H:%M}–{last:%H:%M}"


def _whose(say: Speech, name: str | None) -> str:
    return say._("for {name}").format(name=_short(name)) if name else say._("for everybody")


def _why(reason: str) -> str:
    shown = reason if len(reason) <= REASON_SHOWN else reason[: REASON_SHOWN - 1] + "…"
    return f" ({escape(shown)})" if reason else ""


def _short(text: str) -> str:
    return escape(text if len(text) <= NAME_SHOWN else text[: NAME_SHOWN - 1] + "…")
