"""Write the table in which a hook looks up whether code stands in its project already.

`lib.capture.reuse_index` says what is in it, and reads it.
"""

import sys
from array import array
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from lib.capture.like_lines import lines_of, numbers, places_of, windows
from lib.capture.reuse_index import HEADER, MAGIC, PROBES, SLOT, second, slot_of

# A unit is found by so many of its windows at most.
ANCHORS = 4
# So many bits and slots for each window; so many slots at least.
_BITS, _SLOTS, _LEAST_SLOTS = 8, 2, 64
_EMPTY = bytes(4)
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
    """The slots, which are twice as many whenever half of them are taken, and the units."""

    def __init__(self) -> None:
        self._taken, self._slots = 0, _LEAST_SLOTS
        self._filled = bytearray(SLOT * (self._slots + PROBES))
        self._units, self._names = array("I"), bytearray()

    def add(self, entry: Entry) -> None:
        if _SLOTS * (self._taken + ANCHORS) > self._slots:
            self._grow()
        lines = lines_of(entry.code)[:_MOST_LINES]
        free = self._free(windows(lines))
        if not free:
            return
        lead = entry.lead + places_of(entry.code)[0]
        told = entry.name, entry.path, str(lead), entry.since
        record = b"".join(text.encode("utf-8", "replace") + b"\0" for text in told)
        record += _little(array("I", numbers(lines)))
        self._units.extend((len(self._names), len(record)))
        self._names += record
        for window in free:
            self._put(window.to_bytes(4, "little"), (len(self._units) // 2).to_bytes(4, "little"))

    def _free(self, several: Sequence[int]) -> list[int]:
        """Choose windows from all over a unit that no older one has."""
        found: dict[int, None] = {}
        step = max(1, len(several) // ANCHORS)
        for first in range(step):
            for window in several[first::step]:
                if self._place(window.to_bytes(4, "little")) is not None:
                    found[window] = None
                    if len(found) == ANCHORS:
                        return list(found)
        return list(found)

    def _place(self, wanted: bytes) -> int | None:
        """Find a free place for a window; None where it is known, or there is none."""
        start = SLOT * slot_of(int.from_bytes(wanted, "little"), self._slots)
        for at in range(start, start + SLOT * PROBES, SLOT):
            if self._filled[at + 4 : at + SLOT] == _EMPTY:
                return at
            if self._filled[at : at + 4] == wanted:
                return None
        return None

    def _put(self, window: bytes, number: bytes) -> None:
        at = self._place(window)
        if at is not None:
            self._filled[at : at + SLOT] = window + number
            self._taken += 1

    def _entries(self) -> Iterator[tuple[bytes, bytes]]:
        for at in range(0, len(self._filled), SLOT):
            number = bytes(self._filled[at + 4 : at + SLOT])
            if number != _EMPTY:
                yield bytes(self._filled[at : at + 4]), number

    def _grow(self) -> None:
        before = list(self._entries())
        self._taken, self._slots = 0, 2 * self._slots
        self._filled = bytearray(SLOT * (self._slots + PROBES))
        for window, number in before:
            self._put(window, number)

    def written(self) -> bytes:
        bits = _BITS // _SLOTS * self._slots
        bitmap = bytearray(bits >> 3)
        for entry, _ in self._entries():
            window = int.from_bytes(entry, "little")
            for bit in (window & (bits - 1), second(window) & (bits - 1)):
                bitmap[bit >> 3] |= 1 << (bit & 7)
        units = _little(self._units)
        places = [HEADER + len(bitmap)]
        places += [places[0] + len(self._filled), places[0] + len(self._filled) + len(units)]
        told = (bits, self._slots, len(self._units) // 2, *places)
        header = MAGIC + b"".join(number.to_bytes(8, "little") for number in told)
        return b"".join((header, bitmap, self._filled, units, self._names))


def _little(numbers: "array[int]") -> bytes:
    if sys.byteorder == "big":
        numbers.byteswap()
    return numbers.tobytes()
