"""`.patternignore`: which files of a project are not tracked, in the syntax of .gitignore.

A project's file is somebody else's data. One that cannot be read, or whose patterns could take
long, excludes everything below it: what it asks for is unknown, and that is the safe reading.
"""

import os
import re
import time
from typing import Any, NamedTuple

from lib.system import packages
from lib.system.private_file import Refused, bounded, open_regular

FILE_NAME = ".patternignore"
MAX_BYTES = 64 * 1024
MAX_PATTERNS = 1000
MAX_LENGTH = 255
# Each wildcard multiplies what a hostile path costs.
MAX_WILDCARDS = 3
MAX_COMPLEX = 50
MAX_PATH = 512
MAX_LEVELS = 256
# Of processor time, for all the matching that one object does.
MAX_SECONDS = 1.0
_WILDCARDS = re.compile(r"\*+")


# Whether a path is excluded cannot be told before the installation is complete.
NotYet = packages.Missing


class _Place(NamedTuple):
    """A directory with a .patternignore; `spec` is None for one that excludes everything."""

    directory: str
    spec: Any


class Ignores:
    """The .patternignore files, each read once.

    `problems` holds a line for each that could not be applied.
    """

    def __init__(self) -> None:
        self.problems: list[str] = []
        self._told: set[str] = set()
        self._spent = 0.0
        self._places: dict[tuple[str, str], list[_Place]] = {}
        self._read: dict[str, _Place | None] = {}

    def excludes(self, path: str, cwd: str = "") -> bool:
        """Whether the file at `path`, seen from `cwd`, is not to be tracked. Raises NotYet.

        The files count that lie between it and its project's root: the nearest directory with
        a .git, else `cwd`, else its own directory. The nearest that says something decides.
        """
        full = os.path.normpath(os.path.join(cwd, path))
        if not path or not os.path.isabs(full) or "\0" in full:
            return False
        directory = os.path.dirname(full)
        if (directory, cwd) not in self._places:
            self._places[directory, cwd] = self._places_above(directory, cwd)
        for place in self._places[directory, cwd]:
            said = self._say(place, full[len(place.directory.rstrip("/")) + 1 :])
            if said is not None:
                return said
        return False

    def _say(self, place: _Place, within: str) -> bool | None:
        """Whether `place` excludes the file at `within` it, None if it says nothing."""
        if place.spec is None or len(within) > MAX_PATH:
            return True
        if self._spent > MAX_SECONDS:
            self._problem(place.directory, f"matching took more than {MAX_SECONDS} s")
            return True
        start = time.process_time()
        said: bool | None = place.spec.check_file(within).include
        self._spent += time.process_time() - start
        return said

    def _problem(self, directory: str, why: object) -> None:
        line = f"{directory}/{FILE_NAME} excludes everything: {why}"
        if line not in self._told:
            self._told.add(line)
            self.problems.append(line)

    def _places_above(self, directory: str, cwd: str) -> list[_Place]:
        found = (self._place(above) for above in _project(directory, cwd))
        return [place for place in found if place is not None]

    def _place(self, directory: str) -> _Place | None:
        if directory not in self._read:
            try:
                text = _text(f"{directory}/{FILE_NAME}")
                self._read[directory] = (text and _Place(directory, _spec(text))) or None
            except (Refused, OSError, ValueError) as error:
                self._problem(directory, error)
                self._read[directory] = _Place(directory, None)
        return self._read[directory]


def _project(directory: str, cwd: str) -> list[str]:
    """`directory` and those above it up to the project's root."""
    above = [directory]
    while len(above) < MAX_LEVELS and above[-1] != "/":
        above.append(os.path.dirname(above[-1]))
    for number, found in enumerate(above, 1):
        if os.path.lexists(f"{found}/.git"):
            return above[:number]
    root = os.path.normpath(cwd) if cwd else ""
    return above[: above.index(root) + 1] if root in above else above[:1]


def _text(path: str) -> str:
    """The text of the file at `path`, "" if there is none."""
    try:
        with open_regular(path) as file:
            return bounded(file, MAX_BYTES).decode("utf-8")
    except (FileNotFoundError, NotADirectoryError):
        return ""


def _spec(text: str) -> Any:
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
    if len(lines) > MAX_PATTERNS:
        raise Refused(f"it has more than {MAX_PATTERNS} patterns")
    wildcards = [len(_WILDCARDS.findall(line)) for line in lines]
    if max(wildcards, default=0) > MAX_WILDCARDS:
        raise Refused(f"a pattern has more than {MAX_WILDCARDS} wildcards")
    if max(map(len, lines), default=0) > MAX_LENGTH:
        raise Refused(f"a pattern is longer than {MAX_LENGTH} characters")
    if sum(number > 1 for number in wildcards) > MAX_COMPLEX:
        raise Refused(f"more than {MAX_COMPLEX} patterns have several wildcards")
    # Not by whichever engine happens to be installed: they differ in what they take.
    spec = packages.load("pathspec").GitIgnoreSpec
    return spec.from_lines(lines, backend="simple")
