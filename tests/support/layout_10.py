"""Give a ledger the tables that it had before patterns were known by numbers (10)."""

import sqlite3
from contextlib import closing
from pathlib import Path

from lib.ledger.reshaping import TABLES
from lib.ledger.ways import EDGES, PATTERNS

VERSION = 10


def give(path: Path) -> None:
    """Rewrite the ledger at `path`, so that it says the same."""
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.execute("BEGIN")
        for name, query in (
            ("s", "SELECT lower(hex(digest)), code, lower(hex(base)), steps FROM snapshots"),
            ("p", f"SELECT * FROM {PATTERNS}"),
            ("e", f"SELECT child_id, parent_id, edge_type, '' FROM {EDGES}"),
        ):
            db.execute(f"CREATE TABLE {name} AS {query}")
        for table in ("snapshots", "ways", "holders"):
            db.execute(f"DROP TABLE {table}")
        for statement in TABLES:
            db.execute(statement)
        for table, name in (("snapshots", "s"), ("patterns", "p"), ("edges", "e")):
            db.execute(f"INSERT INTO {table} SELECT * FROM {name}")
            db.execute(f"DROP TABLE {name}")
        db.execute("CREATE INDEX edges_by_parent ON edges (parent_id)")
        db.execute("CREATE INDEX revisions_by_snapshot ON revisions (snapshot)")
        db.execute("ALTER TABLE events DROP COLUMN pattern_type")
        db.execute(f"PRAGMA user_version = {VERSION}")
        db.execute("COMMIT")
        # What went is no part of it.
        db.execute("VACUUM")
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
