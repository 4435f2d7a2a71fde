"""Past sessions are recorded as if they had been captured: the same events, whatever came first."""

import json
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lib.capture import payload as payloads
from lib.capture import shell
from lib.commands import cli
from lib.flusher.importing import Chosen, Importer
from lib.flusher.process import Flusher
from lib.ledger.forgetting import Chosen as Forget
from lib.ledger.forgetting import forget
from lib.ledger.history import History
from lib.ledger.replay import replay
from lib.ledger.store import Ledger
from lib.spool import inbox
from lib.system.settings import Settings
from lib.transcripts.past import sessions
from tests.support.bundle import CLIENT, NEWEST_CLIENT, ROOT, Bundle
from tests.support.contents import contents
from tests.support.diffs import hunks_of
from tests.support.forms import few
from tests.support.service_double import ServiceDouble
from tests.support.transcripts import Writer

BEGAN = 1_770_000_000 * 10**9
SECOND = 10**9
CODES = [f"def f{n}(a, b):\n    return a + b * {n}\n" for n in range(4)]
CODES += [CODES[0].replace("a + b", "a  +  b"), f"# note\n{CODES[1]}"]
CANARY = "ghp_0123456789abcdefghijklmnopqrstuvwxyzAB"
ALL = Chosen()
Made = dict[str, Any]


