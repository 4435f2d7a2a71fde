"""Tracking from Python code, with a service that does what services do."""

import asyncio
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest

from lib.resilience import MemoryStorage, ResilientAPIClient, TrackingError
from lib.resilience.testing import FakeClock
from tests.support.bundle import ROOT
from tests.support.outpost import Outpost
from tests.support.service_double import Fault, ServiceDouble
from tests.support.service_graph import Graph
from tests.test_delivery import FAULTS


@pytest.fixture(autouse=True)
def own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("PATTERN_CACHE_DIR", str(tmp_path / "spool"))
    monkeypatch.setenv("CIRCUIT_BREAKER_TIMEOUT", "0.05")


def track(client: ResilientAPIClient, number: int = 0, **fields: Any) -> Any:
    async def story() -> Any:
        made = await client.track_pattern_resilient(
            fields.pop("event_type", "pattern_created"), f"p-{number}", f"name {number}",
            {"code": f"x = {number}"}, **fields,
        )  # fmt: skip
        await client.executor.wait_for_completion()
        return made

    return asyncio.run(story())


def test_resilient_client_successful_tracking(server: ServiceDouble, outpost: Outpost) -> None:
    client = ResilientAPIClient(server.url)
    result = track(client)
    assert (result["success"], result["cached"]) == (True, False)
    assert server.commits == {result["event_id"]: 1}
    assert outpost.pending() == []
    assert outpost.recorded() == 1


def test_resilient_client_caches_when_api_down(server: ServiceDouble, outpost: Outpost) -> None:
    client = ResilientAPIClient(server.url)
    with server.faults.during(Fault.REFUSE):
        result = track(client, 1)
        assert (result["success"], result["cached"]) == (False, True)
        assert len(outpost.pending()) == 1
    assert track(client, 2)["success"]
    assert outpost.pending() == []
    assert set(server.commits.values()) == {1}
    assert {node.pattern_id for node in server.nodes} == {"p-1", "p-2"}


def test_resilient_client_stats(server: ServiceDouble) -> None:
    client = ResilientAPIClient(server.url)
    track(client)
    found = asyncio.run(client.get_stats())
    assert set(found) == {"executor", "circuit_breaker", "cache", "health"}
    assert found["circuit_breaker"]["state"] == "closed"
    assert found["cache"]["total_cached"] == 1
    assert found["health"]["base_url"] == server.url
    json.dumps(found)


def test_complete_resilience_workflow(server: ServiceDouble, outpost: Outpost) -> None:
    client = ResilientAPIClient(server.url)
    client.circuit_breaker.timeout = 3600
    assert track(client, 0)["success"]
    server.faults.set(Fault.STATUS, status=503)
    assert [track(client, n)["cached"] for n in range(1, 6)] == [True] * 5
    assert client.circuit_breaker.get_state()["state"] == "open"
    assert server.count("/lineage/track") == 4
    assert len(outpost.pending()) == 5
    server.faults.clear()
    client.circuit_breaker.timeout = 0
    assert track(client, 6)["success"]
    assert outpost.pending() == []
    assert sorted(node.pattern_id for node in server.nodes) == [f"p-{n}" for n in range(7)]
    assert set(server.commits.values()) == {1}


def test_without_a_service_the_ledger_is_the_destination(outpost: Outpost) -> None:
    result = track(ResilientAPIClient())
    assert (result["success"], result["data"]) == (True, {"destination": "ledger"})
    assert outpost.pending() == []
    assert outpost.recorded() == 1


def test_a_parent_that_the_service_lacks_goes_first(
    server: ServiceDouble, outpost: Outpost
) -> None:
    client = ResilientAPIClient(server.url)
    modified = {"event_type": "pattern_modified", "parent_pattern_ids": ["p-0"]}
    assert track(client, 1, **modified)["success"]
    server.service.graph = Graph()
    assert track(client, 2, event_type="pattern_modified", parent_pattern_ids=["p-1"])["success"]
    assert {node.pattern_id for node in server.nodes} == {"p-1", "p-2"}
    assert len(server.edges) == 1


