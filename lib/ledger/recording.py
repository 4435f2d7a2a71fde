"""Record one event in the ledger, with the patterns, edges and creations that it implies."""

import sqlite3
import zlib
from typing import Any

from lib.capture import identity
from lib.capture.event import UNKNOWN
from lib.ledger import sums
from lib.spool.spooled import Event
from lib.system.digest import hex_digest
from lib.system.places import in_any_worktree

# How the id of code ends in which there is none.
_NOTHING = f"-{hex_digest('')[: identity.DIGITS]}"
RECORDED, UNCHANGED, KNOWN = "recorded", "unchanged", "known"
# The events whose code has the id that is the first parameter; each half has an index.
OF_CONTENT = (
    "((pattern_id = ?1 AND content_id = pattern_id) OR "
    "(content_id = ?1 AND content_id != pattern_id))"
)


class Recording:
    """Records one event, within the caller's transaction; may raise sqlite3.Error."""

    def __init__(self, db: sqlite3.Connection, event: Event) -> None:
        self._db = db
        self._event = event
        self._data: dict[str, Any] = event["event_data"]
        self._type = storable(event["event_type"])
        self._subject = str(event["pattern_id"])
        self._content_id = storable(event.get("content_pattern_id")) or self._subject
        parents = self._data.get("parent_pattern_ids")
        self._parents = (
            [p for p in parents if identity.is_valid_id(p)] if isinstance(parents, list) else []
        )
        self._edge = storable(self._data.get("edge_type")) or "derived_from"
        self._path = storable(self._data.get("file_path"))
        details = self._data.get("pattern_data")
        self._details: dict[str, Any] = details if isinstance(details, dict) else {}
        self._snapshot: str | None = None

    def record(self) -> str:
        """Record the event, and before it the creation of parents that were never captured.

        Returns RECORDED, or why there was nothing to record: KNOWN for an event that was
        recorded before, UNCHANGED for a modification that changed nothing.
        """
        if self._is_known():
            return KNOWN
        if self._event.get("before") == UNKNOWN:
            self._resolve_before()
        if self._type == "pattern_modified" and self._parents == [self._content_id]:
            return UNCHANGED
        if self._type == "pattern_created" and self._stands_elsewhere():
            self._type = "pattern_applied"
        if self._type == "pattern_created" and not self._parents:
            self._parents, self._edge = self._earlier(self._content_id), "derived_from"
        self._imply_parents()
        if self._type == "pattern_applied":
            self._imply(self._subject, self._code(), self._name())
        self._add_patterns_and_edges()
        self._add_event()
        return RECORDED

    def _is_known(self) -> bool:
        query = "SELECT 1 FROM events WHERE event_id = ?"
        found = self._db.execute(query, (storable(self._event["event_id"]),)).fetchone()
        return found is not None

    def _resolve_before(self) -> None:
        head = head_of(self._db, self._path)
        if head and self._type == "pattern_created":
            self._type, self._parents, self._edge = "pattern_modified", [head], "modified_from"

    def _stands_elsewhere(self) -> bool:
        """Check that another file, not this one in another worktree, holds the same code."""
        if is_nothing(self._subject):
            return False
        query = (
            "SELECT DISTINCT file_path FROM events WHERE implied = 0 AND file_path != ?2 AND "
            f"{OF_CONTENT}"
        )
        here = in_any_worktree(self._path)
        others = self._db.execute(query, (self._subject, self._path))
        return any(in_any_worktree(path) != here for (path,) in others)

    def _imply_parents(self) -> None:
        snapshots = self._event.get("parents")
        known = {}
        for parent in snapshots if isinstance(snapshots, list) else []:
            if isinstance(parent, dict) and identity.is_valid_id(parent.get("pattern_id")):
                known[parent["pattern_id"]] = parent
        for parent_id in self._parents:
            parent = known.get(parent_id, {})
            self._imply(parent_id, parent.get("code"), storable(parent.get("pattern_name")))

    def _imply(self, pattern_id: str, code: object, name: str) -> None:
        """Record the creation of a pattern that was never captured: every edge needs both ends."""
        if self._knows(pattern_id):
            return
        earlier = self._earlier(pattern_id)
        snapshot = self._add_snapshot(code)
        self._add_pattern(pattern_id, name, snapshot)
        for found in earlier:
            self._add_edge(found, pattern_id, "derived_from")
        kind = "pattern_modified" if earlier else "pattern_created"
        event_id = creation_event_id(pattern_id)
        self._insert_event(event_id, kind, pattern_id, name, earlier, snapshot, implied=1)

    def _earlier(self, pattern_id: str) -> list[str]:
        """Find the recorded pattern that is a new one's code under an earlier version's id."""
        noted = self._event.get("earlier_ids")
        earlier = storable(noted.get(pattern_id)) if isinstance(noted, dict) else ""
        return [earlier] if earlier and self._knows(earlier) and not self._knows(pattern_id) else []

    def _knows(self, pattern_id: str) -> bool:
        query = "SELECT 1 FROM patterns WHERE pattern_id = ?"
        return self._db.execute(query, (pattern_id,)).fetchone() is not None

    def _add_patterns_and_edges(self) -> None:
        self._snapshot = self._add_snapshot(self._code())
        self._add_pattern(self._content_id, self._name(), self._snapshot)
        for parent in self._parents:
            self._add_edge(parent, self._content_id, self._edge)
        if self._subject != self._content_id:
            self._add_edge(self._subject, self._content_id, "derived_from")

    def _add_edge(self, parent: str, child: str, edge_type: str) -> None:
        if parent != child:
            values = (child, parent, edge_type, storable(self._event["event_id"]))
            self._db.execute("INSERT OR IGNORE INTO edges VALUES (?, ?, ?, ?)", values)

    def _add_pattern(self, pattern_id: str, name: str, snapshot: str | None) -> None:
        values = (
            pattern_id,
            name,
            storable(self._data.get("pattern_type")),
            storable(self._data.get("language")),
            snapshot,
            storable(self._event["timestamp"]),
        )
        query = "INSERT OR IGNORE INTO patterns VALUES (?, ?, ?, ?, ?, ?)"
        if self._db.execute(query, values).rowcount > 0:
            sums.add(self._db, sums.PATTERNS, 1)

    def _add_snapshot(self, code: object) -> str | None:
        if not isinstance(code, str):
            return None
        digest = hex_digest(code)
        query = "SELECT 1 FROM snapshots WHERE digest = ?"
        if not self._db.execute(query, (digest,)).fetchone():
            packed = zlib.compress(code.encode("utf-8", "surrogatepass"), 1)
            self._db.execute("INSERT INTO snapshots VALUES (?, ?)", (digest, packed))
        return digest

    def _add_event(self) -> None:
        event_id = storable(self._event["event_id"])
        parents = self._parents
        seq = self._insert_event(
            event_id, self._type, self._subject, self._name(), parents, self._snapshot
        )
        language = storable(self._data.get("language"))
        when = storable(self._event["timestamp"])
        edit = sums.Edit(seq, when, self._type, language, self._path, self._content_id)
        sums.add_edits(self._db, [edit])

    def _before_snapshot(self) -> str | None:
        """Keep what the file held before, which its id does not tell to the letter."""
        told = self._event.get("parents")
        before = told[0] if isinstance(told, list) and len(told) == 1 else None
        return self._add_snapshot(before.get("code")) if isinstance(before, dict) else None

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
            "snapshot, before_snapshot, reason, implied, edge_type) "
            "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                event_id,
                storable(self._event["timestamp"]),
                event_type,
                pattern_id,
                name,
                storable(self._data.get("language")),
                self._path or None,
                storable(self._data.get("tool_name")) or None,
                storable(self._details.get("session_id")) or None,
                " ".join(parents),
                content_id,
                snapshot,
                None if implied else self._before_snapshot(),
                storable(self._data.get("reason")) or None,
                implied,
                self._edge if parents else None,
            ),
        )
        return cursor.lastrowid or 0

    def _code(self) -> object:
        return self._details.get("code")

    def _name(self) -> str:
        return storable(self._data.get("pattern_name"))


