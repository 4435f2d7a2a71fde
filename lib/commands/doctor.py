"""`pattern-tracker doctor`: everything that can be wrong, and what to do about it."""

import argparse
import logging
import os
import sqlite3
import time
from collections.abc import Callable, Mapping
from typing import Any

from lib.commands.common import print_json
from lib.commands.doctor_checks import client_settings, hook_entries, kept_data, reachability
from lib.commands.doctor_checks.finding import OK, SERIOUS, UNKNOWN, WARNING, Finding, Site
from lib.commands.status import gather
from lib.commands.terminal import Cell, print_rows, shortened
from lib.system import bundle, files
from lib.system.logger import LOGGER
from lib.system.settings import Settings

# In the order of an event's way: what comes first explains what follows.
CHECKS: tuple[Callable[[Site], Finding], ...] = (
    hook_entries.tracking,
    hook_entries.policy,
    hook_entries.registration,
    hook_entries.interpreter,
    hook_entries.versions,
    hook_entries.variables,
    kept_data.cache,
    kept_data.disk,
    reachability.clock,
    reachability.capture,
    reachability.packages,
    reachability.flusher,
    reachability.service,
    kept_data.ledger,
    kept_data.quarantine,
    kept_data.dropped,
)
STYLES = {OK: "green", WARNING: "yellow", SERIOUS: "bold red", UNKNOWN: "dim"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What may follow the verb: nothing of its own."""


def run(options: argparse.Namespace) -> int:
    """Check; 1 if something is serious."""
    # What the library would log is said by the findings.
    logging.getLogger(LOGGER).addHandler(logging.NullHandler())
    site = look()
    found = [examine(site, check) for check in CHECKS]
    serious = sum(finding.level == SERIOUS for finding in found)
    if options.json:
        print_json({"serious": serious, "checks": [finding._asdict() for finding in found]})
    else:
        _print(found)
    return 1 if serious else 0


def look() -> Site:
    """What there is to check, with the variables that the client hands to the hooks."""
    root = bundle.root()
    config_dir = Settings(os.environ).config_dir
    project = os.environ.get("CLAUDE_PROJECT_DIR") or os.getcwd()
    sources = client_settings.sources(config_dir, project)
    entries = client_settings.entries(sources, config_dir)
    environ = {**os.environ, **client_settings.environment(sources)}
    settings = Settings(environ)
    return Site(
        root=root,
        bundle=entries[0].root if entries else root,
        environ=environ,
        settings=settings,
        sources=sources,
        entries=entries,
        status=_status(settings.cache_dir),
        now=time.time(),
    )


def _status(directory: str) -> Mapping[str, Any] | None:
    if not directory or files.refusal(directory):
        return None
    try:
        return gather(directory)
    except (OSError, sqlite3.Error):
        return None


def examine(site: Site, check: Callable[[Site], Finding]) -> Finding:
    """What `check` finds; a check that fails itself says so, and hides nothing else."""
    try:
        return check(site)
    except Exception as error:
        problem = f"could not be checked: {type(error).__name__}: {error}"
        return Finding(check.__name__, UNKNOWN, problem)


def _print(found: list[Finding]) -> None:
    rows: list[tuple[Cell, Cell, Cell]] = []
    for finding in found:
        style = STYLES[finding.level]
        rows.append(((finding.level, style), (finding.name, ""), (shortened(finding.text), "")))
        if finding.fix:
            rows.append((("", ""), ("", ""), (f"-> {shortened(finding.fix)}", style)))
    print_rows(rows)
    print(f"\n{_verdict(found)}")


def _verdict(found: list[Finding]) -> str:
    counts = {level: sum(f.level == level for f in found) for level in (SERIOUS, WARNING)}
    if counts[SERIOUS]:
        return f"{counts[SERIOUS]} serious, {counts[WARNING]} to look at"
    if counts[WARNING]:
        return f"nothing serious, {counts[WARNING]} to look at"
    return "nothing found"
