"""Buttons in the wrong hands or places, names that are weapons, and people who write very much."""

import copy
import re
import re._parser as grammar  # type: ignore[import-not-found]  # private: the grammar of the handlers' own patterns
import sqlite3
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import product
from pathlib import Path
from random import Random
from typing import Any

import pytest
import pytest_asyncio
from sqlalchemy import select
from telegram.ext import CallbackQueryHandler, CommandHandler, filters

from bot.clinic import drafts
from bot.config import Clinic
from bot.sandbox.world import Call, Chat, User
from bot.store.models import Base
from handlers import all_handlers, booking
from tests.quick import URGENT, FixedReader, without_waits
from tests.stories.test_booking import press as press_key
from tests.stories.test_odd_updates import calm
from tests.stories.test_records import confirmed
from tests.stories.test_staff_booking import request
from tests.story import Story

DAY, HOUR, MINUTE = timedelta(days=1), timedelta(hours=1), timedelta(minutes=1)
FRIDAY = datetime(2026, 11, 27, 10, 0, tzinfo=UTC)
OTHER_TABLES = ("inbox", "outbox", "leases", "notices")
"""What holds no more than the traffic."""
ANSWERED = ("x", "pcall")
"""Buttons that only show a note, or nothing."""
EVERYBODYS = ("bkat", "set")
"""With those that name no row, what each may do for themselves, where nothing of others changes."""


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


# --- which buttons there are


def shapes(pattern: str) -> set[str]:
    """Return the kinds of data that a handler's pattern takes, with # for what may be anything."""
    found = set(_spelled(grammar.parse(pattern)))
    return found if pattern.endswith("$") else {one + "#" * one.endswith(":") for one in found}


def _spelled(parts: Any) -> Iterator[str]:
    for pieces in product(*(list(_choices(*part)) for part in parts)):
        yield re.sub("#+", "#", "".join(pieces))


def _choices(kind: Any, what: Any) -> Iterator[str]:
    match str(kind):
        case "LITERAL":
            yield chr(what)
        case "AT":
            yield ""
        case "BRANCH":
            for branch in what[1]:
                yield from _spelled(branch)
        case "SUBPATTERN":
            yield from _spelled(what[3])
        case "IN" if all(str(one) == "LITERAL" for one, _ in what):
            yield from (chr(value) for _, value in what)
        case "MAX_REPEAT" if what[0] == 0 and what[1] == 1:
            yield ""
            yield from _spelled(what[2])
        case _:
            yield "#"


def kinds(desk: Any) -> set[str]:
    """Return every kind of button that some handler answers."""
    patterns = [
        one.pattern.pattern for one in all_handlers(desk) if isinstance(one, CallbackQueryHandler) and one.pattern
    ]
    found = set().union(*map(shapes, patterns))
    # the form's own codes stand in one pattern
    codes = {*booking.SETS, booking.GO_ON, booking.STOP, booking.BACK, booking.CHANGE, booking.SEND}
    found |= {f"bk:#:#:{code}:#" for code in codes}
    return found - {"bk:#:#:#:#"}


def kind_of(data: str, known: set[str]) -> str:
    """Return the kind that data are of: the one with the fewest blanks."""
    fits = [one for one in known if re.fullmatch(re.escape(one).replace(r"\#", ".*"), data, re.DOTALL)]
    assert fits, f"no handler knows {data}"
    return min(fits, key=lambda one: (one.count("#"), -len(one)))


def test_kinds_of_buttons_are_read_from_patterns() -> None:
    assert shapes(r"^(a|b):\d{1,3}$") == {"a:#", "b:#"}
    assert shapes(r"^bk:\d+:[mu]:\d{1,6}$") == {"bk:#:m:#", "bk:#:u:#"}
    assert shapes(r"^mv:\d{1,18}(:\d{1,9})?$") == {"mv:#", "mv:#:#"}
    assert shapes("^(menu|cat:|topic:)") == {"menu", "cat:#", "topic:#"}


