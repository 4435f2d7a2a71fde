"""What the page costs over a large ledger: `python -m benchmarks.page [SPOOL] [SAMPLES]`.

The spool is that of `benchmarks.ledger` (a million events) where none is named. Each view is asked
for many projects, files, sessions and so on, chosen by chance, from a server of its own; printed
are the time until the first byte, median and 95th percentile, the largest page, and the memory.
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
from urllib.parse import urlencode, urlsplit

from benchmarks.hook import ROOT
from benchmarks.ledger import KEPT
from lib.ledger.store import FILE_NAME

SAMPLES = 100
# In milliseconds, bytes and kilobytes: what the 95th percentile, a page and the process may have.
MOST_MS, MOST_HOME_MS, MOST_BYTES, MOST_KB = 200.0, 300.0, 300_000, 150_000


class Asker:
    """Asks a server with the cookie that its first address gives."""

    def __init__(self, url: str) -> None:
        self._place = urlsplit(url)
        self._connection = http.client.HTTPConnection(self._place.netloc, timeout=120)
        self._cookie = ""
        answer = self._get(f"{self._place.path}?{self._place.query}")
        self._cookie = (answer.headers["set-cookie"] or "").partition(";")[0]
        answer.read()

    def _get(self, path: str) -> http.client.HTTPResponse:
        self._connection.request("GET", path, headers={"Cookie": self._cookie})
        return self._connection.getresponse()

    def ask(self, view: str, **asked: object) -> tuple[float, int, int]:
        """Return the milliseconds until the first byte, the bytes and the status."""
        query = urlencode(asked)
        start = time.perf_counter()
        answer = self._get(f"{self._place.path}{view}?{query}")
        first = (time.perf_counter() - start) * 1000
        return first, len(answer.read()), answer.status


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
            "books": dict,
            "reuse": lambda: {"root": self.event()[1].rsplit("/", 3)[0]},
        }  # fmt: skip


def main() -> None:
    """Measure and print; exit 1 where something takes longer or more than it may."""
    spool = Path(sys.argv[1] if len(sys.argv) > 1 else KEPT / "spool").resolve()
    samples = int(sys.argv[2]) if len(sys.argv) > 2 else SAMPLES
    environ = {"HOME": str(spool.parent), "PATTERN_CACHE_DIR": str(spool), "PATH": os.defpath}
    command = [str(ROOT / "bin" / "pattern-tracker"), "serve", "--json"]
    server = subprocess.Popen(command, env=environ, stdout=subprocess.PIPE, text=True)
    assert server.stdout is not None
    try:
        asker = Asker(json.loads(server.stdout.readline())["url"])
        bad = _measure(asker, Chosen(spool / FILE_NAME), samples)
        status = Path(f"/proc/{server.pid}/status").read_text()
        (peak,) = (int(line.split()[1]) for line in status.splitlines() if "VmHWM" in line)
        print(f"memory {peak / 1000:.0f} MB at most")
        bad += [f"memory {peak} kB"] * (peak > MOST_KB)
    finally:
        server.terminate()
        server.wait()
    if bad:
        sys.exit(f"more than there may be: {', '.join(bad)}")


def _measure(asker: Asker, chosen: Chosen, samples: int) -> list[str]:
    bad = []
    for name, choose in chosen.views().items():
        view = name.partition(" ")[0]
        first, _, _ = asker.ask(view, **choose())
        found = [asker.ask(view, **choose()) for _ in range(samples)]
        times = sorted(one[0] for one in found)
        high, size = times[int(samples * 0.95) - 1], max(one[1] for one in found)
        failed = sum(one[2] != 200 for one in found)
        median = statistics.median(times)
        words = f"the first {first:6.0f} ms, then {median:5.0f} ms, 95 % within {high:5.0f} ms"
        print(f"{name or 'home':<16}{words}, at most {size / 1000:5.0f} kB", flush=True)
        most = MOST_MS if name else MOST_HOME_MS
        bad += [name or "home"] * (high > most or size > MOST_BYTES or failed > 0)
    return bad


if __name__ == "__main__":
    main()
