"""The rules of visits: who may change them when, what time they hold, what is written down of it."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from itertools import combinations
from threading import Barrier
from typing import TypeVar

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from bot.clinic import blocks, patients, slots, staffroom, visits, waits
from bot.clinic.blocks import Blocked, Unblocked
from bot.clinic.patients import Person
from bot.clinic.visits import (
    Actor,
    Card,
    Changed,
    Details,
    Escalated,
    Expired,
    Lapsed,
    Late,
    NoStaff,
    NotHere,
    Reminded,
    Requested,
    RequestOutcome,
    Taken,
    TooLate,
    TooMany,
    Wanted,
)
from bot.clinic.waits import Joined, Offered, Passed
from bot.config import Clinic
from bot.store.database import Database, parse_url
from bot.store.models import Audit, Patient, Slot, Visit

T = TypeVar("T")

NOW = datetime(2026, 11, 23, 10, 30, tzinfo=UTC)
"""A Monday in opening hours; London's wall time is UTC."""
HOUR = timedelta(hours=1)
STAFF = -100
MAYA, PRIYA = Actor(11, "Maya"), Actor(12, "Priya")
ANNA, TOM = 1, 2
NO = {"pregnant": "no"}


def at(hour: int, minute: int = 0, *, day: int = 25) -> datetime:
    return datetime(2026, 11, day, hour, minute, tzinfo=UTC)


class Book:
    """A clinic's visits on a real database; each call is one transaction."""

    def __init__(self, database: Database, clinic: Clinic) -> None:
        self.database = database
        self.clinic = clinic
        self.now = NOW
        self.run(lambda session: staffroom.appoint(session, STAFF, NOW))
        for chat, name in ((ANNA, "Anna"), (TOM, "Tom")):
            self.run(lambda s, c=chat, n=name: patients.meet(s, Person(c, n, None, None, "en"), NOW))  # type: ignore[misc]

    def run(self, work: Callable[[Session], T]) -> T:
        return self.database._write(work)[0]

    def request(
        self, chat: int = ANNA, start: datetime | None = None, *, move: int | None = None, **other: object
    ) -> RequestOutcome:
        wanted = Wanted("face", "hart", start or at(10), "Anna Nowak", "+442079460000", NO, move)
        given = Wanted(**{name: getattr(wanted, name) for name in Wanted.__slots__} | other)  # type: ignore[arg-type]
        return self.run(lambda s: visits.request(s, self.clinic, chat, given, self.now))

    def requested(self, chat: int = ANNA, start: datetime | None = None, *, move: int | None = None) -> Card:
        outcome = self.request(chat, start, move=move)
        assert isinstance(outcome, Requested)
        return outcome.card

    def confirmed(self, chat: int = ANNA, start: datetime | None = None) -> Card:
        return changed(self.confirm(self.requested(chat, start)))

    def confirm(self, card: Card, by: Actor = MAYA, chat: int = STAFF) -> visits.ChangeOutcome:
        return self.run(lambda s: visits.confirm(s, self.clinic, card.visit_id, card.version, chat, by, self.now))

    def propose(self, card: Card, start: datetime, who: str = "hart") -> visits.ChangeOutcome | Taken:
        return self.run(
            lambda s: visits.propose(s, self.clinic, card.visit_id, card.version, STAFF, who, start, MAYA, self.now)
        )

    def decline(self, card: Card, reason: str = "We are full.") -> visits.ChangeOutcome:
        return self.run(
            lambda s: visits.decline(s, self.clinic, card.visit_id, card.version, STAFF, reason, MAYA, self.now)
        )

    def answer(self, card: Card, chat: int = ANNA, *, yes: bool) -> visits.ChangeOutcome:
        use_case = visits.accept if yes else visits.refuse
        return self.run(lambda s: use_case(s, self.clinic, card.visit_id, card.version, chat, self.now))

    def cancel(self, card: Card, chat: int = ANNA) -> visits.ChangeOutcome | TooLate:
        return self.run(lambda s: visits.cancel(s, self.clinic, card.visit_id, card.version, chat, self.now))

    def pass_time(self, length: timedelta) -> list[visits.Due]:
        self.now += length
        return self.run(lambda s: visits.make_rounds(s, self.clinic, self.now))

    def times(self, day: int = 25, who: str | None = "hart") -> list[datetime]:
        treatment = self.clinic.treatment("face")
        assert treatment is not None
        wanted = date(2026, 11, day)
        free = self.run(lambda s: slots.free_times(s, self.clinic, treatment, who, wanted, self.now))
        return [one.starts_at for one in free]

    def held(self, holder: str) -> list[int]:
        return self.run(lambda s: list(s.scalars(select(Slot.unit).where(Slot.holder == holder).order_by(Slot.unit))))

    def audit(self) -> list[tuple[int | None, str, str | None, str | None]]:
        rows = self.run(
            lambda s: list(s.scalars(select(Audit).where(Audit.subject.like("visit:%")).order_by(Audit.id)))
        )
        return [(row.actor, row.action, row.before, row.after) for row in rows]

    def check(self) -> None:
        """What must hold at any time."""
        live = self.run(lambda s: list(s.scalars(select(Visit).where(Visit.status.in_(visits.LIVE)))))
        taken = [(v.practitioner, v.starts_at, v.ends_at) for v in live]
        for one, other in combinations(taken, 2):
            assert one[0] != other[0] or one[2] <= other[1] or other[2] <= one[1]
        holders = {f"visit:{v.id}" for v in live} | {f"kept:{v.id}" for v in live if v.kept_starts_at}
        found = self.run(lambda s: set(s.scalars(select(Slot.holder).where(Slot.holder.not_like("block:%")))))
        assert {one for one in found if not one.startswith("wait:")} == holders


