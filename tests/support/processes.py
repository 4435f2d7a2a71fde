"""Which flushers live."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

PROC = Path("/proc")


def flushers(directory: Path) -> list[int]:
    """The ids of live processes that flush `directory`."""
    found = _by_proc() if (PROC / "self" / "cmdline").exists() else _by_ps()
    return [pid for pid, line in found if "lib.flusher" in line and str(directory) in line]


def _by_proc() -> Iterator[tuple[int, str]]:
    """Each process with its command line, by Linux: a slim container has no `ps`."""
    for place in PROC.iterdir():
        if place.name.isdecimal():
            try:
                yield int(place.name), (place / "cmdline").read_bytes().decode("utf-8", "replace")
            except OSError:  # it has just ended
                continue


def _by_ps() -> Iterator[tuple[int, str]]:
    listing = subprocess.run(
        ["ps", "-ww", "-axo", "pid=,args="], capture_output=True, text=True, check=True
    )
    for line in listing.stdout.splitlines():
        pid, _, arguments = line.strip().partition(" ")
        yield int(pid), arguments
