"""Delivery into the ledger by a detached process."""

import itertools
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import pytest

from lib.commands.facts import gather
from lib.flusher.process import Flusher
from lib.ledger.store import Ledger
from lib.spool import books, inbox, outbox, retention, tally, wake
from lib.spool.books import Accounts
from lib.system.lock import Lock
from lib.system.settings import Settings
from tests.support.bundle import INTERPRETER, ROOT, Bundle, payload, wait_for, write_payload
from tests.support.processes import flushers


def commit(directory: Path, data: dict[str, Any], captured_ns: int) -> None:
    from lib.capture.payload import capture

    inbox.commit(str(directory), capture(data, captured_ns), captured_ns)


def drain(directory: Path, **environ: str) -> bool:
    return Flusher(str(directory), Settings({"HOME": "/nowhere", **environ})).run_once(5.0)


def test_the_last_event_of_a_session_reaches_the_ledger(bundle: Bundle) -> None:
    bundle.post(payload("01-write-create-js-marker.post"))
    wait_for(lambda: len(bundle.log()) == 1)
    bundle.wait_delivered()
    wait_for(lambda: not flushers(bundle.spool))


def test_a_session_of_real_payloads_is_recorded_in_order(bundle: Bundle) -> None:
    payloads = (ROOT / "tests" / "payloads").glob("*.post.json")
    for path in sorted(path for path in payloads if "-bash-" not in path.name):
        bundle.post(path.read_bytes())
    bundle.wait_delivered()
    kinds = [
        (e["event_type"], e["tool_name"]) for e in bundle.log() if e["pattern_name"] == "retry"
    ]
    assert kinds == [
        ("pattern_created", "Write"),
        ("pattern_applied", "Write"),
        ("pattern_modified", "Edit"),
        ("pattern_modified", "Edit"),
        ("pattern_modified", "Write"),
        ("pattern_applied", "Write"),
    ]
    status = bundle.json("status")
    assert (status["captured"], status["delivered"], status["pending"]) == (19, 19, 0)
    assert (status["dropped"], status["skipped"]) == ({}, {"secret": 1})
    stored = b"".join(p.read_bytes() for p in bundle.spool.iterdir())
    assert b"wJalrXUtnFEMI" not in stored


def test_what_an_event_for_the_ledger_alone_does_not_need_is_not_loaded(tmp_path: Path) -> None:
    commit(tmp_path, payload("01-write-create-js-marker.post"), time.time_ns())
    seldom = ("subprocess", "difflib", "lib.delivery.dispatch", "lib.system.remotes",
              "lib.delivery.wire", "lib.flusher.recovery", "lib.flusher.unfolding")  # fmt: skip
    program = (
        "import sys; sys.path.insert(0, sys.argv[1])\n"
        "from lib.flusher.process import Flusher\n"
        "from lib.system.settings import Settings\n"
        "done = Flusher(sys.argv[2], Settings({'HOME': '/nowhere'})).run_once(5.0)\n"
        "print(done, [name for name in sys.argv[3:] if name in sys.modules])"
    )
    command = [sys.executable, "-I", "-S", "-c", program, str(ROOT), str(tmp_path), *seldom]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout == "True []\n"
    with closing(Ledger(str(tmp_path / "ledger.db"))) as ledger:
        assert ledger.connection.execute("SELECT count(*) FROM units").fetchone()[0]


def open_in(pid: int) -> Iterator[str]:
    """What a process has open, but for what it closes meanwhile."""
    for fd in os.listdir(f"/proc/{pid}/fd"):
        with suppress(FileNotFoundError):
            yield os.readlink(f"/proc/{pid}/fd/{fd}")


def test_the_flusher_is_detached_from_the_hook(bundle: Bundle) -> None:
    environ = {**bundle.environ, "PATTERN_CACHE_DIR": str(bundle.spool)}
    script = str(ROOT / "hooks" / "post_tool_use.py")
    reader, writer = os.pipe()
    os.set_inheritable(writer, True)
    with subprocess.Popen(
        [INTERPRETER, "-I", "-S", script], env=environ, cwd=bundle.home, close_fds=False,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    ) as hook:  # fmt: skip
        os.close(writer)
        # End-of-file on both while the flusher lingers: communicate() would wait for it otherwise.
        out, err = hook.communicate(json.dumps(payload("01-write-create-js-marker.post")).encode())
    assert (hook.returncode, out, err) == (0, b"", b"")
    wait_for(lambda: bundle.json("status")["flusher"]["running"])
    (pid,) = flushers(bundle.spool)
    assert os.getsid(pid) == pid
    if os.path.isdir("/proc/self/fd"):
        assert os.readlink(f"/proc/{pid}/cwd") == "/"
        # Files of its own it may have: modules, what SQLite sorts.
        handed_on = ("pipe:", "socket:", "anon_inode:", "/dev/pts/")
        assert [target for target in open_in(pid) if target.startswith(handed_on)] == []
    assert os.read(reader, 1) == b""
    os.close(reader)
    bundle.wait_delivered()


