"""Real file systems in a mount namespace of the test's own: nothing stays mounted."""

import functools
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

_INSIDE = "TESTS_HAVE_THEIR_OWN_MOUNTS"
# A test that hangs would else do so for good.
_SECONDS = 90
ALONE = ["unshare", "--mount", "--propagation", "private"]


def needs_mounts() -> pytest.MarkDecorator:
    """The mark of tests that mount."""
    return pytest.mark.skipif(not _can_mount(), reason="mounting needs Linux, root and unshare")


def _can_mount() -> bool:
    if os.geteuid() != 0 or not shutil.which("unshare"):
        return False
    probe = [*ALONE, "mount", "-t", "tmpfs", "none", "/mnt"]
    return subprocess.run(probe, capture_output=True, check=False).returncode == 0


def run_mounted(script: str, environ: dict[str, str]) -> Any:
    """Run a shell script that may mount what it likes; the finished process."""
    return subprocess.run(
        [*ALONE, "sh", "-ec", script], env=environ, capture_output=True, text=True, check=False
    )


def is_alone() -> bool:
    """Check whether this process has a mount namespace of its own, made by `alone`."""
    return _INSIDE in os.environ


def alone(test: Callable[..., None], seconds: float = _SECONDS) -> Callable[..., None]:
    """Let a test run in a mount namespace of its own: it is run again by a pytest in there.

    It has so many `seconds`.
    """

    @needs_mounts()
    @functools.wraps(test)
    def run(*arguments: Any, **named: Any) -> None:
        if is_alone():
            test(*arguments, **named)
            return
        name = os.environ["PYTEST_CURRENT_TEST"].rpartition(" ")[0]
        options = ["-q", "-m", "", "-p", "no:xdist", "-p", "no:cacheprovider", "-p", "no:randomly"]
        done = subprocess.run(
            [*ALONE, sys.executable, "-m", "pytest", *options, name],
            env={**os.environ, _INSIDE: "1"}, capture_output=True, text=True, check=False,
            timeout=seconds,
        )  # fmt: skip
        if "1 skipped" in done.stdout:
            pytest.skip("see inside")
        assert done.returncode == 0, done.stdout + done.stderr

    return run  # type: ignore[no-any-return]


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
