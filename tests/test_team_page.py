"""The team's page: what its views tell on either database, to whom, and that nothing in it acts."""

import html
import re
import time
from collections.abc import Iterator
from html.parser import HTMLParser

import pytest

from lib.web.team.gatekeeping import COOKIE
from lib.web.team.sql_storage import open_storage
from lib.web.team.stored import Arrived, Note, Storage
from tests.support.page import links
from tests.support.postgres import PostgresServer
from tests.support.team_page import BASE, TeamPage, token_for
from tests.support.team_story import EVIL, HOST, PEOPLE, alike, hostile, story

NOW = time.time()
ORDERS, NOTES = f"{HOST}/orders-api", f"{HOST}/notes"
MOST_BYTES = 300_000


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> list[Arrived]:
    return [*story(tmp_path_factory.mktemp("told"), NOW), hostile(NOW), *alike(NOW)]


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def storage(
    request: pytest.FixtureRequest, told: list[Arrived], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Storage]:
    if request.param == "sqlite":
        yield from filled(f"sqlite://{tmp_path_factory.mktemp('team')}/team.db", told)
    else:
        server: PostgresServer = request.getfixturevalue("postgres")
        yield from filled(server.new_schema(), told)


def filled(url: str, told: list[Arrived]) -> Iterator[Storage]:
    storage = open_storage(url)
    storage.record(told)
    for project in ("left", "right", "third"):
        storage.set_consent(project, True)
    storage.note(Note(NOW, "ann", f"created a token {EVIL}", "bob"))
    yield storage
    storage.close()


def plain(page: str) -> str:
    """What a page says, without its tags."""
    return " ".join(html.unescape(re.sub(r"<[^>]+>", "", page)).split())


