"""Standard streams that somebody closed: nothing else may get their numbers."""

import io
import os
import sys

from lib.commands.common import CommandError


class _Closed(io.TextIOBase):
    """Standard output for whom it is closed: what is printed is an error."""

    def write(self, text: str) -> int:
        raise CommandError("standard output is closed")


def secure() -> None:
    """Put something in the place of the standard streams that are closed."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            # The lowest number that is free: those below are taken.
            os.open(os.devnull, os.O_RDWR)
    if sys.stdout is None:
        sys.stdout = _Closed()
    if sys.stderr is None:
        sys.stderr = io.StringIO()


def abandon() -> None:
    """Let the interpreter not write at its end what could not be written before."""
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
