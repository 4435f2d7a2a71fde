"""The double answers as the service does, over a real socket, and its faults are what they say."""

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.client import BadStatusLine, HTTPConnection, HTTPException, IncompleteRead
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.support.service_app import BATCH, PREFIX, TRACK
from tests.support.service_client import Client, event
from tests.support.service_double import Fault, Key, ServiceDouble
from tests.support.service_faults import DB_ERRORS, HOSTILE_RETRY_AFTER, OPTIONS

FOREVER = 3600.0


@pytest.fixture
def server() -> Iterator[ServiceDouble]:
    with ServiceDouble() as running:
        yield running


@pytest.fixture
def client(server: ServiceDouble) -> Iterator[Client]:
    made = Client(server)
    yield made
    made.close()


# What all services of the wire answer alike is in tests/test_service_contract.py.


def test_defaults_are_filled_in_and_unknown_fields_dropped(
    server: ServiceDouble, client: Client
) -> None:
    answer = client.track("created", "a", colour="red")
    assert answer.json.keys() == {"success", "data", "metadata"}
    body = server.events[0].body
    assert "colour" not in body
    assert {
        "pattern_name": "", "pattern_type": "code", "pattern_version": "1.0.0",
        "language": "python", "parent_pattern_ids": [], "triggered_by": "api",
    }.items() <= body.items()  # fmt: skip


def test_depth_is_limited(server: ServiceDouble, client: Client) -> None:
    server.service.max_depth = 5
    assert client.track("created", "a", pattern_data={"k": [[[1]]]}).status == 200
    assert client.track("created", "a", pattern_data={"k": [[[[1]]]]}).status == 400


def test_lineage_is_what_the_events_say(server: ServiceDouble, client: Client) -> None:
    for body in (
        event("created", "a"), event("created", "b"), event("modified", "m", "a", "gone"),
        event("forked", "f", "m"), event("merged", "g", "f", "b"), event("deprecated", "a"),
    ):  # fmt: skip
        assert client.ask("POST", TRACK, body).status == 200
    assert server.lineage("g") == ({"a", "m", "f", "b"}, set())
    assert server.lineage("a") == (set(), {"m", "f", "g"})
    types = {edge.edge_type for edge in server.edges}
    assert types == {"modified_from", "derived_from", "merged_from"}
    assert server.nodes[Key("a", "1.0.0")].deprecated


# Duplicates


def test_twice_is_once_but_for_what_is_applied(server: ServiceDouble, client: Client) -> None:
    made = [client.track("created", "a", pattern_version=version) for version in ("1", "1", "2")]
    statuses = [answer.json["data"]["status"] for answer in made]
    assert statuses == ["created", "already_exists", "created"]
    assert list(server.nodes) == [("a", "1"), ("a", "2")]
    assert server.commits == {"created-a": 3}
    client.track("created", "b")
    for body in (event("modified", "m", "a"), event("merged", "g", "a", "b")):
        client.ask("POST", TRACK, body)
        again = client.ask("POST", TRACK, body | {"pattern_name": "other"})
        assert again.json["data"]["status"] == "unchanged"
        assert server.nodes[Key(body["pattern_id"], "1.0.0")].body["pattern_name"] == ""
    client.batch(event("applied", "b"), event("applied", "b"))
    assert server.nodes[Key("b", "1.0.0")].applied == server.commits["applied-b"] == 2


def test_modification_of_itself_makes_a_cycle_on_retry(
    server: ServiceDouble, client: Client
) -> None:
    client.track("created", "a")
    newer = event("modified", "a", "a", pattern_version="2")
    loop = (Key("a", "2"), Key("a", "2"), "modified_from")
    client.ask("POST", TRACK, newer)
    assert loop not in server.edges
    client.ask("POST", TRACK, newer)
    assert loop in server.edges


def test_a_creation_loses_its_parents_and_a_fork_keeps_them(
    server: ServiceDouble, client: Client
) -> None:
    client.track("created", "a")
    client.ask("POST", TRACK, event("created", "b", "a"))
    assert not server.edges
    client.ask("POST", TRACK, event("forked", "c", "a"))
    assert [edge.child.pattern_id for edge in server.edges] == ["c"]


# Batches


