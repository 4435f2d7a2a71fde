"""What a large ledger is asked is looked up by an index, never by reading all events."""

import re
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from lib.commands import cli
from lib.ledger import history
from lib.ledger.lives import Lives
from lib.ledger.store import FILE_NAME
from lib.system.digest import hex_digest
from lib.units import chronicle
from tests.support import layout_5
from tests.support.outpost import Outpost
from tests.support.page import Page

FIRST = layout_5.Edit(3, 1, 1, 5)
_DIGEST = hex_digest(f"session {FIRST.session}")
SESSION = "-".join((_DIGEST[:8], _DIGEST[8:12], f"4{_DIGEST[12:15]}", f"a{_DIGEST[15:18]}",
                    _DIGEST[18:30]))  # fmt: skip
# What a question may read from its beginning to its end: it grows with the number of files, and for
# a search with that of prompts.
SMALL = {"sqlite_master", "files", "projects", "edits", "sums", "counters", "taken", "facts",
         "sessions", "prompts", "docs", "units_until"}  # fmt: skip
CODE = "def f(items):\n    for item in items:\n        item.price += len(items) * item.number\n"
# These stop at the first row that they meet.
FIRST_ROW = {
    "SELECT timestamp FROM events WHERE implied = 0 ORDER BY seq DESC LIMIT 1",
    "SELECT 1 FROM events LIMIT 1",
}
QUESTIONS = {
    "file": ("log", "--file", FIRST.path),
    "file's newest": ("log", "-n", "3", "--file", FIRST.path),
    "file of a type": ("log", "--file", FIRST.path, "--type", "created"),
    "end of a path": ("log", "--file", "module_1.ts"),
    "directory": ("log", "--file", "/home/user/code/project-5"),
    "session": ("log", "--session", "a"),
    "session's newest": ("log", "-n", "3", "--session", "ab"),
    "type": ("log", "--type", "merged"),
    "since": ("log", "--since", "2h"),
    "until": ("log", "--until", "2026-01-01"),
    "time": ("log", "-n", "3", "--since", "2h", "--until", "1h", "--type", "modified"),
    "newest": ("log", "-n", "3"),
    "lineage of a file": ("lineage", FIRST.path),
    "lineage of a file elsewhere": ("lineage", "project-5/src/part_1/module_1.ts", "--diff"),
    "lineage of a pattern": ("lineage", FIRST.pattern_id(), "--json"),
    "lineage of a beginning": ("lineage", FIRST.pattern_id()[:-1]),
    "blame": ("blame", FIRST.path),
    "blame of code that may stand elsewhere": ("blame", __file__),
    "why": ("why", FIRST.path),
    "why of a line": ("why", f"{FIRST.path}:2", "--json"),
    "show": ("show", FIRST.path, "--at", "1h"),
    "show an event": ("show", hex_digest("event 7")[:9]),
    "show a pattern": ("show", FIRST.pattern_id()[:-1]),
    "traces": ("export", "--format", "agent-trace", "--root", "/home/user/code/project-5"),
    "stats": ("stats",),
    "sessions": ("sessions",),
    "search": ("search", "module_1"),
    "home": ("home",),
    "status": ("status",),
}


@pytest.fixture(scope="module")
def spool(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made: Path = tmp_path_factory.mktemp("spool")
    made.chmod(0o700)
    layout_5.write(made / FILE_NAME, 160, 5, 3.0)
    with closing(history.History(str(made / FILE_NAME))) as opened:
        db = opened.connection
        # Functions are known from here on.
        Lives(db).note_until(db.execute("SELECT max(revision_id) FROM revisions").fetchone()[0])
    outpost = Outpost(made)
    outpost.write("/p/one.py", CODE)
    outpost.write("/p/two.py", f"x = 1\n{CODE}")
    assert outpost.flush()
    with closing(outpost.ledger()) as opened:
        assert chronicle.catch_up(opened.connection, 60.0) == (False, [])
    return made


@pytest.fixture
def plans(monkeypatch: pytest.MonkeyPatch) -> dict[str, list[str]]:
    """Gather the plans of all statements that read, by the statement."""
    found: dict[str, list[str]] = {}
    connect = sqlite3.connect

    def traced(path: str, **options: object) -> sqlite3.Connection:
        db: sqlite3.Connection = connect(path, **options)  # type: ignore[call-overload]

        def look(statement: str) -> None:
            if statement.startswith("SELECT") and statement not in {*found, *FIRST_ROW}:
                found[statement] = []
                other = connect(path, **options)  # type: ignore[call-overload]
                plan = other.execute(f"EXPLAIN QUERY PLAN {statement}")
                found[statement] = [row[3] for row in plan]
                other.close()

        db.set_trace_callback(look)
        return db

    monkeypatch.setattr(sqlite3, "connect", traced)
    # Small as this ledger is, all its events are recent.
    monkeypatch.setattr(history, "RECENT", 0)
    return found


def scans(plans: dict[str, list[str]]) -> dict[str, list[str]]:
    """Choose the statements that read a large table as a whole, by an index or not."""
    return {
        text: plan for text, plan in plans.items() if any(_is_scan(text, step) for step in plan)
    }


def _is_scan(statement: str, step: str) -> bool:
    # The words of the search, and what FTS5 keeps for itself.
    if "VIRTUAL TABLE INDEX" in step or ".'texts_" in statement:
        return False
    if re.search(r"\(rowid>\?\)", step):
        # From the first event on, as far as something else is asked for too.
        return "seq > 0 AND" in statement
    found = re.match(r"SCAN (?:TABLE )?(\w+)", step)
    return found is not None and found[1] not in SMALL | {"CONSTANT"}


@pytest.mark.parametrize("question", QUESTIONS)
def test_no_question_reads_all_events(
    question: str, spool: Path, plans: dict[str, list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATTERN_CACHE_DIR", str(spool))
    # What is elsewhere is offered, and not told.
    assert cli.main(list(QUESTIONS[question])) == question.endswith("elsewhere")
    assert plans
    assert scans(plans) == {}


VIEWS: dict[str, dict[str, str]] = {
    "": {},
    "project": {"root": "/home/user/code/project-5"},
    "file": {"path": FIRST.path},
    "step": {"id": hex_digest("event 7")[:32]},
    "sessions": {"before": "500"},
    "session": {"id": SESSION},
    "search": {"q": "module_1"},
    "pattern": {"id": FIRST.pattern_id()},
    "reuse": {"root": "/home/user/code/project-5"},
    "books": {},
    "hints": {},
    "unit": {"path": "/p/two.py", "name": "f"},
}


@pytest.mark.parametrize("view", VIEWS)
def test_no_view_of_the_page_reads_all_events(
    view: str, spool: Path, plans: dict[str, list[str]]
) -> None:
    page = Page(spool)
    with page.client:  # at its end no comparison goes on
        page.text(view, **VIEWS[view])
    assert plans
    assert scans(plans) == {}


def test_recording_reads_no_table(tmp_path: Path, plans: dict[str, list[str]]) -> None:
    outpost = Outpost(tmp_path / "spool")
    outpost.story()
    assert outpost.flush()
    assert any("FROM events" in text for text in plans)
    assert scans(plans) == {}