def test_a_burst_of_hooks_starts_one_flusher(bundle: Bundle) -> None:
    for number in range(12):
        bundle.post(write_payload(f"/p/{number}.py", f"x = {number}\n", str(number)))
        assert len(flushers(bundle.spool)) <= 1
    bundle.wait_delivered()
    assert len(bundle.log()) == 12


def test_a_hook_that_finds_a_dead_flusher_starts_another(bundle: Bundle) -> None:
    bundle.post(write_payload("/p/1.py", "x = 1\n", "1"))
    wait_for(lambda: bundle.json("status")["flusher"]["running"])
    for pid in flushers(bundle.spool):
        os.kill(pid, 9)
    wait_for(lambda: not flushers(bundle.spool))
    bundle.post(write_payload("/p/2.py", "x = 2\n", "2"))
    wait_for(lambda: len(bundle.log()) == 2)


def test_one_flusher_at_a_time(tmp_path: Path) -> None:
    commit(tmp_path, write_payload("/p/1.py", "x = 1\n", "1"), 1_800_000_000_000_000_000)
    lock = Lock(f"{tmp_path}/flusher.lock")
    assert lock.acquire()
    flusher = Flusher(str(tmp_path), Settings({}))
    with pytest.raises(TimeoutError):
        flusher.run_once(0.05)
    flusher.run_detached(lambda: None)
    assert len(outbox.pending(str(tmp_path))) == 1
    lock.release()
    assert flusher.run_once(5.0)


DAMAGED = {
    "empty": b"",
    "half": b'{"event_id": "a',
    "not an object": b"[1]",
    "not a number": b'{"event_id": NaN}',
    "deep": b"[" * 100_000,
    "no id": b'{"event_type": "pattern_created"}',
    "hostile id": b'{"event_id":"a","timestamp":"t","event_type":"e","pattern_id":"../x",'
    b'"event_data":{}}',
    "not UTF-8": b"\xff",
}


@pytest.mark.parametrize("data", DAMAGED.values(), ids=DAMAGED.keys())
def test_a_damaged_file_is_quarantined_with_its_reason_and_blocks_nobody(
    tmp_path: Path, data: bytes
) -> None:
    (tmp_path / "pending_bad.json").write_bytes(data)
    commit(tmp_path, write_payload("/p/1.py", "x = 1\n", "1"), time.time_ns())
    assert drain(tmp_path)
    assert (tmp_path / "quarantine" / "pending_bad.json").read_bytes() == data
    assert (tmp_path / "quarantine" / "pending_bad.json.reason").read_text().strip()
    assert outbox.quarantined(str(tmp_path)) == 1


@pytest.mark.parametrize(
    "make", [os.mkdir, os.mkfifo, lambda path: os.symlink("/etc/passwd", path)]
)
def test_what_is_not_a_file_is_quarantined(tmp_path: Path, make: Any) -> None:
    make(tmp_path / "pending_odd.json")
    assert drain(tmp_path)
    assert outbox.quarantined(str(tmp_path)) == 1


def test_a_damaged_ledger_is_put_aside_and_counted(tmp_path: Path) -> None:
    (tmp_path / "ledger.db").write_bytes(b"not a database" * 100)
    commit(tmp_path, write_payload("/p/1.py", "x = 1\n", "1"), time.time_ns())
    assert drain(tmp_path)
    assert list(tmp_path.glob("ledger.db.damaged-*"))


def test_an_event_is_kept_while_the_ledger_cannot_take_it(tmp_path: Path) -> None:
    commit(tmp_path, write_payload("/p/1.py", "x = 1\n", "1"), time.time_ns())
    (tmp_path / "ledger.db").mkdir()
    assert not drain(tmp_path)
    assert len(outbox.pending(str(tmp_path))) == 1
    assert "Error" in json.loads((tmp_path / "state.json").read_text())["flusher"]["last_error"]


def test_what_is_too_old_or_too_much_goes_oldest_first(tmp_path: Path) -> None:
    now = time.time_ns()
    for number in range(4):
        code = f"x = {number}\n" + "y\n" * 100_000
        commit(tmp_path, write_payload(f"/p/{number}.py", code, str(number)), now + number)
    commit(tmp_path, write_payload("/p/old.py", "x\n", "old"), now - 8 * 86_400 * 10**9)
    dropped, left = retention.expire(str(tmp_path), Accounts(str(tmp_path)), 7, 0.7)
    assert dropped == {"expired": 1, "overflow": 2}
    assert 0 <= left < 0.3 * 1024 * 1024
    kept = [outbox.read(str(tmp_path), w.name) for w in outbox.pending(str(tmp_path))]
    assert [e["event_data"]["file_path"] for e in kept] == ["/p/2.py", "/p/3.py"]


