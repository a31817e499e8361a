"""Updates are kept once, handled once, and come back after a crash in their order."""

import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from bot.delivery import inbox
from bot.delivery.inbox import Stumbled
from bot.store import leases
from bot.store.database import Database, parse_url
from bot.store.models import Incoming, Lease
from tests.story import MONDAY


@pytest.fixture
def session(any_database: str) -> Iterator[Session]:
    database = Database(parse_url(any_database))
    with Session(database._writer) as session:
        yield session
    database.close()


def text(update_id: int, chat_id: int, words: str = "x") -> dict[str, Any]:
    return {"update_id": update_id, "message": {"chat": {"id": chat_id, "type": "private"}, "text": words}}


def kept_ids(session: Session, *updates: dict[str, Any]) -> list[int]:
    return [kept.update_id for kept in inbox.keep(session, updates, now=MONDAY)]


@pytest.mark.parametrize("chat_id", [5, 64, -1001234567890, -1])
def test_who_has_the_lane_finishes_and_nobody_else(session: Session, chat_id: int) -> None:
    session.add(Lease(name=f"lane:{leases.lane_of(chat_id)}", owner="ours", until=MONDAY))
    session.add(Lease(name=f"lane:{leases.lane_of(chat_id + 1)}", owner="theirs", until=MONDAY))
    assert kept_ids(session, text(5, chat_id)) == [5]
    session.info[leases.OWNER] = "theirs"
    assert not inbox.finish(session, 5, MONDAY)
    session.info[leases.OWNER] = "ours"
    assert inbox.finish(session, 5, MONDAY)
    assert not inbox.finish(session, 5, MONDAY)


def test_an_update_is_kept_once_however_often_it_comes(session: Session) -> None:
    assert kept_ids(session, text(5, 1), text(6, 1), text(5, 1)) == [5, 6]
    assert kept_ids(session, text(5, 1), text(6, 1), text(7, 1)) == [7]
    assert inbox.finish(session, 5, MONDAY)
    assert kept_ids(session, text(5, 1)) == []
    assert not inbox.finish(session, 5, MONDAY)
    assert not inbox.finish(session, 999, MONDAY)


def test_what_was_not_handled_comes_back_in_order_as_it_came(session: Session) -> None:
    updates = [text(7, 1, "third"), text(5, 2, "fírst 🙂"), text(6, 1, "second")]
    inbox.keep(session, updates, now=MONDAY)
    inbox.finish(session, 6, MONDAY)
    left = inbox.unfinished(session)
    assert [(kept.update_id, kept.lane) for kept in left] == [(5, 2), (7, 1)]
    assert left[0].payload == updates[1]


def test_the_words_go_once_they_are_handled(session: Session) -> None:
    inbox.keep(session, [text(5, 1, "my secret"), text(6, 1, "my secret"), text(7, 1, "my secret")], now=MONDAY)
    inbox.finish(session, 5, MONDAY)
    inbox.finish_all(session, [6, 7], MONDAY)
    assert [(row.state, row.payload) for row in session.scalars(select(Incoming))] == [("done", None)] * 3


def test_an_update_that_fails_is_tried_three_times(session: Session) -> None:
    inbox.keep(session, [text(5, 1)], now=MONDAY)
    tries = [inbox.stumble(session, 5, "ValueError", MONDAY) for _ in range(4)]
    assert tries == [Stumbled.AGAIN, Stumbled.AGAIN, Stumbled.ASIDE, Stumbled.SETTLED]
    row = session.get_one(Incoming, 5)
    assert (row.state, row.attempts, row.error) == ("failed", 3, "ValueError")
    assert inbox.unfinished(session) == []


def test_a_poison_update_is_put_aside_at_once(session: Session) -> None:
    inbox.keep(session, [text(5, 1)], now=MONDAY)
    assert inbox.stumble(session, 5, "PoisonError", MONDAY, tries=1) is Stumbled.ASIDE
    assert session.get_one(Incoming, 5).state == "failed"


def test_only_what_was_settled_long_ago_is_forgotten(session: Session) -> None:
    inbox.keep(session, [text(5, 1), text(6, 1), text(7, 1)], now=MONDAY - timedelta(days=9))
    inbox.finish(session, 5, MONDAY - timedelta(days=3))
    inbox.finish(session, 6, MONDAY - timedelta(days=1))
    inbox.prune(session, MONDAY - timedelta(days=2))
    assert list(session.scalars(select(Incoming.update_id).order_by(Incoming.update_id))) == [6, 7]


@pytest.mark.parametrize(
    ("content", "lane"),
    [
        ({"message": {"chat": {"id": 4}, "from": {"id": 5}}}, 4),
        ({"edited_message": {"chat": {"id": -4}}}, -4),
        ({"channel_post": {"chat": {"id": -100}}}, -100),
        ({"callback_query": {"from": {"id": 5}, "message": {"chat": {"id": 4}}}}, 4),
        ({"callback_query": {"from": {"id": 5}}}, 5),
        ({"my_chat_member": {"chat": {"id": 4}, "from": {"id": 5}}}, 4),
        ({"inline_query": {"from": {"id": 5}}}, 5),
        ({"poll_answer": {"user": {"id": 5}}}, 5),
        ({"poll": {"id": "1"}}, 0),
        ({"message": None}, 0),
        ({"message": {"chat": None}}, 0),
        ({"message": {"chat": {"id": "4"}}}, 0),
        ({"message": [1, 2]}, 0),
        ({"message": {"chat": {"id": 10**30}}}, 0),
        ({}, 0),
    ],
)
def test_an_update_keeps_the_order_of_its_chat(content: dict[str, Any], lane: int) -> None:
    assert inbox.lane_of({"update_id": 1, **content}) == lane


@pytest.mark.parametrize(
    "words",
    ["\u202e\u200b", "🙂" * 2048, "'; DROP TABLE inbox; --", "\u2028", ""],
    ids=["invisible", "long", "quotes", "separator", "empty"],
)
def test_whatever_is_in_an_update_it_can_be_kept_and_comes_back_the_same(session: Session, words: str) -> None:
    strange = text(6, 10**30, words)
    assert kept_ids(session, text(5, 1), strange, text(7, 1)) == [5, 6, 7]
    assert inbox.unfinished(session)[1].payload == strange


def test_what_no_database_can_hold_is_replaced_at_the_door(session: Session) -> None:
    strange = text(5, 1, "a\x00b \ud83d 🙂") | {"unheard_of": [{"of": "\udc00\udc00"}]}
    (kept,) = inbox.keep(session, [strange], now=MONDAY)
    assert kept.payload == text(5, 1, "a\ufffdb \ufffd 🙂") | {"unheard_of": [{"of": "\ufffd\ufffd"}]}
    assert inbox.unfinished(session) == [kept]


def test_what_has_no_usable_number_keeps_nothing_else_back(session: Session) -> None:
    strange: list[Any] = [{"update_id": "5"}, {"update_id": None}, {}, {"update_id": 10**30}]
    assert kept_ids(session, *strange, text(7, 1)) == [7]
    assert kept_ids(session, *strange) == []


def test_the_payload_is_what_telegram_sent(session: Session) -> None:
    inbox.keep(session, [text(5, 1, "naïve 🙂")], now=MONDAY)
    assert json.loads(session.get_one(Incoming, 5).payload or "") == text(5, 1, "naïve 🙂")