def changed(outcome: object) -> Card:
    assert isinstance(outcome, Changed)
    return outcome.card


@pytest.fixture
def book(any_database: str, clinic: Clinic) -> Iterator[Book]:
    database = Database(parse_url(any_database))
    database.migrate()
    book = Book(database, clinic)
    yield book
    book.check()
    database.close()


def test_a_request_holds_its_time_until_it_is_declined(book: Book) -> None:
    assert at(10) in book.times()
    card = book.requested()
    assert (card.status, card.starts_at, card.ends_at) == ("requested", at(10), at(10, 45))
    assert at(10) not in book.times()
    assert at(10, 45) not in book.times()  # the buffer
    assert at(11) in book.times()
    declined = changed(book.decline(card))
    assert (declined.status, declined.reason, declined.decided_by, declined.ended_by) == (
        "declined", "We are full.", "Maya", "staff",
    )  # fmt: skip
    assert at(10) in book.times()
    assert book.audit() == [
        (ANNA, "visit requested", "draft", "requested"),
        (11, "visit declined", "requested", "declined"),
    ]


def test_the_second_decision_is_told_what_the_first_was(book: Book) -> None:
    card = book.requested()
    changed(book.confirm(card, MAYA))
    late = book.confirm(card, PRIYA)
    assert isinstance(late, Late)
    assert (late.card.status, late.card.decided_by) == ("confirmed", "Maya")
    assert isinstance(book.decline(card), Late)
    assert len(book.audit()) == 2


def test_nothing_acts_outside_the_staff_group_or_in_other_hands(book: Book) -> None:
    card = book.requested()
    assert isinstance(book.confirm(card, chat=-200), NotHere)
    assert isinstance(book.cancel(card, TOM), NotHere)
    assert isinstance(book.request(TOM, at(15), move=card.visit_id), NotHere)
    proposal = changed(book.propose(card, at(12)))
    assert isinstance(book.answer(proposal, TOM, yes=True), NotHere)
    shown = book.run(lambda s: visits.details(s, book.clinic, card.visit_id, -200, MAYA, NOW))
    assert isinstance(shown, NotHere)


def test_a_taken_time_offers_others(book: Book) -> None:
    book.requested()
    outcome = book.request(TOM)
    assert isinstance(outcome, Taken)
    assert len(outcome.free) == visits.OTHERS_OFFERED
    assert at(10) not in {free.starts_at for free in outcome.free if free.practitioner == "hart"}
    assert isinstance(book.request(TOM, at(10, 30)), Taken)  # an overlap is taken as well
    assert isinstance(book.request(TOM, at(3)), Taken)  # at night nothing is offered
    assert isinstance(book.request(TOM, at(10, 50)), Taken)  # nor off the grid
    assert isinstance(book.request(TOM, practitioner="nobody"), Taken)


