"""Read and write times as people do."""

import re
import time
from datetime import datetime, timezone
from math import isnan

from lib.commands.common import CommandError, printable
from lib.system.timestamps import timestamp

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
_AGO = re.compile(r"(\d{1,6})([smhdw])")


def instant(text: str) -> str:
    """Read an ISO 8601 time, or a length of time before now ("90s", "15m", "2h", "3d", "1w").

    Returns it as the ledger writes it; without a zone it is local. Raises CommandError for
    anything else.
    """
    ago = _AGO.fullmatch(text.strip())
    if ago:
        return timestamp(time.time_ns() - int(ago[1]) * _UNITS[ago[2]] * 10**9)
    try:
        found = datetime.fromisoformat(text.strip().replace("Z", "+00:00"))
        utc = found.astimezone(timezone.utc)
    except (ValueError, OverflowError):
        raise CommandError(
            f"{printable(text)} is no time: write 2h, 3d or 2026-01-31T12:00"
        ) from None
    return utc.isoformat(timespec="microseconds")


def local(timestamp: str, form: str = "%Y-%m-%d %H:%M:%S") -> str:
    """Format a time of the ledger in the local zone; what is no time stays as it is."""
    try:
        return datetime.fromisoformat(timestamp.replace("Z", "+00:00")).astimezone().strftime(form)
    except (ValueError, OverflowError):
        return timestamp[:19]


def age(seconds: float) -> str:
    """Return a length of time for people: "42 s", "5 min", "3 h", "2 days"."""
    seconds = max(0.0, seconds)
    if seconds < 100:
        return f"{seconds:.0f} s"
    if seconds < 5400:
        return f"{seconds / 60:.0f} min"
    if seconds < 2 * 86_400:
        return f"{seconds / 3600:.0f} h"
    return f"{seconds / 86_400:.0f} days"


def since(timestamp: object, now: float | None = None) -> float:
    """Return seconds since an ISO 8601 time, negative if in the future; NaN if it is none."""
    try:
        found = datetime.fromisoformat(str(timestamp).replace("Z", "+00:00"))
    except ValueError:
        return float("nan")
    if found.tzinfo is None:
        found = found.replace(tzinfo=timezone.utc)
    return (time.time() if now is None else now) - found.timestamp()


def ago(timestamp: str | None, now: float) -> str:
    """How long ago a time of ours was; one from the future is said to be that."""
    seconds = since(timestamp, now)
    if isnan(seconds):
        return str(timestamp)
    return f"{age(-seconds)} ahead of the clock" if seconds < -1 else f"{age(seconds)} ago"
