"""Find what `FILE`, `FILE:LINE` or `FILE:NAME` means."""

import os
from typing import NamedTuple

from lib.commands.common import CommandError, names_of, printable
from lib.commands.present import Present, present
from lib.commands.terminal import relative
from lib.ledger.attribution import contents
from lib.ledger.history import History
from lib.ledger.line_history import Span
from lib.ledger.text import storable


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
    check_name(history, file.known_as, rest)
    return Part(file, None, name=rest)


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
    return os.path.lexists(name) or any(map(history.head, names_of(name)))


def _names(history: History, path: str) -> set[str]:
    """List what is known to be in a file, by whole names and by their last parts."""
    query = "SELECT DISTINCT pattern_name, qualified_name FROM events WHERE file_path = ?"
    found = {name for row in history.rows(query, (storable(path),)) for name in row if name}
    return found | {name.rpartition(".")[2] for name in found}


def _length(history: History, file: Present) -> int:
    """Count the lines of a file as it is now."""
    last = b"" if file.text is None else file.text.encode("utf-8", "surrogatepass")
    if file.text is None:
        for _, _, code in contents(history, file.known_as, None):
            last = code
    return last.count(b"\n") + (not last.endswith(b"\n") and bool(last))
