import asyncio
import inspect
import logging
import threading
from typing import Any

import pytest

from lib.resilience import graceful_tracking


def test_graceful_tracking_success() -> None:
    @graceful_tracking(fallback_return="fallback")
    async def track(a: int, *, b: int) -> int:
        return a + b

    assert asyncio.run(track(1, b=2)) == 3


def test_graceful_tracking_handles_errors(caplog: pytest.LogCaptureFixture) -> None:
    @graceful_tracking()
    async def track() -> int:
        raise ValueError("broken")

    with caplog.at_level(logging.WARNING, "pattern_tracker"):
        assert asyncio.run(track()) is None
    assert "track failed: ValueError('broken')" in caplog.text
    assert "Traceback" in caplog.text


def test_graceful_tracking_custom_fallback() -> None:
    fallback: dict[str, Any] = {"success": False, "ids": []}

    @graceful_tracking(fallback_return=fallback)
    async def track() -> dict[str, Any]:
        raise ValueError

    first = asyncio.run(track())
    assert first == {"success": False, "ids": []}
    first["ids"].append("mine")
    assert asyncio.run(track()) == {"success": False, "ids": []}


def test_a_fallback_that_cannot_be_copied_is_shared() -> None:
    lock = threading.Lock()

    @graceful_tracking(lock)
    async def track() -> None:
        raise ValueError

    assert asyncio.run(track()) is lock


def test_errors_need_not_be_logged(caplog: pytest.LogCaptureFixture) -> None:
    @graceful_tracking(None, False)
    async def track() -> None:
        raise ValueError

    assert asyncio.run(track()) is None
    assert not caplog.records


def test_without_parentheses() -> None:
    @graceful_tracking
    async def track(fine: bool) -> str:
        """What it does."""
        if fine:
            return "result"
        raise ValueError

    assert asyncio.run(track(True)) == "result"
    assert asyncio.run(track(False)) is None
    assert track.__name__ == "track"
    assert track.__doc__ == "What it does."
    assert inspect.iscoroutinefunction(track)
    assert list(inspect.signature(track).parameters) == ["fine"]


def test_wrong_arguments_are_errors_like_others() -> None:
    @graceful_tracking(fallback_return=0)
    async def track(a: int) -> int:
        return a

    wrong: Any = track
    assert asyncio.run(wrong(1, 2, 3)) == 0


def test_an_object_that_is_called_needs_no_name(caplog: pytest.LogCaptureFixture) -> None:
    class Tracker:
        async def __call__(self) -> int:
            raise ValueError

    track = graceful_tracking(fallback_return=0)(Tracker())
    with caplog.at_level(logging.WARNING, "pattern_tracker"):
        assert asyncio.run(track()) == 0
    assert "Tracker" in caplog.text


def test_a_plain_function_keeps_its_result() -> None:
    def double(number: int) -> int:
        if number < 0:
            raise ValueError
        return 2 * number

    plain: Any = double
    track: Any
    for track in (graceful_tracking(fallback_return=-1)(plain), graceful_tracking(plain)):
        assert asyncio.run(track(2)) == 4
    assert asyncio.run(graceful_tracking(fallback_return=-1)(plain)(-5)) == -1
    assert asyncio.run(graceful_tracking(plain)(-5)) is None  # type: ignore[no-untyped-call]
    # What gives something to wait for is waited for.
    later: Any = lambda: asyncio.sleep(0, "late")  # noqa: E731
    assert asyncio.run(graceful_tracking(later)()) == "late"  # type: ignore[no-untyped-call]


@pytest.mark.parametrize("error", [asyncio.CancelledError, KeyboardInterrupt, SystemExit])
def test_what_is_no_exception_passes(error: type[BaseException]) -> None:
    @graceful_tracking
    async def track() -> None:
        raise error

    with pytest.raises(error):
        asyncio.run(track())
