"""Catch up with the revisions of a ledger: write what each did to the units of its file.

The revisions are gone through in their order, whoever made them and however they came here, so that
the lives of units are the same whether a step was captured, imported or put into its place later.
No event waits for it. Those files that one call of a shell changed are taken together.
"""

import hashlib
import sqlite3
import time
from collections.abc import Iterator, Sequence

from lib.ledger import rollback, snapshots
from lib.ledger.lives import Lives, Place, Standing
from lib.ledger.remains import Remains, Remnant
from lib.ledger.revisions import DELETED
from lib.ledger.transactions import transaction
from lib.system import packages
from lib.units.bounded import read
from lib.units.elsewhere import Elsewhere
from lib.units.extraction import Unit
from lib.units.feeds import Row, feeds
from lib.units.grammars import language_at
from lib.units.last_parsed import LastParsed
from lib.units.recent import Kept, Recent
from lib.units.splicing import Past, spliced
from lib.units.telling import File, Telling

# Feeds that are written in one transaction, for so long at most.
PORTION, PORTION_SECONDS = 50, 0.2
# Files of one call with so many units, or one with more, are told of in one step.
MOST_TOGETHER = 20_000
# What is said of a feed whose units were not compared, and so many of its files that are named.
TOO_MANY, _NAMED = "too many changed to compare them but by name and text", 3


def is_behind(db: sqlite3.Connection) -> bool:
    """Check whether there are revisions that were not gone through. May raise sqlite3.Error."""
    return Lives(db).is_behind()


def is_possible() -> bool:
    """Check whether code can be parsed here: a plugin may have no packages yet."""
    try:
        packages.load("tree_sitter")
    except packages.Missing:
        return False
    return True


def catch_up(
    db: sqlite3.Connection, seconds: float, last: LastParsed | None = None
) -> tuple[bool, list[str]]:
    """Go through revisions for so long; `last` as for `bounded.read`.

    Returns whether there is more to do, which is not so where it cannot be done, and what had to
    be left out. Raises sqlite3.Error.
    """
    if not is_behind(db) or not is_possible():
        return False, []
    chronicle = Chronicle(db, last)
    is_left = not chronicle.go_on(time.monotonic() + seconds)
    return is_left, chronicle.skipped


