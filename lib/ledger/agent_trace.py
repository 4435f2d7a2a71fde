"""Convert events to Agent Trace 0.1.0 records: which lines of which file an agent wrote."""

import os
import uuid
from typing import Any

from lib import __version__
from lib.capture.event import AMENDED
from lib.ledger.diff import opcodes
from lib.ledger.history import Event
from lib.system.digest import hex_digest

VERSION = "0.1.0"
NAMESPACE = uuid.UUID("6f1d5c3e-8f0b-5a55-9a57-0e6b8f3d7a11")
METADATA = "dev.pattern-tracker"


def record(
    event: Event, path: str, root: str, before: str | None, after: str | None
) -> dict[str, Any] | None:
    """Return the record of one event, None where it attributes no line.

    Args:
        path, root: the file's and the repository's, without links; a file outside has no record.
        before, after: the code; `before` is None for a new file, `after` where none was kept.
    """
    inside = os.path.relpath(path, root) if path.startswith(f"{root.rstrip('/')}/") else ""
    if not inside or after is None:
        return None
    ranges = changed_ranges(before, after)
    if not ranges:
        return None
    # The payload of a hook names no model.
    whose = "mixed" if event.reason == AMENDED else "ai"
    contributor = {"type": whose if event.tool_name else "unknown"}
    conversation = {"contributor": contributor, "ranges": ranges}
    return {
        "version": VERSION,
        "id": str(uuid.uuid5(NAMESPACE, event.event_id)),
        "timestamp": event.timestamp.replace("+00:00", "Z"),
        # Who tells it; the payload of a hook does not tell the version of the client.
        "tool": {"name": "pattern-tracker", "version": __version__},
        "files": [{"path": inside, "conversations": [conversation]}],
        "metadata": {METADATA: _metadata(event)},
    }


def _metadata(event: Event) -> dict[str, Any]:
    kept = ("event_id", "event_type", "pattern_id", "session_id", "tool_name", "parent_pattern_ids")
    told = event.public()
    agent = {"agent": "claude-code"} if event.tool_name else {}
    return {**agent, **{name: told[name] for name in kept}}


def changed_ranges(before: str | None, after: str) -> list[dict[str, Any]]:
    """List the ranges of lines that `after` has and `before` not: 1-based, inclusive, hashed."""
    new = _lines(after)
    if before is None:
        return [_range(new, 0, len(new))] if new else []
    return [
        _range(new, start, end)
        for tag, _, _, start, end in opcodes(_lines(before), new)
        if tag in ("replace", "insert")
    ]


def _lines(text: str) -> list[str]:
    """Split `text` into lines as editors do: at newlines only, not at form feeds."""
    *whole, rest = text.split("\n")
    return [f"{line}\n" for line in whole] + ([rest] if rest else [])


def _range(lines: list[str], start: int, end: int) -> dict[str, Any]:
    digest = hex_digest("".join(lines[start:end]))
    return {"start_line": start + 1, "end_line": end, "content_hash": f"sha256:{digest}"}
