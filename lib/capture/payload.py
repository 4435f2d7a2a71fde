"""Turn a PostToolUse payload into an event.

Builtins only: the hook path imports this. A payload is somebody else's data: every field may be
missing or of the wrong type, and then there is no event rather than a wrong one.
"""

from lib.capture import event, named_file
from lib.capture.event import Content
from lib.capture.named_file import MAX_BYTES, Refused

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    Find = Callable[[object], str]
    Read = Callable[[str], str]

MAX_PATH = 4096
MAX_EDITS = 10_000
# Each edit copies the text; from so many characters on, of all edits of a call, it may not.
LONG = 4 * 1024 * 1024


class Change:
    """One file's content after a tool call, and before it where the payload has that.

    `path` is the file's own, where the payload names a link to it.
    `before` is None for a new file; `before_known` is False where a client sent nothing about it,
    and the ledger has to decide; `existed`: it is no new file all the same.
    """

    def __init__(
        self,
        path: str,
        after: str,
        before: "str | None",
        before_known: bool = True,
        existed: bool = False,
    ):
        self.path = path
        self.after = after
        self.before = before
        self.before_known = before_known
        self.existed = existed


def capture(
    payload: object, captured_ns: int, find: "Find | None" = None, read: "Read | None" = None
) -> "dict[str, object]":
    """Build the event of the tool call in `payload`, captured at `captured_ns` (since 1970).

    The file that it names is found, and read where its content is not told, by `path_in` and
    `named_file.read`, or what stands in for them where the call is over long since.
    Raises Refused where there is nothing to record: another tool, a failed call, a file whose
    name says that it holds secrets, code whose id did not change.
    """
    if not isinstance(payload, dict):
        raise Refused("unreadable")
    tool = payload.get("tool_name")
    reader = READERS.get(tool) if isinstance(tool, str) else None
    if reader is None or _failed(payload):
        raise Refused("other")
    given, answer = payload.get("tool_input"), payload.get("tool_response")
    if not isinstance(given, dict):
        raise Refused("unreadable")
    if not isinstance(answer, dict):
        answer = {}
    if answer.get("staged") is True:  # held until a person agrees
        raise Refused("staged")
    change = reader(given, answer, find or path_in, read or named_file.read)
    made = event_of(change, payload, captured_ns)
    if answer.get("userModified") is True:
        made["event_data"]["reason"] = event.AMENDED  # type: ignore[index]
    named = given.get("file_path") or given.get("notebook_path")
    if named != change.path:
        made["named"] = named
    return made


def _failed(payload: "dict[str, object]") -> bool:
    answer = payload.get("tool_response")
    if payload.get("hook_event_name", "PostToolUse") != "PostToolUse":
        return True
    if not isinstance(answer, dict):
        return False
    return answer.get("success") is False or bool(answer.get("error"))


def event_of(change: Change, payload: "dict[str, object]", captured_ns: int) -> "dict[str, object]":
    """Build the event of a change, or of a file seen again as it was."""
    content = Content(change.after, change.path)
    before = None if change.before is None else Content(change.before, change.path)
    newly_marked = content.marked_id and (before is None or before.marked_id != content.marked_id)
    if newly_marked:
        event_type = "pattern_applied"
    elif before is None:
        event_type = "pattern_created"
    elif before.pattern_id == content.pattern_id:
        event_type = event.FILE_UNCHANGED
    else:
        event_type = "pattern_modified"
    extra = context(payload)
    if not change.before_known:
        extra["before"] = event.UNTOLD if change.existed else event.UNKNOWN
    return event.build(
        event_type,
        content,
        path=change.path,
        tool_name=text(payload.get("tool_name")),
        session_id=text(payload.get("session_id")),
        tool_use_id=text(payload.get("tool_use_id")),
        captured_ns=captured_ns,
        before=before,
        extra=extra,
    )


