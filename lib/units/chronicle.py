"""Catch up with the revisions of a ledger: write what each did to the units of its file.

The revisions are gone through in their order, whoever made them and however they came here, so that
the lives of units are the same whether a step was captured, imported or put into its place later.
No event waits for it. Those files that one call of a shell changed are taken together.
"""

import sqlite3
import time
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from lib.ledger import snapshots
from lib.ledger.lives import Lives, Place
from lib.ledger.revisions import DELETED
from lib.ledger.transactions import transaction
from lib.system import packages
from lib.units.extraction import Unit, extract
from lib.units.grammars import language_at
from lib.units.recent import Recent
from lib.units.recollection import recollected
from lib.units.telling import File, Telling

# Feeds that are written in one transaction, for so long at most.
PORTION, PORTION_SECONDS = 50, 0.2
_NEXT = (
    "SELECT r.revision_id, r.file_id, path, r.change, r.snapshot, r.session_id, r.tool_use_id, "
    # What is neither made anew nor follows something that was told of was there already.
    "iif(r.parent IS NULL, r.change IN ('before', 'modified'), p.change != 'deleted') AS is_met "
    "FROM revisions r JOIN files USING (file_id) "
    "LEFT JOIN revisions p ON p.revision_id = r.parent "
    "WHERE r.revision_id > ? ORDER BY r.revision_id LIMIT ?"
)
# So many revisions are read at a time.
_SOME = 200


class Row(NamedTuple):
    """A revision that is to be told of; `is_met`: its file may have been there before."""

    revision_id: int
    file_id: int
    path: str
    change: str
    snapshot: str | None
    session_id: str | None
    tool_use_id: str | None
    is_met: bool


def is_behind(db: sqlite3.Connection) -> bool:
    """Check whether there are revisions that were not gone through. May raise sqlite3.Error."""
    (last,) = db.execute("SELECT coalesce(max(revision_id), 0) FROM revisions").fetchone()
    return Lives(db).until() < int(last)


def is_possible() -> bool:
    """Check whether code can be parsed here: a plugin may have no packages yet."""
    try:
        packages.load("tree_sitter")
    except packages.Missing:
        return False
    return True


def catch_up(db: sqlite3.Connection, seconds: float) -> tuple[bool, list[str]]:
    """Go through revisions for so long.

    Returns whether there is more to do, which is not so where it cannot be done, and what had to
    be left out. Raises sqlite3.Error.
    """
    if not is_behind(db) or not is_possible():
        return False, []
    chronicle = Chronicle(db)
    is_left = not chronicle.go_on(time.monotonic() + seconds)
    return is_left, chronicle.skipped


class Chronicle:
    """Goes through the revisions of a ledger, from where it was left.

    `skipped` tells which steps of files could not be understood, and why.
    """

    def __init__(self, db: sqlite3.Connection) -> None:
        self.skipped: list[str] = []
        self._db = db
        self._lives = Lives(db)
        self._reader = snapshots.Reader(db)
        self._recent: Recent | None = None

    def go_on(self, deadline: float) -> bool:
        """Go through revisions until none is left: True; or until `deadline` (monotonic)."""
        feeds = self._feeds(self._lives.until())
        while True:
            until = min(deadline, time.monotonic() + PORTION_SECONDS)
            # What is lost with the power is gone through again.
            with transaction(self._db, durable=False):
                for _ in range(PORTION):
                    feed = next(feeds, None)
                    if feed is None:
                        return True
                    self._take(feed)
                    if time.monotonic() >= until:
                        break
            if time.monotonic() >= deadline:
                return not is_behind(self._db)

    def _take(self, feed: Sequence[Row]) -> None:
        """Write what a feed did, or nothing of it where that goes wrong."""
        self._db.execute("SAVEPOINT feed")
        try:
            self._tell(feed)
        except sqlite3.Error:
            raise
        except Exception as error:  # a fault of ours stops one step, and not all that follow
            self._db.execute("ROLLBACK TO feed")
            self._recent = None
            names = ", ".join(row.path for row in feed)
            self.skipped.append(f"{names}: {type(error).__name__}: {error}")
        self._db.execute("RELEASE feed")
        self._lives.note_until(feed[-1].revision_id)

    def _feeds(self, after: int) -> Iterator[list[Row]]:
        """Yield the revisions that belong together, in their order."""
        feed: list[Row] = []
        for row in self._rows(after):
            if feed and not _is_together(feed, row):
                yield feed
                feed = []
            feed.append(row)
        if feed:
            yield feed

    def _rows(self, after: int) -> Iterator[Row]:
        while rows := self._db.execute(_NEXT, (after, _SOME)).fetchall():
            for row in rows:
                after = row[0]
                yield Row(*row)

    def _tell(self, feed: Sequence[Row]) -> None:
        """Write what a feed did."""
        files = [file for file in map(self._file, feed) if file]
        number = feed[0].revision_id
        if self._recent is None and any(file.has_other_names for file in files):
            self._recent = recollected(self._db, number)
        recent = self._recent or Recent()
        recent.feed = number - 1
        if files:
            Telling(self._lives, files).tell(recent)

    def _file(self, row: Row) -> File | None:
        """Return what a revision made of a file; None where nothing can be told of that."""
        language = language_at(row.path)
        found = self._lives.standing(row.file_id) if language else None
        place = Place(row.file_id, row.revision_id)
        if not language or (row.change == DELETED and found is None):
            return None
        before = self._code_of(found[0]) if found else None
        stood = found[1] if found else []
        if row.change == DELETED:
            return File(place, row.path, language, before or "", None, stood, [], False)
        code = self._read(row.snapshot)
        units = None if code is None else units_in(code, language)
        if units is None:
            return None
        is_met = row.is_met if found is None else before is None
        return File(place, row.path, language, before, code, stood, units, is_met)

    def _code_of(self, revision_id: int) -> str | None:
        query = "SELECT snapshot FROM revisions WHERE revision_id = ?"
        found = self._db.execute(query, (revision_id,)).fetchone()
        return self._read(found and found[0])

    def _read(self, digest: str | None) -> str | None:
        data = self._reader.read(digest)
        return None if data is None else data.decode("utf-8", "surrogatepass")


def _is_together(feed: Sequence[Row], row: Row) -> bool:
    """Check whether a revision is of the same call as those before it, and of another file."""
    one = feed[-1]
    is_same = (one.session_id, one.tool_use_id) == (row.session_id, row.tool_use_id)
    return is_same and bool(row.tool_use_id) and all(row.file_id != r.file_id for r in feed)


def units_in(code: str, language: str) -> list[Unit] | None:
    """List the units of code; None where that cannot be told."""
    return extract(code, language)
