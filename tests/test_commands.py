"""The command line: answers, and one clear line where there is none."""

import json
import os
import re
from pathlib import Path

import pytest

from tests.support.bundle import Bundle, write_payload


@pytest.fixture
def edited(bundle: Bundle) -> Bundle:
    """A bundle that has seen one file written and changed twice."""
    before = None
    for number in range(3):
        code = f"def f():\n    return {number}\n"
        bundle.post(write_payload("/p/src/app.py", code, str(number), before))
        before = code
    bundle.wait_delivered()
    return bundle


def test_log_prints_an_object_a_line_oldest_first(edited: Bundle) -> None:
    events = edited.log()
    assert [e["event_type"] for e in events] == ["pattern_created"] + ["pattern_modified"] * 2
    assert set(events[0]) == {
        "actor", "event_id", "timestamp", "event_type", "pattern_id", "pattern_name", "language",
        "file_path", "tool_name", "session_id", "parent_pattern_ids", "reason", "units",
    }  # fmt: skip
    assert events[2]["parent_pattern_ids"] == [events[1]["pattern_id"]]


def test_lineage_of_a_file_and_of_its_id_agree(edited: Bundle) -> None:
    target = "/p/src/app.py"
    first, second, third = (e["pattern_id"] for e in edited.log())
    found = edited.json("lineage", target)
    assert found["pattern_id"] == third
    assert found["ancestors"] == [second, first]
    assert found["descendants"] == []
    assert len(found["events"]) == 3
    assert edited.json("lineage", second)["descendants"] == [third]
    assert [step["actor"] for step in found["steps"]] == ["agent"] * 3
    drawn = edited.command("lineage", target, "--graph").stdout
    assert drawn.startswith(f"○ {first}  created ")
    assert f"\n○ {second}  modified  " in drawn


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["lineage", "python-code-0000000000000000"], 1),
        (["lineage", "no/such/file.py"], 1),
        (["lineage", "\x1b[31m"], 1),
        (["lineage"], 2),
        (["frobnicate"], 2),
        (["log", "-n", "x"], 2),
        (["--frobnicate"], 2),
    ],
)
def test_bad_input_gets_a_clear_line(edited: Bundle, arguments: list[str], code: int) -> None:
    done = edited.command(*arguments)
    assert (done.returncode, done.stdout) == (code, "")
    assert "Traceback" not in done.stderr
    assert "\x1b" not in done.stderr
    assert done.stderr.startswith(("pattern-tracker: ", "usage: "))


def test_before_anything_happened(bundle: Bundle) -> None:
    status = bundle.json("status")
    assert (status["captured"], status["delivered"], status["pending"]) == (0, 0, 0)
    assert status["flusher"] == {
        "running": False,
        "last_run": None,
        "last_error": None,
        "last_delivery": None,
    }
    assert "never observed" in bundle.command("status").stdout
    assert bundle.json("sync")["synced"] == 0


@pytest.mark.parametrize("ledger", ["missing", "empty"])
@pytest.mark.parametrize(
    ("arguments", "for_machines"),
    [
        (["log"], ""),
        (["log", "--session", "x", "--file", "a.py"], ""),
        (["stats"], "[]\n"),
        (["lineage", "a.py"], "[]\n"),
        (["quarantine"], ""),
        (["quarantine", "show", "--all"], ""),
        (["quarantine", "retry", "--all"], '{"retry": []}\n'),
    ],
)
def test_before_the_first_event_there_is_an_answer(
    bundle: Bundle, arguments: list[str], for_machines: str, ledger: str
) -> None:
    if ledger == "empty":
        bundle.command("sync")
    done = bundle.command(*arguments)
    assert (done.returncode, done.stderr, done.stdout.count("\n")) == (0, "", 1)
    assert done.stdout.startswith(("no event with --session x --file a.py\n", "nothing "))
    done = bundle.command(*arguments, "--json")
    assert (done.returncode, done.stdout, done.stderr) == (0, for_machines, "")


def test_an_empty_export_says_so_aside(bundle: Bundle, tmp_path: Path) -> None:
    target = tmp_path / "out.jsonl"
    for arguments in ([], ["-o", str(target)], ["--format", "agent-trace", "--root", "/p"]):
        done = bundle.command("export", *arguments)
        assert (done.returncode, done.stdout) == (0, "")
        assert done.stderr == "pattern-tracker: nothing was recorded yet\n"
    assert target.read_bytes() == b""
    bundle.post(write_payload("/q/a.py", "x = 1\n", "1"))
    bundle.wait_delivered()
    done = bundle.command("export", "--format", "agent-trace", "--root", "/p")
    assert (done.returncode, done.stdout) == (0, "")
    assert done.stderr == "pattern-tracker: nothing that was recorded lies in /p\n"


