"""A patient and a person at the clinic talk; alerts call until somebody comes; nobody waits without an answer."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from datetime import timedelta
from typing import Any

import pytest
import pytest_asyncio
from sqlalchemy.orm import Session

from bot.config import Clinic
from bot.delivery import outbox
from bot.delivery.wire import File
from bot.sandbox.telegram import Telegram
from tests.quick import URGENT, FixedReader
from tests.story import SandboxTransport, Story, labels

MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)


@pytest_asyncio.fixture
async def story(clinic: Clinic, database_url: str) -> AsyncIterator[Story]:
    story = Story(clinic, FixedReader(), database_url)
    await story.open()
    yield story
    await story.close()


async def ask(story: Story, question: str = "Do you treat scars?") -> int:
    """Let Anna pass a question on, and return the card's message id."""
    await story.say(story.anna, question)
    await story.tap(story.anna, "Ask the clinic")
    return int(story.shown(story.group.id)["message_id"])


async def reply(story: Story, text: str, to: int, *, by: object = None) -> list[str]:
    return await story.say(by or story.maya, text, chat=story.group, reply_to=to)  # type: ignore[arg-type]


async def test_a_conversation_from_the_question_to_its_end(story: Story) -> None:
    card = await ask(story)
    await reply(story, "Which scars?", card)
    patient = story.transcript(story.anna.id)
    assert patient[-3:] == [
        "Mesobot: Linden Skin Clinic answers:\nWhich scars?",
        "Mesobot: You are now talking with Linden Skin Clinic. What you write here goes to them, photos and voice "
        "messages as well; I stay out of it until one of you ends it. In an emergency call 999.",
        "  [End the conversation]",
    ]
    assert story.message(story.group.id, card)["text"].endswith("💬 Talking, answered by Maya")

    assert await story.say(story.anna, "does it hurt?") == []  # the bot stays out of it
    relayed = story.shown(story.group.id)
    assert relayed["text"] == "Anna Nowak: does it hurt?"
    assert relayed["reply_to_message"]["message_id"] == card
    await reply(story, "A little.", relayed["message_id"], by=story.priya)
    assert story.shown(story.anna.id)["text"] == "Linden Skin Clinic answers:\nA little."

    await story.tap(story.anna, "End the conversation")
    assert story.transcript(story.anna.id)[-2:] == [
        "Mesobot: The conversation with the clinic has ended. You can ask me again, or choose a topic.",
        "  [« All topics]",
    ]
    assert story.message(story.group.id, card)["text"].endswith("☑️ Ended by the patient (Maya)")
    assert story.shown(story.group.id)["text"] == "Anna Nowak has ended the conversation."
    (answer,) = await story.say(story.anna, "pain")
    assert answer.startswith("Does it hurt?")


async def test_photos_pass_through_both_ways_and_are_not_stored(story: Story) -> None:
    card = await ask(story)
    (refused,) = await story.send_file(story.anna, "photo")
    assert refused.startswith("I can only read text")

    await reply(story, "Please send a photo.", card)
    assert await story.send_file(story.anna, "photo", caption="here") == []
    copied = story.shown(story.group.id)
    assert copied["caption"] == "here"
    assert "photo" in copied
    await story.send_file(story.maya, "document", chat=story.group, reply_to=copied["message_id"])
    assert "document" in story.shown(story.anna.id)


async def test_edits_follow_on_both_sides(story: Story) -> None:
    card = await ask(story)
    await reply(story, "Come at nein.", card)
    staffs = story.newest_of(story.maya, story.group.id)
    await story.edit(story.maya, story.group.id, staffs, "Come at nine.")
    texts = [message.get("text") for message in story.telegram.history(story.anna.id)]
    assert "Linden Skin Clinic answers:\nCome at nine." in texts
    assert "Linden Skin Clinic answers:\nCome at nein." not in texts

    await story.say(story.anna, "tomorow?")
    await story.edit(story.anna, story.anna.id, story.newest_of(story.anna, story.anna.id), "tomorrow?")
    assert story.shown(story.group.id)["text"] == "Anna Nowak: tomorrow?"


