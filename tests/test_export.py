"""`pattern-tracker export`: JSON Lines and Agent Trace records."""

import json
import re
import uuid
from pathlib import Path
from typing import Any

import pytest

from lib import __version__
from lib.commands import cli
from lib.system.digest import hex_digest
from tests.support.outpost import Outpost
from tests.support.repository import LAST, Repository


@pytest.fixture
def told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Outpost:
    outpost = Outpost(tmp_path / "spool")
    repository = tmp_path / "repository"
    (repository / ".git").mkdir(parents=True)
    (repository / "sub").mkdir()
    (repository / "src").mkdir()
    path = f"{repository}/src/a.py"
    outpost.write(path, "# one\nx = 1\n\ny = 2\n")
    outpost.write(path, "# one\nx = 1\n\ny = 3\nz = 4\n", "# one\nx = 1\n\ny = 2\n")
    outpost.write(path, "# one\nx = 1\n", "# one\nx = 1\n\ny = 3\nz = 4\n")
    outpost.write("/elsewhere/b.py", "x = 1\n\ny = 2\n")
    outpost.write(f"{repository}/old.py", "b = 2\na = 1\n", "a = 1\n")
    outpost.write(f"{repository}/gone.py", "c = 2\n")
    outpost.flush()
    Path(path).write_text("# one\nx = 1\n")
    (repository / "old.py").write_text("b = 2\na = 1\n")
    monkeypatch.setenv("PATTERN_CACHE_DIR", str(outpost.directory))
    monkeypatch.chdir(repository / "sub")
    return outpost


def export(capsys: pytest.CaptureFixture[str], *arguments: str) -> list[dict[str, Any]]:
    assert cli.main(["export", *arguments]) == 0
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_every_event_is_a_line(told: Outpost, capsys: pytest.CaptureFixture[str]) -> None:
    events = export(capsys)
    assert len(events) == 7
    assert [e["implied"] for e in events] == [False] * 4 + [True, False, False]
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


def ranges_of(record: dict[str, Any]) -> list[list[tuple[int, int]]]:
    """The lines that each conversation of a record claims."""
    (file,) = record["files"]
    return [[(r["start_line"], r["end_line"]) for r in conversation["ranges"]]
            for conversation in file["conversations"]]  # fmt: skip


def test_agent_trace_tells_which_lines_are_the_agents(
    told: Outpost, capsys: pytest.CaptureFixture[str]
) -> None:
    records = export(capsys, "--format", "agent-trace")
    # Not the file outside the repository, nor one that is gone.
    assert [record["files"][0]["path"] for record in records] == ["old.py", "src/a.py"]
    assert [ranges_of(record) for record in records] == [[[(1, 1)]], [[(1, 2)]]]
    (found,) = records[0]["files"][0]["conversations"][0]["ranges"]
    assert found["content_hash"] == f"sha256:{hex_digest('b = 2' + chr(10))}"


def test_agent_trace_records_have_the_required_shape(
    told: Outpost, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    records = export(capsys, "--format", "agent-trace", "--root", str(tmp_path))
    assert records == export(capsys, "--format", "agent-trace", "--root", str(tmp_path))
    assert len({record["id"] for record in records}) == len(records) == 2
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
        assert [one["type"] for one in conversation["related"]] == ["session", "prompt"]
        assert all(re.match(r"urn:[a-z0-9]+:", one["url"]) for one in conversation["related"])
        assert set(record["metadata"]) == {"dev.pattern-tracker"}


def claims(
    capsys: pytest.CaptureFixture[str], root: Path, *arguments: str
) -> dict[tuple[str, str | None], list[tuple[int, int]]]:
    """The lines of the only file, by prompt and model."""
    (record,) = export(capsys, "--format", "agent-trace", "--root", str(root), *arguments)
    asked = record["metadata"]["dev.pattern-tracker"]["conversations"]
    models = [c["contributor"].get("model_id") for c in record["files"][0]["conversations"]]
    assert models == [one["model"] for one in asked]
    return {(one["prompt_id"], one["model"]): ranges
            for one, ranges in zip(asked, ranges_of(record), strict=True)}  # fmt: skip


MODEL = "claude-model-1"
CLAIMED = {("p1", MODEL): [(5, 5)], ("p2", MODEL): [(6, 6)], ("p3", MODEL): [(7, 10)]}


def test_each_line_has_its_conversation_and_model(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """What was there before, and what a person and a formatter made of it, is nobody's."""
    repository = Repository(tmp_path)
    monkeypatch.setenv("PATTERN_CACHE_DIR", str(repository.spool))
    assert claims(capsys, repository.root) == CLAIMED
    repository.path.write_text(LAST.replace("return 2", "return  2") + "# more\n")
    whole = {**CLAIMED, ("p3", MODEL): [(7, 9)]}
    assert claims(capsys, repository.root) == whole
    ((time,),) = repository.rows("SELECT timestamp FROM revisions WHERE prompt_id = 'p3'")
    assert claims(capsys, repository.root, "--since", str(time)) == {("p3", MODEL): [(7, 9)]}


@pytest.mark.parametrize(("reason", "lines"), [("format", []), (None, [(6, 6)])])
def test_a_formatter_that_the_agents_shell_ran_wrote_no_line(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    reason: str | None,
    lines: list[tuple[int, int]],
) -> None:
    repository = Repository(tmp_path)
    monkeypatch.setenv("PATTERN_CACHE_DIR", str(repository.spool))
    repository.rows("UPDATE revisions SET actor = 'shell' WHERE prompt_id = 'p2'")
    told = f"'{reason}'" if reason else "NULL"
    repository.rows(f"UPDATE events SET reason = {told} WHERE session_id = 'session-two'")
    assert claims(capsys, repository.root).get(("p2", MODEL), []) == lines


def test_what_a_person_changed_in_a_proposal_is_not_the_agents_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    outpost = Outpost(tmp_path / "spool")
    monkeypatch.setenv("PATTERN_CACHE_DIR", str(outpost.directory))
    answer = {"type": "update", "originalFile": "x = 1\n", "userModified": True}
    file = tmp_path / "a.py"
    outpost.write(str(file), "x = 1\n")
    outpost.write(str(file), "x = 1\nmore = 2\n", "x = 1\n", tool_response=answer)
    outpost.flush()
    file.write_text("x = 1\nmore = 2\n")
    (told,) = export(capsys, "--format", "agent-trace", "--root", str(tmp_path))
    whose = {
        one["contributor"]["type"]: [(r["start_line"], r["end_line"]) for r in one["ranges"]]
        for one in told["files"][0]["conversations"]
    }
    assert whose == {"ai": [(1, 1)], "mixed": [(2, 2)]}
    assert [event["reason"] for event in export(capsys)] == [None, "amended"]


def test_a_repository_that_is_not_here_is_told_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    repository = Repository(tmp_path)
    monkeypatch.setenv("PATTERN_CACHE_DIR", str(repository.spool))
    repository.root.rename(tmp_path / "moved")
    assert claims(capsys, repository.root) == CLAIMED


def test_without_a_repository_there_is_a_clear_line(
    told: Outpost,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    monkeypatch.chdir("/")
    assert cli.main(["export", "--format", "agent-trace"]) == 1
    assert "--root" in capsys.readouterr().err


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
