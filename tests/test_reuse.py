"""`pattern-tracker reuse`: what stands more than once in a project."""

import json
from pathlib import Path
from typing import Any

import pytest

from lib.commands import cli
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
    assert lines[0] == f"3 times the same but for names, {larger['tokens']} tokens"
    assert lines[1] == "  b.py:2-7  total"


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


@pytest.mark.usefixtures("repository")
def test_an_error_is_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["reuse", "no"]) == 1
    assert capsys.readouterr().err == "pattern-tracker: there is no no\n"
