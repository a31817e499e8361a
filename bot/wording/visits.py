"""A visit in words: its card in the staff group, and what both sides are told when it changes."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from html import unescape

from phonenumbers import NumberParseException

from bot.config import Clinic, international
from bot.delivery.markup import escape
from bot.wording.speech import Speech

NAME_SHOWN = 60
"""Characters of a patient's or practitioner's name on a card."""
REASON_SHOWN = 600


@dataclass(frozen=True, slots=True)
class Plain:
    """A visit's facts as one language says them; nothing is escaped yet."""

    code: str
    name: str
    phone: str
    treatment: str
    practitioner: str
    when: str
    kept: str | None
    """The confirmed time, while another one is being decided."""
    reason: str | None


def span(say: Speech, starts_at: datetime, ends_at: datetime) -> str:
    """Return a visit's time as "Friday, 4 December, 10:00–10:45"."""
    return f"{say.instant(starts_at)}–{ends_at.astimezone(say.zone):%H:%M}"


def phone(number: str, country: str) -> str:
    """Return a telephone number as +44 20 7946 0958; as it stands where it is none."""
    try:
        return international(number, country)
    except NumberParseException:
        return number


# --- the card in the staff group


def card(say: Speech, visit: Plain, state: str, *, telegram_name: str, is_flagged: bool) -> str:
    """Show who wants what and when, with the `state` below."""
    head = say._("🗓 <b>Move of {code}</b> · {name}") if visit.kept else say._("🗓 <b>Visit {code}</b> · {name}")
    lines = [
        head.format(code=visit.code, name=_short(visit.name)),
        say._("{treatment} with {practitioner}").format(
            treatment=_short(visit.treatment), practitioner=_short(visit.practitioner)
        ),
        f"<b>{visit.when}</b>",
    ]
    if visit.kept:
        lines.append(say._("instead of {when}, which stays theirs until this is decided").format(when=visit.kept))
    lines.append(f"☎ {escape(visit.phone)}")
    if telegram_name and telegram_name != visit.name:
        lines.append(say._("in Telegram: {name}").format(name=_short(telegram_name)))
    if is_flagged:
        lines.append(say._("⚠️ <b>needs practitioner review</b> (see Details)"))
    return "\n".join(lines) + f"\n\n{state}"


def state_requested(say: Speech, since: str) -> str:
    """Say on the card that nobody has decided."""
    return say._("⏳ Waiting for a decision since {since}").format(since=since)


def state_proposed(say: Speech, by: str | None, until: str) -> str:
    """Say on the card that the patient has been asked, and how long the time is held."""
    return say._("🔁 Offered by {name}, waiting for the patient's answer until {until}").format(
        name=_who(say, by), until=until
    )


def state_confirmed(say: Speech, by: str | None, at: str | None) -> str:
    """Say on the card that the time is settled."""
    if by and at:
        return say._("✅ Confirmed ({name}, {at})").format(name=_short(by), at=at)
    return say._("✅ Confirmed")


def state_expected(say: Speech, at: str) -> str:
    """Say on the card that the patient confirmed, too."""
    return say._("👍 The patient confirmed ({at})").format(at=at)


def state_kept(say: Speech, by: str | None, reason: str) -> str:
    """Say on the card that another time was declined, and the confirmed one stays."""
    return say._("✅ Stays confirmed: {name} declined the other time. {reason}").format(
        name=_who(say, by), reason=_reason(reason)
    )


def state_declined(say: Speech, by: str | None, reason: str | None) -> str:
    """Say on the card who said no, and why."""
    return say._("✖️ Declined by {name}. {reason}").format(name=_who(say, by), reason=_reason(reason))


def state_cancelled(say: Speech, by: str | None, reason: str | None, *, by_patient: bool) -> str:
    """Say on the card who cancelled."""
    if by_patient:
        return say._("✖️ Cancelled by the patient")
    return say._("✖️ Cancelled by {name}. {reason}").format(name=_who(say, by), reason=_reason(reason))


def state_expired(say: Speech, *, proposed: bool) -> str:
    """Say on the card that time has ended it."""
    if proposed:
        return say._("⌛ Ended: the patient did not answer the offered time in time, which is free again")
    return say._("⌛ Expired: nobody decided in time, and the time is free again")


def state_completed(say: Speech, by: str | None, at: str | None) -> str:
    """Say on the card that the patient came."""
    if by and at:
        return say._("☑️ Done ({name}, {at})").format(name=_short(by), at=at)
    return say._("☑️ Done")


