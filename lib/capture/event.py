"""Build the event of one change to a file, in the form in which it is spooled.

Builtins only: the hook path imports this. `event_data` is the body of the service's
lineage/track; what only the ledger needs stands beside it.
"""

from lib.capture import identity, languages
from lib.system.digest import hex_digest
from lib.system.timestamps import timestamp

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

PATTERN_VERSION = "1.0.0"
# Steps of a file that make no pattern: a change of comments or layout alone, and its end.
FILE_UNCHANGED, FILE_DELETED = "file_unchanged", "file_deleted"
# What "before" holds where a client did not tell what the file held: the ledger decides. UNTOLD:
# there was a file.
UNKNOWN, UNTOLD = "unknown", "untold"
# The reason of a step whose proposal a person changed before it was written.
AMENDED = "amended"
# The type of a pattern that stands for code that was too large to be read.
OVERSIZE = "oversize"


class Content:
    """A pattern: code with the id, name, language and type that follow from it.

    Attributes:
        code: the code as it was given.
        language, pattern_type: words of the id.
        pattern_id, pattern_name: see `lib.capture.identity`.
        marked_id: the id that a marker in the code names, "" without one.
    """

    def __init__(self, code: str, path: str, language: str = "", pattern_type: str = "") -> None:
        self.code = code
        self.language = language or languages.language_of(path)
        self.pattern_type = pattern_type or languages.pattern_type_of(path)
        normalised = identity.normalise(code, self.language)
        self.pattern_id = identity.pattern_id(normalised, self.language, self.pattern_type)
        self.pattern_name = identity.pattern_name(normalised, self.language, path)
        self.marked_id = identity.marked_id(code)
        # The id tells such code to the letter, and that spares the hook another digest.
        self._is_normal = code.rstrip("\n") == normalised

    def exact(self) -> str:
        """Return what identifies the code to the letter: its id does not see comments."""
        return f"{self.pattern_id}+{len(self.code)}" if self._is_normal else hex_digest(self.code)


def event_id(
    session_id: str,
    tool_use_id: str,
    event_type: str,
    captured_ns: int,
    path: str,
    contents: "Iterable[str]",
) -> str:
    """Derive an event's id from its tool call, so that capturing a call twice makes one event.

    Clients and gateways repeat tool use ids within a session, so `path` and `contents` count, which
    is what identifies the code after and before the call to the letter. Clients before 2.0.43 send
    no tool use id; then two captures of a call cannot be told from two calls, and the time of
    capture makes two events.
    """
    call = "\0".join([tool_use_id, path, *contents]) if tool_use_id else f"{captured_ns}"
    return hex_digest(f"{session_id}\0{call}\0{event_type}")[:32]


def build(
    event_type: str,
    content: Content,
    *,
    path: str = "",
    tool_name: str = "",
    session_id: str = "",
    tool_use_id: str = "",
    captured_ns: int,
    before: "Content | None" = None,
    exact: str = "",
    extra: "dict[str, object] | None" = None,
) -> "dict[str, object]":
    """Build the event of one change to one file.

    A marked pattern (`pattern_applied`) is named by its marker; `content_pattern_id` then tells
    which code carries it. `before` becomes the parent, if it is another pattern. `exact` stands for
    contents that are not known.
    """
    applied_marker = event_type == "pattern_applied" and content.marked_id
    subject = content.marked_id if applied_marker else content.pattern_id
    # Without a tool use id they do not count, and are not hashed.
    known = [content, before] if tool_use_id and not exact else []
    contents = [exact, *(one.exact() for one in known if one)]
    identifier = event_id(session_id, tool_use_id, event_type, captured_ns, path, contents)
    when = timestamp(captured_ns)
    parents = [] if before is None or before.pattern_id == content.pattern_id else [before]
    return {
        "event_id": identifier,
        "timestamp": when,
        "event_type": event_type,
        "pattern_id": subject,
        "event_data": {
            "event_type": event_type,
            "pattern_id": subject,
            "pattern_name": content.pattern_name,
            "pattern_type": content.pattern_type,
            "pattern_version": PATTERN_VERSION,
            "language": content.language,
            "pattern_data": {
                "event_id": identifier,
                "captured_at": when,
                "session_id": session_id,
                "code": content.code,
            },
            "parent_pattern_ids": [parent.pattern_id for parent in parents],
            "triggered_by": "claude-code",
            "tool_name": tool_name or None,
            "file_path": path or None,
            "edge_type": "modified_from" if parents else None,
            "transformation_type": None,
            "reason": None,
        },
        "retry_count": 0,
        "last_retry": None,
        "content_pattern_id": content.pattern_id,
        "parents": [
            {"pattern_id": p.pattern_id, "pattern_name": p.pattern_name, "code": p.code}
            for p in ([before] if before else [])
        ],
        **(extra or {}),
    }


def forget_content(event: "dict[str, Any]") -> None:
    """Remove the code from an event, its parents' too; ids and names stay."""
    event["event_data"]["pattern_data"].pop("code", None)
    for parent in event["parents"]:
        parent.pop("code", None)