def test_without_a_staff_group_nothing_is_requested(any_database: str, clinic: Clinic) -> None:
    database = Database(parse_url(any_database))
    database.migrate()
    wanted = Wanted("face", "hart", at(10), "Anna", "+442079460000", NO)
    outcome, _ = database._write(lambda s: visits.request(s, clinic, ANNA, wanted, NOW))
    assert outcome == NoStaff()
    assert database.read_now(lambda s: list(s.scalars(select(Slot)))) == []
    database.close()


def test_a_patient_has_at_most_five_visits_open(book: Book) -> None:
    for hour in (9, 10, 11, 14, 15):
        book.requested(start=at(hour))
    assert book.request(start=at(16)) == TooMany(5)
    book.requested(TOM, at(16))


@pytest.mark.parametrize(("answer", "flagged"), [("no", False), ("yes", True), ("unsure", True)])
def test_an_answer_flags_and_decides_nothing(book: Book, answer: str, flagged: bool) -> None:
    outcome = book.request(screening={"pregnant": answer, "allergy": "no"})
    assert isinstance(outcome, Requested)
    assert (outcome.card.flagged, outcome.card.status) == (flagged, "requested")
    shown = book.run(lambda s: visits.details(s, book.clinic, outcome.card.visit_id, STAFF, MAYA, NOW))
    assert isinstance(shown, Details)
    assert shown.screening == {"pregnant": answer, "allergy": "no"}
    assert book.audit()[-1] == (11, "answers viewed", "requested", "requested")


class TestMoving:
    def test_a_request_that_moves_lets_its_time_go(self, book: Book) -> None:
        card = book.requested()
        moved = book.requested(start=at(10, 30), move=card.visit_id)  # overlaps its own old time
        assert (moved.visit_id, moved.starts_at, moved.is_move, moved.status) == (
            card.visit_id, at(10, 30), False, "requested",
        )  # fmt: skip
        assert at(9, 30) in book.times()
        assert at(11) not in book.times()

    def test_a_confirmed_visit_keeps_its_time_until_staff_decide(self, book: Book) -> None:
        card = book.confirmed()
        moved = book.requested(start=at(15), move=card.visit_id)
        assert (moved.status, moved.kept_starts_at) == ("requested", at(10))
        assert not {at(10), at(15)} & set(book.times())
        sure = changed(book.confirm(moved))
        assert (sure.status, sure.starts_at, sure.kept_starts_at) == ("confirmed", at(15), None)
        assert at(10) in book.times()

    @pytest.mark.parametrize("start", [at(15), at(10, 30), at(9, 45)], ids=["elsewhere", "later", "earlier"])
    def test_a_declined_move_leaves_the_visit_where_it_was(self, book: Book, start: datetime) -> None:
        before = book.times()
        card = book.confirmed()
        was = book.held(f"visit:{card.visit_id}")
        moved = book.requested(start=start, move=card.visit_id)
        again = changed(book.decline(moved, "No room."))
        assert (again.status, again.starts_at, again.ends_at, again.reason) == (
            "confirmed", at(10), at(10, 45), "No room.",
        )  # fmt: skip
        assert book.held(f"visit:{card.visit_id}") == was
        changed(book.cancel(again))
        assert book.times() == before

    def test_moving_twice_keeps_the_confirmed_time(self, book: Book) -> None:
        card = book.confirmed()
        was = book.held(f"visit:{card.visit_id}")
        book.requested(start=at(10, 30), move=card.visit_id)
        moved = book.requested(start=at(10, 45), move=card.visit_id)
        assert moved.kept_starts_at == at(10)
        changed(book.decline(moved))
        assert book.held(f"visit:{card.visit_id}") == was

    def test_a_move_to_a_taken_time_changes_nothing(self, book: Book) -> None:
        book.requested(TOM, at(15))
        card = book.confirmed()
        assert isinstance(book.request(start=at(15), move=card.visit_id), Taken)
        still = book.run(lambda s: visits.get(s, book.clinic, card.visit_id))
        assert still is not None
        assert (still.status, still.starts_at, still.kept_starts_at, still.version) == (
            "confirmed", at(10), None, card.version,
        )  # fmt: skip

    def test_within_the_notice_only_the_telephone_helps(self, book: Book) -> None:
        card = book.confirmed(start=at(14))
        book.now = at(14, 1, day=24)
        assert isinstance(book.cancel(card), TooLate)
        outcome = book.request(start=at(16), move=card.visit_id)
        assert isinstance(outcome, TooLate)
        assert outcome.notice_hours == 24

    def test_where_the_clinic_blocked_the_time_no_notice_is_needed(self, book: Book) -> None:
        moved, cancelled = book.confirmed(start=at(14)), book.confirmed(TOM, at(15))
        book.now = at(9)
        book.run(lambda s: blocks.add(s, book.clinic, None, at(0), at(23, 55), "ill", STAFF, MAYA, book.now))
        book.requested(start=at(11, day=27), move=moved.visit_id)
        assert changed(book.cancel(cancelled, TOM)).status == "cancelled"

    def test_a_request_may_be_taken_back_at_any_time(self, book: Book) -> None:
        card = book.requested(start=at(14, day=23))
        gone = changed(book.cancel(card))
        assert (gone.status, gone.ended_by) == ("cancelled", "patient")


