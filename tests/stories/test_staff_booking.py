"""Staff decide, offer other times, write, look at days and keep time free; what time brings finds everybody."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from sqlalchemy import select

from bot.clinic import agenda, patients, slots, visits, waits
from bot.clinic.agenda import NoDay, Plan
from bot.clinic.patients import Person
from bot.clinic.visits import Card, Requested, Wanted
from bot.config import Clinic
from bot.sandbox.world import User
from bot.store.database import Session
from bot.store.models import Audit, Visit
from handlers import visits as visit_cards
from handlers.desk import Owed
from tests.quick import FixedReader, without_waits
from tests.story import MONDAY, Story, labels

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
FRIDAY = datetime(2026, 11, 27, 10, 0, tzinfo=UTC)


@pytest_asyncio.fixture
async def story(clinic: Clinic, database_url: str, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Story]:
    without_waits(monkeypatch)
    story = Story(clinic, FixedReader(), database_url)
    await story.open()
    yield story
    await story.close()


async def request(
    story: Story,
    starts_at: datetime = FRIDAY,
    *,
    by: User | None = None,
    name: str = "Anna Nowak",
    practitioner: str = "hart",
    **screening: str,
) -> Card:
    """Let a patient ask for a visit, as the form does in the end, and return it."""
    assert story.app is not None
    desk, user = story.app.desk, by or story.anna
    user.started = True
    wanted = Wanted("face", practitioner, starts_at, name, "+442079460018", {"pregnant": "no"} | screening)

    def ask(session: Session, now: datetime) -> Card:
        patients.meet(session, Person(user.id, user.first_name, user.last_name, None, "en"), now)
        outcome = visits.request(session, story.clinic, user.id, wanted, now)
        assert isinstance(outcome, Requested)
        return outcome.card

    def post(card: Card) -> list[Owed]:
        return [visit_cards.posted(desk, card)]

    card = await desk.act(desk.staff_speech, ask, post)
    await story.settle()
    return card


async def look(story: Story, card: Card) -> Card:
    """Return the visit as it is now."""
    assert story.database is not None
    found = await story.database.read(lambda session: visits.get(session, story.clinic, card.visit_id))
    assert found is not None
    return found


async def audit(story: Story, card: Card) -> list[tuple[str, int | None]]:
    """Return what was done with a visit, and by whom."""
    assert story.database is not None
    rows = select(Audit.action, Audit.actor).where(Audit.subject == card.subject).order_by(Audit.id)
    return await story.database.read(lambda session: [(row.action, row.actor) for row in session.execute(rows)])


async def press(story: Story, label: str, by: User | None = None) -> str | None:
    """Let a staff member press a button, and return the note that popped up."""
    answer = await story.tap(by or story.maya, label, chat=story.group)
    return answer.get("text") if answer else None


def shown(story: Story, message_id: int) -> str:
    return str(story.message(story.group.id, message_id)["text"])


def newest(story: Story) -> dict[str, Any]:
    return story.shown(story.group.id)


def chat(story: Story, chat_id: int, lines: int = 0) -> list[str]:
    """Return a chat's last messages with their buttons."""
    return story.transcript(chat_id)[-lines:]


CARD = "Face with Dr Maya Hart\nFriday, 27 November, 10:00–10:45\n☎ +44 20 7946 0018"
ADDRESS = (
    "12 Linden Row, London N1\nShow on the map\n"
    "Four minutes on foot from the station; step-free entrance in the courtyard."
)
RULES = "/bookings shows it, and lets you move or cancel it up to 24 hours before. The clinic: +44 20 7946 0958."


async def test_a_request_is_confirmed_and_both_sides_see_it(story: Story) -> None:
    card = await request(story)
    assert chat(story, story.group.id, 4) == [
        f"Mesobot: 🗓 Visit {card.code} · Anna Nowak\n{CARD}\n\n"
        "⏳ Waiting for a decision since Monday, 23 November, 10:30",
        "  [Confirm] [Other time]",
        "  [Decline] [Message]",
        "  [Details] [Record]",
    ]
    await story.pass_time(10 * MINUTE)
    assert await press(story, "Confirm") is None
    assert chat(story, story.group.id, 4) == [
        f"Mesobot: 🗓 Visit {card.code} · Anna Nowak\n{CARD}\n\n✅ Confirmed (Maya, Monday, 23 November, 10:40)",
        "  [Other time] [Cancel the visit]",
        "  [Message] [Details]",
        "  [Record]",
    ]
    assert chat(story, story.anna.id) == [
        "Mesobot: ✅ Your visit is confirmed.\n\nFriday, 27 November, 10:00–10:45\nFace with Dr Maya Hart\n"
        f"Code: {card.code}\n\n{ADDRESS}\n\n{RULES}",
        "  [Add to calendar]",
    ]
    await story.tap(story.anna, "Add to calendar")
    assert "document" in story.shown(story.anna.id)
    assert await audit(story, card) == [("visit requested", story.anna.id), ("visit confirmed", story.maya.id)]


async def test_the_card_leads_to_the_patients_record(story: Story) -> None:
    await request(story)
    seen = story._last(story.group.id)
    await press(story, "Record", by=story.priya)
    (record,) = story.since(story.group.id, seen)
    assert record.startswith("👤 Anna Nowak"), record


