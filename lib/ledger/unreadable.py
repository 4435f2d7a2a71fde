"""Copy the rows of a damaged database around the pages that cannot be read."""

import os
import sqlite3
import time
from collections.abc import Generator, Iterator
from contextlib import suppress
from typing import Any

from lib.ledger import leaves, reshaping, ways

# What nothing else tells, first: the time may run out.
TABLES = (
    "counters", "facts", "boots", "taken", "known_at", "events", "ways", "patterns", "edges",
    "files", "revisions", "looks", "prompts", "calls", "sessions", "projects", "transcripts",
    "unplaced", "snapshots",
)  # fmt: skip
# What damage does not bring about: the tables that a ledger of an earlier version has not.
_LATER = {9: ("prompts", "calls", "sessions", "projects", "transcripts", "unplaced")}
# The tables that are there instead of others, today and before.
_TODAY, _BEFORE = {"ways"}, {"patterns", "edges"}
_LAST = 2**62
# How many rows in turn are tried where one cannot be read.
_TRIES = 3
# What SQLite keeps beside a database.
BESIDE = ("-wal", "-shm", "-journal")
Row = tuple[Any, ...]


def copy(source: sqlite3.Connection, target: sqlite3.Connection, deadline: float) -> set[str]:
    """Copy what can be read until `deadline` (monotonic); return the tables that lack something.

    Raises sqlite3.Error for what concerns `target`.
    """
    broken = set()
    absent = _absent(source)
    with suppress(sqlite3.DatabaseError):
        if reshaping.is_earlier(source):
            reshaping.imitate(target)
    absent |= _TODAY if reshaping.is_earlier(target) else _BEFORE
    for name in (table for table in TABLES if table not in absent):
        wanted = target.execute(f"PRAGMA table_info({name})").fetchall()
        try:
            here = {row[1] for row in source.execute(f"PRAGMA table_info({name})")}
        except sqlite3.DatabaseError:
            here = set()
        keys = [row[1] for row in sorted(wanted, key=lambda row: int(row[5])) if row[5]]
        columns = keys + [row[1] for row in wanted if row[1] in here and not row[5]]
        if not here.issuperset(keys):
            broken.add(name)
            continue
        table = _Table(source, name, columns, keys, deadline)
        marks = ", ".join("?" * len(columns))
        insert = f"INSERT OR IGNORE INTO {name} ({', '.join(columns)}) VALUES ({marks})"
        target.executemany(insert, table.rows())
        if not table.whole:
            broken.add(name)
            target.executemany(insert, table.rows(back=True))
    return broken


def _absent(source: sqlite3.Connection) -> set[str]:
    """Return the tables that came after the version of the ledger."""
    try:
        (version,) = source.execute("PRAGMA user_version").fetchone()
    except sqlite3.DatabaseError:
        return set()
    return {name for later, names in _LATER.items() if 0 < version < later for name in names}


def copy_of(path: str) -> str:
    """Return where `with_beginning` makes a copy."""
    return f"{path}.copy"


def remove(path: str) -> None:
    """Remove a database with all that is beside it, if it is there."""
    for part in ("", *BESIDE):
        with suppress(FileNotFoundError):
            os.unlink(path + part)


def copy_leaves(path: str, columns: list[str], target: sqlite3.Connection, deadline: float) -> None:
    """Copy the events that stand in the pages of the database at `path`, whatever leads to them.

    `columns`: the names of theirs, in their order. Stops at `deadline` (monotonic). Raises OSError,
    sqlite3.Error.
    """
    needed = [columns.index(name) for name in ("event_id", "timestamp", "event_type", "pattern_id")]
    for seq, values in leaves.rows(path):
        if time.monotonic() > deadline:
            return
        # A row has no more values than the table had columns when it was written.
        if not max(needed) < len(values) <= len(columns):
            continue
        if all(isinstance(values[at], str) for at in needed):
            names = ", ".join(columns[: len(values)])
            marks = ", ".join("?" * len(values))
            query = f"INSERT OR IGNORE INTO events ({names}) VALUES ({marks})"
            target.execute(query, (seq, *values[1:]))


