"""What staff look at: a visit's card, free time for another appointment, days and what is in them; and reading the
times that they write."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from bot.clinic import blocks, slots, staffroom, visits
from bot.clinic.blocks import Blocked, Span
from bot.clinic.slots import Free
from bot.clinic.visits import CONFIRMED, LIVE, REQUESTED, Actor, Card, Changed, Late, NotHere
from bot.config import Clinic, Practitioner
from bot.store.models import Audit
from faq import dates

ASKED = "asked to move"
"""The audit's word for a patient who was asked to choose another time."""

LONGEST = timedelta(hours=25)
"""A day, when the clock goes back."""


@dataclass(frozen=True, slots=True)
class Begun:
    """The visit has begun: it is not moved or cancelled any more."""

    card: Card


@dataclass(frozen=True, slots=True)
class Review:
    """A practitioner is to look at the answers first."""

    card: Card


@dataclass(frozen=True, slots=True)
class Month:
    """The days of a month on which a practitioner has time for a visit."""

    card: Card
    practitioner: str
    first: date
    free: Sequence[date]


@dataclass(frozen=True, slots=True)
class Day:
    """The times of a day at which a practitioner has time for a visit."""

    card: Card
    practitioner: str
    day: date
    free: Sequence[Free]


@dataclass(frozen=True, slots=True)
class Entry:
    """A visit, or blocked time, at its place in a list; `card` of a visit that moves may stand there twice."""

    at: datetime
    card: Card | None = None
    span: Span | None = None


@dataclass(frozen=True, slots=True)
class Days:
    """Some days, and what is in each, in order."""

    days: Sequence[tuple[date, Sequence[Entry]]]


@dataclass(frozen=True, slots=True)
class Plan:
    """A time to block, as it was understood; not `sure` where the words could mean another one."""

    starts_at: datetime
    ends_at: datetime
    practitioner: str | None
    """None for everybody."""
    reason: str
    sure: bool
    is_guessed_day: bool = False
    """No time was named, so that it is taken for the whole day."""


@dataclass(frozen=True, slots=True)
class NoDay:
    """The words name no day, or more than one."""


@dataclass(frozen=True, slots=True)
class NoSpan:
    """The time ends before it begins, or is none that a clock shows."""


@dataclass(frozen=True, slots=True)
class Past:
    """The time is over."""


PlanOutcome = Plan | NoDay | NoSpan | Past


@dataclass(frozen=True, slots=True)
class Asked:
    """Patients who are to be asked to choose another time, and how many were asked before."""

    cards: Sequence[Card]
    before: int


def is_staffs(session: Session, chat_id: int) -> bool:
    """True for the staff group."""
    return staffroom.chat(session) == chat_id


# --- one visit


def look(
    session: Session, clinic: Clinic, visit_id: int, version: int | None, staff_chat: int
) -> Changed | Late | NotHere:
    """Return a visit as it is now, for staff; `Late` where a button shows an older `version`."""
    card = visits.get(session, clinic, visit_id) if is_staffs(session, staff_chat) else None
    if card is None:
        return NotHere()
    return Changed(card) if version in (None, card.version) else Late(card)


def has_begun(
    session: Session, clinic: Clinic, visit_id: int, version: int, staff_chat: int, now: datetime
) -> Begun | Changed | Late | NotHere:
    """Return `Begun` for a confirmed visit whose time has come."""
    seen = look(session, clinic, visit_id, version, staff_chat)
    if isinstance(seen, Changed) and seen.card.status == CONFIRMED and seen.card.starts_at <= now:
        return Begun(seen.card)
    return seen


def confirm(
    session: Session,
    clinic: Clinic,
    visit_id: int,
    version: int,
    staff_chat: int,
    actor: Actor,
    now: datetime,
    *,
    reviewed: bool,
) -> Changed | Review | Late | NotHere:
    """Say yes to a request; a flagged one only where it was `reviewed`. A visit that moves has been looked at."""
    seen = look(session, clinic, visit_id, version, staff_chat)
    if isinstance(seen, Changed) and not reviewed and _needs_review(seen.card):
        return Review(seen.card)
    return visits.confirm(session, clinic, visit_id, version, staff_chat, actor, now)


def may_offer(
    session: Session, clinic: Clinic, visit_id: int, version: int, staff_chat: int, *, reviewed: bool
) -> Changed | Review | Late | NotHere:
    """Return the visit where another time may be offered: it is as sure as a confirmation once the patient accepts."""
    seen = look(session, clinic, visit_id, version, staff_chat)
    return Review(seen.card) if isinstance(seen, Changed) and not reviewed and _needs_review(seen.card) else seen


