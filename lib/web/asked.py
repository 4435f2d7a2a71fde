"""What a view is given beside the ledger: what was asked for, the spool's state, what is known."""

import time
from collections.abc import Callable, Mapping
from threading import Lock
from typing import Any, NamedTuple, TypeVar

from lib.ledger.usage import Stats
from lib.web.indexing import Indexing
from lib.web.later import PATIENCE_SECONDS, Due, Later
from lib.web.live import Mark, mark
from lib.web.page import number

T = TypeVar("T")
# So many answers are kept, and so long may those be together that are lists.
MOST, LONGEST = 64, 50_000
# What sums up much may be so old while more is recorded all the time.
LAG_SECONDS = 15.0


class Sources(NamedTuple):
    """Where the page looks: the spool, how its state is gathered, and what causes mean."""

    directory: str
    facts: Callable[[], Mapping[str, Any]]
    meaning: Mapping[str, str]


class Memory:
    """Keeps what took long to compute while the spool stays as it is."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._known: dict[str, tuple[Mark, Any]] = {}

    def remembered(self, now: Mark, key: str, make: Callable[[], T]) -> T:
        """Return what `make` returned for `key` while the spool was as `now`, or call it."""
        with self._lock:
            mark, known = self._known.get(key, ((), None))
        if mark == now:
            return known  # type: ignore[no-any-return]
        made = make()
        with self._lock:
            self._known.pop(key, None)
            self._known[key] = now, made
            while len(self._known) > MOST or self._length() > LONGEST:
                del self._known[next(iter(self._known))]
        return made

    def _length(self) -> int:
        return sum(len(made) for _, made in self._known.values() if isinstance(made, list))


class Aides:
    """What all requests share: what is known, what is worked out, and the search's index."""

    def __init__(self, directory: str) -> None:
        self.memory = Memory()
        self.later = Later(directory)
        self.indexing = Indexing(directory)


class Asked:
    """One request: its `query`, and the page's sources."""

    def __init__(self, query: Mapping[str, str], sources: Sources, aides: Aides) -> None:
        self._query = query
        self._sources = sources
        self._aides = aides
        self._now = mark(sources.directory)
        self._until = time.monotonic() + PATIENCE_SECONDS

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
        return self._aides.indexing.begin(self._now)

    def remembered(self, key: str, make: Callable[[], T]) -> T:
        """Return what `make` returned last, if nothing was recorded since; else call it."""
        return self._aides.memory.remembered(self._now, key, make)

    def later(self, key: str, make: Callable[[Stats], T], seconds: float = LAG_SECONDS) -> Due[T]:
        """Begin to work out what `make` returns, in a thread with a ledger of its own.

        What was made within some `seconds` is good enough.
        """
        return self._aides.later.of(self._now, key, make, seconds, self._until)
