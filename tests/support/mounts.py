"""Real file systems in a mount namespace of the test's own: nothing stays mounted."""

import os
import shutil
import subprocess
from typing import Any

import pytest

ALONE = ["unshare", "--mount", "--propagation", "private"]


def needs_mounts() -> pytest.MarkDecorator:
    """The mark of tests that mount."""
    return pytest.mark.skipif(not _can_mount(), reason="mounting needs Linux, root and unshare")


def _can_mount() -> bool:
    if os.geteuid() != 0 or not shutil.which("unshare"):
        return False
    probe = [*ALONE, "mount", "-t", "tmpfs", "none", "/mnt"]
    return subprocess.run(probe, capture_output=True, check=False).returncode == 0


def run_mounted(script: str, environ: dict[str, str]) -> Any:
    """Run a shell script that may mount what it likes; the finished process."""
    return subprocess.run(
        [*ALONE, "sh", "-ec", script], env=environ, capture_output=True, text=True, check=False
    )
