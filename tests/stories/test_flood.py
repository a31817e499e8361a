"""Somebody who writes very much: others are served, staff are not buried, and an emergency is always heard."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
import pytest_asyncio
from sqlalchemy import func, select

from bot.clinic.enquiries import MOST_AN_HOUR
from bot.clinic.visits import MOST_AN_HOUR as MOST_REQUESTS
from bot.config import Clinic
from bot.delivery.limiter import OVERALL, Limiter
from bot.store.models import Enquiry, Question
from tests.hurried import HurriedLoop, RunningClock, seconds
from tests.quick import URGENT, FixedReader, without_waits
from tests.stories.test_followups import booked, done, tapped, until
from tests.stories.test_staff_booking import request
from tests.story import Story, labels

MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)
SEND = "✅ Send to the clinic"
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
    assert group[0].startswith("🔴 Possible emergency: Anna Nowak")
    assert group[1:] == [f"🔴 Anna Nowak: {URGENT} {number}" for number in range(1, 40)]
    await story.tap(story.maya, "I am on it", chat=story.group)
    await story.say(story.anna, f"{URGENT} again")
    assert story.since(story.group.id, 0)[1:][-1] == f"🔴 Anna Nowak: {URGENT} again"
    await story.pass_time(timedelta(hours=1))
    assert rung(story, 0) == []
    await story.say(story.anna, f"{URGENT} later")  # who was on it may have gone, so this calls anew
    assert story.shown(story.group.id)["text"].startswith("🔴 Possible emergency: Anna Nowak")


def rung(story: Story, seen: int) -> list[str]:
    """Return the calls to staff since then."""
    return [text for text in story.since(story.group.id, seen) if text.startswith("🔴 Nobody is looking after")]


async def unheard(story: Story) -> None:
    """Let Anna write of emergencies until staff are called once an hour, though nobody has come."""
    for number in range(5):
        await story.say(story.anna, f"{URGENT} {number}")
    for _ in range(60):
        await story.pass_time(3 * MINUTE)
    seen = story._last(story.group.id)
    await story.pass_time(10 * MINUTE)
    assert rung(story, seen) == []


async def test_a_new_emergency_calls_staff_though_they_came_to_none_before(story: Story) -> None:
    await unheard(story)
    seen, told = story._last(story.group.id), story._last(story.anna.id)
    (answer,) = await story.say(story.anna, f"now I cannot see, {URGENT}")
    assert answer.startswith(EMERGENCY)
    await story.pass_time(timedelta(seconds=5))
    assert f"🔴 Anna Nowak: now I cannot see, {URGENT}" in story.since(story.group.id, seen)
    assert len(rung(story, seen)) == 1
    for _ in range(3):
        await story.pass_time(3 * MINUTE)
    assert len(rung(story, seen)) == 4
    assert len(story.since(story.anna.id, told)) == 2  # after the answer, once, that nobody has seen it


async def test_who_writes_on_and_on_has_staff_called_once_a_minute(story: Story) -> None:
    await unheard(story)
    seen = story._last(story.group.id)
    for number in range(20):
        await story.say(story.anna, f"{URGENT} more {number}")
        await story.pass_time(timedelta(seconds=30))
    assert len(rung(story, seen)) == 10
    assert f"🔴 Anna Nowak: {URGENT} more 19" in story.since(story.group.id, seen)


async def test_more_words_than_staff_can_read_are_a_call_to_telephone(story: Story) -> None:
    for number in range(81):
        await story.say(story.anna, f"{URGENT} {number}")
    said = story.since(story.group.id, 0)[1:]
    assert said[:-1] == [f"🔴 Anna Nowak: {URGENT} {number}" for number in range(1, 61)]
    assert said[-1].startswith("🔴 Anna Nowak writes more than can be passed on here")
    seen = story._last(story.group.id)
    await story.pass_time(MINUTE)
    assert len(rung(story, seen)) == 1
    await story.say(story.tom, URGENT)
    assert story.shown(story.group.id)["text"].startswith("🔴 Possible emergency: Tom")
    await story.pass_time(5 * MINUTE)
    await story.say(story.anna, f"{URGENT} still")
    assert f"🔴 Anna Nowak: {URGENT} still" in story.since(story.group.id, seen)


def test_anothers_emergency_is_called_beside_three_hundred_of_one_patient(
    clinic: Clinic, any_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tests.story.MovableClock", RunningClock)
    monkeypatch.setattr("tests.story.Limiter", lambda _: Limiter(OVERALL, seconds))
    with asyncio.Runner(loop_factory=HurriedLoop) as runner:
        runner.run(_two_emergencies(clinic, any_database))


async def _two_emergencies(clinic: Clinic, database: str) -> None:
    story = Story(clinic, FixedReader(), database)
    await story.open()
    telegram = story.telegram
    for number in range(300):
        await telegram.send_text(story.anna.id, f"{URGENT} {number}")

    def lines() -> list[str]:
        return story.since(story.group.id, 0)

    await telegram.wait_until(lambda: len(lines()) >= 8, 60.0)  # the group is behind
    before = len(lines())
    await telegram.send_text(story.tom.id, URGENT)
    await telegram.wait_until(lambda: any(line.startswith("🔴 Possible emergency: Tom") for line in lines()), 60.0)
    assert len(lines()) <= before + 3
    await story.close()


async def test_a_tapped_sign_is_heard_after_many_emergencies(story: Story) -> None:
    card = await booked(story)
    await done(story, card)
    await until(story, card.ends_at + DAY)
    await unheard(story)
    await tapped(story, "Something looks wrong")
    seen = story._last(story.group.id)
    (text,) = await tapped(story, "Skin white, grey, blue or marbled")
    assert text.startswith(EMERGENCY)
    await story.pass_time(timedelta(seconds=5))
    assert "🔴 Anna Nowak: Skin white, grey, blue or marbled" in story.since(story.group.id, seen)
    assert len(rung(story, seen)) == 1


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


async def test_requests_and_moves_are_bounded_and_can_be_sent_after_an_hour(story: Story) -> None:
    await request(story)

    async def ask_for(time: str) -> str:
        await story.say(story.anna, "/bookings")
        label = next(one for row in labels(story.shown(story.anna.id)) for one in row if one.endswith("· Face"))
        for tapped_label in (label, "Move", "27", time, SEND):
            await story.tap(story.anna, tapped_label)
        return str(story.shown(story.anna.id)["text"])

    for number in range(1, MOST_REQUESTS):
        assert "your request is with the clinic" in (await ask_for(("10:00", "11:00")[number % 2])).lower(), number
    cards = len(story.telegram.history(story.group.id))
    assert (await ask_for("10:15")).startswith("You have sent the clinic very many requests within the hour")
    assert len(story.telegram.history(story.group.id)) == cards
    await story.pass_time(61 * MINUTE)
    await story.say(story.anna, "/book")
    seen = story._last(story.group.id)
    await story.tap(story.anna, SEND)
    assert "10:15" in story.since(story.group.id, seen)[-1]


async def test_links_cannot_be_tried_for_ever(story: Story) -> None:
    said = [await story.start(story.tom, f"v_{number:032}") for number in range(30)]
    assert [len(one) for one in said] == [1] * 21 + [0] * 9
    assert said[19][0].startswith("I do not know this link")
    assert said[20] == ["Too many links were opened here. Please ask the clinic: +44 20 7946 0958."]
    assert len(await story.start(story.tom)) == 1  # whatever else is there goes on
    assert (await story.start(story.anna, "v_x"))[0].startswith("I do not know this link")
    await story.pass_time(61 * MINUTE)
    assert len(await story.start(story.tom, "v_x")) == 1


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
