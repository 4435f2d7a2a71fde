"""What people see on a terminal: columns that line up, whatever the characters."""

import sys
from pathlib import Path

import pytest
from rich.cells import cell_len

from lib.commands import cli
from lib.commands.terminal import columns, cropped, cropped_left, padded
from tests.support.outpost import Outpost

NAMES = (
    "plain.py",
    "日本語のファイル名.py",
    "emoji-🎉-🚀.py",
    "cafe\u0301.py",
    "한국어/" * 20 + "긴.py",
)


@pytest.fixture
def told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Outpost:
    """A ledger of files with wide characters in their names, and in what they define."""
    outpost = Outpost(tmp_path / "spool")
    for number, name in enumerate(NAMES):
        outpost.write(f"/p/{name}", f"def 名前{number}():\n    return {number}\n")
    outpost.flush()
    monkeypatch.setenv("PATTERN_CACHE_DIR", str(outpost.directory))
    return outpost


@pytest.fixture(params=["rich", "plain"])
def output(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """With and without the package that draws for terminals."""
    if request.param == "plain":
        monkeypatch.setitem(sys.modules, "rich.console", None)


def places(lines: list[str], mark: str) -> set[int]:
    """In which columns `mark` begins."""
    return {cell_len(line.partition(mark)[0]) for line in lines if mark in line}


@pytest.mark.usefixtures("told", "output")
@pytest.mark.parametrize("width", [60, 80, 120])
@pytest.mark.parametrize("verb", ["log", "stats", "lineage"])
def test_wide_characters_take_two_columns(
    verb: str, width: int, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    assert cli.main([verb, *(["/p/日本語のファイル名.py"] if verb == "lineage" else [])]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert max(map(cell_len, lines)) <= width
    if verb == "log":
        assert len(places(lines, "名前")) == 1
        assert len(places(lines, "python-code-")) == (width == 120)
    if verb == "stats":
        assert len(places([line for line in lines if ".py" in line], "     1  ")) == 1


@pytest.mark.usefixtures("output")
def test_a_table_lines_up(capsys: pytest.CaptureFixture[str]) -> None:
    from lib.commands.terminal import print_rows

    print_rows([[(name, ""), ("|", "")] for name in NAMES[:4]])
    assert len(places(capsys.readouterr().out.splitlines(), "|")) == 1


@pytest.mark.parametrize("text", [*NAMES, "", "日", "a日", "é"])
def test_columns_are_counted_as_terminals_do(text: str) -> None:
    assert columns(text) == cell_len(text)
    for width in range(1, 30):
        assert columns(cropped(text, width)) <= width
        assert columns(cropped_left(text, width)) <= width
        assert columns(padded(text, width)) == max(width, columns(text))
        assert text.startswith(cropped(text, width))
