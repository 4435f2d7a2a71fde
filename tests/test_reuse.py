"""`pattern-tracker reuse`: what stands more than once in a project."""

import json
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from lib.commands import cli
from lib.ledger.history import History
from lib.ledger.store import FILE_NAME
from lib.units.recorded_units import Recorded
from tests.support.repository import Repository

TOTAL = """def total(items, tax=0.19):
    result = 0
    for item in items:
        if item.price > tax and not item.free:
            result += item.price * (1 + tax) - item.discount
    return round(result, 2)
"""
RENAMED = TOTAL.replace("total", "sum_up").replace("item", "row").replace("tax", "vat")
SMALL = "def one(a, b):\n    c = a + b\n    return c * c, [a, b]\n"


def told(capsys: pytest.CaptureFixture[str], *arguments: str) -> Any:
    capsys.readouterr()
    assert cli.main(["reuse", "--json", *arguments]) == 0
    return json.loads(capsys.readouterr().out)


def places(one: dict[str, Any]) -> list[tuple[str, str, int]]:
    return [(Path(unit["file_path"]).name, unit["qualified_name"], unit["start_line"])
            for unit in one["units"]]  # fmt: skip


def test_copies_are_told_with_how_they_are_the_same(
    repository: Repository, capsys: pytest.CaptureFixture[str]
) -> None:
    repository.write("b.py", "x = 1\n" + TOTAL, None, "p4")
    repository.write("c.py", SMALL + TOTAL.replace(":\n", ":  # so\n", 1), None, "p5")
    (found,) = told(capsys)
    assert (found["same"], places(found)) == ("same", [("b.py", "total", 2), ("c.py", "total", 4)])
    repository.write("d.py", RENAMED + SMALL, None, "p6")
    larger, smaller = told(capsys)
    assert (larger["same"], len(larger["units"])) == ("renamed", 3)
    assert (smaller["same"], places(smaller)) == ("same", [("c.py", "one", 1), ("d.py", "one", 7)])
    assert told(capsys, "-n", "1") == [larger]
    assert told(capsys, "b.py") == [larger]
    assert cli.main(["reuse"]) == 0
    lines = capsys.readouterr().out.splitlines()
    repository.rows("UPDATE files SET gone = 1 WHERE path LIKE '%/d.py'")
    assert told(capsys) == [found]
    advice = "call total in the other 2 places, with what differs as an argument"
    assert lines[0] == "3 times the same but for names, 18 lines"
    assert lines[4] == f"  advice  {advice}"
    origin, copy = lines[1], lines[2]
    assert origin.startswith("  origin  b.py:2-7  total  since 20")
    assert copy.startswith("  copy    c.py:4-9  total  since 20")


def test_what_is_small_needs_to_be_quite_the_same(
    repository: Repository, capsys: pytest.CaptureFixture[str]
) -> None:
    repository.write("b.py", SMALL, None, "p4")
    repository.write("c.py", SMALL.replace("one", "two"), None, "p5")
    repository.write("d.py", "def f():\n    pass\n", None, "p6")
    repository.write("e.py", "def f():\n    pass\n", None, "p7")
    assert told(capsys) == []
    assert cli.main(["reuse"]) == 0
    line = "nothing stands more than once in what was recorded\n"
    assert capsys.readouterr().out == line


def test_methods_of_a_class_that_is_told_are_not_told_again(
    repository: Repository, capsys: pytest.CaptureFixture[str]
) -> None:
    code = "class A:\n" + "".join(f"    {line}\n" for line in TOTAL.splitlines())
    repository.write("b.py", code, None, "p4")
    repository.write("c.py", code, None, "p5")
    (found,) = told(capsys)
    assert [unit["kind"] for unit in found["units"]] == ["class", "class"]
    repository.write("d.py", TOTAL, None, "p6")
    assert [len(one["units"]) for one in told(capsys)] == [3, 2]


def test_the_origin_is_what_came_first_and_most_code_is_told_first(
    repository: Repository, capsys: pytest.CaptureFixture[str]
) -> None:
    repository.write("z.py", TOTAL, None, "p4")
    repository.write("b.py", f"{SMALL}\n{TOTAL}", None, "p5")
    repository.write("c.py", SMALL, None, "p6")
    repository.write("d.py", SMALL, None, "p7")
    repository.write("e.py", SMALL, None, "p8")
    repository.write("f.py", SMALL, None, "p9")
    larger, smaller = told(capsys)
    assert [name for name, *_ in places(larger)] == ["b.py", "c.py", "d.py", "e.py", "f.py"]
    assert [name for name, *_ in places(smaller)] == ["z.py", "b.py"]
    assert (larger["lines"], smaller["lines"]) == (15, 12)
    assert smaller["advice"] == "call total in the other place"
    query = "SELECT timestamp FROM events WHERE file_path LIKE '%/{}.py' ORDER BY seq LIMIT 1"
    times = [repository.rows(query.format(name))[0][0] for name in "zb"]
    assert [unit["since"] for unit in smaller["units"]] == times


