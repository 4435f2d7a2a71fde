"""Several services in one run: none holds up another one, nor the ledger."""

import asyncio
import json
import os
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from lib.capture.event import forget_content
from lib.commands.facts import gather
from lib.delivery import http, sender
from lib.delivery.service_state import migrate, state_of, urls
from lib.flusher import drain
from lib.flusher.process import Flusher
from lib.resilience.client import ResilientAPIClient
from lib.spool import books
from lib.system.settings import Settings
from lib.system.state import MAX_KEYS, StateFile
from tests.support.books import balance
from tests.support.bundle import Bundle, wait_for
from tests.support.outpost import Outpost
from tests.support.service_double import Fault, ServiceDouble
from tests.test_destination import bodies

UNAPPROVED = "https://patterns.example.com"


@pytest.fixture
def other() -> Iterator[ServiceDouble]:
    """A second service."""
    with ServiceDouble(rate_limit=None) as server:
        yield server


@pytest.fixture
def spool(tmp_path: Path) -> Outpost:
    """A spool whose flusher has no service of its own."""
    return Outpost(tmp_path / "spool")


def fill(spool: Outpost, number: int, *destinations: str) -> None:
    """Commit `number` events for each of the destinations, one after the other in turn."""
    for n in range(number):
        for place, url in enumerate(destinations):
            spool.write(f"/p/{place}/{n}.py", f"x = {n}, {place}\n", service_url=url)


def order_at(server: ServiceDouble) -> list[str]:
    """The files of the events, in the order in which the service got them."""
    return [body["file_path"] for body in bodies(server)]


@pytest.mark.parametrize("fault", ["503", "401", "refuse", "reset", "HTML"])
def test_a_service_that_fails_holds_up_nobody(
    spool: Outpost, server: ServiceDouble, other: ServiceDouble, fault: str
) -> None:
    faults = {
        "503": (Fault.STATUS, {"status": 503}), "401": (Fault.STATUS, {"status": 401}),
        "refuse": (Fault.REFUSE, {}), "reset": (Fault.RESET, {}), "HTML": (Fault.HTML, {}),
    }  # fmt: skip
    kind, options = faults[fault]
    wanted = [f"/p/0/{n}.py" for n in range(20)]
    fill(spool, 20, server.url, other.url, UNAPPROVED, "")
    with server.faults.during(kind, **options):
        spool.run()
        assert len(other.commits) == 20
        assert spool.recorded() == 80
        found = balance(spool.directory)["books"]
        assert found[server.url]["pending"] == 20
        assert found[UNAPPROVED]["pending"] == 20
        assert found["ledger"]["delivered"] == 20
    assert not spool.flush()
    last = order_at(server)[-20:]
    # Where it is in doubt whether one of them is to blame, one is sent before the others.
    is_doubtful = fault in ("reset", "HTML")
    assert (sorted(last) if is_doubtful else last) == (sorted(wanted) if is_doubtful else wanted)
    assert order_at(other) == [f"/p/1/{n}.py" for n in range(20)]
    assert balance(spool.directory)["pending"] == 20
    assert "was not approved" in spool.section("delivery", UNAPPROVED)["reason"]


def test_a_slow_service_holds_up_neither_another_one_nor_the_ledger(
    spool: Outpost, server: ServiceDouble, other: ServiceDouble, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http, "READ", 3.0)
    fill(spool, 3, server.url)
    server.faults.push(Fault.HANG_AFTER_READING)
    run = threading.Thread(target=spool.run, daemon=True)
    run.start()
    wait_for(lambda: server.requests)
    # While its answer is waited for, others come.
    spool.write("/p/later.py", "y = 1\n", service_url=other.url)
    spool.write("/p/alone.py", "y = 2\n", service_url="")
    wait_for(lambda: other.commits and spool.recorded() == 5 and len(spool.pending()) == 3)
    assert [record.status for record in server.requests] == [None]
    assert run.is_alive()
    run.join(20)
    assert not run.is_alive()


@pytest.mark.parametrize("late", [True, False], ids=["within a run", "at the end of one"])
def test_a_name_that_nobody_looks_up_is_a_failure_too(
    spool: Outpost, monkeypatch: pytest.MonkeyPatch, late: bool
) -> None:
    """Neither the system's resolver nor httpx keeps a time for that."""
    named = "http://localhost:9"
    over = threading.Event()
    monkeypatch.setattr(socket, "getaddrinfo", lambda *asked, **more: over.wait())
    monkeypatch.setattr(sender, "LATE_SECONDS", 0.3 if late else 60.0)
    monkeypatch.setattr(drain, "LAST_SECONDS", 0.3)
    fill(spool, 2, named)
    flusher = Flusher(str(spool.directory), Settings(spool.environ))
    flusher._deadline = time.monotonic() + (60.0 if late else 0.5)
    flusher._hold(5.0, flusher._drain)
    over.set()
    assert flusher._is_late() is not late
    assert flusher.problem == sender.LATE
    assert spool.section("delivery", named)["failures"] == 1
    assert spool.section("breaker", named)["failure_count"] == 1
    assert sender.LATE in (spool.directory / "flusher.log").read_text()
    assert spool.recorded() == len(spool.pending()) == 2


