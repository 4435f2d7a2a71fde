"""`token`, `forget --person` and `serve --team`, as an operator uses them."""

import http.client
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from lib.commands import cli, forget_team, serve_team
from lib.commands.common import CommandError
from lib.web.team import bearer
from lib.web.team.app import Rules
from lib.web.team.sql_storage import open_storage
from lib.web.team.stored import Storage
from tests.support.bundle import ROOT
from tests.support.served import START
from tests.support.service_app import BATCH, PREFIX
from tests.support.service_client import event
from tests.support.team import arrived
from tests.support.team_server import TeamServer


@pytest.fixture
def run(team_url: str, capsys: pytest.CaptureFixture[str]) -> Any:
    def ask(*words: str) -> tuple[int, Any, str]:
        code = cli.main([*words, "--database", team_url, "--json"])
        out, err = capsys.readouterr()
        return code, json.loads(out) if out else None, err

    return ask


def test_a_token_is_shown_once_and_can_be_revoked(run: Any, team_url: str) -> None:
    code, made, _ = run("token", "create", "jane", "--project", "h/acme/site", "--project", "b")
    assert (code, made["person"], made["rights"]) == (0, "jane", ["read", "write"])
    assert made["projects"] == ["b", "h/acme/site"]
    _, listed, _ = run("token", "list")
    assert [one["id"] for one in listed] == [made["id"]]
    assert made["token"] not in json.dumps(listed)
    with closing(open_storage(team_url)) as storage:
        found = storage.find_token(bearer.digest_of(made["token"]))
        assert found
        assert (found.person, found.projects) == ("jane", frozenset({"b", "h/acme/site"}))
        assert run("token", "revoke", made["id"])[:2] == (
            0,
            {"revoked": made["id"], "person": "jane"},
        )
        assert storage.find_token(bearer.digest_of(made["token"])) is None
        acts = [(note.act, note.about) for note in storage.audit()]
        assert sorted(acts) == [
            (f"token created: {made['id']}", "jane"), (f"token revoked: {made['id']}", "jane"),
        ]  # fmt: skip
        assert all(note.actor.endswith(" at the server") for note in storage.audit())
    assert run("token", "list")[1][0]["revoked"].startswith("20")


@pytest.mark.parametrize(
    ("words", "rights"),
    [
        ([], ["read", "write"]), (["--read"], ["read"]), (["--write"], ["write"]),
        (["--admin"], ["admin", "read", "write"]),
    ],
)  # fmt: skip
def test_rights(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], words: Any, rights: Any
) -> None:
    cli.main(["token", "create", "x", *words, "--database", f"sqlite://{tmp_path}/t.db", "--json"])
    assert json.loads(capsys.readouterr().out)["rights"] == rights


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["token", "create"], "token create PERSON"),
        (["token", "list", "x"], "token create PERSON"),
        (["token", "create", "a\nb"], "printable"),
        (["token", "create", "x" * 256], "printable"),
        (["token", "revoke", "nothing"], "there is no token nothing"),
        (["forget", "--person", "nobody"], "nothing is known of the person nobody"),
        (["serve", "--team", "--certificate", "c.pem"], "--certificate and --key"),
        (["serve", "--team", "--host", "10.0.0.1"], "could be read on the way"),
        (["serve", "--team", "--keep-days", "x"], "--keep-days takes"),
        (["serve", "--team", "--certificate", "/no", "--key", "/no"], "No such file"),
    ],
)
def test_what_cannot_be_done_is_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], words: list[str], says: str
) -> None:
    assert cli.main([*words, "--database", f"sqlite://{tmp_path}/t.db"]) == 1
    out, err = capsys.readouterr()
    assert (out, err.count("\n"), says in err) == ("", 1, True), err


@pytest.mark.parametrize("url", ["mysql://x/y", "sqlite:///no/such/place/t.db", "nonsense", None])
def test_a_database_that_is_none_is_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], url: str | None
) -> None:
    if url:
        monkeypatch.setenv("PATTERN_TEAM_DATABASE", url)
    for verb in (["token", "list"], ["serve", "--team"], ["forget", "--person", "x"]):
        assert cli.main(verb) == 1
        out, err = capsys.readouterr()
        assert (out, err.count("\n")) == ("", 1), err


