"""Build the event of a payload that is too large to parse: by the file, or of metadata alone.

Builtins only: the hook path imports this for such a payload.
"""

from lib.capture import event, identity, named_file
from lib.capture.event import OVERSIZE, Content
from lib.capture.languages import base_name
from lib.capture.named_file import Refused
from lib.capture.payload import MAX_PATH, READERS, Change, context, event_of, path_in
from lib.system import json_codec
from lib.system.digest import hex_digest

_KEPT = (
    "tool_name", "session_id", "cwd", "transcript_path", "prompt_id", "agent_id", "agent_type",
)  # fmt: skip


def capture_oversize(head: bytes, tail: bytes, size: int, captured_ns: int) -> "dict[str, object]":
    """Build the event of a payload of `size` bytes, with what its file holds now.

    `head` and `tail` are its first and last bytes. A quote inside a JSON string is escaped, so a
    field's name in plain quotes can only be a field. Where the file itself is too large, the event
    has no content. Raises Refused if tool or path is not found, or the file is as it was.
    """
    given = {name: _field(head, name) for name in _KEPT}
    given["tool_use_id"] = _field(tail, "tool_use_id") or _field(head, "tool_use_id")
    payload: dict[str, object] = {name: value for name, value in given.items() if value}
    stage = _field(head, "hook_event_name")
    if given["tool_name"] not in READERS or stage not in ("", "PostToolUse"):
        raise Refused("other")
    if b'"staged":true' in tail:
        raise Refused("staged")
    named = _field(head, "file_path") or _field(head, "notebook_path")
    path = path_in(named)
    existed = _existed(given["tool_name"], head, tail)
    try:
        change = Change(path, named_file.read(path), None, before_known=False, existed=existed)
        made = event_of(change, payload, captured_ns)
        if b'"userModified":true' in tail:
            made["event_data"]["reason"] = event.AMENDED  # type: ignore[index]
    except Refused:
        exact = hex_digest(f"{size}\0{head.hex()}{tail.hex()}")
        made = _without_content(path, payload, exact, captured_ns)
        made["event_data"]["reason"] = f"a payload of {size} bytes, too large to capture"  # type: ignore[index]
        made["before"] = event.UNTOLD if existed else event.UNKNOWN
    if named != path:
        made["named"] = named
    return made


def _existed(tool: str, head: bytes, tail: bytes) -> bool:
    """Check whether there was a file before the call: False where that cannot be told."""
    if tool == "Write":
        return b'"userModified":' in tail and b'"originalFile":null' not in tail
    return b'"old_string":""' not in head


def _without_content(
    path: str, payload: "dict[str, object]", exact: str, captured_ns: int
) -> "dict[str, object]":
    """Build the event of a file of which no more is known than that it is too large."""
    content = Content("", path, pattern_type=OVERSIZE)
    # Another state of the file is another pattern.
    digest = hex_digest(f"{path}\0{exact}")[: identity.DIGITS]
    content.pattern_id = f"{content.language}-{OVERSIZE}-{digest}"
    content.pattern_name = base_name(path)[: identity.MAX_ID]
    made = event.build(
        "pattern_created",
        content,
        path=path,
        tool_name=str(payload["tool_name"]),
        session_id=str(payload.get("session_id", "")),
        tool_use_id=str(payload.get("tool_use_id", "")),
        captured_ns=captured_ns,
        exact=exact,
        extra=context(payload),
    )
    event.forget_content(made)
    return made


def _field(data: bytes, name: str) -> str:
    """Find the string value of the first field called `name` in a piece of JSON; "" if none."""
    text = data.decode("utf-8", "replace")
    rest = text.partition(f'"{name}":')[2].lstrip()[: 6 * MAX_PATH]
    end = 1
    while end < len(rest) and rest[end] != '"':
        end += 2 if rest[end] == "\\" else 1
    try:
        value = json_codec.loads(rest[: end + 1])
    except ValueError:
        return ""
    return value if isinstance(value, str) else ""
