"""The watch over the clock: what is taken for a jump, and what is not."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.clock import JUMP, STEADY, Doubt, MovableClock, SystemClock, Watch
from tests.quick import Seconds

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)


class Bench:
    """A clock and the seconds that pass, each moved by itself."""

    def __init__(self) -> None:
        self.seconds = Seconds()
        self.clock = MovableClock(NOON, watch=Watch(self.seconds))
        assert self.clock.doubt() is None

    def jump(self, by: timedelta) -> Doubt | None:
        """Set the clock, and look at it."""
        self.clock.jump(by)
        return self.clock.doubt()

    def live(self, length: timedelta, *, step: timedelta = timedelta(seconds=5)) -> Doubt | None:
        """Let time pass as it should, with a look at the clock each `step`."""
        for _ in range(int(length / step)):
            self.seconds.now += step.total_seconds()
            self.clock.jump(step)
            self.clock.doubt()
        return self.clock.doubt()


@pytest.fixture
def bench() -> Bench:
    return Bench()


def test_time_that_passes_is_no_jump(bench: Bench) -> None:
    assert bench.live(2 * HOUR) is None
    assert bench.live(10 * HOUR, step=HOUR) is None, "a machine that slept, whose seconds counted"


@pytest.mark.parametrize(("by", "held"), [(JUMP - MINUTE, False), (JUMP, False), (JUMP + MINUTE, True)])
def test_ten_minutes_may_be_made_up(bench: Bench, by: timedelta, held: bool) -> None:
    bench.live(HOUR)
    assert (bench.jump(by) is not None) is held


def test_a_jump_ahead_is_doubted_with_what_it_should_be(bench: Bench) -> None:
    bench.live(HOUR)
    doubt = bench.jump(3 * HOUR)
    assert doubt == Doubt(int((NOON + HOUR).timestamp()), 3 * HOUR)
    assert bench.live(STEADY - MINUTE) == doubt, "the same doubt, however often it is looked"


def test_it_ends_when_the_clock_is_back(bench: Bench) -> None:
    assert bench.jump(365 * 24 * HOUR) is not None
    assert bench.live(5 * MINUTE) is not None
    assert bench.jump(-365 * 24 * HOUR) is None
    assert bench.jump(3 * HOUR) is not None, "and what comes after that is another one"


def test_it_ends_when_the_clock_goes_evenly_for_long_enough(bench: Bench) -> None:
    """A paused virtual machine, or network time that came late: the clock is right now."""
    assert bench.jump(3 * HOUR) is not None
    assert bench.live(STEADY - MINUTE) is not None
    assert bench.live(2 * MINUTE) is None
    assert bench.live(HOUR) is None


def test_a_clock_that_goes_on_jumping_is_not_even(bench: Bench) -> None:
    bench.jump(3 * HOUR)
    for _ in range(5):
        assert bench.live(STEADY - MINUTE) is not None
        assert bench.jump(20 * MINUTE) is not None
    assert bench.live(STEADY + MINUTE) is None


def test_it_ends_when_somebody_has_looked(bench: Bench) -> None:
    doubt = bench.jump(3 * HOUR)
    assert doubt is not None
    bench.clock.trust(doubt.number - 1)
    assert bench.clock.doubt() == doubt, "that was another one"
    bench.clock.trust(doubt.number)
    assert bench.live(MINUTE) is None
    again = bench.jump(3 * HOUR)
    assert again is not None
    assert again.number != doubt.number


def test_a_jump_back_is_no_doubt_and_neither_is_the_way_back_from_it(bench: Bench) -> None:
    bench.live(HOUR)
    assert bench.jump(-5 * HOUR) is None
    assert bench.live(HOUR) is None
    assert bench.jump(5 * HOUR) is None
    assert bench.jump(5 * HOUR) is not None, "further than it was before"


def test_what_network_time_shifts_slowly_is_followed(bench: Bench) -> None:
    for _ in range(100):
        bench.live(MINUTE)
        assert bench.jump(timedelta(seconds=30)) is None


@given(st.lists(st.tuples(st.integers(0, 7200), st.integers(-7200, 7200)), max_size=30))
def test_nothing_is_doubted_for_longer_than_it_takes(moves: list[tuple[int, int]]) -> None:
    bench = Bench()
    for passed, jumped in moves:
        bench.seconds.now += passed
        before = bench.clock.doubt()
        doubt = bench.jump(timedelta(seconds=passed + jumped))
        if doubt is not None and before is None:
            assert jumped > -passed
    bench.live(STEADY + 2 * MINUTE, step=MINUTE)
    assert bench.clock.doubt() is None


@pytest.mark.parametrize("make", [SystemClock, MovableClock, lambda: MovableClock(ticking=True)])
def test_a_clock_that_nobody_set_is_relied_on(make: Callable[[], SystemClock | MovableClock]) -> None:
    clock = make()
    assert clock.doubt() is None
    if isinstance(clock, MovableClock):
        clock.advance(100 * HOUR)  # the demo's, on purpose
    assert clock.doubt() is None
