"""From Start to a vetted answer, and to a person."""

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
import pytest_asyncio
from sqlalchemy import func, select

from bot.clinic import upkeep
from bot.config import Clinic
from bot.store.models import Audit, Incoming, Outgoing, Patient, Question
from faq.content import packaged
from faq.reader import Reader
from tests.story import Story, labels

LIMITS = (
    "I am a program, not a doctor, and nobody watches this chat in real time. "
    "In an emergency call 999. The clinic: +44 20 7946 0958."
)


@pytest_asyncio.fixture
async def unstaffed(clinic: Clinic, reader: Reader, database_url: str) -> AsyncIterator[Story]:
    story = Story(clinic, reader, database_url, staffed=False)
    await story.open()
    yield story
    await story.close()


async def test_a_patient_starts_browses_and_comes_back(story: Story) -> None:
    (welcome,) = await story.start(story.anna)
    assert welcome == (
        "Hello Anna, I am the assistant of Linden Skin Clinic.\n\n"
        f"Ask me about mesotherapy in your own words, or choose below.\n\n{LIMITS}"
    )
    menu = labels(story.shown(story.anna.id))
    assert menu[0] == ["📖 About mesotherapy", "🔎 Skin and hair concerns"]

    await story.tap(story.anna, "🌿 After your visit")
    category = story.shown(story.anna.id)
    assert category["text"].startswith("🌿 After your visit\n\n")
    assert labels(category)[-1] == ["« All topics"]

    await story.tap(story.anna, "Aftercare")
    answer = story.shown(story.anna.id)
    assert answer["text"].startswith("How do I look after my skin afterwards?\n\n")
    assert "{" not in answer["text"]
    assert any(entity["type"] == "expandable_blockquote" for entity in answer["entities"])

    await story.tap(story.anna, "« After your visit")
    assert story.shown(story.anna.id)["text"] == category["text"]
    await story.tap(story.anna, "« All topics")
    assert labels(story.shown(story.anna.id)) == menu
    assert len(story.telegram.history(story.anna.id)) == 2  # one page that edits itself


async def test_two_answers_too_long_for_one_message_come_in_two(
    clinic: Clinic, reader: Reader, database_url: str, tmp_path: Path
) -> None:
    (tmp_path / "en").mkdir()
    for topic in ("price", "hours"):
        text = (packaged() / "en" / f"{topic}.md").read_text(encoding="utf-8")
        (tmp_path / "en" / f"{topic}.md").write_text(f"{text.rstrip()}\n\n{'Much more. ' * 250}\n", encoding="utf-8")
    wordy = clinic.model_copy(update={"content": clinic.content.model_copy(update={"folder": tmp_path})})
    story = Story(wordy, reader, database_url)
    await story.open()
    first, second = await story.say(story.anna, "how much is it and are you open tomorrow?")
    assert first.startswith("What does it cost?")
    assert second.startswith("When are you open?")
    first_shown, shown = story.telegram.history(story.anna.id)[-2:]
    assert (labels(first_shown), labels(shown)[-1]) == ([], ["Ask the clinic", "« All topics"])
    await story.close()


async def test_every_page_of_the_menu_can_be_opened(story: Story) -> None:
    await story.say(story.anna, "/menu")
    opened = set()
    *categories, booking = labels(story.shown(story.anna.id))
    assert booking == ["🗓 Book a visit"]
    for row in categories:
        for category in row:
            await story.tap(story.anna, category)
            page = story.shown(story.anna.id)
            for topic in [label for topics in labels(page)[:-1] for label in topics]:
                await story.tap(story.anna, topic)
                opened.add(story.shown(story.anna.id)["text"].partition("\n")[0])
                await story.tap(story.anna, next(label for row in labels(story.shown(story.anna.id)) for label in row
                                                 if label.startswith("« ") and label != "« All topics"))  # fmt: skip
            await story.tap(story.anna, "« All topics")
    assert len(opened) == 36  # all but prescription treatments, which are answered only when somebody asks


