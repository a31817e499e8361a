"""A patient's record in words, for staff."""

from collections.abc import Mapping

from bot.delivery.markup import escape
from bot.wording.calls import step
from bot.wording.speech import Speech

NAME_SHOWN = 60
"""Characters of a name."""
TEXT_SHOWN = 160
"""Characters of a note, and of staff's own words."""


def how_to_find(say: Speech) -> str:
    """Explain /patient."""
    return say._("Write a name, a telephone number or a code behind it, for example <code>/patient nowak</code>.")


def several(say: Speech, text: str, count: int) -> str:
    """Ask whom a search means."""
    if not count:
        return say._("Nobody was found for “{text}”.").format(text=_short(text))
    return say._("<b>Several people were found for “{text}”.</b> Whom do you mean?").format(text=_short(text))


def person_button(say: Speech, name: str, phone: str, count: int) -> str:
    """Label one of them."""
    visits = say.ngettext("{count} visit", "{count} visits", count).format(count=count)
    return f"{_cut(name, 30)} · {phone[-9:]} · {visits}"


# --- the record


def heading(say: Speech, name: str, phone: str) -> str:
    """Head a record."""
    return f"👤 <b>{_short(name)}</b> · {escape(phone)}"


def chat(say: Speech, name: str, *, reachable: bool) -> str:
    """Say how the patient is reached in Telegram."""
    if reachable:
        return say._("in Telegram: {name}").format(name=_short(name))
    if name:
        return say._("in Telegram: {name}, who has blocked the bot").format(name=_short(name))
    return say._("no chat with the bot")


def problem(say: Speech, since: str) -> str:
    """Say that the programme is held back by a problem."""
    return say._("⚠️ A problem is open since {since}: nothing of the programme is sent.").format(since=since)


def paused(say: Speech, since: str) -> str:
    """Say that staff hold the programme back."""
    return say._("⏸ Paused since {since}: nothing of the programme is sent.").format(since=since)


def wishes(say: Speech, given: Mapping[str, bool | None]) -> str:
    """Say which messages the patient agreed to."""
    names = {"reminders": say._("reminders"), "follow-up": say._("care"), "offers": say._("offers")}
    marks = {True: "✓", False: "✗", None: "–"}
    shown = " · ".join(f"{marks[given.get(purpose)]} {name}" for purpose, name in names.items())
    return say._("Messages: {wishes}").format(wishes=shown)


def course(say: Speech, treatment: str, done: int, sessions: int | None, weeks: int | None) -> str:
    """Show a course."""
    if sessions is None:
        place = say._("{treatment}: session {done}").format(treatment=_short(treatment), done=done)
    else:
        place = say._("{treatment}: session {done} of {sessions}").format(
            treatment=_short(treatment), done=done, sessions=sessions
        )
    if weeks is None:
        return f"{place}, {say._('over')}"
    return f"{place}, " + say.ngettext("next in {weeks} week", "next in {weeks} weeks", weeks).format(weeks=weeks)


def courses_head(say: Speech) -> str:
    """Head the courses."""
    return f"<b>{say._('Courses')}</b>"


def visits_head(say: Speech) -> str:
    """Head the visits."""
    return f"<b>{say._('Visits')}</b>"


def visit(icon: str, when: str, what: str, code: str) -> str:
    """Show a visit; `what` is markup."""
    return f"{icon} {when} · {what} · <code>{code}</code>"


def and_more(say: Speech, count: int) -> str:
    """Stand for what is left out."""
    return say.ngettext("and {count} more", "and {count} more", count).format(count=count)


def planned_head(say: Speech) -> str:
    """Head what will be sent."""
    return f"<b>{say._('Will be sent')}</b>"


def nothing_planned(say: Speech) -> str:
    """Say that nothing will be sent."""
    return say._("nothing")


def said_head(say: Speech) -> str:
    """Head what was sent."""
    return f"<b>{say._('Was sent')}</b>"


