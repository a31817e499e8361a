"""Booking, as the patient lives it: from /book to the confirmation, and what comes in between."""

import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from icalendar import Calendar
from sqlalchemy import func, select

from bot.clinic import drafts, visits
from bot.clinic.visits import Actor, Card
from bot.config import Clinic
from bot.sandbox.world import User
from bot.store.models import Audit, Consent, Draft, Visit, Wait
from faq.reader import Reader
from handlers.booking import make_draft_rounds
from tests.quick import without_waits
from tests.story import Story, labels

CODE = r"[BCDFGHJKLMNPQRSTVWXZ2-9]{5}"
FRIDAY = datetime(2026, 11, 27, 10, 0, tzinfo=UTC)


@pytest.fixture(autouse=True)
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep nobody waiting for Telegram's limits, which have tests of their own."""
    without_waits(monkeypatch)


@pytest_asyncio.fixture
async def unstaffed(clinic: Clinic, reader: Reader, database_file: Path) -> AsyncIterator[Story]:
    story = Story(clinic, reader, database_file, staffed=False)
    await story.open()
    yield story
    await story.close()


def text(story: Story, user: User) -> str:
    return str(story.shown(user.id)["text"])


def buttons(story: Story, user: User) -> list[list[str]]:
    return labels(story.shown(user.id))


def transcript(story: Story, user: User) -> list[str]:
    return [re.sub(rf"\b{CODE}\b", "CODE", line) for line in "\n".join(story.transcript(user.id)).split("\n")]


def asked(story: Story, user: User) -> str:
    """Return the form's question."""
    return text(story, user).rpartition("\n\n")[2].split("\n")[-1]


async def press(story: Story, user: User, label: str) -> None:
    await story.telegram.press(user.id, label)
    await story.settle()


async def choose(story: Story, user: User, *taps: str) -> None:
    for label in taps:
        await story.tap(user, label)


async def to_name(story: Story, user: User, *, at: str = "10:00") -> None:
    await story.say(user, "/book")
    await choose(story, user, "Face", "Dr Maya Hart, Doctor", "27", at)


async def to_screening(story: Story, user: User, *, at: str = "10:00") -> None:
    await to_name(story, user, at=at)
    await story.say(user, f"{user.first_name} {user.last_name or ''}")
    await press(story, user, "📱 Share my number")
    await story.tap(user, "I agree")


async def to_check(story: Story, user: User, *, at: str = "10:00") -> None:
    await to_screening(story, user, at=at)
    await choose(story, user, *["No"] * len(drafts.QUESTIONS), "Yes, please", "No, thanks")


async def request(story: Story, user: User, *, at: str = "10:00") -> Card:
    await to_check(story, user, at=at)
    await story.tap(user, "✅ Send to the clinic")
    return (await of(story, user))[-1]


async def of(story: Story, user: User) -> list[Card]:
    assert story.app is not None
    now = story.clock.now()
    return await story.app.database.read(lambda session: visits.of_patient(session, story.clinic, user.id, now))


async def confirmed(story: Story, user: User, *, at: str = "10:00") -> Card:
    card = await request(story, user, at=at)
    return await decide(story, card)


async def decide(story: Story, card: Card) -> Card:
    assert story.app is not None
    now, maya = story.clock.now(), Actor(story.maya.id, "Maya")
    outcome = await story.app.database.transaction(
        lambda session: visits.confirm(session, story.clinic, card.visit_id, card.version, story.group.id, maya, now)
    )
    assert isinstance(outcome, visits.Changed)
    return outcome.card


async def count(story: Story, table: Any) -> int:
    assert story.app is not None
    return await story.app.database.read(lambda session: session.scalar(select(func.count()).select_from(table)) or 0)


async def make_rounds(story: Story) -> None:
    assert story.app is not None
    await make_draft_rounds(story.app.desk)
    await story.settle()


def calendar_of(story: Story, user: User) -> tuple[Any, Any]:
    """Return the newest calendar file: the calendar and its one event."""
    message = next(one for one in reversed(story.telegram.history(user.id)) if "document" in one)
    assert message["document"]["mime_type"] == "text/calendar"
    stored = story.telegram.files.by_id(message["document"]["file_id"])
    assert stored is not None
    whole = Calendar.from_ical(stored.content)
    (event,) = whole.walk("VEVENT")
    return whole, event


