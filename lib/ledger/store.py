"""Write the embedded ledger: events, patterns, and the edges between patterns.

It is an SQLite file in the spool directory. A pattern is content by its id; an occurrence is a
place of it: a file, or one day a function or class by its qualified name ("": the whole file).
"""

import sqlite3
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from typing import Any, cast

from lib.ledger import opening, snapshots
from lib.ledger.connecting import connect
from lib.ledger.counters import add_counts
from lib.ledger.event_ids import creation_event_id, outside_event_id
from lib.ledger.projects import Projects
from lib.ledger.recording import RECORDED, Recording
from lib.ledger.rows import Origin, Resolved, Taken
from lib.ledger.schema import EARLIER_IDS, prepare
from lib.ledger.transactions import transaction
from lib.ledger.wanted import follow
from lib.ledger.ways import PATTERNS
from lib.spool.destination import counters, mark_in, of_event
from lib.spool.spooled import Event
from lib.system.calls import are_replaced

FILE_NAME = "ledger.db"
DELIVERED = "delivered"
# What the facts that name a service begin with: events for it were met.
MET = "service:"


class Ledger:
    """A ledger, in one database file. Every method may raise sqlite3.Error.

    Args:
        path: of the file.
        progress: gets the part that is done, from 0 to 1, while an earlier version's is converted.
        is_read_only: nothing is written beside the file either.

    `lacks_newest` says that what was written last could not be read.
    """

    def __init__(
        self,
        path: str,
        progress: Callable[[float], None] = lambda part: None,
        is_read_only: bool = False,
    ) -> None:
        opening.refuse_links(path)
        self.lacks_newest = False
        if is_read_only:
            self._db, self.lacks_newest = opening.connect_read_only(path)
        else:
            self._db = connect(path)
        self._db.row_factory = sqlite3.Row
        if not is_read_only:
            prepare(self._db, progress)
        self._path, self._file = path, opening.identity(path)
        self._projects = Projects(self._db)

    @property
    def connection(self) -> sqlite3.Connection:
        """The database, to look at it as a file."""
        return self._db

    def rows(self, query: str, values: Iterable[object]) -> list[tuple[Any, ...]]:
        """Return what a query of a module of this room finds."""
        return self._db.execute(query, tuple(values)).fetchall()

    def is_in_place(self) -> bool:
        """Check that this is the ledger still: a damaged one is put aside, and another made."""
        return opening.identity(self._path) == self._file

    def close(self) -> None:
        """Close the database file."""
        self._db.close()

    def record_all(self, events: Iterable[Event]) -> None:
        """Record `events` in one transaction."""
        events = list(events)
        self._projects.learn(events)
        with transaction(self._db) as db:
            for event in events:
                Recording(db, event, self._projects).record()
            self._projects.note(events)

    def take(self, files: Iterable[Taken]) -> set[str]:
        """Record the events of `files` in one transaction, and remember the files as taken.

        Returns the names of those that wait for a service; the others are counted as delivered, or
        by the reason for which they were not recorded. A file that was taken before is skipped.
        """
        files = list(files)
        self._projects.learn(file.event for file in files)
        rows, names, events = [], set(), []
        counts: Counter[str] = Counter()
        urls: set[tuple[str]] = set()
        with transaction(self._db) as db:
            for file in files:
                if (before := self._taken(file.name)) and before[0] in ("", file.key):
                    names |= {file.name} if before[1] else set()
                    continue
                outcome = Recording(db, file.event, self._projects).record()
                events.append(file.event)
                waits = file.waits and outcome == RECORDED
                if not waits:
                    done = DELIVERED if outcome == RECORDED else outcome
                    counts.update(counters(done, mark_in(file.name)))
                if url := of_event(file.event):
                    urls.add((f"{MET}{url}",))
                rows.append((file.name, file.key, waits))
            self._projects.note(file.event for file in files)
            follow(db, events)
            db.executemany("INSERT OR REPLACE INTO taken VALUES (?, ?, ?)", rows)
            db.executemany("INSERT OR IGNORE INTO facts VALUES (?)", urls)
            add_counts(db, counts)
        return names | {name for name, _, waits in rows if waits}

    def _taken(self, name: str) -> tuple[str, int] | None:
        query = "SELECT key, waits FROM taken WHERE name = ?"
        row = self._db.execute(query, (name,)).fetchone()
        return row and tuple(row)

    def taken(self) -> dict[str, tuple[str, bool]]:
        """Return the files that are taken and not forgotten: key, and whether it waits, by name."""
        rows = self._db.execute("SELECT name, key, waits FROM taken")
        return {name: (key, bool(waits)) for name, key, waits in rows}

    def waiting(self) -> set[str]:
        """Return the names of the files that are recorded and wait for a service."""
        return {name for name, (_, waits) in self.taken().items() if waits}

    def settle(
        self, names: Iterable[str], service: str = "", pattern_ids: Iterable[str] = ()
    ) -> None:
        """Count files as delivered before they are unlinked; note which patterns a service has."""
        # If power fails before this is on the disk, a file that is gone is counted as removed, and
        # a pattern is told of once more.
        with transaction(self._db, durable=False) as db:
            query = "UPDATE taken SET waits = 0 WHERE name = ? AND waits"
            counts: Counter[str] = Counter()
            for name in names:
                if db.execute(query, (name,)).rowcount:
                    counts.update(counters(DELIVERED, mark_in(name)))
            add_counts(db, counts)
            known = [(service, pattern_id) for pattern_id in pattern_ids]
            db.executemany("INSERT OR IGNORE INTO known_at VALUES (?, ?)", known)

    def forget(self, names: Iterable[str]) -> None:
        """Forget taken files that are gone from the spool."""
        with transaction(self._db, durable=False) as db:
            db.executemany("DELETE FROM taken WHERE name = ?", [(name,) for name in names])

    def resolved(self, event_id: str, nested: bool = True) -> Resolved | None:
        """Return what was made of a recorded event; None if it is not recorded.

        With `nested` others' step before it too; if that is all, its `event_type` is "".
        """
        query = (
            "SELECT event_id, event_type, pattern_id, content_id, parent_pattern_ids AS parents, "
            "edge_type, reason FROM events WHERE event_id = ?"
        )
        row = self._db.execute(query, (event_id,)).fetchone()
        outside = self.resolved(outside_event_id(event_id), nested=False) if nested else None
        if row is None:
            return outside and {**outside, "event_type": "", "outside": outside}
        return cast(Resolved, {**row, "parents": row["parents"].split(), "outside": outside})

    def creation_of(self, pattern_id: str) -> Origin:
        """Return what a pattern's creation can be told from."""
        query = (
            "SELECT pattern_name, pattern_type, language, first_seen AS timestamp, "
            f"snapshot AS code FROM {PATTERNS} WHERE pattern_id = ?"
        )
        row = self._db.execute(query, (pattern_id,)).fetchone()
        found: dict[str, Any] = dict(row) if row else {"timestamp": None}
        if found.get("code") is not None:
            found["code"] = snapshots.read(self._db, found["code"])
        event_id = creation_event_id(pattern_id)
        query = "SELECT parent_pattern_ids FROM events WHERE event_id = ?"
        told = self._db.execute(query, (event_id,)).fetchone()
        parents = told[0].split() if told else []
        return cast(Origin, {**found, "event_id": event_id, "parents": parents})

    def known_at(self, service: str, pattern_ids: Iterable[str]) -> set[str]:
        """Choose those of `pattern_ids` (or of the ids of bodies) that the service at a URL has."""
        query = "SELECT 1 FROM known_at WHERE service = ? AND pattern_id = ?"
        return {
            pattern_id
            for pattern_id in pattern_ids
            if self._db.execute(query, (service, pattern_id)).fetchone()
        }

    def forget_known(self, service: str, pattern_ids: Iterable[str]) -> None:
        """Note that the service at a URL does not have these patterns after all."""
        query = "DELETE FROM known_at WHERE service = ? AND pattern_id = ?"
        with transaction(self._db) as db:
            db.executemany(query, [(service, pattern_id) for pattern_id in pattern_ids])

    def forget_service(self, service: str) -> None:
        """Note that nothing is known of what the service at a URL has."""
        with transaction(self._db) as db:
            db.execute("DELETE FROM known_at WHERE service = ?", (service,))

    def count(self, counts: Mapping[str, int]) -> None:
        """Add `counts` to the counters of these names."""
        with transaction(self._db) as db:
            add_counts(db, counts)

    def fold(self, counts: Mapping[str, int], mark: str) -> None:
        """Add `counts` to the counters, and set the counter `mark`, which shows that it is done."""
        with transaction(self._db) as db:
            db.execute("DELETE FROM counters WHERE name LIKE 'folded:%'")
            add_counts(db, {**counts, mark: 1})

    def counters(self) -> dict[str, int]:
        """Return every counter by its name."""
        return dict(self._db.execute("SELECT name, count FROM counters").fetchall())

    def has_events(self) -> bool:
        """Check whether anything was recorded."""
        return self._db.execute("SELECT 1 FROM events LIMIT 1").fetchone() is not None

    def has_earlier_ids(self) -> bool:
        """Check whether the ledger holds ids of an earlier version's rules."""
        query = "SELECT 1 FROM facts WHERE name = ?"
        return self._db.execute(query, (EARLIER_IDS,)).fetchone() is not None


def open_ledger(directory: str, progress: Callable[[float], None] = lambda part: None) -> Ledger:
    """Open the ledger of `directory`; `progress` as for a `Ledger`.

    It is in memory where a test has replaced the system calls: SQLite would still use the real
    ones, and write the test's data into a real ledger.
    """
    return Ledger(":memory:" if are_replaced() else f"{directory}/{FILE_NAME}", progress)
