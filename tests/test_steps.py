"""The steps of files: whatever agent, shells and others do, each file's chain is whole."""

import json
import os
import sqlite3
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
from lib.flusher.process import Flusher
from lib.flusher.sightings import KEPT_SECONDS, PREFIX, Sightings
from lib.ledger import revisions
from lib.ledger.history import History
from lib.ledger.revisions import AGENT, OUTSIDE, SHELL
from lib.ledger.ways import EDGES
from lib.spool import inbox
from lib.system.settings import Settings
from tests.support.bundle import payload, write_payload
from tests.support.diffs import hunks_of
from tests.support.service_double import ServiceDouble

pytestmark = pytest.mark.usefixtures("exact_times")
# A client waits for the hook of one call before it makes the next: in one session order is told.
SESSION = "one"
NAMES = ["a.py", "b.py", "sub/c.py"]
CODES = [f"def f{n}(a, b):\n    return a + b * {n}\n" for n in range(4)]
CODES += [CODES[0].replace("a + b", "a  +  b"), f"# note\n{CODES[1]}", "", "\n"]


class Project:
    """A project with a spool, and what was done in it by whom: (path, content) by actor."""

    def __init__(self, where: Path, service_url: str = "") -> None:
        self.service_url = service_url
        self.root = where / "project"
        self.spool = str(where / "spool")
        (self.root / "sub").mkdir(parents=True)
        (self.root / ".git").mkdir()
        os.mkdir(self.spool, 0o700)
        self.done: dict[str, set[tuple[str, str | None]]] = {AGENT: set(), SHELL: set()}
        self._uses = 0

    def path(self, name: str) -> Path:
        return self.root / name

    def held(self, name: str) -> str | None:
        path = self.path(name)
        return path.read_text() if path.exists() else None

    def write(self, name: str, code: str) -> None:
        self.path(name).parent.mkdir(exist_ok=True)
        self.path(name).write_text(code)

    def agent(self, name: str, code: str) -> None:
        before = self.held(name)
        self.write(name, code)
        self.done[AGENT].add((name, code))
        self._uses += 1
        made = write_payload(str(self.path(name)), code, f"use{self._uses}", before)
        if before is not None:
            made["tool_response"] = {"type": "update", "originalFile": before}
        made |= {"cwd": str(self.root), "session_id": SESSION}
        self._commit(payloads.capture(made, time.time_ns()))

    def shell(
        self, command: str, changes: dict[str, str | None], tells: bool, keeps: bool = True,
        amid: Callable[[], None] = lambda: None, read: dict[str, str] | None = None,
    ) -> None:  # fmt: skip
        """Let a shell change files to `changes` (None: gone); the client `tells` which, or not.

        `keeps`: the session keeps code. `amid` is called while the shell runs. `read`: what the
        client begins its diff with, where that is not what was there.
        """
        began_ns = self._tick()
        before = {name: self.held(name) for name in changes}
        amid()
        for name, code in changes.items():
            self.done[SHELL].add((name, code))
            if code is None:
                self.path(name).unlink(missing_ok=True)
            else:
                self.write(name, code)
        self._tick()
        ended_ns = time.time_ns()
        response: dict[str, Any] = {"stdout": ""}
        begin = {**before, **(read or {})}
        changed = {name: code for name, code in changes.items() if code != begin[name]}
        if tells and changed:
            response["bashEditDiff"] = self._told(begin, changed)
        self._uses += 1
        made = payload(
            "22-bash-nodiff.post", cwd=str(self.root), tool_input={"command": command},
            tool_response=response, tool_use_id=f"use{self._uses}", session_id=SESSION,
            # One more, for a fraction may be told too small.
            duration_ms=(ended_ns - began_ns + 1) / 1e6,
        )  # fmt: skip
        self._commit(shell.capture(made, ended_ns, "", keeps))
        self._tick()

    def _told(self, before: dict[str, str | None], changed: dict[str, str | None]) -> Any:
        files = []
        for name, code in changed.items():
            file: dict[str, Any] = {"filePath": str(self.path(name)), "hunks": []}
            old, new = ((text or "").splitlines() for text in (before[name], code))
            file["hunks"] = hunks_of(old, new)
            if before[name] is None or code is None:
                file["created" if code is not None else "deleted"] = True
            files.append(file)
        return {"files": files, "moreFiles": 0, "changedFiles": [f["filePath"] for f in files]}

    def _tick(self) -> int:
        """Wait until files get another date than before; return it."""
        mark = self.root.parent / "mark"
        mark.touch()
        before = mark.stat().st_ctime_ns
        while mark.stat().st_ctime_ns == before:
            mark.touch()
        return mark.stat().st_ctime_ns

    def _commit(self, event: dict[str, Any]) -> None:
        event["service_url"] = self.service_url
        inbox.commit(self.spool, event, time.time_ns(), sync=False)

    def flush(self) -> None:
        environ = {"PATTERN_CACHE_DIR": self.spool, "HOME": str(self.root.parent)}
        self._flusher = flusher = Flusher(self.spool, Settings(environ))
        log = Path(self.spool, "flusher.log")
        assert flusher.run_once(5.0), log.exists() and log.read_text()

    def see(self) -> None:
        """Look at the files as a flusher does that waits for more events."""
        self._flusher._sightings.look()
        self._tick()

    def leave(self, name: str, code: str) -> None:
        """Let a file hold something, and the flusher see that."""
        self.write(name, code)
        self.see()

    def chain(self, name: str) -> list[sqlite3.Row]:
        """The revisions of a file, oldest first, with their code."""
        db = sqlite3.connect(f"{self.spool}/ledger.db")
        db.row_factory = sqlite3.Row
        try:
            query = (
                "SELECT r.* FROM revisions r JOIN files f ON f.file_id = r.file_id "
                "WHERE path = ? ORDER BY revision_id"
            )
            return db.execute(query, (str(self.path(name)),)).fetchall()
        finally:
            db.close()

    def code(self, digest: str | None) -> str | None:
        with closing(History(f"{self.spool}/ledger.db")) as history:
            return history.snapshot(digest)


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    monkeypatch.setattr(os, "environ", {**os.environ, "HOME": str(tmp_path)})
    return Project(tmp_path)


