"""Tell whether the client's diff of a call begins with more of the past than the call found.

The client begins it with what it read last where it did not look at a file since: then what calls
before this one did stands in the diff too, and taking it back brings back what was there before
them. That nobody did, unless it is there still.
"""

from collections.abc import Callable, Iterator
from itertools import chain

from lib.ledger.myers import differing
from lib.ledger.tracked import alike


def found_by(
    states: Iterator[str], clean: Callable[[str], str], begin: str, result: str | None
) -> str | None:
    """Return what a call found of a file: what its diff begins with, None if that is too early.

    Where that is what was recorded last, it ends as that did: a diff may not tell the last newline.
    The arguments are those of `begins_too_early`.
    """
    last = next(states, None)
    if last is None:
        return begin
    if begins_too_early(chain((last,), states), clean, begin, result):
        return None
    if alike(clean(begin)) != alike(last):
        return begin
    return begin.removesuffix("\n") + "\n" * last.endswith("\n")


def begins_too_early(
    states: Iterator[str], clean: Callable[[str], str], begin: str, result: str | None
) -> bool:
    """Check whether a diff begins with more of the past than its call found.

    Then what was recorded last was there before the call. So it is where the diff begins with an
    earlier state of its file, unless somebody took the file back to that. So it is too where nobody
    recorded what it begins with, but the client alone had read it, if what came out has the lines
    of what was recorded last.

    Args:
        states: what the file held before the call by what is recorded, the last first.
        clean: takes out of code what is not recorded.
        begin: what the diff begins with.
        result: what came out, None where that tells nothing.
    """
    recorded = alike(next(states, begin))
    if alike(begin) == recorded:
        return False
    begin = alike(clean(begin))
    if begin == recorded:
        return False
    nearer = 0 if result is None else _nearer(alike(clean(result)), begin, recorded)
    return nearer <= 0 if begin in map(alike, states) else nearer < 0


def _nearer(result: str, begin: str, recorded: str) -> int:
    """Tell whether `result` is more like what a diff begins with (1) or what was recorded (-1).

    Each place where those two differ has a voice, for the one whose lines stand in the result. A
    place that the call itself changed says little, and as much for either: it is silent.
    """
    numbers: dict[str, int] = {}
    texts = (text.split("\n") for text in (result, begin, recorded))
    made, old, new = ([numbers.setdefault(x, len(numbers)) for x in lines] for lines in texts)
    in_old, in_new = _common(old, made), _common(new, made)
    voices = 0
    for was, became in _places(old, new):
        one, other = _standing(was, in_old), _standing(became, in_new)
        if one != other:
            voices += -1 if other > one else one > 0.5
    return (voices > 0) - (voices < 0)


def _common(one: list[int], other: list[int]) -> dict[int, int]:
    """Tell where the lines of one list stand in another, its two ends too."""
    here, there = _those(one, set(other)), _those(other, set(one))
    gone, come = differing([one[n] for n in here], [other[n] for n in there])
    pairs = zip(_without(here, gone), _without(there, come), strict=True)
    return {-1: -1, **dict(pairs), len(one): len(other)}


def _those(lines: list[int], wanted: set[int]) -> list[int]:
    """List where those lines stand that are wanted: the search is slow on what is in one alone."""
    return [n for n, line in enumerate(lines) if line in wanted]


def _without(places: list[int], out: list[int]) -> list[int]:
    left_out = set(out)
    return [place for n, place in enumerate(places) if n not in left_out]


def _places(old: list[int], new: list[int]) -> Iterator[tuple[range, range]]:
    """Yield the places where two lists differ: which lines of either are not in the other."""
    at, to = 0, 0
    for here, there in list(_common(old, new).items())[1:]:
        if here > at or there > to:
            yield range(at, here), range(to, there)
        at, to = here + 1, there + 1


def _standing(lines: range, common: dict[int, int]) -> float:
    """Tell which part of these lines stands there; of no lines, whether nothing is between."""
    if not lines:
        before, after = common.get(lines.start - 1), common.get(lines.start)
        return float(before is not None and after == before + 1)
    return sum(line in common for line in lines) / len(lines)
