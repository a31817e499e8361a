"""A patient's settings and plan in words."""

from collections.abc import Sequence
from datetime import datetime, time

from bot.config import Clinic
from bot.delivery.markup import escape
from bot.wording.speech import Speech


def settings(say: Speech, clinic: Clinic, language: str, quiet: str, *, own_quiet: bool, several: bool) -> str:
    """Show the settings; the buttons below turn things on and off."""
    lines = [say._("<b>Your settings</b>")]
    if several:
        lines.append(say._("Language: {language}").format(language=escape(language)))
    hours = say._("Quiet hours: {hours}") if own_quiet else say._("Quiet hours: {hours} (the clinic's)")
    lines.append(hours.format(hours=quiet))
    lines.append(
        say._("Safety texts, and answers to what you write, always come. Times are those of {clinic}.").format(
            clinic=escape(clinic.name)
        )
    )
    return "\n\n".join(lines)


def switch(say: Speech, purpose: str, *, on: bool) -> str:
    """Label a switch with what it is for, and how it stands."""
    names = {
        "reminders": say._("Reminders before a visit"),
        "follow-up": say._("Care messages after a visit"),
        "offers": say._("Offers of a next session"),
    }
    return f"{'✅' if on else '⬜'} {names[purpose]}"


def quiet_button(say: Speech) -> str:
    """Label the choice of quiet hours."""
    return say._("Quiet hours…")


def language_button(say: Speech) -> str:
    """Label the choice of the language, so that whoever reads another one finds it, too."""
    label = say._("Language…")
    return label if label == "Language…" else f"{label} / Language…"


def back_button(say: Speech) -> str:
    """Label the way back to the settings."""
    return say._("« Back")


def ask_quiet(say: Speech) -> str:
    """Ask for the hours without messages."""
    return say._("Between which hours shall I not write to you? Answers to what you write always come.")


def span(say: Speech, begins: time, ends: time) -> str:
    """Return hours as "21:00–08:00"."""
    if begins == ends:
        return say._("none")
    return f"{say.clock(begins)}–{say.clock(ends)}"


def the_clinics(say: Speech, hours: str) -> str:
    """Label the clinic's own quiet hours."""
    return say._("As the clinic: {hours}").format(hours=hours)


def ask_language(say: Speech) -> str:
    """Ask for the language."""
    return say._("Which language shall I use?")


def language_name(say: Speech) -> str:
    """Return a language's own name for itself."""
    name = say.locale.get_language_name(say.language) or say.language
    return name[:1].upper() + name[1:]


def as_telegram(say: Speech) -> str:
    """Label the language of the person's Telegram."""
    return say._("As in my Telegram")


def chosen(label: str) -> str:
    """Mark what is set now."""
    return f"• {label} •"


# --- the plan


def plan(say: Speech, entries: Sequence[str], *, held_back: bool) -> str:
    """Show what is coming."""
    if not entries:
        return say._("Nothing is planned for you at the moment. /book begins a booking.")
    parts = [say._("<b>What is coming</b>"), *entries]
    if held_back:
        parts.append(say._("⏸ Messages of your plan are paused until the clinic has looked after you."))
    parts.append(say._("/settings changes what you get."))
    return "\n\n".join(parts)


def visit_line(say: Speech, starts_at: datetime, what: str, *, is_sure: bool) -> str:
    """Head a visit to come."""
    line = f"🗓 <b>{say.instant(starts_at)}</b>\n{escape(what)}"
    return line if is_sure else f"{line}\n{say._('not confirmed yet')}"


def course_line(say: Speech, treatment: str, done: int, sessions: int | None) -> str:
    """Head a course that goes on."""
    if sessions is None:
        return say.ngettext(
            "<b>{treatment}</b>: {count} session done", "<b>{treatment}</b>: {count} sessions done", done
        ).format(treatment=escape(treatment), count=done)
    place = say._("<b>{treatment}</b>: session {done} of {sessions} is done").format(
        treatment=escape(treatment), done=done, sessions=sessions
    )
    return f"{place}\n{'●' * done}{'○' * (sessions - done)}" if sessions <= 20 else place


def treated_line(say: Speech, what: str, starts_at: datetime) -> str:
    """Head what is still to be sent after a visit that has been."""
    return say._("After your visit on {day}: {what}").format(
        day=say.day(starts_at.astimezone(say.zone).date()), what=escape(what)
    )


def next_line(say: Speech, opens: datetime) -> str:
    """Say from when the next session may be."""
    return say._("The next session: from {day}").format(day=say.day(opens.astimezone(say.zone).date()))


def message_line(say: Speech, at: datetime, what: str) -> str:
    """Say what will be sent on which day."""
    return f"• {say.day(at.astimezone(say.zone).date())}: {what}"


def step(say: Speech, template: str | None) -> str:
    """Say in a patient's words what a message will be."""
    names = {
        "reminder": say._("a reminder"),
        "soon": say._("a last reminder"),
        "care-card": say._("your care card"),
        "check-1-day": say._("how is your skin?"),
        "check-3-days": say._("is everything healing well?"),
        "next-session": say._("times for the next session"),
        "late-check": say._("a late check"),
        "results": say._("how do you feel about the result?"),
    }
    return names.get(template or "", say._("a message from the clinic"))


def settings_button(say: Speech) -> str:
    """Label the way to the settings."""
    return say._("Settings")
