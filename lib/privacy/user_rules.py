"""Read the user's own redaction patterns: a file beside the bundle, an expression a line.

It is found by where this code lies and never by a variable, which a cloned repository could set.
The expressions run under a limit of time, by the `regex` package, which has one.
"""

import os
from collections.abc import Iterator
from typing import Any

from lib.privacy.written import MARK, utf8_of
from lib.system import bundle, packages
from lib.system.private_file import Refused, bounded, open_regular

SUFFIX = ".redact.txt"
MAX_BYTES = 64 * 1024
MAX_PATTERNS = 100
MAX_LENGTH = 500
# What one pattern may take for one text, in seconds of processor time, and how often it may fail
# to keep that before the file is taken for unusable.
TIMEOUT = 0.05
MAX_TIMEOUTS = 20
# What a new pattern is tried on: so much of each character that it names, and of some others.
PROBE_LENGTH = 2000
_PROBED = "aA0 _-."


class Unusable(Exception):
    """The user's patterns cannot be applied, so no code may be kept; the text says why."""


class UserRule:
    """A pattern of the user's, from line `number` of the file; `timeouts` counts slow texts."""

    def __init__(self, compiled: Any, number: int) -> None:
        self._compiled = compiled
        self._number = number
        self.timeouts = 0

    def finditer(self, text: str) -> Iterator[Any]:
        """Yield the matches in `text`. Raises TimeoutError, Unusable after too many of them."""
        try:
            yield from self._compiled.finditer(text, timeout=TIMEOUT)
        except TimeoutError:
            self.timeouts += 1
            if self.timeouts > MAX_TIMEOUTS:
                raise Unusable(f"the pattern in line {self._number} is too slow") from None
            raise


# The rules of the text that was last read: making them takes longer than reading it.
_known: dict[str, list[UserRule]] = {}


def default_path() -> str:
    """Return the path of the file of patterns that belongs to this bundle."""
    return bundle.kept(SUFFIX)


def load(path: str = "") -> list[UserRule]:
    """Load the patterns in the file at `path`, none if there is no file. Raises Unusable."""
    path = path or default_path()
    if not os.path.lexists(path):
        return []
    try:
        text = _read(path)
        if text not in _known:
            _known.clear()
            _known[text] = list(_rules(text))
    except (OSError, ValueError, Refused, Unusable, packages.Missing) as error:
        raise Unusable(f"{path}: {error}") from None
    return _known[text]


def _read(path: str) -> str:
    with open_regular(path, follow=True) as file:
        status = os.fstat(file.fileno())
        if status.st_uid != os.getuid():
            raise Refused("not a file of your own")
        if status.st_mode & 0o022:
            raise Refused("others may write to it")
        return utf8_of(bounded(file, MAX_BYTES)).decode("utf-8")


def _rules(text: str) -> Iterator[UserRule]:
    if "\0" in text:
        raise Unusable("it holds a NUL, as no text does")
    # Not splitlines(), which ends a line at a form feed too. Files that were joined have marks
    # within.
    whole = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    lines = [(number, line.lstrip(MARK).strip()) for number, line in enumerate(whole, 1)]
    lines = [(number, line) for number, line in lines if line and not line.startswith("#")]
    if len(lines) > MAX_PATTERNS:
        raise Unusable(f"more than {MAX_PATTERNS} patterns")
    for number, line in lines:
        if len(line) > MAX_LENGTH:
            raise Unusable(f"line {number} is longer than {MAX_LENGTH} characters")
        rule = UserRule(_compiled(line, number), number)
        _try(rule, line, number)
        yield rule


def _compiled(line: str, number: int) -> Any:
    regex = packages.load("regex")
    try:
        return regex.compile(line)
    except (regex.error, RecursionError, OverflowError, ValueError) as error:
        raise Unusable(f"line {number} is no regular expression: {error}") from None


def _try(rule: UserRule, line: str, number: int) -> None:
    """Try whether a hostile text can make the pattern slow. Raises Unusable."""
    for character in sorted({*_PROBED, *(c for c in line if c.isalnum())}):
        try:
            for _ in rule.finditer(character * PROBE_LENGTH):
                pass
        except TimeoutError:
            raise Unusable(f"line {number} is too slow on hostile text") from None
