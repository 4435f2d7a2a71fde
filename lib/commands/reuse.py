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
from lib.commands.unit_lineage import catch_up
from lib.commands.when import instant, local
from lib.ledger.history import History
from lib.units.recorded_units import Cluster, Recorded

SHOWN = 50
STYLES = {"same": "yellow", "renamed": "cyan", "diverged": "magenta"}
HOW = {"same": "the same", "renamed": "the same but for names", "diverged": "the same once"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the verb's arguments."""
    text = "a directory or a file; by default this repository"
    parser.add_argument("path", metavar="PATH", nargs="?", default="", help=text)
    text = f"at most N of them (default {SHOWN})"
    parser.add_argument("-n", type=number_of, default=SHOWN, metavar="N", help=text)
    text = "only what was copied since then: 2h, 3d or ISO 8601"
    parser.add_argument("--since", default="", metavar="TIME", help=text)
    text = "exit with 1 if there are N or more, however many are shown"
    parser.add_argument("--fail-on", type=_limit, default=0, metavar="N", help=text)
    text = "also tests, what is generated or vendored, and what is the same on purpose"
    parser.add_argument("--all", action="store_true", help=text)


def run(options: argparse.Namespace) -> int:
    """Print them, most code first. Raises CommandError where there is no such directory."""
    since = instant(options.since) if options.since else ""
    history = opened(History)
    if history is None:
        return say_nothing(options.json, json_text="[]")
    path = options.path or repository() or "."
    if not os.path.exists(path):
        raise CommandError(f"there is no {printable(path)}")
    catch_up(history)
    asked = names_of(path)[0]
    root = asked if os.path.isdir(asked) else repository() or os.path.dirname(asked)
    several = Recorded(history, root, options.all).clusters()
    # The newest copy is the last.
    found = [one for one in several if _is_about(one, asked) and one.since[-1] >= since]
    if options.json:
        print_json([one.told() for one in found[: options.n]])
    elif not found:
        say_nothing(False, "nothing stands more than once in what was recorded")
    else:
        for one in found[: options.n]:
            _show(one)
    return 1 if options.fail_on and len(found) >= options.fail_on else 0


def _limit(text: str) -> int:
    """Read a number from 1. Raises ValueError."""
    if number_of(text) == 0:
        raise ValueError
    return int(text)


def _is_about(cluster: Cluster, asked: str) -> bool:
    """Check that a copy is in what was asked for, which may be one file."""
    below = f"{asked.rstrip('/')}/"
    return any(f"{copy.path}/".startswith(below) for copy in cluster.one.copies)


def _show(cluster: Cluster) -> None:
    out = screen()
    same, copies = cluster.one.same, cluster.one.copies
    head = f"{len(copies)} times {HOW[same]}, {cluster.one.lines} lines"
    print_line(out, [(head, STYLES[same])])
    for number, (copy, came) in enumerate(zip(copies, cluster.since, strict=True)):
        unit = copy.unit
        where = f"{relative(printable(copy.path))}:{unit.start_line}-{unit.end_line}"
        when = f"since {local(came, '%Y-%m-%d %H:%M')}" if came else "before recording"
        cells = [
            ("  copy    " if number else "  origin  ", "dim"),
            (f"{where}  {printable(unit.qualified_name)}", ""),
            (f"  {when}", "dim"),
        ]
        print_line(out, cells)
    print_line(out, [("  advice  ", "dim"), (printable(cluster.advice), "")])
