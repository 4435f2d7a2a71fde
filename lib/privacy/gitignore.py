"""Match paths against the patterns of a .gitignore as git does: by bytes, in linear time.

A pattern becomes a row of steps. Which of them a path has reached is a number with a bit for each:
one pass over the path moves all at once, so that no pattern makes it go back.
"""

from collections.abc import Iterable
from functools import cache
from typing import NamedTuple

from lib.privacy.character_classes import CLASSES

_SLASH = 0x2F
_ANY = frozenset(range(256))
_NO_SLASH = _ANY - {_SLASH}
_BOM = b"\xef\xbb\xbf"
_CONTROL = frozenset(range(0x20)) - {0x09} | {0x7F}
_SPECIAL = frozenset(b"*?[\\")


class Useless(Exception):
    """The pattern is invalid, so that no path matches it; the text says why."""


class Rule(NamedTuple):
    """A line of the file: what it matches, and what that means.

    `steps` is None where `text` is no pattern but the name itself. `folds`: ASCII letters match in
    either case, as git has it with core.ignoreCase.
    """

    text: bytes
    steps: "_Steps | None"
    excludes: bool
    is_name: bool
    for_directories: bool
    folds: bool = False

    def matches(self, within: bytes, is_directory: bool) -> bool:
        """Check whether the rule matches the path `within` the directory of its file."""
        if self.for_directories and not is_directory:
            return False
        path = within.rpartition(b"/")[2] if self.is_name else within
        path = path.lower() if self.folds else path
        if self.steps is None:
            return path == self.text
        return path.startswith(self.text) and self.steps.match(path[len(self.text) :])


class Fault(NamedTuple):
    """A line that does not say what it was meant to: its number, its text, and why."""

    line: int
    text: str
    reason: str


def rules_in(data: bytes, folds: bool = False) -> tuple[list[Rule], list[Fault]]:
    """Return the rules of a file, in their order, and what is wrong with others or with those."""
    rules: list[Rule] = []
    faults: list[Fault] = []
    for number, full in enumerate(data.removeprefix(_BOM).split(b"\n"), 1):
        line = full.removesuffix(b"\r")
        text = _trimmed(line.partition(b"\0")[0])
        if text and not text.startswith(b"#"):
            try:
                rules.append(_rule(text, folds))
                reason = rules[-1].steps.fault if rules[-1].steps else ""
                if not _CONTROL.isdisjoint(line):
                    reason = "there is a control character in it"
            except Useless as useless:
                reason = str(useless)
            if reason:
                faults.append(Fault(number, text.decode("utf-8", "replace"), reason))
    return rules, faults


def _trimmed(line: bytes) -> bytes:
    """Strip the spaces at the end of `line`, but for one behind a backslash."""
    bare = line.rstrip(b" ")
    slashes = len(bare) - len(bare.rstrip(b"\\"))
    return line[: len(bare) + 1] if slashes % 2 else bare


def _rule(text: bytes, folds: bool) -> Rule:
    excludes = not text.startswith(b"!")
    pattern = text if excludes else text[1:]
    for_directories = pattern.endswith(b"/")
    pattern = pattern.removesuffix(b"/")
    is_name = b"/" not in pattern
    pattern = pattern.removeprefix(b"/")
    if not pattern:
        raise Useless("there is no pattern in it")
    plain = next((n for n, byte in enumerate(pattern) if byte in _SPECIAL), len(pattern))
    steps = None
    if plain < len(pattern):
        # A name is matched as a whole; of a path git compares what comes before the first wildcard
        # first, so that `**` behind it is at the beginning of a pattern.
        plain = 0 if is_name else plain
        steps = _Steps(pattern[plain:], folds)
    begin = pattern[:plain]
    begin = begin.lower() if folds else begin
    return Rule(begin, steps, excludes, is_name, for_directories, folds)


