"""What the bot says of itself: welcome, help, privacy, contact, and what it answers to what it cannot read."""

from datetime import date, datetime, timedelta

from bot.config import Clinic
from bot.delivery.markup import escape
from bot.wording import facts
from bot.wording.speech import Speech


def welcome(say: Speech, clinic: Clinic, first_name: str) -> str:
    """Say hello: what the bot is, and what it is not."""
    greeting = say._("Hello {name}, I am the assistant of <b>{clinic}</b>.")
    return "\n\n".join(
        (
            greeting.format(name=escape(first_name), clinic=escape(clinic.name)),
            say._("Ask me about mesotherapy in your own words, or choose below."),
            limits(say, clinic),
        )
    )


def limits(say: Speech, clinic: Clinic) -> str:
    """Say what the bot cannot do, and whom to call."""
    sentence = say._(
        "I am a program, not a doctor, and nobody watches this chat in real time. "
        "In an emergency call <b>{emergency}</b>. The clinic: {phone}."
    )
    return sentence.format(emergency=clinic.emergency, phone=clinic.phone)


def menu(say: Speech) -> str:
    """Head the list of categories."""
    return say._("What would you like to know about? Choose, or just type your question.")


def menu_button(say: Speech) -> str:
    """Label the way back to the categories."""
    return say._("« All topics")


def help_text(say: Speech, clinic: Clinic) -> str:
    """Say how to use the bot."""
    lines = (
        say._("Type a question in your own words, for example: <i>does it hurt?</i>"),
        say._(
            "/book – book a visit\n/bookings – your visits: move, cancel, add to your calendar\n"
            "/plan – what is coming\n/cancel – stop a booking you have begun\n/menu – all topics\n"
            "/settings – language, quiet hours, what you get\n/contact – telephone, address, opening hours\n"
            "/privacy – what is kept about you, /export – a copy of it, /delete – its end"
        ),
        limits(say, clinic),
    )
    return "\n\n".join(lines)


def commands(say: Speech) -> list[tuple[str, str]]:
    """Return the commands of a private chat and what each is for."""
    return [
        ("menu", say._("All topics")),
        ("book", say._("Book a visit")),
        ("bookings", say._("Your visits")),
        ("plan", say._("What is coming")),
        ("cancel", say._("Stop a booking you have begun")),
        ("settings", say._("Language, quiet hours, what you get")),
        ("stop", say._("Stop messages that I send you")),
        ("contact", say._("Telephone, address, opening hours")),
        ("privacy", say._("What is kept about you")),
        ("export", say._("A copy of what is kept about you")),
        ("delete", say._("Delete what is kept about you")),
        ("help", say._("How this works")),
    ]


def contact(say: Speech, clinic: Clinic, today: date) -> str:
    """Say how to reach a person, where, and when."""
    parts = [f"<b>{escape(clinic.name)}</b>", facts.contact(say, clinic)]
    if address := facts.address(say, clinic):
        parts.append(address)
    if hours := facts.hours(say, clinic, today):
        parts.append(hours)
    parts.append(say._("In an emergency call <b>{emergency}</b>.").format(emergency=clinic.emergency))
    return "\n\n".join(parts)


def cannot_read(say: Speech, clinic: Clinic) -> str:
    """Answer a sticker, a photo, a voice message: a person waits, but the bot reads only text."""
    sentence = say._(
        "I can only read text, so I do not know what you sent, and nobody at the clinic sees it. "
        "Please type your question, or call {phone}. In an emergency call <b>{emergency}</b>."
    )
    return sentence.format(phone=clinic.phone, emergency=clinic.emergency)


def too_much(say: Speech, clinic: Clinic) -> str:
    """Explain that nothing is answered for a minute to somebody who writes very much at once."""
    sentence = say._(
        "That is more than I can take in at once, so I answer nothing more for a minute, and your last message was "
        "not passed on. Please put it into one message then, or call {phone}. I still look for signs of an emergency; "
        "in one, call <b>{emergency}</b>."
    )
    return sentence.format(phone=clinic.phone, emergency=clinic.emergency)


def unknown_command(say: Speech) -> str:
    """Answer a command the bot does not have."""
    return say._("I do not know this command. Type your question in your own words, or choose a topic.")


def old_button(say: Speech) -> str:
    """Explain a button that leads nowhere any more, in at most 200 characters."""
    return say._("This button is from an older message. Please choose again from /menu.")


def went_wrong(say: Speech, clinic: Clinic) -> str:
    """Own up to a failure, and point to a person."""
    sentence = say._(
        "Something went wrong on our side, and your last message was not handled. "
        "Please send it again in a while, or call {phone}. In an emergency call <b>{emergency}</b>."
    )
    return sentence.format(phone=clinic.phone, emergency=clinic.emergency)


def repeat_mark(say: Speech) -> str:
    """Mark a message that may have arrived before."""
    return say._("(Sent again, because we cannot be sure that it arrived the first time.)")


def next_opening(say: Speech, today: date, opens: datetime) -> str:
    """Say when somebody will be there again; both are the clinic's wall time."""
    day, at = opens.date(), say.clock(opens.time())
    if day == today:
        return say._("We open today at {time}.").format(time=at)
    if day == today + timedelta(days=1):
        return say._("We open tomorrow at {time}.").format(time=at)
    return say._("We open on {day} at {time}.").format(day=say.day(day), time=at)
