"""Output for people: rich on a terminal, plain text in a pipe and where rich is missing."""

import os
import shutil
import sys
import unicodedata
from collections.abc import Iterable, Sequence
from itertools import accumulate
from typing import TYPE_CHECKING, NamedTuple

from lib.commands.common import printable
from lib.system.places import here

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
    start = f"{here().rstrip('/')}/"
    return path[len(start) :] if path.startswith(start) and here() else shortened(path)


def cropped_left(path: str, width: int) -> str:
    """The end of `path`, which tells most, in `width` columns; all of it for 0."""
    if not width or columns(path) <= width:
        return path
    return f"…{cropped(path[::-1], width - 1)[::-1]}"


def cropped(text: str, width: int) -> str:
    """The beginning of `text`, in `width` columns."""
    if text.isascii():
        return text[:width]
    left = accumulate(map(columns, text))
    return "".join(c for c, taken in zip(text, left, strict=True) if taken <= width)


def padded(text: str, width: int) -> str:
    """`text` with spaces behind it, in `width` columns at least."""
    return text + " " * (width - columns(text))


def columns(text: str) -> int:
    """How many columns of a terminal `text` takes: two for each wide character, as of Chinese."""
    if text.isascii():
        return len(text)
    wide = sum(unicodedata.east_asian_width(c) in "WF" for c in text)
    return len(text) + wide - sum(unicodedata.category(c) in ("Mn", "Me", "Cf") for c in text)


def print_line(out: "Console | Plain", cells: Iterable[Cell]) -> None:
    """Print `cells` on one line, cropped at the right edge, without what could drive a terminal."""
    if isinstance(out, Plain):
        text = "".join(printable(content) for content, _ in cells).rstrip()
        print(text if columns(text) <= out.width else f"{cropped(text, out.width - 1)}…")
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
    widths = [max(map(columns, column)) for column in zip(*cells, strict=True)]
    for row in cells:
        print("  ".join(map(padded, row, widths)).rstrip())