async def test_the_second_of_two_is_told_who_was_first(story: Story) -> None:
    card = await request(story)
    message, confirm = story.telegram.find_button(story.group.id, "Confirm")
    _, decline = story.telegram.find_button(story.group.id, "Decline")
    first = await story.telegram.tap(story.priya.id, story.group.id, message, confirm)
    second = await story.telegram.tap(story.maya.id, story.group.id, message, confirm)
    third = await story.telegram.tap(story.maya.id, story.group.id, message, decline)
    await story.settle()
    assert first.answer is not None
    assert first.answer["text"] is None
    for late in (second, third):
        assert late.answer is not None
        assert late.answer["text"] == ("This has changed meanwhile. ✅ Confirmed (Priya, Monday, 23 November, 10:30)")
        assert late.answer["show_alert"]
    assert shown(story, message).endswith("✅ Confirmed (Priya, Monday, 23 November, 10:30)")
    assert len(story.since(story.anna.id, 0)) == 1
    assert (await look(story, card)).decided_by == "Priya"


async def test_a_flagged_request_asks_for_a_review_before_anything_is_promised(story: Story) -> None:
    card = await request(story, allergy="yes", immune="unsure")
    assert "⚠️ needs practitioner review (see Details)" in newest(story)["text"]
    for button, anyway in (("Confirm", "Yes, confirm"), ("Other time", "Offer another time anyway")):
        await press(story, button)
        assert newest(story)["text"].endswith("⚠️ Has a practitioner reviewed the answers?")
        assert labels(newest(story)) == [[anyway], ["Details", "« Back"]]
        await press(story, "« Back")
    assert (await look(story, card)).status == "requested"
    await press(story, "Confirm")
    await press(story, "Yes, confirm")
    assert (await look(story, card)).status == "confirmed"


async def test_the_answers_are_seen_only_on_a_tap_that_leaves_a_trace(story: Story) -> None:
    card = await request(story, allergy="yes")
    assert "allergic" not in str(story.transcript(story.group.id))
    await press(story, "Details", by=story.priya)
    assert newest(story)["text"].endswith(
        "Yes:\n• Have you ever had a severe allergic reaction, or an allergy to an injection, a numbing medicine or "
        "hyaluronic acid?\nNo:\n• Are you pregnant, might you be, or are you breastfeeding?"
    )
    assert labels(newest(story)) == [["Confirm", "Other time"], ["Decline", "Message"], ["Hide", "Record"]]
    await press(story, "Hide")
    assert "allergic" not in str(story.transcript(story.group.id))
    assert labels(newest(story))[0] == ["Confirm", "Other time"]
    assert await audit(story, card) == [("visit requested", story.anna.id), ("answers viewed", story.priya.id)]


async def offer_monday(story: Story) -> None:
    """Let Maya offer Monday, 30 November, at 14:15 with the other practitioner."""
    for label in ("Other time", "Another practitioner", "Elif Ozan", "30", "Afternoon", "14:15"):
        assert await press(story, label) is None


async def test_another_time_is_chosen_in_the_card_and_accepted(story: Story) -> None:
    card = await request(story)
    await press(story, "Other time")
    assert newest(story)["text"].endswith("Other time with Dr Maya Hart: which day?")
    assert labels(newest(story)) == [
        ["November 2026", "›"],
        ["Mo", "Tu", "We", "Th", "Fr", "Sa", "Su"],
        ["(23)", "24", "25", "26", "27", "28", "·"],
        ["30", "·", "·", "·", "·", "·", "·"],
        ["Another practitioner", "« Back"],
    ]
    assert await press(story, "·") is None
    await press(story, "›")
    assert labels(newest(story))[0] == ["‹", "December 2026", "›"]
    assert "24" not in str(labels(newest(story)))  # Christmas
    await press(story, "« Back")
    await offer_monday(story)
    assert newest(story)["text"] == (
        f"🗓 Visit {card.code} · Anna Nowak\nFace with Elif Ozan\nMonday, 30 November, 14:15–15:00\n"
        "☎ +44 20 7946 0018\n\n🔁 Offered by Maya, waiting for the patient's answer "
        "until Tuesday, 24 November, 10:30"
    )
    assert chat(story, story.anna.id) == [
        "Mesobot: Linden Skin Clinic offers you another time:\nMonday, 30 November, 14:15–15:00\nFace with Elif Ozan\n"
        f"Code: {card.code}\n\nIt is held for you until Tuesday, 24 November, 10:30.",
        "  [Accept]",
        "  [Another time] [No, thanks]",
    ]
    await story.tap(story.anna, "Accept")
    assert newest(story)["text"] == f"✅ Anna Nowak accepted: {card.code} is on Monday, 30 November, 14:15–15:00."
    assert story.shown(story.anna.id)["text"].startswith("✅ Your visit is confirmed.\n\nMonday, 30 November")
    assert labels(story.shown(story.anna.id)) == [["Add to calendar"]]
    now = await look(story, card)
    assert (now.status, now.practitioner) == ("confirmed", "ozan")


async def test_a_refused_offer_ends_a_request_and_leaves_a_confirmed_visit_where_it_was(story: Story) -> None:
    card = await request(story)
    await press(story, "Confirm")
    await offer_monday(story)
    assert newest(story)["text"].startswith(f"🗓 Move of {card.code} · Anna Nowak\n")
    assert "instead of Friday, 27 November, 10:00, which stays theirs" in newest(story)["text"]
    assert "Until you answer, your visit stays on Friday, 27" in story.shown(story.anna.id)["text"]
    await story.tap(story.anna, "No, thanks")
    assert story.shown(story.anna.id)["text"] == (
        f"Your visit stays as it was:\nFriday, 27 November, 10:00–10:45\nFace with Dr Maya Hart\nCode: {card.code}"
    )
    assert newest(story)["text"] == (
        f"Anna Nowak did not take the other time: {card.code} stays on Friday, 27 November, 10:00–10:45."
    )
    other = await request(story, FRIDAY + HOUR)
    await offer_monday(story)
    await story.tap(story.anna, "No, thanks")
    assert newest(story)["text"] == f"Anna Nowak did not take the other time, so {other.code} has ended."
    assert (await look(story, other)).status == "cancelled"
    assert (await look(story, card)).status == "confirmed"


