"""Keep what files lost and gained lately, which may turn up in others, between processes.

That is code, so forgetting any empties it.
"""

import json
import sqlite3
import zlib
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from lib.ledger.text import storable


class Remnant(NamedTuple):
    """A unit that a file lost or gained in a feed: see `lib.units.recent.Kept`."""

    feed: int
    is_lost: bool
    is_whole: bool
    path: str
    language: str
    unit: tuple[Any, ...]
    before: bytes
    head: bytes
    body: bytes

    @property
    def key(self) -> tuple[int, bool, str, str]:
        """What tells it from all others of its project."""
        return self.feed, self.is_lost, storable(self.path), json.dumps(self.unit)


class Remains:
    """What the files of a project lost and gained. Every method may raise sqlite3.Error."""

    def __init__(self, db: sqlite3.Connection, project: int) -> None:
        self._db = db
        self._project = project

    def all(self) -> Iterator[Remnant]:
        """Yield all of it, oldest first."""
        query = (
            "SELECT feed, is_lost, is_whole, path, language, unit, before, head, texts "
            "FROM remains WHERE project = ? ORDER BY rowid"
        )
        rows = self._db.execute(query, (self._project,)).fetchall()
        # All at once: one by one takes longer than all else here.
        units = json.loads(f"[{','.join(row[5] for row in rows)}]")
        for row, unit in zip(rows, units, strict=True):
            feed, is_lost, is_whole, path, language, _, before, head, texts = row
            data = zlib.decompress(texts)
            parts = data[:before], data[before : before + head], data[before + head :]
            about = feed, bool(is_lost), bool(is_whole), path, language
            yield Remnant(*about, tuple(unit), *parts)

    def add(self, remnants: Iterable[Remnant]) -> None:
        """Keep more."""
        rows = []
        for one in remnants:
            feed, is_lost, path, unit = one.key
            about = self._project, feed, is_lost, one.is_whole, path, one.language, unit
            texts = _compressed(one.before + one.head + one.body)
            rows.append((*about, len(one.before), len(one.head), texts))
        self._db.executemany("INSERT INTO remains VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", rows)

    def drop(self, remnants: Iterable[Remnant]) -> None:
        """Keep these no longer."""
        query = (
            "DELETE FROM remains WHERE project = ? AND feed = ? AND is_lost = ? AND path = ? "
            "AND unit = ?"
        )
        self._db.executemany(query, [(self._project, *one.key) for one in remnants])


def _compressed(data: bytes) -> bytes:
    # With as little memory as does for a function: to clear more of it takes longest.
    compressing = zlib.compressobj(1, zlib.DEFLATED, 12, 5)
    return compressing.compress(data) + compressing.flush()
