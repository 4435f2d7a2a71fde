"""Show where a pattern came from and what became of it, drawn, with the diff of each step."""

from typing import Any

from lib.ledger.biography import units_holding
from lib.ledger.graph import AGAIN, NEW, UNDONE, Step, changes, draw
from lib.ledger.history import Edge, Event, History
from lib.web import drawing
from lib.web.asked import Asked
from lib.web.file_view import Room
from lib.web.page import Absent
from lib.web.unit_view import place

# Ancestors and descendants that are drawn, and of all diffs together lines and characters.
NODES, LINES, CHARACTERS, USES = 40, 1200, 120_000, 30


def pattern(history: History, asked: Asked) -> dict[str, Any]:
    """Tell the lineage of a pattern: the nearest of its ancestors and descendants."""
    pattern_id = asked.text("id")
    units = [(one, place(one)) for one in units_holding(history, pattern_id, USES)]
    is_known = history.knows(pattern_id)
    if not is_known and not units:
        raise Absent("no pattern is known by that id")
    above, below = history.ancestors(pattern_id), history.descendants(pattern_id)
    nodes = list(dict.fromkeys([pattern_id, *above[:NODES], *below[:NODES]]))
    first = history.first_events(nodes)
    order = sorted(nodes, key=lambda node: first[node].seq if node in first else 0)
    edges = history.edges_among(nodes)
    steps = draw(order, edges, pattern_id)
    event = first.get(pattern_id)
    width = max((len(step.prefix) for step in steps), default=0) / 2 * drawing.COLUMN
    return {
        "id": pattern_id,
        "units": units,
        "name": history.names([pattern_id]).get(pattern_id) or "",
        "words": history.words_of(pattern_id),
        "event": event,
        "rows": [_row(step, first.get(step.node)) for step in steps] if is_known else [],
        "dots": drawing.dots(steps),
        "width": width + drawing.COLUMN * 1.5,
        "height": drawing.ROW * len(steps),
        "row": drawing.ROW,
        "hidden": max(0, len(above) - NODES) + max(0, len(below) - NODES),
        "diffs": _diffs(history, _by_nearness(edges, pattern_id, order)),
        "uses": history.applied_in(pattern_id)[:USES],
    }


def _row(step: Step, event: Event | None) -> tuple[Step, str, Event | None]:
    kind = step.edge.edge_type if step.edge else event.event_type if event else ""
    kind = kind.removeprefix("pattern_").removesuffix("_from")
    note = {UNDONE: "undone: back to it", AGAIN: "see above", NEW: ""}[step.repeat]
    return step, " ".join(filter(None, (kind, note))), event


def _by_nearness(edges: list[Edge], pattern_id: str, order: list[str]) -> list[Edge]:
    """Sort edges: those of the pattern first, then the newest first."""
    rank = {node: number for number, node in enumerate(order)}
    return sorted(
        edges, key=lambda edge: (pattern_id not in (edge.child, edge.parent), -rank[edge.child])
    )


def _diffs(history: History, edges: list[Edge]) -> list[tuple[Edge, list[str] | None, int]]:
    """Return the diffs of edges, as many as fit on a page."""
    room = Room(LINES, CHARACTERS)
    found: list[tuple[Edge, list[str] | None, int]] = []
    for edge in edges:
        if room.is_full:
            break
        diff = changes(history, edge)
        shown, cut = (None, 0) if diff is None else room.shortened(diff[2:])
        found.append((edge, shown, cut))
    return found