def state_no_show(say: Speech, by: str | None, at: str | None) -> str:
    """Say on the card that the patient did not come."""
    if by and at:
        return say._("🚫 Did not come ({name}, {at})").format(name=_short(by), at=at)
    return say._("🚫 Did not come")


def confirm_button(say: Speech) -> str:
    """Label staff's yes."""
    return say._("Confirm")


def confirm_anyway_button(say: Speech) -> str:
    """Label staff's yes to a request that needed a review."""
    return say._("Yes, confirm")


def other_anyway_button(say: Speech) -> str:
    """Label the offer of another time for a request that needed a review."""
    return say._("Offer another time anyway")


def other_time_button(say: Speech) -> str:
    """Label the offer of another time."""
    return say._("Other time")


def decline_button(say: Speech) -> str:
    """Label staff's no."""
    return say._("Decline")


def cancel_button(say: Speech) -> str:
    """Label the end of a confirmed visit."""
    return say._("Cancel the visit")


def message_button(say: Speech) -> str:
    """Label the way to write to the patient."""
    return say._("Message")


def details_button(say: Speech) -> str:
    """Label the answers to the screening questions."""
    return say._("Details")


def hide_button(say: Speech) -> str:
    """Label the end of the details."""
    return say._("Hide")


def back_button(say: Speech) -> str:
    """Label the way back to the card."""
    return say._("« Back")


def back_to_days_button(say: Speech) -> str:
    """Label the way back to the month."""
    return say._("« Days")


def other_practitioner_button(say: Speech) -> str:
    """Label the choice of who treats."""
    return say._("Another practitioner")


def another_reason_button(say: Speech) -> str:
    """Label a reason in staff's own words."""
    return say._("Another reason…")


def review_first(say: Speech) -> str:
    """Ask once more before a flagged request is confirmed."""
    return say._("⚠️ <b>Has a practitioner reviewed the answers?</b>")


def pick_practitioner(say: Speech) -> str:
    """Ask with whom the other time is to be."""
    return say._("<b>Other time:</b> with whom?")


def pick_day(say: Speech, practitioner: str) -> str:
    """Ask for the day of the other time."""
    return say._("<b>Other time</b> with {practitioner}: which day?").format(practitioner=_short(practitioner))


def pick_time(say: Speech, practitioner: str, day: str) -> str:
    """Ask for the time on a day; a tap offers it to the patient."""
    return say._("<b>Other time</b> with {practitioner} on {day}: a tap offers it to the patient.").format(
        practitioner=_short(practitioner), day=day
    )


def nothing_free(say: Speech) -> str:
    """Say that a month has no free time."""
    return say._("Nothing is free in this month.")


def pick_reason(say: Speech, *, cancels: bool) -> str:
    """Ask for the reason; a tap does it."""
    if cancels:
        return say._("<b>Cancel the visit:</b> which reason is the patient told?")
    return say._("<b>Decline:</b> which reason is the patient told?")


def reasons(say: Speech, *, cancels: bool) -> Mapping[str, str]:
    """Return the reasons to choose from, as the patient reads them: none says anything of anybody's health."""
    return {
        "full": say._("We are fully booked that day."),
        "away": say._("The practitioner is not available that day."),
        "closed": say._("We are closed that day."),
        **(
            {}
            if cancels
            else {
                "consult": say._("Please come for a consultation first."),
                "offer": say._("We do not offer this at the moment."),
            }
        ),
        "call": say._("Please call us, so that we find a time together."),
    }


def write_reason(say: Speech, visit: Plain, mention: str, *, cancels: bool) -> str:
    """Ask a staff member, who is mentioned, for a reason in their own words."""
    if cancels:
        ask = say._("{who}, reply to this message with the reason. {name} is told it, and visit {code} is cancelled.")
    else:
        ask = say._("{who}, reply to this message with the reason. {name} is told it, and visit {code} is declined.")
    return ask.format(who=mention, name=_short(visit.name), code=visit.code)


def reason_hint(say: Speech) -> str:
    """Stand in the empty field of the reason, in at most 64 characters."""
    return say._("The reason, as the patient reads it")


def reason_unusable(say: Speech, most: int) -> str:
    """Refuse a reason that is no text, or does not fit."""
    return say._("Please reply again, with the reason as a text of at most {most} characters.").format(most=most)


