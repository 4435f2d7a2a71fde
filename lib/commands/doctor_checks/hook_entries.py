"""Check that the hooks run: switch, policy, registration, interpreter, version."""

import os
import re
import shutil
import subprocess

from lib.commands.doctor_checks import client_settings, hook_policy
from lib.commands.doctor_checks.finding import (
    INSTALL,
    OK,
    SERIOUS,
    UNKNOWN,
    WARNING,
    Entry,
    Finding,
    Site,
)
from lib.flusher import plugin_environment
from lib.registration import client_version, hook_command
from lib.system.pythons import defect

TOOLS = ("Write", "Edit", "NotebookEdit", "Bash")
TAKEOVER_SECONDS = 60.0
_ADD_AGAIN = "claude plugin marketplace add, with the directory where it is now"


def tracking(site: Site) -> Finding:
    """Check that tracking is switched on."""
    if site.settings.enabled:
        return Finding(OK, "on")
    name = "PATTERN_TRACKING_ENABLED"
    where = [s.path for s in site.sources if name in client_settings.environment([s])] or [
        "the environment"
    ]
    text = f"off: {name} is false in {where[-1]}"
    return Finding(SERIOUS, text, "take the variable away, or set it to true")


def policy(site: Site) -> Finding:
    """Check that the client's policy lets hooks run."""
    captures = [entry for entry in site.entries if entry.event == "PostToolUse"]
    setting, path = hook_policy.obstacle(site.sources, captures, site.environ)
    if not setting:
        return Finding(OK, "the client's settings let hooks run")
    if not path:
        text = f"{setting} is set: sessions that are started here run no hooks"
        return Finding(SERIOUS, text, f"unset {setting}")
    fix = f"ask who looks after {path}" if "managed" in path else f"take it out of {path}"
    return Finding(SERIOUS, f"{setting} keeps the hooks from running", fix)


def registration(site: Site) -> Finding:
    """Check that each hook is registered, once, for all tools."""
    for source in site.sources:
        if source.problem:
            return Finding(SERIOUS, f"{source.path}: {source.problem}", "correct that file")
    missing = set(hook_command.SCRIPTS) - {entry.event for entry in site.entries}
    if len(missing) == len(hook_command.SCRIPTS):
        return Finding(SERIOUS, "not registered: nothing is captured", INSTALL)
    if missing:
        level = SERIOUS if "PostToolUse" in missing else WARNING
        return Finding(level, f"no {missing.pop()} hook is registered", INSTALL)
    for entry in site.entries:
        script = f"{entry.root}/hooks/{hook_command.EVENTS[entry.event]}"
        if not os.path.exists(script):
            is_plugin = entry.where.startswith(client_settings.PLUGIN)
            text = (
                f"{script} is gone: {entry.where} is not loaded"
                if is_plugin
                else f"{script} is gone"
            )
            return Finding(SERIOUS, text, _ADD_AGAIN if is_plugin else INSTALL)
    failed = [entry for entry in site.entries if entry.event == hook_command.FAILED]
    found = client_version.version() if failed else ()
    if () < found < client_version.TELLS_OF_FAILURES:
        client, where = ".".join(map(str, found)), failed[0].where
        text = f"Claude Code {client} does not know {hook_command.FAILED}: no hook of {where} runs"
        return Finding(SERIOUS, text, INSTALL)
    return _of_edits([entry for entry in site.entries if entry.event == "PostToolUse"])


def _of_edits(entries: list[Entry]) -> Finding:
    """Check that the hook that captures is registered once, and for all tools."""
    if len(entries) > 1:
        where = ", ".join(entry.where for entry in entries)
        text = f"registered {len(entries)} times: {where}; still one event a call"
        return Finding(WARNING, text, "take all but one out: each costs time at every edit")
    missed = [tool for tool in TOOLS if not _matches(entries[0].matcher, tool)]
    if missed:
        text = f"the matcher in {entries[0].where} leaves out {', '.join(missed)}"
        return Finding(WARNING, text, INSTALL)
    return Finding(OK, f"registered in {entries[0].where}")


def _matches(matcher: str, tool: str) -> bool:
    try:
        return matcher in ("", "*") or re.fullmatch(matcher, tool) is not None
    except re.error:
        return False


def interpreter(site: Site) -> Finding:
    """Check that the registered Python exists, and is recent enough."""
    if not site.entries:
        return Finding(UNKNOWN, "no hook is registered")
    found = {entry.interpreter: entry for entry in site.entries}
    for word, entry in found.items():
        path = shutil.which(word) if word else None
        fault = defect(path) if path else "is gone"
        # A plugin's is what it remembers, or what PATH names; before, that of its environment.
        is_own = not os.path.isabs(word) or word.startswith(f"{entry.root}/")
        if fault and not (is_own and _takes_over(site, entry)):
            return _faulty(site, entry, f"{path or word or 'none'} {fault}")
        is_path = entry.takes_over and os.path.isabs(word) and not is_own
        if is_path and not hook_command.is_marked(entry.root, word):
            text = f"{word} is not what it was: each hook looks for a Python first"
            return Finding(WARNING, text, _mended(site))
    return Finding(OK, ", ".join(found))


def _faulty(site: Site, entry: Entry, text: str) -> Finding:
    other = _takes_over(site, entry) if entry.takes_over else ""
    if not other:
        return Finding(SERIOUS, f"{text}: no hook runs", INSTALL)
    return Finding(WARNING, f"{text}: {other} takes over", _mended(site))


def _takes_over(site: Site, entry: Entry) -> str:
    """Find the Python that takes over for the hook `entry`, "" if there is none."""
    script = f"{entry.root}/hooks/{hook_command.TAKEOVER}"
    try:
        done = subprocess.run(
            ["/bin/sh", script, entry.interpreter],
            stdin=subprocess.DEVNULL, capture_output=True, text=True,
            check=False, timeout=TAKEOVER_SECONDS,
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip()


def _mended(site: Site) -> str:
    """Word what mends the registration, or why that failed."""
    told = site.status["interpreter"] if site.status else {}
    if told.get("state") == plugin_environment.FAILED:
        return f"that could not be mended, and is tried again hourly: {told['reason']}"
    return f"the next edit mends that; or {INSTALL}"


def versions(site: Site) -> Finding:
    """Check that the hooks run the version that this command belongs to."""
    here = _version(site.root)
    others = {entry.root for entry in site.entries} - {site.root}
    differing = sorted(f"{_version(root)} in {root}" for root in others if _version(root) != here)
    if differing:
        text = f"this is {here}, and the hooks run {', '.join(differing)}"
        return Finding(WARNING, text, INSTALL)
    if others:
        return Finding(OK, f"{here}, as the hooks in {', '.join(sorted(others))}")
    return Finding(OK, here)


def _version(root: str) -> str:
    return str(client_settings.manifest(root).get("version") or "an unknown version")


def variables(site: Site) -> Finding:
    """Check that the variables are valid, and that this shell has those of the hooks."""
    warnings = site.settings.warnings
    if warnings:
        return Finding(WARNING, "; ".join(warnings), "correct or unset it")
    ours = {n for n in client_settings.environment(site.sources) if n.startswith("PATTERN_")}
    elsewhere = sorted(n for n in ours if os.environ.get(n) != site.environ.get(n))
    if elsewhere:
        text = f"the client's settings set {', '.join(elsewhere)}, and this shell does not"
        return Finding(WARNING, text, "set it in both, or commands look elsewhere")
    return Finding(OK, "all understood")
