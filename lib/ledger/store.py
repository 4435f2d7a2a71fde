"""The embedded ledger: patterns, the edges between them, and the events that made them.

SQLite beside the spool. A pattern is content by its id; an occurrence says where it stands: a
file, or one day a function or class in it by its qualified name ("" is the whole file).
"""

import os
import sqlite3
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NamedTuple, cast

from lib.ledger.recording import RECORDED, Recording, add_to_counter, creation_event_id, unpack
from lib.ledger.rows import Origin, Resolved
from lib.ledger.schema import EARLIER_IDS, prepare
from lib.spool.spooled import Event
from lib.system.calls import are_replaced
from lib.system.logs import log

FILE_NAME = "ledger.db"
BUSY_SECONDS = 5.0
DELIVERED = "delivered"


class Taken(NamedTuple):
    """A file of the spool with its event, and whether that has to wait for a service."""

    name: str
    key: str
    event: Event
    waits: bool


class Ledger:
    """The ledger in one database file. Every method may raise sqlite3.Error."""

    def __init__(self, path: str) -> None:
        refuse_links(path)
        self._db = sqlite3.connect(path, timeout=BUSY_SECONDS, isolation_level=None)
        self._db.row_factory = sqlite3.Row
        prepare(self._db)

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

    def record_all(self, events: Iterable[Event]) -> None:
        """Record `events` in one transaction: all of them or, on an exception, none."""
        with self._transaction() as db:
            for event in events:
                Recording(db, event).record()

    def take(self, files: Iterable[Taken]) -> set[str]:
        """Record the events of `files`, as `record_all` does, and remember that it was done.

        What is delivered with that, or says nothing new, is counted; the names of the others,
        which wait for a service. A file that was taken before is left as it is.
        """
        rows = []
        counts: Counter[str] = Counter()
        names = set()
        with self._transaction() as db:
            for file in files:
                before = self._taken(file.name)
                if before and before[0] in ("", file.key):
                    names |= {file.name} if before[1] else set()
                    continue
                outcome = Recording(db, file.event).record()
                waits = file.waits and outcome == RECORDED
                if not waits:
                    counts[DELIVERED if outcome == RECORDED else outcome] += 1
                rows.append((file.name, file.key, waits))
            db.executemany("INSERT OR REPLACE INTO taken VALUES (?, ?, ?)", rows)
            _count(db, counts)
        return names | {name for name, _, waits in rows if waits}

    def _taken(self, name: str) -> tuple[str, int] | None:
        query = "SELECT key, waits FROM taken WHERE name = ?"
        row = self._db.execute(query, (name,)).fetchone()
        return row and tuple(row)

    def taken(self) -> dict[str, tuple[str, bool]]:
        """The files that are recorded and not forgotten: key, and whether it waits, by name."""
        rows = self._db.execute("SELECT name, key, waits FROM taken")
        return {name: (key, bool(waits)) for name, key, waits in rows}

    def waiting(self) -> set[str]:
        """The names of the files that are recorded and wait for a service."""
        return {name for name, (_, waits) in self.taken().items() if waits}

    def settle(
        self, names: Iterable[str], service: str = "", pattern_ids: Iterable[str] = ()
    ) -> None:
        """Those files are delivered, to be said before they are unlinked, and the service at that
        URL knows those patterns."""
        # If power fails before this is on the disk, a file that is gone is counted as removed, and
        # a pattern is told of once more.
        with self._transaction(durable=False) as db:
            query = "UPDATE taken SET waits = 0 WHERE name = ? AND waits"
            done = db.executemany(query, [(name,) for name in names]).rowcount
            _count(db, {DELIVERED: max(done, 0)})
            known = [(service, pattern_id) for pattern_id in pattern_ids]
            db.executemany("INSERT OR IGNORE INTO known_at VALUES (?, ?)", known)

    def forget(self, names: Iterable[str]) -> None:
        """Those files are gone."""
        with self._transaction(durable=False) as db:
            db.executemany("DELETE FROM taken WHERE name = ?", [(name,) for name in names])

    def resolved(self, event_id: str) -> Resolved | None:
        """What was made of a recorded event; None if it is not recorded."""
        query = (
            "SELECT event_type, pattern_id, content_id, parent_pattern_ids, edge_type "
            "FROM events WHERE event_id = ?"
        )
        row = self._db.execute(query, (event_id,)).fetchone()
        if row is None:
            return None
        event_type, pattern_id, content_id, parents, edge_type = row
        return {
            "event_type": event_type, "pattern_id": pattern_id, "content_id": content_id,
            "parents": parents.split(), "edge_type": edge_type,
        }  # fmt: skip

    def creation_of(self, pattern_id: str) -> Origin:
        """What a pattern's creation can be told from."""
        query = (
            "SELECT pattern_name, pattern_type, language, first_seen AS timestamp, code "
            "FROM patterns LEFT JOIN snapshots ON digest = snapshot WHERE pattern_id = ?"
        )
        row = self._db.execute(query, (pattern_id,)).fetchone()
        found: dict[str, Any] = dict(row) if row else {"timestamp": None}
        if found.get("code") is not None:
            found["code"] = unpack(found["code"])
        event_id = creation_event_id(pattern_id)
        query = "SELECT parent_pattern_ids FROM events WHERE event_id = ?"
        told = self._db.execute(query, (event_id,)).fetchone()
        parents = told[0].split() if told else []
        return cast(Origin, {**found, "event_id": event_id, "parents": parents})

    def known_at(self, service: str, pattern_ids: Iterable[str]) -> set[str]:
        """Those of `pattern_ids`, or of the ids of bodies, that the service at that URL has."""
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

    def count(self, counts: Mapping[str, int]) -> None:
        """Add `counts` to the counters of those names."""
        with self._transaction() as db:
            _count(db, counts)

    def fold(self, counts: Mapping[str, int], mark: str) -> None:
        """Add `counts` to the counters, with the counter `mark` to tell that it was done."""
        with self._transaction() as db:
            db.execute("DELETE FROM counters WHERE name LIKE 'folded:%'")
            _count(db, {**counts, mark: 1})

    def counters(self) -> dict[str, int]:
        """All counters."""
        return {row["name"]: row["count"] for row in self._db.execute("SELECT * FROM counters")}

    def has_events(self) -> bool:
        """Whether anything was recorded."""
        return self._db.execute("SELECT 1 FROM events LIMIT 1").fetchone() is not None

    def has_earlier_ids(self) -> bool:
        """Whether it holds ids that were given by the rules of an earlier version."""
        query = "SELECT 1 FROM facts WHERE name = ?"
        return self._db.execute(query, (EARLIER_IDS,)).fetchone() is not None


