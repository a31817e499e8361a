"""Follow-ups from the plan to the message: each row of the table of time, on a real database."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from typing import TypeVar

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from bot.clinic import (
    consents,
    courses,
    endings,
    followups,
    patients,
    plans,
    preferences,
    programmes,
    records,
    staffroom,
    timing,
    visits,
)
from bot.clinic.courses import Done
from bot.clinic.followups import Due
from bot.clinic.patients import Person
from bot.clinic.timing import Quiet
from bot.clinic.visits import Actor, Card, Changed, Requested, Wanted
from bot.config import Clinic
from bot.delivery import outbox
from bot.delivery.messages import Kind, Message
from bot.programme import Change
from bot.store.database import Database, parse_url
from bot.store.models import Audit, Call, Enquiry, FollowUp, Patient, Visit

T = TypeVar("T")
STAFF, ANNA = -100, 1
MAYA = Actor(11, "Maya")
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
ZONES = [
    "Europe/London", "Europe/Berlin", "America/New_York", "America/Santiago", "America/St_Johns", "Africa/Cairo",
    "Asia/Beirut", "Asia/Kathmandu", "Asia/Tokyo", "Australia/Lord_Howe", "Pacific/Auckland", "Pacific/Chatham",
]  # fmt: skip


class Diary:
    """One patient's visits and what is sent about them; each call is one transaction."""

    def __init__(self, url: str, clinic: Clinic, now: datetime) -> None:
        self.database = Database(parse_url(url))
        self.database.migrate()
        self.clinic = clinic
        self.now = now
        self.run(lambda s: staffroom.appoint(s, STAFF, now))
        self.join(ANNA)

    def run(self, work: Callable[[Session], T]) -> T:
        return self.database._write(work)[0]

    def join(self, chat: int) -> None:
        self.run(lambda s: patients.meet(s, Person(chat, "Anna", None, None, "en"), self.now))
        for purpose in (consents.FOLLOW_UP, consents.OFFERS):
            self.run(lambda s, p=purpose: consents.give(s, chat, p, True, self.now))  # type: ignore[misc]

    def wall(self, day: date, at: time) -> datetime:
        return timing.instant(day, at, self.clinic.tz)

    def confirmed(
        self, start: datetime, chat: int = ANNA, *, treatment: str = "face", by: str = "hart", name: str = "Anna Nowak"
    ) -> Card:
        wanted = Wanted(treatment, by, start, name, "+442079460000", {})
        asked = self.run(lambda s: visits.request(s, self.clinic, chat, wanted, self.now))
        assert isinstance(asked, Requested), asked
        return self.confirm(asked.card)

    def confirm(self, card: Card) -> Card:
        sure = self.run(lambda s: visits.confirm(s, self.clinic, card.visit_id, card.version, STAFF, MAYA, self.now))
        assert isinstance(sure, Changed)
        return sure.card

    def done(self, card: Card) -> Done:
        outcome = self.run(lambda s: courses.finish(s, self.clinic, card.visit_id, card.version, STAFF, MAYA, self.now))
        assert isinstance(outcome, Done), outcome
        return outcome

    def treated(self, start: datetime) -> Done:
        """A visit that was booked a week before, and is done when it ends."""
        self.now = start - 2 * HOUR
        card = self.confirmed_at_once(start)
        self.now = card.ends_at
        return self.done(card)

    def confirmed_at_once(self, start: datetime) -> Card:
        now, self.now = self.now, start - 7 * DAY
        card = self.confirmed(start)
        self.now = now
        self.run(lambda s: s.query(FollowUp).filter(FollowUp.due_at < now).delete())
        return card

    def rounds(self) -> list[Due]:
        found: list[Due] = []
        more = True
        while more:
            due, more = self.run(lambda s: followups.make_rounds(s, self.clinic, self.now))
            found += due
        return found

    def until(self, end: datetime) -> list[tuple[datetime, list[str]]]:
        """Let time pass to `end`, from one due step to the next; return what was sent when."""
        sent: list[tuple[datetime, list[str]]] = []
        while True:
            due = self.run(followups.next_due)
            if due is None or due > end:
                self.now = end
                return sent
            self.now = max(due, self.now)
            sent += [(self.now, [part.step.id if part.step else "own" for part in one.parts]) for one in self.rounds()]

    def rows(self) -> dict[str, tuple[str, str | None]]:
        rows = self.run(lambda s: list(s.scalars(select(FollowUp).order_by(FollowUp.id))))
        return {row.step: (row.state, row.reason) for row in rows}

    def planned(self) -> dict[str, datetime]:
        rows = self.run(lambda s: list(s.scalars(select(FollowUp).where(FollowUp.state == "planned"))))
        return {row.step: row.due_at for row in rows}


