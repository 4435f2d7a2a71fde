"""The prompt and model of every change, in the real client, by the transcripts that it writes."""

import json
import shutil
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from lib.ledger import prompts
from lib.ledger.history import History
from tests.support.bundle import Bundle
from tests.support.messages_api import Call

pytestmark = [pytest.mark.client, pytest.mark.usefixtures("client")]
SECRET = "ghp_" + "a8Xk2Lq9" * 4 + "Zt7w"


@pytest.fixture
def claude(installed: Bundle, each_client: Path, tmp_path: Path) -> Any:
    """The client with an installation and a directory to work in."""
    work = tmp_path / "work"
    work.mkdir()

    def run(turns: list[list[Call]], *options: str, **more: Any) -> None:
        done = installed.claude(turns, work, *options, client=each_client, **more)
        assert done.returncode == 0, done.stdout

    return installed, work, run


def joined(bundle: Bundle) -> list[tuple[Any, ...]]:
    """Each revision: its file, whether an agent made it, the prompt's text, the model."""
    found = []
    with closing(History(str(bundle.spool / "ledger.db"))) as history:
        query = (
            "SELECT path, agent_id, session_id, tool_use_id, prompt_id FROM revisions "
            "JOIN files USING (file_id) ORDER BY revision_id"
        )
        for path, agent, *ids in history.rows(query, ()):
            call = prompts.call_of(history, *ids)
            prompt = prompts.prompts(history, [call.prompt_id]).get(call.prompt_id)
            found.append((Path(path).name, bool(agent), prompt and prompt.text, call.model))
    return found


def test_every_change_has_its_prompt_and_model(claude: Any) -> None:
    bundle, work, run = claude
    a, b = str(work / "a.py"), str(work / "b.py")

    def task(asked: str) -> list[Call]:
        given = {"description": "x", "prompt": asked, "subagent_type": "general-purpose",
                 "run_in_background": False}  # fmt: skip
        return [("Task", given)]

    edit = {"file_path": a, "old_string": "return 1", "new_string": "return 2"}
    run(
        [
            [("Write", {"file_path": a, "content": "def f():\n    return 1\n"})],
            [("Edit", edit)],
            task("gazelle"),
            [("Bash", {"command": "sed -i s/2/3/ a.py", "description": "x"})],
        ],
        prompt=f"make it with {SECRET}",
        agents={
            "gazelle": [[("Write", {"file_path": b, "content": "b = 1\n"})], task("zebra")],
            "zebra": [[("Write", {"file_path": f"{b}.md", "content": "b\n"})]],
        },
    )
    bundle.wait_delivered()
    # The answers of before are in the request: four with calls, and the last one.
    turns: list[list[Call]] = [[]] * 5 + [[("Write", {"file_path": f"{a}.md", "content": "a\n"})]]
    run(turns, "--continue", prompt="and again")
    bundle.wait_delivered()
    first = "make it with [REDACTED:github-token]"
    told = [
        ("a.py", False, first, "scripted"), ("a.py", False, first, "scripted"),
        ("a.py", False, first, "scripted"), ("a.py.md", False, "and again", "scripted"),
        ("b.py", True, first, "gazelle"), ("b.py.md", True, first, "zebra"),
    ]  # fmt: skip
    assert sorted(joined(bundle)) == told
    transcripts = bundle.home / ".claude" / "projects"
    assert SECRET in "".join(path.read_text() for path in transcripts.rglob("*.jsonl"))
    stored = b"".join(path.read_bytes() for path in bundle.spool.rglob("*") if path.is_file())
    assert SECRET.encode() not in stored
    # The client deletes them after a month.
    shutil.rmtree(transcripts)
    bundle.post(json.dumps({"tool_name": "Write", "tool_input": {
        "file_path": f"{a}.txt", "content": "z"}, "session_id": "s"}).encode())  # fmt: skip
    bundle.wait_delivered()
    assert sorted(joined(bundle))[:3] == told[:3]
    assert len(joined(bundle)) == len(told) + 1