def test_orphan_temporaries_are_swept_and_young_ones_kept(tmp_path: Path, monkeypatch: Any) -> None:
    orphans = [tmp_path / "tmp_1_1", tmp_path / "quarantine" / "tmp_1_1"]
    orphans[1].parent.mkdir()
    for path in orphans:
        path.write_text("{")
    outbox.sweep(str(tmp_path))
    assert all(path.exists() for path in orphans)
    monkeypatch.setattr(outbox, "ORPHAN_SECONDS", -1)
    outbox.sweep(str(tmp_path))
    assert not any(path.exists() for path in orphans)


def test_a_long_tally_moves_into_the_ledger_without_being_lost(
    tmp_path: Path, monkeypatch: Any
) -> None:
    monkeypatch.setattr(books, "OLD_SECONDS", -1)
    keys = [f"{number:016x}.1" for number in range(20_000)]
    tally.add(str(tmp_path), "captured", *keys)
    tally.add(str(tmp_path), "secret", "")
    for _ in range(3):
        commit(tmp_path, write_payload("/p/1.py", f"x = {_}\n", str(_)), time.time_ns())
        assert drain(tmp_path)
    found = gather(str(tmp_path))
    assert (found["captured"], found["skipped"]) == (20_003, {"secret": 1})
    assert (tmp_path / "tally").stat().st_size < 200
    assert not (tmp_path / "tally.old").exists()


def seen_running(directory: str) -> bool:
    """What a hook would see: a process never finds its own record lock in its way."""
    look = f"import sys; sys.path[:0] = [{str(ROOT)!r}]; from lib.spool import wake as w; "
    look += f"sys.exit(not w.is_running({directory!r}))"
    return subprocess.run([INTERPRETER, "-I", "-c", look], check=False).returncode == 0


def test_who_starts_is_seen_until_it_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []
    forget = wake.forget_mark

    def look(directory: str) -> None:
        if (tmp_path / wake.MARK_FILE).exists():
            seen.append(seen_running(directory))
        forget(directory)

    monkeypatch.setattr(wake, "forget_mark", look)
    commit(tmp_path, write_payload("/p/1.py", "x = 1\n", "1"), time.time_ns())
    (tmp_path / wake.MARK_FILE).touch()
    assert drain(tmp_path)
    assert seen == [True]


def test_who_cannot_say_that_it_runs_leaves_no_mark(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The next hook starts another at once."""

    def full(directory: str) -> int:
        raise OSError(28, "no space")

    monkeypatch.setattr(wake, "say_running", full)
    (tmp_path / wake.MARK_FILE).touch()
    with pytest.raises(OSError, match="no space"):
        drain(tmp_path)
    assert not (tmp_path / wake.MARK_FILE).exists()
    assert Lock(str(tmp_path / outbox.LOCK_FILE)).acquire(0)


class Interrupted(Flusher):
    """A flusher during whose last step, after its look at the spool, a hook commits."""

    late = 0

    def _drain_into(self, ledger: Ledger) -> None:
        assert seen_running(self.directory)
        super()._drain_into(ledger)
        self.late += 1
        if self.late == 1:
            commit(Path(self.directory), write_payload("/p/late.py", "x = 9\n", "late"), 1)


def test_an_event_committed_while_sync_ends_is_not_stranded(tmp_path: Path) -> None:
    commit(tmp_path, write_payload("/p/1.py", "x = 1\n", "1"), time.time_ns())
    assert Interrupted(str(tmp_path), Settings({})).run_once(5.0)
    assert outbox.pending(str(tmp_path)) == []


WRONG: list[Any] = [
    None,
    1,
    1.5,
    True,
    [],
    {},
    "",
    [[]],
    [{}],
    {"a": 1},
    "\ud800",
    [{"pattern_id": []}],
    -(2**70),
]


def test_an_event_with_wrong_types_anywhere_blocks_nobody(tmp_path: Path) -> None:
    good: Any = json.loads(_event_file(tmp_path, write_payload("/p/0.py", "x = 0\n", "0", "y")))
    places = [(key,) for key in good] + [("event_data", key) for key in good["event_data"]]
    for number, (place, wrong) in enumerate(itertools.product(places, WRONG)):
        event = {**json.loads(json.dumps(good)), "event_id": str(number)}
        (event if len(place) == 1 else event[place[0]])[place[-1]] = wrong
        (tmp_path / f"pending_{number}.json").write_text(json.dumps(event))
    commit(tmp_path, write_payload("/p/good.py", "z = 0\n", "good"), time.time_ns())
    assert drain(tmp_path)
    assert json.loads((tmp_path / "state.json").read_text())["flusher"]["last_error"] is None


def _event_file(directory: Path, data: dict[str, Any]) -> str:
    commit(directory, data, 1)
    (item,) = outbox.pending(str(directory))
    return (directory / item.name).read_text()
