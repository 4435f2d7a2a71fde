"""Run `pattern-tracker why`: print the prompts that made a file or a line, with what each did."""

import argparse
from collections.abc import Iterable, Sequence
from itertools import groupby
from typing import Any, NamedTuple

from lib.commands import unit_lineage
from lib.commands.common import CommandError, opened, print_json, printable, say_nothing
from lib.commands.part import Part, is_file, part
from lib.commands.present import Present
from lib.commands.short_ids import event_known_by
from lib.commands.terminal import Cell, is_bounded, print_line, relative, screen
from lib.commands.when import local
from lib.ledger.history import History
from lib.ledger.line_history import Touch, touches
from lib.ledger.prompts import session
from lib.ledger.reasons import BEFORE_RECORDING, NOT_KEPT, Reason, Reasons, who
from lib.ledger.revisions import AGENT, BEFORE, FORMAT, OUTSIDE, SHELL, UNCHANGED, UNDO
from lib.ledger.steps import Step

# On a terminal so many lines of a prompt, and of what a step changed, are shown.
PROMPT_LINES, DIFF_LINES = 6, 16
ID_DIGITS = 8
ACTOR_STYLES = {AGENT: "green", SHELL: "cyan", UNDO: "blue", BEFORE_RECORDING: "dim"}
STYLES = {"+": "green", "-": "red", "@": "cyan"}


