"""Each line of the service's contract and each fault, over a real socket."""

import gzip
import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.client import BadStatusLine, HTTPConnection, HTTPException, IncompleteRead
from pathlib import Path
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


# One event


def test_defaults_are_filled_in_and_unknown_fields_dropped(server, client):
    answer = client.track("created", "a", colour="red")
    assert (answer.status, answer.json["success"]) == (200, True)
    assert answer.json.keys() == {"success", "data", "metadata"}
    body = server.events[0].body
    assert "colour" not in body
    expected = {"pattern_name": "", "pattern_type": "code", "pattern_version": "1.0.0"}
    expected |= {"language": "python", "parent_pattern_ids": [], "triggered_by": "api"}
    assert {name: body[name] for name in expected} == expected


@pytest.mark.parametrize("field", ["event_type", "pattern_id"])
def test_required_field_missing_is_422(client, field):
    body = event("created", "a")
    del body[field]
    answer = client.ask("POST", TRACK, body)
    assert answer.status == 422
    assert answer.json["detail"][0]["loc"] == ["body", field]


@pytest.mark.parametrize(
    "field",
    ["tool_name", "file_path", "language", "edge_type", "transformation_type", "reason"],
)
def test_null_is_allowed(client, field):
    assert client.track("created", "a", **{field: None}).status == 200


@pytest.mark.parametrize(
    "field",
    "event_type pattern_id pattern_name pattern_type pattern_version pattern_data"
    " parent_pattern_ids triggered_by".split(),
)
def test_null_is_422_elsewhere(client, field):
    assert client.ask("POST", TRACK, event("created", "a") | {field: None}).status == 422


@pytest.mark.parametrize(
    ("field", "limit"),
    [
        ("pattern_id", 255),
        ("pattern_name", 255),
        ("tool_name", 255),
        ("pattern_type", 100),
        ("triggered_by", 100),
        ("pattern_version", 50),
        ("language", 50),
    ],
)
def test_length_is_limited_in_characters(client, field, limit):
    body = event("created", "a")
    assert client.ask("POST", TRACK, body | {field: "é" * limit}).status == 200
    assert client.ask("POST", TRACK, body | {field: "é" * (limit + 1)}).status == 422


@pytest.mark.parametrize(
    ("field", "value"),
    [("pattern_id", 7), ("pattern_data", []), ("parent_pattern_ids", [7]), ("reason", {})],
)
def test_wrong_type_is_422(client, field, value):
    assert client.ask("POST", TRACK, event("created", "a") | {field: value}).status == 422


@pytest.mark.parametrize("field", ["event_type", "edge_type", "transformation_type"])
def test_bad_enum_value_is_400_with_a_detail(client, field):
    answer = client.ask("POST", TRACK, event("created", "a") | {field: "database"})
    assert answer.status == 400
    assert field in answer.json["detail"]


@pytest.mark.parametrize("body", [b"", b"{", b"[1]", b'"text"', b'{"a": "\x00"}', b"null"])
def test_malformed_body_is_422(client, body):
    assert client.ask("POST", TRACK, body).status == 422


@pytest.mark.parametrize(
    "value",
    [b'"a\\u0000b"', b'"\\ud800"', b'"\xed\xa0\x80"', b'"\xff"', b"NaN", b"Infinity", b"[" * 9999],
)
def test_unstorable_json_is_400(client, value):
    raw = json.dumps(event("created", "a")).encode().replace(b'"x"', value)
    answer = client.ask("POST", TRACK, raw)
    assert answer.status == 400
    assert answer.json["detail"]


def test_nesting_beyond_the_limit_is_400(server, client):
    server.service.max_depth = 5
    assert client.track("created", "a", pattern_data={"k": [[[1]]]}).status == 200
    assert client.track("created", "a", pattern_data={"k": [[[[1]]]]}).status == 400


@pytest.mark.parametrize("headers", [{}, {"Content-Encoding": "gzip"}])
def test_gzip_body_is_400(client, headers):
    raw = gzip.compress(json.dumps(event("created", "a")).encode())
    assert client.ask("POST", TRACK, raw, **headers).status == 400


