"""The suite itself: no test of it can hang the run."""

import subprocess
import sys
from pathlib import Path

HANGING = """
import threading


def test_that_hangs():
    threading.Event().wait()
"""


def test_a_test_that_hangs_fails_with_its_name_and_stacks(tmp_path: Path) -> None:
    (tmp_path / "test_hanging.py").write_text(HANGING)
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-n", "1", "-o", "timeout=1"],
        cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert "Timeout" in done.stdout
    assert "test_hanging.py::test_that_hangs" in done.stdout
    assert "threading.Event().wait()" in done.stdout
