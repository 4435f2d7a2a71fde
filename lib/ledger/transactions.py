"""Do several things in a ledger, or none of them."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def transaction(db: sqlite3.Connection, durable: bool = True) -> Iterator[sqlite3.Connection]:
    """Run the block in a transaction, flushed to the disk at its end only if `durable`.

    What it raises rolls it back; it may do that itself too. Raises sqlite3.Error.
    """
    if not durable:
        db.execute("PRAGMA synchronous = NORMAL")
    db.execute("BEGIN IMMEDIATE")
    try:
        yield db
        if db.in_transaction:
            db.execute("COMMIT")
    except BaseException:
        # A full disk has rolled it back already, and is the error to be told.
        if db.in_transaction:
            db.execute("ROLLBACK")
        raise
    finally:
        if not durable:
            db.execute("PRAGMA synchronous = FULL")
