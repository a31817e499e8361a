"""Booking a visit, in the patient's words: the form, what came of it, and the visits to come."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta

import phonenumbers

from bot.config import Clinic
from bot.delivery.markup import escape
from bot.wording.speech import Speech

NAME_SHOWN = 60
"""Characters of a name that are shown on a line."""


# --- the form


def chosen(say: Speech, treatment: str | None, practitioner: str | None, when: str | None) -> str:
    """Sum up what is chosen, as one line; empty where nothing is."""
    parts = [escape(part[:NAME_SHOWN]) for part in (treatment, practitioner, when) if part]
    return " · ".join(parts)


def heading(say: Speech, code: str | None) -> str:
    """Head the form: a new visit, or another time for one."""
    if code is None:
        return say._("🗓 <b>Book a visit</b>")
    return say._("🗓 <b>Another time for visit {code}</b>").format(code=code)


def understood(say: Speech, what: str) -> str:
    """Say what was taken from the patient's own words."""
    return say._("I understood: {what}. You can change it at the end.").format(what=f"<b>{what}</b>")


def understood_nothing(say: Speech) -> str:
    """Begin where the words say only that a visit is wanted."""
    return say._("Gladly. It takes about two minutes, and you can stop at any time.")


def day_lost(say: Speech) -> str:
    """Say that nothing is free on the day that was asked for."""
    return say._("I am sorry, nothing is free on that day. Please choose another one.")


def time_lost(say: Speech) -> str:
    """Say that the time that was asked for is not free."""
    return say._("I am sorry, that time is not free. Please choose another one.")


def just_taken(say: Speech) -> str:
    """Say kindly that somebody was quicker."""
    return say._("I am sorry, this time was taken just now. The rest of your request is kept; these times are free:")


def ask_treatment(say: Speech) -> str:
    """Ask for the treatment area."""
    return say._("<b>What would you like to book?</b>")


def ask_practitioner(say: Speech) -> str:
    """Ask who should treat."""
    return say._("<b>Who would you like to see?</b>")


def anybody(say: Speech) -> str:
    """Label the choice of whoever is free."""
    return say._("Whoever is free")


def ask_day(say: Speech) -> str:
    """Ask for the day."""
    return say._("<b>Which day suits you?</b> Days with a number have free times.")


def no_days(say: Speech, clinic: Clinic) -> str:
    """Own up that nothing is free at all."""
    return say._(
        "I am sorry, nothing is free in the next {days} days. Go back to choose something else, or call {phone}."
    ).format(days=clinic.booking.days_ahead, phone=clinic.phone)


def ask_time(say: Speech, day: date) -> str:
    """Ask for the time on that day."""
    return say._("<b>Which time on {day}?</b>").format(day=say.day(day))


def ask_name(say: Speech) -> str:
    """Ask for the name."""
    return say._("<b>What is your name?</b> Please type your first and last name.")


def ask_phone(say: Speech) -> str:
    """Ask for the telephone number."""
    return say._("<b>On which number can the clinic reach you?</b> Tap the button below, or type another number.")


def share_button(say: Speech) -> str:
    """Label the button that shares one's own number."""
    return say._("📱 Share my number")


def ask_consent(say: Speech, clinic: Clinic, count: int) -> str:
    """Ask for consent to the use of the answers, before the first of `count` questions."""
    head = say._("<b>May we use your answers?</b> {count} short yes/no questions about your health come next.")
    return f"{head.format(count=count)}\n\n{agreement(say, clinic)}"


def agreement(say: Speech, clinic: Clinic) -> str:
    """Return the sentence to which a patient agrees when their answers are to be used."""
    return say._(
        "“I agree that {clinic} may use my yes/no health answers and messages here to prepare my visit and check on me "
        "afterwards. Telegram is not end-to-end encrypted here; I can use the telephone instead: {phone}. "
        "I can withdraw at any time: /privacy.”"
    ).format(clinic=escape(clinic.name), phone=clinic.phone)


def agree_button(say: Speech) -> str:
    """Label the consent."""
    return say._("I agree")


def disagree_button(say: Speech) -> str:
    """Label the refusal."""
    return say._("I do not agree")


