"""Convert an event to request bodies for the service's lineage/track.

The limits and the allowed values are the service's; see docs/service.md. Text that its database
cannot hold is escaped, see `lib.delivery.escaping`.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypedDict, cast

from lib.capture.event import PATTERN_VERSION
from lib.delivery.escaping import plain, text_of
from lib.spool.spooled import Event
from lib.system.digest import hex_digest

if TYPE_CHECKING:
    from lib.ledger.rows import Resolved

# In characters.
LIMITS = {
    "pattern_id": 255,
    "pattern_name": 255,
    "tool_name": 255,
    "pattern_type": 100,
    "triggered_by": 100,
    "pattern_version": 50,
    "language": 50,
}
DEFAULTS = {
    "pattern_name": "",
    "pattern_type": "code",
    "pattern_version": PATTERN_VERSION,
    "triggered_by": "claude-code",
}
NULLABLE = ("tool_name", "file_path", "language", "edge_type", "transformation_type", "reason")
EDGE_TYPES = frozenset(
    "derived_from modified_from merged_from replaced_by inspired_by deprecated_by".split()
)
TRANSFORMATION_TYPES = frozenset(
    "refactor enhancement bugfix merge optimization simplification".split()
)
# In pattern_data: the fields whose text was escaped, by their path in the body.
ESCAPED = "escaped"
NOTHING: Mapping[str, str] = {}


class Body(TypedDict):
    """One body for the service's lineage/track, within the service's limits."""

    event_type: str
    pattern_id: str
    parent_pattern_ids: list[str]
    pattern_name: str
    pattern_type: str
    pattern_version: str
    triggered_by: str
    tool_name: str | None
    file_path: str | None
    language: str | None
    edge_type: str | None
    transformation_type: str | None
    reason: str | None
    pattern_data: dict[str, Any]


def bodies(
    event: Event,
    resolved: "Resolved",
    asked: Mapping[str, str] = NOTHING,
    place: Mapping[str, str] = NOTHING,
) -> list[Body]:
    """Convert `event` to bodies, in the order of sending.

    `resolved` is what the ledger made of the event, see `Ledger.resolved`, `asked` what may be
    told of the prompt that it was made for, see `reasons.told_to_services`, and `place` the
    `project` that its file is in, with the `path` in that. One body as a rule; a file that applies
    a pattern by its marker has a content of its own too, and that comes from what it was before
    and from the pattern.
    """
    made = [_outside(event, found)] if (found := resolved["outside"]) else []
    if resolved["event_type"]:
        made += _own(_base(event, resolved, asked), resolved)
    where = {name: text_of(text) for name, text in place.items()}
    return [{**body, "pattern_data": {**body["pattern_data"], **where}} for body in made]


def _own(base: Body, resolved: "Resolved") -> list[Body]:
    if base["event_type"] != "pattern_applied":
        return [base]
    subject, content = resolved["pattern_id"], resolved["content_id"]
    parents, edge = base["parent_pattern_ids"], base["edge_type"]
    made = [_content(base, content, parents, edge)] if parents else []
    if subject != content:
        made.append(_content(base, content, [subject], "derived_from"))
    return [*made, {**base, "parent_pattern_ids": [], "edge_type": None}]


def _outside(event: Event, found: "Resolved") -> Body:
    """Build the body of what somebody else made of the file before `event`."""
    told = event.get("parents")
    before = told[0] if isinstance(told, list) and told and isinstance(told[0], dict) else {}
    given = event["event_data"]
    data = {"event_id": found["event_id"], "captured_at": event["timestamp"]}
    if isinstance(before.get("code"), str):
        data["code"] = before["code"]
    return safe(
        {
            "event_type": _type_for(found["event_type"], len(found["parents"])),
            "pattern_id": found["pattern_id"],
            "parent_pattern_ids": found["parents"],
            "pattern_name": before.get("pattern_name"),
            "pattern_type": given.get("pattern_type"),
            "triggered_by": "outside",
            "language": given.get("language"),
            "file_path": given.get("file_path"),
            "edge_type": found["edge_type"],
            "reason": found["reason"],
            "pattern_data": data,
        }
    )


def _base(event: Event, resolved: "Resolved", asked: Mapping[str, str]) -> Body:
    given = event["event_data"]
    details = given.get("pattern_data")
    data = {**(details if isinstance(details, dict) else {"value": details}), **asked}
    data["event_id"] = event["event_id"]
    data.setdefault("captured_at", event["timestamp"])
    # The service keeps these of a pattern's first event, but of others what is in here alone.
    for name in ("file_path", "language", "tool_name"):
        if given.get(name):
            data.setdefault(name, given[name])
    # A pattern that came from itself would become a cycle when it is sent again.
    parents = [parent for parent in resolved["parents"] if parent != resolved["content_id"]]
    return safe(
        {
            **given,
            "event_type": _type_for(resolved["event_type"], len(parents)),
            "pattern_id": resolved["pattern_id"],
            "parent_pattern_ids": parents,
            "edge_type": resolved["edge_type"] if parents else None,
            "reason": given.get("reason")
            or asked.get("prompt", "").strip().partition("\n")[0]
            or None,
            "pattern_data": data,
        }
    )


def _type_for(event_type: str, parents: int) -> str:
    """Choose the event type that the service takes with so many parents."""
    if event_type == "pattern_merged" and parents == 1:
        return "pattern_forked"
    if event_type in ("pattern_modified", "pattern_merged", "pattern_forked") and not parents:
        return "pattern_created"
    # A creation's parents would be dropped; as a fork it keeps them.
    return "pattern_forked" if event_type == "pattern_created" and parents else event_type


def _content(base: Body, content: str, parents: list[str], edge: str | None) -> Body:
    event_type = "pattern_modified" if edge == "modified_from" else "pattern_forked"
    identifier = hex_digest(f"{event_type}\0{base['pattern_data']['event_id']}")[:32]
    return {
        **base,
        "event_type": event_type,
        "pattern_id": content,
        "parent_pattern_ids": parents,
        "edge_type": edge,
        "pattern_data": {**base["pattern_data"], "event_id": identifier},
    }


def safe(given: Mapping[str, Any]) -> Body:
    """Reduce an event's fields to those of the wire, with types, lengths and values it accepts."""
    body: dict[str, Any] = {
        "event_type": text_of(given.get("event_type")),
        "pattern_id": text_of(given["pattern_id"]),
        "parent_pattern_ids": list(given.get("parent_pattern_ids") or []),
    }
    escaped: list[str] = []
    for name in (*DEFAULTS, *NULLABLE):
        value = given.get(name)
        text = text_of(value) if isinstance(value, str) else DEFAULTS.get(name)
        if isinstance(value, str) and text != value:
            escaped.append(name)
        body[name] = text if text is None else text[: LIMITS.get(name)]
    if body["edge_type"] not in EDGE_TYPES:
        body["edge_type"] = None
    if body["transformation_type"] not in TRANSFORMATION_TYPES:
        body["transformation_type"] = None
    details = given["pattern_data"]
    data = {text_of(name): plain(value, 1) for name, value in details.items()}
    changed = [text_of(name) for name, value in details.items() if data.get(name) != value]
    escaped += [f"pattern_data.{name}" for name in changed]
    body["pattern_data"] = {**data, ESCAPED: sorted(escaped)} if escaped else data
    return cast(Body, body)
