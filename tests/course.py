"""A clinic's life in chapters, in which every button that comes is tried: by those it is not for, then by its owner.

It is played twice: with everybody trying the buttons of others (tests/stories/test_hostile.py), and with names and
texts that are weapons (tests/stories/test_names.py).
"""

import copy
import re
import re._parser as grammar  # type: ignore[import-not-found]  # private: the grammar of the handlers' own patterns
import sqlite3
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import product
from typing import Any

from sqlalchemy import select
from telegram.ext import CallbackQueryHandler, CommandHandler, filters

from bot.clinic import drafts, visits, waits
from bot.clinic.visits import Card
from bot.clock import Watch
from bot.sandbox.world import Call, Chat, User
from bot.store.database import Session
from bot.store.models import Audit, Base, Block, Visit
from bot.store.models import Call as Telephone
from handlers import all_handlers, booking
from tests.quick import URGENT, Seconds
from tests.stories import test_records, test_staff_booking
from tests.story import MONDAY, Story

MINUTE, HOUR, DAY, WEEK = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1), timedelta(weeks=1)
FRIDAY = datetime(2026, 11, 27, 10, 0, tzinfo=UTC)
ENDS = FRIDAY + 45 * MINUTE
OTHER_TABLES = ("inbox", "outbox", "leases", "notices")
"""What holds no more than the traffic."""
ANSWERED = ("x", "pcall")
"""Buttons that only show a note, or nothing."""
EVERYBODYS = ("bkat", "bkw", "set", "stop", "on")
"""With those that name no row, what each may do for themselves, where nothing of others changes."""
VERSIONED = (
    "vok", "vsure", "vot", "votr", "vwho", "vno", "vwhy", "vtyped", "pva", "pvr", "pvc", "wt", "wp",
    "edone", "emiss", "estay", "eundo", "eweek", "esess", "etype", "ekind", "esend", "eback",
)  # fmt: skip
"""Buttons that name a visit and which of its versions they were shown for."""
GONE = 999_999
"""A message that is not there any more; Telegram passes on a tap below it with an inaccessible message."""
SECRETS = ("Anna", "Nowak", "Tom ", "Zoe", "7946 0018", "+44 7700", "900123")
"""What a stranger must not be told of."""


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
    """Return the kind that data are of: the one with as many parts, or else with the fewest blanks."""
    fits = [one for one in known if re.fullmatch(re.escape(one).replace(r"\#", ".*"), data, re.DOTALL)]
    assert fits, f"no handler knows {data}"
    return min(fits, key=lambda one: (one.count(":") != data.count(":"), one.count("#"), -len(one)))


# --- a played course, in which every button is tried by the wrong people first


