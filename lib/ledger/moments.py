"""Tell by the clock of their boot which of two events was captured first.

Events are recorded in the order of their capture as a rule, and numbered so. One comes late where a
file was claimed by another process, missed while a directory was read, or was in quarantine.
"""

import sqlite3

from lib.spool.spooled import Event

# A number for the boot, and nanoseconds since some moment of it.
Moment = tuple[int | None, int | None]


def moment_of(db: sqlite3.Connection, event: Event) -> Moment:
    """Return when `event` was captured; (None, None) for one of an earlier version."""
    told = event.get("captured")
    boot, up = (told.get("boot"), told.get("up")) if isinstance(told, dict) else ("", 0)
    if not (isinstance(boot, str) and boot and boot.isascii()):
        return None, None
    if not (isinstance(up, int) and 0 <= up < 2**62):
        return None, None
    db.execute("INSERT OR IGNORE INTO boots (boot) VALUES (?)", (boot,))
    return db.execute("SELECT id FROM boots WHERE boot = ?", (boot,)).fetchone()[0], up


def is_late(db: sqlite3.Connection, moment: Moment, path: str) -> bool:
    """Check that a later event of the same boot, for the file at `path`, is recorded already."""
    boot, up = moment
    query = (
        "SELECT up > ? FROM events WHERE boot = ? AND seq = "
        "(SELECT last_seq FROM files WHERE path = ?)"
    )
    found = db.execute(query, (up, boot, path)).fetchone() if boot is not None and path else None
    return bool(found and found[0])
