"""Tell what calls side by side did to one file, of which each knows its own part alone.

Two clients read the same and both write: what the second replaced is what the first left, and not
what it had read. A look at the disk, and the client's diff of a call of the shell, have what others
did meanwhile too: who names the file, or edited it by a tool, knows better.
"""

import sqlite3
from datetime import datetime, timedelta
from typing import Any

from lib.capture.event import FILE_DELETED, UNKNOWN, UNTOLD
from lib.ledger import snapshots
from lib.ledger.moments import DERIVED, Moment
from lib.ledger.revisions import AGENT, OUTSIDE, SHELL, Head, is_same, plain
from lib.ledger.text import storable
from lib.spool.spooled import Event
from lib.system.timestamps import timestamp

# Between reading a file and writing it a client needs so long, with what hooks are late.
WRITING = timedelta(seconds=10)
# So long a call of the shell may have run while others worked, and a hook may be late.
RUNNING = timedelta(seconds=60)
# In a call that named the file: since when it ran, in ns since 1970.
NAMED = "named_since"
_MOST_STEPS, _RECENT = 64, 1000
_CLAIMS = (
    "SELECT e.up, r.agent_id, p.snapshot, p.change FROM events e JOIN revisions r ON r.seq = e.seq "
    "LEFT JOIN revisions p ON p.revision_id = r.parent "
    "WHERE e.file_path = ?1 AND e.seq > (SELECT max(seq) - ?2 FROM events) "
    "AND e.snapshot IN (?3, ?4) AND e.boot = ?5 AND e.up < ?6 AND e.up > ?7 AND NOT e.implied "
    f"AND e.told IS NOT '{DERIVED}' AND e.actor IN ('{SHELL}', '{OUTSIDE}') "
    "AND e.timestamp >= ?8 AND e.session_id IS NOT ?9 ORDER BY e.up"
)
# One step, what was there before it, and whether it is known what that was.
_STEP = (
    "SELECT r.actor, r.session_id, r.agent_id, r.timestamp, r.parent, p.snapshot, p.change, "
    "e.told FROM revisions r LEFT JOIN revisions p ON p.revision_id = r.parent "
    "LEFT JOIN events e ON e.seq = r.seq WHERE r.revision_id = ?"
)
# The last edits that began with the same, the last first.
_BESIDE = (
    "WITH RECURSIVE beside AS (SELECT r.parent, e.seq, e.up, e.snapshot, e.session_id, "
    "e.before_snapshot, e.boot, e.up - ?2 AS since FROM revisions r JOIN events e ON e.seq = r.seq "
    "WHERE r.revision_id = ?1 AND e.actor IS NULL UNION ALL "
    "SELECT r.parent, e.seq, e.up, e.snapshot, e.session_id, e.before_snapshot, e.boot, b.since "
    "FROM beside b JOIN revisions r ON r.revision_id = b.parent JOIN events e ON e.seq = r.seq "
    "WHERE e.actor IS NULL AND e.before_snapshot = b.before_snapshot AND e.boot = b.boot "
    "AND e.up < b.up AND e.up > b.since) "
    f"SELECT seq, up, snapshot, session_id FROM beside LIMIT {_MOST_STEPS}"
)


def moment_before_claim(
    db: sqlite3.Connection, event: Event, path: str, moment: Moment
) -> Moment | None:
    """Return the moment just before a call or look that had what `event` did; None if none had.

    May raise sqlite3.Error.
    """
    code, actor, since = _code(event), event.get("actor"), event.get(NAMED)
    is_named = actor == SHELL and isinstance(since, int)
    if code is None or moment[1] is None or not (actor in (None, AGENT) or is_named):
        return None
    before, is_told = _before(event), event.get("before") not in (UNKNOWN, UNTOLD)
    if not is_told and not is_named:  # an earlier client's edit may have come to the same itself
        return None
    values = (
        path, _RECENT, snapshots.digest_of(code), snapshots.digest_of(plain(code)), *moment,
        moment[1] - RUNNING // timedelta(microseconds=1) * 1000,
        timestamp(since) if isinstance(since, int) and is_named else "", _session(event),
    )  # fmt: skip
    for up, _, held, change in db.execute(_CLAIMS, values):
        is_new = held is None and change in (None, "deleted")
        if not is_told or (is_new if before is None else held == before):
            return moment[0], up - 1
    return None


