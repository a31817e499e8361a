"""Patients' data in words: what is kept and for how long, the consents, the copy of it all, and its deletion."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from html import escape as escape_html
from typing import Any

from babel.dates import format_datetime
from babel.numbers import format_percent

from bot.config import Clinic
from bot.delivery.markup import escape
from bot.wording import booking, calls, records
from bot.wording.deeds import deed
from bot.wording.speech import Speech

PURPOSES = ("visit", "follow-up", "offers")
"""What a patient agrees to, or not, in the order in which it is shown."""


def periods(say: Speech, clinic: Clinic) -> list[tuple[str, str]]:
    """Return what is kept and how long that is, by the clinic's settings."""
    rules = clinic.privacy
    treated = _months(say, rules.treatment_months)
    return [
        (say._("questions, conversations, messages"), _days(say, rules.chat_days)),
        (say._("if you book nothing"), _days(say, rules.unbooked_days)),
        (say._("answers about your health, after the visit"), _days(say, rules.answers_days)),
        (say._("follow-ups and your answers to them"), _days(say, rules.follow_up_days)),
        (say._("a visit that did not take place"), _days(say, rules.called_off_days)),
        (say._("treatments carried out"), treated),
        (say._("notes of the clinic"), _months(say, rules.note_months)),
        (say._("earlier consents"), _months(say, rules.consent_months)),
        (say._("who did what, without names"), _months(say, rules.audit_months)),
        (say._("backups"), _days(say, rules.backup_days)),
    ]


def _days(say: Speech, count: int) -> str:
    return say.ngettext("{count} day", "{count} days", count).format(count=count)


def _months(say: Speech, count: int) -> str:
    return say.ngettext("{count} month", "{count} months", count).format(count=count)


# --- /privacy


def page(say: Speech, clinic: Clinic, given: Mapping[str, bool | None], *, leaving: datetime | None) -> str:
    """Say who answers for the data, what is kept how long, what Telegram sees, and what was agreed to."""
    rules = clinic.privacy
    kept = "\n".join(f"• {what}: {how_long}" for what, how_long in periods(say, clinic))
    marks = {True: "✅", False: "⬜", None: "⬜"}
    agreed = "\n".join(f"{marks[given.get(one)]} {purpose(say, one)}" for one in PURPOSES)
    parts = [
        say._("<b>Your data at {clinic}</b>").format(clinic=escape(clinic.name)),
        say._("{controller} is responsible for it. Ask: {contact}").format(
            controller=escape(rules.controller), contact=escape(rules.contact)
        ),
        say._(
            "<b>What is kept:</b> your Telegram name, what you ask here and what you are answered; for a visit your "
            "name, telephone number and the time, and, if you agree, your yes/no health answers. It serves to answer "
            "you and to look after your visits, and nothing else. It is not sold or given to advertisers."
        ),
        say._("<b>For how long:</b>\n{kept}").format(kept=kept),
        say._(
            "<b>Telegram</b> stores chats with a bot on its servers, and they are not end-to-end encrypted. Please "
            "send no photos, documents or lists of medicines unless the clinic asks you to. You can always telephone: "
            "{phone}."
        ).format(phone=clinic.phone),
        say._("<b>You agreed to:</b>\n{agreed}\nReminders before a visit are in /settings.").format(agreed=agreed),
    ]
    if leaving is not None:
        parts.append(waits(say, clinic, leaving))
    if rules.policy:
        parts.append(say._('<a href="{url}">The full privacy policy</a>').format(url=escape(rules.policy)))
    return "\n\n".join(parts)


def purpose(say: Speech, name: str) -> str:
    """Name what a patient can agree to."""
    return {
        "visit": say._("use of your health answers for a visit"),
        "follow-up": say._("care messages after a visit"),
        "offers": say._("offers of a next session"),
        "reminders": say._("reminders before a visit"),
    }[name]


