"""The rules of the week in numbers: when it is due, and how what happened is counted."""

from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from typing import TypeVar

import pytest
from sqlalchemy import update
from sqlalchemy.orm import Session

from bot.clinic import arrivals, courses, digest, endings, opening, patients, staffroom, visits
from bot.clinic.arrivals import Choice, Entered
from bot.clinic.digest import Digest
from bot.clinic.patients import Person
from bot.clinic.visits import Actor, Card, Changed, NotHere, Requested, Wanted
from bot.config import Clinic, Closed, Week
from bot.config import Digest as Rules
from bot.store.database import Database, parse_url
from bot.store.models import Audit, Call, Enquiry, Question, Visit

T = TypeVar("T")
STAFF, ANNA, TOM = -100, 1, 2
MAYA = Actor(11, "Maya")
WEEK = date(2026, 11, 16)


def at(day: int, hour: int = 10, minute: int = 0, month: int = 11) -> datetime:
    return datetime(2026, month, day, hour, minute, tzinfo=UTC)


class House:
    """A clinic on a real database; each call is one transaction."""

    def __init__(self, database: Database, clinic: Clinic) -> None:
        self.database, self.clinic = database, clinic

    def run(self, work: Callable[[Session], T]) -> T:
        return self.database._write(work)[0]

    def meet(self, chat: int, when: datetime) -> None:
        self.run(lambda s: patients.meet(s, Person(chat, "Anna", None, None, "en"), when))

    def request(self, chat: int, starts_at: datetime, now: datetime) -> Card:
        wanted = Wanted("face", "hart", starts_at, "Anna", "+442079460000", {})
        asked = self.run(lambda s: visits.request(s, self.clinic, chat, wanted, now))
        assert isinstance(asked, Requested)
        return asked.card

    def confirm(self, card: Card, now: datetime) -> Card:
        done = self.run(lambda s: visits.confirm(s, self.clinic, card.visit_id, card.version, STAFF, MAYA, now))
        assert isinstance(done, Changed)
        return done.card

    def enter(self, starts_at: datetime, now: datetime) -> Card:
        """Let staff enter a visit."""
        treatment, hart = self.clinic.treatment("face"), self.clinic.practitioner("hart")
        assert treatment is not None
        assert hart is not None
        choice = Choice(treatment, hart)
        who = ("Tom", "+442079460001", STAFF, MAYA)
        done = self.run(lambda s: arrivals.enter(s, self.clinic, choice, starts_at, *who, now))
        assert isinstance(done, Entered)
        return done.card

    def look(self, now: datetime, monday: date = WEEK) -> Digest:
        found = self.run(lambda s: digest.look(s, self.clinic, STAFF, monday, now))
        assert isinstance(found, Digest)
        return found


@pytest.fixture
def house(any_database: str, clinic: Clinic) -> Iterator[House]:
    database = Database(parse_url(any_database))
    house = House(database, clinic)
    house.run(lambda s: staffroom.appoint(s, STAFF, at(1)))
    yield house
    database.close()


def test_what_became_of_requests(house: House) -> None:
    house.meet(ANNA, at(10))
    house.meet(TOM, at(17))
    one = house.request(ANNA, at(24, 9), at(16, 17, 30))
    house.confirm(one, at(17, 9, 15))  # half an hour of Monday's opening hours, a quarter of Tuesday's
    two = house.request(TOM, at(24, 11), at(17, 10))
    house.run(lambda s: visits.decline(s, house.clinic, two.visit_id, two.version, STAFF, "", MAYA, at(17, 10, 5)))
    three = house.confirm(house.request(TOM, at(25, 11), at(18, 10)), at(18, 11, 5))
    house.run(lambda s: visits.cancel(s, house.clinic, three.visit_id, three.version, TOM, at(19)))
    four = house.confirm(house.request(TOM, at(25, 9), at(19, 10)), at(19, 10, 1))
    cancelled = visits.cancel_by_staff
    house.run(lambda s: cancelled(s, house.clinic, four.visit_id, four.version, STAFF, "", MAYA, at(20)))
    house.run(lambda s: visits.move(s, house.clinic, one.visit_id, ANNA, "hart", at(26, 9), at(22, 23, 59)))

    found = house.look(at(24))
    numbers = found.numbers
    assert (numbers.requests, numbers.confirmed, numbers.declined, numbers.expired, numbers.moved) == (4, 3, 1, 0, 1)
    assert (numbers.cancelled_by_patients, numbers.cancelled_by_staff, numbers.cancelled) == (1, 1, 2)
    assert numbers.decided_after == timedelta(minutes=25)  # between 5 and 45, of 1, 5, 45 and 65
    assert numbers.new_patients == 1
    assert (found.before.requests, found.before.new_patients, found.before.decided_after) == (0, 1, None)
    assert found.before.missed_share is None


