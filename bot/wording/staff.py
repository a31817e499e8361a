"""What staff read in their group."""

from collections.abc import Iterator
from typing import Literal

from bot.delivery.markup import escape, length
from bot.wording.speech import Speech

QUESTION_SHOWN = 1500
"""UTF-16 units of a patient's question on a card; the rest comes below it."""
SIGN_SHOWN = 600
"""UTF-16 units of the sentence on the card of a possible emergency that says so."""
RELAYED_SHOWN = 3800
"""UTF-16 units of a patient's message in an open conversation; the rest comes below it."""


def enquiry(say: Speech, name: str, question: str) -> str:
    """Show a patient's question; a reply to this card reaches the patient."""
    head = say._("<b>Question from {name}</b>").format(name=escape(name))
    return _quoting(head, question, say._("Reply to this message, and your answer goes to the patient."))


def urgent(say: Speech, name: str, question: str, phone: str | None, sign: str | None = None) -> str:
    """Alert staff to a message that may be an emergency; `sign` is the sentence that says so, of a long one."""
    head = say._("🔴 <b>Possible emergency: {name}</b>").format(name=escape(name))
    if phone is not None:
        head = f"{head}\n☎ {escape(phone)}"
    if sign is not None:
        head = f"{head}\n<blockquote>{escape(parted(sign, SIGN_SHOWN)[0])}</blockquote>"
    told = say._("The patient was told to call. Please contact them now; a reply to this message reaches them.")
    return _quoting(head, question, told)


def about_visit(say: Speech, name: str, code: str) -> str:
    """Head a conversation that staff began from a visit's card."""
    head = say._("<b>Conversation with {name}</b> about {code}").format(name=escape(name), code=code)
    told = say._(
        "Your message is on its way. You are talking now: what they write comes here, "
        "and replies to it, or to this message, go to them."
    )
    return f"{head}\n{told}"


def _quoting(head: str, question: str, rest: str) -> str:
    shown, beyond = parted(question, QUESTION_SHOWN)
    return f"{head}\n<blockquote>{escape(shown)}{'…' if beyond else ''}</blockquote>\n{rest}"


def parted(text: str, most: int) -> tuple[str, str]:
    """Part a text behind `most` UTF-16 units, which is what Telegram counts."""
    if length(text) <= most:
        return text, ""
    units = text.encode("utf-16-le")
    shown = units[: 2 * most].decode("utf-16-le", "ignore")
    return shown, text[len(shown) :]


def beyond(text: str, shown: int) -> Iterator[str]:
    """Return what a text says behind the `shown` units of it, in as many messages as that takes."""
    _, rest = parted(text, shown)
    while rest:
        piece, rest = parted(rest, RELAYED_SHOWN)
        yield piece


def relayed(say: Speech, name: str, text: str) -> str:
    """Show what a patient wrote in an open conversation."""
    shown, beyond = parted(text, RELAYED_SHOWN)
    return f"<b>{escape(name)}:</b> {escape(shown)}{'…' if beyond else ''}"


def flagged(say: Speech, name: str, text: str) -> str:
    """Show what a patient wrote that may be an emergency, below the card of an earlier one."""
    return f"🔴 {relayed(say, name, text)}"


def going_on(say: Speech, name: str, text: str) -> str:
    """Show the rest of what a patient wrote."""
    return f"<b>{escape(name)}:</b> …{escape(text)}"


def corrected(say: Speech, name: str, text: str) -> str:
    """Show how a patient changed a question that staff have."""
    head = say._("✏️ {name} has changed the message:").format(name=f"<b>{escape(name)}</b>")
    shown, beyond = parted(text, QUESTION_SHOWN)
    return f"{head} {escape(shown)}{'…' if beyond else ''}"


def answered(say: Speech, name: str) -> str:
    """Confirm the first answer of a conversation."""
    return say._(
        "Your answer is on its way to {name}. You are talking now: what they write comes here, and replies go to them."
    ).format(name=escape(name))


def state_waiting(say: Speech) -> str:
    """Say on the card that nobody has answered."""
    return say._("⏳ Waiting for an answer")


def state_acknowledged(say: Speech, by: str) -> str:
    """Say on the card who looks after it."""
    return say._("✅ {name} is on it").format(name=escape(by))


