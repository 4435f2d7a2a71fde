"""Read what a table of the reuse index holds of a unit.

Builtins only: the hook path imports this.
"""

from lib.capture.reuse_index import LINE, UNIT, Table
from lib.system.calls import posix

_MOST_BYTES = 1 << 16


class Found:
    """A unit: its name, its file's path in the project, and since when it is there.

    `lead`: so many lines after its first one those begin that `lines` has the numbers of.
    """

    def __init__(self, fields: "list[bytes]", lines: "list[int]") -> None:
        self.name, self.path, lead, self.since = (field.decode() for field in fields)
        self.lead = int(lead)
        self.lines = lines


def unit_of(table: Table, number: int) -> Found:
    """Read a unit by its number (from 1). Raises OSError, and ValueError for damage."""
    if not 0 < number <= table.units:
        raise ValueError
    told = posix.pread(table.fd, UNIT, table.places[1] + UNIT * (number - 1))
    start, size = int.from_bytes(told[:4], "little"), int.from_bytes(told[4:], "little")
    data = posix.pread(table.fd, min(size, _MOST_BYTES), table.places[2] + start)
    *fields, lines = data.split(b"\0", 4)
    if len(data) != size or len(fields) != 4 or len(lines) % LINE:
        raise ValueError
    return Found(
        fields,
        [int.from_bytes(lines[at : at + LINE], "little") for at in range(0, len(lines), LINE)],
    )
