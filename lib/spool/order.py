"""Put spooled events into the order of their capture.

The date of a file is by the wall clock, which is set back now and then, and some file systems keep
it to the second or two. So each file begins with a reading of the clock that runs from boot to boot
and that nobody sets (`lib.system.moment`).
"""

import os
import re

from lib.spool import inbox
from lib.spool.outbox import Waiting

_LENGTH = 160
_CAPTURED = re.compile(
    re.escape(inbox.BEGINNING).encode() + rb'"boot":"([0-9A-Za-z-]*)","up":(\d{1,18})\}'
)


def in_order(directory: str, waiting: list[Waiting]) -> list[Waiting]:
    """Sort files by when they were captured, whatever was done to the clock meanwhile.

    Those of one boot by the clock that ran through it; it is set against their dates by the newest
    of them. Those of an earlier version, and of a system without a boot's id, by their dates.
    """
    moments = {item: _moment(f"{directory}/{item.name}") for item in waiting}
    began: dict[str, int] = {}
    for item, (boot, up) in sorted(moments.items(), key=lambda pair: pair[1][1]):
        began[boot] = item.captured_ns - up

    def place(item: Waiting) -> tuple[int, int, Waiting]:
        boot, up = moments[item]
        return began[boot] + up if boot else item.captured_ns, up, item

    return sorted(waiting, key=place)


def _moment(path: str) -> tuple[str, int]:
    """Read the moment that an event's file begins with; ("", 0) where there is none."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return "", 0
    try:
        found = _CAPTURED.match(os.read(fd, _LENGTH))
    except OSError:  # no file
        return "", 0
    finally:
        os.close(fd)
    return (found[1].decode(), int(found[2])) if found else ("", 0)
