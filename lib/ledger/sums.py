"""Keep what `stats` would have to count over and over: the files, and the edits of each day."""

import sqlite3
from collections.abc import Iterable
from datetime import datetime, time, timezone
from typing import NamedTuple

# The names of sums. SINCE is no number but the first edit's time.
PATTERNS, EDITS, SINCE = "patterns", "edits", "since"
# What the sums of steps begin with: of each actor's, and of those of a reason.
STEPS = "steps:"
# No zone is so many minutes behind UTC.
LEAST_AHEAD = -10_000


class Edit(NamedTuple):
    """A recorded event that was captured; `path` is "" where it names no file.

    `seq` is 0 for one that was captured before the file's last.
    """

    seq: int
    timestamp: str
    event_type: str
    language: str
    path: str
    content_id: str


def local_day(timestamp: str) -> tuple[str, int]:
    """Return the local date of an instant, and the minutes that local time is ahead of UTC.

    The date is "" for what is no time.
    """
    try:
        when = datetime.fromisoformat(timestamp.replace("Z", "+00:00"))
        if when.tzinfo is None:
            when = when.replace(tzinfo=timezone.utc)
        local = when.astimezone()
    except (ValueError, OverflowError, OSError):
        return "", 0
    offset = local.utcoffset()
    return local.date().isoformat(), int(offset.total_seconds() // 60) if offset else 0


def begin_of(day: str) -> str:
    """Write the first moment of a local day as the ledger's timestamps are written."""
    midnight = datetime.combine(datetime.fromisoformat(day).date(), time()).astimezone()
    return midnight.astimezone(timezone.utc).isoformat(timespec="microseconds")


def ahead_on(day: str) -> set[int]:
    """Return how many minutes the local time of a day is ahead of UTC, at its begin and end."""
    date = datetime.fromisoformat(day).date()
    ends = (datetime.combine(date, at).astimezone().utcoffset() for at in (time(), time.max))
    return {int(ahead.total_seconds() // 60) for ahead in ends if ahead is not None}


def add_edits(db: sqlite3.Connection, edits: Iterable[Edit]) -> None:
    """Add edits, in the order of their `seq`, within the caller's transaction."""
    files: dict[str, tuple[str, int]] = {}
    days: dict[tuple[str, int, str, str, str], int] = {}
    number, since = 0, ""
    for edit in edits:
        if edit.path:
            files[edit.path] = edit.content_id, edit.seq
        key = (*local_day(edit.timestamp), edit.event_type, edit.language, edit.path)
        days[key] = days.get(key, 0) + 1
        number += 1
        since = min(since or edit.timestamp, edit.timestamp)
    if not number:
        return
    db.executemany(
        "INSERT INTO files (path, head, last_seq) VALUES (?, ?, ?) ON CONFLICT (path) "
        "DO UPDATE SET head = excluded.head, last_seq = excluded.last_seq "
        "WHERE excluded.last_seq >= last_seq",
        [(path, *last) for path, last in files.items()],
    )
    db.executemany(
        "INSERT INTO edits VALUES (?, ?, "
        "coalesce((SELECT file_id FROM files WHERE path = ?), 0), ?, ?, ?) "
        "ON CONFLICT (day, ahead, file_id, event_type, language) "
        "DO UPDATE SET count = count + excluded.count",
        [
            (day, ahead, path, event_type, language, count)
            for (day, ahead, event_type, language, path), count in days.items()
        ],
    )
    add(db, EDITS, number)
    db.execute(
        "INSERT INTO sums VALUES (?, ?) ON CONFLICT (name) "
        "DO UPDATE SET value = min(value, excluded.value)",
        (SINCE, since),
    )


def add(db: sqlite3.Connection, name: str, number: int) -> None:
    """Add `number` to a sum, within the caller's transaction."""
    db.execute(
        "INSERT INTO sums VALUES (?, ?) ON CONFLICT (name) "
        "DO UPDATE SET value = value + excluded.value",
        (name, number),
    )