class _Table:
    """A table of a damaged database; `whole` says that every row was read.

    Args:
        columns: those to read; the `keys` come first.
    """

    def __init__(
        self,
        db: sqlite3.Connection,
        name: str,
        columns: list[str],
        keys: list[str],
        deadline: float,
    ) -> None:
        self.whole = True
        self._db = db
        self._name = name
        self._columns = columns
        self._keys = keys
        self._deadline = deadline

    def rows(self, back: bool = False) -> Iterator[Row]:
        """Yield the rows from the first key on, or back from the last, around what is damaged."""
        start: int | None = None
        while True:
            last = yield from self._rows_from(start, back)
            if last is None or back or self._name not in ("events", "snapshots"):
                return
            start = self._past(last)
            if start is None or time.monotonic() > self._deadline:
                return

    def _rows_from(self, start: int | None, back: bool) -> Generator[Row, None, int | None]:
        """Yield the rows from the number `start` on, over single ones that cannot be read.

        Returns the last one's first key, where what comes then cannot be read; None at the end.
        """
        at = failed = 0
        last: Any = (start or 1) - 1
        # By their place and not by the key of the last: looking for that one reads others whole.
        while failed < _TRIES and time.monotonic() < self._deadline:
            try:
                for row in self._select(start, back, at):
                    yield row
                    last, at, failed = row[0], at + 1, 0
                    if time.monotonic() > self._deadline:
                        self.whole = False
                        return None
                return None
            except sqlite3.DatabaseError:
                self.whole = False
            # Python reads a row ahead: this one may come before the damage.
            one = self._one(start, back, at)
            for row in one:
                yield row
                last = row[0]
            at, failed = at + 1, 0 if one else failed + 1
        return last if isinstance(last, int) else 0

    def _select(
        self, start: int | None, back: bool = False, at: int = 0, limit: int = -1
    ) -> sqlite3.Cursor:
        """Select rows from the number `start` on, without the first `at`."""
        beyond = "" if start is None else f"WHERE {self._keys[0]} >= {start}"
        order = ", ".join(f"{key} {'DESC' if back else 'ASC'}" for key in self._keys)
        return self._db.execute(
            f"SELECT {', '.join(self._columns)} FROM {self._name} {beyond} "
            f"ORDER BY {order} LIMIT {limit} OFFSET {at}"
        )

    def _one(self, start: int | None, back: bool, at: int) -> list[Row]:
        try:
            return self._select(start, back, at, limit=1).fetchall()
        except sqlite3.DatabaseError:
            return []

    def _past(self, last: int) -> int | None:
        """Find by doubling steps the number behind the damage after `last`; None if all is."""
        bad, step = last, 1
        while not self._is_readable(bad + step):
            bad, step = bad + step, 2 * step
            if bad + step > _LAST:
                return None
        good = bad + step
        while good - bad > 1:
            middle = (good + bad) // 2
            if self._is_readable(middle):
                good = middle
            else:
                bad = middle
        return good

    def _is_readable(self, number: int) -> bool:
        """Check whether the first row from `number` on can be read; so can it where none is."""
        try:
            self._select(number, limit=1).fetchall()
        except sqlite3.DatabaseError:
            return False
        return True


def derive(db: sqlite3.Connection) -> None:
    """Make anew, out of the events, what was lost of edges.

    The project of a file is told when that is recorded next.
    """
    known = "SELECT 0 UNION ALL SELECT project_id FROM projects"
    db.execute(f"UPDATE files SET project = NULL WHERE project NOT IN ({known})")
    query = "SELECT content_id, pattern_id, parent_pattern_ids, edge_type FROM events"
    for child, subject, parents, edge_type in db.execute(query).fetchall():
        if edge_type:
            ways.join(db, parents.split(), child, edge_type)
        ways.join(db, [subject], child, "derived_from")
