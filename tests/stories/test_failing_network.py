"""A network that fails now and then, and once for an hour; what everybody sees, and that nothing is lost.

NETWORK_TEST_ROUNDS says how often each patient writes (once if it is not set), NETWORK_TEST_SEED which bad luck.
"""

import asyncio
import os
import sqlite3
from collections import Counter
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Sequence
from contextlib import ExitStack, asynccontextmanager, closing, contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from random import Random
from typing import Any, NamedTuple

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session
from structlog.testing import capture_logs

from bot.clinic.plans import SENT
from bot.config import Clinic
from bot.delivery import outbox
from bot.delivery.limiter import OVERALL, Limiter
from bot.delivery.messages import Kind, Message
from bot.sandbox.faults import Faults, Limits
from bot.sandbox.faults import Kind as Fault
from bot.sandbox.world import User
from bot.store.models import Call, FollowUp, Incoming, Outgoing, Question
from bot.web import health
from bot.web.health import Health
from bot.web.metrics import Counters
from faq.content import TOPIC_IDS
from tests.hurried import HurriedLoop, Network, RunningClock, seconds
from tests.proxy import Proxy
from tests.quick import FixedReader
from tests.story import MONDAY, Story
from tests.test_backlog import Case, book

ROUNDS = int(os.environ.get("NETWORK_TEST_ROUNDS", "1"))
SEED = int(os.environ.get("NETWORK_TEST_SEED", "1"))
PATIENTS = 30
MARK = "<i>(Sent again, because we cannot be sure that it arrived the first time.)</i>\n"
NOTE = "A note from"
ANSWERS = "Linden Skin Clinic answers:"
ASK = "Ask the clinic"
DOES_NOT_KNOW = "Shall I ask the clinic?"
WENT_TO_NOBODY = "⚠️ This went to nobody"
MINUTE, HOUR = 60.0, 3600.0
FAULTS: tuple[Fault, ...] = ("429", "500", "502", "drop", "timeout", "reset", "slow")
SHARE = 0.01
OUTAGE_BEGINS, END = 20 * MINUTE, 2.25 * HOUR
SOON = 25.0
"""Seconds within which a network that is back is used again: a pause, and a try that began while it was down."""


@pytest.fixture(autouse=True)
def _hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.story.MovableClock", RunningClock)
    monkeypatch.setattr("tests.story.Limiter", lambda _: Limiter(OVERALL, seconds))
    monkeypatch.setattr("bot.app.ROUND_SECONDS", 60)  # each round takes a real moment, and there are many
    monkeypatch.setattr("bot.delivery.replica.BEAT", 10.0)  # likewise
    monkeypatch.setattr("bot.store.notices.listen", _hear_nobody)
    monkeypatch.setattr(health, "LEAST_BYTES", 0)  # the disk that tests run on may be full


async def _hear_nobody(*_: object) -> None:
    """There is no other program, and what listens on a socket would go by real seconds."""
    await asyncio.Event().wait()


@dataclass
class Patient:
    """Somebody who writes and taps, and what they ought to have been told by the end."""

    user: User
    luck: Random
    asked: list[str] = field(default_factory=list)
    topics: list[str] = field(default_factory=list)
    """Topics in the order in which they asked about them."""

    @property
    def question(self) -> str:
        """What only a person can answer."""
        return f"May I, asks number {self.user.id}?"


