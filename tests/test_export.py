"""`pattern-tracker export`: JSON Lines and Agent Trace records."""

import json
import re
import sqlite3
import sys
import uuid
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib import __version__
from lib.commands import cli
from lib.ledger.agent_trace import changed_ranges
from lib.system.digest import hex_digest
from tests.support.outpost import Outpost


@pytest.fixture
def told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Outpost:
    outpost = Outpost(tmp_path / "spool")
    repository = tmp_path / "repository"
    (repository / ".git").mkdir(parents=True)
    (repository / "sub").mkdir()
    path = f"{repository}/src/a.py"
    outpost.write(path, "# one\nx = 1\n\ny = 2\n")
    outpost.write(path, "# one\nx = 1\n\ny = 3\nz = 4\n", "# one\nx = 1\n\ny = 2\n")
    outpost.write(path, "# one\nx = 1\n", "# one\nx = 1\n\ny = 3\nz = 4\n")
    outpost.write("/elsewhere/b.py", "x = 1\n\ny = 2\n")
    outpost.write(f"{repository}/old.py", "b = 2\n", "a = 1\n")
    outpost.flush()
    monkeypatch.setenv("PATTERN_CACHE_DIR", str(outpost.directory))
    monkeypatch.chdir(repository / "sub")
    return outpost


def export(capsys: pytest.CaptureFixture[str], *arguments: str) -> list[dict[str, Any]]:
    assert cli.main(["export", *arguments]) == 0
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_every_event_is_a_line(told: Outpost, capsys: pytest.CaptureFixture[str]) -> None:
    events = export(capsys)
    assert len(events) == 6
    assert [e["implied"] for e in events] == [False] * 4 + [True, False]
    assert events[1]["parent_pattern_ids"] == [events[0]["pattern_id"]]
    assert events[1]["edge_type"] == "modified_from"
    assert "code" not in events[0]
    assert export(capsys, "--code")[2]["code"] == "# one\nx = 1\n"


