"""Create the ledger's tables, and migrate those of earlier versions."""

import sqlite3
from collections.abc import Callable
from functools import partial

from lib.ledger import migration, reshaping, revisions, rollback
from lib.ledger.transactions import transaction

VERSION = 11
# What a ledger has whose rows of before are still to be counted, and when they are.
UNCOUNTED, COUNTED = 6, 8
# How much of the work it is to count and index the rows.
_ROWS_PART = 0.6
# The fact that a ledger holds ids which were given by the rules of version 0.1.0.
EARLIER_IDS = "earlier_ids"
# The columns that came after version 1, by their tables.
_LATER = {
    "events": {
        "edge_type": "TEXT", "before_snapshot": "TEXT", "boot": "INTEGER", "up": "INTEGER",
        "actor": "TEXT", "told": "TEXT", "pattern_type": "TEXT",
    },
    "boots": {"up": "INTEGER"},
    "files": {"project": "INTEGER"},
    "revisions": {"agent_type": "TEXT"},
}  # fmt: skip

_SCHEMA = """
CREATE TABLE IF NOT EXISTS snapshots (
    snapshot_id INTEGER PRIMARY KEY, digest BLOB NOT NULL UNIQUE, code BLOB NOT NULL, base BLOB,
    steps INTEGER NOT NULL DEFAULT 0, held INTEGER
);
CREATE TABLE IF NOT EXISTS holders (
    digest BLOB NOT NULL, revision_id INTEGER NOT NULL, PRIMARY KEY (digest, revision_id)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS ways (
    child INTEGER NOT NULL, parent INTEGER NOT NULL, kind NOT NULL,
    PRIMARY KEY (child, parent, kind)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS ways_by_parent ON ways (parent);
CREATE TABLE IF NOT EXISTS events (
    seq INTEGER PRIMARY KEY, event_id TEXT NOT NULL UNIQUE, timestamp TEXT NOT NULL,
    event_type TEXT NOT NULL, pattern_id TEXT NOT NULL, pattern_name TEXT, language TEXT,
    file_path TEXT, qualified_name TEXT NOT NULL DEFAULT '', tool_name TEXT, session_id TEXT,
    parent_pattern_ids TEXT NOT NULL, content_id TEXT NOT NULL, snapshot TEXT,
    before_snapshot TEXT, reason TEXT,
    implied INTEGER NOT NULL DEFAULT 0, edge_type TEXT, actor TEXT, boot INTEGER, up INTEGER,
    told TEXT, pattern_type TEXT
);
CREATE TABLE IF NOT EXISTS boots (
    id INTEGER PRIMARY KEY, boot TEXT NOT NULL UNIQUE, up INTEGER
);
CREATE INDEX IF NOT EXISTS events_by_pattern ON events (pattern_id);
CREATE TABLE IF NOT EXISTS files (
    file_id INTEGER PRIMARY KEY, path TEXT NOT NULL UNIQUE, head TEXT NOT NULL,
    last_seq INTEGER NOT NULL, revision INTEGER, gone INTEGER NOT NULL DEFAULT 0, project INTEGER
);
CREATE TABLE IF NOT EXISTS projects (
    project_id INTEGER PRIMARY KEY, root TEXT NOT NULL UNIQUE, repository TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS files_by_head ON files (head);
CREATE TABLE IF NOT EXISTS looks (root TEXT PRIMARY KEY, ended_ns INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS revisions (
    revision_id INTEGER PRIMARY KEY, file_id INTEGER NOT NULL, parent INTEGER, origin INTEGER,
    pattern_id TEXT NOT NULL, snapshot TEXT, actor TEXT NOT NULL, change TEXT NOT NULL,
    timestamp TEXT NOT NULL, seq INTEGER, event_id TEXT UNIQUE, session_id TEXT, program TEXT,
    prompt_id TEXT, tool_use_id TEXT, agent_id TEXT, agent_type TEXT
);
CREATE INDEX IF NOT EXISTS revisions_by_file ON revisions (file_id);
CREATE INDEX IF NOT EXISTS revisions_by_seq ON revisions (seq);
CREATE INDEX IF NOT EXISTS revisions_by_origin ON revisions (origin) WHERE origin NOT NULL;
CREATE TABLE IF NOT EXISTS sessions (
    session_id TEXT PRIMARY KEY, title TEXT, cwd TEXT, branch TEXT, client TEXT
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS prompts (
    prompt_id TEXT PRIMARY KEY, session_id TEXT NOT NULL, timestamp TEXT NOT NULL, text TEXT
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS prompts_by_session ON prompts (session_id);
CREATE TABLE IF NOT EXISTS calls (
    session_id TEXT NOT NULL, tool_use_id TEXT NOT NULL, prompt_id TEXT NOT NULL, model TEXT,
    PRIMARY KEY (session_id, tool_use_id, prompt_id)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS transcripts (
    path TEXT PRIMARY KEY, session_id TEXT NOT NULL, file TEXT NOT NULL DEFAULT '',
    offset INTEGER NOT NULL DEFAULT 0, state TEXT, wanted TEXT NOT NULL DEFAULT '',
    keeps INTEGER NOT NULL DEFAULT 1, since INTEGER NOT NULL DEFAULT 0
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS transcripts_wanted ON transcripts (since) WHERE wanted != '';
CREATE TABLE IF NOT EXISTS unplaced (
    event_id TEXT PRIMARY KEY, timestamp TEXT NOT NULL, boot INTEGER, up INTEGER,
    seq INTEGER NOT NULL, kind INTEGER NOT NULL, event TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS edits (
    day TEXT NOT NULL, ahead INTEGER NOT NULL, file_id INTEGER NOT NULL,
    event_type TEXT NOT NULL, language TEXT NOT NULL, count INTEGER NOT NULL,
    PRIMARY KEY (day, ahead, file_id, event_type, language)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS units (
    unit_id INTEGER PRIMARY KEY, file_id INTEGER NOT NULL, kind TEXT NOT NULL, name TEXT NOT NULL,
    last_name TEXT NOT NULL, step INTEGER NOT NULL, gone INTEGER NOT NULL DEFAULT 0,
    exact BLOB, renamed BLOB
);
CREATE INDEX IF NOT EXISTS units_by_file ON units (file_id);
CREATE INDEX IF NOT EXISTS units_by_name ON units (last_name);
CREATE INDEX IF NOT EXISTS units_by_exact ON units (exact) WHERE exact NOT NULL;
CREATE INDEX IF NOT EXISTS units_by_renamed ON units (renamed) WHERE renamed NOT NULL;
CREATE TABLE IF NOT EXISTS unit_steps (
    step_id INTEGER PRIMARY KEY, unit_id INTEGER NOT NULL, revision_id INTEGER NOT NULL,
    change TEXT NOT NULL, name TEXT NOT NULL, pattern_id TEXT NOT NULL, start INTEGER NOT NULL,
    end INTEGER NOT NULL, origin INTEGER
);
CREATE INDEX IF NOT EXISTS unit_steps_by_unit ON unit_steps (unit_id);
CREATE INDEX IF NOT EXISTS unit_steps_by_revision ON unit_steps (revision_id);
CREATE INDEX IF NOT EXISTS unit_steps_by_pattern ON unit_steps (pattern_id);
CREATE INDEX IF NOT EXISTS unit_steps_by_origin ON unit_steps (origin) WHERE origin NOT NULL;
CREATE TABLE IF NOT EXISTS standing (
    file_id INTEGER PRIMARY KEY, revision_id INTEGER NOT NULL, units TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS remains (
    project INTEGER NOT NULL, feed INTEGER NOT NULL, is_lost INTEGER NOT NULL,
    is_whole INTEGER NOT NULL, path TEXT NOT NULL, language TEXT NOT NULL, unit TEXT NOT NULL,
    before INTEGER NOT NULL, head INTEGER NOT NULL, texts BLOB NOT NULL
);
CREATE INDEX IF NOT EXISTS remains_by_feed ON remains (project, feed);
CREATE TABLE IF NOT EXISTS units_until (revision_id INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS units_undo (
    undo_id INTEGER PRIMARY KEY, until INTEGER NOT NULL, statement TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS units_undo_by_revision ON units_undo (until);
CREATE TABLE IF NOT EXISTS sums (name TEXT PRIMARY KEY, value NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS taken (
    name TEXT PRIMARY KEY, key TEXT NOT NULL, waits INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS known_at (
    service TEXT NOT NULL, pattern_id TEXT NOT NULL, PRIMARY KEY (service, pattern_id)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS facts (name TEXT PRIMARY KEY) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS counters (name TEXT PRIMARY KEY, count INTEGER NOT NULL) WITHOUT ROWID;
"""


