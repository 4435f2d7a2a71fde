"""Tell by the clock of their boot which of two events was captured first.

Events are recorded in the order of their capture as a rule, and numbered so. One comes late where a
file was claimed by another process, missed while a directory was read, or was in quarantine.
"""

import sqlite3
from typing import NamedTuple

from lib.capture.event import FILE_DELETED
from lib.ledger.text import storable
from lib.spool.spooled import Event

# A number for the boot, and nanoseconds since some moment of it.
Moment = tuple[int | None, int | None]
# In the place of a boot, for what was read in a transcript: there `up` is a place in that file.
READ = 0
# The fact that something was recorded after what came later.
DISORDER = "disorder"
# What `events.told` says: the event is told from the next one's before, or its type was this.
DERIVED, CREATED = "derived", "created"
# How the fact begins that tells the time of the newest event out of a transcript.
NEWEST = "read:"


class Place(NamedTuple):
    """Whether something was recorded that was captured later: of the same file, or of any."""

    is_late: bool = False
    is_out: bool = False


IN_ORDER, LATE = Place(), Place(is_late=True, is_out=True)
_IS_LATE = (
    "SELECT (SELECT iif(boot = ?, up > ?, boot = ? AND timestamp > ?) FROM events "
    "WHERE seq = (SELECT last_seq FROM files WHERE path = ?)), "
    "EXISTS (SELECT 1 FROM facts WHERE name > ? AND name < ?)"
)


def moment_of(db: sqlite3.Connection, event: Event, path: str) -> tuple[Moment, Place]:
    """Return when `event` was captured, (None, None) for one of an earlier version, and its place.

    That is by the clock of the boot; beside what was read in a transcript by the wall clock.
    """
    moment, is_out = _moment(db, event.get("captured"))
    if event["event_type"] == FILE_DELETED and not is_out:
        # Of one call what ended comes first: where a file went to is told by that.
        newest = "SELECT boot, up FROM events ORDER BY seq DESC LIMIT 1"
        is_out = moment[1] is not None and tuple(db.execute(newest).fetchone() or ()) == moment
    when = storable(event["timestamp"])
    values = (*moment, READ, when, path, NEWEST + when, NEWEST + "~")
    is_late, is_read = db.execute(_IS_LATE, values).fetchone()
    return moment, Place(bool(is_late), bool(is_late or is_read or is_out))


def _moment(db: sqlite3.Connection, told: object) -> tuple[Moment, bool]:
    """Return the moment, and whether a later one of that boot was met."""
    boot, up = (told.get("boot"), told.get("up")) if isinstance(told, dict) else ("", 0)
    if not (isinstance(boot, str) and boot and boot.isascii()):
        return (None, None), False
    if not (isinstance(up, int) and 0 <= up < 2**62):
        return (None, None), False
    found = db.execute("SELECT id, coalesce(up, 0) FROM boots WHERE boot = ?", (boot,)).fetchone()
    if found is None:
        made = db.execute("INSERT INTO boots (boot, up) VALUES (?, ?)", (boot, up))
        return (made.lastrowid, up), False
    if up > found[1]:
        db.execute("UPDATE boots SET up = ? WHERE id = ?", (up, found[0]))
    return (found[0], up), up < found[1]


def adopt(db: sqlite3.Connection, event: Event, moment: Moment) -> None:
    """Let a recorded event that was read in a transcript have the time of its capture."""
    if moment[0] == READ:
        return
    query = "UPDATE events SET timestamp = ?, boot = ?, up = ? WHERE event_id = ? AND boot = ?"
    values = (storable(event["timestamp"]), *moment, storable(event["event_id"]), READ)
    if db.execute(query, values).rowcount > 0:
        note_disorder(db)


def note_newest(db: sqlite3.Connection) -> None:
    """Note of when the newest event is that was read in a transcript."""
    db.execute("DELETE FROM facts WHERE name > ? AND name < ?", (NEWEST, NEWEST + "~"))
    tables = ("events", "unplaced")
    read = " UNION ALL ".join(f"SELECT timestamp FROM {t} WHERE boot = {READ}" for t in tables)
    query = f"INSERT INTO facts SELECT ? || max(timestamp) FROM ({read}) HAVING count(*)"
    db.execute(query, (NEWEST,))


def note_disorder(db: sqlite3.Connection) -> None:
    """Note that events are to be put into their order."""
    db.execute("INSERT OR IGNORE INTO facts VALUES (?)", (DISORDER,))