def consent_button(say: Speech, name: str, *, given: bool) -> str:
    """Label the way to withdraw a consent, or to give it."""
    if given:
        return {
            "visit": say._("Withdraw: health answers"),
            "follow-up": say._("Withdraw: care messages"),
            "offers": say._("Withdraw: offers"),
        }[name]
    return {
        "visit": say._("Agree: health answers"),
        "follow-up": say._("Agree: care messages"),
        "offers": say._("Agree: offers"),
    }[name]


def export_button(say: Speech) -> str:
    """Label the copy of everything."""
    return say._("📄 Get a copy")


def delete_button(say: Speech) -> str:
    """Label the deletion of everything."""
    return say._("🗑 Delete my data…")


def correct_button(say: Speech, field: str) -> str:
    """Label the correction of a name or a number."""
    return {"name": say._("✏️ My name"), "phone": say._("✏️ My number")}[field]


def back_button(say: Speech) -> str:
    """Label the way back."""
    return say._("« Back")


def agree_to(say: Speech, clinic: Clinic, name: str) -> str:
    """Ask for a consent in the words in which the booking asks for it."""
    match name:
        case "visit":
            return say._("<b>May we use your answers?</b>") + f"\n\n{booking.agreement(say, clinic)}"
        case "follow-up":
            return booking.ask_follow_up(say)
        case _:
            return booking.ask_offers(say)


def yes_button(say: Speech, name: str) -> str:
    """Label a consent as the booking does."""
    return booking.agree_button(say) if name == "visit" else booking.yes_please(say)


def withdrawn(say: Speech, clinic: Clinic, name: str, *, rings: bool) -> str:
    """Say what a withdrawal means; `rings` where staff have been asked to telephone instead."""
    done = {
        "visit": say._("Your health answers are deleted and not used any more. Your visits stay."),
        "follow-up": say._("No care messages come here any more, from now on."),
        "offers": say._("No offers come here any more, from now on."),
    }[name]
    instead = say._("We will ring you instead.") if rings else ""
    safety = say._("If something worries you, write here at any time, or call {phone}. In an emergency: {emergency}.")
    always = safety.format(phone=clinic.phone, emergency=clinic.emergency) if name != "offers" else ""
    return "\n\n".join(filter(None, (f"{done} {instead}".strip(), always)))


def given(say: Speech, name: str) -> str:
    """Confirm a consent."""
    return {
        "visit": say._("Thank you. Your answers can be used again when you book."),
        "follow-up": say._("Thank you. Care messages come here again."),
        "offers": say._("Thank you. Offers come here again."),
    }[name]


def withdrawn_note(say: Speech, code: str, when: str) -> str:
    """Tell staff that a patient's health answers are gone."""
    return say._(
        "🔏 Visit {code} ({when}): the patient does not want their health answers used here any more, and they are "
        "deleted. Please telephone before the visit; it is in /calls."
    ).format(code=code, when=when)


# --- correction


def ask_correction(say: Speech, field: str) -> str:
    """Ask for the right name or number."""
    return {
        "name": say._("Please reply to this message with your first and last name, as it should be."),
        "phone": say._("Please reply to this message with the telephone number under which we can reach you."),
    }[field]


def correction_hint(say: Speech, field: str) -> str:
    """Stand in the empty field, in at most 64 characters."""
    return {"name": say._("First and last name"), "phone": say._("Telephone number")}[field]


def not_corrected(say: Speech, field: str) -> str:
    """Ask again for what could not be read."""
    return {
        "name": say._("I cannot take this as a name. Please reply again with your first and last name only."),
        "phone": say._("I cannot take this as a telephone number. Please reply again, for example +44 20 7946 0018."),
    }[field]


def corrected(say: Speech, field: str, value: str) -> str:
    """Confirm a correction."""
    return {
        "name": say._("Thank you. We know you as <b>{value}</b> now."),
        "phone": say._("Thank you. We reach you on <b>{value}</b> now."),
    }[field].format(value=escape(value))


