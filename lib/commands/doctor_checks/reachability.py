"""Does what was captured get where it belongs? Capture, packages, flusher, service, clock."""

import os
import subprocess
import time

from lib.commands.doctor_checks.finding import (
    OK,
    SERIOUS,
    UNKNOWN,
    WARNING,
    Finding,
    Site,
    age,
    since,
)
from lib.delivery.approval import SUFFIX, Approvals, Refused
from lib.delivery.diagnosis import DEGRADED, HEALTHY
from lib.flusher import plugin_environment
from lib.spool import outbox, wake
from lib.system import lock
from lib.system.bundle import kept
from lib.system.packages import NAMES

PROBE_SECONDS = 20.0
# A flusher ends within 45 seconds; a hook starts one at once.
STUCK_SECONDS = 120.0
STALE_SECONDS = 600.0
LONG_SECONDS = 86_400.0
AHEAD_SECONDS = 60.0
SYNC = "pattern-tracker sync"
_MISSING = (
    "import importlib.util as u, sys; "
    "print(' '.join(n for n in sys.argv[1:] if u.find_spec(n) is None))"
)


def capture(site: Site) -> Finding:
    """Was anything ever captured?"""
    if site.status is None:
        return Finding("capture", UNKNOWN, "the status could not be read")
    last = site.status.get("last_capture")
    if last:
        text = f"the last {age(since(last, site.now))} ago, {site.status['captured']} in all"
        return Finding("capture", OK, text)
    if site.status["captured"]:
        return Finding("capture", OK, f"{site.status['captured']} in all")
    return Finding("capture", UNKNOWN, "never observed", "let Claude Code write a file")


def packages(site: Site) -> Finding:
    """Has the flusher what it needs to deliver?"""
    name, python = "packages", wake.interpreter(site.bundle)
    own = f"{site.bundle}/.venv"
    fix = "run ./install.sh in the repository"
    level = SERIOUS if _is_wanted(site) else WARNING
    preparing = _preparing(site, level)
    if preparing:
        return preparing
    if os.path.lexists(own) and not os.access(f"{own}/bin/python", os.X_OK):
        return Finding(name, level, f"{own} is broken: its Python is gone", fix)
    try:
        done = subprocess.run(
            [python, "-I", "-c", _MISSING, *NAMES],
            stdin=subprocess.DEVNULL, capture_output=True, text=True, check=True,
            timeout=PROBE_SECONDS,
        )  # fmt: skip
    except (OSError, subprocess.SubprocessError):
        return Finding(name, level, f"{python} does not start", fix)
    missing = done.stdout.split()
    if missing:
        return Finding(name, level, f"{python} lacks {', '.join(missing)}", fix)
    return Finding(name, OK, f"all there, for {python}")


def _preparing(site: Site, level: str) -> Finding | None:
    """What a plugin makes for itself, if that is not done."""
    told = (site.status or {}).get("environment", {})
    if told.get("state") == plugin_environment.PREPARING:
        text = f"being made in the background for {age(since(told['since'], site.now))}"
        return Finding("packages", UNKNOWN, text)
    if told.get("state") == plugin_environment.FAILED:
        text = f"could not be made {age(since(told['since'], site.now))} ago: {told['reason']}"
        return Finding("packages", level, text, "it is tried again hourly; or run ./install.sh")
    return None


def _is_wanted(site: Site) -> bool:
    """Whether there is a service; without one the ledger gets the events even so."""
    return bool(site.settings.service_url or (site.status or {}).get("service", {}).get("url"))


def flusher(site: Site) -> Finding:
    """Does the detached process run, and end?"""
    name, status = "flusher", site.status
    if status is None:
        return Finding(name, UNKNOWN, "the status could not be read")
    ran = status["flusher"]["last_run"]
    if ran is None and not status["pending"]:
        return Finding(name, UNKNOWN, "never observed")
    idle = since(ran, site.now) if ran else float("inf")
    waited = since(status["oldest_pending"], site.now) if status["oldest_pending"] else 0.0
    stuck = _stuck(site.directory, min(idle, waited))
    if stuck:
        return stuck
    if status["flusher"]["last_error"]:
        text = f"its last run failed: {status['flusher']['last_error']}"
        return Finding(name, WARNING, text, f"{SYNC}, or see {site.directory}/flusher.log")
    if waited > STALE_SECONDS and idle > STALE_SECONDS:
        text = f"{status['pending']} waited for {age(waited)} without a run"
        level = WARNING if status["service"]["problem"] else SERIOUS
        return Finding(name, level, text, SYNC)
    shown = f"its last run was {age(idle)} ago" if ran else "not run yet"
    return Finding(name, OK, f"{shown}, {status['pending']} waiting")


