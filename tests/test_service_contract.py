"""What every service of the wire answers: the double, and the team's server on each database.

The double answers as the original does, with its faults. `is_double` marks what differs, and why.
"""

import json
from collections.abc import Iterator
from contextlib import closing
from typing import Any, NamedTuple

import pytest

from lib.web.team.sql_storage import SqlStorage, open_storage
from lib.web.team.stored import Storage
from tests.support.contract import ANSWERS, BAD_IN_BATCH
from tests.support.postgres import PostgresServer
from tests.support.service_app import BATCH, PREFIX, TRACK
from tests.support.service_client import Client, Server, event
from tests.support.service_double import ServiceDouble
from tests.support.team import TABLES
from tests.support.team_server import TeamServer


class Service(NamedTuple):
    """A running service, and who talks to it."""

    server: Server
    client: Client
    storage: Storage | None
    double: ServiceDouble | None

    def events(self) -> int:
        """How many events it has kept."""
        if self.double:
            return len(self.double.events)
        assert self.storage
        (row,) = self.storage.rows("SELECT count(*) FROM events")
        return int(row[0])


def running(url: str) -> Iterator[TeamServer]:
    """Run a team's server for all tests here."""
    with closing(open_storage(url)) as storage, TeamServer(storage) as server:
        yield server


@pytest.fixture(scope="module")
def team_on_sqlite(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TeamServer]:
    yield from running(f"sqlite://{tmp_path_factory.mktemp('contract')}/team.db")


@pytest.fixture(scope="module")
def team_on_postgresql(postgres: PostgresServer) -> Iterator[TeamServer]:
    yield from running(postgres.new_schema())


@pytest.fixture(params=["double", "sqlite", "postgresql"])
def service(request: pytest.FixtureRequest) -> Iterator[Service]:
    """A service that has kept nothing yet."""
    if request.param == "double":
        with ServiceDouble() as double, closing(Client(double)) as client:
            yield Service(double, client, None, double)
        return
    team: TeamServer = request.getfixturevalue(f"team_on_{request.param}")
    assert isinstance(team.storage, SqlStorage)
    team.storage._database.write(
        lambda work: [work.run(f"DELETE FROM {table}") for table in TABLES]
    )
    with closing(team.client()) as client:
        yield Service(team, client, team.storage, None)


def compact(raw: bytes) -> str:
    return json.dumps(json.loads(raw), separators=(",", ":"))


def test_each_event_is_answered_and_kept_or_not(service: Service) -> None:
    kept = 0
    for number, (body, status, said) in enumerate(ANSWERS):
        # Each begins anew, as far as patterns go.
        sent = _renamed(body, f"{number}")
        service.client.track("created", f"a{number}")
        answer = service.client.ask("POST", TRACK, sent)
        assert (answer.status, said in compact(answer.body)) == (status, True), (sent, answer.body)
        kept += 1 + (status == 200)
        assert service.events() == kept, sent


def _renamed(body: Any, number: str) -> Any:
    """`body` about patterns of its own, and as an event of its own."""
    if not isinstance(body, dict) or not isinstance(body.get("pattern_id", ""), str):
        return body
    made = dict(body)
    if len(made.get("pattern_id", "")) in range(1, 10):
        made["pattern_id"] += number
    if isinstance(made.get("parent_pattern_ids"), (list, tuple)):
        made["parent_pattern_ids"] = [
            f"{name}{number}" if isinstance(name, str) else name
            for name in made["parent_pattern_ids"]
        ]
    if isinstance(made.get("pattern_data"), dict) and made["pattern_data"]:
        made["pattern_data"] = {**made["pattern_data"], "event_id": f"event-{number}"}
    return made


LACKS = [
    event("modified", "n", "gone", "a"), event("forked", "n", "gone"),
    event("merged", "n", "a", "gone"), event("applied", "gone"), event("deprecated", "gone"),
    event("forked", "n", "async_database_writer"),
]  # fmt: skip


