"""Gather what the sessions of the client did: their prompts, and the files that each changed."""

from typing import NamedTuple

from lib.ledger.filters import after
from lib.ledger.history import PORTION, History
from lib.ledger.prompts import Prompt, Session, session
from lib.ledger.reasons import first_line
from lib.ledger.steps import changed_lines
from lib.ledger.text import storable

_CHANGES = (
    "SELECT e.timestamp, e.file_path, r.prompt_id, e.event_id, coalesce(e.actor, 'agent'), "
    "r.agent_id, r.agent_type, coalesce(p.snapshot, e.before_snapshot), e.snapshot "
    "FROM events e LEFT JOIN revisions r ON r.seq = e.seq "
    "LEFT JOIN revisions p ON p.revision_id = r.parent "
    "WHERE e.session_id = ? AND e.implied = 0 ORDER BY e.seq LIMIT ? OFFSET ?"
)


class Change(NamedTuple):
    """A change to a file; `added` and `removed` count lines, None where no code was kept.

    `actor` is a word of `lib.ledger.revisions`; `agent_id` and `agent_type` are those of a
    subagent, None for the session's own agent.
    """

    timestamp: str
    path: str
    prompt_id: str | None
    event_id: str
    actor: str
    agent_id: str | None
    agent_type: str | None
    added: int | None
    removed: int | None


class Summary(NamedTuple):
    """A session: when it changed code first and last, its models, prompts and changes, in order."""

    about: Session
    first: str
    last: str
    models: list[str]
    prompts: list[Prompt]
    changes: list[Change]

    @property
    def files(self) -> int:
        """The number of files that it changed."""
        return len({change.path for change in self.changes})

    @property
    def lines(self) -> tuple[int, int]:
        """The numbers of lines that its changes added and removed, as far as they are known."""
        added = sum(change.added or 0 for change in self.changes)
        return added, sum(change.removed or 0 for change in self.changes)

    @property
    def asked(self) -> str:
        """What tells it from others: its title, else its first prompt's first line, else ""."""
        first = next((prompt.text for prompt in self.prompts if prompt.text), "")
        return self.about.title or first_line(first)


class Brief(NamedTuple):
    """A session without what each of its changes did: when, how many and of how many files."""

    about: Session
    asked: str
    first: str
    last: str
    edits: int
    files: int
    models: list[str]


def newest(history: History, number: int, before: int = 0) -> list[str]:
    """List the ids of the `number` sessions (-1: all) that changed code last, the last one first.

    With `before` as it was before the event of that number. Raises sqlite3.Error.
    """
    query = "SELECT seq, session_id FROM events WHERE seq < ? ORDER BY seq DESC LIMIT ?"
    found: dict[str, None] = {}
    before = before or history.last_seq() + 1
    while rows := history.rows(query, (before, PORTION)):
        before = rows[-1][0]
        for _, session_id in rows:
            if session_id and len(found) != number:
                found.setdefault(session_id)
        if len(found) == number:
            break
    return list(found)


def beginning(history: History, prefix: str) -> list[str]:
    """List the ids of sessions that changed code and begin with `prefix`. Raises sqlite3.Error."""
    prefix = storable(prefix)
    query = (
        "SELECT DISTINCT session_id FROM events WHERE session_id >= ? AND session_id < ? "
        "ORDER BY session_id LIMIT 10"
    )
    return [row[0] for row in history.rows(query, (prefix, after(prefix)))]


def summary(history: History, session_id: str) -> Summary:
    """Read all that is known of a session that changed code. Raises sqlite3.Error."""
    changes = changes_of(history, session_id)
    query = (
        "SELECT prompt_id, session_id, timestamp, text FROM prompts WHERE session_id = ? "
        "ORDER BY timestamp"
    )
    asked = [Prompt(*row) for row in history.rows(query, (session_id,))]
    times = [change.timestamp for change in changes] or [""]
    models = _models(history, session_id)
    return Summary(session(history, session_id), min(times), max(times), models, asked, changes)


def changes_of(history: History, session_id: str, most: int = -1, but: int = 0) -> list[Change]:
    """List at most `most` changes (-1: all) of a session in order, without the first `but`."""
    return [
        Change(when, path or "", *told, *_lines(history, before, code))
        for when, path, *told, before, code in history.rows(_CHANGES, (session_id, most, but))
    ]


def brief(history: History, session_id: str) -> Brief:
    """Read what a list tells of a session that changed code. Raises sqlite3.Error."""
    query = (
        "SELECT min(timestamp), max(timestamp), count(*), count(DISTINCT file_path) FROM events "
        "WHERE session_id = ? AND implied = 0"
    )
    ((first, last, edits, paths),) = history.rows(query, (session_id,))
    query = (
        "SELECT text FROM prompts WHERE session_id = ? AND text NOT NULL ORDER BY timestamp LIMIT 1"
    )
    found = history.rows(query, (session_id,))
    about = session(history, session_id)
    asked = about.title or first_line(found[0][0] if found else "")
    models = _models(history, session_id)
    return Brief(about, asked, first or "", last or "", edits, paths, models)


def _models(history: History, session_id: str) -> list[str]:
    query = "SELECT DISTINCT model FROM calls WHERE session_id = ? AND model NOT NULL ORDER BY 1"
    return [row[0] for row in history.rows(query, (session_id,))]


def _lines(
    history: History, before: str | None, code: str | None
) -> tuple[int, int] | tuple[None, None]:
    new = history.snapshot(code)
    if new is None:
        return None, None
    return changed_lines(history.snapshot(before) or "", new) or (None, None)