def everywhere(clinic: Clinic, zone: str) -> Clinic:
    return clinic.model_copy(update={"zone": zone})


@pytest.fixture
def diary(any_database: str, clinic: Clinic) -> Iterator[Diary]:
    diary = Diary(any_database, clinic, datetime(2026, 11, 16, 10, tzinfo=UTC))
    yield diary
    diary.database.close()


THURSDAY = datetime(2026, 11, 26, 10, tzinfo=UTC)


def test_a_confirmed_visit_is_reminded_of(diary: Diary) -> None:
    diary.confirmed(THURSDAY)
    assert diary.until(THURSDAY) == [
        (THURSDAY - 3 * DAY, ["before-3-days"]),
        (THURSDAY - DAY, ["before-1-day"]),
        (THURSDAY - 2 * HOUR, ["before-2-hours"]),
    ]


def test_who_has_answered_no_question_about_messages_is_reminded_and_nothing_else(diary: Diary) -> None:
    """Somebody whom staff entered, and who opened the link to the visit and answered nothing."""
    chat = ANNA + 1
    diary.run(lambda s: patients.meet(s, Person(chat, "Tom", None, None, "en"), diary.now))
    card = diary.confirmed(THURSDAY, chat)
    reminders = diary.until(card.ends_at)
    assert [steps for _, steps in reminders] == [["before-3-days"], ["before-1-day"], ["before-2-hours"]]
    diary.done(card)
    assert diary.until(THURSDAY + 100 * DAY) == []
    after = {step: row for step, row in diary.rows().items() if not step.startswith("before")}
    assert set(after.values()) == {("skipped", "not wanted")}


def test_a_course_from_the_first_session_to_the_review(any_database: str, clinic: Clinic) -> None:
    face = clinic.treatments[0].model_copy(update={"sessions": 2})
    diary = Diary(any_database, clinic.model_copy(update={"treatments": (face, *clinic.treatments[1:])}), THURSDAY)
    first = diary.treated(THURSDAY)
    assert (first.progress.done, first.progress.sessions, first.progress.interval_weeks) == (1, 2, 2)
    second = THURSDAY + 21 * DAY
    sent = diary.until(second - 6 * DAY)
    assert [step for _, steps in sent for step in steps] == ["care-card", "check-1-day", "check-3-days", "next-session"]
    assert sent[0][0] == first.card.ends_at + 2 * HOUR
    assert sent[-1][0] == datetime(2026, 12, 10, 11, tzinfo=UTC)  # the interval opens
    card = diary.confirmed(second)
    diary.until(card.ends_at)
    over = diary.done(card)
    assert (over.progress.done, over.progress.is_over, over.progress.interval_weeks) == (2, True, None)
    steps = [step for _, steps in diary.until(second + 100 * DAY) for step in steps]
    assert steps == ["care-card", "check-1-day", "check-3-days", "late-4-weeks", "results", "late-12-weeks"]
    diary.database.close()


def test_a_visit_booked_within_a_reminders_window_has_no_such_reminder(diary: Diary) -> None:
    diary.now = THURSDAY - 25 * HOUR
    diary.confirmed(THURSDAY)
    assert set(diary.planned()) == {"before-1-day", "before-2-hours"}
    diary.now = THURSDAY + 2 * HOUR
    diary.confirmed(THURSDAY + 5 * HOUR)
    assert "before-1-day" not in {row.step for row in diary.run(lambda s: list(s.scalars(
        select(FollowUp).where(FollowUp.visit_id == 2)
    )))}  # fmt: skip


