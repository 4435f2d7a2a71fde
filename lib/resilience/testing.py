"""Provide a clock for tests of code that uses this library: it moves when it is told to.

    clock = FakeClock()
    breaker = CircuitBreaker(failure_threshold=1, timeout=60, clock=clock)
    ...
    clock.advance(60)
    assert breaker.get_state()["state"] == "half_open"

`MemoryStorage` is the storage for such tests, and `httpx.MockTransport` the transport.
"""

from lib.system.clock import Clock


class FakeClock(Clock):
    """A machine's clocks, moved by hand; share one between everything on that machine.

    Args:
        uptime: seconds since the boot.
        wall: seconds since 1970.
        boot_id: "" for a system that does not tell one boot from another.
    """

    def __init__(
        self, uptime: float = 1000.0, wall: float = 1.7e9, boot_id: str = "boot-0"
    ) -> None:
        self._boot_id = boot_id
        self._uptime = uptime
        self._wall = wall
        self._boots = 0

    def uptime(self) -> float:
        """Return the seconds since the boot, as they were set."""
        return self._uptime

    def wall(self) -> float:
        """Return the seconds since 1970, as they were set."""
        return self._wall

    def advance(self, seconds: float) -> None:
        """Let time pass; whether the machine runs or is suspended makes no difference."""
        self._uptime += seconds
        self._wall += seconds

    def set_wall(self, seconds: float) -> None:
        """Set the date to `seconds` since 1970; no time passes."""
        self._wall = seconds

    def reboot(self, off: float = 0.0) -> None:
        """Turn the machine off and, after `off` seconds, on again."""
        self._boots += 1
        self._boot_id = self._boot_id and f"boot-{self._boots}"
        self._uptime = 0.0
        self._wall += off
