"""Functions, methods and classes have lives in the ledger, whatever brought their steps there."""

import json
import os
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from lib.capture import payload as payloads
from lib.capture import shell
from lib.capture.event import Content, build
from lib.commands import cli
from lib.flusher.process import Flusher
from lib.ledger import biography
from lib.ledger.forgetting import Chosen, forget
from lib.ledger.history import History
from lib.ledger.lives import Lives
from lib.ledger.schema import VERSION
from lib.ledger.store import Ledger
from lib.spool import inbox
from lib.system import packages
from lib.system.settings import Settings
from lib.units import bounded, chronicle, continuing, recent, telling
from tests.support.contents import contents
from tests.support.service_double import ServiceDouble

BEGAN = 1_770_000_000 * 10**9
ADD = """def add_all(values, start):
    total = start
    for value in values:
        total += value * len(values)
    return total
"""
MEAN = """def mean(values):
    if not values:
        return 0.0
    return sum(values) / len(values)
"""
LARGE = """def report(lines, width, out):
    count = 0
    for number, line in enumerate(lines, 1):
        text = line.rstrip()[:width]
        if not text or text.startswith("#"):
            continue
        out.write(f"{number:>6} {text}")
        count += 1
    return count
"""
Made = dict[str, Any]


class Home:
    """A spool, and files that are written in it."""

    def __init__(self, where: Path) -> None:
        self.work, self.spool = where / "work", where / "spool"
        self.work.mkdir()
        self.spool.mkdir(mode=0o700)
        self.environ = {"HOME": str(where), "PATTERN_CACHE_DIR": str(self.spool)}
        self.number = 0

    @property
    def ledger(self) -> Path:
        return self.spool / "ledger.db"

    def path(self, name: str) -> str:
        return str(self.work / name)

    def write(self, name: str, code: str, before: str | None = None) -> None:
        """Do what a Write does, and its hook."""
        path = Path(self.path(name))
        if before is None and path.exists():
            before = path.read_text()
        path.parent.mkdir(exist_ok=True)
        path.write_text(code)
        kind = "create" if before is None else "update"
        answer = {"type": kind, "filePath": str(path), "content": code, "originalFile": before}
        self._capture("Write", {"file_path": str(path), "content": code}, answer)

    def remove(self, name: str) -> None:
        """Do what `rm` in a shell does, and its hook."""
        path = self.path(name)
        os.unlink(path)
        edit = {"filePath": path, "hunks": [], "deleted": True}
        answer = {"stdout": "", "bashEditDiff": {"files": [edit], "changedFiles": 1}}
        self._capture("Bash", {"command": f"rm {path}"}, answer)

    def _capture(self, tool: str, given: Made, answer: Made) -> None:
        self.number += 1
        moment = BEGAN + self.number * 10**9
        payload = {
            "hook_event_name": "PostToolUse", "session_id": f"s{self.number}", "tool_name": tool,
            "cwd": str(self.work), "tool_input": given, "tool_response": answer,
            "tool_use_id": f"u{self.number}", "duration_ms": 5,
        }  # fmt: skip
        made: Any = (
            shell.capture(payload, moment, str(self.spool), True)
            if tool == "Bash" else payloads.capture(payload, moment)
        )  # fmt: skip
        inbox.commit(str(self.spool), made, moment, sync=False, moment=("boot", self.number))

    def flush(self) -> None:
        assert Flusher(str(self.spool), Settings(self.environ)).run_once(5.0)

    def life(self, name: str, of: str) -> list[tuple[str, str, str]]:
        """The steps of a unit, oldest first: words, its file and its name."""
        with closing(History(str(self.ledger))) as history:
            found = biography.units_in(history, self.path(name))
            (unit,) = [one for one in found if one.name == of]
            return self.steps(history, unit)

    def steps(self, history: History, unit: biography.Unit) -> list[tuple[str, str, str]]:
        steps = biography.steps_of(history, unit)[::-1]
        return [(" ".join(s.change), os.path.basename(s.path), s.name) for s in steps]

    def unknown(self) -> None:
        """Let nothing be known of units."""
        with closing(sqlite3.connect(self.ledger)) as db, db:
            for table in ("units", "unit_steps", "standing", "remains", "units_until"):
                db.execute(f"DELETE FROM {table}")


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    made = Home(tmp_path)
    monkeypatch.setattr(os, "environ", {**os.environ, **made.environ})
    return made


