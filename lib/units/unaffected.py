"""Go past the steps of files in which there are no units, without loading what finds them."""

import sqlite3

from lib.ledger.lives import Lives
from lib.ledger.transactions import transaction
from lib.units.grammars import language_at

_MOST = 200
_PATHS = (
    "SELECT revision_id, path FROM revisions JOIN files USING (file_id) WHERE revision_id > ? "
    "ORDER BY revision_id LIMIT ?"
)


def go_past(db: sqlite3.Connection) -> bool:
    """Note that units are known up to the next step of a file that may have some.

    Returns whether there is one. Raises sqlite3.Error.
    """
    lives = Lives(db)
    if not lives.is_behind():
        return False
    last = until = lives.until()
    for revision_id, path in db.execute(_PATHS, (until, _MOST)).fetchall():
        if language_at(path):
            break
        last = revision_id
    if last > until:
        with transaction(db, durable=False):
            if lives.until() == until:
                lives.note_until(last)
    return lives.is_behind()
