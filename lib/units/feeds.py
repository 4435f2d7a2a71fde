"""Read which steps of files belong together: those that one call of a shell made."""

import sqlite3
from collections.abc import Iterator
from typing import NamedTuple

_NEXT = (
    "SELECT r.revision_id, r.file_id, path, r.change, r.snapshot, r.session_id, r.tool_use_id, "
    # What is neither made anew nor follows something that was told of was there already.
    "iif(r.parent IS NULL, r.change IN ('before', 'modified'), p.change != 'deleted') AS is_met, "
    "project "
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
    project: int | None


def feeds(db: sqlite3.Connection, after: int) -> Iterator[list[Row]]:
    """Yield the revisions after one that belong together, in their order.

    May raise sqlite3.Error.
    """
    feed: list[Row] = []
    files: set[int] = set()
    for row in _rows(db, after):
        if feed and (row.file_id in files or not _is_together(feed[-1], row)):
            yield feed
            feed, files = [], set()
        feed.append(row)
        files.add(row.file_id)
    if feed:
        yield feed


def _rows(db: sqlite3.Connection, after: int) -> Iterator[Row]:
    while rows := db.execute(_NEXT, (after, _SOME)).fetchall():
        for row in rows:
            after = row[0]
            yield Row(*row)


def _is_together(one: Row, row: Row) -> bool:
    """Check whether a revision is of the same call as another one."""
    is_same = one.project == row.project and one.session_id == row.session_id
    return is_same and bool(row.tool_use_id) and one.tool_use_id == row.tool_use_id
