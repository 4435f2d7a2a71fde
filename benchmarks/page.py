"""What the page costs over a large ledger: `python -m benchmarks.page [SPOOL] [SAMPLES]`.

The spool is that of `benchmarks.many_units` (a million events, 200,000 functions) where none is
named. Each view is asked for many projects, files, sessions and so on, chosen by chance; home also
of servers that were just started. Printed are the time until the first byte, median and 95th
percentile, as a ratio to a bare interpreter that ran between, the processor time that the server
took meanwhile, the largest page, and the memory.
"""

import http.client
import json
import os
import random
import sqlite3
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlencode, urlsplit

from benchmarks import many_units
from benchmarks.hook import INTERPRETER, ROOT
from benchmarks.measure import run
from lib.ledger.store import FILE_NAME

SAMPLES, FRESH = 100, 20
# After so many of them a bare interpreter runs.
BETWEEN = 10
# In milliseconds, bytes and kilobytes: what the 95th percentile, a page and the process may have.
MOST_MS, MOST_HOME_MS, MOST_BYTES, MOST_KB = 200.0, 300.0, 300_000, 150_000


class Answer(NamedTuple):
    """Milliseconds until the first byte, and of the server's processor time; bytes, and status."""

    first: float
    cpu: float
    size: int
    status: int


class Asker:
    """Asks a server with the cookie that its first address gives."""

    def __init__(self, serving: "Serving") -> None:
        self._serving = serving
        self._place = urlsplit(serving.url)
        self._connection = http.client.HTTPConnection(self._place.netloc, timeout=120)
        self._cookie = ""
        answer = self._get(f"{self._place.path}?{self._place.query}")
        self._cookie = (answer.headers["set-cookie"] or "").partition(";")[0]
        answer.read()

    def _get(self, path: str) -> http.client.HTTPResponse:
        self._connection.request("GET", path, headers={"Cookie": self._cookie})
        return self._connection.getresponse()

    def ask(self, view: str, **asked: object) -> Answer:
        """Ask for a view."""
        query = urlencode(asked)
        before, start = self._serving.spent(), time.perf_counter()
        answer = self._get(f"{self._place.path}{view}?{query}")
        first = (time.perf_counter() - start) * 1000
        return Answer(first, self._serving.spent() - before, len(answer.read()), answer.status)


class Chosen:
    """What is asked for, chosen by chance from a ledger."""

    def __init__(self, ledger: Path) -> None:
        self._db = sqlite3.connect(f"file:{ledger}?mode=ro", uri=True)
        self._chance = random.Random(7)
        (self._events,) = self._db.execute("SELECT max(seq) FROM events").fetchone()

    def event(self) -> tuple[str, str, str, str]:
        """Return an event's id, file, session and pattern."""
        seq = self._chance.randrange(1, self._events)
        query = (
            "SELECT event_id, file_path, session_id, pattern_id FROM events WHERE seq >= ? "
            "AND file_path NOT NULL AND session_id NOT NULL LIMIT 1"
        )
        found: tuple[str, str, str, str] = self._db.execute(query, (seq,)).fetchone()
        return found

    def unit(self) -> dict[str, object]:
        """Return which function is meant, by the parameters of its view."""
        (most,) = self._db.execute("SELECT max(unit_id) FROM units").fetchone()
        query = (
            "SELECT path, name, unit_id FROM units JOIN files USING (file_id) WHERE unit_id >= ? "
            "LIMIT 1"
        )
        found = self._db.execute(query, (self._chance.randrange(1, most),)).fetchone()
        return dict(zip(("path", "name", "id"), found, strict=True))

    def of_many(self) -> dict[str, object]:
        """Return the function that most others came from."""
        query = (
            "SELECT path, name, unit_id FROM units JOIN files USING (file_id) "
            "WHERE last_name = 'main' ORDER BY unit_id LIMIT 1"
        )
        return dict(zip(("path", "name", "id"), self._db.execute(query).fetchone(), strict=True))

    def unit_pattern(self) -> str:
        """Return a pattern that a function held."""
        (most,) = self._db.execute("SELECT max(step_id) FROM unit_steps").fetchone()
        query = "SELECT pattern_id FROM unit_steps WHERE step_id >= ? LIMIT 1"
        return str(self._db.execute(query, (self._chance.randrange(1, most),)).fetchone()[0])

    def views(self) -> dict[str, Callable[[], dict[str, object]]]:
        """Return what to ask of each view."""
        return {
            "": dict,
            "project": lambda: {"root": self.event()[1].rsplit("/", 3)[0]},
            "file": lambda: {"path": self.event()[1]},
            "file of a step": lambda: {
                "path": self.event()[1], "step": self._chance.randrange(1, 20)
            },
            "step": lambda: {"id": self.event()[0]},
            "sessions": lambda: {"before": self._chance.randrange(10_000, self._events)},
            "session": lambda: {"id": self.event()[2]},
            "search": lambda: {"q": f"module_{self._chance.randrange(500)}"},
            "pattern": lambda: {"id": self.event()[3]},
            "unit": self.unit,
            "unit that others came from": self.of_many,
            "file of a unit": lambda: {"path": self.unit()["path"]},
            "pattern of a unit": lambda: {"id": self.unit_pattern()},
            "search for a unit": lambda: {"q": self.unit()["name"]},
            "hints": dict,
            "books": dict,
            "reuse": lambda: {"root": self.event()[1].rsplit("/", 3)[0]},
        }  # fmt: skip


