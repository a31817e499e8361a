"""What is exported, and what a deletion leaves: held against the tables themselves, so that a new one is not
forgotten."""

import json
from collections.abc import Iterator
from datetime import datetime, timedelta

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from bot.clinic import dossier, erasure
from bot.clinic.dossier import EXPORTED, HIDDEN, LEFT_OUT, NothingHeld, TooOften
from bot.clinic.erasure import Erased, Nothing
from bot.config import Clinic, Privacy
from bot.delivery import outbox
from bot.delivery.messages import Message
from bot.store.database import Database, parse_url
from bot.store.models import Audit, Base, Fact, FollowUp, Outgoing, OwnAnswer, Patient, Visit
from bot.wording import privacy as words
from bot.wording.speech import Speeches
from tests.dossiers import MODELS, UNFILLED, about, fill, holding
from tests.story import MONDAY

ANNA, TOM, GROUP = 1001, 1002, -100
LINKS = frozenset({"chat_id", "visit_id", "used_by", "lane"})
DAY = timedelta(days=1)


@pytest.fixture
def session(any_database: str) -> Iterator[Session]:
    database = Database(parse_url(any_database))
    with Session(database._writer, expire_on_commit=False) as session, session.begin():
        session.add(Fact(name="staff chat", value=str(GROUP)))
        yield session
    database.close()


def without_treatments(clinic: Clinic) -> Clinic:
    rules = clinic.privacy.model_copy(update={"keep_treatments": False})
    return clinic.model_copy(update={"privacy": rules})


def test_it_is_decided_of_each_table_whether_it_is_exported() -> None:
    tables = Base.metadata.tables
    assert set(tables) == EXPORTED.keys() | LEFT_OUT.keys()
    assert not EXPORTED.keys() & LEFT_OUT.keys()
    assert all(LEFT_OUT.values())
    linked = {name for name, table in tables.items() if LINKS & set(table.columns.keys())}
    assert linked - EXPORTED.keys() == {"inbox"}  # it is emptied once an update is handled
    for name in EXPORTED:
        assert HIDDEN[name].keys() <= set(tables[name].columns.keys())
        assert all(HIDDEN[name].values())


def test_everything_about_one_person_is_exported_and_nothing_of_another(session: Session, clinic: Clinic) -> None:
    anna = fill(session, "anna-mark", ANNA, GROUP, MONDAY)
    fill(session, "tom-mark", TOM, GROUP, MONDAY)
    found = dossier.gather(session, clinic, ANNA, MONDAY)
    assert found is not None
    text = json.dumps(found)
    assert "tom-mark" not in text
    for name in EXPORTED:
        assert found[EXPORTED[name]], name
        model = MODELS[name]
        for column in model.__table__.columns:
            held = f"{name}.{column.key}" in holding_of(session, model, "anna-mark")
            if held and column.key not in HIDDEN[name]:
                marks = [f"anna-mark {column.key}"[: getattr(column.type, "length", None) or 64], "anna-mark text"]
                assert any(mark in text for mark in marks), f"{name}.{column.key}"
    assert found["made_at"] == "2026-11-23T10:30:00+00:00"
    (visit,) = found["visits"]
    assert (visit["code"], visit["screening"], len(visit["notes"])) == ("ANNA9", {"pregnant": "yes"}, 1)
    assert visit["notes"][0]["text"] == "anna-mark text"
    assert found["follow_ups"][0]["visit"] == "ANNA9"
    assert found["messages_sent"][0]["text"] == "anna-mark text"
    assert [one["given"] for one in found["consents"]] == [True]
    assert anna


def holding_of(session: Session, model: type, mark: str) -> set[str]:
    return {one for one in holding(session, mark) if one.startswith(f"{model.__table__.name}.")}  # type: ignore[attr-defined]


def test_a_copy_is_to_be_had_three_times_a_day(session: Session, clinic: Clinic) -> None:
    assert isinstance(dossier.export(session, clinic, ANNA, MONDAY), NothingHeld)
    fill(session, "anna-mark", ANNA, GROUP, MONDAY)
    for _ in range(3):
        assert isinstance(dossier.export(session, clinic, ANNA, MONDAY), dossier.Dossier)
        session.flush()
    assert isinstance(dossier.export(session, clinic, ANNA, MONDAY + DAY - timedelta(seconds=1)), TooOften)
    assert isinstance(dossier.export(session, clinic, ANNA, MONDAY + DAY), dossier.Dossier)


