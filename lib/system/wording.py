"""Word times and texts for people, on a terminal or a page."""

import os
import time
from datetime import datetime, timezone
from math import isnan


def printable(text: str | None) -> str:
    """Escape the control characters of `text`, which could drive a terminal or turn a line."""
    if not text or text.isprintable():
        return text or ""
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)


def shortened(path: str) -> str:
    """Replace the home directory in `path` by "~"."""
    home = os.environ.get("HOME", "").rstrip("/")
    return path.replace(f"{home}/", "~/") if home.startswith("/") else path


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
