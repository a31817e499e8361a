"""The week in numbers: sent once on its day, shown at any time, with a picture."""

from datetime import date, timedelta
from zoneinfo import ZoneInfo

import pytest

from bot.clinic import digest
from bot.config import Clinic
from bot.config import Digest as Rules
from bot.store.models import Fact, Outgoing
from bot.wording.digest import week
from bot.wording.speech import Speeches
from faq.reader import Reader
from tests.story import Story, labels

DAY, HOUR = timedelta(days=1), timedelta(hours=1)
MONDAY = date(2026, 11, 23)
SAY = Speeches("en", [], ZoneInfo("Europe/London"), country="GB").default


def days(month: int, day: int) -> str:
    """Name the week from a Monday of 2026, as the installed CLDR does: its words change from year to year."""
    return week(SAY, date(2026, month, day))


WEEK = f"""\
📊 {days(11, 23)} (in brackets: the week before)

Requests 0 (0)
Confirmed 0 (0)

Visits done 0 (0)
No-shows 0 (0)
New patients 1 (0)

Questions 2 (0), without a good answer 1 (0): /gaps
Answers rated 👍 1 (0), 👎 0 (0)
Possible emergencies 1 (0), seen to within 2 mins at the longest"""


def pictures(story: Story) -> list[str]:
    """Return the captions of the pictures in the staff group."""
    return [str(one.get("caption", "")) for one in story.telegram.history(story.group.id) if "photo" in one]


async def a_week_with_an_emergency(story: Story) -> None:
    await story.say(story.anna, "when can i wear makeup again?")
    await story.tap(story.anna, "👍 Helpful")
    await story.say(story.anna, "what colour are the curtains in your waiting room")
    await story.say(story.anna, "my face is swelling and i cant breathe")
    await story.pass_time(timedelta(minutes=2))
    await story.tap(story.maya, "I am on it", chat=story.group)


async def until_the_digest(story: Story) -> None:
    """Let it become half past eight on the next Monday."""
    await story.pass_time(7 * DAY - 2 * HOUR - timedelta(minutes=2))


async def test_it_comes_on_monday_once_with_a_picture(any_story: Story) -> None:
    story = any_story
    await a_week_with_an_emergency(story)
    await story.pass_time(7 * DAY - 2 * HOUR - timedelta(minutes=3))
    assert pictures(story) == []
    await story.pass_time(timedelta(minutes=1))
    assert pictures(story) == [WEEK]
    shown = story.shown(story.group.id)
    assert labels(shown) == [["‹ Week before", "Week after ›"]]
    (photo,) = shown["photo"]
    assert (photo["width"], photo["height"]) == (900, 676)
    await story.restart()
    await story.pass_time(HOUR)
    await story.pass_time(DAY)
    assert pictures(story) == [WEEK]


async def test_two_programs_send_it_once(any_story: Story) -> None:
    story = any_story
    await a_week_with_an_emergency(story)
    assert story.app is not None
    desk, now = story.app.desk, story.clock.now() + 7 * DAY
    assert story.database is not None
    first = await story.database.transaction(lambda session: digest.take(session, MONDAY))
    both = await story.database.read(lambda session: digest.owed(session, desk.clinic, MONDAY, now))
    assert (first, both) == (True, None)
    await until_the_digest(story)
    assert pictures(story) == []


async def test_it_comes_late_but_not_after_two_days(any_story: Story) -> None:
    story = any_story
    await a_week_with_an_emergency(story)
    await story.close()
    story.clock.advance(9 * DAY - 2 * HOUR - timedelta(minutes=3))
    await story.open()
    await story.pass_time(timedelta(seconds=1))
    assert pictures(story) == [WEEK]
    await story.close()
    story.clock.advance(7 * DAY + timedelta(minutes=1))
    await story.open()
    await story.pass_time(timedelta(seconds=1))
    assert len(pictures(story)) == 1


