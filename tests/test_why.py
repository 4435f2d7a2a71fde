"""`pattern-tracker why`: the prompts that made a file or a line of it, and what each changed."""

import json
from typing import Any

import pytest
from rich.cells import cell_len

from lib.commands import cli
from tests.support.repository import LAST, Repository


def told(capsys: pytest.CaptureFixture[str], *arguments: str) -> Any:
    assert cli.main(["why", "--json", *arguments]) == 0
    return json.loads(capsys.readouterr().out)


def prompts(found: Any) -> list[str | None]:
    """The entries by their prompts, or who made those that have none."""
    return [entry["prompt_id"] or entry["steps"][0]["actor"] for entry in found["prompts"]]


@pytest.mark.usefixtures("repository")
def test_the_prompts_of_a_file(capsys: pytest.CaptureFixture[str]) -> None:
    found = told(capsys, "a.py")
    assert prompts(found) == ["p3", "outside", "p2", "outside", "p1", "before recording"]
    newest, by_hand, second, formatted, first, _ = found["prompts"]
    assert (first["prompt"], first["model"]) == ("Write f, please.\nIt adds.", "claude-model-1")
    assert (first["session_id"], first["title"]) == ("session-one", "About session-one")
    assert newest["prompt"] is None
    assert newest["steps"][0]["diff"] == "@@ -6,0 +7,4 @@\n+\n+\n+def g():\n+    return 2\n"
    assert formatted["steps"][0]["change"] == ["modified", "format"]
    assert formatted["steps"][0]["diff"] == "@@ -5,1 +5,1 @@\n-    return a+b\n+    return a + b\n"
    assert by_hand["steps"][0]["change"] == ["unchanged"]
    assert second["steps"][0]["event_id"]


@pytest.mark.usefixtures("repository")
def test_the_prompts_of_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    found = told(capsys, "a.py:6")
    assert (found["line"], prompts(found)) == (6, ["p2", "outside", "p1"])
    diffs = [entry["steps"][0]["diff"] for entry in found["prompts"]]
    assert diffs[0] == "@@ -5,1 +5,1 @@\n-    return a + b\n+    return a + b + 1\n"
    assert diffs[2] == "@@ -3,0 +5,1 @@\n+    return a+b\n"
    assert prompts(told(capsys, "a.py:2")) == ["before recording"]


def test_what_somebody_did_after_is_said(
    repository: Repository, capsys: pytest.CaptureFixture[str]
) -> None:
    repository.path.write_text(LAST.replace("a + b + 1", "a + b + 2"))
    assert prompts(told(capsys, "a.py:6")) == ["outside", "p2", "outside", "p1"]
    assert cli.main(["why", "a.py:6"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "  outside  somebody else changed this after; not recorded yet"
    assert sum("the layout alone, by a formatter" in line for line in lines) == 1
    assert "> Let f add \\x1b[31mone more" in lines
    assert "\x1b" not in "".join(lines)


def test_the_steps_of_a_prompt_stand_together(
    repository: Repository, capsys: pytest.CaptureFixture[str]
) -> None:
    repository.write("a.py", f"{LAST}x = 1\n", LAST, "p8")
    repository.write("a.py", f"{LAST}x = 2\n", f"{LAST}x = 1\n", "p8")
    entries = told(capsys, "a.py")["prompts"]
    assert [len(entry["steps"]) for entry in entries[:2]] == [2, 1]
    assert [len(one["steps"]) for one in told(capsys, "a.py", "-n", "1")["prompts"]] == [2]


def test_steps_without_a_prompt_stand_alone(
    repository: Repository, capsys: pytest.CaptureFixture[str]
) -> None:
    others = LAST.replace("top = 0", "top = 9")
    repository.write("a.py", f"{others}z = 1\n", others, "p8")
    repository.path.write_text(f"{others}z = 1\n".replace("top = 9", "top = 8"))
    found = told(capsys, "a.py:2")
    assert prompts(found) == ["outside", "outside", "before recording"]
    assert [entry["steps"][0]["timestamp"] is None for entry in found["prompts"]] == [
        True, False, False,
    ]  # fmt: skip


@pytest.mark.usefixtures("repository")
def test_a_prompt_that_is_not_kept_is_said_to_be(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["why", "a.py:10"]) == 0
    assert capsys.readouterr().out.startswith("> (prompt not kept)\n")


@pytest.mark.usefixtures("repository")
def test_an_event_has_its_prompt(capsys: pytest.CaptureFixture[str]) -> None:
    (step,) = told(capsys, "a.py")["prompts"][2]["steps"]
    for name in (step["event_id"], step["event_id"][:6]):
        assert prompts(told(capsys, name)) == ["p2"]


@pytest.mark.usefixtures("repository")
def test_a_name_that_is_known(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["log", "--json"]) == 0
    name = json.loads(capsys.readouterr().out.splitlines()[-1])["pattern_name"]
    assert told(capsys, f"a.py:{name}")["name"] == name


@pytest.mark.usefixtures("repository")
def test_a_name_is_told_by_the_prompts_of_its_lines(capsys: pytest.CaptureFixture[str]) -> None:
    assert prompts(told(capsys, "a.py:g")) == ["p3"]
    found = told(capsys, "a.py:f")
    assert prompts(found) == ["p2", "outside", "p1"]
    assert (found["name"], found["line"]) == ("f", None)


def test_a_file_that_has_a_colon_in_its_name(
    repository: Repository, capsys: pytest.CaptureFixture[str]
) -> None:
    repository.write("b.py:2", "x = 1\n", None, "p9")
    assert prompts(told(capsys, "b.py:2")) == ["p9"]
    assert told(capsys, "b.py:2:1")["line"] == 1


@pytest.mark.usefixtures("repository")
@pytest.mark.parametrize(
    ("target", "line"),
    [
        ("a.py:11", "a.py has 10 lines, and no line 11"),
        ("a.py:0", "a.py has 10 lines, and no line 0"),
        ("a.py:no", "nothing in a.py is known by the name no: ask for a line, such as a.py:1"),
        ("no.py", "nothing is known of no.py"),
        ("no.py:1", "nothing is known of no.py"),
        ("\x1b[2J:1", "nothing is known of \\x1b[2J"),
    ],
)
def test_an_error_is_a_line(target: str, line: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["why", target]) == 1
    assert capsys.readouterr().err == f"pattern-tracker: {line}\n"


@pytest.mark.parametrize("width", [60, 120])
def test_a_terminal_gets_the_beginning_of_what_is_long(
    repository: Repository, width: int, capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    code = "".join(f"x{n} = {n}  # {'long ' * 30}\n" for n in range(200))
    repository.write("b.py", code, None, "p9")
    text = "many\n" * 50
    repository.rows(f"INSERT INTO prompts VALUES ('p9', 's', 't', '{text}')")
    monkeypatch.setenv("COLUMNS", str(width))
    assert cli.main(["why", "b.py"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) < 30
    assert max(map(cell_len, lines)) <= width
    assert "> ⋮ 44 more, --all shows them" in lines
    assert cli.main(["why", "b.py", "--all"]) == 0
    assert len(capsys.readouterr().out.splitlines()) > 250
