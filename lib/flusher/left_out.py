"""Find the files that a client's diff of a call leaves out: those that are again what it had read.

The client compares what a call left with what it read last. Where others, or a call that failed,
changed a file since, and this call took that back (`git stash`, `git checkout`), it sees no change.
"""

from collections.abc import Container, Iterator
from typing import Protocol

from lib.flusher import look
from lib.flusher.look import Found, Window
from lib.ledger.tracked import alike


class Known(Protocol):
    """What the ledger knows of files."""

    def recorded_below(self, root: str) -> list[str]:
        """List the recorded files below a directory, those that are gone too."""

    def states(self, path: str, until_ns: int) -> Iterator[str]:
        """Yield what a file held until then by what is recorded, the last first; "" for nothing."""

    def cleaned(self, code: str) -> str:
        """Return `code` as it is recorded."""


def taken_back(
    known: Known, root: str, call: Window, told: Container[str], is_git: bool
) -> Iterator[Found]:
    """Yield the files below `root` that came to hold an earlier state again while a `call` ran.

    But for those of which it is `told` already. What git took a file back to may have been read by
    the client alone, and is not recorded then.
    """
    paths = [path for path in known.recorded_below(root) if path not in told]
    for found in look.changed(root, paths, call._replace(stands=True)) if paths else []:
        states = known.states(found.path, call.ended_ns)
        last = next(states, "")
        code = look.code_of(found.path)
        held = alike(known.cleaned(code)) if code else ""
        is_other = bool(held) and held != alike(last)
        if is_other and (is_git or any(held == alike(state) for state in states)):
            yield found
