"""Parse the command line and run its verb."""

import argparse
import os
import sqlite3
import sys
from collections.abc import Collection
from importlib import import_module
from keyword import iskeyword
from types import ModuleType

from lib import __version__
from lib.commands import pager, streams
from lib.commands.common import CommandError
from lib.system import bundle, packages
from lib.system.settings import Settings

VERBS = {
    "home": "this project, today's sessions, what waits: also without a command",
    "status": "what waits, what was delivered, what was dropped and why",
    "log": "the recorded events, oldest first",
    "lineage": "where a pattern or a file came from, and what became of it",
    "blame": "whose each line of a file is, and for which prompt it was written",
    "why": "the prompts that made a file or a line of it, and what each changed",
    "show": "the code of an event, a pattern or a file, as it was recorded last or at a time",
    "sessions": "what was asked for in each session, and what that changed",
    "search": "prompts, names and code, the best matches first",
    "reuse": "functions and classes that stand more than once in a project",
    "serve": "a page to look at all of this, on this machine, or --team: a server for many",
    "stats": "patterns, reuse, and edits by language and file over time",
    "export": "the events for other programs: JSON Lines or Agent Trace",
    "sync": "deliver what waits, now",
    "import": "record what past sessions tell, out of the client's transcripts",
    "doctor": "what is wrong, and what to do about it",
    "quarantine": "what could not be delivered: list, show, retry, drop",
    "trust": "let a service on another machine have the events",
    "token": "who may send to a team's server, and ask it: create, list, revoke",
    "consent": "which projects of a team's server are compared with each other",
    "forget": "delete what was kept of prompts and code",
    "completion": "a script that lets bash, zsh or fish complete these",
}
# Those whose output may be longer than a screen.
LONG = (
    "log", "lineage", "blame", "why", "show", "sessions", "search", "reuse", "stats", "export",
    "doctor", "quarantine",
)  # fmt: skip


def main(arguments: list[str] | None = None) -> int:
    """Run the command that `arguments` (None: the process's own) name; return its exit code."""
    os.umask(0o077)
    streams.secure()
    _join_installation()
    words = sys.argv[1:] if arguments is None else arguments
    if words[:1] in ([], ["--json"]):
        words = ["home", *words]
    options = parser(words).parse_args(words)
    try:
        is_long = options.verb in LONG and not options.json and not vars(options).get("follow")
        with pager.paged(is_long):
            code: int = _module(options.verb).run(options)
        sys.stdout.flush()
        return code
    except BrokenPipeError:
        # The reader has seen enough.
        streams.abandon()
        return 0
    except KeyboardInterrupt:
        return 130
    except (CommandError, packages.Missing, OSError, sqlite3.Error) as error:
        print(f"pattern-tracker: {_worded(error)}", file=sys.stderr)
        streams.abandon()
        return 1


def _module(verb: str) -> ModuleType:
    """Import the module of a verb; a word of Python's own is no module's name."""
    return import_module(f"lib.commands.{verb}{'_' * iskeyword(verb)}")


def _join_installation() -> None:
    """Ask of the installation that this command lies in, where no variable names another.

    Only the client may have been told of it, by CLAUDE_CONFIG_DIR.
    """
    own = bundle.config_of(bundle.root())
    if "CLAUDE_CONFIG_DIR" in os.environ or not os.path.isfile(f"{own}/settings.json"):
        return
    default = Settings(os.environ).config_dir
    if own and os.path.realpath(own) != os.path.realpath(default):
        os.environ["CLAUDE_CONFIG_DIR"] = own


def _worded(error: Exception) -> str:
    # SQLite's own class, and none below it: what is in the file is to blame.
    if type(error) is sqlite3.DatabaseError:
        return f"the ledger is damaged ({error}): pattern-tracker sync saves what can be read of it"
    return str(error)


def parser(words: Collection[str]) -> argparse.ArgumentParser:
    """Make the parser; only the verbs among `words` are imported, and have their arguments."""
    made = argparse.ArgumentParser(
        prog="pattern-tracker", description="Where code patterns come from."
    )
    made.add_argument("--version", action="version", version=__version__, help="which this is")
    verbs = made.add_subparsers(dest="verb", required=True, metavar="COMMAND")
    for verb, purpose in VERBS.items():
        command = verbs.add_parser(verb, help=purpose, description=purpose)
        command.add_argument("--json", action="store_true", help="for machines")
        if verb in words:
            _module(verb).add_arguments(command)
    return made