def nothing_to_correct(say: Speech) -> str:
    """Explain that there is no name or number here but Telegram's own."""
    return say._(
        "Nothing of that is kept here: your name is the one in Telegram, and you are asked for both when you book."
    )


def corrected_note(say: Speech, code: str, field: str) -> str:
    """Tell staff that a visit's name or number is another one now."""
    return {
        "name": say._("✏️ Visit {code}: the patient has corrected their name."),
        "phone": say._("✏️ Visit {code}: the patient has corrected their telephone number."),
    }[field].format(code=code)


# --- the copy


def export_caption(say: Speech) -> str:
    """Say what the first file is."""
    return say._("Everything that is kept about you here, to read in a browser.")


def export_json_caption(say: Speech) -> str:
    """Say what the second file is."""
    return say._("The same for programs (JSON). Keep both to yourself: they hold your health answers.")


def too_often(say: Speech, most: int) -> str:
    """Refuse another copy today."""
    return say.ngettext(
        "You have had {count} copy in the last 24 hours, which is the most. Please try again tomorrow.",
        "You have had {count} copies in the last 24 hours, which is the most. Please try again tomorrow.",
        most,
    ).format(count=most)


def nothing_held(say: Speech) -> str:
    """Say that nothing is held."""
    return say._("Nothing is kept about you here.")


def file_name(say: Speech) -> str:
    """Name the readable file, without its ending."""
    return say._("my-data")


def document(say: Speech, clinic: Clinic, content: Mapping[str, Any]) -> str:
    """Return everything held about a person as a page for a browser; everything in it is escaped."""
    title = say._("Your data at {clinic}").format(clinic=clinic.name)
    about = say._("Made on {when}. {controller} is responsible; ask {contact}.").format(
        when=_at(say, content["made_at"]), controller=clinic.privacy.controller, contact=clinic.privacy.contact
    )
    kept = [{"what": what, "kept": how_long} for what, how_long in periods(say, clinic)]
    body = [f"<h1>{escape_html(title)}</h1>", f"<p>{escape_html(about)}</p>"]
    for name, heading in _headings(say).items():
        found = kept if name == "kept_for" else content[name]
        entries = found if isinstance(found, list) else [found]
        body.append(f"<h2>{escape_html(heading)}</h2>")
        body += [_table(say, clinic, entry) for entry in entries] or [f"<p>{escape_html(say._('Nothing.'))}</p>"]
    return (
        f'<!doctype html>\n<html lang="{escape_html(say.language.replace("_", "-"))}"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>{escape_html(title)}</title><style>{_STYLE}</style></head><body>\n"
        + "\n".join(body)
        + "\n</body></html>\n"
    )


_STYLE = (
    "body{font:16px/1.45 system-ui,sans-serif;max-width:44rem;margin:2rem auto;padding:0 1rem;color:#1c2733}"
    "h1{font-size:1.5rem}h2{font-size:1.15rem;margin:2rem 0 .5rem;border-bottom:2px solid #cbd5df}"
    "table{border-collapse:collapse;width:100%;margin:0 0 1rem;background:#f6f8fa}"
    "th,td{text-align:left;vertical-align:top;padding:.3rem .6rem;border-bottom:1px solid #e3e8ed;"
    "overflow-wrap:anywhere}"
    "th{width:34%;font-weight:600}td table{margin:0}td{white-space:pre-wrap}"
)


def _headings(say: Speech) -> dict[str, str]:
    """Return the sections in the order in which they are read."""
    return {
        "profile": say._("Who you are, and your settings"),
        "consents": say._("What you agreed to"),
        "visits": say._("Visits"),
        "courses": say._("Courses"),
        "follow_ups": say._("Follow-ups, sent and planned"),
        "booking_begun": say._("A booking you have begun"),
        "waiting_for_earlier_times": say._("Earlier times you asked for"),
        "questions": say._("Your questions"),
        "conversations": say._("Conversations with the clinic"),
        "calls": say._("Telephone calls about you"),
        "links": say._("Links to your visits"),
        "messages_sent": say._("Messages to you"),
        "log": say._("What was done with your data"),
        "kept_for": say._("How long what is kept"),
    }


