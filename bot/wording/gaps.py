"""What staff read about questions nobody has answered, and about the answers they write."""

from collections.abc import Sequence

from bot.delivery.markup import escape
from bot.wording.speech import Speech

EXAMPLES = 3
EXAMPLE_SHOWN = 120


def listed(say: Speech, groups: Sequence[tuple[int, Sequence[str]]], days: int) -> str:
    """List groups of unanswered questions: how many, and a few of them."""
    if not groups:
        return say._("No question was left open in the last {days} days.").format(days=days)
    lines = [say._("<b>Questions without an answer, last {days} days</b>").format(days=days)]
    for place, (count, examples) in enumerate(groups, 1):
        asked = say.ngettext("asked {count} time", "asked {count} times", count).format(count=count)
        shown = "\n".join(f"  • {escape(_short(example))}" for example in examples[:EXAMPLES])
        lines.append(f"<b>{place}.</b> {asked}\n{shown}")
    lines.append(say._("To answer one for everybody who asks from now on, press its number."))
    return "\n\n".join(lines)


def write(say: Speech, question: str) -> str:
    """Ask for the answer."""
    quoted = f"<blockquote>{escape(_short(question))}</blockquote>"
    ask = say._(
        "Reply to this message with the answer that patients are to get. "
        "Somebody else, or the owner of this group, approves it then."
    )
    return f"{quoted}\n{ask}"


def draft(say: Speech, question: str, body: str, author: str, state: str, decided_by: str | None) -> str:
    """Show an answer of staff's own and where it stands."""
    head = say._("<b>Answer by {author}</b>").format(author=escape(author))
    quoted = f"<blockquote>{escape(_short(question))}</blockquote>"
    return f"{head}\n{quoted}\n{escape(body)}\n\n{_state(say, state, decided_by)}"


def _state(say: Speech, state: str, decided_by: str | None) -> str:
    name = escape(decided_by or "")
    match state:
        case "approved":
            return say._("✅ Approved by {name}: patients get it from now on").format(name=name)
        case "discarded":
            return say._("☑️ Discarded by {name}").format(name=name)
        case "withdrawn":
            return say._("☑️ Withdrawn by {name}").format(name=name)
        case _:
            return say._("⏳ Waiting for somebody else's approval")


def approve_button(say: Speech) -> str:
    """Label the release of an answer."""
    return say._("Approve")


def discard_button(say: Speech) -> str:
    """Label the end of a draft."""
    return say._("Discard")


def withdraw_button(say: Speech) -> str:
    """Label the end of an answer that is served."""
    return say._("Withdraw")


def needs_another(say: Speech) -> str:
    """Say, in at most 200 characters, why the author cannot approve."""
    return say._("Somebody else, or the group's owner, has to approve what you wrote.")


def too_long(say: Speech, most: int) -> str:
    """Refuse an answer that does not fit."""
    return say._("This is too long for an answer. Please keep it under {most} characters.").format(most=most)


def text_only(say: Speech) -> str:
    """Refuse an answer that is no text."""
    return say._("An answer for everybody has to be text. Please reply to my message with the words.")


def signed(say: Speech, author: str, clinic: str) -> str:
    """Mark an answer with who wrote it."""
    return say._("Answered by {author}, {clinic}").format(author=escape(author), clinic=escape(clinic))


def _short(text: str) -> str:
    return text if len(text) <= EXAMPLE_SHOWN else text[:EXAMPLE_SHOWN] + "…"
