"""Run `pattern-tracker sync`: deliver what waits, now."""

import argparse
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from lib.commands.common import CommandError, print_json, printable, spool_directory
from lib.commands.facts import gather
from lib.flusher.process import DEADLINE_SECONDS, Flusher
from lib.system import files
from lib.system.lock import patient_lock
from lib.system.settings import Settings


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Return what may follow the verb: nothing of its own."""


def run(options: argparse.Namespace) -> int:
    """Deliver and print the result; return 0 only if nothing is left."""
    directory = spool_directory()
    files.make_private_directory(directory)
    with _progress(shown=sys.stderr.isatty() and not options.json) as progress:
        flusher = Flusher(
            directory, Settings(os.environ), progress=progress, make_lock=patient_lock
        )
        try:
            complete = flusher.run_once(DEADLINE_SECONDS)
        except TimeoutError as error:
            raise CommandError(str(error)) from None
    after = gather(directory)
    problem = after["flusher"]["last_error"] or flusher.problem or None
    if options.json:
        counts = {name: after[name] for name in ("pending", "quarantined")}
        print_json({"synced": flusher.delivered, **counts, "error": problem})
    else:
        why = f" ({printable(problem)})" if problem else ""
        print(f"{flusher.delivered} delivered, {after['pending']} left{why}")
    return 0 if complete else 1


@contextmanager
def _progress(shown: bool) -> Iterator[Callable[[int, int], None]]:
    """Make the function that the flusher calls with its progress: it draws a bar if `shown`."""
    if not shown:
        yield lambda done, left: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn

    columns = ("delivering", BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("", total=None)
        yield lambda done, left: bar.update(task, completed=done, total=done + left)
