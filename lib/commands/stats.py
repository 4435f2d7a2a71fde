"""Run `pattern-tracker stats`: print patterns, reuse, and edits by language and file."""

import argparse
from collections import Counter

from lib.commands.common import (
    CommandError,
    by_actor,
    opened,
    print_json,
    printable,
    say_nothing,
    spool_directory,
)
from lib.commands.terminal import Cell, cropped_left, padded, print_line, relative, screen
from lib.commands.unit_lineage import told
from lib.commands.when import local
from lib.ledger import hints
from lib.ledger.biography import Unit
from lib.ledger.biography import reused as reused_units
from lib.ledger.revisions import UNCHANGED
from lib.ledger.usage import Figures, Series, Stats, last_days

DAYS, MOST_DAYS = 14, 366
# Rows of a table, and cells of a sparkline at most.
ROWS, CELLS = 5, 28
# Functions that are told of, for machines.
MOST_UNITS = 100
# The newest hints.
MOST_HINTS = 500
BARS = "▁▂▃▄▅▆▇█"
NONE = "·"
# What stands beside the name: the count and the spaces between.
BESIDE = 10


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the verb's arguments."""
    text = f"how far to look back (default {DAYS})"
    parser.add_argument("--days", type=int, default=DAYS, metavar="N", help=text)


def run(options: argparse.Namespace) -> int:
    """Print the figures. Raises CommandError."""
    if not 1 <= options.days <= MOST_DAYS:
        raise CommandError(f"--days must be from 1 to {MOST_DAYS}")
    ledger = opened(Stats)
    if ledger is None:
        return say_nothing(options.json, json_text="[]")
    told_of = hints.given(spool_directory())[-MOST_HINTS:]
    became = hints.fates(ledger, told_of)
    found = ledger.figures(last_days(options.days), -1 if options.json else ROWS)
    if options.json:
        series = {"languages": _told(found.languages), "paths": _told(found.paths)}
        reused = [one._asdict() for one in found.reused]
        units = [[told(unit) for unit in places] for places in reused_units(ledger, MOST_UNITS)]
        more = {"reused": reused, "reused_units": units, "hints": dict(became)}
        print_json({**found._asdict(), **series, **more})
    else:
        Sheet(found).show()
        show_units(reused_units(ledger, ROWS))
        show_hints(became)
    return 0


def _told(several: list[Series]) -> list[dict[str, object]]:
    return [{"name": s.name, "edits": s.total, "by_day": s.by_day} for s in several]


class Sheet:
    """Prints the figures on one screen."""

    def __init__(self, found: Figures) -> None:
        self._found = found
        self._out = screen()
        self._cells = min(CELLS, len(found.days))
        self._width = min(48, max(20, self._out.width - self._cells - BESIDE))

    def show(self) -> None:
        """Print all figures."""
        found = self._found
        since = local(found.since, "%Y-%m-%d") if found.since else "never"
        counted = f"{found.patterns} patterns in {found.files} files"
        self._line([(counted, "bold"), (f", {found.events} edits since {since}", "")])
        unchanged = found.steps[UNCHANGED]
        calls = f"; {unchanged} call{'s' * (unchanged != 1)} changed no code" if unchanged else ""
        self._line([(f"steps: {by_actor(found.steps)}{calls}", "")])
        self._show_edits()
        self._table("by language", found.languages, len(found.languages))
        self._table("by file", found.paths, found.edited)
        self._show_reused()

    def _line(self, cells: list[Cell]) -> None:
        print_line(self._out, cells)

    def _show_edits(self) -> None:
        days = self._found.days
        by_day = [
            sum(series.by_day[n] for series in self._found.languages) for n in range(len(days))
        ]
        self._line([])
        self._row(f"edits in {len(days)} days", Series("", by_day), "bold")
        kinds = self._found.types.items()
        told = ", ".join(f"{count} {kind.removeprefix('pattern_')}" for kind, count in kinds)
        self._line([(f"  {told or 'none'}", "dim")])

    def _table(self, title: str, several: list[Series], total: int) -> None:
        if not several:
            return
        self._line([])
        more = f", {total - ROWS} more" if total > ROWS else ""
        self._line([(title, "bold"), (more, "dim")])
        for series in several[:ROWS]:
            self._row(f"  {printable(relative(series.name)) or '-'}", series, "")

    def _row(self, label: str, series: Series, style: str) -> None:
        name = cropped_left(label, self._width)
        bars = sparkline(series.by_day, self._cells)
        self._line(
            [(padded(name, self._width), style), (f"{series.total:>6}  ", ""), (bars, "cyan")]
        )

    def _show_reused(self) -> None:
        reused = self._found.reused
        self._line([])
        more = f", {len(reused) - ROWS} more" if len(reused) > ROWS else ""
        title = "in several files now" if reused else "no pattern stands in several files now"
        self._line([(title, "bold"), (more, "dim")])
        for one in reused[:ROWS]:
            name = f"  {len(one.files)}x  {one.pattern_id}  "
            where = f"  {relative(one.files[0])}"
            self._line([(name, ""), (one.pattern_name or "-", "bold"), (where, "dim")])


def show_units(several: list[list[Unit]]) -> None:
    """Print the functions that stand in the most places, each with where it came first."""
    if several:
        print_line(screen(), [])
        print_line(screen(), [("the same functions", "bold")])
    for places in several:
        first = places[0]
        where = f"  {relative(printable(first.path))}:{first.start_line}"
        name = (f"{printable(first.name)}", "bold")
        print_line(screen(), [(f"  {len(places)}x  ", ""), name, (where, "dim")])


def show_hints(became: Counter[str]) -> None:
    """Print how many hints there were, and what became of the copies that they told of."""
    if became:
        told = ", ".join(
            f"{became[fate]} {hints.WORDS[fate]}" for fate in hints.WORDS if became[fate]
        )
        print_line(screen(), [])
        title = f"{became.total()} hints of code that stood elsewhere"
        print_line(screen(), [(title, "bold"), (f": {told}", "")])


def sparkline(counts: list[int], cells: int) -> str:
    """Draw `counts` as at most `cells` bars; a dot where there is nothing."""
    size = -(-len(counts) // cells)
    # From the end, so that the last bar is as wide as the others.
    ends = range(len(counts), 0, -size)
    sums = [sum(counts[max(0, end - size) : end]) for end in ends][::-1]
    most = max(sums, default=0)
    return "".join(BARS[(count * len(BARS) - 1) // most] if count else NONE for count in sums)
