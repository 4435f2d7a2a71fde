"""`pattern-tracker lineage`: the drawing, its cycles and branches, and what each step changed."""

import itertools
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib.capture.event import Content
from lib.commands import cli
from lib.ledger.graph import AGAIN, UNDONE, draw
from lib.ledger.history import Edge
from tests.support.outpost import Outpost

PATH = "a.py"


def code(number: int) -> str:
    return f"def f():\n    return {number}\n"


def id_of(number: int) -> str:
    return Content(code(number), PATH).pattern_id


def lines(nodes: str, edges: str, asked: str) -> list[str]:
    """The drawing of one-letter nodes; `edges` are parent and child, separated by spaces."""
    made = [Edge(pair[0], pair[1], "modified_from") for pair in edges.split()]
    notes = {UNDONE: " undone", AGAIN: " again"}
    return [f"{s.prefix}{s.node}{notes.get(s.repeat, '')}" for s in draw(nodes, made, asked)]


@pytest.mark.parametrize(
    ("nodes", "edges", "asked", "drawing"),
    [
        ("a", "", "a", ["a"]),
        ("abc", "ab bc", "b", ["a", "b", "c"]),
        ("abcd", "ab bc bd", "a", ["a", "b", "├─c", "d"]),
        ("abcd", "ab bc bd", "c", ["a", "b", "├─d", "c"]),
        ("abcde", "ab bc cd be", "e", ["a", "b", "├─c", "│ d", "e"]),
        ("ab", "ab ba", "a", ["a", "b", "a undone"]),
        ("abc", "ab ba bc", "c", ["a", "b", "├─a undone", "c"]),
        ("abc", "ac bc", "c", ["a", "c", "b", "c again"]),
    ],
)
def test_a_graph_becomes_lines(nodes: str, edges: str, asked: str, drawing: list[str]) -> None:
    assert lines(nodes, edges, asked) == drawing


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), max_size=30), st.integers(0, 9))
def test_every_node_and_edge_is_drawn_once(pairs: list[tuple[int, int]], asked: int) -> None:
    nodes = [str(n) for n in range(10)]
    edges = {Edge(str(a), str(b), "x") for a, b in pairs if a != b}
    steps = draw(nodes, edges, str(asked))
    assert sorted(step.node for step in steps if not step.repeat) == nodes
    drawn = [step.edge for step in steps if step.edge]
    assert len(drawn) == len(set(drawn))
    assert set(drawn) == edges


def test_a_thousand_steps_are_no_deeper_than_one() -> None:
    nodes = [f"n{n}" for n in range(5000)]
    edges = [Edge(a, b, "x") for a, b in itertools.pairwise(nodes)]
    assert {step.prefix for step in draw(nodes, edges, "n0")} == {""}


@pytest.fixture
def told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Outpost:
    """A file that was changed 40 times, then once more and back again, and a copy of it."""
    outpost = Outpost(tmp_path / "spool")
    monkeypatch.chdir(tmp_path)
    path, copy = (tmp_path / name for name in (PATH, "copy.py"))
    path.write_text(code(40))
    copy.write_text(code(40))
    outpost.write(str(path), code(0))
    for number in range(1, 42):
        outpost.write(str(path), code(number), code(number - 1))
    outpost.write(str(path), code(40), code(41))
    outpost.write(str(copy), "# a copy\n" + code(40))
    outpost.flush()
    monkeypatch.setenv("PATTERN_CACHE_DIR", str(outpost.directory))
    monkeypatch.delenv("COLUMNS", raising=False)
    return outpost


def lineage(capsys: pytest.CaptureFixture[str], *arguments: str) -> Any:
    assert cli.main(["lineage", *arguments]) == 0
    out = capsys.readouterr().out
    assert "\x1b" not in out
    return json.loads(out) if "--json" in arguments else out.splitlines()


