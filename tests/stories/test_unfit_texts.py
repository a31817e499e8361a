"""Characters that no database can hold: a client may send what it likes, and is answered like everybody."""

import pytest

from tests.story import Story


@pytest.mark.parametrize("unfit", ["\x00", "\ud83d"])
async def test_a_question_with_a_character_that_no_database_holds_reaches_staff(any_story: Story, unfit: str) -> None:
    eva = any_story.telegram.add_user("Eva", f"No{unfit}wak")
    await any_story.start(eva)
    await any_story.say(eva, f"I take warfarin{unfit}, may I come?")
    await any_story.tap(eva, "Ask the clinic")
    card = any_story.shown(any_story.group.id)
    assert card["text"].startswith("Question from Eva No\ufffdwak\nI take warfarin")
    await any_story.say(any_story.maya, f"Yes{unfit}.", chat=any_story.group, reply_to=card["message_id"])
    assert any("answers:\nYes" in text for text in any_story.since(eva.id, 0))


@pytest.mark.parametrize("unfit", ["\x00", "\ud83d"])
async def test_it_does_not_stand_between_an_emergency_and_its_answer(any_story: Story, unfit: str) -> None:
    await any_story.start(any_story.anna)
    (said,) = await any_story.say(any_story.anna, f"my lip is swollen and I can't breathe{unfit}")
    assert "999" in said
    assert "Possible emergency" in any_story.shown(any_story.group.id)["text"]