async def test_a_new_patient_books_from_the_first_tap_to_the_request(story: Story) -> None:
    anna = story.anna
    await story.say(anna, "/book")
    assert transcript(story, anna) == [
        "Anna: /book",
        "Mesobot: 🗓 Book a visit",
        "",
        "Gladly. It takes about two minutes, and you can stop at any time.",
        "",
        "What would you like to book?",
        "  [Face] [Neck and décolleté]",
        "  [Hands] [Scalp]",
        "  [✖ Stop]",
    ]
    await story.tap(anna, "Face")
    assert transcript(story, anna)[1:] == [
        "Mesobot: 🗓 Book a visit",
        "Face",
        "",
        "Who would you like to see?",
        "  [Dr Maya Hart, Doctor]",
        "  [Elif Ozan, Nurse prescriber]",
        "  [Whoever is free]",
        "  [« Back] [✖ Stop]",
    ]
    await story.tap(anna, "Dr Maya Hart, Doctor")
    assert transcript(story, anna)[2:] == [
        "Face · Dr Maya Hart",
        "",
        "Which day suits you? Days with a number have free times.",
        "  [November 2026] [›]",
        "  [Mo] [Tu] [We] [Th] [Fr] [Sa] [Su]",
        "  [(23)] [24] [25] [26] [27] [28] [·]",
        "  [30] [·] [·] [·] [·] [·] [·]",
        "  [« Back] [✖ Stop]",
    ]
    await story.tap(anna, "27")
    assert transcript(story, anna)[2:] == [
        "Face · Dr Maya Hart · Friday, 27 November",
        "",
        "Which time on Friday, 27 November?",
        "  [09:00] [09:15] [09:30] [09:45]",
        "  [10:00] [10:15] [10:30] [10:45]",
        "  [11:00] [11:15] [11:30] [11:45]",
        "  [• Morning •] [Afternoon]",
        "  [« Back] [✖ Stop]",
    ]
    await story.tap(anna, "10:00")
    assert transcript(story, anna)[2:] == [
        "Face · Dr Maya Hart · Friday, 27 November, 10:00",
        "",
        "What is your name? Please type your first and last name.",
        "  [Anna Nowak]",
        "  [« Back] [✖ Stop]",
    ]
    await story.say(anna, "Anna  Maria Nowak")
    assert transcript(story, anna) == [
        "Anna: /book",
        "Anna: Anna  Maria Nowak",
        "Mesobot: 🗓 Book a visit",
        "Face · Dr Maya Hart · Friday, 27 November, 10:00",
        "",
        "On which number can the clinic reach you? Tap the button below, or type another number.",
    ]
    await press(story, anna, "📱 Share my number")
    assert story.telegram.chats[anna.id].reply_keyboard is None
    assert transcript(story, anna)[2:] == [
        "Anna: (something)",
        "Mesobot: Your number: +44 7900 000001",
        "Mesobot: 🗓 Book a visit",
        "Face · Dr Maya Hart · Friday, 27 November, 10:00",
        "",
        "May we use your answers? 14 short yes/no questions about your health come next.",
        "",
        "“I agree that Linden Skin Clinic may use my yes/no health answers and messages here to prepare my visit and "
        "check on me afterwards. Telegram is not end-to-end encrypted here; I can use the telephone instead: "
        "+44 20 7946 0958. I can withdraw at any time: /privacy.”",
        "  [I agree]",
        "  [I do not agree]",
        "  [« Back] [✖ Stop]",
    ]
    await story.tap(anna, "I agree")
    assert transcript(story, anna)[-5:] == [
        "",
        "Question 1 of 14",
        "Are you under 18?",
        "  [Yes] [No] [Not sure]",
        "  [« Back] [✖ Stop]",
    ]
    await choose(story, anna, *["No"] * 13)
    assert "Question 14 of 14\nDo you have a fever" in text(story, anna)
    await story.tap(anna, "No")
    assert asked(story, anna).startswith("May we write to you here about this visit?")
    await story.tap(anna, "Yes, please")
    assert asked(story, anna).startswith("May we also tell you here about offers")
    await story.tap(anna, "No, thanks")
    assert transcript(story, anna)[4:] == [
        "Mesobot: Is everything right? Nothing is sent until you tap Send.",
        "",
        "Treatment: Face",
        "With: Dr Maya Hart",
        "Time: Friday, 27 November, 10:00",
        "Name: Anna Maria Nowak",
        "Telephone: +44 7900 000001",
        "Health questions: answered",
        "Care messages: yes",
        "Offers: no",
        "  [✅ Send to the clinic]",
        "  [✏️ Treatment] [✏️ Day]",
        "  [✏️ Time] [✏️ With]",
        "  [✏️ Name] [✏️ Telephone]",
        "  [✏️ Health questions] [✏️ Care messages]",
        "  [✏️ Offers]",
        "  [✖ Stop]",
    ]
    assert "Visit" not in str(story.since(story.group.id, 0))
    await story.tap(anna, "✅ Send to the clinic")
    assert transcript(story, anna)[4:] == [
        "Mesobot: ✅ Your request is with the clinic.",
        "Face with Dr Maya Hart",
        "Friday, 27 November, 10:00",
        "",
        "Your code: CODE",
        "",
        "The time is held for you. The clinic will confirm it here, or offer another one, by "
        "Tuesday, 24 November, 10:30.",
        "",
        "If you need anything before that, call +44 20 7946 0958. Your visits: /bookings",
        "  [My visits]",
    ]
    assert len(story.telegram.history(anna.id)) == 5  # the form is one message, and what is said stays readable
    (card,) = await of(story, anna)
    assert (card.status, card.name, card.phone) == ("requested", "Anna Maria Nowak", "+447900000001")
    assert (card.practitioner, card.starts_at, card.flagged) == ("hart", FRIDAY, False)
    posted = str(story.shown(story.group.id)["text"])
    assert posted.startswith(f"🗓 Visit {card.code} · Anna Maria Nowak\nFace with Dr Maya Hart\n")
    assert story.app is not None
    said = await story.app.database.read(
        lambda session: [(one.purpose, one.given) for one in session.scalars(select(Consent).order_by(Consent.id))]
    )
    assert said == [("visit", True), ("follow-up", True), ("reminders", True), ("offers", False)]
    assert await count(story, Draft) == 0


