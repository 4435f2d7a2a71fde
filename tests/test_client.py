"""The whole way, in the real client: from a Write to recorded lineage."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from lib import identity
from tests.support.bundle import CLIENT, ROOT, Bundle

pytestmark = [
    pytest.mark.client,
    pytest.mark.usefixtures("client"),
    pytest.mark.xdist_group("client"),
]
CODE = 'def foo(a):\n    x = 1\n    y = 2\n    return a\n\n\ndef bar():\n    return "it\u2019s"\n'


@pytest.fixture
def home(installed_home: Path, tmp_path: Path) -> Bundle:
    """A fresh installation: the shared one, copied and registered anew."""
    home = tmp_path / "home"
    home.mkdir()
    bundle = Bundle(home, home / ".claude" / "hooks" / "pattern-tracker")
    done = subprocess.run(
        [str(ROOT / "install.sh")], env=bundle.environ, capture_output=True, check=False
    )
    assert done.returncode == 0
    return bundle


def test_every_write_and_edit_is_recorded_with_its_lineage(home: Bundle, tmp_path: Path) -> None:
    work = tmp_path / "work"
    work.mkdir()
    file = work / "a.py"

    def edit(old: str, new: str, **more: bool) -> list[tuple[str, dict[str, object]]]:
        given = {"file_path": str(file), "old_string": old, "new_string": new, **more}
        return [("Edit", given)]

    done = home.claude(
        [
            [("Write", {"file_path": str(file), "content": CODE})],
            edit("    x = 1", ""),
            edit("it's", "it's ok"),
            edit("not there", "x"),
            edit("def", "async def", replace_all=True),
            edit("y = 2", "\tq\n\tw  \n$& z"),
            [("Write", {"file_path": str(work / "b.py"), "content": CODE})],
            [
                (
                    "Edit",
                    {"file_path": str(work / "new.py"), "old_string": "", "new_string": "z = 1\n"},
                )
            ],
            [("Write", {"file_path": str(work / ".env"), "content": "KEY=hunter2hunter2\n"})],
            [
                ("Write", {"file_path": str(work / f"p{n}.py"), "content": f"p = {n}\n"})
                for n in range(3)
            ],
        ],
        work,
    )
    assert (done.returncode, done.stdout.strip(), done.stderr) == (0, "done", "")
    home.wait_delivered()
    events = home.log()
    assert [e["event_type"].removeprefix("pattern_") for e in events] == (
        ["created"] + ["modified"] * 4 + ["applied"] + ["created"] * 4
    )
    on_disk = identity.pattern_id(identity.normalise(file.read_text(), "python"), "python", "code")
    found = home.json("lineage", str(file))
    assert found["pattern_id"] == on_disk
    assert found["ancestors"] == [e["pattern_id"] for e in reversed(events[:4])]
    status = home.json("status")
    assert (status["captured"], status["pending"], status["dropped"]) == (10, 0, {"secret": 1})
    assert not any(b"hunter2" in p.read_bytes() for p in home.spool.iterdir() if p.is_file())


@pytest.mark.parametrize("gone", ["", "lib", "hooks", ".venv"])
def test_writes_succeed_in_silence_with_the_installation_deleted(
    home: Bundle, tmp_path: Path, gone: str
) -> None:
    shutil.rmtree(home.root / gone)
    work = tmp_path / "work"
    work.mkdir()
    content = "x = 1\n" * 40_000
    call = ("Write", {"file_path": str(work / "a.py"), "content": content})
    done = home.claude([[call]], work, "--output-format", "stream-json", "--verbose")
    assert done.returncode == 0, done.stdout
    assert (work / "a.py").read_text() == content
    assert "hook error" not in done.stdout.lower()
    if gone == ".venv":
        home.root = ROOT
        home.wait_delivered()


def test_plugin_and_settings_together_make_one_event(home: Bundle, tmp_path: Path) -> None:
    work = tmp_path / "work"
    work.mkdir()
    call = ("Write", {"file_path": str(work / "a.py"), "content": CODE})
    done = home.claude([[call]], work, "--plugin-dir", str(ROOT))
    assert done.returncode == 0
    home.wait_delivered()
    assert [e["event_type"] for e in home.log()] == ["pattern_created"]
    status = home.json("status")
    assert (
        status["captured"] == 1 + status["dropped"].get("duplicate", 0) or status["captured"] == 1
    )


def test_the_plugin_is_valid(bundle: Bundle) -> None:
    done = subprocess.run(
        [str(CLIENT), "plugin", "validate", "--strict", str(ROOT)],
        env={**bundle.environ, "DISABLE_AUTOUPDATER": "1"},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert json.loads((ROOT / "plugin.json").read_text())["name"] == "pattern-tracker"