async def test_an_offer_without_an_answer_lapses(story: Story) -> None:
    card = await request(story)
    await offer_monday(story)
    message, accept = story.telegram.find_button(story.anna.id, "Accept")
    await story.pass_time(24 * HOUR)
    assert story.shown(story.anna.id)["text"] == (
        "The time that we offered you is not held any more, because no answer came.\n\n"
        "You can choose another time with /book, or call +44 20 7946 0958."
    )
    assert newest(story)["text"] == (
        f"⌛ Anna Nowak did not answer, so {card.code} has ended and its time is free again."
    )
    late = await story.telegram.tap(story.anna.id, story.anna.id, message, accept)
    await story.settle()
    assert late.answer is not None
    assert late.answer["text"] == "This has changed meanwhile. /bookings shows how it stands."
    assert (await look(story, card)).status == "expired"


async def test_a_time_that_is_taken_meanwhile_is_not_offered(story: Story) -> None:
    await request(story)
    for label in ("Other time", "30", "Afternoon"):
        await press(story, label)
    message, data = story.telegram.find_button(story.group.id, "14:15")
    other = await request(story, datetime(2026, 11, 30, 14, 0, tzinfo=UTC), by=story.tom, name="Tom")
    tap = await story.telegram.tap(story.maya.id, story.group.id, message, data)
    await story.settle()
    assert tap.answer is not None
    assert tap.answer["text"] == "This time has just been taken. Please choose another one."
    assert (await look(story, other)).status == "requested"
    assert story.since(story.anna.id, 0) == []


async def test_a_request_is_declined_with_a_reason_from_the_list(story: Story) -> None:
    card = await request(story)
    await press(story, "Decline")
    assert newest(story)["text"].endswith("Decline: which reason is the patient told?")
    assert labels(newest(story)) == [
        ["We are fully booked that day."],
        ["The practitioner is not available that day."],
        ["We are closed that day."],
        ["Please come for a consultation first."],
        ["We do not offer this at the moment."],
        ["Please call us, so that we find a time together."],
        ["Another reason…", "« Back"],
    ]
    await press(story, "Please come for a consultation first.")
    assert newest(story)["text"].endswith("✖️ Declined by Maya. Please come for a consultation first.")
    assert labels(newest(story)) == [["Message", "Details"], ["Record"]]
    assert story.shown(story.anna.id)["text"] == (
        "We are sorry, we cannot confirm this request:\nFriday, 27 November, 10:00–10:45\nFace with Dr Maya Hart\n"
        f"Code: {card.code}\n\nLinden Skin Clinic says:\nPlease come for a consultation first.\n\n"
        "You can choose another time with /book, or call +44 20 7946 0958."
    )


async def test_a_reason_in_staffs_own_words_ends_only_what_was_asked_about(story: Story) -> None:
    card = await request(story)
    message = newest(story)["message_id"]
    await press(story, "Decline")
    await press(story, "Another reason…")
    prompt = newest(story)
    assert prompt["text"] == (
        f"Maya, reply to this message with the reason. Anna Nowak is told it, and visit {card.code} is declined."
    )
    await press(story, "Confirm", by=story.priya)  # the card is back, and somebody else decides
    (note,) = await story.say(story.maya, "We <are> full.", chat=story.group, reply_to=prompt["message_id"])
    assert note == "This has changed meanwhile. ✅ Confirmed (Priya, Monday, 23 November, 10:30)"
    assert (await look(story, card)).status == "confirmed"

    await press(story, "Cancel the visit")
    await press(story, "Another reason…")
    prompt = newest(story)
    assert prompt["text"].endswith(f"Anna Nowak is told it, and visit {card.code} is cancelled.")
    (too_long,) = await story.say(story.maya, "x" * 501, chat=story.group, reply_to=prompt["message_id"])
    assert too_long == "Please reply again, with the reason as a text of at most 500 characters."
    assert await story.send_file(story.maya, "voice", chat=story.group, reply_to=prompt["message_id"]) == [too_long]
    (note,) = await story.say(story.maya, "The <boiler> broke.", chat=story.group, reply_to=prompt["message_id"])
    assert note == f"{card.code} · Anna Nowak: ✖️ Cancelled by Maya. The <boiler> broke."
    assert shown(story, message).endswith("✖️ Cancelled by Maya. The <boiler> broke.")
    assert story.shown(story.anna.id)["text"].startswith("We are sorry, we have to cancel your visit:\nFriday")
    assert "Linden Skin Clinic says:\nThe <boiler> broke." in story.shown(story.anna.id)["text"]


async def test_a_reply_to_a_card_is_a_message_and_opens_a_conversation(story: Story) -> None:
    card = await request(story)
    message = newest(story)["message_id"]
    assert await press(story, "Message") == (
        "Reply to this card (swipe it, or press and hold): your text goes to Anna Nowak as the clinic's."
    )
    (talk,) = await story.say(story.maya, "Which side?", chat=story.group, reply_to=message)
    assert talk == (
        f"Conversation with Anna Nowak about {card.code}\nYour message is on its way. You are talking now: what they "
        "write comes here, and replies to it, or to this message, go to them.\n\n💬 Talking, answered by Maya"
    )
    assert chat(story, story.anna.id) == [
        "Mesobot: Linden Skin Clinic answers:\nWhich side?",
        "Mesobot: You are now talking with Linden Skin Clinic. What you write here goes to them, photos and voice "
        "messages as well; I stay out of it until one of you ends it. In an emergency call 999.",
        "  [End the conversation]",
    ]
    assert await story.say(story.anna, "Left.") == []
    relayed = newest(story)
    assert relayed["text"] == "Anna Nowak: Left."
    await story.say(story.priya, "Thank you!", chat=story.group, reply_to=message)  # the card again: the same talk
    assert story.shown(story.anna.id)["text"] == "Linden Skin Clinic answers:\nThank you!"
    await story.tap(story.anna, "End the conversation")
    assert newest(story)["text"] == "Anna Nowak has ended the conversation."
    assert shown(story, message).endswith("⏳ Waiting for a decision since Monday, 23 November, 10:30")

    (again,) = await story.say(story.maya, "One more thing", chat=story.group, reply_to=message)
    assert again.startswith("Your answer is on its way to Anna Nowak.")
    await press(story, "Confirm")
    assert (await look(story, card)).status == "confirmed"


