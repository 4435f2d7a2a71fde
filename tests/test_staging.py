"""A bundle takes another's place in one step, wherever the installer is killed."""

import os
import shutil
from pathlib import Path

import pytest

from lib.commands.setup import staging
from tests.support import tracing
from tests.support.copies import bundle_at, rewrite

SCRIPT = """
from lib.system import exchange
from lib.commands.setup import staging
staging.PARTS = ("lib",)
if {renaming}:
    exchange._exchanged = lambda one, other: False
stage = staging.aside({root!r})
staging.sweep({root!r})
staging.copy({source!r}, stage)
exchange.put_in_place(stage, {root!r})
staging.remove(stage)
"""


class Place:
    """A bundle of one version, and an installer that puts another in its place."""

    def __init__(self, directory: Path, renaming: bool) -> None:
        self.source = directory / "source"
        self.root = directory / "hooks" / "pattern-tracker"
        self._make(self.source, "new")
        self._make(self.root, "old")
        self.command = tracing.Script(
            SCRIPT.format(root=str(self.root), source=str(self.source), renaming=renaming)
        )

    def _make(self, bundle: Path, version: str) -> None:
        (bundle / "lib").mkdir(parents=True)
        for name in ("a.py", "b.py"):
            (bundle / "lib" / name).write_text(f"VERSION = {version!r}\n")

    def versions(self) -> list[str]:
        """The version that each file of the bundle in place is of."""
        return [path.read_text()[11:14] for path in sorted((self.root / "lib").glob("*.py"))]


@tracing.needs_strace()
@pytest.mark.parametrize("renaming", [False, True], ids=["exchange", "renames"])
def test_an_installer_killed_anywhere_leaves_a_whole_bundle(tmp_path: Path, renaming: bool) -> None:
    found = tracing.calls(Place(tmp_path / "model", renaming).command, tmp_path, since="a.py")
    assert ({"rename"} if renaming else {"renameat2"}) <= {call.name for call in found}
    for call in found:
        place = Place(tmp_path / str(call), renaming)
        done = tracing.run_with(place.command, call, "signal=KILL")
        assert tracing.was_killed(done), call
        if not renaming:
            assert place.versions() in (["old"] * 2, ["new"] * 2), call
        staging.sweep(str(place.root))
        assert place.versions() in (["old"] * 2, ["new"] * 2), call
        assert os.listdir(place.root.parent) == ["pattern-tracker"], call


def test_a_link_is_removed_and_what_it_leads_to_stays(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    staging.remove(str(tmp_path / "link"))
    assert [path.name for path in tmp_path.iterdir()] == ["real"]


def test_any_difference_is_seen(tmp_path: Path) -> None:
    for name in ("one", "other"):
        bundle_at(tmp_path / name, ("lib", "hooks", "bin"))
    one, other = str(tmp_path / "one"), str(tmp_path / "other")
    assert staging.is_current(one, other)
    new = tmp_path / "other" / "lib" / "new.py"
    new.touch()
    assert not staging.is_current(one, other)
    new.unlink()
    rewrite(tmp_path / "other" / "bin" / "statusline", "")
    assert not staging.is_current(one, other)
    rewrite(tmp_path / "one" / "bin" / "statusline", "")
    assert staging.is_current(one, other)
    shutil.rmtree(tmp_path / "other" / "hooks")
    assert not staging.is_current(one, other)
