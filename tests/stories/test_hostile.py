"""Buttons in the wrong hands or places, and people who write what no client lets them write."""

import re
from collections.abc import AsyncIterator
from pathlib import Path
from random import Random

import pytest
import pytest_asyncio

from bot.config import Clinic
from bot.sandbox.world import Call, User
from faq.reader import Reader
from tests import course
from tests.course import Course, commands, kinds, shapes
from tests.quick import FixedReader, without_waits
from tests.stories.test_odd_updates import calm
from tests.stories.test_records import confirmed
from tests.stories.test_staff_booking import request
from tests.story import Story


@pytest_asyncio.fixture
async def story(clinic: Clinic, database_file: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Story]:
    without_waits(monkeypatch)
    monkeypatch.setattr("bot.app.ROUND_SECONDS", 86_400)  # nothing happens by itself while it is looked who did what
    face = clinic.treatments[0].model_copy(update={"sessions": 2})
    story = Story(
        clinic.model_copy(update={"treatments": (face, *clinic.treatments[1:])}), FixedReader(), database_file
    )
    await story.open()
    yield story
    await story.close()


def test_kinds_of_buttons_are_read_from_patterns() -> None:
    assert shapes(r"^(a|b):\d{1,3}$") == {"a:#", "b:#"}
    assert shapes(r"^bk:\d+:[mu]:\d{1,6}$") == {"bk:#:m:#", "bk:#:u:#"}
    assert shapes(r"^mv:\d{1,18}(:\d{1,9})?$") == {"mv:#", "mv:#:#"}
    assert shapes("^(menu|cat:|topic:)") == {"menu", "cat:#", "topic:#"}


def others(rows: dict[str, set[str]], user: User) -> dict[str, set[str]]:
    """Return the rows that are not somebody's own."""
    return {name: {row for row in of_table if str(user.id) not in row} for name, of_table in rows.items()}


# --- a played course, in which every button is tried by the wrong people first


CHAPTERS: dict[course.Chapter, str] = {
    course.alone: "bkw menu cat topic ask book fb settings set prv prvask prvcopy prvend prvkeep prvno prvyes x",
    course.form: "bk bknew bvc bvi bvl bvo visits",
    course.talk: "ack add close end",
    course.reception: "bkn bky ca mv pcall pva pvc pvr ub vat vday vmo vno vok vot votr vsure vtyped vwho vwhy",
    course.lists: "ag audit cpage ctick ehow ubl vopen vinfo vback",
    course.earlier: "wt wp bvu bvw bvy vmsg",
    course.arrivals: "ja na nd nlink nm nn nnot nt ntie nw nx",
    course.gaps: "gap approve drop",
    course.record: (
        "erase pback pdate perase perasenow pgo phealth pleave pnot pnote pnow ppause prec prvfix psend pskip"
    ),
    course.programme: "bkat fu fua ful fuq fus stop on eback edone ekind emiss esend esess estay etype eundo eweek",
    course.clock: "clk",
    course.digest: "dg",
}
"""The chapters, and the first words of the buttons that are tried in each by everybody else."""


@pytest.mark.parametrize("chapter", CHAPTERS, ids=lambda one: one.__name__)
async def test_nobody_can_press_the_buttons_of_others_at_any_time(
    story: Story, reader: Reader, chapter: course.Chapter
) -> None:
    """Every kind of button there is, shown in a played course, pressed by all whom it is not for and in every place."""
    words = tuple(CHAPTERS[chapter].split())
    if chapter is course.gaps:
        story.reader = reader  # which learns what staff answer
        await story.restart()
    played = Course(story, words)
    await played.begin()
    await chapter(played)
    here = {kind for kind in played.known if kind.partition(":")[0] in words}
    assert sorted(here - played.alive - NOT_PLAYED) == []  # a button that is new needs to be shown there


async def test_each_button_is_tried_in_one_chapter(story: Story) -> None:
    assert story.app is not None
    words = sorted(" ".join(CHAPTERS.values()).split())
    assert words == sorted({kind.partition(":")[0] for kind in kinds(story.app.desk)})


NOT_PLAYED = frozenset({"set:lang", "set:lang:#", "mv:#"})
"""Kinds tried as junk is: those of a clinic that answers in two languages, and moves as they were shown once."""
# --- nonsense, everywhere


CLAIMS = {"Too many codes were tried here", "Another group is the staff group"}
JUNK = (
    "", "x", "0", "-1", "9" * 30, "\u0663", "1e9", "../../etc/passwd", "'; DROP TABLE visits; --", "<b>", "&#0;",
    "%s{0}", "\ud83d", "\u202eabc", "\x00", "\u200b", "🙂" * 16, "a\nb", "x" * 64, "31.02. 25:99", "friday 99",
)  # fmt: skip
"""What people type behind a command who mean no good."""


