"""Parse the options of `./install.sh`, and find the files that they concern."""

import argparse
import os
from typing import NoReturn

from lib.commands.common import CommandError
from lib.commands.terminal import shortened
from lib.registration import client_version, hook_command
from lib.system import files
from lib.system.places import here


class Plan:
    """What the installer was asked for, and where.

    `source` is the bundle that this code belongs to, `root` where it is installed, `interpreter`
    the Python of the hooks, `settings` the settings file to register them in, `events` which, with
    their scripts, `config` the client's directory.
    """

    def __init__(self, source: str, interpreter: str, arguments: list[str]) -> None:
        """Parse `arguments`. Raises CommandError for bad options, or without a home directory."""
        self.source = source
        self.interpreter = interpreter
        self.options = _parser().parse_args(arguments)
        # Who asks for both wants all gone.
        asked = [verb for verb in ("purge", "uninstall") if getattr(self.options, verb)]
        self.options.verb = asked[0] if asked else "install"
        if self.options.service_url is not None and self.options.verb != "install":
            raise CommandError("--service-url goes with an installation")
        if self.options.past and self.options.verb != "install":
            raise CommandError("--import goes with an installation")
        self.config = _config_directory()
        self.root = f"{self.config}/hooks/pattern-tracker"
        _refuse_root_elsewhere(self.config)
        if self.options.project and not here():
            raise CommandError("the working directory is gone, and so is its project")
        project = f"{here()}/.claude/settings.json" if self.options.project else ""
        self.settings = project or f"{self.config}/settings.json"
        # A project's settings are read by other people's clients too, which may be older.
        tells = not project and client_version.tells_of_failures()
        self.events = hook_command.EVENTS if tells else hook_command.SCRIPTS


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise CommandError(f"{message} (try --help)")


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="install.sh",
        description="Install or upgrade pattern-tracker for Claude Code, or take it out again.",
        epilog="CLAUDE_CONFIG_DIR names Claude Code's directory if it is not ~/.claude.",
        allow_abbrev=False,
    )
    for name, text in (
        ("uninstall", "take out what it put in; the recorded data stays"),
        ("purge", "take out everything, the recorded data too"),
    ):
        parser.add_argument(f"--{name}", action="store_true", help=text)
    parser.add_argument(
        "--service-url", metavar="URL", help="deliver there: a service on this machine, or https"
    )
    text = "record past sessions too, out of the client's transcripts"
    parser.add_argument("--import", action="store_true", dest="past", help=text)
    parser.add_argument(
        "--project",
        action="store_true",
        help="register in .claude/settings.json of this directory instead of your own settings",
    )
    parser.add_argument(
        "--dry-run", action="store_true", help="show what would change, and change nothing"
    )
    return parser


def _refuse_root_elsewhere(directory: str) -> None:
    """Refuse root in another user's directory: files there would be root's. Raises CommandError."""
    if os.geteuid() != 0:
        return
    while not os.path.exists(directory):
        directory = os.path.dirname(directory)
    owner = os.stat(directory).st_uid
    if owner != 0:
        import pwd

        try:
            name = pwd.getpwuid(owner).pw_name
        except KeyError:
            name = f"the user {owner}"
        raise CommandError(f"{directory} belongs to {name}: run this as {name}, without sudo")


def _config_directory() -> str:
    given, home = os.environ.get("CLAUDE_CONFIG_DIR", ""), os.environ.get("HOME", "")
    found = (given or (home and f"{home}/.claude")).rstrip("/")
    if not found:
        raise CommandError("no home directory: set HOME or CLAUDE_CONFIG_DIR")
    if not found.startswith("/"):
        raise CommandError(f"CLAUDE_CONFIG_DIR and HOME must be absolute paths, not {found}")
    return found


def refuse_long(directory: str) -> None:
    """Raise CommandError where the spool `directory` could not hold the ledger."""
    problem = files.too_long(os.path.realpath(directory))
    if problem:
        raise CommandError(f"{shortened(directory)} cannot hold the ledger: {problem}")