def _stuck(directory: str, seconds: float) -> Finding | None:
    path = f"{directory}/{outbox.LOCK_FILE}"
    if seconds < STUCK_SECONDS or not lock.is_held(path):
        return None
    holder = _holder(path)
    who = f"process {holder}" if holder else "a process"
    fix = f"kill {holder}" if holder else f"end it: fuser {path}"
    return Finding("flusher", SERIOUS, f"{who} has held it for {age(seconds)} or more", fix)


def _holder(path: str) -> str:
    """The process that holds the lock on `path`, "" where the system does not tell."""
    try:
        inode = os.stat(path).st_ino
        with open("/proc/locks", encoding="ascii") as file:
            rows = [line.split() for line in file]
    except OSError:
        return ""
    # "1: FLOCK ADVISORY WRITE <pid> <major>:<minor>:<inode> ..."
    held = [r[4] for r in rows if r[1:2] == ["FLOCK"] and r[5].endswith(f":{inode}")]
    return held[0] if held and held[0].isdecimal() and held[0] != "0" else ""


def service(site: Site) -> Finding:
    """May the service have the events, is it there, and does it take them?"""
    name = "service"
    try:
        destination = Approvals(kept(SUFFIX, site.bundle)).destination(site.settings.service_url)
        if destination:
            destination.bearer()
    except Refused as refused:
        fix = str(refused).rpartition(": ")[2] if "pattern-tracker" in str(refused) else ""
        return Finding(name, SERIOUS, str(refused), fix or "name another, or correct it")
    if destination is None:
        return Finding(name, OK, "none: the embedded ledger only")
    problem = str((site.status or {}).get("service", {}).get("problem") or "")
    if "not allowed" in problem:
        fix = f"pattern-tracker trust {destination.url} --token-file FILE"
        return Finding(name, SERIOUS, f"{destination.url} does not let us in: {problem}", fix)
    return _asked(site, destination.url, problem)


def _asked(site: Site, url: str, problem: str) -> Finding:
    """What the service itself says of its health, and the last run of it."""
    try:
        from lib.delivery.http import ask_health
    except ImportError:
        return Finding("service", UNKNOWN, f"{url} cannot be asked: the packages are missing")
    state, error = ask_health(url, site.settings.health_timeout)
    if state not in (HEALTHY, DEGRADED):
        return _unreachable(site, url, error)
    if state == DEGRADED:
        fix = "ask who looks after it; events wait meanwhile"
        return Finding("service", WARNING, f"{url} says that it is degraded", fix)
    if problem:
        return Finding("service", WARNING, f"{url} answers, but: {problem}", SYNC)
    return Finding("service", OK, f"{url} is well")


def _unreachable(site: Site, url: str, error: str) -> Finding:
    """Events wait safely for a service that is away; away for long is another matter."""
    waiting = (site.status or {}).get("oldest_pending")
    long = bool(waiting) and since(waiting, site.now) > LONG_SECONDS
    text = f"{url} is not there: {error}"
    fix = "start it, or correct INTELLIGENCE_SERVICE_URL; events wait meanwhile"
    return Finding("service", SERIOUS if long else WARNING, text, fix)


def clock(site: Site) -> Finding:
    """Is the clock where it was?"""
    name, fix = "clock", "set the clock; events keep, only their times are wrong"
    if time.gmtime(site.now).tm_year < 2024:
        return Finding(name, WARNING, f"it says {time.ctime(site.now)}", fix)
    ahead = [w for w in outbox.pending(site.directory) if _is_ahead(w.captured_ns / 1e9, site)]
    if ahead:
        return Finding(name, WARNING, f"{len(ahead)} waiting events are from the future", fix)
    status = site.status or {}
    for what, when in (
        ("the last run", status.get("flusher", {}).get("last_run")),
        ("the last event", status.get("last_capture")),
    ):
        if when and since(when, site.now) < -AHEAD_SECONDS:
            return Finding(name, WARNING, f"{what} is from the future: {when}", fix)
    return Finding(name, OK, "no sign that it was set back")


def _is_ahead(seconds: float, site: Site) -> bool:
    return seconds > site.now + AHEAD_SECONDS
