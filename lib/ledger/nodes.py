"""Find and count the patterns that an event tells of."""

import sqlite3
from typing import Any

from lib.capture import identity
from lib.ledger import snapshots, sums, ways
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
        return ways.number_of(self._db, pattern_id) is not None

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

    def count(self, pattern_id: str) -> None:
        """Count a pattern, if it is not known, before its first event is recorded."""
        if not self.knows(pattern_id):
            sums.add(self._db, sums.PATTERNS, 1)
