"""Files of which new ones may be copies, or which were moved: what else is known of a project."""

from collections.abc import Callable, Iterable, Sequence, Set
from itertools import islice
from typing import NamedTuple

from lib.units.extraction import Unit, extract
from lib.units.pieces import Piece, pieces

# So many are looked at for a new file.
_MOST = 3


class Source(NamedTuple):
    """A file that stands elsewhere, or that was gone in the feed `gone`.

    `units` are those in question, of a file that is gone those that nothing continues; None: all.
    """

    path: str
    language: str
    text: str
    units: Sequence[Unit] | None = None
    gone: int | None = None


# Tells of a new file's path, and the names (without what they lie in) of its units, in which files
# of the project many of these are or were, best first.
Known = Callable[[str, Set[str]], Iterable[Source]]


def pieces_of(
    path: str, language: str, text: str | None, units: Iterable[Unit] | None
) -> list[Piece]:
    """List the pieces of a file, whose units are looked for where they are not known."""
    if not text or not language:
        return []
    return pieces(path, language, text, extract(text, language) if units is None else units)


def sources_of(file: Sequence[Piece], known: Known | None) -> list[tuple[list[Piece], int | None]]:
    """List the pieces of files that a new one may be from, and in which feed they were gone.

    What has the most units as they are now comes first.
    """
    if known is None or all(new.partner is not None for new in file):
        return []
    path = file[0].path
    told = known(path, {new.name for new in file})
    found = [
        (pieces_of(one.path, one.language, one.text, one.units), one.gone)
        for one in islice(told, _MOST)
        if one.path != path or one.gone is not None
    ]
    found.sort(key=lambda one: -same(file, one[0]))
    return found


def same(file: Sequence[Piece], other: Sequence[Piece]) -> int:
    """Count the units of a file that stand in another one, to the letter."""
    texts = {(old.name, old.body) for old in other}
    return sum((new.name, new.body) in texts for new in file)
