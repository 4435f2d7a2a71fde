"""List the projects of which files were recorded."""

import os
from typing import NamedTuple

from lib.ledger.history import History
from lib.ledger.text import storable


class Root(NamedTuple):
    """A project: its directory, how many files of it were recorded, and the newest event of one."""

    path: str
    files: int
    last_seq: int


def roots(history: History) -> list[Root]:
    """List the projects, that which was changed last first. Raises sqlite3.Error.

    Files in no repository are told by the directories below the one that they have in common.
    """
    query = (
        "SELECT root, count(*), max(last_seq) FROM files JOIN projects ON project_id = project "
        "GROUP BY project"
    )
    found = [Root(*row) for row in history.rows(query, ())]
    query = (
        "SELECT path, last_seq FROM files LEFT JOIN projects ON project_id = project "
        "WHERE root IS NULL AND path LIKE '/%'"
    )
    found += _by_directory(history.rows(query, ()))
    return sorted(found, key=lambda root: (-root.last_seq, root.path))


def _by_directory(files: list[tuple[str, int]]) -> list[Root]:
    """Put files together by their directories."""
    if not files:
        return []
    # What the first and the last have in common all have that are between them.
    paths = [path for path, _ in files]
    ends = [os.path.dirname(path) for path in (min(paths), max(paths))]
    common = os.path.commonpath(ends).rstrip("/")
    counts: dict[str, int] = {}
    newest: dict[str, int] = {}
    start = len(common) + 1
    for path, seq in files:
        end = path.find("/", start)
        place = path[:end] if end > 0 else common or "/"
        counts[place] = counts.get(place, 0) + 1
        newest[place] = max(newest.get(place, 0), seq)
    return [Root(place, count, newest[place]) for place, count in counts.items()]


def root_of(history: History, path: str) -> str:
    """Return the root of the project that the file at `path` is in, "" if it is in none."""
    query = "SELECT root FROM files JOIN projects ON project_id = project WHERE path = ?"
    found = history.rows(query, (storable(path),))
    return str(found[0][0]) if found else ""


def when(history: History, seq: int) -> str:
    """Tell when the event of a number was captured, "" if there is none."""
    found = history.rows("SELECT timestamp FROM events WHERE seq = ?", (seq,))
    return str(found[0][0]) if found else ""