async def test_a_reply_to_a_reminder_reaches_the_patient_as_well(story: Story) -> None:
    await request(story)
    await story.pass_time(30 * MINUTE)
    assert "has been waiting for a decision" in newest(story)["text"]
    await story.say(story.maya, "Any time?", chat=story.group, reply_to=newest(story)["message_id"])
    assert "Mesobot: Linden Skin Clinic answers:\nAny time?" in chat(story, story.anna.id)


async def test_a_reply_to_a_card_goes_on_with_the_conversation_that_is_open(story: Story) -> None:
    await request(story)
    card = newest(story)["message_id"]
    await story.say(story.anna, "Do you treat scars?")
    await story.tap(story.anna, "Ask the clinic")
    question = newest(story)["message_id"]
    await story.say(story.maya, "Yes.", chat=story.group, reply_to=question)
    assert await story.say(story.maya, "And see you on Friday.", chat=story.group, reply_to=card) == []
    assert story.shown(story.anna.id)["text"] == "Linden Skin Clinic answers:\nAnd see you on Friday."
    await story.say(story.anna, "Thanks")
    assert newest(story)["reply_to_message"]["message_id"] == question
    await story.tap(story.anna, "End the conversation")
    assert "🗓 Visit" not in shown(story, question)


async def test_a_patient_who_cannot_be_reached_is_to_be_telephoned(story: Story) -> None:
    card = await request(story)
    message = newest(story)["message_id"]
    await story.telegram.block(story.anna.id)
    await story.settle()
    assert (
        await press(story, "Message") == "Anna Nowak cannot be reached in Telegram. Please telephone: +44 20 7946 0018"
    )
    (note,) = await story.say(story.maya, "Hello?", chat=story.group, reply_to=message)
    assert note == "Anna Nowak cannot be reached in Telegram, so this cannot arrive. Please telephone: +44 20 7946 0018"
    await press(story, "Confirm")
    assert newest(story)["text"] == (
        f"☎ Anna Nowak cannot be told here about {card.code}. Please telephone: +44 20 7946 0018"
    )


async def test_a_visit_that_has_begun_is_not_moved_or_cancelled(story: Story) -> None:
    card = await request(story)
    await press(story, "Confirm")
    message = newest(story)["message_id"]
    await story.pass_time(FRIDAY - MONDAY)
    for action in ("vot", "vno", "vtyped"):
        data = f"{action}:{card.visit_id}:{card.version + 1}"
        tap = await story.telegram.tap(story.maya.id, story.group.id, message, data)
        await story.settle()
        assert tap.answer is not None
        assert tap.answer["text"] == "This visit has begun already, so it is not moved or cancelled any more."
    assert labels(story.message(story.group.id, message)) == [["Message", "Details"], ["Record"]]
    assert (await look(story, card)).status == "confirmed"


# --- what time brings


async def test_a_request_over_a_weekend_reminds_calls_by_name_and_expires_in_opening_hours(story: Story) -> None:
    earlier = await request(story, FRIDAY + 7 * DAY)
    await press(story, "Confirm", by=story.priya)  # who decided last is called by name
    await story.pass_time(datetime(2026, 11, 28, 13, 45, tzinfo=UTC) - MONDAY)  # Saturday, a quarter before closing
    card = await request(story, FRIDAY + 5 * DAY, by=story.tom, name="Tom")
    await story.pass_time(15 * MINUTE + 42 * HOUR)  # Monday, 8:00: nobody is called on a Sunday
    assert newest(story)["text"].startswith(f"🗓 Visit {card.code} · Tom")
    await story.pass_time(45 * MINUTE)
    assert newest(story)["caption"].startswith("📊 23")
    await story.pass_time(30 * MINUTE)
    assert newest(story)["text"] == (
        f"⏳ Tom ({card.code}, Wednesday, 2 December, 10:00–10:45) has been waiting for a decision since "
        "Saturday, 28 November, 13:45."
    )
    await story.pass_time(90 * MINUTE)
    escalation = newest(story)
    assert escalation["text"] == (
        f"Priya\n⏰ Please decide: Tom ({card.code}, Wednesday, 2 December, 10:00–10:45) has been waiting since "
        "Saturday, 28 November, 13:45."
    )
    assert escalation["entities"][0]["user"]["id"] == story.priya.id
    assert story.since(story.tom.id, 0) == []
    await story.pass_time(7 * HOUR)  # 8 hours of opening: 15 minutes on Saturday, 7 h 45 min on Monday
    assert (await look(story, card)).status == "expired"
    assert newest(story)["text"] == f"⌛ The request of Tom ({card.code}) has ended, because nobody decided."
    assert chat(story, story.tom.id)[0] == (
        "Mesobot: We are sorry: nobody at the clinic decided on your request in time, so it has ended.\n"
        f"Wednesday, 2 December, 10:00–10:45\nFace with Dr Maya Hart\nCode: {card.code}\n\n"
        "These times are free now; a tap begins a new request:\n\n"
        "If you would rather speak to us, call +44 20 7946 0958."
    )
    assert len(chat(story, story.tom.id)) == 7
    assert chat(story, story.tom.id)[1].startswith("  [Tuesday, 1 December, 09:00 · ")
    _, data = story.telegram.find_button(story.tom.id, labels(story.shown(story.tom.id))[0][0])
    assert data.startswith("bkat:face:")
    assert (await look(story, earlier)).status == "confirmed"


