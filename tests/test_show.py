"""`pattern-tracker show`: the code of events, patterns and files, and what short ids mean."""

import json
import os
from typing import Any

import pytest

from lib.commands import cli
from tests.support.repository import CHANGED, FIRST, LAST, WRITTEN, Repository


def shown(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert cli.main(["show", *arguments]) == 0
    return capsys.readouterr().out


def events(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    assert cli.main(["log", "--json", "--all"]) == 0
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


@pytest.mark.usefixtures("repository")
def test_a_file_is_shown_as_it_was_recorded_last(capsys: pytest.CaptureFixture[str]) -> None:
    os.unlink("a.py")
    assert shown(capsys, "a.py") == LAST
    found = json.loads(shown(capsys, "a.py", "--json"))
    assert (found["code"], found["actor"]) == (LAST, "agent")
    assert found["event_id"] == events(capsys)[-1]["event_id"]


@pytest.mark.usefixtures("repository")
def test_a_file_is_shown_as_it_was_at_a_time(capsys: pytest.CaptureFixture[str]) -> None:
    codes = {event["session_id"]: event for event in events(capsys)}
    written = codes["session-one"]["timestamp"]
    assert shown(capsys, "a.py", "--at", written) == WRITTEN
    assert cli.main(["show", "a.py", "--at", "2020-01-01"]) == 1
    assert capsys.readouterr().err == "pattern-tracker: a.py was not recorded before that\n"


def test_a_file_that_was_deleted(
    repository: Repository, capsys: pytest.CaptureFixture[str]
) -> None:
    repository.rows("UPDATE revisions SET change = 'deleted', snapshot = NULL WHERE revision_id = "
                    "(SELECT max(revision_id) FROM revisions)")  # fmt: skip
    assert shown(capsys, "a.py") == "# by hand\n" + CHANGED
    assert cli.main(["show", "a.py", "--at", "1s"]) == 1
    assert capsys.readouterr().err == "pattern-tracker: a.py was deleted before that\n"


@pytest.mark.usefixtures("repository")
def test_an_event_is_shown_by_its_id_and_how_that_begins(
    capsys: pytest.CaptureFixture[str],
) -> None:
    told = [e for e in events(capsys) if e["session_id"] == "session-one"]
    for digits in (32, 12, 6):
        assert shown(capsys, told[-1]["event_id"][:digits]) == WRITTEN
    assert shown(capsys, told[-1]["pattern_id"]) == WRITTEN
    assert shown(capsys, told[-1]["pattern_id"][:-1]) == WRITTEN


@pytest.mark.usefixtures("repository")
def test_lineage_takes_the_id_of_an_event(capsys: pytest.CaptureFixture[str]) -> None:
    event = events(capsys)[-1]
    assert cli.main(["lineage", "--json", event["event_id"][:8]]) == 0
    assert json.loads(capsys.readouterr().out)["pattern_id"] == event["pattern_id"]


@pytest.mark.parametrize("verb", ["show", "lineage", "why"])
def test_of_ids_that_begin_alike_the_candidates_are_named(
    verb: str, repository: Repository, capsys: pytest.CaptureFixture[str]
) -> None:
    told = events(capsys)
    for number, event in enumerate(told[:2]):
        repository.rows(
            f"UPDATE events SET event_id = 'abcd{number}' WHERE event_id = '{event['event_id']}'"
        )
    assert cli.main([verb, "abcd"]) == 1
    assert capsys.readouterr().err == "pattern-tracker: abcd may be any of: abcd0, abcd1\n"
    # Three digits are a word that may be anything.
    assert cli.main([verb, "abc"]) == 1
    assert capsys.readouterr().err == "pattern-tracker: nothing is known of abc\n"


CLASSES = """\
class A:
    @property
    def m(self):
        return 1

    def only(self):
        return 2


class B:
    def m(self):
        return 3
"""


def test_a_part_of_a_file_is_shown_by_its_name(
    repository: Repository, capsys: pytest.CaptureFixture[str]
) -> None:
    assert shown(capsys, "a.py:f") == "def f(a, b):\n    return a + b + 1\n"
    written = next(e for e in events(capsys) if e["session_id"] == "session-one")["timestamp"]
    assert shown(capsys, "a.py:f", "--at", written) == "def f(a, b):\n    return a+b\n"
    repository.write("b.py", CLASSES, None, "p4")
    os.unlink("b.py")
    assert shown(capsys, "b.py:A.m") == "    @property\n    def m(self):\n        return 1\n"
    found = json.loads(shown(capsys, "b.py:only", "--json"))
    assert (found["qualified_name"], found["start_line"], found["end_line"]) == ("A.only", 6, 7)
    assert shown(capsys, "b.py:B").startswith("class B:\n")


@pytest.mark.parametrize("verb", ["show", "why", "blame"])
def test_of_a_name_that_is_not_unique_the_candidates_are_named(
    verb: str, repository: Repository, capsys: pytest.CaptureFixture[str]
) -> None:
    repository.write("b.py", CLASSES, None, "p4")
    assert cli.main([verb, "b.py:m"]) == 1
    line = "m may be any of these in b.py: A.m (line 2), B.m (line 11)"
    assert capsys.readouterr().err == f"pattern-tracker: {line}\n"
    many = "".join(f"class A{n}:\n    def m(self): pass\n" for n in range(11))
    repository.write("c.py", many, None, "p5")
    assert cli.main([verb, "c.py:m"]) == 1
    assert capsys.readouterr().err.endswith("A7.m (line 16) and 3 more\n")


@pytest.mark.usefixtures("repository")
@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["no.py"], "nothing is known of no.py"),
        (["no.py:f"], "nothing is known of no.py"),
        (["a.py:no"], "nothing in a.py is known by the name no: ask for a line, such as a.py:1"),
        (["a.py:g", "--at", "2020-01-01"], "g was not recorded before that"),
        (["\x1b[2J"], "nothing is known of \\x1b[2J"),
        (["abcdef", "--at", "1h"], "--at goes with a recorded file, and abcdef is none"),
        (["a.py", "--at", "x"], "x is no time: write 2h, 3d or 2026-01-31T12:00"),
    ],
)
def test_an_error_is_a_line(
    arguments: list[str], line: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["show", *arguments]) == 1
    assert capsys.readouterr().err == f"pattern-tracker: {line}\n"


def test_where_no_code_was_kept_a_line_says_so(
    repository: Repository, capsys: pytest.CaptureFixture[str]
) -> None:
    repository.rows("DELETE FROM snapshots")
    assert cli.main(["show", "a.py"]) == 1
    assert capsys.readouterr().err == "pattern-tracker: of a.py no code was kept\n"


@pytest.mark.usefixtures("repository")
def test_a_terminal_is_not_driven_by_code(
    repository: Repository, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    repository.write("b.py", f"{FIRST}x = '\x1b[31m'\n\ty\n", None, "p4")
    assert "\x1b" in shown(capsys, "b.py")
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    monkeypatch.setenv("TERM", "dumb")
    assert shown(capsys, "b.py") == f"{FIRST}x = '\\x1b[31m'\n    y\n"
