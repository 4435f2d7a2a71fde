"""Run `pattern-tracker serve --team`: the service that a team's hooks send to, and its page."""

import argparse
import os
import sys

from lib.commands import team_database
from lib.commands.common import CommandError, print_json
from lib.system import packages

# Transactions that record at once. SQLite has one at a time, whoever asks.
WRITERS = 3


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments that only a team's server has."""
    made = parser.add_argument_group("a team's server")
    made.add_argument("--team", action="store_true", help="serve a team, from a database")
    made.add_argument("--host", default="127.0.0.1", help="listen there (default: this machine)")
    made.add_argument("--certificate", metavar="FILE", help="of TLS, with the chain, in PEM")
    made.add_argument("--key", metavar="FILE", help="of the certificate")
    text = "a proxy's address, whose X-Forwarded headers are believed (may be given again)"
    made.add_argument("--behind", action="append", metavar="ADDRESS", default=[], help=text)
    text = "requests of a token in a minute, 0 for any number (default: 6000)"
    made.add_argument("--rate", type=_number, default=6000, metavar="N", help=text)
    text = "delete what is older; or PROJECT=DAYS, of one project (may be given again)"
    made.add_argument("--keep-days", action="append", metavar="DAYS", default=[], help=text)
    # It is the same word for every verb that has it.
    team_database.add_argument(parser)


def run(options: argparse.Namespace) -> int:
    """Serve until a signal. Raises CommandError, packages.Missing."""
    for package in packages.PAGE:
        packages.load(package)
    from lib.web.team import hosting
    from lib.web.team.app import Rules

    if bool(options.certificate) is not bool(options.key):
        raise CommandError("TLS needs --certificate and --key")
    files = options.certificate or "", options.key or ""
    place = hosting.Place(options.host, options.port, *files, options.behind)
    if not place.is_private:
        problem = "tokens could be read on the way"
        raise CommandError(f"{problem}: --certificate and --key, or --behind PROXY, or no --host")
    days, of_projects = _ages(options.keep_days)
    url = options.database or os.environ.get(team_database.VARIABLE, "")
    writers = 1 if url.startswith("sqlite:") else WRITERS

    def say(address: str) -> None:
        if options.json:
            print_json({"url": address})
        else:
            print(f"{address}\nHooks send to it, and browsers show it. Ctrl-C ends it.")
        sys.stdout.flush()

    with team_database.opened(options) as storage:
        hosting.serve(storage, Rules(options.rate, writers, days, of_projects), place, say)
    return 0


def _ages(given: list[str]) -> tuple[int | None, dict[str, int]]:
    """Read for how many days events are kept: all, and those of projects. Raises CommandError."""
    everything: int | None = None
    of_projects: dict[str, int] = {}
    for text in given:
        project, _, days = text.rpartition("=")
        if not days.isdecimal():
            raise CommandError("--keep-days takes a number, or PROJECT=NUMBER")
        if project:
            of_projects[project] = int(days)
        else:
            everything = int(days)
    return everything, of_projects


def _number(text: str) -> int:
    """Read a number. Raises ValueError."""
    if not text.isdecimal():
        raise ValueError
    return int(text)
