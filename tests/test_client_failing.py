"""Calls of the shell that fail, in the real client: what they changed is theirs all the same."""

from pathlib import Path
from typing import Any

import pytest

from tests.support.bundle import Bundle
from tests.support.messages_api import Call

pytestmark = [pytest.mark.client, pytest.mark.usefixtures("client")]
CODES = {"a.py": "a = 1\n", "b.py": "b = 1\n", "change.sh": "sed -i s/1/2/ b.py\nexit 3\n"}


def bash(command: str) -> list[Call]:
    return [("Bash", {"command": command, "description": "x"})]


def told(bundle: Bundle, path: Path) -> list[tuple[str, str, str | None]]:
    """Who made which step of a file by which program, oldest first."""
    steps = bundle.json("lineage", str(path))["steps"][::-1]
    return [(step["actor"], step["change"][0], step["program"]) for step in steps]


def prompts(bundle: Bundle, path: Path) -> list[Any]:
    """What a file's steps were asked for with, newest first."""
    return [entry["prompt"] for entry in bundle.json("why", str(path))["prompts"]]


def test_what_a_call_changed_that_failed_is_the_shells(
    installed: Bundle, tmp_path: Path, each_client: Path
) -> None:
    work = tmp_path / "work"
    work.mkdir()
    writes: list[list[Call]] = [
        [("Write", {"file_path": str(work / name), "content": code})]
        for name, code in CODES.items()
    ]
    done = installed.claude(writes, work, client=each_client, prompt="write them")
    assert done.returncode == 0, done.stdout
    installed.wait_delivered()
    # One names its file; of the other a look tells.
    calls = [bash("sed -i s/1/2/ a.py && false"), bash("sh change.sh")]
    done = installed.claude(calls, work, client=each_client, prompt="change them")
    assert done.returncode == 0, done.stdout
    installed.wait_delivered()
    assert [(work / name).read_text() for name in ("a.py", "b.py")] == ["a = 2\n", "b = 2\n"]
    for name, program in (("a.py", "sed"), ("b.py", "sh")):
        assert told(installed, work / name) == [
            ("agent", "created", None), ("shell", "modified", program),
        ]  # fmt: skip
        assert prompts(installed, work / name) == ["change them", "write them"]
