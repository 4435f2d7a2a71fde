"""Store code by its digest: whole, or as what differs from the code before, and read it again.

Most edits change one place. What stands before and after that place is told by two lengths, and the
rest is compressed with the old text around it as its dictionary.
"""

import sqlite3
import time
import zlib
from collections.abc import Iterable
from functools import lru_cache

from lib.ledger.common_ends import common_end, common_start
from lib.system.digest import hex_digest

# Half of a SHA-256; earlier versions stored all 64 digits.
DIGITS = 32
# So many differences are put together at most to read one snapshot.
MOST_STEPS = 10
# The revisions that hold, or held before they were made again, the code that has the key ?1.
HOLDERS = (
    "SELECT held FROM snapshots WHERE digest = ?1 UNION ALL "
    "SELECT revision_id FROM holders WHERE digest = ?1"
)
# What zlib can refer to on each side of a change.
_AROUND = 16_000
_FEW = 4096


class Kept(str):
    """The digest of code that is stored already, in the place of that code."""


def text(db: sqlite3.Connection, code: object) -> str | None:
    """Return `code`, read if it is kept already; None for what is no text."""
    if isinstance(code, Kept):
        return read(db, str(code))
    return code if isinstance(code, str) else None


def add(db: sqlite3.Connection, code: object, before: str | None = None) -> str | None:
    """Store `code`, if that was not done, within the caller's transaction; return its digest.

    None for what is no text. `before` is what it was made from.
    """
    if isinstance(code, Kept):
        return str(code)
    if not isinstance(code, str):
        return None
    digest = digest_of(code)
    known = _find(db, digest)
    if known:
        return str(known[0])
    packed, base, steps = b"", None, 0
    data = _encoded(code)
    found = _find(db, digest_of(before)) if before is not None else None
    if before is not None and found and found[1] < MOST_STEPS:
        packed, base, steps = _change(_encoded(before), data), str(found[0]), found[1] + 1
    if not packed or len(packed) + DIGITS > len(data) // 4:
        whole = zlib.compress(data, 1)
        if not packed or len(packed) + DIGITS > len(whole):
            packed, base, steps = whole, None, 0
    query = "INSERT INTO snapshots (digest, code, base, steps) VALUES (?, ?, ?, ?)"
    db.execute(query, (key(digest), packed, key(base), steps))
    return digest


def hold(db: sqlite3.Connection, digest: str, revision_id: int) -> None:
    """Note that a revision holds the code of a digest, within the caller's transaction."""
    # Most code is held once, and its row is in memory: that of an index would not be.
    query = "UPDATE snapshots SET held = ? WHERE digest = ? AND held IS NULL"
    if not db.execute(query, (revision_id, key(digest))).rowcount:
        query = "INSERT OR IGNORE INTO holders VALUES (?, ?)"
        db.execute(query, (key(digest), revision_id))


# Of an event the same two pieces of code are asked several times.
@lru_cache(2)
def digest_of(code: str) -> str:
    """Compute the digest of code; one of an earlier version begins with it."""
    return hex_digest(code)[:DIGITS]


def read(db: sqlite3.Connection, digest: str | None) -> str | None:
    """Return the code of a digest, None where none was stored. Raises sqlite3.Error.

    None too where the disk has not kept it as it was.
    """
    data = Reader(db).read(digest)
    return None if data is None else data.decode("utf-8", "surrogatepass")


