"""Run `pattern-tracker lineage`: print how a pattern, a file or a function came about."""

import argparse
from typing import NamedTuple

from lib.commands import file_steps, on_disk, unit_lineage
from lib.commands.common import (
    meant,
    names_of,
    opened,
    print_json,
    printable,
    say_nothing,
)
from lib.commands.short_ids import pattern_known_by
from lib.commands.terminal import (
    Cell,
    columns,
    cropped_left,
    is_bounded,
    print_line,
    relative,
    screen,
)
from lib.commands.when import local
from lib.ledger.graph import AGAIN, NEW, UNDONE, Step, changes, draw
from lib.ledger.history import Edge, History
from lib.system.places import is_gone

# What one screen holds beside the prompt.
LINES = 24
NARROW = 80
# So many of the other files that apply a pattern are named.
USES = 3
NOTES = {UNDONE: "undone: back to it", AGAIN: "see above"}
COPIED = "copied"
STATES = {
    on_disk.SAME: "is as it was recorded last",
    on_disk.DIFFERS: "is not as it was recorded last: something else has changed it since",
    on_disk.GONE: "is gone: this is what it held last",
    COPIED: "was not recorded by that name: this is the code that it holds",
}
DIFF_STYLES = {"+": "green", "-": "red", "@": "cyan"}


