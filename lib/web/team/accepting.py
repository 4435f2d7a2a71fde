"""Accept or refuse what was sent: the JSON, the fields of an event, their lengths and values."""

import json
from typing import Any, NamedTuple

import orjson

from lib.delivery.wire import EDGE_TYPES, LIMITS, NULLABLE, TRANSFORMATION_TYPES

Body = dict[str, Any]
Detail = str | list[dict[str, Any]]

EVENT_TYPES = frozenset(
    "pattern_created pattern_modified pattern_merged pattern_applied pattern_deprecated "
    "pattern_forked".split()
)
ENUMS = {
    "event_type": EVENT_TYPES,
    "edge_type": EDGE_TYPES,
    "transformation_type": TRANSFORMATION_TYPES,
}
MODES = frozenset(("sequential", "parallel"))
PARENTS_NEEDED = {"pattern_modified": 1, "pattern_forked": 1, "pattern_merged": 2}
ID_LENGTH = LIMITS["pattern_id"]
REQUIRED = ("event_type", "pattern_id")
DEFAULTS: dict[str, Any] = {
    "pattern_name": "",
    "pattern_type": "code",
    "pattern_version": "1.0.0",
    "language": "python",
    "triggered_by": "api",
    **dict.fromkeys(("tool_name", "file_path", "edge_type", "transformation_type", "reason")),
}
TEXTS = (*REQUIRED, *DEFAULTS)
# Of pattern_data what says which event it is and where; events are found by it.
NAMING = ("event_id", "project")
MOST_PARENTS = 1000
# What the database's functions for JSON, and Python's, take for certain.
MOST_LEVELS = 200
UNREADABLE = "There was an error parsing the body"


class Unfit(Exception):
    """A request that is refused: with this `status`, and a `detail` that says why."""

    def __init__(self, status: int, detail: Detail) -> None:
        super().__init__(status, detail)
        self.status = status
        self.detail = detail


class Batch(NamedTuple):
    """The events of one request; `mode` is "sequential" or "parallel"."""

    bodies: list[Body]
    mode: str


def event(raw: bytes) -> Body:
    """Read one event from `raw`, with its defaults and without unknown fields. Raises Unfit."""
    body = _fields(_document(raw), ())
    if problem := _unfit_value(body):
        raise Unfit(400, problem)
    return body


def batch(raw: bytes) -> Batch:
    """Read several events from `raw`. Raises Unfit, which names the first that is at fault.

    What is of the wrong form (422) is told before what has a wrong value (400).
    """
    document = _document(raw)
    found = document.get("events") if isinstance(document, dict) else None
    if not isinstance(found, list):
        raise _malformed("Input should be a valid list", "events")
    mode = document.get("processing_mode", "parallel")
    if not isinstance(mode, str):
        raise _malformed("Input should be a valid str", "processing_mode")
    bodies = [_fields(one, ("events", index)) for index, one in enumerate(found)]
    if mode not in MODES:
        raise Unfit(400, f"Invalid processing_mode: {mode}. Must be one of {sorted(MODES)}")
    for index, body in enumerate(bodies):
        if problem := _unfit_value(body):
            raise Unfit(400, told_of(index, problem))
    return Batch(bodies, mode)


def told_of(index: int, problem: str) -> Detail:
    """Say that the event at `index` of a batch is at fault."""
    return [{"type": "value_error", "loc": ["body", "events", index], "msg": problem}]


def _malformed(problem: str, *where: str | int) -> Unfit:
    return Unfit(422, [{"type": "value_error", "loc": ["body", *where], "msg": problem}])


def _document(raw: bytes) -> Any:
    """Parse JSON. Raises Unfit for what it or the database cannot hold."""
    try:
        document = orjson.loads(raw)
    except orjson.JSONDecodeError:
        raise _why_not(raw) from None
    # Escaped, for raw it is no JSON.
    may_have_nul = b"\\u0000" in raw
    if _is_unfit(document, MOST_LEVELS, may_have_nul):
        raise Unfit(400, UNREADABLE)
    return document


def _why_not(raw: bytes) -> Unfit:
    """Tell bytes that are no JSON (422) from JSON that cannot be kept (400)."""
    try:
        json.loads(raw.decode("utf-8", "surrogatepass"))
    except json.JSONDecodeError as error:
        return _malformed(f"JSON decode error: {error.msg}")
    except (ValueError, RecursionError):
        pass
    return Unfit(400, UNREADABLE)


def _is_unfit(value: object, levels: int, may_have_nul: bool) -> bool:
    """Check for more than so many levels, and for NUL."""
    if isinstance(value, str):
        return may_have_nul and "\0" in value
    if not isinstance(value, (dict, list)):
        return False
    if not levels:
        return True
    if may_have_nul and isinstance(value, dict) and any("\0" in name for name in value):
        return True
    inner = value.values() if isinstance(value, dict) else value
    kinds = (dict, list, str) if may_have_nul else (dict, list)
    return any(_is_unfit(one, levels - 1, may_have_nul) for one in inner if isinstance(one, kinds))


def _fields(given: object, where: tuple[str | int, ...]) -> Body:
    """Return the known fields of an event with their defaults. Raises Unfit."""
    if not isinstance(given, dict):
        raise _malformed("Input should be a valid dictionary", *where)
    body: Body = {"pattern_data": {}, "parent_pattern_ids": [], **DEFAULTS}
    for name in REQUIRED:
        if name not in given:
            raise _malformed("Field required", *where, name)
    for name in TEXTS:
        if name in given:
            value = body[name] = given[name]
            if value is None and name in NULLABLE:
                continue
            if not isinstance(value, str):
                raise _malformed("Input should be a valid str", *where, name)
            _check_length(value, LIMITS.get(name), *where, name)
    for name, kind in (("pattern_data", dict), ("parent_pattern_ids", list)):
        if name in given:
            body[name] = given[name]
            if not isinstance(body[name], kind):
                raise _malformed(f"Input should be a valid {kind.__name__}", *where, name)
    _check_parents(body["parent_pattern_ids"], *where, "parent_pattern_ids")
    for name in NAMING:
        value = body["pattern_data"].get(name)
        if isinstance(value, str):
            _check_length(value, ID_LENGTH, *where, "pattern_data", name)
    return body


def _check_length(text: str, limit: int | None, *where: str | int) -> None:
    if limit is not None and len(text) > limit:
        raise _malformed(f"String should have at most {limit} characters", *where)


def _check_parents(parents: list[Any], *where: str | int) -> None:
    if len(parents) > MOST_PARENTS:
        raise _malformed(f"List should have at most {MOST_PARENTS} items", *where)
    for parent in parents:
        if not isinstance(parent, str):
            raise _malformed("Every item should be a valid str", *where)
        _check_length(parent, ID_LENGTH, *where)


def _unfit_value(body: Body) -> str:
    """Say what is wrong with the values of a body of the right form, "" if nothing is."""
    for name, choices in ENUMS.items():
        if body[name] is not None and body[name] not in choices:
            return f"Invalid {name}: {body[name]}. Must be one of {sorted(choices)}"
    kind = body["event_type"]
    if kind == "pattern_created" and not body["pattern_data"]:
        return "pattern_data is required for pattern_created"
    needed = PARENTS_NEEDED.get(kind, 0)
    if len(body["parent_pattern_ids"]) < needed:
        return f"{kind} requires at least {needed} parent_pattern_ids"
    return ""
