"""The pages of functions, methods and classes, and of hints: what they tell and lead to."""

import html
import json
import re
import shlex
import shutil
import sqlite3
import subprocess
from contextlib import closing
from itertools import pairwise
from pathlib import Path

import pytest

from lib.capture.hook import REUSE
from lib.capture.like_lines import WINDOW, lines_of, numbers
from lib.capture.reuse_hint import TOLD
from lib.commands import cli
from lib.ledger.store import FILE_NAME
from lib.units import chronicle
from lib.web import drawing, unit_view
from lib.web.page import quoted
from tests.support.outpost import Outpost
from tests.support.page import Page, links
from tests.support.repository import Repository
from tests.test_page import EVIL, MOST_BYTES, plain

ADD = """def add_all(items, start=0):
    found = start
    for item in items:
        if item.price > found and not item.free:
            found += item.price * item.number
    return round(found, 2)
"""
SUM = ADD.replace("add_all", "sum_up")
OTHER = "".join(f"def other_{n}(a, b):\n    return a + {n} * b\n\n\n" for n in range(9))
MEAN = "def mean(items):\n    return sum_up(items) / len(items)\n"


@pytest.fixture
def told(tmp_path: Path) -> Outpost:
    """A function that is made, changed, renamed, moved and copied; its copy is deleted."""
    outpost = Outpost(tmp_path / "spool")
    codes = ["", ADD.replace("round(found, 2)", "found"), ADD, f"{SUM}\n\n{MEAN}"]
    for before, after in pairwise(codes):
        outpost.write("/p/a.py", after, before or None)
        assert outpost.flush()
    call = {"session_id": "s", "tool_use_id": "moved"}
    outpost.write("/p/b.py", SUM, None, **call)
    outpost.write("/p/a.py", MEAN, codes[-1], **call)
    assert outpost.flush()
    outpost.write("/p/c.py", f"{OTHER}{SUM}", None)
    assert outpost.flush()
    outpost.write("/p/c.py", OTHER, f"{OTHER}{SUM}")
    understood(outpost)
    return outpost


def understood(outpost: Outpost) -> None:
    """Record what waits, and go on with functions until nothing is left."""
    assert outpost.flush()
    with closing(outpost.ledger()) as ledger:
        assert chronicle.catch_up(ledger.connection, 60.0) == (False, [])


def rows_of(page: str) -> list[str]:
    """The lines of the drawing of a life."""
    (drawn,) = re.findall(r'<ol aria-label="Steps.*?</ol>', page, re.DOTALL)
    return [" ".join(plain(row).split()) for row in re.findall(r"<li.*?</li>", drawn, re.DOTALL)]


def test_a_life_is_drawn_with_what_came_of_it_and_the_diff_of_each_step(told: Outpost) -> None:
    shown = Page(told.directory).text("unit", path="/p/b.py", name="sum_up")
    rows = rows_of(shown)
    words = [re.split(r" \d{4}-| /p/", row)[0] for row in rows]
    assert words == ["copied as sum_up", "moved", "renamed", "body", "introduced"]
    assert "/p/c.py" in rows[0]
    assert shown.count("<circle") == len(rows)
    # One line less than steps, and one to the copy.
    assert shown.count("<path d=") == len(rows) - 1
    diffs = [html.unescape(one) for one in re.findall(r"<details.*?</details>", shown, re.DOTALL)]
    assert len(diffs) == 4
    assert "from sum_up in /p/a.py" in plain(diffs[0])
    assert "-def add_all(items, start=0):" in plain(diffs[1])
    assert "+def sum_up(items, start=0):" in plain(diffs[1])
    assert "+    return round(found, 2)" in plain(diffs[2])
    assert "+def add_all(items, start=0):" in plain(diffs[3])
    # What every line of it comes from, and where it stands.
    assert re.findall(r'<span id="L(\d)">', shown) == list("123456")
    assert any(one.startswith("file?path=%2Fp%2Fb.py") for one in links(shown))