# --- a played course, in which every button is tried by the wrong people first


@dataclass
class Course:
    """Plays a clinic's life; before a button of a new kind does its work, everybody else has tried it in vain."""

    story: Story
    known: set[str] = field(default_factory=set)
    alive: set[str] = field(default_factory=set)
    """Kinds that did something for whom they are meant."""
    tried: set[tuple[int, str]] = field(default_factory=set)
    calls: list[Call] = field(default_factory=list)
    taps: int = 0

    async def begin(self) -> None:
        story = self.story
        assert story.app is not None
        self.known = kinds(story.app.desk)
        check = story.telegram.on_call
        assert check is not None

        def note(call: Call) -> None:
            check(call)
            self.calls.append(call)

        story.telegram.on_call = note
        self.stranger = story.telegram.add_user("Stranger")
        self.other_group = story.telegram.add_group("Neighbours", [self.stranger, story.anna, story.tom, story.maya])
        self.former = story.telegram.add_user("Former")
        await story.telegram.join(story.group.id, self.former.id)
        await story.settle()
        for user in (self.stranger, self.former, story.anna, story.tom, story.maya):
            user.started = True
        await story.say(self.former, "/help", chat=story.group)  # known as a member just now
        await story.telegram.leave(story.group.id, self.former.id, kicked=True)
        await story.settle()
        await story.pass_time(MINUTE)

    # what is in the database

    async def rows(self) -> dict[str, set[str]]:
        """Return every row of every table but those of the traffic."""

        def look(session: Any) -> dict[str, set[str]]:
            return {
                table.name: {repr(tuple(row)) for row in session.execute(select(*table.columns))}
                for table in Base.metadata.sorted_tables
                if table.name not in OTHER_TABLES
            }

        assert self.story.database is not None
        return await self.story.database.read(look)

    def save(self) -> tuple[sqlite3.Connection, dict[int, Any], dict[int, str]]:
        kept = sqlite3.connect(":memory:")
        with sqlite3.connect(self.file) as live:
            live.backup(kept)
        assert self.story.app is not None
        chats = {
            place: (copy.deepcopy(one.messages), one.reply_keyboard) for place, one in self.story.telegram.chats.items()
        }
        return kept, chats, dict(self.story.app.desk.own_languages)

    def restore(self, saved: tuple[sqlite3.Connection, dict[int, Any], dict[int, str]]) -> None:
        kept, chats, languages = saved
        with sqlite3.connect(self.file) as live:
            kept.backup(live)
        kept.close()
        for place, (messages, keyboard) in chats.items():
            self.story.telegram.chats[place].messages = messages
            self.story.telegram.chats[place].reply_keyboard = keyboard
        assert self.story.app is not None
        self.story.app.desk.own_languages.clear()
        self.story.app.desk.own_languages.update(languages)

    @property
    def file(self) -> str:
        return self.story.url.removeprefix("sqlite:///")

    # buttons

    def shown(self) -> Iterator[tuple[Chat, int, str]]:
        """Yield the buttons that can be seen now, the newest messages first."""
        for chat in self.story.telegram.chats.values():
            for message in reversed(list(chat.messages.values())):
                for row in message.get("reply_markup", {}).get("inline_keyboard", ()):
                    for button in row:
                        if "callback_data" in button:
                            yield chat, message["message_id"], button["callback_data"]

    async def explore(self) -> None:
        """Try each button of a kind that has not worked yet: by the wrong people, then by the right one, and so on."""
        for chat, message_id, data in list(self.shown()):
            kind = kind_of(data, self.known)
            if kind in self.alive or (chat.id, data) in self.tried:
                continue
            self.tried.add((chat.id, data))
            await self.attack(chat, message_id, data)
            saved = self.save()
            before = await self.rows()
            calls = await self.tap(chat.user or self.story.maya, chat, message_id, data)
            if kind in ANSWERED or calls or await self.rows() != before:
                self.alive.add(kind)
                await self.explore()
            self.restore(saved)

    async def tap(self, user: User, chat: Chat, message_id: int, data: str) -> list[Call]:
        """Tap, and return what the bot did about it besides stopping the spinner."""
        self.calls.clear()
        self.taps += 1
        tap = await self.story.telegram.tap(user.id, chat.id, message_id, data)
        await self.story.settle()
        assert tap.answer is not None, f"{data} leaves the spinner turning"
        return [one for one in self.calls if "chat_id" in one.params and one.method != "getChatMember"]

    def wrong(self, owner: Chat) -> list[tuple[User, Chat]]:
        """Return who might tap a button of that chat, and where, without being meant."""
        story, chats = self.story, self.story.telegram.chats
        private = [(one, chats[one.id]) for one in (self.stranger, story.anna, story.tom, story.maya, self.former)]
        groups = [(self.former, story.group), (self.stranger, story.group)]
        groups += [(one, self.other_group) for one in (self.stranger, story.anna, story.maya)]
        if owner.user is not None:
            groups += [(owner.user, self.other_group), (story.maya, story.group)]
        return [(user, place) for user, place in (*private, *groups) if place is not owner or user is not story.maya]

    async def attack(self, owner: Chat, message_id: int, data: str) -> None:
        """Let everybody else tap it: nothing changes, and nobody learns anything."""
        everybodys = data.partition(":")[0] in EVERYBODYS or not re.search(r":\d", data)  # it names no row
        for user, place in self.wrong(owner):
            if place is owner and owner.user is user:
                continue
            before = await self.rows()
            saved = self.save() if everybodys else None
            calls = await self.tap(user, place, message_id, data)
            after = await self.rows()
            where = f"{data} by {user.first_name} in {place.title or 'private'}"
            if everybodys and place.user is user:
                others = {name: {row for row in rows if str(user.id) not in row} for name, rows in after.items()}
                was = {name: {row for row in rows if str(user.id) not in row} for name, rows in before.items()}
                assert others == was, where
                assert saved is not None
                self.restore(saved)
            else:
                assert after == before, where
                assert [one for one in calls if one.params.get("chat_id") != user.id or place.user is not user] == [], (
                    where
                )
            assert {one.params.get("chat_id") for one in calls} <= {place.id}, where
            said = " ".join(str(one.params.get("text", "")) for one in self.calls)
            told = [one for one in SECRETS if one in said and one not in str(user.as_dict())]
            assert told == [], f"{where}: {told}"


