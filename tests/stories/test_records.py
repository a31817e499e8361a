"""Staff say how a visit was, see what becomes of a patient, and telephone whom nothing reached."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from sqlalchemy import select

from bot.clinic import consents, endings, patients, records, visits
from bot.clinic.patients import Person
from bot.clinic.records import Unreadable
from bot.clinic.visits import Actor, Card, Changed, Requested, Wanted
from bot.config import Clinic
from bot.sandbox.world import User
from bot.store.database import Session
from bot.store.models import Audit, Call, Course, FollowUp, Note, Visit
from handlers import visits as visit_cards
from tests.quick import FixedReader, without_waits
from tests.story import MONDAY, Story, labels

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
FRIDAY = datetime(2026, 11, 27, 10, 0, tzinfo=UTC)
ENDS = FRIDAY + 45 * MINUTE


@pytest_asyncio.fixture
async def story(clinic: Clinic, database_file: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Story]:
    without_waits(monkeypatch)
    story = Story(clinic, FixedReader(), database_file)
    await story.open()
    yield story
    await story.close()


async def confirmed(
    story: Story,
    starts_at: datetime = FRIDAY,
    *,
    by: User | None = None,
    name: str = "Anna Nowak",
    phone: str = "+442079460018",
) -> Card:
    """Let a patient ask for a visit and Maya confirm it; the patient has agreed to every kind of message."""
    assert story.app is not None
    desk, user = story.app.desk, by or story.anna
    user.started = True
    wanted = Wanted("face", "hart", starts_at, name, phone, {"pregnant": "no", "allergy": "unsure"})

    def whole(session: Session, now: datetime) -> Card:
        patients.meet(session, Person(user.id, user.first_name, user.last_name, None, "en"), now)
        for purpose in (consents.VISIT, consents.FOLLOW_UP, consents.OFFERS):
            consents.give(session, user.id, purpose, True, now)
        asked = visits.request(session, story.clinic, user.id, wanted, now)
        assert isinstance(asked, Requested), asked
        group, maya = story.group.id, Actor(story.maya.id, "Maya")
        sure = visits.confirm(session, story.clinic, asked.card.visit_id, asked.card.version, group, maya, now)
        assert isinstance(sure, Changed)
        return sure.card

    card = await desk.act(desk.staff_speech, whole, lambda card: [visit_cards.posted(desk, card)])
    await story.settle()
    return card


async def press(story: Story, label: str, by: User | None = None) -> str | None:
    """Let a staff member press a button, and return the note that popped up."""
    answer = await story.tap(by or story.maya, label, chat=story.group)
    return answer.get("text") if answer else None


async def reply(story: Story, text: str) -> list[str]:
    """Let Maya reply to the newest message in the group."""
    return await story.say(story.maya, text, chat=story.group, reply_to=newest(story)["message_id"])


async def until(story: Story, at: datetime) -> None:
    await story.pass_time(at - story.clock.now())


async def rows(story: Story, statement: Any) -> list[Any]:
    assert story.database is not None
    return await story.database.read(lambda session: list(session.scalars(statement)))


async def planned(story: Story) -> dict[str, datetime]:
    found = await rows(story, select(FollowUp).where(FollowUp.state == "planned").order_by(FollowUp.due_at))
    return {row.step: row.due_at for row in found}


async def actions(story: Story, card: Card) -> list[str]:
    return [
        row.action for row in await rows(story, select(Audit).where(Audit.subject == card.subject).order_by(Audit.id))
    ]


def newest(story: Story) -> dict[str, Any]:
    return story.shown(story.group.id)


def shown(story: Story, message_id: int) -> str:
    return str(story.message(story.group.id, message_id)["text"])


FACTS = "Anna Nowak\nFace with Dr Maya Hart\nFriday, 27 November, 10:00–10:45"
DONE_ROWS = [["No next session", "Other…"], ["of 1", "of 2", "of 3"], ["of 4", "of 5"], ["↩ That was a mistake"]]


# --- the end of a visit


async def test_staff_are_asked_how_a_visit_was_and_say_what_comes_next(story: Story) -> None:
    card = await confirmed(story)
    first = newest(story)["message_id"]
    await until(story, ENDS - MINUTE)
    assert newest(story)["message_id"] == first
    await until(story, ENDS)
    assert newest(story)["text"] == f"🕒 How was visit {card.code}? · {FACTS}"
    assert labels(newest(story)) == [["Done", "Did not come"], ["Still here"]]
    assert await press(story, "Done") is None
    head = f"Visit {card.code} · {FACTS}\n\n☑️ Done (Maya, Friday, 27 November, 10:45)"
    assert newest(story)["text"] == (
        f"{head}\n\nSession 1, of how many?\n\nNext session in 2 weeks: from Friday, 11 December."
    )
    assert labels(newest(story)) == [["✓ 2 weeks", "3 weeks", "4 weeks"], *DONE_ROWS]
    assert shown(story, first).endswith("☑️ Done (Maya, Friday, 27 November, 10:45)")
    assert (await planned(story))["next-session"] == datetime(2026, 12, 11, 11, tzinfo=UTC)

    await press(story, "3 weeks")
    await press(story, "of 3", by=story.priya)
    assert newest(story)["text"] == (f"{head}\n\nSession 1 of 3.\n\nNext session in 3 weeks: from Friday, 18 December.")
    assert labels(newest(story))[0] == ["2 weeks", "✓ 3 weeks", "4 weeks"]
    assert labels(newest(story))[2] == ["of 1", "of 2", "✓ of 3"]
    assert (await planned(story))["next-session"] == datetime(2026, 12, 18, 11, tzinfo=UTC)
    assert await actions(story, card) == [
        "visit requested", "visit confirmed", "visit done", "interval 3 weeks", "course of 3",
    ]  # fmt: skip


async def test_the_second_of_two_is_told_who_was_first(story: Story) -> None:
    await confirmed(story)
    await until(story, ENDS)
    message, done = story.telegram.find_button(story.group.id, "Done")
    _, missed = story.telegram.find_button(story.group.id, "Did not come")
    first = await story.telegram.tap(story.priya.id, story.group.id, message, done)
    second = await story.telegram.tap(story.maya.id, story.group.id, message, missed)
    await story.settle()
    assert first.answer is not None
    assert first.answer["text"] is None
    assert second.answer is not None
    assert second.answer["text"] == "This has changed meanwhile. ☑️ Done (Priya, Friday, 27 November, 10:45)"
    assert second.answer["show_alert"]
    assert "Done (Priya, " in shown(story, message)
    assert (await rows(story, select(Visit)))[0].status == "completed"


async def test_a_visit_that_goes_on_is_asked_about_again_and_the_old_question_explains_itself(story: Story) -> None:
    card = await confirmed(story)
    await until(story, ENDS)
    message, done = story.telegram.find_button(story.group.id, "Done")
    await press(story, "Still here")
    assert shown(story, message).endswith("\n\nMaya: still here. This is asked again at 11:00.")
    await story.pass_time(14 * MINUTE)
    assert newest(story)["message_id"] == message
    await story.pass_time(MINUTE)
    assert newest(story)["message_id"] > message
    assert newest(story)["text"] == f"🕒 How was visit {card.code}? · {FACTS}"
    await press(story, "Did not come")
    late = await story.telegram.tap(story.priya.id, story.group.id, message, done)
    await story.settle()
    assert late.answer is not None
    assert late.answer["text"] == "This has changed meanwhile. 🚫 Did not come (Maya, Friday, 27 November, 11:00)"
    assert shown(story, message).startswith("Visit")


async def test_an_interval_is_typed(story: Story) -> None:
    card = await confirmed(story)
    await until(story, ENDS)
    await press(story, "Done")
    await press(story, "Other…")
    assert newest(story)["text"] == (
        f"Maya, reply to this message with the number of weeks until the next session of Anna Nowak ({card.code})."
    )
    for nonsense in ("soon", "0", "60", "in 120 days", "10 days", "in 2 months", "3-4 weeks", "1.5 weeks"):
        (again,) = await reply(story, nonsense)
        assert again == "I could not read that. Please reply again with a number of weeks from 1 to 52."
    (said,) = await reply(story, "in 5 weeks")
    assert said.endswith("Next session in 5 weeks: from Friday, 1 January.")
    assert labels(newest(story))[:2] == [["2 weeks", "3 weeks", "4 weeks"], ["✓ 5 weeks"]]
    assert (await planned(story))["next-session"] == datetime(2027, 1, 1, 11, tzinfo=UTC)

    await press(story, "Other…")
    prompt = newest(story)["message_id"]
    await press(story, "2 weeks", by=story.priya)
    (note,) = await story.say(story.maya, "6", chat=story.group, reply_to=prompt)
    assert note.startswith("This has changed meanwhile.")
    assert (await planned(story))["next-session"] == datetime(2026, 12, 11, 11, tzinfo=UTC)


async def test_the_last_session_ends_the_course(story: Story) -> None:
    await confirmed(story)
    await until(story, ENDS)
    await press(story, "Done")
    await press(story, "of 1")
    assert "Session 1 of 1. It was the last one.\n\nNo next session: the course is over" in newest(story)["text"]
    assert labels(newest(story))[1] == ["✓ No next session", "Other…"]
    steps = await planned(story)
    assert "next-session" not in steps
    assert "results" in steps
    await press(story, "4 weeks")  # there is another one after all
    assert "results" not in await planned(story)
    assert (await planned(story))["next-session"] == datetime(2026, 12, 25, 11, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "weeks"),
    [("5", 5), ("in 5 weeks", 5), ("six weeks", 6), ("21 days", 3), ("3w", 3), ("2 wks please", 2),
     ("in a month", None), ("1 month", None), ("", None), ("53", None), ("3 or 4", None)],
)  # fmt: skip
def test_an_interval_is_whole_weeks(text: str, weeks: int | None) -> None:
    assert endings.read_weeks(text) == weeks


async def test_a_course_that_was_ended_by_mistake_keeps_its_length(story: Story) -> None:
    await confirmed(story)
    await until(story, ENDS)
    await press(story, "Done")
    await press(story, "of 3")
    await press(story, "No next session")
    assert "Session 1 of 1." in newest(story)["text"]
    await press(story, "2 weeks")
    assert "Session 1 of 3." in newest(story)["text"]
    await press(story, "No next session")
    await press(story, "of 4")
    assert "Session 1 of 4.\n\nNext session in 2 weeks" in newest(story)["text"]
    assert "next-session" in await planned(story)


async def test_the_sessions_after_one_that_is_taken_back_are_counted_anew(story: Story) -> None:
    await confirmed(story, FRIDAY - DAY)
    await until(story, ENDS - DAY)
    await press(story, "Done")
    first = newest(story)["message_id"]
    await confirmed(story, FRIDAY + DAY)
    await until(story, ENDS + DAY)
    await press(story, "Done")
    _, undo = next(
        (button["text"], button["callback_data"])
        for row in story.message(story.group.id, first)["reply_markup"]["inline_keyboard"]
        for button in row
        if button["text"].startswith("↩")
    )
    await story.telegram.tap(story.maya.id, story.group.id, first, undo)
    await story.settle()
    found = await rows(story, select(Visit).order_by(Visit.id))
    assert [(one.status, one.session_number) for one in found] == [("confirmed", None), ("completed", 1)]


async def test_still_here_is_an_answer_and_who_is_never_marked_stays_listed(story: Story) -> None:
    card = await confirmed(story)
    await until(story, ENDS)
    for _ in range(4):
        await press(story, "Still here")
        await story.pass_time(15 * MINUTE)
    asked = newest(story)["message_id"]
    assert newest(story)["text"].startswith(f"🕒 How was visit {card.code}?")
    await story.pass_time(DAY)
    assert newest(story)["message_id"] > asked
    await story.pass_time(5 * DAY)
    await story.say(story.maya, "/pending", chat=story.group)
    assert "Over, and nobody said how they were (no aftercare goes out until then)\n1. ✅" in newest(story)["text"]
    assert card.code in newest(story)["text"]
    await press(story, "1")
    await press(story, "Done")
    assert "☎ It is too late for the care card to be sent." in newest(story)["text"]
    await story.say(story.maya, "/pending", chat=story.group)
    assert newest(story)["text"] == "No request is waiting for a decision."


async def test_tomorrow_shows_who_has_confirmed(story: Story) -> None:
    await confirmed(story)
    await confirmed(story, FRIDAY + 2 * HOUR, by=story.tom, name="Tom Reed", phone="+447700900123")
    await until(story, FRIDAY - DAY)
    await story.tap(story.anna, "✅ I'll be there")
    await story.say(story.maya, "/tomorrow", chat=story.group)
    lines = newest(story)["text"].splitlines()
    assert lines[2] == "    👍 says that they come"
    assert lines[4] == "    no answer yet"


async def test_what_was_said_by_mistake_is_taken_back(story: Story) -> None:
    card = await confirmed(story)
    await until(story, ENDS)
    await press(story, "Done")
    await press(story, "of 1")
    await press(story, "↩ That was a mistake")
    assert newest(story)["text"] == f"🕒 How was visit {card.code}? · {FACTS}"
    assert await rows(story, select(Course)) == []
    assert [step for step in await planned(story) if not step.startswith("before")] == []
    await press(story, "Did not come")
    await press(story, "↩ That was a mistake")
    await press(story, "Done")
    assert "Session 1, of how many?" in newest(story)["text"]
    assert "care-card" in await planned(story)


async def test_a_session_taken_back_lets_the_one_before_go_on(story: Story) -> None:
    await confirmed(story, FRIDAY - DAY)
    await until(story, ENDS - DAY)
    await press(story, "Done")
    before = await planned(story)
    await confirmed(story, FRIDAY + DAY)
    await until(story, ENDS + DAY)
    await press(story, "Done")
    assert "Session 2, of how many?" in newest(story)["text"]
    await press(story, "↩ That was a mistake")
    after = await planned(story)
    assert after["next-session"] == before["next-session"] == datetime(2026, 12, 10, 11, tzinfo=UTC)
    assert after["late-12-weeks"] == before["late-12-weeks"]


async def test_who_did_not_come_gets_a_kind_message_with_times_once_staff_have_seen_it(story: Story) -> None:
    card = await confirmed(story)
    await until(story, ENDS)
    before = len(story.since(story.anna.id, 0))
    await press(story, "Did not come")
    head = f"Visit {card.code} · {FACTS}\n\n🚫 Did not come (Maya, Friday, 27 November, 10:45)"
    assert newest(story)["text"] == head
    assert labels(newest(story)) == [["Send a kind message…"], ["↩ That was a mistake"]]
    await press(story, "Send a kind message…")
    text = (
        "A note from Linden Skin Clinic\n\nWe missed you on Friday, 27 November, 10:00, and hope that all is well.\n\n"
        "If you would like another time, these are free; a tap begins a request:\n\n"
        "If you would rather speak to us, call +44 20 7946 0958."
    )
    times = [
        "Friday, 27 November, 14:00 · Dr Maya Hart",
        "Saturday, 28 November, 10:00 · Dr Maya Hart",
        "Saturday, 28 November, 12:00 · Dr Maya Hart",
    ]
    assert newest(story)["text"] == "\n".join(
        ["Anna Nowak would be sent this:", text, *(f"[ {time} ]" for time in times)]
    )
    assert labels(newest(story)) == [["Send it", "« Back"]]
    assert len(story.since(story.anna.id, 0)) == before
    message, send = story.telegram.find_button(story.group.id, "Send it")
    await press(story, "Send it")
    twice = await story.telegram.tap(story.priya.id, story.group.id, message, send)
    await story.settle()
    assert twice.answer is not None
    assert twice.answer["show_alert"]
    assert story.since(story.anna.id, 0)[before:] == [text]
    assert labels(story.shown(story.anna.id)) == [[time] for time in times]
    assert newest(story)["text"] == f"{head}\n\nThe kind message is on its way to the patient."
    assert labels(newest(story)) == [["↩ That was a mistake"]]
    await story.tap(story.anna, times[1])
    assert "Saturday, 28 November, 10:00" in story.shown(story.anna.id)["text"]


async def test_nobody_who_wants_no_messages_is_sent_a_kind_one(story: Story) -> None:
    await confirmed(story)
    await until(story, ENDS)
    assert story.database is not None
    await story.database.transaction(
        lambda session: consents.give(session, story.anna.id, consents.REMINDERS, False, story.clock.now())
    )
    await press(story, "Did not come")
    assert newest(story)["text"].endswith("☎ No message can go to them here; the number is +44 20 7946 0018")
    assert labels(newest(story)) == [["↩ That was a mistake"]]


# --- the call list


async def test_whom_nothing_reached_is_telephoned_and_ticked(story: Story) -> None:
    card = await confirmed(story)
    later = await confirmed(story, FRIDAY + 2 * HOUR, by=story.tom, name="Tom Reed", phone="+447700900123")
    await story.say(story.maya, "/calls", chat=story.group)
    assert newest(story)["text"] == "☎ Nobody is to be telephoned."
    await story.telegram.block(story.anna.id)
    await story.telegram.block(story.tom.id)
    await story.settle()
    for day in (3, 1):
        await until(story, FRIDAY - day * DAY)
        await until(story, FRIDAY - day * DAY + 2 * HOUR)
    await story.say(story.maya, "/calls", chat=story.group)
    why = "    • reminder, 3 days before: has blocked the bot\n    • reminder, the day before: has blocked the bot"
    assert newest(story)["text"] == (
        "☎ 2 people to telephone\n\n"
        f"1. Anna Nowak · +44 20 7946 0018\n    Face · Friday, 27 November, 10:00 · {card.code}\n{why}\n\n"
        f"2. Tom Reed · +44 7700 900123\n    Face · Friday, 27 November, 12:00 · {later.code}\n{why}"
    )
    assert labels(newest(story)) == [["✓ 1 · Anna Nowak", "Record"], ["✓ 2 · Tom Reed", "Record"]]
    message, tick = story.telegram.find_button(story.group.id, "✓ 1 · Anna Nowak")
    assert await press(story, "✓ 1 · Anna Nowak") is None
    assert newest(story)["text"] == (
        "☎ 1 person to telephone\n\n"
        f"1. Tom Reed · +44 7700 900123\n    Face · Friday, 27 November, 12:00 · {later.code}\n{why}\n\n"
        "Today:\n✓ Anna Nowak, by Maya (12:00)"
    )
    late = await story.telegram.tap(story.priya.id, story.group.id, message, tick)
    await story.settle()
    assert late.answer is not None
    assert late.answer["text"] == "Maya has made this call already."
    assert (await actions(story, card))[-1] == "telephoned"
    assert {call.done_by for call in await rows(story, select(Call))} == {"Maya", None}


async def test_a_tick_takes_nothing_off_the_list_that_was_not_shown(story: Story) -> None:
    await confirmed(story)
    await story.telegram.block(story.anna.id)
    await until(story, FRIDAY - 3 * DAY)
    await story.say(story.maya, "/calls", chat=story.group)
    message, tick = story.telegram.find_button(story.group.id, "✓ 1 · Anna Nowak")
    await until(story, FRIDAY - DAY)
    await story.telegram.tap(story.maya.id, story.group.id, message, tick)
    await story.settle()
    assert "reminder, the day before: has blocked the bot" in shown(story, message)
    assert "3 days before" not in shown(story, message)


async def test_news_that_nobody_got_is_telephoned_with_name_and_number(story: Story) -> None:
    card = await confirmed(story)
    await story.telegram.deactivate(story.anna.id)
    before = newest(story)["message_id"]
    await press(story, "Cancel the visit")
    await press(story, "The practitioner is not available that day.")
    await story.pass_time(2 * MINUTE)
    said = story.since(story.group.id, before)
    assert any("A message to Anna Nowak, +44 20 7946 0018 could not be sent: please telephone" in one for one in said)
    await story.say(story.maya, "/calls", chat=story.group)
    assert newest(story)["text"] == (
        "☎ 1 person to telephone\n\n"
        f"1. Anna Nowak · +44 20 7946 0018\n    Face · Friday, 27 November, 10:00 · {card.code}\n"
        "    • that the visit is cancelled: has left Telegram"
    )


async def test_news_for_somebody_known_to_have_blocked_the_bot_is_on_the_list_until_they_return(story: Story) -> None:
    await confirmed(story)
    await story.telegram.block(story.anna.id)
    await story.settle()
    await press(story, "Cancel the visit")
    await press(story, "The practitioner is not available that day.")
    await story.say(story.maya, "/calls", chat=story.group)
    assert "• that the visit is cancelled: has blocked the bot" in newest(story)["text"]
    await story.start(story.anna)
    await story.say(story.maya, "/calls", chat=story.group)
    assert newest(story)["text"] == (
        "☎ Nobody is to be telephoned.\n\nToday:\n✓ Anna Nowak can be reached in Telegram now (10:30)"
    )


async def test_nobody_is_telephoned_about_what_they_refused_or_to_be_sold_anything_or_for_ever(story: Story) -> None:
    card = await confirmed(story)
    assert story.database is not None
    await story.database.transaction(
        lambda session: consents.give(session, story.anna.id, consents.FOLLOW_UP, False, story.clock.now())
    )
    await until(story, ENDS)
    await press(story, "Done")
    await story.telegram.block(story.anna.id)
    await story.settle()
    for day in (1, 3, 15, 29):
        await until(story, FRIDAY + day * DAY)
        await story.pass_time(3 * HOUR)
    assert await rows(story, select(Call)) == []
    again = await confirmed(story, FRIDAY + 35 * DAY, by=story.tom, name="Tom Reed", phone="+447700900123")
    await story.telegram.block(story.tom.id)
    await story.settle()
    await until(story, FRIDAY + 32 * DAY + HOUR)
    await story.say(story.maya, "/calls", chat=story.group)
    assert "Tom Reed" in newest(story)["text"]
    await story.say(story.maya, f"/find {again.code}", chat=story.group)
    await press(story, "1")
    await press(story, "Cancel the visit")
    await press(story, "The practitioner is not available that day.")
    await story.say(story.maya, "/calls", chat=story.group)
    assert "reminder" not in newest(story)["text"]
    await story.pass_time(15 * DAY)
    await story.say(story.maya, "/calls", chat=story.group)
    assert newest(story)["text"] == "☎ Nobody is to be telephoned."
    assert card.code not in newest(story)["text"]


# --- the record


async def test_a_record_shows_what_was_what_is_and_what_comes(story: Story) -> None:
    card = await confirmed(story)
    await story.say(story.maya, "/patient +44 20 7946 0018", chat=story.group)
    assert newest(story)["text"] == (
        "👤 Anna Nowak · +44 20 7946 0018\nin Telegram: Anna Nowak\nMessages: – reminders · ✓ care · ✓ offers\n\n"
        f"Visits\n✅ Friday, 27 November, 10:00 · Face with Dr Maya Hart · {card.code}\n\nWill be sent\n"
        f"• Tuesday, 24 November, 10:00 · reminder, 3 days before · {card.code}\n"
        f"• Thursday, 26 November, 10:00 · reminder, the day before · {card.code}\n"
        f"• Friday, 27 November, 08:00 · reminder, 2 hours before · {card.code}"
    )
    assert labels(newest(story)) == [
        ["Send one now", "Skip one"], ["Add a note", "Message at a date"], ["Pause all"],
        ["Health answers", "🗑 Delete data…"],
    ]  # fmt: skip
    await until(story, FRIDAY - 3 * DAY)
    await story.tap(story.anna, "✅ I'll be there")
    await until(story, FRIDAY - DAY)
    await until(story, FRIDAY - 2 * HOUR)
    await until(story, ENDS)
    await press(story, "Done")
    await until(story, ENDS + 3 * HOUR)
    await story.say(story.maya, f"/patient {card.code}", chat=story.group)
    text = newest(story)["text"]
    assert "Courses\nFace: session 1, next in 2 weeks\n\nVisits\n☑️ Friday" in text
    assert text.endswith(
        f"Was sent\n✓ Tuesday, 24 November, 10:00 · reminder, 3 days before · {card.code} → confirmed\n"
        f"✓ Thursday, 26 November, 10:00 · reminder, the day before · {card.code}\n"
        f"✓ Friday, 27 November, 08:00 · reminder, 2 hours before · {card.code}\n"
        f"✓ Friday, 27 November, 13:45 · aftercare card · {card.code}"
    )


async def test_staff_are_asked_whom_they_mean(story: Story) -> None:
    await confirmed(story)
    await confirmed(story, FRIDAY + 2 * HOUR, by=story.tom, name="Tomasz Nowak", phone="+447700900123")
    (said,) = await story.say(story.maya, "/patient", chat=story.group)
    assert said.startswith("Write a name, a telephone number or a code behind it")
    (said,) = await story.say(story.maya, "/patient nobody", chat=story.group)
    assert said == "Nobody was found for “nobody”."
    (said,) = await story.say(story.maya, "/patient nowak", chat=story.group)
    assert said == "Several people were found for “nowak”. Whom do you mean?"
    assert labels(newest(story)) == [["Anna Nowak · 079460018 · 1 visit"], ["Tomasz Nowak · 700900123 · 1 visit"]]
    await press(story, "Tomasz Nowak · 700900123 · 1 visit")
    assert newest(story)["text"].startswith("👤 Tomasz Nowak · +44 7700 900123\nin Telegram: Tom\n")


async def test_one_step_is_sent_now_and_another_is_left_out(story: Story) -> None:
    card = await confirmed(story)
    await story.say(story.maya, "/patient nowak", chat=story.group)
    await press(story, "Skip one")
    assert newest(story)["text"] == "Which one is left out for Anna Nowak? A tap does it."
    await press(story, "reminder, the day before · Thursday, 26 November, 10:00")
    assert (
        f"Was sent\n✗ Thursday, 26 November, 10:00 · reminder, the day before · {card.code}: left out by staff"
        in (newest(story)["text"])
    )
    await press(story, "Send one now")
    label = "reminder, 3 days before · Tuesday, 24 November, 10:00"
    message, send = story.telegram.find_button(story.group.id, label)
    await press(story, label)
    assert len(story.since(story.anna.id, 0)) == 1
    assert story.shown(story.anna.id)["text"].startswith("A note from Linden Skin Clinic")
    assert f"✓ Monday, 23 November, 10:30 · reminder, 3 days before · {card.code}" in newest(story)["text"]
    late = await story.telegram.tap(story.priya.id, story.group.id, message, send)
    await story.settle()
    assert late.answer is not None
    assert late.answer["text"] == "This has been settled meanwhile."
    await until(story, FRIDAY - DAY)
    assert len(story.since(story.anna.id, 0)) == 1
    assert (await actions(story, card))[-2:] == ["step skipped", "step sent by staff"]


@pytest.mark.parametrize(
    ("what", "why"),
    [
        ("blocked", "The patient has blocked the bot. Please telephone."),
        ("stopped", "The patient has not agreed to such messages, so it is not sent."),
        ("paused", "The programme is paused for this patient. Resume it first."),
    ],
)
async def test_nothing_is_sent_by_hand_to_who_is_not_to_be_written_to(story: Story, what: str, why: str) -> None:
    await confirmed(story)
    await story.say(story.maya, "/patient nowak", chat=story.group)
    assert story.database is not None
    if what == "blocked":
        await story.telegram.block(story.anna.id)
    elif what == "stopped":
        await story.database.transaction(
            lambda session: consents.give(session, story.anna.id, consents.REMINDERS, False, story.clock.now())
        )
    else:
        await press(story, "Pause all")
    await story.settle()
    await press(story, "Send one now")
    assert await press(story, "reminder, 3 days before · Tuesday, 24 November, 10:00") == why
    assert story.since(story.anna.id, 0) == []


async def test_the_programme_is_paused_and_goes_on(story: Story) -> None:
    await confirmed(story)
    await story.say(story.maya, "/patient nowak", chat=story.group)
    await press(story, "Pause all")
    assert "⏸ Paused since Monday, 23 November, 10:30: nothing of the programme is sent." in newest(story)["text"]
    assert "⏸ Tuesday, 24 November, 10:00 · reminder, 3 days before" in newest(story)["text"]
    await until(story, FRIDAY - 3 * DAY + HOUR)
    assert story.since(story.anna.id, 0) == []
    await press(story, "Resume", by=story.priya)
    assert "⏸" not in newest(story)["text"]
    await until(story, FRIDAY - 3 * DAY + 2 * HOUR)
    assert len(story.since(story.anna.id, 0)) == 1
    changes = await rows(story, select(Audit).where(Audit.action.like("programme %")).order_by(Audit.id))
    assert [(one.action, one.actor) for one in changes] == [
        ("programme paused", story.maya.id), ("programme resumed", story.priya.id),
    ]  # fmt: skip


async def test_a_note_is_kept_and_only_staff_see_it(story: Story) -> None:
    await confirmed(story)
    await story.say(story.maya, "/patient nowak", chat=story.group)
    await press(story, "Add a note")
    assert newest(story)["text"] == ("Maya, reply to this message with the note about Anna Nowak. Only staff see it.")
    assert (await reply(story, "x" * 1001))[0].startswith("That is too long. Please keep it under 1000 characters")
    assert await reply(story, "Prefers <mornings> & tea") == []
    await story.say(story.maya, "/patient nowak", chat=story.group)
    assert newest(story)["text"].endswith("Notes\n• Maya, Monday, 23 November, 10:30: Prefers <mornings> & tea")
    assert story.since(story.anna.id, 0) == []


async def test_a_message_of_staffs_goes_at_its_date(story: Story) -> None:
    await confirmed(story)
    await story.say(story.maya, "/patient nowak", chat=story.group)
    await press(story, "Message at a date")
    (again,) = await reply(story, "12.12. hello")
    assert again == "I could not read a time there, such as 10:00. Please reply again: day, time, text."
    (said,) = await reply(story, "12.12. 10:00 Is <all> well?")
    assert said == "On Saturday, 12 December, 10:00, Anna Nowak gets:\nIs <all> well?"
    await story.say(story.maya, "/patient nowak", chat=story.group)
    assert "• Saturday, 12 December, 10:00 · “Is <all> well?”" in newest(story)["text"]
    await press(story, "Message at a date")
    (said,) = await reply(story, "tomorrow 23:30 Good night")
    assert said.startswith("On Wednesday, 25 November, 08:")
    assert "(Your time is in their quiet hours, so it goes after them.)" in said
    message, _ = story.telegram.find_button(story.group.id, "Do not send it")
    await press(story, "Do not send it")
    assert shown(story, message) == "This message is not sent (Maya)."
    await until(story, datetime(2026, 12, 12, 9, 59, tzinfo=UTC))
    before = story.since(story.anna.id, 0)
    assert "Good night" not in str(before)
    await story.pass_time(MINUTE)
    assert story.since(story.anna.id, 0)[len(before) :] == ["A note from Linden Skin Clinic\n\nIs <all> well?"]


async def test_health_answers_are_seen_on_a_tap_that_leaves_a_trace(story: Story) -> None:
    card = await confirmed(story)
    await story.say(story.maya, "/patient nowak", chat=story.group)
    assert "allergic" not in str(story.transcript(story.group.id))
    await press(story, "Health answers", by=story.priya)
    assert "Not sure:\n• Have you ever had a severe allergic reaction" in newest(story)["text"]
    await press(story, "Hide")
    assert "allergic" not in str(story.transcript(story.group.id))
    viewed = (await rows(story, select(Audit).where(Audit.action == "answers viewed")))[0]
    assert (viewed.subject, viewed.actor) == (card.subject, story.priya.id)


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("12.12. 10:00 How are you?", (datetime(2026, 12, 12, 10, tzinfo=UTC), "How are you?")),
        ("tomorrow 9:05, hello", (datetime(2026, 11, 24, 9, 5, tzinfo=UTC), "hello")),
        ("on Friday at 15:30: see you", (datetime(2026, 11, 27, 15, 30, tzinfo=UTC), "see you")),
        ("2027-04-01 10:00 spring", (datetime(2027, 4, 1, 9, tzinfo=UTC), "spring")),
        ("12.12. 10:00", Unreadable(records.NO_TEXT)),
        ("10:00 hello", Unreadable(records.NO_DAY)),
        ("whenever 10:00 hello", Unreadable(records.NO_DAY)),
        ("12.12. 25:00 hello", Unreadable(records.NO_TIME)),
        ("today 10:00 hello", Unreadable(records.PAST)),
        ("12.12. 10:00 " + "x" * 1001, Unreadable(records.TOO_LONG)),
    ],
)
def test_a_message_for_a_date_is_read(clinic: Clinic, written: str, read: object) -> None:
    assert records.read_message(clinic, written, MONDAY) == read


async def test_the_longest_record_and_the_longest_list_fit_into_a_message(story: Story) -> None:
    card = await confirmed(story, name="Ann" + "&" * 77)

    def fill(session: Session) -> None:
        first = session.get_one(Visit, card.visit_id)
        for number in range(30):
            visit = Visit(
                **{
                    column.name: getattr(first, column.name)
                    for column in Visit.__table__.columns
                    if column.name not in ("id", "code", "starts_at")
                },
                code=f"X{number}",
                starts_at=FRIDAY + number * DAY,
            )
            session.add(visit)
            session.flush()
            session.add(Note(visit_id=visit.id, text="<&>" * 300, author="M" * 64, author_id=1, at=MONDAY))
            for place, state in enumerate(("planned", "sent", "skipped")):
                session.add(
                    FollowUp(
                        key=f"{visit.id}:{state}", visit_id=visit.id, chat_id=story.anna.id, step="staff", kind="care",
                        anchor_at=FRIDAY, planned_for=FRIDAY, due_at=FRIDAY + place * DAY,
                        valid_until=FRIDAY + 99 * DAY,
                        state=state, text="<&>" * 300, author="Maya", sent_at=MONDAY, answer="unhappy",
                    )
                )  # fmt: skip
            for number_of_call in range(6):
                session.add(
                    Call(
                        key=f"{visit.id}:{number_of_call}", visit_id=visit.id, chat_id=None, why="never joined",
                        what="check-3-days", created_at=MONDAY,
                    )
                )  # fmt: skip

    assert story.database is not None
    await story.database.transaction(fill)
    await story.say(story.maya, f"/patient {card.code}", chat=story.group)
    text = newest(story)["text"]
    assert 2000 < len(text) <= 4096
    assert "and 25 more" in text
    await story.pass_time(timedelta(seconds=1))  # the group is told that there is somebody to telephone
    await story.say(story.maya, "/calls", chat=story.group)
    assert "30 people to telephone" in newest(story)["text"]
    assert "and 2 more messages" in newest(story)["text"]
    assert 2000 < len(newest(story)["text"]) <= 4096
    assert labels(newest(story))[-1] == ["›"]
    for _ in range(3):
        await press(story, "›")
    assert "Page 4 of 4" in newest(story)["text"]
    await press(story, labels(newest(story))[0][0])
    assert "29 people to telephone" in newest(story)["text"]
    await press(story, labels(newest(story))[0][1])
    assert newest(story)["text"].startswith("👤 Ann&&&")