def test_only_a_sequential_batch_runs_children_after_parents(
    server: ServiceDouble, client: Client
) -> None:
    answer = client.batch(event("created", "a"), event("modified", "b", "a"))
    assert (answer.json["success"], answer.json["failed_results"]) == (True, None)
    assert [result["event_index"] for result in answer.json["successful_results"]] == [0, 1]
    assert [stored.event_id for stored in server.events] == ["created-a", "modified-b"]
    events = [event("created", "c"), event("modified", "d", "c")]
    by_default = client.ask("POST", BATCH, {"events": events})
    assert (by_default.status, by_default.json["success"]) == (200, False)
    for name, index in (("failed_results", 1), ("successful_results", 0)):
        assert [result["event_index"] for result in by_default.json[name]] == [index]


@pytest.mark.parametrize("with_metadata", [True, False])
def test_batch_reports_what_failed_and_keeps_the_rest(
    server: ServiceDouble, client: Client, with_metadata: bool
) -> None:
    server.service.failed_metadata = with_metadata
    bad = event("applied", "database")
    answer = client.batch(event("created", "a"), bad, event("applied", "a"))
    assert (answer.status, answer.json["success"]) == (200, False)
    (failed,) = answer.json["failed_results"]
    assert (failed["event_index"], failed["pattern_id"]) == (1, "database")
    assert failed.get("metadata") == ({"error_type": "validation_error"} if with_metadata else None)
    assert len(server.events) == 2


# Limits and connections


def test_the_limit_is_a_sliding_minute_and_a_batch_counts_once() -> None:
    now = [0.0]
    with ServiceDouble(rate_limit=2, clock=lambda: now[0]) as server:
        client = Client(server)
        assert client.batch(event("created", "a"), event("created", "b")).status == 200
        now[0] = 30.0
        assert client.ask("GET", "/health").status == 200
        refused = client.track("created", "c")
        assert (refused.status, "retry-after" in refused.headers) == (429, False)
        now[0] = 60.0
        assert client.track("created", "c").status == 200
        assert client.ask("GET", "/health").status == 429
        client.close()
    assert ServiceDouble().limit.limit == 1000


def test_connection_is_kept_alive_then_closed_when_idle(
    server: ServiceDouble, client: Client
) -> None:
    client.ask("GET", "/health")
    sock = client.http.sock
    server.idle_timeout = 0.01
    # In chunks, too.
    raw = json.dumps(event("created", "a")).encode()
    client.http.request("POST", PREFIX + TRACK, iter([raw[:9], raw[9:]]), encode_chunked=True)
    assert client.receive().status == 200
    assert client.http.sock is sock
    assert sock.recv(1) == b""


def test_requests_are_recorded(server: ServiceDouble, client: Client) -> None:
    client.ask("POST", TRACK, event("created", "a"), **{"Idempotency-Key": "k"})
    client.ask("POST", TRACK, b"{")
    first, second = server.requests
    assert (first.method, first.path, first.status) == ("POST", PREFIX + TRACK, 200)
    assert (first.headers["idempotency-key"], first.body["pattern_id"]) == ("k", "a")
    assert (second.body, second.size, second.status) == (None, 1, 422)
    assert server.count() == server.count(TRACK, "POST") == 2 * server.count(TRACK, status=422)


# Faults


def test_refused_once_the_fault_before_is_answered_until_skipped(
    server: ServiceDouble, client: Client
) -> None:
    server.faults.push(Fault.STATUS, status=502)
    server.faults.push(Fault.REFUSE)
    assert client.ask("GET", "/health").status == 502
    assert client.http.sock.recv(1) == b""
    client.close()
    with pytest.raises(ConnectionRefusedError):
        client.ask("GET", "/health")
    client.close()
    server.faults.skip()
    assert client.ask("GET", "/health").status == 200


@pytest.mark.parametrize(
    ("kind", "options", "error", "stored"),
    [
        (Fault.RESET, {}, ConnectionResetError, 0),
        (Fault.RESET, {"commits": True}, ConnectionResetError, 2),
        (Fault.COMMIT_THEN_CLOSE, {}, BadStatusLine, 2),
        (Fault.HALF_ANSWER, {}, IncompleteRead, 2),
    ],
)
def test_no_whole_answer(
    server: ServiceDouble,
    client: Client,
    kind: Fault,
    options: dict[str, Any],
    error: type[Exception],
    stored: int,
) -> None:
    server.faults.push(kind, **options)
    with pytest.raises(error) as caught:
        client.batch(event("created", "a"), event("created", "b"))
    # A line that is no status line is an orderly close.
    assert isinstance(caught.value, BadStatusLine) is (kind is Fault.COMMIT_THEN_CLOSE)
    assert len(server.events) == stored