async def test_the_demo_knows_when_something_is_due(story: Story) -> None:
    assert story.app is not None
    assert await story.app.next_due() is None
    await request(story)
    assert await story.app.next_due() == MONDAY + 30 * MINUTE  # the reminder
    await offer_monday(story)
    assert await story.app.next_due() == MONDAY + DAY  # the offer's end


async def test_the_clinics_own_list_is_called_instead_of_those_who_decided_last(
    clinic: Clinic, database_file: Path
) -> None:
    booking = clinic.booking.model_copy(update={"escalate_to": ("@hart_maya",)})
    story = Story(clinic.model_copy(update={"booking": booking}), FixedReader(), database_file)
    await story.open()
    await request(story)
    await story.pass_time(2 * HOUR + MINUTE)
    assert newest(story)["text"].startswith("@hart_maya\n⏰ Please decide: Anna Nowak")
    await story.close()


async def test_a_move_that_nobody_decides_leaves_the_confirmed_time(story: Story) -> None:
    card = await request(story)
    await press(story, "Confirm")
    assert story.database is not None
    assert story.app is not None
    desk = story.app.desk

    def move(session: Session, now: datetime) -> Card:
        outcome = visits.move(session, story.clinic, card.visit_id, story.anna.id, "ozan", FRIDAY + DAY, now)
        assert isinstance(outcome, Requested)
        return outcome.card

    await desk.act(desk.staff_speech, move, lambda moved: [*visit_cards.refreshed(desk, moved)])
    await story.settle()
    assert newest(story)["text"].startswith(f"🗓 Move of {card.code}")
    await press(story, "Decline")
    await press(story, "We are fully booked that day.")
    assert newest(story)["text"].endswith(
        "✅ Stays confirmed: Maya declined the other time. We are fully booked that day."
    )
    assert story.shown(story.anna.id)["text"].startswith("We are sorry, the other time is not possible.")

    await desk.act(desk.staff_speech, move, lambda moved: [*visit_cards.refreshed(desk, moved)])
    seen = story._last(story.anna.id)
    await story.pass_time(2 * DAY)
    assert story.since(story.anna.id, seen)[0].startswith(
        "We are sorry: nobody at the clinic decided on the other time. Your visit stays as it was:\nFriday, 27"
    )
    assert newest(story)["text"] == (
        f"⌛ The move of Anna Nowak was not decided: {card.code} stays on Friday, 27 November, 10:00–10:45."
    )
    assert (await look(story, card)).status == "confirmed"


async def wait_for_earlier(story: Story) -> Card:
    """Let Anna have a confirmed visit and be offered an earlier time."""
    card = await request(story, FRIDAY + 3 * DAY)
    await press(story, "Confirm")
    gone = await request(story, by=story.tom, name="Tom")
    assert story.database is not None
    clinic, now = story.clinic, story.clock.now()
    await story.database.transaction(lambda session: waits.join(session, clinic, card.visit_id, story.anna.id, now))
    await story.database.transaction(
        lambda session: visits.cancel(session, clinic, gone.visit_id, 1, story.tom.id, now)
    )
    await story.pass_time(MINUTE)
    return card


async def test_an_earlier_time_is_offered_and_taken(story: Story) -> None:
    card = await wait_for_earlier(story)
    assert chat(story, story.anna.id, 2) == [
        "Mesobot: An earlier time is free: Friday, 27 November, 09:15–10:00 with Dr Maya Hart\n\n"
        "Your visit now: Monday, 30 November, 10:00–10:45 with Dr Maya Hart\n\n"
        "It is held for you until Monday, 23 November, 11:16.",
        "  [Take it] [No, thanks]",
    ]
    message, take = story.telegram.find_button(story.anna.id, "Take it")
    await story.start(story.tom)
    other = await story.telegram.tap(story.tom.id, story.tom.id, story.shown(story.tom.id)["message_id"], take)
    await story.settle()
    assert other.answer is not None
    assert other.answer["text"] == "This time is not held for you any more."
    await story.tap(story.anna, "Take it")
    assert story.message(story.anna.id, message)["text"].startswith(
        "The clinic has been asked to move your visit to this time. The answer comes here.\nFriday, 27 November"
    )
    assert newest(story)["text"].startswith(f"🗓 Move of {card.code} · Anna Nowak")
    await press(story, "Confirm")
    assert (await look(story, card)).starts_at == datetime(2026, 11, 27, 9, 15, tzinfo=UTC)


async def test_an_earlier_time_that_is_refused_goes_to_somebody_else(story: Story) -> None:
    card = await wait_for_earlier(story)
    message, take = story.telegram.find_button(story.anna.id, "Take it")
    await story.tap(story.anna, "No, thanks")
    assert story.message(story.anna.id, message)["text"] == (
        "The earlier time goes to somebody else. You will be told when there is another one."
    )
    late = await story.telegram.tap(story.anna.id, story.anna.id, message, take)
    await story.settle()
    assert late.answer is not None
    assert late.answer["text"] == "This time is not held for you any more."
    assert (await look(story, card)).starts_at == FRIDAY + 3 * DAY


# --- days


TOMORROW = datetime(2026, 11, 24, 14, 0, tzinfo=UTC)


