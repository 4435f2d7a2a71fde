"""Show long output on a terminal by the user's pager."""

import io
import os
import shlex
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING

from lib.system import origins
from lib.system.settings import Settings

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

DEFAULT = "less"
# As git has it: end at once where all fits one screen, pass colours on, leave the text there.
OPTIONS = "FRX"


@contextmanager
def paged(is_wanted: bool) -> Iterator[None]:
    """Pass what is printed meanwhile to a pager, if that is wanted and there is one.

    At the end it waits until the user has read. Raises BrokenPipeError where they quit earlier, and
    OSError where their pager cannot be run.
    """
    terminal = sys.stdout
    is_able = is_wanted and terminal.isatty() and os.environ.get("TERM", "dumb") != "dumb"
    environ = _environment() if is_able else {}
    command = _command(environ) if is_able else []
    if not command:
        yield
        return
    pages = io.BufferedWriter(_Pages(command, environ))
    sys.stdout = io.TextIOWrapper(pages, encoding=terminal.encoding, errors="replace")
    try:
        yield
    finally:
        # From here on Ctrl-C is for the pager, which has a use of its own for it.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        output, sys.stdout = sys.stdout, terminal
        output.close()


def _environment() -> dict[str, str]:
    """Take from the environment what a project chose: PAGER, PATH and LESSOPEN name programs."""
    environ = dict(os.environ)
    origins.forget_project(environ, Settings(environ).config_dir)
    return {"LESS": OPTIONS, **environ}


def _command(environ: dict[str, str]) -> list[str]:
    """Find the pager that `environ` names, and its arguments; empty for none.

    Only by an absolute path: what the working directory holds may be anybody's.
    """
    try:
        words = shlex.split(environ.get("PAGER", DEFAULT)) or [""]
    except ValueError:
        return []
    program = shutil.which(words[0], path=environ.get("PATH", os.defpath))
    return [program, *words[1:]] if program and os.path.isabs(program) else []


class _Pages(io.RawIOBase):
    """The pager's input, which takes what the terminal does: colours, and lines of its width.

    The pager starts with the first output, for an error needs none.
    """

    def __init__(self, command: list[str], environ: dict[str, str]) -> None:
        self._command = command
        self._environ = environ
        self._process: subprocess.Popen[bytes] | None = None

    def writable(self) -> bool:
        return True

    def isatty(self) -> bool:
        return True

    def write(self, data: "ReadableBuffer") -> int | None:
        return self._input().write(data)

    def _input(self) -> IO[bytes]:
        if not self._process:
            self._process = subprocess.Popen(
                self._command, bufsize=0, stdin=subprocess.PIPE, env=self._environ
            )
        assert self._process.stdin
        return self._process.stdin

    def close(self) -> None:
        if self._process and not self.closed:
            self._input().close()
            self._process.wait()
        super().close()