def _table(say: Speech, clinic: Clinic, entry: Mapping[str, Any]) -> str:
    questions, labels = booking.questions(say), _labels(say)
    if "action" in entry:
        done = deed(say, entry["action"], entry["before"], entry["after"])
        entry = {"at": entry["at"], "by": entry["by"], "action": done}
    rows = [
        f"<tr><th>{escape_html(questions.get(name) or labels.get(name) or name.replace('_', ' '))}</th>"
        f"<td>{_cell(say, clinic, name, value)}</td></tr>"
        for name, value in entry.items()
        if value not in (None, [], {}, "")
    ]
    return f"<table>{''.join(rows)}</table>"


def _cell(say: Speech, clinic: Clinic, name: str, value: Any) -> str:  # noqa: PLR0911  one type, one line
    match value:
        case bool():
            return escape_html(say._("yes") if value else say._("no"))
        case dict():
            return _table(say, clinic, value)
        case list() if all(isinstance(one, dict) for one in value):
            return "".join(_table(say, clinic, one) for one in value)
        case list():
            return escape_html(", ".join(map(str, value)))
        case str():
            return escape_html(_read(say, clinic, name, value))
        case float():
            return escape_html(format_percent(value, locale=say.locale))
        case _:
            return escape_html(str(value))


def _read(say: Speech, clinic: Clinic, name: str, value: str) -> str:  # noqa: PLR0911  one column, one line
    """Return as people read it what a column of that name holds: names for ids, words for states."""
    match name:
        case "treatment":
            return treatment.name if (treatment := clinic.treatment(value)) is not None else value
        case "practitioner":
            return practitioner.name if (practitioner := clinic.practitioner(value)) is not None else value
        case "step":
            return calls.step(say, value)
        case "answer":
            return records.answered(say, value)
        case "purpose":
            return purpose(say, value)
        case "by" | "closed_by" | "ended_by":
            return _who(say, value)
        case "status" | "state":
            return _state(say, value)
        case _ if name in booking.questions(say):
            return {"yes": say._("yes"), "no": say._("no"), "unsure": say._("not sure")}.get(value, value)
        case _:
            return _at(say, value)


def _who(say: Speech, who: str) -> str:
    return {
        "you": say._("you"),
        "patient": say._("you"),
        "clinic": say._("the clinic"),
        "staff": say._("the clinic"),
        "program": say._("the program"),
        "time": say._("the program"),
    }.get(who, who)


def _state(say: Speech, state: str) -> str:
    return {
        "requested": say._("waits for the clinic"),
        "proposed": say._("another time is offered"),
        "confirmed": say._("confirmed"),
        "completed": say._("done"),
        "no_show": say._("missed"),
        "declined": say._("declined"),
        "cancelled": say._("called off"),
        "expired": say._("ended without a decision"),
        "planned": say._("planned"),
        "sent": say._("sent"),
        "waiting": say._("waiting"),
        "talking": say._("talking"),
        "closed": say._("closed"),
    }.get(state, state)


def _at(say: Speech, text: str) -> str:
    """Return an instant as people write it; any other text as it is."""
    try:
        at = datetime.fromisoformat(text) if len(text) >= 20 and text[10] == "T" else None
    except ValueError:
        at = None
    return format_datetime(at, "d MMMM y, HH:mm", say.zone, say.locale) if at is not None and at.tzinfo else text


