"""Find the functions, methods and classes in code, with their names and places."""

import re
import time
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from lib.system import packages
from lib.units.grammars import Grammar, grammar
from lib.units.names import body_start, named

# Why code has no units.
TOO_LARGE, TOO_SLOW, NO_GRAMMAR = "too large", "too slow", "no grammar"
# Code that is larger, or that takes longer to parse (in seconds of processor time; usual code takes
# a tenth of them), has no units; what lies in more others is none.
MOST_BYTES = 1024 * 1024
LEAST_SECONDS, SECONDS_A_BYTE = 0.1, 2e-6
MOST_DEPTH = 64
MOST_STEPS = 10**8
_PORTION = 4096
_LAST_LINE = re.compile(rb"^(?:[})]|end\b).*\n", re.MULTILINE)
# So many bytes may stand between two nodes that belong together.
_MOST_BETWEEN = 200
_AROUND = ("outer", "before")
_ORDER = (*_AROUND, "scope", "class", "holder", "function", "method")


class Unit(NamedTuple):
    """A function, method or class (`kind`), and where it is.

    `qualified_name` has the names of what it lies in before its own: `Class.method`. Lines are
    counted from 1, the last one belongs to it, and decorators do; bytes are those of UTF-8, from
    `start` up to `end`, and `body` is where what it does begins (`end` if nothing tells).
    """

    kind: str
    qualified_name: str
    start_line: int
    end_line: int
    start: int
    end: int
    body: int


class _Reach(NamedTuple):
    """From which byte and line (counted from 0) on up to which byte something reaches."""

    start: int
    line: int
    end: int


_NOWHERE = _Reach(0, 0, 0)


class _Open(NamedTuple):
    """Something that what comes next may lie in."""

    end: int
    kind: str
    name: str


class Parsed(NamedTuple):
    """Code in UTF-8 with its tree and the grammar that made it."""

    data: bytes
    known: Grammar
    tree: Any


def extract(code: str, language: str) -> list[Unit]:
    """List the units of code in a language (a name of `grammars.LANGUAGES`), as they begin.

    Of code that is not whole, the units that can be told. None where `parsed` gives a reason.
    """
    found = parsed(code.encode("utf-8", "surrogatepass"), language)
    return [] if isinstance(found, str) else units_of(found)


def parsed(data: bytes, language: str) -> Parsed | str:
    """Parse code in UTF-8; where it has no units, the reason why, one of those above."""
    if len(data) > MOST_BYTES:
        return TOO_LARGE
    known = grammar(language)
    if known is None:
        return NO_GRAMMAR
    tree = _parse(data, known, _Late(len(data)))
    return Parsed(data, known, tree) if tree and _is_searchable(tree.root_node) else TOO_SLOW


class _Late:
    """Tells when code of so many bytes has taken too long, from now on."""

    def __init__(self, size: int) -> None:
        seconds = LEAST_SECONDS + SECONDS_A_BYTE * size
        self._until = time.perf_counter() + seconds
        self._deadline = time.thread_time() + seconds

    def __call__(self, *_: Any) -> bool:
        # The first clock is read without a call of the system.
        return time.perf_counter() > self._until and time.thread_time() > self._deadline


def _parse(data: bytes, known: Grammar, is_late: _Late, ranges: list[Any] | None = None) -> Any:
    """Return the tree of code, or of ranges of it; None if it takes too long."""
    parser = packages.load("tree_sitter").Parser(known.language, included_ranges=ranges)
    try:
        return parser.parse(
            lambda offset, _: data[offset : offset + _PORTION], progress_callback=is_late
        )
    except ValueError:
        return None


def _is_searchable(root: Any) -> bool:
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


def units_of(found: Parsed) -> list[Unit]:
    """List the units of code, as they begin."""
    units = list(_units(found, [found.tree]))
    if found.tree.root_node.type == "ERROR":
        # What was not understood at all may be, declaration by declaration.
        units = max(units, list(_units(found, _pieces(found))), key=len)
    return units


def _pieces(found: Parsed) -> Iterator[Any]:
    """Yield the trees of stretches of code, each up to a line that seems to end a declaration."""
    data, at, row = found.data, 0, 0
    range_of = packages.load("tree_sitter").Range
    late = _Late(len(data))
    for end in [*(match.end() for match in _LAST_LINE.finditer(data)), len(data)]:
        rows = data.count(b"\n", at, end)
        tree = _parse(data, found.known, late, [range_of((row, 0), (row + rows, 0), at, end)])
        if tree is None or not _is_searchable(tree.root_node):
            return
        yield tree
        at, row = end, row + rows


def _units(found: Parsed, trees: Iterable[Any]) -> Iterator[Unit]:
    data, known, _ = found
    before = around = _NOWHERE
    inside: list[_Open] = []
    line = counted = 0
    for start, minus_end, order, _, node in _nodes(known, trees):
        while inside and inside[-1].end <= start:
            inside.pop()
        role = _ORDER[order]
        told = None
        if role not in _AROUND:
            told = named(node, role, known.fields) if len(inside) < MOST_DEPTH else None
            if told is None:
                continue
        end = -minus_end
        line += data.count(b"\n", counted, start)
        counted = start
        reach = _Reach(start, line, end)
        if before.end and _is_blank(data, before.end, start):
            reach = _Reach(before.start, before.line, end)
        if around.start <= start < around.end and _is_blank(data, end, around.end):
            reach = _Reach(around.start, around.line, end)
        if told is None:
            before, around = (reach, around) if role == "before" else (before, reach)
            continue
        kind, name = told
        around = _NOWHERE
        last = inside[-1] if inside else _Open(0, "", "")
        if kind == "function" and last.kind in ("class", "impl"):
            kind = "method"
        name = f"{last.name}.{name}" if last.name else name
        inside.append(_Open(end, kind, name))
        if kind in ("function", "method", "class"):
            last_line = line + 1 + data.count(b"\n", start, end - 1)
            body = body_start(node, role, known.fields)
            yield Unit(kind, name, reach.line + 1, last_line, reach.start, end, body)


def _nodes(known: Grammar, trees: Iterable[Any]) -> list[tuple[int, int, int, int, Any]]:
    """List the nodes that matter (start, minus end, order of the role, number, node) as they begin.

    What lies in another one is after it.
    """
    cursor = packages.load("tree_sitter").QueryCursor(known.query)
    nodes = []
    for tree in trees:
        for role, captured in cursor.captures(tree.root_node).items():
            order = _ORDER.index(role)
            nodes += [
                (node.start_byte, -node.end_byte, order, number, node)
                for number, node in enumerate(captured, len(nodes))
            ]
    nodes.sort()
    return nodes


def _is_blank(data: bytes, start: int, end: int) -> bool:
    return 0 <= end - start < _MOST_BETWEEN and not data[start:end].strip(b" \t\r\n;")
