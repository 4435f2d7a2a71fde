"""Where an event goes is decided at its capture, whoever delivers it."""

import json
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from lib.delivery.approval import Approvals
from lib.resilience.client import ResilientAPIClient
from lib.spool import destination, wake
from tests.support.books import balance
from tests.support.bundle import Bundle, wait_for, write_payload
from tests.support.service_double import Fault, ServiceDouble

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


class Projects:
    """Sessions of three projects, and the two services that some of them name."""

    def __init__(self, bundle: Bundle, first: ServiceDouble, second: ServiceDouble) -> None:
        self.bundle = bundle
        self.first = first
        self.second = second
        self.settings: dict[str, dict[str, str]] = {
            "first": {"INTELLIGENCE_SERVICE_URL": first.url},
            "second": {"INTELLIGENCE_SERVICE_URL": second.url, "PATTERN_TRACKING_CONTENT": "none"},
            "third": {},
        }

    def edit(self, project: str, number: int) -> None:
        """Let a session of `project` write a file of its own, every other like the others'."""
        name = project if number % 2 else "same"
        code = f"# of the {project} project\ndef {name}{number}():\n    pass\n"
        data = write_payload(f"/p/{project}/{number}.py", code, f"{project}-{number}")
        self.bundle.post(data, **self.settings[project])

    def assert_all_arrived(self, number: int) -> None:
        """Every event is where its own capture said, once, and the books say so."""
        for project, server in (("first", self.first), ("second", self.second)):
            assert sorted(paths(server)) == [f"/p/{project}/{n}.py" for n in sorted_names(number)]
            assert max(server.commits.values()) == 1
            own = balance(self.bundle.spool)["books"][server.url]
            assert (own["captured"], own["delivered"]) == (number, number)
        codes = [body["pattern_data"].get("code") for body in bodies(self.first)]
        assert all("# of the first project" in str(code) for code in codes)
        assert not has_code(self.second)
        found = balance(self.bundle.spool)
        assert found["books"]["ledger"]["delivered"] == number
        assert len(self.bundle.log()) == 3 * number


def sorted_names(number: int) -> list[str]:
    return sorted(map(str, range(number)))


def bodies(server: ServiceDouble) -> list[dict[str, Any]]:
    """All that the service was asked to store."""
    found = [record.body for record in server.requests if isinstance(record.body, dict)]
    return [body for asked in found for body in asked.get("events", [asked])]


def paths(server: ServiceDouble) -> set[str]:
    implied = [body for body in bodies(server) if body["pattern_data"].get("implied")]
    return {str(body["file_path"]) for body in bodies(server) if body not in implied}


def has_code(server: ServiceDouble) -> bool:
    return any(body["pattern_data"].get("code") for body in bodies(server))


@pytest.fixture
def projects(bundle: Bundle) -> Iterator[Projects]:
    with ServiceDouble(rate_limit=None) as first, ServiceDouble(rate_limit=None) as second:
        yield Projects(bundle, first, second)


def test_a_session_without_a_service_delivers_the_events_of_one_with_it(
    projects: Projects,
) -> None:
    bundle = projects.bundle
    bundle.spool.mkdir(parents=True, mode=0o700)
    running = wake.say_running(str(bundle.spool))
    for number in range(10):
        projects.edit("first", number)
    os.close(running)
    assert len(bundle.pending()) == 10
    projects.edit("third", 0)  # starts the flusher, with its own settings
    bundle.wait_delivered()
    assert len(paths(projects.first)) == 10
    books = balance(bundle.spool)["books"]
    assert books[projects.first.url]["delivered"] == 10
    assert books["ledger"]["delivered"] == 1


def test_a_service_on_this_machine_takes_nothing_that_waits_for_the_teams(
    projects: Projects,
) -> None:
    bundle, team = projects.bundle, projects.first
    with team.faults.during(Fault.STATUS, status=503):
        for number in range(5):
            projects.edit("first", number)
        wait_for(lambda: team.requests and not wake.is_running(str(bundle.spool)))
        bundle.wait_flushed()
        projects.edit("second", 0)
        wait_for(lambda: len(bundle.pending()) == 5 and not wake.is_running(str(bundle.spool)))
        assert paths(projects.second) == {"/p/second/0.py"}
        found = balance(bundle.spool)["books"]
        assert found[team.url]["pending"] == 5
        assert found[projects.second.url]["delivered"] == 1
    assert bundle.command("sync").returncode == 0
    assert len(paths(team)) == 5
    assert paths(projects.second) == {"/p/second/0.py"}


def test_every_event_is_where_its_own_capture_said(projects: Projects) -> None:
    with ThreadPoolExecutor(8) as pool:
        work = [(name, n) for n in range(12) for name in projects.settings]
        list(pool.map(lambda one: projects.edit(*one), work))
    projects.bundle.wait_delivered()
    projects.assert_all_arrived(12)
