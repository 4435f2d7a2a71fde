"""Find the functions, methods and classes in code, with their names and places."""

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from lib.units.names import body_start, named
from lib.units.parsing import Parsed, captured, parsed
from lib.units.second_look import second_look

# What lies in more others is no unit.
MOST_DEPTH = 64
# So many bytes may stand between two nodes that belong together.
_MOST_BETWEEN = 200
_AROUND = ("outer", "before")
_ORDER = (*_AROUND, "scope", "class", "holder", "function", "method")
# Where a node begins, minus where it ends, its role, its number, and the node.
_Found = tuple[int, int, int, int, Any]


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


def extract(code: str, language: str) -> list[Unit]:
    """List the units of code in a language (a name of `grammars.LANGUAGES`), as they begin.

    Of code that is not whole, the units that can be told. None where `parsed` gives a reason.
    """
    found = parsed(code.encode("utf-8", "surrogatepass"), language)
    return [] if isinstance(found, str) else units_of(found)


def units_of(found: Parsed) -> list[Unit]:
    """List the units of code, as they begin."""
    nodes = _nodes(found.captured)
    best: list[_Found] = []
    last = 0
    for stretch in second_look(found):
        first = bisect_left(nodes, (stretch.start,))
        best += nodes[last:first]
        last = bisect_left(nodes, (stretch.end,))
        before = [(start, max(end, -stretch.end), *rest) for start, end, *rest in nodes[first:last]]
        again = _nodes(captured(found.known, stretch.tree))
        best += again if _declaring(again) >= _declaring(before) else before
    return list(_units(found, [*best, *nodes[last:]]))


def _declaring(nodes: Iterable[_Found]) -> int:
    return sum(order >= _ORDER.index("class") for _, _, order, _, _ in nodes)


def _units(found: Parsed, nodes: Iterable[_Found]) -> Iterator[Unit]:
    data, known = found.data, found.known
    before = around = _NOWHERE
    inside: list[_Open] = []
    line = counted = 0
    for start, minus_end, order, _, node in nodes:
        while inside and inside[-1].end <= start:
            inside.pop()
        role = _ORDER[order]
        told = None
        if role not in _AROUND:
            told = named(node, role, known.fields, data) if len(inside) < MOST_DEPTH else None
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


def _nodes(found: Mapping[str, list[Any]]) -> list[_Found]:
    """List the nodes that matter as they begin; what lies in another one is after it."""
    nodes: list[_Found] = []
    for order, role in enumerate(_ORDER):
        nodes += [
            (node.start_byte, -node.end_byte, order, number, node)
            for number, node in enumerate(found.get(role, ()))
        ]
    nodes.sort()
    return nodes


def _is_blank(data: bytes, start: int, end: int) -> bool:
    return 0 <= end - start < _MOST_BETWEEN and not data[start:end].strip(b" \t\r\n;")
