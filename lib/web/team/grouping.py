"""Record events that arrive at the same time in one transaction: it costs little more than one."""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

from lib.web.team.stored import Arrived, Outcome, StorageError

Record = Callable[[Sequence[Arrived]], list[Outcome]]
# So many events make a transaction, or one request that has more; and as long as no more than so
# many wait, the next transaction takes them all instead of another one beside it.
MOST, FEW = 500, 100


class _Request(NamedTuple):
    arrived: Sequence[Arrived]
    done: "asyncio.Future[list[Outcome]]"


class Grouping:
    """Records what requests bring, in up to `writers` transactions beside each other.

    `record` is that of the storage. For one event loop.
    """

    def __init__(self, record: Record, writers: int = 1) -> None:
        self._record = record
        self._pool = ThreadPoolExecutor(writers, "recording")
        self._writers = writers
        self._waiting: deque[_Request] = deque()
        # In events.
        self._size = 0
        self._tasks: set[asyncio.Task[None]] = set()

    async def stop(self) -> None:
        """Record what waits, and end."""
        while self._tasks:
            await asyncio.wait(self._tasks)
        self._pool.shutdown()

    async def add(self, arrived: Sequence[Arrived]) -> list[Outcome]:
        """Record events, all or none, and tell what became of each. Raises StorageError."""
        done: asyncio.Future[list[Outcome]] = asyncio.get_running_loop().create_future()
        self._waiting.append(_Request(arrived, done))
        self._size += len(arrived)
        self._begin()
        return await done

    def _begin(self) -> None:
        """Begin a transaction if it is time for another one."""
        busy = len(self._tasks)
        if self._waiting and (not busy or (busy < self._writers and self._size > FEW)):
            task = asyncio.create_task(self._write(self._taken()))
            self._tasks.add(task)
            task.add_done_callback(self._end)

    def _end(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        self._begin()

    def _taken(self) -> list[_Request]:
        group: list[_Request] = []
        size = 0
        while self._waiting and size < MOST:
            group.append(self._waiting.popleft())
            size += len(group[-1].arrived)
        self._size -= size
        return group

    async def _write(self, group: Sequence[_Request]) -> None:
        """Record a group; where one of it cannot be recorded, each alone."""
        events = [event for request in group for event in request.arrived]
        loop = asyncio.get_running_loop()
        try:
            outcomes = await loop.run_in_executor(self._pool, self._record, events)
        except Exception as error:
            is_passing = isinstance(error, StorageError) and error.is_passing
            if is_passing or len(group) == 1:
                for request in group:
                    if not request.done.done():
                        request.done.set_exception(error)
            else:
                for request in group:
                    await self._write([request])
            return
        rest = iter(outcomes)
        for request in group:
            found = [next(rest) for _ in request.arrived]
            if not request.done.done():
                request.done.set_result(found)
