"""Telegram's limits are kept, and what Telegram asks us to wait is waited."""

import pytest

from bot.delivery.limiter import Limiter, Rate
from tests.quick import Seconds

ANNA, TOM, MAYA, GROUP = 1, 2, 3, -4
PLENTY = Rate(10_000, 10_000)


@pytest.fixture
def seconds() -> Seconds:
    return Seconds()


def sent_within(limiter: Limiter, seconds: Seconds, chat_id: int, span: float, step: float = 0.05) -> int:
    """Send whenever it is allowed and return how many went."""
    count, end = 0, seconds.now + span
    while seconds.now < end:
        while limiter.try_take(chat_id):
            count += 1
        seconds.now += step
    return count


def test_a_short_burst_passes_in_a_chat_and_then_one_a_second(seconds: Seconds) -> None:
    limiter = Limiter(PLENTY, seconds)
    assert [limiter.try_take(ANNA) for _ in range(4)] == [True, True, True, False]
    assert limiter.wait(ANNA) == pytest.approx(1.0)
    assert limiter.try_take(TOM)
    seconds.now += 1.0
    assert [limiter.try_take(ANNA) for _ in range(2)] == [True, False]


def test_no_minute_of_a_group_holds_more_than_twenty(seconds: Seconds) -> None:
    limiter = Limiter(PLENTY, seconds)
    assert sent_within(limiter, seconds, GROUP, 60) == 20
    assert sent_within(limiter, seconds, GROUP, 60) <= 20


def test_no_second_holds_more_than_thirty_overall(seconds: Seconds) -> None:
    limiter = Limiter(monotonic=seconds)
    sent: list[float] = []
    end = seconds.now + 10
    while seconds.now < end:
        sent += [seconds.now for chat in range(40) if limiter.try_take(chat + len(sent))]
        seconds.now += 0.01
    busiest = max(sum(1 for at in sent if start <= at < start + 1.0) for start in sent)
    assert busiest <= 30
    assert len(sent) >= 10 * 25


def test_it_says_how_many_may_go_at_once(seconds: Seconds) -> None:
    limiter = Limiter(Rate(25, 5), seconds)
    assert limiter.at_once() == 5
    assert limiter.try_take(ANNA)
    assert limiter.try_take(TOM)
    assert limiter.at_once() == 3
    seconds.now += 0.04
    assert limiter.at_once() == 4
    limiter.hold_all(1.0)
    assert limiter.at_once() == 0


def test_a_flood_wait_holds_its_chat_only(seconds: Seconds) -> None:
    limiter = Limiter(PLENTY, seconds)
    limiter.flooded(ANNA, 30)
    assert not limiter.try_take(ANNA)
    assert limiter.try_take(TOM)
    assert limiter.resting() == {ANNA: pytest.approx(30.0)}
    seconds.now += 29.9
    assert not limiter.try_take(ANNA)
    seconds.now += 0.2
    assert limiter.try_take(ANNA)
    assert limiter.resting() == {}


def test_a_second_flood_wait_of_the_same_chat_holds_nobody_else(seconds: Seconds) -> None:
    limiter = Limiter(PLENTY, seconds)
    limiter.flooded(ANNA, 30)
    limiter.flooded(ANNA, 30)
    assert limiter.try_take(TOM)


def test_flood_waits_of_two_chats_hold_everybody(seconds: Seconds) -> None:
    limiter = Limiter(PLENTY, seconds)
    limiter.flooded(ANNA, 30)
    limiter.flooded(TOM, 5)
    assert limiter.wait_overall() == pytest.approx(5.0)
    assert not limiter.try_take(MAYA)
    seconds.now += 5.1
    assert limiter.try_take(MAYA)
    assert not limiter.try_take(ANNA)


def test_a_flood_wait_that_is_over_counts_no_more(seconds: Seconds) -> None:
    limiter = Limiter(PLENTY, seconds)
    limiter.flooded(ANNA, 3)
    seconds.now += 4
    limiter.flooded(TOM, 3)
    assert limiter.try_take(MAYA)


def test_a_shorter_wait_does_not_shorten_a_longer_one(seconds: Seconds) -> None:
    limiter = Limiter(PLENTY, seconds)
    limiter.hold(ANNA, 60)
    limiter.hold(ANNA, 1)
    limiter.hold_all(60)
    limiter.hold_all(1)
    seconds.now += 2
    assert limiter.wait(ANNA) == pytest.approx(58.0)
    assert limiter.wait_overall() == pytest.approx(58.0)


def test_chats_that_have_rested_are_forgotten(seconds: Seconds) -> None:
    limiter = Limiter(PLENTY, seconds)
    for chat in range(100):
        limiter.try_take(chat)
    seconds.now += 10
    limiter.resting()
    assert len(limiter._chats) == 0  # memory must not grow with every chat there ever was


def test_an_edit_is_not_counted_in_its_chat_but_waits_where_telegram_said_so(seconds: Seconds) -> None:
    limiter = Limiter(monotonic=seconds)
    for _ in range(3):
        assert limiter.try_take(ANNA)
    assert not limiter.try_take(ANNA)
    assert limiter.try_take(ANNA, new=False)
    limiter.hold(ANNA, 5)
    assert not limiter.try_take(ANNA, new=False)
    seconds.now += 5
    assert all(limiter.try_take(ANNA, new=False) for _ in range(5))
    assert not limiter.try_take(ANNA, new=False)  # it is one of the bot's requests all the same