@pytest.mark.parametrize(
    ("body", "detail"),
    [
        (event("created", "n", pattern_data={}), "pattern_data"),
        (event("modified", "n"), "parent_pattern_ids"),
        (event("forked", "n"), "parent_pattern_ids"),
        (event("merged", "n", "a"), "parent_pattern_ids"),
    ],
)
def test_event_that_lacks_its_needs_is_400_with_a_detail(client, body, detail):
    client.track("created", "a")
    answer = client.ask("POST", TRACK, body)
    assert answer.status == 400
    assert detail in answer.json["detail"]


@pytest.mark.parametrize(
    "body",
    [
        event("modified", "n", "gone", "a"),
        event("forked", "n", "gone"),
        event("merged", "n", "a", "gone"),
        event("applied", "gone"),
        event("deprecated", "gone"),
    ],
)
def test_missing_parent_or_pattern_is_a_validation_error(server, client, body):
    client.track("created", "a")
    answer = client.ask("POST", TRACK, body)
    assert (answer.status, answer.json["success"]) == (400, False)
    assert answer.json["metadata"]["error_type"] == "validation_error"
    assert "gone" in answer.json["error"]
    assert len(server.events) == 1


def test_the_word_database_turns_a_400_into_a_500(client):
    answer = client.ask("POST", TRACK, event("forked", "n", "async_database_writer"))
    assert answer.status == 500
    assert answer.json["metadata"]["error_type"] == "validation_error"


def test_derived_nodes_need_only_what_the_contract_says(server, client):
    for body in (
        event("created", "a"),
        event("created", "b"),
        event("modified", "m", "a", "gone"),
        event("forked", "f", "m"),
        event("merged", "g", "f", "b"),
        event("deprecated", "a"),
    ):
        assert client.ask("POST", TRACK, body).status == 200
    assert server.lineage("g") == ({"a", "m", "f", "b"}, set())
    assert server.lineage("a") == (set(), {"m", "f", "g"})
    assert {edge.edge_type for edge in server.edges} == {
        "modified_from",
        "derived_from",
        "merged_from",
    }
    assert server.nodes[Key("a", "1.0.0")].deprecated


# Duplicates


def test_created_twice_already_exists_and_versions_are_nodes(server, client):
    statuses = [
        client.track("created", "a", pattern_version=version).json["data"]["status"]
        for version in ("1", "1", "2")
    ]
    assert statuses == ["created", "already_exists", "created"]
    assert list(server.nodes) == [("a", "1"), ("a", "2")]
    assert server.commits == {"created-a": 3}


def test_modified_and_merged_twice_leave_the_node_unchanged(server, client):
    client.batch(event("created", "a"), event("created", "b"))
    for body in (event("modified", "m", "a"), event("merged", "g", "a", "b")):
        client.ask("POST", TRACK, body)
        again = client.ask("POST", TRACK, body | {"pattern_name": "other"})
        assert again.json["data"]["status"] == "unchanged"
        assert server.nodes[Key(body["pattern_id"], "1.0.0")].body["pattern_name"] == ""


def test_applied_twice_counts_twice(server, client):
    client.batch(event("created", "a"), event("applied", "a"), event("applied", "a"))
    assert server.nodes[Key("a", "1.0.0")].applied == 2
    assert server.commits["applied-a"] == 2


def test_modification_of_itself_makes_a_cycle_on_retry(server, client):
    client.track("created", "a")
    newer = event("modified", "a", "a", pattern_version="2")
    loop = (Key("a", "2"), Key("a", "2"), "modified_from")
    client.ask("POST", TRACK, newer)
    assert loop not in server.edges
    client.ask("POST", TRACK, newer)
    assert loop in server.edges


# Batches


def test_sequential_batch_runs_children_after_parents(server, client):
    answer = client.batch(event("created", "a"), event("modified", "b", "a"))
    assert answer.json["success"] is True
    assert answer.json["failed_results"] is None
    assert [result["event_index"] for result in answer.json["successful_results"]] == [0, 1]
    assert [stored.event_id for stored in server.events] == ["created-a", "modified-b"]


def test_parallel_is_the_default_and_fails_children(client):
    events = [event("created", "a"), event("modified", "b", "a")]
    answer = client.ask("POST", BATCH, {"events": events})
    assert (answer.status, answer.json["success"]) == (200, False)
    assert [result["event_index"] for result in answer.json["failed_results"]] == [1]
    assert [result["event_index"] for result in answer.json["successful_results"]] == [0]