def told(project: Project, name: str) -> list[tuple[str, str, str | None]]:
    return [(row["actor"], row["change"], project.code(row["snapshot"])) for row in
            project.chain(name)]  # fmt: skip


OLD, NEW, LAST = CODES[:3]


def test_a_formatter_cuts_no_chain(project: Project) -> None:
    project.agent("a.py", OLD)
    project.write("a.py", CODES[4])
    project.agent("a.py", NEW)
    project.flush()
    assert told(project, "a.py") == [
        (AGENT, "created", OLD), (OUTSIDE, "modified", CODES[4]), (AGENT, "modified", NEW),
    ]  # fmt: skip


@pytest.mark.parametrize("tells", [True, False])
def test_what_a_shell_wrote_is_the_shells(project: Project, tells: bool) -> None:
    project.agent("a.py", OLD)
    project.shell("sed -i s/0/1/ a.py", {"a.py": NEW}, tells)
    project.shell("mv a.py b.py", {"b.py": NEW, "a.py": None}, tells)
    project.shell("cp b.py sub/c.py", {"sub/c.py": NEW}, tells)
    project.flush()
    assert told(project, "a.py") == [
        (AGENT, "created", OLD), (SHELL, "modified", NEW), (SHELL, "deleted", None),
    ]  # fmt: skip
    assert told(project, "b.py") == [(SHELL, "moved", NEW)]
    assert told(project, "sub/c.py") == [(SHELL, "copied", NEW)]


def test_what_the_command_does_not_name_is_found_by_looking(project: Project) -> None:
    project.agent("a.py", OLD)
    project.agent("sub/c.py", OLD)
    project.shell("make", {"a.py": None, "sub/c.py": NEW, "b.py": LAST, "new/d.py": LAST}, False)
    project.flush()
    assert told(project, "a.py")[-1] == (SHELL, "deleted", None)
    assert told(project, "sub/c.py")[-1] == (SHELL, "modified", NEW)
    assert told(project, "b.py")[-1][::2] == (SHELL, LAST)
    assert told(project, "new/d.py")[-1][::2] == (SHELL, LAST)


