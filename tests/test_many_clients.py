"""Ten real clients at once: whatever reached the disk is a step, and nothing is made up."""

import json
import os
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from lib.ledger.history import History
from lib.ledger.steps import Step, steps_of
from lib.transcripts.past import QUIET_SECONDS
from tests.support.bundle import CLIENT, NEWEST_CLIENT, Bundle, wait_for
from tests.support.messages_api import Call, scripted
from tests.support.talking import configure, talking
from tests.support.watching import Watch

pytestmark = [pytest.mark.client, pytest.mark.long, pytest.mark.usefixtures("client")]
SLOTS = "".join(f"slot_{n} = 0\n" for n in range(10))
Turns = list[list[Call]]


def git(where: Path, *arguments: str) -> None:
    who = ("-c", "user.name=A", "-c", "user.email=a@example.org")
    subprocess.run(["git", *who, *arguments], cwd=where, check=True, capture_output=True)


def write(file: Path, code: str) -> Call:
    return ("Write", {"file_path": str(file), "content": code})


def shell(command: str) -> Call:
    return ("Bash", {"command": command, "description": "x"})


class Crowd:
    """Ten clients in one project: each has a file of its own, and all have one in common."""

    def __init__(self, bundle: Bundle, config: Path, work: Path) -> None:
        self.bundle, self.config, self.work = bundle, config, work
        self.shared = work / "shared.py"

    def client(self, number: int) -> Path:
        return NEWEST_CLIENT if number % 2 and NEWEST_CLIENT.exists() else CLIENT

    def own(self, number: int) -> Path:
        return self.work / f"own_{number}.py"

    def slot(self, number: int, value: int = 1) -> Turns:
        """Change the client's line of the common file; again, for another may come between."""
        given = {"file_path": str(self.shared), "old_string": f"slot_{number} = {value - 1}",
                 "new_string": f"slot_{number} = {value}"}  # fmt: skip
        read: Call = ("Read", {"file_path": str(self.shared)})
        return [turn for _ in range(4) for turn in ([read], [("Edit", given)])]

    def run(self, number: int) -> None:
        kinds = {5: self.with_agent, 6: self.in_worktree, 7: self.killed, 8: self.taking_back,
                 9: self.taking_back}  # fmt: skip
        kinds.get(number, self.plain)(number)

    def plain(self, number: int) -> None:
        own = self.own(number)
        turns = [[write(own, "own = 0\n")], *self.slot(number),
                 [shell(f"sed -i s/0/{number}/ {own.name}")],
                 [write(own, f"own = {number}{number}\n")]]  # fmt: skip
        self._print(number, turns)

    def with_agent(self, number: int) -> None:
        own = self.own(number)
        given = {"description": "sub", "prompt": f"agent-{number}",
                 "subagent_type": "general-purpose"}  # fmt: skip
        theirs = [[write(own, "own = 'agent'\n")], *self.slot(number)]
        turns: Turns = [[("Task", given)], [write(own, "own = 5\n")]]
        self._print(number, turns, agents={f"agent-{number}": theirs})

    def in_worktree(self, number: int) -> None:
        tree = self.work / ".claude" / "worktrees" / "one"
        file = tree / "merged.py"
        edit = {"file_path": str(file), "old_string": "before", "new_string": "after"}
        self._print(
            number, [[("Read", {"file_path": str(file)})], [("Edit", edit)]], "--worktree", "one"
        )
        git(tree, "commit", "-qam", "two")
        git(self.work, "merge", "-q", "--ff-only", "worktree-one")
        git(self.work, "worktree", "remove", "-f", "-f", str(tree))

    def killed(self, number: int) -> None:
        own = self.own(number)
        turns = [[write(own, "own = 1\n")], [write(own, "own = 2\n")], [shell("sleep 600")]]
        with scripted(turns) as url:
            process = subprocess.Popen(
                [str(self.client(number)), "-p", "go", "--dangerously-skip-permissions"],
                cwd=self.work, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL, start_new_session=True,
                env={**self.bundle.environ, "ANTHROPIC_BASE_URL": url, "IS_SANDBOX": "1",
                     "ANTHROPIC_API_KEY": "dummy", "DISABLE_AUTOUPDATER": "1",
                     "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1"},
            )  # fmt: skip
            try:
                wait_for(lambda: own.exists() and own.read_text() == "own = 2\n")
            finally:
                os.killpg(process.pid, 9)
                process.wait()

    def taking_back(self, number: int) -> None:
        own = self.own(number)
        words = {8: ("plum1", "grape2", "apple3"), 9: ("fig11", "mango2", "berry3")}[number]
        made: list[Turns] = [
            [[write(own, "own = 1\n")]], [[write(own, "own = 2\n")]],
            [[("Read", {"file_path": str(own)})], [write(own, "own = 3\n")], *self.slot(number)],
        ]  # fmt: skip
        prompts = dict(zip(words, made, strict=True))
        with talking(self.bundle, self.client(number), self.work, prompts) as talk:
            talk.ask(words[0])
            talk.ask(words[1])
            talk.take_back(1, lambda: own.read_text() == "own = 1\n")
            talk.ask(words[2])

    def _print(self, number: int, turns: Turns, *options: str, **more: Any) -> None:
        client = self.client(number)
        done = self.bundle.claude(turns, self.work, *options, client=client, **more)
        assert done.returncode == 0, (number, done.stdout, done.stderr)

    def written(self) -> list[tuple[str, str]]:
        """What calls made of the common file, by all transcripts: session and code."""
        found = []
        for path in (self.config / "projects").rglob("*.jsonl"):
            for line in path.read_text().splitlines():
                record = json.loads(line)
                answer = record.get("toolUseResult")
                if isinstance(answer, dict) and answer.get("filePath") == str(self.shared):
                    if "originalFile" in answer:
                        code = answer["originalFile"].replace(
                            answer["oldString"], answer["newString"]
                        )
                        found.append((record["sessionId"], code))
        return found