class Chronicle:
    """Goes through the revisions of a ledger, from where it was left.

    `skipped` tells which steps of files could not be understood, and why.
    """

    def __init__(self, db: sqlite3.Connection, last: LastParsed | None = None) -> None:
        self._last = last
        self.skipped: list[str] = []
        self._db = db
        self._lives = Lives(db)
        self._reader = snapshots.Reader(db)
        # What the files of each project lost and gained lately.
        self._recent: dict[int | None, Recent] = {}

    def go_on(self, deadline: float) -> bool:
        """Go through revisions until none is left: True; or until `deadline` (monotonic).

        Another process may be at it too.
        """
        until = -1
        while True:
            # What is lost with the power is gone through again.
            with transaction(self._db, durable=False):
                found = self._lives.until()
                if found != until:
                    self._recent = {}
                is_over = self._portion(found, min(deadline, time.monotonic() + PORTION_SECONDS))
                until = self._lives.until()
                rollback.prune(self._db, until)
            if is_over or time.monotonic() >= deadline:
                return is_over

    def _portion(self, after: int, deadline: float) -> bool:
        """Go through the next revisions within a transaction; return whether none is left."""
        for number, feed in enumerate(feeds(self._db, after), 1):
            if number > PORTION or (number > 1 and time.monotonic() >= deadline):
                return False
            if self._take(feed) < len(feed):
                return False
        return True

    def _take(self, feed: Sequence[Row]) -> int:
        """Write what a feed did, or nothing of it where that goes wrong.

        Returns of how many of its revisions: what has too many units is taken in parts.
        """
        count = len(feed)
        self._db.execute("SAVEPOINT feed")
        try:
            count = self._tell(feed)
        except sqlite3.Error:
            raise
        except Exception as error:  # a fault of ours stops one step, and not all that follow
            self._db.execute("ROLLBACK TO feed")
            self._recent = {}
            names = ", ".join(row.path for row in feed)
            self.skipped.append(f"{names}: {type(error).__name__}: {error}")
        self._db.execute("RELEASE feed")
        self._lives.note_until(feed[count - 1].revision_id)
        return count

    def _tell(self, feed: Sequence[Row]) -> int:
        """Write what a feed did, or its beginning; return of how many revisions."""
        files: list[File] = []
        count = units = 0
        while count < len(feed) and units < MOST_TOGETHER:
            file = self._file(feed[count])
            count += 1
            if file:
                files.append(file)
                units += len(file.stood) + len(file.stands)
        if files:
            self._follow(feed[0], files)
        return count

    def _follow(self, first: Row, files: Sequence[File]) -> None:
        """Write what became of the units of files, from the first revision of a feed on."""
        project = first.project
        remains = Remains(self._db, project or 0)
        if project not in self._recent:
            self._recent[project] = Recent(0, _kept(remains))
        recent = self._recent[project]
        recent.feed = first.revision_id - 1
        elsewhere = Elsewhere(self._db, project, recent.feed + 1)
        Telling(self._lives, files).tell(recent, elsewhere.having)
        if recent.are_too_many:
            self._problem(", ".join(file.path for file in files[:_NAMED]), TOO_MANY)
        remains.drop(map(_remnant, recent.dropped))
        remains.add(map(_remnant, recent.added))

    def _file(self, row: Row) -> File | None:
        """Return what a revision made of a file; None where nothing can be told of that."""
        language = language_at(row.path)
        found = self._lives.standing(row.file_id) if language else None
        place = Place(row.file_id, row.revision_id)
        if not language or (row.change == DELETED and found is None):
            return None
        revision_id, stood = found or (0, [])
        before = self._code_of(revision_id) if found else None
        if row.change == DELETED:
            return File(place, row.path, language, before or "", None, stood, {}, [], False)
        code = self._read(row.snapshot)
        if code is None:
            return None
        data = code.encode("utf-8", "surrogatepass")
        past = _past(before, stood)
        known = {digest: one.unit_id for digest, one in zip(past.contents, stood, strict=True)}
        units = spliced(past, data, language, known, self._last) if before else None
        if units is None:
            units, reason = read(code, language, known, self._last)
            if reason:
                self._problem(row.path, reason)
                return None
        is_met = row.is_met if found is None else before is None
        return File(place, row.path, language, before, code, stood, known, units, is_met, data)

    def _problem(self, path: str, reason: str) -> None:
        self.skipped.append(f"{path}: {reason}")

    def _code_of(self, revision_id: int) -> str | None:
        query = "SELECT snapshot FROM revisions WHERE revision_id = ?"
        found = self._db.execute(query, (revision_id,)).fetchone()
        return self._read(found and found[0])

    def _read(self, digest: str | None) -> str | None:
        data = self._reader.read(digest)
        return None if data is None else data.decode("utf-8", "surrogatepass")


def _kept(remains: Remains) -> Iterator[Kept]:
    for one in remains.all():
        yield Kept(*one[:5], Unit(*one.unit), *one[6:])


def _remnant(kept: Kept) -> Remnant:
    return Remnant(*kept)


def _past(code: str | None, units: Sequence[Standing]) -> Past:
    """Tell a file as it was."""
    data = (code or "").encode("utf-8", "surrogatepass")
    contents = [_content(data[one.start : one.end]) for one in units]
    return Past(data, [Unit(*one[1:]) for one in units], contents)


def _content(data: bytes) -> str:
    """Return the digest of a unit's text, as a `Fingerprint` has it."""
    return hashlib.sha256(data).hexdigest()[:32]