def questions(say: Speech) -> Mapping[str, str]:
    """Return the screening questions by their names."""
    return {
        "under-18": say._("Are you under 18?"),
        "pregnant": say._("Are you pregnant, might you be, or are you breastfeeding?"),
        "allergy": say._(
            "Have you ever had a severe allergic reaction, or an allergy to an injection, a numbing medicine or "
            "hyaluronic acid?"
        ),
        "blood": say._("Do you take blood thinners or aspirin, or have a bleeding problem?"),
        "immune": say._("Do you have an autoimmune condition, or take medicines that weaken the immune system?"),
        "skin": say._(
            "Is there a cold sore, rash, infection or broken skin in the area now, or do you often get cold sores?"
        ),
        "scars": say._("Do you get raised or keloid scars?"),
        "diabetes": say._("Do you have diabetes?"),
        "epilepsy": say._("Do you have epilepsy, or do you faint with needles?"),
        "cancer": say._("Do you have cancer, or were you treated for it recently?"),
        "acne": say._("Do you take acne tablets (isotretinoin)?"),
        "recent": say._("Have you had fillers, laser, a peel or botulinum recently?"),
        "reaction": say._("Have you ever had a bad reaction to a cosmetic treatment?"),
        "unwell": say._("Do you have a fever, feel unwell, or take antibiotics today?"),
    }


def ask_question(say: Speech, question: str, number: int, count: int) -> str:
    """Ask a screening question."""
    place = say._("Question {number} of {count}").format(number=number, count=count)
    return f"{place}\n<b>{escape(questions(say)[question])}</b>"


def ask_to_answer_again(say: Speech, count: int) -> str:
    """Ask before the answers are let go of, so that a slip of the finger costs nobody their work."""
    return say._(
        "<b>Answer the health questions again?</b> All {count} are asked once more, and your answers so far are "
        "deleted."
    ).format(count=count)


def answer_again_button(say: Speech) -> str:
    """Label the yes to answering again."""
    return say._("Yes, ask me again")


def yes_button(say: Speech) -> str:
    """Label yes."""
    return say._("Yes")


def no_button(say: Speech) -> str:
    """Label no."""
    return say._("No")


def unsure_button(say: Speech) -> str:
    """Label not knowing."""
    return say._("Not sure")


def under_age(say: Speech, clinic: Clinic) -> str:
    """Stop kindly: nobody under 18 is booked here."""
    return say._(
        "Thank you for telling us. We do not book visits here for anybody under 18, so I have stopped, and kept "
        "nothing of what you entered. If you have questions, a parent or guardian can call us: {phone}."
    ).format(phone=clinic.phone)


def consent_refused(say: Speech, clinic: Clinic) -> str:
    """Accept the refusal, and point to the telephone."""
    return say._(
        "That is fine. I have kept nothing of what you entered. You can book by telephone instead: {phone}."
    ).format(phone=clinic.phone)


def will_be_reviewed(say: Speech) -> str:
    """Say what follows from an answer that is not no; it decides nothing."""
    return say._(
        "Thank you. A practitioner will review this before confirming. Please don't stop or change any medicine."
    )


def ask_follow_up(say: Speech) -> str:
    """Ask whether messages about the visit are welcome."""
    return say._(
        "<b>May we write to you here about this visit?</b> Reminders before it, and care messages after it. "
        "You can stop them at any time."
    )


def ask_offers(say: Speech) -> str:
    """Ask whether offers are welcome."""
    return say._("<b>May we also tell you here about offers and further sessions?</b> You can say no and still book.")


def yes_please(say: Speech) -> str:
    """Label a yes to messages."""
    return say._("Yes, please")


def no_thanks(say: Speech) -> str:
    """Label a no to messages."""
    return say._("No, thanks")


def check(say: Speech, lines: Sequence[tuple[str, str]], *, flagged: bool, moves: str | None) -> str:
    """Show the whole form before it is sent; `lines` are names and values of its fields."""
    shown = "\n".join(f"{name}: <b>{escape(value)}</b>" for name, value in lines)
    parts = [say._("<b>Is everything right?</b> Nothing is sent until you tap Send."), shown]
    if moves is not None:
        parts.append(say._("Until the clinic has answered, your visit stays on {when}.").format(when=moves))
    if flagged:
        parts.append(will_be_reviewed(say))
    return "\n\n".join(parts)


def field(say: Speech, name: str) -> str:
    """Name a field of the form."""
    return {
        "treatment": say._("Treatment"),
        "practitioner": say._("With"),
        "day": say._("Day"),
        "time": say._("Time"),
        "name": say._("Name"),
        "phone": say._("Telephone"),
        "screening": say._("Health questions"),
        "follow_up": say._("Care messages"),
        "offers": say._("Offers"),
    }[name]


