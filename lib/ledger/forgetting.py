"""Forget what people said and what code held: the ledger keeps that something happened, not what.

Ids, times, paths and names stay, so lineage is whole and the books add up; an id is a digest. What
a later step holds too stays with that step: a line that was never removed stands in today's code.
"""

import sqlite3
from typing import NamedTuple

from lib.ledger import rollback, snapshots, unplaced
from lib.ledger.text import storable
from lib.ledger.transactions import transaction

# The columns that refer to a snapshot; those of HOLDERS keep it. What was found before a step is
# what another one left.
_HOLDERS = (("events", "snapshot"), ("revisions", "snapshot"))
_REFERRERS = (*_HOLDERS, ("events", "before_snapshot"))
_LAST = "revision_id IN (SELECT revision FROM files WHERE revision NOT NULL)"


class Chosen(NamedTuple):
    """What is to be forgotten: all of a session, a prompt, a file, or what was before an instant.

    "" chooses nothing. `before` is a time as the ledger writes it; of what was before it, the code
    that a file was left with stays.
    """

    session_id: str = ""
    prompt_id: str = ""
    path: str = ""
    before: str = ""


class Forgotten(NamedTuple):
    """How many prompts, titles of sessions and pieces of code were forgotten."""

    prompts: int
    titles: int
    code: int


def forget(db: sqlite3.Connection, chosen: Chosen, is_real: bool = True) -> Forgotten:
    """Forget what is chosen, in a transaction, and write the file anew without it.

    Unless `is_real`, only count it. Raises sqlite3.Error, also where the disk has no room for a
    second ledger; what was forgotten may then be found in the file's unused pages.
    """
    with transaction(db):
        found = _forget(db, chosen)
        if not is_real:
            db.execute("ROLLBACK")
    if is_real:
        db.execute("VACUUM")
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return found


def _forget(db: sqlite3.Connection, chosen: Chosen) -> Forgotten:
    """Forget what is chosen, within the caller's transaction. Raises sqlite3.Error.

    The rows of prompts stay, without their text: an import does not bring them back.
    """
    told = [_emptied(db, *statement) for statement in _sayings(chosen)]
    db.execute("CREATE TEMP TABLE doomed (digest TEXT PRIMARY KEY)")
    try:
        for table, column, where, values in _conditions(chosen):
            query = f"INSERT OR IGNORE INTO doomed SELECT {column} FROM {table} WHERE {where}"
            db.execute(f"{query} AND {column} NOT NULL", values)
        unplaced.doom(db, chosen.session_id, chosen.path, chosen.before)
        for table, column, where, values in _conditions(chosen):
            kept = f"SELECT {column} FROM {table} WHERE {column} NOT NULL AND NOT ({where})"
            db.execute(f"DELETE FROM doomed WHERE digest IN ({kept})", values)
        digests = [digest for (digest,) in db.execute("SELECT digest FROM doomed")]
        for table, column in _REFERRERS if digests else ():
            here = f"{column} IN (SELECT digest FROM doomed)"
            db.execute(f"UPDATE {table} SET {column} = NULL WHERE {here}")
        unplaced.lose(db, set(digests))
        code = snapshots.delete(db, digests)
        if digests:  # it has some of the same code, and is soon made anew
            db.execute("DELETE FROM remains")
            rollback.forget(db)
    finally:
        db.execute("DROP TABLE doomed")
    prompts, titles = sum(told[:-1]), told[-1]
    return Forgotten(prompts, titles, code)


def _emptied(db: sqlite3.Connection, table: str, column: str, where: str, value: str) -> int:
    query = f"UPDATE {table} SET {column} = NULL WHERE {where} AND {column} NOT NULL"
    return db.execute(query, (storable(value),)).rowcount


def _sayings(chosen: Chosen) -> list[tuple[str, str, str, str]]:
    """List the prompts' texts, and last the titles, to be emptied: table, column, condition."""
    # A session is of the time of its last prompt.
    over = "session_id NOT IN (SELECT session_id FROM prompts WHERE timestamp >= ?1) AND ?1 != ''"
    title = (over, chosen.before) if chosen.before else ("session_id = ?", chosen.session_id)
    return [
        ("prompts", "text", "session_id = ?", chosen.session_id),
        ("prompts", "text", "prompt_id = ?", chosen.prompt_id),
        ("prompts", "text", "timestamp < ?", chosen.before),
        ("sessions", "title", *title),
    ]


def _conditions(chosen: Chosen) -> list[tuple[str, str, str, tuple[str, ...]]]:
    """Write which rows of those that keep code are chosen: table, column, condition, values."""
    of_file = "file_id IN (SELECT file_id FROM files WHERE path = ?)"
    for value, events, revisions in (
        (chosen.session_id, "session_id IS ?", f"session_id IS ? AND NOT {_LAST}"),
        (chosen.path, "file_path IS ?", of_file),
        (chosen.before, "timestamp < ?", f"timestamp < ? AND NOT {_LAST}"),
    ):
        if value:
            where = {"events": events, "revisions": revisions}
            return [(table, column, where[table], (storable(value),))
                    for table, column in _HOLDERS]  # fmt: skip
    return []
