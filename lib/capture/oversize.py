"""Build an event of metadata alone for a payload that is too large to parse.

Builtins only: the hook path imports this for such a payload.
"""

from lib.capture import event, identity
from lib.capture.event import Content
from lib.capture.languages import base_name
from lib.capture.named_file import Refused
from lib.capture.payload import MAX_PATH, READERS, path_in
from lib.system import json_codec
from lib.system.digest import hex_digest


def capture_oversize(head: bytes, tail: bytes, size: int, captured_ns: int) -> "dict[str, object]":
    """Build the event of a payload of `size` bytes: metadata, and no content.

    `head` and `tail` are its first and last bytes. A quote inside a JSON string is escaped, so a
    field's name in plain quotes can only be a field. Raises Refused if tool or path is not found.
    """
    tool = _field(head, "tool_name")
    if tool not in READERS or _field(head, "hook_event_name") not in ("", "PostToolUse"):
        raise Refused("other")
    named = _field(head, "file_path") or _field(head, "notebook_path")
    path = path_in(named)
    content = Content("", path, pattern_type="oversize")
    content.pattern_id = f"{content.language}-oversize-{hex_digest(path)[: identity.DIGITS]}"
    content.pattern_name = base_name(path)[: identity.MAX_ID]
    made = event.build(
        "pattern_created",
        content,
        path=path,
        tool_name=tool,
        session_id=_field(head, "session_id"),
        tool_use_id=_field(tail, "tool_use_id") or _field(head, "tool_use_id"),
        captured_ns=captured_ns,
        exact=hex_digest(f"{size}\0{head.hex()}{tail.hex()}"),
    )
    made["event_data"]["reason"] = f"a payload of {size} bytes, too large to capture"  # type: ignore[index]
    if named != path:
        made["named"] = named
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