async def say(story: Story, text: str) -> str:
    """Let Maya write into the staff group, and return the bot's one answer."""
    (answer,) = await story.say(story.maya, text, chat=story.group)
    return answer


async def two_visits(story: Story) -> tuple[Card, Card]:
    """Let Anna have a confirmed visit on Friday, and Tom wait for one tomorrow."""
    anna = await request(story)
    await press(story, "Confirm")
    return anna, await request(story, TOMORROW, by=story.tom, name="Tom <b>", practitioner="ozan", allergy="yes")


async def test_days_and_what_waits_are_listed_and_open_cards(story: Story) -> None:
    anna, tom = await two_visits(story)
    toms = (
        f"1. ⏳ 14:00 Tom <b> ⚠️ · Face with Elif Ozan · {tom.code}\n    waiting since Monday, 23 November, 10:30\n\n"
        "A number opens the card."
    )
    assert await say(story, "/today") == "Monday, 23 November – today\nno visits"
    assert await say(story, "/tomorrow") == f"Tuesday, 24 November\n{toms}"
    assert await say(story, "/pending") == (
        "1 request waits for a decision\n" + toms.replace("14:00", "Tuesday, 24 November, 14:00")
    )
    await press(story, "1")
    assert newest(story)["text"].startswith(f"🗓 Visit {tom.code} · Tom <b>\nFace with Elif Ozan\nTuesday, 24 November")
    assert labels(newest(story))[0] == ["Confirm", "Other time"]
    await press(story, "Other time")
    await press(story, "« Back")
    await press(story, "Confirm")
    await press(story, "Yes, confirm")
    cards = [one["text"] for one in story.telegram.history(story.group.id) if tom.code in str(one.get("text"))]
    assert sum(text.endswith("✅ Confirmed (Maya, Monday, 23 November, 10:30)") for text in cards) == 2
    assert await say(story, "/pending") == "No request is waiting for a decision."
    week = await say(story, "/week")
    assert week.startswith("Monday, 23 November – today\nno visits\n\nTuesday, 24 November\n1. ✅ 14:00 Tom <b> · ")
    assert f"\n\nFriday, 27 November\n2. ✅ 10:00 Anna Nowak · Face with Dr Maya Hart · {anna.code}\n" in week
    assert week.endswith("\n\nSunday, 29 November\nclosed\n\nA number opens the card.")
    assert labels(newest(story)) == [["1", "2"]]


async def test_a_visit_is_found_by_name_number_and_code(story: Story) -> None:
    anna, tom = await two_visits(story)
    line = f"✅ Friday, 27 November, 10:00 Anna Nowak · Face with Dr Maya Hart · {anna.code}"
    assert await say(story, "/find nowak") == f"1 visit for “nowak”\n1. {line}\n\nA number opens the card."
    assert f"1. {line}\n" in await say(story, f"/find {anna.code.lower()}")
    both = await say(story, "/find 020 7946 0018")
    assert both.startswith("2 visits for “020 7946 0018”\n1. ⏳ Tuesday, 24 November, 14:00 Tom <b> ⚠️")
    assert f"\n2. {line}\n" in both
    assert await say(story, "/find <nobody>") == "Nothing was found for “<nobody>”."
    assert (await say(story, "/find")).startswith("Write a name, a telephone number or a code behind it")
    assert tom.code not in await say(story, "/find nowak")


async def test_long_lists_have_pages(story: Story) -> None:
    assert story.database is not None
    await request(story)

    def fill(session: Session) -> None:
        for number in range(45):
            session.add(
                Visit(
                    code=f"Q{number:04}",
                    version=1,
                    status="confirmed",
                    name=f"{number:02} <&> " + "𝔛" * 200,
                    phone="+44",
                    treatment="face",
                    practitioner="hart",
                    starts_at=MONDAY + number * 5 * MINUTE,
                    ends_at=MONDAY + number * 5 * MINUTE + HOUR,
                    screening={},
                    flagged=True,
                    created_at=MONDAY,
                    requested_at=MONDAY,
                    reminders=0,
                )
            )

    await story.database.transaction(fill)
    first = await say(story, "/today")
    assert first.startswith("Monday, 23 November – today\n1. ✅ 10:30 00 <&> 𝔛")
    assert first.endswith("\nPage 1 of 3")
    assert labels(newest(story))[-1] == ["›"]
    assert labels(newest(story))[0] == ["1", "2", "3", "4", "5"]
    await press(story, "›")
    await press(story, "›")
    assert newest(story)["text"].startswith("Monday, 23 November – today\n41. ✅ 13:50 40 <&> 𝔛")
    assert labels(newest(story)) == [["41", "42", "43", "44", "45"], ["‹"]]
    await press(story, "45")
    assert newest(story)["text"].startswith("🗓 Visit Q0044 · 44 <&> 𝔛")
    assert (await press(story, "Message") or "").endswith("Please telephone: +44")


