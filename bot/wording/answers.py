"""What is said to a question: the answer, "did you mean", or a person."""

from datetime import date

from bot.config import Clinic
from bot.delivery.markup import escape
from bot.wording import front
from bot.wording.speech import Speech


def titled(title: str, body: str) -> str:
    """Put a topic's title over its text (HTML)."""
    return f"<b>{escape(title)}</b>\n\n{body}"


def suggest(say: Speech) -> str:
    """Offer topics where the question was not understood for sure."""
    return say._("I am not sure that I understood you. Did you mean one of these?")


def not_understood(say: Speech) -> str:
    """Say so, without guessing."""
    return say._("I do not know the answer to that. Shall I ask the clinic?")


def for_a_person(say: Speech) -> str:
    """Leave to a person what a text must not answer (the sentence says nothing of whether a treatment is suitable)."""
    return say._(
        "That is for a practitioner to answer, because it depends on you. Please do not stop or change any medicine. "
        "Shall I pass your question to the clinic?"
    )


def off_topic(say: Speech, clinic: Clinic) -> str:
    """Say what the bot is there for."""
    return say._("I can only help with mesotherapy and with {clinic}. Choose a topic, or ask the clinic.").format(
        clinic=escape(clinic.name)
    )


def smalltalk(say: Speech) -> str:
    """Answer a greeting or thanks, and offer help."""
    return say._("Happy to help. Ask me about mesotherapy in your own words, or choose a topic.")


def book(say: Speech, clinic: Clinic) -> str:
    """Say how to make an appointment."""
    return say._("To make an appointment, call {phone}, or let the clinic write to you here.").format(
        phone=clinic.phone
    )


def urgent(say: Speech, clinic: Clinic) -> str:
    """Point to the emergency number; nothing else follows it."""
    return say._(
        "<b>This could be an emergency.</b> Call <b>{emergency}</b> now.\n\n"
        "This chat is not watched in real time. Clinic: {phone}."
    ).format(emergency=clinic.emergency, phone=clinic.urgent_phone)


def same_day(say: Speech, clinic: Clinic) -> str:
    """Ask for a call today; nothing else follows it."""
    return say._(
        "<b>Please speak to us today</b>, do not wait: call {phone}. If nobody answers, or it gets worse, "
        "or it is on the face or near an eye, get urgent medical help or call <b>{emergency}</b>.\n\n"
        "This chat is not watched in real time."
    ).format(emergency=clinic.emergency, phone=clinic.urgent_phone)


def ask_clinic_button(say: Speech) -> str:
    """Label the way to a person."""
    return say._("Ask the clinic")


def passed_on(say: Speech, clinic: Clinic, today: date, *, is_open: bool) -> str:
    """Confirm that staff have the question, and when to expect them."""
    parts = [say._("I have passed your question to the clinic. The answer will come here.")]
    if not is_open and (opening := front.next_opening(say, clinic, today)):
        parts.append(opening)
    parts.append(say._("If it cannot wait, call {phone}.").format(phone=clinic.phone))
    return " ".join(parts)


def nobody_to_ask(say: Speech, clinic: Clinic) -> str:
    """Own up that no staff group is connected yet."""
    return say._("I cannot reach the clinic's staff from here yet. Please call {phone}.").format(phone=clinic.phone)


def already_passed_on(say: Speech) -> str:
    """Say, in at most 200 characters, that the question is there already."""
    return say._("The clinic has your question already.")


def from_clinic(say: Speech, clinic: Clinic, text: str) -> str:
    """Introduce a person's answer."""
    return say._("<b>{clinic} answers:</b>").format(clinic=escape(clinic.name)) + f"\n{escape(text)}"
