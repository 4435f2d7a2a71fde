"""Count in the ledger."""

import sqlite3
from collections.abc import Mapping


def add_to_counter(db: sqlite3.Connection, name: str, number: int) -> None:
    """Add `number` to the counter `name`, within the caller's transaction."""
    query = "INSERT INTO counters VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET count = count + ?"
    db.execute(query, (name, number, number))


def add_counts(db: sqlite3.Connection, counts: Mapping[str, int]) -> None:
    """Add `counts` to the counters of these names, within the caller's transaction."""
    for name, number in counts.items():
        if number:
            add_to_counter(db, name, number)
