"""What waited during an outage: it goes at a service that is well again, and somebody says so."""

import json
import subprocess
import sys
from typing import Any

import pytest

from lib.commands import facts
from lib.delivery import backoff
from lib.delivery.circuit import CLOSED
from lib.delivery.service_state import state_of
from lib.flusher.process import Flusher
from lib.spool import wake
from lib.system import state
from lib.system.settings import Settings
from tests.support.bundle import ROOT, Bundle, wait_for
from tests.support.outpost import Outpost
from tests.support.service_double import Fault, ServiceDouble


def change(outpost: Outpost, **changes: Any) -> None:
    """Change what is stored about delivery, as time would."""
    file = state.StateFile(f"{outpost.directory}/{state.FILE_NAME}")
    stored = state_of(file, outpost.environ["INTELLIGENCE_SERVICE_URL"])
    stored.update("delivery", lambda section: section.update(changes))


def write_many(outpost: Outpost, number: int) -> None:
    for i in range(number):
        outpost.write(f"/p/{i}.py", f"def f{i}():\n    return {i}\n")


def fail_once(outpost: Outpost, server: ServiceDouble) -> None:
    """Let a run meet an outage, and the back-off after it pass."""
    with server.faults.during(Fault.STATUS, status=503):
        outpost.run()
    assert outpost.section("delivery")["phase"] == backoff.FAILING
    change(outpost, delay=0.0)


def test_a_run_drains_a_backlog_once_the_service_is_well(
    outpost: Outpost, server: ServiceDouble, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backoff, "PAUSE_SECONDS", 0.05)
    write_many(outpost, 350)
    fail_once(outpost, server)
    outpost.write("/p/new.py", "x = 1\n")  # the edit that starts the run
    flusher = Flusher(str(outpost.directory), Settings(outpost.environ))
    flusher.run_detached(lambda: None)
    assert outpost.pending() == []
    assert len(server.commits) == 351
    assert max(server.commits.values()) == 1
    assert not flusher.has_more()
    assert outpost.section("delivery").get("phase", backoff.WELL) == backoff.WELL


def test_the_next_run_goes_on_where_the_pauses_of_one_left_it(
    outpost: Outpost, server: ServiceDouble, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backoff, "PAUSE_SECONDS", 200.0)
    write_many(outpost, 700)
    fail_once(outpost, server)
    outpost.write("/p/new.py", "x = 1\n")
    for expected in (1, 3, 7):
        outpost.run()
        assert server.count(status=200) == expected
        assert outpost.section("delivery")["delay"] >= 100
        assert wake.is_held_off(str(outpost.directory))
        change(outpost, delay=0.0)
    outpost.run()
    assert outpost.pending() == []


def test_a_run_that_its_deadline_ended_is_followed_by_another(bundle: Bundle) -> None:
    bundle.spool.mkdir(parents=True, mode=0o700)
    with ServiceDouble(rate_limit=None, latency=0.4) as server:
        outpost = Outpost(bundle.spool, server)
        write_many(outpost, 600)
        script = (
            "import sys; sys.path.insert(0, sys.argv[1]); from lib.flusher import process as f\n"
            "f.DEADLINE_SECONDS = 1; f.main(sys.argv[2])"
        )
        environ = {**bundle.environ, "INTELLIGENCE_SERVICE_URL": server.url}
        command = [sys.executable, "-c", script, str(ROOT), str(bundle.spool)]
        subprocess.run(command, env=environ, check=True, timeout=60)
        assert 0 < len(server.commits) < 600
        wait_for(lambda: len(server.commits) == 600 and not outpost.pending())
        assert max(server.commits.values()) == 1


def test_status_and_doctor_tell_that_a_backlog_waits_and_why(bundle: Bundle) -> None:
    bundle.spool.mkdir(parents=True, mode=0o700)
    with ServiceDouble(rate_limit=None) as server:
        bundle.environ["INTELLIGENCE_SERVICE_URL"] = server.url
        outpost = Outpost(bundle.spool, server)
        write_many(outpost, 250)
        outpost.run(HOME=str(bundle.home))
        assert told(bundle)["backlog"] is None
        write_many(outpost, 250)
        fail_once(outpost, server)
        outpost.write("/p/new.py", "x = 1\n")
        outpost.run()
        found = told(bundle)
        assert found["problem"] is None
        assert found["next_attempt_in"] > 0
        assert "growing steps" in found["backlog"]
        assert "151 wait: it works again after an outage" in bundle.command("status").stdout
        checks = json.loads(bundle.command("doctor", "--json").stdout)["checks"]
        (check,) = [check for check in checks if check["name"] == "service"]
        assert (check["level"], check["fix"]) == ("warning", "pattern-tracker sync sends them now")
        assert "is well, and 151 events wait" in check["text"]
        assert bundle.command("sync").stdout == "151 delivered, 0 left\n"
        assert told(bundle)["backlog"] is None


def test_a_backlog_of_another_service_than_this_shells_is_told(bundle: Bundle) -> None:
    """Who asks may have no service, one that is away, or another one for which events wait."""
    bundle.spool.mkdir(parents=True, mode=0o700)
    with ServiceDouble(rate_limit=None) as server, ServiceDouble(rate_limit=None) as other:
        outpost = Outpost(bundle.spool, server)
        for number in range(202):
            outpost.write(f"/p/{number}.py", f"x = {number}\n", service_url=server.url)
        outpost.write("/p/unapproved.py", "x = 1\n", service_url="https://patterns.example.com")
        fail_once(outpost, server)
        outpost.write("/p/new.py", "x = 1\n", service_url=server.url)
        outpost.run()
        for own in ("", "http://127.0.0.1:9", other.url):
            bundle.environ["INTELLIGENCE_SERVICE_URL"] = own
            shown = bundle.command("status").stdout
            assert "103 wait" in shown
            assert "it works again after an outage" in shown
            checks = json.loads(bundle.command("doctor", "--json").stdout)["checks"]
            (check,) = [check for check in checks if check["name"] == "service"]
            assert check["level"] == "serious"
            assert f"{server.url} is well, and 103 events wait" in check["text"]
            assert "pattern-tracker trust" in check["fix"]
            assert "pattern-tracker sync sends them now" in check["fix"]


def test_what_a_run_left_at_a_service_that_is_well_is_told(
    outpost: Outpost, server: ServiceDouble
) -> None:
    outpost.write("/p/a.py", "x = 1\n")
    outpost.run()
    outpost.write("/p/b.py", "x = 2\n")
    found = facts.gather(str(outpost.directory))
    assert found["circuit_breaker"]["state"] == CLOSED
    assert "goes on" in str(found["service"]["backlog"])


def told(bundle: Bundle) -> Any:
    return bundle.json("status")["service"]