def _labels(say: Speech) -> dict[str, str]:
    return {
        "chat_id": say._("number in Telegram"),
        "first_name": say._("first name"),
        "last_name": say._("last name"),
        "username": say._("name in Telegram"),
        "language": say._("language"),
        "own_language": say._("language you chose"),
        "started_at": say._("first written"),
        "payload": say._("link you came by"),
        "unreachable_since": say._("not reachable since"),
        "flagged_at": say._("possible emergency on"),
        "topic_at": say._("topic asked on"),
        "quiet_from": say._("quiet hours from"),
        "quiet_until": say._("quiet hours until"),
        "problem_at": say._("problem open since"),
        "paused_at": say._("messages paused since"),
        "leaving_at": say._("deletion asked for on"),
        "session_number": say._("session"),
        "sessions": say._("sessions planned"),
        "interval_weeks": say._("weeks to the next"),
        "begun_at": say._("begun"),
        "done_at": say._("done"),
        "purpose": say._("for"),
        "given": say._("agreed"),
        "version": say._("version"),
        "at": say._("when"),
        "code": say._("code"),
        "visit": say._("visit"),
        "status": say._("status"),
        "state": say._("state"),
        "name": say._("name"),
        "phone": say._("telephone"),
        "treatment": say._("treatment"),
        "practitioner": say._("with"),
        "starts_at": say._("begins"),
        "ends_at": say._("ends"),
        "screening": say._("health answers"),
        "flagged": say._("for review by a practitioner"),
        "created_at": say._("entered"),
        "requested_at": say._("asked for"),
        "decided_by": say._("decided by"),
        "decided_at": say._("decided"),
        "reason": say._("reason"),
        "history": say._("history"),
        "notes": say._("notes of the clinic"),
        "author": say._("by"),
        "by": say._("by"),
        "text": say._("text"),
        "action": say._("what"),
        "before": say._("before"),
        "after": say._("after"),
        "step": say._("step"),
        "kind": say._("kind"),
        "planned_for": say._("planned for"),
        "due_at": say._("goes at"),
        "sent_at": say._("sent"),
        "settled_at": say._("sent"),
        "answer": say._("your answer"),
        "answered_at": say._("answered"),
        "asked_at": say._("asked"),
        "topic": say._("topic"),
        "question": say._("question"),
        "urgent": say._("possible emergency"),
        "opened_at": say._("opened"),
        "handled_by": say._("looked after by"),
        "closed_by": say._("ended by"),
        "buttons": say._("buttons"),
        "anchor_at": say._("counted from"),
        "valid_until": say._("not sent after"),
        "ended_by": say._("ended by"),
        "earliest": say._("suits from"),
        "suggestions": say._("topics like it"),
        "personal": say._("about you in person"),
        "route": say._("how it was taken"),
        "score": say._("how sure that was"),
        "what": say._("what"),
        "kept": say._("how long"),
    }


# --- deletion


def explain(say: Speech, clinic: Clinic, off: Sequence[str], kept: Sequence[str], *, alert: bool) -> str:
    """Say what would go and what would stay, before it is confirmed; `off` and `kept` are lines of visits."""
    parts = [
        say._("<b>Delete your data?</b> This cannot be undone."),
        say._(
            "<b>It goes:</b> your name and number, your settings and consents, health answers, questions and "
            "conversations, follow-ups, a booking you have begun, and what the clinic noted about you here."
        ),
    ]
    if off:
        parts.append(_listed(say._("<b>These visits are cancelled</b>, and the clinic is told:"), off))
    parts.append(_stays(say, clinic, kept))
    if alert:
        parts.append(
            say._(
                "⚠️ <b>The clinic is still looking after a message of yours that may be an emergency.</b> So that they "
                "can reach you, deletion waits until they have closed it, for 3 days at most."
            )
        )
    return "\n\n".join(parts)


def _stays(say: Speech, clinic: Clinic, kept: Sequence[str]) -> str:
    stays = say._(
        "<b>It stays:</b> the log of who did what and when, without your name, for {log}. Backups that hold your data "
        "expire after {backups}."
    ).format(log=_months(say, clinic.privacy.audit_months), backups=_days(say, clinic.privacy.backup_days))
    if not kept:
        return stays
    why = say._(
        "Treatments that were carried out stay, without your name and number, since the clinic may have to show what "
        "it did:"
    )
    return f"{stays}\n{_listed(why, kept)}"


