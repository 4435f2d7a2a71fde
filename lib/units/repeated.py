"""Group the units of a project that stand in it more than once."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from lib.units.extraction import Unit

SAME, RENAMED, DIVERGED = "same", "renamed", "diverged"
# Below so many tokens, and different ones, sameness says nothing.
LEAST_SAME = 20
LEAST_RENAMED, LEAST_DISTINCT = 40, 20


class Copy(NamedTuple):
    """A unit in a file, with digests of its tokens as they are, and without names.

    Those are None where it is too small for that to say anything. `unit_id` is its number in the
    ledger and `origin` that of the unit it was copied from, 0 where that is not known.
    """

    path: str
    unit: Unit
    exact: bytes | None
    renamed: bytes | None
    unit_id: int = 0
    origin: int = 0

    @property
    def key(self) -> bytes | None:
        """What is equal in units that are told together."""
        return self.renamed or self.exact


class Repeated(NamedTuple):
    """Units that are SAME, RENAMED (the same but for names) or DIVERGED (they were once).

    Of the latter the first is the one that the others were copied from.
    """

    same: str
    copies: list[Copy]

    @property
    def lines(self) -> int:
        """How many lines all of them have."""
        return sum(copy.unit.end_line - copy.unit.start_line + 1 for copy in self.copies)

    @property
    def size(self) -> tuple[int, int]:
        """How much code that is: lines, then bytes."""
        return self.lines, sum(copy.unit.end - copy.unit.start for copy in self.copies)


def repeated(found: Iterable[Copy], is_meant: Callable[[Copy], bool]) -> Iterator[Repeated]:
    """Yield what stands more than once of the units for which `is_meant`, most code first.

    It is asked about no more than those that stand more than once. What lies in copies that were
    yielded, all of it, is not told again.
    """
    groups: dict[bytes, list[Copy]] = defaultdict(list)
    known: dict[int, Copy] = {}
    for copy in found:
        if copy.key:
            groups[copy.key].append(copy)
            known[copy.unit_id] = copy
    meant: list[Repeated] = []
    for same, group in (*_alike(groups), *_diverged(known)):
        copies = list(filter(is_meant, group))
        is_known = same != DIVERGED or copies[:1] == group[:1]
        if len(copies) > 1 and is_known:
            meant.append(Repeated(same, copies))
    told: dict[tuple[bool, str], list[Unit]] = defaultdict(list)
    for one in sorted(meant, key=lambda one: one.size, reverse=True):
        is_past = one.same == DIVERGED
        if all(_is_in(copy.unit, told[is_past, copy.path]) for copy in one.copies):
            continue
        for copy in one.copies:
            told[is_past, copy.path].append(copy.unit)
        yield one


def _alike(groups: dict[bytes, list[Copy]]) -> Iterator[tuple[str, list[Copy]]]:
    for group in groups.values():
        if len(group) > 1:
            yield SAME if len({copy.exact for copy in group}) == 1 else RENAMED, group


def _diverged(known: dict[int, Copy]) -> Iterator[tuple[str, list[Copy]]]:
    """Yield each unit with those copied from it that differ now; of classes, their methods tell."""
    groups: dict[int, list[Copy]] = defaultdict(list)
    for copy in known.values():
        was = known.get(copy.origin) if copy.origin else None
        if was and copy.unit.kind != "class" and copy.key != was.key:
            groups[copy.origin].append(copy)
    for origin, group in groups.items():
        yield DIVERGED, [known[origin], *group]


def _is_in(unit: Unit, others: Iterable[Unit]) -> bool:
    return any(other.start <= unit.start and unit.end <= other.end for other in others)
