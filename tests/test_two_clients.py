"""Two clients change one file, and the hook of the first is late: contents tell the order."""

from contextlib import closing
from itertools import permutations
from pathlib import Path
from typing import Any

import pytest

from tests.support.bundle import Bundle, write_payload
from tests.support.outpost import Outpost

STATES = [f"def area(a, b):\n    return a * b * {n}\n" for n in range(4)]
PATH = "/p/a.py"


def call(number: int, is_new: bool) -> dict[str, Any]:
    """The payload of the call of session `number` that left the state of that number."""
    before = None if is_new and number == 0 else STATES[number - 1]
    made = write_payload(PATH, STATES[number], f"use{number}", before)
    return {**made, "session_id": f"session-{number}"}


def steps(bundle: Bundle) -> list[tuple[str, str | None]]:
    found = bundle.json("lineage", PATH)["steps"][::-1]
    return [(step["actor"], step["session_id"]) for step in found]


@pytest.mark.parametrize("is_new", [True, False])
@pytest.mark.parametrize("order", list(permutations(range(3))))
@pytest.mark.parametrize("together", [True, False])
def test_the_first_client_comes_first_though_its_hook_was_late(
    bundle: Bundle, order: tuple[int, ...], is_new: bool, together: bool
) -> None:
    first = 0 if is_new else 1
    for number in order:
        bundle.post(call(first + number, is_new))
        if not together:
            bundle.wait_delivered()
    bundle.wait_delivered()
    sessions = [("agent", f"session-{first + number}") for number in range(3)]
    assert steps(bundle) == ([] if is_new else [("outside", None)]) + sessions
    kinds = [event["event_type"].removeprefix("pattern_") for event in bundle.log()]
    assert kinds == ["created", *["modified"] * (2 if is_new else 3)]


def test_what_somebody_undid_comes_after_what_was_undone(tmp_path: Path) -> None:
    """One client brings back what another had found: contents would allow either order."""
    first, by_hand, second = STATES[:3]
    outpost = Outpost(tmp_path / "spool")
    calls = (("one", None, first), ("two", by_hand, second), ("three", by_hand, first),
             ("three", first, by_hand))  # fmt: skip
    for session, before, code in calls:
        outpost.write(PATH, code, before, session_id=session)
        assert outpost.flush()
    with closing(outpost.ledger()) as ledger:
        rows = ledger.rows("SELECT session_id, actor FROM revisions ORDER BY revision_id", ())
    sessions = [session or actor for session, actor in rows]
    assert sessions == ["one", "outside", "two", "outside", "three", "three"]