def test_planning_twice_is_planning_once(diary: Diary) -> None:
    card = diary.confirmed(THURSDAY)
    before = diary.planned()
    for _ in range(3):
        diary.run(lambda s: plans.plan(s, diary.clinic, s.get_one(Visit, card.visit_id), diary.now))
    assert diary.planned() == before


def test_a_moved_visit_moves_its_reminders_once_staff_have_said_yes(diary: Diary) -> None:
    card = diary.confirmed(THURSDAY)
    later = THURSDAY + DAY + 4 * HOUR
    asked = diary.run(lambda s: visits.move(s, diary.clinic, card.visit_id, ANNA, "hart", later, diary.now))
    assert isinstance(asked, Requested)
    assert diary.planned()["before-1-day"] == THURSDAY - DAY  # it still counts
    moved = diary.confirm(asked.card)
    assert diary.planned() == {
        "before-3-days": later - 3 * DAY,
        "before-1-day": later - DAY,
        "before-2-hours": later - 2 * HOUR,
    }
    diary.now = later - 3 * DAY
    assert len(diary.rounds()) == 1
    back = diary.run(lambda s: visits.move(s, diary.clinic, moved.visit_id, ANNA, "hart", later + HOUR, diary.now))
    assert isinstance(back, Requested)
    declined = diary.run(
        lambda s: visits.decline(s, diary.clinic, card.visit_id, back.card.version, STAFF, "No", MAYA, diary.now)
    )
    assert isinstance(declined, Changed)
    assert diary.rounds() == []  # what was sent is not sent again


@pytest.mark.parametrize("how", ["cancelled", "missed"])
def test_a_visit_that_does_not_happen_has_nothing_after_it(diary: Diary, how: str) -> None:
    card = diary.confirmed(THURSDAY)
    if how == "cancelled":
        diary.run(lambda s: visits.cancel(s, diary.clinic, card.visit_id, card.version, ANNA, diary.now))
    else:
        diary.now = card.ends_at
        diary.run(lambda s: courses.miss(s, diary.clinic, card.visit_id, card.version, STAFF, MAYA, diary.now))
    assert diary.planned() == {}
    assert diary.until(THURSDAY + 100 * DAY) == []


def test_quiet_hours_put_off_until_the_morning_or_before_the_evening(diary: Diary) -> None:
    early = datetime(2026, 11, 26, 9, tzinfo=UTC)
    diary.confirmed(early)
    due = diary.planned()["before-2-hours"]
    assert datetime(2026, 11, 26, 8, tzinfo=UTC) <= due <= datetime(2026, 11, 26, 8, 30, tzinfo=UTC)
    diary.run(lambda s: setattr(s.get_one(Patient, ANNA), "quiet_from", time(20)))
    diary.run(lambda s: setattr(s.get_one(Patient, ANNA), "quiet_until", time(10)))
    diary.run(lambda s: plans.plan(s, diary.clinic, s.get_one(Visit, 1), diary.now))
    diary.run(lambda s: s.query(FollowUp).delete())
    diary.run(lambda s: plans.plan(s, diary.clinic, s.get_one(Visit, 1), diary.now))
    evening = diary.planned()["before-2-hours"]
    assert datetime(2026, 11, 25, 19, 29, tzinfo=UTC) <= evening < datetime(2026, 11, 25, 20, tzinfo=UTC)


def test_three_days_down_leaves_one_message_a_patient_and_nothing_past_its_time(diary: Diary) -> None:
    first = diary.treated(THURSDAY)
    diary.now = first.card.ends_at + timedelta(minutes=1)
    second = diary.confirmed(THURSDAY + 4 * DAY)
    diary.now = THURSDAY + 3 * DAY + 5 * HOUR
    (one,) = diary.rounds()
    assert [part.step.id for part in one.parts if part.step] == ["before-1-day", "check-1-day", "check-3-days"]
    assert second.visit_id == one.parts[0].card.visit_id
    assert diary.rows()["care-card"] == ("stale", "too late")
    assert diary.rounds() == []


