"""The clock jumps: what only time asks for waits, people are answered, staff are told once what to do."""

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
import pytest_asyncio
from sqlalchemy import select

from bot.clock import STEADY, Watch
from bot.config import Clinic
from bot.delivery import outbox
from bot.delivery.messages import Kind, Message
from bot.store.models import FollowUp, Outgoing, Question, Visit
from tests.quick import URGENT, FixedReader, Seconds, without_waits
from tests.stories.test_followups import FRIDAY, booked, run
from tests.story import Story, labels

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)


@pytest_asyncio.fixture
async def story(clinic: Clinic, any_database: str, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Story]:
    without_waits(monkeypatch)
    story = Story(clinic, FixedReader(), any_database)
    story.clock._watch = Watch(Seconds())
    await story.open()
    yield story
    await story.close()


async def live(story: Story, length: timedelta) -> None:
    """Let time pass as it should: the clock, and the seconds."""
    assert story.clock._watch is not None
    story.clock._watch._seconds.now += length.total_seconds()  # type: ignore[attr-defined]  # Seconds
    await jump(story, length)


async def jump(story: Story, by: timedelta) -> None:
    """Set the clock, although no time passes."""
    assert story.app is not None
    story.clock.jump(by)
    await story.app.idle()


def alarms(story: Story) -> list[str]:
    """Return what the staff group shows about the clock."""
    return [text for text in story.since(story.group.id, 0) if text.startswith("🕰")]


async def states(story: Story) -> dict[str, str]:
    rows = await run(story, lambda session, _: session.scalars(select(FollowUp)).all())
    return {row.step: row.state for row in rows}


async def test_reminders_wait_for_the_clock_to_be_back(story: Story) -> None:
    await booked(story, FRIDAY)
    await jump(story, 3 * DAY + HOUR)  # Thursday, when the reminder of the day before is due
    assert story.since(story.anna.id, 0) == []
    (alarm,) = alarms(story)
    assert "It says Thursday, 26 November, 11:30" in alarm
    assert "it should be Monday, 23 November, 10:30" in alarm
    await live(story, MINUTE)
    assert len(alarms(story)) == 1, "it is said once"
    await jump(story, -(3 * DAY + HOUR))
    (over,) = alarms(story)
    assert "It says Monday, 23 November, 10:31 now" in over
    assert labels(story.shown(story.group.id)) == []
    assert set((await states(story)).values()) == {"planned"}
    await live(story, DAY)
    (reminder,) = story.since(story.anna.id, 0)
    assert "A note from" in reminder


async def test_staff_say_that_the_time_is_right(story: Story) -> None:
    await booked(story, FRIDAY)
    await jump(story, 3 * DAY)
    assert story.since(story.anna.id, 0) == []
    note = await story.tap(story.maya, "The time is right: go on", chat=story.group)
    assert note is not None
    assert note["text"] == "Thank you. In a few seconds I go on."
    await live(story, timedelta(seconds=5))
    assert len(story.since(story.anna.id, 0)) == 1, "of two reminders the newer"
    assert "It says Thursday" in alarms(story)[0]
    assert (await states(story))["before-1-day"] == "sent"


async def test_a_clock_that_goes_on_evenly_is_gone_by(story: Story) -> None:
    await booked(story, FRIDAY)
    await jump(story, 3 * DAY)
    for _ in range(int(STEADY / MINUTE) - 1):
        await live(story, MINUTE)
    assert story.since(story.anna.id, 0) == []
    await live(story, 2 * MINUTE)
    assert len(story.since(story.anna.id, 0)) == 1


async def test_who_writes_is_answered_and_an_emergency_is_called_out(story: Story) -> None:
    await story.say(story.anna, URGENT)
    await jump(story, DAY)
    calls = len(story.since(story.group.id, 0))
    await live(story, 4 * MINUTE)
    assert len(story.since(story.group.id, 0)) == calls + 1, "staff are called again"
    assert await story.say(story.tom, "hair") != []


async def test_no_request_ends_and_nothing_is_deleted(story: Story) -> None:
    await story.say(story.tom, "hair")
    await booked(story, FRIDAY)
    await run(story, lambda session, now: _ask_again(session.get_one(Visit, 1), now))
    await jump(story, 365 * DAY)
    assert story.app is not None
    await story.app._sweep()
    visit = await run(story, lambda session, _: session.get_one(Visit, 1))
    assert visit.status == "requested"
    assert await run(story, lambda session, _: session.scalar(select(Question.text))) == "hair"


def _ask_again(visit: Visit, now: object) -> None:
    visit.status = "requested"
    visit.due_at = FRIDAY - DAY


async def test_a_message_that_waits_already_is_neither_sent_nor_too_late(story: Story) -> None:
    story.anna.started = True
    await jump(story, 2 * DAY)

    def owe(session: object, now: object) -> None:
        until = story.clock.now() - DAY  # by the true time there is a day left
        message = Message(story.anna.id, "a reminder", kind=Kind.VISIT)
        outbox.post(session, message, now=until - HOUR, valid_until=until)  # type: ignore[arg-type]

    await run(story, owe)
    assert story.app is not None
    story.app.dispatcher.wake()
    await story.app.idle()
    assert story.since(story.anna.id, 0) == []
    await jump(story, -2 * DAY)
    await live(story, HOUR)
    assert story.since(story.anna.id, 0) == ["a reminder"]


async def test_what_was_owed_by_a_wrong_clock_is_sent_when_it_is_back(story: Story) -> None:
    story.anna.started = True
    await jump(story, 300 * DAY)
    await run(
        story,
        lambda session, now: outbox.post(
            session, Message(story.anna.id, "an answer", kind=Kind.CARE), now=now, due_at=now + MINUTE
        ),
    )
    await jump(story, -300 * DAY)
    assert story.since(story.anna.id, 0) == ["an answer"]


async def test_a_clock_that_is_set_back_sends_nothing_twice(story: Story) -> None:
    await booked(story, FRIDAY)
    for length in (DAY, DAY, DAY, 22 * HOUR):
        await live(story, length)
    sent = story.since(story.anna.id, 0)
    assert len(sent) == 3
    await jump(story, -5 * DAY)
    assert alarms(story) == []
    for _ in range(12):
        await live(story, 12 * HOUR)
    again = story.since(story.anna.id, 0)[3:]
    assert [text for text in again if text in sent] == []
    rows = await run(story, lambda session, _: session.scalars(select(Outgoing.subject)).all())
    subjects = [subject for subject in rows if subject and subject.startswith("followup:")]
    assert len(subjects) == len(set(subjects))
