"""An update is confirmed to Telegram only once it is kept, whatever fails on the way."""

import asyncio
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from structlog.testing import capture_logs

from bot.delivery import poller
from bot.delivery.poller import Poller, pauses
from bot.delivery.wire import Uncertain, Unsent, Wire
from tests.quick import Answer, Scripted, refused


def batch(*update_ids: int) -> Answer:
    return {"ok": True, "result": [{"update_id": update_id} for update_id in update_ids]}


class Office:
    """Takes batches, and fails where a test wants it."""

    def __init__(self, *answers: Answer) -> None:
        self._answers: Iterator[Answer] = iter(answers)
        self.kept: list[int] = []
        self.fails = 0
        self.idle = asyncio.Event()
        self.transport = Scripted(self._answer)

    async def take(self, updates: list[dict[str, Any]]) -> None:
        """Keep a batch."""
        if self.fails:
            self.fails -= 1
            raise OSError("the disk is full of names")
        self.kept += [update["update_id"] for update in updates]

    def offsets(self) -> list[int | None]:
        """Return what was asked for."""
        return [params["offset"] for _, params in self.transport.calls]

    async def poll(self) -> None:
        """Poll until the script is at its end."""
        task = asyncio.create_task(Poller(Wire(self.transport), self.take).run())
        await asyncio.wait([task, asyncio.create_task(self.idle.wait())], timeout=10, return_when="FIRST_COMPLETED")
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        assert self.idle.is_set(), "polling ended before the script"

    async def _answer(self, _: str, __: Mapping[str, Any]) -> Answer:
        answer = next(self._answers, None)
        if answer is not None:
            return answer
        self.idle.set()
        await asyncio.Event().wait()
        raise AssertionError


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(poller, "BACK_OFF", (0.0,))


async def test_what_is_kept_is_confirmed_by_the_next_fetch() -> None:
    office = Office(batch(5, 6), batch(), batch(9))
    await office.poll()
    assert office.kept == [5, 6, 9]
    assert office.offsets() == [None, 7, 7, 10]


async def test_what_could_not_be_kept_is_not_confirmed() -> None:
    office = Office(batch(5, 6), batch(5, 6), batch())
    office.fails = 1
    with capture_logs() as logs:
        await office.poll()
    assert office.kept == [5, 6]
    assert office.offsets() == [None, None, 7, 7]
    assert [(log["event"], log["error"]) for log in logs] == [("poll.not_kept", "OSError")]


@pytest.mark.parametrize(
    "failure", [Unsent("ClientConnectorError"), Uncertain("HTTP 502"), refused(401, "Unauthorized")]
)
async def test_a_failed_fetch_is_tried_again(failure: Answer) -> None:
    office = Office(batch(5), failure, failure, batch(6))
    with capture_logs() as logs:
        await office.poll()
    assert office.kept == [5, 6]
    assert office.offsets() == [None, 6, 6, 6, 7]
    assert len(logs) == 2


async def test_two_programs_with_one_token_are_told_apart() -> None:
    office = Office(refused(409, "Conflict: terminated by other getUpdates request"), batch(5))
    with capture_logs() as logs:
        await office.poll()
    assert office.kept == [5]
    assert "another program uses this token" in logs[0]["advice"]


async def test_a_flood_wait_is_waited() -> None:
    office = Office(refused(429, "Too Many Requests", retry_after=1), batch(5))
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    with pytest.MonkeyPatch.context() as patch, capture_logs():
        patch.setattr(poller, "asyncio", type("Sleepless", (), {"sleep": staticmethod(sleep)}))
        await office.poll()
    assert slept == [1.0]
    assert office.kept == [5]


def test_pauses_grow_and_never_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    waits = pauses()
    assert [next(waits) for _ in range(7)] == [0.5, 1.0, 2.0, 5.0, 10.0, 10.0, 10.0]


async def test_a_success_ends_the_growing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(poller, "BACK_OFF", (0.0, 0.001))
    failure = Unsent("no network")
    office = Office(failure, failure, batch(5), failure, batch(6))
    with capture_logs() as logs:
        await office.poll()
    assert [log["again_in"] for log in logs] == [0.0, 0.001, 0.0]
