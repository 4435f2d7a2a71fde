"""Share state about services and the flusher between processes, in one small JSON file."""

import os

from lib.system import files, json_codec
from lib.system.lock import Lock

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from lib.system.lock import AnyLock

FILE_NAME = "state.json"
State = dict[str, "Any"]
LOCK_TIMEOUT = 1.0
# More than this is no state of ours, and would be parsed by everyone who looks.
MAX_BYTES = 1 << 20
DAMAGE = "damage"
# How many keys a group has: the ones that were not changed for longest are forgotten.
MAX_KEYS = 40


class StateFile:
    """A JSON object of sections, read without a lock and changed under one.

    A missing or damaged file reads as an empty object; `damaged` tells the two apart and
    `damages` counts the damaged files met so far. The count is stored with the next change.
    `make_lock` makes the lock of those who change it.
    """

    def __init__(self, path: str, make_lock: "Callable[[str], AnyLock]" = Lock) -> None:
        self.path = path
        self._make_lock = make_lock
        self.damaged = False
        self.damages = 0
        self._lock_path = path.removesuffix(".json") + ".lock"
        self._seen: tuple[int, int, int] | None = None
        self._state: State = {}

    def read(self) -> State:
        """Return the present state, parsed again only when the file has changed. Never raises."""
        seen = None
        try:
            seen = _signature(self.path)
            if seen != self._seen:
                self._accept(_load(self.path), seen)
        except FileNotFoundError:
            self._seen, self._state, self.damaged = None, {}, False
        except (ValueError, RecursionError):
            self._reject(seen)
        except OSError:
            self._reject(None)
        return self._state

    def section(self, name: str) -> State:
        """Copy one section of the present state, {} where there is none."""
        return _section(self.read(), name)

    def update(
        self, name: str, change: "Callable[[State], None]", timeout: float = LOCK_TIMEOUT
    ) -> State:
        """Call `change` with section `name` under the lock, and store what it makes of it.

        `timeout` (seconds) bounds the wait for the lock. Returns the section as stored.
        Raises OSError, TimeoutError included.
        """
        section: State = {}

        def within(state: State) -> None:
            section.update(_section(state, name))
            change(section)
            state[name] = section

        self.rewrite(within, timeout)
        return section

    def rewrite(self, change: "Callable[[State], None]", timeout: float = LOCK_TIMEOUT) -> None:
        """Call `change` with all of the state, as `update` does with a section."""
        files.make_private_directory(os.path.dirname(self.path))
        lock = self._make_lock(self._lock_path)
        if not lock.acquire(timeout):
            raise TimeoutError(f"{self._lock_path} is held")
        try:
            self._seen = None
            state = dict(self.read())
            change(state)
            if self.damages:
                state[DAMAGE] = {"count": self.damages}
            self._store(json_codec.dumps(state).encode())
        finally:
            lock.release()

    def _store(self, data: bytes) -> None:
        # Only the lock's holder has this name, and nobody else sweeps where a library keeps state.
        temporary = self.path + ".tmp"
        if os.path.lexists(temporary):
            os.unlink(temporary)
        files.write_new(temporary, data, sync=False)
        os.rename(temporary, self.path)

    def _accept(self, state: State, seen: tuple[int, int, int]) -> None:
        self._state, self._seen, self.damaged = state, seen, False
        stored = _section(state, DAMAGE).get("count")
        if isinstance(stored, int):
            self.damages = max(self.damages, stored)

    def _reject(self, seen: tuple[int, int, int] | None) -> None:
        """Count a damaged file, once for as long as it stays the same."""
        self.damages += not self.damaged
        self._state, self._seen, self.damaged = {}, seen, True


class Part:
    """The sections that a state file has for one key of a group, to be used as the file is."""

    def __init__(self, file: StateFile, group: str, key: str) -> None:
        self._file = file
        self._group = group
        self._key = key

    @property
    def damages(self) -> int:
        """How often the file was damaged."""
        return self._file.damages

    def section(self, name: str) -> State:
        """Copy one section, as `StateFile.section` does."""
        return _section(_section(self._file.section(self._group), self._key), name)

    def update(
        self, name: str, change: "Callable[[State], None]", timeout: float = LOCK_TIMEOUT
    ) -> State:
        """Change one section, as `StateFile.update` does."""
        section: State = {}

        def within(group: State) -> None:
            sections = _section(group, self._key)
            section.update(_section(sections, name))
            change(section)
            group.pop(self._key, None)  # so that the ones that were changed last stand last
            group[self._key] = {**sections, name: section}
            for key in list(group)[:-MAX_KEYS]:
                del group[key]

        self._file.update(self._group, within, timeout)
        return section


def _section(state: State, name: str) -> State:
    found = state.get(name)
    return dict(found) if isinstance(found, dict) else {}


def _signature(path: str) -> tuple[int, int, int]:
    status = os.stat(path)
    return status.st_ino, status.st_mtime_ns, status.st_size


def _load(path: str) -> State:
    with open(path, "rb") as file:
        data = file.read(MAX_BYTES + 1)
    if len(data) > MAX_BYTES:
        raise ValueError("the state is too large")
    state = json_codec.loads(data.decode())
    if not isinstance(state, dict):
        raise ValueError("the state is not an object")
    return state
