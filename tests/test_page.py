"""The page: what its views tell, and that nothing that was recorded acts there."""

import html
import re
import sqlite3
import time
from contextlib import closing
from pathlib import Path

import pytest

from lib.ledger.attribution import attribute
from lib.ledger.history import History
from lib.ledger.steps import steps_of
from lib.ledger.store import FILE_NAME
from lib.web import live
from tests.support import revised
from tests.support.outpost import Outpost
from tests.support.page import Page, lines_of, links
from tests.support.repository import BY_HAND, CHANGED, LAST, WRITTEN, Repository
from tests.support.year import Year

MOST_BYTES = 300_000
# What would act in a terminal, in a page, or turn a line around.
EVIL = '\x1b[2J\x07<script>alert(1)</script>"><img src=x onerror=alert(1)>\u202e{{7*7}}'
TOTAL = """def total(items, tax=0.19):
    result = 0
    for item in items:
        if item.price > tax and not item.free:
            result += item.price * (1 + tax) - item.discount
    return round(result, 2)
"""


@pytest.fixture(scope="module")
def year(tmp_path_factory: pytest.TempPathFactory) -> Path:
    where = tmp_path_factory.mktemp("year")
    Year(where / "spool", where / "code", 40).write()
    return where / "spool"


def plain(page: str) -> str:
    """What a page says, without its tags."""
    return html.unescape(re.sub(r"<[^>]+>", "", page))


def test_every_link_leads_to_a_small_page_that_asks_for_nothing_else(year: Path) -> None:
    views = set()
    for address, answer in Page(year).walk():
        assert answer.status_code == 200, address
        assert len(answer.content) < MOST_BYTES
        views.add(address.partition("?")[0])
        if "html" in answer.headers["content-type"]:
            assert answer.text.count("<h1") == 1
            assert not re.search(
                r"<script(?! src)|<style|\sstyle=|\son\w+=|javascript:", answer.text
            )
            assert [one for one in links(answer.text) if re.match(r"\w+:|//", one)] == []
    assert views == {
        "", "project", "file", "step", "sessions", "session", "pattern", "books", "reuse",
        "unit", "hints", "static/page.css", "static/page.js", "static/icon.svg",
    }  # fmt: skip


def test_each_line_of_a_file_has_its_reason(repository: Repository) -> None:
    page = Page(repository.spool)
    path = str(repository.path)
    shown = page.text("file", path=path)
    assert lines_of(shown) == list(enumerate(LAST.splitlines(), 1))
    blocks = re.findall(r'<div class="block ([\w-]+)">(.*?)</div>', shown, re.DOTALL)
    told = [(actor, plain(why)) for actor, why in blocks]
    ledger = repository.outpost.ledger()
    steps = [line.place.step for line in attribute(ledger, path)]
    ledger.close()
    changes = [step for n, step in enumerate(steps) if not n or step != steps[n - 1]]
    assert len(told) == len(changes)
    assert [actor for actor, _ in told][:3] == ["outside", "before-recording", "agent"]
    assert any("Write f, please." in why and "model-1" in why for _, why in told)
    assert any("Let f add \\x1b[31mone more" in why for _, why in told)
    assert any("prompt not kept" in why for _, why in told)
    assert "the layout alone, by a formatter or somebody else" in plain(shown)


def test_each_step_of_a_file_can_be_looked_at(repository: Repository) -> None:
    page = Page(repository.spool)
    path = str(repository.path)
    ledger = repository.outpost.ledger()
    steps = steps_of(ledger, path)[::-1]
    held = [ledger.snapshot(step.snapshot) or "" for step in steps]
    ledger.close()
    assert {WRITTEN, CHANGED, BY_HAND, LAST} <= set(held)
    for number, code in enumerate(held, 1):
        shown = page.text("file", path=path, step=number)
        assert [text for _, text in lines_of(shown)] == code.splitlines()
        assert f"after step {number} of {len(held)}" in shown
    # Which is none is the last.
    assert lines_of(page.text("file", path=path, step=99)) == lines_of(page.text("file", path=path))


def test_a_step_has_the_whole_prompt_and_the_diff(repository: Repository) -> None:
    page = Page(repository.spool)
    event = next(one for one in links(page.text()) if one.startswith("step?id="))
    shown = plain(page.client.get(page.base + event).text)
    assert "+def g():" in shown
    ledger = repository.outpost.ledger()
    first = next(s for s in steps_of(ledger, str(repository.path)) if s.prompt_id == "p1")
    ledger.close()
    shown = plain(page.text("step", id=first.event_id))
    assert "Write f, please.\nIt adds." in shown
    assert "+def f(a, b):" in shown
    assert "claude-model-1" in shown
    shown = plain(page.text("step", revision=first.revision_id))
    assert "Write f, please.\nIt adds." in shown


