"""Lay out a lineage as lines of text, with one more column for each branch, and its changes."""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from lib.ledger.diff import unified
from lib.ledger.history import Edge, History

NEW, UNDONE, AGAIN = "", "undone", "again"


class Step(NamedTuple):
    """One line of the drawing.

    `prefix` is what stands left of the node; `edge` leads to it, None for a root; `repeat` is
    UNDONE where the node is one of its own ancestors, AGAIN where it was drawn already.
    """

    prefix: str
    node: str
    edge: Edge | None
    repeat: str = NEW


class _Visit(NamedTuple):
    node: str
    edge: Edge | None
    first: str
    rest: str


def draw(order: Iterable[str], edges: Iterable[Edge], asked: str) -> list[Step]:
    """List the lines of the drawing from the roots on, each node's children oldest first.

    `order` holds every node once, oldest first. The branch that leads to `asked`, else the newest,
    stays in its column. Undoing an edit makes a cycle, a merge makes two ways to one node.
    """
    rank = {node: number for number, node in enumerate(order)}
    children: dict[str, list[Edge]] = {node: [] for node in rank}
    parents: dict[str, list[str]] = {node: [] for node in rank}
    for edge in sorted(edges, key=lambda e: rank[e.child]):
        children[edge.parent].append(edge)
        parents[edge.child].append(edge.parent)
    trunk = _above(asked, parents)
    steps: list[Step] = []
    above: dict[str, str] = {}
    roots = sorted(rank, key=lambda node: (bool(parents[node]), rank[node]))
    for root in roots:
        if root not in above:
            _draw_from(root, children, trunk, above, steps)
    return steps


def _above(asked: str, parents: Mapping[str, list[str]]) -> set[str]:
    """Collect `asked` and its ancestors."""
    seen, todo = {asked}, [asked]
    while todo:
        new = [p for p in parents.get(todo.pop(), ()) if p not in seen]
        seen.update(new)
        todo += new
    return seen


def _draw_from(
    root: str,
    children: Mapping[str, list[Edge]],
    trunk: set[str],
    above: dict[str, str],
    steps: list[Step],
) -> None:
    """Add the lines from `root` on; `above` holds the parent under which each node was drawn."""
    todo = [_Visit(root, None, "", "")]
    while todo:
        node, edge, first, rest = todo.pop()
        parent = edge.parent if edge else ""
        if node in above:
            repeat = UNDONE if _hangs_from(parent, node, above) else AGAIN
            steps.append(Step(first, node, edge, repeat))
            continue
        above[node] = parent
        steps.append(Step(first, node, edge))
        # The last one pushed is drawn first: the side branches, then what goes straight on.
        side = children[node]
        if side:
            rank = {e: (e.child not in above, e.child in trunk, n) for n, e in enumerate(side)}
            straight = max(side, key=rank.__getitem__)
            todo.append(_Visit(straight.child, straight, rest, rest))
            todo += [
                _Visit(e.child, e, f"{rest}├─", f"{rest}│ ")
                for e in reversed(side)
                if e is not straight
            ]


def _hangs_from(node: str, ancestor: str, above: Mapping[str, str]) -> bool:
    while node:
        if node == ancestor:
            return True
        node = above[node]
    return False


def changes(history: History, edge: Edge) -> list[str] | None:
    """Compute the unified diff of a step, a line each; None where no code was kept.

    Raises packages.Missing, sqlite3.Error.
    """
    before, after = history.code_of(edge.parent), history.code_of(edge.child)
    if before is None or after is None:
        return None
    hunks = list(unified(before.splitlines(), after.splitlines()))
    return [f"--- {edge.parent}", f"+++ {edge.child}", *hunks] if hunks else []
