"""The agent of the real client reads a hint with its next request, once; nobody else does."""

import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.support.bundle import Bundle, write_payload
from tests.support.messages_api import Times
from tests.test_reuse_hint import COPY, ORIGIN

pytestmark = pytest.mark.client
SAID = "are the same as send_static, src/files.py:4 (since 20"


def test_a_hint_is_in_the_next_request_once(
    installed: Bundle, each_client: Path, tmp_path: Path
) -> None:
    work = tmp_path / "work"
    (work / "src").mkdir(parents=True)
    subprocess.run(["git", "init", "-q"], cwd=work, check=True)

    def write(name: str, code: str) -> list[tuple[str, dict[str, Any]]]:
        return [("Write", {"file_path": str(work / name), "content": code})]

    (work / "src" / "files.py").write_text(ORIGIN)
    installed.post(write_payload(str(work / "src" / "files.py"), ORIGIN, "use-1"))
    installed.wait_delivered()
    installed.command("sync")
    clock = Times()
    turns = [write("src/other.py", COPY), write("src/third.py", COPY), write("last.py", "x = 1\n")]
    done = installed.claude(turns, work, client=each_client, clock=clock)
    assert (done.returncode, done.stdout.strip(), done.stderr) == (0, "done", "")
    told = [request.count(SAID) for request in clock.requests]
    assert told == [0, 1, 1, 1]
    assert (work / "src" / "third.py").read_text() == COPY
    installed.wait_delivered()
    assert installed.json("status")["captured"] == 4
