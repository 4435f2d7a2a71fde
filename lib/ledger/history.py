"""Query the ledger: events by filters, the lineage of a pattern, and its code."""

from array import array
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from lib.ledger import snapshots, ways
from lib.ledger.filters import ALL, Filter, after, escaped
from lib.ledger.revisions import AGENT, FORMAT, OUTSIDE, SHELL, UNCHANGED, UNDO, head_of
from lib.ledger.store import MET, Ledger
from lib.ledger.sums import STEPS
from lib.ledger.text import storable


class Event(NamedTuple):
    """A recorded event.

    `parent_pattern_ids` are separated by spaces; `content_id` is the id of the code, which differs
    from `pattern_id` for a marked file; `snapshot` is the digest of the stored code,
    `before_snapshot` that of the file before, if known; `implied` is 1 for the creation of a parent
    that was never captured; `actor` is None for the agent.
    """

    seq: int
    event_id: str
    timestamp: str
    event_type: str
    pattern_id: str
    pattern_name: str | None
    language: str | None
    file_path: str | None
    tool_name: str | None
    session_id: str | None
    parent_pattern_ids: str
    reason: str | None
    content_id: str
    edge_type: str | None
    snapshot: str | None
    before_snapshot: str | None
    implied: int
    actor: str | None

    @property
    def who(self) -> str:
        """Who did it, as `lib.ledger.revisions` says it."""
        return self.actor or AGENT

    @property
    def parents(self) -> list[str]:
        """The ids of its parents."""
        return self.parent_pattern_ids.split()

    def public(self) -> dict[str, object]:
        """Return the fields that `--json` prints."""
        told = {name: value for name, value in self._asdict().items() if name not in _INNER}
        return {**told, "parent_pattern_ids": self.parents, "actor": self.who}


_INNER = ("seq", "content_id", "edge_type", "snapshot", "before_snapshot", "implied")
_SELECT = f"SELECT {', '.join(Event._fields)} FROM events WHERE"
_OF_PATTERN = "(pattern_id = ?1 OR (content_id = ?1 AND content_id != pattern_id))"
# What steps are counted by.
STEP_KINDS = (AGENT, SHELL, OUTSIDE, UNDO, FORMAT, UNCHANGED)
# So many events are read at a time: a ledger may be larger than memory.
PORTION = 500
# Among so many of the newest events one looks without an index first: there most are found.
RECENT = 10_000


class Edge(NamedTuple):
    """A child pattern and its parent; `edge_type` is modified_from, derived_from or merged_from."""

    parent: str
    child: str
    edge_type: str


