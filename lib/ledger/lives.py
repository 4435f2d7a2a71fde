"""Write the lives of units (functions, methods, classes): what became of each, step by step.

A step belongs to a revision of a file, which tells who made it, when and why, and which holds the
code: the step tells from which byte up to which. What stands in a file now is one row of that file.
"""

import json
import sqlite3
from collections.abc import Iterable
from typing import NamedTuple

from lib.ledger.text import storable

# The words of a step, beside those that say what was changed. BEFORE: it was there already when
# its file was recorded first.
INTRODUCED, COPIED, SPLIT, BEFORE = "introduced", "copied", "split", "before"
DELETED, MERGED = "deleted", "merged"
# The steps after which a unit stands nowhere.
ENDED = (DELETED, MERGED)
# With one of these words a life begins that may prove to be another's.
_BEGUN = " OR ".join(f"' '||change||' ' LIKE '% {w} %'" for w in (INTRODUCED, COPIED, SPLIT))

_STEP = "unit_id, revision_id, change, name, pattern_id, start, end, origin"


class Standing(NamedTuple):
    """A unit in a file, as `lib.units.extraction.Unit` tells it, and its number."""

    unit_id: int
    kind: str
    name: str
    start_line: int
    end_line: int
    start: int
    end: int
    body: int


class Body(NamedTuple):
    """What a unit holds: its pattern's id, and digests of its tokens if it is large enough."""

    pattern_id: str
    exact: bytes | None = None
    renamed: bytes | None = None


class Told(NamedTuple):
    """A step that was told, whose it is, and which unit it is said to be from."""

    step_id: int
    unit_id: int
    change: str
    origin: int | None

    def may_be(self, unit_id: int) -> bool:
        """Check that it may prove to be a step of this unit instead.

        What came with a copy of its file is known to be from there.
        """
        return self.unit_id != unit_id and (not is_carried(self.change) or self.origin == unit_id)


class Place(NamedTuple):
    """A revision of a file in which something happened to a unit."""

    file_id: int
    revision_id: int