def test_the_counts_stand_when_a_patients_data_goes(house: House) -> None:
    house.meet(ANNA, at(17))
    house.confirm(house.request(ANNA, at(24, 9), at(17)), at(17, 11))
    house.run(lambda s: s.execute(update(Visit).values(chat_id=None, name="", phone="")))
    assert (house.look(at(24)).numbers.requests, house.look(at(24)).numbers.confirmed) == (1, 1)


def test_how_a_visit_ended_is_what_was_said_last(house: House) -> None:
    done, missed, corrected, taken_back = (house.enter(at(17, hour), at(17, 8)) for hour in (9, 10, 11, 14))
    end, later = at(17, 17), at(17, 17, 5)
    clinic = house.clinic
    house.run(lambda s: courses.finish(s, clinic, done.visit_id, done.version, STAFF, MAYA, end))
    house.run(lambda s: courses.miss(s, clinic, missed.visit_id, missed.version, STAFF, MAYA, end))
    house.run(lambda s: courses.miss(s, clinic, corrected.visit_id, corrected.version, STAFF, MAYA, end))
    house.run(lambda s: courses.finish(s, clinic, corrected.visit_id, corrected.version + 1, STAFF, MAYA, later))
    house.run(lambda s: courses.miss(s, clinic, taken_back.visit_id, taken_back.version, STAFF, MAYA, end))
    house.run(lambda s: endings.take_back(s, clinic, taken_back.visit_id, taken_back.version + 1, STAFF, MAYA, later))
    found = house.look(at(24))
    assert (found.numbers.done, found.numbers.missed, found.numbers.entered) == (2, 1, 4)
    assert found.numbers.missed_share == pytest.approx(1 / 3)
    assert found.visits == [(WEEK, 2, 1)]
    after = house.look(at(24), date(2026, 11, 23))
    assert (after.numbers.is_quiet, after.before, after.is_over) == (True, found.numbers, False)
    assert after.visits == [(WEEK, 2, 1), (date(2026, 11, 23), 0, 0)]


def test_questions_calls_and_alerts(house: House) -> None:
    def ask(route: str, *, helpful: bool | None = None, personal: bool = False) -> None:
        asked = Question(chat_id=ANNA, asked_at=at(18), language="en", text="?", route=route, suggestions=[])
        asked.personal, asked.score, asked.helpful = personal, 0.5, helpful
        house.run(lambda s: s.add(asked))

    ask("answer", helpful=True)
    ask("answer", helpful=False)
    ask("staff")
    ask("staff", personal=True)
    ask("smalltalk")

    def call(key: str, why: str, created: datetime, done: datetime | None) -> Call:
        return Call(key=key, visit_id=int(key), chat_id=ANNA, why=why, what="x", created_at=created, done_at=done)

    calls = [
        call("1", "blocked", at(18), None),
        call("2", "blocked", at(18), at(24, 9)),
        call("3", "blocked", at(18), at(19)),
        call("4", "never joined", at(18), at(19)),
    ]
    house.run(lambda s: s.add_all(calls))

    def alert(opened: datetime, seen: datetime | None) -> None:
        def whole(session: Session) -> None:
            enquiry = Enquiry(chat_id=ANNA, urgent=True, state="waiting", opened_at=opened)
            session.add(enquiry)
            session.flush()
            for when in [seen, seen + timedelta(hours=1)] if seen else []:
                subject = f"enquiry:{enquiry.id}"
                session.add(Audit(at=when, actor=11, action="alert acknowledged", subject=subject))

        house.run(whole)

    alert(at(18, 23), at(18, 23, 4))
    alert(at(19), at(19, 10, 1))
    alert(at(20), None)
    numbers = house.look(at(24)).numbers
    assert (numbers.questions, numbers.left_open, numbers.helpful, numbers.unhelpful) == (4, 2, 1, 1)
    assert (numbers.undelivered, numbers.to_call) == (3, 2)
    assert (numbers.alerts, numbers.unseen, numbers.seen_after) == (3, 1, timedelta(minutes=4))