def when(number: int) -> str:
    """When a result came into the transcript: a moment after the hook captured it."""
    moment = time.gmtime(BEGAN // SECOND + number)
    return time.strftime("%Y-%m-%dT%H:%M:%S.010Z", moment)


class Home:
    """A home directory with a client's transcripts and a spool, and what was done in sessions."""

    def __init__(self, where: Path, **environ: str) -> None:
        self.home = where / "home"
        self.work = where / "work"
        self.spool = where / "spool"
        self.work.mkdir(parents=True)
        self.environ = {"HOME": str(self.home), "PATTERN_CACHE_DIR": str(self.spool), **environ}
        self.payloads: list[Made] = []
        self._writers: dict[str, Writer] = {}

    @property
    def projects(self) -> Path:
        return self.home / ".claude" / "projects" / "-work"

    def session(self, session_id: str) -> Writer:
        if session_id not in self._writers:
            made = Writer(self.projects, session_id)
            made.fields = {"timestamp": when(len(self.payloads)), "cwd": str(self.work)}
            made.prompt(f"do as {session_id} says")
            self._writers[session_id] = made
        return self._writers[session_id]

    def call(
        self, tool: str, given: Made, answer: Any, session_id: str = "s-1", **more: Any
    ) -> Made:
        """Write a call and its result into the transcript; the payload that its hook got."""
        writer, number = self.session(session_id), len(self.payloads)
        writer.fields = {"timestamp": when(number), "cwd": str(self.work), **more}
        writer.use(f"use{number}", tool, **given)
        writer.result(f"use{number}", answer)
        made = {
            "hook_event_name": "PostToolUse", "session_id": session_id, "cwd": str(self.work),
            "transcript_path": str(writer.path), "prompt_id": writer.prompt_id, "tool_name": tool,
            "tool_input": given, "tool_response": answer, "tool_use_id": f"use{number}",
        }  # fmt: skip
        self.payloads.append(made)
        return made

    def write(
        self, name: str, code: str, before: str | None = None, session_id: str = "s-1"
    ) -> Made:
        path = str(self.work / name)
        kind = "create" if before is None else "update"
        answer = {"type": kind, "filePath": path, "content": code, "originalFile": before}
        return self.call("Write", {"file_path": path, "content": code}, answer, session_id)

    def edit(self, name: str, before: str, old: str, new: str, session_id: str = "s-1") -> Made:
        path = str(self.work / name)
        given = {"file_path": path, "old_string": old, "new_string": new, "replace_all": False}
        answer = {"filePath": path, "oldString": old, "newString": new, "originalFile": before}
        return self.call("Edit", given, answer, session_id)

    def capture(self, number: int, later_ns: int = 0) -> None:
        """Do as the hook did with a payload."""
        captured_ns = BEGAN + number * SECOND + later_ns
        told = self.payloads[number]
        made: Any = (
            shell.capture(told, captured_ns, "", True) if told["tool_name"] == "Bash"
            else payloads.capture(told, captured_ns)
        )  # fmt: skip
        moment = ("a-boot", number + 1)
        inbox.commit(str(self.spool), made, captured_ns, sync=False, moment=moment)

    def shell(self, name: str, read: str, code: str | None) -> Made:
        """Let a shell make a file `code`, None: no file; what its hook captures.

        `read` is what the client begins its diff with.
        """
        path = self.work / name
        path.write_text(code or "")
        told: Made = {
            "filePath": str(path),
            "hunks": hunks_of(read.splitlines(), (code or "").splitlines()),
        }
        if code is None:
            path.unlink()
            told["deleted"] = True
        diff = {"files": [told], "changedFiles": [str(path)], "moreFiles": 0}
        answer = {"stdout": "", "bashEditDiff": diff}
        command = f"rm {name}" if code is None else f"sed -i s/x/y/ {name}"
        made = self.call("Bash", {"command": command}, answer)
        return shell.capture(made, BEGAN + (len(self.payloads) - 1) * SECOND, "", True)

    def commit(self, number: int, made: Made) -> None:
        """Put into the spool what the hook of a call captured."""
        captured_ns, moment = BEGAN + number * SECOND, ("a-boot", number + 1)
        inbox.commit(str(self.spool), made, captured_ns, sync=False, moment=moment)

    def flush(self) -> None:
        self.spool.mkdir(mode=0o700, exist_ok=True)
        assert Flusher(str(self.spool), Settings(self.environ)).run_once(5.0)

    def read(self, tell: Callable[[str, float], None] = lambda step, part: None,
             chosen: Chosen = ALL) -> Importer:  # fmt: skip
        self.spool.mkdir(mode=0o700, exist_ok=True)
        made = Importer(str(self.spool), Settings(self.environ))
        past = sessions(f"{self.home}/.claude")
        made.import_past(past, chosen, 5.0, tell)
        return made

    def contents(self) -> dict[str, list[dict[str, Any]]]:
        return contents(self.spool / "ledger.db")

    def codes(self) -> list[str | None]:
        with closing(History(str(self.spool / "ledger.db"))) as history:
            return [history.snapshot(one.snapshot) for one in history.events()]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    made = Home(tmp_path)
    monkeypatch.setattr(os, "environ", {**os.environ, **made.environ})
    return made


@st.composite
def stories(draw: st.DrawFn) -> list[tuple[str, str, int, bool]]:
    step = st.tuples(
        st.sampled_from(["a.py", "b.py"]), st.sampled_from(CODES), st.integers(0, 1), st.booleans()
    )
    return draw(st.lists(step, min_size=1, max_size=6))


def tell_story(home: Home, story: list[tuple[str, str, int, bool]]) -> None:
    """Two sessions write two files; a formatter is there now and then."""
    held: dict[str, str] = {}
    for name, code, session, is_formatted in story:
        home.write(name, code, held.get(name), f"s-{session}")
        held[name] = code.replace("return a", "return  a") if is_formatted else code


@settings(max_examples=12, derandomize=True)
@given(stories(), st.data())
def test_importing_before_after_twice_or_amid_capture_is_the_same(
    story: list[tuple[str, str, int, bool]], data: st.DataObject
) -> None:
    with tempfile.TemporaryDirectory() as where, pytest.MonkeyPatch.context() as patch:
        live, other = Home(Path(where, "live")), Home(Path(where, "other"))
        other.work = live.work
        for home in (live, other):
            tell_story(home, story)
        other.payloads = live.payloads
        shutil.rmtree(other.projects)
        shutil.copytree(live.projects, other.projects)
        patch.setattr(os, "environ", {**os.environ, **live.environ})
        captured = data.draw(st.sets(st.integers(0, len(story) - 1)), label="captured")
        for number in range(len(story)):
            live.capture(number, 0 if number in captured else SECOND // 100)
        live.flush()
        patch.setattr(os, "environ", {**os.environ, **other.environ})
        middle = data.draw(st.integers(0, len(story)), label="middle")
        for number in sorted(n for n in captured if n < middle):
            other.capture(number)
        if data.draw(st.booleans(), label="flushed"):
            other.flush()
        other.read()
        for number in sorted(n for n in captured if n >= middle):
            other.capture(number)
        other.flush()
        if data.draw(st.booleans(), label="again"):
            assert other.read().counts["events"] == 0
        assert other.contents() == live.contents()


def test_prompts_and_models_come_with_the_events(home: Home) -> None:
    made = home.write("a.py", CODES[0])
    home.read()
    with closing(History(str(home.spool / "ledger.db"))) as history:
        assert history.rows("SELECT text FROM prompts WHERE prompt_id = ?", (made["prompt_id"],)) \
            [0][0] == "do as s-1 says"  # fmt: skip
        assert [row[0] for row in history.rows("SELECT model FROM calls", ())] == ["m-1"]
        assert history.rows("SELECT prompt_id FROM revisions", ())[0][0] == made["prompt_id"]


def test_failed_calls_are_no_events(home: Home) -> None:
    home.call("Edit", {"file_path": "/p/a.py", "old_string": "x", "new_string": "y"}, "Error: no")
    assert home.read().counts["events"] == 0
    assert not home.codes()


def test_secrets_and_excluded_files_are_left_out(home: Home) -> None:
    (home.work / ".patternignore").write_text("private/\n")
    home.write("a.py", f'token = "{CANARY}"\n')
    home.write(".env", f"TOKEN={CANARY}\n")
    home.write("private/b.py", f'x = "{CANARY}"\n')
    home.call("Write", {"file_path": f"{home.home}/.claude/notes.md", "content": CANARY},
              {"type": "create", "originalFile": None})  # fmt: skip
    counts = home.read().counts
    assert (counts["events"], counts["excluded"]) == (1, 3)
    (code,) = home.codes()
    assert str(code).startswith('token = "[REDACTED:')
    for file in home.spool.iterdir():
        assert CANARY.encode() not in file.read_bytes()


def test_without_content_none_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = Home(tmp_path, PATTERN_TRACKING_CONTENT="none")
    monkeypatch.setattr(os, "environ", {**os.environ, **home.environ})
    home.write("a.py", CODES[0])
    home.read()
    assert home.codes() == [None]


def test_a_directory_that_is_gone_is_no_obstacle(home: Home) -> None:
    home.write("a.py", CODES[0])
    home.work.rmdir()
    assert home.read().counts["events"] == 1
    assert home.codes() == [CODES[0]]


def test_only_what_was_chosen_is_read(home: Home) -> None:
    for number in range(3):
        home.write(f"{number}.py", CODES[number])
    since = when(2).replace("Z", "+00:00")
    assert home.read(chosen=Chosen(since=since)).counts["events"] == 1
    assert home.read(chosen=Chosen(project="/elsewhere")).counts["events"] == 0
    assert home.read(chosen=Chosen(project=str(home.work))).counts["events"] == 2


def test_what_interrupts_it_leaves_a_sound_ledger_and_it_goes_on(home: Home) -> None:
    for number in range(40):
        home.write(f"{number}.py", CODES[number % 4], session_id=f"s-{number}")
    whole = Home(home.home.parent / "whole")
    shutil.copytree(home.home / ".claude", whole.home / ".claude")
    whole.read()
    steps = 0

    def interrupt(step: str, part: float) -> None:
        nonlocal steps
        steps += 1
        if steps % 17 == 0 or (step == "ordering" and part < 1.0 and steps < 200):
            steps += 200 if step == "ordering" else 0
            raise KeyboardInterrupt

    for _ in range(50):
        try:
            home.read(interrupt)
            break
        except KeyboardInterrupt:
            with closing(History(str(home.spool / "ledger.db"))) as history:
                assert history.rows("PRAGMA integrity_check", ())[0][0] == "ok"
                assert len(history.events()) in (0, 40)
    home.read()
    assert home.contents() == whole.contents()


@pytest.mark.parametrize("make", [os.mkfifo, lambda path: os.symlink("/dev/zero", path), os.mkdir])
def test_what_is_no_transcript_is_not_read(home: Home, make: Callable[[str], None]) -> None:
    home.write("a.py", CODES[0])
    make(str(home.projects / "bad.jsonl"))
    counts = home.read().counts
    assert (counts["events"], counts["unreadable"]) == (1, 1)


def test_an_agents_calls_are_told_by_those_before(home: Home) -> None:
    """Its transcript holds what was asked for, and not what was there before."""
    home.write("a.py", CODES[0])
    agents = home.projects / "s-1" / "subagents"
    writer = Writer(agents, "agent-x")
    writer.session_id = "s-1"
    meta = agents / "agent-x.meta.json"
    meta.write_text(json.dumps({"agentType": "general-purpose"}))
    path = str(home.work / "a.py")
    expected = []
    before = CODES[0]
    for number, code in enumerate(CODES[1:3], 1):
        writer.fields = {"agentId": "x", "timestamp": when(number), "isSidechain": True,
                         "cwd": str(home.work), "promptId": "p-1"}  # fmt: skip
        given = {"file_path": path, "old_string": before, "new_string": code}
        writer.use(f"agent{number}", "Edit", **given)
        writer.result(f"agent{number}")
        answer = {"originalFile": before, "oldString": before, "newString": code}
        made = payloads.capture(
            {"tool_name": "Edit", "session_id": "s-1", "tool_use_id": f"agent{number}",
             "agent_id": "x", "agent_type": "general-purpose", "tool_input": given,
             "tool_response": answer}, BEGAN,
        )  # fmt: skip
        expected.append(made["event_id"])
        before = code
    writer.use("agent9", "Edit", file_path="/p/unread.py", old_string="x", new_string="y")
    writer.result("agent9")
    counts = home.read().counts
    assert (counts["events"], counts["unreadable"]) == (3, 1)
    with closing(History(str(home.spool / "ledger.db"))) as history:
        assert [one.event_id for one in history.events()][1:] == expected
        found = history.rows("SELECT agent_type FROM revisions WHERE agent_id = 'x'", ())
        assert [row[0] for row in found] == ["general-purpose"] * 2
    assert home.read().counts["known"] == 3


@pytest.mark.parametrize(
    ("command", "is_error", "recorded"),
    [("make", False, 1), ("make", True, 1), ("ls nowhere", True, 2)],
)
def test_nothing_is_guessed_past_a_call_of_the_shell(
    home: Home, command: str, is_error: bool, recorded: int
) -> None:
    """One that failed may have changed any file too."""
    path = home.write("a.py", CODES[0])["tool_input"]["file_path"]
    writer = Writer(home.projects / "s-1" / "subagents", "agent-x")
    writer.session_id = "s-1"
    writer.fields = {"agentId": "x", "timestamp": when(1), "isSidechain": True, "promptId": "p-1"}
    writer.use("agent1", "Bash", command=command)
    writer.result("agent1", is_error=is_error)
    writer.use("agent2", "Edit", file_path=path, old_string="b * 0", new_string="b * 9")
    writer.result("agent2")
    counts = home.read().counts
    assert (counts["events"], counts["unreadable"]) == (recorded, 2 - recorded)


def test_an_edit_that_failed_is_not_guessed_at(home: Home) -> None:
    """As where the agent had not read the file: what it named stood there all the same."""
    path = home.write("a.py", CODES[0])["tool_input"]["file_path"]
    writer = Writer(home.projects / "s-1" / "subagents", "agent-x")
    writer.session_id = "s-1"
    writer.fields = {"agentId": "x", "timestamp": when(1), "isSidechain": True, "promptId": "p-1"}
    writer.use("agent1", "Edit", file_path=path, old_string="b * 0", new_string="b * 9")
    writer.result("agent1", is_error=True)
    assert home.read().counts["events"] == 1


@pytest.mark.parametrize("is_first", [True, False])
def test_what_was_guessed_gives_way_to_what_was_captured(home: Home, is_first: bool) -> None:
    """What a formatter made of a file before an agent's edit its transcript does not tell."""
    first = home.write("a.py", CODES[0])
    path = first["tool_input"]["file_path"]
    writer = Writer(home.projects / "s-1" / "subagents", "agent-x")
    writer.session_id = "s-1"
    writer.fields = {"agentId": "x", "timestamp": when(5), "isSidechain": True, "promptId": "p-1"}
    given = {"file_path": path, "old_string": "b * 0", "new_string": "b * 9"}
    writer.use("agent1", "Edit", **given)
    writer.result("agent1")
    answer = {"originalFile": CODES[4], "oldString": "b * 0", "newString": "b * 9"}
    told = {"tool_name": "Edit", "tool_input": given, "tool_response": answer, "prompt_id": "p-1"}
    second = {**first, **told, "tool_use_id": "agent1", "agent_id": "x"}
    home.payloads = [first, *[second] * 5]
    if is_first:
        home.read()
    home.capture(0)
    home.capture(5)
    home.flush()
    if not is_first:
        home.read()
    assert home.codes() == [CODES[0], CODES[4], CODES[4].replace("b * 0", "b * 9")]
    assert home.read().counts["events"] == 0


def test_what_a_shell_did_is_told_by_the_clients_diff(home: Home) -> None:
    home.write("a.py", CODES[0])
    a, b = str(home.work / "a.py"), str(home.work / "b.py")
    hunk = {"oldStart": 1, "oldLines": 2, "newStart": 1, "newLines": 2,
            "lines": [" def f0(a, b):", "-    return a + b * 0", "+    return b"]}  # fmt: skip
    made = {"oldStart": 0, "oldLines": 0, "newStart": 1, "newLines": 1, "lines": ["+x = 1"]}
    files = [{"filePath": a, "hunks": [hunk]}, {"filePath": b, "hunks": [made], "created": True}]
    diff = {"files": files, "changedFiles": [a, b], "moreFiles": 0}
    home.call("Bash", {"command": "sed -i s/x/y/ a.py"}, {"stdout": "", "bashEditDiff": diff})
    gone = {"files": [{"filePath": b, "hunks": [], "deleted": True}], "moreFiles": 0}
    home.call("Bash", {"command": "rm b.py"}, {"stdout": "", "bashEditDiff": gone})
    assert home.read().counts["events"] == 4
    assert home.codes() == [CODES[0], "def f0(a, b):\n    return b\n", "x = 1\n"]
    found = [(row["actor"], row["change"], row["program"]) for row in home.contents()["revisions"]]
    assert found == [
        ("agent", "created", None), ("shell", "modified", "sed"),
        ("shell", "created", "sed"), ("shell", "deleted", "rm"),
    ]  # fmt: skip


def test_the_end_of_a_file_that_was_captured_is_known_to_an_import(home: Home) -> None:
    path = str(home.work / "a.py")
    home.write("a.py", CODES[0])
    gone = {"files": [{"filePath": path, "hunks": [], "deleted": True}], "moreFiles": 0}
    home.call("Bash", {"command": "rm a.py"}, {"stdout": "", "bashEditDiff": gone})
    for number in range(2):
        home.capture(number, SECOND // 100)
    home.flush()
    live = home.contents()
    made, ended = live["revisions"]
    assert (made["change"], ended["change"]) == ("created", "deleted")
    assert ended["prompt_id"] == made["prompt_id"] == home.payloads[1]["prompt_id"]
    assert ended["tool_use_id"] == "use1"
    found = home.read().counts
    assert (found["events"], found["known"]) == (0, 2)
    shutil.rmtree(home.spool)
    assert home.read().counts["events"] == 2
    assert home.contents()["revisions"] == live["revisions"]


READ = "def area(a, b):\n    return a * b\n\n\n\n\ndef edge(a, b):\n    return a + b\n"
FIRST, LAST = READ.replace("area", "surface"), READ.replace("edge", "rim")
BOTH = LAST.replace("area", "surface")


def test_a_diff_may_begin_with_what_the_client_had_read_before(home: Home) -> None:
    home.write("a.py", READ)
    home.shell("a.py", READ, FIRST)
    home.shell("a.py", READ, BOTH)
    home.shell("a.py", BOTH, LAST)
    home.shell("a.py", FIRST, None)
    home.shell("a.py", READ, CODES[0])
    home.shell("a.py", CODES[0], CODES[1])
    assert home.read().counts["events"] == 7
    assert home.codes() == [READ, FIRST, BOTH, LAST, *CODES[:2]]
    found = [(row["actor"], row["change"]) for row in home.contents()["revisions"]]
    assert found == [
        ("agent", "created"), *[("shell", "modified")] * 3, ("shell", "deleted"),
        ("shell", "created"), ("shell", "modified"),
    ]  # fmt: skip


def test_a_diff_may_begin_with_what_an_edit_found(home: Home) -> None:
    """Others had been there before the edit, which its answer tells."""
    home.write("a.py", CODES[0])
    home.edit("a.py", READ, "area", "surface")
    home.shell("a.py", READ, READ.replace("area", "plane"))
    home.read()
    assert home.codes()[-1] == READ.replace("area", "plane")


# What the client had read before a call of a shell and what came of it, or what a person wrote.
Work = list[tuple[str, str | None]]


@pytest.mark.parametrize("is_written", [True, False])
@pytest.mark.parametrize("is_first", [True, False])
@pytest.mark.parametrize(
    "work",
    [
        [(READ, FIRST), (READ, BOTH)],
        [(READ, FIRST), (READ, None)],
        [(READ, FIRST), ("person", READ), (READ, LAST)],
        [(READ, FIRST), ("person", f"{FIRST}x = 1\n"), (READ, f"{BOTH}x = 1\n")],
        [(READ, FIRST), ("person", f"# one\n{FIRST}"), (FIRST, f"# one\n{BOTH}")],
        [(READ, None), (READ, CODES[0])],
        [(READ, FIRST), (FIRST, READ), (FIRST, LAST)],
    ],
)
def test_what_hooks_told_of_shells_an_import_does_not_tell_again(
    home: Home, work: Work, is_first: bool, is_written: bool
) -> None:
    """Whatever the ledger knew better: what others did, and what the client had but read."""
    path = home.work / "a.py"
    path.write_text(READ)
    made: dict[int, Made] = {}
    if is_written:
        captured: Any = payloads.capture(home.write("a.py", READ), BEGAN)
        made[0] = captured
    for read, code in work:
        if read == "person":
            path.write_text(str(code))
        else:
            made[len(home.payloads)] = home.shell("a.py", read, code)
    if is_first:
        home.read()
    for number, one in made.items():
        home.commit(number, one)
    home.flush()
    live = home.contents()
    assert home.read().counts["events"] == 0
    assert home.contents() == live
    alone = Home(home.home.parent / "alone")
    alone.environ["HOME"] = str(home.home)
    for number, one in made.items():
        alone.commit(number, one)
    alone.flush()
    assert alone.contents()["revisions"] == live["revisions"]


def test_calls_of_shells_with_one_id_stay_two(home: Home) -> None:
    """Clients repeat ids, and so does what was captured when it is put into its order."""
    home.spool.mkdir(mode=0o700)
    for number, (read, code) in enumerate([(READ, FIRST), (FIRST, BOTH)]):
        home.commit(number, {**home.shell("a.py", read, code), "tool_use_id": "use0"})
    home.flush()
    with closing(Ledger(str(home.spool / "ledger.db"))) as ledger:
        replay(ledger.connection)
    assert home.codes()[-2:] == [FIRST, BOTH]


def test_nothing_is_sent_unless_asked_for(
    home: Home, server: ServiceDouble, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    monkeypatch.setitem(os.environ, "INTELLIGENCE_SERVICE_URL", server.url)
    home.write("a.py", CODES[0])
    assert cli.main(["import", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["events"] == 1
    assert not server.events
    home.write("b.py", CODES[1])
    assert cli.main(["import", "--json", "--send"]) == 0
    assert json.loads(capsys.readouterr().out)["sent"] == 1
    assert [one.body["file_path"] for one in server.events] == [str(home.work / "b.py")]


def test_a_dry_run_counts_and_records_nothing(
    home: Home, capsys: pytest.CaptureFixture[str]
) -> None:
    home.write("a.py", CODES[0])
    assert cli.main(["import", "--dry-run"]) == 0
    assert capsys.readouterr().out == (
        "1 events would be recorded, 0 already known; 1 of 1 sessions changed files\n"
    )
    assert not home.spool.exists()
    home.read()
    before = home.contents()
    home.write("b.py", CODES[1])
    assert cli.main(["import", "--dry-run", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["events"], found["known"]) == (1, 1)
    assert home.contents() == before


NOTEBOOK = {"cells": [{"cell_type": "code", "id": "c1", "metadata": {}, "outputs": [],
                       "execution_count": None, "source": "x = 1\n"}],
            "metadata": {}, "nbformat": 4, "nbformat_minor": 5}  # fmt: skip


def session_of(work: Path, tells: bool) -> list[list[tuple[str, Made]]]:
    """A session with all tools that edit, a failing call, calls side by side and an agent's."""
    a, notebook = str(work / "a.py"), str(work / "n.ipynb")
    turns: list[list[tuple[str, Made]]] = [
        [("Write", {"file_path": a, "content": CODES[0]})],
        [("Edit", {"file_path": a, "old_string": "a + b", "new_string": "b + a"})],
        [("Read", {"file_path": notebook})],
        [("NotebookEdit", {"notebook_path": notebook, "cell_id": "c1", "new_source": "x = 2\n"})],
        [("Write", {"file_path": a, "content": f"{CODES[0]}# done\n"})],
        [("Edit", {"file_path": a, "old_string": "nowhere", "new_string": "y"})],
        [("Write", {"file_path": str(work / f"{n}.py"), "content": CODES[n]}) for n in (1, 2)],
    ]
    if tells:
        command = "sed -i 's/def f1/def g1/' 1.py && mv 2.py 4.py && rm 4.py"
        turns.append([("Bash", {"command": command, "description": "x"})])
    agent = {"description": "sub", "prompt": "do it", "subagent_type": "general-purpose"}
    return [*turns, [("Task", agent)]]


@pytest.mark.client
@pytest.mark.parametrize("which", few(["npm's", "newest", "newest with diffs"]))
@pytest.mark.usefixtures("client")
def test_the_real_clients_transcripts_make_the_ledger_that_its_hooks_made(
    which: str, installed_home: Path, tmp_path: Path
) -> None:
    client = CLIENT if which == "npm's" else NEWEST_CLIENT
    if not client.exists():
        name = client.relative_to(ROOT).parts[1]
        pytest.skip(f"npm install --prefix .cache/{name} @anthropic-ai/claude-code@latest")
    config = tmp_path / "config"
    left_out = shutil.ignore_patterns("hooks", "projects")
    shutil.copytree(installed_home / ".claude", config, ignore=left_out)
    bundle = Bundle(installed_home, installed_home / ".claude" / "hooks" / "pattern-tracker")
    bundle.spool = tmp_path / "spool"
    bundle.environ |= {"PATTERN_CACHE_DIR": str(bundle.spool), "CLAUDE_CONFIG_DIR": str(config)}
    work = tmp_path / "work"
    work.mkdir()
    subprocess.run(["git", "init", "-q"], cwd=work, check=True)
    (work / "n.ipynb").write_text(json.dumps(NOTEBOOK))
    tells = which.endswith("diffs")
    options = ("--settings", json.dumps({"bashEditDiffEnabled": tells}))
    done = bundle.claude(session_of(work, tells), work, *options, client=client)
    assert done.returncode == 0, done.stdout
    bundle.wait_delivered()
    live = untimed(bundle.spool)
    told = bundle.json("import")
    assert untimed(bundle.spool) == live
    # What an agent's shell did its transcript does not tell, and so not what was there after it.
    assert tells or (told["events"], told["excluded"]) == (0, 0)
    bundle.spool = tmp_path / "other"
    bundle.environ["PATTERN_CACHE_DIR"] = str(bundle.spool)
    again = bundle.json("import")
    assert again["events"] + again["known"] == told["known"]
    assert untimed(bundle.spool) == live


# When it was captured, and how it is known what it changed.
_NOT_TOLD = ("timestamp", "first_seen", "told")


def untimed(spool: Path) -> dict[str, list[Made]]:
    """What a ledger says without times: a transcript has those of the results."""
    found = contents(spool / "ledger.db")
    found["sums"] = [row for row in found["sums"] if row["name"] != "since"]
    return {
        table: [
            {name: value for name, value in row.items() if name not in _NOT_TOLD} for row in rows
        ]
        for table, rows in found.items()
    }


@pytest.mark.parametrize("place", ["project", "user"])
def test_what_settings_turn_down_is_not_imported(home: Home, place: str) -> None:
    """Its hooks were told so by their environment; an import asks the settings."""
    directory = {"project": home.work, "user": home.home}[place] / ".claude"
    directory.mkdir(parents=True, exist_ok=True)

    def turn_down(**variables: str) -> None:
        (directory / "settings.json").write_text(json.dumps({"env": variables}))

    home.write("a.py", f"secret = {CODES[0]!r}\n")
    turn_down(PATTERN_TRACKING_ENABLED="false")
    counts = home.read().counts
    assert (counts["events"], counts["excluded"]) == (0, 1)
    turn_down(PATTERN_TRACKING_CONTENT="none", PATTERN_TRACKING_PROMPTS="none")
    assert home.read().counts["events"] == 1
    assert [code for code in home.codes() if code] == []
    with closing(History(str(home.spool / "ledger.db"))) as history:
        assert history.rows("SELECT text FROM prompts WHERE text NOT NULL", ()) == []


def test_what_cannot_be_understood_turns_down_what_it_names(home: Home) -> None:
    (home.work / ".claude").mkdir()
    (home.work / ".claude" / "settings.local.json").write_text(
        '{"env": {"PATTERN_TRACKING_CONTENT"'
    )
    home.write("a.py", CODES[0])
    assert home.read().counts["events"] == 1
    assert [code for code in home.codes() if code] == []


def test_what_was_forgotten_is_not_brought_back(home: Home) -> None:
    home.write("a.py", CODES[0])
    home.read()
    with closing(History(str(home.spool / "ledger.db"))) as history:
        found = forget(history.connection, Forget(path=str(home.work / "a.py")))
        assert found.code == 1
        assert forget(history.connection, Forget(session_id="s-1")).prompts == 1
    assert home.read().counts["events"] == 0
    assert [code for code in home.codes() if code] == []
    with closing(History(str(home.spool / "ledger.db"))) as history:
        assert history.rows("SELECT text FROM prompts WHERE text NOT NULL", ()) == []
