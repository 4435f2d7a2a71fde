"""The cache of the library: the same spool as the hooks'."""

import asyncio
import json
import os
import time
from pathlib import Path
from typing import Any
from unittest.mock import AsyncMock

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib.resilience import PatternCache
from lib.spool import inbox, outbox
from lib.spool.books import totals
from lib.system.lock import Lock
from tests.support.outpost import Outpost

NAMES = st.text(max_size=10)
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary()
    | st.just(object()),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3)
    | st.tuples(inner),
    max_leaves=5,
)  # fmt: skip


class Api:
    """Takes what it is given, but the first `failures` calls."""

    def __init__(self, failures: int = 0) -> None:
        self.failures = failures
        self.got: list[dict[str, Any]] = []

    async def track_lineage(self, **event_data: Any) -> dict[str, bool]:
        if self.failures > 0:
            self.failures -= 1
            raise ConnectionError("down")
        self.got.append(event_data)
        return {"success": True}


def body(number: int = 0, **changes: Any) -> dict[str, Any]:
    return {
        "event_type": "pattern_created",
        "pattern_id": f"python-code-{number:016x}",
        "pattern_data": {"code": f"x = {number}"},
        **changes,
    }


@pytest.fixture
def cache(tmp_path: Path) -> PatternCache:
    return PatternCache(tmp_path / "spool")


def cached(cache: PatternCache, *events: dict[str, Any]) -> list[str]:
    async def story() -> list[str]:
        return [await cache.cache_pattern_event(event) for event in events]

    return asyncio.run(story())


def synced(cache: PatternCache, api: Api, **options: int) -> dict[str, int]:
    return asyncio.run(cache.sync_cached_events(api, **options))


def test_cache_pattern_event(cache: PatternCache) -> None:
    (event_id,) = cached(cache, body())
    (path,) = Path(cache.cache_dir).glob("pending_*.json")
    stored = json.loads(path.read_text())
    assert stored["event_id"] == event_id == stored["event_data"]["pattern_data"]["event_id"]
    assert {name: stored[name] for name in ("event_type", "retry_count", "last_retry")} == {
        "event_type": "pattern_created", "retry_count": 0, "last_retry": None,
    }  # fmt: skip
    assert stored["pattern_id"] == body()["pattern_id"]
    assert path.stat().st_mode & 0o777 == 0o600
    assert cache.get_stats()["pending_events"] == cache.get_stats()["total_cached"] == 1


def test_cache_sync_events(cache: PatternCache) -> None:
    cached(cache, *map(body, range(3)))
    api = Api()
    assert synced(cache, api) == {"total_found": 3, "synced": 3, "failed": 0, "skipped": 0}
    assert [event["pattern_data"]["code"] for event in api.got] == ["x = 0", "x = 1", "x = 2"]
    assert cache.get_stats()["pending_events"] == 0
    assert cache.get_stats()["total_synced"] == 3


def test_cache_sync_with_failures(cache: PatternCache) -> None:
    cached(cache, *map(body, range(2)))
    api = Api(failures=3)
    assert synced(cache, api)["failed"] == 2
    assert synced(cache, api) == {"total_found": 2, "synced": 1, "failed": 1, "skipped": 0}
    (waiting,) = outbox.pending(cache.cache_dir)
    stored = outbox.read(cache.cache_dir, waiting.name)
    assert stored["retry_count"] == 2
    assert stored["last_retry"]
    assert synced(cache, api, max_retries=2)["skipped"] == 1
    assert synced(cache, api)["synced"] == 1


def test_cache_cleanup_old_events(cache: PatternCache) -> None:
    cached(cache, *map(body, range(3)))
    old = time.time_ns() - 8 * 86_400 * 10**9
    for item in outbox.pending(cache.cache_dir)[:2]:
        os.utime(f"{cache.cache_dir}/{item.name}", ns=(old, old))
    assert asyncio.run(cache.cleanup_old_events()) == 2
    assert cache.get_stats()["pending_events"] == 1
    cache.max_cache_size_mb = 1e-6
    assert asyncio.run(cache.cleanup_old_events()) == 1
    found = totals(cache.cache_dir, {})
    assert (found["expired"], found["overflow"]) == (2, 1)


