"""Tell the lives of functions, methods and classes: which one is meant, and its steps."""

import sqlite3
import sys
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from lib.commands.common import print_json, printable
from lib.commands.file_steps import ID_DIGITS, STYLES, WIDE
from lib.commands.part import is_file, not_unique, unit_in
from lib.commands.present import Present, present, recorded
from lib.commands.terminal import Cell, print_line, relative, screen
from lib.commands.when import local
from lib.ledger import biography
from lib.ledger.biography import Unit, UnitStep
from lib.ledger.history import History
from lib.ledger.line_history import Touch, touched
from lib.ledger.reasons import Reasons, first_line, who
from lib.ledger.steps import Step
from lib.units import chronicle

# Who asks waits so long, in seconds, until the newest steps are known.
PATIENCE_SECONDS = 5.0


def catch_up(history: History) -> None:
    """Go on with what is recorded of units; a line says so if they are behind after that."""
    with suppress(sqlite3.OperationalError):  # on a disk that is full or read-only
        chronicle.catch_up(history.connection, PATIENCE_SECONDS)
    if chronicle.is_behind(history.connection):
        text = "of the newest steps functions are not known yet"
        print(f"pattern-tracker: {text}", file=sys.stderr)


def meant(history: History, target: str) -> list[Unit]:
    """List the units that `FILE:NAME`, `FILE:LINE`, `NAME` or a pattern's id may mean.

    None where it is a file, or the id of what a whole file held.
    """
    if history.knows(target) or is_file(history, target) or history.files_ending(target):
        return []
    file, _, rest = target.rpartition(":")
    if not file or not rest:
        return biography.units_holding(history, target) or biography.units_named(history, target)
    _, path = recorded(history, file)
    here = biography.units_in(history, path)
    if rest.isdecimal():
        around = [one for one in here if one.start_line <= int(rest) <= one.end_line]
        return around[-1:]
    exact = [one for one in here if one.name == rest]
    ends = [one for one in here if one.name.endswith(f".{rest}")]
    return exact or ends or biography.units_that_were_in(history, path, rest)


def touches(history: History, unit: Unit) -> tuple[Present, list[Touch]]:
    """Return the file that a unit is in, and the steps that changed its code, newest first.

    Wherever it stood, and whatever it was called then. May raise CommandError.
    """
    file = present(history, unit.path)
    past: list[tuple[str, Step | None, bytes]] = []
    for one in reversed(biography.steps_of(history, unit)):
        if (held := biography.code_of(history, one)) is not None:
            past.append((one.path, one.step, _data(held[1])))
    here = None if unit.gone or file.text is None else unit_in(file.text, unit.path, unit.name)
    if here:
        lines = (file.text or "").split("\n")[here.start_line - 1 : here.end_line]
        past.append((file.path, None, _data("".join(f"{line}\n" for line in lines))))
    return file, touched(past)


def _data(code: str) -> bytes:
    text = code if code.endswith("\n") or not code else f"{code}\n"
    return text.replace("\r\n", "\n").encode("utf-8", "surrogatepass")


def run(
    history: History, target: str, units: Sequence[Unit], as_json: bool, newest: int = -1
) -> int:
    """Print the life of the unit that is meant, or tell which may be. Raises CommandError."""
    if as_json:
        lives = [life(history, unit) for unit in units]
        several = {"unit": None, "steps": [], "choices": lives}
        print_json(lives[0] if len(lives) == 1 else several)
        return 0
    show(history, only(target, units), newest)
    return 0


def only(target: str, units: Sequence[Unit]) -> Unit:
    """Return the one unit that is meant. Raises CommandError, which names them, for several."""
    if len(units) == 1:
        return units[0]
    path, name = units[0].path, target.rpartition(":")[2]
    if ":" in target and all(unit.path == path and not unit.gone for unit in units):
        places = [f"{unit.name} (line {unit.start_line})" for unit in units]
        raise not_unique(f"{printable(name)} may be any of these in", places, path)
    raise not_unique(f"{printable(target)} may be any of", [where(unit) for unit in units])


