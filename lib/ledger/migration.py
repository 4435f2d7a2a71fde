"""Count the rows of a ledger that an earlier version wrote, and index them, bit by bit.

A million rows take a minute. Each portion is one transaction, which also notes how far it came, so
a process that is killed leaves a ledger where the next one goes on, and two may be at it at once.
Until the end the earlier version's rows are all there, and it may go on recording.
"""

import sqlite3
import time
from collections.abc import Callable

from lib.ledger import backfill, sums
from lib.ledger.moments import DERIVED
from lib.ledger.transactions import transaction

INDEXES = (
    "CREATE INDEX IF NOT EXISTS events_by_content ON events (content_id) "
    "WHERE content_id != pattern_id",
    "CREATE INDEX IF NOT EXISTS events_by_file ON events (file_path, substr(timestamp, 1, 13))",
    "CREATE INDEX IF NOT EXISTS events_by_session ON events (session_id)",
    "CREATE INDEX IF NOT EXISTS events_by_hour ON events (substr(timestamp, 1, 13))",
    "CREATE INDEX IF NOT EXISTS events_by_type ON events (event_type) "
    "WHERE event_type != 'pattern_modified'",
)
# What an earlier version has that this one does without, and lacks.
_SUPERSEDED = "DROP TABLE IF EXISTS occurrences"
_COLUMNS = ("base TEXT", "steps INTEGER NOT NULL DEFAULT 0")
# The sum that says up to which event the rows are counted.
_DONE = "counted"
# The sum that says up to which file the revisions are made.
_MADE, _ALL = "revised", 2**62
PORTION = 20_000
# How the work divides between the rows and each index, as far as anybody has measured.
_ROWS_PART = 0.6
# SQLite's instructions between two calls of `progress`, and the seconds to wait for another.
_STEPS, _PAUSE, _PATIENCE = 1_000_000, 0.2, 600.0


def begin(db: sqlite3.Connection, keeps_revisions: bool = False) -> None:
    """Empty what is to be counted, within the caller's transaction.

    The revisions are made again too, unless `keeps_revisions`.
    """
    for table in ("edits", "sums") if keeps_revisions else ("files", "revisions", "edits", "sums"):
        db.execute(f"DELETE FROM {table}")
    made = _ALL if keeps_revisions else 0
    db.execute("INSERT INTO sums VALUES (?, 0), (?, ?)", (_DONE, _MADE, made))


def count_rows(db: sqlite3.Connection, version: int, progress: Callable[[float], None]) -> None:
    """Bring a ledger to `version`, from wherever another process left it.

    Raises sqlite3.Error.
    """
    in_steps(db, lambda tell: _step(db, version), progress)


def in_steps(
    db: sqlite3.Connection,
    step: Callable[[Callable[[float], None]], float],
    progress: Callable[[float], None],
) -> None:
    """Call `step`, which returns how much is done by then, until that is all.

    It may tell so too while it is at it. Raises sqlite3.Error, and what `progress` raises.
    """
    done = [0.0]
    raised: list[BaseException] = []

    def still_here() -> bool:
        try:
            progress(done[0])
        except BaseException as error:  # SQLite swallows it: Ctrl-C, for one
            raised.append(error)
        return bool(raised)

    def tell(part: float) -> None:
        done[0] = max(done[0], part)
        progress(done[0])

    db.set_progress_handler(still_here, _STEPS)
    until = time.monotonic() + _PATIENCE
    try:
        while done[0] < 1.0:
            progress(done[0])
            try:
                done[0] = step(tell)
            except sqlite3.OperationalError as error:
                if raised:
                    raise raised[0] from None
                # Another process is at the same work, and has the ledger for the moment.
                if "locked" not in str(error) or time.monotonic() > until:
                    raise
                time.sleep(_PAUSE)
    finally:
        db.set_progress_handler(None, 0)
    progress(1.0)


def _step(db: sqlite3.Connection, version: int) -> float:
    """Do the next portion in a transaction of its own; return how much is done by then."""
    with transaction(db):
        return _portion(db, version)


def _portion(db: sqlite3.Connection, version: int) -> float:
    if db.execute("PRAGMA user_version").fetchone()[0] >= version:
        return 1.0
    (last,) = db.execute("SELECT coalesce(max(seq), 0) FROM events").fetchone()
    (done,) = db.execute("SELECT value FROM sums WHERE name = ?", (_DONE,)).fetchone()
    if done < last:
        end = min(last, done + PORTION)
        sums.add_edits(db, _edits(db, done, end))
        db.execute("UPDATE sums SET value = ? WHERE name = ?", (end, _DONE))
        # Another process still records as an earlier version does.
        db.execute("UPDATE sums SET value = 0 WHERE name = ? AND value < ?", (_MADE, _ALL))
        return _ROWS_PART * float(end / last)
    present = {row[0] for row in db.execute("SELECT name FROM sqlite_master WHERE type = 'index'")}
    missing = [index for index in INDEXES if index.split()[5] not in present]
    if missing:
        db.execute(missing[0])
        return 0.99 - (0.99 - _ROWS_PART) * (len(missing) - 1) / len(INDEXES)
    (made,) = db.execute("SELECT value FROM sums WHERE name = ?", (_MADE,)).fetchone()
    end_of_portion = backfill.make(db, made)
    if end_of_portion is not None:
        db.execute("UPDATE sums SET value = ? WHERE name = ?", (end_of_portion, _MADE))
        return 0.99
    db.execute(_SUPERSEDED)
    present = {row[1] for row in db.execute("PRAGMA table_info(snapshots)")}
    for column in _COLUMNS:
        if column.split()[0] not in present:
            db.execute(f"ALTER TABLE snapshots ADD COLUMN {column}")
    db.execute("DELETE FROM sums WHERE name IN (?, ?)", (_DONE, _MADE))
    db.execute(f"PRAGMA user_version = {version}")
    return 1.0


def _edits(db: sqlite3.Connection, after: int, end: int) -> list[sums.Edit]:
    columns = {row[1] for row in db.execute("PRAGMA table_info(events)")}
    # What others did before an event is no edit of its own; an earlier version did not tell it so.
    own = f"AND told IS NOT '{DERIVED}'" if "told" in columns else ""
    query = (
        "SELECT seq, timestamp, event_type, coalesce(language, ''), coalesce(file_path, ''), "
        f"content_id FROM events WHERE implied = 0 {own} AND seq > ? AND seq <= ? ORDER BY seq"
    )
    return [sums.Edit(*row) for row in db.execute(query, (after, end))]