@dataclass
class Course:
    """Plays a clinic's life; before a button of a new kind does its work, everybody else has tried it in vain."""

    story: Story
    attacked: tuple[str, ...] | None = None
    """The first words of the data whose buttons everybody else tries; None for no attacks at all."""
    anna_is: str = "Anna Nowak"
    tom_is: str = "Tom Reed"
    said: str = "May I?"
    """What people write where anything can be written."""
    known: set[str] = field(default_factory=set)
    alive: set[str] = field(default_factory=set)
    """Kinds that did something for whom they are meant."""
    tried: set[tuple[int, str]] = field(default_factory=set)
    calls: list[Call] = field(default_factory=list)
    taps: int = 0

    @property
    def face(self) -> str:
        """The first treatment's name."""
        return self.story.clinic.treatments[0].name

    @property
    def hart(self) -> str:
        """The first practitioner's name."""
        return self.story.clinic.practitioners[0].name

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
        for user in (story.anna, story.tom, story.maya):
            user.started = True
        if self.attacked is not None:
            await self.bring_strangers()

    async def bring_strangers(self) -> None:
        """Let there be a stranger, another group, and somebody who has just been thrown out of the staff group."""
        story = self.story
        self.stranger = story.telegram.add_user("Stranger")
        self.other_group = story.telegram.add_group("Neighbours", [self.stranger, story.anna, story.tom, story.maya])
        self.former = story.telegram.add_user("Former")
        await story.telegram.join(story.group.id, self.former.id)
        await story.settle()
        self.stranger.started = self.former.started = True
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
            before = await self.rows()
            if self.attacked is not None and data.partition(":")[0] in self.attacked:
                await self.attack(chat, message_id, data, before)
                await self.try_old(chat, message_id, data, before)
            saved = self.save()
            calls = await self.tap(chat.user or self.story.maya, chat, message_id, data)
            if kind in ANSWERED or calls or await self.rows() != before:
                self.alive.add(kind)
                await self.explore()
            self.restore(saved)

    async def try_old(self, chat: Chat, message_id: int, data: str, before: dict[str, set[str]]) -> None:
        """Let its owner tap it where its visit has changed since, which does nothing, and where its message is gone."""
        owner, (word, *numbers) = chat.user or self.story.maya, data.split(":")
        saved = self.save()
        if word in VERSIONED and len(numbers) > 1:
            old = ":".join((word, numbers[0], str(int(numbers[1]) + 1000), *numbers[2:]))
            await self.tap(owner, chat, message_id, old)
            assert await self.rows() == before, old
        await self.tap(owner, chat, GONE, data)
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
        if owner is story.group:
            groups += [(story.priya, self.other_group)]
        return [(user, place) for user, place in (*private, *groups) if place is not owner or user is not story.maya]

    async def attack(self, owner: Chat, message_id: int, data: str, before: dict[str, set[str]]) -> None:
        """Let everybody else tap it: nothing changes, and nobody learns anything."""
        everybodys = data.partition(":")[0] in EVERYBODYS or not re.search(r":\d", data)  # it names no row
        for user, place in self.wrong(owner):
            if place is owner and owner.user is user:
                continue
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


# --- the chapters


async def requested(course: Course, starts_at: datetime = FRIDAY, **more: Any) -> Card:
    """Let a patient ask for a visit."""
    return await test_staff_booking.request(course.story, starts_at, **({"name": course.anna_is} | more))


async def confirmed(course: Course, starts_at: datetime = FRIDAY, **more: Any) -> Card:
    """Let a patient ask for a visit and Maya confirm it; the patient has agreed to every kind of message."""
    return await test_records.confirmed(course.story, starts_at, **({"name": course.anna_is} | more))


async def alone(course: Course) -> None:
    """What a person finds without the clinic's doing."""
    story = course.story
    assert story.app is not None
    await story.start(story.anna)
    await course.explore()
    await story.say(story.anna, "hair")
    await story.say(story.anna, course.said)
    await course.explore()
    await story.say(story.anna, "could it be hands, thursday")
    await course.explore()
    for name in commands(story.app.desk, group=False):
        await story.say(story.anna, f"/{name}")
        await course.explore()


async def form(course: Course) -> None:
    """A form, from its first question to the request, and a time that a message offers."""
    story, anna = course.story, course.story.anna
    await story.say(anna, "/book")
    for label in (course.face, f"{course.hart}, Doctor", "27", "10:00"):
        await course.explore()
        await story.tap(anna, label)
    await course.explore()
    await story.say(anna, course.anna_is)
    if "telephone" not in str(story.shown(anna.id)["text"]):  # what cannot be a name is not taken as one
        await story.say(anna, "Anna Nowak")
    await story.telegram.press(anna.id, "📱 Share my number")
    await story.settle()
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


async def talk(course: Course) -> None:
    """Questions that go to a person, and an emergency."""
    story, group = course.story, course.story.group
    await story.say(story.anna, course.said)
    await course.explore()
    await story.tap(story.anna, "Ask the clinic")
    await course.explore()
    card = story.shown(group.id)["message_id"]
    await story.say(story.anna, course.said)
    await course.explore()
    await story.say(story.maya, course.said, chat=group, reply_to=card)
    await story.say(story.anna, course.said)
    await course.explore()
    await story.say(story.tom, f"{course.said} {URGENT}")
    await course.explore()
    await until(course, story.clock.now() + 10 * MINUTE)


