"""Run `pattern-tracker log`: print the recorded events, with -f also those to come."""

import argparse
import os
import sqlite3
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from itertools import groupby
from typing import NamedTuple

from lib.commands.common import (
    NOTHING,
    names_of,
    print_json,
    printable,
    say_nothing,
    spool_directory,
)
from lib.commands.reading import has_ledger, read_ledger
from lib.commands.terminal import UNBOUNDED, cropped_left, padded, print_line, relative, screen
from lib.commands.when import instant, local
from lib.ledger.biography import Done, done_by, summary
from lib.ledger.filters import Filter
from lib.ledger.history import Event, History
from lib.ledger.reasons import Reasons, first_line
from lib.ledger.revisions import OUTSIDE, SHELL, UNDO
from lib.ledger.steps import changed_lines
from lib.ledger.worktrees import Worktrees

POLL_SECONDS = 0.3
# How many of the newest are shown: a ledger may hold a million. With -f as many as tail shows.
SHOWN, FOLLOWED = 100, 10
TYPES = ("created", "modified", "applied", "merged")
STYLES = {"created": "green", "modified": "yellow", "applied": "cyan", "merged": "magenta"}
WHO = {SHELL: "cyan", OUTSIDE: "magenta", UNDO: "blue"}
# Below this many columns a whole id does not fit beside the rest.
WIDE, NARROW = 100, 80
# So many events of one call of a shell are told one by one.
MANY = 8
ID_DIGITS = 8


class Detail(NamedTuple):
    """What an event changed, as "+12 -3", and what was asked for; "" where that is not known.

    `units` are the functions that it changed.
    """

    size: str = ""
    asked: str = ""
    units: Sequence[Done] = ()


