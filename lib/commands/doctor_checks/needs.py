"""Try what the flusher needs of the file system: a lock, a ledger to write to, a file."""

import os
import sqlite3
from contextlib import closing, suppress

from lib.commands.doctor_checks.finding import OK, SERIOUS, UNKNOWN, Finding, Site
from lib.commands.reading import ELSEWHERE
from lib.ledger.connecting import NO_LOCKS, connect
from lib.ledger.opening import refuse_links
from lib.ledger.store import FILE_NAME
from lib.ledger.unreadable import remove
from lib.spool.outbox import LOCK_FILE
from lib.system import files, soft_lock
from lib.system.lock import Lock


def needs(site: Site) -> Finding:
    """Take a lock, and write to the ledger what is not kept; another ledger where there is none."""
    directory = site.directory
    if not directory or not os.path.isdir(directory):
        return Finding(UNKNOWN, "nothing was captured yet")
    try:
        ways = [*_lock(directory), *_write(directory)]
    except sqlite3.OperationalError as error:
        return Finding(SERIOUS, f"the ledger cannot be written: {error}", remedy(error, directory))
    except sqlite3.DatabaseError:
        ways = []  # it is damaged, which is told elsewhere
    except OSError as error:
        text = f"{error.filename or directory} cannot be locked: {error.strerror}"
        return Finding(SERIOUS, text, remedy(error, directory))
    return Finding(OK, "; ".join(["a lock and the ledger can be had", *ways]))


def remedy(error: Exception, directory: str) -> str:
    """Say what helps where a lock or the ledger cannot be had."""
    said = str(error).lower()
    if "is a link" in said:
        return "put the ledger itself there"
    if "full" in said or "no space" in said:
        return "make room on that disk"
    is_refused = isinstance(error, PermissionError) or "readonly" in said or "unable" in said
    return f"chmod -R u+rw {directory}" if is_refused else ELSEWHERE


def _lock(directory: str) -> list[str]:
    """Take a lock beside the flusher's, for one that starts just now would go without."""
    with suppress(FileNotFoundError):
        os.close(os.open(f"{directory}/{LOCK_FILE}", os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC))
    path = files.temporary_in(directory)
    lock = Lock(path)
    try:
        if not lock.acquire():
            raise OSError(0, "it seems to be held already", path)
        is_soft = os.path.lexists(path + soft_lock.SUFFIX)
        lock.release()
    finally:
        with suppress(FileNotFoundError):
            os.unlink(path)
    return ["there is no flock here, and a lock file stands for it"] if is_soft else []


def _write(directory: str) -> list[str]:
    path = f"{directory}/{FILE_NAME}"
    refuse_links(path)
    is_there = os.path.exists(path)
    if not is_there:
        path = files.temporary_in(directory)
    try:
        with closing(connect(path, timeout=1.0)) as db:
            journal = db.execute("PRAGMA journal_mode").fetchone()[0]
            db.execute("BEGIN IMMEDIATE")
            db.execute("CREATE TABLE tried (it)")
            db.execute("ROLLBACK")
    except sqlite3.OperationalError as error:
        if "locked" not in str(error) or not is_there:
            raise
        return ["a flusher writes to it now"]
    finally:
        if not is_there:
            is_marked = os.path.exists(path + NO_LOCKS)
            remove(path)
            if is_marked:
                os.unlink(path + NO_LOCKS)
    return [] if journal == "wal" else ["without shared memory, so it is slower"]
