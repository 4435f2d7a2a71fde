"""Find what new units were made of that stays where it is, and in which ones others went on."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from lib.units.changes import COPIED, MERGED, SPLIT, changes
from lib.units.homes import Homes
from lib.units.likeness import Likeness
from lib.units.pieces import Piece

# Below so many tokens sameness says nothing. Changed copies are longer, and so much alike.
_LEAST, _LEAST_CHANGED, _ALIKE = 20, 40, 0.8
# Units of a file that went into one that was there are so much alike.
_JOINED = 0.5
# So much of a part is in what the whole lost or won.
_PART = 0.7
_MOST_OF_A_LINE, _MOST_FOR_ONE, _MOST_PARTS, _MOST_COPIES = 24, 4, 2000, 5000


class Origin(NamedTuple):
    """Where a unit's text is from or went to, and in what words."""

    piece: Piece
    change: tuple[str, ...]


Origins = dict[Piece, Origin]


def carried(
    source: Sequence[Piece], news: Sequence[Piece], likeness: Likeness, is_new: bool
) -> Origins:
    """Find the units of a file in one that stands, by what is in the files and their classes.

    Of a file that is not new, `news` are those that it gained.
    """
    # Twins of them are joined, for they themselves may still be joined with others.
    olds = {old.twin(): old for old in source if old.partner is None}
    twins = {new.twin(): new for new in news if new.partner is None}
    homes = Homes(likeness)
    homes.join_files([list(olds)], [list(twins)])
    homes.join_classes(list(olds), list(twins))
    homes.join_by_name(list(olds), list(twins))
    found: Origins = {}
    for twin, new in twins.items():
        old = twin.partner
        if old and (is_new or likeness(old, new) >= _JOINED):
            is_carried = homes.is_carried(old, twin) and (is_new or bool(old.box))
            words = {*changes(old, twin, is_carried), COPIED}
            found[new] = Origin(olds[old], tuple(sorted(words)))
    return found


def parts(olds: Iterable[Piece], news: Iterable[Piece], likeness: Likeness) -> Origins:
    """Find new units that were a part of others, and gone ones that are a part of others now."""
    found: Origins = {}
    changed = [old for old in olds if old.partner and old.body != old.partner.body]
    if not changed:
        return found
    come = [new for new in news if new.partner is None and _is_telling(new, _LEAST)]
    gone = [old for old in olds if old.partner is None and _is_telling(old, _LEAST)]
    if not come and not gone:
        return found
    for old in changed[: _MOST_PARTS // (len(come) + len(gone))]:
        new = old.partner
        if new is None or old.is_class or old.code == new.code:
            continue
        had, has = likeness.parts(old), likeness.parts(new)
        for part in come:
            if part not in found and _share(likeness.parts(part), had - has) >= _PART:
                found[part] = Origin(old, (SPLIT,))
        for part in gone:
            if part not in found and _share(likeness.parts(part), has - had) >= _PART:
                found[part] = Origin(new, (MERGED,))
    return found


def _share(part: Counter[object], whole: Counter[object]) -> float:
    return (part & whole).total() / part.total()


def copies(olds: Sequence[Piece], news: Iterable[Piece], likeness: Likeness) -> Origins:
    """Find new units that are what old ones were, but for little: they have lines in common."""
    if not olds:
        return {}
    come = [new for new in news if new.partner is None and _is_telling(new, _LEAST)]
    if not come:
        return {}
    having: dict[bytes, list[int]] = defaultdict(list)
    for i, old in enumerate(olds):
        for line in old.lines:
            having[line].append(i)
    found = {}
    for new in come[:_MOST_COPIES]:
        shared: Counter[int] = Counter()
        for line in new.lines:
            others = having.get(line, ())
            shared.update(others if len(others) <= _MOST_OF_A_LINE else ())
        best = sorted(shared, key=lambda i: (-shared[i], i))[:_MOST_FOR_ONE]
        likest = max(best, key=lambda i: likeness(olds[i], new), default=None)
        if likest is not None:
            least = _ALIKE if _is_telling(new, _LEAST_CHANGED) else 1.0
            if not olds[likest].is_class and likeness(olds[likest], new) >= least:
                found[new] = Origin(olds[likest], (COPIED,))
    return found


def _is_telling(piece: Piece, least: int) -> bool:
    return not piece.is_class and len(piece.code) >= least