def test_a_child_may_come_before_its_parent(service: Service) -> None:
    """The original refuses it, with a 500 if a word is in the name; a team keeps and joins it."""
    service.client.track("created", "a")
    for number, body in enumerate(LACKS):
        answer = service.client.ask("POST", TRACK, body | {"pattern_data": {"event_id": number}})
        if service.double:
            assert answer.status in (400, 500)
            assert answer.json["metadata"] == {"error_type": "validation_error"}
            assert service.events() == 1
        else:
            lacks = "async_database_writer" if number == len(LACKS) - 1 else "gone"
            assert (answer.status, answer.json["data"]["missing"]) == (200, [lacks])


def test_an_answer_has_the_services_form(service: Service) -> None:
    answer = service.client.track("created", "a", colour="red")
    assert answer.json == {
        "success": True,
        "data": {"pattern_id": "a", "status": "created"},
        "metadata": {"event_type": "pattern_created"},
    }
    assert answer.headers["content-type"] == "application/json"


def test_depth_and_encoding_are_limited(service: Service) -> None:
    deep: Any = "x"
    for _ in range(600):
        deep = [deep]
    assert service.client.track("created", "a", pattern_data={"k": deep}).status == 400
    zipped = {"Content-Encoding": "gzip"}
    assert service.client.ask("POST", TRACK, event("created", "a"), **zipped).status == 400
    assert service.events() == 0


def test_sent_again_is_once(service: Service) -> None:
    """The original knows no event's id: by the pattern alone, and an application counts twice."""
    first, again, other = (
        service.client.track("created", "a", pattern_version="1").json["data"]["status"],
        service.client.track("created", "a", pattern_version="1").json["data"]["status"],
        service.client.track(
            "created", "a", pattern_version="1", pattern_data={"event_id": "other"}
        ).json["data"]["status"],
    )
    expected = "already_exists" if service.double else "repeated"
    assert (first, again, other) == ("created", expected, "already_exists")
    answers = [service.client.track("applied", "a") for _ in range(2)]
    assert [answer.status for answer in answers] == [200, 200]
    assert service.events() == (5 if service.double else 3)


# Batches


def test_a_batch_in_sequence(service: Service) -> None:
    answer = service.client.batch(event("created", "a"), event("modified", "b", "a"))
    assert (answer.json["success"], answer.json["failed_results"]) == (True, None)
    assert answer.json["processing_mode"] == "sequential"
    found = answer.json["successful_results"]
    assert [result["event_index"] for result in found] == [0, 1]
    assert [result["data"]["status"] for result in found] == ["created", "modified"]


def test_a_batch_side_by_side(service: Service) -> None:
    """Where order is of no account a child does not fail before its parent."""
    events = [event("created", "c"), event("modified", "d", "c")]
    answer = service.client.ask("POST", BATCH, {"events": events})
    assert (answer.status, answer.json["success"]) == (200, not service.double)
    assert answer.json["processing_mode"] == "parallel"
    if not service.double:
        assert "missing" not in answer.json["successful_results"][1]["data"]


@pytest.mark.parametrize(("bad", "status"), BAD_IN_BATCH)
def test_one_bad_event_refuses_the_whole_batch(service: Service, bad: Any, status: int) -> None:
    """The original does not say which; a team's server does, so that a client splits at once."""
    good = event("created", "g")
    last, first = service.client.batch(good, good, bad), service.client.batch(bad, good, good)
    assert (last.status, first.status) == (status, status)
    assert (last.body == first.body) is (
        bool(service.double) or "\0" in repr(bad) or "\\x00" in repr(bad)
    )
    assert service.events() == 0


