"""What the client takes back at its /rewind: its transcript tells, and copies of the files."""

import json
import time
from contextlib import closing
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest

from lib.capture import payload
from lib.flusher.importing import Chosen, Importer
from lib.flusher.process import Flusher
from lib.ledger.history import History
from lib.ledger.steps import steps_of
from lib.spool import inbox
from lib.system.settings import Settings
from lib.transcripts import news
from lib.transcripts import undone as undone_files
from lib.transcripts.past import sessions
from tests.support.bundle import write_payload
from tests.support.transcripts import Writer

SESSION = "s-1"
ONE, TWO, THREE = (f"value = {n}\n" for n in (1, 2, 3))
Step = tuple[str, str, str | None]


def now() -> str:
    return datetime.now(timezone.utc).isoformat(timespec="microseconds").replace("+00:00", "Z")


class Session:
    """A session whose client keeps copies of the file that it changes."""

    def __init__(self, where: Path) -> None:
        self.config = where / "home" / ".claude"
        self.work, self.spool = where / "work", where / "spool"
        self.copies = self.config / "file-history" / SESSION
        for directory in (self.work, self.spool, self.copies):
            directory.mkdir(parents=True, mode=0o700)
        self.writer = Writer(self.config / "projects" / "-work", SESSION)
        self.file = self.work / "a.py"
        self._settings = Settings({"HOME": str(where / "home")})
        self._uses = 0
        self._version = 0

    def ask(self, code: str | None, parent: str | None = "", name: str = "") -> str | None:
        """Ask something, while the file holds `code`; the parent of the prompt.

        `name`: of the copy that the client had made before, where it needs no other.
        """
        before = self.writer._parent
        if parent != "":
            self.writer._parent = parent
        self.writer.fields = {"timestamp": now(), "cwd": str(self.work)}
        parent = self.writer._parent
        uuid = self.writer.line("user", {"role": "user", "content": "go"}, promptId=now())["uuid"]
        self.snapshot(uuid, code, name)
        return before if parent == "" else parent

    def begin(self) -> str | None:
        """Make the file, and change it after another prompt; the parent of that prompt."""
        self.ask(None)
        self.write(ONE, None)
        parent = self.ask(ONE)
        self.write(TWO, ONE)
        return parent

    def snapshot(self, uuid: str, code: str | None, name: str = "") -> None:
        self._version += 1
        made = name or (None if code is None else f"a1b2@v{self._version}")
        if code is not None and not name:
            (self.copies / str(made)).write_text(code)
        copy = {"backupFileName": made, "version": self._version, "backupTime": now()}
        told = {"messageId": uuid, "trackedFileBackups": {"a.py": copy}, "timestamp": now()}
        self.writer.add(
            {"type": "file-history-snapshot", "messageId": uuid, "snapshot": told,
             "isSnapshotUpdate": False}
        )  # fmt: skip

    def write(self, code: str, before: str | None) -> None:
        """Let the agent write the file, whose hook is in time."""
        self._uses += 1
        self.file.write_text(code)
        given = {"file_path": str(self.file), "content": code}
        answer = {"type": "update" if before else "create", **given, "originalFile": before}
        self.writer.fields["timestamp"] = now()
        self.writer.use(f"use{self._uses}", **given)
        self.writer.fields["timestamp"] = now()
        self.writer.result(f"use{self._uses}", answer)
        told = {
            "session_id": SESSION, "cwd": str(self.work), "tool_name": "Write",
            "transcript_path": str(self.writer.path), "tool_use_id": f"use{self._uses}",
            "tool_input": given, "tool_response": answer,
        }  # fmt: skip
        self.commit(payload.capture(told, time.time_ns()))

    def commit(self, made: dict[str, Any]) -> None:
        inbox.commit(str(self.spool), made, time.time_ns(), sync=False)

    def outside(self, code: str) -> None:
        """Let somebody's look at the disk tell what the file holds."""
        made: Any = payload.event_of(
            payload.Change(str(self.file), code, None, before_known=False), {}, time.time_ns()
        )
        self.commit({**made, "actor": "outside"})

    def rewind(self, code: str | None, after_ms: int = -1) -> None:
        """Let the client take the file back, and the command be typed so long after that."""
        when = time.time() * 1000 + after_ms
        line = {"display": "/rewind", "timestamp": when, "sessionId": SESSION}
        (self.config / "history.jsonl").write_text(json.dumps(line) + "\n")
        if code is None:
            self.file.unlink()
        else:
            self.file.write_text(code)

    def another(self) -> None:
        """Let another session write a file."""
        self._uses += 1
        made = write_payload(str(self.work / "b.py"), f"{ONE}# {self._uses}\n", f"u{self._uses}")
        made |= {"session_id": "s-2", "cwd": str(self.work)}
        self.commit(payload.capture(made, time.time_ns()))

    def flush(self) -> None:
        assert Flusher(str(self.spool), self._settings).run_once(5.0)

    def sessions(self) -> set[str]:
        """Whose the steps of the file are."""
        with closing(History(str(self.spool / "ledger.db"))) as history:
            return {str(step.session_id) for step in steps_of(history, str(self.file))}

    def steps(self) -> list[Step]:
        with closing(History(str(self.spool / "ledger.db"))) as history:
            found = steps_of(history, str(self.file))[::-1]
            return [(s.actor, s.change, history.snapshot(s.snapshot)) for s in found]

    def imported(self, where: Path) -> list[Step]:
        """The steps of the file in another ledger, out of the transcript."""
        where.mkdir(mode=0o700)
        made = Importer(str(where), self._settings)
        made.import_past(sessions(str(self.config)), Chosen(), 5.0, lambda step, part: None)
        self.spool = where
        return self.steps()


