"""Parse code by the grammar of its language, within a time."""

import time
from collections.abc import Iterable
from typing import Any, NamedTuple

from lib.system import packages
from lib.units.grammars import Grammar, grammar
from lib.units.unknown_syntax import without

# Why code has no units.
TOO_LARGE, TOO_SLOW, NO_GRAMMAR = "too large", "too slow", "no grammar"
# Code that is larger, or that takes longer to parse (in seconds of processor time; usual code takes
# a tenth of them), has no units.
MOST_BYTES = 1024 * 1024
LEAST_SECONDS, SECONDS_A_BYTE = 0.1, 2e-6
MOST_STEPS = 10**8


class Parsed(NamedTuple):
    """Code in UTF-8, with its tree, the grammar that made it, and what it was made of.

    `captured` are the nodes of each role that its grammar's query found in the tree.
    """

    data: bytes
    known: Grammar
    tree: Any
    read: bytes
    captured: dict[str, list[Any]]


def parsed(data: bytes, language: str) -> Parsed | str:
    """Parse code in UTF-8; where it has no units, the reason why, one of those above."""
    if len(data) > MOST_BYTES:
        return TOO_LARGE
    known = grammar(language)
    if known is None:
        return NO_GRAMMAR
    late = Late(len(data))
    tree, read = parse(data, known, late), data
    if tree and tree.root_node.has_error and (other := without(data, language)) != data:
        again = parse(other, known, late)
        if again and _wrong(again.root_node) < _wrong(tree.root_node):
            tree, read = again, other
    if not tree or not is_searchable(tree.root_node):
        return TOO_SLOW
    return Parsed(data, known, tree, read, captured(known, tree))


def _wrong(root: Any) -> tuple[bool, int]:
    """Tell whether code was not understood at all, and how many declarations have an error."""
    return root.is_error, sum(child.has_error for child in root.children)


class Late:
    """Tells when code of so many bytes has taken too long, from now on."""

    def __init__(self, size: int) -> None:
        seconds = LEAST_SECONDS + SECONDS_A_BYTE * size
        self._until = time.perf_counter() + seconds
        self._deadline = time.thread_time() + seconds

    def __call__(self, *_: Any) -> bool:
        """Check whether that is so now."""
        # The first clock is read without a call of the system.
        return time.perf_counter() > self._until and time.thread_time() > self._deadline


def parse(data: bytes, known: Grammar, is_late: Late, parts: Iterable[tuple[int, int]] = ()) -> Any:
    """Return the tree of code, or of parts of it; None if it takes too long.

    `parts` are from which byte up to which; lines and columns in their tree say nothing.
    """
    sitter = packages.load("tree_sitter")
    ranges = [sitter.Range((0, 0), (0, 0), *part) for part in parts]
    parser = sitter.Parser(known.language, included_ranges=ranges or None)
    views: dict[int, memoryview] = {}

    def read(offset: int, _: Any) -> memoryview | None:
        if offset >= len(data):
            return None
        return views.get(offset) or views.setdefault(offset, memoryview(data)[offset:])

    try:
        return parser.parse(read, progress_callback=is_late)
    except ValueError:
        return None
    finally:
        # The binding never lets go of what it was given.
        for view in views.values():
            view.release()


def captured(known: Grammar, tree: Any) -> dict[str, list[Any]]:
    """Return the nodes of each role in a tree."""
    cursor = packages.load("tree_sitter").QueryCursor(known.query)
    found: dict[str, list[Any]] = cursor.captures(tree.root_node)
    return found


def is_searchable(root: Any) -> bool:
    """Check that a search of a tree takes no longer than usual.

    It grows by the square of what an error has directly in it, and nothing can interrupt it.
    """
    left, steps = [root], 0
    while left:
        node = left.pop()
        if node.is_error:
            steps += node.child_count**2
        if steps > MOST_STEPS:
            return False
        if node.has_error:
            left += node.children
    return True