@pytest.mark.parametrize("size", [0, 2000])
def test_there_is_no_least_or_most(service: Service, size: int) -> None:
    """The original answers 500 to an empty one."""
    events = [event("created", f"p{number}") for number in range(size)]
    answer = service.client.ask("POST", BATCH, {"events": events})
    assert answer.status == (500 if service.double and not size else 200)
    assert service.events() == size


# Reading, envelopes and routes


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("GET", "/health", None, 200),
        ("GET", "/lineage/a?query_type=descendants", None, 200),
        ("GET", "/lineage/a?query_type=odd", None, 400),
        ("GET", "/lineage/gone?query_type=descendants", None, 404),
        ("GET", "/lineage/gone/evolution", None, 404),
        ("GET", BATCH, None, 405),
        ("PUT", TRACK, None, 405),
        ("POST", "/nothing", None, 404),
        ("POST", BATCH, {}, 422),
        ("POST", BATCH, {"events": [], "processing_mode": 1}, 422),
        ("POST", BATCH, {"events": [], "processing_mode": "odd"}, 400),
    ],
)
def test_routes(service: Service, method: str, path: str, body: Any, status: int) -> None:
    service.client.track("created", "a")
    assert service.client.ask(method, path, body).status == status


@pytest.mark.parametrize("path", ["", "?query_type=ancestry"])
def test_ancestry_is_an_error_of_the_original_alone(service: Service, path: str) -> None:
    service.client.batch(event("created", "a"), event("modified", "b", "a"))
    answer = service.client.ask("GET", f"/lineage/b{path}")
    if service.double:
        assert answer.status == 500
    else:
        assert (answer.status, answer.json["data"]["ancestors"]) == (200, ["a"])


@pytest.mark.parametrize("escaped", ["team%2Fretry", "team/retry"])
def test_an_id_with_a_slash_can_be_read_back_from_a_team(service: Service, escaped: str) -> None:
    service.client.track("created", "team/retry")
    for path in (f"/lineage/{escaped}?query_type=descendants", f"/lineage/{escaped}/evolution"):
        answer = service.client.ask("GET", path)
        assert answer.status == (404 if service.double else 200)
        assert service.double or answer.json["data"]["pattern_id"] == "team/retry"


def test_what_can_be_read(service: Service) -> None:
    newer = event("created", "a b", pattern_version="2", pattern_data={"event_id": "newer"})
    service.client.batch(event("created", "a b"), newer, event("modified", "c", "a b"))
    found = service.client.ask("GET", "/lineage/a%20b?query_type=descendants")
    assert found.json["data"]["descendants"] == ["c"]
    versions = service.client.ask("GET", "/lineage/a%20b/evolution").json["data"]["evolution"]
    assert [node["pattern_version"] for node in versions] == ["1.0.0", "2"]
    assert {node["pattern_id"] for node in versions} == {"a b"}
    health = service.client.ask("GET", "/health").json
    assert (health["status"], bool(health["components"])) == ("healthy", True)
    assert set(health["components"].values()) == {"operational"}


@pytest.mark.parametrize("route", [TRACK, BATCH])
def test_a_slash_too_many_is_redirected_and_a_prefix_too_few_is_not(
    service: Service, route: str
) -> None:
    answer = service.client.ask("POST", route + "/?a=1", event("created", "a"))
    assert answer.status == 307
    assert answer.headers["location"] == f"{service.server.url}{PREFIX}{route}?a=1"
    assert service.events() == 0
    service.client.http.request("GET", "/health", headers=service.client.headers)
    assert service.client.receive().status == 404


def test_a_connection_is_kept_alive_and_bodies_may_come_in_chunks(service: Service) -> None:
    service.client.ask("GET", "/health")
    sock = service.client.http.sock
    raw = json.dumps(event("created", "a")).encode()
    service.client.http.request(
        "POST", PREFIX + TRACK, iter([raw[:9], raw[9:]]), service.client.headers,
        encode_chunked=True,
    )  # fmt: skip
    assert service.client.receive().status == 200
    assert service.client.http.sock is sock
