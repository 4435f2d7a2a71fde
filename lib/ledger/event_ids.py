"""Derive the ids of events that follow from others, always the same ones, and look for ids."""

import sqlite3

from lib.system.digest import hex_digest


def outside_event_id(event_id: str) -> str:
    """Derive the id of the event of what somebody else did to a file just before an event."""
    return hex_digest(f"outside\0{event_id}")[:32]


def creation_event_id(pattern_id: str) -> str:
    """Derive the event id of an implied creation from the pattern's id: always the same one."""
    return hex_digest(f"creation\0{pattern_id}")[:32]


def is_recorded(db: sqlite3.Connection, event_id: str) -> bool:
    """Check whether an event was recorded, or a step without one. May raise sqlite3.Error."""
    query = (
        "SELECT 1 FROM events WHERE event_id = ?1 UNION ALL "
        "SELECT 1 FROM revisions WHERE event_id = ?1"
    )
    return db.execute(query, (event_id,)).fetchone() is not None