def how_to_write(say: Speech, visit: Plain) -> str:
    """Explain, in at most 200 characters, how a message reaches the patient."""
    return say._("Reply to this card (swipe it, or press and hold): your text goes to {name} as the clinic's.").format(
        name=visit.name[:50]
    )


def cannot_write(say: Speech, visit: Plain) -> str:
    """Explain, in at most 200 characters, that the patient is to be telephoned."""
    return say._("{name} cannot be reached in Telegram. Please telephone: {phone}").format(
        name=visit.name[:50], phone=visit.phone[:32]
    )


def details(say: Speech, answers: Mapping[str, Sequence[str]]) -> str:
    """Show the screening answers: what was asked, under yes, not sure and no."""
    heads = {"yes": say._("Yes"), "unsure": say._("Not sure"), "no": say._("No")}
    found = [
        f"<b>{head}:</b>\n" + "\n".join(f"• {escape(question)}" for question in answers[answer])
        for answer, head in heads.items()
        if answers.get(answer)
    ]
    return "\n".join(found) or say._("No answers are kept with this visit.")


def late(say: Speech, state: str) -> str:
    """Explain to staff, in at most 200 characters and without markup, why a button did nothing."""
    return _cut(say._("This has changed meanwhile. {state}").format(state=unescape(state)), 200)


def begun(say: Speech) -> str:
    """Explain, in at most 200 characters, that a visit is not moved or cancelled any more."""
    return say._("This visit has begun already, so it is not moved or cancelled any more.")


def gone(say: Speech) -> str:
    """Explain, in at most 200 characters, a button whose visit is not there, or not for this group."""
    return say._("This visit is not here any more.")


def taken(say: Speech) -> str:
    """Say, in at most 200 characters, that somebody else has got the time."""
    return say._("This time has just been taken. Please choose another one.")


# --- notes in the staff group


def told_note(say: Speech, visit: Plain, state: str) -> str:
    """Confirm to staff what a typed reason has done."""
    return f"<b>{visit.code}</b> · {_short(visit.name)}: {state}"


def cannot_be_told(say: Speech, visit: Plain) -> str:
    """Ask staff to telephone a patient whom the bot cannot tell."""
    return say._("☎ {name} cannot be told here about {code}. Please telephone: {phone}").format(
        name=_short(visit.name), code=visit.code, phone=escape(visit.phone)
    )


def reminder(say: Speech, visit: Plain, since: str) -> str:
    """Remind staff of a request."""
    return say._("⏳ {name} ({code}, {when}) has been waiting for a decision since {since}.").format(
        name=_short(visit.name), code=visit.code, when=visit.when, since=since
    )


def escalation(say: Speech, visit: Plain, mentions: Iterable[str], since: str) -> str:
    """Call staff by name to a request."""
    names = list(mentions)
    ask = say._("⏰ <b>Please decide:</b> {name} ({code}, {when}) has been waiting since {since}.").format(
        name=_short(visit.name), code=visit.code, when=visit.when, since=since
    )
    return f"{say.listed(names)}\n{ask}" if names else ask


def expired_note(say: Speech, visit: Plain, *, stays: bool) -> str:
    """Tell staff that a request has ended undecided."""
    if stays:
        return say._("⌛ The move of {name} was not decided: {code} stays on {when}.").format(
            name=_short(visit.name), code=visit.code, when=visit.when
        )
    return say._("⌛ The request of {name} ({code}) has ended, because nobody decided.").format(
        name=_short(visit.name), code=visit.code
    )


def accepted_note(say: Speech, visit: Plain) -> str:
    """Tell staff that the patient took the offered time."""
    return say._("✅ {name} accepted: {code} is on {when}.").format(
        name=_short(visit.name), code=visit.code, when=visit.when
    )


def refused_note(say: Speech, visit: Plain, *, stays: bool) -> str:
    """Tell staff that the patient did not take the offered time."""
    if stays:
        return say._("{name} did not take the other time: {code} stays on {when}.").format(
            name=_short(visit.name), code=visit.code, when=visit.when
        )
    return say._("{name} did not take the other time, so {code} has ended.").format(
        name=_short(visit.name), code=visit.code
    )


def lapsed_note(say: Speech, visit: Plain, *, stays: bool) -> str:
    """Tell staff that the patient did not answer."""
    if stays:
        return say._("⌛ {name} did not answer: {code} stays on {when}.").format(
            name=_short(visit.name), code=visit.code, when=visit.when
        )
    return say._("⌛ {name} did not answer, so {code} has ended and its time is free again.").format(
        name=_short(visit.name), code=visit.code
    )