def test_each_state_of_it_can_be_printed(
    told: Outpost, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATTERN_CACHE_DIR", str(told.directory))
    shown = plain(Page(told.directory).text("unit", path="/p/b.py", name="sum_up"))
    commands = re.findall(r"pattern-tracker (show .*)", shown)
    printed = []
    for command in commands:
        assert cli.main(shlex.split(command)) == 0
        printed.append(capsys.readouterr().out)
    assert printed == [SUM, SUM, ADD, ADD.replace("round(found, 2)", "found")]
    assert cli.main(["show", "0123456789:f"]) == 1
    assert "nothing is known of 0123456789" in capsys.readouterr().err


def test_what_somebody_else_changed_is_not_printed_as_the_edit_after_it(tmp_path: Path) -> None:
    outpost = Outpost(tmp_path / "spool")
    noted = ADD.replace("    return", "    # Cents.\n    return")
    outpost.write("/p/a.py", ADD, None)
    outpost.write("/p/a.py", noted.replace("2)", "3)"), noted)
    understood(outpost)
    shown = Page(outpost.directory).text("unit", path="/p/a.py", name="add_all")
    steps = [plain(one) for one in re.findall(r"<details.*?</details>", shown, re.DOTALL)]
    assert ["comment" in one.split() for one in steps] == [False, True, False]
    assert ["pattern-tracker show" in one for one in steps] == [True, False, True]


def test_what_came_with_a_copy_of_its_file_has_the_life_of_before(tmp_path: Path) -> None:
    outpost = Outpost(tmp_path / "spool")
    outpost.write("/p/a.py", ADD, None)
    outpost.write("/p/a.py", SUM, ADD)
    outpost.write("/p/copy.py", SUM, None)
    understood(outpost)
    page = Page(outpost.directory)
    rows = rows_of(page.text("unit", path="/p/copy.py", name="sum_up"))
    assert [row.split(" 20")[0] for row in rows] == ["container, copied", "renamed", "introduced"]
    rows = rows_of(page.text("unit", path="/p/a.py", name="sum_up"))
    assert [row.split(" 20")[0] for row in rows] == ["copied as sum_up", "renamed", "introduced"]


def test_what_ended_says_so_and_what_it_was_made_from(told: Outpost) -> None:
    page = Page(told.directory)
    shown = page.text("unit", path="/p/c.py", name="sum_up")
    assert "nowhere: deleted" in " ".join(plain(shown).split())
    rows = rows_of(shown)
    assert [row.split(" 20")[0] for row in rows] == ["deleted", "copied", "came from sum_up"]
    (origin,) = [one for one in links(shown) if one.startswith("unit?path=%2Fp%2Fb.py")]
    assert "copied as sum_up" in plain(page.client.get(page.base + origin).text)


def test_what_was_taken_in_leads_to_what_took_it(tmp_path: Path) -> None:
    outpost = Outpost(tmp_path / "spool")
    whole = "\n".join(ADD.splitlines()[1:])
    split = f"def run(items, start):\n    return add_all(items, start)\n\n\n{ADD}"
    outpost.write("/p/a.py", split, None)
    outpost.write("/p/a.py", f"def run(items, start):\n{whole}\n", split)
    understood(outpost)
    page = Page(outpost.directory)
    gone = page.text("unit", path="/p/a.py", name="add_all")
    assert [row.split(" 20")[0] for row in rows_of(gone)] == [
        "went into run",
        "merged",
        "introduced",
    ]
    (into,) = {one for one in links(gone) if "name=run" in one}
    rows = rows_of(page.client.get(page.base + into).text)
    assert [row.split(" 20")[0] for row in rows] == ["took in add_all", "body", "introduced"]


@pytest.mark.parametrize(
    "text", ["/p/a b.py:f", "/p/it's.py:f", "/p/\x1b[2J\u202e\\'\n$HOME`id`.py:f", "/p/ü.py:f"]
)
def test_what_is_to_be_typed_means_itself_to_a_shell(text: str) -> None:
    bash = shutil.which("bash")
    if bash is None:
        pytest.skip("there is no bash")
    word = quoted(text)
    assert word.isprintable()
    command = [bash, "-c", f"printf %s {word}"]
    shown = subprocess.run(command, env={"LC_ALL": "C.UTF-8"}, capture_output=True, check=True)
    assert shown.stdout.decode() == text


def test_what_a_name_may_mean_is_asked(tmp_path: Path) -> None:
    outpost = Outpost(tmp_path / "spool")
    outpost.write("/p/a.py", f"if x:\n    {ADD.replace(chr(10), chr(10) + '    ')}\n{ADD}", None)
    understood(outpost)
    page = Page(outpost.directory)
    shown = page.text("unit", path="/p/a.py", name="add_all")
    assert "Which one is meant?" in shown
    several = [one for one in links(shown) if one.startswith("unit?")]
    assert len(several) == 2
    lines = [plain(page.client.get(page.base + one).text) for one in several]
    assert all("Life" in one for one in lines)
    assert page.get("unit", path="/p/a.py", name="nobody").status_code == 404
    assert page.get("unit", path="/p/a.py", name="add_all", id=99).status_code == 200
    assert page.get("unit", path="/p/a.py", name="add_all", id=1, but=50).status_code == 404


def test_files_steps_searches_and_patterns_lead_to_it(told: Outpost) -> None:
    page = Page(told.directory)
    shown = page.text("file", path="/p/b.py")
    listed = plain(shown[shown.index('id="units"') : shown.index('id="steps"')])
    assert re.search(r"sum_up\s*function\s*1-6\s*moved by agent", listed)
    assert 'id="units"' not in page.text("file", path="/p/a.py", step=1)
    leads = {view: [one for one in links(text) if one.startswith("unit?")] for view, text in {
        "file": shown,
        "step": page.client.get(page.base + next(
            one for one in links(shown) if one.startswith("step?"))).text,
        "search": page.text("search", q="sum_"),
        "pattern": page.client.get(page.base + next(
            one for one in links(page.text("unit", path="/p/b.py", name="sum_up"))
            if one.startswith("pattern?id=python-function"))).text,
    }.items()}  # fmt: skip
    for view, found in leads.items():
        assert found, view
        assert "add_all" in page.client.get(page.base + found[0]).text


def test_what_stands_more_than_once_leads_to_the_functions(repository: Repository) -> None:
    repository.write("b.py", ADD, None, "p1")
    repository.write("c.py", f"x = 1\n{SUM}", None, "p2")
    page = Page(repository.spool)
    with page.client:
        while "being compared" in (shown := page.text("reuse", root=repository.root)):
            pass
    found = [one for one in links(shown) if one.startswith("unit?")]
    assert len(found) == 2
    lives = [page.client.get(page.base + one).text for one in found]
    assert "copied as sum_up" in plain(lives[0])
    assert "came from add_all" in plain(lives[1])


def test_many_functions_and_steps_are_told_page_by_page(tmp_path: Path) -> None:
    outpost = Outpost(tmp_path / "spool")
    many = "".join(f"def f_{n}(a):\n    return a[{n}]\n\n\n" for n in range(130))
    outpost.write("/p/many.py", many, None)
    before = None
    for number in range(30):
        code = ADD.replace("start=0", f"start={number}") + f"    # {'&&' * 60} {number}\n" * 60
        outpost.write("/p/long.py", code, before)
        before = code
    understood(outpost)
    page, seen, steps = Page(outpost.directory), [], 0
    address = "file?path=/p/many.py"
    for _ in range(3):
        shown = page.client.get(page.base + address).text
        assert len(shown) < MOST_BYTES
        seen += re.findall(r"<code>(f_\d+)</code>", shown)
        address = next((one for one in links(shown) if "units=" in one), "")
    assert seen == [f"f_{n}" for n in range(130)]
    address = "unit?path=/p/long.py&name=add_all"
    while address:
        shown = page.client.get(page.base + address).text
        assert len(shown.encode()) < MOST_BYTES
        steps += len(rows_of(shown))
        address = next((one for one in links(shown) if "but=" in one), "")
    assert steps == 30
    assert steps > unit_view.STEPS


def test_names_of_functions_are_text(told: Outpost) -> None:
    path = told.directory / FILE_NAME
    with closing(sqlite3.connect(path)) as db:
        for table in ("units", "unit_steps"):
            db.execute(f"UPDATE {table} SET name = ? WHERE name = 'sum_up'", (EVIL,))
        db.execute("UPDATE unit_steps SET change = change || ?", (" <b>&",))
        query = "SELECT file_id, units FROM standing WHERE units LIKE '%sum_up%'"
        for file_id, units in db.execute(query).fetchall():
            changed = units.replace('"sum_up"', json.dumps(EVIL))
            db.execute("UPDATE standing SET units = ? WHERE file_id = ?", (changed, file_id))
        db.commit()
    line = f"2026-01-01T00:00:00+00:00 /p/b.py 1 s {EVIL.replace(' ', '')} {EVIL.replace(' ', '')}"
    (told.directory / f"{REUSE}{TOLD}").write_text(f"{line}\n")
    page = Page(told.directory)
    asked = [
        page.text("unit", path="/p/b.py", name=EVIL),
        page.text("unit", path="/p/c.py", name=EVIL),
        page.text("file", path="/p/b.py"),
        page.text("hints"),
    ]
    for shown in asked:
        assert "&lt;script&gt;alert(1)" in shown
        assert not re.search("[\x00-\x09\x0b-\x1f\x7f\u202e]", shown)
        assert not re.search(r"<script(?! src)|<img|<b>", shown)
        assert "49" not in re.findall(r"u202e(.{1,7})", shown)


def test_hints_are_listed_with_what_became_of_each(repository: Repository) -> None:
    repository.write("b.py", ADD, None, "p1")
    repository.write("kept.py", f"x = 1\n{ADD}", None, "p2")
    repository.write("called.py", "from b import add_all\nadd_all([])\n", None, "p2")
    window = ".".join(f"{line:x}" for line in numbers(lines_of(ADD.encode()))[:WINDOW])
    hints = [
        f"2026-01-0{day}T00:00:00+00:00 {repository.root}/{file} {window} s add_all b.py\n"
        for day, file in enumerate(("kept.py", "called.py", "gone.py"), 1)
    ]
    (repository.spool / f"{REUSE}{TOLD}").write_text("".join(hints))
    page = Page(repository.spool)
    for shown in (page.text(), page.text("project", root=repository.root), page.text("hints")):
        assert "3 hints: 1 called instead, 1 not kept, 1 kept as copies." in plain(shown)
    shown = page.text("hints", root=repository.root)
    items = re.findall(r"<li>(.*?)</li>", shown, re.DOTALL)
    fates = [re.findall(r"called instead|not kept|kept as copies", one) for one in items]
    assert fates == [["not kept"], ["called instead"], ["kept as copies"]]
    (origin,) = {one for one in links(shown) if one.startswith("unit?")}
    assert "Life" in page.client.get(page.base + origin).text
    assert "None was given here" in page.text("hints", root="/elsewhere")


def test_lines_of_a_life_join_steps_and_lead_beside_them() -> None:
    dots = drawing.life([1, None, None, 2])
    assert [dot.x for dot in dots] == [27.0, 9.0, 9.0, 27.0]
    assert [bool(dot.curve) for dot in dots] == [True, True, False, True]
    assert dots[1].curve == f"M9.0 {dots[1].y} V{dots[2].y}"
    # From the step, up to what came of it, and down to what it came from.
    assert dots[0].curve.startswith(f"M9.0 {dots[1].y} V")
    assert dots[3].curve.startswith(f"M9.0 {dots[2].y} V")
    assert all(dots[n].curve.endswith(f"{dots[n].x} {dots[n].y}") for n in (0, 3))