async def test_a_request_after_hours_says_when_the_clinic_opens(story: Story) -> None:
    story.clock.advance(timedelta(hours=13, minutes=10))  # Monday 23:40
    await request(story, story.anna)
    assert "We are closed now and open tomorrow at 09:00. The time is held for you." in text(story, story.anna)


async def test_the_patients_own_words_fill_the_form(story: Story) -> None:
    anna = story.anna
    (form,) = await story.say(anna, "I'd like an appointment for my face on Friday at half past ten")
    assert form == (
        "🗓 Book a visit\nFace · Friday, 27 November, 10:30\n\n"
        "I understood: Face · Friday, 27 November, 10:30. You can change it at the end.\n\n"
        "Who would you like to see?"
    )
    await story.tap(anna, "Elif Ozan, Nurse prescriber")
    assert asked(story, anna).startswith("What is your name?")  # day and time are free, and are not asked again
    assert "Face · Elif Ozan · Friday, 27 November, 10:30" in text(story, anna)


async def test_words_for_a_closed_day_are_answered_with_the_calendar(story: Story) -> None:
    (form,) = await story.say(story.anna, "I'd like an appointment for my face on Sunday")
    assert "I am sorry, nothing is free on that day." in form
    assert "Sunday" not in form
    await choose(story, story.anna, "Whoever is free")
    assert asked(story, story.anna).startswith("Which day suits you?")


@pytest.mark.parametrize(
    ("payload", "question"),
    [
        ("book", "What would you like to book?"),
        ("book_face", "Who would you like to see?"),
        ("book_nothing", "What would you like to book?"),
    ],
)
async def test_a_deep_link_opens_the_form(story: Story, payload: str, question: str) -> None:
    welcome, form = await story.start(story.anna, payload)
    assert welcome.startswith("Hello Anna")
    assert form.endswith(question)


async def test_the_button_is_on_the_menu_and_under_answers(story: Story) -> None:
    anna = story.anna
    await story.start(anna)
    assert ["🗓 Book a visit"] in buttons(story, anna)
    await story.say(anna, "does it hurt?")
    assert ["🗓 Book a visit"] in buttons(story, anna)
    await story.tap(anna, "🗓 Book a visit")
    assert asked(story, anna) == "What would you like to book?"
    await story.say(story.tom, "my lips are huge and i cant breathe")
    assert buttons(story, story.tom) == []


async def test_a_question_in_the_middle_is_answered_and_the_form_asks_again(story: Story) -> None:
    anna = story.anna
    await to_name(story, anna)
    answer, form = await story.say(anna, "When can I put on make-up again?")
    assert "24 hours" in answer
    assert form.endswith("What is your name? Please type your first and last name.")
    assert sum("Book a visit" in line and line.startswith("Mesobot") for line in transcript(story, anna)) == 1
    await story.say(anna, "Anna Nowak")
    answer, form = await story.say(anna, "does it hurt?")
    assert form.endswith("Tap the button below, or type another number.")
    assert story.telegram.chats[anna.id].reply_keyboard is not None


async def test_a_red_flag_in_the_middle_gets_the_safety_text_and_nothing_else(story: Story) -> None:
    anna = story.anna
    await to_name(story, anna)
    (reply,) = await story.say(anna, "my lips are huge and i cant breathe")
    assert reply.startswith("This could be an emergency.")
    assert buttons(story, anna) == []
    after = await story.say(anna, "thank you")  # taken neither for a name nor as a reason to go on
    assert len(after) == 1
    assert "What is your name" not in after[0]
    await story.pass_time(timedelta(hours=6))
    await make_rounds(story)
    assert all("You were booking" not in line for line in transcript(story, anna))
    await story.tap(story.maya, "I am on it", chat=story.group)
    call, asks = await story.say(anna, "/book")
    assert call.endswith("Please call us about it before you book: +44 20 7946 0999.")
    assert asks == "You were booking: Face · Dr Maya Hart · Friday, 27 November, 10:00. Go on?"
    await story.tap(anna, "Go on")
    assert asked(story, anna).startswith("What is your name?")
    await story.say(anna, "Anna Nowak")
    assert "On which number" in text(story, anna)


async def test_a_form_survives_a_restart(story: Story) -> None:
    anna = story.anna
    await to_name(story, anna)
    await story.restart()
    await story.say(anna, "Anna Nowak")
    assert "On which number" in text(story, anna)
    await story.restart()
    welcome, asks = await story.start(anna)
    assert welcome.startswith("Hello Anna")
    assert asks == "You were booking: Face · Dr Maya Hart · Friday, 27 November, 10:00. Go on?"
    await story.tap(anna, "Start again")
    assert asked(story, anna) == "What would you like to book?"
    said = [one.get("text", "") for one in story.telegram.history(anna.id)]
    assert "What you had entered before is deleted." in said  # the keyboard for the number goes with it
    assert not any("Go on?" in one or "On which number" in one for one in said)


