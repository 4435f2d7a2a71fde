"""Make the ledger again from what was captured, in the order of time.

What an event means depends on what came before it: whose file it was, what was new, what was moved.
So where something comes later than its place, all that follows from events is made again, in one
transaction: whoever reads meanwhile has what was there before, and so has whoever interrupts it.
"""

import sqlite3
from collections.abc import Callable
from typing import Any, cast

from lib.capture.event import FILE_DELETED, FILE_UNCHANGED, UNKNOWN, UNTOLD
from lib.ledger import moments, rollback, unplaced
from lib.ledger.moments import CREATED, DERIVED
from lib.ledger.projects import Projects
from lib.ledger.recording import Recording
from lib.ledger.revisions import DELETED, OUTSIDE
from lib.ledger.snapshots import Kept
from lib.ledger.transactions import transaction
from lib.ledger.ways import PATTERNS
from lib.spool.spooled import Event

# So often `progress` hears of it, in events.
PORTION = 500
_OF_EVENT = (
    "e.event_id, e.timestamp, e.boot, e.up, e.seq, e.event_type, e.pattern_id, e.pattern_name, "
    "e.language, e.file_path, e.tool_name, e.session_id, e.parent_pattern_ids, e.content_id, "
    "e.snapshot, e.before_snapshot, e.reason, e.edge_type, e.actor, e.told"
)
_CONTEXT = ("program", "prompt_id", "tool_use_id", "agent_id", "agent_type")
_OF_REVISION = ", ".join(f"r.{name}" for name in _CONTEXT)
_TYPE = f"(SELECT pattern_type FROM {PATTERNS} p WHERE p.pattern_id = {{}}) AS pattern_type"
_KEPT = (
    # What is told of the patterns that were met as parents alone.
    "CREATE TEMP TABLE implied AS SELECT pattern_id, pattern_name, snapshot, "
    "parent_pattern_ids AS earlier FROM events WHERE implied",
    # Nothing else tells the name of what others left where no code is kept.
    "INSERT INTO implied SELECT pattern_id, pattern_name, snapshot, '' FROM events "
    f"WHERE told IS '{DERIVED}' AND snapshot IS NULL "
    "AND pattern_id NOT IN (SELECT pattern_id FROM implied) GROUP BY pattern_id",
    "CREATE INDEX temp.implied_by_id ON implied (pattern_id)",
    f"CREATE TEMP TABLE inputs AS SELECT {_OF_EVENT}, {_OF_REVISION}, "
    f"{_TYPE.format('e.content_id')}, "
    f"iif(e.actor = '{OUTSIDE}', {unplaced.FIRST}, {unplaced.LAST}) AS kind, NULL AS kept "
    "FROM events e LEFT JOIN revisions r ON r.seq = e.seq "
    # What is kept beside an event tells more than its row; a capture goes before a transcript.
    f"WHERE NOT e.implied AND e.told IS NOT '{DERIVED}' AND NOT EXISTS "
    "(SELECT 1 FROM unplaced u WHERE u.event_id = e.event_id "
    f"AND (u.boot IS NOT {moments.READ} OR e.boot IS {moments.READ}))",
    "INSERT INTO inputs (event_id, timestamp, boot, up, seq, kind, kept) "
    "SELECT event_id, timestamp, boot, up, seq, kind, event "
    f"FROM unplaced u WHERE boot IS NOT {moments.READ} OR NOT EXISTS (SELECT 1 FROM events e "
    f"WHERE e.event_id = u.event_id AND e.boot IS NOT {moments.READ})",
    # Those of an earlier version have no event of their own, and are nowhere else.
    f"INSERT INTO inputs SELECT r.event_id, r.timestamp, e.boot, e.up, coalesce(e.seq, 0), "
    f"iif(r.change = '{DELETED}', '{FILE_DELETED}', '{FILE_UNCHANGED}'), r.pattern_id, '', "
    "e.language, f.path, NULL, r.session_id, '', r.pattern_id, r.snapshot, NULL, NULL, NULL, "
    f"r.actor, NULL, {_OF_REVISION}, {_TYPE.format('r.pattern_id')}, {unplaced.LAST}, NULL "
    "FROM revisions r JOIN files f USING (file_id) "
    "LEFT JOIN events e ON e.seq = (SELECT max(b.seq) FROM revisions b "
    "WHERE b.file_id = r.file_id AND b.revision_id < r.revision_id) "
    "WHERE r.event_id NOT NULL AND r.seq IS NULL "
    "AND NOT EXISTS (SELECT 1 FROM unplaced u WHERE u.event_id = r.event_id)",
)
_EMPTIED = (
    "DELETE FROM events", "DELETE FROM ways", "DELETE FROM holders", "DELETE FROM edits",
    "UPDATE snapshots SET held = NULL WHERE held NOT NULL",
    "DELETE FROM sums", "DELETE FROM unplaced",
    "UPDATE files SET head = '', last_seq = 0, revision = NULL, gone = 0",
    # No number of a revision comes again: that of a file's last one tells whether it is another.
    "DELETE FROM revisions WHERE revision_id < (SELECT max(revision_id) FROM revisions)",
    "UPDATE revisions SET file_id = -1, snapshot = NULL, seq = NULL, event_id = NULL",
)  # fmt: skip
# By the clock of the boot, whatever the wall clock did; those that were read by the wall clock.
_IN_ORDER = (
    "SELECT i.*, m.pattern_name AS parent_name, earlier FROM (SELECT *, "
    f"iif(boot = {moments.READ}, timestamp, max(timestamp) OVER (PARTITION BY boot IS NULL, "
    f"boot = {moments.READ} ORDER BY boot, up, seq ROWS UNBOUNDED PRECEDING)) AS time, "
    "iif(boot IS NULL, seq, kind) AS rank FROM inputs) i "
    "LEFT JOIN implied m ON m.pattern_id = parent_pattern_ids "
    "ORDER BY time, boot, up, rank, seq, kept NOT NULL, i.event_id"
)
_FINISHED = (
    "DELETE FROM revisions WHERE file_id = -1",
    "DELETE FROM files WHERE revision IS NULL AND last_seq = 0",
    f"DELETE FROM facts WHERE name = '{moments.DISORDER}'",
    "DROP TABLE temp.inputs",
    "DROP TABLE temp.implied",
)