class History(Ledger):
    """The ledger with the queries of its readers. Every method may raise sqlite3.Error."""

    def events(self, chosen: Filter = ALL, newest: int = -1) -> list[Event]:
        """List the `newest` events (-1: all) that match `chosen`, oldest first."""
        return list(self.stream(chosen, newest))

    def stream(self, chosen: Filter = ALL, newest: int = -1) -> Iterator[Event]:
        """Yield the same events; however many they are, few of them are held at once."""
        numbers = self._numbers(chosen, newest)
        for start in range(0, len(numbers), PORTION):
            some = numbers[start : start + PORTION]
            marks = ", ".join("?" * len(some))
            query = f"{_SELECT} seq IN ({marks}) ORDER BY seq"
            # At once: who reads slowly would hold up those who write.
            yield from [Event(*row) for row in self._db.execute(query, some)]

    def _numbers(self, chosen: Filter, newest: int) -> "array[int]":
        """Find the numbers of the `newest` events that match `chosen`, in ascending order."""
        last = self.last_seq()
        if chosen.until and newest > 0 and last > RECENT:
            # Cheaper than to sort all that came before.
            before = Filter(until=chosen.until)
            condition, values = before.condition()
            where = f"{before.by_index()} WHERE {condition}"
            query = f"SELECT coalesce(max(seq), 0) FROM events {where}"
            last = int(self._db.execute(query, values).fetchone()[0])
        recent = max(chosen.after_seq, last - RECENT)
        is_all = recent == chosen.after_seq
        if is_all or newest > 0:
            near = chosen._replace(after_seq=recent)
            found = self._matches(near, newest, "NOT INDEXED", last)
            if is_all or len(found) == newest:
                return found
        return self._matches(chosen, newest, chosen.by_index(), last)

    def _matches(self, chosen: Filter, newest: int, index: str, last: int) -> "array[int]":
        condition, values = chosen.condition()
        query = (
            f"SELECT seq FROM events {index} WHERE {condition} AND seq <= ? "
            "ORDER BY seq DESC LIMIT ?"
        )
        found = array("q", (row[0] for row in self._db.execute(query, (*values, last, newest))))
        found.reverse()
        return found

    def last_seq(self) -> int:
        """Return the sequence number of the newest event, 0 before the first."""
        return int(self._db.execute("SELECT coalesce(max(seq), 0) FROM events").fetchone()[0])

    def services(self) -> set[str]:
        """Return the URLs of all services that events were for."""
        query = "SELECT substr(name, ?) FROM facts WHERE name LIKE ? || '%'"
        return {url for (url,) in self._db.execute(query, (len(MET) + 1, MET))}

    def last_capture(self) -> str | None:
        """Tell when the newest event was captured, None before the first."""
        query = "SELECT timestamp FROM events WHERE implied = 0 ORDER BY seq DESC LIMIT 1"
        found = self._db.execute(query).fetchone()
        return str(found[0]) if found else None

    def edges_among(self, pattern_ids: Iterable[str]) -> list[Edge]:
        """List the edges between any two of `pattern_ids`, sorted by their ends."""
        wanted = set(pattern_ids)
        found = [
            Edge(parent, node, kind)
            for node in wanted
            for parent, kind in self._db.execute(ways.PARENTS, (node,))
        ]
        return sorted(edge for edge in found if edge.parent in wanted)

    def events_of(self, pattern_ids: Iterable[str]) -> list[Event]:
        """List the events of these patterns, oldest first."""
        query = f"{_SELECT} {_OF_PATTERN}"
        return sorted({Event(*row) for p in pattern_ids for row in self._db.execute(query, (p,))})

    def first_events(self, pattern_ids: Iterable[str]) -> dict[str, Event]:
        """Find the first event of each pattern, one that names a file if there is any."""
        query = f"{_SELECT} {_OF_PATTERN} ORDER BY file_path IS NULL, seq LIMIT 1"
        return {p: Event(*row) for p in pattern_ids for row in self._db.execute(query, (p,))}

    def names(self, pattern_ids: Iterable[str]) -> dict[str, str]:
        """Map the ids of recorded patterns to their names."""
        query = f"SELECT pattern_id, pattern_name FROM {ways.PATTERNS} WHERE pattern_id = ?"
        return {p: name for one in pattern_ids for p, name in self._db.execute(query, (one,))}

    def knows(self, pattern_id: str) -> bool:
        """Check whether a pattern is recorded."""
        return ways.number_of(self._db, storable(pattern_id)) is not None

    def words_of(self, pattern_id: str) -> tuple[str, str]:
        """Return the language and the type of a pattern, "" where it has none."""
        query = f"SELECT language, pattern_type FROM {ways.PATTERNS} WHERE pattern_id = ?"
        language, pattern_type = self._db.execute(query, (pattern_id,)).fetchone() or ("", "")
        return language or "", pattern_type or ""

    def ids_beginning(self, prefix: str, number: int) -> list[str]:
        """List at most `number` ids of patterns that begin with `prefix`."""
        query = (
            f"SELECT pattern_id FROM {ways.PATTERNS} WHERE pattern_id >= ? AND pattern_id < ? "
            "ORDER BY pattern_id LIMIT ?"
        )
        prefix = storable(prefix)
        return [row[0] for row in self._db.execute(query, (prefix, after(prefix), number))]

    def head(self, file_path: str) -> str:
        """Return the id of what the file at `file_path` held last; "" if it was never seen."""
        found = head_of(self._db, storable(file_path))
        return found.pattern_id if found else ""

    def files_ending(self, path: str) -> list[str]:
        """List the recorded files whose last components are `path`."""
        query = "SELECT path FROM files WHERE path = ? OR path LIKE ? ESCAPE '!' ORDER BY path"
        path = storable(path)
        return [row[0] for row in self._db.execute(query, (path, f"%/{escaped(path)}"))]

    def newest_files(self, number: int, below: str = "") -> list[str]:
        """Return the `number` files in `below` recorded last, but for those that ended."""
        query = "SELECT path FROM files WHERE path LIKE ? ESCAPE '!' AND NOT gone "
        query += "ORDER BY last_seq DESC LIMIT ?"
        rows = self._db.execute(query, (f"{escaped(storable(below).rstrip('/'))}/%", number))
        return [row[0] for row in rows]

    def ancestors(self, pattern_id: str) -> list[str]:
        """List the ids that `pattern_id` came from, nearest first."""
        return self._walk(pattern_id, ways.PARENTS)

    def descendants(self, pattern_id: str) -> list[str]:
        """List the ids that came from `pattern_id`, nearest first."""
        return self._walk(pattern_id, ways.CHILDREN)

    def _walk(self, start: str, query: str) -> list[str]:
        """Walk breadth first and visit no id twice: undoing an edit makes a cycle."""
        seen, found = {start}, [start]
        for node in found:
            new = {row[0]: None for row in self._db.execute(query, (node,))}
            found += [other for other in new if other not in seen]
            seen |= new.keys()
        return found[1:]

    def applied_in(self, pattern_id: str) -> list[str]:
        """List the files in which a pattern was applied, in the order of their first time."""
        query = (
            "SELECT file_path FROM events WHERE pattern_id = ? AND event_type = 'pattern_applied' "
            "AND file_path IS NOT NULL GROUP BY file_path ORDER BY min(seq)"
        )
        return [row[0] for row in self._db.execute(query, (pattern_id,))]

    def steps(self) -> dict[str, int]:
        """Count the steps of each actor, and those that changed the layout alone (`format`).

        Under `unchanged` the calls that changed no code.
        """
        sums = dict(self._db.execute("SELECT name, value FROM sums").fetchall())
        sums[f"{STEPS}{UNCHANGED}"] = self.counters().get(UNCHANGED, 0)
        return {kind: sums.get(f"{STEPS}{kind}", 0) for kind in STEP_KINDS}

    def code_of(self, pattern_id: str) -> str | None:
        """Return the code of a pattern as it was first seen, None where none was kept."""
        query = f"SELECT snapshot FROM {ways.PATTERNS} WHERE pattern_id = ?"
        found = self._db.execute(query, (pattern_id,)).fetchone()
        return self.snapshot(found and found[0])

    def snapshot(self, digest: str | None) -> str | None:
        """Return the code of a snapshot, None where none was kept."""
        return snapshots.read(self._db, digest)

    def contents(self) -> snapshots.Reader:
        """Return what reads the code of many snapshots, one after another."""
        return snapshots.Reader(self._db)
