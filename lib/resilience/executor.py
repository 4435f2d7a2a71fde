"""Run coroutines in the background; their errors are logged and counted, not raised."""

import asyncio
import inspect
from collections.abc import Awaitable
from typing import TYPE_CHECKING, Any, TypeVar

from lib.system import logger
from lib.system.clock import seconds

if TYPE_CHECKING:
    from datetime import timedelta

T = TypeVar("T")


class ResilientExecutor:
    """Runs coroutines in the background, keeps references to them and counts how they end."""

    def __init__(self) -> None:
        # The event loop itself holds its tasks weakly.
        self._tasks: set[asyncio.Task[Any]] = set()
        self._total = 0
        self._succeeded = 0
        self._failed = 0

    def fire_and_forget(self, coro: Awaitable[T]) -> "asyncio.Task[T | None]":
        """Start `coro` and return its task at once. Never raises.

        Awaiting the task gives the coroutine's result, or None if it failed: the error is
        counted and logged. Without a running event loop the coroutine is closed and counted as
        failed, and the task is done.
        """
        self._total += 1
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError as error:
            return self._refuse(coro, error)
        task = loop.create_task(self._watch(coro))
        self._tasks.add(task)
        task.add_done_callback(lambda task: self._let_go(task, coro))
        return task

    def get_stats(self) -> dict[str, Any]:
        """Return counts since the start: total_tasks, active_tasks, success_count, error_count.

        success_rate is the share of successes in what succeeded or failed, 0.0 at first. A
        cancelled task is neither.
        """
        ended = self._succeeded + self._failed
        return {
            "total_tasks": self._total,
            "active_tasks": len(self._tasks),
            "success_count": self._succeeded,
            "error_count": self._failed,
            "success_rate": self._succeeded / ended if ended else 0.0,
        }

    async def wait_for_completion(self, timeout: "float | timedelta | None" = 5.0) -> bool:
        """Wait until no task is left, for at most `timeout`; True if none is.

        `timeout`: seconds or a timedelta, None: as long as it takes. Tasks that these start
        meanwhile are waited for too; nothing is cancelled. Called from a background task, it does
        not wait for that one.
        """
        loop = asyncio.get_running_loop()
        deadline = None if timeout is None else loop.time() + seconds(timeout)
        while tasks := {task for task in self._others() if task.get_loop() is loop}:
            left = None if deadline is None else max(0.0, deadline - loop.time())
            await asyncio.wait(tasks, timeout=left)
            if deadline is not None and loop.time() >= deadline:
                break
        # Left over is what belongs to another event loop and cannot be waited for here.
        return not self._others()

    def _others(self) -> "set[asyncio.Task[Any]]":
        current = asyncio.current_task()
        return {task for task in self._tasks if task is not current and not task.done()}

    async def _watch(self, coro: Awaitable[T]) -> T | None:
        try:
            result = await coro
        except Exception as error:
            self._fail(error)
            return None
        self._succeeded += 1
        return result

    def _fail(self, error: Exception) -> None:
        self._failed += 1
        logger.warning("a background task failed: %r", error, error=error)

    def _let_go(self, task: "asyncio.Task[Any]", coro: object) -> None:
        self._tasks.discard(task)
        _close(coro)
        if not task.cancelled():
            # Asking is what keeps asyncio from reporting KeyboardInterrupt as never retrieved.
            task.exception()

    def _refuse(self, coro: Awaitable[T], error: Exception) -> "asyncio.Task[T | None]":
        _close(coro)
        self._fail(error)
        loop = asyncio.new_event_loop()
        try:
            task = loop.create_task(_nothing())
            loop.run_until_complete(task)
        finally:
            loop.close()
        return task


async def _nothing() -> None:
    return None


def _close(coro: object) -> None:
    """Close the coroutine of a task that was cancelled before its first step."""
    if inspect.iscoroutine(coro) and inspect.getcoroutinestate(coro) == inspect.CORO_CREATED:
        coro.close()
