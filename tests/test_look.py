"""The look at a project: what it finds, what it leaves alone, and what bounds it."""

import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import cast

import pytest

from lib.flusher import look, missing
from lib.flusher.look import Found, Window, changed, code_of, project
from lib.flusher.sightings import Sightings
from lib.flusher.unfolding import Unfolding
from lib.spool.spooled import Event
from lib.system.aside import HANGS, Away, shared
from lib.system.digest import hex_digest

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
    assert names(changed(str(root), [], window(root))) == set()
    assert names(changed(str(root), [str(root / "huge.py")], window(root))) == set()
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


class Pauses(list[float]):
    """How long somebody waited; then those write who were about to."""

    def __init__(self) -> None:
        super().__init__()
        self.files: list[Path] = []

    def __call__(self, seconds: float) -> None:
        self.append(seconds)
        for file in self.files:
            file.write_text(CODE)


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> Pauses:
    made = Pauses()
    monkeypatch.setattr("lib.flusher.missing.time.sleep", made)
    return made


def ended(root: Path, *names: str) -> tuple[list[str], Window]:
    """Files that a call removed, and its window; after it names changed in their directory."""
    files = [root / name for name in names]
    before_ns = root.stat().st_mtime_ns - 1
    for file in files:
        file.write_text(CODE)
        file.unlink()
    ended_ns = root.stat().st_mtime_ns
    while root.stat().st_mtime_ns == ended_ns:
        (root / "later").mkdir()
        (root / "later").rmdir()
    return list(map(str, files)), Window(before_ns, before_ns, ended_ns)


def naming(window: Window, *paths: str | Path) -> Window:
    """The window of a call that named these, which its hook did not find."""
    return window._replace(missed=[hex_digest(str(path)) for path in paths])


def test_what_is_missing_is_gone_once_nobody_writes_it_anew(root: Path, pauses: Pauses) -> None:
    """As git does, which removes a file first: looked for again once, however many there are."""
    known, window = ended(root, "a.py", "b.py", "c.py")
    pauses.files = [root / "a.py"]
    found = changed(str(root), known, naming(window, *known))
    assert found == [Found(path, True, True) for path in known[1:]]
    (seconds,) = pauses
    assert 0 < seconds <= missing.GAP_NS / 1e9


def test_what_was_missing_for_long_is_not_waited_for(root: Path, pauses: Pauses) -> None:
    known, window = ended(root, "a.py")
    past_ns = time.time_ns() - missing.GAP_NS
    os.utime(root, ns=(past_ns, past_ns))
    window = window._replace(since_ns=0, began_ns=0, ended_ns=past_ns - 1)
    assert changed(str(root), known, naming(window, *known)) == [Found(known[0], True, True)]
    assert sum(pauses) == 0


def test_nobody_waits_where_nothing_changed_after_the_call(root: Path, pauses: Pauses) -> None:
    known, window = ended(root, "a.py")
    window = window._replace(ended_ns=root.stat().st_mtime_ns)
    assert changed(str(root), known, window) == [Found(known[0], True, True)]
    began = naming(window._replace(began_ns=window.ended_ns + 1), *known)
    began = began._replace(ended_ns=began.began_ns)
    assert changed(str(root), known, began) == [Found(known[0], True, False)]
    assert pauses == []


def test_who_ended_a_file_is_not_told_where_names_changed_after_the_call(
    root: Path, pauses: Pauses
) -> None:
    """Unless the call named it, or where it lay; the next look may tell more."""
    known, window = ended(root, "a.py")
    assert changed(str(root), known, window) == []
    assert changed(str(root), known, naming(window, root / "b.py")) == []
    assert pauses == []
    for named in (known[0], root):
        assert changed(str(root), known, naming(window, named)) == [Found(known[0], True, True)]


