"""`pattern-tracker blame`: whose each line is, for people and for programs."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from rich.cells import cell_len

from lib.commands import cli
from tests.support import canaries
from tests.support.bundle import ROOT, Bundle
from tests.support.repository import BY_HAND, CHANGED, LAST, WRITTEN, Repository

BEFORE = "before recording"


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> list[str]:
    capsys.readouterr()
    assert cli.main(["blame", *arguments]) == 0
    told = capsys.readouterr()
    assert told.err == ""
    return told.out.splitlines()


def told(capsys: pytest.CaptureFixture[str], name: str = "a.py") -> list[dict[str, Any]]:
    return [json.loads(line) for line in run(capsys, name, "--json")]


def makers(capsys: pytest.CaptureFixture[str], name: str = "a.py") -> list[tuple[str, str | None]]:
    return [(line["actor"], line["prompt_id"]) for line in told(capsys, name)]


WHO = [
    ("outside", None),
    *[(BEFORE, None)] * 3,
    ("agent", "p1"),
    ("agent", "p2"),
    *[("agent", "p3")] * 4,
]


@pytest.mark.usefixtures("repository")
def test_each_line_has_who_wrote_it(capsys: pytest.CaptureFixture[str]) -> None:
    lines = told(capsys)
    assert "".join(f"{line['text']}\n" for line in lines) == LAST
    assert [line["line"] for line in lines] == list(range(1, 11))
    assert makers(capsys) == WHO
    written = lines[4]
    assert written["event_id"]
    assert (written["session_id"], written["model"]) == ("session-one", "claude-model-1")
    assert written["prompt"] == "Write f, please.\nIt adds."
    assert written["original_line"] == 4
    assert lines[6]["prompt"] is None
    assert lines[0]["session_id"] is lines[0]["event_id"] is lines[1]["model"] is None


def test_what_a_formatter_and_a_person_did_is_not_the_agents(
    repository: Repository, capsys: pytest.CaptureFixture[str]
) -> None:
    repository.path.write_text(LAST.replace("return 2", "return  2") + "# more\n")
    assert makers(capsys) == [*WHO[:9], ("outside", None), ("outside", None)]
    (first, *_) = run(capsys, "a.py")
    assert first == "a.py: 2 lines changed since, not recorded yet"
    repository.path.write_text(LAST)
    assert makers(capsys) == WHO


def test_a_file_that_is_gone_is_told_as_it_was(
    repository: Repository, capsys: pytest.CaptureFixture[str]
) -> None:
    repository.path.unlink()
    assert makers(capsys) == WHO
    assert run(capsys, "a.py")[0] == "a.py is gone: this is what it held last"


def test_copies_are_followed(repository: Repository, capsys: pytest.CaptureFixture[str]) -> None:
    """Of the agent, whose copy is recorded, and of others, whose copy is not."""
    repository.write("b.py", LAST, None, "p4")
    repository.write("b.py", f"{LAST}# end\n", LAST, "p5")
    assert makers(capsys, "b.py") == [*WHO, ("agent", "p5")]
    assert told(capsys, "b.py")[0]["file_path"] == f"{repository.root}/a.py"
    (repository.root / "c.py").write_text(LAST)
    assert makers(capsys, "c.py") == WHO
    first = run(capsys, "c.py")[0]
    assert first == "c.py was not recorded by that name: this is the code of b.py"


def parsed(lines: list[str]) -> list[tuple[str, int, dict[str, str], str]]:
    """Each line's commit, its number there, what is said of it, and its text."""
    found, said = [], dict[str, dict[str, str]]()
    commit, original, number = "", 0, 0
    for line in lines:
        head = re.fullmatch(r"([0-9a-f]{40}) (\d+) (\d+)( \d+)?", line)
        if line.startswith("\t"):
            number += 1
            found.append((commit, original, said[commit], line[1:]))
        elif head:
            commit, original = head[1], int(head[2])
            assert int(head[3]) == number + 1
            said.setdefault(commit, {})
        else:
            name, _, value = line.partition(" ")
            assert name not in said[commit]
            said[commit][name] = value
    return found


