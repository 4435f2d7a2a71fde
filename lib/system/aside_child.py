"""Hold the parent's end of a child process that answers questions, and may never answer one."""

import json
import os
import select
import subprocess
import sys
import time
from collections.abc import Iterable
from typing import Any

from lib.system import bundle

START_SECONDS = 15.0
# A child that was killed is gone within that, unless nothing can kill it.
_END_SECONDS = 0.2
_START = (
    "import sys;sys.path.insert(0,sys.argv[1]);from lib.system.aside_answers import serve;serve()"
)
# Children that could not be ended: reaped when they have.
_left: "list[subprocess.Popen[bytes]]" = []


class Child:
    """A child process that answers one question after another, each a line of JSON.

    It touches nothing below the mounts `held`. `at` is the mount that it touched last. Raises
    OSError, where it does not start or has ended.
    """

    def __init__(self, held: Iterable[str]) -> None:
        self.at = ""
        self._data = b""
        _left[:] = [process for process in _left if process.poll() is None]
        command = [sys.executable, "-I", "-S", "-B", "-c", _START, bundle.root(), *held]
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
            cwd="/", start_new_session=True,
        )  # fmt: skip
        try:
            self.answer(START_SECONDS)
        except OSError:
            self.end()
            raise

    @property
    def pid(self) -> int:
        """The process's number."""
        return self._process.pid

    def send(self, question: list[Any]) -> None:
        """Ask a question: module, class, method, arguments. Raises OSError."""
        assert self._process.stdin
        self._process.stdin.write(json.dumps(question).encode() + b"\n")
        self._process.stdin.flush()

    def answer(self, seconds: float) -> dict[str, Any]:
        """Return the answer. Raises TimeoutError if it has not come within `seconds`, OSError."""
        assert self._process.stdout
        until = time.monotonic() + seconds
        fd = self._process.stdout.fileno()
        waiting = select.poll()
        waiting.register(fd, select.POLLIN)
        while True:
            line, end, rest = self._data.partition(b"\n")
            if end:
                self._data = rest
                said: dict[str, Any] = json.loads(line)
                if "at" not in said:
                    return said
                self.at = said["at"]
                continue
            if not waiting.poll(max(0.0, until - time.monotonic()) * 1000):
                raise TimeoutError("no answer in time")
            data = os.read(fd, 65536)
            if not data:
                raise ConnectionError("its child has ended")
            self._data += data

    def end(self) -> None:
        """End the process; one that cannot be killed is left to itself. Never raises."""
        process = self._process
        for pipe in (process.stdin, process.stdout):
            try:
                assert pipe
                pipe.close()
            except OSError:
                pass
        process.kill()
        try:
            process.wait(_END_SECONDS)
        except subprocess.TimeoutExpired:
            _left.append(process)