def planned(say: Speech, name: str, at: str, code: str, text: str | None, *, frozen: bool, by_phone: bool) -> str:
    """Show a step that will be sent."""
    mark = "⏸" if frozen else "☎" if by_phone else "•"
    return f"{mark} {at} · {_what(say, name, text)} · {code}"


def said(
    say: Speech, name: str, at: str, code: str, text: str | None, state: str, reason: str | None, answer: str | None
) -> str:
    """Show a step that was sent, or why it was not; and what the patient answered."""
    if state != "sent":
        return f"✗ {at} · {_what(say, name, text)} · {code}: {_unsent(say, reason)}"
    if reason is not None:
        return f"⚠️ {at} · {_what(say, name, text)} · {code}: {_lost(say, reason)}"
    line = f"✓ {at} · {_what(say, name, text)} · {code}"
    return f"{line} → <b>{escape(answered(say, answer))}</b>" if answer else line


def notes_head(say: Speech) -> str:
    """Head the notes."""
    return f"<b>{say._('Notes')}</b>"


def note(author: str, at: str, text: str) -> str:
    """Show a note."""
    return f"• {_short(author)}, {at}: {_text(text)}"


def _what(say: Speech, name: str, text: str | None) -> str:
    return f"“{_text(text)}”" if text else step(say, name)


def _unsent(say: Speech, reason: str | None) -> str:
    return {
        "too late": say._("too late"),
        "quiet hours": say._("at night"),
        "one a day": say._("one message a day"),
        "not wanted": say._("not wanted"),
        "booked again": say._("booked again"),
        "a newer one": say._("a newer one went out"),
        "blocked": say._("has blocked the bot"),
        "never joined": say._("has no chat with the bot"),
        "staff": say._("left out by staff"),
    }.get(reason or "") or escape(reason or "?")


def _lost(say: Speech, state: str) -> str:
    return {
        "failed": say._("Telegram did not take it"),
        "parked": say._("has blocked the bot"),
        "unknown": say._("may not have arrived"),
    }[state]


def answered(say: Speech, answer: str) -> str:
    """Say, without markup, what a patient's tap on a follow-up said."""
    return {
        "confirm": say._("confirmed"),
        "move": say._("wants another time"),
        "cancel": say._("wants to cancel"),
        "changed": say._("something changed"),
        "coming": say._("on the way"),
        "late": say._("late"),
        "care": say._("read the care advice"),
        "problem": say._("a problem"),
        "told": say._("a problem, and which"),
        "other": say._("another problem"),
        "nevermind": say._("no problem, tapped by mistake"),
        "call": say._("wants to call"),
        "settling": say._("settling"),
        "question": say._("has a question"),
        "fine": say._("all fine"),
        "times": say._("wanted times"),
        "ask": say._("has a question"),
        "asked": say._("has asked the clinic"),
        "not-now": say._("not now"),
        "nothing": say._("nothing"),
        "lump": say._("a lump"),
        "happy": say._("happy"),
        "unsure": say._("unsure"),
        "unhappy": say._("not happy"),
    }.get(answer, answer)


# --- the buttons


def send_button(say: Speech) -> str:
    """Label the sending of a step before its time."""
    return say._("Send one now")


def skip_button(say: Speech) -> str:
    """Label the leaving out of a step."""
    return say._("Skip one")


def pause_button(say: Speech) -> str:
    """Label the holding back of everything."""
    return say._("Pause all")


def resume_button(say: Speech) -> str:
    """Label the end of that."""
    return say._("Resume")


def note_button(say: Speech) -> str:
    """Label a note."""
    return say._("Add a note")


def message_button(say: Speech) -> str:
    """Label a message at a date."""
    return say._("Message at a date")


def health_button(say: Speech) -> str:
    """Label the answers about health."""
    return say._("Health answers")


def ending_button(say: Speech) -> str:
    """Label the question how a visit was."""
    return say._("How was the visit?")


def link_button(say: Speech) -> str:
    """Label the link for a patient without a chat."""
    return say._("Link and QR code")


def back_button(say: Speech) -> str:
    """Label the way back to the record."""
    return say._("« Back")


