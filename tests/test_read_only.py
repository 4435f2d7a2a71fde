"""The history can be read where nothing can be written: a full disk, one that is read-only."""

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.support.bundle import ROOT
from tests.support.mounts import needs_mounts, run_mounted
from tests.support.outpost import Outpost

pytestmark = needs_mounts()
QUESTIONS = ("home", "status", "log", "lineage /p/a.py", "stats", "export", "log --file copy.py")
FULL = (
    "mount -t tmpfs -o size=2m,mode=700 none {0}; cp -R {1}/* {0}; {2} "
    "cat /dev/zero > {0}/filler 2>/dev/null || true"
)
STATES = {
    "full": (FULL, "the disk is full", "make room on that disk"),
    "read-only": (
        "mount -t tmpfs -o mode=700 none {0}; cp -R {1}/* {0}; {2} mount -o remount,ro {0}",
        "the disk is read-only",
        "mount it for writing",
    ),
}
# What a process leaves that died while it had the ledger open.
DIED = (
    '{python} -c \'import os, sqlite3; db = sqlite3.connect("{0}/ledger.db"); '
    'db.execute("INSERT INTO facts VALUES (1)"); db.commit(); os._exit(0)\';'
)


@pytest.fixture
def spool(tmp_path: Path) -> Path:
    outpost = Outpost(tmp_path / "filled")
    outpost.story()
    assert outpost.flush()
    return outpost.directory


def ask(question: str, state: str, spool: Path, died: bool = False, setup: str = "") -> Any:
    mounted = spool.parent / "mounted"
    mounted.mkdir(exist_ok=True)
    died_first = DIED.replace("{0}", str(mounted)).replace("{python}", sys.executable) * died
    script = STATES[state][0].format(mounted, spool, died_first) if state else ""
    environ = {
        "HOME": str(spool.parent),
        "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
        "PATTERN_CACHE_DIR": str(mounted if state else spool),
    }
    return run_mounted(f"{setup}{script}\nexec {ROOT}/bin/pattern-tracker {question}", environ)


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("question", QUESTIONS)
def test_the_history_is_told(question: str, state: str, spool: Path) -> None:
    wanted = ask(question, "", spool)
    found = ask(question, state, spool)
    assert (found.returncode, wanted.returncode) == (0, 0)
    (line,) = found.stderr.splitlines()
    _, why, remedy = STATES[state]
    assert why in line
    assert remedy in line
    assert "chmod" not in found.stderr
    if question not in ("home", "status"):
        assert found.stdout == wanted.stdout
    assert found.stdout


@pytest.mark.parametrize("state", STATES)
def test_it_is_told_after_a_process_died_with_it_open(state: str, spool: Path) -> None:
    wanted = ask("log --json", "", spool)
    found = ask("log --json", state, spool, died=True)
    assert found.returncode == 0, found.stderr
    assert found.stdout == wanted.stdout


@pytest.mark.parametrize("state", STATES)
def test_doctor_knows_why(state: str, spool: Path) -> None:
    found = ask("doctor --json", state, spool)
    told = json.dumps(json.loads(found.stdout))
    assert STATES[state][1] in told
    assert "chmod" not in told


def test_an_earlier_ledger_cannot_be_converted_there(spool: Path) -> None:
    setup = (
        f'{sys.executable} -c \'import sqlite3; db = sqlite3.connect("{spool}/ledger.db"); '
        'db.execute("PRAGMA user_version = 5")\'\n'
    )
    found = ask("stats", "read-only", spool, setup=setup)
    assert found.returncode == 1
    assert found.stderr.splitlines() == [
        "pattern-tracker: the ledger is of an earlier version: to be read it must be converted, "
        "which needs a disk that can be written to and has room"
    ]