async def test_the_question_whether_to_go_on_becomes_the_form_where_it_begins_again(story: Story) -> None:
    anna = story.anna
    await to_name(story, anna)
    await story.say(anna, "/book")
    await story.tap(anna, "Start again")
    said = [one["text"] for one in story.telegram.history(anna.id) if one["from"]["is_bot"]]
    assert [one.splitlines()[-1] for one in said] == ["What would you like to book?"]


async def test_nobody_under_18_is_booked(story: Story) -> None:
    anna = story.anna
    await to_screening(story, anna)
    await story.tap(anna, "Yes")
    assert text(story, anna) == (
        "Thank you for telling us. We do not book visits here for anybody under 18, so I have stopped, and kept "
        "nothing of what you entered. If you have questions, a parent or guardian can call us: +44 20 7946 0958."
    )
    assert buttons(story, anna) == []
    assert await count(story, Draft) == await count(story, Visit) == 0
    assert story.app is not None
    trail = await story.app.database.read(lambda session: [one.action for one in session.scalars(select(Audit))])
    assert trail[-1] == "draft stopped"


async def test_without_consent_nothing_is_kept(story: Story) -> None:
    anna = story.anna
    await to_name(story, anna)
    await story.say(anna, "Anna Nowak")
    await story.say(anna, "07700 900123")
    await story.tap(anna, "I do not agree")
    assert text(story, anna) == (
        "That is fine. I have kept nothing of what you entered. You can book by telephone instead: +44 20 7946 0958."
    )
    assert await count(story, Draft) == 0


async def test_an_answer_that_is_not_no_flags_the_request_and_decides_nothing(story: Story) -> None:
    anna = story.anna
    await to_screening(story, anna)
    await choose(story, anna, "No", "Yes", "Not sure", *["No"] * 11)
    reviewed = "A practitioner will review this before confirming. Please don't stop or change any medicine."
    assert reviewed in text(story, anna)
    await choose(story, anna, "No, thanks", "No, thanks")
    assert "Health questions: answered" in text(story, anna)
    await story.tap(anna, "✅ Send to the clinic")
    assert reviewed in text(story, anna)
    (card,) = await of(story, anna)
    assert card.flagged
    assert "pregnant" not in str(story.shown(story.group.id)["text"]).lower()


async def test_screening_is_answered_with_buttons_only(story: Story) -> None:
    anna = story.anna
    await to_screening(story, anna)
    (form,) = await story.say(anna, "no")
    assert "Please tap one of the buttons for this one" in form
    assert "Question 1 of 14" in form
    await story.tap(anna, "No")
    assert "Question 2 of 14" in text(story, anna)


async def test_a_time_that_is_taken_meanwhile_is_replaced_without_an_error(story: Story) -> None:
    anna, tom = story.anna, story.tom
    await to_check(story, anna)
    await request(story, tom)
    await story.tap(anna, "✅ Send to the clinic")
    assert text(story, anna) == (
        "🗓 Book a visit\nFace · Dr Maya Hart · Friday, 27 November\n\n"
        "I am sorry, this time was taken just now. The rest of your request is kept; these times are free:"
    )
    first = buttons(story, anna)[0][0]
    assert buttons(story, anna)[-2:] == [["Other days"], ["✖ Stop"]]
    await story.tap(anna, first)
    assert f"Time: {first.partition(' · ')[0]}" in text(story, anna)  # nothing else is asked again
    await story.tap(anna, "✅ Send to the clinic")
    assert text(story, anna).startswith("✅ Your request is with the clinic.")


async def test_a_stale_button_shows_the_form_as_it_is_now(story: Story) -> None:
    anna = story.anna
    await story.say(anna, "/book")
    place, data = story.telegram.find_button(anna.id, "Face")
    await story.tap(anna, "Hands")
    await story.telegram.tap(anna.id, anna.id, place, data)
    await story.settle()
    assert "Hands" in text(story, anna)
    assert asked(story, anna) == "Who would you like to see?"


async def test_two_taps_on_one_button_are_one_step(story: Story) -> None:
    anna = story.anna
    await to_screening(story, anna)
    place, data = story.telegram.find_button(anna.id, "No")
    for _ in range(2):
        await story.telegram.tap(anna.id, anna.id, place, data)
    await story.settle()
    assert "Question 2 of 14" in text(story, anna)
    await choose(story, anna, *["No"] * 13, "Yes, please", "No, thanks")
    place, data = story.telegram.find_button(anna.id, "✅ Send to the clinic")
    for _ in range(2):
        await story.telegram.tap(anna.id, anna.id, place, data)
    await story.settle()
    assert text(story, anna).startswith("✅ Your request is with the clinic.")
    assert len(await of(story, anna)) == 1


async def test_buttons_of_one_patient_do_nothing_in_anothers_hands(story: Story) -> None:
    anna, tom = story.anna, story.tom
    card = await request(story, anna)
    await to_name(story, anna, at="11:30")
    _, back = story.telegram.find_button(anna.id, "« Back")
    await story.start(tom)
    place = int(story.shown(tom.id)["message_id"])
    before = story.transcript(anna.id), story.transcript(tom.id)
    stolen = [back, back[:-2] + "x:", f"bvo:{card.visit_id}", f"bvc:{card.visit_id}", f"bvi:{card.visit_id}"]
    stolen += [f"bvy:{card.visit_id}:{card.version}", f"bvw:{card.visit_id}", f"bvu:{card.visit_id}"]
    for data in stolen:
        tap = await story.telegram.tap(tom.id, tom.id, place, data)
        await story.settle()
        assert tap.answer is not None
        assert tap.answer["text"]
    assert (story.transcript(anna.id), story.transcript(tom.id)) == before
    await story.telegram.tap(tom.id, tom.id, place, f"mv:{card.visit_id}:{card.version}")
    await story.settle()
    assert text(story, tom) == "This visit is not open any more. /bookings shows your visits."
    assert len(await of(story, anna)) == 1
    assert await count(story, Wait) == 0


