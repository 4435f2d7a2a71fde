"""What a check is given, and what it finds."""

import time
from collections.abc import Mapping
from typing import Any, NamedTuple

from lib.system.settings import Settings

OK, WARNING, SERIOUS, UNKNOWN = "ok", "warning", "serious", "unknown"


class Finding(NamedTuple):
    """The outcome of one check.

    `level` is OK, WARNING (it works, but), SERIOUS (nothing is captured or delivered until a
    person acts) or UNKNOWN (never observed); `text` is one line; `fix` says what to do, "" if
    there is nothing.
    """

    name: str
    level: str
    text: str
    fix: str = ""


class Entry(NamedTuple):
    """A registered hook of ours: its client event, matcher and interpreter, the bundle that it
    runs, where it is registered, and whether another Python takes over where that is gone."""

    event: str
    matcher: str
    interpreter: str
    root: str
    where: str
    takes_over: bool = False


class Source(NamedTuple):
    """A settings file of the client: its scope, its path, what it says, why it cannot be read."""

    scope: str
    path: str
    settings: Mapping[str, Any]
    problem: str = ""


class Site(NamedTuple):
    """What the checks look at.

    `root` is the bundle that the command belongs to and `bundle` the one whose hooks are
    registered, if any; `environ` and `settings` are as the hooks have them; `status` is what
    `pattern-tracker status` gathered, None if it could not; `now` is in seconds since 1970.
    """

    root: str
    bundle: str
    environ: Mapping[str, str]
    settings: Settings
    sources: list[Source]
    entries: list[Entry]
    status: Mapping[str, Any] | None
    now: float

    @property
    def directory(self) -> str:
        """The spool, "" if there is nowhere to put it."""
        return self.settings.cache_dir


def age(seconds: float) -> str:
    """A length of time for people: "42 s", "5 min", "3 h", "2 days"."""
    seconds = max(0.0, seconds)
    if seconds < 100:
        return f"{seconds:.0f} s"
    if seconds < 5400:
        return f"{seconds / 60:.0f} min"
    if seconds < 2 * 86_400:
        return f"{seconds / 3600:.0f} h"
    return f"{seconds / 86_400:.0f} days"


def since(timestamp: object, now: float | None = None) -> float:
    """Seconds since an ISO 8601 time in UTC, negative for one in the future; NaN for nonsense."""
    from datetime import datetime, timezone

    try:
        found = datetime.fromisoformat(str(timestamp).replace("Z", "+00:00"))
    except ValueError:
        return float("nan")
    if found.tzinfo is None:
        found = found.replace(tzinfo=timezone.utc)
    return (time.time() if now is None else now) - found.timestamp()
