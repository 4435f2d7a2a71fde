"""Join units one by one that have other names now, or are in other places."""

from collections import defaultdict
from collections.abc import Container, Iterator, Sequence
from typing import NamedTuple

from lib.units.homes import Homes
from lib.units.likeness import Likeness, sketch
from lib.units.pieces import Piece

# Bodies below so many tokens say little.
_SMALL, _LEAST = 12, 4
# How alike bodies must be: in one file or what became of it, and elsewhere; of one name, or not;
# and elsewhere in another feed, where what is more alike may still come.
_NEAR_SAME, _NEAR_RENAMED, _FAR_SAME, _FAR_RENAMED = 0.35, 0.6, 0.5, 0.75
_LATE_SAME, _LATE_RENAMED = 0.75, 0.85
_NEAR_SMALL = 0.95
_NEVER = 2.0
# At most so many are compared, of one name, and of those that have a part of a sketch in common;
# and so many for each unit, in all.
_MOST_OF_A_NAME, _MOST_OF_A_PART, _MOST_FOR_ONE, _MOST = 48, 24, 12, 200_000


class _Match(NamedTuple):
    rank: float
    old: int
    new: int


def join_strays(
    olds: Sequence[Piece],
    news: Sequence[Piece],
    homes: Homes,
    likeness: Likeness,
    earlier: Container[Piece] = (),
) -> None:
    """Join old units to new ones, the best evidence first, each at most once.

    Those in `earlier` are of another feed than the rest.
    """
    olds = [old for old in olds if old.partner is None]
    news = [new for new in news if new.partner is None]
    if not olds or not news:
        return
    matches = []
    for count, (i, j) in enumerate(_candidates(olds, news)):
        if count > _MOST:
            break
        is_late = olds[i] in earlier or news[j] in earlier
        if rank := _rank(olds[i], news[j], homes, likeness, is_late):
            matches.append(_Match(-rank, i, j))
    for _, i, j in sorted(matches):
        old, new = olds[i], news[j]
        if old.partner is None and new.partner is None:
            homes.join(old, new)


def _candidates(olds: Sequence[Piece], news: Sequence[Piece]) -> Iterator[tuple[int, int]]:
    """Yield which old and new units may be the same: all if they are few."""
    if len(olds) * len(news) <= _MOST_FOR_ONE * (len(olds) + len(news)):
        yield from ((i, j) for i in range(len(olds)) for j in range(len(news)))
        return
    named, having = defaultdict(list), defaultdict(list)
    for j, new in enumerate(news):
        named[new.plain].append(j)
        for part in sketch(new):
            having[part].append(j)
    for i, old in enumerate(olds):
        shared: dict[int, int] = defaultdict(int)
        for part in sketch(old):
            others = having.get(part, ())
            if len(others) <= _MOST_OF_A_PART:
                for j in others:
                    shared[j] += 1
        best = sorted(shared, key=lambda j: (-shared[j], j))[:_MOST_FOR_ONE]
        yield from ((i, j) for j in {*best, *named[old.plain][:_MOST_OF_A_NAME]})


def _rank(old: Piece, new: Piece, homes: Homes, likeness: Likeness, is_late: bool) -> float:
    """Return how much speaks for a new unit being the old one; 0.0 if not enough."""
    if old.is_class != new.is_class or old.language != new.language:
        return 0.0
    is_near = homes.of((old.path, "")) == (new.path, "")
    is_boxed = _last(old.box) == _last(new.box)
    is_named = old.plain == new.plain
    is_declared = old.signature == new.signature
    alike = likeness(old, new)
    is_small = min(len(old.code), len(new.code)) < _SMALL
    if is_near:
        need = _need_near(is_named, is_boxed, is_declared, is_small)
    elif is_small:
        is_told = is_named and is_declared and len(old.code) > _LEAST
        need = 1.0 if is_told else _NEVER
    elif is_late and not (is_named and is_boxed and old.box):
        need = _LATE_SAME if is_named else _LATE_RENAMED
    else:
        need = _FAR_SAME if is_named else _FAR_RENAMED
    if alike < need:
        return 0.0
    return 0.01 + alike + 0.4 * is_named + 0.1 * (is_boxed + is_near + is_declared)


def _need_near(is_named: bool, is_boxed: bool, is_declared: bool, is_small: bool) -> float:
    if is_named:
        return 0.0 if is_boxed and (is_declared or is_small) else _NEAR_SAME
    if is_small:
        return _NEAR_SMALL if is_declared and is_boxed else _NEVER
    return _NEAR_RENAMED - 0.07 * (is_declared and is_boxed)


def _last(box: str) -> str:
    return box.rpartition(".")[2]
