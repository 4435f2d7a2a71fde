"""The hook tells the agent what stands elsewhere in the project already, and nothing else."""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.bundle import Bundle, write_payload


ORIGIN = '''import os


def send_static(directory, name, options):
    """Send a file of a directory."""
    path = os.path.join(directory, name)
    if not os.path.isfile(path):
        raise FileNotFoundError(path)
    size = os.path.getsize(path)
    headers = {"length": size, "name": name}
    for key, value in options.items():
        headers[key] = str(value)
    return path, headers
'''
COPY = ORIGIN.replace("send_static", "send_other").replace("import os\n\n\n", "x = 1\n\n\n")


class Project:
    """A repository whose files are recorded by the hooks."""

    def __init__(self, bundle: Bundle, root: Path) -> None:
        self.bundle, self.root = bundle, root
        root.mkdir()
        subprocess.run(["git", "init", "-q"], cwd=root, check=True)
        self.uses = 0

    def write(self, name: str, code: str, session: str = "s-1", **environ: str) -> str:
        """Write a file as the client does; what the hook prints."""
        path = self.root / name
        before = path.read_text() if path.exists() else None
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(code)
        self.uses += 1
        data = write_payload(str(path), code, f"use-{self.uses}", before)
        done = self.bundle.hook("post", {**data, "session_id": session}, **environ)
        assert (done.returncode, done.stderr) == (0, b"")
        printed: str = done.stdout.decode()
        return printed

    def settle(self) -> None:
        self.bundle.command("sync")


@pytest.fixture
def project(bundle: Bundle, tmp_path: Path) -> Iterator[Project]:
    made = Project(bundle, tmp_path / "project")
    assert made.write("src/files.py", ORIGIN) == ""
    made.settle()
    yield made


def told(printed: str) -> str:
    (name,) = (given := json.loads(printed))
    assert name == "hookSpecificOutput"
    assert given[name].pop("hookEventName") == "PostToolUse"
    (text,) = given[name].values()
    return str(text)


def test_a_copy_is_told_once_with_where_the_origin_stands(project: Project) -> None:
    printed = project.write("src/other.py", COPY)
    assert told(printed).startswith(
        "pattern-tracker: lines 5-13 are the same as send_static, src/files.py:4 (since 20"
    )
    assert len(told(printed)) <= 300 and printed.count("\n") == 1
    assert project.write("src/third.py", COPY) == ""
    assert told(project.write("src/fourth.py", COPY, session="s-2"))


CASES: dict[str, Any] = {}
