"""The embedded ledger: patterns, the edges between them, and the events that made them.

SQLite beside the spool. A pattern is content by its id; an occurrence says where it stands: a
file, or one day a function or class in it by its qualified name ("" is the whole file).
"""

import sqlite3
from collections.abc import Iterable
from typing import Any

from lib.recording import Recording, add_to_counter, head_of

FILE_NAME = "ledger.db"
SCHEMA_VERSION = 1
BUSY_SECONDS = 5.0

_SCHEMA = """
CREATE TABLE IF NOT EXISTS snapshots (
    digest TEXT PRIMARY KEY, code BLOB NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS patterns (
    pattern_id TEXT PRIMARY KEY, pattern_name TEXT, pattern_type TEXT, language TEXT,
    snapshot TEXT, first_seen TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS edges (
    child_id TEXT NOT NULL, parent_id TEXT NOT NULL, edge_type TEXT NOT NULL,
    event_id TEXT NOT NULL, PRIMARY KEY (child_id, parent_id, edge_type)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS edges_by_parent ON edges (parent_id);
CREATE TABLE IF NOT EXISTS events (
    seq INTEGER PRIMARY KEY, event_id TEXT NOT NULL UNIQUE, timestamp TEXT NOT NULL,
    event_type TEXT NOT NULL, pattern_id TEXT NOT NULL, pattern_name TEXT, language TEXT,
    file_path TEXT, qualified_name TEXT NOT NULL DEFAULT '', tool_name TEXT, session_id TEXT,
    parent_pattern_ids TEXT NOT NULL, content_id TEXT NOT NULL, snapshot TEXT, reason TEXT,
    implied INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX IF NOT EXISTS events_by_pattern ON events (pattern_id);
CREATE TABLE IF NOT EXISTS occurrences (
    file_path TEXT NOT NULL, qualified_name TEXT NOT NULL, pattern_id TEXT NOT NULL,
    last_seq INTEGER NOT NULL, PRIMARY KEY (file_path, qualified_name, pattern_id)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS occurrences_by_pattern ON occurrences (pattern_id);
CREATE TABLE IF NOT EXISTS counters (name TEXT PRIMARY KEY, count INTEGER NOT NULL) WITHOUT ROWID;
"""
LOG_FIELDS = (
    "event_id, timestamp, event_type, pattern_id, pattern_name, language, file_path, tool_name, "
    "session_id, parent_pattern_ids, reason"
)


class Ledger:
    """The ledger in one database file. Every method may raise sqlite3.Error."""

    def __init__(self, path: str) -> None:
        self._db = sqlite3.connect(path, timeout=BUSY_SECONDS, isolation_level=None)
        self._db.row_factory = sqlite3.Row
        self._prepare()

    def _prepare(self) -> None:
        self._db.execute("PRAGMA journal_mode = WAL")
        # The spool's file is unlinked once this has the event, so a commit must be on the disk.
        self._db.execute("PRAGMA synchronous = FULL")
        if self._db.execute("PRAGMA user_version").fetchone()[0] < SCHEMA_VERSION:
            self._db.executescript(_SCHEMA)
            self._db.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")

    def close(self) -> None:
        """Close the file; the ledger is of no use afterwards."""
        self._db.close()

    def record_all(self, events: Iterable[dict[str, Any]]) -> None:
        """Record `events` in one transaction: all of them or, on an exception, none."""
        self._db.execute("BEGIN IMMEDIATE")
        try:
            for event in events:
                Recording(self._db, event).record()
            self._db.execute("COMMIT")
        except BaseException:
            self._db.execute("ROLLBACK")
            raise

    def count(self, counts: dict[str, int]) -> None:
        """Add `counts` to the counters of those names."""
        self._db.execute("BEGIN IMMEDIATE")
        for name, number in counts.items():
            add_to_counter(self._db, name, number)
        self._db.execute("COMMIT")

    def counters(self) -> dict[str, int]:
        """All counters."""
        return {row["name"]: row["count"] for row in self._db.execute("SELECT * FROM counters")}

    def delivered(self) -> int:
        """How many captured events the ledger holds."""
        found = self._db.execute("SELECT count(*) FROM events WHERE implied = 0").fetchone()
        return int(found[0])

    def log(self, newest: int = -1) -> list[sqlite3.Row]:
        """The `newest` events (-1: all), oldest first, with LOG_FIELDS."""
        query = f"SELECT seq, {LOG_FIELDS} FROM events ORDER BY seq DESC LIMIT ?"
        return self._db.execute(query, (newest,)).fetchall()[::-1]

    def knows(self, pattern_id: str) -> bool:
        """Whether the pattern is recorded."""
        query = "SELECT 1 FROM patterns WHERE pattern_id = ?"
        return self._db.execute(query, (pattern_id,)).fetchone() is not None

    def head(self, file_path: str) -> str:
        """The id of what the file at `file_path` held last; "" if it was never seen."""
        return head_of(self._db, file_path)

    def files_ending(self, path: str) -> list[str]:
        """The recorded files whose last components are `path`."""
        query = (
            "SELECT DISTINCT file_path FROM occurrences "
            "WHERE file_path = ? OR file_path LIKE ? ESCAPE '!'"
        )
        escaped = path.replace("!", "!!").replace("%", "!%").replace("_", "!_")
        return [row[0] for row in self._db.execute(query, (path, f"%/{escaped}"))]

    def ancestors(self, pattern_id: str) -> list[str]:
        """The ids that `pattern_id` came from, nearest first."""
        return self._walk(pattern_id, "SELECT parent_id FROM edges WHERE child_id = ?")

    def descendants(self, pattern_id: str) -> list[str]:
        """The ids that came from `pattern_id`, nearest first."""
        return self._walk(pattern_id, "SELECT child_id FROM edges WHERE parent_id = ?")

    def _walk(self, start: str, query: str) -> list[str]:
        """Breadth first; undoing an edit makes a cycle, so no id is visited twice."""
        seen = {start: None}
        level = [start]
        while level:
            found = [row[0] for node in level for row in self._db.execute(query, (node,))]
            level = [node for node in dict.fromkeys(found) if node not in seen]
            seen.update(dict.fromkeys(level))
        return list(seen)[1:]

    def events_of(self, pattern_ids: Iterable[str]) -> list[sqlite3.Row]:
        """The events of those patterns, oldest first, with LOG_FIELDS."""
        query = f"SELECT seq, {LOG_FIELDS} FROM events WHERE pattern_id = ? OR content_id = ?"
        found = {
            row["seq"]: row
            for pattern_id in pattern_ids
            for row in self._db.execute(query, (pattern_id, pattern_id))
        }
        return [found[seq] for seq in sorted(found)]

    def names(self) -> dict[str, str]:
        """The name of each pattern."""
        return dict(self._db.execute("SELECT pattern_id, pattern_name FROM patterns").fetchall())
