"""What is said to a question: the answer, "did you mean", or a person."""

from datetime import date, datetime

from bot.config import Clinic
from bot.delivery.markup import escape
from bot.wording import front
from bot.wording.speech import SOURCE_LANGUAGE, Speech


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


def for_adults(say: Speech) -> str:
    """Say how old one must be; who asks for somebody younger may ask the clinic."""
    return say._(
        "Treatments and bookings here are for people aged 18 or over. If you ask for another reason, shall I pass your "
        "question on to the clinic?"
    )


def for_staff(say: Speech) -> str:
    """Leave to staff what the texts do not hold."""
    return say._("I do not have that here, but our staff can tell you. Shall I ask them?")


def not_our_language(say: Speech, clinic: Clinic) -> str:
    """Own up to understanding English only, with the numbers for whoever cannot wait."""
    language = say.locale.get_language_name(SOURCE_LANGUAGE) or SOURCE_LANGUAGE
    return say._(
        "I only understand {language}. If something is wrong after a treatment, call {urgent}; in an emergency call "
        "<b>{emergency}</b>. Shall I pass this on to the clinic?"
    ).format(language=language, urgent=clinic.urgent_phone, emergency=clinic.emergency)


def off_topic(say: Speech, clinic: Clinic) -> str:
    """Say what the bot is there for."""
    return say._("I can only help with mesotherapy and with {clinic}. Choose a topic, or ask the clinic.").format(
        clinic=escape(clinic.name)
    )


def smalltalk(say: Speech) -> str:
    """Answer a greeting or thanks, and offer help."""
    return say._(
        "I am the clinic's assistant, a program. Ask me about mesotherapy in your own words, or choose a topic."
    )


def book(say: Speech, clinic: Clinic) -> str:
    """Say how to book a visit."""
    if not clinic.treatments:
        sentence = say._("To book a visit, call {phone}, or let the clinic write to you here.")
    else:
        sentence = say._("Book a visit here, step by step, or call {phone}. /bookings shows the visits you have.")
    return sentence.format(phone=clinic.phone)


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


def distressed(say: Speech, clinic: Clinic) -> str:
    """Point who calls for help without saying what is wrong to the telephone."""
    return say._(
        "If something is wrong, please do not wait for an answer here: call us on {phone}. "
        "In an emergency call <b>{emergency}</b>.\n\nThis chat is not watched in real time. "
        "Shall I pass your message to the clinic as well?"
    ).format(phone=clinic.urgent_phone, emergency=clinic.emergency)


def added_below(say: Speech, clinic: Clinic) -> str:
    """Confirm that what follows a possible emergency was passed on, and repeat whom to call."""
    return say._(
        "I have added this for the clinic. Nobody watches this chat in real time: "
        "call <b>{emergency}</b>, or the clinic on {phone}."
    ).format(emergency=clinic.emergency, phone=clinic.urgent_phone)


def call_now(say: Speech, clinic: Clinic) -> str:
    """Repeat whom to call, where nobody at the clinic can be told from here."""
    return say._("Nobody watches this chat. Please call <b>{emergency}</b>, or the clinic on {phone}.").format(
        emergency=clinic.emergency, phone=clinic.urgent_phone
    )


def seen(say: Speech, clinic: Clinic, name: str) -> str:
    """Say who has seen a possible emergency."""
    return say._(
        "{name} at {clinic} has seen your message. If it gets worse, do not wait: "
        "call <b>{emergency}</b>, or the clinic on {phone}."
    ).format(name=escape(name), clinic=escape(clinic.name), emergency=clinic.emergency, phone=clinic.urgent_phone)


def call_first(say: Speech, clinic: Clinic) -> str:
    """Ask for a call before a booking of somebody who wrote of a possible emergency within the day."""
    return say._(
        "You wrote to us about something that may need attention. Please call us about it before you book: {phone}."
    ).format(phone=clinic.urgent_phone)


def add_button(say: Speech) -> str:
    """Label the way from something that was said to the question that waits."""
    return say._("Add to my question")


def added(say: Speech) -> str:
    """Confirm, in at most 200 characters, that something went to a question that waits."""
    return say._("Added to your question to the clinic.")


def not_added(say: Speech) -> str:
    """Say, in at most 200 characters, that the question does not wait any more."""
    return say._("That question is closed. Please ask again.")


def ask_clinic_button(say: Speech) -> str:
    """Label the way to a person."""
    return say._("Ask the clinic")


