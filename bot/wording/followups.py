"""Follow-ups in words: the messages themselves, their buttons, and what is said to each answer.

A phone shows the first line of a message on its lock screen: it says nothing of a treatment.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime

from bot.config import Clinic
from bot.delivery.markup import escape
from bot.programme import Answer, Template
from bot.wording import facts
from bot.wording.speech import Speech

PLACEHOLDERS = frozenset({"time", "day", "clinic", "phone", "emergency"})
"""What a clinic's own text of a step can have filled in."""
BETWEEN = "\n\n· · ·\n\n"
"""Between two things that are said in one message."""
_NAME = re.compile(r"\{([a-z]+)\}")


@dataclass(frozen=True, slots=True)
class Facts:
    """What a follow-up's sentences are filled with; nothing is escaped yet."""

    what: str
    """The treatment, and with whom."""
    starts_at: datetime
    today: date
    weeks_since: int


# --- the message


def what(say: Speech, treatment: str, practitioner: str) -> str:
    """Say what a visit is for, and with whom; nothing is escaped yet."""
    return say._("{treatment} with {practitioner}").format(treatment=treatment, practitioner=practitioner)


def first_line(say: Speech, clinic: Clinic) -> str:
    """Head a message with what anybody may read on a lock screen."""
    return say._("A note from {clinic}").format(clinic=escape(clinic.name))


def from_staff(text: str) -> str:
    """Show words that staff wrote."""
    return escape(text)


def own_words(say: Speech, clinic: Clinic, text: str, visit: Facts) -> str:
    """Fill a clinic's own text; a placeholder nobody knows stays as it is."""
    values = {
        "time": say.clock(visit.starts_at.astimezone(say.zone).time()),
        "day": say.day(visit.starts_at.astimezone(say.zone).date()),
        "clinic": clinic.name,
        "phone": clinic.phone,
        "emergency": clinic.emergency,
    }
    return _NAME.sub(lambda found: escape(values.get(found[1], found[0])), escape(text))


def template(say: Speech, clinic: Clinic, name: Template, visit: Facts) -> str:  # noqa: PLR0911  one step, one text
    """Say what the packaged programme says at this step."""
    match name:
        case "reminder":
            return _reminder(say, visit)
        case "soon":
            return _soon(say, clinic, visit)
        case "care-card":
            return _care_card(say, clinic)
        case "check-1-day":
            return say._(
                "How is your skin today? Redness, little bumps or bruising can happen. If anything is getting worse, "
                "tell us rather than wait."
            )
        case "check-3-days":
            return say._(
                "Three days on: is anything hotter, redder, more painful or leaking? If so, we would like to speak "
                "today: {phone}. Keep using sunscreen."
            ).format(phone=clinic.urgent_phone)
        case "next-session":
            return say._(
                "You may be due another session, if your practitioner planned one. There is no rush: choose a time, "
                "or ask us."
            )
        case "late-check":
            asked = say._("Is there any new lump, or a sore that is not healing?")
            since = say.ngettext(
                "{count} week since your visit.", "{count} weeks since your visit.", visit.weeks_since
            ).format(count=visit.weeks_since)
            return f"{since} {asked}" if visit.weeks_since > 0 else asked
        case "results":
            return say._(
                "Your course has finished. How do you feel about the result, honestly? If you would like a "
                "practitioner to look at it, say so. And tell us about any lump."
            )


def _reminder(say: Speech, visit: Facts) -> str:
    return say._(
        "Your visit is {when}: {what}. Has anything changed in your health or medicines since you booked? "
        "Tell us first; a practitioner will advise."
    ).format(when=f"<b>{when(say, visit)}</b>", what=escape(visit.what))