def others(rows: dict[str, set[str]], user: User) -> dict[str, set[str]]:
    """Return the rows that are not somebody's own."""
    return {name: {row for row in of_table if str(user.id) not in row} for name, of_table in rows.items()}


NOT_PLAYED = frozenset((
    "ag:b:#", "ag:d#:#", "ag:p:#", "approve:#", "audit:all:#:#", "audit:code:#:#", "audit:day:#:#",
    "bkat:#:#:#", "bvc:#", "bvl", "bvo:#", "bvu:#", "bvw:#", "bvy:#:#", "clk:#", "cpage:#", "ctick:#:#:#",
    "drop:#", "eback:#:#", "edone:#:#", "ehow:#", "ekind:#:#", "emiss:#:#", "esend:#:#", "esess:#:#:#",
    "estay:#:#", "etype:#:#", "eundo:#:#", "eweek:#:#:#", "fu:#:ask", "fu:#:call", "fu:#:cancel", "fu:#:care",
    "fu:#:changed", "fu:#:coming", "fu:#:confirm", "fu:#:fine", "fu:#:happy", "fu:#:late", "fu:#:lump",
    "fu:#:move", "fu:#:not-now", "fu:#:nothing", "fu:#:problem", "fu:#:question", "fu:#:settling",
    "fu:#:times", "fu:#:unhappy", "fu:#:unsure", "fua:#:#:n", "fua:#:#:u", "fua:#:#:y", "ful:#:#", "fuq:#",
    "fuq:#:#", "fus:#:#", "gap:#", "ja:#:#:n", "ja:#:#:y", "mv:#:#", "nlink:#", "nnot:#:#", "on:#",
    "perasenow:#", "pleave:#:#", "pnot:#:#", "pnow:#:#", "prec:#", "prvfix:name", "prvfix:phone", "psend:#",
    "pskip:#", "set:lang", "set:lang:#", "stop:#", "stop:#:all", "stop:#:f", "stop:#:keep", "stop:#:o",
    "stop:#:r", "vmsg:#:#", "votr:#:#", "vsure:#:#", "wp:#:#", "wt:#:#",
))  # fmt: skip
"""Kinds that the course does not come to; their data are tried as junk is."""

