"""Work out in a thread what takes long; a view tells the rest meanwhile, or what held before."""

import time
from collections.abc import Callable
from concurrent.futures import Future, wait
from contextlib import closing, suppress
from threading import Lock, Semaphore, Thread
from typing import Any, Generic, TypeVar

from lib.ledger.store import FILE_NAME
from lib.ledger.usage import Stats
from lib.web.live import Mark

T = TypeVar("T")
# So long a view waits for all of it together.
PATIENCE_SECONDS = 0.08
# So much is worked out at once, and so many results are kept.
THREADS, MOST = 2, 64


class Due(Generic[T]):
    """What is known, and what is being worked out instead; a view waits `until` then for that."""

    def __init__(self, known: T | None, coming: "Future[T | None] | None", until: float) -> None:
        self._known = known
        self._coming = coming
        self._until = until

    def told(self) -> tuple[T | None, bool]:
        """Return it, None for nothing yet, and whether the view should be looked at again."""
        if self._coming is None:
            return self._known, False
        if wait([self._coming], max(0.0, self._until - time.monotonic())).done:
            return self._coming.result(), False
        return self._known, True


class Later:
    """What is worked out of the ledger in `directory`, each by its key."""

    def __init__(self, directory: str) -> None:
        self._path = f"{directory}/{FILE_NAME}"
        self._lock = Lock()
        self._turn = Semaphore(THREADS)
        self._known: dict[str, tuple[Mark, float, Any]] = {}
        self._coming: dict[str, Future[Any]] = {}

    def of(
        self, now: Mark, key: str, make: Callable[[Stats], T], seconds: float, until: float
    ) -> Due[T]:
        """Begin to work out what `make` returns, unless that is known of the spool as `now`.

        That is something else than None. What is not older than `seconds` is good enough
        whatever was recorded since.
        """
        with self._lock:
            mark, made_at, known = self._known.get(key, ((), 0.0, None))
            if mark[:1] and mark[0][0] != now[0][0]:
                # Of another ledger, which was put aside.
                made_at, known = 0.0, None
            if mark == now or (made_at and time.monotonic() - made_at < seconds):
                return Due(known, None, until)
            coming = self._coming.get(key)
            if coming is None:
                coming = self._coming[key] = Future()
                Thread(target=self._work, args=(now, key, make), daemon=True).start()
        return Due(known, coming, until)

    def _work(self, now: Mark, key: str, make: Callable[[Stats], Any]) -> None:
        with self._turn:
            made = None
            # What cannot be read is not told: one bad row takes one part of a view away.
            with suppress(Exception), closing(Stats(self._path, is_read_only=True)) as history:
                made = make(history)
        with self._lock:
            coming = self._coming.pop(key)
            self._known.pop(key, None)
            # What failed is tried again after some time, also where nothing was recorded since.
            self._known[key] = () if made is None else now, time.monotonic(), made
            for old in list(self._known)[:-MOST]:
                del self._known[old]
        coming.set_result(made)
