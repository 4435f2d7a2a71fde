"""Claude Code's own directory and files of secrets are recorded by nobody."""

import asyncio
import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from lib.capture.payload import capture
from lib.pattern_tracker import PatternTracker
from lib.resilience.client import ResilientAPIClient
from lib.spool import inbox
from tests.support.bundle import Bundle, wait_for, write_payload
from tests.support.outpost import Outpost

NOTE = "The user's name is Ada.\n"
OWN = ("projects/-home-ada/memory/user.md", "plans/secret-plan.md", "CLAUDE.md", "agents/a.py")


@pytest.fixture
def config(bundle: Bundle) -> Path:
    path = bundle.home / ".claude"
    path.mkdir()
    return path


def write(path: Path, text: str = NOTE) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def through(link: Path, target: Path) -> Path:
    link.parent.mkdir(parents=True, exist_ok=True)
    link.symlink_to(target)
    return link


NAMES: dict[str, Callable[[Path, Path], Path]] = {
    "by its name": lambda note, work: note,
    "by a link": lambda note, work: through(work / "notes.md", note),
    "by a linked directory": lambda note, work: through(work / "d", note.parent) / note.name,
    "by a way around": lambda note, work: Path(f"{work}/../{note.relative_to(work.parent)}"),
}


@pytest.mark.parametrize("way", NAMES)
@pytest.mark.parametrize("name", OWN)
def test_the_clients_own_files_are_not_captured(
    bundle: Bundle, config: Path, name: str, way: str
) -> None:
    work = bundle.home / "work"
    work.mkdir()
    path = NAMES[way](write(config / name), work)
    bundle.post(write_payload(str(path), NOTE, "1"))
    assert bundle.pending() == []
    assert bundle.json("status")["skipped"] == {"client": 1}


def test_the_directory_may_be_another_one_or_a_link(bundle: Bundle, tmp_path: Path) -> None:
    real = tmp_path / "dotfiles" / "claude"
    note = write(real / "plans" / "a.md")
    other = through(tmp_path / "config", real)
    for path in (other / "plans" / "a.md", note):
        bundle.post(write_payload(str(path), NOTE, path.parts[-3]), CLAUDE_CONFIG_DIR=str(other))
    spool = real / "hooks" / ".cache" / "patterns"
    assert not list(spool.glob("pending_*"))
    assert (spool / "tally").read_text().count("n;") == 2


def test_a_payload_too_large_to_read(bundle: Bundle, config: Path) -> None:
    note = write(config / "plans" / "large.md")
    bundle.post(json.dumps(write_payload(str(note), "x" * 9_000_000, "1")).encode())
    assert bundle.json("status")["skipped"] == {"client": 1}


def test_other_directories_of_such_a_name_are_projects_own(bundle: Bundle, config: Path) -> None:
    paths = ["work/.claude/agents/a.md", ".claude-notes/b.md", ".claudette", "work/plans/c.md"]
    for number, name in enumerate(paths):
        bundle.post(write_payload(str(write(bundle.home / name)), NOTE * number + "x\n", name))
    bundle.wait_delivered()
    assert {event["file_path"] for event in bundle.log()} == {
        str(bundle.home / name) for name in paths
    }


@pytest.mark.parametrize("way", NAMES)
def test_the_flusher_lets_none_through_that_was_captured(
    bundle: Bundle, config: Path, way: str
) -> None:
    """By an earlier version, or where a hook cannot tell where a link leads."""
    work = bundle.home / "work"
    work.mkdir()
    note = NAMES[way](write(config / "plans" / "a.md"), work)
    key = through(work / "innocent.py", write(work / ".env", "KEY=1"))
    for number, path in enumerate((str(note), str(key), str(work / "fine.py"))):
        event = capture(write_payload("/p/a.py", f"x = {number}\n", path), 1)
        event["event_data"]["file_path"] = path  # type: ignore[index]
        inbox.commit(str(bundle.spool), event, number + 1)
    bundle.environ["PATTERN_CACHE_MAX_AGE_DAYS"] = "99999"
    assert bundle.command("sync").returncode == 0
    assert [event["file_path"] for event in bundle.log()] == [str(work / "fine.py")]
    assert bundle.json("status")["dropped"] == {"ignored": 2}


@pytest.mark.parametrize("way", NAMES)
def test_the_library_tracks_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, way: str) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("CLAUDE_CONFIG_DIR", raising=False)
    monkeypatch.setenv("PATTERN_CACHE_DIR", str(tmp_path / "spool"))
    work = tmp_path / "work"
    work.mkdir()
    monkeypatch.chdir(work)
    note = NAMES[way](write(tmp_path / ".claude" / "plans" / "a.md"), work)
    key = through(work / "innocent.py", write(work / ".env", "KEY=1"))

    async def track() -> None:
        tracker = PatternTracker()
        for path in (note, key, Path("innocent.py")):
            result = await tracker.track_pattern_creation("KEY=1", {"file_path": str(path)})
            assert (result["success"], result["cached"]) == (False, False)
            assert "holds secrets, or is Claude Code's own" in result["message"]
            client = ResilientAPIClient()
            told = await client.track_pattern_resilient(
                "pattern_created", "python-code-1", pattern_data={"code": "x"}, file_path=str(path)
            )
            assert (told["success"], told["cached"]) == (False, False)

    asyncio.run(track())
    wait_for(lambda: not list((tmp_path / "spool").glob("pending_*")))
    if (tmp_path / "spool" / "ledger.db").exists():
        assert Outpost(tmp_path / "spool").recorded() == 0
    assert os.getcwd() == str(work)
