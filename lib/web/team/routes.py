"""Answer the requests of the wire: track, batch, health, lineage, evolution, analytics."""

import time
from collections.abc import Callable, Sequence
from typing import Any, TypeVar
from urllib.parse import unquote

import anyio
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from lib.delivery.diagnosis import TEAM
from lib.web.team import accepting
from lib.web.team.accepting import Unfit
from lib.web.team.gatekeeping import HEALTH, PREFIX, away
from lib.web.team.grouping import Grouping
from lib.web.team.receiving import Room
from lib.web.team.stored import Arrived, Outcome, Reader, Storage, StorageError

T = TypeVar("T")
TRACK = f"{PREFIX}/lineage/track"
BATCH = f"{TRACK}/batch"
LINEAGE = f"{PREFIX}/lineage/"
EVOLUTION = b"/evolution"
# In bytes: larger bodies are parsed beside the others' requests.
LARGE = 256 * 1024
# The database is asked for its health so often, in seconds, whoever asks.
HEALTH_SECONDS = 1.0
SECONDS_A_DAY = 86_400.0


class Service:
    """The routes over `storage`, whose events `grouping` records."""

    def __init__(self, storage: Storage, grouping: Grouping) -> None:
        self._storage = storage
        self._grouping = grouping
        self._room = Room()
        self._health: tuple[float, str, str] = (0.0, "", "")
        self._asking = anyio.Lock()

    def routes(self) -> list[BaseRoute]:
        """Return the routes, with their whole paths."""
        return [
            Route(HEALTH, self._answer_health, methods=["GET"]),
            Route(TRACK, self._track, methods=["POST"]),
            Route(BATCH, self._batch, methods=["POST"]),
            Route(f"{TRACK}/", _without_slash, methods=["POST"]),
            Route(f"{BATCH}/", _without_slash, methods=["POST"]),
            Route(f"{PREFIX}/analytics", self._analytics, methods=["GET"]),
            Route(LINEAGE + "{rest:path}", self._lineage, methods=["GET"]),
        ]

    async def _track(self, request: Request) -> Response:
        async with self._room.body(request) as raw:
            body = await _parsed(accepting.event, raw)
            (arrived,) = self._arrived(request, [body])
            try:
                (outcome,) = await self._grouping.add([arrived])
            except StorageError as error:
                if error.is_passing:
                    raise
                raise Unfit(400, "the database cannot hold this event") from None
        data = _told(body, outcome)
        return JSONResponse(
            {"success": True, "data": data, "metadata": {"event_type": body["event_type"]}}
        )

    async def _batch(self, request: Request) -> Response:
        async with self._room.body(request) as raw:
            found = await _parsed(accepting.batch, raw)
            arrived = self._arrived(request, found.bodies)
            outcomes = await self._recorded(arrived)
        results = [
            {"event_index": index, "success": True, "data": _told(body, outcome)}
            for index, (body, outcome) in enumerate(zip(found.bodies, outcomes, strict=True))
        ]
        value = {"success": True, "total_events": len(results), "processing_mode": found.mode}
        return JSONResponse(value | {"successful_results": results, "failed_results": None})

    async def _recorded(self, arrived: Sequence[Arrived]) -> list[Outcome]:
        """Record a batch. Raises StorageError, and Unfit, which names what cannot be recorded."""
        if not arrived:
            return []
        try:
            return await self._grouping.add(arrived)
        except StorageError as error:
            if error.is_passing:
                raise
        outcomes = []
        for index, one in enumerate(arrived):
            try:
                outcomes += await self._grouping.add([one])
            except StorageError as error:
                if error.is_passing:
                    raise
                problem = accepting.told_of(index, "the database cannot hold this event")
                raise Unfit(400, problem) from None
        return outcomes

    def _arrived(self, request: Request, bodies: Sequence[accepting.Body]) -> list[Arrived]:
        """Say who sent each body, and of which project. Raises Unfit for another's project."""
        reader: Reader = request.state.reader
        person, now = request.state.person, time.time()
        arrived = []
        for index, body in enumerate(bodies):
            told = body["pattern_data"].get("project")
            project = told if isinstance(told, str) else ""
            if reader.projects is not None and project not in reader.projects:
                problem = "this token is not for the project of this event"
                raise Unfit(400, accepting.told_of(index, problem))
            # Of one request what is before came before.
            arrived.append(Arrived(person, project, body, now + index / 1e6))
        return arrived

    async def _answer_health(self, request: Request) -> Response:
        async with self._asking:
            if time.monotonic() - self._health[0] > HEALTH_SECONDS:
                kind, problem = "", ""
                try:
                    kind = await run_in_threadpool(self._storage.health)
                except StorageError as error:
                    problem = error.error_type
                self._health = (time.monotonic(), kind, problem)
        _, kind, problem = self._health
        word = "unavailable" if problem else "operational"
        value: dict[str, Any] = {
            "status": "unhealthy" if problem else "healthy",
            "components": {"lineage_tracker": word, "usage_analytics": word, "database": word},
            "server": TEAM,
            "time": time.time(),
        }
        if person := getattr(request.state, "person", None):
            value["database"] = kind or problem
            projects = request.state.reader.projects
            value["token"] = {
                "person": person,
                "rights": sorted(request.state.rights),
                "projects": None if projects is None else sorted(projects),
            }
        return JSONResponse(value, 503 if problem else 200)

    def _lineage(self, request: Request) -> Response:
        raw: bytes = request.scope["raw_path"]
        raw = raw.split(LINEAGE.encode(), 1)[-1]
        if raw == b"track/batch":
            return JSONResponse({"detail": "Method Not Allowed"}, 405)
        # An id may hold slashes, which are as good without being escaped.
        if raw.endswith(EVOLUTION):
            return self._evolution(request, _unquoted(raw.removesuffix(EVOLUTION)))
        pattern_id, reader = _unquoted(raw), request.state.reader
        kind = request.query_params.get("query_type", "ancestry")
        if kind not in ("ancestry", "descendants"):
            raise Unfit(400, f"Invalid query_type: {kind}")
        depth, limit = _number(request, "depth", 100), _number(request, "limit", 1000)
        ask = self._storage.ancestry if kind == "ancestry" else self._storage.descendants
        found = ask(pattern_id, reader, depth, limit)
        if not found:
            self._check_known(pattern_id, reader)
        name = "ancestors" if kind == "ancestry" else kind
        return _answer({
            "pattern_id": pattern_id,
            name: sorted({relation.pattern_id for relation in found}),
            "relations": [relation._asdict() for relation in found],
        })  # fmt: skip

    def _evolution(self, request: Request, pattern_id: str) -> Response:
        found = self._storage.evolution(pattern_id, request.state.reader)
        if not found:
            self._check_known(pattern_id, request.state.reader)
        versions = [{"pattern_id": pattern_id, **version._asdict()} for version in found]
        return _answer({"pattern_id": pattern_id, "evolution": versions})

    def _check_known(self, pattern_id: str, reader: Reader) -> None:
        if self._storage.pattern(pattern_id, reader) is None:
            raise Unfit(404, f"Pattern not found: {pattern_id}")

    def _analytics(self, request: Request) -> Response:
        days = _number(request, "days", 0)
        since = time.time() - days * SECONDS_A_DAY if days else None
        return _answer(self._storage.analytics(request.state.reader, since)._asdict())


