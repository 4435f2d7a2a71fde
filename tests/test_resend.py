"""`sync --resend`: a service gets from the ledger what it never had, or has lost."""

import itertools
import json
from pathlib import Path

import pytest

from lib.commands.when import instant
from lib.delivery.approval import Approvals
from lib.flusher import resend as flusher_resend
from lib.flusher.resend import Resender
from lib.ledger.ways import PATTERNS
from lib.privacy import user_rules
from lib.system.private_file import Refused
from lib.system.settings import Settings
from tests.support.bundle import Bundle
from tests.support.outpost import Outpost
from tests.support.service_app import Outage, Reply, Request
from tests.support.service_double import Fault, ServiceDouble
from tests.support.service_graph import Graph


def resend(outpost: Outpost, since: str = "", **environ: str) -> Resender:
    resender = Resender(str(outpost.directory), Settings({**outpost.environ, **environ}))
    resender.resend(5.0, since)
    return resender


@pytest.fixture
def kept(outpost: Outpost, server: ServiceDouble) -> Outpost:
    """A spool whose story went to the ledger alone; it knows the service from now on."""
    alone = Outpost(outpost.directory)
    alone.story()
    assert alone.flush()
    outpost._captured = alone._captured
    assert not server.requests
    return outpost


def in_order(server: ServiceDouble) -> list[str]:
    """The ids of the events that came, without creations of what others presuppose."""
    found = [e.body["pattern_data"] for e in server.events]
    return [data["event_id"] for data in found if not data.get("implied")]


def test_a_service_that_is_named_later_gets_the_history(
    kept: Outpost, server: ServiceDouble
) -> None:
    done = resend(kept)
    kept.assert_same_lineage()
    ledger = kept.ledger()
    rows = [row for row in ledger.events() if not row.implied]
    assert (done.sent, done.excluded, done.refused, done.goes_on) == (len(rows), 0, {}, "")
    assert max(server.commits.values()) == 1
    ids = {row.event_id for row in rows}
    assert [i for i in in_order(server) if i in ids] == [row.event_id for row in rows]
    for event in server.events:
        row = next((row for row in rows if row.event_id == event.event_id), None)
        if row:
            data = event.body["pattern_data"]
            assert data["code"] == ledger.snapshot(row.snapshot)
            assert (data["file_path"], data["captured_at"]) == (row.file_path, row.timestamp)
            assert event.body["pattern_name"] == row.pattern_name
    ledger.close()


def test_a_service_that_lost_its_data_gets_it_back_as_it_was(
    outpost: Outpost, server: ServiceDouble
) -> None:
    outpost.story()
    assert outpost.flush()
    before = known(server)
    assert any(units for *_, units in before)
    server.service.graph = Graph()
    resend(outpost)
    outpost.assert_same_lineage()
    assert known(server) == before


def known(server: ServiceDouble) -> list[tuple[str, ...]]:
    """What a service has of each event, with its code and its functions."""
    told = [(e, e.body["pattern_data"]) for e in server.events]
    return sorted(
        (e.event_type, e.pattern_id, e.event_id or "", data.get("code", ""),
         json.dumps(data.get("units", [])))
        for e, data in told
    )  # fmt: skip


def test_sending_again_twice_changes_nothing(kept: Outpost, server: ServiceDouble) -> None:
    resend(kept)
    nodes, edges, ids = set(server.nodes), server.edges, set(server.commits)
    resend(kept)
    assert (set(server.nodes), server.edges, set(server.commits)) == (nodes, edges, ids)


def test_what_waits_is_sent_once_and_after_what_came_before_it(
    kept: Outpost, server: ServiceDouble
) -> None:
    with server.faults.during(Fault.STATUS, status=503):
        kept.write("/p/a.py", "def f():\n    return 99\n", "def f():\n    return 5\n")
        assert not kept.flush()
    waiting = [json.loads((kept.directory / n).read_text())["event_id"] for n in kept.pending()]
    done = resend(kept)
    assert not server.commits.keys() & set(waiting)
    assert done.run_once(5.0)
    assert max(server.commits.values()) == 1
    assert in_order(server)[-1:] == waiting
    kept.assert_same_lineage()


