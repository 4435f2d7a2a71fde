"""Account for every event of a spool: captured = delivered + pending + quarantined + dropped.

So it is for each destination too: a counter's name ends in "@" and the destination's mark then.
The tally holds `captured` and the drops; the ledger's counters hold `delivered` and its own drops,
and a tally that grows long is folded into them. For the holder of the flusher's lock.
"""

import os
import time
from collections.abc import Iterable, Mapping
from typing import Protocol

from lib.spool import destination, tally

OLD = "tally.old"
# A tally is folded when it is longer than this, in bytes, and no hook that had it open lives.
LIMIT = 256 * 1024
OLD_SECONDS = 60


class Counters(Protocol):
    """What stores counts permanently: the ledger."""

    def counters(self) -> dict[str, int]:
        """Return every counter by its name."""

    def fold(self, counts: Mapping[str, int], mark: str) -> None:
        """Add `counts` to the counters, and the counter `mark`, in one transaction."""


class Accounts:
    """The captured and dropped events of the spool at `directory`, by key.

    Raises OSError, here and in every method.
    """

    def __init__(self, directory: str) -> None:
        self._directory = directory
        self._seen = 0
        self._keys: tally.Entries = {}
        _bring_home(directory)
        for path in (f"{directory}/{OLD}", f"{directory}/{tally.FILE}"):
            data = _read(path)
            self._merge(data)
        self._seen = len(data)

    def ensure_captured(self, keys: Iterable[str]) -> None:
        """Count `keys` as captured where the hook was killed before it counted them.

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
        """Count `keys` as dropped, for `cause`; call it before unlinking their files."""
        self._add(cause, sorted(keys))

    def is_dropped(self, key: str) -> bool:
        """Check whether `key` was counted as dropped; a killed process may have left its file."""
        return any(key in self._of(cause) for cause in tally.DROPPED)

    def is_foldable(self) -> bool:
        """Check whether the tally is long enough for `fold`, or was set aside by it before."""
        return os.path.exists(f"{self._directory}/{OLD}") or self._seen > LIMIT

    def fold(self, ledger: Counters, present: Iterable[str]) -> None:
        """Move the entries of a long tally into the ledger's counters. Raises sqlite3.Error too.

        The first call sets the tally aside; a later one, when no hook that had it open can be
        alive, folds it. `present` are the keys of existing files: theirs stay in the tally.
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
                _count(counts, outcome, found - here - later.get(outcome, set()))
            ledger.fold(counts, mark)
        os.unlink(old)

    def _add(self, outcome: str, keys: list[str]) -> None:
        tally.add(self._directory, outcome, *keys)
        self._of(outcome).update(keys)

    def _of(self, outcome: str) -> set[str]:
        return self._keys.setdefault(outcome, set())

    def _refresh(self) -> None:
        """Read the entries that were added since the last reading."""
        data = _read(f"{self._directory}/{tally.FILE}", self._seen)
        # Up to the last whole entry: a hook may be in the middle of one.
        whole = data.rfind(b";") + 1
        self._merge(data[:whole])
        self._seen += whole

    def _merge(self, data: bytes) -> None:
        for outcome, keys in tally.parse(data)[0].items():
            self._of(outcome).update(keys)


def mark_of(status: os.stat_result) -> str:
    """Name the counter whose presence marks the set-aside tally with `status` as folded."""
    return f"folded:{status.st_ino}:{status.st_mtime_ns}"


def totals(directory: str, counters: dict[str, int]) -> dict[str, int]:
    """Add the tally's counts to the ledger's `counters`. Raises OSError."""
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
        _count(total, outcome, these)
    for path in tally.elsewhere(directory):
        for outcome, count in tally.parse(_own(path))[1].items():
            total[outcome] = total.get(outcome, 0) + count
    return total


def _count(counts: dict[str, int], outcome: str, keys: set[str]) -> None:
    """Add the events under `keys`, in all and by destination."""
    for key in keys:
        for name in destination.counters(outcome, tally.mark_in(key)):
            counts[name] = counts.get(name, 0) + 1


def _bring_home(directory: str) -> None:
    """Move the entries that could not be added to the spool's tally into it, if they can be now."""
    for path in tally.elsewhere(directory):
        counts = tally.parse(_own(path))[1]
        try:
            for outcome, count in counts.items():
                tally.add(directory, outcome, *[""] * count)
            if counts:
                os.unlink(path)
        except OSError:
            return


def _own(path: str) -> bytes:
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return b""
    with open(fd, "rb") as file:
        return file.read() if tally.is_own(fd) else b""


def _read(path: str, start: int = 0) -> bytes:
    try:
        with open(path, "rb") as file:
            file.seek(start)
            return file.read()
    except FileNotFoundError:
        return b""
