"""What the bot does not understand: a helpful word where a person waits for one, silence where not, never a failure."""

import string
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from random import Random
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session
from structlog.testing import capture_logs

from bot.delivery import inbox
from bot.delivery.inbox import Kept
from bot.delivery.markup import TEXT_LIMIT, is_blank, length
from bot.sandbox.world import User
from bot.store.models import Audit, Enquiry, Fact, Incoming, Outgoing, Patient, Question
from bot.wording.staff import QUESTION_SHOWN
from faq.reader import Reader
from tests.quick import URGENT, FixedReader, without_waits
from tests.story import Story

ASK = "Ask the clinic"
ONLY_TEXT = "I can only read text"
SORRY = "Something went wrong on our side"


@pytest.fixture
def reader() -> Reader:
    return FixedReader()


@pytest.fixture(autouse=True)
def _no_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    without_waits(monkeypatch)
    monkeypatch.setenv("PTB_TIMEDELTA", "true")  # else the library warns of itself, which is an error here


@asynccontextmanager
async def calm(story: Story) -> AsyncIterator[None]:
    """Hold that whatever happens here is handled, without an error in the log and without a stuck message."""
    with capture_logs() as logs:
        yield
        await story.settle()
    assert [log for log in logs if log["log_level"] in ("error", "critical")] == []
    assert story.app is not None

    def left(session: Session) -> list[str]:
        # taps that wrote nothing are marked a moment later, so "new" is fine for them
        updates = session.scalars(select(Incoming.state).where(Incoming.state == "failed"))
        messages = session.scalars(select(Outgoing.state).where(Outgoing.state.not_in(("sent", "parked"))))
        return [*updates, *messages]

    assert await story.app.database.read(left) == []


def counts(story: Story) -> dict[int, int]:
    """Return how much the bot has said in each chat."""
    return {chat_id: len(story.since(chat_id, 0)) for chat_id in story.telegram.chats}


@asynccontextmanager
async def silence(story: Story) -> AsyncIterator[None]:
    """Hold that the bot says nothing to what happens here."""
    before = counts(story)
    async with calm(story):
        yield
    assert {chat_id: said for chat_id, said in counts(story).items() if said != before.get(chat_id, 0)} == {}


def private(story: Story, user: User, /, **content: Any) -> dict[str, Any]:
    """Return an update with a message of `user`, who has pressed Start, as Telegram would send it."""
    user.started = True
    message = {"message_id": 70_000, "date": 1_790_000_000, "chat": story.telegram.chats[user.id].as_dict()}
    return {"message": {**message, "from": user.as_dict(), **content}}


async def everything(story: Story) -> list[tuple[Any, ...]]:
    """Return all that the clinic knows, so that "nothing happened" can be told."""

    def look(session: Session) -> list[tuple[Any, ...]]:
        found: list[tuple[Any, ...]] = []
        for table in (Patient, Question, Enquiry, Audit, Fact):
            columns = table.__table__.columns
            found += [tuple(row) for row in session.execute(select(*columns).order_by(*table.__table__.primary_key))]
        return found

    assert story.app is not None
    return await story.app.database.read(look)


# a person waits


@pytest.mark.parametrize("kind", ["sticker", "photo", "voice", "document"])
async def test_a_file_gets_a_helpful_word(story: Story, kind: str) -> None:
    async with calm(story):
        (reply,) = await story.send_file(story.anna, kind)
    assert reply.startswith(ONLY_TEXT)


async def test_contacts_places_and_polls_get_a_helpful_word(story: Story) -> None:
    async with calm(story):
        await story.telegram.share_contact(story.anna.id)
        await story.telegram.share_contact(story.anna.id, of=story.tom)
        await story.telegram.send_location(story.anna.id, 51.5, -0.1)
        await story.telegram.send_poll(story.anna.id, "Which day?", ["Monday", "Tuesday"])
        for odd in (
            {"dice": {"emoji": "🎲", "value": 4}},
            {"video_note": {"file_id": "a", "file_unique_id": "b", "length": 1, "duration": 1}},
            {"paid_media": {"star_count": 1, "paid_media": []}},
            {"new_kind_of_message_of_next_year": {"x": 1}},
        ):
            story.telegram.send_raw_update(private(story, story.anna, **odd))
    said = story.since(story.anna.id, 0)
    assert len(said) == 8
    assert all(text.startswith(ONLY_TEXT) for text in said)


