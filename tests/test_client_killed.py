"""The real client is killed as soon as it has written a file: what it did is found all the same."""

import json
import os
import shutil
import sqlite3
import subprocess
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from lib.transcripts.past import QUIET_SECONDS
from tests.support.bundle import Bundle, wait_for
from tests.support.messages_api import scripted

pytestmark = pytest.mark.client


def checks(bundle: Bundle, where: Path) -> dict[str, dict[str, str]]:
    done = bundle.command("doctor", "--json", cwd=where)
    return {check["name"]: check for check in json.loads(done.stdout)["checks"]}


def test_doctor_and_import_find_the_last_edit_of_a_killed_client(
    installed: Bundle, installed_home: Path, tmp_path: Path, each_client: Path
) -> None:
    # What sessions of other tests left untold there, is told by its newest alone.
    shutil.rmtree(installed_home / ".claude" / "projects", ignore_errors=True)
    work = tmp_path / "work"
    work.mkdir()
    first: Any = ("Write", {"file_path": str(work / "first.py"), "content": "first = 1\n"})
    assert installed.claude([[first]], work, client=each_client).returncode == 0
    installed.wait_delivered()
    transcripts = set(installed_home.glob(".claude/projects/*/*.jsonl"))
    file = work / "last.py"
    content = "last = 1\n"
    # The hook of the killed client is not to run, however late it is killed.
    settings = json.dumps({"disableAllHooks": True})
    turns: Any = [[("Write", {"file_path": str(file), "content": content})]]
    options = ("--dangerously-skip-permissions", "--settings", settings)
    with scripted([*turns, [("Bash", {"command": "sleep 60", "description": "x"})]]) as url:
        process = subprocess.Popen(
            [str(each_client), "-p", "go", *options],
            cwd=work, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL, start_new_session=True,
            env={**installed.environ, "ANTHROPIC_BASE_URL": url, "ANTHROPIC_API_KEY": "dummy",
                 "DISABLE_AUTOUPDATER": "1", "IS_SANDBOX": "1",
                 "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1"},
        )  # fmt: skip
        try:
            wait_for(file.exists)
            wait_for(lambda: set(installed_home.glob(".claude/projects/*/*.jsonl")) - transcripts)
            (transcript,) = set(installed_home.glob(".claude/projects/*/*.jsonl")) - transcripts
            wait_for(lambda: "last = 1" in transcript.read_text())
        finally:
            os.killpg(process.pid, 9)
            process.wait()
    # As if the client had been killed before it wrote what came of the call.
    lines = transcript.read_text().splitlines(keepends=True)
    made = next(n for n, line in enumerate(lines) if '"tool_use"' in line and content[:8] in line)
    transcript.write_text("".join(lines[: made + 1]))
    ago = time.time() - QUIET_SECONDS - 1
    os.utime(transcript, (ago, ago))
    # What was captured first was not later than this.
    with closing(sqlite3.connect(installed.spool / "ledger.db")) as db, db:
        db.execute("UPDATE events SET timestamp = '2026-01-01T00:00:00.000000+00:00'")
    assert f"{transcript.stem[:8]} (1)" in checks(installed, work)["sessions"]["text"]
    assert installed.command("import").returncode == 0
    (step,) = installed.json("lineage", str(file))["steps"]
    assert (step["actor"], step["session_id"]) == ("agent", transcript.stem)
    assert checks(installed, work)["sessions"]["level"] == "ok"


def test_half_a_payload_is_told(bundle: Bundle) -> None:
    data = b'{"session_id": "s", "tool_name": "Write", "tool_input": {"file_path": "/p/a.py", "co'
    bundle.post(data)
    dropped = checks(bundle, bundle.home)["dropped"]
    assert (dropped["level"], dropped["text"]) == ("warning", "1 unreadable")