async def _parsed(parse: Callable[[bytes], T], raw: bytes) -> T:
    return parse(raw) if len(raw) < LARGE else await run_in_threadpool(parse, raw)


async def _without_slash(request: Request) -> Response:
    path = str(request.url.replace(path=request.url.path.rstrip("/")))
    return RedirectResponse(path, 307)


def _told(body: accepting.Body, outcome: Outcome) -> dict[str, Any]:
    data: dict[str, Any] = {"pattern_id": body["pattern_id"], "status": outcome.status}
    return data | ({"missing": list(outcome.missing)} if outcome.missing else {})


def _answer(data: dict[str, Any]) -> Response:
    return JSONResponse({"success": True, "data": data, "metadata": {}})


def _unquoted(raw: bytes) -> str:
    text = unquote(raw.decode("latin-1"), "utf-8", "replace")
    if "\0" in text:
        raise Unfit(400, "a NUL character is in no id")
    return text


def _number(request: Request, name: str, default: int) -> int:
    text = request.query_params.get(name, f"{default}")
    if not text.isdecimal() or len(text) > 6:
        problem = {"type": "value_error", "loc": ["query", name], "msg": "a number is needed"}
        raise Unfit(422, [problem])
    return int(text)


async def answer_unfit(request: Request, error: Exception) -> Response:
    """Answer a request that is refused."""
    assert isinstance(error, Unfit)
    # What was not read to its end must not be taken for the next request.
    headers = {"connection": "close"} if error.status in (408, 413) else None
    return JSONResponse({"detail": error.detail}, error.status, headers)


async def answer_away(request: Request, error: Exception) -> Response:
    """Answer while the database is away."""
    assert isinstance(error, StorageError)
    return away(error)
