"""The routes of the traceability service: from one request to one reply, no sockets."""

import json
import re
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple
from urllib.parse import parse_qs, unquote, urlsplit

from tests.support.service_graph import Failure, Graph
from tests.support.service_rules import (
    BadValue,
    Event,
    SchemaError,
    check_values,
    read_batch,
    read_event,
    read_json,
)

PREFIX = "/api/pattern-traceability"
TRACK = "/lineage/track"
BATCH = "/lineage/track/batch"
HEALTH = "/health"
Results = tuple[list[dict[str, Any]], list[dict[str, Any]]]
_READ = re.compile(r"/lineage/([^/]+)(/evolution)?")


class Request(NamedTuple):
    """One request; `target` is the path with its query as sent, header names are lower case."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True)
class Reply:
    """One answer; Content-Length and Connection are added on the way out."""

    status: int
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)


class Outage(NamedTuple):
    """A database that is away: `reply` to whatever needs it.

    With `after`, a batch stores that many events first; each later one fails with `failure`.
    """

    reply: Reply
    failure: Failure
    after: int | None = None


def route_of(target: str) -> str:
    """The path without prefix, query and percent escapes."""
    return unquote(urlsplit(target).path).removeprefix(PREFIX)


def json_reply(status: int, value: Any, headers: Mapping[str, str] | None = None) -> Reply:
    """`value` as an application/json answer."""
    return Reply(
        status, json.dumps(value).encode(), {"Content-Type": "application/json", **(headers or {})}
    )


def failure_reply(failure: Failure) -> Reply:
    """400, or 500 as soon as the error's text contains the word "database"."""
    status = 500 if "database" in str(failure).lower() else 400
    value = {"success": False, "error": str(failure)}
    return json_reply(status, {**value, "metadata": {"error_type": failure.error_type}})


class Service:
    """The service's behaviour over one graph; `answer` may be called from any thread.

    `max_depth` is the deepest JSON nesting that it reads; `failed_metadata` says whether
    `failed_results` carry an `error_type`; `components` is what /health reports.
    """

    def __init__(self, healthy: Callable[[], bool]) -> None:
        self.graph = Graph()
        self.lock = threading.Lock()
        self.max_depth = 500
        self.failed_metadata = True
        self.components = {"lineage_tracker": "operational", "usage_analytics": "operational"}
        self._healthy = healthy

    def answer(self, request: Request, outage: Outage | None = None) -> Reply:
        try:
            return self._route(request, outage)
        except SchemaError as error:
            return json_reply(422, {"detail": error.detail})
        except BadValue as error:
            return json_reply(400, {"detail": str(error)})
        except Failure as failure:
            return failure_reply(failure)

    def _route(self, request: Request, outage: Outage | None) -> Reply:
        route = route_of(request.target)
        if not request.target.startswith(PREFIX):
            return json_reply(404, {"detail": "Not Found"})
        if (request.method, route) == ("POST", TRACK):
            return self._track(request, outage)
        if (request.method, route) == ("POST", BATCH):
            return self._track_batch(request, outage)
        if (request.method, route) == ("GET", HEALTH):
            return self._health()
        if request.method == "GET" and (match := _READ.fullmatch(route)) and route != BATCH:
            return outage.reply if outage else self._read(match[1], match[2], request.target)
        return _no_route(request, route)

    def _json(self, request: Request) -> Any:
        if request.headers.get("content-encoding", "identity") != "identity":
            raise BadValue("There was an error parsing the body")
        return read_json(request.body, self.max_depth)

    def _track(self, request: Request, outage: Outage | None) -> Reply:
        event = read_event(self._json(request))
        check_values(event)
        if outage:
            return outage.reply
        with self.lock:
            data = self._apply(event)
        metadata = {"event_type": event["event_type"]}
        return json_reply(200, {"success": True, "data": data, "metadata": metadata})

    def _apply(self, event: Event) -> dict[str, Any]:
        return {"pattern_id": event["pattern_id"], "status": self.graph.apply(event)}

    def _track_batch(self, request: Request, outage: Outage | None) -> Reply:
        events, mode = read_batch(self._json(request))
        if not events:
            return json_reply(500, {"detail": "Internal Server Error"})
        if outage and outage.after is None:
            return outage.reply
        # Reversed is the parallel order that is worst for children, and the same at every run.
        order = range(len(events))[:: 1 if mode == "sequential" else -1]
        with self.lock:
            done, failed = self._run(events, order, outage)
        value = {"success": not failed, "total_events": len(events), "processing_mode": mode}
        value |= {"successful_results": done, "failed_results": failed or None}
        return json_reply(200, value)

    def _run(self, events: list[Event], order: Iterable[int], outage: Outage | None) -> Results:
        done: list[dict[str, Any]] = []
        failed: list[dict[str, Any]] = []
        for position, index in enumerate(order):
            if outage and position >= (outage.after or 0):
                failed.append(self._failed(index, events[index], outage.failure))
                continue
            try:
                data = self._apply(events[index])
                done.append({"event_index": index, "success": True, "data": data})
            except Failure as failure:
                failed.append(self._failed(index, events[index], failure))
        return done, failed

    def _failed(self, index: int, event: Event, failure: Failure) -> dict[str, Any]:
        result = {"event_index": index, "error": str(failure), "pattern_id": event["pattern_id"]}
        if self.failed_metadata:
            result["metadata"] = {"error_type": failure.error_type}
        return result

    def _health(self) -> Reply:
        if self._healthy():
            return json_reply(200, {"status": "healthy", "components": self.components})
        components = {**self.components, "lineage_tracker": "unavailable"}
        return json_reply(503, {"status": "unhealthy", "components": components})

    def _read(self, pattern_id: str, evolution: str | None, target: str) -> Reply:
        with self.lock:
            versions = self.graph.versions(pattern_id)
            descendants = sorted(self.graph.lineage(pattern_id).descendants)
        if not evolution:
            query_type = parse_qs(urlsplit(target).query).get("query_type", ["ancestry"])[0]
            if query_type == "ancestry":
                return json_reply(500, {"detail": "Internal Server Error"})
            if query_type != "descendants":
                raise BadValue(f"Invalid query_type: {query_type}")
        if not versions:
            return json_reply(404, {"detail": f"Pattern not found: {pattern_id}"})
        found: dict[str, Any] = {"pattern_id": pattern_id}
        if evolution:
            found["evolution"] = [key._asdict() for key in versions]
        else:
            found["descendants"] = descendants
        return json_reply(200, {"success": True, "data": found, "metadata": {}})


def _no_route(request: Request, route: str) -> Reply:
    known = route.removesuffix("/")
    if known not in (TRACK, BATCH, HEALTH) and not _READ.fullmatch(known):
        return json_reply(404, {"detail": "Not Found"})
    if not route.endswith("/"):
        return json_reply(405, {"detail": "Method Not Allowed"})
    path, _, query = request.target.partition("?")
    location = f"http://{request.headers.get('host', '')}{path.removesuffix('/')}"
    return Reply(307, headers={"Location": location + (f"?{query}" if query else "")})