async def test_a_quiet_week_is_one_line_and_a_new_house_says_nothing(story: Story) -> None:
    await story.pass_time(timedelta(seconds=1))  # it is Monday, half past ten, and nobody has ever come
    assert story.since(story.group.id, 0) == []
    await a_week_with_an_emergency(story)
    await until_the_digest(story)
    await story.pass_time(7 * DAY)
    assert story.shown(story.group.id)["text"] == f"📊 {days(11, 30)}: a quiet week, nothing to report."
    await story.tap(story.maya, "‹ Week before", chat=story.group)
    assert story.shown(story.group.id)["caption"] == WEEK


async def test_a_clinic_can_do_without(clinic: Clinic, reader: Reader, database_url: str) -> None:
    without = clinic.model_copy(update={"digest": Rules(weekly=False)})
    story = await Story(without, reader, database_url).open()
    await a_week_with_an_emergency(story)
    await until_the_digest(story)
    assert pictures(story) == []
    assert await story.say(story.maya, "/digest", chat=story.group) == [WEEK]
    await story.close()


async def test_any_week_at_any_time(story: Story) -> None:
    await a_week_with_an_emergency(story)
    (last,) = await story.say(story.maya, "/digest", chat=story.group)
    assert last.startswith(f"📊 {days(11, 16)} (in brackets: the week before)\n\nRequests 0 (0)")
    await story.tap(story.maya, "Week after ›", chat=story.group)
    shown = story.shown(story.group.id)
    assert shown["caption"] == WEEK.replace(
        " (in brackets: the week before)", ", so far (in brackets: the whole week before)"
    )
    assert labels(shown) == [["‹ Week before"]]
    for _ in range(11):
        await story.tap(story.maya, "‹ Week before", chat=story.group)
    shown = story.shown(story.group.id)
    assert shown["caption"].startswith(f"📊 {days(9, 7)} (in")
    assert len(pictures(story)) == 1


async def test_it_is_for_staff_only(story: Story) -> None:
    await a_week_with_an_emergency(story)
    other = story.telegram.add_group("Somebody else", [story.tom])
    assert await story.say(story.tom, "/digest", chat=other) == []
    (told,) = await story.say(story.tom, "/digest")
    assert "emergencies" not in told


async def test_what_is_kept_of_it_are_counts(story: Story) -> None:
    await a_week_with_an_emergency(story)
    await until_the_digest(story)
    assert story.database is not None
    fact, owed = await story.database.read(
        lambda s: (s.get(Fact, digest.SENT), s.query(Outgoing).filter(Outgoing.method == "sendPhoto").one())
    )
    assert fact is not None
    assert fact.value == "2026-11-23"
    assert "curtains" not in str(owed.params)
    assert "Anna" not in str(owed.params)


async def test_a_text_too_long_for_a_caption_follows_the_picture(story: Story, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("handlers.digest.CAPTION_LIMIT", 100)
    await a_week_with_an_emergency(story)
    await until_the_digest(story)
    assert pictures(story) == [""]
    shown = story.shown(story.group.id)
    assert shown["text"] == WEEK
    await story.tap(story.maya, "‹ Week before", chat=story.group)
    assert pictures(story) == ["", ""]
    assert story.shown(story.group.id)["text"].startswith(f"📊 {days(11, 16)}")


async def test_letters_that_cannot_be_drawn_leave_the_text(clinic: Clinic, reader: Reader, database_url: str) -> None:
    elsewhere = clinic.model_copy(update={"name": "皮膚科"})
    story = await Story(elsewhere, reader, database_url).open()
    await a_week_with_an_emergency(story)
    await until_the_digest(story)
    assert story.shown(story.group.id)["text"] == WEEK
    await story.tap(story.maya, "‹ Week before", chat=story.group)
    assert story.shown(story.group.id)["text"].startswith(f"📊 {days(11, 16)}")
    assert pictures(story) == []
    await story.close()