def _listed(head: str, lines: Sequence[str]) -> str:
    return "\n".join((head, *(f"• {line}" for line in lines)))


def off_line(say: Speech, treatment: str, starts_at: datetime, code: str) -> str:
    """Name a visit that is cancelled."""
    return f"{escape(treatment)}, {say.instant(starts_at)} (<code>{escape(code)}</code>)"


def kept_line(say: Speech, treatment: str, starts_at: datetime, code: str, until: datetime) -> str:
    """Name a treatment that stays, and until when."""
    return say._("{treatment}, {when} ({code}), until {until}").format(
        treatment=escape(treatment),
        when=_day(say, starts_at),
        code=f"<code>{escape(code)}</code>",
        until=_day(say, until),
    )


def _day(say: Speech, at: datetime) -> str:
    return format_datetime(at, "d MMMM y", say.zone, say.locale)


def sure_button(say: Speech) -> str:
    """Label the second tap."""
    return say._("🗑 Yes, delete everything")


def keep_button(say: Speech) -> str:
    """Label the way out."""
    return say._("No, keep it")


def kept_as_it_is(say: Speech) -> str:
    """Say that nothing was deleted."""
    return say._("Nothing was deleted.")


def receipt(
    say: Speech, clinic: Clinic, off: Sequence[str], kept: Sequence[str], when: str, *, was_talking: bool
) -> str:
    """Say what was deleted, what stays, why and until when, and what is not in the clinic's hands."""
    rules = clinic.privacy
    parts = [
        say._("<b>Your data were deleted</b> on {when}.").format(when=when),
        say._(
            "<b>It is gone:</b> your name and number, settings and consents, health answers, questions and "
            "conversations, follow-ups, and what the clinic noted about you here."
        ),
    ]
    if off:
        parts.append(_listed(say._("<b>Cancelled:</b>"), off))
    if was_talking:
        parts.append(say._("Your conversation with the clinic has ended."))
    parts += [
        _stays(say, clinic, kept),
        say._(
            "<b>In your hands:</b> your own copy of this chat, which you can clear in Telegram. The clinic's records "
            "outside Telegram are its own: ask {contact}."
        ).format(contact=escape(rules.contact)),
        say._("If you write here again, you begin as a stranger. In an emergency call <b>{emergency}</b>.").format(
            emergency=clinic.emergency
        ),
    ]
    return "\n\n".join(parts)


def waits(say: Speech, clinic: Clinic, until: datetime) -> str:
    """Say that deletion is noted, and waits for staff to close a possible emergency."""
    return say._(
        "🕒 <b>Your deletion is noted.</b> The clinic is still looking after a message of yours that may be an "
        "emergency, so it is done as soon as they have closed it, on {until} at the latest. If you need help now, "
        "call <b>{emergency}</b>, or the clinic: {phone}."
    ).format(until=say.instant(until), emergency=clinic.emergency, phone=clinic.urgent_phone)


def expired_button(say: Speech) -> str:
    """Explain, in at most 200 characters, a confirmation that was asked for a while ago."""
    return say._("This question is from a while ago. Please read it once more: /delete")


def redacted(say: Speech) -> str:
    """Stand in the staff group for what was deleted."""
    return say._("🗑 Deleted at the patient's wish.")


def left_note(say: Speech, off: Sequence[str], by_hand: int, *, was_talking: bool, alert_ended: bool) -> str:
    """Tell staff what a deletion means for them, without saying who it was."""
    parts = [say._("🗑 <b>A patient's data were deleted at their wish.</b>")]
    if off:
        parts.append(_listed(say._("Cancelled, nobody waits for them:"), off))
    if was_talking:
        parts.append(say._("A conversation with them was open; it has ended."))
    if alert_ended:
        parts.append(say._("⚠️ A possible emergency of theirs was still open. It cannot be answered here any more."))
    if by_hand:
        parts.append(
            say.ngettext(
                "{count} picture or voice message of theirs is too old for me to delete: please delete it by hand.",
                "{count} pictures or voice messages of theirs are too old for me to delete: please do it by hand.",
                by_hand,
            ).format(count=by_hand)
        )
    parts.append(say._("What you wrote about them in this group, and lists such as /today, are yours to delete."))
    return "\n\n".join(parts)


