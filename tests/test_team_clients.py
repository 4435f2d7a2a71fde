"""Hooks' own delivery against a team's server: sent, sent again, refused, and what doctor says."""

import json
import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from lib.commands.doctor_checks import team_server
from lib.commands.doctor_checks.finding import SERIOUS, WARNING
from lib.delivery import asking, diagnosis
from lib.delivery.approval import Approvals
from lib.flusher.process import Flusher
from lib.flusher.resend import Resender
from lib.system.settings import Settings
from lib.web.team import bearer
from lib.web.team.answered import Relation
from lib.web.team.sql_storage import SqlStorage
from lib.web.team.sqlite_database import SqliteDatabase
from lib.web.team.stored import Arrived, Outcome, Storage, StorageError
from tests.support.outpost import Outpost
from tests.support.service_client import event
from tests.support.team_server import TeamServer


class Troubled(SqlStorage):
    """A storage that calls `trouble` with what it is to record, and with nothing before it asks."""

    trouble: Callable[[Sequence[Arrived]], None] | None = None

    def record(self, arrived: Sequence[Arrived]) -> list[Outcome]:
        self._meet(arrived)
        return super().record(arrived)

    def health(self) -> str:
        self._meet(())
        return super().health()

    def ancestry(self, *asked: Any, **options: Any) -> list[Relation]:
        self._meet(())
        return super().ancestry(*asked, **options)

    def _meet(self, arrived: Sequence[Arrived]) -> None:
        if self.trouble:
            self.trouble(arrived)


class Home:
    """A spool that delivers to a team's server with a token of its own."""

    def __init__(self, directory: Path, team: TeamServer, token: str) -> None:
        self.outpost = Outpost(directory / "spool", INTELLIGENCE_SERVICE_URL=team.url)
        file = directory / "token"
        file.write_text(token)
        file.chmod(0o600)
        self.approvals = Approvals(str(directory / "approved.json"))
        self.approvals.approve(team.url, str(file))

    def flush(self) -> Flusher:
        flusher = Flusher(
            str(self.outpost.directory), Settings(self.outpost.environ), self.approvals
        )
        flusher.run_once(5.0)
        return flusher

    def resend(self) -> Resender:
        directory = str(self.outpost.directory)
        resender = Resender(directory, Settings(self.outpost.environ), self.approvals)
        resender.resend(5.0)
        return resender

    def event_ids(self) -> list[str]:
        """The events in its ledger, others' steps too."""
        with closing(self.outpost.ledger()) as ledger:
            return sorted(row.event_id for row in ledger.events() if not row.implied)


@pytest.fixture
def team(team_storage: Storage) -> Iterator[TeamServer]:
    with TeamServer(team_storage) as server:
        yield server


@pytest.fixture
def troubled(tmp_path: Path) -> Iterator[Troubled]:
    with closing(Troubled(SqliteDatabase(f"{tmp_path}/team.db", 20.0))) as storage:
        yield storage


@pytest.fixture
def lite(troubled: Troubled) -> Iterator[TeamServer]:
    with TeamServer(troubled) as server:
        yield server


def rows(team: TeamServer) -> list[tuple[Any, ...]]:
    """The events that were told, without what they presuppose."""
    query = "SELECT event_id, project, code FROM events WHERE implied = 0 ORDER BY event_id"
    return team.storage.rows(query)


def test_a_story_is_delivered_and_can_be_sent_again(team: TeamServer, tmp_path: Path) -> None:
    home = Home(tmp_path, team, team.token())
    home.outpost.story()
    assert home.flush().problem == ""
    assert home.outpost.pending() == home.outpost.quarantined() == []
    kept = rows(team)
    assert set(home.event_ids()) <= {row[0] for row in kept}
    assert home.resend().sent == len(home.event_ids())
    assert [row[:2] for row in rows(team)] == [row[:2] for row in kept]


def test_an_empty_server_is_filled_from_a_ledger(team: TeamServer, tmp_path: Path) -> None:
    alone = Outpost(tmp_path / "spool")
    alone.story()
    assert alone.flush()
    home = Home(tmp_path, team, team.token())
    assert home.resend().goes_on == ""
    assert set(home.event_ids()) <= {row[0] for row in rows(team)}
    with closing(home.outpost.ledger()) as ledger:
        marked = {row.content_id for row in ledger.events() if row.pattern_id == "retry-1"}
    client = team.client("reader", ("read",))
    found = client.ask("GET", "/lineage/retry-1?query_type=descendants").json["data"]
    assert marked - {"retry-1"} <= set(found["descendants"])
    assert found["descendants"]


@pytest.mark.parametrize("rights", [("read",), ()])
def test_events_wait_for_a_token_that_may_write(
    lite: TeamServer, tmp_path: Path, rights: tuple[str, ...]
) -> None:
    home = Home(tmp_path, lite, lite.token("jane", rights))
    home.outpost.write("/p/a.py", "x = 1\n")
    assert "does not allow to write" in home.flush().problem
    assert len(home.outpost.pending()) == 1
    (tmp_path / "token").write_text(lite.token())
    home.flush()
    assert (home.outpost.pending(), len(rows(lite))) == ([], 1)


