"""Store the state of a circuit breaker or health checker, in memory or in a shared file."""

import os
from _thread import allocate_lock

from lib.system.clock import seconds
from lib.system.lock import patient_lock
from lib.system.state import LOCK_TIMEOUT, Part, State, StateFile

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import timedelta


class Storage:
    """Where a breaker's or health checker's state is stored; subclass it for a place of your own.

    A state is one JSON object.
    """

    @property
    def warnings(self) -> int:
        """How often a stored state was damaged and taken for an empty one."""
        return 0

    def read(self) -> State:
        """Return the stored state, {} where there is none. The caller does not change it."""
        raise NotImplementedError

    def update(self, change: "Callable[[State], None]") -> State:
        """Call `change` with the state while nobody else changes it, then store and return it.

        May raise: a breaker or health checker counts that and goes on without it.
        """
        raise NotImplementedError


class MemoryStorage(Storage):
    """State in the memory of this process."""

    def __init__(self) -> None:
        self._lock = allocate_lock()
        self._state: State = {}

    def read(self) -> State:
        """Return the state."""
        return self._state

    def update(self, change: "Callable[[State], None]") -> State:
        """Call `change` with a copy of the state, and store that."""
        with self._lock:
            state = dict(self._state)
            change(state)
            self._state = state
        return state


class SharedStorage(Storage):
    """State in one section of a file, shared by all processes.

    Args:
        file: a path, which may begin with "~", or a `StateFile` or part of one that several
            storages share.
        section: "breaker" or "health", after who uses it.
        lock_timeout: seconds, or a timedelta, to wait at most until a change is let in; the event
            loop waits too.

    `update` raises OSError; TimeoutError if the lock was not to be had.
    """

    def __init__(
        self,
        file: "str | os.PathLike[str] | StateFile | Part",
        section: str = "breaker",
        lock_timeout: "float | timedelta" = LOCK_TIMEOUT,
    ) -> None:
        if not isinstance(file, (StateFile, Part)):
            file = StateFile(os.path.expanduser(os.fspath(file)), patient_lock)
        self._file = file
        self._section = section
        self._lock_timeout: float = seconds(lock_timeout)

    @property
    def warnings(self) -> int:
        """How often the file was damaged and taken for an empty one."""
        return self._file.damages

    def read(self) -> State:
        """Read the section from the file, {} where there is none. Never raises."""
        return self._file.section(self._section)

    def update(self, change: "Callable[[State], None]") -> State:
        """Change the section under the file's lock. Raises OSError, TimeoutError included."""
        return self._file.update(self._section, change, self._lock_timeout)


def count(state: State, key: str) -> int:
    """Read a positive integer from a state that anybody may have written; 0 for anything else."""
    value = state.get(key)
    return value if isinstance(value, int) and value > 0 else 0


def text(state: State, key: str) -> str:
    """Read a string from a state that anybody may have written; "" for anything else."""
    value = state.get(key)
    return value if isinstance(value, str) else ""
