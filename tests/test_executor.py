import asyncio
import gc
import inspect
import logging
from collections.abc import Coroutine
from datetime import timedelta
from typing import Any

import pytest

from lib.resilience import ResilientExecutor


async def succeed() -> str:
    return "result"


async def fail() -> str:
    raise ValueError("broken")


def run(main: Coroutine[Any, Any, Any]) -> list[dict[str, Any]]:
    """What the event loop had to complain about while it ran `main`."""
    complaints: list[dict[str, Any]] = []

    async def watched() -> None:
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(lambda _, context: complaints.append(context))
        await main
        gc.collect()

    asyncio.run(watched())
    gc.collect()
    return complaints


def test_fire_and_forget_success() -> None:
    executor = ResilientExecutor()

    async def main() -> None:
        task = executor.fire_and_forget(succeed())
        assert executor.get_stats()["active_tasks"] == 1
        assert await task == "result"
        assert await executor.wait_for_completion()

    assert run(main()) == []
    assert executor.get_stats() == {
        "total_tasks": 1,
        "active_tasks": 0,
        "success_count": 1,
        "error_count": 0,
        "success_rate": 1.0,
    }


def test_fire_and_forget_error_handling(caplog: pytest.LogCaptureFixture) -> None:
    executor = ResilientExecutor()

    async def main() -> None:
        executor.fire_and_forget(fail())
        executor.fire_and_forget(succeed())
        assert await executor.wait_for_completion()
        assert await executor.fire_and_forget(fail()) is None

    with caplog.at_level(logging.WARNING, "pattern_tracker"):
        assert run(main()) == []
    stats = executor.get_stats()
    assert (stats["total_tasks"], stats["success_count"], stats["error_count"]) == (3, 1, 2)
    assert stats["success_rate"] == pytest.approx(1 / 3)
    assert {record.name for record in caplog.records} == {"pattern_tracker"}
    assert "ValueError('broken')" in caplog.text


def test_the_wait_may_be_a_timedelta() -> None:
    async def main() -> None:
        executor = ResilientExecutor()
        task = executor.fire_and_forget(asyncio.Event().wait())
        assert not await executor.wait_for_completion(timedelta(milliseconds=1))
        task.cancel()
        assert await executor.wait_for_completion(timedelta(seconds=10))

    asyncio.run(main())


def test_executor_wait_for_completion() -> None:
    executor = ResilientExecutor()
    ended = []

    async def main() -> None:
        gate = asyncio.Event()

        async def grandchild() -> None:
            for _ in range(5):
                await asyncio.sleep(0)
            ended.append("grandchild")

        async def child() -> None:
            await gate.wait()
            executor.fire_and_forget(grandchild())
            ended.append("child")

        assert await executor.wait_for_completion(timeout=0)
        executor.fire_and_forget(child())
        assert not await executor.wait_for_completion(timeout=0)
        assert executor.get_stats()["active_tasks"] == 1
        gate.set()
        assert await executor.wait_for_completion(timeout=None)
        executor.fire_and_forget(child())
        assert await executor.wait_for_completion(timeout=30)

    assert run(main()) == []
    assert ended == ["child", "grandchild"] * 2


def test_no_tasks_make_no_success_rate() -> None:
    assert ResilientExecutor().get_stats()["success_rate"] == 0.0


def test_tasks_are_held_while_they_run() -> None:
    executor = ResilientExecutor()

    async def main() -> None:
        started = asyncio.Event()

        async def alone() -> None:
            started.set()
            # Nothing but the executor leads to a task that waits for this.
            await asyncio.get_running_loop().create_future()

        executor.fire_and_forget(alone())
        await started.wait()
        gc.collect()
        assert executor.get_stats()["active_tasks"] == 1

    assert run(main()) == []
    assert executor.get_stats()["active_tasks"] == 0


@pytest.mark.filterwarnings("error")
def test_a_cancelled_task_is_neither_success_nor_error() -> None:
    executor = ResilientExecutor()

    async def main() -> None:
        executor.fire_and_forget(succeed()).cancel()
        assert await executor.wait_for_completion()

    assert run(main()) == []
    stats = executor.get_stats()
    assert (stats["total_tasks"], stats["success_count"], stats["error_count"]) == (1, 0, 0)


def test_a_background_task_does_not_wait_for_itself() -> None:
    executor = ResilientExecutor()

    async def main() -> None:
        assert await executor.fire_and_forget(executor.wait_for_completion(timeout=None))

    assert run(main()) == []


def test_a_task_of_another_loop_is_left_over_and_not_waited_for() -> None:
    executor = ResilientExecutor()
    other = asyncio.new_event_loop()

    async def start() -> "asyncio.Task[Any]":
        return executor.fire_and_forget(asyncio.Event().wait())

    task = other.run_until_complete(start())

    async def main() -> None:
        executor.fire_and_forget(succeed())
        assert not await executor.wait_for_completion()

    assert run(main()) == []
    task.cancel()
    other.run_until_complete(asyncio.gather(task, return_exceptions=True))
    other.close()


def test_without_a_loop_the_task_is_done_and_counted_as_an_error() -> None:
    executor = ResilientExecutor()
    coroutine = succeed()
    task = executor.fire_and_forget(coroutine)
    assert inspect.getcoroutinestate(coroutine) == inspect.CORO_CLOSED
    assert task.get_loop().is_closed()
    assert task.done()
    assert task.result() is None
    stats = executor.get_stats()
    assert (stats["total_tasks"], stats["active_tasks"], stats["error_count"]) == (1, 0, 1)


def test_what_cannot_be_awaited_is_an_error() -> None:
    executor = ResilientExecutor()

    async def main() -> None:
        nothing: Any = None
        assert await executor.fire_and_forget(nothing) is None

    assert run(main()) == []
    assert executor.get_stats()["error_count"] == 1


def test_a_coroutine_that_runs_elsewhere_is_left_alone() -> None:
    executor = ResilientExecutor()

    async def main() -> None:
        gate = asyncio.Event()
        shared = gate.wait()
        first = asyncio.create_task(shared)
        await asyncio.sleep(0)
        assert await executor.fire_and_forget(shared) is None
        gate.set()
        assert await first is True

    assert run(main()) == []


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit])
def test_what_is_no_exception_passes(error: type[BaseException]) -> None:
    executor = ResilientExecutor()
    complaints: list[dict[str, Any]] = []

    async def interrupted() -> None:
        raise error

    async def main() -> None:
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(lambda _, context: complaints.append(context))
        executor.fire_and_forget(interrupted())
        await executor.wait_for_completion()

    with pytest.raises(error) as raised:
        asyncio.run(main())
    # The traceback holds the task, which complains when it goes.
    raised.value.__traceback__ = None
    del raised
    gc.collect()
    assert complaints == []
    assert executor.get_stats()["error_count"] == 0
