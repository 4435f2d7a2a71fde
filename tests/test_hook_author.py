"""The library as the author of another hook tests with it: on a file system of pyfakefs."""

import asyncio
import os
from pathlib import Path
from typing import Any

import pytest
from pyfakefs.fake_filesystem import FakeFilesystem

from lib.pattern_tracker import PatternTracker
from lib.resilience import CircuitBreaker, PatternCache, SharedStorage
from lib.resilience.testing import FakeClock

SPOOL = "/home/author/spool"
CREATED = {"event_type": "pattern_created", "pattern_id": "python-code-1", "pattern_name": "one"}


class Recorder:
    """A service of the author's own: fails as often as it is told to."""

    def __init__(self, failures: int = 0) -> None:
        self.failures = failures
        self.got: list[dict[str, Any]] = []

    async def track_lineage(self, **event_data: Any) -> None:
        if self.failures:
            self.failures -= 1
            raise ConnectionError("away")
        self.got.append(event_data)


@pytest.fixture
def disk(fs: FakeFilesystem, monkeypatch: pytest.MonkeyPatch) -> FakeFilesystem:
    """An empty disk, with a home directory for what is kept there."""
    fs.create_dir("/home/author")
    monkeypatch.setenv("HOME", "/home/author")
    monkeypatch.setenv("PATTERN_CACHE_DIR", SPOOL)
    return fs


def is_on_the_real_disk(disk: FakeFilesystem, path: str) -> bool:
    disk.pause()
    try:
        return os.path.lexists(path)
    finally:
        disk.resume()


def test_a_cached_event_is_on_the_authors_disk_and_on_no_other(disk: FakeFilesystem) -> None:
    cache = PatternCache(SPOOL)
    event_id = asyncio.run(cache.cache_pattern_event(CREATED))
    assert event_id
    (file,) = Path(SPOOL).glob("pending_*.json")
    assert event_id in file.read_text()
    assert file.stat().st_mode & 0o777 == 0o600
    assert cache.get_stats()["pending_events"] == 1
    assert not is_on_the_real_disk(disk, SPOOL)


def test_a_full_disk_is_an_empty_id(disk: FakeFilesystem) -> None:
    disk.set_disk_usage(100)
    cache = PatternCache(SPOOL)
    assert asyncio.run(cache.cache_pattern_event(CREATED)) == ""
    assert cache.get_stats()["errors"] == 1


def test_what_is_too_old_is_dropped(disk: FakeFilesystem) -> None:
    cache = PatternCache(SPOOL, max_age_days=1)
    asyncio.run(cache.cache_pattern_event(CREATED))
    (file,) = Path(SPOOL).glob("pending_*.json")
    os.utime(file, (0, 0))
    assert asyncio.run(cache.cleanup_old_events()) == 1
    assert not list(Path(SPOOL).glob("pending_*.json"))


def test_the_circuit_is_kept_on_the_authors_disk(disk: FakeFilesystem) -> None:
    async def fail() -> None:
        raise ConnectionError("away")

    clock = FakeClock()
    for _ in range(3):  # three processes, as far as the file tells
        breaker = CircuitBreaker(3, 60, storage=SharedStorage("/home/author/s.json"), clock=clock)
        asyncio.run(breaker.call(fail))
    assert breaker.get_state()["state"] == "open"
    assert "breaker" in Path("/home/author/s.json").read_text()
    assert not is_on_the_real_disk(disk, "/home/author/s.json")


def test_a_tracked_pattern_waits_on_the_authors_disk(disk: FakeFilesystem) -> None:
    """SQLite knows no disk but the real one: the ledger is not made, and the event waits."""
    tracker = PatternTracker(base_url="")
    done = asyncio.run(tracker.track_pattern_creation("x = 1\n", {"file_path": "/p/a.py"}))
    assert done["success"] is False
    assert done["cached"] is True
    assert len(list(Path(SPOOL).glob("pending_*.json"))) == 1
    assert not is_on_the_real_disk(disk, SPOOL)
