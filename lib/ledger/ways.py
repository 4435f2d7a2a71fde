"""Know a pattern by the number of its first event, and by such numbers what came from what.

Ids are digests: in a table by ids each new row goes into a page of its own. The number of a pattern
never changes, for what is recorded later has a higher one.
"""

import sqlite3
from collections.abc import Iterable

_NEVER = 1 << 62
# Patterns of this type keep none.
USUAL_TYPE = "code"
# The usual kinds of edges; another one is told by its word.
_KINDS = ("modified_from", "derived_from", "merged_from")


def number(pattern_id: str) -> str:
    """Write in SQL the number of the pattern whose id is the expression `pattern_id`.

    Where none has this id, it is one that no event has.
    """
    # Each half has an index.
    halves = (
        f"pattern_id = {pattern_id} AND content_id = pattern_id",
        f"content_id = {pattern_id} AND content_id != pattern_id",
    )
    first = (f"ifnull((SELECT min(seq) FROM events WHERE {half}), {_NEVER})" for half in halves)
    return f"min({', '.join(first)})"


def _patterns(column: str, condition: str) -> str:
    return (
        f"SELECT {column} AS pattern_id, pattern_name, coalesce(pattern_type, '{USUAL_TYPE}') AS "
        "pattern_type, language, snapshot, timestamp AS first_seen FROM events o "
        f"WHERE {condition} AND seq = {number(f'o.{column}')}"
    )


# What is kept of an edge whose type is the expression in the place of the braces.
_TO = " ".join(f"WHEN {kind!r} THEN {place}" for place, kind in enumerate(_KINDS))
KEPT_KIND = f"CASE {{0}} {_TO} ELSE {{0}} END"
_FROM = " ".join(f"WHEN {place} THEN {kind!r}" for place, kind in enumerate(_KINDS))
_KIND = f"CASE kind {_FROM} ELSE kind END"
# What one selects from; with views SQLite 3.40 may not check which pages are free.
PATTERNS = (
    f"({_patterns('pattern_id', 'content_id = pattern_id')} UNION ALL "
    f"{_patterns('content_id', 'content_id != pattern_id')})"
)
EDGES = (
    f"(SELECT c.content_id AS child_id, p.content_id AS parent_id, {_KIND} AS edge_type FROM ways "
    "CROSS JOIN events c ON c.seq = child CROSS JOIN events p ON p.seq = parent)"
)
# What a pattern came from, and what came from it, each the nearest alone.
PARENTS, CHILDREN = (
    f"SELECT content_id, {_KIND} FROM ways CROSS JOIN events ON seq = {other} "
    f"WHERE {one} = {number('?1')} ORDER BY seq"
    for one, other in (("child", "parent"), ("parent", "child"))
)


def number_of(db: sqlite3.Connection, pattern_id: str) -> int | None:
    """Return the number of a pattern, None if it is not recorded. May raise sqlite3.Error."""
    found = int(db.execute(f"SELECT {number('?1')}", (pattern_id,)).fetchone()[0])
    return None if found == _NEVER else found


def join(db: sqlite3.Connection, parents: Iterable[str], child: str, edge_type: str) -> None:
    """Add the edges between recorded patterns that are not known. May raise sqlite3.Error."""
    end = number_of(db, child)
    kind = _KINDS.index(edge_type) if edge_type in _KINDS else edge_type
    for parent in parents:
        other = number_of(db, parent)
        if None not in (end, other) and other != end:
            db.execute("INSERT OR IGNORE INTO ways VALUES (?, ?, ?)", (end, other, kind))
