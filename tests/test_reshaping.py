"""A ledger of before says the same in the tables of today, also where it is damaged."""

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from lib.capture.event import Content, build
from lib.ledger import salvage
from lib.ledger.history import History
from lib.ledger.revisions import COPIED
from lib.ledger.schema import VERSION
from lib.ledger.steps import steps_of
from lib.ledger.store import FILE_NAME
from lib.ledger.ways import EDGES, PATTERNS
from tests.support import layout_10
from tests.support.contents import contents
from tests.support.outpost import Outpost

pytestmark = pytest.mark.skipif(
    sqlite3.sqlite_version_info < (3, 35), reason="it cannot drop a column"
)
PAGE = 4096
CODE = "def f():\n    return 1\n"
KINDS = {"modified_from", "derived_from", "merged_from", "born_from"}


def tell(history: History, path: str, code: str, *parents: str, **told: str) -> str:
    """Record what a program tells of its code; its id."""
    content = Content(code, path, pattern_type=told.get("pattern_type", ""))
    event: Any = build(
        "pattern_modified" if parents else "pattern_created", content, path=path,
        tool_name="Edit", session_id="s", tool_use_id=code, captured_ns=10**18 + len(code),
    )  # fmt: skip
    event["event_data"] |= {"parent_pattern_ids": list(parents), **told}
    history.record_all([event])
    return content.pattern_id


@pytest.fixture
def outpost(tmp_path: Path) -> Outpost:
    """A spool with all that refers to patterns and to code."""
    made = Outpost(tmp_path / "spool")
    made.story()
    made.write("/p/copied.py", CODE)
    made.write("/q/copied.py", CODE)
    made.write("/p/a.py", "x = 3\n", "x = 2\n")
    made.write("/p/a.py", "x = 2\n", "x = 3\n")
    made.write("/p/applied.py", "# pattern-id: retry-1\nx = 1\n")
    assert made.flush()
    with closing(made.ledger()) as history:
        one, two = (tell(history, f"/t/{n}.py", f"t{n} = {n}\n") for n in "12")
        tell(history, "/t/3.py", "t3 = 33\n", one, two, edge_type="merged_from")
        tell(history, "/t/4.py", "t4 = 444\n", one, edge_type="born_from")
        tell(history, "/t/5.py", "t5 = 5555\n", pattern_type="function")
    return made


def everything(path: Path) -> dict[str, list[Any]]:
    with closing(sqlite3.connect(path)) as db:
        queries = {
            "patterns": f"SELECT * FROM {PATTERNS} ORDER BY 1",
            "edges": f"SELECT * FROM {EDGES} ORDER BY 1, 2, 3",
            # With which of the revisions that hold it each piece of code is found.
            "held": "SELECT digest, held FROM snapshots WHERE held NOT NULL "
            "UNION SELECT * FROM holders ORDER BY 1, 2",
        }
        return {**contents(path), **{name: db.execute(q).fetchall() for name, q in queries.items()}}


def test_it_says_the_same_afterwards(outpost: Outpost) -> None:
    path = outpost.directory / FILE_NAME
    before = everything(path)
    assert {edge[2] for edge in before["edges"]} == KINDS
    types = {row[2] for row in before["patterns"]}
    assert types == {"code", "function"}
    layout_10.give(path)
    outpost.ledger().close()
    assert everything(path) == before
    with closing(outpost.ledger()) as history:
        tables = {name for (name,) in history.rows("SELECT name FROM sqlite_master", ())}
        assert history.rows("PRAGMA user_version", ())[0][0] == VERSION
        assert not tables & {"patterns", "edges", "former", "revisions_by_snapshot"}
        # The newest of the files that hold it.
        outpost.write("/r/copied.py", CODE)
        assert outpost.flush()
        (step,) = steps_of(history, "/r/copied.py")
        assert (step.change, step.origin) == (COPIED, "/q/copied.py")


def test_a_pattern_without_an_event_is_kept(outpost: Outpost) -> None:
    path = outpost.directory / FILE_NAME
    layout_10.give(path)
    with closing(sqlite3.connect(path)) as db:
        row = "'python-code-0', 'lonely', 'code', 'python', NULL, '2026-01-01T00:00:00+00:00'"
        db.execute(f"INSERT INTO patterns VALUES ({row})")
        (child,) = db.execute("SELECT pattern_id FROM patterns ORDER BY 1 DESC").fetchone()
        db.execute(f"INSERT INTO edges VALUES ('{child}', 'python-code-0', 'modified_from', '')")
        db.commit()
    with closing(outpost.ledger()) as history:
        assert history.names(["python-code-0"]) == {"python-code-0": "lonely"}
        assert history.descendants("python-code-0")[0] == child


def test_a_copy_is_found_by_what_it_holds(tmp_path: Path) -> None:
    """Also where its language is another one then, so that the code has another id."""
    outpost = Outpost(tmp_path / "spool")
    outpost.write("/p/a.js", "let x = 1;\n")
    assert outpost.flush()
    layout_10.give(outpost.directory / FILE_NAME)
    outpost.write("/p/a.ts", "let x = 1;\n")
    assert outpost.flush()
    with closing(outpost.ledger()) as history:
        (step,) = steps_of(history, "/p/a.ts")
        assert (step.change, step.origin) == (COPIED, "/p/a.js")


@pytest.mark.parametrize("is_edges", [True, False], ids=["edges", "events"])
def test_a_damaged_one_of_before_is_saved(outpost: Outpost, tmp_path: Path, is_edges: bool) -> None:
    path = outpost.directory / FILE_NAME
    edges = outpost.edges()
    layout_10.give(path)
    with closing(sqlite3.connect(path)) as db:
        root = "SELECT rootpage FROM sqlite_master WHERE name = ?"
        name = "edges" if is_edges else "sqlite_autoindex_events_1"
        (page,) = db.execute(root, (name,)).fetchone()
    with path.open("r+b") as file:
        file.seek((page - 1) * PAGE)
        file.write(bytes(PAGE))
    shutil.copy(path, tmp_path / "damaged.db")
    codes = len(contents_of(tmp_path / "damaged.db"))
    assert outpost.flush()
    assert list(outpost.directory.glob(f"{salvage.ASIDE}*"))
    assert outpost.edges() == edges
    with closing(outpost.ledger()) as history:
        assert salvage.damage(history.connection, 60.0) == ""
        assert history.rows("SELECT count(*) FROM snapshots", ())[0][0] == codes


def contents_of(path: Path) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(path)) as db:
        return db.execute("SELECT digest FROM snapshots").fetchall()