async def test_what_the_bot_says_of_itself(story: Story) -> None:
    (help_text,) = await story.say(story.anna, "/help")
    assert help_text.endswith(LIMITS)
    (privacy,) = await story.say(story.anna, "/privacy")
    assert "Linden Skin Clinic Ltd is responsible for it." in privacy
    assert "questions, conversations, messages: 90 days" in privacy
    assert "not end-to-end encrypted" in privacy
    (contact,) = await story.say(story.anna, "/contact")
    assert contact == (
        "Linden Skin Clinic\n\n"
        "Telephone: +44 20 7946 0958\nIf something looks wrong after a treatment: +44 20 7946 0999\n"
        "E-mail: hello@linden.example\nhttps://linden.example\n\n"
        "12 Linden Row, London N1\nShow on the map\n"
        "Four minutes on foot from the station; step-free entrance in the courtyard.\n\n"
        "Monday: 09:00–13:00, 14:00–18:00 – today\nTuesday: 09:00–13:00, 14:00–18:00\n"
        "Wednesday: 09:00–13:00, 14:00–20:00\nThursday: 09:00–13:00, 14:00–18:00\n"
        "Friday: 09:00–13:00, 14:00–17:00\nSaturday: 10:00–14:00\nSunday: closed\n\n"
        "In an emergency call 999."
    )


@pytest.mark.parametrize("payload", ["makeup", "aftercare"])
async def test_a_deep_link_opens_its_topic(story: Story, payload: str) -> None:
    welcome, topic = await story.start(story.anna, payload)
    assert welcome.startswith("Hello Anna")
    assert "24 hours" in topic
    assert story.app is not None
    kept = await story.app.database.read(lambda session: session.get_one(Patient, story.anna.id).payload)
    assert kept == payload


async def test_an_unknown_deep_link_only_says_hello(story: Story) -> None:
    assert len(await story.start(story.anna, "autumn-flyer")) == 1


async def test_a_question_is_answered_and_kept(story: Story) -> None:
    (answer,) = await story.say(story.anna, "When can I put on make-up again?")
    assert "24 hours" in answer
    assert story.app is not None
    questions = await story.app.database.read(lambda session: session.scalars(select(Question)).all())
    assert [(one.chat_id, one.text, one.route, one.topic) for one in questions] == [
        (story.anna.id, "When can I put on make-up again?", "answer", "makeup")
    ]


async def test_a_question_goes_to_staff_and_their_reply_comes_back(story: Story) -> None:
    await story.say(story.anna, "I am pregnant, may I have it?")
    asked = story.shown(story.anna.id)
    assert asked["text"] == (
        "That is for a practitioner to answer, because it depends on you. Please do not stop or change any medicine. "
        "Shall I pass your question to the clinic?"
    )
    await story.tap(story.anna, "Ask the clinic")
    assert story.shown(story.anna.id)["text"] == (
        "I have passed your question to the clinic. The answer will come here. "
        "If it cannot wait, call +44 20 7946 0958."
    )
    card = story.shown(story.group.id)
    assert card["text"] == (
        "Question from Anna Nowak\nI am pregnant, may I have it?\n"
        "Reply to this message, and your answer goes to the patient.\n\n⏳ Waiting for an answer"
    )
    noted = await story.say(story.maya, "Please <b>come</b> & see us.", chat=story.group, reply_to=card["message_id"])
    assert noted == [
        "Your answer is on its way to Anna Nowak. "
        "You are talking now: what they write comes here, and replies go to them."
    ]
    assert "Linden Skin Clinic answers:\nPlease <b>come</b> & see us." in story.since(story.anna.id, 0)

    note = await story.tap(story.anna, "Ask the clinic")
    assert note is not None
    assert note["text"] == "The clinic has your question already."
    assert story.app is not None
    trail = await story.app.database.read(lambda session: session.scalars(select(Audit)).all())
    assert [(one.actor, one.action, one.before, one.after) for one in trail] == [
        (None, "staff group", None, str(story.group.id)),
        (story.maya.id, "enquiry talking", "waiting", "talking"),
    ]