def test_one_event_for_another_project_stops_one_event(lite: TeamServer, tmp_path: Path) -> None:
    home = Home(tmp_path, lite, lite.token("jane", ("write",), {"p"}))
    for number in range(5):
        where = "q" if number == 2 else "p"
        home.outpost.write(f"/{where}/a{number}.py", f"x = {number}\n", cwd=f"/{where}")
    home.flush()
    assert (home.outpost.pending(), len(home.outpost.quarantined())) == ([], 1)
    assert [row[1] for row in rows(lite)] == ["p"] * 4


def test_events_wait_while_the_database_is_away(
    lite: TeamServer, troubled: Troubled, tmp_path: Path
) -> None:
    home = Home(tmp_path, lite, lite.token())
    home.outpost.story()
    client = lite.client()

    def away(_: object) -> None:
        raise StorageError("SQLite: disk I/O error at /secret/place", "OperationalError")

    troubled.trouble = away
    home.flush()
    assert home.outpost.quarantined() == []
    refused = client.track("created", "a")
    assert (refused.status, refused.json["metadata"]["error_type"]) == (503, "OperationalError")
    assert (refused.json["success"], int(refused.headers["retry-after"])) == (False, 5)
    assert b"secret" not in refused.body
    assert client.ask("GET", "/lineage/a").status == 503
    health = client.ask("GET", "/health")
    assert (health.status, health.json["status"]) == (503, "unhealthy")
    assert rows(lite) == []
    troubled.trouble = None
    home.flush()
    assert home.outpost.pending() == []
    assert set(home.event_ids()) <= {row[0] for row in rows(lite)}


def test_what_the_database_cannot_hold_stops_one_event(
    lite: TeamServer, troubled: Troubled, tmp_path: Path
) -> None:
    """Whatever that may be: none is known that the wire accepts."""

    def refuse(arrived: Sequence[Arrived]) -> None:
        if any("BAD" in str(one.body["pattern_data"].get("code")) for one in arrived):
            raise StorageError("too large for an index", "ProgramLimitExceeded", False)

    troubled.trouble = refuse
    home = Home(tmp_path, lite, lite.token())
    for number in range(5):
        home.outpost.write(f"/p/{number}.py", f"x = '{'BAD' if number == 1 else number}'\n")
    home.flush()
    assert (home.outpost.pending(), len(home.outpost.quarantined())) == ([], 1)
    assert len(rows(lite)) == 4
    client = lite.client()
    bad = {"code": "BAD"}
    assert client.track("created", "n", pattern_data=bad).status == 400
    good = event("created", "n")
    answer = client.batch(good, good | {"pattern_data": bad}, good)
    assert (answer.status, answer.json["detail"][0]["loc"]) == (400, ["body", "events", 1])


# What doctor says


def asked(team: TeamServer, token: str, now: float = 0.0) -> Any:
    state, error, answer = asking.ask_health(team.url, 5.0, token)
    assert (state, error) == (diagnosis.HEALTHY, "")
    return team_server.amiss("URL", answer, bool(token), now or time.time())


def test_doctor_knows_whether_a_token_is_good(lite: TeamServer) -> None:
    assert asked(lite, lite.token()) is None
    for token, said in (
        ("", "URL asks for a token"),
        (bearer.make(), "URL does not know this token"),
        (lite.token("r", ("read",)), "which may not write"),
    ):
        found = asked(lite, token)
        assert (found.level, said in found.text, "trust URL" in found.fix) == (SERIOUS, True, True)


@pytest.mark.parametrize(("seconds", "says"), [(3600.0, "behind"), (-3600.0, "ahead of")])
def test_doctor_compares_clocks(lite: TeamServer, seconds: float, says: str) -> None:
    found = asked(lite, lite.token(), time.time() + seconds)
    assert (found.level, says in found.text) == (WARNING, True)


def test_other_services_are_not_asked_for_more() -> None:
    answers: list[dict[str, Any]] = [{}, {"status": "healthy"}, {"server": "nginx"}]
    for answer in answers:
        assert team_server.amiss("URL", answer, True, 0.0) is None


def test_doctor_asks_with_the_token_of_the_approval(
    lite: TeamServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from lib.commands import doctor

    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("INTELLIGENCE_SERVICE_URL", lite.url)
    monkeypatch.setenv("PATTERN_CACHE_DIR", str(tmp_path / "spool"))
    os.mkdir(tmp_path / "spool", 0o700)
    home = Home(tmp_path, lite, lite.token("r", ("read",)))
    monkeypatch.setattr(
        "lib.commands.doctor_checks.reachability.Approvals", lambda _: home.approvals
    )
    site = doctor.look()
    found = doctor.examine(site, doctor.CHECKS["service"])
    assert "may not write" in found.text, found
    (tmp_path / "token").write_text(lite.token())
    assert doctor.examine(site, doctor.CHECKS["service"]).text == f"{lite.url} is well"
    assert json.dumps(found._asdict())