def context(payload: "dict[str, object]") -> "dict[str, object]":
    """Return the fields of a payload that its event keeps as they are."""
    kept = ("cwd", "transcript_path", "tool_use_id", "prompt_id", "agent_id", "agent_type")
    return {name: payload[name] for name in kept if isinstance(payload.get(name), str)}


def text(value: object) -> str:
    """Return `value` if it is a string, "" if it is not."""
    return value if isinstance(value, str) else ""


def path_in(value: object) -> str:
    """Return a payload's path, if that file may be captured. Raises Refused."""
    if not isinstance(value, str) or not 0 < len(value) <= MAX_PATH:
        raise Refused("unreadable")
    return named_file.look(value)


def _write(
    given: "dict[str, object]", answer: "dict[str, object]", find: "Find", read: "Read"
) -> Change:
    path = find(given.get("file_path"))
    # What was written, which keeps a byte-order mark; older clients tell the input alone.
    content = answer.get("content", given.get("content"))
    if not isinstance(content, str):
        raise Refused("unreadable")
    before = answer.get("originalFile")
    if isinstance(before, str):
        return Change(path, content, before)
    # Of a large file a client does not tell what was in it.
    kind = answer.get("type")
    return Change(path, content, None, kind == "create", kind == "update")


def _edit(
    given: "dict[str, object]", answer: "dict[str, object]", find: "Find", read: "Read"
) -> Change:
    path = find(given.get("file_path"))
    several = given.get("edits")
    edits: list[object] = several if isinstance(several, list) else []
    if not isinstance(several, list):
        edits = [{**given, "old_string": answer.get("oldString", given.get("old_string"))}]
    before = answer.get("originalFile")
    if not isinstance(before, str):
        existed = bool(_edit_in(edits[0])[0]) if edits else True
        is_new = not existed and "originalFile" in answer
        return Change(path, read(path), None, is_new, existed)
    if not before and answer.get("oldString") == "":  # an edit of nothing makes the file
        return Change(path, _apply(before, edits), None)
    if answer.get("oldString", given.get("old_string")) != given.get("old_string"):
        # The client matched curly quotes for straight ones, and curled the new ones likewise;
        # only the file has those.
        try:
            return Change(path, read(path), before)
        except Refused:
            pass
    return Change(path, _apply(before, edits), before)


def _notebook(
    given: "dict[str, object]", answer: "dict[str, object]", find: "Find", read: "Read"
) -> Change:
    path = find(given.get("notebook_path"))
    before, after = answer.get("original_file"), answer.get("updated_file")
    if not isinstance(after, str):
        after = read(path)
    if isinstance(before, str):
        return Change(path, after, before)
    return Change(path, after, None, before_known=False, existed=True)


def _apply(text: str, edits: "list[object]") -> str:
    """Apply `edits` to `text` as the client does. Raises Refused."""
    if len(edits) > MAX_EDITS:
        raise Refused("unreadable")
    known = [_edit_in(edit) for edit in edits]
    if len(edits) * len(text) > LONG:
        from lib.capture.many_edits import apply

        return apply(text, known, _replaced)
    for edit in known:
        text = _replaced(text, *edit)
    return text


def _edit_in(edit: object) -> "tuple[str, str, bool]":
    """Return what an edit replaces, what by, and whether wherever it is."""
    if isinstance(edit, dict):
        old, new = edit.get("old_string"), edit.get("new_string")
        if isinstance(old, str) and isinstance(new, str):
            return old, new, edit.get("replace_all") is True
    raise Refused("unreadable")


def _replaced(text: str, old: str, new: str, everywhere: bool) -> str:
    if not old:
        return new + text
    # Deleting the text of a line deletes its newline too.
    if not new and not old.endswith("\n") and old + "\n" in text:
        old += "\n"
    times = text.count(old) if everywhere else 1
    if len(text) + times * (len(new) - len(old)) > MAX_BYTES:
        raise Refused("oversize")
    return text.replace(old, new, times)


READERS = {"Write": _write, "Edit": _edit, "MultiEdit": _edit, "NotebookEdit": _notebook}
