"""Find words in prompts, titles, names and code, the best matches first.

The index is a database beside the ledger (SQLite's FTS5), which each search brings up to date
first: recording pays nothing for it, and who deletes it loses nothing. It has what each file holds
now, or held last, not what it held in between.
"""

import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from typing import NamedTuple

from lib.ledger.biography import units_in
from lib.ledger.connecting import connect
from lib.ledger.history import History
from lib.ledger.opening import refuse_links
from lib.ledger.prompts import prompts, session
from lib.ledger.text import storable
from lib.ledger.transactions import transaction

SUFFIX = ".search"
PROMPT, SESSION, FILE = "prompt", "session", "file"
_SCHEMA = """
CREATE TABLE IF NOT EXISTS docs (
    id INTEGER PRIMARY KEY, kind TEXT NOT NULL, key TEXT NOT NULL, mark TEXT NOT NULL,
    UNIQUE (kind, key)
);
CREATE VIRTUAL TABLE IF NOT EXISTS texts USING fts5(title, body);
"""
# What a document is known by, and what changes when its text does.
_STATES = {
    PROMPT: "SELECT prompt_id, '' FROM prompts WHERE text NOT NULL",
    SESSION: "SELECT session_id, title FROM sessions WHERE title NOT NULL",
    # The names in it are known a moment later.
    FILE: "SELECT path, revision || iif(s.revision_id = revision, '+', '') FROM files "
    "LEFT JOIN standing s USING (file_id) WHERE revision NOT NULL",
}
# What a word in a title counts, against one in a body.
_WEIGHT = 4.0
# Marks around what was found; neither stands in code.
_OPEN, _CLOSE = "\x02", "\x03"
PORTION = 500


class Found(NamedTuple):
    """A match: the id of a prompt or session, or a file's path, and the line that has most of it.

    `number` counts the lines from 1; it is 0 where the title matched and not the body.
    """

    kind: str
    key: str
    number: int
    line: str


class Place(NamedTuple):
    """Where a match is: what a person goes on with, and when that was, "" where it is a file."""

    text: str
    timestamp: str
    session_id: str


class SearchIndex:
    """The index of a ledger. Every method may raise sqlite3.Error."""

    def __init__(self, path: str) -> None:
        self._path = path
        try:
            self._db = _opened(path)
        except (sqlite3.Error, OSError):
            # The disk is full or read-only, or it is damaged: it serves this once.
            remove(path)
            self._db = _opened(":memory:")

    def close(self) -> None:
        """Close the index."""
        self._db.close()

    def update(
        self, history: History, progress: Callable[[int, int], None] = lambda done, all: None
    ) -> None:
        """Index what was recorded since, in portions; `progress` gets how many of how many."""
        stale, new = self._differences(history)
        done, count = 0, len(stale) + len(new)
        for start in range(0, len(stale), PORTION):
            with transaction(self._db):
                for number in stale[start : start + PORTION]:
                    self._db.execute("DELETE FROM docs WHERE id = ?", (number,))
                    self._db.execute("DELETE FROM texts WHERE rowid = ?", (number,))
                    done += 1
            progress(done, count)
        for start in range(0, len(new), PORTION):
            with transaction(self._db):
                for kind, key, mark in new[start : start + PORTION]:
                    self._add(kind, key, mark, *_text(history, kind, key))
                    done += 1
            progress(done, count)

    def _differences(self, history: History) -> tuple[list[int], list[tuple[str, str, str]]]:
        """List the documents that are no longer so, and those that are not here."""
        here = {
            (kind, key, mark): number
            for number, kind, key, mark in self._db.execute("SELECT * FROM docs")
        }
        there = {
            (kind, key, str(mark)): None
            for kind, query in _STATES.items()
            for key, mark in history.rows(query, ())
        }
        stale = [number for state, number in here.items() if state not in there]
        return stale, [state for state in there if state not in here]

    def _add(self, kind: str, key: str, mark: str, title: str, body: str) -> None:
        query = "INSERT OR IGNORE INTO docs (kind, key, mark) VALUES (?, ?, ?)"
        added = self._db.execute(query, (kind, key, mark))
        if added.rowcount:
            values = (added.lastrowid, title, body)
            self._db.execute("INSERT INTO texts (rowid, title, body) VALUES (?, ?, ?)", values)

    def find(self, text: str, number: int) -> list[Found]:
        """Find at most `number` documents with all words of `text`, else with any of them.

        A word stands for all words that begin so, letters of either case, and what is no letter
        or digit divides words: `load_file` finds `load_files(`, and not `file_load`.
        """
        words = [word for word in storable(text).split() if any(c.isalnum() for c in word)]
        terms = [f'"{word.replace(chr(34), " ")}"*' for word in words]
        for operator in (" AND ", " OR "):
            found = list(self._matches(operator.join(terms), number)) if terms else []
            if found:
                return found
        return []

    def _matches(self, query: str, number: int) -> Iterator[Found]:
        rows = self._db.execute(
            "SELECT kind, key, highlight(texts, 0, ?1, ?2), highlight(texts, 1, ?1, ?2) "
            "FROM texts JOIN docs ON docs.id = texts.rowid WHERE texts MATCH ?3 "
            "ORDER BY bm25(texts, ?4) LIMIT ?5",
            (_OPEN, _CLOSE, query, _WEIGHT, number),
        )
        for kind, key, title, body in rows:
            at, line = _best_line(body)
            yield Found(kind, key, at, line if at else _plain(title))


