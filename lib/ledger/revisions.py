"""Keep the revisions of each file: what it held, one after another, and who made it so.

A revision's parent is the one before it on the same path. The first one of a path may come from
another file, whose content it had. A revision without an event changed no code.
"""

import re
import sqlite3
from typing import NamedTuple

from lib.capture.identity import DIGITS, MARK
from lib.ledger import snapshots, sums
from lib.system.digest import hex_digest

# Who makes a revision: the agent by a tool that edits, the agent by a shell, somebody else, or the
# client that takes back what it did.
AGENT, SHELL, OUTSIDE, UNDO = "agent", "shell", "outside", "undo"
# What happened to the file; BEFORE is what it was when it was recorded first.
CREATED, MODIFIED, UNCHANGED, DELETED = "created", "modified", "unchanged", "deleted"
COPIED, MOVED, BEFORE = "copied", "moved", "before"
# The reason of a step after which the tokens are the same.
FORMAT = "format"
# How the id of code ends in which there is none.
_NOTHING = f"-{hex_digest('')[:DIGITS]}"
_TOKEN = re.compile(r"\w+|[^\w\s]")
_MOST_CHARACTERS = 512 * 1024


class Head(NamedTuple):
    """The last revision of a file: its content's id and snapshot, None where no code was kept."""

    revision_id: int
    file_id: int
    pattern_id: str
    snapshot: str | None
    change: str

    @property
    def gone(self) -> bool:
        """Whether the file was deleted."""
        return self.change == DELETED


class Revision(NamedTuple):
    """What a file came to hold, and how.

    `seq` is the number of its event, None without one; `event_id` is kept where `seq` is not.
    """

    pattern_id: str
    snapshot: str | None
    actor: str
    change: str
    timestamp: str
    seq: int | None = None
    event_id: str | None = None
    session_id: str | None = None
    program: str | None = None
    prompt_id: str | None = None
    tool_use_id: str | None = None
    agent_id: str | None = None
    agent_type: str | None = None


def head_of(db: sqlite3.Connection, path: str) -> Head | None:
    """Return the last revision of the file at `path`, None if it was never seen."""
    row = db.execute(
        "SELECT revision_id, r.file_id, pattern_id, snapshot, change "
        "FROM files JOIN revisions r ON revision_id = revision WHERE path = ?",
        (path,),
    ).fetchone()
    return Head(*row) if row else None


def add(db: sqlite3.Connection, path: str, head: Head | None, new: Revision) -> Head:
    """Add the revision `new` of the file at `path`, whose last one is `head`; return it."""
    origin, change = None, new.change
    if head is None:
        query = "SELECT file_id, head FROM files WHERE path = ?"
        file_id, held = db.execute(query, (path,)).fetchone() or (0, "")
        if not file_id:
            query = "INSERT INTO files (path, head, last_seq) VALUES (?, ?, 0)"
            file_id = db.execute(query, (path, new.pattern_id)).lastrowid
        elif not held:  # its steps are made again
            query = "UPDATE files SET head = ? WHERE file_id = ?"
            db.execute(query, (new.pattern_id, file_id))
    else:
        file_id = head.file_id
    if (head is None or head.gone) and change != MODIFIED:
        found = (
            None
            if is_nothing(new.pattern_id)
            else _elsewhere(db, new.snapshot, file_id, new.timestamp)
        )
        if found:
            origin, change = found.revision_id, MOVED if found.gone else COPIED
    values = (file_id, head and head.revision_id, origin, *new._replace(change=change))
    names = f"file_id, parent, origin, {', '.join(Revision._fields)}"
    marks = ", ".join("?" * len(values))
    added = db.execute(f"INSERT INTO revisions ({names}) VALUES ({marks})", values).lastrowid
    if added and new.snapshot is not None:
        snapshots.hold(db, new.snapshot, added)
    if change != BEFORE:
        sums.add(db, f"{sums.STEPS}{new.actor}", 1)
    query = "UPDATE files SET revision = ?, gone = ? WHERE file_id = ?"
    db.execute(query, (added, change == DELETED, file_id))
    return Head(added or 0, file_id or 0, new.pattern_id, new.snapshot, change)


def count_steps(db: sqlite3.Connection) -> None:
    """Count the steps anew that are kept as sums, within the caller's transaction."""
    db.execute("DELETE FROM sums WHERE name >= ? AND name < 'steps;'", (sums.STEPS,))
    for each in (
        f"actor, count(*) FROM revisions WHERE change != '{BEFORE}'",
        f"reason, count(*) FROM events WHERE reason = '{FORMAT}'",
    ):
        db.execute(f"INSERT INTO sums SELECT ? || {each} GROUP BY 1", (sums.STEPS,))


def _elsewhere(
    db: sqlite3.Connection, snapshot: str | None, file_id: int | None, timestamp: str
) -> Head | None:
    """Find another file that held the same code: one that ended just then, else one that stands."""
    if snapshot is None:
        return None
    rows = db.execute(
        "SELECT r.revision_id, r.file_id, r.pattern_id, r.snapshot, iif(gone, 'deleted', r.change) "
        "FROM revisions r CROSS JOIN files f ON f.file_id = r.file_id "
        "CROSS JOIN revisions last ON last.revision_id = f.revision "
        f"WHERE r.revision_id IN ({snapshots.HOLDERS}) "
        "AND r.snapshot = ?2 AND r.file_id != ?3 AND r.change != 'deleted' "
        "ORDER BY gone AND last.timestamp = ?4 DESC, gone, r.revision_id DESC LIMIT 1",
        (snapshots.key(snapshot), snapshot, file_id, timestamp),
    )
    found = rows.fetchone()
    return Head(*found) if found else None


def is_nothing(pattern_id: str) -> bool:
    """Check whether an id is that of an empty file, or of one with comments alone."""
    return pattern_id.endswith(_NOTHING)


def is_same(
    db: sqlite3.Connection, head: Head, pattern_id: str, snapshot: str | None, code: object
) -> bool:
    """Check whether a file that held `head` holds this content still, whatever its line ends."""
    if head.gone:
        return False
    if snapshot is None or head.snapshot is None:
        return head.pattern_id == pattern_id
    if snapshot == head.snapshot:
        return True
    # What has another id is other code, whatever its line ends.
    code = snapshots.text(db, code) if head.pattern_id == pattern_id else None
    if code is None:
        return False
    return plain(code) == plain(snapshots.read(db, head.snapshot) or "")


def is_layout(before: object, after: object) -> bool:
    """Check whether two pieces of code differ in their layout alone: their tokens are the same."""
    if not isinstance(before, str) or not isinstance(after, str):
        return False
    if max(len(before), len(after)) > _MOST_CHARACTERS:
        return False
    # Without white space they are the same text, which is told much faster.
    if before == after or "".join(before.split()) != "".join(after.split()):
        return False
    return _TOKEN.findall(before) == _TOKEN.findall(after)


def plain(code: str) -> str:
    """Return code as the client tells it: no byte-order mark, lines that end by newlines."""
    return code.removeprefix(MARK).replace("\r\n", "\n").replace("\r", "\n")
