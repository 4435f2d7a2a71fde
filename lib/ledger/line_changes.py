"""Follow the lines of a file from one content to the next, as git's blame does."""

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple, cast

from lib.ledger.candidate_lines import not_worth_comparing
from lib.ledger.common_ends import common_end, common_start
from lib.ledger.common_runs import Run, common_runs
from lib.ledger.myers import differing
from lib.ledger.sliding import BLANK, Groups, groups_of, slide

# git leaves out what both files end with, but in blocks of so many bytes: it finds nothing there,
# and slides nothing into it.
_BLOCK = 1024
_DEEPEST, _TAB = 200, 8


class Change(NamedTuple):
    """So many lines from `old` on (from 0) became so many from `new` on."""

    old: int
    old_size: int
    new: int
    new_size: int


class Lines:
    """The lines of a file's present content, as numbers: equal lines have the same one."""

    def __init__(self) -> None:
        self.data = b""
        self._lines: list[int] = []
        self._totals: dict[int, int] = {}
        self._numbers: dict[bytes, int] = {}
        self._texts: list[bytes] = []
        self._indents: list[int] = []

    def __len__(self) -> int:
        return len(self._lines)

    @property
    def numbers(self) -> Sequence[int]:
        """The number of each line; it stays as it is when the content changes."""
        return self._lines

    def text(self, number: int) -> str:
        """Return the line that has a number, without its end."""
        return self._texts[number].decode("utf-8", "surrogatepass").rstrip("\n")

    def become(self, data: bytes) -> list[Change]:
        """Take the next content, in UTF-8; return what changed, from the beginning on."""
        if data == self.data:
            return []
        before, old, totals = self.data, self._lines, self._totals
        start = _line_start(before, common_start(before, data))
        ending = common_end(before, data)
        rest = _lines_after(before, data, min(ending, min(len(before), len(data)) - start))
        head = data.count(b"\n", 0, start)
        tail = _count(data, len(data) - rest)
        new, gone, come = self._followed(data, (start, head), rest, tail)
        removed = [line for part in gone for line in old[part.start : part.stop]]
        added = [line for part in come for line in new[part.start : part.stop]]
        after = _totals(totals, removed, added, new)
        self.data, self._lines, self._totals = data, new, after
        cut = _count(data, len(data) - _whole_blocks(data, ending))
        if cut > tail:  # what is the same may be among those
            gone, come = [range(len(old))], [range(len(new))]
        return self._changes((old, totals, gone), (new, after, come), head, tail, cut)

    def _followed(
        self, data: bytes, begin: tuple[int, int], rest: int, tail: int
    ) -> tuple[list[int], list[range], list[range]]:
        """Return the numbers of the lines of `data`, and which of either are in no common run.

        The first byte and line to look at are `begin`; the last `rest` bytes, `tail` lines, are
        the same.
        """
        before, old = self.data, self._lines
        (at, line), place = begin, begin[0]
        new, gone, come = old[:line], [], []
        ends = len(before) - rest, len(data) - rest
        for run in [*common_runs(before, data, at, *ends), Run(*ends, 0)]:
            removed = before.count(b"\n", at, run.one) if run.size else len(old) - tail - line
            gone.append(range(line, line + removed))
            come_from = len(new)
            new += self._numbered(_split(data[place : run.other]))
            come.append(range(come_from, len(new)))
            line += removed
            same = before.count(b"\n", run.one, run.one + run.size)
            new += old[line : line + same]
            at, place, line = run.one + run.size, run.other + run.size, line + same
        return new + old[len(old) - tail :], gone, come

    def _changes(
        self,
        old_side: tuple[list[int], dict[int, int], list[range]],
        new_side: tuple[list[int], dict[int, int], list[range]],
        head: int,
        tail: int,
        cut: int,
    ) -> list[Change]:
        """Compare two contents without their last `cut` lines.

        The first `head` and the last `tail` lines are known to be the same, and so is each line
        outside the ranges of its side in the other.
        """
        (old, totals, changed), (new, new_totals, new_changed) = old_side, new_side
        end, new_end = len(old) - cut, len(new) - cut
        head = min(head, end, new_end)
        tail = max(0, min(tail - cut, end - head, new_end - head))
        while tail < min(end, new_end) - head and old[end - tail - 1] == new[new_end - tail - 1]:
            tail += 1
        left, right = old[head : end - tail], new[head : new_end - tail]
        gone: Sequence[int] = range(len(left))
        come: Sequence[int] = range(len(right))
        if left and right:
            places, new_places = _within(changed, head, left), _within(new_changed, head, right)
            out = not_worth_comparing(left, places, end, (new, new_totals, new_end))
            new_out = not_worth_comparing(right, new_places, new_end, (old, totals, end))
            off, on = differing(_without(left, out), _without(right, new_out))
            gone, come = _among_all(off, out), _among_all(on, new_out)
        groups, new_groups = groups_of(gone, head), groups_of(come, head)
        slide(groups, new_groups, old, end, self._indents.__getitem__)
        slide(new_groups, groups, new, new_end, self._indents.__getitem__)
        return _listed(groups, new_groups)

    def _numbered(self, lines: list[bytes]) -> list[int]:
        found: list[int | None] = [*map(self._numbers.get, lines)]
        at = 0
        for _ in range(found.count(None)):
            at = found.index(None, at)
            found[at] = self._numbers.setdefault(lines[at], len(self._numbers))
            if found[at] == len(self._indents):
                self._texts.append(lines[at])
                self._indents.append(_indent(lines[at]))
        return cast(list[int], found)


