"""Add the patterns that an event tells of, and the edges between them."""

import sqlite3
from typing import Any

from lib.capture import identity
from lib.ledger import snapshots, sums
from lib.ledger.snapshots import Kept
from lib.ledger.text import storable
from lib.spool.spooled import Event


class Nodes:
    """The patterns in a ledger, within the caller's transaction; may raise sqlite3.Error."""

    def __init__(self, db: sqlite3.Connection, event: Event) -> None:
        self._db = db
        self._event = event
        self._data: dict[str, Any] = event["event_data"]

    def knows(self, pattern_id: str) -> bool:
        """Check whether a pattern is recorded."""
        query = "SELECT 1 FROM patterns WHERE pattern_id = ?"
        return self._db.execute(query, (pattern_id,)).fetchone() is not None

    def earlier(self, pattern_id: str) -> list[str]:
        """Find the recorded pattern that is a new one's code under an earlier version's id."""
        noted = self._event.get("earlier_ids")
        earlier = storable(noted.get(pattern_id)) if isinstance(noted, dict) else ""
        return [earlier] if earlier and self.knows(earlier) and not self.knows(pattern_id) else []

    def name_of(self, told: object, code: object) -> str:
        """Return the name that was told of code, else the one that it has in the event's file."""
        if isinstance(told, str) or not isinstance(code, Kept):
            return storable(told)
        language = storable(self._data.get("language"))
        text = identity.normalise(snapshots.text(self._db, code) or "", language)
        return storable(identity.pattern_name(text, language, storable(self._data["file_path"])))

    def add(self, pattern_id: str, name: str, snapshot: str | None) -> None:
        """Add a pattern, if it is not known."""
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

    def join(self, parent: str, child: str, edge_type: str) -> None:
        """Add an edge, if it is not known."""
        if parent != child:
            # Its events are found by its ends.
            values = (child, parent, edge_type, "")
            self._db.execute("INSERT OR IGNORE INTO edges VALUES (?, ?, ?, ?)", values)
