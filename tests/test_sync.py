"""What a person sees of delivery: sync, status and trust, with a service and without."""

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from lib.delivery import http
from lib.delivery.answers import Verdict
from lib.delivery.http import Service
from tests.support.bundle import Bundle, write_payload
from tests.support.service_double import Fault, ServiceDouble
from tests.support.terminals import open_terminal

BODY: Any = {"event_type": "pattern_created", "pattern_id": "a", "pattern_data": {"event_id": "e"}}


@pytest.fixture
def served(bundle: Bundle, server: ServiceDouble) -> Bundle:
    bundle.environ["INTELLIGENCE_SERVICE_URL"] = server.url
    return bundle


def write(bundle: Bundle, number: int) -> None:
    bundle.post(write_payload(f"/p/{number}.py", f"x = {number}\n", f"use-{number}"))


def test_a_hook_is_all_it_takes(served: Bundle, server: ServiceDouble) -> None:
    write(served, 1)
    assert server.wait_until(lambda: len(server.commits) == 1, 20)
    served.wait_delivered()
    status = served.json("status")
    assert (status["captured"], status["delivered"], status["pending"]) == (1, 1, 0)
    assert status["service"]["url"] == server.url
    assert status["service"]["last_delivery"]
    assert status["service"]["problem"] is None


def test_events_of_an_outage_arrive_with_the_first_hook_after_it(
    served: Bundle, server: ServiceDouble
) -> None:
    with server.faults.during(Fault.REFUSE):
        for number in range(4):
            write(served, number)
        served.wait_flushed()
        assert len(served.pending()) == 4
        status = served.json("status")
        assert status["delivered"] == 0
        assert "ConnectError" in status["service"]["problem"]
    done = served.command("sync", "--json")
    assert done.returncode == 0
    assert json.loads(done.stdout) == {"synced": 4, "pending": 0, "quarantined": 0, "error": None}
    assert len(server.commits) == 4


def test_sync_exits_with_zero_only_if_nothing_is_left(
    served: Bundle, server: ServiceDouble
) -> None:
    with server.faults.during(Fault.STATUS, status=401):
        write(served, 1)
        served.wait_flushed()
        done = served.command("sync")
        assert done.returncode == 1
        assert done.stdout == "0 delivered, 1 left (HTTP 401)\n"
        assert "not allowed: HTTP 401" in served.command("status").stdout
    assert served.command("sync").stdout == "1 delivered, 0 left\n"


def test_sync_shows_its_progress_on_a_terminal_only(served: Bundle, server: ServiceDouble) -> None:
    with server.faults.during(Fault.STATUS, status=503):
        for number in range(3):
            write(served, number)
        served.wait_flushed()
    outer, inner = open_terminal()
    done = subprocess.run(
        [str(served.root / "bin" / "pattern-tracker"), "sync"],
        env={**served.environ, "TERM": "xterm"}, stdout=subprocess.PIPE, stderr=inner, check=True,
    )  # fmt: skip
    os.close(inner)
    assert done.stdout == b"3 delivered, 0 left\n"
    assert b"delivering" in os.read(outer, 65536)
    os.close(outer)
    assert served.command("sync").stderr == ""


def test_an_unapproved_service_gets_nothing_and_status_says_why(bundle: Bundle) -> None:
    bundle.environ["INTELLIGENCE_SERVICE_URL"] = "https://patterns.example.com"
    write(bundle, 1)
    bundle.wait_flushed()
    assert len(bundle.pending()) == 1
    problem = bundle.json("status")["service"]["problem"]
    assert problem.startswith("refused: https://patterns.example.com:443 was not approved")
    assert bundle.command("sync").returncode == 1


def test_trust_is_given_listed_and_taken_back(installed_home: Path, tmp_path: Path) -> None:
    root = installed_home / ".claude" / "hooks" / "pattern-tracker"
    bundle = Bundle(installed_home, root)
    kept = root.with_name("pattern-tracker.approved.json")
    token = tmp_path / "token"
    token.write_text("s3cr3t")
    token.chmod(0o600)
    url = "https://patterns.example.com"
    try:
        done = bundle.command("trust", url, "--use", "--token-file", str(token))
        assert (done.returncode, "trusted" in done.stdout) == (0, True)
        assert kept.stat().st_mode & 0o777 == 0o600
        assert "s3cr3t" not in kept.read_text() + done.stdout
        assert bundle.json("trust") == {"trusted": [url + ":443"], "service_url": url}
        assert bundle.command("trust", url, "--remove").returncode == 0
        assert bundle.json("trust") == {"trusted": [], "service_url": None}
        assert bundle.command("trust", "http://patterns.example.com").returncode == 1
        token.chmod(0o644)
        refused = bundle.command("trust", url, "--token-file", str(token))
        assert (refused.returncode, "chmod 600" in refused.stderr) == (1, True)
    finally:
        kept.unlink(missing_ok=True)


def test_a_token_is_sent_as_a_bearer_token(server: ServiceDouble) -> None:
    sender = Service(server.url, "s3cr3t")
    body: Any = {
        "event_type": "pattern_created",
        "pattern_id": "a",
        "pattern_data": {"event_id": "e"},
    }
    (answer,) = sender.send([body], batch=False)
    sender.close()
    assert answer.verdict is Verdict.DELIVERED
    assert server.requests[0].headers["authorization"] == "Bearer s3cr3t"


def test_an_error_does_not_tell_the_token(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "CONNECT", 0.2)
    sender = Service("http://127.0.0.1:9", "s3cr3t\nX: y")
    body: Any = {
        "event_type": "pattern_created",
        "pattern_id": "a",
        "pattern_data": {"event_id": "e"},
    }
    (answer,) = sender.send([body], batch=False)
    sender.close()
    assert "s3cr3t" not in answer.reason