def prepare(db: sqlite3.Connection, progress: Callable[[float], None] = lambda part: None) -> None:
    """Create the tables, or migrate those of an earlier version. Raises sqlite3.Error.

    `progress` gets the part that is done, from 0 to 1, every now and then while that takes long.
    """
    # The spool's file is unlinked once the ledger has the event: a commit must be on the disk.
    db.execute("PRAGMA synchronous = FULL")
    # In KiB: the pages of a burst of edits, each of which is written once then.
    db.execute("PRAGMA cache_size = -32000")
    if _version(db) < UNCOUNTED:
        _in_transaction(db, UNCOUNTED, _create)
    rows = _ROWS_PART if _version(db) < COUNTED else 0.0
    if rows:
        migration.count_rows(db, COUNTED, lambda part: progress(rows * part))
    if _version(db) < VERSION:
        migration.in_steps(
            db, partial(_reshape, db), lambda part: progress(rows + (1 - rows) * part)
        )


def _in_transaction(
    db: sqlite3.Connection, version: int, work: Callable[[sqlite3.Connection, int], None]
) -> None:
    """Call `work` with the version that the ledger has, if it is below `version` still."""
    with transaction(db):
        # Asked again: another process may have been here before the transaction began.
        before = _version(db)
        if before < version:
            work(db, before)


