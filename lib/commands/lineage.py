"""`pattern-tracker lineage`: where a pattern came from and what became of it."""

import argparse
import os

from lib.commands.common import CommandError, event_of, print_json, printable, require_ledger
from lib.ledger import Ledger


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What may follow the verb."""
    parser.add_argument("target", help="a pattern id, or a file")


def run(options: argparse.Namespace) -> int:
    """Print the lineage. Raises CommandError for an id or file that was never recorded."""
    ledger = require_ledger()
    pattern_id = resolve(ledger, options.target)
    ancestors, descendants = ledger.ancestors(pattern_id), ledger.descendants(pattern_id)
    events = [event_of(row) for row in ledger.events_of([pattern_id, *ancestors, *descendants])]
    if options.json:
        found = {"pattern_id": pattern_id, "ancestors": ancestors, "descendants": descendants}
        print_json({**found, "events": events})
    else:
        _draw(ledger, pattern_id, ancestors, descendants)
    return 0


def resolve(ledger: Ledger, target: str) -> str:
    """The pattern id that `target` means: itself, or what the file of that name held last."""
    if ledger.knows(target):
        return target
    exact = ledger.head(os.path.abspath(target))
    if exact:
        return exact
    files = ledger.files_ending(target)
    if len(files) > 1:
        raise CommandError(f"{printable(target)} may be any of: {', '.join(map(printable, files))}")
    if not files:
        raise CommandError(f"nothing is known of {printable(target)}")
    return ledger.head(files[0])


def _draw(ledger: Ledger, pattern_id: str, ancestors: list[str], descendants: list[str]) -> None:
    names = ledger.names()
    line = [*reversed(ancestors), pattern_id, *descendants]
    for depth, node in enumerate(line):
        indent = "   " * (depth - 1) + ("└─ " if depth else "")
        here = "  <- asked for" if node == pattern_id and len(line) > 1 else ""
        print(f"{indent}{node}  {printable(names.get(node))}{here}")
