"""Stopping a process at one of its system calls, or failing that call, by strace on Linux.

Between two calls that change something on disk the disk is the same, so that a process killed
before each of them, and one that was not killed, are all the crashes there are.
"""

import functools
import json
import re
import shutil
import subprocess
from collections import Counter
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests.support import forking

ROOT = Path(__file__).resolve().parents[2]
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


class Script(NamedTuple):
    """Code in Python that is traced in a fork of a process that has imported what it uses.

    How Python starts is not what is stopped, and takes most of the time under a tracer.
    """

    code: str


def needs_strace() -> pytest.MarkDecorator:
    """The mark of tests that need it."""
    return pytest.mark.skipif(not STRACE, reason="strace is not there: Linux only")


def calls(
    command: list[str] | Script, scratch: Path, since: str, opens: bool = False, **given: Any
) -> list[Call]:
    """The calls of `command` that change something, from the first line that holds `since` on.

    `opens`: with those that open a file only to read it.
    """
    output = scratch / "trace"
    done = _traced(["-o", str(output)], command, **given)
    assert not done.returncode, done.stderr
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


def run_with(command: list[str] | Script, call: Call, what: str, **given: Any) -> Any:
    """Run `command` with `what` (strace's words: signal=KILL, error=EIO) done to `call`."""
    inject = f"inject={call.name}:{what}:when={call.ordinal}"
    options = ["-o", "/dev/null", "-e", f"trace={call.name}", "-e", inject]
    return _traced(options, command, **given)


def _traced(options: list[str], command: list[str] | Script, **given: Any) -> Any:
    if isinstance(command, Script):
        return _forked(options, command, **given)
    return subprocess.run(
        [STRACE, "-qq", *options, *command], capture_output=True, check=False, **given
    )


@functools.cache
def _server() -> "subprocess.Popen[str]":
    """The process that forks, one of a worker."""
    return forking.started(str(ROOT / "tests" / "support" / "traced_server.py"))


def _forked(options: list[str], script: Script, env: dict[str, str] | None = None) -> Any:
    server = _server()
    assert server.stdin
    assert server.stdout
    print(json.dumps({"script": script.code, "environ": env or {}}), file=server.stdin, flush=True)
    pid = server.stdout.readline().strip()
    with subprocess.Popen(
        [STRACE, *options, "-p", pid], stderr=subprocess.PIPE, text=True
    ) as tracer:
        assert tracer.stderr
        said = tracer.stderr.readline()
        # From here on none of its calls is missed.
        print("begin", file=server.stdin, flush=True)
        code, out, err = json.loads(server.stdout.readline())
        assert "attached" in said, said + tracer.stderr.read()
    return subprocess.CompletedProcess(script.code, code, out, err)


def was_killed(done: Any) -> bool:
    """Whether the traced process ended by SIGKILL: strace ends the same way."""
    return bool(done.returncode in (-9, 137))
