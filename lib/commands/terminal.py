"""Output for people: rich on a terminal, plain text in a pipe and where rich is missing."""

import os
import shutil
import sys
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, NamedTuple

from lib.commands.common import printable

if TYPE_CHECKING:
    from rich.console import Console

# A piece of text and its style, in rich's words.
Cell = tuple[str, str]
# In a pipe nothing is cropped or wrapped.
UNBOUNDED = 100_000


class Plain(NamedTuple):
    """What stands for a console where rich is missing: no colours, and the same width."""

    width: int


def console() -> "Console | Plain":
    """A console for standard output."""
    # A terminal that cannot show a character shows another; that is no reason to fail.
    if hasattr(sys.stdout, "reconfigure"):
        sys.stdout.reconfigure(errors="replace")
    width = None if is_bounded() else UNBOUNDED
    try:
        from rich.console import Console
    except ImportError:
        return Plain(width or shutil.get_terminal_size().columns)
    return Console(highlight=False, markup=False, emoji=False, width=width)


def is_bounded() -> bool:
    """Whether lines have a width: on a terminal, or where somebody names one."""
    return sys.stdout.isatty() or os.environ.get("COLUMNS", "").isdecimal()


def shortened(path: str) -> str:
    """A text in which the home directory is "~"."""
    home = os.environ.get("HOME", "").rstrip("/")
    return path.replace(f"{home}/", "~/") if home.startswith("/") else path


def relative(path: str) -> str:
    """`path` from the working directory if it lies there, else from the home directory."""
    here = os.getcwd().rstrip("/") + "/"
    return path[len(here) :] if path.startswith(here) else shortened(path)


def cropped_left(path: str, width: int) -> str:
    """The end of `path`, which tells most, in `width` columns; all of it for 0."""
    return path if not width or len(path) <= width else f"…{path[1 - width :]}"


def print_line(out: "Console | Plain", cells: Iterable[Cell]) -> None:
    """Print `cells` on one line, cropped at the right edge, without what could drive a terminal."""
    if isinstance(out, Plain):
        text = "".join(printable(content) for content, _ in cells).rstrip()
        print(text if len(text) <= out.width else f"{text[: out.width - 1]}…")
        return
    from rich.text import Text

    line = Text()
    for content, style in cells:
        line.append(printable(content), style)
    line.rstrip()
    out.print(line, no_wrap=True, overflow="ellipsis", crop=True)


def print_rows(rows: Sequence[Sequence[Cell]]) -> None:
    """Print a table whose last column is folded where it is too wide.

    This works without rich too: it is for the verbs that tell why something is missing.
    """
    out = console()
    if isinstance(out, Plain) or not is_bounded():
        return _print_plain(rows)
    from rich.table import Table
    from rich.text import Text

    table = Table.grid(padding=(0, 2, 0, 0))
    for number in range(len(rows[0])):
        table.add_column(no_wrap=number < len(rows[0]) - 1, overflow="fold")
    for row in rows:
        table.add_row(*(Text(printable(content), style) for content, style in row))
    return out.print(table)


def _print_plain(rows: Sequence[Sequence[Cell]]) -> None:
    cells = [[printable(content) for content, _ in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    for row in cells:
        padded = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        print("  ".join(padded).rstrip())
