"""A terminal for the programs that behave otherwise on one."""

import fcntl
import os
import select
import signal
import struct
import subprocess
import termios
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType

import pytest

from tests.support.bundle import PATIENCE_SECONDS


def open_terminal() -> tuple[int, int]:
    """The two ends of a pseudo-terminal: what a person sees, and what a program is given.

    Skips the test where the system has none, as in a container without /dev/pts.
    """
    try:
        return os.openpty()
    except OSError as error:
        pytest.skip(f"no pseudo-terminal is to be had: {error.strerror}")


def _take_terminal() -> None:
    """Make standard input the terminal of the session, for signals and for /dev/tty."""
    # A shell that runs the tests in the background has them ignore it.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


class Terminal:
    """Runs `command` on a terminal of 24 lines; `seen` is all that it has shown so far."""

    def __init__(self, *command: str, cwd: Path, environ: dict[str, str]) -> None:
        self._leader, follower = open_terminal()
        fcntl.ioctl(follower, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
        self.process = subprocess.Popen(
            command, stdin=follower, stdout=follower, stderr=follower, cwd=cwd, env=environ,
            start_new_session=True, preexec_fn=_take_terminal,  # noqa: PLW1509 (nothing else runs then)
        )  # fmt: skip
        os.close(follower)
        self.seen = ""
        self._waited = 0

    def __enter__(self) -> "Terminal":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:  # fmt: skip
        os.close(self._leader)  # hangs up: whoever still runs there ends
        self.process.kill()
        self.process.wait()

    def type(self, text: str) -> None:
        """Press the keys of `text`."""
        os.write(self._leader, text.encode())

    def wait_for(self, text: str) -> None:
        """Return once `text` was shown after what was waited for before."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not self.shows(text):
            assert self._read(deadline), f"{text!r} did not come: {self.seen!r}"

    def shows(self, text: str) -> bool:
        """Check whether `text` was shown after what was waited for before."""
        found = self.seen.find(text, self._waited)
        if found >= 0:
            self._waited = found + len(text)
        return found >= 0

    def wait_until(self, condition: Callable[[], object]) -> None:
        """Return once `condition()` is true; what is shown meanwhile is read."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not condition():
            assert time.monotonic() < deadline, f"waited in vain: {self.seen!r}"
            self._read(min(deadline, time.monotonic() + 0.05))

    def end(self) -> int:
        """Wait until the program ends; its exit code."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while self._read(deadline):
            pass
        return self.process.wait(max(0.1, deadline - time.monotonic()))

    def _read(self, deadline: float) -> bool:
        """Read what comes next; False at the end, or if nothing comes until the deadline."""
        left = max(0.0, deadline - time.monotonic())
        if not select.select([self._leader], [], [], left)[0]:
            return False
        try:
            data = os.read(self._leader, 65536)
        except OSError:  # how Linux says that the other end is closed
            return False
        self.seen += data.decode("utf-8", "replace")
        return bool(data)
