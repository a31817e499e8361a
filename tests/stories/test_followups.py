"""Between sessions: what a patient gets and when, what each answer does, and how it all stops and goes on."""

from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from typing import TypeVar

import pytest
import pytest_asyncio
from sqlalchemy import select

from bot.clinic import consents, courses, patients, preferences, visits
from bot.clinic.courses import Done
from bot.clinic.patients import Person
from bot.clinic.timing import Quiet
from bot.clinic.visits import Actor, Card, Changed, Requested, Wanted
from bot.config import Clinic
from bot.programme import Change
from bot.sandbox.world import User
from bot.store.database import Session
from bot.store.models import Audit, Enquiry, FollowUp, Patient, Visit
from handlers import visits as visit_cards
from handlers.desk import Owed
from tests.quick import URGENT, FixedReader, without_waits
from tests.story import Story, labels

MINUTE, HOUR, DAY, WEEK = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1), timedelta(weeks=1)
FRIDAY = datetime(2026, 11, 27, 10, 0, tzinfo=UTC)
NOTE = "A note from Linden Skin Clinic\n\n"

T = TypeVar("T")


@pytest_asyncio.fixture
async def story(clinic: Clinic, database_url: str, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Story]:
    without_waits(monkeypatch)
    face = clinic.treatments[0].model_copy(update={"sessions": 3})
    followups = clinic.followups.model_copy(update={"review": "https://linden.example/review"})
    three = clinic.model_copy(update={"treatments": (face, *clinic.treatments[1:]), "followups": followups})
    story = Story(three, FixedReader(), database_url)
    await story.open()
    yield story
    await story.close()


async def run(story: Story, work: Callable[[Session, datetime], T]) -> T:
    assert story.database is not None
    now = story.clock.now()
    return await story.database.transaction(lambda session: work(session, now))


async def booked(
    story: Story, starts_at: datetime = FRIDAY, *, by: User | None = None, treatment: str = "face", who: str = "hart"
) -> Card:
    """A visit that staff have confirmed, of a patient who agreed to everything; its card is in the group."""
    user = by or story.anna
    user.started = True
    assert story.app is not None
    desk = story.app.desk

    def book(session: Session, now: datetime) -> Card:
        patients.meet(session, Person(user.id, user.first_name, user.last_name, None, "en"), now)
        for purpose in (consents.VISIT, consents.FOLLOW_UP, consents.OFFERS):
            consents.give(session, user.id, purpose, True, now)
        wanted = Wanted(treatment, who, starts_at, "Anna Nowak", "+442079460018", {"pregnant": "no", "blood": "no"})
        asked = visits.request(session, story.clinic, user.id, wanted, now)
        assert isinstance(asked, Requested), asked
        maya = Actor(story.maya.id, "Maya")
        sure = visits.confirm(session, story.clinic, asked.card.visit_id, asked.card.version, story.group.id, maya, now)
        assert isinstance(sure, Changed)
        return sure.card

    def post(card: Card) -> list[Owed]:
        return [visit_cards.posted(desk, card)]

    card = await desk.act(desk.staff_speech, book, post)
    await story.settle()
    return card


async def done(story: Story, card: Card) -> None:
    """The visit's end: staff mark it as done."""
    await until(story, card.ends_at)

    def finish(session: Session, now: datetime) -> None:
        shown = visits.get(session, story.clinic, card.visit_id)
        assert shown is not None
        maya = Actor(story.maya.id, "Maya")
        over = courses.finish(session, story.clinic, card.visit_id, shown.version, story.group.id, maya, now)
        assert isinstance(over, Done), over

    await run(story, finish)


async def until(story: Story, moment: datetime) -> list[tuple[datetime, str]]:
    """Let time pass from one due thing to the next; return what the patient Anna got, and when."""
    assert story.app is not None
    got = []
    while True:
        seen = story._last(story.anna.id)
        due = await story.app.next_due()
        step = min(due if due is not None else moment, moment)
        await story.pass_time(max(step - story.clock.now(), timedelta(0)))
        got += [(story.clock.now(), text) for text in story.since(story.anna.id, seen)]
        if story.clock.now() >= moment and (due is None or due > moment):
            return got


def steps(story_rows: list[FollowUp]) -> dict[str, tuple[str, str | None]]:
    return {row.step: (row.state, row.answer) for row in story_rows}


async def rows(story: Story) -> dict[str, tuple[str, str | None]]:
    found = await run(story, lambda s, _: list(s.scalars(select(FollowUp).order_by(FollowUp.id))))
    return steps(found)


def buttons(story: Story) -> list[list[str]]:
    return labels(story.shown(story.anna.id))


async def tapped(story: Story, label: str, user: User | None = None) -> list[str]:
    """Tap, and return what came of it in that chat."""
    who = user or story.anna
    seen = story._last(who.id)
    await story.tap(who, label)
    return story.since(who.id, seen)


def in_group(story: Story, seen: int) -> list[str]:
    return story.since(story.group.id, seen)