def test_only_one_message_a_day_but_for_the_visits_own(diary: Diary) -> None:
    done = diary.treated(THURSDAY)
    assert [steps for _, steps in diary.until(done.card.ends_at + 8 * HOUR)] == [["care-card"]]
    diary.run(
        lambda s: s.add(
            FollowUp(
                key="x", visit_id=done.card.visit_id, chat_id=ANNA, step="check-3-days", kind="care",
                anchor_at=done.card.ends_at, planned_for=THURSDAY + DAY + HOUR, due_at=THURSDAY + DAY + HOUR,
                valid_until=THURSDAY + 5 * DAY, state="planned",
            )
        )
    )  # fmt: skip
    sent = diary.until(THURSDAY + 2 * DAY + 12 * HOUR)
    assert [(at.date(), steps) for at, steps in sent] == [
        (date(2026, 11, 27), ["check-1-day"]),
        (date(2026, 11, 28), ["check-3-days"]),
    ]


@pytest.mark.parametrize(
    ("purpose", "gone"),
    [
        (consents.FOLLOW_UP, {"care-card", "check-1-day", "check-3-days", "late-4-weeks", "late-12-weeks"}),
        (consents.OFFERS, {"next-session"}),
    ],
)
def test_what_is_not_wanted_is_not_sent(diary: Diary, purpose: str, gone: set[str]) -> None:
    diary.treated(THURSDAY)
    diary.run(lambda s: consents.give(s, ANNA, purpose, False, diary.now))
    diary.until(THURSDAY + 100 * DAY)
    assert {step for step, (state, why) in diary.rows().items() if (state, why) == ("skipped", "not wanted")} == gone


def test_nothing_is_offered_to_who_has_booked_again_or_raised_a_red_flag(diary: Diary) -> None:
    diary.treated(THURSDAY)
    opens = datetime(2026, 12, 10, 11, tzinfo=UTC)
    diary.until(opens - HOUR)
    diary.run(lambda s: setattr(s.get_one(Patient, ANNA), "flagged_at", diary.now))
    diary.now = opens
    assert diary.rounds() == []
    assert diary.planned()["next-session"] == opens + DAY
    diary.confirmed(opens + 8 * DAY)
    diary.now = opens + 2 * DAY
    diary.rounds()
    assert diary.rows()["next-session"] == ("skipped", "booked again")


def test_offers_never_ride_on_a_message_about_somebodys_health(diary: Diary) -> None:
    done = diary.treated(THURSDAY)
    diary.run(lambda s: courses.set_interval(s, diary.clinic, done.card.visit_id, STAFF, 4, MAYA, diary.now))
    sent = diary.until(THURSDAY + 31 * DAY)
    assert [(at.date(), steps) for at, steps in sent[-2:]] == [
        (date(2026, 12, 24), ["late-4-weeks"]),
        (date(2026, 12, 25), ["next-session"]),
    ]


def test_a_problem_freezes_the_programme_until_it_is_closed(diary: Diary) -> None:
    diary.treated(THURSDAY)
    diary.now = THURSDAY + 20 * HOUR
    diary.run(lambda s: setattr(s.get_one(Patient, ANNA), "problem_at", diary.now))
    diary.run(lambda s: followups.freeze(s, ANNA, diary.now))
    assert diary.until(THURSDAY + 3 * DAY + HOUR) == []
    diary.run(lambda s: setattr(s.get_one(Patient, ANNA), "problem_at", None))
    diary.run(lambda s: followups.thaw(s, ANNA, diary.now))
    (one,) = diary.rounds()
    assert [part.step.id for part in one.parts if part.step] == ["check-1-day", "check-3-days"]


def test_a_new_session_restarts_the_clock(diary: Diary) -> None:
    diary.treated(THURSDAY)
    diary.treated(THURSDAY + 21 * DAY)
    late = diary.run(
        lambda s: list(s.scalars(select(FollowUp).where(FollowUp.step == "late-4-weeks").order_by(FollowUp.id)))
    )
    assert [(row.visit_id, row.state, row.reason) for row in late] == [
        (1, "cancelled", "a new session"),
        (2, "planned", None),
    ]


def test_the_next_session_comes_with_times_inside_its_interval(diary: Diary) -> None:
    diary.treated(THURSDAY)
    diary.until(datetime(2026, 12, 10, 10, tzinfo=UTC))
    diary.now = datetime(2026, 12, 10, 11, tzinfo=UTC)
    (one,) = diary.rounds()
    assert one.kind == "offer"
    free = one.parts[0].free
    assert len(free) == 3
    assert all(timedelta(weeks=2) <= time.starts_at - THURSDAY <= timedelta(weeks=4, days=1) for time in free)