def _soon(say: Speech, clinic: Clinic, visit: Facts) -> str:
    local = visit.starts_at.astimezone(say.zone)
    if local.date() == visit.today:
        see_you = say._("See you at <b>{time}</b>.").format(time=say.clock(local.time()))
    else:  # own quiet hours, or staff, brought it earlier
        see_you = say._("See you <b>{when}</b>.").format(when=when(say, visit))
    ready = say._("Please arrive with clean skin if you can. Running late? Let us know.")
    lines = [f"{see_you} {ready}"]
    if place := facts.address(say, clinic):
        lines.append(place)
    return "\n\n".join(lines)


def _care_card(say: Speech, clinic: Clinic) -> str:
    care = clinic.aftercare
    lines = (
        (say._("Keep the area clean; no touching or squeezing for {time}."), care.touching),
        (say._("No make-up for {time}."), care.makeup),
        (say._("No alcohol for {time}."), care.alcohol),
        (say._("No sport for {time}."), care.sport),
        (say._("No sauna or hot bath for {time}."), care.heat),
        (say._("No swimming for {time}."), care.swimming),
    )
    listed = "\n".join(f"• {line.format(time=say.hours(hours))}" for line, hours in lines)
    urgent = say._(
        "Trouble breathing, changes in your sight, white or mottled skin, or severe pain: call <b>{emergency}</b> now."
    ).format(emergency=clinic.emergency)
    return f"{say._('<b>Your care card</b>')}\n{listed}\n\n{urgent}"


def when(say: Speech, visit: Facts) -> str:
    """Say when a visit is, as people say it: today, tomorrow, or the day."""
    local = visit.starts_at.astimezone(say.zone)
    time = say.clock(local.time())
    match (local.date() - visit.today).days:
        case 0:
            return say._("today at {time}").format(time=time)
        case 1:
            return say._("tomorrow at {time}").format(time=time)
        case _:
            return say._("on {day} at {time}").format(day=say.day(local.date()), time=time)


def programme_changed(say: Speech, steps: int) -> str:
    """Tell staff that what is planned follows a changed programme."""
    return say.ngettext(
        "The programme of messages has changed: {count} planned message is different now.",
        "The programme of messages has changed: {count} planned messages are different now.",
        steps,
    ).format(count=steps)


# --- buttons


def button(say: Speech, answer: Answer) -> str:
    """Label an answer."""
    labels: Mapping[Answer, str] = {
        "confirm": say._("✅ I'll be there"),
        "move": say._("Another time"),
        "cancel": say._("Cancel"),
        "changed": say._("Something changed"),
        "coming": say._("On my way"),
        "late": say._("Running late"),
        "care": say._("The whole advice"),
        "problem": say._("Something looks wrong"),
        "call": say._("Call the clinic"),
        "settling": say._("It is settling"),
        "question": say._("I have a question"),
        "fine": say._("All fine"),
        "times": say._("Other times"),
        "ask": say._("Ask the clinic first"),
        "not-now": say._("Not now"),
        "nothing": say._("No, nothing"),
        "lump": say._("A lump or a sore"),
        "happy": say._("Happy"),
        "unsure": say._("Not sure"),
        "unhappy": say._("Not happy"),
    }
    return labels[answer]


def cannot_come_button(say: Speech) -> str:
    """Label the way to tell the clinic, where the notice for cancelling has passed."""
    return say._("I cannot come")


def for_visit(label: str, time: str) -> str:
    """Say of which visit a button is, where a message is about several."""
    return f"{label} · {time}"


def chosen(label: str) -> str:
    """Mark the button that was tapped."""
    return f"✓ {label}"


def stop_button(say: Speech) -> str:
    """Label the way out, on every follow-up."""
    return say._("Stop these messages")


def minutes_button(say: Speech, minutes: int) -> str:
    """Label how late somebody is."""
    return say.ngettext("{count} minute", "{count} minutes", minutes).format(count=minutes)


def back_button(say: Speech) -> str:
    """Label the way back to a list."""
    return say._("« Back")


# --- what is said to an answer


def expected(say: Speech, visit: Facts) -> str:
    """Thank for the confirmation."""
    return say._("Thank you, the clinic knows. See you {when}.").format(when=when(say, visit))