@pytest.mark.parametrize("with_metadata", [True, False])
def test_batch_reports_what_failed_and_keeps_the_rest(server, client, with_metadata):
    server.service.failed_metadata = with_metadata
    answer = client.batch(
        event("created", "a"), event("applied", "database"), event("applied", "a")
    )
    assert (answer.status, answer.json["success"]) == (200, False)
    (failed,) = answer.json["failed_results"]
    assert (failed["event_index"], failed["pattern_id"]) == (1, "database")
    assert failed.get("metadata") == ({"error_type": "validation_error"} if with_metadata else None)
    assert len(server.events) == 2


@pytest.mark.parametrize(
    ("bad", "status"),
    [
        ({"event_type": "pattern_created"}, 422),
        ("text", 422),
        (event("created", "z", language="l" * 51), 422),
        (event("created", "z", edge_type="odd"), 400),
        (event("created", "z", pattern_data={}), 400),
        (event("merged", "z", "g"), 400),
        (event("created", "z", pattern_data={"k": "\0"}), 400),
    ],
)
def test_one_bad_event_refuses_the_whole_batch_unnamed(server, client, bad, status):
    good = event("created", "g")
    last, first = client.batch(good, good, bad), client.batch(bad, good, good)
    assert (last.status, last.body) == (status, first.body)
    assert server.events == []


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"events": []}, 500),
        ({}, 422),
        ({"events": [], "processing_mode": 1}, 422),
        ({"events": [], "processing_mode": "odd"}, 400),
    ],
)
def test_batch_envelope(client, body, status):
    assert client.ask("POST", BATCH, body).status == status


def test_a_batch_has_no_maximum_count(server, client):
    answer = client.batch(*(event("created", f"p{number}") for number in range(2000)))
    assert answer.json["success"] is True
    assert len(server.nodes) == 2000


# Reading and routes


def test_health_names_its_components(client):
    answer = client.ask("GET", "/health")
    assert (answer.status, answer.json["status"]) == (200, "healthy")
    assert answer.json["components"]


def test_descendants_and_evolution(client):
    client.batch(
        event("created", "a b"),
        event("created", "a b", pattern_version="2"),
        event("modified", "c", "a b"),
    )
    found = client.ask("GET", "/lineage/a%20b?query_type=descendants")
    assert found.json["data"]["descendants"] == ["c"]
    versions = client.ask("GET", "/lineage/a%20b/evolution").json["data"]["evolution"]
    assert [node["pattern_version"] for node in versions] == ["1.0.0", "2"]


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/lineage/a?query_type=ancestry", 500),
        ("GET", "/lineage/a", 500),
        ("GET", "/lineage/a?query_type=odd", 400),
        ("GET", "/lineage/gone/evolution", 404),
        ("GET", "/lineage/a%2Fb?query_type=descendants", 404),
        ("GET", "/lineage/a%2Fb/evolution", 404),
        ("GET", BATCH, 405),
        ("PUT", TRACK, 405),
        ("POST", "/nothing", 404),
    ],
)
def test_what_cannot_be_read(client, method, path, status):
    client.batch(event("created", "a"), event("created", "a/b"))
    assert client.ask(method, path).status == status


def test_trailing_slash_is_redirected(server, client):
    answer = client.ask("POST", TRACK + "/?a=1", event("created", "a"))
    assert answer.status == 307
    assert answer.headers["location"] == f"{server.url}{PREFIX}{TRACK}?a=1"
    assert server.events == []


def test_paths_outside_the_prefix_are_404(server, client):
    client.http.request("GET", "/health")
    assert client.receive().status == 404


# Limits and connections


def test_the_limit_is_a_sliding_minute_and_a_batch_counts_once():
    now = [0.0]
    with ServiceDouble(rate_limit=2, clock=lambda: now[0]) as server:
        client = Client(server)
        assert client.batch(event("created", "a"), event("created", "b")).status == 200
        now[0] = 30.0
        assert client.ask("GET", "/health").status == 200
        refused = client.track("created", "c")
        assert refused.status == 429
        assert "retry-after" not in refused.headers
        now[0] = 60.0
        assert client.track("created", "c").status == 200
        assert client.ask("GET", "/health").status == 429
        assert [record.time for record in server.requests] == [0, 30, 30, 60, 60]
        client.close()


