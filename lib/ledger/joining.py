"""Write what transcripts tell: prompts, the calls made for them, and facts of their sessions."""

import sqlite3
import time
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from lib.ledger.prompts import Prompt, Session
from lib.ledger.transactions import transaction
from lib.ledger.wanted import (
    ANYTHING,
    CALL,
    EXPECTED_SECONDS,
    FOLLOWED_SECONDS,
    MOST_FOLLOWED,
    PROMPT,
    REWINDS,
    want,
)

# Of so many transcripts it is looked whether they go on, though they told what was wanted.
MOST_TOLD = 16
# What is kept of a prompt, in characters.
MAX_TEXT = 64 * 1024


class Use(NamedTuple):
    """A call of a tool, and the prompt and model that it was made by; see `prompts.Call`.

    Where the prompt is not told, it is the session's last one before the `timestamp`.
    """

    session_id: str
    tool_use_id: str
    prompt_id: str
    model: str | None
    timestamp: str = ""


class Found(NamedTuple):
    """What was read of a session."""

    prompts: list[Prompt]
    calls: list[Use]
    session: Session

    @classmethod
    def of(cls, prompts: Iterable[Any], calls: Iterable[Any], session: Iterable[Any]) -> "Found":
        """Make it of what JSON holds of it."""
        return cls(
            [Prompt(*one) for one in prompts], [Use(*one) for one in calls], Session(*session)
        )

    def cleaned(self, clean: Callable[[str], str], keeps: bool) -> "Found":
        """Make a copy whose texts went through `clean`.

        With `keeps` False it has neither texts of prompts nor a title.
        """

        def fact(value: str | None) -> str | None:
            return value and clean(value)

        def text(value: str | None) -> str | None:
            return fact(value) if keeps else None

        known = self.session
        return Found(
            [prompt._replace(text=text(prompt.text)) for prompt in self.prompts],
            [use._replace(model=fact(use.model)) for use in self.calls],
            Session(known.session_id, text(known.title), *map(fact, known[2:])),
        )


class Followed(NamedTuple):
    """A transcript, and where reading was left off: in which file, at which byte.

    `since` is the time of the newest event, in s since 1970; `keeps` is False where the texts of
    its prompts may not be kept.
    """

    path: str
    session_id: str
    since: int
    keeps: bool
    file: str
    offset: int
    memory: str

    @property
    def is_expected(self) -> bool:
        """Whether the client may make the file yet: it was not there, and the event is new."""
        return not self.file and time.time() - self.since < EXPECTED_SECONDS


def write(db: sqlite3.Connection, found: Found) -> None:
    """Write what was read, without secrets, within the caller's transaction; may be known already.

    The first text of a prompt counts, the first directory of a session, and else what is newest.
    Raises sqlite3.Error.
    """
    rows = [(*p[:3], None if p.text is None else p.text[:MAX_TEXT]) for p in found.prompts]
    db.executemany("INSERT OR IGNORE INTO prompts VALUES (?, ?, ?, ?)", rows)
    db.executemany(
        "INSERT INTO calls VALUES (?1, ?2, coalesce(nullif(?3, ''), (SELECT prompt_id FROM prompts "
        "WHERE session_id = ?1 AND timestamp <= ?5 ORDER BY timestamp DESC LIMIT 1), ''), ?4) "
        "ON CONFLICT (session_id, tool_use_id, prompt_id) "
        "DO UPDATE SET model = excluded.model WHERE model IS NULL",
        found.calls,
    )
    if any(found.session[1:]):
        db.execute(
            "INSERT INTO sessions VALUES (?, ?, ?, ?, ?) ON CONFLICT (session_id) DO UPDATE SET "
            "title = coalesce(excluded.title, title), cwd = coalesce(cwd, excluded.cwd), "
            "branch = coalesce(excluded.branch, branch), "
            "client = coalesce(excluded.client, client)",
            found.session,
        )


class Joining:
    """The transcripts that are followed in a ledger. Every method may raise sqlite3.Error."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db

    def followed(self) -> list[Followed]:
        """List the transcripts of which something is wanted, those of the newest events first."""
        return self._listed("!=", MOST_FOLLOWED)

    def told(self) -> list[Followed]:
        """List the newest that told everything but whether files will be taken back."""
        return self._listed("=", MOST_TOLD)

    def _listed(self, whether: str, most: int) -> list[Followed]:
        rows = self._db.execute(
            "SELECT path, session_id, since, keeps, file, offset, coalesce(state, '') "
            f"FROM transcripts WHERE wanted != '' AND wanted {whether} ? AND since > ? "
            "ORDER BY since DESC LIMIT ?",
            (REWINDS, int(time.time()) - FOLLOWED_SECONDS, most),
        )
        return [Followed(*row) for row in rows]

    def forget(self, path: str) -> None:
        """Forget a transcript; what was found in it stays."""
        self._db.execute("DELETE FROM transcripts WHERE path = ?", (path,))

    def lacks(self, path: str) -> list[str]:
        """List the words that are wanted of a transcript still."""
        row = self._db.execute("SELECT wanted FROM transcripts WHERE path = ?", (path,)).fetchone()
        return row[0].split() if row else []

    def want(self, path: str, one: Followed, words: list[str]) -> None:
        """Want words of a transcript of the same session as `one` too."""
        want(self._db, path, one.session_id, words, one.keeps)

    def note(self, left: Followed, found: Found) -> None:
        """Write what was found in a portion of a transcript, and where reading was `left` now."""
        told = {PROMPT + prompt.prompt_id for prompt in found.prompts}
        told |= {CALL + use.tool_use_id for use in found.calls} | {ANYTHING}
        # What is lost with the power is read again.
        with transaction(self._db, durable=False):
            write(self._db, found)
            self._note(left, told)

    def _note(self, left: Followed, told: set[str]) -> None:
        self._db.execute(
            "UPDATE transcripts SET keeps = min(keeps, ?), file = ?, offset = ?, state = ? "
            "WHERE path = ?",
            (*left[3:], left.path),
        )
        # What one transcript of a session told is wanted of none.
        query = "SELECT path FROM transcripts WHERE wanted != '' AND session_id = ?"
        for (path,) in self._db.execute(query, (left.session_id,)).fetchall():
            wanted = " ".join(word for word in self.lacks(path) if word not in told)
            query = "UPDATE transcripts SET wanted = ? WHERE path = ?"
            self._db.execute(query, (wanted, path))