def on_the_way(say: Speech) -> str:
    """Thank somebody who is on the way."""
    return say._("See you soon.")


def known(say: Speech) -> str:
    """Answer a second tap, in at most 200 characters."""
    return say._("Thank you, I have noted that already.")


def passed(say: Speech) -> str:
    """Say that a message is older than the visit's last change."""
    return say._("Your visit has changed since this message, or it is over. /bookings shows it as it is now.")


def ask_how_late(say: Speech) -> str:
    """Ask how late the patient will be."""
    return say._("No problem. About how late will you be?")


def late_noted(say: Speech, clinic: Clinic, minutes: int) -> str:
    """Say that staff know; it promises nothing of how long the visit can be."""
    return say.ngettext(
        "Thank you. The clinic knows that you will be about {count} minute late. If it gets longer, call {phone}.",
        "Thank you. The clinic knows that you will be about {count} minutes late. If it gets longer, call {phone}.",
        minutes,
    ).format(count=minutes, phone=clinic.phone)


def late_passed_on(say: Speech, clinic: Clinic) -> str:
    """Say that staff have what somebody wrote of being late."""
    return say._("Thank you, the clinic has got this. If it gets longer, call {phone}.").format(phone=clinic.phone)


def wants_off(say: Speech, clinic: Clinic, visit: Facts, *, moves: bool) -> str:
    """Say that staff know, and that nothing is changed until somebody there has done it."""
    told = (
        say._("I have told the clinic that you need another time than {when}.")
        if moves
        else say._("I have told the clinic that you cannot come {when}.")
    ).format(when=when(say, visit))
    rest = say._("It is too near for me to change it here, so please call {phone} as well.").format(phone=clinic.phone)
    return f"{told} {rest}"


def call(say: Speech, clinic: Clinic) -> str:
    """Show the clinic's numbers, which Telegram makes tappable."""
    lines = [say._("Call us: {phone}").format(phone=clinic.phone)]
    if clinic.urgent_phone != clinic.phone:
        lines.append(say._("If something looks wrong after a treatment: {phone}").format(phone=clinic.urgent_phone))
    lines.append(say._("In an emergency call <b>{emergency}</b>.").format(emergency=clinic.emergency))
    return "\n".join(lines)


def thanks(say: Speech, clinic: Clinic, answer: Answer) -> str:
    """Thank for an answer that needs nothing more; it never says that anything is normal."""
    match answer:
        case "not-now":
            return say._("All right, there is no rush. /book is there whenever you like.")
        case "happy":
            return say._("We are glad to hear that. Thank you for telling us.")
        case "unsure" | "unhappy":
            return say._("Thank you. The clinic knows.")
        case _:
            return say._(
                "Thank you. If anything changes or gets worse, tell us here, or call {phone} the same day."
            ).format(phone=clinic.urgent_phone)


def review_button(say: Speech) -> str:
    """Label the way to a review."""
    return say._("Write a review")


def ask_away(say: Speech, clinic: Clinic) -> str:
    """Invite the question."""
    return say._(
        "Just type it here in your own words. If it is urgent, call {phone}; in an emergency <b>{emergency}</b>."
    ).format(phone=clinic.urgent_phone, emergency=clinic.emergency)


def ask_the_clinic(say: Speech, clinic: Clinic) -> str:
    """Invite the question that a person will answer."""
    return say._(
        "Type it here: what you write next goes to the clinic. If it is urgent, call {phone}; in an emergency "
        "<b>{emergency}</b>."
    ).format(phone=clinic.urgent_phone, emergency=clinic.emergency)


def for_a_person(say: Speech, clinic: Clinic) -> str:
    """Say that somebody will look after it; nothing is offered."""
    return say._(
        "Thank you for being honest. Somebody at the clinic will answer you here; you can also call {phone}."
    ).format(phone=clinic.phone)


def nobody_to_tell(say: Speech, clinic: Clinic) -> str:
    """Own up that staff cannot be told here."""
    return say._("Thank you for being honest. Please call {phone}, so that we can talk about it.").format(
        phone=clinic.phone
    )


