"""Tell on which mount a path lies, from the kernel's table alone: no file system is asked."""

import os
import re
import time

from lib.system import bundle
from lib.system.calls import are_replaced

_TABLE = "/proc/self/mountinfo"
# So long a table that was read counts: reading it costs as much as ten system calls.
_SECONDS = 1.0
_own: list[str] = [bundle.root()]


class _Table:
    """The mount points, as they were read last."""

    points: frozenset[str] | None = None
    read_at = float("-inf")


def points() -> frozenset[str] | None:
    """Return the mount points, None where the system has no table of them."""
    now = time.monotonic()
    if now - _Table.read_at > _SECONDS:
        _Table.read_at = now
        try:
            with open(_TABLE, "rb") as file:
                _Table.points = frozenset(_name(line.split(b" ", 5)[4]) for line in file)
        except (OSError, IndexError):
            _Table.points = None
    return _Table.points


def forget() -> None:
    """Read the table anew the next time."""
    _Table.read_at = float("-inf")


def of(path: str) -> str:
    """Return the mount point that the absolute `path` lies below, whatever its links.

    Where the system does not tell: the path itself.
    """
    known = points()
    if known is None:
        return path
    while path not in known and path != "/":
        path = path.rpartition("/")[0] or "/"
    return path


def rely_on(directory: str) -> None:
    """Take the mounts on the way to `directory` for ones without which nothing works anyway."""
    if directory not in _own:
        _own.append(directory)


def is_near(path: str) -> bool:
    """Check whether `path` lies on a mount that this program relies on in any case."""
    if are_replaced():
        return True
    known = points()
    if known is None:
        return False
    mount = of(path)
    below = mount.rstrip("/") + "/"
    # A mount on the way to one of those is relied on; another that lies below it is not.
    return any(f"{own}/".startswith(below) for own in _own)


def _name(field: bytes) -> str:
    return os.fsdecode(re.sub(rb"\\([0-7]{3})", lambda found: bytes([int(found[1], 8)]), field))