@pytest.mark.usefixtures("repository")
def test_of_a_name_only_its_lines_are_told(capsys: pytest.CaptureFixture[str]) -> None:
    """With the numbers that they have in the file."""
    whole = told(capsys)
    assert told(capsys, "a.py:f") == whole[4:6]
    assert told(capsys, "a.py:10") == whole[9:]
    lines = run(capsys, "a.py:g")
    assert [line.partition("│")[0].split()[-1] for line in lines] == ["9", "10"]
    for name, first in (("a.py:f", 5), ("a.py:g", 9)):
        found = run(capsys, name, "--porcelain")
        heads = [line.split() for line in found if re.match("[0-9a-f]{40} ", line)]
        assert [int(head[2]) for head in heads] == [first, first + 1]
        texts = [line[1:] for line in found if line.startswith("\t")]
        assert texts == [one["text"] for one in whole[first - 1 : first + 1]]


def test_the_porcelain_is_that_of_git(
    repository: Repository, capsys: pytest.CaptureFixture[str]
) -> None:
    repository.path.write_text(f"{LAST}\tnew\n")
    lines = run(capsys, "a.py", "--porcelain")
    found = parsed(lines)
    assert "".join(f"{text}\n" for *_, text in found) == f"{LAST}\tnew\n"
    says = [said for _, _, said, _ in found]
    assert [said["author"] for said in says] == [
        "outside", *[BEFORE] * 3, *["agent/claude-model-1"] * 6, "Not recorded yet",
    ]  # fmt: skip
    assert ["boundary" in said for said in says] == [False, *[True] * 3, *[False] * 7]
    assert {said["filename"] for said in says} == {"a.py"}
    assert says[4]["summary"] == "Write f, please."
    assert says[5]["summary"] == "Let f add \\x1b[31mone more"
    assert all(said["author-time"].isdecimal() for said in says)
    assert found[-1][0] == "0" * 40
    assert [original for _, original, *_ in found[1:5]] == [1, 2, 3, 4]
    event_id = told(capsys)[4]["event_id"]
    assert found[4][0] == event_id + "0" * 8
    # As git has it, the first line of a group says how many there are.
    assert sum(len(line.split()) == 4 for line in lines if re.match("[0-9a-f]{40} ", line)) == 6


