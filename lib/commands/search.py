"""Run `pattern-tracker search`: find words in prompts, titles, names and code."""

import argparse
import sys
from contextlib import closing
from typing import NamedTuple

from lib.commands.bars import bar
from lib.commands.common import opened, print_json, printable, say_nothing, spool_directory
from lib.commands.log import number_of
from lib.commands.terminal import Cell, print_line, relative, screen
from lib.commands.when import local
from lib.ledger import search_index
from lib.ledger.history import History
from lib.ledger.prompts import prompts, session
from lib.ledger.search_index import FILE, PROMPT, Found
from lib.ledger.store import FILE_NAME

SHOWN = 20
STYLES = {PROMPT: "yellow", FILE: "green"}
# How much of a session's id is shown; enough to give it to another command.
ID_DIGITS = 8
# Fewer documents are indexed before anybody could read how far that is.
MANY = 2000
BAR = ("indexing", "BarColumn", "MofNCompleteColumn")


class Place(NamedTuple):
    """Where a match is: what a person goes on with, and when that was, "" where it is a file."""

    text: str
    timestamp: str
    session_id: str


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
        found = [(one, _place(history, one)) for one in index.find(text, options.n)]
    for one, place in found:
        if options.json:
            print_json({**one._asdict(), **place._asdict()})
        else:
            print_line(screen(), _cells(one, place))
    return 0 if found else say_nothing(options.json, f"nothing with {printable(text)}")


def _place(history: History, found: Found) -> Place:
    if found.kind == FILE:
        return Place(found.key, "", "")
    if found.kind == PROMPT:
        prompt = prompts(history, [found.key])[found.key]
        about = session(history, prompt.session_id)
        return Place(about.title or "", prompt.timestamp, prompt.session_id)
    return Place(session(history, found.key).cwd or "", "", found.key)


def _cells(found: Found, place: Place) -> list[Cell]:
    if found.kind == FILE:
        number = f":{found.number}" if found.number else ""
        where = f"{relative(printable(place.text))}{number}"
    else:
        when = f"{local(place.timestamp, '%Y-%m-%d %H:%M')} " if place.timestamp else ""
        where = f"{when}{place.session_id[:ID_DIGITS]}"
    line = found.line.strip() if found.kind != FILE or found.number else ""
    return [
        (f"{found.kind:<8}", STYLES.get(found.kind, "cyan")),
        (where, "bold"),
        (f"  {line}", ""),
    ]
