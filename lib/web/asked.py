"""What a view is given beside the ledger: what was asked for, the spool's state, what is known."""

import time
from collections.abc import Callable, Mapping
from threading import Lock
from typing import Any, NamedTuple, TypeVar

from lib.web.indexing import Indexing
from lib.web.live import Mark, mark
from lib.web.page import number

T = TypeVar("T")
# So many answers are kept, and so long may those be together that are lists.
MOST, LONGEST = 64, 50_000


class Sources(NamedTuple):
    """Where the page looks: the spool, how its state is gathered, and what causes mean."""

    directory: str
    facts: Callable[[], Mapping[str, Any]]
    meaning: Mapping[str, str]


class Memory:
    """Keeps what took long to compute while the spool stays as it is, or for some time."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._known: dict[str, tuple[Mark, float, Any]] = {}

    def remembered(self, now: Mark, key: str, make: Callable[[], T], seconds: float) -> T:
        """Return what `make` returned for `key` while the spool was as `now`, or call it.

        What is not older than `seconds` is good enough whatever was recorded since.
        """
        with self._lock:
            mark, made_at, known = self._known.get(key, ((), 0.0, None))
        if mark == now or (made_at and time.monotonic() - made_at < seconds):
            return known  # type: ignore[no-any-return]
        made = make()
        with self._lock:
            self._known.pop(key, None)
            self._known[key] = now, time.monotonic(), made
            while len(self._known) > MOST or self._length() > LONGEST:
                del self._known[next(iter(self._known))]
        return made

    def _length(self) -> int:
        return sum(len(made) for _, _, made in self._known.values() if isinstance(made, list))


class Asked:
    """One request: its `query`, and the page's sources."""

    def __init__(
        self, query: Mapping[str, str], sources: Sources, memory: Memory, indexing: Indexing
    ) -> None:
        self._query = query
        self._sources = sources
        self._memory = memory
        self._indexing = indexing
        self._now = mark(sources.directory)

    @property
    def directory(self) -> str:
        """The spool."""
        return self._sources.directory

    @property
    def meaning(self) -> Mapping[str, str]:
        """What the causes of drops mean."""
        return self._sources.meaning

    def facts(self) -> Mapping[str, Any]:
        """Gather the state of the spool."""
        return self._sources.facts()

    def text(self, name: str) -> str:
        """Return what was asked for by `name`, "" if nothing was."""
        return self._query.get(name, "")

    def number(self, name: str, least: int = 0) -> int:
        """Return the number that was asked for by `name`, at least `least`."""
        return number(self._query.get(name), least)

    def indexed(self) -> tuple[int, int]:
        """Return how many documents of how many can be found; 0 and 0 if all can."""
        return self._indexing.begin(self._now)

    def remembered(self, key: str, make: Callable[[], T], seconds: float = 0.0) -> T:
        """Return what `make` returned last, if nothing was recorded since; else call it.

        Within some `seconds` it is not called again.
        """
        return self._memory.remembered(self._now, key, make, seconds)
