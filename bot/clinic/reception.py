"""The reception: the one place that decides what a person's own words are for.

In this order: a red flag; a conversation with staff that is open; the description of a problem that was just told of;
the wish not to be written to (which counts during a conversation as well); what follows a possible emergency; a call
for help; a question to the clinic that was announced; what is said of a visit that is near; the question that the open
form asks, unless the text reads as a question itself (then it is answered, and the form asks again); the wish for a
visit; a question.
"""

import re
import unicodedata
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import bindparam, select
from sqlalchemy.orm import Session

from bot.clinic import consents, drafts, enquiries, preferences, replies, visits
from bot.clinic.drafts import (
    ANYBODY,
    PHONE,
    PRACTITIONER,
    BeginOutcome,
    FillOutcome,
    Form,
    Words,
)
from bot.clinic.enquiries import TALKING, Asked, Below, HearOutcome, Relayed, Said
from bot.clinic.patients import Person
from bot.clinic.preferences import Silenced
from bot.clinic.replies import Described, ForTheClinic, ToldOfVisit
from bot.clinic.visits import Card
from bot.config import Clinic
from bot.store.models import Enquiry
from faq import dates
from faq.reader import Understood
from faq.stopping import GENERAL, what_to_stop

# asked about every message, so it is built once, and on the table: a tenth of the cost
_ENQUIRIES = Enquiry.metadata.tables[Enquiry.__tablename__]
_IS_TALKING = (
    select(_ENQUIRIES.c.id).where(_ENQUIRIES.c.chat_id == bindparam("chat"), _ENQUIRIES.c.state == TALKING).limit(1)
)

