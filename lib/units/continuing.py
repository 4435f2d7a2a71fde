"""Decide which unit of files as they are now continues which one of before, and what changed."""

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from lib.units.ancestry import Origins, copies, parts
from lib.units.changes import DELETED, INTRODUCED, RESTORED, changes
from lib.units.extraction import Unit
from lib.units.homes import Homes
from lib.units.likeness import Likeness
from lib.units.pieces import Piece
from lib.units.recent import Recent
from lib.units.returning import Late
from lib.units.sources import Known, pieces_of
from lib.units.strays import join_equal

# Of a feed in which more units are left once those of the same name are joined, no two others are
# compared: that takes 0.1 ms for each.
MOST_COMPARED = 10_000


class Place(NamedTuple):
    """A unit where it stands."""

    path: str
    unit: Unit


class Changed(NamedTuple):
    """A file before (None: there was none) and after (None: it is gone); language "": none.

    Who knows its units says them (those of `extraction.extract`), for else they are looked for.
    """

    path: str
    language: str
    before: str | None
    after: str | None
    units_before: Sequence[Unit] | None = None
    units_after: Sequence[Unit] | None = None


class Step(NamedTuple):
    """One step in one unit's life.

    `change` are sorted words of `lib.units.changes`. `late` is None or the number of the earlier
    feed in which `new` was told as begun, or `old` as ended: this step takes the place of that
    one. Of a `new` that was told earlier, `new` is the place that it had in that feed.
    """

    change: tuple[str, ...]
    old: Place | None
    new: Place | None
    late: int | None = None


class _File(NamedTuple):
    before: list[Piece]
    after: list[Piece]


def follow(
    files: Sequence[Changed], recent: Recent, all_units: bool = False, known: Known | None = None
) -> list[Step]:
    """List the steps of the units of files that change at once, of those alone that changed.

    With `all_units`, those that did not change have steps without words. What `known` tells is
    looked at where units of a new file are from nowhere else. Where too many are left without one
    of the same name (`recent.are_too_many` then), they are joined by equal texts alone.
    """
    recent.begin()
    read = [_read(file) for file in _once(files)]
    olds = [piece for file in read for piece in file.before]
    news = [piece for file in read for piece in file.after]
    likeness = Likeness()
    homes = Homes(likeness)
    gone = [file.before for file in read if not file.after]
    come = [file.after for file in read if not file.before]
    homes.join_files(gone, come)
    homes.join_classes(olds, news)
    homes.join_by_name(olds, news)
    found = Late(recent, olds, news)
    origins: Origins = {}
    left = sum(one.partner is None for one in (*olds, *news))
    recent.are_too_many = left > MOST_COMPARED
    if recent.are_too_many:
        join_equal(olds, news, homes)
        homes.join_by_name(olds, news)
        found.forget_the_dead()
    elif found.is_wanted:
        found.join(homes, gone, come, known)
        origins = copies(olds, news, likeness) | parts(olds, news, likeness)
        origins |= found.copies
    steps = list(_steps(olds, news, homes, found, origins))
    if found.is_wanted:
        _remember(read, recent, found)
    return [step for step in steps if step.change or all_units]


def _once(files: Iterable[Changed]) -> list[Changed]:
    """Let a file that is told several times be told once, from its first state to its last."""
    told: dict[str, Changed] = {}
    for file in files:
        first = told.get(file.path, file)
        told[file.path] = file._replace(before=first.before, units_before=first.units_before)
    return list(told.values())


def _read(file: Changed) -> _File:
    return _File(
        pieces_of(file.path, file.language, file.before, file.units_before),
        pieces_of(file.path, file.language, file.after, file.units_after),
    )


def _steps(
    olds: list[Piece], news: list[Piece], homes: Homes, found: Late, origins: Origins
) -> Iterator[Step]:
    for new in news:
        here = Place(new.path, new.unit)
        old = new.partner
        if old is None:
            origin, change = origins.get(new, (None, (INTRODUCED,)))
            yield Step(change, Place(origin.path, origin.unit) if origin else None, here)
            continue
        words = changes(old, new, homes.is_carried(old, new))
        late = found.feeds.get(old)
        if late is not None and old.place == new.place:
            words.add(RESTORED)
        yield Step(tuple(sorted(words)), Place(old.path, old.unit), here, late)
    for old in olds:
        here = Place(old.path, old.unit)
        if old.partner is None:
            there, change = origins.get(old, (None, (DELETED,)))
            yield Step(change, here, Place(there.path, there.unit) if there else None)
        elif (late := found.feeds.get(old.partner)) is not None:
            new = old.partner
            words = changes(old, new, homes.is_carried(old, new))
            yield Step(tuple(sorted(words)), here, Place(new.path, new.unit), late)


def _remember(read: Sequence[_File], recent: Recent, found: Late) -> None:
    found.forget_the_found()
    for file in read:
        for piece in file.before:
            if piece.partner is None:
                recent.add(piece, is_lost=True, is_whole=not file.after)
        for piece in file.after:
            if piece.partner is None:
                recent.add(piece, is_lost=False, is_whole=not file.before)
    recent.end()
