"""Put the views together: which address is answered by what, and how what goes wrong is told."""

import os
import sqlite3
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, closing, suppress
from typing import Any

from anyio import to_thread
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.routing import Mount, Route

from lib.ledger.store import FILE_NAME
from lib.ledger.usage import Stats
from lib.system import packages
from lib.web import (
    file_view,
    hints_view,
    overview,
    page,
    pattern_view,
    search_view,
    session_view,
    unit_view,
)
from lib.web.asked import Aides, Asked, Sources
from lib.web.comparison import Comparisons
from lib.web.guard import Guard, Key
from lib.web.live import Live, mark
from lib.web.page import HERE, Absent, rendered

# So many requests are answered at once: each has memory of its own.
THREADS = 4
VIEWS: dict[str, Callable[[Stats, Asked], dict[str, Any]]] = {
    "": overview.home,
    "project": overview.project,
    "file": file_view.file,
    "step": file_view.step,
    "sessions": overview.sessions,
    "session": session_view.session,
    "search": search_view.search,
    "pattern": pattern_view.pattern,
    "unit": unit_view.unit,
    "hints": hints_view.hints,
}
STATIC = {"page.css": "text/css", "page.js": "text/javascript", "icon.svg": "image/svg+xml"}


class Site:
    """The page over a spool, for who has the `key`. `app` is what a server calls."""

    def __init__(self, sources: Sources, key: Key) -> None:
        self.live = Live(sources.directory)
        self._comparisons = Comparisons(sources.directory)
        self._sources = sources
        self._aides = Aides(sources.directory)
        page.prepare()
        routes = [Route(f"/{name}", self._endpoint(name)) for name in VIEWS]
        routes += [
            Route("/books", self._books),
            Route("/reuse", self._reuse),
            Route("/live", self._live),
            *(Route(f"/static/{name}", _static(name, kind)) for name, kind in STATIC.items()),
        ]
        inner = Starlette(
            routes=[Mount(f"/{key.place}", routes=routes)],
            lifespan=self._lifespan,
            exception_handlers={404: _missing},
        )
        self.app = Guard(inner, key)

    @asynccontextmanager
    async def _lifespan(self, app: Starlette) -> AsyncIterator[None]:
        to_thread.current_default_thread_limiter().total_tokens = THREADS
        self._prepare()
        yield
        self._comparisons.close()

    def _prepare(self) -> None:
        """Begin with what the first views would wait for."""
        with suppress(OSError, sqlite3.Error):
            if os.path.exists(f"{self._sources.directory}/{FILE_NAME}"):
                overview.prepare(self._asked({}))

    def _asked(self, query: Mapping[str, str]) -> Asked:
        return Asked(query, self._sources, self._aides)

    def _endpoint(self, name: str) -> Callable[[Request], Response]:
        view = VIEWS[name]

        def answer(request: Request) -> Response:
            asked = self._asked(request.query_params)
            return self._told(name or "home", lambda history: view(history, asked))

        return answer

    def _told(self, name: str, tell: Callable[[Stats], Mapping[str, Any]]) -> Response:
        """Answer with what `tell` reads from the ledger, in the template of that name."""
        path = f"{self._sources.directory}/{FILE_NAME}"
        try:
            if not os.path.exists(path):
                return _problem("Nothing was recorded yet", "It begins with Claude's first edit.")
            with closing(Stats(path, is_read_only=True)) as history:
                if not history.has_events():
                    return _problem("Nothing was recorded yet", "It begins with the first edit.")
                return rendered(f"{name}.html", tell(history))
        except Absent as error:
            return _problem("Not recorded", f"{error}", 404)
        except (sqlite3.Error, OSError, packages.Missing) as error:
            return _problem("The ledger cannot be read now", f"{error}", 503)
        except Exception as error:  # one bad row takes one view away
            return _problem("This cannot be shown", f"{type(error).__name__}: {error}", 500)

    def _books(self, request: Request) -> Response:
        try:
            return rendered("books.html", overview.books(self._asked(request.query_params)))
        except (sqlite3.Error, OSError) as error:
            return _problem("The spool cannot be read now", f"{error}", 503)

    def _reuse(self, request: Request) -> Response:
        root = request.query_params.get("root", "").rstrip("/")

        def tell(history: Stats) -> dict[str, Any]:
            if not history.project(root).files:
                raise Absent(f"no file below {root or '/'} was recorded")
            found = self._comparisons.of(root, mark(self._sources.directory))
            return {"root": root, **found._asdict()}

        return self._told("reuse", tell)

    async def _live(self, request: Request) -> Response:
        if self.live.is_full:
            return PlainTextResponse("too many listen\n", 503)
        return StreamingResponse(self.live.listen(), media_type="text/event-stream")


def _problem(title: str, text: str, status: int = 200) -> Response:
    return rendered("problem.html", {"title": title, "text": text}, status)


async def _missing(request: Request, error: Exception) -> Response:
    return _problem("Not found", "there is no such page", 404)


def _static(name: str, kind: str) -> Callable[[Request], Response]:
    with open(f"{HERE}/static/{name}", "rb") as file:
        content = file.read()

    def answer(request: Request) -> Response:
        headers = {"cache-control": "private, max-age=3600"}
        return Response(content, media_type=kind, headers=headers)

    return answer