def change_button(say: Speech, name: str) -> str:
    """Label the way to change a field."""
    return f"✏️ {field(say, name)}"


def answered(say: Speech) -> str:
    """Stand for the answers, which are not shown again."""
    return say._("answered")


def wanted(say: Speech, *, given: bool) -> str:
    """Say whether messages are welcome."""
    return say._("yes") if given else say._("no")


def send_button(say: Speech) -> str:
    """Label the end of the form."""
    return say._("✅ Send to the clinic")


def back_button(say: Speech) -> str:
    """Label the way to the question before."""
    return say._("« Back")


def stop_button(say: Speech) -> str:
    """Label the way out of the form."""
    return say._("✖ Stop")


def other_days_button(say: Speech) -> str:
    """Label the way to the calendar."""
    return say._("Other days")


# --- what is typed


def buttons_only(say: Speech) -> str:
    """Explain that this question is answered with a button."""
    return say._("Please tap one of the buttons for this one, so that nothing is misread.")


def name_invalid(say: Speech, *, too_long: bool) -> str:
    """Say, over the question, why that is no name."""
    if too_long:
        return say._("That is too long for me.")
    return say._("I could not read that as a name.")


def phone_invalid(say: Speech, example: str) -> str:
    """Ask again for a number."""
    return say._("I could not read that as a telephone number. Please type it like this: {example}").format(
        example=example
    )


def phone_not_own(say: Speech) -> str:
    """Explain that somebody else's contact is not taken."""
    return say._("That is somebody else's contact. Please share your own number with the button, or type it.")


def phone_taken(say: Speech, number: str) -> str:
    """Confirm the number, given now or before."""
    return say._("Your number: {number}").format(number=telephone(number))


def telephone(number: str) -> str:
    """Return +442079460958 as people write it."""
    try:
        parsed = phonenumbers.parse(number)
    except phonenumbers.NumberParseException:
        return number
    return phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.INTERNATIONAL)


def example_phone(country: str, otherwise: str) -> str:
    """Return a mobile number as they look in the country."""
    example = phonenumbers.example_number_for_type(country, phonenumbers.PhoneNumberType.MOBILE)
    if example is None:
        return otherwise
    return phonenumbers.format_number(example, phonenumbers.PhoneNumberFormat.INTERNATIONAL)


def one_back(say: Speech) -> str:
    """Stand over the question before, when the keyboard for the number goes away."""
    return say._("No number yet. Here is the question before.")


# --- going on, stopping


def go_on(say: Speech, what: str, moves: str | None) -> str:
    """Ask whether to go on with what was begun: a new visit, or another time for the visit of the code `moves`."""
    if moves is not None:
        return say._("You were choosing another time for visit {code}. Go on?").format(code=moves)
    if not what:
        return say._("You had begun to book a visit. Go on?")
    return say._("You were booking: <b>{what}</b>. Go on?").format(what=what)


def nudge(say: Speech, what: str, moves: str | None) -> str:
    """Ask once, some time later, whether to go on."""
    return f"{go_on(say, what, moves)}\n\n{say._('Nothing has been sent to the clinic yet. I shall not ask again.')}"


def go_on_button(say: Speech) -> str:
    """Label going on."""
    return say._("Go on")


def anew_button(say: Speech, *, moves: bool) -> str:
    """Label beginning again; where a visit was being moved, that is another one."""
    return say._("Book another visit") if moves else say._("Start again")


def begun_again(say: Speech) -> str:
    """Confirm that the form before is gone, when the keyboard for the number goes away with it."""
    return say._("What you had entered before is deleted.")


def dropped(say: Speech, moves: str | None) -> str:
    """Confirm that the form is gone; where it was to move the visit of the code `moves`, that is as it was."""
    if moves is not None:
        return say._("I have stopped, and nothing was sent. Visit {code} is as it was: /bookings shows it.").format(
            code=moves
        )
    return say._("I have stopped, and nothing was sent. What you entered is deleted. /book begins again.")


def nothing_to_drop(say: Speech) -> str:
    """Answer /cancel where no form is open."""
    return say._("There is no unfinished booking. To cancel a visit, choose it in /bookings.")


def form_closed(say: Speech) -> str:
    """Explain, in at most 200 characters, a button of a form that is gone."""
    return say._("This form is closed. /book begins a new one, /bookings shows your visits.")


