"""Show where a pattern came from and what became of it, across people and projects."""

from typing import Any

from lib.ledger.graph import AGAIN, NEW, UNDONE, Step, draw
from lib.ledger.history import Edge
from lib.web import drawing
from lib.web.page import Absent
from lib.web.team.answered import Pattern, Relation
from lib.web.team.deeds import Question, iso
from lib.web.team.told_files import code_of, diff

# Steps away, ancestors and descendants that are drawn, diffs, and places that are listed.
DEPTH, NODES, DIFFS, PLACES = 60, 40, 12, 100
_NOTES = {UNDONE: "undone: back to it", AGAIN: "see above", NEW: ""}


def pattern(asked: Question) -> dict[str, Any]:
    """Tell the lineage of a pattern, and where it stands."""
    pattern_id = asked.text("id")
    found = known(asked, pattern_id)
    if found is None:
        raise Absent("no pattern is known by that id")
    above = asked.storage.ancestry(pattern_id, asked.reader, DEPTH, NODES)
    below = asked.storage.descendants(pattern_id, asked.reader, DEPTH, NODES)
    relations = {one.pattern_id: one for one in [*above[::-1], *below]}
    order = list(dict.fromkeys([*(one.pattern_id for one in above[::-1]), pattern_id,
                                *(one.pattern_id for one in below)]))  # fmt: skip
    edges = _edges([*above, *below], order)
    steps = draw(order, edges, pattern_id)
    width = max((len(step.prefix) for step in steps), default=0) / 2 * drawing.COLUMN
    return {
        "found": found,
        "rows": [_row(step, relations) for step in steps],
        "dots": drawing.dots(steps),
        "width": width + drawing.COLUMN * 1.5,
        "height": drawing.ROW * len(steps),
        "is_cut": len(above) == NODES or len(below) == NODES,
        "places": _places(asked, pattern_id),
        "standing": _standing(asked, pattern_id),
        "diffs": _diffs(asked, edges, pattern_id),
    }


def known(asked: Question, pattern_id: str) -> Pattern | None:
    """Return what may be seen of a pattern, which may be a function that no event is about."""
    found = asked.storage.pattern(pattern_id, asked.reader)
    if found is not None:
        return found
    seen, projects = asked.among()
    query = (
        "SELECT qualified_name, pattern_type FROM units "
        f"WHERE pattern_id = ? AND {seen} ORDER BY seq DESC LIMIT 1"
    )
    rows = asked.rows(query, (pattern_id, *projects))
    return Pattern(pattern_id, True, *rows[0]) if rows else None


def _edges(relations: list[Relation], order: list[str]) -> list[Edge]:
    drawn = set(order)
    found = [Edge(one.parent, one.child, one.edge_type) for one in relations]
    return [one for one in dict.fromkeys(found) if {one.parent, one.child} <= drawn]


def _row(step: Step, relations: dict[str, Relation]) -> tuple[Step, str, str, bool]:
    """Word a line of the drawing: the step, a name, what it is, whether it was told of."""
    there = relations.get(step.node)
    kind = step.edge.edge_type.removesuffix("_from") if step.edge else ""
    words = " ".join(filter(None, (kind, _NOTES[step.repeat])))
    return step, there.pattern_name if there else "", words, there is None or there.is_told


def _places(asked: Question, pattern_id: str) -> list[tuple[Any, ...]]:
    """List files with the pattern: project, path, events, people, when it was last sent."""
    seen, projects = asked.among()
    query = (
        "SELECT project, path, count(*), count(DISTINCT person), max(received) FROM events "
        f"WHERE pattern_id = ? AND {seen} AND implied = 0 AND path IS NOT NULL "
        "GROUP BY project, path ORDER BY 5 DESC LIMIT ?"
    )
    found = asked.rows(query, (pattern_id, *projects, PLACES))
    return [(project, path, n, people, iso(at)) for project, path, n, people, at in found]


def _standing(asked: Question, pattern_id: str) -> list[tuple[Any, ...]]:
    """List files in which the pattern is a function: project, path, name, lines, the last event."""
    seen, projects = asked.among("u.project")
    query = (
        "SELECT u.project, e.path, max(u.qualified_name), max(u.start_line), max(u.end_line), "
        f"max(e.seq) FROM units u JOIN events e ON e.seq = u.seq WHERE u.pattern_id = ? AND {seen} "
        "AND e.path IS NOT NULL GROUP BY u.project, e.path ORDER BY 6 DESC LIMIT ?"
    )
    return asked.rows(query, (pattern_id, *projects, PLACES))


def _diffs(
    asked: Question, edges: list[Edge], pattern_id: str
) -> list[tuple[Edge, list[str] | None, int]]:
    """Return what steps changed, those of the pattern itself first."""
    near = sorted(edges, key=lambda edge: pattern_id not in (edge.child, edge.parent))
    codes: dict[str, str | None] = {}
    found = []
    for edge in near[:DIFFS]:
        for node in (edge.parent, edge.child):
            if node not in codes:
                codes[node] = code_of(asked, node)
        found.append((edge, *diff(codes[edge.parent], codes[edge.child])))
    return found