async def test_time_is_blocked_and_freed_again(story: Story) -> None:
    assert await say(story, "/block tomorrow 13-15 lunch") == (
        "⛔ Blocked by Maya: Tuesday, 24 November, 13:00–15:00 for everybody (lunch)"
    )
    assert await say(story, "/block tomorrow 13-15 lunch")  # asked twice, blocked once
    assert await say(story, "/block fri 9:00-12:30 <training> Dr Hart") == (
        "⛔ Blocked by Maya: Friday, 27 November, 09:00–12:30 for Dr Maya Hart (<training>)"
    )
    await request(story, FRIDAY, practitioner="ozan")
    for label in ("Other time", "Another practitioner", "Dr Maya Hart", "27"):
        await press(story, label)
    assert labels(newest(story))[0] == ["14:00", "14:15", "14:30", "14:45"]
    assert await say(story, "/tomorrow") == "Tuesday, 24 November\n⛔ 13:00–15:00 for everybody (lunch)"
    assert await say(story, "/blocks") == (
        "Blocked time\n1. Tuesday, 24 November, 13:00–15:00 for everybody (lunch) · Maya\n"
        "2. Friday, 27 November, 09:00–12:30 for Dr Maya Hart (<training>) · Maya"
    )
    message, data = story.telegram.find_button(story.group.id, "Unblock 2")
    await press(story, "Unblock 2", by=story.priya)
    assert newest(story)["text"].count("\n") == 1
    late = await story.telegram.tap(story.maya.id, story.group.id, message, data)
    await story.settle()
    assert late.answer is not None
    assert late.answer["text"] == "This time is not blocked any more, or it is over."
    await press(story, "Unblock 1")
    assert newest(story)["text"] == "No time is blocked. Example: /block tomorrow 13-15 lunch"
    assert await say(story, "/tomorrow") == "Tuesday, 24 November\nno visits"
    assert story.database is not None
    actions = select(Audit.action, Audit.actor).where(Audit.subject.startswith("block:")).order_by(Audit.id)
    done = await story.database.read(lambda session: [tuple(row) for row in session.execute(actions)])
    assert done == [
        ("time blocked", story.maya.id),
        ("time blocked", story.maya.id),
        ("time unblocked", story.priya.id),
        ("time unblocked", story.maya.id),
    ]


async def test_what_could_mean_another_time_is_shown_before_it_is_done(story: Story) -> None:
    assert await say(story, "/block mon 3-5 stock <b>") == (
        "Block Monday, 30 November, 15:00–17:00 for everybody?\nstock <b>"
    )
    assert labels(newest(story)) == [["Yes", "No"]]
    await press(story, "No")
    assert newest(story)["text"] == "Nothing was blocked."
    assert await say(story, "/block 24.12.") == (
        "Block Thursday, 24 December, all day for everybody?\n\n"
        "For a part of the day write it with the time, for example /block tomorrow 13-15 lunch."
    )
    assert await say(story, "/block mon 3-5 stock <b>")
    message, yes = story.telegram.find_button(story.group.id, "Yes")
    await story.telegram.tap(story.priya.id, story.group.id, message, yes)
    await story.telegram.tap(story.maya.id, story.group.id, message, yes)
    await story.settle()
    assert shown(story, message) == ("⛔ Blocked by Priya: Monday, 30 November, 15:00–17:00 for everybody (stock <b>)")
    assert (await say(story, "/blocks")).count("\n") == 1


@pytest.mark.parametrize(
    ("words", "read"),
    [
        ("tomorrow 13-15 lunch", "2026-11-24 13:00-15:00 lunch"),
        ("tomorrow, 13.30 – 15: lunch, quick", "2026-11-24 13:30-15:00 lunch, quick"),
        ("fri 9:00-12:30 training", "2026-11-27 09:00-12:30 training"),
        ("24.12. all day", "2026-12-24 00:00-00:00 "),
        ("2026-12-24 all day Christmas", "2026-12-24 00:00-00:00 Christmas"),
        ("24 December 10 to 12 vat 20-30", "2026-12-24 10:00-12:00 vat 20-30"),
        ("13-15 tomorrow team", "2026-11-24 13:00-15:00 team"),
        ("thu 13–15 lunch with Elif", "2026-11-26 13:00-15:00 lunch @ozan"),
        ("tomorrow 13-15 Dr Maya Hart", "2026-11-24 13:00-15:00  @hart"),
        ("tomorrow 13-15 hart to hart talk", "2026-11-24 13:00-15:00 hart to hart talk @hart ?"),
        ("tomorrow 13-15 Dr Hart call", "2026-11-24 13:00-15:00 Dr Hart call @hart ?"),  # not everybody's unasked
        ("Elif tomorrow 13-15 dentist", "2026-11-24 13:00-15:00 dentist @ozan ?"),
        ("tomorrow 13-15 Hart and Elif, talk", "2026-11-24 13:00-15:00 Hart and Elif, talk ?"),
        ("2026-07-03 9-12", "no day"),
        ("mon 9-10", "2026-11-30 09:00-10:00  ?"),  # today is one
        ("today 9-5", "2026-11-23 09:00-17:00  ?"),
        ("next friday 10-11", "2026-12-04 10:00-11:00  ?"),
        ("3/4 9-12", "2027-04-03 09:00-12:00  ?"),
        ("tomorrow 13-15 moved to friday", "2026-11-24 13:00-15:00 moved to friday ?"),
        ("24.12.-26.12. all day", "no day"),
        ("yesterday 9-10", "no day"),
        ("13-15", "no day"),
    ],
)
def test_what_staff_write_of_days_and_times_is_read(clinic: Clinic, words: str, read: str) -> None:
    plan = agenda.read_block(clinic, words, MONDAY, "en")
    if not isinstance(plan, Plan):
        assert (read, plan) == ("no day", NoDay())
        return
    first, last = plan.starts_at.astimezone(clinic.tz), plan.ends_at.astimezone(clinic.tz)
    whose = f" @{plan.practitioner}" if plan.practitioner else ""
    assert f"{first:%Y-%m-%d %H:%M}-{last:%H:%M} {plan.reason}{whose}{'' if plan.sure else ' ?'}" == read