# --- deletion by staff


def staff_delete_button(say: Speech) -> str:
    """Label the deletion of a patient's data."""
    return say._("🗑 Delete data…")


def staff_explain(
    say: Speech, clinic: Clinic, name: str, off: Sequence[str], kept: Sequence[str], *, alert: bool
) -> str:
    """Ask staff once more, and say what it does."""
    head = say._(
        "<b>Delete everything about {name}?</b> Only at their own wish, and when you are sure who asks. It cannot be "
        "undone; that you did it is kept."
    ).format(name=escape(name[:60]))
    parts = [head]
    if off:
        parts.append(_listed(say._("Cancelled:"), off))
    if alert:
        parts.append(say._("⚠️ A possible emergency of theirs is open. Close it first, or deletion waits for it."))
    parts.append(_stays(say, clinic, kept))
    return "\n\n".join(parts)


def staff_receipt(say: Speech, by: str, code: str, kept: Sequence[str]) -> str:
    """Stand in the place of the record that was deleted."""
    head = say._("🗑 A patient's data were deleted ({name}); <code>{code}</code> stands for them in what stays.").format(
        name=escape(by[:60]), code=escape(code)
    )
    return _listed(f"{head}\n{say._('Treatments that stay:')}", kept) if kept else head


def staff_waits(say: Speech, until: datetime) -> str:
    """Tell staff, in at most 200 characters, that an alert is in the way."""
    return say._(
        "A possible emergency of theirs is open. It is deleted once you have closed it, on {until} at the latest."
    ).format(until=say.instant(until))


# --- the audit


def no_right(say: Speech) -> str:
    """Refuse the audit to who is no administrator of the group."""
    return say._("Only the group's owner and administrators can look at the log.")


def how_to_audit(say: Speech) -> str:
    """Explain what can stand behind /audit."""
    return say._(
        "Write a day, a visit's code or a colleague's name behind it: <code>/audit today</code>, "
        "<code>/audit KX3F9</code>, <code>/audit Maya</code>."
    )


def audit_page(say: Speech, what: str, lines: Iterable[str], first: int, total: int) -> str:
    """Show a part of the log, the newest first."""
    shown = list(lines)
    if not shown:
        return f"{_audit_head(say, what)}\n\n{say._('Nothing.')}\n\n{how_to_audit(say)}"
    place = say._("{first}–{last} of {total}").format(first=first + 1, last=first + len(shown), total=total)
    return "\n".join((_audit_head(say, what), "", *shown, "", place))


def _audit_head(say: Speech, what: str) -> str:
    return say._("🔏 <b>Who did what</b> · {what}").format(what=escape(what))


def audit_everything(say: Speech) -> str:
    """Name the whole log."""
    return say._("everything")


def audit_line(
    say: Speech, at: datetime, who: str, action: str, about: str, before: str | None, after: str | None
) -> str:
    """Show one entry."""
    when = format_datetime(at, "d MMM HH:mm", say.zone, say.locale)
    done = escape(deed(say, action, before, after))
    return " · ".join(filter(None, (when, f"<b>{escape(who[:40])}</b>", done, about)))


def audit_patient(say: Speech) -> str:
    """Stand for a patient as who did something."""
    return say._("the patient")


def audit_program(say: Speech) -> str:
    """Stand for the program as who did something."""
    return say._("the program")


def audit_somebody(say: Speech, number: int) -> str:
    """Stand for who is not in the group any more."""
    return say._("number {number}").format(number=number)


def older_button(say: Speech) -> str:
    """Label the way to older entries."""
    return say._("Older »")


def newer_button(say: Speech) -> str:
    """Label the way to newer entries."""
    return say._("« Newer")
