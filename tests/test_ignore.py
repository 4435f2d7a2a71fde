"""`.patternignore`: which files count, what they mean, and that a hostile one costs nothing."""

import os
import signal
import time
from pathlib import Path
from types import FrameType

import pytest
from pathspec import GitIgnoreSpec

from lib.privacy import ignore
from lib.privacy.ignore import Ignores


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
    "too long": "a\n" * 40_000,
    "too many": "a\n" * 1001,
    "a long pattern": "a" * 256,
    "many wildcards": "*a*a*a*b\n",
    "many patterns of several": "*a*\n" * 51,
    "not UTF-8": "\udcff",
    "no pattern": "!\n",
}


@pytest.mark.parametrize("name", UNUSABLE)
def test_what_cannot_be_applied_excludes_everything_and_says_so(project: Path, name: str) -> None:
    text = UNUSABLE[name].encode("utf-8", "surrogateescape")
    (project / "src" / ".patternignore").write_bytes(text)
    ignores = Ignores()
    assert ignores.excludes(f"{project}/src/a.py")
    assert ignores.excludes(f"{project}/src/b.py")
    assert not ignores.excludes(f"{project}/a.py")
    assert len(ignores.problems) == 1
    assert "src/.patternignore excludes everything" in ignores.problems[0]


def linked(path: Path) -> None:
    path.symlink_to("/etc/hosts")


@pytest.mark.parametrize("make", [linked, os.mkfifo, Path.mkdir])
def test_what_is_no_file_excludes_everything(project: Path, make: object) -> None:
    make(project / ".patternignore")  # type: ignore[operator]
    assert excludes(project / "a.py")


def test_hostile_patterns_are_bounded_where_naive_ones_hang(project: Path) -> None:
    path = "a" * 255
    naive = GitIgnoreSpec.from_lines(["*a" * 30 + "b"], backend="simple")

    def stop(number: int, frame: FrameType | None) -> None:
        raise TimeoutError

    before = signal.signal(signal.SIGVTALRM, stop)
    signal.setitimer(signal.ITIMER_VIRTUAL, 1.0)
    try:
        with pytest.raises(TimeoutError):
            naive.match_file(path)
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)
    worst = ["**/*a*b", "**/a*/**/b", "*a*a*b", "a/**/a/**/b"]
    complex_ones = [worst[number % 4] for number in range(ignore.MAX_COMPLEX)]
    simple = ["*ab"] * (ignore.MAX_PATTERNS - ignore.MAX_COMPLEX)
    (project / ".patternignore").write_text("\n".join(complex_ones + simple))
    ignores = Ignores()
    start = time.process_time()
    for number in range(1000):
        ignores.excludes(f"{project}/{path}/{path[:240]}{number}")
    assert time.process_time() - start < 10
    assert ignores.excludes(f"{project}/simple.py")
    assert "took more than" in ignores.problems[0]


def test_a_longer_path_than_patterns_are_tried_on_is_excluded(project: Path) -> None:
    path = project / "/".join(["c" * 200] * 3)
    assert not excludes(path)
    (project / ".patternignore").write_text("nothing\n")
    assert excludes(path)
