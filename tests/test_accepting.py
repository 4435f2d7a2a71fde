"""What the team's server accepts and refuses, before anything is kept."""

import json
from typing import Any

import pytest

from lib.web.team import accepting
from lib.web.team.accepting import Unfit
from tests.support.contract import ANSWERS, BAD_IN_BATCH
from tests.support.service_client import event


def raw(body: Any) -> bytes:
    return body if isinstance(body, bytes) else json.dumps(body).encode()


def refusal(body: Any) -> Unfit:
    with pytest.raises(Unfit) as caught:
        accepting.event(raw(body))
    return caught.value


@pytest.mark.parametrize(("body", "status", "said"), ANSWERS, ids=range(len(ANSWERS)))
def test_an_event_is_accepted_or_refused(body: Any, status: int, said: str) -> None:
    if status == 200:
        assert accepting.event(raw(body))["pattern_id"] == body["pattern_id"]
        return
    refused = refusal(body)
    answer = json.dumps({"detail": refused.detail}, separators=(",", ":"))
    assert (refused.status, said in answer) == (status, True), answer


def test_defaults_are_filled_in_and_unknown_fields_dropped() -> None:
    body = accepting.event(raw(event("created", "a", colour="red")))
    assert body == {
        "event_type": "pattern_created", "pattern_id": "a", "pattern_name": "",
        "pattern_type": "code", "pattern_version": "1.0.0", "language": "python",
        "pattern_data": {"code": "x", "event_id": "created-a"}, "parent_pattern_ids": [],
        "triggered_by": "api", "tool_name": None, "file_path": None, "edge_type": None,
        "transformation_type": None, "reason": None,
    }  # fmt: skip
    again = accepting.event(raw({"event_type": "pattern_applied", "pattern_id": "a"}))
    again["parent_pattern_ids"].append("b")
    assert accepting.event(raw({"event_type": "pattern_applied", "pattern_id": "a"})) != again


@pytest.mark.parametrize("status", [200, 400])
def test_levels_are_limited(status: int) -> None:
    # The body and its pattern_data are two.
    levels = accepting.MOST_LEVELS - 2 + (status == 400)
    value: Any = "x"
    for level in range(levels):
        value = {"k": value} if level % 2 else [value]
    body = event("created", "a", pattern_data={"k": value})
    if status == 200:
        assert accepting.event(raw(body))["pattern_data"] == {"k": value}
    else:
        assert refusal(body).status == 400


@pytest.mark.parametrize("place", ["value", "name", "inner", "id"])
def test_no_nul_comes_through(place: str) -> None:
    """Anywhere in the event; what only looks like one is text as any other."""
    bad = {
        "value": event("created", "a", reason="x\0"),
        "name": event("created", "a", pattern_data={"x\0": 1}),
        "inner": event("created", "a", pattern_data={"x": [{"y": ["\0"]}]}),
        "id": event("created", "\0"),
    }[place]
    assert refusal(bad).status == 400
    assert accepting.event(raw(bad).replace(b"\\u0000", b"\\\\u0000"))


@pytest.mark.parametrize(
    "body",
    [
        event("modified", "a", "p" * 256),
        event("merged", "a", *["p"] * 1001),
        event("created", "a", pattern_data={"event_id": "e" * 256}),
        event("created", "a", pattern_data={"project": "e" * 256}),
    ],
)
def test_what_events_are_found_by_has_limits(body: Any) -> None:
    assert refusal(body).status == 422
    assert accepting.event(raw(body).replace(b"pp", b"p").replace(b"ee", b"e").replace(
        b', "p"' * 501, b'')), "half of it is accepted"  # fmt: skip


def test_what_names_no_event_is_no_fault() -> None:
    for odd in (7, None, ["e"] * 300):
        assert accepting.event(raw(event("created", "a", pattern_data={"event_id": odd})))


@pytest.mark.parametrize(("bad", "status"), BAD_IN_BATCH)
def test_a_batch_is_refused_for_one_event_and_says_which(bad: Any, status: int) -> None:
    good = event("created", "g")
    with pytest.raises(Unfit) as caught:
        accepting.batch(raw({"events": [good, good, bad, bad]}))
    assert caught.value.status == status
    # What the database cannot hold is refused before it is known to be events.
    if "\0" not in str(bad) and "\\x00" not in str(bad):
        assert caught.value.detail[0]["loc"][:3] == ["body", "events", 2]  # type: ignore[index]


def test_the_wrong_form_is_told_before_the_wrong_value() -> None:
    odd, formless = event("created", "z", edge_type="odd"), {"event_type": "pattern_created"}
    with pytest.raises(Unfit) as caught:
        accepting.batch(raw({"events": [odd, formless]}))
    assert caught.value.status == 422


@pytest.mark.parametrize(
    ("document", "status"),
    [
        ({}, 422),
        ([], 422),
        ({"events": {}}, 422),
        ({"events": [], "processing_mode": 1}, 422),
        ({"events": [], "processing_mode": "odd"}, 400),
    ],
)
def test_a_batch_that_is_none(document: Any, status: int) -> None:
    with pytest.raises(Unfit) as caught:
        accepting.batch(raw(document))
    assert caught.value.status == status


def test_modes() -> None:
    assert accepting.batch(b'{"events": []}') == ([], "parallel")
    both = raw({"events": [event("created", "a")], "processing_mode": "sequential"})
    assert accepting.batch(both).mode == "sequential"