def state_talking(say: Speech, by: str) -> str:
    """Say on the card that a conversation is open."""
    return say._("💬 Talking, answered by {name}").format(name=escape(by))


def state_closed(say: Speech, handled_by: str | None, closed_by: str) -> str:
    """Say on the card that it is over, and who ended it."""
    match closed_by:
        case "patient":
            how = say._("☑️ Ended by the patient")
        case "staff":
            how = say._("☑️ Closed by staff")
        case _:
            how = say._("☑️ Ended by itself")
    return f"{how} ({escape(handled_by)})" if handled_by else how


def acknowledge_button(say: Speech) -> str:
    """Label the acknowledgement of an alert."""
    return say._("I am on it")


def close_button(say: Speech) -> str:
    """Label the end of an enquiry that needs no answer."""
    return say._("Close without an answer")


def settle_button(say: Speech) -> str:
    """Label the end of a possible emergency that somebody has looked after."""
    return say._("Settled, close it")


def end_button(say: Speech) -> str:
    """Label the end of a conversation."""
    return say._("End the conversation")


def somebody_was_first(say: Speech, name: str | None) -> str:
    """Say, in at most 200 characters, that it is done already."""
    if name:
        return say._("{name} was first.").format(name=name[:64])
    return say._("This is closed already.")


def still_nobody(say: Speech, name: str) -> str:
    """Call staff again to a possible emergency."""
    return say._("🔴 <b>Nobody is looking after {name} yet.</b> Please press “I am on it” and call them.").format(
        name=escape(name)
    )


def is_it_settled(say: Speech, name: str, since: str) -> str:
    """Ask staff whether a possible emergency that somebody took up is over."""
    return say._(
        "<b>Is this settled?</b> The possible emergency of {name} ({since}) has not been closed, and until it is, "
        "no reminder and no other planned message goes to them."
    ).format(name=escape(name), since=since)


def alarmed_enough(say: Speech, name: str) -> str:
    """Tell staff that a patient sends more of a possible emergency than is passed on."""
    sentence = say._(
        "🔴 <b>{name} writes more than can be passed on here, and it may be an emergency.</b> What follows within the "
        "next minutes is not shown. Please call them now."
    )
    return sentence.format(name=escape(name))


def waiting(say: Speech, name: str, since: str) -> str:
    """Remind staff of a question."""
    return say._("{name} has been waiting for an answer since {since}.").format(name=escape(name), since=since)


def ended(say: Speech, name: str, *, by_time: bool) -> str:
    """Tell staff that a conversation is over."""
    if by_time:
        return say._("The conversation with {name} ended, because nobody wrote for a while.").format(name=escape(name))
    return say._("{name} has ended the conversation.").format(name=escape(name))


def too_long(say: Speech, most: int) -> str:
    """Explain why a reply was not passed on."""
    return say._("This answer is too long for one message. Please keep it under {most} characters.").format(most=most)


def unknown_copy(say: Speech) -> str:
    """Say that a reply went to nobody."""
    return say._(
        "⚠️ This went to nobody: I do not know any more what the message was about to which you replied. Please reply "
        "to the newest copy of the card."
    )


def unreachable(say: Speech, name: str, phone: str | None) -> str:
    """Say that the patient does not get the answer."""
    if phone is not None:
        return say._("{name} cannot be reached in Telegram, so this cannot arrive. Please telephone: {phone}").format(
            name=escape(name), phone=escape(phone)
        )
    return say._("{name} has blocked the bot, so your answer cannot arrive. Please telephone.").format(
        name=escape(name)
    )


def unclaimed(say: Speech) -> str:
    """Tell a new group how it becomes the staff group."""
    return say._(
        "To make this the staff group, send <code>/claim CODE</code> here, "
        "with the code that <code>mesobot run</code> printed when it started."
    )


def claimed(say: Speech, clinic: str) -> str:
    """Welcome the staff group."""
    return say._(
        "This is now the staff group of <b>{clinic}</b>. Patients' questions and requests for visits arrive here. "
        "Everybody in this group can read, answer and decide them. /help says more."
    ).format(clinic=escape(clinic))


def wrong_code(say: Speech) -> str:
    """Refuse a claim."""
    return say._("This code is not valid. <code>mesobot run</code> prints the current one when it starts.")


def too_many_codes(say: Speech) -> str:
    """Take no more codes from a group for a while."""
    return say._("Too many codes were tried here. Please try again in an hour, or from another group.")


