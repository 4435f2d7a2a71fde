"""The team's server in a thread of the tests, on a real socket, over a real database."""

import threading
import time
from types import TracebackType

from lib.web.team import bearer, hosting
from lib.web.team.app import Rules
from lib.web.team.hosting import Place
from lib.web.team.stored import Storage, Token
from tests.support.service_client import Client

ALL = ("read", "write", "admin")


class TeamServer:
    """A server over `storage`; `url` is where it listens."""

    def __init__(
        self, storage: Storage, rules: Rules | None = None, place: Place | None = None
    ) -> None:
        self.storage = storage
        place = place or Place()
        self._server = hosting.prepared(storage, rules or Rules(rate=0), place)
        self._listener = hosting.listening(place)
        scheme = "https" if place.certificate else "http"
        self.port = self._listener.getsockname()[1]
        self.url = f"{scheme}://{place.host}:{self.port}"
        self._thread = threading.Thread(target=self._server.run, args=([self._listener],))

    def __enter__(self) -> "TeamServer":
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._server.should_exit = True
        self._thread.join(40)
        assert not self._thread.is_alive()
        self._listener.close()

    def token(
        self, person: str = "jane", rights: tuple[str, ...] = ALL, projects: set[str] | None = None
    ) -> str:
        """Make a token that is good from now on."""
        made = bearer.make()
        allowed = None if projects is None else frozenset(projects)
        digest = bearer.digest_of(made)
        self.storage.add_token(
            Token(digest[:12], digest, person, frozenset(rights), allowed, time.time())
        )
        return made

    def client(
        self, person: str = "jane", rights: tuple[str, ...] = ALL, projects: set[str] | None = None
    ) -> Client:
        """Connect somebody who has a token with these rights."""
        return Client(self, Authorization=f"Bearer {self.token(person, rights, projects)}")
