"""`pattern-tracker search` and `sessions`: what was asked for, and what came of it."""

import json
import sqlite3
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from lib.capture.payload import Change, event_of
from lib.commands import cli
from lib.ledger import search_index
from lib.ledger.revisions import SHELL
from lib.spool import inbox
from tests.support.bundle import write_payload
from tests.support.outpost import Outpost

OLD = "def load_file(name):\n    return open(name).read()\n"
NEW = "def load_file(name):\n    with open(name) as file:\n        return file.read()\n"
ESCAPE = "\x1b]0;title\x07"


def tell(outpost: Outpost, *statements: tuple[str, tuple[object, ...]]) -> None:
    """Write to the ledger what the flusher reads in a transcript."""
    with closing(sqlite3.connect(outpost.directory / "ledger.db")) as db, db:
        for statement, values in statements:
            db.execute(statement, values)


def prompt(prompt_id: str, session_id: str, minute: int, text: str | None) -> Any:
    when = f"2026-11-26T10:{minute:02}:00.000000+00:00"
    return "INSERT INTO prompts VALUES (?, ?, ?, ?)", (prompt_id, session_id, when, text)


@pytest.fixture
def told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Outpost:
    outpost = Outpost(tmp_path / "spool")
    one, two = "aaaa-1", "bbbb-2"
    outpost.write("/p/loader.py", OLD, session_id=one, prompt_id="p1")
    outpost.write("/p/loader.py", NEW, OLD, session_id=one, prompt_id="p2")
    outpost.write("/p/other.py", "x = 1\ny = 2\n", session_id=two, prompt_id="p3")
    assert outpost.flush()
    tell(
        outpost,
        prompt("p1", one, 1, "Write a loader\nfor text files"),
        prompt("p2", one, 2, f"close the handle {ESCAPE}"),
        prompt("p3", two, 3, None),
        ("INSERT INTO sessions VALUES (?, ?, ?, ?, ?)", (one, "Text loader", "/p", "main", "2.1")),
        ("INSERT INTO calls VALUES (?, ?, ?, ?)", (one, "use-1", "p1", "claude-opus-5-20260401")),
    )
    monkeypatch.setenv("PATTERN_CACHE_DIR", str(outpost.directory))
    return outpost


def ask(capsys: pytest.CaptureFixture[str], *words: str) -> Any:
    assert cli.main([*words, "--json"]) == 0
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def places(found: Any) -> list[tuple[str, str, int]]:
    return [(one["kind"], one["key"], one["number"]) for one in found]


def test_it_finds_prompts_titles_names_and_code(
    told: Outpost, capsys: pytest.CaptureFixture[str]
) -> None:
    assert places(ask(capsys, "search", "handle")) == [("prompt", "p2", 1)]
    assert places(ask(capsys, "search", "text", "FILES")) == [("prompt", "p1", 2)]
    assert ("session", "aaaa-1", 0) in places(ask(capsys, "search", "text load"))
    assert places(ask(capsys, "search", "other.py")) == [("file", "/p/other.py", 0)]
    (found,) = ask(capsys, "search", "as", "file:")
    assert (found["key"], found["number"], found["line"]) == (
        "/p/loader.py", 2, "    with open(name) as file:",
    )  # fmt: skip


def test_it_finds_what_was_recorded_since_and_no_longer_what_is_gone(
    told: Outpost, capsys: pytest.CaptureFixture[str]
) -> None:
    assert places(ask(capsys, "search", "y = 2")) == [("file", "/p/other.py", 2)]
    told.write("/p/other.py", "zebra = 3\n", "x = 1\ny = 2\n")
    assert told.flush()
    assert places(ask(capsys, "search", "zebra")) == [("file", "/p/other.py", 1)]
    assert cli.main(["search", "y = 2", "-n", "5"]) == 0
    assert "nothing with y = 2" in capsys.readouterr().out


@pytest.mark.parametrize("text", ['"', "()", "* OR", "NEAR(", "a AND NOT", "\x00", "ü\ud800"])
def test_nothing_that_is_asked_for_is_a_query(
    told: Outpost, text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["search", text]) == 0
    assert capsys.readouterr().err == ""


