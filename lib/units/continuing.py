"""Decide which unit of files as they are now continues which one of before, and what changed."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from lib.units.changes import DELETED, INTRODUCED, RESTORED, changes
from lib.units.extraction import Unit, extract
from lib.units.homes import Homes
from lib.units.likeness import Likeness
from lib.units.pieces import Piece, pieces
from lib.units.recent import Kept, Recent
from lib.units.strays import join_strays


class Place(NamedTuple):
    """A unit where it stands."""

    path: str
    unit: Unit


class Changed(NamedTuple):
    """A file before (None: there was none) and after (None: it is gone); language "": none."""

    path: str
    language: str
    before: str | None
    after: str | None


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


def follow(files: Sequence[Changed], recent: Recent, all_units: bool = False) -> list[Step]:
    """List the steps of the units of files that change at once, of those alone that changed.

    With `all_units`, those that did not change have steps without words.
    """
    recent.begin()
    read = [_read(file) for file in _once(files)]
    olds = [piece for file in read for piece in file.before]
    news = [piece for file in read for piece in file.after]
    homes = Homes(Likeness())
    homes.join_files(
        [file.before for file in read if not file.after],
        [file.after for file in read if not file.before],
    )
    homes.join_classes(olds, news)
    homes.join_by_name(olds, news)
    found = _Late(recent, olds, news)
    if found.is_wanted:
        found.join(homes, read)
    steps = list(_steps(olds, news, homes, found))
    if found.is_wanted:
        _remember(read, recent, found)
    return [step for step in steps if step.change or all_units]


def _once(files: Iterable[Changed]) -> list[Changed]:
    """Let a file that is told several times be told once, from its first state to its last."""
    told: dict[str, Changed] = {}
    for file in files:
        first = told.get(file.path, file)
        told[file.path] = file._replace(before=first.before)
    return list(told.values())


def _read(file: Changed) -> _File:
    path, language, before, after = file
    if before == after:
        after = before
    return _File(
        pieces(path, language, before, extract(before, language)) if before else [],
        pieces(path, language, after, extract(after, language)) if after else [],
    )


class _Late:
    """What of earlier feeds continues in this one, or what of this one began in earlier ones."""

    def __init__(self, recent: Recent, olds: list[Piece], news: list[Piece]) -> None:
        self.recent, self.olds, self.news = recent, olds, news
        self.of: dict[Piece, Kept] = {}
        self.is_wanted = any(one.partner is None for one in (*olds, *news))

    def join(self, homes: Homes, read: Sequence[_File]) -> None:
        lost = self._earlier(is_lost=True)
        likeness = Likeness()
        come = [file.after for file in read if not file.before]
        if lost and any(new.partner is None for new in self.news):
            homes.join_files(self._whole(lost), come)
            homes.join_classes(lost, self.news)
            homes.join_by_name(lost, self.news)
        join_strays([*self.olds, *lost], self.news, homes, likeness)
        self._forget_the_dead()
        gained = self._earlier(is_lost=False)
        if gained and any(old.partner is None for old in self.olds):
            gone = [file.before for file in read if not file.after]
            homes.join_files(gone, self._whole(gained))
            homes.join_classes(self.olds, gained)
            homes.join_by_name(self.olds, gained)
            join_strays(self.olds, gained, homes, likeness)

    def _earlier(self, is_lost: bool) -> list[Piece]:
        found = self.recent.pieces(is_lost)
        self.of.update((piece, kept) for kept, piece in found)
        return [piece for _, piece in found]

    def _whole(self, found: Iterable[Piece]) -> list[list[Piece]]:
        files = defaultdict(list)
        for piece in found:
            kept = self.of[piece]
            if kept.is_whole:
                files[kept.feed, kept.path].append(piece)
        return list(files.values())

    def _forget_the_dead(self) -> None:
        """Forget what was gained at the places of units that are there no longer."""
        left = {
            (old.path, old.unit.qualified_name)
            for old in self.olds
            if old.partner is None or _place(old) != _place(old.partner)
        }
        for kept, _ in self.recent.pieces(is_lost=False):
            if (kept.path, kept.unit.qualified_name) in left:
                self.recent.drop(kept)


def _place(piece: Piece) -> tuple[str, str]:
    return piece.path, piece.unit.qualified_name


def _steps(olds: list[Piece], news: list[Piece], homes: Homes, found: _Late) -> Iterator[Step]:
    for new in news:
        here = Place(new.path, new.unit)
        old = new.partner
        if old is None:
            yield Step((INTRODUCED,), None, here)
            continue
        words = changes(old, new, homes.is_carried(old, new))
        kept = found.of.get(old)
        if kept and _place(old) == _place(new):
            words.add(RESTORED)
        late = kept.feed if kept else None
        yield Step(tuple(sorted(words)), Place(old.path, old.unit), here, late)
    for old in olds:
        here = Place(old.path, old.unit)
        if old.partner is None:
            yield Step((DELETED,), here, None)
        elif kept := found.of.get(old.partner):
            new = old.partner
            words = changes(old, new, homes.is_carried(old, new))
            yield Step(tuple(sorted(words)), here, Place(new.path, new.unit), kept.feed)


def _remember(read: Sequence[_File], recent: Recent, found: _Late) -> None:
    for kept in [found.of[piece] for piece in found.of if piece.partner is not None]:
        recent.drop(kept)
    for file in read:
        for piece in file.before:
            if piece.partner is None:
                recent.add(piece, is_lost=True, is_whole=not file.after)
        for piece in file.after:
            if piece.partner is None:
                recent.add(piece, is_lost=False, is_whole=not file.before)
    recent.end()