@pytest.mark.parametrize("fault", FAULTS)
def test_no_fault_raises_or_loses_anything(
    fault: str, server: ServiceDouble, outpost: Outpost
) -> None:
    kind, options = FAULTS[fault]
    client = ResilientAPIClient(server.url, timeout=0.3)
    client.health_checker.check_interval = 1e9
    track(client, 0)
    if kind is Fault.REFUSE:
        server.faults.set(kind, **options)
    else:
        server.faults.push(kind, path="/lineage/track", **options)
    result = track(client, 1)
    assert result["success"] or result["cached"]
    server.faults.clear()
    for number in range(2, 8):
        track(client, number)
        if not outpost.pending():
            break
    assert outpost.pending() == []
    assert {"p-0", "p-1"} <= {node.pattern_id for node in server.nodes}
    assert max(server.commits.values()) <= 2


PROGRAM = """
import asyncio, os, sys
sys.path.insert(0, sys.argv[1])
from lib.resilience import ResilientAPIClient
client = ResilientAPIClient(sys.argv[2])
def tracked(number):
    return client.track_pattern_resilient("pattern_created", f"p-{number}", "", {"code": "x"})
async def main():
    %s
asyncio.run(main())
"""


@pytest.mark.parametrize(
    "how",
    [
        "client.executor.fire_and_forget(tracked(1)); await asyncio.sleep(0)",
        "task = asyncio.create_task(tracked(1)); await asyncio.sleep(0); task.cancel()",
        "asyncio.create_task(tracked(1)); await asyncio.sleep(0); os._exit(0)",
        "tracked(1).send(None); os._exit(0)",
        "asyncio.create_task(tracked(1)); await asyncio.sleep(0); os.kill(os.getpid(), 9)",
    ],
)
def test_a_program_that_ends_at_once_loses_nothing(
    how: str, server: ServiceDouble, outpost: Outpost
) -> None:
    server.faults.set(Fault.HANG_BEFORE_READING)
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM % how,
         str(ROOT), server.url],
        env={**os.environ}, timeout=20, check=False,
    )  # fmt: skip
    assert done.returncode in (0, -signal.SIGKILL)
    assert len(outpost.pending()) == 1
    server.faults.clear()
    client = ResilientAPIClient(server.url)
    stats = asyncio.run(client.cache.sync_cached_events(client))
    assert stats["synced"] == 1
    assert {node.pattern_id for node in server.nodes} == {"p-1"}


def test_a_flusher_leaves_alone_what_is_being_delivered(
    server: ServiceDouble, outpost: Outpost
) -> None:
    client = ResilientAPIClient(server.url)
    outpost.environ["INTELLIGENCE_SERVICE_URL"] = server.url
    server.faults.push(Fault.HANG_BEFORE_READING)

    async def story() -> None:
        task = asyncio.create_task(client.track_pattern_resilient("pattern_created", "p-1"))
        await asyncio.to_thread(server.wait_until, lambda: len(server.requests) == 1)
        assert not await asyncio.to_thread(outpost.flush)
        assert len(server.requests) == 1
        task.cancel()

    asyncio.run(story())
    assert outpost.flush()
    assert set(server.commits.values()) == {1}