def where(unit: Unit) -> str:
    """Word where a unit stands, so that a command understands it again."""
    file = relative(printable(unit.path))
    if unit.gone:
        return f"{file}:{printable(unit.name)} (gone)"
    return f"{file}:{unit.start_line} ({printable(unit.name)})"


def life(history: History, unit: Unit) -> dict[str, Any]:
    """Tell a unit with its steps, newest first, for `--json`."""
    reasons = Reasons(history)
    steps = [_entry(reasons, step) for step in biography.steps_of(history, unit)]
    return {"unit": told(unit), "steps": steps}


def told(unit: Unit) -> dict[str, Any]:
    """Tell a unit for `--json`."""
    return {
        "qualified_name": unit.name,
        "kind": unit.kind,
        "file_path": unit.path,
        "start_line": unit.start_line or None,
        "end_line": unit.end_line or None,
        "gone": bool(unit.gone),
    }


def _entry(reasons: Reasons, one: UnitStep) -> dict[str, Any]:
    reason = reasons.of(one.step)
    entry = {
        "change": one.change,
        "actor": one.step.actor,
        "event_id": one.step.event_id,
        "timestamp": one.step.timestamp,
        "session_id": one.step.session_id,
        "file_path": one.path,
        "qualified_name": one.name,
        "pattern_id": one.pattern_id,
        "tool_name": one.step.tool_name,
        "program": one.step.program,
        "prompt_id": reason.prompt_id,
        "prompt": reason.text,
        "model": reason.model,
    }
    key = "into" if one.is_end else "from"
    return {**entry, key: ":".join(one.came)} if one.came[0] else entry


def show(history: History, unit: Unit, newest: int) -> None:
    """Print a unit and its steps, newest first, a line each."""
    out, reasons = screen(), Reasons(history)
    print_line(out, [(f"{unit.kind} {printable(unit.name)}", "bold"), (f"  {where(unit)}", "dim")])
    for step in biography.steps_of(history, unit, newest):
        print_line(out, _cells(step, first_line(reasons.of(step.step).text), out.width >= WIDE))


def _cells(one: UnitStep, asked: str, is_wide: bool) -> list[Cell]:
    how = "into" if one.is_end else "from"
    origin = f"  {how} {relative(printable(':'.join(one.came)))}" if one.came[0] else ""
    actor = who(one.step)
    return [
        (f"{(one.step.event_id or '-')[:ID_DIGITS]:<{ID_DIGITS}}", "dim"),
        (f"  {local(one.step.timestamp, '%m-%d %H:%M:%S' if is_wide else '%m-%d %H:%M')}", "dim"),
        (f"  {actor:<9}", STYLES.get(one.step.actor, "magenta")),
        (f"  {', '.join(one.change):<16}", "yellow"),
        (f"  {asked or one.pattern_id}", "" if asked else "dim"),
        (origin, "dim"),
    ]


def of_file(history: History, path: str) -> list[dict[str, Any]]:
    """Tell the units of a file, each with its last step, for `--json`."""
    reasons = Reasons(history)
    return [
        {**told(unit), "last": _entry(reasons, biography.steps_of(history, unit, 1)[0])}
        for unit in biography.units_in(history, path)
    ]


def show_file(history: History, path: str, most: int) -> None:
    """Print the units of a file that changed last, `most` of them (-1: all), a line each."""
    out = screen()
    found = [
        (biography.steps_of(history, unit, 1)[0], unit)
        for unit in biography.units_in(history, path)
    ]
    newest = sorted(found, key=lambda one: one[0].step.revision_id, reverse=True)
    shown = found if most < 0 else [one for one in found if one in newest[:most]]
    for last, unit in shown:
        print_line(out, [
            (f"  {f'{unit.start_line}-{unit.end_line}':<10}", "dim"),
            (f"  {printable(unit.name):<32}", "bold"),
            (f"  {local(last.step.timestamp, '%m-%d %H:%M')}", "dim"),
            (f"  {', '.join(last.change)}", "yellow"),
        ])  # fmt: skip
    if len(shown) < len(found):
        text = f"  ⋮ {len(found) - len(shown)} more functions, --all shows them"
        print_line(out, [(text, "dim")])
