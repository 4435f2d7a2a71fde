"""Parse again, declaration by declaration, what a grammar did not understand as a whole.

An error may swallow all that follows it. A line that is not indented and follows an empty line, or
one that closes something, seems to begin a declaration: what lies between two of them is parsed on
its own.
"""

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from itertools import pairwise
from typing import Any, NamedTuple

from lib.units.parsing import Late, Parsed, is_searchable, parse

_BEGINS = re.compile(rb"(?:^|\n)(?:[ \t\r]*|[})\]].*|end\b.*)\n(?=[^\s})\]#]|#[^a-z])")


class Stretch(NamedTuple):
    """From which byte up to which a tree was parsed again, and that tree."""

    start: int
    end: int
    tree: Any


def second_look(found: Parsed) -> Iterator[Stretch]:
    """Yield what is parsed again, in order; nothing where no error has swallowed a declaration."""
    root = found.tree.root_node
    if not root.has_error:
        return
    begins = [match.end() for match in _BEGINS.finditer(found.read)]
    late = Late(len(found.data))
    for start, end in _unread(root, len(found.data)):
        first, last = bisect_right(begins, start), bisect_left(begins, end)
        if first < last:
            yield from _parsed_between(found, [start, *begins[first:last], end], late)


def _unread(root: Any, size: int) -> Iterator[tuple[int, int]]:
    """Yield from where to where there is something wrong, in whole declarations."""
    if root.is_error:
        yield 0, size
        return
    start, end = 0, 0
    for child in root.children:
        if child.has_error:
            start = start if end else child.start_byte
            end = child.end_byte
        elif end:
            yield start, end
            end = 0
    if end:
        yield start, end


def _parsed_between(found: Parsed, stops: list[int], late: Late) -> Iterator[Stretch]:
    data, opener = found.read, found.known.opener
    after = data.find(opener) + len(opener)
    for start, end in pairwise(stops):
        parts = [(start, end)]
        if opener and len(opener) <= after <= start:
            parts.insert(0, (after - len(opener), after))
        # A short stretch is parsed before the parser looks at the time.
        tree = None if late() else parse(data, found.known, late, parts)
        if tree is None or not is_searchable(tree.root_node):
            return
        yield Stretch(start, end, tree)
