"""What an event looks like on the wire."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib.capture.event import Content, build
from lib.delivery import escaping, implied, wire
from tests.support.service_rules import FIELDS, check_values, read_event, read_json

ANY_TEXT = st.text(st.characters(exclude_categories=()))
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
    | ANY_TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(ANY_TEXT, inner, max_size=3),
    max_leaves=8,
)  # fmt: skip


def resolved(event: Any, **changes: Any) -> Any:
    data = event["event_data"]
    found = {
        "event_id": event["event_id"],
        "event_type": event["event_type"],
        "pattern_id": event["pattern_id"],
        "content_id": event["content_pattern_id"],
        "parents": data["parent_pattern_ids"],
        "edge_type": data["edge_type"],
        "reason": data["reason"],
        "outside": None,
    }
    return {**found, **changes}


def created(code: str = "x = 1", path: str = "/p/a.py") -> Any:
    return build("pattern_created", Content(code, path), path=path, captured_ns=10**18)


def accepted(body: Any) -> None:
    """The double takes the body as it is: no schema error, no bad value."""
    check_values(read_event(read_json(json.dumps(body).encode("utf-8", "surrogatepass"), 500)))


@given(ANY_TEXT)
def test_escaping_is_reversible(text: str) -> None:
    escaped = escaping.escape(text)
    assert escaping.unescape(escaped) == text
    assert "\x00" not in escaped
    escaped.encode()


@given(code=ANY_TEXT, path=ANY_TEXT, name=ANY_TEXT, extra=JSON, reason=ANY_TEXT)
def test_the_service_accepts_whatever_was_captured(
    code: str, path: str, name: str, extra: object, reason: str
) -> None:
    event = created("x = 1", "/p/a.py")
    event["event_data"].update(pattern_name=name * 50, file_path=path, reason=reason)
    event["event_data"]["pattern_data"] |= {"code": code, "extra": extra}
    body: Any
    (body,) = wire.bodies(event, resolved(event))
    accepted(body)


@given(code=ANY_TEXT)
def test_escaped_code_can_be_read_back(code: str) -> None:
    event = created()
    event["event_data"]["pattern_data"]["code"] = code
    data = wire.bodies(event, resolved(event))[0]["pattern_data"]
    was_escaped = "pattern_data.code" in data.get(wire.ESCAPED, [])
    assert (escaping.unescape(data["code"]) if was_escaped else data["code"]) == code


def test_lengths_are_clamped() -> None:
    event = created()
    for name in wire.LIMITS:
        if name != "pattern_id":
            event["event_data"][name] = "x" * 1000
    body: Any
    (body,) = wire.bodies(event, resolved(event))
    accepted(body)
    assert {name: len(body[name]) for name in wire.LIMITS if name != "pattern_id"} == {
        name: limit for name, limit in wire.LIMITS.items() if name != "pattern_id"
    }


def test_the_limits_are_those_of_the_contract() -> None:
    assert {name: f.limit for name, f in FIELDS.items() if f.limit} == wire.LIMITS


@pytest.mark.parametrize("field", ["pattern_name", "triggered_by", "tool_name", "edge_type"])
def test_a_field_of_another_type_gets_its_default(field: str) -> None:
    event = created()
    event["event_data"][field] = ["nonsense"]
    accepted(wire.bodies(event, resolved(event))[0])


def test_id_time_and_session_travel_in_the_pattern_data() -> None:
    event: Any = build(
        "pattern_created", Content("x = 1", "a.py"), session_id="s-1", captured_ns=10**18
    )
    data = wire.bodies(event, resolved(event))[0]["pattern_data"]
    assert data["event_id"] == event["event_id"]
    assert data["captured_at"] == event["timestamp"]
    assert data["session_id"] == "s-1"


def test_what_only_a_first_event_leaves_at_the_service_is_in_the_data_of_each() -> None:
    event: Any = build(
        "pattern_applied", Content("# pattern-id: team/retry\nx = 2", "/p/a.js"), path="/p/a.js",
        tool_name="Write", captured_ns=10**18,
    )  # fmt: skip
    for body in wire.bodies(event, resolved(event)):
        accepted(body)
        told = {name: body["pattern_data"][name] for name in ("file_path", "language", "tool_name")}
        assert told == {"file_path": "/p/a.js", "language": "javascript", "tool_name": "Write"}


def test_a_file_path_that_no_database_holds_is_escaped_in_the_data_too() -> None:
    event: Any = build("pattern_created", Content("x = 1", "a.py"), path="/p/\ud800", captured_ns=1)
    (body,) = wire.bodies(event, resolved(event))
    accepted(body)
    assert body["pattern_data"]["file_path"] == body["file_path"] == "/p/\\ud800"
    assert body["pattern_data"]["escaped"] == ["file_path", "pattern_data.file_path"]


def test_a_pattern_is_never_its_own_parent() -> None:
    event = created()
    own = event["pattern_id"]
    merged = {"event_type": "pattern_merged", "edge_type": "merged_from"}
    body: Any
    (body,) = wire.bodies(event, resolved(event, parents=[own, "other"], **merged))
    accepted(body)
    assert (body["event_type"], body["parent_pattern_ids"]) == ("pattern_forked", ["other"])
    (body,) = wire.bodies(event, resolved(event, parents=[own], **merged))
    assert (body["event_type"], body["parent_pattern_ids"]) == ("pattern_created", [])


def test_a_marked_file_tells_of_its_content_too() -> None:
    before = Content("x = 1", "/p/a.py")
    event: Any = build(
        "pattern_applied", Content("# pattern-id: retry-1\nx = 2", "/p/a.py"), path="/p/a.py",
        before=before, captured_ns=10**18,
    )  # fmt: skip
    bodies = wire.bodies(event, resolved(event))
    content = event["content_pattern_id"]
    assert [(b["event_type"], b["pattern_id"], b["parent_pattern_ids"]) for b in bodies] == [
        ("pattern_modified", content, [before.pattern_id]),
        ("pattern_forked", content, ["retry-1"]),
        ("pattern_applied", "retry-1", []),
    ]
    for body in bodies:
        accepted(body)
    assert len({b["pattern_data"]["event_id"] for b in bodies}) == 3


def test_a_creation_needs_nothing_but_the_id() -> None:
    body = implied.creation("retry-1", {"event_id": "e", "timestamp": None})
    accepted(body)
    assert "code" not in body["pattern_data"]
    full = implied.creation("retry-1", {"event_id": "e", "timestamp": None, "code": "x"})
    assert implied.without_code(full)["pattern_data"] == body["pattern_data"]
