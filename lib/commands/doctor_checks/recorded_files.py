"""Check that the files of this project are as they were recorded: not changed, removed, moved."""

import os
from contextlib import closing

from lib.commands import on_disk
from lib.commands.doctor_checks.finding import OK, UNKNOWN, WARNING, Finding, Site
from lib.commands.reading import has_ledger, read_ledger
from lib.ledger.history import History
from lib.system.places import here, is_gone, real

# So many are looked at, those that were recorded last.
NEWEST = 200


def files(site: Site) -> Finding:
    """Check that the files of this project are as they were recorded."""
    if not site.directory or not has_ledger(site.directory):
        return Finding(UNKNOWN, "never observed: nothing was recorded yet")
    project = real(site.environ.get("CLAUDE_PROJECT_DIR") or here())
    if not project.startswith("/"):
        return Finding(UNKNOWN, "in no project: the working directory is gone")
    root = _root(project)
    with closing(read_ledger(History, site.directory)) as history:
        states = {p: on_disk.state(history, p) for p in history.newest_files(NEWEST, root)}
        strangers = [p for p in history.newest_files(NEWEST) if p not in states and is_gone(p)]
        moved = [p for p in strangers if _stands_in(root, p, history.head(p))]
    if moved:
        text = f"{len(moved)} files that stand here were recorded elsewhere, as {moved[0]}"
        fix = "nothing is lost: lineage finds them by their code, and edits are recorded here"
        return Finding(WARNING, text, fix)
    return _compared(states)


def _compared(states: dict[str, str]) -> Finding:
    odd = {p: state for p, state in states.items() if state in (on_disk.DIFFERS, on_disk.GONE)}
    if not odd:
        return Finding(OK, f"{len(states)} recorded here, as they were recorded")
    gone = sum(state == on_disk.GONE for state in odd.values())
    text = f"{len(odd) - gone} changed and {gone} removed by others since, as {next(iter(odd))}"
    fix = "pattern-tracker lineage FILE says what was recorded; the next edit records what is there"
    return Finding(WARNING, text, fix)


def _root(directory: str) -> str:
    """Return the nearest directory with a .git, else `directory`."""
    above = directory
    while not os.path.lexists(f"{above}/.git"):
        if above == os.path.dirname(above):
            return directory
        above = os.path.dirname(above)
    return above


def _stands_in(root: str, path: str, pattern_id: str) -> bool:
    """Check whether the end of `path` leads from `root` to a file of the same code."""
    parts = path.split("/")
    names = (os.path.join(root, *parts[n:]) for n in range(1, len(parts)))
    found = next(filter(os.path.isfile, names), "")
    return bool(found) and on_disk.id_of(found) == pattern_id