class Entry(NamedTuple):
    """A prompt with the steps made for it, newest first; or a step that had none."""

    reason: Reason
    steps: list[Touch]

    @property
    def session_id(self) -> str | None:
        """The session of the steps, None for those of nobody known."""
        step = self.steps[0].step
        return step and step.session_id


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Return what may follow the verb."""
    text = "a recorded file, one of its lines, a name in it, or an event's id"
    parser.add_argument("target", metavar="FILE[:LINE|:NAME]", help=text)
    parser.add_argument("-n", type=int, default=0, metavar="N", help="the newest N prompts")
    parser.add_argument("--all", action="store_true", help="all of each prompt and change")


def run(options: argparse.Namespace) -> int:
    """Print the prompts, newest first. Raises CommandError for what was never recorded."""
    history = opened(History)
    if history is None:
        return say_nothing(options.json, json_text="[]")
    asked, found = _asked(history, options.target)
    reasons = Reasons(history)
    entries = [
        Entry(reasons.of(steps[0].step), steps)
        for steps in _by_prompt(found, reasons)
    ]  # fmt: skip
    entries = entries[: options.n or None]
    if options.json:
        told = [_told(history, entry) for entry in entries]
        print_json({"file": asked.file.path, "line": asked.line, "name": asked.name,
                    "prompts": told})  # fmt: skip
        return 0
    _show(history, asked, entries, not options.all and is_bounded())
    return 0


def _asked(history: History, target: str) -> tuple[Part, list[Touch]]:
    """Return what was asked for, and the steps that made it, newest first."""
    unit_lineage.catch_up(history)
    units = unit_lineage.meant(history, target)
    if units and not target.rpartition(":")[2].isdecimal():
        unit = unit_lineage.only(target, units)
        file, made = unit_lineage.touches(history, unit)
        return Part(file, None, name=unit.name), made
    is_id = not is_file(history, target) and not history.files_ending(target)
    if is_id and ":" not in target:
        event_id, path = event_known_by(history, target)
        made = [t for t in touches(history, path, None) if t.step and t.step.event_id == event_id]
        if not made:
            raise CommandError(f"{event_id} changed no line of {printable(path)} that is kept")
        return Part(Present(path, path, None), None), made
    asked = part(history, target)
    return asked, touches(history, asked.file.known_as, asked.file.text, asked.span)


def _by_prompt(found: Iterable[Touch], reasons: Reasons) -> list[list[Touch]]:
    """Put steps together that follow each other and were made for one prompt."""
    groups = groupby(enumerate(found), lambda one: reasons.of(one[1].step).prompt_id or one[0])
    return [[touch for _, touch in group] for _, group in groups]


def _told(history: History, entry: Entry) -> dict[str, Any]:
    """Tell an entry for `--json`."""
    prompt = entry.reason.prompt
    session_id = entry.session_id
    return {
        "prompt_id": entry.reason.prompt_id,
        "prompt": entry.reason.text,
        "prompted": prompt and prompt.timestamp,
        "session_id": session_id,
        "title": session(history, session_id).title if session_id else None,
        "model": entry.reason.model,
        "steps": [_step(touch) for touch in entry.steps],
    }


def _step(touch: Touch) -> dict[str, Any]:
    path, step, hunks = touch
    return {
        "actor": who(step),
        "change": [step.change, *([step.reason] if step.reason else [])] if step else ["modified"],
        "event_id": step and step.event_id,
        "timestamp": step and step.timestamp,
        "tool_name": step and step.tool_name,
        "program": step and step.program,
        "file_path": path,
        "diff": "".join(f"{line}\n" for hunk in hunks for line in hunk.told()),
    }


def _show(history: History, asked: Part, entries: Sequence[Entry], is_short: bool) -> None:
    out = screen()
    if asked.file.note:
        print_line(out, [(asked.file.note, "yellow")])
    path = asked.file.path
    for number, entry in enumerate(entries):
        if number:
            print()
        if entry.session_id:
            _show_prompt(history, entry, is_short)
        for touch in entry.steps:
            print_line(out, _cells(touch, (path, asked.file.known_as)))
            lines = [line for hunk in touch.hunks for line in hunk.told()]
            shown = lines[:DIFF_LINES] if is_short and len(lines) > DIFF_LINES + 1 else lines
            for line in shown:
                code = line.expandtabs(4)
                print_line(out, [("    ", ""), (printable(code), STYLES.get(line[:1], ""))])
            if len(shown) < len(lines):
                print_line(
                    out, [(f"    ⋮ {len(lines) - len(shown)} more, --all shows them", "dim")]
                )
    if not entries:
        print_line(out, [(f"{relative(printable(path))} holds no line", "dim")])


def _show_prompt(history: History, entry: Entry, is_short: bool) -> None:
    out = screen()
    lines = (entry.reason.text or "").strip().splitlines() or [f"({NOT_KEPT})"]
    shown = lines[:PROMPT_LINES] if is_short and len(lines) > PROMPT_LINES + 1 else lines
    for line in shown:
        print_line(out, [("> ", "dim"), (printable(line.expandtabs(4)), "bold")])
    if len(shown) < len(lines):
        print_line(out, [(f"> ⋮ {len(lines) - len(shown)} more, --all shows them", "dim")])
    told = session(history, entry.session_id or "")
    prompt = entry.reason.prompt
    about = [
        local(prompt.timestamp, "%Y-%m-%d %H:%M") if prompt else "",
        entry.reason.model or "",
        f"session {printable(told.session_id)[:ID_DIGITS]}",
        f"({printable(told.title)})" if told.title else "",
    ]
    print_line(out, [("  " + "  ".join(filter(None, about)), "dim")])


def _cells(touch: Touch, paths: tuple[str, str]) -> list[Cell]:
    """Say in a line who made a step, and when."""
    step = touch.step
    where = "" if touch.path in paths else f"  in {relative(printable(touch.path))}"
    if step is None:
        return [("  outside  somebody else changed this after; not recorded yet", "magenta")]
    when = local(step.timestamp, "%Y-%m-%d %H:%M:%S")
    actor = who(step)
    return [
        (f"  {(step.event_id or '-')[:ID_DIGITS]:<{ID_DIGITS}}  {when}  ", "dim"),
        (f"{actor}  ", ACTOR_STYLES.get(actor, "magenta")),
        (f"{_how(step)}{where}", "yellow"),
    ]


def _how(step: Step) -> str:
    """Say what somebody did, and who that may have been."""
    if step.change == BEFORE:
        return ""
    if step.actor != OUTSIDE:
        # The program of a shell; the client that takes back what it did is its own.
        program = "the client's rewind" if step.actor == UNDO else printable(step.program)
        return f"{step.change} by {program}" if program else step.change
    if step.change == UNCHANGED:
        return "comments or blank lines, by somebody else"
    if step.reason == FORMAT:
        return "the layout alone, by a formatter or somebody else"
    return f"{step.change} by somebody else"
