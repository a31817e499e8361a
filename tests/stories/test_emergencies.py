"""After a red flag: everything goes below its card, one person takes all of it, and nothing is offered that day."""

from datetime import timedelta

import pytest

from bot.config import Clinic
from bot.delivery.markup import TEXT_LIMIT, length
from faq.reader import Reader
from tests.quick import without_waits
from tests.story import Story, labels

MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
WHITE = "my lip went white after the injection"
EMERGENCY = "This could be an emergency. Call 999 now."
ADDED = (
    "I have added this for the clinic. Nobody watches this chat in real time: call 999, or the clinic on "
    "+44 20 7946 0999."
)


@pytest.fixture(autouse=True)
def _unhurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits for Telegram's limits, which have tests of their own."""
    without_waits(monkeypatch)


def alerts(story: Story) -> list[str]:
    return [text for text in story.since(story.group.id, 0) if text.startswith("🔴 Possible emergency")]


def calls(story: Story, seen: int = 0) -> list[str]:
    return [text for text in story.since(story.group.id, seen) if text.startswith("🔴 Nobody is looking after")]


async def ask(story: Story, question: str) -> int:
    """Let Anna pass a question on, and return the card's message id."""
    await story.say(story.anna, question)
    await story.tap(story.anna, "Ask the clinic")
    return int(story.shown(story.group.id)["message_id"])


# one patient, one card, one person


async def test_one_who_is_on_it_is_on_all_of_a_patients_alerts(any_story: Story) -> None:
    story = any_story
    await story.say(story.anna, WHITE)
    card = story.shown(story.group.id)["message_id"]
    (text,) = await story.say(story.anna, "i cant breathe properly and my throat is closing")
    assert text.startswith(EMERGENCY)  # however often
    assert len(alerts(story)) == 1
    below = story.shown(story.group.id)
    assert below["text"] == "🔴 Anna Nowak: i cant breathe properly and my throat is closing"
    assert below["reply_to_message"]["message_id"] == card

    seen = story._last(story.anna.id)
    await story.tap(story.priya, "I am on it", chat=story.group)
    assert story.since(story.anna.id, seen) == [
        "Priya at Linden Skin Clinic has seen your message. If it gets worse, do not wait: call 999, or the clinic on "
        "+44 20 7946 0999."
    ]
    await story.say(story.anna, "now i cant see out of my left eye")
    assert story.shown(story.group.id)["text"] == "🔴 Anna Nowak: now i cant see out of my left eye"
    for _ in range(15):
        await story.pass_time(4 * MINUTE)
    assert calls(story) == []
    assert not any(text.startswith("Nobody at the clinic") for text in story.since(story.anna.id, 0))


async def test_who_talks_with_the_patient_already_has_the_alert(story: Story) -> None:
    card = await ask(story, "Do you treat old acne scars?")
    await story.say(story.maya, "Which?", chat=story.group, reply_to=card)
    await story.say(story.anna, WHITE)
    alert = story.shown(story.group.id)["message_id"]
    await story.say(story.maya, "Calling you now!", chat=story.group, reply_to=card)
    assert story.message(story.group.id, alert)["text"].endswith("✅ Maya is on it")
    await story.pass_time(30 * MINUTE)
    assert calls(story) == []
    assert not any(text.startswith("Nobody at the clinic") for text in story.since(story.anna.id, 0))


async def test_an_answer_to_a_question_that_waits_is_no_answer_to_the_alert(story: Story) -> None:
    card = await ask(story, "Do you treat old acne scars?")
    await story.say(story.anna, WHITE)
    await story.say(story.maya, "We do.", chat=story.group, reply_to=card)
    await story.pass_time(3 * MINUTE)
    assert len(calls(story)) == 1


async def test_calls_grow_rarer_but_go_on_and_come_at_opening(story: Story) -> None:
    story.clock.advance(timedelta(hours=10, minutes=10))  # Monday 20:40
    await story.say(story.anna, WHITE)
    for _ in range(20):
        await story.pass_time(3 * MINUTE)
    assert len(calls(story)) == 20
    evening = story._last(story.group.id)
    for minutes in (6, 12, 24, 48, *[60] * 9):  # until 08:10
        await story.pass_time(minutes * MINUTE)
    assert len(calls(story, evening)) == 13
    await story.pass_time(40 * MINUTE)
    opening = story._last(story.group.id)
    await story.pass_time(10 * MINUTE)
    assert len(calls(story, opening)) == 1  # Tuesday 09:00, for the clinic has opened
    await story.tap(story.maya, "I am on it", chat=story.group)
    done = story._last(story.group.id)
    await story.pass_time(24 * HOUR)
    assert calls(story, done) == []


