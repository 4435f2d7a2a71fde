"""Say of a past call what its transcript does not: those of agents have no answers of tools.

What was there before a call follows from the calls before it. Where it does not, the call is not
told.
"""

from collections import OrderedDict
from typing import Any

from lib.capture.named_file import Refused

# So much of files is held, in characters.
_MOST_HELD = 8 * 1024 * 1024
_CREATED = "File created successfully"


class Held:
    """What files held last, as far as calls told."""

    def __init__(self) -> None:
        self._codes: OrderedDict[str, str] = OrderedDict()
        self._size = 0

    def note(self, path: str, code: object) -> None:
        """Note what a file holds now."""
        self._size -= len(self._codes.pop(path, ""))
        if isinstance(code, str):
            self._codes[path] = code
            self._size += len(code)
        while self._size > _MOST_HELD:
            _, oldest = self._codes.popitem(last=False)
            self._size -= len(oldest)

    def clear(self) -> None:
        """Note that any file may have been changed."""
        self._codes.clear()
        self._size = 0

    def code(self, path: str) -> str | None:
        """Return what a file held last, None where that is not known."""
        return self._codes.get(path)

    def answer(self, payload: dict[str, Any], path: str, said: str) -> dict[str, Any]:
        """Return what a tool that edits must have answered. Raises Refused where that is open."""
        given, before = payload["tool_input"], self.code(path)
        tool = payload["tool_name"]
        if tool == "Write":
            if said.startswith(_CREATED):
                return {"type": "create", "originalFile": None}
            return {"type": "update", "originalFile": before}
        edits = given.get("edits") if tool == "MultiEdit" else [given]
        first = edits[0] if isinstance(edits, list) and edits else None
        old = first.get("old_string") if isinstance(first, dict) else None
        if (
            tool == "NotebookEdit"
            or before is None
            or not isinstance(old, str)
            or old not in before
        ):
            raise Refused("untold")
        return {"originalFile": before, "oldString": old}


def told_of(code: str | None) -> str:
    """Return code that a transcript tells. Raises Refused where it does not."""
    if code is None:
        raise Refused("untold")
    return code