# --- what the buttons lead to


def pick_to_send(say: Speech, name: str) -> str:
    """Ask which step is sent now; a tap sends it."""
    return say._("<b>Which one goes to {name} now?</b> A tap sends it.").format(name=_short(name))


def pick_to_skip(say: Speech, name: str) -> str:
    """Ask which step is left out; a tap does it."""
    return say._("<b>Which one is left out for {name}?</b> A tap does it.").format(name=_short(name))


def step_button(say: Speech, name: str, at: str, text: str | None) -> str:
    """Label a step, without markup."""
    return f"{_cut(text, 24) if text else _plain_step(say, name)} · {at}"


def _plain_step(say: Speech, name: str) -> str:
    return _cut(step(say, name), 34)


def nothing_to_pick(say: Speech) -> str:
    """Explain, in at most 200 characters, that nothing is planned."""
    return say._("Nothing is planned for this patient.")


def may_not(say: Speech, why: str) -> str:
    """Explain, in at most 200 characters, why something does not go to the patient."""
    return {
        "settled": say._("This has been settled meanwhile."),
        "no chat": say._("The patient has no chat with the bot. Please telephone."),
        "blocked": say._("The patient has blocked the bot. Please telephone."),
        "problem": say._("A problem of this patient is open, or they wrote of a possible emergency. Please telephone."),
        "paused": say._("The programme is paused for this patient. Resume it first."),
        "not wanted": say._("The patient has not agreed to such messages, so it is not sent."),
        "too late": say._("It is too late for this one."),
    }[why]


def write_note(say: Speech, mention: str, name: str) -> str:
    """Ask a staff member, who is mentioned, for a note."""
    return say._("{who}, reply to this message with the note about {name}. Only staff see it.").format(
        who=mention, name=_short(name)
    )


def note_hint(say: Speech) -> str:
    """Stand in the empty field of a note, in at most 64 characters."""
    return say._("A note for staff")


def write_message(say: Speech, mention: str, name: str) -> str:
    """Ask a staff member, who is mentioned, for a message and its date."""
    return say._(
        "{who}, reply to this message with day, time and text, for example: "
        "<i>12.12. 10:00 How do you like the result?</i> {name} gets the text then, as the clinic's."
    ).format(who=mention, name=_short(name))


def message_hint(say: Speech) -> str:
    """Stand in the empty field of such a message, in at most 64 characters."""
    return say._("12.12. 10:00 text")


def unreadable(say: Speech, why: str, most: int) -> str:
    """Ask again for what is missing."""
    return {
        "no time": say._("I could not read a time there, such as 10:00. Please reply again: day, time, text."),
        "no day": say._(
            "I could not read a day there, such as 12.12. or tomorrow. Please reply again: day, time, text."
        ),
        "past": say._("That time is over. Please reply again: day, time, text."),
        "too far": say._("That is too far ahead. Please reply again with a day within a year."),
        "no text": say._("There is no text in it. Please reply again."),
        "too long": say._("That is too long. Please keep it under {most} characters, and reply again.").format(
            most=most
        ),
    }[why]


def message_planned(say: Speech, name: str, at: str, text: str, *, is_later: bool) -> str:
    """Confirm a message and its time."""
    head = say._("On {at}, {name} gets:").format(at=at, name=_short(name))
    later = "\n" + say._("(Your time is in their quiet hours, so it goes after them.)") if is_later else ""
    return f"{head}{later}\n<blockquote>{escape(text)}</blockquote>"


def take_back_button(say: Speech) -> str:
    """Label the end of a message that is planned."""
    return say._("Do not send it")


def taken_back(say: Speech, by: str) -> str:
    """Say that a planned message is not sent."""
    return say._("This message is not sent ({name}).").format(name=_short(by))


def _short(text: str) -> str:
    return escape(_cut(text, NAME_SHOWN))


def _text(text: str) -> str:
    return escape(_cut(" ".join(text.split()), TEXT_SHOWN))


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else text[: most - 1] + "…"