def _needs_review(card: Card) -> bool:
    return card.status == REQUESTED and card.flagged and not card.is_move


def month(
    session: Session,
    clinic: Clinic,
    visit_id: int,
    version: int,
    staff_chat: int,
    practitioner: str,
    first: date,
    now: datetime,
) -> Month | Late | NotHere:
    """Return the days of the month that begins with `first` on which the visit could be instead."""
    seen = look(session, clinic, visit_id, version, staff_chat)
    if not isinstance(seen, Changed):
        return seen
    treatment = clinic.treatment(seen.card.treatment)
    if treatment is None:
        return NotHere()
    last = (first.replace(day=28) + timedelta(days=4)).replace(day=1) - timedelta(days=1)
    holders = _holders(seen.card)
    free = slots.free_days(session, clinic, treatment, practitioner, first, last, now, holder=holders, lead=False)
    return Month(seen.card, practitioner, first, free)


def day(
    session: Session,
    clinic: Clinic,
    visit_id: int,
    version: int,
    staff_chat: int,
    practitioner: str,
    on: date,
    now: datetime,
) -> Day | Late | NotHere:
    """Return the times of a day at which the visit could be instead."""
    seen = look(session, clinic, visit_id, version, staff_chat)
    if not isinstance(seen, Changed):
        return seen
    treatment = clinic.treatment(seen.card.treatment)
    if treatment is None:
        return NotHere()
    holders = _holders(seen.card)
    free = slots.free_times(session, clinic, treatment, practitioner, on, now, holder=holders, lead=False)
    same = (seen.card.starts_at, seen.card.practitioner)
    return Day(seen.card, practitioner, on, [one for one in free if (one.starts_at, one.practitioner) != same])


def _holders(card: Card) -> tuple[str, ...]:
    return (card.subject, f"kept:{card.visit_id}")


# --- days


def pending(session: Session, clinic: Clinic, staff_chat: int, now: datetime) -> list[Card] | NotHere:
    """Return what waits for staff's decision, the oldest first."""
    return visits.pending(session, clinic, now) if is_staffs(session, staff_chat) else NotHere()


def unmarked(session: Session, clinic: Clinic, staff_chat: int, now: datetime) -> list[Card]:
    """Return the visits that are over and of which nobody has said how they were: none of them has aftercare."""
    return visits.unmarked(session, clinic, now) if is_staffs(session, staff_chat) else []


def found(session: Session, clinic: Clinic, staff_chat: int, text: str, now: datetime) -> list[Card] | NotHere:
    """Return the visits that a name, a telephone number or a code names: those to come first."""
    return visits.find(session, clinic, text, now) if is_staffs(session, staff_chat) else NotHere()


def days(session: Session, clinic: Clinic, staff_chat: int, first: date, count: int) -> Days | NotHere:
    """Return what is in `count` days from `first`."""
    if not is_staffs(session, staff_chat):
        return NotHere()
    found = []
    for on in (first + timedelta(days=ahead) for ahead in range(count)):
        start, end = midnight(clinic, on), midnight(clinic, on + timedelta(days=1))
        entries = [Entry(max(span.starts_at, start), span=span) for span in blocks.between(session, start, end)]
        for card in visits.between(session, clinic, start, end):
            times = [card.starts_at] if card.kept_starts_at is None else [card.starts_at, card.kept_starts_at]
            entries += [Entry(at, card) for at in times if start <= at < end]
        found.append((on, sorted(entries, key=lambda entry: entry.at)))
    return Days(found)


def blocked(session: Session, staff_chat: int, now: datetime) -> list[Span] | NotHere:
    """Return the blocked times to come."""
    return blocks.upcoming(session, now) if is_staffs(session, staff_chat) else NotHere()


def midnight(clinic: Clinic, on: date) -> datetime:
    """Return the instant at which a day begins at the clinic."""
    return datetime.combine(on, time(), clinic.tz).astimezone(UTC)


# --- a time that the clinic cannot keep


