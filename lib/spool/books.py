"""The books of a spool: captured = delivered + pending + quarantined + dropped.

What the tally says, for the holder of the flusher's lock. `delivered` and what the ledger itself
drops are its counters; a long tally is folded into them.
"""

import os
import time
from collections.abc import Iterable, Mapping
from typing import Protocol

from lib.spool import tally

OLD = "tally.old"
# A tally is folded when it is longer than this, in bytes, and no hook that had it open lives.
LIMIT = 256 * 1024
OLD_SECONDS = 60


class Counters(Protocol):
    """What keeps counts for good: the ledger."""

    def counters(self) -> dict[str, int]: ...

    def fold(self, counts: Mapping[str, int], mark: str) -> None: ...


class Accounts:
    """Who was captured and who was dropped in the spool at `directory`.

    Raises OSError, here and in every method.
    """

    def __init__(self, directory: str) -> None:
        self._directory = directory
        self._seen = 0
        self._keys: tally.Entries = {}
        for path in (f"{directory}/{OLD}", f"{directory}/{tally.FILE}"):
            data = _read(path)
            self._merge(data)
        self._seen = len(data)

    def ensure_captured(self, keys: Iterable[str]) -> None:
        """Count those as captured that a hook was killed too early to count.

        The files of `keys` must still be there: their entries are never folded.
        """
        wanted = set(keys)
        if wanted <= self._of("captured"):
            return
        self._refresh()
        missing = sorted(wanted - self._of("captured"))
        if missing:
            self._add("captured", missing)

    def drop(self, cause: str, keys: Iterable[str]) -> None:
        """Count `keys` as dropped; to be said before their files are unlinked."""
        self._add(cause, sorted(keys))

    def is_dropped(self, key: str) -> bool:
        """Whether it was counted as dropped, by somebody who may not have come to unlink it."""
        return any(key in self._of(cause) for cause in tally.DROPPED)

    def is_foldable(self) -> bool:
        """Whether there is something to fold, or to set aside for the next time."""
        return os.path.exists(f"{self._directory}/{OLD}") or self._seen > LIMIT

    def fold(self, ledger: Counters, present: Iterable[str]) -> None:
        """Move what a long tally says into the ledger's counters; raises sqlite3.Error too.

        First the tally is set aside; a later call, when no hook that had it open lives, folds it.
        `present` are the keys of the files that are there: theirs stay in the tally.
        """
        old, current = f"{self._directory}/{OLD}", f"{self._directory}/{tally.FILE}"
        if not os.path.exists(old):
            if self._seen > LIMIT:
                os.rename(current, old)
                self._seen = 0
            return
        status = os.stat(old)
        mark = mark_of(status)
        if mark not in ledger.counters():
            if time.time() - status.st_ctime < OLD_SECONDS:
                return
            keys, counts = tally.parse(_read(old))
            later, _ = tally.parse(_read(current))
            here = set(present)
            for outcome, found in keys.items():
                carried = (found & here) - later.get(outcome, set())
                if carried:
                    tally.add(self._directory, outcome, *sorted(carried))
                gone = found - here - later.get(outcome, set())
                counts[outcome] = counts.get(outcome, 0) + len(gone)
            ledger.fold(counts, mark)
        os.unlink(old)

    def _add(self, outcome: str, keys: list[str]) -> None:
        tally.add(self._directory, outcome, *keys)
        self._of(outcome).update(keys)

    def _of(self, outcome: str) -> set[str]:
        return self._keys.setdefault(outcome, set())

    def _refresh(self) -> None:
        """Read what was added since."""
        data = _read(f"{self._directory}/{tally.FILE}", self._seen)
        # Up to the last whole entry: a hook may be in the middle of one.
        whole = data.rfind(b";") + 1
        self._merge(data[:whole])
        self._seen += whole

    def _merge(self, data: bytes) -> None:
        for outcome, keys in tally.parse(data)[0].items():
            self._of(outcome).update(keys)


def mark_of(status: os.stat_result) -> str:
    """The counter whose presence says that the set-aside tally with `status` was folded."""
    return f"folded:{status.st_ino}:{status.st_mtime_ns}"


def totals(directory: str, counters: dict[str, int]) -> dict[str, int]:
    """All counts by outcome: the ledger's `counters` and what the tally says. Raises OSError."""
    total = {name: count for name, count in counters.items() if not name.startswith("folded:")}
    keys: tally.Entries = {}
    for name in (OLD, tally.FILE):
        path = f"{directory}/{name}"
        if name == OLD and os.path.exists(path) and mark_of(os.stat(path)) in counters:
            continue
        found, counts = tally.parse(_read(path))
        for outcome, these in found.items():
            keys.setdefault(outcome, set()).update(these)
        for outcome, count in counts.items():
            total[outcome] = total.get(outcome, 0) + count
    for outcome, these in keys.items():
        total[outcome] = total.get(outcome, 0) + len(these)
    return total


def _read(path: str, start: int = 0) -> bytes:
    try:
        with open(path, "rb") as file:
            file.seek(start)
            return file.read()
    except FileNotFoundError:
        return b""
