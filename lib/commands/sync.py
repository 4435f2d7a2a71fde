"""`pattern-tracker sync`: deliver what waits, now."""

import argparse
import os

from lib import files
from lib.commands.common import CommandError, print_json, printable, spool_directory
from lib.commands.status import gather
from lib.flusher import DEADLINE_SECONDS, Flusher
from lib.settings import Settings


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What may follow the verb: nothing of its own."""


def run(options: argparse.Namespace) -> int:
    """Deliver; 0 only if nothing is left."""
    directory = spool_directory()
    files.make_private_directory(directory)
    flusher = Flusher(directory, Settings(os.environ))
    try:
        complete = flusher.run_once(DEADLINE_SECONDS)
    except TimeoutError as error:
        raise CommandError(str(error)) from None
    after = gather(directory)
    problem = after["flusher"]["last_error"]
    if options.json:
        counts = {name: after[name] for name in ("pending", "quarantined")}
        print_json({"synced": flusher.delivered, **counts, "error": problem})
    else:
        why = f" ({printable(problem)})" if problem else ""
        print(f"{flusher.delivered} delivered, {after['pending']} left{why}")
    return 0 if complete else 1
