"""Group the units of a project that stand in it more than once."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from lib.units.extraction import Unit
from lib.units.fingerprint import Fingerprint

SAME, RENAMED = "same", "renamed"
# Below so many tokens, and different ones, sameness says nothing.
LEAST_SAME = 20
LEAST_RENAMED, LEAST_DISTINCT = 40, 20


class Copy(NamedTuple):
    """A unit in a file."""

    path: str
    unit: Unit


class Repeated(NamedTuple):
    """Units that are the same, of how many tokens each, and whether that is but for names."""

    same: str
    tokens: int
    copies: list[Copy]


def repeated(found: Iterable[tuple[str, Fingerprint]]) -> Iterator[Repeated]:
    """Yield what stands more than once of the units of files (path, fingerprint), largest first.

    What lies in copies that were yielded, all of it, is not told again.
    """
    groups: dict[str, list[tuple[str, Fingerprint]]] = defaultdict(list)
    for path, one in found:
        if one.tokens >= LEAST_RENAMED and one.distinct >= LEAST_DISTINCT:
            groups[f"{RENAMED} {one.renamed}"].append((path, one))
        elif one.tokens >= LEAST_SAME:
            groups[f"{SAME} {one.exact}"].append((path, one))
    told: dict[str, list[Unit]] = defaultdict(list)
    for group in sorted(groups.values(), key=lambda group: -group[0][1].tokens * len(group)):
        copies = sorted(Copy(path, one.unit) for path, one in group)
        if len(copies) < 2 or all(_is_in(copy.unit, told[copy.path]) for copy in copies):
            continue
        for copy in copies:
            told[copy.path].append(copy.unit)
        is_exact = len({one.exact for _, one in group}) == 1
        yield Repeated(SAME if is_exact else RENAMED, group[0][1].tokens, copies)


def _is_in(unit: Unit, others: Iterable[Unit]) -> bool:
    return any(other.start <= unit.start and unit.end <= other.end for other in others)