def creation_event_id(pattern_id: str) -> str:
    """Derive the event id of an implied creation from the pattern's id: always the same one."""
    return hex_digest(f"creation\0{pattern_id}")[:32]


def is_nothing(pattern_id: str) -> bool:
    """Check whether an id is that of an empty file, or of one with comments alone."""
    return pattern_id.endswith(_NOTHING)


def unpack(packed: bytes) -> str | None:
    """Decompress the code in a snapshot; None where the disk has not kept it as it was."""
    try:
        return zlib.decompress(packed).decode("utf-8", "surrogatepass")
    except (zlib.error, ValueError):
        return None


def add_to_counter(db: sqlite3.Connection, name: str, number: int) -> None:
    """Add `number` to the counter `name`, within the caller's transaction."""
    query = "INSERT INTO counters VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET count = count + ?"
    db.execute(query, (name, number, number))


def head_of(db: sqlite3.Connection, file_path: str) -> str:
    """Return the id of the last recorded content of a file; "" if there is none."""
    found = db.execute("SELECT head FROM files WHERE path = ?", (file_path,)).fetchone()
    return str(found[0]) if found else ""


def storable(value: object) -> str:
    """Return a string that SQLite takes: lone surrogates become escapes."""
    if not isinstance(value, str):
        return ""
    return value if value.isascii() else value.encode("utf-8", "backslashreplace").decode("utf-8")
