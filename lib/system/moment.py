"""Read the clock that nobody sets, by which what one boot of a machine did has an order.

Builtins only: the hook path imports this.
"""

import time

from lib.system.calls import posix

BOOT_ID_FILE = "/proc/sys/kernel/random/boot_id"
# It counts suspended time too. See `lib.system.clock` for systems that do not have it.
UPTIME_CLOCK: int = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


def boot_id() -> str:
    """Return an id that differs with each boot; "" where the system has none."""
    try:
        fd = posix.open(BOOT_ID_FILE, posix.O_RDONLY | posix.O_CLOEXEC)
    except OSError:
        return ""
    try:
        return posix.read(fd, 64).decode("ascii").strip()
    except (OSError, ValueError):
        return ""
    finally:
        posix.close(fd)


def uptime_ns() -> int:
    """Return nanoseconds since some moment of this boot."""
    return time.clock_gettime_ns(UPTIME_CLOCK)
