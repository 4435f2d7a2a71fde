"""A bearer token that a command prints."""

import asyncio
import os
from pathlib import Path
from typing import Any

import pytest

from lib.delivery import credentials
from lib.delivery.approval import Approvals, Refused
from lib.flusher.process import Flusher
from lib.resilience import ResilientAPIClient
from lib.system.settings import Settings
from tests.support.outpost import Outpost
from tests.support.service_double import ServiceDouble

TOKEN = "s3cr3t-t0ken"


@pytest.fixture
def approvals(tmp_path: Path) -> Approvals:
    return Approvals(str(tmp_path / "approved.json"))


def program(path: Path, text: str) -> Path:
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return path


def flush(outpost: Outpost, approvals: Approvals) -> Flusher:
    flusher = Flusher(str(outpost.directory), Settings(outpost.environ), approvals)
    flusher.run_once(5.0)
    return flusher


def test_the_token_that_a_command_prints_is_sent(
    outpost: Outpost, server: ServiceDouble, approvals: Approvals, tmp_path: Path
) -> None:
    asks = program(tmp_path / "asks", f"echo asked >>{tmp_path}/asked; echo {TOKEN}; echo x >&2")
    approvals.approve(server.url, token_command=f"{asks} show 'two words'")
    assert TOKEN not in Path(approvals.path).read_text()
    outpost.write("/p/a.py", "x = 1\n")
    flush(outpost, approvals)
    assert [r.headers["authorization"] for r in server.requests] == [f"Bearer {TOKEN}"]
    # At the approval and at the delivery; not by a run that has nothing to send.
    flush(outpost, approvals)
    assert (tmp_path / "asked").read_text() == "asked\n" * 2


def test_it_runs_in_the_environment_of_the_approval(
    approvals: Approvals, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A repository's settings set PATH, HOME and others for the hooks."""
    bin_, evil = tmp_path / "bin", tmp_path / "evil"
    for directory, token in ((bin_, TOKEN), (evil, "an-attackers")):
        directory.mkdir()
        program(directory / "pass", f'echo "{token}${{STORE}}"; test "$HOME" = /home/me')
    monkeypatch.setenv("HOME", "/home/me")
    monkeypatch.setenv("PATH", f"{bin_}:{os.environ['PATH']}")
    approvals.approve("https://a.example.com", token_command="pass")
    monkeypatch.setenv("HOME", str(evil))
    monkeypatch.setenv("PATH", f"{evil}:{os.environ['PATH']}")
    monkeypatch.setenv("STORE", "an-attackers")
    monkeypatch.chdir(evil)
    found = approvals.destination("https://a.example.com")
    assert found is not None
    assert found.bearer() == TOKEN


BROKEN = {
    "exits with 3": (f"echo {TOKEN}; exit 3", "exited with 3"),
    "prints nothing": ("true", "printed no token"),
    "prints two words": (f"echo {TOKEN} {TOKEN}", "printed no token"),
    "prints too much": (f"head -c 9999 /dev/zero | tr '\\0' x; echo {TOKEN}", "printed no token"),
    "hangs": ("exec tail -f /dev/null", "took over 1 s"),
}


@pytest.mark.parametrize("case", BROKEN.values(), ids=BROKEN.keys())
def test_a_command_without_a_token_is_refused_and_not_told(
    approvals: Approvals, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, case: tuple[str, str]
) -> None:
    monkeypatch.setattr(credentials, "COMMAND_SECONDS", 1.0)
    text, said = case
    asks = program(tmp_path / "asks", text)
    with pytest.raises(Refused, match=said) as refused:
        approvals.approve("https://a.example.com", token_command=str(asks))
    assert TOKEN not in str(refused.value)
    assert approvals.listed() == {}


@pytest.mark.parametrize("text", ["", "'", "no-such-program x", "/nowhere/at/all"])
def test_what_is_no_command_is_refused(text: str) -> None:
    with pytest.raises(Refused):
        credentials.command_of(text)


def test_events_wait_while_the_command_fails(
    outpost: Outpost, server: ServiceDouble, approvals: Approvals, tmp_path: Path
) -> None:
    asks = program(tmp_path / "asks", f"echo {TOKEN}")
    approvals.approve(server.url, token_command=str(asks))
    program(asks, "exit 1")
    outpost.write("/p/a.py", "x = 1\n")
    assert "exited with 1" in flush(outpost, approvals).problem
    assert (len(outpost.pending()), len(server.requests)) == (1, 0)
    assert outpost.section("delivery")["verdict"] == "refused"
    program(asks, f"echo {TOKEN}")
    flush(outpost, approvals)
    assert (outpost.pending(), len(server.commits)) == ([], 1)
    assert "verdict" not in outpost.section("delivery")


def test_the_library_asks_the_command_too(
    server: ServiceDouble, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    approvals = Approvals(str(tmp_path / "approved.json"))
    asks = program(tmp_path / "asks", f"echo {TOKEN}")
    approvals.approve(server.url, token_command=str(asks))
    monkeypatch.setenv("INTELLIGENCE_SERVICE_URL", server.url)
    monkeypatch.setattr("lib.system.bundle.kept", lambda suffix, root="": approvals.path)
    monkeypatch.setattr("lib.privacy.user_rules.default_path", lambda: str(tmp_path / "none"))

    async def track() -> Any:
        client = ResilientAPIClient(cache_dir=tmp_path / "spool")
        program(asks, "exit 1")
        waits = await client.track_pattern_resilient("pattern_created", "p", "p", {"code": "x"})
        program(asks, f"echo {TOKEN}")
        sent = await client.track_pattern_resilient("pattern_created", "q", "q", {"code": "y"})
        await client.executor.wait_for_completion()
        return waits, sent

    waits, sent = asyncio.run(track())
    assert (waits["success"], waits["cached"]) == (False, True)
    assert "exited with 1" in waits["message"]
    assert sent["success"]
    tokens = {r.headers.get("authorization") for r in server.requests if r.method == "POST"}
    assert tokens == {f"Bearer {TOKEN}"}
