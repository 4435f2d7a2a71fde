"""Keep a ledger open for each thread of a process, and none of the process it was forked from."""

import os
import threading

from lib.ledger.store import Ledger, open_ledger
from lib.system.files import make_private_directory


class Ledgers:
    """The ledgers of the spool `directory`; "" where there is none."""

    def __init__(self, directory: str) -> None:
        self._directory = directory
        self._of_thread = threading.local()
        self._inherited: list[object] = []

    def own(self) -> Ledger:
        """Return this thread's ledger, opened where it is not. Raises OSError, sqlite3.Error."""
        kept = getattr(self._of_thread, "kept", None)
        if not self._directory:
            raise FileNotFoundError("no home directory: set HOME or PATTERN_CACHE_DIR")
        if kept is not None and kept[0] == os.getpid() and not kept[1].is_in_place():
            kept[1].close()
            kept = None
        if kept is None or kept[0] != os.getpid():
            # Closing what a fork has inherited would disturb whoever it belongs to.
            self._inherited.append(kept)
            make_private_directory(self._directory)
            kept = self._of_thread.kept = os.getpid(), open_ledger(self._directory)
        ledger: Ledger = kept[1]
        return ledger
