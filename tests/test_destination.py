"""Where an event goes is decided at its capture, whoever delivers it."""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lib.delivery.approval import Approvals
from lib.resilience.client import ResilientAPIClient
from lib.spool import destination, wake
from tests.support.bundle import Bundle, write_payload

TEAM = "https://patterns.example.com"


@pytest.fixture
def still(bundle: Bundle) -> Iterator[Bundle]:
    """A bundle whose hooks start no flusher, for one seems to be at work."""
    bundle.spool.mkdir(parents=True, mode=0o700)
    running = wake.say_running(str(bundle.spool))
    yield bundle
    os.close(running)


def captured(bundle: Bundle, **environ: str) -> dict[str, Any]:
    """What the hook spools of one edit, in a session with these variables."""
    before = set(bundle.pending())
    bundle.post(write_payload("/p/a.py", "x = 1\n", f"use-{len(before)}"), **environ)
    (path,) = set(bundle.pending()) - before
    found: dict[str, Any] = json.loads(path.read_text())
    assert destination.mark_in(path.name) == destination.mark(found.get("service_url"))
    return found


def test_the_hook_decides_which_service_an_event_is_for(still: Bundle) -> None:
    found = captured(still, INTELLIGENCE_SERVICE_URL=f" {TEAM}/ ")
    assert found["service_url"] == TEAM
    assert captured(still)["service_url"] == ""
    assert captured(still, INTELLIGENCE_SERVICE_URL="https://x/" + "y" * 3000)["service_url"] == ""


def test_the_hook_knows_the_service_that_the_user_chose(still: Bundle) -> None:
    root = still.home / ".claude" / "hooks" / "pattern-tracker"
    root.parent.mkdir(parents=True, exist_ok=True)
    root.symlink_to(still.root)
    still.root = root
    path = f"{root}.approved.json"
    Approvals(path).approve(f"{TEAM}/", use=True)
    assert captured(still)["service_url"] == TEAM
    assert captured(still, INTELLIGENCE_SERVICE_URL="http://127.0.0.1:1")["service_url"] != TEAM
    # Where the choice cannot be read, nothing is decided: whoever delivers it says so.
    for damage in ("{", "[]", '{"service_url": 3}', " " * 70_000):
        Path(path).write_text(damage)
        assert "service_url" not in captured(still)


def test_the_hook_decides_whether_prompts_may_be_kept(still: Bundle) -> None:
    assert "prompts" not in captured(still)
    assert captured(still, PATTERN_TRACKING_PROMPTS="none")["prompts"] is False


async def _track(client: ResilientAPIClient) -> None:
    client.enable_circuit_breaker = False
    found = await client.track_pattern_resilient("pattern_created", "p-1", "p")
    assert found["cached"]


def test_the_library_decides_it_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import asyncio

    monkeypatch.setenv("INTELLIGENCE_SERVICE_URL", "http://127.0.0.1:1/")
    asyncio.run(_track(ResilientAPIClient(cache_dir=tmp_path / "spool")))
    (path,) = (tmp_path / "spool").glob("pending_*.json")
    assert json.loads(path.read_text())["service_url"] == "http://127.0.0.1:1"
    assert destination.mark_in(path.name) == destination.mark("http://127.0.0.1:1")
