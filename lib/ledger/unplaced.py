"""Keep what was captured and is no event: what changed nothing, and what waits for its place.

Their code is kept with all other code. What they mean depends on what was captured before them, and
that may still come: out of a transcript, for one.
"""

import json
import sqlite3
from typing import Any, cast

from lib.capture.event import FILE_DELETED
from lib.ledger import snapshots
from lib.ledger.event_ids import is_recorded
from lib.ledger.moments import READ, Moment, note_disorder
from lib.ledger.revisions import FORMAT, OUTSIDE, SHELL, is_layout
from lib.ledger.snapshots import Kept
from lib.ledger.text import storable
from lib.spool.spooled import Event

# What was captured at one moment has its order too: what others did, what ended, and the rest.
FIRST, THEN, LAST = 0, 1, 2
# What matters no more once an event is captured.
_OVER = ("captured", "service_url", "retry_count", "last_retry", "named", "transcript_path")
# The mark of an event of which a transcript did not tell what was there before.
GUESSED = "guessed"


def keep(db: sqlite3.Connection, event: Event, moment: Moment) -> bool:
    """Keep `event`, captured at `moment`, within the caller's transaction.

    Returns whether it is new here.
    """
    told: dict[str, Any] = {name: value for name, value in event.items() if name not in _OVER}
    told["event_data"] = data = dict(event["event_data"])
    parents = event.get("parents")
    several = parents if isinstance(parents, list) else []
    told["parents"] = [dict(one) for one in several if isinstance(one, dict)]
    before: object = None
    for parent in told["parents"]:
        before = parent.get("code")
        parent["code"] = snapshots.add(db, before)
    details = data.get("pattern_data")
    if isinstance(details, dict) and event["event_type"] != FILE_DELETED:
        code = details.get("code")
        digest = snapshots.add(db, code, snapshots.text(db, before))
        data["pattern_data"] = {**details, "code": digest}
        is_new = not isinstance(code, Kept) and not data.get("reason")
        if is_new and len(told["parents"]) == 1 and is_layout(before, code):
            data["reason"] = FORMAT
    values = (storable(event["event_id"]), storable(event["timestamp"]), *moment)
    text = json.dumps(told, separators=(",", ":"))
    query = (
        # After which event it came, for where there is no boot.
        "INSERT INTO unplaced SELECT ?, ?, ?, ?, coalesce(max(seq), 0), ?, ? FROM events "
        "WHERE true ON CONFLICT (event_id) DO UPDATE SET timestamp = excluded.timestamp, "
        "boot = excluded.boot, up = excluded.up, seq = excluded.seq, event = excluded.event "
        f"WHERE boot = {READ}"
    )
    return db.execute(query, (*values, _kind(event), text)).rowcount > 0


def adopt(db: sqlite3.Connection, event: Event, moment: Moment) -> None:
    """Let what is kept of a transcript have the time of its capture."""
    query = f"SELECT 1 FROM unplaced WHERE event_id = ? AND boot = {READ}"
    if moment[0] != READ and db.execute(query, (storable(event["event_id"]),)).fetchone():
        keep(db, event, moment)
        note_disorder(db)


def _kind(event: Event) -> int:
    if event.get("actor") == OUTSIDE:
        return FIRST
    return THEN if event["event_type"] == FILE_DELETED else LAST


def event_in(text: str) -> Event:
    """Return the event that was kept as `text`, with the digests of its code."""
    event = json.loads(text)
    for holder in (event["event_data"].get("pattern_data"), *event["parents"]):
        if isinstance(holder, dict) and isinstance(holder.get("code"), str):
            holder["code"] = Kept(holder["code"])
    return cast(Event, event)


def is_known(db: sqlite3.Connection, event: Event) -> bool:
    """Check whether an event is recorded or kept, or its own capture is. Raises sqlite3.Error."""
    event_id = storable(event["event_id"])
    query = "SELECT 1 FROM unplaced WHERE event_id = ?"
    if is_recorded(db, event_id) or db.execute(query, (event_id,)).fetchone():
        return True
    return has_twin(db, event)


def is_guessed(event: Event) -> bool:
    """Check whether a transcript did not tell what an event changed."""
    return event.get(GUESSED) is True


def has_twin(db: sqlite3.Connection, event: Event, is_read: bool = True) -> bool:
    """Check whether a call that was guessed at is recorded as it was captured.

    So is one of a shell that `is_read` in a transcript: what its file held before, and what others
    did to it meanwhile, the ledger knew better.
    """
    if not (is_guessed(event) or (is_read and event.get("actor") == SHELL)):
        return False
    query = (
        "SELECT 1 FROM files JOIN revisions r USING (file_id) LEFT JOIN events e ON e.seq = r.seq "
        "LEFT JOIN unplaced u ON u.event_id = r.event_id WHERE path = ? AND r.session_id = ? "
        f"AND tool_use_id = ? AND iif(r.seq IS NULL, u.boot, e.boot) IS NOT {READ}"
    )
    data = event["event_data"]
    session_id = data["pattern_data"].get("session_id")
    words = data.get("file_path"), session_id, event.get("tool_use_id")
    return db.execute(query, tuple(map(storable, words))).fetchone() is not None


def doom(db: sqlite3.Connection, session_id: str, path: str, before: str) -> None:
    """Add the code of what is kept of a session, of a file or from before a time to `doomed`.

    The code of all else that is kept is taken out of that table. "" chooses nothing.
    """
    kept: set[str] = set()
    for text, when in db.execute("SELECT event, timestamp FROM unplaced").fetchall():
        event = event_in(text)
        data = event["event_data"]
        details = data.get("pattern_data")
        told = details if isinstance(details, dict) else {}
        code = told.get("code")
        is_of_file = path != "" and data.get("file_path") == path
        is_of_session = session_id != "" and told.get("session_id") == session_id
        if not isinstance(code, Kept):
            continue
        if is_of_file or is_of_session or when < before:
            db.execute("INSERT OR IGNORE INTO doomed VALUES (?)", (str(code),))
        else:
            kept.add(str(code))
    db.executemany("DELETE FROM doomed WHERE digest = ?", [(digest,) for digest in kept])


def lose(db: sqlite3.Connection, digests: set[str]) -> None:
    """Take the code with these digests out of what is kept."""
    for event_id, text in db.execute("SELECT event_id, event FROM unplaced").fetchall():
        told = json.loads(text)
        holders = [told["event_data"].get("pattern_data"), *told["parents"]]
        lost = [one for one in holders if isinstance(one, dict) and one.get("code") in digests]
        for one in lost:
            one["code"] = None
        if lost:
            values = (json.dumps(told, separators=(",", ":")), event_id)
            db.execute("UPDATE unplaced SET event = ? WHERE event_id = ?", values)
