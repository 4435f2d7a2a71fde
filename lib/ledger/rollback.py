"""Let the lives of units outlast that the steps of files are put into their order.

What was known of units up to the first step that is another one then stays; what came after it is
taken back, change by change, and found again. Triggers write how each of the newest changes is
taken back.
"""

import sqlite3
from collections.abc import Iterator
from itertools import zip_longest

from lib.ledger.lives import Lives

# Changes that came with so many of the newest revisions can be taken back.
REVISIONS = 500
_TABLES = ("units", "unit_steps", "standing", "remains")
# Whatever units depend on; a call's files are taken together.
_STEPS = (
    "SELECT revision_id, session_id || ' ' || tool_use_id, "
    "quote(file_id) || change || coalesce(snapshot, '') || quote(session_id) || quote(tool_use_id) "
    "FROM revisions WHERE file_id >= 0 ORDER BY revision_id"
)
Row = tuple[int, str | None, str]
_NONE: Row = (0, None, "")


def triggers(db: sqlite3.Connection) -> Iterator[str]:
    """Yield the statements that make the triggers, once the tables are there."""
    for table in _TABLES:
        columns = ["rowid", *(row[1] for row in db.execute(f"PRAGMA table_info({table})"))]
        old = [f"quote(old.{name})" for name in columns]
        values = "||','||".join(old)
        settings = "||','||".join(f"'{c}='||{value}" for c, value in zip(columns, old, strict=True))
        for event, statement in (
            ("INSERT", f"'DELETE FROM {table} WHERE rowid='||new.rowid"),
            ("UPDATE", f"'UPDATE {table} SET '||{settings}||' WHERE rowid='||new.rowid"),
            ("DELETE", f"'INSERT INTO {table} ({','.join(columns)}) VALUES ('||{values}||')'"),
        ):
            yield (
                f"CREATE TRIGGER IF NOT EXISTS {table}_{event.lower()} AFTER {event} ON {table} "
                "BEGIN INSERT INTO units_undo (until, statement) VALUES "
                f"((SELECT coalesce(max(revision_id), 0) FROM units_until), {statement}); END"
            )


def forget(db: sqlite3.Connection) -> None:
    """Forget how changes are taken back: that has code of before."""
    db.execute("DELETE FROM units_undo")


def prune(db: sqlite3.Connection, until: int) -> None:
    """Forget how the older changes are taken back, where units are known `until` a revision."""
    db.execute("DELETE FROM units_undo WHERE until < ?", (until - REVISIONS,))


def remember(db: sqlite3.Connection) -> None:
    """Remember the steps of files as they are, before they are made again."""
    db.execute(f"CREATE TEMP TABLE past AS {_STEPS}")


def restore(db: sqlite3.Connection) -> None:
    """Keep what is known of units up to the first step that is another one now."""
    lives = Lives(db)
    until = lives.until()
    same = _same(db)
    last = _reachable(db, until, same[-1][0]) if same else 0
    if last:
        _take_back(db, last)
        _renumber(db, same)
        lives.note_until(next(new for old, new in same if old == last))
    else:
        for table in (*_TABLES, "units_until"):
            db.execute(f"DELETE FROM {table}")
    forget(db)
    db.execute("DROP TABLE temp.past")


def _same(db: sqlite3.Connection) -> list[tuple[int, int]]:
    """List the numbers, before and now, of the first steps that are the same, whole calls alone."""
    past = db.execute("SELECT * FROM temp.past ORDER BY 1")
    now = db.execute(_STEPS)
    found: list[tuple[int, int, str | None]] = []
    calls: set[str | None] = set()
    for before, after in zip_longest(map(tuple, past), map(tuple, now), fillvalue=_NONE):
        if before[2] != after[2]:
            calls = {before[1], after[1]} - {None}
            break
        found.append((before[0], after[0], after[1]))
    while found and found[-1][2] in calls:
        found.pop()
    return [(old, new) for old, new, _ in found]


def _reachable(db: sqlite3.Connection, until: int, last: int) -> int:
    """Return the newest revision, `last` at most, at which units can be had again; 0 if none."""
    if until <= last:
        return until
    query = "SELECT coalesce(max(until), 0) FROM units_undo WHERE until <= ?"
    return int(db.execute(query, (last,)).fetchone()[0])


def _take_back(db: sqlite3.Connection, until: int) -> None:
    query = "SELECT statement FROM units_undo WHERE until >= ? ORDER BY undo_id DESC"
    for (statement,) in db.execute(query, (until,)).fetchall():
        db.execute(statement)


def _renumber(db: sqlite3.Connection, same: list[tuple[int, int]]) -> None:
    db.execute("CREATE TEMP TABLE renumbered (old INTEGER PRIMARY KEY, new INTEGER NOT NULL)")
    db.executemany("INSERT INTO temp.renumbered VALUES (?, ?)", same)
    for table, column in (
        ("unit_steps", "revision_id"), ("standing", "revision_id"), ("remains", "feed"),
    ):  # fmt: skip
        new = f"(SELECT new FROM temp.renumbered WHERE old = {column})"
        db.execute(f"UPDATE {table} SET {column} = {new} WHERE {new} NOT NULL")
    db.execute("DROP TABLE temp.renumbered")