async def test_back_goes_through_the_questions_the_other_way(story: Story) -> None:
    anna = story.anna
    await to_screening(story, anna)
    await choose(story, anna, "No", "No", "« Back")
    assert "Question 2 of 14" in text(story, anna)
    await choose(story, anna, "« Back", "« Back")
    assert asked(story, anna).startswith("“I agree")
    await story.tap(anna, "« Back")
    assert "On which number" in text(story, anna)
    await press(story, anna, "« Back")
    assert asked(story, anna).startswith("What is your name?")
    assert story.telegram.chats[anna.id].reply_keyboard is None
    await choose(story, anna, "« Back")
    assert asked(story, anna).startswith("Which time on Friday")
    await choose(story, anna, "« Back", "« Back", "« Back")
    assert asked(story, anna) == "What would you like to book?"
    assert buttons(story, anna)[-1] == ["✖ Stop"]


async def test_each_field_can_be_changed_in_the_summary(story: Story) -> None:
    anna = story.anna
    await to_check(story, anna)
    await choose(story, anna, "✏️ Name")
    await story.say(anna, "Łucja O’Brien-Šimić")
    assert "Name: Łucja O’Brien-Šimić" in text(story, anna)
    await choose(story, anna, "✏️ With", "Elif Ozan, Nurse prescriber")
    assert "With: Elif Ozan\nTime: Friday, 27 November, 10:00" in text(story, anna)
    await choose(story, anna, "✏️ Time", "11:15")
    assert "Time: Friday, 27 November, 11:15" in text(story, anna)
    await choose(story, anna, "✏️ Day", "« Back")
    assert "Time: Friday, 27 November, 11:15" in text(story, anna)
    await choose(story, anna, "✏️ Day", "›", "2", "09:00")
    assert "Time: Wednesday, 2 December, 09:00" in text(story, anna)
    await choose(story, anna, "✏️ Telephone")
    await story.say(anna, "020 7946 0018")
    assert "Telephone: +44 20 7946 0018" in text(story, anna)
    await choose(story, anna, "✏️ Care messages", "No, thanks", "✏️ Offers", "Yes, please")
    assert "Care messages: no\nOffers: yes" in text(story, anna)
    await choose(story, anna, "✏️ Health questions", "« Back")
    assert "Health questions: answered" in text(story, anna)  # a slip of the finger lets go of nothing
    await choose(story, anna, "✏️ Health questions", "Yes, ask me again", *["No"] * 14)
    await choose(story, anna, "✅ Send to the clinic")
    (card,) = await of(story, anna)
    assert (card.name, card.phone, card.practitioner) == ("Łucja O’Brien-Šimić", "+442079460018", "ozan")
    assert card.starts_at == datetime(2026, 12, 2, 9, tzinfo=UTC)


async def test_typed_days_and_times_are_understood(story: Story) -> None:
    anna = story.anna
    await story.say(anna, "/book")
    await story.say(anna, "face")
    assert asked(story, anna) == "Who would you like to see?"
    await story.say(anna, "anyone")
    assert asked(story, anna).startswith("Which day suits you?")
    (form,) = await story.say(anna, "Sunday")
    assert "nothing is free on that day" in form
    await story.say(anna, "next friday")
    assert asked(story, anna) == "Which time on Friday, 4 December?"
    (form,) = await story.say(anna, "13:30")
    assert "that time is not free" in form
    await story.say(anna, "half past ten")
    assert "Friday, 4 December, 10:30" in text(story, anna)
    assert asked(story, anna).startswith("What is your name?")
    await story.say(anna, "actually Thursday at 9")
    assert "Thursday, 26 November, 09:00" in text(story, anna)


@pytest.mark.parametrize("name", ["https://example.com/a", "x" * 65, "12345", "@anna_nowak", "<b>", "…", "x"])
async def test_what_is_no_name_is_asked_again(story: Story, name: str) -> None:
    await to_name(story, story.anna)
    (form,) = await story.say(story.anna, name)
    assert form.endswith("What is your name? Please type your first and last name.")
    assert form.split("\n\n")[1] in ("I could not read that as a name.", "That is too long for me.")
    assert form.count("Please type") == 1


async def test_a_number_that_is_none_or_somebody_elses_is_asked_again(story: Story) -> None:
    anna = story.anna
    await to_name(story, anna)
    await story.say(anna, "Anna Nowak")
    (form,) = await story.say(anna, "12345")
    assert "I could not read that as a telephone number. Please type it like this: +44 7400 123456" in form
    await story.telegram.share_contact(anna.id, of=story.tom)
    await story.settle()
    assert "That is somebody else's contact." in text(story, anna)
    assert story.telegram.chats[anna.id].reply_keyboard is not None
    await story.say(anna, "+49 30 901820")
    assert "Your number: +49 30 901820" in story.since(anna.id, 0)


