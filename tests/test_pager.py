"""Long output on a terminal goes to the pager; nowhere else does any."""

import json
import re
import shutil
import sys
from pathlib import Path

import pytest

from tests.support.bundle import Bundle
from tests.support.outpost import Outpost
from tests.support.terminals import Terminal

EVENTS = 60
LAST = f"/p/{EVENTS - 1}.py"


@pytest.fixture
def edited(bundle: Bundle) -> Bundle:
    """A bundle whose log is longer than a screen."""
    outpost = Outpost(bundle.spool)
    for number in range(EVENTS):
        outpost.write(f"/p/{number}.py", f"x = {number}\n")
    outpost.flush()
    bundle.environ |= {"TERM": "xterm", "LANG": "C.UTF-8"}
    return bundle


@pytest.fixture
def script(bundle: Bundle) -> Path:
    """A pager that tells of itself, in a directory whose name has a space."""
    path = bundle.home / "my tools" / "pager"
    path.parent.mkdir()
    path.write_text('#!/bin/sh\necho "PAGED $* ${LESS-no LESS}"\ncat\necho END\n')
    path.chmod(0o755)
    bundle.environ["PAGER"] = f"'{path}' -x"
    return path


def terminal(bundle: Bundle, *arguments: str, cwd: Path | None = None) -> Terminal:
    command = str(bundle.root / "bin" / "pattern-tracker")
    return Terminal(command, *arguments, cwd=cwd or bundle.home, environ=bundle.environ)


def shown(bundle: Bundle, *arguments: str, cwd: Path | None = None) -> str:
    """What a person sees who types no key."""
    with terminal(bundle, *arguments, cwd=cwd) as there:
        assert there.end() == 0
        return there.seen


def plain(seen: str) -> str:
    """The text without what drives a terminal."""
    return re.sub(r"\x1b(\[[?\d;]*[a-zA-Z]|[=>])|\r", "", seen)


@pytest.fixture
def less(edited: Bundle) -> Bundle:
    if not shutil.which("less"):
        pytest.skip("less is not here")
    edited.environ.pop("PAGER", None)
    return edited


def test_less_shows_a_screen_at_a_time(less: Bundle) -> None:
    with terminal(less, "log") as there:
        there.wait_for("/p/20.py")
        there.wait_for(":")
        assert "/p/40.py" not in there.seen
        there.type(" ")
        there.wait_for("/p/40.py")
        there.type("q")
        assert there.end() == 0
    assert LAST not in there.seen


def test_less_leaves_what_fits_a_screen_as_it_is(less: Bundle) -> None:
    for arguments in (("log", "-n", "3"), ("lineage", "/p/3.py")):
        seen = shown(less, *arguments)
        assert "\x1b[2m" in seen
        less.environ["PAGER"] = "cat"
        assert plain(seen) == plain(shown(less, *arguments))
        del less.environ["PAGER"]


def test_less_is_told_by_its_user(less: Bundle) -> None:
    less.environ["LESS"] = "-R -X -PPROMPT"
    with terminal(less, "log", "-n", "3") as there:
        there.wait_for(LAST)
        there.type("G")
        there.wait_for("PROMPT")
        there.type("q")
        assert there.end() == 0


def test_the_pager_is_the_user_s_with_its_arguments(edited: Bundle, script: Path) -> None:
    for arguments in (("log",), ("stats",), ("lineage", "/p/3.py"), ("export",)):
        lines = shown(edited, *arguments).splitlines()
        assert lines[0] == "PAGED -x FRX"
        assert len(lines) > 2
        assert lines[-1] == "END"
    edited.environ["LESS"] = ""
    assert shown(edited, "log").startswith("PAGED -x \r\n")


def test_the_exit_code_is_the_command_s(edited: Bundle, script: Path) -> None:
    """`doctor` finds no registered hooks, and says so by its code."""
    with terminal(edited, "doctor") as there:
        assert there.end() == 1
    assert "PAGED" in there.seen


