"""Lanes: what belongs to one chat runs in order, different chats run side by side."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

import structlog

log = structlog.get_logger()

Job = TypeVar("Job")

SIDE_BY_SIDE = 32
"""Jobs running at once. The limit is taken inside a lane, so a chat that floods waits for itself and not for the
others."""


class Lanes(Generic[Job]):
    """Runs `handle` on each job: in the order of arrival within a lane, at most `SIDE_BY_SIDE` lanes at a time."""

    def __init__(self, handle: Callable[[Job], Awaitable[None]]) -> None:
        self._handle = handle
        self._waiting: dict[int, deque[Job]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._places = asyncio.Semaphore(SIDE_BY_SIDE)
        self._count = 0
        self._room = asyncio.Condition()

    def __len__(self) -> int:
        """Return how many jobs wait or run."""
        return self._count

    def put(self, lane: int, job: Job) -> None:
        """Queue `job` in `lane`."""
        self._count += 1
        if lane in self._waiting:
            self._waiting[lane].append(job)
            return
        self._waiting[lane] = deque([job])
        task = asyncio.create_task(self._run(lane))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def until_fewer_than(self, count: int) -> None:
        """Wait until fewer than `count` jobs wait or run."""
        async with self._room:
            await self._room.wait_for(lambda: self._count < count)

    async def stop(self) -> None:
        """Let each running job finish and forget those that wait: they are kept in the inbox."""
        for queue in self._waiting.values():
            self._count -= len(queue)
            queue.clear()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _run(self, lane: int) -> None:
        queue = self._waiting[lane]
        while queue:
            async with self._places:
                if not queue:
                    break  # emptied by stop() while this lane waited for its place
                job = queue.popleft()
                try:
                    await self._handle(job)
                except Exception as error:  # whatever became of this job, the lane goes on with the next
                    log.error("lane.job_failed", lane=lane, error=type(error).__name__)
                finally:
                    self._count -= 1
                    async with self._room:
                        self._room.notify_all()
        del self._waiting[lane]
