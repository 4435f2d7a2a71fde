"""Many processes at once, and what they leave behind."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from lib.capture.payload import capture
from lib.spool import inbox, outbox, wake
from lib.system.lock import Lock
from tests.support.books import balance
from tests.support.bundle import INTERPRETER, ROOT, Bundle, payload, wait_for, write_payload
from tests.support.copies import bundle_at, rewrite
from tests.support.forms import few
from tests.support.processes import flushers

HOOK = [INTERPRETER, "-I", "-S", str(ROOT / "hooks" / "post_tool_use.py")]
HOLD = "from lib.system.lock import Lock; l = Lock(sys.argv[2]); print(l.acquire(), flush=True); "
SOON_SECONDS = 0.05
EOF_SECONDS = 0.02
TRIES = 10


def start_hook(environ: dict[str, str], data: dict[str, Any]) -> subprocess.Popen[bytes]:
    process = subprocess.Popen(HOOK, env=environ, stdin=subprocess.PIPE)
    assert process.stdin
    process.stdin.write(json.dumps(data).encode())
    return process


def finish(processes: list[subprocess.Popen[bytes]]) -> None:
    """Let them all read to the end at once, and see them exit with 0."""
    for process in processes:
        assert process.stdin
        process.stdin.close()
    assert {process.wait() for process in processes} == {0}


@pytest.mark.parametrize("waves", few([3, 32]))
def test_32_hooks_at_once_lose_and_double_none_of_their_events(bundle: Bundle, waves: int) -> None:
    for wave in range(waves):
        finish([
            start_hook(bundle.environ, write_payload(f"/p/{wave}-{n}.py", f"x = {wave}{n:03}\n",
                                                     f"{wave}-{n}"))
            for n in range(32)
        ])  # fmt: skip
    bundle.wait_delivered()
    status = balance(bundle.spool)
    count = 32 * waves
    assert (status["captured"], status["delivered"], status["dropped"]) == (count, count, {})
    assert len({event["file_path"] for event in bundle.log()}) == count


@pytest.mark.parametrize("count", few([16, 200]))
def test_of_many_flushers_one_works(tmp_path: Path, count: int) -> None:
    for number in range(50):
        event = capture(
            write_payload(f"/p/{number}.py", f"x = {number}\n", str(number)), number + 1
        )
        inbox.commit(str(tmp_path), event, time.time_ns())
    command = wake.flush_command(str(ROOT), str(tmp_path))
    environ = {"HOME": "/nowhere"}
    lock = Lock(f"{tmp_path}/{outbox.LOCK_FILE}")
    assert lock.acquire()
    in_vain = [subprocess.Popen(command, env=environ, cwd="/") for _ in range(count // 2)]
    assert {process.wait() for process in in_vain} == {0}
    assert len(outbox.pending(str(tmp_path))) == 50
    lock.release()
    started = [subprocess.Popen(command, env=environ, cwd="/") for _ in range(count)]
    # All but the one that lingers leave at once; it has taken everything by then.
    wait_for(lambda: sum(process.poll() is None for process in started) <= 1)
    assert {process.wait() for process in started} == {0}
    status = balance(tmp_path)
    assert (status["delivered"], status["pending"]) == (50, 0)
    assert status["flusher"]["last_error"] is None


def hold(path: Path, then: str) -> subprocess.Popen[bytes]:
    """A process that has the lock on `path` and goes on with `then`."""
    script = f"import os, sys, time; sys.path.insert(0, sys.argv[1]); {HOLD}{then}"
    process = subprocess.Popen(
        [sys.executable, "-c", script, str(ROOT), str(path)], stdout=subprocess.PIPE
    )
    assert process.stdout
    assert process.stdout.readline() == b"True\n"
    return process


def test_the_lock_of_a_killed_flusher_is_free_at_once(tmp_path: Path) -> None:
    waits = []
    for _ in range(TRIES):
        holder = hold(tmp_path / "lock", "time.sleep(60)")
        lock = Lock(str(tmp_path / "lock"))
        assert not lock.acquire()
        start = time.monotonic()
        holder.kill()
        assert lock.acquire(10)
        waits.append(time.monotonic() - start)
        lock.release()
        holder.wait()
        holder.communicate()
    assert min(waits) < SOON_SECONDS


def test_a_lock_that_is_given_up_is_not_kept_by_a_forked_child(tmp_path: Path) -> None:
    forking = "pid = os.fork()\nif not pid: time.sleep(60)\nl.release(); print(pid, flush=True)"
    holder = hold(tmp_path / "lock", forking)
    assert holder.stdout
    child = int(holder.stdout.readline())
    try:
        assert Lock(str(tmp_path / "lock")).acquire()
    finally:
        os.kill(child, signal.SIGKILL)
        holder.communicate()


def test_a_process_started_by_a_holder_does_not_inherit_the_lock(tmp_path: Path) -> None:
    starting = (
        "import subprocess as s; print(s.Popen(['sleep', '60'], close_fds=False).pid, flush=True)"
    )
    holder = hold(tmp_path / "lock", starting)
    assert holder.stdout
    child = int(holder.stdout.readline())
    try:
        holder.wait()
        assert Lock(str(tmp_path / "lock")).acquire()
    finally:
        os.kill(child, signal.SIGKILL)
        holder.communicate()


def test_two_sessions_and_two_configuration_directories_keep_apart(tmp_path: Path) -> None:
    bundles = [Bundle(tmp_path / name) for name in ("one", "two")]
    for bundle in bundles:
        bundle.home.mkdir()
    data = payload("01-write-create-js-marker.post")
    finish([
        start_hook(bundle.environ, {**data, "session_id": session})
        for bundle in bundles
        for session in ("s-1", "s-2", "s-3")
    ])  # fmt: skip
    for bundle in bundles:
        bundle.wait_delivered()
        assert balance(bundle.spool)["delivered"] == 3
        assert {event["session_id"] for event in bundle.log()} == {"s-1", "s-2", "s-3"}


def test_after_a_hook_its_outputs_end_while_the_flusher_lives_on(bundle: Bundle) -> None:
    delays = []
    for number in range(TRIES):
        data = write_payload(f"/p/{number}.py", f"x = {number}\n", str(number))
        with subprocess.Popen(
            HOOK, env=bundle.environ, stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        ) as hook:  # fmt: skip
            assert hook.stdin and hook.stdout and hook.stderr  # noqa: PT018
            hook.stdin.write(json.dumps(data).encode())
            hook.stdin.close()
            os.waitid(os.P_PID, hook.pid, os.WEXITED | os.WNOWAIT)
            start = time.monotonic()
            assert (hook.stdout.read(), hook.stderr.read()) == (b"", b"")
            delays.append(time.monotonic() - start)
        if number == 0:
            wait_for(lambda: wake.is_running(str(bundle.spool)))
    assert flushers(bundle.spool)
    assert min(delays) < EOF_SECONDS
    bundle.wait_delivered()


def leave_nothing_behind(bundle: Bundle, hooks: int) -> None:
    most = 0
    for number in range(hooks):
        bundle.post(write_payload(f"/p/{number}.py", f"x = {number}\n", str(number)))
        if number % 25 == 0:
            most = max(most, len(flushers(bundle.spool)))
    # One that works, and one more that was started as another ended.
    assert most <= 2
    bundle.wait_delivered()
    wait_for(lambda: not flushers(bundle.spool))
    assert balance(bundle.spool)["delivered"] == hooks


def test_no_process_is_left_behind(bundle: Bundle) -> None:
    leave_nothing_behind(bundle, 50)


@pytest.mark.long
def test_no_process_is_left_behind_by_a_thousand_hooks(bundle: Bundle) -> None:
    leave_nothing_behind(bundle, 1000)


@pytest.mark.parametrize("stuck", few(["time.sleep(600)", "while True: pass"]))
def test_a_flusher_that_is_stuck_is_ended_by_the_kernel(tmp_path: Path, stuck: str) -> None:
    script = (
        "import sys, time; sys.path.insert(0, sys.argv[1]); from lib.flusher import process as f\n"
        "f.DEADLINE_SECONDS, f.LIFE_SECONDS = 1, 2\n"
        f"def run_detached(self, upkeep):\n    {stuck}\n"
        "f.Flusher.run_detached = run_detached; f.main(sys.argv[2])"
    )
    process = subprocess.Popen([sys.executable, "-c", script, str(ROOT), str(tmp_path)])
    assert process.wait(timeout=60) == -signal.SIGALRM


def test_where_no_flusher_can_start_the_hook_keeps_the_bounds(tmp_path: Path) -> None:
    directory = tmp_path / "spool"
    root = bundle_at(tmp_path / "bundle", ("lib", "hooks"))
    rewrite(root / "lib" / "flusher" / "process.py", "raise SystemExit\n")
    bundle = Bundle(tmp_path / "home", root)
    bundle.environ |= {"PATTERN_CACHE_DIR": str(directory), "PATTERN_CACHE_MAX_SIZE_MB": "0.1"}
    for number in range(20):
        code = f"x = {number}\n" * 1000
        bundle.post(write_payload(f"/p/{number}.py", code, str(number)))
        # As if each came a while after the one before, and no flusher in between.
        os.utime(directory / wake.MARK_FILE, (1, 1))
        waiting = outbox.pending(str(directory))
        assert sum(item.size for item in waiting) < 0.12 * 1024 * 1024
    status = balance(directory)
    assert status["captured"] == 20
    assert status["dropped"] == {"overflow": 20 - len(waiting)} != {"overflow": 0}
    kept = [outbox.read(str(directory), item.name) for item in waiting]
    paths = [event["event_data"]["file_path"] for event in kept]
    assert paths == [f"/p/{number}.py" for number in range(20 - len(waiting), 20)]