def test_each_service_has_a_circuit_of_its_own(
    spool: Outpost, server: ServiceDouble, other: ServiceDouble
) -> None:
    fill(spool, 2, server.url, other.url)
    with server.faults.during(Fault.STATUS, status=500):
        spool.run(CIRCUIT_BREAKER_FAILURE_THRESHOLD="1")
    services = gather(str(spool.directory))["services"]
    assert services[server.url]["circuit_breaker"]["state"] == "open"
    assert services[server.url]["problem"]
    assert services[other.url]["circuit_breaker"]["state"] == "closed"
    assert services[other.url]["last_delivery"]
    fill(spool, 3, server.url, other.url)
    asked = len(server.requests)
    spool.run()
    assert len(server.requests) == asked
    assert len(other.commits) == 5


def test_the_flushers_own_settings_say_nothing_of_others_events(
    spool: Outpost, server: ServiceDouble, other: ServiceDouble
) -> None:
    fill(spool, 2, server.url, "")
    name = spool.write("/p/old.py", "z = 1\n")
    settings = {"INTELLIGENCE_SERVICE_URL": other.url, "PATTERN_TRACKING_CONTENT": "none"}
    assert spool.flush(**settings)
    assert len(server.commits) == 2
    # But for an event of an earlier version, for which nothing was decided.
    assert order_at(other) == ["/p/old.py"], name
    found = balance(spool.directory)["books"]
    assert (found["ledger"]["delivered"], found["undecided"]["delivered"]) == (2, 1)


def test_a_service_gets_the_code_of_its_own_events_only(
    spool: Outpost, server: ServiceDouble, other: ServiceDouble
) -> None:
    """What an event presupposes is in the ledger as another project wrote it, with its comments."""
    before, after = "x = 1\ny = 2\n", "x = 1\ny = 3\n"
    for number, url in enumerate(("", UNAPPROVED, "")):
        spool.write(f"/secret/plan{number}.py", f"# a secret\n{before}", service_url=url)
        spool.write(f"/secret/plan{number}.py", f"# a secret\n{after}", before, service_url=url)
    # One copied what another project changed; of one's code nothing is kept.
    spool.write("/p/copy.py", before, service_url=server.url)
    spool.write("/p/changed.py", after, before, service_url=server.url)
    for name in (
        spool.write("/q/copy.py", after, service_url=other.url),
        spool.write("/q/changed.py", "x = 4\n", before, service_url=other.url),
        spool.write("/q/marked.py", f"# pattern-id: one\n{before}", service_url=other.url),
    ):
        forget(spool.directory / name)
    spool.flush()
    assert len(server.commits) >= 3
    assert len(other.commits) >= 5
    assert not any(b"secret" in record.request.body for record in server.requests)
    assert not any(b"x = " in record.request.body for record in other.requests)
    assert {body["pattern_data"].get("code") for body in bodies(server)} == {before, after}


def forget(path: Path) -> None:
    """Take the code out of a spooled event, as a hook does that is told to keep none."""
    event, then = json.loads(path.read_text()), path.stat().st_mtime_ns
    forget_content(event)
    path.write_text(json.dumps(event, separators=(",", ":")))
    os.utime(path, ns=(then, then))


def test_events_of_an_earlier_version_may_be_for_the_same_service(
    outpost: Outpost, server: ServiceDouble
) -> None:
    fill(outpost, 2, server.url)
    assert outpost.flush()
    outpost.write("/p/old.py", "z = 1\n")
    fill(outpost, 2, server.url)
    assert outpost.flush()
    assert max(server.commits.values()) == 1
    assert len(server.commits) == 5