async def test_the_question_under_a_photo_is_answered_and_the_photo_owned_up_to(story: Story) -> None:
    async with calm(story):
        answer, note = await story.send_file(story.anna, "photo", caption="hair")
    assert not answer.startswith(ONLY_TEXT)
    assert note.startswith(ONLY_TEXT)


async def test_an_emergency_under_a_photo_gets_its_text_and_nothing_else(story: Story) -> None:
    async with calm(story):
        (reply,) = await story.send_file(story.anna, "photo", caption=URGENT)
    assert reply.startswith("This could be an emergency.")


TEXTS = (
    "🙂" * 2048,
    "🤯" * 4096,
    "x" * 4096,
    " \t \n ",
    "\u200b\u200c\u200d\ufeff",
    "\u202e\u200f\u061c",
    "\u3164\u2800",
    "a\x01b",
    "{name} %s %(x)s {0.__class__}",
    "<b>&lt;script&gt;</b> &amp; <a href='tg://x'>",
    "'; DROP TABLE inbox; --",
    "\u0627\u0644\u0633\u0644\u0627\u0645",
    "Z\u0351\u036b\u0343\u036a" * 500,
    "/",
    "//",
    "/ start",
    "@",
    "0",
)


async def test_whatever_is_typed_gets_a_reply_and_can_be_passed_on(story: Story) -> None:
    for number, text in enumerate(TEXTS):
        if number % 8 == 0:  # one person's questions are bounded
            anna = story.telegram.add_user("Anna", "Nowak")
            anna.started = True
        said, seen = counts(story), story._last(story.group.id)
        async with calm(story):
            story.telegram.send_raw_update(private(story, anna, text=text))
            await story.settle()
            assert counts(story)[anna.id] == said[anna.id] + 1, text[:20]
            await story.tap(anna, ASK)
        card, *rest = story.since(story.group.id, seen)
        assert card.startswith("Question from Anna Nowak"), text[:20]
        assert bool(rest) == (length(text) > QUESTION_SHOWN), text[:20]


