"""Who may ask a team's server, and that nobody else gets anywhere: attacks, each tried."""

import http.client
import json
import select
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, suppress
from pathlib import Path
from typing import Any

import pytest

from lib.web.team import bearer, gatekeeping, hosting, rates, receiving
from lib.web.team.app import Rules
from lib.web.team.gatekeeping import COOKIE
from lib.web.team.hosting import Place
from lib.web.team.rates import Rates, TooMany
from lib.web.team.sql_storage import open_storage
from lib.web.team.stored import Storage
from tests.support.bundle import wait_for
from tests.support.service_app import BATCH, PREFIX, TRACK
from tests.support.service_client import Answer, Client, event
from tests.support.team_server import TeamServer

ANY = "0.0.0.0"  # noqa: S104
READS = ("/lineage/a", "/lineage/a?query_type=descendants", "/lineage/a/evolution", "/analytics")


@pytest.fixture
def storage(tmp_path: Path) -> Iterator[Storage]:
    with closing(open_storage(f"sqlite://{tmp_path}/team.db")) as opened:
        yield opened


@pytest.fixture
def team(storage: Storage) -> Iterator[TeamServer]:
    with TeamServer(storage) as server:
        yield server


def count(storage: Storage) -> int:
    return int(storage.rows("SELECT count(*) FROM events")[0][0])


@pytest.fixture
def minutes_are_long(monkeypatch: pytest.MonkeyPatch) -> None:
    """What was taken comes back after the test, however slow the machine is."""
    monkeypatch.setattr(rates, "MINUTE", 1e6)


