"""Find runs of lines that two contents have in common: most of them, fast."""

from collections.abc import Iterator
from typing import NamedTuple

from lib.ledger.common_ends import common_end, common_start

# So many bytes are looked for, at these distances, so far on; a shorter run is not worth telling.
_PROBE, _DISTANCES, _REACH = 48, (0, 128, 512, 2048, 8192, 32768), 65536
_LEAST, _MOST_TRIES = 512, 100
_GALLOP = 1024


class Run(NamedTuple):
    """`size` bytes, whole lines, from `one` on in one content and from `other` on in the other."""

    one: int
    other: int
    size: int


def common_runs(
    one: bytes, other: bytes, start: int, one_end: int, other_end: int, tries: int = _MOST_TRIES
) -> Iterator[Run]:
    """Yield runs between `start`, a line's start in both, and the two ends, in ascending order.

    What lies between two runs may be the same, too, and so may what is left after so many `tries`.
    """
    at, other_at = start, start
    for _ in range(tries):
        found = _next(one, other, Run(at, other_at, 0), one_end, other_end)
        if found is None:
            return
        at = found.one + max(found.size, _PROBE)
        if found.size >= _LEAST:
            yield found
            other_at = found.other + found.size


def _next(one: bytes, other: bytes, after: Run, one_end: int, other_end: int) -> Run | None:
    """Find what comes after a run: the next that is found, however small."""
    for distance in _DISTANCES:
        at = one.find(b"\n", max(0, after.one + distance - 1), one_end) + 1
        if not at or at + _PROBE > one_end:
            return None
        until = min(other_end, after.other + distance + _REACH)
        place = other.find(one[at : at + _PROBE], after.other, until)
        if place >= 0:
            back = common_end(one[after.one : at], other[after.other : place])
            on = _same_from(one, at, other, place, min(one_end - at, other_end - place))
            return _whole_lines(one, other, Run(at - back, place - back, back + on))
    return None


def _same_from(one: bytes, at: int, other: bytes, place: int, most: int) -> int:
    """Count the equal bytes from `at` and from `place` on, at most `most`."""
    done, size = 0, _GALLOP
    while done < most:
        size = min(size, most - done)
        left = one[at + done : at + done + size]
        right = other[place + done : place + done + size]
        if left != right:
            return done + common_start(left, right)
        done, size = done + size, 2 * size
    return done


def _whole_lines(one: bytes, other: bytes, run: Run) -> Run:
    at, place, size = run
    if (at and one[at - 1] != 10) or (place and other[place - 1] != 10):
        begin = one.find(b"\n", at, at + size) + 1 or at + size
        at, place, size = begin, place + begin - at, size - (begin - at)
    end = one.rfind(b"\n", at, at + size) + 1
    return Run(at, place, max(0, end - at))
