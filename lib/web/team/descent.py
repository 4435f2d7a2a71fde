"""Follow the edges between patterns, up or down, within bounds."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from lib.web.team.answered import Relation
from lib.web.team.listed import MOST_ROWS, in_parts, marks
from lib.web.team.stored import Reader, Row
from lib.web.team.working import Work

# Levels that are asked for at once: a long thin line takes few questions. Where many ways meet, a
# level would come again and again, and then it is asked for one at a time.
LEVELS = 25


class _Edge(NamedTuple):
    """What leads from the pattern `near` to the one `far`, which is `depth` edges away."""

    near: str
    far: str
    depth: int
    edge_type: str


class Brief(NamedTuple):
    """What a line of a list says of a pattern."""

    pattern_name: str
    pattern_type: str
    language: str | None
    is_told: bool


# Which of the events of a pattern is the first to say what it is. Null is put in its place by hand:
# the databases differ.
FIRST_TOLD = "ORDER BY told, received, coalesce(captured_at, ''), key"
UNTOLD = Brief("", "code", None, False)


def related(
    work: Work, pattern_id: str, reader: Reader, depth: int, limit: int, is_up: bool
) -> list[Relation]:
    """List the edges from a pattern up to what it came from, or down to what came from it."""
    work.by_index()
    edges = _followed(work, pattern_id, reader, depth, limit, is_up)
    briefs = named(work, {edge.far for edge in edges}, reader)
    found = []
    for near, far, distance, edge_type in edges:
        child, parent = (near, far) if is_up else (far, near)
        brief = briefs.get(far, UNTOLD)
        found.append(Relation(far, distance, child, parent, edge_type, *brief))
    return found


def may_see(reader: Reader, column: str = "project") -> tuple[str, list[str]]:
    """Write the condition that a row is of the reader's projects, and its parameters."""
    if reader.projects is None:
        return "1 = 1", []
    # A list must not be empty; no project is called that.
    projects = sorted(reader.projects) or ["\x01"]
    return f"{column} IN ({marks(len(projects))})", projects


def named(work: Work, pattern_ids: Iterable[str], reader: Reader) -> dict[str, Brief]:
    """Find what the reader may know of patterns, by their ids; of the others nothing."""
    condition, projects = may_see(reader, "e.project")
    found: dict[str, Brief] = {}
    for part in in_parts(sorted(pattern_ids)):
        sql = (
            f"WITH asked(id) AS (VALUES {marks(1, len(part))}), "
            "chosen(id, seq) AS (SELECT id, (SELECT e.seq FROM events e "
            f"WHERE e.pattern_id = asked.id AND e.told < 2 AND {condition} "
            f"{FIRST_TOLD} LIMIT 1) FROM asked) "
            "SELECT chosen.id, pattern_name, pattern_type, language "
            "FROM chosen JOIN events USING (seq)"
        )
        for pattern_id, name, kind, language in work.rows(sql, [*part, *projects]):
            found[pattern_id] = Brief(name, kind, language, True)
    return found


def _followed(
    work: Work, pattern_id: str, reader: Reader, depth: int, limit: int, is_up: bool
) -> list[_Edge]:
    met, frontier, edges = {pattern_id}, [pattern_id], list[_Edge]()
    reached, levels = 0, LEVELS
    while frontier and reached < depth and len(edges) < limit:
        steps = min(levels if len(frontier) <= MOST_ROWS else 1, depth - reached)
        most = limit - len(edges)
        rows = _rows(work, frontier, reader, steps, most, is_up)
        if steps > 1 and len(rows) > most:
            levels = 1
            continue
        for step in range(1, steps + 1):
            level = _level(rows, step, set(frontier))
            edges += [_Edge(near, far, reached + step, kind) for near, far, kind in level]
            frontier = sorted({far for _, far, _ in level} - met)
            met.update(frontier)
        reached += steps
    return edges[:limit]


def _level(rows: Sequence[Row], step: int, frontier: set[str]) -> list[tuple[str, str, str]]:
    """Pick the edges from `frontier`; what is presupposed only where nothing else tells of it."""
    kinds: dict[tuple[str, str], set[tuple[int, str]]] = {}
    for near, far, edge_type, implied, at in rows:
        if at == step and near in frontier:
            kinds.setdefault((near, far), set()).add((implied, edge_type))
    return [
        (near, far, edge_type)
        for (near, far), found in sorted(kinds.items())
        for implied, edge_type in sorted(found)
        if implied == min(found)[0]
    ]


def _rows(
    work: Work, frontier: list[str], reader: Reader, steps: int, most: int, is_up: bool
) -> list[Row]:
    """Ask for the edges of so many steps, a few more than `most` at most."""
    near, far = ("child", "parent") if is_up else ("parent", "child")
    condition, projects = may_see(reader, "e.project")
    columns = f"e.{near}, e.{far}, e.edge_type, e.implied"
    found: list[Row] = []
    for part in in_parts(frontier):
        first = f"SELECT DISTINCT {columns}, 1 FROM edges e "
        first += f"WHERE e.{near} IN ({marks(len(part))}) AND {condition}"
        if steps == 1:
            # In an order, so that both databases cut the same off. Each may be there twice.
            found += work.rows(
                f"{first} ORDER BY 1, 2, 4, 3 LIMIT ?", [*part, *projects, 2 * most + 1]
            )
            continue
        sql = (
            f"WITH RECURSIVE walk(near, far, edge_type, implied, step) AS ({first} UNION "
            f"SELECT {columns}, walk.step + 1 FROM walk JOIN edges e ON e.{near} = walk.far "
            f"WHERE walk.step < ? AND {condition}) SELECT * FROM walk LIMIT ?"
        )
        found += work.rows(sql, [*part, *projects, steps, *projects, most + 1])
    return found