def test_a_person_is_forgotten(run: Any, team_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(forget_team, "SECONDS", 0.0)
    with closing(open_storage(team_url)) as storage:
        run("token", "create", "ann")
        storage.record([arrived(f"e{n}", "created", f"p{n}") for n in range(3)])
        storage.record([arrived("o", "created", "o", person="bob")])
        expected = {"events": 3, "tokens": 1, "done": False}
        assert run("forget", "--person", "ann")[:2] == (0, expected)
        assert len(storage.rows("SELECT 1 FROM events")) == 4
        assert run("forget", "--person", "ann", "--yes")[:2] == (0, expected | {"done": True})
        assert storage.rows("SELECT person FROM events") == [("bob",)]
        assert storage.tokens() == []
        assert not any("ann" in str(note) for note in storage.audit())
        assert "person forgotten" in [note.act for note in storage.audit()]
        project = "code.example/team/app"
        assert run("forget", "--project", project, "--yes")[1]["events"] == 1
        assert storage.rows("SELECT 1 FROM events") == []


def test_what_a_cached_token_lets_in_is_forgotten_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A server takes a token for good a moment longer than the database."""
    url = f"sqlite://{tmp_path}/t.db"
    with closing(open_storage(url)) as storage:
        cli.main(["token", "create", "ann", "--database", url])
        storage.record([arrived("first", "created", "a")])
        late = [arrived("late", "created", "b")]
        slept: list[Any] = []
        monkeypatch.setattr(
            "lib.commands.forget_team.time.sleep", lambda _: slept.append(storage.record(late))
        )
        assert cli.main(["forget", "--person", "ann", "--yes", "--database", url]) == 0
        assert len(slept) == 1
        assert storage.rows("SELECT 1 FROM events") == []
    assert forget_team.SECONDS > bearer.SECONDS


def test_what_is_too_old_is_deleted(team_storage: Storage) -> None:
    now = time.time()
    team_storage.record([
        arrived("old", "created", "a", received=now - 100 * 86_400, project="kept"),
        arrived("older", "created", "b", received=now - 100 * 86_400, project="short"),
        arrived("oldest", "created", "c", received=now - 1000 * 86_400, project="kept"),
        arrived("new", "created", "d", received=now, project="short"),
    ])  # fmt: skip
    rules = Rules(rate=0, keep_days=365, keep_days_of={"short": 30})
    with TeamServer(team_storage, rules):
        deadline = time.monotonic() + 20
        while len(team_storage.rows("SELECT 1 FROM events")) > 2:
            assert time.monotonic() < deadline
            time.sleep(0.01)
    left = team_storage.rows("SELECT event_id FROM events ORDER BY event_id")
    assert left == [("new",), ("old",)]


def test_ages() -> None:
    assert serve_team._ages(["90", "a=b=7", "h/o/n=30"]) == (90, {"a=b": 7, "h/o/n": 30})
    for odd in ("x", "-1", "p=", "p=x"):
        with pytest.raises(CommandError):
            serve_team._ages([odd])


@contextmanager
def serving(url: str, *words: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    own = [sys.executable, "-I", "-c", START, str(ROOT), "serve", "--team", *words]
    environ = {"HOME": "/nowhere", "PATH": os.environ["PATH"], "PATTERN_TEAM_DATABASE": url}
    with subprocess.Popen(
        own, env=environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout
        try:
            yield process, process.stdout.readline().strip()
        finally:
            process.kill()


def send(address: str, token: str, *events: Any) -> int:
    connection = http.client.HTTPConnection(urlsplit(address).netloc, timeout=20)
    with closing(connection):
        headers = {"Authorization": f"Bearer {token}"}
        connection.request("POST", PREFIX + BATCH, json.dumps({"events": events}), headers)
        return connection.getresponse().status


def test_two_servers_beside_each_other_end_in_order(run: Any, team_url: str) -> None:
    token = run("token", "create", "jane")[1]["token"]
    with serving(team_url) as (first, one), serving(team_url) as (second, two):
        assert one != two
        assert send(one, token, event("created", "a"), event("created", "b")) == 200
        assert send(two, token, event("created", "a"), event("modified", "c", "a")) == 200
        for process in (first, second):
            process.send_signal(signal.SIGTERM)
        for process in (first, second):
            _, err = process.communicate(timeout=60)
            assert (process.returncode, err) == (0, "")
    with closing(open_storage(team_url)) as storage:
        assert len(storage.rows("SELECT 1 FROM events")) == 3


def test_a_rolling_restart_loses_and_doubles_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """One server after the other takes over, while four people send without a pause."""
    url = f"sqlite://{tmp_path}/team.db"
    cli.main(["token", "create", "jane", "--database", url, "--json"])
    token = json.loads(capsys.readouterr().out)["token"]
    address: list[str] = []
    taken, told, over = 0, threading.Condition(), threading.Event()

    def send_on(person: int) -> int:
        nonlocal taken
        number = 0
        while not over.is_set() or number < 10:
            events = [event("created", f"{person}-{number}-{part}") for part in range(5)]
            try:
                is_taken = send(address[-1], token, *events) == 200
            except (OSError, http.client.HTTPException):
                is_taken = False
            number += is_taken
            with told:
                taken += is_taken
                told.notify()
        return number

    with ExitStack() as stack, ThreadPoolExecutor(4) as threads:
        server, first = stack.enter_context(serving(url))
        address.append(first)
        jobs = [threads.submit(send_on, person) for person in range(4)]
        try:
            for _ in range(2):
                newer, place = stack.enter_context(serving(url))
                with told:
                    goal = taken + 8
                    assert told.wait_for(lambda: taken >= goal, 60)  # noqa: B023
                address.append(place)
                server.send_signal(signal.SIGTERM)
                assert (server.wait(60), server.stderr and server.stderr.read()) == (0, "")
                server = newer
        finally:
            over.set()
        sent = sum(job.result() for job in jobs)
    with closing(open_storage(url)) as storage:
        ((kept, distinct),) = storage.rows("SELECT count(*), count(DISTINCT event_id) FROM events")
    assert (kept, distinct) == (5 * sent, 5 * sent)
