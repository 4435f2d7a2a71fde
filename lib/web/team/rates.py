"""Count requests, so that nobody makes more of them in a minute than is allowed."""

import time
from collections.abc import Callable
from threading import Lock

MINUTE = 60.0
# So many are remembered.
MOST = 20_000


class TooMany(Exception):
    """Somebody asked too often; `seconds` is how long to wait."""

    def __init__(self, seconds: float) -> None:
        super().__init__(f"too many requests; try again in {seconds:.0f} seconds")
        self.seconds = seconds


class Rates:
    """Allows each key `limit` requests at once, and as many in each minute; any number with 0.

    Any thread may call; `clock` tells seconds.
    """

    def __init__(self, limit: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._limit = limit
        self._clock = clock
        self._lock = Lock()
        # When what each has taken so far will be given back.
        self._paid: dict[str, float] = {}

    def wait(self, key: str) -> float:
        """Return the seconds until `key` may take one, 0 if it may now."""
        if not self._limit:
            return 0.0
        with self._lock:
            return max(0.0, self._due(key, self._clock()))

    def take(self, key: str) -> None:
        """Take one for `key`. Raises TooMany."""
        if not self._limit:
            return
        with self._lock:
            now = self._clock()
            if (due := self._due(key, now)) > 0:
                raise TooMany(due)
            if len(self._paid) >= MOST:
                self._paid = {one: until for one, until in self._paid.items() if until > now}
                if len(self._paid) >= MOST:
                    self._paid.clear()
            self._paid[key] = max(now, self._paid.get(key, 0.0)) + MINUTE / self._limit

    def _due(self, key: str, now: float) -> float:
        return self._paid.get(key, 0.0) + MINUTE / self._limit - MINUTE - now
