"""Slide groups of changed lines to where git shows them.

A group of changed lines may stand in several places if the line before it is like its last one, or
the line after it like its first one. git merges groups that can meet, puts a group beside one of
the other file if it can, and else where the indentation makes it look as a person would cut it.
"""

from collections.abc import Callable, Sequence

# A group is named by its gap: how many unchanged lines stand before it. Gaps are the same in both
# files. These are the sizes of the groups of one file, in lines.
Groups = dict[int, int]
# Tells how far a line is indented; -1 for one that is blank.
Indents = Callable[[int], int]

_MOST_SLIDING, _MOST_BLANKS = 100, 20
BLANK = -1
# What a cut costs: at the beginning and the end of the file; for each blank line around it, and
# after it; where the line after it is indented more than the one before it, or less, with what
# follows indented still more ("out") or not, each without and with blank lines around it.
_AT_START, _AT_END, _BLANK_AROUND, _BLANK_AFTER = 1, 21, -30, 6
_DEEPER, _OUT, _BACK = (-4, 10), (24, 17), (23, 17)
# What a column of indentation counts against all this: only which of two is deeper.
_DEPTH = 60


def groups_of(changed: Sequence[int], start: int) -> Groups:
    """Group changed lines by the gaps they stand in; the first line is number `start`."""
    groups: Groups = {}
    for number, place in enumerate(changed):
        gap = start + place - number
        groups[gap] = groups.get(gap, 0) + 1
    return groups


def slide(groups: Groups, others: Groups, lines: Sequence[int], end: int, indents: Indents) -> None:
    """Move the groups of a file to where git shows them, in place.

    `lines` are the file's, `end` says how many of them count, `others` are the groups of the other.
    """
    before = 0  # the changed lines of the groups that are done
    done: set[int] = set()
    for first in sorted(groups):
        if first in done or first not in groups:
            continue  # merged with one before it
        gap, size = first, groups.pop(first)
        while True:
            tried = size
            while gap and lines[gap + before - 1] == lines[gap + before + size - 1]:
                gap -= 1
                if gap in groups:
                    # It meets the last one that is done.
                    before -= groups[gap]
                    size += groups.pop(gap)
                    done.remove(gap)
            top = gap
            beside = gap if gap in others else -1
            while gap + before + size < end and lines[gap + before] == lines[gap + before + size]:
                gap += 1
                size += groups.pop(gap, 0)
                beside = gap if gap in others else beside
            if size == tried:
                break
        if gap != top:
            gap = beside if beside >= 0 else _best(top, gap, before, size, lines[:end], indents)
        groups[gap] = size
        done.add(gap)
        before += size


def _best(
    top: int, bottom: int, before: int, size: int, lines: Sequence[int], indents: Indents
) -> int:
    """Choose the last gap from `top` to `bottom` in which the group's two cuts look best."""
    best, best_cost = bottom, (0, 0)
    first = max(top, bottom - size - 1, bottom - _MOST_SLIDING)
    for gap in range(first, bottom + 1):
        start = gap + before
        ends = [_cut(lines, place, indents) for place in (start + size, start)]
        cost = (ends[0][0] + ends[1][0], ends[0][1] + ends[1][1])
        deeper = (cost[0] > best_cost[0]) - (cost[0] < best_cost[0])
        if gap == first or _DEPTH * deeper + cost[1] - best_cost[1] <= 0:
            best, best_cost = gap, cost
    return best


def _cut(lines: Sequence[int], place: int, indents: Indents) -> tuple[int, int]:
    """Return how deep a cut before the line `place` is, and what else it costs."""
    is_end = place >= len(lines)
    here = BLANK if is_end else indents(lines[place])
    above, blanks_above = _nearest(lines, range(place - 1, -1, -1), indents)
    below, blanks_below = _nearest(lines, range(place + 1, len(lines)), indents)
    after = 1 + blanks_below if here == BLANK else 0
    around = blanks_above + after
    cost = _AT_START * (above == BLANK and not blanks_above) + _AT_END * is_end
    cost += _BLANK_AROUND * around + _BLANK_AFTER * after
    deep = below if here == BLANK else here
    if deep != BLANK and above not in (BLANK, deep):
        kind = _DEEPER if deep > above else _OUT if below > deep else _BACK
        cost += kind[around != 0]
    return deep, cost


def _nearest(lines: Sequence[int], places: range, indents: Indents) -> tuple[int, int]:
    """Return how far the first line that is not blank is indented, and how many are before it."""
    blanks = 0
    for place in places:
        indent = indents(lines[place])
        if indent != BLANK:
            return indent, blanks
        blanks += 1
        if blanks == _MOST_BLANKS:
            return 0, blanks
    return BLANK, blanks