class Practice:
    """A clinic with patients and staff, on a network of that luck."""

    def __init__(self, clinic: Clinic, database: str, seed: int, proxy: Proxy | None = None) -> None:
        self.story = Story(clinic, FixedReader(), database)
        self.proxy = proxy
        self.counters = Counters("9.9", "9999", seconds)
        self.story.meters = self.counters
        self.luck = Random(seed)  # noqa: S311  bad luck that can be repeated, nothing secret
        self.network = Network(self.story.telegram, self.luck)
        self.story.transport = self.network
        self.story.telegram.faults = Faults(seed)

    @asynccontextmanager
    async def open(self) -> AsyncIterator["Practice"]:
        """Let the bot run."""
        await self.story.open()
        assert self.story.database is not None
        self._health = Health(self.story.database, self.story.clock, self.counters, version="9.9", polls=True)
        yield self
        await self.story.close()

    def misbehave(self) -> None:
        """Let each kind of misfortune strike one request in a hundred, fetching included; Telegram keeps its limits."""
        for kind in FAULTS:
            for method in (None, "getUpdates"):
                self.story.telegram.faults.add(kind, method=method, rate=SHARE, retry_after=5, seconds=20.0)
        self.story.telegram.limits = Limits(monotonic=seconds)

    def behave(self) -> None:
        """Let nothing go wrong any more."""
        self.story.telegram.faults.clear()

    async def look(self, work: Callable[[Session], Any]) -> Any:
        """Return what `work` reads."""
        assert self.story.database is not None
        return await self.story.database.read(work)

    async def wrong(self) -> dict[str, str]:
        """Return what /healthz says is wrong."""
        found: dict[str, str] = (await self._health.report())["wrong"]
        return found

    async def owe(self, message: Message) -> None:
        """Owe somebody a message."""
        assert self.story.database is not None
        now = self.story.clock.now()
        await self.story.database.transaction(lambda session: outbox.post(session, message, now=now))

    async def until(self, done: Callable[[], object], within: float = 3 * HOUR) -> None:
        """Wait until the chats show it."""
        await self.story.telegram.wait_until(done, within)

    def said(self, chat_id: int) -> list[str]:
        """Return all that the bot said in a chat, in order, whatever became of it there."""
        calls = self.story.telegram.calls
        mine = (one for one in calls if one.method == "sendMessage" and one.status == 200)
        return [one.params["text"] for one in mine if one.params["chat_id"] == chat_id]

    # people

    async def visit(self, patient: Patient, wait: float) -> None:
        """Write about topics, tap, and ask what only a person can answer, at times of one's own."""
        telegram, user, luck = self.story.telegram, patient.user, patient.luck
        await asyncio.sleep(luck.uniform(0, wait))
        await telegram.start(user.id)
        topics = luck.sample(TOPIC_IDS, 3 * ROUNDS)
        when_to_ask = luck.randrange(ROUNDS)
        for number in range(ROUNDS):
            for topic in topics[3 * number : 3 * number + luck.randint(1, 3)]:
                patient.topics.append(topic)
                patient.asked.append(topic)
                await telegram.send_text(user.id, topic)
                await asyncio.sleep(luck.uniform(0, 2))
            await self._tap_around(patient)
            if number == when_to_ask:
                await self._ask(patient)
            await asyncio.sleep(luck.uniform(0, wait))

    async def _tap_around(self, patient: Patient) -> None:
        telegram, user = self.story.telegram, patient.user
        for label in ("« All topics", "🌿 After your visit"):
            try:
                await telegram.tap_button(user.id, label)
            except LookupError:
                return  # nothing has come yet, as in the outage
            await asyncio.sleep(patient.luck.uniform(0, 5))

    async def _ask(self, patient: Patient) -> None:
        telegram, user = self.story.telegram, patient.user
        message = await telegram.send_text(user.id, patient.question)
        patient.asked.append(patient.question)

        def offer() -> int | None:
            for one in telegram.history(user.id):
                if one["message_id"] > message["message_id"] and one.get("text", "").endswith(DOES_NOT_KNOW):
                    return int(one["message_id"])
            return None

        await self.until(offer)
        (data,) = (
            button["callback_data"]
            for row in self.story.message(user.id, offer() or 0)["reply_markup"]["inline_keyboard"]
            for button in row
            if button["text"] == ASK
        )
        await telegram.tap(user.id, user.id, offer() or 0, data)
        await self.until(lambda: self.is_answered(patient))
        # the conversation goes on until somebody ends it; meanwhile the bot is silent
        await self.until(lambda: self.finds(user, "End the conversation"))
        await telegram.tap_button(user.id, "End the conversation")
        await self.until(lambda: any("has ended" in text for text in self.said(user.id)))

    def finds(self, user: User, label: str) -> bool:
        """True where a button of that label is in the chat."""
        try:
            self.story.telegram.find_button(user.id, label)
        except LookupError:
            return False
        return True

    def is_answered(self, patient: Patient) -> bool:
        """True once staff's answer is in the patient's chat."""
        return any(text.endswith(self.answer(patient)) for text in self.said(patient.user.id))

    def answer(self, patient: Patient) -> str:
        """What staff say to the patient's question."""
        return f"You may, number {patient.user.id}."

    async def attend(self, patient: Patient) -> None:
        """Answer the question by a reply to the copy of its card that came first; where that goes to nobody, to the
        next there is, or to the reminder."""
        tried: list[int] = []
        while not self.is_answered(patient):
            await self.until(lambda: set(self.cards(patient)) - set(tried))
            await asyncio.sleep(self.luck.uniform(1, 30))
            tried.append(next(card for card in self.cards(patient) if card not in tried))
            said = await self.reply(patient, tried[-1])
            await self.until(lambda: self.is_answered(patient) or self._went_to_nobody(said))  # noqa: B023  it is awaited here

    async def reply(self, patient: Patient, card: int) -> int:
        """Let staff answer a question by a reply to that message; returns the reply."""
        telegram, group = self.story.telegram, self.story.group
        said = await telegram.send_text(self.story.maya.id, self.answer(patient), chat_id=group.id, reply_to=card)
        return int(said["message_id"])

    def _went_to_nobody(self, reply: int) -> bool:
        history = self.story.telegram.history(self.story.group.id)
        notes = (one for one in history if WENT_TO_NOBODY in one.get("text", ""))
        return any(one["reply_to_message"]["message_id"] == reply for one in notes)

    def cards(self, patient: Patient) -> list[int]:
        """Return the copies of the card with the patient's question, and the reminders of it, in order."""
        history = self.story.telegram.history(self.story.group.id)
        mine = [one for one in history if self.story._is_bots(one)]
        about = (patient.question, f"{patient.user.first_name} has been waiting")
        return [int(one["message_id"]) for one in mine if any(words in one.get("text", "") for words in about)]