def _reshape(db: sqlite3.Connection, tell: Callable[[float], None]) -> float:
    """Give the ledger the tables of this version; return 1.0, for it is all done then."""
    with transaction(db):
        before = _version(db)
        if before < VERSION:
            reshaping.begin(db)
            add_missing(db, before)
            reshaping.finish(db, tell)
            revisions.count_steps(db)
            db.execute(f"PRAGMA user_version = {VERSION}")
    return 1.0


def add_missing(db: sqlite3.Connection, before: int = VERSION) -> None:
    """Add the tables and columns that a ledger of version `before`, 0 for a new one, lacks."""
    for table, columns in _LATER.items() if before else ():
        present = {row[1] for row in db.execute(f"PRAGMA table_info({table})")}
        for column, kind in columns.items():
            if present and column not in present:
                db.execute(f"ALTER TABLE {table} ADD COLUMN {column} {kind}")
    for statement in _SCHEMA.split(";\n"):
        if statement.strip():
            db.execute(statement)
    for statement in rollback.triggers(db):
        db.execute(statement)


def _create(db: sqlite3.Connection, before: int) -> None:
    """Create what is missing; `before` is the version that the ledger has, 0 for a new one."""
    add_missing(db, before)
    if before in (1, 2):
        _count_delivered(db, before)
    if 0 < before < 5:
        db.execute("INSERT OR IGNORE INTO facts VALUES (?)", (EARLIER_IDS,))
    if before:
        migration.begin(db)
    for index in () if before else migration.INDEXES:
        db.execute(index)
    db.execute(f"PRAGMA user_version = {UNCOUNTED if before else VERSION}")


def count_again(db: sqlite3.Connection, keeps_revisions: bool) -> None:
    """Have all that is counted of events counted again when the ledger is opened next."""
    migration.begin(db, keeps_revisions)
    db.execute(f"PRAGMA user_version = {UNCOUNTED}")


def _count_delivered(db: sqlite3.Connection, before: int) -> None:
    """Count what was delivered before version 3: the recorded events that no longer waited."""
    waiting = 0
    if before == 2:
        waiting = db.execute("SELECT count(*) FROM waiting").fetchone()[0]
        db.execute("INSERT INTO taken SELECT name, '', 1 FROM waiting")
        db.execute("DROP TABLE waiting")
    recorded = db.execute("SELECT count(*) FROM events WHERE implied = 0").fetchone()[0]
    db.execute("INSERT OR REPLACE INTO counters VALUES ('delivered', ?)", (recorded - waiting,))


def _version(db: sqlite3.Connection) -> int:
    return int(db.execute("PRAGMA user_version").fetchone()[0])