@pytest.mark.parametrize("tells", [True, False])
def test_the_end_of_a_file_has_its_prompt_and_its_call(project: Project, tells: bool) -> None:
    """Those of whoever ended it: others did it for no prompt of the session."""
    for name in NAMES:
        project.agent(name, OLD)
    project.flush()
    project.shell("rm a.py; touch b.py", {"a.py": None, "b.py": NEW}, tells)
    project.flush()
    project.shell("sed -i s/0/1/ b.py", {"b.py": LAST, "sub/c.py": None}, False)
    project.flush()
    ended, changed, theirs = (project.chain(name) for name in NAMES)
    assert [row["change"] for row in (ended[-1], theirs[-1])] == ["deleted", "deleted"]
    for name in ("session_id", "prompt_id", "tool_use_id"):
        assert ended[-1][name] == changed[1][name] is not None
        assert theirs[-1][name] is None
    assert (theirs[-1]["actor"], changed[-1]["prompt_id"]) == (OUTSIDE, ended[-1]["prompt_id"])


def test_what_others_did_before_a_call_is_not_the_shells(project: Project) -> None:
    project.agent("a.py", OLD)
    project.agent("b.py", OLD)
    project.shell("true; touch x", {}, False)
    project.flush()
    project.write("a.py", NEW)
    project.shell("sed -i s/0/1/ b.py", {"b.py": LAST}, False)
    project.flush()
    assert told(project, "a.py")[-1] == (OUTSIDE, "modified", NEW)
    assert told(project, "b.py")[-1] == (SHELL, "modified", LAST)
    asked = "SELECT tool_name, session_id, actor FROM events ORDER BY seq DESC LIMIT 2"
    with closing(History(f"{project.spool}/ledger.db")) as history:
        rows = {tuple(row) for row in history.rows(asked, ())}
    assert (None, None, OUTSIDE) in rows
    assert project.chain("a.py")[-1]["program"] is None
    assert project.chain("b.py")[-1]["program"] == "sed"


@pytest.mark.parametrize("program", ["rm", "git rm -q", "mv -t sub"])
def test_a_file_is_ended_by_the_call_that_names_it_whatever_changes_later(
    project: Project, program: str
) -> None:
    """The flusher comes when later calls are over: what they did says nothing of those before."""
    project.agent("a.py", OLD)
    project.flush()
    project.shell("make", {"other.py": NEW}, False)
    project.shell(f"{program} a.py", {"a.py": None}, False)
    project.shell("cargo build", {"last.py": LAST}, False)
    project.flush()
    ended = project.chain("a.py")[-1]
    assert (ended["actor"], ended["change"]) == (SHELL, "deleted")
    assert (ended["program"], ended["tool_use_id"]) == (program.split(maxsplit=1)[0], "use3")


def test_whose_the_end_of_a_file_is_may_be_told_by_a_later_look(project: Project) -> None:
    project.agent("a.py", OLD)
    project.flush()
    project.shell("make", {"b.py": NEW}, False)
    project.path("a.py").unlink()
    project.flush()
    assert told(project, "a.py") == [(AGENT, "created", OLD)]
    project._tick()
    project.shell("sed -i s/1/2/ b.py", {"b.py": LAST}, False)
    project.flush()
    assert told(project, "a.py")[1:] == [(OUTSIDE, "deleted", None)]


def test_the_first_look_finds_what_files_became_before_it(project: Project) -> None:
    """A client is killed right after its edit: no hook tells of that."""
    project.agent("a.py", OLD)
    project.flush()
    project.write("a.py", NEW)
    # What is new is not looked for: it may be a whole project that was fetched just now.
    project.write("fetched.py", NEW)
    project._tick()
    project.shell("true; touch x", {}, False)
    project.flush()
    assert told(project, "a.py") == [(AGENT, "created", OLD), (OUTSIDE, "modified", NEW)]
    assert told(project, "fetched.py") == []


def test_what_a_formatter_left_before_a_shell_came_is_seen(project: Project) -> None:
    project.agent("a.py", OLD)
    project.flush()
    project.write("a.py", CODES[4])
    project.see()
    project.shell("sed -i s/0/1/ a.py", {"a.py": NEW}, False)
    project.flush()
    assert told(project, "a.py")[1:] == [
        (OUTSIDE, "modified", CODES[4]), (SHELL, "modified", NEW)]  # fmt: skip