async def test_a_contact_that_nobody_asked_for_is_not_kept(story: Story) -> None:
    await story.telegram.share_contact(story.anna.id)
    await story.settle()
    assert text(story, story.anna).startswith("I can only read text")
    await story.say(story.anna, "/book")
    await story.telegram.share_contact(story.anna.id)
    await story.settle()
    assert (await _form(story, story.anna)).phone is None


async def test_cancel_drops_the_form(story: Story) -> None:
    anna = story.anna
    await to_name(story, anna)
    await story.say(anna, "Anna Nowak")
    (gone,) = await story.say(anna, "/cancel")
    assert gone == "I have stopped, and nothing was sent. What you entered is deleted. /book begins again."
    assert story.telegram.chats[anna.id].reply_keyboard is None
    assert await count(story, Draft) == 0
    (nothing,) = await story.say(anna, "/cancel")
    assert nothing == "There is no unfinished booking. To cancel a visit, choose it in /bookings."
    await story.say(anna, "/book")
    place, data = story.telegram.find_button(anna.id, "Face")
    await story.tap(anna, "✖ Stop")
    assert text(story, anna) == gone
    tap = await story.telegram.tap(anna.id, anna.id, place, data)
    await story.settle()
    assert tap.answer is not None
    assert tap.answer["text"] == "This form is closed. /book begins a new one, /bookings shows your visits."


async def test_visits_to_come_are_listed_and_opened(story: Story) -> None:
    anna = story.anna
    (none,) = await story.say(anna, "/bookings")
    assert none == "You have no visits to come."
    await confirmed(story, anna)
    await story.say(anna, "/bookings")
    assert transcript(story, anna)[-9:] == [
        "Mesobot: Your visits",
        "",
        "Friday, 27 November, 10:00",
        "Face with Dr Maya Hart",
        "✅ Confirmed · code CODE",
        "",
        "Tap one to move or cancel it, or to add it to your calendar. Running late, or anything else: "
        "call +44 20 7946 0958.",
        "  [Friday, 27 November, 10:00 · Face]",
        "  [🗓 Book a visit]",
    ]
    await story.tap(anna, "Friday, 27 November, 10:00 · Face")
    assert transcript(story, anna)[-7:] == [
        "Mesobot: Friday, 27 November, 10:00",
        "Face with Dr Maya Hart",
        "✅ Confirmed · code CODE",
        "  [Move] [Cancel]",
        "  [Add to calendar]",
        "  [Tell me if something earlier gets free]",
        "  [« My visits]",
    ]
    (card,) = await of(story, anna)
    for words in ("when is my appointment?", "do I have a booking?", f"my code is {card.code.lower()}"):
        (listed,) = await story.say(anna, words)
        assert listed.startswith("Your visits"), words


async def test_a_second_booking_knows_the_patient(story: Story) -> None:
    anna = story.anna
    await request(story, anna)
    await to_name(story, anna, at="11:30")  # name, telephone and messages are known
    assert asked(story, anna).startswith("“I agree")
    await choose(story, anna, "I agree", *["No"] * 14, "✅ Send to the clinic")
    assert len(await of(story, anna)) == 2


async def test_a_visit_is_moved(story: Story) -> None:
    anna = story.anna
    card = await confirmed(story, anna)
    await story.say(anna, "/bookings")
    await choose(story, anna, "Friday, 27 November, 10:00 · Face", "Move")
    assert text(story, anna) == (
        f"🗓 Another time for visit {card.code}\nFace · Dr Maya Hart\n\n"
        "Which day suits you? Days with a number have free times."
    )
    await choose(story, anna, "27", "10:15")  # overlaps with the patient's own visit, which is no obstacle
    assert text(story, anna) == (
        "Is everything right? Nothing is sent until you tap Send.\n\n"
        "Treatment: Face\nWith: Dr Maya Hart\nTime: Friday, 27 November, 10:15\n"
        "Name: Anna Nowak\nTelephone: +44 7900 000001\n\n"
        "Until the clinic has answered, your visit stays on Friday, 27 November, 10:00."
    )
    await choose(story, anna, "✖ Stop")
    assert text(story, anna) == (
        f"I have stopped, and nothing was sent. Visit {card.code} is as it was: /bookings shows it."
    )
    await story.say(anna, "/bookings")
    await choose(story, anna, "Friday, 27 November, 10:00 · Face", "Move", "27", "10:15")
    await story.tap(anna, "✅ Send to the clinic")
    assert "Until then your visit stays on Friday, 27 November, 10:00." in text(story, anna)
    (moved,) = await of(story, anna)
    assert (moved.visit_id, moved.status, moved.kept_starts_at) == (card.visit_id, "requested", FRIDAY)
    assert moved.starts_at == FRIDAY + timedelta(minutes=15)
    assert f"Move of {card.code}" in str(story.shown(story.group.id)["text"])
    await story.say(anna, "/bookings")
    assert "⏳ You asked for this time; until the clinic answers, Friday, 27 November, 10:00 stays yours" in text(
        story, anna
    )


