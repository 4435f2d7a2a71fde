"""Find what `FILE`, `FILE:LINE` or `FILE:NAME` means."""

import os
from collections.abc import Sequence
from typing import NamedTuple

from lib.commands.common import CommandError, names_of, printable
from lib.commands.present import Present, present
from lib.commands.terminal import relative
from lib.ledger.attribution import contents
from lib.ledger.history import History
from lib.ledger.line_history import Span
from lib.ledger.text import storable
from lib.units.bounded import read
from lib.units.extraction import Unit
from lib.units.grammars import language_at

# So many candidates are named where a name may mean several things.
MOST_TOLD = 8


class Part(NamedTuple):
    """A recorded file, and which of its lines are meant: None for all of them."""

    file: Present
    span: Span | None
    line: int | None = None
    name: str | None = None


def part(history: History, target: str) -> Part:
    """Return what `target` means; a file that has a colon in its name goes first.

    Raises CommandError for a file that was never recorded, and for a line or name that it lacks.
    """
    name, _, rest = target.rpartition(":")
    if not name or not rest or is_file(history, target):
        return Part(present(history, target), None)
    file = present(history, name)
    shown = relative(printable(file.path))
    if rest.isdecimal():
        number, last = int(rest), _length(history, file)
        if not 1 <= number <= last:
            raise CommandError(f"{shown} has {last} line{'s' * (last != 1)}, and no line {rest}")
        return Part(file, (number - 1, number), line=number)
    unit = unit_in(_last(history, file).decode("utf-8", "surrogatepass"), file.path, rest)
    if unit:
        return Part(file, (unit.start_line - 1, unit.end_line), name=unit.qualified_name)
    check_name(history, file.known_as, rest)
    return Part(file, None, name=rest)


def unit_in(code: str, path: str, name: str) -> Unit | None:
    """Return the function, method or class of a file that `name` means, None if none does.

    Its whole name goes before how it ends. Raises CommandError where several are meant.
    """
    units = [one.unit for one in read(code, language_at(path)).units]
    found = [unit for unit in units if unit.qualified_name == name]
    found = found or [unit for unit in units if unit.qualified_name.endswith(f".{name}")]
    if len(found) > 1:
        places = [f"{unit.qualified_name} (line {unit.start_line})" for unit in found]
        raise not_unique(f"{printable(name)} may be any of these in", places, path)
    return found[0] if found else None


def not_unique(text: str, places: Sequence[str], path: str = "") -> CommandError:
    """Make the error that names what may be meant."""
    more = f" and {len(places) - MOST_TOLD} more" if len(places) > MOST_TOLD else ""
    shown = f" {relative(printable(path))}" if path else ""
    return CommandError(f"{text}{shown}: {printable(', '.join(places[:MOST_TOLD]))}{more}")


def check_name(history: History, path: str, name: str) -> None:
    """See that something in a file is known by `name`. Raises CommandError."""
    if name not in _names(history, path):
        shown = relative(printable(path))
        raise CommandError(
            f"nothing in {shown} is known by the name {printable(name)}: "
            f"ask for a line, such as {shown}:1"
        )


def is_file(history: History, name: str) -> bool:
    """Check whether there is a file by that name, or one was recorded."""
    # The disk comes last: what is recorded may lie on one that does not answer.
    return any(map(history.head, names_of(name))) or os.path.lexists(name)


def _names(history: History, path: str) -> set[str]:
    """List what is known to be in a file, by whole names and by their last parts."""
    query = "SELECT DISTINCT pattern_name, qualified_name FROM events WHERE file_path = ?"
    found = {name for row in history.rows(query, (storable(path),)) for name in row if name}
    return found | {name.rpartition(".")[2] for name in found}


def _length(history: History, file: Present) -> int:
    """Count the lines of a file as it is now."""
    last = _last(history, file)
    return last.count(b"\n") + (not last.endswith(b"\n") and bool(last))


def _last(history: History, file: Present) -> bytes:
    """Return what a file holds now, or held last."""
    if file.text is not None:
        return file.text.encode("utf-8", "surrogatepass")
    last = b""
    for _, _, code in contents(history, file.known_as, None):
        last = code
    return last