@pytest.mark.parametrize("tells", [True, False])
def test_what_a_file_held_amid_a_call_is_no_step(project: Project, tells: bool) -> None:
    """As `git stash && make && git stash pop` leaves it for a while."""
    project.agent("a.py", NEW)
    project.flush()
    project.shell("git stash", {"a.py": NEW, "b.py": OLD}, tells,
                  amid=lambda: project.leave("a.py", OLD))  # fmt: skip
    project.flush()
    project.shell("sed -i s/1/2/ a.py", {"a.py": LAST}, False)
    project.flush()
    assert told(project, "a.py") == [(AGENT, "created", NEW), (SHELL, "modified", LAST)]


def test_what_a_call_leaves_is_its_own_step_though_it_was_seen(project: Project) -> None:
    project.agent("a.py", OLD)
    project.flush()
    project.shell("git checkout", {"a.py": NEW}, False, amid=lambda: project.leave("a.py", NEW))
    project.see()
    project.flush()
    project.shell("sed -i s/1/2/ a.py", {"a.py": LAST}, False)
    project.flush()
    assert told(project, "a.py")[1:] == [(SHELL, "modified", NEW), (SHELL, "modified", LAST)]


def test_what_others_leave_amid_a_call_is_theirs_while_it_stands(project: Project) -> None:
    """The client tells that the call changed another file alone."""
    project.agent("a.py", OLD)
    project.flush()
    project.shell("make", {"b.py": OLD}, True, amid=lambda: project.leave("a.py", NEW))
    project.flush()
    project.shell("sed -i s/1/2/ a.py", {"a.py": LAST}, False)
    project.flush()
    assert told(project, "a.py")[1:] == [
        (OUTSIDE, "modified", NEW), (SHELL, "modified", LAST)]  # fmt: skip


def test_what_is_as_recorded_again_is_no_step(project: Project) -> None:
    """Seen so before a call began; a call that undid it itself did not begin with that."""
    project.agent("a.py", OLD)
    project.agent("b.py", OLD)
    project.flush()
    for name in ("a.py", "b.py"):
        project.leave(name, CODES[4])
    project.leave("a.py", OLD)
    began_ns = project._tick()
    project.leave("b.py", OLD)
    seen = project._flusher._sightings
    paths = [str(project.path(name)) for name in ("a.py", "b.py")]
    assert [seen.before(path, began_ns) is None for path in paths] == [True, False]
    project.shell("sed -i s/0/1/ a.py", {"a.py": NEW}, False)
    project.flush()
    assert told(project, "a.py")[1:] == [(SHELL, "modified", NEW)]


def test_what_stands_at_the_end_of_one_call_may_be_over_at_the_end_of_another(
    project: Project,
) -> None:
    project.agent("a.py", OLD)
    project.flush()
    before, seen = project._tick(), project._flusher._sightings
    seen.settle(before, before)
    project.leave("a.py", NEW)
    path, amid = str(project.path("a.py")), project._tick()
    seen.settle(before, amid)
    assert seen.before(path, amid) is not None
    project.write("a.py", LAST)
    after = project._tick()
    seen.settle(amid, after)
    assert seen.before(path, after) is not None
    seen.settle(before, after)
    assert seen.before(path, after) is None
    assert not [name for name in os.listdir(project.spool) if name.startswith(PREFIX)]


@pytest.mark.parametrize(
    "seen",
    ["[1]", "[{}]", '[{"changed_ns": "1", "event": {}}]', "[" * 99_999],
)
def test_a_sighting_that_is_none_holds_up_nothing(project: Project, seen: str) -> None:
    """Those of all files are read at each call of the shell."""
    project.agent("a.py", OLD)
    project.flush()
    Path(project.spool, f"{PREFIX}0.json").write_text(f'{{"path": "/a.py", "seen": {seen}}}')
    project.shell("sed -i s/0/1/ a.py", {"a.py": NEW}, False)
    project.flush()
    assert told(project, "a.py")[1:] == [(SHELL, "modified", NEW)]


