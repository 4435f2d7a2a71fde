"""The team's page in this process, for one reader, as a browser walks through it."""

import warnings
from collections.abc import Iterator
from typing import Any

from lib.web.team import bearer
from lib.web.team.app import Rules, make
from lib.web.team.gatekeeping import COOKIE
from lib.web.team.stored import Storage, Token
from tests.support.page import walk

with warnings.catch_warnings():
    # It would rather have another client than the one that is here anyway.
    warnings.simplefilter("ignore")
    from starlette.testclient import TestClient

BASE = "http://team.example.org/"


def token_for(
    storage: Storage, person: str, rights: frozenset[str], projects: frozenset[str] | None = None
) -> str:
    """Make a token that is good from now on."""
    made = bearer.make()
    digest = bearer.digest_of(made)
    storage.add_token(Token(digest[:12], digest, person, rights, projects, 0.0))
    return made


class TeamPage:
    """The page over a storage, for who may see `projects` (None: all) and has some rights.

    `person` is None for somebody whom nobody has let in.
    """

    def __init__(
        self,
        storage: Storage,
        projects: frozenset[str] | None = None,
        person: str | None = "ann",
        rights: frozenset[str] = frozenset({"read"}),
    ) -> None:
        self.client = TestClient(
            make(storage, Rules(rate=0)), base_url=BASE, follow_redirects=False
        )
        if person is not None:
            self.client.cookies[COOKIE] = token_for(storage, person, rights, projects)

    def get(self, view: str = "", **asked: object) -> Any:
        """Ask for a view."""
        return self.client.get(f"{BASE}{view}", params={k: str(v) for k, v in asked.items()})

    def text(self, view: str = "", **asked: object) -> str:
        """Return the page of a view that there is."""
        answer = self.get(view, **asked)
        assert answer.status_code == 200, answer.text
        return str(answer.text)

    def walk(self, most: int = 6) -> Iterator[tuple[str, Any]]:
        """Follow all links from the first page on, `most` to each view; yield the answers."""
        todo = ["", "search?q=invoice", "units?q=load"]
        return walk(lambda address: self.client.get(f"{BASE}{address}"), todo, most)
