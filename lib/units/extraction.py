"""Find the functions, methods and classes in code, with their names and places."""

import time
from collections.abc import Iterator
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
    return [] if isinstance(found, str) else [unit for unit in units_of(found)]


def parsed(data: bytes, language: str) -> Parsed | str:
    """Parse code in UTF-8; where it has no units, the reason why, one of those above."""
    if len(data) > MOST_BYTES:
        return TOO_LARGE
    known = grammar(language)
    if known is None:
        return NO_GRAMMAR
    tree = _parse(data, known)
    return Parsed(data, known, tree) if tree and _is_searchable(tree.root_node) else TOO_SLOW


def _parse(data: bytes, known: Grammar) -> Any:
    """Return the tree of code, None if it takes too long."""
    seconds = LEAST_SECONDS + SECONDS_A_BYTE * len(data)
    # The first clock is read without a call of the system.
    clock, processor = time.perf_counter, time.thread_time
    until, deadline = clock() + seconds, processor() + seconds
    parser = packages.load("tree_sitter").Parser(known.language)
    try:
        return parser.parse(
            lambda offset, _: data[offset : offset + _PORTION],
            progress_callback=lambda *_: clock() > until and processor() > deadline,
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
    data, known, _ = found
    before = around = _NOWHERE
    inside: list[_Open] = []
    line = counted = 0
    for start, minus_end, order, _, node in _nodes(found):
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


def _nodes(found: Parsed) -> list[tuple[int, int, int, int, Any]]:
    """List the nodes that matter (start, minus end, order of the role, number, node) as they begin.

    What lies in another one is after it.
    """
    cursor = packages.load("tree_sitter").QueryCursor(found.known.query)
    nodes = []
    for role, captured in cursor.captures(found.tree.root_node).items():
        order = _ORDER.index(role)
        nodes += [
            (node.start_byte, -node.end_byte, order, number, node)
            for number, node in enumerate(captured)
        ]
    nodes.sort()
    return nodes


def _is_blank(data: bytes, start: int, end: int) -> bool:
    return 0 <= end - start < _MOST_BETWEEN and not data[start:end].strip(b" \t\r\n;")