def test_a_week_is_the_clinics_from_monday_to_sunday(house: House) -> None:
    house.meet(ANNA, at(15, 23, 59))
    house.meet(TOM, at(16, 0))
    assert (house.look(at(24)).before.new_patients, house.look(at(24)).numbers.new_patients) == (1, 1)
    abroad = House(house.database, house.clinic.model_copy(update={"zone": "Asia/Tokyo"}))
    assert (abroad.look(at(24)).before.new_patients, abroad.look(at(24)).numbers.new_patients) == (0, 2)


def test_only_whole_weeks_that_are_kept_and_only_for_staff(house: House) -> None:
    def seen(chat: int, monday: date | None) -> bool:
        found = house.run(lambda s: digest.look(s, house.clinic, chat, monday, at(24)))
        return not isinstance(found, NotHere)

    assert seen(STAFF, None)
    assert seen(STAFF, date(2026, 11, 23))
    assert not seen(STAFF, date(2026, 11, 30))
    assert not seen(STAFF, date(2026, 11, 17))
    assert seen(STAFF, date(2026, 9, 7))
    assert not seen(STAFF, date(2026, 8, 31))
    assert not seen(-7, None)
    assert house.look(at(24), date(2026, 9, 7)).has_earlier is False


def rules(clinic: Clinic, **changes: object) -> Clinic:
    return clinic.model_copy(update=changes)


@pytest.mark.parametrize(
    ("now", "due"),
    [
        (at(23, 8, 29), None),
        (at(23, 8, 30), WEEK),
        (at(25, 8, 29), WEEK),
        (at(25, 8, 30), None),
    ],
)
def test_when_it_is_due(clinic: Clinic, now: datetime, due: date | None) -> None:
    assert digest.week_due(clinic, now) == due


def test_it_waits_until_the_clinic_is_open(clinic: Clinic) -> None:
    closed = rules(clinic, closed=(Closed(first=date(2026, 11, 23), last=date(2026, 11, 24)),))
    assert digest.week_due(closed, at(23, 9)) is None
    assert digest.week_due(closed, at(25, 8, 30)) == WEEK
    holidays = rules(clinic, closed=(Closed(first=date(2026, 11, 23), last=date(2026, 11, 29)),))
    assert [digest.week_due(holidays, at(day, 9)) for day in range(23, 30)] == [None] * 7
    assert digest.week_due(rules(clinic, hours=Week()), at(23, 9)) == WEEK
    assert digest.week_due(rules(clinic, digest=Rules(weekly=False)), at(23, 9)) is None
    on_sunday = rules(clinic, digest=Rules(day="sunday"))  # closed: so it is Monday of the week after
    assert [digest.week_due(on_sunday, at(day, 9, month=11)) for day in (28, 29, 30)] == [None, None, WEEK]


def test_a_week_is_taken_once(house: House) -> None:
    assert house.run(lambda s: digest.take(s, WEEK))
    assert not house.run(lambda s: digest.take(s, WEEK))
    assert house.run(lambda s: digest.owed(s, house.clinic, WEEK, at(23))) is None
    assert house.run(lambda s: digest.take(s, WEEK + timedelta(days=7)))


def test_open_time_between(clinic: Clinic) -> None:
    def minutes(start: datetime, end: datetime) -> float:
        return opening.between(clinic, start, end) / timedelta(minutes=1)

    assert minutes(at(23, 12, 30), at(23, 14, 30)) == 60
    assert minutes(at(23, 17), at(24, 9, 5)) == 65
    assert minutes(at(22, 9), at(22, 23)) == 0
    assert minutes(at(23, 12), at(23, 11)) == 0
    assert minutes(at(24, 9, month=12), at(28, 9, 30, month=12)) == 30
    assert opening.between(rules(clinic, hours=Week()), at(22, 9), at(22, 23)) == timedelta(hours=14)
