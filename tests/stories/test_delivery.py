"""Whatever the wire and the database do: nothing is lost, nothing said twice without need, nobody waits for others."""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session
from structlog.testing import capture_logs

from bot.clinic import staffroom
from bot.delivery import outbox
from bot.delivery.messages import Kind, Message, Outbound
from bot.sandbox.faults import Kind as Fault
from bot.sandbox.world import Call, User
from bot.store.models import Enquiry, Incoming, Outgoing, Patient, Question
from faq.reader import Reader
from tests.quick import URGENT, Failing, FixedReader, Seconds, often, until, without_waits
from tests.stories.test_staff_booking import press, request
from tests.story import Story, labels

AGAIN = "(Sent again, because we cannot be sure that it arrived the first time.)\n"
ASK = "Ask the clinic"


@pytest.fixture
def reader() -> Reader:
    return FixedReader()


@pytest.fixture(autouse=True)
def _no_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    without_waits(monkeypatch)


@pytest.fixture
def seconds(monkeypatch: pytest.MonkeyPatch) -> Seconds:
    """Limits by a clock that a test moves; to be asked for before the story."""
    seconds = Seconds()
    without_waits(monkeypatch, seconds)
    return seconds


async def owe(story: Story, message: Outbound, **more: Any) -> None:
    assert story.app is not None
    now = story.clock.now()
    await story.app.database.transaction(lambda session: outbox.post(session, message, now=now, **more))


async def rows(story: Story, *states: str) -> list[tuple[str, str]]:
    """Return method and state of what is or was owed, in order; only of these states, if some are given."""

    def look(session: Session) -> list[tuple[str, str]]:
        found = session.scalars(select(Outgoing).order_by(Outgoing.id))
        return [(row.method, row.state) for row in found if row.state in states or not states]

    assert story.app is not None
    return await story.app.database.read(look)


async def unhandled(story: Story) -> list[tuple[int, str]]:
    """Return the updates that are not done."""

    def look(session: Session) -> list[tuple[int, str]]:
        return [(row.update_id, row.state) for row in session.scalars(select(Incoming)) if row.state != "done"]

    assert story.app is not None
    return await story.app.database.read(look)


def calls(story: Story, *methods: str) -> list[Call]:
    return [call for call in story.telegram.calls if call.method in methods]


def title(story: Story, topic: str) -> str:
    """Return how the answer about a topic begins."""
    assert story.app is not None
    return story.app.desk.pages.libraries["en"].topics[topic].front.title


# every kind of message and every fault


async def _reply(story: Story) -> tuple[int, str]:
    await story.telegram.send_text(story.anna.id, "hair")
    await story.settle()
    return story.anna.id, title(story, "hair")


async def _safety(story: Story) -> tuple[int, str]:
    await story.telegram.send_text(story.anna.id, URGENT)
    await story.settle()
    return story.anna.id, "This could be an emergency."


def _scheduled(kind: Kind) -> Callable[[Story], Awaitable[tuple[int, str]]]:
    async def send(story: Story) -> tuple[int, str]:
        await owe(story, Message(story.anna.id, f"a message of kind {kind.value}", kind=kind))
        await story.settle()
        return story.anna.id, f"a message of kind {kind.value}"

    return send


async def _card(story: Story) -> tuple[int, str]:
    await owe(story, Message(story.group.id, "a card for staff", kind=Kind.STAFF))
    await story.settle()
    return story.group.id, "a card for staff"


MESSAGES = {
    "reply": _reply,
    "safety": _safety,
    "visit": _scheduled(Kind.VISIT),
    "care": _scheduled(Kind.CARE),
    "offer": _scheduled(Kind.OFFER),
    "staff": _card,
}


