"""What people ask the ledger: one log with filters, the graph of a pattern, and counts."""

from collections.abc import Iterable
from typing import Any, NamedTuple

from lib.ledger.recording import unpack
from lib.ledger.store import LOG_FIELDS, Ledger


class Edge(NamedTuple):
    """A pattern came from another one; `edge_type` is modified_from, derived_from, merged_from."""

    parent: str
    child: str
    edge_type: str


class Filter(NamedTuple):
    """Which events; "" and None do not narrow the choice.

    `file` is an absolute path, of a file or of a directory above it, or a path's last components;
    `since` and `until` are ISO 8601 in UTC, as the ledger's own times.
    """

    file: str = ""
    session: str = ""
    event_type: str = ""
    since: str = ""
    until: str = ""
    after_seq: int = 0
    up_to_seq: int = 0

    def condition(self) -> tuple[str, list[object]]:
        """The filter as SQL with its parameters."""
        terms: list[str] = ["seq > ?"]
        values: list[object] = [self.after_seq]
        if self.file:
            terms.append(
                "(file_path = ? OR file_path LIKE ? ESCAPE '!' OR file_path LIKE ? ESCAPE '!')"
            )
            path = escaped(self.file.rstrip("/"))
            values += [self.file, f"%/{path.lstrip('/')}", f"{path}/%"]
        for column, value in (("session_id", self.session), ("event_type", self.event_type)):
            if value:
                terms.append(f"{column} = ?")
                values.append(value)
        if self.up_to_seq:
            terms.append("seq <= ?")
            values.append(self.up_to_seq)
        if self.since:
            terms.append("timestamp >= ?")
            values.append(self.since)
        if self.until:
            terms.append("timestamp <= ?")
            values.append(self.until)
        return " AND ".join(terms), values


class History(Ledger):
    """The ledger as its readers ask it. Every method may raise sqlite3.Error."""

    def events(self, chosen: Filter, newest: int = -1) -> list[Any]:
        """The `newest` events (-1: all) that `chosen` lets through, oldest first.

        Rows with LOG_FIELDS, seq, edge_type, content_id, snapshot and implied.
        """
        condition, values = chosen.condition()
        query = (
            f"SELECT seq, {LOG_FIELDS}, edge_type, content_id, snapshot, implied FROM events "
            f"WHERE {condition} ORDER BY seq DESC LIMIT ?"
        )
        return self._db.execute(query, (*values, newest)).fetchall()[::-1]

    def last_seq(self) -> int:
        """The number of the newest event, 0 before the first."""
        return int(self._db.execute("SELECT coalesce(max(seq), 0) FROM events").fetchone()[0])

    def last_capture(self) -> str | None:
        """When the newest event was captured, None before the first."""
        query = "SELECT timestamp FROM events WHERE implied = 0 ORDER BY seq DESC LIMIT 1"
        found = self._db.execute(query).fetchone()
        return str(found[0]) if found else None

    def edges_among(self, pattern_ids: Iterable[str]) -> list[Edge]:
        """The edges whose two ends are among `pattern_ids`, by their ends' names."""
        wanted = set(pattern_ids)
        query = "SELECT parent_id, child_id, edge_type FROM edges WHERE child_id = ?"
        found = [Edge(*row) for node in wanted for row in self._db.execute(query, (node,))]
        return sorted(edge for edge in found if edge.parent in wanted)

    def first_events(self, pattern_ids: Iterable[str]) -> dict[str, Any]:
        """The first event that made each pattern: a row with LOG_FIELDS and seq."""
        query = (
            f"SELECT seq, {LOG_FIELDS} FROM events WHERE pattern_id = ? OR content_id = ? "
            "ORDER BY file_path IS NULL, seq LIMIT 1"
        )
        rows = ((p, self._db.execute(query, (p, p)).fetchone()) for p in pattern_ids)
        return {pattern_id: row for pattern_id, row in rows if row is not None}

    def applied_in(self, pattern_id: str) -> list[str]:
        """The files that were found to apply a pattern, in the order of the first time."""
        query = (
            "SELECT file_path FROM events WHERE pattern_id = ? AND event_type = 'pattern_applied' "
            "AND file_path IS NOT NULL GROUP BY file_path ORDER BY min(seq)"
        )
        return [row[0] for row in self._db.execute(query, (pattern_id,))]

    def code_of(self, pattern_id: str) -> str | None:
        """The code of a pattern as it was first seen, None where none was kept."""
        query = "SELECT code FROM patterns JOIN snapshots ON digest = snapshot WHERE pattern_id = ?"
        return self._code(query, pattern_id)

    def snapshot(self, digest: str | None) -> str | None:
        """The code of a snapshot, None where none was kept."""
        return self._code("SELECT code FROM snapshots WHERE digest = ?", digest)

    def _code(self, query: str, key: str | None) -> str | None:
        found = self._db.execute(query, (key,)).fetchone()
        return unpack(found[0]) if found else None


def escaped(text: str) -> str:
    """`text` as it stands in a LIKE pattern whose escape character is "!"."""
    return text.replace("!", "!!").replace("%", "!%").replace("_", "!_")