@pytest.mark.parametrize(
    ("command", "told"),
    [
        ("/block", "Write a day, a time and a reason, for example:"),
        ("/block lunch", "I did not understand the day. Example: /block tomorrow 13-15 lunch"),
        ("/block tomorrow 15-13 x", "The time must end after it begins, for example: /block tomorrow 13-15 lunch"),
        ("/block tomorrow 25-26", "The time must end after it begins, for example: /block tomorrow 13-15 lunch"),
        ("/block today 8-9", "That time is over already."),
        ("/close", "Write a day and a reason, for example /close 24.12. works."),
        ("/close soon", "I did not understand the day. Example: /close 24.12. works"),
        ("/close fri moved to saturday", "Block Friday, 27 November, all day for everybody?"),
    ],
)
async def test_words_that_name_no_time_are_explained(story: Story, command: str, told: str) -> None:
    assert (await say(story, command)).startswith(told)
    assert await say(story, "/blocks") == "No time is blocked. Example: /block tomorrow 13-15 lunch"


async def test_a_day_with_visits_is_closed_and_each_patient_is_asked_once(story: Story) -> None:
    anna = await request(story)
    await press(story, "Confirm")
    tom = await request(story, FRIDAY + 4 * HOUR, by=story.tom, name="Tom")
    assert await say(story, "/close 27.11. heating") == (
        "⛔ Blocked by Maya: Friday, 27 November, all day for everybody (heating)\n"
        "⚠️ 2 visits are in this time and stay there:\n"
        f"1. ✅ Friday, 27 November, 10:00 Anna Nowak · Face with Dr Maya Hart · {anna.code}\n"
        f"2. ⏳ Friday, 27 November, 14:00 Tom · Face with Dr Maya Hart · {tom.code}\n"
        "    waiting since Monday, 23 November, 10:30"
    )
    assert labels(newest(story)) == [["1", "2"], ["Offer each another time"], ["Unblock"]]
    await press(story, "Offer each another time", by=story.priya)
    assert newest(story)["text"] == "2 patients were asked to choose another time."
    await press(story, "Offer each another time")
    assert newest(story)["text"] == "0 patients were asked to choose another time. 2 had been asked before."
    assert chat(story, story.anna.id, 3) == [
        "Mesobot: We are sorry, we cannot keep the time of your visit:\nFriday, 27 November, 10:00–10:45\n"
        f"Face with Dr Maya Hart\nCode: {anna.code}\n\nPlease choose another time, or cancel. "
        "If you would rather speak to us, call +44 20 7946 0958.",
        "  [Choose another time]",
        "  [Cancel] [Call]",
    ]
    call = await story.tap(story.anna, "Call")
    assert call is not None
    assert call["text"] == "Please call +44 20 7946 0958."
    _, move = story.telegram.find_button(story.anna.id, "Choose another time")
    assert move == f"mv:{anna.visit_id}:{(await look(story, anna)).version}"
    await story.tap(story.anna, "Cancel")
    assert story.shown(story.anna.id)["text"].startswith("Your visit is cancelled:\nFriday, 27 November")
    assert newest(story)["text"] == f"✖️ Anna Nowak has cancelled {anna.code}, Friday, 27 November, 10:00–10:45."
    assert (await audit(story, anna))[-2:] == [
        ("asked to move", story.priya.id),
        ("visit cancelled", story.anna.id),
    ]


async def test_nothing_acts_outside_the_staff_group(story: Story) -> None:
    card = await request(story)
    message, confirm = story.telegram.find_button(story.group.id, "Confirm")
    await say(story, "/block tomorrow 13-15")
    _, unblock = story.telegram.find_button(story.group.id, "Unblock")
    await story.telegram.start(story.tom.id)
    other = story.telegram.add_group("Somebody else", [story.tom])
    await story.settle()
    for command in ("/pending", "/today", "/week", "/find nowak", "/blocks", "/block fri 9-10", "/close fri", "/block"):
        assert await story.say(story.tom, command, chat=other) == []
    (told,) = await story.say(story.tom, "/today")
    assert card.code not in told
    hello = story.shown(story.tom.id)["message_id"]
    ids = f"{card.visit_id}:{card.version}"
    for data in (
        confirm,
        f"vsure:{ids}",
        f"vot:{ids}",
        f"vmo:{ids}:202611:hart",
        f"vday:{ids}:20261127:0:hart",
        f"vat:{ids}:{slots.unit(FRIDAY)}:hart",
        f"vno:{ids}",
        f"vwhy:{ids}:full",
        f"vtyped:{ids}",
        f"vinfo:{ids}",
        f"vmsg:{ids}",
        f"vback:{ids}",
        f"vopen:{card.visit_id}",
        unblock,
        unblock.replace("ub", "ubl"),
        "ag:p:0",
        "ag:d202611237:0",
        f"bky:{slots.unit(TOMORROW - HOUR)}:{slots.unit(TOMORROW + HOUR)}:",
        "ca:1",
        f"pva:{ids}",
        f"pvr:{ids}",
        f"pvc:{ids}",
    ):
        tap = await story.telegram.tap(story.tom.id, story.tom.id, hello, data)
        await story.settle()
        assert tap.answer is not None
        assert tap.answer["text"], data
        assert card.code not in str(story.transcript(story.tom.id)), data
    assert (await look(story, card)).version == card.version
    assert await audit(story, card) == [("visit requested", story.anna.id)]
    assert (await say(story, "/blocks")).count("\n") == 1
    assert shown(story, message).endswith("⏳ Waiting for a decision since Monday, 23 November, 10:30")


async def test_a_button_of_a_visit_that_is_not_there_says_so(story: Story) -> None:
    await request(story)
    message, confirm = story.telegram.find_button(story.group.id, "Confirm")
    for data in (
        confirm.replace(":1:", ":99:"),
        "vmo:1:1:202613:hart",
        "vday:1:1:20261399:0:hart",
        "vwhy:1:1:nonsense",
    ):
        tap = await story.telegram.tap(story.maya.id, story.group.id, message, data)
        await story.settle()
        assert tap.answer is not None
        assert tap.answer["text"] == "This visit is not here any more."
