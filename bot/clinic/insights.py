"""What to write next: questions that were not answered, grouped by likeness, and answers that staff write to them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from bot.clinic import staffroom
from bot.store.models import Audit, OwnAnswer, Question
from faq.reader import LEFT_OPEN, Own
from faq.tfidf import Floats

SUBJECT = "own"
GAP = "gap"
DAYS = 30
UNANSWERED = LEFT_OPEN - {"off-topic"}
"""Routes of questions that staff may write an answer to."""
MOST_QUESTIONS = 2000
"""The newest unanswered questions that are looked at."""
ALIKE = 0.6
"""Likeness from which two unanswered questions belong to one group."""
PHRASINGS = 20
DIGITS = 7
"""Digits from which a text may hold a telephone number."""
PROPOSED, APPROVED, DISCARDED, WITHDRAWN = "proposed", "approved", "discarded", "withdrawn"

_SERVED = select(OwnAnswer).where(OwnAnswer.state == APPROVED).order_by(OwnAnswer.id)  # asked about every message

Likeness = Callable[[Sequence[str], Sequence[str]], Floats]


@dataclass(frozen=True, slots=True)
class Gap:
    """Questions that are alike and that nobody has answered."""

    question_id: int
    """One of them, to speak of the group by."""
    count: int
    examples: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Draft:
    """An answer of staff's own, as it stands."""

    id: int
    question: str
    body: str
    author: str
    state: str
    decided_by: str | None


@dataclass(frozen=True, slots=True)
class Decided:
    """The draft is in a new state."""

    draft: Draft


@dataclass(frozen=True, slots=True)
class NeedsAnother:
    """Who wrote it cannot approve it."""


@dataclass(frozen=True, slots=True)
class NotOpen:
    """There is no such draft here, or it has been decided."""


Decision = Decided | NeedsAnother | NotOpen


def gaps(session: Session, likeness: Likeness, now: datetime, most: int = 5) -> list[Gap]:
    """Return the largest groups of unanswered or unhelpful questions of the last 30 days."""
    questions = _unanswered(session, now)
    if not questions:
        return []
    texts = [question.text for question in questions]
    alike = likeness(texts, texts) >= ALIKE
    groups: list[list[int]] = []
    left = np.ones(len(questions), bool)
    while left.any():
        sizes = np.where(left, (alike & left).sum(1), 0)
        members = np.flatnonzero(alike[int(sizes.argmax())] & left)
        groups.append([int(member) for member in members])
        left[members] = False
    largest = sorted(groups, key=len, reverse=True)[:most]
    return [
        Gap(questions[group[0]].id, len(group), tuple(dict.fromkeys(texts[place] for place in group))[:PHRASINGS])
        for group in largest
    ]


def own_answers(session: Session) -> list[Own]:
    """Return the answers of staff's own that are served."""
    return [Own(row.id, row.language, tuple(row.phrasings), row.body, row.author) for row in session.scalars(_SERVED)]


def question_of(session: Session, question_id: int, chat_id: int) -> str | None:
    """Return the words of a question, for staff only."""
    question = session.get(Question, question_id) if staffroom.chat(session) == chat_id else None
    return question.text if question else None


def propose(
    session: Session, likeness: Likeness, question_id: int, body: str, author_id: int, author: str, now: datetime
) -> Draft | None:
    """Keep what a staff member wrote to a gap, with the questions of its group; None where the question is gone."""
    question = session.get(Question, question_id)
    if question is None:
        return None
    askers = {one.text: one.chat_id for one in _unanswered(session, now)} | {question.text: question.chat_id}
    texts = list(askers)
    near = likeness([question.text], texts)[0] >= ALIKE
    alike = (text for text, is_near in zip(texts, near, strict=True) if is_near)
    phrasings = list(dict.fromkeys([question.text, *alike]))[:PHRASINGS]
    row = OwnAnswer(
        written_at=now,
        language=question.language,
        phrasings=phrasings,
        asked_by=[askers[text] for text in phrasings],
        body=body,
        author_id=author_id,
        author=author,
        state=PROPOSED,
    )
    session.add(row)
    session.flush()
    _record(session, row, author_id, "", PROPOSED, now)
    return _draft(row)


def approve(
    session: Session, own_id: int, chat_id: int, actor: int, name: str, now: datetime, *, is_owner: bool
) -> Decision:
    """Let a second person, or the group's owner, release a draft to patients."""
    row = _row(session, own_id, chat_id, PROPOSED)
    if row is None:
        return NotOpen()
    if row.author_id == actor and not is_owner:
        return NeedsAnother()
    return _decide(session, row, APPROVED, actor, name, now)


def drop(session: Session, own_id: int, chat_id: int, actor: int, name: str, now: datetime) -> Decision:
    """Discard a draft, or withdraw an answer that is served."""
    row = _row(session, own_id, chat_id, PROPOSED, APPROVED)
    if row is None:
        return NotOpen()
    return _decide(session, row, DISCARDED if row.state == PROPOSED else WITHDRAWN, actor, name, now)


def _unanswered(session: Session, now: datetime) -> list[Question]:
    open_ones = or_(Question.route.in_(UNANSWERED), Question.helpful.is_(False))
    recent = select(Question).where(open_ones, Question.asked_at >= now - timedelta(days=DAYS))
    found = session.scalars(recent.order_by(Question.id.desc()).limit(MOST_QUESTIONS)).all()
    answered = {phrasing for own in own_answers(session) for phrasing in own.phrasings}
    return [one for one in found if one.text not in answered and not one.personal and _can_be_answered(one.text)]


def _can_be_answered(text: str) -> bool:
    """False for what holds no words, or so many digits that it is a telephone number and nothing to show around."""
    return any(map(str.isalpha, text)) and sum(map(str.isdigit, text)) < DIGITS


def _row(session: Session, own_id: int, chat_id: int, *states: str) -> OwnAnswer | None:
    row = session.get(OwnAnswer, own_id) if staffroom.chat(session) == chat_id else None
    return row if row is not None and row.state in states else None


def _decide(session: Session, row: OwnAnswer, state: str, actor: int, name: str, now: datetime) -> Decided:
    _record(session, row, actor, row.state, state, now)
    row.state, row.decided_by, row.decided_at = state, name, now
    return Decided(_draft(row))


def _record(session: Session, row: OwnAnswer, actor: int, before: str, after: str, now: datetime) -> None:
    subject = f"{SUBJECT}:{row.id}"
    session.add(Audit(at=now, actor=actor, action="own answer", subject=subject, before=before or None, after=after))


def _draft(row: OwnAnswer) -> Draft:
    return Draft(row.id, row.phrasings[0], row.body, row.author, row.state, row.decided_by)