@pytest.mark.parametrize("kind", MESSAGES)
async def test_a_message_whose_fate_is_unknown_is_resolved_by_its_kind(story: Story, kind: str) -> None:
    await story.start(story.anna)
    chat_id = story.group.id if kind == "staff" else story.anna.id
    faults: tuple[Fault, ...] = ("500", "502", "drop", "timeout")
    for fault in faults:
        seen = len(story.since(chat_id, 0))
        story.telegram.faults.add(fault, method="sendMessage", chat_id=chat_id)
        await MESSAGES[kind](story)
        said = story.since(chat_id, 0)[seen:]
        if kind == "offer":
            assert len(said) == (1 if fault == "timeout" else 0), fault
            assert not any(text.startswith(AGAIN) for text in said)
            continue
        assert said[-1].startswith(AGAIN), fault
        first = said[-1].removeprefix(AGAIN)
        assert said[:-1] == ([first] if fault == "timeout" else []), fault
    assert [state for _, state in await rows(story)].count("unknown") == len(faults)
    assert await rows(story, "pending", "sending", "failed") == []


async def test_a_second_mishap_is_the_last(story: Story) -> None:
    await story.start(story.anna)
    story.telegram.faults.add("timeout", method="sendMessage", times=2)
    said = await story.say(story.anna, "hair")
    assert len(said) == 2
    assert said[1] == AGAIN + said[0]


@pytest.mark.parametrize("kind", MESSAGES)
async def test_a_flood_wait_delays_a_message_and_repeats_nothing(story: Story, kind: str) -> None:
    await story.start(story.anna)
    story.telegram.faults.add("429", method="sendMessage", retry_after=7, times=2)
    chat_id, begin = await MESSAGES[kind](story)
    assert [text for text in story.since(chat_id, 0) if text.startswith(begin)] == [story.shown(chat_id)["text"]]
    assert await rows(story, "unknown", "pending", "sending") == []


async def test_a_flood_wait_holds_its_chat_in_order_and_nobody_else(seconds: Seconds, story: Story) -> None:
    await story.start(story.anna)
    story.telegram.faults.add("429", method="sendMessage", chat_id=story.anna.id, retry_after=30)
    before = len(story.since(story.anna.id, 0))
    for topic in ("hair", "makeup"):
        await story.telegram.send_text(story.anna.id, topic)
    await story.telegram.send_text(story.tom.id, "hair")
    await story.telegram.wait_until(lambda: len(story.since(story.tom.id, 0)) == 1)
    assert len(story.since(story.anna.id, 0)) == before
    seconds.now += 31
    assert story.app is not None
    story.app.dispatcher.wake()
    await story.settle()
    first, second = story.since(story.anna.id, 0)[before:]
    assert first.startswith(title(story, "hair"))
    assert second.startswith(title(story, "makeup"))


# taps


async def test_a_tap_that_the_network_swallows_still_turns_the_page(story: Story) -> None:
    await story.start(story.anna)
    story.telegram.faults.add("500", method="editMessageText", times=4)
    await story.tap(story.anna, "🌿 After your visit")
    assert story.shown(story.anna.id)["text"].startswith("🌿 After your visit")
    assert len(story.since(story.anna.id, 0)) == 1
    assert await rows(story, "unknown", "pending") == []
    assert await unhandled(story) == []


async def test_a_tap_whose_answer_was_lost_changes_nothing_twice(story: Story) -> None:
    await story.start(story.anna)
    story.telegram.faults.add("timeout", method="editMessageText")
    with capture_logs() as logs:
        await story.tap(story.anna, "🌿 After your visit")
    assert story.shown(story.anna.id)["text"].startswith("🌿 After your visit")
    assert [call.status for call in calls(story, "editMessageText")] == [200, 400]  # the second is "not modified"
    assert [log for log in logs if log["log_level"] == "error"] == []


