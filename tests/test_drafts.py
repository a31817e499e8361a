"""The rules of a form: what is asked next, what is kept, what a button that is behind does, what time brings."""

from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, time, timedelta
from typing import TypeVar

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from bot.clinic import drafts, reception, staffroom, visits
from bot.clinic.drafts import (
    CHECK,
    DAY,
    QUESTIONS,
    TIME,
    Begun,
    Dropped,
    Filled,
    FillOutcome,
    Forgotten,
    Form,
    Gone,
    Invalid,
    NothingToBook,
    Nudged,
    Refused,
    Resumed,
    Stale,
    Stopped,
    Words,
)
from bot.clinic.patients import Person
from bot.clinic.visits import NoStaff, NotHere, Requested, TooLate, TooMany
from bot.config import Clinic, Practitioner, Treatment
from bot.store.database import Database, parse_url
from bot.store.models import Audit, Consent, Draft, Outgoing, Patient, Slot, Visit

T = TypeVar("T")

NOW = datetime(2026, 11, 23, 10, 30, tzinfo=UTC)
"""A Monday in opening hours; London's wall time is UTC."""
FRIDAY = date(2026, 11, 27)
AT_TEN = datetime(2026, 11, 27, 10, 0, tzinfo=UTC)
ANNA, TOM = Person(1, "Anna", "Nowak", None, "en"), Person(2, "Tom", None, None, "en")


class Desk:
    """A clinic's forms on a real database; each call is one transaction."""

    def __init__(self, database: Database, clinic: Clinic) -> None:
        self.database = database
        self.clinic = clinic
        self.now = NOW
        self.run(lambda session: staffroom.appoint(session, -100, NOW))

    def run(self, work: Callable[[Session], T]) -> T:
        return self.database._write(work)[0]

    def begin(self, person: Person = ANNA, words: Words | None = None, *, anew: bool = False) -> drafts.BeginOutcome:
        return self.run(lambda s: drafts.begin(s, self.clinic, person, self.now, words=words, anew=anew))

    def begun(self, person: Person = ANNA, words: Words | None = None) -> Form:
        outcome = self.begin(person, words)
        assert isinstance(outcome, Begun), outcome
        return outcome.form

    def fill(self, form: Form, field: str, value: str, chat: int | None = None) -> FillOutcome:
        return self.run(
            lambda s: drafts.fill(
                s, self.clinic, form.draft_id, form.version, chat or form.chat_id, field, value, self.now
            )
        )

    def filled(self, form: Form, *values: tuple[str, str]) -> Form:
        for field, value in values:
            outcome = self.fill(form, field, value)
            assert isinstance(outcome, Filled), outcome
            form = outcome.form
        return form

    def whole(self, person: Person = ANNA, *, answer: str = "no") -> Form:
        """Return a form of which nothing is missing."""
        wanted = Words("face", "hart", FRIDAY, time(10))
        form = self.filled(self.begun(person, wanted), ("name", "Anna Nowak"), ("phone", "020 7946 0018"))
        form = self.filled(form, ("consent", "yes"), ("screening", "under-18=no"))
        form = self.filled(form, *(("screening", f"{one}={answer}") for one in QUESTIONS[1:]))
        return self.filled(form, ("follow_up", "yes"), ("offers", "no"))

    def send(self, form: Form) -> drafts.SendOutcome:
        return self.run(lambda s: drafts.send(s, self.clinic, form.draft_id, form.version, form.chat_id, self.now))

    def requested(self, person: Person = ANNA) -> visits.Card:
        outcome = self.send(self.whole(person))
        assert isinstance(outcome, Requested), outcome
        return outcome.card

    def back(self, form: Form) -> Form:
        outcome = self.run(lambda s: drafts.back(s, self.clinic, form.draft_id, form.version, form.chat_id, self.now))
        assert isinstance(outcome, Filled)
        return outcome.form

    def change(self, form: Form, field: str) -> Form:
        outcome = self.run(
            lambda s: drafts.change(s, self.clinic, form.draft_id, form.version, form.chat_id, field, self.now)
        )
        assert isinstance(outcome, Filled)
        return outcome.form

    def rounds(self, later: timedelta) -> list[drafts.Due]:
        self.now += later
        return self.run(lambda s: drafts.make_rounds(s, self.clinic, self.now))

    def count(self, table: type) -> int:
        return self.run(lambda s: s.scalar(select(func.count()).select_from(table)) or 0)

    def trail(self) -> list[str]:
        return self.run(lambda s: [one.action for one in s.scalars(select(Audit).order_by(Audit.id))])


