"""Look up which units of a project hold lines that were just written.

Builtins only: the hook path imports this. `lib.units.reuse_table` writes what is read here. A table
is a file of little-endian numbers and names:

    magic, 8 bytes
    6 numbers of 8 bytes: bits of the bitmap, slots, units, places of the slots, units and names
    bitmap: two bits for each window that may be in the table
    slots: 4 bytes of a window, 4 of the number (from 1) of its unit; looked for one after the other
    units: 4 bytes for where a unit begins among the names, 4 for its length
    names: name, path, lead, since, each with a NUL behind it, then 4 bytes for each line

Whoever has written it may have been killed, or be somebody else: all that is read is checked.
"""

from lib.system.calls import posix

MAGIC = b"reuse-1\n"
HEADER, SLOT, UNIT, LINE = 56, 8, 8, 4
_NONE = bytes(4)
# How often a window may have been put further on.
PROBES = 16
# So many windows are looked for in the slots at once; more of them in the bitmap before.
_FEW = 60
_MOST_HITS, _MOST_BYTES = 400, 1 << 16
_MOST_BITMAP = 1 << 23


class Found:
    """A unit: its name, its file's path in the project, and since when it is there.

    `lead`: so many lines after its first one those begin that `lines` has the numbers of.
    """

    def __init__(self, fields: "list[bytes]", lines: "list[int]") -> None:
        self.name, self.path, lead, self.since = (field.decode() for field in fields)
        self.lead = int(lead)
        self.lines = lines


class Table:
    """A table in the open file `fd`. Every method raises OSError, and ValueError for damage."""

    def __init__(self, fd: int) -> None:
        self._fd = fd
        header = posix.pread(self._fd, HEADER, 0)
        if len(header) != HEADER or header[:8] != MAGIC:
            raise ValueError
        told = [int.from_bytes(header[at : at + 8], "little") for at in range(8, HEADER, 8)]
        self._bits, self._slots, self._units, *self._places = told
        if not 0 < self._bits <= 8 * _MOST_BITMAP or self._bits & (self._bits - 1):
            raise ValueError
        if not 0 < self._slots <= self._bits or self._slots & (self._slots - 1):
            raise ValueError

    def units_with(self, windows: "list[int]") -> "dict[int, tuple[int, int]]":
        """Return the numbers of units that have some of `windows`.

        Each with how many of them, and the place of the first in `windows`.
        """
        found: dict[int, tuple[int, int]] = {}
        for place in self._likely(windows)[:_MOST_HITS]:
            unit = self._unit_of(windows[place])
            if unit:
                count, first = found.get(unit, (0, place))
                found[unit] = count + 1, first
        return found

    def _likely(self, windows: "list[int]") -> "list[int]":
        if len(windows) <= _FEW:
            return list(range(len(windows)))
        bitmap, mask = posix.pread(self._fd, self._bits >> 3, HEADER), self._bits - 1
        if len(bitmap) != self._bits >> 3:
            raise ValueError
        return [
            place
            for place, window in enumerate(windows)
            if bitmap[(window & mask) >> 3] >> (window & 7) & 1
            and bitmap[(other := second(window) & mask) >> 3] >> (other & 7) & 1
        ]

    def _unit_of(self, window: int) -> int:
        """Return the number of the unit that has a window, 0 for none."""
        start = slot_of(window, self._slots)
        data = posix.pread(self._fd, SLOT * PROBES, self._places[0] + SLOT * start)
        wanted = window.to_bytes(4, "little")
        for at in range(0, len(data), SLOT):
            unit = data[at + 4 : at + SLOT]
            if unit == _NONE:
                break
            if data[at : at + 4] == wanted:
                return int.from_bytes(unit, "little")
        return 0

    def unit(self, number: int) -> Found:
        """Read a unit by its number (from 1)."""
        if not 0 < number <= self._units:
            raise ValueError
        told = posix.pread(self._fd, UNIT, self._places[1] + UNIT * (number - 1))
        start, size = int.from_bytes(told[:4], "little"), int.from_bytes(told[4:], "little")
        data = posix.pread(self._fd, min(size, _MOST_BYTES), self._places[2] + start)
        *fields, lines = data.split(b"\0", 4)
        if len(data) != size or len(fields) != 4 or len(lines) % LINE:
            raise ValueError
        return Found(
            fields,
            [int.from_bytes(lines[at : at + LINE], "little") for at in range(0, len(lines), LINE)],
        )


def slot_of(window: int, slots: int) -> int:
    """Return the slot in which a window is looked for first; the last ones only take overflow."""
    return (window >> 4) & (slots - 1)


def second(window: int) -> int:
    """Return the number of a window's second bit."""
    return window * 0x9E3779B1 >> 8