def test_a_thousand_requests_a_minute_by_default():
    with ServiceDouble(clock=lambda: 0.0) as server:
        assert all(server.limit.allows() for _ in range(999))
        client = Client(server)
        assert [client.ask("GET", "/health").status for _ in "ab"] == [200, 429]
        client.close()


def test_connection_is_kept_alive_then_closed_when_idle(server, client):
    client.ask("GET", "/health")
    sock = client.http.sock
    server.idle_timeout = 0.01
    client.ask("GET", "/health")
    assert client.http.sock is sock
    assert sock.recv(1) == b""


def test_chunked_bodies_are_read(server, client):
    raw = json.dumps(event("created", "a")).encode()
    client.http.request("POST", PREFIX + TRACK, iter([raw[:9], raw[9:]]), encode_chunked=True)
    assert client.receive().status == 200
    assert client.ask("GET", "/health").status == 200


def test_requests_are_recorded(server, client):
    client.ask("POST", TRACK, event("created", "a"), **{"Idempotency-Key": "k"})
    client.ask("POST", TRACK, b"{")
    first, second = server.requests
    assert (first.method, first.path, first.status) == ("POST", PREFIX + TRACK, 200)
    assert first.headers["idempotency-key"] == "k"
    assert first.body["pattern_id"] == "a"
    assert (second.body, second.size, second.status) == (None, 1, 422)
    assert server.count() == server.count(PREFIX + TRACK) == server.count(TRACK, "POST") == 2
    assert server.count(TRACK, status=422) == 1


def test_latency_holds_every_answer_back(server, client):
    server.latency = FOREVER
    client.send("GET", "/health")
    assert server.wait_until(lambda: server.count() == 1)
    assert client.is_silent()
    server.stop()
    with pytest.raises((HTTPException, OSError)):
        client.receive()


# Faults


def test_refused_until_skipped_on_the_same_port(server, client):
    client.ask("GET", "/health")
    server.faults.push(Fault.REFUSE)
    assert client.http.sock.recv(1) == b""
    client.close()
    with pytest.raises(ConnectionRefusedError):
        client.ask("GET", "/health")
    client.close()
    server.faults.skip()
    assert client.ask("GET", "/health").status == 200


def test_refusing_starts_once_the_fault_before_is_answered(server, client):
    server.faults.push(Fault.STATUS, status=502)
    server.faults.push(Fault.REFUSE)
    assert client.ask("GET", "/health").status == 502
    assert client.http.sock.recv(1) == b""
    client.close()
    with pytest.raises(ConnectionRefusedError):
        client.ask("GET", "/health")


@pytest.mark.parametrize("commits", [False, True])
def test_reset(server, client, commits):
    server.faults.push(Fault.RESET, commits=commits)
    with pytest.raises(ConnectionResetError) as caught:
        client.track("created", "a")
    assert not isinstance(caught.value, BadStatusLine)  # that is an orderly close
    assert len(server.events) == commits


@pytest.mark.parametrize(
    ("kind", "read", "stored"),
    [
        (Fault.HANG_BEFORE_READING, False, 0),
        (Fault.HANG_AFTER_READING, True, 0),
        (Fault.COMMIT_THEN_HANG, True, 1),
    ],
)
def test_hang_ends_with_the_server(server, client, kind, read, stored):
    server.faults.push(kind)
    client.send("POST", TRACK, event("created", "a"))
    assert server.wait_until(lambda: server.count() == 1 and len(server.events) == stored)
    assert (server.requests[0].size > 0) is read
    assert client.is_silent()
    server.stop()
    with pytest.raises((HTTPException, OSError)):
        client.receive()
    assert server.requests[0].status is None
    assert len(server.events) == stored


def test_commits_but_closes_unanswered(server, client):
    server.faults.push(Fault.COMMIT_THEN_CLOSE)
    with pytest.raises(BadStatusLine):
        client.batch(event("created", "a"), event("created", "b"))
    assert len(server.events) == 2