async def test_a_course_of_three_sessions(story: Story) -> None:
    got: list[tuple[datetime, str]] = []
    starts = [FRIDAY, FRIDAY + 3 * WEEK, FRIDAY + 6 * WEEK]
    for number, start in enumerate(starts):
        card = await booked(story, start)
        got += await until(story, card.ends_at)
        await done(story, card)
        if number < 2:
            got += await until(story, starts[number + 1] - 6 * DAY)
    got += await until(story, starts[2] + 13 * WEEK)
    assert all(text.startswith(NOTE) for _, text in got)
    said = [(f"{at:%d.%m. %H:%M}", text.removeprefix(NOTE)[:32]) for at, text in got]
    before = "Your visit is "
    assert said == [
        ("24.11. 10:00", f"{before}on Friday, 27 Nove"),
        ("26.11. 10:00", f"{before}tomorrow at 10:00:"),
        ("27.11. 08:00", "See you at 10:00. Please arrive "),
        ("27.11. 12:45", "Your care card\n• Keep the area c"),
        ("28.11. 10:00", "How is your skin today? Redness,"),
        ("30.11. 10:00", "Three days on: is anything hotte"),
        ("11.12. 11:00", "You may be due another session, "),
        ("15.12. 10:00", f"{before}on Friday, 18 Dece"),
        ("17.12. 10:00", f"{before}tomorrow at 10:00:"),
        ("18.12. 08:00", "See you at 10:00. Please arrive "),
        ("18.12. 12:45", "Your care card\n• Keep the area c"),
        ("19.12. 10:00", "How is your skin today? Redness,"),
        ("21.12. 10:00", "Three days on: is anything hotte"),
        ("01.01. 11:00", "You may be due another session, "),
        ("05.01. 10:00", f"{before}on Friday, 8 Janua"),
        ("07.01. 10:00", f"{before}tomorrow at 10:00:"),
        ("08.01. 08:00", "See you at 10:00. Please arrive "),
        ("08.01. 12:45", "Your care card\n• Keep the area c"),
        ("09.01. 10:00", "How is your skin today? Redness,"),
        ("11.01. 10:00", "Three days on: is anything hotte"),
        ("05.02. 11:00", "4 weeks since your visit. Is the"),
        ("19.02. 11:00", "Your course has finished. How do"),
        ("02.04. 10:00", "12 weeks since your visit. Is th"),
    ]  # fmt: skip


async def test_a_reminder_says_when_and_what_and_each_answer_is_there(story: Story) -> None:
    await booked(story)
    ((_, text),) = await until(story, FRIDAY - 3 * DAY)
    assert text == (
        f"{NOTE}Your visit is on Friday, 27 November at 10:00: Face with Dr Maya Hart. Has anything changed in your "
        "health or medicines since you booked? Tell us first; a practitioner will advise."
    )
    assert buttons(story) == [
        ["✅ I'll be there", "Another time"],
        ["Cancel", "Something changed"],
        ["Stop these messages"],
    ]


async def test_who_confirms_is_expected(story: Story) -> None:
    card = await booked(story)
    await until(story, FRIDAY - 3 * DAY)
    assert await tapped(story, "✅ I'll be there") == [
        "Thank you, the clinic knows. See you on Friday, 27 November at 10:00."
    ]
    assert (await rows(story))["before-3-days"] == ("sent", "confirm")
    visit = await run(story, lambda s, _: s.get_one(Visit, card.visit_id))
    assert visit.answered_at == story.clock.now()
    reminder = next(m for m in story.telegram.history(story.anna.id) if m["text"].startswith(NOTE))
    assert labels(reminder)[0] == ["✓ ✅ I'll be there", "Another time"]
    tap = await story.tap(story.anna, "✓ ✅ I'll be there")
    assert tap is not None
    assert tap["text"] == "Thank you, I have noted that already."
    audit = await run(story, lambda s, _: list(s.scalars(select(Audit).where(Audit.action == "follow-up answered"))))
    assert [(one.actor, one.before, one.after) for one in audit] == [(story.anna.id, None, "confirm")]


async def test_another_time_begins_the_choice_of_one(story: Story) -> None:
    card = await booked(story)
    await until(story, FRIDAY - 3 * DAY)
    (form,) = await tapped(story, "Another time")
    assert card.code in form
    assert (await rows(story))["before-3-days"] == ("sent", "move")


async def test_cancel_asks_once_more_and_staff_are_told(story: Story) -> None:
    card = await booked(story)
    await until(story, FRIDAY - 3 * DAY)
    (sure,) = await tapped(story, "Cancel")
    assert sure.startswith("Cancel this visit?")
    seen = story._last(story.group.id)
    await story.tap(story.anna, "Yes, cancel it")
    assert in_group(story, seen) == [f"✖️ Anna Nowak has cancelled {card.code}, Friday, 27 November, 10:00–10:45."]
    assert await until(story, FRIDAY) == []


@pytest.mark.parametrize(("label", "wish"), [("I cannot come", "cannot come"), ("Another time", "needs another time")])
async def test_who_cannot_come_the_day_before_is_telephoned(story: Story, label: str, wish: str) -> None:
    card = await booked(story)
    await until(story, FRIDAY - DAY)
    assert buttons(story)[:2] == [["✅ I'll be there", "Another time"], ["I cannot come", "Something changed"]]
    await story.pass_time(MINUTE)
    await tapped(story, "✅ I'll be there")
    seen = story._last(story.group.id)
    (text,) = await tapped(story, label)
    assert text.startswith("I have told the clinic that you ")
    assert text.endswith("It is too near for me to change it here, so please call +44 20 7946 0958 as well.")
    (note,) = in_group(story, seen)
    assert note.startswith(f"📵 Anna Nowak ({card.code}, Friday, 27 November, 10:00) {wish}")
    assert "+44 20 7946 0018" in note
    await tapped(story, label)
    assert len(in_group(story, seen)) == 1
    visit = await run(story, lambda s, _: s.get_one(Visit, card.visit_id))
    assert (visit.status, visit.answered_at) == ("confirmed", None)
    await story.pass_time(2 * MINUTE)
    assert len(in_group(story, seen)) == 1
    (listed,) = await story.say(story.maya, "/calls", chat=story.group)
    assert f"• {wish}: wrote so here, too near to the visit to change it alone" in listed


async def test_two_hours_before_the_button_says_what_it_does(story: Story) -> None:
    await booked(story)
    await until(story, FRIDAY - 2 * HOUR)
    assert buttons(story)[:2] == [["On my way", "Running late"], ["I cannot come"]]


