"""Make the revisions that the events of an earlier version tell of, some files at a time.

What somebody did between two events is outside, as far as the events tell it. An event's revision
gets twice its number, what was found before it one less, so that making them again changes none.
"""

import sqlite3

from lib.ledger import reshaping

FILES = 500
_COLUMNS = "revision_id, file_id, pattern_id, snapshot, actor, change, timestamp, seq, session_id"
_STEPS = (
    "CREATE TEMP TABLE steps AS SELECT seq, file_id, event_id, content_id, snapshot, "
    "before_snapshot, parent_pattern_ids AS before_id, timestamp, session_id, actor, "
    "lag(content_id) OVER (PARTITION BY file_id ORDER BY seq) AS last_id "
    "FROM files CROSS JOIN events INDEXED BY events_by_file ON file_path = path "
    "WHERE file_id > ? AND file_id <= ? AND NOT implied"
)
# An event with one parent that is not what the file held last: somebody else was there.
_BETWEEN = "before_id != '' AND instr(before_id, ' ') = 0 AND before_id IS NOT last_id"
_MADE = (
    f"INSERT OR IGNORE INTO revisions ({_COLUMNS}) SELECT 2 * seq, file_id, content_id, "
    "snapshot, coalesce(actor, 'agent'), "
    "iif(last_id IS NULL AND before_id = '', 'created', 'modified'), "
    "timestamp, seq, session_id FROM steps",
    f"INSERT OR IGNORE INTO revisions ({_COLUMNS}) SELECT 2 * seq - 1, file_id, before_id, "
    "before_snapshot, 'outside', iif(last_id IS NULL, 'before', 'modified'), timestamp, NULL, "
    f"NULL FROM steps WHERE {_BETWEEN}",
)
# Of a ledger of today they were kept.
_EARLIER_EDGES = (
    "INSERT OR IGNORE INTO edges SELECT before_id, last_id, 'modified_from', event_id "
    f"FROM steps WHERE last_id IS NOT NULL AND {_BETWEEN}"
)
_LINKED = (
    "UPDATE revisions SET parent = (SELECT max(revision_id) FROM revisions p "
    "WHERE p.file_id = revisions.file_id AND p.revision_id < revisions.revision_id) "
    "WHERE file_id > ? AND file_id <= ?",
    "UPDATE files SET revision = "
    "(SELECT max(revision_id) FROM revisions r WHERE r.file_id = files.file_id) "
    "WHERE file_id > ? AND file_id <= ?",
)


def make(db: sqlite3.Connection, after: int) -> int | None:
    """Make the revisions of the next files after number `after`; return the last's number.

    None where there are no more. Within the caller's transaction.
    """
    query = "SELECT max(file_id) FROM (SELECT file_id FROM files WHERE file_id > ? LIMIT ?)"
    last: int | None = db.execute(query, (after, FILES)).fetchone()[0]
    if last is None:
        return None
    db.execute(_STEPS, (after, last))
    for statement in (*_MADE, *((_EARLIER_EDGES,) if reshaping.is_earlier(db) else ())):
        db.execute(statement)
    db.execute("DROP TABLE steps")
    for statement in _LINKED:
        db.execute(statement, (after, last))
    return last