def test_a_damaged_index_is_made_again(told: Outpost, capsys: pytest.CaptureFixture[str]) -> None:
    path = Path(search_index.path_of(f"{told.directory}/ledger.db"))
    assert ask(capsys, "search", "handle")
    for damaged in (b"", b"nothing" * 999):
        for part in path.parent.glob(f"{path.name}*"):
            part.unlink()
        path.write_bytes(damaged)
        assert places(ask(capsys, "search", "handle")) == [("prompt", "p2", 1)]


def test_what_a_prompt_says_drives_no_terminal(
    told: Outpost, capsys: pytest.CaptureFixture[str]
) -> None:
    for words in (["search", "handle"], ["sessions", "aaaa"], ["sessions"]):
        assert cli.main(words) == 0
        assert "\x1b" not in capsys.readouterr().out


def test_sessions_tell_what_was_asked_for(
    told: Outpost, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "120")
    last, first = ask(capsys, "sessions")
    assert (last["session_id"], last["files"], last["added"]) == ("bbbb-2", 1, 2)
    assert (first["title"], first["edits"], first["models"]) == (
        "Text loader", 2, ["claude-opus-5-20260401"],
    )  # fmt: skip
    assert [one["text"] and one["text"][:5] for one in first["prompts"]] == ["Write", "close"]
    assert [one["prompt_id"] for one in first["changes"]] == ["p1", "p2"]
    assert ask(capsys, "sessions", "-n", "1") == [last]
    assert cli.main(["sessions"]) == 0
    above, below = capsys.readouterr().out.splitlines()
    assert ("bbbb-2" in above, "not known" in above) == (True, True)
    assert ("opus-5" in below, "Text loader" in below, "+4" in below) == (True, True, True)


def test_a_session_is_told_prompt_by_prompt(
    told: Outpost, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["sessions", "aaaa"]) == 0
    lines = [line.strip() for line in capsys.readouterr().out.splitlines()]
    at, to = lines.index("Write a loader"), next(n for n, x in enumerate(lines) if "close" in x)
    assert "+2 -0" in lines[at + 1]
    assert "+2 -1" in lines[to + 1]


def test_what_a_shell_changed_is_counted_against_what_was_there(
    told: Outpost, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without the client's diff nobody says what a file held before a call of the shell."""
    made = write_payload("/p/loader.py", "", "use-9")
    change = Change("/p/loader.py", NEW + "x = 1\n", None, before_known=False)
    event = event_of(change, {**made, "session_id": "aaaa-1", "tool_name": "Bash"}, time.time_ns())
    inbox.commit(str(told.directory), {**event, "actor": SHELL}, time.time_ns())
    assert told.flush()
    (found,) = [one for one in ask(capsys, "sessions") if one["session_id"] == "aaaa-1"]
    assert [(one["added"], one["removed"]) for one in found["changes"]] == [(2, 0), (2, 1), (1, 0)]


def test_a_session_that_is_none_is_a_clear_line(
    told: Outpost, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["sessions", "zzzz"]) == 1
    assert "nothing is known of zzzz" in capsys.readouterr().err


@pytest.mark.parametrize("columns", ["120", ""])
def test_the_log_tells_what_was_asked_for_and_how_much_that_changed(
    told: Outpost, columns: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    (first, *_) = [one["event_id"] for one in ask(capsys, "log")]
    assert cli.main(["log"]) == 0
    one, two, last = capsys.readouterr().out.splitlines()
    assert (one.startswith(first[:8]), "+2 -0" in one, "Write a" in one) == (True, True, True)
    assert ("+2 -1" in two, "close the" in two) == (True, True)
    assert ("+2 -0" in last, "python-code-" in last) == (True, True)
    assert cli.main(["log", "--all"]) == 0
    assert "+2" not in capsys.readouterr().out


def test_the_steps_of_a_file_tell_what_was_asked_for(
    told: Outpost, capsys: pytest.CaptureFixture[str]
) -> None:
    (found,) = ask(capsys, "lineage", "/p/loader.py")
    assert [step["prompt"] and step["prompt"][:5] for step in found["steps"]] == ["close", "Write"]
    assert cli.main(["lineage", "/p/loader.py"]) == 0
    assert "Write a loader" in capsys.readouterr().out
    tell(told, ("UPDATE revisions SET prompt_id = NULL", ()))
    (found,) = ask(capsys, "lineage", "/p/loader.py")
    assert [step["prompt_id"] for step in found["steps"]] == [None, "p1"]
