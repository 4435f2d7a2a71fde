"""Run `pattern-tracker serve`: a page over what was recorded, on this machine or for a team."""

import argparse
import sys
from functools import partial

from lib.commands import facts, serve_team
from lib.commands.common import opened, print_json, spool_directory
from lib.commands.status import WORDS
from lib.ledger.history import History
from lib.system import packages


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the verb's arguments."""
    text = "at this port (default: any that is free)"
    parser.add_argument("--port", type=_port, default=0, metavar="N", help=text)
    parser.add_argument("--open", action="store_true", help="show it in the browser")
    serve_team.add_arguments(parser)


def run(options: argparse.Namespace) -> int:
    """Serve the page until it is interrupted. Raises CommandError, packages.Missing."""
    if options.team:
        return serve_team.run(options)
    for package in packages.PAGE:
        packages.load(package)
    from lib.web import serving
    from lib.web.asked import Sources

    directory = spool_directory()
    # A ledger of an earlier version is converted now: the page only reads.
    _open_and_close()

    def say(address: str) -> None:
        if options.json:
            print_json({"url": address})
        else:
            print(f"{address}\nOnly you can open it; Ctrl-C ends it.")
        sys.stdout.flush()

    sources = Sources(directory, partial(facts.gather, directory), WORDS)
    serving.serve(sources, options.port, say, options.open)
    # Who only reads leaves the files beside it that SQLite made for that.
    _open_and_close()
    return 0


def _open_and_close() -> None:
    ledger = opened(History)
    if ledger:
        ledger.close()


def _port(text: str) -> int:
    """Read a port. Raises ValueError."""
    if not text.isdecimal() or int(text) > 65_535:
        raise ValueError
    return int(text)