@pytest.mark.parametrize("tells", [True, False])
@pytest.mark.parametrize(
    ("command", "whose"), [("sed -i s/0/1/ a.py", OUTSIDE), ("sed -i s/0/1/ *.py", SHELL)]
)
def test_what_a_command_cannot_have_done_others_did(
    project: Project, tells: bool, command: str, whose: str
) -> None:
    """A person merges while the agent's shell is at another file."""
    for name in ("a.py", "b.py", "c.py"):
        project.agent(name, OLD)
    project.flush()
    project.shell(command, {"a.py": NEW, "b.py": NEW, "c.py": None}, tells)
    project.flush()
    assert told(project, "a.py")[1:] == [(SHELL, "modified", NEW)]
    assert told(project, "b.py")[1:] == [(whose, "modified", NEW)]
    # A program that ends no file ended none of those either that the `*` may stand for.
    assert told(project, "c.py")[1:] == [(OUTSIDE, "deleted", None)]


@pytest.mark.parametrize("tells", [True, False])
@pytest.mark.parametrize(
    ("command", "whose"),
    [("cp a.py c.py", OUTSIDE), ("mv c.py d.py", OUTSIDE), ("rm ./x.py", OUTSIDE),
     ("rm b.py", SHELL), ("sh clean.sh", SHELL), ("rm ../project/b.py", SHELL)],
)  # fmt: skip
def test_who_removed_a_file_is_told_by_what_the_command_can_end(
    project: Project, tells: bool, command: str, whose: str
) -> None:
    """A person did before the call, and then it changed names in the same directory."""
    project.agent("a.py", OLD)
    project.agent("b.py", OLD)
    project.flush()
    project.shell(command, {"b.py": None, "c.py": NEW}, tells)
    project.flush()
    assert told(project, "b.py")[1:] == [(whose, "deleted", None)]


@pytest.mark.parametrize(
    ("command", "whose"), [("sed -i s/0/1/ a.py b.py", SHELL), ("cp a.py b.py", OUTSIDE)]
)
def test_what_a_late_hook_names_is_the_shells_where_it_can_be_no_others(
    project: Project, monkeypatch: pytest.MonkeyPatch, command: str, whose: str
) -> None:
    project.agent("a.py", OLD)
    project.agent("b.py", OLD)
    project.flush()
    project.write("b.py", NEW)
    monkeypatch.setattr(shell, "LATE_NS", 10**11)
    project.shell(command, {}, False)
    project.flush()
    assert told(project, "a.py") == [(AGENT, "created", OLD)]
    assert told(project, "b.py")[1:] == [(whose, "modified", NEW)]


@pytest.mark.parametrize("tells", [True, False])
def test_a_session_that_keeps_no_code_keeps_none_of_what_others_did(
    project: Project, tells: bool
) -> None:
    project.agent("a.py", OLD)
    project.flush()
    project.write("a.py", CODES[4])
    project.see()
    project.shell("sed -i s/0/1/ a.py", {"a.py": NEW}, tells, keeps=False)
    project.flush()
    assert told(project, "a.py")[1:] == [(OUTSIDE, "modified", None), (SHELL, "modified", None)]


def test_what_was_seen_before_the_agent_wrote_is_over(project: Project) -> None:
    project.agent("a.py", OLD)
    project.flush()
    project.write("a.py", CODES[4])
    project.see()
    project.agent("a.py", NEW)
    project.flush()
    project.shell("sed -i s/0/1/ a.py", {"a.py": LAST}, False)
    project.flush()
    assert told(project, "a.py")[1:] == [
        (OUTSIDE, "modified", CODES[4]), (AGENT, "modified", NEW), (SHELL, "modified", LAST),
    ]  # fmt: skip


def test_what_was_seen_long_ago_is_removed(project: Project) -> None:
    now = time.time()
    old, new = (Path(project.spool, f"{PREFIX}{name}.json") for name in ("old", "new"))
    for file, age in ((old, KEPT_SECONDS + 60), (new, KEPT_SECONDS - 60)):
        file.touch()
        os.utime(file, (now - age, now - age))
    Sightings(project.spool).sweep()
    assert (old.exists(), new.exists()) == (False, True)


