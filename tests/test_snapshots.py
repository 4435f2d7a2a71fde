"""Code is stored as what differs from the code before, and comes back to the letter."""

import random
import sqlite3
import zlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from lib.ledger import snapshots
from lib.ledger.history import History
from lib.system.digest import hex_digest

PIECES = ["x = 1\n", "é", "\ud800", "\n", "", "def f():\n    return 1\n", "#" * 50, "名" * 6_000]


@pytest.fixture
def db(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    ledger = History(f"{tmp_path}/ledger.db")
    yield ledger._db
    ledger.close()


def test_each_of_many_edits_comes_back(db: sqlite3.Connection) -> None:
    for seed in range(12):
        chance = random.Random(seed)
        code, stored = "", {}
        for _ in range(40):
            before = code
            at, end = (chance.randint(0, len(code)) for _ in range(2))
            code = code[:at] + chance.choice(PIECES) + code[max(at, min(end, at + 30)) :]
            stored[snapshots.add(db, code, before)] = code
        assert {digest: snapshots.read(db, digest) for digest in stored} == stored


def test_a_small_edit_of_a_large_file_takes_little(db: sqlite3.Connection) -> None:
    chance = random.Random(1)
    lines = [f"value_{n} = {chance.random()}\n" for n in range(5000)]
    first = "".join(lines)
    snapshots.add(db, first)
    lines[2500] = "value = compute()\n"
    digest = snapshots.add(db, "".join(lines), first)
    query = "SELECT length(code), steps FROM snapshots WHERE digest = ?"
    size, steps = db.execute(query, (snapshots.key(digest),)).fetchone()
    assert size < 100
    assert steps == 1


def test_few_are_put_together_to_read_one(db: sqlite3.Connection) -> None:
    base = "".join(f"value_{n} = {hex_digest(str(n))}\n" for n in range(50))
    codes = [f"{base}x = {n}\n" for n in range(100)]
    for before, code in zip([None, *codes], codes, strict=False):
        snapshots.add(db, code, before)
    steps = [row[0] for row in db.execute("SELECT steps FROM snapshots")]
    assert max(steps) == snapshots.MOST_STEPS
    assert steps.count(0) == -(-len(codes) // (snapshots.MOST_STEPS + 1))


def test_code_that_an_earlier_version_stored_is_not_stored_twice(db: sqlite3.Connection) -> None:
    old = "x = 1\n" * 50
    db.execute(
        "INSERT INTO snapshots (digest, code) VALUES (?, ?)",
        (bytes.fromhex(hex_digest(old)), zlib.compress(old.encode(), 1)),
    )
    assert snapshots.add(db, old) == hex_digest(old)
    new = snapshots.add(db, f"{old}{hex_digest('y')}\n", old)
    assert snapshots.read(db, new) == f"{old}{hex_digest('y')}\n"
    assert snapshots.read(db, "0" * 32) is None
    assert snapshots.read(db, None) is None