@pytest.mark.parametrize(
    ("text", "said", "noted"),
    [
        ("I'm stuck in traffic, 15 min late", "Thank you, the clinic has got this.", "🕒 Anna Nowak"),
        ("sorry, I can't come today", "I have told the clinic that you cannot come today at 10:00.", "🕒 Anna Nowak"),
        ("I'll be there", "Thank you, the clinic knows. See you today at 10:00.", None),
    ],
)
async def test_words_say_what_the_buttons_of_a_reminder_say(
    story: Story, text: str, said: str, noted: str | None
) -> None:
    card = await booked(story)
    await until(story, FRIDAY - 2 * HOUR)
    seen = story._last(story.group.id)
    (answer,) = await story.say(story.anna, text)
    assert answer.startswith(said)
    notes = in_group(story, seen)
    if noted is None:
        assert notes == []
        assert (await run(story, lambda s, _: s.get_one(Visit, card.visit_id))).answered_at == story.clock.now()
    else:
        (note,) = notes
        assert note.startswith(noted)
        assert note.endswith(f"writes:\n{text}")


async def test_one_persons_lateness_does_not_flood_the_group(story: Story) -> None:
    await booked(story)
    await until(story, FRIDAY - 2 * HOUR)
    seen = story._last(story.group.id)
    for minutes in range(1, 66):
        story.clock.advance(timedelta(seconds=3))
        await story.say(story.anna, f"I am {minutes} minutes late")
    assert len(in_group(story, seen)) == 60


async def test_such_words_far_from_the_visit_are_heard_as_before(story: Story) -> None:
    await booked(story)
    seen = story._last(story.group.id)
    await story.say(story.anna, "I will be 10 minutes late")
    await story.say(story.anna, "I can't come")
    assert in_group(story, seen) == []


async def test_who_is_late_says_how_late_and_staff_hear_it_once(story: Story) -> None:
    card = await booked(story)
    await until(story, FRIDAY - 2 * HOUR)
    assert await tapped(story, "Running late") == ["No problem. About how late will you be?"]
    assert buttons(story) == [["10 minutes", "20 minutes", "30 minutes"]]
    seen = story._last(story.group.id)
    place, data = story.telegram.find_button(story.anna.id, "20 minutes")
    for _ in range(2):
        await story.telegram.tap(story.anna.id, story.anna.id, place, data)
    await story.settle()
    assert story.shown(story.anna.id)["text"].startswith("Thank you. The clinic knows that you will be about 20 min")
    assert in_group(story, seen) == [f"🕒 Anna Nowak ({card.code}, 10:00) will be about 20 minutes late."]
    assert (await rows(story))["before-2-hours"] == ("sent", "late-20")


async def test_something_changed_asks_that_question_and_staff_see_it_on_the_card(story: Story) -> None:
    card = await booked(story)
    await until(story, FRIDAY - 3 * DAY)
    assert await tapped(story, "Something changed") == ["What has changed? Tap what it is about."]
    await story.tap(story.anna, "Blood thinners, bleeding")
    assert story.shown(story.anna.id)["text"] == "Do you take blood thinners or aspirin, or have a bleeding problem?"
    seen = story._last(story.group.id)
    await story.tap(story.anna, "Not sure")
    assert story.shown(story.anna.id)["text"] == (
        "Thank you. A practitioner will look at this before your visit. Please don't stop or change any medicine."
    )
    assert in_group(story, seen) == [
        f"⚠️ Anna Nowak has changed a health answer for {card.code}: it needs practitioner review (Details)."
    ]
    on_card = next(text for text in in_group(story, 0) if card.code in text)
    assert "needs practitioner review" in on_card
    visit = await run(story, lambda s, _: s.get_one(Visit, card.visit_id))
    assert (visit.screening, visit.flagged) == ({"pregnant": "no", "blood": "unsure"}, True)


async def test_health_answers_are_not_kept_without_consent(story: Story) -> None:
    await booked(story)
    await until(story, FRIDAY - 3 * DAY)
    await tapped(story, "Something changed")
    await story.tap(story.anna, "An allergy")
    await run(story, lambda s, now: consents.give(s, story.anna.id, consents.VISIT, False, now))
    await story.tap(story.anna, "Yes")
    refused = "You have not agreed that answers about your health are kept here"
    assert story.shown(story.anna.id)["text"].startswith(refused)
    (text,) = await tapped(story, "Something changed")
    assert text.startswith(refused)
    visit = await run(story, lambda s, _: s.get_one(Visit, 1))
    assert "allergy" not in visit.screening


async def test_a_button_of_a_visit_that_moved_explains_itself(story: Story) -> None:
    card = await booked(story)
    await until(story, FRIDAY - 3 * DAY)

    def move(session: Session, now: datetime) -> None:
        asked = visits.move(session, story.clinic, card.visit_id, story.anna.id, "hart", FRIDAY + 4 * DAY, now)
        assert isinstance(asked, Requested)
        maya = Actor(story.maya.id, "Maya")
        visits.confirm(session, story.clinic, card.visit_id, asked.card.version, story.group.id, maya, now)

    await run(story, move)
    (text,) = await tapped(story, "✅ I'll be there")
    assert text.startswith("Your visit has changed since this message")


async def test_nobody_elses_button_does_anything(story: Story) -> None:
    await booked(story)
    await until(story, FRIDAY - 3 * DAY)
    message = story.shown(story.anna.id)
    data = message["reply_markup"]["inline_keyboard"][0][0]["callback_data"]
    await story.start(story.tom)
    mine = story.shown(story.tom.id)
    tap = await story.telegram.tap(story.tom.id, story.tom.id, mine["message_id"], data)
    await story.settle()
    assert tap.answer is not None
    assert tap.answer["text"].startswith("This button is from an older message")
    assert (await rows(story))["before-3-days"] == ("sent", None)


