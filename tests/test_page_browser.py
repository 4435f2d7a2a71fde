"""The page in a real browser: what it says on the console, what axe-core says of it, and acts."""

import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

import pytest

from lib.ledger.store import FILE_NAME
from tests.support import browser
from tests.support.outpost import Outpost
from tests.support.served import Served, served
from tests.support.year import Year

pytestmark = [
    pytest.mark.long,
    pytest.mark.skipif(bool(browser.missing()), reason=browser.missing()),
]
VIEWS = (
    "home", "project", "file", "an earlier step", "step", "sessions", "session", "search",
    "pattern", "reuse", "books", "unit", "a unit with copies", "hints",
)  # fmt: skip
SHOTS = browser.PLACE / "shots"


@pytest.fixture(scope="module")
def spool(tmp_path_factory: pytest.TempPathFactory) -> Path:
    where = tmp_path_factory.mktemp("browser")
    Year(where / "spool", where / "code", 60).write()
    outpost = Outpost(where / "spool")
    outpost.write("/p/<img src=x onerror=alert(1)>.py", "'<script>alert(2)</script>'\n", None)
    assert outpost.flush()
    return where / "spool"


@pytest.fixture(scope="module")
def server(spool: Path) -> Iterator[Served]:
    with served(spool) as made:
        yield made


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    with browser.browser() as made:
        yield made


def most_changed(spool: Path) -> str:
    """The file with the most steps."""
    with closing(sqlite3.connect(spool / FILE_NAME)) as db:
        query = (
            "SELECT path FROM files JOIN revisions USING (file_id) WHERE path LIKE '%orders-api%' "
            "GROUP BY file_id ORDER BY count(*) DESC LIMIT 1"
        )
        return str(db.execute(query).fetchone()[0])


def most_copied(spool: Path) -> dict[str, str]:
    """The function that most others came from."""
    with closing(sqlite3.connect(spool / FILE_NAME)) as db:
        query = (
            "SELECT path, u.name, u.unit_id FROM unit_steps s JOIN unit_steps o "
            "ON o.step_id = s.origin JOIN units u ON u.unit_id = o.unit_id "
            "JOIN files USING (file_id) GROUP BY u.unit_id ORDER BY count(*) DESC LIMIT 1"
        )
        path, name, number = db.execute(query).fetchone()
        return {"path": path, "name": name, "id": number}


class Tab:
    """A tab that the server's first address was opened in, and what went wrong in it."""

    def __init__(self, chromium: Any, server: Served, spool: Path, **options: Any) -> None:
        self._file = f"file?{urlencode({'path': most_changed(spool)})}"
        self._copied = f"unit?{urlencode(most_copied(spool))}"
        self.context = chromium.new_context(**options)
        self.page = self.context.new_page()
        self.wrong: list[str] = []
        self.base = f"http://{server.place.netloc}{server.place.path}"
        self.page.on("console", self._said)
        self.page.on("pageerror", lambda error: self.wrong.append(str(error)))
        self.page.on("dialog", lambda dialog: self.wrong.append(f"dialog {dialog.message}"))
        self.context.on("request", self._asked)
        self.page.goto(server.url)
        self.page.wait_for_url(self.base)

    def _said(self, message: Any) -> None:
        if message.type in ("error", "warning"):
            self.wrong.append(message.text)

    def _asked(self, request: Any) -> None:
        if not request.url.startswith(self.base):
            self.wrong.append(request.url)

    def first(self, selector: str) -> str:
        """Return where the first link that `selector` finds leads to."""
        return str(self.page.locator(selector).first.get_attribute("href"))

    def open(self, address: str) -> None:
        self.page.goto(f"{self.base}{address.removeprefix('./')}")

    def view(self, name: str) -> None:
        """Go to a view by the links that lead there."""
        if name in ("sessions", "books", "hints"):
            self.open(name)
        elif name == "a unit with copies":
            self.open(self._copied)
        elif name == "search":
            self.open("search?q=basket")
            self.page.locator("main .list li").first.wait_for()
        elif name == "session":
            self.open(self.first("main a[href^='session?']"))
        elif name in ("project", "reuse"):
            self.open(self.first("tbody a[href*='orders-api']"))
            if name == "reuse":
                self.open(self.first("main a[href^='reuse?']"))
                self.page.locator(".cluster").first.wait_for(timeout=60_000)
        elif name != "home":
            self.open(self._file)
            selectors = {
                "an earlier step": "main a[rel=prev]", "step": ".why a",
                "pattern": "main a[href^='pattern?']", "unit": "main a[href^='unit?']",
            }  # fmt: skip
            if name in selectors:
                self.open(self.first(selectors[name]))


@pytest.fixture
def tab(chromium: Any, server: Served, spool: Path) -> Iterator[Tab]:
    made = Tab(chromium, server, spool, viewport={"width": 1200, "height": 900})
    yield made
    made.context.close()


@pytest.mark.parametrize("name", VIEWS)
def test_a_view_is_without_fault_in_light_and_dark_and_on_a_narrow_screen(
    name: str, tab: Tab
) -> None:
    tab.view(name)
    SHOTS.mkdir(exist_ok=True)
    address = tab.page.url
    for scheme, width in (("light", 1200), ("dark", 400)):
        tab.page.emulate_media(color_scheme=scheme)
        tab.page.set_viewport_size({"width": width, "height": 900})
        tab.page.goto(address)
        assert tab.page.locator("h1").count() == 1
        file = f"{name.replace(' ', '-')}-{scheme}-{width}.png"
        tab.page.screenshot(path=str(SHOTS / file), full_page=True)
        wider = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
        assert tab.page.evaluate(wider) == 0
        assert browser.complaints(tab.page) == []
    assert tab.wrong == []


