"""The embedded ledger: patterns, the edges between them, and the events that made them.

SQLite beside the spool. A pattern is content by its id; an occurrence says where it stands: a
file, or one day a function or class in it by its qualified name ("" is the whole file).
"""

import sqlite3
import zlib
from collections.abc import Iterable
from typing import Any

from lib import identity

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
    "session_id, parent_pattern_ids"
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
        return _head(self._db, file_path)

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


class Recording:
    """One event on its way into the ledger: what it says, and what the ledger makes of it."""

    def __init__(self, db: sqlite3.Connection, event: dict[str, Any]) -> None:
        self._db = db
        self._event = event
        self._data: dict[str, Any] = event["event_data"]
        self._type = str(event["event_type"])
        self._subject = str(event["pattern_id"])
        self._content_id = _text(event.get("content_pattern_id")) or self._subject
        parents = self._data.get("parent_pattern_ids")
        self._parents = (
            [p for p in parents if identity.is_valid_id(p)] if isinstance(parents, list) else []
        )
        self._edge = _text(self._data.get("edge_type")) or "derived_from"
        self._path = _text(self._data.get("file_path"))
        details = self._data.get("pattern_data")
        self._details: dict[str, Any] = details if isinstance(details, dict) else {}

    def record(self) -> None:
        """Record the event, and before it the creation of what it presupposes."""
        if self._is_known():
            return
        if self._event.get("before") == "unknown":
            self._resolve_before()
        if self._type == "pattern_modified" and self._parents == [self._content_id]:
            add_to_counter(self._db, "unchanged", 1)
            return
        if self._type == "pattern_created" and self._stands_elsewhere():
            self._type = "pattern_applied"
        self._imply_parents()
        if self._type == "pattern_applied":
            self._imply(self._subject, self._code(), self._name())
        self._add_patterns_and_edges()
        self._add_event()

    def _is_known(self) -> bool:
        query = "SELECT timestamp FROM events WHERE event_id = ?"
        found = self._db.execute(query, (_text(self._event["event_id"]),)).fetchone()
        # The same capture again is a flusher that died before it could acknowledge.
        if found and found[0] != self._event["timestamp"]:
            add_to_counter(self._db, "duplicate", 1)
        return found is not None

    def _resolve_before(self) -> None:
        head = _head(self._db, self._path)
        if head and self._type == "pattern_created":
            self._type, self._parents, self._edge = "pattern_modified", [head], "modified_from"

    def _stands_elsewhere(self) -> bool:
        query = "SELECT 1 FROM occurrences WHERE pattern_id = ? AND file_path != ?"
        return self._db.execute(query, (self._subject, self._path)).fetchone() is not None

    def _imply_parents(self) -> None:
        snapshots = self._event.get("parents")
        known = {}
        for parent in snapshots if isinstance(snapshots, list) else []:
            if isinstance(parent, dict):
                known[parent.get("pattern_id")] = parent
        for parent_id in self._parents:
            parent = known.get(parent_id, {})
            self._imply(parent_id, parent.get("code"), _text(parent.get("pattern_name")))

    def _imply(self, pattern_id: str, code: object, name: str) -> None:
        """Record the creation of a pattern that was never seen: lineage has no loose ends."""
        query = "SELECT 1 FROM patterns WHERE pattern_id = ?"
        if self._db.execute(query, (pattern_id,)).fetchone():
            return
        snapshot = self._add_snapshot(code)
        self._add_pattern(pattern_id, name, snapshot)
        event_id = identity.digest(f"creation\0{pattern_id}")[:32]
        self._insert_event(event_id, "pattern_created", pattern_id, name, [], snapshot, implied=1)

    def _add_patterns_and_edges(self) -> None:
        snapshot = self._add_snapshot(self._code())
        self._add_pattern(self._content_id, self._name(), snapshot)
        for parent in self._parents:
            self._add_edge(parent, self._content_id, self._edge)
        if self._subject != self._content_id:
            self._add_edge(self._subject, self._content_id, "derived_from")

    def _add_edge(self, parent: str, child: str, edge_type: str) -> None:
        if parent != child:
            values = (child, parent, edge_type, _text(self._event["event_id"]))
            self._db.execute("INSERT OR IGNORE INTO edges VALUES (?, ?, ?, ?)", values)

    def _add_pattern(self, pattern_id: str, name: str, snapshot: str | None) -> None:
        values = (
            pattern_id,
            name,
            _text(self._data.get("pattern_type")),
            _text(self._data.get("language")),
            snapshot,
            _text(self._event["timestamp"]),
        )
        self._db.execute("INSERT OR IGNORE INTO patterns VALUES (?, ?, ?, ?, ?, ?)", values)

    def _add_snapshot(self, code: object) -> str | None:
        if not isinstance(code, str):
            return None
        digest = identity.digest(code)
        query = "SELECT 1 FROM snapshots WHERE digest = ?"
        if not self._db.execute(query, (digest,)).fetchone():
            packed = zlib.compress(code.encode("utf-8", "surrogatepass"), 1)
            self._db.execute("INSERT INTO snapshots VALUES (?, ?)", (digest, packed))
        return digest

    def _add_event(self) -> None:
        code = self._code()
        snapshot = identity.digest(code) if isinstance(code, str) else None
        event_id = _text(self._event["event_id"])
        parents = self._parents
        seq = self._insert_event(
            event_id, self._type, self._subject, self._name(), parents, snapshot
        )
        if self._path:
            self._db.execute(
                "INSERT OR REPLACE INTO occurrences VALUES (?, ?, ?, ?)",
                (self._path, "", self._content_id, seq),
            )

    def _insert_event(
        self,
        event_id: str,
        event_type: str,
        pattern_id: str,
        name: str,
        parents: list[str],
        snapshot: str | None,
        implied: int = 0,
    ) -> int:
        content_id = pattern_id if implied else self._content_id
        cursor = self._db.execute(
            "INSERT INTO events (event_id, timestamp, event_type, pattern_id, pattern_name, "
            "language, file_path, tool_name, session_id, parent_pattern_ids, content_id, "
            "snapshot, reason, implied) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                event_id,
                _text(self._event["timestamp"]),
                event_type,
                pattern_id,
                name,
                _text(self._data.get("language")),
                self._path or None,
                _text(self._data.get("tool_name")) or None,
                _text(self._details.get("session_id")) or None,
                " ".join(parents),
                content_id,
                snapshot,
                _text(self._data.get("reason")) or None,
                implied,
            ),
        )
        return cursor.lastrowid or 0

    def _code(self) -> object:
        return self._details.get("code")

    def _name(self) -> str:
        return _text(self._data.get("pattern_name"))


def add_to_counter(db: sqlite3.Connection, name: str, number: int) -> None:
    """Add `number` to a counter, within the caller's transaction."""
    query = "INSERT INTO counters VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET count = count + ?"
    db.execute(query, (name, number, number))


def _head(db: sqlite3.Connection, file_path: str) -> str:
    query = "SELECT pattern_id FROM occurrences WHERE file_path = ? ORDER BY last_seq DESC LIMIT 1"
    found = db.execute(query, (file_path,)).fetchone()
    return str(found[0]) if found else ""


def _text(value: object) -> str:
    """A string that SQLite takes: lone surrogates become escapes."""
    if not isinstance(value, str):
        return ""
    return value.encode("utf-8", "backslashreplace").decode("utf-8")
