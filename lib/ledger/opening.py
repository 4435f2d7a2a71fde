"""Open a ledger's file: never by a link, and also where nothing can be written beside it."""

import os
import sqlite3
from contextlib import suppress

from lib.ledger.schema import VERSION


def refuse_links(path: str) -> None:
    """Raise sqlite3.OperationalError where the ledger at `path`, or a part of it, is a link.

    SQLite would write to whatever it leads to.
    """
    for name in (path, f"{path}-wal", f"{path}-shm", f"{path}-journal"):
        if os.path.islink(name):
            raise sqlite3.OperationalError(f"{name} is a link, and not followed")


def identity(path: str) -> tuple[int, int] | None:
    """Return what tells the file at `path` from others that were or will be there; None: gone."""
    with suppress(OSError):
        status = os.stat(path)
        return status.st_dev, status.st_ino
    return None


def connect_read_only(path: str) -> tuple[sqlite3.Connection, bool]:
    """Open the file at `path`; also tell whether what was written last is missing.

    Raises sqlite3.Error; OperationalError for a ledger of an earlier version, which would have to
    be converted first.
    """
    is_behind = False
    try:
        db = _opened(path, "mode=ro")
    except sqlite3.OperationalError:
        # The files beside it can neither be made nor used: they are left out.
        db, wal = _opened(path, "immutable=1"), f"{path}-wal"
        is_behind = os.path.exists(wal) and os.path.getsize(wal) > 0
    if db.execute("PRAGMA user_version").fetchone()[0] < VERSION:
        db.close()
        raise sqlite3.OperationalError(
            "the ledger is of an earlier version: to be read it must be converted, "
            "which needs a disk that can be written to and has room"
        )
    return db, is_behind


def _opened(path: str, how: str) -> sqlite3.Connection:
    name = path.replace("%", "%25").replace("?", "%3f").replace("#", "%23")
    db = sqlite3.connect(f"file:{name}?{how}", uri=True, isolation_level=None)
    try:
        db.execute("PRAGMA temp_store = MEMORY")
        db.execute("SELECT 1 FROM events LIMIT 1").fetchone()
    except BaseException:
        db.close()
        raise
    return db