NO_DETAIL = Detail()


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Return what may follow the verb."""
    text = f"only the newest N events (default {SHOWN}; with -f, {FOLLOWED})"
    parser.add_argument("-n", type=number_of, metavar="N", help=text)
    parser.add_argument("--all", action="store_true", help="every event, however many there are")
    parser.add_argument("-f", "--follow", action="store_true", help="go on with those to come")
    parser.add_argument("--file", default="", metavar="PATH", help="of a file or a directory")
    parser.add_argument(
        "--session", default="", metavar="ID", help="of a session, or how it begins"
    )
    parser.add_argument("--type", default="", choices=TYPES, help="of one type")
    parser.add_argument("--since", default="", metavar="TIME", help="2h, 3d or ISO 8601")
    parser.add_argument("--until", default="", metavar="TIME", help="as for --since")


def run(options: argparse.Namespace) -> int:
    """Print the events. Raises CommandError."""
    directory = spool_directory()
    chosen = chosen_by(options)
    # What takes reading code is told of as many as anybody looks at.
    is_brief = options.json or options.all
    details: dict[int, Detail] = {}
    show = _json_printer(details) if options.json else _printer(details)
    newest = options.n if options.n is not None else FOLLOWED if options.follow else SHOWN
    newest = -1 if options.all else newest
    count = 0
    rows = _events(directory, chosen, newest, options.follow, details, is_brief)
    is_whole = options.json or options.follow
    for batch in ([row] for row in rows) if is_whole else _calls(rows):
        count += len(batch)
        if len(batch) > MANY:
            show(_summary(batch))
            continue
        for row in batch:
            show(row)
        if options.follow:
            sys.stdout.flush()
    if options.n is None and count == newest:
        text = f"pattern-tracker: the newest {SHOWN}; --all shows all there are"
        print(text, file=sys.stderr)
    return 0 if count or newest == 0 else say_nothing(options.json, _none_of(options))


def number_of(text: str) -> int:
    """Read a number of rows. Raises ValueError for what counts nothing."""
    if not text.isdecimal():
        raise ValueError
    return int(text)


def _none_of(options: argparse.Namespace) -> str:
    """Return what to say where no event is as asked for."""
    asked = ("session", "file", "type", "since", "until")
    told = [f"--{name} {printable(getattr(options, name))}" for name in asked]
    told = [text for text in told if not text.endswith(" ")]
    return f"no event with {' '.join(told)}" if told else NOTHING


def chosen_by(options: argparse.Namespace) -> Filter:
    """Return the filter that is asked for. Raises CommandError for a time that is none."""
    return Filter(
        files=_files(options.file),
        session=options.session,
        event_type=f"pattern_{options.type}" if options.type else "",
        since=instant(options.since) if options.since else "",
        until=instant(options.until) if options.until else "",
    )


def _files(path: str) -> tuple[str, ...]:
    """Return what is there by that name, else the path as given too: it may be gone since."""
    if not path:
        return ()
    return (*names_of(path), *([] if os.path.exists(path) else [path]))


def _events(
    directory: str,
    chosen: Filter,
    newest: int,
    follow: bool,
    details: dict[int, Detail],
    is_brief: bool,
) -> Iterator[Event]:
    """Yield the `newest` events, and with `follow` every one that is recorded from then on.

    The ledger is opened anew each time, for a damaged one may have been replaced since.
    """
    seen = 0
    while True:
        try:
            if has_ledger(directory):
                with closing(read_ledger(History, directory)) as history:
                    reasons = Reasons(history)
                    last = history.last_seq()
                    if seen == 0:
                        chosen = _in_worktrees(history, chosen)
                    # A new ledger counts from the beginning.
                    after = seen if last >= seen else 0
                    seen = last
                    for event in history.stream(chosen._replace(after_seq=after), newest):
                        seen = max(seen, event.seq)
                        told = NO_DETAIL if is_brief else _detail(history, reasons, event)
                        units = done_by(history, event.seq)
                        details[event.seq] = told._replace(units=units)
                        yield event
        except sqlite3.OperationalError:
            if not seen:
                raise
        if not follow:
            return
        newest = -1
        time.sleep(POLL_SECONDS)


def _in_worktrees(history: History, chosen: Filter) -> Filter:
    """Return a filter that has the same files in the other worktrees of their repository too."""
    found: dict[str, None] = dict.fromkeys(chosen.files)
    for path in chosen.files:
        if path.startswith("/"):
            directory = path if os.path.isdir(path) else os.path.dirname(path)
            found |= dict.fromkeys(Worktrees(history, directory).twins(path))
    return chosen._replace(files=tuple(found))


def _calls(rows: Iterator[Event]) -> Iterator[list[Event]]:
    """Put the events of each call of a shell together; any other stands alone."""

    def call(row: Event) -> object:
        return (row.timestamp, row.session_id) if row.who == SHELL else row.seq

    return (list(batch) for _, batch in groupby(rows, call))


def _summary(batch: list[Event]) -> Event:
    """Tell many files of one call, such as a checkout, as one: by their directory."""
    place = os.path.commonpath([row.file_path or "/" for row in batch])
    return batch[-1]._replace(file_path=place, pattern_name=f"{len(batch)} files", pattern_id="")


def _detail(history: History, reasons: Reasons, event: Event) -> Detail:
    query = (
        "SELECT coalesce(p.snapshot, ?2), r.prompt_id, r.tool_use_id FROM revisions r "
        "LEFT JOIN revisions p ON p.revision_id = r.parent WHERE r.seq = ?1"
    )
    found = history.rows(query, (event.seq, event.before_snapshot))
    before, prompt_id, use = found[0] if found else (event.before_snapshot, None, None)
    after = history.snapshot(event.snapshot)
    size = None if after is None else changed_lines(history.snapshot(before) or "", after)
    asked = reasons.of_call(event.session_id, use, prompt_id).text
    return Detail(f"+{size[0]} -{size[1]}" if size else "", first_line(asked))


def _json_printer(details: dict[int, Detail]) -> Callable[[Event], None]:
    def show(event: Event) -> None:
        units = details.pop(event.seq, NO_DETAIL).units
        print_json({**event.public(), "units": [unit.public() for unit in units]})

    return show


def _printer(details: dict[int, Detail]) -> Callable[[Event], None]:
    out = screen()
    width = out.width
    is_wide, is_bounded = width >= WIDE, width < UNBOUNDED
    beside = 110 if is_wide else 85 if width >= NARROW else 76
    path_width = max(22, min(48, width - beside)) if is_bounded else 0

    def show(event: Event) -> None:
        kind = event.event_type.removeprefix("pattern_")
        path = relative(printable(event.file_path) or "-")
        when = local(event.timestamp, "%m-%d %H:%M:%S" if path_width else "%Y-%m-%d %H:%M:%S")
        # Of many that are told as one neither size nor prompt is that of all.
        told = details.pop(event.seq, NO_DETAIL)
        size, asked, units = told if event.pattern_id else NO_DETAIL
        name = printable(summary(units) or event.pattern_name) or "-"
        cells = [
            (f"{event.event_id[:ID_DIGITS]}  " if is_wide else "", "dim"),
            (f"{when}  ", "dim"),
            (f"{kind:<8}  ", STYLES.get(kind, "")),
            (f"{event.who:<7}  " if width >= NARROW else "", WHO.get(event.who, "dim")),
            (f"{padded(cropped_left(path, path_width), path_width)}  ", ""),
            (f"{padded(name, 14)}  " if is_wide else name, "bold"),
        ]
        if is_wide:
            cells.append((f"{size:<7}  ", ""))
            if not (is_bounded and asked):
                cells.append((f"{event.pattern_id}  ", "dim"))
            cells.append((asked, "yellow"))
        print_line(out, cells)

    return show
