"""The team's page in a real browser: a token is typed in, and every view is without fault."""

import time
from collections.abc import Iterator
from typing import Any

import pytest

from lib.web.team.sql_storage import open_storage
from tests.support import browser
from tests.support.team_server import TeamServer
from tests.support.team_story import EVIL, HOST, alike, hostile, story

pytestmark = [
    pytest.mark.long,
    pytest.mark.skipif(bool(browser.missing()), reason=browser.missing()),
]
SHOTS = browser.PLACE / "shots"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TeamServer]:
    where, now = tmp_path_factory.mktemp("team"), time.time()
    storage = open_storage(f"sqlite://{where}/team.db")
    storage.record([*story(where, now, 40), hostile(now), *alike(now)])
    for project in ("left", "right", "third"):
        storage.set_consent(project, True)
    with TeamServer(storage) as made:
        yield made
    storage.close()


class Tab:
    """A tab of somebody who has typed a token in, and what went wrong in it."""

    def __init__(self, chromium: Any, server: TeamServer) -> None:
        self.base = f"{server.url}/"
        self.context = chromium.new_context(viewport={"width": 1200, "height": 900})
        self.page = self.context.new_page()
        self.wrong: list[str] = []
        self.page.goto(f"{self.base}login")
        self.page.on("console", self._said)
        self.page.on("pageerror", lambda error: self.wrong.append(str(error)))
        self.page.on("dialog", lambda dialog: self.wrong.append(f"dialog {dialog.message}"))
        self.context.on("request", self._asked)
        self.page.fill("#token", server.token("ann"))
        self.page.get_by_role("button", name="Open").click()
        self.page.wait_for_url(self.base)

    def _said(self, message: Any) -> None:
        if message.type in ("error", "warning"):
            self.wrong.append(message.text)

    def _asked(self, request: Any) -> None:
        if not request.url.startswith(self.base):
            self.wrong.append(request.url)

    def links(self) -> list[str]:
        """Where the links of the page lead to."""
        return [str(one.get_attribute("href")) for one in self.page.locator("a[href]").all()]


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    with browser.browser() as made:
        yield made


@pytest.fixture(scope="module")
def tab(server: TeamServer, chromium: Any) -> Iterator[Tab]:
    made = Tab(chromium, server)
    yield made
    made.context.close()


def looked_at(tab: Tab, name: str) -> None:
    """See that the view is without fault in light and dark and on a narrow screen."""
    SHOTS.mkdir(exist_ok=True)
    address = tab.page.url
    for scheme, width in (("light", 1200), ("dark", 400)):
        tab.page.emulate_media(color_scheme=scheme)
        tab.page.set_viewport_size({"width": width, "height": 900})
        tab.page.goto(address)
        assert tab.page.locator("h1").count() == 1
        tab.page.screenshot(path=str(SHOTS / f"team-{name}-{scheme}.png"), full_page=True)
        wider = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
        assert tab.page.evaluate(wider) == 0, name
        assert browser.complaints(tab.page) == [], name
    tab.page.emulate_media(color_scheme="light")
    tab.page.set_viewport_size({"width": 1200, "height": 900})
    assert tab.wrong == [], name


def test_all_views_are_without_fault(tab: Tab) -> None:
    seen = {"": "./"}
    todo = [
        "./",
        f"project?name={HOST}/notes",
        "search?q=invoice",
        "units?q=le",
        "reuse?project=left",
    ]
    while todo:
        address = todo.pop(0)
        name = address.partition("?")[0].removeprefix("./")
        tab.page.goto(f"{tab.base}{address}")
        looked_at(tab, name or "home")
        for link in tab.links():
            view = link.partition("?")[0].partition("#")[0].removeprefix("./")
            if view not in seen and view:
                seen[view] = link
                todo.append(link)
    assert {"project", "files", "person", "file", "step", "session", "pattern", "units", "reuse",
            "audit"} <= set(seen)  # fmt: skip


def test_hostile_names_do_nothing(tab: Tab) -> None:
    tab.page.goto(f"{tab.base}search")
    tab.page.fill("#q", EVIL.replace("\x1b", "").replace("\x07", ""))
    tab.page.get_by_role("button", name="Search").click()
    for view, asked in (("pattern", "id"), ("project", "name"), ("session", "id")):
        given = tab.page.evaluate("(text) => encodeURIComponent(text)", EVIL)
        tab.page.goto(f"{tab.base}{view}?{asked}={given}")
        looked_at(tab, f"hostile-{view}")


def test_the_token_is_forgotten(server: TeamServer, chromium: Any) -> None:
    tab = Tab(chromium, server)
    tab.page.goto(tab.base)
    tab.page.get_by_role("button", name="Forget my token here").click()
    tab.page.wait_for_url(f"{tab.base}login")
    answer = tab.page.goto(tab.base)
    assert answer.status == 401
    assert tab.page.locator("#token").count() == 1
    tab.context.close()
