"""When a run asks the service, and what it does with its answers."""

import json
import os
import subprocess
import time

import pytest

from lib.commands.facts import gather
from lib.delivery import backoff, http
from tests.support.bundle import INTERPRETER, ROOT
from tests.support.outpost import Outpost
from tests.support.service_app import BATCH, TRACK, Outage, Reply, Request
from tests.support.service_double import Fault, ServiceDouble
from tests.support.service_graph import Graph

SCHEMA = '{"detail": [{"loc": ["body", "events", %d, "language"], "msg": "too long"}]}'
DETAIL = b'{"detail": "bad value"}'


def sizes(server: ServiceDouble) -> list[int]:
    """How many events each request carried; 0 for one on the route for single events."""
    return [len(r.body.get("events", [])) for r in server.requests]


def many(outpost: Outpost, number: int) -> list[str]:
    return [outpost.write(f"/p/{i}.py", f"def f{i}():\n    return {i}\n") for i in range(number)]


def spoil(outpost: Outpost, name: str) -> None:
    """Make the service refuse the event in file `name`: no schema knows its type."""
    path = outpost.directory / name
    event = json.loads(path.read_text())
    status = os.stat(path)
    event["event_type"] = event["event_data"]["event_type"] = "pattern_invented"
    path.write_text(json.dumps(event))
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


def test_events_travel_in_batches_of_a_hundred_on_one_connection(
    outpost: Outpost, server: ServiceDouble
) -> None:
    many(outpost, 250)
    assert outpost.flush()
    assert sizes(server) == [100, 100, 50]
    assert all(r.body["processing_mode"] == "sequential" for r in server.requests)
    assert {r.headers["connection"] for r in server.requests} == {"keep-alive"}


def test_large_events_travel_in_smaller_batches(outpost: Outpost, server: ServiceDouble) -> None:
    for i in range(6):
        outpost.write(f"/p/{i}.py", f"x{i} = '" + "x" * 400_000 + "'\n")
    assert outpost.flush()
    assert max(r.size for r in server.requests) < 1_000_000
    assert sizes(server) == [2, 2, 2]


def test_a_request_says_who_asks_and_what_for(outpost: Outpost, server: ServiceDouble) -> None:
    outpost.write("/p/a.py", "x = 1\n")
    with server.faults.during(Fault.STATUS, status=503):
        assert not outpost.flush()
    assert outpost.flush()
    keys = {request.headers["idempotency-key"] for request in server.requests}
    assert len(server.requests) == 2
    assert keys == set(server.commits)
    assert "authorization" not in server.requests[0].headers


def test_one_bad_event_is_found_and_the_others_arrive(
    outpost: Outpost, server: ServiceDouble
) -> None:
    names = many(outpost, 100)
    spoil(outpost, names[37])
    assert outpost.flush()
    assert outpost.quarantined() == [names[37]]
    assert len(server.commits) == 99
    assert max(server.commits.values()) == 1
    # 7 halvings of 100, each with its other half, and the second chance.
    assert len(server.requests) <= 17
    reason = (outpost.directory / "quarantine" / f"{names[37]}.reason").read_text()
    assert reason.startswith("refused by the service: HTTP 400")


def test_a_schema_error_that_names_the_event_costs_no_halving(
    outpost: Outpost, server: ServiceDouble
) -> None:
    many(outpost, 100)
    body = (SCHEMA % 37).encode()
    server.faults.push(Fault.STATUS, status=422, body=body)
    assert outpost.flush()
    assert sizes(server) == [100, 37, 0, 62]


def test_an_outage_sends_no_more_than_one_batch_again(
    outpost: Outpost, server: ServiceDouble
) -> None:
    many(outpost, 20)
    server.faults.push(Fault.COMMIT_THEN_CLOSE, times=5)
    for _ in range(5):
        assert not outpost.flush()
    assert outpost.flush()
    assert sizes(server)[:7] == [20, 0, 0, 0, 0, 0, 10]
    assert sum(sizes(server)[6:]) == 19
    # The batch in doubt, and one event for each time that it was asked again.
    assert sum(server.commits.values()) - len(server.commits) <= 20 + 4