class Lives:
    """The units in a ledger, for who writes them within a transaction of its own.

    Every method may raise sqlite3.Error.
    """

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db

    def until(self) -> int:
        """Return the number of the revision up to which units are known, 0 before the first."""
        found = self._db.execute("SELECT max(revision_id) FROM units_until").fetchone()[0]
        return int(found or 0)

    def is_behind(self) -> bool:
        """Check whether there are revisions that were not gone through."""
        query = "SELECT coalesce(max(revision_id), 0) FROM revisions"
        return self.until() < int(self._db.execute(query).fetchone()[0])

    def note_until(self, revision_id: int) -> None:
        """Note that units are known up to this revision."""
        self._db.execute("DELETE FROM units_until")
        self._db.execute("INSERT INTO units_until VALUES (?)", (revision_id,))

    def standing(self, file_id: int) -> tuple[int, list[Standing]] | None:
        """Return what stands in a file and the revision it was seen in; None if that is unknown."""
        query = "SELECT revision_id, units FROM standing WHERE file_id = ?"
        found = self._db.execute(query, (file_id,)).fetchone()
        return (found[0], [Standing(*one) for one in json.loads(found[1])]) if found else None

    def at(self, path: str) -> dict[int, int]:
        """Return the units that stand in the file at `path`, by the bytes at which they begin."""
        query = "SELECT file_id FROM files WHERE path = ?"
        found = self._db.execute(query, (storable(path),)).fetchone()
        stands = self.standing(found[0]) if found else None
        return {one.start: one.unit_id for one in reversed(stands[1])} if stands else {}

    def let_stand(self, place: Place, units: Iterable[Standing]) -> None:
        """Note what stands in a file now."""
        text = json.dumps(list(units), separators=(",", ":"))
        # No replacement: it would tell no trigger that something is deleted.
        self._db.execute(
            "INSERT INTO standing VALUES (?, ?, ?) ON CONFLICT (file_id) "
            "DO UPDATE SET revision_id = excluded.revision_id, units = excluded.units",
            (*place, text),
        )

    def clear(self, file_id: int) -> None:
        """Note that nothing stands in a file, for it is gone."""
        self._db.execute("DELETE FROM standing WHERE file_id = ?", (file_id,))

    def begin(
        self, place: Place, unit: Standing, change: str, body: Body, origin: int | None
    ) -> int:
        """Begin the life of a unit, whose `unit_id` does not count; return its number.

        `origin` is the step of another unit that it was made from.
        """
        # The number that the next step has.
        step, name = "(SELECT coalesce(max(step_id), 0) + 1 FROM unit_steps)", storable(unit.name)
        columns = "file_id, kind, name, last_name, step, exact, renamed"
        query = f"INSERT INTO units ({columns}) VALUES (?, ?, ?, ?, {step}, ?, ?)"
        values = (place.file_id, unit.kind, name, last_part(name), *body[1:])
        unit_id = self._db.execute(query, values).lastrowid or 0
        self._add(place, unit._replace(unit_id=unit_id), change, body, origin)
        return unit_id

    def go_on(
        self, place: Place, unit: Standing, change: str, body: Body, origin: int | None = None
    ) -> None:
        """Add a step to the life of a unit, which stands in `place` now."""
        step, name = self._add(place, unit, change, body, origin), storable(unit.name)
        self._db.execute(
            "UPDATE units SET file_id = ?, kind = ?, name = ?, last_name = ?, step = ?, gone = 0, "
            "exact = ?, renamed = ? WHERE unit_id = ?",
            (place.file_id, unit.kind, name, last_part(name), step, *body[1:], unit.unit_id),
        )

    def _add(
        self, place: Place, unit: Standing, change: str, body: Body, origin: int | None
    ) -> int | None:
        values = (unit.unit_id, place.revision_id, change, storable(unit.name), body.pattern_id)
        query = f"INSERT INTO unit_steps ({_STEP}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
        return self._db.execute(query, (*values, unit.start, unit.end, origin)).lastrowid

    def end(self, place: Place, unit: Standing, change: str, into: int | None) -> None:
        """Add the last step of a unit, which stood in the file of `place` until then.

        `into` is the step of another one that has its text now.
        """
        query = (
            f"INSERT INTO unit_steps ({_STEP}) "
            "SELECT unit_id, ?, ?, s.name, pattern_id, ?, ?, ? FROM units u "
            "JOIN unit_steps s USING (unit_id) WHERE unit_id = ? AND step_id = step"
        )
        values = (place.revision_id, change, unit.start, unit.end, into, unit.unit_id)
        step = self._db.execute(query, values).lastrowid
        query = "UPDATE units SET step = ?, gone = 1 WHERE unit_id = ?"
        self._db.execute(query, (step, unit.unit_id))

    def told(self, path: str, feed: int, name: str, start: int, is_end: bool) -> Told | None:
        """Find what was told in a feed of a unit that stands, or stood, at a byte of a file.

        That is how it ended there, or how it began. A feed has the number of its first revision.
        """
        is_meant = f"change IN {ENDED}" if is_end else f"({_BEGUN})"
        query = (
            "SELECT step_id, unit_id, change, (SELECT unit_id FROM unit_steps o "
            "WHERE o.step_id = s.origin) FROM unit_steps s WHERE revision_id = "
            "(SELECT min(revision_id) FROM revisions JOIN files USING (file_id) WHERE path = ? "
            f"AND revision_id >= ?) AND name = ? AND start = ? AND {is_meant}"
        )
        values = (storable(path), feed, storable(name), start)
        found = self._db.execute(query, values).fetchone()
        return Told(*found) if found else None

    def rename(self, step_id: int, change: str, origin: int | None) -> None:
        """Call a step otherwise, for it is known now where it came from."""
        query = "UPDATE unit_steps SET change = ?, origin = ? WHERE step_id = ?"
        self._db.execute(query, (change, origin, step_id))

    def retract(self, step_id: int) -> None:
        """Take back that a unit has ended."""
        self._db.execute("DELETE FROM unit_steps WHERE step_id = ?", (step_id,))

    def absorb(self, unit_id: int, younger: int, first: int, change: str) -> None:
        """Let a unit go on as the `younger` one, whose `first` step was no beginning but `change`.

        The younger one is no unit of its own then.
        """
        db = self._db
        self.rename(first, change, None)
        query = "UPDATE unit_steps SET unit_id = ? WHERE unit_id = ?"
        db.execute(query, (unit_id, younger))
        columns = "file_id, kind, name, last_name, step, gone, exact, renamed"
        db.execute(
            f"UPDATE units SET ({columns}) = (SELECT {columns} FROM units WHERE unit_id = ?) "
            "WHERE unit_id = ?",
            (younger, unit_id),
        )
        query = "SELECT file_id FROM units WHERE unit_id = ?"
        (file_id,) = db.execute(query, (younger,)).fetchone()
        db.execute("DELETE FROM units WHERE unit_id = ?", (younger,))
        if found := self.standing(file_id):
            here = [one._replace(unit_id=unit_id) if one.unit_id == younger else one
                    for one in found[1]]  # fmt: skip
            self.let_stand(Place(file_id, found[0]), here)

    def last_step(self, unit_id: int) -> int:
        """Return the number of the last step after which a unit stood somewhere."""
        query = f"SELECT max(step_id) FROM unit_steps WHERE unit_id = ? AND change NOT IN {ENDED}"
        return int(self._db.execute(query, (unit_id,)).fetchone()[0])

    def digests(self, unit_id: int) -> tuple[bytes | None, bytes | None]:
        """Return the digests of what a unit holds, as a `Body` has them."""
        query = "SELECT exact, renamed FROM units WHERE unit_id = ?"
        exact, renamed = self._db.execute(query, (unit_id,)).fetchone()
        return exact, renamed

    def same(self, body: Body) -> int | None:
        """Return a step of the oldest unit that has the same tokens, or the same but for names.

        None where there is none, or the unit is too small for that to say anything.
        """
        for column, digest in (("exact", body.exact), ("renamed", body.renamed)):
            query = f"SELECT min(unit_id) FROM units WHERE {column} = ?"
            found = self._db.execute(query, (digest,)).fetchone()[0] if digest else None
            if found:
                return self.last_step(found)
        return None


def is_carried(change: str) -> bool:
    """Check whether the words of a step say that a unit came with a copy of what it stood in."""
    words = set(change.split())
    return COPIED in words and not words.isdisjoint(("moved", "container"))


def last_part(name: str) -> str:
    """Return the last part of a qualified name."""
    return name.rpartition(".")[2]