def result_words(say: Speech, answer: Answer) -> str:
    """Say for staff's card how somebody feels about the result."""
    if answer == "unhappy":
        return say._("Not happy with the result of the course")
    return say._("Not sure about the result of the course")


# --- signs


def ask_sign(say: Speech, clinic: Clinic) -> str:
    """Ask what is wrong, in one tap, under whom to call at once."""
    return say._(
        "<b>What is it? Tap the line that fits best.</b>\n"
        "If you have trouble breathing, do not tap: call <b>{emergency}</b> now."
    ).format(emergency=clinic.emergency)


def signs(say: Speech) -> Mapping[str, str]:
    """Return the signs as patients say them, by their names."""
    return {
        "breath": say._("Hard to breathe or swallow, swollen tongue"),
        "sight": say._("Sight changed, face drooping, slurred words"),
        "colour": say._("Skin white, grey, blue or marbled"),
        "pain": say._("Pain that gets worse, or blisters there"),
        "fever": say._("Fever, shivering or vomiting, eye swollen shut"),
        "faint": say._("Chest pain, a faint or a fit"),
        "hot": say._("Hotter, redder or more swollen, or pus"),
        "boil": say._("A boil, or a soft lump full of fluid"),
        "sores": say._("New bumps or sores that do not heal"),
        "lump": say._("A hard lump, or a raised patch"),
        "coldsore": say._("A cold sore, or a tingling lip"),
        "hives": say._("An itchy rash or hives, nothing else"),
        "other": say._("Something else"),
    }


def never_mind_button(say: Speech) -> str:
    """Label the way out of the list, for a button that was tapped by mistake."""
    return say._("Nothing of this, I tapped by mistake")


def unsaid(say: Speech) -> str:
    """Say for staff's card that somebody told of a problem and then not which."""
    return say._("Tapped that something looks wrong, and did not say what")


def describe(say: Speech) -> str:
    """Let the patient say in words what was not in the list."""
    return say._("You can type here in a few words what you see or feel, or send a photo: it goes to the clinic.")


def described(say: Speech, clinic: Clinic) -> str:
    """Confirm that it went to staff, who may not be looking."""
    return say._(
        "The clinic has got this. This chat is not watched in real time: please call {phone} today as well."
    ).format(phone=clinic.urgent_phone)


# --- what has changed


def ask_change(say: Speech) -> str:
    """Ask what has changed since the booking."""
    return say._("What has changed? Tap what it is about.")


def change_labels(say: Speech) -> Mapping[str, str]:
    """Return short names of the screening questions."""
    return {
        "pregnant": say._("Pregnancy, breastfeeding"),
        "allergy": say._("An allergy"),
        "blood": say._("Blood thinners, bleeding"),
        "immune": say._("Immune system"),
        "skin": say._("The skin there now"),
        "scars": say._("Scars"),
        "diabetes": say._("Diabetes"),
        "epilepsy": say._("Epilepsy, fainting"),
        "cancer": say._("Cancer"),
        "acne": say._("Acne tablets"),
        "recent": say._("Another treatment"),
        "reaction": say._("A bad reaction"),
        "unwell": say._("Fever, unwell, antibiotics"),
    }


def asked(question: str) -> str:
    """Show the question whose answer may have changed."""
    return f"<b>{escape(question)}</b>"


def something_else_button(say: Speech) -> str:
    """Label a change that no question is about."""
    return say._("Something else")


def change_noted(say: Speech, *, flagged: bool) -> str:
    """Say what follows from an answer; it decides nothing."""
    if flagged:
        return say._(
            "Thank you. A practitioner will look at this before your visit. Please don't stop or change any medicine."
        )
    return say._("Thank you, it is noted.")


def another_change_button(say: Speech) -> str:
    """Label the way to one more change."""
    return say._("Something else changed, too")


