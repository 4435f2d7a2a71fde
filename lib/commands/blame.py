"""Run `pattern-tracker blame`: print a file's lines with who wrote each, and for which prompt."""

import argparse
import os
import sys
from collections.abc import Iterator, Sequence
from datetime import datetime
from itertools import groupby

from lib.commands.common import (
    NOTHING,
    CommandError,
    opened,
    print_json,
    printable,
    repository,
    say_nothing,
)
from lib.commands.part import part
from lib.commands.present import Present
from lib.commands.terminal import Cell, columns, cropped, padded, print_line, relative, screen
from lib.commands.when import local
from lib.ledger.attribution import Line, Place, attribute
from lib.ledger.history import History
from lib.ledger.reasons import BEFORE_RECORDING, Reason, Reasons, summary, who
from lib.ledger.steps import Step, id_of

ID_DIGITS = 8
# From which width of the terminal on how many columns the prompt's first words take, and how the
# time is written.
WIDTHS = ((140, 36, "%Y-%m-%d %H:%M"), (110, 24, "%y-%m-%d %H:%M"), (80, 18, "%m-%d %H:%M"))
NARROW = (0, 14, "")
SESSION_STYLES = ("cyan", "yellow", "magenta", "green")
SOME_TIME = "2026-01-01T00:00:00+00:00"
# What git calls lines that are in no commit.
NO_COMMIT, NOT_YET = "0" * 40, "Not recorded yet"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Return what may follow the verb."""
    text = "a recorded file, one of its lines, or a name in it"
    parser.add_argument("file", metavar="FILE[:LINE|:NAME]", help=text)
    parser.add_argument(
        "--porcelain", action="store_true", help="as git's blame writes it for programs"
    )


def run(options: argparse.Namespace) -> int:
    """Print the lines. Raises CommandError for a file that was never recorded."""
    history = opened(History)
    if history is None:
        return say_nothing(options.json or options.porcelain, NOTHING)
    if options.json and options.porcelain:
        raise CommandError("--json and --porcelain are two ways to print")
    asked, reasons = part(history, options.file), Reasons(history)
    found = asked.file
    lines = attribute(history, found.known_as, found.text)
    first, end = asked.span or (0, len(lines))
    lines = lines[first:end]
    if options.json:
        for number, line in enumerate(lines, first + 1):
            print_json(told(number, line, reasons.of(line.place.step)))
    elif options.porcelain:
        screen()
        for text in _porcelain(found, lines, reasons, first):
            print(text)
    else:
        others = sum(line.place.step is None for line in lines)
        more = f"{others} line{'s' * (others != 1)} changed since, not recorded yet"
        note = f"{relative(printable(found.path))}: {more}" if others else ""
        if found.note or note:
            print_line(screen(), [(found.note or note, "yellow")])
        _show(lines, reasons, first)
    return 0


def told(number: int, line: Line, reason: Reason) -> dict[str, object]:
    """Tell a line for `--json`; `number` is its number now."""
    path, step, original = line.place
    return {
        "line": number,
        "text": line.text,
        "actor": who(step),
        "event_id": step and step.event_id,
        "session_id": step and step.session_id,
        "prompt_id": reason.prompt_id,
        "prompt": reason.text,
        "model": reason.model,
        "timestamp": step and step.timestamp,
        "program": step and step.program,
        "file_path": path,
        "original_line": original,
    }


def _show(lines: Sequence[Line], reasons: Reasons, number: int) -> None:
    """Print the lines, `number` of the file's before them, with a margin once for each block."""
    out = screen()
    _, words, form = next((one for one in WIDTHS if out.width >= one[0]), NARROW)
    digits = len(str(number + len(lines)))
    styles: dict[str, str] = {}
    for step, block in groupby(lines, lambda line: line.place.step):
        cells = _margin(step, reasons.of(step), (words, form), styles)
        blank: list[Cell] = [(" " * sum(columns(text) for text, _ in cells), "")]
        for line in block:
            number += 1
            code = printable(line.text.expandtabs(4))
            print_line(out, [*cells, (f" {number:>{digits}}│ ", "dim"), (code, "")])
            cells = blank


def _margin(
    step: Step | None, reason: Reason, shape: tuple[int, str], styles: dict[str, str]
) -> list[Cell]:
    words, form = shape
    session = step and step.session_id
    style = "dim"
    if session:
        style = styles.setdefault(session, SESSION_STYLES[len(styles) % len(SESSION_STYLES)])
    actor = "before" if who(step) == BEFORE_RECORDING else who(step)
    when = local(step.timestamp, form) if step else "not yet"
    size = len(local(SOME_TIME, form))
    return [
        (f"{((step and step.event_id) or '-')[:ID_DIGITS]:<{ID_DIGITS}} ", style),
        (f"{actor:<7} ", style),
        (f"{when:<{size}} " if form else "", "dim"),
        (padded(cropped(printable(summary(step, reason)), words), words), style),
    ]


def _porcelain(
    found: Present, lines: Sequence[Line], reasons: Reasons, first: int
) -> Iterator[str]:
    """Write the lines as `git blame --porcelain` does (https://git-scm.com/docs/git-blame)."""
    root = repository()
    said: set[str] = set()
    for number, line in enumerate(lines, 1):
        place = line.place
        commit = _commit(place)
        size = "" if number > 1 and _goes_on(lines, number - 1) else f" {_run(lines, number)}"
        yield f"{commit} {place.number} {first + number}{size}"
        if commit not in said:
            said.add(commit)
            yield from _header(place, reasons.of(place.step))
            path = found.path if place.path == found.known_as else place.path
            name = os.path.relpath(path, root) if root and path.startswith(f"{root}/") else path
            yield f"filename {printable(name)}"
        yield f"\t{printable(line.text) if sys.stdout.isatty() else line.text}"


def _commit(place: Place) -> str:
    """Return a step's id in as many digits as git has."""
    return id_of(place.path, place.step).ljust(40, "0") if place.step else NO_COMMIT


def _goes_on(lines: Sequence[Line], at: int) -> bool:
    """Check whether line `at` (from 0) followed the one before it also where they came from."""
    last, here = lines[at - 1].place, lines[at].place
    return (last.step, last.path, last.number + 1) == (here.step, here.path, here.number)


def _run(lines: Sequence[Line], number: int) -> int:
    """Count the lines from number `number` (from 1) on that came together."""
    end = number
    while end < len(lines) and _goes_on(lines, end):
        end += 1
    return end - number + 1


def _header(place: Place, reason: Reason) -> Iterator[str]:
    step = place.step
    author = "/".join(filter(None, (who(step), reason.model))) if step else NOT_YET
    seconds = _seconds(step.timestamp) if step else 0
    for role in ("author", "committer"):
        yield f"{role} {printable(author)}"
        yield f"{role}-mail <{printable((step and step.session_id) or '')}>"
        yield f"{role}-time {seconds}"
        yield f"{role}-tz +0000"
    yield f"summary {printable(summary(step, reason) or author)}"
    if place.is_before:
        yield "boundary"


def _seconds(timestamp: str) -> int:
    """Return a time of the ledger in seconds since 1970, 0 for what is no time."""
    try:
        return int(datetime.fromisoformat(timestamp.replace("Z", "+00:00")).timestamp())
    except (ValueError, OverflowError):
        return 0