def test_slow_bytes_come_one_at_a_time(server, client):
    server.faults.push(Fault.SLOW_BYTES, delay=FOREVER)
    client.send("POST", TRACK, event("created", "a"))
    assert client.http.sock.recv(9) == b"H"
    assert client.is_silent()
    assert len(server.events) == 1


def test_slow_bytes_make_a_whole_answer(server, client):
    server.faults.push(Fault.SLOW_BYTES, delay=0)
    assert client.track("created", "a").json["success"] is True


def test_half_an_answer(server, client):
    server.faults.push(Fault.HALF_ANSWER)
    with pytest.raises(IncompleteRead):
        client.track("created", "a")
    assert len(server.events) == 1


@pytest.mark.parametrize("status", [200, 502])
@pytest.mark.parametrize("kind", [Fault.INVALID_JSON, Fault.HTML])
def test_body_that_is_not_an_answer(server, client, kind, status):
    server.faults.push(kind, status=status)
    answer = client.track("created", "a")
    assert answer.status == status
    assert answer.headers["content-type"] == (
        "text/html" if kind is Fault.HTML else "application/json"
    )
    with pytest.raises(ValueError, match="Expecting value"):
        json.loads(answer.body)
    assert server.events == []


@pytest.mark.parametrize("content_length", [True, False])
def test_huge_answer_is_streamed(server, client, content_length):
    server.faults.set(Fault.HUGE, content_length=content_length)
    client.send("POST", TRACK, event("created", "a"))
    response = client.http.getresponse()
    assert response.getheader("Content-Length") == (str(2**30) if content_length else None)
    assert response.read(200_000).strip(b"a") == b'"'


@pytest.mark.parametrize("content_length", [True, False])
def test_huge_answer_has_the_size_it_says(server, client, content_length):
    server.faults.push(Fault.HUGE, content_length=content_length, size=300_000)
    assert len(client.track("created", "a").body) == 300_000


def test_any_status_headers_and_body(server, client):
    server.faults.push(Fault.STATUS, status=413, headers={"X-Odd": "1"}, body=b"too much")
    server.faults.push(Fault.STATUS, status=418, body={"detail": "tea"}, commits=True)
    first, second = client.track("created", "a"), client.track("created", "a")
    assert (first.status, first.headers["x-odd"], first.body) == (413, "1", b"too much")
    assert (second.status, second.json) == (418, {"detail": "tea"})
    assert len(server.events) == 1


@pytest.mark.parametrize("error_type", DB_ERRORS)
def test_database_down_is_a_400_while_health_is_fine(server, client, error_type):
    server.faults.set(Fault.DB_DOWN, error_type=error_type)
    for answer in (client.track("created", "a"), client.batch(event("created", "a"))):
        assert (answer.status, answer.json["success"]) == (400, False)
        assert answer.json["metadata"]["error_type"] == error_type
    assert client.ask("GET", "/lineage/a/evolution").status == 400
    assert client.ask("GET", "/health").status == 200
    assert server.events == []


def test_database_down_still_refuses_a_bad_event_for_its_own_fault(server, client):
    server.faults.set(Fault.DB_DOWN)
    assert client.track("created", "a", pattern_data={}).json.keys() == {"detail"}


def test_database_lost_in_the_middle_of_a_batch(server, client):
    server.faults.push(Fault.DB_DOWN, error_type="InterfaceError", after=1)
    answer = client.batch(event("created", "a"), event("created", "b"), event("created", "c"))
    assert (answer.status, answer.json["success"]) == (200, False)
    failed = answer.json["failed_results"]
    assert [result["event_index"] for result in failed] == [1, 2]
    assert failed[0]["metadata"]["error_type"] == "InterfaceError"
    assert len(server.events) == 1


def test_health_can_tell_of_the_outage(server, client):
    server.faults.push(Fault.DB_DOWN, healthy=False)
    assert client.ask("GET", "/health").status == 503
    assert client.track("created", "a").status == 400
    assert client.ask("GET", "/health").status == 200


