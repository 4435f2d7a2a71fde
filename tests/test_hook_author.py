"""The library as the author of another hook tests with it: on a file system of pyfakefs."""

import asyncio
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from pyfakefs.fake_filesystem import FakeFilesystem

from lib.ledger.history import History
from lib.ledger.store import open_ledger
from lib.pattern_tracker import PatternTracker
from lib.resilience import CircuitBreaker, PatternCache, ResilientAPIClient, SharedStorage
from lib.resilience.testing import FakeClock
from tests.support.bundle import ROOT

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


def test_what_waits_is_delivered_when_the_service_is_back(disk: FakeFilesystem) -> None:
    cache = PatternCache(SPOOL)
    asyncio.run(cache.cache_pattern_event(CREATED))
    service = Recorder(failures=1)
    assert asyncio.run(cache.sync_cached_events(service))["failed"] == 1
    (file,) = Path(SPOOL).glob("pending_*.json")
    assert '"retry_count":1' in file.read_text()
    assert asyncio.run(cache.sync_cached_events(service))["synced"] == 1
    assert [event["pattern_id"] for event in service.got] == ["python-code-1"]
    assert not list(Path(SPOOL).glob("pending_*.json"))


def test_a_client_delivers_what_it_could_not_before(disk: FakeFilesystem) -> None:
    async def story() -> None:
        first = await client.track_pattern_resilient("pattern_created", "python-code-1")
        assert (first["success"], first["cached"]) == (False, True)
        answers.append(200)
        second = await client.track_pattern_resilient("pattern_created", "python-code-2")
        assert (second["success"], second["cached"]) == (True, False), second
        assert await client.executor.wait_for_completion()

    answers = [503]
    transport = httpx.MockTransport(
        lambda request: httpx.Response(answers[-1], json={"success": True})
    )
    client = ResilientAPIClient("http://service", clock=FakeClock(), transport=transport)
    asyncio.run(story())
    assert client.cache.get_stats()["pending_events"] == 0
    assert "breaker" in Path(SPOOL, "state.json").read_text()
    assert not is_on_the_real_disk(disk, SPOOL)


@pytest.fixture
def in_use(tmp_path: Path) -> Iterator[Path]:
    """A spool and a ledger of a machine where the product is at work; no test may touch them."""
    directory = tmp_path / "patterns"
    directory.mkdir(0o700)
    open_ledger(str(directory)).close()
    yield directory
    assert [item.name for item in directory.iterdir()] == ["ledger.db"]
    ledger = History(f"{directory}/ledger.db")
    assert not list(ledger.events())
    ledger.close()


def test_a_pattern_that_a_test_tracks_is_in_no_real_ledger(
    in_use: Path, disk: FakeFilesystem, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SQLite knows no disk but the real one: the ledger is in memory."""
    spool = Path(in_use)  # until Python 3.11, a path made before the test stays on the real disk
    monkeypatch.setenv("PATTERN_CACHE_DIR", str(in_use))
    tracker = PatternTracker(base_url="")
    made = asyncio.run(tracker.track_pattern_creation("x = 1\n", {"file_path": "/p/a.py"}))
    assert made["success"] is True
    assert (spool / "tally").exists()
    assert not list(spool.glob("pending_*.json"))
    assert not (spool / "ledger.db").exists()


@pytest.fixture
def untouched(tmp_path: Path) -> Iterator[Path]:
    """A home directory on the real disk, with what the library may keep there."""
    (tmp_path / ".claude" / "hooks").mkdir(parents=True)
    (tmp_path / "project").mkdir()
    before = [(path, path.stat().st_mtime_ns) for path in sorted(tmp_path.rglob("*"))]
    yield tmp_path
    assert [(path, path.stat().st_mtime_ns) for path in sorted(tmp_path.rglob("*"))] == before


@pytest.mark.parametrize("url", ["", None, "http://127.0.0.1:9"])
def test_nothing_that_the_library_offers_touches_the_real_disk(
    untouched: Path, disk: FakeFilesystem, monkeypatch: pytest.MonkeyPatch, url: str | None
) -> None:
    async def story(tracker: PatternTracker) -> None:
        context = {"file_path": f"{untouched}/project/a.py"}
        first = await tracker.track_pattern_creation("x = 1\n", context)
        await tracker.track_pattern_modification(first["pattern_id"], "x = 2\n", context)
        await tracker.track_pattern_application(first["pattern_id"], context)
        assert (await tracker.sync_offline_events())["sync_stats"]["skipped"] == 0
        await tracker.api_client.cache.cleanup_old_events()
        await tracker.api_client.health_checker.check_health(force=True)
        assert (await tracker.get_tracker_stats())["tracker"]["cached_patterns"] == (
            3 if url else 0
        )
        assert await tracker.api_client.executor.wait_for_completion()

    disk.create_dir(f"{untouched}/.claude/hooks")
    monkeypatch.setenv("HOME", str(untouched))
    monkeypatch.delenv("PATTERN_CACHE_DIR")
    asyncio.run(story(PatternTracker(base_url=url)))
    assert Path(untouched, ".claude", "hooks", ".cache", "patterns", "tally").exists()


LATE = """
import asyncio, sys
from pathlib import Path
sys.path.insert(0, {root!r})


def test_late(fs):
    from lib.resilience import PatternCache
    assert asyncio.run(PatternCache("/spool").cache_pattern_event({event!r}))
    assert len(list(Path("/spool").glob("pending_*.json"))) == 1


def test_without():
    from lib.resilience import PatternCache
    assert asyncio.run(PatternCache({real!r}).cache_pattern_event({event!r}))
    assert len(list(Path({real!r}).glob("pending_*.json"))) == 1
"""


@pytest.mark.parametrize("chosen", ["", "test_late", "test_without"])
def test_it_does_not_matter_when_the_library_is_imported(tmp_path: Path, chosen: str) -> None:
    real = tmp_path / "spool"
    code = LATE.format(root=str(ROOT), event=CREATED, real=str(real))
    (tmp_path / "test_late.py").write_text(code)
    which = f"test_late.py::{chosen}" if chosen else "test_late.py"
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:randomly",
         which],
        cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout
    assert not os.path.lexists("/spool")
    assert real.exists() == (chosen != "test_late")
