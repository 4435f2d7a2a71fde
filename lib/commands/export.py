"""Run `pattern-tracker export`: print the events for other programs, a JSON object a line."""

import argparse
import json
import os
import sys
from collections.abc import Iterator
from typing import IO

from lib.commands import on_disk
from lib.commands.common import (
    NOTHING,
    CommandError,
    names_of,
    opened,
    printable,
    repository,
)
from lib.commands.present import clean
from lib.commands.when import instant
from lib.ledger.agent_trace import record
from lib.ledger.attribution import attribute
from lib.ledger.biography import done_by
from lib.ledger.filters import Filter
from lib.ledger.history import History
from lib.ledger.reasons import Reasons
from lib.ledger.worktrees import Worktrees
from lib.system.places import real

FORMATS = ("jsonl", "agent-trace")
# What one printed line says: an event, or a trace record.
Line = dict[str, object]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Return what may follow the verb."""
    parser.add_argument("--format", choices=FORMATS, default=FORMATS[0], help="jsonl if not given")
    parser.add_argument("-o", "--output", metavar="FILE", help="a new file, of mode 0600")
    parser.add_argument("--since", default="", metavar="TIME", help="2h, 3d or ISO 8601")
    parser.add_argument("--code", action="store_true", help="jsonl: with each event's code")
    parser.add_argument(
        "--root", metavar="DIR", help="agent-trace: the repository (default: the one here)"
    )


def run(options: argparse.Namespace) -> int:
    """Print the events, or write them to a file. Raises CommandError."""
    root = _repository(options.root) if options.format == "agent-trace" else ""
    since = instant(options.since) if options.since else ""
    history = opened(History)
    if history is None:
        lines: Iterator[Line] = iter(())
    elif root:
        lines = _traces(history, root, since)
    else:
        lines = _events(history, options.code, since)
    count = _write(lines, options.output) if options.output else _print(lines, sys.stdout)
    if not count:
        text = f"nothing that was recorded{' since then' * bool(since)}"
        text = f"{text} lies in {printable(root)}" if root else f"{text} is there"
        text = text if history else NOTHING
        print(f"pattern-tracker: {text}", file=sys.stderr)
    return 0


def _write(lines: Iterator[Line], path: str) -> int:
    try:
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    except FileExistsError:
        raise CommandError(f"{path} exists; nothing was written") from None
    try:
        with open(fd, "w", encoding="ascii") as file:
            return _print(lines, file)
    except BaseException:
        os.unlink(path)
        raise


def _print(lines: Iterator[Line], file: IO[str]) -> int:
    count = 0
    for line in lines:
        file.write(json.dumps(line) + "\n")
        count += 1
    return count


def _events(history: History, code: bool, since: str) -> Iterator[Line]:
    for row in history.stream(Filter(since=since)):
        event = {
            **row.public(),
            "content_id": row.content_id,
            "edge_type": row.edge_type,
            # The creation of a pattern that nobody saw made, told from its first change.
            "implied": bool(row.implied),
        }
        event["units"] = [one.public() for one in done_by(history, row.seq)]
        if code:
            event["code"] = history.snapshot(row.snapshot)
        yield event


def _traces(history: History, root: str, since: str) -> Iterator[Line]:
    reasons = Reasons(history)
    for path, name in _files(history, root).items():
        code = on_disk.code_of(path)
        if code is None and os.path.isdir(root):
            continue
        # A repository that is not on this machine any more is told as it was.
        lines = attribute(history, name, None if code is None else clean(code))
        is_whole = code is None or code.endswith("\n")
        made = record(os.path.relpath(path, root), lines, is_whole, reasons, since)
        if made:
            yield made


def _files(history: History, root: str) -> dict[str, str]:
    """Map the files in a repository, without links, to the names they are recorded by.

    Of several names, as in its worktrees, it is the one under which the file held last what it
    holds, else its own.
    """
    inside, worktrees = f"{root.rstrip('/')}/", Worktrees(history, root)
    found: dict[str, list[str]] = {}
    for (name,) in history.rows("SELECT path FROM files ORDER BY last_seq DESC", ()):
        # Earlier versions recorded a file by the name of a link to it.
        path = worktrees.here(name if name.startswith(inside) else real(name))
        if path.startswith(inside):
            found.setdefault(path, []).append(name)
    return {path: _name(history, path, names) for path, names in sorted(found.items())}


def _name(history: History, path: str, names: list[str]) -> str:
    if len(names) > 1:
        for name in names:
            if on_disk.state(history, path, name) == on_disk.SAME:
                return name
    return path if path in names else names[0]


def _repository(given: str | None) -> str:
    """Return the directory that the records' paths start from. Raises CommandError without one."""
    found = names_of(given)[0] if given else repository()
    if not found:
        raise CommandError("Agent Trace is kept in a repository: go there, or name it by --root")
    return found
