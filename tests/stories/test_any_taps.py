"""Patients and staff tap and write whatever they like, old buttons and each other's included, and all stays right.

ANY_TAPS_EXAMPLES says how many such days are lived through (8 if it is not set).
"""

import asyncio
import os
import shutil
from collections.abc import Coroutine
from datetime import timedelta
from itertools import combinations, pairwise
from pathlib import Path
from tempfile import mkdtemp
from typing import Any, ClassVar, TypeVar

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test
from sqlalchemy import select

from bot.clinic.visits import LIVE
from bot.config import Clinic
from bot.sandbox.world import Call
from bot.store.models import Audit, Slot, Visit
from tests.quick import URGENT, FixedReader, without_waits
from tests.story import Story

T = TypeVar("T")

WORDS = [
    "/book", "/bookings", "/cancel", "/start", "/start book_face", "/menu", "Anna", "+44 7700 900123", "12", "no",
    "Friday 10:00", "pain", "price", "<b>x</b> & co", "hello", URGENT, "tomorrow at three", "stop", "🙂", "/today",
    "/privacy", "/export", "/delete",
]  # fmt: skip
STAFF_WORDS = [
    "/pending",
    "/today",
    "/week",
    "/find Anna",
    "/block tomorrow 13-15 lunch",
    "/blocks",
    "/gaps",
    "ok",
    "/new",
    "/calls",
    "/patient anna",
    "5",
    "Zoe Lind +44 7700 900123",
    "12.12. 10:00 hi",
    "/audit",
]
AWAY = ("✖", "«", "‹", "›", "·", "✏", "Start again", "I do not agree", "Other days")
"""How labels begin that lead away from sending a request."""
who = st.sampled_from(["anna", "tom"])
staff = st.sampled_from(["maya", "priya"])
number = st.integers(0, 10_000)