class Serving:
    """A server over a spool, from its start to the block's end."""

    def __init__(self, spool: Path) -> None:
        environ = {"HOME": str(spool.parent), "PATTERN_CACHE_DIR": str(spool), "PATH": os.defpath}
        command = [str(ROOT / "bin" / "pattern-tracker"), "serve", "--json"]
        self._server = subprocess.Popen(command, env=environ, stdout=subprocess.PIPE, text=True)
        assert self._server.stdout is not None
        self.url = json.loads(self._server.stdout.readline())["url"]

    def __enter__(self) -> "Serving":
        return self

    def __exit__(self, *error: object) -> None:
        self._server.terminate()
        self._server.communicate()

    def spent(self) -> float:
        """Return the milliseconds of processor time that its threads took which there are."""
        tasks = Path(f"/proc/{self._server.pid}/task").glob("*/schedstat")
        return sum(int(task.read_text().split()[0]) for task in tasks) / 1e6

    def peak(self) -> int:
        """Return the most memory that it ever had, in kilobytes."""
        status = Path(f"/proc/{self._server.pid}/status").read_text()
        (peak,) = (int(line.split()[1]) for line in status.splitlines() if "VmHWM" in line)
        return peak


def main() -> None:
    """Measure and print; exit 1 where something takes longer or more than it may."""
    spool = Path(sys.argv[1]).resolve() if len(sys.argv) > 1 else many_units.kept()
    samples = int(sys.argv[2]) if len(sys.argv) > 2 else SAMPLES
    bad = _first(spool)
    with Serving(spool) as serving:
        bad += _measure(Asker(serving), Chosen(spool / FILE_NAME), samples)
        peak = serving.peak()
    print(f"memory {peak / 1000:.0f} MB at most; load {os.getloadavg()[0]:.0f}")
    bad += [f"memory {peak} kB"] * (peak > MOST_KB)
    if bad:
        sys.exit(f"more than there may be: {', '.join(bad)}")


def _bare() -> float:
    return run([INTERPRETER, "-I", "-S", "-c", "pass"], b"", {}).wall * 1000


def _first(spool: Path) -> list[str]:
    """Ask servers for home as soon as they say where they are."""
    found, bare = [], []
    for _ in range(FRESH):
        bare.append(_bare())
        with Serving(spool) as serving:
            found.append(Asker(serving).ask(""))
    return _print("home, the first", found, bare, MOST_HOME_MS)


def _measure(asker: Asker, chosen: Chosen, samples: int) -> list[str]:
    bad = []
    for name, choose in chosen.views().items():
        view = name.partition(" ")[0]
        found, bare = [], []
        for number in range(samples):
            if number % BETWEEN == 0:
                bare.append(_bare())
            found.append(asker.ask(view, **choose()))
        bad += _print(name or "home", found, bare, MOST_MS if name else MOST_HOME_MS)
    return bad


def _print(name: str, found: list[Answer], bare: list[float], most: float) -> list[str]:
    """Print a line; return the name where something is more than it may be."""
    last = int(len(found) * 0.95) - 1
    times, spent = sorted(one.first for one in found), sorted(one.cpu for one in found)
    high, size = times[last], max(one.size for one in found)
    failed = sum(one.status != 200 for one in found)
    middle, base = statistics.median(times), statistics.median(bare)
    print(
        f"{name:<27} the first {found[0].first:5.0f} ms, then {middle:4.0f} ({middle / base:4.1f}),"
        f" 95 % within {high:4.0f} ({high / base:4.1f}); processor {statistics.median(spent):4.0f},"
        f" 95 % {spent[last]:4.0f}; {size / 1000:4.0f} kB",
        flush=True,
    )
    return [name] * (high > most or size > MOST_BYTES or failed > 0)


if __name__ == "__main__":
    main()