class _Steps:
    """The part of a pattern from its first wildcard on. Raises Useless.

    Each step takes one byte of a set. Those in `_stars` take any number of them; those in `_gates`
    take none and lead into `**/` or past it. `fault` says what is wrong with it all the same.
    """

    def __init__(self, pattern: bytes, folds: bool) -> None:
        self._folds = folds
        self._sets: list[frozenset[int]] = []
        self._stars = self._gates = 0
        self.fault = ""
        at = 0
        while at < len(pattern):
            at = self._add(pattern, at)
        self._end = 1 << len(self._sets)
        self._taking = cache(self._of)

    def match(self, path: bytes) -> bool:
        """Check whether the whole of `path` is matched."""
        reached = self._spread(1)
        for byte in path:
            taken = reached & self._taking(byte)
            reached = self._spread((taken & ~self._stars) << 1 | taken & self._stars)
            if not reached:
                return False
        return bool(reached & self._end)

    def _of(self, byte: int) -> int:
        """Return the steps that take `byte`."""
        return sum(1 << number for number, taken in enumerate(self._sets) if byte in taken)

    def _spread(self, reached: int) -> int:
        """Add to the steps `reached` those that are reached from them without another byte."""
        while True:
            gates = reached & self._gates
            more = reached | (reached & self._stars) << 1 | gates << 1 | gates << 3
            if more == reached:
                return reached
            reached = more

    def _add(self, pattern: bytes, at: int) -> int:
        """Add the step that begins at `at`; return where the next one begins."""
        byte = pattern[at]
        if byte == ord("*"):
            return self._add_star(pattern, at)
        if byte == ord("["):
            taken, at, fault = _set(pattern, at + 1, self._folds)
            self._sets.append(taken - {_SLASH})
            self.fault = self.fault or fault
        elif byte == ord("?"):
            self._sets.append(_NO_SLASH)
        else:
            if byte == ord("\\"):
                at += 1
                if at == len(pattern):
                    raise Useless("a backslash is at its end")
            taken = frozenset(pattern[at : at + 1])
            self._sets.append(_in_lower(taken) if self._folds else taken)
        return at + 1

    def _add_star(self, pattern: bytes, at: int) -> int:
        end = at
        while pattern[end : end + 1] == b"*":
            end += 1
        begins = at == 0 or pattern[at - 1] == _SLASH
        rest = pattern[end : end + 2]
        ends = rest in (b"", b"\\/") or rest[:1] == b"/"
        is_wide = end - at > 1 and begins and ends
        if is_wide and rest[:1] == b"/":
            self._gates |= 1 << len(self._sets)
            self._sets.append(frozenset())
        self._stars |= 1 << len(self._sets)
        self._sets.append(_ANY if is_wide else _NO_SLASH)
        return end


def _set(pattern: bytes, at: int, folds: bool) -> tuple[frozenset[int], int, str]:
    """Return what the brackets that begin at `at` take, where they are closed, and a fault."""
    negated = pattern[at : at + 1] in (b"!", b"^")
    at += negated
    taken: set[int] = set()
    fault = ""
    first = at
    before = 0
    while at == first or _byte(pattern, at) != ord("]"):
        byte = _byte(pattern, at)
        if byte == ord("\\"):
            at += 1
            byte = _byte(pattern, at)
            taken.add(byte)
        elif byte == ord("-") and before and pattern[at + 1 : at + 2] not in (b"", b"]"):
            at += 1
            if _byte(pattern, at) == ord("\\"):
                at += 1
            last = _byte(pattern, at)
            taken.update(range(before, last + 1))
            if last < before:
                fault = f"{chr(before)}-{chr(last)} ends before it begins"
            byte = 0
        elif pattern[at : at + 2] == b"[:":
            end = pattern.find(b"]", at + 2)
            if end < 0:
                raise Useless("a bracket is not closed")
            if end > at + 2 and pattern[end - 1] == ord(":"):
                name = pattern[at + 2 : end - 1]
                if name not in CLASSES:
                    raise Useless(f"there is no [:{name.decode('utf-8', 'replace')}:]")
                taken |= CLASSES[name]
                at, byte = end, 0
            else:
                taken.add(byte)
        else:
            taken.add(byte)
        before = byte
        at += 1
    if folds:
        taken |= _in_lower(taken)
    return (_ANY - taken if negated else frozenset(taken)), at, fault


def _in_lower(taken: Iterable[int]) -> frozenset[int]:
    """Return the bytes `taken` as they are in lower case: so a path is compared."""
    return frozenset(bytes(taken).lower())


def _byte(pattern: bytes, at: int) -> int:
    if at >= len(pattern):
        raise Useless("a bracket is not closed")
    return pattern[at]
