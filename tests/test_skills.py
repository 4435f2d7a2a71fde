"""The plugin's skills, in the real client: what they name is there, and may be run."""

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.support.bundle import CLIENT, ROOT, Bundle
from tests.support.messages_api import scripted

SKILLS = ("blame", "lineage", "status", "sync", "why")
COMMAND = f'"{ROOT}/bin/pattern-tracker"'


def test_the_skills_name_commands_that_there_are(bundle: Bundle) -> None:
    assert sorted(path.parent.name for path in ROOT.glob("skills/*/SKILL.md")) == list(SKILLS)
    for name in SKILLS:
        text = (ROOT / "skills" / name / "SKILL.md").read_text()
        assert f"\nname: {name}\n" in text
        for line in re.findall(
            r'^    "\$\{CLAUDE_PLUGIN_ROOT\}/bin/pattern-tracker" (.+)$', text, re.M
        ):
            done = bundle.command(*line.split()[:1], "--help")
            assert done.returncode == 0, line


def use(bundle: Bundle, skill: str, *commands: str) -> tuple[str, list[dict[str, Any]]]:
    """Use `skill` in a session in which the model then runs `commands`, without asking anybody.

    What the client told the model, and what came of each command.
    """
    work = bundle.home / "work"
    work.mkdir()
    calls: list[Any] = [
        [("Bash", {"command": command, "description": "as the skill says"})] for command in commands
    ]
    with scripted(calls) as url:
        done = subprocess.run(
            [str(CLIENT), "-p", f"/pattern-tracker:{skill}", "--plugin-dir", str(ROOT)],
            cwd=work, capture_output=True, text=True, check=False, timeout=120,
            stdin=subprocess.DEVNULL,
            env={
                **bundle.environ, "ANTHROPIC_BASE_URL": url, "ANTHROPIC_API_KEY": "dummy",
                "DISABLE_AUTOUPDATER": "1", "IS_SANDBOX": "1",
                "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
            },
        )  # fmt: skip
    assert done.returncode == 0, done.stderr
    (transcript,) = bundle.home.glob(".claude/projects/*/*.jsonl")
    parts: list[Any] = []
    for line in transcript.read_text().splitlines():
        content = json.loads(line).get("message", {}).get("content")
        parts += content if isinstance(content, list) else []
    told = "".join(part["text"] for part in parts if part["type"] == "text")
    return told, [part for part in parts if part["type"] == "tool_result"]


@pytest.mark.client
@pytest.mark.usefixtures("client")
@pytest.mark.parametrize(
    ("skill", "arguments", "answer"),
    [
        ("lineage src/a.py", "lineage -- src/a.py", "nothing was recorded yet"),
        pytest.param(
            "why src/a.py:2", "why -n 5 -- src/a.py:2", "nothing was recorded yet",
            marks=pytest.mark.long,
        ),
        pytest.param(
            "blame src/a.py", "blame -- src/a.py", "nothing was recorded yet",
            marks=pytest.mark.long,
        ),
        pytest.param("sync", "sync", "0 delivered, 0 left", marks=pytest.mark.long),
    ],
)  # fmt: skip
def test_a_skill_lets_its_command_run(
    bundle: Bundle, tmp_path: Path, skill: str, arguments: str, answer: str
) -> None:
    told, (result,) = use(bundle, skill, f"{COMMAND} {arguments}")
    assert COMMAND in told
    assert "CLAUDE_PLUGIN_ROOT" not in told
    assert answer in str(result["content"])
    if skill.startswith("lineage "):
        assert "The user asks for the lineage of: src/a.py" in told


@pytest.mark.client
@pytest.mark.usefixtures("client")
def test_a_skill_lets_its_commands_run_and_nothing_else(bundle: Bundle) -> None:
    told, results = use(
        bundle, "status", f"{COMMAND} status", f"{COMMAND} doctor --json", f"{COMMAND} trust"
    )
    assert "CLAUDE_PLUGIN_ROOT" not in told
    status, doctor, other = results
    assert "never observed" in str(status["content"])
    assert "checks" in str(doctor["content"])
    assert other["is_error"]
    assert "approval" in str(other["content"])
