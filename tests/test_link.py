"""The command that one can type: put in, found, left to others, taken out."""

import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from lib.commands.setup import link
from tests.support.bundle import Bundle
from tests.test_install import PATH, run_install


class Place:
    """A home directory with a bundle's command, and where the link to it belongs."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.root = home / ".claude" / "hooks" / "pattern-tracker"
        self.command = self.root / "bin" / "pattern-tracker"
        self.link = home / ".local" / "bin" / "pattern-tracker"
        self.command.parent.mkdir(parents=True)
        self.command.write_text("#!/bin/sh\n")
        self.command.chmod(0o755)


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    made = Place(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    return made


def test_the_link_is_put_in_and_taken_out(place: Place) -> None:
    said = link.put(str(place.root))
    assert said == "(or pattern-tracker alone, once ~/.local/bin comes first in your PATH)\n"
    assert os.readlink(place.link) == str(place.command)
    assert link.typed(str(place.root)) == "~/.local/bin/pattern-tracker"
    assert link.put(str(place.root)) == said
    assert link.remove(str(place.root)) == f"Removed {place.link}\n"
    assert [str(path) for path in (place.link.parents[1], place.link.parent)] == link.directories()
    assert not list(place.link.parent.iterdir())
    assert link.remove(str(place.root)) == ""


def test_on_path_the_name_is_enough(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", f"/usr/bin:{place.link.parent}")
    assert link.put(str(place.root)) == ""
    assert link.typed(str(place.root)) == "pattern-tracker"
    other = place.home / "before" / "pattern-tracker"
    other.parent.mkdir()
    shutil.copy2(place.command, other)
    monkeypatch.setenv("PATH", f"{other.parent}:{place.link.parent}")
    assert "comes first in your PATH" in link.put(str(place.root))
    assert link.typed(str(place.root)) == "~/.local/bin/pattern-tracker"


def test_what_others_have_in_the_directory_stays(place: Place) -> None:
    place.link.parent.mkdir(parents=True)
    (place.link.parent / "tool").touch()
    link.put(str(place.root))
    link.remove(str(place.root))
    assert [path.name for path in place.link.parent.iterdir()] == ["tool"]


STRANGERS = {
    "a file": lambda path: path.write_text("mine"),
    "a directory": lambda path: path.mkdir(),
    "a link": lambda path: path.symlink_to("/bin/sh"),
    "a link to nothing": lambda path: path.symlink_to("/nowhere/bin/pattern-tracker"),
}


@pytest.mark.parametrize("make", STRANGERS.values(), ids=STRANGERS.keys())
def test_a_stranger_of_that_name_is_left(place: Place, make: object) -> None:
    assert callable(make)
    place.link.parent.mkdir(parents=True)
    make(place.link)
    before = os.lstat(place.link)
    assert link.preview(str(place.root), removal=False) == ""
    said = link.put(str(place.root))
    assert said == "(~/.local/bin/pattern-tracker was left: something else is there)\n"
    typed = link.typed(str(place.root))
    assert typed == "~/.claude/hooks/pattern-tracker/bin/pattern-tracker"
    assert link.preview(str(place.root), removal=True) == ""
    assert link.remove(str(place.root)) == ""
    assert os.lstat(place.link) == before


def test_another_installation_keeps_its_link_until_it_is_gone(place: Place) -> None:
    other = Place(place.home / "other")
    place.link.parent.mkdir(parents=True)
    place.link.symlink_to(other.command)
    assert "was left" in link.put(str(place.root))
    assert link.remove(str(place.root)) == ""
    other.command.unlink()
    assert "was left" not in link.put(str(place.root))
    assert os.readlink(place.link) == str(place.command)


def test_a_place_that_cannot_be_made_is_told(place: Place) -> None:
    (place.home / ".local").write_text("a file")
    assert link.put(str(place.root)).startswith("(~/.local/bin/pattern-tracker was left: ")
    assert (place.home / ".local").read_text() == "a file"


@pytest.mark.parametrize("home", ["", "relative"])
def test_without_a_home_there_is_no_link(
    place: Place, monkeypatch: pytest.MonkeyPatch, home: str
) -> None:
    monkeypatch.setenv("HOME", home)
    monkeypatch.chdir(place.home)
    assert link.put(str(place.root)) == ""
    assert link.typed(str(place.root)) == str(place.command)
    assert [path.name for path in place.home.iterdir()] == [".claude"]


def test_installing_upgrading_and_uninstalling(installed_home: Path) -> None:
    command = installed_home / ".claude" / "hooks" / "pattern-tracker" / "bin" / "pattern-tracker"
    path = installed_home / ".local" / "bin" / "pattern-tracker"
    assert os.readlink(path) == str(command)
    path.unlink()
    would = f"{path} would lead to {command}"
    assert would in run_install(installed_home, "--dry-run").stdout.splitlines()
    assert not path.is_symlink()
    # Past sessions, of other tests here, would be offered last.
    shutil.rmtree(installed_home / ".claude" / "projects", ignore_errors=True)
    on_path: Any = {"PATH": f"{PATH}:{path.parent}"}
    lines = run_install(installed_home, **on_path).stdout.splitlines()
    assert lines[-1] == "  pattern-tracker status"
    assert run_install(installed_home).stdout.splitlines()[-2:] == [
        "  ~/.local/bin/pattern-tracker status",
        "(or pattern-tracker alone, once ~/.local/bin comes first in your PATH)",
    ]
    bundle = Bundle(installed_home, path.parent.parent)
    assert bundle.json("status")["pending"] == 0
    would = f"{path} would be removed"
    assert would in run_install(installed_home, "--dry-run", "--uninstall").stdout.splitlines()
    assert path.is_symlink()


@pytest.mark.parametrize("verb", ["--uninstall", "--purge"])
def test_a_link_that_is_left_alone_is_taken_out(place: Place, verb: str) -> None:
    """Where somebody removed the bundle by hand, and its hooks."""
    link.put(str(place.root))
    shutil.rmtree(place.home / ".claude")
    done = run_install(place.home, verb)
    assert (done.returncode, f"Removed {place.link}" in done.stdout) == (0, True), done.stderr
    assert [path.name for path in place.home.rglob("*")] == [".local", "bin"]
