"""Convert what callers put into an event to values that JSON has."""

import os
import time
from collections.abc import Mapping
from typing import Any, cast

from lib.capture import identity
from lib.spool.spooled import Event
from lib.system import json_codec
from lib.system.timestamps import timestamp

MAX_DEPTH = 40
BODY_FIELDS = (
    "pattern_type", "pattern_version", "language", "parent_pattern_ids", "triggered_by",
    "tool_name", "file_path", "edge_type", "transformation_type", "reason",
)  # fmt: skip


def plain(value: Event) -> Event:
    """Return `value` if JSON can hold it, else a copy in which other objects are text."""
    try:
        json_codec.dumps(value)
        return value
    except (TypeError, ValueError, RecursionError):
        return cast(Event, {str(key): _plain(item, 1) for key, item in value.items()})


def with_fields(
    body: Mapping[str, Any], details: Mapping[str, Any], given: Mapping[str, Any]
) -> dict[str, Any]:
    """Make an event of `body`, its `details` and what else a caller gave: fields, and details."""
    fields = {name: given[name] for name in BODY_FIELDS if given.get(name) is not None}
    extra = {k: v for k, v in given.items() if k not in BODY_FIELDS and k != "event_id"}
    event = {"event_data": {**body, **fields, "pattern_data": {**extra, **details}}}
    identifier = given.get("event_id")
    return {**event, "event_id": identifier} if identifier else event


def wrap(event: Mapping[str, Any]) -> Event:
    """Complete `event` to the form of the spool's files. Raises ValueError if it is no event."""
    body = event.get("event_data", event)
    if not isinstance(body, dict):
        raise ValueError("event_data is not a dict")
    details = body.get("pattern_data")
    details = details if isinstance(details, dict) else {}
    identifier = event.get("event_id") or details.get("event_id") or os.urandom(16).hex()
    when = event.get("timestamp") or timestamp(time.time_ns())
    made = {
        "retry_count": 0,
        "last_retry": None,
        **(event if "event_data" in event else {}),
        "event_id": identifier,
        "timestamp": when,
        "event_type": event.get("event_type") or body.get("event_type") or "pattern_created",
        "pattern_id": event.get("pattern_id") or body.get("pattern_id"),
        "event_data": {
            **body,
            "pattern_data": {"event_id": identifier, "captured_at": when, **details},
        },
    }
    if not identity.is_valid_id(made["pattern_id"]):
        raise ValueError("pattern_id is not a pattern id")
    return cast(Event, made)


def _plain(value: object, depth: int) -> object:
    if value is None or isinstance(value, (bool, int, str)):
        return value
    if isinstance(value, float):
        return value if abs(value) < float("inf") else None
    if depth < MAX_DEPTH:
        if isinstance(value, dict):
            return {str(key): _plain(item, depth + 1) for key, item in value.items()}
        if isinstance(value, (list, tuple, set, frozenset)):
            return [_plain(item, depth + 1) for item in value]
    return _in_words(value)


def _in_words(value: object) -> str:
    try:
        return str(value)[:1000]
    except Exception:
        return f"<{type(value).__name__}>"