class _Acting(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        acts = [name for name in given if name == "style" or name.startswith("on")]
        acts += [
            name for name, value in attrs if "javascript:" in (value or "") and name != "value"
        ]
        if acts or tag in ("style", "iframe", "object") or (tag == "script" and "src" not in given):
            self.found.append(f"{tag} {attrs}")


def acting(page: str) -> list[str]:
    """List the tags of a page that would run or style anything."""
    parser = _Acting()
    parser.feed(page)
    return parser.found


def test_every_link_leads_to_a_small_page_that_asks_for_nothing_else(storage: Storage) -> None:
    views = set()
    for address, answer in TeamPage(storage, rights=frozenset({"read", "admin"})).walk():
        assert answer.status_code == 200, address
        assert len(answer.content) < MOST_BYTES
        views.add(address.partition("?")[0])
        if "html" in answer.headers["content-type"]:
            assert answer.text.count("<h1") == 1
            assert "default-src 'none'" in answer.headers["content-security-policy"]
            assert answer.headers["cache-control"] == "no-store"
            assert acting(answer.text) == []
            assert [one for one in links(answer.text) if re.match(r"\w+:|//", one)] == []
            assert not re.search("[\x00-\x08\x0b-\x1f\u202e]", answer.text)
    assert views == {
        "", "project", "files", "person", "file", "step", "session", "pattern", "units", "search",
        "reuse", "audit", "static/page.css", "static/page.js", "static/icon.svg",
    }  # fmt: skip


def test_everything_may_be_called_anything(storage: Storage) -> None:
    page = TeamPage(storage)
    for view, asked in (
        ("project", {"name": EVIL}), ("person", {"name": EVIL}), ("session", {"id": EVIL}),
        ("file", {"project": EVIL, "path": EVIL}), ("pattern", {"id": EVIL}),
        ("search", {"q": EVIL}), ("units", {"q": EVIL, "project": EVIL}),
        ("files", {"project": EVIL}), ("reuse", {"project": EVIL}),
    ):  # fmt: skip
        shown = page.text(view, **asked)
        assert "&lt;script&gt;alert(1)" in shown, view
        assert "<script>alert" not in shown
        assert "<img" not in shown
        assert "{{7*7}}" in plain(shown)


@pytest.mark.parametrize("name", ["id", "name", "project", "path", "q", "after", "but"])
def test_questions_that_nobody_would_ask(name: str, storage: Storage) -> None:
    page = TeamPage(storage)
    for view in ("project", "files", "person", "file", "step", "session", "pattern", "units",
                 "search", "reuse"):  # fmt: skip
        for value in (
            "",
            "\0",
            "-1",
            "9" * 30,
            "%00",
            "../../etc/passwd",
            "' OR 1=1 --",
            "x" * 9000,
        ):
            answer = page.get(view, **{name: value})
            assert answer.status_code in (200, 404), (view, value, answer.text)
        answer = page.client.get(f"{BASE}{view}?{name}=%ff%fe&{name}=%ed%a0%80")
        assert answer.status_code in (200, 404)


def test_the_views_tell_what_was_sent(storage: Storage, told: list[Arrived]) -> None:
    page = TeamPage(storage)
    home = plain(page.text())
    for name in (*PEOPLE, ORDERS, NOTES):
        assert name in home
    last = next(one for one in reversed(told) if one.body["pattern_data"].get("units"))
    mine = [one for one in told if one.project == NOTES and one.person == "bob"]
    assert len(mine) > 3
    shown = plain(page.text("person", name="bob"))
    count = sum(one.person == "bob" and one.project == NOTES for one in told)
    assert f"{NOTES} {count} events" in shown
    one = mine[-1]
    data = one.body["pattern_data"]
    steps = page.text("file", project=NOTES, path=data["path"])
    assert one.body["pattern_id"] in steps
    assert "of bob" in plain(steps)
    session = plain(page.text("session", id=data["session_id"]))
    asked_for = [e.body["pattern_data"].get("prompt") for e in mine
                 if e.body["pattern_data"]["session_id"] == data["session_id"]]  # fmt: skip
    assert any(asked_for)
    assert all(" ".join(prompt.split())[:60] in session for prompt in asked_for if prompt)
    name = last.body["pattern_data"]["units"][0]["qualified_name"]
    assert name in plain(page.text("units", q=name[:4]))
    assert name in plain(page.text("search", q=name))


def test_a_step_shows_what_it_changed_and_why(storage: Storage, told: list[Arrived]) -> None:
    page = TeamPage(storage)
    one = next(
        e for e in reversed(told)
        if e.body["event_type"] == "pattern_modified" and e.body["pattern_data"].get("prompt")
    )  # fmt: skip
    data = one.body["pattern_data"]
    rows = storage.rows("SELECT seq FROM events WHERE event_id = ?", (data["event_id"],))
    shown = page.text("step", id=rows[0][0])
    assert re.search(r'<span class="(added|removed)">', shown)
    assert data["event_id"] in shown
    assert one.body["parent_pattern_ids"][0] in shown
    assert data["model"] in shown
    assert " ".join(data["prompt"].split())[:60] in plain(shown)


def test_a_lineage_is_drawn(storage: Storage, told: list[Arrived]) -> None:
    changed = [e for e in told if e.body["event_type"] == "pattern_modified"]
    parents = {e.body["parent_pattern_ids"][0] for e in changed}
    middle = next(e.body for e in changed if e.body["pattern_id"] in parents)
    shown = TeamPage(storage).text("pattern", id=middle["pattern_id"])
    drawn = re.findall(r"<circle class=\"(\w*)\"", shown)
    assert drawn.count("here") == 1
    assert len(drawn) >= 3
    # A line leads to each but the first.
    assert shown.count("<path d=") == len(drawn) - 1
    assert middle["parent_pattern_ids"][0] in shown
    assert 'class="added"' in shown


def test_a_parent_that_nobody_has_sent_is_said_to_be_that(storage: Storage) -> None:
    assert "not sent yet" in plain(TeamPage(storage).text("pattern", id=EVIL))
    assert "nobody has sent it" in plain(TeamPage(storage).text("pattern", id=f"parent {EVIL}"))


def test_a_reader_sees_nothing_of_other_projects(storage: Storage, told: list[Arrived]) -> None:
    """Whatever the address: by links, and by those that somebody else was given."""
    whole = TeamPage(storage)
    reader = TeamPage(storage, frozenset({NOTES}), "bob")
    foreign = ("orders-api", "storefront", "ledger-sync", "dora", "alert(1)", "secret", "retried")
    words = re.compile("|".join(map(re.escape, foreign)))
    addresses = {address for address, _ in whole.walk(10)}
    addresses |= {address for address, _ in reader.walk(10)}
    for address in addresses:
        answer = reader.client.get(f"{BASE}{address}")
        if "html" in answer.headers["content-type"]:
            # What was asked for may stand in the field of the search.
            shown = re.sub(r'value="[^"]*"|Found for “[^”]*”', "", answer.text)
            assert not words.search(shown), address
    mine = {one.body["pattern_id"] for one in told if one.project == NOTES}
    for one in told:
        known = reader.get("pattern", id=one.body["pattern_id"]).status_code
        assert (known == 200) == (one.body["pattern_id"] in mine)
    assert TeamPage(storage, frozenset()).get("person", name="bob").status_code == 404
    assert "Nothing has arrived" in TeamPage(storage, frozenset()).text()


def test_reuse_is_told_of_those_that_consent(storage: Storage) -> None:
    shown = plain(TeamPage(storage).text("reuse", project="left"))
    assert "left.retried" in shown
    assert "in 3 projects" in shown
    assert "right" in shown
    assert "third" in shown
    assert "secret" not in shown
    alone = plain(TeamPage(storage).text("reuse", project="secret"))
    assert "No function stands more than once" in alone
    assert "consents to no" in alone
    mine = TeamPage(storage, frozenset({"left"})).text("reuse", project="left")
    # Of what the reader may not see: that it is there, and no way further.
    assert "as right.retried in right" in plain(mine)
    assert "path=src%2Fright" not in mine
    assert "name=right" not in mine
    assert TeamPage(storage, frozenset({"left"})).get("reuse", project="right").status_code == 404


def test_the_audit_is_for_admins(storage: Storage) -> None:
    assert TeamPage(storage).get("audit").status_code == 404
    shown = TeamPage(storage, rights=frozenset({"read", "admin"})).text("audit")
    assert "created a token" in plain(shown)
    assert "<img" not in shown
    assert 'href="audit"' not in TeamPage(storage).text()


def test_a_token_is_asked_for_once(storage: Storage) -> None:
    stranger = TeamPage(storage, person=None)
    for view in ("", "project", "audit", "pattern", "search"):
        answer = stranger.get(view)
        assert answer.status_code == 401
        assert 'name="token"' in answer.text
        assert ORDERS not in answer.text
    post = stranger.client.post
    good = token_for(storage, "bob", frozenset({"read"}))
    writes = token_for(storage, "bob", frozenset({"write"}))
    for wrong in ("", "token-wrong", writes, f"{good} extra", EVIL, "x" * 9000):
        answer = post(f"{BASE}login", data={"token": wrong})
        assert answer.status_code in (400, 403)
        assert "set-cookie" not in answer.headers
    other = {"sec-fetch-site": "cross-site"}
    answer = post(f"{BASE}login", data={"token": good}, headers=other)
    assert "set-cookie" not in answer.headers
    answer = post(f"{BASE}login", data={"token": good})
    assert (answer.status_code, answer.headers["location"]) == (303, "./")
    made = answer.headers["set-cookie"]
    for part in (f"{COOKIE}={good}", "HttpOnly", "SameSite=strict", "Path=/"):
        assert part in made
    assert ORDERS in stranger.text()
    answer = post(f"{BASE}logout")
    assert answer.status_code == 303
    assert "Max-Age=0" in answer.headers["set-cookie"]
    assert stranger.get().status_code == 401


def test_nothing_but_a_token_can_be_sent(storage: Storage) -> None:
    page = TeamPage(storage)
    for view in ("", "project", "search", "audit", "static/page.css"):
        for method in ("POST", "PUT", "DELETE", "PATCH"):
            assert page.client.request(method, f"{BASE}{view}").status_code == 405


def test_files_of_this_machine_are_not_static(storage: Storage) -> None:
    page = TeamPage(storage)
    for path in ("../page.py", "..%2fpage.py", "%2e%2e/page.py", "/etc/passwd", "..\\page.py"):
        answer = page.client.get(f"{BASE}static/{path}")
        assert answer.status_code in (401, 404)
