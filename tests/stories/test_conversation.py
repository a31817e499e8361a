"""What a patient asks and staff answer, where it does not go straight on."""

from datetime import timedelta

import pytest
from sqlalchemy import select

from bot.store.models import Enquiry, Patient, Question
from tests.quick import without_waits
from tests.story import Story, labels

MINUTE = timedelta(minutes=1)


@pytest.fixture(autouse=True)
def _unhurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits for Telegram's limits, which have tests of their own."""
    without_waits(monkeypatch)


async def ask(story: Story, question: str) -> int:
    """Let Anna pass a question on, and return the card's message id."""
    await story.say(story.anna, question)
    await story.tap(story.anna, "Ask the clinic")
    return int(story.shown(story.group.id)["message_id"])


# one conversation


async def test_a_second_card_is_answered_within_the_conversation_that_is_open(any_story: Story) -> None:
    story = any_story
    scars, brand = await ask(story, "Do you treat old acne scars?"), await ask(story, "what brand do you use")
    await story.say(story.maya, "We do.", chat=story.group, reply_to=scars)
    await story.say(story.priya, "A French one.", chat=story.group, reply_to=brand)
    told = story.since(story.anna.id, 0)
    assert sum(text.startswith("You are now talking with") for text in told) == 1
    assert "Linden Skin Clinic answers:\nA French one." in told
    assert story.message(story.group.id, scars)["text"].endswith("💬 Talking, answered by Maya")
    assert story.message(story.group.id, brand)["text"].endswith("☑️ Closed by staff (Priya)")

    await story.tap(story.anna, "End the conversation")
    (answer,) = await story.say(story.anna, "does it hurt?")
    assert answer.startswith("Does it hurt?")
    await story.say(story.priya, "By the way.", chat=story.group, reply_to=brand)  # a new one
    assert story.shown(story.anna.id)["text"].startswith("You are now talking with")


async def test_two_conversations_of_an_older_version_end_one_after_the_other(story: Story) -> None:
    cards = [await ask(story, "Do you treat old acne scars?"), await ask(story, "what brand do you use")]
    await story.say(story.maya, "We do.", chat=story.group, reply_to=cards[0])
    assert story.database is not None

    def open_both(session: object) -> None:
        for enquiry in session.scalars(select(Enquiry)):  # type: ignore[attr-defined]
            enquiry.state, enquiry.handled_by = "talking", "Maya"

    await story.database.transaction(open_both)
    _, data = story.telegram.find_button(story.anna.id, "End the conversation")
    message = story.shown(story.anna.id)["message_id"]
    for _ in cards:
        await story.telegram.tap(story.anna.id, story.anna.id, message, data)
        await story.settle()
    (answer,) = await story.say(story.anna, "does it hurt?")
    assert answer.startswith("Does it hurt?")


# fragments


async def test_a_fragment_after_a_personal_question_stays_personal(story: Story) -> None:
    await story.say(story.anna, "does it hurt?")
    await story.say(story.anna, "i am pregnant, can i still have it?")
    (told,) = await story.say(story.anna, "and for the neck?")
    assert told.startswith("That is for a practitioner to answer")


@pytest.mark.parametrize("how", ["link", "button"])
async def test_a_topic_that_was_opened_by_hand_is_remembered(story: Story, how: str) -> None:
    if how == "link":
        await story.start(story.anna, "pain")
    else:
        await story.start(story.anna)
        await story.telegram.tap(story.anna.id, story.anna.id, story.shown(story.anna.id)["message_id"], "topic:pain")
        await story.settle()
    assert story.database is not None
    kept = await story.database.read(lambda session: session.get_one(Patient, story.anna.id).topic)
    assert kept == "pain"
    (told,) = await story.say(story.anna, "and for the neck?")
    assert told.startswith("Does it hurt?")


async def test_what_was_not_answered_is_no_topic_to_go_on_from(story: Story) -> None:
    await story.say(story.anna, "does it hurt?")
    await story.say(story.anna, "what's the capital of peru")
    assert story.database is not None
    assert await story.database.read(lambda session: session.get_one(Patient, story.anna.id).topic) is None


# suggestions

UNSURE = "is the gym a stupid idea with all of it"
"""A question for which the matcher only has suggestions."""


