"""Our lock and that of the filelock package are one, with flock and without."""

import errno
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from lib.spool import wake
from lib.system.lock import NO_FLOCK, SOFT_SUFFIX, Lock, PackageLock, is_held
from tests.support.bundle import INTERPRETER, ROOT, Bundle, payload
from tests.support.tracing import STRACE, needs_strace

KINDS = ("Lock", "PackageLock")
HOLD = (
    "import sys; sys.path.insert(0, {root!r})\n"
    "from lib.system.lock import Lock, PackageLock\n"
    "lock = {kind}({path!r})\n"
    "print(lock.acquire({timeout}), flush=True)\n"
    "input()\n"
    "lock.release()\n"
)
WITHOUT_FLOCK = [STRACE, "-f", "-qq", "-o", "/dev/null", "-e", "inject=flock:error=ENOLCK"]


def program(kind: str, path: Path, timeout: float) -> list[str]:
    code = HOLD.format(root=str(ROOT), kind=kind, path=str(path), timeout=timeout)
    return [sys.executable, "-I", "-c", code]


@contextmanager
def holding(kind: str, path: Path, *before: str) -> Iterator[subprocess.Popen[str]]:
    """A process that holds the lock on `path`, until the block ends."""
    process = subprocess.Popen(
        [*before, *program(kind, path, 5)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout
    assert process.stdout.readline() == "True\n"
    try:
        yield process
    finally:
        process.communicate("\n")


def taken(kind: str, path: Path, *before: str) -> bool:
    """Whether another process gets the lock at once."""
    done = subprocess.run(
        [*before, *program(kind, path, 0)], input="\n", capture_output=True, text=True, check=True
    )
    return done.stdout == "True\n"


@pytest.mark.parametrize("contender", KINDS)
@pytest.mark.parametrize("holder", KINDS)
def test_each_kind_keeps_the_other_out(holder: str, contender: str, tmp_path: Path) -> None:
    path = tmp_path / "a.lock"
    with holding(holder, path):
        assert is_held(str(path))
        assert not taken(contender, path)
    assert taken(contender, path)
    assert not is_held(str(path))


@needs_strace()
@pytest.mark.parametrize("contender", KINDS)
@pytest.mark.parametrize("holder", KINDS)
def test_so_it_does_where_there_is_no_flock(holder: str, contender: str, tmp_path: Path) -> None:
    path = tmp_path / "a.lock"
    with holding(holder, path, *WITHOUT_FLOCK):
        assert Path(f"{path}{SOFT_SUFFIX}").exists()
        assert not taken(contender, path, *WITHOUT_FLOCK)
    assert taken(contender, path, *WITHOUT_FLOCK)


@needs_strace()
@pytest.mark.parametrize("kind", KINDS)
def test_a_killed_holder_keeps_no_lock_where_there_is_no_flock(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "a.lock"
    code = program(kind, path, 5)[-1].replace("input()", "import os; os.kill(os.getpid(), 9)")
    subprocess.run([*WITHOUT_FLOCK, sys.executable, "-I", "-c", code], check=False)
    assert Path(f"{path}{SOFT_SUFFIX}").exists()
    assert taken(kind, path, *WITHOUT_FLOCK)


@pytest.mark.parametrize("kind", [Lock, PackageLock])
def test_a_lock_file_that_was_unlinked_guards_nothing(
    kind: type[Lock] | type[PackageLock], tmp_path: Path
) -> None:
    path = tmp_path / "a.lock"
    first = kind(str(path))
    assert first.acquire()
    path.unlink()
    second = kind(str(path))
    assert second.acquire()
    assert is_held(str(path))
    second.release()
    first.release()


def test_what_says_that_there_is_no_flock() -> None:
    assert {errno.ENOLCK, errno.ENOSYS} <= set(NO_FLOCK)
    assert errno.EWOULDBLOCK not in NO_FLOCK


@needs_strace()
def test_events_are_recorded_where_there_is_no_flock(bundle: Bundle) -> None:
    hook = [INTERPRETER, "-I", "-S", f"{bundle.root}/hooks/post_tool_use.py"]
    event = json.dumps(payload("01-write-create-js-marker.post")).encode()
    done = subprocess.run(
        [*WITHOUT_FLOCK, *hook],
        input=event, env=bundle.environ, capture_output=True, check=True,
    )  # fmt: skip
    assert (done.stdout, done.stderr) == (b"", b"")
    # strace goes with what it traces: so did the flusher that the hook started.
    bundle.wait_delivered()
    assert len(bundle.log()) == 1


def test_without_record_locks_a_flusher_is_started_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No file system here refuses them, so what it would answer is said by a function."""

    def refuse(fd: int, command: int, length: int) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(wake.posix, "lockf", refuse)
    os.close(wake.say_running(str(tmp_path)))
    assert not wake.is_running(str(tmp_path))