async def test_a_thousand_payloads_are_old_buttons_and_nothing_else(story: Story) -> None:
    """Random data, and the data of real buttons changed here and there, by a stranger and in the staff group."""
    played = Course(story, ())
    await played.begin()
    await confirmed(story)
    await story.say(story.anna, "May I?")
    luck = Random(7)  # noqa: S311  chance that can be repeated, nothing secret
    real = sorted(played.known)
    payloads = []
    for number in range(1000):
        parts = luck.choice(real).split("#")
        filled = "".join(
            part + (luck.choice(JUNK) if place + 1 < len(parts) else "") for place, part in enumerate(parts)
        )
        noise = "".join(chr(luck.choice((luck.randrange(32, 127), luck.randrange(0x80, 0x2FFF)))) for _ in range(64))
        data = noise if number % 3 == 0 else filled if number % 3 == 1 else filled + luck.choice(JUNK)
        payloads.append(data.encode("utf-8", "ignore")[:64].decode("utf-8", "ignore"))
    payloads += [kind.replace("#", "1") for kind in real]
    await story.start(played.stranger)
    mine = story.shown(played.stranger.id)["message_id"]
    own = re.compile("^(menu|cat:|topic:|bknew|book|bvl|visits|settings|set:|on:|x|prv|bkat:)")
    payloads = [one for one in payloads if not own.match(one)]  # a stranger may use these for themselves
    assert len(payloads) > 700
    before = await played.rows()
    async with calm(story):
        for data in payloads:
            await story.telegram.tap(played.stranger.id, played.stranger.id, mine, data)
            await story.telegram.tap(played.stranger.id, played.other_group.id, 1, data)
    assert others(await played.rows(), played.stranger) == others(before, played.stranger)


@pytest.mark.parametrize("place", ["private", "staff", "neighbours"])
async def test_whatever_stands_behind_a_command_raises_nothing(story: Story, place: str) -> None:
    await confirmed(story)
    assert story.app is not None
    other = story.telegram.add_group("Neighbours", [story.tom])
    story.tom.started = True
    await story.settle()
    chats = {"private": story.telegram.chats[story.tom.id], "staff": story.group, "neighbours": other}
    chat, user = chats[place], story.maya if place == "staff" else story.tom
    async with calm(story):
        for name in {*commands(story.app.desk, group=True), *commands(story.app.desk, group=False)}:
            entity = {"type": "bot_command", "offset": 0, "length": len(name) + 1}
            for number, text in enumerate(JUNK):
                message = {"message_id": 90_000 + number, "date": 1_790_000_000, "chat": chat.as_dict()}
                said = {"text": f"/{name} {text}", "entities": [entity], "from": user.as_dict()}
                story.telegram.send_raw_update({"message": {**message, **said}})
            await story.settle()
    heard = {text for text in story.since(other.id, 0) if "claim" not in text}  # what /help says in such a group
    assert {text.split(".")[0] for text in heard} <= CLAIMS


# --- who may act in a group


async def test_former_members_bots_channels_and_visitors_do_not_act_for_the_clinic(story: Story) -> None:
    played = Course(story, ())
    await played.begin()
    card = await request(story)
    shown = story.shown(story.group.id)["message_id"]
    before, said = await played.rows(), len(story.telegram.history(story.group.id))
    message = {"message_id": 80_000, "date": 1_790_000_000, "chat": story.group.as_dict(), "text": "/pending"}
    message |= {"entities": [{"type": "bot_command", "offset": 0, "length": 8}]}
    reply = {"text": "You may.", "entities": [], "reply_to_message": story.shown(story.group.id)}
    channel = {"id": -100_777, "type": "channel", "title": "Anybody's"}
    robot = {"id": 777, "is_bot": True, "first_name": "Robot"}
    maya = story.maya.as_dict()
    for sender in (
        {"from": played.former.as_dict()},
        {"from": played.stranger.as_dict()},
        {"from": robot},
        {"from": {"id": 136817688, "is_bot": True, "first_name": "Channel"}, "sender_chat": channel},
        {"from": maya, "via_bot": robot},
        {"sender_chat": channel},
    ):
        for content in (message, message | reply):
            story.telegram.send_raw_update({"message": content | sender})
    await story.telegram.tap(played.former.id, story.group.id, shown, f"vok:{card.visit_id}:{card.version}")
    forwarded = {"forward_origin": {"type": "hidden_user", "date": 1, "sender_user_name": "x"}, "from": maya}
    story.telegram.send_raw_update({"message": message | forwarded})
    await story.settle()
    assert await played.rows() == before
    assert len(story.telegram.history(story.group.id)) == said
    await story.telegram.send_anonymously(story.group.id, "/pending")  # its administration is the clinic's own
    await story.settle()
    assert card.code in story.shown(story.group.id)["text"]


async def test_who_leaves_is_a_member_no_longer_at_once_and_staff_are_not_asked_about_at_every_tap(
    story: Story,
) -> None:
    card = await request(story)
    asked: list[Call] = []
    check = story.telegram.on_call
    assert check is not None
    story.telegram.on_call = lambda call: (check(call), asked.append(call) if call.method == "getChatMember" else None)[
        0
    ]
    shown, data = story.shown(story.group.id)["message_id"], f"vinfo:{card.visit_id}:{card.version}"
    for _ in range(5):
        await story.telegram.tap(story.priya.id, story.group.id, shown, data)
        await story.settle()
    assert len(asked) == 1
    await story.telegram.leave(story.group.id, story.priya.id)
    await story.settle()
    tap = await story.telegram.tap(story.priya.id, story.group.id, shown, f"vok:{card.visit_id}:{card.version}")
    await story.settle()
    assert tap.answer is not None
    assert tap.answer["show_alert"]
    assert "Confirmed" not in story.message(story.group.id, shown)["text"]


# --- the direction of writing


async def test_an_arabic_name_turns_neither_time_nor_code_around(story: Story) -> None:
    name = "\u0633\u0644\u0645\u0649 10:00\u202e\u2069"
    card = await request(story, name=name)
    text = story.shown(story.group.id)["text"]
    line = next(line for line in text.split("\n") if card.code in line)
    assert line.endswith("\u2068\u0633\u0644\u0645\u0649 10:00\u2069"), ascii(line)  # isolated, and closed
    assert f"Visit {card.code} · " in line