def test_a_pipe_gets_every_step(told: Outpost, capsys: pytest.CaptureFixture[str]) -> None:
    drawn = lineage(capsys, PATH, "--graph")
    assert len(drawn) == 44
    assert drawn[0].startswith(f"○ {id_of(0)}  created ")
    assert drawn[0].endswith(PATH)
    assert drawn[40].startswith(f"● {id_of(40)}  modified  ")
    assert "f  <- asked for" in drawn[40]
    assert drawn[41] == "    also in copy.py"
    assert drawn[43] == f"↺ {id_of(40)}  modified  undone: back to it"


@pytest.mark.parametrize("columns", [60, 80, 120])
def test_a_terminal_gets_one_screen(
    told: Outpost,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    columns: int,
) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    drawn = lineage(capsys, PATH, "--graph")
    assert len(drawn) <= 26
    assert max(map(len, drawn)) <= columns
    assert any(line.startswith(f"● {id_of(40)}") for line in drawn)
    assert drawn[1] == "⋮ 23 more, --all shows them"
    assert len(lineage(capsys, PATH, "--all", "--graph")) == 44


def test_the_other_files_of_the_same_code_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    outpost = Outpost(tmp_path / "spool")
    monkeypatch.chdir(tmp_path)
    for name in (PATH, "copy.py", "b.py", PATH, "c.py", "d.py"):
        (tmp_path / name).write_text(code(0))
        outpost.write(f"{tmp_path}/{name}", code(0))
    outpost.flush()
    monkeypatch.setenv("PATTERN_CACHE_DIR", str(outpost.directory))
    (drawn, uses) = lineage(capsys, "copy.py", "--graph")
    assert PATH in drawn
    assert uses == "    also in copy.py, b.py, c.py and 1 more"


def test_the_diff_of_each_step(told: Outpost, capsys: pytest.CaptureFixture[str]) -> None:
    drawn = lineage(capsys, id_of(40), "--diff")
    at = next(n for n, line in enumerate(drawn) if line.startswith(f"○ {id_of(41)}"))
    assert drawn[at + 1 : at + 5] == [
        "    @@ -1,2 +1,2 @@",
        "     def f():",
        "    -    return 40",
        "    +    return 41",
    ]


def test_json_holds_the_edges_and_their_diffs(
    told: Outpost, capsys: pytest.CaptureFixture[str]
) -> None:
    found = lineage(capsys, id_of(40), "--json", "--diff")
    edges = {(e["parent"], e["child"]): e for e in found["edges"]}
    assert len(edges) == 42
    back = edges[id_of(41), id_of(40)]
    assert back["edge_type"] == "modified_from"
    assert "-    return 41\n+    return 40\n" in back["diff"]
    assert "diff" not in lineage(capsys, id_of(40), "--json")["edges"][0]


def test_without_code_there_is_no_diff(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from lib.capture.event import forget_content

    outpost = Outpost(tmp_path / "spool")
    for number in (0, 1):
        name = outpost.write(PATH, code(number), code(0) if number else None)
        file = outpost.directory / name
        event = json.loads(file.read_text())
        forget_content(event)
        file.write_text(json.dumps(event))
    outpost.flush()
    monkeypatch.setenv("PATTERN_CACHE_DIR", str(outpost.directory))
    assert lineage(capsys, PATH, "--diff")[-1] == "      no code was kept"


def test_code_cannot_drive_the_terminal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    outpost = Outpost(tmp_path / "spool")
    outpost.write(PATH, code(0))
    outpost.write(PATH, "x = '\x1b]0;gone\x07\u202e'\n\ty = 1\n", code(0))
    outpost.flush()
    monkeypatch.setenv("PATTERN_CACHE_DIR", str(outpost.directory))
    drawn = lineage(capsys, PATH, "--diff")
    assert all(line.isprintable() for line in drawn)
    assert "    +x = '\\x1b]0;gone\\x07\\u202e'" in drawn
