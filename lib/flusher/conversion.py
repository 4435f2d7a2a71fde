"""Let the flusher convert an earlier version's ledger, which may take longer than it lives."""

import signal
from collections.abc import Callable

from lib.system.logs import log


def watched(directory: str, life: int) -> Callable[[float], None]:
    """Make the function that hears how much is done, from 0 to 1: it logs each tenth.

    Where the kernel would end the process, it gets another `life` seconds each time.
    """
    logged = -1

    def hear(part: float) -> None:
        nonlocal logged
        if signal.alarm(0):
            signal.alarm(life)
        if int(part * 10) > logged:
            logged = int(part * 10)
            log(directory, f"converting the ledger for this version: {part:.0%}")

    return hear
