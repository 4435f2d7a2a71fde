"""`pattern-tracker log`: the recorded events, oldest first."""

import argparse

from lib.commands.common import event_of, print_json, printable, require_ledger


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What may follow the verb."""
    parser.add_argument("-n", type=int, default=-1, metavar="N", help="only the newest N events")


def run(options: argparse.Namespace) -> int:
    """Print the events."""
    for row in require_ledger().log(options.n):
        event = event_of(row)
        if options.json:
            print_json(event)
        else:
            print(_line(event))
    return 0


def _line(event: dict[str, str]) -> str:
    when = event["timestamp"][:19].replace("T", " ")
    kind = event["event_type"].removeprefix("pattern_")
    name, path = printable(event["pattern_name"]), printable(event["file_path"])
    return f"{when}  {kind:<9} {event['pattern_id']:<36} {name}  {path}"