class TestProposals:
    def test_a_proposal_is_accepted(self, book: Book) -> None:
        proposal = changed(book.propose(book.requested(), at(12)))
        assert (proposal.status, proposal.starts_at, proposal.decided_by) == ("proposed", at(12), "Maya")
        assert at(10) in book.times()
        assert at(12) not in book.times()
        assert changed(book.answer(proposal, yes=True)).status == "confirmed"
        assert isinstance(book.answer(proposal, yes=False), Late)

    def test_a_refused_proposal_ends_a_request_and_keeps_a_confirmed_visit(self, book: Book) -> None:
        refused = changed(book.answer(changed(book.propose(book.requested(), at(12))), yes=False))
        assert (refused.status, refused.ended_by) == ("cancelled", "patient")
        sure = book.confirmed()
        kept = changed(book.answer(changed(book.propose(sure, at(12))), yes=False))
        assert (kept.status, kept.starts_at) == ("confirmed", at(10))

    def test_a_proposal_lapses(self, book: Book) -> None:
        changed(book.propose(book.requested(), at(14, day=27)))
        assert book.pass_time(23 * HOUR) == []
        (lapsed,) = book.pass_time(HOUR)
        assert isinstance(lapsed, Lapsed)
        assert (lapsed.card.status, lapsed.card.ended_by) == ("expired", "time")

    def test_a_time_that_is_not_free_cannot_be_proposed(self, book: Book) -> None:
        book.requested(TOM, at(12))
        card = book.requested()
        assert isinstance(book.propose(card, at(12)), Taken)
        assert at(10) not in book.times()  # what was asked for is still held

    def test_staff_may_propose_what_patients_are_not_shown_any_more(self, book: Book) -> None:
        card = book.requested()
        assert isinstance(book.request(TOM, at(11, day=23)), Taken)
        assert changed(book.propose(card, at(11, day=23))).status == "proposed"

    def test_staff_cancel_a_confirmed_visit(self, book: Book) -> None:
        card = book.confirmed()
        gone = book.run(
            lambda s: visits.cancel_by_staff(
                s, book.clinic, card.visit_id, card.version, STAFF, "Dr Hart is ill.", PRIYA, NOW
            )
        )
        assert (changed(gone).ended_by, changed(gone).reason) == ("staff", "Dr Hart is ill.")


