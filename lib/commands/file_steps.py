"""Tell the steps of a file: when, who, what and how much."""

from typing import Any

from lib.commands import on_disk
from lib.commands.common import printable
from lib.commands.terminal import Cell, print_line, relative, screen
from lib.commands.when import local
from lib.ledger.history import History
from lib.ledger.reasons import Reasons, first_line
from lib.ledger.revisions import AGENT, SHELL, UNDO
from lib.ledger.steps import Step, changed_lines, size_of, steps_of
from lib.ledger.text import storable

ID_DIGITS = 8
# Below this many columns the columns are as narrow as what is mostly in them.
WIDE = 100
STYLES = {AGENT: "green", SHELL: "cyan", UNDO: "blue"}


def told(history: History, path: str) -> list[dict[str, Any]]:
    """List the steps of the file at `path` for `--json`, newest first."""
    reasons = Reasons(history)
    return [_entry(history, reasons, path, step) for step in steps_of(history, path)]


def _entry(history: History, reasons: Reasons, path: str, step: Step) -> dict[str, Any]:
    added, removed = size_of(history, step) or (None, None)
    reason = reasons.of(step)
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
        "prompt_id": reason.prompt_id,
        "prompt": reason.text,
        "model": reason.model,
        "agent_id": step.agent_id,
        "added": added,
        "removed": removed,
    }
    return {**entry, "from": step.origin} if step.origin else entry


def since(history: History, path: str) -> tuple[int, int] | None:
    """Count the lines that the file at `path` has gained and lost since; None if unknown."""
    last = next(iter(steps_of(history, path, 1)), None)
    before = history.snapshot(last.snapshot) if last else None
    after = on_disk.code_of(path)
    return None if before is None or after is None else changed_lines(before, after)


def moved_to(history: History, path: str) -> str:
    """Return the file that took over what the file at `path` held, "" if none did."""
    query = (
        "SELECT t.path FROM files f JOIN revisions o ON o.file_id = f.file_id "
        "JOIN revisions r ON r.origin = o.revision_id JOIN files t ON t.file_id = r.file_id "
        "WHERE f.path = ? AND r.change = 'moved' ORDER BY r.revision_id DESC LIMIT 1"
    )
    found = history.rows(query, (storable(path),))
    return str(found[0][0]) if found else ""


def show(history: History, path: str, newest: int = -1) -> None:
    """Print the steps of the file at `path`, newest first, a line each."""
    out, reasons = screen(), Reasons(history)
    for step in steps_of(history, path, newest):
        asked = first_line(reasons.of(step).text)
        print_line(out, _cells(history, step, asked, out.width >= WIDE))


def _cells(history: History, step: Step, asked: str, is_wide: bool) -> list[Cell]:
    size = size_of(history, step)
    much = f"+{size[0]} -{size[1]}" if size else ""
    who = f"{step.actor} {step.program}" if step.program else step.actor
    how = " ".join(filter(None, (step.change, step.reason)))
    origin = f"  from {relative(printable(step.origin))}" if step.origin else ""
    return [
        (f"{(step.event_id or '-')[:ID_DIGITS]:<{ID_DIGITS}}", "dim"),
        (f"  {local(step.timestamp, '%m-%d %H:%M:%S' if is_wide else '%m-%d %H:%M')}", "dim"),
        (f"  {who:<{14 if is_wide else 9}}", STYLES.get(step.actor, "magenta")),
        (f"  {how:<{16 if is_wide else 8}}", "yellow"),
        (f"  {much:<{9 if is_wide else 7}}", ""),
        (f"  {asked or step.pattern_id}", "" if asked else "dim"),
        (origin, "dim"),
    ]
