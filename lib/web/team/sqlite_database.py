"""Transactions in a SQLite file."""

import os
import queue
import re
import sqlite3
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

from lib.web.team.stored import Row, StorageError
from lib.web.team.working import Work

T = TypeVar("T")
# The first whose insertions return what they gave.
OLDEST = (3, 35, 0)
_SERIAL = "INTEGER PRIMARY KEY AUTOINCREMENT"


class _Transaction:
    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db

    def rows(self, sql: str, parameters: Sequence[Any] = ()) -> list[Row]:
        return self._db.execute(sql, tuple(parameters)).fetchall()

    def run(self, sql: str, parameters: Sequence[Any] = ()) -> int:
        return self._db.execute(sql, tuple(parameters)).rowcount

    def lock(self, *names: str) -> None:
        """Do nothing: who writes has the whole file to himself."""

    def by_index(self) -> None:
        """Do nothing: that is its way."""

    def take_time(self) -> None:
        """Do nothing: it always does."""


class SqliteDatabase:
    """The file at `path`; one transaction writes at a time, and any number read beside it."""

    def __init__(self, path: str, seconds: float) -> None:
        self._path, self._seconds = path, seconds
        self._writing = threading.Lock()
        self._idle: queue.LifoQueue[sqlite3.Connection] = queue.LifoQueue()
        self._is_closed = False
        if sqlite3.sqlite_version_info < OLDEST:
            text = f"SQLite 3.35 or newer is needed, this is {sqlite3.sqlite_version}"
            raise StorageError(text, "NotSupportedError", False)
        with _errors():
            # For its owner alone, before anything is in it; what SQLite puts beside it follows it.
            os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
            self._writer = self._connect()
            self._writer.execute("PRAGMA journal_mode = WAL")

    def write(self, work: Callable[[Work], T]) -> T:
        """Call `work` with a transaction, and commit it. Raises StorageError."""
        with self._writing, _errors():
            return _in_transaction(self._writer, "BEGIN IMMEDIATE", work)

    def read(self, work: Callable[[Work], T]) -> T:
        """Call `work` with a transaction that can change nothing. Raises StorageError."""
        with _errors():
            try:
                db = self._idle.get_nowait()
            except queue.Empty:
                db = self._connect()
                db.execute("PRAGMA query_only = 1")
            try:
                return _in_transaction(db, "BEGIN", work)
            finally:
                self._idle.put(db)
                if self._is_closed:
                    self._close_idle()

    def native(self, statement: str) -> str:
        """Translate the types of a statement that makes a table."""
        return re.sub(r"\bSERIAL\b", _SERIAL, statement)

    def version(self) -> str:
        """Return the database's kind and version once it has answered. Raises StorageError."""
        return f"SQLite {self.read(lambda work: work.rows('SELECT sqlite_version()'))[0][0]}"

    def close(self) -> None:
        """Close all connections."""
        self._is_closed = True
        with self._writing:
            self._writer.close()
        self._close_idle()

    def _close_idle(self) -> None:
        while True:
            try:
                self._idle.get_nowait().close()
            except queue.Empty:
                return

    def _connect(self) -> sqlite3.Connection:
        db = sqlite3.connect(
            self._path, timeout=self._seconds, isolation_level=None, check_same_thread=False
        )
        # What was acknowledged must be on the disk, and what belongs to an event goes with it.
        db.execute("PRAGMA synchronous = FULL")
        db.execute("PRAGMA foreign_keys = ON")
        return db


def _in_transaction(db: sqlite3.Connection, begin: str, work: Callable[[Work], T]) -> T:
    db.execute(begin)
    try:
        result = work(_Transaction(db))
        db.execute("COMMIT")
        return result
    except BaseException:
        if db.in_transaction:
            db.execute("ROLLBACK")
        raise


@contextmanager
def _errors() -> Iterator[None]:
    try:
        yield
    except (sqlite3.DataError, UnicodeEncodeError, OverflowError) as error:
        raise StorageError(str(error), type(error).__name__, False) from error
    except (OSError, sqlite3.Error) as error:
        raise StorageError(f"SQLite: {error}", type(error).__name__) from error