def test_a_file_is_new_private_and_the_same(
    told: Outpost, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    path = tmp_path / "out.jsonl"
    assert export(capsys, "-o", str(path)) == []
    assert path.stat().st_mode & 0o777 == 0o600
    assert [json.loads(line) for line in path.read_text().splitlines()] == export(capsys)
    assert cli.main(["export", "-o", str(path)]) == 1
    assert "exists" in capsys.readouterr().err


def test_agent_trace_tells_which_lines_were_written(
    told: Outpost, capsys: pytest.CaptureFixture[str]
) -> None:
    records = export(capsys, "--format", "agent-trace")
    files = [record["files"][0] for record in records]
    # Not the file outside the repository, nor the edit that only took lines away.
    assert [file["path"] for file in files] == ["src/a.py", "src/a.py", "old.py"]
    ranges = [file["conversations"][0]["ranges"] for file in files]
    assert [(r["start_line"], r["end_line"]) for found in ranges for r in found] == [
        (1, 4), (4, 5), (1, 1),
    ]  # fmt: skip
    assert (
        ranges[1][0]["content_hash"]
        == f"sha256:{hex_digest('y = 3' + chr(10) + 'z = 4' + chr(10))}"
    )


def test_agent_trace_records_have_the_required_shape(
    told: Outpost, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    records = export(capsys, "--format", "agent-trace", "--root", str(tmp_path))
    assert records == export(capsys, "--format", "agent-trace", "--root", str(tmp_path))
    assert len({record["id"] for record in records}) == len(records) == 3
    for record in records:
        assert record["version"] == "0.1.0"
        assert str(uuid.UUID(record["id"])) == record["id"]
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", record["timestamp"])
        assert record["tool"] == {"name": "pattern-tracker", "version": __version__}
        assert record["metadata"]["dev.pattern-tracker"]["agent"] == "claude-code"
        (file,) = record["files"]
        assert not file["path"].startswith(("/", ".."))
        (conversation,) = file["conversations"]
        assert conversation["contributor"] == {"type": "ai"}
        assert set(record["metadata"]) == {"dev.pattern-tracker"}


def claimed(capsys: pytest.CaptureFixture[str], root: Path) -> list[list[tuple[int, int]]]:
    """The lines that each record claims."""
    records = export(capsys, "--format", "agent-trace", "--root", str(root))
    files = [record["files"][0]["conversations"][0]["ranges"] for record in records]
    return [[(r["start_line"], r["end_line"]) for r in ranges] for ranges in files]


FIRST = "def f():\n    return 1\n\n\nlast = 1\n"


@pytest.mark.parametrize(
    ("by_hand", "after", "lines"),
    [
        # Code, a comment, and blank lines: the last two leave the id as it was.
        ("mine = 1\n" + FIRST, "mine = 1\n" + FIRST + "more = 2\n", [(7, 7)]),
        ("# mine\n" + FIRST, "# mine\n" + FIRST + "more = 2\n", [(7, 7)]),
        ("\n\n" + FIRST, "\n\n" + FIRST + "more = 2\n", [(8, 8)]),
        ("# mine\n" + FIRST, "# pattern-id: f-1\n# mine\n" + FIRST, [(1, 1)]),
        ("# mine\n" + FIRST, "# theirs\n" + FIRST.replace("1", "2"), [(1, 1), (3, 3), (6, 6)]),
    ],
)
def test_what_a_person_wrote_between_two_edits_is_not_the_agents(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    by_hand: str,
    after: str,
    lines: list[tuple[int, int]],
) -> None:
    outpost = Outpost(tmp_path / "spool")
    monkeypatch.setenv("PATTERN_CACHE_DIR", str(outpost.directory))
    path = f"{tmp_path}/a.py"
    outpost.write(path, FIRST)
    outpost.write(path, after, by_hand)
    outpost.flush()
    assert claimed(capsys, tmp_path) == [[(1, 5)], lines]


def test_what_a_person_changed_in_a_proposal_is_not_the_agents_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    outpost = Outpost(tmp_path / "spool")
    monkeypatch.setenv("PATTERN_CACHE_DIR", str(outpost.directory))
    answer = {"type": "update", "originalFile": FIRST, "userModified": True}
    outpost.write(f"{tmp_path}/a.py", FIRST)
    outpost.write(f"{tmp_path}/a.py", FIRST + "more = 2\n", FIRST, tool_response=answer)
    outpost.flush()
    records = export(capsys, "--format", "agent-trace", "--root", str(tmp_path))
    whose = [r["files"][0]["conversations"][0]["contributor"]["type"] for r in records]
    assert whose == ["ai", "mixed"]
    assert [event["reason"] for event in export(capsys)] == [None, "amended"]


@pytest.mark.skipif(sqlite3.sqlite_version_info < (3, 35), reason="it cannot drop a column")
def test_of_a_ledger_of_before_as_much_is_told_as_it_knows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    outpost = Outpost(tmp_path / "spool")
    monkeypatch.setenv("PATTERN_CACHE_DIR", str(outpost.directory))
    path = f"{tmp_path}/a.py"
    outpost.write(path, FIRST)
    outpost.write(path, FIRST + "more = 2\n", FIRST)
    outpost.flush()
    db = sqlite3.connect(outpost.directory / "ledger.db")
    db.executescript("ALTER TABLE events DROP COLUMN before_snapshot; PRAGMA user_version = 4")
    db.close()
    outpost.write(path, FIRST + "more = 3\n", "# mine\n" + FIRST + "more = 2\n")
    assert claimed(capsys, tmp_path) == [[(1, 5)], [(6, 6)]]
    outpost.flush()
    assert claimed(capsys, tmp_path) == [[(1, 5)], [(6, 6)], [(6, 6)]]


def test_of_like_lines_only_the_new_one_is_claimed() -> None:
    like = "}\n" * 4000
    ranges = changed_ranges(f"first\n{like}", f"{like}last\n")
    assert [(r["start_line"], r["end_line"]) for r in ranges] == [(4001, 4001)]


def test_without_the_package_there_is_a_clear_line(
    told: Outpost, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a plugin has none before its environment is made; the rest is exported even so."""
    monkeypatch.setitem(sys.modules, "rapidfuzz.distance", None)
    assert cli.main(["export", "--format", "agent-trace"]) == 1
    assert capsys.readouterr().err == (
        "pattern-tracker: the installation is incomplete: the package rapidfuzz is missing\n"
    )
    assert len(export(capsys)) == 6


def test_without_a_repository_there_is_a_clear_line(
    told: Outpost,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    monkeypatch.chdir("/")
    assert cli.main(["export", "--format", "agent-trace"]) == 1
    assert "--root" in capsys.readouterr().err


LINES = st.lists(st.sampled_from(["a", "b", "c\f", "d\u2028", ""]), max_size=8).map("\n".join)


@given(LINES, LINES)
def test_ranges_lie_in_the_file_and_hold_all_that_is_new(before: str, after: str) -> None:
    ranges = changed_ranges(before, after)
    lines = after.split("\n")
    covered: set[int] = set()
    for found in ranges:
        assert 1 <= found["start_line"] <= found["end_line"] <= len(lines)
        covered |= set(range(found["start_line"], found["end_line"] + 1))
    old = before.split("\n")
    # Without what is attributed, nothing is left that was not there before.
    kept = [line for number, line in enumerate(lines, 1) if number not in covered and line]
    position = 0
    for line in kept:
        position = old.index(line, position) + 1


def test_since_leaves_out_what_was_before_and_nothing_else(
    told: Outpost, capsys: pytest.CaptureFixture[str]
) -> None:
    everything = export(capsys)
    middle = everything[len(everything) // 2]["timestamp"]
    assert export(capsys, "--since", middle) == [e for e in everything if e["timestamp"] >= middle]
    whole = export(capsys, "--format", "agent-trace")
    last = whole[-1]["timestamp"].replace("Z", "+00:00")
    later = export(capsys, "--format", "agent-trace", "--since", last)
    assert later
    assert later == [one for one in whole if one["timestamp"] >= whole[-1]["timestamp"]]
    assert cli.main(["export", "--since", "0s"]) == 0
    assert "nothing that was recorded since then is there" in capsys.readouterr().err
