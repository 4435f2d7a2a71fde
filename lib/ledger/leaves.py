"""Read the rows of the events out of their pages, where the page that leads to those is gone.

Events are the one table whose rows lie in pages of this kind (see SQLite's file format).
"""

from collections.abc import Iterator

_LEAF = 13
_HEADER = 8
# The lengths of integers by their serial type, and of what has no length of its own.
_INTEGERS = {1: 1, 2: 2, 3: 3, 4: 4, 5: 6, 6: 8}
Value = str | int | None


def rows(path: str) -> Iterator[tuple[int, list[Value]]]:
    """Yield the number and the values of each row in the database at `path`. Raises OSError.

    A row that goes on in another page is left out, and so is what cannot be one.
    """
    with open(path, "rb") as file:
        head = file.read(100)
        size = int.from_bytes(head[16:18], "big")
        size = 65536 if size == 1 else size
        if size < 512:
            return
        file.seek(size)
        while len(page := file.read(size)) == size:
            if page[0] == _LEAF:
                for number in range(int.from_bytes(page[3:5], "big")):
                    at = _HEADER + 2 * number
                    try:
                        yield _row(page, int.from_bytes(page[at : at + 2], "big"))
                    except (IndexError, ValueError):
                        continue


def _row(page: bytes, at: int) -> tuple[int, list[Value]]:
    """Read the row that begins at `at`. Raises IndexError, ValueError."""
    length, at = _number(page, at)
    seq, at = _number(page, at)
    if length > len(page) - 35 or at + length > len(page):
        raise ValueError("it goes on elsewhere")
    record = page[at : at + length]
    size, at = _number(record, 0)
    place = size
    values: list[Value] = []
    while at < size:
        kind, at = _number(record, at)
        value, place = _value(record, kind, place)
        values.append(value)
    return seq, values


def _value(record: bytes, kind: int, at: int) -> tuple[Value, int]:
    if kind == 0:
        return None, at
    if kind in (8, 9):
        return kind - 8, at
    is_text = kind >= 13 and kind % 2
    length = (kind - 13) // 2 if is_text else _INTEGERS.get(kind, -1)
    if length < 0 or at + length > len(record):
        raise ValueError("no value of ours")
    data = record[at : at + length]
    return (data.decode() if is_text else int.from_bytes(data, "big", signed=True)), at + length


def _number(data: bytes, at: int) -> tuple[int, int]:
    """Read a number of 1 to 9 bytes, of 7 bits each but for the last; return what follows too."""
    value = 0
    for count in range(9):
        byte = data[at + count]
        if count == 8:
            return value << 8 | byte, at + 9
        value = value << 7 | byte & 0x7F
        if byte < 0x80:
            return value, at + count + 1
    raise ValueError("no number")
