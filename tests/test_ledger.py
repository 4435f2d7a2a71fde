"""What the ledger makes of events."""

import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from lib.capture.payload import capture
from lib.ledger import unreadable
from lib.ledger.history import History
from lib.ledger.rows import Taken
from tests.support.bundle import payload, write_payload


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[History]:
    made = History(f"{tmp_path}/ledger.db")
    yield made
    made.close()


class Project:
    """Files as they are written, with their events recorded."""

    def __init__(self, ledger: History) -> None:
        self.ledger = ledger
        self.contents: dict[str, str] = {}
        self.calls = 0

    def write(self, path: str, code: str, **answer: Any) -> str:
        self.calls += 1
        data = write_payload(path, code, str(self.calls), self.contents.get(path))
        data["tool_response"].update(answer)
        event: Any = capture(data, 1_800_000_000_000_000_000 + self.calls)
        self.ledger.record_all([event])
        self.contents[path] = code
        return str(event["content_pattern_id"])

    def kinds(self) -> list[str]:
        return [row.event_type.removeprefix("pattern_") for row in self.ledger.events()]


@pytest.fixture
def project(ledger: History) -> Project:
    return Project(ledger)


def test_lineage_runs_both_ways_nearest_first(project: Project) -> None:
    a, b, c = (project.write("/p/a.py", f"x = {n}\n") for n in range(3))
    assert project.ledger.ancestors(c) == [b, a]
    assert project.ledger.descendants(a) == [b, c]
    assert project.kinds() == ["created", "modified", "modified"]
    assert project.ledger.head("/p/a.py") == c


def test_a_known_content_in_another_file_is_an_application(project: Project) -> None:
    for path in ("/p/a.py", "/p/b.py"):
        project.write(path, "x = 1\n")
    assert project.kinds() == ["created", "applied"]


def test_a_parent_never_seen_is_created_before_its_child(project: Project) -> None:
    project.contents["/p/a.py"] = "x = 1\n"
    child = project.write("/p/a.py", "x = 2\n")
    assert project.kinds() == ["created", "modified"]
    (parent,) = project.ledger.ancestors(child)
    assert project.ledger.knows(parent)
    implied = project.ledger._db.execute("SELECT implied FROM events ORDER BY seq").fetchall()
    assert [row[0] for row in implied] == [1, 0]


def test_recording_again_changes_nothing(ledger: History) -> None:
    event: Any = capture(payload("03-edit-py.post"), 1_800_000_000_000_000_000)
    ledger.record_all([event])
    before = [tuple(row) for row in ledger.events()]
    ledger.record_all([event, event])
    assert [tuple(row) for row in ledger.events()] == before
    assert ledger.counters() == {}


def test_a_second_capture_of_the_same_call_is_counted_as_known(ledger: History) -> None:
    for when in (1, 2):
        event: Any = capture(payload("03-edit-py.post"), 1_800_000_000_000_000_000 + when * 1000)
        assert ledger.take([Taken("pending_1", f"key.{when}", event, waits=False)]) == set()
    assert len(ledger.events()) == 2
    assert ledger.counters() == {"delivered": 1, "known": 1}


def test_what_was_taken_before_is_not_counted_again(ledger: History) -> None:
    event: Any = capture(payload("03-edit-py.post"), 1)
    taken = Taken("pending_1", "key.1", event, waits=True)
    for _ in range(2):
        assert ledger.take([taken]) == {"pending_1"}
        assert ledger.counters() == {}
    for _ in range(2):
        ledger.settle(["pending_1"])
        assert ledger.counters() == {"delivered": 1}
    assert ledger.take([taken]) == set()
    ledger.forget(["pending_1"])
    assert ledger.take([taken]) == set()
    assert ledger.counters() == {"delivered": 1, "known": 1}


def test_undoing_an_edit_makes_a_cycle_that_ends(project: Project) -> None:
    a, b, again = (project.write("/p/a.py", code) for code in ("x = 1\n", "x = 2\n", "x = 1\n"))
    assert a == again
    assert project.ledger.ancestors(a) == [b]
    assert project.ledger.descendants(a) == [b]


def test_an_older_client_s_write_over_a_known_file_is_a_change(project: Project) -> None:
    first = project.write("/p/a.py", "x = 1\n")
    project.contents.clear()
    second = project.write("/p/a.py", "x = 2\n", type=None)
    assert project.kinds() == ["created", "modified"]
    assert project.ledger.ancestors(second) == [first]