async def reception(course: Course) -> None:
    """What staff decide and look at."""
    story, group = course.story, course.story.group
    assert story.app is not None
    await requested(course)
    await requested(course, FRIDAY + 4 * HOUR, by=story.tom, name=course.tom_is, allergy="yes")
    for labels in (("Other time",), ("« Back", "Confirm"), ("« Back",)):
        for label in labels:
            await story.tap(story.maya, label, chat=group)
        await course.explore()
    for name in commands(story.app.desk, group=True):
        for text in (f"/{name}", f"/{name} {course.anna_is}", f"/{name} tomorrow 13-15 {course.said[:100]}"):
            await story.say(story.maya, text, chat=group)
            await course.explore()
    for text in ("/block friday off", "/close 27.11. heating"):
        await story.say(story.maya, text, chat=group)
        await course.explore()
    await story.tap(story.maya, "Offer each another time", chat=group)
    await course.explore()
    await story.say(story.anna, "/bookings")
    await course.explore()


async def lists(course: Course) -> None:
    """Lists that are longer than a message."""
    story, group = course.story, course.story.group
    assert story.database is not None
    card = await requested(course)

    def fill(session: Session) -> None:
        for number in range(25):
            starts_at = MONDAY + number * 5 * MINUTE
            for status in ("confirmed", "requested"):
                visit = Visit(
                    code=f"{status[0].upper()}{number:04}", version=1, status=status, name=course.anna_is,
                    phone="+442079460018", treatment="face", practitioner="hart", starts_at=starts_at,
                    ends_at=starts_at + HOUR, screening={}, flagged=False, created_at=MONDAY, requested_at=MONDAY,
                    reminders=0,
                )  # fmt: skip
                session.add(visit)
            session.flush()
            session.add(
                Telephone(
                    key=str(number), visit_id=visit.id, why="never joined", what="check-3-days", created_at=MONDAY
                )
            )
            session.add(Audit(at=MONDAY, actor=story.priya.id, action="record viewed", subject=card.subject))
            session.add(
                Block(
                    starts_at=FRIDAY + number * HOUR, ends_at=FRIDAY + (number + 1) * HOUR, reason=course.said[:100],
                    author=story.maya.first_name, author_id=story.maya.id, created_at=MONDAY,
                )
            )  # fmt: skip

    await story.database.transaction(fill)
    day = "/audit 23.11."
    for text in ("/today", "/pending", "/blocks", "/calls", "/audit", day, f"/audit {card.code}", "/audit Priya"):
        await story.say(story.maya, text, chat=group)
        await course.explore()


async def earlier(course: Course) -> None:
    """A visit whose patient waits for an earlier time, and gets one offered."""
    story = course.story
    assert story.database is not None
    card = await requested(course, FRIDAY + 3 * DAY)
    await story.tap(story.maya, "Confirm", chat=story.group)
    await course.explore()
    await story.say(story.anna, "/bookings")
    await course.explore()
    gone = await requested(course, by=story.tom, name=course.tom_is)
    clinic, now = story.clinic, story.clock.now()
    await story.database.transaction(lambda session: waits.join(session, clinic, card.visit_id, story.anna.id, now))
    await story.database.transaction(
        lambda session: visits.cancel(session, clinic, gone.visit_id, 1, story.tom.id, now)
    )
    await story.pass_time(MINUTE)
    await course.explore()