@pytest.mark.parametrize("where", ["/proc/nowhere", "/dev/null/x"])
@pytest.mark.parametrize("url", ["", "http://127.0.0.1:9"])
def test_no_disk_raises(where: str, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    client = ResilientAPIClient(url, cache_dir=where)
    result = track(client)
    assert (result["success"], result["cached"]) == (False, False)
    asyncio.run(client.get_stats())


@pytest.mark.parametrize(
    "arguments",
    [
        {"event_type": None, "pattern_id": None},
        {"event_type": 7, "pattern_id": "p"},
        {"event_type": "x", "pattern_id": "p", "pattern_data": 7},
        {"event_type": "x", "pattern_id": "p", "pattern_data": {"a": object(), "b": {1, 2}}},
        {"event_type": "x", "pattern_id": "p", "parent_pattern_ids": 7},
        {"event_type": "x", "pattern_id": "p", "parent_pattern_ids": [None, {}]},
        {"event_type": "x", "pattern_id": "p", "event_id": object()},
        {"event_type": "x", "pattern_id": "\ud800"},
    ],
)
def test_no_argument_raises(arguments: dict[str, Any], server: ServiceDouble) -> None:
    for url in ("", server.url):
        result = asyncio.run(ResilientAPIClient(url).track_pattern_resilient(**arguments))
        assert set(result) >= {"success", "cached", "message"}


def test_track_lineage_raises_where_it_did_not_deliver(server: ServiceDouble) -> None:
    client = ResilientAPIClient(server.url)
    asyncio.run(client.track_lineage(event_type="pattern_created", pattern_id="p-1"))
    server.faults.push(Fault.STATUS, status=503)
    with pytest.raises(TrackingError, match="HTTP 503"):
        asyncio.run(client.track_lineage(event_type="pattern_created", pattern_id="p-2"))
    with pytest.raises(TrackingError):
        asyncio.run(client.track_lineage(event_type="pattern_created", pattern_id="/"))
    ledger_only = ResilientAPIClient("")
    found = asyncio.run(ledger_only.track_lineage(event_type="pattern_created", pattern_id="p"))
    assert found == {"destination": "ledger"}


def test_without_caching_nothing_is_left_on_disk(server: ServiceDouble, outpost: Outpost) -> None:
    client = ResilientAPIClient(server.url, enable_caching=False)
    assert track(client, 1)["success"]
    server.faults.push(Fault.STATUS, status=503)
    result = track(client, 2)
    assert (result["success"], result["cached"]) == (False, False)
    assert outpost.pending() == []


def test_without_a_breaker_every_call_is_tried(server: ServiceDouble) -> None:
    client = ResilientAPIClient(server.url, enable_circuit_breaker=False)
    server.faults.set(Fault.STATUS, status=503)
    for number in range(6):
        track(client, number)
    assert server.count("/lineage/track") == 6


def test_an_unapproved_service_of_the_environment_gets_nothing(
    outpost: Outpost, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("INTELLIGENCE_SERVICE_URL", "https://patterns.example.com")
    result = track(ResilientAPIClient())
    assert (result["success"], result["cached"]) == (False, True)
    assert "pattern-tracker trust" in result["message"]
    assert len(outpost.pending()) == 1


def test_events_for_another_service_are_not_synced_to_this_one(
    server: ServiceDouble, outpost: Outpost
) -> None:
    track(ResilientAPIClient("http://127.0.0.1:9"), 1)
    client = ResilientAPIClient(server.url)
    stats = asyncio.run(client.cache.sync_cached_events(client))
    assert stats == {"total_found": 1, "synced": 0, "failed": 0, "skipped": 1}


def test_clock_storage_and_transport_can_be_given(tmp_path: Path) -> None:
    clock = FakeClock()
    answers = iter([httpx.Response(503)] * 3 + [httpx.Response(200, json={"success": True})] * 9)
    asked = []

    def answer(request: httpx.Request) -> httpx.Response:
        if request.method == "GET":
            return httpx.Response(200, json={"status": "healthy", "components": {}})
        asked.append(json.loads(request.content)["pattern_id"])
        return next(answers)

    client = ResilientAPIClient(
        "https://patterns.example.com",
        cache_dir=tmp_path / "spool",
        clock=clock,
        storage=lambda section: MemoryStorage(),
        transport=httpx.MockTransport(answer),
    )
    client.circuit_breaker.timeout = 60
    assert [track(client, n)["cached"] for n in range(5)] == [True] * 5
    assert asked == ["p-0", "p-1", "p-2"]
    clock.advance(60)
    assert track(client, 5)["success"]
    assert asked[3:] == ["p-5", "p-0", "p-1", "p-2", "p-3", "p-4"]
    assert not (tmp_path / "spool" / "state.json").exists()


def test_a_client_works_in_threads_and_after_a_fork(
    server: ServiceDouble, outpost: Outpost
) -> None:
    client = ResilientAPIClient(server.url)

    async def story() -> list[Any]:
        return await asyncio.gather(
            *(asyncio.to_thread(track, client, number) for number in range(4))
        )

    assert all(result["success"] for result in asyncio.run(story()))
    program = (
        "import asyncio, os, sys; sys.path.insert(0, sys.argv[1]);"
        "from lib.resilience import ResilientAPIClient;"
        "client = ResilientAPIClient('');"
        "track = lambda n: asyncio.run(client.track_pattern_resilient('pattern_created', n));"
        "assert track('a')['success']; child = os.fork();"
        "good = track('b' if child else 'c')['success'];"
        "assert good and (not child or os.waitpid(child, 0)[1] == 0)"
    )
    subprocess.run([sys.executable, "-c", program, str(ROOT)], env={**os.environ}, check=True)
    assert outpost.recorded() == 7