def _within(ranges: list[range], start: int, lines: list[int]) -> list[int]:
    """List the places in `lines`, which begin at `start`, that lie in one of the ranges."""
    end = start + len(lines)
    clipped = (range(max(part.start, start), min(part.stop, end)) for part in ranges)
    return [place - start for part in clipped for place in part]


def _without(lines: list[int], out: list[int]) -> list[int]:
    """Leave the places `out`, in ascending order, out of `lines`."""
    kept: list[int] = []
    at = 0
    for place in out:
        kept += lines[at:place]
        at = place + 1
    return kept + lines[at:]


def _among_all(places: list[int], out: list[int]) -> list[int]:
    """Add the places `out` to `places` among what is left without them, all in ascending order."""
    found = []
    before = 0
    for place in places:
        while before < len(out) and out[before] <= place + before:
            before += 1
        found.append(place + before)
    return sorted([*out, *found])


def _listed(groups: Groups, new_groups: Groups) -> list[Change]:
    changes = []
    before = new_before = 0
    for gap in sorted({*groups, *new_groups}):
        size, new_size = groups.get(gap, 0), new_groups.get(gap, 0)
        changes.append(Change(gap + before, size, gap + new_before, new_size))
        before, new_before = before + size, new_before + new_size
    return changes


def _line_start(data: bytes, place: int) -> int:
    """Return where the line that `place` is in begins."""
    return data.rfind(b"\n", 0, place) + 1


def _lines_after(one: bytes, other: bytes, ending: int) -> int:
    """Return how many of the last `ending` bytes are whole lines in both."""
    starts = (len(one) - ending, len(other) - ending)
    ends = [at and text[at - 1 : at] for at, text in zip(starts, (one, other), strict=True)]
    if all(end in (0, b"\n") for end in ends):
        return ending
    found = other.find(b"\n", starts[1])
    return 0 if found < 0 else len(other) - found - 1


def _whole_blocks(data: bytes, ending: int) -> int:
    """Return how many bytes git leaves out of a file that ends as the other for `ending` bytes."""
    out = ending // _BLOCK * _BLOCK
    found = data.find(b"\n", len(data) - out)
    return len(data) - found - 1 if out and found >= 0 else 0


def _count(data: bytes, place: int) -> int:
    """Count the lines of `data` from `place` on."""
    return data.count(b"\n", place) + (place < len(data) and not data.endswith(b"\n"))


def _split(data: bytes) -> list[bytes]:
    """Split `data` at newlines, which the lines keep."""
    if b"\r" not in data:
        return data.splitlines(keepends=True)
    *whole, last = data.split(b"\n")
    return [line + b"\n" for line in whole] + ([last] if last else [])


def _totals(
    before: dict[int, int], removed: list[int], added: list[int], new: list[int]
) -> dict[int, int]:
    """Count how often each line is in `new`, which came about from what `before` tells of."""
    if len(removed) + len(added) > len(new) // 4:
        return Counter(new)
    totals = {**before}
    for line in added:
        totals[line] = totals.get(line, 0) + 1
    for line in removed:
        totals[line] -= 1
        if not totals[line]:
            del totals[line]
    return totals


def _indent(line: bytes) -> int:
    """Return how many columns a line is indented, BLANK for one without more than that."""
    columns = 0
    for byte in line:
        if byte == 32:
            columns += 1
        elif byte == 9:
            columns += _TAB - columns % _TAB
        elif byte not in b"\r\n":
            return columns
        if columns >= _DEEPEST:
            return _DEEPEST
    return BLANK
