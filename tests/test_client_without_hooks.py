"""Sessions of the real client without hooks: `doctor` names them, `import` records them."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.support.bundle import Bundle

pytestmark = [pytest.mark.client, pytest.mark.long]
# Safe mode, the project's settings alone, hooks disabled: variables and options.
WAYS: list[tuple[dict[str, str], tuple[str, ...]]] = [
    ({"CLAUDE_CODE_SAFE_MODE": "1"}, ()),
    ({}, ("--setting-sources", "project")),
    ({}, ("--settings", '{"disableAllHooks": true}')),
]


def test_a_session_without_hooks_is_named(
    installed: Bundle, installed_home: Path, tmp_path: Path, each_client: Path
) -> None:
    work = tmp_path / "work"
    work.mkdir()

    def write(name: str, *options: str) -> None:
        call: Any = ("Write", {"file_path": str(work / name), "content": f"name = '{name}'\n"})
        done = installed.claude([[call]], work, *options, client=each_client)
        assert (done.returncode, (work / name).exists()) == (0, True), done.stdout

    def sessions() -> dict[str, str]:
        done = subprocess.run(
            [str(installed.root / "bin" / "pattern-tracker"), "doctor", "--json"],
            env=installed.environ, cwd=work, capture_output=True, text=True, check=False,
        )  # fmt: skip
        found = {check["name"]: check for check in json.loads(done.stdout)["checks"]}
        told: dict[str, str] = found["sessions"]
        return told

    write("a.py")
    installed.wait_delivered()
    assert sessions()["level"] == "ok"
    for number, (environ, options) in enumerate(WAYS):
        installed.environ |= environ
        write(f"{number}.py", *options)
        for name in environ:
            del installed.environ[name]
        past = installed_home.glob(".claude/projects/*/*.jsonl")
        newest = max(past, key=lambda path: path.stat().st_mtime_ns)
        finding = sessions()
        assert finding["level"] == "warning"
        assert f"{newest.stem[:8]} (1)" in finding["text"]
        assert installed.command("import").returncode == 0
        assert installed.json("lineage", str(work / f"{number}.py"))["file"]["state"] == "same"
        assert sessions()["level"] == "ok"