async def arrivals(course: Course) -> None:
    """A visit that staff enter for who stands there, and the link with which their chat joins it."""
    story, group = course.story, course.story.group
    await story.say(story.maya, "/new", chat=group)
    for label in (course.face, course.hart, "27", "10:00"):
        await course.explore()
        await story.tap(story.maya, label, chat=group)
    prompt = story.shown(group.id)["message_id"]
    said = await story.say(story.maya, f"{course.tom_is} 07700 900123", chat=group, reply_to=prompt)
    if "?start=" not in said[-1]:
        said = await story.say(
            story.maya, "Tom Reed 07700 900123", chat=group, reply_to=story.shown(group.id)["message_id"]
        )
    await course.explore()
    link = re.search(r"\?start=(\S+)", said[-1])
    assert link is not None
    await story.start(story.tom, link[1])
    await course.explore()
    await story.tap(story.tom, "I agree")
    await story.say(story.maya, "/new", chat=group)
    for label in (course.face, course.hart, "28", "10:00"):
        await story.tap(story.maya, label, chat=group)
    prompt = story.shown(group.id)["message_id"]
    name = (await story.database.read(lambda session: session.get_one(Visit, 1))).name if story.database else ""
    await story.say(story.maya, f"{name} 07700 900123", chat=group, reply_to=prompt)
    await course.explore()


async def gaps(course: Course) -> None:
    """A question that nobody answered, and the answer that staff write and approve."""
    story, group = course.story, course.story.group
    for number in range(3):
        await story.say((story.anna, story.tom, story.anna)[number], f"{course.said} acne scars {number}")
    await story.say(story.maya, "/gaps", chat=group)
    await course.explore()
    await story.tap(story.priya, "1", chat=group)
    prompt = story.shown(group.id)["message_id"]
    await story.say(story.priya, course.said, chat=group, reply_to=prompt)
    await course.explore()
    await story.tap(story.maya, "Approve", chat=group)
    await course.explore()


async def record(course: Course) -> None:
    """What staff do from a patient's record, and what the patient does from the page about privacy."""
    story, group = course.story, course.story.group
    card = await confirmed(course)
    await story.say(story.maya, f"/patient {card.code}", chat=group)
    await course.explore()
    for label in ("Add a note", "Message at a date"):
        await story.tap(story.maya, label, chat=group)
        prompt = story.shown(group.id)["message_id"]
        text = course.said if label == "Add a note" else f"12.12. 10:00 {course.said}"
        await story.say(story.maya, text, chat=group, reply_to=prompt)
        await course.explore()
        await story.say(story.maya, f"/patient {card.code}", chat=group)
    await course.explore()
    await story.say(story.anna, "/privacy")
    await course.explore()
    for label in ("Skip one", "Pause all"):
        await story.say(story.maya, f"/patient {card.code}", chat=group)
        await story.tap(story.maya, label, chat=group)
        await course.explore()
    await story.say(story.anna, "/export")


async def programme(course: Course) -> None:
    """All messages before and after visits, one of a course of two, one the last of its course."""
    story, group = course.story, course.story.group
    await confirmed(course)
    await confirmed(course, FRIDAY + HOUR, by=story.tom, name=course.tom_is)
    await story.pass_time(FRIDAY - 3 * DAY - story.clock.now())
    for label in ("Something changed", "Blood thinners, bleeding"):
        await story.tap(story.anna, label)
        await course.explore()
    await until(course, FRIDAY - 3 * DAY + 2 * HOUR)
    await story.say(story.anna, "/plan")
    await course.explore()
    await until(course, ENDS)
    await story.tap(story.maya, "Done", chat=group)
    await course.explore()
    await until(course, ENDS + HOUR)
    await story.tap(story.maya, "Done", chat=group)
    await story.tap(story.maya, "of 1", chat=group)
    await until(course, FRIDAY + 2 * WEEK + 2 * HOUR)
    await until(course, FRIDAY + 6 * WEEK + 2 * HOUR)


async def clock(course: Course) -> None:
    """A clock that jumps."""
    story = course.story
    assert story.app is not None
    await confirmed(course)
    story.clock._watch = Watch(Seconds())
    story.clock.jump(timedelta(seconds=1))
    await story.app.idle()
    story.clock.jump(3 * DAY)
    await story.app.idle()
    await course.explore()


async def digest(course: Course) -> None:
    """The week in numbers, and what was deleted."""
    story = course.story
    await story.say(story.anna, f"{course.said} {URGENT}")
    await story.say(story.maya, "/digest", chat=story.group)
    await course.explore()


Chapter = Callable[[Course], Awaitable[None]]
