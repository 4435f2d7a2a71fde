"""Find what a unit (function, method or class) was made from, and what was made of it."""

from typing import NamedTuple

from lib.ledger.biography import Unit, UnitStep, steps_until, units_in, units_that_were_in
from lib.ledger.filters import after
from lib.ledger.history import History
from lib.ledger.lives import ENDED, is_carried
from lib.ledger.text import storable

_KIN = (
    "SELECT u.unit_id, u.kind, u.name, u_f.path, u.gone, s.change, s.name, f.path, s.revision_id, "
    # The index alone tells which ones are the last: others may be thousands.
    "o.revision_id, r.timestamp FROM (SELECT step_id AS kin FROM unit_steps "
    "WHERE origin IN (SELECT step_id FROM unit_steps WHERE unit_id = ?1) "
    "ORDER BY step_id DESC LIMIT ?2) CROSS JOIN unit_steps s ON s.step_id = kin "
    "JOIN unit_steps o ON o.step_id = s.origin "
    "JOIN revisions r ON r.revision_id = s.revision_id JOIN files f ON f.file_id = r.file_id "
    "JOIN units u ON u.unit_id = s.unit_id JOIN files u_f ON u_f.file_id = u.file_id "
    "WHERE s.unit_id != ?1 ORDER BY s.step_id DESC"
)
_FIRST = (
    "SELECT s.change, o.step_id, u.unit_id, u.kind, u.name, path, u.gone FROM unit_steps s "
    "JOIN unit_steps o ON o.step_id = s.origin JOIN units u ON u.unit_id = o.unit_id "
    "JOIN files USING (file_id) "
    "WHERE s.step_id = (SELECT min(step_id) FROM unit_steps WHERE unit_id = ?)"
)


class Kin(NamedTuple):
    """Another unit that was made from a unit, or ended in it; its lines are not known.

    `change` are words of the step of that, `name` and `path` what and where it was then; that was
    in revision `revision_id`, of what the unit was since its revision `origin`.
    """

    unit: Unit
    change: list[str]
    name: str
    path: str
    revision_id: int
    origin: int
    timestamp: str

    @property
    def is_end(self) -> bool:
        """Whether it ended with that, in the unit."""
        return not set(ENDED).isdisjoint(self.change)


def called(history: History, path: str, name: str, unit_id: int = 0) -> list[Unit]:
    """List the units that stand in a file by a name, or else had it there once.

    The one of that number alone if it is among them. Raises sqlite3.Error.
    """
    found = [one for one in units_in(history, path) if one.name == name]
    if not any(unit_id in (0, one.unit_id) for one in found):
        found = units_that_were_in(history, path, name)
    return [one for one in found if one.unit_id == unit_id] or found


def kin_of(history: History, unit: Unit, most: int) -> list[Kin]:
    """List the `most` last units that came from a unit or ended in it. Raises sqlite3.Error."""
    rows = history.rows(_KIN, (unit.unit_id, most))
    return [Kin(Unit(*row[:5]), row[5].split(), *row[6:]) for row in rows]


def origin_of(history: History, unit: Unit) -> tuple[Unit, UnitStep] | None:
    """Find what a unit was made from, as it was then; None where nothing is known of that.

    Of one in a copy of its file that is what the one in the other file was made from.
    """
    unit_id, seen = unit.unit_id, {0}
    while unit_id not in seen and (found := history.rows(_FIRST, (unit_id,))):
        seen.add(unit_id)
        change, step_id, unit_id, *told = found[0]
        if not is_carried(change):
            return Unit(unit_id, *told), steps_until(history, unit_id, step_id, 1)[0]
    return None


def named_like(history: History, beginning: str, most: int) -> list[Unit]:
    """List at most `most` units whose names' last parts begin so, those that stand first.

    Their lines are not told. Raises sqlite3.Error.
    """
    query = (
        "SELECT unit_id, kind, name, path, u.gone FROM units u CROSS JOIN files USING (file_id) "
        "WHERE last_name >= ? AND last_name < ? ORDER BY last_name LIMIT ?"
    )
    text = storable(beginning)
    found = [Unit(*row) for row in history.rows(query, (text, after(text), most))]
    return sorted(found, key=lambda one: one.gone)
