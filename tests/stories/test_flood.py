"""Somebody who writes very much: others are served, staff are not buried, and an emergency is always heard."""

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
import pytest_asyncio
from sqlalchemy import func, select

from bot.clinic.enquiries import MOST_AN_HOUR, MOST_CALLS
from bot.config import Clinic
from bot.store.models import Enquiry, Question
from tests.quick import URGENT, FixedReader, without_waits
from tests.story import Story

MINUTE = timedelta(minutes=1)
TOO_MUCH = "That is more than I can take in at once"
EMERGENCY = "This could be an emergency."
TALKED = 30
"""Lines of one person within a minute that are answered."""


@pytest_asyncio.fixture
async def story(clinic: Clinic, database_file: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Story]:
    without_waits(monkeypatch)
    story = Story(clinic, FixedReader(), database_file)
    await story.open()
    yield story
    await story.close()


async def flood(story: Story, count: int, text: str = "hair") -> list[str]:
    """Let Anna write `count` times, and return what she was told."""
    seen = story._last(story.anna.id)
    for _ in range(count):
        await story.telegram.send_text(story.anna.id, text)
    await story.settle()
    return story.since(story.anna.id, seen)


async def test_a_nervous_patient_never_meets_the_limit(story: Story) -> None:
    for _ in range(4):
        assert not any(text.startswith(TOO_MUCH) for text in await flood(story, 15))
        await story.pass_time(MINUTE)


async def test_a_flood_is_answered_once_then_heard_again(story: Story) -> None:
    said = await flood(story, 1000)
    assert len(said) == TALKED + 1
    assert [text for text in said if text.startswith(TOO_MUCH)] == [said[-1]]
    assert story.database is not None
    kept = story.database.read_now(lambda session: session.scalar(select(func.count()).select_from(Question)))
    assert kept == TALKED
    assert len(await story.say(story.tom, "hair")) == 1  # somebody else's patience is their own
    await story.pass_time(MINUTE)
    (answer,) = await story.say(story.anna, "hair")
    assert not answer.startswith(TOO_MUCH)


async def test_in_a_flood_commands_and_buttons_work_and_an_emergency_is_heard(story: Story) -> None:
    await flood(story, 100)
    assert len(await story.start(story.anna)) == 1
    assert len(await story.say(story.anna, "/cancel")) == 1
    await story.tap(story.anna, "🌿 After your visit")
    assert any(text.startswith("🌿 After your visit") for text in story.since(story.anna.id, 0))
    (answer,) = await story.say(story.anna, f"it is swelling, {URGENT}")
    assert answer.startswith(EMERGENCY)
    assert f"it is swelling, {URGENT}" in story.shown(story.group.id)["text"]
    (answer,) = await story.send_file(story.anna, "photo", caption=URGENT)
    assert answer.startswith(EMERGENCY)


async def test_each_emergency_gets_its_text_and_staff_all_its_words_without_a_card_for_each(story: Story) -> None:
    said = [await story.say(story.anna, f"{URGENT} {number}") for number in range(40)]
    assert [len(one) for one in said] == [1] * 40
    assert all(one[0].startswith(EMERGENCY) for one in said)
    group = story.since(story.group.id, 0)
    assert [text for text in group if text.startswith("🔴")] == group[:MOST_CALLS]
    assert group[MOST_CALLS:] == [f"Anna Nowak: {URGENT} {number}" for number in range(MOST_CALLS, 40)]
    await story.tap(story.maya, "I am on it", chat=story.group)
    await story.say(story.anna, f"{URGENT} again")
    assert story.since(story.group.id, 0)[-1].startswith("🔴")  # staff have come, so this is news


async def test_others_are_answered_before_the_flooder(story: Story) -> None:
    people = [story.telegram.add_user(f"P{number}") for number in range(20)]
    order: list[int] = []
    check = story.telegram.on_call
    assert check is not None

    def note(call: object) -> None:
        check(call)  # type: ignore[arg-type]
        if getattr(call, "method", "") == "sendMessage":
            order.append(call.params["chat_id"])  # type: ignore[attr-defined]

    story.telegram.on_call = note
    for _ in range(1000):
        await story.telegram.send_text(story.anna.id, "hair")
    for one in people:
        await story.telegram.send_text(one.id, "hair")
    await story.settle()
    assert {one.id for one in people} <= set(order)
    last = max(order.index(one.id) for one in people)
    assert order[:last].count(story.anna.id) <= TALKED + 1  # of a thousand


async def test_a_flood_of_photos_and_voice_does_not_bury_the_staff_group(story: Story) -> None:
    await story.say(story.anna, "May I?")
    await story.tap(story.anna, "Ask the clinic")
    card = story.shown(story.group.id)["message_id"]
    await story.say(story.maya, "You may.", chat=story.group, reply_to=card)
    copies = 0
    for _ in range(8):
        before = len(story.telegram.history(story.group.id))
        for number in range(25):
            await story.telegram.send_file(story.anna.id, ("photo", "voice", "document")[number % 3])
        await story.settle()
        copies += len(story.telegram.history(story.group.id)) - before
        await story.pass_time(MINUTE)
    assert copies == 60
    told = [text for text in story.since(story.anna.id, 0) if text.startswith("The clinic has very many messages")]
    assert len(told) == 1
    (answer,) = await story.say(story.anna, URGENT)
    assert answer.startswith(EMERGENCY)
    assert story.shown(story.group.id)["text"].startswith("🔴")
    await story.pass_time(15 * MINUTE)
    before = len(story.telegram.history(story.group.id))
    await story.say(story.anna, "Thank you")
    assert len(story.telegram.history(story.group.id)) == before + 1


async def test_questions_passed_on_are_bounded_and_open_again_after_an_hour(story: Story) -> None:
    for number in range(MOST_AN_HOUR + 5):
        await story.say(story.anna, f"May I {number}?")
        note = await story.tap(story.anna, "Ask the clinic")
        refused = note is not None and "many questions" in str(note.get("text"))
        assert refused == (number >= MOST_AN_HOUR)
    assert story.database is not None
    asked = story.database.read_now(lambda session: session.scalar(select(func.count()).select_from(Enquiry)))
    assert asked == MOST_AN_HOUR
    await story.pass_time(61 * MINUTE)
    await story.say(story.anna, "And now?")
    await story.tap(story.anna, "Ask the clinic")
    assert "And now?" in story.shown(story.group.id)["text"]


async def test_codes_cannot_be_tried_for_ever(
    clinic: Clinic, database_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    without_waits(monkeypatch)
    story = Story(clinic, FixedReader(), database_file, staffed=False)
    await story.open()
    said = [await story.say(story.maya, f"/claim {number:010}", chat=story.group) for number in range(20)]
    assert [len(one) for one in said] == [1] * 6 + [0] * 14
    assert said[5][0].startswith("Too many codes")
    assert story.app is not None
    code = story.app.claim_code
    assert code is not None
    assert len(code) == 10  # of 32 letters: 50 bits
    assert await story.say(story.maya, f"/claim {code}", chat=story.group) == []
    await story.pass_time(61 * MINUTE)
    (claimed,) = await story.say(story.maya, f"/claim {code}", chat=story.group)
    assert claimed.startswith("This is now the staff group")
    await story.close()
