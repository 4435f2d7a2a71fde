"""Run `pattern-tracker sessions`: what was asked for in each session, and what that changed."""

import argparse
from contextlib import closing
from itertools import groupby

from lib.commands.common import opened, print_json, say_nothing
from lib.commands.log import WIDE, number_of
from lib.commands.short_ids import only
from lib.commands.terminal import Cell, print_line, relative, screen
from lib.commands.when import local
from lib.ledger import session_figures
from lib.ledger.history import History
from lib.ledger.reasons import first_line
from lib.ledger.session_figures import Change, Summary

SHOWN = 10
# How much of an id is shown; enough to give it to another command.
ID_DIGITS = 8
UNKNOWN = "(prompt not known)"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the verb's arguments."""
    parser.add_argument("id", metavar="ID", nargs="?", default="", help="one, prompt by prompt")
    text = f"the last N (default {SHOWN})"
    parser.add_argument("-n", type=number_of, default=SHOWN, metavar="N", help=text)


def run(options: argparse.Namespace) -> int:
    """Print the sessions, the last first, or one of them. Raises CommandError."""
    history = opened(History)
    if history is None:
        return say_nothing(options.json)
    out = screen()
    with closing(history):
        if options.id:
            asked = only(session_figures.beginning(history, options.id), options.id)
            one = session_figures.summary(history, asked)
            print_json(_public(one)) if options.json else _show(one)
            return 0
        for session_id in session_figures.newest(history, options.n):
            found = session_figures.summary(history, session_id)
            print_json(_public(found)) if options.json else print_line(
                out, _cells(found, out.width)
            )
    return 0


def _public(found: Summary) -> dict[str, object]:
    """Return what `--json` prints."""
    added, removed = found.lines
    return {
        **found.about._asdict(),
        "first": found.first,
        "last": found.last,
        "models": found.models,
        "files": found.files,
        "edits": len(found.changes),
        "added": added,
        "removed": removed,
        "prompts": [prompt._asdict() for prompt in found.prompts],
        "changes": [change._asdict() for change in found.changes],
    }


def _cells(found: Summary, width: int) -> list[Cell]:
    added, removed = found.lines
    model = f"  {', '.join(map(_short, found.models)) or '-':<12}" if width >= WIDE else ""
    return [
        (f"{found.about.session_id[:ID_DIGITS]:<{ID_DIGITS}}", "bold"),
        (f"  {local(found.last, '%m-%d %H:%M')}", "dim"),
        (f"  {found.files:>3} {'file ' if found.files == 1 else 'files'}", ""),
        (f"  {f'+{added}':>6}", "green"),
        (f" {f'-{removed}':<6}", "red"),
        (model, "dim"),
        (f"  {found.asked or UNKNOWN}", "yellow" if found.asked else "dim"),
    ]


def _short(model: str) -> str:
    """Shorten a model's name as people say it."""
    return model.removeprefix("claude-").split("-20", 1)[0]


def _show(found: Summary) -> None:
    out = screen()
    print_line(out, _cells(found, out.width))
    about = found.about
    where = ", ".join(filter(None, (relative(about.cwd or ""), about.branch, about.client)))
    print_line(out, [(f"  {where}", "dim")])
    texts = {prompt.prompt_id: prompt.text for prompt in found.prompts}
    for prompt_id, changes in groupby(found.changes, key=lambda change: change.prompt_id or ""):
        asked = first_line(texts.get(prompt_id))
        print_line(out, [])
        print_line(out, [(asked or UNKNOWN, "yellow" if asked else "dim")])
        for change in changes:
            print_line(out, _changed(change))


def _changed(change: Change) -> list[Cell]:
    much = "" if change.added is None else f"+{change.added} -{change.removed}"
    return [
        (f"  {local(change.timestamp, '%H:%M:%S')}", "dim"),
        (f"  {much:<9}", ""),
        (f"  {relative(change.path) or '-'}", ""),
    ]
