"""Compare the units of a project in a process of its own: for a large one that takes a minute."""

import json
import os
import subprocess
import sys
import time
from contextlib import closing, suppress
from itertools import islice
from threading import Lock, Thread
from typing import Any, NamedTuple

from lib.ledger.history import History
from lib.ledger.store import FILE_NAME
from lib.ledger.survival import survival
from lib.ledger.usage import below
from lib.system import bundle
from lib.units.recorded_units import Recorded

# So long the process may take, and parse in it.
SECONDS, PARSING_SECONDS = 300.0, 200.0
# So many groups of units are told, and so many projects are kept.
MOST, KEPT = 120, 16
# The lines of so many files are followed: those that were changed last.
FILES = 500
_NEWEST = "SELECT path FROM files WHERE path >= ? AND path < ? ORDER BY last_seq DESC LIMIT ?"
_START = (
    "import sys; sys.path.insert(0, sys.argv[1]);"
    "from lib.web.comparison import main; main(*sys.argv[2:])"
)


class Compared(NamedTuple):
    """What was found in a project; `found` is None while nothing is known, or it failed.

    It has the `groups` of units that are the same, and the `survival` of the agent's lines.
    """

    found: dict[str, Any] | None
    is_running: bool


class Comparisons:
    """The comparisons of a spool's projects, one process at a time; `close` ends it."""

    def __init__(self, directory: str) -> None:
        self._directory = directory
        self._lock = Lock()
        self._found: dict[str, tuple[object, dict[str, Any] | None]] = {}
        self._running: tuple[str, subprocess.Popen[bytes]] | None = None
        self._is_over = False

    def of(self, root: str, state: object) -> Compared:
        """Return what is known of the project at `root`; compare it anew in another state."""
        with self._lock:
            known, found = self._found.get(root, (None, None))
            if known != state and self._running is None and not self._is_over:
                self._begin(root, state)
            return Compared(found, self._running is not None and known != state)

    def close(self) -> None:
        """End the process, if there is one."""
        with self._lock:
            self._is_over = True
            if self._running:
                self._running[1].kill()

    def _begin(self, root: str, state: object) -> None:
        command = [sys.executable, "-I", "-B", "-c", _START, bundle.root(), self._directory, root]
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )
        self._running = root, process
        Thread(target=self._finish, args=(root, state, process), daemon=True).start()

    def _finish(self, root: str, state: object, process: "subprocess.Popen[bytes]") -> None:
        found = None
        try:
            output = process.communicate(timeout=SECONDS)[0]
            found = json.loads(output) if process.returncode == 0 else None
        except (subprocess.TimeoutExpired, ValueError):
            process.kill()
            process.communicate()
        with self._lock:
            self._found.pop(root, None)
            self._found[root] = state, found
            for old in list(self._found)[:-KEPT]:
                del self._found[old]
            self._running = None


def main(directory: str, root: str) -> None:
    """Print what stands more than once below `root`, and how many of the agent's lines stand."""
    with suppress(OSError):
        os.nice(10)
    with closing(History(f"{directory}/{FILE_NAME}", is_read_only=True)) as history:
        recorded = Recorded(history, root, seconds=PARSING_SECONDS)
        groups = [one.told() for one in islice(recorded.clusters(), MOST)]
        paths = [row[0] for row in history.rows(_NEWEST, (*below(root), FILES))]
        lived = [one._asdict() for one in survival(history, paths, time.time())]
    print(json.dumps({"groups": groups, "survival": lived}))
