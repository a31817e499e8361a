"""Courses: which session of how many, what a mistake leaves behind, and the same course for who has no chat yet."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from threading import Thread
from typing import TypeVar

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from bot.clinic import arrivals, endings, staffroom, visits
from bot.clinic.arrivals import Choice, Entered, Joined
from bot.clinic.courses import Progress
from bot.clinic.endings import Ending, Noted, Outcome, Overtaken
from bot.clinic.patients import Person
from bot.clinic.visits import Actor, Card, NotHere
from bot.config import Clinic
from bot.store.database import Database, parse_url
from bot.store.models import Audit, Course, FollowUp, Visit

T = TypeVar("T")
STAFF, ANNA, STRANGER = -100, 1, 2
MAYA, PRIYA = Actor(11, "Maya"), Actor(12, "Priya")
HOUR, DAY, WEEK = timedelta(hours=1), timedelta(days=1), timedelta(weeks=1)
THURSDAY = datetime(2026, 11, 26, 10, tzinfo=UTC)


class Book:
    """What staff enter and say of visits; each call is one transaction."""

    def __init__(self, url: str, clinic: Clinic) -> None:
        self.database = Database(parse_url(url))
        self.database.migrate()
        self.clinic = clinic
        self.now = THURSDAY
        self.run(lambda s: staffroom.appoint(s, STAFF, self.now))

    def run(self, work: Callable[[Session], T]) -> T:
        return self.database._write(work)[0]

    def entered(self, name: str = "Anna Nowak", treatment: str = "face") -> Entered:
        """A walk-in who begins now."""
        choice = Choice(self.found(self.clinic.treatment(treatment)), self.clinic.team[0])
        outcome = self.run(
            lambda s: arrivals.enter(s, self.clinic, choice, self.now, name, "+442079460018", STAFF, MAYA, self.now)
        )
        assert isinstance(outcome, Entered), outcome
        return outcome

    def session(self, name: str = "Anna Nowak", treatment: str = "face") -> Ending:
        """A walk-in who was treated."""
        card = self.entered(name, treatment).card
        self.now = card.ends_at
        return self.noted(endings.finish, card)

    def noted(self, use_case: Callable[..., Outcome], card: Card, *more: int, actor: Actor = MAYA) -> Ending:
        outcome = self.said(use_case, card, *more, actor=actor)
        assert isinstance(outcome, Noted), outcome
        return outcome.ending

    def said(self, use_case: Callable[..., Outcome], card: Card, *more: int, actor: Actor = MAYA) -> Outcome:
        shown = (card.visit_id, card.version, STAFF)
        return self.run(lambda s: use_case(s, self.clinic, *shown, *more, actor, self.now))

    def join(self, entered: Entered, chat: int = ANNA) -> object:
        person = Person(chat, "Anna", None, None, "en")
        return self.run(lambda s: arrivals.join(s, self.clinic, person, f"v_{entered.secret}", self.now))

    @staticmethod
    def found(one: T | None) -> T:
        assert one is not None
        return one


@pytest.fixture
def book(any_database: str, clinic: Clinic) -> Iterator[Book]:
    book = Book(any_database, clinic)
    yield book
    book.database.close()


def place(ending: Ending) -> tuple[int, int | None, int | None, bool]:
    progress = ending.progress
    assert isinstance(progress, Progress)
    return progress.done, progress.sessions, progress.interval_weeks, progress.is_over


def test_sessions_of_one_treatment_are_one_course_until_it_is_over(book: Book) -> None:
    first = book.session()
    assert place(first) == (1, None, 2, False)
    assert place(book.noted(endings.set_sessions, first.card, 2)) == (1, 2, 2, False)
    book.now += 2 * WEEK
    second = book.session()
    assert place(second) == (2, 2, None, True)
    assert book.found(second.progress).course_id == book.found(first.progress).course_id
    book.now += 2 * WEEK
    third = book.session()
    assert place(third) == (1, None, 2, False)
    assert book.found(third.progress).course_id != book.found(first.progress).course_id


def test_another_treatment_is_another_course(book: Book) -> None:
    first = book.found(book.session().progress)
    book.now += DAY
    other = book.found(book.session(treatment="neck").progress)
    assert (other.done, other.course_id != first.course_id) == (1, True)


def test_the_default_interval_is_the_treatments_shortest(book: Book) -> None:
    ending = book.session()
    assert ending.usual_weeks == (2, 4)
    assert ending.next_from == (THURSDAY + 2 * WEEK).date()
    assert book.noted(endings.set_interval, ending.card, 4).next_from == (THURSDAY + 4 * WEEK).date()


def test_no_next_session_ends_a_course_and_a_new_interval_opens_it_again(book: Book) -> None:
    over = book.noted(endings.set_interval, book.session().card, 0)
    assert place(over) == (1, 1, None, True)
    assert over.next_from is None
    assert place(book.noted(endings.set_interval, over.card, 3)) == (1, None, 3, False)


@pytest.mark.parametrize("weeks", [-1, 53, 999])
def test_an_interval_is_at_most_a_year(book: Book, weeks: int) -> None:
    assert isinstance(book.said(endings.set_interval, book.session().card, weeks), NotHere)


def test_a_course_is_not_shorter_than_what_was_done_of_it(book: Book) -> None:
    book.session()
    book.now += 2 * WEEK
    assert isinstance(book.said(endings.set_sessions, book.session().card, 1), NotHere)


def test_an_older_button_changes_nothing(book: Book) -> None:
    card = book.entered().card
    assert isinstance(book.said(endings.finish, card), Noted)
    for use_case in (endings.finish, endings.miss):
        late = book.said(use_case, card, actor=PRIYA)
        assert isinstance(late, Overtaken)
        assert (late.ending.card.status, late.ending.card.decided_by) == ("completed", "Maya")
    assert isinstance(book.said(endings.set_interval, card, 3), Overtaken)


def test_nobody_outside_the_staff_group_says_how_a_visit_was(book: Book) -> None:
    card = book.entered().card
    elsewhere = (card.visit_id, card.version, -999)
    assert book.run(lambda s: endings.finish(s, book.clinic, *elsewhere, MAYA, book.now)) == NotHere()
    assert book.run(lambda s: endings.look(s, book.clinic, card.visit_id, -999, book.now)) == NotHere()
    assert book.run(lambda s: arrivals.invite(s, book.clinic, card.visit_id, -999, MAYA, book.now)) == NotHere()


def test_two_at_once_are_one_after_the_other(book: Book) -> None:
    card = book.entered().card
    book.now = card.ends_at
    outcomes: list[Outcome] = []
    at_once = [
        Thread(target=lambda use_case=use_case, who=who: outcomes.append(book.said(use_case, card, actor=who)))  # type: ignore[misc]  # of this turn
        for use_case, who in ((endings.finish, MAYA), (endings.miss, PRIYA))
    ]
    for one in at_once:
        one.start()
    for one in at_once:
        one.join()
    assert sorted(type(outcome).__name__ for outcome in outcomes) == ["Noted", "Overtaken"]
    assert len({outcome.ending.card.status for outcome in outcomes if not isinstance(outcome, NotHere)}) == 1


def test_a_mistake_leaves_nothing_behind(book: Book) -> None:
    ending = book.session()
    back = book.noted(endings.take_back, ending.card)
    assert (back.card.status, back.progress) == ("confirmed", None)
    assert book.run(lambda s: s.scalars(select(Course)).all()) == []
    assert book.run(lambda s: s.get_one(Visit, ending.card.visit_id).session_number) is None
    steps = book.run(lambda s: {row.step: row.state for row in s.scalars(select(FollowUp))})
    assert {state for step, state in steps.items() if not step.startswith("before")} == {"cancelled"}
    assert place(book.noted(endings.finish, back.card))[0] == 1
    actions = book.run(lambda s: list(s.scalars(select(Audit.action).where(Audit.subject == ending.card.subject))))
    assert actions == ["visit entered", "visit done", "visit's end taken back", "visit done"]


def test_the_last_session_of_a_course_taken_back_opens_the_course_again(book: Book) -> None:
    first = book.noted(endings.set_sessions, book.session().card, 2)
    book.now += 2 * WEEK
    second = book.session()
    assert place(second)[3] is True
    book.noted(endings.take_back, second.card)
    course = book.run(lambda s: s.get_one(Course, book.found(first.progress).course_id))
    assert (course.sessions, course.done_at) == (2, None)


def test_who_joins_after_a_session_goes_on_with_the_same_course(book: Book) -> None:
    entered = book.entered()
    book.now = entered.card.ends_at
    first = book.noted(endings.finish, entered.card)
    assert isinstance(book.join(entered), Joined)
    course = book.run(lambda s: s.get_one(Course, book.found(first.progress).course_id))
    assert course.chat_id == ANNA
    book.now += 2 * WEEK
    again = book.entered()
    assert isinstance(book.join(again), Joined)
    card = book.run(lambda s: book.found(visits.get(s, book.clinic, again.card.visit_id)))
    book.now = card.ends_at
    second = book.noted(endings.finish, card)
    assert place(second)[0] == 2
    assert book.found(second.progress).course_id == course.id
    called_off = book.run(
        lambda s: s.scalars(select(FollowUp.reason).where(FollowUp.visit_id == entered.card.visit_id)).all()
    )
    assert "a new session" in called_off


def test_a_stranger_with_a_used_link_gets_nothing(book: Book) -> None:
    entered = book.entered()
    assert isinstance(book.join(entered), Joined)
    assert isinstance(book.join(entered, STRANGER), arrivals.UsedUp)
    assert book.run(lambda s: s.get_one(Visit, entered.card.visit_id).chat_id) == ANNA
