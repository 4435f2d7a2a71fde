"""The whole way, in the real client: from a Write to recorded lineage."""

import json
import subprocess
from pathlib import Path

import pytest

from lib.capture import identity
from lib.flusher.plugin_environment import LOCK_FILE
from lib.spool import wake
from lib.system.lock import Lock
from tests.support.bundle import CLIENT, ROOT, Bundle, put_bundle, wait_for
from tests.support.messages_api import Call

pytestmark = [
    pytest.mark.client,
    pytest.mark.usefixtures("client"),
]
CODE = 'def foo(a):\n    x = 1\n    y = 2\n    return a\n\n\ndef bar():\n    return "it\u2019s"\n'


def test_every_write_and_edit_is_recorded_with_its_lineage(
    installed: Bundle, tmp_path: Path
) -> None:
    work = tmp_path / "work"
    work.mkdir()
    file = work / "a.py"

    def edit(old: str, new: str, **more: bool) -> list[tuple[str, dict[str, object]]]:
        given = {"file_path": str(file), "old_string": old, "new_string": new, **more}
        return [("Edit", given)]

    done = installed.claude(
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
    installed.wait_delivered()
    events = installed.log()
    assert [e["event_type"].removeprefix("pattern_") for e in events] == (
        ["created"] + ["modified"] * 4 + ["applied"] + ["created"] * 4
    )
    on_disk = identity.pattern_id(identity.normalise(file.read_text(), "python"), "python", "code")
    found = installed.json("lineage", str(file))
    assert found["pattern_id"] == on_disk
    assert found["ancestors"] == [e["pattern_id"] for e in reversed(events[:4])]
    status = installed.json("status")
    assert (status["captured"], status["pending"], status["skipped"]) == (10, 0, {"secret": 1})
    assert not any(b"hunter2" in p.read_bytes() for p in installed.spool.iterdir() if p.is_file())


def test_writes_succeed_in_silence_as_the_installation_is_deleted(tmp_path: Path) -> None:
    bundle = Bundle(tmp_path, tmp_path / ".claude" / "hooks" / "pattern-tracker")
    put_bundle(bundle.root)
    install = [str(ROOT / "install.sh")]
    subprocess.run(install, env=bundle.environ, capture_output=True, check=True)
    work = tmp_path / "work"
    work.mkdir()
    content = "x = 1\n" * 40_000
    parts = (".venv", "lib", "hooks", "")
    turns: list[list[Call]] = []
    for gone in parts:
        removal = {"command": f"rm -r {bundle.root}/{gone}", "description": "x"}
        written = {"file_path": f"{work}/without{gone}.py", "content": content}
        turns += [[("Bash", removal)], [("Write", written)]]
    # No flusher is to make another environment meanwhile.
    building = Lock(str(bundle.root / LOCK_FILE))
    assert building.acquire()
    done = bundle.claude(turns, work, "--output-format", "stream-json", "--verbose")
    building.release()
    assert done.returncode == 0, done.stdout
    assert not bundle.root.exists()
    for gone in parts:
        assert (work / f"without{gone}.py").read_text() == content
    assert "hook error" not in done.stdout.lower()
    bundle.root = ROOT
    wait_for(lambda: not wake.is_running(str(bundle.spool)))


def test_plugin_and_settings_together_make_one_event(installed: Bundle, tmp_path: Path) -> None:
    work = tmp_path / "work"
    work.mkdir()
    call = ("Write", {"file_path": str(work / "a.py"), "content": CODE})
    done = installed.claude([[call]], work, "--plugin-dir", str(ROOT))
    assert done.returncode == 0
    installed.wait_delivered()
    assert [e["event_type"] for e in installed.log()] == ["pattern_created"]
    status = installed.json("status")
    again = {**status["dropped"], **status["skipped"]}
    assert (status["delivered"], sum(again.values())) == (1, 1)
    assert set(again) <= {"known", "duplicate"}


@pytest.mark.parametrize("manifest", ["plugin.json", "marketplace.json"])
def test_the_manifests_are_valid(bundle: Bundle, manifest: str) -> None:
    done = subprocess.run(
        [str(CLIENT), "plugin", "validate", "--strict", str(ROOT / ".claude-plugin" / manifest)],
        env={**bundle.environ, "DISABLE_AUTOUPDATER": "1"},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert manifest.removesuffix(".json") in done.stdout
    assert json.loads((ROOT / ".claude-plugin" / manifest).read_text())["name"] == "pattern-tracker"