def test_the_page_to_read_escapes_what_people_wrote(session: Session, clinic: Clinic) -> None:
    fill(session, "<script>x</script>", ANNA, GROUP, MONDAY)
    found = dossier.gather(session, clinic, ANNA, MONDAY)
    assert found is not None
    page = words.document(Speeches("en", [], clinic.tz).default, clinic, found)
    assert "<script" not in page
    assert "&lt;script&gt;x" in page
    assert "Are you pregnant" in page
    assert "90 days" in page


def test_after_a_deletion_nothing_of_the_person_is_anywhere(session: Session, clinic: Clinic) -> None:
    anna = fill(session, "anna-mark", ANNA, GROUP, MONDAY)
    tom = fill(session, "tom-mark", TOM, GROUP, MONDAY)
    before = holding(session, "tom-mark"), about(session, TOM, tom)
    assert {one.partition(".")[0] for one in (*before[0], *before[1])} == MODELS.keys() - UNFILLED | {"own_answers"}
    done = erasure.ask(session, clinic, erasure.of_chat(session, ANNA), ANNA, MONDAY)
    assert isinstance(done, Erased)
    session.flush()
    session.expire_all()
    assert holding(session, "anna-mark") == set()
    assert about(session, ANNA, anna) <= {"inbox.lane", "inbox.update_id"}  # numbers of what is forgotten in two days
    assert (holding(session, "tom-mark"), about(session, TOM, tom)) == before
    assert [one.code for one in done.off] == ["ANNA9"]
    log = session.scalars(select(Audit).where(Audit.subject == f"erased:{done.code}").order_by(Audit.id)).all()
    done_to = [("something", 0), ("visit cancelled", 0), ("data deleted", 0)]
    assert [(row.action, row.actor) for row in log] == done_to
    assert session.scalars(select(OwnAnswer).order_by(OwnAnswer.id)).first().phrasings == ["does it itch?"]  # type: ignore[union-attr]
    assert isinstance(erasure.ask(session, clinic, erasure.of_chat(session, ANNA), ANNA, MONDAY), Nothing)


@pytest.mark.parametrize("kept", [True, False])
def test_treatments_stay_without_a_name_where_the_clinic_keeps_them(
    session: Session, clinic: Clinic, kept: bool
) -> None:
    visit_id = fill(session, "anna-mark", ANNA, GROUP, MONDAY)
    visit = session.get_one(Visit, visit_id)
    visit.status, visit.starts_at, visit.ends_at = "completed", MONDAY - DAY, MONDAY - DAY + timedelta(hours=1)
    session.flush()
    rules = clinic if kept else without_treatments(clinic)
    done = erasure.ask(session, rules, erasure.of_chat(session, ANNA), ANNA, MONDAY)
    assert isinstance(done, Erased)
    session.expire_all()
    assert holding(session, "anna-mark") == set()
    left = session.scalars(select(Visit)).all()
    assert [(one.code, one.name, one.phone, one.screening, one.chat_id) for one in left] == (
        [("ANNA9", f"⌫ {done.code}", "", {}, None)] if kept else []
    )
    assert [one.until for one in done.kept] == ([datetime.fromisoformat("2028-11-22T11:30:00+00:00")] if kept else [])
    assert not session.scalar(select(func.count()).select_from(FollowUp))
    assert session.get(Patient, ANNA) is None


def test_a_message_that_is_in_the_air_is_not_repeated_to_somebody_who_is_gone(session: Session, clinic: Clinic) -> None:
    fill(session, "anna-mark", ANNA, GROUP, MONDAY)
    outbox.post(session, Message(ANNA, "anna-mark in the air"), now=MONDAY)
    session.flush()
    (row,) = [one for one in outbox.claim(session, now=MONDAY, most=8, busy=()) if one.chat_id == ANNA]
    erasure.ask(session, clinic, erasure.of_chat(session, ANNA), ANNA, MONDAY)
    assert not outbox.unknown(session, row, "(again)", MONDAY)
    session.flush()
    assert not session.scalar(select(func.count()).select_from(Outgoing).where(Outgoing.chat_id == ANNA))


def test_what_patients_are_told_is_what_is_set(clinic: Clinic) -> None:
    say = Speeches("en", [], clinic.tz).default
    rules = Privacy(controller="C", contact="c", chat_days=7, treatment_months=31, answers_days=1)
    told = dict(words.periods(say, clinic.model_copy(update={"privacy": rules})))
    assert told["questions, conversations, messages"] == "7 days"
    assert told["treatments carried out"] == "31 months"
    assert told["answers about your health, after the visit"] == "1 day"
