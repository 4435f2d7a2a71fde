"""Run `pattern-tracker search`: find words in prompts, titles, names and code."""

import argparse
import sys
from contextlib import closing

from lib.commands.bars import bar
from lib.commands.common import opened, print_json, printable, say_nothing, spool_directory
from lib.commands.log import number_of
from lib.commands.terminal import Cell, print_line, relative, screen
from lib.commands.when import local
from lib.ledger import search_index
from lib.ledger.history import History
from lib.ledger.search_index import FILE, PROMPT, Found, Place, place
from lib.ledger.store import FILE_NAME

SHOWN = 20
STYLES = {PROMPT: "yellow", FILE: "green"}
# How much of a session's id is shown; enough to give it to another command.
ID_DIGITS = 8
# Fewer documents are indexed before anybody could read how far that is.
MANY = 2000
BAR = ("indexing", "BarColumn", "MofNCompleteColumn")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the verb's arguments."""
    parser.add_argument("text", metavar="TEXT", nargs="+", help="words, or how they begin")
    text = f"at most N matches (default {SHOWN})"
    parser.add_argument("-n", type=number_of, default=SHOWN, metavar="N", help=text)


def run(options: argparse.Namespace) -> int:
    """Print the matches, the best first. Raises CommandError."""
    history = opened(History)
    if history is None:
        return say_nothing(options.json)
    text = " ".join(options.text)
    shown = sys.stderr.isatty() and not options.json
    path = f"{spool_directory()}/{FILE_NAME}"
    with closing(history), search_index.opened(path) as index, bar(shown, *BAR) as move:
        index.update(
            history, lambda done, count: move(completed=done, total=count, visible=count >= MANY)
        )
        found = [(one, place(history, one)) for one in index.find(text, options.n)]
    for one, at in found:
        if options.json:
            print_json({**one._asdict(), **at._asdict()})
        else:
            print_line(screen(), _cells(one, at))
    return 0 if found else say_nothing(options.json, f"nothing with {printable(text)}")


def _cells(found: Found, at: Place) -> list[Cell]:
    if found.kind == FILE:
        number = f":{found.number}" if found.number else ""
        where = f"{relative(printable(at.text))}{number}"
    else:
        when = f"{local(at.timestamp, '%Y-%m-%d %H:%M')} " if at.timestamp else ""
        where = f"{when}{at.session_id[:ID_DIGITS]}"
    line = found.line.strip() if found.kind != FILE or found.number else ""
    return [
        (f"{found.kind:<8}", STYLES.get(found.kind, "cyan")),
        (where, "bold"),
        (f"  {line}", ""),
    ]