SECRETS = ("Anna", "Nowak", "Tom ", "Zoe", "7946 0018", "+44 7700", "900123")
"""What a stranger must not be told of."""


async def until(course: Course, moment: datetime) -> None:
    """Let time pass from one due thing to the next, and try what comes."""
    story = course.story
    assert story.app is not None
    while story.clock.now() < moment:
        due = await story.app.next_due()
        step = min(due if due is not None else moment, moment)
        await story.pass_time(max(step - story.clock.now(), timedelta(seconds=1)))
        await course.explore()


def commands(desk: Any, group: bool) -> list[str]:
    """Return the commands of private chats, or of groups."""
    return sorted(
        name
        for one in all_handlers(desk)
        if isinstance(one, CommandHandler) and (str(filters.ChatType.GROUPS) in str(one.filters)) == group
        for name in one.commands
    )


async def test_nobody_can_press_the_buttons_of_others_at_any_time(story: Story) -> None:
    """Every kind of button there is, shown in a played course, pressed by all whom it is not for and in every place."""
    course = Course(story)
    await course.begin()
    assert story.app is not None
    group = story.group
    # what a person finds alone
    await story.start(story.anna)
    await course.explore()
    await story.say(story.anna, "hair")
    await story.say(story.anna, "May I?")
    await course.explore()
    for name in commands(story.app.desk, group=False):
        await story.say(story.anna, f"/{name}")
        await course.explore()
    # a form, to its end
    await play_booking(course)
    # conversations
    await story.tap(story.anna, "Ask the clinic")
    card = story.shown(group.id)["message_id"]
    await story.say(story.maya, "You may.", chat=group, reply_to=card)
    await course.explore()
    await story.say(story.tom, URGENT)
    await course.explore()
    for name in commands(story.app.desk, group=True):
        for text in (f"/{name}", f"/{name} nowak", f"/{name} tomorrow 13-15 lunch", f"/{name} friday off"):
            await story.say(story.maya, text, chat=group)
            await course.explore()
    assert course.known - course.alive <= NOT_PLAYED  # a button that is new needs to be shown here


async def play_booking(course: Course) -> None:
    story, anna = course.story, course.story.anna
    await story.say(anna, "/cancel")
    await story.say(anna, "/book")
    for label in ("Face", "Dr Maya Hart, Doctor", "27", "10:00"):
        await course.explore()
        await story.tap(anna, label)
    await course.explore()
    await story.say(anna, "Anna Nowak")
    await press_key(story, anna, "📱 Share my number")
    await course.explore()
    await story.say(anna, "/book")
    await course.explore()
    await story.tap(anna, "I agree")
    await course.explore()
    for _ in drafts.QUESTIONS:
        await story.tap(anna, "No")
    await course.explore()
    await story.tap(anna, "Yes, please")
    await course.explore()
    await story.tap(anna, "No, thanks")
    await course.explore()
    await story.tap(anna, "✅ Send to the clinic")
    await course.explore()


# --- nonsense, everywhere


CLAIMS = {"Too many codes were tried here", "Another group is the staff group"}
JUNK = (
    "", "x", "0", "-1", "9" * 30, "\u0663", "1e9", "../../etc/passwd", "'; DROP TABLE visits; --", "<b>", "&#0;",
    "%s{0}", "\ud83d", "\u202eabc", "\x00", "\u200b", "🙂" * 16, "a\nb", "x" * 64, "31.02. 25:99", "friday 99",
)  # fmt: skip
"""What people type behind a command who mean no good."""