SHORT = 4
"""Words up to which a text without a question mark is no question where the form asks for something."""
ALIKE = {
    "scalp": frozenset({"hair", "head"}),
    "face": frozenset({"facial", "cheek", "forehead"}),
    "decollete": frozenset({"chest", "cleavage"}),
}
"""What people call an area, by a word of the treatment's own name."""
_EMPTY = frozenset({"and", "the", "for", "with", "treatment", "mesotherapy", "session", "skin", "full"})
_AROUND_A_DAY = frozenset(
    ["on", "at", "in", "the", "for", "of", "next", "this", "coming", "or", "and", "please", "maybe", "is", "ok", "fine",
     "good", "free", "from", "after", "before", "around", "about", "pm", "am", "oclock", "o", "clock", "hi", "hello"]
)  # fmt: skip
"""What is said beside a day without asking anything else."""
_TITLES = frozenset({"dr", "prof", "mrs", "miss", "doctor", "nurse"})
_ANYBODY = re.compile(
    r"\b(any ?(one|body)|who ?ever|no preference|(do not|dont|don't|don’t) (mind|care)|either|egal)\b", re.IGNORECASE
)
_MANAGES = re.compile(
    r"\b(cancel(s|led|ling|ing)?|call (it |my \w+ )?off|annul\w*|withdraw|reschedul\w*|re-?book|postpone|mov(e|ing)|"
    r"shift|swap|change|push|bring (it )?forward|cry off|(can ?no?t|can'?t|won'?t|not be able to) (make|come|attend)|"
    r"my (next )?(bookings?|appointments?|appt|visits?|termin)|(when|what time|what day) (is|am|was) (my|i)|booked|"
    r"(do|have) i (have |got )?an?y? (bookings?|appointments?|visits?)|"
    r"running (late|behind)|(minutes?|mins?) late)\b",
    re.IGNORECASE,
)
_CODE = re.compile(rf"\b[{visits.CODE}]{{{visits.CODE_LENGTH}}}\b", re.IGNORECASE)
_YES_NO = frozenset(
    ["yes", "no", "y", "n", "yeah", "yep", "yup", "nope", "nah", "sure", "unsure", "maybe", "ok", "okay", "agree",
     "send", "agreed", "done", "correct", "right", "not", "i", "do", "dont", "dunno", "know", "please", "thank", "it"]
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Answered:
    """A question in the middle of a form: it is answered, and the form asks again."""

    asked: Asked
    form: Form


@dataclass(frozen=True, slots=True)
class ButtonsOnly:
    """What the form asks now is answered with a button."""

    form: Form


@dataclass(frozen=True, slots=True)
class Listed:
    """The words are about visits that are booked: here they are."""

    cards: Collection[Card]


@dataclass(frozen=True, slots=True)
class StopWhich:
    """ "Stop" while a form is open: it may mean the form or the messages."""

    form: Form


@dataclass(frozen=True, slots=True)
class RelayedAndSilenced:
    """It goes to the person with whom the patient is talking, and the messages that it names have stopped."""

    relayed: Relayed
    silenced: Silenced


Outcome = (
    HearOutcome
    | Below
    | Answered
    | ButtonsOnly
    | Listed
    | Described
    | Silenced
    | StopWhich
    | RelayedAndSilenced
    | ForTheClinic
    | ToldOfVisit
    | BeginOutcome
    | FillOutcome
)


def understand(clinic: Clinic, text: str, now: datetime, language: str) -> Words:
    """Return what `text` says of a visit: treatment, practitioner, day and time, each where it is clear."""
    when = dates.find(text, now.astimezone(clinic.tz), country=clinic.country, language=language)
    said = _words(text)
    treatments = {one.id: _keys(one.name) | _keys(one.id) for one in clinic.treatments}
    practitioners = {one.id: _keys(one.name) - _TITLES for one in clinic.practitioners}
    who = _meant(practitioners, said, {})
    return Words(_meant(treatments, said, ALIKE), who, when.day, when.at, when.earliest)


def is_bare_day(clinic: Clinic, text: str, now: datetime, language: str) -> bool:
    """True where `text` says nothing but a day or a time: "gym tomorrow?" asks something else than for a visit."""
    local = now.astimezone(clinic.tz)

    def is_when(word: str) -> bool:
        found = dates.find(word, local, country=clinic.country, language=language)
        return word in _AROUND_A_DAY or word[0].isdigit() or found != dates.When()

    return all(map(is_when, re.findall(r"[^\W_]+", text.casefold())))


def hear(  # noqa: PLR0911, PLR0912  one thing said, one place that takes it
    session: Session,
    clinic: Clinic,
    person: Person,
    said: Said,
    understood: Understood | None,
    words: Words,
    now: datetime,
    *,
    goes_back: bool = False,
) -> Outcome:
    """Take what a patient sent; `goes_back` where the text is the label of the key that goes back."""
    urgent = understood is not None and understood.route == "urgent"
    stops = what_to_stop(said.text) if said.is_text else frozenset()
    if urgent or _is_talking(session, person.chat_id):
        heard = enquiries.hear(session, clinic, person, said, understood, now)
        if stops and isinstance(heard, Relayed):
            return RelayedAndSilenced(heard, _silence(session, person, stops, now))
        return heard
    if (described := replies.describe(session, person, now)) is not None:
        return described
    if not stops and (below := enquiries.below(session, person, now)) is not None:
        return below
    if understood is None or understood.distressed:
        return enquiries.hear(session, clinic, person, said, understood, now)
    form = drafts.form(session, clinic, person.chat_id, now)
    if form is not None and form.is_asleep:
        form = None
    if stops:
        is_vague = stops == GENERAL and len(said.text.split()) <= SHORT
        return StopWhich(form) if form is not None and is_vague else _silence(session, person, stops, now)
    if said.is_text and (told := _told(session, clinic, person, said.text, understood, form, now)) is not None:
        return told
    if form is not None and said.is_text:
        if goes_back and form.step == PHONE:
            return drafts.back(session, clinic, form.draft_id, form.version, person.chat_id, now)
        outcome = _fill(session, clinic, form, said.text, understood, words, now)
        if outcome is not None:
            return outcome
    if said.is_text and _is_about_own(session, clinic, person, said.text, understood, now):
        return Listed(visits.of_patient(session, clinic, person.chat_id, now))
    if understood.route == "book" and said.is_text:
        return drafts.begin(session, clinic, person, now, words=words)
    heard = enquiries.hear(session, clinic, person, said, understood, now)
    return Answered(heard, form) if form is not None and isinstance(heard, Asked) else heard


def _told(
    session: Session,
    clinic: Clinic,
    person: Person,
    text: str,
    understood: Understood,
    form: Form | None,
    now: datetime,
) -> ForTheClinic | ToldOfVisit | None:
    """Take what staff are to know: a question to them, or that somebody is late or cannot come; None for all else."""
    asked = replies.ask(session, clinic, person, text, understood, now) if form is None else None
    if asked is not None:
        return asked
    return replies.of_visit_soon(session, clinic, person, text, now, only_late=form is not None)


def _fill(
    session: Session, clinic: Clinic, form: Form, text: str, understood: Understood, words: Words, now: datetime
) -> FillOutcome | ButtonsOnly | None:
    """Take `text` as the answer to what the form asks; None where it is none."""
    count = len(text.split())
    is_short = count <= SHORT and "?" not in text
    asks = "?" in text or understood.personal or (count > 2 and understood.route == "answer") or count > 8
    chat_id = form.chat_id
    from_when = words.earliest if form.step == "time" else None
    tells = any((words.treatment, words.practitioner, words.day, words.at and form.day, from_when))
    match form.step:
        case "name" if words.day is None and not asks and not (understood.route == "book" and _MANAGES.search(text)):
            return drafts.name(session, clinic, chat_id, text, now)
        case "phone" if sum(map(str.isdigit, text)) > 4 or not asks:
            return drafts.phone(session, clinic, chat_id, text, now)
        case "practitioner" if is_short and _ANYBODY.search(text):
            return drafts.fill(session, clinic, form.draft_id, form.version, chat_id, PRACTITIONER, ANYBODY, now)
        case "screening" | "consent" | "follow_up" | "offers" | "check" if is_short and _words(text) <= _YES_NO:
            return ButtonsOnly(form)
        case "name" | "check" | "day" | "time" | "treatment" | "practitioner" if tells:
            # "are you open on Friday?" asks something; "is Friday at ten free?" does not
            if is_short or understood.route not in ("answer", "staff"):
                return drafts.take(session, clinic, chat_id, words, now)
    return None


def _is_about_own(
    session: Session, clinic: Clinic, person: Person, text: str, understood: Understood, now: datetime
) -> bool:
    """True where the words are about a visit that is booked, or hold its code."""
    if understood.route == "book" and _MANAGES.search(text):
        return True
    codes = {code.upper() for code in _CODE.findall(text)}
    return bool(codes) and any(card.code in codes for card in visits.of_patient(session, clinic, person.chat_id, now))


def _silence(session: Session, person: Person, stops: Collection[str], now: datetime) -> Silenced:
    """Turn off what was named; reminders of a visit that is booked go on unless they were."""
    purposes = {"care": consents.FOLLOW_UP, "offers": consents.OFFERS, "reminders": consents.REMINDERS}
    return preferences.silence(session, person, [one for name, one in purposes.items() if name in stops], now)


def _is_talking(session: Session, chat_id: int) -> bool:
    return session.scalar(_IS_TALKING, {"chat": chat_id}) is not None


# --- words


def _words(text: str) -> frozenset[str]:
    """Return the words of `text` in small letters, without accents, apostrophes and the s of plurals."""
    decomposed = unicodedata.normalize("NFKD", text.casefold().replace("'", "").replace("’", ""))
    plain = "".join(char for char in decomposed if not unicodedata.combining(char))
    found = re.findall(r"[^\W_]+", plain)
    return frozenset(word[:-1] if len(word) > 4 and word.endswith("s") else word for word in found)


def _keys(name: str) -> frozenset[str]:
    return frozenset(word for word in _words(name) if len(word) > 2 and word not in _EMPTY)


def _meant(things: dict[str, frozenset[str]], said: frozenset[str], alike: dict[str, frozenset[str]]) -> str | None:
    """Return the one thing whose name was said; None for none, or for parts of several."""
    found = {
        one: {key for key in keys if key in said or said & alike.get(key, frozenset())} for one, keys in things.items()
    }
    found = {one: keys for one, keys in found.items() if keys}
    named = set().union(*found.values())
    covering = [one for one, keys in found.items() if keys == named]
    whole = [one for one in covering if found[one] == things[one]]
    best = whole or covering
    return best[0] if len(best) == 1 else None
