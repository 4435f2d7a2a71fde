"""Bring the index of the search up to date, in a thread: at first that takes a while."""

import sqlite3
import time
from contextlib import closing, suppress
from threading import Thread

from lib.ledger import search_index
from lib.ledger.history import History
from lib.ledger.store import FILE_NAME

# So long a search waits for it.
PATIENCE_SECONDS = 0.05
# While more is recorded all the time, that is looked for so often.
LAG_SECONDS = 3.0


class Indexing:
    """The index of the ledger in `directory`."""

    def __init__(self, directory: str) -> None:
        self._path = f"{directory}/{FILE_NAME}"
        self._state: object = None
        self._thread: Thread | None = None
        self._done = self._all = 0
        self._ended = -LAG_SECONDS

    def begin(self, state: object) -> tuple[int, int]:
        """Index what was recorded since the ledger was in another `state`.

        Returns how many documents of how many are indexed; 0 and 0 if all are. For one thread.
        """
        is_due = time.monotonic() - self._ended > LAG_SECONDS
        if self._thread is None and state != self._state and is_due:
            self._thread = Thread(target=self._update, args=(state,), daemon=True)
            self._thread.start()
        if self._thread is not None:
            self._thread.join(PATIENCE_SECONDS)
            if self._thread.is_alive():
                return self._done, max(self._all, 1)
            self._thread, self._ended = None, time.monotonic()
        return 0, 0

    def _update(self, state: object) -> None:
        # What cannot be indexed now is when the next one searches.
        with suppress(sqlite3.Error, OSError):
            history = History(self._path, is_read_only=True)
            with closing(history), search_index.opened(self._path) as index:
                index.update(history, self._note)
            self._state = state

    def _note(self, done: int, count: int) -> None:
        self._done, self._all = done, count
