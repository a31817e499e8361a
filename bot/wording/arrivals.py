"""Visits that staff enter, and the link to them, in words: for staff, and for the patient who opens it."""

from collections.abc import Sequence

from bot.config import Clinic
from bot.delivery.markup import escape
from bot.wording.speech import Speech

NAME_SHOWN = 60
"""Characters of a name."""


# --- entering a visit


def pick_treatment(say: Speech) -> str:
    """Ask staff what the visit is for."""
    return say._("<b>New visit:</b> which treatment?")


def no_treatments(say: Speech) -> str:
    """Say that there is nothing to choose."""
    return say._("No treatments are listed in clinic.toml, so no visit can be entered.")


def pick_practitioner(say: Speech, treatment: str) -> str:
    """Ask staff with whom it is."""
    return say._("<b>New visit:</b> {treatment}, with whom?").format(treatment=_short(treatment))


def pick_day(say: Speech, treatment: str, practitioner: str) -> str:
    """Ask staff for the day."""
    return say._("<b>New visit:</b> {treatment} with {practitioner}. Which day?").format(
        treatment=_short(treatment), practitioner=_short(practitioner)
    )


def pick_time(say: Speech, treatment: str, practitioner: str, day: str) -> str:
    """Ask staff for the time."""
    return say._("<b>New visit:</b> {treatment} with {practitioner} on {day}. What time?").format(
        treatment=_short(treatment), practitioner=_short(practitioner), day=day
    )


def nothing_free(say: Speech) -> str:
    """Say that a month has no free time."""
    return say._("Nothing is free in this month.")


def now_button(say: Speech) -> str:
    """Label a visit that begins at once."""
    return say._("Now, they are here")


def days_button(say: Speech) -> str:
    """Label the way back to the month."""
    return say._("« Days")


def back_button(say: Speech) -> str:
    """Label the way to the question before."""
    return say._("« Back")


def stop_button(say: Speech) -> str:
    """Label the way out."""
    return say._("✖ Stop")


def stopped(say: Speech) -> str:
    """Say that nothing was entered."""
    return say._("No visit was entered.")


def ask_caller(say: Speech, mention: str, treatment: str, practitioner: str, when: str, example: str) -> str:
    """Ask a staff member, who is mentioned, for name and number of the patient."""
    what = say._("<b>New visit:</b> {treatment} with {practitioner}, {when}").format(
        treatment=_short(treatment), practitioner=_short(practitioner), when=when
    )
    ask = say._(
        "{who}, reply to this message with the patient's name and telephone number, for example: "
        "<i>Anna Nowak {example}</i>. The visit is entered then."
    ).format(who=mention, example=escape(example))
    return f"{what}\n{ask}"


def caller_hint(say: Speech) -> str:
    """Stand in the empty field of name and number, in at most 64 characters."""
    return say._("Name and telephone number")


def no_caller(say: Speech, name: str | None, phone: str | None, example: str) -> str:
    """Ask again for what could not be read of name and number."""
    if name is None and phone is None:
        ask = say._("I could not read a name and a telephone number there.")
    elif name is None:
        ask = say._("I have the number, but could not read a name.")
    else:
        ask = say._("I have the name, but could not read a telephone number.")
    again = say._("Please reply again with both, for example: <i>Anna Nowak {example}</i>").format(
        example=escape(example)
    )
    return f"{ask} {again}"


def taken(say: Speech, free: Sequence[str]) -> str:
    """Say that the time is gone, and what is free instead."""
    sorry = say._("This time is not free any more, so no visit was entered. /new begins again.")
    if not free:
        return sorry
    return f"{sorry}\n{say._('Free now:')}\n" + "\n".join(f"• {escape(one)}" for one in free)


def not_any_more(say: Speech) -> str:
    """Say that what was chosen is gone from clinic.toml, or over."""
    return say._("What was chosen here is not to be had any more. /new begins again.")


# --- the link


def link_caption(say: Speech, code: str, name: str, link: str, until: str) -> str:
    """Stand below the QR code: what it is for, and the same as a link."""
    head = say._("<b>{code}</b> · {name}").format(code=code, name=_short(name))
    how = say._(
        "Let the patient scan this with the telephone's camera, or send them the link. It opens the chat with this "
        "bot, and the chat then belongs to the visit: reminders and aftercare come there."
    )
    once = say._("It works once, until {until}.").format(until=until)
    return f"{head}\n{how}\n\n{escape(link)}\n\n{once}"


def is_known(say: Speech, telegram_name: str) -> str:
    """Say below a link that it may not be needed."""
    return say._("A patient of this name and number is in Telegram already, as {name}: no link is needed.").format(
        name=_short(telegram_name)
    )


def tie_button(say: Speech, telegram_name: str) -> str:
    """Label the way to the chat that is known."""
    return say._("Tie it to the chat of {name}").format(name=telegram_name[:30])