def test_who_blocked_the_bot_is_to_be_telephoned_once(diary: Diary) -> None:
    diary.confirmed(THURSDAY)
    diary.run(lambda s: outbox.park(s, ANNA, diary.now))
    diary.until(THURSDAY)
    calls = diary.run(lambda s: list(s.scalars(select(Call))))
    assert {(call.why, call.what) for call in calls} == {
        ("blocked", "before-3-days"), ("blocked", "before-1-day"), ("blocked", "before-2-hours"),
    }  # fmt: skip
    assert diary.run(lambda s: followups.note_undelivered(s, diary.now)) == []


@pytest.mark.parametrize(("state", "why"), [("failed", "refused"), ("parked", "blocked"), ("unknown", "uncertain")])
def test_a_message_that_did_not_arrive_becomes_a_call(diary: Diary, state: str, why: str) -> None:
    diary.confirmed(THURSDAY)
    diary.now = THURSDAY - 3 * DAY
    (one,) = diary.rounds()

    def lose(session: Session) -> None:
        row = outbox.post(session, Message(ANNA, "x", kind=Kind.VISIT), now=diary.now, subject=one.subject)
        row.state = state

    diary.run(lose)
    (call,) = diary.run(lambda s: followups.note_undelivered(s, diary.now))
    assert (call.why, call.what, call.chat_id) == (why, "before-3-days", ANNA)
    assert diary.run(lambda s: followups.note_undelivered(s, diary.now)) == []


def test_every_change_of_a_visit_leaves_its_line(diary: Diary) -> None:
    diary.treated(THURSDAY)
    lines = diary.run(lambda s: list(s.scalars(select(Audit.action).where(Audit.subject == "visit:1"))))
    assert lines == ["visit requested", "visit confirmed", "visit done"]
    assert replace(MAYA).name == "Maya"


# --- what is taken back, held back, called off


def posted(diary: Diary, state: str = "pending") -> list[Due]:
    """Make messages of what is due, and leave each in the outbox in such a state."""
    found = diary.rounds()

    def post(session: Session) -> None:
        for due in found:
            message = Message(due.chat_id, "x", kind=Kind(due.kind))
            row = outbox.post(session, message, now=diary.now, subject=due.subject, valid_until=due.until)
            row.state = state

    diary.run(post)
    return found


def owed(diary: Diary) -> list[str | None]:
    return [one.subject for one in diary.run(lambda s: outbox.claim(s, now=diary.now, most=8, busy=()))]


def freeze(diary: Diary) -> None:
    def report(session: Session) -> None:
        session.get_one(Patient, ANNA).problem_at = diary.now
        followups.freeze(session, ANNA, diary.now)

    diary.run(report)


def thaw(diary: Diary) -> None:
    def settle(session: Session) -> None:
        session.get_one(Patient, ANNA).problem_at = None
        followups.thaw(session, ANNA, diary.now)

    diary.run(settle)


def called(diary: Diary) -> set[tuple[str, str]]:
    return set(diary.run(lambda s: [(one.why, one.what) for one in s.scalars(select(Call))]))


@pytest.mark.parametrize("state", ["pending", "parked"])
def test_a_message_that_waits_is_taken_back_with_its_visit(diary: Diary, state: str) -> None:
    card = diary.confirmed(THURSDAY)
    diary.now = THURSDAY - 3 * DAY
    posted(diary, state)
    diary.run(lambda s: visits.cancel(s, diary.clinic, card.visit_id, card.version, ANNA, diary.now))
    diary.run(lambda s: outbox.unpark(s, ANNA, diary.now))
    assert owed(diary) == []
    assert diary.rows()["before-3-days"] == ("cancelled", plans.CHANGED)