async def test_a_flood_wait_during_a_tap_delivers_later_and_the_last_tap_wins(seconds: Seconds, story: Story) -> None:
    await story.start(story.anna)
    story.telegram.faults.add("429", method="editMessageText", retry_after=30, times=2)
    message_id, category = story.telegram.find_button(story.anna.id, "🌿 After your visit")
    tap = await story.telegram.tap(story.anna.id, story.anna.id, message_id, category)
    await story.telegram.wait_until(lambda: tap.answer and len(calls(story, "editMessageText")) == 2)
    again = await story.telegram.tap(story.anna.id, story.anna.id, message_id, "topic:hair")
    await story.telegram.wait_until(lambda: again.answer)
    seconds.now += 31
    assert story.app is not None
    story.app.dispatcher.wake()
    await story.settle()
    assert story.shown(story.anna.id)["text"].startswith(title(story, "hair"))
    assert len(story.since(story.anna.id, 0)) == 1


async def test_a_tap_on_a_message_that_is_gone_gets_a_new_one(story: Story) -> None:
    await story.start(story.anna)
    message_id, category = story.telegram.find_button(story.anna.id, "🌿 After your visit")
    story.telegram.remove(story.telegram.chats[story.anna.id], message_id)
    await story.telegram.tap(story.anna.id, story.anna.id, message_id, category)
    await story.settle()
    assert story.shown(story.anna.id)["text"].startswith("🌿 After your visit")


async def test_a_tap_twice_on_the_same_button_is_fine(story: Story) -> None:
    await story.start(story.anna)
    message_id, _ = story.telegram.find_button(story.anna.id, "🌿 After your visit")
    with capture_logs() as logs:
        for _ in range(3):
            await story.telegram.tap(story.anna.id, story.anna.id, message_id, "menu")
        await story.settle()
    assert [log for log in logs if log["log_level"] not in ("debug", "info")] == []
    assert len(story.since(story.anna.id, 0)) == 1


# people and groups that are gone


async def ask_the_clinic(story: Story, user: User, text: str) -> dict[str, Any]:
    """Let `user` pass a question on; return its card."""
    await story.say(user, text)
    await story.tap(user, ASK)
    card = story.shown(story.group.id)
    assert text in card["text"]
    return card


async def test_what_was_not_delivered_to_somebody_who_blocked_the_bot_arrives_when_they_return(story: Story) -> None:
    card = await ask_the_clinic(story, story.anna, "May I?")
    story.anna.blocked = True  # and the update that says so is still on its way
    await story.say(story.maya, "You may.", chat=story.group, reply_to=card["message_id"])
    assert any("could not be sent" in text for text in story.since(story.group.id, card["message_id"]))
    assert await rows(story, "failed", "pending") == []

    await story.start(story.anna)
    assert "Linden Skin Clinic answers:\nYou may." in story.since(story.anna.id, 0)
    assert await rows(story, "parked") == []


async def test_a_person_who_blocks_is_left_in_peace_until_they_return(story: Story) -> None:
    await story.start(story.anna)
    await owe(story, Message(story.anna.id, "soon", kind=Kind.CARE), due_at=story.clock.now() + timedelta(hours=1))
    await story.telegram.block(story.anna.id)
    await story.settle()
    asked = len(story.telegram.calls)
    await story.pass_time(timedelta(hours=2))
    assert [call.method for call in story.telegram.calls[asked:]] == []
    await story.telegram.unblock(story.anna.id)
    await story.settle()
    assert story.since(story.anna.id, 0)[-1] == "soon"


async def test_a_deleted_account_stops_nobody_else(story: Story) -> None:
    await story.start(story.anna)
    await story.telegram.deactivate(story.anna.id)
    await owe(story, Message(story.anna.id, "to Anna", kind=Kind.VISIT))
    await owe(story, Message(987654321, "to nobody", kind=Kind.VISIT))
    (answer,) = await story.say(story.tom, "hair")
    assert answer.startswith(title(story, "hair"))
    assert await rows(story, "parked") == [("sendMessage", "parked")] * 2
    assert sum("could not be sent" in text for text in story.since(story.group.id, 0)) == 2
    assert story.app is not None
    patient = await story.app.database.read(lambda session: session.get_one(Patient, story.anna.id))
    assert patient.unreachable_since == story.clock.now()