def is_due(db: sqlite3.Connection) -> bool:
    """Check whether something is out of its place. May raise sqlite3.Error."""
    query = "SELECT 1 FROM facts WHERE name = ?"
    return db.execute(query, (moments.DISORDER,)).fetchone() is not None


def size(db: sqlite3.Connection) -> int:
    """Return about how many events there are to put into their order. May raise sqlite3.Error."""
    return int(db.execute("SELECT coalesce(max(seq), 0) FROM events").fetchone()[0])


def replay(db: sqlite3.Connection, progress: Callable[[float], None] = lambda part: None) -> None:
    """Put all that was captured into its order; `progress` hears which part is done, from 0 to 1.

    For the holder of the flusher's lock. Raises sqlite3.Error, and what `progress` raises; then the
    ledger is as it was.
    """
    projects, read = Projects(db), _read(db)
    projects.learn(read)
    with transaction(db):
        rollback.remember(db)
        for statement in (*_KEPT, *_EMPTIED):
            db.execute(statement)
        (number,) = db.execute("SELECT count(*) FROM inputs").fetchone()
        rows = db.cursor()
        rows.row_factory = sqlite3.Row
        for done, row in enumerate(rows.execute(_IN_ORDER)):
            if done % PORTION == 0:
                progress(done / number)
            event = _event(row)
            if not unplaced.has_twin(db, event, row["boot"] == moments.READ):
                Recording(db, event, projects, (row["boot"], row["up"])).record()
        projects.note(read)
        for statement in _FINISHED:
            db.execute(statement)
        moments.note_newest(db)
        rollback.restore(db)
    progress(1.0)


def _read(db: sqlite3.Connection) -> list[Event]:
    """Return an event for each file of which something was read in a transcript."""
    query = f"SELECT event FROM unplaced WHERE boot = {moments.READ}"
    found = (
        unplaced.event_in(text)["event_data"].get("file_path") for (text,) in db.execute(query)
    )
    return [cast(Event, {"event_data": {"file_path": path}}) for path in dict.fromkeys(found)]


def _event(row: sqlite3.Row) -> Event:
    """Return what was captured, with the digests of its code."""
    if row["kept"] is not None:
        return unplaced.event_in(row["kept"])
    is_unknown = row["told"] in (UNKNOWN, UNTOLD)
    kind = row["event_type"]
    is_guessed = row["told"] == unplaced.GUESSED
    is_plain = row["pattern_id"] == row["content_id"]
    is_copy = is_guessed and kind == "pattern_applied" and not row["parent_pattern_ids"]
    if row["told"] == CREATED or (is_plain and (is_unknown or is_copy)):
        kind = "pattern_created"
    parents = [] if is_unknown else row["parent_pattern_ids"].split()
    event: dict[str, Any] = {
        "event_id": row["event_id"],
        "timestamp": row["timestamp"],
        "event_type": kind,
        "pattern_id": row["pattern_id"],
        "content_pattern_id": row["content_id"],
        "event_data": {
            "pattern_name": row["pattern_name"],
            "pattern_type": row["pattern_type"],
            "language": row["language"],
            "file_path": row["file_path"],
            "tool_name": row["tool_name"],
            "reason": row["reason"],
            "edge_type": row["edge_type"],
            "parent_pattern_ids": parents,
            "pattern_data": {"session_id": row["session_id"], "code": _kept(row["snapshot"])},
        },
        "parents": [] if is_unknown else _told(row, parents),
        "before": row["told"] if is_unknown else None,
        "actor": row["actor"],
        **{name: row[name] for name in _CONTEXT},
        **({unplaced.GUESSED: True} if is_guessed else {}),
    }
    if row["earlier"]:
        event["earlier_ids"] = {row["parent_pattern_ids"]: row["earlier"]}
    return cast(Event, event)


def _told(row: sqlite3.Row, parents: list[str]) -> list[dict[str, Any]]:
    """List what was told of the content before; where no code is kept it has the implied name."""
    if row["before_snapshot"]:
        before = parents[0] if parents else row["content_id"]
        return [{"pattern_id": before, "code": Kept(row["before_snapshot"])}]
    if row["snapshot"] is None and len(parents) == 1:
        return [{"pattern_id": parents[0], "pattern_name": row["parent_name"] or ""}]
    return []


def _kept(digest: str | None) -> Kept | None:
    return None if digest is None else Kept(digest)