def block(
    session: Session,
    clinic: Clinic,
    practitioner: str | None,
    starts_at: datetime,
    ends_at: datetime,
    reason: str,
    staff_chat: int,
    actor: Actor,
    now: datetime,
) -> Blocked | NotHere:
    """Block a time of at most a day that is not over; the very same asked for again is the block that is there."""
    if not is_staffs(session, staff_chat) or (practitioner and clinic.practitioner(practitioner) is None):
        return NotHere()
    if not timedelta(0) < ends_at - starts_at <= LONGEST or ends_at <= now:
        return NotHere()
    asked = (practitioner, starts_at, ends_at, reason)
    for span in blocks.between(session, starts_at, ends_at):
        if (span.practitioner, span.starts_at, span.ends_at, span.reason) == asked:
            return Blocked(span, _inside(session, clinic, span, now))
    return blocks.add(session, clinic, *asked, staff_chat, actor, now)


def ask_to_move(
    session: Session, clinic: Clinic, block_id: int, staff_chat: int, actor: Actor, now: datetime
) -> Asked | NotHere:
    """Note that the patients whose visits lie in a blocked time are asked to choose another one, each once."""
    span = next((one for one in blocks.upcoming(session, now) if one.block_id == block_id), None)
    if span is None or not is_staffs(session, staff_chat):
        return NotHere()
    inside = _inside(session, clinic, span, now)
    why = f"{blocks.SUBJECT}:{block_id}"
    known = select(Audit.subject).where(Audit.action == ASKED, Audit.after == why)
    asked = set(session.scalars(known))
    fresh = [card for card in inside if card.subject not in asked]
    session.add_all(
        Audit(at=now, actor=actor.id, action=ASKED, subject=card.subject, before=None, after=why) for card in fresh
    )
    return Asked(fresh, len(inside) - len(fresh))


def _inside(session: Session, clinic: Clinic, span: Span, now: datetime) -> list[Card]:
    """Return the visits to come in a blocked time."""
    whose = {span.practitioner} if span.practitioner else {one.id for one in clinic.team}
    return [
        card
        for card in visits.between(session, clinic, span.starts_at, span.ends_at)
        if card.status in LIVE and card.ends_at > now and {card.practitioner, card.kept_practitioner} & whose
    ]


# --- reading what staff write

REASON_LIMIT = 200
"""Characters of a reason that are kept."""
_CLOCK = r"(\d{1,2})(?:[:.](\d{2}))?(?:\s?h\b)?"
_SPAN = re.compile(rf"(?<![\d:./-]){_CLOCK}\s*(?:-|–|—|to|until|till)\s*{_CLOCK}(?![\d/-]|[.:]\d)", re.IGNORECASE)
_WHOLE_DAY = re.compile(r"\b(?:all|whole|full)[ -]day\b|\ball of it\b", re.IGNORECASE)
_DAY_WORDS = 5
"""A day is named with at most so many words."""
_CERTAIN = re.compile(r"(?:today|tomorrow|\d{4}-\d{1,2}-\d{1,2}|\d{1,2}\.\d{1,2}\.(?:\d{2}|\d{4})?|[^\W\d]+)")
"""Words that mean one day only; a weekday's name is one unless it is today's."""
_DAYTIME = 8
"""An hour below this, in short, is in the afternoon."""


def read_block(clinic: Clinic, text: str, now: datetime, language: str) -> PlanOutcome:
    """Read "tomorrow 13-15 lunch", "fri 9:00-12:30 training hart" or "24.12. all day"; without a span it is a day."""
    span = _SPAN.search(text)
    whole = _WHOLE_DAY.search(text) if span is None else None
    mark = span or whole
    if mark is None:
        found = _leading_day(clinic, text, now, language)
        if found is None:
            return NoDay()
        named, rest = found
        on = _day_of(clinic, named, now, language)
    else:
        named, rest = text[: mark.start()].strip(" ,"), text[mark.end() :]
        on = _day_of(clinic, named, now, language)
        if on is None and named == "":  # the span comes first: "13-15 tomorrow"
            found = _leading_day(clinic, rest, now, language)
            named, rest = found or ("", rest)
            on = _day_of(clinic, named, now, language)
    if on is None:
        return NoDay()
    sure = _is_certain(clinic, named, on, now) and mark is not None
    if span is None:
        starts_at, ends_at = midnight(clinic, on), midnight(clinic, on + timedelta(days=1))
    else:
        walls = _walls(span)
        if walls is None:
            return NoSpan()
        opens, closes, clear = walls
        sure = sure and clear
        starts_at, ends_at = _instant(clinic, on, opens), _instant(clinic, on, closes)
    if ends_at <= now:
        return Past()
    practitioner, reason = _whose(clinic, rest)
    mentioned = _mentioned(clinic, f"{named} {reason}")
    if practitioner is None and len(mentioned) == 1:
        practitioner = mentioned[0]
    sure = sure and not mentioned and _day_of(clinic, reason, now, language) is None
    return Plan(starts_at, ends_at, practitioner, reason, sure, is_guessed_day=mark is None)


