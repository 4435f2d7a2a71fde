"""Open a database wherever it lies: not every file system has what SQLite would like.

A log beside the database (WAL) needs memory that processes share through a file; where that is not
to be had, the journal is one that is deleted. Where the kernel locks nothing, a directory beside
the database is the lock, for everybody who opens it.
"""

import fcntl
import os
import sqlite3
import time
from contextlib import closing, suppress

from lib.system import files
from lib.system.lock import NO_FLOCK

BUSY_SECONDS = 5.0
# Beside a database that is locked by a directory, and that directory.
NO_LOCKS = ".nolocks"
LOCK = ".lock"
# No statement of ours holds it for so long; then it is left of a process that was killed.
LEFT_SECONDS = 60.0


def connect(path: str, timeout: float = BUSY_SECONDS) -> sqlite3.Connection:
    """Open the database at `path`, with the journal that its file system allows.

    Waits up to `timeout` seconds for others. Raises sqlite3.Error.
    """
    for log in (True, False, False):
        db = lazily(path, timeout)
        try:
            _touch(db, log)
            return db
        except sqlite3.OperationalError as error:
            db.close()
            if not _is_helped(path, error):
                raise
    raise sqlite3.OperationalError("the file system has neither locks nor shared memory")


def _is_helped(path: str, error: sqlite3.OperationalError) -> bool:
    """Find another way to open the database after `error`; False where there is none."""
    if "locked" not in str(error):
        return _is_converted(path)
    if _is_marked(path) or _are_there_locks(path):
        return False
    _mark(path)
    return True


def lazily(path: str, timeout: float = BUSY_SECONDS) -> sqlite3.Connection:
    """Connect to the database at `path` without looking at it yet; it may be damaged."""
    name = path
    if _is_marked(path):
        from urllib.parse import quote

        name = f"file:{quote(os.path.abspath(path))}?vfs=unix-dotfile"
        with suppress(OSError):
            if time.time() - os.lstat(path + LOCK).st_mtime > LEFT_SECONDS:
                os.rmdir(path + LOCK)
    return sqlite3.connect(name, timeout=timeout, isolation_level=None, uri=name != path)


def _touch(db: sqlite3.Connection, log: bool) -> None:
    """Read, which is what needs locks and shared memory; give a new database its log before."""
    if log and not db.execute("PRAGMA user_version").fetchone()[0]:
        db.execute("PRAGMA journal_mode = WAL")
    db.execute("SELECT 1 FROM sqlite_master LIMIT 1").fetchone()


def _is_converted(path: str) -> bool:
    """Give a database whose log cannot be read for want of shared memory another journal.

    Whoever has it to himself needs none of that. False where somebody else has it open, or where
    something else is wrong.
    """
    with closing(lazily(path, 1.0)) as db:
        try:
            db.execute("PRAGMA locking_mode = EXCLUSIVE")
            return bool(db.execute("PRAGMA journal_mode = DELETE").fetchone()[0] == "delete")
        except sqlite3.DatabaseError:
            return False


def _is_marked(path: str) -> bool:
    return os.path.exists(path + NO_LOCKS)


def _mark(path: str) -> None:
    os.close(os.open(path + NO_LOCKS, os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW, 0o600))


def _are_there_locks(path: str) -> bool:
    """Try whether the kernel locks files there, on a file that nobody else has."""
    tried = files.temporary_in(os.path.dirname(path))
    files.write_new(tried, b"", sync=False)
    try:
        with open(tried, "wb") as file:
            fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        return error.errno not in NO_FLOCK
    finally:
        os.unlink(tried)
    return True
