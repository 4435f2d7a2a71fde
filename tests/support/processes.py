"""Which flushers live."""

import subprocess
from pathlib import Path


def flushers(directory: Path) -> list[int]:
    """The ids of live processes that flush `directory`."""
    listing = subprocess.run(
        ["ps", "-ww", "-axo", "pid=,args="], capture_output=True, text=True, check=True
    )
    lines = [line.split(None, 1) for line in listing.stdout.splitlines()]
    return [int(pid) for pid, args in lines if "lib.flusher" in args and str(directory) in args]
