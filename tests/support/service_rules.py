"""What the traceability service accepts: a request's JSON, and an event's fields and values."""

import json
from collections.abc import Iterable
from typing import Any, NamedTuple

Event = dict[str, Any]

EVENT_TYPES = frozenset(
    "pattern_" + verb
    for verb in ("created", "modified", "merged", "applied", "deprecated", "forked")
)
EDGE_TYPES = frozenset(
    ("derived_from", "modified_from", "merged_from", "replaced_by", "inspired_by", "deprecated_by")
)
TRANSFORMATION_TYPES = frozenset(
    ("refactor", "enhancement", "bugfix", "merge", "optimization", "simplification")
)
PARENTS_NEEDED = {"pattern_modified": 1, "pattern_forked": 1, "pattern_merged": 2}
PROCESSING_MODES = frozenset(("sequential", "parallel"))


class Field(NamedTuple):
    """One field of an event; `limit` is a length in characters."""

    kind: type = str
    default: Any = None
    required: bool = False
    nullable: bool = False
    limit: int | None = None


FIELDS = {
    "event_type": Field(required=True),
    "pattern_id": Field(required=True, limit=255),
    "pattern_name": Field(default="", limit=255),
    "pattern_type": Field(default="code", limit=100),
    "pattern_version": Field(default="1.0.0", limit=50),
    "language": Field(default="python", nullable=True, limit=50),
    "pattern_data": Field(kind=dict, default={}),
    "parent_pattern_ids": Field(kind=list, default=[]),
    "triggered_by": Field(default="api", limit=100),
    "tool_name": Field(nullable=True, limit=255),
    "file_path": Field(nullable=True),
    "edge_type": Field(nullable=True),
    "transformation_type": Field(nullable=True),
    "reason": Field(nullable=True),
}
ENUMS = {
    "event_type": EVENT_TYPES,
    "edge_type": EDGE_TYPES,
    "transformation_type": TRANSFORMATION_TYPES,
}
DEFAULTS = {name: field.default for name, field in FIELDS.items() if not field.required}


class SchemaError(Exception):
    """A body of the wrong shape: answered 422."""

    def __init__(self, problem: str, *where: str) -> None:
        super().__init__(problem)
        self.detail = [{"type": "value_error", "loc": ["body", *where], "msg": problem}]


class BadValue(Exception):
    """A body of the right shape that the service refuses to run: answered 400 with `detail`."""


def read_json(body: bytes, max_depth: int) -> Any:
    """The JSON value in `body`; what is wrong with it raises SchemaError or BadValue."""
    try:
        document = json.loads(body.decode("utf-8", "surrogatepass"), parse_constant=_no_constant)
    except json.JSONDecodeError as error:
        raise SchemaError(f"JSON decode error: {error.msg}") from None
    except (ValueError, RecursionError):
        raise BadValue("There was an error parsing the body") from None
    _check_text_and_depth(document, max_depth)
    return document


def _no_constant(name: str) -> None:
    raise BadValue(f"{name} is not a JSON value")


def _check_text_and_depth(document: Any, max_depth: int) -> None:
    """Walk level by level, so that the interpreter's recursion limit plays no part."""
    level = [document]
    for _ in range(max_depth + 1):
        level = _next_level(level)
        if not level:
            return
    raise BadValue("There was an error parsing the body")


def _next_level(values: Iterable[Any]) -> list[Any]:
    inner: list[Any] = []
    for value in values:
        kind = type(value)
        if kind is str:
            _check_text(value)
        elif kind is dict:
            inner += value
            inner += value.values()
        elif kind is list:
            inner += value
    return inner


def _check_text(text: str) -> None:
    if "\0" in text:
        raise BadValue("a NUL character cannot be stored")
    if not text.isascii():
        try:
            text.encode()
        except UnicodeEncodeError:
            raise BadValue("a lone surrogate cannot be stored") from None


def read_event(raw: Any, *where: str) -> Event:
    """`raw` with its defaults and without unknown fields; `where` prefixes the place of an error.

    Raises SchemaError.
    """
    if not isinstance(raw, dict):
        raise SchemaError("Input should be a valid dictionary", *where)
    event = DEFAULTS.copy()
    for name, field in FIELDS.items():
        if name in raw:
            event[name] = _checked(raw[name], field, *where, name)
        elif field.required:
            raise SchemaError("Field required", *where, name)
    return event


def _checked(value: Any, field: Field, *where: str) -> Any:
    if value is None and field.nullable:
        return value
    if not isinstance(value, field.kind):
        raise SchemaError(f"Input should be a valid {field.kind.__name__}", *where)
    if isinstance(value, str) and field.limit is not None and len(value) > field.limit:
        raise SchemaError(f"String should have at most {field.limit} characters", *where)
    if isinstance(value, list) and not all(isinstance(item, str) for item in value):
        raise SchemaError("Every item should be a valid str", *where)
    return value


def read_batch(document: Any) -> tuple[list[Event], str]:
    """The events and the processing mode; errors do not name an event's index.

    Raises SchemaError for the first event of the wrong shape, else BadValue for the first one
    that cannot run.
    """
    if not isinstance(document, dict) or not isinstance(document.get("events"), list):
        raise SchemaError("Input should be a valid list", "events")
    mode = document.get("processing_mode", "parallel")
    if not isinstance(mode, str):
        raise SchemaError("Input should be a valid str", "processing_mode")
    events = [read_event(raw, "events") for raw in document["events"]]
    _check_choice("processing_mode", mode, PROCESSING_MODES)
    for event in events:
        check_values(event)
    return events, mode


def check_values(event: Event) -> None:
    """Raise BadValue for a bad enum value, empty pattern data or too few parents."""
    for name, choices in ENUMS.items():
        if event[name] is not None:
            _check_choice(name, event[name], choices)
    event_type = event["event_type"]
    if event_type == "pattern_created" and not event["pattern_data"]:
        raise BadValue("pattern_data is required for pattern_created")
    needed = PARENTS_NEEDED.get(event_type, 0)
    if len(event["parent_pattern_ids"]) < needed:
        raise BadValue(f"{event_type} requires at least {needed} parent_pattern_ids")


def _check_choice(name: str, value: str, choices: frozenset[str]) -> None:
    if value not in choices:
        raise BadValue(f"Invalid {name}: {value}. Must be one of {sorted(choices)}")
