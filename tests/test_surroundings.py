"""Commands in odd surroundings: closed outputs, no directory, bytes for names, variables of cd."""

import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from lib.commands import cli
from tests.support.bundle import ROOT, Bundle, write_payload
from tests.support.forms import few

COMMAND = ROOT / "bin" / "pattern-tracker"
# One of each; more where it matters.
LINES = (
    "", "home", "status", "status --json", "log", "log --json", "lineage /p/a.py", "blame /p/a.py",
    "why /p/a.py", "show /p/a.py", "sessions", "search x", "reuse", "stats", "export", "sync",
    "import --dry-run", "doctor", "quarantine", "trust", "forget --file /p/a.py",
    "completion bash",
)  # fmt: skip
NOT_UTF8 = b"/p/\xff\xfe.py"


@pytest.fixture
def edited(bundle: Bundle) -> Bundle:
    bundle.post(write_payload("/p/a.py", "x = 1\n", "1"))
    bundle.wait_delivered()
    return bundle


def shell(bundle: Bundle, line: str, cwd: Path | None = None, **environ: str) -> Any:
    """Run a line of shell that has the command as $c."""
    return subprocess.run(
        ["/bin/sh", "-c", line],
        env={**bundle.environ, "c": str(COMMAND), **environ}, cwd=cwd,
        capture_output=True, text=True, check=False,
    )  # fmt: skip


def test_no_verb_is_left_out() -> None:
    # Which goes on until it is ended has the same tests elsewhere; the others ask no ledger.
    others = {"serve", "token", "consent"}
    assert {line.partition(" ")[0] for line in LINES} - {""} == set(cli.VERBS) - others


@pytest.mark.parametrize("first", few(range(3)))
def test_a_closed_output_is_said_to_be(edited: Bundle, first: int) -> None:
    for line in LINES[first::3]:
        done = shell(edited, f'"$c" {line} >&-')
        assert (done.returncode, done.stderr) == (
            1, "pattern-tracker: standard output is closed\n",
        ), line  # fmt: skip


def test_what_was_asked_for_is_done_without_an_output(bundle: Bundle) -> None:
    """And no file gets the number of a closed stream, to be written into by whoever uses that."""
    bundle.spool.mkdir(parents=True, mode=0o700)
    bundle.post(write_payload("/p/a.py", "x = 1\n", "1"), PATTERN_CACHE_DIR=str(bundle.spool))
    for line in ('"$c" sync >&- 2>&-', '"$c" sync >&- 2>&- <&-'):
        assert shell(bundle, line).returncode == 1
    bundle.wait_delivered()
    assert bundle.json("status")["delivered"] == 1
    done = shell(bundle, '"$c" log --json 2>&-')
    assert (done.returncode, done.stdout.count("\n")) == (0, 1)


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="there is no /dev/full")
def test_a_full_output_is_one_line(edited: Bundle) -> None:
    done = shell(edited, '"$c" log >/dev/full')
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert "No space left" in done.stderr


@pytest.mark.parametrize("first", few(range(3)))
def test_a_working_directory_that_is_gone(edited: Bundle, tmp_path: Path, first: int) -> None:
    for line in LINES[first::3]:
        (tmp_path / "gone").mkdir()
        done = shell(edited, f'rmdir ../gone; "$c" {line}', cwd=tmp_path / "gone")
        # Some shells have a word to say about it when they start.
        assert [told for told in done.stderr.splitlines() if "getcwd" not in told] == [], line
        # Nothing is registered in this home, which is serious.
        assert done.returncode == (line == "doctor"), line
        assert done.stdout, line
        assert "Errno" not in done.stdout, line


def test_what_needs_a_directory_says_which(edited: Bundle, tmp_path: Path) -> None:
    for number, line in enumerate(
        ('"$c" export --format agent-trace', f"{ROOT}/install.sh --project")
    ):
        place = tmp_path / str(number)
        place.mkdir()
        done = shell(edited, f'rmdir "{place}"; {line}', cwd=place)
        assert (done.returncode, done.stdout) == (1, "")
        assert "Errno" not in done.stderr
        assert "Traceback" not in done.stderr
    done = shell(edited, '"$c" log --file a.py', cwd=tmp_path)
    assert done.stdout.count("\n") == 1


def test_a_hook_in_a_directory_that_is_gone(bundle: Bundle, tmp_path: Path) -> None:
    place = tmp_path / "gone"
    place.mkdir()
    os_cwd = os.open(place, os.O_RDONLY)
    shutil.rmtree(place)
    here = os.getcwd()
    try:
        os.chdir(os_cwd)
        bundle.post(write_payload("/p/a.py", "x = 1\n", "1"))
    finally:
        os.chdir(here)
        os.close(os_cwd)
    bundle.wait_delivered()
    assert len(bundle.log()) == 1


NO_TEXT: list[list[str | bytes]] = [
    ["lineage", NOT_UTF8],
    ["lineage", b"\xff"],
    ["log", "--file", NOT_UTF8],
    ["log", "--session", b"\xff"],
    ["log", "--since", b"\xff"],
    ["export", "--format", "agent-trace", "--root", NOT_UTF8],
    ["quarantine", "show", b"\xff"],
    ["trust", b"https://\xff.org"],
    ["trust", "--remove", b"https://\xff.org"],
    *([verb, NOT_UTF8] for verb in ("blame", "why", "show", "reuse", "search")),
    ["blame", b"/p/a.py:\xff"],
    ["forget", "--file", NOT_UTF8],
    ["forget", "--session", b"\xff"],
    ["forget", "--before", b"\xff"],
    ["import", "--dry-run", "--project", NOT_UTF8],
    ["import", "--dry-run", "--since", b"\xff"],
]


def test_an_argument_that_is_no_text(edited: Bundle) -> None:
    for arguments in NO_TEXT:
        done = edited.command(*map(os.fsdecode, arguments))
        assert "Traceback" not in done.stderr, arguments
        assert "codec" not in done.stderr, arguments
        assert (done.stdout + done.stderr).count("\n") == 1, arguments
        (done.stdout + done.stderr).encode()


def test_a_file_whose_name_is_no_text_is_found(bundle: Bundle) -> None:
    """A client whose runtime escapes such names as Python does."""
    bundle.post(write_payload(os.fsdecode(NOT_UTF8), "x = 1\n", "1"))
    bundle.wait_delivered()
    for verb in (["lineage"], ["log", "--file"]):
        done = subprocess.run(
            [COMMAND, *verb, NOT_UTF8], env=bundle.environ, capture_output=True, check=False
        )
        assert (done.returncode, done.stderr) == (0, b"")
        assert b"\\udcff" in done.stdout


def test_cd_goes_where_it_is_told(edited: Bundle, tmp_path: Path) -> None:
    """With CDPATH exported, `cd` looks elsewhere first, and prints where it went."""
    trap = tmp_path / "trap"
    (trap / "bin").mkdir(parents=True)
    for path in (f"{trap}", ".", f"{ROOT}"):
        done = shell(edited, "bin/pattern-tracker log", cwd=ROOT, CDPATH=path)
        assert (done.returncode, done.stderr, done.stdout.count("\n")) == (0, "", 1)
    (tmp_path / "bundle").symlink_to(ROOT)
    done = shell(edited, "bundle/install.sh --dry-run", cwd=tmp_path, CDPATH=f"{tmp_path}")
    assert (done.returncode, done.stderr) == (0, "")
    assert str(ROOT) in done.stdout
