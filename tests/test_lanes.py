"""What belongs to one chat runs in order, different chats run side by side."""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator

import pytest

from bot.delivery import lanes
from bot.delivery.lanes import Lanes

Job = tuple[int, int]


class Clinic:
    """Handles jobs that a test holds up and lets go."""

    def __init__(self) -> None:
        self.begun: list[Job] = []
        self.done: list[Job] = []
        self.gates: dict[int, asyncio.Event] = defaultdict(asyncio.Event)
        self.lanes: Lanes[Job] = Lanes(self.handle)

    async def handle(self, job: Job) -> None:
        """Handle `job` once its lane's gate is open; a negative number is a job that fails."""
        self.begun.append(job)
        await self.gates[job[0]].wait()
        if job[1] < 0:
            raise RuntimeError
        self.done.append(job)

    def put(self, *jobs: Job) -> None:
        """Queue jobs; the first number is the lane."""
        for job in jobs:
            self.lanes.put(job[0], job)

    def open(self, *gates: int) -> None:
        """Let the jobs of these lanes go."""
        for gate in gates:
            self.gates[gate].set()

    async def settle(self) -> None:
        """Let everything run that can."""
        for _ in range(50):
            await asyncio.sleep(0)


@pytest.fixture
async def clinic() -> AsyncIterator[Clinic]:
    clinic = Clinic()
    yield clinic
    clinic.open(*list(clinic.gates))
    await clinic.lanes.stop()


async def test_a_chat_keeps_its_order_and_others_go_on(clinic: Clinic) -> None:
    clinic.put((1, 1), (1, 2), (2, 1), (1, 3), (2, 2))
    clinic.open(2)
    await clinic.settle()
    assert clinic.done == [(2, 1), (2, 2)]
    assert [job for job in clinic.begun if job[0] == 1] == [(1, 1)]
    clinic.open(1)
    await clinic.lanes.until_fewer_than(1)
    assert clinic.done[2:] == [(1, 1), (1, 2), (1, 3)]


async def test_a_flood_in_one_chat_leaves_the_others_their_places(
    clinic: Clinic, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lanes, "SIDE_BY_SIDE", 2)
    clinic.lanes = Lanes(clinic.handle)
    clinic.put(*((1, number) for number in range(300)), (2, 1), (3, 1))
    clinic.open(2)
    await clinic.settle()
    assert clinic.done == [(2, 1)]
    assert (3, 1) in clinic.begun


async def test_no_more_run_side_by_side_than_allowed(clinic: Clinic) -> None:
    clinic.put(*((lane, 1) for lane in range(100)))
    await clinic.settle()
    assert len(clinic.begun) == lanes.SIDE_BY_SIDE
    clinic.open(*range(100))
    await clinic.lanes.until_fewer_than(1)
    assert len(clinic.done) == 100


async def test_a_job_that_fails_does_not_stop_its_lane(clinic: Clinic) -> None:
    clinic.open(1)
    clinic.put((1, -1), (1, 2))
    await clinic.settle()
    assert clinic.done == [(1, 2)]
    clinic.put((1, 3))
    await clinic.settle()
    assert clinic.done == [(1, 2), (1, 3)]
    assert len(clinic.lanes) == 0


async def test_stopping_finishes_what_runs_and_forgets_what_waits(clinic: Clinic) -> None:
    clinic.put((1, 1), (1, 2), (2, 1))
    await clinic.settle()
    stopping = asyncio.create_task(clinic.lanes.stop())
    await clinic.settle()
    assert not stopping.done()
    clinic.open(1, 2)
    await stopping
    assert sorted(clinic.done) == [(1, 1), (2, 1)]
    assert len(clinic.lanes) == 0


async def test_room_is_announced(clinic: Clinic) -> None:
    clinic.put((1, 1), (1, 2))
    waiting = asyncio.create_task(clinic.lanes.until_fewer_than(2))
    await clinic.settle()
    assert not waiting.done()
    clinic.open(1)
    await waiting