async def test_a_thousand_payloads_are_old_buttons_and_nothing_else(story: Story) -> None:
    """Random data, and the data of real buttons changed here and there, by a stranger and in the staff group."""
    course = Course(story)
    await course.begin()
    await confirmed(story)
    await story.say(story.anna, "May I?")
    luck = Random(7)  # noqa: S311  chance that can be repeated, nothing secret
    real = sorted(course.known)
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
    await story.start(course.stranger)
    mine = story.shown(course.stranger.id)["message_id"]
    own = re.compile("^(menu|cat:|topic:|bknew|book|bvl|visits|settings|set:|on:|x|prv|bkat:)")
    payloads = [one for one in payloads if not own.match(one)]  # a stranger may use these for themselves
    assert len(payloads) > 700
    before = await course.rows()
    async with calm(story):
        for data in payloads:
            await story.telegram.tap(course.stranger.id, course.stranger.id, mine, data)
            await story.telegram.tap(course.stranger.id, course.other_group.id, 1, data)
    assert others(await course.rows(), course.stranger) == others(before, course.stranger)


async def test_whatever_stands_behind_a_command_raises_nothing(story: Story) -> None:
    await confirmed(story)
    assert story.app is not None
    other = story.telegram.add_group("Neighbours", [story.tom])
    story.tom.started = True
    await story.settle()
    async with calm(story):
        for place, user in (
            (story.telegram.chats[story.tom.id], story.tom),
            (story.group, story.maya),
            (other, story.tom),
        ):
            for name in {*commands(story.app.desk, group=True), *commands(story.app.desk, group=False)}:
                entity = {"type": "bot_command", "offset": 0, "length": len(name) + 1}
                for number, text in enumerate(JUNK):
                    message = {"message_id": 90_000 + number, "date": 1_790_000_000, "chat": place.as_dict()}
                    said = {"text": f"/{name} {text}", "entities": [entity], "from": user.as_dict()}
                    story.telegram.send_raw_update({"message": {**message, **said}})
                await story.settle()
    heard = {text for text in story.since(other.id, 0) if "claim" not in text}  # what /help says in such a group
    assert {text.split(".")[0] for text in heard} <= {
        "Too many codes were tried here",
        "Another group is the staff group",
    }


# --- who may act in a group


async def test_former_members_bots_channels_and_visitors_do_not_act_for_the_clinic(story: Story) -> None:
    course = Course(story)
    await course.begin()
    card = await request(story)
    shown = story.shown(story.group.id)["message_id"]
    before, said = await course.rows(), len(story.telegram.history(story.group.id))
    message = {"message_id": 80_000, "date": 1_790_000_000, "chat": story.group.as_dict(), "text": "/pending"}
    message |= {"entities": [{"type": "bot_command", "offset": 0, "length": 8}]}
    reply = {"text": "You may.", "entities": [], "reply_to_message": story.shown(story.group.id)}
    channel = {"id": -100_777, "type": "channel", "title": "Anybody's"}
    robot = {"id": 777, "is_bot": True, "first_name": "Robot"}
    maya = story.maya.as_dict()
    for sender in (
        {"from": course.former.as_dict()},
        {"from": course.stranger.as_dict()},
        {"from": robot},
        {"from": {"id": 136817688, "is_bot": True, "first_name": "Channel"}, "sender_chat": channel},
        {"from": maya, "via_bot": robot},
        {"sender_chat": channel},
    ):
        for content in (message, message | reply):
            story.telegram.send_raw_update({"message": content | sender})
    await story.telegram.tap(course.former.id, story.group.id, shown, f"vok:{card.visit_id}:{card.version}")
    forwarded = {"forward_origin": {"type": "hidden_user", "date": 1, "sender_user_name": "x"}, "from": maya}
    story.telegram.send_raw_update({"message": message | forwarded})
    await story.settle()
    assert await course.rows() == before
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