def test_a_directory_is_asked_once_for_all_that_is_missing_in_it(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    lstat = os.lstat

    def told(path: str) -> os.stat_result:
        asked.append(path)
        return lstat(path)

    monkeypatch.setattr(os, "lstat", told)
    paths = [str(root / f"{number}.py") for number in range(50)]
    assert [path for path, _ in missing.gone(paths, 0, time.time_ns(), [])] == paths
    assert asked == [str(root)]
    # Nowhere is above a name alone.
    assert list(missing.gone(["a.py"], 0, 1, ["b"])) == [("a.py", True)]


def test_the_end_of_a_directory_is_told_by_the_one_that_it_was_in(root: Path) -> None:
    inner = root / "src" / "inner"
    inner.mkdir()
    before_ns = (root / "src").stat().st_mtime_ns
    while (root / "src").stat().st_mtime_ns == before_ns:
        inner.rmdir()
        inner.mkdir()
    inner.rmdir()
    at = (root / "src").stat().st_mtime_ns
    known = [str(inner / "a.py")]
    assert changed(str(root), known, Window(at, at, at)) == [Found(known[0], True, True)]
    assert changed(str(root), known, Window(at, at + 1, at + 1)) == [Found(known[0], True, False)]
    assert changed(str(root), known, Window(at - 1, at - 1, at - 1)) == []


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
    """A ledger that knows some files, and notes for which directories it was asked."""

    def __init__(self, *known: Path) -> None:
        self.asked: list[str] = []
        self._known = list(map(str, known))

    def files_below(self, root: str) -> list[str]:
        self.asked.append(root)
        return self._known

    def recorded_below(self, root: str) -> list[str]:
        return self._known

    def holds(self, path: str, event: Event) -> bool:
        return False

    def code(self, path: str) -> str | None:
        return None

    def states(self, path: str, until_ns: int) -> Iterator[str]:
        return iter(())

    def cleaned(self, code: str) -> str:
        return code

    def looked(self, root: str) -> int:
        return 0


def call_in(root: Path) -> Event:
    """A call of the shell in `root` of which nobody told what it did."""
    data = {"files": [], "looks": True, "keeps_content": True, "began_ns": 1, "ended_ns": 2**63 - 1}
    return cast(Event, {"event_data": data, "cwd": str(root)})


# What this process opens and lists, while somebody looks.
opened: list[list[str]] = []


def note(event: str, arguments: tuple[object, ...]) -> None:
    if opened and event in ("open", "os.listdir", "os.scandir"):
        opened[-1].append(str(arguments[0]))


sys.addaudithook(note)


@pytest.fixture
def watched() -> Iterator[list[str]]:
    opened.append([])
    yield opened[-1]
    opened.pop()


@pytest.mark.parametrize("is_known", [False, True])
def test_nothing_is_opened_that_may_not_be_captured(
    root: Path, tmp_path: Path, watched: list[str], is_known: bool
) -> None:
    """Links that lead out, pipes, secrets by their names, what is ignored, what is too large."""
    out = tmp_path / "out"
    out.mkdir()
    (root / ".patternignore").write_text("private/\n*.gen.py\n")
    (root / ".gitignore").write_text("build/\n")
    files = [
        out / "a.py", root / "private/b.py", root / "c.gen.py", root / "src/id_rsa.json",
        root / "src/.aws/config.py", root / "credentials.json", root / ".env.py", root / "d.py",
    ]  # fmt: skip
    for file in files:
        file.parent.mkdir(exist_ok=True)
        file.write_text(CODE)
    if not is_known:
        # What git is told to ignore counts for files that nobody knows.
        (root / "build").mkdir()
        (root / "build" / "e.py").write_text(CODE)
    (root / "link.py").symlink_to(out / "a.py")
    (root / "linked").symlink_to(out)
    os.mkfifo(root / "pipe.py")
    with (root / "huge.py").open("wb") as huge:
        huge.truncate(2**30)
    odd = [root / name for name in ("link.py", "pipe.py", "huge.py")]
    known = Recorded(*files[1:], *odd) if is_known else Recorded()
    watched.clear()
    made = Unfolding(call_in(root), known, Sightings(os.devnull)).events()
    touched = {name for name in watched if name.startswith(str(tmp_path))}
    assert [one["event_data"]["file_path"] for one in made] == [f"{root}/d.py"]
    read = {name for name in touched if not os.path.isdir(name)}
    ignores = {name for name in read if name.endswith("ignore")}
    assert read - ignores == {f"{root}/d.py"}
    assert not any(name.startswith((str(out), f"{root}/linked")) for name in touched)


def test_where_the_disk_does_not_answer_nothing_is_looked_through(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (root / "a.py").write_text(CODE)
    call = call_in(root)
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
