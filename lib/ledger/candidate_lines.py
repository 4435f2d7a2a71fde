"""Choose the lines that a comparison looks at, as git does before it begins."""

from collections.abc import Callable, Sequence
from functools import cache

from lib.ledger.myers import root

# A list is full of a line that is in it as often as a power of two near the square root of what
# is compared, at most so often.
_MOST_LIKE = 1024
# How far to look around such a line for those that the list lacks, and what part they must be.
_AROUND, _RARE = 100, 4
# The lines of a content, how often each is in it, and how many of the lines count.
Other = tuple[list[int], dict[int, int], int]


def not_worth_comparing(part: list[int], places: list[int], total: int, other: Other) -> list[int]:
    """Choose the places in `part` that a search need not look at, in ascending order.

    Those of lines that the `other` content lacks, which are among `places`, and those of lines
    that it is full of where they stand among many that it lacks. `part` is of a content of `total`
    lines.
    """
    lines, totals, end = other
    tail = lines[end:]
    many = min(root(total), _MOST_LIKE)

    @cache
    def count(line: int) -> int:
        found = totals.get(line, 0)
        return found and found - tail.count(line)

    nowhere = [place for place in places if not count(part[place])]
    return _out(part, nowhere, lambda line: totals.get(line, 0) >= many and count(line) >= many)


def _out(
    lines: Sequence[int], nowhere: Sequence[int], is_everywhere: Callable[[int], bool]
) -> list[int]:
    """Add to the places `nowhere`, of lines that the other list lacks, those lost among them."""
    out: list[int] = []
    lacking = {*nowhere}
    end = 0
    for place in nowhere:
        if place < end:
            continue
        start = end = place
        while start and is_everywhere(lines[start - 1]):
            start -= 1
        while end < len(lines) and (end in lacking or is_everywhere(lines[end])):
            end += 1
        out += [n for n in range(start, end) if n in lacking or _is_lost(lacking, n, start, end)]
    return out


def _is_lost(lacking: set[int], place: int, start: int, end: int) -> bool:
    """Check whether a line that the other list is full of stands among those that it lacks.

    The lines around it that are one or the other are from `start` to `end`.
    """
    start, end = max(start, place - _AROUND), min(end, place + 1 + _AROUND)
    before = sum(n in lacking for n in range(start, place))
    after = sum(n in lacking for n in range(place + 1, end))
    nowhere, everywhere = before + after, 2 + end - start - 1 - before - after
    return bool(before and after) and everywhere * _RARE < everywhere + nowhere
