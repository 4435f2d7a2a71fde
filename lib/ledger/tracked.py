"""Ask and note what is known of the files of a project, for who looks it through."""

import sqlite3
from collections.abc import Callable, Iterator

from lib.ledger import revisions, snapshots
from lib.ledger.revisions import plain
from lib.ledger.snapshots import digest_of
from lib.ledger.text import storable
from lib.spool.spooled import Event
from lib.system.timestamps import timestamp

# So many states of a file are looked through, the latest.
MOST_STATES = 64
_STATES = (
    "SELECT snapshot FROM files JOIN revisions USING (file_id) WHERE path = ? AND timestamp <= ? "
    "ORDER BY revision_id DESC LIMIT ?"
)


def alike(code: str) -> str:
    """Return code as a diff tells it: with newlines alone, and maybe without the last of them."""
    return plain(code).removesuffix("\n")


class Tracked:
    """The files in a ledger. Every method may raise sqlite3.Error.

    `clean` takes the secrets out of code, as it was done to what is recorded.
    """

    def __init__(self, db: sqlite3.Connection, clean: Callable[[str], str] = str) -> None:
        self._db = db
        self._clean = clean

    def files_below(self, root: str) -> list[str]:
        """List the recorded files below the directory `root` that are not gone.

        Without those of other worktrees of its repository: what happens there is another's.
        """
        return self._below(root, "NOT gone")

    def recorded_below(self, root: str) -> list[str]:
        """List the recorded files below a directory as above, those that are gone too."""
        return self._below(root, "revision IS NOT NULL")

    def _below(self, root: str, which: str) -> list[str]:
        low, high = storable(f"{root.rstrip('/')}/"), storable(f"{root.rstrip('/')}0")
        query = (
            f"SELECT path FROM files WHERE path >= ?1 AND path < ?2 AND {which} "
            "AND project NOT IN (SELECT t.project_id FROM projects p JOIN projects t "
            "USING (repository) WHERE p.root = ?3 AND t.root != ?3) IS NOT FALSE"
        )
        return [row[0] for row in self._db.execute(query, (low, high, storable(root)))]

    def holds(self, path: str, event: Event) -> bool:
        """Check whether the file at `path` was recorded last with just the code of `event`."""
        head = revisions.head_of(self._db, storable(path))
        if head is None or head.gone or head.pattern_id != event.get("content_pattern_id"):
            return False
        code = event["event_data"]["pattern_data"].get("code")
        return head.snapshot is None or code is None or head.snapshot.startswith(digest_of(code))

    def code(self, path: str) -> str | None:
        """Return what the file at `path` held last; None where that is not kept, or it is gone."""
        head = revisions.head_of(self._db, storable(path))
        return None if head is None else snapshots.read(self._db, head.snapshot)

    def states(self, path: str, until_ns: int) -> Iterator[str]:
        """Yield what the file at `path` held until then, the last first: the latest states.

        "" where it was gone, or that is not kept.
        """
        rows = self._db.execute(_STATES, (storable(path), timestamp(until_ns), MOST_STATES))
        reader = snapshots.Reader(self._db)
        for (held,) in rows.fetchall():
            yield (reader.read(held) or b"").decode("utf-8", "surrogatepass")

    def cleaned(self, code: str) -> str:
        """Return `code` as it is recorded."""
        return self._clean(code)

    def looked(self, root: str) -> int:
        """Return until when the directory `root` was looked through, in ns since 1970; 0: never."""
        query = "SELECT ended_ns FROM looks WHERE root = ?"
        found = self._db.execute(query, (storable(root),)).fetchone()
        return int(found[0]) if found else 0

    def note_look(self, root: str, ended_ns: int) -> None:
        """Note that the directory `root` was looked through until `ended_ns`."""
        query = "INSERT OR REPLACE INTO looks VALUES (?, ?)"
        self._db.execute(query, (storable(root), ended_ns))
