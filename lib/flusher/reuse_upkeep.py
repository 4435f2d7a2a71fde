"""Keep the tables by which hooks see that what was written stands in its project already.

Each project has one of all units that stood in its files when it was made, and a small one of the
files that changed since then. A hook looks at the disk whether what it finds is there still, so
that they may be a little old.
"""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import suppress
from itertools import islice
from math import isqrt
from typing import Any

from lib.capture.hook import REUSE
from lib.capture.reuse_hint import BASE, PROJECTS, RECENT, TOLD
from lib.capture.reuse_index import MAGIC
from lib.capture.reuse_scope import is_left_out
from lib.ledger import snapshots
from lib.ledger.lives import Lives
from lib.ledger.projects import NONE
from lib.system import files, json_codec
from lib.system.digest import hex_digest
from lib.units.excused import is_generated, is_on_purpose
from lib.units.reuse_table import Entry, table

STATE = "state.json"
# That of the tables: those of another are made anew.
FORMAT = MAGIC.decode().strip()
# In files, and by the root of all: when more have changed, the table of all is made anew. The small
# one is made anew with each edit, so that neither may take long.
_FEW, _TIMES = 30, 3
MOST_UNITS = 200_000
# Of what was told hooks read no more than the end.
_MOST_TOLD = 1 << 20
_CHANGED = (
    "SELECT DISTINCT file_id, path FROM revisions JOIN files USING (file_id) "
    "WHERE revision_id > ? AND project = ?"
)
_ALL = "SELECT file_id, path FROM files WHERE project = ? AND NOT gone"
_UNITS = (
    "SELECT unit_id, (SELECT iif(s.change = 'before', '', r.timestamp) FROM unit_steps s "
    "JOIN revisions r USING (revision_id) WHERE s.unit_id = u.unit_id ORDER BY s.step_id LIMIT 1) "
    "FROM units u WHERE file_id = ? AND NOT gone AND exact NOT NULL AND kind != 'class'"
)


class ReuseUpkeep:
    """The tables in the spool at `directory`, for the holder of the flusher's lock."""

    def __init__(self, directory: str) -> None:
        self._place = f"{directory}/{REUSE}"

    def update(self, db: sqlite3.Connection) -> None:
        """Bring the tables up to what is known of units. Raises OSError, sqlite3.Error."""
        until = Lives(db).until()
        seen, projects = self._state()
        if until == seen:
            return
        if until < seen:  # the ledger was made anew
            seen, projects = 0, {}
        query = (
            "SELECT DISTINCT project, root FROM revisions JOIN files USING (file_id) "
            "JOIN projects ON project_id = project WHERE revision_id > ? AND project != ?"
        )
        for project, root in db.execute(query, (seen, NONE)).fetchall():
            if "\n" not in root:
                projects[root] = self._update(db, project, root, projects.get(root), until)
        self._write(PROJECTS, "".join(f"{_name(root)} {root}\n" for root in projects).encode())
        self._write(
            STATE,
            json_codec.dumps({"format": FORMAT, "until": until, "projects": projects}).encode(),
        )
        self._cut()

    def _update(
        self, db: sqlite3.Connection, project: int, root: str, known: list[int] | None, until: int
    ) -> list[int]:
        """Make the tables of a project; return up to which revision that of all is, and its size.

        `known` is what was returned last.
        """
        name = _name(root)
        if known:
            changed = db.execute(_CHANGED, (known[0], project)).fetchall()
            if len(changed) <= max(_FEW, _TIMES * isqrt(known[1])):
                self._write(name + RECENT, table(_entries(db, root, changed)))
                return known
        everything = db.execute(_ALL, (project,)).fetchall()
        self._write(name + BASE, table(islice(_entries(db, root, everything), MOST_UNITS)))
        with suppress(FileNotFoundError):
            os.unlink(f"{self._place}{name}{RECENT}")
        return [until, len(everything)]

    def _state(self) -> tuple[int, dict[str, list[int]]]:
        """Return up to which revision all tables are, and for each project what `_update` did."""
        with suppress(OSError, ValueError, RecursionError, TypeError, KeyError, AttributeError):
            with open(f"{self._place}{STATE}", encoding="utf-8") as file:
                found: Any = json_codec.loads(file.read())
            if found["format"] != FORMAT:
                return 0, {}
            known = {
                str(root): [int(at), int(size)] for root, (at, size) in found["projects"].items()
            }
            return int(found["until"]), known
        return 0, {}

    def _write(self, name: str, data: bytes) -> None:
        files.replace(f"{self._place}{name}", data)

    def _cut(self) -> None:
        """Shorten the list of what was told."""
        path = f"{self._place}{TOLD}"
        with suppress(FileNotFoundError):
            if os.path.getsize(path) > _MOST_TOLD:
                with open(path, "rb") as file:
                    file.seek(-_MOST_TOLD // 2, os.SEEK_END)
                    rest = file.read().partition(b"\n")[2]
                self._write(TOLD, rest)


def _name(root: str) -> str:
    return hex_digest(root)[:16]


def _entries(db: sqlite3.Connection, root: str, found: list[tuple[int, str]]) -> Iterator[Entry]:
    """Yield the units that stand in files (number, path) and may be called from elsewhere."""
    lives = Lives(db)
    for file_id, path in found:
        own = path[len(root) + 1 :]
        standing = None if is_left_out(own) else lives.standing(file_id)
        if standing is None or not standing[1]:
            continue
        code = _code(db, standing[0])
        if code is None:
            continue
        told = dict(db.execute(_UNITS, (file_id,)).fetchall())
        for unit in standing[1]:
            since = told.get(unit.unit_id)
            if since is None:
                continue
            if not is_on_purpose(code, unit.start, unit.end):
                lead = code.count(b"\n", unit.start, unit.body)
                body = code[unit.body : unit.end]
                yield Entry(unit.name, own, lead, since[:10], body)


def _code(db: sqlite3.Connection, revision_id: int) -> bytes | None:
    """Read the code of a revision; None if it is not kept, or nobody wrote it."""
    query = "SELECT snapshot FROM revisions WHERE revision_id = ?"
    row = db.execute(query, (revision_id,)).fetchone()
    code = snapshots.Reader(db).read(row[0]) if row else None
    return None if code is None or is_generated(code) else code