@pytest.fixture
def crowd(installed_home: Path, tmp_path: Path) -> Crowd:
    bundle = Bundle(installed_home, installed_home / ".claude" / "hooks" / "pattern-tracker")
    bundle.spool = tmp_path / "spool"
    bundle.environ["PATTERN_CACHE_DIR"] = str(bundle.spool)
    work = tmp_path / "work"
    work.mkdir()
    configure(bundle, tmp_path / "config", work)
    made = Crowd(bundle, tmp_path / "config", work)
    made.shared.write_text(SLOTS)
    (work / "merged.py").write_text("state = 'before'\n")
    git(work, "init", "-q", "-b", "main")
    git(work, "add", "-A")
    git(work, "commit", "-qm", "one")
    return made


def test_whatever_reached_the_disk_is_a_step_and_nothing_is_made_up(crowd: Crowd) -> None:
    bundle, work = crowd.bundle, crowd.work
    with Watch(work) as watch, ThreadPoolExecutor(10) as pool:
        list(pool.map(crowd.run, range(10)))
    bundle.wait_delivered()
    # What the killed client left untold is found by its transcript, once that is quiet.
    ago = time.time() - QUIET_SECONDS - 1
    for path in (crowd.config / "projects").rglob("*.jsonl"):
        os.utime(path, (ago, ago))
    bundle.json("import")
    told: dict[str, list[tuple[Step, str | None]]] = {}
    with closing(History(str(bundle.spool / "ledger.db"))) as history:
        for (path,) in history.rows("SELECT path FROM files", ()):
            steps = steps_of(history, path)[::-1]
            told[os.path.relpath(path, work)] = [(s, history.snapshot(s.snapshot)) for s in steps]
    for name, several in sorted(told.items()):
        print(name)
        for s, code in several:
            print(
                "   ",
                s.actor,
                s.change,
                (s.session_id or "")[:8],
                s.timestamp[11:],
                repr(code)[:300].replace("\\nslot", ""),
            )
    for name, states in watch.states.items():
        print("seen", name)
        for one in states:
            print("   ", repr(one).replace("\\nslot", ""))
    print("written")
    [print("   ", w[0][:8], repr(w[1]).replace("\\nslot", "")) for w in crowd.written()]
    assert 0
