"""An HTTP client for tests that speak to the service themselves."""

import json
import select
from http.client import HTTPConnection
from typing import Any, NamedTuple, Protocol
from urllib.parse import urlsplit

from tests.support.service_app import BATCH, PREFIX, TRACK


class Server(Protocol):
    """What listens somewhere."""

    @property
    def url(self) -> str: ...


class Answer(NamedTuple):
    """What came back; header names are lower case."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class Client:
    """One keep-alive connection, opened by its first request; `headers` go with each."""

    def __init__(self, server: Server, **headers: str) -> None:
        self.http = HTTPConnection(urlsplit(server.url).netloc, timeout=10)
        self.headers = headers

    def close(self) -> None:
        """Let the next request open a new connection."""
        self.http.close()

    def send(self, method: str, path: str, body: Any = None, **headers: str) -> None:
        raw = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
        self.http.request(method, PREFIX + path, raw, self.headers | headers)

    def receive(self) -> Answer:
        response = self.http.getresponse()
        headers = {name.lower(): value for name, value in response.getheaders()}
        return Answer(response.status, headers, response.read())

    def ask(self, method: str, path: str, body: Any = None, **headers: str) -> Answer:
        self.send(method, path, body, **headers)
        return self.receive()

    def track(self, kind: str, pattern_id: str, **fields: Any) -> Answer:
        return self.ask("POST", TRACK, event(kind, pattern_id, **fields))

    def batch(self, *events: Any, mode: str = "sequential") -> Answer:
        return self.ask("POST", BATCH, {"events": events, "processing_mode": mode})

    def is_silent(self) -> bool:
        """Whether no byte is waiting to be read, at this moment."""
        return not select.select([self.http.sock], [], [], 0)[0]


def event(kind: str, pattern_id: str, *parents: str, **fields: Any) -> dict[str, Any]:
    """A body for the track route, with the event id "<kind>-<pattern_id>"."""
    data = {"code": "x", "event_id": f"{kind}-{pattern_id}"}
    made = {"event_type": f"pattern_{kind}", "pattern_id": pattern_id, "pattern_data": data}
    return made | ({"parent_pattern_ids": parents} if parents else {}) | fields
