"""Say of a past call what its transcript does not: those of agents have no answers of tools.

What was there before a call follows from the calls before it, and so does what a client's diff
makes of it. Where it does not, the call is not told.
"""

from collections import OrderedDict
from collections.abc import Iterator
from typing import Any

from lib.capture.named_file import Refused
from lib.flusher import hunks
from lib.ledger.tracked import MOST_STATES
from lib.spool.spooled import Event

# So much of files is held, in characters.
_MOST_HELD = 8 * 1024 * 1024
_CREATED = "File created successfully"


class Held:
    """What files held last, as far as calls told, and what they held before that."""

    def __init__(self) -> None:
        self._codes: OrderedDict[str, str] = OrderedDict()
        self._earlier: OrderedDict[str, list[str]] = OrderedDict()
        self._size = 0

    def note(self, path: str, code: object) -> None:
        """Note what a file holds now; that this is not known, where that is no text."""
        if code is not None and self._codes.get(path) == code:
            self._codes.move_to_end(path)
            return
        self.end(path)
        if isinstance(code, str):
            self._codes[path] = code
            self._size += len(code)
            self._keep_bounds()
        else:
            self._size -= sum(map(len, self._earlier.pop(path, [])))

    def end(self, path: str) -> None:
        """Note that a file is gone."""
        before = self._codes.pop(path, None)
        if before is not None:
            states = self._earlier.setdefault(path, [])
            self._earlier.move_to_end(path)
            states.append(before)
            if len(states) >= MOST_STATES:
                self._size -= len(states.pop(0))

    def _keep_bounds(self) -> None:
        while self._size > _MOST_HELD:
            if self._earlier:
                path, states = next(iter(self._earlier.items()))
                self._size -= len(states.pop(0))
                if not states:
                    del self._earlier[path]
            else:
                self._size -= len(self._codes.popitem(last=False)[1])

    def clear(self) -> None:
        """Note that any file may have been changed."""
        self._codes.clear()
        self._earlier.clear()
        self._size = 0

    def code(self, path: str) -> str | None:
        """Return what a file held last, None where that is not known, or it is gone."""
        return self._codes.get(path)

    def states(self, path: str) -> Iterator[str]:
        """Yield what a file held, the last first, and "" before that where it is gone."""
        earlier = self._earlier.get(path, [])
        if path in self._codes or earlier:
            yield self._codes.get(path, "")
        yield from reversed(earlier)

    def patched(self, path: str, told: object) -> str:
        """Apply the client's hunks to what a file held last, else to what it held before that.

        Raises Refused where they fit nowhere.
        """
        for state in self.states(path):
            if (made := hunks.applied(state, told)) is not None:
                return made
        raise Refused("untold")

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


class Memory:
    """Knows of files for an `Unfolding` what calls told: it has nothing to do with what is now."""

    def __init__(self, held: Held) -> None:
        self._held = held

    def states(self, path: str, until_ns: int) -> Iterator[str]:
        """Yield what a file held by the calls before."""
        return self._held.states(path)

    def code(self, path: str) -> str | None:
        """Return nothing: nobody went on before a hook could read."""
        return None

    def cleaned(self, code: str) -> str:
        """Return `code`: what is held has its secrets."""
        return code

    def files_below(self, root: str) -> list[str]:
        """List no files."""
        return []

    def recorded_below(self, root: str) -> list[str]:
        """List no files."""
        return []

    def holds(self, path: str, event: Event) -> bool:
        """Deny it: what was told is told again."""
        return False

    def looked(self, root: str) -> int:
        """Say that nothing was looked through."""
        return 0

    def before(self, path: str, began_ns: int) -> Event | None:
        """Return nothing: nobody saw the file."""
        return None


def told_of(code: str | None) -> str:
    """Return code that a transcript tells. Raises Refused where it does not."""
    if code is None:
        raise Refused("untold")
    return code
