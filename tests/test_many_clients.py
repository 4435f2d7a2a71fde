"""Ten real clients at once: whatever reached the disk is a step, and nothing is made up."""

import json
import os
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from itertools import groupby
from pathlib import Path
from typing import Any

import pytest

from lib.ledger.history import History
from lib.ledger.steps import Step, steps_of
from lib.transcripts.past import QUIET_SECONDS
from tests.support import messages_api
from tests.support.bundle import CLIENT, NEWEST_CLIENT, Bundle, wait_for
from tests.support.git import git
from tests.support.messages_api import Call, scripted
from tests.support.talking import configure, talking
from tests.support.watching import Watch

pytestmark = [
    pytest.mark.client,
    pytest.mark.long,
    pytest.mark.usefixtures("client"),
]
SLOTS = "".join(f"slot_{n} = 0\n" for n in range(10))
Turns = list[list[Call]]


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
                 [shell(f"sed -i s/0/1{number}/ {own.name}")],
                 [("Read", {"file_path": str(own)})],
                 [write(own, f"own = 2{number}\n")]]  # fmt: skip
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
                told = answer if isinstance(answer, dict) else {}
                if told.get("filePath") == str(self.shared) and "originalFile" in told:
                    code = told["originalFile"].replace(told["oldString"], told["newString"])
                    found.append((record["sessionId"], code))
        return found

    def is_told(self, file: Path, code: str) -> bool:
        """Check whether a transcript has the call that wrote this."""
        call = json.dumps({"file_path": str(file), "content": code}, separators=(",", ":"))
        paths = (self.config / "projects").rglob("*.jsonl")
        return any(call in path.read_text() for path in paths)

    def steps(self) -> dict[str, list[tuple[Step, str | None]]]:
        """The steps of each file in their order, with what it held after."""
        with closing(History(str(self.bundle.spool / "ledger.db"))) as history:
            paths = [path for (path,) in history.rows("SELECT path FROM files", ())]
            return {
                os.path.relpath(path, self.work): [
                    (step, history.snapshot(step.snapshot))
                    for step in steps_of(history, path)[::-1]
                ]
                for path in paths
            }

    def missed(self, states: list[str], steps: list[tuple[Step, str | None]]) -> list[str]:
        """List the states of the common file from the first that its steps have not in its place.

        Of several edits that began with the same only the last is known, which the next has found.
        """
        asked = "SELECT event_id, before_snapshot FROM events WHERE file_path = ?"
        with closing(History(str(self.bundle.spool / "ledger.db"))) as history:
            began = dict(map(tuple, history.rows(asked, (str(self.shared),))))
        left = list(states)
        for _, group in groupby(steps, lambda one: began.get(one[0].event_id)):
            *earlier, last = [code for _, code in group]
            while left and left[0] in earlier:
                earlier.remove(left.pop(0))
            if left[:1] == [last]:
                left.pop(0)
        return left


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


def test_whatever_reached_the_disk_is_a_step_and_nothing_is_made_up(
    crowd: Crowd, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A model takes ten times as long. Of calls within milliseconds of each other not all is told.
    monkeypatch.setattr(messages_api, "THINKING", 0.2)
    bundle, work = crowd.bundle, crowd.work
    with Watch(work) as watch, ThreadPoolExecutor(10) as pool:
        list(pool.map(crowd.run, range(10)))
    bundle.wait_delivered()
    # What the killed client left untold is found by its transcript, once that is quiet.
    ago = time.time() - QUIET_SECONDS - 1
    for path in (crowd.config / "projects").rglob("*.jsonl"):
        os.utime(path, (ago, ago))
    bundle.json("import")
    told = crowd.steps()
    shown = {
        name: [(s.actor, s.change, s.session_id, s.timestamp, code) for s, code in several]
        for name, several in told.items()
    }
    # A look may have seen what git did, which was no client's; it removes a file before it writes.
    merge = iter(("state = 'before'\n", None, "state = 'after'\n"))
    left = [(s.actor, code in merge) for s, code in told.pop("merged.py", [])]
    assert set(left) <= {("outside", True)}, shown
    agent, taken_back = "agent", "undo"
    # A client that is killed right after its edit may have told nobody: then a look has found it.
    killed = crowd.own(7)
    last = told[killed.name][-1][0].actor
    assert last == agent or not crowd.is_told(killed, "own = 2\n"), shown
    # Nobody else was there.
    outside = [
        name
        for name in told
        for s, _ in told[name]
        if s.actor == "outside" and s.change != "before"
    ]
    assert outside == [killed.name] * (last == "outside"), shown
    expected = {
        crowd.own(n).name: [
            (agent, "own = 0\n"),
            ("shell", f"own = 1{n}\n"),
            (agent, f"own = 2{n}\n"),
        ]
        for n in range(5)
    }
    ones = [(agent, "own = 1\n"), (agent, "own = 2\n")]
    for number in (8, 9):
        expected[crowd.own(number).name] = [
            *ones, (taken_back, "own = 1\n"), (agent, "own = 3\n"),
        ]  # fmt: skip
    expected[killed.name] = [ones[0], (last, "own = 2\n")]
    # An agent may work on while its session does.
    expected[crowd.own(5).name] = [(agent, code) for code in watch.states[crowd.own(5).name]]
    merged = [("outside", "state = 'before'\n"), (agent, "state = 'after'\n")]
    expected[".claude/worktrees/one/merged.py"] = merged
    shared = told.pop("shared.py")
    found = {name: [(s.actor, code) for s, code in several] for name, several in told.items()}
    assert found == expected, shown
    sessions = [{s.session_id for s, _ in several if s.session_id} for several in told.values()]
    assert [len(ids) for ids in sessions] == [1] * 10, shown
    assert len(set().union(*sessions)) == 10
    assert [s.actor for s, _ in shared[1:]] == [agent] * (len(shared) - 1)
    # The transcripts of agents do not tell what came of their calls.
    by_sessions = [(s.session_id, code) for s, code in shared[1:] if not s.agent_id]
    assert sorted(by_sessions) == sorted(crowd.written()), shown
    assert crowd.missed(watch.states["shared.py"], shared) == [], (watch.states["shared.py"], shown)
