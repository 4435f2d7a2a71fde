"""What questions cost of a ledger of a million events: `python -m benchmarks.ledger [ROUNDS]`.

The ledger is written once in an earlier version's layout (20,000 files in 40 projects, each edited
50 times in 100 days) and kept in .cache/ledger, 3 GB with its converted copy. Printed are how long
the conversion took, the bytes an event takes, and for every question whole-process wall time as a
ratio to a bare interpreter in the same round: median and deciles. Recording is a flusher's whole
run, as a ratio to one into an empty ledger; `sync` looks through all pages of the ledger before.
"""

import os
import shutil
import sqlite3
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

from benchmarks.hook import INTERPRETER, ROOT
from benchmarks.measure import Cost, interleave, ratios, run
from lib.capture.event import Content, build
from lib.ledger.store import FILE_NAME, Ledger
from lib.spool import inbox
from lib.system import json_codec
from tests.support import layout_5

ROUNDS = 15
FILES, EACH, DAYS = 20_000, 50, 100.0
# The questions look back from now, so an old ledger tells nothing of them.
FRESH_SECONDS = 3 * 86_400.0
KEPT = ROOT / ".cache" / "ledger"
# At most so many times as long as the bare interpreter, and as recording into an empty ledger.
MOST, MOST_STATS, MOST_RECORDING = 20.0, 40.0, 1.3
# So many events wait for a flusher.
BURSTS = (1, 20, 500)
BARE, EMPTY, FULL = "python -I -S -c pass", "into an empty ledger", "into the large one"
# As a hook's flusher does, but for the rest of a burst it does not stay.
RECORD = (
    "import os, sys; sys.path.insert(0, sys.argv[1])\n"
    "from lib.flusher import process; from lib.system.settings import Settings\n"
    "process.LINGER_SECONDS = 0.0\n"
    "process.Flusher(sys.argv[2], Settings(os.environ)).run_detached(lambda: None)\n"
    f"sys.exit(any(name.startswith({inbox.PREFIX!r}) for name in os.listdir(sys.argv[2])))"
)
START = (
    "import sys; sys.path.insert(0, sys.argv.pop(1));"
    "from lib.commands.cli import main; sys.exit(main())"
)


def main() -> None:
    """Measure and print; exit 1 if a question takes longer than it may."""
    rounds = max(2, int(sys.argv[1]) if len(sys.argv) > 1 else ROUNDS)
    spool = kept()
    print(f"{sys.version.split()[0]}, SQLite {sqlite3.sqlite_version}, {rounds} rounds")
    _print_sizes(spool / FILE_NAME)
    bench = Bench(spool)
    costs = interleave({**bench.questions(), **bench.recording()}, rounds)
    slow = [name for name, found in costs.items() if not _print(name, found, costs)]
    if slow:
        sys.exit(f"slower than they may be: {', '.join(slow)}")


def kept() -> Path:
    """Return a spool with the ledger, made anew if it is missing or too old."""
    old, spool = KEPT / "layout-5.db", KEPT / "spool"
    if not old.exists() or time.time() - old.stat().st_mtime > FRESH_SECONDS:
        shutil.rmtree(KEPT, ignore_errors=True)
        KEPT.mkdir(parents=True)
        made = KEPT / "unfinished.db"
        layout_5.write(made, FILES, EACH, DAYS)
        made.rename(old)
    if not (spool / FILE_NAME).exists():
        spool.mkdir(mode=0o700, exist_ok=True)
        copy = spool / "copy"
        shutil.copy(old, copy)
        start = time.perf_counter()
        ledger = Ledger(str(copy))
        print(f"converted in {time.perf_counter() - start:.1f} s")
        # The lives of functions, which the flusher goes on with, are measured elsewhere.
        query = "INSERT INTO units_until SELECT max(revision_id) FROM revisions"
        ledger.connection.execute(query)
        ledger.close()
        copy.rename(spool / FILE_NAME)
    return spool


def _print_sizes(path: Path) -> None:
    db = sqlite3.connect(path)
    (events,) = db.execute("SELECT count(*) FROM events").fetchone()
    (free,) = db.execute("PRAGMA freelist_count").fetchone()
    (page,) = db.execute("PRAGMA page_size").fetchone()
    size = path.stat().st_size
    before = (KEPT / "layout-5.db").stat().st_size / (FILES * EACH)
    print(f"{events} events, {size / 1e6:.0f} MB, of which {free * page / 1e6:.0f} MB are free")
    print(f"bytes an event: {(size - free * page) / events:.0f}, before {before:.0f}")
    try:
        query = "SELECT name, sum(pgsize) FROM dbstat GROUP BY name ORDER BY 2 DESC LIMIT 20"
        for name, taken in db.execute(query).fetchall():
            print(f"  {name:<36} {taken / events:6.1f}")
    except sqlite3.OperationalError:
        pass  # this SQLite does not tell
    db.close()


