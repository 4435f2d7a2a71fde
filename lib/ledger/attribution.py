"""Attribute each line of a file to the step that brought it."""

from collections.abc import Iterator
from typing import NamedTuple

from lib.capture.identity import MARK
from lib.ledger.history import History
from lib.ledger.line_changes import Lines
from lib.ledger.revisions import BEFORE, DELETED
from lib.ledger.steps import Step, steps_of

_MARK = MARK.encode()


class Place(NamedTuple):
    """Where a line came from: the step that brought it, and its number (from 1) in the file then.

    `step` is None for what somebody else did that was not recorded yet; `path` names the file.
    """

    path: str
    step: Step | None
    number: int

    @property
    def is_before(self) -> bool:
        """Whether the line was there before anything was recorded."""
        return self.step is not None and self.step.change == BEFORE


class Line(NamedTuple):
    """A line of a file, without its end, and where it came from."""

    text: str
    place: Place


def attribute(
    history: History, path: str, present: str | None = None, until: int | None = None
) -> list[Line]:
    """Attribute the lines of the file at `path`, as it is recorded, or holds `present` now.

    With `until` as it was after the step of that number. What came from another recorded file is
    followed there. Of a step whose code was not kept the lines are those that differ after it from
    before it. Raises sqlite3.Error.
    """
    lines = Lines()
    places: list[Place] = []
    for where, step, code in contents(history, path, present, until):
        places = _next(places, lines, code, where, step)
    texts = lines.data.decode("utf-8", "surrogatepass").split("\n")
    return [Line(text, place) for text, place in zip(texts, places, strict=False)]


def contents(
    history: History, path: str, present: str | None, until: int | None = None
) -> Iterator[tuple[str, Step | None, bytes]]:
    """Yield what the file at `path` held, oldest first: where, by which step, and the code.

    Code is in UTF-8 as the client tells it. `present`, if it is not None, comes last, by no
    step; after the step of the number `until`, if there is one, no other comes.
    """
    reader = history.contents()
    hidden: tuple[str, Step] | None = None
    steps = steps_to(history, path)
    if until is not None:
        numbers = [step.revision_id for _, step in steps]
        steps = steps[: numbers.index(until) + 1] if until in numbers else []
    if present is None and steps and steps[-1][1].change == DELETED:
        steps.pop()  # it is asked what the file held last
    for where, step in steps:
        # What is made in the place of a file that was deleted is new.
        code = b"" if step.change == DELETED else reader.read(step.snapshot)
        if code is None:
            hidden = hidden or (where, step)
            continue
        yield *(hidden or (where, step)), _plain(code)
        hidden = None
    if present is not None:
        yield *(hidden or (path, None)), _plain(present.encode("utf-8", "surrogatepass"))


def steps_to(history: History, path: str) -> list[tuple[str, Step]]:
    """List the steps that led to what the file at `path` holds, oldest first.

    Each comes with the path of its file: another one up to where the file was copied or moved.
    """
    return list(_back(history, path))[::-1]


def _back(history: History, path: str) -> Iterator[tuple[str, Step]]:
    seen: set[int] = set()
    steps = steps_of(history, path)
    while steps:
        origin = None
        for step in steps:
            if step.revision_id in seen:
                return
            seen.add(step.revision_id)
            yield path, step
            if step.origin:
                origin = step
                break
        if origin is None or origin.origin is None:
            return
        path = origin.origin
        steps = steps_of(history, path)
        while steps and steps[0].revision_id != origin.origin_id:
            steps.pop(0)


def _next(
    places: list[Place], lines: Lines, code: bytes, path: str, step: Step | None
) -> list[Place]:
    """Return the places of the lines of `code`, which follows what `lines` held."""
    made: list[Place] = []
    at = 0
    for change in lines.become(code):
        made += places[at : change.old]
        made += [Place(path, step, change.new + n + 1) for n in range(change.new_size)]
        at = change.old + change.old_size
    return made + places[at:]


def _plain(code: bytes) -> bytes:
    """Return code as the client tells it: without a byte-order mark, with newlines alone."""
    code = code.removeprefix(_MARK)
    return code.replace(b"\r\n", b"\n") if b"\r" in code else code
