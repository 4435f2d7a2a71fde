"""Know which project each file is in: its repository's root, and what all worktrees share."""

import os
import sqlite3
from collections.abc import Iterable

from lib.ledger.revisions import is_nothing
from lib.ledger.text import storable
from lib.spool.spooled import Event
from lib.system import places
from lib.system.places import Checkout

# `files.project` of a file that is in no repository.
NONE = 0
# The events whose code has the id that is the first parameter; each half has an index.
_OF_CONTENT = (
    "((pattern_id = ?1 AND content_id = pattern_id) OR "
    "(content_id = ?1 AND content_id != pattern_id))"
)
# What a row of files tells, joined with that of its project; see `told`.
COLUMNS = "project, root, repository"


class Projects:
    """The projects of the files in a ledger; asks the disk once for each directory.

    Every method but `learn` may raise sqlite3.Error.
    """

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db
        # By the directory; None where the disk did not answer, and is asked again.
        self._found: dict[str, Checkout | None] = {}

    def learn(self, events: Iterable[Event]) -> None:
        """Ask the disk where the files of `events` are. For before a transaction: it may wait."""
        for directory in {os.path.dirname(path) for path in _paths(events)}:
            if self._found.get(storable(directory)) is None:
                found = places.checkout(directory)
                self._found[storable(directory)] = found and Checkout(*map(storable, found))

    def note(self, events: Iterable[Event]) -> None:
        """Keep where the files of `events` are, as far as that is known."""
        rows = []
        ids: dict[Checkout, int] = {}
        for path in map(storable, _paths(events)):
            found = self._found.get(os.path.dirname(path))
            if found is not None:
                ids[found] = ids[found] if found in ids else self._id(found)
                rows.append((ids[found], path))
        query = "UPDATE files SET project = ?1 WHERE path = ?2 AND project IS NOT ?1"
        self._db.executemany(query, rows)

    def name(self, path: str) -> str:
        """Return a name for the file at `path` that is the same in all worktrees."""
        found = self._found.get(os.path.dirname(path))
        return found.name(path) if found else self._stored_name(path)

    def hold(self, pattern_id: str, path: str) -> bool:
        """Check that another file than `path`, in any worktree, holds code with this id."""
        if is_nothing(pattern_id):
            return False
        others = "SELECT DISTINCT file_path FROM events WHERE implied = 0 AND file_path != ?2"
        found = self._db.execute(f"{others} AND {_OF_CONTENT}", (pattern_id, path))
        here = self.name(path)
        return any(self.name(other) != here for (other,) in found)

    def _stored_name(self, path: str) -> str:
        query = f"SELECT {COLUMNS} FROM files LEFT JOIN projects ON project_id = project"
        row = self._db.execute(f"{query} WHERE path = ?", (path,)).fetchone()
        return name_of(path, *row or (None, None, None))

    def _id(self, project: Checkout) -> int:
        if not project.root:
            return NONE
        self._db.execute(
            "INSERT INTO projects (root, repository) VALUES (?, ?) ON CONFLICT (root) "
            "DO UPDATE SET repository = excluded.repository",
            project,
        )
        query = "SELECT project_id FROM projects WHERE root = ?"
        return int(self._db.execute(query, (project.root,)).fetchone()[0])


def name_of(path: str, project: int | None, root: str | None, repository: str | None) -> str:
    """Return a name for the file at `path` that is the same in all worktrees.

    The rest is what its row holds in `COLUMNS`; where that does not tell, the disk is asked.
    """
    if root and repository:
        return Checkout(root, repository).name(path)
    return path if project == NONE else places.in_any_worktree(path)


def checkout_of(db: sqlite3.Connection, path: str) -> Checkout | None:
    """Return where the file at `path` is, None where that cannot be known now.

    Where its row does not tell, the disk is asked. Raises sqlite3.Error.
    """
    query = f"SELECT {COLUMNS} FROM files LEFT JOIN projects ON project_id = project"
    row = db.execute(f"{query} WHERE path = ?", (storable(path),)).fetchone()
    project, root, repository = row or (None, None, None)
    if root and repository:
        return Checkout(root, repository)
    return Checkout("", "") if project == NONE else places.checkout(os.path.dirname(path))


def _paths(events: Iterable[Event]) -> set[str]:
    paths = (event["event_data"].get("file_path") for event in events)
    return {path for path in paths if isinstance(path, str) and path}
