"""Compare two lists of lines.

`rapidfuzz` finds the longest common subsequence. What that costs grows with the product of two
lengths, so longer lists are compared a window at a time, between lines that occur only once.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from difflib import Match, SequenceMatcher
from typing import Any

from lib.system import packages

# As difflib has them: a tag ("equal", "replace", "insert", "delete"), where it begins and ends in
# the lines before, and where in those after.
Opcode = tuple[str, int, int, int, int]

# The most lines that are compared at once: 70 ms and 34 MB.
WINDOW = 16_384
CONTEXT = 3


def opcodes(before: Sequence[str], after: Sequence[str]) -> Sequence[Opcode]:
    """List the steps that turn `before` into `after`. Raises packages.Missing."""
    return _matched(before, after).get_opcodes()


def unified(before: Sequence[str], after: Sequence[str]) -> Iterator[str]:
    """Yield the hunks of a unified diff, a line each, without its two lines of names.

    Raises packages.Missing.
    """
    for group in _matched(before, after).get_grouped_opcodes(CONTEXT):
        (_, start, _, begin, _), (_, _, stop, _, end) = group[0], group[-1]
        yield f"@@ -{_span(start, stop)} +{_span(begin, end)} @@"
        for tag, i1, i2, j1, j2 in group:
            if tag == "equal":
                yield from (f" {line}" for line in before[i1:i2])
            else:
                yield from (f"-{line}" for line in before[i1:i2])
                yield from (f"+{line}" for line in after[j1:j2])


def _span(start: int, stop: int) -> str:
    """Write a range of lines as a unified diff counts them."""
    length = stop - start
    if length == 1:
        return str(start + 1)
    return f"{start + 1 if length else start},{length}"


def _matched(before: Sequence[str], after: Sequence[str]) -> SequenceMatcher[str]:
    """Give a matcher its matching blocks: its own search takes minutes for lists of like lines."""
    numbers: dict[str, int] = {}
    old, new = ([numbers.setdefault(x, len(numbers)) for x in lines] for lines in (before, after))
    found = [Match(0, 0, 0)]
    for a, b, size in _blocks(old, new):
        last = found[-1]
        if (last.a + last.size, last.b + last.size) == (a, b):
            found[-1] = last._replace(size=last.size + size)
        elif size:
            found.append(Match(a, b, size))
    matcher = SequenceMatcher(None, "", "")
    matcher.matching_blocks = [*found, Match(len(old), len(new), 0)]  # type: ignore[attr-defined]
    return matcher


def _blocks(old: list[int], new: list[int]) -> Iterator[Match]:
    """Yield the runs of lines that both lists have, in the order of both."""
    i = j = 0
    for stop, end in [*_anchors(old, new), (len(old), len(new))]:
        while i < stop and j < end:
            for block in _matches(old[i : min(stop, i + WINDOW)], new[j : min(end, j + WINDOW)]):
                yield Match(i + block.a, j + block.b, block.size)
                # What the end of a window lacks may be found beyond it.
                if max(block.a, block.b) + block.size > WINDOW // 2:
                    break
            i, j = i + block.a + block.size, j + block.b + block.size
        i, j = stop, end


def _anchors(old: list[int], new: list[int]) -> list[tuple[int, int]]:
    """Find anchors that divide long lists for comparison: lines that occur once in each."""
    if max(len(old), len(new)) <= WINDOW:
        return []
    before, after = Counter(old), Counter(new)
    once = [line for line, number in before.items() if number == 1 == after[line]]
    here = once[:: len(once) // WINDOW + 1]
    at, to = ({line: place for place, line in enumerate(lines)} for lines in (old, new))
    blocks = _matches(here, sorted(here, key=to.__getitem__))
    return [(at[x], to[x]) for block in blocks for x in here[block.a : block.a + block.size]]


def _matches(old: list[int], new: list[int]) -> Any:
    """Find the runs of a longest common subsequence, and after them an empty one at the end."""
    lcs = packages.load("rapidfuzz.distance").LCSseq
    return lcs.editops(old, new).as_matching_blocks()
