"""A double of the traceability service: a real HTTP server on loopback that keeps its contract.

    with ServiceDouble() as server:
        server.faults.push(Fault.DB_DOWN, times=2, error_type="InterfaceError")
        ...  # a client talks to server.url
        assert server.commits == {"event-1": 1}

`python -m tests.support.service_double` runs one as a process, which prints its URL first and
answers GET /_double with what it has counted.
"""

import argparse
import json
import signal
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from types import TracebackType
from typing import Any

from tests.support.service_app import Request, Service, route_of
from tests.support.service_faults import Fault, FaultBoard, RateLimit
from tests.support.service_graph import Edge, Key, Lineage, Node, StoredEvent
from tests.support.service_listener import LOOPBACK, Listener
from tests.support.service_wire import Connection

__all__ = ["Edge", "Fault", "Key", "Lineage", "Node", "Record", "ServiceDouble", "StoredEvent"]


@dataclass
class Record:
    """One request as it came in.

    `time` is in seconds of the server's clock; `status` is what was sent, None so far nothing.
    """

    request: Request
    time: float
    fault: Fault | None = None
    status: int | None = None

    @property
    def method(self) -> str:
        return self.request.method

    @property
    def path(self) -> str:
        return self.request.target

    @property
    def headers(self) -> dict[str, str]:
        """Header values by lower-case name."""
        return dict(self.request.headers)

    @property
    def size(self) -> int:
        """Bytes of the body."""
        return len(self.request.body)

    @cached_property
    def body(self) -> Any:
        """The parsed body, None where it is not JSON."""
        try:
            return json.loads(self.request.body)
        except (ValueError, RecursionError):
            return None


class ServiceDouble:
    """The service, its faults and what reached it.

    `latency` is added to every request, `idle_timeout` closes a silent connection (both in
    seconds, settable between requests); `rate_limit` is in requests per sliding minute of
    `clock`, None for no limit.
    """

    def __init__(
        self,
        *,
        port: int = 0,
        latency: float = 0.0,
        rate_limit: int | None = 1000,
        idle_timeout: float | None = 5.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.latency = latency
        self.idle_timeout = idle_timeout
        self.clock = clock
        self.limit = RateLimit(rate_limit, clock)
        self.faults = FaultBoard(self._follow_faults)
        self.service = Service(lambda: self.faults.healthy)
        self.stopping = threading.Event()
        self._records: list[Record] = []
        self._changed = threading.Condition()
        self._gate = threading.Lock()
        self._started = False
        self._listener = Listener(port, self._connected)
        self.url = f"http://{LOOPBACK}:{self._listener.port}"

    def start(self) -> "ServiceDouble":
        self._started = True
        self._follow_faults()
        return self

    def stop(self) -> None:
        """End every hang, close every socket and wait for the threads."""
        with self._gate:
            self.stopping.set()
        self._listener.stop()

    def __enter__(self) -> "ServiceDouble":
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    @property
    def requests(self) -> list[Record]:
        """Every request whose head was read, in order of arrival."""
        with self._changed:
            return list(self._records)

    @property
    def events(self) -> list[StoredEvent]:
        """Every event accepted, in order; one accepted twice is there twice."""
        with self.service.lock:
            return list(self.service.graph.events)

    @property
    def commits(self) -> Counter[str]:
        """How many times each `pattern_data.event_id` was accepted."""
        with self.service.lock:
            return Counter(self.service.graph.commits)

    @property
    def nodes(self) -> dict[Key, Node]:
        with self.service.lock:
            return dict(self.service.graph.nodes)

    @property
    def edges(self) -> set[Edge]:
        with self.service.lock:
            return set(self.service.graph.edges)

    def lineage(self, pattern_id: str) -> Lineage:
        with self.service.lock:
            return self.service.graph.lineage(pattern_id)

    def count(
        self, path: str | None = None, method: str | None = None, status: int | None = None
    ) -> int:
        """Requests that match; `path` with or without the prefix, without the query."""
        route = None if path is None else route_of(path)
        return sum(
            route in (None, route_of(record.path))
            and method in (None, record.method)
            and status in (None, record.status)
            for record in self.requests
        )

    def wait_until(self, predicate: Callable[[], bool], timeout: float = 5.0) -> bool:
        """Wait for what a request brings about; False after `timeout` seconds."""
        with self._changed:
            return self._changed.wait_for(predicate, timeout)

    def note(self, request: Request, fault: Fault | None) -> Record:
        """Record a request that has arrived."""
        record = Record(request, self.clock(), fault)
        with self._changed:
            self._records.append(record)
            self._changed.notify_all()
        return record

    def changed(self) -> None:
        """Wake `wait_until`."""
        with self._changed:
            self._changed.notify_all()

    def statistics(self) -> dict[str, int]:
        """The answer to GET /_double."""
        with self.service.lock:
            graph = self.service.graph
            counts = {"events": len(graph.events), "distinct": len(graph.commits)}
            counts |= {"nodes": len(graph.nodes), "edges": len(graph.edges)}
        return {"requests": len(self.requests), **counts}

    def _connected(self, connection: socket.socket) -> None:
        Connection(connection, self)

    def _follow_faults(self) -> None:
        with self._gate:
            if not self._started or self.stopping.is_set():
                return
            if self.faults.refusing:
                self._listener.refuse()
            else:
                self._listener.open()


def main() -> None:
    """Serve until SIGTERM or SIGINT."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--latency", type=float, default=0.0, help="seconds added to each request")
    parser.add_argument("--rate-limit", type=int, default=1000, help="a minute; 0: none")
    parser.add_argument("--fault", choices=[fault.value for fault in Fault])
    options = parser.parse_args()
    ended = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ended.set())
    double = ServiceDouble(
        port=options.port, latency=options.latency, rate_limit=options.rate_limit or None
    )
    if options.fault:
        double.faults.set(Fault(options.fault))
    with double:
        print(double.url, flush=True)
        ended.wait()


if __name__ == "__main__":
    main()
