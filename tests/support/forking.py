"""Runs commands of the checkout as a shell would, in forks of a process that has imported them.

What a command does is what is tested, and not how Python starts: that takes most of its time.
"""

import atexit
import functools
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import IO, Any

from tests.support import forking_server

ROOT = Path(__file__).resolve().parents[2]


@functools.cache
def _server() -> "subprocess.Popen[str]":
    """The process that forks, one of a worker: started as bin/pattern-tracker starts Python."""
    return started(forking_server.__file__)


def started(program: str) -> "subprocess.Popen[str]":
    """Start a program that answers lines until this process ends."""
    server = subprocess.Popen(
        [sys.executable, "-I", "-B", program, str(ROOT)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd="/",
        env={"PATH": os.environ["PATH"]},
    )  # fmt: skip
    atexit.register(_end, server)
    return server


def _end(server: "subprocess.Popen[str]") -> None:
    for pipe in (server.stdin, server.stdout):
        _pipe(pipe).close()
    server.wait()


def forget() -> None:
    """Leave the process that forks to another: this one has come to another place."""
    _server.cache_clear()


def _pipe(pipe: IO[str] | None) -> IO[str]:
    assert pipe
    return pipe


def run(
    arguments: list[str], environ: dict[str, str], cwd: str = ""
) -> "subprocess.CompletedProcess[str]":
    """Run a command with those variables alone, in `cwd` or here; what became of it."""
    server = _server()
    asked: dict[str, Any] = {"arguments": arguments, "environ": environ, "cwd": cwd or os.getcwd()}
    try:
        _pipe(server.stdin).write(json.dumps(asked) + "\n")
        _pipe(server.stdin).flush()
        code, out, err = json.loads(_pipe(server.stdout).readline())
    except BaseException:
        # The next one is not to get this answer.
        server.kill()
        _end(server)
        _server.cache_clear()
        raise
    return subprocess.CompletedProcess(arguments, code, out, err)
