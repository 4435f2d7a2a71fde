"""What people see on a terminal: columns that line up, whatever the characters."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from rich.cells import cell_len

from lib.commands import cli
from lib.commands.terminal import columns, cropped, cropped_left, padded
from tests.support.bundle import ROOT
from tests.support.outpost import Outpost
from tests.support.terminals import open_terminal

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


def test_a_long_diff_costs_little_a_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Counted in calls, for a clock would tell more of the machine."""
    count = 3000
    before = "".join(f"value_{n} = {n}\n" for n in range(count))
    outpost = Outpost(tmp_path / "spool")
    outpost.write("/p/a.py", before)
    outpost.write("/p/a.py", before.replace("= ", "= 1"), before)
    outpost.flush()
    monkeypatch.setenv("PATTERN_CACHE_DIR", str(outpost.directory))
    calls = 0

    def meet(frame: object, event: str, argument: object) -> None:
        nonlocal calls
        calls += event in ("call", "c_call")

    sys.setprofile(meet)
    try:
        assert cli.main(["lineage", "/p/a.py", "--diff"]) == 0
    finally:
        sys.setprofile(None)
    lines = capsys.readouterr().out.count("\n")
    assert lines > 2 * count
    assert calls < 60 * lines


def on_a_terminal(told: Outpost, **environ: str) -> str:
    """What `stats` writes to a terminal."""
    leader, follower = open_terminal()
    done = subprocess.run(
        [ROOT / "bin" / "pattern-tracker", "stats"], stdout=follower, check=True,
        env={
            "PATH": os.environ["PATH"], "PAGER": "", "PATTERN_CACHE_DIR": str(told.directory),
            **environ,
        },
    )  # fmt: skip
    assert done.returncode == 0
    os.close(follower)
    text = b""
    try:
        while chunk := os.read(leader, 65536):
            text += chunk
    except OSError:  # how Linux says that the other end is closed
        pass
    os.close(leader)
    return text.decode()


def test_colours_are_for_terminals_that_have_them(told: Outpost) -> None:
    assert "\x1b[1mby file\x1b[0m" in on_a_terminal(told, TERM="xterm-256color")
    for environ in ({"TERM": "dumb"}, {"TERM": "xterm", "NO_COLOR": "1"}, {}):
        shown = on_a_terminal(told, **environ)
        assert "by file" in shown
        assert "\x1b" not in shown
