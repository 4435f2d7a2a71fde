"""`pattern-tracker status` at a glance: what people see of what `--json` says."""

import json
import re
import time
from pathlib import Path

import pytest

from lib.commands import cli
from lib.commands.facts import Facts
from lib.commands.status import show
from tests.support.outpost import Outpost
from tests.support.service_double import Fault, ServiceDouble


@pytest.fixture
def asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Outpost:
    """A spool that the command line of this process asks."""
    outpost = Outpost(tmp_path / "spool")
    monkeypatch.setenv("PATTERN_CACHE_DIR", str(outpost.directory))
    monkeypatch.delenv("COLUMNS", raising=False)
    return outpost


def status(capsys: pytest.CaptureFixture[str]) -> dict[str, str]:
    assert cli.main(["status"]) == 0
    out = capsys.readouterr().out
    assert "\x1b" not in out
    return dict(re.split(r"  +", line, maxsplit=1) for line in out.splitlines())


def test_nothing_is_green_before_anything_happened(
    asked: Outpost, capsys: pytest.CaptureFixture[str]
) -> None:
    seen = status(capsys)
    assert {n for n, text in seen.items() if text == "never observed"} == {
        "captured", "delivered", "flusher",
    }  # fmt: skip
    assert (seen["waiting"], seen["dropped"]) == ("nothing", "nothing")
    assert not asked.directory.exists()


def test_the_last_capture_is_told_and_kept_when_it_is_delivered(
    asked: Outpost, capsys: pytest.CaptureFixture[str]
) -> None:
    asked.write("/p/a.py", "x = 1\n")
    before = status(capsys)
    assert before["waiting"].startswith("1, the oldest for ")
    cli.main(["status", "--json"])
    waiting = json.loads(capsys.readouterr().out)
    asked.flush()
    assert ", the last " in status(capsys)["captured"]
    cli.main(["status", "--json"])
    delivered = json.loads(capsys.readouterr().out)
    assert waiting["last_capture"] == delivered["last_capture"] is not None


def test_an_outage_is_told_with_its_reason(
    asked: Outpost,
    server: ServiceDouble,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("INTELLIGENCE_SERVICE_URL", server.url)
    asked.environ["INTELLIGENCE_SERVICE_URL"] = server.url
    for number in range(3):
        asked.write(f"/p/{number}.py", f"x = {number}\n")
        with server.faults.during(Fault.STATUS, status=503):
            asked.flush()
    seen = status(capsys)
    assert seen["service"] == server.url
    assert seen["delivered to it"] == "never observed"
    assert "HTTP 503" in seen["problem"]
    asked.flush()
    seen = status(capsys)
    assert "problem" not in seen
    assert seen["circuit"] == "closed"
    assert seen["delivered to it"].startswith("the last ")


@pytest.mark.parametrize("columns", ["60", "80", "120"])
def test_the_worst_of_it_fits_one_screen(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, columns: str
) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    now = time.strftime("%Y-%m-%dT%H:%M:%S+00:00", time.gmtime())
    worst: Facts = {
        "enabled": False, "captured": 12345, "last_capture": now, "delivered": 12000,
        "pending": 345, "oldest_pending": now, "quarantined": 7,
        "dropped": dict.fromkeys(("expired", "overflow", "discarded", "removed"), 1000),
        "skipped": dict.fromkeys(("duplicate", "failed", "unreadable", "secret"), 1000),
        "steps": {"agent": 12345, "shell": 2345, "outside": 345, "undo": 123, "format": 45,
                  "unchanged": 5},
        "mounts": {},
        "hints": {"given": 1, "last": {"timestamp": now, "file_path": "/p/" + "a" * 99,
                                       "name": "f", "origin": "b.py", "session_id": "s"}},
        "interpreter": {
            "was": "/usr/bin/python3.11", "fault": "is gone", "is": "/usr/bin/python3",
            "since": now, "state": "failed", "reason": "settings.json is read-only\x1b[31m",
        },
        "environment": {"state": "failed", "since": now, "reason": "is there a network?\x1b[31m"},
        "flusher": {"running": False, "last_run": now, "last_delivery": now,
                    "last_error": "OSError: \x1b[31m" * 8},
        "service": {
            "url": "https://patterns.example.com:8443/team", "last_delivery": now,
            "problem": "unwell: HTTP 503: \x9b31m" * 4, "next_attempt_in": 42.0,
            "backlog": None,
        },
        "circuit_breaker": {"state": "open", "available_in": 31.0},
        "ledgers_put_aside": 0, "health": {}, "services": {},
        "books": {"https://other.example.com": {
            "captured": 9, "delivered": 0, "pending": 9, "quarantined": 0, "dropped": {},
        }},
        "cache_dir": "/home/somebody/" + "long/" * 12,
        "warnings": ["PATTERN_CACHE_DIR is not for you: \x1b[31m"],
        "command": "~/.claude/plugins/cache/team/pattern-tracker/0.2.0/bin/pattern-tracker",
    }  # fmt: skip
    show(worst)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) <= 36, "\n".join(lines)
    assert max(map(len, lines)) <= int(columns)
    assert all(line.isprintable() for line in lines)
    assert any("open until " in line and "31 s more" in line for line in lines)
