"""Read why a file was changed: the prompt of a call, the model that made it, and their session."""

from collections.abc import Iterable
from typing import NamedTuple

from lib.ledger.store import Ledger


class Prompt(NamedTuple):
    """What somebody asked for in a session.

    `text` has its secrets redacted; it is None where it may not be kept.
    """

    prompt_id: str
    session_id: str
    timestamp: str
    text: str | None


class Call(NamedTuple):
    """A call of a tool: the prompt that it was made for, "" if unknown, and the model or None."""

    prompt_id: str
    model: str | None


class Session(NamedTuple):
    """What is known of a session; None what was not told (yet)."""

    session_id: str
    title: str | None = None
    cwd: str | None = None
    branch: str | None = None
    client: str | None = None


def prompts(history: Ledger, prompt_ids: Iterable[str]) -> dict[str, Prompt]:
    """Read the prompts with these ids, those that are known, by id. Raises sqlite3.Error."""
    query = "SELECT prompt_id, session_id, timestamp, text FROM prompts WHERE prompt_id = ?"
    rows = (row for one in set(prompt_ids) for row in history.rows(query, (one,)))
    return {row[0]: Prompt(*row) for row in rows}


def call_of(
    history: Ledger, session_id: str | None, tool_use_id: str | None, prompt_id: str | None
) -> Call:
    """Find the call with this id; clients of before 2.1 do not tell its prompt.

    Gateways repeat ids in a session: of several the last one of the prompt, if that is told, or of
    all. Raises sqlite3.Error.
    """
    query = (
        "SELECT c.prompt_id, model FROM calls c LEFT JOIN prompts p USING (prompt_id) "
        "WHERE c.session_id = ? AND tool_use_id = ? AND (?3 IS NULL OR c.prompt_id = ?3) "
        "ORDER BY p.timestamp DESC LIMIT 1"
    )
    found = history.rows(query, (session_id, tool_use_id, prompt_id)) if session_id else []
    return Call(*found[0]) if found else Call(prompt_id or "", None)


def session(history: Ledger, session_id: str) -> Session:
    """Read what is known of a session. Raises sqlite3.Error."""
    query = "SELECT session_id, title, cwd, branch, client FROM sessions WHERE session_id = ?"
    found = history.rows(query, (session_id,))
    return Session(*found[0]) if found else Session(session_id)