@pytest.fixture
def session(tmp_path: Path) -> Session:
    return Session(tmp_path)


MADE = [("agent", "created", ONE), ("agent", "modified", TWO)]
UNDONE = ("undo", "modified", ONE)


@pytest.mark.parametrize("told", ["forks", "typed", "by hand"])
@pytest.mark.parametrize("is_seen", [True, False])
@pytest.mark.parametrize("portion", [8 << 20, 300])
def test_a_rewind_is_told_from_what_a_person_did(
    session: Session, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, told: str, is_seen: bool,
    portion: int,
) -> None:  # fmt: skip
    """`is_seen`: another session's look at the disk found it before."""
    monkeypatch.setattr(news, "PORTION", portion)
    parent = session.begin()
    session.flush()
    session.file.write_text(ONE)
    if told == "typed":
        line = {"display": "/rewind", "timestamp": time.time() * 1000, "sessionId": SESSION}
        (session.config / "history.jsonl").write_text(json.dumps(line) + "\n")
    if is_seen:
        session.outside(ONE)
        session.flush()
    session.ask(ONE, parent if told == "forks" else "")
    session.write(THREE, ONE)
    session.flush()
    last = ("agent", "modified", THREE)
    undone = ("outside", *UNDONE[1:]) if told == "by hand" else UNDONE
    assert session.steps() == [*MADE, undone, last]
    session.flush()
    assert session.steps() == [*MADE, undone, last]
    assert session.imported(tmp_path / "other") == [*MADE, undone, last]


@pytest.mark.parametrize("code", [ONE, None])
@pytest.mark.parametrize("is_seen", [True, False])
def test_a_rewind_is_told_though_nothing_is_asked_after_it(
    session: Session, is_seen: bool, code: str | None
) -> None:
    """`is_seen`: another session's look at the disk found it in the same run of the flusher."""
    session.begin()
    session.flush()
    session.rewind(code)
    if is_seen and code is not None:
        session.outside(code)
    session.another()
    session.flush()
    undone = UNDONE if code else ("undo", "deleted", None)
    assert session.steps() == [*MADE, undone]
    # When it goes on the client tells it again.
    session.ask(code)
    session.write(THREE, code)
    session.flush()
    last = ("agent", "modified" if code else "created", THREE)
    assert session.steps() == [*MADE, undone, last]
    assert len(session.sessions()) == 1


@pytest.mark.parametrize("how", ["nothing typed", "before", "later", "no copy", "asked"])
def test_what_somebody_did_by_hand_is_no_rewind(
    session: Session, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    session.begin()
    session.flush()
    code = THREE if how == "no copy" else ONE
    session.rewind(code, 1000 if how == "before" else -1)
    if how == "nothing typed":
        (session.config / "history.jsonl").unlink()
    elif how == "later":
        monkeypatch.setattr(undone_files, "_CHOOSING", -1)
    elif how == "asked":
        # It was another prompt's: what was undone after that nobody tells.
        session.writer.fields = {"timestamp": now(), "cwd": str(session.work)}
        session.writer.line("user", {"role": "user", "content": "go"}, promptId=now())
    session.outside(code)
    session.another()
    session.flush()
    assert session.steps() == [*MADE, ("outside", "modified", code)]


def test_a_file_is_taken_back_to_where_there_was_none(session: Session, tmp_path: Path) -> None:
    parent = session.ask(None)
    session.write(ONE, None)
    session.ask(ONE)
    session.write(TWO, ONE)
    session.flush()
    session.file.unlink()
    session.ask(None, parent)
    session.writer.use("other", "Read")
    # Nothing is wanted of it any more: the next event, whosever, has it looked at.
    session.commit(payload.capture(json.loads(json.dumps({
        "session_id": "s-2", "cwd": str(session.work), "tool_name": "Write",
        "tool_input": {"file_path": str(session.work / "b.py"), "content": ONE},
        "tool_response": {"type": "create"}, "tool_use_id": "u",
    })), time.time_ns()))  # fmt: skip
    session.flush()
    wanted = [*MADE, ("undo", "deleted", None)]
    assert session.steps() == wanted
    assert session.imported(tmp_path / "other") == wanted


@pytest.mark.parametrize("code", [TWO, THREE])
def test_a_conversation_alone_takes_no_file_back(session: Session, code: str) -> None:
    """The file is as it was left, or as somebody made it meanwhile."""
    parent = session.begin()
    session.ask(code, parent)
    session.write(ONE, code)
    session.flush()
    between = [("outside", "modified", THREE)] if code == THREE else []
    assert session.steps() == [*MADE, *between, ("agent", "modified", ONE)]


def test_an_edit_that_was_taken_back_needs_no_new_copy(session: Session) -> None:
    """The client has a copy of what the file holds again: that before the turn."""
    parent = session.begin()
    session.file.write_text(ONE)
    session.ask(ONE, parent, name="a1b2@v2")
    session.write(THREE, ONE)
    session.flush()
    assert session.steps() == [*MADE, UNDONE, ("agent", "modified", THREE)]


@pytest.mark.parametrize("name", ["../../../x", "/etc/hostname", "a1b2@v99", "", "\0"])
def test_a_copy_that_is_none_tells_nothing(session: Session, name: str) -> None:
    session.ask(None)
    session.write(ONE, None)
    parent = session.ask(ONE, name=name or "a1b2@v1")
    session.write(TWO, ONE)
    session.ask(ONE, parent, name=name or "a1b2@v1")
    session.write(THREE, TWO)
    session.flush()
    assert session.steps() == [*MADE, ("agent", "modified", THREE)]
