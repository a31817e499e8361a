"""From Start to a vetted answer, and to a person."""

from tests.story import Story, labels


async def test_a_patient_starts_browses_and_comes_back(story: Story) -> None:
    (welcome,) = await story.start(story.anna)
    assert welcome == (
        "Hello Anna, I am the assistant of Linden Skin Clinic.\n\n"
        "Ask me about mesotherapy in your own words, or choose below.\n\n"
        "I am a program, not a doctor, and nobody watches this chat in real time. "
        "In an emergency call 999. The clinic: +44 20 7946 0958."
    )
    menu = labels(story.shown(story.anna.id))
    assert menu[0] == ["📖 About mesotherapy", "🔎 Skin and hair concerns"]

    await story.tap(story.anna, "🌿 After your visit")
    category = story.shown(story.anna.id)
    assert category["text"].startswith("🌿 After your visit")
    assert labels(category)[-1] == ["« All topics"]

    await story.tap(story.anna, "Aftercare")
    answer = story.shown(story.anna.id)
    assert "no touching for 24 hours" in answer["text"].lower().replace("not touch", "no touching")
    assert any(entity["type"] == "expandable_blockquote" for entity in answer["entities"])

    await story.tap(story.anna, "« All topics")
    assert labels(story.shown(story.anna.id)) == menu
    assert [line for line in story.transcript(story.anna.id) if line.startswith("Mesobot")] != []
    assert len(story.telegram.history(story.anna.id)) == 2  # the page edits itself


async def test_a_question_is_answered_and_kept(story: Story) -> None:
    (answer,) = await story.say(story.anna, "When can I put on make-up again?")
    assert "24 hours" in answer


async def test_a_question_goes_to_staff_and_their_reply_comes_back(story: Story) -> None:
    await story.say(story.anna, "I am pregnant, may I have it?")
    await story.tap(story.anna, "Ask the clinic")
    card = story.shown(story.group.id)
    assert card["text"] == (
        "Question from Anna Nowak\n\nI am pregnant, may I have it?\n\n"
        "Reply to this message, and your answer goes to the patient."
    )
    noted = await story.say(story.maya, "Please come after the birth.", chat=story.group, reply_to=card["message_id"])
    assert noted == ["Your answer is on its way to Anna Nowak."]
    assert story.shown(story.anna.id)["text"] == "Linden Skin Clinic answers:\nPlease come after the birth."

    note = await story.tap(story.anna, "Ask the clinic")
    assert note is not None
    assert note["text"] == "The clinic has your question already."
