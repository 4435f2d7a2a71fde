"""What a request meets before the service: the rate limit and the faults a test ordered."""

import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from enum import Enum
from typing import Any

from tests.support.service_app import BATCH, HEALTH, PREFIX, Outage, failure_reply, json_reply
from tests.support.service_graph import Failure

DB_ERRORS = {
    "ConnectionRefusedError": "[Errno 111] Connect call failed ('127.0.0.1', 5432)",
    "ConnectionDoesNotExistError": "connection was closed in the middle of operation",
    "InterfaceError": "connection is closed",
    "AdminShutdownError": "terminating connection due to administrator command",
    "ReadOnlySQLTransactionError": "cannot execute INSERT in a read-only transaction",
}
HOSTILE_RETRY_AFTER = (
    "",
    "-1",
    "0",
    "nan",
    "1e309",
    "9" * 400,
    "soon",
    "Thu, 01 Jan 1970 00:00:00 GMT",
    "Fri, 31 Dec 9999 23:59:59 GMT",
    "Wed, 99 Foo 2099 99:99:99 GMT",
    "\xff\xfe",
)


class Fault(Enum):
    """What can go wrong; OPTIONS holds each one's settings."""

    REFUSE = "refuse"
    RESET = "reset"
    HANG_BEFORE_READING = "hang_before_reading"
    HANG_AFTER_READING = "hang_after_reading"
    COMMIT_THEN_HANG = "commit_then_hang"
    COMMIT_THEN_CLOSE = "commit_then_close"
    SLOW_BYTES = "slow_bytes"
    HALF_ANSWER = "half_answer"
    INVALID_JSON = "invalid_json"
    HTML = "html"
    HUGE = "huge"
    STATUS = "status"
    DB_DOWN = "db_down"
    DB_COLD = "db_cold"
    DB_STARTING = "db_starting"
    DB_FROZEN = "db_frozen"
    RATE_LIMITED = "rate_limited"
    NO_BATCH_ROUTE = "no_batch_route"


# Delays are seconds, sizes bytes. `commits`: the service stores the request before the fault.
OPTIONS: dict[Fault, dict[str, Any]] = {
    Fault.REFUSE: {},
    Fault.RESET: {"commits": False},
    Fault.HANG_BEFORE_READING: {},
    Fault.HANG_AFTER_READING: {"commits": False},
    Fault.COMMIT_THEN_HANG: {"commits": True},
    Fault.COMMIT_THEN_CLOSE: {"commits": True},
    Fault.SLOW_BYTES: {"commits": True, "delay": 0.05},
    Fault.HALF_ANSWER: {"commits": True},
    Fault.INVALID_JSON: {"commits": False, "status": 200},
    Fault.HTML: {"commits": False, "status": 200},
    Fault.HUGE: {"commits": False, "size": 2**30, "content_length": True},
    Fault.STATUS: {"commits": False, "status": 500, "headers": {}, "body": b""},
    Fault.DB_DOWN: {"healthy": True, "error_type": "ConnectionRefusedError", "after": None},
    Fault.DB_COLD: {"healthy": True},
    Fault.DB_STARTING: {"healthy": True},
    Fault.DB_FROZEN: {"healthy": True, "delay": 30.0},
    Fault.RATE_LIMITED: {"retry_after": None},
    Fault.NO_BATCH_ROUTE: {"status": 404},
}


@dataclass
class Armed:
    """One fault as a test ordered it; `times` is None for as long as it stays."""

    kind: Fault
    options: Mapping[str, Any]
    times: int | None = None
    method: str | None = None
    path: str | None = None

    @property
    def of_database(self) -> bool:
        return "healthy" in self.options

    def meets(self, method: str, route: str) -> bool:
        """Whether a request runs into it; /health never needs the database."""
        if self.of_database and route == HEALTH:
            return False
        return self.method in (None, method) and self.path in (None, route)


def arm(
    kind: Fault,
    times: int | None = None,
    method: str | None = None,
    path: str | None = None,
    **options: Any,
) -> Armed:
    """Check the options (TypeError for one that the fault lacks) and fill in the defaults."""
    if unknown := options.keys() - OPTIONS[kind]:
        raise TypeError(f"{kind.name} has no option {sorted(unknown)}")
    if kind is Fault.REFUSE and (method or path):
        raise TypeError("a closed port sees neither method nor path")
    if kind is Fault.NO_BATCH_ROUTE:
        path = BATCH
    path = path.removeprefix(PREFIX) if path else None
    return Armed(kind, {**OPTIONS[kind], **options}, times, method, path)


