"""Run `pattern-tracker forget`: delete what was kept of prompts and code."""

import argparse
import glob
import os
from contextlib import closing

from lib.capture.hook import REUSE
from lib.commands import forget_team, team_database
from lib.commands.common import (
    CommandError,
    names_of,
    print_json,
    printable,
    say_nothing,
    spool_directory,
)
from lib.commands.reading import has_ledger, read_ledger
from lib.commands.short_ids import only
from lib.commands.when import instant
from lib.ledger import search_index
from lib.ledger.forgetting import Chosen, Forgotten, forget
from lib.ledger.history import History
from lib.ledger.salvage import ASIDE
from lib.ledger.store import FILE_NAME
from lib.ledger.text import storable
from lib.spool import outbox
from lib.system.lock import patient_lock

# How long another flusher is waited for, in seconds.
PATIENCE = 30.0
# All that a session may have left: also one that changed comments alone.
_KNOWN = "SELECT session_id FROM {} WHERE substr(session_id, 1, length(?1)) = ?1"
_WITH_SESSIONS = ("events", "revisions", "prompts", "sessions")
NOUNS = {
    "prompts": ("prompt", "prompts"),
    "titles": ("title", "titles"),
    "code": ("piece of code", "pieces of code"),
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the verb's arguments."""
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--session", metavar="ID", help="its prompts, its title, and code of its own")
    what.add_argument("--prompt", metavar="ID", help="the text of one prompt")
    what.add_argument("--file", metavar="PATH", help="all code that was kept of a file")
    text = "the prompts from before, and the code that no later step holds"
    what.add_argument("--before", metavar="TIME", help=text)
    text = "all that a team's server has of somebody, tokens too"
    what.add_argument("--person", metavar="NAME", help=text)
    text = "all that a team's server has of a project"
    what.add_argument("--project", metavar="NAME", help=text)
    team_database.add_argument(parser)
    parser.add_argument(
        "--yes", action="store_true", help="do it: without, say how much it would be"
    )


def run(options: argparse.Namespace) -> int:
    """Forget what is asked for; without --yes only count it. Raises CommandError."""
    if options.person or options.project:
        return forget_team.run(options)
    directory = spool_directory()
    if not has_ledger(directory):
        return say_nothing(options.json)
    lock = patient_lock(f"{directory}/{outbox.LOCK_FILE}")
    if not lock.acquire(PATIENCE):
        raise CommandError("a flusher is at work; try again")
    try:
        with closing(read_ledger(History, directory)) as history:
            found = forget(history.connection, _chosen(history, options), options.yes)
        if options.yes:
            search_index.remove(search_index.path_of(f"{directory}/{FILE_NAME}"))
            # Digests of lines are in there; the flusher makes it anew.
            for path in glob.glob(f"{glob.escape(directory)}/{REUSE}*"):
                os.unlink(path)
    finally:
        lock.release()
    if options.json:
        print_json({**found._asdict(), "done": options.yes})
    else:
        print(_worded(found, options.yes))
        _say_what_is_left(directory, options.yes)
    return 0


def _chosen(history: History, options: argparse.Namespace) -> Chosen:
    if options.session:
        query = " UNION ".join(_KNOWN.format(table) for table in _WITH_SESSIONS)
        return Chosen(session_id=_one(history, query, options.session))
    if options.prompt:
        query = "SELECT prompt_id FROM prompts WHERE substr(prompt_id, 1, length(?1)) = ?1 LIMIT 10"
        return Chosen(prompt_id=_one(history, query, options.prompt))
    if options.before:
        return Chosen(before=instant(options.before))
    names = [options.file, *names_of(options.file)]
    for name in names:
        if history.rows("SELECT 1 FROM files WHERE path = ?", (storable(name),)):
            return Chosen(path=storable(name))
    raise CommandError(f"{printable(options.file)} was never recorded")


def _one(history: History, query: str, prefix: str) -> str:
    """Return the one id that begins with `prefix`. Raises CommandError."""
    return only([row[0] for row in history.rows(query, (storable(prefix),))], prefix)


def _worded(found: Forgotten, is_done: bool) -> str:
    counts = found._asdict().items()
    parts = [f"{count} {NOUNS[name][count != 1]}" for name, count in counts if count]
    if not parts:
        return "there is nothing of that to forget"
    told = ", ".join(parts)
    return f"forgotten: {told}" if is_done else f"--yes would forget {told}"


def _say_what_is_left(directory: str, is_done: bool) -> None:
    """Name what this does not reach."""
    waiting = sum(1 for _ in outbox.names(directory))
    if waiting and is_done:
        print(f"{waiting} events wait and are not in the ledger yet: pattern-tracker sync first")
    for path in sorted(glob.glob(f"{glob.escape(directory)}/{ASIDE}*")):
        if not path.endswith(("-wal", "-shm", "-journal")) and is_done:
            print(f"a damaged ledger still has it: rm {printable(os.path.abspath(path))}")
