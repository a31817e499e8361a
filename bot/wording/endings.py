"""The end of a visit in words: what staff are asked and told, and the kind word to who did not come."""

from datetime import date

from bot.config import Clinic
from bot.delivery.markup import escape
from bot.wording.speech import Speech

NAME_SHOWN = 60
"""Characters of a name."""


def ask(say: Speech, code: str, name: str, what: str, when: str) -> str:
    """Ask how a visit was, once its time is over."""
    head = say._("🕒 <b>How was visit {code}?</b> · {name}").format(code=code, name=_short(name))
    return f"{head}\n{_facts(what, when)}"


def visit(say: Speech, code: str, name: str, what: str, when: str, state: str) -> str:
    """Show a visit and how it ended; `what` and `state` are markup."""
    head = say._("<b>Visit {code}</b> · {name}").format(code=code, name=_short(name))
    return f"{head}\n{_facts(what, when)}\n\n{state}"


def done_button(say: Speech) -> str:
    """Label a visit that took place."""
    return say._("Done")


def missed_button(say: Speech) -> str:
    """Label a visit to which the patient did not come."""
    return say._("Did not come")


def still_here_button(say: Speech) -> str:
    """Label a visit that goes on."""
    return say._("Still here")


def still_here(say: Speech, by: str, again: str) -> str:
    """Say below the question who said that the visit goes on, and when it is asked again."""
    return say._("{name}: still here. This is asked again at {again}.").format(name=_short(by), again=again)


# --- done


def session(say: Speech, number: int, sessions: int | None, *, is_over: bool) -> str:
    """Say which session of how many it was."""
    if sessions is None:
        return say._("<b>Session {number}</b>, of how many?").format(number=number)
    place = say._("<b>Session {number} of {sessions}.</b>").format(number=number, sessions=sessions)
    return f"{place} {say._('It was the last one.')}" if is_over else place


def next_session(say: Speech, weeks: int, opens: date) -> str:
    """Say when the next session is due."""
    length = say.ngettext("in {weeks} week", "in {weeks} weeks", weeks).format(weeks=weeks)
    return say._("<b>Next session</b> {length}: from {day}.").format(length=length, day=say.day(opens))


def no_next_session(say: Speech) -> str:
    """Say that the course is over."""
    return say._("<b>No next session:</b> the course is over, and its last messages are planned.")


def reached_by_telephone(say: Speech) -> str:
    """Say that what would be sent becomes a telephone call."""
    return say._("☎ The patient cannot be reached in Telegram: what would be sent comes to /calls.")


def care_is_late(say: Speech, phone: str) -> str:
    """Say that the card with the signs that need help at once is not sent any more."""
    return say._(
        "☎ It is too late for the care card to be sent. Please tell the patient which signs need help at once: {phone}"
    ).format(phone=escape(phone))


def weeks_button(say: Speech, weeks: int, *, is_chosen: bool) -> str:
    """Label an interval."""
    return _marked(say.ngettext("{weeks} week", "{weeks} weeks", weeks).format(weeks=weeks), is_chosen)


def no_next_button(say: Speech, *, is_chosen: bool) -> str:
    """Label the end of a course."""
    return _marked(say._("No next session"), is_chosen)


def other_weeks_button(say: Speech) -> str:
    """Label an interval that is typed."""
    return say._("Other…")


def sessions_button(say: Speech, sessions: int, *, is_chosen: bool) -> str:
    """Label the length of a course."""
    return _marked(say._("of {sessions}").format(sessions=sessions), is_chosen)


def take_back_button(say: Speech) -> str:
    """Label the undoing of a mistake."""
    return say._("↩ That was a mistake")


def write_weeks(say: Speech, mention: str, code: str, name: str) -> str:
    """Ask a staff member, who is mentioned, for the weeks to the next session."""
    return say._(
        "{who}, reply to this message with the number of weeks until the next session of {name} ({code})."
    ).format(who=mention, name=_short(name), code=code)


def weeks_hint(say: Speech) -> str:
    """Stand in the empty field of the weeks, in at most 64 characters."""
    return say._("Weeks, for example 5")


def no_weeks(say: Speech, most: int) -> str:
    """Ask again for the weeks."""
    return say._("I could not read that. Please reply again with a number of weeks from 1 to {most}.").format(most=most)


# --- did not come


def kind_word_button(say: Speech) -> str:
    """Label the view of a kind message with new times."""
    return say._("Send a kind message…")


def send_button(say: Speech) -> str:
    """Label the sending of what is shown."""
    return say._("Send it")


def back_button(say: Speech) -> str:
    """Label the way back."""
    return say._("« Back")


def would_be_sent(say: Speech, name: str, text: str, times: list[str]) -> str:
    """Show staff what a patient would be sent, in the patient's language, with the times that come as buttons."""
    head = say._("<b>{name} would be sent this:</b>").format(name=_short(name))
    shown = "\n".join([text, *(f"[ {escape(label)} ]" for label in times)])
    return f"{head}\n<blockquote>{shown}</blockquote>"


def was_sent(say: Speech) -> str:
    """Say that the kind message is on its way."""
    return say._("The kind message is on its way to the patient.")


def please_telephone(say: Speech, phone: str) -> str:
    """Say that no message may go to the patient, and the number instead."""
    return say._("☎ No message can go to them here; the number is {phone}").format(phone=escape(phone))


def kind_word(say: Speech, clinic: Clinic, when: str, *, with_times: bool) -> str:
    """Write kindly to a patient who did not come, with free times below where there are some."""
    parts = [
        say._("A note from {clinic}").format(clinic=escape(clinic.name)),
        say._("We missed you on {when}, and hope that all is well.").format(when=when),
    ]
    if with_times:
        parts.append(say._("If you would like another time, these are free; a tap begins a request:"))
    else:
        parts.append(say._("If you would like another time, /book shows what is free."))
    parts.append(say._("If you would rather speak to us, call {phone}.").format(phone=clinic.phone))
    return "\n\n".join(parts)


def _facts(what: str, when: str) -> str:
    return f"{what}\n{when}"


def _marked(label: str, is_chosen: bool) -> str:
    return f"✓ {label}" if is_chosen else label


def _short(text: str) -> str:
    return escape(text if len(text) <= NAME_SHOWN else text[: NAME_SHOWN - 1] + "…")