def story(home: Home) -> None:
    """A function that is made, changed, called otherwise, moved elsewhere and taken away."""
    home.write("a.py", ADD)
    home.write("a.py", f"{ADD}\n\n{MEAN}")
    home.write("a.py", f"{ADD.replace('value * len', 'value + len')}\n\n{MEAN}")
    home.write(
        "a.py",
        f"{ADD.replace('value * len', 'value + len').replace('add_all', 'sum_up')}\n\n{MEAN}",
    )
    home.write("b.py", ADD.replace("value * len", "value + len").replace("add_all", "sum_up"))
    home.write("a.py", MEAN)
    home.write("b.py", "x = 1\n")


MOVED = [
    ("introduced", "a.py", "add_all"),
    ("body", "a.py", "add_all"),
    ("renamed", "a.py", "sum_up"),
    ("moved", "b.py", "sum_up"),
    ("deleted", "b.py", "sum_up"),
]


def told(capsys: pytest.CaptureFixture[str], *words: str) -> Any:
    capsys.readouterr()
    assert cli.main([*words, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def test_a_function_is_followed_through_all_that_happens_to_it(home: Home) -> None:
    story(home)
    home.flush()
    with closing(History(str(home.ledger))) as history:
        (unit,) = biography.units_that_were_in(history, home.path("a.py"), "add_all")
        assert home.steps(history, unit) == MOVED
        assert unit.gone
    assert home.life("a.py", "mean") == [("introduced", "a.py", "mean")]


def test_units_are_the_same_in_slices_and_at_once(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    story(home)
    home.flush()
    whole = contents(home.ledger)
    home.unknown()
    monkeypatch.setattr(chronicle, "PORTION", 1)
    with closing(sqlite3.connect(home.ledger)) as one:
        one.isolation_level = None
        while chronicle.is_behind(one):
            chronicle.catch_up(one, 0.0)
    assert contents(home.ledger) == whole
    assert whole["unit_steps"]


def test_two_processes_may_be_at_it(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    story(home)
    home.flush()
    whole = contents(home.ledger)
    home.unknown()
    monkeypatch.setattr(chronicle, "PORTION", 1)
    one, other = (sqlite3.connect(home.ledger, isolation_level=None) for _ in range(2))
    with closing(one), closing(other):
        several = [chronicle.Chronicle(db) for db in (one, other)]
        while chronicle.is_behind(one):
            for each in several:
                each.go_on(0.0)
    assert contents(home.ledger) == whole


def test_without_packages_they_wait_and_are_caught_up_with_later(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    load = packages.load

    def missing(name: str) -> Any:
        if name.startswith("tree_sitter"):
            raise packages.Missing(name)
        return load(name)

    story(home)
    with monkeypatch.context() as context:
        context.setattr(packages, "load", missing)
        home.flush()
        with closing(sqlite3.connect(home.ledger)) as db:
            assert chronicle.is_behind(db)
            assert db.execute("SELECT count(*) FROM units").fetchone() == (0,)
    home.flush()
    with closing(History(str(home.ledger))) as history:
        (unit,) = biography.units_that_were_in(history, home.path("a.py"), "add_all")
        assert home.steps(history, unit) == MOVED


def test_a_ledger_of_before_is_caught_up_with(home: Home) -> None:
    story(home)
    home.flush()
    whole = contents(home.ledger)
    with closing(sqlite3.connect(home.ledger)) as db, db:
        for table in ("units", "unit_steps", "standing", "remains", "units_until"):
            db.execute(f"DROP TABLE {table}")
        db.execute("PRAGMA user_version = 9")
    home.flush()
    with closing(sqlite3.connect(home.ledger)) as db:
        assert db.execute("PRAGMA user_version").fetchone() == (VERSION,)
    assert contents(home.ledger) == whole


def test_a_fault_stops_one_step_and_is_said(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    follow = continuing.follow

    def failing(files: Any, *rest: Any, **more: Any) -> Any:
        if files[0].path.endswith("bad.py"):
            raise ZeroDivisionError("for a test")
        return follow(files, *rest, **more)

    monkeypatch.setattr(telling, "follow", failing)
    home.write("a.py", ADD)
    home.write("bad.py", MEAN)
    home.write("a.py", f"{ADD}\n\n{MEAN}")
    home.flush()
    assert home.life("a.py", "mean") == [("introduced", "a.py", "mean")]
    with closing(sqlite3.connect(home.ledger)) as db:
        assert not chronicle.is_behind(db)
        assert db.execute("SELECT count(*) FROM events").fetchone() == (3,)
    said = (home.spool / "flusher.log").read_text()
    assert "bad.py: ZeroDivisionError: for a test" in said


def test_a_file_with_too_many_functions_has_none_and_that_is_said(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bounded, "MOST_UNITS", 2)
    home.write("a.py", f"{ADD}\n\n{MEAN}")
    home.write("bad.py", f"{ADD}\n\n{MEAN}\n\n{LARGE}")
    home.flush()
    with closing(History(str(home.ledger))) as history:
        assert not chronicle.is_behind(history.connection)
        query = "SELECT (SELECT count(*) FROM units), (SELECT count(*) FROM events)"
        assert tuple(history.connection.execute(query).fetchone()) == (2, 2)
    assert f"{home.path('bad.py')}: too many functions" in (home.spool / "flusher.log").read_text()


def test_a_call_that_changes_too_many_functions_is_followed_in_parts(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths = [home.path(f"{number}.py") for number in range(5)]
    codes = [f"{ADD}\n\n{MEAN}".replace("(values", f"(values{n}") for n in range(5)]
    found: list[list[str]] = []
    follow = continuing.follow

    def followed(files: Any, *rest: Any, **more: Any) -> Any:
        found.append([os.path.basename(file.path) for file in files])
        return follow(files, *rest, **more)

    monkeypatch.setattr(telling, "follow", followed)
    monkeypatch.setattr(chronicle, "MOST_TOGETHER", 4)
    with closing(Ledger(str(home.ledger))) as ledger:
        for number, (path, code) in enumerate(zip(paths, codes, strict=True)):
            event: Any = build(
                "pattern_created", Content(code, path), path=path, tool_name="Bash",
                session_id="s", tool_use_id="u", captured_ns=BEGAN + number,
            )  # fmt: skip
            ledger.record_all([event | {"tool_use_id": "u"}])
        assert chronicle.catch_up(ledger.connection, 60.0) == (False, [])
        assert found == [["0.py", "1.py"], ["2.py", "3.py"], ["4.py"]]
        (units,) = ledger.connection.execute("SELECT count(*) FROM units").fetchone()
        assert units == 10


def test_of_an_edit_of_one_function_that_one_is_parsed(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    both = f"{ADD}\n\n{MEAN}\n\n{LARGE}"
    home.write("a.py", both)
    home.flush()
    monkeypatch.setattr(chronicle, "read", None)
    home.write("a.py", both.replace("0.0", "1.0"))
    home.flush()
    assert home.life("a.py", "mean")[1:] == [("body", "a.py", "mean")]


def test_what_has_no_functions_is_gone_past(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chronicle, "catch_up", None)
    home.write("notes.md", "one")
    home.write("notes.md", "two")
    home.flush()
    with closing(History(str(home.ledger))) as history:
        assert not chronicle.is_behind(history.connection)
    monkeypatch.undo()
    home.write("notes.md", "three")
    home.write("a.py", ADD)
    home.flush()
    assert home.life("a.py", "add_all") == [("introduced", "a.py", "add_all")]


def test_what_was_there_before_recording_is_not_new(home: Home) -> None:
    home.write("a.py", f"{ADD}\n\n{MEAN}", before=ADD)
    home.flush()
    assert home.life("a.py", "add_all") == [("before", "a.py", "add_all")]
    assert home.life("a.py", "mean") == [("introduced", "a.py", "mean")]


def test_a_copy_names_its_origin_unless_it_is_small(
    home: Home, capsys: pytest.CaptureFixture[str]
) -> None:
    home.write("one.py", f"{LARGE}\n\n{ADD}\n\ndef tiny():\n    return 1\n")
    other = LARGE.replace("report", "listing").replace("width", "most").replace("text", "line_")
    home.write("two.py", f"{other}\n\ndef tiny():\n    return 1\n")
    home.flush()
    assert home.life("two.py", "listing") == [("copied", "two.py", "listing")]
    assert home.life("two.py", "tiny") == [("introduced", "two.py", "tiny")]
    (step,) = told(capsys, "lineage", f"{home.path('two.py')}:listing")["steps"]
    assert step["from"] == f"{home.path('one.py')}:report"
    (places,) = told(capsys, "stats")["reused_units"]
    assert [one["qualified_name"] for one in places] == ["report", "listing"]


def test_forgetting_takes_code_of_units_along(home: Home) -> None:
    story(home)
    home.flush()
    with closing(History(str(home.ledger))) as history:
        forget(history.connection, Chosen(path=home.path("a.py")))
        (unit,) = biography.units_that_were_in(history, home.path("a.py"), "add_all")
        assert home.steps(history, unit) == MOVED
        first = biography.steps_of(history, unit)[-1]
        assert biography.code_of(history, first) is None
        assert history.rows("SELECT 1 FROM remains", ()) == []
    # And it goes on from there.
    home.write("a.py", f"{MEAN.replace('0.0', '1.0')}\n\n{ADD}")
    home.flush()
    assert home.life("a.py", "mean")[0] == ("introduced", "a.py", "mean")


def test_lineage_tells_it_by_any_name(home: Home, capsys: pytest.CaptureFixture[str]) -> None:
    story(home)
    home.write("c.py", f"class Sums:\n    def mean(self):\n        return 1\n\n\n{LARGE}")
    home.flush()
    by_old_name = told(capsys, "lineage", f"{home.path('a.py')}:add_all")
    assert [step["change"] for step in by_old_name["steps"]] == [
        ["deleted"], ["moved"], ["renamed"], ["body"], ["introduced"],
    ]  # fmt: skip
    assert by_old_name["steps"][1]["from"] == f"{home.path('a.py')}:sum_up"
    assert by_old_name["unit"]["gone"]
    step = by_old_name["steps"][-1]
    assert step["pattern_id"].startswith("python-function-")
    assert (step["session_id"], step["qualified_name"]) == ("s1", "add_all")
    by_pattern = told(capsys, "lineage", step["pattern_id"])
    assert by_pattern == by_old_name
    assert told(capsys, "lineage", "Sums.mean") == told(capsys, "lineage", f"{home.path('c.py')}:2")
    several = told(capsys, "lineage", "mean")
    names = [one["unit"]["qualified_name"] for one in several["choices"]]
    assert names == ["mean", "Sums.mean"]
    assert cli.main(["lineage", "mean"]) == 1
    assert "mean may be any of: " in capsys.readouterr().err
    units = told(capsys, "lineage", home.path("c.py"))["units"]
    assert [(one["qualified_name"], one["last"]["change"]) for one in units] == [
        ("Sums", ["introduced"]), ("Sums.mean", ["introduced"]), ("report", ["introduced"]),
    ]  # fmt: skip


def test_why_and_show_follow_a_function_that_was_moved(
    home: Home, capsys: pytest.CaptureFixture[str]
) -> None:
    story(home)
    home.flush()
    name = f"{home.path('a.py')}:add_all"
    found = told(capsys, "why", name)
    events = [step for prompt in found["prompts"] for step in prompt["steps"]]
    assert [os.path.basename(step["file_path"]) for step in events] == [
        "b.py",
        "a.py",
        "a.py",
        "a.py",
    ]
    assert "-def add_all" in events[1]["diff"]
    assert told(capsys, "show", name)["code"].startswith("def sum_up(")
    assert told(capsys, "show", name, "--at", "2026-02-02T02:40:02Z")["code"] == ADD


def test_log_export_and_search_name_functions(
    home: Home, capsys: pytest.CaptureFixture[str]
) -> None:
    story(home)
    home.flush()
    capsys.readouterr()
    for verb in ("log", "export"):
        assert cli.main([verb, *(["--json"] if verb == "log" else [])]) == 0
        rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
        assert [one["qualified_name"] for one in rows[2]["units"]] == ["add_all"]
        assert rows[2]["units"][0]["change"] == ["body"]
    assert cli.main(["log", "--all"]) == 0
    assert "sum_up" in capsys.readouterr().out
    home.write("c.py", f"class Sums:\n    def mean_of_all(self):\n        return 1\n\n\n{LARGE}")
    home.flush()
    (found,) = (told(capsys, "search", "Sums.mean_of_all")["key"],)
    assert found == home.path("c.py")


def test_a_deleted_file_s_functions_turn_up_elsewhere(home: Home) -> None:
    home.write("a.py", f"{ADD}\n\n{MEAN}")
    home.remove("a.py")
    home.write("sub/b.py", f"{MEAN}\n\n{ADD}")
    home.flush()
    assert [step[:2] for step in home.life("sub/b.py", "add_all")] == [
        ("introduced", "a.py"), ("container", "b.py"),
    ]  # fmt: skip


def test_what_is_made_again_is_the_same(home: Home, tmp_path: Path) -> None:
    story(home)
    spool = tmp_path / "spool.copy"
    shutil.copytree(home.spool, spool)
    home.flush()
    whole = contents(home.ledger)
    # The same events, the last first.
    shutil.rmtree(home.spool)
    for name in sorted(os.listdir(spool), reverse=True):
        home.spool.mkdir(mode=0o700, exist_ok=True)
        shutil.copy2(spool / name, home.spool)
        home.flush()
    assert contents(home.ledger)["unit_steps"] == whole["unit_steps"]


def test_a_service_is_told_of_functions(home: Home, server: ServiceDouble) -> None:
    home.write("a.py", f"{ADD}\n\n{MEAN}")
    home.write("notes.txt", "add_all")
    settings = Settings({**home.environ, "INTELLIGENCE_SERVICE_URL": server.url})
    assert Flusher(str(home.spool), settings).run_once(5.0)
    data = [event.body["pattern_data"] for event in server.events]
    told = {one["file_path"]: one.get("units") for one in data}
    assert told.pop(home.path("notes.txt")) is None
    (units,) = told.values()
    with closing(History(str(home.ledger))) as history:
        steps = [step for unit in biography.units_in(history, home.path("a.py"))
                 for step in biography.steps_of(history, unit)]  # fmt: skip
    assert [(u["qualified_name"], u["pattern_type"], u["start_line"]) for u in units] == [
        ("add_all", "function", 1), ("mean", "function", 8),
    ]  # fmt: skip
    assert [u["pattern_id"] for u in units] == [step.pattern_id for step in steps]


def test_what_is_copied_with_its_file_has_the_steps_of_before(home: Home) -> None:
    both = f"{ADD}\n\n{MEAN}\n\n{LARGE}"
    home.write("one/a.py", ADD)
    home.write("one/a.py", both)
    home.write("two/a.py", both.replace("0.0", "1.0"))
    home.write("one/a.py", both.replace("total", "much"))
    home.flush()
    steps = home.life("two/a.py", "mean")
    assert steps == [("introduced", "a.py", "mean"), ("body container copied", "a.py", "mean")]
    assert home.life("two/a.py", "add_all")[0] == ("introduced", "a.py", "add_all")
    assert home.life("one/a.py", "add_all")[1:] == [("body", "a.py", "add_all")]


def test_what_stands_in_the_origin_of_a_copy_is_read_once(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[str] = []
    at = Lives.at

    def noted(self: Lives, path: str) -> dict[int, int]:
        read.append(path)
        return at(self, path)

    monkeypatch.setattr(Lives, "at", noted)
    home.write("one/a.py", f"{ADD}\n\n{MEAN}\n\n{LARGE}")
    home.write("two/a.py", f"{ADD}\n\n{MEAN}\n\n{LARGE}")
    home.flush()
    assert read == [home.path("one/a.py")]
    assert [step[0] for step in home.life("two/a.py", "report")][-1] == "container copied"


def test_what_was_copied_from_a_copy_is_from_that_one(home: Home) -> None:
    both = f"{ADD}\n\n{MEAN}\n\n{LARGE}"
    home.write("b/a.py", both)
    home.write("z/a.py", both)
    home.write("z/a.py", both.replace("0.0", "1.0"))
    home.write("c/a.py", both.replace("0.0", "2.0"))
    # Another one is as it stands now, whatever changed last.
    home.write("b/a.py", both.replace("total", "much"))
    home.write("z/a.py", both.replace("0.0", "1.0").replace("text", "words"))
    home.write("d/a.py", both.replace("total", "much"))
    home.flush()
    assert [step[0] for step in home.life("c/a.py", "mean")][1:] == [
        "container copied", "body", "body container copied",
    ]  # fmt: skip
    assert [step[0] for step in home.life("d/a.py", "add_all")][1:] == ["body", "container copied"]


def test_a_file_that_comes_again_as_another_one_is_continues_that_one(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    # What was made before the last is of long ago.
    monkeypatch.setattr(recent, "MOST_FEEDS", 1)
    both = f"{ADD}\n\n{MEAN}\n\n{LARGE}"
    home.write("one/a.py", both)
    home.write("two/a.py", both)
    home.write("two/a.py", both.replace("0.0", "1.0"))
    home.write("other.py", "def other():\n    return 1\n")
    # Nobody tells of it, and it takes longer than two clients that make the same file at once.
    os.unlink(home.path("one/a.py"))
    home.number += 20
    home.write("one/a.py", both.replace("0.0", "1.0"))
    home.flush()
    steps = [step[0] for step in home.life("one/a.py", "mean")]
    assert steps == ["introduced", "container copied", "body", "container copied"]


def test_what_comes_late_has_the_units_of_what_came_after_it_found_again_alone(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(6):
        home.write(f"f{number}.py", ADD.replace("add_all", f"add_{number}"))
    home.flush()
    # The event of the last write but one comes after that of the last.
    home.write("a.py", MEAN)
    (late,) = home.spool.glob("pending_*.json")
    late.rename(home.spool.parent / "late")
    home.write("a.py", LARGE, before=MEAN)
    home.flush()
    followed: list[str] = []
    follow = continuing.follow

    def counting(files: Any, *rest: Any, **more: Any) -> Any:
        followed.extend(os.path.basename(file.path) for file in files)
        return follow(files, *rest, **more)

    monkeypatch.setattr(telling, "follow", counting)
    (home.spool.parent / "late").rename(late)
    home.flush()
    assert followed == ["a.py", "a.py"]
    found = contents(home.ledger)
    home.unknown()
    assert contents(home.ledger) == found
    assert home.life("a.py", "report") == [("introduced", "a.py", "report")]
