"""File systems without flock, record locks or shared memory: everything is delivered all the same.

A library that is loaded before all others says that there is none of that. It is compiled here.
"""

import json
import os
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from lib.ledger import connecting
from lib.ledger.store import Ledger
from tests.support.bundle import ROOT
from tests.support.forms import few
from tests.support.outpost import Outpost

COMPILER = shutil.which("cc") or shutil.which("gcc") or ""
pytestmark = [
    pytest.mark.skipif(not COMPILER, reason="no compiler is there"),
    pytest.mark.skipif(sys.platform != "linux", reason="it is preloaded on Linux only"),
]
KINDS = ("flock", "shm", "flock,shm", "locks", "flock,locks,shm")
RUN = (
    "import os, sys; sys.path.insert(0, sys.argv[1])\n"
    "from lib.flusher.process import Flusher\n"
    "from lib.system.settings import Settings\n"
    "flusher = Flusher(sys.argv[2], Settings({'HOME': '/nowhere'}))\n"
    "sys.exit(not flusher.run_once(5.0))\n"
)


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("without") / "without.so"
    source = ROOT / "tests" / "support" / "without.c"
    command = [COMPILER, "-O1", "-shared", "-fPIC", "-o", str(made), str(source), "-ldl"]
    done = subprocess.run(command, capture_output=True, check=False)
    if done.returncode:
        pytest.skip(f"it does not compile here: {done.stderr.decode()}")
    return made


@pytest.fixture(autouse=True)
def spool(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PATTERN_CACHE_DIR", str(tmp_path / "spool"))
    return tmp_path / "spool"


def without(kind: str, library: Path, *command: str) -> Any:
    environ = {**os.environ, "LD_PRELOAD": str(library), "WITHOUT": kind}
    return subprocess.run(command, env=environ, capture_output=True, text=True, check=False)


def flush(kind: str, library: Path, spool: Path) -> Any:
    return without(kind, library, sys.executable, "-I", "-c", RUN, str(ROOT), str(spool))


def say(kind: str, library: Path, verb: str) -> Any:
    command = str(ROOT / "bin" / "pattern-tracker")
    return json.loads(without(kind, library, command, verb, "--json").stdout)


@pytest.mark.parametrize("kind", few(KINDS, 3))
def test_events_are_recorded(kind: str, library: Path, spool: Path) -> None:
    outpost = Outpost(spool)
    for number in range(3):
        outpost.write("/p/a.py", f"x = {number}\n")
        done = flush(kind, library, spool)
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
        assert outpost.pending() == []
    status = say(kind, library, "status")
    assert (status["delivered"], status["flusher"]["last_error"]) == (3, None)
    checks = {check["name"]: check for check in say(kind, library, "doctor")["checks"]}
    assert [checks[name]["level"] for name in ("needs", "ledger", "flusher")] == ["ok"] * 3
    assert ("no flock" in checks["needs"]["text"]) is ("flock" in kind)
    # Nothing is left of what stood for a lock, and on a better file system all goes on.
    assert not list(spool.glob("*.soft")) + list(spool.glob("ledger.db.lock"))
    outpost.write("/p/a.py", "x = 3\n")
    assert outpost.flush()
    assert outpost.recorded() == 4


@pytest.mark.parametrize("kind", few(KINDS, 3))
def test_a_ledger_that_has_its_log_already_is_converted(
    kind: str, library: Path, spool: Path
) -> None:
    """It was made elsewhere, and what it holds lies partly in the log."""
    outpost = Outpost(spool)
    outpost.write("/p/a.py", "x = 1\n")
    assert outpost.flush()
    copy = spool.parent / "copy"
    with closing(outpost.ledger()) as ledger:
        ledger.count({"only in the log": 1})
        shutil.copytree(spool, copy)
    for path in copy.glob("ledger.db-shm"):
        path.unlink()
    moved = Outpost(copy)
    moved._captured = 10
    moved.write("/p/b.py", "y = 1\n")
    done = flush(kind, library, copy)
    assert (done.returncode, done.stderr, moved.pending()) == (0, "", [])
    with closing(moved.ledger()) as ledger:
        assert ledger.counters()["only in the log"] == 1
        journal = ledger.connection.execute("PRAGMA journal_mode").fetchone()[0]
    assert moved.recorded() == 2
    assert journal == ("wal" if kind == "flock" else "delete")


@pytest.mark.parametrize("kind", few(KINDS, 3))
def test_doctor_tries_it_before_there_is_a_ledger(kind: str, library: Path, spool: Path) -> None:
    spool.mkdir(mode=0o700)
    checks = {check["name"]: check for check in say(kind, library, "doctor")["checks"]}
    assert checks["needs"]["level"] == "ok"
    assert list(spool.iterdir()) == []


def test_what_a_killed_process_left_locked_is_not_for_ever(library: Path, spool: Path) -> None:
    outpost = Outpost(spool)
    outpost.write("/p/a.py", "x = 1\n")
    assert flush("locks", library, spool).returncode == 0
    left = spool / f"ledger.db{connecting.LOCK}"
    left.mkdir()
    with pytest.raises(sqlite3.OperationalError, match="locked"):
        connecting.connect(str(spool / "ledger.db"), timeout=0.1)
    then = left.stat().st_mtime - 2 * connecting.LEFT_SECONDS
    os.utime(left, (then, then))
    Ledger(str(spool / "ledger.db")).close()


def test_doctor_says_what_helps_where_nothing_can_be_locked(library: Path, spool: Path) -> None:
    outpost = Outpost(spool)
    outpost.write("/p/a.py", "x = 1\n")
    assert outpost.flush()
    (spool / "flusher.lock").unlink()
    (spool / "flusher.lock").symlink_to("/etc/passwd")
    checks = {check["name"]: check for check in say("", library, "doctor")["checks"]}
    assert checks["needs"]["level"] == "serious"
    assert "cannot be locked" in checks["needs"]["text"]
    assert "PATTERN_CACHE_DIR" in checks["needs"]["fix"]