def test_what_is_being_sent_is_not_tried_again_once_its_visit_is_cancelled(diary: Diary) -> None:
    card = diary.confirmed(THURSDAY)
    diary.now = THURSDAY - 3 * DAY
    posted(diary)
    (row,) = diary.run(lambda s: outbox.claim(s, now=diary.now, most=8, busy=()))
    diary.run(lambda s: visits.cancel(s, diary.clinic, card.visit_id, card.version, ANNA, diary.now))
    diary.run(lambda s: outbox.put_back(s, row))  # the network was away
    assert owed(diary) == []
    diary.run(lambda s: followups.take_back(s, diary.now))
    assert diary.rounds() == []
    assert diary.rows()["before-3-days"] == ("cancelled", plans.CHANGED)


def test_the_repeat_of_what_may_have_arrived_is_taken_back_too(diary: Diary) -> None:
    card = diary.confirmed(THURSDAY)
    diary.now = THURSDAY - 3 * DAY
    posted(diary)
    (row,) = diary.run(lambda s: outbox.claim(s, now=diary.now, most=8, busy=()))
    assert diary.run(lambda s: outbox.unknown(s, row, "again", diary.now))
    diary.run(lambda s: visits.cancel(s, diary.clinic, card.visit_id, card.version, ANNA, diary.now))
    assert owed(diary) == []
    assert diary.rows()["before-3-days"] == ("sent", None), "its buttons still explain themselves"


def test_what_else_a_message_said_is_said_again(diary: Diary) -> None:
    diary.treated(THURSDAY)
    other = diary.confirmed(THURSDAY + 4 * DAY)
    diary.now = THURSDAY + 3 * DAY + 5 * HOUR
    posted(diary)
    diary.run(
        lambda s: visits.cancel_by_staff(s, diary.clinic, other.visit_id, other.version, STAFF, "ill", MAYA, diary.now)
    )
    assert owed(diary) == []
    (one,) = diary.rounds()
    assert [part.step.id for part in one.parts if part.step] == ["check-1-day", "check-3-days"]


def test_what_waits_is_held_back_with_a_problem_and_goes_when_it_is_closed(diary: Diary) -> None:
    diary.confirmed(THURSDAY)
    diary.now = THURSDAY - 3 * DAY
    posted(diary)
    freeze(diary)
    assert owed(diary) == []
    assert diary.rows()["before-3-days"] == ("frozen", None)
    thaw(diary)
    assert len(diary.rounds()) == 1


@pytest.mark.parametrize("how", ["while", "at its end"])
def test_a_reminder_that_lapses_while_held_back_is_a_call(diary: Diary, how: str) -> None:
    diary.confirmed(THURSDAY)
    freeze(diary)
    diary.until(THURSDAY - 2 * HOUR)
    if how == "while":
        diary.run(lambda s: followups.note_lapsed(s, diary.now))
    else:
        thaw(diary)
    assert called(diary) == {("held back", "before-3-days"), ("held back", "before-1-day")}
    assert diary.rows()["before-1-day"] == ("stale", "held back")


@pytest.mark.parametrize("change", ["cancelled", "moved", "undone", "followed"])
def test_off_and_on_again_brings_nothing_dead_back(diary: Diary, change: str) -> None:
    anna = Person(ANNA, "Anna", None, None, "en")
    card = diary.confirmed(THURSDAY)
    if change in ("undone", "followed"):
        diary.now = card.ends_at
        card = diary.done(card).card
    for on in (False, True):
        diary.run(lambda s, on=on: preferences.want(s, anna, preferences.PURPOSES, diary.now, wanted=on))  # type: ignore[misc]
        if on:
            break
        if change == "cancelled":
            diary.run(lambda s: visits.cancel(s, diary.clinic, card.visit_id, card.version, ANNA, diary.now))
        elif change == "moved":
            asked = diary.run(
                lambda s: visits.move(s, diary.clinic, card.visit_id, ANNA, "hart", THURSDAY + 4 * DAY, diary.now)
            )
            assert isinstance(asked, Requested)
            diary.confirm(asked.card)
        elif change == "undone":
            back = diary.run(
                lambda s: endings.take_back(s, diary.clinic, card.visit_id, card.version, STAFF, MAYA, diary.now)
            )
            assert isinstance(back, endings.Noted)
            again = back.ending.card
            diary.run(
                lambda s, v=again.version: courses.miss(s, diary.clinic, card.visit_id, v, STAFF, MAYA, diary.now)  # type: ignore[misc]
            )
        else:
            diary.treated(THURSDAY + 21 * DAY)
    sent = diary.until(THURSDAY + 130 * DAY)
    steps = [step for _, found in sent for step in found]
    match change:
        case "cancelled" | "undone":
            assert steps == []
        case "moved":
            assert steps == ["before-3-days", "before-1-day", "before-2-hours"]
            assert sent[-1][0] == THURSDAY + 4 * DAY - 2 * HOUR
        case _:
            assert steps.count("late-12-weeks") == 1