def test_a_copy_that_was_changed_has_diverged(
    repository: Repository, capsys: pytest.CaptureFixture[str]
) -> None:
    changed = TOTAL.replace("tax and", "tax or")
    repository.write("z.py", TOTAL, None, "p4")
    repository.write("b.py", TOTAL, None, "p5")
    repository.write("b.py", changed, TOTAL, "p6")
    (found,) = told(capsys)
    assert found["same"] == "diverged"
    assert places(found) == [("z.py", "total", 1), ("b.py", "total", 1)]
    assert cli.main(["reuse"]) == 0
    assert capsys.readouterr().out.startswith("2 times the same once, 12 lines\n")
    repository.write("z.py", changed, TOTAL, "p7")
    assert [one["same"] for one in told(capsys)] == ["same"]


def test_what_nobody_is_to_reuse_is_told_with_all_only(
    repository: Repository, capsys: pytest.CaptureFixture[str]
) -> None:
    repository.write("b.py", TOTAL, None, "p4")
    for number, (name, before) in enumerate([
        ("tests/c.py", ""), ("vendor/d.py", ""), ("e_test.py", ""),
        ("f.py", "# Code generated by x. DO NOT EDIT.\n"),
        ("g.py", "# pattern-tracker: same on purpose\n"),
    ]):  # fmt: skip
        (repository.root / name).parent.mkdir(exist_ok=True)
        repository.write(name, before + TOTAL, None, f"p{5 + number}")
    assert told(capsys) == []
    (found,) = told(capsys, "--all")
    assert len(found["units"]) == 6
    # Above another function, that comment says nothing of this one.
    repository.write("h.py", f"# pattern-tracker: same on purpose\n{SMALL}\n{TOTAL}", None, "p10")
    (found,) = told(capsys)
    assert [name for name, *_ in places(found)] == ["b.py", "h.py"]


def test_what_was_copied_since_a_time_is_told(
    repository: Repository, capsys: pytest.CaptureFixture[str]
) -> None:
    repository.write("b.py", TOTAL, None, "p4")
    repository.outpost.later(600)
    repository.write("c.py", TOTAL, None, "p5")
    (found,) = told(capsys)
    origin, copy = (unit["since"] for unit in found["units"])
    assert told(capsys, "--since", copy) == [found]
    assert told(capsys, "--since", origin) == [found]
    later = (datetime.fromisoformat(copy) + timedelta(seconds=1)).isoformat()
    assert told(capsys, "--since", later) == []
    repository.outpost.later(600)
    repository.write("d.py", TOTAL, None, "p6")
    (found,) = told(capsys, "--since", later)
    assert len(found["units"]) == 3


def test_so_many_fail_a_build(repository: Repository, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["reuse", "--fail-on", "1"]) == 0
    repository.write("b.py", f"{SMALL}\n{TOTAL}", None, "p4")
    repository.write("c.py", f"{TOTAL}\n{SMALL}", None, "p5")
    assert cli.main(["reuse", "--fail-on", "2", "-n", "1"]) == 1
    assert cli.main(["reuse", "--json", "--fail-on", "1"]) == 1
    assert cli.main(["reuse", "--fail-on", "3"]) == cli.main(["reuse"]) == 0
    capsys.readouterr()
    with pytest.raises(SystemExit):
        cli.main(["reuse", "--fail-on", "0"])


def test_files_whose_units_are_not_known_are_read(
    repository: Repository, capsys: pytest.CaptureFixture[str]
) -> None:
    repository.write("z.py", TOTAL, None, "p4")
    repository.write("b.py", RENAMED + SMALL, None, "p5")
    known = told(capsys)
    for table in ("units", "unit_steps", "standing"):
        repository.rows(f"DELETE FROM {table}")
    path = repository.spool / FILE_NAME
    with closing(History(str(path), is_read_only=True)) as history:
        found = [one.told() for one in Recorded(history, str(repository.root)).clusters()]
    assert found == known


@pytest.mark.usefixtures("repository")
def test_an_error_is_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["reuse", "no"]) == 1
    assert capsys.readouterr().err == "pattern-tracker: there is no no\n"
