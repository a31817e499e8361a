"""Between visits anything may happen in any order, Telegram's absence included: what arrives is what holds then.

ANY_COURSE_EXAMPLES says how many such courses are lived through (12 if it is not set).
"""

import asyncio
import os
import shutil
from collections.abc import Callable, Coroutine
from datetime import datetime, timedelta
from pathlib import Path
from tempfile import mkdtemp
from typing import Any, ClassVar, TypeVar

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test
from sqlalchemy import ColumnElement, select

from bot.clinic import (
    consents,
    courses,
    endings,
    enquiries,
    followups,
    patients,
    plans,
    preferences,
    records,
    replies,
    visits,
)
from bot.clinic.enquiries import Said
from bot.clinic.patients import Person
from bot.clinic.visits import CONFIRMED, Actor, Wanted
from bot.config import Clinic
from bot.sandbox.world import Call
from bot.store.database import Session
from bot.store.models import Enquiry, FollowUp, Outgoing, Patient, Visit
from faq.reader import Understood
from faq.redflags import Level
from tests.quick import FixedReader, without_waits
from tests.stories.test_followups import NOTE
from tests.story import Story

T = TypeVar("T")
ANSWERS = ("confirm", "cancel", "settling", "fine", "not-now", "unhappy", "happy")
whose = st.sampled_from(["anna", "tom"])
number = st.integers(0, 10_000)
meanwhile = st.sampled_from(["cancel", "move", "undo", "problem", "pause", "stop"])
kind = st.sampled_from([consents.REMINDERS, consents.FOLLOW_UP, consents.OFFERS])