def test_a_session_of_another_treatment_or_person_leaves_the_first_ones_messages(diary: Diary) -> None:
    first = diary.treated(THURSDAY)
    before = {row.step for row in planned_of(diary, first.card.visit_id)}
    for start, treatment, by, name in (
        (THURSDAY + DAY, "scalp", "ozan", "Anna Nowak"),
        (THURSDAY + 2 * DAY, "face", "hart", "Lucy Nowak"),
    ):
        diary.now = start - 3 * HOUR
        card = diary.confirmed(start, treatment=treatment, by=by, name=name)
        diary.now = card.ends_at
        assert diary.done(card).progress.done == 1, "a course of its own"
    assert {row.step for row in planned_of(diary, first.card.visit_id)} == before
    assert diary.run(lambda s: s.get_one(Visit, 1).course_id) != diary.run(lambda s: s.get_one(Visit, 3).course_id)


def planned_of(diary: Diary, visit_id: int) -> list[FollowUp]:
    mine = select(FollowUp).where(FollowUp.visit_id == visit_id, FollowUp.state == "planned")
    return diary.run(lambda s: list(s.scalars(mine)))


def test_the_session_before_counts_again_when_one_is_taken_back(diary: Diary) -> None:
    first = diary.treated(THURSDAY)
    second = diary.treated(THURSDAY + 21 * DAY)
    assert planned_of(diary, first.card.visit_id) == []
    shown = second.card
    diary.run(lambda s: endings.take_back(s, diary.clinic, shown.visit_id, shown.version, STAFF, MAYA, diary.now))
    assert "late-12-weeks" in {row.step for row in planned_of(diary, first.card.visit_id)}


def staffs_words(diary: Diary, visit_id: int, at: datetime) -> None:
    written = f"{at:%d.%m.} 10:00 Please bring your blood test result"
    outcome = diary.run(lambda s: records.plan_message(s, diary.clinic, visit_id, STAFF, written, 7, MAYA, diary.now))
    assert isinstance(outcome, records.Planned), outcome


def test_staffs_own_words_outlive_a_new_session_and_a_stop_is_told(diary: Diary) -> None:
    first = diary.treated(THURSDAY)
    staffs_words(diary, first.card.visit_id, THURSDAY + 30 * DAY)
    diary.treated(THURSDAY + 21 * DAY)
    assert diary.rows()[records.OWN_WORDS] == ("planned", None)
    anna = Person(ANNA, "Anna", None, None, "en")
    diary.run(lambda s: preferences.want(s, anna, [consents.FOLLOW_UP], diary.now, wanted=False))
    assert called(diary) == {("withdrawn", records.OWN_WORDS)}
    diary.run(lambda s: preferences.want(s, anna, [consents.FOLLOW_UP], diary.now, wanted=True))
    assert diary.run(lambda s: [one.done_at for one in s.scalars(select(Call))]) == [diary.now]
    assert diary.rows()[records.OWN_WORDS] == ("planned", None)


def test_an_offer_waits_while_staff_decide_on_a_request_and_is_not_spoilt_by_another_treatment(diary: Diary) -> None:
    diary.treated(THURSDAY)
    opens = datetime(2026, 12, 10, 11, tzinfo=UTC)
    diary.until(opens - HOUR)
    wanted = Wanted("face", "hart", opens + 5 * DAY, "Anna Nowak", "+442079460000", {})
    asked = diary.run(lambda s: visits.request(s, diary.clinic, ANNA, wanted, diary.now))
    assert isinstance(asked, Requested)
    diary.confirmed(opens + 6 * DAY, treatment="scalp", by="ozan")
    assert diary.until(opens + HOUR) == []
    shown = asked.card
    diary.run(lambda s: visits.decline(s, diary.clinic, shown.visit_id, shown.version, STAFF, "No", MAYA, diary.now))
    assert diary.until(opens + DAY) == [(opens + DAY, ["next-session"])]


