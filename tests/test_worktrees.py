"""Files of worktrees are files of their repository, also once the worktree is gone."""

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.support.bundle import Bundle, write_payload
from tests.support.git import git

BEFORE = "def area(width, height):\n    return width * height\n"
AFTER = BEFORE.replace("width * height", "height * width + 1")


@pytest.fixture
def work(tmp_path: Path) -> Path:
    """A repository with one file."""
    where = tmp_path / "work"
    where.mkdir()
    (where / "a.py").write_text(BEFORE)
    git(where, "init", "-q", "-b", "main")
    git(where, "add", "-A")
    git(where, "commit", "-qm", "one")
    return where


def asked(bundle: Bundle, where: Path, *arguments: str) -> tuple[int, str, str]:
    done = bundle.command(*arguments, cwd=where)
    return done.returncode, done.stdout, done.stderr


def merged(work: Path, worktree: Path) -> None:
    """Commit in the worktree, merge its branch, and remove it."""
    git(worktree, "commit", "-qam", "two")
    done = subprocess.run(
        ["git", "rev-parse", "HEAD"], cwd=worktree, check=True, capture_output=True, text=True
    )
    git(work, "merge", "-q", done.stdout.strip())
    git(work, "worktree", "remove", "-f", "-f", str(worktree))


def check_merged(bundle: Bundle, work: Path) -> None:
    _, out, _ = asked(bundle, work, "log", "--file", "a.py", "--json")
    kinds = [json.loads(line)["event_type"] for line in out.splitlines()]
    assert kinds == ["pattern_created", "pattern_modified"]
    code, out, _ = asked(bundle, work, "lineage", "a.py", "--json")
    found = json.loads(out)
    assert (code, found["file"]["state"], len(found["ancestors"])) == (0, "same", 1)
    assert [step["change"][0] for step in found["steps"]] == ["modified", "before"]
    _, out, _ = asked(bundle, work, "blame", "a.py", "--json")
    lines = [json.loads(line) for line in out.splitlines()]
    assert {line["actor"] for line in lines} == {"agent", "before recording"}
    _, out, _ = asked(bundle, work, "blame", "a.py", "--porcelain")
    assert {line for line in out.splitlines() if line.startswith("filename")} == {"filename a.py"}
    _, out, _ = asked(bundle, work, "export", "--format", "agent-trace")
    assert [json.loads(line)["files"][0]["path"] for line in out.splitlines()] == ["a.py"]


@pytest.mark.client
@pytest.mark.usefixtures("client")
def test_what_the_client_did_in_a_worktree_is_found_after_the_merge(
    installed: Bundle, tmp_path: Path, work: Path, each_client: Path
) -> None:
    worktree = work / ".claude" / "worktrees" / "one"
    path = str(worktree / "a.py")
    edit = {"file_path": path, "old_string": "width * height", "new_string": "height * width + 1"}
    turns: list[Any] = [[("Read", {"file_path": path})], [("Edit", edit)]]
    done = installed.claude(turns, work, "--worktree", "one", client=each_client)
    assert done.returncode == 0, done.stdout
    installed.wait_delivered()
    merged(work, worktree)
    check_merged(installed, work)


@pytest.mark.parametrize("is_early", [False, True])
def test_a_worktree_that_was_gone_before_its_events_were_recorded(
    bundle: Bundle, work: Path, is_early: bool
) -> None:
    worktree = work / ".claude" / "worktrees" / "one"
    git(work, "worktree", "add", "-q", "-b", "one", str(worktree))
    (worktree / "a.py").write_text(AFTER)
    call = write_payload(str(worktree / "a.py"), AFTER, "1", BEFORE)
    if is_early:
        merged(work, worktree)
    bundle.post({**call, "cwd": str(work)})
    bundle.wait_delivered()
    if not is_early:
        merged(work, worktree)
    check_merged(bundle, work)


def test_a_file_of_another_worktree_is_not_the_one_that_is_here(bundle: Bundle, work: Path) -> None:
    worktree = work.parent / "beside"
    git(work, "worktree", "add", "-q", "-b", "one", str(worktree))
    (worktree / "a.py").write_text(AFTER)
    bundle.post(write_payload(str(worktree / "a.py"), AFTER, "1", BEFORE))
    bundle.wait_delivered()
    assert asked(bundle, worktree, "lineage", "a.py")[0] == 0
    (work / "a.py").write_text("mine = 1\n")
    refused = f"pattern-tracker: a.py was not recorded here; elsewhere: {worktree}/a.py\n"
    assert asked(bundle, work, "lineage", "a.py")[::2] == (1, refused)
    # The log is that of the repository's file, wherever it was changed.
    for where in (work, worktree):
        assert len(asked(bundle, where, "log", "--file", "a.py", "--json")[1].splitlines()) == 2
    shutil.rmtree(worktree)
    assert asked(bundle, work, "lineage", "a.py")[::2] == (1, refused)