async def test_two_staff_members_both_reach_the_patient(story: Story) -> None:
    card = await ask(story)
    await story.telegram.send_text(story.maya.id, "Yes.", chat_id=story.group.id, reply_to=card)
    await story.telegram.send_text(story.priya.id, "Yes, on Mondays.", chat_id=story.group.id, reply_to=card)
    await story.settle()
    answers = [text for text in story.since(story.anna.id, 0) if text.startswith("Linden Skin Clinic answers:")]
    assert answers == ["Linden Skin Clinic answers:\nYes.", "Linden Skin Clinic answers:\nYes, on Mondays."]


async def test_a_red_flag_in_the_middle_of_a_conversation(story: Story) -> None:
    card = await ask(story)
    await reply(story, "How are you?", card)
    (warning,) = await story.say(story.anna, URGENT)
    assert warning.startswith("This could be an emergency. Call 999 now.")
    alert = story.shown(story.group.id)
    assert alert["text"].startswith("🔴 Possible emergency: Anna Nowak")
    assert labels(alert) == [["I am on it"]]


async def test_an_alert_calls_until_somebody_acknowledges_it(story: Story) -> None:
    await story.say(story.anna, URGENT)
    alert = story.shown(story.group.id)["message_id"]
    await story.pass_time(3 * MINUTE)
    assert story.shown(story.group.id)["text"] == (
        "🔴 Nobody is looking after Anna Nowak yet. Please press “I am on it” and call them."
    )
    assert len(story.since(story.anna.id, 0)) == 1
    await story.pass_time(3 * MINUTE)
    assert story.shown(story.anna.id)["text"] == (
        "Nobody at the clinic has seen your message yet. This chat is not watched. Please do not wait here: "
        "call 999, or the clinic on +44 20 7946 0999."
    )
    await story.tap(story.priya, "I am on it", chat=story.group)
    assert story.message(story.group.id, alert)["text"].endswith("✅ Priya is on it")
    called = len(story.since(story.group.id, 0))
    await story.pass_time(HOUR)
    assert len(story.since(story.group.id, 0)) == called


async def test_the_second_to_acknowledge_is_told_who_was_first(story: Story) -> None:
    await story.say(story.anna, URGENT)
    alert, data = story.telegram.find_button(story.group.id, "I am on it")
    await story.tap(story.priya, "I am on it", chat=story.group)
    late = await story.telegram.tap(story.maya.id, story.group.id, alert, data)
    await story.settle()
    assert late.answer is not None
    assert late.answer["text"] == "Priya was first."


async def test_a_waiting_question_reminds_staff_and_is_given_up_in_the_end(story: Story) -> None:
    await ask(story)
    await story.pass_time(15 * MINUTE)
    assert story.shown(story.group.id)["text"].startswith("Anna Nowak has been waiting for an answer since Monday, 23")
    for _ in range(8):
        await story.pass_time(12 * HOUR)
    assert story.shown(story.anna.id)["text"] == (
        "I am sorry, nobody at the clinic has answered your question here. Please call +44 20 7946 0958."
    )
    called = len(story.since(story.group.id, 0))
    assert called <= 8  # each reminder comes after twice the time
    await story.pass_time(60 * HOUR)  # until Sunday: on Monday staff hear of the week
    assert len(story.since(story.group.id, 0)) == called


async def test_a_conversation_that_rests_ends_by_itself(story: Story) -> None:
    card = await ask(story)
    await reply(story, "Hello", card)
    await story.pass_time(50 * MINUTE)
    await story.say(story.anna, "hello")
    await story.pass_time(50 * MINUTE)
    assert story.message(story.group.id, card)["text"].endswith("💬 Talking, answered by Maya")
    await story.pass_time(10 * MINUTE)
    assert story.message(story.group.id, card)["text"].endswith("☑️ Ended by itself (Maya)")
    assert story.shown(story.anna.id)["text"].startswith("The conversation with the clinic has ended.")


async def test_a_conversation_survives_a_restart(story: Story) -> None:
    card = await ask(story)
    await reply(story, "Hello", card)
    await story.restart()
    assert await story.say(story.anna, "good evening") == []
    assert story.shown(story.group.id)["text"] == "Anna Nowak: good evening"


async def test_buttons_of_a_conversation_do_nothing_in_other_hands(story: Story) -> None:
    card = await ask(story)
    await reply(story, "Hello", card)
    message, data = story.telegram.find_button(story.anna.id, "End the conversation")
    await story.start(story.tom)
    hello = story.shown(story.tom.id)["message_id"]
    await story.telegram.tap(story.tom.id, story.tom.id, hello, data)
    await story.telegram.tap(story.tom.id, story.tom.id, hello, data.replace("end", "close"))
    await story.telegram.tap(story.tom.id, story.tom.id, hello, data.replace("end", "ack"))
    await story.settle()
    assert story.message(story.group.id, card)["text"].endswith("💬 Talking, answered by Maya")
    assert message


