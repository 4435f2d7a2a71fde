"""Tell which units of recorded files stand more than once: the origin, and since when each does."""

import json
import time
from collections.abc import Iterator
from typing import Any, NamedTuple

from lib.capture.reuse_scope import is_left_out
from lib.ledger.history import History
from lib.ledger.lives import Standing
from lib.ledger.text import storable
from lib.units import excused
from lib.units.bounded import read
from lib.units.extraction import Unit
from lib.units.grammars import language_at
from lib.units.repeated import (
    DIVERGED,
    LEAST_DISTINCT,
    LEAST_RENAMED,
    LEAST_SAME,
    RENAMED,
    Copy,
    Repeated,
    repeated,
)

# Files whose units are not known are parsed for so long.
SECONDS = 4.0
_FILES = (
    "SELECT path, f.file_id, snapshot, units FROM files f JOIN revisions r "
    "ON r.revision_id = f.revision LEFT JOIN standing s "
    "ON s.file_id = f.file_id AND s.revision_id = f.revision "
    "WHERE path >= ? AND path < ? AND NOT gone AND snapshot NOT NULL ORDER BY path"
)
_UNITS = (
    "SELECT unit_id, exact, renamed, coalesce((SELECT o.unit_id FROM unit_steps s "
    "JOIN unit_steps o ON o.step_id = s.origin WHERE s.unit_id = u.unit_id "
    "AND ' ' || s.change || ' ' LIKE '% copied %' LIMIT 1), 0) FROM units u WHERE file_id = ?"
)
_UNIT_SINCE = (
    "SELECT iif(s.change = 'before', '', timestamp) FROM unit_steps s "
    "JOIN revisions USING (revision_id) WHERE unit_id = ? ORDER BY step_id LIMIT 1"
)
_FILE_SINCE = (
    "SELECT iif(change IN ('before', 'modified'), '', timestamp) FROM revisions "
    "JOIN files USING (file_id) WHERE path = ? ORDER BY revision_id LIMIT 1"
)


class Cluster(NamedTuple):
    """Units that are, or were, the same; the origin is the first.

    `since` is when each came (ISO 8601), "" for what was there before it was recorded.
    """

    one: Repeated
    since: list[str]

    @property
    def advice(self) -> str:
        """What one could do about it, in a line."""
        origin, *others = (copy.unit for copy in self.one.copies)
        name = origin.qualified_name
        place = "place" if len(others) == 1 else f"{len(others)} places"
        if self.one.same == DIVERGED:
            return "see whether what was changed in one is missing in the other"
        if origin.kind == "class":
            return f"keep {name} and use it in the other {place}"
        if self.one.same == RENAMED:
            return f"call {name} in the other {place}, with what differs as an argument"
        return f"call {name} in the other {place}"

    def told(self) -> dict[str, object]:
        """Tell it for `--json`."""
        units = [
            {
                "file_path": path,
                "kind": unit.kind,
                "qualified_name": unit.qualified_name,
                "start_line": unit.start_line,
                "end_line": unit.end_line,
                "since": since or None,
            }
            for (path, unit, *_), since in zip(self.one.copies, self.since, strict=True)
        ]
        same, lines = self.one.same, self.one.lines
        return {"same": same, "lines": lines, "advice": self.advice, "units": units}


class Recorded:
    """The files below the directory `root`, as they were recorded last.

    Without what nobody is to reuse (tests, what is generated or vendored) and what is the same on
    purpose, unless `is_all`. Files whose units are not known are parsed for so many `seconds`, the
    rest of them left out. Its methods may raise sqlite3.Error.
    """

    def __init__(
        self, history: History, root: str, is_all: bool = False, seconds: float = SECONDS
    ) -> None:
        self._history = history
        self._base = f"{root.rstrip('/')}/"
        self._is_all, self._seconds = is_all, seconds
        self._reader = history.contents()
        self._snapshots: dict[str, str] = {}
        # By the file: its code, "" for one whose units are all meant, None for none of them.
        self._codes: dict[str, bytes | None] = {}

    def clusters(self) -> Iterator[Cluster]:
        """Yield the units that stand more than once, most code first."""
        for one in repeated(self._units(), self._is_meant):
            dated = [(self._since(copy), copy) for copy in one.copies]
            # Of what has diverged the origin is the first, whenever it came.
            known = 1 if one.same == DIVERGED else 0
            dated[known:] = sorted(dated[known:], key=_age)
            copies = [copy for _, copy in dated]
            yield Cluster(one._replace(copies=copies), [since for since, _ in dated])

    def _units(self) -> Iterator[Copy]:
        deadline = time.monotonic() + self._seconds
        bounds = storable(self._base), storable(f"{self._base[:-1]}0")
        for path, file_id, snapshot, units in self._history.rows(_FILES, bounds):
            if not self._is_all and is_left_out(path[len(self._base) :]):
                continue
            self._snapshots[path] = snapshot
            if units is not None:
                yield from self._known(path, file_id, units)
            elif (language := language_at(path)) and time.monotonic() < deadline:
                yield from _parsed(path, self._history.snapshot(snapshot) or "", language)

    def _known(self, path: str, file_id: int, units: str) -> Iterator[Copy]:
        held = {number: rest for number, *rest in self._history.rows(_UNITS, (file_id,))}
        for one in (Standing(*values) for values in json.loads(units)):
            exact, renamed, origin = held.get(one.unit_id, (None, None, 0))
            yield Copy(path, Unit(*one[1:]), exact, renamed, one.unit_id, origin)

    def _is_meant(self, copy: Copy) -> bool:
        if self._is_all:
            return True
        if copy.path not in self._codes:
            code = self._reader.read(self._snapshots[copy.path]) or b""
            is_kept = excused.may_excuse(code)
            none = excused.is_generated(code)
            self._codes[copy.path] = None if none else code if is_kept else b""
        held = self._codes[copy.path]
        if held is None:
            return False
        return not excused.is_on_purpose(held, copy.unit.start, copy.unit.end)

    def _since(self, copy: Copy) -> str:
        if copy.unit_id:
            found: list[tuple[Any, ...]] = self._history.rows(_UNIT_SINCE, (copy.unit_id,))
        else:
            found = self._history.rows(_FILE_SINCE, (storable(copy.path),))
        return str(found[0][0] or "") if found else ""


def _age(dated: tuple[str, Copy]) -> tuple[str, int, str, Unit]:
    since, copy = dated
    return since, copy.unit_id, copy.path, copy.unit


def _parsed(path: str, code: str, language: str) -> Iterator[Copy]:
    for one in read(code, language).units:
        is_large = one.tokens >= LEAST_RENAMED and one.distinct >= LEAST_DISTINCT
        exact = bytes.fromhex(one.exact[:16]) if one.tokens >= LEAST_SAME else None
        renamed = bytes.fromhex(one.renamed[:16]) if is_large else None
        yield Copy(path, one.unit, exact, renamed)
