"""What the lives of functions cost: `python -m benchmarks.lives [EDITS]`, 3,650 by default.

Prints the processor time of edits of a file of 26 KB in three languages (of one function, of two
far apart, of all), that of a first import of 10,000 functions, the peak memory of the process, and
how a ledger grows: a heavy user edits 200 times a day, files of 40 functions each. So many edits
are made, and what a year of them takes told.
"""

import random
import resource
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing

from benchmarks.measure import deciles
from benchmarks.units import JAVASCRIPT, MEASURED, PYTHON, TYPESCRIPT
from lib.capture.event import Content, build
from lib.ledger.store import Ledger
from lib.units import chronicle

EDITS, A_DAY, FUNCTIONS, FILES, KB, ROUNDS = 3650, 200, 40, 60, 26, 20
CODES = dict(zip(MEASURED, (PYTHON, JAVASCRIPT, TYPESCRIPT), strict=True))
ENDINGS = {"python": "py", "javascript": "js", "typescript": "ts"}
UNITS = ("units", "unit_steps")
# These have a bound, or are one row a file.
BOUNDED = ("standing", "remains", "units_undo")
BEGAN = 1_770_000_000 * 10**9
FUNCTION = """def {name}(self, items, limit={seed}):
    found = []
    for number, item in enumerate(items, {seed}):
        if item.key in self.known and number < limit:
            found.append((item.key, self.known[item.key] * {seed}))
    return sorted(found, key=lambda one: (one[1], one[0]))
"""


class Writer:
    """Writes files, and records the events of that."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._number = 0

    def write(self, path: str, code: str, before: str | None = None) -> None:
        """Record that a file was written."""
        self._number += 1
        old = None if before is None else Content(before, path)
        event = build(
            "pattern_modified" if old else "pattern_created", Content(code, path), before=old,
            path=path, tool_name="Write", session_id=f"session-{self._number // 50}",
            tool_use_id=f"use-{self._number}", captured_ns=BEGAN + self._number * 10**9,
        )  # fmt: skip
        self._ledger.record_all([event])  # type: ignore[list-item]

    def catch_up(self) -> float:
        """Go on with the units; return the processor time of that, in ms."""
        began = time.process_time()
        left, problems = chronicle.catch_up(self._ledger.connection, 3600.0)
        if left or problems:
            raise SystemExit(f"not caught up with: {problems}")
        return 1000 * (time.process_time() - began)


def main() -> None:
    """Measure and print."""
    edits = int(sys.argv[1]) if len(sys.argv) > 1 else EDITS
    with tempfile.TemporaryDirectory() as where:
        for language in MEASURED:
            with closing(Ledger(f"{where}/{language}.db")) as ledger:
                _print_edits(Writer(ledger), language)
        with closing(Ledger(f"{where}/first.db")) as ledger:
            _print_first(Writer(ledger), ledger)
        print(f"memory: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024} MB at most")
        with closing(Ledger(f"{where}/year.db")) as ledger:
            _print_growth(Writer(ledger), ledger, edits)


def _code(language: str, first: int) -> str:
    code, number = "", first
    while len(code) < KB * 1000:
        code, number = code + CODES[language].format(n=number), number + 1
    return code


def _print_edits(writer: Writer, language: str) -> None:
    path, code = f"/work/a.{ENDINGS[language]}", _code(language, 1)
    writer.write(path, code)
    first = writer.catch_up()
    print(f"{language}: {len(code)} bytes, the first time {first:.1f} ms of processor time")
    for what, change in (("one", _one), ("two far apart", _two), ("all", _all)):
        found = []
        for number in range(ROUNDS):
            changed = change(code, number)
            writer.write(path, changed, code)
            code = changed
            found.append(writer.catch_up())
        middle, low, high = deciles(found)
        print(f"  an edit of {what}: {middle:.1f} ({low:.1f} - {high:.1f}) ms")


def _one(code: str, number: int) -> str:
    return code.replace("value", f"value{number}", 1)


def _two(code: str, number: int) -> str:
    before, _, after = _one(code, number).rpartition("value")
    return f"{before}value{number}{after}"


def _all(code: str, number: int) -> str:
    return code.replace(*(("total", "amount") if number % 2 == 0 else ("amount", "total")))


def _print_first(writer: Writer, ledger: Ledger) -> None:
    number = 0
    while number * 120 < 10_000:
        writer.write(f"/work/file{number}.py", _code("python", number * 100))
        number += 1
    seconds = writer.catch_up() / 1000
    (units,) = ledger.connection.execute("SELECT count(*) FROM units").fetchone()
    print(f"a first import of {units} functions: {seconds:.1f} s of processor time")


def _print_growth(writer: Writer, ledger: Ledger, edits: int) -> None:
    for path, before, code in _story(edits):
        writer.write(path, code, before)
    spent = writer.catch_up()
    db = ledger.connection
    sizes = dict(db.execute("SELECT name, sum(pgsize) FROM dbstat GROUP BY 1").fetchall())
    of = dict(db.execute("SELECT name, tbl_name FROM sqlite_master").fetchall())
    mine, bounded = (
        sum(size for name, size in sizes.items() if of.get(name) in tables) / 1e6
        for tables in (UNITS, BOUNDED)
    )
    rest = sum(sizes.values()) / 1e6 - mine - bounded
    year = A_DAY * 365 / edits
    print(
        f"a year of {A_DAY} edits a day: the ledger {(rest + mine) * year + bounded:.0f} MB, of "
        f"which lives of functions {mine * year + bounded:.0f} MB ({bounded:.1f} do not grow); "
        f"{spent / edits:.1f} ms of processor time an edit"
    )


def _story(edits: int) -> Iterator[tuple[str, str | None, str]]:
    """Yield edits (path, before, after) of files that have FUNCTIONS functions each."""
    chance = random.Random(1)
    files: dict[str, list[str]] = {}
    for number in range(edits):
        path = f"/work/module{chance.randrange(FILES)}.py"
        held = files.setdefault(path, [])
        before = "\n\n".join(held) if held else None
        if not held:
            held += [_function(chance, number, n) for n in range(FUNCTIONS)]
        for _ in range(chance.choice([1, 1, 1, 2, 3])):
            at, kind = chance.randrange(len(held)), chance.randrange(10)
            if kind == 0:
                held.insert(at, _function(chance, number, at))
            elif kind == 1 and len(held) > FUNCTIONS:
                del held[at]
            else:
                held[at] = held[at].replace("item", chance.choice(["item", "entry", "row"]), 2)
                held[at] = held[at].replace("limit=", f"limit={chance.randrange(9)}")
        yield path, before, "\n\n".join(held)


def _function(chance: random.Random, number: int, at: int) -> str:
    return FUNCTION.format(name=f"step_{number}_{at}", seed=chance.randrange(1000))


if __name__ == "__main__":
    main()