async def test_a_card_that_telegram_refuses_is_told_to_staff(story: Story, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bot.wording.staff.enquiry", lambda *_: "<b>a translation without its end tag")
    await story.say(story.anna, "May I?")
    with capture_logs():
        await story.tap(story.anna, ASK)
    story.complaints.clear()
    assert "could not be sent" in story.shown(story.group.id)["text"]


async def test_half_a_character_keeps_no_emergency_from_being_read(story: Story) -> None:
    for broken in ("\ud83d", "\udc00", "a\x00b"):  # which Telegram itself never sends
        seen = story._last(story.anna.id)
        async with calm(story):
            story.telegram.send_raw_update(private(story, story.anna, text=f"{broken} {URGENT} {broken}"))
        (answer,) = story.since(story.anna.id, seen)
        assert answer.startswith("This could be an emergency.")
        assert URGENT in story.shown(story.group.id)["text"]


@pytest.mark.parametrize("text", ["/nonsense", "/start@another_bot", "/claim ABC", "/MENU2", "/gaps", "/ünïcode"])
async def test_a_command_the_bot_does_not_have_gets_the_menu(story: Story, text: str) -> None:
    before = await everything(story)
    async with calm(story):
        (reply,) = await story.say(story.anna, text)
    if text != "/ünïcode":  # which Telegram does not take for a command
        assert reply.startswith("I do not know this command.")
        assert await everything(story) == before


async def test_commands_are_heeded_in_any_case_and_with_the_bots_name(story: Story) -> None:
    assert story.app is not None
    (shouted,) = await story.say(story.anna, "/MENU")
    (named,) = await story.say(story.anna, f"/menu@{story.app.username}")
    assert shouted == named


# edits


async def test_an_edit_is_answered_only_where_it_is_an_emergency(story: Story) -> None:
    await story.say(story.anna, "hair")
    message_id = story.newest_of(story.anna, story.anna.id)
    async with silence(story):
        await story.telegram.edit_text(story.anna.id, story.anna.id, message_id, "makeup")
    async with calm(story):
        await story.telegram.edit_text(story.anna.id, story.anna.id, message_id, f"makeup, {URGENT}")
    assert story.since(story.anna.id, 0)[-1].startswith("This could be an emergency.")
    assert "Possible emergency" in story.shown(story.group.id)["text"]


async def test_edits_of_what_nobody_knows_change_nothing(story: Story) -> None:
    edited = private(story, story.anna, sticker=_sticker())["message"]
    async with silence(story):
        story.telegram.send_raw_update({"edited_message": {**edited, "edit_date": 1_790_000_100}})
        story.telegram.send_raw_update({"edited_channel_post": {**edited, "edit_date": 1_790_000_100}})


def _sticker() -> dict[str, Any]:
    shape = {"width": 1, "height": 1, "is_animated": False, "is_video": False, "type": "regular"}
    return {"file_id": "a", "file_unique_id": "b", **shape}


# nobody waits


async def test_groups_and_channels_are_left_in_peace(story: Story) -> None:
    story.telegram.privacy = False  # the bot hears all of it
    other = story.telegram.add_group("Neighbours", [story.tom, story.anna])
    await story.settle()
    channel = story.telegram.add_channel("News", story.maya)
    async with silence(story):
        for chat in (story.group, other):
            somebody = story.maya if chat is story.group else story.tom
            await story.telegram.send_text(somebody.id, f"hair? {URGENT}", chat_id=chat.id)
            await story.telegram.send_text(somebody.id, "/start", chat_id=chat.id)
            await story.telegram.send_text(somebody.id, "/menu@another_bot", chat_id=chat.id)
            await story.telegram.send_text(somebody.id, "/nonsense", chat_id=chat.id)
            await story.telegram.send_file(somebody.id, "sticker", chat_id=chat.id)
            await story.telegram.send_anonymously(chat.id, "I am nobody")
            await story.telegram.join(chat.id, story.priya.id)
            await story.telegram.leave(chat.id, story.priya.id)
        await story.telegram.post(channel.id, f"hair? {URGENT}")
        await story.telegram.promote(channel.id, story.telegram.bot_id)


async def test_an_anonymous_admin_speaks_for_the_clinic(story: Story) -> None:
    await story.say(story.anna, "May I?")
    await story.tap(story.anna, ASK)
    card = story.shown(story.group.id)
    async with calm(story):
        await story.telegram.send_anonymously(story.group.id, "You may.", reply_to=card["message_id"])
    assert "Linden Skin Clinic answers:\nYou may." in story.since(story.anna.id, 0)


USER = {"id": 5, "is_bot": False, "first_name": "X"}
SERVICE: tuple[dict[str, Any], ...] = (
    {"pinned_message": {"message_id": 1, "date": 1, "chat": {"id": 1, "type": "private"}, "text": "x"}},
    {"message_auto_delete_timer_changed": {"message_auto_delete_time": 86400}},
    {"write_access_allowed": {}},
    {"proximity_alert_triggered": {"traveler": USER, "watcher": USER, "distance": 1}},
    {"left_chat_member": USER},
)


async def test_service_messages_are_no_questions(story: Story) -> None:
    for content in SERVICE:
        async with silence(story):
            story.telegram.send_raw_update(private(story, story.anna, **content))


NOTHING: tuple[dict[str, Any], ...] = (
    {},
    {"poll": {"id": "1", "question": "?", "options": [], "total_voter_count": 0, "is_closed": False}},
    {"galaxy_event": {"x": [1, 2, 3]}},
    {"message": None},
    {"inline_query": {"id": "1", "from": USER, "query": "", "offset": ""}},
    {"pre_checkout_query": {"id": "1"}},
    {"chat_join_request": {"chat": {"id": -5, "type": "group", "title": "x"}}},
    {"deleted_business_messages": {"business_connection_id": "x", "chat": {"id": 1, "type": "private"}}},
)


async def test_updates_about_nothing_stop_nothing(story: Story) -> None:
    for update in NOTHING:
        before = counts(story)
        story.telegram.send_raw_update(update)
        with capture_logs():
            await story.settle()
        spoken_to = {chat for chat, said in counts(story).items() if said != before[chat]}
        assert spoken_to <= {story.group.id}, update  # staff are told of what could not be read
        assert len(await story.say(story.anna, "hair")) == 1


# poison


POISON: tuple[dict[str, Any], ...] = (
    {"text": 5},
    {"text": "x", "date": "yesterday"},
    {"text": "x", "entities": [{"type": "bold"}]},
    {"text": "x", "from": {"id": "Anna"}},
    {"text": "x", "from": None},
    {"text": "x", "reply_to_message": {"message_id": "x"}},
    {"photo": "a picture"},
    {"contact": {"phone_number": None}},
    {"text": "x", "entities": [{"type": "bot_command", "offset": 9, "length": 90}]},
)


async def test_a_poison_update_is_put_aside_and_the_queue_goes_on(story: Story) -> None:
    poisoned = 0
    for content in POISON:
        seen = {user.id: len(story.since(user.id, 0)) for user in (story.anna, story.tom)}
        with capture_logs() as logs:
            story.telegram.send_raw_update(private(story, story.anna, **content))
            story.telegram.send_raw_update(private(story, story.tom, text="hair"))
            story.telegram.send_raw_update(private(story, story.anna, text="hair"))
            await story.settle()
        (answer,) = story.since(story.tom.id, 0)[seen[story.tom.id] :]
        said = story.since(story.anna.id, 0)[seen[story.anna.id] :]
        assert said[-1] == answer, content
        assert "Anna" not in str(logs)
        failed = [log for log in logs if log["event"] == "update.failed"]
        poisoned += bool(failed)
        assert len(failed) <= 3, content
        assert [text.startswith(SORRY) for text in said[:-1]] == [True] * bool(failed) or not failed, content
        if failed:
            assert "could not be handled" in story.shown(story.group.id)["text"]
    assert poisoned >= 3


async def test_an_update_the_library_cannot_parse_is_said_once(story: Story) -> None:
    with capture_logs() as logs:
        story.telegram.send_raw_update({"message": {"message_id": 1, "chat": {"id": story.anna.id}, "text": "x"}})
        await story.settle()
        await story.restart()
    assert [log["event"] for log in logs if log["log_level"] == "error"] == ["update.failed"]
    assert len(story.since(story.anna.id, 0)) == 0 or story.since(story.anna.id, 0)[0].startswith(SORRY)


# staff's side


async def test_a_picture_in_reply_to_a_card_reaches_the_patient(story: Story) -> None:
    await story.say(story.anna, "May I?")
    await story.tap(story.anna, ASK)
    card = story.shown(story.group.id)["message_id"]
    async with calm(story):
        await story.telegram.send_file(story.maya.id, "photo", chat_id=story.group.id, reply_to=card, caption="Look")
        await story.settle()
    assert any("photo" in message for message in story.telegram.history(story.anna.id))


@pytest.mark.parametrize("size", [3896, 3897, 4096])
async def test_a_very_long_answer_is_delivered_or_explained(story: Story, size: int) -> None:
    await story.say(story.anna, "May I?")
    await story.tap(story.anna, ASK)
    card = story.shown(story.group.id)["message_id"]
    answer = "🙂" * (size // 2) + "x" * (size % 2)
    async with calm(story):
        noted = await story.say(story.maya, answer, chat=story.group, reply_to=card)
    assert length(answer) == size <= TEXT_LIMIT
    delivered = any(answer in text for text in story.since(story.anna.id, 0))
    assert delivered == (size <= 3896)
    assert ("too long" in noted[-1]) == (not delivered)


async def test_nothing_that_acts_for_staff_works_elsewhere(story: Story) -> None:
    await story.say(story.anna, "May I?")
    await story.tap(story.anna, ASK)
    card = story.shown(story.group.id)
    other = story.telegram.add_group("Neighbours", [story.tom, story.maya])
    await story.settle()
    before = await everything(story)
    said = counts(story)
    async with calm(story):
        await story.say(story.tom, "/claim ABCDEFGHJK", chat=other)
        await story.say(story.tom, "/claim", chat=other)
        shown = story.shown(other.id)
        await story.say(story.maya, "You may.", chat=other, reply_to=shown["message_id"])
        # a message with the card's id, in another chat
        forged = {**card, "chat": other.as_dict()}
        reply = {**private(story, story.maya, text="You may.")["message"], "chat": other.as_dict()}
        story.telegram.send_raw_update({"message": {**reply, "reply_to_message": forged}})
        mine = {**card, "chat": story.telegram.chats[story.tom.id].as_dict()}
        story.telegram.send_raw_update(private(story, story.tom, text="You may.", reply_to_message=mine))
    after = await everything(story)
    assert [row for row in after if row not in before and "You may." not in row and story.tom.id not in row] == []
    assert counts(story)[story.anna.id] == said[story.anna.id]


async def test_a_group_that_is_the_staffs_no_more_can_do_nothing(story: Story) -> None:
    await story.say(story.anna, "May I?")
    await story.tap(story.anna, ASK)
    former, card = story.group, story.shown(story.group.id)["message_id"]
    story.group = story.telegram.add_group("The new staff", [story.priya])
    await story.restart()
    before, said = await everything(story), counts(story)
    async with calm(story):
        await story.telegram.send_text(story.maya.id, "You may.", chat_id=former.id, reply_to=card)
        await story.telegram.send_text(story.maya.id, "/gaps", chat_id=former.id)
        await story.telegram.tap(story.maya.id, former.id, card, "close:1")
    assert await everything(story) == before
    assert counts(story) == said


# taps


PREFIXES = ("ask", "cat", "topic", "menu", "helpful", "end", "close", "ack", "gap", "approve", "drop", "", "book", "x")
JUNK = (
    "99999999999999999999999",
    "9" * 18,
    "-1",
    "0",
    "1.5",
    "1e9",
    "\u0663",
    "1:1:1",
    "None",
    " 1",
    "1\n",
    "🙂",
    "../x",
)


def _payloads(count: int) -> list[str]:
    luck = Random(5)  # noqa: S311  chance that can be repeated, nothing secret
    found = [f"{prefix}:{junk}" for prefix in PREFIXES for junk in JUNK] + [
        "",
        ":",
        "::",
        "menu\n",
        "x" * 64,
        "🙂" * 16,
    ]
    letters = string.printable + "äß🙂\u202e\u200b\x00"
    while len(found) < count:
        text = "".join(luck.choice(letters) for _ in range(luck.randint(0, 64)))
        found.append(f"{luck.choice(PREFIXES)}:{text}" if luck.random() < 0.5 else text)
    return [text.encode()[:64].decode(errors="ignore") for text in found]


async def test_no_payload_is_more_than_an_old_button(story: Story) -> None:
    await story.say(story.anna, "May I?")
    await story.tap(story.anna, ASK)
    card, question = story.shown(story.group.id)["message_id"], story.shown(story.anna.id)["message_id"]
    before = await everything(story)
    taps = []
    async with calm(story):
        for number, data in enumerate(_payloads(500)):
            taps.append(
                await story.telegram.tap(story.tom.id, story.tom.id, question, data)
                if number % 3
                else await story.telegram.tap(story.maya.id, story.group.id, card, data)
            )
    assert [tap for tap in taps if tap.answer is None] == []
    assert await everything(story) == before


async def test_nobody_can_press_the_buttons_of_others(story: Story) -> None:
    """Every button the bot has shown, pressed by people and in chats that it is not for, changes nothing."""
    await story.start(story.anna)
    await story.say(story.anna, "hair")
    await story.say(story.anna, "May I?")
    asked = await story.say(story.anna, "And may I this?")
    assert asked
    await story.tap(story.anna, ASK)
    card = story.shown(story.group.id)["message_id"]
    await story.say(story.maya, "You may.", chat=story.group, reply_to=card)
    await story.say(story.anna, URGENT)
    other = story.telegram.add_group("Neighbours", [story.tom])
    await story.settle()
    shown = {
        (message["message_id"], button["callback_data"])
        for chat_id in (story.anna.id, story.group.id)
        for message in story.telegram.history(chat_id)
        for row in message.get("reply_markup", {}).get("inline_keyboard", ())
        for button in row
    }
    everybodys = ("menu", "cat", "topic", "book")
    private_ones = {(place, data) for place, data in shown if data.partition(":")[0] not in everybodys}
    assert {data.partition(":")[0] for _, data in private_ones} >= {"ask", "end", "ack", "close"}
    before, said = await everything(story), counts(story)
    async with calm(story):
        for message_id, data in sorted(private_ones):
            for chat_id in (story.tom.id, other.id):
                await story.telegram.tap(story.tom.id, chat_id, message_id, data)
                await story.settle()
    assert await everything(story) == before
    assert counts(story)[story.anna.id] == said[story.anna.id]
    assert counts(story)[story.group.id] == said[story.group.id]


async def test_a_tap_without_data_or_message_is_answered(story: Story) -> None:
    user = story.anna.as_dict()
    async with silence(story):
        for content in ({"game_short_name": "x"}, {"data": "menu", "inline_message_id": "x"}, {"data": "ask:1"}):
            story.telegram.send_raw_update(
                {"callback_query": {"id": "1", "from": user, "chat_instance": "1", **content}}
            )


# the same thing again


async def test_the_same_update_three_times_has_one_effect(story: Story) -> None:
    assert story.app is not None
    await story.say(story.anna, "May I?")
    _, ask = story.telegram.find_button(story.anna.id, ASK)
    base = story.telegram.feed._last_id
    query = {"id": "1", "from": story.anna.as_dict(), "chat_instance": "1", "data": ask}
    updates: list[dict[str, Any]] = [
        {"update_id": base + 1, **private(story, story.tom, text="hair")},
        {"update_id": base + 2, "callback_query": {**query, "message": story.shown(story.anna.id)}},
        {"update_id": base + 3, **private(story, story.tom, text=URGENT)},
    ]
    said = counts(story)
    async with calm(story):
        for _ in range(3):
            await story.app.take(updates)
            await story.app.idle()
        await story.app.take(updates * 3)
        await story.app.idle()
        for update in updates:  # nor where the inbox hands it out again, as after a crash it may
            await story.app.edge.handle(Kept(update["update_id"], inbox.lane_of(update), update))
    now = counts(story)
    grown = {chat: now[chat] - said[chat] for chat in now if now[chat] != said[chat]}
    assert grown == {story.anna.id: 1, story.tom.id: 2, story.group.id: 2}
    assert len([row for row in await everything(story) if "answer" in row]) == 1


# names


NAMES: list[tuple[str, str | None]] = [
    ("<b>Bold</b>", None),
    ("</blockquote><a href='tg://user?id=1'>x</a>", None),
    ("&amp;&lt;&#60;", "&nbsp;"),
    ("<", ">"),
    ('"quoted"', "'quoted'"),
    ("\u202eanna", "\u2066x\u2069"),
    ("\u200f\u061c", None),
    ("\u200b", "\u200d"),
    ("\u3164", None),
    ("x" * 64, "y" * 64),
    ("🙂" * 32, "👩🏽‍⚕️" * 8),
    ("{name}", "{0.__class__}"),
    ("%s %(x)s", "%d"),
    ("$name", "\\1 \\n"),
    ("Z\u0351\u036b\u0343\u036a\u0302", None),
    ("a\nb", "c\td"),
    ("/start", "@admin"),
    ("https://evil.example/x", "+44 20 7946 0000"),
    ("'; DROP TABLE patients; --", None),
    ("\u0627\u0644\u0633", "文字"),
]


async def test_a_hostile_name_is_only_a_name(story: Story) -> None:
    assert len(NAMES) == 20
    people = [story.telegram.add_user(first, last) for first, last in NAMES]
    members = [story.telegram.add_user(first, last) for first, last in NAMES]
    for user in (*people, *members):
        await story.telegram.join(story.group.id, user.id)
    async with calm(story):
        for user in people:
            await story.telegram.start(user.id)
            await story.telegram.send_text(user.id, "May I?")
        await story.settle()
        for user in people:
            await story.telegram.tap_button(user.id, ASK)
        await story.settle()
        cards = {text.splitlines()[0]: message_id for message_id, text in _shown(story)}
        assert len(cards) == 20
        for member, message_id in zip(members, cards.values(), strict=True):
            await story.telegram.send_text(member.id, "You may.", chat_id=story.group.id, reply_to=message_id)
        await story.settle()
        for user in people:
            await story.telegram.send_text(user.id, "Thank you!")
            await story.telegram.send_text(user.id, URGENT)
        await story.settle()
        alerts = [message_id for message_id, text in _shown(story) if text.startswith("🔴")]
        for member, message_id in zip(members, alerts, strict=True):
            await story.telegram.tap(member.id, story.group.id, message_id, _button(story, message_id))
            await story.telegram.send_text(member.id, "Coming.", chat_id=story.group.id, reply_to=message_id)
        await story.settle()
        for user, message_id in zip(people, alerts, strict=True):
            await story.telegram.block(user.id)
            await story.telegram.send_text(members[0].id, "There?", chat_id=story.group.id, reply_to=message_id)
    history = story.telegram.history(story.group.id)
    assert "text_link" not in {entity["type"] for message in history for entity in message.get("entities", ())}
    said = "\n".join(text for _, text in _shown(story))
    for first, _ in NAMES:
        if first.isprintable() and "\u0351" not in first and not is_blank(first):
            assert said.count(first) >= 5, first


def _shown(story: Story) -> list[tuple[int, str]]:
    """Return the bot's messages in the staff group."""
    history = story.telegram.history(story.group.id)
    return [(one["message_id"], one["text"]) for one in history if one["from"]["id"] == story.telegram.bot_id]


def _button(story: Story, message_id: int) -> str:
    return str(story.message(story.group.id, message_id)["reply_markup"]["inline_keyboard"][0][0]["callback_data"])
