"""Tell the steps of a file: when, who, what and how much."""

from typing import Any

from lib.commands.common import printable
from lib.commands.terminal import Cell, print_line, relative, screen
from lib.commands.when import local
from lib.ledger.history import History
from lib.ledger.revisions import AGENT, SHELL
from lib.ledger.steps import Step, size_of, steps_of

ID_DIGITS = 8
STYLES = {AGENT: "green", SHELL: "cyan"}


def told(history: History, path: str) -> list[dict[str, Any]]:
    """List the steps of the file at `path` for `--json`, newest first."""
    return [_entry(history, path, step) for step in steps_of(history, path)]


def _entry(history: History, path: str, step: Step) -> dict[str, Any]:
    added, removed = size_of(history, step) or (None, None)
    entry = {
        "change": [step.change, *([step.reason] if step.reason else [])],
        "actor": step.actor,
        "event_id": step.event_id,
        "event_type": step.event_type,
        "pattern_id": step.pattern_id,
        "timestamp": step.timestamp,
        "file_path": path,
        "qualified_name": "",
        "session_id": step.session_id,
        "tool_name": step.tool_name,
        "program": step.program,
        "prompt_id": step.prompt_id,
        "agent_id": step.agent_id,
        "added": added,
        "removed": removed,
    }
    return {**entry, "from": step.origin} if step.origin else entry


def show(history: History, path: str, newest: int = -1) -> None:
    """Print the steps of the file at `path`, newest first, a line each."""
    out = screen()
    for step in steps_of(history, path, newest):
        print_line(out, _cells(history, step))


def _cells(history: History, step: Step) -> list[Cell]:
    size = size_of(history, step)
    much = f"+{size[0]} -{size[1]}" if size else ""
    who = f"{step.actor} {step.program}" if step.program else step.actor
    how = " ".join(filter(None, (step.change, step.reason)))
    origin = f"  from {relative(printable(step.origin))}" if step.origin else ""
    return [
        (f"{(step.event_id or '-')[:ID_DIGITS]:<{ID_DIGITS}}", "dim"),
        (f"  {local(step.timestamp, '%m-%d %H:%M:%S')}", "dim"),
        (f"  {who:<14}", STYLES.get(step.actor, "magenta")),
        (f"  {how:<16}", "yellow"),
        (f"  {much:<9}", ""),
        (f"  {step.pattern_id}{origin}", "dim"),
    ]
