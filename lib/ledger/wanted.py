"""Note what is wanted of transcripts: the prompts of recorded events, and the calls they came of.

Each is a word: the id of a prompt or of a call, with a letter before it. A transcript is followed
while something is wanted of it that it did not tell yet. What does not come within a day will not
come.
"""

import sqlite3
import time
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from lib.ledger.text import storable
from lib.spool.spooled import Event

# How long a transcript is expected that is not there, and followed in vain, and how long it is
# known where it was left: the client deletes it after 30 days.
EXPECTED_SECONDS, FOLLOWED_SECONDS, KNOWN_SECONDS = 60, 86_400, 60 * 86_400
# What stands before the ids of prompts and calls; what is wanted where a client tells neither; and
# what of every session for a day: whether it takes files back.
PROMPT, CALL, ANYTHING, REWINDS = "p:", "c:", "-", "r"
# Of how many transcripts something is wanted at a time.
MOST_FOLLOWED = 100
# The longest path and id that are taken, in characters.
_MAX_PATH, _MAX_ID = 4096, 200
# What is wanted of one transcript at most: the newest.
_MOST_WANTED = 500
_SUFFIX = ".jsonl"


class Asked(NamedTuple):
    """What is asked of a transcript: of which session, which words, and whether texts are kept.

    With each word the prompt of its event, "" where that is not told.
    """

    session_id: str
    words: dict[str, str]
    keeps: bool


def follow(db: sqlite3.Connection, events: Iterable[Event]) -> None:
    """Note what is wanted of the transcripts of recorded events, within the caller's transaction.

    Raises sqlite3.Error.
    """
    asked: dict[str, Asked] = {}
    for event in events:
        for path, one in _of_event(event):
            before = asked.get(path, one)
            both = before.words | one.words
            asked[path] = Asked(one.session_id, both, before.keeps and one.keeps)
    for path, one in asked.items():
        words = [w for w, prompt in one.words.items() if not _is_known(db, one[0], w, prompt)]
        want(db, path, one.session_id, words, one.keeps)
        if not one.keeps:
            # Read before anybody said so.
            query = "UPDATE prompts SET text = NULL WHERE prompt_id = ? AND text NOT NULL"
            db.executemany(query, ((prompt,) for prompt in one.words.values()))


def _of_event(event: Event) -> Iterator[tuple[str, Asked]]:
    path, details = event.get("transcript_path"), event["event_data"].get("pattern_data")
    session_id = details.get("session_id") if isinstance(details, dict) else None
    if not isinstance(path, str) or not isinstance(session_id, str) or not session_id:
        return
    is_named = path.startswith("/") and path.endswith(f"/{session_id}{_SUFFIX}")
    if len(path) > _MAX_PATH or not is_named:
        return
    path, keeps = storable(path), event.get("prompts") is not False
    prompt, use = _id(event.get("prompt_id")), _id(event.get("tool_use_id"))
    agent = _id(event.get("agent_id"))
    theirs = f"{path.removesuffix(_SUFFIX)}/subagents/agent-{agent}{_SUFFIX}" if agent else path
    anything = {} if prompt or use else {ANYTHING: ""}
    words = {PROMPT + prompt: prompt} if prompt else anything
    yield path, Asked(storable(session_id), {REWINDS: "", **words}, keeps)
    if use:
        yield theirs, Asked(storable(session_id), {CALL + use: prompt}, keeps)


def _is_known(db: sqlite3.Connection, session_id: str, word: str, prompt: str) -> bool:
    if word == REWINDS:
        return False
    if word.startswith(PROMPT):
        query, values = "SELECT 1 FROM prompts WHERE prompt_id = ?", (prompt,)
        return db.execute(query, values).fetchone() is not None
    query = (
        "SELECT 1 FROM calls WHERE session_id = ?1 AND tool_use_id = ?2 AND ?3 IN ('', prompt_id)"
    )
    found = db.execute(query, (session_id, word.removeprefix(CALL), prompt))
    return found.fetchone() is not None


def _id(value: object) -> str:
    """Return an id that can be one word of several, "" for anything else."""
    is_one = isinstance(value, str) and len(value) <= _MAX_ID and len(value.split()) == 1
    return storable(value).strip() if is_one and "/" not in str(value) else ""


def want(db: sqlite3.Connection, path: str, session_id: str, words: list[str], keeps: bool) -> None:
    """Note that these are wanted of a transcript too, and whether texts of it may be kept."""
    if keeps and not words:
        return
    now = int(time.time())
    row = db.execute("SELECT wanted FROM transcripts WHERE path = ?", (path,)).fetchone()
    if row is None:
        db.execute("DELETE FROM transcripts WHERE since < ?", (now - KNOWN_SECONDS,))
    known = dict.fromkeys([*(row[0].split() if row else ()), *words])
    db.execute(
        "INSERT INTO transcripts (path, session_id, wanted, keeps, since) VALUES (?, ?, ?, ?, ?) "
        "ON CONFLICT (path) DO UPDATE SET wanted = excluded.wanted, since = excluded.since, "
        "keeps = min(keeps, excluded.keeps)",
        (path, session_id, " ".join(list(known)[-_MOST_WANTED:]), keeps, now),
    )
