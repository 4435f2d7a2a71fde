"""The tables of the team's server, the same in SQLite and in PostgreSQL, and their migrations.

All that is known follows from three tables: `events`, one row a body; `edges` and `units`, what
each event says of parents and of functions, which go when their event goes. A pattern is what its
events tell: `told` is 0 where an event says what the pattern is, 1 where a client presupposes that
(`implied`; counts as no event), 2 where one only uses it. The first to be taken is that of the
lowest `told`, then of the earliest `received`.

Columns of `events` that need words: `key` is the same for the same event; of two tellings of one
event the heavier (`weight`, then `digest`) stays. `event_id` is the client's, or made from the body
of one that has none. `day` is `received` in days since 1970 (UTC). `path` is `file_path` within the
project, as long as an index allows, for questions; `prompt`, `code` and `units` are taken out of
`data`, which is the rest of `pattern_data` as JSON. `seq` grows, but not in the order of commits.
`activity` counts the events that are not implied by day, project, person, type and language.
"""

from collections.abc import Callable

from lib.web.team.stored import StorageError
from lib.web.team.working import Database, Work

# One migration a row; what was published never changes. SERIAL and TEXT are the database's own.
MIGRATIONS: tuple[tuple[str, ...], ...] = (
    (
        """CREATE TABLE events (
        seq SERIAL, key TEXT NOT NULL UNIQUE, weight BIGINT NOT NULL, digest TEXT NOT NULL,
        person TEXT NOT NULL, project TEXT NOT NULL, event_id TEXT NOT NULL,
        event_type TEXT NOT NULL, implied INTEGER NOT NULL, told INTEGER NOT NULL,
        pattern_id TEXT NOT NULL, pattern_name TEXT NOT NULL, pattern_type TEXT NOT NULL,
        pattern_version TEXT NOT NULL, language TEXT, tool_name TEXT, file_path TEXT,
        path TEXT, edge_type TEXT, transformation_type TEXT, reason TEXT,
        triggered_by TEXT NOT NULL, session_id TEXT, prompt_id TEXT, prompt TEXT, model TEXT,
        code TEXT, data TEXT NOT NULL, captured_at TEXT, received DOUBLE PRECISION NOT NULL,
        day INTEGER NOT NULL
        )""",
        "CREATE INDEX events_by_pattern ON events (pattern_id, project, told)",
        "CREATE INDEX events_by_project ON events (project, received)",
        "CREATE INDEX events_by_person ON events (person, received)",
        "CREATE INDEX events_by_path ON events (project, path) WHERE path IS NOT NULL",
        "CREATE INDEX events_by_prompt ON events (prompt_id) WHERE prompt_id IS NOT NULL",
        "CREATE INDEX events_by_session ON events (session_id) WHERE session_id IS NOT NULL",
        "CREATE INDEX events_by_day ON events (day)",
        """CREATE TABLE edges (
        seq BIGINT NOT NULL REFERENCES events ON DELETE CASCADE, place INTEGER NOT NULL,
        project TEXT NOT NULL, child TEXT NOT NULL, parent TEXT NOT NULL,
        edge_type TEXT NOT NULL, implied INTEGER NOT NULL, PRIMARY KEY (seq, place)
        )""",
        "CREATE INDEX edges_by_child ON edges (child, project)",
        "CREATE INDEX edges_by_parent ON edges (parent, project)",
        """CREATE TABLE units (
        seq BIGINT NOT NULL REFERENCES events ON DELETE CASCADE, place INTEGER NOT NULL,
        project TEXT NOT NULL, pattern_id TEXT NOT NULL, pattern_type TEXT NOT NULL,
        qualified_name TEXT NOT NULL, start_line INTEGER, end_line INTEGER,
        PRIMARY KEY (seq, place)
        )""",
        "CREATE INDEX units_by_pattern ON units (pattern_id, project)",
        "CREATE INDEX units_by_name ON units (qualified_name, project)",
        """CREATE TABLE activity (
        day INTEGER NOT NULL, project TEXT NOT NULL, person TEXT NOT NULL,
        event_type TEXT NOT NULL, language TEXT NOT NULL, events BIGINT NOT NULL,
        PRIMARY KEY (project, day, person, event_type, language)
        )""",
        "CREATE INDEX activity_by_person ON activity (person)",
        "CREATE INDEX activity_by_day ON activity (day)",
        """CREATE TABLE tokens (
        token_id TEXT PRIMARY KEY, digest TEXT NOT NULL UNIQUE, person TEXT NOT NULL,
        rights TEXT NOT NULL, projects TEXT, created DOUBLE PRECISION NOT NULL,
        revoked DOUBLE PRECISION
        )""",
        """CREATE TABLE notes (
        note_id TEXT PRIMARY KEY, at DOUBLE PRECISION NOT NULL, actor TEXT NOT NULL,
        act TEXT NOT NULL, about TEXT NOT NULL
        )""",
        "CREATE INDEX notes_by_time ON notes (at)",
        "CREATE TABLE consents (project TEXT PRIMARY KEY)",
    ),
)
_VERSIONS = "CREATE TABLE IF NOT EXISTS migrations (version INTEGER PRIMARY KEY)"


def migrate(database: Database) -> None:
    """Make the tables, or bring those of an earlier version up to date. Raises StorageError."""
    database.write(_migrate(database.native))


def _migrate(native: Callable[[str], str]) -> Callable[[Work], None]:
    def work(work: Work) -> None:
        # Another server may be starting: who comes second finds it done, after a while.
        work.take_time()
        work.lock("migrations")
        work.run(_VERSIONS)
        done = work.rows("SELECT max(version) FROM migrations")[0][0] or 0
        if done > len(MIGRATIONS):
            text = "the database was made by a newer version of this program"
            raise StorageError(text, "MigrationError", False)
        for version, statements in enumerate(MIGRATIONS[done:], done + 1):
            for statement in statements:
                work.run(native(statement))
            work.run("INSERT INTO migrations VALUES (?)", (version,))

    return work
