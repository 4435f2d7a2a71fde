"""Read the lives of units (functions, methods, classes): which there are, and their steps."""

import json
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from lib.ledger.history import History
from lib.ledger.lives import ENDED, Standing, is_carried, last_part
from lib.ledger.projects import COLUMNS, name_of
from lib.ledger.steps import Step, step_of
from lib.ledger.text import storable

_OF_UNITS = (
    "SELECT unit_id, kind, name, path, u.gone FROM units u JOIN files f USING (file_id) "
    "WHERE unit_id = ?"
)
_OF_STEPS = (
    "SELECT s.change, s.name, s.pattern_id, s.start, s.end, f.path, s.revision_id, "
    "o.name, o_f.path, o.unit_id, o.step_id FROM unit_steps s JOIN revisions r USING (revision_id) "
    "JOIN files f USING (file_id) LEFT JOIN unit_steps o ON o.step_id = s.origin "
    "LEFT JOIN revisions o_r ON o_r.revision_id = o.revision_id "
    "LEFT JOIN files o_f ON o_f.file_id = o_r.file_id "
    "WHERE s.unit_id = ? AND s.step_id <= ? ORDER BY s.revision_id DESC, s.step_id DESC LIMIT ?"
)
_DONE = (
    "SELECT s.name, kind, s.change, s.pattern_id FROM revisions r "
    "JOIN unit_steps s USING (revision_id) JOIN units USING (unit_id) WHERE"
)
_ANY = 2**62


class Unit(NamedTuple):
    """A unit and where it stands; where it stood last if it is `gone`.

    Its lines (from 1; the last one belongs to it) are those of what was recorded last, 0 of one
    that is gone.
    """

    unit_id: int
    kind: str
    name: str
    path: str
    gone: bool
    start_line: int = 0
    end_line: int = 0


class UnitStep(NamedTuple):
    """A step in a unit's life: words of what changed, its name then, and where its code is.

    `came` is the file and the name that it had before this step or was made from, "" and "" where
    it is the same still, or nothing was before; of one that `is_end`, which one has its text now.
    `step` is that of its file.
    """

    change: list[str]
    name: str
    pattern_id: str
    start: int
    end: int
    path: str
    came: tuple[str, str]
    step: Step

    @property
    def is_end(self) -> bool:
        """Whether it stands nowhere after this."""
        return not set(ENDED).isdisjoint(self.change)


class Done(NamedTuple):
    """What a step of a file did to a unit: its `change` are words, divided by blanks."""

    name: str
    kind: str
    change: str
    pattern_id: str

    def public(self) -> dict[str, object]:
        """Return the fields that `--json` prints."""
        told = {"qualified_name": self.name, "kind": self.kind, "change": self.change.split()}
        return {**told, "pattern_id": self.pattern_id}


def summary(several: Sequence[Done]) -> str:
    """Name what was done something to in a few words, functions rather than classes."""
    found = [one.name for one in several if one.kind != "class"] or [one.name for one in several]
    more = f" +{len(found) - 1}" if len(found) > 1 else ""
    return f"{found[0]}{more}" if found else ""


def units_in(history: History, path: str) -> list[Unit]:
    """List the units that stand in the file at `path`, as they begin. Raises sqlite3.Error."""
    query = "SELECT units FROM standing JOIN files USING (file_id) WHERE path = ?"
    found = history.rows(query, (storable(path),))
    several = [Standing(*one) for one in json.loads(found[0][0])] if found else []
    return [
        Unit(one.unit_id, one.kind, one.name, path, False, one.start_line, one.end_line)
        for one in several
    ]


def units_that_were_in(history: History, path: str, name: str) -> list[Unit]:
    """List the units that had a name, or one that ends so, in the file at `path` once."""
    query = (
        "SELECT DISTINCT unit_id, s.name FROM files f CROSS JOIN revisions r USING (file_id) "
        "CROSS JOIN unit_steps s USING (revision_id) WHERE path = ?"
    )
    rows = history.rows(query, (storable(path),))
    exact = [unit_id for unit_id, known in rows if known == name]
    ends = [unit_id for unit_id, known in rows if f".{known}".endswith(f".{name}")]
    return _units(history, exact or ends)


def units_named(history: History, name: str) -> list[Unit]:
    """List the units that have a name now, or one that ends so; those that stand come first."""
    query = "SELECT unit_id, name FROM units WHERE last_name = ? ORDER BY gone, unit_id"
    rows = history.rows(query, (last_part(storable(name)),))
    found = [unit_id for unit_id, known in rows if f".{known}".endswith(f".{storable(name)}")]
    return _units(history, found)


