"""Make anew, out of the ledger, what files lost and gained lately."""

import sqlite3
from itertools import groupby

from lib.ledger import snapshots
from lib.ledger.lives import BEGUN, ENDED
from lib.units.grammars import language_at
from lib.units.recent import Recent, Remains

# So many revisions are looked back.
REVISIONS = 200
_QUERY = (
    f"SELECT s.revision_id, path, iif(s.change IN {ENDED}, p.snapshot, r.snapshot), "
    f"s.change IN {ENDED} AS is_lost, s.start FROM unit_steps s "
    "JOIN revisions r USING (revision_id) JOIN files f USING (file_id) "
    "LEFT JOIN revisions p ON p.revision_id = r.parent "
    "WHERE s.revision_id < ?1 AND s.revision_id >= coalesce((SELECT revision_id FROM revisions "
    "WHERE revision_id < ?1 ORDER BY revision_id DESC LIMIT 1 OFFSET ?2), 0) "
    f"AND s.change IN {(*ENDED, *BEGUN)} ORDER BY s.revision_id, is_lost DESC, s.start"
)


def recollected(db: sqlite3.Connection, feed: int) -> Recent:
    """Return what is remembered before the feed with this number. Raises sqlite3.Error."""
    reader, found = snapshots.Reader(db), []
    rows = db.execute(_QUERY, (feed, REVISIONS)).fetchall()
    for (number, path, digest, is_lost), units in groupby(rows, lambda row: tuple(row[:4])):
        data = reader.read(digest)
        if data is not None:
            starts = tuple(row[4] for row in units)
            text = data.decode("utf-8", "surrogatepass")
            found.append(Remains(number, path, language_at(path), bool(is_lost), text, starts))
    return Recent(feed - 1, found)