def test_a_marked_pattern_is_the_parent_of_the_code_that_applies_it(project: Project) -> None:
    code = project.write("/p/a.py", "# pattern-id: auth-1\nx = 1\n")
    assert project.kinds() == ["created", "applied"]
    assert project.ledger.ancestors(code) == ["auth-1"]
    changed = project.write("/p/a.py", "# pattern-id: auth-1\nx = 2\n")
    assert project.kinds() == ["created", "applied", "modified"]
    assert project.ledger.descendants("auth-1") == [code, changed]


def test_a_snapshot_is_stored_once_per_content(project: Project) -> None:
    for path in ("/p/a.py", "/p/b.py", "/p/c.py"):
        project.write(path, "x = 1\n")
    count = project.ledger._db.execute("SELECT count(*) FROM snapshots").fetchone()[0]
    assert count == 1


def test_files_are_found_by_their_last_components(project: Project) -> None:
    for path in ("/p/a_b.py", "/p/axb.py", "/q/a_b.py"):
        project.write(path, "x = 1\n")
    assert sorted(project.ledger.files_ending("a_b.py")) == ["/p/a_b.py", "/q/a_b.py"]
    assert project.ledger.files_ending("p/a_b.py") == ["/p/a_b.py"]


def test_a_failed_batch_leaves_nothing(ledger: History) -> None:
    good: Any = capture(payload("03-edit-py.post"), 1)
    with pytest.raises(KeyError):
        ledger.record_all([good, {}])  # type: ignore[typeddict-item]
    assert ledger.events() == []


# What the versions before wrote otherwise.
EARLIER = {
    1: "ALTER TABLE events DROP COLUMN edge_type",
    2: "CREATE TABLE waiting (name TEXT PRIMARY KEY); INSERT INTO waiting VALUES ('pending_1')",
}


@pytest.mark.skipif(sqlite3.sqlite_version_info < (3, 35), reason="it cannot drop a column")
@pytest.mark.parametrize("version", EARLIER)
def test_a_ledger_of_before_is_read_and_counted_as_it_was(project: Project, version: int) -> None:
    for number in range(3):
        project.write("/p/a.py", f"x = {number}\n")
    project.ledger._db.executescript(
        f"DROP TABLE taken; {EARLIER[version]}; PRAGMA user_version = {version}"
    )
    path = project.ledger._db.execute("PRAGMA database_list").fetchone()["file"]
    upgraded = History(path)
    waiting = {"pending_1"} if version == 2 else set()
    assert upgraded.waiting() == waiting
    assert upgraded.counters() == {"delivered": 3 - len(waiting)}
    assert [event.event_type for event in upgraded.events()][1:] == ["pattern_modified"] * 2
    project.ledger, project.calls = upgraded, 10
    project.write("/p/b.py", "y = 1\n")
    upgraded.close()


@pytest.mark.skipif(sqlite3.sqlite_version_info < (3, 35), reason="it cannot drop a column")
def test_a_ledger_without_prompts_gets_their_tables(project: Project) -> None:
    project.write("/p/a.py", "x = 1\n")
    project.ledger._db.executescript(
        "DROP TABLE prompts; DROP TABLE calls; DROP TABLE sessions; DROP TABLE transcripts; "
        "DROP TABLE projects; ALTER TABLE files DROP COLUMN project; "
        "ALTER TABLE revisions DROP COLUMN agent_type; PRAGMA user_version = 8"
    )
    path = project.ledger._db.execute("PRAGMA database_list").fetchone()["file"]
    saved = History(f"{path}.saved")
    with closing(sqlite3.connect(path)) as damaged:
        assert unreadable.copy(damaged, saved.connection, time.monotonic() + 60) == set()
    saved.close()
    with closing(History(path)) as upgraded:
        for table in ("prompts", "calls", "sessions", "transcripts", "projects"):
            assert upgraded.rows(f"SELECT * FROM {table}", ()) == []
        (file,) = upgraded.rows("SELECT path, project FROM files", ())
        (revision,) = upgraded.rows("SELECT actor, agent_type FROM revisions", ())
        assert (tuple(file), tuple(revision)) == (("/p/a.py", None), ("agent", None))


def test_the_reason_of_a_change_is_none_of_what_was_there_before(ledger: History) -> None:
    made = write_payload("/p/a.py", "x = 2\n", "use-1", "x = 1\n")
    made["tool_response"]["userModified"] = True
    ledger.record_all([capture(made, 1)])  # type: ignore[list-item]
    rows = ledger.rows("SELECT implied, reason FROM events ORDER BY seq", ())
    assert [tuple(row) for row in rows] == [(1, None), (0, "amended")]