def went_on(say: Speech) -> str:
    """Explain, in at most 200 characters, that the form was further already."""
    return say._("The form had gone on; this is where it is now.")


# --- what came of it


def sent(
    say: Speech,
    clinic: Clinic,
    what: str,
    code: str,
    until: datetime,
    opens: datetime | None,
    now: datetime,
    *,
    kept: str | None,
) -> str:
    """Confirm that the request is with the clinic, with its code, and say what happens next and by when.

    `opens` is when the clinic opens next, where it is closed; `kept` is the time that a visit stays on until then.
    """
    parts = [
        say._("✅ <b>Your request is with the clinic.</b>") + f"\n{what}",
        say._("Your code: <b>{code}</b>").format(code=code),
    ]
    hold = say._("The time is held for you. The clinic will confirm it here, or offer another one, by {until}.").format(
        until=say.instant(until)
    )
    if opens is not None:
        hold = f"{_opening(say, opens, now)} {hold}"
    if kept is not None:
        hold = f"{hold} {say._('Until then your visit stays on {when}.').format(when=kept)}"
    before = say._("If you need anything before that, call {phone}. Your visits: /bookings")
    return "\n\n".join((*parts, hold, before.format(phone=clinic.phone)))


def _opening(say: Speech, opens: datetime, now: datetime) -> str:
    """Say when somebody will be there."""
    at, today = opens.astimezone(say.zone), now.astimezone(say.zone).date()
    if at.date() == today:
        return say._("We are closed now and open today at {time}.").format(time=say.clock(at.time()))
    if at.date() == today + timedelta(days=1):
        return say._("We are closed now and open tomorrow at {time}.").format(time=say.clock(at.time()))
    return say._("We are closed now and open on {day} at {time}.").format(
        day=say.day(at.date()), time=say.clock(at.time())
    )


def too_many(say: Speech, clinic: Clinic, most: int) -> str:
    """Explain that no more can be open at a time."""
    return say.ngettext(
        "You have {count} visit open, which is as many as I can take here. /bookings shows it, or call {phone}.",
        "You have {count} visits open, which is as many as I can take here. /bookings shows them, or call {phone}.",
        most,
    ).format(count=most, phone=clinic.phone)


def too_often(say: Speech, clinic: Clinic) -> str:
    """Explain that staff have enough requests of one patient for the moment."""
    return say._(
        "You have sent the clinic very many requests within the hour, so I did not send this one. It is kept: please "
        "send it in an hour, or call {phone}."
    ).format(phone=clinic.phone)


def nobody_there(say: Speech, clinic: Clinic) -> str:
    """Own up that no staff group is connected, so that nobody would see a request."""
    return say._("I cannot reach the clinic's staff from here yet, so please book by telephone: {phone}.").format(
        phone=clinic.phone
    )


def nothing_to_book(say: Speech, clinic: Clinic) -> str:
    """Point to the telephone where the clinic lists no treatments."""
    return say._("Visits cannot be booked here yet. Please call {phone}.").format(phone=clinic.phone)


def no_such_visit(say: Speech) -> str:
    """Explain, in at most 200 characters, a button whose visit is not the patient's, or is gone."""
    return say._("This visit is not open any more. /bookings shows your visits.")


def has_changed(say: Speech) -> str:
    """Explain, in at most 200 characters, that the visit is another one by now."""
    return say._("This visit has changed meanwhile; this is how it is now.")


# --- the visits to come


def book_button(say: Speech) -> str:
    """Label the way to the form."""
    return say._("🗓 Book a visit")


def my_visits_button(say: Speech) -> str:
    """Label the way to the list of visits."""
    return say._("« My visits")


def visits_button(say: Speech) -> str:
    """Label the list of visits, below."""
    return say._("My visits")


def visits(say: Speech, clinic: Clinic, entries: Sequence[str]) -> str:
    """List the visits to come."""
    if not entries:
        return say._("You have no visits to come.")
    rest = say._(
        "Tap one to move or cancel it, or to add it to your calendar. Running late, or anything else: call {phone}."
    )
    return "\n\n".join((say._("<b>Your visits</b>"), *entries, rest.format(phone=clinic.phone)))


def visit(say: Speech, code: str, what: str, when: str, state: str) -> str:
    """Show one visit."""
    return f"<b>{when}</b>\n{what}\n{state} · {say._('code {code}').format(code=code)}"