async def test_after_a_visit_a_card_a_question_and_thanks_that_promise_nothing(story: Story) -> None:
    card = await booked(story)
    await done(story, card)
    ((_, text),) = await until(story, card.ends_at + 2 * HOUR)
    assert text == (
        f"{NOTE}Your care card\n• Keep the area clean; no touching or squeezing for 24 hours.\n"
        "• No make-up for 24 hours.\n• No alcohol for 24 hours.\n• No sport for 48 hours.\n"
        "• No sauna or hot bath for 3 days.\n• No swimming for 3 days.\n\n"
        "Trouble breathing, changes in your sight, white or mottled skin, or severe pain: call 999 now."
    )
    assert (await tapped(story, "The whole advice"))[0].startswith("How do I look after my skin afterwards?")
    assert (await tapped(story, "Call the clinic"))[0].startswith("Call us: +44 20 7946 0958")
    await until(story, card.ends_at + DAY)
    (thanks,) = await tapped(story, "It is settling")
    assert "normal" not in thanks
    assert (await tapped(story, "I have a question"))[0].startswith("Just type it here")
    found = await rows(story)
    assert (found["care-card"], found["check-1-day"]) == (("sent", "call"), ("sent", "question"))


async def test_a_tapped_sign_is_a_red_flag_and_freezes_the_programme_until_staff_close_it(story: Story) -> None:
    card = await booked(story)
    await done(story, card)
    await until(story, card.ends_at + DAY)
    (asked,) = await tapped(story, "Something looks wrong")
    assert asked.startswith("What is it?")
    assert len(buttons(story)) == 14
    seen = story._last(story.group.id)
    (text,) = await tapped(story, "Skin white, grey, blue or marbled")
    assert text.startswith("This could be an emergency. Call 999 now.")
    assert buttons(story) == []
    (alert, *_) = in_group(story, seen)
    assert "\n☎ +44 20 7946 0018\nSkin white, grey, blue or marbled" in alert
    await story.tap(story.maya, "I am on it", chat=story.group)
    assert (await rows(story))["check-3-days"] == ("frozen", None)
    assert await until(story, card.ends_at + 4 * DAY) == []
    told = story.shown(story.anna.id)["message_id"]
    await story.tap(story.maya, "Settled, close it", chat=story.group)
    (goes_on,) = story.since(story.anna.id, told)  # no conversation has ended that the patient knows of
    assert goes_on.startswith(
        f"{NOTE}The clinic has closed what you told us about, so the messages about your visits go"
    )
    assert (await rows(story))["check-3-days"] == ("planned", None)
    ((_, late),) = await until(story, card.ends_at + 4 * DAY + 6 * HOUR)
    assert late.removeprefix(NOTE).startswith("Three days on")


async def test_who_does_not_say_what_is_wrong_is_not_forgotten(story: Story) -> None:
    card = await booked(story)
    await done(story, card)
    await until(story, card.ends_at + DAY)
    await tapped(story, "Something looks wrong")
    seen, seen_there = story._last(story.anna.id), story._last(story.group.id)
    assert story.app is not None
    assert await story.app.next_due() == story.clock.now() + 10 * MINUTE, "the demo's clock stops there"
    await story.pass_time(9 * MINUTE)
    assert story.since(story.anna.id, seen) == []
    await story.pass_time(2 * MINUTE)
    (text,) = story.since(story.anna.id, seen)
    assert text.startswith("Please speak to us today, do not wait")
    (alert, *_) = in_group(story, seen_there)
    assert "Tapped that something looks wrong, and did not say what" in alert
    assert (await rows(story))["check-3-days"] == ("frozen", None)
    assert (await story.say(story.anna, "a strange feeling"))[0].startswith("The clinic has got this.")


@pytest.mark.parametrize("other", ["Call the clinic", "The whole advice"])
async def test_a_tap_beside_a_problem_does_not_make_it_forgotten(story: Story, other: str) -> None:
    card = await booked(story)
    await done(story, card)
    await until(story, card.ends_at + 2 * HOUR)
    await tapped(story, "Something looks wrong")
    await story.pass_time(MINUTE)
    await tapped(story, other)
    seen = story._last(story.group.id)
    await story.pass_time(11 * MINUTE)
    (alert, *_) = in_group(story, seen)
    assert "Tapped that something looks wrong, and did not say what" in alert


async def test_a_problem_told_below_an_old_message_is_looked_after_as_well(story: Story) -> None:
    card = await booked(story)
    await done(story, card)
    await until(story, card.ends_at + 3 * DAY)
    place, data = story.telegram.find_button(story.anna.id, "Something looks wrong")
    await until(story, card.ends_at + 40 * DAY)
    await story.telegram.tap(story.anna.id, story.anna.id, place, data)
    await story.settle()
    seen = story._last(story.group.id)
    await story.pass_time(11 * MINUTE)
    (alert, *_) = in_group(story, seen)
    assert "Tapped that something looks wrong, and did not say what" in alert


async def test_who_lost_a_visit_does_not_act_for_it(story: Story) -> None:
    card = await booked(story)
    await until(story, FRIDAY - 3 * DAY)
    place, data = story.telegram.find_button(story.anna.id, "✅ I'll be there")

    def untie(session: Session, _: datetime) -> None:
        session.get_one(Visit, card.visit_id).chat_id = None

    await run(story, untie)
    tap = await story.telegram.tap(story.anna.id, story.anna.id, place, data)
    await story.settle()
    assert tap.answer is not None
    assert tap.answer["text"].startswith("This button is from an older message")
    assert (await run(story, lambda s, _: s.get_one(Visit, card.visit_id))).answered_at is None


