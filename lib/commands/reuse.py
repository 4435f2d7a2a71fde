"""Run `pattern-tracker reuse`: print the functions and classes that stand more than once."""

import argparse
import os

from lib.commands.common import (
    CommandError,
    names_of,
    opened,
    print_json,
    printable,
    repository,
    say_nothing,
)
from lib.commands.log import number_of
from lib.commands.terminal import print_line, relative, screen
from lib.ledger.history import History
from lib.units.recorded_units import told, units_below
from lib.units.repeated import Repeated, repeated

SHOWN = 50
STYLES = {"same": "yellow", "renamed": "cyan"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the verb's arguments."""
    text = "a directory or a file; by default this repository"
    parser.add_argument("path", metavar="PATH", nargs="?", default="", help=text)
    text = f"at most N of them (default {SHOWN})"
    parser.add_argument("-n", type=number_of, default=SHOWN, metavar="N", help=text)


def run(options: argparse.Namespace) -> int:
    """Print them, the largest first. Raises CommandError where there is no such directory."""
    history = opened(History)
    if history is None:
        return say_nothing(options.json, json_text="[]")
    path = options.path or repository() or "."
    if not os.path.exists(path):
        raise CommandError(f"there is no {printable(path)}")
    asked = names_of(path)[0]
    root = asked if os.path.isdir(asked) else repository() or os.path.dirname(asked)
    several = repeated(units_below(history, root))
    found = [one for one in several if _is_about(one, asked)][: options.n]
    if options.json:
        print_json([told(one) for one in found])
        return 0
    for one in found:
        _show(one)
    return 0 if found else say_nothing(False, "nothing stands more than once in what was recorded")


def _is_about(one: Repeated, asked: str) -> bool:
    """Check that a copy is in what was asked for, which may be one file."""
    return any(f"{copy.path}/".startswith(f"{asked.rstrip('/')}/") for copy in one.copies)


def _show(one: Repeated) -> None:
    out = screen()
    how = "the same" if one.same == "same" else "the same but for names"
    head = f"{len(one.copies)} times {how}, {one.tokens} tokens"
    print_line(out, [(head, STYLES[one.same])])
    for path, unit in one.copies:
        where = f"{relative(printable(path))}:{unit.start_line}-{unit.end_line}"
        print_line(out, [(f"  {where}", ""), (f"  {printable(unit.qualified_name)}", "dim")])
