"""The status line: one line, at once, whatever is there or missing."""

import json
import os
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

from lib.delivery.service_state import state_of
from lib.resilience.circuit_breaker import CircuitBreaker
from lib.system.state import StateFile
from lib.system.storage import SharedStorage
from tests.support.bundle import INTERPRETER, ROOT
from tests.support.outpost import Outpost

SCRIPT = ROOT / "bin" / "statusline"


def shown(spool: Path, script: Path = SCRIPT, **environ: str) -> str:
    done = subprocess.run(
        [INTERPRETER, "-I", "-S", str(script)],
        env={"PATTERN_CACHE_DIR": str(spool), **environ},
        input=json.dumps({"model": {}}), capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stderr == ""
    return done.stdout


@pytest.fixture
def spool(tmp_path: Path) -> Path:
    path = tmp_path / "spool"
    path.mkdir(mode=0o700)
    return path


def test_what_waits_is_counted(spool: Path) -> None:
    assert shown(spool) == "patterns: 0 waiting\n"
    outpost = Outpost(spool)
    for number in range(3):
        outpost.write(f"/p/{number}.py", f"x = {number}\n")
    assert shown(spool) == "patterns: 3 waiting\n"


def test_an_open_circuit_is_told_with_its_time(spool: Path) -> None:
    file = StateFile(f"{spool}/state.json")
    breaker = CircuitBreaker(3, 60, storage=SharedStorage(state_of(file, "http://localhost:1")))
    for _ in range(3):
        permit = breaker.try_acquire()
        assert permit
        breaker.record_failure(permit)
    told = shown(spool)
    assert told.startswith("patterns: 0 waiting, circuit open for ")
    assert 0 < int(told.split()[-2]) <= 60
    assert shown(spool, CIRCUIT_BREAKER_TIMEOUT="0.000001").endswith(", circuit half-open\n")
    SharedStorage(state_of(file, "http://localhost:2")).update(lambda state: state.update(epoch=1))
    assert shown(spool).endswith(" s (1 of 2 services)\n")


def test_what_is_not_there_is_not_green(tmp_path: Path, spool: Path) -> None:
    assert shown(tmp_path / "none") == "patterns: never observed\n"
    assert shown(spool, PATTERN_TRACKING_ENABLED="false") == "patterns: off\n"
    spool.chmod(0o777)
    assert shown(spool) == "patterns: not captured\n"


@pytest.mark.parametrize(
    "state",
    [
        "",
        "{",
        "[]",
        '{"breaker": 3}',
        '{"services": {"x": {"breaker": {"opened": []}}}}',
        '{"services": {"x": {"breaker": "opened"}}}',
        '{"services": ["opened"]}',
    ],
)
def test_a_damaged_state_is_no_error(spool: Path, state: str) -> None:
    (spool / "flusher.running").touch()
    (spool / "state.json").write_text(state)
    assert shown(spool).startswith("patterns: 0 waiting")


def test_it_works_through_a_link_and_is_silent_without_its_library(
    spool: Path, tmp_path: Path
) -> None:
    (tmp_path / "link").symlink_to(SCRIPT)
    assert shown(spool, tmp_path / "link") == "patterns: 0 waiting\n"
    (tmp_path / "copy").write_bytes(SCRIPT.read_bytes())
    assert shown(spool, tmp_path / "copy") == ""


def test_as_the_page_has_it_another_python_shows_it(spool: Path, tmp_path: Path) -> None:
    (line,) = re.findall(r'"command": "(p=.*)"}', (ROOT / "docs" / "usage.md").read_text())
    bundle = tmp_path / ".claude" / "hooks" / "pattern-tracker"
    bundle.mkdir(parents=True)
    for part in ("lib", "hooks", "bin"):
        (bundle / part).symlink_to(ROOT / part)

    def run() -> str:
        done = subprocess.run(
            ["/bin/sh", "-c", line], capture_output=True, text=True, check=False,
            env={**os.environ, "HOME": str(tmp_path), "PATTERN_CACHE_DIR": str(spool)},
        )  # fmt: skip
        return str(done.stdout)

    own = bundle / ".venv" / "bin" / "python"
    own.parent.mkdir(parents=True)
    own.write_text("#!/bin/sh\nexit 1\n")
    own.chmod(0o755)
    assert run() == "patterns: 0 waiting\n"
    own.unlink()
    assert run() == "patterns: 0 waiting\n"
    own.symlink_to(INTERPRETER)
    assert run() == "patterns: 0 waiting\n"


def test_it_loads_no_more_than_it_needs(spool: Path) -> None:
    code = (
        f"import sys; sys.path.insert(0, {str(ROOT)!r}); from lib.commands.statusline import main;"
        "main(); print(*sys.modules)"
    )
    done: Any = subprocess.run(
        [INTERPRETER, "-I", "-S", "-c", code],
        env={"PATTERN_CACHE_DIR": str(spool)}, capture_output=True, text=True, check=True,
    )  # fmt: skip
    heavy = {"json", "re", "argparse", "subprocess", "sqlite3", "asyncio", "logging", "pathlib"}
    assert not heavy & set(done.stdout.split())


def test_it_agrees_with_status(spool: Path) -> None:
    outpost = Outpost(spool)
    outpost.write("/p/a.py", "x = 1\n")
    done = subprocess.run(
        [str(ROOT / "bin" / "pattern-tracker"), "status", "--json"],
        env={"PATTERN_CACHE_DIR": str(spool), "PATH": "/usr/bin:/bin"},
        capture_output=True, check=True,
    )  # fmt: skip
    assert shown(spool) == f"patterns: {json.loads(done.stdout)['pending']} waiting\n"