@pytest.mark.parametrize(
    ("kind", "status", "text"),
    [
        (Fault.DB_COLD, 503, b"detail"),
        (Fault.DB_STARTING, 500, b"CannotConnectNowError"),
        (Fault.DB_FROZEN, 504, b"detail"),
    ],
)
def test_other_database_trouble(server, client, kind, status, text):
    server.faults.push(kind, **({"delay": 0} if kind is Fault.DB_FROZEN else {}))
    answer = client.track("created", "a")
    assert answer.status == status
    assert text in answer.body
    assert server.events == []


def test_frozen_database_keeps_the_client_waiting(server, client):
    server.faults.push(Fault.DB_FROZEN)
    client.send("POST", TRACK, event("created", "a"))
    assert server.wait_until(lambda: server.count() == 1)
    assert client.is_silent()
    assert OPTIONS[Fault.DB_FROZEN]["delay"] == 30.0


@pytest.mark.parametrize(
    "value", [None, "7", "Wed, 21 Oct 2099 07:28:00 GMT", *HOSTILE_RETRY_AFTER]
)
def test_rate_limited_by_a_proxy(server, client, value):
    server.faults.push(Fault.RATE_LIMITED, retry_after=value)
    answer = client.track("created", "a")
    assert answer.status == 429
    assert answer.headers.get("retry-after") == value


@pytest.mark.parametrize("status", [404, 405])
def test_batch_route_missing(server, client, status):
    server.faults.set(Fault.NO_BATCH_ROUTE, status=status)
    assert client.batch(event("created", "a")).status == status
    assert client.track("created", "a").status == 200


# The board


def test_faults_come_in_order_and_count_down(server, client):
    server.faults.push(Fault.STATUS, status=502, times=2)
    server.faults.push(Fault.STATUS, status=503)
    server.faults.set(Fault.STATUS, status=504)
    statuses = [client.ask("GET", "/health").status for _ in range(5)]
    assert statuses == [502, 502, 503, 504, 504]
    server.faults.clear()
    assert client.ask("GET", "/health").status == 200
    assert [record.fault for record in server.requests] == [Fault.STATUS] * 5 + [None]


def test_faults_are_limited_to_method_and_path(server, client):
    server.faults.push(Fault.STATUS, status=502, method="POST")
    server.faults.push(Fault.STATUS, status=503, path=PREFIX + BATCH)
    assert client.ask("GET", "/health").status == 200
    assert client.track("created", "a").status == 502
    assert client.track("created", "a").status == 200
    assert server.faults.pending == [Fault.STATUS]
    assert client.batch(event("created", "b")).status == 503
    assert server.faults.pending == []


def test_a_fault_can_stand_for_a_block(server, client):
    server.faults.set(Fault.STATUS, status=500)
    with server.faults.during(Fault.STATUS, status=502):
        assert client.ask("GET", "/health").status == 502
    assert client.ask("GET", "/health").status == 500


@pytest.mark.parametrize(
    ("kind", "options"),
    [(Fault.RESET, {"delay": 1}), (Fault.REFUSE, {"method": "POST"})],
)
def test_a_wrong_option_is_a_type_error(server, kind, options):
    with pytest.raises(TypeError):
        server.faults.push(kind, **options)


@pytest.mark.parametrize("kind", list(Fault))
def test_no_fault_outlives_the_server(kind):
    before = set(threading.enumerate())
    with ServiceDouble() as server:
        client = Client(server)
        server.faults.set(kind)
        if kind is not Fault.REFUSE:
            client.send("POST", BATCH, {"events": [event("created", "a")]})
            assert server.wait_until(lambda: server.count() == 1)
    client.close()
    assert set(threading.enumerate()) <= before


def test_runs_as_a_process():
    command = [sys.executable, "-m", "tests.support.service_double", "--fault", "no_batch_route"]
    root = Path(__file__).parent.parent
    with subprocess.Popen(command, cwd=root, stdout=subprocess.PIPE, text=True) as process:
        url = process.stdout.readline().strip()
        http = HTTPConnection(urlsplit(url).netloc, timeout=10)
        http.request("POST", PREFIX + TRACK, json.dumps(event("created", "a")))
        assert http.getresponse().read()
        http.request("GET", "/_double")
        counts = json.loads(http.getresponse().read())
        http.close()
        process.terminate()
        assert process.wait(10) == 0
    assert counts == {"requests": 1, "events": 1, "distinct": 1, "nodes": 1, "edges": 0}