def run(story: Coroutine[Any, Any, None]) -> None:
    """Live through a story on the hurried loop."""
    with asyncio.Runner(loop_factory=HurriedLoop) as runner:
        runner.run(story)


@dataclass
class Talk:
    """What the bot said in a chat, each thing once, and how often."""

    plain: Counter[str]
    repeats: Counter[str]
    order: list[str]
    """Things in the order in which they came first."""

    @classmethod
    def of(cls, texts: list[str]) -> "Talk":
        """Tell the repeats by their mark."""
        plain, repeats = Counter[str](), Counter[str]()
        for text in texts:
            (repeats if text.startswith(MARK) else plain)[text.removeprefix(MARK)] += 1
        return cls(plain, repeats, list(dict.fromkeys(text.removeprefix(MARK) for text in texts)))


def test_thirty_patients_on_a_bad_network_with_an_hour_without_any(clinic: Clinic, any_database: str) -> None:
    run(_bad_day(clinic, any_database))


async def _bad_day(clinic: Clinic, database: str) -> None:
    practice = Practice(clinic, database, SEED)
    story, network = practice.story, practice.network
    people = [story.telegram.add_user(f"Patient {number}") for number in range(PATIENTS)]
    patients = [Patient(user, Random(SEED * 1000 + number)) for number, user in enumerate(people)]  # noqa: S311  likewise
    async with practice.open():
        with capture_logs() as logs:
            await _plan(practice, patients)
            practice.misbehave()
            staff = [asyncio.create_task(practice.attend(patient)) for patient in patients]
            visits = [asyncio.create_task(practice.visit(patient, 1.2 * HOUR / ROUNDS)) for patient in patients]
            await asyncio.sleep(OUTAGE_BEGINS)
            network.is_up = False
            await asyncio.sleep(HOUR)
            wrong = await practice.wrong()
            practice.behave()  # how soon it is used again is not to be a matter of luck
            back, network.is_up = seconds(), True
            await asyncio.sleep(MINUTE)
            practice.misbehave()
            await asyncio.gather(*staff, *visits)
            await asyncio.sleep(max(0.0, END - seconds()))
            practice.behave()
            await asyncio.sleep(10 * MINUTE)
            await story.settle()
        await _judge(practice, patients)
        assert await practice.wrong() == {}
    assert wrong["fetching"].endswith("Telegram cannot be reached: look at this machine's network")
    assert wrong["outbox"].startswith("a message has been due for ")
    first = {
        name: next(at for at, method, _ in network.heard if at >= back and method == name) - back
        for name in ("getUpdates", "sendMessage")
    }
    assert max(first.values()) <= SOON
    assert network.tries < 2 * HOUR / 10 + 100  # asked now and then, not hammered
    assert {log["event"] for log in logs if log["log_level"] in ("error", "critical")} == set()
    print(  # noqa: T201  the figures
        f"\n{len(story.telegram.calls)} requests, {network.tries} tries in the outage; after it "
        f"fetched in {first['getUpdates']:.1f} s, sent in {first['sendMessage']:.1f} s; {seconds() / HOUR:.1f} hours"
    )