def test_a_session_tells_its_prompts_in_order_and_subagents_apart(repository: Repository) -> None:
    told = {
        "prompt_id": "p2", "session_id": "session-two", "tool_use_id": "p9", "agent_id": "a1",
        "agent_type": "test-writer",
    }  # fmt: skip
    repository.outpost.write(f"{repository.root}/test_a.py", TOTAL, None, **told)
    assert repository.outpost.flush()
    page = Page(repository.spool)
    shown = page.text("session", id="session-two")
    assert "About session-two" in shown
    first, second = shown.index('id="p-p2"'), shown.index('id="p-p3"')
    assert first < shown.index("subagent test-writer", first) < second
    assert "lines by subagent test-writer" in shown
    assert "Prompt not kept" in shown[second:]
    assert page.get("session", id="nobody").status_code == 404


def test_words_are_found(repository: Repository) -> None:
    page = Page(repository.spool)
    for _ in range(200):
        shown = page.text("search", q="one more")
        if "being indexed" not in shown:
            break
    assert "Let f add \\x1b[31mone more" in html.unescape(shown)
    assert any(one.startswith("session?id=session-two") for one in links(shown))
    shown = page.text("search", q="def f")
    assert any(one.startswith("file?path=") for one in links(shown))
    assert "Nothing has these words" in page.text("search", q="nowhere-to-be-found")
    assert 'value="&#34;&gt;"' in page.text("search", q='">')


def test_a_lineage_is_drawn_with_the_diff_of_each_edge(tmp_path: Path) -> None:
    outpost = Outpost(tmp_path / "spool")
    outpost.story(4)
    assert outpost.flush()
    page = Page(outpost.directory)
    ledger = outpost.ledger()
    pattern_id = ledger.head("/p/a.py")
    nodes = [*ledger.ancestors(pattern_id), pattern_id]
    ledger.close()
    shown = page.text("pattern", id=nodes[1])
    assert shown.count("<circle") == len(nodes) == 4
    assert shown.count("<summary>") == shown.count("<path d=") == len(nodes) - 1
    assert "+    return 3" in plain(shown)
    assert f"pattern-tracker show {nodes[1]}" in plain(shown)
    assert page.get("pattern", id="python-code-0").status_code == 404


def test_what_stands_more_than_once_is_told_with_its_origin(repository: Repository) -> None:
    repository.write("b.py", TOTAL, None, "p1")
    repository.write("c.py", "x = 1\n" + TOTAL.replace("total", "sum_up"), None, "p2")
    page = Page(repository.spool)
    with page.client:
        deadline = time.monotonic() + 60
        while "being compared" in (shown := page.text("reuse", root=repository.root)):
            assert time.monotonic() < deadline
            assert 'http-equiv="refresh"' in shown
            time.sleep(0.05)
    assert "2 times the same but for names" in shown
    assert "days ago (there are 0), 0 % stood 30 days later" in plain(shown)
    (origin, copy) = re.findall(r"<li>(origin|copy) <a href=\"file\?path=[^\"]*", shown)
    assert (origin, copy) == ("origin", "copy")
    assert plain(shown).index("b.py:1-6") < plain(shown).index("c.py:2-7")


def test_the_books_are_those_of_status(repository: Repository) -> None:
    repository.outpost.write("/p/waits.py", "x = 1\n")
    shown = plain(Page(repository.spool).text("books"))
    assert re.search(r"\d captured = \d delivered \+ 1 waiting \+ 0 in quarantine", shown)
    assert "No service: the ledger on this machine has all of it." in shown


def test_the_books_tell_drops_by_cause_and_how_a_service_is(tmp_path: Path) -> None:
    url = "http://127.0.0.1:1"
    outpost = Outpost(tmp_path / "spool", INTELLIGENCE_SERVICE_URL=url)
    for number in range(3):
        outpost.write(f"/p/{number}.py", f"x = {number}\n", None, service_url=url)
    outpost.write("/p/0.py", "x = 0\n", "x = 0\n", service_url=url)
    for _ in range(8):
        assert not outpost.flush()
    page = Page(outpost.directory)
    shown = page.text("books")
    told = plain(shown)
    (captured, *parts) = map(
        int, re.findall(r"(\d+) (?:captured|delivered|waiting|in|dropped)", told)
    )
    assert (captured, sum(parts)) == (4, 4)
    assert f"{url}4" in re.sub(r"\s", "", told)
    assert "changed nothing" in told
    state = re.search(r"The circuit is ([\w-]+)", shown)
    assert state is not None
    assert re.search(rf"circuit\s*{state[1]}", told)
    assert "refused" in told


