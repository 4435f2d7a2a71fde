"""Find the functions, methods and classes in code, with their names and places."""

import string
import time
from collections.abc import Iterator
from typing import Any, NamedTuple

from lib.system import packages
from lib.units.grammars import Grammar, grammar
from lib.units.names import body_start, named

# Code that is larger, or that takes longer to parse (in seconds of processor time; usual code takes
# a tenth of them), has no units; what lies in more others is none.
MOST_BYTES = 1024 * 1024
LEAST_SECONDS, SECONDS_A_BYTE = 0.1, 2e-6
MOST_DEPTH = 64
MOST_STEPS = 10**8
# Generic types in one another, which some grammars try in all ways before they can be interrupted.
_NESTED_TYPES = b"<" * 64
_BETWEEN_TYPES = string.printable.translate(dict.fromkeys(map(ord, "<>(){}"))).encode()
# A node's text is read in such portions too.
_PORTION = 1024
# So many bytes may stand between two nodes that belong together.
_MOST_BETWEEN = 200
_ORDER = ("outer", "before", "scope", "class", "holder", "function", "method")


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

    Of code that is not whole, the units that can be told. None of a language that is not known or
    whose package is not installed, and of code that is too large or takes too long.
    """
    found = parsed(code, language)
    return list(units_of(found)) if found else []


def parsed(code: str, language: str) -> Parsed | None:
    """Parse code for `units_of`; None where `extract` finds nothing."""
    data = code.encode("utf-8", "surrogatepass")
    is_usual = len(data) <= MOST_BYTES and _NESTED_TYPES not in data.translate(None, _BETWEEN_TYPES)
    known = grammar(language) if is_usual else None
    tree = _parse(data, known) if known else None
    is_found = known and tree and _is_searchable(tree.root_node)
    return Parsed(data, known, tree) if known and is_found else None


def _parse(data: bytes, known: Grammar) -> Any:
    """Return the tree of code, None if it takes too long."""
    deadline = time.thread_time() + LEAST_SECONDS + SECONDS_A_BYTE * len(data)
    parser = packages.load("tree_sitter").Parser(known.language)
    try:
        return parser.parse(
            lambda offset, _: data[offset : offset + _PORTION],
            progress_callback=lambda *_: time.thread_time() > deadline,
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


def units_of(found: Parsed) -> Iterator[Unit]:
    """Yield the units of code, as they begin."""
    data, known, tree = found
    before = around = _NOWHERE
    inside: list[_Open] = []
    for node, role in _nodes(known, tree):
        here = _Reach(node.start_byte, node.start_point[0], node.end_byte)
        while inside and inside[-1].end <= here.start:
            inside.pop()
        reach = _led(data, before, here)
        if around.start <= here.start < around.end and _is_blank(data, here.end, around.end):
            reach = around._replace(end=here.end)
        if role == "before":
            before = reach
        elif role == "outer":
            around = reach
        elif len(inside) < MOST_DEPTH and (told := named(node, role, known.fields)):
            kind, name = told
            around = _NOWHERE
            last = inside[-1] if inside else _Open(0, "", "")
            if kind == "function" and last.kind in ("class", "impl"):
                kind = "method"
            name = f"{last.name}.{name}" if last.name else name
            inside.append(_Open(here.end, kind, name))
            if kind in ("function", "method", "class"):
                row, column = node.end_point
                body = body_start(node, role, known.fields)
                last_line = row + (column > 0)
                yield Unit(kind, name, reach.line + 1, last_line, reach.start, here.end, body)


def _nodes(known: Grammar, tree: Any) -> Iterator[tuple[Any, str]]:
    """Yield the nodes that matter with their roles, each before those in it."""
    cursor = packages.load("tree_sitter").QueryCursor(known.query)
    found = []
    for role, nodes in cursor.captures(tree.root_node).items():
        order = _ORDER.index(role)
        found += [(node.start_byte, -node.end_byte, order, node) for node in nodes]
    for _, _, order, node in sorted(found, key=lambda one: one[:3]):
        yield node, _ORDER[order]


def _led(data: bytes, before: _Reach, here: _Reach) -> _Reach:
    """Return how far something reaches with what leads to it."""
    is_next = before.end and _is_blank(data, before.end, here.start)
    return before._replace(end=here.end) if is_next else here


def _is_blank(data: bytes, start: int, end: int) -> bool:
    return 0 <= end - start < _MOST_BETWEEN and not data[start:end].strip(b" \t\r\n;")
