"""Join units one by one that have other names now, or are in other places."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple

from lib.units.homes import Homes
from lib.units.pieces import Piece

# Bodies below so many tokens say little.
_SMALL, _LEAST = 12, 4
# How alike bodies must be: in one file or what became of it, and elsewhere; of one name, or not;
# and elsewhere in another feed, where what is more alike may still come.
_NEAR_SAME, _NEAR_RENAMED, _FAR_SAME, _FAR_RENAMED = 0.35, 0.6, 0.5, 0.75
_LATE_SAME, _LATE_RENAMED = 0.6, 0.85
_NEAR_SMALL = 0.95
_NEVER = 2.0
_NONE: Mapping[Piece, object] = MappingProxyType({})
# Where they are few, all are compared; else those of one name, and those with most lines in common,
# so many for each unit and in all.
_FEW, _MOST_OF_A_NAME, _MOST_OF_A_LINE, _MOST_BY_LINES, _MOST = 600, 48, 24, 6, 60_000


class _Match(NamedTuple):
    rank: float
    old: int
    new: int


def join_strays(
    olds: Sequence[Piece],
    news: Sequence[Piece],
    homes: Homes,
    earlier: Mapping[Piece, object] = _NONE,
) -> None:
    """Join old units to new ones, the best evidence first, each at most once.

    Those in `earlier` are of other feeds than the rest, and it says of which.
    """
    olds = [old for old in olds if old.partner is None]
    news = [new for new in news if new.partner is None]
    if not olds or not news:
        return
    uprooted = _uprooted(olds, earlier)
    matches = []
    for i, j in sorted(_candidates(olds, news, earlier)):
        old, new = olds[i], news[j]
        is_late = old in earlier or new in earlier
        if rank := _rank(old, new, homes, is_late, old in uprooted):
            matches.append(_Match(-rank, i, j))
    for _, i, j in sorted(matches):
        old, new = olds[i], news[j]
        if old.partner is None and new.partner is None:
            homes.join(old, new)


def join_equal(olds: Iterable[Piece], news: Iterable[Piece], homes: Homes) -> None:
    """Join old units to new ones of the same text, where one old and one new have it."""
    groups: dict[object, tuple[list[Piece], list[Piece]]] = defaultdict(lambda: ([], []))
    for number, side in enumerate((olds, news)):
        for one in side:
            if one.partner is None:
                groups[one.is_class, one.language, one.body][number].append(one)
    for before, after in groups.values():
        if len(before) == len(after) == 1 and len(before[0].code) >= _SMALL:
            homes.join(before[0], after[0])


def _uprooted(units: Iterable[Piece], earlier: Mapping[Piece, object]) -> set[Piece]:
    """Return those whose class is among the units too: it may turn up with them."""
    classes = {(earlier.get(one), one.place) for one in units if one.is_class}
    return {one for one in units if (earlier.get(one), (one.path, one.box)) in classes}


def _candidates(
    olds: Sequence[Piece], news: Sequence[Piece], earlier: Mapping[Piece, object]
) -> set[tuple[int, int]]:
    """Return which old and new units may be the same."""
    fresh_olds = [i for i, old in enumerate(olds) if old not in earlier]
    fresh_news = [j for j, new in enumerate(news) if new not in earlier]
    found: set[tuple[int, int]] = set()
    if len(fresh_olds) * len(fresh_news) <= _FEW:
        found.update((i, j) for i in fresh_olds for j in fresh_news)
        if len(fresh_olds) == len(olds) and len(fresh_news) == len(news):
            return found
    named, having = defaultdict(list), defaultdict(list)
    for j, new in enumerate(news):
        named[new.plain].append(j)
        for line in new.lines:
            having[line].append(j)
    most = 1 + _MOST // len(olds)
    for i, old in enumerate(olds):
        shared: Counter[int] = Counter()
        for line in old.lines:
            others = having.get(line, ())
            shared.update(others if len(others) <= _MOST_OF_A_LINE else ())
        best = sorted(shared, key=lambda j: (-shared[j], j))[:_MOST_BY_LINES]
        best += named.get(old.plain, ())[:_MOST_OF_A_NAME]
        found.update((i, j) for j in best[:most])
    return found


def _rank(old: Piece, new: Piece, homes: Homes, is_late: bool, is_uprooted: bool) -> float:
    """Return how much speaks for a new unit being the old one; 0.0 if not enough."""
    if old.is_class != new.is_class or old.language != new.language:
        return 0.0
    is_near = homes.of((old.path, "")) == (new.path, "")
    is_boxed = _last(old.box) == _last(new.box)
    is_named = old.plain == new.plain
    is_declared = old.signature == new.signature
    alike = homes.likeness(old, new)
    is_small = min(len(old.code), len(new.code)) < _SMALL
    if is_near and not is_late:
        need = _need_near(is_named, is_boxed, is_declared, is_small)
    elif is_small:
        is_told = is_named and is_declared and len(old.code) > _LEAST
        need = 1.0 if is_told else _NEVER
    elif is_late and (is_uprooted or not is_named) and not (is_named and is_boxed and old.box):
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