async def test_a_visit_is_cancelled_with_notice(story: Story) -> None:
    anna = story.anna
    card = await confirmed(story, anna)
    await story.say(anna, "/bookings")
    await choose(story, anna, "Friday, 27 November, 10:00 · Face", "Cancel")
    assert text(story, anna) == (
        "Cancel this visit?\n\n"
        f"Friday, 27 November, 10:00\nFace with Dr Maya Hart\n✅ Confirmed · code {card.code}\n\n"
        "A confirmed visit can be cancelled here until 24 hours before it."
    )
    await story.tap(anna, "No, keep it")
    assert (await of(story, anna))[0].status == "confirmed"
    await choose(story, anna, "Cancel", "Yes, cancel it")
    assert text(story, anna).startswith("Your visit is cancelled, and the clinic knows.")
    assert await of(story, anna) == []
    assert any("cancelled" in line for line in story.since(story.group.id, 0))
    await story.tap(anna, "Take it out of my calendar")
    whole, event = calendar_of(story, anna)
    assert (str(whole["METHOD"]), str(event["STATUS"])) == ("CANCEL", "CANCELLED")


async def test_the_part_of_the_day_that_was_named_is_shown_first(story: Story) -> None:
    anna = story.anna
    await story.say(anna, "could I come for my face on Friday afternoon?")
    await choose(story, anna, "Elif Ozan, Nurse prescriber")
    times = [label for row in buttons(story, anna) for label in row]
    assert (times[0], "• Afternoon •" in times) == ("12:00", True)
    await choose(story, anna, "Morning")
    assert buttons(story, anna)[0][0] == "09:00"
    await story.say(anna, "after 4")
    times = [label for row in buttons(story, anna) for label in row]
    assert (text(story, anna).endswith("Which time on Friday, 27 November?"), times[0]) == (True, "12:00")
    await story.say(anna, "rather in the evening, on Wednesday")
    assert "17:00" in buttons(story, anna)[0]


async def test_words_that_may_be_a_booking_are_offered_as_one(story: Story) -> None:
    anna = story.anna
    (told,) = await story.say(anna, "hands thursday")
    assert told.startswith("I am not sure that I understood you.")
    assert buttons(story, anna)[0] == ["🗓 Book: Hands, Thursday, 26 November"]
    await choose(story, anna, "🗓 Book: Hands, Thursday, 26 November")
    assert text(story, anna).startswith("🗓 Book a visit\nHands · Thursday, 26 November")
    await choose(story, anna, "✖ Stop")
    await story.say(anna, "thursday")
    assert text(story, anna).startswith("🗓 Book a visit\nThursday, 26 November")


async def test_within_the_notice_the_telephone_is_named(story: Story) -> None:
    anna = story.anna
    await confirmed(story, anna)
    await story.pass_time(timedelta(days=2))
    for last in ((), ("Cancel",)):
        await story.say(anna, "/bookings")
        await choose(story, anna, "Friday, 27 November, 10:00 · Face", *last)
    await story.pass_time(timedelta(days=1, hours=1))  # 22.5 hours before
    late = "Your visit is less than 24 hours away, so I cannot move or cancel it here. Please call +44 20 7946 0958."
    await choose(story, anna, "Yes, cancel it", "Move")
    shown = [str(one.get("text")) for one in story.telegram.history(anna.id)]
    assert shown.count(late) == 2
    await story.say(anna, "/bookings")
    await choose(story, anna, "Friday, 27 November, 10:00 · Face")
    assert text(story, anna).endswith(f"✅ Confirmed · code {(await of(story, anna))[0].code}\n\n{late}")
    assert labels(story.shown(anna.id)) == [["Add to calendar"], ["« My visits"]]
    assert (await of(story, anna))[0].status == "confirmed"


async def test_the_calendar_file_updates_the_same_event_after_a_move(story: Story) -> None:
    anna = story.anna
    card = await confirmed(story, anna)
    await story.say(anna, "/bookings")
    await choose(story, anna, "Friday, 27 November, 10:00 · Face", "Add to calendar")
    whole, first = calendar_of(story, anna)
    assert (str(whole["METHOD"]), str(first["STATUS"])) == ("PUBLISH", "CONFIRMED")
    assert str(first["SUMMARY"]) == "Visit: Linden Skin Clinic"
    assert str(first["LOCATION"]) == "12 Linden Row, London N1"
    assert (first["DTSTART"].dt, first["DTEND"].dt) == (FRIDAY, FRIDAY + timedelta(minutes=45))
    assert "Face" not in whole.to_ical().decode()
    await choose(story, anna, "Move", "27", "11:00", "✅ Send to the clinic")
    (moved,) = await of(story, anna)
    await decide(story, moved)
    await story.say(anna, "/bookings")
    await choose(story, anna, "Friday, 27 November, 11:00 · Face", "Add to calendar")
    _, second = calendar_of(story, anna)
    assert str(second["UID"]) == str(first["UID"])
    assert int(second["SEQUENCE"]) > int(first["SEQUENCE"]) == card.version
    assert second["DTSTART"].dt == FRIDAY + timedelta(hours=1)