def claimed_elsewhere(say: Speech) -> str:
    """Refuse a claim while another group has it."""
    return say._("Another group is the staff group. Set MESOBOT_STAFF_CHAT on the server to change that.")


def help_text(say: Speech) -> str:
    """Say what staff can do here."""
    return "\n\n".join(
        (
            say._(
                "Patients' questions appear here as cards. <b>Reply to a card</b> (swipe it, or press and hold), "
                "and your text goes to that patient as the clinic's answer. Other messages in this group go nowhere."
            ),
            say._(
                "Requests for visits appear as cards, too: confirm, offer another time, or decline with a reason. "
                "A reply to such a card reaches the patient as well."
            ),
            say._(
                "/pending – requests that wait, and possible emergencies that nobody has closed\n"
                "/today, /tomorrow, /week – who comes when\n"
                "/find – a visit by name, telephone number or code\n"
                "/new – enter a visit for a walk-in or a caller\n"
                "/patient – what was and will be sent to somebody, and notes\n"
                "/calls – whom to telephone\n"
                "/block tomorrow 13-15 lunch – keep time free\n"
                "/close 24.12. works – close a whole day\n"
                "/blocks – what is blocked, and freeing it\n"
                "/gaps – questions without an answer\n"
                "/digest – the week in numbers\n"
                "/audit – who did what, for administrators"
            ),
        )
    )


def commands(say: Speech) -> list[tuple[str, str]]:
    """Return the commands of the staff group and what each is for."""
    return [
        ("pending", say._("Requests that wait for a decision")),
        ("today", say._("Visits today")),
        ("tomorrow", say._("Visits tomorrow")),
        ("week", say._("Visits in the next seven days")),
        ("find", say._("Find a visit by name, telephone number or code")),
        ("new", say._("Enter a visit for a walk-in or a caller")),
        ("patient", say._("A patient's visits, messages and notes")),
        ("calls", say._("Whom to telephone")),
        ("block", say._("Keep time free of visits")),
        ("blocks", say._("Time that is blocked")),
        ("close", say._("Close a day")),
        ("gaps", say._("Questions without an answer")),
        ("digest", say._("The week in numbers, and those before")),
        ("audit", say._("Who did what (for the group's administrators)")),
        ("help", say._("How this group works")),
    ]


def undeliverable(say: Speech, row_id: int, name: str | None, phone: str | None) -> str:
    """Alarm staff about a message that Telegram refused, with whom to telephone as far as it is known."""
    if name is None:
        return say._(
            "⚠️ A message to a patient could not be sent (number {row} in the outbox). The log of the server says why."
        ).format(row=row_id)
    who = f"<b>{escape(name)}</b>" + (f", {escape(phone)}" if phone else "")
    return say._(
        "⚠️ A message to {who} could not be sent: please telephone (number {row} in the outbox, the log of the server "
        "says why)."
    ).format(who=who, row=row_id)


def may_be_lost(say: Speech, name: str, phone: str | None, *, was: Literal["answer", "card", "message"]) -> str:
    """Tell staff that nobody knows whether something arrived, though it was sent twice."""
    head = {
        "answer": say._("⚠️ <b>This may not have reached {name}.</b> The network failed both times I sent it."),
        "card": say._("⚠️ <b>A message here about {name} may be missing.</b> The network failed twice: see /pending."),
        "message": say._("⚠️ <b>A message to {name} may not have arrived.</b> The network failed both times I sent it."),
    }[was].format(name=escape(name))
    return f"{head} {say._('Please call them.')}" + (f"\n☎ {escape(phone)}" if phone is not None else "")


def poisoned(say: Speech) -> str:
    """Alarm staff about an update that could not be handled."""
    return say._("⚠️ A message from a patient could not be handled. The log of the server says more.")


def backup_failed(say: Speech) -> str:
    """Tell staff that the day's backup could not be made."""
    return say._(
        "⚠️ The daily backup of my data could not be made. Everything works and nothing is lost; but if the server "
        "broke now, what came in since the last backup would be. Please tell the person who looks after it: "
        "<code>mesobot doctor</code> and the log say why. I go on trying, and tell you when it is made again."
    )


def backup_made_again(say: Speech) -> str:
    """Tell staff that backups are made again."""
    return say._("✅ The daily backup of my data is made again.")