def tied(say: Speech, code: str, name: str, by: str) -> str:
    """Stand in the place of a link that is not needed."""
    return say._("<b>{code}</b> · {name}: tied by {by} to the chat that is known. The link has ended.").format(
        code=code, name=_short(name), by=_short(by)
    )


def new_link_button(say: Speech) -> str:
    """Label another link in the place of this one."""
    return say._("New link")


def has_chat(say: Speech) -> str:
    """Explain, in at most 200 characters, that no link is needed."""
    return say._("The patient has joined already: the visit belongs to their chat.")


def joined_note(say: Speech, code: str, name: str, telegram_name: str) -> str:
    """Tell staff whose chat a visit belongs to now."""
    return say._("🔗 {code} · {name} has joined, in Telegram: {telegram}").format(
        code=code, name=_short(name), telegram=_short(telegram_name)
    )


def not_them_button(say: Speech) -> str:
    """Label the undoing of a join by somebody else."""
    return say._("↩ That is not them")


def untied_note(say: Speech, code: str, name: str, by: str) -> str:
    """Say in the place of the note that a chat was taken off a visit."""
    return say._("↩ {code} · {name}: the chat was taken off again by {by}. There is a new link below.").format(
        code=code, name=_short(name), by=_short(by)
    )


def parted_note(say: Speech, code: str, name: str, phone: str) -> str:
    """Tell staff that the patient does not want to be written to."""
    return say._("☎ {name} ({code}) does not want messages in Telegram. Please telephone: {phone}").format(
        name=_short(name), code=code, phone=escape(phone)
    )


# --- what the patient is told


def welcome(say: Speech, clinic: Clinic, shown: str) -> str:
    """Show the patient the visit that the chat belongs to now."""
    head = say._("This chat now belongs to your visit at {clinic}:").format(clinic=escape(clinic.name))
    return f"{head}\n{shown}"


def visit(say: Speech, when: str, what: str, code: str) -> str:
    """Show a visit to its patient; `what` is markup."""
    return f"<b>{when}</b>\n{what}\n" + say._("Code: {code}").format(code=code)


def ask_visit(say: Speech, clinic: Clinic) -> str:
    """Ask for the consent without which nothing is sent here."""
    return say._(
        "<b>May we write to you here about your visit?</b>\n"
        "“I agree that {clinic} may use my messages here to prepare my visit and check on me afterwards. Telegram is "
        "not end-to-end encrypted here; I can use the telephone instead: {phone}. I can withdraw at any time: "
        "/privacy.”"
    ).format(clinic=escape(clinic.name), phone=clinic.phone)


def ready(say: Speech, clinic: Clinic) -> str:
    """Say that all is asked, and what can be done here."""
    return say._(
        "Thank you, that is all. /bookings shows your visits here. Any question about the treatment? Just write it "
        "here. The clinic: {phone}."
    ).format(phone=clinic.phone)


def parted(say: Speech, clinic: Clinic) -> str:
    """Accept the refusal: the clinic telephones."""
    return say._(
        "That is fine: nothing is sent to you here. Your visit stays as it is, and the clinic reaches you by "
        "telephone. You can call us, too: {phone}."
    ).format(phone=clinic.phone)


def untied(say: Speech, clinic: Clinic) -> str:
    """Tell who opened a link that the visit is not theirs."""
    return say._(
        "The clinic says that this visit is not yours, so nothing about it comes here any more. If that is wrong, "
        "call {phone}."
    ).format(phone=clinic.phone)


def link_used(say: Speech, clinic: Clinic) -> str:
    """Explain a link that somebody else has opened."""
    return say._(
        "This link has been used already, and works only once. If it is for your visit, ask the clinic for a new one: "
        "{phone}."
    ).format(phone=clinic.phone)


def link_expired(say: Speech, clinic: Clinic) -> str:
    """Explain a link that is too old."""
    return say._("This link is not valid any more. Please ask the clinic for a new one: {phone}.").format(
        phone=clinic.phone
    )


def visit_over(say: Speech, clinic: Clinic) -> str:
    """Explain a link to a visit that was called off."""
    return say._(
        "The visit of this link does not take place any more. /book begins a new one, or call {phone}."
    ).format(phone=clinic.phone)


def link_unknown(say: Speech, clinic: Clinic) -> str:
    """Explain a link that is none of ours."""
    return say._(
        "I do not know this link; perhaps a part of it is missing. Please scan it again, or ask the clinic: {phone}."
    ).format(phone=clinic.phone)


def too_many_links(say: Speech, clinic: Clinic) -> str:
    """Say once that no more links are tried for a while."""
    return say._("Too many links were opened here. Please ask the clinic: {phone}.").format(phone=clinic.phone)


def _short(text: str) -> str:
    return escape(text if len(text) <= NAME_SHOWN else text[: NAME_SHOWN - 1] + "…")
