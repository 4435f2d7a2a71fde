"""Run `pattern-tracker import`: record what past sessions tell, out of the client's transcripts."""

import argparse
import os
import sys
import time
from collections.abc import Callable
from datetime import datetime

from lib.commands.bars import bar
from lib.commands.common import CommandError, print_json, printable, spool_directory
from lib.commands.when import instant
from lib.delivery.approval import Refused
from lib.flusher.importing import OUTCOMES, SESSIONS, Chosen, Importer
from lib.flusher.process import DEADLINE_SECONDS
from lib.flusher.resend import Resender
from lib.privacy.user_rules import Unusable
from lib.system import files
from lib.system.lock import patient_lock
from lib.system.places import here, real
from lib.system.settings import Settings
from lib.transcripts.past import sessions

# How often the bar moves, in seconds.
_BEAT = 0.1
BAR = ("{task.description}", "BarColumn", "TaskProgressColumn")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Return what may follow the verb."""
    text = "only what was done since then: 2h, 3d or ISO 8601"
    parser.add_argument("--since", default="", metavar="TIME", help=text)
    text = "only what was done in this directory, or to files in it"
    parser.add_argument("--project", default="", metavar="DIRECTORY", help=text)
    text = "only count what there is to record"
    parser.add_argument("--dry-run", action="store_true", help=text)
    text = "send it to the service too; without this nothing is"
    parser.add_argument("--send", action="store_true", help=text)


def run(options: argparse.Namespace) -> int:
    """Import and print the counts; 0, or 1 if the service has not got all. Raises CommandError."""
    if options.send and options.dry_run:
        raise CommandError("--send does not go with --dry-run")
    since = instant(options.since) if options.since else ""
    project = real(os.path.normpath(os.path.join(here(), options.project)))
    chosen = Chosen(since, project if options.project else "")
    directory, settings = spool_directory(), Settings(os.environ)
    if not settings.enabled:
        raise CommandError("tracking is off (PATTERN_TRACKING_ENABLED), and so is this")
    past = sessions(settings.config_dir, _seconds(since)) if settings.config_dir else []
    if not options.dry_run:
        files.make_private_directory(directory)
    importer = Importer(directory, settings, make_lock=patient_lock)
    with bar(sys.stderr.isatty() and not options.json, *BAR) as move:
        tell = _now_and_then(move)
        try:
            if options.dry_run:
                importer.count_past(past, chosen, tell)
            else:
                importer.import_past(past, chosen, DEADLINE_SECONDS, tell)
        except (TimeoutError, Unusable) as error:
            raise CommandError(printable(str(error))) from None
    sender = _send(directory, settings, importer.oldest) if options.send else None
    _say(options, importer, len(past), sender)
    return 0 if sender is None or not (sender.goes_on or sender.refused) else 1


def _seconds(since: str) -> float:
    return datetime.fromisoformat(since).timestamp() if since else 0.0


def _send(directory: str, settings: Settings, since: str) -> Resender | None:
    """Send what was recorded, and what else was captured since then."""
    if not since:
        return None
    sender = Resender(directory, settings, make_lock=patient_lock)
    try:
        sender.resend(DEADLINE_SECONDS, since)
    except (TimeoutError, Refused, Unusable) as error:
        raise CommandError(f"it is recorded, but not sent: {printable(str(error))}") from None
    return sender


def _say(
    options: argparse.Namespace, importer: Importer, past: int, sender: Resender | None
) -> None:
    counts = {name: importer.counts[name] for name in OUTCOMES}
    sessions_told = importer.counts[SESSIONS]
    if options.json:
        sent = {"sent": sender.sent} if sender else {}
        print_json({"dry_run": options.dry_run, "sessions": sessions_told, **counts, **sent})
        return
    would = "would be recorded" if options.dry_run else "recorded"
    words = [f"{counts['events']} events {would}", f"{counts['known']} already known"]
    words += [f"{counts[name]} {name}" for name in ("excluded", "unreadable") if counts[name]]
    words += [f"{sender.sent} sent"] if sender else []
    print(f"{', '.join(words)}; {sessions_told} of {past} sessions changed files")


def _now_and_then(move: Callable[..., None]) -> Callable[[str, float], None]:
    """Make what tells a bar which step it is and how far, as often as anybody can see."""
    moved = [0.0]

    def tell(step: str, part: float) -> None:
        if time.monotonic() - moved[0] >= _BEAT:
            moved[0] = time.monotonic()
            move(description=step, completed=part, total=1.0)

    return tell
