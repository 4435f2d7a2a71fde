"""Bodies for a team's server, and what its tables hold in the end."""

from collections.abc import Iterable
from typing import Any

from lib.web.team.stored import Arrived, Storage

TABLES = {
    "events": "events",
    "edges": "edges JOIN (SELECT seq, key FROM events) e USING (seq)",
    "units": "units JOIN (SELECT seq, key FROM events) e USING (seq)",
    "activity": "activity",
}
COLUMNS = {
    "events": "key, weight, digest, person, project, event_id, event_type, implied, told, "
    "pattern_id, pattern_name, pattern_type, pattern_version, language, tool_name, file_path, "
    "path, edge_type, transformation_type, reason, triggered_by, session_id, prompt_id, prompt, "
    "model, code, data, captured_at, received, day",
    "edges": "key, place, project, child, parent, edge_type, implied",
    "units": "key, place, project, pattern_id, pattern_type, qualified_name, start_line, end_line",
    "activity": "day, project, person, event_type, language, events",
}


def arrived(
    event_id: str | None,
    event_type: str,
    pattern_id: str,
    parents: Iterable[str] = (),
    *,
    person: str = "ann",
    project: str = "code.example/team/app",
    received: float = 1_000_000.0,
    data: dict[str, Any] | None = None,
    **fields: Any,
) -> Arrived:
    """Make a body as the wire hands it over, with the defaults of what is not told."""
    told = dict(data or {})
    if event_id is not None:
        told["event_id"] = event_id
    body = {
        "event_type": f"pattern_{event_type}", "pattern_id": pattern_id,
        "parent_pattern_ids": list(parents), "pattern_name": f"name of {pattern_id}",
        "pattern_type": "code", "pattern_version": "1.0.0", "language": "python",
        "triggered_by": "claude-code", "tool_name": None, "file_path": None, "edge_type": None,
        "transformation_type": None, "reason": None, "pattern_data": told, **fields,
    }  # fmt: skip
    return Arrived(person, project, body, received)


def contents(storage: Storage) -> dict[str, list[Any]]:
    """Read all that follows from the events that were recorded, in an order of its own."""
    return {
        name: sorted(storage.rows(f"SELECT {COLUMNS[name]} FROM {table}"), key=repr)
        for name, table in TABLES.items()
    }


def recounted(storage: Storage) -> list[Any]:
    """Count from the events what the table `activity` should hold."""
    cell = "day, project, person, event_type, coalesce(language, '')"
    sql = f"SELECT {cell}, count(*) FROM events WHERE implied = 0 GROUP BY {cell}"
    return sorted(storage.rows(sql), key=repr)