@pytest.mark.parametrize("heard", [False, True])
def test_nothing_is_offered_to_who_is_not_happy_until_a_person_came(diary: Diary, heard: bool) -> None:
    diary.treated(THURSDAY)
    opens = datetime(2026, 12, 10, 11, tzinfo=UTC)
    diary.until(opens - DAY)

    def complain(session: Session) -> None:
        row = session.scalars(select(FollowUp).where(FollowUp.step == "check-3-days")).one()
        row.answer, row.answered_at = "unhappy", diary.now
        handled = "Maya" if heard else None
        session.add(Enquiry(chat_id=ANNA, urgent=False, state="closed", opened_at=diary.now, handled_by=handled))

    diary.run(complain)
    assert (len(diary.until(opens + HOUR)) == 1) == heard


def test_a_day_with_two_reminders_or_a_question_and_a_reminder_has_one_message(diary: Diary) -> None:
    diary.confirmed(THURSDAY + 5 * HOUR)  # reminded of on Wednesday at three
    diary.confirmed(THURSDAY + 2 * DAY + HOUR, treatment="scalp", by="ozan")  # and on Wednesday at eleven
    sent = [found for at, found in diary.until(THURSDAY) if at.date() == date(2026, 11, 25)]
    assert [sorted(found) for found in sent] == [["before-1-day", "before-3-days"]]


def test_a_question_about_the_skin_waits_for_the_reminder_of_the_same_day(diary: Diary) -> None:
    diary.treated(THURSDAY - DAY)
    diary.confirmed(THURSDAY + DAY + 5 * HOUR, treatment="scalp", by="ozan")
    sent = [(at.hour, found) for at, found in diary.until(THURSDAY + 12 * HOUR) if at.date() == date(2026, 11, 26)]
    assert sent == [(15, ["before-1-day", "check-1-day"])]


def test_a_reminder_leaves_time_before_the_visit_or_comes_the_evening_before(diary: Diary) -> None:
    anna = Person(ANNA, "Anna", None, None, "en")
    early = datetime(2026, 11, 26, 9, 30, tzinfo=UTC)
    diary.run(lambda s: preferences.set_quiet(s, diary.clinic, anna, Quiet(time(21), time(9)), diary.now))
    diary.confirmed(early)
    assert diary.planned()["before-2-hours"].date() == date(2026, 11, 25)
    diary.run(lambda s: preferences.set_quiet(s, diary.clinic, anna, Quiet(time(21), time(8)), diary.now))
    assert diary.planned()["before-2-hours"].time() >= time(8)


def test_a_changed_programme_reaches_what_is_planned(diary: Diary) -> None:
    def follow() -> int:
        steps, batch = 0, programmes.Batch(0, 0)
        while batch.last is not None:
            batch = diary.run(lambda s, after=batch.last: programmes.follow(s, diary.clinic, after, diary.now))  # type: ignore[misc]
            steps += batch.steps
        return steps

    assert follow() == 0, "the first start only remembers it"
    diary.treated(THURSDAY)
    coming = diary.confirmed(THURSDAY + 6 * DAY, treatment="scalp", by="ozan")
    changes = (
        Change(id="check-1-day", at="18:00"),
        Change(id="check-3-days", off=True),
        Change(id="day-5", anchor="done", day=5, at="10:00", lasts="2d", kind="care", text="Five days on: all well?"),
    )
    diary.clinic = diary.clinic.model_copy(update={"programme": changes})
    assert follow() == 3
    assert follow() == 0
    found = {row.step: row.due_at for row in planned_of(diary, 1)}
    assert found["check-1-day"] == datetime(2026, 11, 27, 18, tzinfo=UTC)
    assert found["day-5"] == datetime(2026, 12, 1, 10, tzinfo=UTC)
    assert diary.rows()["check-3-days"] == ("cancelled", plans.RESTARTED)
    assert {row.step for row in planned_of(diary, coming.visit_id)} >= {"before-1-day"}
