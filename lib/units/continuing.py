"""Decide which unit of files as they are now continues which one of before, and what changed."""

from collections.abc import Sequence
from typing import NamedTuple

from lib.units.extraction import Unit, extract
from lib.units.recent import Recent

# What a step may be. With one of these a unit's life begins; `old` is where its text is from.
INTRODUCED, COPIED, SPLIT = "introduced", "copied", "split"
BEGINNINGS = frozenset({INTRODUCED, COPIED, SPLIT})
# With one of these it ends; of a merged one, `new` is the unit that has its text now.
DELETED, MERGED = "deleted", "merged"
ENDINGS = frozenset({DELETED, MERGED})
# What a life that goes on may be: those that matter to what the unit does or is called...
BODY, SIGNATURE, RENAMED, MOVED, MODIFIER = "body", "signature", "renamed", "moved", "modifier"
# ...and those that do not: its comments, its layout, what it lies in was renamed or moved.
DOCUMENTATION, COMMENT, FORMAT, CONTAINER = "documentation", "comment", "format", "container"
SOFT = frozenset({DOCUMENTATION, COMMENT, FORMAT, CONTAINER})


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

    `change` are sorted words of those above. `late` is None or the number of the earlier feed in
    which `new` was told as begun, or `old` as ended: this step takes the place of that one. Of a
    `new` that was told earlier, `new` is the place that it had in that feed.
    """

    change: tuple[str, ...]
    old: Place | None
    new: Place | None
    late: int | None = None


def follow(files: Sequence[Changed], recent: Recent) -> list[Step]:
    """List the steps of the units of files that change at once, of those alone that changed."""
    recent.feed += 1
    return list(_plainly(files))


def _plainly(files: Sequence[Changed]):  # type: ignore[no-untyped-def]
    for file in files:
        old = {u.qualified_name: u for u in extract(file.before or "", file.language)}
        new = {u.qualified_name: u for u in extract(file.after or "", file.language)}
        before, after = (file.before or "").encode(), (file.after or "").encode()
        for name, unit in new.items():
            if name not in old:
                yield Step((INTRODUCED,), None, Place(file.path, unit))
            else:
                one = old[name]
                if before[one.start : one.end] != after[unit.start : unit.end]:
                    yield Step((BODY,), Place(file.path, one), Place(file.path, unit))
        for name, unit in old.items():
            if name not in new:
                yield Step((DELETED,), Place(file.path, unit), None)
