"""Print for people: fitted and coloured on a terminal, as plain text in a pipe."""

import os
import shutil
import sys
import unicodedata
from collections.abc import Iterable, Sequence
from itertools import accumulate
from typing import NamedTuple

from lib.commands.common import printable
from lib.system import wording
from lib.system.places import here

# A piece of text and its style, in rich's words.
Cell = tuple[str, str]
_CODES = {
    "bold": "1", "dim": "2", "red": "31", "green": "32", "yellow": "33", "magenta": "35",
    "cyan": "36",
}  # fmt: skip
# In a pipe nothing is cropped or wrapped.
UNBOUNDED = 100_000
shortened = wording.shortened


class Screen(NamedTuple):
    """Standard output: how many columns it has, and whether it shows colours."""

    width: int
    is_coloured: bool


def screen() -> Screen:
    """Look at what standard output is."""
    _accept_all()
    width = shutil.get_terminal_size().columns if is_bounded() else UNBOUNDED
    is_able = sys.stdout.isatty() and os.environ.get("TERM", "dumb") not in ("dumb", "unknown")
    is_coloured = is_able or bool(os.environ.get("FORCE_COLOR"))
    return Screen(width, is_coloured and not os.environ.get("NO_COLOR"))


def _accept_all() -> None:
    # A terminal that cannot show a character shows another; that is no reason to fail.
    if hasattr(sys.stdout, "reconfigure"):
        sys.stdout.reconfigure(errors="replace")


def is_bounded() -> bool:
    """Check whether lines have a width: on a terminal, or where COLUMNS gives one."""
    return sys.stdout.isatty() or os.environ.get("COLUMNS", "").isdecimal()


def relative(path: str) -> str:
    """Make `path` relative to the working directory if it is there, else to the home directory."""
    start = f"{here().rstrip('/')}/"
    return path[len(start) :] if path.startswith(start) and here() else shortened(path)


def cropped_left(path: str, width: int) -> str:
    """Return the end of `path`, which tells most, in `width` columns; all of it for 0."""
    if not width or columns(path) <= width:
        return path
    return f"…{cropped(path[::-1], width - 1)[::-1]}"


def cropped(text: str, width: int) -> str:
    """Return the beginning of `text`, in `width` columns."""
    if text.isascii():
        return text[:width]
    left = accumulate(map(columns, text))
    return "".join(c for c, taken in zip(text, left, strict=True) if taken <= width)


def padded(text: str, width: int) -> str:
    """Pad `text` with spaces to at least `width` columns."""
    return text + " " * (width - columns(text))


def columns(text: str) -> int:
    """Count the columns of a terminal that `text` takes: two for a wide character."""
    if text.isascii():
        return len(text)
    wide = sum(unicodedata.east_asian_width(c) in "WF" for c in text)
    return len(text) + wide - sum(unicodedata.category(c) in ("Mn", "Me", "Cf") for c in text)


def print_line(out: Screen, cells: Iterable[Cell]) -> None:
    """Print `cells` on one line, cropped at the right edge, control characters escaped.

    Not through rich, which takes 70 microseconds for a line: a diff may have a million.
    """
    shown = [(printable(content), style) for content, style in cells]
    text = "".join(content for content, _ in shown).rstrip()
    if columns(text) > out.width:
        text = f"{cropped(text, out.width - 1)}…"
    if out.is_coloured:
        text = _styled(text, shown)
    print(text)


def _styled(text: str, shown: Sequence[Cell]) -> str:
    """Colour `text`, which is the beginning of what is `shown`."""
    pieces = []
    for content, style in shown:
        piece, text = text[: len(content)], text[len(content) :]
        codes = ";".join(_CODES[word] for word in style.split())
        pieces.append(f"\x1b[{codes}m{piece}\x1b[0m" if codes and piece else piece)
    return "".join(pieces)


def print_rows(rows: Sequence[Sequence[Cell]]) -> None:
    """Print a table whose last column is folded where it is too wide.

    It works without rich too: it is for the verbs that tell why something is missing.
    """
    _accept_all()
    if not is_bounded():
        return _print_plain(rows)
    try:
        from rich.console import Console
        from rich.table import Table
        from rich.text import Text
    except ImportError:
        return _print_plain(rows)
    table = Table.grid(padding=(0, 2, 0, 0))
    for number in range(len(rows[0])):
        table.add_column(no_wrap=number < len(rows[0]) - 1, overflow="fold")
    for row in rows:
        table.add_row(*(Text(printable(content), style) for content, style in row))
    console = Console(highlight=False, markup=False, emoji=False)
    with console.capture() as shown:
        console.print(table)
    # Not by rich, which takes it for an error that the reader has left.
    return print(shown.get(), end="")


def _print_plain(rows: Sequence[Sequence[Cell]]) -> None:
    cells = [[printable(content) for content, _ in row] for row in rows]
    widths = [max(map(columns, column)) for column in zip(*cells, strict=True)]
    for row in cells:
        print("  ".join(map(padded, row, widths)).rstrip())