def test_an_id_may_be_given_by_its_beginning(edited: Bundle) -> None:
    ids = [e["pattern_id"] for e in edited.log()]
    for pattern_id in ids:
        beginning = pattern_id.removesuffix(pattern_id[-8:])
        assert edited.json("lineage", beginning)["pattern_id"] == pattern_id
    done = edited.command("lineage", "python-code-")
    assert (done.returncode, done.stdout) == (1, "")
    assert all(pattern_id in done.stderr for pattern_id in ids)


def test_a_session_may_be_given_by_its_beginning(edited: Bundle) -> None:
    session = edited.log()[0]["session_id"]
    for known in (session, session[:8], session[:1]):
        assert len(edited.command("log", "--session", known).stdout.splitlines()) == 3
    done = edited.command("log", "--session", session[1:])
    assert (done.returncode, done.stdout) == (0, f"no event with --session {session[1:]}\n")


def test_log_shows_the_newest_unless_told_how_many(edited: Bundle) -> None:
    assert len(edited.command("log").stdout.splitlines()) == 3
    assert len(edited.command("log", "-n", "2").stdout.splitlines()) == 2
    assert edited.command("log", "-n", "0").stdout == ""
    assert edited.command("log", "-n", "-1").returncode == 2
    assert "default 100" in " ".join(edited.command("log", "--help").stdout.split())


def test_without_a_home_there_is_a_clear_line(bundle: Bundle) -> None:
    bundle.environ = {"PATH": bundle.environ["PATH"], "PATTERN_CACHE_DIR": "/proc/nowhere/spool"}
    done = bundle.command("sync")
    assert done.returncode == 1
    assert done.stderr.startswith("pattern-tracker: ")
    assert "Traceback" not in done.stderr


def test_a_reader_that_leaves_early_is_no_error(edited: Bundle) -> None:
    import subprocess

    command = f"{edited.root}/bin/pattern-tracker"
    for arguments in (
        ["log"],
        ["log", "--json"],
        ["status"],
        ["stats"],
        ["lineage", "/p/src/app.py"],
    ):
        reader, writer = os.pipe()
        os.close(reader)
        done = subprocess.run(
            [command, *arguments],
            env=edited.environ, stdout=writer, stderr=subprocess.PIPE, check=False,
        )  # fmt: skip
        os.close(writer)
        assert (done.returncode, done.stderr) == (0, b""), arguments


def test_the_command_works_through_a_link(edited: Bundle, tmp_path: Path) -> None:
    import subprocess

    link = tmp_path / "pt"
    link.symlink_to(edited.root / "bin" / "pattern-tracker")
    done = subprocess.run(
        [str(link), "log", "--json"], env=edited.environ, capture_output=True, check=True
    )
    assert len(done.stdout.splitlines()) == 3


def test_file_names_cannot_drive_the_terminal(bundle: Bundle) -> None:
    bundle.post(write_payload("/p/\x1b]0;x\x07.py", "x = 1\n", "1"))
    bundle.wait_delivered()
    assert "\x1b" not in bundle.command("log").stdout
    assert json.loads(bundle.command("log", "--json").stdout)["file_path"] == "/p/\x1b]0;x\x07.py"


def test_there_is_one_version(bundle: Bundle) -> None:
    manifest = json.loads((bundle.root / ".claude-plugin" / "plugin.json").read_text())
    assert bundle.command("--version").stdout.strip() == manifest["version"]
    changes = (bundle.root / "CHANGELOG.md").read_text()
    assert re.findall(r"^## (\d[\d.]*)$", changes, re.M)[0] == manifest["version"]


def test_only_a_flusher_puts_a_damaged_ledger_aside(edited: Bundle) -> None:
    damaged = b"not a database" * 100
    for path in edited.spool.glob("ledger.db*"):
        path.unlink()
    (edited.spool / "ledger.db").write_bytes(damaged)
    for verb in ("status", "log"):
        done = edited.command(verb)
        assert (done.returncode, "Traceback" in done.stderr) == (1, False)
    assert (edited.spool / "ledger.db").read_bytes() == damaged
    assert edited.json("sync") == {"synced": 0, "pending": 0, "quarantined": 0, "error": None}
    assert edited.json("status")["ledgers_put_aside"] == 1