async def test_a_message_telegram_cannot_parse_fails_alone_and_staff_are_told(story: Story) -> None:
    await story.start(story.anna)
    with capture_logs() as logs:
        for text in ("before", "<b>broken", "after"):
            await owe(story, Message(story.anna.id, text, kind=Kind.VISIT))
        await story.settle()
    story.complaints.clear()  # what the checker says about it is what Telegram says
    assert story.since(story.anna.id, 0)[-2:] == ["before", "after"]
    assert "could not be sent" in story.shown(story.group.id)["text"]
    assert [log["event"] for log in logs if log["log_level"] == "error"] == ["outbox.refused"]


async def test_the_staff_group_is_followed_when_telegram_makes_it_a_supergroup(story: Story) -> None:
    old_card = await ask_the_clinic(story, story.anna, "Before the upgrade?")
    new = await story.telegram.upgrade_group(story.group.id)
    await story.settle()
    await story.say(story.tom, "After the upgrade?")
    await story.tap(story.tom, ASK)
    card = story.shown(new.id)
    assert "After the upgrade?" in card["text"]
    await story.say(story.maya, "Yes, Tom.", chat=new, reply_to=card["message_id"])
    assert "Linden Skin Clinic answers:\nYes, Tom." in story.since(story.tom.id, 0)

    # A reply that names a message of the old group must never reach somebody else's patient.
    said = {user.id: len(story.since(user.id, 0)) for user in (story.anna, story.tom)}
    old = {**old_card, "chat": new.as_dict()}
    update = {"chat": new.as_dict(), "from": story.maya.as_dict(), "date": 1, "message_id": 900, "text": "For Anna."}
    story.telegram.send_raw_update({"message": {**update, "reply_to_message": old}})
    await story.settle()
    assert {user.id: len(story.since(user.id, 0)) for user in (story.anna, story.tom)} == said


async def test_a_card_on_its_way_to_a_group_that_moved_arrives(story: Story) -> None:
    await story.say(story.anna, "May I?")
    new = await story.telegram.upgrade_group(story.group.id)
    story.telegram.feed.drop_pending()  # the bot is not told, and finds out when it sends
    await story.tap(story.anna, ASK)
    assert "May I?" in story.shown(new.id)["text"]
    assert story.app is not None
    assert await story.app.database.read(staffroom.chat) == new.id


async def test_a_group_that_moved_stays_the_staff_group_after_a_restart_with_the_old_setting(story: Story) -> None:
    new = await story.telegram.upgrade_group(story.group.id)
    await story.settle()
    await story.say(story.anna, "May I?")
    await story.tap(story.anna, ASK)
    await story.restart()
    await story.say(story.maya, "You may.", chat=new, reply_to=story.shown(new.id)["message_id"])
    assert "Linden Skin Clinic answers:\nYou may." in story.since(story.anna.id, 0)


async def test_a_setting_that_names_another_group_is_heeded(story: Story) -> None:
    story.group = story.telegram.add_group("The new staff", [story.maya])
    await story.restart()
    assert story.app is not None
    assert await story.app.database.read(staffroom.chat) == story.group.id


# floods, stops, a database that fails


TOPICS = ("hair", "makeup", "safety", "history", "pain", "price")


def _has_sent(story: Story, count: int) -> bool:
    return len(calls(story, "sendMessage")) >= count


async def test_a_stop_in_the_middle_loses_nothing_and_doubles_nothing(story: Story) -> None:
    people = [story.telegram.add_user(f"Patient {number}") for number in range(12)]
    for topic in TOPICS:
        for user in people:
            await story.telegram.send_text(user.id, topic)
    for stop in (5, 20, 40, 60):
        await story.telegram.wait_until(partial(_has_sent, story, stop))
        await story.restart()
    assert await unhandled(story) == []
    heads = [story.since(people[0].id, 0)[place].splitlines()[0] for place in range(len(TOPICS))]
    assert len(set(heads)) == len(TOPICS)
    for user in people:
        assert [text.splitlines()[0] for text in story.since(user.id, 0)] == heads
    assert set(await rows(story)) == {("sendMessage", "sent")}