class TestWaitingForStaff:
    def test_staff_are_reminded_then_called_then_it_ends(self, book: Book) -> None:
        changed(book.confirm(book.requested(TOM, at(16)), PRIYA))
        book.requested()
        assert book.pass_time(timedelta(minutes=29)) == []
        (reminded,) = book.pass_time(timedelta(minutes=1))
        assert isinstance(reminded, Reminded)
        (called,) = book.pass_time(timedelta(minutes=150))  # 13 to 14 h is a break
        assert isinstance(called, Escalated)
        assert called.mention == [PRIYA]
        assert book.pass_time(3 * HOUR) == []
        book.now = at(10, 29, day=24)
        assert book.pass_time(timedelta()) == []
        (expired,) = book.pass_time(timedelta(minutes=1))
        assert isinstance(expired, Expired)
        assert (expired.card.status, expired.card.ended_by) == ("expired", "time")
        assert len(expired.free) == visits.OTHERS_OFFERED
        assert at(10) in book.times()

    def test_a_request_ends_an_hour_before_the_visit_at_the_latest(self, book: Book) -> None:
        book.requested(start=at(15, day=23))
        book.pass_time(2 * HOUR)
        assert book.pass_time(at(13, 59, day=23) - book.now) == []
        (expired,) = book.pass_time(timedelta(minutes=1))
        assert isinstance(expired, Expired)

    def test_a_request_for_a_visit_soon_ends_halfway(self, book: Book) -> None:
        soon = at(11, day=23)
        assert visits.decided_by(book.clinic, NOW, soon) == NOW + (soon - NOW) / 2

    def test_nothing_is_said_twice_after_a_long_stop(self, book: Book) -> None:
        book.requested(start=at(10, day=27))
        assert len(book.pass_time(timedelta(days=3))) == 1
        assert book.pass_time(timedelta(days=1)) == []


class TestEarlierTimes:
    def join(self, book: Book, card: Card) -> None:
        joined = book.run(lambda s: waits.join(s, book.clinic, card.visit_id, card.chat_id or 0, book.now))
        assert isinstance(joined, Joined)

    def offers(self, book: Book) -> list[Offered]:
        return book.run(lambda s: waits.offer(s, book.clinic, book.now))

    def block(self, book: Book, start: datetime, end: datetime) -> Blocked:
        outcome = book.run(lambda s: blocks.add(s, book.clinic, "hart", start, end, "full", STAFF, MAYA, book.now))
        assert isinstance(outcome, Blocked)
        return outcome

    def test_a_freed_time_is_offered_to_one_after_the_other(self, book: Book) -> None:
        anna, tom = book.confirmed(ANNA, at(11, day=26)), book.confirmed(TOM, at(12, day=26))
        blocked = [self.block(book, at(0, day=day), at(23, 30, day=day)) for day in (23, 24, 25)]
        self.block(book, at(0, day=26), at(10, day=26))
        assert blocked[0].inside == []
        self.join(book, anna)
        self.join(book, tom)
        assert self.offers(book) == []
        gap = blocked[1].span.block_id
        freed = book.run(lambda s: blocks.remove(s, book.clinic, gap, STAFF, MAYA, book.now))
        assert isinstance(freed, Unblocked)
        first, second = self.offers(book)
        assert (first.card.chat_id, first.free.starts_at) == (ANNA, at(9, day=24))
        assert (second.card.chat_id, second.free.starts_at) == (
            TOM,
            at(10, day=24),
        )  # the first one's time is held for her
        passed = book.run(lambda s: waits.pass_up(s, book.clinic, first.wait_id, first.version, ANNA, book.now))
        assert isinstance(passed, Passed)
        (again,) = self.offers(book)
        assert again.card.chat_id == ANNA
        assert again.free.starts_at not in (first.free.starts_at, second.free.starts_at)
        taken = book.run(lambda s: waits.take(s, book.clinic, second.wait_id, second.version, TOM, book.now))
        assert isinstance(taken, Requested)
        assert (taken.card.starts_at, taken.card.kept_starts_at) == (at(10, day=24), at(12, day=26))
        twice = book.run(lambda s: waits.take(s, book.clinic, second.wait_id, second.version, TOM, book.now))
        assert isinstance(twice, Late)

    def test_an_offer_that_is_not_answered_goes_on_to_another_time(self, book: Book) -> None:
        anna, tom = book.confirmed(ANNA, at(11, day=27)), book.requested(TOM, at(14))
        self.join(book, anna)
        assert self.offers(book) == []  # what was free already is no news
        changed(book.cancel(tom, TOM))
        (first,) = self.offers(book)
        assert first.until == book.now + timedelta(minutes=45)
        assert self.offers(book) == []
        book.now += timedelta(minutes=45)
        (second,) = self.offers(book)
        assert second.free.starts_at != first.free.starts_at
        late = book.run(lambda s: waits.take(s, book.clinic, first.wait_id, first.version, ANNA, book.now))
        assert isinstance(late, Late)

    def test_nobody_is_offered_anything_after_a_red_flag(self, book: Book) -> None:
        anna, tom = book.confirmed(ANNA, at(11, day=27)), book.requested(TOM, at(14))
        self.join(book, anna)
        changed(book.cancel(tom, TOM))
        book.run(lambda s: setattr(s.get_one(Patient, ANNA), "flagged_at", book.now))
        assert self.offers(book) == []

    def test_the_wish_ends_with_the_visit(self, book: Book) -> None:
        card = book.confirmed(ANNA, at(11, day=27))
        self.join(book, card)
        changed(book.cancel(card))
        assert self.offers(book) == []
        assert not book.run(lambda s: waits.is_waiting(s, card.visit_id))

    def test_nobody_is_offered_a_time_at_night(self, book: Book) -> None:
        anna, tom = book.confirmed(ANNA, at(11, day=26)), book.requested(TOM, at(12))
        self.join(book, anna)
        book.now = at(22, day=23)
        changed(book.cancel(tom, TOM))
        assert self.offers(book) == []
        book.now = at(8, day=24)
        assert len(self.offers(book)) == 1


