"""What blame costs: `python -m benchmarks.blame [LINES [REVISIONS]]`, 5,000 and 500 by default.

Prints the processor time of attributing the lines of a file in a ledger with that many revisions,
also as ratios to a bare interpreter's start in the same round, with median and deciles. Each
revision of the first file changes one place, of the second four places all over it.
"""

import random
import sqlite3
import sys
import tempfile
import time
from contextlib import closing
from pathlib import Path

from benchmarks.measure import deciles, run
from lib.ledger import snapshots
from lib.ledger.attribution import attribute
from lib.ledger.history import History
from lib.ledger.revisions import AGENT, CREATED, MODIFIED, Revision, add
from lib.ledger.store import FILE_NAME, Ledger

LINES, REVISIONS, ROUNDS = 5000, 500, 10
FILES = {"/p/one.py": 1, "/p/four.py": 4}


def main() -> None:
    """Measure and print."""
    lines = int(sys.argv[1]) if len(sys.argv) > 1 else LINES
    revisions = int(sys.argv[2]) if len(sys.argv) > 2 else REVISIONS
    with tempfile.TemporaryDirectory() as directory:
        path = f"{directory}/{FILE_NAME}"
        Ledger(path).close()
        with closing(sqlite3.connect(path)) as db:
            for file, places in FILES.items():
                _write(db, file, lines, revisions, places)
            db.commit()
        spent: dict[str, list[tuple[float, float]]] = {file: [] for file in FILES}
        for _ in range(ROUNDS):
            bare = run([sys.executable, "-I", "-S", "-c", ""], b"", {}).cpu
            for file in FILES:
                spent[file].append((_cost(path, file), bare))
    for file, costs in spent.items():
        told = deciles([cost for cost, _ in costs]), deciles([cost / bare for cost, bare in costs])
        text = "{:.2f} ({:.2f} - {:.2f}) s of processor time, {:.0f} ({:.0f} - {:.0f}) times Python"
        print(f"{Path(file).stem} place(s) at a time:", text.format(*told[0], *told[1]))


def _write(db: sqlite3.Connection, file: str, lines: int, revisions: int, places: int) -> None:
    chance = random.Random(7)
    code = [_line(chance) for _ in range(lines)]
    before = head = None
    for number in range(revisions):
        text = "\n".join(code) + "\n"
        snapshot = snapshots.add(db, text, before)
        change = MODIFIED if number else CREATED
        new = Revision(f"python-code-{number}", snapshot, AGENT, change, "2026-01-01T00:00:00Z")
        head, before = add(db, file, head, new), text
        for _ in range(places):
            at, size = chance.randrange(lines), chance.randrange(12)
            code[at : at + size] = [_line(chance) for _ in range(size)]


def _line(chance: random.Random) -> str:
    common = ["", "", "    return None", "        continue", "    }"]
    name = f"{'    ' * chance.randrange(4)}name_{chance.randrange(9**6)} = call({chance.random()})"
    return chance.choice([*common, *[name] * 12])


def _cost(path: str, file: str) -> float:
    begun = time.process_time()
    with closing(History(path)) as history:
        assert attribute(history, file)
    return time.process_time() - begun


if __name__ == "__main__":
    main()