def test_a_file_that_others_make_again_is_created(project: Project) -> None:
    project.agent("a.py", OLD)
    project.shell("rm a.py", {"a.py": None}, True)
    project.write("a.py", NEW)
    project.agent("a.py", LAST)
    project.flush()
    assert told(project, "a.py")[1:] == [
        (SHELL, "deleted", None), (OUTSIDE, "created", NEW), (AGENT, "modified", LAST),
    ]  # fmt: skip


def test_a_file_that_somebody_removed_has_ended_before_the_agent_makes_it(
    project: Project,
) -> None:
    project.agent("a.py", OLD)
    project.agent("empty.py", "")
    project.path("a.py").unlink()
    project.path("empty.py").unlink()
    project.agent("a.py", NEW)
    project.agent("a.py", LAST)
    project.agent("empty.py", OLD)
    project.flush()
    ended = [(OUTSIDE, "deleted", None), (AGENT, "created", NEW), (AGENT, "modified", LAST)]
    assert told(project, "a.py")[1:] == ended
    assert told(project, "empty.py")[1:] == [(AGENT, "modified", OLD)]


def test_what_others_did_before_a_file_ended_is_theirs(project: Project) -> None:
    project.agent("a.py", OLD)
    project.write("a.py", NEW)
    project.shell("mv a.py b.py", {"b.py": NEW, "a.py": None}, True)
    project.flush()
    assert told(project, "a.py")[1:] == [
        (OUTSIDE, "modified", NEW), (SHELL, "deleted", None)]  # fmt: skip
    assert told(project, "b.py") == [(SHELL, "moved", NEW)]


def test_what_the_clients_hunks_show_of_others_is_theirs(project: Project) -> None:
    project.agent("a.py", OLD)
    project.write("a.py", NEW)
    project.shell("sed -i s/1/2/ a.py", {"a.py": LAST}, True)
    project.flush()
    assert told(project, "a.py")[1:] == [
        (OUTSIDE, "modified", NEW), (SHELL, "modified", LAST)]  # fmt: skip


def test_the_service_gets_every_step_with_its_parents(
    tmp_path: Path, server: ServiceDouble
) -> None:
    project = Project(tmp_path, server.url)
    project.agent("a.py", OLD)
    project.write("a.py", CODES[4])
    project.agent("a.py", NEW)
    project.shell("sed -i s/1/2/ a.py", {"a.py": LAST}, False)
    project.write("a.py", CODES[3])
    project.shell("mv a.py b.py", {"b.py": CODES[3], "a.py": None}, True)
    project.flush()
    with closing(History(f"{project.spool}/ledger.db")) as history:
        rows = history.rows(f"SELECT parent_id, child_id FROM {EDGES}", ())
    told = {(edge.parent.pattern_id, edge.child.pattern_id) for edge in server.edges}
    assert {tuple(row) for row in rows} == told
    assert len(told) == 4
    kinds = [(e.body["triggered_by"], e.body["tool_name"], e.body["reason"]) for e in server.events]
    assert ("outside", None, "format") in kinds
    assert kinds.count(("claude-code", "Bash", None)) == 2