def refuse_links(path: str) -> None:
    """Raise sqlite3.OperationalError where the ledger at `path`, or a part of it, is a link: SQLite
    would write to whatever it leads to."""
    for name in (path, f"{path}-wal", f"{path}-shm", f"{path}-journal"):
        if os.path.islink(name):
            raise sqlite3.OperationalError(f"{name} is a link, and not followed")


def _count(db: sqlite3.Connection, counts: Mapping[str, int]) -> None:
    for name, number in counts.items():
        if number:
            add_to_counter(db, name, number)


def open_ledger(directory: str) -> Ledger:
    """The ledger of `directory`; one that is damaged is put aside first, and that is counted.

    In memory where a test has replaced the system's calls: SQLite would go on with the real ones,
    and write what the test makes up into a real ledger.
    """
    if are_replaced():
        return Ledger(":memory:")
    path = f"{directory}/{FILE_NAME}"
    try:
        return Ledger(path)
    except sqlite3.OperationalError:
        raise
    except sqlite3.DatabaseError as error:
        aside = f"{path}.damaged-{time.time_ns()}"
        os.rename(path, aside)
        for suffix in ("-wal", "-shm"):
            if os.path.exists(path + suffix):
                os.rename(path + suffix, aside + suffix)
        log(directory, f"the ledger was damaged ({error}); it was put aside as {aside}")
        ledger = Ledger(path)
        ledger.count({"damaged_ledger": 1})
        return ledger
