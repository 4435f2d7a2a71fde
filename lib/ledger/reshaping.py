"""Bring a ledger of an earlier version into the tables of today, in one transaction.

What was kept twice goes: a table of patterns, edges by ids of patterns, revisions by their code.
Whoever reads meanwhile has what was there before, and so has whoever interrupts it.
"""

import sqlite3
from collections.abc import Callable

from lib.ledger import snapshots, sums
from lib.ledger.event_ids import creation_event_id
from lib.ledger.ways import KEPT_KIND, USUAL_TYPE

_IS_EARLIER = "SELECT 1 FROM sqlite_master WHERE name = 'edges'"
# What an earlier version had in the place of what has these names now.
TABLES = (
    "CREATE TABLE snapshots (digest TEXT PRIMARY KEY, code BLOB NOT NULL, base TEXT, "
    "steps INTEGER NOT NULL DEFAULT 0) WITHOUT ROWID",
    "CREATE TABLE patterns (pattern_id TEXT PRIMARY KEY, pattern_name TEXT, pattern_type TEXT, "
    "language TEXT, snapshot TEXT, first_seen TEXT NOT NULL) WITHOUT ROWID",
    "CREATE TABLE edges (child_id TEXT NOT NULL, parent_id TEXT NOT NULL, edge_type TEXT NOT NULL, "
    "event_id TEXT NOT NULL, PRIMARY KEY (child_id, parent_id, edge_type)) WITHOUT ROWID",
)
_NUMBERED = (
    "CREATE TEMP TABLE numbered (pattern_id TEXT PRIMARY KEY, seq INTEGER) WITHOUT ROWID",
    "INSERT OR IGNORE INTO numbered SELECT content_id, seq FROM events ORDER BY content_id, seq",
)
# A pattern without an event, by the creation that it implies.
_LONELY = (
    "SELECT pattern_id, pattern_name, language, snapshot, first_seen FROM patterns p "
    "WHERE NOT EXISTS (SELECT 1 FROM numbered n WHERE n.pattern_id = p.pattern_id)"
)
_IMPLIED = (
    "INSERT OR IGNORE INTO events (event_id, pattern_id, content_id, pattern_name, language, "
    "snapshot, timestamp, event_type, parent_pattern_ids, implied) "
    "VALUES (?1, ?2, ?2, ?3, ?4, ?5, ?6, 'pattern_created', '', 1)"
)
_TYPES = (
    "UPDATE events SET pattern_type = (SELECT coalesce(pattern_type, '') FROM patterns p "
    "WHERE p.pattern_id = content_id) WHERE seq IN (SELECT seq FROM patterns "
    f"JOIN numbered USING (pattern_id) WHERE pattern_type IS NOT '{USUAL_TYPE}')"
)
_WAYS = (
    f"INSERT OR IGNORE INTO ways SELECT c.seq, p.seq, {KEPT_KIND.format('edge_type')} "
    "FROM edges JOIN numbered c ON c.pattern_id = child_id "
    "JOIN numbered p ON p.pattern_id = parent_id WHERE c.seq != p.seq ORDER BY 1, 2, 3"
)
_HELD = (
    "CREATE TEMP TABLE held (digest TEXT PRIMARY KEY, revision_id INTEGER) WITHOUT ROWID",
    "INSERT OR IGNORE INTO held SELECT snapshot, revision_id FROM revisions "
    "WHERE snapshot NOT NULL ORDER BY snapshot, revision_id",
    "DELETE FROM holders",
    "INSERT OR IGNORE INTO holders SELECT key_of(snapshot), r.revision_id FROM held h "
    "JOIN revisions r ON r.snapshot = h.digest AND r.revision_id != h.revision_id "
    "ORDER BY 1, 2",
)
# In several turns: pages that are filled from the first to the last have no room for what comes.
_CODE = tuple(
    "INSERT OR IGNORE INTO snapshots (digest, code, base, steps, held) SELECT key_of(f.digest), "
    "code, key_of(base), steps, revision_id FROM former f LEFT JOIN held h ON h.digest = f.digest "
    f"WHERE instr('{digits}', substr(f.digest, -1)) ORDER BY f.digest"
    for digits in ("048c", "159d", "26ae", "37bf")
)
_HELD_AGAIN = (
    "UPDATE snapshots SET held = "
    "(SELECT revision_id FROM held h WHERE h.digest = lower(hex(snapshots.digest)))"
)
# Which part is done after each of the statements, as far as anybody has measured.
_DONE = dict(zip(
    (*_NUMBERED, _TYPES, _WAYS, *_HELD, *_CODE),
    (0.01, 0.1, 0.15, 0.4, 0.4, 0.5, 0.5, 0.55, 0.65, 0.75, 0.85, 0.95),
    strict=True,
))  # fmt: skip


def begin(db: sqlite3.Connection) -> None:
    """Put what has other tables by now out of the way, before those of today are made."""
    if is_earlier(db):
        db.execute("ALTER TABLE snapshots RENAME TO former")


def is_earlier(db: sqlite3.Connection) -> bool:
    """Check whether a ledger has the tables of an earlier version. May raise sqlite3.Error."""
    return db.execute(_IS_EARLIER).fetchone() is not None


def imitate(db: sqlite3.Connection) -> None:
    """Give an empty ledger the tables of an earlier version, to copy one into it."""
    for statement in ("DROP TABLE snapshots", *TABLES):
        db.execute(statement)


def finish(db: sqlite3.Connection, progress: Callable[[float], None] = lambda part: None) -> None:
    """Bring all rows into the tables of today, within the caller's transaction.

    `progress` hears which part is done, from 0 to 1. Raises sqlite3.Error, and what that raises.
    """
    db.create_function("key_of", 1, snapshots.key, deterministic=True)

    def run(*statements: str) -> None:
        for statement in statements:
            db.execute(statement)
            progress(_DONE.get(statement, 0.0))

    earlier = is_earlier(db)
    if earlier:
        run(*_NUMBERED)
        for pattern_id, *told in db.execute(_LONELY).fetchall():
            event_id = creation_event_id(pattern_id)
            seq = db.execute(_IMPLIED, (event_id, pattern_id, *told)).lastrowid
            db.execute("INSERT INTO numbered VALUES (?, ?)", (pattern_id, seq))
        run(_TYPES, _WAYS)
    of = "numbered" if earlier else "(SELECT content_id FROM events GROUP BY content_id)"
    db.execute(f"INSERT OR REPLACE INTO sums SELECT ?, count(*) FROM {of}", (sums.PATTERNS,))
    run(*_HELD, *(_CODE if earlier else (_HELD_AGAIN,)))
    run("DROP TABLE temp.held", "DROP INDEX IF EXISTS revisions_by_snapshot")
    if earlier:
        run(*(f"DROP TABLE {name}" for name in ("temp.numbered", "former", "patterns", "edges")))
