"""`pattern-tracker` alone: this project, today's sessions, what waits, and what to ask next."""

import argparse
import os
import shlex
import time
from contextlib import closing

from lib.commands import facts, when
from lib.commands.common import print_json, repository, spool_directory
from lib.commands.facts import Facts
from lib.commands.reading import has_ledger, read_ledger
from lib.commands.setup import link
from lib.commands.terminal import Cell, print_rows, relative, shortened
from lib.commands.when import local
from lib.delivery.circuit import CLOSED
from lib.ledger.usage import Project, Session, Stats
from lib.system.places import here

# How many sessions are shown, how much of an id, and how many commands.
SESSIONS, ID_LENGTH, COMMANDS = 6, 8, 3
UNKNOWN = Project(0, None, None, [])


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Take nothing of its own after the verb."""


def run(options: argparse.Namespace) -> int:
    """Print the home screen. Raises CommandError."""
    directory, root = spool_directory(), repository() or here()
    known = facts.gather(directory)
    project = UNKNOWN
    if has_ledger(directory):
        with closing(read_ledger(Stats, directory)) as ledger:
            project = ledger.project(root)
    waiting, problems = _waiting(known), _problems(known, time.time())
    commands = _commands(known, project, problems)
    if options.json:
        sessions = [session._asdict() for session in project.sessions]
        found = {"project": root, **project._asdict(), "sessions": sessions}
        print_json({**found, "waiting": waiting, "problems": problems, "next": commands})
        return 0
    command = known["command"]
    groups: dict[str, list[Cell]] = {
        "project": [(_named(root, project), ""), *_recorded(project, known)],
        "sessions": [(_told(session), "") for session in project.sessions[:SESSIONS]],
        "waiting": [("; ".join(waiting) or "nothing", "yellow" if waiting else "green")],
        "problems": [(problem, "bold red") for problem in problems],
        "ask next": [(f"{link.NAME} {verb}", "cyan") for verb in commands],
        "command": [(command, "")] if command != link.NAME else [],
    }
    rows = [(name, n, cell) for name, cells in groups.items() for n, cell in enumerate(cells)]
    print_rows([(("" if n else name, "bold"), cell) for name, n, cell in rows])
    return 0


def _named(root: str, project: Project) -> str:
    """Name a project; a worktree by the repository that it belongs to, too."""
    main = (project.repository or "").removesuffix("/.git")
    is_worktree = main and not f"{main}/".startswith(f"{root}/")
    return f"{shortened(root)}, a worktree of {shortened(main)}" if is_worktree else shortened(root)


def _recorded(project: Project, known: Facts) -> list[Cell]:
    """Return what is known of the project: how much, and what was changed last."""
    if not project.last_file:
        first = "nothing yet: it begins with Claude's first edit"
        return [("no file of it was recorded yet" if known["last_capture"] else first, "")]
    today = _many(sum(session.edits for session in project.sessions), "edit")
    ago = when.ago(project.last_change, time.time())
    return [
        (f"{_many(project.files, 'file')} tracked, {today} today", ""),
        (f"{relative(project.last_file)} changed {ago}", ""),
    ]


def _told(session: Session) -> str:
    counts = f"{_many(session.edits, 'edit')} in {_many(session.files, 'file')}"
    last = local(session.last_change, "%H:%M")
    return f"{session.session_id[:ID_LENGTH] or '-':<{ID_LENGTH}}  {counts}, the last at {last}"


def _waiting(known: Facts) -> list[str]:
    pending, quarantined = known["pending"], known["quarantined"]
    events = [_many(pending, "event")] if pending else []
    return [*events, f"{quarantined} in quarantine"] if quarantined else events


def _problems(known: Facts, now: float) -> list[str]:
    """Return what is wrong, in a few words each."""
    circuit, problem = str(known["circuit_breaker"]["state"]), known["service"]["problem"]
    others = [(url, known["services"].get(url)) for url in facts.others(known)]
    packages = facts.environment(known["environment"], now)
    told = {
        "tracking is off": not known["enabled"],
        f"circuit {circuit.replace('_', '-')}": circuit != CLOSED,
        f"packages: {packages}": packages,
        f"service: {problem}": problem,
        **{f"{url}: {it['problem']}": True for url, it in others if it and it["problem"]},
        f"flusher: {facts.flusher(known['flusher'], now)}": known["flusher"]["last_error"],
    }
    return [words for words, applies in told.items() if applies]


def _commands(known: Facts, project: Project, problems: list[str]) -> list[str]:
    """Return what to type for more of what is shown, the most urgent first."""
    path = project.last_file or ""
    path = os.path.relpath(path) if path and here() else path
    session = project.sessions[0].session_id[:ID_LENGTH] if project.sessions else ""
    told = {
        "doctor": problems or not path,
        "quarantine list": known["quarantined"],
        f"lineage --diff {shlex.quote(path)}": path,
        f"log --session {shlex.quote(session)}": session,
        "stats": path,
        "--help": True,
    }
    return [verb for verb, applies in told.items() if applies][:COMMANDS]


def _many(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}"