@pytest.mark.parametrize(
    ("kind", "read", "stored"),
    [
        (Fault.HANG_BEFORE_READING, False, 0),
        (Fault.HANG_AFTER_READING, True, 0),
        (Fault.COMMIT_THEN_HANG, True, 1),
        (Fault.DB_FROZEN, True, 0),
        (None, True, 0),
    ],
    ids=str,
)
def test_a_hang_ends_with_the_server(
    server: ServiceDouble, client: Client, kind: Fault | None, read: bool, stored: int
) -> None:
    if kind:
        server.faults.push(kind)
    else:
        server.latency = FOREVER
    client.send("POST", TRACK, event("created", "a"))
    assert server.wait_until(lambda: server.count() == 1 and len(server.events) == stored)
    assert (server.requests[0].size > 0) is read
    assert client.is_silent()
    server.stop()
    with pytest.raises((HTTPException, OSError)):
        client.receive()
    assert server.requests[0].status is None
    assert len(server.events) == stored
    assert OPTIONS[Fault.DB_FROZEN]["delay"] == 30.0


def test_slow_bytes_come_one_at_a_time(server: ServiceDouble, client: Client) -> None:
    server.faults.push(Fault.SLOW_BYTES, delay=0)
    assert client.track("created", "a").json["success"] is True
    server.faults.push(Fault.SLOW_BYTES, delay=FOREVER)
    client.send("POST", TRACK, event("created", "a"))
    assert client.http.sock.recv(9) == b"H"
    assert client.is_silent()
    assert len(server.events) == 2


@pytest.mark.parametrize("status", [200, 502])
@pytest.mark.parametrize(
    ("kind", "content"), [(Fault.INVALID_JSON, "application/json"), (Fault.HTML, "text/html")]
)
def test_body_that_is_not_an_answer(
    server: ServiceDouble, client: Client, kind: Fault, content: str, status: int
) -> None:
    server.faults.push(kind, status=status)
    answer = client.track("created", "a")
    assert (answer.status, answer.headers["content-type"]) == (status, content)
    with pytest.raises(ValueError, match="Expecting value"):
        json.loads(answer.body)
    assert server.events == []


@pytest.mark.parametrize("content_length", [True, False])
def test_huge_answer_is_streamed_and_has_the_size_it_says(
    server: ServiceDouble, client: Client, content_length: bool
) -> None:
    server.faults.push(Fault.HUGE, content_length=content_length, size=300_000)
    assert len(client.track("created", "a").body) == 300_000
    server.faults.set(Fault.HUGE, content_length=content_length)
    client.send("POST", TRACK, event("created", "a"))
    response = client.http.getresponse()
    assert response.getheader("Content-Length") == (str(2**30) if content_length else None)
    assert response.read(200_000).strip(b"a") == b'"'


def test_any_status_headers_and_body(server: ServiceDouble, client: Client) -> None:
    server.faults.push(Fault.STATUS, status=413, headers={"X-Odd": "1"}, body=b"too much")
    server.faults.push(Fault.STATUS, status=418, body={"detail": "tea"}, commits=True)
    first, second = client.track("created", "a"), client.track("created", "a")
    assert (first.status, first.headers["x-odd"], first.body) == (413, "1", b"too much")
    assert (second.status, second.json) == (418, {"detail": "tea"})
    assert len(server.events) == 1


@pytest.mark.parametrize("error_type", DB_ERRORS)
def test_database_down_is_a_400_while_health_is_fine(
    server: ServiceDouble, client: Client, error_type: str
) -> None:
    server.faults.set(Fault.DB_DOWN, error_type=error_type)
    for answer in (client.track("created", "a"), client.batch(event("created", "a"))):
        assert (answer.status, answer.json["success"]) == (400, False)
        assert answer.json["metadata"]["error_type"] == error_type
    assert client.ask("GET", "/lineage/a/evolution").status == 400
    assert client.ask("GET", "/health").status == 200
    # A bad event is still refused for its own fault.
    assert client.track("created", "a", pattern_data={}).json.keys() == {"detail"}
    assert server.events == []


def test_database_lost_in_the_middle_of_a_batch(server: ServiceDouble, client: Client) -> None:
    server.faults.push(Fault.DB_DOWN, error_type="InterfaceError", after=1)
    answer = client.batch(event("created", "a"), event("created", "b"), event("created", "c"))
    assert (answer.status, answer.json["success"]) == (200, False)
    failed = answer.json["failed_results"]
    assert [result["event_index"] for result in failed] == [1, 2]
    assert failed[0]["metadata"]["error_type"] == "InterfaceError"
    assert len(server.events) == 1