class Days(RuleBasedStateMachine):
    """A clinic, two patients, two members of staff."""

    clinic: ClassVar[Clinic]
    template: ClassVar[Path]

    @initialize()
    def open(self) -> None:
        self.loop = asyncio.new_event_loop()
        self.folder = Path(mkdtemp())
        file = shutil.copy(self.template, self.folder / "mesobot.db")
        self.story = Story(self.clinic, FixedReader(), file)
        self.shown: dict[int, list[tuple[int, str]]] = {}
        self.run(self.story.open())
        self.story.telegram.on_call = self.note
        for user in (self.story.anna, self.story.tom):
            self.run(self.story.start(user))

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return self.loop.run_until_complete(work)

    def note(self, call: Call) -> None:
        """Check a request, and remember the buttons it showed."""
        self.story._check(call)
        result, markup = call.body.get("result"), call.params.get("reply_markup") or {}
        if isinstance(result, dict) and "inline_keyboard" in markup:
            chat = result["chat"]["id"]
            for row in markup["inline_keyboard"]:
                self.shown.setdefault(chat, []).extend(
                    (result["message_id"], button["callback_data"]) for button in row if "callback_data" in button
                )

    @rule(name=who, picks=st.lists(number, min_size=45, max_size=45))
    def book(self, name: str, picks: list[int]) -> None:
        """A patient goes through the form to its end, choosing this or that."""
        user = getattr(self.story, name)
        self.run(self.story.say(user, "/book"))
        for pick in picks:
            shown = self.story.shown(user.id)
            if "What is your name?" in shown.get("text", ""):
                self.run(self.story.say(user, f"{name.title()} Nowak"))
            elif "keyboard" in shown.get("reply_markup", {}):
                self.run(self.story.say(user, "+44 7700 900123"))
            elif (button := sensible(shown, pick)) is not None:
                self.tap(user.id, user.id, shown["message_id"], button["callback_data"])
                if "Send" in button["text"]:
                    return

    @rule(name=who, pick=number)
    def tap_anything(self, name: str, pick: int) -> None:
        """A patient taps a button of any message they were ever sent."""
        user = getattr(self.story, name)
        known = self.shown.get(user.id, [])
        if known:
            self.tap(user.id, user.id, *known[pick % len(known)])

    @rule(name=who, pick=number)
    def tap_anothers(self, name: str, pick: int) -> None:
        """A patient sends the data of somebody else's button."""
        user = getattr(self.story, name)
        others = [one for chat, known in self.shown.items() if chat != user.id for one in known]
        mine = self.shown.get(user.id, [])
        if not others or not mine:
            return
        data = others[pick % len(others)][1]
        before = self.states()
        if ":" in data and data.rsplit(":", 1)[-1].isdigit():  # what names a row
            self.tap(user.id, user.id, mine[-1][0], data)
            assert {one: state for one, state in self.states().items() if self.owner(one) != user.id} == {
                one: state for one, state in before.items() if self.owner(one) != user.id
            }

    @rule(name=who, text=st.sampled_from(WORDS))
    def say(self, name: str, text: str) -> None:
        """A patient writes something; somebody answers, or it reaches staff."""
        user, group = getattr(self.story, name), self.story.group.id
        before = self.story._last(user.id), self.story._last(group)
        self.run(self.story.say(user, text))
        assert self.story.since(user.id, before[0]) or self.story.since(group, before[1])

    @rule(name=staff, pick=number)
    def staff_tap(self, name: str, pick: int) -> None:
        """A member of staff taps a button of any message in the group."""
        group = self.story.group.id
        known = self.shown.get(group, [])
        if known:
            self.tap(getattr(self.story, name).id, group, *known[pick % len(known)])

    @rule(name=staff, pick=number)
    def decide(self, name: str, pick: int) -> None:
        """A member of staff taps a button of the newest message."""
        group = self.story.group.id
        shown = self.story.shown(group) if self.shown.get(group) else {}
        buttons = [b for row in shown.get("reply_markup", {}).get("inline_keyboard", []) for b in row]
        if buttons and "callback_data" in (button := buttons[pick % len(buttons)]):
            self.tap(getattr(self.story, name).id, group, shown["message_id"], button["callback_data"])

    @rule(name=staff, text=st.sampled_from(STAFF_WORDS), pick=number)
    def staff_say(self, name: str, text: str, pick: int) -> None:
        """A member of staff writes a command, or a reply to something."""
        group = self.story.group
        own = [one for one in self.story.telegram.history(group.id) if self.story._is_bots(one)]
        reply_to = own[pick % len(own)]["message_id"] if own and not text.startswith("/") else None
        self.run(self.story.say(getattr(self.story, name), text, chat=group, reply_to=reply_to))

    @rule(hours=st.sampled_from([1, 3, 12, 24, 24 * 7]))
    def pass_time(self, hours: int) -> None:
        self.run(self.story.pass_time(timedelta(hours=hours)))

    @rule()
    def restart(self) -> None:
        self.run(self.story.restart())

    def tap(self, user: int, chat: int, message: int, data: str) -> None:
        tapped = self.run(self.story.telegram.tap(user, chat, message, data))
        self.run(self.story.settle())
        assert tapped.answer is not None, data  # no spinner stays

    def states(self) -> dict[int, tuple[str, int]]:
        return {visit.id: (visit.status, visit.version) for visit in self.rows(Visit)}

    def owner(self, visit_id: int) -> int | None:
        return next(visit.chat_id for visit in self.rows(Visit) if visit.id == visit_id)

    def rows(self, table: type[T]) -> list[T]:
        assert self.story.database is not None
        return self.story.database.read_now(lambda session: list(session.scalars(select(table))))

    @invariant()
    def no_two_visits_overlap(self) -> None:
        live = [visit for visit in self.rows(Visit) if visit.status in LIVE]
        for one, other in combinations(live, 2):
            apart = one.ends_at <= other.starts_at or other.ends_at <= one.starts_at
            assert one.practitioner != other.practitioner or apart
        held = {slot.holder for slot in self.rows(Slot) if slot.holder.startswith(("visit:", "kept:"))}
        wanted = {f"visit:{visit.id}" for visit in live}
        wanted |= {f"kept:{visit.id}" for visit in live if visit.kept_starts_at is not None}
        assert {one for one in held if int(one.partition(":")[2]) in {visit.id for visit in live}} == wanted

    @invariant()
    def every_change_is_written_down(self) -> None:
        lines: dict[str, list[Audit]] = {}
        for line in sorted(self.rows(Audit), key=lambda line: line.id):
            if line.before is not None and line.subject.startswith("visit:"):
                lines.setdefault(line.subject, []).append(line)
        for visit in self.rows(Visit):
            mine = lines[f"visit:{visit.id}"]
            assert (mine[0].before, mine[-1].after) == ("draft", visit.status)
            assert all(first.after == then.before for first, then in pairwise(mine))

    @invariant()
    def telegram_would_take_it_all(self) -> None:
        assert self.story.complaints == []

    def teardown(self) -> None:
        if hasattr(self, "story"):
            self.run(self.story.close())
            self.run(self.loop.shutdown_default_executor())
            self.loop.close()
            shutil.rmtree(self.folder)


def sensible(shown: dict[str, Any], pick: int) -> dict[str, Any] | None:
    """Choose a button that brings a request on; the answers to the questions about health are mostly no."""
    buttons = [button for row in shown.get("reply_markup", {}).get("inline_keyboard", []) for button in row]
    useful = [one for one in buttons if one.get("callback_data", "x") != "x" and not one["text"].startswith(AWAY)]
    first = [one for one in useful if "Send" in one["text"] or (one["text"] == "No" and pick % 50)]
    return first[0] if first else useful[pick % len(useful)] if useful else None


@pytest.mark.parametrize("examples", [int(os.environ.get("ANY_TAPS_EXAMPLES", "8"))])
def test_whatever_is_tapped(clinic: Clinic, template: Path, examples: int, monkeypatch: pytest.MonkeyPatch) -> None:
    without_waits(monkeypatch)
    Days.clinic, Days.template = clinic, template
    run_state_machine_as_test(
        Days,
        settings=settings(
            max_examples=examples,
            stateful_step_count=20,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            print_blob=False,
        ),
    )