def test_many_files_of_one_call_are_one_line(
    project: Project, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """As after `git checkout`; programs get all of them."""
    project.agent("a.py", OLD)
    changes: dict[str, str | None] = {f"f{n}.py": CODES[n % 4] + f"x = {n}\n" for n in range(20)}
    project.shell("git checkout other", changes, False)
    project.flush()
    monkeypatch.setenv("PATTERN_CACHE_DIR", project.spool)
    assert cli.main(["log"]) == 0
    (first, second) = capsys.readouterr().out.splitlines()
    assert "a.py" in first
    assert ("shell" in second, "20 files" in second) == (True, True)
    assert cli.main(["log", "--json"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 21


def test_steps_are_counted_by_who_made_them(
    project: Project, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    project.agent("a.py", OLD)
    project.write("a.py", CODES[4])
    project.agent("a.py", NEW)
    project.agent("a.py", f"# note\n{NEW}")
    project.shell("sed -i s/1/2/ a.py", {"a.py": LAST}, True)
    project.shell("mv a.py b.py", {"b.py": LAST, "a.py": None}, True)
    project.write("sub/c.py", CODES[3])
    project.agent("sub/c.py", NEW)
    project.flush()
    wanted = {"agent": 4, "shell": 3, "outside": 1, "undo": 0, "format": 1, "unchanged": 1}
    monkeypatch.setenv("PATTERN_CACHE_DIR", project.spool)
    monkeypatch.delenv("COLUMNS", raising=False)
    line = "4 by the agent, 3 by shells, 1 outside; 1 of layout alone"
    for verb, shown in (("stats", f"steps: {line}; 1 call changed no code"), ("status", line)):
        assert cli.main([verb, "--json"]) == 0
        assert json.loads(capsys.readouterr().out)["steps"] == wanted
        assert cli.main([verb]) == 0
        assert shown in capsys.readouterr().out
    assert counted(project) == counted_anew(project) == wanted


def counted(project: Project) -> dict[str, int]:
    with closing(History(f"{project.spool}/ledger.db")) as history:
        return history.steps()


def counted_anew(project: Project) -> dict[str, int]:
    """How many steps are whose, by the steps themselves."""
    with closing(History(f"{project.spool}/ledger.db")) as history:
        revisions.count_steps(history.connection)
        return history.steps()


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("agent"), st.sampled_from(NAMES), st.sampled_from(CODES)),
        st.tuples(st.just("outside"), st.sampled_from(NAMES), st.sampled_from(CODES)),
        st.tuples(st.just("tee"), st.sampled_from(NAMES), st.sampled_from(CODES)),
        st.tuples(st.just("rm"), st.sampled_from(NAMES), st.just("")),
        st.tuples(st.just("vanish"), st.sampled_from(NAMES), st.just("")),
        st.tuples(st.just("mv"), st.sampled_from(NAMES), st.sampled_from(NAMES)),
        st.tuples(st.just("cp"), st.sampled_from(NAMES), st.sampled_from(NAMES)),
        st.tuples(st.just("flush"), st.just(""), st.just("")),
    ),
    max_size=12,
)


@settings(max_examples=40)
@given(STEPS, st.booleans())
def test_every_chain_is_whole_and_nobody_is_called_another(
    steps: list[tuple[str, str, str]], tells: bool
) -> None:
    with tempfile.TemporaryDirectory() as scratch:
        project = Project(Path(scratch))
        last: dict[str, str] = {}
        for step, name, other in steps:
            last |= play(project, step, name, other, tells)
        project.flush()
        if os.path.exists(f"{project.spool}/ledger.db"):
            for name in NAMES:
                check(project, name, last.get(name) != OUTSIDE)
            assert counted(project) == counted_anew(project)


def play(project: Project, step: str, name: str, other: str, tells: bool) -> dict[str, str]:
    """Do a step; who changed which files by it."""
    held = project.held(name) if name else None
    if step == "flush":
        project.flush()
    elif step == "agent":
        project.agent(name, other)
        return {name: AGENT}
    elif step == "outside":
        project.write(name, other)
        return {name: OUTSIDE}
    elif step == "vanish" and held is not None:
        project.path(name).unlink()
        return {name: OUTSIDE}
    else:
        changes = changes_by(step, name, other, held)
        # A client that tells tells only of what became another by the call.
        told = {n: code for n, code in changes.items() if not tells or code != project.held(n)}
        if changes:
            project.shell(f"{step} {name} {other if other in NAMES else ''}", changes, tells)
        return dict.fromkeys(told, SHELL)
    return {}


def changes_by(step: str, name: str, other: str, held: str | None) -> dict[str, str | None]:
    """What a shell makes of which files."""
    if step == "tee":
        return {name: other}
    if held is None or name == other:
        return {}
    changes: dict[str, dict[str, str | None]] = {
        "rm": {name: None}, "cp": {other: held}, "mv": {other: held, name: None},
    }  # fmt: skip
    return changes.get(step, {})


def check(project: Project, name: str, is_recorded: bool) -> None:
    rows = project.chain(name)
    assert [row["parent"] for row in rows] == [None, *(row["revision_id"] for row in rows)][
        : len(rows)
    ]
    for row in rows:
        code = project.code(row["snapshot"])
        if row["actor"] in project.done and row["change"] != "deleted":
            assert (name, code) in project.done[row["actor"]], (row["actor"], code)
    if rows and is_recorded:
        last = None if rows[-1]["change"] == "deleted" else project.code(rows[-1]["snapshot"])
        assert last == project.held(name)
