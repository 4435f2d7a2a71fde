"""What changed from one list of lines to another, in time that does not grow with their product.

`difflib` compares every line with every equal one: minutes for large files of like lines. So lines
that occur once on each side hold the comparison together (patience diff), and difflib is asked only
for what lies between two of them.
"""

import difflib
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator, Sequence

# As difflib has them: a tag ("equal", "replace", "insert", "delete"), where it begins and ends in
# the lines before, and where in those after.
Opcode = tuple[str, int, int, int, int]
# Which line before is which line after.
Match = tuple[int, int]

# The most that difflib compares for one comparison: the product of the numbers of lines.
MAX_PRODUCT = 2_000_000
CONTEXT = 3


def opcodes(before: Sequence[str], after: Sequence[str]) -> list[Opcode]:
    """How `after` is made of `before`. Where too much differs it is one replacement."""
    found: list[Opcode] = []
    i = j = 0
    for at, to in [*_Matching(before, after).matches(), (len(before), len(after))]:
        if i < at or j < to:
            tag = "replace" if i < at and j < to else "delete" if i < at else "insert"
            found.append((tag, i, at, j, to))
        if at < len(before) and to < len(after):
            if found and found[-1][0] == "equal":
                _, start, _, begin, _ = found.pop()
                found.append(("equal", start, at + 1, begin, to + 1))
            else:
                found.append(("equal", at, at + 1, to, to + 1))
        i, j = at + 1, to + 1
    return found


def unified(before: Sequence[str], after: Sequence[str]) -> Iterator[str]:
    """The hunks of a unified diff, a line each, without its two lines of names."""
    grouping = difflib.SequenceMatcher(None, "", "")
    # Only these are asked for when they are put in groups.
    grouping.opcodes = opcodes(before, after)  # type: ignore[attr-defined]
    for group in grouping.get_grouped_opcodes(CONTEXT):
        (_, start, _, begin, _), (_, _, stop, _, end) = group[0], group[-1]
        yield f"@@ -{_span(start, stop)} +{_span(begin, end)} @@"
        for tag, i1, i2, j1, j2 in group:
            if tag == "equal":
                yield from (f" {line}" for line in before[i1:i2])
            else:
                yield from (f"-{line}" for line in before[i1:i2])
                yield from (f"+{line}" for line in after[j1:j2])


def _span(start: int, stop: int) -> str:
    """Lines as a unified diff counts them."""
    length = stop - start
    if length == 1:
        return str(start + 1)
    return f"{start + 1 if length else start},{length}"


class _Matching:
    """The lines that two lists share, in the order of both."""

    def __init__(self, before: Sequence[str], after: Sequence[str]) -> None:
        self._before = before
        self._after = after
        self._left = MAX_PRODUCT

    def matches(self) -> list[Match]:
        i, j, stop, end = 0, 0, len(self._before), len(self._after)
        found: list[Match] = []
        for at, to in [*self._anchors(), (stop, end)]:
            found += self._between(i, at, j, to)
            if at < stop and to < end:
                found.append((at, to))
            i, j = at + 1, to + 1
        return found

    def _anchors(self) -> list[Match]:
        """The longest ascending row of lines that occur once on each side."""
        once = {line for line, number in Counter(self._before).items() if number == 1}
        once &= {line for line, number in Counter(self._after).items() if number == 1}
        place = {line: j for j, line in enumerate(self._after) if line in once}
        return _ascending([(i, place[line]) for i, line in enumerate(self._before) if line in once])

    def _between(self, i: int, stop: int, j: int, end: int) -> list[Match]:
        """The matches in a part: what its two ends share, and what difflib finds in the middle."""
        before, after = self._before, self._after
        first: list[Match] = []
        while i < stop and j < end and before[i] == after[j]:
            first.append((i, j))
            i, j = i + 1, j + 1
        last: list[Match] = []
        while i < stop and j < end and before[stop - 1] == after[end - 1]:
            stop, end = stop - 1, end - 1
            last.append((stop, end))
        return [*first, *self._middle(i, stop, j, end), *reversed(last)]

    def _middle(self, i: int, stop: int, j: int, end: int) -> list[Match]:
        product = (stop - i) * (end - j)
        if not 0 < product <= self._left:
            return []
        self._left -= product
        matcher = difflib.SequenceMatcher(
            None, self._before[i:stop], self._after[j:end], autojunk=False
        )
        return [
            (i + block.a + step, j + block.b + step)
            for block in matcher.get_matching_blocks()
            for step in range(block.size)
        ]


def _ascending(pairs: list[Match]) -> list[Match]:
    """The longest part of `pairs`, whose first numbers ascend, in which the second ones do too."""
    ends: list[int] = []
    last: list[int] = []
    before: list[int] = []
    for number, (_, j) in enumerate(pairs):
        at = bisect_left(ends, j)
        before.append(last[at - 1] if at else -1)
        ends[at : at + 1] = [j]
        last[at : at + 1] = [number]
    found: list[Match] = []
    number = last[-1] if last else -1
    while number >= 0:
        found.append(pairs[number])
        number = before[number]
    return found[::-1]
