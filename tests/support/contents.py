"""What a ledger says, whatever its rows are numbered."""

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

from lib.ledger import snapshots
from lib.ledger.ways import EDGES, PATTERNS
from lib.units import chronicle

# When something was captured, by the clock of the boot, a transcript does not tell.
_UNTOLD = {"seq", "boot", "up", "file_id", "revision_id", "parent", "origin", "project", "revision"}
_REVISIONS = (
    "SELECT f.path, r.*, (SELECT count(*) FROM revisions b WHERE b.file_id = r.file_id "
    "AND b.revision_id <= r.parent) AS after, o.number AS copy, o.path AS copied_from, "
    "coalesce(e.event_id, r.event_id) AS of_event "
    "FROM revisions r JOIN files f ON f.file_id = r.file_id LEFT JOIN events e ON e.seq = r.seq "
    "LEFT JOIN (SELECT revision_id, path, row_number() OVER "
    "(PARTITION BY file_id ORDER BY revision_id) AS number FROM revisions JOIN files "
    "USING (file_id)) o ON o.revision_id = origin ORDER BY f.path, r.revision_id"
)
_FILES = (
    "SELECT path, head, gone, e.event_id, (SELECT max(revision_id) FROM revisions r "
    "WHERE r.file_id = f.file_id) = revision AS is_last "
    "FROM files f LEFT JOIN events e ON e.seq = last_seq ORDER BY path"
)
_UNIT_STEPS = (
    "SELECT f.path, (SELECT count(*) FROM revisions b WHERE b.file_id = r.file_id "
    "AND b.revision_id <= r.revision_id) AS number, s.change, s.name, s.pattern_id, s.start, "
    "s.end, f_o.path AS from_path, o.name AS from_name, u.name AS is_now, u.kind, "
    "f_u.path AS is_in, u.gone, hex(exact), hex(renamed) "
    "FROM unit_steps s JOIN revisions r USING (revision_id) JOIN files f USING (file_id) "
    "JOIN units u USING (unit_id) JOIN files f_u ON f_u.file_id = u.file_id "
    "LEFT JOIN unit_steps o ON o.step_id = s.origin "
    "LEFT JOIN revisions r_o ON r_o.revision_id = o.revision_id "
    "LEFT JOIN files f_o ON f_o.file_id = r_o.file_id ORDER BY 1, 2, s.start, s.name, s.change"
)
_STANDING = (
    "SELECT files.path, u.name AS life, json_extract(one.value, '$[2]') AS name, "
    "json_extract(one.value, '$[5]') AS start "
    "FROM files JOIN standing s USING (file_id) JOIN json_each(s.units) one "
    "LEFT JOIN units u ON unit_id = json_extract(one.value, '$[0]') ORDER BY 1, one.key"
)
_QUERIES = {
    "events": "SELECT * FROM events ORDER BY seq",
    "patterns": f"SELECT * FROM {PATTERNS} ORDER BY pattern_id",
    "edges": f"SELECT * FROM {EDGES} ORDER BY child_id, parent_id, edge_type",
    "revisions": _REVISIONS,
    "files": _FILES,
    "edits": "SELECT day, ahead, path, event_type, language, count FROM edits "
    "LEFT JOIN files USING (file_id) ORDER BY 1, 2, 3, 4, 5",
    "sums": "SELECT * FROM sums ORDER BY name",
    "unit_steps": _UNIT_STEPS,
    "standing": _STANDING,
}


def contents(path: Path | str) -> dict[str, list[dict[str, Any]]]:
    """All rows that follow from events, by their tables, and the code that they refer to."""
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        # A run of the flusher may have left some of that to the next one.
        assert chronicle.catch_up(db, 60.0) == (False, [])
        db.row_factory = sqlite3.Row
        found = {
            table: [
                {name: value for name, value in dict(row).items() if name not in _UNTOLD}
                for row in db.execute(query)
            ]
            for table, query in _QUERIES.items()
        }
        digests = {row[name] for table in ("events", "revisions", "patterns")
                   for row in found[table] for name in ("snapshot", "before_snapshot")
                   if row.get(name)}  # fmt: skip
        code = [{"digest": digest, "code": snapshots.read(db, digest)} for digest in digests]
        found["code"] = sorted(code, key=lambda one: str(one["digest"]))
        return found
