"""Measure the time since an instant that another process stored, whatever was done to the clock.

Within one boot the answer is exact: CLOCK_BOOTTIME counts suspended time too and nobody can set
it. Beyond a boot only the wall clock is left, and a dead battery or a correction by years makes
any answer from it a guess. So what cannot be measured counts as long ago: whoever waits tries
once too early, and nobody ever waits too long. That is another boot, an instant in the future
and one written by a nonsense clock.

A system without a boot id (macOS, a Linux without /proc) is taken for the same boot while its
wall clock and its uptime agree on the time passed. On macOS CLOCK_MONOTONIC stands in for
CLOCK_BOOTTIME; its manual says that it runs on during sleep. That has not been tried here.

Builtins only, so that the hook path may ask.
"""

import sys
import time

from lib.system.moment import boot_id, uptime_ns

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

# How far wall clock and uptime may part before one of them was set, in seconds.
AGREEMENT = 1.0
LONG_AGO = float("inf")

Instant = dict[str, "str | float"]


class Clock:
    """The machine's clocks; `lib.resilience.testing.FakeClock` is a clock that tests set by hand.

    An instant is what JSON can hold: {"boot": boot id, "up": seconds of uptime, "wall": seconds
    since 1970}. Take `now` after reading what it is compared with, or it looks like the future.
    """

    def __init__(self) -> None:
        self._boot_id = boot_id()

    def boot_id(self) -> str:
        """Return an id that differs with each boot; "" where the system has none."""
        return self._boot_id

    def uptime(self) -> float:
        """Return seconds since some moment of this boot, suspended time included."""
        return uptime_ns() / 1e9

    def wall(self) -> float:
        """Return the wall time in seconds since 1970, for people to read: it may be set."""
        return time.time()

    def now(self) -> Instant:
        """Return the present instant in the form that is stored."""
        return {"boot": self.boot_id(), "up": self.uptime(), "wall": self.wall()}

    def since(self, instant: object) -> float:
        """Return seconds from `instant` until now: never negative, infinite where they are unknown.

        `instant` may be anything a file can hold. Never raises.
        """
        if not isinstance(instant, dict):
            return LONG_AGO
        up = self.uptime() - _number(instant.get("up"))
        # False for NaN as well, which is what nonsense becomes.
        if not up >= 0:
            return LONG_AGO
        boot = self.boot_id()
        if boot != instant.get("boot"):
            return LONG_AGO
        if boot:
            return up
        wall = self.wall() - _number(instant.get("wall"))
        return max(up, wall) if abs(wall - up) <= AGREEMENT else LONG_AGO


def wall_of(instant: object) -> float | None:
    """Return a stored instant's wall time in seconds since 1970; None where it has none."""
    wall = _number(instant.get("wall")) if isinstance(instant, dict) else None
    return wall if wall is not None and abs(wall) < LONG_AGO else None


def seconds(length: "Any") -> "Any":
    """Return a timedelta in seconds, and what is none as it is."""
    module = sys.modules.get("datetime")
    return length.total_seconds() if module and isinstance(length, module.timedelta) else length


def _number(value: object) -> float:
    try:
        return float(value) if isinstance(value, (int, float)) else float("nan")
    except OverflowError:
        return float("nan")