async def _plan(practice: Practice, patients: list[Patient]) -> None:
    """Let reminders, care cards and offers come due all the time, in the outage as well."""
    story, now = practice.story, practice.story.clock.now()
    assert story.database is not None
    minutes = timedelta(minutes=1)
    starts = (
        lambda number: MONDAY + (125 + 3 * number) * minutes,  # a reminder two hours before
        lambda number: MONDAY - (150 - 3 * number) * minutes,  # a care card two hours after its end
        lambda _: MONDAY - timedelta(weeks=2),  # an offer of the next session
    )

    def plan(session: Session) -> None:
        for number, patient in enumerate(patients):
            book(session, story.clinic, patient.user, Case((starts[number % 3](number),)), now)

    await story.database.transaction(plan)


async def _judge(practice: Practice, patients: list[Patient]) -> None:
    """Nothing is lost, nothing said twice but the marked repeat, and each chat kept its order."""
    story = practice.story
    assert story.app is not None
    titles = {one: topic.front.title for one, topic in story.app.desk.pages.libraries["en"].topics.items()}
    now = story.clock.now()

    def look(session: Session) -> Kept:
        return Kept(
            session.scalars(select(Question).order_by(Question.id)).all(),
            session.scalars(select(Outgoing).order_by(Outgoing.id)).all(),
            session.scalars(select(FollowUp).where(FollowUp.due_at <= now)).all(),
            session.scalars(select(Call)).all(),
            session.scalars(select(Incoming.state)).all(),
        )

    kept = await practice.look(look)
    assert set(kept.updates) == {"done"}
    assert {row.state for row in kept.outbox} <= {"sent", "unknown"}
    group = practice.said(story.group.id)
    for patient in patients:
        chat_id = patient.user.id
        assert [one.text for one in kept.questions if one.chat_id == chat_id] == patient.asked
        talk = Talk.of(practice.said(chat_id))
        assert set(talk.repeats.values()) <= {1}
        heads = [text.removeprefix("<b>").partition("</b>")[0] for text in talk.order]
        answered = [head for head in heads if head in set(titles.values())]
        expected = [titles[topic] for topic in patient.topics]
        rest = iter(expected)
        assert all(head in rest for head in answered), (answered, expected)  # in order
        alarms = [text for text in group if f"A message to {patient.user.first_name} may not have arrived" in text]
        assert len(expected) - len(answered) <= len(alarms)  # lost twice in a row is told, never silent
        once = [text for text in talk.plain if text.startswith("<b>") or text.startswith((ANSWERS, NOTE))]
        assert all(talk.plain[text] == 1 for text in once)
        assert sum(text.endswith(practice.answer(patient)) for text in talk.order) == 1
        asked = Talk.of([text for text in practice.said(story.group.id) if patient.question in text])
        assert max((asked.plain | asked.repeats).values()) == 1
    # of what time asked for, all went out; what may not have arrived is in staff's list, and nothing else is
    assert len(kept.followups) == PATIENTS
    assert {one.state for one in kept.followups} == {SENT}
    repeats = {row.repeats for row in kept.outbox if row.state == "sent"}
    doubtful = [row for row in kept.outbox if row.state == "unknown" and row.id not in repeats]
    planned = {row.subject for row in doubtful if row.subject and row.subject.startswith("followup:")}
    listed = {call.key for call in kept.calls if call.key.startswith("followup:")}
    assert listed == planned
    twice = {f"outbox:{row.repeats}" for row in doubtful if row.repeats is not None}
    assert {call.key for call in kept.calls} - listed <= twice
    assert {call.why for call in kept.calls} <= {"uncertain"}
    print(  # noqa: T201  the figures
        f"\n{len(kept.updates)} updates; {dict(Counter(row.state for row in kept.outbox))}; {len(repeats) - 1} repeats "
        f"arrived; on staff's list {len(kept.calls)}"
    )


