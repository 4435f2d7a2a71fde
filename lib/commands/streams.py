"""Replace standard streams that are closed, so that no other file gets their numbers."""

import io
import os
import sys

from lib.commands.common import CommandError


class _Closed(io.TextIOBase):
    """Stands for a standard output that is closed: printing raises CommandError."""

    def write(self, text: str) -> int:
        raise CommandError("standard output is closed")


def secure() -> None:
    """Open something in the place of each standard stream that is closed."""
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
    """Keep the interpreter from writing at its end what could not be written before."""
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