async def test_who_said_it_in_words_or_tapped_by_mistake_is_not_asked_again(story: Story) -> None:
    card = await booked(story)
    await done(story, card)
    await until(story, card.ends_at + 2 * HOUR)
    await tapped(story, "Something looks wrong")
    await story.tap(story.anna, "Nothing of this, I tapped by mistake")
    seen = story._last(story.anna.id)
    await story.pass_time(20 * MINUTE)
    assert story.since(story.anna.id, seen) == []
    await until(story, card.ends_at + DAY)
    await tapped(story, "Something looks wrong")
    await story.say(story.anna, URGENT)
    await story.tap(story.maya, "I am on it", chat=story.group)
    seen = story._last(story.anna.id)
    await story.pass_time(20 * MINUTE)
    assert story.since(story.anna.id, seen) == []


async def test_a_typed_red_flag_freezes_as_well_and_the_patients_end_does_not_thaw(story: Story) -> None:
    card = await booked(story)
    await done(story, card)
    await until(story, card.ends_at + DAY)
    await story.say(story.anna, URGENT)
    alert = story.shown(story.group.id)["message_id"]
    await story.say(story.maya, "We are looking into it", chat=story.group, reply_to=alert)
    await story.tap(story.anna, "End the conversation")
    assert (await rows(story))["check-3-days"] == ("frozen", None)
    await story.tap(story.maya, "Settled, close it", chat=story.group)
    assert (await rows(story))["check-3-days"] == ("planned", None)


async def test_two_problems_are_both_closed_before_it_goes_on(story: Story) -> None:
    card = await booked(story)
    await done(story, card)
    await until(story, card.ends_at + DAY)
    for _ in range(2):
        await story.say(story.anna, URGENT)
        await story.tap(story.maya, "I am on it", chat=story.group)
        await story.pass_time(HOUR + MINUTE)  # so that the second has a card of its own
    assert story.database is not None
    first, _ = await story.database.read(lambda session: session.scalars(select(Enquiry.id)).all())
    await story.tap(story.maya, "Settled, close it", chat=story.group)
    assert (await rows(story))["check-3-days"] == ("frozen", None)
    shown = next(one for one in story.telegram.history(story.group.id) if f"close:{first}" in str(one))
    await story.telegram.tap(story.maya.id, story.group.id, shown["message_id"], f"close:{first}")
    await story.settle()
    assert (await rows(story))["check-3-days"] == ("planned", None)


async def test_a_lump_after_twelve_weeks_is_for_today(story: Story) -> None:
    card = await booked(story)
    await done(story, card)
    got = await until(story, card.ends_at + 12 * WEEK + 2 * HOUR)
    assert got[-1][1].removeprefix(NOTE) == (
        "12 weeks since your visit. Is there any new lump, or a sore that is not healing?"
    )
    assert buttons(story) == [["No, nothing", "A lump or a sore"], ["Stop these messages"]]
    await tapped(story, "A lump or a sore")
    assert [row[0] for row in buttons(story)][:2] == [
        "New bumps or sores that do not heal",
        "A hard lump, or a raised patch",
    ]
    (text,) = await tapped(story, "A hard lump, or a raised patch")
    assert text.startswith("Please speak to us today, do not wait: call +44 20 7946 0999.")


async def test_the_next_session_offers_times_and_a_tap_begins_the_booking(story: Story) -> None:
    card = await booked(story)
    await done(story, card)
    await until(story, FRIDAY + 2 * WEEK + 2 * HOUR)
    rows_shown = buttons(story)
    assert len(rows_shown) == 6
    assert rows_shown[3:] == [["Other times", "Ask the clinic first"], ["Not now"], ["Stop these messages"]]
    (form,) = await tapped(story, rows_shown[0][0])
    assert "Face" in form


async def test_not_now_is_left_alone(story: Story) -> None:
    card = await booked(story)
    await done(story, card)
    await until(story, FRIDAY + 2 * WEEK + 2 * HOUR)
    assert await tapped(story, "Not now") == ["All right, there is no rush. /book is there whenever you like."]


async def over(story: Story) -> None:
    """A course of one that is over, and its last question asked."""
    card = await booked(story)

    def short(session: Session, now: datetime) -> None:
        maya = Actor(story.maya.id, "Maya")
        courses.set_sessions(session, story.clinic, card.visit_id, story.group.id, 1, maya, now)

    await done(story, card)
    await run(story, short)
    await until(story, FRIDAY + 6 * WEEK + 2 * HOUR)


async def test_who_is_happy_may_write_a_review(story: Story) -> None:
    await over(story)
    assert buttons(story)[0:2] == [["Happy", "Not sure"], ["Not happy", "A lump or a sore"]]
    await tapped(story, "Happy")
    assert buttons(story) == [["Write a review"]]


async def test_who_is_not_happy_gets_a_person_and_no_offer(story: Story) -> None:
    await over(story)
    other = await booked(story, FRIDAY + 6 * WEEK + DAY + HOUR, treatment="scalp", who="ozan")
    await done(story, other)
    assert (await rows(story))["next-session"] == ("planned", None)
    seen = story._last(story.group.id)
    (text,) = await tapped(story, "Not happy")
    assert text == (
        "Thank you for being honest. Somebody at the clinic will answer you here; you can also call +44 20 7946 0958."
    )
    (enquiry,) = in_group(story, seen)
    assert "Not happy with the result of the course" in enquiry
    await tapped(story, "✓ Not happy")
    assert len(in_group(story, seen)) == 1
    assert (await rows(story))["next-session"] == ("cancelled", None)