@pytest.fixture
def desk(any_database: str, clinic: Clinic) -> Iterator[Desk]:
    database = Database(parse_url(any_database))
    yield Desk(database, clinic)
    database.close()


def test_the_next_question_is_the_first_empty_field(desk: Desk) -> None:
    form = desk.begun()
    asked = [form.step]
    answers = [
        ("treatment", "face"), ("practitioner", ""), ("day", "2026-11-27"),
        ("time", str(int(AT_TEN.timestamp()) // 60)),
        ("name", "Anna Nowak"), ("phone", "+442079460018"), ("consent", "yes"),
        *(("screening", f"{one}=no") for one in QUESTIONS), ("follow_up", "yes"), ("offers", "yes"),
    ]  # fmt: skip
    for field, value in answers:
        form = desk.filled(form, (field, value))
        asked.append(form.step)
    assert asked == [
        "treatment", "practitioner", "day", "time", "name", "phone", "consent",
        *["screening"] * len(QUESTIONS), "follow_up", "offers", CHECK,
    ]  # fmt: skip
    assert form.practitioner is not None  # whoever was free at that time


def test_consent_comes_before_any_question_about_health(desk: Desk) -> None:
    form = desk.begun(words=Words("face", "hart", FRIDAY, time(10)))
    form = desk.filled(form, ("name", "Anna"), ("phone", "+442079460018"))
    assert form.step == "consent"
    form = desk.filled(form, ("screening", "pregnant=yes"))
    assert form.answered == 0


def test_who_refuses_leaves_nothing_but_the_refusal(desk: Desk) -> None:
    form = desk.filled(desk.begun(words=Words("face", "hart", FRIDAY, time(10))), ("name", "Anna"))
    form = desk.filled(form, ("phone", "+442079460018"))
    assert desk.fill(form, "consent", "no") == Refused()
    assert desk.count(Draft) == 0
    assert desk.run(lambda s: [(one.purpose, one.given) for one in s.scalars(select(Consent))]) == [("visit", False)]


def test_who_is_under_18_leaves_nothing_but_an_audit_row(desk: Desk) -> None:
    form = desk.filled(desk.begun(words=Words("face", "hart", FRIDAY, time(10))), ("name", "Anna"))
    form = desk.filled(form, ("phone", "+442079460018"), ("consent", "yes"))
    assert desk.fill(form, "screening", "under-18=yes") == Stopped()
    assert desk.count(Draft) == desk.count(Visit) == desk.count(Slot) == 0
    assert desk.trail()[-1] == "draft stopped"


@pytest.mark.parametrize("answer", ["yes", "unsure"])
def test_any_answer_that_is_not_no_flags(desk: Desk, answer: str) -> None:
    outcome = desk.send(desk.whole(answer=answer))
    assert isinstance(outcome, Requested)
    assert outcome.card.flagged


def test_a_button_that_is_behind_changes_nothing(desk: Desk) -> None:
    old = desk.begun()
    form = desk.filled(old, ("treatment", "hands"))
    outcome = desk.fill(old, "treatment", "face")
    assert isinstance(outcome, Stale)
    assert outcome.form == form
    assert isinstance(desk.send(old), Stale)


def test_the_form_of_another_patient_is_not_here(desk: Desk) -> None:
    form = desk.begun()
    assert desk.fill(form, "treatment", "face", chat=TOM.chat_id) == NotHere()
    assert desk.run(lambda s: drafts.drop(s, desk.clinic, TOM.chat_id, NOW)) == NotHere()
    assert desk.run(lambda s: drafts.go_on(s, desk.clinic, form.draft_id, TOM.chat_id, NOW)) == NotHere()


def test_what_was_said_before_it_is_known_for_what_is_checked_then(desk: Desk) -> None:
    form = desk.begun(words=Words(day=FRIDAY, at=time(10)))
    assert (form.step, form.day, form.starts_at) == ("treatment", FRIDAY, AT_TEN)
    form = desk.filled(form, ("treatment", "face"), ("practitioner", "hart"))
    assert form.step == "name"


@pytest.mark.parametrize("day", [date(2026, 11, 29), date(2026, 12, 25), date(2027, 3, 1)])
def test_a_day_that_cannot_be_had_is_let_go(desk: Desk, day: date) -> None:
    outcome = desk.begin(words=Words(day=day))
    assert isinstance(outcome, Begun)
    assert (outcome.lost, outcome.form.day) == (DAY, None)


def test_a_time_that_is_not_free_is_asked_again(desk: Desk) -> None:
    desk.requested(TOM)
    outcome = desk.begin(words=Words("face", "hart", FRIDAY, time(10)))
    assert isinstance(outcome, Begun)
    assert (outcome.lost, outcome.form.step, outcome.form.day) == (TIME, TIME, FRIDAY)
    form = desk.begun(words=Words(practitioner=""))
    form = desk.filled(form, ("time", str(int(AT_TEN.timestamp()) // 60)))
    assert form.practitioner is not None
    assert form.practitioner.id == "ozan"


def test_another_practitioner_keeps_the_time_only_if_it_is_free(desk: Desk) -> None:
    desk.requested(TOM)
    form = desk.begun(words=Words("face", "ozan", FRIDAY, time(10)))
    outcome = desk.fill(desk.change(form, "practitioner"), "practitioner", "hart")
    assert isinstance(outcome, Filled)
    assert (outcome.lost, outcome.form.step) == (TIME, TIME)


def test_the_only_practitioner_and_the_only_treatment_are_not_asked_for(desk: Desk) -> None:
    face = Treatment(id="face", name="Face", minutes=45)
    desk.clinic = desk.clinic.model_copy(
        update={"practitioners": (Practitioner(id="hart", name="Dr Hart", role="Doctor"),), "treatments": (face,)}
    )
    form = desk.begun()
    assert (form.step, form.can_go_back) == (DAY, False)


def test_a_treatment_that_is_gone_from_the_settings_is_asked_again(desk: Desk) -> None:
    form = desk.filled(desk.begun(), ("treatment", "hands"))
    rest = tuple(one for one in desk.clinic.treatments if one.id != "hands")
    desk.clinic = desk.clinic.model_copy(update={"treatments": rest})
    outcome = desk.begin()
    assert isinstance(outcome, Begun)
    assert outcome.form.step == "treatment"
    assert form.draft_id == outcome.form.draft_id


def test_back_walks_to_the_first_question(desk: Desk) -> None:
    form = desk.whole()
    form = desk.filled(desk.change(form, "screening"), ("screening", "again"), ("screening", "under-18=no"))
    steps = []
    while form.can_go_back:
        form = desk.back(form)
        steps.append(form.step)
    assert steps == ["screening", "consent", "phone", "name", "time", "day", "practitioner", "treatment"]


@pytest.mark.parametrize("field", ["screening", "follow_up", "offers"])
def test_a_change_that_is_thought_better_of_loses_no_answer(desk: Desk, field: str) -> None:
    form = desk.whole()
    asked = desk.change(form, field)
    assert (asked.step, asked.is_change) == (field, True)
    back = desk.back(asked)
    assert (back.step, back.answered, back.follow_up, back.offers) == (CHECK, 14, form.follow_up, form.offers)


def test_a_change_goes_back_to_the_whole(desk: Desk) -> None:
    form = desk.change(desk.whole(), "name")
    assert form.is_change
    assert desk.back(form).step == CHECK
    form = desk.filled(desk.change(desk.begun(words=Words(day=FRIDAY)), "name"), ("name", "Ann"))
    assert (form.step, form.name) == (CHECK, "Ann")


def test_a_form_that_was_left_is_taken_up(desk: Desk) -> None:
    desk.filled(desk.begun(), ("treatment", "face"))
    assert isinstance(desk.begin(), Resumed)
    outcome = desk.begin(anew=True)
    assert isinstance(outcome, Begun)
    assert outcome.form.treatment is None
    assert desk.count(Draft) == 1


def test_a_known_patient_is_not_asked_for_name_and_telephone_again(desk: Desk) -> None:
    desk.requested()
    form = desk.begun(words=Words("face", "hart", FRIDAY, time(12)))
    assert (form.step, form.name, form.phone) == ("consent", "Anna Nowak", "+442079460018")
    assert (form.follow_up, form.offers) == (True, False)
    assert form.answered == 0  # health is asked each time


def test_a_sent_form_is_gone_and_the_time_is_held(desk: Desk) -> None:
    form = desk.whole()
    outcome = desk.send(form)
    assert isinstance(outcome, Requested)
    assert desk.count(Draft) == 0
    held = desk.run(lambda s: set(s.scalars(select(Slot.holder))))
    assert held == {f"visit:{outcome.card.visit_id}"}
    assert desk.send(form) == NotHere()


def test_a_time_that_is_taken_meanwhile_leaves_the_rest_of_the_form(desk: Desk) -> None:
    form = desk.whole()
    desk.requested(TOM)
    outcome = desk.send(form)
    assert isinstance(outcome, Gone)
    assert (outcome.form.step, outcome.form.name, outcome.form.answered) == (TIME, "Anna Nowak", len(QUESTIONS))
    assert len(outcome.free) > 2
    chosen = outcome.free[0]
    form = desk.filled(outcome.form, ("time", str(int(chosen.starts_at.timestamp()) // 60)))
    assert form.step == CHECK
    assert isinstance(desk.send(form), Requested)


def test_who_does_not_mind_gets_whoever_is_free_at_that_time(desk: Desk) -> None:
    form = desk.whole()
    form = desk.filled(desk.change(form, "practitioner"), ("practitioner", ""))
    assert form.practitioner is not None
    first = form.practitioner.id
    other = {"hart": "ozan", "ozan": "hart"}[first]
    wanted = visits.Wanted("face", first, AT_TEN, "Tom", "+442079460018", {})
    assert isinstance(desk.run(lambda s: visits.request(s, desk.clinic, 2, wanted, NOW)), Requested)
    sent = desk.send(form)
    assert isinstance(sent, Requested)
    assert sent.card.practitioner == other


def test_where_nobody_is_free_any_more_other_times_are_offered(desk: Desk) -> None:
    form = desk.filled(desk.change(desk.whole(), "practitioner"), ("practitioner", ""))
    for chat_id, who in ((2, "hart"), (3, "ozan")):
        wanted = visits.Wanted("face", who, AT_TEN, "Tom", "+442079460018", {})
        desk.run(lambda s, c=chat_id, w=wanted: visits.request(s, desk.clinic, c, w, NOW))  # type: ignore[misc]
    outcome = desk.send(form)
    assert isinstance(outcome, Gone)
    assert outcome.form.step == TIME
    assert outcome.free


def test_a_form_that_is_not_whole_is_not_sent(desk: Desk) -> None:
    form = desk.begun(words=Words("face", "hart", FRIDAY, time(10)))
    assert isinstance(desk.send(form), Stale)
    assert desk.count(Visit) == 0


def test_without_staff_or_treatments_no_form_is_begun(desk: Desk) -> None:
    bare = desk.clinic.model_copy(update={"treatments": ()})
    assert desk.run(lambda s: drafts.begin(s, bare, ANNA, NOW)) == NothingToBook()
    form = desk.whole()
    desk.run(lambda s: s.delete(s.get_one(staffroom.Fact, staffroom.STAFF_CHAT)))
    assert desk.begin(TOM) == NoStaff()
    assert desk.send(form) == NoStaff()
    assert desk.count(Draft) == 1  # what was entered is still there when staff are


def test_the_most_visits_a_patient_may_have_open(desk: Desk) -> None:
    desk.clinic = desk.clinic.model_copy(update={"booking": desk.clinic.booking.model_copy(update={"most_open": 1})})
    desk.requested()
    assert desk.begin() == TooMany(1)


def test_a_move_asks_only_for_day_and_time(desk: Desk) -> None:
    card = desk.requested()
    outcome = desk.run(lambda s: drafts.begin_move(s, desk.clinic, ANNA, card.visit_id, NOW))
    assert isinstance(outcome, Begun)
    form = desk.filled(outcome.form, ("day", "2026-11-27"))
    assert AT_TEN in [free.starts_at for free in form.times]  # the visit's own time is no obstacle
    form = desk.filled(form, ("time", str(int(AT_TEN.timestamp()) // 60 + 15)))
    assert form.step == CHECK
    sent = desk.send(form)
    assert isinstance(sent, Requested)
    assert sent.moved
    assert sent.card.visit_id == card.visit_id
    stranger = desk.run(lambda s: drafts.begin_move(s, desk.clinic, TOM, card.visit_id, NOW))
    assert stranger == NotHere()


def test_a_move_within_the_notice_is_refused(desk: Desk) -> None:
    card = desk.requested()
    maya = visits.Actor(11, "Maya")
    desk.run(lambda s: visits.confirm(s, desk.clinic, card.visit_id, card.version, -100, maya, NOW))
    late = AT_TEN - timedelta(hours=23)
    assert isinstance(desk.run(lambda s: drafts.begin_move(s, desk.clinic, ANNA, card.visit_id, late)), TooLate)


def test_dropping_leaves_nothing(desk: Desk) -> None:
    desk.whole()
    assert isinstance(desk.run(lambda s: drafts.drop(s, desk.clinic, ANNA.chat_id, NOW)), Dropped)
    assert desk.count(Draft) == 0
    assert desk.trail()[-1] == "draft dropped"


# --- what time brings


def test_a_cold_form_is_nudged_once_and_dropped_later(desk: Desk) -> None:
    desk.filled(desk.begun(), ("treatment", "face"))
    assert desk.rounds(timedelta(hours=3, minutes=59)) == []
    (nudged,) = desk.rounds(timedelta(minutes=1))
    assert isinstance(nudged, Nudged)
    assert desk.rounds(timedelta(hours=20)) == []
    (forgotten,) = desk.rounds(timedelta(days=3))
    assert isinstance(forgotten, Forgotten)
    assert desk.count(Draft) == 0
    assert desk.trail()[-1] == "draft forgotten"


def test_who_goes_on_is_asked_again_only_after_another_rest(desk: Desk) -> None:
    form = desk.filled(desk.begun(), ("treatment", "face"))
    desk.now += timedelta(hours=3)
    desk.filled(form, ("practitioner", "hart"))
    assert desk.rounds(timedelta(hours=3)) == []
    assert len(desk.rounds(timedelta(hours=1))) == 1


@pytest.mark.parametrize("why", ["flagged_at", "unreachable_since"])
def test_some_are_never_nudged(desk: Desk, why: str) -> None:
    desk.filled(desk.begun(), ("treatment", "face"))
    desk.run(lambda s: setattr(s.get_one(Patient, ANNA.chat_id), why, NOW))
    assert desk.rounds(timedelta(hours=5)) == []
    assert desk.rounds(timedelta(hours=24)) == []


def test_a_form_in_which_nothing_is_chosen_is_dropped_in_silence(desk: Desk) -> None:
    desk.begun()
    assert desk.rounds(timedelta(hours=5)) == []


def test_the_next_due_instant_is_when_something_happens(desk: Desk) -> None:
    def due() -> datetime | None:
        return desk.run(lambda s: drafts.next_due(s, desk.clinic))

    assert due() is None
    desk.now = NOW.replace(hour=17, minute=0)
    desk.filled(desk.begun(), ("treatment", "face"))
    assert due() == datetime(2026, 11, 24, 9, tzinfo=UTC)  # not at nine in the evening
    assert desk.rounds(timedelta(hours=15, minutes=59)) == []
    assert len(desk.rounds(timedelta(minutes=1))) == 1
    assert due() == datetime(2026, 11, 26, 17, tzinfo=UTC)


def test_a_red_flag_puts_the_form_to_sleep_until_the_patient_goes_on(desk: Desk) -> None:
    form = desk.filled(desk.begun(), ("treatment", "face"))
    desk.now += timedelta(minutes=5)
    desk.run(lambda s: setattr(s.get_one(Patient, ANNA.chat_id), "flagged_at", desk.now))
    found = desk.run(lambda s: drafts.form(s, desk.clinic, ANNA.chat_id, desk.now))
    assert found is not None
    assert found.is_asleep
    desk.now += timedelta(minutes=5)
    outcome = desk.run(lambda s: drafts.go_on(s, desk.clinic, form.draft_id, ANNA.chat_id, desk.now))
    assert isinstance(outcome, Stale)
    assert not outcome.form.is_asleep


def test_the_message_that_shows_the_form_is_the_last_that_arrived(desk: Desk) -> None:
    form = desk.begun()
    assert form.message_id is None

    def arrive(session: Session) -> None:
        for message_id in (7, 9, None):
            session.add(
                Outgoing(
                    chat_id=1, kind="reply", method="sendMessage", params={}, language="en", subject=form.subject,
                    urgency=1, due_at=NOW, state="sent", created_at=NOW, message_id=message_id,
                )
            )  # fmt: skip
            session.flush()

    desk.run(arrive)
    found = desk.run(lambda s: drafts.form(s, desk.clinic, 1, NOW))
    assert found is not None
    assert found.message_id == 9


# --- values


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Anna Nowak", "Anna Nowak"),
        ("  Anna\n Maria   Nowak ", "Anna Maria Nowak"),
        ("Łucja O’Brien-Šimić", "Łucja O’Brien-Šimić"),
        ("李小龙", "李小龙"),
        ("محمد علي", "محمد علي"),
        ("X Æ A-12", "X Æ A-12"),
        ("Dr. Anna", "Dr. Anna"),
        ("x" * 64, "x" * 64),
        ("x" * 65, None),
        ("", None),
        ("12345", None),
        ("https://example.com", None),
        ("see www.example.com", None),
        ("t.me/spam", None),
        ("@anna_nowak", None),
        ("<b>Anna</b>", None),
        ("Anna\x00", None),
        ("😀", None),
    ],
)
def test_names(text: str, expected: str | None) -> None:
    assert drafts.clean_name(text) == expected


@given(st.text(max_size=80))
def test_whatever_is_taken_for_a_name_is_short_and_on_one_line(text: str) -> None:
    name = drafts.clean_name(text)
    if name is not None:
        assert 1 <= len(name) <= 64
        assert name == " ".join(name.split())
        assert drafts.clean_name(name) == name


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("020 7946 0018", "+442079460018"),
        ("+44 20 7946 0018", "+442079460018"),
        ("0044 20 7946 0018", "+442079460018"),
        ("my number is 07700 900123", "+447700900123"),
        ("(07700) 900-123", "+447700900123"),
        ("+49 30 901820", "+4930901820"),
        ("12345", None),
        ("999", None),
        ("no", None),
        ("", None),
        ("٠٢٠ ٧٩٤٦ ٠٠١٨", "+442079460018"),
    ],
)
def test_telephones(text: str, expected: str | None) -> None:
    assert drafts.clean_phone(text, "GB") == expected


def test_a_number_of_another_country_needs_its_code_only_there() -> None:
    assert drafts.clean_phone("030 901820", "DE") == "+4930901820"


# --- words


@pytest.mark.parametrize(
    ("text", "treatment", "practitioner"),
    [
        ("face", "face", None),
        ("I'd like my FACE done", "face", None),
        ("neck please", "neck", None),
        ("my décolleté", "neck", None),
        ("decollete", "neck", None),
        ("hand", "hands", None),
        ("schedule me for hair injection", "scalp", None),
        ("facial on friday", "face", None),
        ("yes id like to book face and neck", None, None),
        ("with Dr Hart please", None, "hart"),
        ("can elif do my hands", "hands", "ozan"),
        ("the doctor", None, None),
        ("book me in", None, None),
        ("surface", None, None),
    ],
)
def test_treatment_and_practitioner_in_a_patients_words(
    clinic: Clinic, text: str, treatment: str | None, practitioner: str | None
) -> None:
    words = reception.understand(clinic, text, NOW, "en")
    assert (words.treatment, words.practitioner) == (treatment, practitioner)


def test_whatever_is_typed_the_time_that_is_understood_is_not_past(clinic: Clinic) -> None:
    words = reception.understand(clinic, "today at 9", NOW, "en")
    assert (words.day, words.at) == (date(2026, 11, 23), None)


def test_what_is_invalid_is_said(desk: Desk) -> None:
    form = desk.begun(words=Words("face", "hart", FRIDAY, time(10)))
    for name, why in (("x" * 65, drafts.TOO_LONG), ("1234", drafts.NO_NAME)):
        outcome = desk.fill(form, "name", name)
        assert isinstance(outcome, Invalid)
        assert outcome.why == why
    form = desk.filled(form, ("name", "Anna"))
    outcome = desk.fill(form, "phone", "12")
    assert isinstance(outcome, Invalid)
    assert outcome.why == drafts.NO_PHONE
    not_own = desk.run(lambda s: drafts.phone(s, desk.clinic, 1, "+442079460018", NOW, is_own=False))
    assert isinstance(not_own, Invalid)
    assert not_own.why == drafts.NOT_OWN