@pytest.mark.parametrize(
    "environ",
    [{"PAGER": ""}, {"PAGER": "cat"}, {"PAGER": "no-such-pager -x"}, {"PAGER": "'"},
     {"PAGER": "/"}, {"PAGER": " "}, {"TERM": "dumb"}, {"TERM": ""}],
    ids=str,
)  # fmt: skip
def test_without_a_pager_all_of_it_is_printed(
    edited: Bundle, script: Path, environ: dict[str, str]
) -> None:
    edited.environ |= environ
    if not edited.environ["TERM"]:
        del edited.environ["TERM"]
    seen = shown(edited, "log")
    assert "PAGED" not in seen
    assert seen.count("/p/") == EVENTS


def test_programs_get_no_pager(edited: Bundle, script: Path) -> None:
    done = edited.command("log")
    assert (done.returncode, "PAGED" in done.stdout) == (0, False)
    assert len(done.stdout.splitlines()) == EVENTS
    assert "PAGED" not in shown(edited, "log", "--json")
    assert "PAGED" not in shown(edited, "status")


def test_following_needs_no_pager(edited: Bundle, script: Path) -> None:
    with terminal(edited, "log", "-f") as there:
        there.wait_for(LAST)
        there.type("\x03")
        assert there.end() == 130
    assert "PAGED" not in there.seen


def test_an_error_needs_no_pager(edited: Bundle, script: Path) -> None:
    with terminal(edited, "lineage", "nowhere.py") as there:
        assert there.end() == 1
    assert there.seen == "pattern-tracker: nothing is known of nowhere.py\r\n"


@pytest.mark.parametrize("pager", ["exec head -c 9", "exit 3"])
def test_to_quit_early_is_no_error(edited: Bundle, script: Path, pager: str) -> None:
    script.write_text(f"#!/bin/sh\n{pager}\n")
    for arguments in (("export", "--code"), ("log",), ("log", "-n", "1"), ("doctor",)):
        with terminal(edited, *arguments) as there:
            assert there.end() in (0, 1 if arguments == ("doctor",) else 0)
        assert len(there.seen) <= 9, arguments


def test_ctrl_c_is_the_pager_s(edited: Bundle, script: Path) -> None:
    script.write_text(
        f"#!{sys.executable}\nimport signal, sys\n"
        "signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])\n"
        "sys.stdin.read()\nprint('READY', flush=True)\n"
        "signal.sigwait([signal.SIGINT])\nprint('CAUGHT')\n"
    )
    with terminal(edited, "log") as there:
        there.wait_for("READY")
        there.type("\x03")
        there.wait_for("CAUGHT")
        assert there.end() == 0


def test_what_a_project_chose_is_not_run(edited: Bundle, script: Path) -> None:
    """The client hands the variables of a project's settings to what it runs."""
    settings = edited.home / ".claude" / "settings.json"
    project = edited.home / "project"
    (project / ".claude").mkdir(parents=True)
    theirs = project / ".claude" / "settings.json"
    for name, value in (("PAGER", edited.environ["PAGER"]), ("PATH", str(script.parent))):
        edited.environ |= {"PAGER": "pager", name: value, "LESSOPEN": "|-theirs"}
        theirs.write_text(json.dumps({"env": {name: value, "LESSOPEN": ""}}))
        assert "PAGED" not in shown(edited, "log", "-n", "1", cwd=project)
        assert "PAGED" in shown(edited, "log", "-n", "1")
    # One's own is taken instead, and what it is given is one's own.
    script.write_text('#!/bin/sh\necho "PAGED $LESSOPEN"\ncat\n')
    settings.parent.mkdir(exist_ok=True)
    settings.write_text(json.dumps({"env": {"PAGER": f"'{script}'"}}))
    theirs.write_text(json.dumps({"env": {"PAGER": "theirs", "LESSOPEN": "|-theirs"}}))
    assert shown(edited, "log", "-n", "1", cwd=project).startswith("PAGED \r\n")


def test_a_program_in_the_working_directory_is_no_pager(edited: Bundle, script: Path) -> None:
    edited.environ["PATH"] = f".:{edited.environ['PATH']}"
    for pager in ("pager", "./pager"):
        edited.environ["PAGER"] = pager
        assert "PAGED" not in shown(edited, "log", "-n", "1", cwd=script.parent)
