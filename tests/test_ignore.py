"""`.patternignore`: which files count, what they mean, and that a hostile one costs nothing."""

import json
import os
import re
import signal
import time
from pathlib import Path
from types import FrameType

import pytest

from lib.privacy.ignore import Ignores
from tests.support.bundle import Bundle, write_payload


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project with its root marked, in a directory that it has no say in."""
    root = tmp_path / "project"
    (root / "src" / "deep").mkdir(parents=True)
    (root / ".git").mkdir()
    return root


def excludes(path: Path | str, cwd: Path | str = "") -> bool:
    return Ignores().excludes(str(path), str(cwd))


def test_patterns_are_those_of_gitignore(project: Path) -> None:
    (project / ".patternignore").write_text(
        "# comment\n*.gen.py\n/top.py\nbuild/\nsrc/**/secret.*\n!keep.gen.py\n"
    )
    for path in ("a.gen.py", "src/b.gen.py", "top.py", "src/build/x.py", "src/deep/secret.js"):
        assert excludes(project / path), path
    for path in ("a.py", "src/top.py", "src/keep.gen.py", "build.py", "secret.py"):
        assert not excludes(project / path), path


def test_the_nearest_file_decides(project: Path) -> None:
    (project / ".patternignore").write_text("*.py\n")
    (project / "src" / ".patternignore").write_text("!a.py\n")
    assert excludes(project / "a.py")
    assert not excludes(project / "src" / "a.py")
    assert not excludes(project / "src" / "deep" / "a.py")
    assert excludes(project / "src" / "deep" / "b.py")


def test_a_file_above_the_root_has_no_say(project: Path) -> None:
    (project.parent / ".patternignore").write_text("*\n")
    assert not excludes(project / "a.py")


def test_without_a_repository_the_working_directory_is_the_root(tmp_path: Path) -> None:
    deep = tmp_path / "a" / "b"
    deep.mkdir(parents=True)
    (tmp_path / ".patternignore").write_text("*\n")
    assert excludes(deep / "x.py", tmp_path)
    assert not excludes(deep / "x.py", tmp_path / "a")
    assert not excludes(deep / "x.py", "/elsewhere")
    assert not excludes(deep / "x.py")
    assert excludes(tmp_path / "x.py", "/elsewhere")
    assert excludes("a/b/x.py", tmp_path)


@pytest.mark.parametrize("path", ["", "relative.py", "/nowhere/at/all.py", "/\0/x.py", "/x.py"])
def test_other_paths_are_not_excluded(path: str) -> None:
    assert not excludes(path)


def test_a_traversal_is_resolved_first(project: Path) -> None:
    (project / "src" / ".patternignore").write_text("*\n")
    assert not excludes(f"{project}/src/../a.py")
    assert excludes(f"{project}/other/../src/a.py")


UNUSABLE = {
    "too long": b"a\n" * 40_000, "too many": b"a\n" * 5001, "half of UTF-16": b"\xff\xfea",
}  # fmt: skip


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_what_an_editor_puts_before_the_rules_is_no_part_of_them(
    project: Path, encoding: str, end: str
) -> None:
    (project / ".patternignore").write_bytes(f"a.py{end}b.py{end}".encode(encoding))
    ignores = Ignores()
    assert ignores.excludes(f"{project}/a.py")
    assert ignores.excludes(f"{project}/b.py")
    assert not ignores.excludes(f"{project}/c.py")
    assert (ignores.problems, ignores.faults) == ([], [])


@pytest.mark.parametrize("name", UNUSABLE)
def test_what_cannot_be_applied_excludes_everything_and_says_so(project: Path, name: str) -> None:
    (project / "src" / ".patternignore").write_bytes(UNUSABLE[name])
    ignores = Ignores()
    assert ignores.excludes(f"{project}/src/x.py")
    assert ignores.excludes(f"{project}/src/b.py")
    assert not ignores.excludes(f"{project}/x.py")
    assert len(ignores.problems) == 1
    assert "src/.patternignore excludes everything" in ignores.problems[0]


FAULTS = {
    b"[z-a]": "z-a ends before it begins",
    b"[_-.]*": "_-. ends before it begins",
    b"a[b": "a bracket is not closed",
    b"[[:letter:]]": "there is no [:letter:]",
    b"a\\": "a backslash is at its end",
    b"!": "there is no pattern in it",
    b"/": "there is no pattern in it",
    b"x\ry": "there is a control character in it",
    b"\fx": "there is a control character in it",
    b"x\0": "there is a control character in it",
}


@pytest.mark.parametrize("rule", FAULTS)
def test_one_rule_that_is_wrong_stops_that_rule_only(project: Path, rule: bytes) -> None:
    (project / ".patternignore").write_bytes(b"a.py\n" + rule + b"\nb.py\n")
    ignores = Ignores()
    assert ignores.excludes(f"{project}/a.py")
    assert ignores.excludes(f"{project}/b.py")
    assert not ignores.excludes(f"{project}/src/c.py")
    assert ignores.problems == []
    text = rule.partition(b"\0")[0].decode()
    line = f"{project}/.patternignore:2: {text}: {FAULTS[rule]}"
    assert ignores.faults == [line]


def test_doctor_names_the_rule_and_the_others_count(bundle: Bundle, project: Path) -> None:
    """Wherever it is asked, for the files of which events were recorded."""
    for number, rule in enumerate(FAULTS):
        (project / "src" / ".patternignore").write_bytes(b"no.py\n" + rule + b"\n")
        for name in ("no", "yes"):
            path = str(project / "src" / f"{name}.py")
            bundle.post(write_payload(path, f"x = '{name}{number}'\n", f"{name}{number}"))
        bundle.wait_delivered()
        done = bundle.command("doctor", "--json")
        (found,) = [c for c in json.loads(done.stdout)["checks"] if c["name"] == "ignored"]
        assert found["level"] == "warning"
        assert FAULTS[rule] in found["text"]
    assert {event["file_path"] for event in bundle.log()} == {str(project / "src" / "yes.py")}
    assert bundle.json("status")["dropped"] == {"ignored": len(FAULTS)}


def linked(path: Path) -> None:
    path.symlink_to("/etc/hosts")


@pytest.mark.parametrize("make", [linked, os.mkfifo, Path.mkdir])
def test_what_is_no_file_excludes_everything(project: Path, make: object) -> None:
    make(project / ".patternignore")  # type: ignore[operator]
    assert excludes(project / "a.py")


def test_hostile_patterns_take_no_time_where_naive_ones_hang(project: Path) -> None:
    path = "a" * 255
    naive = re.compile("".join(["[^/]*a"] * 30) + "b")

    def stop(number: int, frame: FrameType | None) -> None:
        raise TimeoutError

    before = signal.signal(signal.SIGVTALRM, stop)
    signal.setitimer(signal.ITIMER_VIRTUAL, 1.0)
    try:
        with pytest.raises(TimeoutError):
            naive.match(path)
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)
    (project / ".patternignore").write_text("*a" * 120 + "b\n" + "**/*a" * 50 + "/b\n")
    ignores = Ignores()
    start = time.process_time()
    assert not ignores.excludes(f"{project}/{path}")
    assert not ignores.excludes(f"{project}/{'/'.join(['a' * 200] * 15)}")
    assert ignores.problems == []
    assert time.process_time() - start < 1


@pytest.mark.parametrize("text", ["*ab\n" * 5000, "[!b]*?" * 10_000, "**/*a*b\n" * 5000])
def test_matching_is_bounded(project: Path, text: str) -> None:
    (project / ".patternignore").write_text(text)
    ignores = Ignores()
    start = time.process_time()
    for number in range(100):
        ignores.excludes(f"{project}/{'a' * 255}/{'a' * 240}{number}")
    assert time.process_time() - start < 10
    assert ignores.excludes(f"{project}/c") == bool(ignores.problems)
    # Other projects have their own time.
    other = project.parent / "other"
    (other / ".git").mkdir(parents=True)
    (other / ".patternignore").write_text("a.py\n")
    assert [ignores.excludes(f"{other}/{name}.py") for name in "ab"] == [True, False]
