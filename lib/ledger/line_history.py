"""Follow lines of a file back in time: which steps changed them, and how."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from lib.ledger.attribution import contents
from lib.ledger.history import History
from lib.ledger.line_changes import Change, Lines
from lib.ledger.steps import Step

# Lines from one up to another that does not belong to them, counted from 0.
Span = tuple[int, int]


class Hunk(NamedTuple):
    """Lines that a step replaced: where they began (from 0) before and after it, and texts."""

    old: int
    removed: list[str]
    new: int
    added: list[str]

    def told(self) -> list[str]:
        """Write it as a unified diff does, a line each."""
        sizes = (self.old, len(self.removed)), (self.new, len(self.added))
        before, after = (f"{at + (size > 0)},{size}" for at, size in sizes)
        lines = [f"-{line}" for line in self.removed] + [f"+{line}" for line in self.added]
        return [f"@@ -{before} +{after} @@", *lines]


class Touch(NamedTuple):
    """A step that changed the lines; None for what was not recorded yet. `path` names its file."""

    path: str
    step: Step | None
    hunks: list[Hunk]


def touches(
    history: History, path: str, present: str | None, span: Span | None = None
) -> list[Touch]:
    """List the steps that changed the lines of `span` (None: all) as they are now, newest first.

    `path` and `present` as for `attribution.attribute`. Raises sqlite3.Error.
    """
    return touched(contents(history, path, present), span)


def touched(
    several: Iterable[tuple[str, Step | None, bytes]], span: Span | None = None
) -> list[Touch]:
    """List the steps that changed lines, as `touches` does, of contents that follow each other."""
    lines = Lines()
    past = []
    for where, step, code in several:
        before = lines.numbers
        changes = lines.become(code)
        past.append((where, step, [_numbered(change, before, lines.numbers) for change in changes]))
    found = []
    for where, step, hunks in reversed(past):
        changes = [change for change, _, _ in hunks]
        kept = [_clipped(*hunk, span) for hunk in hunks if span is None or _is_in(hunk[0], span)]
        if kept:
            told = [
                Hunk(change.old, [*map(lines.text, gone)], change.new, [*map(lines.text, come)])
                for change, gone, come in kept
            ]
            found.append(Touch(where, step, told))
        if span is not None:
            span = _before(span, changes)
            if span[0] >= span[1]:
                break
    return found


Numbered = tuple[Change, Sequence[int], Sequence[int]]


def _numbered(change: Change, before: Sequence[int], after: Sequence[int]) -> Numbered:
    old, old_size, new, new_size = change
    return change, before[old : old + old_size], after[new : new + new_size]


def _is_in(change: Change, span: Span) -> bool:
    """Check whether a change made lines of `span`, or took some away between them."""
    if not change.new_size:
        return span[0] < change.new < span[1]
    return change.new < span[1] and change.new + change.new_size > span[0]


def _clipped(
    change: Change, gone: Sequence[int], come: Sequence[int], span: Span | None
) -> Numbered:
    """Leave out what a change did to other lines than those of `span`, where that can be told."""
    if span is None:
        return change, gone, come
    start, end = max(0, span[0] - change.new), span[1] - change.new
    old = change.old
    if change.old_size == change.new_size:
        gone, old = gone[start:end], old + start
    return Change(old, len(gone), change.new + start, len(come[start:end])), gone, come[start:end]


def _before(span: Span, changes: Iterable[Change]) -> Span:
    """Return where the lines of `span` were before the `changes`."""
    start, end = span
    first, last = start, end
    for old, old_size, new, new_size in changes:
        grown, is_even = old_size - new_size, old_size == new_size
        if new + new_size <= start:
            first += grown
        elif new <= start:
            first = old + (start - new if is_even else 0)
        if new < end:
            inside = new + new_size > end
            last = (old + (end - new if is_even else old_size)) if inside else last + grown
    return first, last