def test_what_is_new_appears_by_itself(tab: Tab, spool: Path) -> None:
    tab.page.evaluate("window.here = true")
    outpost = Outpost(spool)
    outpost.write("/p/just_now.py", f"x = {time.time_ns()}\n", None)
    assert outpost.flush()
    tab.page.get_by_text("just_now.py").first.wait_for(timeout=60_000)
    assert tab.page.evaluate("window.here") is True
    assert tab.wrong == []


def test_it_works_without_scripts(chromium: Any, server: Served, spool: Path) -> None:
    tab = Tab(chromium, server, spool, java_script_enabled=False)
    while (again := tab.page.locator("[data-soon] a")).count():
        again.first.click()
    tab.page.locator("tbody a[href*='orders-api']").click()
    tab.page.locator("tbody a").first.click()
    tab.view("file")
    count = tab.page.locator("input[type=range]").get_attribute("max")
    tab.page.locator("a[rel=prev]").click()
    assert f"after step {int(count) - 1} of {count}" in tab.page.locator("main").inner_text()
    tab.page.locator(".why a").first.click()
    assert tab.page.locator(".diff .added").count() > 0
    tab.view("unit")
    tab.page.locator(".life a[href^='#s']").last.click()
    tab.page.locator("main details summary").last.click()
    assert tab.page.locator("main details .diff").last.is_visible()
    tab.page.locator("#q").fill("basket")
    tab.page.get_by_role("button", name="Search").click()
    assert "Found for" in tab.page.locator("h1").inner_text()
    assert tab.wrong == []
    tab.context.close()


def test_keys_are_enough(tab: Tab) -> None:
    tab.page.keyboard.press("Tab")
    assert tab.page.evaluate("document.activeElement.textContent") == "Skip to the content"
    tab.page.keyboard.press("/")
    assert tab.page.evaluate("document.activeElement.id") == "q"
    tab.page.keyboard.type("basket")
    tab.page.keyboard.press("Enter")
    tab.page.wait_for_url("**/search?q=basket")
    tab.view("file")
    last = int(tab.page.locator("#step").input_value())
    tab.page.keyboard.press("[")
    tab.page.wait_for_url(f"**step={last - 1}*")
    tab.page.keyboard.press("]")
    tab.page.wait_for_url(f"**step={last}*")
    tab.page.locator("#step").focus()
    tab.page.keyboard.press("Home")
    tab.page.wait_for_url("**step=1*")
    assert tab.wrong == []


def test_what_is_worked_out_follows_by_itself(tab: Tab) -> None:
    waiting = '<p data-soon>The edits are being summed up: <a href="">look again</a>.</p>'
    tab.page.route(
        tab.base,
        lambda route: route.fulfill(
            body=route.fetch().text().replace("<h1>", f"{waiting}<h1>"), content_type="text/html"
        ),
        times=2,
    )
    tab.open("")
    tab.page.get_by_text("look again").wait_for()
    tab.page.evaluate("window.here = true")
    tab.page.get_by_text("look again").wait_for(state="detached", timeout=60_000)
    assert tab.page.evaluate("window.here") is True
    assert tab.wrong == []


def test_a_life_leads_from_step_to_step_and_to_its_kin(tab: Tab) -> None:
    tab.view("a unit with copies")
    last = tab.page.locator(".life a[href^='#s']").last
    changes = tab.page.locator("main details")
    assert changes.last.get_attribute("open") is None
    last.focus()
    tab.page.keyboard.press("Enter")
    tab.page.wait_for_function("document.getElementById(location.hash.slice(1))?.open === true")
    address = tab.page.url
    tab.page.goto("about:blank")
    tab.page.goto(address)
    tab.page.wait_for_function("document.getElementById(location.hash.slice(1))?.open === true")
    tab.page.locator(".life .kin a").first.click()
    tab.page.wait_for_url("**/unit?*")
    tab.page.locator(".life .kin a").last.click()
    tab.page.wait_for_url("**/unit?*")
    assert tab.wrong == []


def test_a_page_can_be_printed(tab: Tab) -> None:
    tab.view("step")
    tab.page.emulate_media(media="print")
    assert not tab.page.locator("header").is_visible()
    assert tab.page.locator(".diff").is_visible()
    assert tab.page.pdf().startswith(b"%PDF")


def test_another_site_gets_nothing_through_the_browser(tab: Tab, server: Served) -> None:
    """A page of another origin in the same browser, which has the cookie."""
    other = tab.context.new_page()
    port = urlsplit(server.url).port
    other.route("http://localhost:9/**", lambda route: route.fulfill(body="<h1>evil</h1>"))
    other.route("http://127.0.0.1:9/**", lambda route: route.fulfill(body="<h1>evil</h1>"))
    path = server.place.path
    for origin in ("http://localhost:9/", "http://127.0.0.1:9/"):
        other.goto(origin)
        got = other.evaluate(
            "async (url) => { try { return await (await fetch(url, {credentials: 'include'}))"
            ".text(); } catch (error) { return ''; } }",
            f"http://127.0.0.1:{port}{path}",
        )
        assert got == ""
        framed = other.evaluate(
            "(url) => new Promise((done) => { const frame = document.createElement('iframe');"
            " frame.onload = () => { try { done(frame.contentDocument?.body.innerText ?? ''); }"
            " catch (error) { done(''); } }; frame.src = url; document.body.append(frame); })",
            f"http://127.0.0.1:{port}{path}",
        )
        assert "What was recorded" not in framed