async def test_after_hours_the_patient_is_told_when_somebody_comes(story: Story) -> None:
    story.clock.advance(timedelta(hours=13, minutes=10))  # Monday 23:40
    await story.say(story.anna, "I am pregnant, may I have it?")
    await story.tap(story.anna, "Ask the clinic")
    assert "We open tomorrow at 09:00." in story.shown(story.anna.id)["text"]


async def test_a_red_flag_gets_the_fixed_text_and_alerts_staff(story: Story) -> None:
    (reply,) = await story.say(story.anna, "i cant breathe properly and my throat is closing")
    assert reply == (
        "This could be an emergency. Call 999 now.\n\nThis chat is not watched in real time. Clinic: +44 20 7946 0999."
    )
    assert labels(story.shown(story.anna.id)) == []
    alert = story.shown(story.group.id)
    assert alert["text"].startswith("🔴 Possible emergency: Anna Nowak")
    await story.say(story.priya, "We are calling you.", chat=story.group, reply_to=alert["message_id"])
    assert "Linden Skin Clinic answers:\nWe are calling you." in story.since(story.anna.id, 0)


async def test_without_a_staff_group_the_patient_is_told_to_call(unstaffed: Story) -> None:
    await unstaffed.say(unstaffed.anna, "I am pregnant, may I have it?")
    await unstaffed.tap(unstaffed.anna, "Ask the clinic")
    assert unstaffed.shown(unstaffed.anna.id)["text"] == (
        "I cannot reach the clinic's staff from here yet. Please call +44 20 7946 0958."
    )


async def test_a_group_is_claimed_with_the_printed_code(unstaffed: Story) -> None:
    assert unstaffed.app is not None
    code = unstaffed.app.claim_code
    assert code is not None
    (refused,) = await unstaffed.say(unstaffed.maya, "/claim WRONGCODE1", chat=unstaffed.group)
    assert refused.startswith("This code is not valid.")
    (claimed,) = await unstaffed.say(unstaffed.maya, f"/claim {code.lower()}", chat=unstaffed.group)
    assert claimed.startswith("This is now the staff group of Linden Skin Clinic.")

    other = unstaffed.telegram.add_group("Somebody else", [unstaffed.tom])
    (refused,) = await unstaffed.say(unstaffed.tom, f"/claim {code}", chat=other)
    assert refused.startswith("Another group is the staff group.")
    (told,) = await unstaffed.say(unstaffed.tom, "/help", chat=other)
    assert "/claim" in told
    (told,) = await unstaffed.say(unstaffed.maya, "/help", chat=unstaffed.group)
    assert "Reply to a card" in told

    await unstaffed.restart()
    assert unstaffed.app is not None
    assert unstaffed.app.claim_code is None


async def test_commands_are_known_to_telegram(story: Story) -> None:
    await story.telegram.wait_until(lambda: len(story.telegram.commands) == 2, what="setMyCommands")
    known = {scope: {one["command"] for one in commands} for (scope, _), commands in story.telegram.commands.items()}
    assert known["all_private_chats"] >= {"menu", "book", "bookings", "cancel", "contact", "privacy", "help"}
    assert known["all_group_chats"] >= {"pending", "today", "tomorrow", "week", "find", "block", "gaps", "help"}


async def test_what_is_old_is_deleted(story: Story) -> None:
    await story.say(story.anna, "does it hurt?")
    assert story.app is not None
    later = story.clock.now() + timedelta(days=91)
    await story.app.database.transaction(lambda session: upkeep.prune(session, story.clinic, later))
    for table in (Question, Outgoing, Incoming):
        count = await story.app.database.read(
            lambda session, table=table: session.scalar(select(func.count()).select_from(table))
        )
        assert count == 0, table.__tablename__
