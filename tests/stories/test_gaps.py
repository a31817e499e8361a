"""What patients asked and nobody answered, and how it becomes an answer."""

from tests.story import Story, labels

SCARS = ("Do you also treat old acne scars?", "can you treat acne scars", "treatment for old scars from acne??")


async def asked_in_vain(story: Story) -> None:
    for person, question in zip((story.anna, story.tom, story.anna), SCARS, strict=True):
        await story.say(person, question)
    await story.say(story.tom, "what colour are the curtains in your waiting room")


async def test_a_gap_becomes_an_answer_once_somebody_else_approves_it(story: Story) -> None:
    await asked_in_vain(story)
    (listed,) = await story.say(story.maya, "/gaps", chat=story.group)
    assert listed.startswith("Questions without an answer, last 30 days\n\n1. asked 3 times\n")
    assert all(question in listed for question in SCARS)
    assert "curtains" in listed

    await story.tap(story.priya, "1", chat=story.group)
    request = story.shown(story.group.id)
    assert request["text"].endswith("Somebody else, or the owner of this group, approves it then.")
    (draft,) = await story.say(
        story.priya, "Yes, with <needling>; book a consultation.", chat=story.group, reply_to=request["message_id"]
    )
    assert draft.startswith("Answer by Priya\n")
    assert draft.endswith("⏳ Waiting for somebody else's approval")
    (before,) = await story.say(story.tom, "do you treat old acne scars")
    assert "needling" not in before

    refused = await story.tap(story.priya, "Approve", chat=story.group)
    assert refused is not None
    assert refused["text"] == "Somebody else, or the group's owner, has to approve what you wrote."
    await story.tap(story.maya, "Approve", chat=story.group)
    assert story.shown(story.group.id)["text"].endswith("✅ Approved by Maya: patients get it from now on")

    (answer,) = await story.say(story.tom, "do you treat old acne scars?")
    assert answer == "Yes, with <needling>; book a consultation.\n\nAnswered by Priya, Linden Skin Clinic"
    (other,) = await story.say(story.tom, "I take warfarin, do you treat acne scars?")
    assert "needling" not in other
    assert (await story.say(story.tom, "my face is swelling and i cant breathe"))[0].startswith("This could be")

    await story.tap(story.priya, "Withdraw", chat=story.group)
    (after,) = await story.say(story.tom, "do you treat old acne scars?")
    assert "needling" not in after


async def test_gaps_are_for_staff_only(story: Story) -> None:
    await asked_in_vain(story)
    other = story.telegram.add_group("Somebody else", [story.tom])
    assert await story.say(story.tom, "/gaps", chat=other) == []
    (told,) = await story.say(story.tom, "/gaps")
    assert "acne" not in told
    await story.say(story.maya, "/gaps", chat=story.group)
    message, data = story.telegram.find_button(story.group.id, "1")
    await story.start(story.tom)
    hello = story.shown(story.tom.id)["message_id"]
    tap = await story.telegram.tap(story.tom.id, story.tom.id, hello, data)
    await story.settle()
    assert tap.answer is not None
    assert "older message" in tap.answer["text"]
    assert message


async def test_without_gaps_staff_are_told_so(story: Story) -> None:
    (told,) = await story.say(story.maya, "/gaps", chat=story.group)
    assert told == "No question was left open in the last 30 days."
    assert labels(story.shown(story.group.id)) == []