def units_holding(history: History, pattern_id: str, most: int = -1) -> list[Unit]:
    """List the units that held a pattern once, at most so many (-1: all)."""
    query = "SELECT DISTINCT unit_id FROM unit_steps WHERE pattern_id = ? LIMIT ?"
    return _units(history, (row[0] for row in history.rows(query, (storable(pattern_id), most))))


def _units(history: History, unit_ids: Iterable[int]) -> list[Unit]:
    found = []
    for unit_id in dict.fromkeys(unit_ids):
        one = Unit(*history.rows(_OF_UNITS, (unit_id,))[0])
        here = [] if one.gone else units_in(history, one.path)
        found.append(next((unit for unit in here if unit.unit_id == unit_id), one))
    return found


def steps_of(history: History, unit: Unit, newest: int = -1, but: int = 0) -> list[UnitStep]:
    """List the `newest` steps (-1: all) of a unit, newest first, `but` for the first ones of those.

    Of one that stands in a copy of its file, also those of before the copy. Raises sqlite3.Error.
    """
    return steps_until(history, unit.unit_id, _ANY, newest, but)


def steps_until(
    history: History, unit_id: int, step_id: int, newest: int, but: int = 0
) -> list[UnitStep]:
    """List the steps of a unit in the same way, up to the step of this number."""
    rows = _rows(history, unit_id, step_id, newest if newest < 0 else but + newest + 1)
    found = []
    for number in range(but, len(rows) if newest < 0 else min(len(rows), but + newest)):
        row = rows[number]
        change, name, pattern_id, start, end, path, revision_id, origin, origin_path, *_ = row
        before = rows[number + 1] if number + 1 < len(rows) else None
        was = (before[5], before[1]) if before else ("", "")
        # Of a first step where it was made from, of a last one what has its text now.
        was = (origin_path, origin or "") if origin_path else was
        came = ("", "") if was == (path, name) else was
        step = step_of(history, revision_id)
        found.append(UnitStep(change.split(), name, pattern_id, start, end, path, came, step))
    return found


def _rows(history: History, unit_id: int, until: int, most: int) -> list[tuple[Any, ...]]:
    found: list[tuple[Any, ...]] = []
    seen: set[int] = set()
    while unit_id not in seen and (most < 0 or len(found) < most):
        seen.add(unit_id)
        more = history.rows(_OF_STEPS, (unit_id, until, most))
        found += more
        if not more or not is_carried(more[-1][0]) or not more[-1][9]:
            break
        unit_id, until = more[-1][9:11]
    return found[: most if most >= 0 else None]


def code_of(history: History, one: UnitStep) -> tuple[int, str] | None:
    """Return what a unit held after a step, in whole lines, and the number of the first, from 1.

    None where that was not kept; of a unit that ended, no lines.
    """
    if one.is_end:
        return 1, ""
    code = history.snapshot(one.step.snapshot)
    if code is None:
        return None
    data = code.encode("utf-8", "surrogatepass")
    start = data.rfind(b"\n", 0, one.start) + 1
    end = data.find(b"\n", one.end - 1) + 1 or len(data)
    text = data[start:end].decode("utf-8", "surrogatepass")
    return data.count(b"\n", 0, start) + 1, text


def done_by(history: History, seq: int) -> list[Done]:
    """List what an event did to units, as they stand."""
    return [Done(*row) for row in history.rows(f"{_DONE} r.seq = ? ORDER BY s.start", (seq,))]


def done_in(history: History, revision_id: int) -> list[Done]:
    """List what a revision of a file did to units, as they stand."""
    query = f"{_DONE} r.revision_id = ? ORDER BY s.start"
    return [Done(*row) for row in history.rows(query, (revision_id,))]


def reused(history: History, most: int) -> list[list[Unit]]:
    """List the `most` functions that stand in the most places, each with these, the oldest first.

    They are the same but for layout, comments and names; a file counts once, in however many
    worktrees it is.
    """
    query = (
        "SELECT coalesce(renamed, exact), json_group_array(unit_id) FROM units "
        "WHERE exact NOT NULL AND NOT gone GROUP BY 1 HAVING count(*) > 1 "
        "ORDER BY count(*) DESC, min(unit_id) LIMIT ?"
    )
    found = []
    for _, numbers in history.rows(query, (4 * most,)):
        places: dict[str, int] = {}
        for unit_id in json.loads(numbers):
            query = (
                f"SELECT path, name, {COLUMNS} FROM units JOIN files USING (file_id) "
                "LEFT JOIN projects ON project_id = project WHERE unit_id = ?"
            )
            ((path, name, *project),) = history.rows(query, (unit_id,))
            places.setdefault(f"{name_of(path, *project)}:{name}", unit_id)
        if len(places) > 1:
            found.append(_units(history, sorted(places.values())))
    return sorted(found, key=len, reverse=True)[:most]
