"""What a body of the wire says, as the rows of the tables hold it."""

import json
from collections.abc import Iterable
from functools import cached_property
from typing import Any, NamedTuple

from lib.system.digest import hex_digest
from lib.web.team.stored import Arrived

# The events that say what a pattern is.
TELLING = frozenset(f"pattern_{verb}" for verb in ("created", "modified", "merged", "forked"))
EDGE_OF = {"pattern_modified": "modified_from", "pattern_merged": "merged_from"}
# In characters: what is asked for by an index is kept no longer than one holds.
LONGEST, LONGEST_PATH = 255, 400
MOST_UNITS = 1000
SECONDS_A_DAY = 86400


class Edge(NamedTuple):
    """`child` came from `parent`."""

    place: int
    child: str
    parent: str
    edge_type: str


class Unit(NamedTuple):
    """A function, method or class in an event's code; lines count from 1."""

    place: int
    pattern_id: str
    pattern_type: str
    qualified_name: str
    start_line: int | None
    end_line: int | None


class Fields(NamedTuple):
    """A row of the table `events`, but for its `seq`."""

    key: str
    weight: int
    digest: str
    person: str
    project: str
    event_id: str
    event_type: str
    implied: int
    told: int
    pattern_id: str
    pattern_name: str
    pattern_type: str
    pattern_version: str
    language: str | None
    tool_name: str | None
    file_path: str | None
    path: str | None
    edge_type: str | None
    transformation_type: str | None
    reason: str | None
    triggered_by: str
    session_id: str | None
    prompt_id: str | None
    prompt: str | None
    model: str | None
    code: str | None
    data: str
    captured_at: str | None
    received: float
    day: int

    @property
    def rank(self) -> tuple[int, str]:
        """Of two tellings of one event that with the higher rank stays."""
        return self.weight, self.digest


class Telling:
    """A body with all that follows from it alone."""

    def __init__(self, arrived: Arrived) -> None:
        self._body = arrived.body
        self.fields = _fields(arrived)

    @property
    def needs(self) -> list[str]:
        """The patterns of which somebody should have told."""
        parents = [bounded(parent) for parent in self._body.get("parent_pattern_ids") or ()]
        if self.fields.event_type not in TELLING:
            parents.insert(0, self.fields.pattern_id)
        return list(dict.fromkeys(parents))

    @cached_property
    def edges(self) -> list[Edge]:
        """Edges to each parent; a pattern that came from itself would be a cycle."""
        child, kind = self.fields.pattern_id, self.fields.event_type
        edge_type = self.fields.edge_type or EDGE_OF.get(kind, "derived_from")
        parents = [bounded(parent) for parent in self._body.get("parent_pattern_ids") or ()]
        kept = [parent for parent in dict.fromkeys(parents) if parent != child]
        return [Edge(place, child, parent, edge_type) for place, parent in enumerate(kept)]

    @cached_property
    def units(self) -> list[Unit]:
        """The units that the body tells of, as far as they are well-formed."""
        told = self._body["pattern_data"].get("units")
        return list(_units(told[:MOST_UNITS] if isinstance(told, list) else ()))


def bounded(text: str, most: int = LONGEST) -> str:
    """Return `text`, or what is longer than `most` characters as its beginning and its digest."""
    return text if len(text) <= most else text[: most - 64] + hex_digest(text)


def _fields(arrived: Arrived) -> Fields:
    body, data = arrived.body, arrived.body["pattern_data"]
    whole = json.dumps(body, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    digest = hex_digest(f"{arrived.project}\0{whole}")
    implied = data.get("implied") is True
    # Without an id the same body is the same event: a client that sends again is more usual than
    # one that does the same twice and tells no time.
    event_id = _text(data.get("event_id")) or f"body-{digest}"
    rest = {name: value for name, value in data.items() if name not in ("code", "prompt", "units")}
    # A prompt or code that is no text is kept as it came.
    rest |= {n: data[n] for n in ("code", "prompt") if not isinstance(data.get(n, ""), str)}
    path = _text(data.get("path")) or _text(body.get("file_path"))
    fields = Fields(
        key="", weight=len(whole), digest=digest,
        person=bounded(arrived.person), project=bounded(arrived.project),
        event_id=bounded(event_id), event_type=body["event_type"], implied=int(implied),
        told=int(implied) if body["event_type"] in TELLING else 2,
        pattern_id=bounded(body["pattern_id"]), pattern_name=body.get("pattern_name") or "",
        pattern_type=body.get("pattern_type") or "code",
        pattern_version=body.get("pattern_version") or "1.0.0", language=body.get("language"),
        tool_name=body.get("tool_name"), file_path=body.get("file_path"),
        path=bounded(path, LONGEST_PATH) if path else None, edge_type=body.get("edge_type"),
        transformation_type=body.get("transformation_type"), reason=body.get("reason"),
        triggered_by=body.get("triggered_by") or "api", session_id=_id(data.get("session_id")),
        prompt_id=_id(data.get("prompt_id")), prompt=_text(data.get("prompt")),
        model=_id(data.get("model")), code=_text(data.get("code")),
        data=json.dumps(rest, sort_keys=True, ensure_ascii=False),
        captured_at=_id(data.get("captured_at")), received=arrived.received,
        day=int(arrived.received // SECONDS_A_DAY),
    )  # fmt: skip
    return fields._replace(key=_key(fields))


def _key(fields: Fields) -> str:
    """Make the key of an event, or of what is presupposed of a pattern under the event's id."""
    parts = [fields.person, fields.event_id]
    if fields.implied:
        parts += [fields.project, fields.pattern_id]
    return hex_digest(json.dumps(parts))[:40]


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None


def _id(value: object) -> str | None:
    return bounded(value) if isinstance(value, str) and value else None


def _units(told: Iterable[Any]) -> Iterable[Unit]:
    for place, unit in enumerate(told):
        if not isinstance(unit, dict):
            continue
        pattern_id, name = _id(unit.get("pattern_id")), _id(unit.get("qualified_name"))
        if pattern_id and name:
            kind = bounded(_text(unit.get("pattern_type")) or "code", 100)
            lines = (_line(unit.get("start_line")), _line(unit.get("end_line")))
            yield Unit(place, pattern_id, kind, name, *lines)


def _line(value: object) -> int | None:
    if not isinstance(value, int) or isinstance(value, bool):
        return None
    return value if 0 <= value < 2**31 else None
