"""`pattern-tracker stats`: figures that add up, on one screen."""

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lib.commands import cli
from lib.commands.stats import sparkline
from lib.ledger.usage import last_days
from tests.support.outpost import Outpost


@pytest.fixture
def told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Outpost:
    outpost = Outpost(tmp_path / "spool")
    outpost.story()
    outpost.write("/p/\x1b[31m.go", "package x\n")
    for number in range(8):
        outpost.write("/q/" + "long/" * 30 + f"{number}.ts", f"let x = {number};\n")
    outpost.flush()
    monkeypatch.setenv("PATTERN_CACHE_DIR", str(outpost.directory))
    monkeypatch.delenv("COLUMNS", raising=False)
    return outpost


def stats(capsys: pytest.CaptureFixture[str], *arguments: str) -> Any:
    assert cli.main(["stats", *arguments]) == 0
    out = capsys.readouterr().out
    return json.loads(out) if "--json" in arguments else out.splitlines()


def test_the_figures_add_up(told: Outpost, capsys: pytest.CaptureFixture[str]) -> None:
    found = stats(capsys, "--json")
    # The story's nine, one and eight; what they presuppose was edited by nobody.
    assert found["events"] == 18
    assert sum(found["types"].values()) == 18
    assert sum(one["edits"] for one in found["languages"]) == 18
    assert sum(one["edits"] for one in found["paths"]) == 18
    assert {one["name"]: one["edits"] for one in found["languages"]} == {
        "python": 9, "typescript": 8, "go": 1,
    }  # fmt: skip
    assert all(sum(one["by_day"]) == one["edits"] for one in found["paths"])
    assert found["files"] == 13


def test_reuse_is_what_stands_in_several_files_now(
    told: Outpost, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    code = "def f(given):\n    return [one for one in given if one is not None and one != 5]\n"
    one, two = f"{tmp_path}/one.py", f"{tmp_path}/two.py"
    for name in (one, two):
        Path(name).write_text(code)
        told.write(name, code)
    told.flush()
    (reused,) = stats(capsys, "--json")["reused"]
    assert reused["files"] == [one, two]
    told.write(two, "z = 3\n", code)
    told.flush()
    assert stats(capsys, "--json")["reused"] == []


def test_only_the_days_asked_for_count(told: Outpost, capsys: pytest.CaptureFixture[str]) -> None:
    found = stats(capsys, "--json", "--days", "366")
    assert len(found["days"]) == 366
    assert sum(one["edits"] for one in found["languages"]) == 18
    assert all(len(one["by_day"]) == 366 for one in found["languages"])


@pytest.mark.parametrize("days", ["0", "-1", "367"])
def test_nonsense_is_a_clear_line(
    told: Outpost, capsys: pytest.CaptureFixture[str], days: str
) -> None:
    assert cli.main(["stats", "--days", days]) == 1
    assert "--days must be" in capsys.readouterr().err


@pytest.mark.parametrize("columns", [60, 80, 120])
@pytest.mark.parametrize("days", ["14", "366"])
def test_it_fits_one_screen(
    told: Outpost,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    columns: int,
    days: str,
) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    lines = stats(capsys, "--days", days)
    assert len(lines) <= 24
    assert max(map(len, lines)) <= columns
    assert all(line.isprintable() for line in lines)
    assert any(line.startswith("by file, 8 more") for line in lines)


def test_a_sparkline_says_which_days_had_more() -> None:
    assert sparkline([0, 1, 4, 8], 4) == "·▁▄█"
    assert sparkline([0] * 14, 14) == "·" * 14
    assert sparkline([1000, 1], 2) == "█▁"
    assert sparkline([5, 1, 1, 2, 2], 3) == "█▄▇"


def test_days_are_local_and_end_today(in_zone: Callable[[str], None]) -> None:
    for zone in ("Pacific/Kiritimati", "Pacific/Niue"):
        in_zone(zone)
        before, days, after = time.strftime("%F"), last_days(3), time.strftime("%F")
        assert days[-1] in (before, after)
        assert len(days) == 3
