"""Our lock and that of the filelock package are one, with flock and without."""

import errno
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from lib.spool import wake
from lib.system import soft_lock
from lib.system.lock import NO_FLOCK, Lock, PackageLock, is_held
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
# What flock answers, and whether two names can be exchanged there.
WITHOUT = {
    "ENOLCK": ["-e", "inject=flock:error=ENOLCK"],
    "ENOSYS": ["-e", "inject=flock:error=ENOSYS"],
    "a network mount": [
        "-e", "inject=flock:error=EOPNOTSUPP", "-e", "inject=renameat2:error=EINVAL"
    ],
}  # fmt: skip
TRACED = [STRACE, "-f", "-qq", "-o", "/dev/null"]
WITHOUT_FLOCK = [*TRACED, *WITHOUT["ENOLCK"]]


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
@pytest.mark.parametrize("without", WITHOUT.values(), ids=WITHOUT.keys())
@pytest.mark.parametrize("contender", KINDS)
@pytest.mark.parametrize("holder", KINDS)
def test_so_it_does_where_there_is_no_flock(
    holder: str, contender: str, without: list[str], tmp_path: Path
) -> None:
    path = tmp_path / "a.lock"
    path.touch(0o600)  # as a run before left it
    with holding(holder, path, *TRACED, *without):
        assert Path(f"{path}{soft_lock.SUFFIX}").exists()
        assert not taken(contender, path, *TRACED, *without)
    assert taken(contender, path, *TRACED, *without)


@needs_strace()
@pytest.mark.parametrize("without", WITHOUT.values(), ids=WITHOUT.keys())
@pytest.mark.parametrize("kind", KINDS)
def test_a_killed_holder_keeps_no_lock_where_there_is_no_flock(
    kind: str, without: list[str], tmp_path: Path
) -> None:
    path = tmp_path / "a.lock"
    code = program(kind, path, 5)[-1].replace("input()", "import os; os.kill(os.getpid(), 9)")
    subprocess.run([*TRACED, *without, sys.executable, "-I", "-c", code], check=False)
    assert Path(f"{path}{soft_lock.SUFFIX}").exists()
    assert not soft_lock.is_held(str(path))
    assert taken(kind, path, *TRACED, *without)
    assert [item.name for item in tmp_path.iterdir()] == ["a.lock"]


def test_what_a_machine_left_that_is_gone_is_no_lock(tmp_path: Path) -> None:
    path = tmp_path / "a.lock"
    marker = Path(f"{path}{soft_lock.SUFFIX}")
    marker.write_text("1\nanother-machine\n")
    assert soft_lock.is_held(str(path))
    assert soft_lock.take(str(path)) is None
    long_ago = time.time() - soft_lock.LEFT_SECONDS - 60
    os.utime(marker, (long_ago, long_ago))
    assert not soft_lock.is_held(str(path))
    lock = soft_lock.take(str(path))
    assert lock is not None
    assert soft_lock.is_held(str(path))
    lock.release()
    assert not soft_lock.is_held(str(path))


def test_a_lock_that_another_took_over_meanwhile_is_given_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.lock"
    marker = Path(f"{path}{soft_lock.SUFFIX}")
    marker.write_text("1\nanother-machine\n")

    def found_left(marker: str) -> bool:
        os.unlink(marker)
        Path(marker).write_text(f"{os.getpid()}\n{os.uname().nodename}\n")
        return True

    with monkeypatch.context() as patched:
        patched.setattr(soft_lock, "_is_left", found_left)
        assert soft_lock.take(str(path)) is None
    assert marker.read_text().startswith(f"{os.getpid()}\n")
    assert [item.name for item in tmp_path.iterdir()] == [marker.name]


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

    monkeypatch.setattr("posix.lockf", refuse)
    os.close(wake.say_running(str(tmp_path)))
    assert not wake.is_running(str(tmp_path))


def owned(**changes: str) -> str:
    """What a lock file of this process says, with changes."""
    return "".join(
        f"{word}\n" for word in soft_lock._Owner(**{**vars(soft_lock._mine()), **changes}).words()
    )


GONE = str(2**22 + 1)


LONG = 2 * soft_lock.LEFT_SECONDS
LEFT: dict[str, tuple[Callable[[], str], float, bool]] = {
    "held": (owned, 0, False),
    "held for long": (owned, LONG, False),
    "its process is gone": (lambda: owned(pid=GONE), 0, True),
    "its id is another's by now": (lambda: owned(start="1"), 0, True),
    "before a start of this machine": (lambda: owned(boot="another"), 10 * 365 * 86_400, True),
    "by a machine of the same name": (lambda: owned(boot="another"), 0, False),
    "by another machine": (lambda: owned(pid=GONE, host="another"), 0, False),
    "by another machine, long ago": (lambda: owned(pid=GONE, host="another"), LONG, True),
    # Its processes have other ids.
    "in a container": (lambda: owned(pid=GONE, space="pid:[1]"), 0, False),
    "in a container, long ago": (lambda: owned(pid=GONE, space="pid:[1]"), LONG, True),
    "by an earlier version": (lambda: f"{os.getpid()}\n{os.uname().nodename}\n", 0, False),
    "by an earlier version that is gone": (lambda: f"{GONE}\n{os.uname().nodename}\n", 0, True),
    "just made": (str, 0, False),
    "never written": (str, 2 * soft_lock.EMPTY_SECONDS, True),
    "noise": (lambda: "noise", 2 * soft_lock.EMPTY_SECONDS, True),
}


@pytest.mark.skipif(not soft_lock._started(os.getpid()), reason="no /proc here")
@pytest.mark.parametrize("name", LEFT)
def test_whose_lock_is_left(tmp_path: Path, name: str) -> None:
    text, age, is_left = LEFT[name]
    path = tmp_path / "a.lock"
    marker = Path(f"{path}{soft_lock.SUFFIX}")
    marker.write_text(text())
    then = time.time() - age
    os.utime(marker, (then, then))
    assert soft_lock.is_held(str(path)) is not is_left
    lock = soft_lock.take(str(path))
    assert (lock is not None) is is_left
    if lock is not None:
        lock.release()
        assert list(tmp_path.iterdir()) == []


def test_a_lock_that_became_anothers_is_not_given_up(tmp_path: Path) -> None:
    path = tmp_path / "a.lock"
    lock = soft_lock.take(str(path))
    assert lock is not None
    marker = Path(f"{path}{soft_lock.SUFFIX}")
    marker.rename(tmp_path / "aside")
    marker.write_text(owned(host="another"))
    lock.release()
    assert marker.exists()
