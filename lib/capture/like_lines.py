"""Reduce code to numbers of its lines, so that code that was copied and laid out anew is found.

Builtins only: the hook path imports this. White space, blank lines, comments on lines of their own
and lines that hardly say anything do not count.
"""

_BLANKS = b" \t\r\x0b\x0c"
_COMMENTS = (b"#", b"//", b"/*", b"*", b"--")
# Shorter lines, such as closing brackets, do not count.
_LEAST = 3
_PRIME = (1 << 61) - 1
_FACTOR = 1_000_003
_MASK = (1 << 64) - 1
# So many lines in a row are looked for together.
WINDOW = 3
# Lines that one side lacks or has besides, where two pieces of code are compared.
_SLACK = 4


def numbers(code: bytes) -> "tuple[list[int], list[int]]":
    """Return a number of each line of `code` that counts, and which line (from 0) it is."""
    lines = code.translate(None, _BLANKS).split(b"\n")
    places = [
        place
        for place, line in enumerate(lines)
        if len(line) >= _LEAST and not line.startswith(_COMMENTS)
    ]
    return [int.from_bytes(lines[place], "little") % _PRIME for place in places], places


def windows(lines: "list[int]") -> "list[int]":
    """Return a number of each `WINDOW` lines in a row, in 64 bits."""
    return [
        ((one * _FACTOR + two) * _FACTOR + three) & _MASK
        for one, two, three in zip(lines, lines[1:], lines[2:], strict=False)
    ]


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