def _print(name: str, found: list[Cost], costs: dict[str, list[Cost]]) -> bool:
    """Print a line; False where it took longer than it may."""
    base, most = costs[BARE], MOST_STATS if name.startswith("stats") else MOST
    if name.endswith(FULL):
        base, most = costs[name.replace(FULL, EMPTY)], MOST_RECORDING
    median, low, high = ratios(found, base)
    wall = statistics.median(cost.wall for cost in found) * 1000
    print(f"{name:<44} {wall:6.0f} ms  {median:5.2f}  ({low:.2f} - {high:.2f})", flush=True)
    return median <= most or name.endswith(EMPTY) or name == "sync"


class Bench:
    """Asks the ledger in `spool`, and records into it."""

    def __init__(self, spool: Path) -> None:
        self._spool = spool
        self._edit = layout_5.Edit(30, 7, 1, 3)
        self._runs = 0

    def questions(self) -> dict[str, Callable[[int], Cost]]:
        """Every question of the command line, by its words."""
        path, project = self._edit.path, os.path.dirname(os.path.dirname(self._edit.path))
        pattern, name = self._edit.pattern_id(), os.path.basename(path)
        asked = {
            "status": [], "home": [], "log": [], "log -n 20": [], "log -n 20 --json": [],
            "log --file FILE": [path], "log -n 20 --file DIRECTORY": [project],
            "log -n 20 --file /": [], "log --file NAME": [name],
            "log --session ID": [self._session()], "log -n 20 --session BEGINNING": ["a"],
            "log --type merged": [], "log --since 2h": [], "log -n 20 --until DAY": ["60d"],
            "lineage FILE": [path], "lineage --diff FILE": [path], "lineage ID --json": [pattern],
            "lineage BEGINNING": [pattern[:-2]], "stats": [], "stats --days 90": [],
            "stats --json": [], "export --since 2h": [], "quarantine": [], "sync": [],
        }  # fmt: skip
        cases = {BARE: self._run([INTERPRETER, "-I", "-S", "-c", "pass"])}
        cases["status line"] = self._run([INTERPRETER, "-I", "-S", str(ROOT / "bin/statusline")])
        for words, values in asked.items():
            given = iter(values)
            # What is written in capitals is a place for a value.
            arguments = [next(given) if word.isupper() else word for word in words.split()]
            arguments += given
            command = [sys.executable, "-I", "-c", START, str(ROOT), *arguments]
            cases[words] = self._run(command)
        return cases

    def recording(self) -> dict[str, Callable[[int], Cost]]:
        """Flush one event, and a burst, into an empty ledger and into the large one."""
        return {
            f"{events} recorded {where}": self._flush(events, where == FULL)
            for events in BURSTS
            for where in (EMPTY, FULL)
        }

    def _session(self) -> str:
        db = sqlite3.connect(self._spool / FILE_NAME)
        (found,) = db.execute("SELECT session_id FROM events WHERE seq = 500000").fetchone()
        db.close()
        return str(found)

    def _run(self, command: list[str]) -> Callable[[int], Cost]:
        return lambda number: run(command, b"", self._environ(self._spool))

    def _flush(self, events: int, is_full: bool) -> Callable[[int], Cost]:
        def flush(number: int) -> Cost:
            self._runs += 1
            spool = self._spool if is_full else KEPT / "empty"
            shutil.rmtree(KEPT / "empty", ignore_errors=True)
            spool.mkdir(mode=0o700, exist_ok=True)
            _fill(spool, events, f"{os.getpid()}-{self._runs}")
            command = [sys.executable, "-I", "-c", RECORD, str(ROOT), str(spool)]
            return run(command, b"", self._environ(spool))

        return flush

    def _environ(self, spool: Path) -> dict[str, str]:
        return {"HOME": str(KEPT), "PATTERN_CACHE_DIR": str(spool)}


def _fill(spool: Path, events: int, run_id: str) -> None:
    """Let edits of new files wait in a spool, two of each.

    Their functions have names of their own: with others of that name in other files they would be
    compared, which there are none of in an empty ledger.
    """
    now = time.time_ns() - 10**9
    name = f"handle_{run_id.replace('-', '_')}"
    before = None
    for number in range(events):
        edit = layout_5.Edit(number % 2, number // 2, 0, 0)
        path = f"/home/user/code/project-0/new/{run_id}/{edit.file}.py"
        code = edit.code().replace("handle", name)
        content = Content(f"run = {run_id!r}\n{code}", path)
        event = build(
            "pattern_modified" if number % 2 else "pattern_created", content,
            path=path, tool_name="Edit", session_id=run_id, tool_use_id=str(number),
            captured_ns=now + number, before=before if number % 2 else None,
        )  # fmt: skip
        before = content
        file = spool / inbox.file_name(str(event["event_id"]))
        file.write_text(json_codec.dumps(event))
        os.utime(file, ns=(now + number, now + number))


if __name__ == "__main__":
    main()
