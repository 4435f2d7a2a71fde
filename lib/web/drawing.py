"""Work out where the parts of a drawing are; templates write them as SVG."""

from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import NamedTuple

from lib.ledger.graph import Step

# In units of the drawing: the bars' field, the distance of rows, and that of columns.
WIDTH, HEIGHT = 640.0, 96.0
ROW, COLUMN = 28.0, 18.0


class Bar(NamedTuple):
    """A bar of a chart: where it is, and what it says."""

    x: float
    y: float
    width: float
    height: float
    title: str


class Dot(NamedTuple):
    """A node of a graph and the line to its parent: `curve` is "" for a root."""

    x: float
    y: float
    curve: str


def weeks(days: Sequence[str], counts: Sequence[int]) -> list[tuple[str, int]]:
    """Sum counts of days by weeks that end with the last day; each with its first day."""
    ends = range(len(days), 0, -7)
    found = [(days[max(0, end - 7)], sum(counts[max(0, end - 7) : end])) for end in ends]
    return found[::-1]


def bars(counts: Sequence[tuple[str, int]], unit: str) -> list[Bar]:
    """Place a bar for each count, whose title it has; none is invisible unless it is 0."""
    most = max((count for _, count in counts), default=0) or 1
    step = WIDTH / max(1, len(counts))
    made = []
    for at, (title, count) in enumerate(counts):
        height = max(2.0, HEIGHT * count / most) if count else 0.0
        place = (round(at * step + step * 0.1, 2), round(HEIGHT - height, 2))
        made.append(Bar(*place, round(step * 0.8, 2), round(height, 2), f"{title}: {count} {unit}"))
    return made


def shares(counts: Iterable[tuple[str, int]]) -> list[tuple[str, int, float, float]]:
    """Place counts beside each other on a line of WIDTH: name, count, where, how wide."""
    several = [(name, count) for name, count in counts if count]
    total, at, made = sum(count for _, count in several) or 1, 0.0, []
    for name, count in several:
        width = WIDTH * count / total
        made.append((name, count, round(at, 2), round(width, 2)))
        at += width
    return made


def life(rows: Sequence[int | None]) -> list[Dot]:
    """Place each line of a life, the newest first, in one column, and beside it what is akin.

    A row is None for a step, which the next one leads to; else the number of the step that it came
    from, or leads to.
    """
    trunk = [number for number, row in enumerate(rows) if row is None]
    below = dict(pairwise(trunk))
    made = []
    for number, row in enumerate(rows):
        y = ROW / 2 + number * ROW
        x, to = (COLUMN / 2, below.get(number)) if row is None else (COLUMN * 1.5, row)
        curve = ""
        if to is not None:
            end = ROW / 2 + to * ROW
            bend = y + ROW * (0.6 if end > y else -0.6)
            straight = f"M{x} {y} V{end}"
            side = f"M{COLUMN / 2} {end} V{bend} C{COLUMN / 2} {y} {COLUMN / 2} {y} {x} {y}"
            curve = straight if row is None else side
        made.append(Dot(x, y, curve))
    return made


def dots(steps: Sequence[Step]) -> list[Dot]:
    """Place each line of a lineage, which `lib.ledger.graph.draw` has laid out, in its column."""
    made: list[Dot] = []
    rows: dict[str, int] = {}
    for at, step in enumerate(steps):
        x, y = COLUMN / 2 + len(step.prefix) / 2 * COLUMN, ROW / 2 + at * ROW
        curve = ""
        parent = rows.get(step.edge.parent) if step.edge else None
        if parent is not None:
            above = made[parent]
            bend = y - ROW * 0.6
            curve = (
                f"M{above.x} {above.y} V{max(above.y, bend)} "
                f"C{above.x} {y} {above.x} {y} {x} {y}"
                if x != above.x else f"M{above.x} {above.y} V{y}"
            )  # fmt: skip
        made.append(Dot(x, y, curve))
        rows.setdefault(step.node, at)
    return made
