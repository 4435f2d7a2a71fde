"""A hook that is over its time in the real client: its event is read in the transcript."""

import json
import shlex
from pathlib import Path
from typing import Any

import pytest

from tests.support.bundle import Bundle
from tests.support.forms import few

pytestmark = pytest.mark.client
CODES = [f"def area(a, b):\n    return a * b * {n}\n" for n in range(4)]


@pytest.mark.parametrize("is_ours", few([True, False]))
def test_what_a_late_hook_missed_is_recorded_in_its_place(
    installed: Bundle, installed_home: Path, tmp_path: Path, each_client: Path, is_ours: bool
) -> None:
    """The hook that is late is ours, or somebody else's."""
    work = tmp_path / "work"
    work.mkdir()
    file = work / "a.py"
    own = json.loads((installed_home / ".claude" / "settings.json").read_text())["hooks"]
    (group,) = own["PostToolUse"]
    run = group["hooks"][0]["command"]
    # Over its time at the third of four calls.
    told = shlex.quote(str(tmp_path / "told"))
    is_third = f"grep -q 'b . 2' {told} && grep -q 'b . 1' {told}"
    after = f"{{ {run}; }} <{told}" if is_ours else ":"
    late = f"cat >{told}; if {is_third}; then exec sleep 60; fi; {after}"
    entry = {"type": "command", "command": late, "timeout": 2}
    ours = [] if is_ours else [group]
    settings = {"hooks": {"PostToolUse": [*ours, {"matcher": "Write|Edit", "hooks": [entry]}]}}

    def edit(old: int) -> list[tuple[str, dict[str, Any]]]:
        given = {"file_path": str(file), "old_string": f"b * {old}", "new_string": f"b * {old + 1}"}
        return [("Edit", given)]

    turns: list[Any] = [
        [("Write", {"file_path": str(file), "content": CODES[0]})],
        edit(0), edit(1), edit(2),
    ]  # fmt: skip
    options = ("--setting-sources", "project", "--settings", json.dumps(settings))
    done = installed.claude(turns, work, *options, client=each_client)
    assert done.returncode == 0, done.stdout
    installed.wait_delivered()
    steps = installed.json("lineage", str(file))["steps"][::-1]
    assert [(s["actor"], s["change"][0]) for s in steps] == [
        ("agent", "created"), *[("agent", "modified")] * 3,
    ]  # fmt: skip
    assert len({step["session_id"] for step in steps}) == 1
    kinds = [event["event_type"].removeprefix("pattern_") for event in installed.log()]
    assert kinds == ["created", *["modified"] * 3]
    status = installed.json("status")
    assert status["skipped"] == ({"overtime": 1} if is_ours else {})
    assert status["captured"] == status["delivered"] == 4
    doctor = json.loads(installed.command("doctor", "--json").stdout)
    (dropped,) = (check for check in doctor["checks"] if check["name"] == "dropped")
    assert dropped["text"].startswith("nothing was lost: 1 hook" if is_ours else "nothing was lost")