# what follows


@pytest.mark.parametrize(
    "text", ["my name is anna by the way", "please help me", "what should i do now", "are you there??"]
)
async def test_what_a_patient_writes_after_a_red_flag_goes_below_its_card(story: Story, text: str) -> None:
    await story.say(story.anna, WHITE)
    card = story.shown(story.group.id)["message_id"]
    assert await story.say(story.anna, text) == [ADDED]
    assert labels(story.shown(story.anna.id)) == []
    below = story.shown(story.group.id)
    assert (below["text"], below["reply_to_message"]["message_id"]) == (f"Anna Nowak: {text}", card)
    await story.edit(story.anna, story.anna.id, story.newest_of(story.anna, story.anna.id), "the right side")
    assert story.shown(story.group.id)["text"] == "Anna Nowak: the right side"


async def test_what_a_patient_writes_long_after_somebody_came_is_a_question_again(story: Story) -> None:
    await story.say(story.anna, WHITE)
    await story.tap(story.maya, "I am on it", chat=story.group)
    await story.pass_time(HOUR)
    assert await story.say(story.anna, "does it hurt?") == [ADDED]
    await story.pass_time(HOUR)
    (answer,) = await story.say(story.anna, "does it hurt?")
    assert answer.startswith("Does it hurt?")


async def test_a_photo_after_a_red_flag_goes_below_its_card_as_well(any_story: Story) -> None:
    story = any_story
    await story.say(story.anna, WHITE)
    card = story.shown(story.group.id)["message_id"]
    assert await story.send_file(story.anna, "photo") == [ADDED]
    below = story.shown(story.group.id)
    assert "photo" in below
    assert below["reply_to_message"]["message_id"] == card


async def test_once_staff_have_settled_it_questions_are_answered_again(story: Story) -> None:
    await story.say(story.anna, WHITE)
    await story.tap(story.maya, "I am on it", chat=story.group)
    assert await story.say(story.anna, "does it hurt?") == [ADDED]
    await story.tap(story.maya, "Settled, close it", chat=story.group)
    (answer,) = await story.say(story.anna, "does it hurt?")
    assert answer.startswith("Does it hurt?")


async def test_without_staff_the_patient_is_told_to_call_again(
    clinic: Clinic, reader: Reader, database_url: str
) -> None:
    alone = Story(clinic, reader, database_url, staffed=False)
    await alone.open()
    await alone.say(alone.anna, WHITE)
    assert await alone.say(alone.anna, "what should i do now") == [
        "Nobody watches this chat. Please call 999, or the clinic on +44 20 7946 0999."
    ]
    await alone.pass_time(2 * HOUR)
    (answer,) = await alone.say(alone.anna, "does it hurt?")
    assert answer.startswith("Does it hurt?")
    await alone.close()


@pytest.mark.parametrize(
    "text",
    [
        "i need help now",
        "call me please its urgent, its about my face",
        "my face is a mess since yesterday, help",
        "i'm in A&E because of your treatment",
        "is it normal that its still bleeding",
    ],
)
async def test_a_call_for_help_leads_to_the_telephone_and_not_to_topics(story: Story, text: str) -> None:
    (told,) = await story.say(story.anna, text)
    if told.startswith((EMERGENCY, "Please speak to us today")):
        return  # louder still
    assert told.startswith("If something is wrong, please do not wait for an answer here: call us on +44 20 7946 0999.")
    assert labels(story.shown(story.anna.id)) == [["Ask the clinic"]]


# nothing is offered that day


async def test_after_a_red_flag_nothing_is_offered_that_day(story: Story) -> None:
    await story.say(story.anna, WHITE)
    await story.tap(story.maya, "I am on it", chat=story.group)
    await story.tap(story.maya, "Settled, close it", chat=story.group)
    for text in ("how much is it", "hi", "/menu", "/start", "/start makeup", "/nonsense", "friday"):
        await story.say(story.anna, text)
        assert "Book" not in str(labels(story.shown(story.anna.id))), text
    await story.say(story.anna, "/menu")
    await story.tap(story.anna, "« All topics")
    await story.tap(story.anna, labels(story.shown(story.anna.id))[0][0])
    await story.tap(story.anna, labels(story.shown(story.anna.id))[0][0])
    assert "Book" not in str(labels(story.shown(story.anna.id)))
    first, _form = await story.say(story.anna, "/book")
    assert first == (
        "You wrote to us about something that may need attention. Please call us about it before you book: "
        "+44 20 7946 0999."
    )
    await story.pass_time(25 * HOUR)
    await story.say(story.anna, "/menu")
    assert "Book" in str(labels(story.shown(story.anna.id)))


