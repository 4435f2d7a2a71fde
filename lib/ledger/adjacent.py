"""Tell by contents which of two clients changed a file first: what one found the other had left.

The hook of the first may be late, and then the clock has it the other way round. Within a session
that cannot be: the client waits for the hook of one call before it makes the next, but for agents
that work beside each other.
"""

import sqlite3

from lib.capture.event import FILE_DELETED
from lib.ledger import moments, overlaps, snapshots
from lib.ledger.moments import DERIVED, Moment, Place
from lib.ledger.revisions import Head, plain
from lib.ledger.text import storable
from lib.spool.spooled import Event

# A client waits so long for a hook, and may itself be slow.
LATE_NS = 60 * 10**9
# Among so many of the newest events.
RECENT = 1000
_OF_FILE = "z.file_path = e.file_path AND z.boot = e.boot AND NOT z.implied AND z.told IS NOT ?1"
# What was left last before an event.
_LEFT = (
    f"(SELECT z.snapshot FROM events z WHERE {_OF_FILE} AND z.up < e.up ORDER BY z.up DESC LIMIT 1)"
)
_FINDER = (
    f"SELECT e.up, {_LEFT} FROM events e LEFT JOIN revisions r ON r.seq = e.seq "
    "WHERE e.file_path = ?2 AND e.seq > (SELECT max(seq) - ?11 FROM events) "
    "AND e.before_snapshot IN (?3, ?4) "
    "AND e.boot = ?5 AND e.up < ?6 AND e.up > ?7 AND NOT e.implied AND e.told IS NOT ?1 "
    "AND (e.session_id IS NOT ?8 OR coalesce(r.agent_id, '') != ?9) "
    # What found what was left last comes after that, unless that itself came from nowhere.
    "AND (NOT ?10 OR EXISTS (SELECT 1 FROM events z WHERE z.file_path = e.file_path "
    "AND z.seq > e.seq AND (z.told IS ?1 OR z.event_type = 'pattern_created'))) "
    # Nobody else is known to have left it.
    f"AND e.before_snapshot IS NOT {_LEFT} ORDER BY e.up LIMIT 1"
)


def placed(
    db: sqlite3.Connection, event: Event, path: str, head: Head | None
) -> tuple[Moment, Place]:
    """Return when `event` was captured, and its place: by the clock, or else by its contents.

    `head` is the last revision of its file. May raise sqlite3.Error.
    """
    moment, place = moments.moment_of(db, event, path)
    if head is None:
        return moment, place
    if overlaps.order_by_found(db, event, head):
        place = Place(place.is_late, is_out=True)
    found = overlaps.moment_before_claim(db, event, path, moment)
    found = found or _moment_before(db, event, path, head, moment)
    return (found, moments.LATE) if found else (moment, place)


def _moment_before(
    db: sqlite3.Connection, event: Event, path: str, head: Head | None, moment: Moment
) -> Moment | None:
    """Return the moment just before the recorded event that found what `event` left.

    None where there is none: as a rule an event finds what was recorded last.
    """
    details = event["event_data"].get("pattern_data")
    told = details if isinstance(details, dict) else {}
    code, parents = told.get("code"), event.get("parents")
    if head is None or head.gone or moment[1] is None or not isinstance(code, str):
        return None
    parent = parents[0] if isinstance(parents, list) and parents else None
    before = parent.get("code") if isinstance(parent, dict) else None
    # A deletion leaves nothing that could be found, and what found already what it left
    # explains nothing.
    if event.get("before") or event["event_type"] == FILE_DELETED or before == code:
        return None
    follows = isinstance(before, str) and snapshots.digest_of(before) == head.snapshot
    values = (
        DERIVED, path, snapshots.digest_of(code), snapshots.digest_of(plain(code)), *moment,
        moment[1] - LATE_NS, storable(told.get("session_id")), storable(event.get("agent_id")),
        follows, RECENT,
    )  # fmt: skip
    row = db.execute(_FINDER, values).fetchone()
    if row is None:
        return None
    found, left = row
    digest = snapshots.digest_of(before) if isinstance(before, str) else None
    group = _before(db, path, digest, (moment[0], found), moment[1])
    if follows and not (group and left in (None, group[-1][1])):
        # They did not begin with what was left then: the clock is right, and somebody undid it.
        return None
    for seq, _ in group:
        found -= 1
        db.execute("UPDATE events SET up = ? WHERE seq = ?", (found - 1, seq))
    return (moment[0], row[0] - 1)


def _before(
    db: sqlite3.Connection, path: str, digest: str | None, moment: Moment, until: int
) -> list[tuple[int, str | None]]:
    """List the events, as of after `moment`, that led to what `digest` names, the last first.

    Each by its number and the snapshot of what it found.
    """
    query = (
        "SELECT seq, before_snapshot, up FROM events e WHERE file_path = ?2 AND snapshot = ?3 "
        "AND boot = ?4 AND up > ?5 AND up < ?6 AND NOT implied AND told IS NOT ?1 LIMIT 1"
    )
    group: list[tuple[int, str | None]] = []
    while digest:
        row = db.execute(query, (DERIVED, path, digest, *moment, until)).fetchone()
        if row is None:
            break
        seq, digest, until = row
        group.append((seq, digest))
    return group
