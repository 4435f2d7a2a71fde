"""Show a function, method or class: its life, drawn, with the prompt and the diff of each step."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from lib.ledger import biography, kinship
from lib.ledger.attribution import attribute
from lib.ledger.biography import Unit, UnitStep
from lib.ledger.diff import unified
from lib.ledger.history import History
from lib.ledger.kinship import Kin
from lib.ledger.lives import SPLIT
from lib.ledger.reasons import Reason, Reasons, first_line
from lib.ledger.roots import root_of
from lib.ledger.text import storable
from lib.units import chronicle
from lib.web import drawing
from lib.web.asked import Asked
from lib.web.file_view import Room, address, blocks_of, how
from lib.web.page import Absent, link, quoted

# Of one page: steps, units that came from it, choices, and of all diffs lines and characters.
STEPS, KIN, CHOICES, LINES, CHARACTERS = 24, 24, 100, 900, 90_000


Origin = tuple[Unit, UnitStep] | None


class Told(NamedTuple):
    """A step: why it was made, what it changed, and what prints the unit as it was after it.

    `diff` is None where no code was kept, `cut` counts the lines that are left out of it.
    """

    one: UnitStep
    reason: Reason
    why: str
    href: str
    diff: list[str] | None
    cut: int
    restore: str


class Row(NamedTuple):
    """A line of the drawing: the `step` of that number, or what is akin to the step `to`.

    `beside` is the row of that one.
    """

    step: int | None
    word: str = ""
    name: str = ""
    href: str = ""
    to: int | None = None
    kin: Kin | None = None
    beside: int | None = None


def unit(history: History, asked: Asked) -> dict[str, Any]:
    """Tell the life of the unit that has, or had, a name in a file, or which these may be."""
    path, name = asked.text("path"), asked.text("name")
    found = kinship.called(history, path, name, asked.number("id"))
    if not found:
        raise Absent(f"nothing by the name {name} is known in {path}")
    told = {"name": name, "path": path, "is_behind": chronicle.is_behind(history.connection)}
    if len(found) > 1:
        return {**told, "unit": None, "choices": [(one, place(one)) for one in found[:CHOICES]]}
    return {**told, **_life(history, asked, found[0])}


def place(one: Unit) -> str:
    """Return the address of a unit."""
    return link("unit", path=one.path, name=one.name, id=one.unit_id)


def _life(history: History, asked: Asked, one: Unit) -> dict[str, Any]:
    akin = asked.later(f"kin {one.unit_id}", lambda own: kinship.kin_of(own, one, KIN + 1))
    but = asked.number("but")
    # One more: what the last one is compared with.
    steps = biography.steps_of(history, one, STEPS + 1, but)
    if not steps:
        raise Absent(f"no older step of {one.name} was recorded")
    is_last = len(steps) <= STEPS
    origin = kinship.origin_of(history, one) if is_last else None
    told = _told(history, one, steps, origin[1] if origin else None)
    kin, is_partial = akin.told()
    rows = _rows(told, (kin or [])[:KIN], origin)
    return {
        "unit": one,
        "choices": (),
        "told": told,
        "rows": rows,
        "dots": drawing.life([row.beside for row in rows]),
        "width": drawing.COLUMN * 2,
        "height": drawing.ROW * len(rows),
        "is_partial": is_partial,
        "more_kin": max(0, len(kin or ()) - KIN),
        "blocks": [] if one.gone or but else _code(history, asked, one),
        "but": but,
        "next": 0 if is_last else but + STEPS,
        "project": root_of(history, one.path),
    }


def _told(
    history: History, unit: Unit, steps: Sequence[UnitStep], origin: UnitStep | None
) -> list[Told]:
    """Tell each step but the one that is only compared with; `origin` is before the first."""
    reasons = Reasons(history)
    room = Room(LINES, CHARACTERS)
    codes = [_text(history, one) for one in steps]
    found = []
    for number, one in enumerate(steps[:STEPS]):
        is_oldest = number + 1 == len(steps)
        before = codes[number + 1] if not is_oldest else _text(history, origin) if origin else ""
        after = codes[number]
        diff, cut = None, 0
        if before is not None and after is not None:
            diff, cut = room.shortened(list(unified(before.splitlines(), after.splitlines())))
        reason = reasons.of(one.step)
        why = first_line(reason.text) or how(one.step)
        restore = "" if one.is_end else _restore(unit, one, steps[:number][-1:])
        found.append(Told(one, reason, why, address(one.step), diff, cut, restore))
    return found


def _restore(unit: Unit, one: UnitStep, after: Sequence[UnitStep]) -> str:
    """Return what `show` prints a unit by as it was after a step, "" where nothing does."""
    if one.step.event_id:
        return quoted(f"{one.step.event_id}:{one.name}")
    # What somebody else changed before an edit was noticed at that.
    if after and after[0].step.timestamp == one.step.timestamp:
        return ""
    return f"{quoted(f'{unit.path}:{unit.name}')} --at {one.step.timestamp}"


def _text(history: History, one: UnitStep) -> str | None:
    found = biography.code_of(history, one)
    return found and found[1]


def _rows(told: Sequence[Told], kin: Sequence[Kin], origin: Origin) -> list[Row]:
    """Put what came from the steps, and what they came from, beside them, the newest first."""
    at = {one.one.step.revision_id: number for number, one in enumerate(told)}
    rows: list[tuple[int, int, Row]] = []
    for number, one in enumerate(told):
        rows.append((-one.one.step.revision_id, 1, Row(number)))
        if one.one.is_end and one.one.came[0]:
            path, name = one.one.came
            into = Row(None, "went into", name, link("unit", path=path, name=name))
            rows.append((-one.one.step.revision_id, 0, into._replace(to=number)))
    for other in kin:
        is_part = SPLIT in other.change
        if other.origin in at:
            word = "took in" if other.is_end else f"{'split off' if is_part else 'copied'} as"
            row = Row(None, word, other.name, place(other.unit), at[other.origin], other)
            rows.append((-other.revision_id, 0, row))
    made = [row for *_, row in sorted(rows, key=lambda row: row[:2])]
    if origin and told:
        source, then = origin
        made.append(Row(None, "came from", then.name, place(source), len(told) - 1))
    where = {row.step: number for number, row in enumerate(made) if row.step is not None}
    return [row._replace(beside=None if row.to is None else where[row.to]) for row in made]


def _code(history: History, asked: Asked, one: Unit) -> Any:
    """Tell whose the lines of a unit are, as its file was when that was looked at."""
    query = "SELECT revision_id FROM standing JOIN files USING (file_id) WHERE path = ?"
    ((revision,),) = history.rows(query, (storable(one.path),))
    lines = asked.remembered(
        f"lines {revision}", lambda: attribute(history, one.path, until=revision)
    )
    return list(blocks_of(history, lines, one.start_line, one.end_line))
