"""What was done, in words: the lines of /audit, and the history in a patient's copy.

Each stands after who did it: "Maya · confirmed the visit", "you: asked for the visit".
"""

import re

from bot.wording.calls import step
from bot.wording.records import answered
from bot.wording.speech import Speech

_COUNTED = re.compile(r"(course of|interval) (\d+)(?: weeks)?")


def deed(say: Speech, action: str, before: str | None, after: str | None) -> str:  # noqa: PLR0911  one kind, one line
    """Say, without markup, what an entry of the log stands for; one that nobody knows here by its own name."""
    if (counted := _COUNTED.fullmatch(action)) is not None:
        return _counted(say, counted[1], int(counted[2]))
    if action.startswith("consent "):
        return _consent(say, action.removeprefix("consent "), agreed=after == "given")
    match action:
        case "follow-up answered" if after:
            return say._("answered a message: {answer}").format(answer=answered(say, after))
        case "step sent by staff" if after:
            return say._("sent ahead of its time: {step}").format(step=step(say, after))
        case "step skipped" if after:
            return say._("left out: {step}").format(step=step(say, after))
        case "quiet hours changed" if after:
            return say._("changed the quiet hours to {hours}").format(hours=after.replace("-", "–"))
        case "zone changed":
            return say._("changed the time zone from {before} to {after}").format(before=before, after=after)
        case "log viewed" if after and " " in after:
            return say._("looked at this log: {part}").format(part=after.partition(" ")[2])
        case "own answer":
            return _own_answer(say, after)
        case _:
            return _plain(say).get(action, action)


def _counted(say: Speech, what: str, count: int) -> str:
    if what == "course of":
        return say.ngettext(
            "set the course to {count} session", "set the course to {count} sessions", count
        ).format(count=count)  # fmt: skip
    if not count:
        return say._("set that no session follows")
    return say.ngettext(
        "set the next session for {count} week later", "set the next session for {count} weeks later", count
    ).format(count=count)


def _consent(say: Speech, purpose: str, *, agreed: bool) -> str:
    sentence = say._("agreed to {what}") if agreed else say._("said no to {what}")
    return sentence.format(what=_purpose(say, purpose))


def _purpose(say: Speech, purpose: str) -> str:
    return {
        "visit": say._("the use of health answers"),
        "follow-up": say._("care messages"),
        "offers": say._("offers"),
        "reminders": say._("reminders"),
    }.get(purpose, purpose)


def _own_answer(say: Speech, state: str | None) -> str:
    match state:
        case "approved":
            return say._("approved an answer of the clinic's own")
        case "discarded":
            return say._("discarded an answer of the clinic's own")
        case "withdrawn":
            return say._("withdrew an answer of the clinic's own")
        case _:
            return say._("wrote an answer of the clinic's own")


def _plain(say: Speech) -> dict[str, str]:
    return {
        "visit requested": say._("asked for the visit"),
        "visit moved": say._("asked for another time"),
        "visit entered": say._("entered the visit"),
        "visit confirmed": say._("confirmed the visit"),
        "visit proposed": say._("offered another time"),
        "visit accepted": say._("accepted the time that was offered"),
        "visit refused": say._("refused the time that was offered"),
        "visit declined": say._("declined the request"),
        "visit cancelled": say._("cancelled the visit"),
        "visit expired": say._("ended the request, which nobody had decided"),
        "proposal lapsed": say._("ended the offer of another time, which had no answer"),
        "visit done": say._("marked the visit as done"),
        "visit missed": say._("marked the visit as missed"),
        "visit's end taken back": say._("took back how the visit ended"),
        "asked to move": say._("asked the patient to choose another time"),
        "kind word sent": say._("wrote to the patient after the missed visit"),
        "answers viewed": say._("looked at the health answers"),
        "answers changed": say._("changed a health answer"),
        "record viewed": say._("looked at the record"),
        "log viewed": say._("looked at this log"),
        "note added": say._("added a note"),
        "message planned": say._("planned a message"),
        "programme paused": say._("paused all messages"),
        "programme resumed": say._("let the messages go on"),
        "link made": say._("made a link for the patient"),
        "chat tied": say._("tied the visit to the chat that the patient has already"),
        "chat joined": say._("opened the link to the visit"),
        "chat parted": say._("took the chat off the visit"),
        "telephoned": say._("telephoned, and ticked it off"),
        "alert acknowledged": say._("took on a possible emergency"),
        "enquiry talking": say._("began to talk with the patient"),
        "enquiry waiting": say._("ended the conversation"),
        "enquiry closed": say._("closed the question"),
        "wait begun": say._("asked to hear of earlier times"),
        "wait ended": say._("ended the wait for an earlier time"),
        "earlier time offered": say._("offered an earlier time"),
        "earlier time passed on": say._("let the earlier time go"),
        "earlier time taken": say._("took the earlier time"),
        "draft stopped": say._("stopped a booking"),
        "draft dropped": say._("stopped a booking"),
        "draft ended": say._("stopped a booking"),
        "draft forgotten": say._("deleted a booking that was begun and left"),
        "language changed": say._("changed the language"),
        "name corrected": say._("corrected the name"),
        "phone corrected": say._("corrected the telephone number"),
        "data exported": say._("got a copy of the data"),
        "deletion waits": say._("asked for deletion, which waits for an open emergency"),
        "data deleted": say._("deleted the data"),
        "time blocked": say._("blocked time"),
        "time unblocked": say._("freed blocked time"),
        "clock in doubt": say._("held messages back, since the clock had jumped"),
        "clock said right": say._("said that the clock is right"),
        "clock relied on": say._("relied on the clock again"),
        "staff group": say._("made a group the staff group"),
    }