def test_what_was_recorded_is_text(tmp_path: Path) -> None:
    outpost = Outpost(tmp_path / "spool")
    path = f"/p/{EVIL.replace('/', '-')}/a.py"
    told = {
        "session_id": f"s{EVIL}", "prompt_id": f"p{EVIL}", "tool_use_id": "u", "cwd": f"/p/{EVIL}",
        "agent_id": f"a{EVIL}", "agent_type": f"t{EVIL}",
    }  # fmt: skip
    outpost.write(path, f"# {EVIL}\ndef f():\n    return 1\n", None, **told)
    outpost.write(path, f"# {EVIL}\ndef f():\n    return '{EVIL}'\n", "x = 1\n", **told)
    assert outpost.flush()
    prompts = [(f"p{EVIL}", f"s{EVIL}", f"Do it\n{EVIL}")]
    revised.add_prompts(outpost.directory / FILE_NAME, prompts, f"model{EVIL}")
    page = Page(outpost.directory)
    asked = ("file", "project", "session", "step", "pattern", "reuse", "search")
    answers = [*page.walk(20), *((name, page.get(name, **dict.fromkeys(
        ("path", "root", "id", "q"), EVIL))) for name in asked)]  # fmt: skip
    assert {address.partition("?")[0] for address, _ in answers} >= {"file", "step", "session"}
    met = 0
    for _, answer in answers:
        if "html" in answer.headers["content-type"]:
            assert not re.search("[\x00-\x09\x0b-\x1f\x7f\u202e]", answer.text)
            assert not re.search(r"<script(?! src)|<img|onerror=alert\(1\)>(?!&)", answer.text)
            assert "49" not in re.findall(r"u202e(.{1,7})", answer.text)
            met += "&lt;script&gt;alert(1)" in answer.text
    assert met > 10


def test_pages_stay_small_whatever_was_recorded(tmp_path: Path) -> None:
    outpost = Outpost(tmp_path / "spool")
    told = {"session_id": "s", "prompt_id": "p", "tool_use_id": "u"}
    wide = "".join(f"if a < {n} and b > {n}: # {'<&' * 300}\n" for n in range(800))
    outpost.write("/p/wide.py", wide, None, **told)
    outpost.write("/p/wide.py", wide.replace("<", ">"), wide, **{**told, "tool_use_id": "v"})
    outpost.write("/p/line.py", f"x = '{'<' * 900_000}'\n", None, **told)
    assert outpost.flush()
    contents = [f"x = {n}\n" + "".join(f"y{m} = {n}\n" for m in range(n * 5)) for n in range(100)]
    revised.record(outpost.directory / FILE_NAME, "/p/many.py", contents)
    prompts = [("p", "s", "<long> " * 200_000), *((f"p{n}", "s", "&" * 4000) for n in range(300))]
    revised.add_prompts(outpost.directory / FILE_NAME, prompts, "model")
    sizes = {address: len(answer.content) for address, answer in Page(outpost.directory).walk(8)}
    assert {address for address, size in sizes.items() if size >= MOST_BYTES} == set()
    assert max(sizes.values()) > 50_000


def test_lines_of_a_long_file_are_told_page_by_page(tmp_path: Path) -> None:
    outpost = Outpost(tmp_path / "spool")
    code = "".join(f"line {n}\n" for n in range(1, 1001))
    outpost.write("/p/long.py", code, None)
    assert outpost.flush()
    page = Page(outpost.directory)
    read: list[tuple[int, str]] = []
    address = "file?path=/p/long.py"
    for _ in range(3):
        shown = page.client.get(page.base + address).text
        read += lines_of(shown)
        address = next((one for one in links(shown) if f"line={len(read) + 1}" in one), address)
    assert read == list(enumerate(code.splitlines(), 1))


@pytest.mark.parametrize("view", ["", "file", "session", "search", "project", "books", "reuse"])
def test_nothing_recorded_is_no_error(view: str, tmp_path: Path) -> None:
    spool = tmp_path / "spool"
    spool.mkdir(mode=0o700)
    page = Page(spool)
    wanted = "Nothing was captured yet" if view == "books" else "Nothing was recorded yet"
    assert wanted in page.text(view)
    assert list(spool.iterdir()) == []
    History(str(spool / FILE_NAME)).close()
    assert wanted in page.text(view)


def test_a_ledger_that_is_moved_aside_or_damaged_is_told(repository: Repository) -> None:
    page = Page(repository.spool)
    ledger = repository.spool / FILE_NAME
    aside = ledger.rename(repository.spool / "aside.db")
    assert "Nothing was recorded yet" in page.text()
    aside.rename(ledger)
    assert "a.py" in page.text()
    for name in ("-wal", "-shm"):
        Path(f"{ledger}{name}").unlink(missing_ok=True)
    ledger.write_bytes(b"no database" * 1000)
    answer = page.get()
    assert answer.status_code == 503
    assert "The ledger cannot be read now" in answer.text


def test_the_page_writes_nothing_into_the_ledger(repository: Repository) -> None:
    path = repository.spool / FILE_NAME
    before, last = path.read_bytes(), live.mark(str(repository.spool))
    page = Page(repository.spool)
    assert len(list(page.walk(2))) > 10
    assert path.read_bytes() == before
    # Or else every page would tell all others to look again.
    assert live.mark(str(repository.spool)) == last
    # One of an earlier version is left as it is, too, also where the log alone tells of that.
    with closing(sqlite3.connect(path)) as other:
        other.execute("SELECT count(*) FROM events").fetchone()
        repository.rows("PRAGMA user_version = 8")
        answer = page.get()
    assert (answer.status_code, "of an earlier version" in answer.text) == (503, True)
    assert repository.rows("PRAGMA user_version") == [(8,)]
