"""Store code once, compressed, under the digest of its text."""

import sqlite3
import zlib

from lib.system.digest import hex_digest


def add(db: sqlite3.Connection, code: object) -> str | None:
    """Store `code`, and return its digest; None for what is no text."""
    if not isinstance(code, str):
        return None
    digest = hex_digest(code)
    query = "SELECT 1 FROM snapshots WHERE digest = ?"
    if not db.execute(query, (digest,)).fetchone():
        packed = zlib.compress(code.encode("utf-8", "surrogatepass"), 1)
        db.execute("INSERT INTO snapshots VALUES (?, ?)", (digest, packed))
    return digest


def code_of(db: sqlite3.Connection, digest: str | None) -> str | None:
    """Return the code with a digest, None where none was kept."""
    found = db.execute("SELECT code FROM snapshots WHERE digest = ?", (digest,)).fetchone()
    return unpack(found[0]) if found else None


def unpack(packed: bytes) -> str | None:
    """Decompress the code in a snapshot; None where the disk has not kept it as it was."""
    try:
        return zlib.decompress(packed).decode("utf-8", "surrogatepass")
    except (zlib.error, ValueError):
        return None
