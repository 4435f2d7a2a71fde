"""The tracker that other Python code calls."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings

from lib import pattern_tracker
from lib.capture.event import Content
from lib.pattern_tracker import (
    PatternTracker,
    track_edit_tool_pattern,
    track_write_tool_pattern,
)
from tests.support.outpost import Outpost
from tests.support.service_double import Fault, ServiceDouble
from tests.test_cache import ANYTHING

CODE = "def retry():\n    return 1\n"
CHANGED = "def retry():\n    return 2\n"
CONTEXT = {"file_path": "/p/retry.py", "session_id": "s-1"}


@pytest.fixture(autouse=True)
def own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("PATTERN_CACHE_DIR", str(tmp_path / "spool"))
    PatternTracker.reset_instance()
    yield
    PatternTracker.reset_instance()


def id_of(code: str, path: str = "/p/retry.py") -> str:
    return Content(code, path).pattern_id


async def tell(tracker: PatternTracker) -> list[dict[str, Any]]:
    """A pattern is made, changed, used and merged with another."""
    first = await tracker.track_pattern_creation(CODE, CONTEXT)
    second = await tracker.track_pattern_modification(
        first["pattern_id"], CHANGED, CONTEXT, reason="twice is better"
    )
    used = await tracker.track_pattern_application(second["pattern_id"], {"file_path": "/p/b.py"})
    other = await tracker.track_pattern_creation("x = 1\n", {"file_path": "/p/x.py"})
    sources = [second["pattern_id"], other["pattern_id"]]
    merged = await tracker.track_pattern_merge(sources, CHANGED + "x = 1\n", CONTEXT)
    return [first, second, used, other, merged]


def test_what_waits_is_delivered_right_after_an_outage(server: ServiceDouble) -> None:
    """The circuit would stay open for a minute; whoever asks need not wait for that."""
    tracker = PatternTracker(server.url)
    with server.faults.during(Fault.STATUS, status=503):
        for number in range(4):
            result = asyncio.run(tracker.track_pattern_creation(f"x = {number}\n", CONTEXT))
            assert result["cached"]
        assert tracker.api_client.circuit_breaker.get_state()["state"] == "open"
        asked = len(server.requests)
        assert not asyncio.run(tracker.sync_offline_events())["success"]
        # A service that is not well is asked how it is, and for nothing else.
        assert len(server.requests) == asked + 1
    synced = asyncio.run(tracker.sync_offline_events())
    assert (synced["success"], synced["sync_stats"]["synced"]) == (True, 4)
    assert len(server.events) == 4
    assert tracker.api_client.circuit_breaker.get_state()["state"] == "closed"


def test_a_story_reaches_the_service_as_it_is_in_the_ledger(
    server: ServiceDouble, outpost: Outpost
) -> None:
    results = asyncio.run(tell(PatternTracker(server.url)))
    assert all(result["success"] for result in results)
    assert results[0]["pattern_id"] == id_of(CODE)
    assert [event.event_type for event in server.events] == [
        "pattern_created", "pattern_modified", "pattern_applied", "pattern_created",
        "pattern_merged",
    ]  # fmt: skip
    assert {edge.edge_type for edge in server.edges} == {"modified_from", "merged_from"}
    assert server.events[1].body["reason"] == "twice is better"
    outpost.assert_same_lineage()


def test_a_creation_with_parents_keeps_its_edges_at_the_service(
    server: ServiceDouble, outpost: Outpost
) -> None:
    tracker = PatternTracker(server.url)
    asyncio.run(tracker.track_pattern_creation(CODE, CONTEXT))
    parents = [id_of(CODE), "team/unheard-of"]
    made = asyncio.run(tracker.track_pattern_creation("x = 1\n", CONTEXT, parents))
    assert made["success"]
    child = made["pattern_id"]
    assert {(e.parent.pattern_id, e.child.pattern_id) for e in server.edges} == {
        (parent, child) for parent in parents
    }
    outpost.assert_same_lineage()


def test_without_a_service_the_story_is_in_the_ledger(outpost: Outpost) -> None:
    results = asyncio.run(tell(PatternTracker()))
    assert all(result["success"] for result in results)
    assert outpost.recorded() == 5
    merged = results[-1]["pattern_id"]
    assert set(outpost.ledger().ancestors(merged)) == {r["pattern_id"] for r in results[:-1]}


def test_what_cannot_be_delivered_waits_and_can_be_synced(
    server: ServiceDouble, outpost: Outpost
) -> None:
    tracker = PatternTracker(server.url)
    tracker.api_client.circuit_breaker.timeout = 0
    tracker.api_client.cache.max_age_days = 14
    with server.faults.during(Fault.REFUSE):
        results = asyncio.run(tell(tracker))
        assert [(r["success"], r["cached"]) for r in results] == [(False, True)] * 5
        assert all(result["event_id"] for result in results)
        stats = asyncio.run(tracker.sync_offline_events())
        assert not stats["success"]
        found = asyncio.run(tracker.get_tracker_stats())
        assert found["tracker"] == {
            "enabled": True, "base_url": server.url, "cached_patterns": 5,
        }  # fmt: skip
        assert set(found["resilience"]) == {"executor", "circuit_breaker", "cache", "health"}
    stats = asyncio.run(tracker.sync_offline_events())
    assert stats == {
        "success": True,
        "sync_stats": {"total_found": 5, "synced": 5, "failed": 0, "skipped": 0},
    }
    outpost.assert_same_lineage()


def test_the_same_code_and_context_is_one_event(server: ServiceDouble) -> None:
    async def story() -> list[dict[str, Any]]:
        tracker = await PatternTracker.get_instance()
        again = [tracker.track_pattern_creation(CODE, dict(CONTEXT)) for _ in range(3)]
        return [*await asyncio.gather(*again), await tracker.track_pattern_creation(CODE, CONTEXT)]

    PatternTracker._instance = PatternTracker(server.url)
    results = asyncio.run(story())
    assert len({result["event_id"] for result in results}) == 1
    assert sum(server.commits.values()) == 1
    asyncio.run(PatternTracker(server.url).track_pattern_creation(CODE, {"file_path": "/p/c.py"}))
    assert sum(server.commits.values()) == 2


def test_the_same_code_from_another_pattern_is_another_event(outpost: Outpost) -> None:
    """A file goes from a to b, on to c, and back to b from there."""
    a, b, c = (f"def f():\n    return {number}\n" for number in range(3))

    async def story() -> list[dict[str, Any]]:
        tracker = await PatternTracker.get_instance()
        steps = [(a, b), (b, c), (c, b), (c, b)]
        return [
            await tracker.track_pattern_modification(id_of(old), new, CONTEXT) for old, new in steps
        ]

    asyncio.run(story())
    assert [event.parents for event in outpost.ledger().events() if not event.implied] == [
        [id_of(a)], [id_of(b)], [id_of(c)],
    ]  # fmt: skip


def test_there_is_one_tracker_a_process() -> None:
    async def story() -> tuple[PatternTracker, PatternTracker, PatternTracker]:
        first, second = await PatternTracker.get_instance(), await PatternTracker.get_instance()
        PatternTracker.reset_instance()
        return first, second, await PatternTracker.get_instance()

    first, second, third = asyncio.run(story())
    assert first is second
    assert first is not third


def test_the_functions_for_the_tools(outpost: Outpost) -> None:
    made = asyncio.run(track_write_tool_pattern("/p/retry.py", CODE, "python"))
    edited = asyncio.run(track_edit_tool_pattern("/p/retry.py", made["pattern_id"], CHANGED))
    assert (made["pattern_id"], edited["pattern_id"]) == (id_of(CODE), id_of(CHANGED))
    log = outpost.ledger().events()
    assert [(event.event_type, event.tool_name) for event in log] == [
        ("pattern_created", "Write"), ("pattern_modified", "Edit"),
    ]  # fmt: skip
    assert log[1].parents == [id_of(CODE)]


def test_a_modification_that_changes_nothing_is_no_event(outpost: Outpost) -> None:
    tracker = PatternTracker()
    asyncio.run(tracker.track_pattern_creation(CODE, CONTEXT))
    same = CODE + "\n# a comment\n"
    result = asyncio.run(tracker.track_pattern_modification(id_of(CODE), same, CONTEXT))
    assert (result["success"], result["pattern_id"]) == (True, id_of(CODE))
    assert outpost.recorded() == 1


@pytest.mark.parametrize("path", [".env", "/p/id_rsa", "/home/u/.netrc"])
def test_a_file_of_secrets_is_not_tracked(path: str, tmp_path: Path) -> None:
    result = asyncio.run(PatternTracker().track_pattern_creation("K=1", {"file_path": path}))
    assert (result["success"], result["cached"], result["pattern_id"]) == (False, False, "")
    assert not (tmp_path / "spool").exists()


def test_tracking_can_be_turned_off(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    off = PatternTracker(enable_tracking=False)
    monkeypatch.setenv("PATTERN_TRACKING_ENABLED", "false")
    for tracker in (off, PatternTracker()):
        result = asyncio.run(tracker.track_pattern_creation(CODE, CONTEXT))
        assert (result["success"], result["message"]) == (False, "tracking is off")
    assert not (tmp_path / "spool").exists()


def test_the_memory_of_calls_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pattern_tracker, "MAX_REMEMBERED", 3)
    tracker = PatternTracker()
    for number in range(10):
        asyncio.run(tracker.track_pattern_creation(f"x = {number}", CONTEXT))
        assert len(tracker._results) <= 3


def test_what_was_not_kept_may_be_tried_again() -> None:
    tracker = PatternTracker("http://127.0.0.1:9")
    tracker.api_client.enable_caching = False
    for _ in range(2):
        result = asyncio.run(tracker.track_pattern_creation(CODE, CONTEXT))
        assert (result["success"], result["cached"]) == (False, False)
    assert tracker._results == {}


@given(code=ANYTHING, context=ANYTHING, parents=ANYTHING, reason=ANYTHING)
@settings(max_examples=50)
def test_nothing_raises(code: Any, context: Any, parents: Any, reason: Any) -> None:
    async def story(tracker: PatternTracker) -> list[dict[str, Any]]:
        return [
            await tracker.track_pattern_creation(code, context, parents),
            await tracker.track_pattern_modification(parents, code, context, reason),
            await tracker.track_pattern_application(parents, context),
            await tracker.track_pattern_merge(parents, code, context, reason),
            await track_write_tool_pattern(context, code, reason),
            await track_edit_tool_pattern(context, parents, code),
        ]

    for result in asyncio.run(story(PatternTracker())):
        assert set(result) >= {"success", "pattern_id"}
