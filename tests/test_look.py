"""The look at a project: what it finds, what it leaves alone, and what bounds it."""

import os
from pathlib import Path
from typing import cast

import pytest

from lib.flusher import look
from lib.flusher.look import Found, Window, changed, code_of, project
from lib.flusher.sightings import Sightings
from lib.flusher.unfolding import Unfolding
from lib.spool.spooled import Event
from lib.system.aside import HANGS, Away, shared

CODE = "def f():\n    return 1\n"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    where = tmp_path / "project"
    (where / "src").mkdir(parents=True)
    (where / ".git").mkdir()
    return where


def window(root: Path) -> Window:
    """From before all that is there, to a time that is not yet."""
    times = [path.lstat().st_ctime_ns for path in [root, *root.rglob("*")]]
    return Window(min(times) - 1, min(times) - 1, max(times) + 10**12)


def names(found: list[Found]) -> set[str]:
    return {os.path.basename(one.path) for one in found}


def test_a_project_is_found_from_below(root: Path, tmp_path: Path) -> None:
    assert project(str(root / "src")) == str(root)
    assert project(str(tmp_path)) == str(tmp_path)


def test_new_files_in_languages_that_are_known_are_found(root: Path) -> None:
    for name in ("a.py", "src/b.rs", "style.css", "notes", "core.bin", "deep/er/c.go",
                 ".hidden/d.py", "node_modules/e.js"):  # fmt: skip
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(CODE)
    found = changed(str(root), [str(root / "src" / "known.py")], window(root))
    assert names([one for one in found if not one.gone]) == {"a.py", "b.rs", "style.css", "c.go"}
    assert names([one for one in found if one.gone]) == {"known.py"}


def test_what_is_ignored_or_named_like_a_secret_is_left_alone(root: Path) -> None:
    (root / ".gitignore").write_text("build/\n*.gen.py\n")
    (root / "build").mkdir()
    for name in ("build/a.py", "b.gen.py", "credentials.json", "c.py"):
        (root / name).write_text(CODE)
    assert names(changed(str(root), [], window(root))) == {"c.py"}


def test_what_is_not_to_be_tracked_is_left_alone_though_it_is_known(root: Path) -> None:
    (root / ".patternignore").write_text("secret/\n*.gen.py\n")
    (root / "secret").mkdir()
    for name in ("secret/a.py", "secret/known.py", "b.gen.py", "c.py"):
        (root / name).write_text(CODE)
    assert names(changed(str(root), [str(root / "secret/known.py")], window(root))) == {"c.py"}


def test_links_pipes_and_other_kinds_are_no_files(root: Path, tmp_path: Path) -> None:
    (tmp_path / "outside.py").write_text(CODE)
    (root / "link.py").symlink_to(tmp_path / "outside.py")
    (tmp_path / "dir").mkdir()
    (tmp_path / "dir" / "other.py").write_text(CODE)
    (root / "linked").symlink_to(tmp_path / "dir")
    os.mkfifo(root / "pipe.py")
    known = [str(root / name) for name in ("link.py", "pipe.py", "linked/other.py")]
    found = changed(str(root), known, window(root))
    assert names(found) <= {"other.py"}
    assert code_of(str(root / "pipe.py")) is None


def test_a_huge_file_is_not_read(root: Path) -> None:
    with (root / "huge.py").open("wb") as file:
        file.truncate(2**30)
    assert names(changed(str(root), [], window(root))) == {"huge.py"}
    assert code_of(str(root / "huge.py")) is None


def test_what_changed_before_or_after_is_told_apart(root: Path) -> None:
    file = root / "a.py"
    file.write_text(CODE)
    at = file.stat().st_ctime_ns
    known = [str(file)]
    assert changed(str(root), known, Window(at + 1, at + 1, at + 2)) == []
    assert changed(str(root), known, Window(at - 2, at - 2, at - 1)) == []
    assert changed(str(root), known, Window(at, at + 1, at + 2)) == [Found(str(file), False, False)]
    assert changed(str(root), known, Window(at, at, at)) == [Found(str(file), False, True)]


def test_the_look_ends_where_its_time_does(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(600):
        (root / f"f{number}.py").write_text(CODE)
    known = [str(root / f"f{number}.py") for number in range(600)]
    assert len(changed(str(root), known, window(root))) == 600
    monkeypatch.setattr(look, "CPU_SECONDS", 0.0)
    assert len(changed(str(root), known, window(root))) == 0
    monkeypatch.setattr(look, "CPU_SECONDS", 10.0)
    monkeypatch.setattr(look, "MOST_NEW", 5)
    assert len(changed(str(root), [], window(root))) <= 5


class Recorded:
    """A ledger that knows no file, and notes for which directories it was asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def files_below(self, root: str) -> list[str]:
        self.asked.append(root)
        return []

    def holds(self, path: str, event: Event) -> bool:
        return False

    def looked(self, root: str) -> int:
        return 0


def test_where_the_disk_does_not_answer_nothing_is_looked_through(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (root / "a.py").write_text(CODE)
    data = {"files": [], "looks": True, "keeps_content": True, "began_ns": 1, "ended_ns": 2**63}
    call = cast(Event, {"event_data": data, "cwd": str(root)})
    known = Recorded()
    found = Unfolding(call, known, Sightings(str(root)))
    assert len(found.events()) == 1
    assert found.looked == str(root)

    def away(*_: object) -> object:
        raise Away("/", HANGS)

    monkeypatch.setattr(shared, "ask", away)
    lost = Unfolding(call, known, Sightings(str(root)))
    assert lost.events() == []
    assert lost.looked == ""
    assert known.asked == [str(root)]
