"""The real client on a terminal: somebody asks, and takes back with /rewind what came of it."""

import json
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.bundle import Bundle
from tests.support.messages_api import Call, scripted
from tests.support.terminals import Terminal

_UP, _CLEAR, _POINTER = "\x1b[A", "\x15", "\u276f"
_CODE, _BOTH = "3", "1"


def configure(bundle: Bundle, config: Path, work: Path) -> None:
    """Make a directory of the client's own, whose hooks are the bundle's and which asks nothing."""
    left_out = shutil.ignore_patterns("hooks", "projects", "file-history")
    shutil.copytree(bundle.home / ".claude", config, ignore=left_out)
    chosen = {
        "hasCompletedOnboarding": True, "bypassPermissionsModeAccepted": True, "theme": "dark",
        "customApiKeyResponses": {"approved": ["dummy"], "rejected": []},
        "projects": {str(work): {"hasTrustDialogAccepted": True}},
    }  # fmt: skip
    (config / ".claude.json").write_text(json.dumps(chosen))
    bundle.environ["CLAUDE_CONFIG_DIR"] = str(config)


class Talk:
    """A client on a terminal, and the transcript of its session."""

    def __init__(self, terminal: Terminal, config: Path) -> None:
        self._terminal = terminal
        self._config = config
        self._first = ""
        self._turns = 0

    def ask(self, word: str) -> None:
        """Ask with a word that no other session asks, and wait until it is answered.

        No letter of it is that of the word before at its place: a terminal is sent what differs.
        """
        self._first = self._first or word
        self._insist(_CLEAR + word, lambda: self._terminal.shows(word))
        self._terminal.type("\r")
        self._turns += 1
        self._terminal.wait_until(lambda: self._answers() == self._turns)

    def take_back(self, prompts: int, done: Callable[[], bool], word: str = "") -> None:
        """Take the code back to before so many prompts, and wait until that is `done()`.

        With its `word` the conversation too, to before that prompt.
        """
        self._terminal.type("/rewind")
        self._terminal.wait_for("rewind")
        self._terminal.type("\r")
        self._terminal.wait_for("cancel")
        for _ in range(prompts):
            self._terminal.type(_UP)
            self._terminal.wait_for(_POINTER)
        self._terminal.type("\r")
        self._terminal.wait_for("restored")
        self._terminal.wait_for("ash")
        self._insist(_BOTH if word else _CODE, done)
        if word:
            # The prompt that was taken back can be changed now.
            self._terminal.wait_for(word)

    def _insist(self, keys: str, is_done: Callable[[], bool]) -> None:
        """Press keys until that has come of it: what comes before it can be taken is lost."""
        pressed = 0.0

        def is_so() -> bool:
            nonlocal pressed
            if time.monotonic() > pressed + 2:
                pressed = time.monotonic()
                self._terminal.type(keys)
            return is_done()

        self._terminal.wait_until(is_so)

    def _answers(self) -> int:
        for path in (self._config / "projects").glob("*/*.jsonl"):
            text = path.read_text()
            if f'"content":"{self._first}"' in text:
                return text.count('"turn_duration"')
        return 0


@contextmanager
def talking(
    bundle: Bundle, client: Path, work: Path, prompts: dict[str, list[list[Call]]]
) -> Iterator[Talk]:
    """Run the client in `work`, whose answers to prompts with a word are these turns of calls."""
    config = Path(bundle.environ["CLAUDE_CONFIG_DIR"])
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
            yield Talk(terminal, config)