async def test_an_answer_is_rated_once_and_quietly(story: Story) -> None:
    await story.say(story.anna, "pain")
    assert ["👍 Helpful", "👎 Not what I meant"] in labels(story.shown(story.anna.id))
    await story.tap(story.anna, "👍 Helpful")
    assert "👍 Helpful" not in str(labels(story.shown(story.anna.id)))
    assert len(story.since(story.anna.id, 0)) == 1

    await story.say(story.anna, "hair")
    await story.tap(story.anna, "👎 Not what I meant")
    assert story.shown(story.anna.id)["text"] == "I am sorry. Is it one of these, or shall I ask the clinic?"
    await story.tap(story.anna, "Ask the clinic")
    assert "hair" in story.shown(story.group.id)["text"]


# quicker than the answer to what was sent


class Held(SandboxTransport):
    """Lets messages arrive, and answers only when the test lets it."""

    def __init__(self, telegram: Telegram) -> None:
        super().__init__(telegram)
        self.answers = asyncio.Event()
        self.answers.set()

    async def exchange(
        self, method: str, params: Mapping[str, Any], files: Mapping[str, File], seconds: float
    ) -> tuple[int, bytes]:
        """Carry one request."""
        answer = await super().exchange(method, params, files, seconds)
        if method == "sendMessage":
            await self.answers.wait()
        return answer


@pytest_asyncio.fixture
async def held(clinic: Clinic, database_url: str) -> AsyncIterator[tuple[Story, Held]]:
    story = Story(clinic, FixedReader(), database_url)
    transport = story.transport = Held(story.telegram)
    await story.open()
    yield story, transport
    transport.answers.set()
    await story.close()


def watch(monkeypatch: pytest.MonkeyPatch, name: str) -> asyncio.Event:
    """Return what is set once a handler has found by `outbox.NAME` that it has to wait."""
    waits, look, loop = asyncio.Event(), getattr(outbox, name), asyncio.get_running_loop()

    def watched(session: Session, about: Any) -> bool:
        found = bool(look(session, about))
        if found:
            loop.call_soon_threadsafe(waits.set)
        return found

    monkeypatch.setattr(outbox, name, watched)
    return waits


async def test_a_reply_that_comes_before_the_card_is_known_to_have_arrived(
    held: tuple[Story, Held], monkeypatch: pytest.MonkeyPatch
) -> None:
    story, wire = held
    await story.say(story.anna, "May I?")
    waits = watch(monkeypatch, "is_sending")
    wire.answers.clear()
    await story.telegram.tap_button(story.anna.id, "Ask the clinic")
    await story.telegram.wait_until(lambda: story.since(story.group.id, 0))
    card = story.shown(story.group.id)["message_id"]
    await story.telegram.send_text(story.maya.id, "You may.", chat_id=story.group.id, reply_to=card)
    await asyncio.wait_for(waits.wait(), 20)
    wire.answers.set()
    await story.settle()
    assert "Linden Skin Clinic answers:\nYou may." in story.since(story.anna.id, 0)
    assert not any(text.startswith("⚠️") for text in story.since(story.group.id, 0))


async def test_an_edit_that_comes_before_its_message_has_gone(
    held: tuple[Story, Held], monkeypatch: pytest.MonkeyPatch
) -> None:
    story, wire = held
    card, waits = await ask(story), watch(monkeypatch, "is_owed")
    wire.answers.clear()
    await story.telegram.send_text(story.maya.id, "Come at nein.", chat_id=story.group.id, reply_to=card)
    staffs = story.newest_of(story.maya, story.group.id)
    await story.telegram.edit_text(story.maya.id, story.group.id, staffs, "Come at nine.")
    await asyncio.wait_for(waits.wait(), 20)
    wire.answers.set()
    await story.settle()
    texts = [message.get("text") for message in story.telegram.history(story.anna.id)]
    assert "Linden Skin Clinic answers:\nCome at nine." in texts
    assert "Linden Skin Clinic answers:\nCome at nein." not in texts