def what(say: Speech, treatment: str, practitioner: str) -> str:
    """Say what a visit is for, and with whom."""
    return say._("{treatment} with {practitioner}").format(
        treatment=escape(treatment[:NAME_SHOWN]), practitioner=escape(practitioner[:NAME_SHOWN])
    )


def only(treatment: str) -> str:
    """Say what a visit is for, where the clinic names nobody who treats."""
    return escape(treatment[:NAME_SHOWN])


def state(say: Speech, status: str, kept: str | None) -> str:
    """Say how a visit stands."""
    if kept is not None:
        if status == "proposed":
            return say._("🔁 The clinic offers this time; until you answer, {when} stays yours").format(when=kept)
        return say._("⏳ You asked for this time; until the clinic answers, {when} stays yours").format(when=kept)
    return {
        "requested": say._("⏳ Waiting for the clinic"),
        "proposed": say._("🔁 The clinic offers this time and waits for your answer"),
        "confirmed": say._("✅ Confirmed"),
        "completed": say._("Done"),
        "no_show": say._("Missed"),
        "declined": say._("Declined"),
        "cancelled": say._("Cancelled"),
        "expired": say._("Ended without an answer"),
    }[status]


def move_button(say: Speech) -> str:
    """Label the wish for another time."""
    return say._("Move")


def cancel_button(say: Speech) -> str:
    """Label the end of a visit."""
    return say._("Cancel")


def calendar_button(say: Speech) -> str:
    """Label the calendar file."""
    return say._("Add to calendar")


def uncalendar_button(say: Speech) -> str:
    """Label the file that takes a cancelled visit out of a calendar."""
    return say._("Take it out of my calendar")


def earlier_button(say: Speech) -> str:
    """Label the wish for an earlier time."""
    return say._("Tell me if something earlier gets free")


def not_earlier_button(say: Speech) -> str:
    """Label the end of that wish."""
    return say._("Stop telling me about earlier times")


def earlier_noted(say: Speech, *, is_free_now: bool) -> str:
    """Confirm, in at most 200 characters, the wish for an earlier time; some may be free already."""
    noted = say._("I shall write to you when something earlier gets free.")
    return f"{say._('Earlier times are free right now: tap Move to see them.')} {noted}" if is_free_now else noted


def earlier_ended(say: Speech) -> str:
    """Confirm, in at most 200 characters, the end of that wish."""
    return say._("I shall not tell you about earlier times any more.")


def book_this_button(say: Speech, treatment: str | None, day: date | None) -> str:
    """Label the way to a booking of what somebody's words named."""
    what = ", ".join(filter(None, (treatment, say.day(day) if day else None)))
    return say._("🗓 Book: {what}").format(what=what)[:64]


def sure(say: Speech, clinic: Clinic, shown: str) -> str:
    """Ask once more before a visit is cancelled, with the rule about notice."""
    rule = say._("A confirmed visit can be cancelled here until {hours} before it.").format(
        hours=say.hours(clinic.visits.notice_hours)
    )
    return f"{say._('<b>Cancel this visit?</b>')}\n\n{shown}\n\n{rule}"


def sure_button(say: Speech) -> str:
    """Label the yes to cancelling."""
    return say._("Yes, cancel it")


def keep_button(say: Speech) -> str:
    """Label the no to cancelling."""
    return say._("No, keep it")


def cancelled(say: Speech, shown: str) -> str:
    """Confirm that a visit is cancelled."""
    return f"{say._('Your visit is cancelled, and the clinic knows.')}\n\n{shown}"


def too_late(say: Speech, clinic: Clinic, hours: int) -> str:
    """Explain that the notice has passed."""
    return say._(
        "Your visit is less than {hours} away, so I cannot move or cancel it here. Please call {phone}."
    ).format(hours=say.hours(hours), phone=clinic.phone)


# --- the calendar file


def event_title(say: Speech, clinic: Clinic) -> str:
    """Name the event in a calendar that others may see: the clinic and nothing else."""
    return say._("Visit: {clinic}").format(clinic=clinic.name)


def event_text(say: Speech, clinic: Clinic, code: str) -> str:
    """Describe the event without a word about health."""
    return say._("Code {code}. Telephone: {phone}").format(code=code, phone=clinic.phone)


def event_caption(say: Speech, *, cancelled: bool) -> str:
    """Stand under the calendar file."""
    if cancelled:
        return say._("Open this file, and the visit is taken out of your calendar.")
    return say._("Open this file to add the visit to your calendar. After a change, a new file updates the same entry.")