def read_day(clinic: Clinic, text: str, now: datetime, language: str) -> PlanOutcome:
    """Read "24.12. Christmas": a day, and why; the day is everybody's and whole."""
    found = _leading_day(clinic, _WHOLE_DAY.sub("", text), now, language)
    on = _day_of(clinic, found[0], now, language) if found else None
    if found is None or on is None:
        return NoDay()
    named, rest = found
    starts_at, ends_at = midnight(clinic, on), midnight(clinic, on + timedelta(days=1))
    if ends_at <= now:
        return Past()
    reason = _reason(rest)
    sure = _is_certain(clinic, named, on, now) and _day_of(clinic, reason, now, language) is None
    return Plan(starts_at, ends_at, None, reason, sure and not _mentioned(clinic, reason))


def _leading_day(clinic: Clinic, text: str, now: datetime, language: str) -> tuple[str, str] | None:
    """Return the words at the beginning that name a day, and the rest."""
    words = text.split()
    most = min(len(words), _DAY_WORDS)
    named = {count: _day_of(clinic, " ".join(words[:count]), now, language) for count in range(1, most + 1)}
    longest = next((count for count in range(most, 0, -1) if named[count] is not None), None)
    if longest is None:
        return None
    count = next(count for count in range(1, longest + 1) if named[count] == named[longest])
    while count < len(words) and (words[count].casefold() == "week" or re.fullmatch(r"20\d\d", words[count])):
        count += 1
    return " ".join(words[:count]), " ".join(words[count:])


def _day_of(clinic: Clinic, words: str, now: datetime, language: str) -> date | None:
    wall = now.astimezone(clinic.tz)
    return dates.find(words, wall, country=clinic.country, language=language).day if words.strip() else None


def _is_certain(clinic: Clinic, named: str, on: date, now: datetime) -> bool:
    today = now.astimezone(clinic.tz).date()
    if on > today + timedelta(days=clinic.booking.days_ahead) and not re.search(r"\d{4}", named):
        return False
    if on == today + timedelta(weeks=1) and not re.search(r"\d", named):
        return False  # "friday" on a Friday
    if _CERTAIN.fullmatch(named.strip(" ,").casefold()):
        return True
    return re.search(r"[^\W\d]", named) is not None and re.search(r"\d", named) is not None  # "24 December"


def _walls(span: re.Match[str]) -> tuple[time, time, bool] | None:
    """Return beginning and end, and whether nothing was guessed."""
    first, second = int(span[1]), int(span[3])
    first_minute, second_minute = int(span[2] or 0), int(span[4] or 0)
    clear = True
    if first < _DAYTIME and span[2] is None and not span[1].startswith("0"):
        first, clear = first + 12, False
    if second <= first and second < 12 and not span[3].startswith("0"):
        second, clear = second + 12, False
    if max(first, second) > 23 or max(first_minute, second_minute) > 59:
        return None
    opens, closes = time(first, first_minute), time(second, second_minute)
    return (opens, closes, clear) if opens < closes else None


def _instant(clinic: Clinic, on: date, wall: time) -> datetime:
    return datetime.combine(on, wall, clinic.tz).astimezone(UTC)


def _whose(clinic: Clinic, text: str) -> tuple[str | None, str]:
    """Return the practitioner whose name ends the text, and what stands before it."""
    reason = _reason(text)
    words = reason.casefold().split()
    for one in clinic.practitioners:
        for name in _names(one):
            if words[-len(name) :] == name:
                left = reason.split()[: -len(name)]
                while left and left[-1].casefold() in ("for", "with", "dr", "dr.", "only"):
                    left.pop()
                return one.id, " ".join(left)
    return None, reason


def _mentioned(clinic: Clinic, text: str) -> list[str]:
    """Return whose names are somewhere in the text: it may be about their time only, so it is asked."""
    said = set(re.findall(r"[^\W_]+", text.casefold()))
    return [one.id for one in clinic.practitioners if any(said >= set(name) for name in _names(one))]


def _names(one: Practitioner) -> list[list[str]]:
    """Return the ways in which a practitioner is named, longest first."""
    name = one.name.casefold().split()
    ways = [name, [one.id], *([part] for part in name if len(part) > 2)]
    return sorted(ways, key=len, reverse=True)


def _reason(text: str) -> str:
    return " ".join(text.split()).strip(" ,:;-–")[:REASON_LIMIT]
