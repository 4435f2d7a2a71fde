"""The real client takes files back at its /rewind, of which no hook tells."""

import json
import shutil
import time
from pathlib import Path
from typing import Any

import pytest

from tests.support.bundle import CLIENT, NEWEST_CLIENT, ROOT, Bundle
from tests.support.messages_api import Call, scripted
from tests.support.terminals import Terminal
from tests.test_import import untimed

pytestmark = [pytest.mark.client, pytest.mark.long, pytest.mark.usefixtures("client")]
UP, CLEAR, POINTER = "\x1b[A", "\x15", "\u276f"


class Talk:
    """A client on a terminal, and the transcript of its session."""

    def __init__(self, terminal: Terminal, transcripts: Path) -> None:
        self.terminal = terminal
        self._transcripts = transcripts
        self._turns = 0

    def ask(self, word: str) -> None:
        """Ask something, and wait until it is answered."""
        self.terminal.type(CLEAR + word)
        self.terminal.wait_for(word)
        self.terminal.type("\r")
        self._turns += 1
        self.terminal.wait_until(lambda: self._transcript().count("turn_duration") == self._turns)

    def rewind(self, prompts: int, choice: str, done: Any) -> None:
        """Go back to before so many prompts, and wait until `done()`."""
        self.terminal.type("/rewind")
        self.terminal.wait_for("rewind")
        self.terminal.type("\r")
        self.terminal.wait_for("cancel")
        for _ in range(prompts):
            self.terminal.type(UP)
            self.terminal.wait_for(POINTER)
        self.terminal.type("\r")
        self.terminal.wait_for("restored")
        self.terminal.wait_for("ash")
        pressed = 0.0

        def is_done() -> bool:
            # A key that comes before the question can be answered is lost.
            nonlocal pressed
            if time.monotonic() > pressed + 2:
                pressed = time.monotonic()
                self.terminal.type(choice)
            return bool(done())

        self.terminal.wait_until(is_done)

    def _transcript(self) -> str:
        return "".join(path.read_text() for path in self._transcripts.glob("*/*.jsonl"))


@pytest.mark.parametrize("client", [CLIENT, NEWEST_CLIENT], ids=["npm's", "newest"])
def test_what_the_client_takes_back_is_its_own_step(
    installed_home: Path, tmp_path: Path, client: Path
) -> None:
    if not client.exists():
        name = client.relative_to(ROOT).parts[1]
        pytest.skip(f"npm install --prefix .cache/{name} @anthropic-ai/claude-code brings it")
    config, work = tmp_path / "config", tmp_path / "work"
    shutil.copytree(
        installed_home / ".claude", config, ignore=shutil.ignore_patterns("hooks", "projects")
    )
    work.mkdir()
    chosen = {
        "hasCompletedOnboarding": True, "bypassPermissionsModeAccepted": True, "theme": "dark",
        "customApiKeyResponses": {"approved": ["dummy"], "rejected": []},
        "projects": {str(work): {"hasTrustDialogAccepted": True}},
    }  # fmt: skip
    (config / ".claude.json").write_text(json.dumps(chosen))
    bundle = Bundle(installed_home, installed_home / ".claude" / "hooks" / "pattern-tracker")
    bundle.spool = tmp_path / "spool"
    bundle.environ |= {"PATTERN_CACHE_DIR": str(bundle.spool), "CLAUDE_CONFIG_DIR": str(config)}
    a, b, c, d, e = (work / f"{name}.py" for name in "abcde")

    def write(file: Path, number: int) -> list[Call]:
        return [("Write", {"file_path": str(file), "content": f"value = {number}\n"})]

    # Words without a letter at the same place: else a terminal is not sent all of the next one.
    prompts: dict[str, list[list[Call]]] = {
        "plum1": [write(a, 1)],
        "grape2": [write(a, 2), write(b, 4)],
        "apple3": [
            [("Read", {"file_path": str(a)})], write(a, 3), write(c, 5),
            [("Bash", {"command": f"echo 'value = 6' >{d}", "description": "x"})],
        ],
        "kiwis4": [write(e, 7)],
    }  # fmt: skip
    with scripted([], prompts=prompts) as url:
        environ = {
            **bundle.environ, "ANTHROPIC_BASE_URL": url, "ANTHROPIC_API_KEY": "dummy",
            "DISABLE_AUTOUPDATER": "1", "IS_SANDBOX": "1", "TERM": "xterm-256color",
            "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
        }  # fmt: skip
        settings = json.dumps({"skipDangerousModePermissionPrompt": True})
        options = ("--dangerously-skip-permissions", "--settings", settings)
        with Terminal(str(client), *options, cwd=work, environ=environ) as terminal:
            terminal.wait_for("bypass")
            talk = Talk(terminal, config / "projects")
            talk.ask("plum1")
            talk.ask("grape2")
            # The code alone: the command stands among what was typed, and nowhere else.
            talk.rewind(1, "3", lambda: not b.exists())
            talk.ask("apple3")
            # The conversation too: it forks, and that is enough.
            (config / "history.jsonl").unlink()
            talk.rewind(3, "1", lambda: not a.exists())
            # The prompt that was taken back can be changed now.
            terminal.wait_for("plum1")
            (config / "history.jsonl").unlink(missing_ok=True)
            talk.ask("kiwis4")
    bundle.wait_delivered()
    told = {file.stem: bundle.json("lineage", str(file))["steps"][::-1] for file in (a, b, c, d, e)}
    made, changed, gone = ("agent", "created"), ("agent", "modified"), ("undo", "deleted")
    assert {name: [(one["actor"], one["change"][0]) for one in steps]
            for name, steps in told.items()} == {
        "a": [made, changed, ("undo", "modified"), changed, gone], "b": [made, gone],
        "c": [made, gone], "d": [("shell", "created")], "e": [made],
    }  # fmt: skip
    assert len({step["session_id"] for steps in told.values() for step in steps}) == 1
    assert [event["actor"] for event in bundle.log()].count("undo") == 1
    assert bundle.json("status")["steps"]["undo"] == 4
    live = untimed(bundle.spool)
    bundle.json("import")
    assert untimed(bundle.spool) == live
    bundle.spool = tmp_path / "other"
    bundle.environ["PATTERN_CACHE_DIR"] = str(bundle.spool)
    # Of what was typed nothing is left: but for that the transcript tells the same.
    bundle.json("import")
    steps = bundle.json("lineage", str(c))["steps"][::-1]
    assert [(one["actor"], one["change"][0]) for one in steps] == [made, gone]
