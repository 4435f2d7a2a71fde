"""Offer to import what was done before the installation, or do so."""

import subprocess
from contextlib import suppress

from lib.commands.common import CommandError
from lib.commands.setup import link
from lib.commands.setup.plan import Plan
from lib.transcripts import past

# For those who are told that it is on.
HINTS = "The agent is told of code that it writes again: PATTERN_REUSE_HINTS=off silences that."


def finish(plan: Plan) -> None:
    """Import past sessions, if that was asked for, else say how. Raises CommandError."""
    if plan.options.past:
        _bring(plan)
    elif number := past.count(plan.config):
        several = "session" if number == 1 else "sessions"
        print(f"{number} past {several} can be imported: {link.typed(plan.root)} import")


def _bring(plan: Plan) -> None:
    command = [f"{plan.root}/bin/pattern-tracker", "import"]
    code = 1
    with suppress(OSError):
        code = subprocess.run(command, check=False).returncode
    if code:
        raise CommandError("it is installed and on, but past sessions could not be imported")