class Kept(NamedTuple):
    """What the database holds at the end."""

    questions: Sequence[Question]
    outbox: Sequence[Outgoing]
    followups: Sequence[FollowUp]
    calls: Sequence[Call]
    updates: Sequence[str]


# one thing that fails


async def test_a_reply_to_the_copy_that_nobody_knows_of_is_not_lost_in_silence(
    clinic: Clinic, any_database: str
) -> None:
    story = await Story(clinic, FixedReader(), any_database).open()
    await story.say(story.anna, "May I?")
    story.telegram.faults.add("timeout", method="sendMessage", chat_id=story.group.id)
    await story.tap(story.anna, ASK)
    first, second = (one for one in story.telegram.history(story.group.id) if "May I?" in one.get("text", ""))
    (note,) = await story.say(story.maya, "You may.", chat=story.group, reply_to=first["message_id"])
    assert note.startswith(WENT_TO_NOBODY)
    assert "answers:\nYou may." not in "".join(story.since(story.anna.id, 0))
    await story.say(story.maya, "You may.", chat=story.group, reply_to=second["message_id"])
    assert f"{ANSWERS}\nYou may." in story.since(story.anna.id, 0)
    await story.close()


def test_a_token_that_is_revoked_and_valid_again(clinic: Clinic, any_database: str) -> None:
    run(_revoked(clinic, any_database))


async def _revoked(clinic: Clinic, database: str) -> None:
    practice = Practice(clinic, database, SEED)
    story, network = practice.story, practice.network
    async with practice.open():
        await story.start(story.anna)
        with capture_logs() as logs:
            network.knows_token = False
            await story.telegram.send_text(story.anna.id, "hair")
            await practice.owe(Message(story.anna.id, "See you tomorrow.", kind=Kind.VISIT))
            await asyncio.sleep(10 * MINUTE)
            wrong = await practice.wrong()
            assert len(practice.said(story.anna.id)) == 1
            network.knows_token = True
            await asyncio.sleep(90)
        assert await practice.wrong() == {}
        _, *said = practice.said(story.anna.id)
        assert sorted(text[:12] for text in said) == ["<b>Can it he", "See you tomo"]
    advice = "Telegram does not know this token: ask @BotFather for it and set MESOBOT_TOKEN"
    assert wrong["fetching"].endswith(f" seconds: {advice}")
    assert wrong["outbox"].startswith("a message has been due for ")
    assert {log["advice"] for log in logs if log["event"] == "poll.refused"} == {advice}
    critical = [log for log in logs if log["log_level"] == "critical"]
    assert {log["advice"] for log in critical} == {"ask @BotFather for the token and set MESOBOT_TOKEN"}
    assert len(critical) <= 11  # once a minute


def test_a_bot_that_is_put_out_of_the_staff_group_and_let_in_again(clinic: Clinic, any_database: str) -> None:
    run(_put_out(clinic, any_database))


async def _put_out(clinic: Clinic, database: str) -> None:
    practice = Practice(clinic, database, SEED)
    story = practice.story
    patient = Patient(story.anna, Random(SEED))  # noqa: S311  likewise
    async with practice.open():
        with capture_logs() as logs:
            await story.telegram.leave(story.group.id, story.telegram.bot_id)
            await story.settle()
            assert list(await practice.wrong()) == ["staff"]  # at once, before anything is owed to the group
            await story.say(story.anna, patient.question)
            await story.tap(story.anna, ASK)
            assert story.since(story.anna.id, 0)[-1].startswith(
                "I have kept your question. At the moment I cannot reach"
            )
            await asyncio.sleep(2 * MINUTE)
        assert practice.cards(patient) == []
        assert [log["event"] for log in logs if log["log_level"] == "error"] == [
            "staff.put_out",
            "outbox.unreachable",
        ]
        assert list(await practice.wrong()) == ["staff"]
        assert (await practice.wrong())["staff"].endswith("seconds: see that the bot is in it and may write there")
        await story.telegram.join(story.group.id, story.telegram.bot_id)
        await asyncio.sleep(MINUTE)
        (card,) = practice.cards(patient)
        await practice.reply(patient, card)
        await asyncio.sleep(MINUTE)
        assert practice.is_answered(patient)
        assert await practice.wrong() == {}