async def test_a_tapped_suggestion_keeps_the_person_and_answers_the_question(story: Story) -> None:
    await story.say(story.anna, UNSURE)
    assert "Book" not in str(labels(story.shown(story.anna.id)))  # nobody asked for a visit
    await story.tap(story.anna, "Aftercare")
    shown = labels(story.shown(story.anna.id))
    assert shown[-2:] == [["👍 Helpful", "👎 Not what I meant"], ["Ask the clinic", "« All topics"]]
    (gaps,) = await story.say(story.maya, "/gaps", chat=story.group)
    assert gaps == "No question was left open in the last 30 days."

    await story.tap(story.anna, "👎 Not what I meant")
    (gaps,) = await story.say(story.maya, "/gaps", chat=story.group)
    assert UNSURE in gaps
    await story.tap(story.anna, "Ask the clinic")
    assert UNSURE in story.shown(story.group.id)["text"]


async def test_a_suggestion_cannot_answer_somebody_elses_question(story: Story) -> None:
    await story.say(story.anna, UNSURE)
    _, data = story.telegram.find_button(story.anna.id, "Aftercare")
    await story.start(story.tom)
    await story.telegram.tap(story.tom.id, story.tom.id, story.shown(story.tom.id)["message_id"], data)
    await story.settle()
    assert story.database is not None
    routes = await story.database.read(lambda session: session.scalars(select(Question.route)).all())
    assert routes == ["suggest"]


async def test_a_bare_day_is_the_wish_for_a_visit(story: Story) -> None:
    (form,) = await story.say(story.anna, "friday")
    assert form.startswith("🗓 Book a visit\nFriday, 27 November")


async def test_what_nobody_can_write_an_answer_to_is_no_gap(story: Story) -> None:
    for text in ("🤔", "?!", "Anna Nowak 07700 900123", "do you treat old acne scars"):
        await story.say(story.anna, text)
    (gaps,) = await story.say(story.maya, "/gaps", chat=story.group)
    assert "acne scars" in gaps
    assert not any(text in gaps for text in ("🤔", "?!", "07700"))


async def test_an_answer_for_everybody_has_to_be_text(story: Story) -> None:
    await story.say(story.anna, "do you treat old acne scars")
    await story.say(story.maya, "/gaps", chat=story.group)
    await story.tap(story.maya, "1", chat=story.group)
    request = story.shown(story.group.id)["message_id"]
    assert await story.send_file(story.maya, "photo", chat=story.group, reply_to=request) == [
        "An answer for everybody has to be text. Please reply to my message with the words."
    ]


# while a question waits


async def test_a_detail_is_added_to_the_question_that_waits(any_story: Story) -> None:
    story = any_story
    card = await ask(story, "what brand do you use")
    await story.say(story.anna, "it is about the left cheek btw")
    tap = await story.tap(story.anna, "Add to my question")
    assert tap is not None
    assert tap["text"] == "Added to your question to the clinic."
    below = story.shown(story.group.id)
    assert (below["text"], below["reply_to_message"]["message_id"]) == (
        "Anna Nowak: it is about the left cheek btw",
        card,
    )
    tap = await story.tap(story.anna, "Add to my question")
    assert tap is not None
    assert tap["text"] == "The clinic has your question already."
    await story.send_file(story.anna, "voice")
    await story.tap(story.anna, "Add to my question")
    assert "voice" in story.shown(story.group.id)
    (gaps,) = await story.say(story.maya, "/gaps", chat=story.group)
    assert "left cheek" not in gaps


async def test_details_of_others_and_of_what_is_over_go_nowhere(story: Story) -> None:
    card = await ask(story, "what brand do you use")
    await story.say(story.anna, "it is about the left cheek btw")
    _, data = story.telegram.find_button(story.anna.id, "Add to my question")
    await story.start(story.tom)
    await story.telegram.tap(story.tom.id, story.tom.id, story.shown(story.tom.id)["message_id"], data)
    await story.settle()
    assert story.shown(story.group.id)["message_id"] == card
    await story.tap(story.maya, "Close without an answer", chat=story.group)
    tap = await story.tap(story.anna, "Add to my question")
    assert tap is not None
    assert tap["text"] == "That question is closed. Please ask again."


@pytest.mark.parametrize(
    ("ahead", "told"),
    [
        (timedelta(hours=3), "We open today at 14:00."),  # Monday 13:30
        (timedelta(hours=21), "We open today at 09:00."),  # Tuesday 07:30
        (timedelta(hours=13), "We open tomorrow at 09:00."),
        (timedelta(hours=1), ""),
    ],
)
async def test_who_asks_is_told_when_somebody_is_there(story: Story, ahead: timedelta, told: str) -> None:
    story.clock.advance(ahead)
    await ask(story, "what brand do you use")
    text = story.shown(story.anna.id)["text"]
    assert told in text
    assert ("We open" in text) == bool(told)