def test_any_object_with_track_lineage_will_do(
    cache: PatternCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("INTELLIGENCE_SERVICE_URL", "http://localhost:1")
    cached(cache, body())
    api = AsyncMock()
    assert synced(cache, api)["synced"] == 1
    api.track_lineage.assert_awaited_once()


def test_what_the_library_caches_the_flusher_delivers(cache: PatternCache) -> None:
    cached(cache, *map(body, range(3)))
    outpost = Outpost(Path(cache.cache_dir))
    assert outpost.flush()
    assert set(outpost.ledger().ids_beginning("", -1)) == {body(n)["pattern_id"] for n in range(3)}


def test_what_a_hook_caches_the_library_delivers(cache: PatternCache) -> None:
    outpost = Outpost(Path(cache.cache_dir))
    names = outpost.story()
    api = Api()
    assert synced(cache, api)["synced"] == len(names)
    assert len(api.got) == len(names)
    assert outpost.recorded() == len(names)


def test_an_event_with_an_id_is_cached_once(cache: PatternCache) -> None:
    assert cached(cache, {**body(), "event_id": "e-1"}, {**body(), "event_id": "e-1"}) == [
        "e-1", "e-1",
    ]  # fmt: skip
    assert cache.get_stats()["pending_events"] == 1


def test_a_delivered_event_that_is_cached_again_is_not_delivered_again(
    cache: PatternCache,
) -> None:
    api = Api()
    for _ in range(2):
        cached(cache, {**body(), "event_id": "e-1"})
        assert synced(cache, api)["synced"] == 1
    assert len(api.got) == 1


def test_an_event_that_does_not_end_syncing_is_put_into_quarantine(cache: PatternCache) -> None:
    cached(cache, body(1))
    Path(cache.cache_dir, inbox.file_name("bad")).write_text("{")
    assert synced(cache, Api()) == {"total_found": 2, "synced": 1, "failed": 1, "skipped": 0}
    assert cache.get_stats()["quarantined_events"] == 1


def test_a_service_that_keeps_failing_is_not_asked_for_the_rest(cache: PatternCache) -> None:
    cached(cache, *map(body, range(15)))
    api = Api(failures=100)
    assert synced(cache, api) == {"total_found": 15, "synced": 0, "failed": 10, "skipped": 5}
    assert api.failures == 90


def test_events_wait_while_a_flusher_is_at_work(
    cache: PatternCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lib.resilience.cache.LOCK_SECONDS", 0.1)
    cached(cache, body())
    lock = Lock(f"{cache.cache_dir}/{outbox.LOCK_FILE}")
    assert lock.acquire()
    assert synced(cache, Api())["skipped"] == 1
    assert asyncio.run(cache.cleanup_old_events()) == 0
    lock.release()
    assert synced(cache, Api())["synced"] == 1


def test_a_cancelled_sync_lets_go_of_the_lock(cache: PatternCache) -> None:
    asked = asyncio.Event()

    class Hanging:
        async def track_lineage(self, **event_data: Any) -> None:
            asked.set()
            await asyncio.Event().wait()

    async def story() -> None:
        task = asyncio.create_task(cache.sync_cached_events(Hanging()))
        await asked.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    cached(cache, body())
    asyncio.run(story())
    assert synced(cache, Api())["synced"] == 1


@given(event=st.dictionaries(NAMES, ANYTHING, max_size=4) | ANYTHING, data=ANYTHING)
def test_nothing_that_is_cached_raises(cache: PatternCache, event: Any, data: Any) -> None:
    cached(cache, event, body(1, pattern_data=data), body(2, extra=data))
    synced(cache, Api())
    assert cache.get_stats()["quarantined_events"] == 0


@pytest.mark.parametrize("pattern_id", ["", None, "../x", "a" * 256, 7])
def test_what_has_no_pattern_id_is_not_stored(cache: PatternCache, pattern_id: object) -> None:
    assert cached(cache, body(pattern_id=pattern_id)) == [""]
    assert cache.get_stats()["errors"] == 1


@pytest.mark.parametrize("where", ["/proc/nowhere", "/dev/null/x", ""])
def test_a_place_that_cannot_be_used_raises_nothing(
    where: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache = PatternCache(where)
    assert cached(cache, body()) == [""]
    assert synced(cache, Api())["synced"] == 0
    assert asyncio.run(cache.cleanup_old_events()) == 0
    assert cache.get_stats()["pending_events"] == 0


def test_arguments_win_over_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATTERN_CACHE_DIR", str(tmp_path / "environment"))
    monkeypatch.setenv("PATTERN_CACHE_MAX_AGE_DAYS", "3")
    assert PatternCache().cache_dir == str(tmp_path / "environment")
    assert PatternCache().max_age_days == 3
    given = PatternCache(tmp_path / "given", max_age_days=5, max_cache_size_mb=6)
    assert (given.cache_dir, given.max_age_days) == (str(tmp_path / "given"), 5)
    assert given.get_stats()["max_cache_size_mb"] == 6