def order_by_found(db: sqlite3.Connection, event: Event, head: Head) -> bool:
    """Put those of several that began with the same first that `event` did not find.

    Which of them was the last to write their hooks do not tell. A call of the shell that did not do
    it itself found what its file held after it. Returns whether it did so; then the ledger is to be
    put in order. May raise sqlite3.Error.
    """
    code, before = _code(event), _before(event)
    found = {before} - {None}
    if code is not None and (before is None or _is_sight(event)):
        found.add(snapshots.digest_of(code))
    if head.snapshot in found:  # the usual
        return False
    later: list[int] = []
    sessions: set[str | None] = set()
    values = (head.revision_id, WRITING.seconds * 10**9)
    for seq, up, snapshot, session_id in db.execute(_BESIDE, values).fetchall():
        if snapshot in found and session_id not in sessions:
            ups = ((up - number, one) for number, one in enumerate(later, 1))
            db.executemany("UPDATE events SET up = ? WHERE seq = ?", ups)
            return True
        later.append(seq)
        sessions.add(session_id)
    return False


def is_claim(db: sqlite3.Connection, event: Event, head: Head | None) -> bool:
    """Check whether a call of the shell tells again what others did while it ran.

    `head` is the last revision of its file. May raise sqlite3.Error.
    """
    if head is None or not _is_sight(event):
        return False
    code, pattern_id = _code(event), str(event.get("content_pattern_id"))
    if code is None or event.get("before") in (UNKNOWN, UNTOLD):
        return False
    digest = str(code) if isinstance(code, snapshots.Kept) else snapshots.digest_of(code)
    if not is_same(db, head, pattern_id, digest, code):
        return False
    before = _before(event)
    return before != head.snapshot and _led_from(db, event, head, before, RUNNING, told_twice=True)


def is_overwritten(db: sqlite3.Connection, event: Event, head: Head, before: str | None) -> bool:
    """Check whether `event` began with what others' calls have replaced just now.

    `before` is the digest of what it began with. May raise sqlite3.Error.
    """
    is_call = event.get("actor") in (None, AGENT, SHELL)
    is_known = is_call and before is not None and bool(_session(event))
    return is_known and _led_from(db, event, head, before, WRITING, _session(event))


def is_made_beside(db: sqlite3.Connection, event: Event, head: Head) -> bool:
    """Check whether others' calls made the file just now, which `event` did not find.

    May raise sqlite3.Error.
    """
    return _led_from(db, event, head, None, WRITING, _session(event))


def _led_from(
    db: sqlite3.Connection, event: Event, head: Head, before: str | None, within: timedelta,
    session_id: str = "", told_twice: bool = False,
) -> bool:  # fmt: skip
    """Check whether calls of the last time led from `before`, None for no file, to `head`.

    With a `session_id` none of them may be its own, but for those of other agents. `told_twice`:
    what anybody did counts, and what was seen first may have been `before` until then.
    """
    own = session_id, storable(event.get("agent_id"))
    number: int | None = head.revision_id
    for _ in range(_MOST_STEPS):
        row = db.execute(_STEP, (number,)).fetchone()
        if row is None or not (told_twice or row[0] in (AGENT, SHELL)):
            return False
        if session_id and (row[1] or "", row[2] or "") == own:
            return False
        if not _is_within(row[3], storable(event["timestamp"]), within):
            return False
        number, held, change, told = row[4:]
        if told_twice and number is None and told == UNKNOWN and before is not None:
            return True
        if (held is None and change in (None, "deleted")) if before is None else held == before:
            return True
    return False


def _is_sight(event: Event) -> bool:
    """Check whether somebody saw a file as others may have left it: a look, or a client's diff."""
    return event.get("actor") in (SHELL, OUTSIDE) and not event.get(NAMED)


def _is_within(one: str, other: str, within: timedelta) -> bool:
    try:
        return abs(datetime.fromisoformat(other) - datetime.fromisoformat(one)) <= within
    except (ValueError, TypeError):
        return False


def _session(event: Event) -> str:
    details: Any = event["event_data"].get("pattern_data")
    return storable(details.get("session_id")) if isinstance(details, dict) else ""


def _code(event: Event) -> str | None:
    """Return what a file held after an event, None where that is not kept or there is no file."""
    if event["event_type"] == FILE_DELETED:
        return None
    details: Any = event["event_data"].get("pattern_data")
    code = details.get("code") if isinstance(details, dict) else None
    return code if isinstance(code, str) else None


def _before(event: Event) -> str | None:
    """Return the digest of what a call began with, None where that is not told."""
    parents: Any = event.get("parents")
    told = parents[0] if isinstance(parents, list) and parents else None
    code = told.get("code") if isinstance(told, dict) else None
    if isinstance(code, snapshots.Kept):
        return str(code)
    return snapshots.digest_of(code) if isinstance(code, str) else None
