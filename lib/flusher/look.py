"""Look at a project's files: which changed in a given time, and what they hold now.

Known files are asked for their dates; of those that are none `missing` tells. New ones are looked
for in directories that changed. Bounded in number and in processor time, and no link is followed.
"""

import os
import stat
import time
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from lib.capture.languages import is_known
from lib.capture.named_file import MAX_BYTES, Refused, read
from lib.capture.secret_names import holds_secrets
from lib.flusher.missing import gone
from lib.privacy.ignore import Ignores
from lib.system.aside import Away, Touch, near, shared
from lib.system.places import Places

MOST_KNOWN = 50_000
MOST_NEW = 2_000
MOST_DEPTH = 16
CPU_SECONDS = 0.1
# Files between two looks at the clock.
_STRIDE = 256
# Never what a project keeps: what tools put there.
_TOOLS = frozenset("node_modules __pycache__ venv site-packages".split())
GITIGNORE = ".gitignore"


class Window(NamedTuple):
    """The time of a call, in ns since 1970; what changed from `since_ns` on was not seen yet.

    Nor was what changed in the `back_ns` before that, but a new file may be anybody's then.
    `missed` has the digests of the names in the command that no file had at its end. `stands`: what
    is new or gone does not count, a file that is known and is there does.
    """

    since_ns: int
    began_ns: int
    ended_ns: int
    back_ns: int = 0
    missed: Sequence[str] = ()
    stands: bool = False


class Found(NamedTuple):
    """A file that is not as it was: `gone`, or changed, and whether while the call ran."""

    path: str
    gone: bool
    during: bool


class Eyes:
    """Looks at files. Calls `touch` as `Places` does, and raises what it does; or OSError."""

    def __init__(self, touch: Touch) -> None:
        self._touch = touch
        self._disk = Places(touch)

    def project(self, directory: str) -> str:
        """Return the nearest directory at or above `directory` that holds a .git, else that."""
        directory = self._disk.real(directory)
        return self._disk.root(directory) or directory

    def changed(self, root: str, known: list[str], *window: Any) -> list[tuple[str, bool, bool]]:
        """List the files below `root` that changed in the `Window`: `known` ones, and new ones.

        A tuple for each, as in `Found`.
        """
        self._touch(root)
        return list(_Look(root, Window(*window), self._touch).run(known))

    def seen(self, path: str, before_ns: int) -> tuple[int, str | None]:
        """Return when a file was changed last, and its code unless that was `before_ns`."""
        self._touch(path)
        changed_ns = os.lstat(path).st_ctime_ns
        return changed_ns, self.code(path) if changed_ns != before_ns else None

    def code(self, path: str) -> str | None:
        """Return the text of a file, None where it may not be captured."""
        self._touch(path)
        try:
            return read(path)
        except Refused:
            return None


_NEAR = Eyes(near)


def project(directory: str) -> str:
    """Find the project that a directory is in, "" where its disk does not answer."""
    try:
        return str(shared.ask(_NEAR, "project", directory))
    except (OSError, Away):
        return ""


def changed(root: str, known: list[str], window: Window) -> list[Found]:
    """List the files below `root` that changed in `window`; none where the disk does not answer."""
    try:
        return [Found(*one) for one in shared.ask(_NEAR, "changed", root, known, *window)]
    except (OSError, Away):
        return []


def seen(path: str, before_ns: int) -> tuple[int, str | None]:
    """Return as `Eyes.seen` does; `before_ns` and None where that cannot be told."""
    try:
        changed_ns, code = shared.ask(_NEAR, "seen", path, before_ns)
    except (OSError, ValueError, Away):
        return before_ns, None
    return changed_ns, code


def code_of(path: str) -> str | None:
    """Return the text of a file, None where it cannot be had, or may not be captured."""
    try:
        found = shared.ask(_NEAR, "code", path)
    except (OSError, ValueError, Away):
        return None
    return found if isinstance(found, str) else None


class _Look:
    def __init__(self, root: str, window: Window, touch: Touch) -> None:
        self._root = root
        self._window = window
        self._touch = touch
        self._deadline = time.process_time() + CPU_SECONDS
        self._ignores = Ignores(touch)
        self._both = (self._ignores, Ignores(touch, GITIGNORE))
        self._new = 0

    def run(self, known: list[str]) -> Iterator[Found]:
        seen: set[str] = set()
        missing: list[str] = []
        directories = {self._root: None}
        for number, path in enumerate(known):
            if number >= MOST_KNOWN or (number % _STRIDE == 0 and self._is_late()):
                break
            seen.add(path)
            directory = os.path.dirname(path)
            if directory not in directories:
                self._touch(directory)
                directories[directory] = None
            found = self._known(path)
            if found and not holds_secrets(path) and not self._is_excluded(self._ignores, path):
                if found.gone:
                    missing.append(path)
                else:
                    yield found
        else:
            for directory in [] if self._window.stands else list(directories):
                yield from self._new_in(directory, seen, directories, 0)
        window = self._window
        for path, during in gone(missing, window.began_ns, window.ended_ns, window.missed):
            yield Found(path, True, during)

    def _is_late(self) -> bool:
        return time.process_time() >= self._deadline

    def _known(self, path: str) -> Found | None:
        try:
            status = os.lstat(path)
        except (FileNotFoundError, NotADirectoryError):
            return None if self._window.stands else Found(path, gone=True, during=False)
        except (OSError, ValueError):
            return None
        return self._changed(path, status, self._window.since_ns - self._window.back_ns)

    def _changed(self, path: str, status: os.stat_result, since_ns: int) -> Found | None:
        changed_ns = status.st_ctime_ns
        if not stat.S_ISREG(status.st_mode) or status.st_size > MAX_BYTES:
            return None
        if not since_ns <= changed_ns <= self._window.ended_ns:
            return None
        return Found(path, gone=False, during=changed_ns >= self._window.began_ns)

    def _new_in(
        self, directory: str, seen: set[str], known: dict[str, None], depth: int
    ) -> Iterator[Found]:
        """Look for new files in a directory, if its list of names changed."""
        self._touch(directory)
        try:
            if os.lstat(directory).st_mtime_ns < self._window.since_ns:
                return
            with os.scandir(directory) as entries:
                here = sorted(entries, key=lambda entry: entry.name)
        except (OSError, ValueError):
            return
        for entry in here:
            if self._new >= MOST_NEW or self._is_late():
                return
            if entry.path in seen:
                continue
            self._new += 1
            if entry.is_dir(follow_symlinks=False):
                is_own = not entry.name.startswith(".") and entry.name not in _TOOLS
                if is_own and entry.path not in known and depth < MOST_DEPTH:
                    yield from self._new_in(entry.path, seen, known, depth + 1)
            elif (found := self._new_file(entry)) is not None:
                seen.add(entry.path)
                yield found

    def _new_file(self, entry: "os.DirEntry[str]") -> Found | None:
        if not is_known(entry.name) or holds_secrets(entry.path):
            return None
        try:
            status = entry.stat(follow_symlinks=False)
            found = self._changed(entry.path, status, self._window.since_ns)
        except OSError:
            return None
        if found is None or any(self._is_excluded(by, entry.path) for by in self._both):
            return None
        return found

    def _is_excluded(self, ignores: Ignores, path: str) -> bool:
        try:
            return ignores.excludes(path, self._root)
        except OSError:
            return True