async def test_an_earlier_time_can_be_wished_for(story: Story) -> None:
    anna = story.anna
    card = await confirmed(story, anna)
    await story.say(anna, "/bookings")
    await story.tap(anna, "Friday, 27 November, 10:00 · Face")
    note = await story.tap(anna, "Tell me if something earlier gets free")
    assert note is not None
    assert note["text"] == (
        "Earlier times are free right now: tap Move to see them. I shall write to you when something earlier gets free."
    )
    assert story.app is not None
    waits = await story.app.database.read(lambda session: [one.visit_id for one in session.scalars(select(Wait))])
    assert waits == [card.visit_id]
    await story.tap(anna, "Stop telling me about earlier times")
    assert ["Tell me if something earlier gets free"] in buttons(story, anna)


async def test_a_cold_form_is_asked_about_once_and_then_dropped(story: Story) -> None:
    anna = story.anna
    await to_name(story, anna)
    await story.pass_time(timedelta(hours=4))
    await make_rounds(story)
    asks = "You were booking: Face · Dr Maya Hart · Friday, 27 November, 10:00. Go on?"
    assert text(story, anna) == f"{asks}\n\nNothing has been sent to the clinic yet. I shall not ask again."
    assert buttons(story, anna) == [["Go on"], ["Start again", "✖ Stop"]]
    await story.pass_time(timedelta(days=2, hours=19))
    await make_rounds(story)
    assert sum(asks in line for line in story.since(anna.id, 0)) == 1
    assert await count(story, Draft) == 1
    await story.pass_time(timedelta(hours=2))
    await make_rounds(story)
    assert await count(story, Draft) == 0
    tap = await story.telegram.tap_button(anna.id, "Go on")
    await story.settle()
    assert tap.answer is not None
    assert tap.answer["text"].startswith("This form is closed.")


async def test_nobody_is_asked_at_night(story: Story) -> None:
    story.clock.advance(timedelta(hours=7))  # 17:30
    await to_name(story, story.anna)
    await story.pass_time(timedelta(hours=5))
    await make_rounds(story)
    assert "Go on?" not in text(story, story.anna)
    await story.pass_time(timedelta(hours=10, minutes=35))  # 9:05
    await make_rounds(story)
    assert "Go on?" in text(story, story.anna)


async def test_without_a_staff_group_the_telephone_is_named(unstaffed: Story) -> None:
    (told,) = await unstaffed.say(unstaffed.anna, "/book")
    assert told == "I cannot reach the clinic's staff from here yet, so please book by telephone: +44 20 7946 0958."
    assert await count(unstaffed, Draft) == 0


async def test_a_patient_has_no_more_than_five_visits_open(story: Story) -> None:
    anna = story.anna
    for at in ("09:00", "10:00", "11:00", "12:00", "14:00"):
        if not await of(story, anna):
            await request(story, anna, at=at)
            continue
        await story.say(anna, "/book")
        await choose(story, anna, "Face", "Dr Maya Hart, Doctor", "27")
        if at == "12:00":
            await story.say(anna, "12:00")
        else:
            await story.tap(anna, at)
        await choose(story, anna, "I agree", *["No"] * 14, "✅ Send to the clinic")
    assert len(await of(story, anna)) == 5
    (told,) = await story.say(anna, "/book")
    assert told.startswith("You have 5 visits open, which is as many as I can take here.")


async def test_a_free_time_that_a_message_offers_fills_the_form(story: Story) -> None:
    anna = story.anna
    await story.start(anna)
    unit = int(FRIDAY.timestamp()) // 300
    place = int(story.shown(anna.id)["message_id"])
    await story.telegram.tap(anna.id, anna.id, place, f"bkat:face:hart:{unit}")
    await story.settle()
    assert "Face · Dr Maya Hart · Friday, 27 November, 10:00" in text(story, anna)
    assert asked(story, anna).startswith("What is your name?")


async def test_a_time_that_no_calendar_has_is_an_old_button(story: Story) -> None:
    anna = story.anna
    await story.start(anna)
    place = int(story.shown(anna.id)["message_id"])
    tapped = await story.telegram.tap(anna.id, anna.id, place, "bkat:face:hart:999999999")
    await story.settle()
    assert tapped.answer is not None
    assert tapped.answer["show_alert"]
    assert len(story.since(anna.id, 0)) == 1


async def test_broken_buttons_do_no_harm(story: Story) -> None:
    anna = story.anna
    await story.say(anna, "/book")
    await choose(story, anna, "Face", "Whoever is free")
    place, data = story.telegram.find_button(anna.id, "27")
    stem = data.rpartition(":d:")[0]
    for bad in ("d:2026-13-99", "h:99999999999999999999", "m:209913", "u:9", "e:nothing", "t:nothing", "q:x=yes", "z:"):
        await story.telegram.tap(anna.id, anna.id, place, f"{stem}:{bad}")
        await story.settle()
        form = await _form(story, anna)
        stem = f"bk:{form.draft_id}:{form.version}"
    assert asked(story, anna).startswith("Which day suits you?")


async def _form(story: Story, user: User) -> drafts.Form:
    assert story.app is not None
    now = story.clock.now()
    found = await story.app.database.read(lambda session: drafts.form(session, story.clinic, user.id, now))
    assert found is not None
    return found


async def test_names_and_numbers_are_in_no_log(story: Story, capfd: pytest.CaptureFixture[str]) -> None:
    await request(story, story.anna)
    seen = "".join(capfd.readouterr())
    assert "Nowak" not in seen
    assert "7900" not in seen