@pytest.fixture
def any_number(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wrong tokens are not counted."""
    monkeypatch.setattr(bearer, "GUESSES", 0)


def of_project(project: str, kind: str, pattern_id: str, *parents: str) -> dict[str, Any]:
    data = {"event_id": f"{project}-{kind}-{pattern_id}", "project": project, "code": project}
    return event(kind, pattern_id, *parents, pattern_data=data)


# Tokens


@pytest.mark.usefixtures("any_number")
def test_nobody_gets_in_without_a_token(storage: Storage) -> None:
    given = (
        None, "", "Bearer", "Bearer pt_" + "A" * 43, "Bearer " + "A" * 20_000,
        "Basic amFuZTpwdw==", "Bearer ' OR 1=1 --", "Bearer \xff\xfe",
    )  # fmt: skip
    with TeamServer(storage) as team:
        for authorization in given:
            headers = {} if authorization is None else {"Authorization": authorization}
            with closing(Client(team, **headers)) as stranger:
                answers = [stranger.ask("GET", path) for path in READS]
                answers += [stranger.ask("POST", TRACK, event("created", "a")), stranger.batch()]
                answers += [stranger.ask("DELETE", "/lineage/a"), stranger.ask("GET", "/no/such")]
                assert {answer.status for answer in answers} == {401}, authorization
                asks = {answer.headers["www-authenticate"][:6] for answer in answers}
                assert asks == {"Bearer"}
                # Whoever looks after it must be able to see that it is there, and no more.
                health = stranger.ask("GET", "/health").json
                assert health.keys() == {"status", "components", "server", "time"}
    assert count(storage) == 0


def test_a_digest_is_no_token(team: TeamServer, storage: Storage) -> None:
    token = team.token()
    (kept,) = storage.tokens()
    assert kept.digest == bearer.digest_of(token)
    assert token not in repr(kept)
    assert len(token) == len(bearer.PREFIX) + 43
    for stolen in (kept.digest, kept.token_id, token[:-1], token.upper()):
        assert Client(team, Authorization=f"Bearer {stolen}").ask("GET", "/analytics").status == 401


@pytest.mark.usefixtures("minutes_are_long")
def test_guesses_are_counted_and_hold_up_nobody_else(
    team: TeamServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bearer, "SECONDS", 0.0)
    known = team.client()
    assert known.ask("GET", "/analytics").status == 200
    statuses = []
    for number in range(bearer.GUESSES + 5):
        guessing = Client(team, Authorization=f"Bearer pt_{number:043}")
        answer = guessing.ask("GET", "/analytics")
        statuses.append(answer.status)
        guessing.close()
    assert statuses == [401] * bearer.GUESSES + [429] * 5
    assert int(answer.headers["retry-after"]) >= 1
    assert [known.ask("GET", "/analytics").status for _ in range(2)] == [200, 200]
    # And the form of the page is no other way to guess.
    form = http.client.HTTPConnection("127.0.0.1", team.port, timeout=10)
    form.request("POST", "/login", "token=pt_x")
    assert form.getresponse().status == 429
    form.close()


def test_what_was_overheard_is_of_no_use(
    team: TeamServer, storage: Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A request that is sent again changes nothing; a revoked token opens nothing."""
    monkeypatch.setattr(bearer, "SECONDS", 0.0)
    token = team.token()
    raw = json.dumps(event("created", "a")).encode()
    head = f"POST {PREFIX}{TRACK} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n"
    request = f"{head}Connection: close\r\nContent-Length: {len(raw)}\r\n\r\n".encode() + raw
    assert [said(team, request)[:12] for _ in range(3)] == [b"HTTP/1.1 200"] * 3
    assert count(storage) == 1
    storage.revoke_token(storage.tokens()[0].token_id, time.time())
    assert said(team, request).startswith(b"HTTP/1.1 401")


def said(team: TeamServer, request: bytes, seconds: float = 10.0) -> bytes:
    """Send bytes, and return all that comes until the connection is closed."""
    with socket.create_connection(("127.0.0.1", team.port), seconds) as connection:
        try:
            connection.sendall(request)
        except OSError:  # it has been refused by now
            pass
        found = b""
        try:
            while part := connection.recv(65536):
                found += part
        except ConnectionResetError:
            pass
        return found


# Rights


def test_a_reader_may_not_write_nor_a_writer_read(team: TeamServer, storage: Storage) -> None:
    team.client().track("created", "a")
    reader, writer = team.client("r", ("read",)), team.client("w", ("write",))
    assert [reader.ask("GET", path).status for path in READS] == [200] * 4
    assert [writer.ask("GET", path).status for path in READS] == [403] * 4
    for refused in (reader.track("created", "b"), reader.batch(event("created", "b"))):
        assert (refused.status, refused.json) == (
            403,
            {"detail": "this token does not allow to write"},
        )
    assert count(storage) == 1
    assert writer.track("created", "b").status == 200
    assert team.client("n", ()).ask("GET", "/analytics").status == 403


def test_who_sent_it_is_told_by_the_token_alone(team: TeamServer, storage: Storage) -> None:
    team.client("jane").track("created", "a", person="joe", pattern_data={"person": "joe"})
    assert storage.rows("SELECT person FROM events") == [("jane",)]


def test_a_reader_of_one_project_sees_nothing_of_another(team: TeamServer) -> None:
    everybody = team.client()
    everybody.batch(
        of_project("ours", "created", "a"), of_project("theirs", "modified", "b", "a"),
        of_project("theirs", "modified", "c", "b"), of_project("ours", "modified", "d", "a"),
        of_project("theirs", "created", "a"),
    )  # fmt: skip
    ours = team.client("r", ("read",), {"ours"})
    found = ours.ask("GET", "/lineage/a?query_type=descendants").json["data"]["descendants"]
    assert found == ["d"]
    assert everybody.ask("GET", "/lineage/a?query_type=descendants").json["data"][
        "descendants"
    ] == ["b", "c", "d"]
    for path in ("/lineage/c", "/lineage/c/evolution", "/lineage/b?query_type=descendants"):
        assert ours.ask("GET", path).status == 404
        assert b"theirs" not in ours.ask("GET", path).body
    versions = ours.ask("GET", "/lineage/a/evolution")
    assert [one["project"] for one in versions.json["data"]["evolution"]] == ["ours"]
    counts = ours.ask("GET", "/analytics").json["data"]
    assert (counts["events"], counts["by_project"]) == (2, {"ours": 2})
    # What the query says does not widen it.
    for extra in ("project=theirs", "projects=theirs", "reader=", "depth=0", "limit=999999"):
        raw = ours.ask("GET", f"/lineage/a?query_type=descendants&{extra}").body
        assert b"theirs" not in raw


def test_who_writes_for_one_project_writes_for_no_other(team: TeamServer, storage: Storage) -> None:
    ours = team.client("w", ("write",), {"ours"})
    good, bad = of_project("ours", "created", "a"), of_project("theirs", "created", "b")
    for project in ("theirs", "", 7, None):
        other = event("created", "b", pattern_data={"project": project})
        assert ours.ask("POST", TRACK, other).status == 400
    refused = ours.batch(good, bad)
    assert (refused.status, refused.json["detail"][0]["loc"]) == (400, ["body", "events", 1])
    assert count(storage) == 0
    assert ours.batch(good).status == 200


def test_a_cookie_opens_the_page_and_not_the_service(team: TeamServer) -> None:
    """Else another site's page could send events with it."""
    stranger = Client(team, Cookie=f"{COOKIE}={team.token()}")
    assert stranger.track("created", "a").status == 401
    assert stranger.ask("GET", "/analytics").status == 401


def test_every_answer_keeps_other_sites_out(team: TeamServer) -> None:
    for answer in (
        team.client().ask("GET", "/analytics"), team.client().ask("GET", "/nothing"),
        Client(team).ask("GET", "/analytics"), team.client().ask("POST", TRACK, b"{"),
    ):  # fmt: skip
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["cache-control"] == "no-store"
        assert "default-src 'none'" in answer.headers["content-security-policy"]
        assert "access-control-allow-origin" not in answer.headers
        assert "server" not in answer.headers


# Rates


@pytest.mark.usefixtures("minutes_are_long")
def test_a_token_has_so_many_requests_a_minute(storage: Storage) -> None:
    with TeamServer(storage, Rules(rate=3)) as team:
        busy, other = team.client(), team.client("joe")
        answers = [busy.ask("GET", "/analytics") for _ in range(5)]
        assert [answer.status for answer in answers] == [200, 200, 200, 429, 429]
        assert 1 <= int(answers[-1].headers["retry-after"]) <= 1e6
        assert other.batch(event("created", "a")).status == 200


def test_what_was_taken_comes_back() -> None:
    now = [1000.0]
    allowed = Rates(4, lambda: now[0])
    for _ in range(4):
        allowed.take("a")
    with pytest.raises(TooMany) as caught:
        allowed.take("a")
    assert caught.value.seconds == pytest.approx(15.0)
    allowed.take("b")
    now[0] += 15.0
    allowed.take("a")
    assert allowed.wait("a") == pytest.approx(15.0)
    now[0] += 3600.0
    for _ in range(4):
        allowed.take("a")
    assert allowed.wait("a") > 0
    assert Rates(0).wait("a") == 0.0


@pytest.mark.usefixtures("minutes_are_long")
def test_who_shows_no_token_is_not_asked_for_ever(
    storage: Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gatekeeping, "STRANGERS", 3)
    with TeamServer(storage) as team:
        statuses = [Client(team).ask("GET", "/health").status for _ in range(5)]
        assert statuses == [200, 200, 200, 429, 429]
        assert team.client().ask("GET", "/health").status == 200


def test_health_says_what_the_token_allows(team: TeamServer) -> None:
    told = team.client("jane", ("read",), {"b", "a"}).ask("GET", "/health").json
    assert told["token"] == {"person": "jane", "rights": ["read"], "projects": ["a", "b"]}
    assert told["database"].startswith("SQLite")
    assert abs(told["time"] - time.time()) < 60
    assert "token" not in Client(team, Authorization="Bearer x").ask("GET", "/health").json


# Bodies and clients


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(receiving, "MOST_BYTES", 100_000)
    monkeypatch.setattr(receiving, "MOST_UNHEARD", 400_000)


def test_a_body_of_a_gigabyte_is_not_read(team: TeamServer, storage: Storage) -> None:
    head = f"POST {PREFIX}{TRACK} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {team.token()}\r\n"
    announced = f"{head}Content-Length: {2**30}\r\n\r\n".encode()
    assert said(team, announced).startswith(b"HTTP/1.1 413")
    nonsense = f"{head}Content-Length: {'9' * 40}\r\n\r\n".encode()
    assert said(team, nonsense).startswith((b"HTTP/1.1 413", b"HTTP/1.1 400"))


def test_a_body_without_an_end_is_cut_off(team: TeamServer, small: None) -> None:
    head = f"POST {PREFIX}{TRACK} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {team.token()}\r\n"
    chunk = b"10000\r\n" + b" " * 0x10000 + b"\r\n"
    sent = 0
    with socket.create_connection(("127.0.0.1", team.port), 10) as connection:
        connection.sendall(f"{head}Transfer-Encoding: chunked\r\n\r\n".encode())
        with suppress(OSError):
            while sent < 2**30:
                connection.sendall(chunk)
                sent += 0x10000
    # What the system holds for both ends, and not more.
    assert sent < 64 * 2**20
    assert team.client().track("created", "a").status == 200


@pytest.mark.parametrize("is_chunked", [False, True])
def test_who_sends_a_little_too_much_hears_so(
    team: TeamServer, small: None, is_chunked: bool
) -> None:
    raw = json.dumps(event("created", "a", reason="x" * 300_000)).encode()
    client = team.client()
    if is_chunked:
        client.http.request(
            "POST", PREFIX + TRACK, iter([raw]), client.headers, encode_chunked=True
        )
        answer = client.receive()
    else:
        answer = client.ask("POST", TRACK, raw)
    assert (answer.status, answer.headers["connection"]) == (413, "close")
    assert client.track("created", "a", reason="x" * 90_000).status == 200


def test_there_is_room_for_so_much_at_once(
    team: TeamServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(receiving, "MOST_HELD", 200)
    answer = team.client().track("created", "a", reason="x" * 1000)
    assert (answer.status, answer.json["metadata"]["error_type"]) == (503, "Busy")
    monkeypatch.undo()
    assert team.client().track("created", "a", reason="x" * 1000).status == 200


NO_HTTP = (
    b"GET / HTTP/1.1\r\n" + b"X: " + b"y" * 200_000,
    b"GET /" + b"y" * 200_000,
    b"\x16\x03\x01\x02\x00\x01\x00",
    b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n"
    b"0\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
    b"GET / HTTP/9.9\r\n\r\n",
    b"\r\n" * 100_000,
)


def test_what_is_no_http_ends_its_connection_alone(
    team: TeamServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hosting, "IDLE_SECONDS", 0.5)
    with ThreadPoolExecutor(len(NO_HTTP)) as threads:
        for answer in threads.map(lambda raw: said(team, raw), NO_HTTP):
            assert not answer.startswith(b"HTTP/1.1 2")
    assert team.client().track("created", "a").status == 200


def test_slow_clients_hold_up_nobody_and_are_cut_off(
    team: TeamServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(receiving, "SECONDS", 0.5)
    head = f"POST {PREFIX}{TRACK} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {team.token()}\r\n"
    begun = [b"", b"POST ", head.encode(), f'{head}Content-Length: 99\r\n\r\n{{"a'.encode()]
    slow = [socket.create_connection(("127.0.0.1", team.port), 20) for _ in range(60)]
    try:
        for number, connection in enumerate(slow):
            connection.sendall(begun[number % len(begun)])
        answer = team.client().track("created", "a")
        assert answer.status == 200
        monkeypatch.setattr(hosting, "IDLE_SECONDS", 0.5)
        for number, connection in enumerate(slow):
            try:
                last = connection.recv(65536)
            except ConnectionResetError:
                last = b""
            is_body = number % len(begun) == 3
            assert last[:12] == (b"HTTP/1.1 408" if is_body else b"")
    finally:
        for connection in slow:
            connection.close()


def test_one_address_keeps_so_many_connections(
    team: TeamServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hosting, "MOST_IDLE", 5)
    with ExitStack() as stack:
        left = [
            stack.enter_context(socket.create_connection(("127.0.0.1", team.port), 20))
            for _ in range(30)
        ]
        while len(left) > 5:
            ended, _, _ = select.select(left, [], [], 20)
            assert ended
            left = [connection for connection in left if connection not in ended]
        assert len(left) == 5
        assert team.client().track("created", "a").status == 200


def test_connections_of_a_proxy_are_those_of_many(
    storage: Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hosting, "MOST_IDLE", 1)
    with TeamServer(storage, place=Place(proxies=["127.0.0.1"])) as team, ExitStack() as stack:
        kept = [stack.enter_context(closing(team.client())) for _ in range(4)]
        assert [client.ask("GET", "/health").status for client in kept] == [200] * 4
        # It has looked at them twice since then.
        for _ in range(2):
            team._server._seen = {}
            wait_for(lambda: len(team._server._seen) == 4)
        ended, _, _ = select.select([client.http.sock for client in kept], [], [], 0)
        assert ended == []


def test_a_request_that_takes_for_ever_is_cut_off(
    storage: Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hosting, "BUSY_SECONDS", 0.5)
    stuck = threading.Event()
    record = storage.record
    monkeypatch.setattr(storage, "record", lambda arrived: stuck.wait(20) and record(arrived))
    with TeamServer(storage) as team:
        with pytest.raises((http.client.HTTPException, OSError)):
            team.client().track("created", "a")
        stuck.set()
        assert team.client().track("created", "b").status == 200
    # Nobody hears of it any more, and it is there.
    assert count(storage) == 2


# Paths and text


PATHS = (
    "/api/pattern-traceability/../pattern-traceability/analytics",
    "/api/pattern%2Dtraceability/analytics",
    "/api/pattern-traceability/health/../analytics",
    "/api/pattern-traceability/health%3F/../analytics",
    "/api/pattern-traceability/health%23/../analytics",
    "/api/pattern-traceability//lineage/a",
    "/api/pattern-traceability/lineage/..%2f..%2fhealth",
    "/api/pattern-traceability/lineage/%00",
    "/api/pattern-traceability/lineage/%ff%fe",
    "/api/pattern-traceability/lineage/" + "a" * 20_000,
    "//api/pattern-traceability/analytics",
    "/api//pattern-traceability/analytics",
    "/API/pattern-traceability/analytics",
    "/static/../../../../etc/passwd",
    "/static/..%2f..%2f..%2f..%2fetc%2fpasswd",
    "/static/%2e%2e/%2e%2e/team/app.py",
    "/static//etc/passwd",
    "http://elsewhere/api/pattern-traceability/analytics",
    "*",
)


def test_no_path_leads_round_the_gate(team: TeamServer) -> None:
    team.client().track("created", "a")
    token = team.token()
    for path in PATHS:
        request = f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
        answer = said(team, f"{request}\r\n".encode())
        assert answer[9:12] in (b"400", b"401", b"404", b"405"), answer
        assert not any(word in answer for word in (b"root:", b"by_project", b"import "))
        inside = said(team, f"{request}Authorization: Bearer {token}\r\n\r\n".encode())
        assert inside[9:10] in (b"2", b"4"), inside
        assert not any(word in inside for word in (b"root:", b"import "))


INJECTED = (
    "'; DROP TABLE events; --", '"; DROP TABLE events; --', "' OR '1'='1", "$1", "?", "%s", "%(x)s",
    "\\'; --", "'||(SELECT digest FROM tokens)||'", "{0}", "%", "_", "\u02bc; DROP TABLE events",
)  # fmt: skip


def test_sql_in_every_field_is_text(team_storage: Storage) -> None:
    with TeamServer(team_storage) as team:
        client = team.client("o'hara; DROP TABLE events")
        for number, text in enumerate(INJECTED):
            data = {
                name: text for name in ("code", "project", "path", "session_id", "captured_at",
                "prompt_id", "prompt", "model", "file_path", "language", "tool_name", text)
            } | {"event_id": f"{text}{number}", "units": [{
                "pattern_id": text, "pattern_type": text, "qualified_name": text,
                "start_line": text, "end_line": 1,
            }]}  # fmt: skip
            sent = event(
                "forked", f"{number}{text}", text, pattern_name=text, pattern_type=text,
                pattern_version=text, language=text, tool_name=text, file_path=text, reason=text,
                triggered_by=text, pattern_data=data,
            )  # fmt: skip
            assert client.ask("POST", TRACK, sent).status == 200, text
            columns = "person, pattern_id, pattern_name, pattern_version, code, project, reason"
            query = f"SELECT {columns} FROM events WHERE pattern_id = ?"
            assert team_storage.rows(query, (f"{number}{text}",)) == [
                ("o'hara; DROP TABLE events", f"{number}{text}", text, text, text, text, text)
            ]
            quoted = "".join(f"%{byte:02x}" for byte in f"{number}{text}".encode())
            for path in (
                f"/lineage/{quoted}", f"/lineage/{quoted}/evolution",
                f"/lineage/{quoted}?query_type=descendants",
            ):  # fmt: skip
                found = client.ask("GET", path)
                assert (found.status, found.json["data"]["pattern_id"]) == (
                    200, f"{number}{text}",
                )  # fmt: skip
            for query in ("query_type", "depth", "limit"):
                odd = client.ask("GET", f"/lineage/{quoted}?{query}={quoted[3:]}")
                assert odd.status in (400, 422)
        assert count(team_storage) == len(INJECTED)
        assert [token.person for token in team_storage.tokens()] == ["o'hara; DROP TABLE events"]


# The way to it


@pytest.mark.usefixtures("minutes_are_long")
def test_a_stranger_is_not_believed_who_he_is(storage: Storage) -> None:
    def guesses(team: TeamServer) -> Answer:
        for number in range(bearer.GUESSES + 1):
            headers = {"X-Forwarded-For": f"10.0.0.{number}", "X-Forwarded-Proto": "https"}
            client = Client(team, Authorization="Bearer x", **headers)
            answer = client.ask("GET", "/analytics")
            client.close()
        return answer

    with TeamServer(storage) as team:
        assert guesses(team).status == 429
    # A proxy of ours is: then each of its clients has an address of his own.
    with TeamServer(storage, place=Place(proxies=["127.0.0.1"])) as team:
        assert guesses(team).status == 401
        client = team.client()
        answer = client.ask(
            "POST", f"{TRACK}/", event("created", "a"), **{"X-Forwarded-Proto": "https"}
        )
        assert answer.headers["location"].startswith("https://127.0.0.1:")


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Place:
    where = tmp_path_factory.mktemp("tls")
    certificate, key = f"{where}/c.pem", f"{where}/k.pem"
    command = [
        "openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj",
        "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", key, "-out",
        certificate,
    ]  # fmt: skip
    try:
        subprocess.run(command, check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("openssl cannot make a certificate here")
    return Place(certificate=certificate, key=key)


def test_it_is_spoken_to_by_tls(storage: Storage, certificate: Place) -> None:
    with TeamServer(storage, place=certificate) as team:
        trusted = ssl.create_default_context(cafile=certificate.certificate)
        connection = http.client.HTTPSConnection("127.0.0.1", team.port, context=trusted)
        headers = {"Authorization": f"Bearer {team.token()}"}
        connection.request("POST", PREFIX + BATCH, '{"events": []}', headers)
        assert connection.getresponse().status == 200
        connection.close()
        assert said(team, b"GET / HTTP/1.1\r\nHost: x\r\n\r\n") == b""


def test_a_certificate_that_is_none_is_told_at_the_start(storage: Storage, tmp_path: Path) -> None:
    (tmp_path / "c.pem").write_text("nothing")
    for place in (
        Place(certificate=f"{tmp_path}/c.pem", key=f"{tmp_path}/c.pem"),
        Place(certificate=f"{tmp_path}/no.pem", key=f"{tmp_path}/no.pem"),
    ):
        with pytest.raises(OSError):  # noqa: PT011
            hosting.prepared(storage, Rules(), place)


@pytest.mark.parametrize(
    ("place", "is_private"),
    [
        (Place(), True),
        (Place("::1"), True),
        (Place(ANY), False),
        (Place("localhost.evil.example"), False),
        (Place(ANY, certificate="c", key="k"), True),
        (Place(ANY, proxies=["10.0.0.1"]), True),
    ],
)
def test_tokens_are_not_sent_in_the_open(place: Place, is_private: bool) -> None:
    assert place.is_private is is_private