async def test_stopping_marks_the_taps_that_wrote_nothing(story: Story) -> None:
    await story.start(story.anna)
    await story.tap(story.anna, "🌿 After your visit")
    await story.tap(story.anna, "« All topics")
    await story.restart()
    assert len(calls(story, "editMessageText")) == 2
    assert await unhandled(story) == []


async def test_a_tap_that_could_not_be_marked_is_marked_later(story: Story) -> None:
    await story.start(story.anna)
    assert story.app is not None
    assert story.database is not None
    await story.tap(story.anna, "🌿 After your visit")
    failing = Failing(story.database, lambda: failing.count < 1)
    await story.app._intake.flush()
    assert failing.count == 1
    await story.restart()
    assert await unhandled(story) == []
    assert len(calls(story, "editMessageText")) == 1


@pytest.mark.parametrize("committed", [False, True], ids=["undone", "done"])
@pytest.mark.parametrize("share", [0.3, 0.6])
async def test_a_failing_database_changes_nothing_that_anybody_sees(
    story: Story, share: float, committed: bool
) -> None:
    assert story.database is not None
    failing = Failing(story.database, often(share, 2), committed=committed)
    with capture_logs():
        await story.start(story.anna)
        await story.say(story.anna, "hair")
        await story.tap(story.anna, "« All topics")
        card = await ask_the_clinic(story, story.anna, "May I?")
        await story.say(story.tom, URGENT)
        await story.say(story.maya, "You may.", chat=story.group, reply_to=card["message_id"])
    assert failing.count > 5
    failing.when = lambda: False
    assert [text.splitlines()[0] for text in story.since(story.anna.id, 0)] == [
        "Hello Anna, I am the assistant of Linden Skin Clinic.",
        "What would you like to know about? Choose, or just type your question.",
        "I do not know the answer to that. Shall I ask the clinic?",
        "I have passed your question to the clinic. The answer will come here. "
        "If it cannot wait, call +44 20 7946 0958.",
        "Linden Skin Clinic answers:",
        story.since(story.anna.id, 0)[-1].splitlines()[0],
    ]
    assert [text[:25] for text in story.since(story.tom.id, 0)] == ["This could be an emergenc"]
    assert story.app is not None
    asked = await story.app.database.read(lambda session: sorted(session.scalars(select(Question.text))))
    assert asked == sorted(["hair", "May I?", URGENT])
    assert len(await story.app.database.read(lambda session: list(session.scalars(select(Enquiry))))) == 2
    assert {state for _, state in await rows(story)} == {"sent"}
    await story.restart()
    assert await unhandled(story) == []


