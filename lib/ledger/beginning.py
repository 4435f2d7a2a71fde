"""Give a damaged database the first pages of a sound one, which tell where its tables begin."""

import os
import shutil
import sqlite3
import time
from contextlib import closing, suppress

from lib.ledger.unreadable import copy_of, remove

# The kind of a page of a table that leads to others.
_INNER = 5


def with_beginning(path: str, sound: str, deadline: float) -> str:
    """Return `path`, or where its first pages are damaged a copy with those of `sound`.

    They tell where each table begins: in the same places where the same version made both. Whether
    they do is checked until `deadline` (monotonic). Raises OSError.
    """
    with closing(sqlite3.connect(path)) as db, suppress(sqlite3.DatabaseError):
        db.execute("SELECT sql FROM sqlite_master").fetchall()
        return path
    made = copy_of(path)
    remove(made)
    with open(sound, "rb") as file:
        head = file.read(100)
        size = int.from_bytes(head[16:18], "big")
        file.seek(0)
        first = bytearray(file.read(size))
        others = {}
        for number in _below(first):
            file.seek((number - 1) * size)
            others[number] = file.read(size)
    shutil.copyfile(path, made)
    first[28:32] = (os.path.getsize(made) // size).to_bytes(4, "big")
    first[32:40] = bytes(8)  # no list of free pages
    with open(made, "r+b") as file:
        file.write(first)
        for number, page in others.items():
            file.seek((number - 1) * size)
            file.write(page)
    with suppress(FileNotFoundError):
        shutil.copyfile(f"{path}-wal", f"{made}-wal")
    return made if _fits(made, deadline) else path


def _below(first: bytearray) -> list[int]:
    """List the pages that the first one leads to (https://sqlite.org/fileformat2.html, 1.6)."""
    if first[100] != _INNER:
        return []
    cells = int.from_bytes(first[103:105], "big")
    starts = [int.from_bytes(first[at : at + 2], "big") for at in range(112, 112 + 2 * cells, 2)]
    return [int.from_bytes(first[at : at + 4], "big") for at in (*starts, 108)]


def _fits(path: str, deadline: float) -> bool:
    with closing(sqlite3.connect(path)) as db:
        db.set_progress_handler(lambda: time.monotonic() > deadline, 10_000)
        try:
            found = [str(row[0]) for row in db.execute("PRAGMA integrity_check(10000)")]
        except sqlite3.DatabaseError:
            return False
    # Free pages, as there is no list of them.
    lines = [line for text in found for line in text.split("\n")]
    return all(line == "ok" or line.startswith("***") or "never used" in line for line in lines)