def cancelled_note(say: Speech, visit: Plain) -> str:
    """Tell staff that the patient cancelled."""
    return say._("✖️ {name} has cancelled {code}, {when}.").format(
        name=_short(visit.name), code=visit.code, when=visit.when
    )


def mention(name: str, user_id: int) -> str:
    """Return a link that calls a member of the group."""
    return f'<a href="tg://user?id={user_id}">{_short(name)}</a>'


# --- what the patient is told


def confirmed(say: Speech, clinic: Clinic, visit: Plain, address: str, *, near: bool) -> str:
    """Tell the patient that the time is settled; one that is `near` can be changed by telephone only."""
    parts = [say._("✅ <b>Your visit is confirmed.</b>"), _what(say, visit)]
    if address:
        parts.append(address)
    if near:
        parts.append(say._("To move or cancel it, please call {phone}. /bookings shows it.").format(phone=clinic.phone))
    else:
        parts.append(_rules(say, clinic, visit))
    return "\n\n".join(parts)


def declined(say: Speech, clinic: Clinic, visit: Plain) -> str:
    """Tell the patient, with the reason, that the clinic does not take the request."""
    sorry = say._("We are sorry, we cannot confirm this request:")
    again = say._("You can choose another time with /book, or call {phone}.").format(phone=clinic.phone)
    return f"{sorry}\n{_what(say, visit)}\n\n{_said(say, clinic, visit)}\n\n{again}"


def declined_move(say: Speech, clinic: Clinic, visit: Plain) -> str:
    """Tell the patient, with the reason, that the confirmed time stays."""
    sorry = say._("We are sorry, the other time is not possible.")
    stays = say._("Your visit stays as it was:")
    return f"{sorry}\n\n{_said(say, clinic, visit)}\n\n{stays}\n{_what(say, visit)}"


def proposed(say: Speech, clinic: Clinic, visit: Plain, until: str) -> str:
    """Offer the patient another time."""
    parts = [
        say._("{clinic} offers you another time:").format(clinic=escape(clinic.name)) + f"\n{_what(say, visit)}",
        say._("It is held for you until {until}.").format(until=until),
    ]
    if visit.kept:
        parts.append(say._("Until you answer, your visit stays on {when}.").format(when=visit.kept))
    return "\n\n".join(parts)


def accept_button(say: Speech) -> str:
    """Label the patient's yes."""
    return say._("Accept")


def another_time_button(say: Speech) -> str:
    """Label the patient's wish for yet another time."""
    return say._("Another time")


def no_thanks_button(say: Speech) -> str:
    """Label the patient's no."""
    return say._("No, thanks")


def refused(say: Speech, clinic: Clinic, visit: Plain, *, stays: bool) -> str:
    """Confirm the patient's no."""
    if stays:
        return say._("Your visit stays as it was:") + f"\n{_what(say, visit)}"
    return say._(
        "You did not take this time, so the request has ended. /book begins a new one, or call {phone}."
    ).format(phone=clinic.phone)


def changed_meanwhile(say: Speech) -> str:
    """Explain to the patient, in at most 200 characters, why a button did nothing."""
    return say._("This has changed meanwhile. /bookings shows how it stands.")


def cancelled_by_clinic(say: Speech, clinic: Clinic, visit: Plain) -> str:
    """Tell the patient, with the reason, that the clinic cancels."""
    sorry = say._("We are sorry, we have to cancel your visit:")
    again = say._("You can choose another time with /book, or call {phone}.").format(phone=clinic.phone)
    return f"{sorry}\n{_what(say, visit)}\n\n{_said(say, clinic, visit)}\n\n{again}"


def expired(say: Speech, clinic: Clinic, visit: Plain, *, with_times: bool) -> str:
    """Tell the patient that nobody decided, with other free times below where there are some."""
    sorry = say._("We are sorry: nobody at the clinic decided on your request in time, so it has ended.")
    call = say._("If you would rather speak to us, call {phone}.").format(phone=clinic.phone)
    parts = [f"{sorry}\n{_what(say, visit)}"]
    if with_times:
        parts.append(say._("These times are free now; a tap begins a new request:"))
    return "\n\n".join((*parts, call))


def expired_move(say: Speech, clinic: Clinic, visit: Plain) -> str:
    """Tell the patient that nobody decided on the other time, and the confirmed one stays."""
    sorry = say._("We are sorry: nobody at the clinic decided on the other time. Your visit stays as it was:")
    call = say._("If you would rather speak to us, call {phone}.").format(phone=clinic.phone)
    return f"{sorry}\n{_what(say, visit)}\n\n{call}"


