"""Run `pattern-tracker show`: print the code of an event, a pattern or a file."""

import argparse
import sys
from typing import NamedTuple

from lib.commands import unit_lineage
from lib.commands.common import CommandError, opened, print_json, printable, say_nothing
from lib.commands.part import check_name, is_file, unit_in
from lib.commands.present import recorded
from lib.commands.short_ids import known_by
from lib.commands.terminal import relative, screen
from lib.commands.when import instant
from lib.ledger import biography
from lib.ledger.biography import Unit
from lib.ledger.history import History
from lib.ledger.reasons import who
from lib.ledger.revisions import DELETED
from lib.ledger.steps import steps_of


class Shown(NamedTuple):
    """Code with what is known of it; None where that is not known, or no code was kept."""

    code: str | None
    pattern_id: str
    file_path: str | None
    event_id: str | None
    timestamp: str | None
    actor: str | None
    qualified_name: str | None = None
    start_line: int | None = None
    end_line: int | None = None


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Return what may follow the verb."""
    text = "an event's or a pattern's id, how one begins, or a recorded file; a function in it"
    parser.add_argument("target", metavar="ID|FILE[:NAME]", help=text)
    parser.add_argument(
        "--at", default="", metavar="TIME", help="of a file, as it was then: 2h, 3d or ISO 8601"
    )


def run(options: argparse.Namespace) -> int:
    """Print the code. Raises CommandError for what was never recorded, or not then."""
    at = instant(options.at) if options.at else ""
    history = opened(History)
    if history is None:
        return say_nothing(options.json)
    shown = _found(history, options.target, at)
    if options.json:
        print_json(shown._asdict())
        return 0
    if shown.code is None:
        raise CommandError(f"of {printable(options.target)} no code was kept")
    screen()
    if not sys.stdout.isatty():
        print(shown.code, end="")
        return 0
    for line in shown.code.splitlines():
        print(printable(line.expandtabs(4)))
    return 0


def _found(history: History, target: str, at: str) -> Shown:
    units = unit_lineage.meant(history, target)
    if units:
        return _unit(history, unit_lineage.only(target, units), at)
    name, _, unit = target.rpartition(":")
    if name and unit and not is_file(history, target):
        _, path = recorded(history, name)
        whole = _file(history, path, at) if path else _known(history, name)
        return _part(history, whole, unit)
    _, path = ("", "") if history.knows(target) else recorded(history, target)
    if path:
        return _file(history, path, at)
    if at:
        raise CommandError(f"--at goes with a recorded file, and {printable(target)} is none")
    return _known(history, target)


def _known(history: History, prefix: str) -> Shown:
    known = known_by(history, prefix)
    return _event(history, known.full) if known.is_event else _pattern(history, known.full)


def _unit(history: History, unit: Unit, at: str) -> Shown:
    """Return what a function held last, or at a time, wherever it stood then."""
    steps = [one for one in biography.steps_of(history, unit)
             if not one.is_end and (not at or one.step.timestamp <= at)]  # fmt: skip
    if not steps:
        raise CommandError(f"{printable(unit.name)} was not recorded before that")
    one = steps[0]
    line, code = biography.code_of(history, one) or (0, None)
    told = one.pattern_id, one.path, one.step.event_id, one.step.timestamp, who(one.step)
    if line and not at and not unit.gone:
        line = unit.start_line
    last = line + (code or "").count("\n") - 1
    return Shown(code, *told, one.name, line or None, last if line else None)


def _part(history: History, shown: Shown, name: str) -> Shown:
    """Return of a file's code the lines of what is called `name`."""
    unit = unit_in(shown.code or "", shown.file_path or "", name)
    if unit is None:
        check_name(history, shown.file_path or "", name)
        return shown
    lines = (shown.code or "").split("\n")[unit.start_line - 1 : unit.end_line]
    return shown._replace(
        code="".join(f"{line}\n" for line in lines), qualified_name=unit.qualified_name,
        start_line=unit.start_line, end_line=unit.end_line,
    )  # fmt: skip


def _file(history: History, path: str, at: str) -> Shown:
    """Return what a file held last, or at a time."""
    steps = [step for step in steps_of(history, path) if not at or step.timestamp <= at]
    shown = relative(printable(path))
    if not steps:
        raise CommandError(f"{shown} was not recorded before that")
    step = steps[0]
    if step.change == DELETED and at:
        raise CommandError(f"{shown} was deleted before that")
    if step.change == DELETED:
        step = next((one for one in steps if one.change != DELETED), step)
    code = history.snapshot(step.snapshot)
    return Shown(code, step.pattern_id, path, step.event_id, step.timestamp, who(step))


def _event(history: History, event_id: str) -> Shown:
    query = (
        "SELECT snapshot, content_id, file_path, event_id, timestamp, coalesce(actor, 'agent') "
        "FROM events WHERE event_id = ?1 UNION ALL "
        "SELECT snapshot, pattern_id, path, event_id, timestamp, actor "
        "FROM revisions JOIN files USING (file_id) WHERE event_id = ?1 LIMIT 1"
    )
    digest, *told = history.rows(query, (event_id,))[0]
    return Shown(history.snapshot(digest), *told)


def _pattern(history: History, pattern_id: str) -> Shown:
    """Return a pattern as it was first seen."""
    first = history.first_events([pattern_id]).get(pattern_id)
    code = history.code_of(pattern_id)
    if first is None:
        return Shown(code, pattern_id, None, None, None, None)
    return Shown(
        code, pattern_id, first.file_path, first.event_id, first.timestamp, first.who
    )  # fmt: skip
