"""Run `pattern-tracker sync`: deliver what waits, now, and with --resend what there ever was."""

import argparse
import os
import sys

from lib.commands.bars import bar
from lib.commands.common import CommandError, print_json, printable, spool_directory
from lib.commands.facts import gather
from lib.commands.when import instant
from lib.delivery.approval import Refused
from lib.flusher.process import DEADLINE_SECONDS
from lib.flusher.resend import Resender
from lib.privacy.user_rules import Unusable
from lib.system import files
from lib.system.lock import patient_lock
from lib.system.settings import Settings

BAR = ("delivering", "BarColumn", "MofNCompleteColumn", "TimeRemainingColumn")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Return what may follow the verb."""
    text = "first send what the ledger has again: to a service that is new, or lost its data"
    parser.add_argument("--resend", action="store_true", help=text)
    text = "of it only what was captured since then: 2h, 3d or ISO 8601"
    parser.add_argument("--since", default="", metavar="TIME", help=text)


def run(options: argparse.Namespace) -> int:
    """Deliver and print the result; return 0 only if nothing is left. Raises CommandError."""
    if options.since and not options.resend:
        raise CommandError("--since goes with --resend")
    since = instant(options.since) if options.since else ""
    directory = spool_directory()
    files.make_private_directory(directory)
    with bar(sys.stderr.isatty() and not options.json, *BAR) as move:

        def tell(done: int, left: int) -> None:
            move(completed=done, total=done + left)

        flusher = Resender(directory, Settings(os.environ), progress=tell, make_lock=patient_lock)
        try:
            resent = not options.resend or flusher.resend(DEADLINE_SECONDS, since)
            complete = flusher.run_once(DEADLINE_SECONDS) and resent
        except (TimeoutError, Refused, Unusable) as error:
            raise CommandError(printable(str(error))) from None
    after = gather(directory)
    problem = after["flusher"]["last_error"] or flusher.problem or flusher.trouble or None
    if options.json:
        counts: dict[str, object] = {name: after[name] for name in ("pending", "quarantined")}
        counts |= _told(flusher) if options.resend else {}
        print_json({"synced": flusher.delivered, **counts, "error": problem})
    else:
        again = f"{_worded(flusher)}; " if options.resend else ""
        why = f" ({printable(problem)})" if problem else ""
        print(f"{again}{flusher.delivered} delivered, {after['pending']} left{why}")
    return 0 if complete else 1


def _told(flusher: Resender) -> dict[str, object]:
    """Return what `--json` prints of what was sent again."""
    return {
        "resent": flusher.sent,
        "excluded": flusher.excluded,
        "refused": flusher.refused,
        "goes_on": flusher.goes_on or None,
    }


def _worded(flusher: Resender) -> str:
    """Word what was sent again, and what was not."""
    parts = [f"{flusher.sent} sent again"]
    if flusher.excluded:
        parts.append(f"{flusher.excluded} excluded by your settings")
    if flusher.refused:
        reason = printable(next(iter(flusher.refused.values())))
        parts.append(f"{len(flusher.refused)} refused ({reason})")
    if flusher.goes_on:
        parts.append(f"the others by: pattern-tracker sync --resend --since {flusher.goes_on}")
    return ", ".join(parts)