async def test_stopping_does_not_wait_for_a_database_that_is_gone(
    story: Story, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert story.app is not None
    assert story.database is not None
    await story.start(story.anna)
    monkeypatch.setattr("bot.delivery.poller.BACK_OFF", (3600.0,))
    failing = Failing(story.database, lambda: bool(story.app and not story.app._intake.is_idle))
    with capture_logs() as logs:
        await story.telegram.send_text(story.anna.id, "hair")
        await until(lambda: failing.count)
        await story.app.stop()
    failing.when = lambda: False
    errors = [log["event"] for log in logs if log["log_level"] == "error"]
    assert errors == (["update.failed"] if story.database.is_sqlite else [])  # elsewhere it is not even read
    story.database.close()
    story.app = None
    await story.open()  # elsewhere, what could not be let go lapses first
    await story.telegram.wait_until(lambda: story.shown(story.anna.id)["text"].startswith(title(story, "hair")))


async def test_a_failed_courtesy_after_the_commit_is_no_failure(story: Story, monkeypatch: pytest.MonkeyPatch) -> None:
    await story.say(story.anna, "May I?")
    assert story.app is not None

    async def broken(*_: object, **__: object) -> None:
        raise RuntimeError

    monkeypatch.setattr(type(story.app.desk), "acknowledge", broken)
    with capture_logs():
        await story.tap(story.anna, ASK)
    assert story.shown(story.anna.id)["text"].startswith("I have passed your question to the clinic.")
    assert "May I?" in story.shown(story.group.id)["text"]
    assert await unhandled(story) == []


@pytest.mark.parametrize("method", ["deleteWebhook", "setMyCommands", "getMe"])
async def test_a_bad_moment_at_the_start_is_overcome(story: Story, method: str) -> None:
    await story.close()
    story.telegram.faults.add("502", method=method, times=2)
    with capture_logs():
        await story.open()
        (answer,) = await story.say(story.anna, "hair")
    assert answer.startswith(title(story, "hair"))
    if method == "deleteWebhook":
        await story.telegram.wait_until(lambda: [call.status for call in calls(story, method)][-1] == 200)


async def test_the_buttons_of_a_repeat_work(story: Story) -> None:
    story.telegram.faults.add("500", method="sendMessage")
    await story.say(story.anna, "May I?")
    assert story.shown(story.anna.id)["text"].startswith(AGAIN)
    assert [ASK] in [row[:1] for row in labels(story.shown(story.anna.id))]
    await story.tap(story.anna, ASK)
    assert "May I?" in story.shown(story.group.id)["text"]


# twice in a row


@pytest.mark.parametrize("fault", ["drop", "502"])
async def test_a_confirmation_that_may_be_lost_with_its_repeat_is_told_to_staff_and_listed(
    any_story: Story, fault: Fault
) -> None:
    story = any_story
    await story.start(story.anna)
    await request(story)
    told, seen = story._last(story.group.id), story._last(story.anna.id)
    story.telegram.faults.add(fault, method="sendMessage", chat_id=story.anna.id, times=2)
    await press(story, "Confirm")
    assert story.since(story.anna.id, seen) == []
    (alarm,) = [text for text in story.since(story.group.id, told) if "may not have arrived" in text]
    assert alarm.startswith("⚠️ A message to Anna Nowak may not have arrived.")
    assert "☎ +442" in alarm
    assert "a message: may not have arrived" in (await story.say(story.maya, "/calls", chat=story.group))[-1]


async def test_an_answer_of_staff_that_may_be_lost_with_its_repeat_is_told_below_it(any_story: Story) -> None:
    story = any_story
    await story.say(story.anna, "May I?")
    await story.tap(story.anna, ASK)
    card = story.shown(story.group.id)["message_id"]
    story.telegram.faults.add("502", method="sendMessage", chat_id=story.anna.id, times=2)
    said = await story.say(story.maya, "Stop taking it and come in today.", chat=story.group, reply_to=card)
    assert said[-1].startswith("⚠️ This may not have reached Anna Nowak.")
    shown = story.shown(story.group.id)
    assert shown["reply_to_message"]["message_id"] == story.newest_of(story.maya, story.group.id)


async def test_a_safety_text_is_repeated_until_it_is_there(any_story: Story) -> None:
    story = any_story
    story.telegram.faults.add("502", method="sendMessage", chat_id=story.anna.id, times=4)
    assert await story.say(story.anna, URGENT) == []
    (alarm,) = [text for text in story.since(story.group.id, 0) if "may not have arrived" in text]
    assert "Anna Nowak" in alarm
    for _ in range(3):
        await story.pass_time(timedelta(seconds=30))
    (arrived,) = [text for text in story.since(story.anna.id, 0) if "This could be an emergency." in text]
    assert arrived.startswith(AGAIN)