@pytest.mark.usefixtures("repository")
@pytest.mark.parametrize("width", [60, 80, 120, 160])
def test_the_margin_tells_of_each_block_once(
    width: int, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    lines = run(capsys, "a.py")
    assert max(map(cell_len, lines)) <= width
    assert len({line.index("│") for line in lines}) == 1
    blocks = [line for line in lines if line[0] != " "]
    assert [line.split()[1] for line in blocks] == ["outside", "before", *["agent"] * 3]
    assert sum("Write f, plea" in line for line in lines) == 1
    assert sum("prompt not kep" in line for line in lines) == 1
    assert "\x1b" not in "".join(lines)
    assert [line.partition("│ ")[2] for line in lines] == LAST.splitlines()


def test_wide_characters_take_two_columns(
    repository: Repository, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    repository.write("b.py", "a\nb\nc\n", None, "p3")
    repository.rows("UPDATE prompts SET text = '日本語のプロンプト' || char(10) || 'more'")
    for width in (60, 100, 160):
        monkeypatch.setenv("COLUMNS", str(width))
        lines = run(capsys, "b.py")
        assert max(map(cell_len, lines)) <= width
        assert "日本語" in lines[0]
        assert len({cell_len(line.partition("│")[0]) for line in lines}) == 1


@pytest.mark.usefixtures("repository")
def test_a_session_has_its_colour(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    starts = [line[:5] for line in run(capsys, "a.py") if "agent" in line]
    assert starts == ["\x1b[36m", "\x1b[33m", "\x1b[33m"]


def test_secrets_are_compared_as_they_were_recorded(
    repository: Repository, capsys: pytest.CaptureFixture[str]
) -> None:
    canary = next(one for one in canaries.canaries() if one.format == "github classic")
    code = f"{WRITTEN}\nTOKEN = '{canary.text}'\n"
    repository.write("b.py", code, None, "p1")
    assert set(makers(capsys, "b.py")) == {("agent", "p1")}
    assert not canary.traces("".join(run(capsys, "b.py")).encode())


def test_names_and_code_cannot_drive_the_terminal(
    repository: Repository, capsys: pytest.CaptureFixture[str]
) -> None:
    repository.write("\x1b[2J.py", "x = '\x1b[31m'\n", None, "p2")
    shown = "\n".join(run(capsys, "\x1b[2J.py"))
    (repository.root / "\x1b[2J.py").unlink()
    shown += "\n".join(run(capsys, "\x1b[2J.py"))
    assert "\\x1b[2J.py" in shown
    assert "\x1b" not in shown


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["no.py"], "nothing is known of no.py"),
        (["empty.py"], "nothing is known of empty.py"),
        (["\x1b[2J"], "nothing is known of \\x1b[2J"),
        (["a.py", "--json", "--porcelain"], "--json and --porcelain are two ways to print"),
    ],
)
def test_an_error_is_a_line(
    repository: Repository,
    arguments: list[str],
    line: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    repository.write("nothing.py", "", None, "p3")
    (repository.root / "empty.py").touch()
    assert cli.main(["blame", *arguments]) == 1
    assert capsys.readouterr().err == f"pattern-tracker: {line}\n"


def test_before_the_first_event_there_is_a_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATTERN_CACHE_DIR", str(tmp_path / "nothing"))
    assert run(capsys, "a.py") == ["nothing was recorded yet"]
    assert run(capsys, "a.py", "--json") == run(capsys, "a.py", "--porcelain") == []


def test_a_person_between_two_edits(
    repository: Repository, capsys: pytest.CaptureFixture[str]
) -> None:
    """The agent undoes what a person did: the lines are the agent's anew, as git has it."""
    repository.write("a.py", CHANGED, BY_HAND, "p6")
    repository.write("a.py", BY_HAND, CHANGED, "p7")
    assert makers(capsys)[0] == ("agent", "p7")


@pytest.mark.client
@pytest.mark.usefixtures("client")
def test_the_lines_of_the_real_client_have_its_prompt_and_model(bundle: Bundle) -> None:
    work = bundle.home / "work"
    (work / ".git").mkdir(parents=True)
    path = work / "a.py"
    path.write_text("top = 1\nend = 1\n")
    edit = {"file_path": str(path), "old_string": "end = 1\n", "new_string": "end = 2\nmore = 3\n"}
    command = {"command": "sed -i 's/more = 3/more = 4/' a.py", "description": "more"}
    turns: list[Any] = [
        [("Read", {"file_path": str(path)})], [("Edit", edit)], [("Bash", command)],
    ]  # fmt: skip
    done = bundle.claude(turns, work, "--plugin-dir", str(ROOT))
    assert done.returncode == 0, done.stdout
    bundle.wait_delivered()
    done = bundle.command("blame", "--json", str(path))
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert [line["actor"] for line in lines] == [BEFORE, "agent", "shell"]
    assert [line["prompt"] for line in lines] == [None, "go", "go"]
    assert lines[1]["model"] == lines[2]["model"] != ""
    assert lines[2]["program"] == "sed"
    asked = bundle.json("why", f"{path}:3")["prompts"]
    assert [[step["actor"] for step in one["steps"]] for one in asked] == [
        ["shell", "agent"], [BEFORE],
    ]  # fmt: skip
    assert asked[0]["prompt"] == "go"
