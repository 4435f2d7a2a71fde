"""Read `.patternignore` files, which exclude a project's files in the syntax of .gitignore.

A project's file is somebody else's data. One that cannot be applied excludes everything below it:
what it asks for is unknown, and that is the safe reading. A rule that is written wrongly does what
git does with it, which is nothing as a rule; the others count. Where the disk does not tell whether
there is a file, or what it says, there is no answer: OSError.
"""

import errno
import os
import time
from typing import NamedTuple

from lib.privacy.gitignore import Rule, rules_in
from lib.privacy.written import utf8_of
from lib.system.aside import Touch
from lib.system.places import NO_NAME, Places, is_folded
from lib.system.private_file import Refused, bounded, open_regular

FILE_NAME = ".patternignore"
MAX_BYTES = 64 * 1024
MAX_RULES = 5000
MAX_LEVELS = 256
# Of processor time, for all the matching that one object does for a project: none takes it from
# others.
MAX_SECONDS = 1.0


class _Place(NamedTuple):
    """A directory with a .patternignore."""

    directory: str
    rules: list[Rule]


class Ignores:
    """Reads .patternignore files (or those of another name), each once, and applies them to paths.

    `touch` is called as `Places` calls it. `problems` holds a line for each that could not be
    applied, `faults` one for each rule that is written wrongly.
    """

    def __init__(self, touch: Touch = lambda path: None, file_name: str = FILE_NAME) -> None:
        self._file_name = file_name
        self.problems: list[str] = []
        self._disk = Places(touch)
        self._touch = touch
        self._real: dict[str, str] = {}
        self.faults: list[str] = []
        self._told: set[str] = set()
        self._unclear: set[str] = set()
        # Seconds by the project's root.
        self._spent: dict[str, float] = {}
        # The rules that count in a directory, those of the root first; None where all is excluded.
        self._places: dict[tuple[str, str], list[_Place] | None] = {}
        self._read: dict[str, _Place | None] = {}
        # From a directory up to its project's root, by it and the working directory.
        self._projects: dict[tuple[str, str], list[str]] = {}

    def excludes(self, path: str, cwd: str = "") -> bool:
        """Check whether the file at `path`, seen from `cwd`, is not to be tracked.

        The .patternignore files count from its directory up to its project's root: the nearest
        directory with a .git, else `cwd`, else its own. The nearest that says something decides,
        unless a directory on the way is excluded. Raises OSError, and what `touch` raises.
        """
        full = os.path.normpath(os.path.join(cwd, path))
        if not path or not os.path.isabs(full) or "\0" in full:
            return False
        directory = os.path.dirname(full)
        root = self._project(directory, cwd)[-1]
        places = self._places_in(directory, root)
        return places is None or self._is_excluded(places, full, root, is_directory=False)

    def is_unclear(self, path: str, cwd: str = "") -> bool:
        """Check whether the file at `path` was excluded by rules that could not be applied."""
        full = os.path.normpath(os.path.join(cwd, path))
        return any(full.startswith(directory.rstrip("/") + "/") for directory in self._unclear)

    def _places_in(self, directory: str, root: str) -> list[_Place] | None:
        if (directory, root) not in self._places:
            self._places[directory, root] = self._found_in(directory, root)
        return self._places[directory, root]

    def _found_in(self, directory: str, root: str) -> list[_Place] | None:
        above: list[_Place] = []
        if directory != root:
            found = self._places_in(os.path.dirname(directory), root)
            if found is None or self._is_excluded(found, directory, root, is_directory=True):
                return None
            above = found
        try:
            place = self._place(directory)
        except Refused as error:
            self._problem(directory, error)
            return None
        return [*above, place] if place else above

    def _is_excluded(self, places: list[_Place], full: str, root: str, is_directory: bool) -> bool:
        path = _bytes(full)
        start = time.process_time() - self._spent.get(root, 0.0)
        for place in reversed(places):
            within = path[len(_bytes(place.directory.rstrip("/"))) + 1 :]
            for rule in reversed(place.rules):
                if rule.matches(within, is_directory):
                    return rule.excludes
                self._spent[root] = time.process_time() - start
                if self._spent[root] > MAX_SECONDS:
                    self._problem(place.directory, f"matching took more than {MAX_SECONDS} s")
                    return True
        return False

    def _problem(self, directory: str, why: object) -> None:
        self._unclear.add(directory)
        line = f"{directory}/{self._file_name} excludes everything: {why}"
        if line not in self._told:
            self._told.add(line)
            self.problems.append(line)

    def _place(self, directory: str) -> _Place | None:
        """Return the directory with its rules, None without any. Raises Refused, OSError."""
        if directory not in self._read:
            path = f"{directory}/{self._file_name}"
            there = self._at(directory)
            self._touch(f"{there}/{self._file_name}")
            data = utf8_of(_data(f"{there}/{self._file_name}"))
            rules, faults = rules_in(data, bool(data) and is_folded(there, self._file_name))
            if len(rules) > MAX_RULES:
                raise Refused(f"it has more than {MAX_RULES} rules")
            self.faults += [f"{path}:{n}: {text}: {reason}" for n, text, reason in faults]
            self._read[directory] = _Place(directory, rules) if rules else None
        return self._read[directory]

    def _project(self, directory: str, cwd: str) -> list[str]:
        """List `directory` and those above it up to the project's root."""
        if (directory, cwd) not in self._projects:
            self._projects[directory, cwd] = self._found_above(directory, cwd)
        return self._projects[directory, cwd]

    def _found_above(self, directory: str, cwd: str) -> list[str]:
        above = [directory]
        while len(above) < MAX_LEVELS and above[-1] != "/":
            above.append(os.path.dirname(above[-1]))
        for number, found in enumerate(above, 1):
            if self._disk.exists(f"{self._at(found)}/.git"):
                return above[:number]
        root = os.path.normpath(cwd) if cwd else ""
        if os.path.isabs(root) and root not in above:
            # By another spelling or link, or mounted twice: the same directory all the same.
            inode = self._inode(root)
            root = next((found for found in above if inode and self._inode(found) == inode), "")
        return above[: above.index(root) + 1] if root in above else above[:1]

    def _at(self, directory: str) -> str:
        """Return where a directory really is; "" for "/"."""
        if directory not in self._real:
            self._real[directory] = self._disk.real(directory).rstrip("/")
        return self._real[directory]

    def _inode(self, directory: str) -> tuple[int, int] | None:
        path = self._at(directory) or "/"
        self._touch(path)
        try:
            status = os.stat(path)
        except (FileNotFoundError, NotADirectoryError, ValueError):
            return None
        return status.st_dev, status.st_ino


def _data(path: str) -> bytes:
    """Return what the file at `path` holds, nothing if there is none."""
    try:
        with open_regular(path) as file:
            return bounded(file, MAX_BYTES)
    except (FileNotFoundError, NotADirectoryError):
        return b""
    except OSError as error:
        if error.errno in (*NO_NAME, errno.ENXIO):
            raise Refused(error.strerror) from None
        raise


def _bytes(path: str) -> bytes:
    try:
        return os.fsencode(path)
    except UnicodeEncodeError:  # no file can have that name
        return path.encode("utf-8", "surrogatepass")
