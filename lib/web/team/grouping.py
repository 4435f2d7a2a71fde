"""Record events that arrive at the same time in one transaction: it costs little more than one."""

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

from lib.web.team.stored import Arrived, Outcome, StorageError

Record = Callable[[Sequence[Arrived]], list[Outcome]]
# So many events make a transaction, or one request that has more.
MOST = 500


class _Request(NamedTuple):
    arrived: Sequence[Arrived]
    done: "asyncio.Future[list[Outcome]]"


class Grouping:
    """Records what requests bring, with so many `writers` beside each other.

    `record` is that of the storage. For one event loop, between `start` and `stop`.
    """

    def __init__(self, record: Record, writers: int = 1) -> None:
        self._record = record
        self._pool = ThreadPoolExecutor(writers, "recording")
        self._writers = writers
        self._waiting: asyncio.Queue[_Request] = asyncio.Queue()
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        """Begin to record."""
        self._tasks = [asyncio.create_task(self._write()) for _ in range(self._writers)]

    async def stop(self) -> None:
        """Record what waits, and end."""
        await self._waiting.join()
        for task in self._tasks:
            task.cancel()
        self._pool.shutdown()

    async def add(self, arrived: Sequence[Arrived]) -> list[Outcome]:
        """Record events, all or none, and tell what became of each. Raises StorageError."""
        done: asyncio.Future[list[Outcome]] = asyncio.get_running_loop().create_future()
        self._waiting.put_nowait(_Request(arrived, done))
        return await done

    async def _write(self) -> None:
        while True:
            group = [await self._waiting.get()]
            size = len(group[0].arrived)
            while size < MOST and not self._waiting.empty():
                group.append(self._waiting.get_nowait())
                size += len(group[-1].arrived)
            await self._record_all(group)
            for _ in group:
                self._waiting.task_done()

    async def _record_all(self, group: Sequence[_Request]) -> None:
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
                    await self._record_all([request])
            return
        rest = iter(outcomes)
        for request in group:
            found = [next(rest) for _ in request.arrived]
            if not request.done.done():
                request.done.set_result(found)
