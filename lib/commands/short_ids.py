"""Find what an id, or how one begins, may mean: an event or a pattern."""

from collections.abc import Sequence
from typing import NamedTuple

from lib.commands.common import CommandError, printable
from lib.ledger.filters import after
from lib.ledger.history import History
from lib.ledger.text import storable

# So many of the ids that begin alike are named.
ALTERNATIVES = 10
# Fewer digits of an event's id are a word that happens to be one.
_FEWEST = 4


class Known(NamedTuple):
    """A recorded id, and whether it is that of an event; else it is a pattern's."""

    full: str
    is_event: bool


def known_by(history: History, prefix: str) -> Known:
    """Return the event or pattern whose id is `prefix`, or the only one that begins with it.

    Raises CommandError, which names the candidates, where there are several, or none.
    """
    if history.knows(prefix):
        return Known(prefix, False)
    patterns = history.ids_beginning(prefix, ALTERNATIVES)
    found = only([*patterns, *_events_beginning(history, prefix)], prefix)
    return Known(found, found not in patterns)


def only(ids: Sequence[str], prefix: str) -> str:
    """Return the one of `ids`, all of which begin with `prefix`, that is meant by it.

    Raises CommandError, which names the candidates, where there are several, or none.
    """
    if prefix in ids or len(ids) == 1:
        return prefix if prefix in ids else ids[0]
    if not ids:
        raise CommandError(f"nothing is known of {printable(prefix)}")
    names = ", ".join(map(printable, ids[:ALTERNATIVES]))
    raise CommandError(f"{printable(prefix)} may be any of: {names}")


def pattern_known_by(history: History, prefix: str) -> str:
    """Return the pattern whose id, or an event's of it, begins so. Raises CommandError."""
    known = known_by(history, prefix)
    if not known.is_event:
        return known.full
    query = (
        "SELECT content_id FROM events WHERE event_id = ?1 "
        "UNION ALL SELECT pattern_id FROM revisions WHERE event_id = ?1 LIMIT 1"
    )
    return str(history.rows(query, (known.full,))[0][0])


def event_known_by(history: History, prefix: str) -> tuple[str, str]:
    """Return the event that an id means, and the path of its file; of a pattern the last event.

    Raises CommandError.
    """
    known = known_by(history, prefix)
    query = (
        "SELECT event_id, file_path FROM events WHERE event_id = ?1 AND file_path NOT NULL "
        "UNION ALL SELECT event_id, path FROM revisions r JOIN files USING (file_id) "
        "WHERE event_id = ?1 LIMIT 1"
    )
    if not known.is_event:
        made = [event for event in history.events_of([known.full]) if not event.implied]
        known = Known(made[-1].event_id if made else "", True)
    found = history.rows(query, (known.full,))
    if not found:
        raise CommandError(f"no event of a file is known of {printable(prefix)}")
    return str(found[0][0]), str(found[0][1])


def _events_beginning(history: History, prefix: str) -> list[str]:
    """List events by how their ids begin, also steps of files that are no events."""
    if len(prefix) < _FEWEST:
        return []
    bounds = storable(prefix), after(storable(prefix)), ALTERNATIVES
    query = "SELECT event_id FROM {} WHERE event_id >= ? AND event_id < ? ORDER BY event_id LIMIT ?"
    tables = ("events", "revisions")
    return sorted({row[0] for name in tables for row in history.rows(query.format(name), bounds)})
