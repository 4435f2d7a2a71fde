"""Real file systems in a mount namespace of the test's own: nothing stays mounted."""

import ctypes
import faulthandler
import functools
import json
import os
import select
import shutil
import signal
import subprocess
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import pytest
from _pytest.runner import runtestprotocol

from lib.system import aside, mounts
from tests.support import forking

# A test that hangs would else do so for good.
_SECONDS = 90
ALONE = ["unshare", "--mount", "--propagation", "private"]


def needs_mounts() -> pytest.MarkDecorator:
    """The mark of tests that mount."""
    return pytest.mark.skipif(not can_mount(), reason="mounting needs Linux, root and unshare")


@functools.cache
def can_mount() -> bool:
    """Check whether this process may mount, in a namespace of its own."""
    if os.geteuid() != 0 or not shutil.which("unshare"):
        return False
    probe = [*ALONE, "mount", "-t", "tmpfs", "none", "/mnt"]
    return subprocess.run(probe, capture_output=True, check=False).returncode == 0


def run_mounted(script: str, environ: dict[str, str]) -> Any:
    """Run a shell script that may mount what it likes; the finished process."""
    return subprocess.run(
        [*ALONE, "sh", "-ec", script], env=environ, capture_output=True, text=True, check=False
    )


def alone(test: Callable[..., None], seconds: float = _SECONDS) -> Callable[..., None]:
    """Let a test run in a mount namespace of its own, its fixtures too: in a child process.

    It has so many `seconds`.
    """
    marked: Callable[..., None] = needs_mounts()(pytest.mark.alone(seconds)(test))
    return marked


def pytest_runtest_protocol(item: pytest.Item, nextitem: pytest.Item | None) -> bool | None:
    """Run a test that is marked `alone` in its child; conftest.py makes this module a plugin."""
    marker = item.get_closest_marker("alone")
    if not marker or not can_mount():
        return None
    item.ihook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
    for report in _reports(item, marker.args[0]):
        item.ihook.pytest_runtest_logreport(report=report)
    item.session._setupstate.teardown_exact(nextitem)
    item.ihook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)
    return True


def _reports(item: pytest.Item, seconds: float) -> list[pytest.TestReport]:
    receiver, sender = os.pipe()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # the worker has threads
        pid = os.fork()
    if pid == 0:
        try:
            os.close(receiver)
            faulthandler.dump_traceback_later(seconds - 5, file=sender)
            _leave()
            # What the item shares with others is the worker's to end.
            shared = cast(pytest.Item, item.parent)
            reports = runtestprotocol(item, log=False, nextitem=shared)
            to_data = item.config.hook.pytest_report_to_serializable
            data = [to_data(config=item.config, report=report) for report in reports]
            faulthandler.cancel_dump_traceback_later()
            with open(sender, "w") as pipe:
                json.dump(data, pipe)
        finally:
            os._exit(0)
    os.close(sender)
    try:
        text = _read(receiver, seconds)
    finally:
        os.close(receiver)
        if not os.waitpid(pid, os.WNOHANG)[0]:
            os.kill(pid, signal.SIGKILL)
    try:
        data = json.loads(text)
    except ValueError:
        why = f"Timeout, or its process died:\n{text}"
        return [pytest.TestReport(item.nodeid, item.location, {}, "failed", why, "call")]
    from_data = item.config.hook.pytest_report_from_serializable
    return [from_data(config=item.config, data=report) for report in data]


def _leave() -> None:
    """Go into a mount namespace of one's own, and forget what was known of the other one."""
    libc = ctypes.CDLL(None, use_errno=True)
    private = 1 << 14 | 1 << 18  # MS_REC | MS_PRIVATE
    if libc.unshare(1 << 17) or libc.mount(None, b"/", None, private, None):
        raise OSError(ctypes.get_errno(), "a mount namespace of one's own")
    vars(aside.shared).update(vars(aside.Aside()))
    mounts.forget()
    forking.forget()


def _read(receiver: int, seconds: float) -> str:
    """Read until the other end is closed or time is up."""
    until, read = time.monotonic() + seconds, b""
    while select.select([receiver], [], [], max(0.0, until - time.monotonic()))[0]:
        if not (some := os.read(receiver, 1 << 16)):
            break
        read += some
    return read.decode()


class Fuse:
    """A file system that shows `source` at `point` and does what it is told: see `fuse.py`."""

    def __init__(self, source: Path, point: Path, *options: str) -> None:
        self.point = point
        source.mkdir(exist_ok=True)
        point.mkdir(exist_ok=True)
        program = str(Path(__file__).with_name("fuse.py"))
        self._process = subprocess.Popen(
            [sys.executable, program, str(source), str(point), *options],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        self._wait()

    def say(self, word: str) -> None:
        """Tell it how to answer from now on."""
        assert self._process.stdin
        self._process.stdin.write(f"{word}\n")
        self._process.stdin.flush()
        if word == "die":
            assert self._process.wait(10) == 0
        else:
            self._wait()

    def _wait(self) -> None:
        assert self._process.stdout
        assert self._process.stdout.readline() == "ready\n"

    def end(self) -> None:
        """End it, and with it whatever waits for it; unmount it."""
        for pipe in (self._process.stdin, self._process.stdout):
            assert pipe
            pipe.close()
        self._process.wait(10)
        subprocess.run(["umount", "--lazy", str(self.point)], capture_output=True, check=False)


def needs_fuse() -> pytest.MarkDecorator:
    """The mark of tests that answer for a file system themselves."""
    there = os.access("/dev/fuse", os.R_OK | os.W_OK)
    return pytest.mark.skipif(not there, reason="a file system of one's own needs /dev/fuse")
