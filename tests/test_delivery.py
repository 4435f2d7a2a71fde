"""Delivery to a service that misbehaves: nothing lost, nothing thrown away, little sent twice."""

from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from lib.delivery import http
from tests.support.outpost import Outpost
from tests.support.service_app import BATCH
from tests.support.service_double import Fault, ServiceDouble
from tests.support.service_faults import DB_ERRORS, HOSTILE_RETRY_AFTER


def test_a_story_is_told_in_one_batch(outpost: Outpost, server: ServiceDouble) -> None:
    names = outpost.story()
    assert outpost.flush()
    assert outpost.pending() == []
    assert [request.path.endswith(BATCH) for request in server.requests] == [True]
    assert max(server.commits.values()) == 1
    assert len(server.commits) >= len(names)
    outpost.assert_same_lineage()


DETAIL = b'{"detail": "something in it is refused"}'
SCHEMA = b'{"detail": [{"loc": ["body", "events", 1, "language"], "msg": "too long"}]}'
# Every fault that the double knows, in every form that makes a difference to a client.
FAULTS: dict[str, tuple[Fault, dict[str, Any]]] = {
    "refuse": (Fault.REFUSE, {}),
    "reset": (Fault.RESET, {}),
    "reset after storing": (Fault.RESET, {"commits": True}),
    "hang before reading": (Fault.HANG_BEFORE_READING, {}),
    "hang after reading": (Fault.HANG_AFTER_READING, {}),
    "store and hang": (Fault.COMMIT_THEN_HANG, {}),
    "store and close": (Fault.COMMIT_THEN_CLOSE, {}),
    "slow bytes": (Fault.SLOW_BYTES, {}),
    "half an answer": (Fault.HALF_ANSWER, {}),
    "invalid JSON": (Fault.INVALID_JSON, {}),
    "store, invalid JSON": (Fault.INVALID_JSON, {"commits": True}),
    "HTML": (Fault.HTML, {}),
    "store, HTML": (Fault.HTML, {"commits": True}),
    "HTML 502": (Fault.HTML, {"status": 502}),
    "1 GB": (Fault.HUGE, {}),
    "1 GB unannounced": (Fault.HUGE, {"content_length": False}),
    **{f"HTTP {n}": (Fault.STATUS, {"status": n}) for n in
       (204, 400, 401, 403, 404, 405, 408, 413, 422, 425, 429, 500, 502, 503, 504)},
    "400 with detail": (Fault.STATUS, {"status": 400, "body": DETAIL}),
    "422 with index": (Fault.STATUS, {"status": 422, "body": SCHEMA}),
    "307": (Fault.STATUS, {"status": 307, "headers": {"Location": "/elsewhere"}}),
    **{f"database: {e}": (Fault.DB_DOWN, {"error_type": e}) for e in DB_ERRORS},
    "database lost in a batch": (Fault.DB_DOWN, {"after": 1}),
    "cold database": (Fault.DB_COLD, {}),
    "database starting": (Fault.DB_STARTING, {}),
    "database frozen": (Fault.DB_FROZEN, {"delay": 1.0}),
    "429": (Fault.RATE_LIMITED, {}),
    **{f"429, retry after {h!r:.30}": (Fault.RATE_LIMITED, {"retry_after": h})
       for h in ("2", *HOSTILE_RETRY_AFTER[:4])},
    "no batch route": (Fault.NO_BATCH_ROUTE, {}),
    "no batch method": (Fault.NO_BATCH_ROUTE, {"status": 405}),
}  # fmt: skip


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Time-outs for a loopback that hangs on purpose."""
    monkeypatch.setattr(http, "READ", 0.75)
    monkeypatch.setattr(http, "TOTAL", 1.5)


def survive(directory: Path, server: ServiceDouble, faults: list[str]) -> None:
    """Tell a story through `faults`; everything arrives, and little of it twice."""
    before = len(server.requests)
    for name in faults:
        kind, options = FAULTS[name]
        server.faults.push(kind, **options)
    outpost = Outpost(directory, server)
    outpost.story(2)
    for _ in range(8):
        if outpost.flush():
            break
        if server.faults.pending[:1] == [Fault.REFUSE]:
            server.faults.skip()
    assert outpost.pending() == []
    assert outpost.quarantined() == []
    outpost.assert_same_lineage()
    assert_little_sent_twice(server, before)
    server.faults.clear()


def assert_little_sent_twice(server: ServiceDouble, before: int) -> None:
    """Only what was stored by a request whose answer was lost is stored again."""
    ambiguous: Counter[str] = Counter()
    for record in server.requests[before:]:
        if record.fault is not None and isinstance(record.body, dict):
            bodies = record.body.get("events", [record.body])
            ambiguous.update({body["pattern_data"]["event_id"] for body in bodies})
    for event_id, times in server.commits.items():
        assert times <= 1 + ambiguous[event_id], event_id


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.usefixtures("impatient")
def test_nothing_is_lost_through_a_fault(
    fault: str, outpost: Outpost, server: ServiceDouble
) -> None:
    survive(outpost.directory, server, [fault])


@pytest.mark.parametrize("first", FAULTS)
@pytest.mark.usefixtures("impatient")
@pytest.mark.long
def test_nothing_is_lost_through_two_faults(first: str, tmp_path: Path) -> None:
    for number, second in enumerate(FAULTS):
        with ServiceDouble(rate_limit=None) as server:
            survive(tmp_path / f"{number}", server, [first, second])


@pytest.mark.parametrize("stored", range(1, 12))
def test_an_event_of_several_bodies_is_delivered_whole(
    stored: int, outpost: Outpost, server: ServiceDouble
) -> None:
    server.faults.push(Fault.DB_DOWN, after=stored)
    outpost.story(3)
    outpost.flush()
    assert outpost.flush()
    assert max(server.commits.values()) == 1
    outpost.assert_same_lineage()


@pytest.mark.parametrize("status", [400, 413, 422])
def test_one_refusal_of_a_single_event_condemns_nobody(
    status: int, outpost: Outpost, server: ServiceDouble
) -> None:
    server.faults.push(Fault.STATUS, status=status, body=DETAIL)
    outpost.write("/p/a.py", "x = 1\n")
    assert outpost.flush()
    assert outpost.quarantined() == []
    assert len(server.commits) == 1
