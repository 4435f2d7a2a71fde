"""Make ledgers of any size in the layout that version 0.2.0 wrote (5), without its code."""

import sqlite3
import zlib
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

from lib.system.digest import hex_digest

SCHEMA = """
CREATE TABLE snapshots (digest TEXT PRIMARY KEY, code BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE patterns (
    pattern_id TEXT PRIMARY KEY, pattern_name TEXT, pattern_type TEXT, language TEXT,
    snapshot TEXT, first_seen TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE edges (
    child_id TEXT NOT NULL, parent_id TEXT NOT NULL, edge_type TEXT NOT NULL,
    event_id TEXT NOT NULL, PRIMARY KEY (child_id, parent_id, edge_type)
) WITHOUT ROWID;
CREATE INDEX edges_by_parent ON edges (parent_id);
CREATE TABLE events (
    seq INTEGER PRIMARY KEY, event_id TEXT NOT NULL UNIQUE, timestamp TEXT NOT NULL,
    event_type TEXT NOT NULL, pattern_id TEXT NOT NULL, pattern_name TEXT, language TEXT,
    file_path TEXT, qualified_name TEXT NOT NULL DEFAULT '', tool_name TEXT, session_id TEXT,
    parent_pattern_ids TEXT NOT NULL, content_id TEXT NOT NULL, snapshot TEXT,
    before_snapshot TEXT, reason TEXT, implied INTEGER NOT NULL DEFAULT 0, edge_type TEXT
);
CREATE INDEX events_by_pattern ON events (pattern_id);
CREATE TABLE occurrences (
    file_path TEXT NOT NULL, qualified_name TEXT NOT NULL, pattern_id TEXT NOT NULL,
    last_seq INTEGER NOT NULL, PRIMARY KEY (file_path, qualified_name, pattern_id)
) WITHOUT ROWID;
CREATE INDEX occurrences_by_pattern ON occurrences (pattern_id);
CREATE TABLE taken (name TEXT PRIMARY KEY, key TEXT NOT NULL, waits INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE known_at (
    service TEXT NOT NULL, pattern_id TEXT NOT NULL, PRIMARY KEY (service, pattern_id)
) WITHOUT ROWID;
CREATE TABLE facts (name TEXT PRIMARY KEY) WITHOUT ROWID;
CREATE TABLE counters (name TEXT PRIMARY KEY, count INTEGER NOT NULL) WITHOUT ROWID;
PRAGMA user_version = 5;
"""
PROJECTS = 40
# A session edits so many files of one project, each so often.
SESSION_FILES, SESSION_EDITS = 20, 10
LANGUAGES = (("python", "py"), ("typescript", "ts"), ("go", "go"), ("rust", "rs"))
PORTION = 20_000


class Edit(NamedTuple):
    """One edit: which of the file's (from 0), in which file, session and project."""

    number: int
    file: int
    session: int
    project: int

    @property
    def path(self) -> str:
        """The file's path."""
        name = f"module_{self.file}.{LANGUAGES[self.project % len(LANGUAGES)][1]}"
        return f"/home/user/code/project-{self.project}/src/part_{self.file % 7}/{name}"

    @property
    def language(self) -> str:
        """The language of the project."""
        return LANGUAGES[self.project % len(LANGUAGES)][0]

    def code(self, back: int = 0) -> str:
        """Return some 200 bytes of code; with `back` 1, those before."""
        number = self.number - back
        token = hex_digest(f"{self.project}/{self.file}/{number}")[:12]
        return (
            f"def handle_{self.file}(request, retries={number}):\n"
            f"    session = connect(request.host, timeout={number % 7 + self.file % 50})\n"
            f"    for attempt in range(retries):\n"
            f"        send(session, request.body[attempt:], {token!r})\n"
        )

    def pattern_id(self, back: int = 0) -> str:
        """Return an id as those of the product look; with `back` 1, of the code before."""
        key = f"{self.project}/{self.file}/{self.number - back}"
        return f"{self.language}-code-{hex_digest(key)[:16]}"


def edits(files: int, each: int) -> Iterator[Edit]:
    """Yield `each` edits of `files` files, a session after the other, the projects in turn."""
    in_project = files // PROJECTS
    groups = -(-in_project // SESSION_FILES)
    session = 0
    for start in range(0, each, SESSION_EDITS):
        for group in range(groups):
            for project in range(PROJECTS):
                session += 1
                for number in range(start, min(each, start + SESSION_EDITS)):
                    for file in range(
                        group * SESSION_FILES, min(in_project, (group + 1) * SESSION_FILES)
                    ):
                        yield Edit(number, file, session, project)


def write(path: Path, files: int, each: int, days: float, end: datetime | None = None) -> None:
    """Write a ledger of `files` times `each` events, spread over the `days` before `end` (now)."""
    end = end or datetime.now(timezone.utc)
    step = timedelta(days=days) / (files * each)
    rows = _rows(edits(files, each), end - timedelta(days=days), step)
    db = sqlite3.connect(path, isolation_level=None)
    db.executescript(f"PRAGMA journal_mode = WAL; PRAGMA synchronous = OFF; {SCHEMA}")
    while portion := list(islice(rows, PORTION)):
        db.execute("BEGIN")
        for table, values in _tables(portion).items():
            marks = ", ".join("?" * len(values[0]))
            db.executemany(f"INSERT OR REPLACE INTO {table} VALUES ({marks})", values)
        db.execute("COMMIT")
    db.execute("INSERT INTO counters VALUES ('delivered', ?)", (files * each,))
    db.close()


def _rows(all_edits: Iterator[Edit], start: datetime, step: timedelta) -> Iterator[Any]:
    for seq, edit in enumerate(all_edits, 1):
        yield seq, edit, (start + step * seq).isoformat(timespec="microseconds")


def _tables(portion: list[Any]) -> dict[str, list[tuple[object, ...]]]:
    found: dict[str, list[tuple[object, ...]]] = {
        name: [] for name in ("snapshots", "patterns", "edges", "events", "occurrences")
    }
    for seq, edit, when in portion:
        own, code, path = edit.pattern_id(), edit.code(), edit.path
        parent = edit.pattern_id(1) if edit.number else ""
        digest = hex_digest(code)
        before = hex_digest(edit.code(1)) if parent else None
        name, event_id = f"handle_{edit.file}", hex_digest(f"event {seq}")[:32]
        session = hex_digest(f"session {edit.session}")
        session = (
            f"{session[:8]}-{session[8:12]}-4{session[12:15]}-a{session[15:18]}-{session[18:30]}"
        )
        found["snapshots"].append((digest, zlib.compress(code.encode(), 1)))
        found["patterns"].append((own, name, "code", edit.language, digest, when))
        if parent:
            found["edges"].append((own, parent, "modified_from", event_id))
        kind = "pattern_modified" if parent else "pattern_created"
        found["events"].append(
            (
                seq, event_id, when, kind, own, name, edit.language, path, "", "Edit", session,
                parent, own, digest, before, None, 0, "modified_from" if parent else None,
            )
        )  # fmt: skip
        found["occurrences"].append((path, "", own, seq))
    return {table: rows for table, rows in found.items() if rows}
