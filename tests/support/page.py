"""The page in this process: opened as a browser opens it, and walked through link by link."""

import html
import re
import time
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

from lib.commands import facts
from lib.commands.status import WORDS
from lib.web.asked import Sources
from lib.web.guard import make_key
from lib.web.site import Site

with warnings.catch_warnings():
    # It would rather have another client than the one that is here anyway.
    warnings.simplefilter("ignore")
    from starlette.testclient import TestClient

HOST = "127.0.0.1:4711"


class Page:
    """The page over the spool in `directory`, for a client that has its cookie."""

    def __init__(self, directory: Path) -> None:
        self.key = make_key()
        sources = Sources(str(directory), partial(facts.gather, str(directory)), WORDS)
        self.site = Site(sources, self.key)
        self.base = f"http://{HOST}/{self.key.place}/"
        self.client = self.stranger()
        answer = self.client.get(f"{self.base}?token={self.key.token}")
        assert answer.status_code == 200

    def stranger(self) -> TestClient:
        """Return a client that knows nothing."""
        return TestClient(self.site.app, base_url=f"http://{HOST}", follow_redirects=False)

    def get(self, view: str = "", **asked: object) -> Any:
        """Ask for a view, until all of it is there."""
        return self._whole(view, {k: str(v) for k, v in asked.items()})

    def _whole(self, address: str, asked: dict[str, str] | None = None) -> Any:
        deadline = time.monotonic() + 60
        while True:
            answer = self.client.get(f"{self.base}{address}", params=asked)
            if " data-soon>" not in answer.text:
                return answer
            assert time.monotonic() < deadline

    def text(self, view: str = "", **asked: object) -> str:
        """Return the page of a view that there is."""
        answer = self.get(view, **asked)
        assert answer.status_code == 200, answer.text
        return str(answer.text)

    def walk(self, most: int = 6) -> Iterator[tuple[str, Any]]:
        """Follow all links from the first page on, `most` to each view; yield the answers."""
        return walk(self._whole, [""], most)


def walk(get: Callable[[str], Any], todo: list[str], most: int) -> Iterator[tuple[str, Any]]:
    """Follow all links from the addresses `todo` on, `most` to each view; yield the answers."""
    seen: Counter[str] = Counter()
    met: set[str] = set()
    while todo:
        address = todo.pop(0)
        view = address.partition("?")[0]
        if address in met or seen[view] >= most:
            continue
        met.add(address)
        seen[view] += 1
        answer = get(address)
        yield address, answer
        if "html" in answer.headers["content-type"]:
            todo += links(answer.text)


def links(page: str) -> list[str]:
    """List the addresses that a page leads to, without what follows a "#"."""
    found = re.findall(r'(?:href|src)="([^"#][^"]*)"', page)
    return [html.unescape(one).partition("#")[0].removeprefix("./") for one in found]


def lines_of(page: str) -> list[tuple[int, str]]:
    """Read the numbered lines of code of a file's page."""
    found = re.findall(r'<span id="L(\d+)"><a href="#L\d+">\d+</a>(.*?)</span>', page, re.DOTALL)
    return [(int(number), html.unescape(text)) for number, text in found]
