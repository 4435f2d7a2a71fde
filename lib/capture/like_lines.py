"""Reduce code to numbers of its lines, so that code that was copied and laid out anew is found.

Builtins only: the hook path imports this. White space, blank lines, comments on lines of their own
and lines that hardly say anything do not count. What can be done by loops in C is.
"""

_BLANKS = b" \t\r\x0b\x0c"
# What comments begin with, and little else does.
_COMMENTS = b"#/*-"
# So many lines in a row are looked for together.
WINDOW = 3
# Lines that one side lacks or has besides, where two pieces of code are compared.
_SLACK = 4


def lines_of(code: bytes) -> "list[bytes]":
    """Return the lines of `code` that count, without white space."""
    lines = code.translate(None, _BLANKS).split(b"\n")
    return [line for line in lines if len(line) > 2 and line[0] not in _COMMENTS]


def places_of(code: bytes) -> "list[int]":
    """Return which lines of `code` (from 0) those are."""
    lines = code.translate(None, _BLANKS).split(b"\n")
    return [at for at, line in enumerate(lines) if len(line) > 2 and line[0] not in _COMMENTS]


def numbers(lines: "list[bytes]") -> "list[int]":
    """Return a number of each line, of 32 bits."""
    from binascii import crc32  # takes as long to load as all else does to look

    return list(map(crc32, lines))


def windows(lines: "list[bytes]", step: int = 1) -> "list[int]":
    """Return a number of each `WINDOW` lines in a row, of 64 bits with a sign.

    Of those that begin at every line, or at every `step`th. Python hashes texts by a secret of each
    process, but numbers alike in all: `CHECK` tells.
    """
    read = list(map(int.from_bytes, lines, ["little"] * len(lines)))  # type: ignore[arg-type]
    if step == 1:  # each is in three of them
        read = list(map(hash, read))
    return list(map(hash, zip(read[::step], read[1::step], read[2::step], strict=False)))


CHECK = windows([b"by", b"which", b"numbers"])[0]


def alike(unit: "list[int]", lines: "list[int]", at: int, place: int) -> "tuple[int, int, int]":
    """Follow `unit`, whose line `at` is line `place` of `lines`, to both sides.

    Returns how many of its lines are there in their order, and the first and last of `lines` that
    is one of them.
    """
    before, first = _follow(unit[at::-1], lines[place::-1])
    after, last = _follow(unit[at:], lines[place:])
    return before + after - 1, place - first, place + last


def _follow(unit: "list[int]", lines: "list[int]") -> "tuple[int, int]":
    """Count the lines that both have in their order; return the last one's place in `lines` too."""
    found = last = one = other = 0
    while one < len(unit) and other < len(lines):
        if unit[one] != lines[other]:
            step = _next(unit, lines, one, other)
            if step is None:
                one, other = one + 1, other + 1
                continue
            one, other = step
        found, last = found + 1, other
        one, other = one + 1, other + 1
    return found, last


def _next(unit: "list[int]", lines: "list[int]", one: int, other: int) -> "tuple[int, int] | None":
    """Find the nearest lines that are the same, a few further on."""
    for distance in range(1, 2 * _SLACK + 1):
        for skipped in range(max(0, distance - _SLACK), min(distance, _SLACK) + 1):
            here, there = one + skipped, other + distance - skipped
            if here < len(unit) and there < len(lines) and unit[here] == lines[there]:
                return here, there
    return None