async def test_stop_on_a_message_asks_which_and_has_a_way_back(story: Story) -> None:
    card = await booked(story)
    await done(story, card)
    await until(story, card.ends_at + 2 * HOUR)
    assert await tapped(story, "Stop these messages") == ["Which messages shall I stop? It takes effect at once."]
    assert [row[0] for row in buttons(story)] == [
        "Care messages after a visit", "Offers of a next session", "Reminders before a visit", "All of them",
        "Keep them",
    ]  # fmt: skip
    await story.tap(story.anna, "Care messages after a visit")
    assert story.shown(story.anna.id)["text"].startswith("Stopped\n• Care messages after a visit\n\n")
    assert [text[:60] for _, text in await until(story, FRIDAY + 15 * DAY)] == [
        f"{NOTE}You may be due another session"[:60]
    ]
    await story.tap(story.anna, "Turn them on again")
    assert "They are on again. /settings shows what you get." in story.since(story.anna.id, 0)
    got = await until(story, FRIDAY + 29 * DAY)
    assert [text.removeprefix(NOTE)[:7] for _, text in got] == ["4 weeks"]


async def test_something_else_changed_goes_to_the_clinic(story: Story) -> None:
    await booked(story)
    await until(story, FRIDAY - 3 * DAY)
    await tapped(story, "Something changed")
    (invited,) = await tapped(story, "Something else")
    assert invited.startswith("Type it here: what you write next goes to the clinic.")
    seen = story._last(story.group.id)
    await story.say(story.anna, "I have started a new medicine")
    (card,) = in_group(story, seen)
    assert "I have started a new medicine" in card
    await story.say(story.anna, "what-is")  # what comes after it is answered as ever
    assert len(in_group(story, seen)) == 1


async def test_the_command_stop_asks_which(story: Story) -> None:
    await booked(story)
    assert await story.say(story.anna, "/stop") == ["Which messages shall I stop? It takes effect at once."]
    await story.tap(story.anna, "Reminders before a visit")
    assert await until(story, FRIDAY) == []


async def test_stop_in_a_form_may_mean_the_form(story: Story) -> None:
    await story.say(story.anna, "/book")
    assert await story.say(story.anna, "stop") == ["What shall I stop: this form, or messages that I send you?"]
    assert buttons(story) == [["✖ Stop"], ["Messages…"]]
    assert await tapped(story, "Messages…") == ["Which messages shall I stop? It takes effect at once."]
    await story.say(story.anna, "stop")
    await story.tap(story.anna, "✖ Stop")
    assert (await story.say(story.anna, "stop"))[0].startswith("Stopped\n• Care messages")


async def test_stop_counts_in_a_conversation_and_only_for_what_it_names(story: Story) -> None:
    await booked(story)
    await story.say(story.anna, "aaa bbb")
    await story.tap(story.anna, "Ask the clinic")
    await story.say(story.maya, "Yes?", chat=story.group, reply_to=story.shown(story.group.id)["message_id"])
    seen = story._last(story.group.id)
    (text,) = await story.say(story.anna, "please stop the reminders")
    assert text.startswith("Stopped\n• Reminders before a visit\n\n")
    assert in_group(story, seen) == ["Anna Nowak: please stop the reminders"]
    assert [said for _, said in await until(story, FRIDAY) if said.startswith(NOTE)] == []


async def test_the_bot_restarts_in_the_middle_and_nothing_is_lost_or_doubled(story: Story) -> None:
    card = await booked(story)
    await until(story, FRIDAY - 3 * DAY)
    await story.restart()
    await tapped(story, "✅ I'll be there")
    await story.restart()
    got = await until(story, card.ends_at)
    assert [text.removeprefix(NOTE)[:14] for _, text in got] == ["Your visit is ", "See you at 10:"]
    assert (await rows(story))["before-3-days"] == ("sent", "confirm")


async def test_staff_hear_of_whom_a_message_did_not_reach(story: Story) -> None:
    await booked(story)
    await story.telegram.block(story.anna.id)
    await story.settle()
    seen = story._last(story.group.id)
    await until(story, FRIDAY - 3 * DAY)
    await story.pass_time(2 * MINUTE)
    assert in_group(story, seen) == ["☎ 1 person to telephone, because a message did not reach them: /calls"]
    await story.pass_time(10 * MINUTE)
    assert len(in_group(story, seen)) == 1


async def test_two_visits_in_one_message_keep_their_buttons_apart(story: Story) -> None:
    await booked(story, FRIDAY)
    await booked(story, FRIDAY + HOUR, treatment="scalp", who="ozan")
    assert story.app is not None
    story.clock.advance(FRIDAY + HOUR - 3 * DAY - story.clock.now())
    await story.settle()
    assert buttons(story)[0] == ["✅ I'll be there · Friday 10:00", "Another time · Friday 10:00"]
    assert buttons(story)[2] == ["✅ I'll be there · Friday 11:00", "Another time · Friday 11:00"]


async def test_what_was_missed_comes_as_one_message_with_each_answer_once(story: Story) -> None:
    card = await booked(story)
    await done(story, card)
    seen = story._last(story.anna.id)
    await story.pass_time(FRIDAY + 3 * DAY + HOUR - story.clock.now())
    (text,) = story.since(story.anna.id, seen)
    assert text.count("· · ·") == 1
    assert buttons(story) == [
        ["It is settling", "I have a question"], ["Something looks wrong"], ["All fine"], ["Stop these messages"],
    ]  # fmt: skip


# --- the plan and the settings


async def test_the_plan_says_what_is_coming(story: Story) -> None:
    assert await story.say(story.anna, "/plan") == ["Nothing is planned for you at the moment. /book begins a booking."]
    card = await booked(story)
    (text,) = await story.say(story.anna, "/plan")
    assert text == (
        "What is coming\n\n🗓 Friday, 27 November, 10:00\nFace with Dr Maya Hart\n"
        "• Tuesday, 24 November: a reminder\n• Thursday, 26 November: a reminder\n"
        "• Friday, 27 November: a last reminder\n\n/settings changes what you get."
    )
    await done(story, card)
    (text,) = await story.say(story.anna, "/plan")
    assert text == (
        "What is coming\n\nFace: session 1 of 3 is done\n●○○\nThe next session: from Friday, 11 December\n"
        "• Friday, 27 November: your care card\n• Saturday, 28 November: how is your skin?\n"
        "• Monday, 30 November: is everything healing well?\n• Friday, 11 December: times for the next session\n"
        "• Friday, 25 December: a late check\n• Friday, 19 February: a late check\n\n/settings changes what you get."
    )