def test_a_large_backlog_stays_in_order(
    spool: Outpost, server: ServiceDouble, other: ServiceDouble, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lib.delivery.dispatch.ROOM_BYTES", 3000)
    monkeypatch.setattr("lib.flusher.drain.RECORD", 7)
    first = [f"/p/{{}}/{n}.py" for n in range(60)]
    fill(spool, 60, server.url, other.url)
    with server.faults.during(Fault.STATUS, status=503):
        spool.run()
    assert spool.recorded() == 120
    # Those of earlier runs, and more, some of which come while others are sent.
    server.latency = 0.15  # so that room is not waited for
    fill(spool, 60, server.url, other.url)
    run = threading.Thread(target=spool.flush, daemon=True)
    run.start()
    for _ in range(6):
        asked = len(server.requests)
        wait_for(lambda: len(server.requests) > asked or not run.is_alive())  # noqa: B023
        fill(spool, 10, server.url, other.url)
    run.join(20)
    assert spool.flush()
    for place, at in enumerate((server, other)):
        wanted = [path.format(place) for path in first * 2 + first[:10] * 6]
        assert order_at(at)[-180:] == wanted
        assert max(at.commits.values()) == 1


def test_what_an_earlier_version_kept_goes_to_its_service(tmp_path: Path) -> None:
    file = StateFile(str(tmp_path / "state.json"))
    old = {
        "delivery": {"url": "http://localhost:1", "phase": "failing"},
        "breaker": {"epoch": 3}, "flusher": {"last_run": "then"},
        "health": {"base_url": "http://localhost:2", "state": "dead"},
    }  # fmt: skip
    (tmp_path / "state.json").write_text(json.dumps(old))
    migrate(file)
    known = state_of(file, "http://localhost:1")
    assert known.section("delivery") == {"phase": "failing"}
    assert known.section("breaker") == {"epoch": 3}
    assert known.section("health") == {}
    assert json.loads((tmp_path / "state.json").read_text()).keys() == {"flusher", "services"}
    before = os.stat(tmp_path / "state.json").st_ino
    migrate(file)
    assert os.stat(tmp_path / "state.json").st_ino == before


def test_the_state_does_not_grow_with_the_services(tmp_path: Path) -> None:
    file = StateFile(str(tmp_path / "state.json"))
    for number in range(2 * MAX_KEYS):
        state_of(file, "http://kept").update("breaker", lambda state: state.update(epoch=1))
        state_of(file, f"https://{number}").update("breaker", lambda state: state.update(epoch=1))
    assert len(urls(file)) == MAX_KEYS
    assert "http://kept" in urls(file)


def test_a_run_without_a_service_to_ask_loads_nothing_to_ask_with(spool: Outpost) -> None:
    fill(spool, 2, UNAPPROVED, "")
    flusher = Flusher(str(spool.directory), Settings(spool.environ))
    assert not flusher.run_once(5.0)
    assert "was not approved" in flusher.problem
    assert not [t for t in threading.enumerate() if "Sender" in repr(t)]


def test_the_books_of_each_destination_outlive_a_long_tally(
    spool: Outpost, server: ServiceDouble, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(books, "LIMIT", 10)
    monkeypatch.setattr(books, "OLD_SECONDS", -1)
    fill(spool, 4, server.url, UNAPPROVED, "")
    for _ in range(3):  # set aside, folded, and once more
        spool.flush(PATTERN_CACHE_MAX_AGE_DAYS="0.03" if server.commits else "7")
    found = balance(spool.directory)["books"]
    assert found[server.url]["delivered"] == found["ledger"]["delivered"] == 4
    assert found[UNAPPROVED]["dropped"] == {"expired": 4}


def test_doctor_and_status_name_every_service_that_events_wait_for(
    bundle: Bundle, server: ServiceDouble
) -> None:
    with server.faults.during(Fault.STATUS, status=401):
        spool = Outpost(bundle.spool)
        fill(spool, 2, server.url, UNAPPROVED)
        assert not spool.flush()
        checks = json.loads(bundle.command("doctor", "--json").stdout)["checks"]
        (found,) = [check for check in checks if check["name"] == "service"]
        assert found["level"] == "serious"
        assert f"{server.url} does not let us in" in found["text"]
        assert f"{UNAPPROVED}:443 was not approved" in found["text"]
        home = bundle.json()["problems"]
        assert any(server.url in told and "not allowed" in told for told in home)
        shown = bundle.command("status").stdout
        assert f"{server.url}: 2 waiting; not allowed" in shown
        assert UNAPPROVED in shown


def test_a_program_takes_only_what_was_captured_for_its_service(
    spool: Outpost, server: ServiceDouble, other: ServiceDouble
) -> None:
    fill(spool, 2, server.url, other.url, "")
    found = {}
    for url in ("", other.url):
        client = ResilientAPIClient(url, cache_dir=spool.directory)
        found[url] = asyncio.run(client.cache.sync_cached_events(client))
    assert found[""] == {"total_found": 6, "synced": 2, "failed": 0, "skipped": 4}
    assert found[other.url] == {"total_found": 4, "synced": 2, "failed": 0, "skipped": 2}
    assert order_at(other) == ["/p/1/0.py", "/p/1/1.py"]
    assert server.requests == []
    assert gather(str(spool.directory))["books"][server.url]["pending"] == 2