class Courses(RuleBasedStateMachine):
    """A clinic and two chats, in which families are treated; use-cases are run in any order."""

    clinic: ClassVar[Clinic]
    template: ClassVar[Path]

    @initialize()
    def open(self) -> None:
        self.loop = asyncio.new_event_loop()
        self.folder = Path(mkdtemp())
        file = shutil.copy(self.template, self.folder / "mesobot.db")
        self.story = Story(self.clinic, FixedReader(), file)
        self.wrong: list[str] = []
        self.aim: int | None = None
        """The visit to which something is to happen, where it is not any."""
        self.run(self.story.open())
        assert self.story.app is not None
        self.app = self.story.app
        self.sends = self.app.dispatcher._sends
        self.maya = Actor(self.story.maya.id, "Maya")
        for user in (self.story.anna, self.story.tom):
            self.run(self.story.start(user))
            for purpose in (consents.VISIT, consents.FOLLOW_UP, consents.OFFERS):
                self.act(lambda s, now, p=purpose, chat=user.id: consents.give(s, chat, p, True, now))
        self.story.telegram.on_call = self.look_at
        self._book("anna", False, False, 4, 11)
        self._book("tom", False, True, 2, 14)

    # --- what arrives

    def look_at(self, call: Call) -> None:
        """Hold what reaches Telegram against what the database says at that instant."""
        self.story._check(call)
        chat, text = call.params.get("chat_id"), str(call.params.get("text", ""))
        if call.method == "sendMessage" and chat in (self.story.anna.id, self.story.tom.id) and NOTE in text:
            assert self.story.database is not None
            self.wrong += self.story.database.read_now(lambda session: self.faults(session, chat))

    def faults(self, session: Session, chat: int) -> list[str]:
        """Return what is wrong with the follow-up that is being sent to a chat."""
        about = select(Outgoing.subject).where(Outgoing.chat_id == chat, Outgoing.state == "sending")
        subject = session.scalar(about) or ""
        patient = session.get_one(Patient, chat)
        head = int(subject.partition(":")[2])
        steps = session.scalars(select(FollowUp).where(FollowUp.sent_with == head, FollowUp.state == plans.SENT)).all()
        found = [] if steps else [f"{subject} is sent, and no step says so"]
        if patient.problem_at is not None or patient.paused_at is not None:
            found.append(f"{subject} is sent although all is held back")
        for row in steps:
            visit = session.get_one(Visit, row.visit_id)
            wanted = {plans.key(visit, one.step.id, one.anchor) for one in plans._wanted(session, self.clinic, visit)}
            if row.key not in wanted:
                found.append(f"{row.key} is sent, which the visit ({visit.status}) does not want")
            if not consents.is_wanted(session, chat, consents.OF_KIND[row.kind]):
                found.append(f"{row.key} is sent, which the patient does not want")
            if self.story.clock.now() > row.valid_until:
                found.append(f"{row.key} is sent after its time")
        return found

    @invariant()
    def only_what_holds_arrives(self) -> None:
        assert getattr(self, "wrong", []) == []

    # --- what happens

    @rule(name=whose, family=st.booleans(), scalp=st.booleans(), ahead=st.integers(1, 6), hour=st.integers(10, 15))
    def book(self, name: str, family: bool, scalp: bool, ahead: int, hour: int) -> None:
        """Somebody asks for a visit, and staff say yes."""
        self._book(name, family, scalp, ahead, hour)

    def _book(self, name: str, family: bool, scalp: bool, ahead: int, hour: int) -> None:
        user, (treatment, by) = getattr(self.story, name), ("scalp", "ozan") if scalp else ("face", "hart")
        full_name = "Lucy Lind" if family else f"{name.title()} Nowak"

        def ask(session: Session, now: datetime) -> object:
            starts_at = (now + timedelta(days=ahead)).replace(hour=hour, minute=0, second=0, microsecond=0)
            wanted = Wanted(treatment, by, starts_at, full_name, "+442079460018", {})
            asked = visits.request(session, self.clinic, user.id, wanted, now)
            if not isinstance(asked, visits.Requested):
                return asked
            shown = asked.card
            return visits.confirm(
                session, self.clinic, shown.visit_id, shown.version, self.story.group.id, self.maya, now
            )

        self.act(ask)

    @rule(pick=number, ahead=st.integers(1, 6), hour=st.integers(10, 15), decided=st.booleans())
    def move(self, pick: int, ahead: int, hour: int, decided: bool) -> None:
        """A patient wants another time; staff say yes, or have not said anything yet."""

        def move(session: Session, now: datetime, visit: Visit) -> object:
            starts_at = (now + timedelta(days=ahead)).replace(hour=hour, minute=0, second=0, microsecond=0)
            chat = visit.chat_id or 0
            asked = visits.move(session, self.clinic, visit.id, chat, visit.practitioner, starts_at, now)
            if not decided or not isinstance(asked, visits.Requested):
                return asked
            version = asked.card.version
            return visits.confirm(session, self.clinic, visit.id, version, self.story.group.id, self.maya, now)

        self.to_some_visit(visits.LIVE, pick, move)

    @rule(pick=number)
    def cancel(self, pick: int) -> None:
        def cancel(session: Session, now: datetime, visit: Visit) -> object:
            group = self.story.group.id
            return visits.cancel_by_staff(session, self.clinic, visit.id, visit.version, group, "ill", self.maya, now)

        self.to_some_visit(visits.LIVE, pick, cancel)

    @rule(pick=number)
    def done(self, pick: int) -> None:
        """Somebody is treated: time passes until then."""
        self.until_its_end(pick)
        self.end(endings.finish, (CONFIRMED, visits.NO_SHOW), pick)

    @rule(pick=number)
    def not_come(self, pick: int) -> None:
        self.until_its_end(pick)
        self.end(endings.miss, (CONFIRMED,), pick)

    @rule(pick=number)
    def undo(self, pick: int) -> None:
        self.end(endings.take_back, (visits.COMPLETED, visits.NO_SHOW), pick)

    @rule(pick=number, sessions=st.integers(1, 3))
    def course_of(self, pick: int, sessions: int) -> None:
        def say(session: Session, now: datetime, visit: Visit) -> object:
            group = self.story.group.id
            return courses.set_sessions(session, self.clinic, visit.id, group, sessions, self.maya, now)

        self.to_some_visit((visits.COMPLETED,), pick, say)

    @rule(name=whose, pick=number, said=st.sampled_from(ANSWERS))
    def answer(self, name: str, pick: int, said: Any) -> None:
        """A patient taps an answer below something they were sent."""
        user = getattr(self.story, name)

        def answer(session: Session, now: datetime) -> object:
            rows = session.scalars(select(FollowUp).where(FollowUp.chat_id == user.id, FollowUp.state == plans.SENT))
            sent = rows.all()
            if not sent:
                return None
            row = sent[pick % len(sent)]
            return replies.answer(session, self.clinic, row.id, said, said, self.person(name), now)

        self.act(answer)

    @rule(name=whose, purpose=kind, wanted=st.booleans())
    def want(self, name: str, purpose: str, wanted: bool) -> None:
        """A patient stops messages of a kind, or turns them on again."""
        self.act(lambda s, now: preferences.want(s, self.person(name), [purpose], now, wanted=wanted))

    @rule(name=whose)
    def tell_of_a_problem(self, name: str) -> None:
        urgent = Understood("urgent", None, (), 1.0, "en", level=Level.EMERGENCY)
        said = Said("help!", 0, is_text=True)
        self.act(lambda s, now: enquiries.hear(s, self.clinic, self.person(name), said, urgent, now))

    @rule()
    def close(self) -> None:
        """Staff close whatever is open."""

        def close(session: Session, now: datetime) -> object:
            open_ones = session.scalars(select(Enquiry.id).where(Enquiry.state != enquiries.CLOSED)).all()
            group, maya = self.story.group.id, self.story.maya.id
            return [enquiries.close(session, one, group, maya, now) for one in open_ones]

        self.act(close)

    @rule(pick=number, paused=st.booleans())
    def pause(self, pick: int, paused: bool) -> None:
        def pause(session: Session, now: datetime, visit: Visit) -> object:
            group = self.story.group.id
            return records.pause(session, self.clinic, visit.id, group, self.maya, now, paused=paused)

        self.to_some_visit((*visits.LIVE, visits.COMPLETED), pick, pause)

    @rule(name=whose, gone=st.booleans())
    def block(self, name: str, gone: bool) -> None:
        """A patient blocks the bot, or comes back."""
        chat = getattr(self.story, name).id
        self.act(lambda s, now: (patients.left if gone else patients.returned)(s, chat, now))

    @rule()
    def lose_telegram(self) -> None:
        """Telegram is not to be reached just when the next thing is due: its message waits."""
        self.app.dispatcher._sends = lambda: False
        self.wait_for_the_next()

    @rule()
    def wait_for_the_next(self) -> None:
        assert self.story.database is not None
        due = self.story.database.read_now(followups.next_due)
        if due is not None:
            self.pass_time(max(timedelta(0), due - self.story.clock.now()))

    @rule()
    def reach_telegram(self) -> None:
        self.app.dispatcher._sends = self.sends
        self.app.dispatcher.wake()
        self.pass_time(timedelta(0))

    @rule(hours=st.sampled_from([1, 3, 24, 4 * 24, 3 * 7 * 24]))
    def wait(self, hours: int) -> None:
        self.pass_time(timedelta(hours=hours))

    @rule(what=meanwhile, ahead=st.integers(1, 6))
    def while_telegram_is_away(self, what: str, ahead: int) -> None:
        """Something changes for somebody while their message waits to be sent."""
        self.lose_telegram()
        if (row := self.newest(FollowUp.state == plans.SENT)) is not None:
            self.something(row, what, ahead)
        self.reach_telegram()

    @rule(what=meanwhile, ahead=st.integers(1, 6))
    def while_it_is_off(self, what: str, ahead: int) -> None:
        """Something changes between a stop and its end."""
        if (row := self.newest(FollowUp.state == plans.PLANNED)) is not None:
            name, purpose = self.name_of(row), consents.OF_KIND[row.kind]
            self.want(name, purpose, wanted=False)
            self.something(row, what, ahead)
            self.want(name, purpose, wanted=True)
            self.wait_for_the_next()

    # --- how

    def newest(self, *which: ColumnElement[bool]) -> FollowUp | None:
        """Return the step of somebody's of which it was thought last."""
        assert self.story.database is not None
        found = select(FollowUp).where(*which, FollowUp.chat_id.is_not(None))
        found = found.order_by(FollowUp.sent_at.desc(), FollowUp.due_at)
        return self.story.database.read_now(lambda session: session.scalar(found.limit(1)))

    def name_of(self, row: FollowUp) -> str:
        return "anna" if row.chat_id == self.story.anna.id else "tom"

    def something(self, row: FollowUp, what: str, ahead: int) -> None:
        self.aim, pick, name = row.visit_id, 0, self.name_of(row)
        match what:
            case "cancel":
                self.cancel(pick)
            case "move":
                self.move(pick, ahead, 12, decided=True)
            case "undo":
                self.undo(pick)
            case "problem":
                self.tell_of_a_problem(name)
            case "pause":
                self.pause(pick, paused=True)
            case "stop":
                self.want(name, consents.OF_KIND[row.kind], wanted=False)
        self.aim = None

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return self.loop.run_until_complete(work)

    def act(self, work: Callable[[Session, datetime], T]) -> T:
        assert self.story.database is not None
        now = self.story.clock.now()
        done = self.run(self.story.database.transaction(lambda session: work(session, now)))
        self.pass_time(timedelta(0))
        return done

    def person(self, name: str) -> Person:
        return Person(getattr(self.story, name).id, name.title(), None, None, "en")

    def to_some_visit(
        self, states: tuple[str, ...], pick: int, work: Callable[[Session, datetime, Visit], object]
    ) -> None:
        def whole(session: Session, now: datetime) -> object:
            found = session.scalars(select(Visit).where(Visit.status.in_(states)).order_by(Visit.id)).all()
            aimed = [visit for visit in found if visit.id == self.aim]
            return work(session, now, (aimed or found)[pick % len(aimed or found)]) if found else None

        self.act(whole)

    def end(self, use_case: Callable[..., object], states: tuple[str, ...], pick: int) -> None:
        def end(session: Session, now: datetime, visit: Visit) -> object:
            return use_case(session, self.clinic, visit.id, visit.version, self.story.group.id, self.maya, now)

        self.to_some_visit(states, pick, end)

    def until_its_end(self, pick: int) -> None:
        assert self.story.database is not None
        sure = select(Visit.ends_at).where(Visit.status == CONFIRMED).order_by(Visit.id)
        found = self.story.database.read_now(lambda session: session.scalars(sure).all())
        if found:
            self.pass_time(max(timedelta(0), found[pick % len(found)] - self.story.clock.now()))

    def pass_time(self, length: timedelta) -> None:
        """Let time pass from one due thing to the next; without Telegram, to the end at once."""
        end = self.story.clock.now() + length
        while True:
            if self.app.dispatcher._sends is not self.sends:
                self.run(self.rounds(end - self.story.clock.now()))
                return
            due = self.run(self.app.next_due())
            step = min(due, end) if due is not None else end
            self.run(self.story.pass_time(max(step - self.story.clock.now(), timedelta(0))))
            if self.story.clock.now() >= end and (due is None or due > end):
                return

    async def rounds(self, length: timedelta) -> None:
        self.story.clock.advance(length)
        await asyncio.gather(*self.app._rounds)

    def teardown(self) -> None:
        if hasattr(self, "app"):
            self.reach_telegram()
            self.run(self.story.close())
            self.run(self.loop.shutdown_default_executor())
            self.loop.close()
            shutil.rmtree(self.folder)
            assert self.wrong == []


@pytest.mark.parametrize("examples", [int(os.environ.get("ANY_COURSE_EXAMPLES", "12"))])
def test_whatever_happens_between_visits(
    clinic: Clinic, template: Path, examples: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    without_waits(monkeypatch)
    Courses.clinic, Courses.template = clinic, template
    run_state_machine_as_test(
        Courses,
        settings=settings(
            max_examples=examples,
            stateful_step_count=30,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            print_blob=False,
        ),
    )
