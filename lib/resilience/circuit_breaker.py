"""Call functions through a circuit breaker: `lib.delivery.breaker` with a `call` method."""

import os

from lib.delivery.breaker import LEASE, Breaker
from lib.system import logger
from lib.system.clock import Clock, seconds
from lib.system.settings import Settings
from lib.system.storage import Storage

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from datetime import timedelta
    from typing import Any, TypeVar

    T = TypeVar("T")


class CircuitBreaker(Breaker):
    """Stops calling what keeps failing, and finds out by single trials when it works again.

    Args:
        failure_threshold: failures in a row that open the circuit; None:
            CIRCUIT_BREAKER_FAILURE_THRESHOLD, else 3.
        timeout: seconds, or a timedelta, that the circuit stays open; None:
            CIRCUIT_BREAKER_TIMEOUT, else 60.
        half_open_max_calls: trial calls at a time.
        storage: where the state lives; None: in memory.
        clock: what time is measured by; `lib.resilience.testing.FakeClock` in tests.
        lease: seconds after which a trial without an outcome is given up.

    All of them but `storage` and `clock` are attributes that may be changed at any time. Nothing
    here raises: a storage that fails is counted in `storage_errors` and taken for a closed circuit.
    """

    def __init__(
        self,
        failure_threshold: int | None = None,
        timeout: "float | timedelta | None" = None,
        half_open_max_calls: int = 1,
        *,
        storage: Storage | None = None,
        clock: Clock | None = None,
        lease: "float | timedelta" = LEASE,
    ) -> None:
        if failure_threshold is None or timeout is None:
            settings = Settings(os.environ)
            logger.once(settings.warnings)
            if failure_threshold is None:
                failure_threshold = settings.failure_threshold
            if timeout is None:
                timeout = settings.breaker_timeout
        super().__init__(
            failure_threshold, seconds(timeout), half_open_max_calls,
            storage=storage, clock=clock, lease=seconds(lease),
        )  # fmt: skip

    def __setattr__(self, name: str, value: object) -> None:
        super().__setattr__(name, seconds(value))

    async def call(self, func: "Callable[[], Awaitable[T]] | Awaitable[T]") -> "T | None":
        """Call `func()` and return its result, or None if the circuit is open or the call failed.

        `func` is an async function without parameters; an ordinary one and a coroutine do too.
        Only what is no Exception passes through: cancellation, KeyboardInterrupt, SystemExit.
        """
        permit = self.try_acquire()
        if permit is None:
            _discard(func)
            return None
        try:
            result: Any = func() if callable(func) else func
            if hasattr(result, "__await__"):
                result = await result
        except Exception as error:
            self.record_failure(permit)
            logger.warning("a call through the circuit breaker failed: %r", error)
            return None
        except BaseException:
            self.release(permit)
            raise
        self.record_success(permit)
        return result  # type: ignore[no-any-return]


def _discard(func: object) -> None:
    """Close a coroutine that will not run, lest the interpreter warn of it."""
    close = getattr(func, "close", None)
    if hasattr(func, "__await__") and callable(close):
        close()