async def test_the_plan_says_that_it_is_paused(story: Story) -> None:
    await booked(story)
    await story.say(story.anna, URGENT)
    (text,) = await story.say(story.anna, "/plan")
    assert "⏸ Messages of your plan are paused until the clinic has looked after you." in text


async def test_settings_turn_messages_off_and_on(story: Story) -> None:
    await booked(story)
    (text,) = await story.say(story.anna, "/settings")
    assert text == (
        "Your settings\n\nQuiet hours: 21:00–08:00 (the clinic's)\n\n"
        "Safety texts, and answers to what you write, always come. Times are those of Linden Skin Clinic."
    )
    assert buttons(story) == [
        ["✅ Reminders before a visit"], ["✅ Care messages after a visit"], ["✅ Offers of a next session"],
        ["Quiet hours…"],
    ]  # fmt: skip
    await story.tap(story.anna, "✅ Reminders before a visit")
    assert buttons(story)[0] == ["⬜ Reminders before a visit"]
    assert await until(story, FRIDAY - 3 * DAY) == []
    await story.tap(story.anna, "⬜ Reminders before a visit")
    assert [text[:45] for _, text in await until(story, FRIDAY - DAY)] == [f"{NOTE}Your visit is"[:45]]


async def test_quiet_hours_of_ones_own_move_what_is_planned(story: Story) -> None:
    await booked(story, FRIDAY - HOUR)
    await story.say(story.anna, "/settings")
    await story.tap(story.anna, "Quiet hours…")
    assert [row[0] for row in buttons(story)] == [
        "• As the clinic: 21:00–08:00 •", "20:00–09:00", "21:00–09:00", "21:00–10:00", "22:00–07:00", "none", "« Back",
    ]  # fmt: skip
    await story.tap(story.anna, "none")
    assert story.shown(story.anna.id)["text"].startswith("Your settings\n\nQuiet hours: none\n")
    got = await until(story, FRIDAY - HOUR)
    assert got[-1][0] == FRIDAY - 3 * HOUR
    patient = await run(story, lambda s, _: s.get_one(Patient, story.anna.id))
    assert patient.quiet_from == patient.quiet_until


# --- in words


async def test_stop_in_any_words_stops_care_messages_and_offers_at_once(story: Story) -> None:
    card = await booked(story)
    (text,) = await story.say(story.anna, "please stop sending me messages")
    assert text == (
        "Stopped\n• Care messages after a visit\n• Offers of a next session\n\n"
        "You will not get these any more. I still answer when you write, and the clinic can still tell you about a "
        "visit that you booked. If something looks wrong, write here or call +44 20 7946 0999."
    )
    assert buttons(story) == [["Stop the reminders before a visit, too"], ["Turn them on again"]]
    assert len(await until(story, card.ends_at)) == 3
    await done(story, card)
    assert await until(story, FRIDAY + 13 * WEEK) == []


async def test_the_way_back_turns_on_only_what_was_on(story: Story) -> None:
    await booked(story)
    await run(story, lambda s, now: consents.give(s, story.anna.id, consents.OFFERS, False, now))
    await story.say(story.anna, "unsubscribe")
    await story.tap(story.anna, "Turn them on again")
    given = await run(
        story,
        lambda s, _: [consents.given(s, story.anna.id, one) for one in (consents.FOLLOW_UP, consents.OFFERS)],
    )
    assert given == [True, False]


async def test_a_red_flag_in_the_same_words_comes_first(story: Story) -> None:
    await booked(story)
    (text,) = await story.say(story.anna, f"stop texting me, {URGENT}")
    assert text.startswith("This could be an emergency.")
    assert await run(story, lambda s, _: consents.given(s, story.anna.id, consents.FOLLOW_UP)) is True


async def test_what_was_not_in_the_list_of_signs_is_typed_and_goes_to_staff(story: Story) -> None:
    card = await booked(story)
    await done(story, card)
    await until(story, card.ends_at + DAY)
    await tapped(story, "Something looks wrong")
    (text,) = await tapped(story, "Something else")
    assert text.startswith("Please speak to us today")
    assert text.endswith("it goes to the clinic.")
    seen = story._last(story.group.id)
    (confirmed,) = await story.say(story.anna, "my cheek feels like paper")
    assert confirmed.startswith("The clinic has got this.")
    await story.send_file(story.anna, "photo")
    assert len(in_group(story, seen)) == 2
    assert "my cheek feels like paper" in in_group(story, seen)[0]
    (urgent,) = await story.say(story.anna, URGENT)
    assert urgent.startswith("This could be an emergency.")
    await story.pass_time(20 * MINUTE)
    (answer,) = await story.say(story.anna, "what-is")
    assert not answer.startswith("The clinic has got this.")


async def test_the_card_in_the_group_shows_that_the_patient_confirmed(story: Story) -> None:
    card = await booked(story)
    await until(story, FRIDAY - 3 * DAY)
    await story.tap(story.anna, "✅ I'll be there")
    shown = next(text for text in in_group(story, 0) if card.code in text)
    assert shown.endswith("👍 The patient confirmed (Tuesday, 24 November, 10:00)")


