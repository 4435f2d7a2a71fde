"""Define what a check is given, and what it returns."""

import subprocess
from collections.abc import Mapping
from typing import Any, NamedTuple

from lib.commands.facts import Facts
from lib.system.settings import Settings

OK, WARNING, SERIOUS, UNKNOWN = "ok", "warning", "serious", "unknown"
PROBE_SECONDS = 20.0
INSTALL = "run ./install.sh in the repository"


class Finding(NamedTuple):
    """The outcome of one check.

    `level` is OK, WARNING (it works, but), SERIOUS (nothing is captured or delivered until a
    person acts) or UNKNOWN (never observed); `text` is one line; `fix` says what to do, "" if
    there is nothing.
    """

    level: str
    text: str
    fix: str = ""


class Unread(Exception):
    """A check needs facts that could not be gathered."""


class Entry(NamedTuple):
    """A registered hook of ours.

    `event` is the client's; `root` is the bundle that it runs, `where` the place of registration;
    `takes_over`: another Python takes over where the interpreter is gone.
    """

    event: str
    matcher: str
    interpreter: str
    root: str
    where: str
    takes_over: bool = False


class Source(NamedTuple):
    """A settings file of the client: its scope, path, content, and why it cannot be read."""

    scope: str
    path: str
    settings: Mapping[str, Any]
    problem: str = ""


class Site(NamedTuple):
    """What the checks look at.

    `root` is the bundle that the command belongs to and `bundle` the one whose hooks are
    registered, if any; `environ` and `settings` are as the hooks have them; `status` is what
    `pattern-tracker status` gathered, None if it could not; `now` is in seconds since 1970.
    """

    root: str
    bundle: str
    environ: Mapping[str, str]
    settings: Settings
    sources: list[Source]
    entries: list[Entry]
    status: Facts | None
    now: float

    @property
    def directory(self) -> str:
        """The spool's directory, "" if there is nowhere to put it."""
        return self.settings.cache_dir

    @property
    def facts(self) -> Facts:
        """What `pattern-tracker status` gathered. Raises Unread."""
        if self.status is None:
            raise Unread("the status could not be read")
        return self.status


def probe(*command: str) -> tuple[int, str]:
    """Run a program; return its exit code, -1 if it does not start or end, and its output."""
    try:
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False,
            timeout=PROBE_SECONDS,
        )  # fmt: skip
    except (OSError, subprocess.SubprocessError):
        return -1, ""
    return done.returncode, done.stdout
