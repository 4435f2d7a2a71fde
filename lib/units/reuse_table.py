"""Write the table in which a hook looks up whether code stands in its project already.

`lib.capture.reuse_index` says what is in it, and reads it.
"""

import sys
from array import array
from collections.abc import Iterable, Sequence
from itertools import islice
from typing import NamedTuple

from lib.capture.like_lines import lines_of, numbers, places_of, windows
from lib.capture.reuse_index import HEADER, MAGIC, PROBES, SLOT, second, slot_of

# A unit is found by so many of its windows at most.
ANCHORS = 4
# So many bits and slots for each window.
_BITS, _SLOTS = 8, 2
_EMPTY = bytes(4)
# In lines that count: longer units are known by their beginning.
_MOST_LINES = 2000


class Entry(NamedTuple):
    """A unit: its qualified name, its file's path in the project, its line (from 1), its code.

    `code` is what it holds, without its signature; `lead` lines of it come before that. `since` is
    the day it is from, "" if that is unknown.
    """

    name: str
    path: str
    line: int
    lead: int
    since: str
    code: bytes


def table(entries: Iterable[Entry], most: int) -> bytes:
    """Build the table of at most `most` units, the oldest first: of equal ones it has the first."""
    made = _Table(most)
    for entry in islice(entries, most):
        made.add(entry)
    return made.written()


class _Table:
    def __init__(self, most: int) -> None:
        self._slots = _power(_SLOTS * ANCHORS * max(most, 8))
        self._bits = _power(_BITS * ANCHORS * max(most, 8))
        self._bitmap = bytearray(self._bits >> 3)
        self._filled = bytearray(SLOT * (self._slots + PROBES))
        self._units, self._names = array("I"), bytearray()

    def add(self, entry: Entry) -> None:
        lines = lines_of(entry.code)[:_MOST_LINES]
        free = self._free(windows(lines))
        if not free:
            return
        lead = entry.lead + places_of(entry.code)[0]
        told = entry.name, entry.path, str(entry.line), str(lead), entry.since
        record = b"".join(text.encode("utf-8", "replace") + b"\0" for text in told)
        record += _little(array("I", numbers(lines)))
        self._units.extend((len(self._names), len(record)))
        self._names += record
        number = (len(self._units) // 2).to_bytes(4, "little")
        for window, at in free:
            # Two windows of the unit itself may have been after one place.
            place = self._place(window, at)
            if place is not None:
                self._filled[place : place + SLOT] = window.to_bytes(4, "little") + number
                for bit in (window, second(window)):
                    self._bitmap[(bit & (self._bits - 1)) >> 3] |= 1 << (bit & 7)

    def _free(self, several: Sequence[int]) -> list[tuple[int, int]]:
        """Choose windows from all over a unit that no older one has, each with its place."""
        found: list[tuple[int, int]] = []
        step = max(1, len(several) // ANCHORS)
        for first in range(step):
            for window in several[first::step]:
                at = self._place(window, SLOT * slot_of(window, self._slots))
                if at is not None:
                    found.append((window, at))
                    if len(found) == ANCHORS:
                        return found
        return found

    def _place(self, window: int, at: int) -> int | None:
        """Find a free place for a window from `at` on; None where it is known, or there is none."""
        wanted = window.to_bytes(4, "little")
        for _ in range(PROBES):
            if self._filled[at + 4 : at + SLOT] == _EMPTY:
                return at
            if self._filled[at : at + 4] == wanted:
                return None
            at += SLOT
        return None

    def written(self) -> bytes:
        units = _little(self._units)
        places = [HEADER + len(self._bitmap)]
        places += [places[0] + len(self._filled), places[0] + len(self._filled) + len(units)]
        told = (self._bits, self._slots, len(self._units) // 2, *places)
        header = MAGIC + b"".join(number.to_bytes(8, "little") for number in told)
        return b"".join((header, self._bitmap, self._filled, units, self._names))


def _little(numbers: "array[int]") -> bytes:
    if sys.byteorder == "big":
        numbers.byteswap()
    return numbers.tobytes()


def _power(least: int) -> int:
    return 1 << max(6, (least - 1).bit_length())
