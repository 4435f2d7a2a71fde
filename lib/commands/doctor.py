"""Run `pattern-tracker doctor`: check everything that can be wrong, and say what to do."""

import argparse
import logging
import os
import sqlite3
import time
from collections.abc import Callable

from lib.commands.common import print_json
from lib.commands.doctor_checks import (
    client_settings,
    exclusions,
    hook_entries,
    kept_data,
    needs,
    obstructions,
    past_sessions,
    reachability,
    recorded_files,
)
from lib.commands.doctor_checks.finding import OK, SERIOUS, UNKNOWN, WARNING, Finding, Site, Unread
from lib.commands.facts import Facts, gather
from lib.commands.terminal import Cell, print_rows, shortened
from lib.system import bundle, files
from lib.system.logger import LOGGER
from lib.system.places import here
from lib.system.settings import Settings

# In the order of an event's way: what comes first explains what follows.
CHECKS: dict[str, Callable[[Site], Finding]] = {
    "tracking": hook_entries.tracking,
    "policy": hook_entries.policy,
    "hooks": hook_entries.registration,
    "interpreter": hook_entries.interpreter,
    "version": hook_entries.versions,
    "variables": hook_entries.variables,
    "cache": kept_data.cache,
    "disk": kept_data.disk,
    "clock": reachability.clock,
    "capture": reachability.capture,
    "sessions": past_sessions.unrecorded,
    "ignored": exclusions.rules,
    "redaction": exclusions.patterns,
    "mounts": obstructions.mounts,
    "packages": reachability.packages,
    "flusher": reachability.flusher,
    "service": reachability.service,
    "needs": needs.needs,
    "ledger": kept_data.ledger,
    "files": recorded_files.files,
    "quarantine": kept_data.quarantine,
    "dropped": kept_data.dropped,
}
STYLES = {OK: "green", WARNING: "yellow", SERIOUS: "bold red", UNKNOWN: "dim"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Take nothing of its own after the verb."""


def run(options: argparse.Namespace) -> int:
    """Make all checks and print the findings; return 1 if one is serious."""
    # What the library would log is said by the findings.
    logging.getLogger(LOGGER).addHandler(logging.NullHandler())
    site = look()
    found = {name: examine(site, check) for name, check in CHECKS.items()}
    serious = sum(finding.level == SERIOUS for finding in found.values())
    if options.json:
        checks = [{"name": name, **finding._asdict()} for name, finding in found.items()]
        print_json({"serious": serious, "checks": checks})
    else:
        _print(found)
    return 1 if serious else 0


def look() -> Site:
    """Gather what the checks look at, with the variables that the client hands to the hooks."""
    root = bundle.root()
    config_dir = Settings(os.environ).config_dir
    project = os.environ.get("CLAUDE_PROJECT_DIR") or here()
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


def _status(directory: str) -> Facts | None:
    if not directory or files.refusal(directory):
        return None
    try:
        return gather(directory)
    except (OSError, sqlite3.Error):
        return None


def examine(site: Site, check: Callable[[Site], Finding]) -> Finding:
    """Make one check; a check that fails itself becomes a finding, and the others go on."""
    try:
        return check(site)
    except Unread as error:
        return Finding(UNKNOWN, str(error))
    except Exception as error:
        return Finding(UNKNOWN, f"could not be checked: {type(error).__name__}: {error}")


def _print(found: dict[str, Finding]) -> None:
    rows: list[tuple[Cell, Cell, Cell]] = []
    for name, (level, text, fix) in found.items():
        style = STYLES[level]
        rows.append(((level, style), (name, ""), (shortened(text), "")))
        if fix:
            rows.append((("", ""), ("", ""), (f"-> {shortened(fix)}", style)))
    print_rows(rows)
    print(f"\n{_verdict([finding.level for finding in found.values()])}")


def _verdict(levels: list[str]) -> str:
    serious, warnings = levels.count(SERIOUS), levels.count(WARNING)
    if not serious and not warnings:
        return "nothing found"
    return f"{serious or 'nothing'} serious, {warnings} to look at"
