"""Note what is wanted of transcripts: the prompts of recorded events, and the calls they came of.

A transcript is followed while something is wanted of it that it did not tell yet. What does not
come within a day will not come.
"""

import sqlite3
import time
from collections.abc import Iterable

from lib.ledger.revisions import OUTSIDE
from lib.ledger.text import storable
from lib.spool.spooled import Event

# How long a transcript is followed in vain, and how long it is known where it was left: the client
# deletes it after 30 days.
FOLLOWED_SECONDS, KNOWN_SECONDS = 86_400, 60 * 86_400
# The longest path and id that are taken, in characters.
_MAX_PATH, _MAX_ID = 4096, 200
# What is wanted of one transcript at most: the newest.
_MOST_WANTED = 500
_SUFFIX = ".jsonl"


def follow(db: sqlite3.Connection, event: Event) -> None:
    """Note what is wanted of the transcript of a recorded event, within the caller's transaction.

    Raises sqlite3.Error.
    """
    path, details = event.get("transcript_path"), event["event_data"].get("pattern_data")
    session_id = details.get("session_id") if isinstance(details, dict) else None
    if not isinstance(path, str) or not isinstance(session_id, str) or not session_id:
        return
    is_named = path.startswith("/") and path.endswith(f"/{session_id}{_SUFFIX}")
    if len(path) > _MAX_PATH or not is_named or event.get("actor") == OUTSIDE:
        return
    session_id, path = storable(session_id), storable(path)
    prompt_id, use = _id(event.get("prompt_id")), _id(event.get("tool_use_id"))
    agent = _id(event.get("agent_id"))
    query = (
        "SELECT 1 FROM calls WHERE session_id = ?1 AND tool_use_id = ?2 AND ?3 IN ('', prompt_id)"
    )
    if use and db.execute(query, (session_id, use, prompt_id)).fetchone():
        use = ""
    query = "SELECT 1 FROM prompts WHERE prompt_id = ?"
    if prompt_id and db.execute(query, (prompt_id,)).fetchone():
        prompt_id = ""
    keeps = event.get("prompts") is not False
    _want(db, path, session_id, [prompt_id, "" if agent else use], keeps)
    if agent:
        theirs = f"{path.removesuffix(_SUFFIX)}/subagents/agent-{agent}{_SUFFIX}"
        _want(db, theirs, session_id, [use], keeps)


def _id(value: object) -> str:
    """Return an id that can be one word of several, "" for anything else."""
    is_one = isinstance(value, str) and len(value) <= _MAX_ID and len(value.split()) == 1
    return storable(value).strip() if is_one and "/" not in str(value) else ""


def _want(
    db: sqlite3.Connection, path: str, session_id: str, ids: Iterable[str], keeps: bool
) -> None:
    new = [one for one in ids if one]
    if keeps and not new:
        return
    now = int(time.time())
    row = db.execute("SELECT wanted FROM transcripts WHERE path = ?", (path,)).fetchone()
    if row is None:
        db.execute("DELETE FROM transcripts WHERE since < ?", (now - KNOWN_SECONDS,))
    wanted = dict.fromkeys([*(row[0].split() if row else ()), *new])
    db.execute(
        "INSERT INTO transcripts (path, session_id, wanted, keeps, since) VALUES (?, ?, ?, ?, ?) "
        "ON CONFLICT DO UPDATE SET wanted = excluded.wanted, since = excluded.since, "
        "keeps = min(keeps, excluded.keeps)",
        (path, session_id, " ".join(list(wanted)[-_MOST_WANTED:]), keeps, now),
    )
