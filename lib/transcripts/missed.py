"""Find the calls whose hook was over its time, told as that hook would have got them."""

from collections.abc import Iterator
from typing import Any, BinaryIO

from lib.transcripts.fields import word
from lib.transcripts.lines import Lines, ToolResult, ToolUse
from lib.transcripts.reader import Reader

# A call and its result stand so many bytes before the line that tells of its hook, at most.
BACK = 32 * 1024 * 1024
# Of so many calls at a time it is known what they were.
_MOST_CALLS = 32


def is_cancelled(record: dict[str, object]) -> bool:
    """Check whether a record says that a hook after a call did not end in time.

    It does not say which one, if there are several.
    """
    told = record.get("attachment")
    is_hook = isinstance(told, dict) and told.get("type") == "hook_cancelled"
    return is_hook and isinstance(told, dict) and told.get("hookEvent") == "PostToolUse"


def payloads(file: BinaryIO, session_id: str, start: int, end: int) -> Iterator[dict[str, Any]]:
    """Yield what the hooks got that were cancelled according to the bytes from `start` to `end`.

    Each has `timestamp` too: when the call ended, as the ledger writes it. Raises OSError.
    """
    reader, lines = Reader(file, max(0, start - BACK)), Lines(session_id)
    uses: dict[str, ToolUse] = {}
    results: dict[str, ToolResult] = {}
    for record in reader.records(end - reader.offset):
        for told in lines.take(record):
            if isinstance(told, ToolUse):
                _keep(uses, told)
            elif isinstance(told, ToolResult):
                _keep(results, told)
        attachment = record.get("attachment")
        if reader.offset <= start or not is_cancelled(record) or not isinstance(attachment, dict):
            continue
        used = word(attachment, "toolUseID")
        use, result = uses.get(used), results.get(used)
        if use and result and not result.is_error and use.session_id == session_id:
            yield _payload(use, result)


def _keep(known: dict[str, Any], told: ToolUse | ToolResult) -> None:
    known.pop(told.tool_use_id, None)
    known[told.tool_use_id] = told
    if len(known) > _MOST_CALLS:
        del known[next(iter(known))]


def _payload(use: ToolUse, result: ToolResult) -> dict[str, Any]:
    told = {
        "session_id": use.session_id,
        "cwd": use.cwd,
        "prompt_id": use.prompt_id,
        "agent_id": use.agent_id,
        "hook_event_name": "PostToolUse",
        "tool_name": use.tool_name,
        "tool_input": use.given,
        "tool_response": result.answer,
        "tool_use_id": use.tool_use_id,
        "timestamp": result.timestamp,
    }
    return {name: value for name, value in told.items() if value not in ("", None)}