def test_many_events_go_in_batches(
    outpost: Outpost, server: ServiceDouble, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(flusher_resend, "PAGE", 200)
    alone = Outpost(outpost.directory)
    for i in range(450):
        alone.write(f"/p/{i}.py", f"def f{i}():\n    return {i}\n")
    assert alone.flush()
    seen: list[tuple[int, int]] = []
    resender = Resender(
        str(outpost.directory), Settings(outpost.environ), progress=lambda *n: seen.append(n)
    )
    assert resender.resend(5.0)
    assert len(server.commits) == 450
    assert len(server.requests) == 5
    assert seen == [(200, 0), (400, 0), (450, 0)]


def test_since_leaves_out_what_was_before_but_not_what_it_presupposes(
    kept: Outpost, server: ServiceDouble
) -> None:
    ledger = kept.ledger()
    row = next(row for row in ledger.events() if row.file_path == "/p/marked.py")
    parents = ledger.ancestors(row.content_id)
    later = [r.event_id for r in ledger.events() if r.timestamp >= row.timestamp and not r.implied]
    (patterns,) = ledger.rows(f"SELECT count(*) FROM {PATTERNS}", ())[0]
    ledger.close()
    assert resend(kept, row.timestamp).sent == len(later)
    sent = {e.event_id for e in server.events if not e.body["pattern_data"].get("implied")}
    assert set(later) <= sent
    assert set(parents) <= {key.pattern_id for key in server.nodes}
    assert len(server.nodes) < patterns


def test_nothing_is_sent_without_a_service_or_without_approval(
    kept: Outpost, server: ServiceDouble, tmp_path: Path
) -> None:
    approvals = Approvals(str(tmp_path / "approved.json"))
    for environ, reason in (
        ({}, "there is no service"),
        ({"INTELLIGENCE_SERVICE_URL": "https://patterns.example.com"}, "was not approved"),
    ):
        settings = Settings({"HOME": "/nowhere", **environ})
        with pytest.raises(Refused, match=reason):
            Resender(str(kept.directory), settings, approvals).resend(5.0)
    assert not server.requests


@pytest.mark.parametrize("is_repository", [True, False])
def test_what_is_excluded_now_is_not_sent(
    outpost: Outpost, server: ServiceDouble, tmp_path: Path, is_repository: bool
) -> None:
    project = tmp_path / "project"
    (project / "sub" / "private").mkdir(parents=True)
    if is_repository:
        (project / ".git").mkdir()
    hidden, open_ = f"{project}/sub/private/a.py", f"{project}/sub/b.py"
    alone = Outpost(outpost.directory)
    alone.write(hidden, "def hidden():\n    return 'most private'\n", cwd=str(project))
    # What stood in the private file is what the open one was before.
    alone.write(
        open_, "def shown():\n    return 1\n", "def hidden():\n    return 'most private'\n",
        cwd=str(project),
    )  # fmt: skip
    assert alone.flush()
    (project / ".patternignore").write_text("private/\n")
    done = resend(outpost)
    assert (done.sent, done.excluded) == (1, 1)
    sent = json.dumps([event.body for event in server.events])
    assert "shown" in sent
    for word in ("most private", "hidden", "a.py"):
        assert word not in sent
    assert len(server.edges) == 1


def test_files_that_are_named_like_secrets_or_the_clients_own_are_not_sent(
    kept: Outpost, server: ServiceDouble, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger = kept.ledger()
    ledger._db.execute("UPDATE events SET file_path = '/p/.env' WHERE file_path = '/p/marked.py'")
    ledger._db.execute(
        "UPDATE events SET file_path = '/home/me/.claude/plan.md' WHERE file_path = '/p/copy.py'"
    )
    ledger.close()
    monkeypatch.setenv("CLAUDE_CONFIG_DIR", "/home/me/.claude")
    assert resend(kept).excluded == 2
    assert not {".env", "plan.md"} & {
        str(e.body["file_path"]).split("/")[-1] for e in server.events
    }


def test_without_content_no_code_is_sent(kept: Outpost, server: ServiceDouble) -> None:
    resend(kept, PATTERN_TRACKING_CONTENT="none")
    assert server.events
    assert not any("code" in event.body["pattern_data"] for event in server.events)
    assert "return" not in json.dumps([event.body for event in server.events])
    kept.assert_same_lineage()


def test_a_rule_that_was_added_since_hides_what_was_recorded(
    kept: Outpost, server: ServiceDouble, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    rules = tmp_path / "redact.txt"
    rules.write_text("return \\d\ny = 1\n")
    monkeypatch.setattr(user_rules, "default_path", lambda: str(rules))
    resend(kept)
    sent = json.dumps([event.body for event in server.events])
    assert "[REDACTED:custom]" in sent
    assert "return 1" not in sent
    assert "y = 1" not in sent  # in the creation of what one was made from
    rules.write_text("(\n")
    before = len(server.requests)
    with pytest.raises(user_rules.Unusable):
        resend(kept)
    assert len(server.requests) == before


def test_an_event_that_the_service_refuses_holds_no_other_up(
    kept: Outpost, server: ServiceDouble
) -> None:
    ledger = kept.ledger()
    ledger._db.execute("UPDATE events SET event_type = 'pattern_odd' WHERE file_path = '/p/old.py'")
    number = sum(not row.implied for row in ledger.events())
    ledger.close()
    done = resend(kept)
    assert done.sent == number - 1
    assert len(done.refused) == 1
    assert not done.goes_on
    assert kept.quarantined() == []


@pytest.fixture
def told(bundle: Bundle, server: ServiceDouble) -> Bundle:
    """A bundle with 250 events in its ledger alone, and a service from now on."""
    bundle.spool.mkdir(parents=True, mode=0o700)
    alone = Outpost(bundle.spool)
    for i in range(250):
        alone.write(f"/p/{i}.py", f"def f{i}():\n    return {i}\n")
    assert alone.flush()
    bundle.environ["INTELLIGENCE_SERVICE_URL"] = server.url
    return bundle


def test_the_command_says_in_one_line_what_it_did(told: Bundle, server: ServiceDouble) -> None:
    done = told.command("sync", "--resend")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "250 sent again; 0 delivered, 0 left\n"
    assert told.json("sync", "--resend", "--since", "2h") == {
        "synced": 0, "pending": 0, "quarantined": 0, "resent": 250, "excluded": 0, "refused": {},
        "goes_on": None, "error": None,
    }  # fmt: skip


def test_a_resend_that_an_outage_ended_is_gone_on_with(told: Bundle, server: ServiceDouble) -> None:
    with_outage(server, after=2)
    done = told.command("sync", "--resend")
    assert done.returncode == 1
    first, _, rest = done.stdout.partition(" --since ")
    assert first == "200 sent again, the others by: pattern-tracker sync --resend"
    since, _, end = rest.partition("; ")
    assert end == "0 delivered, 0 left (HTTP 503)\n"
    done = told.command("sync", "--resend", "--since", since)
    assert done.stdout == "50 sent again; 0 delivered, 0 left\n"
    assert len(server.commits) == 250
    assert max(server.commits.values()) == 1


def test_what_is_missing_is_told_by_the_earliest_time_though_the_clock_was_set_back(
    kept: Outpost, server: ServiceDouble, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(flusher_resend, "PAGE", 2)
    ledger = kept.ledger()
    early = "2020-01-01T00:00:00.000000+00:00"
    ledger._db.execute("UPDATE events SET timestamp = ? WHERE file_path = '/p/old.py'", (early,))
    ledger.close()
    with_outage(server, after=1)
    assert resend(kept).goes_on == early
    assert resend(kept, early).goes_on == ""
    kept.assert_same_lineage()


def test_what_it_cannot_do_is_said_in_one_line(told: Bundle, server: ServiceDouble) -> None:
    for arguments, environ, text in (
        (["--resend", "--since", "yore"], {}, "yore is no time"),
        (["--since", "2h"], {}, "--since goes with --resend"),
        (["--resend"], {"INTELLIGENCE_SERVICE_URL": ""}, "there is no service"),
        (["--resend"], {"INTELLIGENCE_SERVICE_URL": "https://x.example.com"}, "was not approved"),
    ):
        told.environ |= environ
        done = told.command("sync", *arguments)
        assert (done.returncode, done.stdout) == (1, "")
        assert text in done.stderr
        assert done.stderr.count("\n") == 1
    assert not server.requests


def with_outage(server: ServiceDouble, after: int) -> None:
    """Let so many requests through, and answer the next one with 503."""
    answer, numbers = server.service.answer, itertools.count()

    def failing(request: Request, outage: Outage | None = None) -> Reply:
        return Reply(503) if next(numbers) == after else answer(request, outage)

    server.service.answer = failing  # type: ignore[method-assign]


def test_times_are_those_of_log(kept: Outpost, server: ServiceDouble) -> None:
    assert resend(kept, instant("1m")).sent == 0
    assert resend(kept, instant("2h")).sent > 0