class TestBlocks:
    def test_a_block_shows_who_is_inside_and_takes_their_time_when_they_go(self, book: Book) -> None:
        card = book.confirmed()
        outcome = book.run(lambda s: blocks.add(s, book.clinic, None, at(9), at(13), "training", STAFF, MAYA, NOW))
        assert isinstance(outcome, Blocked)
        assert [one.visit_id for one in outcome.inside] == [card.visit_id]
        assert book.times() == [time for time in book.times() if time >= at(13)]
        changed(book.cancel(card))
        assert book.times() == [time for time in book.times() if time >= at(13)]
        freed = book.run(lambda s: blocks.remove(s, book.clinic, outcome.span.block_id, STAFF, MAYA, NOW))
        assert isinstance(freed, Unblocked)
        assert at(10) in book.times()

    def test_a_declined_move_goes_back_into_a_blocked_time(self, book: Book) -> None:
        card = book.confirmed()
        moved = book.requested(start=at(15), move=card.visit_id)
        book.run(lambda s: blocks.add(s, book.clinic, None, at(9), at(13), "training", STAFF, MAYA, NOW))
        was = book.held(f"kept:{card.visit_id}")
        changed(book.decline(moved))
        assert book.held(f"visit:{card.visit_id}") == was


@pytest.mark.parametrize("text", ["CODE", "code", "0000", "+44 20 7946 0000", "nowak", "Anna"])
def test_a_visit_is_found_by_code_number_or_name(book: Book, text: str) -> None:
    card = book.requested()
    book.request(TOM, at(15), name="Tom", phone="+442079461234")
    sought = {"CODE": card.code, "code": card.code.lower()}.get(text, text)
    found = book.run(lambda s: visits.find(s, book.clinic, sought, NOW))
    assert card.visit_id in {one.visit_id for one in found}
    if text in ("CODE", "code", "nowak"):
        assert len(found) == 1


@pytest.mark.parametrize("name", ["Łucja Ździebło", "ΜΑΡΊΑ", "Ольга"])
def test_a_name_is_found_in_any_alphabet(book: Book, name: str) -> None:
    book.request(name=name)
    assert len(book.run(lambda s: visits.find(s, book.clinic, name.lower()[:4], NOW))) == 1


@pytest.mark.parametrize("text", ["%", "_", "x" * 200, "", "'; --"])
def test_a_search_takes_any_text(book: Book, text: str) -> None:
    book.requested()
    assert book.run(lambda s: visits.find(s, book.clinic, text, NOW)) == []


def test_fifty_patients_take_the_same_time_at_once(book: Book) -> None:
    start = Barrier(8)

    def take(chat: int) -> RequestOutcome:
        if chat < 108:
            start.wait()
        return book.request(chat)

    with ThreadPoolExecutor(8) as threads:
        outcomes = list(threads.map(take, range(100, 150)))
    assert sum(isinstance(one, Requested) for one in outcomes) == 1
    others = [one for one in outcomes if isinstance(one, Taken)]
    assert len(others) == 49
    assert all(one.free for one in others)