def path_of(ledger: str) -> str:
    """Return where the index of the ledger at the path `ledger` is."""
    return f"{ledger}{SUFFIX}"


def remove(path: str) -> None:
    """Delete the index at `path`, if there is one and it can be deleted."""
    for part in ("", "-wal", "-shm", "-journal"):
        with suppress(OSError):
            os.unlink(path + part)


def _opened(path: str) -> sqlite3.Connection:
    refuse_links(path)
    db = connect(path)
    try:
        # It can be made again: no write of it waits for the disk.
        db.execute("PRAGMA synchronous = OFF")
        db.executescript(_SCHEMA)
        db.execute("SELECT count(*) FROM docs").fetchone()
    except BaseException:
        db.close()
        raise
    return db


def _text(history: History, kind: str, key: str) -> tuple[str, str]:
    """Read the title and the body of a document."""
    if kind == PROMPT:
        ((text,),) = history.rows("SELECT text FROM prompts WHERE prompt_id = ?", (key,))
        return "", text or ""
    if kind == SESSION:
        ((title,),) = history.rows("SELECT title FROM sessions WHERE session_id = ?", (key,))
        return title or "", ""
    query = "SELECT DISTINCT pattern_name FROM events WHERE file_path = ?"
    names = [name for (name,) in history.rows(query, (key,)) if name]
    names += [unit.name for unit in units_in(history, key)]
    return " ".join([key, *names]), _code(history, key)


def _code(history: History, path: str) -> str:
    """Return what the file at `path` holds, or held before it was deleted."""
    query = (
        "SELECT r.snapshot FROM files f JOIN revisions r ON r.file_id = f.file_id "
        "WHERE path = ? AND r.snapshot NOT NULL ORDER BY revision_id DESC LIMIT 1"
    )
    found = history.rows(query, (path,))
    return (history.snapshot(found[0][0]) if found else None) or ""


def _best_line(body: str) -> tuple[int, str]:
    """Return the line with the most marks, without them, and its number from 1; 0 without one."""
    marked = [(number, line) for number, line in enumerate(body.split("\n"), 1) if _OPEN in line]
    number, line = max(marked, key=lambda one: one[1].count(_OPEN), default=(0, ""))
    return number, _plain(line)


def _plain(text: str) -> str:
    return text.replace(_OPEN, "").replace(_CLOSE, "")


def opened(ledger: str) -> closing[SearchIndex]:
    """Open the index of the ledger at the path `ledger`, for a `with` statement."""
    return closing(SearchIndex(path_of(ledger)))


def place(history: History, found: Found) -> Place:
    """Tell where a match is. Raises sqlite3.Error."""
    if found.kind == FILE:
        return Place(found.key, "", "")
    if found.kind == PROMPT:
        prompt = prompts(history, [found.key])[found.key]
        about = session(history, prompt.session_id)
        return Place(about.title or "", prompt.timestamp, prompt.session_id)
    return Place(session(history, found.key).cwd or "", "", found.key)
