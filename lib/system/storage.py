"""Where a breaker or a health checker keeps what it knows: in memory or in a shared file."""

import os
from _thread import allocate_lock

from lib.system.clock import seconds
from lib.system.lock import patient_lock
from lib.system.state import LOCK_TIMEOUT, State, StateFile

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import timedelta


class Storage:
    """The seam between the logic and where its state lives; subclass it for a place of your own.

    A state is one JSON object.
    """

    @property
    def warnings(self) -> int:
        """How often a stored state was unusable and taken for an empty one."""
        return 0

    def read(self) -> State:
        """What is stored, {} where there is nothing. The caller does not change it."""
        raise NotImplementedError

    def update(self, change: "Callable[[State], None]") -> State:
        """Let `change` alter the state while nobody else does, then store and return it.

        May raise: what uses a storage counts that and goes on without.
        """
        raise NotImplementedError


class MemoryStorage(Storage):
    """State of this process alone."""

    def __init__(self) -> None:
        self._lock = allocate_lock()
        self._state: State = {}

    def read(self) -> State:
        return self._state

    def update(self, change: "Callable[[State], None]") -> State:
        with self._lock:
            state = dict(self._state)
            change(state)
            self._state = state
        return state


class SharedStorage(Storage):
    """State that all processes share and that survives them: one section of a state file.

    Args:
        file: a path, which may begin with "~", or a `StateFile` that several storages share.
        section: "breaker" or "health", after who uses it.
        lock_timeout: seconds, or a timedelta, to wait at most until a change is let in; the event
            loop waits too.

    `update` raises OSError; TimeoutError if the lock was not to be had.
    """

    def __init__(
        self,
        file: "str | os.PathLike[str] | StateFile",
        section: str = "breaker",
        lock_timeout: "float | timedelta" = LOCK_TIMEOUT,
    ) -> None:
        if not isinstance(file, StateFile):
            file = StateFile(os.path.expanduser(os.fspath(file)), patient_lock)
        self._file = file
        self._section = section
        self._lock_timeout: float = seconds(lock_timeout)

    @property
    def warnings(self) -> int:
        return self._file.damages

    def read(self) -> State:
        return self._file.section(self._section)

    def update(self, change: "Callable[[State], None]") -> State:
        return self._file.update(self._section, change, self._lock_timeout)


def count(state: State, key: str) -> int:
    """The number of something in a state that anybody may have written; 0 for nonsense."""
    value = state.get(key)
    return value if isinstance(value, int) and value > 0 else 0


def text(state: State, key: str) -> str:
    """A text in a state that anybody may have written; "" for nonsense."""
    value = state.get(key)
    return value if isinstance(value, str) else ""
