"""Stopping a process at one of its system calls, or failing that call, by strace on Linux.

Between two calls that change something on disk the disk is the same, so that a process killed
before each of them, and one that was not killed, are all the crashes there are.
"""

import re
import shutil
import subprocess
from collections import Counter
from pathlib import Path
from typing import Any, NamedTuple

import pytest

STRACE = shutil.which("strace") or ""
CHANGING = (
    "write pwrite64 writev openat open creat link linkat rename renameat renameat2 unlink unlinkat "
    "mkdir mkdirat rmdir fchmod chmod fchmodat utimensat ftruncate fallocate fsync fdatasync flock "
    "fcntl symlink symlinkat sendto".split()
)
_LINE = re.compile(r"^(\w+)\((.*)$")


class Call(NamedTuple):
    """A system call: its name, and the how manieth of that name in its process it is."""

    name: str
    ordinal: int
    arguments: str

    def __str__(self) -> str:
        return f"{self.name}-{self.ordinal}"


def needs_strace() -> pytest.MarkDecorator:
    """The mark of tests that need it."""
    return pytest.mark.skipif(not STRACE, reason="strace is not there: Linux only")


def calls(
    command: list[str], scratch: Path, since: str, opens: bool = False, **given: Any
) -> list[Call]:
    """The calls of `command` that change something, from the first line that holds `since` on.

    `opens`: with those that open a file only to read it.
    """
    output = scratch / "trace"
    subprocess.run([STRACE, "-qq", "-o", str(output), *command], check=True, **given)
    seen: Counter[str] = Counter()
    found: list[Call] = []
    begun = False
    for line in output.read_text(errors="replace").splitlines():
        match = _LINE.match(line)
        if match is None:
            continue
        name, arguments = match.groups()
        seen[name] += 1
        begun = begun or since in line
        if begun and name in CHANGING and not _only_looks(name, arguments, opens):
            found.append(Call(name, seen[name], arguments))
    output.unlink()
    return found


def _only_looks(name: str, arguments: str, opens: bool) -> bool:
    if name in ("openat", "open"):
        return "O_CREAT" not in arguments and not opens
    return name == "fcntl" and "SETLK" not in arguments


def run_with(command: list[str], call: Call, what: str, **given: Any) -> Any:
    """Run `command` with `what` (strace's words: signal=KILL, error=EIO) done to `call`."""
    inject = f"inject={call.name}:{what}:when={call.ordinal}"
    return subprocess.run(
        [STRACE, "-qq", "-o", "/dev/null", "-e", f"trace={call.name}", "-e", inject, *command],
        check=False,
        **given,
    )


def was_killed(done: Any) -> bool:
    """Whether the traced process ended by SIGKILL: strace ends the same way."""
    return bool(done.returncode in (-9, 137))
