"""Find the files of a project in which many units of a new file are, or were while they stood."""

import sqlite3
from collections import Counter
from collections.abc import Iterator, Set

from lib.capture.languages import base_name
from lib.ledger import snapshots
from lib.ledger.lives import ENDED, Lives, last_part
from lib.ledger.revisions import DELETED
from lib.units.bounded import read
from lib.units.extraction import Unit
from lib.units.grammars import language_at
from lib.units.sources import Source

# So many units of a name are looked at, and so many files.
_MOST_OF_A_NAME, _MOST = 200, 8
# The part of the names that two files must share; as much counts that they are called the same.
_LEAST_SHARE, _SAME_FILE_NAME = 0.3, 0.2
_OF_NAME = (
    "SELECT path, max(step) FROM units JOIN files USING (file_id) "
    "WHERE last_name = ? AND project IS ? GROUP BY path ORDER BY 2 DESC LIMIT ?"
)
_FILE = (
    "SELECT f.file_id, r.revision_id, r.change, coalesce(p.snapshot, r.snapshot) FROM files f "
    "JOIN revisions r ON r.revision_id = (SELECT max(revision_id) FROM revisions "
    f"WHERE file_id = f.file_id AND revision_id < ?) LEFT JOIN revisions p "
    f"ON p.revision_id = iif(r.change = '{DELETED}', r.parent, r.revision_id) WHERE path = ?"
)


class Elsewhere:
    """The files of a project as they are before a feed, by the ledger.

    Every method may raise sqlite3.Error.
    """

    def __init__(self, db: sqlite3.Connection, project: int | None, feed: int) -> None:
        self._db = db
        self._project = project
        self._feed = feed
        self._lives = Lives(db)

    def having(self, path: str, names: Set[str]) -> Iterator[Source]:
        """Yield the files but `path` that have or had the most of these names, the best first.

        Of those that have as many, what changed last: of several copies, work goes on in one.
        """
        found: Counter[str] = Counter()
        last: dict[str, int] = {}
        for name in names:
            values = (name, self._project, _MOST_OF_A_NAME)
            for other, step in self._db.execute(_OF_NAME, values).fetchall():
                found[other] += 1
                last[other] = max(step, last.get(other, 0))
        found.pop(path, None)
        several = []
        for other in sorted(found, key=lambda one: (-found[one], -last[one]))[:_MOST]:
            source = self._source(other)
            if source and source.language == language_at(path) and source.units:
                own = {last_part(unit.qualified_name) for unit in source.units}
                share = len(own & names) / max(len(own), len(names))
                share += _SAME_FILE_NAME * (base_name(other) == base_name(path))
                several.append((share, last[other], source))
        several.sort(key=lambda one: (-one[0], -one[1]))
        yield from (source for share, _, source in several if share >= _LEAST_SHARE)

    def _source(self, path: str) -> Source | None:
        row = self._db.execute(_FILE, (self._feed, path)).fetchone()
        if row is None:
            return None
        file_id, revision_id, change, digest = row
        code, language = snapshots.read(self._db, digest), language_at(path)
        if code is None or not language:
            return None
        if change != DELETED:
            found = self._lives.standing(file_id)
            units = [Unit(*one[1:]) for one in found[1]] if found else []
            is_told = found is not None and found[0] == revision_id
            return Source(path, language, code, units) if is_told else None
        query = f"SELECT start FROM unit_steps WHERE revision_id = ? AND change IN {ENDED}"
        ended = {start for (start,) in self._db.execute(query, (revision_id,))}
        stood = [one.unit for one in read(code, language).units] if ended else []
        return Source(path, language, code, [u for u in stood if u.start in ended], revision_id)