def passed_on(say: Speech, clinic: Clinic, today: date, opens: datetime | None) -> str:
    """Confirm that staff have the question, and when to expect them: at `opens`, or where that is None now."""
    parts = [say._("I have passed your question to the clinic. The answer will come here.")]
    if opens is not None:
        parts.append(front.next_opening(say, today, opens))
    parts.append(say._("If it cannot wait, call {phone}.").format(phone=clinic.phone))
    return " ".join(parts)


def kept_for_the_clinic(say: Speech, clinic: Clinic) -> str:
    """Own up that staff cannot be reached at present, and get the question once they can."""
    return say._(
        "I have kept your question. At the moment I cannot reach the clinic's staff; they get it as soon as I can. "
        "Please call {phone} if you do not want to wait."
    ).format(phone=clinic.phone)


def nobody_to_ask(say: Speech, clinic: Clinic) -> str:
    """Own up that no staff group is connected yet."""
    return say._("I cannot reach the clinic's staff from here yet. Please call {phone}.").format(phone=clinic.phone)


def already_passed_on(say: Speech) -> str:
    """Say, in at most 200 characters, that the question is there already."""
    return say._("The clinic has your question already.")


def from_clinic(say: Speech, clinic: Clinic, text: str) -> str:
    """Introduce a person's answer."""
    return say._("<b>{clinic} answers:</b>").format(clinic=escape(clinic.name)) + f"\n{escape(text)}"


def talking(say: Speech, clinic: Clinic) -> str:
    """Say that a person is there now."""
    return say._(
        "You are now talking with {clinic}. What you write here goes to them, photos and voice messages as well; "
        "I stay out of it until one of you ends it. In an emergency call <b>{emergency}</b>."
    ).format(clinic=escape(clinic.name), emergency=clinic.emergency)


def end_button(say: Speech) -> str:
    """Label the way out of a conversation with the clinic."""
    return say._("End the conversation")


def relayed_enough(say: Speech, clinic: Clinic) -> str:
    """Explain that staff have enough to read of one patient for the moment."""
    sentence = say._(
        "The clinic has very many messages of yours within the hour, so this one and those that follow were not passed "
        "on. Please wait for the answer and write again in a quarter of an hour, or call {phone}. "
        "In an emergency call <b>{emergency}</b>."
    )
    return sentence.format(phone=clinic.phone, emergency=clinic.emergency)


def goes_on(say: Speech, clinic: Clinic) -> str:
    """Say that what was told is settled; it never says that anything is normal."""
    head = say._("A note from {clinic}").format(clinic=escape(clinic.name))
    text = say._(
        "The clinic has closed what you told us about, so the messages about your visits go on as planned. If anything "
        "changes or gets worse, tell us here, or call {phone} the same day."
    ).format(phone=clinic.urgent_phone)
    return f"{head}\n\n{text}"


def asked_enough(say: Speech, clinic: Clinic) -> str:
    """Say, in at most 200 characters, that staff have enough questions of one patient for the moment."""
    return say._(
        "The clinic has many questions of yours from this hour. Please wait for the answers, or call {phone}."
    ).format(phone=clinic.phone)


def ended(say: Speech) -> str:
    """Say that the conversation is over and the bot is back."""
    return say._("The conversation with the clinic has ended. You can ask me again, or choose a topic.")


def already_ended(say: Speech) -> str:
    """Say, in at most 200 characters, that it was over before."""
    return say._("This conversation has ended already.")


def no_answer_came(say: Speech, clinic: Clinic) -> str:
    """Own up that nobody answered in time."""
    return say._("I am sorry, nobody at the clinic has answered your question here. Please call {phone}.").format(
        phone=clinic.phone
    )


def nobody_saw(say: Speech, clinic: Clinic) -> str:
    """Say plainly that a possible emergency has not been seen."""
    return say._(
        "Nobody at the clinic has seen your message yet. <b>This chat is not watched. Please do not wait here:</b> "
        "call <b>{emergency}</b>, or the clinic on {phone}."
    ).format(emergency=clinic.emergency, phone=clinic.urgent_phone)


def helpful_button(say: Speech) -> str:
    """Label "yes" to whether an answer helped."""
    return say._("👍 Helpful")


def unhelpful_button(say: Speech) -> str:
    """Label "no" to whether an answer helped."""
    return say._("👎 Not what I meant")


def thanks(say: Speech) -> str:
    """Thank for a verdict, in at most 200 characters."""
    return say._("Thank you.")


def not_helpful(say: Speech) -> str:
    """Offer something else after an answer that did not help."""
    return say._("I am sorry. Is it one of these, or shall I ask the clinic?")