def test_cards_that_are_owed_to_a_group_follow_it_when_it_is_upgraded(clinic: Clinic, any_database: str) -> None:
    run(_upgraded(clinic, any_database))


async def _upgraded(clinic: Clinic, database: str) -> None:
    practice = Practice(clinic, database, SEED)
    story = practice.story
    users = [story.telegram.add_user(f"Patient {number}") for number in range(8)]
    patients = [Patient(user, Random(SEED)) for user in users]  # noqa: S311  likewise
    async with practice.open():
        story.telegram.faults.add("429", method="sendMessage", chat_id=story.group.id, retry_after=120)
        for patient in patients:
            await story.telegram.send_text(patient.user.id, patient.question)
            await practice.until(lambda: practice.finds(patient.user, ASK))  # noqa: B023  it is awaited here
            await story.telegram.tap_button(patient.user.id, ASK)
        await asyncio.sleep(MINUTE)
        assert [practice.cards(patient) for patient in patients] == [[]] * 8
        story.group = await story.telegram.upgrade_group(story.group.id)
        story.telegram.feed.drop_pending()  # the bot is not told, and finds out when it sends
        await asyncio.sleep(5 * MINUTE)
        cards = [practice.cards(patient) for patient in patients]
        assert [len(copies) for copies in cards] == [1] * 8
        assert cards == sorted(cards)
        for patient, (card,) in zip(patients, cards, strict=True):
            await practice.reply(patient, card)
        await asyncio.sleep(5 * MINUTE)
        assert [practice.is_answered(patient) for patient in patients] == [True] * 8
        assert await practice.wrong() == {}


@contextmanager
def _locked(practice: Practice) -> Iterator[str]:
    """Another program holds the file."""
    with closing(sqlite3.connect(practice.story.url.removeprefix("sqlite:///"))) as other:
        other.execute("BEGIN IMMEDIATE")
        yield "another program holds the database: find it and stop it"


@contextmanager
def _unreachable(practice: Practice) -> Iterator[str]:
    """The server cannot be reached, and what was connected is cut."""
    assert practice.proxy is not None
    practice.proxy.break_off()
    yield "the database server cannot be reached: see that it runs, and the network to it"
    practice.proxy.restore()


def test_a_database_that_is_gone_for_a_minute(
    clinic: Clinic, any_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bot.store.database.WAIT", 0.01)
    run(_gone(clinic, any_database))


async def _gone(clinic: Clinic, database: str) -> None:
    with ExitStack() as stack:
        proxy = None if database.startswith("sqlite") else stack.enter_context(Proxy.of(database))
        practice = Practice(clinic, proxy.url if proxy else database, SEED, proxy)
        story = practice.story
        async with practice.open():
            await story.start(story.anna)
            await story.start(story.tom)
            story.telegram.faults.add("slow", method="sendMessage", chat_id=story.tom.id, seconds=10.0)
            await practice.owe(Message(story.tom.id, "See you tomorrow.", kind=Kind.VISIT))
            await asyncio.sleep(1)  # it is under way when the database goes, and cannot be recorded
            with capture_logs() as logs:
                with (_unreachable if proxy else _locked)(practice) as reason:
                    await story.telegram.send_text(story.anna.id, "hair")
                    await story.telegram.tap_button(story.tom.id, "🌿 After your visit")
                    await story.telegram.send_text(story.tom.id, "makeup")
                    await asyncio.sleep(MINUTE)
                    wrong = await practice.wrong()
                await asyncio.sleep(SOON)
                said = [practice.said(user.id)[1:] for user in (story.anna, story.tom)]
                assert [len(texts) for texts in said] == [1, 2]
                assert not any(text.startswith(MARK) for texts in said for text in texts)
                await asyncio.sleep(2 * MINUTE)
                await story.say(story.anna, "pain")
            assert await practice.wrong() == {}
            assert set(await practice.look(lambda session: session.scalars(select(Outgoing.state)).all())) == {"sent"}
        assert reason in wrong["database"]
        told = [(log["event"], log.get("why")) for log in logs if log["event"].startswith("database.")]
        assert told == [("database.fails", reason), ("database.works_again", None)]