def lapsed(say: Speech, clinic: Clinic, visit: Plain, *, stays: bool) -> str:
    """Tell the patient that the offered time is not held any more."""
    over = say._("The time that we offered you is not held any more, because no answer came.")
    if stays:
        return f"{over} " + say._("Your visit stays as it was:") + f"\n{_what(say, visit)}"
    again = say._("You can choose another time with /book, or call {phone}.").format(phone=clinic.phone)
    return f"{over}\n\n{again}"


def cancelled_by_patient(say: Speech, visit: Plain) -> str:
    """Confirm the patient's own cancelling."""
    return say._("Your visit is cancelled:") + f"\n{_what(say, visit)}"


def cancel_by_telephone(say: Speech, clinic: Clinic) -> str:
    """Say, in at most 200 characters, that it is too late to cancel here."""
    return say._("The visit is too near to cancel it here. Please call {phone}.").format(phone=clinic.phone)


def please_move(say: Speech, clinic: Clinic, visit: Plain) -> str:
    """Ask a patient to choose another time, because the clinic cannot keep this one."""
    ask = say._("We are sorry, we cannot keep the time of your visit:")
    choose = say._("Please choose another time, or cancel. If you would rather speak to us, call {phone}.").format(
        phone=clinic.phone
    )
    return f"{ask}\n{_what(say, visit)}\n\n{choose}"


def move_button(say: Speech) -> str:
    """Label the patient's choice of another time."""
    return say._("Choose another time")


def cancel_mine_button(say: Speech) -> str:
    """Label the patient's cancelling."""
    return say._("Cancel")


def call_button(say: Speech) -> str:
    """Label the clinic's telephone number."""
    return say._("Call")


def call(say: Speech, clinic: Clinic) -> str:
    """Show the clinic's number, in at most 200 characters."""
    return say._("Please call {phone}.").format(phone=clinic.phone)


def earlier(say: Speech, visit: Plain, offered: str, practitioner: str, until: str) -> str:
    """Offer an earlier time to a patient who asked for one."""
    parts = [
        say._("<b>An earlier time is free:</b> {when} with {practitioner}").format(
            when=offered, practitioner=_short(practitioner)
        ),
        say._("Your visit now: {when} with {practitioner}").format(
            when=visit.when, practitioner=_short(visit.practitioner)
        ),
        say._("It is held for you until {until}.").format(until=until),
    ]
    return "\n\n".join(parts)


def take_button(say: Speech) -> str:
    """Label the patient's yes to an earlier time."""
    return say._("Take it")


def earlier_asked(say: Speech, visit: Plain) -> str:
    """Confirm that staff are asked for the earlier time."""
    asked = say._("The clinic has been asked to move your visit to this time. The answer comes here.")
    return f"{asked}\n{_what(say, visit)}"


def earlier_passed(say: Speech) -> str:
    """Confirm that the earlier time goes to somebody else."""
    return say._("The earlier time goes to somebody else. You will be told when there is another one.")


def earlier_gone(say: Speech) -> str:
    """Explain, in at most 200 characters, that the earlier time is not on offer any more."""
    return say._("This time is not held for you any more.")


def _what(say: Speech, visit: Plain) -> str:
    what = say._("{treatment} with {practitioner}").format(
        treatment=_short(visit.treatment), practitioner=_short(visit.practitioner)
    )
    return f"<b>{visit.when}</b>\n{what}\n" + say._("Code: {code}").format(code=visit.code)


def _rules(say: Speech, clinic: Clinic, visit: Plain) -> str:
    return say._(
        "/bookings shows it, and lets you move or cancel it up to {notice} before. The clinic: {phone}."
    ).format(notice=say.hours(clinic.visits.notice_hours), phone=clinic.phone)


def _said(say: Speech, clinic: Clinic, visit: Plain) -> str:
    return say._("<b>{clinic} says:</b>").format(clinic=escape(clinic.name)) + f"\n{_reason(visit.reason)}"


def _who(say: Speech, name: str | None) -> str:
    return _short(name) if name else say._("the clinic")


def _reason(reason: str | None) -> str:
    return escape(_cut(reason or "", REASON_SHOWN))


def _short(text: str) -> str:
    return escape(_cut(text, NAME_SHOWN))


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else text[: most - 1] + "…"
