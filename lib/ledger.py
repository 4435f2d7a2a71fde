"""The embedded ledger: patterns, the edges between them, and the events that made them.

SQLite beside the spool. A pattern is content by its id; an occurrence says where it stands: a
file, or one day a function or class in it by its qualified name ("" is the whole file).
"""

import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from lib.recording import Recording, add_to_counter, creation_event_id, head_of, unpack

FILE_NAME = "ledger.db"
SCHEMA_VERSION = 2
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
    implied INTEGER NOT NULL DEFAULT 0, edge_type TEXT
);
CREATE INDEX IF NOT EXISTS events_by_pattern ON events (pattern_id);
CREATE TABLE IF NOT EXISTS occurrences (
    file_path TEXT NOT NULL, qualified_name TEXT NOT NULL, pattern_id TEXT NOT NULL,
    last_seq INTEGER NOT NULL, PRIMARY KEY (file_path, qualified_name, pattern_id)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS occurrences_by_pattern ON occurrences (pattern_id);
CREATE TABLE IF NOT EXISTS waiting (name TEXT PRIMARY KEY) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS known_at (
    service TEXT NOT NULL, pattern_id TEXT NOT NULL, PRIMARY KEY (service, pattern_id)
) WITHOUT ROWID;
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
        version = self._db.execute("PRAGMA user_version").fetchone()[0]
        if version < SCHEMA_VERSION:
            self._db.execute("BEGIN IMMEDIATE")
            try:
                self._migrate()
                self._db.execute("COMMIT")
            except BaseException:
                self._db.execute("ROLLBACK")
                raise

    def _migrate(self) -> None:
        """Make the tables, or bring those of an earlier version up to date."""
        # Read again: another process may have been here before the transaction began.
        version = self._db.execute("PRAGMA user_version").fetchone()[0]
        if version == 1:
            self._db.execute("ALTER TABLE events ADD COLUMN edge_type TEXT")
        for statement in _SCHEMA.split(";\n"):
            if statement.strip():
                self._db.execute(statement)
        self._db.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")

    def close(self) -> None:
        """Close the file; the ledger is of no use afterwards."""
        self._db.close()

    @contextmanager
    def _transaction(self, durable: bool = True) -> Iterator[sqlite3.Connection]:
        """All of the block or, on an exception, nothing of it; on the disk when it ends, unless
        it need not be `durable`."""
        if not durable:
            self._db.execute("PRAGMA synchronous = NORMAL")
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield self._db
            self._db.execute("COMMIT")
        except BaseException:
            self._db.execute("ROLLBACK")
            raise
        finally:
            if not durable:
                self._db.execute("PRAGMA synchronous = FULL")

    def record_all(self, events: Iterable[dict[str, Any]]) -> None:
        """Record `events` in one transaction: all of them or, on an exception, none."""
        with self._transaction() as db:
            for event in events:
                Recording(db, event).record()

    def record_waiting(self, events: Mapping[str, dict[str, Any]]) -> set[str]:
        """Record `events`, by the names of their files, as `record_all` does.

        Those that say something new are remembered as waiting for a service; their names.
        """
        with self._transaction() as db:
            names = {name for name, event in events.items() if Recording(db, event).record()}
            db.executemany("INSERT OR IGNORE INTO waiting VALUES (?)", [(n,) for n in names])
        return names

    def waiting(self) -> set[str]:
        """The names of the files that are recorded and wait for a service."""
        return {row[0] for row in self._db.execute("SELECT name FROM waiting")}

    def settle(
        self, names: Iterable[str], service: str = "", pattern_ids: Iterable[str] = ()
    ) -> None:
        """Those files wait no longer, and the service at that URL knows those patterns."""
        # If power fails before this is on the disk, a file that is gone is forgotten later, and a
        # pattern is told of once more.
        with self._transaction(durable=False) as db:
            db.executemany("DELETE FROM waiting WHERE name = ?", [(name,) for name in names])
            known = [(service, pattern_id) for pattern_id in pattern_ids]
            db.executemany("INSERT OR IGNORE INTO known_at VALUES (?, ?)", known)

    def resolved(self, event_id: str) -> dict[str, Any] | None:
        """What was made of a recorded event; None if it is not recorded.

        Keys: event_type, pattern_id, content_id (the id of the code, another one than
        pattern_id where the file applies a marked pattern), parents and edge_type.
        """
        query = (
            "SELECT event_type, pattern_id, content_id, parent_pattern_ids, edge_type "
            "FROM events WHERE event_id = ?"
        )
        row = self._db.execute(query, (event_id,)).fetchone()
        if row is None:
            return None
        found = dict(row)
        found["parents"] = found.pop("parent_pattern_ids").split()
        return found

    def creation_of(self, pattern_id: str) -> dict[str, Any]:
        """What a pattern's creation can be told from; event_id and timestamp are always there."""
        query = (
            "SELECT pattern_name, pattern_type, language, first_seen AS timestamp, code "
            "FROM patterns LEFT JOIN snapshots ON digest = snapshot WHERE pattern_id = ?"
        )
        row = self._db.execute(query, (pattern_id,)).fetchone()
        found: dict[str, Any] = dict(row) if row else {"timestamp": None}
        if found.get("code") is not None:
            found["code"] = unpack(found["code"])
        return {**found, "event_id": creation_event_id(pattern_id)}

    def known_at(self, service: str, pattern_ids: Iterable[str]) -> set[str]:
        """Those of `pattern_ids` that the service at that URL was told of."""
        query = "SELECT 1 FROM known_at WHERE service = ? AND pattern_id = ?"
        return {
            pattern_id
            for pattern_id in pattern_ids
            if self._db.execute(query, (service, pattern_id)).fetchone()
        }

    def forget_known(self, service: str, pattern_ids: Iterable[str]) -> None:
        """The service at that URL turned out not to know those patterns."""
        query = "DELETE FROM known_at WHERE service = ? AND pattern_id = ?"
        with self._transaction() as db:
            db.executemany(query, [(service, pattern_id) for pattern_id in pattern_ids])

    def count(self, counts: dict[str, int]) -> None:
        """Add `counts` to the counters of those names."""
        with self._transaction() as db:
            for name, number in counts.items():
                add_to_counter(db, name, number)

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