PO = """msgid ""
msgstr "Content-Type: text/plain; charset=UTF-8\\n"

msgid "<b>Your settings</b>"
msgstr "<b>Ihre Einstellungen</b>"

msgid "A note from {clinic}"
msgstr "Eine Nachricht von {clinic}"
"""


async def test_the_language_one_chose_wins_everywhere_and_after_a_restart(
    clinic: Clinic, database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    without_waits(monkeypatch)
    folder = tmp_path / "content" / "de"
    folder.mkdir(parents=True)
    (folder / "wording.po").write_text(PO, encoding="utf-8")
    content = clinic.content.model_copy(update={"folder": folder.parent})
    story = await Story(clinic.model_copy(update={"content": content}), FixedReader(), database_url).open()
    card = await booked(story)
    await story.say(story.anna, "/settings")
    await story.tap(story.anna, "Language…")
    assert [row[0] for row in buttons(story)] == ["• As in my Telegram •", "English", "Deutsch", "« Back"]
    await story.tap(story.anna, "Deutsch")
    assert story.shown(story.anna.id)["text"].startswith("Ihre Einstellungen")
    await story.restart()
    (text,) = await story.say(story.anna, "/settings")
    assert text.startswith("Ihre Einstellungen\n\nLanguage: Deutsch")
    # another process, which has not heard of it yet
    await run(story, lambda s, now: patients.meet(s, Person(story.anna.id, "Anna", None, None, "en"), now))
    ((_, reminder),) = await until(story, card.starts_at - 3 * DAY)
    assert reminder.startswith("Eine Nachricht von Linden Skin Clinic\n")
    await story.tap(story.anna, "Language…")
    await story.tap(story.anna, "As in my Telegram")
    (text,) = await story.say(story.anna, "/settings")
    assert text.startswith("Your settings")
    await story.close()


async def test_a_possible_emergency_is_asked_about_until_staff_close_it(story: Story) -> None:
    await booked(story)
    await story.say(story.anna, URGENT)
    await story.tap(story.maya, "I am on it", chat=story.group)
    card = story.shown(story.group.id)["message_id"]
    seen = story._last(story.group.id)
    asked = [(at, text) for at, text in await until_in_group(story, FRIDAY) if text.startswith("Is this settled?")]
    assert [f"{at:%a %H:%M}" for at, _ in asked] == ["Mon 12:30", "Tue 09:01", "Wed 09:01", "Thu 09:01", "Fri 09:01"]
    assert asked[0][1] == (
        "Is this settled? The possible emergency of Anna Nowak (Monday, 23 November, 10:30) has not been closed, and "
        "until it is, no reminder and no other planned message goes to them."
    )
    note = next(one for one in story.telegram.history(story.group.id) if one["message_id"] > seen)
    assert (note["reply_to_message"]["message_id"], labels(note)) == (card, [["Settled, close it"]])
    listed = (await story.say(story.maya, "/calls", chat=story.group))[-1]
    assert "held back: a problem is open, or the messages are paused" in listed
    (pending,) = await story.say(story.maya, "/pending", chat=story.group)
    assert pending.splitlines()[-1] == "1. Anna Nowak, Monday, 23 November, 10:30: Maya took it up"
    await story.tap(story.maya, "1: settled", chat=story.group)
    (pending,) = await story.say(story.maya, "/pending", chat=story.group)
    assert pending == "No request is waiting for a decision."
    later = await until_in_group(story, story.clock.now() + 3 * DAY)
    assert not any("settled" in text for _, text in later)


async def until_in_group(story: Story, moment: datetime) -> list[tuple[datetime, str]]:
    """Let time pass; return what the staff group got, and when."""
    assert story.app is not None
    got = []
    while story.clock.now() < moment:
        seen = story._last(story.group.id)
        due = await story.app.next_due()
        step = min(due if due is not None else moment, moment)
        await story.pass_time(max(step - story.clock.now(), timedelta(0)))
        got += [(story.clock.now(), text) for text in in_group(story, seen)]
    return got


async def test_a_reminder_names_who_the_visit_is_with_while_another_time_is_only_offered(story: Story) -> None:
    card = await booked(story)

    def offer(session: Session, now: datetime) -> None:
        group, maya = story.group.id, Actor(story.maya.id, "Maya")
        later = FRIDAY + 3 * DAY
        offered = visits.propose(session, story.clinic, card.visit_id, card.version, group, "ozan", later, maya, now)
        assert isinstance(offered, Changed)

    await run(story, offer)
    ((_, text),) = await until(story, FRIDAY - 3 * DAY)
    assert "on Friday, 27 November at 10:00: Face with Dr Maya Hart." in text


async def test_what_comes_the_evening_before_says_the_day(story: Story) -> None:
    await booked(story)
    quiet = Quiet(time(21), time(11))
    anna = Person(story.anna.id, "Anna", "Nowak", None, "en")
    await run(story, lambda s, now: preferences.set_quiet(s, story.clinic, anna, quiet, now))
    *_, (at, text) = await until(story, FRIDAY)
    assert (at.date(), text.startswith(f"{NOTE}See you tomorrow at 10:00. Please arrive")) == (
        (FRIDAY - DAY).date(), True,
    )  # fmt: skip


async def test_a_programme_that_changed_is_followed_at_the_next_start_and_staff_are_told(story: Story) -> None:
    card = await booked(story)
    await done(story, card)
    later = Change(id="check-1-day", at="18:00")
    story.clinic = story.clinic.model_copy(update={"programme": (later,)})
    seen = story._last(story.group.id)
    await story.restart()
    assert in_group(story, seen) == ["The programme of messages has changed: 1 planned message is different now."]
    await story.restart()
    assert len(in_group(story, seen)) == 1
    got = await until(story, card.ends_at + 2 * DAY)
    assert [at for at, text in got if "How is your skin" in text] == [FRIDAY + DAY + 8 * HOUR]