@pytest.mark.parametrize(
    ("kind", "options", "status", "text"),
    [
        (Fault.DB_COLD, {}, 503, b"detail"),
        (Fault.DB_STARTING, {}, 500, b"CannotConnectNowError"),
        (Fault.DB_FROZEN, {"delay": 0}, 504, b"detail"),
    ],
)
def test_other_database_trouble(
    server: ServiceDouble,
    client: Client,
    kind: Fault,
    options: dict[str, Any],
    status: int,
    text: bytes,
) -> None:
    server.faults.push(kind, **options)
    answer = client.track("created", "a")
    assert (answer.status, text in answer.body) == (status, True)
    server.faults.push(kind, healthy=False, **options)
    assert client.ask("GET", "/health").status == 503
    assert server.events == []


@pytest.mark.parametrize(
    "value", [None, "7", "Wed, 21 Oct 2099 07:28:00 GMT", *HOSTILE_RETRY_AFTER]
)
def test_rate_limited_by_a_proxy(server: ServiceDouble, client: Client, value: str | None) -> None:
    server.faults.push(Fault.RATE_LIMITED, retry_after=value)
    answer = client.track("created", "a")
    assert (answer.status, answer.headers.get("retry-after")) == (429, value)


@pytest.mark.parametrize("status", [404, 405])
def test_batch_route_missing(server: ServiceDouble, client: Client, status: int) -> None:
    server.faults.set(Fault.NO_BATCH_ROUTE, status=status)
    assert client.batch(event("created", "a")).status == status
    assert client.track("created", "a").status == 200


# The board


def test_faults_come_in_order_and_count_down(server: ServiceDouble, client: Client) -> None:
    server.faults.push(Fault.STATUS, status=502, times=2)
    server.faults.push(Fault.STATUS, status=503)
    server.faults.set(Fault.STATUS, status=504)
    assert [client.ask("GET", "/health").status for _ in range(4)] == [502, 502, 503, 504]
    with server.faults.during(Fault.STATUS, status=505):
        assert client.ask("GET", "/health").status == 505
    assert client.ask("GET", "/health").status == 504
    server.faults.clear()
    assert client.ask("GET", "/health").status == 200
    assert [record.fault for record in server.requests] == [Fault.STATUS] * 6 + [None]


def test_faults_are_limited_to_method_and_path(server: ServiceDouble, client: Client) -> None:
    server.faults.push(Fault.STATUS, status=502, method="POST")
    server.faults.push(Fault.STATUS, status=503, path=PREFIX + BATCH)
    assert client.ask("GET", "/health").status == 200
    assert client.track("created", "a").status == 502
    assert client.track("created", "a").status == 200
    assert server.faults.pending == [Fault.STATUS]
    assert client.batch(event("created", "b")).status == 503
    assert server.faults.pending == []
    for kind, options in ((Fault.RESET, {"delay": 1}), (Fault.REFUSE, {"method": "POST"})):
        with pytest.raises(TypeError):
            server.faults.push(kind, **options)


@pytest.mark.parametrize("kind", list(Fault))
def test_no_fault_outlives_the_server(kind: Fault) -> None:
    before = set(threading.enumerate())
    with ServiceDouble() as server:
        client = Client(server)
        server.faults.set(kind)
        if kind is not Fault.REFUSE:
            client.send("POST", BATCH, {"events": [event("created", "a")]})
            assert server.wait_until(lambda: server.count() == 1)
    client.close()
    assert set(threading.enumerate()) <= before


def test_runs_as_a_process() -> None:
    command = [sys.executable, "-m", "tests.support.service_double", "--fault", "no_batch_route"]
    root = Path(__file__).parent.parent
    with subprocess.Popen(command, cwd=root, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        http = HTTPConnection(urlsplit(process.stdout.readline().strip()).netloc, timeout=10)
        http.request("POST", PREFIX + TRACK, json.dumps(event("created", "a")))
        assert http.getresponse().read()
        http.request("GET", "/_double")
        counts = json.loads(http.getresponse().read())
        http.close()
        process.terminate()
        assert process.wait(10) == 0
    assert counts == {"requests": 1, "events": 1, "distinct": 1, "nodes": 1, "edges": 0}