class File(NamedTuple):
    """A file that was asked for, and how it stands to the record: COPIED, or as `on_disk` says."""

    path: str
    state: str


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Return what may follow the verb."""
    text = "an id, how one begins, a file, a function in it, or one by its name alone"
    parser.add_argument("target", metavar="ID|FILE[:NAME]|NAME", help=text)
    parser.add_argument("--diff", action="store_true", help="what each step changed")
    parser.add_argument("--graph", action="store_true", help="of a file too, its patterns' graph")
    parser.add_argument("-n", type=int, default=0, metavar="N", help="of a file, the last N steps")
    parser.add_argument("--all", action="store_true", help="every step, however many there are")


def run(options: argparse.Namespace) -> int:
    """Print the lineage. Raises CommandError for an id or file that was never recorded."""
    history = opened(History)
    if history is None:
        return say_nothing(options.json, json_text="[]")
    unit_lineage.catch_up(history)
    if units := unit_lineage.meant(history, options.target):
        return unit_lineage.run(history, options.target, units, options.json, options.n or -1)
    pattern_id, file = resolve(history, options.target)
    ancestors, descendants = history.ancestors(pattern_id), history.descendants(pattern_id)
    nodes = [pattern_id, *ancestors, *descendants]
    edges = history.edges_among(nodes)
    if options.json:
        found = {"pattern_id": pattern_id, "ancestors": ancestors, "descendants": descendants}
        events = [event.public() for event in history.events_of(nodes)]
        told = {"events": events, "edges": _told(history, edges, options.diff)}
        steps = file_steps.told(history, file.path) if file else []
        held = unit_lineage.of_file(history, file.path) if file else []
        print_json(found | told | {"file": file and file._asdict(), "steps": steps, "units": held})
        return 0
    if file is None or file.state == COPIED or options.graph or options.diff:
        Drawing(history, pattern_id, nodes, options.diff).show(edges, options.all)
        if file and file.state in STATES and file.state != on_disk.SAME:
            _print_state(history, file)
    else:
        _print_state(history, file)
        most = LINES // 2 if is_bounded() and not options.all else -1
        file_steps.show(history, file.path, options.n or most)
        unit_lineage.show_file(history, file.path, most)
        _print_other_files(history, pattern_id, file.path)
    return 0


def _print_state(history: History, file: File) -> None:
    """Begin with the disk: how the file stands to what was recorded of it."""
    text = STATES.get(file.state, "")
    if file.state == on_disk.DIFFERS and (size := file_steps.since(history, file.path)):
        text = f"{text}: +{size[0]} -{size[1]} lines"
    if file.state == on_disk.GONE and (place := file_steps.moved_to(history, file.path)):
        text = f"was moved to {relative(printable(place))}: this is what it held last"
    style = "" if file.state == on_disk.SAME else "yellow"
    out = screen()
    # What is said counts more than where: of a long path the end is enough.
    path = cropped_left(relative(printable(file.path)), max(8, out.width - columns(text) - 1))
    print_line(out, [(f"{path} {text}".rstrip(), style)])


def resolve(history: History, target: str) -> tuple[str, File | None]:
    """Return the pattern id that `target` means, and the file that it names, None for an id.

    A file means what was recorded of it last; one that was not, what it holds. Raises CommandError.
    """
    names = names_of(target)
    # An id with a slash may look like a path, and a file that was recorded goes before it.
    if history.knows(target) and not ("/" in target and any(map(history.head, names))):
        return target, None
    known = [File(path, on_disk.state(history, path)) for path in filter(history.head, names)]
    if not known or known[0].state != on_disk.SAME:
        # What was merged has the steps of the worktree that it was changed in.
        known[:0] = [File(path, on_disk.SAME) for path in on_disk.twins(history, names[0])]
    if known:
        return history.head(known[0].path), known[0]
    held = on_disk.id_of(names[0])
    if held and history.knows(held):
        return held, File(names[0], COPIED)
    files = history.files_ending(target)
    if files:
        path = meant(target, files)
        return history.head(path), File(path, on_disk.state(history, path))
    return pattern_known_by(history, target), None


def _told(history: History, edges: list[Edge], diff: bool) -> list[dict[str, object]]:
    """Convert the edges for `--json`, with what each changed if `diff` is set."""
    told = [edge._asdict() for edge in edges]
    if diff:
        for edge, entry in zip(edges, told, strict=True):
            lines = changes(history, edge)
            entry["diff"] = None if lines is None else "".join(f"{line}\n" for line in lines)
    return told


class Drawing:
    """Prints one lineage: an id a line, and what else fits."""

    def __init__(self, history: History, asked: str, nodes: list[str], diff: bool) -> None:
        self._history = history
        self._asked = asked
        self._diff = diff
        self._names = history.names(nodes)
        self._first = history.first_events(nodes)
        self._order = sorted(nodes, key=self._seq)
        self._id_width = 0
        self._path = ""
        self._out = screen()

    def show(self, edges: list[Edge], everything: bool) -> None:
        """Print the lineage, the middle of a long one left out unless `everything` is set."""
        steps = draw(self._order, edges, self._asked)
        shown = range(len(steps)) if everything or not is_bounded() else self._window(steps)
        self._id_width = max(len(steps[n].prefix) + len(steps[n].node) for n in shown)
        self._id_width = min(self._id_width, self._out.width // 2)
        last = -1
        for number in shown:
            if number > last + 1:
                hidden = number - last - 1
                print_line(self._out, [(f"⋮ {hidden} more, --all shows them", "dim")])
            self._print(steps[number])
            last = number

    def _seq(self, node: str) -> int:
        event = self._first.get(node)
        return event.seq if event else 0

    def _window(self, steps: list[Step]) -> list[int]:
        """Choose the steps to show: the first, those around the asked one, the last."""
        here = next(n for n, step in enumerate(steps) if step.node == self._asked)
        around = range(max(0, here - LINES * 2 // 3), here + LINES // 3)
        kept = {0, len(steps) - 1, *around} if len(steps) > LINES else range(len(steps))
        return [number for number in sorted(kept) if number < len(steps)]

    def _print(self, step: Step) -> None:
        print_line(self._out, self._cells(step))
        if step.repeat == NEW:
            self._print_uses(step.node)
        if self._diff and step.edge:
            self._print_diff(step.edge)

    def _cells(self, step: Step) -> list[Cell]:
        asked = step.node == self._asked
        mark = "↺" if step.repeat == UNDONE else "↪" if step.repeat else "●" if asked else "○"
        shown = step.node.ljust(self._id_width - len(step.prefix))
        row = self._first.get(step.node)
        kind = step.edge.edge_type if step.edge else row.event_type if row else "-"
        kind = kind.removeprefix("pattern_").removesuffix("_from")
        cells = [
            (f"{step.prefix}{mark} ", "dim"),
            (shown, "bold" if asked else ""),
            (f"  {kind:<8}", "yellow" if step.edge else "green"),
        ]
        if step.repeat != NEW:
            return [*cells, (f"  {NOTES[step.repeat]}", "dim")]
        wide = self._out.width >= NARROW
        if wide and row:
            cells.append((f"  {local(row.timestamp, '%m-%d %H:%M')}", "dim"))
        cells.append((f"  {self._names.get(step.node) or '-'}", "bold" if asked else ""))
        if asked and len(self._order) > 1:
            cells.append(("  <- asked for" if wide else "  <-", "cyan"))
        path = (row and row.file_path) or ""
        if path and path != self._path:
            cells.append((f"  {relative(path)}", "dim"))
            self._path = path
        return cells

    def _print_uses(self, node: str) -> None:
        """Print the other files that apply the same pattern."""
        row = self._first.get(node)
        _print_other_files(self._history, node, row and row.file_path)

    def _print_diff(self, edge: Edge) -> None:
        lines = changes(self._history, edge)
        if lines is None:
            lines = ["  no code was kept"]
        for line in lines[2:] or lines:
            style = DIFF_STYLES.get(line[:1], "dim")
            print_line(self._out, [("    ", ""), (line.expandtabs(4), style)])


def _print_other_files(history: History, pattern_id: str, but: str | None) -> None:
    others = [_still(path) for path in history.applied_in(pattern_id) if path != but]
    if others:
        more = f" and {len(others) - USES} more" if len(others) > USES else ""
        print_line(screen(), [(f"    also in {', '.join(others[:USES])}{more}", "cyan")])


def _still(path: str) -> str:
    """Name a file, and say so if it is gone."""
    return f"{relative(path)}{' (gone)' * is_gone(path)}"
