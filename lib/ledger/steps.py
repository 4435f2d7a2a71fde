"""Read the steps of a file: its revisions, with what each changed."""

from typing import NamedTuple

from lib.ledger import diff
from lib.ledger.history import History
from lib.ledger.text import storable
from lib.system import packages
from lib.system.digest import hex_digest

_SELECT = (
    "SELECT r.revision_id, r.change, r.actor, r.pattern_id, r.snapshot, p.snapshot AS before, "
    "r.timestamp, coalesce(e.event_id, r.event_id) AS event_id, r.session_id, r.program, "
    "r.prompt_id, r.tool_use_id, r.agent_id, e.event_type, e.tool_name, e.reason, "
    "origin_file.path AS origin, r.origin AS origin_id "
    "FROM files f JOIN revisions r ON r.file_id = f.file_id "
    "LEFT JOIN revisions p ON p.revision_id = r.parent "
    "LEFT JOIN events e ON e.seq = r.seq "
    "LEFT JOIN revisions o ON o.revision_id = r.origin "
    "LEFT JOIN files origin_file ON origin_file.file_id = o.file_id"
)
_PATH = "SELECT path FROM files JOIN revisions USING (file_id) WHERE revision_id = ?"
_BY_EVENT = (
    "SELECT revision_id FROM revisions WHERE event_id = ?1 UNION ALL "
    "SELECT revision_id FROM events e JOIN revisions r ON r.seq = e.seq WHERE e.event_id = ?1"
)
_QUERY = f"{_SELECT} WHERE f.path = ? ORDER BY r.revision_id DESC LIMIT ?"


class Step(NamedTuple):
    """A revision of a file.

    `change` and `actor` are words of `lib.ledger.revisions`; `before` is the snapshot of the
    revision before; `origin` is the path of the file that the first content came from,
    `origin_id` the revision of that file.
    """

    revision_id: int
    change: str
    actor: str
    pattern_id: str
    snapshot: str | None
    before: str | None
    timestamp: str
    event_id: str | None
    session_id: str | None
    program: str | None
    prompt_id: str | None
    tool_use_id: str | None
    agent_id: str | None
    event_type: str | None
    tool_name: str | None
    reason: str | None
    origin: str | None
    origin_id: int | None


def steps_of(history: History, path: str, newest: int = -1) -> list[Step]:
    """List the `newest` steps (-1: all) of the file at `path`, newest first."""
    return [Step(*row) for row in history.rows(_QUERY, (storable(path), newest))]


def step_of(history: History, revision_id: int) -> Step:
    """Return the step of a file that made a revision."""
    return Step(*history.rows(f"{_SELECT} WHERE r.revision_id = ?", (revision_id,))[0])


def step_by(history: History, event_id: str = "", revision: int = 0) -> tuple[str, Step] | None:
    """Find one step by its event or its number, with its file's path; None if there is none."""
    if event_id:
        found = history.rows(_BY_EVENT, (storable(event_id),))
        revision = found[0][0] if found else 0
    rows = history.rows(f"{_SELECT} WHERE r.revision_id = ?", (revision,))
    return (str(history.rows(_PATH, (revision,))[0][0]), Step(*rows[0])) if rows else None


def id_of(path: str, step: Step) -> str:
    """Return the id of a step of the file at `path`; one without an event gets one of its own."""
    told = "\0".join((path, step.timestamp, step.pattern_id, step.snapshot or "", step.change))
    return step.event_id or hex_digest(f"step\0{told}")[:32]


def size_of(history: History, step: Step) -> tuple[int, int] | None:
    """Count the lines that a step added and removed; None where no code was kept."""
    after = "" if step.snapshot is None and step.change == "deleted" else _code(history, step)
    before = history.snapshot(step.before) if step.before else None
    if after is None or (before is None and step.before is None and step.change == "modified"):
        return None
    return changed_lines(before or "", after)


def changed_lines(before: str, after: str) -> tuple[int, int] | None:
    """Count the lines that were added and removed; None while the packages for it are missing."""
    added = removed = 0
    try:
        found = diff.opcodes(before.splitlines(), after.splitlines())
    except packages.Missing:
        return None
    for tag, i1, i2, j1, j2 in found:
        if tag != "equal":
            added, removed = added + j2 - j1, removed + i2 - i1
    return added, removed


def _code(history: History, step: Step) -> str | None:
    return history.snapshot(step.snapshot) if step.snapshot else None