def outage_of(fault: Armed) -> Outage | None:
    """How a database fault looks to the service; None for any other fault."""
    if fault.kind is Fault.DB_DOWN:
        error_type = fault.options["error_type"]
        failure = Failure(DB_ERRORS.get(error_type, "the connection was lost"), error_type)
        return Outage(failure_reply(failure), failure, fault.options["after"])
    failure = Failure("the database system is starting up", "CannotConnectNowError")
    if fault.kind is Fault.DB_STARTING:
        return Outage(failure_reply(failure), failure)
    if fault.kind is Fault.DB_COLD:
        return Outage(json_reply(503, {"detail": "Lineage tracker not initialized"}), failure)
    if fault.kind is Fault.DB_FROZEN:
        return Outage(json_reply(504, {"detail": "Request timed out"}), failure)
    return None


class RateLimit:
    """`limit` requests in any 60 seconds of `clock`; a refused one does not count."""

    def __init__(self, limit: int | None, clock: Callable[[], float]) -> None:
        self.limit = limit
        self._clock = clock
        self._times: deque[float] = deque()
        self._lock = threading.Lock()

    def allows(self) -> bool:
        with self._lock:
            now = self._clock()
            while self._times and self._times[0] <= now - 60:
                self._times.popleft()
            if self.limit is not None and len(self._times) >= self.limit:
                return False
            self._times.append(now)
            return True


class FaultBoard:
    """The faults of one server. `on_change` runs after every change, outside the lock."""

    def __init__(self, on_change: Callable[[], None] = lambda: None) -> None:
        self._queue: deque[Armed] = deque()
        self._standing: Armed | None = None
        self._lock = threading.Lock()
        self._on_change = on_change

    def push(self, kind: Fault, *, times: int = 1, **where_and_options: Any) -> None:
        """Queue a fault for the next `times` requests that it meets.

        Only the head of the queue is looked at. REFUSE cannot count what never arrives: from
        the head of the queue it closes the port until `skip` or `clear`.
        """
        armed = arm(kind, times, **where_and_options)
        with self._lock:
            self._queue.append(armed)
        self._on_change()

    def set(self, kind: Fault, **where_and_options: Any) -> None:
        """Let every request that the queue leaves alone meet this fault until `clear`."""
        self._stand(arm(kind, None, **where_and_options))

    def clear(self) -> None:
        """Forget the queue and the standing fault; connections that hang go on hanging."""
        with self._lock:
            self._queue.clear()
        self._stand(None)

    def skip(self) -> None:
        """Drop the head of the queue."""
        with self._lock:
            self._queue.popleft()
        self._on_change()

    @contextmanager
    def during(self, kind: Fault, **where_and_options: Any) -> Iterator[None]:
        """`set` inside the block, and what stood before after it."""
        before = self._standing
        self.set(kind, **where_and_options)
        try:
            yield
        finally:
            self._stand(before)

    @property
    def pending(self) -> list[Fault]:
        """The queue, next first."""
        with self._lock:
            return [armed.kind for armed in self._queue]

    @property
    def refusing(self) -> bool:
        armed = self._current()
        return armed is not None and armed.kind is Fault.REFUSE

    @property
    def healthy(self) -> bool:
        """What /health says of the fault in force."""
        armed = self._current()
        return armed is None or bool(armed.options.get("healthy", True))

    def take(self, method: str, route: str) -> Armed | None:
        """The fault that this request meets, counted down."""
        with self._lock:
            head = self._queue[0] if self._queue else None
            if head is None or not head.meets(method, route):
                standing = self._standing
                return standing if standing and standing.meets(method, route) else None
            if head.kind is not Fault.REFUSE and head.times is not None:
                head.times -= 1
                if head.times <= 0:
                    self._queue.popleft()
        self._on_change()
        return head

    def _stand(self, armed: Armed | None) -> None:
        with self._lock:
            self._standing = armed
        self._on_change()

    def _current(self) -> Armed | None:
        with self._lock:
            return self._queue[0] if self._queue else self._standing
