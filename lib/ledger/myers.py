"""Find which lines differ between two lists of numbered lines, the same ones that git finds.

By Myers' search from both ends for the middle of a shortest edit ("An O(ND) difference algorithm
and its variations", 1986). Where several are as short, and where git gives up on them, what is
found depends on the order of the search: it is git's here, so that its blame and ours agree.
"""

from collections.abc import Sequence
from typing import NamedTuple

# A run of equal lines that says that a search is on its way; the rounds before that counts.
_SNAKE, _PATIENCE = 20, 256
# So far it must have come, in relation to the rounds it took.
_WORTH = 4
_FAR = 1 << 60
# A place in one list and one in the other; the lowest and the highest of some diagonals.
Point = tuple[int, int]
Span = tuple[int, int]
_NONE: Span = 1, 0


class Box(NamedTuple):
    """Lines `left` to `right` of one list and `top` to `bottom` of the other.

    `is_minimal`: only a shortest edit will do.
    """

    left: int
    right: int
    top: int
    bottom: int
    is_minimal: bool = False


def differing(old: Sequence[int], new: Sequence[int]) -> tuple[list[int], list[int]]:
    """List the places of the lines that are in no longest common part of `old` and `new`."""
    return _Search(old, new).run()


def root(number: int) -> int:
    """Return a power of two near the square root of `number`."""
    return 1 << (number.bit_length() + 1) // 2


