"""Look up which units of a project hold lines that were just written.

Builtins only: the hook path imports this. `lib.units.reuse_table` writes what is read here. A table
is a file of little-endian numbers and names:

    magic, 8 bytes
    7 numbers of 8 bytes: one of windows that are known, bits of the bitmap, slots, units, places of
        the slots, units and names
    bitmap: two bits for each window that may be in the table, see `bits_of`
    slots: 4 bytes with the lower half of a window, 4 of the number (from 1) of its unit; looked for
        one after the other
    units: 4 bytes for where a unit begins among the names, 4 for its length
    names: name, path, lead, since, each with a NUL behind it, then 4 bytes for each line

Whoever has written it may have been killed, or be somebody else: all that is read is checked.
"""

import sys

from lib.capture.like_lines import CHECK
from lib.system.calls import posix

MAGIC = b"reuse-3\n"
HEADER, SLOT, UNIT, LINE = 64, 8, 8, 4
_NONE = bytes(4)
# How often a window may have been put further on.
PROBES = 16
# So many windows are looked for in the slots at once; more of them in the bitmap before.
_FEW = 24
# In bytes: memory that is filled again costs less than new memory for a whole bitmap.
_CHUNK = 1 << 16
# What numbers of one digit are, to Python: it sorts them three times as fast as others.
_LOW = 30
_HALF = (1 << _LOW) - 1
# Slots that take no longer to read than their bitmap to look through.
_FEW_SLOTS = 1 << 12
_IS_LITTLE = sys.byteorder == "little"
_MOST_HITS = 400
_MOST_BITMAP = 1 << 23


class Table:
    """A table in the open file `fd`. Every method raises OSError, and ValueError for damage."""

    def __init__(self, fd: int) -> None:
        self.fd = fd
        header = posix.pread(self.fd, HEADER, 0)
        if len(header) != HEADER or header[:8] != MAGIC:
            raise ValueError
        told = [
            int.from_bytes(header[at : at + 8], "little", signed=True) for at in range(8, HEADER, 8)
        ]
        check, self._bits, self._slots, self.units, *self.places = told
        if check != CHECK or not 0 < self._bits <= 8 * _MOST_BITMAP:
            raise ValueError
        if self._bits & (self._bits - 1) or self._slots & (self._slots - 1):
            raise ValueError
        if not 0 < self._slots <= self._bits:
            raise ValueError

    def units_with(self, looked: "Looked") -> "dict[int, tuple[int, int]]":
        """Return the numbers of units that have some of the windows that are `looked` for.

        Each with how many of them, and the place of the first.
        """
        found: dict[int, tuple[int, int]] = {}
        for window in self._likely(looked)[:_MOST_HITS]:
            unit = self._unit_of(window)
            if unit:
                place = looked.windows.index(window)
                count, first = found.get(unit, (0, place))
                found[unit] = count + 1, min(place, first)
        return found

    def _likely(self, looked: "Looked") -> "list[int]":
        if len(looked.windows) <= _FEW:
            return looked.windows
        if self._slots <= _FEW_SLOTS and _IS_LITTLE:
            return self._kept(looked)
        size = self._bits >> 3
        by, within = shift(size), min(size, _CHUNK) - 1
        lows, known = looked.lows, looked.known
        found, begin = [], 0
        for at in range(0, size, _CHUNK):
            end = _first(lows, at + _CHUNK << by, begin)
            if end == begin:
                continue
            part = posix.pread(self.fd, within + 1, HEADER + at)
            if len(part) <= within:
                raise ValueError
            likely = [n for n in lows[begin:end] if part[n >> by & within] >> (n & 7) & 1]
            for window in map(known.__getitem__, likely):
                if part[window >> 33 & within] >> (window >> _LOW & 7) & 1:
                    found.append(window)
            begin = end
        return found

    def _kept(self, looked: "Looked") -> "list[int]":
        """List the windows that are in the slots, by reading all of them."""
        size = SLOT * (self._slots + PROBES)
        data = posix.pread(self.fd, size, self.places[0])
        if len(data) != size:
            raise ValueError
        there = looked.known.keys() & set(memoryview(data).cast("I")[::2].tolist())
        return [looked.known[low] for low in there]

    def _unit_of(self, window: int) -> int:
        """Return the number of the unit that has a window, 0 for none."""
        start = slot_of(window, self._slots)
        data = posix.pread(self.fd, SLOT * PROBES, self.places[0] + SLOT * start)
        wanted = kept_of(window).to_bytes(4, "little")
        if wanted not in data:
            return 0
        for at in range(0, len(data), SLOT):
            unit = data[at + 4 : at + SLOT]
            if unit == _NONE:
                break
            if data[at : at + 4] == wanted:
                return int.from_bytes(unit, "little")
        return 0


class Looked:
    """Windows that are looked for in tables, and the same in the order of their lower halves."""

    def __init__(self, windows: "list[int]") -> None:
        self.windows = windows
        self.known = {window & _HALF: window for window in windows}
        self.lows = sorted(self.known)


def _first(lows: "list[int]", least: int, begin: int) -> int:
    """Return the place in `lows`, from `begin` on, of the first that is no less than `least`."""
    end = len(lows)
    while begin < end:
        middle = (begin + end) // 2
        if lows[middle] < least:
            begin = middle + 1
        else:
            end = middle
    return end


def shift(size: int) -> int:
    """Return by how much the lower half of a window is shifted for its place in `size` bytes."""
    return _LOW + 1 - size.bit_length()


def bits_of(window: int, size: int) -> "list[tuple[int, int]]":
    """Return the bytes in a bitmap of `size` bytes, and the bits in them, that tell of a window.

    Both are in the same chunk, and that is read once for all windows that are in it.
    """
    low, within = window & _HALF, min(size, _CHUNK) - 1
    first = low >> shift(size)
    second = first & ~within | window >> 33 & within
    return [(first, low & 7), (second, window >> _LOW & 7)]


def slot_of(window: int, slots: int) -> int:
    """Return the slot in which a window is looked for first; the last ones only take overflow."""
    return window >> 36 & (slots - 1)


def kept_of(window: int) -> int:
    """Return what a slot keeps of a window: its lower half."""
    return window & _HALF