def test_a_service_that_is_too_slow_for_a_batch_gets_no_other_one(
    outpost: Outpost, server: ServiceDouble, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It stores each one, and answers when nobody waits any more."""
    monkeypatch.setattr(http, "READ", 1.0)
    monkeypatch.setattr(backoff, "SLOW_SECONDS", 0.25)
    answer = server.service.answer

    def slow(request: Request, outage: Outage | None = None) -> Reply:
        time.sleep(0.03 * request.body.count(b'"event_type"'))
        return answer(request, outage)

    monkeypatch.setattr(server.service, "answer", slow)
    many(outpost, 40)
    assert not outpost.flush()
    outpost.flush_until_done()
    assert sizes(server)[0] == 40
    assert max(sizes(server)[2:]) <= 20
    # It is remembered, for it is as slow the next time.
    asked = len(server.requests)
    many(outpost, 20)
    outpost.flush_until_done()
    assert max(sizes(server)[asked:]) <= 20
    # Each time half of what was not answered.
    assert sum(server.commits.values()) - len(server.commits) < 40 + 20 + 10


def test_a_batch_that_is_too_large_is_halved(outpost: Outpost, server: ServiceDouble) -> None:
    many(outpost, 8)
    server.faults.push(Fault.STATUS, status=413, times=2)
    assert outpost.flush()
    assert sizes(server) == [8, 4, 2, 2, 4]
    assert max(server.commits.values()) == 1


def test_an_event_that_is_too_large_alone_goes_into_quarantine(
    outpost: Outpost, server: ServiceDouble
) -> None:
    (name,) = many(outpost, 1)
    server.faults.push(Fault.STATUS, status=413, times=2)
    assert outpost.flush()
    assert outpost.quarantined() == [name]
    assert outpost.ledger().waiting() == {name}


@pytest.mark.parametrize("status", [404, 405])
def test_without_a_batch_route_events_travel_alone(
    outpost: Outpost, server: ServiceDouble, status: int
) -> None:
    server.faults.set(Fault.NO_BATCH_ROUTE, status=status)
    many(outpost, 3)
    assert outpost.flush()
    assert (server.count(BATCH), server.count(TRACK)) == (1, 3)
    many(outpost, 3)
    outpost.flush()
    assert server.count(BATCH) == 1


def test_a_service_configured_later_learns_what_it_missed(
    outpost: Outpost, server: ServiceDouble
) -> None:
    alone = Outpost(outpost.directory)
    alone.write("/p/a.py", "x = 1\n")
    assert alone.flush()
    outpost._captured = 1
    outpost.write("/p/a.py", "x = 2\n", "x = 1\n")
    assert outpost.flush()
    outpost.assert_same_lineage()
    assert sizes(server) == [2]


def test_marked_ids_with_a_common_beginning_are_patterns_of_their_own(
    outpost: Outpost, server: ServiceDouble
) -> None:
    for name in ("retry", "cache"):
        outpost.write(f"/p/{name}.py", f"# pattern-id: team/{name}\nx = {len(name)}\n")
    outpost.write("/p/hostile.py", "# pattern-id: team/../../etc\ny = 1\n")
    assert outpost.flush()
    outpost.assert_same_lineage()
    applied = {e.pattern_id: e.body for e in server.events if e.event_type == "pattern_applied"}
    assert applied.keys() == {"team/retry", "team/cache"}
    data = applied["team/retry"]["pattern_data"]
    assert (data["file_path"], data["language"]) == ("/p/retry.py", "python")


def test_a_service_that_lost_its_data_is_told_again(
    outpost: Outpost, server: ServiceDouble
) -> None:
    outpost.story()
    assert outpost.flush()
    server.service.graph = Graph()
    outpost.write("/p/a.py", "def f():\n    return 99\n", "def f():\n    return 5\n")
    outpost.write("/p/b.py", "# pattern-id: retry-1\nz = 1\n")
    assert outpost.flush()
    assert max(server.commits.values()) == 1
    assert "retry-1" in {node.pattern_id for node in server.nodes}
    assert {edge.edge_type for edge in server.edges} == {"modified_from", "derived_from"}


def test_an_event_that_breaks_the_service_holds_no_other_up(
    outpost: Outpost, server: ServiceDouble, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = many(outpost, 20)
    poison = json.loads((outpost.directory / names[3]).read_text())["event_id"]
    answer = server.service.answer

    def breaking(request: Request, outage: Outage | None = None) -> Reply:
        if poison.encode() in request.body:
            return Reply(500, b"Internal Server Error")
        return answer(request, outage)

    monkeypatch.setattr(server.service, "answer", breaking)
    assert not outpost.flush()
    assert not outpost.flush()
    assert outpost.pending() == [names[3]]
    assert outpost.quarantined() == []
    assert len(server.commits) == 19


def test_a_service_that_breaks_on_everything_gets_one_request_a_run(
    outpost: Outpost, server: ServiceDouble
) -> None:
    many(outpost, 8)
    server.faults.set(Fault.STATUS, status=500)
    for run in range(1, 4):
        assert not outpost.flush()
        assert len(server.requests) == run
    server.faults.clear()
    assert outpost.flush()
    assert set(server.commits.values()) == {1}


def test_the_first_failure_ends_a_run(outpost: Outpost, server: ServiceDouble) -> None:
    many(outpost, 250)
    with server.faults.during(Fault.STATUS, status=503):
        assert not outpost.flush()
    assert sizes(server) == [100]
    assert outpost.flush()
    assert set(server.commits.values()) == {1}


def test_a_run_that_may_not_send_ends_before_loading_httpx(
    outpost: Outpost, server: ServiceDouble
) -> None:
    outpost.write("/p/a.py", "x = 1\n")
    assert server.requests == []
    for _ in range(3):
        with server.faults.during(Fault.STATUS, status=503):
            outpost.flush()
    program = (
        "import sys; sys.path.insert(0, sys.argv[1]);"
        "import os; from lib.flusher.process import Flusher;"
        "from lib.system.settings import Settings;"
        "Flusher(sys.argv[2], Settings(os.environ))._drain();"
        "print('httpx' in sys.modules, 'orjson' in sys.modules)"
    )
    outpost.write("/p/b.py", "y = 1\n")
    done = subprocess.run(
        [INTERPRETER, "-I", "-c", program, str(ROOT), str(outpost.directory)],
        env={"INTELLIGENCE_SERVICE_URL": server.url, "CIRCUIT_BREAKER_TIMEOUT": "600"},
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stdout.split() == ["False", "False"]
    assert len(server.requests) == 3
    assert outpost.recorded() == 2


def test_the_circuit_is_open_for_every_process(outpost: Outpost, server: ServiceDouble) -> None:
    outpost.story()
    with server.faults.during(Fault.STATUS, status=500):
        outpost.run(CIRCUIT_BREAKER_FAILURE_THRESHOLD="1")
    assert gather(str(outpost.directory))["circuit_breaker"]["state"] == "open"
    assert outpost.flush()
    assert gather(str(outpost.directory))["circuit_breaker"]["state"] == "closed"


def test_a_run_does_not_ask_before_its_time(outpost: Outpost, server: ServiceDouble) -> None:
    server.faults.set(Fault.RATE_LIMITED, retry_after="200")
    outpost.write("/p/a.py", "x = 1\n")
    for number in range(2, 6):
        outpost.run()
        outpost.write(f"/p/{number}.py", f"x = {number}\n")
    assert len(server.requests) == 1
    assert outpost.section("delivery")["delay"] >= 200
    assert outpost.recorded() == 4


@pytest.mark.parametrize("status", [401, 403])
def test_a_service_that_does_not_let_us_in_gets_no_more_requests(
    outpost: Outpost, server: ServiceDouble, status: int
) -> None:
    server.faults.set(Fault.STATUS, status=status)
    many(outpost, 3)
    outpost.run()
    assert len(outpost.pending()) == 3
    assert len(server.requests) == 1
    assert outpost.section("delivery")["verdict"] == "not allowed"
    assert outpost.section("breaker").get("failure_count", 0) == 0


def test_an_unapproved_host_gets_nothing_and_the_events_stay(outpost: Outpost) -> None:
    outpost.write("/p/a.py", "x = 1\n")
    assert not outpost.flush(INTELLIGENCE_SERVICE_URL="https://patterns.example.com")
    assert len(outpost.pending()) == 1
    assert outpost.section("delivery")["verdict"] == "refused"
    assert "pattern-tracker trust" in outpost.section("delivery")["reason"]
    assert outpost.recorded() == 1
    assert outpost.flush()


def test_an_event_for_another_service_waits_for_who_named_it(
    outpost: Outpost, server: ServiceDouble
) -> None:
    (name,) = many(outpost, 1)
    path = outpost.directory / name
    path.write_text(json.dumps({**json.loads(path.read_text()), "service_url": "http://other"}))
    assert not outpost.flush()
    assert not Outpost(outpost.directory).flush()
    assert outpost.pending() == [name]
    assert server.requests == []


def test_the_same_call_captured_again_is_not_sent_again(
    outpost: Outpost, server: ServiceDouble
) -> None:
    outpost.write("/p/a.py", "x = 1\n")
    assert outpost.flush()
    outpost._captured -= 1
    outpost.write("/p/a.py", "x = 1\n")
    assert outpost.flush()
    assert max(server.commits.values()) == 1


def test_a_ledger_of_the_first_version_is_brought_up_to_date(outpost: Outpost) -> None:
    import sqlite3

    from lib.ledger import schema, store

    old = schema._SCHEMA.replace(", edge_type TEXT\n", "\n")
    outpost.directory.mkdir()
    db = sqlite3.connect(outpost.directory / store.FILE_NAME)
    for statement in old.split(";\n"):
        if "waiting" not in statement and "known_at" not in statement:
            db.execute(statement)
    db.execute("PRAGMA user_version = 1")
    db.close()
    outpost.story()
    assert outpost.flush()
    outpost.assert_same_lineage()
