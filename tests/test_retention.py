"""What has been kept long enough goes, and nothing a second sooner: a row of each kind on either side of its period."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from bot.clinic import upkeep
from bot.config import Clinic
from bot.delivery import outbox
from bot.delivery.messages import Attachment, Kind, Message
from bot.store.database import Database, parse_url
from bot.store.models import (
    Audit,
    Base,
    Block,
    Call,
    Consent,
    Course,
    Draft,
    Enquiry,
    FollowUp,
    Incoming,
    Invite,
    Note,
    Outgoing,
    OwnAnswer,
    Patient,
    Question,
    Slot,
    Visit,
    Wait,
)
from tests.dossiers import row_of

NOW = datetime(2026, 11, 23, 10, 30, tzinfo=UTC)
LATELY = NOW - timedelta(days=1)
SECOND, DAY = timedelta(seconds=1), timedelta(days=1)
TWO_YEARS_AGO = datetime(2024, 11, 23, 10, 30, tzinfo=UTC)
ANNA, GROUP = 1001, -100


@pytest.fixture
def session(any_database: str) -> Iterator[Session]:
    database = Database(parse_url(any_database))
    with Session(database._writer, expire_on_commit=False) as session, session.begin():
        yield session
    database.close()


def made(name: str, number: int, **values: Any) -> Any:
    row = row_of(name, f"n{number}", ANNA, 1, LATELY)
    for key, value in {**values}.items():
        setattr(row, key, value)
    for key in ("key", "code", "digest"):
        if key in row.__table__.columns:
            setattr(row, key, f"{number:05}")
    return row


def visit(session: Session, number: int, status: str, ends_at: datetime, **values: Any) -> Any:
    times = {"starts_at": ends_at - timedelta(hours=1), "ends_at": ends_at, "status": status}
    row = made("visits", number, **{"screening": {}, "flagged": False, **times, **values})
    session.add(row)
    session.flush()
    return row


PERIODS: list[tuple[str, type[Base], dict[str, Any], str, datetime]] = [
    ("updates", Incoming, {"update_id": None}, "settled_at", NOW - 2 * DAY),
    ("messages", Outgoing, {"state": "sent"}, "settled_at", NOW - 90 * DAY),
    ("conversations", Enquiry, {"state": "closed", "visit_id": None}, "opened_at", NOW - 90 * DAY),
    ("questions", Question, {}, "asked_at", NOW - 90 * DAY),
    ("bookings begun", Draft, {"chat_id": None}, "changed_at", NOW - 30 * DAY),
    ("follow-ups", FollowUp, {"valid_until": LATELY}, "sent_at", NOW - 180 * DAY),
    ("calls", Call, {}, "done_at", NOW - 90 * DAY),
    ("links", Invite, {}, "used_at", NOW - 30 * DAY),
    ("links not used", Invite, {"used_at": None}, "expires_at", NOW - 30 * DAY),
    ("notes", Note, {}, "at", TWO_YEARS_AGO),
    ("blocked time", Block, {"author": "Maya"}, "ends_at", NOW - 90 * DAY),
    ("the log", Audit, {}, "at", TWO_YEARS_AGO),
]


@pytest.mark.parametrize(
    ("table", "values", "column", "edge"), [one[1:] for one in PERIODS], ids=[one[0] for one in PERIODS]
)
def test_a_period_ends_when_it_is_said_to(
    session: Session, clinic: Clinic, table: type[Base], values: dict[str, Any], column: str, edge: datetime
) -> None:
    session.add(made("patients", 1))
    for number, at in enumerate((edge - SECOND, edge), 1):
        own = {name: number for name, value in values.items() if value is None and name in ("update_id", "chat_id")}
        session.add(made(table.__tablename__, number, **{**values, **own, column: at}))
    session.flush()
    upkeep.prune(session, clinic, NOW)
    session.expire_all()
    assert [getattr(row, column) for row in session.scalars(select(table))] == [edge]


def test_held_times_of_long_ago_go(session: Session, clinic: Clinic) -> None:
    edge = int((NOW - 90 * DAY).timestamp()) // 300
    session.add_all([Slot(practitioner="hart", unit=unit, holder="visit:1") for unit in (edge - 1, edge)])
    upkeep.prune(session, clinic, NOW)
    assert list(session.scalars(select(Slot.unit))) == [edge]


@pytest.mark.parametrize(
    ("status", "edge"),
    [
        *((status, NOW - 90 * DAY) for status in ("declined", "cancelled", "expired", "no_show")),
        ("completed", TWO_YEARS_AGO),
        ("confirmed", TWO_YEARS_AGO),
    ],
)
def test_a_visit_goes_with_all_that_hangs_on_it(session: Session, clinic: Clinic, status: str, edge: datetime) -> None:
    course = Course(chat_id=ANNA, treatment="face", begun_at=edge)
    session.add_all([made("patients", 1), course])
    session.flush()
    old, kept = (
        visit(session, number, status, at, course_id=course.id) for number, at in enumerate((edge - SECOND, edge), 1)
    )
    for number, one in ((1, old), (2, kept)):
        for name in ("notes", "calls", "invites", "waits"):
            session.add(made(name, number, visit_id=one.id, **({"done_at": None} if name == "calls" else {})))
    session.flush()
    upkeep.prune(session, clinic, NOW)
    session.expire_all()
    assert list(session.scalars(select(Visit.id))) == [kept.id]
    for table in (Note, Call, Invite, Wait):
        assert list(session.scalars(select(table.visit_id))) == [kept.id], table
    assert list(session.scalars(select(Course.id))) == [course.id]  # its other session is still there
    upkeep.prune(session, clinic, NOW + DAY)
    assert session.scalar(select(func.count()).select_from(Course)) == 0


def test_answers_about_health_go_a_month_after_the_visit(session: Session, clinic: Clinic) -> None:
    edge = NOW - 30 * DAY
    for number, at in enumerate((edge - SECOND, edge), 1):
        visit(session, number, "completed", at, screening={"pregnant": "yes"}, flagged=True)
    upkeep.prune(session, clinic, NOW)
    session.expire_all()
    found = session.scalars(select(Visit).order_by(Visit.id)).all()
    assert [(one.screening, one.flagged) for one in found] == [({}, False), ({"pregnant": "yes"}, True)]


def test_the_newest_consent_stays_and_one_that_was_replaced_goes(session: Session, clinic: Clinic) -> None:
    session.add(made("patients", 1))
    for chat_id, replaced_at in ((ANNA, TWO_YEARS_AGO - SECOND), (2, TWO_YEARS_AGO)):
        for given, at in ((True, TWO_YEARS_AGO - 9 * DAY), (False, replaced_at)):
            session.add(Consent(chat_id=chat_id, purpose="offers", given=given, version="1", at=at))
    session.flush()
    upkeep.prune(session, clinic, NOW)
    left = session.execute(select(Consent.chat_id, Consent.given).order_by(Consent.id)).all()
    assert [tuple(row) for row in left] == [(ANNA, False), (2, True), (2, False)]


def test_somebody_without_a_visit_is_forgotten_a_month_after_they_last_wrote(session: Session, clinic: Clinic) -> None:
    edge = NOW - 30 * DAY
    for chat_id, asked_at, state in ((1, edge - SECOND, "closed"), (2, edge, "closed"), (3, edge - SECOND, "waiting")):
        session.add(made("patients", chat_id, chat_id=chat_id, started_at=NOW - 60 * DAY))
        question = made("questions", chat_id, chat_id=chat_id, asked_at=asked_at)
        session.add(question)
        session.flush()
        values = {
            "chat_id": chat_id,
            "visit_id": None,
            "question_id": question.id,
            "opened_at": asked_at,
            "state": state,
        }
        session.add(made("enquiries", chat_id, **values))
        session.add(Consent(chat_id=chat_id, purpose="offers", given=True, version="1", at=NOW - 60 * DAY))
        outbox.post(session, Message(chat_id, "hello"), now=NOW - 60 * DAY).state = "sent"
    session.add(made("patients", 4, chat_id=4, started_at=NOW - 60 * DAY))
    visit(session, 4, "completed", NOW - 60 * DAY, chat_id=4)
    session.flush()
    upkeep.prune(session, clinic, NOW)
    assert list(session.scalars(select(Patient.chat_id).order_by(Patient.chat_id))) == [2, 3, 4]
    for table in (Question, Enquiry, Consent, Outgoing):
        assert set(session.scalars(select(table.chat_id))) == {2, 3}, table  # the third waits for an answer


def test_an_emergency_that_nobody_closed_is_kept_with_its_words(session: Session, clinic: Clinic) -> None:
    session.add(made("patients", 1))
    question = made("questions", 1, asked_at=NOW - 400 * DAY)
    session.add(question)
    session.flush()
    values = {"urgent": True, "state": "waiting", "question_id": question.id, "visit_id": None}
    session.add(made("enquiries", 1, opened_at=NOW - 400 * DAY, **values))
    session.flush()
    upkeep.prune(session, clinic, NOW)
    assert session.scalar(select(func.count()).select_from(Enquiry)) == 1
    assert session.scalar(select(func.count()).select_from(Question)) == 1


def test_a_large_sweep_takes_many_short_turns(session: Session, clinic: Clinic) -> None:
    session.add_all([made("audit", number, at=NOW - 999 * DAY) for number in range(2 * upkeep.BATCH + 1)])
    session.flush()
    turns = [upkeep.STEPS[-1](session, clinic, NOW) for _ in range(3)]
    assert turns == [True, True, False]
    assert session.scalar(select(func.count()).select_from(Audit)) == 0


def test_a_file_that_was_sent_is_not_kept_and_one_that_cannot_be_is_emptied(session: Session, clinic: Clinic) -> None:
    file = Attachment(ANNA, "my-data.json", "application/json", b"everything", "caption")
    sent, parked = (outbox.post(session, file, now=NOW, valid_until=NOW + DAY) for _ in range(2))
    words = outbox.post(session, Message(ANNA, "hello"), now=NOW)
    card = outbox.post(session, Message(GROUP, "Pregnant: yes", kind=Kind.STAFF), now=NOW)
    session.flush()
    for row in (sent, words, card):
        outbox.sent(session, row.id, 1, NOW)
    parked.state = "parked"
    session.flush()
    session.expire_all()
    assert [row.params == {} for row in (sent, words, card, parked)] == [True, False, True, False]
    upkeep.prune(session, clinic, NOW + DAY)
    session.expire_all()
    assert parked.params != {}
    upkeep.prune(session, clinic, NOW + DAY + SECOND)
    session.expire_all()
    assert (parked.params, parked.state) == ({}, "stale")


def test_the_clinics_own_answers_stay(session: Session, clinic: Clinic) -> None:
    session.add(made("own_answers", 1, phrasings=["does it itch?"], written_at=NOW - 999 * DAY))
    session.flush()
    upkeep.prune(session, clinic, NOW)
    assert session.scalar(select(func.count()).select_from(OwnAnswer)) == 1


def test_periods_are_the_clinics_own(session: Session, clinic: Clinic) -> None:
    rules = clinic.privacy.model_copy(update={"chat_days": 7})
    session.add_all([made("patients", 1), made("questions", 1, asked_at=NOW - 8 * DAY)])
    session.flush()
    upkeep.prune(session, clinic, NOW)
    assert session.scalar(select(func.count()).select_from(Question)) == 1
    upkeep.prune(session, clinic.model_copy(update={"privacy": rules}), NOW)
    assert session.scalar(select(func.count()).select_from(Question)) == 0