def no_consent(say: Speech, clinic: Clinic) -> str:
    """Point to the telephone where health answers may not be kept here."""
    return say._(
        "You have not agreed that answers about your health are kept here, so please call {phone} and tell us there."
    ).format(phone=clinic.phone)


# --- stopping


def ask_stop(say: Speech) -> str:
    """Ask which messages are to stop."""
    return say._("Which messages shall I stop? It takes effect at once.")


def ask_what_stops(say: Speech) -> str:
    """Ask, in the middle of a form, what is to stop."""
    return say._("What shall I stop: this form, or messages that I send you?")


def stop_messages_button(say: Speech) -> str:
    """Label the choice of messages."""
    return say._("Messages…")


def stop_choice(say: Speech, what: str) -> str:
    """Label what can be stopped."""
    labels = {
        "follow-up": say._("Care messages after a visit"),
        "offers": say._("Offers of a next session"),
        "reminders": say._("Reminders before a visit"),
        "reminders-too": say._("Stop the reminders before a visit, too"),
        "all": say._("All of them"),
        "keep": say._("Keep them"),
    }
    return labels[what]


def stopped(say: Speech, clinic: Clinic, off: Iterable[str]) -> str:
    """Say what has stopped; answers to what a patient writes, and safety texts, never stop."""
    listed = "\n".join(f"• {stop_choice(say, one)}" for one in off)
    rest = say._(
        "You will not get these any more. I still answer when you write, and the clinic can still tell you about a "
        "visit that you booked. If something looks wrong, write here or call {phone}."
    ).format(phone=clinic.urgent_phone)
    return f"{say._('<b>Stopped</b>')}\n{listed}\n\n{rest}"


def back_on_button(say: Speech) -> str:
    """Label the way back."""
    return say._("Turn them on again")


def kept(say: Speech) -> str:
    """Say that nothing has stopped."""
    return say._("All right, nothing changes. /settings is there whenever you like.")


def turned_on(say: Speech) -> str:
    """Confirm the way back."""
    return say._("They are on again. /settings shows what you get.")


# --- notes in the staff group


def late_note(say: Speech, name: str, code: str, time: str, minutes: int) -> str:
    """Tell staff that somebody will be late."""
    return say.ngettext(
        "🕒 {name} ({code}, {time}) will be about {count} minute late.",
        "🕒 {name} ({code}, {time}) will be about {count} minutes late.",
        minutes,
    ).format(name=escape(name), code=code, time=time, count=minutes)


def wants_off_note(say: Speech, name: str, code: str, at: str, phone: str, *, moves: bool) -> str:
    """Tell staff that somebody wants a visit changed that is too near to be changed here."""
    text = (
        say._("📵 {name} ({code}, {when}) needs another time and cannot change it here any more. Please call {phone}.")
        if moves
        else say._("📵 {name} ({code}, {when}) cannot come and cannot cancel here any more. Please call {phone}.")
    )
    return text.format(name=escape(name), code=code, when=at, phone=escape(phone))


def written_note(say: Speech, name: str, code: str, at: str, phone: str, text: str) -> str:
    """Pass on what somebody wrote of a visit that is near."""
    head = say._("🕒 {name} ({code}, {when}, {phone}) writes:").format(
        name=escape(name), code=code, when=at, phone=escape(phone)
    )
    return f"{head}\n<blockquote>{escape(text)}</blockquote>"


def changed_note(say: Speech, name: str, code: str, *, flagged: bool) -> str:
    """Tell staff that a health answer is another one, without saying which: that is under Details."""
    if flagged:
        return say._("⚠️ {name} has changed a health answer for {code}: it needs practitioner review (Details).").format(
            name=escape(name), code=code
        )
    return say._("{name} has changed a health answer for {code} (Details).").format(name=escape(name), code=code)


def calls_note(say: Speech, count: int) -> str:
    """Tell staff whom a message did not reach."""
    return say.ngettext(
        "☎ {count} person to telephone, because a message did not reach them: /calls",
        "☎ {count} people to telephone, because a message did not reach them: /calls",
        count,
    ).format(count=count)
