"""Staff enter a visit for who stands or calls there; the patient's chat joins it with a link that works once."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import pytest_asyncio
from sqlalchemy import select

from bot.clinic import arrivals
from bot.clinic.arrivals import Caller
from bot.config import Clinic
from bot.sandbox.world import User
from bot.store.models import Audit, Call, Consent, FollowUp, Invite, Patient, Visit
from handlers import arrivals as arrival_cards
from tests.quick import FixedReader, without_waits
from tests.story import MONDAY, Story, labels

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
FRIDAY = datetime(2026, 11, 27, 10, 0, tzinfo=UTC)
PHONE = "07700 900123"
LINK = "https://t.me/mesobot_demo_bot?start="


@pytest_asyncio.fixture
async def story(clinic: Clinic, any_database: str, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Story]:
    without_waits(monkeypatch)
    story = Story(clinic, FixedReader(), any_database)
    await story.open()
    yield story
    await story.close()


async def press(story: Story, label: str, by: User | None = None) -> str | None:
    """Let a staff member press a button, and return the note that popped up."""
    answer = await story.tap(by or story.maya, label, chat=story.group)
    return answer.get("text") if answer else None


async def enter(story: Story, who: str = f"Zoe Lind {PHONE}", *ways: str) -> str:
    """Enter a visit, on Friday at 10:00 unless told otherwise, and return the payload of its link."""
    await story.say(story.maya, "/new", chat=story.group)
    for label in ways or ("Face", "Dr Maya Hart", "27", "10:00"):
        await press(story, label)
    said = await story.say(story.maya, who, chat=story.group, reply_to=newest(story)["message_id"])
    return payload(said[-1])


def payload(caption: str) -> str:
    """Return what the link in a caption sends to the bot."""
    return next(word for word in caption.split() if word.startswith(LINK)).removeprefix(LINK)


def newest(story: Story) -> dict[str, Any]:
    return story.shown(story.group.id)


async def rows(story: Story, statement: Any) -> list[Any]:
    assert story.database is not None
    return await story.database.read(lambda session: list(session.scalars(statement)))


async def visit(story: Story) -> Visit:
    (found,) = await rows(story, select(Visit))
    assert isinstance(found, Visit)
    return found


VISIT = "Friday, 27 November, 10:00–10:45\nFace with Dr Maya Hart"
QUESTION = (
    "May we write to you here about your visit?\n“I agree that Linden Skin Clinic may use my messages here to prepare "
    "my visit and check on me afterwards. Telegram is not end-to-end encrypted here; I can use the telephone instead: "
    "+44 20 7946 0958. I can withdraw at any time: /privacy.”"
)
READY = (
    "Thank you, that is all. /bookings shows your visits here. Any question about the treatment? Just write it here. "
    "The clinic: +44 20 7946 0958."
)


async def test_a_caller_gets_a_visit_and_a_link_and_joins_with_it(story: Story) -> None:
    await story.say(story.maya, "/new", chat=story.group)
    assert story.transcript(story.group.id)[-4:] == [
        "Mesobot: New visit: which treatment?",
        "  [Face] [Neck and décolleté]",
        "  [Hands] [Scalp]",
        "  [✖ Stop]",
    ]
    await press(story, "Face")
    assert newest(story)["text"] == "New visit: Face, with whom?"
    assert labels(newest(story)) == [["Dr Maya Hart"], ["Elif Ozan"], ["« Back", "✖ Stop"]]
    await press(story, "Dr Maya Hart")
    assert newest(story)["text"] == "New visit: Face with Dr Maya Hart. Which day?"
    assert labels(newest(story))[:2] == [["Now, they are here"], ["November 2026", "›"]]
    await press(story, "27")
    assert newest(story)["text"] == "New visit: Face with Dr Maya Hart on Friday, 27 November. What time?"
    await press(story, "10:00")
    prompt = newest(story)
    assert prompt["text"] == (
        "New visit: Face with Dr Maya Hart, Friday, 27 November, 10:00\nMaya, reply to this message with the patient's "
        "name and telephone number, for example: Anna Nowak +44 7400 123456. The visit is entered then."
    )
    assert "New visit: Face with Dr Maya Hart on" not in str(story.transcript(story.group.id))  # it gave way
    assert await rows(story, select(Visit)) == []

    (again,) = await story.say(story.maya, "Zoe <Lind>", chat=story.group, reply_to=prompt["message_id"])
    assert again == (
        "I could not read a name and a telephone number there. Please reply again with both, for example: "
        "Anna Nowak +44 7400 123456"
    )
    (again,) = await story.say(story.maya, "Zoe Lind", chat=story.group, reply_to=newest(story)["message_id"])
    assert again.startswith("I have the name, but could not read a telephone number. Please reply again")
    card, caption = await story.say(
        story.maya, f"{PHONE}\nZoe Lind", chat=story.group, reply_to=newest(story)["message_id"]
    )
    code = (await visit(story)).code
    facts = f"🗓 Visit {code} · Zoe Lind\nFace with Dr Maya Hart\nFriday, 27 November, 10:00–10:45\n☎ +44 7700 900123"
    state = "✅ Confirmed (Maya, Monday, 23 November, 10:30)"
    assert card == f"{facts}\n\n{state}"
    secret = payload(caption)
    assert caption == (
        f"{code} · Zoe Lind\nLet the patient scan this with the telephone's camera, or send them the link. It opens "
        "the chat with this bot, and the chat then belongs to the visit: reminders and aftercare come there.\n\n"
        f"{LINK}{secret}\n\nIt works once, until Monday, 7 December."
    )
    assert "photo" in newest(story)
    assert labels(newest(story)) == [["New link"]]

    assert await story.start(story.tom, secret) == [
        f"This chat now belongs to your visit at Linden Skin Clinic:\n{VISIT}\nCode: {code}",
        QUESTION,
    ]
    assert f"{facts}\nin Telegram: Tom\n\n{state}" in str(story.transcript(story.group.id)).replace("\\n", "\n")
    assert newest(story)["text"] == f"🔗 {code} · Zoe Lind has joined, in Telegram: Tom"
    for label in ("I agree", "Yes, please", "No, thanks"):
        await story.tap(story.tom, label)
    assert story.shown(story.tom.id)["text"] == READY
    answers = [(one.purpose, one.given) for one in await rows(story, select(Consent).order_by(Consent.id))]
    assert answers == [("visit", True), ("follow-up", True), ("offers", False)]
    steps = await rows(story, select(FollowUp).order_by(FollowUp.due_at))
    assert [(one.step, one.chat_id, one.state) for one in steps] == [
        (step, story.tom.id, "planned") for step in ("before-3-days", "before-1-day", "before-2-hours")
    ]
    assert await story.say(story.tom, "/bookings") != []
    assert code in story.shown(story.tom.id)["text"]
    done = [
        one.action
        for one in await rows(story, select(Audit).where(Audit.subject == f"visit:{(await visit(story)).id}"))
    ]
    assert done == ["visit entered", "chat joined"]
    await story.pass_time(FRIDAY - 3 * DAY - story.clock.now())
    assert story.shown(story.tom.id)["text"].startswith("A note from Linden Skin Clinic")


async def test_the_secret_of_a_link_is_not_kept_with_the_visit_or_the_patient(story: Story) -> None:
    secret = await enter(story)
    await story.start(story.tom, secret)
    (link,) = await rows(story, select(Invite))
    assert link.digest == arrivals._digest(secret.removeprefix("v_"))
    (patient,) = await rows(story, select(Patient))
    assert patient.payload is None
    assert link.used_by == story.tom.id


async def test_a_link_works_once_and_only_for_who_opened_it_first(story: Story) -> None:
    secret = await enter(story)
    await asyncio.gather(story.telegram.start(story.tom.id, secret), story.telegram.start(story.anna.id, secret))
    await story.settle()
    owner, other = (story.tom, story.anna) if (await visit(story)).chat_id == story.tom.id else (story.anna, story.tom)
    assert story.since(other.id, 0) == [
        "This link has been used already, and works only once. If it is for your visit, ask the clinic for a new one: "
        "+44 20 7946 0958."
    ]
    again = await story.start(owner, secret)
    assert again[0].startswith("This chat now belongs to your visit")
    assert again[1] == QUESTION
    assert [one.action for one in await rows(story, select(Audit))].count("chat joined") == 1
    assert await press(story, "New link") == "The patient has joined already: the visit belongs to their chat."


@pytest.mark.parametrize("order", ["first", "second"])
async def test_a_new_link_ends_the_one_before_it(story: Story, order: str) -> None:
    old = await enter(story)
    assert await press(story, "New link") is None
    new = payload(newest(story)["caption"])
    assert new != old
    gone = "This link is not valid any more. Please ask the clinic for a new one: +44 20 7946 0958."
    if order == "first":
        assert await story.start(story.tom, old) == [gone]
    assert (await story.start(story.tom, new))[1] == QUESTION


async def test_an_old_a_wrong_and_a_useless_link_are_explained(story: Story) -> None:
    secret = await enter(story)
    assert await story.start(story.tom, f"{secret}x") == [
        "I do not know this link; perhaps a part of it is missing. Please scan it again, or ask the clinic: "
        "+44 20 7946 0958."
    ]
    await story.pass_time(3 * DAY)
    for label in ("Cancel the visit", "We are closed that day."):
        await press(story, label)
    assert await story.start(story.tom, secret) == [
        "The visit of this link does not take place any more. /book begins a new one, or call +44 20 7946 0958."
    ]
    assert await press(story, "New link") == "This visit is not here any more."
    await story.pass_time(11 * DAY)
    assert (await story.start(story.tom, secret))[0].startswith("This link is not valid any more.")


async def test_who_does_not_want_messages_is_telephoned(story: Story) -> None:
    secret = await enter(story)
    await story.start(story.tom, secret)
    await story.tap(story.tom, "I do not agree")
    assert story.shown(story.tom.id)["text"] == (
        "That is fine: nothing is sent to you here. Your visit stays as it is, and the clinic reaches you by "
        "telephone. You can call us, too: +44 20 7946 0958."
    )
    found = await visit(story)
    assert (found.chat_id, found.status) == (None, "confirmed")
    assert newest(story)["text"] == (
        f"☎ Zoe Lind ({found.code}) does not want messages in Telegram. Please telephone: +44 7700 900123"
    )
    before = len(story.since(story.tom.id, 0))
    await story.pass_time(FRIDAY - DAY - story.clock.now())
    assert len(story.since(story.tom.id, 0)) == before
    await story.say(story.maya, "/calls", chat=story.group)
    assert "1. Zoe Lind · +44 7700 900123" in newest(story)["text"]


async def test_staff_take_a_visit_from_the_wrong_chat(story: Story) -> None:
    secret = await enter(story)
    await story.start(story.anna, secret)
    note, _ = story.telegram.find_button(story.group.id, "↩ That is not them")
    await press(story, "↩ That is not them", by=story.priya)
    found = await visit(story)
    assert found.chat_id is None
    assert story.message(story.group.id, note)["text"] == (
        f"↩ {found.code} · Zoe Lind: the chat was taken off again by Priya. There is a new link below."
    )
    assert "in Telegram" not in str(story.transcript(story.group.id))
    assert story.shown(story.anna.id)["text"].startswith("The clinic says that this visit is not yours")
    late = await story.tap(story.anna, "I agree")
    assert late is not None
    assert late["show_alert"]
    assert (await story.start(story.anna, secret))[0].startswith("This link has been used already")
    assert (await story.start(story.tom, payload(newest(story)["caption"])))[1] == QUESTION
    assert {row.chat_id for row in await rows(story, select(FollowUp))} == {story.tom.id}


async def test_who_is_in_telegram_already_needs_no_link(story: Story) -> None:
    await story.start(story.anna, await enter(story))
    for label in ("I agree", "Yes, please", "Yes, please"):
        await story.tap(story.anna, label)
    secret = await enter(story, f"zoe  lind {PHONE}", "Face", "Dr Maya Hart", "28", "10:30")
    assert "A patient of this name and number is in Telegram already, as Anna Nowak" in newest(story)["caption"]
    assert labels(newest(story)) == [["Tie it to the chat of Anna Nowak"], ["New link"]]
    before = story._last(story.anna.id)
    note, data = story.telegram.find_button(story.group.id, "Tie it to the chat of Anna Nowak")
    await press(story, "Tie it to the chat of Anna Nowak")
    (told,) = story.since(story.anna.id, before)
    assert "Saturday, 28 November, 10:30" in told
    assert "tied by Maya" in story.message(story.group.id, note)["caption"]
    assert {one.chat_id for one in await rows(story, select(Visit))} == {story.anna.id}
    assert len(await rows(story, select(Audit).where(Audit.action == "chat tied"))) == 1
    again = await story.telegram.tap(story.priya.id, story.group.id, note, data)
    await story.settle()
    assert again.answer is not None
    assert again.answer["text"] == "The patient has joined already: the visit belongs to their chat."
    assert (await story.start(story.tom, secret))[0].startswith("This link has been used already")
    await press(story, "↩ That is not them", by=story.priya)
    assert [one.chat_id for one in await rows(story, select(Visit).order_by(Visit.id))] == [story.anna.id, None]


@pytest.mark.parametrize("who", [f"Zoe Lindt {PHONE}", "Zoe Lind 07700 900124", "blocked", "two chats"])
async def test_nobody_is_taken_for_somebody_else(story: Story, who: str) -> None:
    await story.start(story.anna, await enter(story))
    await story.tap(story.anna, "I agree")
    if who == "blocked":
        await story.telegram.block(story.anna.id)
        await story.settle()
    if who == "two chats":
        await story.start(story.tom, await enter(story, f"Zoe Lind {PHONE}", "Face", "Elif Ozan", "27", "10:00"))
        await story.tap(story.tom, "I agree")
    name = who if PHONE[:5] in who else f"Zoe Lind {PHONE}"
    await enter(story, name, "Face", "Dr Maya Hart", "28", "10:30")
    assert labels(newest(story)) == [["New link"]]


async def test_a_link_lives_until_its_visit_and_staff_hear_that_nobody_opened_it(story: Story) -> None:
    await enter(story, f"Zoe Lind {PHONE}", "Face", "Dr Maya Hart", "›", "22", "10:00")
    ((expires,),) = [await rows(story, select(Invite.expires_at))]
    assert expires == datetime(2026, 12, 22, 10, 45, tzinfo=UTC)
    before = newest(story)["message_id"]
    await story.pass_time(datetime(2026, 12, 19, 10, 5, tzinfo=UTC) - story.clock.now())
    assert story.since(story.group.id, before) == [
        "☎ 1 person to telephone, because a message did not reach them: /calls"
    ]
    await story.say(story.maya, "/calls", chat=story.group)
    assert "• reminder, 3 days before: has not opened the link to this chat" in newest(story)["text"]


async def test_a_time_that_is_taken_meanwhile_is_not_given_twice(story: Story) -> None:
    await story.say(story.maya, "/new", chat=story.group)
    for label in ("Face", "Dr Maya Hart", "27", "10:00"):
        await press(story, label)
    prompt = newest(story)["message_id"]
    await enter(story)
    (said,) = await story.say(story.maya, f"Lee Fox {PHONE}", chat=story.group, reply_to=prompt)
    assert said.startswith("This time is not free any more, so no visit was entered. /new begins again.\nFree now:\n• ")
    assert len(await rows(story, select(Visit))) == 1


async def test_a_walk_in_begins_now_and_gets_the_care_card_although_they_join_later(story: Story) -> None:
    await story.pass_time(3 * MINUTE)
    secret = await enter(story, f"Zoe Lind {PHONE}", "Face", "Elif Ozan", "Now, they are here")
    found = await visit(story)
    assert (found.starts_at, found.practitioner) == (MONDAY, "ozan")
    await story.pass_time(45 * MINUTE)
    await press(story, "Done")
    assert "☎ The patient cannot be reached in Telegram: what would be sent comes to /calls." in newest(story)["text"]
    await story.pass_time(3 * HOUR)
    open_calls = await rows(story, select(Call).where(Call.done_at.is_(None)))
    assert [(one.what, one.why) for one in open_calls] == [("care-card", "never joined")]
    await story.start(story.tom, secret)
    for label in ("I agree", "Yes, please", "Yes, please"):
        await story.tap(story.tom, label)
    await story.pass_time(MINUTE)
    assert "Your care card" in story.shown(story.tom.id)["text"]
    assert await rows(story, select(Call).where(Call.done_at.is_(None))) == []


async def test_nothing_is_entered_where_staff_stop_or_in_another_group(story: Story) -> None:
    await story.say(story.maya, "/new", chat=story.group)
    await press(story, "✖ Stop")
    assert newest(story)["text"] == "No visit was entered."
    other = story.telegram.add_group("Friends", [story.tom])
    await story.settle()
    assert await story.say(story.tom, "/new", chat=other) == []
    assert await story.say(story.tom, "/calls", chat=other) == []
    assert await story.say(story.tom, "/patient zoe", chat=other) == []
    (said,) = await story.say(story.tom, "/new")
    assert said.startswith("I do not know this command.")


@pytest.mark.parametrize(
    ("text", "caller"),
    [
        ("Anna Nowak +44 20 7946 0018", Caller("Anna Nowak", "+442079460018")),
        ("020 7946 0018, Anna Nowak", Caller("Anna Nowak", "+442079460018")),
        ("Anna Nowak\n07700900123", Caller("Anna Nowak", "+447700900123")),
        ("Łucja O’Neil-Żak: +48 601 234 567", Caller("Łucja O’Neil-Żak", "+48601234567")),
        ("+44 7700 900123", Caller(None, "+447700900123")),
        ("Anna Nowak 12", Caller("Anna Nowak 12", None)),
        ("", Caller(None, None)),
    ],
)
def test_name_and_number_are_read_in_either_order(text: str, caller: Caller) -> None:
    assert arrivals.read_caller(text, "GB") == caller


def test_the_picture_is_a_qr_code_with_its_quiet_zone() -> None:
    picture = arrival_cards.qr_code(arrival_cards.link("mesobot_demo_bot", "x" * 32))
    assert picture.startswith(b"\x89PNG")
    width, height = (int.from_bytes(picture[at : at + 4]) for at in (16, 20))
    assert width == height
    assert (width // 10 - 8 - 17) % 4 == 0  # a version's modules, and four empty ones on each side
    assert len(picture) < 5000
    assert picture != arrival_cards.qr_code(arrival_cards.link("mesobot_demo_bot", "y" * 32))
