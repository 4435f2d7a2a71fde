"""Write the table in which a hook looks up whether code stands in its project already.

`lib.capture.reuse_index` says what is in it, and reads it.
"""

import sys
from array import array
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from lib.capture.like_lines import CHECK, lines_of, numbers, places_of, windows
from lib.capture.reuse_index import (
    HEADER,
    MAGIC,
    PROBES,
    SLOT,
    bits_of,
    kept_of,
    slot_of,
)

# A unit is found by so many of its windows at most.
ANCHORS = 6
# So many bits for each slot; so many slots at least, and which part of them is taken at most.
_BITS, _LEAST_SLOTS, _FULL = 4, 64, 5 / 8
# In lines that count: longer units are known by their beginning.
_MOST_LINES = 2000


class Entry(NamedTuple):
    """A unit: its qualified name, its file's path in the project, its code.

    `code` is what it holds, without its signature; `lead` lines of it come before that. `since` is
    the day it is from, "" if that is unknown.
    """

    name: str
    path: str
    lead: int
    since: str
    code: bytes


def table(entries: Iterable[Entry]) -> bytes:
    """Build the table of units, the oldest first: of those that hold the same it has the first."""
    made = _Table()
    for entry in entries:
        made.add(entry)
    return made.written()


class _Table:
    """The slots, which are twice as many whenever too many of them are taken, and the units."""

    def __init__(self) -> None:
        self._units, self._names = array("I"), bytearray()
        self._clear(_LEAST_SLOTS)

    def _clear(self, slots: int) -> None:
        self._taken, self._slots = 0, slots
        # In each slot a window, 0 for none, and the number of its unit.
        self._windows = array("q", bytes(8 * (slots + PROBES)))
        self._numbers = array("I", bytes(4 * (slots + PROBES)))

    def add(self, entry: Entry) -> None:
        if self._taken + ANCHORS > _FULL * self._slots:
            self._grow()
        lines = lines_of(entry.code)[:_MOST_LINES]
        free = self._free(windows(lines))
        if not free:
            return
        lead = entry.lead + places_of(entry.code)[0]
        told = entry.name, entry.path, str(lead), entry.since
        record = b"".join(text.encode("utf-8", "replace") + b"\0" for text in told)
        record += _little(array("I", numbers(lines))).tobytes()
        self._units.extend((len(self._names), len(record)))
        self._names += record
        for window in free:
            self._put(window, len(self._units) // 2)

    def _free(self, several: Sequence[int]) -> list[int]:
        """Choose windows from all over a unit that no older one has.

        Where they can be, some are at each number of lines modulo 2 and 3: hooks look for one kind
        of what is long.
        """
        found: dict[int, None] = {}
        step = max(1, len(several) // ANCHORS)
        while step % 2 == 0 or step % 3 == 0:
            step -= 1
        for first in range(step):
            for window in several[first::step]:
                if self._place(window) is not None:
                    found[window] = None
                    if len(found) == ANCHORS:
                        return list(found)
        return list(found)

    def _place(self, wanted: int) -> int | None:
        """Find a free place for a window; None where it is known, or there is none."""
        start = slot_of(wanted, self._slots)
        for at in range(start, start + PROBES):
            there = self._windows[at]
            if not there:
                return at
            if there == wanted:
                return None
        return None

    def _put(self, window: int, number: int) -> None:
        at = self._place(window)
        if at is not None:
            self._windows[at], self._numbers[at] = window, number
            self._taken += 1

    def _grow(self) -> None:
        before = zip(self._windows, self._numbers, strict=True)
        self._clear(2 * self._slots)
        for window, number in before:
            if window:
                self._put(window, number)

    def _bitmap(self, size: int) -> bytearray:
        made = bytearray(size)
        for window in self._windows:
            if window:
                for byte, bit in bits_of(window, size):
                    made[byte] |= 1 << bit
        return made

    def written(self) -> bytes:
        """Return the table as a file has it; nothing can be added after that."""
        bits = _BITS * self._slots
        bitmap, units = self._bitmap(bits >> 3), _little(self._units)
        places = [HEADER + len(bitmap)]
        places += [places[0] + SLOT * len(self._windows)]
        places += [places[1] + 4 * len(units)]
        told = (CHECK, bits, self._slots, len(units) // 2, *places)
        # In place: of many units this is all memory that counts.
        for at, number in enumerate(self._numbers):
            if number:
                self._windows[at] = kept_of(self._windows[at]) | number << 32
        header = MAGIC + b"".join(number.to_bytes(8, "little", signed=True) for number in told)
        return b"".join((header, bitmap, _little(self._windows), units, self._names))


def _little(numbers: "array[int]") -> "array[int]":
    """Let numbers be as a file has them, and return them."""
    if sys.byteorder == "big":
        numbers.byteswap()
    return numbers
