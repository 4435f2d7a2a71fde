"""The command line: answers, and one clear line where there is none."""

import json
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
        "event_id", "timestamp", "event_type", "pattern_id", "pattern_name", "language",
        "file_path", "tool_name", "session_id", "parent_pattern_ids", "reason",
    }  # fmt: skip
    assert events[2]["parent_pattern_ids"] == [events[1]["pattern_id"]]


@pytest.mark.parametrize("target", ["/p/src/app.py", "src/app.py", "app.py"])
def test_lineage_of_a_file_and_of_its_id_agree(edited: Bundle, target: str) -> None:
    first, second, third = (e["pattern_id"] for e in edited.log())
    found = edited.json("lineage", target)
    assert found["pattern_id"] == third
    assert found["ancestors"] == [second, first]
    assert found["descendants"] == []
    assert len(found["events"]) == 3
    assert edited.json("lineage", second)["descendants"] == [third]
    drawn = edited.command("lineage", target).stdout
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
        ([], 2),
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
    done = bundle.command("log")
    assert (done.returncode, done.stderr) == (1, "pattern-tracker: nothing was recorded yet\n")
    assert bundle.json("sync")["synced"] == 0


def test_without_a_home_there_is_a_clear_line(bundle: Bundle) -> None:
    bundle.environ = {"PATH": bundle.environ["PATH"], "PATTERN_CACHE_DIR": "/proc/nowhere/spool"}
    done = bundle.command("sync")
    assert done.returncode == 1
    assert done.stderr.startswith("pattern-tracker: ")
    assert "Traceback" not in done.stderr


def test_a_reader_that_leaves_early_is_no_error(edited: Bundle) -> None:
    import subprocess

    line = f"{edited.root}/bin/pattern-tracker log | true"
    done = subprocess.run(
        ["/bin/sh", "-c", line], env=edited.environ, capture_output=True, check=False
    )
    assert done.stderr == b""


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