class Reader:
    """Reads code as UTF-8, one after another: most is made from what was read just before."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db
        self._last: tuple[bytes | None, bytes] = None, b""

    def read(self, digest: str | None) -> bytes | None:
        """Return the code of a digest, as `read` does."""
        wanted = key(digest)
        try:
            data = self._data(wanted)
        except (zlib.error, ValueError):
            return None
        if data is not None:
            self._last = wanted, data
        return data

    def _data(self, wanted: bytes | None) -> bytes | None:
        changes: list[bytes] = []
        while wanted and wanted != self._last[0]:
            query = "SELECT code, base FROM snapshots WHERE digest = ?"
            packed, wanted = self._db.execute(query, (wanted,)).fetchone() or (b"", None)
            changes.append(packed)
        if wanted:
            data = self._last[1]
        elif not changes or not changes[-1]:
            return None
        else:
            data = zlib.decompress(changes.pop())
        while changes:
            data = _changed(data, changes.pop())
        return data


def count_lost(db: sqlite3.Connection, seconds: float) -> int:
    """Count those that the disk has not kept as they were, for so many seconds.

    Raises sqlite3.Error.
    """
    until = time.monotonic() + seconds
    reader, lost = Reader(db), 0
    for (digest,) in db.execute("SELECT lower(hex(digest)) FROM snapshots"):
        data = reader.read(digest)
        code = None if data is None else data.decode("utf-8", "surrogatepass")
        lost += code is None or hex_digest(code)[:DIGITS] != digest[:DIGITS]
        if time.monotonic() > until:
            break
    return lost


def key(digest: str | None) -> bytes | None:
    """Return what a digest is kept as; for what is none what nothing has."""
    try:
        return None if digest is None else bytes.fromhex(digest)
    except ValueError:
        return b""


def _find(db: sqlite3.Connection, digest: str) -> tuple[str, int] | None:
    # A digest of an earlier version begins like it, and has as many bytes again.
    begin = bytes.fromhex(digest)
    query = "SELECT digest, steps FROM snapshots WHERE digest BETWEEN ? AND ? LIMIT 1"
    found = db.execute(query, (begin, begin + b"\xff" * (DIGITS // 2))).fetchone()
    return (found[0].hex(), found[1]) if found else None


def _encoded(code: str) -> bytes:
    return code.encode("utf-8", "surrogatepass")


def _change(old: bytes, new: bytes) -> bytes:
    """Write what makes `new` of `old`."""
    start = common_start(old, new)
    end = common_end(old, new, min(len(old), len(new)) - start)
    middle = new[start : len(new) - end]
    # Its usual memory costs more to set up than a few lines to compress.
    memory = 1 if len(middle) < _FEW else zlib.DEF_MEM_LEVEL
    zdict = _dictionary(old, start, end)
    compressor = zlib.compressobj(9, zlib.DEFLATED, zlib.MAX_WBITS, memory, zdict=zdict)
    return b"%d %d\n" % (start, end) + compressor.compress(middle) + compressor.flush()


def _changed(old: bytes, change: bytes) -> bytes:
    head, packed = change.split(b"\n", 1)
    start, end = map(int, head.split())
    middle = zlib.decompressobj(zdict=_dictionary(old, start, end))
    made = middle.decompress(packed)
    if not middle.eof:  # else zlib has compared a sum of it
        raise ValueError("it was cut")
    return old[:start] + made + old[len(old) - end :]


def _dictionary(old: bytes, start: int, end: int) -> bytes:
    """Choose the part of the old text that zlib may refer to; it is never empty."""
    return old[max(0, start - _AROUND) : len(old) - end + _AROUND] or b"\n"


def delete(db: sqlite3.Connection, digests: Iterable[str]) -> int:
    """Delete snapshots, within the caller's transaction; return how many there were.

    Those that are kept as what differs from one of them are stored whole first.
    """
    doomed = {key(digest) for digest in digests}
    query = "SELECT digest, base FROM snapshots WHERE base NOT NULL"
    for one, base in db.execute(query).fetchall():
        if base in doomed and one not in doomed:
            code = read(db, one.hex())
            packed = b"" if code is None else zlib.compress(_encoded(code), 1)
            query = "UPDATE snapshots SET code = ?, base = NULL, steps = 0 WHERE digest = ?"
            db.execute(query, (packed, one))
    db.executemany("DELETE FROM holders WHERE digest = ?", [(one,) for one in doomed])
    query = "DELETE FROM snapshots WHERE digest = ?"
    return sum(db.execute(query, (one,)).rowcount for one in doomed)