class _Search:
    """Compares two lists."""

    def __init__(self, old: Sequence[int], new: Sequence[int]) -> None:
        self._old, self._new = list(old), list(new)
        diagonals = len(old) + len(new) + 3
        # How far each diagonal was followed, from the beginning and from the end. Diagonals below
        # zero count from the end of the list.
        self._ahead, self._back = [0] * (diagonals + 1), [0] * (diagonals + 1)
        self._most = max(root(diagonals), _PATIENCE)

    def run(self) -> tuple[list[int], list[int]]:
        gone: list[int] = []
        come: list[int] = []
        boxes = [Box(0, len(self._old), 0, len(self._new))]
        while boxes:
            box = self._trimmed(boxes.pop())
            left, right, top, bottom, _ = box
            if left == right:
                come += range(top, bottom)
            elif top == bottom:
                gone += range(left, right)
            else:
                boxes += self._split(box)
        return sorted(gone), sorted(come)

    def _trimmed(self, box: Box) -> Box:
        left, right, top, bottom, is_minimal = box
        same = self._same_after(left, top, min(right - left, bottom - top))
        left, top = left + same, top + same
        same = self._same_before(right, bottom, min(right - left, bottom - top))
        return Box(left, right - same, top, bottom - same, is_minimal)

    def _same_after(self, i: int, j: int, most: int) -> int:
        """Count the equal lines from `i` and `j` on, at most `most`."""
        old, new = self._old, self._new
        done = 0
        while done < most and old[i + done] == new[j + done]:
            done += 1
            size = 16
            while done + size <= most and (
                old[i + done : i + done + size] == new[j + done : j + done + size]
            ):
                done += size
                size *= 2
        return done

    def _same_before(self, i: int, j: int, most: int) -> int:
        """Count the equal lines before `i` and `j`, at most `most`."""
        old, new = self._old, self._new
        done = 0
        while done < most and old[i - done - 1] == new[j - done - 1]:
            done += 1
            size = 16
            while done + size <= most and (
                old[i - done - size : i - done] == new[j - done - size : j - done]
            ):
                done += size
                size *= 2
        return done

    def _split(self, box: Box) -> tuple[Box, Box]:
        """Divide a box whose corners differ at a point that an edit goes through."""
        lowest, highest = box.left - box.bottom, box.right - box.top
        start, end = box.left - box.top, box.right - box.bottom
        self._ahead[start], self._back[end] = box.left, box.right
        ahead, back = (start, start), (end, end)
        meets_ahead = (start - end) % 2 == 1
        rounds = 0
        while True:
            rounds += 1
            ahead = _wider(self._ahead, ahead, lowest, highest, -1)
            met, has_run = self._go_on(box, ahead, back if meets_ahead else _NONE)
            if met:
                return _halves(box, *met, True, True)
            back = _wider(self._back, back, lowest, highest, _FAR)
            met, has_run_back = self._go_back(box, back, _NONE if meets_ahead else ahead)
            if met:
                return _halves(box, *met, True, True)
            if box.is_minimal:
                continue
            if (has_run or has_run_back) and rounds > _PATIENCE:
                met = self._promising(box, ahead, rounds)
                if met:
                    return _halves(box, *met, True, False)
                met = self._promising_back(box, back, rounds)
                if met:
                    return _halves(box, *met, False, True)
            if rounds >= self._most:
                return self._furthest(box, ahead, back)

    def _go_on(self, box: Box, span: Span, others: Span) -> tuple[Point | None, bool]:
        """Follow the diagonals of `span` one step further from the beginning.

        Returns where one meets those of `others`, which come from the end, and whether there was a
        long run of equal lines.
        """
        _, right, _, bottom, _ = box
        old, new, ahead, back = self._old, self._new, self._ahead, self._back
        has_run = False
        for d in _downwards(span):
            i = ahead[d - 1] + 1 if ahead[d - 1] >= ahead[d + 1] else ahead[d + 1]
            j = i - d
            if i < right and j < bottom and old[i] == new[j]:
                run = self._same_after(i, j, min(right - i, bottom - j))
                i += run
                has_run = has_run or run > _SNAKE
            ahead[d] = i
            if others[0] <= d <= others[1] and back[d] <= i:
                return (i, i - d), has_run
        return None, has_run

    def _go_back(self, box: Box, span: Span, others: Span) -> tuple[Point | None, bool]:
        """Follow the diagonals of `span` one step further from the end, as `_go_on` does."""
        left, _, top, _, _ = box
        old, new, ahead, back = self._old, self._new, self._ahead, self._back
        has_run = False
        for d in _downwards(span):
            i = back[d - 1] if back[d - 1] < back[d + 1] else back[d + 1] - 1
            j = i - d
            if i > left and j > top and old[i - 1] == new[j - 1]:
                run = self._same_before(i, j, min(i - left, j - top))
                i -= run
                has_run = has_run or run > _SNAKE
            back[d] = i
            if others[0] <= d <= others[1] and i <= ahead[d]:
                return (i, i - d), has_run
        return None, has_run

    def _promising(self, box: Box, span: Span, rounds: int) -> Point | None:
        """Find the diagonal that has come far from the beginning, and ends in a run."""
        found, best = None, 0
        for d in _downwards(span):
            i = self._ahead[d]
            j = i - d
            far = i - box.left + j - box.top - abs(d - (box.left - box.top))
            is_inside = box.left + _SNAKE <= i < box.right and box.top + _SNAKE <= j < box.bottom
            if far <= max(best, _WORTH * rounds) or not is_inside:
                continue
            if self._same_before(i, j, _SNAKE) == _SNAKE:
                found, best = (i, j), far
        return found

    def _promising_back(self, box: Box, span: Span, rounds: int) -> Point | None:
        """Find the same from the end."""
        found, best = None, 0
        for d in _downwards(span):
            i = self._back[d]
            j = i - d
            far = box.right - i + box.bottom - j - abs(d - (box.right - box.bottom))
            is_inside = box.left < i <= box.right - _SNAKE and box.top < j <= box.bottom - _SNAKE
            if far <= max(best, _WORTH * rounds) or not is_inside:
                continue
            if self._same_after(i, j, _SNAKE) == _SNAKE:
                found, best = (i, j), far
        return found

    def _furthest(self, box: Box, ahead: Span, back: Span) -> tuple[Box, Box]:
        """Divide the box where one of the two searches has come furthest: it has taken too long."""
        left, right, top, bottom, _ = box
        far, far_at = -1, -1
        for d in _downwards(ahead):
            i = min(self._ahead[d], right, bottom + d)
            if i + i - d > far:
                far, far_at = i + i - d, i
        near, near_at = _FAR, _FAR
        for d in _downwards(back):
            i = max(self._back[d], left, top + d)
            if i + i - d < near:
                near, near_at = i + i - d, i
        if right + bottom - near < far - (left + top):
            return _halves(box, far_at, far - far_at, True, False)
        return _halves(box, near_at, near - near_at, False, True)


def _wider(reached: list[int], span: Span, lowest: int, highest: int, bound: int) -> Span:
    """Widen a span of diagonals by one on both sides; where the box ends, narrow it."""
    low, high = span
    if low > lowest:
        low -= 1
        reached[low - 1] = bound
    else:
        low += 1
    if high < highest:
        high += 1
        reached[high + 1] = bound
    else:
        high -= 1
    return low, high


def _downwards(span: Span) -> range:
    """List every other diagonal of a span, the highest first."""
    return range(span[1], span[0] - 1, -2)


def _halves(box: Box, i: int, j: int, first: bool, second: bool) -> tuple[Box, Box]:
    """Divide a box at a point; `first` and `second` say which half must be minimal."""
    return Box(box.left, i, box.top, j, first), Box(i, box.right, j, box.bottom, second)