# a sign in an odd place


@pytest.mark.parametrize(
    "text",
    [
        "/help my throat is closing",
        "/start i cant breathe",
        "/contact my lip went white",
        "/cancel my face is swelling and i cant breathe",
        "/book cant see out of left eye",
        "/nonsense\nmy throat is closing",
    ],
)
async def test_a_red_flag_behind_a_command_is_heard(story: Story, text: str) -> None:
    (told,) = await story.say(story.anna, text)
    assert told.startswith(EMERGENCY)
    assert len(alerts(story)) == 1


async def test_commands_and_links_with_calm_words_behind_them_still_work(story: Story) -> None:
    assert len(await story.say(story.anna, "/start makeup")) == 2
    (told,) = await story.say(story.anna, "/contact please")
    assert told.startswith("Linden Skin Clinic")


async def test_the_card_of_a_long_message_begins_with_the_sign_and_the_rest_is_below(story: Story) -> None:
    story_of_it = "It was a nice day and the nurse was kind. " * 36
    text = f"{story_of_it}And now I cannot see out of my left eye."
    await story.say(story.anna, text)
    card, rest = story.since(story.group.id, 0)
    assert card.startswith("🔴 Possible emergency: Anna Nowak\nAnd now I cannot see out of my left eye.\n")
    assert rest.endswith("And now I cannot see out of my left eye.")
    answered = story.shown(story.group.id)["message_id"]  # a reply to the rest reaches the patient as well
    await story.say(story.maya, "We call you.", chat=story.group, reply_to=answered)
    assert "Linden Skin Clinic answers:\nWe call you." in story.since(story.anna.id, 0)


async def test_no_word_of_a_long_message_is_lost_to_staff(story: Story) -> None:
    card = await ask(story, "Do you treat old acne scars? " + "Please read on. " * 120 + "And freckles?")
    shown = story.since(story.group.id, 0)
    assert shown[-1].endswith("And freckles?")
    assert len(shown) == 2
    await story.say(story.maya, "Yes.", chat=story.group, reply_to=card)
    long = "🙂" * (TEXT_LIMIT // 2)
    assert length(long) == TEXT_LIMIT
    seen = story._last(story.group.id)
    await story.say(story.anna, long)
    assert "".join(story.since(story.group.id, seen)).count("🙂") == TEXT_LIMIT // 2


# corrections


async def test_three_edits_of_one_red_flag_are_one_card_and_one_text(story: Story) -> None:
    await story.say(story.anna, WHITE)
    message, told = story.newest_of(story.anna, story.anna.id), len(story.since(story.anna.id, 0))
    for text in ("my lip went white after the jab", "my lip went white and numb", "my lip went all white"):
        await story.edit(story.anna, story.anna.id, message, text)
    assert len(alerts(story)) == 1
    assert len(story.since(story.anna.id, 0)) == told
    assert "my lip went all white" in alerts(story)[0]
    assert story.shown(story.group.id)["text"] == "✏️ Anna Nowak has changed the message: my lip went all white"


async def test_an_edit_that_makes_it_an_emergency_gets_the_text(story: Story) -> None:
    (told,) = await story.say(story.anna, "there is a hard lump under the skin where you injected")
    assert told.startswith("Please speak to us today")
    message = story.newest_of(story.anna, story.anna.id)
    seen = story._last(story.anna.id)
    await story.edit(story.anna, story.anna.id, message, "there is a lump and i cant breathe")
    assert [text[: len(EMERGENCY)] for text in story.since(story.anna.id, seen)] == [EMERGENCY]


async def test_a_corrected_question_reaches_staff_corrected(any_story: Story) -> None:
    story = any_story
    await story.say(story.anna, "what brand for nekc")
    await story.edit(story.anna, story.anna.id, story.newest_of(story.anna, story.anna.id), "what brand for the SCALP")
    await story.tap(story.anna, "Ask the clinic")
    card = story.shown(story.group.id)["message_id"]
    assert story.message(story.group.id, card)["text"].startswith(
        "Question from Anna Nowak\nwhat brand for the SCALP\n"
    )
    await story.edit(story.anna, story.anna.id, story.newest_of(story.anna, story.anna.id), "what brand for the NECK")
    assert "what brand for the NECK" in story.message(story.group.id, card)["text"]
    assert story.shown(story.group.id)["text"] == "✏️ Anna Nowak has changed the message: what brand for the NECK"
